// The inner loop of the Huffman decoding: a run of MCUs without a restart marker inside.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stoker/decode/jpeg_entropy_tables.h"
#include "stoker/decode/jpeg_frame.h"

namespace stoker {

// A bit buffer whose next bit is the topmost: `count` bits are known to be valid, and those behind them are
// zero or what follows.
struct JpegBits {
  uint64_t buffer = 0;
  uint64_t count = 0;
  const uint8_t* next = nullptr;
};

// What one block of an MCU is decoded with.
struct JpegBlockTables {
  const JpegDcTable* dc;
  const JpegReadTable* read;
  const JpegSkipTable* skip;
  const JpegSymbolTable* dc_symbols;
  const JpegSymbolTable* ac_symbols;
  int component;
};

// The bytes of a segment, unstuffed in pieces ahead of the bits, and where the decoding is.
class JpegRun {
 public:
  // Begins a segment at `source`; the prediction of DC coefficients starts anew.
  void begin_segment(const uint8_t* source, const uint8_t* source_end);
  // Makes sure that the next MCU's bytes are there; what is left must be no more than that. False if more was
  // decoded than there is.
  bool get_more(JpegBits& bits);
  bool is_overrun() const;
  // The marker that ended the segment, if all but the padding of its last byte was decoded; else null.
  const uint8_t* end_marker();

  // False at a bad code or the end of the bytes. read_run() moves `to` behind what it wrote, into cleared
  // blocks.
  bool skip_run(int64_t mcu_count);
  bool read_run(int64_t mcu_count, JpegCoefficients* to);

  int block_count = 0;
  JpegBlockTables blocks[kJpegMaxMcuBlocks];
  uint32_t predictions[kJpegMaxComponents];
  JpegBits bits;
  const uint8_t* limit = nullptr;  // an MCU that begins behind it calls get_more() first

 private:
  ptrdiff_t left_bits() const;

  // The most bytes that an MCU can take, with the eight that a refill looks at.
  static constexpr size_t kMcuBytes = 2560;
  static constexpr size_t kPaddingBytes = kMcuBytes + 16;
  static constexpr size_t kChunkBytes = 8192;
  static constexpr size_t kBufferBytes = kPaddingBytes + kChunkBytes + 256 + kPaddingBytes;

  const uint8_t* source_ = nullptr;
  const uint8_t* source_end_ = nullptr;
  const uint8_t* data_end_ = nullptr;  // of the bytes in buffer_
  bool is_ended_ = false;              // buffer_ has the last bytes of the segment
  alignas(64) uint8_t buffer_[kBufferBytes];
};

// One symbol of a code of any length, mostly one that has more than `index_bits`; -1 for a bad code.
int next_jpeg_symbol(JpegBits& bits, const JpegSymbolTable& symbols, int index_bits);

}  // namespace stoker
