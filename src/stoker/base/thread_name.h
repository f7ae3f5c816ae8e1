// Names of threads, as top, debuggers and profilers show them.
#pragma once

namespace stoker {

inline constexpr char kCpuThreadName[] = "stoker-cpu";
inline constexpr char kIoThreadName[] = "stoker-io";

// Names the calling thread; at most 15 characters. Where the system refuses, nothing changes.
void name_thread(const char* name);

}  // namespace stoker
