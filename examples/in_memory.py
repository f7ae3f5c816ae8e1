"""Tensors in memory: torch's loader takes them out one by one and stacks them; stoker gathers whole batches.

    python examples/in_memory.py

First a TensorDataset, where one import is changed. Then the same images with random crop, flip and
normalisation, in torch for each sample, and as operators of `stoker.Loader` over `stoker.arrays`.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
import torch.utils.data
from measuring import show, show_bounds, take_turns
from torch.nn.functional import pad

import stoker
import stoker.torch

BATCH, MEAN, STD = 256, (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


class Augmented(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Random crop with a margin of 4, flip, normalise; as in most scripts for small images."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = images, labels
        self.mean, self.std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        y, x = torch.randint(0, 9, (2,)).tolist()
        image = pad(self.images[index], (4, 4, 4, 4))[:, y : y + 32, x : x + 32]
        if torch.rand(()) < 0.5:
            image = image.flip(2)
        return (image.float() / 255 - self.mean) / self.std, self.labels[index]


def epoch(loader: Any) -> int:
    count = sum(len(images) for images, _ in loader)
    if isinstance(loader, stoker.Loader):
        loader.close()  # so that the next epoch is not begun before its turn
    return count


def check(dataset: torch.utils.data.TensorDataset) -> None:
    """For one seed, both loaders must give the same batches in the same order."""
    batches = []
    for DataLoader in (torch.utils.data.DataLoader, stoker.torch.DataLoader):
        torch.manual_seed(5)
        batches.append(list(DataLoader(dataset, batch_size=BATCH, shuffle=True)))
    for ours, theirs in zip(*batches, strict=True):
        assert all(torch.equal(mine, wanted) for mine, wanted in zip(ours, theirs, strict=True))
    print(f"{len(batches[0])} batches of one shuffled epoch are equal, bit for bit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="to profile each loader")
    args = parser.parse_args()
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.integers(0, 256, (args.images, 3, 32, 32), np.uint8))
    labels = torch.from_numpy(random.integers(0, 10, args.images))
    dataset = torch.utils.data.TensorDataset(images, labels)
    check(dataset)
    ways = {
        "before: from torch.utils.data": torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True),
        "after: from stoker.torch": stoker.torch.DataLoader(dataset, batch_size=BATCH, shuffle=True),
    }
    runs = {name: (lambda loader=loader: epoch(loader)) for name, loader in ways.items()}
    show("a TensorDataset, no augmentation", take_turns(runs, args.rounds))

    source = stoker.arrays(images, labels, layout="nchw")
    steps = [stoker.random_crop(32, padding=4), stoker.horizontal_flip(), stoker.normalize(MEAN, STD)]
    augmented = Augmented(images, labels)
    ways = {
        "before: Dataset in Python": torch.utils.data.DataLoader(augmented, batch_size=BATCH, shuffle=True),
        "after: stoker.arrays and operators": stoker.Loader(
            source, steps, batch_size=BATCH, shuffle=True, threads=1
        ),
    }
    runs = {name: (lambda loader=loader: epoch(loader)) for name, loader in ways.items()}
    show("random crop, flip and normalise", take_turns(runs, args.rounds))
    show_bounds({name: (loader, None) for name, loader in ways.items()}, args.seconds)


if __name__ == "__main__":
    main()
