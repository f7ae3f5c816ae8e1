#include "stoker/run/pipeline.h"

#include "stoker/base/clock.h"

namespace stoker {
namespace {

// Scratch above this is given back, so that one huge image does not hold its memory for ever.
constexpr size_t kKeptScratchBytes = size_t{8} << 20;

// Random orders of many operators make many schedules; above this number they are made anew.
constexpr size_t kMaxSchedules = 4096;

Failure failed(SampleErrorCode code, std::string step, std::string found, std::string hint) {
  SampleError error;
  error.code = code;
  error.step = std::move(step);
  error.found = std::move(found);
  error.hint = std::move(hint);
  return error;
}

}  // namespace

Pipeline::Pipeline(const Plan& plan, const Source& source, const std::atomic<bool>* is_cancelled)
    : plan_(plan), source_(source), decode_options_(plan.options().decode) {
  decode_options_.limits.is_cancelled = is_cancelled;
  mask_options_ = decode_options_;
  mask_options_.color = Color::kUnchanged;  // class numbers, not colours
  mask_options_.keep_wide = true;
}

// Hands regions of one field to the spatial chain, and keeps the time of it apart.
class Pipeline::Decoding : public RegionReader {
 public:
  Decoding(Pipeline& pipeline, const SamplePart& part) : pipeline_(pipeline), part_(part) {}

  Failure open(const DecodeOptions& options, ImageShape* shape) {
    const int64_t begin = thread_cpu_ns();
    Failure failure;
    if (part_.raw_shape) {
      shape_ = *part_.raw_shape;
    } else {
      failure = pipeline_.decoders_.open(part_.bytes.view(), options, &shape_);
    }
    *shape = shape_;
    decode_ns += thread_cpu_ns() - begin;
    return failure;
  }

  Failure read(const Rect& region, ConstImage* pixels) override {
    if (part_.raw_shape) {
      *pixels = packed_image(static_cast<const void*>(part_.bytes.view().data()), shape_).window(region);
      return std::nullopt;
    }
    const int64_t begin = thread_cpu_ns();
    ImageShape shape = shape_;
    shape.width = region.width;
    shape.height = region.height;
    const Image out = packed_image(pipeline_.decoded_.reserve(shape.bytes()), shape);
    Failure failure = pipeline_.decoders_.decode(region, out);
    *pixels = out;
    decode_ns += thread_cpu_ns() - begin;
    return failure;
  }

  int64_t decode_ns = 0;

 private:
  Pipeline& pipeline_;
  const SamplePart& part_;
  ImageShape shape_;
};

Failure Pipeline::run(const Sample& sample, const SampleKey& key, SampleSink& sink, StepCounters& counters) {
  const int64_t begin = thread_cpu_ns();
  const int64_t store_before = counters.store_ns.get();
  int64_t decode_ns = 0;
  Failure failure;
  ImageShape first;
  for (size_t field = 0; field < sample.parts.size() && !failure; ++field) {
    const Field& kind = source_.fields()[field];
    const bool is_mask = kind.kind == FieldKind::kMask;
    Decoding decoding(*this, sample.parts[field]);
    ImageShape decoded;
    failure = decoding.open(is_mask ? mask_options_ : decode_options_, &decoded);
    const DType expected = plan_.options().image_dtype;
    if (!failure && !is_mask && !sample.parts[field].raw_shape && decoded.dtype != expected) {
      failure = failed(SampleErrorCode::kUnsupported, "decode",
                       "the image is " + std::string(name_of(decoded.dtype)) + ", expected is " +
                           std::string(name_of(expected)),
                       "choose another image_dtype, or leave the file out");
    }
    if (!failure && field > 0 && (decoded.height != first.height || decoded.width != first.width)) {
      failure = failed(SampleErrorCode::kShape, kind.name,
                       "it is " + std::to_string(decoded.height) + " x " + std::to_string(decoded.width) +
                           " pixels, the image is " + std::to_string(first.height) + " x " +
                           std::to_string(first.width) + "; all fields of a sample need one size",
                       "make them the same size, or leave the sample out");
    }
    if (!failure && field == 0) {
      first = decoded;
      failure = draw_all(key, decoded);
    }
    if (!failure) {
      failure = is_mask ? run_mask(field, decoded, decoding, sink)
                        : run_image(field, decoded, decoding, sink, counters);
    }
    decode_ns += decoding.decode_ns;
  }
  for (size_t i = 0; i < source_.ragged_columns().size() && !failure; ++i) {
    failure = source_.ragged_columns()[i].kind == FieldKind::kBoxes
                  ? run_boxes(i, sample.index, key.epoch, sink)
                  : run_keypoints(i, sample.index, key.epoch, sink);
  }
  const int64_t store_ns = counters.store_ns.get() - store_before;
  counters.decode_ns.add(decode_ns);
  counters.transform_ns.add(thread_cpu_ns() - begin - decode_ns - store_ns);
  counters.samples.add(1);
  for (const SamplePart& part : sample.parts)
    counters.bytes_decoded.add(static_cast<int64_t>(part.bytes.view().size()));
  decoded_.trim(kKeptScratchBytes);
  chain_.trim(kKeptScratchBytes);
  return failure;
}

// All randomness of the sample, in the order the user wrote, before any pixel is touched.
Failure Pipeline::draw_all(const SampleKey& key, const ImageShape& decoded) {
  plan_.choose(key, &taken_);
  draws_.resize(taken_.size());
  shapes_.resize(taken_.size() + 1);
  shapes_[0] = decoded;
  steps_.clear();
  for (const Plan::Taken& taken : taken_) {
    const size_t place = steps_.size();
    const NamedOperator& named = *plan_.operators()[taken.number];
    Rng rng(key, taken.path);
    draws_[place] = {};
    if (Failure failure = named.op->draw(rng, shapes_[place], &draws_[place])) return failure;
    if (!draws_[place].applies) continue;
    try {
      shapes_[place + 1] = named.op->shape_after(draws_[place], shapes_[place]);
    } catch (const ArgumentError& refused) {  // what the plan could not know: this image's channels
      return failed(SampleErrorCode::kShape, named.name, refused.what(), "choose color='rgb' or 'gray'");
    }
    const ImageShape& shape = shapes_[place + 1];
    const int64_t pixels = static_cast<int64_t>(shape.height) * shape.width;
    if (pixels > decode_options_.limits.max_pixels) {
      return failed(SampleErrorCode::kTooLarge, named.name,
                    "the result would be " + std::to_string(shape.height) + " x " +
                        std::to_string(shape.width) + " pixels, allowed are " +
                        std::to_string(decode_options_.limits.max_pixels) + " in all",
                    "remove the image or choose another size");
    }
    steps_.push_back(static_cast<char16_t>(taken.number));
  }
  return std::nullopt;
}

const Schedule& Pipeline::schedule() {
  const auto found = schedules_.find(steps_);
  if (found != schedules_.end()) return found->second;
  if (schedules_.size() >= kMaxSchedules) schedules_.clear();
  const std::vector<uint16_t> numbers(steps_.begin(), steps_.end());
  return schedules_.emplace(steps_, plan_.schedule(numbers)).first->second;
}

Image Pipeline::next_image(const ImageShape& shape) {
  const Image image = packed_image(images_[next_image_].reserve(shape.bytes()), shape);
  next_image_ = 1 - next_image_;
  return image;
}

Failure Pipeline::run_image(size_t field, const ImageShape& decoded, RegionReader& reader, SampleSink& sink,
                            StepCounters& counters) {
  const Schedule& schedule = this->schedule();
  chain_.begin(decoded, &reader);
  for (const Segment& segment : schedule.segments) {
    for (const size_t place : segment.spatial) {
      // The operator's own shape differs from shapes_[place] only in dtype, which geometry does not read.
      if (Failure failure = chain_.add(step(place).op->geometry(draws_[place], chain_.shape())))
        return failure;
    }
    ConstImage pixels;
    Store store;
    Failure failure = segment.whole ? chain_.finish_upright(&pixels)
                                    : chain_.finish(&pixels, &store.flip_horizontal, &store.flip_vertical);
    if (failure) return failure;
    observe(pixels, segment);
    if (segment.is_last) {
      const int64_t begin = thread_cpu_ns();
      const ValueTable* constant = schedule.constant_table ? &*schedule.constant_table : nullptr;
      if (constant != nullptr && !segment.tables.empty() && pixels.shape.dtype == DType::kUint8 &&
          constant->entries.size() == static_cast<size_t>(pixels.channels()) * 256 * size_of(plan_.dtype())) {
        store.table = constant;
      }
      failure = this->store(field, pixels, store, segment, sink);
      counters.store_ns.add(thread_cpu_ns() - begin);
      return failure;
    }
    pixels = through_tables(pixels, segment);
    if (segment.whole) {
      const size_t place = *segment.whole;
      const Operator& op = *step(place).op;
      const Image out = next_image(op.shape_after(draws_[place], pixels.shape));
      op.apply(draws_[place], pixels, out, scratch_);
      pixels = out;
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
      Geometry geometry = op.geometry(draws_[place], shapes_[place]);
      geometry.fill = geometry.mask_fill;
      if (geometry.resize) {
        geometry.resize->interpolation = geometry.resize->mask_interpolation;
        if (decoded.dtype != DType::kUint8) {
          return failed(SampleErrorCode::kUnsupported, source_.fields()[field].name,
                        "the mask is " + std::string(name_of(decoded.dtype)) + ", resized are uint8 masks",
                        "store class numbers in 8 bits");
        }
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
  store.layout = pixels.channels() == 1 ? Layout::kHwc : plan_.options().layout;
  store.dtype = pixels.shape.dtype;
  return sink.take(field, pixels, store);
}

// Boxes go through every step of their own, with the clipping and filtering between steps that is part of
// what the steps mean; they cost little.
Failure Pipeline::run_boxes(size_t column, int64_t index, uint32_t epoch, SampleSink& sink) {
  const PlanOptions& options = plan_.options();
  const RaggedRows rows = source_.ragged_rows(column, index, epoch);
  std::vector<BoxNumbers> numbers(rows.values.size() / 4);
  for (size_t i = 0; i < rows.values.size(); ++i) numbers[i / 4].values[i % 4] = rows.values[i];
  std::vector<Box> boxes;
  if (rows.origins.empty()) {
    boxes = boxes_from(plan_.row_formats()[column].boxes, numbers, shapes_[0].height, shapes_[0].width,
                       /*is_double=*/false);
    if (options.clips_boxes) clip_to_image(boxes);
    if (const std::optional<std::string> problem = problem_of(boxes)) {
      return failed(SampleErrorCode::kShape, source_.ragged_columns()[column].name, *problem,
                    "mend the boxes, or have them clipped");
    }
  } else {  // packed on the way through the operators, as they were
    for (size_t i = 0; i < numbers.size(); ++i) {
      const auto& [x_min, y_min, x_max, y_max] = numbers[i].values;
      boxes.push_back({x_min, y_min, x_max, y_max, rows.origins[i].row, rows.origins[i].is_single});
    }
  }
  for (size_t place = 0; place < steps_.size(); ++place) {
    if (!step(place).op->moves_pixels()) continue;
    step(place).op->move_boxes(draws_[place], shapes_[place], boxes);
    filter_boxes(options.box_rules, shapes_[place + 1].height, shapes_[place + 1].width, boxes);
  }
  const ImageShape& end = shapes_[steps_.size()];
  filter_boxes(options.box_rules, end.height, end.width, boxes);
  sink.take_boxes(column, boxes);
  return std::nullopt;
}

Failure Pipeline::run_keypoints(size_t column, int64_t index, uint32_t epoch, SampleSink& sink) {
  const PlanOptions& options = plan_.options();
  const RaggedRows rows = source_.ragged_rows(column, index, epoch);
  std::vector<Keypoint> points;
  if (rows.origins.empty()) {
    const auto width = static_cast<size_t>(source_.ragged_columns()[column].width);
    std::vector<std::vector<double>> numbers;
    for (size_t i = 0; i < rows.values.size(); i += width) {
      const std::span<const double> row = rows.values.subspan(i, width);
      numbers.emplace_back(row.begin(), row.end());
    }
    points = keypoints_from(plan_.row_formats()[column].keypoints, numbers, options.angle_in_degrees,
                            /*is_double=*/false);
    if (options.removes_invisible) {
      if (const auto problem = problem_of(points, shapes_[0].height, shapes_[0].width)) {
        return failed(SampleErrorCode::kShape, source_.ragged_columns()[column].name, *problem,
                      "mend the keypoints, or keep invisible ones");
      }
    }
  } else {
    for (size_t i = 0; i < rows.origins.size(); ++i) {
      const std::span<const double> row = rows.values.subspan(4 * i, 4);
      points.push_back({row[0], row[1], row[2], row[3], rows.origins[i].row, rows.origins[i].is_single});
    }
  }
  for (size_t place = 0; place < steps_.size(); ++place) {
    if (!step(place).op->moves_pixels()) continue;
    step(place).op->move_keypoints(draws_[place], shapes_[place], points);
    if (options.removes_invisible)
      filter_keypoints(shapes_[place + 1].height, shapes_[place + 1].width, points);
  }
  sink.take_keypoints(column, points);
  return std::nullopt;
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
  }
  return current;
}

Failure Pipeline::store(size_t field, const ConstImage& pixels, Store store, const Segment& segment,
                        SampleSink& sink) {
  store.layout = plan_.options().layout;
  store.dtype = plan_.dtype();
  ConstImage image = pixels;
  if (!segment.tables.empty() && store.table == nullptr) {
    if (pixels.shape.dtype == DType::kUint8) {
      table_.assign(table_ramp(table_steps(segment.tables), pixels.channels(), ramps_), store.dtype);
      store.table = &table_;
    } else {
      image = through_tables(pixels, segment);
    }
  }
  return sink.take(field, image, store);
}

}  // namespace stoker
