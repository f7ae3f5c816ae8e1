"""What `torch.utils.data.get_worker_info()` says in a thread of the thread tier, and its randomness.

Note [worker info]
torch keeps one worker record a process, and users import the function that reads it by name, long before a
loader exists. So its body is exchanged, once, when the first threads start: inside them it returns
the record of the thread, everywhere else what it always returned. torch's own collate functions see None
even there, because they would put every tensor of a batch into shared memory, a file descriptor each.
"""

from __future__ import annotations

import hashlib
import operator
import random
import struct
import sys
import threading
from typing import Any

import torch
from torch.utils.data import _utils


class _Local(threading.local):
    info: Any = None


_local = _Local()
_lock = threading.Lock()


def set_worker_info(info: Any) -> None:
    """Makes `info` the calling thread's record; None in a thread that is no worker."""
    _local.info = info


def _look_up(of_process: Any) -> Any:
    info = _local.info
    if info is None:
        return of_process
    asking = sys._getframe(2).f_globals.get("__name__")
    return None if asking == _utils.collate.__name__ else info


def _template() -> Any:
    return _stoker_look_up(_worker_info)  # type: ignore[name-defined]  # noqa: F821  globals of torch's module


def install() -> bool:
    """Lets torch's function see threads; False where it is not the function that this knows how to extend."""
    function = _utils.worker.get_worker_info
    with _lock:
        if function.__code__ is _template.__code__:
            return True
        if getattr(function, "__code__", None) is None or function.__code__.co_names != ("_worker_info",):
            return False
        vars(_utils.worker)["_stoker_look_up"] = _look_up
        function.__code__ = _template.__code__
        return True


class SampleRng:
    """The generators of one thread, seeded anew for every sample; what is drawn depends on the sample alone.

    The objects stay the same for the life of the thread, so they may be kept; those that nobody has asked
    for cost nothing.

    Attributes:
        random_generator: A `random.Random`.
        torch_generator: A `torch.Generator` on the CPU.
        numpy_generator: A `numpy.random.Generator`.
    """

    def __init__(self) -> None:
        self._words = (0, 0)
        self._random: random.Random | None = None
        self._torch: torch.Generator | None = None
        self._numpy: Any = None

    @property
    def random_generator(self) -> random.Random:
        if self._random is None:
            self._random = random.Random()
            self._seed_random()
        return self._random

    @property
    def torch_generator(self) -> torch.Generator:
        if self._torch is None:
            self._torch = torch.Generator()
            self._seed_torch()
        return self._torch

    @property
    def numpy_generator(self) -> Any:
        if self._numpy is None:
            import numpy as np

            self._numpy = np.random.Generator(np.random.Philox(key=0))
            self._seed_numpy()
        return self._numpy

    def seed(self, base_seed: int, epoch: int, key: Any, occurrence: int) -> None:
        """Seeds for what comes: a sample, or anything else that `key` names."""
        text = struct.pack("<QQQ", base_seed % 2**64, epoch, occurrence) + _bytes_of(key)
        self._words = struct.unpack("<QQ", hashlib.blake2b(text, digest_size=16).digest())
        if self._random is not None:
            self._seed_random()
        if self._torch is not None:
            self._seed_torch()
        if self._numpy is not None:
            self._seed_numpy()

    def _seed_random(self) -> None:
        assert self._random is not None
        self._random.seed(self._words[0] << 64 | self._words[1])

    def _seed_torch(self) -> None:
        assert self._torch is not None
        self._torch.manual_seed(self._words[0] ^ self._words[1])

    def _seed_numpy(self) -> None:
        state = self._numpy.bit_generator.state
        state["state"]["counter"][:] = 0
        state["state"]["key"][:] = self._words
        state.update(buffer_pos=4, has_uint32=0, uinteger=0)
        self._numpy.bit_generator.state = state


def _bytes_of(key: Any) -> bytes:
    """The same bytes for the same key in every process; none where a key cannot promise that."""
    try:
        return b"i%d" % operator.index(key)
    except TypeError:
        pass
    if isinstance(key, str | bytes | float):
        return repr(key).encode()
    if isinstance(key, tuple | list):
        return b"(" + b",".join(map(_bytes_of, key)) + b")"
    return b"?"
