// Whole batches out of arrays in memory, as Python sees them. What is written to and where the numbers of
// rows lie is given by address: the tensors of a caller that owns them, pinned or not.

#include <nanobind/stl/shared_ptr.h>

#include "stoker/base/clock.h"
#include "stoker/python/live_runs.h"
#include "stoker/python/module.h"
#include "stoker/run/gather_run.h"

namespace stoker {
namespace {

// How long a wait may go without looking for Ctrl-C.
constexpr int64_t kSignalCheckNs = 50'000'000;

// Copies below this are over sooner than another thread would have let go of the GIL again.
constexpr size_t kKeepsGilBytes = size_t{128} << 10;

constexpr size_t kMaxColumns = 64;

using AnyRows = nb::ndarray<nb::ro, nb::device::cpu>;

RowsView view_of(const AnyRows& array) {
  if (array.ndim() < 1) throw ArgumentError("rows: an array must have one row a sample, got a single value.");
  RowsView view;
  view.element_bytes = array.itemsize();
  const auto bytes = static_cast<int64_t>(view.element_bytes);
  view.data = static_cast<const uint8_t*>(array.data());
  view.rows = static_cast<int64_t>(array.shape(0));
  view.stride_bytes = array.stride(0) * bytes;
  for (size_t axis = 1; axis < array.ndim(); ++axis)
    view.axes.push_back({static_cast<int64_t>(array.shape(axis)), array.stride(axis) * bytes});
  return view;
}

// A run and the arrays that it reads.
struct PythonGatherRun {
  std::shared_ptr<GatherRun> run;
  std::vector<AnyRows> arrays;
};

PythonGatherRun make_gather_run(const nb::list& columns, int threads, bool shares_cores) {
  PythonGatherRun made;
  std::vector<RowGather> gathers;
  for (const nb::handle parts : columns) {
    std::vector<RowsView> views;
    for (const nb::handle part : nb::cast<nb::list>(parts)) {
      AnyRows array;
      if (!nb::try_cast(part, array, false)) throw ArgumentTypeError("rows: a part is no array of numbers.");
      views.push_back(view_of(array));
      made.arrays.push_back(std::move(array));
    }
    gathers.emplace_back(std::move(views));
  }
  if (gathers.empty() || gathers.size() > kMaxColumns) {
    throw ArgumentError("rows: there must be 1 to " + std::to_string(kMaxColumns) + " columns, got " +
                        std::to_string(gathers.size()) + ".");
  }
  made.run = std::make_shared<GatherRun>(std::move(gathers), GatherOptions{threads, shares_cores});
  close_at_exit(made.run);
  return made;
}

size_t take_addresses(const PythonGatherRun& self, const nb::args& outs, uint8_t** addresses) {
  const size_t count = outs.size();
  if (count != self.run->columns().size())
    throw ArgumentError("rows: give one address for each column, got " + std::to_string(count) + ".");
  for (size_t i = 0; i < count; ++i) addresses[i] = reinterpret_cast<uint8_t*>(nb::cast<uintptr_t>(outs[i]));
  return count;
}

void submit(PythonGatherRun& self, uintptr_t indices, size_t count, const nb::args& outs) {
  uint8_t* addresses[kMaxColumns];
  const size_t columns = take_addresses(self, outs, addresses);
  const auto* first = reinterpret_cast<const int64_t*>(indices);
  self.run->submit({first, first + count}, {addresses, addresses + columns});
}

void fill(PythonGatherRun& self, uintptr_t indices, size_t count, const nb::args& outs) {
  uint8_t* addresses[kMaxColumns];
  take_addresses(self, outs, addresses);
  const auto* first = reinterpret_cast<const int64_t*>(indices);
  if (count * self.run->row_bytes() < kKeepsGilBytes) return self.run->fill(first, count, addresses);
  InsideRun here;
  const nb::gil_scoped_release release;
  try {
    self.run->fill(first, count, addresses);
  } catch (...) {
    here.stay_if_ending();
    throw;
  }
  here.stay_if_ending();
}

bool next(PythonGatherRun& self) {
  InsideRun here;
  while (true) {
    bool is_done = false;
    {
      const nb::gil_scoped_release release;
      is_done = self.run->next(kSignalCheckNs);
      here.stay_if_ending();
    }
    if (is_done) return true;
    if (self.run->pending() == 0) return false;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
}

}  // namespace

void bind_gather(nb::module_& module) {
  nb::class_<PythonGatherRun>(
      module, "GatherRun",
      "Batches of rows of arrays. Each column is a list of arrays laid end to end; any "
      "strides. Memory given by address must stay until its batch is done or close() "
      "has returned.")
      .def(nb::new_(&make_gather_run), nb::arg("columns"), nb::arg("threads") = 0,
           nb::arg("shares_cores") = false)
      .def_prop_ro("row_bytes", [](const PythonGatherRun& self) { return self.run->row_bytes(); })
      .def(
          "fill", &fill, nb::arg("indices"), nb::arg("count"), nb::arg("outs"),
          nb::sig("def fill(self, indices: int, count: int, *outs: int) -> None"),
          "One batch, at once: `count` int64 row numbers at the address `indices`, and one address a column.")
      .def("submit", &submit, nb::arg("indices"), nb::arg("count"), nb::arg("outs"),
           nb::sig("def submit(self, indices: int, count: int, *outs: int) -> None"),
           "Queues a batch; the row numbers are copied.")
      .def("next", &next, "Finishes the oldest batch that is queued; False where there is none.")
      .def("pending", [](const PythonGatherRun& self) { return self.run->pending(); })
      .def("counters", [](const PythonGatherRun& self) { return counters_to_python(self.run->counters()); })
      .def("close", [](PythonGatherRun& self) {
        InsideRun here;
        const nb::gil_scoped_release release;
        self.run->close();
        here.stay_if_ending();
      });
}

}  // namespace stoker
