#include "stoker/python/convert.h"

#include <cmath>

#include "stoker/base/error.h"

namespace stoker {

Value value_from_python(const std::string& name, nb::handle object) {
  if (object.is_none()) return std::monostate{};
  if (PyBool_Check(object.ptr())) return object.ptr() == Py_True;
  if (PyUnicode_Check(object.ptr())) return nb::cast<std::string>(object);
  if (PyFloat_Check(object.ptr())) return PyFloat_AsDouble(object.ptr());
  if (PyBytes_Check(object.ptr()) || PyByteArray_Check(object.ptr())) {
    throw ArgumentTypeError(name +
                            " must be a number, a string, a bool or a sequence of numbers, got bytes.");
  }
  if (PyLong_Check(object.ptr())) {
    int is_beyond = 0;
    const long long whole = PyLong_AsLongLongAndOverflow(object.ptr(), &is_beyond);
    if (is_beyond != 0) return is_beyond > 0 ? HUGE_VAL : -HUGE_VAL;
    return static_cast<int64_t>(whole);
  }
  if (PyIndex_Check(object.ptr())) {
    const nb::object integer = nb::steal(PyNumber_Index(object.ptr()));
    if (integer.is_valid()) {
      const long long whole = PyLong_AsLongLong(integer.ptr());
      if (whole != -1 || PyErr_Occurred() == nullptr) return static_cast<int64_t>(whole);
    }
    PyErr_Clear();  // a large integer is a number all the same; an array of one element has no index
  }
  if (PySequence_Check(object.ptr()) != 0) {
    std::vector<double> numbers;
    for (const nb::handle item : nb::borrow<nb::sequence>(object)) {
      const double number = PyBool_Check(item.ptr()) ? -1 : PyFloat_AsDouble(item.ptr());
      if (PyBool_Check(item.ptr()) || (number == -1 && PyErr_Occurred() != nullptr)) {
        PyErr_Clear();
        throw ArgumentTypeError(name + " must hold numbers, got " + nb::cast<std::string>(nb::repr(item)) +
                                ".");
      }
      numbers.push_back(number);
    }
    return numbers;
  }
  const double number = PyFloat_AsDouble(object.ptr());
  if (number == -1 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw ArgumentTypeError(name + " must be a number, a string, a bool or a sequence of numbers, got " +
                            nb::cast<std::string>(nb::repr(object)) + ".");
  }
  return number;
}

nb::object value_to_python(const Value& value) {
  struct Visitor {
    nb::object operator()(std::monostate) const { return nb::none(); }
    nb::object operator()(bool is_true) const { return nb::bool_(is_true); }
    nb::object operator()(int64_t integer) const { return nb::int_(integer); }
    nb::object operator()(double real) const { return nb::float_(real); }
    nb::object operator()(const std::string& text) const { return nb::str(text.c_str(), text.size()); }
    nb::object operator()(const std::vector<double>& numbers) const {
      nb::list list;
      for (const double number : numbers) list.append(number);
      return nb::tuple(list);
    }
  };
  return std::visit(Visitor{}, value);
}

std::string path_from_python(nb::handle object) {
  PyObject* encoded = nullptr;
  if (PyUnicode_FSConverter(object.ptr(), &encoded) == 0) throw nb::python_error();
  const nb::object bytes = nb::steal(encoded);
  return std::string(PyBytes_AS_STRING(encoded), static_cast<size_t>(PyBytes_GET_SIZE(encoded)));
}

nb::object text_to_python(const std::string& text) {
  return nb::steal(PyUnicode_DecodeFSDefaultAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
}

std::map<std::string, Value> values_from_python(const nb::dict& given) {
  std::map<std::string, Value> values;
  for (const auto& [key, object] : given) {
    const auto name = nb::cast<std::string>(key);
    values[name] = value_from_python(name, object);
  }
  return values;
}

namespace {

constexpr auto kBool = static_cast<uint8_t>(nb::dlpack::dtype_code::Bool);
constexpr auto kInt = static_cast<uint8_t>(nb::dlpack::dtype_code::Int);
constexpr auto kUInt = static_cast<uint8_t>(nb::dlpack::dtype_code::UInt);
constexpr auto kFloat = static_cast<uint8_t>(nb::dlpack::dtype_code::Float);
constexpr auto kBfloat = static_cast<uint8_t>(nb::dlpack::dtype_code::Bfloat);

struct Pair {
  DType dtype;
  nb::dlpack::dtype dlpack;
};

const Pair kPairs[] = {{DType::kBool, {kBool, 8, 1}},        {DType::kUint8, {kUInt, 8, 1}},
                       {DType::kUint16, {kUInt, 16, 1}},     {DType::kInt16, {kInt, 16, 1}},
                       {DType::kInt32, {kInt, 32, 1}},       {DType::kInt8, {kInt, 8, 1}},
                       {DType::kUint32, {kUInt, 32, 1}},     {DType::kUint64, {kUInt, 64, 1}},
                       {DType::kInt64, {kInt, 64, 1}},       {DType::kFloat16, {kFloat, 16, 1}},
                       {DType::kBfloat16, {kBfloat, 16, 1}}, {DType::kFloat32, {kFloat, 32, 1}},
                       {DType::kFloat64, {kFloat, 64, 1}}};

}  // namespace

DType dtype_from_python(const nb::dlpack::dtype& dtype) {
  for (const Pair& pair : kPairs) {
    if (pair.dlpack == dtype) return pair.dtype;
  }
  throw ArgumentTypeError(
      "array: its dtype is not supported; allowed are bool, int8 to int64, uint8 to uint64, float16, "
      "bfloat16, "
      "float32 and float64.");
}

nb::dlpack::dtype dtype_to_python(DType dtype) {
  for (const Pair& pair : kPairs) {
    if (pair.dtype == dtype) return pair.dlpack;
  }
  throw InternalError("dtype without a DLPack code; please report this.");
}

nb::object array_over(Buffer data, const std::vector<int64_t>& shape, DType dtype) {
  std::vector<size_t> sides(shape.begin(), shape.end());
  uint8_t* memory = data.get();
  const nb::capsule owner(new Buffer(std::move(data)),
                          [](void* held) noexcept { delete static_cast<Buffer*>(held); });
  if (dtype == DType::kBfloat16) {
    return nb::cast(nb::ndarray<nb::array_api>(memory, sides.size(), sides.data(), owner, nullptr,
                                               dtype_to_python(dtype)));
  }
  return nb::cast(
      nb::ndarray<nb::numpy>(memory, sides.size(), sides.data(), owner, nullptr, dtype_to_python(dtype)));
}

std::vector<int64_t> axes_of(const ImageShape& shape, Layout layout) {
  if (layout == Layout::kChw) return {shape.channels, shape.height, shape.width};
  return {shape.height, shape.width, shape.channels};
}

AnyArray array_from_python(const std::string& name, const nb::object& object) {
  AnyArray array;
  if (nb::try_cast(object, array)) return array;
  throw ArgumentTypeError(name + " must be an array of numbers in this machine's byte order, got " +
                          nb::cast<std::string>(nb::str(object.type())) + ".");
}

ConstImage image_from_python(const AnyArray& array) {
  if (array.ndim() != 2 && array.ndim() != 3) {
    throw ArgumentError("image: must have the axes height, width and channels, got " +
                        std::to_string(array.ndim()) + " axes.");
  }
  ImageShape shape;
  shape.height = static_cast<int>(array.shape(0));
  shape.width = static_cast<int>(array.shape(1));
  shape.channels = array.ndim() == 3 ? static_cast<int>(array.shape(2)) : 1;
  shape.dtype = dtype_from_python(array.dtype());
  if (array.shape(0) < 1 || array.shape(1) < 1 || shape.channels < 1 || array.shape(0) > 65500 ||
      array.shape(1) > 65500 || shape.channels > 64) {
    throw ArgumentError("image: sides must be 1 to 65500 pixels and channels 1 to 64, got " +
                        std::to_string(array.shape(0)) + " x " + std::to_string(array.shape(1)) + " x " +
                        std::to_string(shape.channels) + ".");
  }
  return packed_image(static_cast<const void*>(array.data()), shape);
}

}  // namespace stoker
