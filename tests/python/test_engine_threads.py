"""What the engine's threads leave to the trainer: niceness, cores, how many there are."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stoker
from stoker import _native

MANY = 64


def native(threads: int | str) -> Any:
    images = np.zeros((256, 32, 32, 3), np.uint8)
    return stoker.Loader(stoker.arrays(images), [stoker.resize(16)], batch_size=8, threads=threads)


def rows(threads: int | None) -> Any:
    torch = pytest.importorskip("torch")
    from stoker.torch import DataLoader

    data = torch.utils.data.TensorDataset(torch.zeros(64, 64, 64, 3))
    return DataLoader(data, 8, num_workers=MANY, threads=threads)


def while_it_runs(loader: Any, of: Callable[[int], Any]) -> list[Any]:
    """`of` each of the engine's CPU threads, by its number, once they have begun."""
    before = set(os.listdir("/proc/self/task"))
    iterator = iter(loader)
    next(iterator)
    new = set(os.listdir("/proc/self/task")) - before
    names, end = dict.fromkeys(new, ""), time.monotonic() + 20
    while not all(each.startswith("stoker-") for each in names.values()) and time.monotonic() < end:
        names = {task: Path(f"/proc/self/task/{task}/comm").read_text() for task in new}
    found = [of(int(task)) for task, name in names.items() if name.strip() == "stoker-cpu"]
    del iterator
    return found


def count(loader: Any) -> int:
    return len(while_it_runs(loader, int))


@pytest.mark.parametrize("make", [lambda: native(3), lambda: rows(3)], ids=["Loader", "rows"])
def test_threads_are_nicer_than_the_trainer(make: Callable[[], Any]) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)

    def nice(thread: int) -> int:
        end = time.monotonic() + 5  # it is the second thing that they do
        while os.getpriority(os.PRIO_PROCESS, thread) == own and time.monotonic() < end:
            time.sleep(0.001)
        return os.getpriority(os.PRIO_PROCESS, thread)

    assert set(while_it_runs(make(), nice)) == {min(19, own + 5)}
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot be taken away")
@pytest.mark.parametrize("make", [lambda: native(3), lambda: rows(3)], ids=["Loader", "rows"])
def test_threads_keep_to_the_cores_of_the_process(make: Callable[[], Any]) -> None:
    all_cores = os.sched_getaffinity(0)
    one = {min(all_cores)}

    def cores(thread: int) -> frozenset[int]:
        return frozenset(os.sched_getaffinity(thread))

    os.sched_setaffinity(0, one)
    try:
        assert set(while_it_runs(make(), cores)) == {frozenset(one)}
        assert _native.usable_cores()["most_threads"] == 1
        assert count(native("auto")) == 1
    finally:
        os.sched_setaffinity(0, all_cores)


def test_workers_are_capped_at_the_cores_and_threads_are_not() -> None:
    cores = len(os.sched_getaffinity(0))
    assert 1 <= count(rows(None)) <= cores
    assert count(rows(cores + 3)) == cores + 3
    assert count(native(cores + 3)) == cores + 3


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot be taken away")
def test_a_rank_bound_to_some_cores_has_them_all() -> None:
    text = """
import os
from stoker._native import usable_cores
cores = os.sched_getaffinity(0)
shared = usable_cores()
os.sched_setaffinity(0, {min(cores)})
bound = usable_cores()
print(shared["host"], shared["share"], bound["host"], bound["affinity"], bound["share"])
"""
    cores = len(os.sched_getaffinity(0))
    environment = {**os.environ, "LOCAL_WORLD_SIZE": str(cores)}
    out = subprocess.run(
        [sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert [float(each) for each in out[:4]] == [cores, 1, cores, 1]
    assert float(out[4]) == 1 or _native.usable_cores()["quota"] is not None
