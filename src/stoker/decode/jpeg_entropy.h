// Bytes to coefficients: the Huffman decoding of a baseline scan.
#pragma once

#include <cstdint>

#include "stoker/decode/jpeg_entropy_run.h"
#include "stoker/decode/jpeg_entropy_tables.h"
#include "stoker/decode/jpeg_frame.h"

namespace stoker {

// Belongs to one thread and is reused for image after image; allocates nothing.
//
// Every false means that something is not as an undamaged baseline scan has it: a bad code, too few bytes,
// a restart marker that is missing or not where it must be. The scan is then left as it is, and nothing
// that was decoded of the run may be used.
class JpegEntropy {
 public:
  bool begin(const JpegFrame& frame, const JpegScan& scan);

  // Goes past the next `mcu_count` MCUs.
  bool skip(int64_t mcu_count);

  // Decodes the next `mcu_count` MCUs; `to` has room for the blocks of as many.
  bool read(int mcu_count, const JpegCoefficients& to);

 private:
  // A Huffman code and the tables made of it, which stay as long as files have the same code.
  struct Slot {
    JpegCode code;         // of the file at hand, to know it again
    bool is_code = false;  // counts, symbols and table hold one
    uint8_t counts[17];
    uint8_t symbols[256];
    JpegSymbolTable table;

    // Whether `next` is another code than before; is_code tells if it is one at all.
    bool change(const JpegCode& next, bool is_dc);
  };
  struct DcSlot : Slot {
    JpegDcTable dc;
  };
  struct AcSlot : Slot {
    bool has_read = false;
    bool has_skip = false;
    JpegReadTable read;
    JpegSkipTable skip;
  };

  DcSlot* dc_slot(const JpegCode& code);
  AcSlot* ac_slot(const JpegCode& code);
  bool pass_restart_marker();
  // Calls `decode(count)` for the runs between restart markers.
  template <class Decode>
  bool for_runs(int64_t mcu_count, Decode decode);

  int dc_count_ = 0;
  int ac_count_ = 0;
  bool has_read_tables_ = false;
  bool has_skip_tables_ = false;
  int restart_mcus_ = 0;
  int64_t left_mcus_ = 0;  // until the next restart marker
  int next_restart_ = 0;
  const uint8_t* source_end_ = nullptr;
  DcSlot dc_[kJpegMaxComponents];
  AcSlot ac_[kJpegMaxComponents];
  JpegRun run_;
};

}  // namespace stoker
