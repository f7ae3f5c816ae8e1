"""How much of the work of a process is done by one thread at a time, because it needs the interpreter."""

from __future__ import annotations

import threading
import time

from stoker.machine.clocks import wait_for_core_ns

_PAUSE_S = 0.0004

# A sleep takes longer than it was asked for by about so much, with nobody else in the way.
_OVERSLEPT_S = 0.0001

# Where hardly anything is done, nothing can be said of how it is done.
_LEAST_WORK = 0.1


class GilProbe:
    """A thread that sleeps a little again and again, and in the end sees how late it was in all.

    It needs the interpreter after each sleep and does hardly anything with it, so what it took beside the
    sleeps was waiting for the interpreter, or for a core, which the system counts. Only sums are taken, and
    they are held against the work that was done meanwhile: where the cores are crowded, the interpreter is
    free most of the time because who is next has no core yet. It runs some 10 us each half millisecond, and
    is used for Python pipelines alone.
    """

    def __init__(self) -> None:
        self._late_share = 0.0
        self._work_share = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stoker-gil-probe", daemon=True)

    def __enter__(self) -> GilProbe:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        begin, queued_ns, looks = time.monotonic(), wait_for_core_ns(), 0
        cpu, work = time.thread_time(), time.process_time()
        while not self._is_over.is_set():
            time.sleep(_PAUSE_S)
            looks += 1
        spent, own = time.monotonic() - begin, time.thread_time() - cpu
        work = time.process_time() - work - own
        queued = (wait_for_core_ns() - queued_ns) / 1e9
        late = max(0.0, spent - queued - own - looks * (_PAUSE_S + _OVERSLEPT_S))
        self._late_share = late / max(1e-9, late + looks * _PAUSE_S)
        self._work_share = work / spent

    @property
    def held_share(self) -> float:
        """Of the CPU time of this process, about how much was spent holding the interpreter, 0 to 1."""
        return held_share(self._late_share, self._work_share)


def held_share(late_share: float, work_share: float) -> float:
    """From the share of its time, cores aside, that a thread waited for the interpreter, and from the CPU
    time of all others as a share of the wall time."""
    return min(1.0, late_share / min(1.0, max(_LEAST_WORK, work_share)))
