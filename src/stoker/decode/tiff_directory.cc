#include "stoker/decode/tiff_directory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "stoker/decode/codec_error.h"
#include "stoker/decode/tiff_bands.h"

namespace stoker {
namespace {

constexpr std::string_view kStep = "decode/tiff";

enum Tag : uint16_t {
  kSubfileType = 254,
  kWidth = 256,
  kHeight = 257,
  kBitsPerSample = 258,
  kCompression = 259,
  kPhotometric = 262,
  kFillOrder = 266,
  kStripOffsets = 273,
  kOrientation = 274,
  kSamplesPerPixel = 277,
  kRowsPerStrip = 278,
  kStripByteCounts = 279,
  kPlanarConfig = 284,
  kPredictor = 317,
  kColorMap = 320,
  kTileWidth = 322,
  kTileHeight = 323,
  kTileOffsets = 324,
  kTileByteCounts = 325,
  kSampleFormat = 339,
  kImageDepth = 32997,
  kTileDepth = 32998,
  kGdalNodata = 42113,
};
constexpr std::array<uint16_t, 23> kTags = {
    kSubfileType,    kWidth,        kHeight,      kBitsPerSample,   kCompression,  kPhotometric,
    kFillOrder,      kStripOffsets, kOrientation, kSamplesPerPixel, kRowsPerStrip, kStripByteCounts,
    kPlanarConfig,   kPredictor,    kColorMap,    kTileWidth,       kTileHeight,   kTileOffsets,
    kTileByteCounts, kSampleFormat, kImageDepth,  kTileDepth,       kGdalNodata};

constexpr uint16_t kByte = 1;
constexpr uint16_t kAscii = 2;
constexpr uint16_t kShort = 3;
constexpr uint16_t kLong = 4;
constexpr uint16_t kLong8 = 16;

enum Photometric : uint64_t {
  kWhiteIsZero = 0,
  kBlackIsZero = 1,
  kRgbColors = 2,
  kPaletteColors = 3,
  kYcbcr = 6
};

// Tiles of a small image may be larger than it, but not without bound.
constexpr int64_t kSmallTileBytes = int64_t{16} << 20;

constexpr size_t kMaxNodataBytes = 64;

// Note [bytes per chunk]
// A chunk that claims more pixels than its bytes can unpack to is refused before memory is taken. The
// bounds, in bytes out for a byte in: deflate 1032 (258 bytes from two bits); LZW less than 4096 (no string
// is longer than the table, and a code has more than 8 bits); PackBits 64 (128 from two); Zstandard 32768 (a
// run-length block makes 128 KiB from four).
struct Compression {
  uint64_t code;
  std::string_view name;
  int64_t max_ratio;  // 0: not read here
};
constexpr Compression kCompressions[] = {
    {1, "none", 1},           {2, "CCITT RLE", 0},   {3, "CCITT fax 3", 0},
    {4, "CCITT fax 4", 0},    {5, "LZW", 4096},      {6, "old JPEG", 0},
    {7, "JPEG", 0},           {8, "deflate", 1032},  {32773, "PackBits", 64},
    {32946, "deflate", 1032}, {34661, "JBIG", 0},    {34712, "JPEG 2000", 0},
    {34887, "LERC", 0},       {34925, "LZMA", 0},    {50000, "Zstandard", 32768},
    {50001, "WebP", 0},       {50002, "JPEG XL", 0}, {52546, "JPEG XL", 0}};

SampleError corrupt(std::string found) {
  return codec_error(kStep, SampleErrorCode::kCorrupt, std::move(found));
}
SampleError truncated(std::string found) {
  return codec_error(kStep, SampleErrorCode::kTruncated, std::move(found));
}
SampleError unsupported(std::string found) {
  return codec_error(kStep, SampleErrorCode::kUnsupported, std::move(found));
}

size_t size_of_type(uint16_t type) {
  constexpr uint8_t kSizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
  return type < sizeof(kSizes) ? kSizes[type] : 0;
}

bool is_integer(uint16_t type) { return type == kByte || type == kShort || type == kLong || type == kLong8; }

// Integers of the file's byte order. Callers have checked that the bytes are there.
uint64_t integer_at(const TiffDirectory& directory, size_t at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) {
    value = value << 8 | directory.file[directory.is_big_endian ? at + i : at + bytes - 1 - i];
  }
  return value;
}

uint64_t value_of(const TiffDirectory& directory, const TiffField& field, uint64_t index) {
  const size_t bytes = size_of_type(field.type);
  return integer_at(directory, field.at + index * bytes, bytes);
}

// The entries of the directory that matter here.
class Fields {
 public:
  Failure read(TiffDirectory* directory);

  const TiffField* find(Tag tag) const {
    const TiffField& field = fields_[index_of(tag)];
    return field.count == 0 ? nullptr : &field;
  }

  // The one integer of `tag`, or `otherwise` where the tag is not there. All values where there are several
  // (one a band) must be equal.
  Failure number(const TiffDirectory& directory, Tag tag, uint64_t otherwise, uint64_t* number) const {
    const TiffField* field = find(tag);
    *number = otherwise;
    if (field == nullptr) return std::nullopt;
    if (!is_integer(field->type)) return corrupt("tag " + std::to_string(tag) + " is no integer");
    *number = value_of(directory, *field, 0);
    for (uint64_t i = 1; i < field->count; ++i) {
      if (value_of(directory, *field, i) == *number) continue;
      return unsupported("values of tag " + std::to_string(tag) + " differ from band to band");
    }
    return std::nullopt;
  }

 private:
  static size_t index_of(uint16_t tag) {
    return static_cast<size_t>(std::find(kTags.begin(), kTags.end(), tag) - kTags.begin());
  }

  std::array<TiffField, kTags.size()> fields_{};
};

Failure Fields::read(TiffDirectory* directory) {
  const std::span<const uint8_t> file = directory->file;
  const auto ends_within = [&](const char* part) {
    return truncated(std::to_string(file.size()) + " bytes, which end within " + part);
  };
  if (file.size() < 8) return ends_within("the header");
  directory->is_big_endian = file[0] == 'M';
  directory->is_bigtiff = integer_at(*directory, 2, 2) == 43;
  const bool is_big = directory->is_bigtiff;
  const size_t word = is_big ? 8 : 4;  // of offsets and of values kept in the entry
  const size_t count_bytes = is_big ? 8 : 2;
  const size_t entry_bytes = is_big ? 20 : 12;
  if (is_big && file.size() < 16) return ends_within("the header");
  if (is_big && (integer_at(*directory, 4, 2) != 8 || integer_at(*directory, 6, 2) != 0)) {
    return corrupt("a BigTIFF header with offsets that do not have 8 bytes");
  }
  const uint64_t start = integer_at(*directory, is_big ? 8 : 4, word);
  if (start > file.size() || file.size() - start < count_bytes) {
    return truncated(std::to_string(file.size()) + " bytes; the directory is at byte " +
                     std::to_string(start));
  }
  const uint64_t entry_count = integer_at(*directory, start, count_bytes);
  const size_t first = start + count_bytes;
  if (entry_count > (file.size() - first) / entry_bytes) return ends_within("the directory");

  for (uint64_t i = 0; i < entry_count; ++i) {
    const size_t entry = first + i * entry_bytes;
    const auto tag = static_cast<uint16_t>(integer_at(*directory, entry, 2));
    const size_t place = index_of(tag);
    if (place == kTags.size()) continue;
    TiffField& field = fields_[place];
    if (field.count != 0) return corrupt("tag " + std::to_string(tag) + " is there twice");
    field.type = static_cast<uint16_t>(integer_at(*directory, entry + 2, 2));
    field.count = integer_at(*directory, entry + 4, word);
    const size_t value_bytes = size_of_type(field.type);
    if (value_bytes == 0 || field.count == 0) {
      return corrupt("tag " + std::to_string(tag) + " has no values of a known type");
    }
    field.at = entry + 4 + word;
    if (field.count > word / value_bytes) {
      const uint64_t at = integer_at(*directory, field.at, word);
      if (at > file.size() || field.count > (file.size() - at) / value_bytes) {
        return truncated(std::to_string(file.size()) + " bytes; tag " + std::to_string(tag) + " has " +
                         std::to_string(field.count) + " values at byte " + std::to_string(at));
      }
      field.at = at;
    }
  }
  return std::nullopt;
}

// The numbers of the directory, as they are there.
struct Numbers {
  uint64_t subfile, width, height, bits, compression, photometric, fill_order, orientation, bands, strip_rows,
      planar, predictor, tile_width, tile_height, format, image_depth, tile_depth;
};

Failure read_numbers(const Fields& fields, const TiffDirectory& directory, Numbers* numbers) {
  struct Row {
    Tag tag;
    uint64_t otherwise;
    uint64_t* number;
  };
  const Row rows[] = {
      {kSubfileType, 0, &numbers->subfile},     {kWidth, 0, &numbers->width},
      {kHeight, 0, &numbers->height},           {kBitsPerSample, 1, &numbers->bits},
      {kCompression, 1, &numbers->compression}, {kPhotometric, kBlackIsZero, &numbers->photometric},
      {kFillOrder, 1, &numbers->fill_order},    {kOrientation, 1, &numbers->orientation},
      {kSamplesPerPixel, 1, &numbers->bands},   {kRowsPerStrip, UINT32_MAX, &numbers->strip_rows},
      {kPlanarConfig, 1, &numbers->planar},     {kPredictor, 1, &numbers->predictor},
      {kTileWidth, 0, &numbers->tile_width},    {kTileHeight, 0, &numbers->tile_height},
      {kSampleFormat, 1, &numbers->format},     {kImageDepth, 1, &numbers->image_depth},
      {kTileDepth, 1, &numbers->tile_depth}};
  for (const Row& row : rows) {
    if (Failure failure = fields.number(directory, row.tag, row.otherwise, row.number)) return failure;
  }
  return std::nullopt;
}

Failure choose_dtype(const Numbers& numbers, DType* dtype) {
  constexpr uint64_t kUnsigned = 1;
  constexpr uint64_t kSigned = 2;
  constexpr uint64_t kFloat = 3;
  constexpr uint64_t kUndefined = 4;
  const uint64_t bits = numbers.bits;
  const uint64_t format = numbers.format == kUndefined ? kUnsigned : numbers.format;
  if (format == kUnsigned && bits == 8) {
    *dtype = DType::kUint8;
  } else if (format == kUnsigned && bits == 16) {
    *dtype = DType::kUint16;
  } else if (format == kSigned && bits == 16) {
    *dtype = DType::kInt16;
  } else if (format == kSigned && bits == 32) {
    *dtype = DType::kInt32;
  } else if (format == kFloat && bits == 32) {
    *dtype = DType::kFloat32;
  } else {
    const std::string kind = format == kUnsigned ? "unsigned integers"
                             : format == kSigned ? "signed integers"
                             : format == kFloat  ? "floats"
                                                 : "format " + std::to_string(format);
    return unsupported("samples of " + std::to_string(bits) + " bits (" + kind +
                       "); uint8, uint16, int16, int32 and float32 are known");
  }
  return std::nullopt;
}

Failure choose_colors(const Numbers& numbers, const Fields& fields, TiffDirectory* directory) {
  if (numbers.photometric == kYcbcr) return unsupported("YCbCr colours");
  directory->colors = TiffColors::kBands;
  const bool is_single = directory->dtype == DType::kUint8 && directory->bands == 1;
  if (numbers.photometric == kPaletteColors) {
    const TiffField* map = fields.find(kColorMap);
    if (!is_single) return unsupported("a palette of samples that are not one band of 8 bits");
    if (map == nullptr || map->type != kShort || map->count != 3 * 256) {
      return corrupt("a palette image without a colour map of 3 x 256 entries");
    }
    directory->colors = TiffColors::kPalette;
    for (uint64_t i = 0; i < 256; ++i) {
      for (uint64_t c = 0; c < 3; ++c) {
        directory->palette[i][c] = static_cast<uint8_t>(value_of(*directory, *map, c * 256 + i) >> 8);
      }
    }
  } else if (numbers.photometric == kWhiteIsZero) {
    if (is_single) directory->colors = TiffColors::kWhiteIsZero;
  } else if (numbers.photometric > kRgbColors) {
    directory->colors = TiffColors::kOther;
  }
  return std::nullopt;
}

Failure choose_compression(const Numbers& numbers, TiffDirectory* directory, int64_t* max_ratio) {
  const auto* known =
      std::find_if(std::begin(kCompressions), std::end(kCompressions),
                   [&](const Compression& compression) { return compression.code == numbers.compression; });
  if (known == std::end(kCompressions) || known->max_ratio == 0) {
    std::string found = "compression " + std::to_string(numbers.compression);
    if (known != std::end(kCompressions)) found += " (" + std::string(known->name) + ")";
    return unsupported(found + "; none, LZW, deflate, PackBits and Zstandard are known");
  }
  *max_ratio = known->max_ratio;
  directory->compression = static_cast<int>(numbers.compression);
  directory->predictor = 1;
  if (known->name == "none" || known->name == "PackBits") return std::nullopt;  // have no predictor
  if (numbers.predictor < 1 || numbers.predictor > 3) {
    return unsupported("predictor " + std::to_string(numbers.predictor) + "; 1, 2 and 3 are known");
  }
  directory->predictor = static_cast<int>(numbers.predictor);
  if (directory->predictor == 3 && directory->dtype != DType::kFloat32) {
    return corrupt("predictor 3, which is for floats, on " + std::string(name_of(directory->dtype)));
  }
  return std::nullopt;
}

Failure choose_chunks(const Numbers& numbers, const Fields& fields, const DecodeLimits& limits,
                      TiffDirectory* directory) {
  directory->is_tiled = numbers.tile_width != 0 || numbers.tile_height != 0;
  if (directory->is_tiled) {
    if (numbers.tile_width == 0 || numbers.tile_height == 0) return corrupt("tiles without a side");
    if (Failure failure =
            check_size(kStep, static_cast<int64_t>(std::min<uint64_t>(numbers.tile_width, INT32_MAX)),
                       static_cast<int64_t>(std::min<uint64_t>(numbers.tile_height, INT32_MAX)), limits)) {
      failure->found = "tiles of " + failure->found;
      return failure;
    }
    directory->chunk_width = static_cast<int>(numbers.tile_width);
    directory->chunk_height = static_cast<int>(numbers.tile_height);
  } else {
    if (numbers.strip_rows == 0) return corrupt("strips of 0 rows");
    directory->chunk_width = directory->width;
    directory->chunk_height =
        static_cast<int>(std::min<uint64_t>(numbers.strip_rows, static_cast<uint64_t>(directory->height)));
  }
  directory->chunks_across = (directory->width - 1) / directory->chunk_width + 1;
  directory->chunks_down = (directory->height - 1) / directory->chunk_height + 1;
  // At most 120 million by the limit on pixels, times 64 bands.
  const int64_t count = int64_t{directory->chunks_across} * directory->chunks_down *
                        (directory->is_planar ? directory->bands : 1);

  const TiffField* offsets = fields.find(directory->is_tiled ? kTileOffsets : kStripOffsets);
  const TiffField* byte_counts = fields.find(directory->is_tiled ? kTileByteCounts : kStripByteCounts);
  for (const TiffField* field : {offsets, byte_counts}) {
    if (field == nullptr || !is_integer(field->type) || field->count != static_cast<uint64_t>(count) ||
        count > INT32_MAX) {
      return corrupt("the directory does not place " + std::to_string(count) +
                     (directory->is_tiled ? " tiles" : " strips"));
    }
  }
  directory->chunk_count = static_cast<int>(count);
  directory->offsets = *offsets;
  directory->byte_counts = *byte_counts;
  directory->chunk_pixel_bytes =
      static_cast<size_t>(directory->bands_per_chunk()) * size_of(directory->dtype);

  // No overflow: two sides below 2^17, 256 bytes a pixel.
  const auto chunk_bytes =
      static_cast<int64_t>(directory->chunk_row_bytes()) * int64_t{directory->chunk_height};
  const int64_t band_bytes =
      int64_t{directory->width} * directory->height * static_cast<int64_t>(directory->chunk_pixel_bytes);
  const int64_t allowed = directory->is_tiled
                              ? std::min(limits.max_pixel_bytes, std::max(kSmallTileBytes, 4 * band_bytes))
                              : limits.max_pixel_bytes;
  if (chunk_bytes > allowed) {
    return codec_error(kStep, SampleErrorCode::kTooLarge,
                       std::string(directory->is_tiled ? "tiles" : "strips") + " of " +
                           std::to_string(chunk_bytes) + " bytes; at most " + std::to_string(allowed) +
                           " allowed");
  }
  return std::nullopt;
}

// See Note [bytes per chunk].
Failure check_chunks(const TiffDirectory& directory, int64_t max_ratio) {
  const uint64_t file_bytes = directory.file.size();
  const std::string_view kind = directory.is_tiled ? "tile " : "strip ";
  for (int i = 0; i < directory.chunk_count; ++i) {
    const uint64_t offset = value_of(directory, directory.offsets, static_cast<uint64_t>(i));
    const uint64_t stored = value_of(directory, directory.byte_counts, static_cast<uint64_t>(i));
    const auto where = [&] {
      return std::string(kind) + std::to_string(i) + " of " + std::to_string(directory.chunk_count);
    };
    if (stored == 0) return unsupported(where() + " has no bytes (a sparse file)");
    if (offset > file_bytes || stored > file_bytes - offset) {
      return truncated(std::to_string(file_bytes) + " bytes; " + where() + " has " + std::to_string(stored) +
                       " at byte " + std::to_string(offset));
    }
    const int row = i / directory.chunks_across % directory.chunks_down;
    const uint64_t unpacked =
        static_cast<uint64_t>(directory.rows_in_chunk(row)) * directory.chunk_row_bytes();
    if (unpacked / static_cast<uint64_t>(max_ratio) > stored || (max_ratio == 1 && unpacked > stored)) {
      return truncated(std::to_string(stored) + " bytes of " + where() + " cannot hold its " +
                       std::to_string(unpacked) + " bytes of pixels");
    }
  }
  return std::nullopt;
}

// GDAL writes the value as text.
std::optional<double> read_nodata(const TiffDirectory& directory, const TiffField* field) {
  if (field == nullptr || field->type != kAscii || field->count > kMaxNodataBytes) return std::nullopt;
  std::string_view text(reinterpret_cast<const char*>(directory.file.data()) + field->at, field->count);
  text = text.substr(0, text.find('\0'));
  const size_t first = text.find_first_not_of(" +");
  if (first == std::string_view::npos) return std::nullopt;
  text.remove_prefix(first);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error != std::errc() || rest.find_first_not_of(' ') != std::string_view::npos) return std::nullopt;
  return value;
}

}  // namespace

bool is_tiff(std::span<const uint8_t> bytes) {
  if (bytes.size() < 4) return false;
  const bool is_little = bytes[0] == 'I' && bytes[1] == 'I' && bytes[3] == 0;
  const bool is_big = bytes[0] == 'M' && bytes[1] == 'M' && bytes[2] == 0;
  const uint8_t version = bytes[is_little ? 2 : 3];
  return (is_little || is_big) && (version == 42 || version == 43);
}

int TiffDirectory::rows_in_chunk(int row) const {
  return is_tiled ? chunk_height : std::min(chunk_height, height - row * chunk_height);
}

std::span<const uint8_t> TiffDirectory::stored_chunk(int chunk) const {
  const auto index = static_cast<uint64_t>(chunk);
  return file.subspan(value_of(*this, offsets, index), value_of(*this, byte_counts, index));
}

Failure read_tiff_directory(std::span<const uint8_t> file, const DecodeLimits& limits,
                            TiffDirectory* directory) {
  *directory = {};
  directory->file = file;
  Fields fields;
  Numbers numbers{};
  if (Failure failure = fields.read(directory)) return failure;
  if (Failure failure = read_numbers(fields, *directory, &numbers)) return failure;

  constexpr uint64_t kReducedImage = 1;
  if ((numbers.subfile & kReducedImage) != 0) {
    return unsupported("the first image is a reduced copy of another, as in camera raw files");
  }
  if (numbers.width == 0 || numbers.height == 0) return corrupt("an image without a side");
  if (Failure failure =
          check_size(kStep, static_cast<int64_t>(std::min<uint64_t>(numbers.width, UINT32_MAX)),
                     static_cast<int64_t>(std::min<uint64_t>(numbers.height, UINT32_MAX)), limits)) {
    return failure;
  }
  directory->width = static_cast<int>(numbers.width);
  directory->height = static_cast<int>(numbers.height);
  if (numbers.bands == 0) return corrupt("0 bands");
  if (numbers.bands > kMaxBands) {
    return unsupported(std::to_string(numbers.bands) + " bands; at most " + std::to_string(kMaxBands));
  }
  directory->bands = static_cast<int>(numbers.bands);
  if (numbers.fill_order != 1) return unsupported("bits in reversed order");
  if (numbers.image_depth != 1 || numbers.tile_depth != 1) return unsupported("an image of several slices");
  if (numbers.planar != 1 && numbers.planar != 2) {
    return corrupt("planar configuration " + std::to_string(numbers.planar) + "; 1 and 2 are known");
  }
  directory->is_planar = numbers.planar == 2 && directory->bands > 1;
  if (numbers.orientation >= 1 && numbers.orientation <= 8) {
    directory->orientation = static_cast<int>(numbers.orientation);
  }
  int64_t max_ratio = 0;
  if (Failure failure = choose_dtype(numbers, &directory->dtype)) return failure;
  if (Failure failure = choose_colors(numbers, fields, directory)) return failure;
  if (Failure failure = choose_compression(numbers, directory, &max_ratio)) return failure;
  if (Failure failure = choose_chunks(numbers, fields, limits, directory)) return failure;
  if (Failure failure = check_chunks(*directory, max_ratio)) return failure;
  directory->nodata = read_nodata(*directory, fields.find(kGdalNodata));
  return std::nullopt;
}

}  // namespace stoker
