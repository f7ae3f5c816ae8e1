#include "stoker/decode/jpeg_entropy.h"

#include <algorithm>
#include <cstring>

namespace stoker {
namespace {

bool is_same(const JpegCode& a, const JpegCode& b) { return a.counts == b.counts && a.symbols == b.symbols; }

}  // namespace

bool JpegEntropy::Slot::change(const JpegCode& next, bool is_dc) {
  code = next;
  if (is_code && std::memcmp(counts, next.counts, sizeof(counts)) == 0 &&
      std::memcmp(symbols, next.symbols, sizeof(symbols)) == 0) {
    return false;
  }
  is_code = build_symbol_table(next, is_dc, &table);
  std::memcpy(counts, next.counts, sizeof(counts));
  std::memcpy(symbols, next.symbols, sizeof(symbols));
  return true;
}

// Components mostly share their codes. Null where the code is none.
JpegEntropy::DcSlot* JpegEntropy::dc_slot(const JpegCode& code) {
  for (int i = 0; i < dc_count_; ++i) {
    if (is_same(dc_[i].code, code)) return &dc_[i];
  }
  DcSlot& slot = dc_[dc_count_++];
  const bool is_new = slot.change(code, true);
  if (!slot.is_code) return nullptr;
  if (is_new) build_dc_table(slot.table, &slot.dc);
  return &slot;
}

JpegEntropy::AcSlot* JpegEntropy::ac_slot(const JpegCode& code) {
  for (int i = 0; i < ac_count_; ++i) {
    if (is_same(ac_[i].code, code)) return &ac_[i];
  }
  AcSlot& slot = ac_[ac_count_++];
  if (slot.change(code, false)) slot.has_read = slot.has_skip = false;
  return slot.is_code ? &slot : nullptr;
}

bool JpegEntropy::begin(const JpegFrame& frame, const JpegScan& scan) {
  run_.block_count = dc_count_ = ac_count_ = 0;
  has_read_tables_ = has_skip_tables_ = false;
  for (int c = 0; c < frame.component_count; ++c) {
    const DcSlot* const dc = dc_slot(scan.dc[c]);
    const AcSlot* const ac = ac_slot(scan.ac[c]);
    if (dc == nullptr || ac == nullptr) return false;
    const int count = frame.components[c].h * frame.components[c].v;
    for (int i = 0; i < count; ++i) {
      run_.blocks[run_.block_count++] = {&dc->dc, &ac->read, &ac->skip, &dc->table, &ac->table, c};
    }
  }
  restart_mcus_ = scan.restart_mcus;
  left_mcus_ = restart_mcus_;
  next_restart_ = 0;
  source_end_ = scan.bytes.data() + scan.bytes.size();
  run_.begin_segment(scan.bytes.data(), source_end_);
  return true;
}

bool JpegEntropy::skip(int64_t mcu_count) {
  if (mcu_count == 0) return true;
  for (int i = 0; !has_skip_tables_ && i < ac_count_; ++i) {
    if (!ac_[i].has_skip) build_skip_table(ac_[i].table, &ac_[i].skip);
    ac_[i].has_skip = true;
  }
  has_skip_tables_ = true;
  return for_runs(mcu_count, [&](int64_t count) { return run_.skip_run(count); });
}

bool JpegEntropy::read(int mcu_count, const JpegCoefficients& to) {
  if (mcu_count == 0) return true;
  for (int i = 0; !has_read_tables_ && i < ac_count_; ++i) {
    if (!ac_[i].has_read) build_read_table(ac_[i].table, &ac_[i].read);
    ac_[i].has_read = true;
  }
  has_read_tables_ = true;
  const size_t block_count = static_cast<size_t>(mcu_count) * static_cast<size_t>(run_.block_count);
  std::memset(to.blocks, 0, block_count * kJpegBlockSize * sizeof(int16_t));
  JpegCoefficients next = to;
  return for_runs(mcu_count, [&](int64_t count) { return run_.read_run(count, &next); });
}

template <class Decode>
bool JpegEntropy::for_runs(int64_t mcu_count, Decode decode) {
  if (restart_mcus_ == 0) return decode(mcu_count);
  while (mcu_count > 0) {
    if (left_mcus_ == 0 && !pass_restart_marker()) return false;
    const int64_t count = std::min(mcu_count, left_mcus_);
    if (!decode(count)) return false;
    mcu_count -= count;
    left_mcus_ -= count;
  }
  return true;
}

bool JpegEntropy::pass_restart_marker() {
  const uint8_t* const marker = run_.end_marker();
  if (marker == nullptr || source_end_ - marker < 2 || marker[1] != 0xd0 + next_restart_) return false;
  next_restart_ = (next_restart_ + 1) % 8;
  left_mcus_ = restart_mcus_;
  run_.begin_segment(marker + 2, source_end_);
  return true;
}

}  // namespace stoker
