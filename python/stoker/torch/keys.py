"""The batches of keys of an epoch, watched where nothing is known of the sampler, or begun in the middle."""

from __future__ import annotations

import copy
import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from torch.utils.data.dataloader import _InfiniteConstantSampler

from stoker.torch.generators import sampler_of

# Their order follows from torch's generators, or from nothing but themselves.
_KNOWN = (SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler, DistributedSampler)
_DRAWN = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)

_END = object()


def is_known(loader: Any) -> bool:
    """Whether the order of an epoch can be had again from torch's generators and the sampler's `epoch`."""
    if type(sampler_of(loader)) is _InfiniteConstantSampler:
        return True
    is_plain = loader.batch_sampler is None or type(loader.batch_sampler) is BatchSampler
    return is_plain and type(sampler_of(loader)) in _KNOWN


def draws_globally(loader: Any) -> bool:
    """Whether the order may come from torch's process-wide generator."""
    if not is_known(loader):
        return True
    sampler = sampler_of(loader)
    return type(sampler) in _DRAWN and sampler.generator is None


def draws(loader: Any) -> bool:
    """Whether torch's samplers draw the order from a generator."""
    return type(sampler_of(loader)) in _DRAWN


def stateful(loader: Any) -> Any:
    """The batch sampler or sampler that keeps a state of its own; None if there is none."""
    for each in (loader.batch_sampler, sampler_of(loader)):
        if callable(getattr(each, "state_dict", None)) and callable(getattr(each, "load_state_dict", None)):
            return each
    return None


def fingerprint(keys: Any) -> int:
    """Of the first keys of a batch, to see whether a sampler gives the same order again."""
    if hasattr(keys, "__next__"):
        return 0  # they can be read only once, which is not for us to do
    listed = list(itertools.islice(keys, 64)) if hasattr(keys, "__iter__") else [keys]
    return zlib.crc32(repr(listed).encode("utf-8", "backslashreplace"))


class WatchedKeys:
    """A sampler of unknown kind whose state, if it has one, is noted with each batch of keys.

    Attributes:
        first: fingerprint() of the first batch of the epoch; None before.
    """

    def __init__(self, keys: Any, owner: Any) -> None:
        self._keys = keys
        self._owner = owner
        self._states: dict[int, Any] = {}
        self.first: int | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keys, name)

    def __iter__(self) -> Iterator[Any]:
        return self._watch(iter(self._keys))

    def _watch(self, keys: Iterator[Any]) -> Iterator[Any]:
        self.first = None
        self._states = {0: self._state()}
        for number, each in enumerate(keys, 1):
            if self.first is None:
                self.first = fingerprint(each)
            self._states[number] = self._state()
            yield each

    def _state(self) -> Any:
        return None if self._owner is None else copy.deepcopy(self._owner.state_dict())

    def state_after(self, batches: int) -> Any:
        """The sampler's state when so many batches of keys had been given; earlier ones are forgotten."""
        for number in [number for number in self._states if number < batches]:
            del self._states[number]
        return self._states.get(batches, None if self._owner is None else self._state())

    def clear(self) -> None:
        """Another epoch begins."""
        self._states.clear()
        self.first = None

    def forget(self, batches: int) -> None:
        """States before that of `batches` are not asked for any more."""
        self._states.pop(batches - 1, None)


class ResumedKeys:
    """The keys of an epoch that others began: those that are behind are drawn and left out.

    An iterator asks for keys once, or with workers twice, of which the second counts; later epochs of an
    iterator that is kept begin at their beginning.

    Args:
        keys: The sampler.
        skip: Batches of keys that are behind.
        first: What fingerprint() must give for the first; None for anything.
        asks: How often the iterator asks before it reads.
        draw: Draws the epoch's seed at torch's moment; None where torch draws none.
    """

    def __init__(
        self, keys: Any, skip: int, first: int | None, asks: int, draw: Callable[[], Any] | None
    ) -> None:
        self._keys = keys
        self._skip = skip
        self._first = first
        self._asks = asks
        self._draw = draw
        self.skipped: list[Any] = []

    def __len__(self) -> int:
        return len(self._keys)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keys, name)

    def __iter__(self) -> Iterator[Any]:
        self._asks -= 1
        if self._asks < 0:
            return iter(self._keys)
        if self._draw is None and self._asks > 0:  # a kept iterator asked only once at that epoch
            return iter(())
        keys = iter(self._keys)
        if self._draw is not None:
            self._draw()
            self._draw = None
        return keys if self._asks > 0 else self._rest(keys)

    def _rest(self, keys: Iterator[Any]) -> Iterator[Any]:
        """Draws now, while torch's generators are those of the epoch's beginning."""
        self.skipped = list(itertools.islice(keys, self._skip))
        if len(self.skipped) < self._skip:
            raise ValueError(
                f"load_state_dict: the state has {self._skip} batches behind, the sampler gives only "
                f"{len(self.skipped)}; make the loader with the sampler and batch size that it was "
                "taken with."
            )
        if self.skipped and self._first is not None and fingerprint(self.skipped[0]) != self._first:
            raise ValueError(
                "load_state_dict: the sampler gives another order than when the state was taken; "
                "seed it as then, "
                "or give it state_dict() and load_state_dict()."
            )
        following = next(keys, _END)
        return keys if following is _END else itertools.chain([following], keys)


def take_skipped(index_keys: Any) -> list[Any]:
    """Batches of keys that a resumed epoch has left out, once."""
    if not isinstance(index_keys, ResumedKeys):
        return []
    skipped, index_keys.skipped = index_keys.skipped, []
    return skipped


def with_generator(loader: Any, state: torch.Tensor) -> Any:
    """The loader's index sampler, drawing from a generator of its own at `state`, as torchdata's does."""
    generator = torch.Generator()
    generator.set_state(state)
    sampler = copy.copy(sampler_of(loader))
    sampler.generator = generator
    if loader.batch_sampler is None:
        return sampler
    return BatchSampler(sampler, loader.batch_sampler.batch_size, loader.batch_sampler.drop_last)
