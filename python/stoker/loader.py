"""The native loader: a source and a list of operators become batches."""

from __future__ import annotations

import itertools
import operator
import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stoker import _native
from stoker.errors import StokerError
from stoker.operators import Operator
from stoker.sources import Source

# Batches asked of the engine beyond those that it begins, so that threads never wait for next().
_SUBMITTED_AHEAD = 2

# The random numbers of an epoch are keyed by 24 bits of it.
_EPOCHS = 2**24


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
    comes as an object that speaks DLPack. A complete pass moves on to the next epoch.

    Args:
        source: From `stoker.folder`, `stoker.files`, `stoker.arrays` or `stoker.shards`.
        operators: What is done to each image, in order, such as `[stoker.random_resized_crop(224)]`; for
            shards the whole list, whose packed part is recognised, or only what comes after that part.
        batch_size: Samples a batch, at least 1.
        shuffle: A new order every epoch, a function of seed and epoch alone.
        seed: 0 to 2**64 - 1. Order and augmentation follow from it, whatever the threads and batch size.
        threads: CPU threads; "auto" takes the usable cores less one; 0 does the work inside `next()`.
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
    ) -> None:
        self._given = {name: value for name, value in locals().items() if name not in ("self", "source")}
        if not isinstance(source, Source):
            raise TypeError(
                "Loader: source must come from stoker.folder, stoker.files, stoker.arrays or stoker.shards, "
                f"got {source!r}."
            )
        self.source = source
        self.dtype = dtype
        self._given["operators"] = check_operators(operators)
        self.operators = source.remaining(
            self._given["operators"], "Loader", color=color, exif=exif, image_dtype=image_dtype
        )
        self._statistics_notes = _check_statistics(
            source, self.operators, color=color, exif=exif, image_dtype=image_dtype
        )
        self.batch_size = check_count("batch_size", batch_size, 1, 2**31 - 1)
        self.seed = check_count("seed", seed, 0, 2**64 - 1)
        self.shuffle = _check_flag("shuffle", shuffle)
        self.drop_last = _check_flag("drop_last", drop_last)
        self.prefetch = check_count("prefetch", prefetch, 1, 1024)
        self.threads, shares_cores = resolve_threads(threads)
        self._options: dict[str, Any] = {
            "threads": self.threads,
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
        self._epoch = 0
        self._epoch_is_set = False
        self._process = os.getpid()
        self._run = self._make_run()
        self._current: weakref.ref[_Epoch] | None = None

    def made_with(self, source: Source | None = None, **changes: Any) -> Loader:
        """A new loader like this one, over another source or with other arguments, at its first epoch.

        Both take the memory of their batches from one stock.
        """
        other = Loader(self.source if source is None else source, **{**self._given, **changes})
        other._buffers = self._buffers
        other._run = other._make_run()
        return other

    @property
    def given(self) -> dict[str, Any]:
        """The keyword arguments that it was made with, `operators` among them, as they were given."""
        return dict(self._given)

    def _make_run(self) -> _native.Run:
        return _native.Run(
            self.source.native,
            self.operators,
            buffers=self._buffers,
            max_active_batches=self.prefetch,
            **self._options,
        )

    def __len__(self) -> int:
        samples = len(self.source)
        return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        previous = self._current() if self._current is not None else None
        if self._process != os.getpid():  # the threads stayed in the process that forked
            self._process, previous = os.getpid(), None
            self._run = self._make_run()
        if previous is not None:
            previous.detach()
        # A run with batches left belongs to the epoch that was broken off.
        if self._run.pending() > 0 or previous is not None:
            self._run.close()
            self._run = self._make_run()
        self._epoch_is_set = False
        epoch = _Epoch(self, self._run, self._epoch)
        self._current = weakref.ref(epoch)
        return epoch

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next `iter()` gives; without it each complete pass adds one."""
        self._epoch = check_count("epoch", epoch, 0, _EPOCHS - 1)
        self._epoch_is_set = True

    @property
    def epoch(self) -> int:
        """The epoch that the next `iter()` gives."""
        return self._epoch

    def explain(self) -> str:
        """What is decoded, fused and stored, with which threads and how much memory, as text."""
        plan = str(self._run.explain()).rstrip("\n")
        return "\n".join([plan, *self.source.notes(), *self._statistics_notes])

    def counters(self) -> dict[str, Any]:
        """What each thread and step did with its time, in nanoseconds; see docs/counters.md."""
        return dict(self._run.counters())

    def bad_samples(self) -> list[dict[str, Any]]:
        """Every sample that failed so far, by index."""
        return list(self._run.bad_samples())

    def close(self) -> None:
        """Ends the threads. Iterating again starts new ones."""
        self._run.close()
        self._run = self._make_run()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _DlpackArray:
    """bfloat16 pixels, for `torch.from_dlpack` and its like: NumPy has no such dtype."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape: tuple[int, ...] = tuple(_native.shape_of(array))

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()

    def __len__(self) -> int:
        return int(self.shape[0])

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("NumPy has no bfloat16; use torch.from_dlpack, or dtype='float16' or 'float32'.")

    def __repr__(self) -> str:
        return f"<bfloat16 array of {self.shape}, for from_dlpack>"


class _Epoch:
    """One pass over the source. Several Python threads may take batches from it."""

    def __init__(self, loader: Loader, run: _native.Run, epoch: int) -> None:
        self._loader = loader
        self._run = run
        self._epoch = epoch
        self._order = _native.Order(loader.seed, epoch, len(loader.source)) if loader.shuffle else None
        self._lock = threading.RLock()  # a signal handler may take a batch while its thread waits for one
        self._submitted = 0
        self._taken = 0
        self._is_detached = False
        for _ in range(min(loader.prefetch + _SUBMITTED_AHEAD, len(loader))):
            self._submit()

    def detach(self) -> None:
        """Another epoch has begun on the loader; this one is over."""
        self._is_detached = True

    def _submit(self) -> None:
        loader = self._loader
        begin = self._submitted * loader.batch_size
        end = min(begin + loader.batch_size, len(loader.source))
        indices = self._order.indices(begin, end) if self._order else np.arange(begin, end, dtype=np.int64)
        self._run.submit(indices, self._epoch)
        self._submitted += 1

    def __iter__(self) -> _Epoch:
        return self

    def __len__(self) -> int:
        return len(self._loader) - self._taken

    def __next__(self) -> Any:
        while True:
            batch = self._take()
            # With on_error="skip" a batch can lose all its samples; there is nothing to hand out then.
            if len(batch.indices):
                return self._finish(batch)

    def _take(self) -> _native.Batch:
        loader = self._loader
        if os.getpid() != loader._process:  # before the lock, which another thread may have held at the fork
            raise StokerError(
                "stoker.Loader: the threads stayed in the process that forked; iterate the loader anew here."
            )
        with self._lock:
            if self._is_detached or loader._run is not self._run:
                raise RuntimeError(
                    "stoker.Loader: this epoch has ended, because the loader was closed or iterated anew."
                )
            if self._taken == len(loader):
                raise StopIteration
            self._taken += 1
            if self._taken == len(loader) and not loader._epoch_is_set:
                loader._epoch = (self._epoch + 1) % _EPOCHS
            if self._submitted < len(loader):
                self._submit()
            # Within the lock, so that batches reach several threads in order.
            batch = self._run.next()
        if batch is None:
            raise RuntimeError("stoker.Loader: it was closed while a batch was awaited.")
        return batch  # type: ignore[no-any-return]

    def _finish(self, batch: _native.Batch) -> Any:
        source = self._loader.source
        images = self._shown(batch.images)
        labels = source.labels_of(batch)
        if not source.has_more_fields:
            return images if labels is None else (images, labels)
        fields = {"image": images}
        for name, kind in source.fields[1:]:
            fields[name] = self._shown(batch.field(name)) if kind == "image" else batch.field(name)
        for name in source.native.ragged_names:
            values, starts, _ = batch.ragged(name)
            fields[name] = [values[begin:end] for begin, end in itertools.pairwise(starts)]
        return fields if labels is None else {**fields, "label": labels}

    def _shown(self, images: Any) -> Any:
        if self._loader.dtype != "bfloat16":
            return images
        return [_DlpackArray(image) for image in images] if isinstance(images, list) else _DlpackArray(images)

    def __del__(self) -> None:
        # Broken off: stop the threads now, not when the loader goes.
        loader = getattr(self, "_loader", None)
        if loader is None or self._is_detached or self._taken == len(loader):
            return
        if os.getpid() != loader._process:
            return
        self._run.close()
        if loader._run is self._run:
            loader._run = loader._make_run()
