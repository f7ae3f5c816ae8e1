"""What each step of a Python data set costs: transforms, decoder, the rest of it, the collate function.

The data set is called in this process, sample by sample, with its transforms and the decoders of known
libraries wrapped for the time being; everything is put back as it was.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from stoker.machine.clocks import wait_for_core_ns
from stoker.profiling.record import Step
from stoker.profiling.storage import quantiles

# Functions that turn bytes into pixels, where their module is loaded: module, owner, name.
_DECODERS = (
    ("PIL.ImageFile", "ImageFile", "load"),
    ("cv2", "", "imread"),
    ("cv2", "", "imdecode"),
    ("torchvision.io", "", "read_image"),
    ("torchvision.io", "", "decode_image"),
    ("torchvision.io", "", "decode_jpeg"),
    ("torchvision.io", "", "read_file"),
    ("PIL.Image", "", "open"),
    ("imageio.v2", "", "imread"),
    ("imageio.v3", "", "imread"),
    ("pydicom", "", "dcmread"),
    ("skimage.io", "", "imread"),
    ("tifffile", "", "imread"),
    ("torch", "", "load"),
    ("numpy", "", "load"),
)

_MAX_DEPTH = 6


@dataclass
class StepTimes:
    """Of one step, a value for each sample that has it, its inner steps taken off."""

    name: str
    kind: str
    cpu_ns: list[float] = field(default_factory=list)
    wait_ns: list[float] = field(default_factory=list)  # off a CPU, but not for want of one


@dataclass
class PythonTimes:
    steps: list[StepTimes] = field(default_factory=list)
    samples: int = 0
    wall_ns: int = 0

    def as_steps(self) -> list[Step]:
        """For a profile."""
        totals = [sum(each.cpu_ns) for each in self.steps]
        whole = max(1e-9, sum(totals))
        return [
            Step(
                each.name,
                each.kind,
                len(each.cpu_ns),
                quantiles(each.cpu_ns),
                total,
                total / max(1, self.samples),
                total / whole,
            )
            for each, total in zip(self.steps, totals, strict=True)
        ]

    def wait_ns_per_sample(self) -> float:
        # Clocks are read one after another: a thread that loses its core between them waits too long in one
        # sample and as much too short in another.
        return max(0.0, sum(sum(each.wait_ns) for each in self.steps)) / max(1, self.samples)


class _Stopwatch:
    """Times of nested steps, each without what is inside it. For one thread."""

    def __init__(self) -> None:
        self.steps: dict[tuple[str, str], StepTimes] = {}
        self._sample: dict[tuple[str, str], list[float]] = {}
        self._stack: list[list[float]] = []  # of each open step: CPU, wall and wait for a core inside it

    def run(self, name: str, kind: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._stack.append([0.0, 0.0, 0.0])
        begin = _clocks()
        try:
            return call(*args, **kwargs)
        finally:
            spent = [now - then for now, then in zip(_clocks(), begin, strict=True)]
            inner = self._stack.pop()
            if self._stack:
                self._stack[-1] = [a + b for a, b in zip(self._stack[-1], spent, strict=True)]
            own = [a - b for a, b in zip(spent, inner, strict=True)]
            sums = self._sample.setdefault((name, kind), [0.0, 0.0])
            sums[0] += max(0.0, own[0])
            sums[1] += own[1] - own[0] - own[2]

    def end_sample(self) -> None:
        for (name, kind), (cpu_ns, wait_ns) in self._sample.items():
            step = self.steps.setdefault((name, kind), StepTimes(name, kind))
            step.cpu_ns.append(cpu_ns)
            step.wait_ns.append(wait_ns)
        self._sample.clear()


def _clocks() -> tuple[float, float, float]:
    """CPU time of the process, wall time, and what this thread waited for a core, in nanoseconds."""
    return time.process_time_ns(), time.monotonic_ns(), wait_for_core_ns()


def measure_python_steps(
    dataset: Any, keys: list[Any], collate: Callable[[list[Any]], Any] | None, batch_size: int, seconds: float
) -> PythonTimes:
    """Calls `dataset[key]` for as many of `keys` as `seconds` allow, and collates them in batches.

    What the data set raises for a key is its fault there and skipped here.
    """
    stopwatch, times = _Stopwatch(), PythonTimes()
    name = f"{type(dataset).__name__}.__getitem__"
    samples: list[Any] = []
    with contextlib.suppress(Exception):
        dataset[keys[0]]  # decoders, caches and tables are loaded and made in the first
    begin = time.monotonic_ns()
    end = begin + int(seconds * 1e9)
    with _one_torch_thread(), contextlib.ExitStack() as undo:
        _wrap(dataset, stopwatch, undo, set(), 0)
        _wrap_decoders(dataset, stopwatch, undo)
        for number, key in enumerate(keys):
            try:
                samples.append(stopwatch.run(name, "python", dataset.__getitem__, key))
            except Exception:
                continue
            finally:
                stopwatch.end_sample()
            times.samples += 1
            if len(samples) == batch_size:
                _collate(stopwatch, collate, samples)
            if time.monotonic_ns() > end and number > 0:
                break
        if samples and not any(kind == "collate" for _, kind in stopwatch.steps):
            _collate(stopwatch, collate, samples)
    times.wall_ns = time.monotonic_ns() - begin
    times.steps = [each for each in stopwatch.steps.values() if each.cpu_ns]
    return times


def _collate(stopwatch: _Stopwatch, collate: Callable[[list[Any]], Any] | None, samples: list[Any]) -> None:
    """Counted as if every sample had been collated alone, which is what it costs one."""
    if collate is not None:
        name = getattr(collate, "__name__", type(collate).__name__)
        stopwatch.run(name, "collate", collate, list(samples))
        sums = stopwatch._sample[name, "collate"]
        for _ in samples:
            stopwatch._sample[name, "collate"] = [each / len(samples) for each in sums]
            stopwatch.end_sample()
    samples.clear()


@contextlib.contextmanager
def _one_torch_thread() -> Iterator[None]:
    """As in a worker process of torch."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _wrap(owner: Any, stopwatch: _Stopwatch, undo: contextlib.ExitStack, seen: set[int], depth: int) -> None:
    """Wraps every callable that hangs on a data set, and those of data sets inside it."""
    if id(owner) in seen or depth > _MAX_DEPTH:
        return
    seen.add(id(owner))
    for name, value in list(getattr(owner, "__dict__", {}).items()):
        if name == "dataset":
            _wrap(value, stopwatch, undo, seen, depth + 1)
        elif name == "datasets" and isinstance(value, (list, tuple)):
            for each in value:
                _wrap(each, stopwatch, undo, seen, depth + 1)
        elif callable(value) and not isinstance(value, type):
            kind = {"opener": "fetch", "loader": "decode"}.get(name, "operator")
            wrapped = _wrapped(value, kind, stopwatch, undo, seen, depth)
            if wrapped is not value:
                undo.callback(_set, owner, name, value)
                _set(owner, name, wrapped)


def _set(owner: Any, name: str, value: Any) -> None:
    owner.__dict__[name] = value


def _wrapped(
    call: Any, kind: str, stopwatch: _Stopwatch, undo: contextlib.ExitStack, seen: set[int], depth: int
) -> Any:
    """A timed function for a function; a callable object stays, and its class is wrapped."""
    if id(call) in seen or depth > _MAX_DEPTH:
        return call
    if isinstance(call, (FunctionType, BuiltinFunctionType, MethodType)):
        name = getattr(call, "__qualname__", "function").rpartition("<locals>.")[2]
        return lambda *args, **kwargs: stopwatch.run(name, kind, call, *args, **kwargs)
    inner = _parts(call)
    if not inner:
        seen.add(id(call))
        _wrap_class(type(call), kind, stopwatch, undo, seen)
        return call
    seen.add(id(call))
    for holder, key, each in inner:
        wrapped = _wrapped(each, kind, stopwatch, undo, seen, depth + 1)
        if wrapped is not each:
            undo.callback(holder.__setitem__, key, each)
            holder[key] = wrapped
    return call


def _parts(call: Any) -> list[tuple[Any, Any, Any]]:
    """(where it stands, at which place, what) of the transforms that a composition is made of."""
    fields = getattr(call, "__dict__", {})
    parts: list[tuple[Any, Any, Any]] = []
    for name in ("transforms", "transform", "target_transform"):
        value = fields.get(name)
        if isinstance(value, list):
            parts += [(value, place, each) for place, each in enumerate(value) if callable(each)]
        elif callable(value) and not isinstance(value, type):
            parts.append((fields, name, value))
    return parts


def _wrap_class(
    cls: type, kind: str, stopwatch: _Stopwatch, undo: contextlib.ExitStack, seen: set[int]
) -> None:
    original: Any = getattr(cls, "__call__", None)  # noqa: B004
    if id(cls) in seen or original is None:
        return
    seen.add(id(cls))

    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        if type(self) is not cls:  # inherited: the class of the object has one of its own, or is not wrapped
            return original(self, *args, **kwargs)
        return stopwatch.run(cls.__name__, kind, original, self, *args, **kwargs)

    is_own = "__call__" in vars(cls)
    try:
        type.__setattr__(cls, "__call__", timed)
    except TypeError:  # of an extension module
        return
    undo.callback(*((setattr, cls, "__call__", original) if is_own else (delattr, cls, "__call__")))


def _wrap_decoders(dataset: Any, stopwatch: _Stopwatch, undo: contextlib.ExitStack) -> None:
    """In their modules, and where the data set's own module has imported them by name."""
    home = getattr(getattr(type(dataset), "__getitem__", None), "__globals__", {})
    for module_name, owner_name, name in _DECODERS:
        module = sys.modules.get(module_name)
        owner = getattr(module, owner_name, None) if owner_name else module
        original = getattr(owner, name, None)
        if owner is None or original is None:
            continue
        label = f"{owner_name or module_name}.{name}"

        def timed(*args: Any, _label: str = label, _call: Any = original, **kwargs: Any) -> Any:
            return stopwatch.run(_label, "decode", _call, *args, **kwargs)

        undo.callback(setattr, owner, name, original)
        setattr(owner, name, timed)
        if not owner_name:
            for alias in [alias for alias, value in home.items() if value is original]:
                undo.callback(home.__setitem__, alias, original)
                home[alias] = timed
