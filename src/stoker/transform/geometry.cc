#include "stoker/transform/geometry.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <tuple>
#include <utility>
#include <vector>

#include "stoker/base/memory.h"

namespace stoker {
namespace {

Rect crop_of(const Geometry& geometry, const ImageShape& in) {
  return geometry.crop.value_or(Rect{0, 0, in.width, in.height});
}

Resize resize_of(const Geometry::Target& target, const Rect& crop) {
  return {target.resampler,
          target.interpolation,
          crop.width,
          crop.height,
          target.width,
          target.height,
          {0, 0, target.width, target.height}};
}

// The three steps of a Geometry, with the resize left to the caller.
template <class ResizeStep>
void carry_out(const Geometry& geometry, const ConstImage& in, const Image& out, ResizeStep resize_step) {
  const Rect crop = crop_of(geometry, in.shape);
  ImageShape cropped_shape = in.shape;
  cropped_shape.width = crop.width;
  cropped_shape.height = crop.height;
  ConstImage current = in;
  ScratchBuffer cropped_pixels;
  if (is_inside(crop, in.height(), in.width())) {
    current = in.window(crop);
  } else {
    const Image cropped = packed_image(cropped_pixels.reserve(cropped_shape.bytes()), cropped_shape);
    copy_crop(in, crop, geometry.fill, cropped);
    current = cropped;
  }
  ScratchBuffer resized_pixels;
  const bool flips = geometry.flip_horizontal || geometry.flip_vertical;
  if (geometry.resize) {
    if (!flips) return resize_step(resize_of(*geometry.resize, crop), current, out);
    const Image resized = packed_image(resized_pixels.reserve(out.shape.bytes()), out.shape);
    resize_step(resize_of(*geometry.resize, crop), current, resized);
    current = resized;
  }
  copy_flipped(current, geometry.flip_horizontal, geometry.flip_vertical, out);
}

template <class Element>
std::vector<uint8_t> pixel_of(const std::array<uint8_t, 4>& fill, int channels) {
  std::vector<uint8_t> pixel(static_cast<size_t>(channels) * sizeof(Element));
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
    const auto value = static_cast<Element>(fill[c % 4]);
    std::memcpy(pixel.data() + c * sizeof value, &value, sizeof value);
  }
  return pixel;
}

std::vector<uint8_t> filled_pixel(const std::array<uint8_t, 4>& fill, const ImageShape& shape) {
  switch (shape.dtype) {
    case DType::kBool:
    case DType::kUint8:
      return pixel_of<uint8_t>(fill, shape.channels);
    case DType::kUint16:
    case DType::kInt16:
      return pixel_of<uint16_t>(fill, shape.channels);
    case DType::kInt32:
      return pixel_of<int32_t>(fill, shape.channels);
    case DType::kInt64:
      return pixel_of<int64_t>(fill, shape.channels);
    case DType::kFloat32:
      return pixel_of<float>(fill, shape.channels);
    case DType::kFloat64:
      return pixel_of<double>(fill, shape.channels);
    default:
      STOKER_CHECK(!"a dtype that can be filled");
  }
}

}  // namespace

ImageShape shape_of(const Geometry& geometry, const ImageShape& in) {
  ImageShape out = in;
  if (geometry.crop) {
    out.width = geometry.crop->width;
    out.height = geometry.crop->height;
  }
  if (geometry.resize) {
    out.width = geometry.resize->width;
    out.height = geometry.resize->height;
  }
  return out;
}

void apply_geometry(const Geometry& geometry, const ConstImage& in, const Image& out,
                    ResizeScratch& scratch) {
  carry_out(geometry, in, out, [&](const Resize& resize, const ConstImage& source, const Image& target) {
    resize_image(resize, source, {0, 0, source.width(), source.height()}, target, scratch);
  });
}

void apply_geometry_reference(const Geometry& geometry, const ConstImage& in, const Image& out) {
  carry_out(geometry, in, out, [](const Resize& resize, const ConstImage& source, const Image& target) {
    resize_image_reference(resize, source, {0, 0, source.width(), source.height()}, target);
  });
}

void move_boxes(const Geometry& geometry, const ImageShape& in, std::vector<Box>& boxes) {
  for (Box& box : boxes) {
    if (geometry.crop) {
      const Rect& crop = *geometry.crop;
      const auto moved = [](double share, int side, int begin, int length) {
        return (static_cast<double>(static_cast<float>(share)) * side - begin) / length;
      };
      box.x_min = moved(box.x_min, in.width, crop.x, crop.width);
      box.x_max = moved(box.x_max, in.width, crop.x, crop.width);
      box.y_min = moved(box.y_min, in.height, crop.y, crop.height);
      box.y_max = moved(box.y_max, in.height, crop.y, crop.height);
    }
    if (geometry.flip_horizontal) std::tie(box.x_min, box.x_max) = std::pair(1 - box.x_max, 1 - box.x_min);
    if (geometry.flip_vertical) std::tie(box.y_min, box.y_max) = std::pair(1 - box.y_max, 1 - box.y_min);
  }
}

void move_keypoints(const Geometry& geometry, const ImageShape& in, std::vector<Keypoint>& keypoints) {
  const auto rounded = [](double value) { return static_cast<double>(static_cast<float>(value)); };
  const auto turned = [&](double angle) {
    const double rest = std::fmod(angle, 2 * std::numbers::pi);
    return rounded(rest < 0 ? rest + 2 * std::numbers::pi : rest);
  };
  ImageShape shape = in;
  if (geometry.crop) {
    shape.width = geometry.crop->width;
    shape.height = geometry.crop->height;
  }
  const ImageShape end = shape_of(geometry, in);
  for (Keypoint& point : keypoints) {
    if (geometry.crop) {
      point.x -= geometry.crop->x;
      point.y -= geometry.crop->y;
    }
    if (geometry.resize) {
      const double scale_x = static_cast<double>(end.width) / shape.width;
      const double scale_y = static_cast<double>(end.height) / shape.height;
      point.x *= scale_x;
      point.y *= scale_y;
      point.scale *= std::max(scale_x, scale_y);
    }
    if (geometry.flip_horizontal) {
      point.x = rounded(end.width - 1 - point.x);
      point.angle = turned(std::numbers::pi - point.angle);
    }
    if (geometry.flip_vertical) {
      point.y = rounded(end.height - 1 - point.y);
      point.angle = turned(-point.angle);
    }
  }
}

void copy_crop(const ConstImage& in, const Rect& crop, const std::array<uint8_t, 4>& fill, const Image& out) {
  const size_t pixel_bytes = in.shape.pixel_bytes();
  const int left = std::clamp(-crop.x, 0, crop.width);
  const int right_end = std::clamp(in.width() - crop.x, left, crop.width);
  const bool is_plain = fill == std::array<uint8_t, 4>{};
  std::vector<uint8_t> filled;
  if (!is_plain) filled = filled_pixel(fill, in.shape);
  for (int y = 0; y < crop.height; ++y) {
    auto* to = out.row<uint8_t>(y);
    const int from_y = crop.y + y;
    const bool has_row = from_y >= 0 && from_y < in.height() && right_end > left;
    if (!has_row || left > 0 || right_end < crop.width) {
      if (is_plain) {
        std::memset(to, 0, out.shape.row_bytes());
      } else {
        for (int x = 0; x < crop.width; ++x) {
          std::memcpy(to + static_cast<size_t>(x) * pixel_bytes, filled.data(), pixel_bytes);
        }
      }
    }
    if (has_row) {
      std::memcpy(to + static_cast<size_t>(left) * pixel_bytes,
                  in.row<uint8_t>(from_y) + static_cast<size_t>(crop.x + left) * pixel_bytes,
                  static_cast<size_t>(right_end - left) * pixel_bytes);
    }
  }
}

void copy_flipped(const ConstImage& in, bool horizontal, bool vertical, const Image& out) {
  const size_t pixel_bytes = in.shape.pixel_bytes();
  for (int y = 0; y < in.height(); ++y) {
    const auto* from = in.row<uint8_t>(vertical ? in.height() - 1 - y : y);
    auto* to = out.row<uint8_t>(y);
    if (!horizontal) {
      std::memcpy(to, from, in.shape.row_bytes());
      continue;
    }
    for (int x = 0; x < in.width(); ++x) {
      std::memcpy(to + static_cast<size_t>(x) * pixel_bytes,
                  from + static_cast<size_t>(in.width() - 1 - x) * pixel_bytes, pixel_bytes);
    }
  }
}

}  // namespace stoker
