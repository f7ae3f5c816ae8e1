// Islands: steps that somebody else carries out, such as a Python function amid native operators.
//
// The engine knows of them no more than what they get: a sample's images and masks, boxes and keypoints as
// they are at that point, and a seed that follows from the sample and the place of the step alone. What comes
// back may have another size, dtype or number of channels; so the operators behind an island are drawn for
// once it has answered.
#pragma once

#include <memory>
#include <string>

#include "stoker/transform/operator.h"

namespace stoker {

// Who carries it out; only they know more of it.
class Island {
 public:
  virtual ~Island() = default;

  std::string label;   // what it is called in errors, counters and plans
  std::string source;  // who it is in states: the same text in every process
  // Which of a sample's targets it is given; the others pass it by unchanged.
  bool takes_masks = true;
  bool takes_rows = false;  // boxes and keypoints
};

// An island as an element of a pipeline, called with probability `p`. Throws ArgumentError.
NamedOperator make_island(std::shared_ptr<const Island> island, double p);

// The island that an operator stands for; null for all others.
const Island* island_of(const Operator& op);

// The seed in the draw of an island.
uint64_t island_seed(const Draw& draw);

}  // namespace stoker
