"""state_dict and load_state_dict of stoker.Loader: exact at any point, small, refused where wrong."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import write_folder

import stoker

COUNT = 47
TRAIN = [stoker.random_crop(4), stoker.horizontal_flip(), stoker.brightness_contrast(p=0.7)]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 6, 7, 3), np.uint8)


def make(pixels: np.ndarray, operators: Any = TRAIN, **options: Any) -> stoker.Loader:
    source = stoker.arrays(pixels, np.arange(len(pixels)))
    return stoker.Loader(source, operators, **{"batch_size": 4, "shuffle": True, "threads": 2, **options})


def samples_of(batches: Any) -> list[tuple[int, str]]:
    """Label and hash of the pixels of each sample, in order."""
    return [
        (int(label), hashlib.sha256(np.ascontiguousarray(image)).hexdigest())
        for images, labels in batches
        for image, label in zip(images, labels, strict=True)
    ]


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(state)
    assert len(text) < 1024
    return json.loads(text)  # type: ignore[no-any-return]


def test_resume_at_random_points_whatever_the_threads_batches_and_ranks(pixels: np.ndarray) -> None:
    epochs = [samples_of(make(pixels))]
    whole = make(pixels)
    whole.set_epoch(1)
    epochs.append(samples_of(whole))
    assert len({tuple(epoch) for epoch in epochs}) == 2
    random = np.random.default_rng(5)
    for _ in range(100):
        threads, then = (int(random.choice([0, 1, 2, 3, 8])) for _ in range(2))
        batch_size = int(random.integers(1, 9))
        loader = make(pixels, threads=threads, batch_size=batch_size)
        epoch = int(random.integers(2))
        if epoch:
            list(loader)
        stop = int(random.integers(0, len(loader) + 1))
        iterator = iter(loader)
        before = samples_of(next(iterator) for _ in range(stop))
        state = through_json(loader.state_dict())
        world_size = int(random.integers(1, 5))
        ranks = [
            make(pixels, threads=then, batch_size=int(batch_size), rank=rank, world_size=world_size)
            for rank in range(world_size)
        ]
        for each in ranks:
            each.load_state_dict(state)
        if stop == len(loader):
            assert all(each.epoch == epoch + 1 for each in ranks)
            continue
        assert all(each.epoch == epoch for each in ranks)
        parts = [samples_of(each) for each in ranks]
        rest = [sample for place in zip(*parts, strict=True) for sample in place]
        repeated = -(COUNT - len(before)) % world_size
        assert before + rest[: len(rest) - repeated] == epochs[epoch]
        assert rest[len(rest) - repeated :] == epochs[epoch][:repeated]


def test_batches_are_the_same_at_a_constant_global_batch(pixels: np.ndarray) -> None:
    def global_batches(world_size: int, state: Any = None, steps: int = 100) -> tuple[Any, list[Any]]:
        ranks = [
            make(pixels, batch_size=12 // world_size, rank=rank, world_size=world_size)
            for rank in range(world_size)
        ]
        for each in ranks:
            if state is not None:
                each.load_state_dict(state)
        batches = []
        for _, parts in zip(range(steps), zip(*ranks, strict=True), strict=False):
            batches.append(sorted(sample for part in parts for sample in samples_of([part])))
        states = [each.state_dict() for each in ranks]
        assert all(each == states[0] for each in states)  # one state for all ranks
        return states[0], batches

    _, expected = global_batches(1)
    for world_size, then in [(2, 3), (4, 1), (3, 2), (1, 4)]:
        state, first = global_batches(world_size, steps=2)
        assert state["delivered"] == 24
        _, rest = global_batches(then, state)
        assert first + rest[:-1] == expected[:-1]
        assert set(rest[-1]) >= set(expected[-1])  # the last one is padded for some numbers of ranks


@pytest.mark.parametrize("drop_last", [False, True])
def test_a_finished_epoch_goes_on_with_the_next(pixels: np.ndarray, drop_last: bool) -> None:
    loader = make(pixels, drop_last=drop_last)
    list(loader)
    state = loader.state_dict()
    assert (state["epoch"], state["delivered"]) == (0, COUNT // 4 * 4 if drop_last else COUNT)
    second = samples_of(loader)
    other = make(pixels, drop_last=drop_last)
    other.load_state_dict(state)
    assert other.epoch == 1
    assert samples_of(other) == second
    assert other.epoch == 2


def test_a_state_speaks_of_the_latest_iterator(pixels: np.ndarray) -> None:
    loader = make(pixels)
    fresh = loader.state_dict()
    assert (fresh["epoch"], fresh["delivered"]) == (0, 0)
    for place, _ in enumerate(loader):
        assert loader.state_dict()["delivered"] == 4 * (place + 1)
        if place == 2:
            break
    state = loader.state_dict()  # the iterator is gone, what it handed out is not
    assert state["delivered"] == 12
    loader.close()
    assert loader.state_dict() == state
    iterator = iter(loader)
    assert loader.state_dict()["delivered"] == 0
    next(iterator)
    assert (state["delivered"], loader.state_dict()["delivered"]) == (12, 4)
    del iterator
    loader.set_epoch(6)
    assert (loader.state_dict()["epoch"], loader.state_dict()["delivered"]) == (6, 0)
    loader.load_state_dict(state)
    assert loader.state_dict() == state


def test_set_epoch_of_the_same_epoch_keeps_the_place(pixels: np.ndarray) -> None:
    expected = samples_of(make(pixels))
    loader = make(pixels)
    next(iter(loader))
    state = loader.state_dict()
    loader.load_state_dict(state)
    loader.set_epoch(loader.epoch)  # as every training loop does
    assert samples_of(loader) == expected[4:]
    assert samples_of(loader) != expected[4:]  # only once
    loader.load_state_dict(state)
    loader.set_epoch(1)
    loader.set_epoch(0)
    assert samples_of(loader) == expected


def test_an_epoch_that_was_set_during_the_pass_is_the_next_after_it(pixels: np.ndarray) -> None:
    loader = make(pixels)
    for _ in loader:
        loader.set_epoch(7)
    other = make(pixels)
    other.load_state_dict(loader.state_dict())
    assert other.epoch == 7
    assert samples_of(other) == samples_of(loader)


def test_batches_that_were_taken_ahead_are_counted_back(pixels: np.ndarray) -> None:
    expected = samples_of(make(pixels))
    for used in range(13):
        loader = make(pixels)
        iterator = iter(loader)
        taken = [next(iterator) for _ in range(min(12, used + 2))]
        state = loader.state_dict(unused_batches=len(taken) - used if used < len(taken) else 0)
        other = make(pixels, batch_size=3)
        other.load_state_dict(state)
        if used < 12:
            assert samples_of(other) == expected[4 * used :]
    with pytest.raises(ValueError, match="unused_batches must be an integer from 0 to 12, got 13"):
        loader.state_dict(unused_batches=13)
    state = loader.state_dict()
    state["delivered"] = 8  # or by hand
    other.load_state_dict(state)
    assert samples_of(other) == expected[8:]


def test_an_iterator_ends_when_a_state_is_loaded(pixels: np.ndarray) -> None:
    loader = make(pixels)
    iterator = iter(loader)
    next(iterator)
    loader.load_state_dict(loader.state_dict())
    with pytest.raises(RuntimeError, match="ended"):
        next(iterator)
    assert len(samples_of(loader)) == COUNT - 4


def test_a_files_state_does_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    states = []
    for name in ("here", "there"):
        write_folder(tmp_path / name, 9)
        loader = stoker.Loader(stoker.folder(tmp_path / name), batch_size=2)
        next(iter(loader))
        states.append(loader.state_dict())
    assert states[0] == states[1]
    write_folder(tmp_path / "other", 9, form="PNG")
    other = stoker.Loader(stoker.folder(tmp_path / "other"), batch_size=2)
    with pytest.raises(ValueError, match="source differs"):
        other.load_state_dict(states[0])


OTHERS: dict[str, dict[str, Any]] = {
    "operators": {"operators": [stoker.random_crop(4, p=0.5), *TRAIN[1:]]},
    "shuffle": {"shuffle": False},
    "seed": {"seed": 1},
    "dtype": {"dtype": "uint8"},
    "layout": {"layout": "hwc"},
    "color": {"color": "bgr"},
    "exif": {"exif": "apply"},
    "min_area": {"box_rules": {"min_area": 4}},
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_state_of_another_plan_is_refused_by_field(pixels: np.ndarray, name: str) -> None:
    state = make(pixels).state_dict()
    loader = make(pixels, **OTHERS[name])
    before = loader.state_dict()
    with pytest.raises(ValueError, match=f"{name} differs"):
        loader.load_state_dict(state)
    assert loader.state_dict() == before
    with pytest.raises(ValueError, match=f"{name} differs"):
        make(pixels).load_state_dict(before)


def test_a_state_of_other_samples_is_refused(pixels: np.ndarray) -> None:
    state = make(pixels).state_dict()
    for other in (pixels[:-1], pixels.astype(np.float32)):
        with pytest.raises(ValueError, match="source differs"):
            make(other, [stoker.random_crop(4)]).load_state_dict(state)


def test_what_changes_no_sample_is_free(pixels: np.ndarray) -> None:
    state = make(pixels).state_dict()
    for free in (
        {"batch_size": 9},
        {"threads": 0},
        {"drop_last": True},
        {"on_error": "replace", "max_bad": 3},
        {"shapes": "list"},
        {"rank": 2, "world_size": 3},
    ):
        make(pixels, **free).load_state_dict(state)


DAMAGE: list[tuple[type[Exception], Any, str]] = [
    (TypeError, None, "must be a dict"),
    (TypeError, "text", "must be a dict"),
    (ValueError, {}, "format must be"),
    (ValueError, {"format": "stoker.Loader 99"}, "format must be"),
    (ValueError, {"_num_yielded": 3}, "a state of a DataLoader"),
    (ValueError, {"delivered": -1}, "delivered must be an integer from 0 to 47"),
    (ValueError, {"delivered": 48}, "delivered must be"),
    (ValueError, {"delivered": 4.0}, "delivered must be"),
    (ValueError, {"delivered": True}, "delivered must be"),
    (ValueError, {"delivered": "4"}, "delivered must be"),
    (ValueError, {"epoch": -1}, "epoch must be"),
    (ValueError, {"epoch": 2**24}, "epoch must be"),
    (ValueError, {"seed": None}, "seed differs"),
    (ValueError, {"parts": {}}, "damaged"),
    (ValueError, {"parts": None}, "damaged"),
    (ValueError, {"parts": {"operators": object()}}, "damaged"),
    (ValueError, {"plan": "0" * 16}, "damaged"),
]


@pytest.mark.parametrize(("error", "change", "says"), DAMAGE)
def test_a_damaged_state_is_refused(
    pixels: np.ndarray, error: type[Exception], change: Any, says: str
) -> None:
    loader = make(pixels)
    state = loader.state_dict()
    is_whole = not isinstance(change, dict) or not change or "format" in change or "_num_yielded" in change
    with pytest.raises(error, match=says):
        loader.load_state_dict(change if is_whole else {**state, **change})
    for name in state:
        with pytest.raises(ValueError, match=name):
            loader.load_state_dict({key: value for key, value in state.items() if key != name})


def test_a_state_survives_json_pickle_and_the_loader(pixels: np.ndarray) -> None:
    loader = make(pixels)
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    kept = copy.deepcopy(state)
    next(iterator)
    assert state == kept == json.loads(json.dumps(state)) == pickle.loads(pickle.dumps(state))


def test_a_state_is_small_and_does_not_grow(pixels: np.ndarray) -> None:
    many = [stoker.random_crop(4), *[stoker.brightness_contrast() for _ in range(100)]]
    loader = make(pixels, many, box_rules={"min_area": 1.5, "min_width": 2.25, "max_accept_ratio": 3})
    loader.set_epoch(2**24 - 1)
    for _ in loader:
        assert len(json.dumps(loader.state_dict())) < 1024
