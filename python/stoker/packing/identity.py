"""What a source is, so that packed data can be told from those of another."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import numpy as np

from stoker.packing.steps import canonical
from stoker.sources import Source
from stoker.statistics.data import Files, identity

# Labels that are no numbers travel as JSON, padded to one length; limits before memory is taken.
JSON_COLUMN = "label_json"
_MAX_LABEL_BYTES = 1 << 16
_MAX_COLUMN_BYTES = 1 << 30


def source_identity(source: Source) -> dict[str, Any]:
    """Files by relative path and size; labels, boxes and arrays in memory by content. Looks at every file.

    Part of it is what statistics keep of their data ("data"), so that both can be compared.
    """
    if source.part is not None:
        known: dict[str, Any] = source.part["identity"]
        return known
    part, order = identity(source, (0, len(source)), None)
    fields = {}
    for name, kind in source.fields[1:]:
        paths = source.more_paths.get(name)
        fields[name] = {"kind": kind, "sha256": None if paths is None else _paths_digest(paths, source)}
    tables = {name: _table_digest(table) for name, table in sorted(source.tables.items())}
    if source.label_objects is not None:
        text = "\n".join(_json_label(index, each) for index, each in enumerate(source.label_objects))
        tables[JSON_COLUMN] = hashlib.sha256(text.encode("ascii")).hexdigest()
    # A copy under another name is the same data.
    return {"data": {**part, "root": ""}, "order": order, "fields": fields, "tables": tables}


def source_name(source: Source) -> str:
    """The last name of the folder that the files lie in, "" for arrays."""
    return str(source.part["part"]["root"]) if source.part is not None else Files(source).root_name


def source_root(source: Source) -> str:
    """The folder that paths are stored relative to, as the source's paths begin; "" where there is none."""
    from stoker import _native

    if root := str(_native.source_root(source.native)):
        return root
    paths = [source.path(index) for index in range(len(source))]
    paths += [path for each in source.more_paths.values() for path in each]
    if not all(paths):
        return ""
    # By characters, because the engine compares so too; cut at the last whole name.
    low, high = min(paths), max(paths)
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:same].rpartition("/")[0]


def add_json_labels(source: Source) -> None:
    """Gives the engine labels that are no numbers, as a column of JSON.

    Raises:
        ValueError: A label is none of JSON's values, or too long.
    """
    if source.label_objects is None or JSON_COLUMN in source.tables:
        return
    texts = [_json_label(index, each).encode("ascii") for index, each in enumerate(source.label_objects)]
    width = max(map(len, texts))
    if width * len(texts) > _MAX_COLUMN_BYTES:
        raise ValueError(
            f"pack: labels as JSON would take {width} bytes a sample for {len(texts)} samples, allowed are "
            f"{_MAX_COLUMN_BYTES} in all; give numbers, and keep long objects in a file of your own."
        )
    column = np.frombuffer(b"".join(each.ljust(width) for each in texts), np.uint8).reshape(-1, width)
    source.native.add_column(JSON_COLUMN, column)
    source.tables[JSON_COLUMN] = column


def label_kind(source: Source) -> str | None:
    if source.part is not None:
        known: str | None = source.part["labels"]
        return known
    return "json" if source.label_objects is not None else "numbers" if source.has_labels else None


def json_labels(rows: np.ndarray[Any, Any]) -> list[Any]:
    return [json.loads(row.tobytes()) for row in rows]


def _json_label(index: int, label: Any) -> str:
    try:
        text = canonical(label)
        is_same = _same(json.loads(text), label)
    except (TypeError, ValueError, RecursionError):
        text, is_same = "", False
    if not is_same:
        raise ValueError(
            f"pack: the label of sample {index} is {_cut(repr(label))} ({type(label).__name__}), which JSON "
            "does not give back; give numbers, or strings, lists and dicts with string keys."
        )
    if len(text) > _MAX_LABEL_BYTES:
        raise ValueError(
            f"pack: the label of sample {index} has {len(text)} bytes as JSON, allowed are "
            f"{_MAX_LABEL_BYTES}; give a number, and keep long objects in a file of your own."
        )
    return text


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _cut(text: str) -> str:
    return text if len(text) < 80 else text[:80] + "..."


def _table_digest(table: np.ndarray[Any, Any]) -> str:
    digest = hashlib.sha256(canonical([str(table.dtype), list(table.shape)]).encode("ascii"))
    digest.update(np.ascontiguousarray(table).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _paths_digest(paths: list[str], source: Source) -> str:
    """Of relative paths and sizes, in order."""
    root = os.fsdecode(Files(source).root)
    digest = hashlib.sha256()
    for path in paths:
        try:
            size = os.stat(path).st_size
        except OSError:  # a bad sample, which the policy decides on
            size = -1
        relative = os.path.relpath(os.path.abspath(path), root)
        digest.update(os.fsencode(relative) + b"\0%d\n" % size)
    return digest.hexdigest()
