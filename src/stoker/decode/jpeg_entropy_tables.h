// Look-up tables for the Huffman codes of a baseline JPEG: several symbols a look-up, with their values.
#pragma once

#include <cstdint>

#include "stoker/decode/jpeg_frame.h"

namespace stoker {

// No step of any table takes more bits, so that one refill of 56 bits serves a DC step and two AC steps, or
// three AC steps.
inline constexpr int kJpegStepBits = 18;
inline constexpr int kJpegDcStepBits = 20;

// A step adds to the position in the block. Position 63 ends it, an end-of-block symbol adds kJpegEnd, and
// what the table cannot tell adds kJpegEscape, a sum that neither of the others makes.
inline constexpr unsigned kJpegLastPosition = 63;
inline constexpr unsigned kJpegEnd = 128;
inline constexpr unsigned kJpegEscape = 64;
// A position this far on is none of the block's, wherever the step began.
inline constexpr unsigned kJpegNowhere = 128;

// One symbol at a time, codes of any length.
struct JpegSymbolTable {
  uint32_t limit[18];  // of codes of each length, shifted to 16 bits: a 16-bit peek below it is that long
  int32_t offset[18];  // symbols[(peek >> (16 - length)) + offset[length]]
  uint8_t symbols[256];
};

// DC: bits 0-7 the bits of code and value together, 8-15 of the code alone, 16-23 63 - bits of the value.
// Zero is an escape.
struct JpegDcTable {
  static constexpr int kIndexBits = 9;
  uint32_t entries[1 << kIndexBits];
};

// AC with values. Up to two coefficients: the first with its value from the table, the second's value cut
// from the bits. Bits 0-7: all bits taken; 8-15: those before the second's value; 16-23 and 24-31: what
// leads from the position to the first and second (kJpegNowhere: there is none); 32-39: what is added to
// the position; 40-47: 63 - bits of the second's value; 48-63: the first's value.
struct JpegReadTable {
  static constexpr int kIndexBits = 10;
  uint64_t entries[1 << kIndexBits];
};

// AC without values: bits 0-7 all bits taken, 8-15 what is added to the position; as many symbols as fit.
struct JpegSkipTable {
  static constexpr int kIndexBits = 11;
  uint16_t entries[1 << kIndexBits];
};

// False where the code is none: more codes of a length than there are, or (`is_dc`) a symbol above 15.
bool build_symbol_table(const JpegCode& code, bool is_dc, JpegSymbolTable* table);

void build_dc_table(const JpegSymbolTable& symbols, JpegDcTable* table);
void build_read_table(const JpegSymbolTable& symbols, JpegReadTable* table);
void build_skip_table(const JpegSymbolTable& symbols, JpegSkipTable* table);

}  // namespace stoker
