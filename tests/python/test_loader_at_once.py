"""Batches of the native loader that are less work than waking a thread: made inside next()."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stoker
from stoker import epoch_order

COUNT = 61


@pytest.fixture(autouse=True)
def _few_are_drawn_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epoch_order, "_DRAWN_AT_A_TIME", 20)


def images(height: int = 2, width: int = 3) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (COUNT, height, width, 3), dtype=np.uint8)


def source_of(pixels: np.ndarray) -> Any:
    return stoker.arrays(pixels, np.arange(COUNT) * 10)


def make(*, at_once: bool = True, **options: Any) -> stoker.Loader:
    loader = stoker.Loader(source_of(images()), **{"batch_size": 7, "threads": 2, "seed": 5, **options})
    assert loader.makes_at_once
    loader.makes_at_once = at_once
    return loader


def epoch_of(loader: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.array(pixels), np.array(labels)) for pixels, labels in loader]


def assert_same(got: list[Any], wanted: list[Any]) -> None:
    for (pixels, labels), (wanted_pixels, wanted_labels) in zip(got, wanted, strict=True):
        assert pixels.dtype == wanted_pixels.dtype
        assert np.array_equal(pixels, wanted_pixels)
        assert np.array_equal(labels, wanted_labels)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": True},
        {"shuffle": True, "drop_last": True, "dtype": "uint8"},
        {"shuffle": True, "rank": 2, "world_size": 3, "layout": "hwc"},
        {"rank": 1, "world_size": 4, "batch_size": 5, "drop_last": True},
        {"batch_size": 1},
        {"batch_size": 25},
        {"batch_size": COUNT + 1, "threads": 0},
        {"threads": "auto", "prefetch": 4},
    ],
    ids=str,
)
def test_batches_are_those_of_the_threads(options: dict[str, Any]) -> None:
    ours, theirs = make(**options), make(at_once=False, **options)
    for _ in range(3):
        assert_same(epoch_of(ours), epoch_of(theirs))
    assert ours.counters()["samples"] == theirs.counters()["samples"]
    assert ours.counters()["batches"] == theirs.counters()["batches"]
    assert ours.counters()["threads"] == []


def test_an_epoch_goes_on_from_a_state() -> None:
    ours, theirs = make(shuffle=True), make(at_once=False, shuffle=True)
    whole = epoch_of(theirs)
    iterator = iter(ours)
    for _ in range(4):
        next(iterator)
    state = ours.state_dict()
    assert state["delivered"] == 28
    for loader in (make(shuffle=True), make(at_once=False, shuffle=True), ours):
        loader.load_state_dict(state)
        assert_same(epoch_of(loader), whole[4:])
        assert loader.epoch == 1


def test_fields_of_all_kinds() -> None:
    masks = np.random.default_rng(4).integers(0, 5, (COUNT, 2, 3), dtype=np.uint8)
    source = stoker.arrays(images(), np.arange(COUNT), masks={"mask": masks})
    loader = stoker.Loader(source, batch_size=7, shuffle=True, threads=2)
    assert loader.makes_at_once
    for batch in loader:
        assert np.array_equal(batch["mask"], masks[batch["label"]])
        assert np.array_equal(batch["image"], images()[batch["label"]].transpose(0, 3, 1, 2))


def test_python_threads_share_an_epoch() -> None:
    iterator = iter(make(batch_size=1))
    seen: list[int] = []

    def take() -> None:
        seen.extend(int(labels[0]) for _, labels in iterator)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [10 * number for number in range(COUNT)]


def test_a_newer_epoch_ends_the_older_one() -> None:
    loader = make()
    first = iter(loader)
    next(first)
    second = iter(loader)
    with pytest.raises(RuntimeError, match="this epoch has ended"):
        next(first)
    assert len(list(second)) == len(loader)
    third = iter(loader)
    next(third)
    loader.close()
    with pytest.raises(RuntimeError, match="this epoch has ended"):
        next(third)


def test_only_small_batches_of_untouched_images_in_memory(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "images", np.uint8, "w+", shape=(COUNT, 2, 3, 3))
    flip = [stoker.horizontal_flip()]
    assert not stoker.Loader(source_of(mapped), batch_size=7).makes_at_once
    assert not stoker.Loader(source_of(mapped[:, ::1]), batch_size=7).makes_at_once
    assert not stoker.Loader(source_of(images()), flip, batch_size=7).makes_at_once
    assert not stoker.Loader(source_of(images(64, 64)), batch_size=7).makes_at_once
    loader = stoker.Loader(source_of(images()), batch_size=7)
    assert "made inside next()" in loader.explain()
    assert "made inside next()" not in make(at_once=False).explain()
