#include "stoker/decode/jpeg_session.h"

#include <jerror.h>

#include <algorithm>
#include <cstring>

#include "stoker/base/clock.h"

namespace stoker {
namespace {

// Samples between two looks at the clock: some 20 ms of the slowest kind of work.
constexpr int64_t kSamplesPerClock = int64_t{4} << 20;

// Note [aligned rows]
// Into a row that starts on a vector's boundary libjpeg-turbo's colour conversion writes past the caches
// (non-temporal stores). Measured on 500 photographs: whole decode 1.18 times as long as into rows that do
// not, and the next reader waits for memory. So rows of the strip are never aligned, and an aligned row of
// the output is decoded to the strip and copied.
constexpr uintptr_t kVectorBytes = 16;  // the narrowest of libjpeg-turbo on x86
constexpr size_t kStripOffsetBytes = 8;
constexpr size_t kStripRowAlignment = 64;

JpegSession& session_of(j_common_ptr library) { return *static_cast<JpegSession*>(library->client_data); }

[[noreturn]] void leave(JpegSession& session, SampleErrorCode code) {
  session.code = code;
  std::longjmp(session.escape, 1);
}

[[noreturn]] void leave(JpegSession& session, SampleErrorCode code, const char* format, long long value) {
  std::snprintf(session.text, sizeof(session.text), format, value);
  leave(session, code);
}

[[noreturn]] void leave_with_library_text(j_common_ptr library, SampleErrorCode code) {
  JpegSession& session = session_of(library);
  library->err->format_message(library, session.text);
  leave(session, code);
}

SampleErrorCode code_of_library_error(int message) {
  switch (message) {
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CCIR601_NOTIMPL:
    case JERR_COMPONENT_COUNT:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED:
      return SampleErrorCode::kUnsupported;
    case JERR_IMAGE_TOO_BIG:
    case JERR_NO_BACKING_STORE:
    case JERR_OUT_OF_MEMORY:
    case JERR_WIDTH_OVERFLOW:
      return SampleErrorCode::kTooLarge;
    default:
      return SampleErrorCode::kCorrupt;
  }
}

void on_error(j_common_ptr library) {
  leave_with_library_text(library, code_of_library_error(library->err->msg_code));
}

// The library's warnings mean that it went on with invented pixels, except for these, after which the
// pixels are as they were encoded.
bool is_harmless(int message) {
  return message == JWRN_EXTRANEOUS_DATA || message == JWRN_JFIF_MAJOR || message == JWRN_ADOBE_XFORM ||
         message == JWRN_NOT_SEQUENTIAL;
}

void on_message(j_common_ptr library, int level) {
  if (level >= 0 || is_harmless(library->err->msg_code)) return;
  leave_with_library_text(library, SampleErrorCode::kCorrupt);
}

void print_nothing(j_common_ptr) {}

void source_nothing(j_decompress_ptr) {}

[[noreturn]] void leave_out_of_data(j_decompress_ptr library) {
  JpegSession& session = session_of(reinterpret_cast<j_common_ptr>(library));
  session.text[0] = '\0';
  leave(session, SampleErrorCode::kTruncated);
}

// All bytes were there from the start. Other programs feed a false end marker here and get grey pixels.
boolean on_empty_buffer(j_decompress_ptr library) { leave_out_of_data(library); }

void skip_bytes(j_decompress_ptr library, long count) {
  if (count <= 0) return;
  jpeg_source_mgr& source = *library->src;
  if (static_cast<size_t>(count) > source.bytes_in_buffer) leave_out_of_data(library);
  source.next_input_byte += count;
  source.bytes_in_buffer -= static_cast<size_t>(count);
}

// Called per MCU row while scans are collected and per jpeg_read_scanlines.
void on_progress(j_common_ptr library) {
  JpegSession& session = session_of(library);
  if (session.library.input_scan_number > session.max_scans) {
    leave(session, SampleErrorCode::kTooLarge, "more than %lld scans, the most allowed", session.max_scans);
  }
  if (--session.calls_to_clock > 0) return;
  session.calls_to_clock = session.calls_per_clock;
  if (session.is_cancelled != nullptr && *session.is_cancelled) {
    leave(session, SampleErrorCode::kTooLarge, "the loader was closed", 0);
  }
  if (thread_cpu_ns() - session.start_cpu_ns > session.max_cpu_ns) {
    leave(session, SampleErrorCode::kTooLarge, "more than %lld ms of CPU time, the most allowed",
          session.max_cpu_ns / 1'000'000);
  }
}

// Note [tables of the file before]
// libjpeg keeps Huffman and quantisation tables from one file to the next, so that a file without its own
// would get pixels that depend on what the thread decoded before. Before each file the Huffman tables become
// what libjpeg takes in a new session, the standard's examples (Motion JPEG relies on that), or none. A
// quantisation table that no DQT segment has replaced is taken out of sight, and the library then refuses.
// Its memory is kept: libjpeg would allocate anew each time.
void copy_standard_tables(JpegSession& session) {
  jpeg_compress_struct compressor;
  compressor.err = &session.errors;
  compressor.client_data = &session;
  jpeg_create_compress(&compressor);
  compressor.in_color_space = JCS_RGB;
  compressor.input_components = 3;
  jpeg_set_defaults(&compressor);
  for (int slot = 0; slot < NUM_HUFF_TBLS; ++slot) {
    const JHUFF_TBL* dc = compressor.dc_huff_tbl_ptrs[slot];
    const JHUFF_TBL* ac = compressor.ac_huff_tbl_ptrs[slot];
    std::memset(&session.standard_dc[slot], 0xff, sizeof(JHUFF_TBL));  // no code has 255 words of one bit
    std::memset(&session.standard_ac[slot], 0xff, sizeof(JHUFF_TBL));
    if (dc != nullptr) session.standard_dc[slot] = *dc;
    if (ac != nullptr) session.standard_ac[slot] = *ac;
  }
  jpeg_destroy_compress(&compressor);
}

UINT16 unused_value(int i) { return static_cast<UINT16>(0xa5c3 ^ (i * 0x0101)); }

void forget_tables(JpegSession& session) {
  jpeg_decompress_struct& library = session.library;
  const auto common = reinterpret_cast<j_common_ptr>(&library);
  for (int slot = 0; slot < NUM_HUFF_TBLS; ++slot) {
    JHUFF_TBL*& dc = library.dc_huff_tbl_ptrs[slot];
    JHUFF_TBL*& ac = library.ac_huff_tbl_ptrs[slot];
    if (dc == nullptr) dc = jpeg_alloc_huff_table(common);
    if (ac == nullptr) ac = jpeg_alloc_huff_table(common);
    *dc = session.standard_dc[slot];
    *ac = session.standard_ac[slot];
  }
  for (int slot = 0; slot < NUM_QUANT_TBLS; ++slot) {
    JQUANT_TBL*& table = library.quant_tbl_ptrs[slot];
    if (table == nullptr) table = session.quantization[slot];
    if (table == nullptr) table = jpeg_alloc_quant_table(common);
    session.quantization[slot] = table;
    for (int i = 0; i < DCTSIZE2; ++i) table->quantval[i] = unused_value(i);
  }
}

void hide_forgotten_tables(jpeg_decompress_struct& library) {
  for (JQUANT_TBL*& table : library.quant_tbl_ptrs) {
    int i = 0;
    while (i < DCTSIZE2 && table->quantval[i] == unused_value(i)) ++i;
    if (i == DCTSIZE2) table = nullptr;
  }
}

void create(JpegSession& session) {
  jpeg_decompress_struct& library = session.library;
  library.err = jpeg_std_error(&session.errors);
  session.errors.error_exit = on_error;
  session.errors.emit_message = on_message;
  session.errors.output_message = print_nothing;
  library.client_data = &session;
  copy_standard_tables(session);
  jpeg_create_decompress(&library);  // keeps err and client_data
  session.created = true;
  session.source.init_source = source_nothing;
  session.source.fill_input_buffer = on_empty_buffer;
  session.source.skip_input_data = skip_bytes;
  session.source.resync_to_restart = jpeg_resync_to_restart;
  session.source.term_source = source_nothing;
  library.src = &session.source;
  session.progress.progress_monitor = on_progress;
  library.progress = &session.progress;
}

bool is_aligned(const uint8_t* row) { return reinterpret_cast<uintptr_t>(row) % kVectorBytes == 0; }

// Whether the library smooths across blocks, which it does where a progressive file lacks low AC
// coefficients. It then looks at neighbours that a partial decode does not have.
bool may_smooth(const jpeg_decompress_struct& library) {
  if (!library.progressive_mode || library.coef_bits == nullptr) return false;
  for (int component = 0; component < library.num_components; ++component) {
    for (int coefficient = 1; coefficient <= 9; ++coefficient) {
      if (library.coef_bits[component][coefficient] != 0) return true;
    }
  }
  return false;
}

// Limits decoding to the columns of `region` and returns the first column that the rows now start with.
//
// The first and last column of the library's cropped rows are upsampled as if they were the image's edge,
// so one more column is asked on either side; the library itself widens to the left up to its MCU. A crop
// of one chroma sample would switch to another upsampling, hence the least width.
int crop_columns(jpeg_decompress_struct& library, const Rect& region) {
  const int image_width = static_cast<int>(library.output_width);
  int first = std::max(0, region.x - 1);
  const int end = std::min(image_width, region.x + region.width + 1);
  const int width = std::max(end - first, 2 * library.max_h_samp_factor);
  if (width >= image_width) return 0;
  first = std::min(first, image_width - width);
  auto library_first = static_cast<JDIMENSION>(first);
  auto library_width = static_cast<JDIMENSION>(width);
  jpeg_crop_scanline(&library, &library_first, &library_width);
  return static_cast<int>(library_first);
}

void discard_rows(jpeg_decompress_struct& library, const JpegTask& task, JDIMENSION end) {
  while (library.output_scanline < end) {
    JSAMPROW row = task.strip + kStripOffsetBytes;
    jpeg_read_scanlines(&library, &row, 1);
  }
}

void read_rows(jpeg_decompress_struct& library, const JpegTask& task, int first_column) {
  const bool is_direct = task.convert == nullptr && first_column == task.region.x &&
                         static_cast<int>(library.output_width) == task.region.width;
  const size_t strip_row_bytes = jpeg_strip_row_bytes(library.output_width, task.pixel_bytes);
  const size_t skipped_bytes = static_cast<size_t>(task.region.x - first_column) * task.pixel_bytes;
  const size_t wanted_bytes = static_cast<size_t>(task.region.width) * task.pixel_bytes;
  uint8_t* out = task.out;
  for (int left = task.region.height; left > 0;) {
    JSAMPROW rows[kJpegStripRows];
    const int asked = std::min(left, kJpegStripRows);
    for (int i = 0; i < asked; ++i) {
      uint8_t* to = out + i * task.out_row_bytes;
      rows[i] = is_direct && !is_aligned(to) ? to : task.strip + i * strip_row_bytes + kStripOffsetBytes;
    }
    const int got = static_cast<int>(jpeg_read_scanlines(&library, rows, static_cast<JDIMENSION>(asked)));
    for (int i = 0; i < got; ++i, out += task.out_row_bytes) {
      if (rows[i] == out) continue;
      if (task.convert == nullptr) {
        std::memcpy(out, rows[i] + skipped_bytes, wanted_bytes);
      } else {
        task.convert(rows[i] + skipped_bytes, out, task.region.width);
      }
    }
    left -= got;
  }
}

void decode(JpegSession& session, const JpegTask& task) {
  jpeg_decompress_struct& library = session.library;
  const int64_t samples_per_call = int64_t{library.image_width} * library.num_components * DCTSIZE;
  session.calls_per_clock =
      static_cast<int>(std::clamp<int64_t>(kSamplesPerClock / samples_per_call, 1, 4096));
  session.calls_to_clock = session.calls_per_clock;
  library.out_color_space = task.color;
  jpeg_start_decompress(&library);

  const auto first_row = static_cast<JDIMENSION>(task.region.y);
  int first_column = 0;
  if (may_smooth(library)) {
    discard_rows(library, task, first_row);
  } else {
    first_column = crop_columns(library, task.region);
    if (first_row > 0) jpeg_skip_scanlines(&library, first_row);
  }
  read_rows(library, task, first_column);
  if (task.to_the_end) {
    discard_rows(library, task, library.output_height);
    jpeg_finish_decompress(&library);
  }
}

}  // namespace

size_t jpeg_strip_row_bytes(size_t width, int pixel_bytes) {
  const size_t bytes = width * static_cast<size_t>(pixel_bytes) + kStripOffsetBytes;
  return (bytes + kStripRowAlignment - 1) / kStripRowAlignment * kStripRowAlignment;
}

bool read_jpeg_header(JpegSession& session, const uint8_t* bytes, size_t size, bool keep_exif) {
  if (setjmp(session.escape) != 0) {
    if (session.created) jpeg_abort_decompress(&session.library);
    return false;
  }
  if (!session.created) create(session);
  jpeg_abort_decompress(&session.library);
  forget_tables(session);
  session.source.next_input_byte = bytes;
  session.source.bytes_in_buffer = size;
  session.start_cpu_ns = thread_cpu_ns();
  jpeg_save_markers(&session.library, JPEG_APP0 + 1, keep_exif ? 0xffff : 0);
  jpeg_read_header(&session.library, TRUE);
  hide_forgotten_tables(session.library);
  session.library.output_scanline = 0;  // an error before the first row tells it
  return true;
}

bool decode_jpeg(JpegSession& session, const JpegTask& task) {
  if (setjmp(session.escape) != 0) {
    jpeg_abort_decompress(&session.library);
    return false;
  }
  decode(session, task);
  jpeg_abort_decompress(&session.library);
  return true;
}

void destroy_jpeg(JpegSession& session) {
  if (session.created) jpeg_destroy_decompress(&session.library);
}

}  // namespace stoker
