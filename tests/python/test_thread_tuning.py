"""threads="auto": decisions on made-up step times, and content that does not depend on them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import picture

import stoker
from stoker import thread_tuning
from stoker.thread_need import ThreadNeed, Window
from stoker.thread_tuning import ThreadTuner

MS = 1_000_000


def drive(
    tuner: ThreadTuner, step_ms: Callable[[int], float], wait_ms: Callable[[int], float], batches: int
) -> None:
    """Batches as a trainer would see them: by the number of threads, its step and its wait."""
    now = 0
    for _ in range(batches):
        asked = now + int(step_ms(tuner.active) * MS)
        now = asked + int(wait_ms(tuner.active) * MS)
        tuner.observe(asked, now)


def waits_for(work_ms: float, step_ms: float) -> Callable[[int], float]:
    """The wait when a batch is `work_ms` of work that threads share evenly."""
    return lambda threads: max(0.1, work_ms / threads - step_ms)


def test_takes_as_many_threads_as_feed_the_trainer_and_no_more() -> None:
    tuner = ThreadTuner(start=1, most=16, skipped=2)
    drive(tuner, lambda _: 50.0, waits_for(290.0, 50.0), 2000)
    assert tuner.count == 6  # 290 / 6 is below 50 ms
    tuner = ThreadTuner(start=15, most=16, skipped=2)
    drive(tuner, lambda _: 50.0, waits_for(290.0, 50.0), 2000)
    assert tuner.count == 6


def test_never_goes_beyond_the_usable_cores_or_below_one() -> None:
    tuner = ThreadTuner(start=3, most=4, skipped=2)
    drive(tuner, lambda _: 5.0, waits_for(10_000.0, 5.0), 1000)
    assert tuner.count == 4
    tuner = ThreadTuner(start=3, most=4, skipped=2)
    drive(tuner, lambda _: 50.0, lambda _: 0.1, 1000)
    assert tuner.count == 1


def test_a_thread_that_slows_the_trainer_is_given_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stoker")
    tuner = ThreadTuner(start=1, most=2, skipped=2)
    # With the second thread batches come at once, but the trainer loses its core.
    drive(tuner, lambda n: 50.0 if n == 1 else 80.0, lambda n: 20.0 if n == 1 else 0.1, 400)
    assert tuner.count == tuner.active == 1
    assert "1 stays: 2 gain less than 7 %" in caplog.text
    tries = caplog.text.count("stays")
    drive(tuner, lambda n: 50.0 if n == 1 else 80.0, lambda n: 20.0 if n == 1 else 0.1, 200)
    assert caplog.text.count("stays") == tries  # not asked again and again


def test_a_lasting_change_of_the_step_ends_the_wait() -> None:
    tuner = ThreadTuner(start=1, most=2, skipped=2)
    drive(tuner, lambda n: 50.0 if n == 1 else 80.0, lambda n: 20.0 if n == 1 else 0.1, 200)
    assert tuner.count == 1
    drive(tuner, lambda _: 5.0, waits_for(120.0, 5.0), 300)
    assert tuner.count == 2


def test_noise_alone_changes_nothing_for_long() -> None:
    random = np.random.default_rng(0)
    tuner = ThreadTuner(start=2, most=4, skipped=2)
    noisy = lambda _: 50.0 * random.lognormal(0, 0.3)  # noqa: E731
    drive(tuner, noisy, lambda _: 2.0, 3000)  # waits of 4 %: neither starved nor idle
    assert tuner.count == 2


def test_pauses_between_epochs_and_other_threads_are_no_steps() -> None:
    tuner = ThreadTuner(start=1, most=2, skipped=0)
    now = 0
    for _ in range(100):
        tuner.begin_epoch()
        now += 10_000 * MS
        tuner.observe(now, now + 9_000 * MS)  # the first batch of an epoch
        now += 9_000 * MS
    assert tuner.active == 1


class Cpu:
    """A run whose batches take so much CPU time, and a trainer that takes some too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, loader_ms: float, trainer_ms: float = 0.0) -> None:
        self.loader_ms, self.trainer_ms = loader_ms, trainer_ms
        self.batches = 0
        monkeypatch.setattr(thread_tuning, "cpu_ns_of", lambda run: run.read())

    def read(self) -> tuple[int, int]:
        both_ms = self.loader_ms + self.trainer_ms
        return int(self.batches * self.loader_ms * MS), int(self.batches * both_ms * MS)


def drive_with(tuner: ThreadTuner, cpu: Cpu, step_ms: float, batches: int) -> list[int]:
    """As `drive`, with CPU time; the numbers of threads that worked."""
    tuner.begin_epoch(cpu)
    wait_ms, seen, now = waits_for(cpu.loader_ms, step_ms), [], 0
    for _ in range(batches):
        seen.append(tuner.active)
        asked = now + int(step_ms * MS)
        now = asked + int(wait_ms(tuner.active) * MS)
        cpu.batches += 1
        tuner.observe(asked, now)
    return seen


@pytest.mark.parametrize("start", [1, 15])
def test_tries_at_once_what_the_curve_says(
    start: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "stoker")
    tuner = ThreadTuner(start=start, most=16, skipped=2)
    seen = drive_with(tuner, Cpu(monkeypatch, 290.0), 50.0, 800)
    assert set(seen) == {start, 6}  # neither what lies between, nor 5, which could not feed the trainer
    assert seen.index(6) < 12 and set(seen[60:]) == {6}
    assert tuner.count == 6
    said = f"{start} at work, 6 of at most 16 should feed the trainer: a batch takes 290.0 ms of CPU time"
    assert said in caplog.text
    assert f"6 instead of {start}: " in caplog.text


def test_a_slower_trainer_needs_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    tuner = ThreadTuner(start=15, most=16, skipped=2)
    cpu = Cpu(monkeypatch, 290.0)
    drive_with(tuner, cpu, 50.0, 200)
    drive_with(tuner, cpu, 120.0, 200)
    assert tuner.count == 3


def test_a_share_of_the_cores_is_left_to_the_trainer() -> None:
    need = ThreadNeed(cores=4.0, most=4)
    starved = Window(
        threads=1, batch_ns=300.0 * MS, wait_share=0.9, loader_ns=300.0 * MS, trainer_ns=100.0 * MS
    )
    need.learn(starved)
    assert need.fewest(starved) == 3  # both together take 400 ms of four cores, so a step takes 100 ms
    assert need.fewest(Window(1, 300.0 * MS, 0.9, 300.0 * MS, 0.0)) == 4


def test_the_curve_learns_that_threads_hinder_each_other() -> None:
    need = ThreadNeed(cores=16.0, most=16)
    step = {"batch_ns": 40.0 * MS, "wait_share": 0.0}
    need.learn(Window(threads=1, loader_ns=100.0 * MS, **step))
    assert need.fewest(Window(threads=1, loader_ns=100.0 * MS, **step)) == 3
    need.learn(Window(threads=3, loader_ns=150.0 * MS, **step))
    assert need.fewest(Window(threads=3, loader_ns=150.0 * MS, **step)) == 5
    other_data = Window(threads=3, loader_ns=60.0 * MS, **step)
    need.learn(other_data)
    assert need.fewest(other_data) == 2
    assert need.fewest(Window(threads=3, **step)) is None


def test_what_lies_between_epochs_counts_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = Cpu(monkeypatch, 290.0)
    tuner = ThreadTuner(start=2, most=16, skipped=0)
    for _ in range(20):
        drive_with(tuner, cpu, 200.0, 5)  # shorter than a window
        cpu.batches += 1000  # a validation
    assert tuner._needed is None
    assert tuner.count == 2


def test_content_is_the_same_whatever_is_decided() -> None:
    images = np.stack([picture(40, 40, seed=i) for i in range(48)])
    chain = [stoker.random_crop(32), stoker.horizontal_flip(), stoker.gaussian_blur(p=0.5)]

    def batches(threads: int | str, forced: bool) -> list[np.ndarray]:
        loader = stoker.Loader(
            stoker.arrays(images), chain, batch_size=4, shuffle=True, seed=3, threads=threads
        )
        if forced:
            loader._tuner = ThreadTuner(start=1, most=3, skipped=1)
            loader._options["threads"] = 3
            loader.close()
        out = []
        for _ in range(3):
            for number, batch in enumerate(loader):
                if forced:
                    loader._run.set_active_threads(1 + number % 3)
                out.append(batch.copy())
        return out

    for got, wanted in zip(batches("auto", True), batches(1, False), strict=True):
        assert np.array_equal(got, wanted)


def test_a_pinned_number_stays() -> None:
    loader = stoker.Loader(stoker.arrays(np.zeros((8, 8, 8, 3), np.uint8)), batch_size=2, threads=2)
    assert loader._tuner is None
    list(loader)
    assert loader.counters()["active_threads"] == 2


def make_drop_in(make_folder: Callable[..., Path], **options: Any) -> Any:
    pytest.importorskip("torch")
    transforms = pytest.importorskip("torchvision.transforms")
    from torchvision.datasets import ImageFolder

    import stoker.torch

    chain = [transforms.RandomResizedCrop(24), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    dataset = ImageFolder(str(make_folder(12)), transforms.Compose(chain))
    return stoker.torch.DataLoader(dataset, batch_size=2, shuffle=True, **options)


def test_the_drop_in_adapts_and_gives_the_same(
    make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    observed: list[tuple[int, int]] = []

    class Fickle(ThreadTuner):
        def observe(self, asked_ns: int, got_ns: int) -> int | None:
            observed.append((asked_ns, got_ns))
            self.count = self.active = 1 + len(observed) // 4 % 3
            return self.active

    def batches(loader: Any) -> list[Any]:
        torch.manual_seed(3)
        return [batch for _ in range(3) for batch in loader]

    wanted = batches(make_drop_in(make_folder, threads=1))
    monkeypatch.setattr("stoker.torch.data_loader.make_tuner", lambda *_: Fickle(start=1, most=3, skipped=1))
    loader = make_drop_in(make_folder, threads="auto")
    got = batches(loader)
    assert len(observed) == len(wanted) == 18
    assert all(0 <= got_ns - asked_ns < 60e9 for asked_ns, got_ns in observed)
    assert loader.counters()["active_threads"] == loader._stoker_tuner.active
    for ours, theirs in zip(got, wanted, strict=True):
        assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[1], theirs[1])
    assert "_stoker_tuner" not in loader.__getstate__()


@pytest.mark.parametrize("options", [{"threads": 2}, {"num_workers": 1}, {}])
def test_a_number_given_to_the_drop_in_stays(
    make_folder: Callable[..., Path], options: dict[str, int]
) -> None:
    loader = make_drop_in(make_folder, **options)
    for _ in loader:
        pass
    assert getattr(loader, "_stoker_tuner", None) is None
    assert loader.counters()["active_threads"] == options.get("threads", options.get("num_workers", 0))
