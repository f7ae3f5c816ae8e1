// Formats of boxes and keypoints, and what is dropped after every step, with the roundings of Albumentations
// 2.0.8 (BboxParams, KeypointParams).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stoker/base/boxes.h"

namespace stoker {

enum class BoxFormat : uint8_t {
  kAlbumentations,  // x_min, y_min, x_max, y_max in shares of the sides
  kPascalVoc,       // the same in pixels
  kCoco,            // x_min, y_min, width, height in pixels
  kYolo,            // centre x, centre y, width, height in shares
};

// Throws ArgumentError for another name than "albumentations", "pascal_voc", "coco", "yolo".
BoxFormat box_format_from_name(std::string_view name);

// Which boxes stay.
struct BoxRules {
  double min_area = 0;                     // pixels
  double min_visibility = 0;               // area after clipping / area before, of this step alone
  double min_width = 0;                    // pixels
  double min_height = 0;                   // pixels
  std::optional<double> max_accept_ratio;  // the longer side / the shorter one
};

// Four numbers of a format.
struct BoxNumbers {
  double values[4] = {0, 0, 0, 0};
};

// Boxes of an image of height x width, row i from numbers[i]. `is_double` says that the numbers were float64
// in an array; it matters for kAlbumentations, which keeps them.
std::vector<Box> boxes_from(BoxFormat format, const std::vector<BoxNumbers>& numbers, int height, int width,
                            bool is_double);
BoxNumbers numbers_of(BoxFormat format, const Box& box, int height, int width);

// What BboxParams(clip=True) does to boxes as they come: each edge into the image.
void clip_to_image(std::vector<Box>& boxes);

// What is done after every step, and once more at the end: clips to the image and drops.
void filter_boxes(const BoxRules& rules, int height, int width, std::vector<Box>& boxes);

// What is wrong with the first box that cannot be taken or given back (outside the image by more than the
// library's slack, or without area); nothing when all are right.
std::optional<std::string> problem_of(const std::vector<Box>& boxes);

enum class KeypointFormat : uint8_t { kXy, kYx, kXya, kXys, kXyas, kXysa };

// Throws ArgumentError for another name than "xy", "yx", "xya", "xys", "xyas", "xysa".
KeypointFormat keypoint_format_from_name(std::string_view name);

// Numbers of a keypoint: 2, 3 or 4.
size_t number_count(KeypointFormat format);

// Row i from rows[i], of number_count(format) numbers. `is_double` says that the library's array is float64
// (a float64 array that came with labels); it begins with float32 values even then.
std::vector<Keypoint> keypoints_from(KeypointFormat format, const std::vector<std::vector<double>>& rows,
                                     bool angle_in_degrees, bool is_double);
std::vector<double> numbers_of(KeypointFormat format, const Keypoint& point, bool angle_in_degrees);

// Drops what lies outside [0, width) x [0, height), as remove_invisible=True.
void filter_keypoints(int height, int width, std::vector<Keypoint>& keypoints);

// What is wrong with the first keypoint outside the image or with an angle outside [0, 2 pi); asked only with
// remove_invisible=True.
std::optional<std::string> problem_of(const std::vector<Keypoint>& keypoints, int height, int width);

}  // namespace stoker
