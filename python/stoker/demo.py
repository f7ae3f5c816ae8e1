"""The main job, twice: the same training script with torch's DataLoader and with stoker's."""

from __future__ import annotations

import importlib
import itertools
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stoker.bench import SUFFIXES, find_images
from stoker.machine.clocks import cpu_seconds
from stoker.progress import Progress

CLASSES, BATCH, WORKERS, CHECKED = 10, 64, 2, 256
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGES = Path(".cache/demo")


# ---- images ----


def make_image(path: str, index: int) -> None:
    """A JPEG with the size, detail and noise of a photograph: light, texture, one shape a class."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFilter

    random = np.random.default_rng(index)
    width, height = [(500, 375), (500, 333), (375, 500)][index % 3]

    def field(cells: int) -> Any:
        """Smooth noise with `cells` bumps along the width."""
        small = random.normal(size=(max(2, cells * height // width + 1), cells + 1)).astype(np.float32)
        return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))

    # Amplitudes that fall with frequency, as in photographs.
    octaves = ((4, 1.0), (8, 0.8), (16, 0.6), (32, 0.45), (64, 0.35), (128, 0.28), (250, 0.22))
    detail = 32 * sum(amplitude * field(cells) for cells, amplitude in octaves)
    pixels = np.stack([random.uniform(60, 190) + 18 * field(2) + 10 * field(6) for _ in range(3)], axis=2)

    label = index % CLASSES
    mask = Image.new("L", (width, height))
    radius = random.uniform(0.25, 0.4) * min(width, height)
    center = random.uniform(0.35, 0.65) * width, random.uniform(0.35, 0.65) * height
    corners, turn = 3 + label % 5 if label % 5 < 4 else 40, random.uniform(0, math.pi)
    angles = [turn + 2 * math.pi * k / corners for k in range(corners)]
    outline = [(center[0] + radius * math.cos(a), center[1] + radius * math.sin(a)) for a in angles]
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    share = np.asarray(mask.filter(ImageFilter.GaussianBlur(1.2)), np.float32)[..., None] / 255
    hue = 2 * math.pi * label / CLASSES
    color = [128 + 90 * math.cos(hue + shift) for shift in (0, 2 * math.pi / 3, 4 * math.pi / 3)]
    pixels = pixels * (1 - share) + np.asarray(color, np.float32) * share

    pixels += detail[..., None] + random.normal(scale=7, size=(height, width, 1))
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    unfinished = f"{path}.part"
    image.save(unfinished, "JPEG", quality=93, subsampling=0 if index % 4 else 2)
    os.replace(unfinished, path)


def make_images(folder: Path, count: int) -> None:
    """`count` images in `folder`/class_<n>/; those that exist are kept."""
    missing = []
    for index in range(count):
        path = folder / f"class_{index % CLASSES}" / f"{index:05d}.jpg"
        if not path.exists():
            missing.append((str(path), index))
    if not missing:
        return
    for label in range(CLASSES):
        (folder / f"class_{label}").mkdir(parents=True, exist_ok=True)
    progress = Progress(f"making images in {folder}", total=len(missing))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(make_image, *zip(*missing, strict=True), chunksize=16):
            progress.add(1)
    progress.end("")


@contextmanager
def with_classes(folder: str) -> Iterator[str]:
    """A root with class folders: `folder` itself, or links to its files when it is flat."""
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"{folder} is no folder")
    flat = [path for path in root.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not flat:
        find_images(folder)
        yield folder
        return
    with tempfile.TemporaryDirectory() as links:
        (Path(links) / "all").mkdir()
        for path in flat:
            (Path(links) / "all" / path.name).symlink_to(path.resolve())
        yield links


# ---- the job ----


def import_torchvision() -> None:
    import torch

    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        # A torchvision without its compiled part, or built for another torch: its transforms work all the
        # same once the operators that it describes at import are known.
        for name in ("nms", "qnms"):
            torch.library.define(
                f"torchvision::{name}", "(Tensor boxes, Tensor scores, float limit) -> Tensor"
            )
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        importlib.import_module("torchvision")


def recipes() -> tuple[Any, Any]:
    """Training and validation, as in torchvision's own examples."""
    from torchvision import transforms as T

    tail = [T.ToTensor(), T.Normalize(MEAN, STD)]
    train = [T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.ColorJitter(brightness=0.2, contrast=0.2)]
    return T.Compose(train + tail), T.Compose([T.Resize(256), T.CenterCrop(224), *tail])


def largest_difference(loaders: dict[str, Any], dataset: Any) -> float:
    """Over the same images through both loaders, in order."""
    worst = 0.0
    both = [loader(dataset, BATCH, num_workers=WORKERS) for loader in loaders.values()]
    progress = Progress("comparing pixels, validation recipe", total=len(dataset))
    for (images, labels), (other_images, other_labels) in zip(*both, strict=True):
        if not labels.equal(other_labels):
            return math.inf
        worst = max(worst, float((images - other_images).abs().max()))
        progress.add(len(images))
    progress.end("")
    return worst


def measure(title: str, loader: Any, batches: int, use: Any = None) -> tuple[float, float]:
    """Images/s and CPU ms per image of an epoch, worker processes and the making of the iterator included."""
    progress = Progress(title, total=batches * BATCH)
    cpu, start, count = cpu_seconds(), time.perf_counter(), 0
    iterator = iter(loader)
    for images, labels in itertools.islice(iterator, batches):
        if use is not None:
            use(images, labels)
        count += len(images)
        progress.add(len(images))
    wall = time.perf_counter() - start
    del iterator  # ends the workers, whose time counts from then on
    cost = (cpu_seconds() - cpu) / count * 1e3
    progress.end(f"{count / wall:8.0f} images/s {cost:8.2f} CPU ms/image")
    return count / wall, cost


class Training:
    """A small network; its loss by step."""

    def __init__(self, classes: int) -> None:
        import torch
        from torch import nn

        torch.manual_seed(1)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        layers: list[nn.Module] = []
        for channels_in, channels_out, stride in ((3, 16, 4), (16, 32, 2), (32, 64, 2)):
            layers += [
                nn.Conv2d(channels_in, channels_out, 5, stride),
                nn.BatchNorm2d(channels_out),
                nn.ReLU(),
            ]
        network = nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, max(2, classes))
        )
        self.network = network.to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=3e-3)
        self.measure_loss = nn.CrossEntropyLoss()
        self.losses: list[float] = []

    def step(self, images: Any, labels: Any) -> None:
        self.optimizer.zero_grad()
        loss = self.measure_loss(self.network(images.to(self.device)), labels.to(self.device))
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())


def compare(root: str, images: int, rounds: int, steps: int) -> bool:
    import torch
    import torch.utils.data
    from torch.utils.data import Subset
    from torchvision.datasets import ImageFolder

    import stoker.torch

    # The only difference between the two.
    loaders = {"torch": torch.utils.data.DataLoader, "stoker": stoker.torch.DataLoader}
    train_recipe, validation_recipe = recipes()
    train, validation = ImageFolder(root, train_recipe), ImageFolder(root, validation_recipe)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(1))[:images].tolist()
    difference = largest_difference(loaders, Subset(validation, order[:CHECKED]))

    def make(name: str) -> Any:
        return loaders[name](Subset(train, order), BATCH, shuffle=True, num_workers=WORKERS)

    alone: dict[str, list[tuple[float, float]]] = {name: [] for name in loaders}
    trained: dict[str, tuple[float, float]] = {}
    batches = -(-len(order) // BATCH)
    for name in loaders:
        measure(f"reading ahead: {name}", make(name), min(batches, 4))
    for number in range(rounds):
        for name in loaders:
            title = f"loading alone {number + 1}/{rounds}: {name}"
            alone[name].append(measure(title, make(name), batches))
    trainings = {name: Training(len(train.classes)) for name in loaders}
    for name, training in trainings.items():
        trained[name] = measure(f"training: {name}", make(name), min(batches, steps), training.step)

    def row(title: str, values: list[float], digits: int) -> None:
        print(f"{title:34}{values[0]:12.{digits}f}{values[1]:12.{digits}f}{values[1] / values[0]:10.2f} x")

    def median(name: str, which: int) -> float:
        return statistics.median(each[which] for each in alone[name])

    print(f"\n{len(order)} images, {WORKERS} workers, batches of {BATCH}, {os.cpu_count()} cores")
    print(f"{'':34}{'torch':>12}{'stoker':>12}{'ratio':>12}")
    row("loading alone, images/s", [median(name, 0) for name in loaders], 0)
    row("loading alone, CPU ms/image", [median(name, 1) for name in loaders], 2)
    row(f"training on {trainings['torch'].device}, images/s", [trained[name][0] for name in loaders], 0)
    row("training, CPU ms/image, all", [trained[name][1] for name in loaders], 2)
    for name, training in trainings.items():
        last = statistics.fmean(training.losses[-5:])
        print(f"loss with {name}: {training.losses[0]:.2f} at the first step, {last:.2f} over the last five")
    print(f"largest pixel difference on the validation recipe: {difference:g}")
    return difference == 0


def demo(folder: str | None, images: int, rounds: int, steps: int, only_images: bool) -> bool:
    """Runs the demo; False when the pixels differ or something that it needs is absent."""
    try:
        if folder is None:
            make_images(IMAGES, images)
            if only_images:
                return True
        import_torchvision()
    except ImportError as error:
        print(f"The demo needs torch, torchvision and Pillow: {error}.", file=sys.stderr)
        print("Install them, or run ./dev demo in a checkout, which does it.", file=sys.stderr)
        return False
    with with_classes(folder or str(IMAGES)) as root:
        return compare(root, images, rounds, steps)
