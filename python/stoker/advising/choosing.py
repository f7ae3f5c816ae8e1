"""`stoker.advise`: trials of what could be done, predictions for all of the data, and a choice."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from stoker import _native
from stoker.advising.advice import Advice, LoadingPlan, Step
from stoker.advising.forms import Cuts, StoredForm, legal_cuts, stored_forms
from stoker.advising.from_profile import advise_profile
from stoker.advising.subset import spread_by_size, subset
from stoker.advising.text import duration, size
from stoker.advising.timing import run_epoch
from stoker.advising.trials import ROUNDS, Trial, Trials
from stoker.loader import Loader, check_count
from stoker.machine.cores import usable_cores
from stoker.machine.storage import write_rate
from stoker.packing.steps import described, shown
from stoker.profiling import Profile, profile
from stoker.profiling.batches import bytes_of
from stoker.profiling.demand import Demand, measure_demand

ACCEPTED = ("jpeg", "variants")

# Samples of a trial, at least and at most, and what is aimed at for each timed epoch.
_FEWEST, _MOST, _EPOCH_S = 48, 512, 0.5
_PROBED = 16

# For the measurement of the trainer alone.
_KEPT_BATCHES = 4

# Of what the trial takes, beside timed epochs: packing each form.
_SECONDS = 60.0


def advise(
    loader: Any,
    step: Step | None = None,
    *,
    epochs: int = 10,
    jobs: int = 1,
    disk_bytes: int | None = None,
    memory_bytes: int | None = None,
    preparation_s: float | None = None,
    cache_bytes: int | None = None,
    accept: Sequence[str] = (),
    folder: str | os.PathLike[str] | None = None,
    seconds: float = _SECONDS,
) -> Advice:
    """Finds out what to change so that training waits less, or that nothing needs to be changed.

    Some of the samples are packed in every form that is legal (operators are cut before the first that draws,
    which is declared by the operators and checked with two seeds), and loaded with several thread counts,
    warm and cold. From that it predicts rate, step time, preparation, disk and memory of every plan for all
    samples, and takes the one whose preparation / jobs + epochs is quickest within the limits: the
    simplest one within 5 % of it, and none if the trainer gets at least 95 % of what it can take.

    Args:
        loader: A `stoker.Loader`, which is not iterated, only copied; a `step` sees some of its batches. Or a
            DataLoader, torch's or the drop-in, or a `stoker.Profile`, from which the number of workers and
            their `prefetch_factor`, or of threads where stoker works, follow and nothing else.
        step: Called with a batch, one training step; without it loading as fast as possible is the aim.
        epochs: Still to come.
        jobs: Trainings that will use the prepared data.
        disk_bytes, memory_bytes: Limits; None for the free disk space of `folder`, and no limit.
        preparation_s: Limit of preparation, in seconds.
        cache_bytes: Page cache that the data may fill between epochs; None for what is free now.
        accept: "jpeg" and "variants" let plans be chosen that change what is trained on.
        folder: For the trials, on the disk that would hold the data; the system's temporary folder if None.
        seconds: Aimed at for all measuring.

    Raises:
        ValueError, TypeError: A wrong argument.
        stoker.SampleError: Too many of the samples cannot be decoded.
        OSError: The folder cannot be written to, or files cannot be read.
    """
    start = time.perf_counter()
    _check_numbers(
        seconds=seconds,
        disk_bytes=disk_bytes,
        memory_bytes=memory_bytes,
        preparation_s=preparation_s,
        cache_bytes=cache_bytes,
    )
    limits = {
        "epochs": check_count("advise: epochs", epochs, 1, 10**9),
        "jobs": check_count("advise: jobs", jobs, 1, 10**6),
    }
    packing = {
        "disk_bytes": disk_bytes,
        "preparation_s": preparation_s,
        "cache_bytes": cache_bytes,
        "accept": accept or None,
        "folder": folder,
    }
    _check(loader, step, accept)
    if not isinstance(loader, Loader):
        _refuse(packing, loader)
        made = loader if isinstance(loader, Profile) else profile(loader, step, min(600.0, max(1.0, seconds)))
        advice = advise_profile(made, memory_bytes=memory_bytes, **limits)
        advice.loader = None if made is loader else loader
        advice.step = step
        advice.measured_s = time.perf_counter() - start
        return advice
    most = most_threads()
    findings: list[str] = []
    with tempfile.TemporaryDirectory(prefix="stoker-advise-", dir=folder) as scratch:
        cuts = _cuts(loader)
        findings += cuts.findings
        forms = stored_forms(loader, cuts, epochs)
        threads = thread_counts(most)
        count = _count(loader, forms, threads, seconds, findings)
        samples = subset(loader.source, spread_by_size(loader.source, count))
        demand = _demand(loader, step, min(3.0, seconds / 10)) if step is not None else Demand()
        trials = Trials(loader, samples, scratch, threads, measures_cold=True)
        try:
            tried = [trials.pack(form, number) for number, form in enumerate(forms)]
            trials.measure(tried)
        finally:
            trials.close()
        write_bytes_per_s = write_rate(scratch)
        free_bytes = _free_bytes(scratch)
    findings += [
        f"form {trial.form.form!r} cannot be made: {trial.failure}" for trial in tried if trial.failure
    ]
    situation: dict[str, Any] = {
        **limits,
        "samples": len(loader.source),
        "cores": usable_cores(),
        "most_threads": most,
        "threads": max(1, loader.threads),
        "prefetch": loader.prefetch,
        "batch_size": loader.batch_size,
        "batch_bytes": demand.batch_bytes or _batch_bytes(loader),
        "trainer_rate": demand.samples_per_s,
        "trainer_cpu_ms": demand.cpu_ms,
        "write_bytes_per_s": write_bytes_per_s,
        "cache_bytes": _free_memory() if cache_bytes is None else cache_bytes,
        "is_cold": False,
        "disk_bytes": free_bytes if disk_bytes is None else disk_bytes,
        "memory_bytes": memory_bytes,
        "preparation_s": preparation_s,
    }
    measured = [_measured_form(trial, situation["cores"], accept) for trial in tried if not trial.failure]
    advice = _advice(loader, measured, [trial for trial in tried if not trial.failure], situation)
    advice.findings = findings
    advice.step = step
    advice.measured_s = time.perf_counter() - start
    return advice


def _check(loader: Any, step: Any, accept: Any) -> None:
    if not isinstance(loader, (Loader, Profile)) and not _is_torch_loader(loader):
        raise TypeError(
            "advise: loader must be a stoker.Loader, a DataLoader or a stoker.Profile of one, got "
            f"{loader!r}; of any other iterable stoker.profile says what bounds it."
        )
    if step is not None and not callable(step):
        raise TypeError(f"advise: step must be a function of one batch, got {step!r}.")
    if isinstance(accept, str) or any(each not in ACCEPTED for each in accept):
        raise ValueError(
            f"advise: accept must be a list of {', '.join(map(repr, ACCEPTED))}, got {accept!r}."
        )
    if isinstance(loader, Loader) and len(loader) == 0:
        raise ValueError(
            f"advise: the loader gives no batch: {len(loader.source)} samples, "
            f"batch_size={loader.batch_size}, drop_last={loader.drop_last}, "
            f"world_size={loader.world_size}; make batches smaller."
        )


def _check_numbers(**given: Any) -> None:
    for name, value in given.items():
        if value is None and name != "seconds":
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"advise: {name} must be a number, got {value!r}.")
        if not 0 <= value < float("inf"):
            raise ValueError(f"advise: {name} must be 0 or more and finite, got {value!r}.")


def _is_torch_loader(loader: Any) -> bool:
    data = sys.modules.get("torch.utils.data")
    return data is not None and isinstance(loader, data.DataLoader)


def _refuse(packing: dict[str, Any], loader: Any) -> None:
    """What is about packing, where nothing can be packed."""
    for name, value in packing.items():
        if value is not None:
            raise ValueError(
                f"advise: {name}={value!r} is for plans that pack, which are made for a stoker.Loader; "
                f"got a {type(loader).__name__}. Leave it out."
            )


def most_threads() -> int:
    return max(1, int(usable_cores() + 1e-9))


def thread_counts(most: int) -> list[int]:
    """1, 2, 4, ... and `most`."""
    counts = [2**power for power in range(most.bit_length()) if 2**power < most]
    return [*counts, most]


def _cuts(loader: Loader) -> Cuts:
    if loader.source.part is not None:
        return Cuts([0])
    return legal_cuts(loader, subset(loader.source, spread_by_size(loader.source, 8)))


def _count(
    loader: Loader,
    forms: Sequence[StoredForm],
    threads: Sequence[int],
    seconds: float,
    findings: list[str],
) -> int:
    """Samples of a trial for which it takes about `seconds` in all; SampleError if none can be loaded."""
    few = subset(loader.source, spread_by_size(loader.source, _PROBED))
    probe = loader.made_with(
        few, threads=1, batch_size=_PROBED, on_error="skip", max_bad=len(few), drop_last=False
    )
    with probe:
        probe.prepares_next_epoch = False
        run_epoch(probe, _PROBED)
        timing = run_epoch(probe, _PROBED)
        bad = probe.bad_samples()
    if not timing.samples:
        with loader.made_with(
            few, threads=1, batch_size=_PROBED, on_error="raise", drop_last=False
        ) as failing:
            next(iter(failing))  # says of each what is wrong
    if bad:
        findings.append(
            f"{len({each['index'] for each in bad})} of {len(few)} samples cannot be loaded, such as "
            f"{bad[0]['path'] or bad[0]['index']}: {bad[0]['found']}"
        )
    each = max(1e-6, timing.wall_s / max(1, timing.samples))
    # Packing takes as long as an epoch and more, and no form is slower to load than as it is, by much.
    epochs = len(forms) * (2 * ROUNDS * sum(1 / count for count in threads) + 2)
    return int(min(_MOST, max(_FEWEST, min(seconds / epochs, _EPOCH_S) / each)))


def _demand(loader: Loader, step: Step, seconds: float) -> Demand:
    with loader.made_with() as copy:
        batches = [batch for batch, _ in zip(copy, range(_KEPT_BATCHES), strict=False)]
    return measure_demand(step, batches, seconds, loader.batch_size)


def _batch_bytes(loader: Loader) -> float:
    probe = loader.made_with(
        subset(loader.source, [0]), threads=1, batch_size=1, on_error="skip", max_bad=1, shapes="dense"
    )
    with probe:
        for batch in probe:
            return float(bytes_of(batch)) * loader.batch_size
    return 0.0


def _measured_form(trial: Trial, cores: float, accept: Sequence[str]) -> dict[str, Any]:
    form, warm = trial.form, trial.curve(cores)
    mean_ms = 1e3 / warm.rate_one
    return {
        "form": form.form,
        "cut": form.cut,
        "variants": form.variants,
        "bytes": trial.bytes,
        "pack_cpu_ms": trial.pack_cpu_ms,
        "warm": warm,
        "cold": trial.curve(cores, is_cold=True),
        "cpu_ms": trial.cpu_ms,
        "p99_ms": 3 * mean_ms,
        "read_bytes": trial.read_bytes,
        "needs_consent": form.needs_consent,
        "has_consent": form.consent in accept,
    }


def _advice(
    loader: Loader, forms: list[dict[str, Any]], trials: Sequence[Trial], situation: dict[str, Any]
) -> Advice:
    choice = _native.choose_plan(situation, forms)
    written = [shown(described(each)) for each in loader.operators]
    plans = []
    for predicted in choice["plans"]:
        form = trials[predicted.pop("form")].form
        plans.append(
            LoadingPlan(
                form=form.form,
                cut=form.cut,
                variants=form.variants,
                operators_done=written[: form.cut],
                messages=list(form.messages),
                accept=form.consent if form.needs_consent else "",
                **predicted,
            )
        )
    advice = Advice(plans, choice["chosen"], choice["is_fed"], "", situation, forms=forms, loader=loader)
    advice.why = _why(advice)
    return advice


def _why(advice: Advice) -> str:
    now, plan, situation = advice.plans[0], advice.plan, advice.situation
    epochs = f"{situation['epochs']} epoch{'s' if situation['epochs'] > 1 else ''}"
    if advice.is_fed:
        share = now.rate / situation["trainer_rate"]
        return (
            f"Do nothing: the trainer takes {situation['trainer_rate']:.0f} samples/s and gets {share:.0%} "
            "of that."
        )
    if advice.does_nothing:
        return f"Do nothing: no plan saves more than 5 % of the {duration(now.total_s)} of {epochs}."
    text = (
        f"Load with {plan}: {epochs} take {duration(plan.total_s)} instead of {duration(now.total_s)} "
        f"({now.total_s / plan.total_s:.1f} x)"
    )
    if plan.is_prepared:
        text += f", of them {duration(plan.preparation_s)} to pack {size(plan.disk_bytes)}"
    if plan.break_even_epochs is not None:
        text += f"; it pays from {plan.break_even_epochs:.1f} epochs on"
    return text + "."


def _free_bytes(folder: str) -> int:
    state = os.statvfs(folder)
    return state.f_frsize * state.f_bavail


def _free_memory() -> float:
    """Memory that the page cache could fill, in bytes; without limit where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":") for line in file)
        return float(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 1e18
