"""How long a Python thread waits for the interpreter, in a process where others hold it."""

from __future__ import annotations

import sys
import threading
import time

from stoker.machine.clocks import wait_for_core_ns

_PAUSE_S = 0.002


class GilProbe:
    """A thread that sleeps a little again and again, and sees how late it gets the interpreter back.

    Waiting for a core is taken off, where the system says how long that was. It runs some
    20 us each 2 ms, and is used for Python pipelines alone.
    """

    def __init__(self) -> None:
        self._late_s: list[float] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stoker-gil-probe", daemon=True)

    def __enter__(self) -> GilProbe:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.is_set():
            begin, queued = time.monotonic(), wait_for_core_ns()
            time.sleep(_PAUSE_S)
            late_s = time.monotonic() - begin - _PAUSE_S - (wait_for_core_ns() - queued) / 1e9
            self._late_s.append(max(0.0, late_s))

    @property
    def held_share(self) -> float:
        """About how much of the time others held the interpreter, 0 to 1.

        A thread that does nothing but Python gives the interpreter up once it has been asked to for a
        switch interval; so each look then comes late by that.
        """
        if not self._late_s:
            return 0.0
        interval_s = sys.getswitchinterval()
        return sum(min(1.0, late_s / interval_s) for late_s in self._late_s) / len(self._late_s)
