"""Python datasets on threads: what torch's worker processes do, in one address space.

A worker owns every `num_workers`-th batch, as in torch; batches come out in order, and at most
`prefetch_factor * num_workers` are begun. The dataset is one object that all threads share.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch._utils import ExceptionWrapper
from torch.utils.data import MapDataPipe, _utils
from torch.utils.data.dataloader import _DatasetKind

from stoker import _native
from stoker.errors import StokerError
from stoker.torch.crew import Crew, Task
from stoker.torch.draws import Watch
from stoker.torch.keys import take_skipped
from stoker.torch.position import Counted
from stoker.torch.torch_tier import stopped_in_dataset
from stoker.torch.worker_info import SampleRng, install, set_worker_info

_TRIAL_S = 10.0


class SharedDraws(Exception):
    """The first batch drew from generators that the threads share; carries what has been drawn so far.

    Attributes:
        names: The generators.
        base_seed: Of the epoch.
        keys: The batches of keys, from the first on.
    """

    def __init__(self, names: list[str], base_seed: int, keys: Iterator[Any], *, was_alone: bool) -> None:
        who = "its first batch" if was_alone else "its first batch (or another thread meanwhile)"
        super().__init__(f"{who} drew from {', '.join(names)}")
        self.names = names
        self.base_seed = base_seed
        self.keys = keys


@dataclass(frozen=True)
class _Failure:
    wrapper: ExceptionWrapper
    original: Exception

    def throw(self, dataset: Any) -> None:
        """torch's exception: the same type where it can be made, with the worker's traceback as text."""
        if isinstance(self.original, StopIteration):
            stopped_in_dataset(dataset, self.original)
        try:
            self.wrapper.reraise()  # type: ignore[no-untyped-call]
        except Exception as again:
            again.__context__ = self.original  # the object itself, for who wants more than its text
            again.__suppress_context__ = True
            raise


def _failure(where: str, problem: Exception) -> _Failure:
    return _Failure(ExceptionWrapper(where=where), problem)  # type: ignore[no-untyped-call]


def refusal(loader: Any) -> str | None:
    """Why the samples of `loader` cannot be made on threads, None if they can."""
    if loader._dataset_kind != _DatasetKind.Map:
        return "an iterable-style dataset, of which each worker needs a copy of its own"
    if loader.num_workers == 0:
        return "num_workers=0"
    if isinstance(loader.dataset, MapDataPipe):
        return "a DataPipe"
    if not loader.prefetch_factor:
        return f"prefetch_factor={loader.prefetch_factor}"
    if loader.multiprocessing_context is not None:
        return "multiprocessing_context asks for processes"
    if not install():
        return "get_worker_info of torch has been replaced"
    return None


_cap_lock = threading.Lock()


def _cap_own_thread() -> None:
    """One intra-op thread for torch's operators here, as in torch's workers; other threads keep theirs."""
    with _cap_lock:
        everywhere = torch.get_num_threads()
        if everywhere == 1:
            return
        torch.set_num_threads(1)
        # It also sets what later threads begin with, so that is set back by a thread of no consequence.
        other = threading.Thread(target=torch.set_num_threads, args=(everywhere,))
        other.start()
        other.join()


class _Worker:
    """What each thread does; shared by all of them, with nothing in it that changes."""

    def __init__(self, iterator: ThreadIterator, init_function: Callable[[int], None] | None) -> None:
        self._dataset = iterator._dataset
        self._auto_collation = iterator._auto_collation
        self._collate = iterator._collate_fn
        self._base_seed = int(iterator._base_seed)
        self._count = iterator._num_workers
        self._init_function = init_function
        self._pins = iterator._pin_memory
        self._pin_device = iterator._pin_memory_device
        self._device_index = torch.accelerator.current_device_index() if self._pins else None

    def serve(self, crew: Crew, worker: int) -> None:
        _native.lower_thread_priority()
        _cap_own_thread()
        rng = SampleRng()
        rng.seed(self._base_seed, 0, (b"worker", worker), 0)
        set_worker_info(
            _utils.worker.WorkerInfo(
                id=worker,
                num_workers=self._count,
                seed=self._base_seed + worker,
                dataset=self._dataset,
                rng=rng,  # type: ignore[arg-type]
                worker_method="thread",
            )
        )
        where = f"in DataLoader worker thread {worker}"
        broken = self._prepare(worker, where)
        while (task := crew.queues[worker].get()) is not None and not crew.is_closed:
            if broken is not None:
                crew.hand_in(task, broken)
                continue
            try:
                crew.hand_in(task, self._make(crew, task, rng))
            except Exception as problem:
                crew.hand_in(task, _failure(where, problem))
            del task

    def _prepare(self, worker: int, where: str) -> _Failure | None:
        try:
            if self._device_index is not None:
                torch.accelerator.set_device_index(self._device_index)
            if self._init_function is not None:
                self._init_function(worker)
        except Exception as problem:
            return _failure(where, problem)
        return None

    def _make(self, crew: Crew, task: Task, rng: SampleRng) -> Any:
        seed = self._base_seed
        dataset: Any = self._dataset
        if not self._auto_collation:
            rng.seed(seed, task.epoch, task.keys, task.occurrences[0])
            data = dataset[task.keys]
        elif getattr(dataset, "__getitems__", None):
            rng.seed(seed, task.epoch, (b"batch", task.number), 0)
            data = dataset.__getitems__(task.keys)
        else:
            data = []
            for key, occurrence in zip(task.keys, task.occurrences, strict=True):
                if crew.is_closed or task.epoch != crew.epoch:
                    return None
                rng.seed(seed, task.epoch, key, occurrence)
                data.append(dataset[key])
        rng.seed(seed, task.epoch, (b"collate", task.number), 0)
        batch = self._collate(data)
        if self._pins:
            batch = _utils.pin_memory.pin_memory(batch, self._pin_device)  # type: ignore[no-untyped-call]
        return batch


class _Occurrences:
    """How often each key came before, so that a sample that repeats is not drawn alike."""

    def __init__(self, dataset: Any) -> None:
        try:
            self._count = len(dataset)
        except TypeError:
            self._count = 0
        self._seen = np.zeros(0, np.uint32)
        self._others = 0

    def of(self, keys: Any) -> list[int]:
        return [self._of(key) for key in keys] if hasattr(keys, "__iter__") else []

    def _of(self, key: Any) -> int:
        if isinstance(key, int) and -self._count <= key < self._count:
            if not len(self._seen):
                self._seen = np.zeros(self._count, np.uint32)
            self._seen[key] += 1
            return int(self._seen[key])
        self._others += 1
        return self._others


class ThreadIterator(Counted):
    """An epoch on threads; with persistent workers one after the other.

    Args:
        loader: The loader.
        is_tried: Its samples are known not to draw from what threads share. Otherwise the first batch is
            made while nothing else runs, and the generators are compared.

    Raises:
        SharedDraws: They do. The generators are as they were, and nothing is left running.
    """

    _workers: tuple[Any, ...] = ()  # there are no processes; callers that look for them find none

    def __init__(self, loader: Any, *, is_tried: bool) -> None:
        super().__init__(loader)
        self._depth = loader.prefetch_factor * self._num_workers
        self._in_order = loader.in_order
        self._is_tried = is_tried
        self._crew = Crew(
            self._num_workers, _Worker(self, loader.worker_init_fn).serve, in_order=loader.in_order
        )
        self._crew.epoch = getattr(loader, "_stoker_round", 0)
        self._reset(loader, first_iter=True)

    def _reset(self, loader: Any, first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        self._sent = 0
        self._received = 0
        self._occurrences = _Occurrences(self._dataset)
        for each in take_skipped(self._index_sampler):
            self._occurrences.of(each if self._auto_collation else [each])
        # All are drawn before the first is begun, so that what moves the generators then is user code.
        keys = self._draw(self._depth)
        if first_iter:
            self._start(keys)
        else:
            self._crew.begin_epoch()
        for each in keys[self._sent :]:
            self._send(each)

    def _draw(self, count: int) -> list[Any]:
        """The next `count` batches of keys, or what is left. No generator: its end would be a finaliser."""
        keys: list[Any] = []
        with contextlib.suppress(StopIteration):
            while len(keys) < count:
                keys.append(self._next_index())  # type: ignore[no-untyped-call]
        return keys

    def _start(self, keys: list[Any]) -> None:
        if self._is_tried:
            self._crew.start()
            return
        was_alone = threading.active_count() == 1
        watch = Watch(self._dataset, self._collate_fn)
        self._crew.start()
        try:
            if keys:
                self._send(keys[0])
                self._crew.wait(0, min(self._timeout or _TRIAL_S, _TRIAL_S))
        except BaseException:
            self._crew.close()
            raise
        moved = watch.moved()
        if moved:
            self._crew.close()
            watch.restore()
            rest = itertools.chain(keys, self._sampler_iter)
            raise SharedDraws(moved, int(self._base_seed), rest, was_alone=was_alone)

    def _batches_behind(self) -> int | None:
        return self._received if self._in_order else None

    def _send(self, keys: Any) -> None:
        if self._auto_collation and hasattr(keys, "__iter__") and not hasattr(keys, "__len__"):
            keys = list(keys)
        occurrences = self._occurrences.of(keys if self._auto_collation else [keys])
        task = Task(self._crew.epoch, self._sent, keys, occurrences)
        self._crew.queues[self._sent % self._num_workers].put(task)
        self._sent += 1

    def _next_data(self) -> Any:
        crew = self._crew
        if crew.is_copy():
            raise StokerError(
                "DataLoader: its threads stayed in the process that forked; iterate the loader anew here."
            )
        if self._received == self._sent:
            if not self._persistent_workers:
                self._shutdown_workers()
            raise StopIteration
        number = crew.wait(self._received if self._in_order else None, self._timeout or None)
        if number is None:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        self._received += 1
        result = crew.take(number)
        # One, or more where an interrupt kept an earlier one from being sent.
        for keys in self._draw(self._depth - (self._sent - self._received)):
            self._send(keys)
        if isinstance(result, _Failure):
            result.throw(self._dataset)
        return result

    def _shutdown_workers(self) -> None:
        self._crew.close()

    @_native.uninterrupted
    def __del__(self) -> None:
        crew = self.__dict__.get("_crew")
        if crew is not None:
            crew.close()
