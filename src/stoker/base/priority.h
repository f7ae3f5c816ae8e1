// Threads that prepare data give way to the thread that trains.
#pragma once

namespace stoker {

// Makes the calling thread, and no other, nicer by 5 than it was. Where the system refuses, nothing changes.
void lower_thread_priority();

}  // namespace stoker
