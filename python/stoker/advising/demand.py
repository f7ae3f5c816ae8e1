"""What the trainer can take, and what the disk can write."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stoker.advising.timing import count_samples

if TYPE_CHECKING:
    from stoker.advising.advice import Step
    from stoker.loader import Loader

_KEPT_BATCHES, _WARM_STEPS = 4, 2
_WRITTEN_BYTES = 64 << 20


@dataclass
class Demand:
    """Of a trainer on batches in memory; 0 where there is none."""

    samples_per_s: float = 0.0
    cpu_ms: float = 0.0  # CPU time of this process, a sample
    batch_bytes: float = 0.0


def measure_demand(loader: Loader, step: Step, seconds: float) -> Demand:
    """Runs the training step on a few batches that are kept, for some seconds, each at least once."""
    with loader.made_with() as copy:
        batches = [batch for batch, _ in zip(copy, range(_KEPT_BATCHES), strict=False)]
    for number in range(_WARM_STEPS):
        step(batches[number % len(batches)])
    wait_for_device()
    samples, until = 0, time.perf_counter() + seconds
    cpu, wall, number = time.process_time(), time.perf_counter(), 0
    while number < len(batches) or time.perf_counter() < until:
        batch = batches[number % len(batches)]
        step(batch)
        samples += count_samples(batch)
        number += 1
    wait_for_device()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Demand(samples / wall, cpu / samples * 1e3, _bytes(batches[0]))


def wait_for_device() -> None:
    """Until an accelerator has done what steps have asked of it, where torch has one in use."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _bytes(batch: Any) -> float:
    images = batch["image"] if isinstance(batch, dict) else batch
    images = images[0] if isinstance(images, tuple) else images
    return float(getattr(images, "nbytes", 0))


def write_rate(folder: str) -> float:
    """Bytes a second that reach the disk."""
    path, block = os.path.join(folder, "written"), os.urandom(1 << 20)
    start = time.perf_counter()
    with open(path, "wb", buffering=0) as file:
        for _ in range(_WRITTEN_BYTES // len(block)):
            file.write(block)
        os.fsync(file.fileno())
    seconds = time.perf_counter() - start
    os.unlink(path)
    return _WRITTEN_BYTES / seconds
