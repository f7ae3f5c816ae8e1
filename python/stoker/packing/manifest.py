"""The manifest of a packed folder: written last, when every file stands."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from stoker import _native
from stoker.errors import ShardError
from stoker.packing.plan import PLAN_NAME, Plan, check_fields, load, load_plan
from stoker.packing.steps import canonical, digest

MANIFEST_NAME = "manifest.json"
STATISTICS_NAME = "statistics.json"
_FORMAT, _VERSION = "stoker manifest", 1
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "plan": str,
    "files": list,
    "records": int,
    "skipped": list,
    "statistics": (str, type(None)),
}
_FILE_FIELDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "shard": int,
    "variant": int,
    "records": int,
    "bytes": int,
    "hash": str,
}


class MissingShards(ShardError):
    """Not all shards stand.

    Attributes:
        missing: Their numbers.
        damaged: Messages of those that stand and are not whole.
    """

    def __init__(self, message: str, missing: Sequence[int] = (), damaged: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.missing, self.damaged = list(missing), list(damaged)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.missing, self.damaged)


@dataclass(frozen=True)
class Manifest:
    """What lies in a packed folder.

    Attributes:
        plan: SHA-256 of the plan.
        files: Of each file name, shard, variant, records, bytes, and a hash of all of it: for shards that of
            the trailer, which holds the other hashes; for .npy that of the bytes.
        records: Samples, without those left out.
        skipped: Indices of samples left out.
        statistics: SHA-256 of the file of statistics, None without one.
    """

    plan: str
    files: list[dict[str, Any]]
    records: int
    skipped: list[int]
    statistics: str | None = None

    def content(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _FIELDS}

    def to_bytes(self) -> bytes:
        """One line a file, to be read and compared by eye."""
        content = self.content()
        head = {"format": _FORMAT, "version": _VERSION, "sha256": digest(content)}
        lines = []
        for key, value in {**head, **content}.items():
            text = canonical(value)
            if key == "files":
                text = "[\n  " + ",\n  ".join(map(canonical, value)) + "\n ]"
            lines.append(f" {json.dumps(key)}: {text}")
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode("ascii")


def load_manifest(folder: str) -> Manifest | None:
    """The manifest of a folder; None where there is none.

    Raises:
        ShardError: It is damaged or of another version; the message names the field.
        OSError: It cannot be read.
    """
    return load(
        os.path.join(folder, MANIFEST_NAME),
        _FORMAT,
        _VERSION,
        _manifest_of,
        hint=f"Run `stoker pack --finalise {folder}`, which makes it anew.",
    )


def _manifest_of(given: dict[str, Any]) -> Manifest:
    check_fields(given, _FIELDS, "")
    for index, each in enumerate(given["files"]):
        if not isinstance(each, dict):
            raise ValueError(f"field 'files[{index}]' must be an object.")
        check_fields(each, _FILE_FIELDS, f"files[{index}].")
        if os.path.basename(each["name"]) != each["name"] or not each["name"]:
            raise ValueError(f"field 'files[{index}].name' must be a file name, got {each['name']!r}.")
    manifest = Manifest(**{name: given[name] for name in _FIELDS})
    if digest(manifest.content()) != given.get("sha256"):
        raise ValueError("field 'sha256' must be that of the other fields.")
    return manifest


def opened(folder: str) -> tuple[Plan, Manifest]:
    """Plan and manifest of a folder that is finished.

    Raises:
        ShardError: One of them is missing or damaged, or they do not belong together.
        OSError: The folder cannot be read.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder} is no folder; name one that `stoker pack` made.")
    plan = load_plan(folder)
    if plan is None:
        raise ShardError(
            f"{folder}: there is no {PLAN_NAME}, so nothing was packed here; "
            f"run `stoker pack SOURCE {folder}`."
        )
    manifest = load_manifest(folder)
    if manifest is None:
        missing = plan.missing(folder)
        if missing:
            text = f"{len(missing)} of {plan.shard_count} shards are missing ({listed(missing)})"
            raise ShardError(
                f"{folder}: there is no {MANIFEST_NAME}: {text}. Run the same `stoker pack` command again; "
                "it goes on from what stands."
            )
        hint = (
            "run the same `stoker pack` command again"
            if plan.form == "npy"
            else f"run `stoker pack --finalise {folder}`"
        )
        raise ShardError(f"{folder}: there is no {MANIFEST_NAME}, so the packing did not end; {hint}.")
    if manifest.plan != plan.id:
        raise ShardError(
            f"{folder}: {MANIFEST_NAME} is of another plan than {PLAN_NAME}; put back the one that belongs "
            f"here, or run `stoker pack --finalise {folder}`."
        )
    return plan, manifest


def finalise(
    folder: str | os.PathLike[str],
    *,
    npy_files: list[dict[str, Any]] | None = None,
    bad: Sequence[dict[str, Any]] = (),
) -> Manifest:
    """Merges what the shards say of themselves into the manifest, and computes statistics if planned.

    The bytes that it writes follow from the shards alone, whoever made them, and whoever calls it.

    Raises:
        MissingShards: A shard is missing or damaged; nothing is written.
        stoker.ShardError: A shard is of another plan, or there is no plan.
        OSError: The disk failed.
    """
    path = os.path.abspath(os.fsdecode(folder))
    plan = load_plan(path) if os.path.isdir(path) else None
    if plan is None:
        raise ShardError(
            f"{path}: there is no {PLAN_NAME}, so nothing was packed here; run `stoker pack` first."
        )
    if plan.form == "npy":
        if npy_files is None:
            raise ShardError(f"{path}: form 'npy' is finished by the same `stoker pack` command, run again.")
        manifest = _npy_manifest(path, plan, npy_files, bad)
    else:
        manifest = _shard_manifest(path, plan)
        if plan.statistics:
            manifest = replace(manifest, statistics=_write_statistics(path, plan, manifest))
    data = manifest.to_bytes()
    try:
        with open(os.path.join(path, MANIFEST_NAME), "rb") as file:
            is_there = file.read() == data
    except FileNotFoundError:
        is_there = False
    if not is_there:
        _native.publish_file(path, MANIFEST_NAME, data, True)
    return manifest


def _shard_manifest(folder: str, plan: Plan) -> Manifest:
    footers = plan.footers()
    files: list[dict[str, Any]] = []
    missing: list[int] = []
    damaged: list[str] = []
    skipped: list[int] = []
    records = 0
    for shard in range(plan.shard_count):
        for variant, name in enumerate(plan.shard_names(shard)):
            path = os.path.join(folder, name)
            try:
                found = _native.open_shard(path)
            except ShardError as error:
                damaged.append(str(error))
                continue
            except OSError:
                if os.path.exists(path):
                    raise
                missing += [shard] if shard not in missing[-1:] else []
                continue
            if found["footer"] != footers[variant] or found["shard"] != shard:
                raise ShardError(
                    f"{path}: it is of another plan than {PLAN_NAME} (its footer differs); remove it and run "
                    "the same `stoker pack` command again."
                )
            files.append(_file_of(found))
            if variant == 0:
                records += found["records"]
                skipped += _left_out(found)
    if missing or damaged:
        texts = [f"shards {listed(missing)} are missing"] if missing else []
        texts += damaged[:3]
        raise MissingShards(
            f"{folder}: {'; '.join(texts)}. Run the same `stoker pack` command again, which makes them; "
            f"{MANIFEST_NAME} was not written.",
            missing,
            damaged,
        )
    if records == 0:
        raise ShardError(f"{folder}: no sample could be packed; see the bad samples that were left out.")
    return Manifest(plan.id, files, records, skipped)


def _file_of(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": os.path.basename(found["path"]),
        "shard": found["shard"],
        "variant": found["variant"],
        "records": found["records"],
        "bytes": found["bytes"],
        "hash": f"{found['trailer_hash']:016x}",
    }


def _left_out(found: dict[str, Any]) -> list[int]:
    if found["records"] == found["sample_count"]:
        return []
    there = {index for index, *_ in _native.shard_sources(found["path"])}
    first = found["first_sample"]
    return [index for index in range(first, first + found["sample_count"]) if index not in there]


def _npy_manifest(
    folder: str, plan: Plan, npy_files: list[dict[str, Any]], bad: Sequence[dict[str, Any]]
) -> Manifest:
    files = [
        {
            "name": each["name"],
            "shard": 0,
            "variant": 0,
            "records": each["records"],
            "bytes": each["bytes"],
            "hash": f"{_native.hash_file(os.path.join(folder, each['name'])):016x}",
        }
        for each in npy_files
    ]
    return Manifest(plan.id, files, files[0]["records"], sorted(each["index"] for each in bad))


def _write_statistics(folder: str, plan: Plan, manifest: Manifest) -> str:
    import hashlib

    from stoker.packing.reading import source_of
    from stoker.statistics import compute_statistics

    statistics = compute_statistics(
        source_of(folder, plan, manifest),
        color=plan.fingerprint["color"],
        exif=plan.fingerprint["exif"],
        image_dtype=plan.fingerprint["image_dtype"],
    )
    path = os.path.join(folder, STATISTICS_NAME)
    statistics.save(path)
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def listed(numbers: Sequence[int]) -> str:
    """3, 7, 9 and 12 more."""
    shown = ", ".join(map(str, numbers[:10]))
    return shown + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")
