// Python objects to engine values and back, and who owns the memory of arrays.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <string>
#include <vector>

#include "stoker/base/image.h"
#include "stoker/base/value.h"
#include "stoker/batch/buffer.h"
#include "stoker/batch/store.h"
#include "stoker/transform/operator.h"

namespace stoker {

namespace nb = nanobind;

// Bools, numbers, strings, and sequences of numbers; TypeError for anything else, naming `name`.
Value value_from_python(const std::string& name, nb::handle object);
nb::object value_to_python(const Value& value);

// Text that may hold a file name of any bytes, as os.fsdecode() does it.
nb::object text_to_python(const std::string& text);

// os.fsencode: str with any bytes that the file system may hold, bytes as they are, and path objects.
std::string path_from_python(nb::handle object);

std::map<std::string, Value> values_from_python(const nb::dict& given);

DType dtype_from_python(const nb::dlpack::dtype& dtype);
nb::dlpack::dtype dtype_to_python(DType dtype);

// An array over `data`, which it keeps alive: a NumPy array, or for bfloat16 (which NumPy lacks) an object
// that speaks DLPack.
nb::object array_over(Buffer data, const std::vector<int64_t>& shape, DType dtype);

// height x width x channels, or channels first.
std::vector<int64_t> axes_of(const ImageShape& shape, Layout layout);

// A C-contiguous CPU array of H x W or H x W x C as a view; throws ArgumentError for others.
using AnyArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
ConstImage image_from_python(const AnyArray& array);

// TypeError that names the argument when `object` is not an array.
AnyArray array_from_python(const std::string& name, const nb::object& object);

}  // namespace stoker
