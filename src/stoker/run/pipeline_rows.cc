// Boxes and keypoints of one sample, through the operators that its image went through.
#include <algorithm>

#include "stoker/run/pipeline.h"
#include "stoker/transform/island.h"
#include "stoker/transform/single.h"

namespace stoker {

// How often rows are checked before a step that moves them, or at the end, where `counted` checks have come
// up. A check clips, and a second one drops what the first has left without area; a third changes nothing.
int Pipeline::checks_due(int counted, RowChecks checks, bool is_end) {
  if (is_end && checks == RowChecks::kEach) ++counted;
  if (checks == RowChecks::kEach || checks == RowChecks::kEachButEnd) return std::min(counted, 2);
  return is_end && checks == RowChecks::kEnd ? 1 : 0;
}

SampleError Pipeline::refused_row(size_t column, const std::string& found, const std::string& hint) const {
  return {.code = SampleErrorCode::kShape,
          .step = source_.ragged_columns()[column].name,
          .found = found,
          .hint = hint};
}

// Boxes go through every step of their own, with the clipping and filtering between steps that is part of
// what the steps mean; they cost little.
Failure Pipeline::read_boxes(size_t column, int64_t index, uint32_t epoch) {
  const PlanOptions& options = plan_.options();
  const RaggedRows rows = source_.ragged_rows(column, index, epoch);
  std::vector<BoxNumbers> numbers(rows.values.size() / 4);
  for (size_t i = 0; i < rows.values.size(); ++i) numbers[i / 4].values[i % 4] = rows.values[i];
  std::vector<Box> boxes;
  if (rows.origins.empty()) {
    boxes = boxes_from(plan_.row_formats()[column].boxes, numbers, shapes_[0].height, shapes_[0].width,
                       source_.ragged_columns()[column].is_double);
    if (options.clips_boxes) clip_to_image(boxes);
    if (options.drops_invalid_boxes) filter_boxes({}, shapes_[0].height, shapes_[0].width, boxes);
    if (const auto problem = problem_of(boxes))
      return refused_row(column, *problem, "mend the boxes, or have them clipped");
  } else {  // packed on the way through the operators, as they were
    for (size_t i = 0; i < numbers.size(); ++i) {
      const auto& [x_min, y_min, x_max, y_max] = numbers[i].values;
      boxes.push_back({x_min, y_min, x_max, y_max, rows.origins[i].row, rows.origins[i].is_single});
    }
  }
  rows_[column].boxes = std::move(boxes);
  rows_[column].counted = 0;
  return std::nullopt;
}

Failure Pipeline::run_boxes(size_t column, SampleSink& sink) {
  const PlanOptions& options = plan_.options();
  std::vector<Box>& boxes = rows_[column].boxes;
  int& counted = rows_[column].counted;
  for (size_t place = 0; place <= steps_.size(); ++place) {
    const bool is_end = place == steps_.size();
    counted += checks_[place];
    if (is_end ? passes_island() : !step(place).op->moves_pixels()) continue;
    for (int due = checks_due(counted, options.box_checks, is_end && !is_at_island_); due > 0; --due)
      filter_boxes(options.box_rules, shapes_[place].height, shapes_[place].width, boxes);
    counted = 0;
    if (!is_end) step(place).op->move_boxes(draws_[place], shapes_[place], boxes);
  }
  if (is_at_island_) return std::nullopt;
  if (options.checks_results) {
    if (const auto problem = problem_of(boxes))
      return refused_row(column, *problem + ", after the operators", "set min_area or min_width above 0");
  }
  sink.take_boxes(column, boxes);
  return std::nullopt;
}

Failure Pipeline::read_keypoints(size_t column, int64_t index, uint32_t epoch) {
  const PlanOptions& options = plan_.options();
  const RaggedRows rows = source_.ragged_rows(column, index, epoch);
  std::vector<Keypoint> points;
  if (rows.origins.empty()) {
    const auto width = static_cast<size_t>(source_.ragged_columns()[column].width);
    std::vector<std::vector<double>> numbers;
    for (size_t i = 0; i < rows.values.size(); i += width) {
      const std::span<const double> row = rows.values.subspan(i, width);
      numbers.emplace_back(row.begin(), row.end());
    }
    points = keypoints_from(plan_.row_formats()[column].keypoints, numbers, options.angle_in_degrees,
                            source_.ragged_columns()[column].is_double);
    if (options.removes_invisible) {
      if (const auto problem = problem_of(points, shapes_[0].height, shapes_[0].width))
        return refused_row(column, *problem, "mend the keypoints, or keep invisible ones");
    }
  } else {
    for (size_t i = 0; i < rows.origins.size(); ++i) {
      const std::span<const double> row = rows.values.subspan(4 * i, 4);
      points.push_back({row[0], row[1], row[2], row[3], rows.origins[i].row, rows.origins[i].is_single});
    }
  }
  rows_[column].keypoints = std::move(points);
  rows_[column].counted = 0;
  return std::nullopt;
}

Failure Pipeline::run_keypoints(size_t column, SampleSink& sink) {
  const PlanOptions& options = plan_.options();
  std::vector<Keypoint>& points = rows_[column].keypoints;
  int& counted = rows_[column].counted;
  for (size_t place = 0; place <= steps_.size(); ++place) {
    const bool is_end = place == steps_.size();
    counted += checks_[place];
    if (is_end ? passes_island() : !step(place).op->moves_pixels()) continue;
    if (options.removes_invisible &&
        checks_due(counted, options.keypoint_checks, is_end && !is_at_island_) > 0)
      filter_keypoints(shapes_[place].height, shapes_[place].width, points);
    counted = 0;
    if (!is_end) step(place).op->move_keypoints(draws_[place], shapes_[place], points);
  }
  if (is_at_island_) return std::nullopt;
  if (options.checks_results && options.removes_invisible) {
    for (Keypoint& point : points) point.angle = angle_in_circle(point.angle, point.is_single);
    if (const auto problem = problem_of(points, shapes_[steps_.size()].height, shapes_[steps_.size()].width))
      return refused_row(column, *problem + ", after the operators", "keep invisible ones");
  }
  sink.take_keypoints(column, points);
  return std::nullopt;
}

// Whether rows come by an island that is not given them.
bool Pipeline::passes_island() const {
  return is_at_island_ && !island_of(*plan_.operators()[island_.number]->op)->takes_rows;
}

}  // namespace stoker
