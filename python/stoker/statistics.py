"""Statistics of a data set, by channel: computed once, kept in a file, given to `stoker.normalize`."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import os
import re
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import wraps
from typing import Any, overload

import numpy as np

from stoker import _native, operators
from stoker.loader import resolve_threads
from stoker.operators import Operator
from stoker.sources import Source

# What counts as 1 in images of a dtype; floats are taken as they are.
VALUE_SCALES = {"uint8": 255, "uint16": 65535, "int16": 32768, "float32": 1}

_FORMAT = "stoker statistics"
_VERSION = 1
_ALGORITHMS = {
    True: "exact sums of integers",
    False: "sums in pairs of doubles, blocks of 16 samples in order",
}
_RANGES = {"uint8": (0, 255), "uint16": (0, 65535), "int16": (-32768, 32767)}
_LEFT_OUT = ("nan", "infinite", "nodata", "masked")
_COLORS = ("rgb", "bgr", "gray", "unchanged")
_EXIF = ("ignore", "apply")
_IMAGE_DTYPES = ("uint8", "uint16", "int16", "int32", "float32")
_MAX_COUNT = 2**63 - 1
_MAX_FILE_BYTES = 256 << 20
_MAX_CHANNELS = 64
_WAIT_SECONDS = 0.05


@dataclass(frozen=True)
class Channel:
    """The sums of one channel.

    Attributes:
        count: Values in the sums.
        nan, infinite, nodata, masked: Values left out, by reason.
        sum, sum_squares: Exact for integers; for floats the exact value of a pair of doubles.
        min, max: None where count is 0.
        histogram: How often each value occurs, from the dtype's least value on; None without one.
    """

    count: int
    nan: int
    infinite: int
    nodata: int
    masked: int
    sum: int | Fraction
    sum_squares: int | Fraction
    min: float | None
    max: float | None
    histogram: tuple[int, ...] | None = field(repr=False)

    @property
    def mean(self) -> float:
        """The nearest double to the mean; NaN where count is 0."""
        return float(Fraction(self.sum) / self.count) if self.count else math.nan

    def std(self, left_out: int = 0) -> float:
        """The deviation with the divisor count - left_out, rounded once; NaN where that is below 1."""
        if self.count - left_out < 1:
            return math.nan
        squares = Fraction(self.sum_squares) - Fraction(self.sum) ** 2 / self.count
        return _square_root(squares / (self.count - left_out))

    def percentile(self, share: Fraction, first: int) -> float:
        assert self.histogram is not None
        if not self.count:
            return math.nan
        position = share * (self.count - 1)
        low = position.numerator // position.denominator
        ends = list(itertools.accumulate(self.histogram))
        below = bisect_right(ends, low)
        above = bisect_right(ends, min(low + 1, self.count - 1))
        return float(first + below + (above - below) * (position - low))

    def merged(self, other: Channel) -> Channel:
        def chosen(pick: Callable[..., float], a: float | None, b: float | None) -> float | None:
            return pick(a, b) if a is not None and b is not None else a if b is None else b

        histogram = None
        if self.histogram is not None and other.histogram is not None:
            histogram = tuple(map(int.__add__, self.histogram, other.histogram))
        return Channel(
            count=self.count + other.count,
            nan=self.nan + other.nan,
            infinite=self.infinite + other.infinite,
            nodata=self.nodata + other.nodata,
            masked=self.masked + other.masked,
            sum=_kept(self.sum + other.sum),
            sum_squares=_kept(self.sum_squares + other.sum_squares),
            min=chosen(min, self.min, other.min),
            max=chosen(max, self.max, other.max),
            histogram=histogram,
        )


def _kept(value: int | Fraction) -> int | Fraction:
    """What the file holds of a sum: all of an integer, of a fraction the nearest pair of doubles."""
    if isinstance(value, int):
        return value
    high = Fraction(float(value))
    return high + Fraction(float(value - high))


def _square_root(value: Fraction) -> float:
    """The nearest double to the root, of 0 for what rounding made negative."""
    if value <= 0:
        return 0.0
    numerator, denominator = value.numerator, value.denominator
    shift = max(0, (140 - numerator.bit_length() + denominator.bit_length()) // 2)
    scaled = (numerator << 2 * shift) // denominator
    root = math.isqrt(scaled)
    # Twice the root, one more where something was cut off: no halfway case is made that was none.
    is_exact = root * root * denominator == numerator << 2 * shift
    return float(Fraction(2 * root + (not is_exact), 2 << shift))


@dataclass(frozen=True, eq=False)
class Statistics:
    """Per channel figures of a data set, made by `stoker.compute_statistics` or `Statistics.load`.

    Attributes:
        dtype: Of the values: "uint8", "uint16", "int16" or "float32".
        channels: The sums of each channel, with the counts of what was left out.
        image_count: Images in the sums.
        skipped: Bad samples left out (on_error="skip").
        operators: What was done to the images first, by name and parameters.
        color, exif, image_dtype, nodata: As given to `stoker.compute_statistics`.
        data: Of each part: name of its folder, number of files, and the SHA-256 of relative paths and sizes
            (None for arrays in memory).
        bad_samples: The samples left out; not kept in the file.
    """

    dtype: str
    channels: tuple[Channel, ...]
    image_count: int
    skipped: int
    operators: list[dict[str, Any]]
    color: str
    exif: str
    image_dtype: str
    nodata: float | None
    data: list[dict[str, Any]]
    bad_samples: list[dict[str, Any]] = field(default_factory=list, repr=False)

    @property
    def mean(self) -> list[float]:
        """Mean of each channel, in the units of the images."""
        return [channel.mean for channel in self.channels]

    @property
    def std(self) -> list[float]:
        """Standard deviation of each channel, of the population (divisor count)."""
        return [channel.std() for channel in self.channels]

    @property
    def sample_std(self) -> list[float]:
        """Standard deviation of each channel with the divisor count - 1."""
        return [channel.std(1) for channel in self.channels]

    @property
    def min(self) -> list[float]:
        """Least value of each channel; NaN where there is none."""
        return [math.nan if channel.min is None else channel.min for channel in self.channels]

    @property
    def max(self) -> list[float]:
        """Greatest value of each channel; NaN where there is none."""
        return [math.nan if channel.max is None else channel.max for channel in self.channels]

    @property
    def count(self) -> list[int]:
        """Values in the sums of each channel."""
        return [channel.count for channel in self.channels]

    @property
    def value_scale(self) -> int:
        """What counts as 1 in images of this dtype."""
        return VALUE_SCALES[self.dtype]

    @property
    def histogram(self) -> list[Any] | None:
        """uint64 counts of each value and channel, from the dtype's least value on; None without them."""
        if not self._has_histogram:
            return None
        return [np.array(channel.histogram, dtype=np.uint64) for channel in self.channels]

    @property
    def _has_histogram(self) -> bool:
        return all(channel.histogram is not None for channel in self.channels)

    def percentile(self, q: float) -> list[float]:
        """The value of each channel below which `q` percent lie, between two values by linear interpolation.

        Raises:
            ValueError: There is no histogram (float images, or histogram=False), or q is not 0 to 100.
        """
        if not 0 <= q <= 100:
            raise ValueError(f"percentile: q must be between 0 and 100 percent, got {q!r}.")
        if not self._has_histogram:
            raise ValueError(
                f"percentile: these statistics of {self.dtype} images have no histogram; "
                "compute them of integer images with histogram=True."
            )
        share = Fraction(q) / 100
        return [channel.percentile(share, _RANGES[self.dtype][0]) for channel in self.channels]

    def merge(self, other: Statistics) -> Statistics:
        """The statistics of both data sets together; for integers as if computed in one go.

        Raises:
            ValueError: They are of other dtype, channels, operators or decoding, or of the same files.
        """
        for name in ("dtype", "operators", "color", "exif", "image_dtype", "nodata"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(f"merge: {name} differs: {mine!r} and {theirs!r}.")
        if len(self.channels) != len(other.channels):
            raise ValueError(f"merge: channels differ: {len(self.channels)} and {len(other.channels)}.")
        if self._has_histogram != other._has_histogram:
            raise ValueError("merge: one has a histogram and the other none.")
        twice = {part["sha256"] for part in self.data} & {part["sha256"] for part in other.data} - {None}
        if twice:
            raise ValueError("merge: both hold the same files, which would count twice.")
        parts = [*self.data, *other.data]
        return replace(
            self,
            channels=tuple(map(Channel.merged, self.channels, other.channels)),
            image_count=self.image_count + other.image_count,
            skipped=self.skipped + other.skipped,
            data=sorted(parts, key=lambda part: (part["sha256"] or "", part["root"], part["count"])),
            bad_samples=[*self.bad_samples, *other.bad_samples],
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file as a whole: under another name first, then flushed and renamed.

        Raises:
            OSError: It cannot be written.
        """
        path = os.path.realpath(os.fspath(path))
        folder, name = os.path.split(path)
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(self._text())
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        folder_handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(folder_handle)
        finally:
            os.close(folder_handle)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Statistics:
        """The statistics of a file that `save` wrote.

        Raises:
            ValueError: The file is damaged or of another kind; the message names the field.
            OSError: It cannot be read.
        """
        shown = os.fspath(path)
        with open(path, "rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        try:
            if len(data) > _MAX_FILE_BYTES:
                raise ValueError(f"it has more than {_MAX_FILE_BYTES} bytes.")
            return _from_json(_parsed(data))
        except ValueError as error:
            raise ValueError(f"statistics {shown!r}: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """What `save` writes, as a dict."""
        is_exact = self.dtype in _RANGES
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "algorithm": _ALGORITHMS[is_exact],
            "dtype": self.dtype,
            "value_scale": self.value_scale,
            "color": self.color,
            "exif": self.exif,
            "image_dtype": self.image_dtype,
            "nodata": self.nodata,
            "operators": self.operators,
            "image_count": self.image_count,
            "skipped": self.skipped,
            "data": self.data,
            "channels": [self._channel_json(channel) for channel in self.channels],
        }

    def _text(self) -> str:
        """One line a key, and one a channel: short, and yet to be read and compared by eye."""
        lines = []
        for key, value in self.to_json().items():
            text = json.dumps(value, allow_nan=False)
            if key == "channels":
                text = "[\n  " + ",\n  ".join(json.dumps(each, allow_nan=False) for each in value) + "\n ]"
            lines.append(f' "{key}": {text}')
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def _channel_json(self, channel: Channel) -> dict[str, Any]:
        is_exact = self.dtype in _RANGES
        out: dict[str, Any] = {
            "mean": channel.mean if channel.count else None,
            "std": channel.std() if channel.count else None,
            "min": channel.min,
            "max": channel.max,
            "count": channel.count,
            **{name: getattr(channel, name) for name in _LEFT_OUT},
            "sum": _sum_json(channel.sum, is_exact),
            "sum_squares": _sum_json(channel.sum_squares, is_exact),
            "histogram": None,
        }
        if channel.histogram is not None:
            used = [value for value, count in enumerate(channel.histogram) if count]
            low, end = (used[0], used[-1] + 1) if used else (0, 0)
            out["histogram"] = {
                "first": _RANGES[self.dtype][0] + low,
                "counts": list(channel.histogram[low:end]),
            }
        return out


# ---- the file ----


def _sum_json(value: int | Fraction, is_exact: bool) -> str | list[str]:
    """Decimal digits, so that readers whose numbers are doubles keep all; of floats their pair of doubles."""
    if is_exact:
        return str(value)
    high = float(value)
    return [repr(high), repr(float(value - Fraction(high)))]


class _Fields:
    """The fields of a JSON object, each taken once with a check; messages name the field."""

    def __init__(self, value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{name or 'the file'} must be an object.")
        self._left, self._name = dict(value), name

    def named(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def take(self, key: str) -> Any:
        if key not in self._left:
            raise ValueError(f"field {self.named(key)!r} is missing.")
        return self._left.pop(key)

    def wrong(self, key: str, allowed: str, found: Any) -> ValueError:
        shown = repr(found)
        shown = shown if len(shown) < 80 else shown[:80] + "..."
        return ValueError(f"field {self.named(key)!r} must be {allowed}, got {shown}.")

    def choice(self, key: str, choices: Iterable[Any]) -> Any:
        value, allowed = self.take(key), list(choices)
        if not any(type(value) is type(each) and value == each for each in allowed):
            raise self.wrong(key, " or ".join(map(repr, allowed)), value)
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        value = self.take(key)
        if type(value) is not int or not low <= value <= high:
            raise self.wrong(key, f"an integer from {low} to {high}", value)
        return value

    def text(self, key: str) -> str:
        value = self.take(key)
        if type(value) is not str:
            raise self.wrong(key, "a string", value)
        return value

    def number_or_none(self, key: str) -> float | None:
        value = self.take(key)
        if value is not None and not (type(value) in (int, float) and abs(value) <= 1.7e308):
            raise self.wrong(key, "a number or null", value)
        return value  # type: ignore[no-any-return]

    def objects(self, key: str, low: int, high: int) -> list[_Fields]:
        value = self.take(key)
        if type(value) is not list or not low <= len(value) <= high:
            raise self.wrong(key, f"a list of {low} to {high}", value)
        return [_Fields(each, f"{self.named(key)}[{i}]") for i, each in enumerate(value)]

    def end(self) -> None:
        for key in self._left:
            raise ValueError(f"field {self.named(str(key))!r} is not known.")


def _parsed(data: bytes) -> Any:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON.")

    def finite(text: str) -> float:
        number = float(text)
        return number if math.isfinite(number) else float(refuse(text))

    def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise ValueError("a field stands there twice.")
        return fields

    try:
        return json.loads(
            data.decode("utf-8"),
            parse_constant=refuse,
            parse_float=finite,
            object_pairs_hook=without_doubles,
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no whole JSON file: {error}") from None


def _from_json(value: Any) -> Statistics:
    fields = _Fields(value, "")
    fields.choice("format", [_FORMAT])
    fields.choice("version", [_VERSION])
    dtype = fields.choice("dtype", VALUE_SCALES)
    fields.choice("algorithm", [_ALGORITHMS[dtype in _RANGES]])
    fields.choice("value_scale", [VALUE_SCALES[dtype]])
    color, exif = fields.choice("color", _COLORS), fields.choice("exif", _EXIF)
    statistics = Statistics(
        dtype=dtype,
        color=color,
        exif=exif,
        image_dtype=fields.choice("image_dtype", _IMAGE_DTYPES),
        nodata=fields.number_or_none("nodata"),
        image_count=fields.integer("image_count", 1, _MAX_COUNT),
        skipped=fields.integer("skipped", 0, _MAX_COUNT),
        operators=[_operator_from(each) for each in fields.objects("operators", 0, 1000)],
        data=[_part_from(each) for each in fields.objects("data", 1, 1_000_000)],
        channels=tuple(_channel_from(each, dtype) for each in fields.objects("channels", 1, _MAX_CHANNELS)),
    )
    fields.end()
    if len({channel.histogram is None for channel in statistics.channels}) > 1:
        raise ValueError("field 'channels' must have a histogram in each or in none.")
    return statistics


def _operator_from(fields: _Fields) -> dict[str, Any]:
    out: dict[str, Any] = {"name": fields.text("name"), "parameters": fields.take("parameters")}
    parameters = out["parameters"]

    def is_plain(value: Any) -> bool:
        return value is None or isinstance(value, (bool, int, float, str))

    is_known = type(parameters) is dict and all(
        is_plain(each) or (type(each) is list and all(map(is_plain, each))) for each in parameters.values()
    )
    if not is_known:
        raise fields.wrong("parameters", "an object of numbers, strings and lists of numbers", parameters)
    fields.end()
    return out


def _part_from(fields: _Fields) -> dict[str, Any]:
    out = {
        "root": fields.text("root"),
        "count": fields.integer("count", 0, _MAX_COUNT),
        "sha256": fields.take("sha256"),
    }
    digest = out["sha256"]
    if digest is not None and not (type(digest) is str and re.fullmatch("[0-9a-f]{64}", digest)):
        raise fields.wrong("sha256", "64 hexadecimal digits or null", digest)
    fields.end()
    return out


def _exact_from(fields: _Fields, key: str) -> int:
    value = fields.take(key)
    if type(value) is not str or not re.fullmatch("0|-?[1-9][0-9]{0,44}", value):
        raise fields.wrong(key, "a whole number in decimal digits, as a string", value)
    return int(value)


def _pair_from(fields: _Fields, key: str) -> Fraction:
    value = fields.take(key)
    is_pair = type(value) is list and len(value) == 2
    total = Fraction(0)
    for each in value if is_pair else [None]:
        try:
            number = float(each) if type(each) is str and len(each) < 40 else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise fields.wrong(key, "two finite numbers, as strings", value)
        total += Fraction(number)
    return total


def _channel_from(fields: _Fields, dtype: str) -> Channel:
    is_exact = dtype in _RANGES
    counts = {name: fields.integer(name, 0, _MAX_COUNT) for name in ("count", *_LEFT_OUT)}
    read = _exact_from if is_exact else _pair_from
    channel = Channel(
        **counts,
        sum=read(fields, "sum"),
        sum_squares=read(fields, "sum_squares"),
        min=fields.number_or_none("min"),
        max=fields.number_or_none("max"),
        histogram=_histogram_from(fields, dtype),
    )
    _check_channel(fields, channel, dtype)
    for name, expected in (("mean", channel.mean), ("std", channel.std())):
        value = fields.number_or_none(name)
        if value != (expected if channel.count else None):
            raise fields.wrong(name, f"what the sums give, {expected!r}", value)
    fields.end()
    return channel


def _histogram_from(fields: _Fields, dtype: str) -> tuple[int, ...] | None:
    value = fields.take("histogram")
    if value is None:
        return None
    if dtype not in _RANGES:
        raise fields.wrong("histogram", "null for float32", value)
    inner = _Fields(value, fields.named("histogram"))
    low, high = _RANGES[dtype]
    first, counts = inner.integer("first", low, high), inner.take("counts")
    is_known = type(counts) is list and all(type(each) is int and 0 <= each <= _MAX_COUNT for each in counts)
    if not is_known or first + len(counts) > high + 1:
        raise inner.wrong("counts", f"a list of counts for values from {first} to {high} at most", counts)
    inner.end()
    return (*[0] * (first - low), *counts, *[0] * (high + 1 - first - len(counts)))


def _check_channel(fields: _Fields, channel: Channel, dtype: str) -> None:
    """Whether the figures agree with each other; a digit that changed on a disk shows here."""
    low, high = _RANGES.get(dtype, (-3.5e38, 3.5e38))
    for name in ("min", "max"):
        value = getattr(channel, name)
        is_known = value is None if channel.count == 0 else value is not None and low <= value <= high
        if not is_known or (dtype in _RANGES and value is not None and type(value) is not int):
            raise fields.wrong(name, f"a value of {dtype}, null without any", value)
    least, greatest = channel.min or 0, channel.max or 0
    slack = 0 if dtype in _RANGES else Fraction(1, 2**40)
    total = Fraction(max(abs(least), abs(greatest))) * channel.count
    if least > greatest:
        raise fields.wrong("max", f"at least min, {least!r}", greatest)
    below, above = Fraction(least) * channel.count, Fraction(greatest) * channel.count
    if not below - slack * total <= channel.sum <= above + slack * total:
        raise fields.wrong("sum", "within count times min and max", channel.sum)
    squares = Fraction(channel.sum) ** 2 / channel.count if channel.count else 0
    most = total * Fraction(max(abs(least), abs(greatest)))
    if not squares * (1 - slack) <= channel.sum_squares <= most * (1 + slack):
        raise fields.wrong("sum_squares", "within what sum, min and max allow", channel.sum_squares)
    if channel.histogram is None:
        return
    used = [(low + index, count) for index, count in enumerate(channel.histogram) if count]
    figures = {
        "count": sum(count for _, count in used),
        "sum": sum(value * count for value, count in used),
        "sum_squares": sum(value * value * count for value, count in used),
        "min": used[0][0] if used else None,
        "max": used[-1][0] if used else None,
    }
    for name, expected in figures.items():
        if getattr(channel, name) != expected:
            raise fields.wrong(name, f"what the histogram gives, {expected!r}", getattr(channel, name))


# ---- from a source ----


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


def _described(operator: Operator) -> dict[str, Any]:
    """Name and parameters as JSON gives them back."""
    parameters = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in sorted(operator.parameters.items())
    }
    return {"name": operator.name, "parameters": parameters}


def _identity(source: Source) -> dict[str, Any]:
    """Which files these are, wherever they lie: paths below their common folder, and sizes."""
    paths = [os.fsencode(source.path(index)) for index in range(len(source))]
    if not all(paths):
        return {"root": "", "count": len(paths), "sha256": None}
    root = os.fsencode(_native.source_root(source.native)) or os.path.commonpath(
        {os.path.dirname(os.path.abspath(path)) for path in paths}
    )
    root = os.path.abspath(root)
    lines = []
    for path in paths:
        try:
            size = b"%d" % os.stat(path).st_size
        except OSError:  # a bad sample, which the policy decides on
            size = b"missing"
        lines.append(os.path.relpath(os.path.abspath(path), root) + b"\0" + size)
    digest = hashlib.sha256(b"\n".join(sorted(lines)))
    return {"root": os.fsdecode(os.path.basename(root)), "count": len(paths), "sha256": digest.hexdigest()}


def _channel_of(sums: dict[str, Any], is_exact: bool) -> Channel:
    histogram = sums["histogram"]
    is_empty = sums["count"] == 0

    def total(name: str) -> int | Fraction:
        if is_exact:
            return int(sums[name])
        high, low = sums[f"float_{name}"]
        return _kept(Fraction(high) + Fraction(low))

    def bound(name: str) -> float | None:
        value = sums[name]
        return None if is_empty else int(value) if is_exact else value

    return Channel(
        **{name: sums[name] for name in ("count", *_LEFT_OUT)},
        sum=total("sum"),
        sum_squares=total("sum_squares"),
        min=bound("min"),
        max=bound("max"),
        histogram=None if histogram is None else tuple(histogram.tolist()),
    )


def compute_statistics(
    source: Source,
    operators: Sequence[Operator] = (),
    *,
    histogram: bool = True,
    nodata: float | None = None,
    threads: int | str = "auto",
    color: str = "rgb",
    exif: str = "ignore",
    image_dtype: str = "uint8",
    on_error: str = "raise",
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
        threads: CPU threads; "auto" takes the usable cores less one.
        color, exif, image_dtype: As for `stoker.Loader`.
        on_error: A bad sample: "raise", or "skip", which leaves it out and lists it in `bad_samples`.
        progress: Called with the samples done and all samples, some twenty times a second.

    Raises:
        ValueError, TypeError: A wrong argument, random operators among them, or images that differ in dtype
            or channels.
        stoker.SampleError: A file cannot be decoded.
    """
    if not isinstance(source, Source):
        raise TypeError(
            "compute_statistics: source must come from stoker.folder, stoker.files or stoker.arrays, "
            f"got {source!r}."
        )
    checked = _check_operators(operators)
    if on_error not in ("raise", "skip"):
        raise ValueError(f"compute_statistics: on_error must be 'raise' or 'skip', got {on_error!r}.")
    if nodata is not None:
        if isinstance(nodata, bool) or not isinstance(nodata, (int, float, np.number)):
            raise TypeError(f"compute_statistics: nodata must be a number or None, got {nodata!r}.")
        nodata = float(nodata)
        if not math.isfinite(nodata):
            raise ValueError(
                f"compute_statistics: nodata must be finite, got {nodata!r}; "
                "NaN and infinities are always left out."
            )
    measurement = _native.Measurement(
        source.native,
        checked,
        threads=max(1, resolve_threads(threads)[0]),
        skips_bad=on_error == "skip",
        histogram=bool(histogram),
        nodata=nodata,
        color=color,
        exif=exif,
        image_dtype=image_dtype,
    )
    try:
        identity = _identity(source)
        done, total = 0, len(source)
        while done < total:
            done = measurement.advance(_WAIT_SECONDS)
            if progress is not None:
                progress(done, total)
        sums, bad = measurement.sums(), measurement.bad_samples()
    finally:
        measurement.close()
    if not sums["channels"]:
        raise ValueError(
            f"compute_statistics: none of the {total} samples could be read; the first: {bad[0]['message']}"
        )
    is_exact = sums["dtype"] in _RANGES
    return Statistics(
        dtype=sums["dtype"],
        channels=tuple(_channel_of(channel, is_exact) for channel in sums["channels"]),
        image_count=sums["image_count"],
        skipped=len(bad),
        operators=[_described(each) for each in checked],
        color=color,
        exif=exif,
        image_dtype=image_dtype,
        nodata=nodata,
        data=[identity],
        bad_samples=bad,
    )


# ---- to the operator ----


@overload
def normalize(mean: Statistics | str | os.PathLike[str]) -> Operator: ...
@overload
def normalize(
    mean: float | Sequence[float], std: float | Sequence[float], *, max_value: float = 255.0
) -> Operator: ...
@wraps(operators.normalize)
def normalize(*args: Any, **kwargs: Any) -> Operator:
    given = args[0] if args else kwargs.get("mean")
    if not isinstance(given, (Statistics, str, os.PathLike)):
        return operators.normalize(*args, **kwargs)
    if len(args) + len(kwargs) > 1:
        raise TypeError("normalize: statistics hold mean, std and max_value; give nothing besides them.")
    statistics = given if isinstance(given, Statistics) else Statistics.load(given)
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
    return operators.normalize(mean, std, max_value=float(scale))


normalize.__doc__ = (normalize.__doc__ or "").replace(
    "\n\nReturns:",
    "\n\nOne argument alone, what `stoker.compute_statistics` gave or the path of its file, stands for\n"
    "mean, std and max_value.\n\nReturns:",
)


# ---- the command ----


def _source_of(folder: str, extensions: Sequence[str]) -> Source:
    """root/<class>/<file>, or the files of a flat folder."""
    from stoker import sources

    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder} is no folder")
    names = sorted(name for name in os.listdir(folder) if name.lower().endswith(tuple(extensions)))
    if names:
        return sources.files([os.path.join(folder, name) for name in names])
    try:
        return sources.folder(folder, extensions=extensions)
    except ValueError as error:
        raise FileNotFoundError(str(error)) from None


def run_command(
    folder: str,
    output: str | None,
    *,
    resize: int | None,
    histogram: bool,
    nodata: float | None,
    threads: str,
    color: str,
    image_dtype: str,
    extensions: str,
    skip_bad: bool,
    form: str,
) -> int:
    """`stoker stats`; returns the number of bad samples left out."""
    import sys

    if threads != "auto" and not threads.isdigit():
        raise ValueError(f"threads must be a number or 'auto', got '{threads}'")
    if output is not None and not os.path.isdir(os.path.dirname(os.path.abspath(output))):
        raise FileNotFoundError(f"{os.path.dirname(output)} is no folder; nothing could be written there")
    source = _source_of(folder, tuple(extensions.lower().split(",")))
    is_terminal = sys.stderr.isatty()

    def show(done: int, total: int) -> None:
        filled = 40 * done // total
        bar = "#" * filled + "." * (40 - filled)
        print(f"\rstatistics [{bar}] {done}/{total} ", end="", file=sys.stderr, flush=True)

    try:
        statistics = compute_statistics(
            source,
            [] if resize is None else [operators.resize(resize)],
            histogram=histogram,
            nodata=nodata,
            threads=threads if threads == "auto" else int(threads),
            color=color,
            image_dtype=image_dtype,
            on_error="skip" if skip_bad else "raise",
            progress=show if is_terminal else None,
        )
    finally:
        if is_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    if output is not None:
        statistics.save(output)
    for bad in statistics.bad_samples:
        print(f"left out: {bad['message']}", file=sys.stderr)
    if form == "json":
        report = statistics.to_json()
        for channel in report["channels"]:
            del channel["histogram"]
        print(json.dumps(report, indent=1))
        return statistics.skipped
    print(f"{statistics.image_count} images, {statistics.dtype}, {len(statistics.channels)} channels")
    print(f"{'channel':>7} {'mean':>14} {'std':>14} {'min':>12} {'max':>12} {'values':>16}")
    rows = zip(statistics.mean, statistics.std, statistics.min, statistics.max, statistics.count, strict=True)
    for index, (mean, std, low, high, count) in enumerate(rows):
        print(f"{index:7} {mean:14.6f} {std:14.6f} {low:12g} {high:12g} {count:16}")
    if output is not None:
        print(f'saved; use it as stoker.normalize("{output}")')
    return statistics.skipped
