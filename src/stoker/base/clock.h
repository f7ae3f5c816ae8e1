// Clocks for counters and deadlines.
#pragma once

#include <cstdint>

namespace stoker {

// Monotonic, for deadlines and waits.
int64_t wall_ns();

// CPU time of the calling thread; a system call of some 200 ns, so read once a step, not once a row.
int64_t thread_cpu_ns();

}  // namespace stoker
