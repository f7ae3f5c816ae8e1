"""Boxes and keypoints of an ImageDataset: into the engine's source, and back as Albumentations gives them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stoker.calling.rows import Array, Rows
from stoker.lowering.recipe import NotNative
from stoker.lowering.targets import BoxSettings, KeypointSettings, Targets


@dataclass(frozen=True)
class RowTarget:
    """Boxes or keypoints of all samples with the label fields that follow them.

    Attributes:
        key: "bboxes" or "keypoints".
        settings: Of the pipeline.
        given: Rows of each index in the source, as the user wrote them.
        labels: By label field, its values of each index.
    """

    key: str
    settings: BoxSettings | KeypointSettings
    given: Sequence[Any]
    labels: Mapping[str, Sequence[Any]]

    @property
    def width(self) -> int:
        """Numbers of a row, without what is carried along behind them."""
        return 4 if isinstance(self.settings, BoxSettings) else len(self.settings.format)

    def add_to(self, source: Any) -> None:
        """Adds the numbers as a column named by the key.

        Raises:
            NotNative: Rows or labels that the library would refuse, or that differ in kind between samples.
        """
        values, counts, is_double = self._at_once() or self._one_by_one()
        starts = np.cumsum([0, *counts], dtype=np.int64)
        kind = "boxes" if self.key == "bboxes" else "keypoints"
        source.add_ragged(self.key, kind, values, starts, self.settings.format, is_double)

    def _one_by_one(self) -> tuple[Array, Sequence[int], bool]:
        """The numbers of all rows, rows of each sample, and whether the library has them as float64."""
        samples: list[Rows] = []
        for index in range(len(self.given)):
            try:
                samples.append(self._read(index))
            except (ValueError, TypeError) as problem:
                raise NotNative(f"sample {index}: {problem}") from None
        doubles = {rows.is_double for rows in samples if len(rows.values)}
        if len(doubles) > 1:
            raise NotNative(f"{self.key} are float64 in some samples and float32 in others")
        values = np.concatenate([np.zeros((0, self.width)), *(rows.values for rows in samples)])
        return values, [len(rows.values) for rows in samples], True in doubles

    def _at_once(self) -> tuple[Array, Sequence[int], bool] | None:
        """As `_one_by_one`, several times sooner, where all samples are plainly alike; None elsewhere."""
        types = set(map(type, self.given))
        chosen = [index for index, rows in enumerate(self.given) if len(rows)] if len(types) == 1 else []
        given = [self.given[index] for index in chosen]
        if not given:
            return None
        try:
            if types == {np.ndarray}:
                array = np.concatenate(given) if len({rows.dtype for rows in given}) == 1 else None
            else:
                flat = list(itertools.chain.from_iterable(given)) if types <= {list, tuple} else []
                array = np.array(flat, dtype=np.float32) if flat else None
        except (ValueError, TypeError):
            return None
        if array is None or array.ndim != 2 or array.shape[1] < self.width:
            return None
        counts = list(map(len, self.given))
        kinds = {self._kind_at_once(name, chosen, counts) for name in self.labels}
        if None in kinds:
            return None
        has_columns = array.shape[1] > self.width or bool(kinds)
        is_double = array.dtype.itemsize > 4 or "names" in kinds
        values = np.ascontiguousarray(array[:, : self.width], dtype=np.float64)
        return values, counts, is_double and (has_columns or self.key == "bboxes")

    def _kind_at_once(self, name: str, chosen: list[int], counts: list[int]) -> str | None:
        """Whether a label field holds "numbers" or "names" in all the `chosen` samples."""
        labels = [self.labels[name][index] for index in chosen]
        if set(map(type, labels)) != {list} or [len(each) for each in labels] != [counts[i] for i in chosen]:
            return None
        types = set(map(type, itertools.chain.from_iterable(labels)))
        return "numbers" if types <= {int, float} else "names" if types == {str} else None

    def _read(self, index: int) -> Rows:
        given = self.given[index]
        if not isinstance(given, (np.ndarray, Sequence)) or isinstance(given, str):
            raise TypeError(f"{self.key} are a {type(given).__name__}, native are arrays and sequences.")
        labels = {name: values[index] for name, values in self.labels.items()} if len(given) else {}
        return Rows.read(self.key, given, self.width, labels)

    def taken(self, batch: Any) -> dict[str, list[Any]]:
        """Of a finished batch a value a sample: the rows by key, and each label field."""
        values, starts, origins, doubles = batch.ragged(self.key)
        columns: dict[str, list[Any]] = {name: [] for name in (self.key, *self.labels)}
        for place, index in enumerate(batch.indices.tolist()):
            these = slice(starts[place], starts[place + 1])
            rows = self._read(index).moved(values[these], origins[these], bool(doubles[place]))
            written, labels = rows.written(list(self.labels))
            for name, value in {self.key: written, **labels}.items():
                columns[name].append(value)
        return columns


def row_targets(parts: Sequence[Any], targets: Targets) -> tuple[RowTarget, ...]:
    """What of ImageDatasets end to end has to move with the images, by the settings of their pipeline.

    Raises:
        NotNative: The pipeline does not know them, or wants labels that the datasets do not give.
    """
    first = parts[0]
    missing = [name for name in targets.label_fields if name not in first.labels]
    if missing:
        raise NotNative(f"label_fields: {missing[0]!r}, which the dataset does not give")
    if len(set(targets.label_fields)) < len(targets.label_fields):
        raise NotNative("label_fields: a name stands for boxes and for keypoints")
    found = []
    for attribute, key, params, settings in (
        ("boxes", "bboxes", "bbox_params", targets.boxes),
        ("keypoints", "keypoints", "keypoint_params", targets.keypoints),
    ):
        if getattr(first, attribute) is None:
            continue
        if settings is None:
            raise NotNative(f"{attribute}, for which the pipeline has no settings ({params})")
        labels = {name: joined(part.labels[name] for part in parts) for name in settings.label_fields}
        found.append(RowTarget(key, settings, joined(getattr(part, attribute) for part in parts), labels))
    return tuple(found)


def joined(columns: Any) -> Sequence[Any]:
    """Values of several datasets, one after another."""
    listed = list(columns)
    return listed[0] if len(listed) == 1 else [value for column in listed for value in column]
