#include "stoker/transform/fill.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace stoker {
namespace {

template <class Element>
Element as(double value, FillRounding rounding) {
  if constexpr (std::numeric_limits<Element>::is_integer) {
    const double whole = rounding == FillRounding::kNearest ? std::nearbyint(value) : std::trunc(value);
    // The greatest 64-bit integers are no doubles: what is not below the limit becomes the limit.
    if (whole >= static_cast<double>(std::numeric_limits<Element>::max()))
      return std::numeric_limits<Element>::max();
    if (whole <= static_cast<double>(std::numeric_limits<Element>::min()))
      return std::numeric_limits<Element>::min();
    return static_cast<Element>(whole);
  } else {
    return static_cast<Element>(value);
  }
}

template <class Element>
std::vector<uint8_t> pixel_of(const std::vector<double>& fill, int channels, FillRounding rounding) {
  std::vector<uint8_t> pixel(static_cast<size_t>(channels) * sizeof(Element));
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
    const double number = fill.size() == 1 ? fill[0] : c < fill.size() ? fill[c] : 0;
    const auto value = as<Element>(number, rounding);
    std::memcpy(pixel.data() + c * sizeof value, &value, sizeof value);
  }
  return pixel;
}

}  // namespace

std::vector<uint8_t> filled_pixel(const std::vector<double>& fill, const ImageShape& shape,
                                  FillRounding rounding) {
  const int channels = shape.channels;
  switch (shape.dtype) {
    case DType::kBool:
      return pixel_of<bool>(fill, channels, rounding);
    case DType::kInt8:
      return pixel_of<int8_t>(fill, channels, rounding);
    case DType::kUint8:
      return pixel_of<uint8_t>(fill, channels, rounding);
    case DType::kUint16:
      return pixel_of<uint16_t>(fill, channels, rounding);
    case DType::kInt16:
      return pixel_of<int16_t>(fill, channels, rounding);
    case DType::kInt32:
      return pixel_of<int32_t>(fill, channels, rounding);
    case DType::kInt64:
      return pixel_of<int64_t>(fill, channels, rounding);
    case DType::kUint32:
      return pixel_of<uint32_t>(fill, channels, rounding);
    case DType::kUint64:
      return pixel_of<uint64_t>(fill, channels, rounding);
    case DType::kFloat32:
      return pixel_of<float>(fill, channels, rounding);
    case DType::kFloat64:
      return pixel_of<double>(fill, channels, rounding);
    default:
      return std::vector<uint8_t>(shape.pixel_bytes(), 0);  // a half float's 0
  }
}

void check_fill(std::string_view owner, const std::vector<double>& fill, const PlannedShape& in) {
  const std::string name(owner);
  const auto listed = [&] { return to_json(Value(fill)); };
  if (fill.size() > 1 && in.channels > 0 && fill.size() != static_cast<size_t>(in.channels)) {
    throw ArgumentError(name + ": fill is for " + std::to_string(fill.size()) +
                        " channels, the images have " + std::to_string(in.channels) +
                        "; give one number for all channels or one a channel.");
  }
  const auto [least, greatest] = std::minmax_element(fill.begin(), fill.end());
  if (in.dtype == DType::kUint8 && (*least < 0 || *greatest > 255)) {
    throw ArgumentError(name + ": fill must be between 0 and 255 levels on uint8 images, got " + listed() +
                        ".");
  }
  const bool is_half = in.dtype == DType::kFloat16 || in.dtype == DType::kBfloat16;
  if (is_half && (*least != 0 || *greatest != 0)) {
    throw ArgumentError(name + ": fill must be 0 on " + std::string(name_of(in.dtype)) + " images, got " +
                        listed() + "; put it before the images become half floats.");
  }
}

bool fits_geometry(const std::vector<double>& fill) {
  return fill.size() <= 4 && std::all_of(fill.begin(), fill.end(), [](double value) {
           return value >= 0 && value <= 255 && value == std::floor(value);
         });
}

std::array<uint8_t, 4> geometry_fill(const std::vector<double>& fill) {
  std::array<uint8_t, 4> out{};
  for (size_t c = 0; c < out.size(); ++c) {
    const double number = fill.size() == 1 ? fill[0] : c < fill.size() ? fill[c] : 0;
    out[c] = static_cast<uint8_t>(number);
  }
  return out;
}

void repeat_pixel(const uint8_t* pixel, size_t pixel_bytes, size_t count, uint8_t* out) {
  const size_t total = pixel_bytes * count;
  if (total == 0) return;
  std::memcpy(out, pixel, pixel_bytes);
  // Doubling, so that long runs are copied in large pieces.
  for (size_t done = pixel_bytes; done < total; done *= 2)
    std::memcpy(out + done, out, std::min(done, total - done));
}

}  // namespace stoker
