"""Albumentations pipelines: equal pixels natively, everything unknown refused with its reason."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
A = pytest.importorskip("albumentations")
cv2 = pytest.importorskip("cv2")

from albumentations.pytorch import ToTensorV2  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402

import stoker  # noqa: E402
from stoker.torch import DataLoader  # noqa: E402


@pytest.fixture(autouse=True)
def _without_ipp() -> Any:
    """OpenCV's other cubic, whose ties depend on the build, is not what the engine reproduces."""
    was = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    yield
    cv2.ipp.setUseIPP(was)


def assert_same(folder: Path, *transforms: Any, num_workers: int = 0) -> Any:
    dataset = ImageFolder(folder, stoker.albumentations(A.Compose(list(transforms))))
    ours = DataLoader(dataset, batch_size=5, num_workers=num_workers)
    assert ours.explain().startswith("tier: native"), ours.explain()
    batches = list(ours)
    for mine, expected in zip(batches, torch.utils.data.DataLoader(dataset, batch_size=5), strict=True):
        assert mine[0].dtype == expected[0].dtype
        assert torch.equal(mine[0], expected[0]), f"{(mine[0] != expected[0]).sum()} values differ"
        assert torch.equal(mine[1], expected[1])
    return batches[0][0]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_validation(folder: Path, num_workers: int) -> None:
    images = assert_same(
        folder, A.Resize(60, 52), A.CenterCrop(41, 40), A.Normalize(), ToTensorV2(), num_workers=num_workers
    )
    assert images.shape == (5, 3, 41, 40)


def test_without_tensor_the_channel_is_last(folder: Path) -> None:
    assert assert_same(folder, A.Resize(30, 31), A.Normalize((0.5,) * 3, (0.1, 0.2, 0.3), 200)).shape == (
        5,
        30,
        31,
        3,
    )
    assert assert_same(folder, A.Resize(30, 31)).dtype == torch.uint8


def test_own_collate_gets_what_the_compose_returns(folder: Path) -> None:
    for tail, kind in (([], np.ndarray), ([ToTensorV2()], torch.Tensor)):
        dataset = ImageFolder(folder, stoker.albumentations(A.Compose([A.Resize(30, 31), *tail])))
        loader = DataLoader(dataset, batch_size=3, collate_fn=list)
        assert loader.explain().startswith("tier: native")
        for index, (image, _) in enumerate(next(iter(loader))):
            assert type(image) is kind
            assert np.array_equal(image, dataset[index][0])


def test_without_normalize_the_tensor_is_bytes(folder: Path) -> None:
    assert assert_same(folder, A.Resize(30, 31), ToTensorV2()).dtype == torch.uint8


@pytest.mark.parametrize("size", [(20, 71), (130, 101), (26, 30)])
@pytest.mark.parametrize(
    "mode",
    [
        cv2.INTER_NEAREST,
        cv2.INTER_LINEAR,
        cv2.INTER_CUBIC,
        cv2.INTER_AREA,
        cv2.INTER_LANCZOS4,
        cv2.INTER_NEAREST_EXACT,
    ],
)
def test_interpolation(folder: Path, mode: int, size: tuple[int, int]) -> None:
    try:
        resize = A.Resize(*size, interpolation=mode)
    except ValueError:
        pytest.skip("not offered by this version")
    assert_same(folder, resize, ToTensorV2())


def test_certain_flips_commute_with_normalize(folder: Path) -> None:
    assert_same(
        folder, A.Resize(30, 31), A.HorizontalFlip(p=1), A.Normalize(), A.VerticalFlip(p=1.0), ToTensorV2()
    )
    assert_same(folder, A.Compose([A.Resize(30, 31)]), A.HorizontalFlip(p=0), A.Normalize())


def test_crop_larger_than_the_image_is_an_error_in_both(folder: Path) -> None:
    dataset = ImageFolder(folder, stoker.albumentations(A.Compose([A.CenterCrop(500, 20), ToTensorV2()])))
    loader = DataLoader(dataset)
    assert loader.explain().startswith("tier: native")
    with pytest.raises(stoker.SampleError, match="500"):
        next(iter(loader))
    with pytest.raises(A.CropSizeError if hasattr(A, "CropSizeError") else Exception):
        dataset[0]


def drawn(transform: Any, picture: np.ndarray, count: int = 20) -> list[tuple[Any, dict[str, Any]]]:
    """The native operator of one transform, and `count` of its draws for `picture`."""
    (operator,) = stoker.from_transforms(A.Compose([transform])).operators
    height, width = picture.shape[:2]
    return [(operator, operator.draw(height, width, seed=3, index=index)) for index in range(count)]


@pytest.fixture
def picture(folder: Path) -> np.ndarray:
    return np.array(ImageFolder(folder)[1][0])


def test_pixels_of_brightness_and_contrast(picture: np.ndarray) -> None:
    transform = A.RandomBrightnessContrast((-0.5, 0.3), (-0.9, 1.5), p=0.75)
    coins = []
    for operator, draw in drawn(transform, picture, 400):
        coins.append(draw["applies"])
        if len(coins) < 40:
            expected = (
                transform.apply(picture, alpha=draw["alpha"], beta=draw["beta"])
                if draw["applies"]
                else picture
            )
            assert np.array_equal(operator.apply(picture, draw), expected), draw
        assert 0.1 <= draw["alpha"] <= 2.5
        assert -127.5 <= draw["beta"] <= 76.5
    assert 0.65 < np.mean(coins) < 0.85


@pytest.mark.parametrize("mode", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA])
def test_pixels_of_random_resized_crop(picture: np.ndarray, mode: int) -> None:
    transform = A.RandomResizedCrop((33, 30), interpolation=mode)
    for operator, draw in drawn(transform, picture):
        x, y, width, height = (int(draw[name]) for name in ("x", "y", "width", "height"))
        expected = transform.apply(picture, crop_coords=(x, y, x + width, y + height))
        assert np.array_equal(operator.apply(picture, draw), expected), draw


def test_pixels_of_random_crop(picture: np.ndarray) -> None:
    transform = A.RandomCrop(33, 30)
    places = set()
    for operator, draw in drawn(transform, picture):
        x, y = int(draw["x"]), int(draw["y"])
        places.add((x, y))
        assert np.array_equal(operator.apply(picture, draw), picture[y : y + 33, x : x + 30])
    assert len(places) > 15


def _same(image: np.ndarray, **_: Any) -> np.ndarray:
    return image


REFUSED = {
    "solid keypoints": (
        lambda: A.Compose([A.HorizontalFlip()], keypoint_params=A.KeypointParams("xyz")),
        "format 'xyz'",
    ),
    "boxes by chance": (
        lambda: A.Compose([A.HorizontalFlip()], bbox_params=A.BboxParams("coco"), p=0.5),
        "p=0.5 with boxes",
    ),
    "boxes": (
        lambda: A.Compose([A.Lambda(image=_same, p=1)], bbox_params=A.BboxParams("coco")),
        "Lambda: no native operator; boxes and keypoints",
    ),
    "contrast after the tensor's range": (
        lambda: A.Compose([A.Normalize(), A.FromFloat("uint16"), A.Equalize()]),
        "equalize: works on uint8",
    ),
    "dtype by chance": (lambda: A.Compose([A.OneOf([A.Normalize(), A.NoOp()])]), "float32 or uint8"),
    "sometimes float": (lambda: A.Compose([A.Sequential([A.Normalize()], p=0.5)]), "must always be applied"),
    "after the tensor": (lambda: A.Compose([ToTensorV2(), A.HorizontalFlip()]), "after ToTensorV2"),
}


NATIVE = {
    "p of the Compose": A.Compose([A.Resize(40, 40), A.Compose([A.HorizontalFlip(p=1)], p=0.5)]),
    "one of": A.Compose([A.Resize(40, 40), A.OneOf([A.Blur(p=1), A.Compose([A.Transpose(p=0.2)])])]),
    "some of": A.Compose([A.Resize(40, 40), A.SomeOf([A.RandomGamma(), A.Blur(), A.InvertImg()], n=2)]),
    "any order": A.Compose([A.Resize(40, 40), A.RandomOrder([A.RandomGamma(), A.Transpose()], n=2)]),
    "or other": A.Compose([A.Resize(40, 40), A.OneOrOther(A.RandomGamma(), A.Sequential([A.Transpose()]))]),
    "padding": A.Compose([A.RandomCrop(8, 8, pad_if_needed=True)]),
    "resize of floats": A.Compose([A.Normalize(), A.Resize(8, 8)]),
    "by mean": A.Compose([A.RandomBrightnessContrast(brightness_by_max=False), A.Resize(9, 9)]),
    "area": A.Compose([A.Resize(8, 8, area_for_downscale="image")]),
}


@pytest.mark.parametrize("name", NATIVE)
def test_compositions_and_options_are_native(folder: Path, name: str) -> None:
    dataset = ImageFolder(folder, stoker.albumentations(A.Compose([NATIVE[name], ToTensorV2()])))
    loader = DataLoader(dataset, batch_size=6)
    assert loader.explain().startswith("tier: native"), loader.explain()
    expected = torch.utils.data.DataLoader(dataset, batch_size=6)
    for mine, theirs in zip(loader, expected, strict=True):
        assert mine[0].shape == theirs[0].shape
        assert mine[0].dtype == theirs[0].dtype


@pytest.mark.parametrize("kind", ["image", "image_per_channel", "min_max", "min_max_per_channel"])
def test_normalize_by_the_image_itself_is_float32(folder: Path, kind: str) -> None:
    compose = A.Compose([A.Resize(40, 40), A.Normalize(normalization=kind), ToTensorV2()])
    dataset = ImageFolder(folder, stoker.albumentations(compose))
    loader = DataLoader(dataset, batch_size=6)
    assert loader.explain().startswith("tier: native"), loader.explain()
    for mine, theirs in zip(loader, torch.utils.data.DataLoader(dataset, batch_size=6), strict=True):
        assert mine[0].dtype == torch.float32
        assert torch.equal(mine[0], theirs[0].float())


def test_one_of_takes_each_as_often_as_albumentations(folder: Path) -> None:
    """The chosen child is applied whatever its own p, which is only its weight."""
    compose = A.Compose(
        [A.Resize(8, 8), A.OneOf([A.InvertImg(p=0.3), A.Solarize((0, 0), p=0.1)], p=0.5), ToTensorV2()]
    )
    recipe = stoker.from_transforms(compose)
    (group,) = [operator for operator in recipe.operators if operator.children]
    assert [child.parameters["p"] for child in group.children] == [1, 1]
    assert group.parameters["weights"] == [0.3, 0.1]
    assert group.parameters["p"] == 0.5


def test_a_refused_pipeline_reports_every_leaf() -> None:
    class Mine(A.HorizontalFlip):
        pass

    steps = [A.Resize(8, 8), A.OneOf([Mine(), A.Blur()]), A.ElasticTransform(), ToTensorV2()]
    compose = A.Compose(steps, bbox_params=A.BboxParams("coco"))
    why = "user code; boxes and keypoints move in native transforms alone"
    recipe = stoker.from_transforms(compose)
    assert recipe.report == [
        "Resize: native (resize)",
        f"Mine: not native: {why}",
        "Blur: native (blur)",
        "ElasticTransform: native (elastic_transform)",
        "ToTensorV2: native (layout)",
    ]
    assert recipe.refusals == [f"Mine: {why}"]
    assert "Mine: user code" in repr(recipe)
    for name in ("operators", "steps", "layout", "dtype", "targets"):
        with pytest.raises(ValueError, match="Mine: user code"):
            getattr(recipe, name)
    assert not hasattr(recipe, "else")
    assert stoker.from_transforms(A.Compose([A.Resize(8, 8)])).refusals == []


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, reason = REFUSED[name]
    with pytest.raises(ValueError, match=reason):
        list(stoker.from_transforms(make()).operators)


def test_subclass_and_patched_leaf_stay_in_python() -> None:
    class Mine(A.HorizontalFlip):
        def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
            return img

    flip = A.HorizontalFlip()
    flip.apply = lambda img, **params: img
    recipe = stoker.from_transforms(A.Compose([Mine(p=0.3), A.Transpose(), flip]))
    assert recipe.report == [
        "Mine: in Python: user code",
        "Transpose: native (transpose)",
        "HorizontalFlip: in Python: a method is replaced",
    ]
    assert [operator.parameters["p"] for operator in recipe.operators] == [0.3, 0.5, 0.5]


def test_what_has_no_operator_stays_in_python() -> None:
    recipe = stoker.from_transforms(
        A.Compose([A.OneOf([A.Resize(8, 8), A.RandomFog(p=0.2)]), A.Resize(9, 9, interpolation=5)])
    )
    group, resize = recipe.operators
    fog = group.children[1]
    assert (fog.name, fog.parameters["p"]) == ("in_python", 1)
    assert fog.parameters["function"].endswith(".RandomFog")
    assert resize.name == "in_python"
    assert recipe.report[2] == "Resize: in Python: interpolation=5"


def test_version_outside_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    stoker.from_transforms(A.Compose([A.Resize(8, 8)]))
    monkeypatch.setattr(A, "__version__", "2.0.9")
    with pytest.raises(ValueError, match=r"version 2\.0\.9"):
        list(stoker.from_transforms(A.Compose([A.Resize(8, 8)])).operators)


def test_ignored_arguments_are_named() -> None:
    with pytest.warns(UserWarning, match="heigth"):
        compose = A.Compose([A.Compose([A.HorizontalFlip(heigth=3)])])
    with pytest.raises(ValueError, match="HorizontalFlip was given heigth"):
        stoker.albumentations(compose)


def test_wrapper_is_the_users_pipeline_and_pickles(folder: Path) -> None:
    wrapped = pickle.loads(pickle.dumps(stoker.albumentations(A.Compose([A.Resize(9, 8), ToTensorV2()]))))
    image, _ = ImageFolder(folder)[0]
    expected = A.Compose([A.Resize(9, 8)])(image=np.array(image))["image"]
    assert np.array_equal(wrapped(image).permute(1, 2, 0).numpy(), expected)
    with pytest.raises(TypeError, match="Compose"):
        stoker.albumentations([A.Resize(9, 8)])


def test_unknown_part_runs_in_python_with_the_same_pixels(folder: Path) -> None:
    compose = A.Compose([A.Resize(20, 20), A.Equalize(mask=np.ones((20, 20)), p=1), ToTensorV2()])
    dataset = ImageFolder(folder, stoker.albumentations(compose))
    loader = DataLoader(dataset, batch_size=6)
    assert loader.explain().startswith("tier: native"), loader.explain()
    images = torch.cat([batch[0] for batch in loader])
    assert torch.equal(images, torch.stack([dataset[i][0] for i in range(12)]))
