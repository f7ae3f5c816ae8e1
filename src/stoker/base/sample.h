// The envelope that travels through the steps, and the request by which its bytes are found.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stoker/base/error.h"
#include "stoker/base/image.h"
#include "stoker/base/memory.h"

namespace stoker {

// What a field of a sample is. Images and masks are fetched; boxes and keypoints are known beforehand.
enum class FieldKind : uint8_t { kImage, kMask, kBoxes, kKeypoints };

struct Field {
  std::string name;
  FieldKind kind = FieldKind::kImage;
};

// A stretch of bytes with the hash (base/hash.h) that it must have.
struct Block {
  uint64_t length_bytes = 0;
  uint64_t hash = 0;
};

// Where the bytes of one field of a sample are: a byte range of a file, or memory that the source owns.
struct FetchRequest {
  std::string path;  // empty: `memory`
  uint64_t offset_bytes = 0;
  std::optional<uint64_t> length_bytes;  // nothing: to the end of the file
  std::span<const uint8_t> memory;
  // The range cut into blocks, to be verified as they are read; empty: nothing to verify. Owned by the
  // source.
  std::span<const Block> blocks;
  size_t first_block = 0;  // number of the first of them in its record, for errors
  // Where the range is one record of many in a file that is kept open: what to call it in errors.
  std::string record;
  // What to do about a damaged record, for its error. Owned by the source.
  const std::string* repair_hint = nullptr;
  // Set when the bytes are pixels already, of this shape; otherwise the magic bytes decide.
  std::optional<ImageShape> raw_shape;
};

// Bytes of one sample: owned, or a view of memory that outlives the run.
class SampleBytes {
 public:
  SampleBytes() = default;
  explicit SampleBytes(std::span<const uint8_t> view) : view_(view) {}
  SampleBytes(std::unique_ptr<uint8_t[], AlignedFree> owned, size_t size_bytes, size_t capacity_bytes)
      : owned_(std::move(owned)), view_(owned_.get(), size_bytes), capacity_bytes_(capacity_bytes) {}

  std::span<const uint8_t> view() const { return view_; }
  size_t capacity_bytes() const { return capacity_bytes_; }
  std::unique_ptr<uint8_t[], AlignedFree> release() { return std::move(owned_); }

 private:
  std::unique_ptr<uint8_t[], AlignedFree> owned_;
  std::span<const uint8_t> view_;
  size_t capacity_bytes_ = 0;
};

// The bytes of one field.
struct SamplePart {
  SampleBytes bytes;
  std::optional<ImageShape> raw_shape;
  // Of a raw image whose rows above or below a crop were not fetched: where `bytes` begin in all its bytes.
  uint64_t first_byte = 0;
};

// One sample on its way. Move-only.
struct Sample {
  int64_t index = -1;             // in the source
  uint16_t occurrence = 0;        // how often the index came before in this epoch
  int64_t batch = -1;             // number of its batch in the run
  int position = -1;              // its place in the batch
  std::vector<SamplePart> parts;  // of the source's fields, in their order
  Failure failure;
};

}  // namespace stoker
