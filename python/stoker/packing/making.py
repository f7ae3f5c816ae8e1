"""`stoker.pack`: a plan, shards by the engine, and a manifest at the end."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stoker import _native
from stoker.errors import ShardError
from stoker.loader import Loader, check_count, check_operators, resolve_threads
from stoker.operators import Operator
from stoker.packing.cut import FORMS, MAX_VARIANTS, Cut, cut_operators
from stoker.packing.identity import (
    add_json_labels,
    label_kind,
    source_identity,
    source_name,
    source_root,
)
from stoker.packing.manifest import Manifest, finalise
from stoker.packing.plan import SHARD_FORMAT, Plan, check_same, load_plan, publish_plan
from stoker.packing.reading import changed_file
from stoker.packing.steps import described, shown_list
from stoker.sources import Source, arrays

SHARD_BYTES = 256 << 20
_WAIT_SECONDS = 0.05

# Samples by which the size of a shard's samples is estimated; spread over the source, always the same.
_PROBES = 16

# By which the cost of reading floats is measured.
_READ_SAMPLES, _READ_ROUNDS = 64, 3

# Bytes of a JPEG for a byte of its pixels, by the quality from which it holds; rough, and part of the plan.
_JPEG_SHARES = ((98, 0.5), (95, 0.35), (90, 0.25), (75, 0.15), (0, 0.1))

_log = logging.getLogger("stoker")

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Packed:
    """What `stoker.pack` did.

    Attributes:
        folder: Where the data lie.
        plan: What was packed, and how.
        reason: Where the list of operators was cut, and why.
        messages: (level, text) of what to know; level "note", "caution" or "warning".
        made, kept: Names of files made now, and of those that stood already.
        bytes: Of the files of this call, made and kept.
        bad_samples: Samples left out by this call (on_error="skip").
        manifest: None as long as shards are missing, or others are to finalise.
    """

    folder: str
    plan: Plan
    reason: str
    messages: list[tuple[str, str]]
    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    bytes: int = 0
    bad_samples: list[dict[str, Any]] = field(default_factory=list)
    manifest: Manifest | None = None

    def __str__(self) -> str:
        plan = self.plan
        lines = [
            f"{plan.samples} samples as form {plan.form!r}"
            + (f", {plan.variants} variants" if plan.variants > 1 else "")
            + (
                f", {plan.shard_count} shards of {plan.samples_per_shard} samples" if plan.shard_count else ""
            ),
            self.reason,
            f"packed: {shown_list(plan.operators)}; online: {shown_list(plan.online)}",
        ]
        lines += [f"{level}: {text}" for level, text in self.messages]
        return "\n".join(lines)


def pack(
    source: Source,
    folder: str | os.PathLike[str],
    operators: Sequence[Operator] = (),
    *,
    form: str = "raw",
    variants: int = 1,
    cut: int | str | None = None,
    allow_frozen: bool = False,
    epochs: int | None = None,
    quality: int = 95,
    chroma: str = "4:2:0",
    seed: int = 0,
    threads: int | str = "auto",
    color: str = "rgb",
    exif: str = "ignore",
    image_dtype: str = "uint8",
    layout: str = "hwc",
    rank: int = 0,
    world_size: int = 1,
    shard_bytes: int = SHARD_BYTES,
    samples_per_shard: int | None = None,
    on_error: str = "raise",
    statistics: bool = False,
    dry_run: bool = False,
    engine: str = "local",
    workers: int | None = None,
    progress: Progress | None = None,
) -> Packed:
    """Does expensive, deterministic work once, and saves it in verified files that `stoker.shards` reads.

    The same call goes on after an interruption, keeps what stands, and ends with the same bytes. Any number
    of processes may work on one folder.

    Args:
        source: From `stoker.folder`, `stoker.files` or `stoker.arrays`, or shards of form "source".
        folder: Where to write; made when it is not there.
        operators: The whole list of the training pipeline. Those before the cut are done now; the others
            are recorded and stay for the loader.
        form: "source" keeps the original bytes; "raw" the pixels; "jpeg" encodes them anew, which is lossy;
            "npy" makes arrays for NumPy and torch (images.npy, labels.npy).
        variants: K > 1 freezes K draws of each sample; epoch e reads variant e mod K.
        cut: How many operators are done now, or "all". Left out: those before the first that is random or
            that turns integers into floats; with variants all but the cheap ones at the end.
        allow_frozen: Let random operators be frozen into one copy.
        epochs: How long the data will be used, for the messages.
        quality, chroma: Of form "jpeg": 1 to 100, and "4:2:0", "4:2:2" or "4:4:4".
        seed: Of frozen draws.
        threads: CPU threads; "auto" takes the usable cores less one.
        color, exif, image_dtype: As for `stoker.Loader`.
        layout: Of form "npy": "hwc" or "chw".
        rank, world_size: Make shards rank, rank + world_size, ..., then those still missing; the manifest is
            then made by `stoker.packing.finalise`.
        shard_bytes: About how large a shard becomes.
        samples_per_shard: Instead of shard_bytes.
        on_error: A bad sample: "raise", or "skip", which leaves it out and lists it.
        statistics: Compute those of the packed pixels at the end (form "raw").
        dry_run: Only plan.
        engine, workers: "local", or "ray" with so many workers (all of the cluster when left out).
        progress: Called with samples done and all samples, some twenty times a second.

    Raises:
        ValueError, TypeError: A wrong argument, or the folder holds data of another plan; the message names
            what differs.
        stoker.SampleError: A file cannot be decoded.
        stoker.ShardError: A file of the folder is not what it should be.
        OSError: The disk failed, or is too small for what is estimated; finished shards stay.
    """
    if not isinstance(source, Source):
        raise TypeError(
            "pack: source must come from stoker.folder, stoker.files, stoker.arrays or stoker.shards, "
            f"got {source!r}."
        )
    path = _folder(folder, source)
    decoding = {"color": color, "exif": exif, "image_dtype": image_dtype}
    if source.done:
        raise ValueError(
            f"pack: {source!r} have been through operators already; pack from the original source."
        )
    checked = check_operators(operators, "pack")
    _choice("form", form, FORMS)
    _choice("on_error", on_error, ("raise", "skip"))
    _choice("engine", engine, ("local", "ray"))
    _choice("layout", layout, ("hwc", "chw"))
    _choice("chroma", chroma, ("4:2:0", "4:2:2", "4:4:4"))
    variants = check_count("pack: variants", variants, 1, MAX_VARIANTS)
    quality = check_count("pack: quality", quality, 1, 100)
    seed = check_count("pack: seed", seed, 0, 2**64 - 1)
    shard_bytes = check_count("pack: shard_bytes", shard_bytes, 1 << 16, 1 << 40)
    epochs = None if epochs is None else check_count("pack: epochs", epochs, 1, 2**24)
    world_size = check_count("pack: world_size", world_size, 1, 2**31 - 1)
    rank = check_count("pack: rank", rank, 0, world_size - 1)
    if form == "npy" and (world_size > 1 or engine != "local"):
        raise ValueError("pack: form 'npy' is one file, made by one process; choose 'raw' for several.")
    if form != "npy" and layout != "hwc":
        raise ValueError(f"pack: layout is for form 'npy'; form {form!r} is always 'hwc'.")
    if statistics and form != "raw":
        raise ValueError(f"pack: statistics are computed for form 'raw', not for {form!r}.")
    cuts = cut_operators(
        source,
        checked,
        form=form,
        quality=quality,
        variants=variants,
        cut=cut,
        allow_frozen=allow_frozen,
        epochs=epochs,
        **decoding,
    )
    add_json_labels(source)
    options: dict[str, Any] = {
        "folder": path,
        "form": form,
        "quality": quality,
        "chroma": chroma,
        "variants": variants,
        "root": source_root(source),
        "seed": seed,
        "threads": max(1, resolve_threads(threads)[0]),
        "skips_bad": on_error == "skip",
        "dtype": "auto",
        "layout": layout,
        **decoding,
    }
    _check_engine(source, cuts, options)
    plan = _plan(source, cuts, options, shard_bytes, samples_per_shard, statistics, load_plan(path))
    planned = Packed(path, plan, cuts.reason, cuts.messages)
    if dry_run:
        if there := load_plan(path):
            check_same(path, there, plan, lambda there: changed_file(path, there, source))
        return planned
    for level, text in cuts.messages:
        _log.log(logging.INFO if level == "note" else logging.WARNING, "pack: %s", text)
    os.makedirs(path, exist_ok=True)
    plan = publish_plan(path, plan, lambda there: changed_file(path, there, source))
    job = Job(source, cuts.packed, plan, options)
    if engine == "ray":
        from stoker.packing.ray_engine import pack_with_ray

        work = pack_with_ray(job, workers, progress)
    else:
        work = job.pack_own(rank, world_size, progress)
    manifest = None
    if world_size == 1:
        manifest = finalise(path, npy_files=work.files if form == "npy" else None, bad=work.bad_samples)
    messages = [*cuts.messages, *read_cost(path)] if form == "npy" else cuts.messages
    return Packed(
        path,
        plan,
        cuts.reason,
        messages,
        made=[each["name"] for each in work.files if not each["kept"]],
        kept=[each["name"] for each in work.files if each["kept"]],
        bytes=sum(each["bytes"] for each in work.files),
        bad_samples=work.bad_samples,
        manifest=manifest,
    )


@dataclass
class Work:
    """Files that stand now, and samples that were left out."""

    files: list[dict[str, Any]] = field(default_factory=list)
    bad_samples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: Work) -> None:
        names = {each["name"] for each in self.files}
        self.files += [each for each in other.files if each["name"] not in names]
        indices = {each["index"] for each in self.bad_samples}
        self.bad_samples += [each for each in other.bad_samples if each["index"] not in indices]


@dataclass
class Job:
    """All that is needed to make any shard of a plan; can be pickled."""

    source: Source
    operators: list[Operator]
    plan: Plan
    options: dict[str, Any]

    def pack(self, shards: Sequence[int], progress: Progress | None = None, **options: Any) -> Work:
        """Makes these shards (for form npy all) unless they stand."""
        if len(self.source) != self.plan.samples:  # a process elsewhere lists the folder anew
            raise ValueError(
                f"pack: the source has {len(self.source)} samples here, the plan has {self.plan.samples}; it "
                "must be the same for all processes."
            )
        add_json_labels(self.source)
        given = {**self.options, **options}
        if self.plan.form != "npy":
            given |= {
                "shards": list(shards),
                "samples_per_shard": self.plan.samples_per_shard,
                "footers": self.plan.footers(),
            }
        packing = _native.Packing(self.source.native, self.operators, **given)
        try:
            while True:
                state = packing.advance(_WAIT_SECONDS)
                if progress is not None and state["samples_total"]:
                    progress(state["samples_done"], state["samples_total"])
                if state["finished"]:
                    break
        finally:
            packing.close()
        return Work(packing.files(), packing.bad_samples())

    def pack_own(self, rank: int, world_size: int, progress: Progress | None) -> Work:
        """Shards rank, rank + world_size, ...; then, one after another, those that are still missing."""
        folder, work = self.options["folder"], Work()
        if self.plan.form == "npy":
            return self.pack([], progress)
        own = range(rank, self.plan.shard_count, world_size)
        if own:
            work.add(self.pack(own, progress))
        # From the end, because others begin at the beginning, and each rank at a place of its own.
        while missing := self.plan.missing(folder):
            shard = missing[-1 - rank % len(missing)]
            work.add(self.pack([shard], progress))
            if shard in self.plan.missing(folder):
                raise ShardError(f"{folder}: shard {shard} vanished right after it was made.")
        return work


def read_cost(folder: str) -> list[tuple[str, str]]:
    """What floats in images.npy cost against uint8 that is normalised online, measured here, as a message."""
    images = np.load(os.path.join(folder, "images.npy"), mmap_mode="r")
    if images.dtype.kind != "f":
        return []
    count = min(len(images), _READ_SAMPLES)
    shape = images.shape[1:]
    small = arrays(np.zeros((count, *shape), np.uint8))
    loader = Loader(
        small,
        [_native.make_operator("normalize", {"mean": 0.5, "std": 0.5})],
        batch_size=count,
        threads=0,
        layout="hwc",
    )
    floats: list[float] = []
    integers: list[float] = []
    for _ in range(_READ_ROUNDS):
        start = time.perf_counter()
        np.array(images[:count])
        middle = time.perf_counter()
        for _ in loader:
            pass
        floats.append((middle - start) / count * 1e3)
        integers.append((time.perf_counter() - middle) / count * 1e3)
    size = images[0].nbytes
    text = (
        f"images.npy holds {images.dtype}: {size} bytes a sample, uint8 would take "
        f"{size // images.itemsize}. Measured here, out of memory: {min(floats):.3f} ms a sample to read it, "
        f"{min(integers):.3f} ms to read uint8 and normalise it; from a disk the bytes decide."
    )
    return [("note", text)]


def _folder(folder: Any, source: Source) -> str:
    try:
        path = os.path.abspath(os.fsdecode(folder))
    except TypeError:
        raise TypeError(f"pack: folder must be a string or a path, got {folder!r}.") from None
    if os.path.exists(path) and not os.path.isdir(path):
        raise NotADirectoryError(f"pack: {path} is no folder; name one, which is made if it is not there.")
    root = os.path.realpath(str(_native.source_root(source.native)) or os.devnull)
    if os.path.realpath(path) == root or os.path.realpath(path).startswith(os.path.join(root, "")):
        raise ValueError(
            f"pack: {path} lies within the source {root}, which would then be another one; choose a folder "
            "besides it."
        )
    return path


def _choice(name: str, value: Any, choices: Sequence[str]) -> None:
    allowed = f"pack: {name} must be one of {', '.join(map(repr, choices))}, got {value!r}."
    if not isinstance(value, str):
        raise TypeError(allowed)
    if value not in choices:
        raise ValueError(allowed)


def _check_engine(source: Source, cuts: Cut, options: dict[str, Any]) -> None:
    """What only the engine knows is refused before anything is written."""
    shards: dict[str, Any] = {}
    if options["form"] != "npy":
        footers = ["{}"] * options["variants"]
        shards = {"shards": [0], "samples_per_shard": len(source), "footers": footers}
    _native.Packing(source.native, cuts.packed, **{**options, **shards}).close()


def _plan(
    source: Source,
    cuts: Cut,
    options: dict[str, Any],
    shard_bytes: int,
    samples_per_shard: int | None,
    statistics: bool,
    there: Plan | None,
) -> Plan:
    form = options["form"]
    is_random = cuts.is_random
    done = [described(each) for each in cuts.packed]
    fingerprint = {
        "form": form,
        "quality": options["quality"] if form == "jpeg" else None,
        "chroma": options["chroma"] if form == "jpeg" else None,
        "layout": options["layout"] if form == "npy" else None,
        "operators": done,
        "color": options["color"],
        "exif": options["exif"],
        "image_dtype": options["image_dtype"],
        "variants": options["variants"],
        "seed": options["seed"] if is_random else None,
        "shard_format": SHARD_FORMAT,
        "shard_bytes": None if samples_per_shard is not None or form == "npy" else shard_bytes,
        "engine": _native.build_info()["version"],
        "decoders": None if form == "source" else _native.build_info()["codecs"],
        "source": source_identity(source),
    }
    if form == "npy":
        count = len(source)
    elif samples_per_shard is not None:
        count = check_count("pack: samples_per_shard", samples_per_shard, 1, 2**40)
    elif there is not None and there.fingerprint == fingerprint:
        count = there.samples_per_shard  # no need to decode any sample anew
    else:
        count = int(max(1, shard_bytes // max(1, _sample_bytes(source, cuts.packed, options))))
    return Plan(
        fingerprint=fingerprint,
        online=[described(each) for each in cuts.online],
        samples=len(source),
        samples_per_shard=min(count, len(source)),
        classes=source.classes,
        labels=label_kind(source),
        statistics=statistics,
        origin={
            "root": os.path.abspath(options["root"]) if options["root"] else None,
            "name": source_name(source),
            "extensions": source.extensions,
        },
    )


def _sample_bytes(source: Source, operators: Sequence[Operator], options: dict[str, Any]) -> int:
    """About the bytes of a packed sample; a function of the data alone, so that all processes agree."""
    count = len(source)
    probes = np.unique(np.linspace(0, count - 1, min(count, _PROBES)).astype(np.int64))
    if options["form"] == "source":
        sizes = [os.stat(path).st_size for path in map(source.path, probes.tolist()) if os.path.exists(path)]
        if sizes:
            return int(sum(sizes) / len(sizes) * len(source.fields))
    run_options = {name: options[name] for name in ("color", "exif", "image_dtype", "threads", "dtype")}
    run = _native.Run(
        source.native,
        list(operators),
        buffers=_native.Buffers(2),
        max_active_batches=1,
        seed=options["seed"],
        layout="hwc",
        on_error="skip",
        max_bad=len(probes),
        shapes="list",
        **run_options,
    )
    try:
        run.submit(probes, 0)
        batch = run.next()
        pixels = 0
        for name, kind in source.fields:
            images = batch.images if name == source.fields[0][0] else batch.field(name)
            share = 1.0
            if options["form"] == "jpeg" and kind == "image":
                share = next(share for low, share in _JPEG_SHARES if options["quality"] >= low)
            pixels += int(share * sum(np.asarray(each).nbytes for each in images))
        return pixels // max(1, len(batch.indices))
    finally:
        run.close()
