#include "stoker/transform/resample.h"

#include <array>
#include <string>
#include <utility>

#include "stoker/base/error.h"
#include "stoker/transform/resample_opencv.h"
#include "stoker/transform/resample_pillow.h"
#include "stoker/transform/resample_torch.h"

namespace stoker {
namespace {

constexpr std::array<std::pair<Interpolation, std::string_view>, 8> kInterpolations = {{
    {Interpolation::kNearest, "nearest"},
    {Interpolation::kNearestExact, "nearest_exact"},
    {Interpolation::kBilinear, "bilinear"},
    {Interpolation::kBicubic, "bicubic"},
    {Interpolation::kLanczos, "lanczos"},
    {Interpolation::kBox, "box"},
    {Interpolation::kHamming, "hamming"},
    {Interpolation::kArea, "area"},
}};
constexpr std::array<std::pair<Resampler, std::string_view>, 4> kResamplers = {{
    {Resampler::kPillow, "pillow"},
    {Resampler::kOpencv, "opencv"},
    {Resampler::kTorch, "torch"},
    {Resampler::kTorchRounded, "torch_rounded"},
}};

template <class Names>
auto value_of(const Names& names, std::string_view what, std::string_view name) {
  std::string allowed;
  for (const auto& [value, text] : names) {
    if (text == name) return value;
    allowed += (allowed.empty() ? "'" : ", '") + std::string(text) + "'";
  }
  throw ArgumentError("resize: " + std::string(what) + " is '" + std::string(name) + "'; allowed are " +
                      allowed);
}

template <class Names, class Value>
std::string_view name_in(const Names& names, Value wanted) {
  for (const auto& [value, text] : names) {
    if (value == wanted) return text;
  }
  STOKER_CHECK(!"a value with a name");
}

void check(const Resize& resize) {
  const Rect& roi = resize.roi;
  STOKER_CHECK(resize.source_width > 0 && resize.source_height > 0 && resize.width > 0 && resize.height > 0);
  STOKER_CHECK(roi.x >= 0 && roi.y >= 0 && roi.width > 0 && roi.height > 0);
  STOKER_CHECK(roi.width <= resize.width - roi.x && roi.height <= resize.height - roi.y);
  STOKER_CHECK(supports(resize.resampler, resize.interpolation));
  STOKER_CHECK(resamples(resize.resampler, resize.dtype));
}

}  // namespace

std::string_view name_of(Interpolation interpolation) { return name_in(kInterpolations, interpolation); }
std::string_view name_of(Resampler resampler) { return name_in(kResamplers, resampler); }

Interpolation interpolation_from_name(std::string_view name) {
  return value_of(kInterpolations, "interpolation", name);
}
Resampler resampler_from_name(std::string_view name) { return value_of(kResamplers, "resampler", name); }

bool resamples(Resampler resampler, DType dtype) {
  if (dtype == DType::kUint8) return true;
  if (dtype == DType::kFloat32) return resampler == Resampler::kOpencv || resampler == Resampler::kTorch;
  return (dtype == DType::kUint16 || dtype == DType::kInt16) && resampler == Resampler::kOpencv;
}

bool supports(Resampler resampler, Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kNearestExact:
      return resampler != Resampler::kPillow;
    case Interpolation::kArea:
      return resampler == Resampler::kOpencv;
    case Interpolation::kLanczos:
      return resampler != Resampler::kTorchRounded;
    case Interpolation::kBox:
    case Interpolation::kHamming:
      return resampler == Resampler::kPillow;
    default:
      return true;
  }
}

Rect source_region(const Resize& resize, ResizeScratch& scratch) {
  check(resize);
  switch (resize.resampler) {
    case Resampler::kPillow:
      return pillow_source_region(resize, scratch);
    case Resampler::kOpencv:
      return opencv_source_region(resize, scratch);
    default:
      return torch_source_region(resize, scratch);
  }
}

void resize_image(const Resize& resize, const ConstImage& source, const Rect& region, const Image& out,
                  ResizeScratch& scratch) {
  check(resize);
  STOKER_CHECK(source.width() == region.width && source.height() == region.height);
  STOKER_CHECK(out.width() == resize.roi.width && out.height() == resize.roi.height);
  STOKER_CHECK(source.channels() == out.channels() && out.channels() >= 1 && out.channels() <= 64);
  STOKER_CHECK(source.shape.dtype == out.shape.dtype);
  STOKER_CHECK(resamples(resize.resampler, out.shape.dtype));
  STOKER_CHECK(out.shape.dtype == resize.dtype || resize.resampler != Resampler::kOpencv);
  switch (resize.resampler) {
    case Resampler::kPillow:
      return pillow_resize(resize, source, region, out, scratch);
    case Resampler::kOpencv:
      return opencv_resize(resize, source, region, out, scratch);
    default:
      return torch_resize(resize, source, region, out, scratch);
  }
}

}  // namespace stoker
