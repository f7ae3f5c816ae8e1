// Arrays of one shape into a .npy file that NumPy maps.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stoker/base/dtype.h"
#include "stoker/pack/new_file.h"

namespace stoker {

// Belongs to one thread. Rows are written one after another; the header, whose size is fixed, comes last,
// because only then the number of rows is known. Throws IoError.
class NpyWriter {
 public:
  // ArgumentError for bfloat16, which .npy cannot name.
  NpyWriter(const std::string& folder, const std::string& name, DType dtype, std::vector<int64_t> row_shape);

  // All of a row.
  void add(std::span<const uint8_t> row);
  int64_t rows() const { return rows_; }
  uint64_t size_bytes() const { return file_.size_bytes(); }
  const std::vector<int64_t>& row_shape() const { return row_shape_; }
  DType dtype() const { return dtype_; }

  void publish();  // replaces a file of the name

 private:
  const DType dtype_;
  const std::vector<int64_t> row_shape_;
  NewFile file_;
  int64_t rows_ = 0;
};

}  // namespace stoker
