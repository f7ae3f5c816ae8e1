"""Is all that was packed as it was written? And what is not, made anew from the source."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stoker import _native, sources
from stoker.errors import ShardError
from stoker.loader import resolve_threads
from stoker.packing.identity import source_root
from stoker.packing.making import Job, Progress
from stoker.packing.manifest import (
    MANIFEST_NAME,
    STATISTICS_NAME,
    Manifest,
    finalise,
    load_manifest,
)
from stoker.packing.plan import PLAN_NAME, Plan, load_plan
from stoker.packing.reading import changed_file
from stoker.packing.steps import rebuilt
from stoker.sources import Source

_WAIT_SECONDS = 0.05

# file, shard (None: no shard), record, index, field, path (of the record's source), offset, length, what,
# hint
Finding = dict[str, Any]


def verify(
    folder: str | os.PathLike[str],
    *,
    source: Source | None = None,
    threads: int | str = "auto",
    progress: Progress | None = None,
) -> list[Finding]:
    """Reads every byte of packed data and says what is not as it was written; an empty list is all in order.

    Args:
        folder: What was packed into.
        source: Also read all its files, and find those whose bytes have changed since they were packed.
        threads: CPU threads.
        progress: Called with bytes done and all bytes, some twenty times a second.

    Returns:
        A dict a finding: file, shard, record, index (in the source), field, path (of the record's source
        file), offset and length in bytes in the file, what, and hint with the command that repairs it.

    Raises:
        OSError: The folder cannot be read.
    """
    path = os.path.abspath(os.fsdecode(folder))
    if not os.path.isdir(path):
        raise FileNotFoundError(f"verify: {path} is no folder; name one that `stoker pack` made.")
    count = max(1, resolve_threads(threads)[0])
    try:
        plan, manifest = load_plan(path), load_manifest(path)
    except ShardError as error:
        return [_finding(os.path.basename(str(error).split(": ")[0]), what=str(error))]
    if plan is None:
        return [_finding(PLAN_NAME, what="it is missing, so nothing was packed here")]
    again = "run the same `stoker pack` command again"
    findings: list[Finding] = []
    if manifest is None:
        findings.append(_finding(MANIFEST_NAME, what="it is missing: the packing did not end", hint=again))
    elif manifest.plan != plan.id:
        hint = f"run `stoker pack --finalise {path}`"
        return [_finding(MANIFEST_NAME, what=f"it is of another plan than {PLAN_NAME}", hint=hint)]
    repair = again if plan.form == "npy" or manifest is None else f"run `stoker pack --repair {path}`"
    if manifest is not None and manifest.statistics is not None:
        findings += _check_statistics(path, manifest)
    checks = [
        _Check(path, name, shard, variant, record, repair)
        for name, shard, variant, record in _expected(plan, manifest)
    ]
    findings += [each for found in _run(checks, count, progress) for each in found]
    if source is not None:
        findings += _changed_sources(path, plan, source)
    return findings


def repair(
    folder: str | os.PathLike[str],
    source: Source | None = None,
    *,
    threads: int | str = "auto",
    progress: Progress | None = None,
) -> list[str]:
    """Makes damaged and missing shards anew from the source, with the very bytes that they had.

    Args:
        folder: What was packed into.
        source: What it was packed of; left out, the folder that the plan names, if it is still there.

    Returns:
        The names of the files that were made.

    Raises:
        ValueError: No source is known, or its files have changed; the message names one.
        stoker.SampleError: The packing had not ended, and a sample is bad.
        stoker.ShardError: What was made is not what stood there, or nothing can be repaired.
        OSError: The disk failed.
    """
    path = os.path.abspath(os.fsdecode(folder))
    plan = load_plan(path) if os.path.isdir(path) else None
    if plan is None:
        raise ShardError(f"{path}: there is no {PLAN_NAME}, so it is not known what was packed; pack again.")
    if plan.form == "npy":
        raise ShardError(f"{path}: form 'npy' is made in one go; run the same `stoker pack` command again.")
    _sweep(path)
    manifest = load_manifest(path)
    damaged = sorted(
        {each["shard"] for each in verify(path, threads=threads) if each["shard"] is not None}
        | set(plan.missing(path))
    )
    if not damaged:
        if manifest is None:
            finalise(path)
        return []
    given = source if source is not None else _origin(path, plan)
    if changed := changed_file(path, plan, given):
        raise ValueError(
            f"repair: the source has changed since {path} was packed: {changed}. Put the old file back, or "
            "pack anew into another folder."
        )
    job = _job_of(path, plan, given, threads, skips_bad=manifest is not None)
    made: list[str] = []
    with _own_folder(path) as own:
        job.pack(damaged, progress, folder=own)
        for shard in damaged:
            for name in plan.shard_names(shard):
                if manifest is not None:
                    _check_same_bytes(path, own, name, manifest, given)
                os.replace(os.path.join(own, name), os.path.join(path, name))
                made.append(name)
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    if not plan.missing(path):
        finalise(path)
    return made


def _finding(file: str, *, what: str, hint: str = "", shard: int | None = None, **place: Any) -> Finding:
    nothing = {"record": None, "index": None, "field": "", "path": "", "offset": 0, "length": 0}
    return {"file": file, "shard": shard, **nothing, **place, "what": what, "hint": hint}


def _expected(
    plan: Plan, manifest: Manifest | None
) -> Iterator[tuple[str, int | None, int, dict[str, Any] | None]]:
    """(name, shard, variant, what the manifest says of it) of each file that should be there."""
    entries = {} if manifest is None else {each["name"]: each for each in manifest.files}
    for shard in range(plan.shard_count):
        for variant, name in enumerate(plan.shard_names(shard)):
            yield name, shard, variant, entries.get(name)
    if plan.form == "npy":
        yield from ((name, None, 0, entry) for name, entry in entries.items())


class _Check:
    """One file, read bit by bit."""

    def __init__(
        self, folder: str, name: str, shard: int | None, variant: int, entry: dict[str, Any] | None, hint: str
    ) -> None:
        self._path, self._name, self._shard, self._hint = os.path.join(folder, name), name, shard, hint
        self._entry = entry
        self.bytes_done = 0
        try:
            self.bytes_total = os.stat(self._path).st_size
        except OSError:
            self.bytes_total = 0

    def run(self, is_stopped: Callable[[], bool]) -> list[Finding]:
        if not os.path.exists(self._path):
            return [self._finding("it is missing")]
        if self._shard is None:
            return self._check_array()
        verification = _native.ShardVerification(self._path)
        while not verification.advance(_WAIT_SECONDS):
            self.bytes_done = verification.bytes_done
            if is_stopped():
                return []
        self.bytes_done = self.bytes_total
        findings = [
            self._finding(
                **{
                    name: each[name]
                    for name in ("what", "record", "index", "field", "path", "offset", "length")
                }
            )
            for each in verification.findings()
        ]
        if not findings and self._entry is not None:
            found = _native.open_shard(self._path)["trailer_hash"]
            if f"{found:016x}" != self._entry["hash"]:
                findings.append(self._finding("it is whole, but not the file that the manifest names"))
        return findings

    def _check_array(self) -> list[Finding]:
        assert self._entry is not None
        self.bytes_done = self.bytes_total
        if self.bytes_total != self._entry["bytes"]:
            return [
                self._finding(f"it has {self.bytes_total} bytes, it was written with {self._entry['bytes']}")
            ]
        if f"{_native.hash_file(self._path):016x}" != self._entry["hash"]:
            return [self._finding("its bytes do not have the XXH3-64 that they were written with")]
        return []

    def _finding(self, what: str, **place: Any) -> Finding:
        return _finding(self._name, what=what, hint=self._hint, shard=self._shard, **place)


def _run(checks: Sequence[_Check], threads: int, progress: Progress | None) -> list[list[Finding]]:
    stop = threading.Event()
    total = sum(check.bytes_total for check in checks)
    with ThreadPoolExecutor(threads) as pool:
        try:
            running = [pool.submit(check.run, stop.is_set) for check in checks]
            while progress is not None and not all(each.done() for each in running):
                progress(sum(check.bytes_done for check in checks), max(1, total))
                stop.wait(_WAIT_SECONDS)
            return [each.result() for each in running]
        finally:
            stop.set()


def _check_statistics(folder: str, manifest: Manifest) -> list[Finding]:
    import hashlib

    try:
        with open(os.path.join(folder, STATISTICS_NAME), "rb") as file:
            found: str | None = hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        found = None
    if found == manifest.statistics:
        return []
    what = "it is missing" if found is None else "it is not the file that was written"
    return [_finding(STATISTICS_NAME, what=what, hint=f"run `stoker pack --finalise {folder}`")]


def _changed_sources(folder: str, plan: Plan, source: Source) -> list[Finding]:
    """Files whose bytes are not those that were packed."""
    findings: list[Finding] = []
    if changed := changed_file(folder, plan, source):
        findings.append(_finding("source", what=changed, hint="pack anew into another folder"))
    for shard in range(plan.shard_count):
        name = plan.shard_names(shard)[0]
        for index, field, relative, size, hashed in _sources(os.path.join(folder, name)):
            if field != 0 or not relative or index >= len(source):
                continue
            here = source.path(index)
            with contextlib.suppress(OSError):
                if os.stat(here).st_size == size and _native.hash_file(here) != hashed:
                    what = f"{relative} has other bytes than when it was packed"
                    findings.append(
                        _finding(name, what=what, shard=None, index=index, path=relative, hint="pack anew")
                    )
    return findings


def _sources(path: str) -> list[Any]:
    try:
        return list(_native.shard_sources(path))
    except (OSError, ShardError):
        return []


# ---- repair ----


def _origin(folder: str, plan: Plan) -> Source:
    root = (plan.origin or {}).get("root")
    extensions = (plan.origin or {}).get("extensions")
    if not root or not extensions or not os.path.isdir(root):
        raise ValueError(
            f"repair: the source of {folder} is not known here (the plan names {root!r}); give it: "
            f"stoker pack --repair {folder} SOURCE."
        )
    return sources.any_folder(root, extensions)


def _job_of(folder: str, plan: Plan, source: Source, threads: int | str, *, skips_bad: bool) -> Job:
    """What makes any shard of a plan again."""
    fingerprint = plan.fingerprint
    options = {
        "folder": folder,
        "form": plan.form,
        "quality": fingerprint["quality"] or 95,
        "chroma": fingerprint["chroma"] or "4:2:0",
        "variants": plan.variants,
        "root": source_root(source),
        "seed": fingerprint["seed"] or 0,
        "threads": max(1, resolve_threads(threads)[0]),
        # What was left out of a finished packing is left out again: the bytes are held against it.
        "skips_bad": skips_bad,
        "dtype": "auto",
        "layout": "hwc",
        **{name: fingerprint[name] for name in ("color", "exif", "image_dtype")},
    }
    return Job(source, [rebuilt(each) for each in plan.operators], plan, options)


def _check_same_bytes(folder: str, own: str, name: str, manifest: Manifest, source: Source) -> None:
    entry = next(each for each in manifest.files if each["name"] == name)
    made = os.path.join(own, name)
    if f"{_native.open_shard(made)['trailer_hash']:016x}" == entry["hash"]:
        return
    # The old index, where it can still be read, tells which file.
    now = {(index, field): each for index, field, *each in _sources(made)}
    for index, field, *before in _sources(os.path.join(folder, name)):
        if now.get((index, field)) != before:
            raise ValueError(
                f"repair: {name} cannot be made anew, because {source.path(index)} has changed since it was "
                "packed. Put the old file back, or pack anew into another folder."
            )
    raise ShardError(
        f"{os.path.join(folder, name)}: made anew it has other bytes, so a file of the source, its labels or "
        "a decoder has changed since it was packed. Put the old files back, or pack anew into another folder."
    )


_PREFIX = ".repair-"


@contextlib.contextmanager
def _own_folder(folder: str) -> Iterator[str]:
    prefix = f"{_PREFIX}{socket.gethostname()}-{os.getpid()}-"
    own = tempfile.mkdtemp(prefix=prefix, dir=folder)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _sweep(folder: str) -> None:
    """Removes what repairs left that were killed on this machine."""
    prefix = f"{_PREFIX}{socket.gethostname()}-"
    for name in os.listdir(folder):
        if not name.startswith(prefix):
            continue
        process = name.removeprefix(prefix).split("-")[0]
        if process.isdigit() and not os.path.exists(f"/proc/{process}"):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
