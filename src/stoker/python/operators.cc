// The registry and single operators, as Python sees them.

#include <algorithm>
#include <cmath>

#include "stoker/python/module.h"

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

nb::dict draw_to_python(const Operator& op, const Draw& draw) {
  nb::dict out;
  out["applies"] = draw.applies;
  const auto names = op.draw_names();
  for (size_t i = 0; i < names.size(); ++i) out[nb::str(names[i].data(), names[i].size())] = draw.values[i];
  return out;
}

// Far above every side in pixels, and far below where sums of two overflow.
constexpr double kMaxDrawnValue = 1e7;

nb::dict dict_from_python(const nb::object& given) {
  if (!PyDict_Check(given.ptr()))
    throw ArgumentTypeError("draw must be a dict, as draw() gives it, or None.");
  return nb::borrow<nb::dict>(given);
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
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      throw ArgumentTypeError(named.name + ": a draw has no value '" + name + "'.");
    }
    const double value = PyFloat_AsDouble(object.ptr());
    if (PyErr_Occurred() != nullptr) throw nb::python_error();
    if (!(std::abs(value) <= kMaxDrawnValue)) {  // also catches NaN
      throw ArgumentError(named.name + ": the drawn value '" + name +
                          "' must be a number of at most 10,000,000.");
    }
    draw.values[static_cast<size_t>(found - names.begin())] = value;
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

void check_draw(const NamedOperator& named, const Draw& draw, const ConstImage& image) {
  const Geometry geometry = named.op->geometry(draw, image.shape);
  if (named.op->operator_class() == OperatorClass::kResample && geometry.crop) {
    const Rect& crop = *geometry.crop;
    if (crop.x < 0 || crop.y < 0 || crop.width < 1 || crop.height < 1 ||
        crop.x + crop.width > image.width() || crop.y + crop.height > image.height()) {
      throw ArgumentError(named.name + ": the drawn rectangle lies outside the image of " +
                          std::to_string(image.height()) + " x " + std::to_string(image.width()) +
                          " pixels.");
    }
  }
}

nb::object apply_operator(const NamedOperator& named, const AnyArray& array, const nb::object& given,
                          bool by_reference) {
  const ConstImage image = image_from_python(array);
  static_cast<void>(named.op->plan({image.height(), image.width(), image.channels(), image.shape.dtype}));
  Draw draw;
  if (given.is_none()) {
    Rng rng(SampleKey{}, 0);
    if (Failure failure = named.op->draw(rng, image.shape, &draw))
      throw BadSamples(failure->message(), {*failure});
  } else {
    draw = draw_from_python(named, dict_from_python(given));
  }
  check_draw(named, draw, image);
  named.op->observe(image, nullptr, &draw);
  const ImageShape shape = named.op->shape_after(draw, image.shape);
  check_size(named, shape);
  RecyclingProvider provider(0);
  Buffer out = provider.acquire(shape.bytes());
  {
    const nb::gil_scoped_release release;
    ResizeScratch scratch;
    if (by_reference) {
      named.op->reference(draw, image, packed_image(out.get(), shape));
    } else {
      named.op->apply(draw, image, packed_image(out.get(), shape), scratch);
    }
  }
  return array_over(std::move(out), axes_of(shape, Layout::kHwc), shape.dtype);
}

}  // namespace

void bind_operators(nb::module_& module) {
  nb::class_<NamedOperator>(module, "Operator")
      .def_ro("name", &NamedOperator::name)
      .def_prop_ro("parameters",
                   [](const NamedOperator& named) {
                     nb::dict out;
                     for (const auto& [name, value] : named.parameters)
                       out[name.c_str()] = value_to_python(value);
                     return out;
                   })
      .def_prop_ro("is_random", [](const NamedOperator& named) { return named.op->is_random(); })
      .def_prop_ro("draw_names",
                   [](const NamedOperator& named) {
                     std::vector<std::string> names;
                     for (const std::string_view name : named.op->draw_names()) names.emplace_back(name);
                     return names;
                   })
      .def("__repr__", [](const NamedOperator& named) { return "stoker." + describe(named); })
      .def("__reduce__",
           [](nb::handle self) {
             return nb::make_tuple(nb::module_::import_("stoker.operators").attr("make_operator"),
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
            if (Failure failure = named.op->draw(rng, shape, &draw)) {
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
            return apply_operator(named, image, draw, false);
          },
          nb::arg("image"), nb::arg("draw") = nb::none(), "The image after the operator with a given draw.")
      .def(
          "reference",
          [](const NamedOperator& named, const AnyArray& image, const nb::object& draw) {
            return apply_operator(named, image, draw, true);
          },
          nb::arg("image"), nb::arg("draw") = nb::none(),
          "As apply, by the operator's plain reference code.");
  module.def("operators", &describe_operators, "All operators with their parameters, from the registry.");
  module.def(
      "make_operator",
      [](const std::string& name, const nb::dict& parameters) {
        return make_operator(name, values_from_python(parameters));
      },
      nb::arg("name"), nb::arg("parameters"));
}

}  // namespace stoker
