#include "stoker/source/shards.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "stoker/base/hash.h"

namespace stoker {
namespace {

class OpenFile {
 public:
  explicit OpenFile(const std::string& path)
      : path_(path), descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ < 0) fail("open");
  }
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  uint64_t size_bytes() const {
    struct stat found {};
    if (fstat(descriptor_, &found) != 0) fail("fstat");
    if (!S_ISREG(found.st_mode)) throw ShardError(path_ + ": it is no regular file; name a shard.");
    return static_cast<uint64_t>(found.st_size);
  }

  void read(uint64_t offset_bytes, std::span<uint8_t> out) const {
    while (!out.empty()) {
      const ssize_t got = pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset_bytes));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("read");
      if (got == 0) throw ShardError(path_ + ": it became shorter while it was read.");
      offset_bytes += static_cast<uint64_t>(got);
      out = out.subspan(static_cast<size_t>(got));
    }
  }

 private:
  [[noreturn]] void fail(const char* call) const {
    const int error_number = errno;
    throw IoError(path_ + ": " + call + " failed: " + std::strerror(error_number) +
                  "; check that the file is there and may be read.");
  }

  const std::string& path_;
  const int descriptor_;
};

std::vector<uint8_t> read_hashed(const OpenFile& file, const std::string& path, const char* place,
                                 uint64_t offset_bytes, uint64_t length_bytes, uint64_t hash) {
  std::vector<uint8_t> bytes(length_bytes);
  file.read(offset_bytes, bytes);
  if (hash64(bytes) != hash) {
    throw ShardError(path + ": " + place + ": its " + std::to_string(length_bytes) + " bytes at byte " +
                     std::to_string(offset_bytes) + " do not have the XXH3-64 that the trailer states.");
  }
  return bytes;
}

Shard open_checked(const std::string& path) {
  const OpenFile file(path);
  const uint64_t file_bytes = file.size_bytes();
  if (file_bytes < kShardHeaderBytes + kShardTrailerBytes) {
    throw ShardError(path + ": it has " + std::to_string(file_bytes) + " bytes, a shard has at least " +
                     std::to_string(kShardHeaderBytes + kShardTrailerBytes) + ".");
  }
  Shard shard;
  shard.path = path;
  std::array<uint8_t, kShardHeaderBytes> header{};
  file.read(0, header);
  shard.header = decode_header(header, path);
  std::array<uint8_t, kShardTrailerBytes> trailer{};
  file.read(file_bytes - kShardTrailerBytes, trailer);
  shard.trailer = decode_trailer(trailer, file_bytes, path);
  if (hash64(header) != shard.trailer.header_hash)
    throw ShardError(path + ": header: it is not the one that the trailer was written for.");
  shard.index = decode_index(read_hashed(file, path, "index", shard.trailer.index_offset_bytes,
                                         shard.trailer.index_bytes, shard.trailer.index_hash),
                             shard.trailer.index_offset_bytes, path);
  const std::vector<uint8_t> footer = read_hashed(file, path, "footer", shard.trailer.footer_offset_bytes,
                                                  shard.trailer.footer_bytes, shard.trailer.footer_hash);
  shard.footer.assign(footer.begin(), footer.end());
  check_footer(shard.footer, path);
  const auto& indices = shard.index.indices;
  const uint64_t end = shard.header.first_sample + shard.header.sample_count;
  if (!indices.empty() && (static_cast<uint64_t>(indices.front()) < shard.header.first_sample ||
                           static_cast<uint64_t>(indices.back()) >= end)) {
    throw ShardError(path + ": index: it holds samples that the header does not name.");
  }
  return shard;
}

template <class Column>
bool same_kind(const Column& a, const Column& b);
template <>
bool same_kind(const ShardColumn& a, const ShardColumn& b) {
  return a.name == b.name && a.dtype == b.dtype && a.row_shape == b.row_shape;
}
template <>
bool same_kind(const ShardRaggedColumn& a, const ShardRaggedColumn& b) {
  return a.name == b.name && a.kind == b.kind && a.format == b.format && a.width == b.width;
}
template <>
bool same_kind(const Field& a, const Field& b) {
  return a.name == b.name && a.kind == b.kind;
}

template <class Column>
void check_same(const std::vector<Column>& columns, const std::vector<Column>& first, const char* what,
                const std::string& path, const std::string& first_path) {
  const bool is_same =
      std::equal(columns.begin(), columns.end(), first.begin(), first.end(), same_kind<Column>);
  if (is_same) return;
  throw ShardError(path + ": its " + what + " are not those of " + first_path +
                   "; give shards of one packing only.");
}

}  // namespace

std::string repair_hint(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  return "run `stoker pack --repair " + folder + "`";
}

Shard open_shard(const std::string& path) {
  try {
    return open_checked(path);
  } catch (const ShardError& damage) {
    std::string found = damage.what();
    if (found.ends_with('.')) found.pop_back();
    throw ShardError(found + "; " + repair_hint(path) + ".");
  }
}

// What is kept of an open shard: paths of its records in one arena, no hashes of source files.
struct ShardsSource::OpenShard {
  std::string path;
  std::string repair;
  std::vector<int64_t> indices;
  std::vector<ShardPart> parts;
  std::vector<Block> blocks;
  std::string source_paths;
  std::vector<uint64_t> source_path_ends;  // a record each, of its first field
  std::vector<ShardRaggedColumn> ragged;

  std::string source_path(int64_t record) const {
    const auto i = static_cast<size_t>(record);
    const uint64_t begin = i == 0 ? 0 : source_path_ends[i - 1];
    return source_paths.substr(begin, source_path_ends[i] - begin);
  }
};

namespace {

// Rows of one column of all shards, packed one after another.
class JoinedColumn {
 public:
  explicit JoinedColumn(const ShardColumn& like)
      : name(like.name), dtype(like.dtype), row_shape(like.row_shape) {}
  void add(const ShardColumn& column) { data.insert(data.end(), column.data.begin(), column.data.end()); }

  std::string name;
  DType dtype;
  std::vector<int64_t> row_shape;
  std::vector<uint8_t> data;
};

// Raw images of one shape, or nothing.
class CommonShape {
 public:
  void add(const ShardIndex& index) {
    for (size_t i = 0; i < index.parts.size(); i += index.fields.size()) {
      const ShardPart& part = index.parts[i];
      is_common_ &= part.form == PartForm::kRaw && (!shape_ || *shape_ == part.shape);
      shape_ = part.shape;
    }
  }
  std::optional<ImageShape> get() const { return is_common_ ? shape_ : std::nullopt; }

 private:
  bool is_common_ = true;
  std::optional<ImageShape> shape_;
};

}  // namespace

// What is gathered over all shards while they are opened.
struct ShardsSource::Joining {
  std::string first_path;
  ShardIndex first;  // fields and kinds of columns of the first shard
  std::vector<std::set<uint32_t>> numbers;
  std::vector<JoinedColumn> columns;
  CommonShape shape;

  void begin(const Shard& shard) {
    first_path = shard.path;
    first.fields = shard.index.fields;
    for (const ShardColumn& each : shard.index.columns) {
      first.columns.push_back({each.name, each.dtype, each.row_shape, {}});
      columns.emplace_back(each);
    }
    for (const ShardRaggedColumn& each : shard.index.ragged)
      first.ragged.push_back({each.name, each.kind, each.format, each.width, {}, {}, {}});
  }
};

ShardsSource::ShardsSource(const std::vector<std::vector<std::string>>& variants, std::string root,
                           int operators_done)
    : root_(std::move(root)), operators_done_(operators_done) {
  if (variants.empty() || variants[0].empty())
    throw ArgumentError("shards: there is no shard file; give at least one.");
  Joining joining;
  for (size_t v = 0; v < variants.size(); ++v) {
    if (variants[v].size() != variants[0].size()) {
      throw ShardError("shards: variant " + std::to_string(v) + " has " + std::to_string(variants[v].size()) +
                       " files, variant 0 has " + std::to_string(variants[0].size()) +
                       "; pack again, which adds the missing ones.");
    }
    variants_.emplace_back();
    joining.numbers.emplace_back();
    for (const std::string& path : variants[v]) add(v, open_shard(path), joining);
  }
  image_shape_ = joining.shape.get();
  for (JoinedColumn& joined : joining.columns) {
    const auto owner = std::make_shared<JoinedColumn>(std::move(joined));
    add_column({owner->name, owner->dtype, owner->row_shape, owner->data.data(), *size(), owner});
  }
  for (const ShardRaggedColumn& column : joining.first.ragged) {
    // Its rows lie in the shards, and ragged_rows() finds them there.
    const auto starts = std::make_shared<std::vector<int64_t>>(static_cast<size_t>(*size()) + 1);
    add_ragged_column(
        {column.name, column.kind, column.format, column.width, nullptr, starts->data(), *size(), starts});
  }
}

void ShardsSource::add(size_t variant, Shard shard, Joining& joining) {
  ShardIndex& index = shard.index;
  const size_t k = variants_[variant].size();
  if (variant == 0 && k == 0) {
    fields_ = index.fields;
    joining.begin(shard);
  }
  check_same(index.fields, joining.first.fields, "fields", shard.path, joining.first_path);
  check_same(index.columns, joining.first.columns, "columns", shard.path, joining.first_path);
  check_same(index.ragged, joining.first.ragged, "boxes and keypoints", shard.path, joining.first_path);
  if (k == 0) footers_.push_back(shard.footer);
  if (shard.footer != footers_[variant]) {
    throw ShardError(shard.path + ": its footer is not that of " + variants_[variant][0]->path +
                     ", so it was made by another plan; give shards of one packing only.");
  }
  if (!joining.numbers[variant].insert(shard.header.shard).second)
    throw ShardError(shard.path + ": shard " + std::to_string(shard.header.shard) + " comes twice.");
  if (variant > 0 && index.indices != variants_[0][k]->indices) {
    throw ShardError(shard.path + ": it does not hold the same samples as " + variants_[0][k]->path + "; " +
                     repair_hint(shard.path) + ".");
  }
  joining.shape.add(index);
  auto open = std::make_unique<OpenShard>();
  open->path = shard.path;
  open->repair = repair_hint(shard.path);
  if (variant == 0) {
    ends_.push_back((ends_.empty() ? 0 : ends_.back()) + index.record_count());
    for (size_t i = 0; i < index.columns.size(); ++i) joining.columns[i].add(index.columns[i]);
    for (size_t i = 0; i < index.sources.size(); i += fields_.size()) {
      open->source_paths += index.sources[i].path;
      open->source_path_ends.push_back(open->source_paths.size());
    }
  }
  open->indices = std::move(index.indices);
  open->parts = std::move(index.parts);
  open->blocks = std::move(index.blocks);
  open->ragged = std::move(index.ragged);
  variants_[variant].push_back(std::move(open));
}

ShardsSource::~ShardsSource() = default;

std::optional<int64_t> ShardsSource::size() const { return ends_.back(); }
const std::vector<Field>& ShardsSource::fields() const { return fields_; }
std::optional<ImageShape> ShardsSource::image_shape() const { return image_shape_; }
int ShardsSource::variants() const { return static_cast<int>(variants_.size()); }

ShardsSource::Place ShardsSource::find(int64_t index, uint32_t epoch) const {
  STOKER_CHECK(index >= 0 && index < ends_.back());
  const auto k = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin());
  return {variants_[epoch % variants_.size()][k].get(), index - (k == 0 ? 0 : ends_[k - 1])};
}

FetchRequest ShardsSource::request(int64_t index, size_t field, uint32_t epoch) const {
  STOKER_CHECK(field < fields_.size());
  const Place place = find(index, epoch);
  const ShardPart& part = place.shard->parts[static_cast<size_t>(place.record) * fields_.size() + field];
  FetchRequest request;
  request.path = place.shard->path;
  request.offset_bytes = part.offset_bytes;
  request.length_bytes = part.length_bytes;
  request.blocks = std::span<const Block>(place.shard->blocks).subspan(part.first_block, part.block_count);
  request.record = "record " + std::to_string(place.record) + ", field '" + fields_[field].name + "'";
  request.repair_hint = &place.shard->repair;
  if (part.form == PartForm::kRaw) request.raw_shape = part.shape;
  return request;
}

std::string ShardsSource::path(int64_t index) const {
  const Place place = find(index, 0);
  return place.shard->source_path(place.record);
}

int64_t ShardsSource::original_index(int64_t index) const {
  const Place place = find(index, 0);
  return place.shard->indices[static_cast<size_t>(place.record)];
}

RaggedRows ShardsSource::ragged_rows(size_t column, int64_t index, uint32_t epoch) const {
  const Place place = find(index, epoch);
  const ShardRaggedColumn& rows = place.shard->ragged[column];
  const auto record = static_cast<size_t>(place.record);
  const auto numbers = static_cast<size_t>(rows.numbers());
  const auto begin = static_cast<size_t>(rows.starts[record]);
  const size_t count = static_cast<size_t>(rows.starts[record + 1]) - begin;
  RaggedRows found;
  found.values = std::span<const double>(rows.values).subspan(begin * numbers, count * numbers);
  if (!rows.rows.empty()) found.origins = std::span<const RowOrigin>(rows.rows).subspan(begin, count);
  return found;
}

}  // namespace stoker
