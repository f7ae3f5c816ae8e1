#include "stoker/transform/geometry.h"

#include <algorithm>
#include <cstring>
#include <numbers>
#include <vector>

#include "stoker/base/flip_rows.h"
#include "stoker/base/memory.h"
#include "stoker/transform/fill.h"
#include "stoker/transform/single.h"

namespace stoker {
namespace {

Rect crop_of(const Geometry& geometry, const ImageShape& in) {
  return geometry.crop.value_or(Rect{0, 0, in.width, in.height});
}

Resize resize_of(const Geometry::Target& target, const Rect& crop, DType dtype) {
  return {target.resampler,
          target.interpolation,
          crop.width,
          crop.height,
          target.width,
          target.height,
          {0, 0, target.width, target.height},
          dtype};
}

// A pair of edges seen from the other side.
void mirror(bool is_single, double* low, double* high) {
  const double least = kept(1 - *high, is_single);
  *high = kept(1 - *low, is_single);
  *low = least;
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
  const Rect crop = crop_of(geometry, in.shape);
  const bool flips = geometry.flip_horizontal || geometry.flip_vertical;
  ConstImage current = in;
  ScratchBuffer cropped_pixels;
  if (is_inside(crop, in.height(), in.width())) {
    current = in.window(crop);
  } else if (!geometry.resize && !flips) {
    return copy_crop(in, crop, geometry.fill, out);
  } else {
    ImageShape shape = in.shape;
    shape.width = crop.width;
    shape.height = crop.height;
    const Image cropped = packed_image(cropped_pixels.reserve(shape.bytes()), shape);
    copy_crop(in, crop, geometry.fill, cropped);
    current = cropped;
  }
  ScratchBuffer resized_pixels;
  if (geometry.resize) {
    const Image resized = flips ? packed_image(resized_pixels.reserve(out.shape.bytes()), out.shape) : out;
    resize_image(resize_of(*geometry.resize, crop, in.shape.dtype), current, {0, 0, crop.width, crop.height},
                 resized, scratch);
    if (!flips) return;
    current = resized;
  }
  copy_flipped(current, geometry.flip_horizontal, geometry.flip_vertical, out);
}

void apply_geometry_reference(const Geometry& geometry, const ConstImage& in, const Image& out) {
  const Rect crop = crop_of(geometry, in.shape);
  const size_t pixel_bytes = in.shape.pixel_bytes();
  const auto pixel = [&](const auto& image, int y, int x) {
    return image.template row<uint8_t>(y) + static_cast<size_t>(x) * pixel_bytes;
  };
  ImageShape shape = in.shape;
  shape.width = crop.width;
  shape.height = crop.height;
  std::vector<double> levels(static_cast<size_t>(in.channels()));
  for (size_t c = 0; c < levels.size(); ++c) levels[c] = geometry.fill[c % 4];
  const std::vector<uint8_t> outside = filled_pixel(levels, in.shape, FillRounding::kCut);
  std::vector<uint8_t> cropped_bytes(shape.bytes());
  const Image cropped = packed_image(cropped_bytes.data(), shape);
  for (int y = 0; y < crop.height; ++y) {
    for (int x = 0; x < crop.width; ++x) {
      const bool has_pixel = is_inside({crop.x + x, crop.y + y, 1, 1}, in.height(), in.width());
      std::memcpy(pixel(cropped, y, x), has_pixel ? pixel(in, crop.y + y, crop.x + x) : outside.data(),
                  pixel_bytes);
    }
  }
  Image upright = cropped;
  std::vector<uint8_t> resized_bytes;
  if (geometry.resize) {
    resized_bytes.resize(out.shape.bytes());
    upright = packed_image(resized_bytes.data(), out.shape);
    resize_image_reference(resize_of(*geometry.resize, crop, in.shape.dtype), cropped,
                           {0, 0, crop.width, crop.height}, upright);
  }
  for (int y = 0; y < out.height(); ++y) {
    for (int x = 0; x < out.width(); ++x) {
      const int from_y = geometry.flip_vertical ? out.height() - 1 - y : y;
      const int from_x = geometry.flip_horizontal ? out.width() - 1 - x : x;
      std::memcpy(pixel(out, y, x), pixel(upright, from_y, from_x), pixel_bytes);
    }
  }
}

Geometry mask_geometry(Geometry geometry) {
  geometry.fill = geometry.mask_fill;
  if (geometry.resize) geometry.resize->interpolation = geometry.resize->mask_interpolation;
  return geometry;
}

void move_boxes(const Geometry& geometry, const ImageShape& in, std::vector<Box>& boxes) {
  for (Box& box : boxes) {
    if (geometry.crop) {
      const Rect& crop = *geometry.crop;
      // The library casts to float32, then computes in doubles.
      const auto moved = [](double share, int side, int begin, int length) {
        return (to_single(share) * side - begin) / length;
      };
      box.x_min = moved(box.x_min, in.width, crop.x, crop.width);
      box.x_max = moved(box.x_max, in.width, crop.x, crop.width);
      box.y_min = moved(box.y_min, in.height, crop.y, crop.height);
      box.y_max = moved(box.y_max, in.height, crop.y, crop.height);
      box.is_single = false;
    }
    if (geometry.flip_horizontal) mirror(box.is_single, &box.x_min, &box.x_max);
    if (geometry.flip_vertical) mirror(box.is_single, &box.y_min, &box.y_max);
  }
}

void move_keypoints(const Geometry& geometry, const ImageShape& in, std::vector<Keypoint>& keypoints) {
  ImageShape shape = in;
  if (geometry.crop) {
    shape.width = geometry.crop->width;
    shape.height = geometry.crop->height;
  }
  const ImageShape end = shape_of(geometry, in);
  for (Keypoint& point : keypoints) {
    if (geometry.crop) {
      point.x = kept(point.x - geometry.crop->x, point.is_single);
      point.y = kept(point.y - geometry.crop->y, point.is_single);
    }
    if (geometry.resize) {
      scale_keypoint(static_cast<double>(end.width) / shape.width,
                     static_cast<double>(end.height) / shape.height, &point);
    }
    // A flip makes the array float32, and takes the angle round the circle there.
    if (geometry.flip_horizontal) {
      point.x = to_single(end.width - 1 - point.x);
      point.angle = angle_in_circle(to_single(kept(std::numbers::pi, point.is_single) - point.angle), true);
      point.is_single = true;
    }
    if (geometry.flip_vertical) {
      point.y = to_single(end.height - 1 - point.y);
      point.angle = angle_in_circle(to_single(-point.angle), true);
      point.is_single = true;
    }
  }
}

void scale_keypoint(double scale_x, double scale_y, Keypoint* point) {
  const auto scaled = [&](double value, double scale) {
    return kept(value * kept(scale, point->is_single), point->is_single);
  };
  point->x = scaled(point->x, scale_x);
  point->y = scaled(point->y, scale_y);
  point->scale = scaled(point->scale, std::max(scale_x, scale_y));
}

void copy_crop(const ConstImage& in, const Rect& crop, const std::array<uint8_t, 4>& fill, const Image& out) {
  const size_t pixel_bytes = in.shape.pixel_bytes();
  const int left = std::clamp(-crop.x, 0, crop.width);
  const int right_end = std::clamp(in.width() - crop.x, left, crop.width);
  // A row of padding, made once: channel c has fill[c % 4].
  std::vector<uint8_t> padding;
  if (!is_inside(crop, in.height(), in.width())) {
    std::vector<double> levels(static_cast<size_t>(in.channels()));
    for (size_t c = 0; c < levels.size(); ++c) levels[c] = fill[c % 4];
    padding.resize(out.shape.row_bytes());
    const std::vector<uint8_t> pixel = filled_pixel(levels, in.shape, FillRounding::kCut);
    repeat_pixel(pixel.data(), pixel.size(), static_cast<size_t>(crop.width), padding.data());
  }
  for (int y = 0; y < crop.height; ++y) {
    auto* to = out.row<uint8_t>(y);
    const int from_y = crop.y + y;
    const bool has_row = from_y >= 0 && from_y < in.height() && right_end > left;
    if (!has_row) {
      std::memcpy(to, padding.data(), padding.size());
      continue;
    }
    const size_t left_bytes = static_cast<size_t>(left) * pixel_bytes;
    const size_t end_bytes = static_cast<size_t>(right_end) * pixel_bytes;
    if (left_bytes > 0) std::memcpy(to, padding.data(), left_bytes);
    std::memcpy(to + left_bytes, in.row<uint8_t>(from_y) + static_cast<size_t>(crop.x + left) * pixel_bytes,
                end_bytes - left_bytes);
    if (right_end < crop.width) std::memcpy(to + end_bytes, padding.data(), padding.size() - end_bytes);
  }
}

void copy_flipped(const ConstImage& in, bool horizontal, bool vertical, const Image& out) {
  const int first = vertical ? in.height() - 1 : 0;
  const ptrdiff_t step = vertical ? -in.row_bytes : in.row_bytes;
  if (horizontal) {
    flip_rows({in.row<uint8_t>(first), step, out.row<uint8_t>(0), out.row_bytes,
               static_cast<size_t>(in.width()), static_cast<size_t>(in.height())},
              in.shape.pixel_bytes());
    return;
  }
  for (int y = 0; y < in.height(); ++y)
    std::memcpy(out.row<uint8_t>(y), in.row<uint8_t>(first) + y * step, in.shape.row_bytes());
}

}  // namespace stoker
