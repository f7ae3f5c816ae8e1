"""How fast the bytes of the samples can be had: from the disk, and from the page cache."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from stoker import _native
from stoker.machine.storage import write_rate
from stoker.profiling.record import Quantiles, Reading, Storage

# Files that are read; of a data set sorted by size as evenly as of any other.
_MOST_SAMPLES = 2000

# Above this share of its bytes in the page cache, a reading was not cold.
_COLD_SHARE = 0.1


def measure_storage(source: Any, count: int, readers: int, seconds: float) -> Storage | None:
    """Reads samples of a native source cold and warm; None where all of them lie in memory.

    Cold readings ask the system to drop these files from the page cache first; that takes nothing but cache
    from other programs. The same files are read by one reader and by `readers`.
    """
    random = np.random.default_rng(0)
    size = min(count, _MOST_SAMPLES)
    trial_indices = np.sort(random.choice(count, size, replace=False)).tolist()
    random.shuffle(trial_indices)
    few = _few_enough(source, trial_indices, seconds / 4)
    if not few:
        return None
    storage = Storage()
    for number in sorted({1, readers}):
        trial = _native.try_reading(source, few, number, True, seconds / 3)
        storage.by_readers.append(reading_of(trial, number))
        if number == 1:
            storage.fixed_ns, storage.streamed_bytes_per_s = _line(trial["bytes"], trial["latencies_ns"])
    storage.cold = storage.by_readers[-1]
    shares = [each.resident_share for each in storage.by_readers if each.resident_share is not None]
    storage.is_cold = max(shares) <= _COLD_SHARE if shares else None
    _native.try_reading(source, few, readers, False, seconds / 3)
    storage.warm = reading_of(_native.try_reading(source, few, readers, False, seconds / 4), readers)
    with contextlib.suppress(OSError):
        storage.write_bytes_per_s = write_rate()
    return storage


def _few_enough(source: Any, indices: list[int], seconds: float) -> list[int]:
    """As many of `indices` as one reader reads cold in about `seconds`; none where nothing is in files."""
    trial = _native.try_reading(source, indices[:16], 1, True, seconds)
    if not trial["latencies_ns"]:
        return []
    per_sample = trial["wall_ns"] / 1e9 / max(1, trial["samples"])
    return indices[: max(16, int(seconds / max(per_sample, 1e-9)))]


def reading_of(trial: dict[str, Any], readers: int) -> Reading:
    """What `_native.try_reading` gave."""
    seconds = max(trial["wall_ns"], 1) / 1e9
    return Reading(
        files=len(trial["bytes"]),
        bytes=sum(trial["bytes"]),
        bytes_per_s=sum(trial["bytes"]) / seconds,
        samples_per_s=trial["samples"] / seconds,
        latency_ns=quantiles(trial["latencies_ns"]),
        readers=readers,
        resident_share=trial["cached_share"],
    )


def quantiles(values: list[int] | list[float]) -> Quantiles:
    return (
        Quantiles(*(float(each) for each in np.quantile(values, (0.5, 0.95, 0.99))))
        if values
        else Quantiles()
    )


def _line(sizes: list[int], latencies_ns: list[int]) -> tuple[float | None, float | None]:
    """Fixed nanoseconds a file and bytes a second of the rest, by least squares on the middle of the times.

    Where sizes hardly differ there is no slope: (None, None).
    """
    x, y = np.asarray(sizes, float), np.asarray(latencies_ns, float)
    if len(x) < 8 or x.std() < 0.05 * x.mean():
        return None, None
    kept = y <= np.quantile(y, 0.95)  # a few files hit a moment when others read
    slope, fixed = np.polyfit(x[kept], y[kept], 1)
    if slope <= 0 or fixed < 0:
        return None, None
    return float(fixed), float(1e9 / slope)
