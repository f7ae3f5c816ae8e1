#include "stoker/transform/warp.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "stoker/base/error.h"
#include "stoker/transform/warp_rows.h"
#include "stoker/transform/warp_taps.h"

namespace stoker {
namespace {

constexpr std::array<std::string_view, 5> kBorderNames = {"constant", "replicate", "reflect", "reflect_101",
                                                          "wrap"};

// OpenCV keeps whole coordinates in 16 bits, which shows where they are far outside. Images that are too
// large for that (it refuses them) are read without such a bound.
std::pair<int32_t, int32_t> coordinate_range(const ImageShape& shape) {
  constexpr int kMost = std::numeric_limits<int16_t>::max();
  if (shape.width <= kMost && shape.height <= kMost) return {-kMost - 1, kMost};
  return {-(1 << 26), 1 << 26};
}

// ---- one sample of any kind ----

template <class T>
T narrowed(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    const float low = std::numeric_limits<T>::min();
    const float high = std::numeric_limits<T>::max();
    return static_cast<T>(std::nearbyint(std::max(low, std::min(value, high))));
  }
}

template <class T>
T narrowed(int value) {
  return static_cast<T>(std::clamp<int>(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

// The source of a warp with its fill in the image's own type.
template <class T>
struct Typed {
  ConstImage image;
  WarpBorder border;
  std::vector<T> fill;
  int32_t lowest;
  int32_t highest;

  const T* tap(int64_t x, int64_t y) const {
    const int column = warp_border_index(x, image.width(), border);
    const int row = warp_border_index(y, image.height(), border);
    if (column < 0 || row < 0) return fill.data();
    return image.row<T>(row) + static_cast<ptrdiff_t>(column) * image.channels();
  }
  int32_t clamped(int32_t whole) const { return std::clamp(whole, lowest, highest); }
};

template <class T>
Typed<T> typed(const ConstImage& in, const Sampling& sampling) {
  const auto [lowest, highest] = coordinate_range(in.shape);
  Typed<T> source{in, sampling.border, {}, lowest, highest};
  for (const double level : fill_of_channels(sampling.fill, in.channels())) {
    if constexpr (std::is_same_v<T, float>) {
      source.fill.push_back(static_cast<float>(level));
    } else {
      source.fill.push_back(static_cast<T>(
          std::nearbyint(std::clamp<double>(level, static_cast<double>(std::numeric_limits<T>::min()),
                                            static_cast<double>(std::numeric_limits<T>::max())))));
    }
  }
  return source;
}

// x and y in 1/32 pixel.
template <class T>
void bilinear_sample(const Typed<T>& source, int32_t x, int32_t y, T* out) {
  const int64_t left = source.clamped(x >> 5);
  const int64_t top = source.clamped(y >> 5);
  const T* a;
  const T* b;
  const T* c;
  const T* d;
  const int channels = source.image.channels();
  if (left >= 0 && top >= 0 && left + 1 < source.image.width() && top + 1 < source.image.height()) {
    a = source.image.template row<T>(static_cast<int>(top)) + left * channels;
    b = a + channels;
    c = source.image.template row<T>(static_cast<int>(top) + 1) + left * channels;
    d = c + channels;
  } else {
    a = source.tap(left, top);
    b = source.tap(left + 1, top);
    c = source.tap(left, top + 1);
    d = source.tap(left + 1, top + 1);
  }
  const int fx = x & 31;
  const int fy = y & 31;
  if constexpr (std::is_same_v<T, uint8_t>) {
    for (int i = 0; i < channels; ++i) {
      const int upper = a[i] * (32 - fx) + b[i] * fx;
      const int lower = c[i] * (32 - fx) + d[i] * fx;
      out[i] = static_cast<uint8_t>((upper * (32 - fy) + lower * fy + 512) >> 10);
    }
  } else {
    const float right = static_cast<float>(fx) / 32;
    const float down = static_cast<float>(fy) / 32;
    const float weights[4] = {(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right};
    for (int i = 0; i < channels; ++i) {
      const float sum = static_cast<float>(a[i]) * weights[0] + static_cast<float>(b[i]) * weights[1] +
                        static_cast<float>(c[i]) * weights[2] + static_cast<float>(d[i]) * weights[3];
      out[i] = narrowed<T>(sum);
    }
  }
}

template <class T>
void many_taps_sample(const Typed<T>& source, const WarpTaps& taps, int32_t x, int32_t y, T* out) {
  const int size = taps.size;
  const int64_t left = static_cast<int64_t>(source.clamped(x >> 5)) - (size / 2 - 1);
  const int64_t top = static_cast<int64_t>(source.clamped(y >> 5)) - (size / 2 - 1);
  const int16_t* integers = taps.integers_at(x & 31, y & 31);
  const float* floats = taps.floats_at(x & 31, y & 31);
  const int channels = source.image.channels();
  const bool is_outside =
      left + size <= 0 || top + size <= 0 || left >= source.image.width() || top >= source.image.height();
  if (is_outside && source.border == WarpBorder::kConstant) {
    std::copy(source.fill.begin(), source.fill.end(), out);
    return;
  }
  const T* found[64];
  for (int j = 0; j < size; ++j) {
    for (int i = 0; i < size; ++i) found[j * size + i] = source.tap(left + i, top + j);
  }
  for (int c = 0; c < channels; ++c) {
    if constexpr (std::is_same_v<T, uint8_t>) {
      int sum = 1 << 14;
      for (int i = 0; i < size * size; ++i) sum += found[i][c] * integers[i];
      out[c] = narrowed<uint8_t>(sum >> 15);
    } else {
      float sum = 0;
      for (int j = 0; j < size; ++j) {
        float line = 0;
        for (int i = 0; i < size; ++i) {
          line += static_cast<float>(found[j * size + i][c]) * floats[j * size + i];
        }
        sum += line;
      }
      out[c] = narrowed<T>(sum);
    }
  }
}

const WarpTaps& taps_of(Interpolation interpolation) {
  return interpolation == Interpolation::kBicubic ? bicubic_taps() : lanczos_taps();
}

template <class T>
void sample(const Typed<T>& source, Interpolation interpolation, int32_t x, int32_t y, T* out) {
  if (interpolation == Interpolation::kBilinear) return bilinear_sample(source, x, y, out);
  many_taps_sample(source, taps_of(interpolation), x, y, out);
}

// ---- nearest, which moves whole pixels ----

std::vector<uint8_t> fill_pixel(const ConstImage& in, const Sampling& sampling) {
  std::vector<uint8_t> pixel;
  const auto append = [&](const auto& values) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
    pixel.assign(bytes, bytes + values.size() * sizeof values[0]);
  };
  switch (in.shape.dtype) {
    case DType::kBool:
    case DType::kUint8:
      append(typed<uint8_t>(in, sampling).fill);
      break;
    case DType::kUint16:
      append(typed<uint16_t>(in, sampling).fill);
      break;
    case DType::kInt16:
      append(typed<int16_t>(in, sampling).fill);
      break;
    case DType::kInt32:
      append(typed<int32_t>(in, sampling).fill);
      break;
    case DType::kInt64:
      append(typed<int64_t>(in, sampling).fill);
      break;
    case DType::kFloat32:
      append(typed<float>(in, sampling).fill);
      break;
    case DType::kFloat64: {
      append(fill_of_channels(sampling.fill, in.channels()));
      break;
    }
    default:  // half floats: zero alone, as plan() of the operators sees to
      pixel.assign(in.shape.pixel_bytes(), 0);
      break;
  }
  return pixel;
}

struct NearestSource {
  ConstImage image;
  WarpBorder border;
  std::vector<uint8_t> fill;
  int32_t lowest;
  int32_t highest;
  size_t pixel_bytes;

  const uint8_t* pixel(int32_t x, int32_t y) const {
    x = std::clamp(x, lowest, highest);
    y = std::clamp(y, lowest, highest);
    if (x < 0 || y < 0 || x >= image.width() || y >= image.height()) {
      x = warp_border_index(x, image.width(), border);
      y = warp_border_index(y, image.height(), border);
      if (x < 0 || y < 0) return fill.data();
    }
    return image.row<uint8_t>(y) + static_cast<size_t>(x) * pixel_bytes;
  }
};

NearestSource nearest_source(const ConstImage& in, const Sampling& sampling) {
  const auto [lowest, highest] = coordinate_range(in.shape);
  return {in, sampling.border, fill_pixel(in, sampling), lowest, highest, in.shape.pixel_bytes()};
}

template <size_t kBytes>
void nearest_row_of(const NearestSource& source, const Coordinates& at, int count, uint8_t* out) {
  for (int i = 0; i < count; ++i) std::memcpy(out + i * kBytes, source.pixel(at.x[i], at.y[i]), kBytes);
}

void nearest_row(const NearestSource& source, const Coordinates& at, int count, uint8_t* out) {
  switch (source.pixel_bytes) {
    case 2:
      return nearest_row_of<2>(source, at, count, out);
    case 3:
      return nearest_row_of<3>(source, at, count, out);
    case 4:
      return nearest_row_of<4>(source, at, count, out);
    case 8:
      return nearest_row_of<8>(source, at, count, out);
    case 12:
      return nearest_row_of<12>(source, at, count, out);
    default:
      for (int i = 0; i < count; ++i) {
        std::memcpy(out, source.pixel(at.x[i], at.y[i]), source.pixel_bytes);
        out += source.pixel_bytes;
      }
  }
}

// ---- rows ----

// The kernel writes and reads a little more than a row.
Coordinates row_buffers(int width, ResizeScratch& scratch) {
  const size_t count = static_cast<size_t>(width) + PixelMap::kSlack;
  auto* memory = reinterpret_cast<int32_t*>(scratch.plan.reserve(2 * count * sizeof(int32_t)));
  std::memset(memory, 0, 2 * count * sizeof(int32_t));
  return {memory, memory + count};
}

template <class T>
void warp_typed(const PixelMap& map, const Sampling& sampling, const ConstImage& in, const Image& out,
                const Coordinates& at) {
  const Typed<T> source = typed<T>(in, sampling);
  const int channels = in.channels();
  for (int y = 0; y < map.height; ++y) {
    map.row(y, false, at);
    T* to = out.row<T>(y);
    if constexpr (std::is_same_v<T, uint8_t>) {
      if (sampling.interpolation == Interpolation::kBilinear && channels <= 4) {
        bilinear_row({in, source.border, source.fill.data(), source.lowest, source.highest}, at,
                     static_cast<size_t>(map.width), to);
        continue;
      }
      if (sampling.interpolation != Interpolation::kBilinear &&
          many_taps_row({in, source.border, source.fill.data(), source.lowest, source.highest},
                        taps_of(sampling.interpolation), at, static_cast<size_t>(map.width), to)) {
        continue;
      }
    }
    for (int x = 0; x < map.width; ++x) {
      sample(source, sampling.interpolation, at.x[x], at.y[x], to);
      to += channels;
    }
  }
}

template <class T>
void warp_typed_reference(const PixelMap& map, const Sampling& sampling, const ConstImage& in,
                          const Image& out) {
  const Typed<T> source = typed<T>(in, sampling);
  for (int y = 0; y < map.height; ++y) {
    for (int x = 0; x < map.width; ++x) {
      const auto [from_x, from_y] = map.at(x, y, false);
      sample(source, sampling.interpolation, from_x, from_y,
             out.row<T>(y) + static_cast<ptrdiff_t>(x) * in.channels());
    }
  }
}

}  // namespace

std::string_view name_of(WarpBorder border) { return kBorderNames[static_cast<size_t>(border)]; }

WarpBorder warp_border_from_name(std::string_view name) {
  for (size_t i = 0; i < kBorderNames.size(); ++i) {
    if (kBorderNames[i] == name) return static_cast<WarpBorder>(i);
  }
  throw ArgumentError(
      "border_mode: must be one of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap', "
      "got '" +
      std::string(name) + "'.");
}

int warp_border_index(int64_t at, int count, WarpBorder border) {
  if (at >= 0 && at < count) return static_cast<int>(at);
  const auto within = [](int64_t value, int64_t period) {
    const int64_t rest = value % period;
    return rest < 0 ? rest + period : rest;
  };
  switch (border) {
    case WarpBorder::kConstant:
      return -1;
    case WarpBorder::kReplicate:
      return at < 0 ? 0 : count - 1;
    case WarpBorder::kWrap:
      return static_cast<int>(within(at, count));
    case WarpBorder::kReflect: {
      const int64_t place = within(at, int64_t{2} * count);
      return static_cast<int>(place < count ? place : 2 * count - 1 - place);
    }
    case WarpBorder::kReflect101: {
      if (count == 1) return 0;
      const int64_t place = within(at, int64_t{2} * count - 2);
      return static_cast<int>(place < count ? place : 2 * count - 2 - place);
    }
  }
  return -1;
}

std::vector<double> fill_of_channels(const std::vector<double>& fill, int channels) {
  std::vector<double> all(static_cast<size_t>(channels));
  for (int c = 0; c < channels; ++c) {
    const int group = c / 4 * 4;
    // Two channels left over after groups of four go one by one.
    const int place = channels > 4 && channels - group == 2 ? 0 : c - group;
    const auto at = static_cast<size_t>(fill.size() == 1 ? 0 : place);
    all[static_cast<size_t>(c)] = at < fill.size() ? fill[at] : 0;
  }
  return all;
}

bool can_warp(DType dtype, Interpolation interpolation) {
  if (interpolation == Interpolation::kNearest) return true;
  return dtype == DType::kUint8 || dtype == DType::kUint16 || dtype == DType::kInt16 ||
         dtype == DType::kFloat32;
}

void warp(const PixelMap& map, const Sampling& sampling, const ConstImage& in, const Image& out,
          ResizeScratch& scratch) {
  STOKER_CHECK(can_warp(in.shape.dtype, sampling.interpolation));
  const Coordinates at = row_buffers(map.width, scratch);
  if (sampling.interpolation == Interpolation::kNearest) {
    const NearestSource source = nearest_source(in, sampling);
    const bool is_gray = source.pixel_bytes == 1;
    for (int y = 0; y < map.height; ++y) {
      map.row(y, true, at);
      if (is_gray) {
        nearest_gray_row({in, source.border, source.fill.data(), source.lowest, source.highest}, at,
                         static_cast<size_t>(map.width), out.row<uint8_t>(y));
        continue;
      }
      nearest_row(source, at, map.width, out.row<uint8_t>(y));
    }
    return;
  }
  switch (in.shape.dtype) {
    case DType::kUint8:
      return warp_typed<uint8_t>(map, sampling, in, out, at);
    case DType::kUint16:
      return warp_typed<uint16_t>(map, sampling, in, out, at);
    case DType::kInt16:
      return warp_typed<int16_t>(map, sampling, in, out, at);
    default:
      return warp_typed<float>(map, sampling, in, out, at);
  }
}

void warp_reference(const PixelMap& map, const Sampling& sampling, const ConstImage& in, const Image& out) {
  STOKER_CHECK(can_warp(in.shape.dtype, sampling.interpolation));
  if (sampling.interpolation == Interpolation::kNearest) {
    const NearestSource source = nearest_source(in, sampling);
    for (int y = 0; y < map.height; ++y) {
      for (int x = 0; x < map.width; ++x) {
        const auto [from_x, from_y] = map.at(x, y, true);
        std::memcpy(out.row<uint8_t>(y) + static_cast<size_t>(x) * source.pixel_bytes,
                    source.pixel(from_x, from_y), source.pixel_bytes);
      }
    }
    return;
  }
  switch (in.shape.dtype) {
    case DType::kUint8:
      return warp_typed_reference<uint8_t>(map, sampling, in, out);
    case DType::kUint16:
      return warp_typed_reference<uint16_t>(map, sampling, in, out);
    case DType::kInt16:
      return warp_typed_reference<int16_t>(map, sampling, in, out);
    default:
      return warp_typed_reference<float>(map, sampling, in, out);
  }
}

}  // namespace stoker
