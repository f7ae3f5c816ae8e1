"""Some samples of a source, as a source of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from stoker.packing import Shards
from stoker.sources import Source, arrays, files

# Files whose size is looked at, when samples are chosen by size.
_LOOKED_AT = 4096


def spread_by_size(source: Source, count: int) -> list[int]:
    """`count` samples, or all: from everywhere in the order of their files' sizes, so that the mean of what
    they cost is that of all. Always the same ones.

    Raises:
        OSError: A file is not there.
    """
    total = len(source)
    if count >= total:
        return list(range(total))
    if not _has_files(source):
        return sorted({int(place) for place in np.linspace(0, total - 1, count)})
    looked = min(total, _LOOKED_AT)
    some = np.random.default_rng(0).choice(total, looked, replace=False)
    sizes = [os.stat(source.path(int(index))).st_size for index in some]
    in_order = some[np.argsort(sizes, kind="stable")]
    # The middle of each of `count` equal stretches.
    places = ((np.arange(count) + 0.5) * looked / count).astype(int)
    return [int(index) for index in in_order[np.minimum(places, looked - 1)]]


def _has_files(source: Source) -> bool:
    """One for each sample."""
    return source.part is None and bool(source.path(0))


def subset(source: Source, indices: Sequence[int]) -> Source:
    """These samples, without labels, boxes and keypoints; packed data as they are, all of them."""
    if source.part is not None:
        return source
    if not source.path(0):
        rows = np.asarray(indices)
        masks = {name: source.tables[name][rows] for name, _ in source.fields[1:]}
        return arrays(np.ascontiguousarray(source.tables["image"][rows]), masks=masks or None)
    more: dict[str, dict[str, list[str]]] = {"mask": {}, "image": {}}
    for name, kind in source.fields[1:]:
        more[kind][name] = [source.more_paths[name][index] for index in indices]
    paths = [source.path(index) for index in indices]
    return files(paths, masks=more["mask"] or None, images=more["image"] or None)


def paths_of(source: Source) -> list[str]:
    """All files that a source reads; none for arrays."""
    if isinstance(source, Shards):
        return [os.path.join(source.folder, each["name"]) for each in source.manifest.files]
    if not source.path(0):
        return []
    more = [path for paths in source.more_paths.values() for path in paths]
    return [*dict.fromkeys(source.path(index) for index in range(len(source))), *more]
