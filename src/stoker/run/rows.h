// Which rows of raw pixels a sample needs, known before they are fetched.
#pragma once

#include <vector>

#include "stoker/base/sample.h"
#include "stoker/run/plan.h"

namespace stoker {

struct RowRange {
  int begin = 0;
  int end = 0;  // one past the last
};

// Draws what a sample's pipeline will draw again. Belongs to one thread, or to who holds its lock.
class RowsNeeded {
 public:
  explicit RowsNeeded(const Plan& plan) : plan_(plan) {}

  // Of an image of `shape`: those of a crop that comes before everything else; otherwise all.
  RowRange of(const SampleKey& key, const ImageShape& shape);

 private:
  const Plan& plan_;
  std::vector<Plan::Taken> taken_;
  Draw draw_;
};

// Limits a request for a raw image to the blocks that hold `rows`. Gives the number of its bytes that come
// before them; 0 where the request is not of blocks, which may not be read in part.
uint64_t limit_to_rows(const RowRange& rows, FetchRequest* request);

}  // namespace stoker
