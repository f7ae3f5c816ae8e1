"""Is one loader faster than another? Measured in turns, so that what else the machine does meets both."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stoker.machine.clocks import cpu_seconds
from stoker.profiling.environment import environment, now
from stoker.profiling.loop import run_loop
from stoker.profiling.subjects import Subject, subject_of

# Ratios this near to 1 say nothing.
NOISE = 0.02

FORMAT = "stoker-comparison-1"


@dataclass
class Quartiles:
    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} [{self.low:.3g}, {self.high:.3g}]"


def quartiles(values: Sequence[float]) -> Quartiles:
    if len(values) == 1:
        return Quartiles(values[0], values[0], values[0])
    return Quartiles(*statistics.quantiles(values, n=4, method="inclusive"))


def answer_of(ratios: Sequence[float], more_is_better: bool = True, noise: float = NOISE) -> str:
    """ "faster", "slower" or "cannot tell", of ratios new / old within rounds.

    Both quartiles must lie on one side of 1, further away than `noise`.
    """
    spread = quartiles(ratios)
    if spread.low > 1 + noise:
        return "faster" if more_is_better else "slower"
    if spread.high < 1 - noise:
        return "slower" if more_is_better else "faster"
    return "cannot tell"


@dataclass
class Comparison:
    """Loader b against loader a."""

    answer: str  # of the warm rounds: "faster", "slower" or "cannot tell"
    ratio: Quartiles  # rate of b / rate of a, within rounds
    a_samples_per_s: Quartiles
    b_samples_per_s: Quartiles
    cpu_answer: str  # the same of CPU time a sample
    cpu_ratio: Quartiles
    rounds: int
    cold_answer: str | None = None  # None: the files are not known, or cannot be put out of the cache
    cold_ratio: Quartiles | None = None
    names: tuple[str, str] = ("a", "b")
    made_at: str = ""
    environment: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    def append_to(self, path: str | os.PathLike[str]) -> None:
        """Adds it as one line of JSON, with the machine and the versions; OSError where that fails."""
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(self.to_dict()) + "\n")

    def __str__(self) -> str:
        a, b = self.names
        lines = [
            f"{b} is {_said(self.answer, a)}: {self.ratio} times its rate, "
            f"median and quartiles of {self.rounds} rounds",
            f"  samples/s: {a} {self.a_samples_per_s}, {b} {self.b_samples_per_s}",
            f"  CPU time a sample: {self.cpu_ratio} times, {self.cpu_answer}",
        ]
        if self.cold_ratio is not None:
            lines.append(f"  files cold: {self.cold_ratio} times, {self.cold_answer}")
        return "\n".join(lines)


def _said(answer: str, other: str) -> str:
    return f"{answer} than {other}" if answer != "cannot tell" else f"neither faster nor slower than {other}"


def compare(
    a: Any,
    b: Any,
    *,
    seconds: float = 20.0,
    rounds: int = 7,
    names: tuple[str, str] = ("a", "b"),
    history: str | os.PathLike[str] | None = None,
) -> Comparison:
    """Whether loader `b` is faster than loader `a`, or nobody can tell.

    They take turns, each first in every other round, and are judged by the ratios within rounds. Both are
    left as they were, as with `stoker.profile`.

    Args:
        a, b: Loaders, of any kinds that `stoker.profile` takes but an iterator that can be used only once.
        seconds: About how long to measure in all, 1 to 3600.
        rounds: Turns of each, 3 to 1000.
        names: What to call them.
        history: A file to which the result is added as a line of JSON.

    Raises:
        TypeError: One of them cannot be iterated over, or only once.
        ValueError: A number is out of range, or a loader gives no batch.
        OSError: `history` cannot be written.
    """
    if not 1 <= seconds <= 3600:
        raise ValueError(f"compare: seconds must be from 1 to 3600, got {seconds!r}.")
    if not 3 <= rounds <= 1000:
        raise ValueError(f"compare: rounds must be from 3 to 1000, got {rounds!r}.")
    subjects = [subject_of(a), subject_of(b)]
    try:
        for name, subject in zip(names, subjects, strict=True):
            if not subject.is_repeatable:
                raise TypeError(f"compare: {name} can be iterated over only once; give a loader.")
        made = _Measured(subjects, seconds / (2 * (rounds + 1))).compare(rounds, names)
    finally:
        for subject in subjects:
            subject.close()
    if history is not None:
        made.append_to(history)
    return made


class _Measured:
    def __init__(self, subjects: list[Subject], turn_s: float) -> None:
        self.subjects = subjects
        self.turn_s = turn_s

    def compare(self, rounds: int, names: tuple[str, str]) -> Comparison:
        for which in (0, 1):
            self._turn(which)  # page cache, threads, buffers
        turns = [self._round(number) for number in range(rounds)]
        rates = [[each[which][0] for each in turns] for which in (0, 1)]
        ratios = [new / old for old, new in zip(*rates, strict=True)]
        cpu = [each[1][1] / max(each[0][1], 1e-12) for each in turns]
        made = Comparison(
            answer_of(ratios),
            quartiles(ratios),
            quartiles(rates[0]),
            quartiles(rates[1]),
            answer_of(cpu, more_is_better=False),
            quartiles(cpu),
            rounds,
            names=names,
            made_at=now(),
            environment=environment(),
        )
        cold = [each for each in (self._cold_round(number) for number in range(3)) if each is not None]
        if len(cold) == 3:
            cold_ratios = [new / old for old, new in cold]
            made.cold_ratio, made.cold_answer = quartiles(cold_ratios), answer_of(cold_ratios)
        return made

    def _turn(self, which: int) -> tuple[float, float]:
        """Samples a second, and CPU seconds of a sample."""
        subject = self.subjects[which]
        subject.reset()
        before = cpu_seconds()
        times = run_loop(subject, self.turn_s)
        subject.reset()  # threads and workers end, and their time counts
        return times.samples_per_s, (cpu_seconds() - before) / max(1, times.samples)

    def _round(self, number: int) -> dict[int, tuple[float, float]]:
        order = (0, 1) if number % 2 == 0 else (1, 0)
        return {which: self._turn(which) for which in order}

    def _cold_round(self, number: int) -> tuple[float, float] | None:
        """Rates of both, each with its files put out of the page cache before."""
        rates = {}
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            if not self._put_out(which):
                return None
            rates[which] = self._turn(which)[0]
        return rates[0], rates[1]

    def _put_out(self, which: int) -> bool:
        from stoker import _native

        task = self.subjects[which].task
        if task is None:
            return False
        shown = _native.try_reading(task.source, list(range(min(task.count, 20_000))), 1, True, 1e-9)
        return shown["cached_share"] is not None and shown["cached_share"] < 0.1
