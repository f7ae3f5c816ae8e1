"""Lists of (path, target) as one source, made again only where they have changed."""

from __future__ import annotations

import operator
import os
from typing import Any

import numpy as np

from stoker.lowering.recipe import NotNative

_FORMATS = {"jpg", "jpeg", "jpe", "jfif", "png"}


class ListedFiles:
    """The samples of folder datasets, end to end.

    Args:
        lists: Of (path, target), one a dataset.

    Attributes:
        source: The engine's source; whole numbers are its column "target".
        targets: Target of each index in the source where these are not all integers, otherwise None.
        starts: First index in the source of each list.

    Raises:
        NotNative: The engine does not read files of such a name.
    """

    def __init__(self, lists: list[Any]) -> None:
        from stoker import _native

        samples: list[tuple[Any, Any]] = []
        self.starts: list[int] = []
        for each in lists:
            self.starts.append(len(samples))
            samples += each
        paths = [path if type(path) is str else os.fsdecode(path) for path, _ in samples]
        endings = {path[-5:] for path in paths}  # few and soon made, where paths are millions
        formats = {ending.rpartition(".")[2].lower() for ending in endings} - _FORMATS
        if formats:
            raise NotNative(f"files of the format {', '.join(sorted(formats)[:5])} (native: JPEG, PNG)")
        self.source = _native.FilesSource(paths)
        targets: list[Any] | None = [target for _, target in samples]
        try:
            if set(map(type, targets or ())) <= {int}:
                self.source.add_column("target", np.array(targets, dtype=np.int64))
                targets = None
        except OverflowError:
            pass
        self.targets = targets
        self._lists = [list(each) for each in lists] if targets is None and _are_fixed(samples) else None

    def is_of(self, lists: list[Any]) -> bool:
        """Whether it is known to be what would be made of `lists` now: they hold the very same tuples."""
        known = self._lists
        return known is not None and len(known) == len(lists) and all(map(_is_same, known, lists))


def _is_same(was: list[Any], now: Any) -> bool:
    return type(now) is list and len(now) == len(was) and all(map(operator.is_, was, now))


def _are_fixed(samples: list[tuple[Any, Any]]) -> bool:
    """Whether nothing in a sample can change, where its target is an integer."""
    return all(type(each) is tuple and type(each[0]) is str for each in samples)


class KeptFiles:
    """What a loader made of its files for the most recent epoch."""

    def __init__(self) -> None:
        self._last: ListedFiles | None = None

    def of(self, lists: list[Any]) -> ListedFiles:
        """What is made of `lists`; the last one again where they are the same.

        Raises:
            NotNative: As ListedFiles.
        """
        if self._last is None or not self._last.is_of(lists):
            self._last = None  # two of them are not held at a time
            self._last = ListedFiles(lists)
        return self._last
