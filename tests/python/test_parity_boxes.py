"""Formats, clipping and dropping of boxes and keypoints against Albumentations: the same numbers to the last
bit, and the same survivors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from parity import parity_row

from stoker import _native

A = pytest.importorskip("albumentations")

from albumentations.core import bbox_utils, keypoints_utils  # noqa: E402

SHAPES = [(37, 53), (375, 500), (1, 7), (4096, 33)]
BOX_FORMATS = ["albumentations", "pascal_voc", "coco", "yolo"]
KEYPOINT_FORMATS = ["xy", "yx", "xya", "xys", "xyas", "xysa"]
RULES: list[dict[str, Any]] = [
    {},
    {"min_area": 100},
    {"min_visibility": 0.4},
    {"min_width": 5, "min_height": 9},
    {"max_accept_ratio": 3.0},
    {"min_area": 16, "min_visibility": 0.1, "min_width": 2, "max_accept_ratio": 9.0},
]


def shape_of(height: int, width: int) -> dict[str, int]:
    return {"height": height, "width": width}


def shares(random: np.random.Generator, count: int, low: float, high: float, dtype: Any) -> np.ndarray:
    corners = np.sort(random.uniform(low, high, (count, 2, 2)), axis=1).reshape(count, 4)
    corners[0] = [0, 0, 1, 1]
    corners[1] = [0.25, 0.5, 0.25, 0.75]  # no width
    corners[2] = [1.1, 0.2, 1.3, 0.4]  # outside
    return corners.astype(dtype)


@pytest.mark.parametrize("box_format", BOX_FORMATS)
@pytest.mark.parametrize("height, width", SHAPES)
def test_boxes_come_in_as_in_the_library(box_format: str, height: int, width: int) -> None:
    random = np.random.default_rng(1)
    rows = shares(random, 500, 0, 1, np.float64)
    if box_format in ("pascal_voc", "coco"):
        rows *= [width, height, width, height]
        rows[::3] = np.round(rows[::3])
    if box_format in ("coco", "yolo"):
        rows[:, 2:] -= rows[:, :2]
    if box_format == "yolo":
        rows[:, :2] += rows[:, 2:] / 2
    single = rows.astype(np.float32)
    if box_format == "albumentations":
        wanted = single
    else:
        wanted = bbox_utils.convert_bboxes_to_albumentations(single, box_format, shape_of(height, width))
    got = np.array(_native.read_boxes(box_format, rows.tolist(), height, width))
    np.testing.assert_array_equal(got[:, :4], np.asarray(wanted, np.float64))
    assert wanted.dtype == np.float32
    np.testing.assert_array_equal(got[:, 4], np.arange(500))


@pytest.mark.parametrize("box_format", BOX_FORMATS)
@pytest.mark.parametrize("height, width", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_boxes_go_out_as_in_the_library(box_format: str, height: int, width: int, dtype: Any) -> None:
    boxes = shares(np.random.default_rng(2), 500, 0, 1, dtype)
    wanted = boxes
    if box_format != "albumentations":
        wanted = bbox_utils.convert_bboxes_from_albumentations(boxes, box_format, shape_of(height, width))
    got = _native.write_boxes(box_format, boxes.tolist(), height, width, dtype is np.float32)
    np.testing.assert_array_equal(np.array(got), np.asarray(wanted, np.float64))
    assert wanted.dtype == dtype


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("height, width", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_boxes_survive(rules: Any, height: int, width: int, dtype: Any) -> None:
    boxes = shares(np.random.default_rng(3), 2000, -0.6, 1.6, dtype)
    numbered = np.hstack([boxes, np.arange(len(boxes), dtype=dtype)[:, None]])
    given = {"min_width": 0, "min_height": 0, **rules}
    kept = np.asarray(bbox_utils.filter_bboxes(numbered, shape_of(height, width), **given), np.float64)
    got = np.array(
        _native.filter_boxes(boxes.tolist(), height, width, **rules, is_single=dtype is np.float32)
    )
    np.testing.assert_array_equal(got.reshape(-1, 5), kept.reshape(-1, 5) if len(kept) else np.zeros((0, 5)))
    parity_row(f"boxes, {rules}", f"albumentations {A.__version__}", np.dtype(dtype).name, 0.0, 0.0, 0.0)
    if (height, width) == (375, 500):
        assert 0 < len(got) < len(boxes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_boxes_are_judged_as_in_the_library(dtype: Any) -> None:
    good = [0.1, 0.2, 0.3, 0.4]
    edges = [0, 1, -1e-9, -1e-8, -2e-8, -1e-3, 1 + 1e-6, 1 + 1.0005e-5, 1 + 1.01e-5, 1.1, math.nan]
    cases = [[*good[:i], edge, *good[i + 1 :]] for i in range(4) for edge in edges]
    cases += [[0.5, 0.2, 0.5, 0.4], [0.1, 0.4, 0.3, 0.4], [0.6, 0.2, 0.5, 0.4]]
    for case in cases:
        box = np.array([good, case], dtype)
        try:
            bbox_utils.check_bboxes(box)
            is_bad = False
        except ValueError:
            is_bad = True
        problem = _native.problem_of_boxes(box.tolist(), dtype is np.float32)
        assert (problem is not None) == is_bad, case
        assert problem is None or problem.startswith("box 1: ")


@pytest.mark.parametrize("keypoint_format", KEYPOINT_FORMATS)
@pytest.mark.parametrize("in_degrees", [True, False])
def test_keypoints_come_in_and_go_out_as_in_the_library(keypoint_format: str, in_degrees: bool) -> None:
    random = np.random.default_rng(4)
    rows = random.uniform(-30, 400, (500, len(keypoint_format))).astype(np.float32)
    if "a" in keypoint_format:
        angles = rows[:, keypoint_format.index("a")]
        angles[:] = random.uniform(-720, 720, 500) if in_degrees else random.uniform(-20, 20, 500)
        angles[:6] = [0, 90, -90, 180, 360, -360]
    shape = shape_of(50, 60)
    wanted = keypoints_utils.convert_keypoints_to_albumentations(
        rows, keypoint_format, shape, angle_in_degrees=in_degrees
    )
    got = np.array(_native.read_keypoints(keypoint_format, rows.tolist(), in_degrees))
    np.testing.assert_array_equal(got, wanted[:, [0, 1, 3, 4]].astype(np.float64))
    for dtype in (np.float32, np.float64):
        points = wanted.astype(dtype)
        points[:, 3] += random.uniform(-9, 9, 500)
        back = keypoints_utils.convert_keypoints_from_albumentations(
            points, keypoint_format, shape, angle_in_degrees=in_degrees
        )
        four = points[:, [0, 1, 3, 4]].tolist()
        ours = _native.write_keypoints(keypoint_format, four, in_degrees, dtype is np.float32)
        np.testing.assert_array_equal(np.array(ours), np.asarray(back, np.float64))


def test_the_same_keypoints_survive() -> None:
    random = np.random.default_rng(5)
    points = np.zeros((400, 6), np.float32)
    points[:, :2] = random.uniform(-20, 80, (400, 2))
    points[:4, :2] = [[0, 0], [59, 49], [60, 10], [10, 50]]
    points[:, 5] = np.arange(400)
    kept = keypoints_utils.filter_keypoints(points, shape_of(50, 60), remove_invisible=True)
    got = _native.visible_keypoints(points[:, [0, 1, 3, 4]].tolist(), 50, 60)
    assert got == kept[:, 5].astype(int).tolist()
    assert 0 < len(got) < 400
    for point, is_good in (
        ((0, 0, 0, 1), True),
        ((60, 0, 0, 1), False),
        ((0, -1e-3, 0, 1), False),
        ((0, 0, 7, 1), False),
    ):
        row = np.array([[point[0], point[1], 0, point[2], point[3]]], np.float32)
        try:
            keypoints_utils.check_keypoints(row, shape_of(50, 60))
            assert is_good
        except ValueError:
            assert not is_good
        assert (_native.problem_of_keypoints([list(map(float, point))], 50, 60) is None) == is_good


def test_a_pipeline_of_boxes_step_by_step() -> None:
    """The library's own Compose around four steps: filtered after each, and once more at the end."""
    random = np.random.default_rng(6)
    image = np.zeros((60, 90, 3), np.uint8)
    rows = shares(random, 60, 0, 1, np.float64)[3:] * [90, 60, 90, 60]
    compose = A.Compose(
        [A.HorizontalFlip(p=1), A.Crop(7, 5, 77, 50), A.Transpose(p=1), A.VerticalFlip(p=1)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"], min_visibility=0.2, min_area=30),
    )
    wanted = compose(image=image, bboxes=rows.tolist(), labels=list(range(len(rows))))
    boxes = _native.read_boxes("pascal_voc", rows.tolist(), 60, 90)
    height, width, single = 60, 90, True
    labels = list(range(len(rows)))

    def follow(moved: Any) -> Any:
        labels[:] = [labels[row[4]] for row in moved]
        return [row[:4] for row in moved]

    boxes = [row[:4] for row in boxes]
    for name, parameters in (
        ("horizontal_flip", {}),
        ("crop", {"x_min": 7, "y_min": 5, "x_max": 77, "y_max": 50}),
        ("transpose", {}),
        ("vertical_flip", {}),
    ):
        step = _native.make_operator(name, parameters)
        boxes = follow(step.move_boxes(boxes, height, width, {}, single))
        height, width = step.apply(np.zeros((height, width, 1), np.uint8), {}).shape[:2]
        boxes = follow(
            _native.filter_boxes(
                boxes, height, width, min_area=30, min_visibility=0.2, is_single=single and name[0] == "h"
            )
        )
        single = False
    boxes = follow(_native.filter_boxes(boxes, height, width, min_area=30, min_visibility=0.2))
    assert wanted["labels"] == labels
    np.testing.assert_array_equal(
        np.array(_native.write_boxes("pascal_voc", boxes, height, width)), np.array(wanted["bboxes"])
    )
    assert 0 < len(labels) < len(rows)


def test_other_names_and_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"box format: must be one of 'albumentations', .*, got 'voc'"):
        _native.read_boxes("voc", [], 5, 5)
    with pytest.raises(ValueError, match=r"keypoint format: must be one of 'xy', .*, got 'xyz'"):
        _native.read_keypoints("xyz", [])
    with pytest.raises(ValueError, match="4 numbers, got 3"):
        _native.read_boxes("coco", [[1, 2, 3]], 5, 5)
    with pytest.raises(ValueError, match="at least 1 pixel"):
        _native.filter_boxes([], 0, 5)
