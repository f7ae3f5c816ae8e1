"""Boxes and keypoints with their labels, as Albumentations 2.0.8 takes and gives them.

The library joins labels to the rows as float32 columns and takes them apart at the end; numbers, strings and
containers come back here as they do there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Labels:
    """One label field: what was given, and the numbers that the library makes of it."""

    given: Any
    codes: Array
    names: Array | None  # of each code; None where the labels are numbers

    @staticmethod
    def read(name: str, given: Any, count: int, owner: str) -> Labels:
        """Raises ValueError for another number of labels than of rows, TypeError for what has no number."""
        if isinstance(given, str) or not (isinstance(given, (np.ndarray, Sequence))):
            raise TypeError(f"{name} must be an array or a sequence with one value a row of {owner}.")
        if len(given) != count:
            raise ValueError(f"{name} has {len(given)} values, {owner} has {count} rows; give one a row.")
        if isinstance(given, np.ndarray):
            is_number = given.size > 0 and np.issubdtype(given.dtype, np.number)
        else:
            is_number = bool(given) and all(isinstance(label, (int, float)) for label in given)
        if is_number:
            return Labels(given, np.asarray(given).reshape(-1).astype(np.float32), None)
        flat = given.flatten().tolist() if isinstance(given, np.ndarray) else list(given)
        names = sorted(set(flat), key=lambda label: (isinstance(label, str), str(label)))
        number = {label: code for code, label in enumerate(names)}
        return Labels(given, np.array([number[label] for label in flat]), np.array(names))

    def at(self, rows: Array) -> Any:
        """The labels of these rows, in the container that was given."""
        chosen = self.codes[rows] if self.names is None else self.names[self.codes[rows]]
        if isinstance(self.given, np.ndarray):
            return chosen.astype(self.given.dtype)
        return chosen.tolist()


@dataclass(frozen=True)
class Rows:
    """Boxes or keypoints of one sample on their way.

    Attributes:
        values: float64 (n, numbers of a row): at first and in the end in the user's format, between as the
            engine has them.
        is_double: The library's array would be float64.
        origins: Which of the rows given each one is.
        extras: Further columns that were given, of all rows.
        labels: By field.
        is_sequence: Lists were given, lists come back.
    """

    values: Array
    is_double: bool
    origins: Array
    extras: Array
    labels: Mapping[str, Labels] = field(default_factory=dict)
    is_sequence: bool = False

    @staticmethod
    def read(name: str, given: Any, width: int, labels: Mapping[str, Any]) -> Rows:
        """Rows as the user wrote them.

        Args:
            name: "bboxes", "keypoints" or an additional target.
            given: An array (n, width or more), or a sequence of rows.
            width: Numbers of a row in its format; what follows is carried along.
            labels: By label field.

        Raises:
            ValueError, TypeError: These are not such rows.
        """
        is_sequence = not isinstance(given, np.ndarray)
        array = np.array(given, dtype=np.float32) if is_sequence else given
        if len(array) == 0:
            array = np.zeros((0, width), np.float32)
        if array.ndim != 2 or array.shape[1] < width:
            raise ValueError(f"{name} has the shape {array.shape}; give rows of {width} numbers.")
        read = {field: Labels.read(field, value, len(array), name) for field, value in labels.items()}
        is_double = array.dtype.itemsize > 4 or any(each.names is not None for each in read.values())
        has_columns = array.shape[1] > width or bool(read)
        if name == "keypoints" and not has_columns:  # the library copies them to float32 otherwise
            is_double = False
        return Rows(
            values=np.ascontiguousarray(array[:, :width], dtype=np.float64),
            is_double=is_double,
            origins=np.arange(len(array)),
            extras=array[:, width:],
            labels=read,
            is_sequence=is_sequence,
        )

    def moved(self, values: Array, rows: Array, is_double: bool) -> Rows:
        """After operators: `rows` says which of these rows each of `values` was."""
        return replace(self, values=values, origins=self.origins[rows], is_double=is_double)

    def joined(self, z_axis: int | None = None) -> Array:
        """The library's own array, for a transform that runs in Python: numbers, further columns, labels, and
        last the number of the row. `z_axis` is where a column of zeros goes in."""
        numbers = self.values if z_axis is None else np.insert(self.values, z_axis, 0, axis=1)
        columns = [numbers, self.extras[self.origins]]
        columns += [each.codes[self.origins, None] for each in self.labels.values()]
        dtype = np.float64 if self.is_double else np.float32
        return np.hstack([*columns, self.origins[:, None]]).astype(dtype)

    def parted(self, array: Any, width: int, z_axis: int | None = None) -> Rows:
        """The rows after such a transform."""
        if len(array) == 0:
            return replace(self, values=np.zeros((0, width)), origins=np.arange(0), is_double=False)
        numbers = array if z_axis is None else np.delete(array, z_axis, axis=1)
        return replace(
            self,
            values=np.ascontiguousarray(numbers[:, :width], dtype=np.float64),
            origins=array[:, -1].astype(np.int64),
            is_double=array.dtype == np.float64,
        )

    def written(self, names: Sequence[str]) -> tuple[Any, dict[str, Any]]:
        """The rows for the user, and the labels by field."""
        if len(self.values) == 0:
            empty: Any = [] if self.is_sequence else np.zeros((0, self.values.shape[1]), np.float32)
            return empty, {name: [] for name in names}
        dtype = np.float64 if self.is_double else np.float32
        array = np.hstack([self.values, self.extras[self.origins]]).astype(dtype)
        labels = {name: each.at(self.origins) for name, each in self.labels.items()}
        return (array.tolist() if self.is_sequence else array), labels
