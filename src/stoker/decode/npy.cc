// .npy, NumPy's file of one array, as an image of shape (height, width) or (height, width, channels).
#include <string>

#include "stoker/decode/codec_error.h"
#include "stoker/decode/decoder.h"
#include "stoker/decode/npy_header.h"
#include "stoker/decode/tiff_bands.h"

namespace stoker {
namespace {

constexpr std::string_view kStep = "decode/npy";

class NpyDecoder : public Decoder {
 public:
  Failure open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) override;
  Failure decode(const Rect& region, const Image& out) override;

 private:
  std::span<const uint8_t> bytes_;
  NpyHeader header_;
  BandConverter converter_;
  bool is_open_ = false;
  ScratchBuffer row_;
};

Failure NpyDecoder::open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) {
  is_open_ = false;
  header_ = {};
  if (Failure failure = read_npy_header(bytes, options.limits, &header_)) return failure;
  ImageShape made = header_.shape;
  const BandFormat format{.dtype = made.dtype, .bands = made.channels};
  if (Failure failure = converter_.choose(kStep, format, options, &made)) return failure;
  bytes_ = bytes;
  is_open_ = true;
  *shape = made;
  return std::nullopt;
}

Failure NpyDecoder::decode(const Rect& region, const Image& out) {
  STOKER_CHECK(is_open_);
  const ImageShape& stored = header_.shape;
  const auto sample_bytes = size_of(stored.dtype);
  const auto used = static_cast<size_t>(converter_.used_bands()) * sample_bytes;
  const SampleCopy copy{.sample_bytes = static_cast<int>(sample_bytes),
                        .samples = converter_.used_bands(),
                        .swaps_bytes = header_.swaps_bytes,
                        .from_step_bytes = stored.pixel_bytes(),
                        .to_step_bytes = used};
  uint8_t* row = converter_.is_copy() ? nullptr : row_.reserve(static_cast<size_t>(region.width) * used);
  const uint8_t* from = bytes_.data() + header_.data_offset +
                        static_cast<size_t>(region.y) * stored.row_bytes() +
                        static_cast<size_t>(region.x) * stored.pixel_bytes();
  for (int y = 0; y < region.height; ++y, from += stored.row_bytes()) {
    uint8_t* to = out.row<uint8_t>(y);
    // Through a row, because samples in the file need not be aligned.
    copy_samples(copy, from, row == nullptr ? to : row, region.width);
    if (row != nullptr) converter_.row(row, region.width, to);
  }
  is_open_ = false;
  return std::nullopt;
}

const RegisterCodec kNpy(
    {.name = "npy", .library = "stoker", .is_mine = is_npy, .make = []() -> std::unique_ptr<Decoder> {
       return std::make_unique<NpyDecoder>();
     }});

}  // namespace
}  // namespace stoker
