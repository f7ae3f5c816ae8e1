"""Steps in Python amid native operators: what calls them, and the threads that serve a loader.

The engine's own threads never enter Python. One that comes to such a step hands its sample to a thread of
this module and waits; Python's lock is held for the call alone, and not even then where the function lets go
of it.
"""

from __future__ import annotations

import copy
import functools
import inspect
import threading
import traceback
import types
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stoker import _native
from stoker.operators import Operator

__all__ = ["Leaf", "in_python", "make_island", "serve_here", "start_serving"]

Array = npt.NDArray[Any]
# Name, whether they are boxes, rows of 4 numbers, which of the sample's rows each is, and whether the library
# would have them in float64.
GivenRows = tuple[str, bool, list[tuple[float, ...]], list[int], bool]
# Fields by name, and for each of the rows given: rows of 5 numbers, the last the row's own, and whether they
# are float32.
Made = tuple[dict[str, Any], list[tuple[Any, bool]]]

# Threads that serve one loader. More would mostly wait for Python's lock, and keep the trainer from it.
_MOST_THREADS = 4


class Leaf(ABC):
    """What is called at a step in Python. It pickles if what it calls does.

    Attributes:
        label: What it is called in errors, counters and plans.
        source: The same in every process, as far as it can be known: it is part of a loader's state.
        takes_masks: Whether it is given the masks of a sample, beside its images.
        takes_rows: Whether it is given boxes and keypoints.
    """

    label: str
    source: str
    takes_masks = False
    takes_rows = False

    @abstractmethod
    def call(self, fields: dict[str, Array], rows: list[GivenRows], seed: int) -> Made:
        """The sample after the step.

        Args:
            fields: Images (H, W, C) and masks (H, W) or (H, W, C) by name. They are the call's own.
            rows: Boxes and keypoints, where it takes them.
            seed: Of the sample and the step.
        """

    @abstractmethod
    def owned(self) -> Leaf:
        """One that the calling thread may use while others use this one."""

    def inline(self) -> Leaf:
        """The one for the thread that asks, where there is no other."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_own")}


class _Locked(Leaf):
    """A leaf of which there can be no copies, so that threads take turns."""

    def __init__(self, leaf: Leaf, lock: threading.Lock) -> None:
        self.label, self.source = leaf.label, leaf.source
        self.takes_masks, self.takes_rows = leaf.takes_masks, leaf.takes_rows
        self._leaf = leaf
        self._lock = lock

    def call(self, fields: dict[str, Array], rows: list[GivenRows], seed: int) -> Made:
        with self._lock:
            return self._leaf.call(fields, rows, seed)

    def owned(self) -> Leaf:
        return self


def locked(leaf: Leaf) -> Leaf:
    """`leaf` for one thread at a time."""
    return _Locked(leaf, leaf.__dict__.setdefault("_own_lock", threading.Lock()))


def is_plain(function: Any) -> bool:
    """Whether it is a function without an object of its own, which threads may call at once."""
    if isinstance(function, functools.partial):
        return is_plain(function.func)
    if isinstance(function, types.BuiltinFunctionType):
        return function.__self__ is None or isinstance(function.__self__, types.ModuleType)
    return isinstance(function, (types.FunctionType, np.ufunc, type))


def source_of(function: Any) -> str:
    """Module and name of a function, or of the class of an object."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def label_of(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))


class FunctionLeaf(Leaf):
    """A function of one image.

    Attributes:
        function: Takes an array (H, W, C), gives one (H, W) or (H, W, C).
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.label, self.source = label_of(function), source_of(function)
        self._takes_rng = _has_rng(function)

    def call(self, fields: dict[str, Array], rows: list[GivenRows], seed: int) -> Made:
        made = {}
        for name, image in fields.items():
            more = {"rng": np.random.Generator(np.random.Philox(key=seed))} if self._takes_rng else {}
            made[name] = self.function(image, **more)
        return made, []

    def owned(self) -> Leaf:
        if is_plain(self.function):
            return self
        try:
            return FunctionLeaf(copy.deepcopy(self.function))
        except Exception:  # an open file, a lock, a handle: only its owner knows how to copy it
            return locked(self)


def _has_rng(function: Any) -> bool:
    try:
        parameter = inspect.signature(function).parameters.get("rng")
    except (TypeError, ValueError):
        return False
    return parameter is not None and parameter.kind in (
        parameter.KEYWORD_ONLY,
        parameter.POSITIONAL_OR_KEYWORD,
    )


def in_python(function: Callable[..., Any], *, p: float = 1.0) -> Operator:
    """A step of your own amid native operators: `function(image)` for each image.

    It runs on threads of Python, with Python's lock, while the engine's threads go on with other samples. A
    plain function is called by several threads at once; any other object is copied for each of them, as
    worker processes would have it, or where that fails called in turns. What it draws from generators that it
    shares with others depends on who comes first; a parameter named `rng` gets a `numpy.random.Generator`
    that follows from the loader's seed, the epoch and the sample alone.

    Args:
        function: Gets an array (H, W, C) of its own, in the dtype that the operators before have made, and
            gives an array (H, W) or (H, W, C) of uint8, uint16, int16, int32 or float32, of any size where
            there are no masks, boxes and keypoints. What it raises is a bad sample.
        p: Probability that it is called.

    Raises:
        ValueError: p is not between 0 and 1.
        TypeError: `function` cannot be called.
    """
    if not callable(function):
        raise TypeError(f"in_python: function must be callable, got {function!r}.")
    return make_island(FunctionLeaf(function), p)


def make_island(leaf: Leaf, p: float) -> Operator:
    """The operator of a leaf."""
    operator: Operator = _native.make_island(leaf, p)
    return operator


def start_serving(desk: _native.IslandDesk, threads: int) -> None:
    """Starts the threads for a run; they end when it is closed. Called by the engine."""
    for number in range(max(1, min(threads, _MOST_THREADS))):
        name = f"stoker-python-step-{number}"
        threading.Thread(target=_serve, args=(desk,), name=name, daemon=True).start()


def _serve(desk: _native.IslandDesk) -> None:
    own: dict[int, tuple[Leaf, Leaf]] = {}  # by identity, with the original, which must stay for that
    while (task := desk.take()) is not None:
        leaf = task.leaf
        if id(leaf) not in own:
            own[id(leaf)] = (leaf, leaf.owned())
        _carry_out(desk, task, own[id(leaf)][1])
        del task, leaf  # not kept while the thread waits


def serve_here(desk: _native.IslandDesk, task: _native.IslandTask) -> None:
    """One sample on the thread that asks for it. Called by the engine."""
    _carry_out(desk, task, task.leaf.inline())


def _carry_out(desk: _native.IslandDesk, task: _native.IslandTask, leaf: Leaf) -> None:
    try:
        fields = {name: array for name, _, array in task.fields}
        made, rows = leaf.call(fields, task.rows, task.seed)
        desk.answer(task, [_array(leaf, name, made) for name in fields], rows)
    except KeyboardInterrupt:
        desk.fail(task, "it was interrupted", "")
        raise
    except BaseException as problem:
        problem.__traceback__ = _without_own_frames(problem.__traceback__)
        first_line = str(problem).partition("\n")[0]
        text = "".join(traceback.format_exception(problem))
        desk.fail(task, f"{type(problem).__name__}: {first_line}", text)


def _array(leaf: Leaf, name: str, made: dict[str, Any]) -> Array:
    array = made.get(name)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{leaf.label} gave {type(array).__name__} for {name!r}, allowed is an array")
    return np.ascontiguousarray(array)


def _without_own_frames(trace: types.TracebackType | None) -> types.TracebackType | None:
    """What the user's own code did."""
    while trace is not None and trace.tb_next is not None:
        if not str(trace.tb_frame.f_globals.get("__name__")).startswith("stoker."):
            break
        trace = trace.tb_next
    return trace
