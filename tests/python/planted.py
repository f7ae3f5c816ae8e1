"""Pipelines with one planted bottleneck each, and what a profile must call it.

Run as a program, it profiles each of them many times and prints the table of docs/advisor.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from images import picture, write_folder
from torch.utils import data as torch_data

import stoker
from stoker.profiling import Profile

SECONDS = 1.5


class Numbers(torch_data.Dataset[Any]):
    """Samples that cost next to nothing but what is planted."""

    def __init__(self, plant: Callable[[], None], transform: Any = None) -> None:
        self.plant = plant
        self.transform = transform

    def __len__(self) -> int:
        return 100_000

    def __getitem__(self, index: int) -> Any:
        self.plant()
        sample = torch.full((3, 8, 8), float(index))
        return sample if self.transform is None else self.transform(sample)


class Photos(torch_data.Dataset[Any]):
    """Files that Pillow decodes, and nothing is done with them."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return 100_000

    def __getitem__(self, index: int) -> Any:
        from PIL import Image

        pixels = np.asarray(Image.open(self.paths[index % len(self.paths)]))
        return torch.from_numpy(pixels[:8, :8].copy())


def nothing() -> None:
    pass


def slow_read() -> None:
    time.sleep(0.004)


class SlowTransform:
    """Some milliseconds of nothing but Python."""

    def __call__(self, sample: Any) -> Any:
        total = 0
        for number in range(60_000):
            total += number
        return sample


def photographs(count: int = 24) -> np.ndarray:
    return np.stack([picture(160, 160, seed=i) for i in range(count)])


def slow_disk(folder: Path) -> Profile:
    return stoker.profile(torch_data.DataLoader(Numbers(slow_read), batch_size=4), seconds=SECONDS)


def slow_disk_in_workers(folder: Path) -> Profile:
    loader = torch_data.DataLoader(Numbers(slow_read), batch_size=4, num_workers=2)
    return stoker.profile(loader, seconds=SECONDS)


def slow_decoding_in_workers(folder: Path) -> Profile:
    paths = write_folder(folder, 8, size=(600, 800))
    loader = torch_data.DataLoader(Photos(paths), batch_size=4, num_workers=2)
    return stoker.profile(loader, seconds=SECONDS)


def slow_operator(folder: Path) -> Profile:
    chain = [
        stoker.horizontal_flip(),
        stoker.median_blur(blur_limit=(7, 7), p=1.0),
        stoker.normalize((0.5,) * 3, (0.5,) * 3),
    ]
    loader = stoker.Loader(stoker.arrays(photographs()), chain, batch_size=4, threads=1)
    return stoker.profile(loader, seconds=SECONDS)


def slow_trainer(folder: Path) -> Profile:
    loader = stoker.Loader(stoker.arrays(photographs()), [stoker.to_float()], batch_size=4, threads=1)
    return stoker.profile(loader, step=lambda batch: time.sleep(0.05), seconds=SECONDS)


def interpreter_held(folder: Path) -> Profile:
    from stoker.torch import DataLoader

    data = Numbers(nothing, SlowTransform())
    loader = DataLoader(data, batch_size=4, num_workers=2, workers="thread")
    return stoker.profile(loader, seconds=SECONDS)


def too_many_threads(folder: Path) -> Profile:
    chain = [stoker.median_blur(blur_limit=(7, 7), p=1.0)]
    threads = 8 * len(os.sched_getaffinity(0))
    loader = stoker.Loader(stoker.arrays(photographs()), chain, batch_size=16, threads=threads)
    return stoker.profile(loader, seconds=2 * SECONDS)


@dataclass
class Plant:
    profile: Callable[[Path], Profile]
    bound_by: str
    name: str
    what: str

    def is_named_by(self, made: Profile) -> bool:
        return (made.verdict.bound_by, made.verdict.name) == (self.bound_by, self.name)


PLANTS = {
    "slow disk": Plant(slow_disk, "storage", "storage", "each sample sleeps 4 ms in `__getitem__`"),
    "slow disk in workers": Plant(
        slow_disk_in_workers, "storage", "storage", "the same in two worker processes of torch"
    ),
    "slow operator": Plant(
        slow_operator, "operator", "median_blur", "a 7 x 7 median between cheap operators, one thread"
    ),
    "slow decoding in workers": Plant(
        slow_decoding_in_workers,
        "decode",
        "ImageFile.load",
        "JPEGs of 800 x 600 by Pillow, in two worker processes",
    ),
    "starved trainer": Plant(
        slow_trainer, "trainer", "trainer", "a step of 50 ms, a loader that needs less than one"
    ),
    "held interpreter": Plant(
        interpreter_held, "python", "SlowTransform", "a transform in pure Python, two threads"
    ),
    "too many threads": Plant(too_many_threads, "threads", "threads", "eight threads a core"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--only", help="plants whose name holds this")
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{args.runs} runs each, {cores} cores, load average before {os.getloadavg()[0]:.1f}.\n")
    print("| planted | what | must be called | named right | called otherwise |\n" + "| --- " * 5 + "|")
    for name, plant in PLANTS.items():
        if args.only and args.only not in name:
            continue
        right, wrong = 0, dict[str, int]()
        for _ in range(args.runs):
            with tempfile.TemporaryDirectory() as folder:
                made = plant.profile(Path(folder))
            if plant.is_named_by(made):
                right += 1
            else:
                found = f"{made.verdict.bound_by} {made.verdict.name}"
                wrong[found] = wrong.get(found, 0) + 1
        others = ", ".join(f"{found}: {count}" for found, count in wrong.items())
        wanted = plant.bound_by if plant.name == plant.bound_by else f"{plant.bound_by} {plant.name}"
        print(f"| {name} | {plant.what} | {wanted} | {right} of {args.runs} | {others} |", flush=True)
    print(f"\nLoad average after: {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
