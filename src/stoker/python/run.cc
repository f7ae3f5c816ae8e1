// The run, as Python sees it: a batch is handed over under the GIL, everything else happens without it.

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/unique_ptr.h>

#include <algorithm>

#include "stoker/base/clock.h"
#include "stoker/base/priority.h"
#include "stoker/python/islands.h"
#include "stoker/python/live_runs.h"
#include "stoker/python/module.h"
#include "stoker/python/options.h"
#include "stoker/run/cores.h"
#include "stoker/run/read_trial.h"
#include "stoker/transform/targets.h"

namespace stoker {
namespace {

// How long a wait may go without looking for Ctrl-C.
constexpr int64_t kSignalCheckNs = 50'000'000;

RunOptions take_run_options(nb::dict& given) {
  RunOptions options;
  options.threads = static_cast<int>(std::clamp<int64_t>(take<int64_t>(given, "threads", 1), -1, 1'000'000));
  options.active_threads =
      static_cast<int>(std::clamp<int64_t>(take<int64_t>(given, "active_threads", 0), -1, 1'000'000));
  options.shares_cores = take<bool>(given, "shares_cores", false);
  options.io_threads =
      static_cast<int>(std::clamp<int64_t>(take<int64_t>(given, "io_threads", 2), -1, 1'000'000));
  options.seed = take<uint64_t>(given, "seed", 0);
  options.on_error = take_choice<OnError>(
      given, "on_error",
      {{"raise", OnError::kRaise}, {"replace", OnError::kReplace}, {"skip", OnError::kSkip}});
  options.max_bad = take_number(given, "max_bad", options.max_bad);
  options.shapes = take_choice<Shapes>(given, "shapes", {{"dense", Shapes::kDense}, {"list", Shapes::kList}});
  options.max_active_batches = static_cast<int>(std::clamp<int64_t>(
      take<int64_t>(given, "max_active_batches", options.max_active_batches), -1, 10'000'000));
  options.read_ahead_bytes = take<uint64_t>(given, "read_ahead_bytes", options.read_ahead_bytes);
  options.may_repeat = take<bool>(given, "may_repeat", true);
  if (given.contains("buffers")) {
    options.buffers = nb::cast<std::shared_ptr<BufferProvider>>(given["buffers"]);
    nb::del(given["buffers"]);
  }
  if (given.contains("column_buffers")) {
    options.column_buffers = nb::cast<std::shared_ptr<BufferProvider>>(given["column_buffers"]);
    nb::del(given["column_buffers"]);
  }
  return options;
}

std::shared_ptr<Run> make_run(std::shared_ptr<Source> source, const std::vector<NamedOperator>& operators,
                              const nb::kwargs& kwargs) {
  nb::dict given = nb::cast<nb::dict>(kwargs.attr("copy")());
  const PlanOptions plan_options = take_plan_options(given);
  RunOptions run_options = take_run_options(given);
  if (given.size() > 0) {
    throw ArgumentTypeError("run: unknown option " + nb::cast<std::string>(nb::repr(given.keys())) + ".");
  }
  auto plan = std::make_shared<Plan>(operators, plan_options, PlanInput(*source));
  if (plan->has_islands()) run_options.islands = make_island_desk(*plan, run_options.threads == 0);
  auto run = std::make_shared<Run>(std::move(source), std::move(plan), run_options);
  close_at_exit(run);
  return run;
}

std::vector<int64_t> indices_from_python(nb::handle object) {
  nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> array;
  if (nb::try_cast(object, array, false)) return {array.data(), array.data() + array.size()};
  std::vector<int64_t> indices;
  for (const nb::handle item : nb::cast<nb::iterable>(object)) {
    const nb::object integer = nb::steal(PyNumber_Index(item.ptr()));
    if (!integer.is_valid()) throw nb::python_error();
    indices.push_back(nb::cast<int64_t>(integer));
  }
  return indices;
}

std::optional<Batch> next_unless_ending(Run& run, InsideRun& here) {
  try {
    std::optional<Batch> batch = run.next(kSignalCheckNs);
    here.stay_if_ending();
    return batch;
  } catch (...) {
    here.stay_if_ending();
    const nb::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();  // Ctrl-C within a step in Python
    throw;
  }
}

// The next batch; TimeoutError after `timeout_s` seconds, None when none is submitted.
nb::object next_batch(Run& run, std::optional<double> timeout_s) {
  InsideRun here;
  const int64_t begin = wall_ns();
  while (true) {
    std::optional<Batch> batch;
    {
      const nb::gil_scoped_release release;
      batch = next_unless_ending(run, here);
    }
    if (batch) return nb::cast(std::move(*batch));
    if (run.pending() == 0) return nb::none();
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (timeout_s && static_cast<double>(wall_ns() - begin) > *timeout_s * 1e9) {
      PyErr_SetString(PyExc_TimeoutError, "no batch within the time given");
      throw nb::python_error();
    }
  }
}

// Masks of one channel have no channel axis.
std::vector<int64_t> axes_of_field(const FieldValues& values, const ImageShape& shape) {
  if (values.kind == FieldKind::kMask && shape.channels == 1) return {shape.height, shape.width};
  return axes_of(shape, values.layout);
}

nb::object field_of(const Batch& batch, const FieldValues& values) {
  if (!values.list.empty()) {
    nb::list list;
    for (const ListedImage& image : values.list)
      list.append(array_over(image.data, axes_of_field(values, image.shape), image.shape.dtype));
    return list;
  }
  if (values.data == nullptr) return nb::none();
  std::vector<int64_t> shape = axes_of_field(values, values.shape);
  shape.insert(shape.begin(), static_cast<int64_t>(batch.indices.size()));
  return array_over(values.data, shape, values.shape.dtype);
}

nb::object images_of(const Batch& batch) {
  return batch.fields.empty() ? nb::none() : field_of(batch, batch.fields[0]);
}

nb::object field_by_name(const Batch& batch, const std::string& name) {
  for (const FieldValues& values : batch.fields) {
    if (values.name == name) return field_of(batch, values);
  }
  throw ArgumentError("batch: there is no field '" + name + "'.");
}

template <class T>
nb::object array_of(const std::vector<T>& values, const std::vector<int64_t>& shape, DType dtype) {
  RecyclingProvider provider(0);
  Buffer data = provider.acquire(std::max<size_t>(1, values.size() * sizeof(T)));
  std::copy(values.begin(), values.end(), reinterpret_cast<T*>(data.get()));
  return array_over(std::move(data), shape, dtype);
}

// (values, starts, rows, is_double) of boxes or keypoints.
nb::object ragged_of(const Batch& batch, const std::string& name) {
  for (const RaggedValues& each : batch.ragged) {
    if (each.name != name) continue;
    const auto rows = static_cast<int64_t>(each.rows.size());
    return nb::make_tuple(
        array_of(each.values, {rows, each.width}, DType::kFloat64),
        array_of(each.starts, {static_cast<int64_t>(each.starts.size())}, DType::kInt64),
        array_of(each.rows, {rows}, DType::kInt64),
        array_of(each.is_double, {static_cast<int64_t>(each.is_double.size())}, DType::kUint8));
  }
  throw ArgumentError("batch: there are no boxes or keypoints '" + name + "'.");
}

nb::object column_of(const Batch& batch, const std::string& name) {
  for (const ColumnValues& column : batch.columns) {
    if (column.name == name) return array_over(column.data, column.shape, column.dtype);
  }
  throw ArgumentError("batch: there is no column '" + name + "'.");
}

}  // namespace

nb::dict counters_to_python(const CountersReading& reading) {
  nb::list threads;
  for (const CountersReading::Thread& thread : reading.threads) {
    nb::dict each;
    each["wall_ns"] = thread.wall_ns;
    each["starved_ns"] = thread.starved_ns;
    each["busy_ns"] = thread.busy_ns;
    each["blocked_ns"] = thread.blocked_ns;
    each["parked_ns"] = thread.parked_ns;
    each["off_cpu_ns"] = thread.off_cpu_ns;
    each["unattributed_ns"] = thread.unattributed_ns;
    threads.append(each);
  }
  nb::list islands;
  for (const CountersReading::Island& island : reading.islands) {
    nb::dict each;
    each["name"] = island.name;
    each["calls"] = island.calls;
    each["errors"] = island.errors;
    each["cpu_ns"] = island.cpu_ns;
    each["wall_ns"] = island.wall_ns;
    each["waited_ns"] = island.waited_ns;
    islands.append(each);
  }
  nb::dict routes;
  for (int route = 0; route < kDecodeRouteCount; ++route) {
    if (static_cast<DecodeRoute>(route) == DecodeRoute::kOnlyWay) continue;
    routes[std::string(name_of(static_cast<DecodeRoute>(route))).c_str()] =
        reading.decoded[static_cast<size_t>(route)];
  }
  nb::list steps;
  for (const CountersReading::Step& step : reading.steps) {
    nb::dict each;
    each["name"] = step.name;
    each["kind"] = step.kind;
    each["operators"] = step.operators;
    each["calls"] = step.calls;
    each["cpu_ns"] = step.cpu_ns;
    each["p50_ns"] = step.p50_ns;
    each["p95_ns"] = step.p95_ns;
    each["p99_ns"] = step.p99_ns;
    steps.append(each);
  }
  nb::dict out;
  out["threads"] = threads;
  out["steps"] = steps;
  out["islands"] = islands;
  out["fetch_cpu_ns"] = reading.fetch_cpu_ns;
  out["fetch_wall_ns"] = reading.fetch_wall_ns;
  out["fetch_wall_p50_ns"] = reading.fetch_wall_p50_ns;
  out["fetch_wall_p95_ns"] = reading.fetch_wall_p95_ns;
  out["fetch_wall_p99_ns"] = reading.fetch_wall_p99_ns;
  out["decode_cpu_ns"] = reading.decode_cpu_ns;
  out["transform_cpu_ns"] = reading.transform_cpu_ns;
  out["store_cpu_ns"] = reading.store_cpu_ns;
  out["decode_routes"] = routes;
  out["samples"] = reading.samples;
  out["bytes_read"] = reading.bytes_read;
  out["batches"] = reading.batches;
  out["errors"] = reading.errors;
  out["replaced"] = reading.replaced;
  out["skipped"] = reading.skipped;
  out["consumer_wait_ns"] = reading.consumer_wait_ns;
  out["ready_bytes"] = reading.ready_bytes;
  out["ready_batches"] = reading.ready_batches;
  out["active_threads"] = reading.active_threads;
  return out;
}

std::string_view name_of(EventKind kind) {
  switch (kind) {
    case EventKind::kFetch:
      return "fetch";
    case EventKind::kWork:
      return "work";
    case EventKind::kStarved:
      return "starved";
    case EventKind::kBlocked:
      return "blocked";
    case EventKind::kParked:
      return "parked";
    default:
      return "take";
  }
}

// ([(kind, thread, batch, begin_ns, end_ns)], events that found no room)
nb::object events_to_python(const Run& run) {
  int64_t dropped = 0;
  nb::list list;
  for (const RunEvent& event : run.events(&dropped)) {
    const std::string_view kind = name_of(event.kind);
    list.append(nb::make_tuple(nb::str(kind.data(), kind.size()), event.thread, event.batch, event.begin_ns,
                               event.end_ns));
  }
  return nb::make_tuple(list, dropped);
}

nb::dict read_trial_to_python(const Source& source, const std::vector<int64_t>& indices, int readers,
                              bool drops_cache, double limit_s) {
  ReadTrial trial;
  {
    const nb::gil_scoped_release release;
    trial = try_reading(source, indices, {readers, drops_cache, static_cast<int64_t>(limit_s * 1e9)});
  }
  nb::dict out;
  out["wall_ns"] = trial.wall_ns;
  out["samples"] = trial.samples;
  out["latencies_ns"] = trial.latencies_ns;
  out["bytes"] = trial.bytes;
  out["cached_share"] = trial.cached_share;
  return out;
}

void bind_run(nb::module_& module) {
  module.def(
      "shape_of",
      [](const nb::ndarray<nb::ro>& array) {
        std::vector<size_t> shape;
        for (size_t axis = 0; axis < array.ndim(); ++axis) shape.push_back(array.shape(axis));
        return shape;
      },
      nb::arg("array"), "Axes of anything that speaks DLPack.");
  module.def(
      "planned_shape",
      [](const std::vector<NamedOperator>& operators, const nb::kwargs& kwargs) {
        nb::dict given = nb::cast<nb::dict>(kwargs.attr("copy")());
        const PlanOptions options = take_plan_options(given);
        if (given.size() > 0) {
          throw ArgumentTypeError("planned_shape: unknown option " +
                                  nb::cast<std::string>(nb::repr(given.keys())) + ".");
        }
        const Plan plan(operators, options, std::nullopt);
        nb::dict out;
        out["height"] = plan.shape().height;
        out["width"] = plan.shape().width;
        out["channels"] = plan.shape().channels;
        out["dtype"] = std::string(name_of(plan.dtype()));
        return out;
      },
      nb::arg("operators"), nb::arg("options"),
      "Shape and dtype of images of any size after the operators; 0 is a side that is each image's own.");
  nb::class_<BufferProvider>(module, "BufferProvider", "Where batches are written to.");
  nb::class_<LentProvider, BufferProvider>(
      module, "LentBuffers", "Memory given by address; each piece is written for one batch, once.")
      .def(nb::init<>())
      .def(
          "lend",
          [](LentProvider& provider, uintptr_t address, size_t bytes) {
            provider.lend(reinterpret_cast<uint8_t*>(address), bytes);
          },
          nb::arg("address"), nb::arg("bytes"),
          "It must stay until its batch is handed over, or the runs that use it have been closed.")
      .def("clear", &LentProvider::clear, "Gives up what no batch has got.")
      .def(
          "take_dropped",
          [](LentProvider& provider) {
            std::vector<uintptr_t> addresses;
            for (uint8_t* memory : provider.take_dropped())
              addresses.push_back(reinterpret_cast<uintptr_t>(memory));
            return addresses;
          },
          "Addresses of pieces whose batch is gone, each told once.")
      .def("__len__", &LentProvider::count);
  nb::class_<RecyclingProvider, BufferProvider>(module, "Buffers",
                                                "Memory of batches that runs may share, one after another.")
      .def(nb::init<size_t>(), nb::arg("max_free"))
      .def(
          "acquire",
          [](RecyclingProvider& provider, int64_t bytes) {
            return array_over(provider.acquire(static_cast<size_t>(bytes)), {bytes}, DType::kUint8);
          },
          nb::arg("bytes"), "Uninitialised uint8, used again once the array is dropped.");
  nb::class_<Batch>(module, "Batch")
      .def("__len__", [](const Batch& batch) { return batch.indices.size(); })
      .def_prop_ro("images", &images_of, "One array, a list of arrays (shapes='list'), or None.")
      .def_prop_ro("indices",
                   [](const Batch& batch) {
                     return array_of(batch.indices, {static_cast<int64_t>(batch.indices.size())},
                                     DType::kInt64);
                   })
      .def("field", &field_by_name, nb::arg("name"), "Images or masks, as `images`.")
      .def("column", &column_of, nb::arg("name"))
      .def("ragged", &ragged_of, nb::arg("name"),
           "(values, starts, rows, is_double) of boxes or keypoints: values (rows, 2 to 4) in the source's "
           "format, the first row of each sample and the number of all, which of its sample's rows in the "
           "source each one was, and of each sample whether they are float64 to Albumentations.");
  nb::class_<Run>(module, "Run")
      .def(nb::new_(&make_run), nb::arg("source"), nb::arg("operators"), nb::arg("options"))
      .def(
          "submit",
          [](Run& run, nb::handle indices, uint32_t epoch, bool is_tentative) {
            std::vector<int64_t> list = indices_from_python(indices);
            if (const auto desk = run.islands()) start_serving(desk, run.threads());
            run.submit(std::move(list), epoch, is_tentative);  // quick, so the GIL is kept
          },
          nb::arg("indices"), nb::arg("epoch") = 0, nb::arg("is_tentative") = false,
          "Queues one batch. What a tentative one counts shows only once it is kept.")
      .def(
          "skip",
          [](Run& run, nb::handle indices, uint32_t epoch) { run.skip(indices_from_python(indices), epoch); },
          nb::arg("indices"), nb::arg("epoch") = 0,
          "Counts samples as seen in the epoch without making them.")
      .def("keep_tentative", &Run::keep_tentative, "Makes the tentative batches ordinary ones.")
      .def("drop_tentative", &Run::drop_tentative, "Takes the tentative batches back.")
      .def("next", &next_batch, nb::arg("timeout_s") = nb::none())
      .def("most_at_once", &Run::most_at_once,
           "The largest batch, in samples, that is made sooner than handed to a thread; 0: there are none.")
      .def(
          "make_at_once",
          [](Run& run, uintptr_t indices, size_t count) {
            const auto* first = reinterpret_cast<const int64_t*>(indices);
            return run.make_at_once({first, first + count});  // quick, so the GIL is kept
          },
          nb::arg("indices"), nb::arg("count"),
          "The batch of the `count` int64 numbers at the address `indices`, 1 to most_at_once().")
      .def("pending", &Run::pending)
      .def_prop_ro(
          "sample_shape",
          [](const Run& run) {
            const PlannedShape& shape = run.plan()->shape();
            return nb::make_tuple(shape.height, shape.width, shape.channels,
                                  std::string(name_of(run.plan()->dtype())));
          },
          "Height, width, channels (0: each image's own) and dtype of the images of batches.")
      .def("explain", &Run::explain)
      .def("counters", [](const Run& run) { return counters_to_python(run.counters()); })
      .def("set_active_threads", &Run::set_active_threads, nb::arg("count"))
      .def("trace", &Run::trace, nb::arg("max_events"))
      .def("events", &events_to_python,
           "([(kind, thread, batch, begin_ns, end_ns)], how many found no room); times of the monotonic "
           "clock.")
      .def("bad_samples",
           [](const Run& run) {
             nb::list list;
             for (const SampleError& error : run.bad_samples()) list.append(sample_error_to_python(error));
             return list;
           })
      .def("close", [](Run& run) {
        InsideRun here;
        const nb::gil_scoped_release release;
        run.close();
        here.stay_if_ending();
      });
  nb::class_<KeyedOrder>(module, "Order")
      .def(nb::new_([](uint64_t seed, uint32_t epoch, int64_t size) {
             if (size < 0 || size > int64_t{1} << 48)
               throw ArgumentError("order: size must be from 0 to 2**48.");
             return std::make_unique<KeyedOrder>(seed, epoch, size);
           }),
           nb::arg("seed"), nb::arg("epoch"), nb::arg("size"))
      .def(
          "indices",
          [](const KeyedOrder& order, int64_t begin, int64_t end, int64_t step) {
            if (begin < 0 || end < begin || end > order.size()) {
              throw ArgumentError("order: positions must lie within 0 to size.");
            }
            if (step < 1) throw ArgumentError("order: step must be at least 1.");
            std::vector<int64_t> indices;
            for (int64_t position = begin; position < end;
                 position += std::min(step, end - position))  // never past the end: no overflow
              indices.push_back(order.at(position));
            const auto count = static_cast<int64_t>(indices.size());
            return array_of(indices, {count}, DType::kInt64);
          },
          nb::arg("begin"), nb::arg("end"), nb::arg("step") = 1,
          "Sample indices at every `step`th of the positions [begin, end) of the epoch's order.");
  module.def("_close_all_runs", &close_live_runs, "Called by atexit.");
  nb::module_::import_("atexit").attr("register")(module.attr("_close_all_runs"));
  module.def(
      "try_reading", &read_trial_to_python, nb::arg("source"), nb::arg("indices"), nb::arg("readers"),
      nb::arg("drops_cache"), nb::arg("limit_s") = 0.0,
      "Reads samples and does nothing with them: wall_ns, samples, latencies_ns and bytes of each file "
      "or record, and cached_share, of the bytes that were in the page cache (None: not known).");
  module.def("usable_cores", [] {
    const UsableCores cores = usable_cores();
    nb::dict out;
    out["affinity"] = cores.affinity;
    out["quota"] = cores.quota;
    out["local_world_size"] = cores.local_world_size;
    out["host"] = cores.host;
    out["share"] = cores.share();
    out["threads"] = cores.threads();
    out["most_threads"] = cores.most_threads();
    return out;
  });
  module.def("lower_thread_priority", &lower_thread_priority,
             "Makes the calling thread nicer, as the engine's own threads are.");
  module.def("build_info", [] {
    nb::dict out;
    nb::dict names;
    for (const Codec& codec : codecs()) {
      names[nb::str(codec.name.data(), codec.name.size())] =
          nb::str(codec.library.data(), codec.library.size());
    }
    out["version"] = STOKER_VERSION;
    out["codecs"] = names;
    out["targets"] = vector_targets();
    out["target_in_use"] = vector_target_in_use();
    return out;
  });
  module.def("force_vector_target", &force_vector_target, nb::arg("name"));
}

}  // namespace stoker
