"""The threads of one iterator of the thread tier, their tasks and what they hand in.

Note [Ctrl-C]
A signal handler may raise between any two steps of Python code in the main thread. Locks that are written
in Python (`threading.Condition`) may stay locked by that, so nothing here has one, and another thread starts
the threads, because `Thread.start` has one. What is shared are dictionaries, whose single operations are
whole, and queues, which are whole in C. What wakes a reader is only a hint to look again, so losing one to an
exception loses no batch.

An exception in a callback of a weak reference is lost, and each `threading.Thread` has one. So the main
thread drops none: those that have ended lie in `_ended` until a thread of the next crew clears it.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_CLOSE_S = 2.0

# A reader looks again after so long, should another one have taken its hint.
_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True)
class Task:
    epoch: int
    number: int
    keys: Any
    occurrences: list[int]


class Crew:
    """Threads and what they share; they know no iterator, so it can be dropped.

    Args:
        count: Threads.
        serve: What each does, given this and its number, until it takes None from its queue.
        in_order: Whether every thread has the batches of its turn; otherwise they take what comes.
    """

    def __init__(self, count: int, serve: Callable[[Crew, int], None], *, in_order: bool) -> None:
        # Where order does not matter, nothing has to wait behind a slow batch.
        queues = [queue.SimpleQueue[Task | None]() for _ in range(count if in_order else 1)]
        self.queues = list(itertools.islice(itertools.cycle(queues), count))
        self.epoch = 0
        self.is_closed = False
        self._is_started = True
        self._start_problem: RuntimeError | None = None
        self._close_by: float | None = None
        self._finished: dict[tuple[int, int], Any] = {}  # by epoch and number
        self._hints = queue.SimpleQueue[None]()  # one after each that is finished
        self._process = os.getpid()
        self._threads = [
            threading.Thread(
                target=_serve, args=(serve, self, worker), name=f"stoker-worker-{worker}", daemon=True
            )
            for worker in range(count)
        ]

    def start(self) -> None:
        _live.add(self)
        self._is_started = False
        try:
            _thread.start_new_thread(self._start_all, ())
        except RuntimeError as problem:
            self._is_started, self._start_problem = True, problem
        while not self._is_started:
            with contextlib.suppress(queue.Empty):
                self._hints.get(timeout=_LOOK_AGAIN_S)
        if self._start_problem is not None:
            self.close()
            raise self._start_problem

    def _start_all(self) -> None:
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError as problem:
            self._start_problem = problem
        self._is_started = True
        self._hints.put(None)

    def hand_in(self, task: Task, result: Any) -> None:
        if task.epoch == self.epoch and not self.is_closed:
            self._finished[task.epoch, task.number] = result
            self._hints.put(None)

    def wait(self, number: int | None, timeout_s: float | None) -> int | None:
        """`number` (or any, for None) once it is finished, None when the time was over first."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            for _ in range(self._hints.qsize()):  # of what is looked at now
                with contextlib.suppress(queue.Empty):
                    self._hints.get_nowait()
            found = self._look_for(number)
            if found is not None:
                return found
            if self.is_closed:
                self._hints.put(None)  # for other readers
                raise RuntimeError("DataLoader: it was closed while a batch was awaited.")
            left = _LOOK_AGAIN_S if end is None else min(_LOOK_AGAIN_S, end - time.monotonic())
            if left <= 0:
                return None
            with contextlib.suppress(queue.Empty):
                self._hints.get(timeout=left)

    def _look_for(self, number: int | None) -> int | None:
        if number is not None:
            return number if (self.epoch, number) in self._finished else None
        return next((each for epoch, each in list(self._finished) if epoch == self.epoch), None)

    def take(self, number: int) -> Any:
        """What was handed in for `number`, which is finished."""
        return self._finished.pop((self.epoch, number))

    def begin_epoch(self) -> None:
        """Forgets all that is queued or finished."""
        self.epoch += 1
        self._finished.clear()
        for each in self.queues:
            with contextlib.suppress(queue.Empty):
                while True:
                    each.get_nowait()

    def is_copy(self) -> bool:
        """Whether this is the copy in the child of a fork, where there are no threads."""
        return os.getpid() != self._process

    def close(self, *, wakes_readers: bool = True) -> None:
        """Ends the threads, each after the sample that it is at, for which it waits two seconds in all.
        Idempotent, and may be called again where an exception broke it off."""
        _live.discard(self)
        if self.is_copy():
            return
        self.is_closed = True
        for each in self.queues:
            each.put(None)
        if wakes_readers:
            self._hints.put(None)
        if self._close_by is None:
            self._close_by = time.monotonic() + _CLOSE_S
        while not self._is_started and time.monotonic() < self._close_by:
            with contextlib.suppress(queue.Empty):
                self._hints.get(timeout=0.01)
        for thread in self._threads:
            # One may not be started, and the collector may have dropped the iterator in one of them.
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(max(0.0, self._close_by - time.monotonic()))
        self._finished.clear()
        _ended.extend(self._threads)
        self._threads = []


def _serve(serve: Callable[[Crew, int], None], crew: Crew, worker: int) -> None:
    _ended.clear()
    serve(crew, worker)


_live: set[Crew] = set()
_ended: list[threading.Thread] = []


@atexit.register
def _close_all() -> None:
    # A daemon thread that waits in next() is not woken: it would tell of a closed loader while all ends.
    for crew in list(_live):
        crew.close(wakes_readers=False)
