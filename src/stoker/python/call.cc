// Operators called on arrays, for transforms inside anyone's own dataset. Has no thread and no lock: what
// calls share is touched under the GIL alone, so that a fork never finds it locked.

#include "stoker/run/call.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/unique_ptr.h>

#include <algorithm>

#include "stoker/python/module.h"
#include "stoker/python/options.h"
#include "stoker/transform/box_rules.h"
#include "stoker/transform/single.h"

namespace stoker {
namespace {

using RowsArray = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// What is done with the rows on their way in and out.
struct RowOptions {
  BoxFormat box_format = BoxFormat::kAlbumentations;
  KeypointFormat keypoint_format = KeypointFormat::kXyas;
  bool reads_formats = true;   // else rows come as the operators have them
  bool writes_formats = true;  // else they leave so
};

class PythonCall {
 public:
  PythonCall(const std::vector<NamedOperator>& operators, const std::string& dtype, int channels,
             size_t box_columns, size_t keypoint_columns, nb::dict given)
      : box_columns_(box_columns), keypoint_columns_(keypoint_columns) {
    rows_.box_format = box_format_from_name(take<std::string>(given, "box_format", "albumentations"));
    rows_.keypoint_format = keypoint_format_from_name(take<std::string>(given, "keypoint_format", "xyas"));
    rows_.reads_formats = take<bool>(given, "reads_formats", true);
    rows_.writes_formats = take<bool>(given, "writes_formats", true);
    const PlanOptions options = take_plan_options(given);
    if (given.size() > 0)
      throw ArgumentTypeError("call: unknown option " + nb::cast<std::string>(nb::repr(given.keys())) + ".");
    if (channels < 1 || channels > 64)
      throw ArgumentError("call: channels must be 1 to 64, got " + std::to_string(channels) + ".");
    plan_ = std::make_shared<Plan>(
        operators, options, call_input(dtype_from_name(dtype), channels, box_columns, keypoint_columns));
    plan_->refuse_islands("call");
  }

  PythonCall(const PythonCall&) = delete;
  PythonCall& operator=(const PythonCall&) = delete;

  nb::tuple run(const nb::list& fields, const nb::list& boxes, const nb::list& keypoints, uint64_t seed,
                uint64_t index) {
    if (boxes.size() != box_columns_ || keypoints.size() != keypoint_columns_)
      throw ArgumentError("call: the numbers of box and keypoint columns are not those it was made for.");
    CallInput input;
    std::vector<AnyArray> alive;
    read_fields(fields, &input, &alive);
    const int height = input.fields[0].pixels.height();
    const int width = input.fields[0].pixels.width();
    for (const nb::handle each : boxes) input.boxes.push_back(read_boxes(each, height, width));
    for (const nb::handle each : keypoints) input.keypoints.push_back(read_keypoints(each, height, width));
    CallOutput output;
    std::unique_ptr<Call> call = take_idle();
    Failure failure;
    {
      const nb::gil_scoped_release release;
      failure = call->run(input, SampleKey{seed, 0, index, 0, 0}, &output);
    }
    idle_.push_back(std::move(call));
    if (failure)
      throw BadSamples("stoker.compile, call " + std::to_string(index) + ": " + failure->message(),
                       {*failure});
    return nb::make_tuple(write_fields(input, output), write_boxes(output), write_keypoints(output));
  }

  std::string dtype() const { return std::string(name_of(plan_->dtype())); }
  std::string explain() const { return plan_->explain(); }

 private:
  std::unique_ptr<Call> take_idle() {
    if (idle_.empty()) return std::make_unique<Call>(plan_, box_columns_, keypoint_columns_);
    std::unique_ptr<Call> call = std::move(idle_.back());
    idle_.pop_back();
    return call;
  }

  void read_fields(const nb::list& fields, CallInput* input, std::vector<AnyArray>* alive) const {
    if (fields.size() == 0) throw ArgumentError("call: there is no image.");
    for (const nb::handle each : fields) {
      const auto pair = nb::cast<std::pair<bool, nb::object>>(each);
      const FieldKind kind = pair.first ? FieldKind::kMask : FieldKind::kImage;
      alive->push_back(array_from_python(pair.first ? "mask" : "image", pair.second));
      input->fields.push_back({kind, image_from_python(alive->back())});
      const ImageShape& first = input->fields[0].pixels.shape;
      const ImageShape& shape = input->fields.back().pixels.shape;
      if (kind == FieldKind::kImage && (shape.dtype != first.dtype || shape.channels != first.channels)) {
        throw ArgumentError("call: a further image is " + std::to_string(shape.channels) + " x " +
                            std::string(name_of(shape.dtype)) + ", the image is " +
                            std::to_string(first.channels) + " x " + std::string(name_of(first.dtype)) +
                            "; channels and dtype must be the same.");
      }
    }
  }

  static std::pair<RowsArray, bool> rows_of(nb::handle object) {
    return nb::cast<std::pair<RowsArray, bool>>(object);
  }

  std::vector<Box> read_boxes(nb::handle object, int height, int width) const {
    const auto [array, is_double] = rows_of(object);
    if (array.shape(1) != 4) throw ArgumentError("boxes: a row must have 4 numbers.");
    std::vector<BoxNumbers> numbers(array.shape(0));
    for (size_t i = 0; i < numbers.size(); ++i) std::copy_n(array.data() + 4 * i, 4, numbers[i].values);
    const BoxFormat format = rows_.reads_formats ? rows_.box_format : BoxFormat::kAlbumentations;
    std::vector<Box> boxes = boxes_from(format, numbers, height, width, is_double);
    if (!rows_.reads_formats) return boxes;
    if (plan_->options().clips_boxes) clip_to_image(boxes);
    if (plan_->options().drops_invalid_boxes) filter_boxes({}, height, width, boxes);
    if (const auto problem = problem_of(boxes)) throw ArgumentError("boxes: " + *problem + ".");
    return boxes;
  }

  std::vector<Keypoint> read_keypoints(nb::handle object, int height, int width) const {
    const auto [array, is_double] = rows_of(object);
    const size_t width_of_row = rows_.reads_formats ? number_count(rows_.keypoint_format) : 4;
    if (array.shape(1) != width_of_row)
      throw ArgumentError("keypoints: a row must have " + std::to_string(width_of_row) + " numbers.");
    std::vector<Keypoint> points;
    if (!rows_.reads_formats) {
      for (size_t i = 0; i < array.shape(0); ++i) {
        const double* row = array.data() + 4 * i;
        points.push_back({row[0], row[1], row[2], row[3], static_cast<int32_t>(i), !is_double});
      }
      return points;
    }
    std::vector<std::vector<double>> numbers;
    for (size_t i = 0; i < array.shape(0); ++i) {
      const double* row = array.data() + width_of_row * i;
      numbers.emplace_back(row, row + width_of_row);
    }
    points = keypoints_from(rows_.keypoint_format, numbers, plan_->options().angle_in_degrees, is_double);
    check(points, height, width);
    return points;
  }

  void check(const std::vector<Keypoint>& points, int height, int width) const {
    if (!plan_->options().removes_invisible) return;
    if (const auto problem = problem_of(points, height, width))
      throw ArgumentError("keypoints: " + *problem + ".");
  }

  nb::list write_fields(const CallInput& input, const CallOutput& output) const {
    nb::list out;
    for (size_t i = 0; i < output.fields.size(); ++i) {
      const ListedImage& image = output.fields[i];
      const bool is_mask = input.fields[i].kind == FieldKind::kMask;
      out.append(array_over(image.data,
                            axes_of(image.shape, is_mask ? Layout::kHwc : plan_->options().layout),
                            image.shape.dtype));
    }
    return out;
  }

  // (values, row of each, whether the library's array would be float64) of one column.
  static nb::tuple column(const std::vector<double>& values, const std::vector<int64_t>& rows, size_t width,
                          bool is_double) {
    const auto copied = [](const void* from, size_t bytes) {
      Buffer to(allocate_aligned(std::max<size_t>(1, bytes)).release(),
                [](uint8_t* memory) { AlignedFree{}(memory); });
      std::copy_n(static_cast<const uint8_t*>(from), bytes, to.get());
      return to;
    };
    const auto count = static_cast<int64_t>(rows.size());
    return nb::make_tuple(
        array_over(copied(values.data(), values.size() * sizeof(double)),
                   {count, static_cast<int64_t>(width)}, DType::kFloat64),
        array_over(copied(rows.data(), rows.size() * sizeof(int64_t)), {count}, DType::kInt64), is_double);
  }

  nb::list write_boxes(const CallOutput& output) const {
    nb::list out;
    const ImageShape& shape = output.fields[0].shape;
    for (const std::vector<Box>& boxes : output.boxes) {
      if (rows_.writes_formats) {
        if (const auto problem = problem_of(boxes)) throw ArgumentError("boxes: " + *problem + ".");
      }
      const BoxFormat format = rows_.writes_formats ? rows_.box_format : BoxFormat::kAlbumentations;
      std::vector<double> values;
      std::vector<int64_t> rows;
      for (const Box& box : boxes) {
        const BoxNumbers numbers = numbers_of(format, box, shape.height, shape.width);
        values.insert(values.end(), std::begin(numbers.values), std::end(numbers.values));
        rows.push_back(box.row);
      }
      out.append(column(values, rows, 4, !boxes.empty() && !boxes[0].is_single));
    }
    return out;
  }

  nb::list write_keypoints(const CallOutput& output) const {
    nb::list out;
    const ImageShape& shape = output.fields[0].shape;
    const size_t width = rows_.writes_formats ? number_count(rows_.keypoint_format) : 4;
    for (std::vector<Keypoint> points : output.keypoints) {
      if (rows_.writes_formats) {
        for (Keypoint& point : points) point.angle = angle_in_circle(point.angle, point.is_single);
        check(points, shape.height, shape.width);
      }
      std::vector<double> values;
      std::vector<int64_t> rows;
      for (const Keypoint& point : points) {
        const std::vector<double> numbers =
            rows_.writes_formats ? numbers_of(rows_.keypoint_format, point, plan_->options().angle_in_degrees)
                                 : std::vector<double>{point.x, point.y, point.angle, point.scale};
        values.insert(values.end(), numbers.begin(), numbers.end());
        rows.push_back(point.row);
      }
      out.append(column(values, rows, width, !points.empty() && !points[0].is_single));
    }
    return out;
  }

  size_t box_columns_;
  size_t keypoint_columns_;
  RowOptions rows_;
  std::shared_ptr<const Plan> plan_;
  std::vector<std::unique_ptr<Call>> idle_;  // touched under the GIL
};

}  // namespace

void bind_call(nb::module_& module) {
  nb::class_<PythonCall>(module, "Call", "Operators on arrays of one dtype and number of channels.")
      .def(nb::new_([](const std::vector<NamedOperator>& operators, const std::string& dtype, int channels,
                       size_t boxes, size_t keypoints, const nb::kwargs& options) {
             return std::make_unique<PythonCall>(operators, dtype, channels, boxes, keypoints,
                                                 nb::cast<nb::dict>(options.attr("copy")()));
           }),
           nb::arg("operators"), nb::arg("image_dtype"), nb::arg("channels"), nb::arg("boxes") = 0,
           nb::arg("keypoints") = 0, nb::arg("options"))
      .def("run", &PythonCall::run, nb::arg("fields"), nb::arg("boxes"), nb::arg("keypoints"),
           nb::arg("seed"), nb::arg("index"),
           "Fields are (is a mask, array H x W x C), the image first; boxes and keypoints (float64 rows, "
           "whether they are float64 to the library). Gives arrays, and (rows, row in the input, is "
           "float64) of each column.")
      .def_prop_ro("dtype", &PythonCall::dtype, "Of the images afterwards.")
      .def("explain", &PythonCall::explain);
}

}  // namespace stoker
