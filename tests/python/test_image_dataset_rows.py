"""`stoker.torch.ImageDataset` with boxes, keypoints and labels: Albumentations' own, out of the engine."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
A = pytest.importorskip("albumentations")
cv2 = pytest.importorskip("cv2")

from albumentations.pytorch import ToTensorV2  # noqa: E402
from image_datasets import as_given, assert_as_torch, assert_same, masks_of  # noqa: E402
from torch.utils.data import ConcatDataset, Dataset, Subset  # noqa: E402

import stoker  # noqa: E402
from stoker.lowering.image_rows import RowTarget  # noqa: E402
from stoker.lowering.targets import targets_of  # noqa: E402
from stoker.torch import DataLoader, ImageDataset  # noqa: E402

COUNT, HEIGHT, WIDTH = 12, 40, 56
GEOMETRY = [
    A.HorizontalFlip(p=1),
    A.CenterCrop(30, 41),
    A.InvertImg(p=1),
    A.Transpose(p=1),
    A.Resize(64, 48),
    A.Affine(rotate=(17, 17), scale=(1.2, 1.2), p=1),
]
BOX_FORMATS = ["pascal_voc", "coco", "yolo", "albumentations"]
KEYPOINT_FORMATS = ["xy", "yx", "xya", "xys", "xyas", "xysa"]


@pytest.fixture(scope="module")
def paths(make_folder: Callable[..., Path]) -> list[Path]:
    folder = make_folder(COUNT, size=(HEIGHT, WIDTH))
    return sorted(path for path in folder.rglob("*") if path.is_file())


def boxes_of(form: str, *, largest: int = 5) -> list[np.ndarray]:
    """float64 boxes of each sample; every fourth has none."""
    random = np.random.default_rng(3)
    made = []
    for index in range(COUNT):
        count = 0 if index % 4 == 3 else int(random.integers(1, largest))
        low = random.uniform(0, 0.6, (count, 2))
        sides = random.uniform(0.05, 0.39, (count, 2))
        pixels = np.array([1, 1] if form in ("yolo", "albumentations") else [WIDTH, HEIGHT])
        if form in ("pascal_voc", "albumentations"):
            rows = np.hstack([low * pixels, (low + sides) * pixels])
        elif form == "coco":
            rows = np.hstack([low * pixels, sides * pixels])
        else:
            rows = np.hstack([low + sides / 2, sides])
        made.append(rows)
    return made


def keypoints_of(form: str) -> list[np.ndarray]:
    random = np.random.default_rng(4)
    numbers = {"x": WIDTH, "y": HEIGHT, "a": 360, "s": 3}
    most = np.array([numbers[letter] for letter in form])
    return [random.uniform(0, most * 0.999, (index % 4, len(form))) for index in range(COUNT)]


def listed(rows: list[np.ndarray]) -> list[list[list[float]]]:
    return [each.tolist() for each in rows]


CONTAINERS: dict[str, Callable[[list[np.ndarray]], Any]] = {
    "lists": listed,
    "tuples": lambda rows: [tuple(map(tuple, each.tolist())) for each in rows],
    "float64": lambda rows: rows,
    "float32": lambda rows: [each.astype(np.float32) for each in rows],
}
LABELS: dict[str, Callable[[int], Any]] = {
    "integers": lambda count: list(range(count)),
    "floats": lambda count: [index / 7 for index in range(count)],
    "strings": lambda count: ["cat", "dog", "gnu", "cow"][:count],
    "array": lambda count: np.arange(count),
    "array of strings": lambda count: np.array(["cat", "dog", "gnu", "cow"][:count]),
}


def labels_for(rows: list[Any], kind: str = "integers") -> list[Any]:
    return [LABELS[kind](len(each)) for each in rows]


def lists_of_targets(samples: list[Any]) -> Any:
    """As in torchvision's detection reference."""
    return [sample["image"] for sample in samples], [{**sample, "image": 0} for sample in samples]


@pytest.mark.parametrize("form", BOX_FORMATS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_boxes(form: str, container: str, paths: list[Path]) -> None:
    compose = A.Compose(GEOMETRY, bbox_params=A.BboxParams(form, label_fields=["labels"]))
    boxes = CONTAINERS[container](boxes_of(form))
    dataset = ImageDataset(paths, None, compose, boxes=boxes, labels={"labels": labels_for(boxes)})
    batches = assert_as_torch(dataset, collate_fn=as_given, num_workers=2)
    counts = [len(sample["bboxes"]) for batch in batches for sample in batch]
    assert 0 in counts
    assert max(counts) > 1


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("container", ["lists", "float64"])
@pytest.mark.parametrize("form", ["pascal_voc", "albumentations"])
def test_labels(kind: str, container: str, form: str, paths: list[Path]) -> None:
    compose = A.Compose(GEOMETRY, bbox_params=A.BboxParams(form, label_fields=["names", "scores"]))
    boxes = CONTAINERS[container](boxes_of(form))
    labels = {
        "scores": [[index / 9 for index in range(len(each))] for each in boxes],
        "files": [path.name for path in paths],
        "names": labels_for(boxes, kind),
    }
    dataset = ImageDataset(paths, range(COUNT), compose, boxes=boxes, labels=labels)
    batches = assert_as_torch(dataset, collate_fn=lists_of_targets)
    assert list(batches[0][1][0]) == ["image", "bboxes", "scores", "files", "names", "target"]


@pytest.mark.parametrize("form", KEYPOINT_FORMATS)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("degrees", [True, False])
def test_keypoints(form: str, container: str, degrees: bool, paths: list[Path]) -> None:
    settings = A.KeypointParams(form, label_fields=["joints"], angle_in_degrees=degrees)
    points = CONTAINERS[container](keypoints_of(form))
    dataset = ImageDataset(
        paths,
        None,
        A.Compose(GEOMETRY, keypoint_params=settings),
        keypoints=points,
        labels={"joints": labels_for(points, "strings")},
    )
    batches = assert_as_torch(dataset, collate_fn=as_given)
    kept = sum(len(sample["keypoints"]) for batch in batches for sample in batch)
    assert 0 < kept < sum(map(len, points))


@pytest.mark.parametrize("container", CONTAINERS)
def test_invisible_keypoints_stay(container: str, paths: list[Path]) -> None:
    points = CONTAINERS[container](keypoints_of("xy"))
    compose = A.Compose(GEOMETRY, keypoint_params=A.KeypointParams("xy", remove_invisible=False))
    batches = assert_as_torch(ImageDataset(paths, None, compose, keypoints=points), collate_fn=as_given)
    assert sum(len(sample["keypoints"]) for batch in batches for sample in batch) == sum(map(len, points))


RULES: dict[str, dict[str, Any]] = {
    "min_area": {"min_area": 90},
    "min_visibility": {"min_visibility": 0.8},
    "min_sides": {"min_width": 14, "min_height": 9},
    "max_accept_ratio": {"max_accept_ratio": 1.5},
    "at the end": {"min_area": 90, "check_each_transform": False},
}


@pytest.mark.parametrize("name", RULES)
def test_rules_drop_boxes(name: str, paths: list[Path]) -> None:
    boxes = listed(boxes_of("coco"))
    compose = A.Compose(GEOMETRY, bbox_params=A.BboxParams("coco", label_fields=["labels"], **RULES[name]))
    dataset = ImageDataset(paths, None, compose, boxes=boxes, labels={"labels": labels_for(boxes)})
    batches = assert_as_torch(dataset, collate_fn=as_given)
    compose = A.Compose(GEOMETRY, bbox_params=A.BboxParams("coco", label_fields=["labels"]))
    free = ImageDataset(paths, None, compose, boxes=boxes, labels=dataset.labels)
    kept = sum(len(sample["bboxes"]) for batch in batches for sample in batch)
    assert 0 < kept < sum(len(free[index]["bboxes"]) for index in range(COUNT))


def test_boxes_that_reach_outside_are_clipped(paths: list[Path]) -> None:
    boxes = listed(boxes_of("pascal_voc"))
    boxes[0] = [[-9.0, 3.0, 20.0, 60.0], [5.0, 5.0, 3.0, 8.0], [60.0, 1.0, 70.0, 9.0]]
    settings = A.BboxParams("pascal_voc", label_fields=["labels"], clip=True, filter_invalid_bboxes=True)
    dataset = ImageDataset(
        paths,
        None,
        A.Compose(GEOMETRY, bbox_params=settings),
        boxes=boxes,
        labels={"labels": labels_for(boxes)},
    )
    assert_as_torch(dataset, collate_fn=as_given)
    assert len(dataset[0]["labels"]) == 1


@pytest.mark.parametrize("container", CONTAINERS)
def test_columns_behind_the_numbers(container: str, paths: list[Path]) -> None:
    """The class as a fifth number, as YOLO users write it."""
    boxes = [np.hstack([each, np.arange(len(each))[:, None]]) for each in boxes_of("yolo")]
    dataset = ImageDataset(
        paths,
        None,
        A.Compose(GEOMETRY, bbox_params=A.BboxParams("yolo")),
        boxes=CONTAINERS[container](boxes),
    )
    assert_as_torch(dataset, collate_fn=as_given)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_all_targets_at_once(num_workers: int, paths: list[Path], tmp_path: Path) -> None:
    boxes, points = boxes_of("pascal_voc"), listed(keypoints_of("xyas"))
    compose = A.Compose(
        [*GEOMETRY, A.Normalize(), ToTensorV2()],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"]),
        keypoint_params=A.KeypointParams("xyas", label_fields=["joints"]),
        additional_targets={"second": "mask", "others": "bboxes"},
    )
    masks = masks_of(paths[0].parents[1], tmp_path)
    dataset = ImageDataset(
        paths,
        range(COUNT),
        compose,
        masks={"mask": masks, "second": masks[::-1]},
        boxes=boxes,
        keypoints=points,
        labels={"labels": labels_for(boxes, "strings"), "joints": labels_for(points)},
    )
    assert_as_torch(dataset, collate_fn=lists_of_targets, num_workers=num_workers)
    half = Subset(ConcatDataset([dataset, dataset]), [3, 17, -1, 5, 5, 12])
    assert_as_torch(half, collate_fn=as_given, num_workers=num_workers)
    told = DataLoader(dataset, collate_fn=as_given).explain()
    assert "bboxes: native (pascal_voc, with labels)" in told
    assert "keypoints: native (xyas, with joints)" in told


@pytest.mark.parametrize("num_workers", [0, 2])
def test_default_collate(num_workers: int, paths: list[Path]) -> None:
    boxes = [each[:1] for each in boxes_of("pascal_voc", largest=2)]
    chosen = [index for index in range(COUNT) if len(boxes[index])]
    compose = A.Compose(
        [A.Resize(20, 30), A.Normalize(), ToTensorV2()], bbox_params=A.BboxParams("pascal_voc")
    )
    for kind in (boxes, listed(boxes)):
        dataset = ImageDataset(
            [paths[index] for index in chosen],
            range(len(chosen)),
            compose,
            boxes=[kind[index] for index in chosen],
            labels={"names": [f"file {index}" for index in chosen]},
        )
        (batch, *_) = assert_as_torch(dataset, num_workers=num_workers)
        assert list(batch) == ["image", "bboxes", "names", "target"]


class Promising(Dataset):
    """As users write them, with the arrays of one method more."""

    def __init__(self, dataset: ImageDataset) -> None:
        self.whole = dataset

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, index: int) -> Any:
        given = self.whole.decoded(index)
        return self.whole.transform(
            **given, bboxes=self.whole.boxes[index], labels=self.whole.labels["labels"][index]
        )

    def __stoker__(self) -> ImageDataset:
        return self.whole


def detection(paths: list[Path], *transforms: Any) -> ImageDataset:
    compose = A.Compose(
        list(transforms) or GEOMETRY, bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"])
    )
    boxes = listed(boxes_of("pascal_voc"))
    return ImageDataset(paths, None, compose, boxes=boxes, labels={"labels": labels_for(boxes)})


def test_a_promise_with_boxes(paths: list[Path]) -> None:
    assert_as_torch(Promising(detection(paths)), collate_fn=as_given)


RANDOM = [A.RandomCrop(20, 30), A.HorizontalFlip(), A.RandomScale(0.3, p=1), A.RandomBrightnessContrast()]


def test_random_boxes_follow_their_images(paths: list[Path]) -> None:
    """Every box is drawn into the image; where it comes out it still frames the same colour."""
    images = []
    for number, path in enumerate(paths):
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        left, top = 5 + 2 * number, 4 + number
        image[top : top + 12, left : left + 16] = 255
        images.append((path.parent / f"drawn {number}.png", [[left, top, left + 16, top + 12]]))
        cv2.imwrite(str(images[-1][0]), image)
    compose = A.Compose(
        [A.RandomCrop(28, 40), A.HorizontalFlip(), A.RandomRotate90()],
        bbox_params=A.BboxParams("pascal_voc", label_fields=[]),
    )
    dataset = ImageDataset([path for path, _ in images], None, compose, boxes=[rows for _, rows in images])
    loader = DataLoader(dataset, batch_size=4, collate_fn=as_given, num_workers=2)
    assert loader.explain().startswith("tier: native"), loader.explain()
    seen = set()
    for _ in range(3):
        for sample in (each for batch in loader for each in batch):
            expected = np.zeros_like(sample["image"])
            for x_min, y_min, x_max, y_max in np.round(sample["bboxes"]).astype(int):
                expected[y_min:y_max, x_min:x_max] = 255
                seen.add((x_min, y_min, x_max, y_max))
            np.testing.assert_array_equal(sample["image"], expected)
    assert len(seen) > COUNT


def test_draws_do_not_depend_on_workers(paths: list[Path]) -> None:
    epochs = []
    for num_workers in (0, 1, 2):
        torch.manual_seed(5)
        loader = DataLoader(
            detection(paths, *RANDOM),
            batch_size=5,
            shuffle=True,
            collate_fn=as_given,
            num_workers=num_workers,
        )
        epochs.append(list(loader))
    assert_same(epochs[0], epochs[1])
    assert_same(epochs[0], epochs[2])


def test_the_rest_of_an_epoch_after_a_resume(paths: list[Path]) -> None:
    def loader(num_workers: int) -> Any:
        generator = torch.Generator().manual_seed(3)
        return DataLoader(
            detection(paths, *RANDOM),
            batch_size=3,
            shuffle=True,
            generator=generator,
            collate_fn=as_given,
            num_workers=num_workers,
        )

    whole = loader(2)
    batches, states = [], []
    for batch in whole:
        batches.append(batch)
        states.append(copy.deepcopy(whole.state_dict()))
    for stop in (0, 2):
        other = loader(0)
        other.load_state_dict(states[stop])
        assert_same(list(other), batches[stop + 1 :])


def test_bad_files_take_their_boxes_along(paths: list[Path], tmp_path: Path) -> None:
    dataset = detection(paths)
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    dataset.paths[1] = str(bad)
    options: dict[str, Any] = {"batch_size": COUNT, "collate_fn": as_given, "max_bad": 1}
    (skipped,) = DataLoader(dataset, on_error="skip", **options)
    expected = [dataset[index] for index in range(COUNT) if index != 1]
    assert_same(skipped, expected)
    (replaced,) = DataLoader(dataset, on_error="replace", **options)
    assert_same(replaced, [expected[0], expected[1], *expected[1:]])


def test_invalid_boxes_name_their_sample(paths: list[Path]) -> None:
    dataset = detection(paths)
    dataset.boxes[2][0] = [50.0, 2.0, 60.0, 10.0]
    loader = DataLoader(dataset, batch_size=4, collate_fn=as_given)
    assert loader.explain().startswith("tier: native")
    with pytest.raises(stoker.SampleError, match=r"\(sample 2\).*box 0: x_max"):
        next(iter(loader))
    with pytest.raises(ValueError, match="x_max"):
        dataset[2]


def test_boxes_without_area_at_the_end(paths: list[Path]) -> None:
    """The library refuses to give them back."""
    dataset = detection(paths, A.Crop(0, 10, 30, 40))
    dataset.boxes[0] = [[2.0, 2.0, 20.0, 9.0]]
    dataset.labels["labels"][0] = [1]
    dataset.transform.processors["bboxes"].params.check_each_transform = False
    dataset.transform.check_each_transform = ()
    with pytest.raises(ValueError, match="y_max"):
        dataset[0]
    with pytest.raises(stoker.SampleError, match=r"\(sample 0\).*box 0: y_max.*after the operators"):
        next(iter(DataLoader(dataset, collate_fn=as_given)))


def test_what_stays_with_torch(paths: list[Path]) -> None:
    boxes = boxes_of("pascal_voc")
    fields = A.BboxParams("pascal_voc", label_fields=["labels"])
    labels = labels_for(boxes)
    mixed = [each.astype(np.float32) if index % 2 else each for index, each in enumerate(boxes)]
    rows: dict[str, Any]
    for settings, rows, reason in (
        (
            {"bbox_params": fields},
            {"boxes": boxes},
            "label_fields: 'labels', which the dataset does not give",
        ),
        ({}, {"boxes": boxes}, "boxes, for which the pipeline has no settings (bbox_params)"),
        (
            {"bbox_params": fields},
            {"keypoints": boxes, "labels": {"labels": labels}},
            "no settings (keypoint_params)",
        ),
        (
            {"bbox_params": fields},
            {"boxes": boxes, "labels": {"labels": [*labels[:-2], [1] * 9, []]}},
            f"sample {COUNT - 2}: labels has 9 values",
        ),
        (
            {"bbox_params": fields},
            {"boxes": boxes, "labels": {"labels": labels, "masks": labels}},
            "'masks' is a target",
        ),
        (
            {"bbox_params": fields, "strict": True},
            {"boxes": boxes, "labels": {"labels": labels, "more": labels}},
            "'more', which a strict pipeline does not know",
        ),
        (
            {"bbox_params": A.BboxParams("albumentations")},
            {"boxes": mixed},
            "bboxes are float64 in some samples and float32 in others",
        ),
        (
            {"bbox_params": A.BboxParams("pascal_voc")},
            {"boxes": [torch.from_numpy(each) for each in boxes]},
            "bboxes are a Tensor",
        ),
        (
            {"bbox_params": fields, "p": 0.5},
            {"boxes": boxes, "labels": {"labels": labels}},
            "p=0.5 with boxes",
        ),
    ):
        dataset = ImageDataset(paths, None, A.Compose(GEOMETRY, **settings), **rows)
        told = DataLoader(dataset, collate_fn=as_given).explain()
        assert told.startswith("tier: torch"), told
        assert reason in told, told


def test_parts_with_other_targets_stay_with_torch(paths: list[Path]) -> None:
    one, two = detection(paths), detection(paths)
    two.labels["more"] = two.labels["labels"]
    told = DataLoader(ConcatDataset([one, two]), collate_fn=as_given).explain()
    assert "its parts have different targets" in told


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("loader", [torch.utils.data.DataLoader, DataLoader])
def test_compiled_pipelines(loader: Any, num_workers: int, paths: list[Path]) -> None:
    dataset = detection(paths)
    points = keypoints_of("xya")
    compose = A.Compose(GEOMETRY, keypoint_params=A.KeypointParams("xya", label_fields=["joints"]))
    joints = labels_for(points, "strings")
    posed = ImageDataset(paths, None, compose, keypoints=points, labels={"joints": joints})
    for each in (dataset, posed):
        expected = [each[index] for index in range(COUNT)]
        each.transform = stoker.compile(each.transform)
        (found,) = loader(each, batch_size=COUNT, collate_fn=as_given, num_workers=num_workers)
        assert_same(found, expected)


class Poses(Dataset):
    """Somebody's own, with a compiled pipeline inside."""

    def __init__(self, paths: list[Path], points: list[Any], compose: Any) -> None:
        self.paths, self.points = paths, points
        self.native = stoker.compile(compose)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        image = cv2.imread(str(self.paths[index]), cv2.IMREAD_COLOR_RGB)
        made = self.native(image=image, keypoints=self.points[index])
        return made["image"], made["keypoints"]


@pytest.mark.parametrize("loader", [torch.utils.data.DataLoader, DataLoader])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_compiled_pipeline_in_anyones_dataset(loader: Any, num_workers: int, paths: list[Path]) -> None:
    compose = A.Compose(GEOMETRY, keypoint_params=A.KeypointParams("xy"))
    dataset = Poses(paths, keypoints_of("xy"), compose)
    (found,) = loader(dataset, batch_size=COUNT, collate_fn=as_given, num_workers=num_workers)
    dataset.native = compose
    assert_same(found, [dataset[index] for index in range(COUNT)])


def test_compiled_pipelines_are_native_without_a_seed(paths: list[Path]) -> None:
    """The loader draws for them then."""
    dataset = detection(paths, *RANDOM)
    dataset.transform, compose = stoker.compile(dataset.transform), dataset.transform
    assert DataLoader(dataset, collate_fn=as_given).explain().startswith("tier: native")
    epochs = []
    for transform in (dataset.transform, compose):
        dataset.transform = transform
        torch.manual_seed(3)
        epochs.append(list(DataLoader(dataset, batch_size=5, collate_fn=as_given)))
    assert_same(*epochs)
    dataset.transform = stoker.compile(compose, seed=1)
    told = DataLoader(dataset, collate_fn=as_given).explain()
    assert told.startswith("tier: torch")
    assert "CompiledCompose: user code" in told


@pytest.mark.parametrize("kind", [*LABELS, "none"])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("extras", [0, 1])
@pytest.mark.parametrize("key", ["bboxes", "keypoints"])
def test_rows_read_at_once_are_those_read_one_by_one(
    kind: str, container: str, extras: int, key: str
) -> None:
    settings: Any
    if key == "bboxes":
        settings = targets_of(A.Compose([A.NoOp()], bbox_params=A.BboxParams("albumentations"))).boxes
        rows = boxes_of("albumentations")
    else:
        settings = targets_of(A.Compose([A.NoOp()], keypoint_params=A.KeypointParams("xyas"))).keypoints
        rows = keypoints_of("xyas")
    given = CONTAINERS[container]([np.hstack([each, each[:, :extras]]) for each in rows])
    labels = {} if kind == "none" else {"labels": labels_for(given, kind)}
    target = RowTarget(key, settings, given, labels)
    quick, (values, counts, is_double) = target._at_once(), target._one_by_one()
    if kind.startswith("array"):
        assert quick is None
        return
    assert quick is not None
    np.testing.assert_array_equal(quick[0], values)
    assert (list(quick[1]), quick[2]) == (list(counts), is_double)


def test_rows_that_differ_are_read_one_by_one() -> None:
    settings = targets_of(A.Compose([A.NoOp()], bbox_params=A.BboxParams("coco"))).boxes
    assert settings is not None
    boxes = [[[1, 2, 3, 4]], [], [[1, 2, 3, 4], [5, 6, 7, 8]]]
    labels: list[Any] = [["a"], [], ["b", "c"]]

    def at_once(given: Any, names: Any) -> Any:
        return RowTarget("bboxes", settings, given, {"labels": names})._at_once()

    assert at_once(boxes, labels) is not None
    for given in (
        [*boxes[:2], np.array(boxes[2])],
        [*boxes[:2], tuple(boxes[2])],
        [*boxes[:2], None],
        [*boxes[:2], [[1, 2, 3, 4], [5, 6, 7, 8, 9]]],
        [*boxes[:2], [[1, 2, 3], [5, 6, 7]]],
        [*boxes[:2], [["a", "b", "c", "d"], [5, 6, 7, 8]]],
        [[[1, 2, 3]], [], [[1, 2, 3], [5, 6, 7]]],
        [[], [], []],
        list(map(torch.tensor, boxes)),
        [np.array(boxes[0], np.float32), np.zeros((0, 4)), np.array(boxes[2])],
        [np.ones(4), np.ones(4), np.ones(4)],
    ):
        assert at_once(given, labels) is None, given
    for names in (
        [["a"], [], ["b", 3]],
        [["a"], [], ["b"]],
        [["a", "b"], [], ["c"]],
        [["a"], [], ("b", "c")],
        [[True], [], [False, True]],
        [np.array(["a"]), [], ["b", "c"]],
    ):
        assert at_once(boxes, names) is None, names
