"""The plan of a packed folder: written once, the same for every process that packs into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from stoker import _native
from stoker.errors import ShardError
from stoker.packing.steps import Step, canonical, digest
from stoker.statistics.file import parsed

_T = TypeVar("_T")

PLAN_NAME = "plan.json"
_FORMAT, _VERSION = "stoker plan", 1
SHARD_FORMAT = 1

# Besides "fingerprint", which says what the data are.
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "online": list,
    "samples": int,
    "samples_per_shard": int,
    "classes": list,
    "labels": (str, type(None)),
    "statistics": bool,
}
_FINGERPRINT_FIELDS: dict[str, type | tuple[type, ...]] = {
    "form": str,
    "operators": list,
    "variants": int,
    "color": str,
    "exif": str,
    "image_dtype": str,
    "source": dict,
}


@dataclass(frozen=True)
class Plan:
    """What is packed, and how.

    Attributes:
        fingerprint: Form, operators and parameters, decoding, variants and seed, versions, and the source:
            what makes two packed data sets the same.
        online: Operators that stay for the loader.
        samples, samples_per_shard: Of the source; shard k holds samples [k n, (k + 1) n).
        classes, labels: Class names; "numbers", "json" or None.
        statistics: Whether those of the packed pixels are to be computed at the end.
        origin: Where the source was; no part of the identity.
    """

    fingerprint: dict[str, Any]
    online: list[Step]
    samples: int
    samples_per_shard: int
    classes: list[str]
    labels: str | None
    statistics: bool
    origin: dict[str, Any] | None = None

    @property
    def form(self) -> str:
        return str(self.fingerprint["form"])

    @property
    def operators(self) -> list[Step]:
        """Those that the packed pixels have been through."""
        return list(self.fingerprint["operators"])

    @property
    def variants(self) -> int:
        return int(self.fingerprint["variants"])

    @property
    def shard_count(self) -> int:
        """0 for form npy."""
        return 0 if self.form == "npy" else -(-self.samples // self.samples_per_shard)

    def content(self) -> dict[str, Any]:
        """All that must be equal between two processes on one folder."""
        return {
            "fingerprint": self.fingerprint,
            **{name: getattr(self, name) for name in _FIELDS},
        }

    @property
    def id(self) -> str:
        return digest(self.content())

    def footers(self) -> list[str]:
        """Of the shards of each variant."""
        head = {"format": "stoker shard", "plan": self.id, **self.content()}
        return [canonical({**head, "variant": variant}) for variant in range(self.variants)]

    def shard_names(self, shard: int) -> list[str]:
        return [_native.shard_file_name(shard, variant) for variant in range(self.variants)]

    def missing(self, folder: str) -> list[int]:
        """Shards of which a file is not there."""
        there = set(os.listdir(folder))
        return [shard for shard in range(self.shard_count) if not there.issuperset(self.shard_names(shard))]

    def to_bytes(self) -> bytes:
        head = {"format": _FORMAT, "version": _VERSION, "id": self.id, "origin": self.origin}
        return (canonical({**head, **self.content()}) + "\n").encode("ascii")


def load_plan(folder: str) -> Plan | None:
    """The plan in a folder; None where there is none.

    Raises:
        ShardError: It is damaged or of another version; the message names the field.
        OSError: It cannot be read.
    """
    return load(
        os.path.join(folder, PLAN_NAME),
        _FORMAT,
        _VERSION,
        _plan_of,
        hint="It is damaged or not stoker's; put a copy back, or remove the folder and pack again.",
    )


def load(
    path: str, file_format: str, version: int, read: Callable[[dict[str, Any]], _T], *, hint: str
) -> _T | None:
    """What `read` makes of the JSON object in a file; None where there is no file.

    Raises:
        ShardError: It is damaged or of another format or version; the message names the field.
        OSError: It cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    try:
        given = parsed(data)
        if not isinstance(given, dict) or given.get("format") != file_format:
            raise ValueError(f"field 'format' must be {file_format!r}.")
        if given.get("version") != version:
            raise ValueError(f"field 'version' must be {version}, got {given.get('version')!r}.")
        return read(given)
    except ValueError as error:
        raise ShardError(f"{path}: {error} {hint}") from None


def _plan_of(given: dict[str, Any]) -> Plan:
    check_fields(given, {**_FIELDS, "fingerprint": dict, "id": str}, "")
    check_fields(given["fingerprint"], _FINGERPRINT_FIELDS, "fingerprint.")
    if given["samples_per_shard"] < 1 or given["samples"] < 1 or given["fingerprint"]["variants"] < 1:
        raise ValueError("fields 'samples', 'samples_per_shard' and 'variants' must be at least 1.")
    plan = Plan(
        fingerprint=given["fingerprint"],
        origin=given.get("origin") if isinstance(given.get("origin"), dict) else None,
        **{name: given[name] for name in _FIELDS},
    )
    if plan.id != given["id"]:
        raise ValueError("field 'id' must be the SHA-256 of the other fields.")
    return plan


def check_fields(given: dict[str, Any], fields: dict[str, type | tuple[type, ...]], prefix: str) -> None:
    """ValueError that names a field of a JSON object that is missing or of another type."""
    for name, kind in fields.items():
        if name not in given:
            raise ValueError(f"field {prefix + name!r} is missing.")
        if not isinstance(given[name], kind) or (kind is int and isinstance(given[name], bool)):
            raise ValueError(f"field {prefix + name!r} must not be {type(given[name]).__name__}.")


def publish_plan(folder: str, plan: Plan, change: Callable[[Plan], str]) -> Plan:
    """Writes the plan unless one is there; gives the one that is there.

    Args:
        change: Says what of the source differs from a plan's, in words; "" where it finds nothing.

    Raises:
        ValueError: It is another one; the message names the first field that differs.
    """
    there = load_plan(folder)
    if there is None:
        _native.publish_file(folder, PLAN_NAME, plan.to_bytes(), False)
        there = load_plan(folder)
        if there is None:
            raise ShardError(f"{folder}: {PLAN_NAME} vanished right after it was written; pack again.")
    check_same(folder, there, plan, change)
    return there


def check_same(folder: str, there: Plan, plan: Plan, change: Callable[[Plan], str]) -> None:
    """ValueError that names the first field in which the plan of a folder differs from another."""
    for name, then, now in differences(there.content(), plan.content()):
        if name.startswith("fingerprint.source"):
            hint = change(there) or f"{name} was {shown(then)} and is {shown(now)}"
            text = f"of another source, or the source has changed since: {hint}"
        else:
            text = (
                f"packed otherwise: {name.removeprefix('fingerprint.')} was {shown(then)} and is {shown(now)}"
            )
        raise ValueError(f"pack: {folder} holds data {text}. Pack into another folder, or remove this one.")


def differences(then: Any, now: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(name, value there, value here) of each field that differs, the nested ones by their own names."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            yield from differences(then.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif then != now:
        yield name, then, now


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 120 else text[:120] + "..."
