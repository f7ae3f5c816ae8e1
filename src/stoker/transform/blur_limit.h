// The odd kernel size that most blurs draw.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "stoker/transform/operator.h"

namespace stoker {

// A parameter "blur_limit": odd sizes between two numbers, all equally likely.
class BlurLimit {
 public:
  explicit BlurLimit(int max_px) : max_px_(max_px) {}

  void visit(ParameterVisitor& visitor) {
    visitor.numbers("blur_limit", limits_, 1, 2, 3, max_px_, "pixels",
                    "Least and greatest side of the kernel, odd; one number k means (3, k).");
  }

  void check(const std::string& op) {
    if (limits_.size() == 1) limits_ = {3, limits_[0]};
    const auto is_odd = [](double number) { return std::fmod(number, 2) == 1; };
    if (is_odd(limits_[0]) && is_odd(limits_[1]) && limits_[0] <= limits_[1]) return;
    throw ArgumentError(op + ": blur_limit must be (least, greatest), both odd whole pixels, got (" +
                        to_json(Value(limits_[0])) + ", " + to_json(Value(limits_[1])) + ").");
  }

  double draw(Rng& rng) const {
    return limits_[0] +
           2 * static_cast<double>(rng.uniform_int(0, static_cast<int64_t>(limits_[1] - limits_[0]) / 2));
  }

  // Throws for a drawn size that is no odd number of pixels up to the most allowed.
  void check_drawn(const std::string& op, double size) const {
    if (size >= 1 && size <= max_px_ && std::fmod(size, 2) == 1) return;
    throw ArgumentError(op + ": a drawn kernel_size must be an odd number of pixels from 1 to " +
                        std::to_string(max_px_) + ", got " + to_json(Value(size)) + ".");
  }

 private:
  int max_px_;
  std::vector<double> limits_ = {3, 7};
};

// Throws where a filter cannot take images of this dtype.
void check_filtered(const std::string& op, const PlannedShape& in);

}  // namespace stoker
