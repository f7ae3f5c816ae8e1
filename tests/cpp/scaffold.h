// What several tests stand on: guarded images, forced instruction sets, temporary folders, and the plainest
// pipeline there is, against which the engine is held.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "encode.h"
#include "stoker/base/random.h"
#include "stoker/batch/store.h"
#include "stoker/run/run.h"
#include "stoker/source/source.h"
#include "stoker/transform/operator.h"

namespace stoker::test {

// An image whose rows are further apart than they must be, with known bytes before, between and behind
// them. The allocation ends with the last guard.
class Guarded {
 public:
  explicit Guarded(const ImageShape& shape);
  Image view();
  // Whether all bytes outside the pixels are as they were.
  bool is_intact() const;

 private:
  ImageShape shape_;
  size_t row_bytes_;
  Bytes bytes_;
};

// Runs all kernels on one instruction set for its life.
class ForcedTarget {
 public:
  explicit ForcedTarget(const std::string& name);
  ~ForcedTarget();
  ForcedTarget(const ForcedTarget&) = delete;
  ForcedTarget& operator=(const ForcedTarget&) = delete;
};

// A new empty folder, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path(const std::string& name = {}) const;
  // Writes a file, with the folders above it, and returns its path.
  std::string write(const std::string& name, const Bytes& bytes) const;

 private:
  std::filesystem::path root_;
};

// Random pixels of any dtype: all values of integers and half floats, finite ones of wider floats.
Pixels random_pixels(const ImageShape& shape, std::mt19937& random);

// `images` (of one shape) as a source that owns them, with a column "label" of index * 10.
std::shared_ptr<Source> arrays_source(const std::vector<Pixels>& images);
// `count` random uint8 images.
std::vector<Pixels> random_images(int count, int height, int width, int channels = 3, uint32_t seed = 1);

void add_labels(Source& source);

using Parameters = std::map<std::string, Value>;
std::vector<double> list(std::initializer_list<double> values);

// `operators` applied to `image` one after another, each by its plain reference. Nothing when one of them
// cannot take the image.
std::optional<Pixels> one_by_one(const std::vector<NamedOperator>& operators, const Pixels& image,
                                 const SampleKey& key);

// As store_image without a table, element by element.
Bytes stored_plainly(const ConstImage& in, bool flip_horizontal, bool flip_vertical, Layout layout,
                     DType dtype);

// `value` rounded to a binary float of `mantissa_bits`, halves to even, computed with doubles.
uint16_t rounded_to_bits(double value, int mantissa_bits, int least_exponent);
inline uint16_t float16_bits(double value) { return rounded_to_bits(value, 10, -14); }
inline uint16_t bfloat16_bits(double value) { return rounded_to_bits(value, 7, -126); }

// In the body of a test, Run alone is a method of GoogleTest.
using EngineRun = Run;

// Waits for the next batch; nothing when none is submitted.
std::optional<Batch> next_batch(Run& run);
// Bytes of sample `at` of a dense batch.
Bytes sample_bytes(const Batch& batch, size_t at);

}  // namespace stoker::test
