"""What a trainer takes when its batches are there at once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stoker.profiling.batches import bytes_of, samples_in

# What is made and tuned at first use is, in so many steps.
_WARM_STEPS = 2

_FEWEST_STEPS, _MOST_STEPS = 3, 200


@dataclass
class Demand:
    """Of a trainer on batches in memory; all 0 where there is none."""

    step_ns: list[int] = field(default_factory=list)
    samples: int = 0
    wall_ns: int = 0
    cpu_ns: int = 0  # of this process
    batch_bytes: int = 0

    @property
    def samples_per_s(self) -> float:
        return self.samples / self.wall_ns * 1e9 if self.wall_ns else 0.0

    @property
    def cpu_ms(self) -> float:
        """CPU time of this process, a sample."""
        return self.cpu_ns / self.samples / 1e6 if self.samples else 0.0


def measure_demand(
    step: Callable[[Any], Any], batches: Sequence[Any], seconds: float, batch_size: int | None
) -> Demand:
    """Runs training steps on `batches`, again and again for about `seconds`, each batch at least once."""
    for number in range(_WARM_STEPS):
        step(batches[number % len(batches)])
    wait_for_device()
    demand = Demand(batch_bytes=bytes_of(batches[0]))
    fewest = max(_FEWEST_STEPS, len(batches))
    cpu, begin = time.process_time_ns(), time.monotonic_ns()
    last = begin
    while len(demand.step_ns) < _MOST_STEPS:
        if len(demand.step_ns) >= fewest and last - begin >= seconds * 1e9:
            break
        batch = batches[len(demand.step_ns) % len(batches)]
        step(batch)
        ended = time.monotonic_ns()
        demand.step_ns.append(ended - last)
        last = ended
        demand.samples += samples_in(batch, batch_size)
    wait_for_device()
    demand.wall_ns = max(1, time.monotonic_ns() - begin)
    demand.cpu_ns = time.process_time_ns() - cpu
    return demand


def wait_for_device() -> None:
    """Until an accelerator has done what steps have asked of it, where torch has one in use."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
