"""Compiled pipelines: the library's keys, types and values, in any process and thread."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from typing import Any

import numpy as np
import pytest

A = pytest.importorskip("albumentations")
cv2 = pytest.importorskip("cv2")
torch = pytest.importorskip("torch")

from albumentations.pytorch import ToTensorV2  # noqa: E402

import stoker  # noqa: E402

RANDOM = np.random.default_rng(5)
IMAGE = cv2.resize(RANDOM.integers(0, 256, (9, 11, 3), dtype=np.uint8), (70, 50))
MASK = cv2.resize(RANDOM.integers(0, 9, (7, 5), dtype=np.uint8), (70, 50), interpolation=cv2.INTER_NEAREST)
BOXES = [[3, 4, 40, 33], [60, 40, 70, 50], [10, 10, 12, 12.5]]
FLIPS = [A.HorizontalFlip(p=1), A.Transpose(p=1)]


class Half(A.ImageOnlyTransform):
    """User code; every call is counted in the image's first value."""

    def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
        return img // 2


class Shifted(A.DualTransform):
    """User code that moves everything one pixel to the right."""

    def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
        return np.roll(img, 1, axis=1)

    def apply_to_bboxes(self, bboxes: np.ndarray, **params: Any) -> np.ndarray:
        moved = bboxes.copy()
        moved[:, [0, 2]] += 1 / params["shape"][1]
        return moved

    def apply_to_keypoints(self, keypoints: np.ndarray, **params: Any) -> np.ndarray:
        moved = keypoints.copy()
        moved[:, 0] += 1
        return moved


def assert_same(compose: Any, **data: Any) -> dict[str, Any]:
    expected = compose(**data)
    found = stoker.compile(compose)(**data)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert type(found[key]) is type(value), key
        if isinstance(value, (np.ndarray, torch.Tensor)):
            assert found[key].dtype == value.dtype, key
            assert found[key].shape == value.shape, key
            np.testing.assert_array_equal(found[key], value, key)
        elif value is None:
            assert found[key] is None
        elif key in ("masks", "images"):
            for mine, theirs in zip(found[key], value, strict=True):
                assert type(mine) is type(theirs)
                np.testing.assert_array_equal(mine, theirs)
        else:
            assert found[key] == value, key
            assert list(map(type, found[key])) == list(map(type, value)), key
    return found


def with_rows(*transforms: Any, **params: Any) -> Any:
    return A.Compose(
        list(transforms),
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"], **params),
        keypoint_params=A.KeypointParams("xyas", remove_invisible=True),
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(50, 70), (50, 70, 1), (50, 70, 3), (50, 70, 5)])
def test_images(dtype: Any, shape: tuple[int, ...]) -> None:
    image = RANDOM.integers(0, 256, shape).astype(dtype) / (1 if dtype is np.uint8 else 255)
    assert_same(A.Compose([*FLIPS, A.CenterCrop(30, 31), A.InvertImg(p=1)]), image=image.astype(dtype))


@pytest.mark.parametrize("flips", [(), (A.HorizontalFlip(p=1),), (A.CenterCrop(31, 44), A.VerticalFlip(p=1))])
@pytest.mark.parametrize("kind", ["image", "image_per_channel", "min_max", "min_max_per_channel"])
def test_normalize_by_the_image_itself(kind: str, flips: tuple[Any, ...]) -> None:
    """Sums of floats are taken in the order of the flipped image; of bytes the library makes float64."""
    compose = A.Compose([*flips, A.Normalize(normalization=kind), *flips[-1:]])
    native = stoker.compile(compose)
    assert not any("Python" in line for line in native.report)
    for image in (IMAGE, (RANDOM.normal(0.4, 0.3, IMAGE.shape) + IMAGE / 255).astype(np.float32)):
        found = native(image=image)["image"]
        assert found.dtype == np.float32
        # A copy, because the library may write its result into the caller's image.
        np.testing.assert_array_equal(found, compose(image=image.copy())["image"].astype(np.float32))


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_wide_pixels(dtype: Any) -> None:
    image = RANDOM.integers(0, 30000, (40, 50, 13)).astype(dtype)
    assert_same(A.Compose([*FLIPS, A.CenterCrop(30, 31), A.Rotate((90, 90), p=1)]), image=image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_masks_keep_their_dtype(dtype: Any) -> None:
    mask = MASK.astype(dtype)
    compose = A.Compose([A.Resize(33, 29), A.Rotate((30, 30), p=1), A.VerticalFlip(p=1)])
    assert_same(compose, image=IMAGE, mask=mask, masks=[mask, mask[::-1]])
    assert_same(compose, image=IMAGE, masks=np.stack([mask, mask[::-1]]))
    assert_same(compose, image=IMAGE, mask=np.dstack([mask, mask]), masks=[])


def test_further_images_and_masks() -> None:
    compose = A.Compose(FLIPS, additional_targets={"second": "image", "other": "mask"})
    assert_same(compose, image=IMAGE, second=IMAGE[::-1], other=MASK, images=[IMAGE, 255 - IMAGE], name=None)
    assert_same(compose, images=np.stack([IMAGE, 255 - IMAGE]))


@pytest.mark.parametrize("transposes", [False, True])
def test_tensors(transposes: bool) -> None:
    compose = A.Compose([*FLIPS, A.Normalize(), ToTensorV2(transpose_mask=transposes)])
    assert_same(compose, image=IMAGE, mask=np.dstack([MASK, MASK]))
    assert_same(A.Compose([ToTensorV2()]), image=IMAGE[..., 0], mask=MASK)
    masks = assert_same(compose, image=IMAGE, masks=[MASK, MASK])["masks"]
    assert len(masks) == 2


LABELS = {
    "strings": ["cat", "dog", "cat"],
    "integers": [1, 2, 3],
    "floats": [0.1, 0.2, 0.3],
    "booleans": [True, False, True],
    "tuple": (7, 8, 9),
    "int64": np.array([5, 6, 7]),
    "uint8": np.array([5, 6, 7], np.uint8),
    "names": np.array(["a", "b", "c"]),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize(
    "boxes", [BOXES, np.array(BOXES), np.array(BOXES, np.float32)], ids=["list", "f8", "f4"]
)
def test_labels_and_containers(kind: str, boxes: Any) -> None:
    compose = with_rows(A.CenterCrop(40, 50), *FLIPS, min_area=9)
    keypoints = np.array([[10, 20, 90, 2], [0, 0, 0, 1.5]])
    found = assert_same(compose, image=IMAGE, bboxes=boxes, labels=LABELS[kind], keypoints=keypoints)
    assert len(found["labels"]) == 1


def test_no_boxes_are_left_or_come() -> None:
    compose = with_rows(*FLIPS, min_area=1e6)
    assert_same(compose, image=IMAGE, bboxes=BOXES, labels=[1, 2, 3], keypoints=[])
    assert_same(compose, image=IMAGE, bboxes=[], labels=[], keypoints=[])
    assert_same(
        compose,
        image=IMAGE,
        bboxes=np.zeros((0, 4)),
        labels=np.zeros(0),
        keypoints=np.zeros((0, 4), np.float32),
    )


def test_columns_behind_the_numbers_are_kept() -> None:
    compose = A.Compose(
        [A.CenterCrop(40, 50), *FLIPS],
        bbox_params=A.BboxParams("coco"),
        keypoint_params=A.KeypointParams("xy"),
    )
    boxes = [[3, 4, 30, 30, 7], [12, 12, 20, 20, 9]]
    assert_same(compose, image=IMAGE, bboxes=boxes, keypoints=[[20, 20, 5], [1, 1, 6]])
    assert_same(compose, image=IMAGE, bboxes=np.array(boxes, np.float64), keypoints=np.array([[20.0, 20, 5]]))


def test_small_boxes_go_before_they_grow() -> None:
    """A transform of colours is followed by a check too: the box is too small there."""
    rows = {"image": IMAGE, "bboxes": [[10, 10, 13, 13], [0, 0, 30, 30]], "labels": [1, 2], "keypoints": []}
    grows = A.Resize(200, 280)
    assert len(assert_same(with_rows(A.InvertImg(p=1), grows, min_area=16), **rows)["labels"]) == 1
    assert len(assert_same(with_rows(A.InvertImg(p=0), grows, min_area=16), **rows)["labels"]) == 1
    assert len(assert_same(with_rows(grows, min_area=16), **rows)["labels"]) == 2
    late = with_rows(A.InvertImg(p=1), grows, min_area=16, check_each_transform=False)
    assert len(assert_same(late, **rows)["labels"]) == 2


def test_a_padded_crop_is_one_transform() -> None:
    """Checked between padding and cropping, the mirrored boxes would stay that the whole drops."""
    crop = A.CenterCrop(81, 54, pad_if_needed=True, border_mode=cv2.BORDER_REFLECT)
    boxes = [[4, 8, 6, 11], [9, 0, 17, 19], [2, 2, 17, 50]]
    rows = {"bboxes": boxes, "labels": ["a", "b", "c"], "keypoints": [(35, 20, 0, 1)]}
    assert_same(with_rows(crop, min_visibility=0.3, min_area=30), image=IMAGE, **rows)


def test_a_second_check_drops_what_the_first_has_flattened() -> None:
    """Turned before that, a box without height has one again."""
    turn = A.Rotate((45, 45), p=1)
    rows = {"bboxes": [[10, 2, 50, 9]], "labels": ["a"], "keypoints": []}
    crop = A.Crop(0, 10, 70, 50)
    found = assert_same(with_rows(crop, turn), image=IMAGE, **rows)["labels"]
    again = assert_same(with_rows(crop, A.InvertImg(p=1), turn), image=IMAGE, **rows)["labels"]
    nested = assert_same(with_rows(A.Compose([crop]), turn), image=IMAGE, **rows)["labels"]
    assert (len(found), len(again), len(nested)) == (1, 0, 0)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("user_code", [Half(p=1), Shifted(p=1), A.Sequential([Half(p=1), Shifted(p=1)], p=1)])
@pytest.mark.parametrize("checks_each", [True, False])
def test_user_code_in_the_middle(place: int, user_code: Any, checks_each: bool) -> None:
    transforms = [A.Resize(40, 60), A.CenterCrop(30, 50), A.HorizontalFlip(p=1)]
    transforms.insert(place, user_code)
    compose = with_rows(*transforms, min_area=16, check_each_transform=checks_each)
    assert_same(
        compose,
        image=IMAGE,
        mask=MASK,
        masks=[MASK, MASK[::-1]],
        bboxes=[*BOXES, [12, 15, 16, 18]],
        labels=["a", "b", "c", "d"],
        keypoints=[(30, 20, 45, 2), (66, 20, 45, 2)],
    )
    line = stoker.compile(compose).report[place]
    assert "in Python" in line or place == 3


def test_lambda_and_images_that_the_engine_refuses(caplog: pytest.LogCaptureFixture) -> None:
    compose = A.Compose([A.HorizontalFlip(p=1), A.Lambda(image=lambda x, **_: x[:, ::2], p=1), *FLIPS])
    assert_same(compose, image=IMAGE)
    assert stoker.compile(compose).report[1].startswith("Lambda: in Python: ")
    double = A.Compose(FLIPS)
    native = stoker.compile(double)
    assert np.array_equal(native(image=IMAGE.astype(np.float64))["image"], double(image=IMAGE / 1.0)["image"])
    assert "Transpose runs in Python on images of 3 x float64" in caplog.text


def test_the_same_seed_draws_the_same() -> None:
    compose = A.Compose([A.RandomCrop(20, 20), A.HorizontalFlip(), A.RandomGamma((50, 200))])
    one, two = stoker.compile(compose, seed=3), stoker.compile(compose, seed=3)
    images = [one(image=IMAGE)["image"] for _ in range(6)]
    for image in images:
        np.testing.assert_array_equal(image, two(image=IMAGE)["image"])
    assert len({image.tobytes() for image in images}) == 6
    other = stoker.compile(compose, seed=4)(image=IMAGE)["image"]
    assert not np.array_equal(images[0], other)
    free = [stoker.compile(compose)(image=IMAGE)["image"].tobytes() for _ in range(4)]
    assert len(set(free)) > 1


def test_user_code_draws_from_the_seed() -> None:
    class Noisy(A.ImageOnlyTransform):
        def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
            return self.random_generator.integers(0, 256, img.shape, dtype=np.uint8)

    compose = A.Compose([Noisy(p=1)])
    one, two = stoker.compile(compose, seed=3), stoker.compile(compose, seed=3)
    first, second = one(image=IMAGE)["image"], one(image=IMAGE)["image"]
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, two(image=IMAGE)["image"])


class Pictures(torch.utils.data.Dataset):
    def __init__(self, transform: Any) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.transform(image=IMAGE)["image"])


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_of_torch_draw_apart(context: str) -> None:
    native = stoker.compile(A.Compose([A.RandomCrop(9, 9)]), seed=1)
    native(image=IMAGE)  # it has worked before it is forked

    def epoch() -> list[bytes]:
        loader = torch.utils.data.DataLoader(
            Pictures(native), num_workers=2, batch_size=3, multiprocessing_context=context
        )
        return [image.numpy().tobytes() for batch in loader for image in batch]

    torch.manual_seed(0)
    first, second = epoch(), epoch()
    assert len(set(first)) > 9
    assert len(set(first) & set(second)) < 4
    torch.manual_seed(0)
    assert epoch() == first


def test_pickled_and_in_another_process() -> None:
    native = stoker.compile(with_rows(A.RandomCrop(20, 20), *FLIPS), seed=9)
    copy = pickle.loads(pickle.dumps(native))
    data: dict[str, Any] = {"image": IMAGE, "bboxes": BOXES, "labels": [1, 2, 3], "keypoints": []}
    expected = native(**data)
    found = copy(**data)
    np.testing.assert_array_equal(found["image"], expected["image"])
    assert found["labels"] == expected["labels"]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(pickle.loads(pickle.dumps(stoker.compile(A.Compose(FLIPS)))), (), {"image": IMAGE})
    np.testing.assert_array_equal(there["image"], IMAGE[:, ::-1].transpose(1, 0, 2))


def test_threads_share_it() -> None:
    compose = A.Compose([A.Resize(64, 64), A.HorizontalFlip(p=1), A.Blur((3, 3), p=1)])
    native = stoker.compile(compose)
    images = [np.roll(IMAGE, shift, axis=0) for shift in range(8)]
    expected = [compose(image=image)["image"] for image in images]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(50):
            if not np.array_equal(native(image=images[number])["image"], expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_python_goes_on_while_it_works() -> None:
    large = np.zeros((2000, 2000, 3), np.uint8)
    native = stoker.compile(A.Compose([A.ElasticTransform(alpha=30, sigma=20, p=1)]))
    thread = threading.Thread(target=lambda: native(image=large))
    thread.start()
    rounds = 0
    while thread.is_alive():
        rounds += 1
    assert rounds > 1000


def test_wrong_calls_say_what_is_allowed() -> None:
    native = stoker.compile(with_rows(*FLIPS))
    rows: dict[str, Any] = {"bboxes": [], "labels": [], "keypoints": []}
    with pytest.raises(ValueError, match="there is no image"):
        native(mask=MASK, **rows)
    with pytest.raises(ValueError, match=r"mask is 49 x 70 pixels, the image is 50 x 70"):
        native(image=IMAGE, mask=MASK[1:], **rows)
    with pytest.raises(ValueError, match="volumes are not native"):
        native(image=IMAGE, volume=IMAGE, **rows)
    with pytest.raises(TypeError, match="image must be an array"):
        native(image=[[1]], **rows)
    with pytest.raises(ValueError, match="labels has 1 values, bboxes has 3 rows"):
        native(image=IMAGE, **{**rows, "bboxes": BOXES, "labels": [1]})
    with pytest.raises(ValueError, match="label_fields"):
        native(image=IMAGE, bboxes=BOXES, keypoints=[])
    with pytest.raises(ValueError, match="x_max must be above x_min"):
        native(image=IMAGE, **{**rows, "bboxes": [[9, 9, 5, 12]], "labels": [1]})
    with pytest.raises(ValueError, match="keypoint 0: x must be"):
        native(image=IMAGE, **{**rows, "keypoints": [(70, 3, 0, 0)]})


def test_what_stands_behind_python_draws_for_itself() -> None:
    native = stoker.compile(
        A.Compose([A.HorizontalFlip(p=0.5), A.Lambda(image=doubled), A.VerticalFlip(p=0.5)])
    )
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert {native(image=pixels)["image"][0, 0, 0] for _ in range(80)} == {0, 6, 12, 18}


def doubled(image: np.ndarray, **_: Any) -> np.ndarray:
    return image * np.uint8(2)


def test_errors_name_the_call() -> None:
    native = stoker.compile(A.Compose([A.Crop(0, 0, 60, 40)]))
    native(image=IMAGE)
    with pytest.raises(stoker.SampleError, match=r"^stoker\.compile, call 1: crop: .*30 x 70.*40") as caught:
        native(image=IMAGE[:30])
    error = caught.value
    assert (error.index, error.epoch, error.path, error.step) == (None, None, None, "crop")
    assert "sample" not in str(error)
    with pytest.raises(stoker.SampleError, match=r"^stoker\.compile, call 2: crop"):
        native(image=IMAGE[:30], mask=MASK[:30])


def test_what_cannot_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match=r"pipelines of Albumentations .* and of torchvision"):
        stoker.compile(lambda image: image)
    with pytest.warns(UserWarning, match="heigth"):
        compose = A.Compose([A.HorizontalFlip(heigth=3)])
    with pytest.raises(ValueError, match="HorizontalFlip was given heigth"):
        stoker.compile(compose)
    with pytest.raises(ValueError, match="seed must be an integer"):
        stoker.compile(A.Compose(FLIPS), seed=-1)
    with pytest.raises(ValueError, match="'volume'"):
        stoker.compile(A.Compose(FLIPS, additional_targets={"scan": "volume"}))
    monkeypatch.setattr(A, "__version__", "2.0.9")
    with pytest.raises(ValueError, match=r"version 2\.0\.9"):
        stoker.compile(A.Compose(FLIPS))
