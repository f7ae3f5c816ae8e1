// The steps as written become the steps as run: what is decoded, what is fused, what each sample costs
// in passes. A plan never changes while it runs and is shared by all threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stoker/base/image.h"
#include "stoker/batch/store.h"
#include "stoker/decode/decoder.h"
#include "stoker/transform/operator.h"

namespace stoker {

struct PlanOptions {
  DecodeOptions decode;
  DType image_dtype = DType::kUint8;  // of the decoded files; a file of another is a bad sample
  std::optional<DType> dtype;         // of the batch; nothing: what the operators end with
  Layout layout = Layout::kChw;
};

class Plan {
 public:
  // One stretch of work on whole images: at most one resample, then functions of single values.
  struct Segment {
    std::vector<size_t> spatial;     // operators composed into one geometry, in order
    std::vector<size_t> tables;      // operators composed into one table, in order
    std::optional<size_t> whole;     // an operator that needs the image before it and makes another
    bool is_last = false;            // its table is fused into the store
    bool has_reduction = false;      // a table of it depends on the image
    bool is_constant_table = false;  // its table is the same for every sample
  };

  // Throws ArgumentError where operators and options cannot go together. `source_shape` is the shape of
  // every image where the source knows it (arrays in memory).
  Plan(std::vector<NamedOperator> operators, const PlanOptions& options,
       const std::optional<ImageShape>& source_shape);

  const std::vector<NamedOperator>& operators() const { return operators_; }
  const std::vector<Segment>& segments() const { return segments_; }
  const PlanOptions& options() const { return options_; }
  DType dtype() const { return dtype_; }
  // Of every sample, as far as it is known; 0 is unknown.
  const PlannedShape& shape() const { return shape_; }
  // The table of the last segment when it is the same for every sample and the source's channels are
  // known; null otherwise.
  const ValueTable* constant_table() const { return constant_table_ ? &*constant_table_ : nullptr; }

  // What is fused, what is not and why, one line each.
  std::string explain() const;

 private:
  void cut_into_segments(const PlannedShape& decoded);
  void choose_dtype(DType ending);

  std::vector<NamedOperator> operators_;
  PlanOptions options_;
  std::vector<Segment> segments_;
  std::vector<std::string> reasons_;  // why a segment ends, parallel to segments_
  PlannedShape decoded_;
  PlannedShape shape_;
  DType dtype_ = DType::kFloat32;
  std::optional<ValueTable> constant_table_;
};

// The operators `tables` applied to every 8-bit value of `channels` channels: a ramp image 1 x 256 x C.
// `draws` are indexed as operators are. `storage` holds the pixels.
ConstImage table_ramp(const std::vector<NamedOperator>& operators, const std::vector<size_t>& tables,
                      const std::vector<Draw>& draws, int channels,
                      std::array<std::vector<uint8_t>, 2>& storage);

}  // namespace stoker
