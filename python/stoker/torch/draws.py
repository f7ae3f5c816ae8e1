"""Whether user code draws from generators that threads would share."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch

_MOST_OBJECTS = 2000
_MOST_ELEMENTS = 64
_DEPTH = 6


class Watch:
    """The states of the process-wide generators, and of those that a dataset carries, at one moment.

    Args:
        *owners: Objects searched for generators of their own, through attributes and short containers.
    """

    def __init__(self, *owners: Any) -> None:
        self._before = [
            (name, read, write, read()) for name, read, write in (*_process_wide(), *_owned(owners))
        ]

    def moved(self) -> list[str]:
        """The generators that have been drawn from or seeded since, in words."""
        return [name for name, read, _, state in self._before if not _same(read(), state)]

    def restore(self) -> None:
        """Sets every generator back that has moved."""
        for _, read, write, state in self._before:
            if not _same(read(), state):
                write(state)


_Entry = tuple[str, Callable[[], Any], Callable[[Any], Any]]


def _process_wide() -> Iterator[_Entry]:
    yield "torch's process-wide generator", torch.get_rng_state, torch.set_rng_state
    yield "random's process-wide generator", random.getstate, random.setstate
    if "numpy" in sys.modules:
        numpy = sys.modules["numpy"].random
        yield "NumPy's process-wide generator", numpy.get_state, numpy.set_state


def _owned(owners: tuple[Any, ...]) -> Iterator[_Entry]:
    """Generators within reach of `owners`, breadth first."""
    seen: set[int] = set()
    level = [(type(owner).__name__, owner) for owner in owners]
    for _ in range(_DEPTH):
        below: list[tuple[str, Any]] = []
        for name, value in level:
            if id(value) in seen or len(seen) >= _MOST_OBJECTS:
                continue
            seen.add(id(value))
            entry = _entry(name, value)
            if entry is not None:
                yield entry
            else:
                below += _children(name, value)
        level = below


def _entry(name: str, value: Any) -> _Entry | None:
    if isinstance(value, torch.Generator):
        return name, value.get_state, value.set_state
    if isinstance(value, random.Random):
        return name, value.getstate, value.setstate
    numpy = getattr(sys.modules.get("numpy"), "random", None)
    if numpy is not None and isinstance(value, numpy.RandomState):
        return name, value.get_state, value.set_state
    if numpy is not None and isinstance(value, numpy.Generator):
        bits = value.bit_generator
        return name, lambda: bits.state, lambda state: setattr(bits, "state", state)
    return None


def _children(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list | tuple):
        return (
            [(f"{name}[{i}]", each) for i, each in enumerate(value)] if len(value) <= _MOST_ELEMENTS else []
        )
    if isinstance(value, dict):
        return (
            [(f"{name}[{key!r}]", each) for key, each in value.items()]
            if len(value) <= _MOST_ELEMENTS
            else []
        )
    inside = getattr(value, "__dict__", None)
    if not isinstance(inside, dict) or isinstance(value, type | type(sys)):
        return []
    return [(f"{name}.{key}", each) for key, each in inside.items()]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return all(_same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return all(map(_same, a, b))
    if hasattr(a, "tobytes"):
        return bool(a.tobytes() == b.tobytes())
    return bool(a == b)
