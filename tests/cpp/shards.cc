#include "shards.h"

#include <filesystem>
#include <fstream>

#include "stoker/base/hash.h"
#include "stoker/fetch/fetcher.h"

namespace stoker::test {

Bytes read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_bytes(const std::string& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

namespace {

PackedPart part_of(const Bytes& bytes, const std::string& path) {
  PackedPart part;
  auto memory = allocate_aligned(bytes.size());
  std::copy(bytes.begin(), bytes.end(), memory.get());
  part.bytes = SampleBytes(std::move(memory), bytes.size(), bytes.size());
  part.source = {path, bytes.size(), hash64(bytes)};
  return part;
}

}  // namespace

PackedPart source_part(const Bytes& bytes, const std::string& path) {
  PackedPart part = part_of(bytes, path);
  part.hash_blocks();
  return part;
}

PackedPart raw_part(const Pixels& pixels, const std::string& path) {
  PackedPart part = part_of(pixels.bytes, path);
  part.form = PartForm::kRaw;
  part.shape = pixels.shape;
  part.hash_blocks();
  return part;
}

std::string write_shard(const std::string& folder, size_t fill_bytes, uint32_t shard,
                        const std::string& footer) {
  std::mt19937 random(shard);
  std::vector<ShardColumn> columns;
  size_t row_bytes = 0;
  for (int dtype = 0; dtype <= static_cast<int>(DType::kFloat64); ++dtype) {
    ShardColumn column;
    column.dtype = static_cast<DType>(dtype);
    column.name = std::string(name_of(column.dtype));
    if (dtype % 3 == 1) column.row_shape = {2, 3};
    if (dtype % 3 == 2) column.row_shape = {0};
    row_bytes += size_of(column.dtype) * (dtype % 3 == 0 ? 1 : dtype % 3 == 1 ? 6 : 0);
    columns.push_back(column);
  }
  std::vector<ShardRaggedColumn> ragged(2);
  ragged[0].name = "boxes";
  ragged[1].name = "points";
  ragged[1].kind = FieldKind::kKeypoints;
  ragged[1].format = "xy";
  ragged[1].width = 2;
  ShardWriter writer(folder, {shard, 0, 30, 10},
                     {{"image", FieldKind::kImage}, {"mask of \xC3\xA4", FieldKind::kMask}}, columns, ragged);
  const std::vector<std::string> paths = {"a b/\xFF\xFE.jpg", "new\nline'\"\\.png", ""};
  for (int r = 0; r < 3; ++r) {
    PackedRecord record;
    record.index = 30 + 4 * r;
    Bytes bytes(r == 0 ? fill_bytes : 100 + static_cast<size_t>(r));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    record.parts.push_back(source_part(bytes, paths[static_cast<size_t>(r)]));
    record.parts.push_back(raw_part(noisy(5 + r, 7, 1, 8, static_cast<uint32_t>(r + 1)), "mask"));
    record.ragged.resize(2);
    for (int i = 0; i < r; ++i) {
      record.ragged[0].values.insert(record.ragged[0].values.end(), {0.25 * i, 0.5, 0.75, 1.0});
      record.ragged[0].rows.push_back({i + 1, i == 0});
    }
    record.ragged[1].values = {1, 2};
    Bytes rows(row_bytes);
    for (uint8_t& byte : rows) byte = static_cast<uint8_t>(random());
    writer.add(record, rows);
  }
  writer.publish(footer, NewFile::IfTaken::kReplace);
  return folder + "/" + shard_file_name(shard, 0);
}

FetchResult fetch(Fetcher& fetcher, const Source& source, int64_t index, size_t field, uint32_t epoch) {
  return fetcher.fetch(source.request(index, field, epoch));
}

void finish(Packing& packing) {
  while (!packing.advance(50'000'000).is_finished) {
  }
}

std::map<std::string, Bytes> contents(const std::string& folder) {
  std::map<std::string, Bytes> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files[entry.path().filename().string()] = read_bytes(entry.path().string());
  return files;
}

}  // namespace stoker::test
