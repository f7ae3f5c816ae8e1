// Sources, as Python sees them.

#include <nanobind/stl/shared_ptr.h>

#include "stoker/python/module.h"
#include "stoker/source/source.h"

namespace stoker {
namespace {

// Keeps a Python object alive from C++; let go under the GIL, whichever thread is last.
std::shared_ptr<const void> keep_alive(const nb::object& object) {
  PyObject* held = nb::object(object).release().ptr();
  return std::shared_ptr<const void>(held, [](PyObject* last) {
    if (Py_IsInitialized() == 0) return;
    const nb::gil_scoped_acquire acquire;
    Py_DECREF(last);
  });
}

nb::list paths_to_python(const std::vector<std::string>& paths) {
  nb::list list;
  for (const std::string& path : paths) list.append(text_to_python(path));
  return list;
}

void add_column(Source& source, const std::string& name, const nb::object& object) {
  const AnyArray array = array_from_python("column '" + name + "'", object);
  if (array.ndim() < 1)
    throw ArgumentError("column '" + name + "' must have one row a sample, got a single value.");
  RowColumn column;
  column.name = name;
  column.dtype = dtype_from_python(array.dtype());
  column.rows = static_cast<int64_t>(array.shape(0));
  for (size_t axis = 1; axis < array.ndim(); ++axis)
    column.row_shape.push_back(static_cast<int64_t>(array.shape(axis)));
  column.data = static_cast<const uint8_t*>(array.data());
  column.owner = keep_alive(nb::cast(array));
  source.add_column(std::move(column));
}

ImageShape shape_of_arrays(const AnyArray& array) {
  if (array.ndim() != 3 && array.ndim() != 4) {
    throw ArgumentError("arrays: images must have the axes sample, height, width and channels, got " +
                        std::to_string(array.ndim()) + " axes.");
  }
  for (size_t axis = 1; axis < array.ndim(); ++axis) {
    if (array.shape(axis) < 1 || array.shape(axis) > 65500) {
      throw ArgumentError("arrays: every side must be 1 to 65500, got " + std::to_string(array.shape(axis)) +
                          ".");
    }
  }
  const int channels = array.ndim() == 4 ? static_cast<int>(array.shape(3)) : 1;
  if (channels > 64) {
    throw ArgumentError("arrays: at most 64 channels, got " + std::to_string(channels) +
                        "; channels come last.");
  }
  return {static_cast<int>(array.shape(1)), static_cast<int>(array.shape(2)), channels,
          dtype_from_python(array.dtype())};
}

std::shared_ptr<ArraysSource> make_arrays(const nb::object& object) {
  const AnyArray array = array_from_python("arrays: images", object);
  const ImageShape shape = shape_of_arrays(array);
  return std::make_shared<ArraysSource>(static_cast<const uint8_t*>(array.data()),
                                        static_cast<int64_t>(array.shape(0)), shape,
                                        keep_alive(nb::cast(array)));
}

FieldKind field_kind(const std::string& kind) {
  if (kind == "image") return FieldKind::kImage;
  if (kind == "mask") return FieldKind::kMask;
  throw ArgumentError("field: kind must be 'image' or 'mask', got '" + kind + "'.");
}

void add_array_field(ArraysSource& source, const std::string& name, const std::string& kind,
                     const nb::object& object) {
  const AnyArray array = array_from_python("arrays: field '" + name + "'", object);
  const ImageShape shape = shape_of_arrays(array);
  if (static_cast<int64_t>(array.shape(0)) != source.size().value_or(0)) {
    throw ArgumentError("arrays: field '" + name + "' has " + std::to_string(array.shape(0)) +
                        " images for " + std::to_string(source.size().value_or(0)) +
                        " samples; give one a sample.");
  }
  source.add_field({name, field_kind(kind)}, static_cast<const uint8_t*>(array.data()), shape,
                   keep_alive(nb::cast(array)));
}

using Doubles = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Integers = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void add_ragged(Source& source, const std::string& name, const std::string& kind, const Doubles& values,
                const Integers& starts, const std::string& format, bool is_double) {
  RaggedColumn column;
  column.name = name;
  column.format = format;
  column.is_double = is_double;
  column.width = static_cast<int>(values.shape(1));
  column.kind = kind == "boxes" ? FieldKind::kBoxes : FieldKind::kKeypoints;
  if (kind != "boxes" && kind != "keypoints")
    throw ArgumentError("column '" + name + "': kind must be 'boxes' or 'keypoints', got '" + kind + "'.");
  if (values.shape(1) < 2 || values.shape(1) > 4)
    throw ArgumentError("column '" + name + "': a row must have 2 to 4 numbers, got " +
                        std::to_string(values.shape(1)) + ".");
  if (starts.shape(0) < 1 || starts.data()[starts.shape(0) - 1] != static_cast<int64_t>(values.shape(0)))
    throw ArgumentError("column '" + name + "': the last start must be the number of rows.");
  column.values = values.data();
  column.starts = starts.data();
  column.samples = static_cast<int64_t>(starts.shape(0)) - 1;
  column.owner = keep_alive(nb::make_tuple(nb::cast(values), nb::cast(starts)));
  source.add_ragged_column(std::move(column));
}

}  // namespace

void bind_sources(nb::module_& module) {
  nb::class_<Source>(module, "Source")
      .def("__len__", [](const Source& source) { return source.size().value_or(0); })
      .def("path",
           [](const Source& source, int64_t index) {
             if (index < 0 || index >= source.size().value_or(0))
               throw nb::index_error("sample index out of range");
             return text_to_python(source.path(index));
           })
      .def("add_column", &add_column, nb::arg("name"), nb::arg("rows"),
           "Adds one value a sample; `rows` is a C-contiguous array whose first axis is the sample.")
      .def("add_ragged", &add_ragged, nb::arg("name"), nb::arg("kind"), nb::arg("values"), nb::arg("starts"),
           nb::arg("format") = "", nb::arg("is_double") = false,
           "Adds boxes or keypoints: float64 (rows, 2 to 4), int64 with the first row of each sample and the "
           "number of rows, and whether Albumentations would have them as float64.")
      .def_prop_ro(
          "fields",
          [](const Source& source) {
            nb::list fields;
            for (const Field& field : source.fields())
              fields.append(nb::make_tuple(field.name, field.kind == FieldKind::kMask ? "mask" : "image"));
            return fields;
          })
      .def_prop_ro("ragged_names", [](const Source& source) {
        std::vector<std::string> names;
        for (const RaggedColumn& column : source.ragged_columns()) names.push_back(column.name);
        return names;
      });
  nb::class_<FilesSource, Source>(module, "FilesSource")
      .def(
          "__init__",
          [](FilesSource* self, const nb::iterable& paths, nb::handle root) {
            std::vector<std::string> list;
            for (const nb::handle path : paths) list.push_back(path_from_python(path));
            new (self) FilesSource(list, root.is_none() ? std::string() : path_from_python(root));
          },
          nb::arg("paths"), nb::arg("root") = nb::none())
      .def(
          "add_field",
          [](FilesSource& source, const std::string& name, const std::string& kind,
             const nb::iterable& paths) {
            std::vector<std::string> list;
            for (const nb::handle path : paths) list.push_back(path_from_python(path));
            source.add_field({name, field_kind(kind)}, list);
          },
          nb::arg("name"), nb::arg("kind"), nb::arg("paths"), "Further files of each sample.");
  nb::class_<ArraysSource, Source>(module, "ArraysSource")
      .def(nb::new_(&make_arrays), nb::arg("images"))
      .def("add_field", &add_array_field, nb::arg("name"), nb::arg("kind"), nb::arg("images"),
           "Further arrays of as many samples.");
  module.def(
      "list_folder",
      [](nb::handle root, const std::vector<std::string>& extensions) {
        const std::string folder = path_from_python(root);
        FolderListing listing;
        {
          const nb::gil_scoped_release release;
          listing = list_folder(folder, extensions);
        }
        return nb::make_tuple(paths_to_python(listing.classes), paths_to_python(listing.paths),
                              listing.labels);
      },
      nb::arg("root"), nb::arg("extensions"), "(classes, paths, labels) of root/<class>/<file>.");
}

}  // namespace stoker
