// What stoker's own baseline decoder must know of a JPEG, and the coefficients that its two parts hand over:
// jpeg_entropy.h makes them from bytes, jpeg_pixels.h makes pixels of them. Neither knows the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stoker {

inline constexpr int kJpegBlockSide = 8;
inline constexpr int kJpegBlockSize = 64;
inline constexpr int kJpegMaxComponents = 3;
inline constexpr int kJpegMaxMcuBlocks = 10;

struct JpegComponent {
  int h = 1;  // blocks of an MCU, across: 1 or 2
  int v = 1;  // and down
  int width_px = 0;
  int height_px = 0;
  int first_block = 0;                     // of an MCU's blocks; h * v of them, row by row
  const uint16_t* quantization = nullptr;  // 64 values in natural order
};

enum class JpegModel : uint8_t { kGray, kYcc, kRgb };

struct JpegFrame {
  int width_px = 0;
  int height_px = 0;
  JpegModel model = JpegModel::kGray;
  int component_count = 1;  // 1 or 3
  JpegComponent components[kJpegMaxComponents];
  int max_h = 1;
  int max_v = 1;
  int mcu_columns = 0;
  int mcu_rows = 0;
  int mcu_blocks = 1;  // at most kJpegMaxMcuBlocks
  int row_group = 1;   // rows of MCUs that libjpeg-turbo reads together

  int mcu_width_px() const { return kJpegBlockSide * max_h; }
  int mcu_height_px() const { return kJpegBlockSide * max_v; }
};

// A Huffman code as a DHT segment has it: how many codes of each length 1..16 (counts[1] is of length 1), and
// the symbols in the order of their codes.
struct JpegCode {
  const uint8_t* counts = nullptr;
  const uint8_t* symbols = nullptr;  // 256
};

struct JpegScan {
  JpegCode dc[kJpegMaxComponents];
  JpegCode ac[kJpegMaxComponents];
  int restart_mcus = 0;            // between two restart markers; 0: there are none
  std::span<const uint8_t> bytes;  // what follows the scan header, to the end of the file
};

// Quantised coefficients of a run of MCUs, MCU by MCU, each block in natural order. `last` has one value a
// block: the position in zigzag order behind which all coefficients are zero, so 0 means DC alone.
struct JpegCoefficients {
  int16_t* blocks = nullptr;
  uint8_t* last = nullptr;
};

}  // namespace stoker
