#include "stoker/run/pipeline.h"

#include <utility>

#include "stoker/run/kept_sample.h"
#include "stoker/transform/geometry.h"
#include "stoker/transform/island.h"

namespace stoker {
namespace {

// Scratch above this is given back, so that one huge image does not hold its memory for ever.
constexpr size_t kKeptScratchBytes = size_t{8} << 20;

// Random orders of many operators make many schedules; above this number they are made anew.
constexpr size_t kMaxSchedules = 4096;

}  // namespace

Pipeline::Pipeline(const Plan& plan, const Source& source, const std::atomic<bool>* is_cancelled,
                   IslandDesk* islands)
    : plan_(plan), source_(source), decode_options_(plan.options().decode), islands_(islands) {
  STOKER_CHECK(islands_ != nullptr || !plan_.has_islands());
  decode_options_.limits.is_cancelled = is_cancelled;
  mask_options_ = decode_options_;
  mask_options_.color = Color::kUnchanged;  // class numbers, not colours
  mask_options_.keep_wide = true;
  mask_options_.keep_palette_numbers = true;
}

// Hands regions of one field to the spatial chain, and counts the time of it.
class Pipeline::Decoding : public RegionReader {
 public:
  Decoding(Pipeline& pipeline, const SamplePart& part) : pipeline_(pipeline), part_(part) {}

  Failure open(const DecodeOptions& options, ImageShape* shape) {
    const StepClock::Inner timed(pipeline_.counters_->clock, kDecodeStep);
    Failure failure;
    if (part_.raw_shape) {
      shape_ = *part_.raw_shape;
    } else {
      failure = pipeline_.decoders_.open(part_.bytes.view(), options, &shape_);
    }
    *shape = shape_;
    return failure;
  }

  Failure read(const Rect& region, ConstImage* pixels) override {
    if (part_.raw_shape) {
      *pixels = window_of_raw(region);
      return std::nullopt;
    }
    const StepClock::Inner timed(pipeline_.counters_->clock, kDecodeStep);
    ImageShape shape = shape_;
    shape.width = region.width;
    shape.height = region.height;
    const Image out = packed_image(pipeline_.decoded_.reserve(shape.bytes()), shape);
    Failure failure = pipeline_.decoders_.decode(region, out);
    if (!failure) pipeline_.counters_->decoded[static_cast<size_t>(pipeline_.decoders_.route())].add(1);
    *pixels = out;
    return failure;
  }

 private:
  // The bytes may be those of some rows only; a region beyond them would be a defect of RowsNeeded.
  ConstImage window_of_raw(const Rect& region) const {
    const std::span<const uint8_t> bytes = part_.bytes.view();
    const uint64_t begin = region.y * shape_.row_bytes();
    const uint64_t end = begin + region.height * shape_.row_bytes();
    STOKER_CHECK(begin >= part_.first_byte && end <= part_.first_byte + bytes.size());
    const ImageShape rows{region.height, shape_.width, shape_.channels, shape_.dtype};
    const void* first = bytes.data() + (begin - part_.first_byte);
    return packed_image(first, rows).window({region.x, 0, region.width, region.height});
  }

  Pipeline& pipeline_;
  const SamplePart& part_;
  ImageShape shape_;
};

Failure Pipeline::run(const Sample& sample, const SampleKey& key, SampleSink& sink, StepCounters& counters) {
  counters_ = &counters;
  counters_->clock.begin_sample();
  const Failure failure = run_fields(sample, key, sink);
  counters_->clock.end_sample();
  counters.samples.add(1);
  for (const SamplePart& part : sample.parts)
    counters.bytes_decoded.add(static_cast<int64_t>(part.bytes.view().size()));
  decoded_.trim(kKeptScratchBytes);
  chain_.trim(kKeptScratchBytes);
  return failure;
}

Failure Pipeline::run_fields(const Sample& sample, const SampleKey& key, SampleSink& sink) {
  KeptSample kept(source_, islands_);
  for (size_t field = 0; field < sample.parts.size(); ++field) {
    const bool is_mask = source_.fields()[field].kind == FieldKind::kMask;
    Decoding decoding(*this, sample.parts[field]);
    ImageShape decoded;
    if (Failure failure = decoding.open(is_mask ? mask_options_ : decode_options_, &decoded)) return failure;
    if (Failure failure = check_field(field, sample.parts[field], decoded)) return failure;
    if (field == 0) {
      if (Failure failure = draw_all(key, decoded)) return failure;
      counters_->clock.lap(kDrawStep);
    }
    SampleSink& to = is_at_island_ ? kept : sink;
    Failure failure =
        is_mask ? run_mask(field, decoded, decoding, to) : run_image(field, decoded, decoding, to);
    if (failure) return failure;
  }
  rows_.resize(source_.ragged_columns().size());
  for (size_t i = 0; i < rows_.size(); ++i) {
    const bool are_boxes = source_.ragged_columns()[i].kind == FieldKind::kBoxes;
    Failure failure =
        are_boxes ? read_boxes(i, sample.index, key.epoch) : read_keypoints(i, sample.index, key.epoch);
    if (failure) return failure;
    if (Failure refused = are_boxes ? run_boxes(i, sink) : run_keypoints(i, sink)) return refused;
    counters_->clock.lap(kRowStep);
  }
  return is_at_island_ ? run_islands(key, kept, sink) : std::nullopt;
}

std::optional<ScratchBuffer> Pipeline::release(const void* data) {
  for (ScratchBuffer& buffer : images_) {
    if (buffer.capacity_bytes() > 0 && buffer.reserve(0) == data)
      return std::exchange(buffer, ScratchBuffer());
  }
  return chain_.release(data);
}

// What only the file could tell: an image of the dtype that was planned, and all fields of the first's size.
Failure Pipeline::check_field(size_t field, const SamplePart& part, const ImageShape& decoded) const {
  const Field& kind = source_.fields()[field];
  const DType expected = plan_.options().image_dtype;
  if (kind.kind != FieldKind::kMask && !part.raw_shape && decoded.dtype != expected) {
    return SampleError{.code = SampleErrorCode::kUnsupported,
                       .step = "decode",
                       .found = "the image is " + std::string(name_of(decoded.dtype)) + ", expected is " +
                                std::string(name_of(expected)),
                       .hint = "choose another image_dtype, or leave the file out"};
  }
  return field == 0 ? std::nullopt : check_size(field, decoded);
}

Failure Pipeline::check_size(size_t field, const ImageShape& shape) const {
  const ImageShape& first = shapes_[0];
  if (shape.height == first.height && shape.width == first.width) return std::nullopt;
  return SampleError{.code = SampleErrorCode::kShape,
                     .step = source_.fields()[field].name,
                     .found = "it is " + std::to_string(shape.height) + " x " + std::to_string(shape.width) +
                              " pixels, the image is " + std::to_string(first.height) + " x " +
                              std::to_string(first.width) + "; all fields of a sample need one size",
                     .hint = "make them the same size, or leave the sample out"};
}

// All randomness of the sample, in the order the user wrote, before any pixel is touched.
Failure Pipeline::draw_all(const SampleKey& key, const ImageShape& decoded) {
  checks_after_ = plan_.choose(key, &taken_);
  draws_.resize(taken_.size());
  shapes_.resize(taken_.size() + 1);
  next_taken_ = 0;
  return draw_stretch(key, decoded);
}

Failure Pipeline::draw_stretch(const SampleKey& key, const ImageShape& shape_before) {
  shapes_[0] = shape_before;
  steps_.clear();
  checks_.clear();
  is_at_island_ = false;
  int checks = next_taken_ == 0 && plan_.options().checks_first ? 1 : 0;
  while (next_taken_ < taken_.size() && !is_at_island_) {
    const Plan::Taken& taken = taken_[next_taken_++];
    checks += taken.checks_before;
    const size_t place = steps_.size();
    const NamedOperator& named = *plan_.operators()[taken.number];
    Rng rng(key, taken.path);
    draws_[place].reset();
    if (Failure failure = named.op->draw(rng, shapes_[place], &draws_[place])) return failure;
    if (!draws_[place].applies) continue;
    if (plan_.has_islands() && island_of(*named.op) != nullptr) {
      is_at_island_ = true;
      island_ = taken;
      island_seed_ = island_seed(draws_[place]);
      break;
    }
    try {
      shapes_[place + 1] = named.op->shape_after(draws_[place], shapes_[place]);
    } catch (const ArgumentError& refused) {  // what the plan could not know: this image's channels
      return SampleError{.code = SampleErrorCode::kShape,
                         .step = named.name,
                         .found = refused.what(),
                         .hint = "choose color='rgb' or 'gray'"};
    }
    const ImageShape& shape = shapes_[place + 1];
    const int64_t pixels = static_cast<int64_t>(shape.height) * shape.width;
    if (pixels > decode_options_.limits.max_pixels) {
      return SampleError{.code = SampleErrorCode::kTooLarge,
                         .step = named.name,
                         .found = "the result would be " + std::to_string(shape.height) + " x " +
                                  std::to_string(shape.width) + " pixels, allowed are " +
                                  std::to_string(decode_options_.limits.max_pixels) + " in all",
                         .hint = "remove the image or choose another size"};
    }
    steps_.push_back(static_cast<char16_t>(taken.number));
    checks_.push_back(checks);
    checks = 0;
  }
  checks_.push_back(is_at_island_ ? checks : checks + checks_after_);
  return std::nullopt;
}

const Schedule& Pipeline::schedule() {
  const ImageShape& shape = shapes_[0];
  std::u16string key = steps_;
  if (plan_.has_islands()) {  // what they give may differ in these from sample to sample
    key.push_back(static_cast<char16_t>(shape.dtype));
    key.push_back(static_cast<char16_t>(shape.channels));
  }
  const auto found = schedules_.find(key);
  if (found != schedules_.end()) return found->second;
  if (schedules_.size() >= kMaxSchedules) schedules_.clear();
  const std::vector<uint16_t> numbers(steps_.begin(), steps_.end());
  Schedule made = plan_.has_islands() ? plan_.schedule(numbers, {0, 0, shape.channels, shape.dtype})
                                      : plan_.schedule(numbers);
  return schedules_.emplace(std::move(key), std::move(made)).first->second;
}

Image Pipeline::next_image(const ImageShape& shape) {
  const Image image = packed_image(images_[next_image_].reserve(shape.bytes()), shape);
  next_image_ = 1 - next_image_;
  return image;
}

Failure Pipeline::run_image(size_t field, const ImageShape& decoded, RegionReader& reader, SampleSink& sink) {
  const Schedule& schedule = this->schedule();
  chain_.begin(decoded, &reader);
  for (const Segment& segment : schedule.segments) {
    for (size_t i = 0; i < segment.spatial.size(); ++i) {
      const size_t place = segment.spatial[i];
      // The operator's own shape differs from shapes_[place] only in dtype, which geometry does not read.
      if (Failure failure = chain_.add(step(place).op->geometry(draws_[place], chain_.shape())))
        return failure;
      if (i > 0 && segment.timed_as[i] != segment.timed_as[i - 1]) lap(segment.timed_as[i - 1]);
    }
    ConstImage pixels;
    Store store;
    Failure failure = segment.whole || segment.adds_floats
                          ? chain_.finish_upright(&pixels)
                          : chain_.finish(&pixels, &store.flip_horizontal, &store.flip_vertical);
    if (failure) return failure;
    if (!segment.spatial.empty()) lap(segment.timed_as.back());
    observe(pixels, segment);
    if (segment.is_last) {
      const ValueTable* constant = schedule.constant_table ? &*schedule.constant_table : nullptr;
      if (constant != nullptr && !keeps_dtype() && !segment.tables.empty() &&
          pixels.shape.dtype == DType::kUint8 &&
          constant->entries.size() == static_cast<size_t>(pixels.channels()) * 256 * size_of(plan_.dtype())) {
        store.table = constant;
      }
      failure = this->store(field, pixels, store, segment, sink);
      counters_->clock.lap(kStoreStep);
      return failure;
    }
    pixels = through_tables(pixels, segment);
    if (segment.whole) {
      const size_t place = *segment.whole;
      const Operator& op = *step(place).op;
      const Image out = next_image(op.shape_after(draws_[place], pixels.shape));
      op.apply(draws_[place], pixels, out, scratch_);
      pixels = out;
      lap(place);
    }
    chain_.begin(pixels);
    Geometry flips;
    flips.flip_horizontal = store.flip_horizontal;
    flips.flip_vertical = store.flip_vertical;
    if (Failure failure = chain_.add(flips)) return failure;
  }
  return std::nullopt;
}

// Moves a mask as the image was moved; what only changes colours passes it by.
Failure Pipeline::run_mask(size_t field, const ImageShape& decoded, RegionReader& reader, SampleSink& sink) {
  chain_.begin(decoded, &reader);
  ConstImage pixels;
  for (size_t place = 0; place < steps_.size(); ++place) {
    const Operator& op = *step(place).op;
    if (!op.moves_pixels()) continue;
    if (op.has_geometry()) {
      const Geometry geometry = mask_geometry(op.geometry(draws_[place], shapes_[place]));
      if (geometry.resize && decoded.dtype != DType::kUint8) {
        return SampleError{
            .code = SampleErrorCode::kUnsupported,
            .step = source_.fields()[field].name,
            .found = "the mask is " + std::string(name_of(decoded.dtype)) + ", resized are uint8 masks",
            .hint = "store class numbers in 8 bits"};
      }
      if (Failure failure = chain_.add(geometry)) return failure;
      continue;
    }
    if (Failure failure = chain_.finish_upright(&pixels)) return failure;
    ImageShape shape = pixels.shape;
    shape.height = shapes_[place + 1].height;
    shape.width = shapes_[place + 1].width;
    const Image out = next_image(shape);
    op.apply_mask(draws_[place], pixels, out, scratch_);
    chain_.begin(out);
  }
  Store store;
  if (Failure failure = chain_.finish(&pixels, &store.flip_horizontal, &store.flip_vertical)) return failure;
  store.layout = pixels.channels() == 1 || is_at_island_ ? Layout::kHwc : plan_.options().layout;
  store.dtype = pixels.shape.dtype;
  Failure failure = sink.take(field, pixels, store);
  counters_->clock.lap(kMaskStep);
  return failure;
}

std::vector<TableStep> Pipeline::table_steps(const std::vector<size_t>& places) const {
  std::vector<TableStep> tables;
  tables.reserve(places.size());
  for (const size_t place : places) tables.push_back({step(place).op.get(), &draws_[place]});
  return tables;
}

// Completes the draws of reductions, each seeing the image through the tables before it.
void Pipeline::observe(const ConstImage& pixels, const Segment& segment) {
  // Wider pixels have no table to go through: through_tables() observes them where they come by.
  if (!segment.has_reduction || pixels.shape.dtype != DType::kUint8) return;
  std::vector<TableStep> before;
  for (const size_t place : segment.tables) {
    const Operator& op = *step(place).op;
    if (op.operator_class() == OperatorClass::kReducedTable) {
      const ConstImage ramp = table_ramp(before, pixels.channels(), ramps_);
      op.observe(pixels, before.empty() ? nullptr : &ramp, &draws_[place]);
      lap(place);
    }
    before.push_back({&op, &draws_[place]});
  }
}

// The image after the segment's tables, in memory of its own.
ConstImage Pipeline::through_tables(const ConstImage& pixels, const Segment& segment) {
  ConstImage current = pixels;
  for (const size_t place : segment.tables) {
    const Operator& op = *step(place).op;
    const bool is_reduced = op.operator_class() == OperatorClass::kReducedTable;
    if (is_reduced && pixels.shape.dtype != DType::kUint8) op.observe(current, nullptr, &draws_[place]);
    const Image out = next_image(op.shape_after(draws_[place], current.shape));
    op.apply(draws_[place], current, out, scratch_);
    current = out;
    lap(place);
  }
  return current;
}

Failure Pipeline::store(size_t field, const ConstImage& pixels, Store store, const Segment& segment,
                        SampleSink& sink) {
  store.layout = is_at_island_ ? Layout::kHwc : plan_.options().layout;
  store.dtype = plan_.dtype();
  ConstImage image = pixels;
  DType ending = pixels.shape.dtype;
  if (!segment.tables.empty() && store.table == nullptr) {
    if (pixels.shape.dtype == DType::kUint8) {
      const ConstImage ramp = table_ramp(table_steps(segment.tables), pixels.channels(), ramps_);
      ending = ramp.shape.dtype;
      if (keeps_dtype()) store.dtype = ending;
      table_.assign(ramp, store.dtype);
      store.table = &table_;
    } else {
      image = through_tables(pixels, segment);
      ending = image.shape.dtype;
    }
  }
  if (keeps_dtype()) store.dtype = ending;
  if (plan_.has_islands() && !is_at_island_ && store.table == nullptr && !keeps_dtype() &&
      !plan_.can_store(ending)) {
    return SampleError{.code = SampleErrorCode::kUnsupported,
                       .step = "batch",
                       .found = "the image is " + std::string(name_of(ending)) +
                                " after the steps in Python, which cannot become " +
                                std::string(name_of(store.dtype)),
                       .hint = "choose another dtype of the batch"};
  }
  return sink.take(field, image, store);
}

}  // namespace stoker
