"""Which samples are in each batch of an epoch, on each rank."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stoker import _native

_DRAWN_AT_A_TIME = 4096


class Drawn:
    """Samples of the steps from `first` to `end`, `count` each.

    Attributes:
        address: Of the numbers, int64, step after step; it is theirs as long as this object is there.
        step_bytes: From a step's first number to the next one's.
    """

    __slots__ = ("_numbers", "address", "count", "end", "first", "step_bytes")

    def __init__(self, first: int, end: int, count: int, numbers: npt.NDArray[np.int64]) -> None:
        self.first = first
        self.end = end
        self.count = count
        self.address = numbers.ctypes.data
        self.step_bytes = numbers.itemsize * count
        self._numbers = numbers


@dataclass(frozen=True)
class EpochOrder:
    """The batches of one epoch on one rank.

    The order of an epoch has a position for each sample. Step s of all ranks together takes the positions
    from `begin + s * world_size * batch_size` on, as many; rank r takes every `world_size`th of them from the
    r-th. So what a global batch holds depends on its first position and its size, not on the number of ranks.
    Where the last step does not give every rank as many, the ranks that come short take one of the first
    samples of the order, each another one.

    Attributes:
        samples: In the source.
        seed: Of the shuffle; None for the order of the source.
        epoch: Number of the epoch.
        begin: The first position that is visited; above 0 where an epoch is resumed.
        batch_size, rank, world_size, drop_last: As of the loader.
    """

    samples: int
    seed: int | None
    epoch: int
    begin: int
    batch_size: int
    rank: int
    world_size: int
    drop_last: bool

    @property
    def global_batch_size(self) -> int:
        return self.batch_size * self.world_size

    def __len__(self) -> int:
        """Steps, the same on every rank."""
        left = self.samples - self.begin
        return left // self.global_batch_size if self.drop_last else -(-left // self.global_batch_size)

    def delivered(self, steps: int) -> int:
        """Positions that are behind once `steps` batches are; those that were padded count once."""
        return min(self.begin + steps * self.global_batch_size, self.samples)

    @property
    def repeated(self) -> int:
        """Samples that are visited twice, so that the ranks have as many batches of one size."""
        return 0 if self.drop_last else (self.begin - self.samples) % self.world_size

    def indices(self, step: int) -> npt.NDArray[np.int64]:
        """The samples of this rank's batch at `step`."""
        begin = self.begin + step * self.global_batch_size
        end = min(begin + self.global_batch_size, self.samples)
        count = -(-(end - begin) // self.world_size)
        own = self._at(begin + self.rank, end)
        if len(own) == count:
            return own
        missing = begin + self.rank + (count - 1) * self.world_size
        first = (missing - self.samples) % self.samples
        return np.concatenate([own, self._at(first, first + 1)])

    def drawn(self, step: int) -> Drawn:
        """The samples of `step` and of steps after it, as many as are well drawn together."""
        full_steps = (self.samples - self.begin) // self.global_batch_size
        count = min(max(1, _DRAWN_AT_A_TIME // self.batch_size), full_steps - step)
        if count < 1:
            numbers = self.indices(step)
            return Drawn(step, step + 1, len(numbers), numbers)
        begin = self.begin + step * self.global_batch_size
        numbers = self._at(begin + self.rank, begin + count * self.global_batch_size)
        return Drawn(step, step + count, self.batch_size, numbers)

    def _at(self, begin: int, end: int) -> npt.NDArray[np.int64]:
        """Samples at every `world_size`th position of [begin, end)."""
        if begin >= end:
            return np.zeros(0, np.int64)
        if self._shuffled is None:
            return np.arange(begin, end, self.world_size, dtype=np.int64)
        return np.asarray(self._shuffled.indices(begin, end, self.world_size), dtype=np.int64)

    @cached_property
    def _shuffled(self) -> _native.Order | None:
        return None if self.seed is None else _native.Order(self.seed, self.epoch, self.samples)
