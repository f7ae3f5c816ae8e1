"""How fast a loader is, the time aside in which other processes had the cores.

Wall time on a shared machine says more of the neighbours than of the loader. What its threads waited while
they were ready to run is counted by the kernel, so it can be taken off again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from stoker.loader import Loader
from stoker.machine.clocks import waited_for_cores_s
from stoker.machine.cores import usable_cores
from stoker.profiling.batches import samples_in

# Threads of a loader that read.
_READERS = 2


@dataclass
class Timing:
    """A stretch of loading. Times are seconds.

    Attributes:
        cpu_s: CPU time of the whole process, and `worker_s` of the loader's CPU threads alone.
        starved_s, blocked_s: In which its CPU threads, all together, had no bytes or no place for a batch.
        waited_s: In which threads were ready to run and others had the cores, by name.
        least_s: That it took at least for other reasons, such as the trainer's own.
        threads, cores: Of the loader, and of the process.
    """

    samples: int
    wall_s: float
    cpu_s: float
    worker_s: float
    starved_s: float
    blocked_s: float
    waited_s: dict[str, float]
    read_bytes: int
    threads: int
    cores: float
    least_s: float = 0.0

    @property
    def free_s(self) -> float:
        """What it would have taken, had no other process had the cores, as far as that can be told.

        What the CPU threads waited is taken off; what readers and the consumer waited, as far as CPU threads
        stood still meanwhile. The work itself is the least.
        """
        waited = self.waited_s
        lost = waited.get("stoker-cpu", 0.0) / self.threads
        lost += min(waited.get("stoker-io", 0.0) / _READERS, self.starved_s / self.threads)
        lost += min(waited.get("", 0.0), self.blocked_s / self.threads)
        least = max(self.worker_s / self.threads, self.cpu_s / self.cores, self.least_s)
        return max(self.wall_s - lost, min(least, self.wall_s))

    @property
    def lost_share(self) -> float:
        """Of the wall time, that others had the cores."""
        return 1 - self.free_s / self.wall_s

    @property
    def rate(self) -> float:
        """Samples a second, without the time in which others had the cores."""
        return self.samples / self.free_s


class Watch:
    """Begins with its making; `timing` tells what has been since."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._counters, self._waited = loader.counters(), waited_for_cores_s()
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def timing(self, samples: int, least_s: float = 0.0) -> Timing:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        counters, waited = self._loader.counters(), waited_for_cores_s()

        def spent(name: str) -> float:
            return _thread_s(counters, name) - _thread_s(self._counters, name)

        return Timing(
            samples=samples,
            wall_s=wall,
            cpu_s=cpu,
            worker_s=spent("busy") - spent("off_cpu"),
            starved_s=spent("starved"),
            blocked_s=spent("blocked"),
            waited_s={name: max(0.0, s - self._waited.get(name, 0.0)) for name, s in waited.items()},
            read_bytes=counters["bytes_read"] - self._counters["bytes_read"],
            threads=max(1, self._loader.threads),
            cores=usable_cores(),
            least_s=least_s,
        )


def _thread_s(counters: dict[str, Any], name: str) -> float:
    """Of all CPU threads together."""
    return float(sum(each[f"{name}_ns"] for each in counters["threads"])) / 1e9


def run_epoch(loader: Loader, limit: int | None = None) -> Timing:
    """Takes all batches of an epoch, or until `limit` samples came, as fast as they come."""
    watch, samples = Watch(loader), 0
    batches = iter(loader)  # kept, because the counters go with it
    for batch in batches:
        samples += samples_in(batch, loader.batch_size)
        del batch
        if limit is not None and samples >= limit:
            break
    return watch.timing(samples)
