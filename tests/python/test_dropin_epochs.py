"""What the drop-in keeps from one epoch to the next, and what makes it look anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from torchvision import transforms as T  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402

from stoker.lowering.listed_files import KeptFiles  # noqa: E402
from stoker.torch import DataLoader  # noqa: E402

FILES = [(f"{number}.jpg", number % 3) for number in range(6)]


def replaced(samples: list[Any]) -> None:
    samples[1] = (samples[4][0], 7)


def swapped(samples: list[Any]) -> None:
    samples[0], samples[5] = samples[5], samples[0]


def shortened(samples: list[Any]) -> None:
    del samples[3]


def lengthened(samples: list[Any]) -> None:
    samples.append(samples[2])


def of_booleans(samples: list[Any]) -> None:
    """Equal to what was there, and yet torch makes another dtype of them."""
    samples[:] = [(path, bool(target)) for path, target in samples]


CHANGES = [replaced, swapped, shortened, lengthened, of_booleans]


@pytest.mark.parametrize("change", CHANGES)
def test_samples_changed_between_epochs(folder: Path, change: Callable[[list[Any]], None]) -> None:
    dataset = ImageFolder(str(folder), T.Compose([T.Resize((8, 8)), T.ToTensor()]))
    dataset.samples = [(path, number % 2) for number, (path, _) in enumerate(dataset.samples[:6])]
    ours = DataLoader(dataset, batch_size=4)
    theirs = torch.utils.data.DataLoader(dataset, batch_size=4)
    for _ in range(2):
        for _ in range(2):  # the second time nothing has changed
            for (images, targets), (wanted, wanted_targets) in zip(ours, theirs, strict=True):
                assert torch.allclose(images, wanted, atol=1e-6)
                assert targets.dtype == wanted_targets.dtype
                assert torch.equal(targets, wanted_targets)
        change(dataset.samples)


@pytest.mark.parametrize("change", CHANGES)
def test_files_are_listed_anew_where_they_changed(change: Callable[[list[Any]], None]) -> None:
    kept, samples = KeptFiles(), list(FILES)
    first = kept.of([samples])
    assert kept.of([samples]) is first
    assert kept.of([list(samples)]) is first
    change(samples)
    assert kept.of([samples]) is not first
    assert len(kept.of([samples]).source) == len(samples)


@pytest.mark.parametrize(
    "samples",
    [
        [[path, target] for path, target in FILES],
        [(Path(path), target) for path, target in FILES],
        [(path, [target]) for path, target in FILES],
    ],
    ids=["a list", "a path", "a target"],
)
def test_what_could_change_within_is_not_kept(samples: list[Any]) -> None:
    kept = KeptFiles()
    assert kept.of([samples]) is not kept.of([samples])
