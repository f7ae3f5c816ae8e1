"""The cores of this process."""

from __future__ import annotations

from stoker import _native


def usable_cores() -> float:
    """By affinity, quota and the other ranks of the host; above 0."""
    cores = _native.usable_cores()
    usable = cores["affinity"] if cores["quota"] is None else min(cores["affinity"], cores["quota"])
    return max(0.1, float(usable) / int(cores["local_world_size"]))
