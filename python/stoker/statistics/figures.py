"""What `compute_statistics` gives: per channel figures of a data set, with what they were computed of."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from stoker.statistics import data as data_parts
from stoker.statistics import file
from stoker.statistics.channel import RANGES, VALUE_SCALES, Channel


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
        data: Of each part: name of its folder, number of files, which of them are in the sums, and the
            SHA-256 of relative paths and sizes (None for arrays in memory).
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
        return [channel.percentile(share, RANGES[self.dtype][0]) for channel in self.channels]

    @property
    def missing(self) -> list[tuple[str, int, int]]:
        """(folder, first sample, end) of what the data hold besides the parts measured and merged."""
        return data_parts.missing(self.data)

    def merge(self, other: Statistics) -> Statistics:
        """The statistics of both data sets together; for integers as if computed in one go.

        Raises:
            ValueError: They are of other dtype, channels, operators or decoding, or hold the same samples.
        """
        for name in ("dtype", "operators", "color", "exif", "image_dtype", "nodata"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(f"merge: {name} differs: {mine!r} and {theirs!r}.")
        if len(self.channels) != len(other.channels):
            raise ValueError(f"merge: channels differ: {len(self.channels)} and {len(other.channels)}.")
        if self._has_histogram != other._has_histogram:
            raise ValueError("merge: one has a histogram and the other none.")
        parts = data_parts.joined(self.data, other.data)
        return replace(
            self,
            channels=tuple(map(Channel.merged, self.channels, other.channels)),
            image_count=self.image_count + other.image_count,
            skipped=self.skipped + other.skipped,
            data=parts,
            bad_samples=[*self.bad_samples, *other.bad_samples],
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file as a whole: under another name first, then flushed and renamed.

        Raises:
            OSError: It cannot be written.
        """
        file.write_whole(path, file.as_text(self).encode("ascii"))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Statistics:
        """The statistics of a file that `save` wrote.

        Raises:
            ValueError: The file is damaged or of another kind; the message names the field.
            OSError: It cannot be read.
        """
        with open(path, "rb") as stream:
            data = stream.read(file.MAX_FILE_BYTES + 1)
        try:
            return Statistics(**file.fields_of(data))
        except ValueError as error:
            raise ValueError(f"statistics {os.fspath(path)!r}: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """What `save` writes, as a dict."""
        return file.as_json(self)
