#include "stoker/decode/exif.h"

#include <cstddef>

namespace stoker {
namespace {

constexpr uint16_t kOrientationTag = 0x0112;
constexpr uint32_t kShort = 3;
constexpr uint32_t kLong = 4;
constexpr size_t kEntryBytes = 12;

// Integers of one byte order. Callers have checked that the bytes are there.
struct TiffReader {
  std::span<const uint8_t> bytes;
  bool big_endian;

  uint32_t u16(size_t at) const {
    const uint32_t first = bytes[at];
    const uint32_t second = bytes[at + 1];
    return big_endian ? first << 8 | second : second << 8 | first;
  }
  uint32_t u32(size_t at) const {
    return big_endian ? u16(at) << 16 | u16(at + 2) : u16(at + 2) << 16 | u16(at);
  }
};

}  // namespace

int exif_orientation(std::span<const uint8_t> tiff) {
  if (tiff.size() < 8) return 1;
  const bool big_endian = tiff[0] == 'M' && tiff[1] == 'M';
  if (!big_endian && !(tiff[0] == 'I' && tiff[1] == 'I')) return 1;
  const TiffReader reader{tiff, big_endian};
  if (reader.u16(2) != 42) return 1;

  const size_t directory = reader.u32(4);
  if (directory > tiff.size() - 2) return 1;
  size_t entry_count = reader.u16(directory);
  const size_t room = (tiff.size() - directory - 2) / kEntryBytes;
  if (entry_count > room) entry_count = room;
  for (size_t i = 0; i < entry_count; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (reader.u16(entry) != kOrientationTag) continue;
    const uint32_t type = reader.u16(entry + 2);
    if (type != kShort && type != kLong) return 1;
    const uint32_t value = type == kShort ? reader.u16(entry + 8) : reader.u32(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace stoker
