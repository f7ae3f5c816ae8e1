// Shard files: whatever opens is read to its last record, and its index is the one that stoker would write.
//
// Every byte of a shard is under a hash, which mutations alone would never get past. So mutations take place
// within one section of a whole shard, and the hashes are made to fit; now and then they are not.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "stoker/base/error.h"
#include "stoker/base/hash.h"
#include "stoker/fetch/record_reader.h"
#include "stoker/source/shards.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace stoker::fuzz {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr int kMaxRead = 64;  // records of one shard

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "found: not so: %s\n", what);
  std::abort();
}

// A file in memory, with a path.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("shard", MFD_CLOEXEC)) {
    expect(descriptor_ >= 0, "a file in memory can be made");
    path_ = "/proc/self/fd/" + std::to_string(descriptor_);
  }
  void write(std::span<const uint8_t> bytes) {
    const bool is_written = ftruncate(descriptor_, 0) == 0 && pwrite(descriptor_, bytes.data(), bytes.size(),
                                                                     0) == static_cast<ssize_t>(bytes.size());
    expect(is_written, "a file in memory can be written");
  }
  const std::string& path() const { return path_; }

 private:
  int descriptor_;
  std::string path_;
};

void read_records(const ShardsSource& source, std::span<const uint8_t> file) {
  static RecordReader reader;
  const int64_t count = std::min<int64_t>(*source.size(), kMaxRead);
  for (int64_t index = 0; index < count; ++index) {
    expect(source.path(index).find('\0') == std::string::npos, "paths hold no zero byte");
    expect(source.original_index(index) >= 0, "indices are not negative");
    for (size_t field = 0; field < source.fields().size(); ++field) {
      const FetchRequest request = source.request(index, field, 0);
      Bytes bytes(*request.length_bytes);
      if (reader.read(request, bytes)) continue;
      const auto stored = file.subspan(request.offset_bytes, bytes.size());
      expect(std::equal(bytes.begin(), bytes.end(), stored.begin()), "a record is what the file holds");
    }
    for (size_t column = 0; column < source.ragged_columns().size(); ++column) {
      const RaggedRows rows = source.ragged_rows(column, index, 0);
      double sum = 0;  // touches every value
      for (const double value : rows.values) sum += value;
      expect(sum == sum || sum != sum, "sums exist");
    }
  }
  for (const RowColumn& column : source.columns()) {
    expect(column.rows == *source.size(), "a column has a row for each sample");
    Bytes row(column.row_bytes());
    for (int64_t index = 0; index < count; ++index) column.gather({index}, row.data());
  }
}

// Where the sections of a shard begin; the header is at 0.
struct Sections {
  size_t records = kShardHeaderBytes;
  size_t index = 0;
  size_t footer = 0;
  size_t trailer = 0;
};

std::optional<Sections> sections_of(std::span<const uint8_t> file) {
  if (file.size() < kShardHeaderBytes + kShardTrailerBytes) return std::nullopt;
  try {
    const ShardTrailer trailer = decode_trailer(file.last<kShardTrailerBytes>(), file.size(), "");
    return Sections{.index = trailer.index_offset_bytes,
                    .footer = trailer.footer_offset_bytes,
                    .trailer = file.size() - kShardTrailerBytes};
  } catch (const ShardError&) {
    return std::nullopt;
  }
}

// Changes [begin, end) of `file` to at most `max_bytes`; returns by how much it grew.
ptrdiff_t mutate(Bytes& file, size_t begin, size_t end, size_t max_bytes) {
  Bytes section(file.begin() + static_cast<ptrdiff_t>(begin), file.begin() + static_cast<ptrdiff_t>(end));
  section.resize(std::max(section.size(), max_bytes));
  section.resize(LLVMFuzzerMutate(section.data(), end - begin, section.size()));
  file.erase(file.begin() + static_cast<ptrdiff_t>(begin), file.begin() + static_cast<ptrdiff_t>(end));
  file.insert(file.begin() + static_cast<ptrdiff_t>(begin), section.begin(), section.end());
  return static_cast<ptrdiff_t>(section.size()) - static_cast<ptrdiff_t>(end - begin);
}

void seal(Bytes& file, const Sections& at) {
  const std::span<uint8_t> bytes(file);
  const uint64_t own = hash64(bytes.first(kShardHeaderBytes - 8));
  std::memcpy(&file[kShardHeaderBytes - 8], &own, 8);
  const auto index = bytes.subspan(at.index, at.footer - at.index);
  const auto footer = bytes.subspan(at.footer, at.trailer - at.footer);
  const auto trailer = encode_trailer({.file_bytes = file.size(),
                                       .index_offset_bytes = at.index,
                                       .index_bytes = index.size(),
                                       .index_hash = hash64(index),
                                       .footer_offset_bytes = at.footer,
                                       .footer_bytes = footer.size(),
                                       .footer_hash = hash64(footer),
                                       .header_hash = hash64(bytes.first(kShardHeaderBytes))});
  std::copy(trailer.begin(), trailer.end(), file.begin() + static_cast<ptrdiff_t>(at.trailer));
}

}  // namespace
}  // namespace stoker::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace stoker::fuzz;
  Bytes file(data, data + size);
  std::optional<Sections> at = sections_of(file);
  if (!at || seed % 16 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const size_t room = max_size - std::min(max_size, size);
  const unsigned choice = seed / 16 % 8;
  if (choice == 0) {
    const ptrdiff_t grown = mutate(file, 0, at->records - 8, at->records - 8);
    file.insert(file.begin(), static_cast<size_t>(-grown), 'S');
  } else if (choice == 1 && at->records < at->index) {
    const ptrdiff_t grown = mutate(file, at->records, at->index, at->index - at->records);
    at->index += static_cast<size_t>(grown);
    at->footer += static_cast<size_t>(grown);
  } else if (choice == 2 && at->footer < at->trailer) {
    mutate(file, at->footer, at->trailer, at->trailer - at->footer + room);
  } else {
    at->footer += static_cast<size_t>(mutate(file, at->index, at->footer, at->footer - at->index + room));
  }
  at->trailer = file.size() - stoker::kShardTrailerBytes;
  seal(file, *at);
  std::copy(file.begin(), file.end(), data);
  return file.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stoker::fuzz;
  static MemoryFile file;
  file.write({data, size});
  try {
    const stoker::Shard shard = stoker::open_shard(file.path());
    const auto index =
        std::span(data, size).subspan(shard.trailer.index_offset_bytes, shard.trailer.index_bytes);
    const Bytes written = stoker::encode_index(shard.index);
    expect(std::equal(index.begin(), index.end(), written.begin(), written.end()),
           "an index that is read is the one that would be written");
    read_records(stoker::ShardsSource({{file.path()}}, "", 0), {data, size});
  } catch (const stoker::ShardError&) {
  }
  return 0;
}
