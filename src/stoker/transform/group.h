// Operators that stand together: all of them, or some, chosen anew for every sample.
#pragma once

#include <vector>

#include "stoker/base/random.h"
#include "stoker/transform/operator.h"

namespace stoker {

// How the children of a group are taken. Draws: the coin, how many, which.
struct Group {
  double p = 1;           // that any child is taken at all
  bool takes_all = true;  // every child, in the written order; of what follows only is_one_step is looked at
  int least = 1;          // children taken, at least
  int most = 1;           // and at most
  bool may_repeat = false;      // a child may be taken more than once
  bool keeps_order = true;      // children taken run in the written order
  bool is_one_step = false;     // boxes and keypoints are checked after it, and not between its children
  std::vector<double> weights;  // one a child; empty: all are as likely

  // Numbers of the children taken, in the order in which they run.
  void choose(Rng& rng, size_t children, std::vector<int>* taken) const;
};

inline constexpr int kMaxTaken = 16;

// A group as an element of a pipeline; `name` is what it is called in messages: "sequence", "one_of",
// "some_of", "random_order". Throws ArgumentError.
NamedOperator make_group(const std::string& name, const Group& group, std::vector<NamedOperator> children);

}  // namespace stoker
