"""stoker.folder, stoker.files and stoker.arrays: which samples exist, their order and their labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import encode, picture, write_folder

import stoker


def labels_of(source: Any, batch_size: int = 3) -> list[Any]:
    return [rows for _, rows in stoker.Loader(source, batch_size=batch_size, dtype="auto")]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (4, 5, 6, 3), np.uint8)


# ---- folder ----


def test_folder_equals_torchvision(tmp_path: Path) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    data = encode(picture(4, 5))
    names = [
        "b/2.jpg",
        "b/10.JPG",
        "b/x.png",
        "a/z.jpeg",
        "a/deep/er/1.jpg",
        "Z/ü.jpg",
        "Z/no.txt",
        "Z/.hidden.jpg",
        "10/a b.jpg",
        "9/\n.jpg",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "a" / "link.jpg").symlink_to(tmp_path / "b" / "2.jpg")
    (tmp_path / "linked").symlink_to(tmp_path / "b")
    (tmp_path / "file.jpg").write_bytes(data)
    ours, theirs = stoker.folder(tmp_path), datasets.ImageFolder(str(tmp_path))
    assert ours.classes == theirs.classes
    assert ours.class_to_idx == theirs.class_to_idx
    assert [ours.path(index) for index in range(len(ours))] == [path for path, _ in theirs.samples]
    labels = np.concatenate(labels_of(ours))
    assert labels.dtype == np.int64
    assert labels.tolist() == theirs.targets


def test_folder_takes_other_extensions(tmp_path: Path) -> None:
    write_folder(tmp_path, 4)
    for path in tmp_path.glob("*/*"):
        path.rename(path.with_suffix(".IMG"))
    assert len(stoker.folder(tmp_path, extensions=[".img"])) == 4
    with pytest.raises(ValueError, match=r"holds no image; looked for \.jpg"):
        stoker.folder(tmp_path)


def test_folder_by_any_kind_of_path(tmp_path: Path) -> None:
    write_folder(tmp_path, 4)
    for root in (tmp_path, str(tmp_path), os.fsencode(tmp_path), str(tmp_path) + "/"):
        assert len(list(stoker.Loader(stoker.folder(root), batch_size=4))) == 1


def test_folder_that_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    for root, text in [
        ("missing", "is no folder"),
        ("file", "is no folder"),
        ("empty", "holds no folder"),
        (".", "holds no image"),
    ]:
        with pytest.raises(ValueError, match=text):
            stoker.folder(tmp_path / root)


def test_folder_with_a_loop_of_links_ends(tmp_path: Path) -> None:
    write_folder(tmp_path, 4)
    (tmp_path / "class0" / "up").symlink_to(tmp_path)
    (tmp_path / "class0" / "self").symlink_to(tmp_path / "class0" / "self")
    assert len(stoker.folder(tmp_path)) >= 4


@pytest.mark.parametrize("root", [None, 3, ["a"]])
def test_folder_refuses_what_is_no_path(root: Any) -> None:
    with pytest.raises(TypeError):
        stoker.folder(root)


@pytest.mark.parametrize("extensions", [None, ".jpg", (3,)])
def test_folder_refuses_extensions_that_are_none(tmp_path: Path, extensions: Any) -> None:
    with pytest.raises(TypeError):
        stoker.folder(tmp_path, extensions=extensions)


# ---- files ----


def test_files_in_the_order_given(tmp_path: Path) -> None:
    paths = write_folder(tmp_path, 6)[::-1]
    expected = [str(path) for path in paths]
    for given in (
        paths,
        expected,
        [os.fsencode(path) for path in paths],
        iter(paths),
        np.array(expected),
        tuple(paths),
    ):
        source = stoker.files(given)
        assert [source.path(index) for index in range(len(source))] == expected
        assert len(next(iter(stoker.Loader(source, batch_size=6)))) == 6


def test_files_may_be_named_twice(tmp_path: Path) -> None:
    path = write_folder(tmp_path, 2)[0]
    loader = stoker.Loader(stoker.files([path] * 5), [stoker.random_crop(8)], batch_size=5, dtype="uint8")
    images = next(iter(loader))
    assert len({image.tobytes() for image in images}) > 1  # each is a sample of its own


def test_files_are_not_opened_before_they_are_wanted() -> None:
    source = stoker.files(["/nowhere/a.jpg"])
    assert source.path(0) == "/nowhere/a.jpg"
    stoker.Loader(source, batch_size=1)


@pytest.mark.parametrize("paths", ["a.jpg", b"a.jpg", Path("a.jpg"), None, 5, [None], [3], [["a.jpg"]]])
def test_files_refuses_what_is_no_sequence_of_paths(paths: Any) -> None:
    with pytest.raises(TypeError, match="path"):
        stoker.files(paths)


@pytest.mark.parametrize("paths", [[], [""], ["a", ""], ["a\0b"]])
def test_files_refuses_paths_that_cannot_be(paths: Any) -> None:
    with pytest.raises(ValueError):
        stoker.files(paths)


def test_a_path_out_of_range_is_an_index_error() -> None:
    source = stoker.files(["a", "b"])
    for index in (-1, 2, 10**30):
        with pytest.raises(IndexError, match="outside 0 to 1"):
            source.path(index)


# ---- arrays ----

DTYPES = ["bool", "uint8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_any_dtype(images: np.ndarray, dtype: str) -> None:
    array = images.astype(dtype)
    operators = [stoker.horizontal_flip(p=1), stoker.center_crop((3, 4))]
    out = next(iter(stoker.Loader(stoker.arrays(array), operators, batch_size=4, dtype="auto", layout="hwc")))
    assert out.dtype == array.dtype
    assert np.array_equal(out, array[:, 1:4, ::-1][:, :, 1:5])


def test_arrays_in_any_layout(images: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    cases = [
        stoker.arrays(images),
        stoker.arrays(np.ascontiguousarray(images.transpose(0, 3, 1, 2)), layout="nchw"),
        stoker.arrays(np.asfortranarray(images)),
        stoker.arrays(torch.from_numpy(images)),
        stoker.arrays(torch.from_numpy(images).permute(0, 3, 1, 2), layout="nchw"),
        stoker.arrays(images.tolist()),
    ]
    for source in cases:
        out = next(iter(stoker.Loader(source, batch_size=4, dtype="auto", layout="hwc")))
        assert np.array_equal(out, images)
    grey = next(iter(stoker.Loader(stoker.arrays(images[..., 0]), batch_size=4, dtype="auto", layout="hwc")))
    assert np.array_equal(grey, images[..., :1])


def test_arrays_are_used_where_they_lie(images: np.ndarray) -> None:
    array = images.copy()
    array.flags.writeable = False
    source = stoker.arrays(array)
    array.flags.writeable = True
    array[:] = 9
    assert (next(iter(stoker.Loader(source, batch_size=4, dtype="auto"))) == 9).all()


def test_arrays_keep_their_memory_alive() -> None:
    loader = stoker.Loader(stoker.arrays(np.full((50, 40, 40, 3), 5, np.uint8)), batch_size=7, dtype="auto")
    assert all((batch == 5).all() for batch in loader)


def test_float_arrays_through_normalize_and_crops(images: np.ndarray) -> None:
    array = images.astype(np.float32) / 255
    chain = [stoker.random_crop((3, 3), padding=2), stoker.normalize((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))]
    out = next(iter(stoker.Loader(stoker.arrays(array), chain, batch_size=4, layout="hwc", seed=3)))
    for index in range(4):
        draw = chain[0].draw(5, 6, seed=3, index=index)
        assert np.array_equal(out[index], chain[1].apply(np.asarray(chain[0].apply(array[index], draw))))


def test_an_empty_array_is_an_empty_loader() -> None:
    loader = stoker.Loader(stoker.arrays(np.zeros((0, 5, 5, 3), np.uint8), []), batch_size=4)
    assert len(loader) == 0
    assert list(loader) == list(loader) == []


WRONG_ARRAYS = [
    None,
    np.zeros((5, 5), np.uint8),
    np.zeros((1, 1, 1, 1, 1), np.uint8),
    np.zeros((2, 0, 5, 3), np.uint8),
    np.zeros((1, 2, 2, 65), np.uint8),
    np.zeros((1, 2, 2, 1), complex),
    np.zeros((1, 2, 2, 1), object),
    np.zeros((1, 2, 2, 1), "M8[s]"),
    np.array([[["a"]]]),
    (x for x in "ab"),
    3,
]


@pytest.mark.parametrize(
    "array", WRONG_ARRAYS, ids=lambda array: getattr(array, "shape", type(array).__name__)
)
def test_arrays_refuses_what_is_no_set_of_images(array: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="array"):
        stoker.arrays(array)


def test_arrays_refuses_an_unknown_layout(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="layout must be 'nhwc' or 'nchw', got 'hwc'"):
        stoker.arrays(images, layout="hwc")
    with pytest.raises(ValueError, match="layout 'nchw' needs 4 axes, got 3"):
        stoker.arrays(images[0], layout="nchw")


# ---- labels ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (0,)])
def test_labels_of_any_number_and_shape(images: np.ndarray, dtype: str, shape: tuple[int, ...]) -> None:
    rows = np.random.default_rng(4).integers(0, 2, (4, *shape)).astype(dtype)
    for given in (rows, np.asfortranarray(rows), np.repeat(rows, 2, axis=0)[::2]):
        batches = labels_of(stoker.arrays(images, given))
        assert [batch.dtype for batch in batches] == [rows.dtype] * 2
        assert np.array_equal(np.concatenate(batches), rows)


OTHER_DTYPES = ["int8", "uint32", "uint64", "complex128", ">i4", ">f8", "M8[D]", "U3", "S2", "O"]


@pytest.mark.parametrize("dtype", OTHER_DTYPES)
def test_labels_of_the_other_dtypes_come_too(images: np.ndarray, dtype: str) -> None:
    rows = np.arange(4).astype(dtype)
    got = [value for batch in labels_of(stoker.arrays(images, rows)) for value in batch]
    assert got == list(rows)


def test_big_integers_keep_their_value(images: np.ndarray) -> None:
    rows = np.array([2**64 - 1, 2**63, 1, 0], np.uint64)
    assert [
        int(value) for batch in labels_of(stoker.arrays(images, rows)) for value in batch
    ] == rows.tolist()


THINGS = [
    list("abcd"),
    [None, 1, "x", {}],
    [[1], [1, 2], [], [3]],
    [{"box": 1}, {"box": 2}, {}, {}],
    [2**70, 0, 1, 2],
    [object() for _ in range(4)],
]


@pytest.mark.parametrize("things", THINGS, ids=lambda things: str(things[0])[:8])
def test_any_object_is_handed_through_by_reference(images: np.ndarray, things: list[Any]) -> None:
    got = [value for batch in labels_of(stoker.arrays(images, things)) for value in batch]
    assert all(a is b for a, b in zip(got, things, strict=True))


@pytest.mark.parametrize("numbers", [[3, 1, 2, 0], [0.5, 1, 2, 3], [True, False, True, True], [[1, 2]] * 4])
def test_lists_of_numbers_become_arrays(images: np.ndarray, numbers: list[Any]) -> None:
    batches = labels_of(stoker.arrays(images, numbers))
    assert all(isinstance(batch, np.ndarray) for batch in batches)
    assert np.concatenate(batches).tolist() == np.asarray(numbers).tolist()


def test_labels_of_torch(images: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    for rows in (torch.arange(4), torch.ones(4, 2, requires_grad=True), torch.arange(4).flip(0)):
        got = torch.from_numpy(np.concatenate(labels_of(stoker.arrays(images, rows))))
        assert torch.equal(got, rows.detach())


def test_batches_of_labels_are_owned(images: np.ndarray) -> None:
    rows = np.arange(4)
    batches = labels_of(stoker.arrays(images, rows))
    batches[0][:] = 99
    assert rows.tolist() == [0, 1, 2, 3]
    assert batches[1].tolist() == [3]


@pytest.mark.parametrize("labels", [[1, 2, 3], range(5), np.zeros((5, 4)), [], np.zeros(0)])
def test_a_wrong_number_of_labels_is_refused(images: np.ndarray, labels: Any) -> None:
    with pytest.raises(ValueError, match=f"labels: there are {len(labels)} for 4 samples"):
        stoker.arrays(images, labels)


@pytest.mark.parametrize("labels", [5, 0.5, np.array(3), {1, 2, 3, 4}])
def test_labels_without_an_order_are_refused(images: np.ndarray, labels: Any) -> None:
    with pytest.raises(TypeError, match="labels"):
        stoker.arrays(images, labels)


def test_a_source_serves_several_loaders(images: np.ndarray) -> None:
    source = stoker.arrays(images, [0, 1, 2, 3])
    loaders = [stoker.Loader(source, batch_size=size, dtype="auto") for size in (1, 2, 3)]
    for loader in loaders:
        assert np.array_equal(np.concatenate([batch for batch, _ in loader]), images.transpose(0, 3, 1, 2))


def test_repr_says_what_it_is(tmp_path: Path) -> None:
    write_folder(tmp_path, 4)
    text = repr(stoker.folder(tmp_path))
    assert str(tmp_path) in text
    assert "4 samples" in text
    assert "2 classes" in text
