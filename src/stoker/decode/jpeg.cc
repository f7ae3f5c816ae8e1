// JPEG: accurate integer DCT and smooth ("fancy") chroma upsampling, as Pillow has it. libjpeg-turbo reads
// the header; the pixels of a baseline file are stoker's own, those of any other kind, and all verdicts, the
// library's.
#include <jerror.h>

#include <cstring>
#include <string>

#include "stoker/decode/codec_error.h"
#include "stoker/decode/color.h"
#include "stoker/decode/decoder.h"
#include "stoker/decode/exif.h"
#include "stoker/decode/jpeg_baseline.h"
#include "stoker/decode/jpeg_session.h"

namespace stoker {
namespace {

constexpr std::string_view kStep = "decode/jpeg";

#define STOKER_TEXT_OF(x) #x
#define STOKER_TEXT(x) STOKER_TEXT_OF(x)
#ifdef LIBJPEG_TURBO_VERSION
constexpr std::string_view kLibrary = "libjpeg-turbo " STOKER_TEXT(LIBJPEG_TURBO_VERSION);
#else
constexpr std::string_view kLibrary = "libjpeg " STOKER_TEXT(JPEG_LIB_VERSION);
#endif

// How far from the end the end-of-image marker is looked for.
constexpr size_t kTailBytes = 65536;

// Below this a progressive image's coefficients are not worth a refusal.
constexpr int64_t kSmallCoefficientBytes = int64_t{64} << 20;
constexpr int64_t kBlockBytes = DCTSIZE2 * static_cast<int64_t>(sizeof(JCOEF));

bool ends_with_marker(std::span<const uint8_t> bytes) {
  const size_t first = bytes.size() > kTailBytes ? bytes.size() - kTailBytes : 0;
  for (size_t end = bytes.size(); end >= first + 2;) {
    const auto* found = static_cast<const uint8_t*>(memrchr(bytes.data() + first + 1, 0xd9, end - first - 1));
    if (found == nullptr) return false;
    if (found[-1] == 0xff) return true;
    end = static_cast<size_t>(found - bytes.data());
  }
  return false;
}

class JpegDecoder : public Decoder {
 public:
  ~JpegDecoder() override { destroy_jpeg(session_); }

  Failure open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) override;
  Failure decode(const Rect& region, const Image& out) override;
  int orientation() const override;
  DecodeRoute route() const override { return route_; }

 private:
  SampleError session_error() const;
  Failure check_enough_bytes(size_t size);
  DecodeRoute decode_own(const Rect& region, const Image& out);

  JpegSession session_{};
  Color color_ = Color::kRgb;
  bool only_library_ = false;
  DecodeRoute route_ = DecodeRoute::kOnlyWay;
  ImageShape shape_;
  bool has_end_marker_ = false;
  bool is_open_ = false;
  ScratchBuffer strip_;
  JpegBaseline baseline_;
};

SampleError JpegDecoder::session_error() const {
  const jpeg_decompress_struct& library = session_.library;
  std::string found = session_.text;
  if (session_.code == SampleErrorCode::kTooLarge && session_.errors.msg_code == JERR_IMAGE_TOO_BIG) {
    found =
        std::to_string(library.image_width) + " x " + std::to_string(library.image_height) + " px; " + found;
  }
  if (!is_open_) {
    if (session_.code == SampleErrorCode::kTruncated) found = "the data end within the header";
    return codec_error(kStep, session_.code, std::move(found));
  }
  const std::string rows =
      std::to_string(library.output_scanline) + " of " + std::to_string(library.image_height) + " rows";
  if (session_.code != SampleErrorCode::kTruncated) {
    return codec_error(kStep, session_.code, found + " (after " + rows + ")");
  }
  if (library.output_scanline == library.image_height) {
    found = "the data end after " + rows + ", without an end-of-image marker";
  } else {
    found = "the data end after " + rows;
    if (library.input_scan_number > 1) found += ", in scan " + std::to_string(library.input_scan_number);
  }
  return codec_error(kStep, session_.code, std::move(found));
}

// Note [bits per block]
// A progressive image needs memory for all its coefficients, 128 bytes an 8x8 block, whatever the size of
// the file. Huffman coding spends at least one bit on the DC coefficient of every block, so that a file
// with fewer bits than blocks is certainly not complete, and one that passes cannot make the decoder hold
// more than 1,024 times its own size. Arithmetic coding has no such bound; there the ratio is a choice: one
// byte for 2,000 pixels, asked only where the coefficients would take more than 64 MiB.
Failure JpegDecoder::check_enough_bytes(size_t size) {
  jpeg_decompress_struct& library = session_.library;
  int64_t blocks = 0;
  for (int i = 0; i < library.num_components; ++i) {
    blocks += int64_t{library.comp_info[i].width_in_blocks} * library.comp_info[i].height_in_blocks;
  }
  const auto byte_count = static_cast<int64_t>(size);
  bool is_enough = byte_count * 8 >= blocks;
  if (library.arith_code) {
    const int64_t pixels = int64_t{library.image_width} * library.image_height;
    is_enough = !jpeg_has_multiple_scans(&library) || blocks * kBlockBytes <= kSmallCoefficientBytes ||
                byte_count * 2000 >= pixels;
  }
  if (is_enough) return std::nullopt;
  return codec_error(kStep, SampleErrorCode::kTruncated,
                     std::to_string(size) + " bytes cannot hold " + std::to_string(library.image_width) +
                         " x " + std::to_string(library.image_height) + " px (" + std::to_string(blocks) +
                         " blocks of 8 x 8)");
}

Failure JpegDecoder::open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) {
  is_open_ = false;
  session_.max_scans = options.limits.max_scans;
  session_.max_cpu_ns = options.limits.max_cpu_ns;
  session_.is_cancelled = options.limits.is_cancelled;
  if (!read_jpeg_header(session_, bytes.data(), bytes.size(), options.apply_exif_orientation)) {
    return session_error();
  }
  const jpeg_decompress_struct& library = session_.library;
  if (Failure failure = check_size(kStep, library.image_width, library.image_height, options.limits)) {
    return failure;
  }
  if (library.jpeg_color_space == JCS_UNKNOWN) {
    return codec_error(kStep, SampleErrorCode::kUnsupported,
                       std::to_string(library.num_components) + " components; 1, 3 or 4 are known");
  }
  if (Failure failure = check_enough_bytes(bytes.size())) return failure;

  color_ = options.color;
  only_library_ = options.only_libjpeg_turbo;
  const bool is_gray = library.jpeg_color_space == JCS_GRAYSCALE;
  shape_.height = static_cast<int>(library.image_height);
  shape_.width = static_cast<int>(library.image_width);
  shape_.channels = color_ == Color::kGray || (color_ == Color::kUnchanged && is_gray) ? 1 : 3;
  shape_.dtype = DType::kUint8;
  // Only behind the header: a thumbnail in it has an end marker too.
  has_end_marker_ = ends_with_marker(bytes.last(session_.source.bytes_in_buffer));
  is_open_ = true;
  *shape = shape_;
  return std::nullopt;
}

// Leaves the library's state as it is, so that the library may still decode.
DecodeRoute JpegDecoder::decode_own(const Rect& region, const Image& out) {
  if (only_library_) return DecodeRoute::kAsked;
  if (!has_end_marker_) return DecodeRoute::kNoEnd;
  JpegFrame frame;
  JpegScan scan;
  const DecodeRoute route = describe_jpeg(session_.library, &frame, &scan);
  if (route != DecodeRoute::kOwn) return route;
  const JpegPixelKind kind = shape_.channels == 1    ? JpegPixelKind::kGray
                             : color_ == Color::kBgr ? JpegPixelKind::kBgr
                                                     : JpegPixelKind::kRgb;
  return baseline_.decode(frame, scan, region, kind,
                          {session_.start_cpu_ns, session_.max_cpu_ns, session_.is_cancelled},
                          out.row<uint8_t>(0), out.row_bytes);
}

Failure JpegDecoder::decode(const Rect& region, const Image& out) {
  STOKER_CHECK(is_open_);
  route_ = decode_own(region, out);
  if (route_ == DecodeRoute::kOwn) {
    is_open_ = false;
    return std::nullopt;
  }
  JpegTask task{};
  task.region = region;
  task.out = out.row<uint8_t>(0);
  task.out_row_bytes = out.row_bytes;
  task.to_the_end = !has_end_marker_;
  switch (session_.library.jpeg_color_space) {
    case JCS_GRAYSCALE:
      task.color = shape_.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
      break;
    case JCS_CMYK:
    case JCS_YCCK:
      task.color = JCS_CMYK;
      task.convert = color_ == Color::kGray  ? gray_from_inverted_cmyk
                     : color_ == Color::kBgr ? bgr_from_inverted_cmyk
                                             : rgb_from_inverted_cmyk;
      break;
    default:
      task.color = color_ == Color::kBgr ? JCS_EXT_BGR : JCS_RGB;
      if (color_ == Color::kGray) task.convert = gray_from_rgb;
  }
  task.pixel_bytes = task.color == JCS_GRAYSCALE ? 1 : task.color == JCS_CMYK ? 4 : 3;
  task.strip = strip_.reserve(kJpegStripRows * jpeg_strip_row_bytes(shape_.width, task.pixel_bytes));

  const bool is_done = decode_jpeg(session_, task);
  Failure failure;
  if (!is_done) failure = session_error();
  is_open_ = false;
  return failure;
}

int JpegDecoder::orientation() const {
  constexpr size_t kPrefixBytes = 6;
  for (const jpeg_marker_struct* marker = session_.library.marker_list; marker != nullptr;
       marker = marker->next) {
    if (marker->marker != JPEG_APP0 + 1 || marker->data_length < kPrefixBytes ||
        std::memcmp(marker->data, "Exif\0", kPrefixBytes) != 0) {
      continue;
    }
    return exif_orientation({marker->data + kPrefixBytes, marker->data_length - kPrefixBytes});
  }
  return 1;
}

const RegisterCodec kJpeg({.name = "jpeg",
                           .library = kLibrary,
                           .is_mine =
                               [](std::span<const uint8_t> bytes) {
                                 return bytes.size() >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 &&
                                        bytes[2] == 0xff;
                               },
                           .make = []() -> std::unique_ptr<Decoder> {
                             return std::make_unique<JpegDecoder>();
                           }});

}  // namespace
}  // namespace stoker
