"""What is not recognised runs in torch, unchanged, and is said once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from PIL import Image, ImageFile  # noqa: E402
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset  # noqa: E402
from torchvision import transforms as v1  # noqa: E402
from torchvision.datasets import FakeData, ImageFolder  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

from stoker.torch import DataLoader  # noqa: E402

TRANSFORM = v1.Compose([v1.Resize((12, 13)), v1.ToTensor()])


class Squares(Dataset):
    def __getitem__(self, index: int) -> int:
        return index * index

    def __len__(self) -> int:
        return 7


class Stream(IterableDataset):
    def __iter__(self) -> Iterator[int]:
        return iter(range(5))


class Brighter(ImageFolder):
    def __getitem__(self, index: int) -> Any:
        image, target = super().__getitem__(index)
        return image + 1, target


def _patched(folder: Path) -> ImageFolder:
    dataset = ImageFolder(folder, TRANSFORM)
    dataset.__getitems__ = lambda keys: [(torch.zeros(1), 5) for _ in keys]
    return dataset


CASES = {
    "function": (
        lambda f: ImageFolder(f, lambda image: v1.functional.to_tensor(image.resize((5, 5)))),
        "user code",
    ),
    "unknown leaf": (
        lambda f: ImageFolder(f, v1.Compose([v2.RandomZoomOut(p=0), TRANSFORM])),
        "RandomZoomOut: no native",
    ),
    "own dataset": (lambda f: Squares(), "dataset Squares"),
    "fake data": (lambda f: FakeData(6, (3, 8, 8), transform=v1.ToTensor()), "dataset FakeData"),
    "subclass": (lambda f: Brighter(f, TRANSFORM), "dataset Brighter"),
    "replaced method": (_patched, "ImageFolder: a method is replaced"),
    "loader": (
        lambda f: ImageFolder(f, TRANSFORM, loader=lambda p: Image.open(p).convert("RGB").rotate(9)),
        "loader=",
    ),
    "iterable": (lambda f: Stream(), "iterable"),
    "other transforms": (
        lambda f: ConcatDataset(
            [
                ImageFolder(f, TRANSFORM),
                ImageFolder(
                    f,
                    v1.Compose(
                        [v1.Resize((12, 13)), v1.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
                    ),
                ),
            ]
        ),
        "different transforms",
    ),
    "subset of an own dataset": (lambda f: Subset(Squares(), [1, 3]), "dataset Squares"),
    "parameter": (
        lambda f: TensorDataset(torch.nn.Parameter(torch.ones(4), requires_grad=False)),
        "a Parameter",
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("num_workers", [0, 1])
def test_batches_are_torchs(
    name: str, num_workers: int, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make, reason = CASES[name]
    dataset = make(folder)
    loader = DataLoader(dataset, batch_size=4, num_workers=num_workers)
    assert loader.explain().startswith("tier: torch")
    assert reason in loader.explain()
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "stoker"):
        batches = [batch for _ in range(2) for batch in loader]
    assert [reason in record.message for record in caplog.records] == [True]
    assert loader.counters() == {}
    expected = list(torch.utils.data.DataLoader(dataset, batch_size=4)) * 2
    assert len(batches) == len(expected)
    for mine, theirs in zip(batches, expected, strict=True):
        pairs = zip(mine, theirs, strict=True) if isinstance(theirs, list) else [(mine, theirs)]
        assert all(torch.equal(a, b) for a, b in pairs)


# torch stops half way through making the iterator, and its __del__ then finds too little.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_arguments_that_need_torch(folder: Path) -> None:
    dataset = ImageFolder(folder, TRANSFORM)
    started: list[int] = []
    for arguments, reason in (
        ({"batch_size": None}, "batch_size=None"),
        ({"num_workers": 1, "worker_init_fn": started.append}, "worker_init_fn"),
        ({"timeout": 3}, "timeout"),
        ({"num_workers": 1, "prefetch_factor": 0}, "prefetch_factor=0"),
    ):
        assert reason in DataLoader(dataset, **arguments).explain()
    assert next(iter(DataLoader(dataset, batch_size=None)))[0].shape == (3, 12, 13)
    for arguments in ({"timeout": 3}, {"num_workers": 1, "prefetch_factor": 0}):
        with pytest.raises(AssertionError):
            iter(DataLoader(dataset, **arguments))
    assert DataLoader(dataset, worker_init_fn=started.append).explain().startswith("tier: native")


def test_tensors_that_carry_gradients(folder: Path) -> None:
    loader = DataLoader(TensorDataset(torch.ones(4, requires_grad=True)), batch_size=4)
    assert "grad" in loader.explain()
    assert next(iter(loader))[0].requires_grad


def test_image_that_stays_pil_fails_as_in_torch(folder: Path) -> None:
    for transform in (None, v1.Resize((4, 4))):
        loader = DataLoader(ImageFolder(folder, transform))
        assert "PIL" in loader.explain()
        with pytest.raises(TypeError, match="default_collate"):
            next(iter(loader))


def test_new_transform_is_seen_in_the_next_epoch(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = ImageFolder(folder, TRANSFORM)
    loader = DataLoader(dataset, batch_size=4)
    assert next(iter(loader))[0].shape == (4, 3, 12, 13)
    TRANSFORM_2 = v1.Compose([v1.Resize((5, 5)), v1.PILToTensor()])
    dataset.transform = TRANSFORM_2
    assert next(iter(loader))[0].dtype == torch.uint8
    TRANSFORM_2.transforms[0].size = (6, 7)
    assert next(iter(loader))[0].shape == (4, 3, 6, 7)
    dataset.samples = dataset.samples[:3]
    assert next(iter(torch.utils.data.DataLoader(dataset, batch_size=9)))[0].shape == (3, 3, 6, 7)
    assert not caplog.records
    dataset.transform = v1.Compose(
        [v1.Resize((8, 8)), v1.Lambda(lambda image: v1.functional.to_tensor(image))]
    )
    short = DataLoader(dataset, batch_size=4)
    with caplog.at_level(logging.WARNING, "stoker"):
        assert next(iter(short))[0].shape == (3, 3, 8, 8)
    assert "Lambda" in caplog.text


def test_file_formats_that_the_engine_cannot_read(make_folder: Any) -> None:
    loader = DataLoader(ImageFolder(make_folder(3, size=(8, 8), suffix="bmp"), v1.ToTensor()), batch_size=3)
    assert "bmp" in loader.explain()
    assert next(iter(loader))[0].shape == (3, 3, 8, 8)


def test_pillow_told_to_accept_cut_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = ImageFolder(folder, TRANSFORM)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert "LOAD_TRUNCATED_IMAGES" in DataLoader(dataset).explain()
    assert DataLoader(dataset, on_error="replace").explain().startswith("tier: native")


def test_default_dtype_decides_what_to_tensor_means(folder: Path) -> None:
    loader = DataLoader(ImageFolder(folder, TRANSFORM))
    torch.set_default_dtype(torch.float64)
    try:
        assert "float64" in loader.explain()
        assert next(iter(loader))[0].dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_range_that_only_torch_takes(folder: Path) -> None:
    crop = v1.Compose([v1.RandomResizedCrop(8, scale=(0.5, 1.5)), v1.ToTensor()])
    loader = DataLoader(ImageFolder(folder, crop), batch_size=12)
    assert "scale" in loader.explain()
    assert next(iter(loader))[0].shape == (12, 3, 8, 8)
