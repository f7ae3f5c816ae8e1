"""Images of 16 bits, of float32 and of up to 64 channels: resizes equal OpenCV's, the rest is held against
float64 arithmetic."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from parity import parity_row

cv2 = pytest.importorskip("cv2")
A = pytest.importorskip("albumentations")

import stoker  # noqa: E402
from stoker import _native  # noqa: E402

WIDE = [np.uint16, np.int16, np.float32]
ALL_BITS = [np.uint16, np.int16]
OPENCV = {"nearest": 0, "bilinear": 1, "bicubic": 2, "area": 3, "lanczos": 4, "nearest_exact": 6}
# To a smaller and a larger image, by whole factors and by others, with sides of one pixel.
SIZES = [
    ((37, 53), (20, 31)),
    ((37, 53), (60, 99)),
    ((40, 66), (20, 33)),
    ((40, 64), (10, 16)),
    ((51, 51), (17, 17)),
    ((33, 47), (33, 20)),
    ((64, 96), (9, 13)),
    ((1, 9), (3, 4)),
    ((9, 1), (5, 7)),
    ((13, 2), (40, 33)),
]


@pytest.fixture(autouse=True)
def _plain_opencv() -> Any:
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    yield
    cv2.ipp.setUseIPP(used)


def image_of(height: int, width: int, channels: int, dtype: Any, seed: int = 0) -> np.ndarray:
    """Noise over the whole range of the dtype."""
    random = np.random.default_rng(seed)
    if dtype is np.float32:
        return random.random((height, width, channels), np.float32)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max + 1, (height, width, channels)).astype(dtype)


def by_opencv(image: np.ndarray, height: int, width: int, code: int) -> np.ndarray:
    """Four channels at a time, as Albumentations hands them to OpenCV."""
    channels = image.shape[2]
    parts = [image[..., at : at + 4] for at in range(0, channels, 4)]
    if channels > 4 and parts[-1].shape[2] == 2:
        parts[-1:] = [image[..., -2:-1], image[..., -1:]]
    resized = [cv2.resize(np.ascontiguousarray(p), (width, height), interpolation=code) for p in parts]
    return np.concatenate([each.reshape(height, width, -1) for each in resized], axis=2)


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("interpolation", OPENCV)
def test_resizes_equal_opencv(interpolation: str, dtype: Any) -> None:
    for number, ((height, width), size) in enumerate(SIZES):
        made = stoker.resize(size, resampler="opencv", interpolation=interpolation)
        for channels in (1, 2, 3, 4, 5, 13):
            image = image_of(height, width, channels, dtype, number)
            expected = by_opencv(image, *size, OPENCV[interpolation])
            np.testing.assert_array_equal(made.apply(image), expected, f"{image.shape} to {size}")
    parity_row(f"resize {interpolation}", "Albumentations", np.dtype(dtype).name, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("channels", [5, 6, 7, 8])
def test_bytes_of_many_channels_are_halved_as_opencv_does(channels: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 66, channels), dtype=np.uint8)
    for interpolation in ("bilinear", "area"):
        made = stoker.resize((20, 33), resampler="opencv", interpolation=interpolation)
        expected = by_opencv(image, 20, 33, OPENCV[interpolation])
        np.testing.assert_array_equal(made.apply(image), expected)


# Transform, its parameters of one draw as the operator's draw.
RESAMPLED = [
    A.Resize(31, 44),
    A.Resize(31, 64, area_for_downscale="image", interpolation=cv2.INTER_CUBIC),
    A.RandomResizedCrop((31, 44)),
    A.RandomResizedCrop((20, 24), interpolation=cv2.INTER_LANCZOS4),
    A.RandomSizedCrop((5, 30), (20, 24)),
    A.LongestMaxSize(31),
    A.SmallestMaxSize(60, interpolation=cv2.INTER_AREA),
    A.RandomScale(0.6, p=1),
]


@pytest.mark.parametrize("number", range(len(RESAMPLED)), ids=lambda n: f"{type(RESAMPLED[n]).__name__} {n}")
def test_transforms_that_resize_floats_are_native(number: int) -> None:
    """In a pipeline, with crops and flips that are composed with them, before and after a table."""
    transform = RESAMPLED[number]
    image = image_of(48, 57, 3, np.float32, number)
    for before, after in (
        ([], []),
        ([A.HorizontalFlip(p=1)], [A.CenterCrop(15, 13)]),
        ([A.InvertImg(p=1)], []),
    ):
        native = stoker.compile(A.Compose([*before, transform, *after]), seed=3)
        (operator,) = stoker.from_transforms(A.Compose([transform])).operators
        for index in range(5):
            draw = operator.draw(48, 57, seed=3, index=index, path=len(before))
            expected = image
            for leaf in before:
                expected = leaf(image=expected)["image"]
            expected = operator.apply(np.ascontiguousarray(expected), draw)
            for leaf in after:
                expected = leaf(image=expected)["image"]
            made = native(image=image)["image"]
            assert not [line for line in native.report if "in Python" in line]
            np.testing.assert_array_equal(made, expected)
    if type(transform) is A.Resize:
        np.testing.assert_array_equal(
            stoker.compile(A.Compose([transform]))(image=image)["image"], transform(image=image)["image"]
        )


def test_floats_are_resized_after_their_normalisation() -> None:
    compose = A.Compose([A.Normalize(), A.Resize(20, 31), A.Normalize((0.1,) * 3, (2.0,) * 3, 1.0)])
    native = stoker.compile(compose)
    image = np.random.default_rng(2).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    assert not [line for line in native.report if "in Python" in line]
    np.testing.assert_allclose(native(image=image)["image"], compose(image=image)["image"], rtol=0, atol=1e-6)


def test_no_table_of_bytes_is_made_for_floats() -> None:
    """The last step reads floats, though the images came as bytes."""
    compose = A.Compose([A.ToFloat(), A.Resize(20, 31), A.FromFloat("uint8")])
    image = np.random.default_rng(2).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        stoker.compile(compose)(image=image)["image"], compose(image=image)["image"]
    )


# ---- float64 ----


def bilinear_of(image: np.ndarray, height: int, width: int) -> np.ndarray:
    def taps(source: int, size: int) -> np.ndarray:
        places = (np.arange(size) + 0.5) * source / size - 0.5
        low = np.floor(places).astype(int)
        matrix = np.zeros((size, source))
        for row, (at, part) in enumerate(zip(low, places - low, strict=True)):
            matrix[row, np.clip(at, 0, source - 1)] += 1 - part
            matrix[row, np.clip(at + 1, 0, source - 1)] += part
        return matrix

    rows, columns = taps(image.shape[0], height), taps(image.shape[1], width)
    return np.einsum("yh,hwc,xw->yxc", rows, image.astype(np.float64), columns, optimize=True)


@pytest.mark.parametrize("dtype", ALL_BITS)
@pytest.mark.parametrize("channels", [1, 13, 64])
def test_resizes_round_what_float64_gives(channels: int, dtype: Any) -> None:
    image = image_of(37, 53, channels, dtype)
    for height, width in ((20, 31), (60, 99), (37, 20)):
        made = stoker.resize((height, width), resampler="opencv").apply(image)
        exact = bilinear_of(image, height, width)
        assert np.abs(made - exact).max() < 0.5 + 0.3  # of 65535, for places and sums in float32


LEVELS: list[tuple[str, dict[str, Any], dict[str, float], Any]] = [
    (
        "brightness_contrast",
        {},
        {"alpha": 1.31371, "beta": -20.3},
        lambda level, most: level * 1.31371 - 20.3 / 255 * most,
    ),
    (
        "brightness_contrast",
        {},
        {"alpha": -0.4, "beta": 90.0},
        lambda level, most: level * -0.4 + 90 / 255 * most,
    ),
    (
        "brightness_contrast",
        {"brightness_by_max": False},
        {"alpha": 0.7, "share": 0.3},
        lambda level, most: level * 0.7 + 0.3 * level.mean(),
    ),
    (
        "random_gamma",
        {},
        {"gamma": 0.6},
        lambda level, most: np.sign(level) * (abs(level) / most) ** 0.6 * most,
    ),
    (
        "random_gamma",
        {},
        {"gamma": 1.8},
        lambda level, most: np.sign(level) * (abs(level) / most) ** 1.8 * most,
    ),
]


@pytest.mark.parametrize(("name", "parameters", "draw", "rule"), LEVELS)
@pytest.mark.parametrize("dtype", ALL_BITS)
@pytest.mark.parametrize("shape", [(7, 9, 1), (40, 50, 3), (40, 50, 64)])
def test_levels_round_what_float64_gives(
    name: str, parameters: dict[str, Any], draw: dict[str, float], rule: Any, dtype: Any, shape: Any
) -> None:
    operator = _native.make_operator(name, parameters)
    image = image_of(*shape, dtype)
    limits = np.iinfo(dtype)
    exact = rule(image.astype(np.float64), limits.max)
    expected = np.clip(np.rint(exact), limits.min, limits.max).astype(dtype)
    made = operator.apply(image, draw)
    assert made.dtype == dtype
    # Another order of operations may round to the other side of a half.
    unsure = np.abs(exact - np.floor(exact) - 0.5) < 1e-6
    np.testing.assert_array_equal(made[~unsure], expected[~unsure])
    assert unsure.mean() < 0.01
    parity_row(name, "float64 arithmetic", np.dtype(dtype).name, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("dtype", ALL_BITS)
@pytest.mark.parametrize("channels", [1, 13, 64])
def test_normalisation_is_that_of_float64(channels: int, dtype: Any) -> None:
    random = np.random.default_rng(1)
    mean, std = random.uniform(-0.2, 0.5, channels), random.uniform(0.1, 2, channels)
    image = image_of(20, 31, channels, dtype)
    operator = stoker.normalize(mean.tolist(), std.tolist(), max_value=10000.0)
    expected = (image.astype(np.float64) / 10000 - mean) / std
    np.testing.assert_allclose(operator.apply(image), expected, rtol=2e-6, atol=2e-6)
    parity_row("normalize", "float64 arithmetic", np.dtype(dtype).name, 0.0, 0.0, 0.0)


def padded(image: np.ndarray, top: int, bottom: int, left: int, right: int, fill: int) -> np.ndarray:
    return np.pad(image, ((top, bottom), (left, right), (0, 0)), constant_values=fill)


def with_holes(image: np.ndarray, holes: list[int], fill: int) -> np.ndarray:
    out = image.copy()
    for left, top, right, bottom in np.reshape(holes, (-1, 4)):
        out[top:bottom, left:right] = fill
    return out


MOVES: list[tuple[str, dict[str, Any], dict[str, Any], Any]] = [
    ("horizontal_flip", {}, {}, lambda i: i[:, ::-1]),
    ("vertical_flip", {}, {}, lambda i: i[::-1]),
    ("transpose", {}, {}, lambda i: i.transpose(1, 0, 2)),
    ("random_rotate90", {}, {"factor": 3}, lambda i: np.rot90(i, 3)),
    ("d4", {}, {"element": 5}, lambda i: np.rot90(i, 2).transpose(1, 0, 2)),
    ("crop", {"x_min": 4, "y_min": 2, "x_max": 20, "y_max": 11}, {}, lambda i: i[2:11, 4:20]),
    ("center_crop", {"size": [10, 13]}, {}, lambda i: i[5:15, 9:22]),
    ("random_crop", {"size": [10, 12]}, {"x": 7, "y": 3}, lambda i: i[3:13, 7:19]),
    (
        "pad",
        {"padding": [3, 1, 2, 4], "fill": 77},
        {"top": 1, "bottom": 4, "left": 3, "right": 2},
        lambda i: padded(i, 1, 4, 3, 2, 77),
    ),
    ("coarse_dropout", {"fill": 99}, {"list": [2, 3, 9, 12]}, lambda i: with_holes(i, [2, 3, 9, 12], 99)),
    (
        "grid_dropout",
        {"fill": 9},
        {"list": [0, 0, 2, 3, 5, 6, 8, 9]},
        lambda i: with_holes(i, [0, 0, 2, 3, 5, 6, 8, 9], 9),
    ),
]


@pytest.mark.parametrize(("name", "parameters", "draw", "rule"), MOVES, ids=[case[0] for case in MOVES])
def test_moves_keep_every_value(
    name: str, parameters: dict[str, Any], draw: dict[str, Any], rule: Any
) -> None:
    operator = _native.make_operator(name, {**parameters, "p": 1})
    for dtype, channels in itertools.product(WIDE, (1, 2, 3, 5, 13, 64)):
        image = image_of(20, 31, channels, dtype)
        np.testing.assert_array_equal(operator.apply(image, {"applies": True, **draw}), rule(image))
        parity_row(name, "float64 arithmetic", np.dtype(dtype).name, 0.0, 0.0, 0.0)


# ---- many channels ----

# Every operator that treats channels alike: a sample of its parameters.
ALIKE: dict[str, dict[str, Any]] = {
    "affine": {"rotate": [-40, 40], "scale": [0.7, 1.4]},
    "blur": {},
    "brightness_contrast": {},
    "coarse_dropout": {},
    "d4": {},
    "elastic_transform": {"alpha": 30, "sigma": 3},
    "gaussian_blur": {},
    "grid_distortion": {},
    "grid_dropout": {},
    "motion_blur": {},
    "multiplicative_noise": {},
    "normalize": {"mean": 0.2, "std": 0.4},
    "optical_distortion": {},
    "pad_if_needed": {"min_height": 40, "min_width": 40, "border_mode": "reflect_101"},
    "perspective": {},
    "random_gamma": {},
    "random_resized_crop": {"size": [13, 21], "resampler": "opencv"},
    "random_scale": {"scale_limit": 0.5, "resampler": "opencv", "interpolation": "bicubic"},
    "random_sized_crop": {"min_max_height": [9, 20], "size": [13, 21], "resampler": "opencv"},
    "rotate": {},
    "safe_rotate": {},
    "sharpen": {},
    "shift_scale_rotate": {},
}


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("name", ALIKE)
def test_sixty_four_channels_are_as_each_alone(name: str, dtype: Any) -> None:
    has_coin = name != "normalize"
    operator = _native.make_operator(name, {**ALIKE[name], **({"p": 1} if has_coin else {})})
    for channels, index in ((64, 0), (13, 1)):
        image = image_of(28, 33, channels, dtype, index)
        draw = operator.draw(28, 33, channels, index=index)
        made = operator.apply(image, draw)
        assert made.shape[2] == channels
        for channel in (0, 3, 7, channels - 1):
            alone = operator.apply(np.ascontiguousarray(image[..., channel : channel + 1]), draw)
            # float32 sums are taken in another order in other places of a row.
            most = 1 if dtype is not np.float32 else 1e-5
            apart = np.abs(made[..., channel].astype(np.float64) - alone[..., 0])
            assert apart.max() <= most
            assert (apart > 0).mean() < (0.01 if dtype is not np.float32 else 0.2)


@pytest.mark.parametrize("dtype", WIDE)
def test_noise_of_many_channels(dtype: Any) -> None:
    """Of the drawn mean and deviation in every channel, and of none alike."""
    operator = _native.make_operator("gauss_noise", {"p": 1})
    most = 1.0 if dtype is np.float32 else float(np.iinfo(dtype).max)
    image = np.full((90, 100, 64), most / 2).astype(dtype)
    seed = {"seed_low": 3, "seed_middle": 4, "seed_high": 5}
    noise = (operator.apply(image, {"mean": 0.05, "std": 0.08, **seed}).astype(np.float64) - image) / most
    channels = noise.reshape(-1, 64)
    assert np.abs(channels.mean(axis=0) - 0.05).max() < 5 * 0.08 / np.sqrt(9000)
    assert np.abs(channels.std(axis=0) / 0.08 - 1).max() < 5 / np.sqrt(2 * 9000)
    correlation = np.corrcoef(channels.T) - np.eye(64)
    assert np.abs(correlation).max() < 6 / np.sqrt(9000)
    parity_row("gauss_noise", "float64 arithmetic", np.dtype(dtype).name, float("nan"), float("nan"), 0.0)
