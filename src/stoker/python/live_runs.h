// The runs, measurements and packings that still exist when the interpreter ends.
//
// Note [exit]
// A daemon thread that comes back for the GIL while the interpreter is being taken down is ended by
// pthread_exit, whose unwinding no C++ frame survives. So atexit closes all of them while Python still works,
// and threads that are inside one sleep from then on, as those of Python 3.14 do.
#pragma once

#include <memory>

#include "stoker/pack/packing.h"
#include "stoker/run/gather_run.h"
#include "stoker/run/measurement.h"
#include "stoker/run/run.h"

namespace stoker {

void close_at_exit(const std::shared_ptr<Run>& run);
void close_at_exit(const std::shared_ptr<GatherRun>& run);
void close_at_exit(const std::shared_ptr<Measurement>& measurement);
void close_at_exit(const std::shared_ptr<Packing>& packing);

// For atexit, with the GIL held.
void close_live_runs();

// Lives while a Python thread waits inside one of them.
class InsideRun {
 public:
  InsideRun();
  ~InsideRun();
  InsideRun(const InsideRun&) = delete;
  InsideRun& operator=(const InsideRun&) = delete;
  // Called without the GIL; does not return once the interpreter is ending.
  void stay_if_ending();
};

}  // namespace stoker
