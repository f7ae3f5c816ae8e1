// The bytes of a shard: their places, and that nothing else is taken for one.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <numeric>

#include "shards.h"
#include "stoker/base/hash.h"
#include "stoker/pack/verify.h"

namespace stoker::test {
namespace {

template <class T>
T at(const Bytes& bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

TEST(ShardFormat, HashIsXxh3OfSeed0) {
  EXPECT_EQ(hash64(std::string_view()), 0x2D06800538D394C2u);  // as the reference implementation prints
  EXPECT_EQ(hash64(std::string_view("abc")), 0x78AF5F94892F3950u);
  RunningHash running;
  const Bytes bytes(100'000, 7);
  running.add(std::span(bytes).first(12'345));
  running.add(std::span(bytes).subspan(12'345));
  EXPECT_EQ(running.value(), hash64(bytes));
}

// The smallest shard there is, byte by byte as docs/shard-format.md has it.
TEST(ShardFormat, EveryByteHasItsPlace) {
  const TemporaryFolder folder;
  ShardColumn label;
  label.name = "label";
  ShardWriter writer(folder.path(), {7, 2, 700, 100}, {{"image", FieldKind::kImage}}, {label}, {});
  PackedRecord record;
  record.index = 742;
  record.parts.push_back(raw_part({{2, 3, 1, DType::kUint8}, {1, 2, 3, 4, 5, 6}}, "c/x.png"));
  const int64_t row = 9;
  writer.add(record, {reinterpret_cast<const uint8_t*>(&row), 8});
  EXPECT_TRUE(writer.publish("{}", NewFile::IfTaken::kKeep));
  const Bytes bytes = read_bytes(folder.path("shard-v02-00007.stoker"));

  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 8), "STOKERSH");
  EXPECT_EQ(at<uint32_t>(bytes, 8), 1u);
  EXPECT_EQ(at<uint32_t>(bytes, 12), 64u);
  EXPECT_EQ(at<uint32_t>(bytes, 16), 7u);
  EXPECT_EQ(at<uint32_t>(bytes, 20), 2u);
  EXPECT_EQ(at<uint64_t>(bytes, 24), 700u);
  EXPECT_EQ(at<uint64_t>(bytes, 32), 100u);
  EXPECT_EQ(at<uint64_t>(bytes, 40), 0u);
  EXPECT_EQ(at<uint64_t>(bytes, 48), 0u);
  EXPECT_EQ(at<uint64_t>(bytes, 56), hash64(std::span(bytes).first(56)));
  EXPECT_EQ(Bytes(bytes.begin() + 64, bytes.begin() + 70), (Bytes{1, 2, 3, 4, 5, 6}));

  const size_t index = 70;
  EXPECT_EQ(at<uint64_t>(bytes, index), 1u);       // records
  EXPECT_EQ(at<uint64_t>(bytes, index + 8), 1u);   // blocks
  EXPECT_EQ(at<uint64_t>(bytes, index + 16), 7u);  // bytes of paths
  EXPECT_EQ(at<uint32_t>(bytes, index + 24), 1u);  // fields
  EXPECT_EQ(at<uint32_t>(bytes, index + 28), 1u);  // columns
  EXPECT_EQ(at<uint32_t>(bytes, index + 32), 0u);  // ragged columns
  EXPECT_EQ(at<uint32_t>(bytes, index + 36), 0u);
  EXPECT_EQ(at<uint32_t>(bytes, index + 40), 0u);  // an image
  EXPECT_EQ(at<uint32_t>(bytes, index + 44), 5u);
  EXPECT_EQ(std::string(&bytes[index + 48], &bytes[index + 56]), std::string("image\0\0\0", 8));
  EXPECT_EQ(at<int64_t>(bytes, index + 56), 742);
  EXPECT_EQ(bytes[index + 64], 1);  // raw
  EXPECT_EQ(bytes[index + 65], 2);  // uint8
  EXPECT_EQ(at<uint16_t>(bytes, index + 66), 1u);
  EXPECT_EQ(at<uint32_t>(bytes, index + 68), 2u);
  EXPECT_EQ(at<uint32_t>(bytes, index + 72), 3u);
  EXPECT_EQ(at<uint32_t>(bytes, index + 76), 1u);
  EXPECT_EQ(at<uint64_t>(bytes, index + 80), 6u);
  EXPECT_EQ(at<uint64_t>(bytes, index + 88), hash64(std::span(bytes).subspan(64, 6)));
  EXPECT_EQ(at<uint64_t>(bytes, index + 96), 6u);  // size and hash of the source file
  EXPECT_EQ(at<uint64_t>(bytes, index + 104), hash64(std::span(bytes).subspan(64, 6)));
  EXPECT_EQ(at<uint64_t>(bytes, index + 112), 7u);
  EXPECT_EQ(std::string(&bytes[index + 120], &bytes[index + 128]), std::string("c/x.png\0", 8));
  EXPECT_EQ(at<uint32_t>(bytes, index + 128), 6u);  // int64
  EXPECT_EQ(at<uint32_t>(bytes, index + 132), 0u);
  EXPECT_EQ(at<uint32_t>(bytes, index + 136), 5u);
  EXPECT_EQ(at<uint32_t>(bytes, index + 140), 0u);
  EXPECT_EQ(std::string(&bytes[index + 144], &bytes[index + 152]), std::string("label\0\0\0", 8));
  EXPECT_EQ(at<int64_t>(bytes, index + 152), 9);

  const size_t footer = index + 160;
  EXPECT_EQ(std::string(&bytes[footer], &bytes[footer + 2]), "{}");
  const size_t trailer = footer + 2;
  EXPECT_EQ(at<uint64_t>(bytes, trailer), bytes.size());
  EXPECT_EQ(at<uint64_t>(bytes, trailer + 8), index);
  EXPECT_EQ(at<uint64_t>(bytes, trailer + 16), 160u);
  EXPECT_EQ(at<uint64_t>(bytes, trailer + 24), hash64(std::span(bytes).subspan(index, 160)));
  EXPECT_EQ(at<uint64_t>(bytes, trailer + 32), footer);
  EXPECT_EQ(at<uint64_t>(bytes, trailer + 40), 2u);
  EXPECT_EQ(at<uint64_t>(bytes, trailer + 48), hash64(std::string_view("{}")));
  EXPECT_EQ(at<uint64_t>(bytes, trailer + 56), hash64(std::span(bytes).first(64)));
  EXPECT_EQ(at<uint32_t>(bytes, trailer + 64), 1u);
  EXPECT_EQ(at<uint32_t>(bytes, trailer + 68), 0u);
  EXPECT_EQ(std::string(&bytes[trailer + 72], &bytes[trailer + 80]), "STOKEREN");
  EXPECT_EQ(at<uint64_t>(bytes, trailer + 80), hash64(std::span(bytes).subspan(trailer, 80)));
  EXPECT_EQ(bytes.size(), trailer + 88);
}

TEST(ShardFormat, WhatIsWrittenIsRead) {
  const TemporaryFolder folder;
  const Shard shard = open_shard(write_shard(folder.path(), 700'000));
  EXPECT_EQ(shard.header, (ShardHeader{3, 0, 30, 10}));
  EXPECT_EQ(shard.footer, "{\"plan\":1}");
  const ShardIndex& index = shard.index;
  EXPECT_EQ(index.indices, (std::vector<int64_t>{30, 34, 38}));
  ASSERT_EQ(index.fields.size(), 2u);
  EXPECT_EQ(index.fields[1].name, "mask of \xC3\xA4");
  EXPECT_EQ(index.fields[1].kind, FieldKind::kMask);
  ASSERT_EQ(index.parts.size(), 6u);
  EXPECT_EQ(index.parts[0].length_bytes, 700'000u);
  EXPECT_EQ(index.parts[0].block_count, 5u);
  EXPECT_EQ(index.parts[3].form, PartForm::kRaw);
  EXPECT_EQ(index.parts[3].shape, (ImageShape{6, 7, 1, DType::kUint8}));
  EXPECT_EQ(index.sources[0].path, "a b/\xFF\xFE.jpg");
  EXPECT_EQ(index.sources[2].path, "new\nline'\"\\.png");
  EXPECT_EQ(index.sources[4].path, "");
  ASSERT_EQ(index.columns.size(), 13u);
  std::mt19937 random(3);
  for (size_t i = 0; i < 700'000; ++i) random();
  Bytes rows(index.columns.size() * 1000);
  for (uint8_t& byte : rows) byte = static_cast<uint8_t>(random());
  size_t next = 0;  // the first record's rows follow its payload in the stream of random bytes
  for (const ShardColumn& column : index.columns) {
    const size_t count = column.row_shape.empty() ? 1 : column.row_shape.size() == 2 ? 6 : 0;
    const size_t bytes = count * size_of(column.dtype);
    EXPECT_EQ(column.name, name_of(column.dtype));
    ASSERT_EQ(column.data.size(), 3 * bytes);
    EXPECT_TRUE(std::equal(column.data.begin(), column.data.begin() + static_cast<ptrdiff_t>(bytes),
                           rows.begin() + static_cast<ptrdiff_t>(next)));
    next += bytes;
  }
  ASSERT_EQ(index.ragged.size(), 2u);
  EXPECT_EQ(index.ragged[0].starts, (std::vector<int64_t>{0, 0, 1, 3}));
  EXPECT_EQ(index.ragged[0].values[4], 0);
  EXPECT_EQ(index.ragged[0].values[8], 0.25);
  EXPECT_EQ(index.ragged[0].rows, (std::vector<RowOrigin>{{1, true}, {1, true}, {2, false}}));
  EXPECT_EQ(index.ragged[1].kind, FieldKind::kKeypoints);
  EXPECT_EQ(index.ragged[1].format, "xy");
  EXPECT_EQ(index.ragged[1].starts, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(index.ragged[1].values, (std::vector<double>{1, 2, 1, 2, 1, 2}));
  EXPECT_TRUE(index.ragged[1].rows.empty());
}

TEST(ShardFormat, BlocksAreOfWholeRowsAndNeitherTooSmallNorTooLarge) {
  for (const uint64_t unit : {1u, 3u, 672u, 100'000u, 300'000u}) {
    for (const uint64_t units : {1u, 2u, 3u, 7u, 195u, 196u, 224u, 1000u}) {
      const std::vector<uint64_t> lengths = cut_into_blocks(units * unit, unit);
      EXPECT_EQ(std::accumulate(lengths.begin(), lengths.end(), uint64_t{0}), units * unit);
      for (const uint64_t length : lengths) {
        EXPECT_EQ(length % unit, 0u);
        const uint64_t target = unit == 1 ? 128 * 1024 : 32 * 1024;
        EXPECT_TRUE(length <= 2 * target || length == unit) << unit << " " << length;
        EXPECT_TRUE(lengths.size() == 1 || length + unit >= target / 2)
            << unit << " " << units << " " << length;
      }
    }
  }
}

TEST(ShardFormat, TextsThatAreNoUtf8AreRefused) {
  for (const char* good : {"", "{}", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\xEF\xBF\xBF\xF4\x8F\xBF\xBF"})
    EXPECT_NO_THROW(check_footer(good, "x"));
  for (const char* bad : {"\x80", "\xC3", "\xC0\xAF", "\xE2\x82", "\xE0\x9F\xBF", "\xED\xA0\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xC3(b"}) {
    EXPECT_THROW(check_footer(bad, "x"), ShardError) << bad;
  }
}

// A shard whose trailer is right but whose index lies: what a flipped bit cannot make, a stranger can.
class LyingIndex {
 public:
  explicit LyingIndex(const std::string& path)
      : bytes_(read_bytes(path)), file_(open(path.c_str(), O_WRONLY)), trailer_(bytes_.size() - 88) {
    begin_ = at<uint64_t>(bytes_, trailer_ + 8);
    size_ = at<uint64_t>(bytes_, trailer_ + 16);
  }
  ~LyingIndex() { close(file_); }
  LyingIndex(const LyingIndex&) = delete;
  LyingIndex& operator=(const LyingIndex&) = delete;

  size_t size() const { return size_; }
  uint8_t byte(size_t offset) const { return bytes_[begin_ + offset]; }

  // The index as it was, but for `value` at `offset`.
  void set(size_t offset, const Bytes& value) {
    Bytes changed(bytes_.begin() + static_cast<ptrdiff_t>(begin_), bytes_.end());
    std::copy(value.begin(), value.end(), changed.begin() + static_cast<ptrdiff_t>(offset));
    uint8_t* trailer = changed.data() + (trailer_ - begin_);
    const uint64_t hash = hash64(std::span(changed).first(size_));
    std::memcpy(trailer + 24, &hash, 8);
    const uint64_t own = hash64(std::span<const uint8_t>(trailer, 80));
    std::memcpy(trailer + 80, &own, 8);
    EXPECT_EQ(pwrite(file_, changed.data(), changed.size(), static_cast<off_t>(begin_)),
              static_cast<ssize_t>(changed.size()));
  }

 private:
  const Bytes bytes_;
  const int file_;
  const size_t trailer_;
  size_t begin_ = 0;
  size_t size_ = 0;
};

TEST(ShardFormat, AnIndexThatLiesIsRefusedOrHarmless) {
  const TemporaryFolder folder;
  const std::string path = write_shard(folder.path());
  LyingIndex index(path);
  int refused = 0;
  for (size_t offset = 0; offset < index.size(); ++offset) {
    for (const uint8_t value : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
      if (index.byte(offset) == value) continue;
      index.set(offset, {value});
      ShardVerification verification(path);
      verification.advance(1'000'000'000);
      refused += verification.findings().empty() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(ShardFormat, HugeCountsAreRefusedBeforeAnyMemoryIsTaken) {
  const TemporaryFolder folder;
  const std::string path = write_shard(folder.path());
  LyingIndex index(path);
  const Bytes huge(8, 0x7F);
  const Bytes all(8, 0xFF);
  for (const size_t offset : {0u, 8u, 16u, 24u, 32u}) {
    for (const Bytes& value : {huge, all}) {
      index.set(offset, value);
      EXPECT_THROW(open_shard(path), ShardError) << offset;
    }
  }
}

}  // namespace
}  // namespace stoker::test
