"""A user's script, run unchanged, with every loader that it iterates over watched."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import runpy
import sys
import sysconfig
import time
import types
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from stoker.machine.clocks import queued_ns_of_engine, wait_for_core_ns
from stoker.profiling.batches import samples_in
from stoker.profiling.fetch_clocks import FetchClocks
from stoker.profiling.loop import LoopTimes
from stoker.profiling.measuring import Measuring
from stoker.profiling.record import Event, Profile, Trainer
from stoker.profiling.storage import quantiles
from stoker.profiling.subjects import subject_of

_MAX_EVENTS = 1000

_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Stopped(BaseException):
    """The script has been watched for long enough; no `except Exception` of it keeps it running."""


class ScriptFailed(Exception):
    """The script ended with an error of its own, which is the cause."""


class _Watched:
    """Loops of the script over one loader, or over loaders that are made anew for each epoch."""

    def __init__(self, loader: Any, site: str) -> None:
        self.loader = loader  # kept, so that it can be measured once the script has ended
        self.site = site
        self.loaders = 1
        self.times = LoopTimes(begin_ns=time.monotonic_ns())
        self.fetches = FetchClocks()
        self.queued_ns = 0  # of the engine, when the epoch began
        self.left_queued_ns = 0
        self.left_ns: int | None = None  # since when the script has had its last batch

    def continues_with(self, loader: Any, site: str) -> bool:
        """Whether `loader` has taken the place of this one, which nobody else knows any more."""
        if sys.getrefcount(self.loader) > 2 or _likeness(self.loader) != _likeness(loader):
            return False
        dataset = getattr(loader, "dataset", None)
        is_same = dataset is not None and dataset is getattr(self.loader, "dataset", None)
        return is_same or site == self.site

    def go_on_with(self, loader: Any) -> None:
        self.loader = loader
        self.loaders += 1

    def begin_epoch(self, spent_ns: int) -> None:
        self.times.epochs += 1
        self.queued_ns = queued_ns_of_engine()
        self.left_ns = None  # of an epoch that was broken off: what followed it was no training step
        self.times.start_ns += spent_ns
        self.times.wall_ns += spent_ns

    def take(self, call: Callable[[], Any]) -> Any:
        times, clock = self.times, time.monotonic_ns
        asked = clock()
        if self.left_ns is not None:
            times.step_ns.append(asked - self.left_ns)
            times.wall_ns += asked - self.left_ns
            self._note("step", self.left_ns, asked)
            self.left_ns = None
            times.step_queued_ns += wait_for_core_ns() - self.left_queued_ns
        queued, cpu, process = wait_for_core_ns(), time.thread_time_ns(), time.process_time_ns()
        try:
            batch = call()
        except StopIteration:  # the epoch has ended, and what follows is no training step
            times.loader_queued_ns += max(0, queued_ns_of_engine() - self.queued_ns)
            raise
        got = clock()
        times.next_cpu_ns += time.thread_time_ns() - cpu
        times.next_process_cpu_ns += time.process_time_ns() - process
        times.next_queued_ns += wait_for_core_ns() - queued
        times.next_ns.append(got - asked)
        times.wall_ns += got - asked
        if len(times.next_ns) == 1:
            times.first_batch_ns = got - asked + times.start_ns
        times.samples += samples_in(batch, getattr(self.loader, "batch_size", None))
        self._note("next", asked, got)
        self.left_queued_ns, self.left_ns = wait_for_core_ns(), clock()
        return batch

    def _note(self, step: str, begin_ns: int, end_ns: int) -> None:
        if len(self.times.events) < _MAX_EVENTS:
            since, number = self.times.begin_ns, len(self.times.next_ns) - 1
            self.times.events.append(Event("trainer", step, number, begin_ns - since, end_ns - since))


def _likeness(loader: Any) -> tuple[Any, ...]:
    """What loaders have in common that are made by the same line of a script."""
    sampler, dataset = getattr(loader, "sampler", None), getattr(loader, "dataset", None)
    return (
        type(loader),
        type(dataset),
        type(sampler),
        _length(dataset),
        _length(sampler),
        getattr(loader, "batch_size", None),
        getattr(loader, "num_workers", None),
        repr(getattr(loader, "source", None)),
    )


def _length(each: Any) -> int | None:
    try:
        return len(each)
    except TypeError:
        return None


def site_of(frame: types.FrameType | None) -> str:
    """Functions and lines that led to `frame`, the last three of the user's own files."""
    frames: list[tuple[str, str]] = []
    paths = sysconfig.get_paths()
    libraries = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    while frame is not None and len(frames) < 3:
        path = frame.f_code.co_filename
        if not path.startswith((*libraries, _OWN_FOLDER, "<")):
            frames.append((os.path.basename(path), f"{frame.f_code.co_name}:{frame.f_lineno}"))
        frame = frame.f_back
    if not frames:
        return ""
    file = frames[0][0]
    return f"{file}: " + " > ".join(place for name, place in reversed(frames) if name == file)


class ScriptWatch:
    """Patches the iteration of stoker's and torch's loaders while a script runs, also where they are imported
    later. Only the class attributes are wrapped; loaders and iterators stay what they are."""

    def __init__(self, seconds: float | None) -> None:
        self.loops: list[_Watched] = []
        self._seconds = seconds
        self._until: float | None = None
        self._owners: weakref.WeakKeyDictionary[Any, _Watched] = weakref.WeakKeyDictionary()
        self._undo: list[Callable[[], None]] = []
        self._is_inside = False
        self._homes = {
            "torch.utils.data.dataloader": ("DataLoader", "_BaseDataLoaderIter"),
            "stoker.loader": ("Loader", "Epoch"),
        }

    def __enter__(self) -> ScriptWatch:
        finder = _Finder(self._homes, self._patch)
        for name in self._homes:
            if name in sys.modules:
                self._patch(sys.modules[name])
        sys.meta_path.insert(0, finder)
        self._undo.append(lambda: sys.meta_path.remove(finder))
        return self

    def __exit__(self, *exception: object) -> None:
        for undo in reversed(self._undo):
            undo()

    def _patch(self, module: types.ModuleType) -> None:
        loader_name, iterator_name = self._homes[module.__name__]
        loader_class, iterator_class = getattr(module, loader_name), getattr(module, iterator_name)
        begin, take = loader_class.__iter__, iterator_class.__next__
        watch = self

        def watched_iter(loader: Any) -> Any:
            if watch._is_inside or os.getpid() != watch_process:
                return begin(loader)
            loop = watch.loop_of(loader, site_of(sys._getframe(1)))
            begun = time.monotonic_ns()
            with loop.fetches.on():
                iterator = begin(loader)
            loop.begin_epoch(time.monotonic_ns() - begun)
            watch._owners[iterator] = loop
            return iterator

        def watched_next(iterator: Any) -> Any:
            loop = watch._owners.get(iterator)
            if loop is None or watch._is_inside or os.getpid() != watch_process:
                return take(iterator)
            watch._stop_if_over()
            watch._is_inside = True
            try:
                with loop.fetches.on():
                    return loop.take(lambda: take(iterator))
            finally:
                watch._is_inside = False

        watch_process = os.getpid()
        loader_class.__iter__, iterator_class.__next__ = watched_iter, watched_next
        self._undo.append(lambda: setattr(loader_class, "__iter__", begin))
        self._undo.append(lambda: setattr(iterator_class, "__next__", take))

    def loop_of(self, loader: Any, site: str) -> _Watched:
        for loop in self.loops:
            if loop.loader is loader:
                return loop
        for loop in self.loops:
            if loop.continues_with(loader, site):
                loop.go_on_with(loader)
                return loop
        self.loops.append(_Watched(loader, site))
        return self.loops[-1]

    def _stop_if_over(self) -> None:
        if self._seconds is None:
            return
        if self._until is None:
            self._until = time.monotonic() + self._seconds
        elif time.monotonic() > self._until:
            raise Stopped


class _Finder(importlib.abc.MetaPathFinder):
    """Patches modules as soon as they have been executed."""

    def __init__(self, names: dict[str, Any], patch: Callable[[types.ModuleType], None]) -> None:
        self._names = set(names)
        self._patch = patch

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._names:
            return None
        self._names.discard(name)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            execute(module)
            self._patch(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def profile_script(
    script: str, arguments: Sequence[str], seconds: float | None, parts_s: float
) -> list[Profile]:
    """Runs `script` as `python script` would, and profiles every loader that it iterated over.

    Args:
        script: A Python file.
        arguments: What it finds behind its name in `sys.argv`.
        seconds: Stop it so long after its first batch; None lets it run to its end.
        parts_s: Seconds for measuring the parts of each loader afterwards.

    Returns:
        One profile a loader, in the order of their first use.

    Raises:
        OSError: The script cannot be read.
        ScriptFailed: It ended with an error.
    """
    with open(script, "rb"):
        pass
    before = sys.argv, sys.path[0]
    sys.argv, sys.path[0] = [script, *arguments], os.path.dirname(os.path.abspath(script))
    watch = ScriptWatch(seconds)
    try:
        with watch:
            runpy.run_path(script, run_name="__main__")
    except Stopped:
        pass
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise ScriptFailed(script) from ended
    except Exception as problem:
        raise ScriptFailed(script) from problem
    finally:
        sys.argv, sys.path[0] = before
    profiles = []
    for loop in watch.loops:
        if loop.times.next_ns:
            profiles.append(_profile_of(loop, parts_s))
    return profiles


def _profile_of(loop: _Watched, seconds: float) -> Profile:
    subject = subject_of(loop.loader)
    begin = time.monotonic_ns()
    times = loop.times
    times.loader_queued_ns += loop.fetches.times.queued_ns
    try:
        trainer = None
        if times.step_ns:
            rate = times.samples / max(1, times.batches) / (sum(times.step_ns) / len(times.step_ns)) * 1e9
            trainer = Trainer(quantiles(times.step_ns), len(times.step_ns), rate, "watched")
        made = Measuring(subject, seconds).watched(times, trainer, loop.fetches.times)
    finally:
        subject.close()
    made.loader.site = loop.site
    if loop.loaders > 1:
        made.notes.append(f"{loop.loaders} loaders that were made one after the other count as one")
    made.measured_ns = time.monotonic_ns() - begin
    return made
