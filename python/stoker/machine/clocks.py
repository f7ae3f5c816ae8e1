"""Clocks that Python lacks: what threads and processes had of the cores, and what they waited for one."""

from __future__ import annotations

import os
import resource
import threading


def wait_for_core_ns() -> int:
    """What this thread has waited on a run queue, in all; 0 where the system does not say."""
    mine: _OwnStatistics | None = getattr(_of_thread, "statistics", None)
    if mine is None or mine.process != os.getpid():  # what a forked process inherits tells of its parent
        mine = _of_thread.statistics = _OwnStatistics()
    return mine.queued_ns()


class _OwnStatistics:
    """The kernel's statistics of the thread that makes this, kept open, so that reading them is cheap."""

    def __init__(self) -> None:
        self.process = os.getpid()
        try:
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1

    def queued_ns(self) -> int:
        try:
            return int(os.pread(self._file, 96, 0).split()[1])
        except (OSError, IndexError, ValueError):
            return 0

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)


_of_thread = threading.local()


def waited_for_cores_s() -> dict[str, float]:
    """Seconds in which threads that live now were ready to run while others, of this process or not, had the
    cores: by "stoker-cpu" and "stoker-io", the engine's threads, and "" for all else. Empty where the kernel
    does not count them."""
    waited: dict[str, float] = {}
    try:
        tasks = os.listdir("/proc/self/task")
    except OSError:
        return waited
    for task in tasks:
        try:
            with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
        except OSError:  # a thread that ended just now
            continue
        name = name if name in ("stoker-cpu", "stoker-io") else ""
        waited[name] = waited.get(name, 0.0) + _queued_ns(f"/proc/self/task/{task}/schedstat") / 1e9
    return waited


def queued_ns_of_engine() -> int:
    """What the engine's CPU threads that live now have waited for a core, added up."""
    return int(waited_for_cores_s().get("stoker-cpu", 0.0) * 1e9)


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def cpu_ns_of_process(pid: int) -> int:
    """CPU time of all threads of another process so far, to within 10 ms; 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))
    except (OSError, IndexError, ValueError):
        return 0


def _queued_ns(schedstat: str) -> int:
    try:
        with open(schedstat, "rb", buffering=0) as file:
            return int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
