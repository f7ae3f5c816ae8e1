"""A stand-in for pinned memory that forgives nothing; test_dropin_pinned.py runs it in processes of its own.

Each tensor ends at a page that nobody may touch, so that a write past it ends the process. With "fence" its
pages are closed for ever once nobody holds it; with "reuse" they go to the next tensor at once, so that
an engine that writes into memory which is not its own any more changes a batch that is still held.
"""

import collections
import ctypes
import hashlib
import math
import mmap
import sys
import weakref
from typing import Any

import numpy as np
import torch
import torchvision_schemas

torchvision_schemas.define_missing()

from torchvision import datasets, transforms  # noqa: E402

import stoker  # noqa: E402
from stoker.torch import DataLoader, batch_memory  # noqa: E402

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Guarded:
    """Tensors between closed pages."""

    def __init__(self, reuses: bool) -> None:
        self.reuses = reuses
        self.made = 0
        self.ranges: dict[int, int] = {}  # of tensors that are held: first address, bytes
        self._free: dict[int, list[int]] = collections.defaultdict(list)  # data pages, first page

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        size_bytes = math.prod(shape) * dtype.itemsize
        pages = -(-size_bytes // PAGE)
        first = self._free[pages].pop() if self._free[pages] else self._map(pages)
        address = first + pages * PAGE - size_bytes
        memory = (ctypes.c_ubyte * size_bytes).from_address(address)
        weakref.finalize(memory, self._let_go, first, pages, address)
        self.ranges[address] = size_bytes
        self.made += 1
        return torch.frombuffer(memory, dtype=torch.uint8).view(dtype).view(shape)

    def holds(self, tensor: torch.Tensor) -> bool:
        begin = tensor.data_ptr()
        end = begin + tensor.numel() * tensor.element_size()
        return any(low <= begin and end <= low + size for low, size in self.ranges.items())

    def _map(self, pages: int) -> int:
        size_bytes = (pages + 2) * PAGE
        base = _libc.mmap(None, size_bytes, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        assert base not in (None, ctypes.c_void_p(-1).value)
        assert _libc.mprotect(base + PAGE, pages * PAGE, mmap.PROT_READ | mmap.PROT_WRITE) == 0
        return int(base) + PAGE

    def _let_go(self, first: int, pages: int, address: int) -> None:
        del self.ranges[address]
        if self.reuses:
            self._free[pages].append(first)
        else:
            assert _libc.mprotect(first, pages * PAGE, 0) == 0


def rows_dataset() -> Any:
    rng = torch.Generator().manual_seed(1)
    images = torch.rand((230, 3, 37, 41), generator=rng)  # no multiple of a page or a cache line
    return torch.utils.data.TensorDataset(images, torch.arange(230), torch.rand(230, generator=rng) < 0.5)


def images_dataset() -> Any:
    dataset = datasets.CIFAR10.__new__(datasets.CIFAR10)
    dataset.data = np.random.default_rng(1).integers(0, 256, (230, 32, 32, 3), dtype=np.uint8)
    dataset.targets, dataset.target_transform = list(range(230)), None
    dataset.transform = transforms.Compose([transforms.CenterCrop(29), transforms.ToTensor()])
    return dataset


def files_dataset(root: str) -> Any:
    steps = [transforms.Resize((31, 33)), transforms.ToTensor()]
    return datasets.ImageFolder(root, transforms.Compose(steps))


def digest(batch: list[torch.Tensor]) -> str:
    return hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in batch)).hexdigest()


def main(kind: str, memory: str, workers: int, root: str) -> None:
    dataset = {"rows": rows_dataset, "images": images_dataset}.get(kind, lambda: files_dataset(root))()
    options: dict[str, Any] = {"batch_size": 32, "shuffle": True, "num_workers": workers}
    torch.manual_seed(2)
    plain = DataLoader(dataset, **options)
    wanted = [
        digest(batch) if isinstance(batch, list) else batch for _ in range(3) for batch in each_batch(plain)
    ]
    guarded = Guarded(memory == "reuse")
    batch_memory.pinned_empty = guarded.empty
    torch.accelerator.is_available = lambda: True
    torch.accelerator.current_accelerator = lambda: torch.device("cuda")
    copies = 0
    copy = torch.Tensor.copy_

    def counted_copy(self: torch.Tensor, *args: Any) -> torch.Tensor:
        nonlocal copies
        copies += 1
        return copy(self, *args)

    torch.Tensor.copy_ = counted_copy
    torch.manual_seed(2)
    loader = DataLoader(dataset, pin_memory=True, **options)
    held: collections.deque[tuple[Any, Any]] = collections.deque()
    seen = most = 0
    for _ in range(3):
        for batch in each_batch(loader):
            if isinstance(batch, list):
                assert all(map(guarded.holds, batch)), "a batch lies elsewhere"
                held.append((batch, wanted[seen]))
            else:
                assert batch == wanted[seen]
            seen += 1
            while len(held) > 6:  # long after the engine has gone on
                kept, expected = held.popleft()
                assert digest(kept) == expected, "a batch was written to after it had been handed over"
                del kept
            most = max(most, len(guarded.ranges))
    assert seen == len(wanted)
    while held:
        kept, expected = held.popleft()
        assert digest(kept) == expected, "a batch was written to after it had been handed over"
        del kept
    assert copies == 0, f"{copies} batches were copied instead of written in place"
    assert guarded.made >= 2 * seen - 2, "tensors were not fresh"
    assert most <= 60, f"{most} tensors are held"
    print("ok", seen, guarded.made, most)


def each_batch(loader: Any) -> Any:
    """Batches, and the text of errors in their place."""
    iterator = iter(loader)
    while True:
        try:
            yield next(iterator)
        except StopIteration:
            return
        except stoker.SampleError as problem:
            yield str(problem)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
