"""One epoch of a dataset of rows in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stoker import _native
from stoker.lowering.arrays import Rows

# Smaller batches are copied in less time than a thread takes to wake up.
_LEAST_THREADED_BYTES = 256 << 10


@dataclass(frozen=True)
class RowsPlan:
    """Everything that an epoch needs.

    Attributes:
        samples: The dataset.
        threads: That copy ahead; 0: the batch is copied inside `next()`.
        shares_cores: Whether the threads share the cores with other loaders.
        active_batches: Filled at a time, or finished and not yet taken.
        buffers: Memory of large batches, kept by the loader from one epoch to the next.
        collates: The batch is complete as it leaves the engine; otherwise a collate_fn gets samples.
        report: Lines for `explain()`.
        first_run: A run that the engine has agreed to and nothing has used.
    """

    samples: Rows
    threads: int
    shares_cores: bool
    active_batches: int
    buffers: Any
    collates: bool
    report: list[str]
    first_run: Any

    def start(self) -> Any:
        """Another run; its threads start with the first batch that is submitted."""
        return _start(self.samples, self.threads, self.shares_cores)

    def explain(self) -> str:
        return "\n".join(["tier: native", *(f"  {line}" for line in self.report)])


def plan_rows(loader: Any, samples: Rows, threads: int, *, collates: bool) -> RowsPlan:
    """How `loader` loads `samples`, with at most `threads` threads."""
    batch_size = loader.batch_size or getattr(loader.batch_sampler, "batch_size", None) or 1
    batch_bytes = batch_size * samples.row_bytes
    report = [
        f"dataset: {type(loader.dataset).__name__} of {samples.count}, in memory",
        f"rows: {', '.join(map(str, samples.columns))}; {samples.row_bytes} bytes a sample",
    ]
    if threads == 0:
        report.append("threads: none, a batch is copied inside next()")
    elif batch_bytes < _LEAST_THREADED_BYTES:
        threads = 0
        report.append(f"threads: none, a batch of {batch_bytes} bytes is copied sooner than handed over")
    else:
        report.append(f"threads: {threads}, each no more than copies rows")
    if not collates:
        report.append("collate_fn: user code, gets native samples")
    active_batches = (loader.prefetch_factor or 2) if threads else 0
    shares_cores = loader.threads == "auto"
    return RowsPlan(
        samples=samples,
        threads=threads,
        shares_cores=shares_cores,
        active_batches=active_batches,
        # The trainer holds one batch while it is given the next.
        buffers=loader.__dict__.setdefault(
            "_stoker_buffers", _native.Buffers((active_batches + 2) * len(samples.columns))
        ),
        collates=collates,
        report=report,
        first_run=_start(samples, threads, shares_cores),
    )


def _start(samples: Rows, threads: int, shares_cores: bool) -> Any:
    columns = [list(column.parts) for column in samples.columns]
    return _native.GatherRun(columns, threads=threads, shares_cores=shares_cores)
