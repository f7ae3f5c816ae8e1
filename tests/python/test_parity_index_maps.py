"""Turns, pads, crops, dropouts and sizes against Albumentations and torchvision: the same parameters give the
same pixels, masks, boxes and keypoints."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torchvision_schemas
from images import picture
from parity import parity_row

import stoker
from stoker import _native

torchvision_schemas.define_missing()
A = pytest.importorskip("albumentations")
cv2 = pytest.importorskip("cv2")
stats = pytest.importorskip("scipy.stats")
torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from albumentations.augmentations.crops.transforms import CropSizeError  # noqa: E402
from albumentations.core.bbox_utils import BboxProcessor  # noqa: E402
from albumentations.core.keypoints_utils import KeypointsProcessor  # noqa: E402
from PIL import Image  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

import stoker.lowering.leaves.index_maps  # noqa: E402
from stoker.lowering.leaves import ALBUMENTATIONS, TORCHVISION  # noqa: E402
from stoker.lowering.recipe import NotNative, Step  # noqa: E402

LIBRARY = f"albumentations {A.__version__}"
SIZES = [(37, 53), (90, 71), (64, 64), (20, 131), (1, 9), (13, 1), (1, 1)]
Draws = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _opencv_by_its_own_code():
    """Intel's library inside OpenCV has another bicubic."""
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    yield
    cv2.ipp.setUseIPP(used)


def steps_of(transform: Any, table: dict[str, Any] = ALBUMENTATIONS) -> list[Any]:
    made = table[type(transform).__name__](transform)
    return [step.build() for step in ([made] if isinstance(made, Step) else made)]


def parameters_of(transform: Any, image: np.ndarray) -> dict[str, Any]:
    params = transform.update_transform_params(params=transform.get_params(), data={"image": image})
    return {**params, **transform.get_params_dependent_on_data(params=params, data={"image": image})}


def pads(params: dict[str, Any]) -> dict[str, Any]:
    return {side: params[f"pad_{side}"] for side in ("top", "bottom", "left", "right")}


def crop_after_pads(params: dict[str, Any]) -> Draws:
    padding = pads(
        params["pad_params"] or dict.fromkeys(["pad_top", "pad_bottom", "pad_left", "pad_right"], 0)
    )
    x, y, _, _ = params["crop_coords"]
    return [padding, {"x": x, "y": y}]


def window(params: dict[str, Any]) -> Draws:
    left, top, right, bottom = params["crop_coords"]
    return [{"x": left, "y": top, "width": right - left, "height": bottom - top}]


def holes(params: dict[str, Any]) -> Draws:
    edges = np.asarray(params["holes"]).reshape(-1, 4)
    if (edges[:, 2:] < edges[:, :2]).any():
        raise ValueError("more cells than pixels: the library's holes have negative sides there")
    return [{"list": edges.ravel().tolist()}]


def nothing(_: dict[str, Any]) -> Draws:
    return [{}]


ELEMENTS = ["e", "r90", "r180", "r270", "v", "hvt", "h", "t"]
R, R101, WRAP, REPLICATE = cv2.BORDER_REFLECT, cv2.BORDER_REFLECT_101, cv2.BORDER_WRAP, cv2.BORDER_REPLICATE

# Name, the library's transform, its parameters as draws.
CASES: list[tuple[str, Callable[[], Any], Callable[[dict[str, Any]], Draws]]] = [
    ("transpose", lambda: A.Transpose(p=1), nothing),
    ("random_rotate90", lambda: A.RandomRotate90(p=1), lambda p: [{"factor": p["factor"]}]),
    ("d4", lambda: A.D4(p=1), lambda p: [{"element": ELEMENTS.index(p["group_element"])}]),
    (
        "square_symmetry",
        lambda: A.SquareSymmetry(),
        lambda p: [{"element": ELEMENTS.index(p["group_element"])}],
    ),
    ("pad", lambda: A.Pad((3, 1, 7, 2), fill=9, fill_mask=200), lambda p: [pads(p)]),
    ("pad, fill 7.5", lambda: A.Pad((3, 1), fill=7.5, fill_mask=-1), lambda p: [pads(p)]),
    ("pad, reflect", lambda: A.Pad(25, border_mode=R), lambda p: [pads(p)]),
    ("pad, reflect_101", lambda: A.Pad((40, 3, 11, 70), border_mode=R101), lambda p: [pads(p)]),
    ("pad, wrap", lambda: A.Pad((40, 3, 11, 70), border_mode=WRAP), lambda p: [pads(p)]),
    ("pad, replicate", lambda: A.Pad((40, 3), border_mode=REPLICATE), lambda p: [pads(p)]),
    ("pad_if_needed", lambda: A.PadIfNeeded(80, 60, fill=3), lambda p: [pads(p)]),
    (
        "pad_if_needed, random",
        lambda: A.PadIfNeeded(99, 99, position="random", border_mode=R101),
        lambda p: [pads(p)],
    ),
    *(
        (
            f"pad_if_needed, {position}",
            lambda position=position: A.PadIfNeeded(
                min_height=None, min_width=None, pad_height_divisor=32, pad_width_divisor=7, position=position
            ),
            lambda p: [pads(p)],
        )
        for position in ("center", "top_left", "top_right", "bottom_left", "bottom_right")
    ),
    ("crop", lambda: A.Crop(0, 0, 1, 1), nothing),
    ("crop, 5 x 9", lambda: A.Crop(4, 7, 13, 12), nothing),
    ("random_crop", lambda: A.RandomCrop(13, 17), lambda p: crop_after_pads(p)[1:]),
    (
        "random_crop, pad_if_needed",
        lambda: A.RandomCrop(50, 60, pad_if_needed=True, fill=4.0, fill_mask=2.0, pad_position="random"),
        crop_after_pads,
    ),
    (
        "random_crop, reflect",
        lambda: A.RandomCrop(50, 60, pad_if_needed=True, border_mode=R),
        crop_after_pads,
    ),
    ("center_crop", lambda: A.CenterCrop(12, 17), lambda p: [{}]),
    (
        "center_crop, pad_if_needed",
        lambda: A.CenterCrop(50, 61, pad_if_needed=True, border_mode=R101),
        lambda p: [crop_after_pads(p)[0], {}],
    ),
    ("horizontal_flip", lambda: A.HorizontalFlip(p=1), nothing),
    ("vertical_flip", lambda: A.VerticalFlip(p=1), nothing),
    ("resize", lambda: A.Resize(31, 44), nothing),
    ("resize, area", lambda: A.Resize(31, 64, area_for_downscale="image_mask", interpolation=2), nothing),
    ("random_resized_crop", lambda: A.RandomResizedCrop((31, 44)), window),
    (
        "random_resized_crop, area",
        lambda: A.RandomResizedCrop((31, 44), area_for_downscale="image_mask", mask_interpolation=1),
        window,
    ),
    ("random_sized_crop", lambda: A.RandomSizedCrop((5, 30), (20, 24), w2h_ratio=1.5), window),
    (
        "random_sized_crop, area",
        lambda: A.RandomSizedCrop((1, 60), (20, 24), area_for_downscale="image", interpolation=2),
        window,
    ),
    ("longest_max_size", lambda: A.LongestMaxSize([31, 64, 77]), lambda p: [{"scale": p["scale"]}]),
    (
        "longest_max_size, hw",
        lambda: A.LongestMaxSize(max_size_hw=(31, 44)),
        lambda p: [{"scale": p["scale"]}],
    ),
    (
        "smallest_max_size",
        lambda: A.SmallestMaxSize(33, area_for_downscale="image_mask"),
        lambda p: [{"scale": p["scale"]}],
    ),
    (
        "smallest_max_size, w",
        lambda: A.SmallestMaxSize(max_size_hw=(None, 44)),
        lambda p: [{"scale": p["scale"]}],
    ),
    ("random_scale", lambda: A.RandomScale(0.6, p=1), lambda p: [{"scale": p["scale"]}]),
    ("coarse_dropout", lambda: A.CoarseDropout(fill=7, fill_mask=3, p=1), holes),
    (
        "coarse_dropout, pixels",
        lambda: A.CoarseDropout((3, 9), (1, 20), (2, 20), fill=255, p=1),
        holes,
    ),
    ("grid_dropout", lambda: A.GridDropout(fill=100.9, fill_mask=1, p=1), holes),
    (
        "grid_dropout, shift",
        lambda: A.GridDropout(0.7, False, holes_number_xy=(3, 4), shift_xy=(2, 1), p=1),
        holes,
    ),
    ("grid_dropout, units", lambda: A.GridDropout(unit_size_range=(6, 12), p=1), holes),
    (
        "channel_dropout",
        lambda: A.ChannelDropout((1, 2), fill=7, p=1),
        lambda p: [{"list": p["channels_to_drop"]}],
    ),
    (
        "channel_shuffle",
        lambda: A.ChannelShuffle(p=1),
        lambda p: [{"list": p["channels_shuffled"] if p["channels_shuffled"] is not None else [0]}],
    ),
]

FLOATS = {
    "transpose",
    "random_rotate90",
    "d4",
    "pad",
    "pad, reflect_101",
    "pad_if_needed",
    "crop, 5 x 9",
    "random_crop",
    "center_crop",
    "horizontal_flip",
    "vertical_flip",
    "coarse_dropout",
    "grid_dropout",
    "channel_dropout",
    "channel_shuffle",
}


def boxes_for(count: int, random: np.random.Generator, dtype: Any) -> np.ndarray:
    """Shares of the sides, with the row number as a fifth column."""
    corners = np.sort(random.uniform(0, 1, (count, 2, 2)), axis=1)
    corners[0] = [[0, 0], [1, 1]]
    rows = np.arange(count, dtype=float)[:, None]
    return np.hstack([corners.reshape(count, 4), rows]).astype(dtype)


def keypoints_for(count: int, height: int, width: int, random: np.random.Generator, dtype: Any) -> np.ndarray:
    """x, y, z, angle, scale, row."""
    points = np.zeros((count, 6))
    points[:, 0] = random.uniform(0, width, count)
    points[:, 1] = random.uniform(0, height, count)
    points[:, 3] = random.uniform(0, 2 * math.pi, count)
    points[:4, 3] = [0, math.pi, math.pi / 2, 3 * math.pi / 2]
    points[:, 4] = random.uniform(0, 5, count)
    points[:, 5] = np.arange(count)
    return points.astype(np.float32).astype(dtype)


def through(
    steps: list[Any], draws: Draws, height: int, width: int, rows: Any, single: bool, move: str
) -> list[tuple[float, ...]]:
    """Rows through the steps one after another; the last number of each is where it came from."""
    origin = list(range(len(rows)))
    shape = (height, width)
    for step, draw in zip(steps, draws, strict=True):
        moved = getattr(step, move)([row[:4] for row in rows], *shape, draw, single)
        origin = [origin[row[4]] for row in moved]
        rows = [row[:4] for row in moved]
        shape = step.apply(np.zeros((*shape, 3), np.uint8), draw).shape[:2]
        single = single and move == "move_keypoints"
    return [(*row, float(number)) for row, number in zip(rows, origin, strict=True)]


@pytest.mark.parametrize("name, make, to_draws", CASES, ids=[case[0] for case in CASES])
def test_same_parameters_same_result(name: str, make: Any, to_draws: Any) -> None:
    random = np.random.default_rng(5)
    compared = differing = samples = 0
    largest, total = 0.0, 0.0
    for dtype in (np.uint8, np.float32) if name in FLOATS else (np.uint8,):
        for height, width in SIZES:
            for channels in (1, 3):
                if name == "channel_dropout" and channels == 1:
                    continue
                transform = make()
                transform.set_processors(
                    {
                        "bboxes": BboxProcessor(A.BboxParams("pascal_voc", min_visibility=0.3, min_area=9)),
                        "keypoints": KeypointsProcessor(A.KeypointParams("xy")),
                    }
                )
                steps = steps_of(transform)
                for repeat in range(4):
                    image = picture(height, width, channels, repeat)
                    if repeat == 3:
                        image = random.integers(0, 256, image.shape, dtype=np.uint8)
                    if dtype is np.float32:
                        image = image.astype(np.float32) / 255
                    try:
                        params = parameters_of(transform, image)
                        draws = to_draws(params)
                        wanted = transform.apply(image, **params)
                    except (ValueError, ZeroDivisionError, cv2.error, CropSizeError):
                        continue  # too small for it
                    got = image
                    for step, draw in zip(steps, draws, strict=True):
                        got = step.apply(got, draw)
                    assert got.dtype == wanted.dtype
                    wanted = wanted.reshape(*wanted.shape[:2], channels)
                    assert got.shape == wanted.shape
                    difference = np.abs(got.astype(np.float64) - wanted)
                    differing += np.count_nonzero(difference)
                    samples += difference.size
                    largest, total = max(largest, difference.max()), total + difference.sum()
                    compared += 1
                    if not name.startswith("channel"):
                        check_targets(transform, steps, draws, params, height, width, random)
        parity_row(name, LIBRARY, np.dtype(dtype).name, differing / samples, largest, total / samples)
        assert largest == 0, f"{differing} of {samples} samples differ, at most by {largest}"
    assert compared >= 8


def check_targets(
    transform: Any,
    steps: list[Any],
    draws: Draws,
    params: dict[str, Any],
    height: int,
    width: int,
    random: np.random.Generator,
) -> None:
    mask = random.integers(0, 21, (height, width, 1), dtype=np.uint8)
    wanted = transform.apply_to_mask(mask, **params)
    got = mask
    for step, draw in zip(steps, draws, strict=True):
        got = step.apply_mask(got, draw)
    np.testing.assert_array_equal(got[..., 0], wanted.reshape(wanted.shape[:2]))

    for dtype in (np.float32, np.float64):
        boxes = boxes_for(12, random, dtype)
        moved = np.asarray(transform.apply_to_bboxes(boxes.copy(), **dict(params)), np.float64).reshape(-1, 5)
        ours = through(steps, draws, height, width, boxes.tolist(), dtype is np.float32, "move_boxes")
        np.testing.assert_array_equal(np.array(ours).reshape(-1, 5), moved)

        points = keypoints_for(12, height, width, random, dtype)
        kept = np.asarray(transform.apply_to_keypoints(points.copy(), **dict(params)), np.float64)
        rows = points[:, [0, 1, 3, 4]].tolist()
        ours = through(steps, draws, height, width, rows, dtype is np.float32, "move_keypoints")
        np.testing.assert_array_equal(np.array(ours).reshape(-1, 5), kept.reshape(-1, 6)[:, [0, 1, 3, 4, 5]])


@pytest.mark.parametrize("kind", ["random", "random_uniform"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.uint16])
def test_random_fill_is_uniform(kind: str, dtype: Any) -> None:
    top = 1.0 if dtype is np.float32 else float(np.iinfo(dtype).max)
    operator = _native.make_operator("coarse_dropout", {"fill_kind": kind, "p": 1})
    draw = {"list": [2, 3, 42, 63], "seed_low": 5, "seed_high": 77}
    image = np.zeros((70, 50, 3), dtype)
    filled = operator.apply(image, draw)[3:63, 2:42]
    if kind == "random":
        values = filled.ravel() / top
        assert stats.kstest(values, "uniform").pvalue > 1e-3
        flat = filled.astype(float)
        assert abs(np.corrcoef(flat[1:].ravel(), flat[:-1].ravel())[0, 1]) < 0.05
        assert abs(np.corrcoef(flat[..., 0].ravel(), flat[..., 1].ravel())[0, 1]) < 0.05
        assert not np.array_equal(filled, operator.apply(image, {**draw, "seed_low": 6})[3:63, 2:42])
    else:
        assert (filled == filled[0, 0]).all()
        colours = [operator.apply(image, {**draw, "seed_low": i})[3, 2] for i in range(300)]
        assert stats.kstest(np.ravel(colours) / top, "uniform").pvalue > 1e-3


# ---- torchvision ----


@pytest.mark.parametrize("padding", [3, (2, 5), (1, 0, 7, 4)])
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_torchvision_pad(padding: Any, mode: str) -> None:
    for shape in ((20, 31), (9, 8)):
        image = picture(*shape)
        for transform in (v2.Pad(padding, 17, mode), torchvision_v1().Pad(padding, 17, mode)):
            (step,) = steps_of(transform, TORCHVISION)
            wanted = np.asarray(transform(Image.fromarray(image)))
            np.testing.assert_array_equal(step.apply(image, step.draw(*shape)), wanted)


def torchvision_v1() -> Any:
    from torchvision.transforms import transforms

    return transforms


@pytest.mark.parametrize("value", [0, 7.9, 300.0, (1.0, 250.0, -3.2)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_torchvision_erasing(value: Any, dtype: Any) -> None:
    for height, width in ((37, 53), (64, 20)):
        image = torch.from_numpy(picture(height, width)).permute(2, 0, 1).contiguous()
        image = image if dtype is torch.uint8 else image / 255
        for transform in (
            v2.RandomErasing(p=1, value=value),
            torchvision_v1().RandomErasing(p=1, value=value),
        ):
            (step,) = steps_of(transform, TORCHVISION)
            params = v2.RandomErasing(p=1, value=value).make_params([image])
            draw = {"y": params["i"], "x": params["j"], "height": params["h"], "width": params["w"]}
            wanted = v2.RandomErasing(p=1, value=value).transform(image, params).permute(1, 2, 0).numpy()
            got = step.apply(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), draw)
            np.testing.assert_array_equal(got, wanted)
    parity_row("random_erasing", "torchvision", str(dtype), 0.0, 0.0, 0.0)


def test_torchvision_erasing_noise() -> None:
    transform = v2.RandomErasing(p=0.4, value="random", scale=(0.1, 0.5))
    (step,) = steps_of(transform, TORCHVISION)
    drawn = {"x": 0, "y": 0, "width": 69, "height": 49, "seed_low": 3, "seed_high": 4}
    noise = step.apply(np.zeros((50, 70, 3), np.float32), drawn)[:49, :69]
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.05


# ---- what is refused ----


@pytest.mark.parametrize(
    "transform, reason",
    [
        (lambda: A.CoarseDropout(fill="inpaint_telea"), "fill='inpaint_telea'"),
        (lambda: A.Crop(0, 0, 5, 5, pad_if_needed=True), "pad_if_needed=True"),
        (lambda: A.Resize(5, 5, interpolation=cv2.INTER_LINEAR_EXACT), "interpolation=5"),
        (lambda: A.GridDropout(unit_size_range=(4, 4)), "unit_size_range"),
    ],
)
def test_what_stays_in_python_is_named(transform: Any, reason: str) -> None:
    with pytest.raises(NotNative, match=reason):
        steps_of(transform())
    with pytest.raises(NotNative, match="padding"):
        steps_of(v2.Pad(-3), TORCHVISION)


@pytest.mark.parametrize(
    "name, parameters, draw",
    [
        ("d4", {}, {"element": 8}),
        ("random_rotate90", {}, {"factor": -1}),
        ("random_rotate90", {}, {"factor": 1.5}),
        ("pad", {"padding": [1]}, {"top": -1}),
        ("pad", {"padding": [1]}, {"left": 1e7}),
        ("pad", {"padding": [1], "border_mode": "reflect"}, {"left": 16000, "top": 16000}),
        ("crop", {"x_max": 40, "y_max": 5}, {}),
        ("longest_max_size", {"max_size": 5}, {"scale": 1e7}),
        ("longest_max_size", {"max_size": 5}, {"scale": -3}),
        ("random_scale", {}, {"scale": 0.001}),
        ("random_sized_crop", {"min_max_height": [3, 4], "size": 5}, {"width": 31, "height": 2}),
        ("coarse_dropout", {}, {"list": [0, 0, 31, 5]}),
        ("coarse_dropout", {}, {"list": [4, 4, 3, 5]}),
        ("coarse_dropout", {}, {"list": [1, 2, 3]}),
        ("coarse_dropout", {}, {"seed_low": 9e6}),
        ("channel_dropout", {}, {"list": [3]}),
        ("channel_shuffle", {}, {"list": [0, 1, 1]}),
        ("random_erasing", {}, {"x": 20, "width": 11}),
    ],
)
def test_draws_that_cannot_be_are_refused(name: str, parameters: Any, draw: Any) -> None:
    operator = _native.make_operator(name, parameters)
    image = np.zeros((20, 30, 3), np.uint8)
    with pytest.raises(ValueError, match=name.split("_if")[0]):
        operator.apply(image, draw)
    with pytest.raises(ValueError, match=name.split("_if")[0]):
        operator.move_boxes([[0, 0, 1, 1]], 20, 30, draw)


@pytest.mark.parametrize(
    "name, parameters, message",
    [
        ("pad", {"padding": [1, 2, 3]}, "1, 2 or 4"),
        ("pad", {"padding": 1.5}, "whole pixels"),
        ("pad_if_needed", {"min_height": 0}, "exactly one of min_height"),
        ("pad_if_needed", {"pad_width_divisor": 4}, "exactly one of min_width"),
        ("crop", {"x_min": 5, "x_max": 5}, "x_max must be above x_min"),
        ("longest_max_size", {}, "got neither"),
        ("smallest_max_size", {"max_size": 4, "max_size_hw": [3, 4]}, "got both"),
        ("smallest_max_size", {"max_size_hw": [0, 0]}, "at least one above 0"),
        ("random_scale", {"scale_limit": [-1, 0]}, "above -1"),
        ("random_sized_crop", {"min_max_height": [5, 4], "size": 3}, "least, greatest"),
        ("coarse_dropout", {"num_holes_range": [3, 2]}, "num_holes_range"),
        ("grid_dropout", {"unit_size_range": [4, 4]}, "the first too large"),
        ("channel_dropout", {"channel_drop_range": [1.5, 2]}, "whole numbers"),
        ("random_erasing", {"ratio": [3, 2]}, "ratio must be"),
        ("resize", {"size": 4, "area_for_downscale": "image"}, "needs resampler='opencv'"),
        ("resize", {"size": 4, "mask_interpolation": "area"}, "mask_interpolation 'area' does not exist"),
    ],
)
def test_parameters_that_contradict_are_refused(name: str, parameters: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _native.make_operator(name, parameters)


def test_images_that_do_not_fit_are_refused_by_name() -> None:
    def operator(name: str, **parameters: Any) -> Any:
        return _native.make_operator(name, parameters)

    image = np.zeros((20, 30, 3), np.uint8)
    with pytest.raises(ValueError, match="pad: fill is for 2 channels, the images have 3"):
        operator("pad", padding=1, fill=[1, 2]).apply(image)
    with pytest.raises(ValueError, match="between 0 and 255 levels on uint8 images"):
        operator("coarse_dropout", fill=256).apply(image)
    with pytest.raises(ValueError, match="one must stay"):
        operator("channel_dropout", channel_drop_range=[1, 3]).apply(image)
    with pytest.raises(stoker.SampleError, match="the window reaches to row 5"):
        operator("crop", x_max=31, y_max=5).draw(20, 30)
    with pytest.raises(stoker.SampleError, match="do not fit"):
        operator("coarse_dropout", hole_height_range=[21, 25], hole_width_range=[1, 2], p=1).draw(20, 30)
    with pytest.raises(stoker.SampleError, match="16384 times"):
        operator("pad", padding=16384, border_mode="wrap")  # wraps as far as it likes
        operator("pad", padding=16384, border_mode="reflect").draw(20, 30)
