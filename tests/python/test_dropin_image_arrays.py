"""CIFAR and the MNIST family through the drop-in: torchvision's pixels and targets, without its code."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from torch.utils.data import ConcatDataset, Subset  # noqa: E402
from torchvision import datasets, transforms  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

from stoker.torch import DataLoader  # noqa: E402

CIFAR = [datasets.CIFAR10, datasets.CIFAR100]
MNIST = [datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST]


def cifar(
    cls: Any, count: int = 20, transform: Any = None, target_transform: Any = None, seed: int = 0
) -> Any:
    """As after a download, which a test cannot make: the constructor does no more than fill these."""
    rng = np.random.default_rng(seed)
    dataset = cls.__new__(cls)
    dataset.data = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    dataset.targets = rng.integers(0, 10, count).tolist()
    dataset.transform, dataset.target_transform = transform, target_transform
    return dataset


def write_idx(path: Path, array: np.ndarray) -> None:
    path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


def mnist(cls: Any, root: Path, count: int = 20, **options: Any) -> Any:
    """A dataset read by torchvision itself from files in MNIST's format."""
    folder = root / cls.__name__ / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    digits = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    digits[:, :4] = 0  # a margin, as digits have
    for split in ("train", "t10k"):
        write_idx(folder / f"{split}-images-idx3-ubyte", digits)
        write_idx(folder / f"{split}-labels-idx1-ubyte", rng.integers(0, 10, count, dtype=np.uint8))
    return cls(root, train=True, **options)


def assert_as_torch(dataset: Any, **options: Any) -> None:
    ours = DataLoader(dataset, batch_size=6, shuffle=True, **options)
    assert ours.explain().startswith("tier: native"), ours.explain()
    theirs = torch.utils.data.DataLoader(dataset, batch_size=6, shuffle=True)
    torch.manual_seed(4)
    wanted = list(theirs)
    torch.manual_seed(4)
    got = list(ours)
    assert len(got) == len(wanted)
    for (images, targets), (wanted_images, wanted_targets) in zip(got, wanted, strict=True):
        assert images.dtype == wanted_images.dtype and torch.equal(images, wanted_images)
        assert targets.dtype == wanted_targets.dtype and torch.equal(targets, wanted_targets)


COLOURED = {
    "ToTensor": [transforms.ToTensor()],
    "Normalize": [transforms.ToTensor(), transforms.Normalize((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))],
    "Resize": [transforms.Resize(40), transforms.ToTensor()],
    "uint8": [transforms.PILToTensor()],
    "v2": [v2.RandomHorizontalFlip(p=1), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)],
}


@pytest.mark.parametrize("steps", COLOURED.values(), ids=COLOURED.keys())
@pytest.mark.parametrize("cls", CIFAR)
def test_cifar(cls: Any, steps: list[Any]) -> None:
    assert_as_torch(cifar(cls, transform=transforms.Compose(steps)))
    assert_as_torch(cifar(cls, transform=transforms.Compose(steps)), num_workers=2)


def fixed(value: float) -> tuple[float, float]:
    return (value, value)


GREY = {
    "ToTensor": [],
    "Normalize": [transforms.Normalize((0.1307,), (0.3081,))],
    "Resize": [transforms.Resize((33, 35))],
    "CenterCrop": [transforms.CenterCrop(20)],
    "Pad": [transforms.Pad((2, 1, 3, 4), fill=9)],
    "Pad reflect": [transforms.Pad(3, padding_mode="reflect")],
    "RandomCrop": [transforms.RandomCrop((28, 28))],
    "RandomResizedCrop": [transforms.RandomResizedCrop(24, scale=fixed(1.0), ratio=fixed(1.0))],
    "flips": [transforms.RandomHorizontalFlip(p=1), transforms.RandomVerticalFlip(p=1)],
    "RandomRotation": [transforms.RandomRotation(fixed(17), fill=3)],
    "RandomAffine": [transforms.RandomAffine(fixed(-20), scale=fixed(0.8), shear=fixed(5))],
    "ColorJitter": [transforms.ColorJitter(fixed(1.3))],
    "contrast": [transforms.ColorJitter(contrast=fixed(0.6))],
    "saturation and hue": [
        transforms.ColorJitter(saturation=fixed(0.4)),
        transforms.ColorJitter(hue=fixed(0.2)),
    ],
    "Grayscale": [transforms.Grayscale()],
    "three channels": [transforms.Grayscale(3), transforms.Resize(36)],
    "invert": [transforms.RandomInvert(p=1)],
    "posterize": [transforms.RandomPosterize(3, p=1)],
    "solarize": [transforms.RandomSolarize(100, p=1)],
    "equalize": [transforms.RandomEqualize(p=1)],
    "autocontrast": [transforms.CenterCrop(6), transforms.RandomAutocontrast(p=1)],
    "sharpness": [transforms.RandomAdjustSharpness(1.7, p=1)],
}


@pytest.mark.parametrize("steps", GREY.values(), ids=GREY.keys())
def test_grey_pixels(tmp_path: Path, steps: list[Any]) -> None:
    after = [step for step in steps if isinstance(step, transforms.Normalize)]
    before = [step for step in steps if step not in after]
    compose = transforms.Compose([*before, transforms.ToTensor(), *after])
    assert_as_torch(mnist(datasets.MNIST, tmp_path, transform=compose))


@pytest.mark.parametrize("cls", MNIST)
def test_the_mnist_family(tmp_path: Path, cls: Any) -> None:
    options = {"transform": transforms.ToTensor(), "target_transform": lambda target: target * 10}
    dataset = mnist(cls, tmp_path, **options)
    assert_as_torch(dataset)
    assert_as_torch(Subset(dataset, [3, 3, 1, -1]), num_workers=2)
    assert_as_torch(ConcatDataset([dataset, Subset(dataset, [5, 4])]))


def test_parts_keep_their_own_target_transform() -> None:
    first = cifar(datasets.CIFAR10, 7, transforms.ToTensor(), lambda target: target + 100)
    second = cifar(datasets.CIFAR10, 9, transforms.ToTensor(), seed=2)
    assert_as_torch(ConcatDataset([first, second, first]))


def test_data_and_targets_may_be_cut_or_replaced_between_epochs() -> None:
    dataset = cifar(datasets.CIFAR10, 20, transforms.ToTensor())
    assert_as_torch(dataset)
    dataset.data, dataset.targets = dataset.data[::2], [7] * 10
    assert_as_torch(dataset)


class Changed(datasets.CIFAR10):
    def __getitem__(self, index: int) -> Any:
        return super().__getitem__(0)


def test_what_stays_with_torch(tmp_path: Path) -> None:
    to_tensor = transforms.ToTensor()
    cases = [
        (cifar(Changed, transform=to_tensor), "dataset Changed"),
        (cifar(datasets.CIFAR10), "PIL image"),
        (cifar(datasets.CIFAR10, transform=transforms.Compose([to_tensor, lambda x: x])), "lambda"),
        (ConcatDataset([cifar(c, transform=to_tensor) for c in CIFAR]), "different types"),
        (
            mnist(
                datasets.MNIST, tmp_path, transform=transforms.Compose([transforms.RandAugment(), to_tensor])
            ),
            "on grey images",
        ),
    ]
    wide = cifar(datasets.CIFAR10, transform=to_tensor)
    wide.data = wide.data.astype(np.float32)
    cases.append((wide, "no longer 8-bit"))
    text = cifar(datasets.CIFAR10, 3, transform=to_tensor)
    text.targets = ["a", "b", "c"]
    cases.append((text, "not all integers"))
    for dataset, reason in cases:
        assert reason in DataLoader(dataset).explain()
