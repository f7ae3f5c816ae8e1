"""What `stoker.advise` gives: plans with their predictions, the one to take, and how well it then did."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from stoker import _native
from stoker.advising.forms import JPEG_QUALITY, decoding_of
from stoker.advising.timing import Timing, Watch
from stoker.loader import Loader
from stoker.packing import pack, shards
from stoker.profiling.batches import samples_in
from stoker.profiling.subjects import with_workers
from stoker.sources import arrays

FORMAT = "stoker-advice-1"

# A prediction further off than this is said to be wrong, and corrected.
ACCEPTED_ERROR = 0.15

STEPS = 100

Step = Callable[[Any], object]


@dataclass
class LoadingPlan:
    """One way to load the data, and what it is predicted to give.

    Attributes:
        form, cut, variants: What is stored; "as-is" is what the loader reads now. `cut` operators are done
            once.
        operators_done: As they are written.
        threads, prefetch: Of the loader.
        rate: Samples a second that the trainer sees, mean over the epochs.
        loader_rate: Of the loader alone.
        step_ms: Of one batch.
        preparation_s: Once.
        total_s: Preparation by jobs, and all epochs of a job.
        disk_bytes, memory_bytes: Needed in all.
        break_even_epochs: From where on it pays; None where nothing is prepared, or it never pays.
        messages: (level, text) of what to know.
        refused: Why it cannot be chosen; "" where it can.
        accept: What `accept=` must hold for it; "" where nothing.
        unit: What `threads` are: "thread", or "worker" of a process loader.
    """

    form: str
    cut: int
    variants: int
    operators_done: list[str]
    threads: int
    prefetch: int
    rate: float
    loader_rate: float
    step_ms: float
    preparation_s: float
    total_s: float
    disk_bytes: float
    memory_bytes: float
    break_even_epochs: float | None
    messages: list[tuple[str, str]]
    refused: str
    accept: str
    unit: str = "thread"

    @property
    def is_prepared(self) -> bool:
        return self.form != "as-is"

    def __str__(self) -> str:
        form = "the files as they are" if self.form == "as-is" else f"form {self.form!r}"
        if self.operators_done:
            form += f" after {', '.join(self.operators_done)}"
        if self.variants > 1:
            form += f", {self.variants} variants"
        return f"{form}, {self.threads} {self.unit}{'' if self.threads == 1 else 's'}"


@dataclass
class Outcome:
    """How the plan did, beside its prediction.

    Attributes:
        predicted, measured: Samples a second, the time aside in which other processes had the cores.
        steps: That were measured.
        lost_share: Of their wall time, that other processes had the cores.
        quartiles: Samples a second of single steps by the wall clock: the lower, the middle and the upper.
        correction: measured / predicted.
        refitted: The plan to take with rates corrected by that; None where the prediction was right.
    """

    predicted: float
    measured: float
    steps: int
    lost_share: float
    quartiles: tuple[float, float, float]
    correction: float
    refitted: LoadingPlan | None = None

    @property
    def is_as_predicted(self) -> bool:
        return abs(self.correction - 1) <= ACCEPTED_ERROR

    def __str__(self) -> str:
        text = (
            f"predicted {self.predicted:.0f} samples/s, measured {self.measured:.0f} over {self.steps} steps "
            f"({self.correction - 1:+.0%})"
        )
        if self.lost_share > 0.05:
            text += f", the {self.lost_share:.0%} of the time aside in which other processes had the cores"
        if self.refitted is not None:
            text += (
                f"; off by more than {ACCEPTED_ERROR:.0%}, so the other predictions are not to be trusted "
                f"either. With what was measured the plan would be: {self.refitted}, "
                f"{self.refitted.rate:.0f} samples/s"
            )
        return text


@dataclass
class Advice:
    """Plans for a loader and what follows from them. `print(advice)` gives a table and the reason.

    Attributes:
        plans: The first is what is done now.
        chosen: Number of the plan to take.
        is_fed: The trainer gets its batches in time; nothing needs to be done.
        why: One sentence.
        situation: What the plans were predicted for: samples, epochs, jobs, limits, rates.
        findings: What was found on the way.
        workers: Of a loader with worker processes: now, workers, prefetch_factor, rate; None for others.
        outcome: Of `apply`, once it has measured.
    """

    plans: list[LoadingPlan]
    chosen: int
    is_fed: bool
    why: str
    situation: dict[str, Any]
    findings: list[str] = field(default_factory=list)
    measured_s: float = 0.0
    workers: dict[str, Any] | None = None
    outcome: Outcome | None = None
    forms: list[dict[str, Any]] = field(default_factory=list, repr=False)
    loader: Any = field(default=None, repr=False)  # a stoker.Loader or a DataLoader
    step: Step | None = field(default=None, repr=False)

    @property
    def plan(self) -> LoadingPlan:
        """The one to take."""
        return self.plans[self.chosen]

    @property
    def does_nothing(self) -> bool:
        return self.chosen == 0

    @property
    def offered(self) -> list[LoadingPlan]:
        """The best plan of each form that would take less time, if what it changes were accepted."""
        best: dict[str, LoadingPlan] = {}
        for plan in self.plans:
            is_open = plan.accept and plan.refused and plan.total_s < self.plan.total_s
            if is_open and (plan.accept not in best or plan.total_s < best[plan.accept].total_s):
                best[plan.accept] = plan
        return list(best.values())

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the keys are those of the attributes."""
        return {
            "format": FORMAT,
            "chosen": self.chosen,
            "is_fed": self.is_fed,
            "why": self.why,
            "plans": [asdict(plan) for plan in self.plans],
            "situation": dict(self.situation),
            "findings": list(self.findings),
            "measured_s": self.measured_s,
            "workers": self.workers,
            "outcome": None if self.outcome is None else asdict(self.outcome),
        }

    def __str__(self) -> str:
        from stoker.advising.text import advice_text

        return advice_text(self)

    def apply(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        steps: int = STEPS,
        progress: Callable[[int, int], object] | None = None,
    ) -> Any:
        """Packs what the plan needs, makes the new loader, and measures whether it does as predicted.

        Of a DataLoader it makes one with other workers, or threads where stoker works, and packs nothing.
        The new loader stands at the epoch of the old one, and gives the same samples and pixels in the same
        order unless the plan says otherwise. The old one is closed when another takes its place.

        Args:
            folder: Where to pack; needed if the plan packs. What a former call left there is used again.
            steps: To measure, with the `step` that advise() was given; 0 for none. `outcome` holds the
                result.
            progress: Called with samples packed and all samples.

        Raises:
            ValueError: A folder is missing, the advice has no loader, or the folder holds other data.
            OSError, stoker.SampleError, stoker.ShardError: As of `stoker.pack`.
        """
        if self.loader is None:
            raise ValueError(
                "advice.apply: the advice came from a profile alone; call stoker.advise with the loader."
            )
        if not isinstance(self.loader, Loader):
            return self._apply_to_torch(steps)
        plan, old = self.plan, self.loader
        new = old
        if not self.does_nothing:
            new = self._made(plan, folder, progress)
            new.set_epoch(old.epoch)
            old.close()
        if steps:
            self.outcome = self._measured(new, steps)
        return new

    def _apply_to_torch(self, steps: int) -> Any:
        loader, plan = self.loader, self.plan
        if not self.does_nothing and self.workers is None:
            loader = copy.copy(loader)
            loader.__dict__.update(threads=plan.threads, _iterator=None)
        elif self.workers is not None and not self.does_nothing:
            loader = with_workers(loader, plan.threads, int(self.workers["prefetch_factor"]))
        if steps:
            measured, rates = time_steps(loader, steps, self.step)
            self.outcome = self._outcome(plan.rate, measured, 0.0, rates)
        return loader

    def _made(
        self,
        plan: LoadingPlan,
        folder: str | os.PathLike[str] | None,
        progress: Callable[[int, int], object] | None,
    ) -> Loader:
        old: Loader = self.loader
        changes: dict[str, Any] = {"threads": plan.threads, "prefetch": plan.prefetch}
        if not plan.is_prepared:
            return old.made_with(**changes)
        if folder is None:
            raise ValueError(
                f"advice.apply: the plan ({plan}) packs {plan.disk_bytes / 1e6:.0f} MB; name a folder."
            )
        given = old.given
        pack(
            old.source,
            folder,
            old.operators,
            form=plan.form,
            cut=None if plan.form == "source" else plan.cut,
            variants=plan.variants,
            epochs=int(self.situation["epochs"]),
            quality=JPEG_QUALITY,
            seed=old.seed,
            on_error="raise" if given["on_error"] == "raise" else "skip",
            progress=progress,
            **decoding_of(old),
        )
        if plan.form != "npy":
            return old.made_with(shards(folder), **changes)
        names = [os.path.join(os.fspath(folder), f"{name}.npy") for name in ("images", "labels")]
        labels = np.load(names[1]) if os.path.exists(names[1]) else None
        source = arrays(np.load(names[0], mmap_mode="r"), labels)
        source.classes, source.class_to_idx = old.source.classes, old.source.class_to_idx
        return old.made_with(source, operators=old.operators[plan.cut :], **changes)

    def _measured(self, loader: Loader, steps: int) -> Outcome:
        epoch = loader.epoch
        demand = float(self.situation["trainer_rate"])
        timing, rates = run_steps(loader, steps, self.step, demand)
        loader.set_epoch(epoch)
        # What was just written lies in the page cache.
        warm = {**self.situation, "cache_bytes": 1e18, "is_cold": False}
        predicted = float(self._again(self.forms, warm)["plans"][self.chosen]["rate"])
        return self._outcome(predicted, timing.rate, timing.lost_share, rates)

    def _outcome(self, predicted: float, measured: float, lost_share: float, rates: list[float]) -> Outcome:
        lower, middle, upper = (float(each) for each in np.quantile(rates, (0.25, 0.5, 0.75)))
        correction = measured / predicted
        outcome = Outcome(predicted, measured, len(rates), lost_share, (lower, middle, upper), correction)
        if not outcome.is_as_predicted:
            outcome.refitted = self._refitted(correction)
        return outcome

    def _again(self, forms: list[dict[str, Any]], situation: dict[str, Any]) -> dict[str, Any]:
        return dict(_native.choose_plan(situation, forms))

    def _refitted(self, correction: float) -> LoadingPlan:
        """The plan to take, were all of the chosen form's rates so much other."""
        number = next(
            number
            for number, form in enumerate(self.forms)
            if (form["form"], form["cut"], form["variants"])
            == (self.plan.form, self.plan.cut, self.plan.variants)
        )
        forms = [dict(form) for form in self.forms]
        for name in ("warm", "cold"):
            if forms[number].get(name) is not None:
                forms[number][name] = forms[number][name].scaled(correction)
        choice = self._again(forms, self.situation)
        refitted = choice["plans"][choice["chosen"]]
        plan = self.plans[choice["chosen"]]
        return LoadingPlan(**{**asdict(plan), **{name: refitted[name] for name in _PREDICTED}})


_PREDICTED = ("rate", "loader_rate", "step_ms", "preparation_s", "total_s", "break_even_epochs")


def time_steps(loader: Any, steps: int, step: Step | None) -> tuple[float, list[float]]:
    """As `run_steps`, by the wall clock, of any loader: the rate of all, and those of single steps.

    What an epoch takes to its first batch, such as the start of its workers, is left out.
    """
    rates: list[float] = []
    samples, spent_s = 0, 0.0
    while True:
        then, before = None, len(rates)
        for batch in loader:
            if step is not None:
                step(batch)
            now = time.perf_counter()
            if then is not None:
                count = samples_in(batch, getattr(loader, "batch_size", None))
                rates.append(count / (now - then))
                samples, spent_s = samples + count, spent_s + now - then
            then = now
            if len(rates) == steps:
                return samples / spent_s, rates
        if len(rates) == before:
            raise ValueError(
                "advice.apply: an epoch has fewer than two batches, so nothing can be measured; "
                "steps=0 leaves that out."
            )


def run_steps(loader: Loader, steps: int, step: Step | None, demand: float) -> tuple[Timing, list[float]]:
    """`steps` training steps over as many epochs as it takes, and the wall-clock rate of each.

    Args:
        demand: Samples a second that the trainer takes at most; 0 where it is not known.
    """
    watch, samples = Watch(loader), 0
    rates: list[float] = []
    then = time.perf_counter()
    while True:
        batches, before = iter(loader), len(rates)
        for batch in batches:
            if step is not None:
                step(batch)
            now = time.perf_counter()
            count = samples_in(batch, loader.batch_size)
            rates.append(count / (now - then))
            samples += count
            then = now
            del batch
            if len(rates) == steps:
                # While the iterator lives, because the counters of an epoch that is broken off go with it.
                return watch.timing(samples, samples / demand if demand else 0.0), rates
        del batches  # an epoch begun while the one before lives is begun with new threads
        if len(rates) == before:
            raise ValueError("advice.apply: the loader gives no batch; nothing can be measured.")
