"""What a folder lies on, and how fast its files come: cold from the disk, warm from the page cache."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stoker.machine.finding import Finding
from stoker.machine.page_cache import put_out

_FILES, _BYTES, _SECONDS = 512, 256 << 20, 4.0  # read at most, for each number of readers
_LISTED_FILES, _LISTED_SECONDS = 100_000, 2.0
_READERS = 8
_WRITTEN_BYTES = 32 << 20

# Compressed bytes that one core decodes in a second, measured on JPEGs of 110 KB.
_DECODED_BYTES_PER_S = 70e6

# Below that many bytes a file, it is the number of files that counts.
_SMALL_FILE_BYTES = 256 << 10

_NETWORK = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "lustre",
    "gpfs",
    "ceph",
    "beegfs",
    "glusterfs",
    "9p",
    "afs",
)


def file_system(folder: str) -> tuple[str, str]:
    """(type, mount point) of what `folder` lies on; ("unknown", "") where the kernel does not tell."""
    place = os.path.realpath(folder)
    best = "unknown", ""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                words = line.split()
                # Blanks in paths are written as octal numbers.
                point = words[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
                inside = place == point or place.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= len(best[1]):
                    best = words[words.index("-") + 1], point
    except OSError:
        pass
    return best


def examine_folder(folder: str, cores: int) -> tuple[dict[str, Any], list[Finding]]:
    """File system, free space and reading rates of a folder's files; nothing is written.

    Args:
        folder: Searched at any depth, for a few seconds at most.
        cores: That would decode what is read.

    Raises:
        OSError: It is no folder, cannot be listed, or holds no file.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder} is no folder")
    kind, point = file_system(folder)
    state = os.statvfs(folder)
    files, is_whole = _listed(folder)
    if not files:
        raise FileNotFoundError(f"{folder} holds no file that could be read")
    total = sum(size for _, size in files)
    report: dict[str, Any] = {
        "folder": os.path.abspath(folder),
        "file_system": kind,
        "mounted_at": point,
        "free_bytes": state.f_frsize * state.f_bavail,
        "free_files": state.f_favail,
        "files": len(files),
        "bytes": total,
        "is_whole": is_whole,
        "mean_file_bytes": total // len(files),
    }
    chosen = _spread(files)
    # Each number of readers has files of its own: a disk that has read a file once may keep it in its memory.
    for readers, part in ((1, chosen[::2]), (_READERS, chosen[1::2])):
        if part:
            report[f"readers_{readers}"] = {"cold": _cold(part, readers), "warm": _read(part, readers)}
    return report, _findings(report, cores)


def _listed(folder: str) -> tuple[list[tuple[str, int]], bool]:
    """(path, size) of files below the folder, and whether these are all."""
    files, until = [], time.monotonic() + _LISTED_SECONDS
    for entry in _entries(folder):
        files.append((entry.path, entry.stat().st_size))
        if len(files) >= _LISTED_FILES or time.monotonic() > until:
            return files, False
    return files, True


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    yield from _entries(entry.path)
                elif entry.is_file() and entry.stat().st_size > 0 and os.access(entry.path, os.R_OK):
                    yield entry
            except (PermissionError, FileNotFoundError):  # not ours, or gone since it was listed
                continue


def _spread(files: Sequence[tuple[str, int]]) -> list[str]:
    """Some of the files, from everywhere in the list."""
    step = max(1, len(files) // (2 * _FILES))
    paths: list[str] = []
    size = 0
    for path, each in files[::step]:
        if len(paths) >= 2 * _FILES or (paths and size + each > 2 * _BYTES):
            break
        paths.append(path)
        size += each
    return paths


def _cold(paths: Sequence[str], readers: int) -> dict[str, Any] | None:
    """Rates without the page cache; None where files cannot be put out of it."""
    return _read(paths, readers) if put_out(paths) else None


def _read(paths: Sequence[str], readers: int) -> dict[str, Any]:
    """Reads the files whole, `readers` at a time, for some seconds at most."""
    until = time.monotonic() + _SECONDS

    def read(path: str) -> tuple[int, float] | None:
        if time.monotonic() > until:
            return None
        start = time.perf_counter()
        with open(path, "rb", buffering=0) as file:
            size = len(file.readall())
        return size, time.perf_counter() - start

    start = time.perf_counter()
    with ThreadPoolExecutor(readers) as pool:
        done = [each for each in pool.map(read, paths) if each is not None]
    wall = time.perf_counter() - start
    waits = sorted(seconds * 1e3 for _, seconds in done)
    return {
        "files": len(done),
        "files_per_s": round(len(done) / wall, 1),
        "bytes_per_s": round(sum(size for size, _ in done) / wall),
        "median_ms": round(statistics.median(waits), 3),
        "p95_ms": round(waits[min(len(waits) - 1, int(0.95 * len(waits)))], 3),
    }


def _findings(report: dict[str, Any], cores: int) -> list[Finding]:
    found = []
    kind, folder = report["file_system"], report["folder"]
    if kind in _NETWORK or kind.startswith("fuse"):
        found.append(
            Finding(
                "storage",
                f"{folder} is on a network or user-space file system ({kind})",
                f"stoker pack {folder} LOCAL --form source makes few large files on a local disk",
            )
        )
    cold = (report.get(f"readers_{_READERS}") or report["readers_1"])["cold"]
    wanted = cores * _DECODED_BYTES_PER_S
    if cold is not None and cold["bytes_per_s"] < wanted:
        is_small = report["mean_file_bytes"] < _SMALL_FILE_BYTES
        found.append(
            Finding(
                "storage",
                f"cold files come with {cold['bytes_per_s'] / 1e6:.0f} MB/s ({cold['files_per_s']:.0f} "
                f"files/s); {cores} cores decode about {wanted / 1e6:.0f} MB/s of JPEG",
                f"stoker pack {folder} PACKED --form source reads in large pieces"
                if is_small
                else "keep the data on a faster disk, or in memory after the first epoch",
            )
        )
    return found


def write_rate(folder: str | None = None) -> float:
    """Bytes a second of a new file that reach the disk.

    Args:
        folder: Where to write; that for temporary files where None.

    Raises:
        OSError: It cannot be written there.
    """
    block = os.urandom(1 << 20)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        begin = time.perf_counter()
        for _ in range(_WRITTEN_BYTES // len(block)):
            file.write(block)
        os.fsync(file.fileno())
        return _WRITTEN_BYTES / (time.perf_counter() - begin)
