"""An epoch of the drop-in DataLoader out of the engine."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections import deque
from typing import Any

import torch
from torch.utils.data import _utils
from torch.utils.dlpack import from_dlpack

from stoker import _native
from stoker.errors import SampleError
from stoker.lowering.image_files import Form
from stoker.lowering.plan import Plan
from stoker.thread_tuning import ThreadTuner
from stoker.torch.batch_memory import PinnedImages
from stoker.torch.by_torch import ByTorch
from stoker.torch.keys import take_skipped
from stoker.torch.position import Counted
from stoker.torch.torch_tier import stopped_in_dataset

# What keys that are none of the dataset's raise.
_NOT_KEYS = (TypeError, ValueError, IndexError, OverflowError)


class LastRun:
    """The most recent native run of a loader, or what it counted once it is closed."""

    def __init__(self) -> None:
        self.run: Any = None
        self._counters: dict[str, Any] = {}

    def counters(self) -> dict[str, Any]:
        return dict(self.run.counters()) if self.run is not None else dict(self._counters)

    def close(self) -> None:
        run, self.run = self.run, None
        if run is not None:
            run.close()
            self._counters = dict(run.counters())


class NativeIterator(Counted):
    """One epoch (with persistent workers: one after the other) out of the engine.

    torch's base class makes the draws that torch makes and runs the sampler; batches of indices go to the
    engine as early as torch would hand them to its workers.
    """

    _workers: tuple[Any, ...] = ()  # there are no processes; callers that look for them find none

    def __init__(self, loader: Any, plan: Plan, last: LastRun, tuner: ThreadTuner | None = None) -> None:
        self._last = last
        self._tuner = tuner
        super().__init__(loader)
        self._plan = plan
        self._epoch: int = getattr(loader, "_stoker_round", 0)
        self._begun_keys = self._index_sampler
        self._drawn = 0
        self._pending: deque[ByTorch | None] = deque()
        threads = plan.options["threads"]
        self._reads_ahead = self._num_workers > 0 or threads > 0
        self._depth = loader.prefetch_factor * self._num_workers if self._num_workers else 4 if threads else 1
        self._batch_size = loader.batch_size or getattr(loader.batch_sampler, "batch_size", 0)
        self._pinned: PinnedImages | None = None
        self._start()
        if self._num_workers > 0:
            self._reset(loader, first_iter=True)

    def _reset(self, loader: Any, first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        if not first_iter:
            self._last.close()
            self._epoch += 1
            self._drawn = 0
            self._pending.clear()
            self._start()
        self._fill()

    def _start(self) -> None:
        if self._pin_memory and self._plan.collates and self._plan.samples.form is None:
            self._pinned = PinnedImages(self._plan.options["max_active_batches"])
        memory = {} if self._pinned is None else self._pinned.options()
        threads = threads_of(self._tuner)
        self._run = self._last.run = self._plan.start(int(self._base_seed), **memory, **threads)
        if self._tuner is not None:
            self._tuner.begin_epoch(self._run)
        if self._pinned is not None:
            *sides, dtype = self._run.sample_shape
            sample_bytes = math.prod(sides) * getattr(torch, dtype).itemsize
            self._pinned.images.lend(self._batch_size * sample_bytes)
            self._pinned.columns.lend(self._batch_size * torch.int64.itemsize)

    def _fill(self) -> None:
        for keys in take_skipped(self._begun_keys):
            with contextlib.suppress(*_NOT_KEYS):
                self._run.skip(self._plan.samples.indices(keys), self._epoch)
        while len(self._pending) < self._depth:
            try:
                keys = self._next_index()  # type: ignore[no-untyped-call]
            except StopIteration:
                return
            self._drawn += 1
            self._pending.append(self._submit(keys))

    def _batches_behind(self) -> int:
        return self._drawn - len(self._pending)

    def _submit(self, keys: Any) -> ByTorch | None:
        """Queues one batch; keys that the engine does not know wait for their turn, as in a worker."""
        if hasattr(keys, "__iter__") and not hasattr(keys, "__len__"):
            keys = list(keys)
        try:
            indices = self._plan.samples.indices(keys)
            if not len(indices):
                return ByTorch(keys)
        except _NOT_KEYS:
            return ByTorch(keys)
        self._run.submit(indices, self._epoch)
        return None

    def _next_data(self) -> Any:
        batch, asked_ns = None, time.monotonic_ns()
        while batch is None:
            if not self._pending:
                self._fill()
            if not self._pending:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            batch = self._take()
        try:
            data = batch.fetch(self) if isinstance(batch, ByTorch) else self._collate(batch)
        except StopIteration as problem:
            stopped_in_dataset(self._dataset, problem)
        if self._pin_memory and (self._pinned is None or isinstance(batch, ByTorch)):
            data = _utils.pin_memory.pin_memory(data, self._pin_memory_device)  # type: ignore[no-untyped-call]
        if self._tuner is not None:
            self._observe(asked_ns, is_native=not isinstance(batch, ByTorch))
        return data

    def _observe(self, asked_ns: int, *, is_native: bool) -> None:
        assert self._tuner is not None
        if not is_native:
            return self._tuner.pause()
        threads = self._tuner.observe(asked_ns, time.monotonic_ns())
        if threads is not None:
            self._run.set_active_threads(threads)

    def _take(self) -> Any:
        """The next batch, its keys where torch has to make it, or None for one that "skip" has emptied."""
        batch: Any = self._pending[0]
        problem = None
        if batch is None:
            try:
                batch = self._run.next(self._timeout or None)
            except SampleError as bad:
                problem = bad
                if self._pinned is not None:
                    self._pinned.images.lend(0)
                    self._pinned.columns.lend(0)
            except TimeoutError:
                raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds") from None
        self._pending.popleft()
        if self._reads_ahead:
            self._fill()
        if problem is not None:
            raise problem
        return batch if isinstance(batch, ByTorch) or len(batch) else None

    def _collate(self, batch: Any) -> Any:
        samples = self._plan.samples
        if samples.form is not None:
            return self._collate_form(batch, samples.form)
        targets = samples.python_targets(batch)
        if self._plan.collates:
            images = from_dlpack(batch.images)
            if targets is None:
                column = torch.from_numpy(batch.column("target"))
                if self._pinned is None:
                    return [images, column]
                return [self._pinned.images.owned(images), self._pinned.columns.owned(column)]
            rest = _utils.collate.default_collate(targets)  # type: ignore[no-untyped-call]
            if self._pinned is None:
                return [images, rest]
            pin = _utils.pin_memory.pin_memory
            return [self._pinned.images.owned(images), pin(rest, self._pin_memory_device)]  # type: ignore[no-untyped-call]
        if targets is None:
            targets = batch.column("target").tolist()
        return self._collate_fn(
            list(zip(_single_images(batch.images, samples.recipe.sample), targets, strict=True))
        )

    def _collate_form(self, batch: Any, form: Form) -> Any:
        """As `_collate`, where a sample is not (image, target)."""
        samples = self._plan.samples
        targets: Any = None
        if form.has_target:
            targets = samples.python_targets(batch) or batch.column("target").tolist()
        if self._plan.collates:
            images = from_dlpack(batch.images)
            if not form.is_dict:
                return images
            whole = {"image": images}
            whole |= {
                name: _channels_last(from_dlpack(batch.field(name)), 4, self._plan) for name in form.masks
            }
            more = form.columns(batch)
            if targets is not None:
                more["target"] = targets
            collate: Any = _utils.collate.default_collate
            return whole | {name: collate(values) for name, values in more.items()}
        kind = samples.recipe.sample
        columns: dict[str, Any] = {"image": _single_images(batch.images, kind)}
        for name in form.masks:
            masks = [_channels_last(from_dlpack(mask), 3, self._plan) for mask in batch.field(name)]
            columns[name] = [mask.numpy() for mask in masks] if kind == "array" else masks
        if not form.is_dict:
            return self._collate_fn(columns["image"])
        columns |= form.columns(batch)
        if targets is not None:
            columns["target"] = targets
        rows = zip(*columns.values(), strict=True)
        return self._collate_fn([dict(zip(columns, row, strict=True)) for row in rows])

    def _shutdown_workers(self) -> None:
        self._last.close()

    @_native.uninterrupted
    def __del__(self) -> None:
        last = self.__dict__.get("_last")
        if last is not None:
            last.close()


def threads_of(tuner: ThreadTuner | None) -> dict[str, int]:
    """Of a run that is tuned; nothing where the plan's number stays."""
    return {} if tuner is None else {"threads": tuner.most, "active_threads": tuner.active}


def _single_images(images: Any, sample: str) -> list[Any]:
    """The images of a batch one by one, each as the Python pipeline would have returned it."""
    if isinstance(images, list):
        tensors = [from_dlpack(image) for image in images]
    else:
        tensors = list(from_dlpack(images).unbind(0))
    if sample == "array":
        return [tensor.numpy() for tensor in tensors]
    if sample == "image":
        wrap = sys.modules["torchvision"].tv_tensors.Image
        return [wrap(tensor) for tensor in tensors]
    return tensors


def _channels_last(masks: Any, axes: int, plan: Plan) -> Any:
    """Masks as the Python pipeline leaves them: those of `axes` come in the layout of the images."""
    if masks.ndim < axes or plan.options["layout"] == "hwc":
        return masks
    return masks.movedim(-3, -1).contiguous()
