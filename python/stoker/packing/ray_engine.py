"""Shards as tasks of Ray: the same contract as ranks, with Ray as the one that starts and restarts."""

from __future__ import annotations

from typing import Any

from stoker.errors import ShardError
from stoker.packing.making import Job, Progress, Work

# Shards that are given out for each worker; more would only wait, and die with their worker.
_AHEAD = 2
_TRIES = 4
_WAIT_SECONDS = 0.5


def pack_with_ray(job: Job, workers: int | None, progress: Progress | None) -> Work:
    """Makes all missing shards of a job, a task a shard; a task whose worker dies is given out again.

    Uses the cluster that the process is connected to, or `ray.init()`. The folder must be one and the same on
    all machines. A task takes as many of the cluster's CPUs as it has threads.

    Raises:
        ImportError: Ray is not installed.
        stoker.SampleError, OSError: As `stoker.pack`; finished shards stay.
    """
    try:
        import ray
    except ImportError:
        raise ImportError("engine 'ray' needs Ray: pip install stoker[ray]") from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    threads = int(job.options["threads"])
    if workers is None:
        workers = max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)
    # A task is a function of the shard's number: made again it makes the same bytes, so retries are harmless.
    task = ray.remote(num_cpus=threads, max_retries=_TRIES - 1, retry_exceptions=False)(_make)
    shared = ray.put(job)
    plan, folder = job.plan, job.options["folder"]
    missing = plan.missing(folder)
    standing = [shard for shard in range(plan.shard_count) if shard not in set(missing)]
    work = job.pack(standing) if standing else Work()  # kept, or made anew where damaged
    todo = list(reversed(missing))
    running: dict[Any, int] = {}
    total = sum(_samples(job, shard) for shard in missing)
    done = 0
    try:
        while todo or running:
            while todo and len(running) < workers * _AHEAD:
                shard = todo.pop()
                running[task.remote(shared, shard)] = shard
            ready, _ = ray.wait(list(running), num_returns=1, timeout=_WAIT_SECONDS)
            for reference in ready:
                shard = running.pop(reference)
                work.add(_result(ray, reference, shard))
                done += _samples(job, shard)
            if progress is not None and total:
                progress(done, total)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
    if left := plan.missing(folder):
        raise ShardError(
            f"{folder}: the tasks ended, but shards {left[:10]} are not here; the folder must be the same on "
            "all machines of the cluster, such as a shared file system."
        )
    return work


def _make(job: Job, shard: int) -> Work:
    return job.pack([shard])


def _result(ray: Any, reference: Any, shard: int) -> Work:
    try:
        work: Work = ray.get(reference)
        return work
    except ray.exceptions.WorkerCrashedError as error:
        raise ShardError(
            f"pack: shard {shard}: its worker died {_TRIES} times (out of memory?); finished shards stay, "
            "and the same call goes on from them."
        ) from error
    except ray.exceptions.RayTaskError as error:
        cause = error.cause if error.cause is not None else error
        raise cause from None


def _samples(job: Job, shard: int) -> int:
    first = shard * job.plan.samples_per_shard
    return min(job.plan.samples_per_shard, job.plan.samples - first)
