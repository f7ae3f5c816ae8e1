"""The indices of an epoch, in whole tensors where torch's own samplers make them."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from stoker.lowering.keys import Indices, KeyedSamples
from stoker.lowering.recipe import own_functions
from stoker.torch.by_torch import ByTorch

# Indices in order are made this many at a time.
_SEQUENTIAL_CHUNK = 1 << 20


# The row numbers of one batch: the address of int64 numbers, how many, and the array that they lie in.
RowNumbers = tuple[int, int, Indices]


def whole_batches(index_sampler: Any, samples: KeyedSamples) -> Iterator[RowNumbers] | None:
    """The batches of `index_sampler` with torch's draws at torch's moments, but no list of Python integers.

    Returns:
        None where it is not torch's BatchSampler over one of torch's samplers of this dataset.
    """
    if type(index_sampler) is not BatchSampler or not own_functions(BatchSampler, "torch"):
        return None
    chunks = _chunks(index_sampler.sampler, samples)
    return None if chunks is None else _cut(chunks, index_sampler, samples)


def row_numbers(keys: Any, samples: KeyedSamples) -> RowNumbers | ByTorch:
    """Of a batch of keys that any other sampler gave."""
    if hasattr(keys, "__iter__") and not hasattr(keys, "__len__"):
        keys = list(keys)
    try:
        array = samples.indices(keys)
    except (TypeError, ValueError, IndexError, OverflowError):
        return ByTorch(keys)
    return (array.ctypes.data, len(array), array) if len(array) else ByTorch(keys)


def _cut(chunks: Iterator[Indices], sampler: BatchSampler, samples: KeyedSamples) -> Iterator[RowNumbers]:
    """Chunks of indices as batches; a chunk is asked for when torch would ask for its first index."""
    keys = samples.keys
    size, drop_last = sampler.batch_size, sampler.drop_last
    chunk = np.empty(0, np.int64)
    base = begin = end = 0
    while True:
        if not drop_last:
            size = sampler.batch_size  # torch looks at it before each batch
        if end - begin < size:
            pieces, count = [chunk[begin:end]], end - begin
            while count < size and (more := next(chunks, None)) is not None:
                pieces.append(more if keys is None else keys[more])
                count += len(more)
            chunk = pieces[1] if begin == end and len(pieces) == 2 else np.concatenate(pieces)
            base, begin, end = chunk.ctypes.data, 0, count
            if count == 0 or (drop_last and count < size):
                return
            size = min(size, count)
        yield base + 8 * begin, size, chunk
        begin += size


def _chunks(sampler: Any, samples: KeyedSamples) -> Iterator[Indices] | None:
    cls = type(sampler)
    if cls not in _CHUNKS_OF or not own_functions(cls, "torch"):
        return None
    if cls is SubsetRandomSampler:
        try:
            chosen = np.fromiter(map(operator.index, sampler.indices), np.int64, len(sampler.indices))
        except (TypeError, OverflowError):
            return None
        if chosen.size and (chosen.min() < 0 or chosen.max() >= samples.count):
            return None
        return _subset_random(sampler, chosen)
    bound = len(sampler.weights) if cls is WeightedRandomSampler else len(sampler.data_source)
    return _CHUNKS_OF[cls](sampler) if bound <= samples.count else None


def _as_array(indices: torch.Tensor) -> Indices:
    return indices.cpu().numpy()


# Each of these is the body of the sampler's __iter__, with tensors where that makes lists.


def _sequential(sampler: SequentialSampler) -> Iterator[Indices]:
    count = len(sampler.data_source)
    for begin in range(0, count, _SEQUENTIAL_CHUNK):
        yield np.arange(begin, min(begin + _SEQUENTIAL_CHUNK, count), dtype=np.int64)


def _random(sampler: RandomSampler) -> Iterator[Indices]:
    count = len(sampler.data_source)
    generator = sampler.generator
    if generator is None:
        generator = torch.Generator()
        generator.manual_seed(int(torch.empty((), dtype=torch.int64).random_().item()))
    if sampler.replacement:
        for _ in range(sampler.num_samples // 32):
            yield _as_array(torch.randint(high=count, size=(32,), dtype=torch.int64, generator=generator))
        rest = (sampler.num_samples % 32,)
        yield _as_array(torch.randint(high=count, size=rest, dtype=torch.int64, generator=generator))
    else:
        for _ in range(sampler.num_samples // count):
            yield _as_array(torch.randperm(count, generator=generator))
        yield _as_array(torch.randperm(count, generator=generator))[: sampler.num_samples % count]


def _subset_random(sampler: SubsetRandomSampler, chosen: Indices) -> Iterator[Indices]:
    yield chosen[_as_array(torch.randperm(len(chosen), generator=sampler.generator))]


def _weighted(sampler: WeightedRandomSampler) -> Iterator[Indices]:
    drawn = torch.multinomial(
        sampler.weights, sampler.num_samples, sampler.replacement, generator=sampler.generator
    )
    yield _as_array(drawn)


_CHUNKS_OF: dict[type, Any] = {
    SequentialSampler: _sequential,
    RandomSampler: _random,
    SubsetRandomSampler: _subset_random,
    WeightedRandomSampler: _weighted,
}
