// Islands whose work is a Python object's: how they are made, and who serves them.
#pragma once

#include <memory>

#include "stoker/python/convert.h"
#include "stoker/run/island_desk.h"
#include "stoker/run/plan.h"

namespace stoker {

// The desk of a new run. With `serves_here` Python is entered on the thread that calls next().
std::shared_ptr<IslandDesk> make_island_desk(const Plan& plan, bool serves_here);

// Starts Python's threads for `desk`, once; the GIL is held.
void start_serving(const std::shared_ptr<IslandDesk>& desk, int threads);

// What pickle needs to make an island again.
nb::tuple reduce_island(const NamedOperator& named);

}  // namespace stoker
