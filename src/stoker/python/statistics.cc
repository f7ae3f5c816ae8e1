// Sums over a source's pixels, as Python sees them; the package stoker.statistics makes the figures of them.

#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>

#include <algorithm>
#include <cstring>

#include "stoker/python/live_runs.h"
#include "stoker/python/module.h"
#include "stoker/python/options.h"
#include "stoker/run/measurement.h"

namespace stoker {
namespace {

// The longest wait in one call, so that Python looks for Ctrl-C often.
constexpr double kMaxAdvanceSeconds = 0.05;

// A 128-bit integer of either sign from its halves, exactly.
nb::object integer_to_python(int64_t high, uint64_t low) {
  const nb::object shifted = nb::steal(PyNumber_Lshift(nb::int_(high).ptr(), nb::int_(64).ptr()));
  if (!shifted.is_valid()) throw nb::python_error();
  nb::object whole = nb::steal(PyNumber_Or(shifted.ptr(), nb::int_(low).ptr()));
  if (!whole.is_valid()) throw nb::python_error();
  return whole;
}

nb::object integer_to_python(__int128 value) {
  return integer_to_python(static_cast<int64_t>(value >> 64), static_cast<uint64_t>(value));
}

nb::object histogram_to_python(const std::vector<uint64_t>& histogram) {
  if (histogram.empty()) return nb::none();
  RecyclingProvider provider(0);
  Buffer data = provider.acquire(histogram.size() * sizeof(uint64_t));
  std::memcpy(data.get(), histogram.data(), histogram.size() * sizeof(uint64_t));
  return array_over(std::move(data), {static_cast<int64_t>(histogram.size())}, DType::kUint64);
}

nb::dict channel_to_python(const ChannelSums& channel) {
  nb::dict out;
  out["count"] = channel.count;
  out["nan"] = channel.nan_count;
  out["infinite"] = channel.infinite_count;
  out["nodata"] = channel.nodata_count;
  out["masked"] = channel.masked_count;
  out["sum"] = integer_to_python(channel.sum);
  // Below 2^127: 2^64 values of 2^32 each would be needed to pass 2^96.
  out["sum_squares"] = integer_to_python(static_cast<__int128>(channel.sum_squares));
  out["float_sum"] = nb::make_tuple(channel.float_sum.high, channel.float_sum.low);
  out["float_sum_squares"] = nb::make_tuple(channel.float_sum_squares.high, channel.float_sum_squares.low);
  out["min"] = channel.min;
  out["max"] = channel.max;
  out["histogram"] = histogram_to_python(channel.histogram);
  return out;
}

nb::dict sums_to_python(const Accumulator& sums) {
  nb::list channels;
  for (const ChannelSums& channel : sums.channels()) channels.append(channel_to_python(channel));
  nb::dict out;
  out["dtype"] = std::string(name_of(sums.dtype()));
  out["image_count"] = sums.image_count();
  out["channels"] = channels;
  return out;
}

// Reads what the functions above wrote, from somewhere; throws ArgumentError that names the field.
template <class T>
T field(const nb::dict& given, const char* name) {
  T value{};
  if (given.contains(name) && nb::try_cast(nb::object(given[name]), value, true)) return value;
  throw ArgumentError("statistics: '" + std::string(name) +
                      "' of the sums to go on from is missing or of the wrong type.");
}

__int128 integer_from_python(const nb::dict& given, const char* name) {
  const auto whole = field<nb::int_>(given, name);
  const nb::object high = nb::steal(PyNumber_Rshift(whole.ptr(), nb::int_(64).ptr()));
  if (!high.is_valid()) throw nb::python_error();
  int64_t upper = 0;
  if (!nb::try_cast(high, upper, false)) {
    throw ArgumentError("statistics: '" + std::string(name) +
                        "' of the sums to go on from does not fit 128 bits.");
  }
  // Of a negative integer too the lowest 64 bits.
  const uint64_t lower = PyLong_AsUnsignedLongLongMask(whole.ptr());
  return static_cast<__int128>((static_cast<unsigned __int128>(upper) << 64) | lower);
}

DoublePair pair_from_python(const nb::dict& given, const char* name) {
  const auto pair = field<std::pair<double, double>>(given, name);
  return {pair.first, pair.second};
}

ChannelSums channel_from_python(const nb::dict& given) {
  ChannelSums channel;
  channel.count = field<uint64_t>(given, "count");
  channel.nan_count = field<uint64_t>(given, "nan");
  channel.infinite_count = field<uint64_t>(given, "infinite");
  channel.nodata_count = field<uint64_t>(given, "nodata");
  channel.masked_count = field<uint64_t>(given, "masked");
  channel.sum = integer_from_python(given, "sum");
  channel.sum_squares = static_cast<unsigned __int128>(integer_from_python(given, "sum_squares"));
  channel.float_sum = pair_from_python(given, "float_sum");
  channel.float_sum_squares = pair_from_python(given, "float_sum_squares");
  channel.min = field<double>(given, "min");
  channel.max = field<double>(given, "max");
  if (given.contains("histogram") && !nb::object(given["histogram"]).is_none()) {
    using Counts = nb::ndarray<const uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
    const auto counts = field<Counts>(given, "histogram");
    channel.histogram.assign(counts.data(), counts.data() + counts.size());
  }
  return channel;
}

Accumulator sums_from_python(const AccumulatorOptions& options, const nb::dict& given) {
  std::vector<ChannelSums> channels;
  for (const nb::handle each : field<nb::list>(given, "channels")) {
    nb::dict channel;
    if (!nb::try_cast(each, channel, false)) throw ArgumentError("statistics: a channel must be a dict.");
    channels.push_back(channel_from_python(channel));
  }
  const auto name = field<std::string>(given, "dtype");
  for (const DType dtype : {DType::kUint8, DType::kUint16, DType::kInt16, DType::kFloat32}) {
    if (name == name_of(dtype))
      return {options, dtype, field<uint64_t>(given, "image_count"), std::move(channels)};
  }
  throw ArgumentError("statistics: 'dtype' of the sums to go on from is not known.");
}

// What the images are before each operator and after the last, as far as it is known; shorter where an
// operator cannot take what comes to it, and before a group.
nb::list planned_images(const Source& source, const std::vector<NamedOperator>& operators,
                        const nb::kwargs& kwargs) {
  nb::dict given = nb::cast<nb::dict>(kwargs.attr("copy")());
  const PlanOptions options = take_plan_options(given);
  const Color color = options.decode.color;
  PlannedShape shape;
  shape.channels = color == Color::kUnchanged ? 0 : color == Color::kGray ? 1 : 3;
  shape.dtype = options.image_dtype;
  if (const auto known = source.image_shape())
    shape = {known->height, known->width, known->channels, known->dtype};
  nb::list out;
  for (size_t i = 0;; ++i) {
    out.append(nb::make_tuple(std::string(name_of(shape.dtype)), shape.channels));
    // What a group makes may differ from sample to sample.
    if (i == operators.size() || operators[i].op == nullptr) return out;
    try {
      shape = operators[i].op->plan(shape);
    } catch (const ArgumentError&) {  // the plan of the run says what is wrong
      return out;
    }
  }
}

void refuse_random(const std::vector<NamedOperator>& operators) {
  std::string random;
  for (const NamedOperator& named : operators) {
    if (named.is_random()) random += (random.empty() ? "" : ", ") + describe(named);
  }
  if (random.empty()) return;
  throw ArgumentError("statistics: the operators must be without randomness, got " + random +
                      "; leave them out, or take the fixed form such as center_crop.");
}

std::shared_ptr<Measurement> make_measurement(std::shared_ptr<Source> source,
                                              const std::vector<NamedOperator>& operators,
                                              const nb::kwargs& kwargs) {
  nb::dict given = nb::cast<nb::dict>(kwargs.attr("copy")());
  if (given.contains("dtype") || given.contains("layout"))
    throw ArgumentTypeError("statistics: dtype and layout follow from the operators.");
  const PlanOptions plan_options = take_plan_options(given);
  MeasurementOptions options;
  options.threads = static_cast<int>(std::clamp<int64_t>(take<int64_t>(given, "threads", 1), -1, 1'000'000));
  options.begin = take<int64_t>(given, "begin", 0);
  options.end = take<int64_t>(given, "end", source->size().value_or(0));
  options.skips_bad = take<bool>(given, "skips_bad", false);
  options.sums.with_histogram = take<bool>(given, "histogram", true);
  if (given.contains("nodata") && !nb::object(given["nodata"]).is_none()) {
    options.sums.nodata = take_number(given, "nodata", 0);
  } else if (given.contains("nodata")) {
    nb::del(given["nodata"]);
  }
  options.done = take<int64_t>(given, "done", 0);
  if (given.contains("before")) {
    const nb::object before = given["before"];
    nb::del(given["before"]);
    if (!before.is_none()) options.before = sums_from_python(options.sums, nb::cast<nb::dict>(before));
  }
  if (given.contains("masks")) {
    const nb::object masks = given["masks"];
    nb::del(given["masks"]);
    if (!masks.is_none()) options.masks = nb::cast<std::shared_ptr<Source>>(masks);
  }
  if (given.size() > 0) {
    throw ArgumentTypeError("statistics: unknown option " + nb::cast<std::string>(nb::repr(given.keys())) +
                            ".");
  }
  refuse_random(operators);
  auto plan = std::make_shared<Plan>(operators, plan_options, PlanInput(*source));
  plan->refuse_islands("compute_statistics");
  auto measurement = std::make_shared<Measurement>(std::move(source), std::move(plan), options);
  close_at_exit(measurement);
  return measurement;
}

int64_t advance_unless_ending(Measurement& measurement, int64_t wait_ns, InsideRun& here) {
  try {
    const int64_t done = measurement.advance(wait_ns);
    here.stay_if_ending();
    return done;
  } catch (...) {
    here.stay_if_ending();
    throw;
  }
}

}  // namespace

void bind_statistics(nb::module_& module) {
  nb::class_<Measurement>(module, "Measurement", "Sums over the pixels of a source; belongs to one thread.")
      .def(nb::new_(&make_measurement), nb::arg("source"), nb::arg("operators"), nb::arg("options"))
      .def(
          "advance",
          [](Measurement& measurement, double seconds) {
            if (!(seconds >= 0)) throw ArgumentError("statistics: seconds must be at least 0.");
            const auto wait_ns = static_cast<int64_t>(std::min(seconds, kMaxAdvanceSeconds) * 1e9);
            InsideRun here;
            const nb::gil_scoped_release release;
            return advance_unless_ending(measurement, wait_ns, here);
          },
          nb::arg("seconds"), "Works for at most 0.05 s; returns how many samples are done.")
      .def(
          "snapshot",
          [](const Measurement& measurement) {
            const MeasurementSnapshot snapshot = measurement.snapshot();
            return nb::make_tuple(snapshot.done, sums_to_python(snapshot.sums));
          },
          "(samples done, their sums). A measurement made with them as `done` and `before` goes on from "
          "there.")
      .def("bad_samples",
           [](const Measurement& measurement) {
             nb::list list;
             for (const SampleError& error : measurement.bad_samples())
               list.append(sample_error_to_python(error));
             return list;
           })
      .def("close", [](Measurement& measurement) {
        InsideRun here;
        const nb::gil_scoped_release release;
        measurement.close();
        here.stay_if_ending();
      });
  module.def("planned_images", &planned_images, nb::arg("source"), nb::arg("operators"), nb::arg("options"),
             "(dtype, channels or 0) of the images before each operator and after the last.");
  module.def(
      "source_root",
      [](const Source& source) {
        const std::string root = source.root();
        return nb::steal(PyUnicode_DecodeFSDefaultAndSize(root.data(), static_cast<Py_ssize_t>(root.size())));
      },
      nb::arg("source"), "The folder that a source was made of, \"\" where there is none.");
}

}  // namespace stoker
