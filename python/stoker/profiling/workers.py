"""What worker processes cost beside the work itself, and how the rate grows with their number."""

from __future__ import annotations

import io
import itertools
import pickle
import sys
import time
from typing import Any

from stoker.profiling.batches import bytes_of
from stoker.profiling.loop import LoopTimes, run_loop
from stoker.profiling.record import Point, Scaling, Workers
from stoker.profiling.scaling import fitted
from stoker.profiling.subjects import TorchSubject


def measure_process_scaling(subject: TorchSubject, counts: list[int], seconds: float) -> Scaling:
    """Rates with each number of workers; each has to be started anew, so there is one turn each."""
    points = []
    for count in counts:
        other = subject.with_workers(count)
        times = run_loop(other, seconds / len(counts))
        cpu_ns = other.worker_cpu_ns / times.samples if other.worker_cpu_ns and times.samples else None
        points.append(Point(count, times.samples_per_s, cpu_ns, times.samples, times.wall_ns))
    return fitted(Scaling("threads" if subject.tier == "threads" else "processes", points))


def measure_workers(subject: TorchSubject, times: LoopTimes) -> Workers:
    """Of the loop that was watched, and of one batch that is made here."""
    loader = subject.loader
    context = loader.multiprocessing_context
    multiprocessing = sys.modules["torch"].multiprocessing
    method = str((context or multiprocessing).get_start_method())
    dataset_bytes = dataset_ns = None
    if method != "fork":
        begin = time.monotonic_ns()
        try:
            dataset_bytes = len(pickle.dumps(loader.dataset))
            dataset_ns = time.monotonic_ns() - begin
        except Exception:  # whatever its classes raise: it could not be started so either
            dataset_bytes = None
    piped, shared, pickle_ns = _pickled(_one_batch(loader))
    collates = loader.collate_fn is sys.modules["torch.utils.data"].default_collate
    median = sorted(times.next_ns)[len(times.next_ns) // 2]
    return Workers(
        loader.num_workers,
        method,
        max(0, times.first_batch_ns - median),
        dataset_bytes,
        dataset_ns,
        piped,
        shared,
        # Collated into shared memory at once, or first collated; a pipe copies in and out; then pinned.
        1 + (0 if collates else shared > 0) + (2 if piped > shared else 0) + bool(loader.pin_memory),
        times.next_cpu_ns / max(1, times.batches) + pickle_ns,
    )


def _one_batch(loader: Any) -> Any:
    if isinstance(loader.dataset, sys.modules["torch.utils.data"].IterableDataset):
        if loader.batch_size is None:
            return next(iter(loader.dataset))
        return loader.collate_fn(list(itertools.islice(iter(loader.dataset), loader.batch_size)))
    keys = next(iter(loader.batch_sampler)) if loader.batch_sampler is not None else None
    if keys is None:
        return loader.dataset[next(iter(loader.sampler))]
    return loader.collate_fn([loader.dataset[key] for key in keys])


def _pickled(batch: Any) -> tuple[int, int, int]:
    """(bytes that a pipe carries, bytes in shared memory, nanoseconds) of a batch leaving a worker."""
    torch = sys.modules["torch"]
    shared = 0

    class Measured(pickle.Pickler):
        def reducer_override(self, item: Any) -> Any:
            nonlocal shared
            if isinstance(item, torch.Tensor):
                shared += bytes_of(item)
                return (tuple, ((tuple(item.shape), str(item.dtype)),))  # in place of its handle
            return NotImplemented

    out = io.BytesIO()
    begin = time.thread_time_ns()
    try:
        Measured(out, pickle.HIGHEST_PROTOCOL).dump(batch)
    except Exception:  # torch would raise it in the worker
        return 0, shared, 0
    return out.tell(), shared, time.thread_time_ns() - begin
