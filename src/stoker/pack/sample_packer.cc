#include "stoker/pack/sample_packer.h"

#include <cstring>

#include "stoker/base/hash.h"

namespace stoker {
namespace {

std::string relative_path(const std::string& path, const std::string& root) {
  const size_t length = root.ends_with('/') ? root.size() - 1 : root.size();
  const bool is_below = length > 0 && path.size() > length + 1 &&
                        path.compare(0, length, root, 0, length) == 0 && path[length] == '/';
  return is_below ? path.substr(length + 1) : path;
}

Failure too_large(const std::string& field, uint64_t found_bytes) {
  SampleError error;
  error.code = SampleErrorCode::kTooLarge;
  error.step = "pack";
  error.found = "field '" + field + "' would have " + std::to_string(found_bytes) +
                " bytes, allowed are at most " + std::to_string(kMaxFileBytes);
  error.hint = "add a resize or a crop, or leave the sample out";
  return error;
}

}  // namespace

// Turns what the pipeline gives into the parts of `record`.
class SamplePacker::Sink : public SampleSink {
 public:
  Sink(const Source& source, const PackingOptions& options, Layout layout)
      : source_(source), options_(options), layout_(layout) {}

  void begin(PackedRecord* record) {
    record_ = record;
    record_->parts.resize(source_.fields().size());
    record_->ragged.resize(source_.ragged_columns().size());
  }

  Failure take(size_t field, const ConstImage& pixels, const Store& store) override {
    const bool is_mask = source_.fields()[field].kind == FieldKind::kMask;
    PackedPart& part = record_->parts[field];
    part.shape = pixels.shape;
    part.shape.dtype = store.dtype;
    if (part.shape.bytes() > kMaxFileBytes)
      return too_large(source_.fields()[field].name, part.shape.bytes());
    Store as_stored = store;
    as_stored.layout = layout_;
    if (options_.form == PackForm::kJpeg && !is_mask) {
      void* memory = pixels_.reserve(part.shape.bytes());
      store_image(as_stored, pixels, memory);
      return encode(packed_image(memory, part.shape), &part);
    }
    auto memory = allocate_aligned(part.shape.bytes());
    store_image(as_stored, pixels, memory.get());
    part.form = PartForm::kRaw;
    part.bytes = SampleBytes(std::move(memory), part.shape.bytes(), part.shape.bytes());
    return std::nullopt;
  }

  void take_boxes(size_t column, const std::vector<Box>& boxes) override {
    PackedRows& rows = record_->ragged[column];
    for (const Box& box : boxes) {
      rows.values.insert(rows.values.end(), {box.x_min, box.y_min, box.x_max, box.y_max});
      rows.rows.push_back({box.row, box.is_single});
    }
  }

  void take_keypoints(size_t column, const std::vector<Keypoint>& keypoints) override {
    PackedRows& rows = record_->ragged[column];
    for (const Keypoint& point : keypoints) {
      rows.values.insert(rows.values.end(), {point.x, point.y, point.angle, point.scale});
      rows.rows.push_back({point.row, point.is_single});
    }
  }

 private:
  Failure encode(const ConstImage& image, PackedPart* part) {
    try {
      encode_jpeg(image, options_.jpeg, encoded_);
    } catch (const ArgumentError& refused) {  // what the plan could not know: this image's channels
      SampleError error;
      error.code = SampleErrorCode::kUnsupported;
      error.step = "pack";
      error.found = refused.what();
      error.hint = "choose form='raw', or color='rgb'";
      return error;
    }
    auto memory = allocate_aligned(encoded_.size());
    std::memcpy(memory.get(), encoded_.data(), encoded_.size());
    part->form = PartForm::kJpeg;
    part->bytes = SampleBytes(std::move(memory), encoded_.size(), encoded_.size());
    return std::nullopt;
  }

  const Source& source_;
  const PackingOptions& options_;
  const Layout layout_;
  PackedRecord* record_ = nullptr;
  ScratchBuffer pixels_;
  std::vector<uint8_t> encoded_;
};

SamplePacker::SamplePacker(const Source& source, const Plan& plan, const PackingOptions& options,
                           Fetcher& fetcher, const std::atomic<bool>* is_cancelled)
    : source_(source),
      options_(options),
      fetcher_(fetcher),
      sink_(std::make_unique<Sink>(source, options,
                                   options.form == PackForm::kNpy ? plan.options().layout : Layout::kHwc)),
      pipeline_(plan, source, is_cancelled),
      counters_(plan.operators().size()) {}

SamplePacker::~SamplePacker() = default;

Failure SamplePacker::pack(int64_t index, std::vector<PackedRecord>* variants) {
  Sample sample;
  std::vector<SourceFile> sources;
  Failure failure = fetch(index, &sample, &sources);
  if (!failure) {
    variants->clear();
    variants->resize(static_cast<size_t>(options_.variants));
    if (options_.form == PackForm::kSource) {
      keep_bytes(sample, &variants->front());
    } else {
      failure = pack_variants(sample, variants);
    }
  }
  for (SamplePart& part : sample.parts) fetcher_.recycle(std::move(part.bytes));
  if (failure) {
    failure->index = index;
    failure->epoch = 0;
    if (failure->path.empty()) failure->path = source_.path(index);
    return failure;
  }
  for (PackedRecord& record : *variants) {
    record.index = index;
    for (size_t field = 0; field < record.parts.size(); ++field) {
      PackedPart& part = record.parts[field];
      part.hash_blocks();
      part.source = sources[field];
      if (options_.form != PackForm::kSource) continue;
      part.source.hash = part.blocks.size() == 1 ? part.blocks[0].hash : hash64(part.bytes.view());
    }
  }
  return std::nullopt;
}

Failure SamplePacker::fetch(int64_t index, Sample* sample, std::vector<SourceFile>* sources) {
  sample->index = index;
  for (size_t field = 0; field < source_.fields().size(); ++field) {
    const FetchRequest request = source_.request(index, field, 0);
    FetchResult fetched = fetcher_.fetch(request);
    // A record of a shard is known by the file that it was made of.
    const std::string path = request.record.empty() ? request.path : source_.path(index);
    if (fetched.failure) {
      if (fetched.failure->path.empty()) fetched.failure->path = path;
      return std::move(fetched.failure);
    }
    const std::span<const uint8_t> bytes = fetched.bytes.view();
    const uint64_t hash =
        options_.form == PackForm::kSource ? 0 : hash64(bytes);  // 0: pack() knows it sooner
    sources->push_back({relative_path(path, options_.source_root), bytes.size(), hash});
    sample->parts.push_back({std::move(fetched.bytes), request.raw_shape});
  }
  return std::nullopt;
}

Failure SamplePacker::pack_variants(const Sample& sample, std::vector<PackedRecord>* variants) {
  for (size_t v = 0; v < variants->size(); ++v) {
    sink_->begin(&(*variants)[v]);
    const SampleKey key{options_.seed, 0, static_cast<uint64_t>(sample.index), 0, static_cast<uint8_t>(v)};
    if (Failure failure = pipeline_.run(sample, key, *sink_, counters_)) return failure;
  }
  return std::nullopt;
}

// Form source: what was fetched goes on as it is.
void SamplePacker::keep_bytes(Sample& sample, PackedRecord* record) {
  for (SamplePart& from : sample.parts) {
    PackedPart& part = record->parts.emplace_back();
    if (from.raw_shape) {
      part.form = PartForm::kRaw;
      part.shape = *from.raw_shape;
    }
    part.bytes = std::move(from.bytes);
  }
  for (size_t i = 0; i < source_.ragged_columns().size(); ++i) {
    const RaggedRows from = source_.ragged_rows(i, sample.index, 0);
    PackedRows& rows = record->ragged.emplace_back();
    rows.values.assign(from.values.begin(), from.values.end());
    rows.rows.assign(from.origins.begin(), from.origins.end());
  }
}

}  // namespace stoker
