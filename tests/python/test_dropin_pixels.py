"""Batches of deterministic pipelines equal torch's, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from PIL import Image  # noqa: E402
from torchvision import transforms as v1  # noqa: E402
from torchvision.datasets import DatasetFolder, ImageFolder  # noqa: E402
from torchvision.datasets.folder import default_loader  # noqa: E402
from torchvision.transforms import InterpolationMode, v2  # noqa: E402

from stoker.torch import DataLoader  # noqa: E402

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def assert_native(loader: DataLoader[Any]) -> None:
    assert loader.explain().startswith("tier: native"), loader.explain()


def assert_same_epoch(dataset: Any, *, num_workers: int = 0, **arguments: Any) -> None:
    ours = DataLoader(dataset, num_workers=num_workers, **arguments)
    assert_native(ours)
    theirs = list(torch.utils.data.DataLoader(dataset, **arguments))
    batches = list(ours)
    assert len(batches) == len(theirs) == len(ours)
    for mine, expected in zip(batches, theirs, strict=True):
        assert type(mine) is type(expected)
        assert len(mine) == len(expected)
        for a, b in zip(mine, expected, strict=True):
            assert type(a) is type(b)
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            if a.dtype is torch.float8_e4m3fn:
                a, b = a.view(torch.uint8), b.view(torch.uint8)
            assert torch.equal(a, b), f"{(a != b).sum()} values differ"


VALIDATION = v1.Compose([v1.Resize(48), v1.CenterCrop(40), v1.ToTensor(), v1.Normalize(MEAN, STD)])
PIPELINES = {
    "validation": VALIDATION,
    "validation v2": v2.Compose(
        [
            v2.Resize(48),
            v2.CenterCrop(40),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    ),
    "up": v1.Compose([v1.Resize((150, 133)), v1.ToTensor()]),
    "down": v1.Compose([v1.Resize((7, 5)), v1.ToTensor()]),
    "one axis": v1.Compose([v1.Resize((90, 20)), v1.PILToTensor()]),
    "longer side bounded": v1.Compose([v1.Resize(45, max_size=50), v1.CenterCrop(50), v1.ToTensor()]),
    "crop larger than image": v2.Compose([v2.CenterCrop((101, 64)), v2.PILToTensor()]),
    "crop alone": v1.Compose([v1.CenterCrop((33, 21)), v1.PILToTensor()]),
    "bytes": v1.Compose([v1.Resize([30, 30]), v1.PILToTensor()]),
    "converted": v1.Compose([v1.Resize((31, 30)), v1.PILToTensor(), v1.ConvertImageDtype(torch.float32)]),
    "converted v2": v2.Compose([v2.Resize((31, 30)), v2.ToImage(), v2.ConvertImageDtype(torch.float32)]),
    "unscaled": v2.Compose(
        [v2.Resize((31, 30)), v2.ToImage(), v2.ToDtype(torch.float32), v2.Normalize([9.0], [7.0])]
    ),
    "half": v2.Compose([v2.Resize((31, 30)), v2.ToImage(), v2.ToDtype(torch.float16, scale=True)]),
    "tensor v2": v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(48),
            v2.CenterCrop(40),
            v2.RandomSolarize(100, p=1),
            v2.RandomAdjustSharpness(1.7, p=1),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    ),
    "tensor v1": v1.Compose(
        [v1.PILToTensor(), v1.Resize((31, 30)), v1.RandomEqualize(p=1), v1.ConvertImageDtype(torch.float32)]
    ),
    "float tensor": v1.Compose(
        [v1.ToTensor(), v1.Resize(33, InterpolationMode.BICUBIC), v1.CenterCrop(30), v1.Normalize(MEAN, STD)]
    ),
    "float tensor v2": v2.Compose(
        [v2.ToImage(), v2.ToDtype(torch.float32), v2.Resize((90, 31)), v2.RandomVerticalFlip(p=1)]
    ),
    "half at the end": v1.Compose(
        [v1.Resize((31, 30)), v1.ToTensor(), v1.Normalize(MEAN, STD), v1.ConvertImageDtype(torch.float16)]
    ),
    "bfloat16": v1.Compose([v1.Resize((31, 30)), v1.PILToTensor(), v1.ConvertImageDtype(torch.bfloat16)]),
    "nested": v1.Compose(
        [v1.Compose([v1.Resize(50)]), torch.nn.Sequential(v2.CenterCrop(44)), v1.ToTensor()]
    ),
    "crop of a tensor": v1.Compose(
        [v1.Resize(50), v1.ToTensor(), v1.CenterCrop(44), v1.Normalize(MEAN, STD)]
    ),
    "padded tensor": v1.Compose(
        [v1.Resize((40, 40)), v1.ToTensor(), v1.CenterCrop((61, 30)), v1.Normalize(MEAN, STD)]
    ),
    "certain flips": v1.Compose(
        [v1.Resize((36, 40)), v1.RandomHorizontalFlip(1), v1.ToTensor(), v2.RandomVerticalFlip(1.0)]
    ),
    "impossible flip": v1.Compose([v1.Resize((36, 40)), v1.RandomHorizontalFlip(0), v1.ToTensor()]),
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("num_workers", [0, 2])
def test_pipeline(folder: Path, name: str, num_workers: int) -> None:
    assert_same_epoch(ImageFolder(folder, PIPELINES[name]), batch_size=5, num_workers=num_workers)


@pytest.mark.parametrize("mode", list(InterpolationMode))
@pytest.mark.parametrize("size", [(23, 61), (140, 100)])
def test_interpolation(folder: Path, mode: InterpolationMode, size: tuple[int, int]) -> None:
    assert_same_epoch(
        ImageFolder(folder, v1.Compose([v1.Resize(size, mode), v1.PILToTensor()])), batch_size=12
    )


@pytest.mark.parametrize("mode", ["bicubic", *range(6)])
def test_interpolation_by_name_and_number(folder: Path, mode: str | int) -> None:
    pipeline = v2.Compose([v2.Resize((30, 41), mode), v2.PILToTensor()])
    assert_same_epoch(ImageFolder(folder, pipeline), batch_size=12)


@pytest.mark.parametrize(
    "arguments", [{}, {"batch_size": 12}, {"batch_size": 5, "drop_last": True}, {"batch_size": 99}]
)
def test_batch_sizes(folder: Path, arguments: dict[str, Any]) -> None:
    assert_same_epoch(ImageFolder(folder, VALIDATION), num_workers=2, **arguments)


def test_batch_of_one_may_have_any_shape(folder: Path) -> None:
    assert_same_epoch(ImageFolder(folder, v1.ToTensor()), batch_size=1)


def test_unusual_modes_become_rgb_as_in_pillow(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    random = np.random.default_rng(3)
    colours = Image.fromarray(random.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    for mode, suffix in (
        ("CMYK", "jpg"),
        ("L", "jpg"),
        ("LA", "png"),
        ("RGBA", "png"),
        ("P", "png"),
        ("1", "png"),
    ):
        colours.convert(mode).save(tmp_path / "a" / f"{mode}.{suffix}")
    deep = random.integers(0, 65536, (30, 40), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "a" / "deep.png")
    assert_same_epoch(ImageFolder(tmp_path, v1.PILToTensor()), batch_size=1)


def test_other_folder_class(folder: Path) -> None:
    assert_same_epoch(DatasetFolder(str(folder), default_loader, ("jpg", "png"), VALIDATION), batch_size=4)


def test_tensor_dataset() -> None:
    random = torch.Generator().manual_seed(1)
    columns = [
        torch.rand(11, 3, 2, generator=random),
        torch.arange(11),
        torch.rand(11, generator=random).to(torch.bfloat16),
        torch.rand(3, 11, 5, generator=random, dtype=torch.float64).transpose(0, 1),
        torch.arange(11) % 2 == 0,
        torch.randn(11, 2, generator=random, dtype=torch.complex64),
        torch.arange(-5, 6, dtype=torch.int8),
        torch.arange(11).to(torch.uint32) * 400_000_000,
        torch.randn(11, 3, generator=random).to(torch.float8_e4m3fn),
    ]
    dataset = torch.utils.data.TensorDataset(*columns)
    assert_same_epoch(dataset, batch_size=4, num_workers=2)
    assert_same_epoch(torch.utils.data.Subset(dataset, [7, -1, 0, 7]), batch_size=3)


def test_small_pngs_keep_their_pixels(make_folder: Any) -> None:
    root = make_folder(10, size=(32, 32), suffix="png")
    pipeline = v1.Compose([v1.RandomCrop(32, padding=4), v1.PILToTensor()])
    dataset = ImageFolder(root, pipeline)
    loader = DataLoader(dataset, batch_size=10, num_workers=1)
    assert_native(loader)
    images, _ = next(iter(loader))
    places = set()
    for index, image in enumerate(images):
        padded = np.pad(np.asarray(default_loader(dataset.samples[index][0])), ((4, 4), (4, 4), (0, 0)))
        found = [
            (y, x)
            for y in range(9)
            for x in range(9)
            if np.array_equal(padded[y : y + 32, x : x + 32], image.permute(1, 2, 0).numpy())
        ]
        assert found, f"image {index} is no window of its padded file"
        places.add(found[0])
    assert len(places) > 3


@pytest.mark.parametrize("keyword", [{"color": "bgr"}, {"color": "gray"}])
def test_colour_is_changed_on_request(folder: Path, keyword: dict[str, str]) -> None:
    dataset = ImageFolder(folder, v1.Compose([v1.Resize((24, 24)), v1.PILToTensor()]))
    plain = torch.cat([images for images, _ in torch.utils.data.DataLoader(dataset)])
    images = torch.cat([images for images, _ in DataLoader(dataset, **keyword)])
    if keyword["color"] == "bgr":
        assert torch.equal(images, plain.flip(1))
    else:
        assert images.shape == (12, 1, 24, 24)


def test_orientation_is_applied_on_request(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    picture = Image.fromarray(np.arange(16 * 24 * 3, dtype=np.uint8).reshape(16, 24, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a" / "turned.jpg", exif=exif)
    dataset = ImageFolder(tmp_path, v1.PILToTensor())
    (upright, _), (applied, _) = (
        next(iter(DataLoader(dataset))),
        next(iter(DataLoader(dataset, exif="apply"))),
    )
    assert upright.shape[-2:] == (16, 24)
    assert torch.equal(applied, upright.rot90(-1, (-2, -1)))


def test_images_can_be_written_to_and_kept(folder: Path) -> None:
    loader = DataLoader(ImageFolder(folder, VALIDATION), batch_size=3, num_workers=2)
    assert_native(loader)
    kept = [images[0] for images, _ in loader]
    copies = [image.clone() for image in kept]
    for images, _ in loader:
        images.zero_()
    assert all(torch.equal(a, b) for a, b in zip(kept, copies, strict=True))


CERTAIN = {
    "grey": v1.Grayscale(),
    "grey in three channels": v1.Grayscale(3),
    "sometimes grey": v1.RandomGrayscale(p=1),
    "invert": v1.RandomInvert(p=1),
    "posterize": v1.RandomPosterize(3, p=1),
    "solarize": v1.RandomSolarize(100, p=1),
    "autocontrast": v1.RandomAutocontrast(p=1),
    "equalize": v1.RandomEqualize(p=1),
    "sharpness": v1.RandomAdjustSharpness(1.7, p=1),
    "pad": v1.Pad((3, 5), fill=7),
    "saturation and hue": v1.ColorJitter(saturation=(1.3, 1.3), hue=(0.1, 0.1)),
    "rotation": v1.RandomRotation((17, 17), expand=True),
    "affine": v1.RandomAffine((20, 20), translate=None, scale=(0.9, 0.9), shear=(5, 5)),
}


@pytest.mark.parametrize("name", set(CERTAIN) - {"saturation and hue"})
def test_what_is_certain_has_the_same_pixels(folder: Path, name: str) -> None:
    dataset = ImageFolder(folder, v1.Compose([v1.Resize((40, 50)), CERTAIN[name], v1.ToTensor()]))
    ours = DataLoader(dataset, batch_size=4)
    assert ours.explain().startswith("tier: native"), ours.explain()
    for mine, theirs in zip(ours, torch.utils.data.DataLoader(dataset, batch_size=4), strict=True):
        assert torch.equal(mine[0], theirs[0]), f"{(mine[0] != theirs[0]).sum()} values differ"


def test_saturation_and_hue_come_in_either_order(folder: Path) -> None:
    """Their order is drawn for each image, so each is one of two that torchvision can make."""
    jitter = [v1.ColorJitter(saturation=(1.3, 1.3)), v1.ColorJitter(hue=(0.1, 0.1))]
    datasets = [
        ImageFolder(folder, v1.Compose([v1.Resize((40, 50)), *order, v1.ToTensor()]))
        for order in (jitter, jitter[::-1])
    ]
    both = v1.Compose([v1.Resize((40, 50)), CERTAIN["saturation and hue"], v1.ToTensor()])
    ours = DataLoader(ImageFolder(folder, both), batch_size=1)
    assert ours.explain().startswith("tier: native"), ours.explain()
    for index, (image, _) in enumerate(ours):
        assert any(torch.equal(image[0], dataset[index][0]) for dataset in datasets)
