"""Statistics in `stoker.normalize`, and whether they fit the images that come to it."""

from __future__ import annotations

import copyreg
import os
import weakref
from collections.abc import Sequence
from functools import wraps
from typing import Any, overload

from stoker import _native, operators
from stoker.operators import Operator
from stoker.sources import Source
from stoker.statistics import data
from stoker.statistics.channel import VALUE_SCALES
from stoker.statistics.figures import Statistics

# What an operator was made of: the statistics, and whether they may be of changed data.
_origins: weakref.WeakKeyDictionary[Operator, tuple[Statistics, bool]] = weakref.WeakKeyDictionary()


@overload
def normalize(mean: Statistics | str | os.PathLike[str], *, allow_mismatch: bool = False) -> Operator: ...
@overload
def normalize(
    mean: float | Sequence[float], std: float | Sequence[float], *, max_value: float = 255.0
) -> Operator: ...
@wraps(operators.normalize)
def normalize(*args: Any, **kwargs: Any) -> Operator:
    given = args[0] if args else kwargs.get("mean")
    if not isinstance(given, (Statistics, str, os.PathLike)):
        return operators.normalize(*args, **kwargs)
    allow_mismatch = kwargs.pop("allow_mismatch", False)
    if len(args) + len(kwargs) > 1:
        raise TypeError(
            "normalize: statistics hold mean, std and max_value; "
            "give nothing besides them but allow_mismatch."
        )
    if not isinstance(allow_mismatch, bool):
        raise TypeError(f"normalize: allow_mismatch must be True or False, got {allow_mismatch!r}.")
    return _made(given if isinstance(given, Statistics) else Statistics.load(given), allow_mismatch)


normalize.__doc__ = (normalize.__doc__ or "").replace(
    "\n\nReturns:",
    "\n\nOne argument alone, what `stoker.compute_statistics` gave or the path of its file, stands for\n"
    "mean, std and max_value. A loader refuses statistics of another dtype, value scale, channel count\n"
    "or colour order than its images', and of files that have changed since; allow_mismatch=True lets\n"
    "the last pass.\n\nReturns:",
)


def _made(statistics: Statistics, allow_mismatch: bool) -> Operator:
    if statistics.missing and not allow_mismatch:
        raise ValueError(
            f"normalize: the statistics are of a part of the data, without {missing_text(statistics)}; "
            "merge the other parts, or say allow_mismatch=True."
        )
    scale = statistics.value_scale
    mean, std = [], []
    for index, channel in enumerate(statistics.channels):
        if channel.count == 0:
            raise ValueError(f"normalize: channel {index} of the statistics has no value.")
        deviation = channel.std()
        if deviation == 0:
            raise ValueError(
                f"normalize: channel {index} of the statistics is {channel.mean:g} throughout; "
                "its deviation is 0, which nothing can be divided by."
            )
        mean.append(channel.mean / scale)
        std.append(deviation / scale)
    made = operators.normalize(mean, std, max_value=float(scale))
    _origins[made] = (statistics, allow_mismatch)
    return made


def missing_text(statistics: Statistics) -> str:
    """The samples that no part held, in words."""
    ranges = [f"samples {first} to {end - 1} of {root!r}" for root, first, end in statistics.missing]
    return ", ".join(ranges[:3]) + (f" and {len(ranges) - 3} more stretches" if len(ranges) > 3 else "")


def _reduce(operator: Operator) -> Any:
    """Pickles and copies keep what an operator was made of."""
    origin = _origins.get(operator)
    return operator.__reduce__() if origin is None else (_made, origin)


copyreg.pickle(Operator, _reduce)


# ---- in a loader ----


def check_pipeline(source: Source, steps: Sequence[Operator], color: str, **decoding: str) -> list[str]:
    """What `explain` says of the statistics in these steps; ValueError where they cannot fit.

    Files are asked for their sizes only where the source is the data that was measured, as far as the names
    of files tell.
    """
    origins = [_origins.get(each) for each in steps]
    if not any(origins):
        return []
    planned = _native.planned_images(source.native, steps, color=color, **decoding)
    notes = []
    for index, origin in enumerate(origins[: len(planned)]):
        if origin is None:
            continue
        statistics, allow_mismatch = origin
        dtype, channels = planned[index]
        _check_images(statistics, dtype, channels, steps[:index], source.done)
        _check_color(statistics, source, color)
        notes.append(_note(statistics, source, allow_mismatch))
    return notes


def _check_images(
    statistics: Statistics,
    dtype: str,
    channels: int,
    before: Sequence[Operator],
    done: Sequence[dict[str, Any]],
) -> None:
    if dtype != statistics.dtype:
        raise ValueError(
            f"normalize: dtype differs: the statistics are of {statistics.dtype} images (value scale "
            f"{statistics.value_scale}), those that come to it are {dtype} (value scale "
            f"{VALUE_SCALES.get(dtype, 'unknown')}){_after(before)}. {_REMEDY}"
        )
    then, now = _to_float(statistics.operators), _to_float([*done, *map(_as_json, before)])
    if then != now:
        raise ValueError(
            f"normalize: value scale differs: the statistics are of float32 images {_LEVELS[then]}, "
            f"those that come to it are {_LEVELS[now]}. {_REMEDY}"
        )
    if channels and channels != len(statistics.channels):
        raise ValueError(
            f"normalize: channel count differs: the statistics have {len(statistics.channels)} channels, "
            f"the images that come to it {channels}. {_REMEDY}"
        )


_REMEDY = "Compute the statistics of what comes to normalize, or move it."
_LEVELS = {
    None: "with the values of the files",
    1: "from 0 to 1 (to_float)",
    255: "from 0 to 255 (to_float that casts)",
}


def _as_json(operator: Operator) -> dict[str, Any]:
    return {"name": operator.name, "parameters": operator.parameters}


def _after(before: Sequence[Operator]) -> str:
    return f", after {before[-1].name}" if before else ""


def _to_float(steps: Sequence[dict[str, Any]]) -> int | None:
    """What counts as 1 after the last to_float; None without one."""
    scale = None
    for each in steps:
        if each["name"] == "to_float":
            scale = 255 if each["parameters"].get("arithmetic") == "cast" else 1
    return scale


def _check_color(statistics: Statistics, source: Source, color: str) -> None:
    # Nothing tells the colour order of arrays in memory, on either side.
    is_decoded = all(part["sha256"] is not None for part in statistics.data) and source.path(0) != ""
    if not is_decoded or len(statistics.channels) != 3:
        return
    if (statistics.color == "bgr") != (color == "bgr"):
        raise ValueError(
            f"normalize: colour order differs: the statistics are of {statistics.color!r} images, "
            f"the loader's are {color!r}. Give both the same color."
        )


def _note(statistics: Statistics, source: Source, allow_mismatch: bool) -> str:
    of = f"normalize: statistics of {statistics.image_count} images"
    result, text = data.compared(statistics.data, source)
    if result == "same":
        return f"{of}, {text}, as here."
    if result == "other":
        names = ", ".join(sorted({repr(part["root"]) for part in statistics.data if part["root"]}))
        return f"{of}{' of ' + names if names else ''}; the data here are others: {text}."
    if not allow_mismatch:
        raise ValueError(
            f"normalize: the data have changed: {text}. Compute the statistics anew, or say "
            "stoker.normalize(statistics, allow_mismatch=True)."
        )
    return f"{of}, allowed though {text}."
