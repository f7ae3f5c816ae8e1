"""Where the wall time of a loop went, and how much of it is explained."""

from __future__ import annotations

from typing import Any

from stoker.profiling.loop import LoopTimes
from stoker.profiling.python_steps import PythonTimes
from stoker.profiling.record import (
    MAX_EVENTS,
    Attribution,
    Event,
    Part,
    Profile,
    Quantiles,
    Step,
    Thread,
    Timeline,
)


def thread_totals(counters: list[dict[str, Any]]) -> tuple[list[Thread], list[Step]]:
    """Threads and steps of several runs of one loader, added up."""
    threads: list[Thread] = []
    steps: dict[tuple[str, str], list[dict[str, Any]]] = {}
    samples = 0
    for each in counters:
        samples += int(each["samples"])
        for place, times in enumerate(each["threads"]):
            if place == len(threads):
                threads.append(Thread(0, 0, 0, 0, 0, 0, 0))
            for name, value in times.items():
                setattr(threads[place], name, getattr(threads[place], name) + value)
        for step in each.get("steps", ()):
            steps.setdefault((step["name"], step["kind"]), []).append(step)
    whole = max(1, sum(step["cpu_ns"] for group in steps.values() for step in group))
    made = []
    for (name, kind), group in steps.items():
        total = sum(step["cpu_ns"] for step in group)
        main = max(group, key=lambda step: step["calls"])  # the quantiles of the longest run
        made.append(
            Step(
                name,
                kind,
                sum(step["calls"] for step in group),
                Quantiles(main["p50_ns"], main["p95_ns"], main["p99_ns"]),
                total,
                total / max(1, samples),
                total / whole,
                list(main["operators"]),
            )
        )
    return threads, made


def attribution(
    times: LoopTimes, counters: list[dict[str, Any]], made: Profile, python: PythonTimes | None
) -> Attribution:
    """The parts of the wall time of the trainer's thread; waiting counts as explained as far as what was
    waited for is."""
    wall_ns = max(1, times.wall_ns)
    if counters:
        waited = min(sum(times.next_ns), sum(int(each["consumer_wait_ns"]) for each in counters))
    elif made.loader.tier == "python":
        waited = sum(times.next_ns)
    else:
        waited = max(0, sum(times.next_ns) - times.next_cpu_ns)
    parts = {
        "start": times.start_ns,
        "waiting for batches" if made.loader.tier != "python" else "making batches": waited,
        "hand-off": max(0, sum(times.next_ns) - waited),
        "trainer": sum(times.step_ns),
    }
    rest = wall_ns - sum(parts.values())
    explained = wall_ns - max(0, rest) - waited * (1 - _explained_wait(times, counters, made, python))
    return Attribution(
        wall_ns,
        [Part(name, int(ns), ns / wall_ns) for name, ns in parts.items() if ns > 0],
        min(1.0, explained / wall_ns),
    )


def _explained_wait(
    times: LoopTimes, counters: list[dict[str, Any]], made: Profile, python: PythonTimes | None
) -> float:
    """The share of the loader's own time that its steps and waits account for."""
    if counters:
        threads, steps = thread_totals(counters)
        wall = sum(thread.wall_ns for thread in threads)
        if wall == 0:  # the work was done inside next()
            return min(1.0, sum(step.cpu_ns_total for step in steps) / max(1, times.next_cpu_ns))
        on_cpu = sum(thread.busy_ns - thread.off_cpu_ns for thread in threads)
        in_steps = sum(step.cpu_ns_total for step in steps if step.kind != "fetch")
        unknown = sum(thread.unattributed_ns for thread in threads) + max(0.0, on_cpu - in_steps)
        return 1 - unknown / wall
    if python is None or not python.samples:
        return 1.0
    cost = sum(step.cpu_ns_per_sample for step in made.steps) + python.wait_ns_per_sample()
    if made.loader.tier == "python":
        spent = sum(times.next_ns) - times.next_queued_ns
        return min(1.0, cost * times.samples / max(1, spent))
    return 1.0


def timeline(times: LoopTimes, traces: list[tuple[list[Any], int]]) -> Timeline:
    """What the trainer and the engine's threads did, on one clock."""
    events, dropped = list(times.events), 0
    for native, lost in traces:
        dropped += int(lost)
        for kind, thread, batch, begin_ns, end_ns in native:
            if kind == "take":
                continue  # the trainer's own event says it
            name = f"{'io' if kind == 'fetch' else 'cpu'} {thread}"
            begin, end = begin_ns - times.begin_ns, end_ns - times.begin_ns
            if end > 0:
                events.append(Event(name, kind, None if batch < 0 else batch, max(0, begin), end))
    events.sort(key=lambda event: event.begin_ns)
    dropped += max(0, len(events) - MAX_EVENTS)
    return Timeline(times.wall_ns, events[:MAX_EVENTS], dropped)
