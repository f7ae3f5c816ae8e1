#include "stoker/decode/orientation.h"

#include <cstring>
#include <utility>

#include "stoker/base/error.h"

namespace stoker {
namespace {

// The turned pixel (x, y) is the stored pixel (y, x) if swapped, else (x, y), then mirrored within the
// stored image.
struct Turn {
  bool swaps_axes;
  bool mirrors_x;
  bool mirrors_y;
};

Turn turn_of(int orientation) {
  STOKER_CHECK(orientation >= 1 && orientation <= 8);
  constexpr Turn kTurns[8] = {{false, false, false}, {false, true, false}, {false, true, true},
                              {false, false, true},  {true, false, false}, {true, false, true},
                              {true, true, true},    {true, true, false}};
  return kTurns[orientation - 1];
}

template <size_t kPixelBytes>
void copy_strided(const uint8_t* from, ptrdiff_t step_bytes, uint8_t* to, int count) {
  for (int i = 0; i < count; ++i) {
    std::memcpy(to, from, kPixelBytes);
    from += step_bytes;
    to += kPixelBytes;
  }
}

using CopyStrided = void (*)(const uint8_t*, ptrdiff_t, uint8_t*, int);

CopyStrided copy_for(size_t pixel_bytes) {
  switch (pixel_bytes) {
    case 1:
      return copy_strided<1>;
    case 2:
      return copy_strided<2>;
    case 3:
      return copy_strided<3>;
    case 4:
      return copy_strided<4>;
    case 6:
      return copy_strided<6>;
    case 8:
      return copy_strided<8>;
    default:
      return nullptr;
  }
}

}  // namespace

ImageShape turned_shape(const ImageShape& stored, int orientation) {
  ImageShape turned = stored;
  if (turn_of(orientation).swaps_axes) std::swap(turned.height, turned.width);
  return turned;
}

Rect stored_region(const Rect& turned, const ImageShape& stored, int orientation) {
  const Turn turn = turn_of(orientation);
  Rect region = turned;
  if (turn.swaps_axes) {
    std::swap(region.x, region.y);
    std::swap(region.width, region.height);
  }
  if (turn.mirrors_x) region.x = stored.width - region.x - region.width;
  if (turn.mirrors_y) region.y = stored.height - region.y - region.height;
  return region;
}

void turn_pixels(const ConstImage& stored, int orientation, const Image& out) {
  STOKER_CHECK(out.shape == turned_shape(stored.shape, orientation));
  const Turn turn = turn_of(orientation);
  const auto pixel_bytes = static_cast<ptrdiff_t>(stored.shape.pixel_bytes());
  const CopyStrided copy = copy_for(stored.shape.pixel_bytes());
  STOKER_CHECK(copy != nullptr);

  const ptrdiff_t x_step = turn.mirrors_x ? -pixel_bytes : pixel_bytes;
  const ptrdiff_t y_step = turn.mirrors_y ? -stored.row_bytes : stored.row_bytes;
  const uint8_t* first = stored.row<uint8_t>(turn.mirrors_y ? stored.height() - 1 : 0) +
                         (turn.mirrors_x ? (stored.width() - 1) * pixel_bytes : 0);
  const ptrdiff_t along_row = turn.swaps_axes ? y_step : x_step;
  const ptrdiff_t along_column = turn.swaps_axes ? x_step : y_step;
  for (int y = 0; y < out.height(); ++y) {
    copy(first + y * along_column, along_row, out.row<uint8_t>(y), out.width());
  }
}

}  // namespace stoker
