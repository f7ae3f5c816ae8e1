"""Random transforms: torchvision's distributions, and torchvision's pixels for what was drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from PIL import Image  # noqa: E402
from torchvision import transforms as v1  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402
from torchvision.transforms import functional as F  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

import stoker  # noqa: E402
from stoker.torch import DataLoader  # noqa: E402

DRAWS = 2000


@pytest.fixture(scope="module")
def image(folder: Path) -> Image.Image:
    path, _ = ImageFolder(folder).samples[1]
    with Image.open(path) as opened:
        return opened.convert("RGB")


def native(transform: Any) -> Any:
    """The one native operator of a torchvision transform."""
    (operator,) = stoker.from_transforms(v1.Compose([transform, v1.PILToTensor()])).operators
    return operator


def draws(operator: Any, image: Image.Image, count: int = DRAWS) -> list[dict[str, Any]]:
    return [operator.draw(image.height, image.width, seed=1, index=index) for index in range(count)]


def assert_same_distribution(ours: Sequence[float], theirs: Sequence[float]) -> None:
    """Kolmogorov and Smirnov's distance of two samples, within what chance allows (1 in 10,000)."""
    values = np.sort(np.concatenate([ours, theirs]))
    steps = [np.searchsorted(np.sort(side), values, "right") / len(side) for side in (ours, theirs)]
    limit = math.sqrt(-math.log(0.5e-4) / 2 * (1 / len(ours) + 1 / len(theirs)))
    assert np.abs(steps[0] - steps[1]).max() < limit


@pytest.mark.parametrize("limits", [{}, {"scale": (0.5, 1.0)}, {"scale": (0.9, 1.0), "ratio": (2.0, 3.0)}])
def test_random_resized_crop(image: Image.Image, limits: dict[str, Any]) -> None:
    transform = v1.RandomResizedCrop((31, 25), **limits)
    torch.manual_seed(4)
    theirs = np.array([transform.get_params(image, transform.scale, transform.ratio) for _ in range(DRAWS)])
    drawn = draws(native(transform), image)
    ours = np.array([[each[name] for name in ("y", "x", "height", "width")] for each in drawn])
    for column in range(4):
        assert_same_distribution(ours[:, column], theirs[:, column])
    assert_same_distribution(ours[:, 3] / ours[:, 2], theirs[:, 3] / theirs[:, 2])


@pytest.mark.parametrize("mode", list(F.InterpolationMode))
def test_pixels_of_random_resized_crop(image: Image.Image, mode: F.InterpolationMode) -> None:
    operator = native(v1.RandomResizedCrop((31, 25), interpolation=mode))
    for draw in draws(operator, image, 20):
        place = [int(draw[name]) for name in ("y", "x", "height", "width")]
        expected = F.resized_crop(image, *place, (31, 25), mode)
        assert np.array_equal(operator.apply(np.asarray(image), draw), np.asarray(expected)), draw


@pytest.mark.parametrize(
    ("size", "arguments", "padding"),
    [
        ((20, 30), {}, (0, 0, 0, 0)),
        ((30, 20), {"padding": 4}, (4, 4, 4, 4)),
        ((25, 25), {"padding": (3, 0), "fill": 9}, (3, 0, 3, 0)),
        ((25, 25), {"padding": [1, 2, 3, 4], "fill": (5, 6, 7)}, (1, 2, 3, 4)),
        ((90, 20), {"pad_if_needed": True}, (0, 11, 0, 11)),
        ((90, 70), {"padding": 2, "pad_if_needed": True, "fill": 200}, (11, 9, 11, 9)),
    ],
)
@pytest.mark.parametrize("version", [v1, v2], ids=["v1", "v2"])
def test_random_crop(
    image: Image.Image,
    version: Any,
    size: tuple[int, int],
    arguments: dict[str, Any],
    padding: tuple[int, ...],
) -> None:
    """Every window of the padded image, evenly, and with torchvision's pixels."""
    assert image.size == (57, 79)
    operator = native(version.RandomCrop(size, **arguments))
    drawn = draws(operator, image)
    left, top, right, bottom = padding
    for name, before, whole, cut in (
        ("y", top, 79 + top + bottom, size[0]),
        ("x", left, 57 + left + right, size[1]),
    ):
        values, counts = np.unique([draw[name] for draw in drawn], return_counts=True)
        places = whole - cut + 1
        assert list(values) == list(range(-before, places - before))
        expected = DRAWS / places
        excess = ((counts - expected) ** 2 / expected).sum() - (places - 1)
        assert excess < 5 * math.sqrt(2 * places)
    fill = arguments.get("fill", 0)
    padded = F.pad(image, list(padding), fill)
    for draw in drawn[:20]:
        expected_image = F.crop(padded, int(draw["y"]) + top, int(draw["x"]) + left, *size)
        assert np.array_equal(operator.apply(np.asarray(image), draw), np.asarray(expected_image)), draw


@pytest.mark.parametrize(
    ("make", "apply"), [(v1.RandomHorizontalFlip, F.hflip), (v1.RandomVerticalFlip, F.vflip)], ids=["h", "v"]
)
def test_flips(image: Image.Image, make: Callable[..., Any], apply: Callable[..., Any]) -> None:
    operator = native(make(0.3))
    drawn = draws(operator, image)
    share = np.mean([draw["applies"] for draw in drawn])
    assert abs(share - 0.3) < 5 * math.sqrt(0.3 * 0.7 / DRAWS)
    for draw in drawn[:10]:
        expected = apply(image) if draw["applies"] else image
        assert np.array_equal(operator.apply(np.asarray(image), draw), np.asarray(expected))


def test_two_flips_do_not_share_their_coin(folder: Path) -> None:
    dataset = ImageFolder(
        folder,
        v1.Compose([v1.Resize((4, 4)), v1.RandomHorizontalFlip(), v1.RandomVerticalFlip(), v1.PILToTensor()]),
    )
    plain = ImageFolder(folder, v1.Compose([v1.Resize((4, 4)), v1.PILToTensor()]))
    seen = set()
    for _ in range(4):
        for index, images in enumerate(images for images, _ in DataLoader(dataset)):
            original = plain[index][0]
            kinds = {
                "none": original,
                "h": original.flip(-1),
                "v": original.flip(-2),
                "both": original.flip(-1, -2),
            }
            (kind,) = [name for name, expected in kinds.items() if torch.equal(images[0], expected)]
            seen.add(kind)
    assert seen == {"none", "h", "v", "both"}


@pytest.mark.parametrize(
    ("brightness", "contrast"), [(0.4, 0.0), (0.0, 0.7), (0.3, 0.5), ((0.0, 3.0), (1.5, 2.5))]
)
def test_color_jitter(image: Image.Image, brightness: Any, contrast: Any) -> None:
    transform = v1.ColorJitter(brightness, contrast)
    operator = native(transform)
    drawn = draws(operator, image)
    for name, limits in (("brightness", transform.brightness), ("contrast", transform.contrast)):
        ours = [draw[name] for draw in drawn]
        if limits is None:
            assert set(ours) == {1.0}
        else:
            assert_same_distribution(ours, np.random.default_rng(2).uniform(*limits, DRAWS))
    first = np.mean([draw["contrast_first"] for draw in drawn])
    assert abs(first - 0.5) < 5 * 0.5 / math.sqrt(DRAWS)
    for draw in drawn[:20]:
        steps = [
            (F.adjust_brightness, draw["brightness"], transform.brightness),
            (F.adjust_contrast, draw["contrast"], transform.contrast),
        ]
        expected = image
        for adjust, factor, limits in reversed(steps) if draw["contrast_first"] else steps:
            expected = adjust(expected, factor) if limits is not None else expected
        assert np.array_equal(operator.apply(np.asarray(image), draw), np.asarray(expected)), draw


def test_training_recipe_is_the_same_with_any_workers_and_new_in_every_epoch(folder: Path) -> None:
    recipe = v1.Compose(
        [
            v1.RandomResizedCrop(16),
            v1.RandomHorizontalFlip(),
            v1.ColorJitter(0.3, 0.3),
            v1.ToTensor(),
            v1.Normalize([0.5], [0.2]),
        ]
    )
    dataset = ImageFolder(folder, recipe)

    def epochs(**arguments: Any) -> list[Any]:
        torch.manual_seed(9)
        loader = DataLoader(dataset, batch_size=12, **arguments)
        assert loader.explain().startswith("tier: native"), loader.explain()
        return [next(iter(loader))[0] for _ in range(2)]

    first, second = epochs()
    assert not torch.equal(first, second)
    for arguments in ({"num_workers": 1}, {"num_workers": 2}, {"threads": 3}):
        assert all(torch.equal(a, b) for a, b in zip(epochs(**arguments), (first, second), strict=True))
    persistent = epochs(num_workers=1, persistent_workers=True)
    assert torch.equal(persistent[0], first)
    assert not torch.equal(persistent[1], first)


def test_a_sample_that_comes_twice_is_drawn_twice(folder: Path) -> None:
    dataset = ImageFolder(folder, v1.Compose([v1.RandomResizedCrop(9), v1.ToTensor()]))
    images, _ = next(iter(DataLoader(dataset, batch_size=4, sampler=[3, 3, 3, 3])))
    assert len({image.numpy().tobytes() for image in images}) == 4


def test_the_batch_holds_what_the_operators_draw(folder: Path) -> None:
    """One image of the loader from its draw: seed of the epoch, index, the operator's place in the recipe."""
    recipe = v1.Compose([v1.RandomResizedCrop(16), v1.RandomHorizontalFlip(), v1.PILToTensor()])
    dataset = ImageFolder(folder, recipe)
    torch.manual_seed(21)
    seed = int(torch.empty((), dtype=torch.int64).random_())
    torch.manual_seed(21)
    images = torch.cat([images for images, _ in DataLoader(dataset, batch_size=5, num_workers=2)])
    crop, flip = stoker.from_transforms(recipe).operators
    for index, image in enumerate(images):
        with Image.open(dataset.samples[index][0]) as opened:
            picture = np.asarray(opened.convert("RGB"))
        height, width = picture.shape[:2]
        cropped = crop.apply(picture, crop.draw(height, width, seed=seed, index=index, path=0))
        expected = flip.apply(cropped, flip.draw(16, 16, seed=seed, index=index, path=1))
        assert np.array_equal(image.permute(1, 2, 0).numpy(), expected), index
