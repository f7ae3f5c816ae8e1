"""One function for each library transform that the engine knows, registered by the transform's name.

A function gets the library's object, reads its attributes, and returns the native steps that do the same, or
raises NotNative with the reason. It does not look at `p` of Albumentations: the walker adds it to a single step,
or puts several steps into a group with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stoker.lowering.recipe import Step

Lowering = Callable[[Any], Step | list[Step]]

ALBUMENTATIONS: dict[str, Lowering] = {}
TORCHVISION: dict[str, Lowering] = {}


def albumentations(*names: str) -> Callable[[Lowering], Lowering]:
    """Registers a function for Albumentations classes of these names."""
    return _register(ALBUMENTATIONS, names)


def torchvision(*names: str) -> Callable[[Lowering], Lowering]:
    """Registers a function for torchvision classes, v1 and v2, of these names."""
    return _register(TORCHVISION, names)


def _register(table: dict[str, Lowering], names: tuple[str, ...]) -> Callable[[Lowering], Lowering]:
    def add(function: Lowering) -> Lowering:
        for name in names:
            if name in table:
                raise ValueError(f"two lowerings of {name}")
            table[name] = function
        return function

    return add
