#include "stoker/python/islands.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>

#include <algorithm>
#include <cstring>

#include "stoker/base/clock.h"
#include "stoker/python/live_runs.h"
#include "stoker/python/module.h"
#include "stoker/transform/island.h"

namespace stoker {
namespace {

// What is called, see stoker.islands. The last to hold a plan may be a thread without the GIL.
class PythonIsland : public Island {
 public:
  explicit PythonIsland(nb::object made) : leaf(std::move(made)) {}
  ~PythonIsland() override {
    if (Py_IsInitialized() == 0) {
      static_cast<void>(leaf.release());
      return;
    }
    const nb::gil_scoped_acquire gil;
    leaf.reset();
  }

  nb::object leaf;
};

const PythonIsland& python_island(const Operator& op) {
  return dynamic_cast<const PythonIsland&>(*island_of(op));
}

// A request in Python's hands. Whoever drops it without an answer has failed it, so that nobody waits for
// ever.
class IslandTask {
 public:
  IslandTask(std::shared_ptr<IslandDesk> desk, std::shared_ptr<IslandRequest> request)
      : desk_(std::move(desk)),
        request_(std::move(request)),
        begin_cpu_ns_(thread_cpu_ns()),
        begin_wall_ns_(wall_ns()) {}
  ~IslandTask() {
    if (!is_answered_) fail("it was given up", "");
  }
  IslandTask(const IslandTask&) = delete;
  IslandTask& operator=(const IslandTask&) = delete;

  IslandRequest& request() { return *request_; }

  void fail(const std::string& found, const std::string& traceback) {
    SampleError error;
    error.code = SampleErrorCode::kPython;
    error.found = found;
    error.hint = "mend it, or choose on_error='replace'";
    if (!traceback.empty()) error.hint += "\n\n" + traceback;
    request_->failure = std::move(error);
    hand_in();
  }
  void hand_in() {
    if (is_answered_) return;
    is_answered_ = true;
    request_->cpu_ns = std::max<int64_t>(0, thread_cpu_ns() - begin_cpu_ns_);
    request_->wall_ns = wall_ns() - begin_wall_ns_;
    if (desk_ != nullptr) desk_->answer(*request_);
  }

 private:
  const std::shared_ptr<IslandDesk> desk_;  // null: the one who asks is the one who serves
  const std::shared_ptr<IslandRequest> request_;
  const int64_t begin_cpu_ns_;
  const int64_t begin_wall_ns_;
  bool is_answered_ = false;
};

std::vector<int64_t> axes_of_field(const IslandField& field) {
  if (field.kind == FieldKind::kMask && field.shape.channels == 1)
    return {field.shape.height, field.shape.width};
  return axes_of(field.shape, Layout::kHwc);
}

// [(name, is a mask, array)]; the arrays are the engine's memory, and may be written to and kept.
nb::list fields_of(IslandTask& task) {
  nb::list list;
  for (const IslandField& field : task.request().fields) {
    list.append(nb::make_tuple(field.name, field.kind == FieldKind::kMask,
                               array_over(field.data, axes_of_field(field), field.shape.dtype)));
  }
  return list;
}

// [(name, are boxes, values, rows, is float64 in the library)]
nb::list rows_of(IslandTask& task) {
  nb::list list;
  for (const IslandRows& rows : task.request().rows) {
    nb::list values;
    nb::list numbers;
    bool is_double = false;
    for (const Box& box : rows.boxes) {
      values.append(nb::make_tuple(box.x_min, box.y_min, box.x_max, box.y_max));
      numbers.append(box.row);
      is_double |= !box.is_single;
    }
    for (const Keypoint& point : rows.keypoints) {
      values.append(nb::make_tuple(point.x, point.y, point.angle, point.scale));
      numbers.append(point.row);
      is_double |= !point.is_single;
    }
    list.append(nb::make_tuple(rows.name, rows.kind == FieldKind::kBoxes, values, numbers, is_double));
  }
  return list;
}

// Where Python has left the pixels in the memory that it was given, they stay there.
void take_field(IslandDesk* desk, const nb::handle given, IslandField* field) {
  const AnyArray array = array_from_python("the result '" + field->name + "'", nb::borrow(given));
  const ConstImage image = image_from_python(array);
  const DType dtype = image.shape.dtype;
  if (dtype != DType::kUint8 && dtype != DType::kUint16 && dtype != DType::kInt16 && dtype != DType::kInt32 &&
      dtype != DType::kFloat32) {
    throw ArgumentTypeError("the result '" + field->name + "' is " + std::string(name_of(dtype)) +
                            ", allowed are uint8, uint16, int16, int32 and float32");
  }
  const bool is_in_place = image.data == field->data.get() && image.shape.bytes() <= field->shape.bytes();
  const nb::gil_scoped_release release;
  Buffer data = field->data;
  if (!is_in_place) {
    data = desk->acquire(image.shape.bytes());
    std::memcpy(data.get(), image.data, image.shape.bytes());
  }
  field->data = std::move(data);
  field->shape = image.shape;
}

// Rows of 5 numbers, the last one the row's own; single: of an array of float32.
void take_rows(const nb::handle given, bool is_single, IslandRows* rows) {
  rows->boxes.clear();
  rows->keypoints.clear();
  for (const nb::handle row : nb::cast<nb::iterable>(given)) {
    const auto numbers = nb::cast<std::vector<double>>(row);
    if (numbers.size() != 5)
      throw ArgumentError("the result '" + rows->name + "' has rows of another length");
    const auto origin = static_cast<int32_t>(numbers[4]);
    if (rows->kind == FieldKind::kBoxes) {
      rows->boxes.push_back({numbers[0], numbers[1], numbers[2], numbers[3], origin, is_single});
    } else {
      rows->keypoints.push_back({numbers[0], numbers[1], numbers[2], numbers[3], origin, is_single});
    }
  }
}

nb::object find_serving(const char* name) { return nb::module_::import_("stoker.islands").attr(name); }

}  // namespace

std::shared_ptr<IslandDesk> make_island_desk(const Plan& plan, bool serves_here) {
  if (!serves_here) return std::make_shared<IslandDesk>(plan.operators().size());
  auto self = std::make_shared<std::weak_ptr<IslandDesk>>();
  auto desk = std::make_shared<IslandDesk>(
      plan.operators().size(), [self](const std::shared_ptr<IslandRequest>& request) {
        const nb::gil_scoped_acquire gil;
        const nb::object task = nb::cast(new IslandTask(nullptr, request), nb::rv_policy::take_ownership);
        try {
          find_serving("serve_here")(self->lock(), task);
        } catch (const nb::python_error&) {  // Ctrl-C within the function: next() raises it
          PyErr_SetInterrupt();
          throw Error("loader: a step in Python was interrupted; make a new iterator.");
        }
      });
  *self = desk;
  return desk;
}

void start_serving(const std::shared_ptr<IslandDesk>& desk, int threads) {
  if (desk->starts_service()) find_serving("start_serving")(desk, threads);
}

nb::tuple reduce_island(const NamedOperator& named) {
  const auto& island = python_island(*named.op);
  return nb::make_tuple(find_serving("make_island"),
                        nb::make_tuple(island.leaf, value_to_python(named.parameters.at("p"))));
}

void bind_islands(nb::module_& module) {
  module.def(
      "make_island",
      [](nb::object leaf, double p) {
        auto island = std::make_shared<PythonIsland>(leaf);
        island->label = nb::cast<std::string>(leaf.attr("label"));
        island->source = nb::cast<std::string>(leaf.attr("source"));
        island->takes_masks = nb::cast<bool>(leaf.attr("takes_masks"));
        island->takes_rows = nb::cast<bool>(leaf.attr("takes_rows"));
        return make_island(std::move(island), p);
      },
      nb::arg("leaf"), nb::arg("p"), "A step in Python; `leaf` is a stoker.islands.Leaf.");
  nb::class_<IslandTask>(module, "IslandTask", "One sample at a step in Python.")
      .def_prop_ro("leaf", [](IslandTask& task) { return python_island(*task.request().op).leaf; })
      .def_prop_ro(
          "seed", [](IslandTask& task) { return task.request().seed; },
          "Follows from the loader's seed, the epoch, the sample and the place of the step.")
      .def_prop_ro("fields", &fields_of, "[(name, is a mask, array)]")
      .def_prop_ro("rows", &rows_of, "[(name, are boxes, values, rows, is float64 in the library)]");
  nb::class_<IslandDesk>(module, "IslandDesk", "Where the samples of a run wait at steps in Python.")
      .def(
          "take",
          [](const std::shared_ptr<IslandDesk>& desk) -> nb::object {
            InsideRun here;
            std::shared_ptr<IslandRequest> request;
            {
              const nb::gil_scoped_release release;
              request = desk->take();
              here.stay_if_ending();
            }
            if (request == nullptr) return nb::none();
            return nb::cast(new IslandTask(desk, std::move(request)), nb::rv_policy::take_ownership);
          },
          "Waits for a sample; None once the run is closed.")
      .def(
          "answer",
          [](IslandDesk& desk, IslandTask& task, const nb::list& fields, const nb::list& rows) {
            IslandRequest& request = task.request();
            if (fields.size() != request.fields.size() || rows.size() != request.rows.size())
              throw ArgumentError("the result has other fields than the sample");
            for (size_t i = 0; i < fields.size(); ++i) take_field(&desk, fields[i], &request.fields[i]);
            for (size_t i = 0; i < rows.size(); ++i) {
              const auto each = nb::cast<nb::tuple>(rows[i]);
              take_rows(each[0], nb::cast<bool>(each[1]), &request.rows[i]);
            }
            task.hand_in();
          },
          nb::arg("task"), nb::arg("fields"), nb::arg("rows"))
      .def(
          "fail",
          [](IslandDesk&, IslandTask& task, const std::string& found, const std::string& traceback) {
            task.fail(found, traceback);
          },
          nb::arg("task"), nb::arg("found"), nb::arg("traceback"));
}

}  // namespace stoker
