"""The file of statistics: JSON that keeps every bit, and a reader that names the field that is wrong."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from stoker.statistics.channel import LEFT_OUT, RANGES, VALUE_SCALES, Channel

if TYPE_CHECKING:
    from stoker.statistics.figures import Statistics

MAX_FILE_BYTES = 256 << 20
SKETCH_SIZE = 64

_FORMAT = "stoker statistics"
_VERSION = 1
_ALGORITHMS = {
    True: "exact sums of integers",
    False: "sums in pairs of doubles, blocks of 16 samples in order",
}
_COLORS = ("rgb", "bgr", "gray", "unchanged")
_EXIF = ("ignore", "apply")
_IMAGE_DTYPES = ("uint8", "uint16", "int16", "int32", "float32")
_MAX_COUNT = 2**63 - 1
_MAX_CHANNELS = 64
_MAX_DEPTH = 16  # of groups in groups


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file under another name first, then flushes and renames it: what has its name is whole."""
    path = os.path.realpath(os.fspath(path))
    folder, name = os.path.split(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(data)
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


def as_json(statistics: Statistics) -> dict[str, Any]:
    """What the file holds, as a dict."""
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "algorithm": _ALGORITHMS[statistics.dtype in RANGES],
        "dtype": statistics.dtype,
        "value_scale": statistics.value_scale,
        "color": statistics.color,
        "exif": statistics.exif,
        "image_dtype": statistics.image_dtype,
        "nodata": statistics.nodata,
        "operators": statistics.operators,
        "image_count": statistics.image_count,
        "skipped": statistics.skipped,
        "data": statistics.data,
        "channels": [_channel_json(channel, statistics.dtype) for channel in statistics.channels],
    }


def as_text(statistics: Statistics) -> str:
    """One line a key, and one a channel: short, and yet to be read and compared by eye."""
    lines = []
    for key, value in as_json(statistics).items():
        text = json.dumps(value, allow_nan=False)
        if key == "channels":
            text = "[\n  " + ",\n  ".join(json.dumps(each, allow_nan=False) for each in value) + "\n ]"
        lines.append(f' "{key}": {text}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _channel_json(channel: Channel, dtype: str) -> dict[str, Any]:
    is_exact = dtype in RANGES
    out: dict[str, Any] = {
        "mean": channel.mean if channel.count else None,
        "std": channel.std() if channel.count else None,
        "min": channel.min,
        "max": channel.max,
        "count": channel.count,
        **{name: getattr(channel, name) for name in LEFT_OUT},
        "sum": _sum_json(channel.sum, is_exact),
        "sum_squares": _sum_json(channel.sum_squares, is_exact),
        "histogram": None,
    }
    if channel.histogram is not None:
        used = [value for value, count in enumerate(channel.histogram) if count]
        low, end = (used[0], used[-1] + 1) if used else (0, 0)
        out["histogram"] = {
            "first": RANGES[dtype][0] + low,
            "counts": list(channel.histogram[low:end]),
        }
    return out


def _sum_json(value: int | Fraction, is_exact: bool) -> str | list[str]:
    """Decimal digits, so that readers whose numbers are doubles keep all; of floats their pair of doubles."""
    if is_exact:
        return str(value)
    high = float(value)
    return [repr(high), repr(float(value - Fraction(high)))]


# ---- reading ----


class _Fields:
    """The fields of a JSON object, each taken once with a check; messages name the field."""

    def __init__(self, value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{name or 'the file'} must be an object.")
        self._left, self._name = dict(value), name

    def named(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def has(self, key: str) -> bool:
        return key in self._left

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


def parsed(data: bytes) -> Any:
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


def fields_of(data: bytes) -> dict[str, Any]:
    """The arguments of `Statistics` that a file's bytes stand for; ValueError names what is wrong."""
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"it has more than {MAX_FILE_BYTES} bytes.")
    fields = _Fields(parsed(data), "")
    fields.choice("format", [_FORMAT])
    fields.choice("version", [_VERSION])
    dtype = fields.choice("dtype", VALUE_SCALES)
    fields.choice("algorithm", [_ALGORITHMS[dtype in RANGES]])
    fields.choice("value_scale", [VALUE_SCALES[dtype]])
    out = {
        "dtype": dtype,
        "color": fields.choice("color", _COLORS),
        "exif": fields.choice("exif", _EXIF),
        "image_dtype": fields.choice("image_dtype", _IMAGE_DTYPES),
        "nodata": fields.number_or_none("nodata"),
        "image_count": fields.integer("image_count", 1, _MAX_COUNT),
        "skipped": fields.integer("skipped", 0, _MAX_COUNT),
        "operators": [_operator_from(each) for each in fields.objects("operators", 0, 1000)],
        "data": [_part_from(each) for each in fields.objects("data", 1, 1_000_000)],
        "channels": tuple(
            _channel_from(each, dtype) for each in fields.objects("channels", 1, _MAX_CHANNELS)
        ),
    }
    fields.end()
    if len({channel.histogram is None for channel in out["channels"]}) > 1:
        raise ValueError("field 'channels' must have a histogram in each or in none.")
    samples = sum(part["samples"][1] - part["samples"][0] for part in out["data"])
    if out["image_count"] + out["skipped"] != samples:
        raise ValueError(f"field 'image_count' must be, with 'skipped', the {samples} samples of 'data'.")
    return out


def _operator_from(fields: _Fields, depth: int = 0) -> dict[str, Any]:
    out: dict[str, Any] = {"name": fields.text("name"), "parameters": fields.take("parameters")}
    parameters = out["parameters"]

    def is_plain(value: Any) -> bool:
        return value is None or isinstance(value, (bool, int, float, str))

    is_known = type(parameters) is dict and all(
        is_plain(each) or (type(each) is list and all(map(is_plain, each))) for each in parameters.values()
    )
    if not is_known:
        raise fields.wrong("parameters", "an object of numbers, strings and lists of numbers", parameters)
    if depth < _MAX_DEPTH and fields.has("children"):
        out["children"] = [_operator_from(each, depth + 1) for each in fields.objects("children", 1, 1000)]
    fields.end()
    return out


def _part_from(fields: _Fields) -> dict[str, Any]:
    out = {
        "root": fields.text("root"),
        "count": fields.integer("count", 1, _MAX_COUNT),
        "samples": fields.take("samples"),
        "sha256": _digest_from(fields, "sha256"),
        "order": _digest_from(fields, "order"),
        "masks": _digest_from(fields, "masks"),
        "sketch": fields.take("sketch"),
    }
    samples, sketch = out["samples"], out["sketch"]
    is_range = type(samples) is list and len(samples) == 2 and all(type(each) is int for each in samples)
    if not is_range or not 0 <= samples[0] < samples[1] <= out["count"]:
        raise fields.wrong("samples", f"[first, end] within 0 to {out['count']}", samples)
    is_sketch = type(sketch) is list and len(sketch) <= SKETCH_SIZE
    if not is_sketch or not all(type(each) is str and re.fullmatch("[0-9a-f]{16}", each) for each in sketch):
        raise fields.wrong("sketch", f"at most {SKETCH_SIZE} words of 16 hexadecimal digits", sketch)
    fields.end()
    return out


def _digest_from(fields: _Fields, key: str) -> str | None:
    value = fields.take(key)
    if value is not None and not (type(value) is str and re.fullmatch("[0-9a-f]{64}", value)):
        raise fields.wrong(key, "64 hexadecimal digits or null", value)
    return value


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
    is_exact = dtype in RANGES
    counts = {name: fields.integer(name, 0, _MAX_COUNT) for name in ("count", *LEFT_OUT)}
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
    if dtype not in RANGES:
        raise fields.wrong("histogram", "null for float32", value)
    inner = _Fields(value, fields.named("histogram"))
    low, high = RANGES[dtype]
    first, counts = inner.integer("first", low, high), inner.take("counts")
    is_known = type(counts) is list and all(type(each) is int and 0 <= each <= _MAX_COUNT for each in counts)
    if not is_known or first + len(counts) > high + 1:
        raise inner.wrong("counts", f"a list of counts for values from {first} to {high} at most", counts)
    inner.end()
    return (*[0] * (first - low), *counts, *[0] * (high + 1 - first - len(counts)))


def _check_channel(fields: _Fields, channel: Channel, dtype: str) -> None:
    """Whether the figures agree with each other; a digit that changed on a disk shows here."""
    low, high = RANGES.get(dtype, (-3.5e38, 3.5e38))
    for name in ("min", "max"):
        value = getattr(channel, name)
        is_known = value is None if channel.count == 0 else value is not None and low <= value <= high
        if not is_known or (dtype in RANGES and value is not None and type(value) is not int):
            raise fields.wrong(name, f"a value of {dtype}, null without any", value)
    least, greatest = channel.min or 0, channel.max or 0
    slack = 0 if dtype in RANGES else Fraction(1, 2**40)
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
