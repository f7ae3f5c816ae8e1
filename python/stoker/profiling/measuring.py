"""A profile, measured: the loader alone, the trainer alone, both together, and then the parts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from stoker.machine.cores import usable_cores
from stoker.profiling.attributing import attribution, thread_totals, timeline
from stoker.profiling.demand import measure_demand
from stoker.profiling.drop_in import suggest_drop_in
from stoker.profiling.environment import environment, now
from stoker.profiling.fetch_clocks import FetchTimes
from stoker.profiling.gil import GilProbe
from stoker.profiling.judging import FED_SHARE, Evidence, judge
from stoker.profiling.loop import LoopTimes, run_loop
from stoker.profiling.python_steps import PythonTimes, measure_python_steps
from stoker.profiling.record import MAX_EVENTS, Profile, Quantiles, Queue, Samples, Step, Trainer, Verdict
from stoker.profiling.scaling import measure_scaling, thread_counts
from stoker.profiling.storage import measure_storage, quantiles
from stoker.profiling.subjects import IterableSubject, RowsSubject, Subject, TorchSubject, subject_of
from stoker.profiling.workers import measure_process_scaling, measure_workers

# Above this share of the CPU time that holds the interpreter, Python runs one thread at a time. Threads of
# pure Python come to 0.6 and more, threads that hardly need the interpreter to 0.05, if crowded to 0.3.
_HELD = 0.4

# Above this share of the time that loading wants a core, it is said that others had it.
_CROWDED = 0.25


def profile(loader: Any, step: Callable[[Any], Any] | None = None, seconds: float = 20.0) -> Profile:
    """Measures a loader and says what bounds it.

    The loader is used as it is, and left as it was: its epoch, its state and the random numbers that it
    draws next stay the same. An iterator, which can be gone through only once, is used up. Files are read
    cold too: the system is asked to drop those that are read from its page cache.

    Args:
        loader: A `stoker.Loader`, a DataLoader (torch's or the drop-in), or anything that gives batches.
        step: What the trainer does with a batch, such as `lambda batch: train_step(*batch)`. It is called
            some dozen times, and what it changes stays changed: give it a copy of the model where that
            matters. Without it the loader is judged alone.
        seconds: About how long to measure, 1 to 600; a single batch may take longer.

    Returns:
        The profile: `print` it, `save` it, or look at `.verdict`.

    Raises:
        TypeError: `loader` cannot be iterated over, or `step` cannot be called.
        ValueError: The loader gives no batch, or `seconds` is out of range.
    """
    if step is not None and not callable(step):
        raise TypeError(f"profile: step must be a function of one batch, got {step!r}.")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"profile: seconds must be a number, got {seconds!r}.")
    if not 1 <= seconds <= 600:
        raise ValueError(f"profile: seconds must be from 1 to 600, got {seconds!r}.")
    begin = time.monotonic_ns()
    subject = subject_of(loader)
    try:
        made = Measuring(subject, float(seconds)).measure(step)
    finally:
        subject.close()
    made.measured_ns = time.monotonic_ns() - begin
    return made


class Measuring:
    """One subject, on its way to a profile."""

    def __init__(self, subject: Subject, seconds: float) -> None:
        self.subject = subject
        self.seconds = seconds
        self.profile = Profile(
            subject.describe(),
            Samples(),
            Verdict("unknown", "", 0.0),
            made_at=now(),
            environment=environment(),
        )
        self.python: PythonTimes | None = None
        self.held_share = 0.0
        self.native_steps: list[Step] = []
        self.fetch_wall_ns = 0
        self.fetches = FetchTimes()

    def measure(self, step: Callable[[Any], Any] | None) -> Profile:
        """All of it."""
        subject, seconds = self.subject, self.seconds
        is_once = not subject.is_repeatable
        alone = None
        if not (is_once and step is not None):
            alone = self._alone(0.3 * seconds, keeps_batches=step is not None)
        together = alone
        if step is not None:
            subject.reset()
            subject.traced_events = MAX_EVENTS // 2
            keeps = alone is None
            together = run_loop(subject, 0.3 * seconds, step, keeps, MAX_EVENTS // 4)
            self._take_trainer(step, (alone or together).kept, 0.15 * seconds)
        assert together is not None
        self._take_loop(together)
        self._measure_parts(together if alone is None else alone)
        return self.profile

    def watched(self, times: LoopTimes, trainer: Trainer | None, fetches: FetchTimes) -> Profile:
        """From a loop that somebody else has run, and what was seen of its trainer and its workers there."""
        self.profile.trainer = trainer
        self._take_loop(times)
        alone = self._alone(0.4 * self.seconds, keeps_batches=False)
        if fetches.batches:
            self.fetches = fetches  # of files as cold as they were there
        self._measure_parts(alone)
        return self.profile

    def _alone(self, seconds: float, keeps_batches: bool) -> LoopTimes:
        subject = self.subject
        kept = []
        if subject.is_repeatable:
            # Caches, threads and buffers are made; a batch that is kept later would cost a new buffer there.
            kept = run_loop(subject, min(0.3, seconds / 5), None, keeps_batches, epochs=1).kept
            subject.reset()
        subject.traced_events = MAX_EVENTS // 2
        # Where the engine works, the interpreter holds nobody up.
        probe, fetched = GilProbe(), subject.fetch_times
        with contextlib.ExitStack() as watched:
            if subject.tier != "native":
                watched.enter_context(probe)
            times = run_loop(subject, seconds, None, keeps_batches and not kept, MAX_EVENTS // 4)
        times.kept = times.kept or kept
        self.held_share = probe.held_share
        self.fetches = subject.fetch_times - fetched
        self.profile.loading_samples_per_s = times.samples_per_s
        self.profile.threads, self.native_steps = thread_totals(subject.counters)
        self.fetch_wall_ns = sum(int(each["fetch_wall_ns"]) for each in subject.counters)
        return times

    def _take_trainer(self, step: Callable[[Any], Any], kept: list[Any], seconds: float) -> None:
        """The step with batches that are there at once."""
        demand = measure_demand(step, kept, seconds, self.subject.batch_size)
        self.profile.trainer = Trainer(
            quantiles(demand.step_ns),
            len(demand.step_ns),
            demand.samples_per_s,
            "cached batches",
            demand.cpu_ms * 1e6,
        )

    def _take_loop(self, times: LoopTimes) -> None:
        made, subject = self.profile, self.subject
        made.samples_per_s = times.samples_per_s
        made.samples.measured_count, made.samples.batches = times.samples, times.batches
        made.samples.batch_bytes_per_sample = times.batch_bytes / max(1, times.samples / times.batches)
        made.queues = [_queue(name, fills, subject) for name, fills in times.looks.items() if fills]
        made.bad_samples = subject.bad_samples()[:100]
        made.samples.bad = sum(int(each["errors"]) for each in subject.counters)
        made.samples.bytes_read = sum(int(each["bytes_read"]) for each in subject.counters)
        if made.samples.bytes_read:
            made.samples.encoded_bytes_mean = made.samples.bytes_read / max(1, times.samples)
        self.loop, self.loop_counters = times, list(subject.counters)
        made.timeline = timeline(times, subject.traces)

    def _measure_parts(self, alone: LoopTimes) -> None:
        made, subject, seconds = self.profile, self.subject, self.seconds
        task = subject.task
        if task is not None:
            made.steps = self.native_steps
            made.samples.dataset_count = task.count
            made.samples.images = made.samples.measured_count * max(1, len(task.source.fields))
            counts = thread_counts(max(1, int(usable_cores())), task.threads)
            made.scaling = measure_scaling(task, counts, 0.25 * seconds)
            made.storage = measure_storage(task.source, task.count, max(1, task.threads), 0.12 * seconds)
        elif isinstance(subject, TorchSubject):
            made.samples.images = made.samples.measured_count
            self._measure_torch(subject)
        else:
            made.steps = [_loop_step(type(subject.loader).__name__, alone)]
            made.samples.images = made.samples.measured_count
            if isinstance(subject, RowsSubject):
                made.samples.dataset_count = len(subject.loader.dataset)
        self._judge(alone)
        self._note_crowding()
        if isinstance(subject, TorchSubject):
            suggest_drop_in(subject.loader, made)
        made.attribution = attribution(self.loop, self.loop_counters, made, self.python)
        if isinstance(subject, TorchSubject) and subject.tier == "python" and made.samples.dataset_count:
            self._measure_first_workers(subject)

    def _measure_torch(self, subject: TorchSubject) -> None:
        made, loader, seconds = self.profile, subject.loader, self.seconds
        dataset = loader.dataset
        try:
            made.samples.dataset_count = len(dataset)
        except TypeError:
            made.notes.append("the data set has no length: its steps were not measured one by one")
        else:
            keys = _some_keys(loader, 512)
            self.python = measure_python_steps(
                dataset, keys, loader.collate_fn, subject.batch_size or 1, 0.2 * seconds
            )
            made.steps = self.python.as_steps()
        if subject.tier in ("processes", "threads"):
            counts = thread_counts(max(1, int(usable_cores())), loader.num_workers)
            made.scaling = measure_process_scaling(subject, counts, 0.4 * seconds)
        if subject.tier == "processes":
            made.workers = measure_workers(subject, self.loop)

    def _wait_ns_per_sample(self) -> float:
        """Of making a sample in Python: neither at work nor waiting for a core."""
        if self.fetches.batches:
            batch = self.loop.samples / max(1, self.loop.batches)
            return self.fetches.wait_ns / self.fetches.batches / batch
        return self.python.wait_ns_per_sample() if self.python is not None else 0.0

    def _measure_first_workers(self, subject: TorchSubject) -> None:
        """What a loader without workers would give with some."""
        counts = thread_counts(max(1, int(usable_cores())), 1)
        try:
            self.profile.scaling = measure_process_scaling(subject, counts, 0.4 * self.seconds)
        except Exception as problem:  # whatever its data set raises in a worker
            said = (str(problem).strip().splitlines() or [type(problem).__name__])[-1]
            self.profile.notes.append(f"rates with worker processes were not measured: {said}")

    def _judge(self, alone: LoopTimes) -> None:
        made, subject = self.profile, self.subject
        per_sample = 1 / max(1, alone.samples)
        is_held = self.held_share > _HELD
        seen = Evidence(
            is_serial=subject.tier == "python" or (subject.tier == "threads" and is_held),
            is_held=is_held,
            wait_ns_per_sample=self._wait_ns_per_sample(),
            fetch_wall_ns=self.fetch_wall_ns,
            fetches=self.fetches,
            queued_share=min(1.0, alone.next_queued_ns / max(1, sum(alone.next_ns))),
        )
        if subject.tier == "processes":
            seen.handoff_ns_per_sample = alone.next_cpu_ns * per_sample
        if isinstance(subject, IterableSubject):
            waited = sum(alone.next_ns) - alone.next_cpu_ns - alone.next_queued_ns
            is_idle = alone.next_process_cpu_ns < 0.5 * sum(alone.next_ns)
            seen.wait_ns_per_sample = max(0, waited) * per_sample if is_idle else 0.0
        at_once = made.loader.threads or made.loader.workers or 1
        work_ns = sum(step.cpu_ns_per_sample for step in made.steps) * self.loop.samples
        seen.step_share = step_share(self.loop, at_once, usable_cores(), work_ns)
        made.verdict = judge(made, seen)

    def _crowded_share(self) -> float:
        """Of the time in which the loop's threads or workers wanted a core, that others had it.

        0 where there are more of them than cores: they may be those others themselves.
        """
        loader = self.profile.loader
        if (loader.threads or loader.workers or 1) > usable_cores():
            return 0.0
        threads, _ = thread_totals(self.loop_counters)
        threads = threads or self.profile.threads
        if threads:
            busy = sum(thread.busy_ns for thread in threads)
            return min(1.0, sum(thread.off_cpu_ns for thread in threads) / max(1, busy))
        return self.fetches.queued_share

    def _note_crowding(self) -> None:
        """Says so where the machine was busy with something else than this loader."""
        share = self._crowded_share()
        if share > _CROWDED:
            self.profile.notes.append(
                f"other work had the cores for {share:.0%} of the time in which loading wanted one: "
                "on a machine of its own it is faster"
            )


def step_share(loop: LoopTimes, at_once: int, cores: float, work_ns: float) -> float:
    """Of the time of a training loop, what its steps took; the rest is waiting for batches.

    Args:
        at_once: Threads or workers that load.
        cores: That may be used.
        work_ns: CPU time of all that was loaded.
    """
    # What the trainer's thread waited for a core is no wait for batches.
    asked_ns = max(0, sum(loop.next_ns) - loop.next_queued_ns)
    share = sum(loop.step_ns) / max(1, sum(loop.step_ns) + asked_ns)
    if at_once > cores:
        return share  # who waits for a core waits for the others of the same loader
    # Nor does loading starve the trainer where it is others who keep it from a core.
    asked_ns = max(0, asked_ns - loop.loader_queued_ns // at_once)
    step_ns = max(0, sum(loop.step_ns) - loop.step_queued_ns)
    fair = step_ns / max(1, step_ns + asked_ns, work_ns / at_once)  # the work itself is the least
    return fair if fair >= FED_SHARE else share


def _queue(name: str, fills: list[float], subject: Subject) -> Queue:
    ordered = sorted(fills)
    return Queue(
        name,
        "bytes" if name.startswith("bytes") else "batches",
        None,
        ordered[len(ordered) // 2],
        sum(fills) / len(fills),
        ordered[-1],
        sum(fill == 0 for fill in fills) / len(fills),
        len(fills),
    )


def _loop_step(name: str, times: LoopTimes) -> Step:
    """All that an unknown iterable does, as one step: its CPU time in this process."""
    cpu_ns = float(max(times.next_cpu_ns, times.next_process_cpu_ns))
    each = cpu_ns / max(1, times.samples)
    return Step(name, "python", times.batches, Quantiles(each, each, each), cpu_ns, each, 1.0)


def _some_keys(loader: Any, count: int) -> list[Any]:
    """Keys of samples as the sampler gives them, and not all of a large data set."""
    keys: list[Any] = []
    for each in loader.sampler if loader.batch_sampler is None else loader.batch_sampler:
        keys += [each] if loader.batch_sampler is None else list(each)
        if len(keys) >= count:
            break
    return keys
