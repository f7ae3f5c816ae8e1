"""Which data statistics are of: folder, files, the samples of a part; and whether a source is the same."""

from __future__ import annotations

import hashlib
import heapq
import os
from collections.abc import Iterable
from typing import Any, Literal

from stoker import _native
from stoker.sources import Source
from stoker.statistics.file import SKETCH_SIZE

# A part in the file: root (name of the folder), count (files of the source), samples ([first, end) of
# them that are in the sums), sha256 (of relative paths and sizes), order (the same in the source's order;
# null where all samples are in, so that their order says nothing), masks, sketch (the least hashes of
# relative paths).
Part = dict[str, Any]


class Files:
    """The files of a source, wherever they lie: paths below the source's folder or their common one."""

    def __init__(self, source: Source) -> None:
        self._paths = [os.fsencode(source.path(index)) for index in range(len(source))]
        self.are_known = bool(self._paths) and all(self._paths)
        self.root = b""
        if self.are_known:
            root = os.fsencode(_native.source_root(source.native)) or os.path.commonpath(
                {os.path.dirname(os.path.abspath(path)) for path in self._paths}
            )
            self.root = os.path.abspath(root)
        self.root_name = os.fsdecode(os.path.basename(self.root))

    def keys(self) -> Iterable[str]:
        """A hash of each relative path."""
        return (hashlib.blake2b(each, digest_size=8).hexdigest() for each in self._relative())

    def lines(self) -> list[bytes]:
        """Relative path and size of each, in the source's order. Asks the file system for every file."""
        lines = []
        for path, relative in zip(self._paths, self._relative(), strict=True):
            try:
                size = b"%d" % os.stat(path).st_size
            except OSError:  # a bad sample, which the policy decides on
                size = b"missing"
            lines.append(relative + b"\0" + size)
        return lines

    def _relative(self) -> Iterable[bytes]:
        start = os.path.join(self.root, b"")
        for path in map(os.path.abspath, self._paths):
            yield path[len(start) :] if path.startswith(start) else os.path.relpath(path, self.root)


def _digest(lines: Iterable[bytes]) -> str:
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def identity(source: Source, samples: tuple[int, int], masks: Source | None) -> tuple[Part, str | None]:
    """What the samples [first, end) of a source are, for the file; and the hash that names all in order."""
    if source.part is not None:
        part, order = source.part["part"], source.part["order"]
        if len(source) != part["count"]:  # bad samples were left out: which, the file cannot say
            return {
                **part,
                "count": len(source),
                "samples": list(samples),
                "sha256": None,
                "sketch": [],
            }, None
        is_whole = samples == (0, len(source))
        return {**part, "samples": list(samples), "order": None if is_whole else order}, order
    files = Files(source)
    lines = files.lines() if files.are_known else []
    order = _digest(lines) if lines else None
    is_whole = samples == (0, len(source))
    part = {
        "root": files.root_name,
        "count": len(source),
        "samples": list(samples),
        "sha256": _digest(sorted(lines)) if lines else None,
        "order": None if is_whole else order,
        "masks": _masks_digest(lines, masks),
        "sketch": sorted(heapq.nsmallest(SKETCH_SIZE, files.keys())) if lines else [],
    }
    return part, order


def _masks_digest(lines: list[bytes], masks: Source | None) -> str | None:
    """Of which mask goes with which image; None where one of them lies in memory."""
    files = None if masks is None else Files(masks)
    if files is None or not files.are_known or not lines:
        return None
    return _digest(sorted(map(b"\0".join, zip(lines, files.lines(), strict=True))))


def joined(first: list[Part], second: list[Part]) -> list[Part]:
    """The parts of both, in a fixed order, neighbours as one; ValueError where samples would count twice."""
    parts = sorted([*first, *second], key=_place)
    out: list[Part] = []
    for part in parts:
        previous = out[-1] if out else None
        is_known = part["sha256"] is not None
        if previous is None or not is_known or previous["sha256"] != part["sha256"]:
            out.append(part)
            continue
        for name, text in (("order", "the order of the files"), ("masks", "the masks")):
            if previous[name] != part[name] and previous["samples"][1] <= part["samples"][0]:
                raise ValueError(
                    f"merge: both are of the same files of {part['root']!r}, but {text} differs."
                )
        begin, end = part["samples"]
        if begin < previous["samples"][1]:
            last = min(end, previous["samples"][1]) - 1
            raise ValueError(
                f"merge: both hold samples {begin} to {last} of the same files of {part['root']!r}, "
                "which would count twice."
            )
        if begin > previous["samples"][1]:
            out.append(part)
            continue
        samples = [previous["samples"][0], end]
        is_whole = samples == [0, part["count"]]
        out[-1] = {**previous, "samples": samples, "order": None if is_whole else part["order"]}
    return out


def _place(part: Part) -> tuple[Any, ...]:
    return (part["sha256"] or "", part["root"], part["count"], *part["samples"])


def missing(parts: list[Part]) -> list[tuple[str, int, int]]:
    """(folder, first, end) of the samples of these data that no part holds."""
    out = []
    ends: dict[str, tuple[str, int, int]] = {}  # of each data set: folder, end so far, count
    for part in sorted(parts, key=_place):
        if part["sha256"] is None:
            continue
        root, end, _ = ends.get(part["sha256"], (part["root"], 0, 0))
        if part["samples"][0] > end:
            out.append((root, end, part["samples"][0]))
        ends[part["sha256"]] = (root, part["samples"][1], part["count"])
    out += [(root, end, count) for root, end, count in ends.values() if end < count]
    return sorted(out)


def compared(parts: list[Part], source: Source) -> tuple[Literal["same", "changed", "other"], str]:
    """Whether a source is the data of these parts, and in words what differs.

    The same root is: a folder of the same name in which more than half of the measured files (by their
    sketch of relative paths) are found. There all files must be as they were: paths and sizes.
    """
    if source.part is not None:
        return _compared_shards(parts, source)
    files = Files(source)
    if not files.are_known:
        return "other", "arrays in memory"
    keys: set[str] | None = None
    digest: str | None = None
    for part in parts:
        if part["root"] != files.root_name or not part["sketch"]:
            continue
        keys = set(files.keys()) if keys is None else keys
        if 2 * len(keys & set(part["sketch"])) <= len(part["sketch"]):
            continue
        digest = _digest(sorted(files.lines())) if digest is None else digest
        if digest == part["sha256"]:
            return "same", f"the files of {part['root']!r}"
        then, now = part["count"], len(source)
        what = f"{then} files then, {now} now" if then != now else f"{now} files, other names or sizes"
        return "changed", f"{part['root']!r} has changed since: {what}"
    return "other", f"the files of {files.root_name!r}"


def _compared_shards(parts: list[Part], source: Source) -> tuple[Literal["same", "changed", "other"], str]:
    """As compared, of shards by what was packed: files that have changed since do not matter."""
    assert source.part is not None
    packed = source.part["part"]
    for part in parts:
        if part["sha256"] is not None and part["sha256"] == packed["sha256"]:
            return "same", f"the files of {part['root']!r}"
    return "other", f"shards of the files of {packed['root']!r}"
