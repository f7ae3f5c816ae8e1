"""A loop over a loader, timed as its thread sees it: the wait for a batch, and what is done with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from stoker.machine.clocks import wait_for_core_ns
from stoker.profiling.batches import bytes_of, samples_in
from stoker.profiling.record import Event

# The trainer's batches for the measurement of its demand: at most so many, and not more memory than this.
_KEPT_BATCHES = 4
_KEPT_BYTES = 1 << 30

# Time between looks at the queues: each takes up to 0.1 ms.
_LOOK_EVERY_NS = 50_000_000


class Looped(Protocol):
    """What a loop is over."""

    batch_size: int | None

    def begin_epoch(self) -> Iterator[Any]: ...
    def look(self, iterator: Any) -> dict[str, float]:
        """Fill of each queue now, by name."""
        ...

    def queued_ns(self) -> int:
        """In which its threads or workers wanted a core and others had it, so far, added up."""
        ...

    def end_epoch(self, iterator: Any) -> None:
        """The iterator is exhausted, or is dropped next."""
        ...


@dataclass
class LoopTimes:
    """Nanoseconds; of whole batches only."""

    wall_ns: int = 0
    start_ns: int = 0  # in iter(), all epochs
    next_ns: list[int] = field(default_factory=list)
    next_cpu_ns: int = 0  # of this thread
    next_process_cpu_ns: int = 0  # of all threads of this process
    next_queued_ns: int = 0  # this thread waited for a core
    step_ns: list[int] = field(default_factory=list)
    step_queued_ns: int = 0  # this thread waited for a core in a step
    loader_queued_ns: int = 0  # the loader's threads or workers did, added up
    first_batch_ns: int = 0  # from the first iter() on
    epochs: int = 0
    samples: int = 0
    batch_bytes: int = 0
    looks: dict[str, list[float]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    begin_ns: int = 0  # of the monotonic clock
    kept: list[Any] = field(default_factory=list)  # batches, for the trainer alone

    @property
    def batches(self) -> int:
        return len(self.next_ns)

    @property
    def samples_per_s(self) -> float:
        """Without the first batch where it is one of many: an epoch has only one."""
        if self.epochs == 1 and self.batches >= 8:
            later = self.samples * (self.batches - 1) / self.batches
            return later / max(1, self.wall_ns - self.first_batch_ns) * 1e9
        return self.samples / self.wall_ns * 1e9 if self.wall_ns else 0.0


def run_loop(
    subject: Looped,
    seconds: float,
    step: Callable[[Any], Any] | None = None,
    keeps_batches: bool = False,
    max_events: int = 0,
    epochs: int | None = None,
) -> LoopTimes:
    """Takes batches for about `seconds`, in as many epochs as that needs, at least one batch.

    Raises:
        ValueError: The loader gives no batch.
    """
    times = LoopTimes()
    clock, cpu_clock, process_clock = time.monotonic_ns, time.thread_time_ns, time.process_time_ns
    times.begin_ns = clock()
    end = times.begin_ns + int(seconds * 1e9)
    kept_bytes = 0
    next_look = 0
    while True:
        begun = clock()
        iterator = subject.begin_epoch()
        times.start_ns += clock() - begun
        queued_before = subject.queued_ns()
        is_over = False
        while not is_over:
            if clock() >= next_look:
                next_look = clock() + _LOOK_EVERY_NS
                for name, fill in subject.look(iterator).items():
                    times.looks.setdefault(name, []).append(fill)
            queued, asked, asked_cpu, asked_process = (
                wait_for_core_ns(),
                clock(),
                cpu_clock(),
                process_clock(),
            )
            try:
                batch = next(iterator)
            except StopIteration:
                break
            got = clock()
            times.next_cpu_ns += cpu_clock() - asked_cpu
            times.next_process_cpu_ns += process_clock() - asked_process
            times.next_queued_ns += wait_for_core_ns() - queued
            if not times.next_ns:
                times.first_batch_ns = got - times.begin_ns
            if step is not None:
                queued = wait_for_core_ns()
                step(batch)
                times.step_queued_ns += wait_for_core_ns() - queued
            done = clock()
            times.next_ns.append(got - asked)
            times.step_ns.append(done - got)
            if len(times.events) + 2 <= max_events:
                number = len(times.next_ns) - 1
                since = times.begin_ns
                times.events.append(Event("trainer", "next", number, asked - since, got - since))
                if step is not None:
                    times.events.append(Event("trainer", "step", number, got - since, done - since))
            times.samples += samples_in(batch, subject.batch_size)
            if len(times.next_ns) <= 8:
                times.batch_bytes = bytes_of(batch)
            if keeps_batches and len(times.kept) < _KEPT_BATCHES and kept_bytes < _KEPT_BYTES:
                times.kept.append(batch)
                kept_bytes += bytes_of(batch)
            is_over = done >= end
        times.epochs += 1
        times.wall_ns = clock() - times.begin_ns
        times.loader_queued_ns += max(0, subject.queued_ns() - queued_before)
        subject.end_epoch(iterator)
        del iterator
        if not times.next_ns:
            raise ValueError("profile: the loader gives no batch; profile one that has samples.")
        if is_over or clock() >= end or times.epochs == epochs or not subject_is_repeatable(subject):
            return times


def subject_is_repeatable(subject: Any) -> bool:
    return bool(getattr(subject, "is_repeatable", True))
