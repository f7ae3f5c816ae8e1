#include "stoker/transform/value_operator.h"

#include <algorithm>
#include <limits>

#include "stoker/transform/table.h"

namespace stoker {
namespace {

[[noreturn]] void fail_range(const char* owner, const char* name, const std::vector<double>& bounds) {
  throw ArgumentError(std::string(owner) + ": " + name + " must be (least, greatest), got (" +
                      to_json(Value(bounds[0])) + ", " + to_json(Value(bounds[1])) + ").");
}

// The tables that observe() left; a channel that has none passes unchanged.
std::vector<ByteTable> tables_in(const Draw& draw, int channels) {
  std::vector<ByteTable> tables(static_cast<size_t>(channels));
  for (size_t c = 0; c < tables.size(); ++c) {
    for (size_t value = 0; value < 256; ++value) {
      const size_t at = 256 * c + value;
      tables[c][value] = at < draw.list.size() ? cut_to_byte(draw.list[at]) : static_cast<uint8_t>(value);
    }
  }
  return tables;
}

template <class T>
T level_cast(double level) {
  using Limits = std::numeric_limits<T>;
  return static_cast<T>(std::clamp(std::nearbyint(level), static_cast<double>(Limits::min()),
                                   static_cast<double>(Limits::max())));
}

}  // namespace

void make_symmetric_range(const char* owner, const char* name, std::vector<double>& bounds) {
  if (bounds.size() == 1) bounds = {-bounds[0], bounds[0]};
  if (bounds[0] > bounds[1]) fail_range(owner, name, bounds);
}

void make_range(const char* owner, const char* name, std::vector<double>& bounds) {
  if (bounds.size() == 1) bounds = {bounds[0], bounds[0]};
  if (bounds[0] > bounds[1]) fail_range(owner, name, bounds);
}

void check_bytes_or_floats(const char* owner, const PlannedShape& in, int max_channels) {
  if ((in.dtype == DType::kUint8 || in.dtype == DType::kFloat32) && in.channels <= max_channels) return;
  throw ArgumentError(std::string(owner) + ": works on uint8 and float32 images of 1 to " +
                      std::to_string(max_channels) + " channels, got " + std::string(name_of(in.dtype)) +
                      " of " + std::to_string(in.channels) + ".");
}

void check_levels(const char* owner, const PlannedShape& in) {
  if (in.dtype == DType::kUint8 || in.dtype == DType::kUint16 || in.dtype == DType::kInt16 ||
      in.dtype == DType::kFloat32)
    return;
  throw ArgumentError(std::string(owner) + ": works on uint8, uint16, int16 and float32 images, got " +
                      std::string(name_of(in.dtype)) + "; convert the images first.");
}

void check_gray_or_rgb(const char* owner, const PlannedShape& in) {
  const bool is_known = in.channels == 0 || in.channels == 1 || in.channels == 3;
  if ((in.dtype == DType::kUint8 || in.dtype == DType::kFloat32) && is_known) return;
  throw ArgumentError(std::string(owner) + ": works on uint8 and float32 images of 1 or 3 channels, got " +
                      std::string(name_of(in.dtype)) + " of " + std::to_string(in.channels) + ".");
}

float ValueOperator::share_of(const Draw& draw, float share, int channel) const {
  return share_of_byte(byte_of(draw, byte_of_share(share), channel));
}

double ValueOperator::level_of(const Draw&, double level, double) const { return level; }

void ValueOperator::apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const {
  if (!draw.applies) return copy_pixels(in, out);
  if (in.shape.dtype == DType::kUint16) return apply_levels<uint16_t>(draw, in, out);
  if (in.shape.dtype == DType::kInt16) return apply_levels<int16_t>(draw, in, out);
  if (in.shape.dtype != DType::kUint8) return reference(draw, in, out);
  std::vector<ByteTable> tables(differs_by_channel() ? static_cast<size_t>(in.channels()) : 1);
  for (size_t c = 0; c < tables.size(); ++c) {
    tables[c] = table_of([&](uint8_t value) { return byte_of(draw, value, static_cast<int>(c)); });
  }
  look_up(in, tables, out);
}

// By a table of all levels where the image has more values than that.
template <class T>
void ValueOperator::apply_levels(const Draw& draw, const ConstImage& in, const Image& out) const {
  constexpr int kLevels = 65536;
  const int64_t values = static_cast<int64_t>(in.height()) * in.width() * in.channels();
  if (values <= kLevels) return reference(draw, in, out);
  constexpr double kMost = std::numeric_limits<T>::max();
  std::vector<T> table(kLevels);
  for (int i = 0; i < kLevels; ++i)
    table[static_cast<size_t>(i)] = level_cast<T>(level_of(draw, static_cast<T>(i), kMost));
  map_values<T, T>(in, out, [&](T value, int) { return table[static_cast<uint16_t>(value)]; });
}

void ValueOperator::reference(const Draw& draw, const ConstImage& in, const Image& out) const {
  if (!draw.applies) return copy_pixels(in, out);
  if (in.shape.dtype == DType::kUint8) {
    return map_values<uint8_t, uint8_t>(in, out,
                                        [&](uint8_t value, int c) { return byte_of(draw, value, c); });
  }
  if (in.shape.dtype == DType::kUint16) {
    return map_values<uint16_t, uint16_t>(
        in, out, [&](uint16_t value, int) { return level_cast<uint16_t>(level_of(draw, value, 65535)); });
  }
  if (in.shape.dtype == DType::kInt16) {
    return map_values<int16_t, int16_t>(
        in, out, [&](int16_t value, int) { return level_cast<int16_t>(level_of(draw, value, 32767)); });
  }
  map_values<float, float>(in, out, [&](float value, int c) { return share_of(draw, value, c); });
}

void HistogramOperator::observe(const ConstImage& in, const ConstImage* table, Draw* draw) const {
  if (!draw->applies) return;
  const std::vector<uint32_t> counts = histogram_through(in, table);
  draw->list.resize(counts.size());
  for (int c = 0; c < in.channels(); ++c) {
    const size_t at = 256 * static_cast<size_t>(c);
    const ByteTable made = table_from(counts.data() + at, c);
    for (size_t value = 0; value < 256; ++value) draw->list[at + value] = made[value];
  }
}

void HistogramOperator::apply(const Draw& draw, const ConstImage& in, const Image& out,
                              ResizeScratch&) const {
  if (!draw.applies) return copy_pixels(in, out);
  if (in.shape.dtype != DType::kUint8) return reference(draw, in, out);
  look_up(in, tables_in(draw, in.channels()), out);
}

void HistogramOperator::reference(const Draw& draw, const ConstImage& in, const Image& out) const {
  if (!draw.applies) return copy_pixels(in, out);
  const std::vector<ByteTable> tables = tables_in(draw, in.channels());
  if (in.shape.dtype == DType::kUint8) {
    return map_values<uint8_t, uint8_t>(
        in, out, [&](uint8_t value, int c) { return tables[static_cast<size_t>(c)][value]; });
  }
  map_values<float, float>(in, out, [&](float value, int c) {
    return share_of_byte(tables[static_cast<size_t>(c)][byte_of_share(value)]);
  });
}

std::vector<uint32_t> histogram_through(const ConstImage& in, const ConstImage* table) {
  const auto channels = static_cast<size_t>(in.channels());
  if (in.shape.dtype != DType::kUint8) {
    std::vector<uint32_t> counts(channels * 256);
    for (int y = 0; y < in.height(); ++y) {
      const float* value = in.row<float>(y);
      for (int x = 0; x < in.width(); ++x) {
        for (size_t c = 0; c < channels; ++c) ++counts[256 * c + byte_of_share(*value++)];
      }
    }
    return counts;
  }
  std::vector<uint32_t> counts = histogram(in);
  if (table == nullptr) return counts;
  std::vector<uint32_t> seen(counts.size());
  for (size_t value = 0; value < 256; ++value) {
    for (size_t c = 0; c < channels; ++c) {
      const size_t at = value * channels + c;
      const uint8_t byte = table->shape.dtype == DType::kUint8 ? table->row<uint8_t>(0)[at]
                                                               : byte_of_share(table->row<float>(0)[at]);
      seen[256 * c + byte] += counts[256 * c + value];
    }
  }
  return seen;
}

void through_bytes(const ConstImage& in, const Image& out,
                   const std::function<void(const ConstImage&, const Image&)>& change) {
  if (in.shape.dtype == DType::kUint8) return change(in, out);
  ImageShape from_shape = in.shape;
  from_shape.dtype = DType::kUint8;
  ImageShape to_shape = out.shape;
  to_shape.dtype = DType::kUint8;
  std::vector<uint8_t> from(from_shape.bytes());
  std::vector<uint8_t> to(to_shape.bytes());
  const Image bytes = packed_image(from.data(), from_shape);
  const Image changed = packed_image(to.data(), to_shape);
  map_values<float, uint8_t>(in, bytes, [](float value, int) { return byte_of_share(value); });
  change(bytes, changed);
  map_values<uint8_t, float>(changed, out, [](uint8_t value, int) { return share_of_byte(value); });
}

}  // namespace stoker
