"""`stoker.torch.ImageDataset` and `__stoker__`: torch's batches of the same dataset, out of the engine."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
A = pytest.importorskip("albumentations")

from albumentations.pytorch import ToTensorV2  # noqa: E402
from image_datasets import as_given, assert_as_torch, masks_of, paths_of  # noqa: E402
from PIL import Image  # noqa: E402
from torch.utils.data import ConcatDataset, Dataset, Subset  # noqa: E402
from torchvision import transforms  # noqa: E402

import stoker  # noqa: E402
from stoker.torch import DataLoader, ImageDataset  # noqa: E402

SIDES = [transforms.Resize((24, 30)), transforms.ToTensor()]


PIPELINES = {
    "torchvision": transforms.Compose(SIDES),
    "albumentations": A.Compose([A.Resize(24, 30), A.Normalize(), ToTensorV2()]),
    "arrays": A.Compose([A.Resize(24, 30), A.Transpose(p=1)]),
    "leaf": A.Resize(24, 30),
    "wrapped": stoker.albumentations(A.Compose([A.CenterCrop(20, 20)])),
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("collate_fn", [None, as_given])
def test_images_and_targets(name: str, collate_fn: Any, folder: Path) -> None:
    paths = paths_of(folder)
    batches = assert_as_torch(
        ImageDataset(paths, range(len(paths)), PIPELINES[name]), num_workers=2, collate_fn=collate_fn
    )
    assert sum(len(batch if collate_fn else batch[1]) for batch in batches) == len(paths)


@pytest.mark.parametrize(
    "targets",
    [
        lambda count: [f"name {index}" for index in range(count)],
        lambda count: [index / 7 for index in range(count)],
        lambda count: np.arange(count, dtype=np.float32),
        lambda count: np.arange(count, dtype=np.int64),
        lambda count: torch.arange(3 * count).reshape(count, 3),
        lambda count: None,
    ],
)
@pytest.mark.parametrize("collate_fn", [None, as_given])
def test_other_targets(targets: Any, collate_fn: Any, folder: Path) -> None:
    paths = paths_of(folder)
    assert_as_torch(ImageDataset(paths, targets(len(paths)), PIPELINES["torchvision"]), collate_fn=collate_fn)


def test_no_transform_gives_arrays(make_folder: Any) -> None:
    paths = paths_of(make_folder(7, size=(20, 30)))
    (image, _), *_ = assert_as_torch(ImageDataset(paths, range(7)))
    assert image.shape == (5, 20, 30, 3)
    first, target = ImageDataset(paths, range(7))[-1]
    assert np.array_equal(first, np.asarray(Image.open(paths[-1]).convert("RGB")))
    assert target == 6


def test_parts(folder: Path) -> None:
    paths = paths_of(folder)
    one = ImageDataset(paths[:5], range(5), PIPELINES["leaf"])
    two = ImageDataset(paths[5:], range(5, len(paths)), PIPELINES["leaf"])
    assert_as_torch(Subset(ConcatDataset([one, two]), [0, 7, -1, 5, 3, 2, 2]))


@pytest.mark.parametrize("name", ["albumentations", "arrays", "leaf"])
@pytest.mark.parametrize("collate_fn", [None, as_given])
@pytest.mark.parametrize("form", ["L", "RGB", "P"])
def test_masks(name: str, collate_fn: Any, form: str, folder: Path, tmp_path: Path) -> None:
    paths = paths_of(folder)
    dataset = ImageDataset(paths, range(len(paths)), PIPELINES[name], masks=masks_of(folder, tmp_path, form))
    batches = assert_as_torch(dataset, collate_fn=collate_fn)
    mask = batches[0][0]["mask"] if collate_fn else batches[0]["mask"]
    assert mask.max() > 0


def test_wide_masks(folder: Path, tmp_path: Path) -> None:
    dataset = ImageDataset(
        paths_of(folder), transform=PIPELINES["leaf"], masks=masks_of(folder, tmp_path, "I;16")
    )
    assert "mask 'mask' of uint16 (native: 8 bits)" in DataLoader(dataset).explain()
    assert next(iter(DataLoader(dataset)))["mask"].dtype == torch.uint16


def test_named_masks(folder: Path, tmp_path: Path) -> None:
    paths, masks = paths_of(folder), masks_of(folder, tmp_path)
    compose = A.Compose([A.Resize(24, 30), A.VerticalFlip(p=1)], additional_targets={"depth": "mask"})
    dataset = ImageDataset(paths, transform=compose, masks={"mask": masks, "depth": masks})
    for batch in assert_as_torch(dataset):
        assert torch.equal(batch["mask"], batch["depth"])
    dataset.masks["other"] = masks
    assert "mask 'other', which the pipeline does not know" in DataLoader(dataset).explain()


class Promising(Dataset):
    """As users write them, with Pillow."""

    def __init__(self, paths: list[Path], transform: Any) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        with Image.open(self.paths[index]) as image:
            return self.transform(image=np.array(image.convert("RGB")))["image"], index

    def __stoker__(self) -> Any:
        return self.paths, list(range(len(self))), self.transform


def test_promise(folder: Path) -> None:
    assert_as_torch(Promising(paths_of(folder), PIPELINES["albumentations"]), num_workers=2)


def test_promise_of_an_image_dataset(folder: Path) -> None:
    class Whole(Promising):
        def __stoker__(self) -> Any:
            return ImageDataset(*super().__stoker__())

    assert_as_torch(Whole(paths_of(folder), PIPELINES["albumentations"]))


def test_promises_that_do_not_hold(folder: Path) -> None:
    class Changed(Promising):
        def __getitem__(self, index: int) -> Any:
            return super().__getitem__(index)[0], 0

    class Short(Promising):
        def __stoker__(self) -> Any:
            return self.paths[1:], None, self.transform

    class Wrong(Promising):
        def __stoker__(self) -> Any:
            return [self.paths]

    class Child(ImageDataset):
        pass

    paths, transform = paths_of(folder), PIPELINES["leaf"]
    for dataset, reason in (
        (Changed(paths, transform), "__getitem__ is newer than the __stoker__ of Promising"),
        (Short(paths, transform), "samples, its __stoker__() gave"),
        (Wrong(paths, transform), "gave list, allowed are (paths, targets, transform)"),
        (Child(paths, None, transform), "dataset Child: user code"),
    ):
        told = DataLoader(dataset).explain()
        assert told.startswith("tier: torch"), told
        assert reason in told


@pytest.mark.parametrize("num_workers", [0, 1])
def test_errors_name_the_file(num_workers: int, folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    paths = paths_of(folder)[:4]
    dataset = ImageDataset([*paths, bad], range(5), PIPELINES["leaf"])
    with pytest.raises(stoker.SampleError, match=r"bad\.jpg \(sample 4\)") as caught:
        dataset[4]
    assert (caught.value.index, caught.value.path) == (4, str(bad))
    with pytest.raises(stoker.SampleError, match=r"bad\.jpg"):
        list(DataLoader(dataset, batch_size=5, num_workers=num_workers))
    ((_, targets),) = DataLoader(dataset, batch_size=5, num_workers=num_workers, on_error="skip", max_bad=1)
    assert targets.tolist() == [0, 1, 2, 3]


def test_attributes_may_change(folder: Path) -> None:
    dataset = ImageDataset(paths_of(folder), None, PIPELINES["leaf"])
    assert_as_torch(dataset)
    dataset.transform = PIPELINES["arrays"]
    dataset.paths = dataset.paths[::-1]
    assert_as_torch(dataset)


def test_pickles(folder: Path) -> None:
    dataset = ImageDataset(paths_of(folder), None, PIPELINES["leaf"])
    assert np.array_equal(pickle.loads(pickle.dumps(dataset))[1], dataset[1])


def test_wrong_arguments(folder: Path) -> None:
    paths = paths_of(folder)
    with pytest.raises(ValueError, match="targets has 1 values"):
        ImageDataset(paths, [1])
    with pytest.raises(ValueError, match="mask has 1 values"):
        ImageDataset(paths, None, PIPELINES["leaf"], masks=paths[:1])
    with pytest.raises(ValueError, match="need an Albumentations pipeline"):
        ImageDataset(paths, None, PIPELINES["torchvision"], masks=paths)
    with pytest.raises(ValueError, match="'target' is taken twice"):
        ImageDataset(paths, None, PIPELINES["leaf"], masks={"target": paths})
    with pytest.raises(TypeError, match="sequence of paths"):
        ImageDataset(str(paths[0]))
    with pytest.raises(IndexError, match="outside of"):
        ImageDataset(paths)[len(paths)]


BANDS = A.Compose([A.RandomCrop(12, 14), A.HorizontalFlip(p=1), A.Normalize((0.4,) * 5, (0.2,) * 5, 10000.0)])


@pytest.mark.parametrize("collate_fn", [None, as_given])
def test_bands_of_16_bits(collate_fn: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    paths = []
    for number in range(7):
        paths.append(tmp_path / f"{number}.npy")
        np.save(paths[-1], random.integers(0, 10000, (12, 14, 5), dtype=np.uint16))
    decoding = {"color": "unchanged", "image_dtype": "uint16"}
    dataset = ImageDataset(paths, range(7), BANDS, **decoding)
    assert_as_torch(dataset, collate_fn=collate_fn, num_workers=2)
    assert dataset[0][0].shape == (12, 14, 5)
    still = ImageDataset(paths, None, A.Compose([A.Transpose(p=1)]), **decoding)
    assert_as_torch(still, collate_fn=collate_fn)
    assert still[1].dtype == np.uint16
    assert_as_torch(ImageDataset(paths, None, None, **decoding), collate_fn=collate_fn)


@pytest.mark.parametrize("color", ["gray", "bgr"])
def test_other_colors(color: str, folder: Path, tmp_path: Path) -> None:
    compose = A.Compose([A.Resize(24, 30), A.Normalize((0.5,), (0.2,)), ToTensorV2()])
    dataset = ImageDataset(paths_of(folder), None, compose, masks=masks_of(folder, tmp_path), color=color)
    assert_as_torch(dataset)
    assert dataset[0]["image"].shape == (1 if color == "gray" else 3, 24, 30)
    told = DataLoader(dataset, color="unchanged").explain()
    assert f"color='unchanged' of the DataLoader and '{color}' of the dataset" in told
    assert DataLoader(dataset, color=color).explain().startswith("tier: native")
    other = ImageDataset(paths_of(folder), None, compose, masks=dataset.masks)
    assert "different transforms" in DataLoader(ConcatDataset([dataset, other])).explain()


def test_wrong_decoding(folder: Path) -> None:
    paths = paths_of(folder)
    with pytest.raises(ValueError, match="color is 'red', allowed are rgb, bgr, gray, unchanged"):
        ImageDataset(paths, color="red")
    with pytest.raises(ValueError, match="image_dtype is 'float64'"):
        ImageDataset(paths, image_dtype="float64")
    with pytest.raises(ValueError, match="needs an Albumentations pipeline as transform, or none"):
        ImageDataset(paths, None, PIPELINES["torchvision"], color="gray")
