"""What can be profiled: stoker's loader, its drop-in, torch's DataLoader, and anything to iterate over.

A subject gives epochs of batches without changing the user's loader: not its epoch, not its counters, not
the random numbers that it draws next.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stoker import _native
from stoker.machine.clocks import cpu_ns_of_process, queued_ns_of_engine
from stoker.profiling.fetch_clocks import FetchClocks, FetchTimes
from stoker.profiling.record import Loader


@dataclass
class NativeTask:
    """What the engine does for a loader, to be started with any number of threads."""

    source: Any
    operators: list[Any]
    options: dict[str, Any]  # of a run
    threads: int
    batch_size: int
    count: int  # samples of the source

    def start(self, threads: int, active: int, buffers: Any = None) -> Any:
        options = {**self.options, "threads": threads, "active_threads": active, "shares_cores": False}
        options.setdefault("seed", 0)
        options["max_active_batches"] = max(2, int(options.get("max_active_batches", 2)))
        options["buffers"] = buffers or _native.Buffers(options["max_active_batches"] + 1)
        return _native.Run(self.source, self.operators, **options)


class Subject:
    """Base of all: a loader that is iterated as it is."""

    kind, tier = "iterable", "python"
    is_repeatable = True

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.batch_size: int | None = None
        self.task: NativeTask | None = None
        self.counters: list[dict[str, Any]] = []  # of each run since reset(), native loaders
        self.traces: list[tuple[list[Any], int]] = []
        self.traced_events = 0  # of the next run
        self.worker_cpu_ns = 0  # of processes, since reset()

    def describe(self) -> Loader:
        return Loader(kind=self.kind, tier=self.tier, name=type(self.loader).__name__)

    def begin_epoch(self) -> Iterator[Any]:
        return iter(self.loader)

    def look(self, iterator: Any) -> dict[str, float]:
        return {}

    def queued_ns(self) -> int:
        """In which its threads or workers wanted a core and others had it, so far, added up."""
        return queued_ns_of_engine() if self.tier == "native" else self.fetch_times.queued_ns

    def end_epoch(self, iterator: Any) -> None:
        pass

    def bad_samples(self) -> list[dict[str, Any]]:
        return []

    def reset(self) -> None:
        """What is counted, is counted from here on."""
        self.counters, self.traces, self.worker_cpu_ns = [], [], 0

    @property
    def fetch_times(self) -> FetchTimes:
        """Of all batches so far that torch's loader made, in its workers or in `next`; else empty."""
        return FetchTimes()

    def close(self) -> None:
        """Gives back what profiling has taken."""

    def _look_at_run(self, run: Any) -> dict[str, float]:
        counters = run.counters()
        return {"finished batches": counters["ready_batches"], "bytes read ahead": counters["ready_bytes"]}

    def _trace(self, run: Any) -> None:
        if self.traced_events:
            run.trace(self.traced_events)

    def _end_run(self, run: Any) -> None:
        self.counters.append(dict(run.counters()))
        if self.traced_events:
            self.traces.append(run.events())
            self.traced_events = 0


class IterableSubject(Subject):
    """Anything to iterate over; an iterator can be gone through only once."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self.is_repeatable = not hasattr(loader, "__next__")
        size = getattr(loader, "batch_size", None)
        self.batch_size = size if isinstance(size, int) and size > 0 else None


class StokerSubject(Subject):
    kind, tier = "stoker", "native"

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._twin = loader.made_with()
        self.batch_size = loader.batch_size
        self.task = NativeTask(
            loader.source.native,
            loader.operators,
            dict(loader._options),
            loader.threads,
            loader.batch_size,
            len(loader.source),
        )

    def describe(self) -> Loader:
        loader = self.loader
        return Loader(
            self.kind,
            self.tier,
            repr(loader.source),
            loader.batch_size,
            loader.threads,
            None,
            None,
            [describe_operator(each) for each in loader.operators],
            loader.explain(),
        )

    def begin_epoch(self) -> Iterator[Any]:
        iterator: Iterator[Any] = iter(self._twin)
        self._trace(self._twin._run)
        return iterator

    def look(self, iterator: Any) -> dict[str, float]:
        return self._look_at_run(self._twin._run)

    def end_epoch(self, iterator: Any) -> None:
        self.counters = []  # one run for all epochs
        self._end_run(self._twin._run)

    def reset(self) -> None:
        super().reset()
        self._twin.close()

    def bad_samples(self) -> list[dict[str, Any]]:
        return list(self._twin.bad_samples())

    def close(self) -> None:
        self._twin.close()


def describe_operator(each: Any) -> dict[str, Any]:
    """Name and parameters; of a group, its text."""
    parameters = json.loads(json.dumps(dict(each.parameters), default=str))
    return {"name": each.name, "parameters": parameters, "text": repr(each)}


class TorchSubject(Subject):
    """torch's own DataLoader, or the drop-in where torch does the work."""

    kind = "torch"

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        is_threaded = getattr(loader, "workers", "process") == "thread" and loader.num_workers > 0
        self.tier = "threads" if is_threaded else "processes" if loader.num_workers > 0 else "python"
        self.batch_size = loader.batch_size
        if self.batch_size is None and getattr(loader.batch_sampler, "batch_size", None):
            self.batch_size = int(loader.batch_sampler.batch_size)
        self._clocks = FetchClocks()
        self._twin = copy.copy(loader)
        self._twin.__dict__["_iterator"] = None
        self._random = _RandomState(loader)

    def describe(self) -> Loader:
        loader = self.loader
        explain = loader.explain() if hasattr(loader, "explain") else ""
        return Loader(
            self.kind,
            self.tier,
            type(loader.dataset).__name__,
            self.batch_size,
            None,
            loader.num_workers,
            loader.prefetch_factor * loader.num_workers if loader.prefetch_factor else None,
            [],
            explain,
        )

    @property
    def fetch_times(self) -> FetchTimes:
        return self._clocks.times

    def begin_epoch(self) -> Iterator[Any]:
        if self.tier == "threads":
            return iter(self._twin)
        with self._clocks.on():
            iterator: Iterator[Any] = iter(self._twin)
        return iterator if self.tier == "processes" else self._timed(iterator)

    def _timed(self, iterator: Iterator[Any]) -> Iterator[Any]:
        while True:
            with self._clocks.on():
                try:
                    batch = next(iterator)
                except StopIteration:
                    return
            yield batch

    def look(self, iterator: Any) -> dict[str, float]:
        queue = getattr(iterator, "_data_queue", None)
        if self.tier != "processes" or queue is None:
            return {}
        # Finished out of order, and so waiting at the trainer, or still in the queue.
        waiting = sum(len(task) == 2 for task in getattr(iterator, "_task_info", {}).values())
        return {"finished batches": waiting + queue.qsize()}

    def end_epoch(self, iterator: Any) -> None:
        for worker in getattr(iterator, "_workers", ()):
            self.worker_cpu_ns += cpu_ns_of_process(worker.pid)

    def with_workers(self, count: int) -> TorchSubject:
        """The same loader with another number of workers, each with the batches in work that it has now."""
        return TorchSubject(with_workers(self.loader, count, self.loader.prefetch_factor or 2))

    def close(self) -> None:
        self._twin.__dict__["_iterator"] = None
        self._random.restore()


def with_workers(loader: Any, count: int, prefetch_factor: int) -> Any:
    """A torch loader like this one with so many workers, at least 1, that has not been iterated over."""
    twin = copy.copy(loader)
    twin.__dict__.update(num_workers=count, prefetch_factor=prefetch_factor, _iterator=None)
    return twin


class DropInSubject(TorchSubject):
    """stoker.torch.DataLoader where the engine does the work."""

    kind, tier = "stoker.torch", "native"

    def __init__(self, loader: Any, plan: Any) -> None:
        super().__init__(loader)
        self.tier = "native"
        self._plan = plan
        options = {name: value for name, value in plan.options.items() if name != "buffers"}
        self.task = NativeTask(
            plan.samples.source,
            plan.operators,
            options,
            int(plan.options["threads"]),
            self.batch_size or 1,
            len(plan.samples.source),
        )

    def describe(self) -> Loader:
        described = super().describe()
        described.threads, described.workers = int(self._plan.options["threads"]), None
        described.operators = [describe_operator(each) for each in self._plan.operators]
        return described

    def begin_epoch(self) -> Iterator[Any]:
        self._twin.__dict__["_iterator"] = None  # persistent workers would go on with the last run
        iterator: Iterator[Any] = iter(self._twin)
        self._trace(self._run)
        return iterator

    @property
    def _run(self) -> Any:
        return self._twin._stoker_last.run

    def look(self, iterator: Any) -> dict[str, float]:
        return self._look_at_run(self._run) if self._run is not None else {}

    def end_epoch(self, iterator: Any) -> None:
        if self._run is None:
            self.counters.append(self._twin.counters())
        else:
            self._end_run(self._run)


class RowsSubject(Subject):
    """stoker.torch.DataLoader where whole batches are gathered from memory, without steps to tell apart."""

    kind, tier = "stoker.torch", "native"

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self.batch_size = loader.batch_size
        self._twin = copy.copy(loader)
        self._twin.__dict__["_iterator"] = None
        self._random = _RandomState(loader)

    def describe(self) -> Loader:
        made = super().describe()
        made.name, made.batch_size = type(self.loader.dataset).__name__, self.batch_size
        made.explain = self.loader.explain()
        return made

    def begin_epoch(self) -> Iterator[Any]:
        return iter(self._twin)

    def close(self) -> None:
        self._twin.__dict__["_iterator"] = None
        self._random.restore()


class _RandomState:
    """What a pass over a torch loader draws from."""

    def __init__(self, loader: Any) -> None:
        import random

        self._torch = sys.modules["torch"]
        self._state = self._torch.get_rng_state()
        self._python = random.getstate()
        numpy = sys.modules.get("numpy")
        self._numpy = None if numpy is None else (numpy.random, numpy.random.get_state())
        sampler = getattr(loader, "sampler", None)
        inner = getattr(getattr(loader, "batch_sampler", None), "sampler", None)
        found = {id(each): each for each in (getattr(o, "generator", None) for o in (loader, sampler, inner))}
        self._generators = [(each, each.get_state()) for each in found.values() if each is not None]

    def restore(self) -> None:
        import random

        self._torch.set_rng_state(self._state)
        random.setstate(self._python)
        if self._numpy is not None:
            self._numpy[0].set_state(self._numpy[1])
        for generator, state in self._generators:
            generator.set_state(state)


def subject_of(loader: Any) -> Subject:
    """What `loader` is.

    Raises:
        TypeError: It cannot be iterated over.
    """
    from stoker.loader import Loader as StokerLoader

    if isinstance(loader, StokerLoader):
        return StokerSubject(loader)
    data = sys.modules.get("torch.utils.data")
    if data is not None and isinstance(loader, data.DataLoader):
        drop_in = sys.modules.get("stoker.torch")
        if drop_in is not None and isinstance(loader, drop_in.DataLoader):
            from stoker.lowering import NotNative
            from stoker.lowering.plan import Plan, plan_epoch

            try:
                plan = plan_epoch(loader)
                return DropInSubject(loader, plan) if isinstance(plan, Plan) else RowsSubject(loader)
            except NotNative:
                subject = TorchSubject(loader)
                subject.kind = "stoker.torch"
                return subject
        return TorchSubject(loader)
    if not hasattr(loader, "__iter__"):
        raise TypeError(
            "profile: loader must be a stoker.Loader, a DataLoader or anything to iterate over, "
            f"got {loader!r}."
        )
    return IterableSubject(loader)
