"""Keys of a dataset, as samplers give them, to sample numbers of the engine."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch.utils.data import ConcatDataset, Subset

from stoker.lowering.recipe import NotNative, own_functions

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class KeyedSamples:
    """Samples of the engine under the keys of a map-style dataset.

    Attributes:
        dataset: The dataset itself.
        count: Samples of the dataset.
        keys: Sample number for each key of the dataset; None where both are the same.
    """

    dataset: Any
    count: int
    keys: Indices | None = None

    def indices(self, keys: Iterable[Any]) -> Indices:
        """Sample numbers for the keys of one batch; negative keys count from the end.

        Raises:
            IndexError: A key is outside of the dataset.
            TypeError: A key is not an integer.
        """
        listed = list(keys)
        try:
            result = np.fromiter(map(operator.index, listed), np.int64, len(listed))
        except TypeError:
            raise TypeError(f"the sampler gave the keys {listed!r}, native loading takes integers") from None
        outside = (result < -self.count) | (result >= self.count)
        if outside.any():
            raise IndexError(f"key {listed[int(outside.argmax())]} is outside of {self.count} samples")
        result[result < 0] += self.count
        return result if self.keys is None else self.keys[result]


def flatten(dataset: Any) -> tuple[list[Any], Indices | None]:
    """What Subset and ConcatDataset are made of, end to end, and the place in it of each sample.

    Raises:
        NotNative: One of them has been changed.
    """
    cls = type(dataset)
    if cls not in (Subset, ConcatDataset):
        return [dataset], None
    if not own_functions(cls, "torch") or "__getitems__" in vars(dataset):
        raise NotNative(f"{cls.__name__}: a method is replaced")
    if cls is Subset:
        leaves, keys = flatten(dataset.dataset)
        return leaves, _subset(dataset.indices, len(dataset.dataset), keys)
    if dataset.cumulative_sizes != ConcatDataset.cumsum(dataset.datasets):  # type: ignore[no-untyped-call]
        raise NotNative("ConcatDataset: a part has changed its length")
    leaves, parts, offset = [], [], 0
    for part in dataset.datasets:
        below, keys = flatten(part)
        parts.append((np.arange(len(part), dtype=np.int64) if keys is None else keys) + offset)
        offset += sum(len(leaf) for leaf in below)
        leaves += below
    return leaves, np.concatenate(parts)


def _subset(indices: Sequence[Any], count: int, keys: Indices | None) -> Indices:
    try:
        chosen = np.fromiter(map(operator.index, indices), np.int64, len(indices))
    except TypeError:
        raise NotNative("Subset: its indices are not all integers") from None
    if chosen.size and (chosen.min() < -count or chosen.max() >= count):
        raise NotNative(f"Subset: an index is outside of its {count} samples")
    chosen[chosen < 0] += count
    return chosen if keys is None else keys[chosen]
