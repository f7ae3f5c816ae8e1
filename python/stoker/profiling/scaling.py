"""The rate of a loader by the number of its threads, measured side by side in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from stoker import _native
from stoker.profiling.record import Point, Scaling
from stoker.profiling.subjects import NativeTask

# Batches submitted before the first is taken.
_AHEAD = 6

# Time at one number of threads before the next has its turn; the machine's speed drifts slower than that.
_WINDOW_S = 0.25


def thread_counts(most: int, now: int) -> list[int]:
    """1, 2, 4 and so on up to `most`, all of them where they are few, and the number that is used now."""
    counts = set(range(1, most + 1)) if most <= 4 else {1, 2, 4, most, *(2**i for i in range(3, 11))}
    return sorted({count for count in counts if count <= most} | {max(1, now)})


def measure_scaling(task: NativeTask, counts: list[int], seconds: float) -> Scaling:
    """Rates at each of `counts` threads, in turns; random samples of the source, nothing done with them."""
    run = task.start(threads=max(counts), active=counts[0])
    windows: dict[int, list[Point]] = {count: [] for count in counts}
    try:
        batches = _endless(task)
        for _ in range(_AHEAD):
            run.submit(next(batches))
        _take(run, batches)  # threads start, buffers are made
        window_s = min(_WINDOW_S, seconds / (2 * len(counts)))
        end = time.monotonic() + seconds
        while time.monotonic() < end or not windows[counts[-1]]:
            for count in counts:
                windows[count].append(_window(run, batches, count, window_s))
    finally:
        run.close()
    points = [_median(each) for each in windows.values()]
    return fitted(Scaling("threads", points))


def fitted(scaling: Scaling, cores: float | None = None) -> Scaling:
    """With the curve through its points; without one where there are no points."""
    from stoker.machine.cores import usable_cores

    points = [(each.threads, each.samples_per_s) for each in scaling.points if each.samples_per_s > 0]
    if not points:
        return scaling
    cores = cores or usable_cores()
    curve = _native.fit_scaling(points, cores)
    scaling.rate_one, scaling.contention, scaling.coherence = (
        curve.rate_one,
        curve.contention,
        curve.coherence,
    )
    scaling.crowding, scaling.cores, scaling.error = curve.crowding, cores, curve.error
    return scaling


def _endless(task: NativeTask) -> Iterator[Any]:
    """Batches of indices, each sample once before any comes again."""
    random = np.random.default_rng(0)
    order = np.empty(0, np.int64)
    size = min(task.batch_size, task.count)
    while True:
        if len(order) < size:
            order = np.concatenate([order, random.permutation(task.count)])
        yield np.ascontiguousarray(order[:size])
        order = order[size:]


def _take(run: Any, batches: Iterator[Any]) -> int:
    """Samples of the next batch; another is submitted for it. A batch with a bad sample counts as none."""
    from stoker.errors import SampleError

    run.submit(next(batches))
    try:
        batch = run.next()
    except SampleError:
        return 0
    return len(batch.indices) if batch is not None else 0


def _window(run: Any, batches: Iterator[Any], count: int, seconds: float) -> Point:
    run.set_active_threads(count)
    _take(run, batches)  # the batches that were begun before
    _take(run, batches)
    before, begin, samples = _cpu_ns(run), time.monotonic_ns(), 0
    while True:
        samples += _take(run, batches)
        wall_ns = time.monotonic_ns() - begin
        if wall_ns >= seconds * 1e9:
            break
    cpu_ns = _cpu_ns(run) - before
    return Point(count, samples / wall_ns * 1e9, cpu_ns / samples if samples else None, samples, wall_ns)


def _cpu_ns(run: Any) -> int:
    return sum(thread["busy_ns"] - thread["off_cpu_ns"] for thread in run.counters()["threads"])


def _median(windows: list[Point]) -> Point:
    costs = [each.cpu_ns_per_sample for each in windows if each.cpu_ns_per_sample is not None]
    return Point(
        windows[0].threads,
        statistics.median(each.samples_per_s for each in windows),
        statistics.median(costs) if costs else None,
        sum(each.samples for each in windows),
        sum(each.wall_ns for each in windows),
    )
