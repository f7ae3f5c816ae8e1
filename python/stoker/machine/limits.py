"""What the control groups and the kernel allow this process: cores, memory, open files, shared memory."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stoker.machine.finding import Finding

# Of its periods in which a control group was stopped for having used up its share of the cores.
_THROTTLED_SHARE = 0.05

# Of its memory limit that a group has in use.
_FULL_SHARE = 0.9

# Version 1 writes "no limit" as the largest number of whole pages.
_NO_LIMIT_BYTES = 1 << 62

_SMALL_SHARED_MEMORY_BYTES = 1 << 30
_FEW_OPEN_FILES = 4096


def _folders(controller: str, groups: Path, root: Path) -> Iterator[Path]:
    """Folders of the groups that hold this process, its own first; in containers only the last may exist."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = root / controller if controllers else root
        own = top / group.lstrip("/")
        yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(top))


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def memory_limit(
    groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> tuple[int | None, int | None]:
    """(limit, in use) in bytes of the tightest group; None where there is no limit."""
    least: tuple[int | None, int | None] = (None, None)
    for folder in _folders("memory", groups, root):
        for limit_name, use_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit = _number(folder / limit_name)
            if limit is None or limit >= _NO_LIMIT_BYTES or (least[0] is not None and limit >= least[0]):
                continue
            least = limit, _number(folder / use_name)
    return least


def throttled_share(
    groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> float | None:
    """Share of its periods in which a group was stopped; None where no quota is set."""
    most = None
    for folder in _folders("cpu", groups, root):
        try:
            words = (folder / "cpu.stat").read_text().split()
        except OSError:
            continue
        values = dict(zip(words[::2], words[1::2], strict=False))
        periods = int(values.get("nr_periods", 0))
        if periods:
            most = max(most or 0.0, int(values.get("nr_throttled", 0)) / periods)
    return most


def examine_limits(affinity: int, quota: float | None) -> tuple[dict[str, Any], list[Finding], list[Finding]]:
    """What is allowed, findings, and notes (what hurts only some jobs)."""
    limit, used = memory_limit()
    throttled = throttled_share()
    shared = _bytes_of("/dev/shm")
    report = {
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "memory_limit_bytes": limit,
        "memory_used_bytes": used,
        "cpu_quota": quota,
        "cpu_throttled_share": throttled,
        "shared_memory_bytes": shared,
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "huge_pages": _huge_pages(),
    }
    return report, _findings(report, affinity, os.cpu_count() or 1), _notes(report)


def _findings(report: dict[str, Any], affinity: int, cores: int) -> list[Finding]:
    found = []
    if affinity == 1 < cores:
        found.append(
            Finding(
                "cores",
                f"this process may use 1 core of {cores}",
                "ask for more (Slurm: --cpus-per-task, Docker: --cpuset-cpus), or start it without taskset "
                "and OMP_PROC_BIND",
            )
        )
    throttled = report["cpu_throttled_share"]
    if throttled is not None and throttled > _THROTTLED_SHARE:
        found.append(
            Finding(
                "cores",
                f"the control group was stopped in {throttled:.0%} of its periods: more threads run than its "
                "quota feeds",
                "raise the quota (Docker: --cpus), or set OMP_NUM_THREADS and num_workers to what it allows",
            )
        )
    limit, used = report["memory_limit_bytes"], report["memory_used_bytes"]
    if limit and used and used > _FULL_SHARE * limit:
        found.append(
            Finding(
                "memory",
                f"{used >> 20} of the {limit >> 20} MiB that the control group allows are in use, caches "
                "included",
                "raise the limit (Docker: --memory), or take smaller batches and fewer worker processes",
            )
        )
    return found


def _notes(report: dict[str, Any]) -> list[Finding]:
    found = []
    shared = report["shared_memory_bytes"]
    if shared is not None and shared < _SMALL_SHARED_MEMORY_BYTES:
        found.append(
            Finding(
                "memory",
                f"/dev/shm holds {shared >> 20} MiB; torch's worker processes hand batches over through it",
                "enlarge it (Docker: --shm-size=8g), or load with stoker, which needs none",
            )
        )
    if report["open_files"] != resource.RLIM_INFINITY and report["open_files"] < _FEW_OPEN_FILES:
        found.append(
            Finding(
                "memory",
                f"{report['open_files']} files may be open at a time; torch's workers take one for each "
                "tensor that is kept",
                f"ulimit -n {_FEW_OPEN_FILES * 16}",
            )
        )
    if report["huge_pages"] == "never":
        found.append(
            Finding(
                "memory",
                "transparent huge pages are off: writing a batch takes some 20 % longer",
                "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
            )
        )
    return found


def _bytes_of(folder: str) -> int | None:
    try:
        state = os.statvfs(folder)
    except OSError:
        return None
    return state.f_frsize * state.f_blocks


def _huge_pages() -> str | None:
    try:
        text = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    except OSError:
        return None
    return text[text.find("[") + 1 : text.find("]")]
