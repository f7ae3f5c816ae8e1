// The C side of the JPEG codec: libjpeg's callbacks, its setjmp frames and its state, and no C++ object
// with a destructor, because libjpeg leaves by longjmp. Everything here belongs to one thread.
#pragma once

#include <atomic>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
// clang-format off: jpeglib.h needs FILE and size_t
#include <jpeglib.h>
// clang-format on

#include "stoker/base/error.h"
#include "stoker/base/image.h"

namespace stoker {

// The library hands over at most so many rows a call: the largest vertical sampling factor.
inline constexpr int kJpegStripRows = 4;

struct JpegSession {
  jpeg_decompress_struct library;
  jpeg_error_mgr errors;
  jpeg_source_mgr source;
  jpeg_progress_mgr progress;
  std::jmp_buf escape;
  bool created = false;

  // See Note [tables of the file before].
  JHUFF_TBL standard_dc[NUM_HUFF_TBLS];
  JHUFF_TBL standard_ac[NUM_HUFF_TBLS];
  JQUANT_TBL* quantization[NUM_QUANT_TBLS];

  int max_scans = 0;
  int64_t max_cpu_ns = 0;
  int64_t start_cpu_ns = 0;
  const std::atomic<bool>* is_cancelled = nullptr;
  int calls_per_clock = 1;  // progress calls between two looks at the clock
  int calls_to_clock = 1;

  // Why the last call gave false; `text` is empty where the data ended.
  SampleErrorCode code = SampleErrorCode::kCorrupt;
  char text[JMSG_LENGTH_MAX];
};

struct JpegTask {
  J_COLOR_SPACE color;  // that the library converts to
  Rect region;
  uint8_t* out;
  ptrdiff_t out_row_bytes;
  int pixel_bytes;                                               // of the library's rows
  void (*convert)(const uint8_t* from, uint8_t* to, int width);  // a row of the region; null: as it is
  uint8_t* strip;                                                // scratch, see jpeg_strip_row_bytes()
  bool to_the_end;  // also decode what follows the region, up to the end-of-image marker
};

// The strip has kJpegStripRows rows of so many bytes.
size_t jpeg_strip_row_bytes(size_t width, int pixel_bytes);

// Reads up to the first scan. After false the session may be used for the next image.
bool read_jpeg_header(JpegSession& session, const uint8_t* bytes, size_t size, bool keep_exif);

// Decodes the region of the image whose header was read. `library.output_scanline` tells the rows done.
bool decode_jpeg(JpegSession& session, const JpegTask& task);

void destroy_jpeg(JpegSession& session);

}  // namespace stoker
