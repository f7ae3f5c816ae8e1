"""A DataLoader that runs known datasets and transforms in the engine and leaves everything else to torch."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Mapping
from typing import Any, TypeVar

import torch
import torch.distributed
import torch.utils.data
from torch.utils.data.dataloader import _BaseDataLoaderIter

from stoker import _native
from stoker.lowering import NotNative
from stoker.lowering.plan import Plan, plan_epoch
from stoker.lowering.rows_plan import RowsPlan
from stoker.thread_tuning import ThreadTuner, make_tuner
from stoker.torch import state as states
from stoker.torch.generators import sampler_of
from stoker.torch.native_iterator import LastRun, NativeIterator, threads_of
from stoker.torch.position import Position, Resumed
from stoker.torch.python_steps import refusal_of_steps
from stoker.torch.rows_iterator import RowsIterator
from stoker.torch.thread_tier import SharedDraws, ThreadIterator
from stoker.torch.thread_tier import refusal as refusal_of_threads
from stoker.torch.torch_tier import ContinuedIterator, torch_iterator

_T_co = TypeVar("_T_co", covariant=True)
_log = logging.getLogger("stoker")

_CHOICES = {
    "workers": ("process", "thread"),
    "on_error": ("raise", "replace", "skip"),
    "color": ("rgb", "bgr", "gray", "unchanged"),
    "exif": ("ignore", "apply"),
    "decoder": ("auto", "libjpeg-turbo"),
}

_ADVICE = "draw from torch.utils.data.get_worker_info().rng, whose generators are each thread's own"


class DataLoader(torch.utils.data.DataLoader[_T_co]):
    """torch's DataLoader, several times sooner where dataset and transforms are known.

    Takes all arguments of `torch.utils.data.DataLoader` and gives the same batches in the same order. Native
    are torchvision's ImageFolder and DatasetFolder with their default loader, its CIFAR and MNIST classes,
    TensorDataset, tensors and NumPy arrays, `stoker.torch.ImageDataset` and datasets with its `__stoker__`,
    Subset and ConcatDataset of these; see `stoker.from_transforms` for the transforms. Everything else runs
    in torch's own loader, unchanged; one line in the log "stoker" says what and why, and `explain()` says
    it at any time.

    Natively `num_workers=N` means N threads and no process; with 0 the work is done inside `next()`.
    Augmentation is drawn from (seed of the epoch, sample), so it does not depend on the number of workers,
    and not from torch's global generator. Finished images are contiguous, (N, C, H, W) after ToTensor,
    ToImage or ToTensorV2. `target_transform` and a `collate_fn` other than torch's default are called in the
    main process, the latter with a list of (image, target) tuples.

    Args:
        *args: As for torch.
        threads: CPU threads instead of `num_workers`; "auto" begins with the usable cores less one and adapts
            while batches of files or arrays are made, as `stoker.Loader` does; None leaves it to
            `num_workers`, and like any number stays. Only native loading looks at this and at the arguments
            after `workers`.
        workers: What `num_workers` are where Python has to run: "process", as in torch, or "thread": one
            dataset shared by threads, for code that releases the GIL. There
            `torch.utils.data.get_worker_info()` has `.rng`, whose generators are seeded for every sample.
            A dataset whose first batch draws from a generator that the threads would share goes to
            processes after all.
        on_error: A file that cannot be read: "raise" a `stoker.SampleError` for its batch (the next batch
            follows), "replace" it by the next good one, or "skip" it and shorten the batch (not in
            distributed runs).
        max_bad: Most bad samples in an epoch under "replace" and "skip", as a share below 1 or as a number.
        color: "rgb", "bgr", "gray" or "unchanged".
        exif: "ignore" the orientation in the file, as torchvision does, or "apply" it.
        decoder: Of JPEGs: "auto" (stoker's own for baseline files, libjpeg-turbo for all others) or
            "libjpeg-turbo" for all. The pixels are the same.
        **kwargs: As for torch.

    Raises:
        ValueError: An argument is outside of what is allowed.
        TypeError: An argument has the wrong type.
    """

    def __init__(
        self,
        *args: Any,
        threads: int | str | None = None,
        workers: str = "process",
        on_error: str = "raise",
        max_bad: float = 0.001,
        color: str = "rgb",
        exif: str = "ignore",
        decoder: str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.workers = workers
        self.threads = threads
        self.on_error = on_error
        self.max_bad = max_bad
        self.color = color
        self.exif = exif
        self.decoder = decoder
        self._stoker_last = LastRun()
        self._stoker_logged: set[str] = set()
        self._stoker_trials: dict[Any, tuple[bool, str]] = {}
        self._stoker_step_trials: dict[Any, str | None] = {}
        self._stoker_tuner: ThreadTuner | None
        self._stoker_position: Position | None = None
        self._stoker_loaded: tuple[Resumed, dict[str, Any]] | None = None
        _check_options(self)

    def __iter__(self) -> _BaseDataLoaderIter:
        if self._iterator is not None and self._stoker_position is not None:
            self._stoker_position.begin_round(self)  # persistent workers: the same iterator again
        return super().__iter__()

    def _get_iterator(self) -> _BaseDataLoaderIter:
        _check_options(self)
        self.check_worker_number_rationality()
        self._stoker_last = LastRun()
        loaded, self._stoker_loaded = self._stoker_loaded, None
        self._stoker_position = position = Position(self, loaded[0] if loaded is not None else None)
        try:
            plan = self._stoker_plan(may_try=True)
        except NotNative as problem:
            with position.replayed():
                iterator = self._get_python_iterator(problem, position.loader_view)
        else:
            view, last = position.loader_view, self._stoker_last
            with position.replayed():
                if isinstance(plan, RowsPlan):
                    iterator = RowsIterator(view, plan, last)
                else:
                    iterator = NativeIterator(view, plan, last, self._tuner_of(plan))
        position.attach(iterator)
        return iterator

    def _tuner_of(self, plan: Plan) -> ThreadTuner | None:
        """Kept from epoch to epoch; None where the number of threads was given."""
        if self.threads != "auto":
            return None
        if "_stoker_tuner" not in self.__dict__:
            self._stoker_tuner = make_tuner(_native.usable_cores(), plan.options["max_active_batches"])
        return self._stoker_tuner

    def _stoker_plan(self, *, may_try: bool) -> Plan | RowsPlan:
        """The plan of an epoch; a pipeline with steps in Python is tried once, if it may be.

        Raises:
            NotNative: torch has to run it.
        """
        plan = plan_epoch(self)
        if isinstance(plan, Plan) and plan.samples.recipe.has_python:
            trial = _trial_of(self)
            if may_try and trial not in self._stoker_step_trials:
                self._stoker_step_trials = {trial: refusal_of_steps(plan)}
            if (why := self._stoker_step_trials.get(trial)) is not None:
                raise NotNative(*_in_python(plan.report), why)
        return plan

    def _get_python_iterator(self, problem: NotNative, view: Any) -> _BaseDataLoaderIter:
        trial = _trial_of(self)
        tried, drawn = self._stoker_trials.get(trial, (False, ""))
        if self.workers == "process" or refusal_of_threads(self) is not None or drawn:
            self._say_once("in torch", str(problem))
            return torch_iterator(view)
        self._say_once("on threads", str(problem))
        try:
            iterator: _BaseDataLoaderIter = ThreadIterator(view, is_tried=tried)
            self._stoker_trials = {trial: (True, "")}
        except SharedDraws as draws:
            self._stoker_trials = {trial: (True, str(draws))}
            self._say_once("in processes after all", f"{draws}; {_ADVICE}")
            iterator = ContinuedIterator(view, draws.base_seed, draws.keys)
        return iterator

    def _say_once(self, where: str, why: str) -> None:
        line = f"DataLoader over {type(self.dataset).__name__} runs {where}: {why}"
        if line not in self._stoker_logged:
            self._stoker_logged.add(line)
            _log.warning("%s", line)

    def explain(self) -> str:
        """Who would load the next epoch and why, and the engine's plan if it does; starts nothing.

        Returns:
            Several lines; the first is "tier: native", "tier: thread" (Python in threads of this process)
            or "tier: torch" (torch's own loader).

        Raises:
            ValueError: An attribute has been set to something that is not allowed.
        """
        _check_options(self)
        try:
            plan = self._stoker_plan(may_try=False)
        except NotNative as problem:
            return "\n".join(self._explain_python(problem))
        if isinstance(plan, RowsPlan):
            return plan.explain()
        run = plan.start(seed=0, **threads_of(self._tuner_of(plan)))
        try:
            lines = ["tier: native", *(f"  {line}" for line in plan.report), str(run.explain())]
            if plan.samples.recipe.has_python and _trial_of(self) not in self._stoker_step_trials:
                lines.append("steps in Python: the first sample will tell whether they may stay")
        finally:
            run.close()
        return "\n".join(lines)

    def _explain_python(self, problem: NotNative) -> list[str]:
        reasons = [f"  {reason}" for reason in problem.reasons]
        if self.workers == "process":
            return ["tier: torch", *reasons]
        tried, drawn = self._stoker_trials.get(_trial_of(self), (False, ""))
        if why_not := refusal_of_threads(self) or drawn:
            return ["tier: torch", *reasons, f"  no threads: {why_not}"]
        known = "draws from no shared generator" if tried else "its first batch will tell whether it may stay"
        return ["tier: thread", *reasons, f"  {self.num_workers} threads share the dataset; {known}"]

    def counters(self) -> dict[str, Any]:
        """Counters of the most recent epoch, see docs/counters.md; empty where torch ran it."""
        return self._stoker_last.counters()

    def state_dict(self, unused_batches: int = 0) -> dict[str, Any]:
        """Where the most recent iterator is, as a dict for JSON or `torch.save`; see docs/resume.md.

        It counts the batches that were handed out, not those that are being made. "_num_yielded" and
        "_sampler_iter_yielded" are in batches and may be lowered together, as trainers do that take batches
        ahead.

        Args:
            unused_batches: How many of the batches handed out last count as not delivered.

        Raises:
            ValueError: More than were handed out; or no place in the order is behind all of them
                (in_order=False), or in front of the unused ones (a sampler or dataset that keeps a state).
        """
        if self._stoker_loaded is not None and not unused_batches:
            return copy.deepcopy(self._stoker_loaded[1])
        return states.make(self, self._stoker_position, unused_batches)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """The next `iter()` goes on where a state was taken; an empty dict makes it begin anew.

        The sampler's order is drawn again up to the place, samples are not loaded. Whatever the number of
        workers or threads, the rest of the epoch is the same. torch's process-wide generator stays as it is.
        A sampler with `set_epoch` is set to the epoch of the state; set to another one, it begins that anew.

        Args:
            state_dict: From `state_dict()`, or from torchdata's StatefulDataLoader.

        Raises:
            ValueError, TypeError: The state is damaged or of another plan; the message names the field.
        """
        resumed = states.check(state_dict, self)
        self._stoker_loaded = None if resumed is None else (resumed, copy.deepcopy(dict(state_dict)))
        self._stoker_position = None
        self._iterator = None
        if resumed is not None and resumed.sampler_epoch is not None and not resumed.is_finished:
            sampler_of(self).set_epoch(resumed.sampler_epoch)

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_stoker_last": LastRun(), "_stoker_position": None}
        state |= {"_stoker_trials": {}, "_stoker_step_trials": {}}
        for name in ("_stoker_buffers", "_stoker_files", "_stoker_tuner"):
            state.pop(name, None)
        return state


def _signature() -> inspect.Signature:
    """torch's signature with ours at the end, so that a loader can be rebuilt from its public attributes."""
    theirs = inspect.signature(torch.utils.data.DataLoader.__init__).parameters
    ours = inspect.signature(DataLoader.__init__).parameters
    extra = [p for p in ours.values() if p.kind is p.KEYWORD_ONLY]
    return inspect.Signature([*theirs.values(), *extra], return_annotation=None)


DataLoader.__init__.__signature__ = _signature()  # type: ignore[attr-defined]


def _in_python(report: list[str]) -> list[str]:
    """The lines of the steps that stay in Python."""
    return [line for line in report if ": in Python: " in line]


def _trial_of(loader: Any) -> Any:
    """What a trial on threads has tried; another transform or collate_fn needs another one."""
    attributes = getattr(loader.dataset, "__dict__", {})
    parts = tuple((name, id(value)) for name, value in attributes.items())
    return id(loader.dataset), id(loader.collate_fn), parts


def _check_options(loader: Any) -> None:
    for name, allowed in _CHOICES.items():
        value = getattr(loader, name)
        if value not in allowed:
            raise ValueError(f"{name} is {value!r}, allowed are {', '.join(map(repr, allowed))}")
    threads = loader.threads
    if threads is not None and threads != "auto":
        if isinstance(threads, bool) or not isinstance(threads, int):
            raise TypeError(f"threads is {threads!r}, allowed are None, 'auto' and a number of CPU threads")
        if threads < 0:
            raise ValueError(f"threads is {threads}, allowed is 0 or more")
    max_bad = loader.max_bad
    if isinstance(max_bad, bool) or not isinstance(max_bad, int | float):
        raise TypeError(f"max_bad is {max_bad!r}, allowed is a share below 1 or a number of samples")
    if max_bad < 0 or (max_bad >= 1 and max_bad != int(max_bad)):
        raise ValueError(f"max_bad is {max_bad}, allowed is a share in 0..1 or a whole number of samples")
    if loader.on_error == "skip" and _world_size() > 1:
        raise ValueError(
            "on_error is 'skip' in a distributed run, where ranks fall out of step; allowed is 'replace'"
        )


def _world_size() -> int:
    is_distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if is_distributed else 1
