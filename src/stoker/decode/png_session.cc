#include "stoker/decode/png_session.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>

#include "stoker/base/clock.h"

namespace stoker {
namespace {

// Of one chunk that is kept (palette, transparency, EXIF); IDAT is streamed and not concerned.
constexpr png_alloc_size_t kMaxChunkBytes = png_alloc_size_t{1} << 20;

// Between two looks at the clock.
constexpr size_t kBytesPerClock = size_t{4} << 20;

[[noreturn]] void leave(PngSession& session, SampleErrorCode code, const char* text) {
  std::snprintf(session.text, sizeof(session.text), "%s", text);
  session.code = code;
  std::longjmp(session.escape, 1);
}

void on_error(png_structp library, png_const_charp text) {
  leave(*static_cast<PngSession*>(png_get_error_ptr(library)), SampleErrorCode::kCorrupt, text);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp library, png_bytep to, size_t count) {
  PngSession& session = *static_cast<PngSession*>(png_get_io_ptr(library));
  if (count > session.size - session.position) {
    leave(session, SampleErrorCode::kTruncated, "the data end early");
  }
  std::memcpy(to, session.bytes + session.position, count);
  session.position += count;
}

void read_palette(PngSession& session) {
  for (auto& entry : session.palette) {
    entry[0] = entry[1] = entry[2] = 0;
    entry[3] = 255;
  }
  png_colorp colors = nullptr;
  int color_count = 0;
  png_get_PLTE(session.library, session.info, &colors, &color_count);
  for (int i = 0; i < std::min(color_count, 256); ++i) {
    session.palette[i][0] = colors[i].red;
    session.palette[i][1] = colors[i].green;
    session.palette[i][2] = colors[i].blue;
  }
  png_bytep alphas = nullptr;
  int alpha_count = 0;
  session.has_palette_alpha =
      png_get_tRNS(session.library, session.info, &alphas, &alpha_count, nullptr) != 0 && alphas != nullptr;
  if (!session.has_palette_alpha) return;
  for (int i = 0; i < std::min(alpha_count, 256); ++i) session.palette[i][3] = alphas[i];
}

void open(PngSession& session, bool keep_exif) {
  session.library = png_create_read_struct(PNG_LIBPNG_VER_STRING, &session, on_error, on_warning);
  if (session.library == nullptr) leave(session, SampleErrorCode::kTooLarge, "no memory for the decoder");
  session.info = png_create_info_struct(session.library);
  if (session.info == nullptr) leave(session, SampleErrorCode::kTooLarge, "no memory for the decoder");
  png_structp library = session.library;
  png_set_read_fn(library, &session, on_read);
  png_set_user_limits(library, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the sides were checked before
  png_set_chunk_malloc_max(library, kMaxChunkBytes);
  png_set_chunk_cache_max(library, 16);
  png_set_crc_action(library, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  // Profiles, texts and the like are never unpacked, known or not.
  png_set_keep_unknown_chunks(library, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  if (keep_exif)
    png_set_keep_unknown_chunks(library, PNG_HANDLE_CHUNK_AS_DEFAULT, png_const_bytep("eXIf"), 1);
  png_read_info(library, session.info);

  session.width = static_cast<int>(png_get_image_width(library, session.info));
  session.height = static_cast<int>(png_get_image_height(library, session.info));
  session.bit_depth = png_get_bit_depth(library, session.info);
  session.color_type = png_get_color_type(library, session.info);
  session.file_channels = png_get_channels(library, session.info);
  session.is_interlaced = png_get_interlace_type(library, session.info) != PNG_INTERLACE_NONE;
  session.has_palette_alpha = false;
  if (session.color_type == PNG_COLOR_TYPE_PALETTE) read_palette(session);

  if (session.color_type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(library);
  png_set_packing(library);
  if (session.bit_depth == 16 && std::endian::native == std::endian::little) png_set_swap(library);
  png_set_interlace_handling(library);
  png_read_update_info(library, session.info);
  session.row_bytes = png_get_rowbytes(library, session.info);
}

void check_clock(PngSession& session) {
  if (session.is_cancelled != nullptr && *session.is_cancelled) {
    leave(session, SampleErrorCode::kTooLarge, "the loader was closed");
  }
  if (thread_cpu_ns() - session.start_cpu_ns <= session.max_cpu_ns) return;
  char text[96];
  std::snprintf(text, sizeof(text), "more than %lld ms of CPU time, the most allowed",
                static_cast<long long>(session.max_cpu_ns / 1'000'000));
  leave(session, SampleErrorCode::kTooLarge, text);
}

void decode(PngSession& session, const PngTask& task) {
  png_structp library = session.library;
  const int first = task.region.y;
  const int end = first + task.region.height;
  const int passes = session.is_interlaced ? 7 : 1;
  const int rows_per_clock = static_cast<int>(std::max<size_t>(1, kBytesPerClock / session.row_bytes));
  int rows_to_clock = rows_per_clock;
  for (int pass = 0; pass < passes; ++pass) {
    const bool is_last = pass == passes - 1;
    const int stop = is_last && !task.to_the_end ? end : session.height;
    for (int y = 0; y < stop; ++y) {
      const bool is_wanted = y >= first && y < end;
      uint8_t* row = nullptr;  // libpng then unpacks nothing
      if (is_wanted && task.out != nullptr) {
        row = task.out + (y - first) * task.out_row_bytes;
      } else if (is_wanted) {
        row = task.rows + (session.is_interlaced ? (y - first) * session.row_bytes : 0);
      }
      png_read_row(library, row, nullptr);
      if (is_last) session.rows_done = y + 1;
      if (is_last && is_wanted && task.out == nullptr) task.take(task.taker, y - first, row);
      if (--rows_to_clock > 0) continue;
      rows_to_clock = rows_per_clock;
      check_clock(session);
    }
  }
  if (task.to_the_end) png_read_end(library, nullptr);
}

}  // namespace

bool open_png(PngSession& session, const uint8_t* bytes, size_t size, bool keep_exif) {
  close_png(session);
  session.bytes = bytes;
  session.size = size;
  session.position = 0;
  session.rows_done = 0;
  session.start_cpu_ns = thread_cpu_ns();
  if (setjmp(session.escape) != 0) {
    close_png(session);
    return false;
  }
  open(session, keep_exif);
  return true;
}

bool decode_png(PngSession& session, const PngTask& task) {
  if (setjmp(session.escape) != 0) return false;
  decode(session, task);
  return true;
}

const uint8_t* png_exif(PngSession& session, size_t* size) {
  png_bytep chunk = nullptr;
  png_uint_32 chunk_bytes = 0;
  *size = 0;
  if (session.library == nullptr) return nullptr;
  if (png_get_eXIf_1(session.library, session.info, &chunk_bytes, &chunk) == 0) return nullptr;
  *size = chunk_bytes;
  return chunk;
}

void close_png(PngSession& session) { png_destroy_read_struct(&session.library, &session.info, nullptr); }

}  // namespace stoker
