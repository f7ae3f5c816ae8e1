"""stoker.Loader on several ranks: equal steps, the same global batches, no sample lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import write_folder

import stoker
from stoker.epoch_order import EpochOrder

COUNT = 53


@pytest.fixture(scope="module")
def source() -> Any:
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 6, 7, 3), np.uint8)
    return stoker.arrays(pixels, np.arange(COUNT))


def steps_of_ranks(source: Any, world_size: int, batch_size: int, **options: Any) -> list[list[list[int]]]:
    """Labels of each rank's batch, by step."""
    ranks = [
        [
            labels.tolist()
            for _, labels in stoker.Loader(
                source, batch_size=batch_size, rank=rank, world_size=world_size, threads=1, **options
            )
        ]
        for rank in range(world_size)
    ]
    return [list(step) for step in zip(*ranks, strict=True)]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("world_size", "batch_size"), [(1, 4), (2, 4), (3, 5), (4, 3), (8, 64), (60, 1)])
def test_ranks_have_equal_steps_and_visit_everything(
    source: Any, world_size: int, batch_size: int, shuffle: bool
) -> None:
    steps = steps_of_ranks(source, world_size, batch_size, shuffle=shuffle, seed=3)
    assert all(len({len(labels) for labels in step}) == 1 for step in steps)  # batches of one size in a step
    visits = Counter(label for step in steps for labels in step for label in labels)
    assert set(visits) == set(range(COUNT))
    repeated = -COUNT % world_size
    assert sum(visits.values()) == COUNT + repeated
    assert max(visits.values()) == (2 if repeated else 1)  # each repeat another sample
    whole = steps_of_ranks(source, 1, world_size * batch_size, shuffle=shuffle, seed=3)
    for step, (expected,) in zip(steps, whole, strict=True):
        interleaved = [label for place in zip(*step, strict=True) for label in place]
        assert interleaved[: len(expected)] == expected


@pytest.mark.parametrize(("world_size", "batch_size"), [(2, 4), (3, 5), (4, 3), (8, 64)])
def test_ranks_drop_what_is_left_over(source: Any, world_size: int, batch_size: int) -> None:
    steps = steps_of_ranks(source, world_size, batch_size, drop_last=True, shuffle=True)
    assert len(steps) == COUNT // (world_size * batch_size)
    labels = [label for step in steps for rank in step for label in rank]
    assert len(labels) == len(set(labels)) == len(steps) * world_size * batch_size


def test_random_worlds_agree_with_a_plain_list() -> None:
    random = np.random.default_rng(11)
    for _ in range(200):
        samples, batch_size, world_size = (int(random.integers(1, high)) for high in (90, 9, 12))
        begin, drop_last = int(random.integers(0, samples)), bool(random.integers(2))
        seed = int(random.integers(100)) if random.integers(2) else None
        whole = EpochOrder(samples, seed, 2, 0, samples, 0, 1, False).indices(0).tolist()
        taken = whole[begin:]
        pad = -len(taken) % world_size
        taken += [whole[place % samples] for place in range(pad)]
        width = batch_size * world_size
        if drop_last:
            taken = whole[begin : begin + (samples - begin) // width * width]
        for rank in range(world_size):
            order = EpochOrder(samples, seed, 2, begin, batch_size, rank, world_size, drop_last)
            mine = [taken[at : at + width][rank::world_size] for at in range(0, len(taken), width)]
            assert [order.indices(step).tolist() for step in range(len(order))] == mine
            assert order.repeated == (0 if drop_last else pad)


def test_replaced_samples_keep_ranks_in_step(tmp_path: Path) -> None:
    paths = write_folder(tmp_path, 14)
    for place in (0, 3, 4, 9):
        paths[place].write_bytes(b"no image")
    files = stoker.files(paths, range(14))
    ranks = [
        stoker.Loader(files, batch_size=2, rank=rank, world_size=3, on_error="replace", max_bad=9, threads=2)
        for rank in range(3)
    ]
    sizes = [[len(labels) for _, labels in loader] for loader in ranks]
    assert sizes == [[2, 2, 1]] * 3
    assert sum(loader.counters()["replaced"] for loader in ranks) == 5  # 0 is repeated to fill the last step


@pytest.mark.parametrize(
    ("error", "options", "says"),
    [
        (ValueError, {"rank": 2, "world_size": 2}, "rank must be an integer from 0 to 1, got 2"),
        (ValueError, {"rank": -1, "world_size": 2}, "rank"),
        (ValueError, {"world_size": 0}, "world_size"),
        (TypeError, {"world_size": "2"}, "world_size"),
        (TypeError, {"rank": None}, "rank"),
        (ValueError, {"world_size": 2, "on_error": "skip"}, "out of step"),
    ],
)
def test_wrong_ranks_are_named(
    source: Any, error: type[Exception], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(error, match=says):
        stoker.Loader(source, batch_size=2, **options)


def test_explain_tells_of_ranks_that_were_not_given(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert "ranks:" not in stoker.Loader(source, batch_size=2).explain()
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert "WORLD_SIZE is 4, but rank and world_size were not given" in (
        stoker.Loader(source, batch_size=2).explain()
    )
    text = stoker.Loader(source, batch_size=2, rank=1, world_size=4).explain()
    assert "ranks: 1 of 4, 7 batches on each, 3 repeated" in text


@pytest.mark.parametrize("ranks", ["1", "2", "8", "nonsense"])
def test_ranks_of_a_host_share_its_cores(ranks: str) -> None:
    text = "from stoker._native import usable_cores as of; print(of()['threads'], of()['affinity'])"
    environment = {**os.environ, "LOCAL_WORLD_SIZE": ranks}
    out = subprocess.run(
        [sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True
    )
    threads, cores = map(int, out.stdout.split())
    shared = cores // (int(ranks) if ranks.isdecimal() else 1)
    assert 1 <= threads <= max(1, shared - 1)
