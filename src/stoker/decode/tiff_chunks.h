// Unpacks the chunks of a TIFF file in memory by libtiff, which prints nothing and may allocate no more
// than the checked directory explains. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "stoker/base/error.h"
#include "stoker/decode/tiff_directory.h"

struct tiff;  // libtiff's own name

namespace stoker {

class TiffChunks {
 public:
  TiffChunks() = default;
  ~TiffChunks() { close(); }
  TiffChunks(const TiffChunks&) = delete;
  TiffChunks& operator=(const TiffChunks&) = delete;

  // `directory` and its file must stay where they are until close().
  Failure open(const TiffDirectory& directory);
  void close();

  // The first `bytes` of a strip, or a whole tile, in the byte order of this machine.
  Failure read_chunk(int chunk, uint8_t* to, size_t bytes);

  // One row of a strip file; rows of a strip in order.
  Failure read_row(int y, int band, uint8_t* to);

 private:
  struct Callbacks;

  Failure failed_at(const std::string& where) const;
  void prepare_deflate(int chunk, uint8_t* to, size_t bytes);
  bool agrees() const;

  tiff* library_ = nullptr;
  const TiffDirectory* directory_ = nullptr;
  size_t position_ = 0;
  char text_[160] = "";
};

}  // namespace stoker
