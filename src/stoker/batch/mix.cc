#include "stoker/batch/mix.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "stoker/base/error.h"
#include "stoker/batch/mix_rows.h"

namespace stoker {
namespace {

// Bytes of all images are mixed in pieces of this size, so that what is the image itself now is still in the
// first cache when it is the image before.
constexpr size_t kPieceBytes = size_t{8} << 10;

template <class Mix>
void mix_pieces(uint8_t* images, size_t count, size_t image_bytes, const Mix& mix) {
  std::vector<uint8_t> last(std::min(kPieceBytes, image_bytes));
  for (size_t begin = 0; begin < image_bytes; begin += kPieceBytes) {
    const size_t bytes = std::min(kPieceBytes, image_bytes - begin);
    const auto piece = [&](size_t image) { return images + image * image_bytes + begin; };
    std::memcpy(last.data(), piece(count - 1), bytes);
    for (size_t i = count; i-- > 0;) mix(i > 0 ? piece(i - 1) : last.data(), bytes, piece(i));
  }
}

void mix_doubles(const uint8_t* before, size_t count, double own_share, double other_share, uint8_t* own) {
  const auto* from = reinterpret_cast<const double*>(before);
  auto* to = reinterpret_cast<double*>(own);
  for (size_t i = 0; i < count; ++i) to[i] = from[i] * other_share + to[i] * own_share;
}

}  // namespace

void mix_up(DType dtype, uint8_t* images, size_t count, size_t values, double own_share) {
  if (count == 0 || values == 0) return;
  const size_t element = size_of(dtype);
  const auto own = static_cast<float>(own_share);
  const auto other = static_cast<float>(1.0 - own_share);
  mix_pieces(images, count, values * element, [&](const uint8_t* before, size_t bytes, uint8_t* image) {
    switch (dtype) {
      case DType::kFloat32:
        return mix_floats(reinterpret_cast<const float*>(before), bytes / element, own, other,
                          reinterpret_cast<float*>(image));
      case DType::kFloat16:
        return mix_float16(reinterpret_cast<const uint16_t*>(before), bytes / element, own, other,
                           reinterpret_cast<uint16_t*>(image));
      case DType::kBfloat16:
        return mix_bfloat16(reinterpret_cast<const uint16_t*>(before), bytes / element, own, other,
                            reinterpret_cast<uint16_t*>(image));
      case DType::kFloat64:
        return mix_doubles(before, bytes / element, own_share, 1.0 - own_share, image);
      default:
        throw ArgumentError("MixUp: images are " + std::string(name_of(dtype)) +
                            ", allowed are float32, float16 and bfloat16.");
    }
  });
}

void cut_mix(uint8_t* images, size_t count, const MixRectangle& rectangle) {
  const MixRectangle& r = rectangle;
  STOKER_CHECK(r.first_row <= r.end_row && r.end_row <= r.rows);
  STOKER_CHECK(r.first_byte <= r.end_byte && r.end_byte <= r.row_bytes);
  const size_t width_bytes = r.end_byte - r.first_byte;
  if (count < 2 || width_bytes == 0) return;
  const size_t image_bytes = r.planes * r.rows * r.row_bytes;
  std::vector<uint8_t> last(width_bytes);
  for (size_t plane = 0; plane < r.planes; ++plane) {
    for (size_t row = r.first_row; row < r.end_row; ++row) {
      const auto part = [&](size_t image) {
        return images + image * image_bytes + (plane * r.rows + row) * r.row_bytes + r.first_byte;
      };
      std::memcpy(last.data(), part(count - 1), width_bytes);
      for (size_t i = count - 1; i > 0; --i) std::memcpy(part(i), part(i - 1), width_bytes);
      std::memcpy(part(0), last.data(), width_bytes);
    }
  }
}

void mix_labels(std::span<const int64_t> labels, size_t classes, double own_share, float* soft) {
  const auto own = static_cast<float>(own_share);
  const auto other = static_cast<float>(1.0 - own_share);
  for (size_t i = 0; i < labels.size(); ++i) {
    const int64_t before = labels[i > 0 ? i - 1 : labels.size() - 1];
    soft[i * classes + static_cast<size_t>(before)] = other;
    soft[i * classes + static_cast<size_t>(labels[i])] += own;
  }
}

}  // namespace stoker
