"""Where the batches of the drop-in are written to."""

from __future__ import annotations

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
        pins: Every tensor is a fresh one of `pinned_empty`.
        buffers: The engine's, for large tensors that are not pinned.
    """

    def __init__(self, pins: bool, buffers: Any) -> None:
        self.pins = pins
        self._buffers = buffers

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """An uninitialised contiguous tensor."""
        if self.pins:
            return pinned_empty(shape, dtype)
        count = 1
        for side in shape:
            count *= side
        size_bytes = count * dtype.itemsize
        if size_bytes < _LEAST_RECYCLED_BYTES:
            return torch.empty(shape, dtype=dtype, device="cpu")
        memory: np.ndarray[Any, Any] = self._buffers.acquire(size_bytes)
        return torch.from_numpy(memory).view(dtype).view(shape)
