"""`threads="auto"`: how many threads work, decided from the times of whole training steps.

It begins with the usable cores less one, the trainer's. While batches are waited for it tries one thread
more, never beyond affinity and quota; while none is waited for, one less. A try goes to and fro between both
numbers, so that a machine which others use too misleads it less, and it is kept only where it pays.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

_log = logging.getLogger("stoker")

# A window: so many batches at one number of threads, and at least so long. The batches that were begun
# before it are left out.
_WINDOW_BATCHES, _WINDOW_NS = 8, 300_000_000

# Of the time between two batches, what is spent waiting: above, one more is tried; below, one less.
_STARVED_SHARE, _FED_SHARE = 0.07, 0.02

# One more is kept when steps become shorter by this; one less unless they become longer by that.
_GAIN, _LOSS = 0.07, 0.03

# Windows on each side of a try.
_PAIRS = 2

# Windows until a number that did not pay is tried again, and the change of step time that ends the wait.
_PATIENCE, _CHANGE = 40, 0.5


class ThreadTuner:
    """Decides for one loader. `observe` is called for every batch, by the thread that takes them."""

    def __init__(self, start: int, most: int, skipped: int) -> None:
        """`skipped`: batches after a change that may have been made before it."""
        self.count = start  # that is decided on
        self.active = start  # that works now: another one while it is tried
        self.most = most
        self._skipped = skipped
        self._left_ns: int | None = None  # when the last batch was handed out
        self._refused: dict[int, int] = {}  # windows until it may be tried again
        self._tried: int | None = None
        self._sides: dict[int, list[float]] = {}  # nanoseconds a batch, of each window of a try
        self._settled_ns = 0.0  # a batch, when something was refused last
        self._thread = 0
        self._to_skip = skipped
        self._batches = self._wait_ns = self._whole_ns = 0  # of the window

    def begin_epoch(self) -> None:
        """What lies between two epochs is no step."""
        self._left_ns = None

    def observe(self, asked_ns: int, got_ns: int) -> int | None:
        """One batch, asked for and handed out then; the number of threads from now on, if another."""
        thread = threading.get_ident()
        if thread != self._thread:  # several take batches: the time between two of one is no step
            self._thread, self._left_ns = thread, None
        left_ns, self._left_ns = self._left_ns, got_ns
        if left_ns is None:
            return None
        if self._to_skip > 0:
            self._to_skip -= 1
            return None
        self._batches += 1
        self._wait_ns += got_ns - asked_ns
        self._whole_ns += got_ns - left_ns
        if self._batches < _WINDOW_BATCHES or self._whole_ns < _WINDOW_NS:
            return None
        before = self.active
        self._end_window(self._whole_ns / self._batches, self._wait_ns / self._whole_ns)
        self._begin_window()
        self._to_skip = self._skipped if self.active != before else 0
        return self.active if self.active != before else None

    def _begin_window(self) -> None:
        self._to_skip = self._skipped
        self._batches, self._wait_ns, self._whole_ns = 0, 0, 0

    def _end_window(self, batch_ns: float, wait_share: float) -> None:
        if self._tried is not None:
            return self._go_on(batch_ns)
        if self._settled_ns and abs(batch_ns / self._settled_ns - 1) > _CHANGE:
            self._refused.clear()  # another model, other data: what did not pay may pay now
        self._refused = {count: left - 1 for count, left in self._refused.items() if left > 1}
        if wait_share > _STARVED_SHARE:
            tried = self.count + 1
        elif wait_share < _FED_SHARE:
            tried = self.count - 1
        else:
            return None
        if 1 <= tried <= self.most and tried not in self._refused:
            self._tried, self._sides = tried, {self.count: [batch_ns], tried: []}
            self.active = tried
        return None

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
    return ThreadTuner(start, most, prefetch + 1) if most > 1 else None
