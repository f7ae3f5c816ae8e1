"""Which random numbers a call gets."""

from __future__ import annotations

import itertools
import os
import sys

from stoker import _native


class Stream:
    """(seed, number) of one call after the other.

    In the main process the numbers of a given seed are always the same. In a worker process of torch they
    follow from the seed and the worker's own, which is another in each worker and each epoch, so that no two
    workers draw alike; `torch.manual_seed` makes them repeatable. Without a seed every process draws its own.
    """

    def __init__(self, seed: int | None) -> None:
        self.seed = seed
        self._base = int.from_bytes(os.urandom(8), "little") if seed is None else seed
        self._process: tuple[int, int | None] | None = None
        self._key = self._base
        self._numbers = itertools.count()

    def next(self) -> tuple[int, int]:
        """Seed and number of the next call. Any thread."""
        process = (os.getpid() if self.seed is None else 0, _worker_seed())
        if process != self._process:
            self._enter(process)
        return self._key, next(self._numbers)

    def _enter(self, process: tuple[int, int | None]) -> None:
        worker = process[1]
        if worker is not None:
            self._key = _native.hash64(f"{self._base} {worker}".encode())
        elif self.seed is None and self._process is not None:  # forked by somebody else
            self._key = int.from_bytes(os.urandom(8), "little")
        else:
            self._key = self._base
        self._numbers = itertools.count()
        self._process = process

    def __getstate__(self) -> dict[str, int | None]:
        return {"seed": self.seed, "_base": self._base}

    def __setstate__(self, state: dict[str, int | None]) -> None:
        self.__init__(state["seed"])  # type: ignore[misc]
        if self.seed is None and state["_base"] is not None:
            # A copy of its own, which draws differently; but a worker's numbers follow from the base.
            self._base = state["_base"]
            self._key = _native.hash64(f"{self._base} {os.urandom(8).hex()}".encode())
            self._process = (os.getpid(), None)


def seed_at(seed: int, place: int) -> int:
    """Of the engine's part that begins with transform `place`: each numbers its operators anew."""
    return seed if place == 0 else _native.hash64(f"{seed} {place}".encode())


def _worker_seed() -> int | None:
    torch_data = sys.modules.get("torch.utils.data")
    info = torch_data.get_worker_info() if torch_data is not None else None
    return None if info is None else int(info.seed)
