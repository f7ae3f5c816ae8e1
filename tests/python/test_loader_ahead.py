"""The next epoch's first batches are made while the last ones are used, and seen only then."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import write_folder

import stoker

COUNT = 12


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return write_folder(tmp_path, COUNT)


def make(paths: list[Path], **options: Any) -> stoker.Loader:
    source = stoker.files(paths, range(len(paths)))
    return stoker.Loader(
        source, [stoker.random_crop(8)], **{"batch_size": 2, "threads": 2, "shuffle": False, **options}
    )


def pixels_of(loader: stoker.Loader) -> list[np.ndarray]:
    return [np.array(images) for images, _ in loader]


def wait_until_ready(loader: stoker.Loader) -> None:
    """Until two batches are finished and not taken."""
    end = time.monotonic() + 30
    while loader.counters()["ready_batches"] < 2:
        assert time.monotonic() < end, loader.counters()
        time.sleep(0.002)


def test_the_next_epoch_is_begun_before_it_is_asked_for(paths: list[Path]) -> None:
    loader = make(paths)
    list(loader)
    wait_until_ready(loader)
    for path in paths[:4]:
        path.unlink()  # the first two batches no longer need them
    iterator = iter(loader)
    next(iterator), next(iterator)
    assert loader.state_dict()["epoch"] == 1


def test_without_threads_nothing_is_done_ahead(paths: list[Path]) -> None:
    loader = make(paths, threads=0)
    list(loader)
    assert loader.counters()["ready_batches"] == 0
    assert loader.counters()["samples"] == COUNT


@pytest.mark.parametrize("how", ["goes on", "set_epoch", "the same set_epoch", "load_state_dict", "early"])
def test_whatever_comes_next_is_right(paths: list[Path], how: str) -> None:
    loader = make(paths, shuffle=True)
    state = make(paths, shuffle=True).state_dict() | {"epoch": 1, "delivered": 3}
    for place, _ in enumerate(loader):
        if how == "early" and place == 3:
            loader.set_epoch(5)
    wait_until_ready(loader)
    epoch = {"set_epoch": 5, "early": 5}.get(how, 1)
    if how == "set_epoch":
        loader.set_epoch(5)
    elif how == "the same set_epoch":
        loader.set_epoch(1)
    elif how == "load_state_dict":
        loader.load_state_dict(state)
    other = make(paths, shuffle=True, threads=0)
    other.set_epoch(epoch)
    if how == "load_state_dict":
        other.load_state_dict(state)
    expected = pixels_of(other)
    for mine, theirs in zip(pixels_of(loader), expected, strict=True):
        assert np.array_equal(mine, theirs)
    assert loader.epoch == epoch + 1


def test_what_was_made_ahead_is_counted_when_its_epoch_begins(paths: list[Path]) -> None:
    loader = make(paths)
    list(loader)
    wait_until_ready(loader)
    first = loader.counters()
    assert first["samples"] == COUNT
    assert first["bytes_read"] == sum(path.stat().st_size for path in paths)
    loader.set_epoch(9)  # what was made is of epoch 1
    list(loader)
    assert loader.counters()["samples"] == 2 * COUNT
    assert loader.counters()["batches"] == 12
    list(loader)
    counters = loader.counters()
    assert counters["samples"] == 3 * COUNT
    assert counters["bytes_read"] == 3 * first["bytes_read"]
    assert counters["decode_cpu_ns"] > first["decode_cpu_ns"] > 0


@pytest.mark.parametrize("is_thrown_away", [False, True])
@pytest.mark.parametrize("on_error", ["raise", "replace", "skip"])
def test_bad_samples_show_in_their_epoch_alone(
    paths: list[Path], on_error: str, is_thrown_away: bool
) -> None:
    loader = make(paths, on_error=on_error, max_bad=1)
    good = paths[0].read_bytes()
    for place, _ in enumerate(loader):
        if place == 0:
            paths[0].write_bytes(b"no image")
    wait_until_ready(loader)
    assert loader.bad_samples() == []
    assert loader.counters()["errors"] == 0
    if is_thrown_away:
        paths[0].write_bytes(good)
        loader.set_epoch(3)
        assert [len(images) for images, _ in loader] == [2] * 6
        assert loader.bad_samples() == []
        assert loader.counters()["errors"] == 0
        return
    iterator = iter(loader)
    if on_error == "raise":
        with pytest.raises(stoker.SampleError):
            next(iterator)
    else:
        assert len(next(iterator)[0]) == (1 if on_error == "skip" else 2)
    assert [(each["index"], each["epoch"]) for each in loader.bad_samples()] == [(0, 1)]
    assert loader.counters()["errors"] == 1


@pytest.mark.parametrize("is_thrown_away", [False, True])
def test_too_many_bad_samples_end_the_epoch_that_has_them(paths: list[Path], is_thrown_away: bool) -> None:
    loader = make(paths, on_error="replace", max_bad=1)
    good = [path.read_bytes() for path in paths]
    for place, _ in enumerate(loader):
        if place == 4:
            wait_until_ready(loader)  # the last batch has been made
            for path in paths:
                path.write_bytes(b"no image")
    end = time.monotonic() + 1
    while time.monotonic() < end and loader.counters()["ready_batches"] < 2:
        time.sleep(0.01)
    if is_thrown_away:
        for path, data in zip(paths, good, strict=True):
            path.write_bytes(data)
        loader.set_epoch(3)
        assert len(pixels_of(loader)) == 6
        assert loader.counters()["errors"] == 0
    else:
        with pytest.raises(stoker.SampleError):
            list(loader)
    loader.close()
    for path, data in zip(paths, good, strict=True):
        path.write_bytes(data)
    assert len(pixels_of(loader)) == 6


def test_throwing_away_at_any_moment_leaves_a_whole_loader(paths: list[Path]) -> None:
    loader = make(paths, shuffle=True)
    plain = make(paths, shuffle=True, threads=0)
    random = np.random.default_rng(0)
    for _ in range(60):
        epoch = int(random.integers(4))
        loader.set_epoch(epoch)
        plain.set_epoch(epoch)
        for mine, theirs in zip(pixels_of(loader), pixels_of(plain), strict=True):
            assert np.array_equal(mine, theirs)
        if random.integers(3) == 0:
            time.sleep(0.002 * random.random())
    assert loader.counters()["samples"] == 60 * COUNT
