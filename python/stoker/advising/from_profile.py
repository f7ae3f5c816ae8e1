"""Advice from a profile alone: threads, or workers of torch's process loaders; nothing is packed on trial."""

from __future__ import annotations

from typing import Any

from stoker import _native
from stoker.advising.advice import Advice, LoadingPlan
from stoker.machine.cores import usable_cores
from stoker.profiling import Profile

# The slowest samples in a hundred, where the profile has no quantiles: times the mean.
_SLOW = 3.0


def advise_profile(profile: Profile, *, epochs: int, jobs: int, memory_bytes: int | None) -> Advice:
    """The best number of threads or workers, and how far ahead they should work.

    Raises:
        ValueError: The profile holds no scaling curve.
    """
    scaling = profile.scaling
    if scaling is None or not scaling.points:
        raise ValueError(
            "advise: the profile has no rates by threads; profile a stoker.Loader or a torch DataLoader."
        )
    cores = usable_cores()
    points = [(max(1, point.threads), point.samples_per_s) for point in scaling.points]
    curve = _native.fit_scaling(points, cores)
    processes = scaling.unit == "processes"
    now = (profile.loader.workers if processes else profile.loader.threads) or 0
    most = max(1, int(cores + 1e-9), now)
    batch_size = profile.loader.batch_size or 1
    sample_ms = 1e3 / curve.rate_one
    p99_ms = sum(step.cpu_ns.p99 for step in profile.steps) / 1e6 or _SLOW * sample_ms
    situation: dict[str, Any] = {
        "epochs": epochs,
        "jobs": jobs,
        "samples": profile.samples.dataset_count or profile.samples.measured_count or 1,
        "cores": cores,
        "most_threads": most,
        "threads": max(1, now),
        "prefetch": profile.loader.prefetch_batches or 2,
        "batch_size": batch_size,
        "batch_bytes": (profile.samples.batch_bytes_per_sample or 0.0) * batch_size,
        "trainer_rate": 0.0 if profile.trainer is None else profile.trainer.samples_per_s,
        "memory_bytes": memory_bytes,
        "cache_bytes": 1e18,
    }
    forms = [{"form": "as-is", "warm": curve, "p99_ms": p99_ms, "cpu_ms": sample_ms}]
    choice = _native.choose_plan(situation, forms)
    plans = [
        LoadingPlan(form="as-is", cut=0, variants=1, operators_done=[], messages=[], accept="", **_plan(each))
        for each in choice["plans"]
    ]
    advice = Advice(plans, choice["chosen"], choice["is_fed"], "", situation, forms=forms)
    advice.findings = [profile.verdict.sentence] if profile.verdict.sentence else []
    if processes:
        workers = _native.choose_workers(
            curve, situation["trainer_rate"], most, batch_size, sample_ms, p99_ms
        )
        advice.workers = {"now": now, **workers}
        if workers["workers"] in (now, max(1, now)) or advice.is_fed:
            advice.chosen = 0
        else:
            advice.chosen = next(
                number for number, plan in enumerate(plans) if plan.threads == workers["workers"]
            )
    advice.why = _why(advice)
    return advice


def _plan(predicted: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in predicted.items() if name != "form"}


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
