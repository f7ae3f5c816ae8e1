"""The cores of this process."""

from __future__ import annotations

from stoker import _native


def usable_cores() -> float:
    """By affinity, quota and the other ranks of the host; above 0."""
    return max(0.1, float(_native.usable_cores()["share"]))
