#include "stoker/python/options.h"

namespace stoker {

double take_number(nb::dict& given, const char* name, double fallback) {
  if (!given.contains(name)) return fallback;
  const nb::object object = given[name];
  nb::del(given[name]);
  const Value value = value_from_python(name, object);
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  throw ArgumentTypeError(std::string(name) + " must be a number, got " +
                          nb::cast<std::string>(nb::repr(object)) + ".");
}

PlanOptions take_plan_options(nb::dict& given) {
  PlanOptions options;
  options.dtype = take_choice<std::optional<DType>>(given, "dtype",
                                                    {{"auto", std::nullopt},
                                                     {"uint8", DType::kUint8},
                                                     {"uint16", DType::kUint16},
                                                     {"float16", DType::kFloat16},
                                                     {"bfloat16", DType::kBfloat16},
                                                     {"float32", DType::kFloat32}});
  options.image_dtype = take_choice<DType>(given, "image_dtype",
                                           {{"uint8", DType::kUint8},
                                            {"uint16", DType::kUint16},
                                            {"int16", DType::kInt16},
                                            {"int32", DType::kInt32},
                                            {"float32", DType::kFloat32}});
  options.decode.keep_wide = options.image_dtype != DType::kUint8;
  options.layout = take_choice<Layout>(given, "layout", {{"chw", Layout::kChw}, {"hwc", Layout::kHwc}});
  options.decode.color = take_choice<Color>(
      given, "color",
      {{"rgb", Color::kRgb}, {"bgr", Color::kBgr}, {"gray", Color::kGray}, {"unchanged", Color::kUnchanged}});
  options.decode.only_libjpeg_turbo =
      take_choice<bool>(given, "decoder", {{"auto", false}, {"libjpeg-turbo", true}});
  options.decode.apply_exif_orientation =
      take_choice<bool>(given, "exif", {{"ignore", false}, {"apply", true}});
  options.decode.rule = take_choice<ConversionRule>(
      given, "conversion", {{"rounded", ConversionRule::kRounded}, {"pillow", ConversionRule::kPillow}});
  options.box_rules.min_area = take_number(given, "min_area", 0);
  options.box_rules.min_visibility = take_number(given, "min_visibility", 0);
  options.box_rules.min_width = take_number(given, "min_width", 0);
  options.box_rules.min_height = take_number(given, "min_height", 0);
  if (given.contains("max_accept_ratio"))
    options.box_rules.max_accept_ratio = take_number(given, "max_accept_ratio", 0);
  options.clips_boxes = take<bool>(given, "clips_boxes", false);
  options.drops_invalid_boxes = take<bool>(given, "drops_invalid_boxes", false);
  const std::vector<std::pair<std::string, RowChecks>> checks = {{"each", RowChecks::kEach},
                                                                 {"each but end", RowChecks::kEachButEnd},
                                                                 {"end", RowChecks::kEnd},
                                                                 {"none", RowChecks::kNone}};
  options.box_checks = take_choice<RowChecks>(given, "checks_boxes", checks);
  options.keypoint_checks = take_choice<RowChecks>(given, "checks_keypoints", checks);
  options.checks_first = take<bool>(given, "checks_first", false);
  options.removes_invisible = take<bool>(given, "removes_invisible", true);
  options.angle_in_degrees = take<bool>(given, "angle_in_degrees", false);
  options.checks_results = take<bool>(given, "checks_results", false);
  return options;
}

}  // namespace stoker
