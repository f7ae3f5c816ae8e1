// The registry and single operators, as Python sees them.

#include <algorithm>
#include <cmath>

#include "stoker/python/islands.h"
#include "stoker/python/module.h"
#include "stoker/python/options.h"
#include "stoker/transform/group.h"
#include "stoker/transform/island.h"

namespace stoker {
namespace {

nb::dict describe_parameter(const ParameterInfo& info) {
  nb::dict out;
  out["name"] = info.name;
  out["kind"] = info.kind;
  out["default"] = info.is_required ? nb::none() : value_to_python(info.default_value);
  out["is_required"] = info.is_required;
  out["low"] = info.low;
  out["high"] = info.high;
  out["min_count"] = info.min_count;
  out["max_count"] = info.max_count;
  out["choices"] = info.choices;
  out["unit"] = info.unit;
  out["doc"] = info.doc;
  return out;
}

nb::list describe_operators() {
  nb::list all;
  for (const OperatorInfo& info : operators()) {
    nb::dict out;
    out["name"] = info.name;
    out["summary"] = info.summary;
    out["details"] = info.details;
    out["operator_class"] = std::string(name_of(info.operator_class));
    nb::list parameters;
    for (const ParameterInfo& parameter : info.parameters) parameters.append(describe_parameter(parameter));
    out["parameters"] = parameters;
    all.append(out);
  }
  return all;
}

nb::dict parameters_to_python(const std::map<std::string, Value>& parameters) {
  nb::dict out;
  for (const auto& [name, value] : parameters) out[name.c_str()] = value_to_python(value);
  return out;
}

// Parameters that show what an operator does, one set after the other.
nb::list examples_of(const std::string& name) {
  nb::list examples;
  for (const OperatorInfo& info : operators()) {
    if (info.name != name) continue;
    for (const auto& example : info.make()->examples()) examples.append(parameters_to_python(example));
  }
  return examples;
}

nb::dict draw_to_python(const Operator& op, const Draw& draw) {
  nb::dict out;
  out["applies"] = draw.applies;
  const auto names = op.draw_names();
  for (size_t i = 0; i < names.size(); ++i) out[nb::str(names[i].data(), names[i].size())] = draw.values[i];
  if (!draw.list.empty()) out["list"] = draw.list;
  return out;
}

// Far above every side in pixels, and far below where sums of two overflow.
constexpr double kMaxDrawnValue = 1e7;

nb::dict dict_from_python(const nb::object& given) {
  if (!PyDict_Check(given.ptr()))
    throw ArgumentTypeError("draw must be a dict, as draw() gives it, or None.");
  return nb::borrow<nb::dict>(given);
}

double drawn_number(const NamedOperator& named, const std::string& name, nb::handle object) {
  const double value = PyFloat_AsDouble(object.ptr());
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  if (!(std::abs(value) <= kMaxDrawnValue)) {  // also catches NaN
    throw ArgumentError(named.name + ": the drawn value '" + name +
                        "' must be a number of at most 10,000,000.");
  }
  return value;
}

std::vector<double> list_from_python(const NamedOperator& named, nb::handle object) {
  std::vector<double> values;
  for (const nb::handle item : nb::cast<nb::iterable>(object))
    values.push_back(drawn_number(named, "list", item));
  return values;
}

Draw draw_from_python(const NamedOperator& named, const nb::dict& given) {
  Draw draw;
  const auto names = named.op->draw_names();
  for (const auto& [key, object] : given) {
    const auto name = nb::cast<std::string>(key);
    if (name == "applies") {
      if (!PyBool_Check(object.ptr()))
        throw ArgumentTypeError(named.name + ": a draw's 'applies' must be a bool.");
      draw.applies = object.ptr() == Py_True;
      continue;
    }
    if (name == "list") {
      draw.list = list_from_python(named, object);
      continue;
    }
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      throw ArgumentTypeError(named.name + ": a draw has no value '" + name + "'.");
    }
    draw.values[static_cast<size_t>(found - names.begin())] = drawn_number(named, name, object);
  }
  return draw;
}

void check_size(const NamedOperator& named, const ImageShape& shape) {
  const int64_t pixels = static_cast<int64_t>(shape.height) * shape.width;
  const int64_t allowed = DecodeLimits{}.max_pixels;
  if (pixels <= allowed) return;
  throw ArgumentError(named.name + ": the result would be " + std::to_string(shape.height) + " x " +
                      std::to_string(shape.width) + " pixels, allowed are " + std::to_string(allowed) +
                      " in all.");
}

// What a group has none of: draws and pixels of its own.
const Operator& single(const NamedOperator& named) {
  if (named.op == nullptr)
    throw ArgumentError(named.name + ": it is a group; ask the operators in it, or give it to a loader.");
  return *named.op;
}

void check_draw(const NamedOperator& named, const Draw& draw, const ImageShape& shape) {
  if (!draw.applies) return;
  if (shape.height < 1 || shape.width < 1)
    throw ArgumentError(named.name + ": height and width must be at least 1 pixel.");
  const Operator& op = single(named);
  op.check_draw(draw, shape);
  const Geometry geometry = op.geometry(draw, shape);
  if (op.operator_class() == OperatorClass::kResample && geometry.crop) {
    const Rect& crop = *geometry.crop;
    if (crop.x < 0 || crop.y < 0 || crop.width < 1 || crop.height < 1 || crop.x + crop.width > shape.width ||
        crop.y + crop.height > shape.height) {
      throw ArgumentError(named.name + ": the drawn rectangle lies outside the image of " +
                          std::to_string(shape.height) + " x " + std::to_string(shape.width) + " pixels.");
    }
  }
}

Group group_from_python(nb::dict given) {
  Group group;
  group.p = take_number(given, "p", 1);
  group.takes_all = take<bool>(given, "takes_all", false);
  group.least = static_cast<int>(std::clamp<int64_t>(take<int64_t>(given, "least", 1), -1, 1'000'000));
  group.most = static_cast<int>(std::clamp<int64_t>(take<int64_t>(given, "most", 1), -1, 1'000'000));
  group.may_repeat = take<bool>(given, "may_repeat", false);
  group.keeps_order = take<bool>(given, "keeps_order", true);
  group.is_one_step = take<bool>(given, "is_one_step", false);
  group.weights = take<std::vector<double>>(given, "weights", {});
  if (given.size() > 0)
    throw ArgumentTypeError("group: unknown option " + nb::cast<std::string>(nb::repr(given.keys())) + ".");
  return group;
}

nb::dict group_to_python(const Group& group) {
  nb::dict out;
  out["p"] = group.p;
  out["takes_all"] = group.takes_all;
  out["least"] = group.least;
  out["most"] = group.most;
  out["may_repeat"] = group.may_repeat;
  out["keeps_order"] = group.keeps_order;
  out["weights"] = group.weights;
  if (group.is_one_step) out["is_one_step"] = true;
  return out;
}

enum class ApplyBy : uint8_t { kFast, kReference, kMask };

nb::object apply_operator(const NamedOperator& named, const AnyArray& array, const nb::object& given,
                          ApplyBy by) {
  const Operator& op = single(named);
  const ConstImage image = image_from_python(array);
  if (by == ApplyBy::kMask && !op.moves_pixels())
    throw ArgumentError(named.name + ": it leaves masks as they are.");
  if (by != ApplyBy::kMask)
    static_cast<void>(op.plan({image.height(), image.width(), image.channels(), image.shape.dtype}));
  Draw draw;
  if (given.is_none()) {
    Rng rng(SampleKey{}, 0);
    if (Failure failure = op.draw(rng, image.shape, &draw)) throw BadSamples(failure->message(), {*failure});
  } else {
    draw = draw_from_python(named, dict_from_python(given));
  }
  check_draw(named, draw, image.shape);
  const bool resizes = draw.applies && op.has_geometry() && op.geometry(draw, image.shape).resize.has_value();
  if (by == ApplyBy::kMask && resizes && image.shape.dtype != DType::kUint8) {
    throw ArgumentError(named.name + ": the mask is " + std::string(name_of(image.shape.dtype)) +
                        ", resized are uint8 masks; store class numbers in 8 bits.");
  }
  if (by != ApplyBy::kMask) op.observe(image, nullptr, &draw);
  ImageShape shape = op.shape_after(draw, image.shape);
  if (by == ApplyBy::kMask) {
    shape.channels = image.channels();
    shape.dtype = image.shape.dtype;
  }
  check_size(named, shape);
  RecyclingProvider provider(0);
  Buffer out = provider.acquire(shape.bytes());
  {
    const nb::gil_scoped_release release;
    ResizeScratch scratch;
    const Image to = packed_image(out.get(), shape);
    if (!draw.applies) {
      copy_pixels(image, to);
    } else if (by == ApplyBy::kReference) {
      op.reference(draw, image, to);
    } else if (by == ApplyBy::kMask) {
      op.apply_mask(draw, image, to, scratch);
    } else {
      op.apply(draw, image, to, scratch);
    }
  }
  return array_over(std::move(out), axes_of(shape, Layout::kHwc), shape.dtype);
}

// One row for each number of a list of lists of the same length.
template <size_t N>
std::vector<std::array<double, N>> rows_from_python(const std::string& name, const nb::object& object) {
  std::vector<std::array<double, N>> rows;
  for (const nb::handle row : nb::cast<nb::iterable>(object)) {
    const auto values = nb::cast<std::vector<double>>(row);
    if (values.size() != N)
      throw ArgumentError(name + ": a row must have " + std::to_string(N) + " numbers, got " +
                          std::to_string(values.size()) + ".");
    std::array<double, N> out{};
    std::copy(values.begin(), values.end(), out.begin());
    rows.push_back(out);
  }
  return rows;
}

// Boxes or keypoints after one operator.
template <class Row, auto kMove>
nb::list move_rows(const NamedOperator& named, const nb::object& given, int height, int width,
                   const nb::dict& draw, bool is_single) {
  std::vector<Row> rows;
  for (const auto& [a, b, c, d] : rows_from_python<4>(named.name, given))
    rows.push_back({a, b, c, d, static_cast<int32_t>(rows.size()), is_single});
  const ImageShape shape{height, width, 3, DType::kUint8};
  const Draw drawn = draw_from_python(named, draw);
  check_draw(named, drawn, shape);
  (single(named).*kMove)(drawn, shape, rows);
  nb::list out;
  for (const auto& [a, b, c, d, row, _] : rows) out.append(nb::make_tuple(a, b, c, d, row));
  return out;
}

}  // namespace

void bind_operators(nb::module_& module) {
  // Weak references: stoker.normalize keeps beside an operator what it was made of.
  nb::class_<NamedOperator>(module, "Operator", nb::is_weak_referenceable())
      .def_ro("name", &NamedOperator::name)
      .def_prop_ro(
          "children", [](const NamedOperator& named) { return named.children; },
          "The operators of a group; empty for a single one.")
      .def_prop_ro("parameters",
                   [](const NamedOperator& named) {
                     if (named.group != nullptr) return group_to_python(*named.group);
                     return parameters_to_python(named.parameters);
                   })
      .def_prop_ro("is_random", &NamedOperator::is_random)
      .def_prop_ro("draw_names",
                   [](const NamedOperator& named) {
                     std::vector<std::string> names;
                     if (named.op == nullptr) return names;
                     for (const std::string_view name : named.op->draw_names()) names.emplace_back(name);
                     return names;
                   })
      .def("__repr__", [](const NamedOperator& named) { return "stoker." + describe(named); })
      .def("__reduce__",
           [](nb::handle self) {
             const auto& named = nb::cast<const NamedOperator&>(self);
             if (named.op != nullptr && island_of(*named.op) != nullptr) return reduce_island(named);
             const nb::module_ home = nb::module_::import_("stoker.operators");
             if (named.group != nullptr) {
               return nb::make_tuple(
                   home.attr("make_group"),
                   nb::make_tuple(self.attr("name"), self.attr("children"), self.attr("parameters")));
             }
             return nb::make_tuple(home.attr("make_operator"),
                                   nb::make_tuple(self.attr("name"), self.attr("parameters")));
           })
      .def(
          "draw",
          [](const NamedOperator& named, int height, int width, int channels, uint64_t seed, uint32_t epoch,
             uint64_t index, uint16_t path) {
            if (height < 1 || width < 1 || height > 65500 || width > 65500 || channels < 1 || channels > 64) {
              throw ArgumentError("draw: sides must be 1 to 65500 pixels and channels 1 to 64.");
            }
            if (index >= (uint64_t{1} << 48) || epoch >= (uint32_t{1} << 24)) {
              throw ArgumentError("draw: index must be below 2**48 and epoch below 2**24.");
            }
            Rng rng(SampleKey{seed, epoch, index, 0, 0}, path);
            Draw draw;
            const ImageShape shape{height, width, channels, DType::kUint8};
            if (Failure failure = single(named).draw(rng, shape, &draw)) {
              throw BadSamples(failure->message(), {*failure});
            }
            return draw_to_python(*named.op, draw);
          },
          nb::arg("height"), nb::arg("width"), nb::arg("channels") = 3, nb::kw_only(), nb::arg("seed") = 0,
          nb::arg("epoch") = 0, nb::arg("index") = 0, nb::arg("path") = 0,
          "All randomness of the operator for one image of this size, as a dict.")
      .def(
          "apply",
          [](const NamedOperator& named, const AnyArray& image, const nb::object& draw) {
            return apply_operator(named, image, draw, ApplyBy::kFast);
          },
          nb::arg("image"), nb::arg("draw") = nb::none(), "The image after the operator with a given draw.")
      .def(
          "reference",
          [](const NamedOperator& named, const AnyArray& image, const nb::object& draw) {
            return apply_operator(named, image, draw, ApplyBy::kReference);
          },
          nb::arg("image"), nb::arg("draw") = nb::none(), "As apply, by the operator's plain reference code.")
      .def(
          "apply_mask",
          [](const NamedOperator& named, const AnyArray& mask, const nb::object& draw) {
            return apply_operator(named, mask, draw, ApplyBy::kMask);
          },
          nb::arg("mask"), nb::arg("draw"), "As apply, for a mask of the image's height and width.")
      .def("move_boxes", &move_rows<Box, &Operator::move_boxes>, nb::arg("boxes"), nb::arg("height"),
           nb::arg("width"), nb::arg("draw"), nb::arg("is_single") = false,
           "Boxes (x_min, y_min, x_max, y_max) in shares of the sides, moved; with the row each came from. "
           "is_single: the library's array would be float32, which holds these numbers.")
      .def("move_keypoints", &move_rows<Keypoint, &Operator::move_keypoints>, nb::arg("keypoints"),
           nb::arg("height"), nb::arg("width"), nb::arg("draw"), nb::arg("is_single") = false,
           "Keypoints (x, y, angle, scale) in pixels and radians, moved; with the row each came from.");
  module.def("operators", &describe_operators, "All operators with their parameters, from the registry.");
  module.def("examples_of", &examples_of, nb::arg("name"),
             "Sets of parameters that show what an operator does, for tests and benchmarks.");
  module.def(
      "make_group",
      [](const std::string& name, std::vector<NamedOperator> children, const nb::dict& options) {
        return make_group(name, group_from_python(nb::cast<nb::dict>(options.attr("copy")())),
                          std::move(children));
      },
      nb::arg("name"), nb::arg("children"), nb::arg("options"));
  module.def(
      "make_operator",
      [](const std::string& name, const nb::dict& parameters) {
        return make_operator(name, values_from_python(parameters));
      },
      nb::arg("name"), nb::arg("parameters"));
}

}  // namespace stoker
