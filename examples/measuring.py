"""How the examples measure: ways of doing one job take turns, and what counts are ratios within a round."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import stoker


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def take_turns(ways: Mapping[str, Callable[[], int]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Runs each way once to warm up, then `rounds` times in turn.

    Args:
        ways: By name, the first being "before"; each runs one epoch and returns its number of samples.
        rounds: How often each is measured.

    Returns:
        By name (wall seconds of an epoch, CPU milliseconds a sample) of each round.
    """
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, run in ways.items():
            cpu, start = cpu_seconds(), time.perf_counter()
            samples = run()
            wall, cpu = time.perf_counter() - start, cpu_seconds() - cpu
            if number > 0:
                measured[name].append((wall, cpu / samples * 1e3))
    return measured


def show(title: str, measured: Mapping[str, list[tuple[float, float]]]) -> dict[str, float]:
    """Prints medians, quartiles and ratios to the first way; returns the ratio of CPU time by name."""
    first = next(iter(measured))
    print(f"\n{title}")
    print(f"{'':44}{'epoch, s':>26}{'ratio':>7}{'CPU ms/sample':>32}{'ratio':>7}")
    ratios = {}
    for name, rounds in measured.items():
        wall, cpu = ([each[which] for each in rounds] for which in (0, 1))
        against = list(zip(rounds, measured[first], strict=True))
        wall_ratio, cpu_ratio = (
            statistics.median(own[which] / other[which] for own, other in against) for which in (0, 1)
        )
        ratios[name] = cpu_ratio
        print(f"{name:44}{spread(wall):>26}{ratio(wall_ratio):>7}{spread(cpu):>32}{ratio(cpu_ratio):>7}")
    return ratios


def show_bounds(loops: Mapping[str, tuple[Any, Callable[[Any], Any] | None]], seconds: float) -> None:
    """Prints what bounds each loop, by `stoker.profile`.

    Args:
        loops: By name, a loader and what is done with each of its batches (None: nothing).
        seconds: For each.
    """
    print("\nwhat bounds it, by stoker.profile")
    for name, (loader, step) in loops.items():
        print(f"{name:44}{stoker.profile(loader, step=step, seconds=seconds).verdict.sentence}")


def spread(values: list[float]) -> str:
    """Median [lower quartile, upper quartile]."""
    low, middle, high = statistics.quantiles(values * 2, n=4, method="inclusive")
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def ratio(value: float) -> str:
    """Two digits that count, or more."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
