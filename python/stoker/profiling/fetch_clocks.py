"""What making a batch takes where torch's DataLoader makes it: in its worker processes, or in `next`.

Each worker adds up its own clocks in memory that it shares with this process, so that waiting for bytes,
work, and waiting for a core are told apart there and not guessed from here.
"""

from __future__ import annotations

import contextlib
import mmap
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stoker.machine.clocks import wait_for_core_ns

_MOST_WORKERS = 512
_FIELDS = 4
_FETCHERS = ("_MapDatasetFetcher", "_IterableDatasetFetcher")


@dataclass
class FetchTimes:
    """Of all batches that were made, added up over the workers."""

    batches: int = 0
    wall_ns: int = 0
    cpu_ns: int = 0  # of the whole process that makes the batch
    queued_ns: int = 0  # ready to run, and others had the cores

    def __sub__(self, before: FetchTimes) -> FetchTimes:
        return FetchTimes(
            self.batches - before.batches,
            self.wall_ns - before.wall_ns,
            self.cpu_ns - before.cpu_ns,
            self.queued_ns - before.queued_ns,
        )

    @property
    def wait_ns(self) -> int:
        """Neither at work nor waiting for a core: for a disk, a network, a lock."""
        return max(0, self.wall_ns - self.cpu_ns - self.queued_ns)

    @property
    def queued_share(self) -> float:
        """Of the time in which a core was wanted, that others had it."""
        return self.queued_ns / max(1, self.cpu_ns + self.queued_ns)


class FetchClocks:
    """Collects the times of the loops that are begun inside of `on`.

    Workers take part that are forked there; those that are spawned know nothing of it, and then no batch is
    counted. One worker number writes to one place, so nothing is locked.
    """

    def __init__(self) -> None:
        self._cells = memoryview(mmap.mmap(-1, _MOST_WORKERS * _FIELDS * 8)).cast("q")

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        before = getattr(_current, "clocks", None)
        _current.clocks = self
        with _patched():
            try:
                yield
            finally:
                _current.clocks = before

    def run(self, fetch: Callable[..., Any], *args: Any) -> Any:
        begin = _clocks()
        batch = fetch(*args)
        spent = [now - then for now, then in zip(_clocks(), begin, strict=True)]
        worker = sys.modules["torch.utils.data"].get_worker_info()
        first = (0 if worker is None else worker.id % _MOST_WORKERS) * _FIELDS
        for place, value in enumerate((1, *spent), first):
            self._cells[place] += value
        return batch

    @property
    def times(self) -> FetchTimes:
        return FetchTimes(*(sum(self._cells[place::_FIELDS]) for place in range(_FIELDS)))


# Of the thread that iterates; the main thread of a forked worker is that thread's copy.
_current = threading.local()


def _clocks() -> tuple[int, int, int]:
    """Wall time, CPU time of the process and this thread's wait for a core, of one moment.

    Who loses the core between two readings reads again, or its absence would count in one of them alone.
    """
    queued = wait_for_core_ns()
    for _ in range(3):
        wall, cpu = time.monotonic_ns(), time.process_time_ns()
        before, queued = queued, wait_for_core_ns()
        if queued == before:
            break
    return wall, cpu, queued


@contextlib.contextmanager
def _patched() -> Iterator[None]:
    """The fetchers of torch's loader are timed by the clocks of the thread that calls them."""
    module = sys.modules.get("torch.utils.data._utils.fetch")
    with contextlib.ExitStack() as undo:
        for name in _FETCHERS if module is not None else ():
            cls: Any = getattr(module, name, None)
            original = getattr(cls, "fetch", None)
            if original is not None and not hasattr(original, "is_timed"):
                undo.callback(setattr, cls, "fetch", original)
                cls.fetch = _timed(original)
        yield


def _timed(original: Callable[..., Any]) -> Callable[..., Any]:
    def fetch(fetcher: Any, keys: Any) -> Any:
        clocks: FetchClocks | None = getattr(_current, "clocks", None)
        return original(fetcher, keys) if clocks is None else clocks.run(original, fetcher, keys)

    fetch.is_timed = True  # type: ignore[attr-defined]
    return fetch
