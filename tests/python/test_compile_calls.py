"""Compiled pipelines: the short way of a call with an image alone, and whose memory results lie in."""

from __future__ import annotations

import gc
import pickle
from typing import Any

import numpy as np
import pytest

A = pytest.importorskip("albumentations")
pytest.importorskip("cv2")

from images import picture  # noqa: E402

import stoker  # noqa: E402

IMAGE = picture(50, 70)
RANDOM = [A.RandomCrop(40, 44), A.HorizontalFlip(), A.RandomBrightnessContrast(p=1), A.RandomScale(0.2)]
# Each ends in another way: what makes the last pixels, and whether anything is left to be done to them.
ENDINGS: dict[str, list[Any]] = {
    "flip": [A.HorizontalFlip(p=1)],
    "two flips": [A.VerticalFlip(p=1), A.HorizontalFlip(p=1)],
    "transpose": [A.Transpose(p=1)],
    "crop": [A.CenterCrop(30, 41)],
    "resize": [A.Resize(33, 47)],
    "warp": [A.Affine(rotate=(17, 17), p=1)],
    "pad": [A.PadIfNeeded(90, 99)],
    "table": [A.InvertImg(p=1)],
    "crop, table": [A.CenterCrop(30, 41), A.InvertImg(p=1)],
    "filter": [A.Blur((3, 3), p=1)],
    "filter, filter": [A.Blur((3, 3), p=1), A.MedianBlur((3, 3), p=1)],
    "filter, flip": [A.Blur((3, 3), p=1), A.HorizontalFlip(p=1)],
    "equalize": [A.Equalize(p=1)],
    "colors": [A.HueSaturationValue((9, 9), (5, 5), (3, 3), p=1)],
    "normalize": [A.Normalize()],
    "resize, normalize": [A.Resize(33, 47), A.Normalize()],
    "nothing": [A.HorizontalFlip(p=0)],
}


def images() -> list[np.ndarray]:
    """What callers mix: dtypes, channels, sizes, rows that lie apart, images without a channel axis."""
    return [
        IMAGE,
        picture(60, 80, seed=1),
        picture(50, 70, 1, seed=2),
        (picture(50, 70, seed=3) / np.float32(255)).astype(np.float32),
        IMAGE[:, ::-1],
        np.asfortranarray(IMAGE),
        picture(50, 70, 1, seed=4)[..., 0],
        picture(50, 70, 5, seed=5),
        IMAGE,
    ]


def test_a_call_with_an_image_alone_is_as_any_other() -> None:
    """A second key that is None takes the long way."""
    short, long = (stoker.compile(A.Compose(RANDOM), seed=3) for _ in range(2))
    for number, image in enumerate([*images(), *images()]):
        mine, theirs = short(image=image), long(image=image, name=None)
        assert list(mine) == ["image"]
        assert mine["image"].dtype == theirs["image"].dtype, number
        np.testing.assert_array_equal(mine["image"], theirs["image"], str(number))


def test_short_and_long_calls_count_together() -> None:
    mixed, long = (stoker.compile(A.Compose(RANDOM), seed=3) for _ in range(2))
    for number in range(9):
        more = {} if number % 3 else {"name": None}
        np.testing.assert_array_equal(
            mixed(image=IMAGE, **more)["image"], long(image=IMAGE, name=None)["image"], str(number)
        )


def test_a_pipeline_with_python_in_it_has_no_short_call() -> None:
    def darker(image: np.ndarray, **_: Any) -> np.ndarray:
        return image // 2

    compose = A.Compose([A.HorizontalFlip(p=1), A.Lambda(image=darker, p=1), A.Transpose(p=1)])
    native = stoker.compile(compose)
    for _ in range(3):
        np.testing.assert_array_equal(native(image=IMAGE)["image"], compose(image=IMAGE)["image"])


def test_boxes_are_asked_for_after_calls_without() -> None:
    compose = A.Compose([A.HorizontalFlip(p=1)], bbox_params=A.BboxParams("pascal_voc"))
    native = stoker.compile(compose)
    native(image=IMAGE)
    native(image=IMAGE)
    found = native(image=IMAGE, bboxes=[[1, 2, 30, 40]])
    assert found["bboxes"] == compose(image=IMAGE, bboxes=[[1, 2, 30, 40]])["bboxes"]


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("way", ["short", "long"])
def test_results_are_the_callers_own(name: str, way: str) -> None:
    compose = A.Compose(ENDINGS[name])
    native = stoker.compile(compose)
    more = {} if way == "short" else {"mask": IMAGE[..., 0].copy()}
    given = [picture(50, 70, seed=seed) for seed in range(6)]
    before = [image.copy() for image in given]
    expected = [compose(image=image)["image"] for image in given]
    found = [native(image=image, **more)["image"] for image in given]
    native(image=IMAGE[:45, :60].copy())  # of another size
    del native
    gc.collect()
    elsewhere = [np.full(image.shape, 77, image.dtype) for image in found]  # in memory given back too soon
    for mine, theirs, image, was in zip(found, expected, given, before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        np.testing.assert_array_equal(image, was)
    for place, mine in enumerate(found):
        mine[...] = 0
        for other in found[place + 1 :]:
            assert not np.shares_memory(mine, other)
        np.testing.assert_array_equal(given[place], before[place])
        assert not any(np.shares_memory(mine, other) for other in elsewhere)


@pytest.mark.parametrize("name", ENDINGS)
def test_what_is_written_into_a_result_is_not_seen_again(name: str) -> None:
    native = stoker.compile(A.Compose(ENDINGS[name]))
    first = native(image=IMAGE)["image"].copy()
    for _ in range(4):
        found = native(image=IMAGE)["image"]
        np.testing.assert_array_equal(found, first)
        found[...] = 99


def test_an_empty_pipeline_gives_the_image_itself() -> None:
    """As the library does."""
    for transforms in ([], [A.NoOp()]):
        compose = A.Compose(transforms)
        assert compose(image=IMAGE)["image"] is IMAGE
        assert stoker.compile(compose)(image=IMAGE)["image"] is IMAGE


def test_masks_and_lists_of_images_are_apart() -> None:
    native = stoker.compile(A.Compose([A.Resize(33, 47), A.HorizontalFlip(p=1)]))
    mask = IMAGE[..., 0].copy()
    planes = []
    for _ in range(3):
        found = native(image=IMAGE, mask=mask, masks=[mask, mask], images=[IMAGE, IMAGE])
        planes += [found["image"], found["mask"], *found["masks"], *found["images"]]
    for place, plane in enumerate(planes):
        assert not any(np.shares_memory(plane, other) for other in planes[place + 1 :])


def test_a_failed_call_leaves_nothing_behind() -> None:
    native = stoker.compile(A.Compose([A.Blur((3, 3), p=1), A.Crop(0, 0, 60, 40)]))
    expected = native(image=IMAGE)["image"].copy()
    kept = native(image=IMAGE)["image"]
    for _ in range(3):
        with pytest.raises(stoker.SampleError, match="crop"):
            native(image=IMAGE[:30].copy())
        np.testing.assert_array_equal(native(image=IMAGE)["image"], expected)
    np.testing.assert_array_equal(kept, expected)


def test_large_results_are_handed_over_once() -> None:
    """Sides of several pages, whose memory a careless engine would keep for the next call."""
    native = stoker.compile(A.Compose([A.Resize(700, 900), A.Blur((3, 3), p=1)]))
    results = [native(image=picture(50, 70, seed=seed))["image"] for seed in range(4)]
    fresh = stoker.compile(A.Compose([A.Resize(700, 900), A.Blur((3, 3), p=1)]))
    for seed, mine in enumerate(results):
        np.testing.assert_array_equal(mine, fresh(image=picture(50, 70, seed=seed))["image"])


def test_short_calls_of_a_copy() -> None:
    native = stoker.compile(A.Compose(RANDOM), seed=9)
    native(image=IMAGE)
    copy, fresh = pickle.loads(pickle.dumps(native)), stoker.compile(A.Compose(RANDOM), seed=9)
    for _ in range(3):
        np.testing.assert_array_equal(copy(image=IMAGE)["image"], fresh(image=IMAGE)["image"])


def test_an_image_without_pixels_is_refused_after_short_calls() -> None:
    native = stoker.compile(A.Compose([A.HorizontalFlip(p=1)]))
    native(image=IMAGE)
    native(image=IMAGE)
    with pytest.raises(ValueError, match=r"shape \(0, 70, 3\)"):
        native(image=IMAGE[:0])
    with pytest.raises(TypeError, match="image must be an array"):
        native(image=IMAGE.tolist())
