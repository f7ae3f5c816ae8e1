"""Transforms that stay in Python while the drop-in DataLoader makes the rest natively."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
A = pytest.importorskip("albumentations")

from albumentations.pytorch import ToTensorV2  # noqa: E402
from PIL import Image  # noqa: E402
from torchvision import transforms as v1  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

import stoker  # noqa: E402
from stoker.torch import DataLoader, ImageDataset  # noqa: E402

TRANSFORM = v1.Compose([v1.Resize((12, 13)), v1.ToTensor()])


def turned(image: Image.Image) -> Image.Image:
    return image.rotate(90, expand=True)


def doubled(tensor: torch.Tensor) -> torch.Tensor:
    return tensor * 2


def _inverted(image: np.ndarray, **_: Any) -> np.ndarray:
    return 255 - image


def _halved(mask: np.ndarray, **_: Any) -> np.ndarray:
    return mask // 2


class Stripes(A.ImageOnlyTransform):
    """A user's own transform, which draws."""

    def get_params(self) -> dict[str, Any]:
        return {"row": self.py_random.randint(0, 7), "level": int(self.random_generator.integers(0, 256))}

    def apply(self, img: np.ndarray, row: int = 0, level: int = 0, **_: Any) -> np.ndarray:
        img = img.copy()
        img[row::8] = level
        return img


class Mirror(A.DualTransform):
    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        return img[:, ::-1]

    def apply_to_mask(self, mask: np.ndarray, **_: Any) -> np.ndarray:
        return mask[:, ::-1]


def _replaced() -> torch.nn.Module:
    resize = v1.Resize((9, 9))
    resize.forward = lambda image: image.rotate(90).resize((9, 9))
    return resize


def _hooked() -> torch.nn.Module:
    crop = v1.CenterCrop(9)
    crop.register_forward_hook(lambda module, inputs, image: image.rotate(180))
    return crop


PIPELINES = {
    "function": [turned, TRANSFORM],
    "lambda at the end": [TRANSFORM, v1.Lambda(doubled)],
    "between": [v1.Resize((20, 22)), turned, v1.CenterCrop(9), v1.ToTensor(), doubled, v1.CenterCrop(5)],
    "then normalised": [TRANSFORM, doubled, v1.Normalize([0.5], [0.2])],
    "grey": [turned, v1.Grayscale(), TRANSFORM, v1.Lambda(doubled)],
    "resize of a tensor": [v1.ToTensor(), v1.Resize((9, 9), antialias=False)],
    "replaced forward": [_replaced(), v1.ToTensor()],
    "hook": [_hooked(), TRANSFORM],
    "another dtype": [TRANSFORM, v1.Lambda(lambda tensor: (tensor * 255).byte())],
    "tv_tensor": [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.CenterCrop(20), v2.Lambda(doubled)],
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("num_workers", [0, 2])
def test_batches_are_torchs(
    name: str, num_workers: int, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = ImageFolder(folder, v1.Compose(PIPELINES[name]))
    loader = DataLoader(dataset, batch_size=4, num_workers=num_workers)
    with caplog.at_level(logging.WARNING, "stoker"):
        batches = list(loader)
    assert loader.explain().startswith("tier: native"), loader.explain()
    assert not caplog.records
    assert sum(each["calls"] for each in loader.counters()["islands"]) >= 12
    for mine, theirs in zip(batches, torch.utils.data.DataLoader(dataset, batch_size=4), strict=True):
        assert mine[0].dtype == theirs[0].dtype
        assert torch.equal(mine[0], theirs[0])
        assert torch.equal(mine[1], theirs[1])


def test_albumentations_with_a_mask_and_a_function_between(folder: Path, tmp_path: Path) -> None:
    paths = sorted(str(path) for path in folder.glob("*/*.jpg"))
    compose = A.Compose(
        [
            A.Resize(24, 30),
            A.Lambda(image=_inverted, mask=_halved, p=1),
            A.VerticalFlip(p=1),
            Mirror(p=1),
            A.CenterCrop(20, 20),
            A.Normalize(),
            ToTensorV2(),
        ]
    )
    masks = {"mask": _masks_of(paths, tmp_path)}
    dataset = ImageDataset(paths, list(range(len(paths))), compose, masks=masks)
    loader = DataLoader(dataset, batch_size=3, num_workers=2)
    for mine, theirs in zip(loader, torch.utils.data.DataLoader(dataset, batch_size=3), strict=True):
        assert mine.keys() == theirs.keys()
        for key in mine:
            assert torch.equal(mine[key], theirs[key]), key
    assert loader.explain().startswith("tier: native"), loader.explain()
    assert "Mirror: in Python: user code" in loader.explain()


def _masks_of(paths: list[str], folder: Path) -> list[str]:
    masks = []
    for number, path in enumerate(paths):
        mask = folder / f"mask{number}.png"
        Image.open(path).convert("L").save(mask)
        masks.append(str(mask))
    return masks


@pytest.mark.parametrize("group", ["alone", "one of", "by chance"])
def test_albumentations_draws_follow_from_the_sample(folder: Path, group: str) -> None:
    """Whatever the number of threads; and they are not all the same."""
    stripes = Stripes(p=0.7)
    step = {
        "alone": stripes,
        "one of": A.OneOf([stripes, A.RandomFog(p=1)], p=1),
        "by chance": A.Sequential([stripes, A.HorizontalFlip()], p=0.9),
    }[group]
    dataset = ImageFolder(folder, stoker.albumentations(A.Compose([A.Resize(16, 16), step, ToTensorV2()])))

    def images(threads: int) -> Any:
        torch.manual_seed(5)
        loader = DataLoader(dataset, batch_size=5, num_workers=1, threads=threads)
        made = torch.cat([batch[0] for batch in loader])
        assert loader.explain().startswith("tier: native")
        return made

    first = images(1)
    assert torch.equal(images(0), first)
    assert torch.equal(images(3), first)
    plain = ImageFolder(folder, stoker.albumentations(A.Compose([A.Resize(16, 16), ToTensorV2()])))
    changes = [(image - plain[i][0]) for i, image in enumerate(first)]
    assert len({tuple(change.flatten().tolist()) for change in changes}) > 4


def test_albumentations_parameters_have_their_ranges(folder: Path) -> None:
    """Rows and levels of the stripes: all rows, levels over the whole range."""
    dataset = ImageFolder(
        folder, stoker.albumentations(A.Compose([A.Resize(8, 8), Stripes(p=1), ToTensorV2()]))
    )
    plain = ImageFolder(folder, stoker.albumentations(A.Compose([A.Resize(8, 8), ToTensorV2()])))
    images = torch.stack([plain[i][0] for i in range(len(plain))])
    rows, levels = [], []
    for _ in range(25):
        made = torch.cat([batch[0] for batch in DataLoader(dataset, batch_size=6, num_workers=1)])
        for image, before in zip(made, images, strict=True):
            (row,) = {int(each) for each in (image != before).any(0).nonzero()[:, 0]}
            rows.append(row)
            levels.append(int(image[0, row, 0]))
    assert set(rows) == set(range(8))
    assert max(rows.count(row) for row in range(8)) < 70  # of 300
    assert min(levels) < 20
    assert max(levels) > 235
    assert len(set(levels)) > 100


def test_the_callers_transform_is_left_alone(folder: Path) -> None:
    stripes = Stripes(p=1)
    dataset = ImageFolder(folder, stoker.albumentations(A.Compose([A.Resize(8, 8), stripes, ToTensorV2()])))
    before = (stripes.random_generator, stripes.py_random, stripes.random_generator.bit_generator.state)
    for threads in (0, 2):
        list(DataLoader(dataset, batch_size=6, num_workers=1, threads=threads))
    assert (stripes.random_generator, stripes.py_random) == before[:2]
    assert stripes.random_generator.bit_generator.state == before[2]


class Own:
    """Carries a generator of its own."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(1)

    def __call__(self, image: Image.Image) -> Image.Image:
        return image.rotate(int(self.generator.integers(4)) * 90)


DRAWING = {
    "torch's process-wide": lambda tensor: tensor * torch.rand(1),
    "NumPy's process-wide": lambda tensor: tensor * float(np.random.rand()),
    "Own.generator": Own(),
}


@pytest.mark.parametrize("whose", DRAWING)
def test_what_draws_from_shared_generators_stays_with_torch(
    whose: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    step = DRAWING[whose]
    steps = [step, TRANSFORM] if isinstance(step, Own) else [TRANSFORM, step]
    dataset = ImageFolder(folder, v1.Compose(steps))
    loader = DataLoader(dataset, batch_size=4)
    assert "the first sample will tell" in loader.explain()
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    with caplog.at_level(logging.WARNING, "stoker"):
        iterator = iter(loader)
    assert np.array_equal(np.random.get_state()[1], states[1])
    del iterator
    assert loader.explain().startswith("tier: torch")
    assert whose in loader.explain()
    assert whose in caplog.text
    torch.manual_seed(3)
    np.random.seed(3)
    if isinstance(step, Own):
        step.generator = np.random.default_rng(1)
    mine = list(loader)
    torch.manual_seed(3)
    np.random.seed(3)
    if isinstance(step, Own):
        step.generator = np.random.default_rng(1)
    for a, b in zip(mine, torch.utils.data.DataLoader(dataset, batch_size=4), strict=True):
        assert torch.equal(a[0], b[0])


def test_what_fails_at_once_fails_in_torchs_words(folder: Path) -> None:
    def fail(image: Any) -> Any:
        raise KeyError("no such thing")

    loader = DataLoader(ImageFolder(folder, v1.Compose([fail, TRANSFORM])), batch_size=4, num_workers=1)
    with pytest.raises(KeyError, match="no such thing"):
        next(iter(loader))
    assert "KeyError: 'no such thing'" in loader.explain()


def test_what_fails_later_is_named(folder: Path) -> None:
    dataset = ImageFolder(folder, TRANSFORM)
    marked = dataset[7][0]

    def fail(tensor: torch.Tensor) -> torch.Tensor:
        if torch.equal(tensor, marked):
            raise KeyError("no such thing")
        return tensor

    dataset.transform = v1.Compose([TRANSFORM, fail])
    with pytest.raises(stoker.SampleError, match="no such thing") as caught:
        list(DataLoader(dataset, batch_size=4, num_workers=2))
    assert caught.value.path == dataset.samples[7][0]
    assert caught.value.code == "python"
    skipped = DataLoader(dataset, batch_size=4, num_workers=2, on_error="skip", max_bad=1)
    assert sum(len(batch[1]) for batch in skipped) == 11


def test_collate_functions_get_samples_of_any_size(folder: Path) -> None:
    dataset = ImageFolder(folder, v1.Compose([turned, v1.ToTensor()]))
    batches = list(DataLoader(dataset, batch_size=4, num_workers=2, collate_fn=list))
    for (mine, _), (theirs, _) in zip((each for batch in batches for each in batch), dataset, strict=True):
        assert torch.equal(mine, theirs)
