"""What a batch is: how many samples, how many bytes; whatever the loader calls a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Arrays side by side, as (images, masks, labels), are at most so many; more are samples one by one.
_MOST_FIELDS = 8


def samples_in(batch: Any, most: int | None = None) -> int:
    """Samples of a batch, at most `most`: the length of the arrays in it, or of the list that it is."""
    count = _samples_in(batch)
    return count if most is None else min(count, most)


def _samples_in(batch: Any) -> int:
    shape = getattr(batch, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else 1
    if isinstance(batch, Mapping):
        return _samples_in(next(iter(batch.values()))) if batch else 0
    if not isinstance(batch, (list, tuple)):
        return 1
    if not batch:
        return 0
    first = batch[0]
    if getattr(first, "shape", None) is not None:
        lengths = {_samples_in(each) for each in batch}
        return lengths.pop() if len(lengths) == 1 and len(batch) <= _MOST_FIELDS else len(batch)
    if not isinstance(first, (list, tuple)):
        return len(batch)
    # [(image, label), ...] is samples one by one, ([image, ...], labels) are fields side by side.
    is_rows = all(isinstance(each, (list, tuple)) and len(each) == len(first) for each in batch)
    return len(batch) if is_rows and len(first) < len(batch) else _samples_in(first)


def bytes_of(batch: Any) -> int:
    """Bytes of all arrays in a batch."""
    size = getattr(batch, "nbytes", None)
    if size is not None:
        return int(size)
    if isinstance(batch, Mapping):
        return sum(bytes_of(each) for each in batch.values())
    if isinstance(batch, (list, tuple)):
        return sum(bytes_of(each) for each in batch)
    return len(batch) if isinstance(batch, (bytes, bytearray, str)) else 0
