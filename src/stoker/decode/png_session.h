// The C side of the PNG codec: libpng's callbacks, its setjmp frames and its state, and no C++ object with
// a destructor, because libpng's errors leave by longjmp. Everything here belongs to one thread.
#pragma once

#include <png.h>

#include <atomic>
#include <csetjmp>
#include <cstddef>
#include <cstdint>

#include "stoker/base/error.h"
#include "stoker/base/image.h"

namespace stoker {

struct PngSession {
  png_structp library = nullptr;
  png_infop info = nullptr;
  std::jmp_buf escape;
  const uint8_t* bytes = nullptr;
  size_t size = 0;
  size_t position = 0;
  int64_t max_cpu_ns = 0;
  int64_t start_cpu_ns = 0;
  const std::atomic<bool>* is_cancelled = nullptr;
  int rows_done = 0;

  // Set by open_png. Rows come with one byte a sample up to 8 bits (a palette index too), else two in the
  // byte order of this machine.
  int width = 0;
  int height = 0;
  int bit_depth = 0;
  int color_type = 0;
  int file_channels = 0;
  bool is_interlaced = false;
  bool has_palette_alpha = false;
  uint8_t palette[256][4];  // RGBA; entries that the file does not have are 0, 0, 0, 255
  size_t row_bytes = 0;

  // Why the last call gave false.
  SampleErrorCode code = SampleErrorCode::kCorrupt;
  char text[160];
};

// Takes the rows of a region one by one, from its first, each starting with the image's first column.
struct PngTask {
  Rect region;
  // One row of row_bytes; for an interlaced image region.height rows.
  uint8_t* rows;
  void (*take)(void* taker, int y_in_region, const uint8_t* row);
  void* taker;
  uint8_t* out;  // null, or where whole rows go without `take`
  ptrdiff_t out_row_bytes;
  bool to_the_end;  // also read what follows the region, up to the IEND chunk
};

// Reads up to the first row of pixels. `keep_exif` keeps the eXIf chunk for png_exif().
bool open_png(PngSession& session, const uint8_t* bytes, size_t size, bool keep_exif);

bool decode_png(PngSession& session, const PngTask& task);

// The eXIf chunk, or null.
const uint8_t* png_exif(PngSession& session, size_t* size);

void close_png(PngSession& session);

}  // namespace stoker
