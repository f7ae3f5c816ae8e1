#include "stoker/transform/group.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace stoker {

void Group::choose(Rng& rng, size_t children, std::vector<int>* taken) const {
  taken->clear();
  if (!rng.coin(p)) return;
  if (takes_all) {
    taken->resize(children);
    std::iota(taken->begin(), taken->end(), 0);
    return;
  }
  const auto count = rng.uniform_int(least, most);
  std::vector<double> left = weights.empty() ? std::vector<double>(children, 1) : weights;
  for (int64_t i = 0; i < count; ++i) {
    const double total = std::accumulate(left.begin(), left.end(), 0.0);
    if (total <= 0) break;  // children without weight are never taken
    double at = rng.uniform() * total;
    size_t child = 0;
    while (child + 1 < children && (at >= left[child] || left[child] == 0)) at -= left[child++];
    while (left[child] == 0) --child;  // rounding may step past the last one with weight
    taken->push_back(static_cast<int>(child));
    if (!may_repeat) left[child] = 0;
  }
  if (keeps_order) std::sort(taken->begin(), taken->end());
}

NamedOperator make_group(const std::string& name, const Group& group, std::vector<NamedOperator> children) {
  const auto fail = [&](const std::string& what) { throw ArgumentError(name + ": " + what); };
  const auto count = static_cast<int>(children.size());
  if (children.empty()) fail("it has no operators; give at least one.");
  if (!(group.p >= 0 && group.p <= 1))
    fail("p must be between 0 and 1, got " + to_json(Value(group.p)) + ".");
  if (!group.takes_all) {
    const int most = group.may_repeat ? kMaxTaken : std::min(count, 4096);
    if (group.least < 0 || group.least > group.most || group.most > most) {
      fail("the number of operators taken must be between 0 and " + std::to_string(most) + ", got " +
           std::to_string(group.least) + " to " + std::to_string(group.most) + ".");
    }
  }
  if (!group.weights.empty()) {
    if (group.weights.size() != children.size()) {
      fail("there are " + std::to_string(group.weights.size()) + " weights for " + std::to_string(count) +
           " operators; give one an operator.");
    }
    double total = 0;
    for (const double weight : group.weights) {
      if (!(weight >= 0 && std::isfinite(weight))) fail("weights must be 0 or more.");
      total += weight;
    }
    if (!(total > 0 && std::isfinite(total))) fail("at least one weight must be above 0.");
  }
  NamedOperator named;
  named.name = name;
  named.group = std::make_shared<Group>(group);
  named.children = std::move(children);
  return named;
}

}  // namespace stoker
