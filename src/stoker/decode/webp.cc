// WebP by libwebp: lossy, lossless, with or without alpha; of an animation the first frame on its canvas, as
// Pillow shows it.
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "stoker/decode/codec_error.h"
#include "stoker/decode/color.h"
#include "stoker/decode/decoder.h"
#include "stoker/decode/exif.h"

namespace stoker {
namespace {

constexpr std::string_view kStep = "decode/webp";
constexpr size_t kHeaderBytes = 20;  // RIFF, its size, WEBP and the first chunk's name and size
constexpr size_t kKeptScratchBytes = size_t{16} << 20;

// See Note [bytes per macroblock].
constexpr int64_t kMinMacroblockBits = 3;
constexpr int64_t kSmallLosslessPixels = 16'777'216;
constexpr int64_t kMaxLosslessRatio = 4096;

struct FreeDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

Rect common_part(const Rect& a, const Rect& b) {
  const int x = std::max(a.x, b.x);
  const int y = std::max(a.y, b.y);
  return {x, y, std::min(a.x + a.width, b.x + b.width) - x, std::min(a.y + a.height, b.y + b.height) - y};
}

// The span [first, first + count) of `size`, begun at an even place and with a neighbour on each side.
void widen(int* first, int* count, int size) {
  const int begin = *first == 0 ? 0 : (*first - 1) & ~1;
  const int end = std::min(size, *first + *count + 1);
  *first = begin;
  *count = end - begin;
}

int orientation_of(const WebPDemuxer* demuxer) {
  WebPChunkIterator chunk;
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) == 0) return 1;
  std::span<const uint8_t> exif(chunk.chunk.bytes, chunk.chunk.size);
  constexpr char kPrefix[6] = {'E', 'x', 'i', 'f', 0, 0};
  if (exif.size() >= sizeof(kPrefix) && std::memcmp(exif.data(), kPrefix, sizeof(kPrefix)) == 0) {
    exif = exif.subspan(sizeof(kPrefix));
  }
  const int orientation = exif_orientation(exif);
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

SampleError status_error(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return codec_error(kStep, SampleErrorCode::kTruncated, "the pixel data end early");
    case VP8_STATUS_OUT_OF_MEMORY:
      return codec_error(kStep, SampleErrorCode::kTooLarge, "no memory for the decoder");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return codec_error(kStep, SampleErrorCode::kUnsupported, "a bitstream that libwebp does not know");
    default:
      return codec_error(kStep, SampleErrorCode::kCorrupt, "the pixel data contradict themselves");
  }
}

class WebpDecoder : public Decoder {
 public:
  Failure open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) override;
  Failure decode(const Rect& region, const Image& out) override;
  int orientation() const override { return orientation_; }

 private:
  Failure read_container(std::span<const uint8_t> bytes, const DecodeLimits& limits);
  Failure check_enough_bytes() const;
  Failure decode_frame(const Rect& part, const Image& out);

  std::span<const uint8_t> stream_;  // of the first frame
  Rect frame_;                       // on the canvas
  bool is_lossy_ = false;
  bool has_alpha_ = false;
  int orientation_ = 1;
  Color color_ = Color::kRgb;
  ImageShape shape_;
  bool is_open_ = false;
  ScratchBuffer scratch_;
};

// Note [bytes per macroblock]
// The prediction modes of a key frame have fixed probabilities, under which every macroblock of 16 x 16
// pixels costs more than 3 bits, so that a lossy file with fewer is not complete. A lossless image of one
// colour costs no bits at all. There the ratio is a choice: one byte for 4,096 pixels, asked only above 16
// million pixels, where libwebp would take more than 64 MiB.
Failure WebpDecoder::check_enough_bytes() const {
  const auto stored = static_cast<int64_t>(stream_.size());
  const int64_t macroblocks = int64_t{(frame_.width + 15) / 16} * ((frame_.height + 15) / 16);
  const int64_t pixels = int64_t{frame_.width} * frame_.height;
  const bool is_enough = is_lossy_ ? stored * 8 >= macroblocks * kMinMacroblockBits
                                   : pixels <= kSmallLosslessPixels || stored * kMaxLosslessRatio >= pixels;
  if (is_enough) return std::nullopt;
  return codec_error(kStep, SampleErrorCode::kTruncated,
                     std::to_string(stored) + " bytes cannot hold " + std::to_string(frame_.width) + " x " +
                         std::to_string(frame_.height) + " px");
}

Failure WebpDecoder::read_container(std::span<const uint8_t> bytes, const DecodeLimits& limits) {
  const auto truncated = [&](size_t needed) {
    return codec_error(kStep, SampleErrorCode::kTruncated,
                       std::to_string(bytes.size()) + " bytes; " + std::to_string(needed) + " are needed");
  };
  if (bytes.size() < kHeaderBytes) return truncated(kHeaderBytes);
  const size_t file_bytes = size_t{8} + (uint32_t{bytes[4]} | uint32_t{bytes[5]} << 8 |
                                         uint32_t{bytes[6]} << 16 | uint32_t{bytes[7]} << 24);
  if (bytes.size() < file_bytes) return truncated(file_bytes);

  const WebPData data{bytes.data(), file_bytes};
  const std::unique_ptr<WebPDemuxer, FreeDemuxer> demuxer(WebPDemux(&data));
  if (demuxer == nullptr) {
    return codec_error(kStep, SampleErrorCode::kCorrupt, "chunks that make no WebP image");
  }
  const int64_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const int64_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  if (Failure failure = check_size(kStep, width, height, limits)) return failure;

  WebPIterator frame;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) == 0) {
    return codec_error(kStep, SampleErrorCode::kCorrupt, "a container without an image");
  }
  frame_ = {frame.x_offset, frame.y_offset, frame.width, frame.height};
  stream_ = {frame.fragment.bytes, frame.fragment.size};  // lies in `bytes`
  WebPDemuxReleaseIterator(&frame);
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(stream_.data(), stream_.size(), &features);
  if (status != VP8_STATUS_OK) return status_error(status);
  constexpr int kLossy = 1;
  is_lossy_ = features.format == kLossy;
  if (features.width != frame_.width || features.height != frame_.height || frame_.x < 0 || frame_.y < 0 ||
      frame_.x + int64_t{frame_.width} > width || frame_.y + int64_t{frame_.height} > height) {
    return codec_error(kStep, SampleErrorCode::kCorrupt, "a frame that does not fit its canvas");
  }
  has_alpha_ = (WebPDemuxGetI(demuxer.get(), WEBP_FF_FORMAT_FLAGS) & ALPHA_FLAG) != 0;
  orientation_ = orientation_of(demuxer.get());
  shape_ = {.height = static_cast<int>(height), .width = static_cast<int>(width)};
  return check_enough_bytes();
}

Failure WebpDecoder::open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) {
  is_open_ = false;
  if (Failure failure = read_container(bytes, options.limits)) return failure;
  color_ = options.color;
  shape_.channels = color_ == Color::kGray ? 1 : color_ == Color::kUnchanged && has_alpha_ ? 4 : 3;
  is_open_ = true;
  *shape = shape_;
  return std::nullopt;
}

Failure WebpDecoder::decode(const Rect& region, const Image& out) {
  STOKER_CHECK(is_open_);
  is_open_ = false;
  const Rect part = common_part(region, frame_);
  if (part != region) {
    for (int y = 0; y < region.height; ++y) std::memset(out.row<uint8_t>(y), 0, out.shape.row_bytes());
  }
  if (part.width <= 0 || part.height <= 0) return std::nullopt;
  Image target = out;
  target.data =
      out.row<uint8_t>(part.y - region.y) + static_cast<size_t>(part.x - region.x) * out.shape.pixel_bytes();
  target.shape.width = part.width;
  target.shape.height = part.height;
  return decode_frame({part.x - frame_.x, part.y - frame_.y, part.width, part.height}, target);
}

// `part` lies within the frame.
//
// Chroma of a lossy image is upsampled from its neighbours, and libwebp takes the edge of a crop for the edge
// of the image, so a crop is exact only inside. Lossless pixels stand alone.
Failure WebpDecoder::decode_frame(const Rect& part, const Image& out) {
  Rect asked = part;
  if (is_lossy_) {
    widen(&asked.x, &asked.width, frame_.width);
    widen(&asked.y, &asked.height, frame_.height);
  }
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return status_error(VP8_STATUS_OUT_OF_MEMORY);
  config.options.use_cropping = asked.width != frame_.width || asked.height != frame_.height;
  config.options.crop_left = asked.x;
  config.options.crop_top = asked.y;
  config.options.crop_width = asked.width;
  config.options.crop_height = asked.height;

  const int channels = out.channels() == 4 ? 4 : 3;
  const bool is_direct = asked == part && out.channels() == channels;
  Image target = out;
  if (!is_direct) {
    const ImageShape shape{.height = asked.height, .width = asked.width, .channels = channels};
    target = packed_image(scratch_.reserve(shape.bytes()), shape);
  }
  config.output.colorspace = channels == 4 ? MODE_RGBA : color_ == Color::kBgr ? MODE_BGR : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = target.row<uint8_t>(0);
  config.output.u.RGBA.stride = static_cast<int>(target.row_bytes);
  config.output.u.RGBA.size =
      static_cast<size_t>(target.height() - 1) * static_cast<size_t>(target.row_bytes) +
      target.shape.row_bytes();
  const VP8StatusCode status = WebPDecode(stream_.data(), stream_.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) return status_error(status);

  if (!is_direct) {
    const ConstImage inner =
        static_cast<ConstImage>(target).window({part.x - asked.x, part.y - asked.y, part.width, part.height});
    for (int y = 0; y < part.height; ++y) {
      if (out.channels() == 1) {
        gray_from_rgb(inner.row<uint8_t>(y), out.row<uint8_t>(y), part.width);
      } else {
        std::memcpy(out.row<uint8_t>(y), inner.row<uint8_t>(y), inner.shape.row_bytes());
      }
    }
  }
  scratch_.trim(kKeptScratchBytes);
  return std::nullopt;
}

std::string_view library() {
  const int version = WebPGetDecoderVersion();
  static const std::string text = "libwebp " + std::to_string(version >> 16) + "." +
                                  std::to_string(version >> 8 & 255) + "." + std::to_string(version & 255);
  return text;
}

const RegisterCodec kWebp({.name = "webp",
                           .library = library(),
                           .is_mine =
                               [](std::span<const uint8_t> bytes) {
                                 return bytes.size() >= 12 && std::memcmp(bytes.data(), "RIFF", 4) == 0 &&
                                        std::memcmp(bytes.data() + 8, "WEBP", 4) == 0;
                               },
                           .make = []() -> std::unique_ptr<Decoder> {
                             return std::make_unique<WebpDecoder>();
                           }});

}  // namespace
}  // namespace stoker
