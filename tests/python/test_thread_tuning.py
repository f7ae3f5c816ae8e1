"""threads="auto": decisions on made-up step times, and content that does not depend on them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest
from images import picture

import stoker
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
