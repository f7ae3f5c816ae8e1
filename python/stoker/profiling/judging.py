"""From the numbers of a profile to its verdict: the engine's advisor judges, this says it to people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stoker import _native
from stoker.machine.cores import usable_cores
from stoker.profiling.fetch_clocks import FetchTimes
from stoker.profiling.record import Ceiling, Profile, Step, Verdict

# Steps of a profile as the advisor knows them.
_KINDS = {
    "fetch": "fetch",
    "decode": "decode",
    "draw": "operator",
    "operator": "operator",
    "fused": "operator",
    "mask": "operator",
    "rows": "operator",
    "store": "store",
    "python": "python",
    "collate": "python",
    "pickle": "hand-off",
    "hand-off": "hand-off",
}

# The trainer is fed above this share of its own rate, as the engine's advisor has it.
FED_SHARE = 0.95

_REMEDIES = {
    "trainer": "Loading is fast enough: leave it as it is.",
    "storage": "Fewer and larger files (stoker pack) or a faster disk; stoker.advise says what it gives.",
    "decode": "Store less to decode: stoker.advise says what a packed, smaller or raw form would give.",
    "operator": "Do it once instead of in every epoch (stoker.pack), or choose a cheaper operator.",
    "store": "A smaller dtype, such as dtype='uint8', and the cast on the device.",
    "python": "Use native transforms (the drop-in's explain() says what is not), or worker processes.",
    "hand-off": "Batches are copied or pickled: the native loader hands them over without.",
    "threads": "Use fewer: threads='auto' finds how many.",
    "unknown": "",
}


@dataclass
class Evidence:
    """What the loops have shown beside the numbers that a profile keeps.

    Attributes:
        is_serial: One sample at a time, whatever the threads or workers.
        is_held: The interpreter is held for much of the time: what the user wrote in Python is the bound.
        wait_ns_per_sample: Off a CPU in the steps of one sample, waiting for something else than a core.
        handoff_ns_per_sample: What the trainer's own thread spends on each sample beside its step.
        fetch_wall_ns: In which the I/O threads were reading, added up, in the time of `profile.threads`.
        fetches: Of worker processes, where they told it.
        step_share: Of the wall time of the loop, what the trainer's step took.
        queued_share: Of the time that batches were waited for, the part in which the waiting thread only
            wanted a core.
    """

    is_serial: bool = False
    is_held: bool = False
    wait_ns_per_sample: float = 0.0
    handoff_ns_per_sample: float = 0.0
    fetch_wall_ns: int = 0
    fetches: FetchTimes = field(default_factory=FetchTimes)
    step_share: float = 0.0
    queued_share: float = 0.0


def judge(profile: Profile, seen: Evidence) -> Verdict:
    """The verdict on a profile that is complete but for it."""
    loader = profile.loader

    def kind_of(step: Step) -> str:
        if step.kind in ("python", "operator") and not seen.is_serial:
            return "operator"  # each worker has an interpreter of its own
        return "python" if seen.is_held and step.kind == "operator" else _KINDS.get(step.kind, "operator")

    steps = [
        {
            "name": step.name,
            "kind": kind_of(step),
            "cpu_ms": step.cpu_ns_per_sample / 1e6,
            "is_serial": seen.is_serial,
        }
        for step in profile.steps
        if step.cpu_ns_per_sample > 0
    ]
    if seen.handoff_ns_per_sample > 0:
        cpu_ms = seen.handoff_ns_per_sample / 1e6
        steps.append({"name": "hand-off", "kind": "hand-off", "cpu_ms": cpu_ms, "is_serial": True})
    wait_ns = seen.wait_ns_per_sample
    at_once = max(1, loader.threads or loader.workers or 1)
    measured: dict[str, Any] = {
        "steps": steps,
        "threads": at_once,
        "cores": usable_cores(),
        "loader_rate": profile.loading_samples_per_s or profile.samples_per_s,
        "storage_rate": at_once * 1e9 / wait_ns if wait_ns > 0 else 0.0,
    }
    if profile.trainer is not None:
        # As it was in the loop itself: what was seen at another moment may differ by what else ran then.
        in_loop = profile.samples_per_s / seen.step_share if seen.step_share > 0 else 0.0
        measured["trainer_rate"] = in_loop or profile.trainer.samples_per_s
        measured["training_rate"] = profile.samples_per_s
    if profile.scaling is not None:
        measured["scaling"] = [
            [float(p.threads), p.samples_per_s] for p in profile.scaling.points if p.samples_per_s > 0
        ]
    if profile.threads:
        measured["shares"] = thread_shares(profile, seen.fetch_wall_ns, seen.queued_share)
    elif loader.tier == "processes" and seen.fetches.batches:
        measured["shares"] = worker_shares(seen.fetches)
    try:
        found = _native.judge(measured)
    except ValueError as problem:
        return Verdict(
            "unknown", f"What bounds it cannot be told: {problem}", 0.0, rate=profile.samples_per_s
        )
    return Verdict(
        found["bound"],
        found["sentence"],
        found["gain"],
        found["name"],
        found["rate"],
        found["best_rate"],
        found["step_share"],
        [Ceiling(**each) for each in found["ceilings"]],
        _REMEDIES[found["bound"]],
    )


def thread_shares(profile: Profile, fetch_wall_ns: int, queued_share: float) -> dict[str, float]:
    """Of the wall time of all threads that were not parked.

    A thread that waits for bytes while nobody reads waits for an I/O thread to get a core, which storage has
    no part in: starving counts as far as there was reading.
    """
    whole = max(1, sum(thread.wall_ns - thread.parked_ns for thread in profile.threads))
    shares = {
        name: sum(getattr(thread, f"{name}_ns") for thread in profile.threads) / whole
        for name in ("busy", "starved", "blocked", "off_cpu")
    }
    shares["starved"] = min(shares["starved"], len(profile.threads) * fetch_wall_ns / whole)
    # Threads that are blocked because the taker of the batches finds no core are not slowed by a hand-off;
    # where there are more of them than cores, it is they who hold it up.
    crowded = min(shares["blocked"], queued_share)
    shares["blocked"] -= crowded
    if len(profile.threads) > usable_cores():
        shares["busy"] += crowded
        shares["off_cpu"] += crowded
    return shares


def worker_shares(fetches: FetchTimes) -> dict[str, float]:
    """Of the time in which worker processes make batches, were cores there whenever they want one.

    A worker reads and works by turns, so that it is starved only where it waits for longer than it works.
    """
    whole = max(1, fetches.cpu_ns + fetches.wait_ns)
    busy, waiting = fetches.cpu_ns / whole, fetches.wait_ns / whole
    return {
        "busy": busy,
        "starved": waiting if waiting > busy else 0.0,
        "blocked": 0.0,
        "off_cpu": busy * fetches.queued_share,
    }
