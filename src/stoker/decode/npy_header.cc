#include "stoker/decode/npy_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "stoker/decode/codec_error.h"
#include "stoker/decode/tiff_bands.h"

namespace stoker {
namespace {

constexpr std::string_view kStep = "decode/npy";
constexpr uint8_t kMagic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

// NumPy pads its headers to 64 bytes; those of plain arrays need no more than 128.
constexpr size_t kMaxHeaderBytes = 65'536;

// A quoted text is printed in errors no longer than this.
constexpr size_t kMaxShownBytes = 40;

SampleError corrupt(std::string found) {
  return codec_error(kStep, SampleErrorCode::kCorrupt, std::move(found));
}

SampleError unsupported(std::string found, std::string hint) {
  SampleError error = codec_error(kStep, SampleErrorCode::kUnsupported, std::move(found));
  error.hint = std::move(hint);
  return error;
}

std::string shown(std::string_view text) {
  std::string safe;
  for (const char c : text.substr(0, kMaxShownBytes)) safe += c >= ' ' && c < 0x7f ? c : '?';
  if (text.size() > kMaxShownBytes) safe += "...";
  return "'" + safe + "'";
}

struct Entries {
  std::optional<std::string_view> descr;
  std::optional<bool> fortran_order;
  std::optional<std::array<int64_t, 3>> sides;
  int side_count = 0;
  bool is_structured = false;
};

// The one form that NumPy writes: {'descr': '<u2', 'fortran_order': False, 'shape': (3, 4), } and a line end.
// Keys in any order, blanks anywhere, either quote.
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : rest_(text) {}

  bool read(Entries* entries) {
    if (!take('{')) return false;
    while (!take('}')) {
      std::string_view key;
      if (!take_quoted(&key) || !take(':') || !take_value(key, entries)) return false;
      if (!take(',') && !next_is('}')) return false;
    }
    skip_blanks();
    return rest_.empty() && entries->descr && entries->fortran_order && entries->sides;
  }

 private:
  void skip_blanks() {
    const size_t first = rest_.find_first_not_of(" \t\n\r");
    rest_.remove_prefix(first == std::string_view::npos ? rest_.size() : first);
  }

  bool next_is(char c) {
    skip_blanks();
    return !rest_.empty() && rest_.front() == c;
  }

  bool take(char c) {
    if (!next_is(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool take_word(std::string_view word) {
    skip_blanks();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  bool take_quoted(std::string_view* text) {
    if (!next_is('\'') && !next_is('"')) return false;
    const char quote = rest_.front();
    const size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) return false;
    *text = rest_.substr(1, end - 1);
    if (text->find('\\') != std::string_view::npos) return false;
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool take_number(int64_t* number) {
    skip_blanks();
    int64_t value = 0;
    size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      const int digit = rest_[digits] - '0';
      if (value > (std::numeric_limits<int64_t>::max() - digit) / 10) return false;
      value = value * 10 + digit;
    }
    if (digits == 0 || (digits > 1 && rest_.front() == '0')) return false;
    rest_.remove_prefix(digits);
    if (!rest_.empty() && rest_.front() == 'L') rest_.remove_prefix(1);  // Python 2's long integers
    *number = value;
    return true;
  }

  bool take_sides(Entries* entries) {
    std::array<int64_t, 3> sides{};
    int count = 0;
    if (!take('(')) return false;
    bool has_comma = true;
    while (!take(')')) {
      int64_t side = 0;
      if (!has_comma || !take_number(&side)) return false;
      if (count < 3) sides[static_cast<size_t>(count)] = side;
      ++count;
      has_comma = take(',');
    }
    if (count == 1 && !has_comma) return false;
    entries->sides = sides;
    entries->side_count = count;
    return true;
  }

  bool take_value(std::string_view key, Entries* entries) {
    if (key == "descr") {
      std::string_view descr;
      if (entries->descr) return false;
      entries->is_structured = next_is('[');
      if (entries->is_structured) return false;
      if (!take_quoted(&descr)) return false;
      entries->descr = descr;
      return true;
    }
    if (key == "fortran_order") {
      if (entries->fortran_order) return false;
      const bool is_true = take_word("True");
      if (!is_true && !take_word("False")) return false;
      entries->fortran_order = is_true;
      return true;
    }
    return key == "shape" && !entries->sides && take_sides(entries);
  }

  std::string_view rest_;
};

Failure read_dtype(std::string_view descr, NpyHeader* header) {
  const char order = descr.empty() ? '\0' : descr.front();
  const std::string_view kind = descr.substr(descr.empty() ? 0 : 1);
  if (kind.starts_with('O')) {
    return unsupported("an array of Python objects, which is a pickle; pickles are never loaded",
                       "save the array with a numeric dtype");
  }
  constexpr std::pair<std::string_view, DType> kKinds[] = {{"u1", DType::kUint8},
                                                           {"u2", DType::kUint16},
                                                           {"i2", DType::kInt16},
                                                           {"i4", DType::kInt32},
                                                           {"f4", DType::kFloat32}};
  const auto* found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const auto& known) { return known.first == kind; });
  const bool is_known =
      found != std::end(kKinds) && (order == '<' || order == '>' || (order == '|' && kind == "u1"));
  if (!is_known) {
    return unsupported("dtype " + shown(descr) + "; uint8, uint16, int16, int32 and float32 are known",
                       "save the array as one of these with astype()");
  }
  header->shape.dtype = found->second;
  const bool is_big_endian = order == '>';
  header->swaps_bytes = kind != "u1" && is_big_endian != (std::endian::native == std::endian::big);
  return std::nullopt;
}

Failure read_shape(const Entries& entries, const DecodeLimits& limits, NpyHeader* header) {
  const std::array<int64_t, 3>& sides = *entries.sides;
  if (entries.side_count != 2 && entries.side_count != 3) {
    return unsupported("an array of " + std::to_string(entries.side_count) +
                           " axes; (height, width) or (height, width, channels)",
                       "save one image a file");
  }
  const int64_t channels = entries.side_count == 3 ? sides[2] : 1;
  if (sides[0] == 0 || sides[1] == 0 || channels == 0) {
    return unsupported("an array without elements", "leave it out");
  }
  if (Failure failure = check_size(kStep, sides[1], sides[0], limits)) return failure;
  if (channels > kMaxBands) {
    return unsupported(
        std::to_string(channels) + " channels; at most " + std::to_string(kMaxBands) + ", on the last axis",
        "save the array as (height, width, channels)");
  }
  header->shape.height = static_cast<int>(sides[0]);
  header->shape.width = static_cast<int>(sides[1]);
  header->shape.channels = static_cast<int>(channels);
  return std::nullopt;
}

}  // namespace

bool is_npy(std::span<const uint8_t> bytes) {
  return bytes.size() >= sizeof(kMagic) && std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) == 0;
}

Failure read_npy_header(std::span<const uint8_t> bytes, const DecodeLimits& limits, NpyHeader* header) {
  const auto truncated = [&](size_t needed) {
    return codec_error(kStep, SampleErrorCode::kTruncated,
                       std::to_string(bytes.size()) + " bytes; " + std::to_string(needed) + " are needed");
  };
  constexpr size_t kVersionEnd = sizeof(kMagic) + 2;
  if (bytes.size() < kVersionEnd) return truncated(kVersionEnd);
  const int major = bytes[6];
  const int minor = bytes[7];
  if (major < 1 || major > 3 || minor != 0) {
    return unsupported(
        "version " + std::to_string(major) + "." + std::to_string(minor) + "; 1.0, 2.0 and 3.0 are known",
        "save the array again with numpy.save");
  }
  const size_t length_bytes = major == 1 ? 2 : 4;
  const size_t text_offset = kVersionEnd + length_bytes;
  if (bytes.size() < text_offset) return truncated(text_offset);
  size_t text_bytes = 0;
  for (size_t i = 0; i < length_bytes; ++i) text_bytes |= size_t{bytes[kVersionEnd + i]} << (8 * i);
  if (text_bytes > kMaxHeaderBytes) {
    return corrupt("a header of " + std::to_string(text_bytes) + " bytes; at most " +
                   std::to_string(kMaxHeaderBytes));
  }
  header->data_offset = text_offset + text_bytes;
  if (bytes.size() < header->data_offset) return truncated(header->data_offset);

  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + text_offset, text_bytes);
  Entries entries;
  if (!HeaderText(text).read(&entries)) {
    if (entries.is_structured) {
      return unsupported("a structured dtype", "save the array with a plain numeric dtype");
    }
    return corrupt("the header " + shown(text) + " is not what numpy.save writes");
  }
  if (Failure failure = read_dtype(*entries.descr, header)) return failure;
  if (*entries.fortran_order) {
    return unsupported("an array in Fortran order", "save numpy.ascontiguousarray(array)");
  }
  if (Failure failure = read_shape(entries, limits, header)) return failure;

  // No overflow: the sides and channels are within their limits.
  const size_t needed = header->data_offset + header->shape.bytes();
  if (bytes.size() < needed) return truncated(needed);
  if (bytes.size() > needed) {
    return corrupt(std::to_string(bytes.size()) + " bytes; the shape needs " + std::to_string(needed));
  }
  return std::nullopt;
}

}  // namespace stoker
