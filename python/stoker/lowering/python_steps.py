"""Transforms of other libraries that stay in Python, as steps amid native operators."""

from __future__ import annotations

import copy
import functools
import random
import sys
from typing import Any

import numpy as np

from stoker.islands import Array, GivenRows, Leaf, Made, is_plain, label_of, locked, source_of


class _Draws:
    """Generators that are set anew for each sample: Philox, whose state is a number, costs 4 us to set.

    Making NumPy's and Python's usual ones costs twenty times as much.
    """

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        self._state: Any = self._bits.state
        self.generator = np.random.Generator(self._bits)
        self.python = _PythonRandom(self.generator)

    def begin(self, seed: int) -> None:
        self._state["state"]["key"][0] = seed
        self._bits.state = self._state


class _PythonRandom(random.Random):
    """Python's interface to a generator of NumPy."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        super().__init__()

    def seed(self, *_: Any, **__: Any) -> None:
        """Nothing: the generator is set where it is kept."""

    def random(self) -> float:
        return self._generator.random()

    def getrandbits(self, k: int, /) -> int:
        return int.from_bytes(self._generator.bytes(-(-k // 8)), "little") >> -k % 8


class AlbumentationsLeaf(Leaf):
    """A transform or composition of Albumentations, or a user's own.

    Attributes:
        transform: Called with image= and what else it moves, under the names of the source.
        is_forced: Its own coin is not thrown: the engine has thrown it.
    """

    def __init__(self, transform: Any, *, is_forced: bool) -> None:
        self.transform = transform
        self.is_forced = is_forced
        self.label = type(transform).__name__
        self.source = source_of(transform)
        targets = getattr(transform, "targets", None)
        self.takes_masks = targets is None or "mask" in targets
        self._own_draws: _Draws | None = None
        self._own_inline: Leaf | None = None

    def call(self, fields: dict[str, Array], rows: list[GivenRows], seed: int) -> Made:
        assert self._own_draws is not None  # of a copy alone
        self._own_draws.begin(seed)
        more = {"force_apply": True} if self.is_forced else {}
        return self.transform(**more, **fields), []

    def owned(self) -> Leaf:
        """A copy, whose generators are set for each sample."""
        try:
            own = AlbumentationsLeaf(copy.deepcopy(self.transform), is_forced=self.is_forced)
        except Exception:  # something in it cannot be copied
            self._begin_draws()
            return locked(self)
        own._begin_draws()
        return own

    def inline(self) -> Leaf:
        if self._own_inline is None:
            self._own_inline = self.owned()
        return self._own_inline

    def _begin_draws(self) -> None:
        if self._own_draws is None:
            draws = _Draws()
            self.transform.set_random_state(draws.generator, draws.python)
            self._own_draws = draws

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _own_draws=None, _own_inline=None)


class TorchvisionLeaf(Leaf):
    """A callable amid transforms of torchvision.

    Attributes:
        function: The callable.
        gets: What it is given: "pixels" is a PIL image, "tensor" a tensor (C, H, W), "image" a
            torchvision.tv_tensors.Image of that.
    """

    def __init__(self, function: Any, gets: str) -> None:
        self.function = function
        self.gets = gets
        self.label, self.source = label_of(function), source_of(function)

    def call(self, fields: dict[str, Array], rows: list[GivenRows], seed: int) -> Made:
        return {name: _array_of(self.function(self._given(array))) for name, array in fields.items()}, []

    def _given(self, array: Array) -> Any:
        if self.gets == "pixels":
            from PIL import Image

            return Image.fromarray(array if array.shape[2] > 1 else array[..., 0])
        import torch

        tensor = torch.from_numpy(array).permute(2, 0, 1).contiguous()
        return sys.modules["torchvision"].tv_tensors.Image(tensor) if self.gets == "image" else tensor

    def owned(self) -> Leaf:
        if is_plain(_inner(self.function)):
            return self
        try:
            return TorchvisionLeaf(copy.deepcopy(self.function), self.gets)
        except Exception:
            return locked(self)


def _inner(function: Any) -> Any:
    """The function of a torchvision Lambda, which is nothing beside it."""
    module = str(type(function).__module__)
    if type(function).__name__ == "Lambda" and module.startswith("torchvision.transforms."):
        return getattr(function, "lambd", None) or getattr(function, "_fn", function)
    return function.func if isinstance(function, functools.partial) else function


def _array_of(made: Any) -> Any:
    """A PIL image or a tensor as an array (H, W, C); anything else as it is, to be refused."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(made, torch.Tensor):
        if made.ndim != 3:
            raise ValueError(f"it gave a tensor of {made.ndim} axes, allowed are channels, height, width")
        return made.detach().permute(1, 2, 0).contiguous().numpy()
    return np.array(made) if hasattr(made, "getbands") else made
