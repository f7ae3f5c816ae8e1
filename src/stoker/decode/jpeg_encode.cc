// Encoding by libjpeg-turbo and libwebp, as cv2.imencode sets them up.
#include <webp/encode.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <limits>
#include <new>
#include <string>
// clang-format off: jpeglib.h needs FILE and size_t
#include <jpeglib.h>
// clang-format on

#include "stoker/base/codec.h"
#include "stoker/decode/decoder.h"

namespace stoker {
namespace {

constexpr size_t kChunkBytes = 16384;

// No C++ object with a destructor lives in the frames that libjpeg leaves by longjmp.
struct EncodeSession {
  jpeg_compress_struct library;
  jpeg_error_mgr errors;
  jpeg_destination_mgr destination;
  std::jmp_buf escape;
  std::vector<uint8_t>* bytes;
  bool is_out_of_memory = false;
  char text[JMSG_LENGTH_MAX] = {};
  uint8_t chunk[kChunkBytes];
};

EncodeSession& session_of(j_compress_ptr library) {
  return *static_cast<EncodeSession*>(library->client_data);
}

void on_error(j_common_ptr library) {
  auto& session = *static_cast<EncodeSession*>(library->client_data);
  library->err->format_message(library, session.text);
  std::longjmp(session.escape, 1);
}

void print_nothing(j_common_ptr) {}

bool append(EncodeSession& session, size_t count) noexcept {
  try {
    session.bytes->insert(session.bytes->end(), session.chunk, session.chunk + count);
    return true;
  } catch (const std::bad_alloc&) {
    session.is_out_of_memory = true;
    return false;
  }
}

void start_chunk(j_compress_ptr library) {
  library->dest->next_output_byte = session_of(library).chunk;
  library->dest->free_in_buffer = kChunkBytes;
}

boolean on_full_chunk(j_compress_ptr library) {
  EncodeSession& session = session_of(library);
  if (!append(session, kChunkBytes)) std::longjmp(session.escape, 1);
  start_chunk(library);
  return TRUE;
}

void finish_chunks(j_compress_ptr library) {
  EncodeSession& session = session_of(library);
  if (!append(session, kChunkBytes - library->dest->free_in_buffer)) std::longjmp(session.escape, 1);
}

bool encode(EncodeSession& session, const ConstImage& image, const JpegSettings& settings) {
  jpeg_compress_struct& library = session.library;
  library.err = jpeg_std_error(&session.errors);
  session.errors.error_exit = on_error;
  session.errors.output_message = print_nothing;
  library.client_data = &session;
  if (setjmp(session.escape) != 0) {
    jpeg_destroy_compress(&library);
    return false;
  }
  jpeg_create_compress(&library);
  session.destination.init_destination = start_chunk;
  session.destination.empty_output_buffer = on_full_chunk;
  session.destination.term_destination = finish_chunks;
  library.dest = &session.destination;
  library.image_width = static_cast<JDIMENSION>(image.width());
  library.image_height = static_cast<JDIMENSION>(image.height());
  library.input_components = image.channels();
  library.in_color_space = image.channels() == 1                  ? JCS_GRAYSCALE
                           : settings.order == ChannelOrder::kBgr ? JCS_EXT_BGR
                                                                  : JCS_RGB;
  jpeg_set_defaults(&library);
  jpeg_set_quality(&library, settings.quality, TRUE);
  if (image.channels() == 3) {
    library.comp_info[0].h_samp_factor = settings.subsampling == ChromaSubsampling::kNone ? 1 : 2;
    library.comp_info[0].v_samp_factor = settings.subsampling == ChromaSubsampling::kQuarter ? 2 : 1;
  }
  jpeg_start_compress(&library, TRUE);
  while (library.next_scanline < library.image_height) {
    // libjpeg's rows are not const, and it does not write to them.
    auto* row = const_cast<JSAMPLE*>(image.row<uint8_t>(static_cast<int>(library.next_scanline)));
    jpeg_write_scanlines(&library, &row, 1);
  }
  jpeg_finish_compress(&library);
  jpeg_destroy_compress(&library);
  return true;
}

void check(const char* where, const ConstImage& image, bool takes_gray, int quality, int max_side_px) {
  const std::string found = std::to_string(image.height()) + " x " + std::to_string(image.width()) + " x " +
                            std::to_string(image.channels()) + " " + std::string(name_of(image.shape.dtype));
  const bool is_known =
      image.shape.dtype == DType::kUint8 && (image.channels() == 3 || (takes_gray && image.channels() == 1));
  if (!is_known) {
    throw ArgumentError(std::string(where) + ": an image of " + found +
                        " was given, allowed are uint8 with " +
                        (takes_gray ? "1 or 3 channels." : "3 channels."));
  }
  const int longest = std::max(image.height(), image.width());
  if (longest > max_side_px || std::min(image.height(), image.width()) < 1) {
    throw ArgumentError(std::string(where) + ": an image of " + found +
                        " was given, allowed are sides of 1 to " + std::to_string(max_side_px) +
                        " pixels; make it smaller first.");
  }
  if (quality < 1 || quality > 100) {
    throw ArgumentError(std::string(where) + ": quality must be between 1 and 100, got " +
                        std::to_string(quality) + ".");
  }
}

}  // namespace

void encode_jpeg(const ConstImage& image, const JpegSettings& settings, std::vector<uint8_t>& bytes) {
  check("encode_jpeg", image, true, settings.quality, kMaxJpegSidePx);
  bytes.clear();
  EncodeSession session;
  session.bytes = &bytes;
  if (encode(session, image, settings)) return;
  if (session.is_out_of_memory) throw std::bad_alloc();
  throw InternalError("encode_jpeg: libjpeg: " + std::string(session.text));
}

void encode_webp(const ConstImage& image, int quality, ChannelOrder order, std::vector<uint8_t>& bytes) {
  check("encode_webp", image, false, quality, kMaxWebpSidePx);
  const auto encode = order == ChannelOrder::kBgr ? WebPEncodeBGR : WebPEncodeRGB;
  uint8_t* made = nullptr;
  const size_t size = encode(image.row<uint8_t>(0), image.width(), image.height(),
                             static_cast<int>(image.row_bytes), static_cast<float>(quality), &made);
  const std::unique_ptr<uint8_t, void (*)(void*)> owned(made, WebPFree);
  if (size == 0) throw InternalError("encode_webp: libwebp made nothing of a legal image.");
  bytes.assign(made, made + size);
}

void decode_encoded(std::span<const uint8_t> bytes, ChannelOrder order, const Image& out) {
  static thread_local DecoderSet decoders;
  DecodeOptions options;
  options.color = out.channels() == 1           ? Color::kGray
                  : order == ChannelOrder::kBgr ? Color::kBgr
                                                : Color::kRgb;
  options.limits.max_pixels = std::numeric_limits<int64_t>::max();
  options.limits.max_pixel_bytes = std::numeric_limits<int64_t>::max();
  options.limits.max_cpu_ns = std::numeric_limits<int64_t>::max();
  ImageShape shape;
  Failure failure = decoders.open(bytes, options, &shape);
  if (!failure && shape != out.shape) {
    throw InternalError("decode_encoded: the bytes hold another shape than was encoded.");
  }
  if (!failure) failure = decoders.decode({0, 0, shape.width, shape.height}, out);
  if (failure) throw InternalError("decode_encoded: " + failure->message());
}

}  // namespace stoker
