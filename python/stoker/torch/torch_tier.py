"""torch's own iterators, with the two things that stoker does otherwise: see docs/differences.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import torch
from torch.utils.data.dataloader import (
    _BaseDataLoaderIter,
    _DatasetKind,
    _MultiProcessingDataLoaderIter,
    _SingleProcessDataLoaderIter,
)

from stoker.torch.position import Counted


def torch_iterator(loader: Any) -> _BaseDataLoaderIter:
    """What torch's `_get_iterator` gives, where the end of an epoch is the sampler's alone."""
    if loader.num_workers == 0:
        return _InlineIterator(loader)
    return _ProcessIterator(loader)


def stopped_in_dataset(dataset: Any, problem: StopIteration) -> NoReturn:
    """A dataset of samples by key has a length; running out inside a sample is a mistake, not an end."""
    raise RuntimeError(
        f"{type(dataset).__name__}: StopIteration was raised while a batch was made, which would have "
        "ended the epoch early without a word; return the sample, raise IndexError "
        "for a key that does not exist, or make it an IterableDataset."
        f"\n{problem}".rstrip()
    ) from problem


class _InlineIterator(Counted, _SingleProcessDataLoaderIter):
    _drawn = 0

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._profile_name = "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"
        if self._dataset_kind == _DatasetKind.Map:
            self._dataset_fetcher = _Fetcher(self._dataset_fetcher)

    def _next_index(self) -> Any:
        keys = super()._next_index()  # type: ignore[no-untyped-call]
        self._drawn += 1
        return keys

    def _batches_behind(self) -> int:
        return self._drawn if self._dataset_kind == _DatasetKind.Map else self._num_yielded


class _Fetcher:
    """torch's fetcher, out of which no StopIteration comes."""

    def __init__(self, fetcher: Any) -> None:
        self._fetcher = fetcher

    def fetch(self, keys: Any) -> Any:
        try:
            return self._fetcher.fetch(keys)
        except StopIteration as problem:
            stopped_in_dataset(self._fetcher.dataset, problem)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fetcher, name)


class _ProcessIterator(Counted, _MultiProcessingDataLoaderIter):
    def __init__(self, loader: Any) -> None:
        self._shutdown = True  # nothing to end, should the constructor fail
        super().__init__(loader)
        self._profile_name = "enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__"

    def _batches_behind(self) -> int | None:
        if self._dataset_kind != _DatasetKind.Map:
            return self._num_yielded
        return int(self._rcvd_idx) if self._in_order or self._num_workers == 1 else None

    def _process_data(self, data: Any, worker_idx: int) -> Any:
        try:
            return super()._process_data(data, worker_idx)  # type: ignore[no-untyped-call]
        except StopIteration as problem:
            stopped_in_dataset(self._dataset, problem)


class ContinuedIterator(_ProcessIterator):
    """Worker processes for an epoch whose seed is drawn and whose sampler has begun.

    Args:
        loader: The loader.
        base_seed: The seed that was drawn for it.
        keys: The batches of keys from the first on; later epochs ask the loader's sampler.
    """

    def __init__(self, loader: Any, base_seed: int, keys: Iterator[Any]) -> None:
        self._drawn_seed = base_seed
        super().__init__(_Begun(loader, keys))
        self._index_sampler = loader._index_sampler

    # torch's constructor draws a seed, here from a generator that nobody else sees, and starts its workers.
    @property
    def _base_seed(self) -> int:
        return self._drawn_seed

    @_base_seed.setter
    def _base_seed(self, value: int) -> None:
        pass


class _Begun:
    """A loader with another sampler and generator."""

    def __init__(self, loader: Any, keys: Iterator[Any]) -> None:
        self._loader = loader
        self._index_sampler = keys
        self.generator = torch.Generator()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
