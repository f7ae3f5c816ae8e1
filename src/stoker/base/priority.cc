#include "stoker/base/priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace stoker {

// Nice 5 is a third of the weight of nice 0: a trainer that wakes runs at once, and on a core that both want
// the loader still moves. Linux keeps niceness per thread, though POSIX says per process.
void lower_thread_priority() {
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  errno = 0;
  const int now = getpriority(PRIO_PROCESS, thread);  // -1 is a priority too
  if (errno != 0) return;
  static_cast<void>(setpriority(PRIO_PROCESS, thread, std::min(19, now + 5)));
}

}  // namespace stoker
