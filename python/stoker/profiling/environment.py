"""The machine and the versions that a measurement was made with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from typing import Any

from stoker import _native


def environment() -> dict[str, Any]:
    """As in docs/profile-format.md. Imports nothing; versions of others are those that are installed."""
    build, cores = _native.build_info(), _native.usable_cores()
    return {
        "stoker": build["version"],
        "python": platform.python_version(),
        "numpy": _version("numpy"),
        "torch": _version("torch"),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores_seen": os.cpu_count(),
        "affinity": cores["affinity"],
        "quota": cores["quota"],
        "local_world_size": cores["local_world_size"],
        "instruction_set": build["target_in_use"],
        "codecs": dict(build["codecs"]),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    }


def now() -> str:
    """UTC, ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
