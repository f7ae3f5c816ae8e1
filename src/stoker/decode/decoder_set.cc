#include <algorithm>
#include <string>

#include "stoker/decode/decoder.h"
#include "stoker/decode/orientation.h"

namespace stoker {
namespace {

// A turned image above this does not keep its scratch memory.
constexpr size_t kKeptScratchBytes = size_t{16} << 20;

SampleError unknown_format(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string found = "first bytes";
  for (const uint8_t byte : bytes.first(std::min<size_t>(bytes.size(), 8))) {
    found += {' ', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  found += " are of no known format; known:";
  for (const Codec& codec : codecs()) {
    found += ' ';
    found += codec.name;
  }
  return {.code = SampleErrorCode::kUnknownFormat,
          .step = "decode",
          .found = std::move(found),
          .hint = "convert the file to a known format or leave it out",
          .path = {}};
}

}  // namespace

Failure DecoderSet::open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) {
  current_ = nullptr;
  if (bytes.empty()) {
    return SampleError{.code = SampleErrorCode::kEmpty,
                       .step = "decode",
                       .found = "0 bytes",
                       .hint = "fetch the file again or leave it out",
                       .path = {}};
  }
  const std::vector<Codec>& all = codecs();
  const auto codec =
      std::find_if(all.begin(), all.end(), [&](const Codec& candidate) { return candidate.is_mine(bytes); });
  if (codec == all.end()) return unknown_format(bytes);

  decoders_.resize(all.size());
  std::unique_ptr<Decoder>& decoder = decoders_[codec - all.begin()];
  if (decoder == nullptr) decoder = codec->make();
  if (Failure failure = decoder->open(bytes, options, &stored_shape_)) return failure;
  orientation_ = options.apply_exif_orientation ? decoder->orientation() : 1;
  *shape = turned_shape(stored_shape_, orientation_);
  current_ = decoder.get();
  return std::nullopt;
}

Failure DecoderSet::decode(const Rect& region, const Image& out) {
  STOKER_CHECK(current_ != nullptr);
  if (orientation_ == 1) return current_->decode(region, out);

  const Rect stored = stored_region(region, stored_shape_, orientation_);
  ImageShape part = stored_shape_;
  part.width = stored.width;
  part.height = stored.height;
  const Image scratch = packed_image(turned_.reserve(part.bytes()), part);
  if (Failure failure = current_->decode(stored, scratch)) return failure;
  turn_pixels(scratch, orientation_, out);
  turned_.trim(kKeptScratchBytes);
  return std::nullopt;
}

std::optional<double> DecoderSet::nodata() const {
  return current_ == nullptr ? std::nullopt : current_->nodata();
}

DecodeRoute DecoderSet::route() const {
  return current_ == nullptr ? DecodeRoute::kOnlyWay : current_->route();
}

}  // namespace stoker
