"""Where the batches of the drop-in are written to."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

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
