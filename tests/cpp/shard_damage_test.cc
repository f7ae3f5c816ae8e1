// Shards that the disk has damaged.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "shards.h"
#include "stoker/fetch/record_reader.h"
#include "stoker/pack/verify.h"

namespace stoker::test {
namespace {

// 64 KiB in all, with every kind of content.
std::string write_64_kib(const std::string& folder) {
  size_t fill = 60'000;
  const std::string path = write_shard(folder, fill);
  fill += 65'536 - std::filesystem::file_size(path);
  write_shard(folder, fill);
  EXPECT_EQ(std::filesystem::file_size(path), 65'536u);
  return path;
}

std::vector<ShardFinding> verify(const std::string& path) {
  ShardVerification verification(path);
  while (!verification.advance(1'000'000'000)) {
  }
  return verification.findings();
}

// An eighth of all bits each, so that they run side by side.
class ShardDamage : public testing::TestWithParam<int> {};

TEST_P(ShardDamage, EveryFlippedBitIsFound) {
  const TemporaryFolder folder;
  const std::string path = write_64_kib(folder.path());
  EXPECT_TRUE(verify(path).empty());
  const Bytes bytes = read_bytes(path);
  const int file = open(path.c_str(), O_WRONLY);
  ASSERT_GE(file, 0);
  int64_t missed = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const uint8_t flipped = bytes[i] ^ static_cast<uint8_t>(1 << GetParam());
    ASSERT_EQ(pwrite(file, &flipped, 1, static_cast<off_t>(i)), 1);
    missed += verify(path).size() == 1 ? 0 : 1;
    ASSERT_EQ(pwrite(file, &bytes[i], 1, static_cast<off_t>(i)), 1);
  }
  close(file);
  EXPECT_EQ(missed, 0);
  EXPECT_TRUE(verify(path).empty());
}

INSTANTIATE_TEST_SUITE_P(Bit, ShardDamage, testing::Range(0, 8));

TEST(ShardDamageOnce, EveryCutIsFound) {
  const TemporaryFolder folder;
  const std::string path = write_shard(folder.path());
  const Bytes bytes = read_bytes(path);
  for (size_t size = bytes.size(); size-- > 0;) {
    std::filesystem::resize_file(path, size);
    EXPECT_THROW(open_shard(path), ShardError) << size;
    EXPECT_EQ(verify(path).size(), 1u) << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  write_bytes(path, longer);
  EXPECT_THROW(open_shard(path), ShardError);
}

TEST(ShardDamageOnce, AHeaderOfAnotherShardIsFound) {
  const TemporaryFolder folder;
  const std::string path = write_64_kib(folder.path());
  Bytes bytes = read_bytes(path);
  const auto other = encode_header({4, 0, 30, 10});
  std::copy(other.begin(), other.end(), bytes.begin());
  write_bytes(path, bytes);
  EXPECT_THROW(open_shard(path), ShardError);
}

TEST(ShardDamageOnce, AMessageSaysWhereAndWhatToDo) {
  const TemporaryFolder folder;
  const std::string path = write_64_kib(folder.path());
  Bytes bytes = read_bytes(path);
  bytes[64 + 50'000] ^= 1;
  write_bytes(path, bytes);
  const std::vector<ShardFinding> findings = verify(path);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].record, 0);
  EXPECT_EQ(findings[0].index, 30);
  EXPECT_EQ(findings[0].field, "image");
  EXPECT_EQ(findings[0].offset_bytes, 64u);
  EXPECT_NE(findings[0].what.find("stoker pack --repair " + folder.path()), std::string::npos);

  const ShardsSource source({{path}}, folder.path(), 0);
  const std::unique_ptr<Fetcher> fetcher = make_file_fetcher(1);
  const FetchResult bad = fetch(*fetcher, source, 0);
  ASSERT_TRUE(bad.failure);
  EXPECT_EQ(bad.failure->code, SampleErrorCode::kCorrupt);
  for (const std::string& part :
       {path, std::string("record 0, field 'image'"), std::string("block 0,"), std::string("byte 64")})
    EXPECT_NE(bad.failure->found.find(part), std::string::npos) << bad.failure->found;
  EXPECT_EQ(bad.failure->hint, "run `stoker pack --repair " + folder.path() + "`");
  EXPECT_FALSE(fetch(*fetcher, source, 0, 1).failure);  // the mask of the same record is whole
  EXPECT_FALSE(fetch(*fetcher, source, 1).failure);
}

TEST(ShardDamageOnce, ARepairedShardIsReadWithoutStartingAnew) {
  const TemporaryFolder folder;
  const std::string path = write_64_kib(folder.path());
  const Bytes whole = read_bytes(path);
  Bytes bytes = whole;
  bytes[100] ^= 1;
  write_bytes(path, bytes);
  const ShardsSource source({{path}}, folder.path(), 0);
  const std::unique_ptr<Fetcher> fetcher = make_file_fetcher(1);
  EXPECT_TRUE(fetch(*fetcher, source, 0).failure);
  EXPECT_FALSE(fetch(*fetcher, source, 1).failure);  // its descriptor is kept now
  folder.write("new", whole);
  std::filesystem::rename(folder.path("new"), path);
  EXPECT_FALSE(fetch(*fetcher, source, 0).failure);
}

TEST(ShardDamageOnce, AShardThatIsCutOrGoneWhileItIsReadIsASampleError) {
  const TemporaryFolder folder;
  const std::string path = write_64_kib(folder.path());
  const ShardsSource source({{path}}, folder.path(), 0);
  const std::unique_ptr<Fetcher> fetcher = make_file_fetcher(1);
  EXPECT_FALSE(fetch(*fetcher, source, 0).failure);
  std::filesystem::resize_file(path, 1000);
  EXPECT_EQ(fetch(*fetcher, source, 0).failure->code, SampleErrorCode::kTruncated);
  std::filesystem::remove(path);
  EXPECT_EQ(fetch(*fetcher, source, 0).failure->code, SampleErrorCode::kMissing);
  EXPECT_THROW(open_shard(path), IoError);
}

TEST(ShardDamageOnce, DescriptorsAreBounded) {
  const TemporaryFolder folder;
  RecordReader reader;
  const Bytes one = {42};
  for (size_t i = 0; i < reader.max_open() + 20; ++i) {
    const std::string path = folder.write(std::to_string(i), one);
    FetchRequest request;
    request.path = path;
    request.length_bytes = 1;
    request.record = "record 0";
    uint8_t byte = 0;
    EXPECT_FALSE(reader.read(request, {&byte, 1}));
    EXPECT_EQ(byte, 42);
    EXPECT_LE(reader.open_count(), reader.max_open());
  }
  EXPECT_EQ(reader.open_count(), reader.max_open());
}

}  // namespace
}  // namespace stoker::test
