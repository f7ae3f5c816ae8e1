"""Statistics from a source: the engine sums; this asks for the sums, keeps them, and names the data."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from stoker import _native, sources
from stoker.loader import check_count, resolve_threads
from stoker.operators import Operator
from stoker.sources import Source
from stoker.statistics.channel import LEFT_OUT, RANGES, Channel, kept
from stoker.statistics.data import identity
from stoker.statistics.figures import Statistics
from stoker.statistics.partial import Partial

_WAIT_SECONDS = 0.05

# Between two writes of what is done; longer where writing takes more than a twentieth of the time.
_KEEP_SECONDS = 5.0
_KEEP_SHARE = 20


def compute_statistics(
    source: Source,
    operators: Sequence[Operator] = (),
    *,
    histogram: bool = True,
    nodata: float | None = None,
    masks: Any | None = None,
    threads: int | str = "auto",
    color: str = "rgb",
    exif: str = "ignore",
    image_dtype: str = "uint8",
    on_error: str = "raise",
    rank: int = 0,
    world_size: int = 1,
    resume: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Statistics:
    """Mean, deviation, least and greatest value and histogram of each channel, over every pixel of a source.

    Integers are summed exactly, so the result has the same bits for any order and number of threads. NaN and
    infinities are left out and counted.

    Args:
        source: From `stoker.folder`, `stoker.files` or `stoker.arrays`.
        operators: What is done to each image first, such as `[stoker.resize(256)]`; none that is random.
        histogram: Count every value of uint8, uint16 and int16 images, which percentiles need.
        nodata: A value that stands for "nothing measured here", left out and counted.
        masks: Of each sample a mask of the image's height and width: paths of files, or one array
            (N, H, W). Pixels where it is 0 are left out and counted. Integers of 1 or 3 channels,
            moved with the image by the operators; uint8 where these resize.
        threads: CPU threads; "auto" takes the usable cores less one.
        color, exif, image_dtype: As for `stoker.Loader`.
        on_error: A bad sample: "raise", or "skip", which leaves it out and lists it in `bad_samples`.
        rank, world_size: Only part `rank` of `world_size` equal stretches of the source's order, to be merged
            with the others (`Statistics.merge`).
        resume: A file that keeps what is done, written every few seconds. If it is there, the computation
            goes on from it, and ends with the same bits; at the end it is removed.
        progress: Called with the samples done and all samples, some twenty times a second.

    Raises:
        ValueError, TypeError: A wrong argument, random operators among them, images that differ in dtype
            or channels, or a file to resume from that is of another computation.
        stoker.SampleError: A file cannot be decoded.
    """
    statistics, partial = computed(
        source,
        operators,
        histogram=histogram,
        nodata=nodata,
        masks=masks,
        threads=threads,
        color=color,
        exif=exif,
        image_dtype=image_dtype,
        on_error=on_error,
        rank=rank,
        world_size=world_size,
        resume=resume,
        progress=progress,
    )
    if partial is not None:
        partial.remove()
    return statistics


def computed(
    source: Source,
    operators: Sequence[Operator],
    *,
    histogram: bool,
    nodata: float | None,
    masks: Any | None,
    threads: int | str,
    on_error: str,
    rank: int,
    world_size: int,
    resume: str | os.PathLike[str] | None,
    progress: Callable[[int, int], object] | None,
    **decoding: str,
) -> tuple[Statistics, Partial | None]:
    """As compute_statistics, and what was kept, to be removed once the statistics are safe."""
    if not isinstance(source, Source):
        raise TypeError(
            "compute_statistics: source must come from stoker.folder, stoker.files or stoker.arrays, "
            f"got {source!r}."
        )
    written = _check_operators(operators)
    checked = source.remaining(written, "compute_statistics", **decoding)
    if on_error not in ("raise", "skip"):
        raise ValueError(f"compute_statistics: on_error must be 'raise' or 'skip', got {on_error!r}.")
    nodata = _check_nodata(nodata)
    mask_source = _mask_source(masks)
    samples = _stretch(len(source), rank, world_size)
    options: dict[str, Any] = {
        "threads": max(1, resolve_threads(threads)[0]),
        "skips_bad": on_error == "skip",
        "histogram": bool(histogram),
        "nodata": nodata,
        "masks": None if mask_source is None else mask_source.native,
        "begin": samples[0],
        "end": samples[1],
        **decoding,
    }
    # Made before any file is looked at, so that a wrong argument shows at once.
    measurement = _native.Measurement(source.native, checked, **options)
    described = [*source.done, *(_described(each) for each in checked)]
    part, order = identity(source, samples, mask_source)
    if order is None and (resume is not None or world_size > 1):
        raise ValueError(
            "compute_statistics: resume, and rank of a world_size, need files: nothing would tell later "
            "whether arrays in memory are the same. Compute arrays in one go, or merge those of slices."
        )
    partial: Partial | None = None
    bad_before: list[dict[str, Any]] = []
    if resume is not None:
        if mask_source is not None and part["masks"] is None:
            raise ValueError("compute_statistics: resume needs the masks in files too.")
        recipe = {
            **decoding,
            "operators": described,
            "nodata": nodata,
            "histogram": bool(histogram),
            "on_error": on_error,
            "data": {**part, "order": order},
        }
        partial = Partial(_check_resume(resume), recipe)
        done, before, bad_before = partial.load()
        if before is not None:
            try:
                measurement = _native.Measurement(source.native, checked, done=done, before=before, **options)
            except (ValueError, TypeError) as error:
                raise ValueError(f"resume {partial.path!r}: {error}") from None
    sums, bad = _measured(measurement, samples, bad_before, partial, progress)
    if not sums["channels"]:
        raise ValueError(
            f"compute_statistics: none of the {samples[1] - samples[0]} samples could be read; "
            f"the first: {bad[0]['message']}"
        )
    is_exact = sums["dtype"] in RANGES
    statistics = Statistics(
        dtype=sums["dtype"],
        channels=tuple(_channel_of(channel, is_exact) for channel in sums["channels"]),
        image_count=sums["image_count"],
        skipped=len(bad),
        operators=described,
        nodata=nodata,
        data=[part],
        bad_samples=bad,
        **decoding,
    )
    return statistics, partial


def _measured(
    measurement: _native.Measurement,
    samples: tuple[int, int],
    bad_before: list[dict[str, Any]],
    partial: Partial | None,
    progress: Callable[[int, int], object] | None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(sums of all samples, the bad ones); writes to `partial` now and then, and when it is broken off."""

    def state() -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
        done, sums = measurement.snapshot()
        # Samples beyond `done` are measured again, and found bad again.
        bad = [each for each in measurement.bad_samples() if each["index"] < samples[0] + done]
        return done, sums, [*bad_before, *bad]

    total = samples[1] - samples[0]
    kept_at, keep_seconds = time.monotonic(), _KEEP_SECONDS
    try:
        done, sums, bad = state()
        while done < total:
            done = measurement.advance(_WAIT_SECONDS)
            if progress is not None:
                progress(done, total)
            start = time.monotonic()
            if partial is not None and 0 < done < total and start - kept_at > keep_seconds:
                partial.save(*state())
                kept_at = time.monotonic()
                keep_seconds = max(_KEEP_SECONDS, _KEEP_SHARE * (kept_at - start))
        _, sums, bad = state()
    except BaseException:
        measurement.close()
        if partial is not None and (now := state())[0] > 0:
            partial.save(*now)
        raise
    finally:
        measurement.close()
    return sums, bad


def _check_operators(given: Any) -> list[Operator]:
    if isinstance(given, (Operator, str)) or not isinstance(given, Iterable):
        raise TypeError(
            f"compute_statistics: operators must be a list such as [stoker.resize(256)], got {given!r}."
        )
    checked = list(given)
    for each in checked:
        if not isinstance(each, Operator):
            raise TypeError(f"compute_statistics: operators must be stoker's, got {each!r}.")
    return checked


def _check_nodata(nodata: Any) -> float | None:
    if nodata is None:
        return None
    if isinstance(nodata, bool) or not isinstance(nodata, (int, float, np.number)):
        raise TypeError(f"compute_statistics: nodata must be a number or None, got {nodata!r}.")
    if not math.isfinite(nodata):
        raise ValueError(
            f"compute_statistics: nodata must be finite, got {nodata!r}; "
            "NaN and infinities are always left out."
        )
    return float(nodata)


def _mask_source(masks: Any) -> Source | None:
    if masks is None or isinstance(masks, Source):
        return masks
    if isinstance(masks, np.ndarray) or hasattr(masks, "detach"):
        return sources.arrays(masks)
    try:
        return sources.files(masks)
    except TypeError:
        raise TypeError(
            "compute_statistics: masks must be a sequence of paths, or one array (N, H, W), "
            f"got {type(masks).__name__}."
        ) from None


def _check_resume(resume: Any) -> str:
    try:
        path = os.path.abspath(os.fsdecode(resume))
    except TypeError:
        raise TypeError(f"compute_statistics: resume must be a path, got {resume!r}.") from None
    if not os.path.isdir(os.path.dirname(path)):
        raise FileNotFoundError(
            f"compute_statistics: resume: {os.path.dirname(path)} is no folder; nothing could be kept there."
        )
    return path


def _stretch(count: int, rank: Any, world_size: Any) -> tuple[int, int]:
    """The samples [begin, end) of a part."""
    world_size = check_count("world_size", world_size, 1, 2**31 - 1)
    rank = check_count("rank", rank, 0, world_size - 1)
    begin, end = rank * count // world_size, (rank + 1) * count // world_size
    if begin == end:
        raise ValueError(
            f"compute_statistics: part {rank} of {world_size} has none of the {count} samples; "
            f"take a world_size of at most {count}."
        )
    return begin, end


def _described(operator: Operator) -> dict[str, Any]:
    """Name and parameters as JSON gives them back."""
    parameters = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in sorted(operator.parameters.items())
    }
    out: dict[str, Any] = {"name": operator.name, "parameters": parameters}
    if operator.children:
        out["children"] = [_described(each) for each in operator.children]
    return out


def _channel_of(sums: dict[str, Any], is_exact: bool) -> Channel:
    histogram = sums["histogram"]
    is_empty = sums["count"] == 0

    def total(name: str) -> int | Fraction:
        if is_exact:
            return int(sums[name])
        high, low = sums[f"float_{name}"]
        return kept(Fraction(high) + Fraction(low))

    def bound(name: str) -> float | None:
        value = sums[name]
        return None if is_empty else int(value) if is_exact else value

    return Channel(
        **{name: sums[name] for name in ("count", *LEFT_OUT)},
        sum=total("sum"),
        sum_squares=total("sum_squares"),
        min=bound("min"),
        max=bound("max"),
        histogram=None if histogram is None else tuple(histogram.tolist()),
    )
