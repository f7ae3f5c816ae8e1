"""Starts and stops loaders in one process: `stop_cycles.py FOLDER CYCLES [KIND...]`; writes JSON.

A cycle is one kind of loader and one way to stop it. The time of a stop runs from the last thing that the
trainer did (for an interrupt: from the signal) until the iterator is gone.
"""

from __future__ import annotations

import gc
import itertools
import json
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torchvision_schemas

torchvision_schemas.define_missing()

from torch.utils.data import TensorDataset  # noqa: E402
from torchvision import transforms as v1  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402

import stoker  # noqa: E402
from stoker.torch import DataLoader  # noqa: E402

logging.getLogger("stoker").setLevel(logging.ERROR)
TRANSFORM = v1.Compose([v1.Resize((32, 32)), v1.ToTensor()])


class MineError(Exception):
    """Raised by the user's code."""


class OwnFolder(ImageFolder):
    """A class that the engine does not know; sample 13 is bad in every second epoch or so."""

    is_bad = False

    def __getitem__(self, index: int) -> Any:
        if self.is_bad and index == 13:
            raise MineError(f"sample {index}")
        return super().__getitem__(index)


def makers(folder: str) -> dict[str, Callable[[], Any]]:
    """A function that makes an iterator, for each kind of loader; half of them keep their loader."""
    paths = sorted(Path(folder).rglob("*.jpg")) * 4
    known = ImageFolder(folder, TRANSFORM)
    known.samples *= 4
    own = OwnFolder(folder, TRANSFORM)
    own.samples *= 4
    rows = TensorDataset(torch.arange(200_000.0).reshape(-1, 10), torch.arange(20_000))

    def native(**options: Any) -> Any:
        return stoker.Loader(
            stoker.files(paths), [stoker.random_resized_crop(32)], batch_size=4, seed=1, **options
        )

    kept = native(threads=2)
    kept_dropin = DataLoader(known, 4, shuffle=True, num_workers=2)
    kept_threads = DataLoader(own, 4, shuffle=True, num_workers=2, workers="thread")

    def on_threads() -> Any:
        own.is_bad = random.random() < 0.5
        return iter(kept_threads)

    return {
        "Loader, kept": lambda: iter(kept),
        "Loader": lambda: iter(native(threads=2)),
        "Loader, no threads": lambda: iter(native(threads=0)),
        "drop-in, kept": lambda: iter(kept_dropin),
        "drop-in": lambda: iter(DataLoader(known, 4, num_workers=2, persistent_workers=True)),
        "drop-in, rows": lambda: iter(DataLoader(rows, 64, shuffle=True, num_workers=2)),
        "threads, kept": on_threads,
        "threads": lambda: iter(DataLoader(own, 4, num_workers=2, workers="thread")),
        "processes": lambda: iter(DataLoader(own, 4, num_workers=2)),
    }


def take(iterator: Any, count: int) -> None:
    for _ in itertools.islice(iterator, count):
        pass


def abandon(make: Callable[[], Any], batches: int) -> float:
    iterator = make()
    take(iterator, batches)
    begin = time.monotonic()
    del iterator
    return time.monotonic() - begin


def in_a_cycle(make: Callable[[], Any], batches: int) -> float:
    """The collector finds it, not the last reference."""
    cycle = [make()]
    cycle.append(cycle)
    take(cycle[0], batches)
    begin = time.monotonic()
    del cycle
    gc.collect()
    return time.monotonic() - begin


def close(make: Callable[[], Any], batches: int) -> float:
    iterator = make()
    take(iterator, batches)
    begin = time.monotonic()
    if isinstance(iterator, torch.utils.data.dataloader._BaseDataLoaderIter):
        iterator._shutdown_workers()
    else:
        iterator._loader.close()
    end = time.monotonic()
    return end - begin


def raise_in_the_loop(make: Callable[[], Any], batches: int) -> float:
    begin = 0.0
    try:
        for place, _ in enumerate(make()):
            if place >= batches:
                begin = time.monotonic()
                raise MineError
    except MineError:
        pass
    return time.monotonic() - begin if begin else 0.0


def whole_epoch(make: Callable[[], Any], batches: int) -> float:
    iterator = make()
    for _ in iterator:
        pass
    begin = time.monotonic()
    del iterator
    return time.monotonic() - begin


def interrupt(make: Callable[[], Any], batches: int) -> float:
    """Ctrl-C at any moment, while the iterator is made or dropped too."""
    sent = 0.0

    def handle(number: int, frame: Any) -> None:
        nonlocal sent
        sent = time.monotonic()
        raise KeyboardInterrupt

    iterator = None
    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.02))
    try:
        while not sent:  # Python drops what is raised in __del__
            iterator = make()
            for _ in iterator:
                if sent:
                    break
    except KeyboardInterrupt:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    iterator = None
    return time.monotonic() - sent


WAYS = {
    "abandon": abandon,
    "in a cycle": in_a_cycle,
    "close": close,
    "raise": raise_in_the_loop,
    "whole epoch": whole_epoch,
    "interrupt": interrupt,
}


def counts() -> tuple[int, int, float]:
    """Threads, descriptors and resident MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    threads, descriptors = (len(os.listdir(f"/proc/self/{name}")) for name in ("task", "fd"))
    return threads, descriptors, pages * os.sysconf("SC_PAGESIZE") / 2**20


def settled(threads: int) -> tuple[int, int, float]:
    """The counts once threads that were told to go are gone."""
    gc.collect()
    end = time.monotonic() + 10
    while counts()[0] > threads and time.monotonic() < end:
        time.sleep(0.01)
    return counts()


def main(folder: str, cycles: int, names: list[str]) -> None:
    random.seed(0)
    dropped = 0

    def hook(problem: Any) -> None:
        nonlocal dropped
        if problem.exc_type is KeyboardInterrupt:
            dropped += 1
        else:
            sys.__unraisablehook__(problem)

    sys.unraisablehook = hook
    kinds = makers(folder)
    # torch's processes are no part of stoker, and take longer than all else together; only if named.
    plan = list(itertools.product(names or [name for name in kinds if name != "processes"], WAYS))
    stops: dict[tuple[str, str], list[float]] = {}

    def cycle(number: int) -> None:
        kind, way = plan[number % len(plan)]
        # A sample that fails is the user's exception; it comes out of next() and ends the loop.
        try:
            stop_s = WAYS[way](kinds[kind], random.randrange(5))
        except (MineError, KeyboardInterrupt):  # the alarm may come after a sample that fails
            stop_s = 0.0
        stops.setdefault((kind, way), []).append(stop_s)

    before = counts()[0]
    for number in range(2 * len(plan)):  # warm
        cycle(number)
    begin = settled(before)
    gc.freeze()  # torch's modules are most of what a collection looks at
    marks = {cycles // 10: 0.0, cycles // 2: 0.0, cycles: 0.0}
    stops.clear()
    for number in range(1, cycles + 1):
        cycle(number)
        if number in marks:
            marks[number] = settled(begin[0])[2]
    end = settled(begin[0])
    worst = max(stops, key=lambda each: max(stops[each]))
    report = {
        "cycles": cycles,
        "ways": list(WAYS),
        "stops": [
            {"kind": kind, "way": way, "count": len(each), "worst_s": round(max(each), 4)}
            for (kind, way), each in stops.items()
        ],
        "worst_stop_s": round(max(stops[worst]), 4),
        "worst": ", ".join(worst),
        "interrupts_in_del": dropped,
        "threads_left": end[0] - begin[0],
        "descriptors_left": end[1] - begin[1],
        "rss_mib": [round(begin[2], 1), *(round(each, 1) for each in marks.values())],
        "grown_mib": round(end[2] - marks[cycles // 10], 1),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
