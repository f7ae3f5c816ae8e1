"""The cores of this process: how many, and how long its threads waited for one."""

from __future__ import annotations

import os

from stoker import _native


def usable_cores() -> float:
    """By affinity, quota and the other ranks of the host; above 0."""
    cores = _native.usable_cores()
    usable = cores["affinity"] if cores["quota"] is None else min(cores["affinity"], cores["quota"])
    return max(0.1, float(usable) / int(cores["local_world_size"]))


def waited_for_cores_s() -> dict[str, float]:
    """Seconds in which threads that live now were ready to run while others, of this process or not, had the
    cores: by "stoker-cpu" and "stoker-io", the engine's threads, and "" for all else. Empty where the kernel
    does not count them."""
    waited: dict[str, float] = {}
    try:
        tasks = os.listdir("/proc/self/task")
    except OSError:
        return waited
    for task in tasks:
        try:
            with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
            with open(f"/proc/self/task/{task}/schedstat", encoding="ascii") as file:
                seconds = int(file.read().split()[1]) / 1e9
        except (OSError, IndexError):  # a thread that ended just now, or a kernel without the count
            continue
        name = name if name in ("stoker-cpu", "stoker-io") else ""
        waited[name] = waited.get(name, 0.0) + seconds
    return waited
