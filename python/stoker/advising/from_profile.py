"""Advice from a profile alone: threads, or workers of torch's process loaders; nothing is packed on trial."""

from __future__ import annotations

import dataclasses
from typing import Any

from stoker import _native
from stoker.advising.advice import Advice, LoadingPlan
from stoker.machine.cores import usable_cores
from stoker.profiling import Profile
from stoker.profiling.record import Point, Scaling

# The slowest samples in a hundred, where the profile has no quantiles: times the mean.
_SLOW = 3.0

# A trainer that gets so much of what it can take is fed.
_FED_SHARE = 0.95

# Starting workers is worth a word when an epoch is longer by this.
_START_SHARE = 0.05

# Other workers are worth it when they save this share of the time.
_GAIN = 0.05


def advise_profile(profile: Profile, *, epochs: int, jobs: int, memory_bytes: int | None) -> Advice:
    """The best number of threads or workers, and how far ahead they should work.

    Raises:
        ValueError: The profile holds no scaling curve.
    """
    scaling, loader, trainer = profile.scaling, profile.loader, profile.trainer
    is_gathered = scaling is None and loader.tier == "native"  # whole batches, from memory: nothing to choose
    if is_gathered:
        alone = profile.loading_samples_per_s or profile.samples_per_s
        scaling = Scaling("threads", [Point(1, alone, None, 1, 1)])
    if scaling is None or not scaling.points:
        raise ValueError(
            "advise: the profile has no rates by threads or workers; it takes a stoker.Loader or a "
            "DataLoader over a data set that has a length and that workers can load "
            f"({'; '.join(profile.notes)})."
        )
    cores = usable_cores()
    points = [(max(1, point.threads), point.samples_per_s) for point in scaling.points]
    curve = _native.fit_scaling(points, cores)
    now = (loader.workers if loader.threads is None else loader.threads) or 0
    most = 1 if is_gathered else max(1, int(cores + 1e-9), now)
    batch_size = loader.batch_size or 1
    sample_ms = 1e3 / curve.rate_one
    p99_ms = sum(step.cpu_ns.p99 for step in profile.steps) / 1e6 or _SLOW * sample_ms
    situation: dict[str, Any] = {
        "epochs": epochs,
        "jobs": jobs,
        "samples": profile.samples.dataset_count or profile.samples.measured_count or 1,
        "cores": cores,
        "most_threads": most,
        "threads": max(1, now),
        "prefetch": loader.prefetch_batches or 2,
        "batch_size": batch_size,
        "batch_bytes": (profile.samples.batch_bytes_per_sample or 0.0) * batch_size,
        "trainer_rate": 0.0 if trainer is None else trainer.samples_per_s,
        "trainer_cpu_ms": 0.0 if trainer is None else (trainer.cpu_ns_per_sample or 0.0) / 1e6,
        "memory_bytes": memory_bytes,
        "cache_bytes": 1e18,
    }
    forms = [{"form": "as-is", "cut": 0, "variants": 1, "warm": curve, "p99_ms": p99_ms, "cpu_ms": sample_ms}]
    choice = _native.choose_plan(situation, forms)
    unit = "worker" if scaling.unit == "processes" or loader.tier == "threads" else "thread"
    plans = [_plan(each, unit) for each in choice["plans"]]
    if unit == "worker":
        for plan in plans:  # each holds batches of its own; there is no stock of bytes read ahead
            plan.memory_bytes = max(plan.prefetch, 2 * plan.threads) * situation["batch_bytes"]
    advice = Advice(plans, choice["chosen"], choice["is_fed"], "", situation, forms=forms)
    advice.findings = [profile.verdict.sentence] if profile.verdict.sentence else []
    if now == 0 and not is_gathered:
        _put_first(advice, profile)
    if unit == "worker":
        _choose_workers(advice, curve, now, sample_ms, p99_ms)
        _mind_starts(advice, profile)
    advice.why = _why(advice)
    return advice


def _plan(predicted: dict[str, Any], unit: str) -> LoadingPlan:
    numbers = {name: value for name, value in predicted.items() if name != "form"}
    return LoadingPlan(
        form="as-is", cut=0, variants=1, operators_done=[], messages=[], accept="", unit=unit, **numbers
    )


def _put_first(advice: Advice, profile: Profile) -> None:
    """The plan without workers or threads, where loading and training wait for each other."""
    situation, demand = advice.situation, advice.situation["trainer_rate"]
    alone = profile.loading_samples_per_s or profile.samples_per_s
    rate = 1 / (1 / alone + 1 / demand) if demand else alone
    now = dataclasses.replace(
        advice.plans[0],
        threads=0,
        prefetch=1,
        rate=rate,
        loader_rate=alone,
        step_ms=1e3 * situation["batch_size"] / rate,
        total_s=situation["epochs"] * situation["samples"] / rate,
        memory_bytes=situation["batch_bytes"],
    )
    advice.plans.insert(0, now)
    advice.is_fed = demand > 0 and rate >= _FED_SHARE * demand
    best = min(plan.total_s for plan in advice.plans)
    near = [plan for plan in advice.plans if plan.total_s <= (1 + _GAIN) * best]
    advice.chosen = 0 if advice.is_fed else advice.plans.index(min(near, key=lambda plan: plan.threads))


def _choose_workers(advice: Advice, curve: Any, now: int, sample_ms: float, p99_ms: float) -> None:
    situation = advice.situation
    # What trainer and workers can do on the cores that they share is all that is asked of the workers.
    reached = max(plan.rate for plan in advice.plans)
    workers = _native.choose_workers(
        curve,
        min(situation["trainer_rate"], reached),
        situation["most_threads"],
        situation["batch_size"],
        sample_ms,
        p99_ms,
    )
    number = next(number for number, plan in enumerate(advice.plans) if plan.threads == workers["workers"])
    gains = advice.plans[number].total_s < (1 - _GAIN) * advice.plans[0].total_s
    advice.chosen = number if gains and not advice.is_fed else 0
    workers["rate"] = advice.plans[number].rate
    advice.workers = {"now": now, **workers}


def _mind_starts(advice: Advice, profile: Profile) -> None:
    """Starting the workers of every epoch anew may take longer than they save."""
    start_ns = 0 if profile.workers is None else profile.workers.startup_ns
    epoch_s = advice.situation["samples"] / advice.plan.rate
    if start_ns > _START_SHARE * epoch_s * 1e9:
        advice.findings.append(
            f"starting the workers takes {start_ns / 1e9:.1f} s of every epoch of {epoch_s:.1f} s: "
            "persistent_workers=True starts them once"
        )


def _why(advice: Advice) -> str:
    now, plan, demand = advice.plans[0], advice.plan, advice.situation["trainer_rate"]
    if advice.is_fed:
        return (
            f"Do nothing: the trainer takes {demand:.0f} samples/s and gets {now.rate / demand:.0%} of that."
        )
    workers = advice.workers
    if workers is not None and not advice.does_nothing:
        return (
            f"Use num_workers={workers['workers']} and prefetch_factor={workers['prefetch_factor']}: "
            f"{workers['rate']:.0f} samples/s instead of {now.rate:.0f} with num_workers={workers['now']}."
        )
    if advice.does_nothing:
        return (
            f"Do nothing: no other number of threads or workers gives 5 % more than {now.rate:.0f} samples/s."
        )
    return f"Use {plan.threads} threads: {plan.rate:.0f} samples/s instead of {now.rate:.0f}."
