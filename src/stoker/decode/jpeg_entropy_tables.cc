#include "stoker/decode/jpeg_entropy_tables.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace stoker {
namespace {

// Calls `visit(symbol, code, length)` for all codes of up to `most_bits` bits, which come in ascending
// order and leave no gaps; returns how many of the 2^most_bits prefixes they cover.
template <class Visit>
int for_each_code(const JpegSymbolTable& table, int most_bits, Visit visit) {
  int covered = 0;
  for (int length = 1; length <= most_bits; ++length) {
    const int end = static_cast<int>(table.limit[length] >> (16 - length));
    for (int code = covered << length >> most_bits; code < end; ++code) {
      visit(table.symbols[code + table.offset[length]], code, length);
    }
    covered = end << (most_bits - length);
  }
  return covered;
}

// Note [tables of tails]
// What a look-up holds behind its first symbol depends only on how many bits are left. So the entries for
// b bits are built for b = 0, 1, .. up: those of a symbol that takes n bits are a range, filled with the
// symbol's own part plus the entries for b - n bits. All fields are sums and none overflows, so a fill is an
// addition of whole entries, which compilers turn into vector code.
template <class Entry, size_t kCount>
struct Tails {
  // The entries for b bits start at 2^b.
  std::array<Entry, kCount * 2> entries;
  Entry* of(int bits) { return entries.data() + (size_t{1} << bits); }
};

template <class Entry>
void fill_sum(Entry* to, const Entry* tail, int count, Entry part) {
  for (int i = 0; i < count; ++i) to[i] = static_cast<Entry>(tail[i] + part);
}

constexpr uint64_t read_entry(uint64_t bits, uint64_t before, uint64_t first, uint64_t second, uint64_t added,
                              uint64_t value_bits) {
  return bits | before << 8 | first << 16 | second << 24 | added << 32 | (63 - value_bits) << 40;
}

constexpr bool is_end(int symbol) { return (symbol & 15) == 0 && symbol >> 4 != 15; }

// The value of `bits` extra bits, as ITU-T T.81 extends it.
constexpr int extended(int extra, int bits) {
  return extra < 1 << (bits - 1) ? extra - (1 << bits) + 1 : extra;
}

// What follows a first symbol when `left` bits of the index are left.
void build_read_tail(const JpegSymbolTable& symbols, int left, uint64_t* tail) {
  constexpr int kBits = JpegReadTable::kIndexBits;
  constexpr uint64_t kNothing = read_entry(0, 0, 0, kJpegNowhere, 0, 0);
  const int taken = kBits - left;
  const int covered = for_each_code(symbols, left, [&](int symbol, int code, int length) {
    const int rest = left - length;
    uint64_t* range = tail + (code << rest);
    const int size = symbol & 15;
    const int run = (symbol >> 4) + 1;
    if (size == 0) {
      const uint64_t added = is_end(symbol) ? kJpegEnd : 16;
      std::fill_n(range, 1 << rest, kNothing + static_cast<uint64_t>(length) + (added << 32));
      return;
    }
    if (taken + length + size > kJpegStepBits) {
      std::fill_n(range, 1 << rest, kNothing);
      return;
    }
    const uint64_t entry = read_entry(length + size, taken + length, 0, run, run, size);
    std::fill_n(range, 1 << rest, entry);
    if (rest <= size) return;
    // An end of block that follows in sight.
    for_each_code(symbols, rest - size, [&](int next, int next_code, int next_length) {
      if (!is_end(next)) return;
      const int last_rest = rest - size - next_length;
      for (int extra = 0; extra < 1 << size; ++extra) {
        std::fill_n(range + (extra << (rest - size)) + (next_code << last_rest), 1 << last_rest,
                    entry + static_cast<uint64_t>(next_length) + (uint64_t{kJpegEnd} << 32));
      }
    });
  });
  std::fill(tail + covered, tail + (1 << left), kNothing);
}

}  // namespace

bool build_symbol_table(const JpegCode& code, bool is_dc, JpegSymbolTable* table) {
  uint32_t next = 0;  // the next code, of the length at hand
  int count = 0;
  table->limit[0] = 0;
  for (int length = 1; length <= 16; ++length) {
    const int of_length = code.counts[length];
    table->offset[length] = count - static_cast<int32_t>(next);
    next += static_cast<uint32_t>(of_length);
    count += of_length;
    if (count > 256 || next >= 1u << length) return false;  // all ones is no code
    table->limit[length] = next << (16 - length);
    next <<= 1;
  }
  std::memcpy(table->symbols, code.symbols, sizeof(table->symbols));
  return !is_dc ||
         std::all_of(code.symbols, code.symbols + count, [](uint8_t symbol) { return symbol <= 15; });
}

void build_dc_table(const JpegSymbolTable& symbols, JpegDcTable* table) {
  constexpr int kBits = JpegDcTable::kIndexBits;
  const int covered = for_each_code(symbols, kBits, [&](int size, int code, int length) {
    uint32_t entry = 0;
    if (length + size <= kJpegDcStepBits) {
      entry = static_cast<uint32_t>((length + size) | length << 8 | (63 - size) << 16);
    }
    std::fill_n(table->entries + (code << (kBits - length)), 1 << (kBits - length), entry);
  });
  std::fill(table->entries + covered, table->entries + (1 << kBits), 0);
}

void build_read_table(const JpegSymbolTable& symbols, JpegReadTable* table) {
  constexpr int kBits = JpegReadTable::kIndexBits;
  constexpr uint64_t kUnknown = read_entry(0, 0, kJpegNowhere, kJpegNowhere, kJpegEscape, 0);
  Tails<uint64_t, 1 << (kBits - 1)> tails;
  tails.of(0)[0] = read_entry(0, 0, 0, kJpegNowhere, 0, 0);
  for (int left = 1; left < kBits; ++left) build_read_tail(symbols, left, tails.of(left));

  uint64_t* const entries = table->entries;
  const int covered = for_each_code(symbols, kBits, [&](int symbol, int code, int length) {
    const int rest = kBits - length;
    uint64_t* range = entries + (code << rest);
    const int size = symbol & 15;
    const auto run = static_cast<uint64_t>(symbol >> 4) + 1;
    const auto bits = static_cast<uint64_t>(length + size);
    if (is_end(symbol)) {
      std::fill_n(range, 1 << rest, read_entry(bits, 0, kJpegNowhere, kJpegNowhere, kJpegEnd, 0));
    } else if (size == 0) {
      fill_sum(range, tails.of(rest), 1 << rest, bits | uint64_t{kJpegNowhere} << 16 | run << 24 | run << 32);
    } else if (size <= rest) {
      const uint64_t part = bits | run << 16 | run << 24 | run << 32;
      for (int extra = 0; extra < 1 << size; ++extra) {
        const auto value = static_cast<uint64_t>(static_cast<uint16_t>(extended(extra, size)));
        fill_sum(range + (extra << (rest - size)), tails.of(rest - size), 1 << (rest - size),
                 part | value << 48);
      }
    } else if (bits <= kJpegStepBits) {
      std::fill_n(range, 1 << rest,
                  read_entry(bits, static_cast<uint64_t>(length), kJpegNowhere, run, run,
                             static_cast<uint64_t>(size)));
    } else {
      std::fill_n(range, 1 << rest, kUnknown);
    }
  });
  std::fill(entries + covered, entries + (1 << kBits), kUnknown);
}

void build_skip_table(const JpegSymbolTable& symbols, JpegSkipTable* table) {
  constexpr int kBits = JpegSkipTable::kIndexBits;
  Tails<uint16_t, 1 << kBits> tails;
  tails.of(0)[0] = 0;
  unsigned most_added[kBits + 1] = {};  // of a tail's entries, an end of block not counted
  for (int left = 1; left <= kBits; ++left) {
    uint16_t* const tail = tails.of(left);
    const int taken = kBits - left;
    unsigned most = 0;
    const int covered = for_each_code(symbols, left, [&](int symbol, int code, int length) {
      const int rest = left - length;
      uint16_t* const range = tail + (code << rest);
      const int size = symbol & 15;
      const int bits = length + size;
      if (taken + bits > kJpegStepBits) {
        std::fill_n(range, 1 << rest, uint16_t{0});
        return;
      }
      const unsigned run = is_end(symbol) ? 0 : static_cast<unsigned>(symbol >> 4) + 1;
      const unsigned added = is_end(symbol) ? kJpegEnd : run;
      const auto entry = static_cast<uint16_t>(static_cast<unsigned>(bits) | added << 8);
      // Runs that no block holds stay apart, so that their sum cannot pass for an end of block.
      const unsigned most_here = size < rest ? run + most_added[rest - size] : run;
      if (is_end(symbol) || size >= rest || most_here > kJpegLastPosition) {
        most = std::max(most, run);
        std::fill_n(range, 1 << rest, entry);
        return;
      }
      most = std::max(most, most_here);
      const uint16_t* const next = tails.of(rest - size);
      const int count = 1 << (rest - size);
      for (int extra = 0; extra < 1 << size; ++extra) fill_sum(range + extra * count, next, count, entry);
    });
    std::fill(tail + covered, tail + (1 << left), uint16_t{0});
    most_added[left] = most;
  }
  constexpr uint16_t kUnknown = kJpegEscape << 8;
  const uint16_t* const whole = tails.of(kBits);
  for (int i = 0; i < 1 << kBits; ++i) table->entries[i] = whole[i] == 0 ? kUnknown : whole[i];
}

}  // namespace stoker
