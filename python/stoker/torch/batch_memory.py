"""Where the batches of the drop-in are written to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from stoker import _native

# Above this the C library returns memory to the system, and every batch would pay for its pages anew.
_LEAST_RECYCLED_BYTES = 128 << 10


def pinned_empty(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """A fresh pinned tensor: torch's caching allocator knows which copies from it are still in flight."""
    return torch.empty(shape, dtype=dtype, device="cpu", pin_memory=True)


def is_pinning(loader: Any) -> bool:
    """Whether torch would pin the batches of `loader` here."""
    if not loader.pin_memory or not torch.accelerator.is_available():
        return False
    device = torch.accelerator.current_accelerator()
    return device is not None and device.type != "mps"


class PinnedImages:
    """Pinned memory for the images and targets of one run, lent to the engine before it asks.

    What the engine has to put elsewhere, because its size could not be known, is copied.

    Args:
        ahead: Batches that the engine may begin before one is taken.
    """

    def __init__(self, ahead: int) -> None:
        self.images = _Lent(ahead + 1)
        self.columns = _Lent(ahead + 1)

    def options(self) -> dict[str, Any]:
        """Of the engine's run."""
        return {"buffers": self.images.buffers, "column_buffers": self.columns.buffers}


class _Lent:
    """Pinned tensors of one size, known to the engine by their addresses."""

    def __init__(self, count: int) -> None:
        self.buffers = _native.LentBuffers()
        self._count = count
        self._size_bytes = 0
        self._tensors: dict[int, torch.Tensor] = {}

    def lend(self, size_bytes: int) -> None:
        """Sees to it that enough pieces of at least `size_bytes` lie ready."""
        for address in self.buffers.take_dropped():
            self._tensors.pop(address, None)  # of a batch that was rejected
        if size_bytes > self._size_bytes:
            self._size_bytes = size_bytes
            self.buffers.clear()
        while self._size_bytes and len(self.buffers) < self._count:
            tensor = pinned_empty((self._size_bytes,), torch.uint8)
            self._tensors[tensor.data_ptr()] = tensor
            self.buffers.lend(tensor.data_ptr(), self._size_bytes)

    def owned(self, filled: torch.Tensor) -> torch.Tensor:
        """The pinned tensor in which `filled`, fresh from the engine, lies; or a pinned copy of it."""
        size_bytes = filled.numel() * filled.element_size()
        memory = self._tensors.pop(filled.data_ptr(), None)
        if memory is None:
            memory = pinned_empty((size_bytes,), torch.uint8)
            pinned = memory.view(filled.dtype).view(filled.shape).copy_(filled)
        else:
            pinned = memory[:size_bytes].view(filled.dtype).view(filled.shape)
        self.lend(size_bytes)
        return pinned


class BatchMemory:
    """Gives memory for batches. It belongs to whoever holds the tensor; only what nobody holds is used again.

    Args:
        columns: Shape of one row and dtype of each tensor of a batch.
        pins: Every tensor is a fresh one of `pinned_empty`.
        buffers: The engine's, for large tensors that are not pinned.
    """

    def __init__(self, columns: list[tuple[tuple[int, ...], torch.dtype]], pins: bool, buffers: Any) -> None:
        self._columns = columns
        self._pins = pins
        self._buffers = buffers
        # Nobody sees these: to make a small tensor like another one takes a third of the time.
        self._alike: list[torch.Tensor] = []
        self._alike_count = 0

    def batch(self, count: int) -> list[torch.Tensor]:
        """Uninitialised contiguous tensors of `count` rows, at least 1."""
        if count == self._alike_count:
            return list(map(_empty_like, self._alike))
        if self._alike_count == 0 and not self._pins and all(map(_is_small, self._sizes_bytes(count))):
            self._alike = [_empty((count, *shape), dtype) for shape, dtype in self._columns]
            self._alike_count = count
        return [
            self._one((count, *shape), dtype, size_bytes)
            for (shape, dtype), size_bytes in zip(self._columns, self._sizes_bytes(count), strict=True)
        ]

    def _sizes_bytes(self, count: int) -> list[int]:
        return [count * math.prod(shape) * dtype.itemsize for shape, dtype in self._columns]

    def _one(self, shape: tuple[int, ...], dtype: torch.dtype, size_bytes: int) -> torch.Tensor:
        if self._pins:
            return pinned_empty(shape, dtype)
        if _is_small(size_bytes):
            return _empty(shape, dtype)
        memory: np.ndarray[Any, Any] = self._buffers.acquire(size_bytes)
        return torch.from_numpy(memory).view(dtype).view(shape)


_empty_like = torch.empty_like


def _is_small(size_bytes: int) -> bool:
    return size_bytes < _LEAST_RECYCLED_BYTES


def _empty(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="cpu")
