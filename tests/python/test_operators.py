"""Every operator against the library that it follows: pixels of the same parameters, and the draws."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pytest
import torchvision_schemas
from images import picture
from PIL import Image

import stoker
from stoker import _native

torchvision_schemas.define_missing()
torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
albumentations = pytest.importorskip("albumentations")
cv2 = pytest.importorskip("cv2")

from torchvision import transforms as v1  # noqa: E402
from torchvision.transforms import functional as F  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}
OPENCV = {
    "nearest": cv2.INTER_NEAREST,
    "nearest_exact": cv2.INTER_NEAREST_EXACT,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
    "area": cv2.INTER_AREA,
}
# Height, width, then the result's: up, down, strongly down, one axis only, one pixel, no change.
SIZES = [
    (37, 53, 60, 91),
    (90, 71, 31, 33),
    (150, 40, 9, 31),
    (64, 64, 64, 20),
    (1, 1, 5, 7),
    (48, 96, 24, 48),
    (20, 30, 20, 30),
]
CHANNELS = [1, 3]


@pytest.fixture(autouse=True)
def _opencv_by_its_own_code():
    """Intel's library inside OpenCV has another bicubic."""
    was = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    yield
    cv2.ipp.setUseIPP(was)


def image_of(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def pixels_of(image: Image.Image) -> np.ndarray:
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


def tensor_of(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def by_opencv(pixels: np.ndarray, height: int, width: int, interpolation: str) -> np.ndarray:
    out = cv2.resize(pixels, (width, height), interpolation=OPENCV[interpolation])
    return out if out.ndim == 3 else out[..., None]


def assert_same(ours: Any, theirs: np.ndarray) -> None:
    ours = np.asarray(ours)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    differing = ours != theirs
    assert not differing.any(), (
        f"{differing.sum()} of {differing.size} values differ, the first at {np.argwhere(differing)[0]}"
    )


# ---- resampling ----


@pytest.mark.parametrize("interpolation", PILLOW)
@pytest.mark.parametrize("channels", CHANNELS)
def test_resize_equals_pillow(interpolation: str, channels: int) -> None:
    for height, width, new_height, new_width in SIZES:
        pixels = picture(height, width, channels)
        operator = stoker.resize((new_height, new_width), interpolation=interpolation)
        theirs = pixels_of(image_of(pixels).resize((new_width, new_height), PILLOW[interpolation]))
        assert_same(operator.apply(pixels), theirs)
        assert_same(operator.reference(pixels), theirs)


@pytest.mark.parametrize("interpolation", OPENCV)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_resize_equals_opencv(interpolation: str, channels: int) -> None:
    for height, width, new_height, new_width in SIZES:
        pixels = picture(height, width, channels)
        operator = stoker.resize((new_height, new_width), resampler="opencv", interpolation=interpolation)
        theirs = by_opencv(pixels, new_height, new_width, interpolation)
        assert_same(operator.apply(pixels), theirs)
        assert_same(operator.reference(pixels), theirs)


@pytest.mark.parametrize("interpolation", PILLOW)
@pytest.mark.parametrize("channels", CHANNELS)
def test_random_resized_crop_equals_torchvision_on_pillow(interpolation: str, channels: int) -> None:
    pixels = picture(83, 120, channels)
    operator = stoker.random_resized_crop((31, 45), interpolation=interpolation)
    for index in range(12):
        draw = operator.draw(83, 120, channels, seed=3, index=index)
        x, y, width, height = (int(draw[name]) for name in ("x", "y", "width", "height"))
        theirs = image_of(pixels).crop((x, y, x + width, y + height)).resize((45, 31), PILLOW[interpolation])
        assert_same(operator.apply(pixels, draw), pixels_of(theirs))
        assert_same(operator.reference(pixels, draw), pixels_of(theirs))


@pytest.mark.parametrize("interpolation", OPENCV)
@pytest.mark.parametrize("channels", CHANNELS)
def test_random_resized_crop_equals_opencv(interpolation: str, channels: int) -> None:
    pixels = picture(83, 120, channels)
    operator = stoker.random_resized_crop((31, 45), resampler="opencv", interpolation=interpolation)
    for index in range(12):
        draw = operator.draw(83, 120, channels, seed=4, index=index)
        x, y, width, height = (int(draw[name]) for name in ("x", "y", "width", "height"))
        theirs = by_opencv(pixels[y : y + height, x : x + width].copy(), 31, 45, interpolation)
        assert_same(operator.apply(pixels, draw), theirs)


@pytest.mark.parametrize(
    ("size", "max_size"), [(17, None), (64, None), (200, None), (40, 50), (1, None), (64, 65)]
)
@pytest.mark.parametrize(("height", "width"), [(37, 53), (90, 71), (64, 64), (40, 333), (7, 3)])
def test_resize_of_the_shorter_side_equals_torchvision(
    size: int, max_size: int | None, height: int, width: int
) -> None:
    pixels = picture(height, width)
    theirs = F.resize(image_of(pixels), size, max_size=max_size)
    assert_same(stoker.resize(size, max_size=max_size or 0).apply(pixels), pixels_of(theirs))


# ---- crops and flips ----

CROPS = [(10, 10), (11, 20), (37, 53), (36, 52), (1, 1), (33, 5)]


@pytest.mark.parametrize("size", [*CROPS, (50, 20), (40, 60), (101, 77)])
def test_center_crop_equals_torchvision(size: tuple[int, int]) -> None:
    for height, width in [(37, 53), (38, 54)]:
        pixels = picture(height, width)
        assert_same(stoker.center_crop(size).apply(pixels), pixels_of(F.center_crop(image_of(pixels), size)))


@pytest.mark.parametrize("size", CROPS)
def test_center_crop_equals_albumentations(size: tuple[int, int]) -> None:
    for height, width in [(37, 53), (38, 54)]:
        pixels = picture(height, width)
        theirs = albumentations.CenterCrop(*size)(image=pixels)["image"]
        assert_same(stoker.center_crop(size, rounding="down").apply(pixels), theirs)


def test_center_crop_of_a_small_image_is_an_error_on_request() -> None:
    operator = stoker.center_crop(50, small="error")
    with pytest.raises(stoker.SampleError, match="smaller than the crop of 50 x 50"):
        operator.draw(49, 80)
    assert operator.draw(50, 50)["applies"]


@pytest.mark.parametrize("padding", [0, 3, (2, 5), (1, 2, 3, 4)])
@pytest.mark.parametrize("fill", [0, (9, 80, 200)])
def test_random_crop_equals_torchvision(padding: Any, fill: Any) -> None:
    pixels = picture(24, 33)
    operator = stoker.random_crop((20, 30), padding=padding, fill=fill)
    sides = (padding,) * 4 if isinstance(padding, int) else tuple(padding) * (4 // len(padding))
    padded = F.pad(image_of(pixels), list(sides), fill=fill)
    for index in range(20):
        draw = operator.draw(24, 33, index=index)
        top, left = int(draw["y"]) + sides[1], int(draw["x"]) + sides[0]
        assert 0 <= top <= padded.height - 20
        assert 0 <= left <= padded.width - 30
        assert_same(operator.apply(pixels, draw), pixels_of(F.crop(padded, top, left, 20, 30)))


def test_random_crop_refuses_to_fill_half_floats() -> None:
    source = stoker.arrays(np.zeros((2, 8, 8, 3), np.float16))
    with pytest.raises(ValueError, match="fill must be 0 on float16"):
        stoker.Loader(source, [stoker.random_crop(9, padding=1, fill=3)], batch_size=2, dtype="float16")
    loader = stoker.Loader(source, [stoker.random_crop(9, padding=1)], batch_size=2, dtype="float16")
    assert next(iter(loader)).shape == (2, 3, 9, 9)


def test_random_crop_pads_if_needed_as_torchvision() -> None:
    pixels = picture(10, 40)
    with pytest.raises(stoker.SampleError, match="pad_if_needed"):
        stoker.random_crop(16).draw(10, 40)
    operator = stoker.random_crop(16, pad_if_needed=True, fill=7)
    draw = operator.draw(10, 40)
    padded = F.pad(image_of(pixels), [0, 6], fill=7)
    assert_same(
        operator.apply(pixels, draw), pixels_of(F.crop(padded, int(draw["y"]) + 6, int(draw["x"]), 16, 16))
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "int64"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 17), (16, 64), (33, 7)])
def test_flips_move_pixels(dtype: str, height: int, width: int) -> None:
    for channels in (1, 2, 3, 4):
        pixels = picture(height, width, channels).astype(dtype)
        assert_same(stoker.horizontal_flip(p=1).apply(pixels, {"applies": True}), pixels[:, ::-1])
        assert_same(stoker.vertical_flip(p=1).apply(pixels, {"applies": True}), pixels[::-1])
        assert_same(stoker.vertical_flip(p=1).apply(pixels, {"applies": False}), pixels)


# ---- levels ----

ALL_LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)


def test_brightness_contrast_equals_albumentations() -> None:
    theirs = albumentations.RandomBrightnessContrast()
    operator = stoker.brightness_contrast(brightness=0.9, contrast=0.9, p=1)
    for index in range(200):
        draw = operator.draw(16, 16, index=index)
        for pixels in (ALL_LEVELS, picture(9, 13)):
            assert_same(
                operator.apply(pixels, draw), theirs.apply(pixels, alpha=draw["alpha"], beta=draw["beta"])
            )


@pytest.mark.parametrize("channels", CHANNELS)
def test_color_jitter_equals_torchvision_on_pillow(channels: int) -> None:
    operator = stoker.color_jitter(brightness=(0.1, 2.5), contrast=(0.1, 2.5))
    orders = set()
    for index in range(60):
        pixels = picture(19 + index % 5, 31, channels, seed=index)
        draw = operator.draw(*pixels.shape, index=index)
        image = image_of(pixels)
        steps = [(F.adjust_brightness, draw["brightness"]), (F.adjust_contrast, draw["contrast"])]
        for adjust, factor in reversed(steps) if draw["contrast_first"] else steps:
            image = adjust(image, factor)
        assert_same(operator.apply(pixels, draw), pixels_of(image))
        orders.add(draw["contrast_first"])
    assert orders == {0, 1}


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 1.7])
def test_color_jitter_of_one_kind_alone(factor: float) -> None:
    pixels = picture(21, 30)
    none, some = (1, 1), (factor, factor)
    brighter = stoker.color_jitter(brightness=some, contrast=none)
    assert_same(
        brighter.apply(pixels, brighter.draw(21, 30)),
        pixels_of(F.adjust_brightness(image_of(pixels), factor)),
    )
    stronger = stoker.color_jitter(brightness=none, contrast=some)
    assert_same(
        stronger.apply(pixels, stronger.draw(21, 30)), pixels_of(F.adjust_contrast(image_of(pixels), factor))
    )


@pytest.mark.parametrize(
    ("mean", "std"), [(MEAN, STD), ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), ((0.0, 0.1, 0.9), (1.0, 0.003, 7.0))]
)
def test_normalize_of_uint8_equals_albumentations(mean: Any, std: Any) -> None:
    for pixels in (ALL_LEVELS, picture(17, 23)):
        theirs = albumentations.Normalize(mean, std)(image=pixels)["image"]
        assert_same(stoker.normalize(mean, std).apply(pixels), theirs)


def test_normalize_of_uint8_with_another_max_value_equals_albumentations() -> None:
    theirs = albumentations.Normalize(MEAN, STD, max_pixel_value=200.0)(image=ALL_LEVELS)["image"]
    assert_same(stoker.normalize(MEAN, STD, max_value=200).apply(ALL_LEVELS), theirs)


@pytest.mark.parametrize(
    ("arithmetic", "theirs"),
    [
        ("divide", v1.ToTensor()),
        ("multiply", v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])),
        ("cast", v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=False)])),
    ],
)
def test_to_float_and_normalize_equal_torchvision(arithmetic: str, theirs: Any) -> None:
    for pixels in (ALL_LEVELS, picture(17, 23)):
        floats = theirs(image_of(pixels))
        ours = stoker.to_float(arithmetic=arithmetic).apply(pixels)
        assert_same(ours, floats.numpy().transpose(1, 2, 0))
        expected = v1.Normalize(MEAN, STD)(torch.Tensor(floats))
        assert_same(stoker.normalize(MEAN, STD).apply(np.asarray(ours)), expected.numpy().transpose(1, 2, 0))


def test_one_mean_for_all_channels() -> None:
    pixels = picture(8, 9)
    assert_same(
        stoker.normalize(0.5, 0.25).apply(pixels),
        np.asarray(stoker.normalize([0.5] * 3, [0.25] * 3).apply(pixels)),
    )
    with pytest.raises(ValueError, match="2 channels, the images have 3"):
        stoker.normalize([0.5, 0.5], [0.25, 0.25]).apply(pixels)


# ---- what is drawn ----

DRAWS = 3000


def assert_same_distribution(ours: list[float], theirs: list[float]) -> None:
    """Kolmogorov and Smirnov's two-sample test at 0.1 %; seeds are fixed, so it does not come and go."""
    both = np.sort(np.concatenate([ours, theirs]))
    steps = [np.searchsorted(np.sort(each), both, side="right") / len(each) for each in (ours, theirs)]
    limit = 1.95 * np.sqrt((len(ours) + len(theirs)) / (len(ours) * len(theirs)))
    assert np.abs(steps[0] - steps[1]).max() < limit


def drawn(operator: Any, height: int, width: int) -> list[dict[str, Any]]:
    return [operator.draw(height, width, seed=11, index=index) for index in range(DRAWS)]


# The last image is so long that most tries fail and the centred rectangle is taken.
@pytest.mark.parametrize(("height", "width"), [(375, 500), (64, 30), (40, 400)])
def test_random_resized_crop_draws_as_torchvision(height: int, width: int) -> None:
    torch.manual_seed(5)
    image = torch.empty(3, height, width)
    theirs = [v1.RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(DRAWS)]
    ours = drawn(stoker.random_resized_crop(224), height, width)
    for place, name in enumerate(("y", "x", "height", "width")):
        assert_same_distribution([draw[name] for draw in ours], [draw[place] for draw in theirs])
    assert_same_distribution([d["width"] * d["height"] for d in ours], [h * w for _, _, h, w in theirs])
    assert_same_distribution([d["width"] / d["height"] for d in ours], [w / h for _, _, h, w in theirs])
    assert_same_distribution(
        [d["x"] / (width + 1 - d["width"]) for d in ours], [x / (width + 1 - w) for _, x, _, w in theirs]
    )


def test_random_resized_crop_draws_as_albumentations() -> None:
    transform = albumentations.RandomResizedCrop((224, 224))
    transform.set_random_seed(3)
    image = np.zeros((375, 500, 3), np.uint8)
    shape = {"shape": image.shape}
    theirs = [
        transform.get_params_dependent_on_data(shape, {"image": image})["crop_coords"] for _ in range(DRAWS)
    ]
    ours = drawn(stoker.random_resized_crop(224), 375, 500)
    assert_same_distribution([d["x"] for d in ours], [left for left, _, _, _ in theirs])
    assert_same_distribution([d["y"] for d in ours], [top for _, top, _, _ in theirs])
    assert_same_distribution([d["width"] for d in ours], [right - left for left, _, right, _ in theirs])
    assert_same_distribution([d["height"] for d in ours], [bottom - top for _, top, _, bottom in theirs])


def test_random_crop_draws_each_place_alike() -> None:
    counts = np.zeros((5, 4))
    for draw in drawn(stoker.random_crop((10, 12)), 14, 15):
        counts[int(draw["y"]), int(draw["x"])] += 1
    chi_square = ((counts - DRAWS / 20) ** 2 / (DRAWS / 20)).sum()
    assert chi_square < 43.8  # 19 degrees of freedom, 0.1 %


def test_levels_are_drawn_evenly() -> None:
    random = np.random.default_rng(2)
    draws = drawn(stoker.brightness_contrast(brightness=(-0.1, 0.3), contrast=(-0.5, 0.2), p=1), 8, 8)
    assert_same_distribution([d["alpha"] for d in draws], 1 + random.uniform(-0.5, 0.2, DRAWS))
    assert_same_distribution([d["beta"] for d in draws], 255 * random.uniform(-0.1, 0.3, DRAWS))
    draws = drawn(stoker.color_jitter(brightness=(0.5, 1.1), contrast=(0.9, 3)), 8, 8)
    assert_same_distribution([d["brightness"] for d in draws], random.uniform(0.5, 1.1, DRAWS))
    assert_same_distribution([d["contrast"] for d in draws], random.uniform(0.9, 3, DRAWS))
    assert abs(np.mean([d["contrast_first"] for d in draws]) - 0.5) < 0.031
    assert abs(np.corrcoef([[d["brightness"], d["contrast"]] for d in draws], rowvar=False)[0, 1]) < 0.06


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize(
    "make", [stoker.horizontal_flip, stoker.vertical_flip, stoker.brightness_contrast, stoker.color_jitter]
)
def test_p_is_a_probability(make: Any, p: float) -> None:
    share = np.mean([draw["applies"] for draw in drawn(make(p=p), 8, 8)])
    assert abs(share - p) <= 3.3 * np.sqrt(p * (1 - p) / DRAWS)


def test_a_draw_depends_on_seed_epoch_index_and_place_alone() -> None:
    operator = stoker.random_resized_crop(64)
    draw = operator.draw(300, 400, seed=1, epoch=2, index=3, path=4)
    assert draw == stoker.random_resized_crop(64).draw(300, 400, seed=1, epoch=2, index=3, path=4)
    for other in ({"seed": 9}, {"epoch": 9}, {"index": 9}, {"path": 9}):
        assert operator.draw(300, 400, **{"seed": 1, "epoch": 2, "index": 3, "path": 4, **other}) != draw


# ---- how they are written ----

MADE = [
    stoker.random_resized_crop((20, 30), scale=(0.2, 0.9), resampler="opencv", interpolation="area"),
    stoker.resize(256, max_size=400, interpolation="bicubic"),
    stoker.center_crop(224, rounding="down", small="error"),
    stoker.random_crop((3, 4), padding=(1, 2), fill=(1, 2, 3), pad_if_needed=True),
    stoker.horizontal_flip(),
    stoker.vertical_flip(p=0.25),
    stoker.brightness_contrast(brightness=0.3),
    stoker.color_jitter(contrast=(0.2, 3)),
    stoker.to_float(arithmetic="multiply"),
    stoker.normalize(MEAN, STD),
]
MADE += [
    _native.make_operator(info["name"], example)
    for info in _native.operators()
    if info["name"] not in {operator.name for operator in MADE}
    for example in _native.examples_of(info["name"])[:1]
]


def test_every_operator_is_in_these_tests() -> None:
    assert {operator.name for operator in MADE} == {info["name"] for info in _native.operators()}
    assert {operator.name for operator in MADE} < set(stoker.__all__)


@pytest.mark.parametrize("operator", MADE, ids=lambda operator: operator.name)
def test_repr_and_parameters_make_it_again(operator: Any) -> None:
    again = eval(repr(operator))
    assert repr(again) == repr(operator)
    assert again.parameters == operator.parameters
    assert repr(_native.make_operator(operator.name, operator.parameters)) == repr(operator)


@pytest.mark.parametrize("operator", MADE, ids=lambda operator: operator.name)
def test_operators_can_be_pickled(operator: Any) -> None:
    again = pickle.loads(pickle.dumps(operator))
    assert repr(again) == repr(operator)
    if operator.is_random:
        assert again.draw(300, 400, index=5) == operator.draw(300, 400, index=5)


@pytest.mark.parametrize("info", _native.operators(), ids=lambda info: info["name"])
def test_signature_and_docstring_come_from_the_registry(info: dict[str, Any]) -> None:
    function = getattr(stoker, info["name"])
    signature = inspect.signature(function)
    assert set(signature.parameters) == {parameter["name"] for parameter in info["parameters"]}
    for parameter in info["parameters"]:
        written = signature.parameters[parameter["name"]]
        assert (
            written.default is written.empty
            if parameter["is_required"]
            else written.default == parameter["default"]
        )
        assert f"    {parameter['name']}: " in function.__doc__
        assert parameter["doc"] in function.__doc__
    assert function.__doc__.startswith(info["summary"])
    assert "Returns:" in function.__doc__
    assert function.__name__ == info["name"]


NAN = float("nan")
WRONG = [
    (ValueError, stoker.resize, (0,), {}, "resize: size must be between 1 and 16384 pixels, got 0"),
    (ValueError, stoker.resize, (1.5,), {}, "whole pixels"),
    (ValueError, stoker.resize, (NAN,), {}, "between 1 and 16384"),
    (ValueError, stoker.resize, ((1, 2, 3),), {}, "size must be 1 to 2 numbers, got 3"),
    (ValueError, stoker.resize, ([],), {}, "size must be 1 to 2 numbers, got 0"),
    (ValueError, stoker.resize, (2**70,), {}, "between 1 and 16384"),
    (TypeError, stoker.resize, (None,), {}, "size must be a number"),
    (TypeError, stoker.resize, ("224",), {}, "size must be a number"),
    (TypeError, stoker.resize, (True,), {}, "size must be a number"),
    (TypeError, stoker.resize, ((8, None),), {}, "size must hold numbers"),
    (TypeError, stoker.resize, (), {}, "size"),
    (TypeError, stoker.resize, (8,), {"sise": 8}, "sise"),
    (ValueError, stoker.resize, (8,), {"max_size": 8}, "max_size must be above size"),
    (ValueError, stoker.resize, ((8, 8),), {"max_size": 9}, "max_size needs size as one number"),
    (ValueError, stoker.resize, (8,), {"interpolation": "linear"}, "one of 'nearest', .*, got 'linear'"),
    (ValueError, stoker.resize, (8,), {"interpolation": "area"}, "does not exist with resampler 'pillow'"),
    (ValueError, stoker.resize, (8,), {"resampler": "opencv", "interpolation": "box"}, "resampler 'opencv'"),
    (
        ValueError,
        stoker.random_resized_crop,
        (8,),
        {"scale": (0, 1)},
        "random_resized_crop: scale must be between",
    ),
    (ValueError, stoker.random_resized_crop, (8,), {"scale": (0.9, 0.1)}, "least, greatest"),
    (ValueError, stoker.random_resized_crop, (8,), {"ratio": (0.5,)}, "ratio must be 2 numbers, got 1"),
    (ValueError, stoker.random_resized_crop, (8,), {"p": 1.1}, "p must be between 0 and 1"),
    (
        ValueError,
        stoker.center_crop,
        (8,),
        {"rounding": "up"},
        "center_crop: rounding must be one of 'even', 'down'",
    ),
    (ValueError, stoker.random_crop, (8,), {"padding": (1, 2, 3)}, "padding must be 1, 2 or 4 numbers"),
    (ValueError, stoker.random_crop, (8,), {"padding": -1}, "random_crop: padding must be between 0"),
    (
        ValueError,
        stoker.random_crop,
        (8,),
        {"fill": 256},
        "random_crop: fill must be between 0 and 255 levels",
    ),
    (TypeError, stoker.random_crop, (8,), {"pad_if_needed": "yes"}, "pad_if_needed must be True or False"),
    (ValueError, stoker.horizontal_flip, (), {"p": NAN}, "horizontal_flip: p must be between 0 and 1"),
    (TypeError, stoker.vertical_flip, (), {"p": None}, "vertical_flip: p must be a number"),
    (
        ValueError,
        stoker.brightness_contrast,
        (),
        {"brightness": (0.3, 0.2)},
        "brightness must be .least, greatest.",
    ),
    (ValueError, stoker.brightness_contrast, (), {"contrast": -0.5}, "contrast"),
    (
        ValueError,
        stoker.color_jitter,
        (),
        {"brightness": (-1, 1)},
        "color_jitter: brightness must be between 0",
    ),
    (ValueError, stoker.normalize, (0.5, 0), {}, "normalize: std must be between"),
    (ValueError, stoker.normalize, ([0.5] * 3, [0.5] * 2), {}, "mean has 3 channels and std 2"),
    (ValueError, stoker.to_float, (), {"arithmetic": "round"}, "'divide', 'multiply', 'cast'"),
]


@pytest.mark.parametrize(("error", "make", "arguments", "keywords", "text"), WRONG)
def test_a_wrong_argument_is_named(
    error: type[Exception], make: Any, arguments: Any, keywords: Any, text: str
) -> None:
    with pytest.raises(error, match=text) as raised:
        make(*arguments, **keywords)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    "operator",
    [
        stoker.resize(4),
        stoker.random_resized_crop(4),
        stoker.color_jitter(),
        stoker.to_float(),
    ],
)
def test_an_operator_refuses_a_dtype_that_it_cannot_take(operator: Any) -> None:
    with pytest.raises(ValueError, match=f"{operator.name}: works on uint8.* images.*got int16"):
        operator.apply(np.zeros((9, 9, 3), np.int16))


@pytest.mark.parametrize("shape", [(3,), (1, 2, 3, 4), (0, 4, 3), (4, 0, 3), (4, 4, 0), (4, 4, 65)])
def test_apply_refuses_what_is_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="image: "):
        stoker.vertical_flip().apply(np.zeros(shape, np.uint8))


HUGE = [NAN, float("inf"), -float("inf"), 1e300, -1e300, 2**31 - 1, -(2**31), 2**62]


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("name", ["x", "y"])
def test_a_draw_outside_of_reason_is_refused(name: str, value: float) -> None:
    pixels = picture(40, 50)
    crop = {"applies": True, "x": 0, "y": 0, name: value}
    with pytest.raises((ValueError, TypeError), match="random_crop"):
        stoker.random_crop(8).apply(pixels, crop)
    with pytest.raises((ValueError, TypeError), match="random_resized_crop"):
        stoker.random_resized_crop(8).apply(pixels, {**crop, "width": 40, "height": 30})


@pytest.mark.parametrize("draw", [[1], "x", {3: 4}, {"x": "a"}, {"x": None}, {"applies": "yes"}, {"z": 1}])
def test_a_draw_of_the_wrong_kind_is_a_type_error(draw: Any) -> None:
    with pytest.raises(TypeError):
        stoker.random_crop(8).apply(picture(40, 50), draw)


def test_apply_takes_any_memory_order_and_read_only_arrays() -> None:
    pixels = picture(30, 40)
    operator = stoker.resize((11, 13))
    for view in (pixels[::2, ::-3], pixels.transpose(1, 0, 2), pixels[5:9, :, ::-1]):
        frozen = view.copy()
        frozen.flags.writeable = False
        assert_same(operator.apply(view), np.asarray(operator.apply(frozen)))
