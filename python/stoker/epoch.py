"""One pass over a source, and the beginning of the next."""

from __future__ import annotations

import itertools
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from stoker import _native
from stoker.epoch_order import Drawn, EpochOrder
from stoker.errors import SampleError, StokerError
from stoker.mixing import mixed

if TYPE_CHECKING:
    from stoker.loader import Loader

# The random numbers of an epoch are keyed by 24 bits of it.
EPOCHS = 2**24

# Batches asked of the engine beyond those that it begins, so that threads never wait for next().
_SUBMITTED_AHEAD = 2


class DlpackArray:
    """bfloat16 pixels, for `torch.from_dlpack` and its like: NumPy has no such dtype."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape: tuple[int, ...] = tuple(_native.shape_of(array))

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()

    def __len__(self) -> int:
        return int(self.shape[0])

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("NumPy has no bfloat16; use torch.from_dlpack, or dtype='float16' or 'float32'.")

    def __repr__(self) -> str:
        return f"<bfloat16 array of {self.shape}, for from_dlpack>"


class Ahead:
    """The first batches of the epoch that is expected next, submitted to the run before it begins."""

    def __init__(self, order: EpochOrder) -> None:
        self.order = order
        self.submitted = 0


class Epoch:
    """One pass over the source. Several Python threads may take batches from it."""

    def __init__(self, loader: Loader, run: _native.Run, order: EpochOrder, submitted: int) -> None:
        self._loader = loader
        self._run = run
        self._order = order
        self._steps = len(order)
        self._lock = threading.RLock()  # a signal handler may take a batch while its thread waits for one
        self._submitted = submitted
        self._taken = 0
        self._is_detached = False
        self._drawn: Drawn | None = None  # where batches are made at once, otherwise they queue
        self._has_more_fields = loader.source.has_more_fields
        if loader.makes_at_once and self._steps:
            self._drawn = order.drawn(0)
            return
        for _ in range(submitted, min(loader.prefetch + _SUBMITTED_AHEAD, self._steps)):
            self._submit()

    @property
    def is_complete(self) -> bool:
        return self._taken == self._steps

    @property
    def is_over(self) -> bool:
        return self.is_complete or self._is_detached

    def detach(self) -> None:
        """Another epoch has begun on the loader; this one is over."""
        self._is_detached = True

    def _submit(self) -> None:
        self._run.submit(self._order.indices(self._submitted), self._order.epoch)
        self._submitted += 1

    def _submit_ahead(self) -> None:
        """One more batch of the next epoch, so that no thread waits at the end of this one."""
        loader = self._loader
        if not loader.prepares_next_epoch:
            return
        order = loader._order(self._next_epoch())
        if loader._ahead is not None and loader._ahead.order != order:
            self._drop_ahead()
        if loader._ahead is None:
            loader._ahead = Ahead(order)
        ahead = loader._ahead
        if ahead.submitted < min(loader.prefetch + _SUBMITTED_AHEAD, len(order)):
            self._run.submit(ahead.order.indices(ahead.submitted), order.epoch, is_tentative=True)
            ahead.submitted += 1

    def _drop_ahead(self) -> None:
        if self._loader._ahead is not None:
            self._loader._ahead = None
            self._run.drop_tentative()

    def _next_epoch(self) -> int:
        return self._loader._epoch if self._loader._epoch_is_set else (self._order.epoch + 1) % EPOCHS

    def __iter__(self) -> Epoch:
        return self

    def __len__(self) -> int:
        return self._steps - self._taken

    def __next__(self) -> Any:
        if self._drawn is not None:
            return self._finish(self._take())
        asked_ns = time.monotonic_ns()
        while True:
            batch = self._take()
            # With on_error="skip" a batch can lose all its samples; there is nothing to hand out then.
            if len(batch):
                break
        finished = self._finish(batch)
        tuner = self._loader._tuner
        if tuner is not None:
            threads = tuner.observe(asked_ns, time.monotonic_ns())
            if threads is not None:
                self._run.set_active_threads(threads)
        return finished

    def _take(self) -> _native.Batch:
        loader = self._loader
        if os.getpid() != loader._process:  # before the lock, which another thread may have held at the fork
            raise StokerError(
                "stoker.Loader: the threads stayed in the process that forked; iterate the loader anew here."
            )
        with self._lock:
            if self._is_detached or loader._run is not self._run:
                raise RuntimeError(
                    "stoker.Loader: this epoch has ended, because the loader was closed or iterated anew."
                )
            if self._taken == self._steps:
                raise StopIteration
            if self._drawn is None:
                if self._submitted < self._steps:
                    self._submit()
                else:
                    self._submit_ahead()
            self._taken += 1
            loader._visited = (self._order, self._taken)
            if self._taken == self._steps:
                loader._epoch = self._next_epoch()
            # Within the lock, so that batches reach several threads in order.
            if self._drawn is not None:
                return self._make_at_once(self._taken - 1, self._drawn)
            try:
                batch = self._run.next()
            except SampleError:
                self._drop_ahead()  # what is bad may be mended before the next epoch
                raise
        if batch is None:
            raise RuntimeError("stoker.Loader: it was closed while a batch was awaited.")
        return batch  # type: ignore[no-any-return]

    def _make_at_once(self, step: int, drawn: Drawn) -> _native.Batch:
        if not drawn.first <= step < drawn.end:
            self._drawn = drawn = self._order.drawn(step)
        address = drawn.address + (step - drawn.first) * drawn.step_bytes
        return self._run.make_at_once(address, drawn.count)

    def _finish(self, batch: _native.Batch) -> Any:
        source = self._loader.source
        images = self._shown(batch.images)
        labels = source.labels_of(batch)
        if self._loader.mix:
            key = (self._loader.seed, self._order.epoch, *map(int, batch.indices))
            return mixed(self._loader.mix, images, labels, self._loader.layout, key)
        if not self._has_more_fields:
            return images if labels is None else (images, labels)
        fields = {"image": images}
        for name, kind in source.fields[1:]:
            fields[name] = self._shown(batch.field(name)) if kind == "image" else batch.field(name)
        for name in source.native.ragged_names:
            values, starts, *_ = batch.ragged(name)
            fields[name] = [values[begin:end] for begin, end in itertools.pairwise(starts)]
        return fields if labels is None else {**fields, "label": labels}

    def _shown(self, images: Any) -> Any:
        if self._loader.dtype != "bfloat16":
            return images
        return [DlpackArray(image) for image in images] if isinstance(images, list) else DlpackArray(images)

    @_native.uninterrupted
    def __del__(self) -> None:
        # Broken off: stop the threads now, not when the loader goes.
        loader = getattr(self, "_loader", None)
        if loader is None or self.is_over or self._drawn is not None:
            return
        if os.getpid() != loader._process:
            return
        self._run.close()
        if loader._run is self._run:
            loader._run = loader._make_run()
