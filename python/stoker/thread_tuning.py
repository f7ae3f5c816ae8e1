"""`threads="auto"`: how many threads work, decided from the times of whole training steps.

It begins with the usable cores less one, the trainer's. From the first batches on it knows their CPU time and
that of a step, and so the fewest threads that feed the trainer (thread_need.py), never beyond affinity and
quota. While batches are waited for it tries so many, or one more; while none is waited for, so many where
they are fewer. A try goes to and fro between both numbers, so that a machine which others use too misleads it
less, and it is kept only where it pays.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from stoker.machine.cores import usable_cores
from stoker.thread_need import ThreadNeed, Window, cpu_ns_of

_log = logging.getLogger("stoker")

# A window: so many batches at one number of threads, and at least so long. The batches that were begun
# before it are left out.
_WINDOW_BATCHES, _WINDOW_NS = 8, 300_000_000

# Of the time between two batches, what is spent waiting: above, more threads are tried; below, fewer.
_STARVED_SHARE, _FED_SHARE = 0.07, 0.02

# More are kept when steps become shorter by this; fewer unless they become longer by that.
_GAIN, _LOSS = 0.07, 0.03

# Windows on each side of a try.
_PAIRS = 2

# Windows until a number that did not pay is tried again, and the change of step time that ends the wait.
_PATIENCE, _CHANGE = 40, 0.5


class ThreadTuner:
    """Decides for one loader. `observe` is called for every batch, by the thread that takes them."""

    def __init__(self, start: int, most: int, skipped: int, cores: float | None = None) -> None:
        """`skipped`: batches after a change that may have been made before it. `cores`: `most` if None."""
        self.count = start  # that is decided on
        self.active = start  # that works now: another one while it is tried
        self.most = most
        self._skipped = skipped
        self._left_ns: int | None = None  # when the last batch was handed out
        self._run: Any = None
        self._need = ThreadNeed(most if cores is None else cores, most)
        self._needed: int | None = None
        self._refused: dict[int, int] = {}  # windows until it may be tried again
        self._tried: int | None = None
        self._sides: dict[int, list[float]] = {}  # nanoseconds a batch, of each window of a try
        self._settled_ns = 0.0  # a batch, when something was refused last
        self._thread = 0
        self._to_skip = skipped
        self._batches = self._wait_ns = self._whole_ns = 0  # of the window
        self._cpu_ns: tuple[int, int] | None = None  # at its beginning; None: what it takes is not known

    def begin_epoch(self, run: Any = None) -> None:
        """What lies between two epochs is no step. `run` makes the batches of the next; None: not known."""
        self._run = run
        self.pause()

    def pause(self) -> None:
        """What the run has not made, or does not make yet, lies between the last batch and the next."""
        self._left_ns = self._cpu_ns = None

    def observe(self, asked_ns: int, got_ns: int) -> int | None:
        """One batch, asked for and handed out then; the number of threads from now on, if another."""
        thread = threading.get_ident()
        if thread != self._thread:  # several take batches: the time between two of one is no step
            self._thread, self._left_ns = thread, None
        left_ns, self._left_ns = self._left_ns, got_ns
        if left_ns is None or self._to_skip > 0:
            self._to_skip -= left_ns is not None
            if self._to_skip == 0 and self._batches == 0:
                self._cpu_ns = self._read_cpu_ns()
            return None
        self._batches += 1
        self._wait_ns += got_ns - asked_ns
        self._whole_ns += got_ns - left_ns
        if self._batches < _WINDOW_BATCHES or self._whole_ns < _WINDOW_NS:
            return None
        before = self.active
        self._end_window(self._window())
        self._batches = self._wait_ns = self._whole_ns = 0
        self._cpu_ns = self._read_cpu_ns()
        self._to_skip = self._skipped if self.active != before else 0
        return self.active if self.active != before else None

    def _read_cpu_ns(self) -> tuple[int, int] | None:
        return None if self._run is None else cpu_ns_of(self._run)

    def _window(self) -> Window:
        batch_ns, wait_share = self._whole_ns / self._batches, self._wait_ns / self._whole_ns
        if self._cpu_ns is None:  # an epoch ended within
            return Window(self.active, batch_ns, wait_share)
        now = cpu_ns_of(self._run)
        loader_ns, process_ns = (
            (ended - begun) / self._batches for ended, begun in zip(now, self._cpu_ns, strict=True)
        )
        return Window(self.active, batch_ns, wait_share, loader_ns, max(0.0, process_ns - loader_ns))

    def _end_window(self, window: Window) -> None:
        self._need.learn(window)
        if self._tried is not None:
            return self._go_on(window.batch_ns)
        if self._settled_ns and abs(window.batch_ns / self._settled_ns - 1) > _CHANGE:
            self._refused.clear()  # another model, other data: what did not pay may pay now
        self._refused = {count: left - 1 for count, left in self._refused.items() if left > 1}
        tried = self._to_try(window)
        if tried is not None:
            self._tried, self._sides = tried, {self.count: [window.batch_ns], tried: []}
            self.active = tried
        return None

    def _to_try(self, window: Window) -> int | None:
        """Another number that may serve better than `count`, by what the window shows."""
        count, needed = self.count, self._need.fewest(window)
        if window.wait_share > _STARVED_SHARE:
            tries = [count + 1] if needed is None or needed <= count else [needed, count + 1]
        elif window.wait_share < _FED_SHARE and (needed is None or needed < count):
            tries = [count - 1] if needed is None else [needed, count - 1]
        else:
            tries = []
        tries = [each for each in tries if 1 <= each <= self.most and each not in self._refused]
        if needed is not None and (self._needed is None or needed in tries):
            self._needed = needed
            _log.info("threads='auto': %d at work, %s", count, self._reason(needed, window))
        return tries[0] if tries else None

    def _reason(self, needed: int, window: Window) -> str:
        loader_ms, step_ms, other_ms = (
            each / 1e6 for each in (window.loader_ns, window.step_ns, window.trainer_ns)
        )
        return (
            f"{needed} of at most {self.most} should feed the trainer: a batch takes {loader_ms:.1f} ms of "
            f"CPU time, a step {step_ms:.1f} ms and {other_ms:.1f} ms of CPU time"
        )

    def _go_on(self, batch_ns: float) -> None:
        """One window of a try has ended."""
        assert self._tried is not None
        tried, count = self._tried, self.count
        self._sides[self.active].append(batch_ns)
        if len(self._sides[tried]) < _PAIRS:
            self.active = count if self.active == tried else tried
            return
        then = min(self._sides[count])
        now = max(self._sides[tried]) if tried > count else min(self._sides[tried])
        if tried > count:
            pairs = zip(self._sides[tried], self._sides[count], strict=True)
            is_kept = all(new < (1 - _GAIN) * old for new, old in pairs)
        else:
            is_kept = now < (1 + _LOSS) * then
        self._tried = None
        self.active = self.count = tried if is_kept else count
        if not is_kept:
            self._refused[tried] = _PATIENCE
            self._settled_ns = then
        times = f"a step takes {now / 1e6:.1f} ms with {tried}, {then / 1e6:.1f} ms with {count}"
        _log.info("threads='auto': %d %s (%s)", self.count, _words(tried, count, is_kept), times)


def _words(tried: int, count: int, is_kept: bool) -> str:
    if is_kept:
        return (
            f"instead of {count}: {'batches were waited for' if tried > count else 'fewer feed the trainer'}"
        )
    return f"stays: {tried} {'gain less than 7 %' if tried > count else 'cost more than 3 %'}"


def make_tuner(cores: dict[str, Any], prefetch: int) -> ThreadTuner | None:
    """For `threads="auto"` on these usable cores; None where there is nothing to choose."""
    start, most = int(cores["threads"]), int(cores["most_threads"])
    return ThreadTuner(start, most, prefetch + 1, usable_cores()) if most > 1 else None
