#include "stoker/run/pipeline.h"

#include "stoker/base/clock.h"

namespace stoker {
namespace {

// Scratch above this is given back, so that one huge image does not hold its memory for ever.
constexpr size_t kKeptScratchBytes = size_t{8} << 20;

Failure failed(SampleErrorCode code, std::string step, std::string found, std::string hint) {
  SampleError error;
  error.code = code;
  error.step = std::move(step);
  error.found = std::move(found);
  error.hint = std::move(hint);
  return error;
}

}  // namespace

// Hands regions of the current sample to the spatial chain, and keeps the time of it apart.
class Pipeline::Decoding : public RegionReader {
 public:
  Decoding(Pipeline& pipeline, const Sample& sample) : pipeline_(pipeline), sample_(sample) {}

  Failure open(ImageShape* shape) {
    if (sample_.raw_shape) {
      shape_ = *sample_.raw_shape;
    } else {
      Failure failure = pipeline_.decoders_.open(sample_.bytes.view(), pipeline_.decode_options_, &shape_);
      if (failure) return failure;
    }
    const DType expected = pipeline_.plan_.options().image_dtype;
    if (!sample_.raw_shape && shape_.dtype != expected) {
      return failed(SampleErrorCode::kUnsupported, "decode",
                    "the image is " + std::string(name_of(shape_.dtype)) + ", expected is " +
                        std::string(name_of(expected)),
                    "choose another image_dtype, or leave the file out");
    }
    *shape = shape_;
    return std::nullopt;
  }

  Failure read(const Rect& region, ConstImage* pixels) override {
    if (sample_.raw_shape) {
      *pixels = packed_image(static_cast<const void*>(sample_.bytes.view().data()), shape_).window(region);
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
  const Sample& sample_;
  ImageShape shape_;
};

Failure Pipeline::run(const Sample& sample, const SampleKey& key, SampleSink& sink, StepCounters& counters) {
  const int64_t begin = thread_cpu_ns();
  Decoding decoding(*this, sample);
  ImageShape decoded;
  if (Failure failure = decoding.open(&decoded)) return failure;
  const int64_t opened = thread_cpu_ns();
  if (Failure failure = draw_all(key, decoded)) return failure;
  const int64_t store_before = counters.store_ns.get();
  Failure failure = run_segments(decoded, decoding, sink, counters);
  const int64_t store_ns = counters.store_ns.get() - store_before;
  const int64_t decode_ns = opened - begin + decoding.decode_ns;
  counters.decode_ns.add(decode_ns);
  counters.transform_ns.add(thread_cpu_ns() - begin - decode_ns - store_ns);
  counters.samples.add(1);
  counters.bytes_decoded.add(static_cast<int64_t>(sample.bytes.view().size()));
  decoded_.trim(kKeptScratchBytes);
  chain_.trim(kKeptScratchBytes);
  return failure;
}

// All randomness of the sample, in the order the user wrote, before any pixel is touched.
Failure Pipeline::draw_all(const SampleKey& key, const ImageShape& decoded) {
  const auto& operators = plan_.operators();
  shapes_.resize(operators.size() + 1);
  shapes_[0] = decoded;
  for (size_t i = 0; i < operators.size(); ++i) {
    Rng rng(key, static_cast<uint16_t>(i));
    draws_[i] = {};
    if (Failure failure = operators[i].op->draw(rng, shapes_[i], &draws_[i])) return failure;
    try {
      shapes_[i + 1] = operators[i].op->shape_after(draws_[i], shapes_[i]);
    } catch (const ArgumentError& refused) {  // what the plan could not know: this image's channels
      return failed(SampleErrorCode::kShape, operators[i].name, refused.what(),
                    "choose color='rgb' or 'gray'");
    }
    const int64_t pixels = static_cast<int64_t>(shapes_[i + 1].height) * shapes_[i + 1].width;
    if (pixels > decode_options_.limits.max_pixels) {
      return failed(SampleErrorCode::kTooLarge, operators[i].name,
                    "the result would be " + std::to_string(shapes_[i + 1].height) + " x " +
                        std::to_string(shapes_[i + 1].width) + " pixels, allowed are " +
                        std::to_string(decode_options_.limits.max_pixels) + " in all",
                    "remove the image or choose another size");
    }
  }
  return std::nullopt;
}

Failure Pipeline::run_segments(const ImageShape& decoded, RegionReader& reader, SampleSink& sink,
                               StepCounters& counters) {
  chain_.begin(decoded, &reader);
  for (const Plan::Segment& segment : plan_.segments()) {
    for (const size_t i : segment.spatial) {
      // The operator's own shape differs from shapes_[i] only in dtype, which geometry does not read.
      if (Failure failure = chain_.add(plan_.operators()[i].op->geometry(draws_[i], chain_.shape())))
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
      failure = this->store(pixels, store, segment, sink);
      counters.store_ns.add(thread_cpu_ns() - begin);
      return failure;
    }
    pixels = through_tables(pixels, segment);
    if (segment.whole) {
      const Operator& op = *plan_.operators()[*segment.whole].op;
      const ImageShape shape = op.shape_after(draws_[*segment.whole], pixels.shape);
      const Image out = packed_image(images_[next_image_].reserve(shape.bytes()), shape);
      next_image_ = 1 - next_image_;
      op.apply(draws_[*segment.whole], pixels, out, scratch_);
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

// Completes the draws of reductions, each seeing the image through the tables before it.
void Pipeline::observe(const ConstImage& pixels, const Plan::Segment& segment) {
  if (!segment.has_reduction) return;
  std::vector<size_t> before;
  for (const size_t i : segment.tables) {
    const Operator& op = *plan_.operators()[i].op;
    if (op.operator_class() == OperatorClass::kReducedTable) {
      const ConstImage ramp = table_ramp(plan_.operators(), before, draws_, pixels.channels(), ramps_);
      op.observe(pixels, before.empty() ? nullptr : &ramp, &draws_[i]);
    }
    before.push_back(i);
  }
}

// The image after the segment's tables, in memory of its own.
ConstImage Pipeline::through_tables(const ConstImage& pixels, const Plan::Segment& segment) {
  ConstImage current = pixels;
  for (const size_t i : segment.tables) {
    const Operator& op = *plan_.operators()[i].op;
    const ImageShape shape = op.shape_after(draws_[i], current.shape);
    const Image out = packed_image(images_[next_image_].reserve(shape.bytes()), shape);
    next_image_ = 1 - next_image_;
    op.apply(draws_[i], current, out, scratch_);
    current = out;
  }
  return current;
}

Failure Pipeline::store(const ConstImage& pixels, Store store, const Plan::Segment& segment,
                        SampleSink& sink) {
  store.layout = plan_.options().layout;
  store.dtype = plan_.dtype();
  ConstImage image = pixels;
  if (!segment.tables.empty()) {
    if (pixels.shape.dtype == DType::kUint8) {
      const ValueTable* constant = plan_.constant_table();
      if (constant != nullptr &&
          constant->entries.size() == static_cast<size_t>(pixels.channels()) * 256 * size_of(store.dtype)) {
        store.table = constant;
      } else {
        table_.assign(table_ramp(plan_.operators(), segment.tables, draws_, pixels.channels(), ramps_),
                      store.dtype);
        store.table = &table_;
      }
    } else {
      image = through_tables(pixels, segment);
    }
  }
  return sink.take(image, store);
}

}  // namespace stoker
