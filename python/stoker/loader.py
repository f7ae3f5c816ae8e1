"""The native loader: a source and a list of operators become batches."""

from __future__ import annotations

import functools
import operator
import os
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stoker import _native, state
from stoker.epoch import EPOCHS, Ahead, Epoch
from stoker.epoch_order import EpochOrder
from stoker.mixing import CutMix, MixUp, check_mix
from stoker.operators import Operator
from stoker.sources import Source
from stoker.thread_tuning import make_tuner


def resolve_threads(threads: int | str | None) -> tuple[int, bool]:
    """(CPU threads, whether they share the cores with other loaders) for a `threads` argument.

    Raises:
        ValueError: Neither "auto" nor an integer of at least 0.
        TypeError: Of another type.
    """
    if threads == "auto":
        return int(_native.usable_cores()["threads"]), True
    if isinstance(threads, str):
        raise ValueError(f"threads must be 'auto' or an integer from 0 to 1024, got {threads!r}.")
    return check_count("threads", threads, 0, 1024), False


def check_count(name: str, value: Any, low: int, high: int) -> int:
    """`value` as an int from `low` to `high`; ValueError or TypeError that names the argument otherwise."""
    allowed = f"{name} must be an integer from {low} to {high}"
    try:
        count = operator.index(value) if not isinstance(value, bool) else None
    except TypeError:
        count = None
    if count is None:
        raise TypeError(f"{allowed}, got {value!r}.")
    if not low <= count <= high:
        raise ValueError(f"{allowed}, got {count if abs(count) < 10**30 else 'a far larger number'}.")
    return count


def _check_flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def check_operators(operators: Any, owner: str = "Loader") -> list[Operator]:
    """`operators` as a list; TypeError that names the argument otherwise."""
    if isinstance(operators, Operator):
        raise TypeError(f"{owner}: operators must be a list, got one operator; write [{operators!r}].")
    if isinstance(operators, str) or not isinstance(operators, Iterable):
        raise TypeError(f"{owner}: operators must be a list such as [stoker.resize(256)], got {operators!r}.")
    checked = list(operators)
    for each in checked:
        if not isinstance(each, Operator):
            raise TypeError(f"{owner}: operators must be stoker's, such as stoker.resize(256), got {each!r}.")
    return checked


def _check_statistics(source: Source, operators: list[Operator], **decoding: str) -> list[str]:
    """Refuses statistics in normalize that cannot fit; gives what explain() says of the others."""
    if not any(each.name == "normalize" for each in operators):
        return []
    from stoker.statistics.normalizing import check_pipeline

    return check_pipeline(source, operators, **decoding)


def _check_box_rules(rules: Mapping[str, float] | None) -> dict[str, float]:
    known = ("min_area", "min_visibility", "min_width", "min_height", "max_accept_ratio")
    for name in rules or ():
        if name not in known:
            raise ValueError(f"box_rules: there is no {name!r}; there are {', '.join(known)}.")
    return {name: float(value) for name, value in (rules or {}).items()}


class Loader:
    """Batches of a source, made natively.

    Iterating gives one epoch: `(images, labels)` where the source has labels, else `images`; where it has
    masks, boxes or further fields, a dict of all by name ("image", "mask", "boxes", "label"). Images are one
    array (batch, C, H, W) or (batch, H, W, C): NumPy, without a copy of the engine's memory, which is used
    again once the array is dropped; `torch.from_dlpack(images)` shares it too. bfloat16, which NumPy lacks,
    comes as an object that speaks DLPack. A complete pass moves on to the next epoch, whose first batches are
    made while the last ones are used.

    Args:
        source: From `stoker.folder`, `stoker.files`, `stoker.arrays` or `stoker.shards`.
        operators: What is done to each image, in order, such as `[stoker.random_resized_crop(224)]`; for
            shards the whole list, whose packed part is recognised, or only what comes after that part.
        batch_size: Samples a batch, at least 1.
        shuffle: A new order every epoch, a function of seed and epoch alone.
        seed: 0 to 2**64 - 1. Order and augmentation follow from it, whatever the threads and batch size.
        threads: CPU threads; 0 does the work inside `next()`. "auto" begins with the usable cores less one,
            and goes on with the fewest that keep training steps short, at most the usable cores, from what
            batches and steps are measured to take; what it decides, and why, is in the log "stoker". A
            number stays.
        prefetch: Batches that are being filled, or finished and not yet taken, 1 to 1024: one to take while
            the next is filled; more where single samples take as long as a batch.
        dtype: Of the images: "float32", "float16", "bfloat16", "uint8", "uint16" or "auto" (what the
            operators make). Without `normalize` or `to_float` floats keep the levels 0 to 255.
        image_dtype: Of the files: "uint8" (files of 16 bits are scaled down to 8), or "uint16", "int16",
            "int32" or "float32", which are kept as they are; a file of another dtype is a bad sample.
        layout: "chw" or "hwc".
        color: "rgb", "bgr", "gray" or "unchanged" (each file's own channels).
        exif: "ignore" the orientation tag, as torchvision does, or "apply" it.
        decoder: Of JPEGs: "auto" (stoker's own for baseline files, libjpeg-turbo for all others) or
            "libjpeg-turbo" for all. The pixels are the same.
        on_error: A bad sample: "raise" (all of its batch are named), "replace" by the next good one, or
            "skip".
        max_bad: With replace and skip: how many bad samples are borne; below 1 a share of all samples.
        drop_last: Leave out a last batch that is not full.
        shapes: "dense": one array a batch, an error when images differ in shape. "list": a list of arrays.
        box_rules: Which boxes stay, after every operator: any of min_area (pixels), min_visibility (the part
            of its area that a box keeps in one operator), min_width, min_height (pixels), max_accept_ratio.
        mix: `stoker.MixUp` or `stoker.CutMix`, or several, of which one is chosen for each batch. Labels are
            (batch, classes) float32 then. Done inside `next()`, in the batch's own memory.
        rank, world_size: This process of all that train together; nothing is read from the environment. All
            ranks have as many batches: without drop_last, ranks that come short in the last one take one of
            the first samples of the order again, each another one. `batch_size` is that of one rank.

    Attributes:
        prepares_next_epoch: Whether threads go on with the next epoch while the last batches are taken.
        makes_at_once: Whether a batch, of arrays that nothing is done to, is so small that it is made inside
            `next()`, sooner than a thread would wake up; threads and prefetch are left alone then.

    Raises:
        ValueError, TypeError: A wrong argument; nothing has been started then.
    """

    def __init__(
        self,
        source: Source,
        operators: Sequence[Operator] = (),
        *,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        threads: int | str = "auto",
        prefetch: int = 2,
        dtype: str = "float32",
        image_dtype: str = "uint8",
        layout: str = "chw",
        color: str = "rgb",
        exif: str = "ignore",
        decoder: str = "auto",
        on_error: str = "raise",
        max_bad: float = 0.001,
        drop_last: bool = False,
        shapes: str = "dense",
        box_rules: Mapping[str, float] | None = None,
        mix: MixUp | CutMix | Sequence[MixUp | CutMix] | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self._given = {name: value for name, value in locals().items() if name not in ("self", "source")}
        if not isinstance(source, Source):
            raise TypeError(
                "Loader: source must come from stoker.folder, stoker.files, stoker.arrays or stoker.shards, "
                f"got {source!r}."
            )
        self.source = source
        self.dtype = dtype
        self.layout = layout
        self._given["operators"] = check_operators(operators)
        self.operators = source.remaining(
            self._given["operators"], "Loader", color=color, exif=exif, image_dtype=image_dtype
        )
        self._statistics_notes = _check_statistics(
            source, self.operators, color=color, exif=exif, image_dtype=image_dtype
        )
        self.mix = check_mix(mix, source, dtype, shapes)
        self.batch_size = check_count("batch_size", batch_size, 1, 2**31 - 1)
        self.seed = check_count("seed", seed, 0, 2**64 - 1)
        self.shuffle = _check_flag("shuffle", shuffle)
        self.drop_last = _check_flag("drop_last", drop_last)
        self.prefetch = check_count("prefetch", prefetch, 1, 1024)
        self.world_size = check_count("world_size", world_size, 1, 2**24)
        self.rank = check_count("rank", rank, 0, self.world_size - 1)
        if on_error == "skip" and self.world_size > 1:
            raise ValueError(
                f"on_error is 'skip' with world_size={self.world_size}, where ranks would fall out of step; "
                "allowed are 'raise' and 'replace'."
            )
        self.prepares_next_epoch = True  # while the last batches of this one are made
        count, shares_cores = resolve_threads(threads)
        self._pinned_threads = count
        self._tuner = make_tuner(_native.usable_cores(), self.prefetch) if shares_cores else None
        self._options: dict[str, Any] = {
            "threads": count if self._tuner is None else self._tuner.most,
            "shares_cores": shares_cores,
            "seed": self.seed,
            "dtype": dtype,
            "image_dtype": image_dtype,
            "layout": layout,
            "color": color,
            "exif": exif,
            "decoder": decoder,
            "on_error": on_error,
            "max_bad": max_bad,
            "shapes": shapes,
            "may_repeat": False,
            **_check_box_rules(box_rules),
        }
        self._buffers = _native.Buffers(self.prefetch + 1)
        self._epoch = 0  # of the next iter(), which begins at position `_begin` of its order
        self._begin = 0
        self._epoch_is_set = False
        self._visited = (self._order(), 0)  # the pass that state_dict() speaks of, and its batches handed out
        self._ahead: Ahead | None = None
        self._process = os.getpid()
        self._run = self._make_run()
        self.makes_at_once = self.batch_size <= self._run.most_at_once() and not _is_mapped(source)
        self._current: weakref.ref[Epoch] | None = None

    def made_with(self, source: Source | None = None, **changes: Any) -> Loader:
        """A new loader like this one, over another source or with other arguments, at its first epoch.

        Both take the memory of their batches from one stock.
        """
        other = Loader(self.source if source is None else source, **{**self._given, **changes})
        other._buffers = self._buffers
        other._run = other._make_run()
        return other

    @property
    def threads(self) -> int:
        """CPU threads; of "auto" as many as were decided on by now."""
        return self._pinned_threads if self._tuner is None else self._tuner.count

    @property
    def given(self) -> dict[str, Any]:
        """The keyword arguments that it was made with, `operators` among them, as they were given."""
        return dict(self._given)

    def _make_run(self) -> _native.Run:
        active = 0 if self._tuner is None else self._tuner.active
        return _native.Run(
            self.source.native,
            self.operators,
            buffers=self._buffers,
            max_active_batches=self.prefetch,
            active_threads=active,
            **self._options,
        )

    def _order(self, epoch: int = 0, begin: int = 0) -> EpochOrder:
        return EpochOrder(
            samples=len(self.source),
            seed=self.seed if self.shuffle else None,
            epoch=epoch,
            begin=begin,
            batch_size=self.batch_size,
            rank=self.rank,
            world_size=self.world_size,
            drop_last=self.drop_last,
        )

    def __len__(self) -> int:
        """Batches of a whole epoch, on each rank."""
        return len(self._order())

    def __iter__(self) -> Iterator[Any]:
        previous = self._current() if self._current is not None else None
        if self._process != os.getpid():  # the threads stayed in the process that forked
            self._process, previous = os.getpid(), None
            self._run, self._ahead = self._make_run(), None
        order, ahead = self._order(self._epoch, self._begin), self._ahead
        self._begin, self._ahead, self._epoch_is_set = 0, None, False
        is_broken_off = previous is not None and not previous.is_complete and not self.makes_at_once
        if previous is not None:
            previous.detach()
        # A run with other batches left belongs to an epoch that was broken off.
        if is_broken_off or self._run.pending() > (ahead.submitted if ahead else 0):
            self._run.close()
            self._run, ahead = self._make_run(), None
        if ahead is not None and ahead.order != order:
            self._run.drop_tentative()
            ahead = None
        elif ahead is not None:
            order = ahead.order  # whose table is made
            self._run.keep_tentative()
        self._visited = (order, 0)
        if self._tuner is not None:
            self._tuner.begin_epoch(self._run)
        epoch = Epoch(self, self._run, order, ahead.submitted if ahead else 0)
        self._current = weakref.ref(epoch)
        return epoch

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next `iter()` gives; without it each complete pass adds one.

        After `load_state_dict` the epoch of the state goes on where it was; any other one starts anew.
        """
        epoch = check_count("epoch", epoch, 0, EPOCHS - 1)
        if epoch != self._epoch:
            self._begin = 0
        self._epoch = epoch
        self._epoch_is_set = True
        current = self._current() if self._current is not None else None
        if current is None or current.is_over:
            self._visited = (self._order(self._epoch, self._begin), 0)

    def state_dict(self, unused_batches: int = 0) -> dict[str, Any]:
        """Where the loader is: a small dict for JSON or `torch.save`, the same on every rank.

        It counts the batches that were handed out, of the most recent iterator, not those that are being
        made. "delivered" is in samples of all ranks together, as positions in the order of the epoch.

        Args:
            unused_batches: How many of the batches handed out last count as not delivered, because whoever
                took them ahead has not used them.

        Raises:
            ValueError: More than were handed out by the iterator.
        """
        order, steps = self._visited
        unused = check_count("unused_batches", unused_batches, 0, steps)
        return state.make(self._parts, self.seed, order.epoch, order.delivered(steps - unused))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Goes on where a state was taken: the next `iter()` gives the rest of its epoch.

        Batch size, threads, ranks and what happens to bad samples may be others than when it was taken; what
        comes is the same in the same order, and with an equal `world_size * batch_size` in the same batches.
        A state of a finished epoch goes on with the next.

        Raises:
            ValueError, TypeError: The state is damaged, or of a loader with another source, operators, seed
                or form of batches; the message names the field. The loader is as it was.
        """
        epoch, delivered = state.check(state_dict, self._parts, self.seed, EPOCHS - 1)
        if delivered > 0 and len(self._order(epoch, delivered)) == 0:
            epoch, delivered = (epoch + 1) % EPOCHS, 0
        current = self._current() if self._current is not None else None
        if current is not None:
            current.detach()
            self._current = None
            self.close()
        self._epoch, self._begin, self._epoch_is_set = epoch, delivered, False
        self._visited = (self._order(epoch, delivered), 0)

    @functools.cached_property
    def _parts(self) -> dict[str, Any]:
        from stoker.packing.steps import described

        steps = [described(each) for each in self.operators]
        options = {**self._options, "mix": repr(self.mix)} if self.mix else self._options
        return state.plan_parts(self.source.known(), len(self.source), steps, self.shuffle, options)

    @property
    def epoch(self) -> int:
        """The epoch that the next `iter()` gives."""
        return self._epoch

    def explain(self) -> str:
        """What is decoded, fused and stored, with which threads and how much memory, as text."""
        plan = str(self._run.explain()).rstrip("\n")
        if self.makes_at_once:
            plan += "\nbatches: so small that each is made inside next(), sooner than a thread wakes up"
        if self.mix:
            plan += f"\nmix: {' or '.join(map(repr, self.mix))} on each finished batch, inside next()"
        return "\n".join([plan, *self._ranks_notes(), *self.source.notes(), *self._statistics_notes])

    def _ranks_notes(self) -> list[str]:
        if self.world_size > 1:
            order = self._order()
            ends = (
                "the samples that are left over dropped" if self.drop_last else f"{order.repeated} repeated"
            )
            return [f"ranks: {self.rank} of {self.world_size}, {len(order)} batches on each, {ends}"]
        if (others := _ranks_around()) is None:
            return []
        return [f"ranks: {others}, but rank and world_size were not given: every rank loads all samples"]

    def counters(self) -> dict[str, Any]:
        """What each thread and step did with its time, in nanoseconds; see docs/counters.md."""
        return dict(self._run.counters())

    def bad_samples(self) -> list[dict[str, Any]]:
        """Every sample that failed so far, by index."""
        return list(self._run.bad_samples())

    def close(self) -> None:
        """Ends the threads. Iterating again starts new ones."""
        self._run.close()
        self._run, self._ahead = self._make_run(), None

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _is_mapped(source: Source) -> bool:
    """Whether a part of the samples may have to be read from a file first, which threads do ahead."""
    for table in source.tables.values():
        owner: Any = table
        while owner is not None:
            if isinstance(owner, np.memmap):
                return True
            owner = getattr(owner, "base", None)
    return False


def _ranks_around() -> str | None:
    """What hints at more than one rank, without importing torch."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return f"torch.distributed has {distributed.get_world_size()}"
    size = os.environ.get("WORLD_SIZE", "")
    return f"WORLD_SIZE is {size}" if size.isdecimal() and int(size) > 1 else None
