"""How long a Python thread waits for the interpreter, in a process where others hold it."""

from __future__ import annotations

import threading
import time

from stoker.machine.clocks import wait_for_core_ns

_PAUSE_S = 0.002


class GilProbe:
    """A thread that sleeps a little again and again, and in the end sees how late it was in all.

    It needs the interpreter after each sleep and does hardly anything with it, so what it took beside the
    sleeps was waiting for the interpreter, or for a core, which the system counts. Only sums are taken: where
    the cores are crowded, most looks find the interpreter free because who is next has no core yet, and the
    others come very late. It runs some 10 us each 2 ms, and is used for Python pipelines alone.
    """

    def __init__(self) -> None:
        self._late_s = 0.0
        self._slept_s = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stoker-gil-probe", daemon=True)

    def __enter__(self) -> GilProbe:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        begin, queued, cpu, looks = time.monotonic_ns(), wait_for_core_ns(), time.thread_time_ns(), 0
        while not self._is_over.is_set():
            time.sleep(_PAUSE_S)
            looks += 1
        spent_ns = time.monotonic_ns() - begin
        known_ns = wait_for_core_ns() - queued + time.thread_time_ns() - cpu
        self._slept_s = looks * _PAUSE_S
        self._late_s = max(0.0, (spent_ns - known_ns) / 1e9 - self._slept_s)

    @property
    def held_share(self) -> float:
        """Of the time in which the probe did not sleep or want a core, others held the interpreter, 0 to 1.

        A thread that does nothing but Python gives the interpreter up once it has been asked to for a switch
        interval, 5 ms: then this is 0.7 and more.
        """
        whole_s = self._late_s + self._slept_s
        return self._late_s / whole_s if whole_s > 0 else 0.0
