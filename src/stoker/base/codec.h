// Lossy image coding for those who may not know a codec library; decode/ implements it.
//
// Any thread may call these; each keeps its working memory to itself.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stoker/base/image.h"

namespace stoker {

enum class ChromaSubsampling : uint8_t {
  kNone,     // 4:4:4, chroma at every pixel
  kHalf,     // 4:2:2, one chroma sample for two pixels of a row
  kQuarter,  // 4:2:0, one for two by two pixels
};

// What the three channels of an image are, in their order.
enum class ChannelOrder : uint8_t { kRgb, kBgr };

inline constexpr int kMaxJpegSidePx = 65500;
inline constexpr int kMaxWebpSidePx = 16383;

struct JpegSettings {
  int quality = 95;  // 1 to 100
  ChromaSubsampling subsampling = ChromaSubsampling::kQuarter;
  ChannelOrder order = ChannelOrder::kRgb;
};

// Replaces `bytes` by `image` as a baseline JPEG (standard Huffman tables, accurate integer DCT). uint8 of 1
// or 3 channels, sides up to kMaxJpegSidePx; ArgumentError for anything else, std::bad_alloc without memory.
void encode_jpeg(const ConstImage& image, const JpegSettings& settings, std::vector<uint8_t>& bytes);

// The same as a lossy WebP of 3 channels, quality 1 to 100, sides up to kMaxWebpSidePx.
void encode_webp(const ConstImage& image, int quality, ChannelOrder order, std::vector<uint8_t>& bytes);

// Decodes what one of these made into `out`, which has the encoded image's shape. InternalError where the
// bytes are not such an image: bytes of strangers go through decode/decoder.h.
void decode_encoded(std::span<const uint8_t> bytes, ChannelOrder order, const Image& out);

}  // namespace stoker
