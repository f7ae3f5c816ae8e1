#include "stoker/decode/tiff_chunks.h"

#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include "stoker/decode/codec_error.h"

namespace stoker {
namespace {

constexpr std::string_view kStep = "decode/tiff";

// Of libtiff for its own state: the tables of LZW, the buffers of Zstandard.
constexpr size_t kStateBytes = size_t{1} << 20;

struct FreeOptions {
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

TiffChunks* self_of(thandle_t handle) { return static_cast<TiffChunks*>(handle); }

}  // namespace

struct TiffChunks::Callbacks {
  static tmsize_t read(thandle_t handle, void* to, tmsize_t bytes) {
    TiffChunks& self = *self_of(handle);
    const std::span<const uint8_t> file = self.directory_->file;
    if (bytes <= 0 || self.position_ >= file.size()) return 0;
    const size_t count = std::min(static_cast<size_t>(bytes), file.size() - self.position_);
    std::memcpy(to, file.data() + self.position_, count);
    self.position_ += count;
    return static_cast<tmsize_t>(count);
  }

  static tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }

  static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    TiffChunks& self = *self_of(handle);
    if (whence == SEEK_CUR) offset += self.position_;
    if (whence == SEEK_END) offset += self.directory_->file.size();
    self.position_ = offset;
    return offset;
  }

  static int close(thandle_t) { return 0; }

  static toff_t size(thandle_t handle) { return self_of(handle)->directory_->file.size(); }

  // Keeps the first message, which names the cause.
  static int on_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
    TiffChunks& self = *static_cast<TiffChunks*>(user);
    if (self.text_[0] == '\0') std::vsnprintf(self.text_, sizeof(self.text_), format, arguments);
    return 1;
  }

  static int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
};

// What libtiff made of the directory must be what was checked, or its buffers and ours would differ.
bool TiffChunks::agrees() const {
  const TiffDirectory& checked = *directory_;
  uint32_t width = 0;
  uint32_t height = 0;
  uint16_t bands = 0;
  uint16_t bits = 0;
  uint16_t planar = 0;
  uint16_t compression = 0;
  TIFFGetField(library_, TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(library_, TIFFTAG_IMAGELENGTH, &height);
  TIFFGetFieldDefaulted(library_, TIFFTAG_SAMPLESPERPIXEL, &bands);
  TIFFGetFieldDefaulted(library_, TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(library_, TIFFTAG_PLANARCONFIG, &planar);
  TIFFGetFieldDefaulted(library_, TIFFTAG_COMPRESSION, &compression);
  const auto chunk_bytes = checked.chunk_row_bytes() * static_cast<size_t>(checked.chunk_height);
  if (width != static_cast<uint32_t>(checked.width) || height != static_cast<uint32_t>(checked.height) ||
      bands != checked.bands || bits != 8 * size_of(checked.dtype) || compression != checked.compression ||
      (bands > 1 && (planar == PLANARCONFIG_SEPARATE) != checked.is_planar) ||
      (TIFFIsTiled(library_) != 0) != checked.is_tiled) {
    return false;
  }
  if (checked.is_tiled) {
    return TIFFNumberOfTiles(library_) == static_cast<uint32_t>(checked.chunk_count) &&
           TIFFTileSize64(library_) == chunk_bytes &&
           TIFFTileRowSize64(library_) == checked.chunk_row_bytes();
  }
  return TIFFNumberOfStrips(library_) == static_cast<uint32_t>(checked.chunk_count) &&
         TIFFStripSize64(library_) == chunk_bytes &&
         TIFFScanlineSize64(library_) == checked.chunk_row_bytes();
}

Failure TiffChunks::open(const TiffDirectory& directory) {
  close();
  directory_ = &directory;
  position_ = 0;
  text_[0] = '\0';
  const std::unique_ptr<TIFFOpenOptions, FreeOptions> options(TIFFOpenOptionsAlloc());
  if (options == nullptr) return failed_at("the directory");
  // Stored chunks, and offsets widened from 16 bits to 64, come to no more than this.
  const size_t allowed = kStateBytes + 4 * directory.file.size() + 4 * directory.chunk_row_bytes();
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), static_cast<tmsize_t>(allowed));
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), Callbacks::on_error, this);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), Callbacks::on_warning, this);
  // Read; no memory map (its paths are the less tested ones); strips as they are stored.
  library_ = TIFFClientOpenExt("memory", "rmc", this, Callbacks::read, Callbacks::write, Callbacks::seek,
                               Callbacks::close, Callbacks::size, nullptr, nullptr, options.get());
  if (library_ == nullptr) return failed_at("the directory");
  if (TIFFIsCODECConfigured(static_cast<uint16_t>(directory.compression)) == 0) {
    return codec_error(kStep, SampleErrorCode::kUnsupported,
                       "compression " + std::to_string(directory.compression) +
                           ", for which this libtiff was built without a codec");
  }
  if (!agrees()) {
    return codec_error(kStep, SampleErrorCode::kCorrupt, "a directory that can be read in two ways");
  }
  text_[0] = '\0';
  return std::nullopt;
}

void TiffChunks::close() {
  if (library_ != nullptr) TIFFClose(library_);
  library_ = nullptr;
  directory_ = nullptr;
}

Failure TiffChunks::failed_at(const std::string& where) const {
  const std::string why = text_[0] == '\0' ? "libtiff cannot read it" : text_;
  return codec_error(kStep, SampleErrorCode::kCorrupt, why + " (within " + where + ")");
}

// libtiff unpacks whole chunks by libdeflate, and takes it for success when a stream goes on behind its
// chunk: the match or the stored bytes that cross the end are then not written at all.
void TiffChunks::prepare_deflate(int chunk, uint8_t* to, size_t bytes) {
  // Some writers fill up the last strip with rows below the image. zlib gives what is above them.
  uint32_t rows = 0;
  TIFFGetFieldDefaulted(library_, TIFFTAG_ROWSPERSTRIP, &rows);
  const auto strip = static_cast<uint64_t>(chunk % directory_->chunks_down);
  const bool may_go_on = rows != UINT32_MAX && (strip + 1) * rows > static_cast<uint64_t>(directory_->height);
  if (!directory_->is_tiled && may_go_on)
    TIFFSetField(library_, TIFFTAG_DEFLATE_SUBCODEC, DEFLATE_SUBCODEC_ZLIB);
  // Elsewhere it is damage that nothing tells of: black at least, not pixels of another image.
  std::memset(to, 0, bytes);
}

Failure TiffChunks::read_chunk(int chunk, uint8_t* to, size_t bytes) {
  const auto compression = directory_->compression;
  if (compression == COMPRESSION_ADOBE_DEFLATE || compression == COMPRESSION_DEFLATE)
    prepare_deflate(chunk, to, bytes);
  const auto number = static_cast<uint32_t>(chunk);
  const auto size = static_cast<tmsize_t>(bytes);
  const tmsize_t count = directory_->is_tiled ? TIFFReadEncodedTile(library_, number, to, size)
                                              : TIFFReadEncodedStrip(library_, number, to, size);
  if (count == size) return std::nullopt;
  return failed_at(std::string(directory_->is_tiled ? "tile " : "strip ") + std::to_string(chunk) + " of " +
                   std::to_string(directory_->chunk_count));
}

Failure TiffChunks::read_row(int y, int band, uint8_t* to) {
  if (TIFFReadScanline(library_, to, static_cast<uint32_t>(y), static_cast<uint16_t>(band)) == 1) {
    return std::nullopt;
  }
  return failed_at("row " + std::to_string(y) + " of " + std::to_string(directory_->height));
}

}  // namespace stoker
