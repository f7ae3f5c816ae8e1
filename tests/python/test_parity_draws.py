"""Every number that an operator or a group draws is distributed as the library draws it.

What turns the library's parameters into an operator's draw comes from the tests of pixels, where the same
conversions give equal images.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import distributions
import numpy as np
import pytest
import test_parity_color as color
import test_parity_filters as filters
import test_parity_index_maps as index_maps
import test_parity_warps as warps
import test_parity_warps_torchvision as torch_warps
import torch
from images import picture
from PIL import Image
from torchvision import transforms as v1
from torchvision.transforms import v2

import stoker
from stoker import _native
from stoker.lowering import leaves
from stoker.lowering.recipe import Step

A = index_maps.A
cv2 = index_maps.cv2
stats = distributions.stats
DRAWS = 1500
SHAPE = (40, 31, 3)
Draw = dict[str, Any]
Conversion = Callable[[Any, int], list[Draw]]  # the transform and a count to draws


def as_index_map(convert: Any) -> Conversion:
    def draws(transform: Any, count: int) -> list[Draw]:
        transform.set_random_seed(3)
        image = np.zeros(SHAPE, np.uint8)
        return [convert(index_maps.parameters_of(transform, image))[-1] for _ in range(count)]

    return draws


def as_color(convert: Any, level: int = 0) -> Conversion:
    def draws(transform: Any, count: int) -> list[Draw]:
        transform.set_random_seed(8)
        image = np.full(SHAPE, level, np.uint8)
        return [convert(color.parameters_of(transform, image), image) for _ in range(count)]

    return draws


def as_filter(convert: Any) -> Conversion:
    def draws(transform: Any, count: int) -> list[Draw]:
        transform.set_random_seed(5)
        image = np.zeros(SHAPE, np.uint8)
        return [filters.drawn_by(transform, image, convert)[1] for _ in range(count)]

    return draws


def as_warp(transform: Any, count: int) -> list[Draw]:
    return [warps.parameters_and_draw(transform, SHAPE, seed)[1] for seed in range(count)]


def as_torch(convert: Any, image: Any = None) -> Conversion:
    def draws(transform: Any, count: int) -> list[Draw]:
        torch.manual_seed(2)
        given = Image.new("RGB", (SHAPE[1], SHAPE[0])) if image is None else image
        return [convert(transform.make_params([given])) for _ in range(count)]

    return draws


def as_torch_warp(convert: Any) -> Conversion:
    def draws(transform: Any, count: int) -> list[Draw]:
        operator = native(transform)
        return as_torch(lambda p: convert(operator, p, *SHAPE[:2]))(transform, count)

    return draws


def kernel(transform: Any, parameters: Draw) -> Draw:
    return filters.kernel(transform, parameters) | {"kernel_size": len(parameters["kernel"])}


def noise(_: Any, parameters: Draw) -> Draw:
    return {name: parameters[name] for name in ("color_shift", "intensity") if name in parameters}


def order_of_jitter(parameters: Draw) -> Draw:
    names = ("brightness", "contrast", "saturation", "hue")
    order = [int(step) for step in parameters["fn_idx"]]
    return {name: parameters[f"{name}_factor"] for name in names} | color.places(order)


def window_of_torch(parameters: Draw) -> Draw:
    return {"y": parameters["top"], "x": parameters["left"]} | {
        name: parameters[name] for name in ("height", "width") if name in parameters
    }


def place_of_torch(parameters: Draw) -> Draw:
    return {"y": parameters["top"], "x": parameters["left"]}


def erased(parameters: Draw) -> Draw:
    # A rectangle that was not found is the whole image there, and nothing here.
    if parameters["v"] is None:
        return dict.fromkeys(("x", "y", "width", "height"), 0)
    return {
        "x": parameters["j"],
        "y": parameters["i"],
        "width": parameters["w"],
        "height": parameters["h"],
    }


def by_channel(values: Any) -> Draw:
    return {"list": [float(value) for value in values]}


def of(name: str, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(A, name)(**{"p": 1.0, **options})


WINDOW = as_index_map(index_maps.window)
HOLES = as_index_map(index_maps.holes)
SCALE = as_index_map(lambda p: [{"scale": p["scale"]}])
PADS = as_index_map(lambda p: [index_maps.pads(p)])
CORNER = as_index_map(index_maps.crop_after_pads)
ELEMENT = as_index_map(lambda p: [{"element": index_maps.ELEMENTS.index(p["group_element"])}])
SAME = as_filter(filters.same)

# The library's transform, and how its parameters are read.
CASES: list[tuple[Any, Conversion]] = [
    (of("RandomRotate90"), as_index_map(lambda p: [{"factor": p["factor"]}])),
    (of("D4"), ELEMENT),
    (of("SquareSymmetry"), ELEMENT),
    (of("PadIfNeeded", min_height=60, min_width=43, position="random"), PADS),
    (of("RandomCrop", height=13, width=17), CORNER),
    (of("RandomCrop", height=35, width=31), CORNER),
    (of("RandomResizedCrop", size=(31, 44)), WINDOW),
    (of("RandomResizedCrop", size=(31, 44), scale=(0.5, 1), ratio=(1.2, 3)), WINDOW),
    (of("RandomSizedCrop", min_max_height=(5, 30), size=(20, 24), w2h_ratio=0.8), WINDOW),
    (of("LongestMaxSize", max_size=[31, 64, 77]), SCALE),
    (of("SmallestMaxSize", max_size=[31, 64, 77]), SCALE),
    (of("RandomScale", scale_limit=0.6), SCALE),
    (of("RandomScale", scale_limit=(-0.2, 0.7)), SCALE),
    (of("CoarseDropout"), HOLES),
    (
        of("CoarseDropout", num_holes_range=(3, 9), hole_height_range=(1, 20), hole_width_range=(2, 20)),
        HOLES,
    ),
    (of("GridDropout"), HOLES),
    (of("GridDropout", unit_size_range=(6, 12), ratio=0.3), HOLES),
    (
        of("ChannelDropout", channel_drop_range=(1, 2)),
        as_index_map(lambda p: [by_channel(p["channels_to_drop"])]),
    ),
    (of("ChannelShuffle"), as_index_map(lambda p: [by_channel(p["channels_shuffled"])])),
    (of("RandomGamma", gamma_limit=(40, 250)), as_color(color.same)),
    (of("Solarize", threshold_range=(0.1, 0.9)), as_color(color.threshold_in_levels)),
    (of("Posterize", num_bits=(1, 7)), as_color(color.listed("num_bits"))),
    (of("Posterize", num_bits=[(1, 2), (3, 5), (6, 8)]), as_color(color.listed("num_bits"))),
    (
        of("RGBShift", r_shift_limit=90, g_shift_limit=(-40, 70), b_shift_limit=(-0.3, 0.2)),
        as_color(color.shifts),
    ),
    (
        of("HueSaturationValue", hue_shift_limit=90, sat_shift_limit=(-5, 80), val_shift_limit=70),
        as_color(color.same),
    ),
    (
        of(
            "ColorJitter",
            brightness=(0.4, 1.8),
            contrast=(0.3, 2.2),
            saturation=(0, 2.5),
            hue=(-0.5, 0.3),
        ),
        as_color(color.jitter),
    ),
    (of("CLAHE", clip_limit=(5, 60)), as_color(color.same)),
    (of("RandomToneCurve", scale=0.3), as_color(color.curve)),
    (of("RandomToneCurve", scale=0.2, per_channel=True), as_color(color.curve)),
    (
        of("RandomBrightnessContrast", brightness_limit=(-0.6, 0.5), contrast_limit=(-0.9, 1)),
        as_color(color.brightness_in_levels),
    ),
    (
        of("RandomBrightnessContrast", ensure_safe_range=True),
        as_color(color.brightness_in_levels),
    ),
    (
        of("RandomBrightnessContrast", brightness_limit=(-0.6, 0.5), brightness_by_max=False),
        as_color(color.brightness_of_mean, level=100),
    ),
    (of("GaussianBlur", blur_limit=(3, 9), sigma_limit=(0.1, 2)), as_filter(filters.gaussian)),
    (of("Blur", blur_limit=(3, 9)), as_filter(filters.kernel_size)),
    (of("MedianBlur", blur_limit=(3, 9)), as_filter(filters.kernel_size)),
    (of("MotionBlur", blur_limit=(3, 11)), as_filter(kernel)),
    (
        of("MotionBlur", allow_shifted=False, angle_range=(10, 70), direction_range=(-0.5, 1)),
        as_filter(kernel),
    ),
    (of("Sharpen"), as_filter(filters.sharpening)),
    (of("Sharpen", method="gaussian", alpha=(0.1, 0.9)), as_filter(filters.sharpening)),
    (of("MultiplicativeNoise", multiplier=(0.5, 1.7)), as_filter(filters.factors)),
    (of("MultiplicativeNoise", multiplier=(0.5, 1.7), per_channel=True), as_filter(filters.factors)),
    (of("ImageCompression", quality_range=(5, 95)), SAME),
    (of("ImageCompression", quality_range=(88, 97)), SAME),
    (of("Downscale", scale_range=(0.4, 1)), SAME),
    (of("ISONoise", color_shift=(0.1, 0.4), intensity=(0.2, 0.9)), as_filter(noise)),
    (of("Affine", **warps.WIDE), as_warp),
    (
        of("Affine", translate_px={"x": (-3, 5), "y": (0, 2)}, scale={"x": (0.5, 1), "y": (1, 3)}),
        as_warp,
    ),
    (of("Affine", scale=(0.5, 2), balanced_scale=True, shear={"x": (0, 5), "y": (-9, -3)}), as_warp),
    (of("Affine", scale=(0.5, 2), keep_ratio=True), as_warp),
    (of("ShiftScaleRotate", shift_limit_x=(0, 0.1), scale_limit=0.3), as_warp),
    (of("Rotate", limit=(-20, 70)), as_warp),
    (of("SafeRotate"), as_warp),
    (of("Perspective", scale=(0.02, 0.3)), as_warp),
    (of("GridDistortion", distort_limit=(-0.1, 0.4), num_steps=3), as_warp),
    (of("OpticalDistortion", distort_limit=(-0.1, 0.3)), as_warp),
    (v2.RandomRotation((-20, 60)), as_torch_warp(torch_warps.rotation_draw)),
    (v2.RandomAffine(30, (0.3, 0.1), (0.5, 2), (-20, 20, -10, 10)), as_torch_warp(torch_warps.affine_draw)),
    (v2.RandomPerspective(0.4, p=1), as_torch_warp(torch_warps.corners_draw)),
    (v2.RandomResizedCrop((31, 25)), as_torch(window_of_torch)),
    (v2.RandomResizedCrop((31, 25), scale=(0.5, 1.0), ratio=(1.5, 3.0)), as_torch(window_of_torch)),
    (v2.RandomCrop((13, 17)), as_torch(place_of_torch)),
    (v2.ColorJitter(0.4, (0.3, 1.9), 0.8, (-0.1, 0.3)), as_torch(order_of_jitter)),
    (v2.RandomErasing(p=1, scale=(0.1, 0.5)), as_torch(erased, torch.zeros(3, *SHAPE[:2]))),
    (v2.RandomErasing(p=1, scale=(0.7, 0.9)), as_torch(erased, torch.zeros(3, *SHAPE[:2]))),
    (v2.RandomChannelPermutation(), as_torch(lambda p: by_channel(p["permutation"]))),
    (v2.GaussianBlur((3, 5), (0.1, 4)), as_torch(lambda p: {"sigma": p["sigma"][0]})),
]


def native(transform: Any) -> Any:
    """The one operator of a transform."""
    name = type(transform).__name__
    is_torch = type(transform).__module__.startswith("torchvision.")
    lowering = leaves.find(leaves.TORCHVISION if is_torch else leaves.ALBUMENTATIONS, name)
    if lowering is None:  # those that the walker of torchvision lowers itself
        (operator,) = stoker.from_transforms(v2.Compose([transform, v2.PILToTensor()])).operators
        return operator
    made = lowering(transform)
    step = made if isinstance(made, Step) else made[-1]
    parameters = {**step.parameters, **({"p": 1.0} if leaves.has_coin(step.name) else {})}
    return Step(step.name, parameters).build()


def numbers_of(operator: str, draw: Draw) -> dict[str, Any]:
    """A draw as numbers by name; a list by what matters of it."""
    found = {name: value for name, value in draw.items() if name not in ("applies", "list")}
    listed = draw.get("list", [])
    if operator.endswith("_dropout") and operator != "channel_dropout":
        edges = np.reshape(listed, (-1, 4))
        found["number of holes"] = float(len(edges))
        for what, (left, top, right, bottom) in (("first", edges[0]), ("last", edges[-1])):
            found |= {f"{what} hole's x": left, f"{what} hole's y": top}
            found |= {f"{what} hole's width": right - left, f"{what} hole's height": bottom - top}
    elif operator in ("channel_dropout", "channel_shuffle"):
        order = sorted(listed) if operator == "channel_dropout" else listed
        found["channels"] = str([int(channel) for channel in order])
    elif operator == "motion_blur":
        side = round(len(listed) ** 0.5)
        kernel = np.reshape(listed, (side, side))
        y, x = np.mgrid[:side, :side] - side // 2
        found |= {"cells": float(np.count_nonzero(kernel))}
        found |= {"kernel's x": float((kernel * x).sum()), "kernel's y": float((kernel * y).sum())}
        found["kernel's slant"] = float((kernel * x * y).sum())
    else:
        found |= {f"number {place}": value for place, value in enumerate(listed)}
    if found.get("width", 0) > 0 and found["height"] > 0:
        found |= {"area": found["width"] * found["height"], "ratio": found["width"] / found["height"]}
    if operator == "color_jitter":
        parts = ("contrast_first", "saturation_at", "hue_at")
        found["order"] = str([int(found.pop(part)) for part in parts])
    return found


def columns(operator: str, draws: list[Draw]) -> dict[str, list[Any]]:
    rows = [numbers_of(operator, draw) for draw in draws]
    return {name: [row[name] for row in rows if name in row] for name in rows[0]}


@pytest.fixture(autouse=True)
def _plain_opencv() -> Any:
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    yield
    cv2.ipp.setUseIPP(used)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda n: f"{type(CASES[n][0]).__name__} {n}")
def test_draws_as_the_library(number: int) -> None:
    transform, drawn_there = CASES[number]
    operator = native(transform)
    library = "torchvision" if type(transform).__module__.startswith("torchvision.") else "Albumentations"
    theirs = columns(operator.name, drawn_there(transform, DRAWS))
    ours = columns(operator.name, [operator.draw(*SHAPE, seed=4, index=i) for i in range(DRAWS)])
    for name, sample in theirs.items():
        compare = distributions.compare_counts if isinstance(sample[0], str) else distributions.compare
        compare(operator.name, library, name, ours[name], sample)


# Operator, parameters, value, and the range in which it is evenly distributed.
EXACT: list[tuple[str, dict[str, Any], str, float, float]] = [
    ("random_gamma", {"gamma_limit": [50, 150]}, "gamma", 0.5, 1.5),
    ("brightness_contrast", {"brightness": [-0.1, 0.3], "contrast": [-0.5, 0.2]}, "alpha", 0.5, 1.2),
    ("brightness_contrast", {"brightness": [-0.1, 0.3], "contrast": [-0.5, 0.2]}, "beta", -25.5, 76.5),
    ("brightness_contrast", {"brightness": [-0.1, 0.3], "contrast": [-0.5, 0.2]}, "share", -0.1, 0.3),
    ("clahe", {"clip_limit": [1, 40]}, "clip_limit", 1, 40),
    ("downscale", {"scale_range": [0.3, 0.8]}, "scale", 0.3, 0.8),
    ("gauss_noise", {"mean_range": [-0.2, 0.1], "std_range": [0.2, 0.44]}, "mean", -0.2, 0.1),
    ("gauss_noise", {"mean_range": [-0.2, 0.1], "std_range": [0.2, 0.44]}, "std", 0.2, 0.44),
    ("gaussian_blur", {"sigma_limit": [0.5, 3]}, "sigma", 0.5, 3),
    ("gaussian_blur_torch", {"kernel_size": 5, "sigma": [0.1, 5]}, "sigma", 0.1, 5),
    ("iso_noise", {"color_shift": [0.01, 0.05]}, "color_shift", 0.01, 0.05),
    ("iso_noise", {"intensity": [0.1, 0.5]}, "intensity", 0.1, 0.5),
    ("motion_blur", {"angle_range": [10, 70]}, "angle", 10, 70),
    ("motion_blur", {"direction_range": [-0.5, 1]}, "direction", -0.5, 1),
    ("motion_blur", {"blur_limit": [9, 9]}, "shift_x", -2, 2),
    ("motion_blur", {"blur_limit": [9, 9]}, "shift_y", -2, 2),
    ("random_rotation", {"degrees": [-50, 70]}, "angle", -50, 70),
    ("rotate", {"limit": [-20, 70]}, "rotate", -20, 70),
    ("safe_rotate", {"limit": [-20, 70]}, "rotate", -20, 70),
    ("sharpen", {"alpha": [0.2, 0.5]}, "alpha", 0.2, 0.5),
    ("sharpen", {"lightness": [0.5, 1]}, "lightness", 0.5, 1),
    ("solarize", {"threshold": [20, 200]}, "threshold", 20, 200),
    ("color_jitter", {"brightness": [0.5, 1.1]}, "brightness", 0.5, 1.1),
    ("color_jitter", {"contrast": [0.9, 3]}, "contrast", 0.9, 3),
    ("color_jitter", {"saturation": [0, 2]}, "saturation", 0, 2),
    ("color_jitter", {"hue": [-0.1, 0.4]}, "hue", -0.1, 0.4),
]


@pytest.mark.parametrize(("operator", "parameters", "value", "low", "high"), EXACT)
def test_draws_are_even(
    operator: str, parameters: dict[str, Any], value: str, low: float, high: float
) -> None:
    made = _native.make_operator(operator, parameters)
    found = [made.draw(*SHAPE, seed=6, index=index)[value] for index in range(4 * DRAWS)]
    assert all(low <= each <= high for each in found)
    distributions.uniform(operator, value, found, low, high)


@pytest.mark.parametrize("kind", ["shear_x", "shear_y", "translate_x", "translate_y", "rotate"])
def test_sizes_of_policies_and_their_signs_come_alike(kind: str) -> None:
    made = _native.make_operator("policy_warp", {"kind": kind, "magnitudes": [3, 7, 20]})
    found = [made.draw(*SHAPE, seed=6, index=index)["magnitude"] for index in range(DRAWS)]
    expected = {sign * size: 1 / 6 for sign in (-1.0, 1.0) for size in (3.0, 7.0, 20.0)}
    distributions.shares("policy_warp", f"magnitude of {kind}", found, expected)


# Every operator once, with its required parameters.
NEEDED: dict[str, dict[str, Any]] = {
    name: {"size": 8}
    for name in ("center_crop", "random_crop", "random_resized_crop", "random_sized_crop", "resize")
} | {
    "random_sized_crop": {"min_max_height": [5, 9], "size": 8},
    "crop": {"x_max": 9, "y_max": 9},
    "pad": {"padding": 1},
    "gaussian_blur_torch": {"kernel_size": 3},
    "policy_warp": {"kind": "rotate", "magnitudes": [9]},
    "random_affine": {"degrees": [9]},
    "random_rotation": {"degrees": [9]},
    "smallest_max_size": {"max_size": 9},
    "longest_max_size": {"max_size": 9},
    "normalize": {"mean": 0, "std": 1},
}
WITH_COIN = [
    info["name"]
    for info in _native.operators()
    if any(parameter["name"] == "p" for parameter in info["parameters"])
]


@pytest.mark.parametrize("name", WITH_COIN)
def test_p_is_the_share_of_images_that_change(name: str) -> None:
    made = _native.make_operator(name, {**NEEDED.get(name, {}), "p": 0.3})
    found = [
        made.draw(*SHAPE, seed=WITH_COIN.index(name), index=index)["applies"] for index in range(2 * DRAWS)
    ]
    distributions.shares(name, "p", found, {True: 0.3, False: 0.7})
    for p in (0, 1):
        made = _native.make_operator(name, {**NEEDED.get(name, {}), "p": p})
        assert {made.draw(*SHAPE, index=index)["applies"] for index in range(50)} == {p == 1}


SEEDED: dict[str, dict[str, Any]] = {
    "coarse_dropout": {"fill_kind": "random"},
    "elastic_transform": {},
    "gauss_noise": {},
    "grid_dropout": {"fill_kind": "random"},
    "iso_noise": {},
    "multiplicative_noise": {"elementwise": True},
    "random_erasing": {"random_value": True},
}


@pytest.mark.parametrize("name", SEEDED)
def test_seeds_of_noise_use_all_their_bits(name: str) -> None:
    made = _native.make_operator(name, {**SEEDED[name], "p": 1})
    parts = [part for part in made.draw_names if part.startswith("seed_")]
    # Numbers of at most 23 bits, the highest of three parts of fewer.
    draws = [made.draw(*SHAPE, seed=2, index=index) for index in range(DRAWS)]
    for part in parts:
        seeds = [int(draw[part]) for draw in draws]
        bits = max(seeds).bit_length()
        assert bits == (23 if len(parts) == 2 else 20 if part == "seed_high" else 22)
        distributions.uniform(name, part, seeds, 0, 2**bits)
        low = [seed % 16 for seed in seeds]
        distributions.shares(name, f"low bits of {part}", low, dict.fromkeys(range(16), 1 / 16))
    assert len({tuple(draw[part] for part in parts) for draw in draws}) == DRAWS


def test_every_drawn_value_is_compared() -> None:
    """So that a new operator cannot draw anything that no test here looks at."""
    compared: dict[str, set[str]] = {"policy_warp": {"magnitude"}}
    for operator, _, value, _, _ in EXACT:
        compared.setdefault(operator, set()).add(value)
    for name in SEEDED:
        compared.setdefault(name, set()).update({"seed_low", "seed_middle", "seed_high"})
    for transform, drawn_there in CASES:
        operator = native(transform)
        (draw,) = drawn_there(transform, 1)
        compared.setdefault(operator.name, set()).update(draw)
    # Found in the image, not drawn.
    compared["color_jitter"].add("gray_mean")
    for info in _native.operators():
        name = info["name"]
        for example in _native.examples_of(name):
            required = {each["name"] for each in info["parameters"] if each["is_required"]}
            given = {key: value for key, value in NEEDED.get(name, {}).items() if key in required}
            made = _native.make_operator(name, {**given, **example})
            drawn = set(made.draw(60, 80, 3)) - {"applies"}
            drawn -= {"top", "bottom", "left", "right"} if name == "pad" else set()  # as given
            assert drawn <= compared.get(name, set()), f"{name} draws {drawn - compared.get(name, set())}"


# ---- groups ----


def mark(number: int, p: float = 1.0) -> Any:
    """Writes `number` in front of the image's one row, so that the row tells what was applied, and in which
    order."""
    return A.Pad((1, 0, 0, 0), fill=number, p=p)


def marks(result: np.ndarray) -> str:
    return str(result[0, -2::-1, 0].tolist())


GROUPS: dict[str, Callable[[], Any]] = {
    "one_of": lambda: A.OneOf([mark(1, 0.2), mark(2, 0.5), mark(3, 1.0)], p=0.7),
    "one_of, groups": lambda: A.OneOf(
        [A.Sequential([mark(1, 0.4), mark(2)], p=0.3), A.OneOf([mark(3), mark(4, 0.5)], p=0.9)], p=1
    ),
    "one_or_other": lambda: A.OneOrOther(mark(1, 0.1), A.Sequential([mark(2, 0.6), mark(3)]), p=0.3),
    "some_of": lambda: A.SomeOf([mark(1), mark(2, 0.5), mark(3, 0.8), mark(4)], n=2, p=0.9),
    "some_of, replace": lambda: A.SomeOf([mark(1), mark(2, 0.5), mark(3)], n=3, replace=True, p=1),
    "some_of, forced": lambda: A.OneOf([A.SomeOf([mark(1), mark(2)], n=1, p=0.4), mark(3, 0.4)], p=1),
    "random_order": lambda: A.RandomOrder([mark(1), mark(2), mark(3, 0.5)], n=3, p=0.8),
    "random_order, replace": lambda: A.RandomOrder([mark(1), mark(2), mark(3)], n=2, replace=True, p=1),
    "sequence": lambda: A.Sequential([mark(1, 0.5), mark(2, 0.3)], p=0.6),
    "sequence, nested": lambda: A.Compose(
        [mark(1, 0.5), A.Compose([mark(2, 0.5), A.OneOf([mark(3), mark(4)], p=0.5)], p=0.7)]
    ),
}


def seed_apart(transform: Any, seeds: Any) -> None:
    """Other seeds for every leaf: `Compose(seed=...)` gives all the same, so that they fall together."""
    transform.set_random_seed(next(seeds))
    for child in getattr(transform, "transforms", ()):
        seed_apart(child, seeds)


@pytest.mark.parametrize("name", GROUPS)
def test_groups_choose_as_the_library(name: str) -> None:
    compose = A.Compose([GROUPS[name]()])
    compiled = stoker.compile(compose, seed=11)
    assert not [line for line in compiled.report if "in Python" in line]
    seed_apart(compose, itertools.count(20))
    pixel = np.zeros((1, 1, 3), np.uint8)
    theirs = [marks(compose(image=pixel)["image"]) for _ in range(4 * DRAWS)]
    ours = [marks(compiled(image=pixel)["image"]) for _ in range(4 * DRAWS)]
    assert len(set(theirs)) > 2
    distributions.compare_counts(name.split(",")[0], "Albumentations", "what is applied", ours, theirs)


CHANCES: dict[str, tuple[Callable[[], Any], dict[str, float]]] = {
    "one_of": (GROUPS["one_of"], {"[]": 0.3, "[1]": 0.7 * 2 / 17, "[2]": 0.7 * 5 / 17, "[3]": 0.7 * 10 / 17}),
    "one_or_other": (lambda: A.OneOrOther(mark(1, 0.1), mark(2, 0.9), p=0.3), {"[1]": 0.3, "[2]": 0.7}),
    "some_of": (
        lambda: A.SomeOf([mark(1), mark(2), mark(3)], n=2, p=0.9),
        {"[]": 0.1, "[1, 2]": 0.3, "[1, 3]": 0.3, "[2, 3]": 0.3},
    ),
    "random_order": (
        lambda: A.RandomOrder([mark(1), mark(2), mark(3)], n=3, p=1),
        {str(list(order)): 1 / 6 for order in itertools.permutations([1, 2, 3])},
    ),
    "sequence": (GROUPS["sequence"], {"[]": 0.4 + 0.21, "[1]": 0.21, "[2]": 0.09, "[1, 2]": 0.09}),
    "sequence of coins alike": (
        lambda: A.Sequential([mark(1, 0.5), mark(2, 0.5), mark(3, 0.5)], p=1),
        {
            str([each for each in (1, 2, 3) if each in taken]): 1 / 8
            for count in range(4)
            for taken in itertools.combinations((1, 2, 3), count)
        },
    ),
}


@pytest.mark.parametrize("name", CHANCES)
def test_groups_choose_by_their_chances(name: str) -> None:
    make, expected = CHANCES[name]
    compiled = stoker.compile(A.Compose([make()]), seed=12)
    pixel = np.zeros((1, 1, 3), np.uint8)
    found = [marks(compiled(image=pixel)["image"]) for _ in range(4 * DRAWS)]
    distributions.shares(name, "what is applied", found, dict(expected))


POLICIES: dict[str, tuple[Callable[[Any], Any], int]] = {
    "RandAugment": (lambda module: module.RandAugment(1, 9), 1500),
    "RandAugment, two": (lambda module: module.RandAugment(2, 5), 4000),
    "TrivialAugmentWide": (lambda module: module.TrivialAugmentWide(num_magnitude_bins=4), 3000),
    "AutoAugment": (lambda module: module.AutoAugment(), 4000),
}


@pytest.mark.parametrize("version", [v1, v2], ids=["v1", "v2"])
@pytest.mark.parametrize("name", POLICIES)
def test_policies_choose_as_the_library(name: str, version: Any) -> None:
    """By the pictures that come out, which are equal to the library's for equal choices."""
    make, count = POLICIES[name]
    transform = make(version)
    recipe = stoker.from_transforms(v2.Compose([transform, v2.PILToTensor()]))
    call = _native.Call(recipe.operators, "uint8", 3, dtype="auto", layout="hwc")
    small = picture(12, 15, 3, 3)
    image = Image.fromarray(small)
    torch.manual_seed(6)
    theirs = [transform(image).tobytes() for _ in range(count)]
    ours = [call.run([(False, small)], [], [], 5, number)[0][0].tobytes() for number in range(count)]
    assert len(set(theirs)) > 10
    kind = {"RandAugment, two": "RandAugment"}.get(name, name)
    distributions.compare_counts(kind, "torchvision", "pictures", ours, theirs)


# ---- independence ----


@pytest.mark.parametrize("part", ["index", "epoch", "seed", "path"])
def test_neighbours_draw_independently(part: str) -> None:
    """Of samples, epochs, seeds and operators that differ by one."""
    made = stoker.brightness_contrast(p=1)
    first, second = (
        [
            made.draw(8, 8, **{"seed": 3, "index": 2 * index, "epoch": 1, "path": 2, part: base + step})
            for index, base in ((i, 2 * i) for i in range(4 * DRAWS))
        ]
        for step in (0, 1)
    )
    for one, other in itertools.product(("alpha", "share"), repeat=2):
        ranks = [
            stats.rankdata([draw[name] for draw in draws]) * 8 // (4 * DRAWS + 1)
            for draws, name in ((first, one), (second, other))
        ]
        table = np.histogram2d(*ranks, bins=8)[0]
        assert stats.chi2_contingency(table).pvalue > distributions.LEAST_P_VALUE
