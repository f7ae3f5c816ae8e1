"""Classification: a torch script over an image folder, where one import is changed.

    python examples/classification.py [--data FOLDER]

`train` is the script as it was. It is run with torch's DataLoader and with stoker's, in turn; dataset,
transforms and network are those of torch and torchvision for both.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.utils.data
from made_data import photographs
from measuring import show, show_bounds, take_turns
from torch import nn
from torchvision import transforms as T
from torchvision.datasets import ImageFolder

import stoker.torch

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RECIPE = T.Compose(
    [
        T.RandomResizedCrop(224),
        T.RandomHorizontalFlip(),
        T.ColorJitter(brightness=0.2, contrast=0.2),
        T.ToTensor(),
        T.Normalize(MEAN, STD),
    ]
)
CHECKED = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(), T.Normalize(MEAN, STD)])


def make_loader(root: Path, DataLoader: Any) -> Any:
    """The only thing that differs is where DataLoader was imported from."""
    return DataLoader(ImageFolder(str(root), RECIPE), batch_size=32, shuffle=True, num_workers=2)


def make_step(classes: int) -> Callable[[Any], None]:
    """A network, its optimizer, and a training step with one batch."""
    network = nn.Sequential(
        nn.Conv2d(3, 16, 7, stride=4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, classes),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)

    def step(batch: Any) -> None:
        images, labels = batch
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return step


def train(root: Path, DataLoader: Any) -> int:
    """One epoch."""
    loader = make_loader(root, DataLoader)
    step, count = make_step(len(loader.dataset.classes)), 0
    for batch in loader:
        step(batch)
        count += len(batch[0])
    return count


def largest_difference(root: Path) -> float:
    """Over the pixels of the validation recipe, in which nothing is random."""
    dataset = ImageFolder(str(root), CHECKED)
    both = [
        loader(dataset, batch_size=32, num_workers=2)
        for loader in (torch.utils.data.DataLoader, stoker.torch.DataLoader)
    ]
    return max(float((ours - theirs).abs().max()) for (ours, _), (theirs, _) in zip(*both, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, help="root/<class>/<file>; made when left out")
    parser.add_argument("--images", type=int, default=512, help="to make")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="to profile each loader")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = args.data or photographs(Path(folder), args.images)
        print(f"largest difference of a pixel, validation recipe: {largest_difference(root):g}")
        ways = {
            "before: from torch.utils.data": lambda: train(root, torch.utils.data.DataLoader),
            "after: from stoker.torch": lambda: train(root, stoker.torch.DataLoader),
        }
        show("training, 2 workers, the network included", take_turns(ways, args.rounds))
        loaders = [make_loader(root, each) for each in (torch.utils.data.DataLoader, stoker.torch.DataLoader)]
        loops = {
            name: (loader, make_step(len(loader.dataset.classes)))
            for name, loader in zip(ways, loaders, strict=True)
        }
        show_bounds(loops, args.seconds)


if __name__ == "__main__":
    main()
