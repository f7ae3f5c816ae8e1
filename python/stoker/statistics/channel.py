"""The sums of one channel, and the figures that follow from them, each rounded once."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

# What counts as 1 in images of a dtype; floats are taken as they are.
VALUE_SCALES = {"uint8": 255, "uint16": 65535, "int16": 32768, "float32": 1}

# Of the dtypes that are summed exactly.
RANGES = {"uint8": (0, 255), "uint16": (0, 65535), "int16": (-32768, 32767)}
LEFT_OUT = ("nan", "infinite", "nodata", "masked")


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
        return square_root(squares / (self.count - left_out))

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
            sum=kept(self.sum + other.sum),
            sum_squares=kept(self.sum_squares + other.sum_squares),
            min=chosen(min, self.min, other.min),
            max=chosen(max, self.max, other.max),
            histogram=histogram,
        )


def kept(value: int | Fraction) -> int | Fraction:
    """What the file holds of a sum: all of an integer, of a fraction the nearest pair of doubles."""
    if isinstance(value, int):
        return value
    high = Fraction(float(value))
    return high + Fraction(float(value - high))


def square_root(value: Fraction) -> float:
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
