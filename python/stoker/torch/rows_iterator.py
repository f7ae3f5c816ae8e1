"""An epoch of a dataset that is arrays in memory."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch.utils.data import _utils

from stoker import _native
from stoker.lowering.rows_plan import RowsPlan
from stoker.torch.batch_memory import BatchMemory
from stoker.torch.by_torch import ByTorch
from stoker.torch.index_order import RowNumbers, row_numbers, whole_batches
from stoker.torch.native_iterator import LastRun
from stoker.torch.position import Counted
from stoker.torch.torch_tier import stopped_in_dataset

_address_of = torch.Tensor.data_ptr
_is_profiling = torch.autograd._profiler_enabled  # type: ignore[attr-defined]


class RowsIterator(Counted):
    """One epoch (with persistent workers: one after the other) of rows copied into batches.

    torch's base class makes the draws that torch makes. The order is taken from the sampler as early as torch
    would hand it to its workers.
    """

    _workers: tuple[Any, ...] = ()  # there are no processes; callers that look for them find none

    def __init__(self, loader: Any, plan: RowsPlan, last: LastRun) -> None:
        self._last = last
        super().__init__(loader)
        self._plan = plan
        shapes = [(column.row_shape, column.dtype) for column in plan.samples.columns]
        self._memory = BatchMemory(shapes, self._pin_memory and plan.collates, plan.buffers)
        self._is_whole = plan.collates  # as it leaves the engine
        self._is_tuple = plan.samples.sample == "tuple"
        self._depth = (
            loader.prefetch_factor * self._num_workers if self._num_workers else 2 * plan.active_batches
        )
        self._draws = 0
        self._drawn: deque[RowNumbers | ByTorch] = deque()
        self._filling: deque[list[torch.Tensor] | ByTorch] = deque()
        self._begin(plan.first_run)
        if self._num_workers > 0:
            self._reset(loader, first_iter=True)

    def _begin(self, run: Any) -> None:
        self._run = self._last.run = run
        self._fill = self._run.fill
        self._order = whole_batches(self._index_sampler, self._plan.samples)
        self._is_plain = self._is_whole and self._order is not None and not self._plan.active_batches

    def _reset(self, loader: Any, first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        if not first_iter:
            self._last.close()
            self._draws = 0
            self._drawn.clear()
            self._filling.clear()
            self._begin(self._plan.start())
        self._work_ahead()

    def _draw(self) -> RowNumbers | ByTorch:
        """The rows of the next batch; StopIteration after the last."""
        if self._order is not None:
            rows: RowNumbers | ByTorch = next(self._order)
        else:
            rows = row_numbers(self._next_index(), self._plan.samples)  # type: ignore[no-untyped-call]
        self._draws += 1
        return rows

    def _batches_behind(self) -> int:
        return self._draws - len(self._drawn) - len(self._filling)

    def _work_ahead(self) -> None:
        """Draws and begins as much as there is room for."""
        drawn = self._drawn
        while len(drawn) + len(self._filling) < self._depth:
            try:
                drawn.append(self._draw())
            except StopIteration:
                break
        if self._plan.active_batches == 0:
            return
        while drawn and len(self._filling) < self._plan.active_batches:
            rows = drawn.popleft()
            self._filling.append(rows if isinstance(rows, ByTorch) else self._submit(rows))

    def _submit(self, rows: RowNumbers) -> list[torch.Tensor]:
        address, count, _ = rows
        tensors = self._memory.batch(count)
        self._run.submit(address, count, *map(_address_of, tensors))
        return tensors

    def _copy(self, rows: RowNumbers | ByTorch) -> list[torch.Tensor] | ByTorch:
        if isinstance(rows, ByTorch):
            return rows
        address, count, _ = rows
        tensors = self._memory.batch(count)
        self._fill(address, count, *map(_address_of, tensors))
        return tensors

    def _take(self) -> list[torch.Tensor] | ByTorch:
        """The batch whose turn it is; the next one is drawn before it is handed out."""
        if not self._drawn and not self._filling:
            self._work_ahead()
        if self._filling:
            batch = self._filling.popleft()
            if not isinstance(batch, ByTorch) and not self._run.next():
                raise RuntimeError("DataLoader: it was closed while a batch was awaited")
        elif self._drawn:
            batch = self._copy(self._drawn.popleft())
        else:
            if not self._persistent_workers:
                self._shutdown_workers()
            raise StopIteration
        self._work_ahead()
        return batch

    def __next__(self) -> Any:
        if _is_profiling():
            return super().__next__()  # inside the range that torch's loader has
        try:
            data = self._next_plain() if self._is_plain else self._next_data()
        except StopIteration:
            self._finish()
            raise
        self._num_yielded += 1
        return data

    def _next_plain(self) -> Any:
        """As `_next_data` where torch's own order is copied here: without its calls, which cost as much."""
        order, drawn = self._order, self._drawn
        assert order is not None
        if self._depth == 0:
            address, count, _ = next(order)
            self._draws += 1
        elif drawn:
            address, count, _ = drawn.popleft()  # type: ignore[misc]
        else:
            return self._next_data()
        batch = self._memory.batch(count)
        self._fill(address, count, *map(_address_of, batch))
        if self._depth:
            try:
                drawn.append(next(order))
                self._draws += 1
            except StopIteration:
                pass
        return batch if self._is_tuple else batch[0]

    def _next_data(self) -> Any:
        batch = self._take() if self._depth else self._copy(self._draw())
        if self._is_whole and not isinstance(batch, ByTorch):
            return batch if self._is_tuple else batch[0]
        try:
            data = (
                batch.fetch(self) if isinstance(batch, ByTorch) else self._collate_fn(self._samples_of(batch))
            )
        except StopIteration as problem:
            stopped_in_dataset(self._dataset, problem)
        if self._pin_memory:
            data = _utils.pin_memory.pin_memory(data, self._pin_memory_device)  # type: ignore[no-untyped-call]
        return data

    def _samples_of(self, tensors: list[torch.Tensor]) -> list[Any]:
        """The samples of a batch, each as `dataset[i]` would have returned it."""
        kind = self._plan.samples.sample
        if kind == "tuple":
            return list(zip(*tensors, strict=True))
        return list(tensors[0]) if kind == "tensor" else list(tensors[0].numpy())

    def _shutdown_workers(self) -> None:
        self._last.close()

    @_native.uninterrupted
    def __del__(self) -> None:
        self._report()
        last = self.__dict__.get("_last")
        if last is not None:
            last.close()
