"""How many threads feed a trainer: a curve through what batches cost in CPU time, and the time of a step."""

from __future__ import annotations

import statistics
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from stoker import _native

# Windows that the curve is fitted through; what is older may be of another time of the machine.
_POINTS = 32

# A rate that differs so much from those before, with as many threads, tells of other data.
_CHANGE = 0.3


@dataclass(frozen=True)
class Window:
    """Some batches at one number of threads; times are of one batch.

    Attributes:
        batch_ns: Between two batches.
        wait_share: Of that, in which the trainer waited.
        loader_ns: CPU time of the loader's threads; 0 where it is not known.
        trainer_ns: CPU time of the rest of the process.
    """

    threads: int
    batch_ns: float
    wait_share: float
    loader_ns: float = 0.0
    trainer_ns: float = 0.0

    @property
    def step_ns(self) -> float:
        """Of the trainer's own."""
        return self.batch_ns * (1 - self.wait_share)


def cpu_ns_of(run: Any) -> tuple[int, int]:
    """CPU time so far: (of the CPU threads of this run, of the whole process)."""
    threads = run.counters()["threads"]
    return sum(each["busy_ns"] - each["off_cpu_ns"] for each in threads), time.process_time_ns()


class ThreadNeed:
    """Learns from windows, and says how many threads feed the trainer.

    Args:
        cores: Usable ones, which trainer and loader share.
        most: Threads, at most.
    """

    def __init__(self, cores: float, most: int) -> None:
        self._cores = cores
        self._most = most
        self._points: deque[tuple[int, float]] = deque(maxlen=_POINTS)  # threads, batches a second

    def learn(self, window: Window) -> None:
        """Adds a point: what so many threads can make when nothing holds them up."""
        if window.loader_ns <= 0:
            return
        rate = window.threads / window.loader_ns * 1e9
        before = [each for threads, each in self._points if threads == window.threads]
        if before and abs(rate / statistics.median(before) - 1) > _CHANGE:
            self._points.clear()  # other data
        self._points.append((window.threads, rate))

    def fewest(self, window: Window) -> int | None:
        """The fewest threads that feed the trainer as it was in `window`; None where nothing is known.

        More is not asked of them than a batch each time that the step takes, or, where that is longer, the
        usable cores need for loading and training together.
        """
        if not self._points or window.loader_ns <= 0:
            return None
        both_ns = (window.loader_ns + window.trainer_ns) / self._cores
        wanted = 1e9 / max(window.step_ns, both_ns, 1.0)
        return int(_native.fit_scaling(list(self._points), self._cores).fewest_for_rate(wanted, self._most))
