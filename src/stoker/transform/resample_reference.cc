// resize_image_reference: the rules of all libraries, written down once more as plainly as possible. It
// shares no code with resize_image, which it judges.
#include "stoker/transform/resample_reference.h"

#include "stoker/base/error.h"

namespace stoker {

void resize_image_reference(const Resize& resize, const ConstImage& source, const Rect& region,
                            const Image& out) {
  STOKER_CHECK(supports(resize.resampler, resize.interpolation));
  if (resize.resampler == Resampler::kOpencv && resize.dtype != DType::kUint8)
    return wide_resize_reference(resize, source, region, out);
  const int channels = out.channels();
  if (out.shape.dtype == DType::kFloat32) return torch_float_reference(resize, source, region, out);
  const bool weighs =
      resize.interpolation != Interpolation::kNearest && resize.interpolation != Interpolation::kNearestExact;
  const int x_bits = weighs ? torch_bits(resize, resize.source_width, resize.width) : 0;
  const int y_bits = weighs ? torch_bits(resize, resize.source_height, resize.height) : 0;
  const ByteSample sample = [&](int x, int y, int channel) -> int {
    STOKER_CHECK(x >= region.x && x < region.x + region.width && y >= region.y &&
                 y < region.y + region.height);
    return source.row<uint8_t>(y - region.y)[static_cast<ptrdiff_t>(x - region.x) * channels + channel];
  };
  for (int y = 0; y < out.height(); ++y) {
    for (int x = 0; x < out.width(); ++x) {
      for (int channel = 0; channel < channels; ++channel) {
        const int from_x = resize.roi.x + x;
        const int from_y = resize.roi.y + y;
        uint8_t& made = out.row<uint8_t>(y)[static_cast<ptrdiff_t>(x) * channels + channel];
        if (resize.resampler == Resampler::kPillow) {
          made = pillow_sample(resize, sample, from_x, from_y, channel);
        } else if (resize.resampler == Resampler::kOpencv) {
          made = opencv_sample(resize, sample, channels, from_x, from_y, channel);
        } else {
          made = torch_sample(resize, x_bits, y_bits, sample, from_x, from_y, channel);
        }
      }
    }
  }
}

}  // namespace stoker
