// Finished batches mixed in place, without the GIL.

#include "stoker/batch/mix.h"

#include <nanobind/stl/array.h>

#include <algorithm>

#include "stoker/python/module.h"

namespace stoker {
namespace {

// Of any dtype that DLPack knows, bfloat16 too. Never a copy: what is written must be the caller's memory.
using Batched = nb::ndarray<nb::c_contig, nb::device::cpu>;

// Far above every number of classes, and far below where sizes overflow.
constexpr size_t kMaxClasses = size_t{1} << 31;

size_t row_values(const Batched& array) {
  if (array.ndim() < 1) throw ArgumentError("mix: an array must have one row a sample, got a single value.");
  size_t values = 1;
  for (size_t axis = 1; axis < array.ndim(); ++axis) values *= array.shape(axis);
  return values;
}

void mix_up_array(const Batched& images, double own_share) {
  const DType dtype = dtype_from_python(images.dtype());
  const size_t values = row_values(images);
  const nb::gil_scoped_release release;
  mix_up(dtype, static_cast<uint8_t*>(images.data()), images.shape(0), values, own_share);
}

void cut_mix_array(const Batched& images, bool is_chw, const std::array<size_t, 4>& box) {
  if (images.ndim() != 4) {
    throw ArgumentError("CutMix: images must have four axes, the batch first, got " +
                        std::to_string(images.ndim()) + ".");
  }
  const size_t height = images.shape(is_chw ? 2 : 1);
  const size_t width = images.shape(is_chw ? 3 : 2);
  const auto [x1, y1, x2, y2] = box;
  if (x1 > x2 || x2 > width || y1 > y2 || y2 > height) {
    throw ArgumentError("CutMix: the rectangle x1, y1, x2, y2 = " + std::to_string(x1) + ", " +
                        std::to_string(y1) + ", " + std::to_string(x2) + ", " + std::to_string(y2) +
                        " must lie in images of " + std::to_string(width) + " x " + std::to_string(height) +
                        " pixels.");
  }
  const size_t pixel_bytes = images.itemsize() * (is_chw ? 1 : images.shape(3));
  const MixRectangle rectangle{
      is_chw ? images.shape(1) : 1, height, width * pixel_bytes, y1, y2, x1 * pixel_bytes, x2 * pixel_bytes};
  const nb::gil_scoped_release release;
  cut_mix(static_cast<uint8_t*>(images.data()), images.shape(0), rectangle);
}

nb::object mix_labels_array(const AnyArray& labels, size_t classes, double own_share) {
  if (labels.ndim() != 1 || dtype_from_python(labels.dtype()) != DType::kInt64)
    throw ArgumentError("labels must be int64 of one axis.");
  const std::span<const int64_t> numbers(static_cast<const int64_t*>(labels.data()), labels.size());
  for (const int64_t number : numbers) {
    if (number >= 0 && static_cast<uint64_t>(number) < classes) continue;
    throw ArgumentError("a label is " + std::to_string(number) +
                        ", allowed are 0 to num_classes - 1 = " + std::to_string(int64_t(classes) - 1) + ".");
  }
  if (classes > kMaxClasses) {
    throw ArgumentError("num_classes must be at most " + std::to_string(kMaxClasses) + ", got " +
                        std::to_string(classes) + ".");
  }
  const size_t count = numbers.size() * classes;
  auto* soft = new float[std::max<size_t>(count, 1)]();
  const nb::capsule owner(soft, [](void* data) noexcept { delete[] static_cast<float*>(data); });
  mix_labels(numbers, classes, own_share, soft);
  return nb::cast(nb::ndarray<nb::numpy, float, nb::ndim<2>>(soft, {numbers.size(), classes}, owner));
}

}  // namespace

void bind_mix(nb::module_& module) {
  module.def("mix_up", &mix_up_array, nb::arg("images").noconvert(), nb::arg("own_share"),
             "In place: each row own * own_share + the row before it * (1 - own_share).");
  module.def("cut_mix", &cut_mix_array, nb::arg("images").noconvert(), nb::arg("is_chw"), nb::arg("box"),
             "In place: the rectangle x1, y1, x2, y2 of each image is that of the image before it.");
  module.def("mix_labels", &mix_labels_array, nb::arg("labels"), nb::arg("classes"), nb::arg("own_share"),
             "Class numbers as float32 shares (labels, classes), mixed as by mix_up.");
}

}  // namespace stoker
