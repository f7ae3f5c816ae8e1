"""One function for each library transform that the engine knows, registered by the transform's name.

A function gets the library's object, reads its attributes, and returns the native steps that do the same, or
raises NotNative with the reason. It does not look at `p` of Albumentations: the walker adds it to a single
step, or puts several steps into a group with it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
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


def find(table: dict[str, Lowering], name: str) -> Lowering | None:
    """The function for a transform of this name, None where there is none."""
    _load()
    return table.get(name)


@cache
def _load() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


@cache
def _with_coin() -> frozenset[str]:
    from stoker import _native

    return frozenset(
        info["name"]
        for info in _native.operators()
        if any(parameter["name"] == "p" for parameter in info["parameters"])
    )


def has_coin(operator: str) -> bool:
    """Whether the native operator has a probability `p` of its own."""
    return operator in _with_coin()
