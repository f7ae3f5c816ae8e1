#include "scaffold.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "stoker/transform/targets.h"

namespace stoker::test {
namespace {

constexpr size_t kGuardBytes = 64;
constexpr uint8_t kGuard = 0xA5;

template <class T>
T read_as(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void append(Bytes& to, const void* from, size_t bytes) {
  const auto* data = static_cast<const uint8_t*>(from);
  to.insert(to.end(), data, data + bytes);
}

float as_float(const uint8_t* from, DType dtype) {
  switch (dtype) {
    case DType::kBool:
    case DType::kUint8:
      return *from;
    case DType::kUint16:
      return read_as<uint16_t>(from);
    case DType::kInt16:
      return read_as<int16_t>(from);
    case DType::kInt32:
      return static_cast<float>(read_as<int32_t>(from));
    case DType::kInt64:
      return static_cast<float>(read_as<int64_t>(from));
    case DType::kFloat32:
      return read_as<float>(from);
    case DType::kFloat64:
      return static_cast<float>(read_as<double>(from));
    default:
      throw std::logic_error("a dtype that is never cast");
  }
}

}  // namespace

Guarded::Guarded(const ImageShape& shape)
    : shape_(shape),
      row_bytes_(shape.row_bytes() + kGuardBytes),
      bytes_(kGuardBytes + static_cast<size_t>(shape.height) * row_bytes_, kGuard) {}

Image Guarded::view() { return {bytes_.data() + kGuardBytes, shape_, static_cast<ptrdiff_t>(row_bytes_)}; }

bool Guarded::is_intact() const {
  for (size_t i = 0; i < bytes_.size(); ++i) {
    const bool is_pixel = i >= kGuardBytes && (i - kGuardBytes) % row_bytes_ < shape_.row_bytes();
    if (!is_pixel && bytes_[i] != kGuard) return false;
  }
  return true;
}

ForcedTarget::ForcedTarget(const std::string& name) { force_vector_target(name); }
ForcedTarget::~ForcedTarget() { force_vector_target(""); }

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "stoker-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder " + name);
  root_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

std::string TemporaryFolder::path(const std::string& name) const {
  return (name.empty() ? root_ : root_ / name).string();
}

std::string TemporaryFolder::write(const std::string& name, const Bytes& bytes) const {
  const std::filesystem::path at = root_ / name;
  std::filesystem::create_directories(at.parent_path());
  std::ofstream(at, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return at.string();
}

Pixels random_pixels(const ImageShape& shape, std::mt19937& random) {
  Pixels out = blank(shape);
  if (shape.dtype == DType::kFloat32) {
    std::uniform_real_distribution<float> values(-2, 300);
    for (size_t at = 0; at < out.bytes.size(); at += 4) {
      const float value = values(random);
      std::memcpy(out.bytes.data() + at, &value, 4);
    }
  } else if (shape.dtype == DType::kFloat64) {
    std::uniform_real_distribution<double> values(-70'000, 70'000);
    for (size_t at = 0; at < out.bytes.size(); at += 8) {
      const double value = values(random);
      std::memcpy(out.bytes.data() + at, &value, 8);
    }
  } else if (shape.dtype == DType::kBool) {
    for (uint8_t& byte : out.bytes) byte = random() & 1;
  } else {
    for (uint8_t& byte : out.bytes) byte = static_cast<uint8_t>(random());
  }
  return out;
}

std::vector<Pixels> random_images(int count, int height, int width, int channels, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Pixels> images;
  for (int i = 0; i < count; ++i)
    images.push_back(random_pixels({height, width, channels, DType::kUint8}, random));
  return images;
}

void add_labels(Source& source) {
  const int64_t count = *source.size();
  auto values = std::make_shared<std::vector<int64_t>>();
  for (int64_t i = 0; i < count; ++i) values->push_back(i * 10);
  RowColumn column;
  column.name = "label";
  column.rows = count;
  column.data = reinterpret_cast<const uint8_t*>(values->data());
  column.owner = values;
  source.add_column(std::move(column));
}

std::shared_ptr<Source> arrays_source(const std::vector<Pixels>& images) {
  auto bytes = std::make_shared<Bytes>();
  for (const Pixels& image : images) append(*bytes, image.bytes.data(), image.bytes.size());
  auto source = std::make_shared<ArraysSource>(bytes->data(), static_cast<int64_t>(images.size()),
                                               images.front().shape, bytes);
  add_labels(*source);
  return source;
}

std::vector<double> list(std::initializer_list<double> values) { return values; }

std::optional<Pixels> one_by_one(const std::vector<NamedOperator>& operators, const Pixels& image,
                                 const SampleKey& key) {
  Pixels current = image;
  for (size_t i = 0; i < operators.size(); ++i) {
    const Operator& op = *operators[i].op;
    Rng rng(key, static_cast<uint16_t>(i));
    Draw draw;
    if (op.draw(rng, current.shape, &draw)) return std::nullopt;
    const Pixels& before = current;
    if (op.operator_class() == OperatorClass::kReducedTable) op.observe(before.view(), nullptr, &draw);
    Pixels after = blank(op.shape_after(draw, current.shape));
    op.reference(draw, before.view(), after.view());
    current = std::move(after);
  }
  return current;
}

Bytes stored_plainly(const ConstImage& in, bool flip_horizontal, bool flip_vertical, Layout layout,
                     DType dtype) {
  Bytes out;
  const size_t element_bytes = size_of(in.shape.dtype);
  const auto put = [&](int y, int x, int c) {
    const int from_y = flip_vertical ? in.height() - 1 - y : y;
    const int from_x = flip_horizontal ? in.width() - 1 - x : x;
    const uint8_t* from =
        in.row<uint8_t>(from_y) + static_cast<size_t>(from_x * in.channels() + c) * element_bytes;
    if (dtype == in.shape.dtype) return append(out, from, element_bytes);
    const float value = as_float(from, in.shape.dtype);
    if (dtype == DType::kFloat32) return append(out, &value, 4);
    const uint16_t bits = dtype == DType::kFloat16 ? float16_bits(value) : bfloat16_bits(value);
    append(out, &bits, 2);
  };
  if (layout == Layout::kHwc) {
    for (int y = 0; y < in.height(); ++y)
      for (int x = 0; x < in.width(); ++x)
        for (int c = 0; c < in.channels(); ++c) put(y, x, c);
  } else {
    for (int c = 0; c < in.channels(); ++c)
      for (int y = 0; y < in.height(); ++y)
        for (int x = 0; x < in.width(); ++x) put(y, x, c);
  }
  return out;
}

uint16_t rounded_to_bits(double value, int mantissa_bits, int least_exponent) {
  const int exponent_ones = (1 << (15 - mantissa_bits)) - 1;
  const int sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(value);
  if (std::isinf(value)) return static_cast<uint16_t>(sign | (exponent_ones << mantissa_bits));
  if (magnitude == 0) return static_cast<uint16_t>(sign);
  const int exponent = std::max(std::ilogb(magnitude), least_exponent);
  // Units in the last place; nearbyint takes halves to even. A carry runs into the exponent as it must.
  const double units = std::nearbyint(std::ldexp(magnitude, mantissa_bits - exponent));
  const int bits = ((exponent - least_exponent) << mantissa_bits) + static_cast<int>(units);
  return static_cast<uint16_t>(sign | std::min(bits, exponent_ones << mantissa_bits));
}

std::optional<Batch> next_batch(Run& run) {
  while (run.pending() > 0) {
    if (std::optional<Batch> batch = run.next(1'000'000'000)) return batch;
  }
  return std::nullopt;
}

Bytes sample_bytes(const Batch& batch, size_t at) {
  const uint8_t* begin = batch.fields[0].data.get() + at * batch.fields[0].shape.bytes();
  return {begin, begin + batch.fields[0].shape.bytes()};
}

}  // namespace stoker::test
