"""Warps against Albumentations 2.0.8 on OpenCV: pixels, masks, boxes, keypoints, and what is drawn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from conftest import photo
from parity import parity_row

albumentations = pytest.importorskip("albumentations")
cv2 = pytest.importorskip("cv2")

import albumentations.augmentations.geometric.functional as geometric  # noqa: E402

from stoker.lowering import leaves  # noqa: E402
from stoker.lowering.recipe import NotNative  # noqa: E402

LIBRARY = "albumentations 2.0.8, OpenCV 4.11"
SIZES = [(375, 500), (224, 224), (40, 33), (13, 2), (1, 9), (9, 1), (64, 64)]
BORDERS = [
    cv2.BORDER_CONSTANT,
    cv2.BORDER_REFLECT_101,
    cv2.BORDER_REFLECT,
    cv2.BORDER_REPLICATE,
    cv2.BORDER_WRAP,
]
BOXES = np.array(
    [[0.1, 0.2, 0.4, 0.5], [0, 0, 1, 1], [0.5, 0.6, 0.9, 0.7], [0.3, 0.3, 0.35, 0.34]], np.float32
)
KEYPOINTS = np.array(
    [[0.1, 0.1, 0, 0.3, 1], [0.3, 0.4, 0, 2, 2], [0.75, 0.5, 0, 6, 0.5], [0, 0, 0, 0, 1]], np.float32
)


def made(name: str, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(albumentations, name)(p=1.0, **options)


def lowered(transform: Any) -> Any:
    lowering = leaves.find(leaves.ALBUMENTATIONS, type(transform).__name__)
    assert lowering is not None
    step = lowering(transform)
    assert not isinstance(step, list)
    parameters = {**step.parameters, "p": float(transform.p)}
    return type(step)(step.name, parameters).build()


def pixels(height: int, width: int, channels: int, seed: int, dtype: Any = np.uint8) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    if channels == 3 and min(height, width) > 12 and seed % 2:
        noise = photo(height, width, seed)
    if dtype == np.float32:
        return noise.astype(np.float32) / 255
    if dtype == np.uint8:
        return noise
    return (noise.astype(np.int64) * 200 - (20000 if dtype == np.int16 else 0)).astype(dtype)


def parameters_and_draw(
    transform: Any, shape: tuple[int, ...], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the library draws with a seed, and the same numbers as a draw of the operator."""
    transform.set_random_seed(seed)
    parameters = transform.get_params_dependent_on_data({"shape": shape}, {})
    transform.set_random_seed(seed)
    name = type(transform).__name__
    random = transform.py_random
    draw: dict[str, Any] = {"applies": True}
    if name in ("Affine", "ShiftScaleRotate"):
        shift = transform._get_translate_params(shape[:2])
        shear = transform._get_shear_params()
        scale = parameters["scale"]
        draw |= {"translate_x": shift["x"], "translate_y": shift["y"]}
        draw |= {"scale_x": scale["x"], "scale_y": scale["y"], "rotate": parameters["rotate"]}
        if name == "Affine":
            draw |= {"shear_x": shear["x"], "shear_y": shear["y"]}
    elif name in ("Rotate", "SafeRotate"):
        draw["rotate"] = random.uniform(*transform.limit)
    elif name == "Perspective":
        spread = random.uniform(*transform.scale)
        points = geometric.generate_perspective_points(shape[:2], spread, transform.random_generator)
        corners = geometric.order_points(points).ravel().tolist()
        draw |= dict(zip(lowered(transform).draw_names, corners, strict=True))
    elif name == "GridDistortion":
        count = 2 * (transform.num_steps + 1)
        draw["list"] = [1 + random.uniform(*transform.distort_limit) for _ in range(count)]
    elif name == "OpticalDistortion":
        draw["k"] = random.uniform(*transform.distort_limit)
    else:
        height, width = shape[:2]
        y, x = np.mgrid[:height, :width].astype(np.float64)
        field = [parameters["map_x"] - x, parameters["map_y"] - y]
        draw["list"] = np.concatenate([plane.ravel() for plane in field]).tolist()
    return parameters, draw


class Differences:
    """Collects differences until they are a row of the table."""

    def __init__(self) -> None:
        self.differing = 0
        self.count = 0
        self.total = 0.0
        self.largest = 0.0

    def add(self, ours: Any, theirs: Any) -> None:
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        distance = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
        self.differing += int((distance > 0).sum())
        self.count += distance.size
        self.total += float(distance.sum())
        self.largest = max(self.largest, float(distance.max(initial=0)))

    def row(self, operator: str, dtype: str) -> None:
        parity_row(
            operator, LIBRARY, dtype, self.differing / self.count, self.largest, self.total / self.count
        )


def compare_pixels(
    transform: Any, sizes: Any, dtype: Any, channels: tuple[int, ...], seed: int
) -> Differences:
    found = Differences()
    operator = lowered(transform)
    for number, (height, width) in enumerate(sizes):
        count = channels[number % len(channels)]
        image = pixels(height, width, count, seed + number, dtype)
        try:
            parameters, draw = parameters_and_draw(transform, image.shape, seed + 31 * number)
            theirs = transform.apply(image, shape=image.shape, **parameters)
        except (ValueError, ZeroDivisionError):
            continue  # sides too small for the library
        found.add(operator.apply(image, draw), theirs.reshape(*theirs.shape[:2], count))
        classes = np.random.default_rng(number).integers(0, 9, (height, width), np.uint8)
        mask = transform.apply_to_mask(classes, shape=classes.shape, **parameters)
        masked = np.asarray(operator.apply_mask(classes[..., None], draw))
        assert np.array_equal(masked[..., 0], mask)
    assert found.count > 0
    return found


WIDE = {"rotate": (-60, 60), "scale": (0.6, 1.5), "shear": (-20, 20), "translate_percent": (-0.2, 0.2)}
EXACT = [
    ("Affine", WIDE),
    ("Affine", {"translate_px": (-9, 9), "fit_output": True, "rotate": (-60, 60)}),
    ("Affine", {"scale": (0.5, 2), "keep_ratio": True, "balanced_scale": True}),
    ("ShiftScaleRotate", {}),
    ("Rotate", {}),
    ("Rotate", {"crop_border": True}),
    ("SafeRotate", {}),
    ("Perspective", {}),
    ("Perspective", {"scale": (0.1, 0.4), "keep_size": False}),
    ("Perspective", {"fit_output": True}),
    ("GridDistortion", {"num_steps": 7}),
    ("GridDistortion", {"num_steps": 12, "normalized": False}),
    ("OpticalDistortion", {"distort_limit": 0.7}),
    ("ElasticTransform", {"alpha": 100, "sigma": 5}),
]


@pytest.mark.parametrize("border_mode", BORDERS)
@pytest.mark.parametrize(("name", "options"), EXACT)
def test_linear_and_nearest_pixels_are_equal(name: str, options: dict[str, Any], border_mode: int) -> None:
    for interpolation in (cv2.INTER_LINEAR, cv2.INTER_NEAREST):
        transform = made(name, border_mode=border_mode, interpolation=interpolation, **options)
        for seed in (1, 2):
            found = compare_pixels(transform, SIZES, np.uint8, (3, 1, 4, 2, 7, 6), seed)
            word = "nearest" if interpolation == cv2.INTER_NEAREST else "linear"
            found.row(f"{name} {options} border {border_mode} {word}", "uint8")
            assert found.largest == 0


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.int16])
@pytest.mark.parametrize("name", ["Affine", "Perspective", "ElasticTransform"])
def test_other_types_are_equal_too(name: str, dtype: Any) -> None:
    options = {"Affine": WIDE, "ElasticTransform": {"alpha": 60, "sigma": 4}}.get(name, {})
    transform = made(name, fill=0.0 if name != "Affine" else 7.0, **options)
    found = compare_pixels(transform, [(64, 40), (33, 1), (50, 61)], dtype, (1, 3, 13), 5)
    found.row(f"{name} linear", np.dtype(dtype).name)
    assert found.largest == 0


@pytest.mark.parametrize("interpolation", [cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
@pytest.mark.parametrize("name", ["Affine", "Perspective", "OpticalDistortion"])
def test_many_taps_are_equal_on_uint8_and_close_on_floats(name: str, interpolation: int) -> None:
    for border_mode in BORDERS:
        transform = made(name, border_mode=border_mode, interpolation=interpolation, fill=(9.0, 100.0, 250.0))
        found = compare_pixels(transform, SIZES[2:], np.uint8, (3, 1, 4), 3)
        found.row(f"{name} border {border_mode} interpolation {interpolation}", "uint8")
        assert found.largest == 0
        found = compare_pixels(transform, SIZES[2:], np.float32, (3, 1), 4)
        found.row(f"{name} border {border_mode} interpolation {interpolation}", "float32")
        assert found.largest < 2e-4


def test_fisheye_moves_by_less_than_a_grid_step() -> None:
    found = compare_pixels(
        made("OpticalDistortion", mode="fisheye", distort_limit=0.5), SIZES[:2], np.uint8, (3,), 9
    )
    found.row("OpticalDistortion fisheye", "uint8")
    assert found.differing / found.count < 1e-3
    assert found.largest < 20


@pytest.mark.parametrize("fill", [50.0, (10.0, 20.0, 30.0), (10.0, 20.0, 30.0, 40.0)])
@pytest.mark.parametrize("name", ["Affine", "Perspective", "GridDistortion"])
def test_fills_reach_the_channels_that_they_reach_there(name: str, fill: Any) -> None:
    options = {"Affine": WIDE, "GridDistortion": {"normalized": False, "distort_limit": (0.3, 0.5)}}.get(
        name, {}
    )
    transform = made(name, fill=fill, fill_mask=3.0, **options)
    for channels in (1, 3, 4, 5, 6, 7):
        assert compare_pixels(transform, [(40, 50), (30, 21)], np.uint8, (channels,), channels).largest == 0


# ---- boxes and keypoints ----


def targets(transform: Any, shape: tuple[int, int], seed: int, is_single: bool) -> dict[str, tuple[Any, Any]]:
    height, width = shape
    parameters, draw = parameters_and_draw(transform, (height, width, 3), seed)
    operator = lowered(transform)
    dtype = np.float32 if is_single else np.float64
    boxes = BOXES.astype(dtype)
    points = KEYPOINTS.astype(dtype)
    points[:, :2] = (points[:, :2] * [width, height]).astype(np.float32)
    theirs = transform.apply_to_bboxes(boxes.copy(), shape=(height, width, 3), **parameters)
    ours = operator.move_boxes(boxes.astype(float).tolist(), height, width, draw, is_single=is_single)
    moved = transform.apply_to_keypoints(points.copy(), shape=(height, width, 3), **parameters)
    kept = points[:, [0, 1, 3, 4]].astype(float).tolist()
    found = operator.move_keypoints(kept, height, width, draw, is_single=is_single)
    return {
        "boxes": (
            np.array([row[:4] for row in ours]).reshape(-1, 4),
            np.asarray(theirs, float).reshape(-1, 4),
        ),
        "keypoints": (
            np.array([row[:4] for row in found]).reshape(-1, 4),
            np.asarray(moved, float).reshape(-1, 5)[:, [0, 1, 3, 4]],
        ),
    }


@pytest.mark.parametrize("border_mode", BORDERS[:4])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *EXACT,
        ("GridDistortion", {"keypoint_remapping_method": "direct"}),
        ("OpticalDistortion", {"mode": "fisheye"}),
    ],
)
def test_boxes_and_keypoints_are_where_they_are_there(
    name: str, options: dict[str, Any], border_mode: int
) -> None:
    transform = made(name, border_mode=border_mode, **options)
    found = {"boxes": Differences(), "keypoints": Differences()}
    for number, shape in enumerate([(64, 80), (37, 51), (100, 30)]):
        for is_single in (True, False):
            for what, (ours, theirs) in targets(transform, shape, 5 + number, is_single).items():
                found[what].add(ours, theirs)
    for what, differences in found.items():
        differences.row(f"{name} {options} border {border_mode} {what}", "float")
        # NumPy's matrix products differ in the last bit with the number of boxes.
        assert differences.largest <= 1e-15


def test_boxes_by_their_ellipse_are_close() -> None:
    for border_mode in BORDERS[:2]:
        transform = made("Affine", rotate_method="ellipse", border_mode=border_mode, **WIDE)
        for seed in range(5):
            ours, theirs = targets(transform, (60, 90), seed, True)["boxes"]
            assert ours.shape == theirs.shape
            assert np.abs(ours - theirs).max() < 1e-6


# ---- what is drawn ----

DRAWS = 3000


def assert_same_distribution(ours: Any, theirs: Any) -> None:
    """Kolmogorov and Smirnov's two-sample test at 0.1 %; seeds are fixed, so it does not come and go."""
    ours, theirs = np.sort(np.asarray(ours, float)), np.sort(np.asarray(theirs, float))
    both = np.concatenate([ours, theirs])
    steps = [np.searchsorted(each, both, side="right") / len(each) for each in (ours, theirs)]
    limit = 1.95 * np.sqrt((len(ours) + len(theirs)) / (len(ours) * len(theirs)))
    assert np.abs(steps[0] - steps[1]).max() < limit


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"alpha": 40, "sigma": 3}, (32, 40)),
        ({"alpha": 200, "sigma": 12}, (40, 24)),
        ({"alpha": 30, "sigma": 3, "noise_distribution": "uniform"}, (32, 40)),
        ({"alpha": 30, "sigma": 9, "approximate": True, "same_dxdy": True}, (24, 32)),
    ],
)
def test_elastic_fields_are_distributed_as_there(options: dict[str, Any], size: tuple[int, int]) -> None:
    """Read through the pixels: a ramp along each axis shows where each pixel came from."""
    height, width = size
    transform = made("ElasticTransform", border_mode=cv2.BORDER_REPLICATE, **options)
    operator = lowered(transform)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    ramps = np.stack([x, y], axis=-1)
    ours, theirs = [], []
    for number in range(400):
        draw = operator.draw(height, width, 2, seed=8, index=number)
        ours.append(np.asarray(operator.apply(ramps, draw)) - ramps)
        transform.set_random_seed(number)
        parameters = transform.get_params_dependent_on_data({"shape": (height, width)}, {})
        theirs.append(transform.apply(ramps, **parameters) - ramps)
    left, right = np.stack(ours), np.stack(theirs)
    for at in ((0, 0), (height // 2, width // 2), (height - 1, width // 3), (height // 3, width - 1)):
        for axis in (0, 1):
            assert_same_distribution(left[:, at[0], at[1], axis], right[:, at[0], at[1], axis])
    # How far neighbours move together tells the blur.
    for step in (1, 4, 8):
        middle = (slice(None), height // 2)
        shares = [np.corrcoef(f[middle][:, 8, 0], f[middle][:, 8 + step, 0])[0, 1] for f in (left, right)]
        assert abs(shares[0] - shares[1]) < 0.2
    spread = [f[:, 4:-4, 4:-4].std() for f in (left, right)]
    assert abs(spread[0] / spread[1] - 1) < 0.05


def test_an_elastic_field_follows_from_the_draw_alone() -> None:
    operator = lowered(made("ElasticTransform", alpha=50, sigma=4))
    image = pixels(48, 64, 3, 1)
    draw = operator.draw(48, 64, 3, index=2)
    once = np.asarray(operator.apply(image, draw))
    assert np.array_equal(once, np.asarray(operator.apply(image, draw)))
    assert np.array_equal(once, np.asarray(operator.reference(image, draw)))
    other = operator.draw(48, 64, 3, index=3)
    assert not np.array_equal(once, np.asarray(operator.apply(image, other)))


# ---- what is refused ----


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("Affine", {"shear": (-95, 95)}, "shear"),
        ("Affine", {"scale": (0.0001, 1)}, "scale"),
        ("GridDistortion", {"num_steps": 2000}, "num_steps=2000"),
        ("ElasticTransform", {"sigma": 5000}, "sigma"),
    ],
)
def test_what_is_not_native_is_named(name: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(NotNative, match=text):
        lowered(made(name, **options))


HUGE = [0, -1, 1e7, -1e7, 1e-7, 89.999]


@pytest.mark.parametrize(
    "name", ["Affine", "Rotate", "SafeRotate", "Perspective", "OpticalDistortion", "GridDistortion"]
)
@pytest.mark.parametrize("border_mode", [cv2.BORDER_CONSTANT, cv2.BORDER_REFLECT_101])
def test_draws_made_by_hand_end_in_pixels_or_an_error(name: str, border_mode: int) -> None:
    extra = {
        "Affine": {"fit_output": True},
        "Rotate": {"crop_border": True},
        "Perspective": {"keep_size": False},
    }
    operator = lowered(made(name, border_mode=border_mode, **extra.get(name, {})))
    random = np.random.default_rng(4)
    image = pixels(20, 30, 3, 1)
    ended = 0
    for _ in range(60):
        draw = {value: float(random.choice(HUGE)) for value in operator.draw_names}
        if name == "GridDistortion":
            draw["list"] = random.choice(HUGE, 12).tolist()
        try:
            operator.apply(image, draw)
            operator.move_boxes(BOXES.tolist(), 20, 30, draw)
            operator.move_keypoints(KEYPOINTS[:, [0, 1, 3, 4]].tolist(), 20, 30, draw)
        except ValueError as error:
            assert name.lower()[:4] in str(error)
        ended += 1
    assert ended == 60


def test_draws_of_the_wrong_length_are_refused() -> None:
    image = pixels(20, 30, 3, 1)
    with pytest.raises(ValueError, match="list must hold 12 steps"):
        lowered(made("GridDistortion")).apply(image, {"list": [1.0] * 11})
    with pytest.raises(ValueError, match="1200 numbers, got 7"):
        lowered(made("ElasticTransform")).apply(image, {"list": [1.0] * 7})
    with pytest.raises(ValueError, match="whole numbers from 0"):
        lowered(made("ElasticTransform")).apply(image, {"seed_low": -1.0})
    with pytest.raises(ValueError, match="sides of at least num_steps=5"):
        lowered(made("GridDistortion")).apply(pixels(3, 30, 3, 1), {"list": [1.0] * 12})
