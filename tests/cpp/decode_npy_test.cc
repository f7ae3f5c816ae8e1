// .npy: what numpy.save writes gives its elements; everything else ends in an error that says why.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "encode.h"
#include "stoker/decode/decoder.h"

namespace stoker::test {
namespace {

const DecodeOptions kAll{.color = Color::kUnchanged, .keep_wide = true};

Bytes npy(const std::string& header, const Bytes& data, int major = 1) {
  Bytes bytes = {0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<uint8_t>(major), 0};
  const size_t length_bytes = major == 1 ? 2 : 4;
  std::string text = header;
  while ((bytes.size() + length_bytes + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  for (size_t i = 0; i < length_bytes; ++i) bytes.push_back(static_cast<uint8_t>(text.size() >> (8 * i)));
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

std::string header_of(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
}

std::string shape_text(const ImageShape& shape, bool has_channels) {
  return "(" + std::to_string(shape.height) + ", " + std::to_string(shape.width) +
         (has_channels ? ", " + std::to_string(shape.channels) : "") + ")";
}

Pixels samples_of(int height, int width, int channels, DType dtype) {
  Pixels pixels = blank({height, width, channels, dtype});
  uint32_t state = 9;
  for (uint8_t& byte : pixels.bytes) byte = static_cast<uint8_t>(next_random(&state));
  return pixels;
}

struct Kind {
  const char* letters;
  DType dtype;
};
constexpr Kind kKinds[] = {{"u1", DType::kUint8},
                           {"u2", DType::kUint16},
                           {"i2", DType::kInt16},
                           {"i4", DType::kInt32},
                           {"f4", DType::kFloat32}};

// Elements in the byte order of `order`.
Bytes encode_npy(const Pixels& pixels, char order, int major = 1) {
  const size_t size = size_of(pixels.shape.dtype);
  Bytes data = pixels.bytes;
  if ((order == '>') == (std::endian::native == std::endian::little)) {
    for (size_t i = 0; i < data.size(); i += size) std::reverse(data.begin() + i, data.begin() + i + size);
  }
  const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const Kind& known) { return known.dtype == pixels.shape.dtype; });
  const std::string descr = std::string(1, size == 1 ? '|' : order) + kind->letters;
  return npy(header_of(descr, shape_text(pixels.shape, pixels.shape.channels > 1)), data, major);
}

TEST(NpyDecode, EveryKindAndEveryRectangle) {
  DecoderSet decoders;
  for (const Kind& kind : kKinds) {
    for (const int channels : {1, 3, 64}) {
      for (const char order : {'<', '>'}) {
        for (const int major : {1, 2, 3}) {
          const Pixels pixels = samples_of(6, 5, channels, kind.dtype);
          const Bytes bytes = encode_npy(pixels, order, major);
          const Decoded whole = decode_with(decoders, bytes, kAll);
          ASSERT_FALSE(whole.failure) << whole.failure->message();
          ASSERT_TRUE(whole.pixels == pixels) << kind.letters << order;
          for (int x = 0; x < 5; ++x) {
            for (int y = 0; y < 6; ++y) {
              for (int end_x = x + 1; end_x <= 5; ++end_x) {
                for (int end_y = y + 1; end_y <= 6; ++end_y) {
                  const Rect region{x, y, end_x - x, end_y - y};
                  ASSERT_TRUE(decode_with(decoders, bytes, kAll, &region).pixels == crop(pixels, region));
                }
              }
            }
          }
        }
      }
    }
  }
}

TEST(NpyDecode, ColoursAndNarrowing) {
  DecoderSet decoders;
  const Pixels wide = samples_of(6, 5, 3, DType::kUint16);
  const Decoded bgr = decode_with(decoders, encode_npy(wide, '>'), {.color = Color::kBgr});
  ASSERT_FALSE(bgr.failure) << bgr.failure->message();
  ASSERT_EQ(bgr.pixels.shape, (ImageShape{6, 5, 3, DType::kUint8}));
  for (size_t i = 0; i < bgr.pixels.bytes.size(); ++i) {
    uint16_t sample = 0;
    std::memcpy(&sample, wide.bytes.data() + 2 * (i / 3 * 3 + 2 - i % 3), 2);
    ASSERT_EQ(bgr.pixels.bytes[i], (sample * 510u + 65535u) / 131070u);
  }
  const Pixels gray = samples_of(6, 5, 1, DType::kUint8);
  const Decoded rgb = decode_with(decoders, encode_npy(gray, '<'));
  ASSERT_EQ(rgb.pixels.shape.channels, 3);
  for (size_t i = 0; i < rgb.pixels.bytes.size(); ++i) ASSERT_EQ(rgb.pixels.bytes[i], gray.bytes[i / 3]);
  for (const DType dtype : {DType::kInt16, DType::kInt32, DType::kFloat32}) {
    const Decoded refused = decode_with(decoders, encode_npy(samples_of(6, 5, 1, dtype), '<'));
    ASSERT_TRUE(refused.failure);
    EXPECT_EQ(refused.failure->code, SampleErrorCode::kUnsupported);
    EXPECT_NE(refused.failure->hint.find("dtype=\"auto\""), std::string::npos) << refused.failure->message();
  }
}

TEST(NpyDecode, HeadersThatMeanTheSame) {
  DecoderSet decoders;
  const Bytes data = {1, 2, 3, 4, 5, 6};
  for (const std::string text :
       {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }",
        "{'shape':(2,3),'descr':\"<u1\",'fortran_order':False}",
        "  { \"fortran_order\" : False , 'shape' : ( 2 , 3 , ) , 'descr' : '>u1' , } ",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 3L), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 1), }"}) {
    const Decoded decoded = decode_with(decoders, npy(text, data), kAll);
    ASSERT_FALSE(decoded.failure) << text << ": " << decoded.failure->message();
    EXPECT_EQ(decoded.pixels.bytes, data);
  }
}

TEST(HostileNpy, HeadersAreRefused) {
  DecoderSet decoders;
  const Bytes data(6, 1);
  const auto expect = [&](const std::string& text, SampleErrorCode code) {
    const Decoded decoded = decode_with(decoders, npy(text, data), kAll);
    ASSERT_TRUE(decoded.failure) << text;
    EXPECT_EQ(decoded.failure->code, code) << text << ": " << decoded.failure->message();
    EXPECT_EQ(decoded.failure->step, "decode/npy");
  };
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  for (const std::string descr : {"|O", "|b1", "<f8", "<f2", "<i8", "|i1", "<u4", "=u2", "u1", "<U3", "|V6",
                                  "", "<", "|u2", "<c8", "<M8[ns]"}) {
    expect(header_of(descr, "(2, 3)"), SampleErrorCode::kUnsupported);
  }
  expect("{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (2, 3), }",
         SampleErrorCode::kUnsupported);
  expect("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", SampleErrorCode::kUnsupported);
  for (const std::string shape :
       {"()", "(6,)", "(1, 1, 2, 3)", "(0, 3)", "(2, 0)", "(2, 3, 0)", "(1, 1, 65)"}) {
    expect(header_of("|u1", shape), SampleErrorCode::kUnsupported);
  }
  for (const std::string shape : {"(65501, 1)", "(1, 70000)", "(12000, 12000)", "(4294967296, 4294967296)",
                                  "(9223372036854775807, 9223372036854775807)"}) {
    expect(header_of("|u1", shape), SampleErrorCode::kTooLarge);
  }
  expect(header_of("<f4", "(10000, 10000, 64)"), SampleErrorCode::kTruncated);
  expect(header_of("|u1", "(1, 7)"), SampleErrorCode::kTruncated);
  expect(header_of("|u1", "(1, 5)"), SampleErrorCode::kCorrupt);
  for (const std::string shape :
       {"(9223372036854775808, 1)", "(-2, 3)", "(+2, 3)", "(2 3)", "(2, , 3)", "(, 2, 3)", "(2.0, 3)",
        "(0x2, 3)", "(2, 3", "2, 3", "[2, 3]", "(6)", "(02, 3)", "(2*1, 3)", "(2, 3)]"}) {
    expect(header_of("|u1", shape), SampleErrorCode::kCorrupt);
  }
  for (const std::string text :
       {"", "{", "{}", "{'descr': '|u1'}", "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)} x",
        "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), 'more': 1, }",
        "{'descr': '|u1', 'fortran_order': 0, 'shape': (2, 3), }", "__import__('os')",
        "{'descr': '\\x7cu1', 'fortran_order': False, 'shape': (2, 3), }",
        "{'descr': '|u1' 'fortran_order': False, 'shape': (2, 3), }"}) {
    expect(text, SampleErrorCode::kCorrupt);
  }
  Bytes long_header = {0x93, 'N', 'U', 'M', 'P', 'Y', 2, 0, 0xff, 0xff, 0xff, 0xff, '{'};
  EXPECT_EQ(decode_with(decoders, long_header, kAll).failure->code, SampleErrorCode::kCorrupt);
  Bytes version_4 = npy(header_of("|u1", "(2, 3)"), data);
  version_4[6] = 4;
  EXPECT_EQ(decode_with(decoders, version_4, kAll).failure->code, SampleErrorCode::kUnsupported);
  DecodeOptions small = kAll;
  small.limits.max_pixel_bytes = 5;
  EXPECT_EQ(decode_with(decoders, npy(header_of("|u1", "(2, 3)"), data), small).failure->code,
            SampleErrorCode::kTooLarge);
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 << 10);
}

TEST(DamagedNpy, EverySizeButTheRightOneIsAnError) {
  DecoderSet decoders;
  for (const int major : {1, 2, 3}) {
    const Bytes good = encode_npy(samples_of(6, 5, 3, DType::kUint16), '<', major);
    for (size_t size = 0; size < good.size(); ++size) {
      const Decoded decoded = decode_with(decoders, Bytes(good.begin(), good.begin() + size), kAll);
      ASSERT_TRUE(decoded.failure) << size;
      if (size >= 6) {
        ASSERT_EQ(decoded.failure->code, SampleErrorCode::kTruncated) << size;
      }
    }
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_EQ(decode_with(decoders, longer, kAll).failure->code, SampleErrorCode::kCorrupt);
  }
}

TEST(DamagedNpy, ChangedBytesNeverCrash) {
  DecoderSet decoders;
  uint32_t state = 3;
  const Bytes good = encode_npy(samples_of(6, 5, 3, DType::kUint16), '<');
  int failure_count = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes damaged = good;
    for (uint32_t changes = next_random(&state) % 3 + 1; changes > 0; --changes) {
      damaged[next_random(&state) % 130] = static_cast<uint8_t>(next_random(&state));
    }
    failure_count += decode_with(decoders, damaged, kAll).failure.has_value();
  }
  EXPECT_GT(failure_count, 10'000);
}

}  // namespace
}  // namespace stoker::test
