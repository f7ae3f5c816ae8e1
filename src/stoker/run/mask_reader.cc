#include "stoker/run/mask_reader.h"

#include <algorithm>
#include <string>

namespace stoker {
namespace {

Failure refused(std::string found, std::string hint) {
  SampleError error;
  error.code = SampleErrorCode::kUnsupported;
  error.step = "mask";
  error.found = std::move(found);
  error.hint = std::move(hint);
  return error;
}

// A pixel counts when any of its bytes is not 0, which for integers of any size means any value.
void fill_flags(const ConstImage& pixels, const Image& flags) {
  const size_t pixel_bytes = static_cast<size_t>(pixels.channels()) * size_of(pixels.shape.dtype);
  for (int y = 0; y < pixels.height(); ++y) {
    const uint8_t* pixel = pixels.row<uint8_t>(y);
    uint8_t* flag = flags.row<uint8_t>(y);
    for (int x = 0; x < pixels.width(); ++x, pixel += pixel_bytes) {
      flag[x] = std::any_of(pixel, pixel + pixel_bytes, [](uint8_t each) { return each != 0; }) ? 1 : 0;
    }
  }
}

}  // namespace

MaskReader::MaskReader(const Source& masks, Fetcher& fetcher, const std::atomic<bool>* is_cancelled)
    : masks_(masks), fetcher_(fetcher) {
  options_.color = Color::kUnchanged;
  options_.keep_wide = true;  // scaled to 8 bits, low class numbers would become 0
  options_.limits.is_cancelled = is_cancelled;
}

Failure MaskReader::read(int64_t index, ConstImage* mask) {
  const FetchRequest request = masks_.request(index, 0, 0);
  FetchResult fetched = fetcher_.fetch(request);
  Failure failure = std::move(fetched.failure);
  if (!failure) failure = decode(request, fetched.bytes, mask);
  fetcher_.recycle(std::move(fetched.bytes));
  if (failure) failure->path = masks_.path(index);
  return failure;
}

Failure MaskReader::decode(const FetchRequest& request, const SampleBytes& bytes, ConstImage* mask) {
  ImageShape shape;
  if (request.raw_shape) {
    shape = *request.raw_shape;
  } else if (Failure failure = decoders_.open(bytes.view(), options_, &shape)) {
    return failure;
  }
  const DType dtype = shape.dtype;
  const bool is_float = dtype == DType::kFloat16 || dtype == DType::kBfloat16 || dtype == DType::kFloat32 ||
                        dtype == DType::kFloat64;
  if (is_float || (shape.channels != 1 && shape.channels != 3)) {
    return refused("the mask is " + std::string(name_of(dtype)) + " of " + std::to_string(shape.channels) +
                       " channels, allowed are integers of 1 or 3",
                   "write it without alpha, as integers");
  }
  ConstImage pixels;
  if (request.raw_shape) {
    pixels = packed_image(static_cast<const void*>(bytes.view().data()), shape);
  } else {
    const Image out = packed_image(decoded_.reserve(shape.bytes()), shape);
    if (Failure failure = decoders_.decode({0, 0, shape.width, shape.height}, out)) return failure;
    pixels = out;
  }
  const ImageShape flag_shape{shape.height, shape.width, 1, DType::kUint8};
  const Image flags = packed_image(flags_.reserve(flag_shape.bytes()), flag_shape);
  fill_flags(pixels, flags);
  *mask = flags;
  return std::nullopt;
}

}  // namespace stoker
