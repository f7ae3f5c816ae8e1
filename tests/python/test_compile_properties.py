"""Random pipelines of transforms without chance: images and targets equal the library's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

A = pytest.importorskip("albumentations")
cv2 = pytest.importorskip("cv2")
hypothesis = pytest.importorskip("hypothesis")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import stoker  # noqa: E402

BORDERS = [cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT, cv2.BORDER_REFLECT_101]
side = st.integers(16, 60)
angle = st.floats(-180, 180, allow_nan=False, width=32)


def geometry() -> st.SearchStrategy[Any]:
    border = st.sampled_from(BORDERS)
    linear = st.sampled_from([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_AREA])
    warp = st.sampled_from([cv2.INTER_NEAREST, cv2.INTER_LINEAR])
    return st.one_of(
        st.sampled_from([A.HorizontalFlip, A.VerticalFlip, A.Transpose]).map(lambda kind: kind(p=1)),
        st.builds(A.Resize, side, side, interpolation=linear, p=st.just(1)),
        st.builds(A.LongestMaxSize, max_size=side, interpolation=linear, p=st.just(1)),
        st.builds(A.SmallestMaxSize, max_size=side, interpolation=linear, p=st.just(1)),
        st.floats(-0.4, 0.6).map(lambda scale: A.RandomScale((scale, scale), p=1)),
        st.builds(
            A.CenterCrop,
            side,
            side,
            pad_if_needed=st.just(True),
            pad_position=st.sampled_from(["center", "top_left", "bottom_right"]),
            fill=st.integers(0, 255),
            p=st.just(1),
        ),
        st.builds(A.PadIfNeeded, side, side, border_mode=border, p=st.just(1)),
        st.builds(
            A.Pad,
            st.tuples(*[st.integers(0, 9)] * 4),
            border_mode=st.just(cv2.BORDER_CONSTANT),
            fill_mask=st.integers(0, 9),
            p=st.just(1),
        ),
        angle.map(lambda degrees: A.Rotate((degrees, degrees), p=1)),
        st.builds(
            lambda degrees, method: A.SafeRotate((degrees, degrees), rotate_method=method, p=1),
            angle,
            st.sampled_from(["largest_box", "ellipse"]),
        ),
        st.builds(
            lambda scale, shift, degrees, shear, mode, interpolation, fits: A.Affine(
                scale=(scale, scale),
                translate_percent=(shift, shift),
                rotate=(degrees, degrees),
                shear=(shear, shear),
                border_mode=mode,
                interpolation=interpolation,
                fit_output=fits,
                p=1,
            ),
            st.floats(0.5, 1.6),
            st.floats(-0.3, 0.3),
            angle,
            st.floats(-25, 25),
            st.sampled_from([cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE]),
            warp,
            st.booleans(),
        ),
        st.floats(-0.3, 0.3).map(lambda limit: A.OpticalDistortion((limit, limit), p=1)),
        st.floats(-0.3, 0.3).map(lambda limit: A.GridDistortion(distort_limit=(limit, limit), p=1)),
    )


def colours() -> st.SearchStrategy[Any]:
    def fixed(kind: Any, *ranges: tuple[float, float]) -> st.SearchStrategy[Any]:
        return st.tuples(*[st.floats(low, high) for low, high in ranges]).map(
            lambda values: kind(*[(value, value) for value in values], p=1)
        )

    return st.one_of(
        fixed(A.RandomBrightnessContrast, (-0.4, 0.4), (-0.4, 0.4)),
        fixed(A.RandomGamma, (50, 150)),
        fixed(A.HueSaturationValue, (-30, 30), (-30, 30), (-30, 30)),
        fixed(A.Solarize, (0, 1)),
        st.integers(1, 7).map(lambda bits: A.Posterize((bits, bits), p=1)),
        st.sampled_from([A.InvertImg, A.ToGray, A.Equalize]).map(lambda kind: kind(p=1)),
        st.sampled_from([3, 5, 7]).map(lambda size: A.Blur((size, size), p=1)),
        st.floats(0.4, 3).map(lambda sigma: A.GaussianBlur(0, (sigma, sigma), p=1)),
        st.sampled_from([3, 5]).map(lambda size: A.MedianBlur((size, size), p=1)),
    )


def groups(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(children, min_size=1, max_size=3)
    return st.one_of(
        several.map(lambda transforms: A.Sequential(transforms, p=1)),
        several.map(lambda transforms: A.Compose(transforms)),
        children.map(lambda transform: A.OneOf([transform], p=1)),
        several.map(lambda transforms: A.SomeOf(transforms, n=len(transforms), p=1)),
    )


transforms = st.recursive(st.one_of(geometry(), colours()), groups, max_leaves=3)


def sample_of(height: int, width: int, count: int, seed: int) -> dict[str, Any]:
    """Smooth pictures, masks of large patches, and boxes and keypoints all over them."""
    random = np.random.default_rng(seed)
    corners = np.sort(random.uniform(0, 1, (count, 2, 2)), axis=1).reshape(count, 4)
    corners[:, 2:] = np.minimum(corners[:, 2:] + 0.02, 1)
    return {
        "image": cv2.resize(random.integers(0, 256, (6, 5, 3), dtype=np.uint8), (width, height)),
        "mask": cv2.resize(random.integers(0, 7, (5, 6), dtype=np.uint8), (width, height), interpolation=0),
        "corners": corners * [width, height, width, height],
        "keypoints": random.uniform(0, 1, (count, 2)) * [width - 0.01, height - 0.01],
        "labels": [f"class {number % 3}" for number in range(count)],
    }


@st.composite
def rules(draw: Any) -> dict[str, Any]:
    return {
        "min_area": draw(st.sampled_from([0, 0, 25, 100])),
        "min_visibility": draw(st.sampled_from([0, 0, 0.3])),
        "min_width": draw(st.sampled_from([0, 4])),
        "check_each_transform": draw(st.sampled_from([True, True, False])),
        "clip": draw(st.booleans()),
    }


def rows_as(box_format: str, corners: np.ndarray, height: int, width: int) -> list[list[float]]:
    rows = corners.copy()
    if box_format in ("albumentations", "yolo"):
        rows /= [width, height, width, height]
    if box_format in ("coco", "yolo"):
        rows[:, 2:] -= rows[:, :2]
    if box_format == "yolo":
        rows[:, :2] += rows[:, 2:] / 2
    return rows.tolist()


@pytest.fixture(autouse=True)
def _without_ipp() -> Any:
    was = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    yield
    cv2.ipp.setUseIPP(was)


@pytest.mark.slow
@given(
    pipeline=st.lists(transforms, min_size=1, max_size=4),
    height=st.integers(20, 70),
    width=st.integers(20, 70),
    count=st.integers(0, 6),
    seed=st.integers(0, 2**32 - 1),
    box_rules=rules(),
    box_format=st.sampled_from(["pascal_voc", "coco", "yolo", "albumentations"]),
    removes_invisible=st.booleans(),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_targets_equal_the_library(
    pipeline: list[Any],
    height: int,
    width: int,
    count: int,
    seed: int,
    box_rules: dict[str, Any],
    box_format: str,
    removes_invisible: bool,
) -> None:
    sample = sample_of(height, width, count, seed)
    compose = A.Compose(
        pipeline,
        bbox_params=A.BboxParams(box_format, label_fields=["labels"], **box_rules),
        keypoint_params=A.KeypointParams("xy", label_fields=["names"], remove_invisible=removes_invisible),
        additional_targets={"second": "image", "other": "mask"},
    )
    native = stoker.compile(compose)
    assert not [line for line in native.report if "in Python" in line], native.report
    data = {
        "image": sample["image"],
        "second": sample["image"][::-1].copy(),
        "mask": sample["mask"],
        "other": sample["mask"][::-1].astype(np.int32 if seed % 4 == 0 else np.uint8),
        "masks": [sample["mask"], 6 - sample["mask"]],
        "bboxes": rows_as(box_format, sample["corners"], height, width),
        "labels": sample["labels"],
        "keypoints": sample["keypoints"].tolist(),
        "names": list(range(len(sample["keypoints"]))),
    }
    try:
        expected = compose(**data)
    except ValueError as problem:
        with pytest.raises(ValueError, match=r"box|keypoint"):
            native(**data)
        hypothesis.note(str(problem))
        return
    found = native(**data)
    assert found.keys() == expected.keys()
    assert found["labels"] == expected["labels"]
    assert found["names"] == expected["names"]
    for name in ("bboxes", "keypoints"):  # to the last bits of sines and cosines
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-5)
    for name in ("image", "second", "mask", "other"):
        assert found[name].dtype == expected[name].dtype, name
        np.testing.assert_array_equal(found[name], expected[name], name)
    for mine, theirs in zip(found["masks"], expected["masks"], strict=True):
        np.testing.assert_array_equal(mine, theirs)
