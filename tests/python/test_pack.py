"""Packed data mean what the source means: the same pixels, labels and names, for every lossless form."""

from __future__ import annotations

import ast
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import write_folder
from test_docs import python_examples

import stoker
from stoker.packing import finalise

LOSSLESS = ("source", "raw")
SHARD = 5


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    write_folder(folder / "train", 23, size=None)
    return folder


@pytest.fixture(scope="module")
def source(root: Path) -> stoker.Source:
    return stoker.folder(root / "train")


@pytest.fixture(scope="module")
def statistics(source: stoker.Source) -> stoker.Statistics:
    return stoker.compute_statistics(source)


def usual() -> list[Any]:
    return [
        stoker.resize(40),
        stoker.random_resized_crop(16),
        stoker.horizontal_flip(),
        stoker.normalize((0.4, 0.5, 0.6), (0.2, 0.2, 0.3)),
    ]


def epoch_hash(source: stoker.Source, operators: list[Any], epoch: int = 0, **options: Any) -> str:
    options = {"batch_size": 5, "shuffle": True, "seed": 9, "shapes": "list", "dtype": "auto"} | options
    loader = stoker.Loader(source, operators, **options)
    loader.set_epoch(epoch)
    digest = hashlib.sha256()
    for batch in loader:
        fields = batch.values() if isinstance(batch, dict) else batch if isinstance(batch, tuple) else [batch]
        for field in fields:
            for value in field:
                array = np.asarray(value)
                digest.update(f"{array.dtype} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


# ---- the same meaning ----


def docs_lists() -> list[str]:
    """Every list of operators in a Python example of the documents, as text."""
    found = set()
    for _, block in python_examples():
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.List) and node.elts and all(map(is_operator, node.elts)):
                found.add(ast.unparse(node))
    return sorted(found)


def is_operator(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "stoker"
        and node.func.attr in stoker.operators.__all__
    )


def test_the_docs_hold_lists_of_operators() -> None:
    assert len(docs_lists()) >= 3


@pytest.mark.parametrize("form", LOSSLESS)
@pytest.mark.parametrize("text", docs_lists())
def test_lists_of_the_docs_give_the_same_hash(
    text: str,
    form: str,
    source: stoker.Source,
    statistics: stoker.Statistics,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    statistics.save("train.stats.json")
    names = {"stoker": stoker, "statistics": statistics, "mean": (0.5,) * 3, "std": (0.2,) * 3}
    operators = eval(text, names)
    stoker.pack(source, "packed", operators, form=form, samples_per_shard=SHARD)
    packed = stoker.shards("packed", operators=operators, source=source)
    for epoch in (0, 3):
        assert epoch_hash(packed, operators, epoch) == epoch_hash(source, operators, epoch)


@pytest.mark.parametrize("form", LOSSLESS)
def test_the_written_list_or_what_comes_after_the_cut(
    form: str, source: stoker.Source, tmp_path: Path
) -> None:
    packed = stoker.pack(source, tmp_path, usual(), form=form, samples_per_shard=SHARD)
    online = usual()[1 if form == "raw" else 0 :]
    assert [step["name"] for step in packed.plan.online] == [each.name for each in online]
    shards = stoker.shards(tmp_path)
    wanted = epoch_hash(source, usual(), dtype="float32")
    assert epoch_hash(shards, usual(), dtype="float32") == wanted
    assert epoch_hash(shards, online, dtype="float32") == wanted


def test_threads_and_sizes_of_shards_change_no_pixel(source: stoker.Source, tmp_path: Path) -> None:
    hashes = set()
    for threads, size in ((1, 1), (3, 23), (2, 7)):
        folder = tmp_path / f"{size}"
        stoker.pack(source, folder, usual(), samples_per_shard=size, threads=threads)
        hashes.add(epoch_hash(stoker.shards(folder), usual()))
    assert hashes == {epoch_hash(source, usual())}


def test_groups_keep_their_random_numbers(source: stoker.Source, tmp_path: Path) -> None:
    fixed = stoker.sequence([stoker.resize(40), stoker.center_crop(36)])
    operators = [fixed, stoker.one_of([stoker.horizontal_flip(p=1), stoker.vertical_flip(p=1)])]
    packed = stoker.pack(source, tmp_path, operators, samples_per_shard=SHARD)
    assert [step["name"] for step in packed.plan.operators] == ["sequence"]
    assert epoch_hash(stoker.shards(tmp_path), operators) == epoch_hash(source, operators)


@pytest.mark.parametrize("decoding", [{"color": "bgr"}, {"color": "gray"}, {"exif": "apply"}])
def test_decoding_must_be_that_of_the_packing(
    decoding: dict[str, str], source: stoker.Source, tmp_path: Path
) -> None:
    operators = [stoker.resize(30), stoker.random_crop(20)]
    stoker.pack(source, tmp_path, operators, samples_per_shard=SHARD, **decoding)
    shards = stoker.shards(tmp_path, **decoding)
    assert epoch_hash(shards, operators, **decoding) == epoch_hash(source, operators, **decoding)
    (name,) = decoding
    with pytest.raises(ValueError, match=f"{name} differs"):
        stoker.Loader(shards, operators, batch_size=2)
    with pytest.raises(ValueError, match=f"{name} differs"):
        stoker.shards(tmp_path, **{name: {"color": "rgb", "exif": "ignore"}[name]})


def test_arrays_and_numeric_labels_of_any_shape(tmp_path: Path) -> None:
    numbers = np.random.default_rng(1)
    images = numbers.integers(0, 65536, (11, 20, 18, 13)).astype(np.uint16)
    labels = numbers.normal(size=(11, 2, 3)).astype(np.float32)
    masks = numbers.integers(0, 9, (11, 20, 18)).astype(np.uint8)
    source = stoker.arrays(images, labels, masks=masks)
    operators = [stoker.center_crop(16), stoker.horizontal_flip()]
    stoker.pack(source, tmp_path, operators, samples_per_shard=4)
    shards = stoker.shards(tmp_path, operators=operators, source=source)
    assert epoch_hash(shards, operators) == epoch_hash(source, operators)
    other = stoker.arrays(images + 1, labels, masks=masks)
    with pytest.raises(ValueError, match=r"tables\.image"):
        stoker.shards(tmp_path, source=other)


def test_masks_boxes_and_keypoints_travel(root: Path, tmp_path: Path) -> None:
    from images import encode, picture

    paths, masks, boxes, points = [], [], [], []
    for index in range(9):
        height, width = 30 + index, 44 - index
        paths.append(tmp_path / f"{index}.png")
        masks.append(tmp_path / f"{index}.mask.png")
        paths[-1].write_bytes(encode(picture(height, width, seed=index), "PNG"))
        masks[-1].write_bytes(encode(picture(height, width, 1, seed=index), "PNG"))
        boxes.append([[0.1, 0.2, 0.5, 0.6 + index / 50]] * (index % 3))
        points.append([[3.0 + index, 4.0, 0.5, 1.0]] * (index % 4))
    operators = [stoker.resize(28), stoker.random_crop(20), stoker.horizontal_flip()]
    coco = [[[3.0, 4.0, 10.0, 12.0]] * len(each) for each in boxes]
    short = [[row[:2] for row in each] for each in points]
    for number, more in enumerate(
        (
            {"boxes": boxes, "keypoints": points},
            {"boxes": coco, "box_format": "coco", "keypoints": short, "keypoint_format": "xy"},
        )
    ):
        source = stoker.files(paths, range(9), masks=masks, **more)
        for form in LOSSLESS:
            folder = tmp_path / f"{form}{number}"
            stoker.pack(source, folder, operators, form=form, samples_per_shard=4)
            shards = stoker.shards(folder, source=source)
            assert epoch_hash(shards, operators) == epoch_hash(source, operators)


# ---- what else is kept ----


def test_labels_classes_and_paths(source: stoker.Source, tmp_path: Path) -> None:
    stoker.pack(source, tmp_path, usual(), samples_per_shard=SHARD)
    shards = stoker.shards(tmp_path)
    assert shards.classes == source.classes == ["class0", "class1"]
    assert shards.class_to_idx == source.class_to_idx
    assert len(shards) == 23
    for index in (0, 7, 22):
        assert source.path(index).endswith("train/" + shards.path(index))
    assert shards.original_index(9) == 9


def test_labels_that_are_json(source: stoker.Source, tmp_path: Path) -> None:
    labels = [{"name": "ä", "n": index, "list": [1.5, None, True]} for index in range(23)]
    labels[4] = "a string"
    given = stoker.files([source.path(index) for index in range(23)], labels)
    for _ in range(2):  # the second time nothing is added twice
        stoker.pack(given, tmp_path, [stoker.resize(16)], samples_per_shard=SHARD)
    loader = stoker.Loader(stoker.shards(tmp_path), batch_size=8, shapes="list")
    assert [label for _, batch in loader for label in batch] == labels


@pytest.mark.parametrize("label", [(1, 2), {1: "a"}, object(), float("nan"), b"bytes", {1, 2}])
def test_labels_that_json_does_not_give_back_are_refused(
    label: Any, source: stoker.Source, tmp_path: Path
) -> None:
    given = stoker.files([source.path(0), source.path(1)], ["fine", label])
    with pytest.raises(ValueError, match="label of sample 1"):
        stoker.pack(given, tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def test_sources_and_shards_can_be_pickled(source: stoker.Source, tmp_path: Path) -> None:
    stoker.pack(source, tmp_path, usual(), samples_per_shard=SHARD)
    shards = stoker.shards(tmp_path)
    for each in (source, shards, stoker.arrays(np.zeros((2, 4, 4, 3), np.uint8), [1, 2])):
        again = pickle.loads(pickle.dumps(each))
        assert epoch_hash(again, []) == epoch_hash(each, [])


def test_form_source_can_be_packed_again(source: stoker.Source, tmp_path: Path) -> None:
    stoker.pack(source, tmp_path / "bytes", form="source", samples_per_shard=SHARD)
    again = stoker.shards(tmp_path / "bytes")
    stoker.pack(again, tmp_path / "pixels", usual(), samples_per_shard=SHARD)
    pixels = stoker.shards(tmp_path / "pixels", source=source)
    assert epoch_hash(pixels, usual()) == epoch_hash(source, usual())
    with pytest.raises(ValueError, match="been through operators already"):
        stoker.pack(pixels, tmp_path / "more", usual())


def test_statistics_of_the_packed_pixels(source: stoker.Source, tmp_path: Path) -> None:
    wanted = stoker.compute_statistics(source, [stoker.resize(40)])
    stoker.pack(source, tmp_path, usual(), samples_per_shard=SHARD, statistics=True)
    shards = stoker.shards(tmp_path)
    assert shards.statistics is not None
    assert shards.statistics.to_json() == wanted.to_json()
    assert stoker.compute_statistics(shards, usual()[:1]).to_json() == wanted.to_json()
    operators = [*usual()[:3], stoker.normalize(shards.statistics)]
    loader = stoker.Loader(shards, operators, batch_size=4)
    assert "as here" in loader.explain()
    before = (tmp_path / "statistics.json").read_bytes(), (tmp_path / "manifest.json").read_bytes()
    finalise(tmp_path)
    assert before == ((tmp_path / "statistics.json").read_bytes(), (tmp_path / "manifest.json").read_bytes())


# ---- forms ----


def test_npy_is_read_by_numpy(source: stoker.Source, tmp_path: Path) -> None:
    operators = [stoker.resize(30), stoker.center_crop(24), stoker.normalize((0.5,) * 3, (0.2,) * 3)]
    packed = stoker.pack(source, tmp_path, operators, form="npy", layout="chw")
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    labels = np.load(tmp_path / "labels.npy", mmap_mode="r")
    assert images.dtype == np.uint8
    assert images.shape == (23, 3, 24, 24)
    wanted = [batch for batch, _ in stoker.Loader(source, operators[:2], batch_size=23, dtype="uint8")]
    assert np.array_equal(images, wanted[0])
    assert labels.tolist() == [
        label for _, batch in stoker.Loader(source, operators[:2], batch_size=23) for label in batch
    ]
    assert not any("float32" in text for _, text in packed.messages)
    assert stoker.verify(tmp_path) == []
    with pytest.raises(ValueError, match=r"np\.load"):
        stoker.shards(tmp_path)


def test_npy_floats_only_when_asked_with_a_notice(source: stoker.Source, tmp_path: Path) -> None:
    operators = [stoker.resize(30), stoker.center_crop(24), stoker.normalize((0.5,) * 3, (0.2,) * 3)]
    packed = stoker.pack(source, tmp_path, operators, form="npy", cut="all")
    assert np.load(tmp_path / "images.npy").dtype == np.float32
    text = "\n".join(text for _, text in packed.messages)
    assert "4 times the bytes of uint8" in text
    assert "6912 bytes a sample, uint8 would take 1728" in text
    assert "ms a sample to read it" in text


def test_jpeg_is_close_and_says_that_it_is_lossy(source: stoker.Source, tmp_path: Path) -> None:
    packed = stoker.pack(source, tmp_path, usual(), form="jpeg", quality=85, samples_per_shard=SHARD)
    levels = {level for level, _ in packed.messages}
    assert any("lossy" in text for _, text in packed.messages)
    assert any("below 90" in text for _, text in packed.messages)
    assert "caution" in levels
    operators = usual()[:1]
    ours = next(iter(stoker.Loader(stoker.shards(tmp_path), operators, batch_size=23, shapes="list")))[0]
    theirs = next(iter(stoker.Loader(source, operators, batch_size=23, shapes="list")))[0]
    distances = [float(np.abs(a - b).mean()) for a, b in zip(ours, theirs, strict=True)]
    assert 0 < max(distances) < 12


# ---- cut and variants ----


def cut_of(source: stoker.Source, operators: list[Any], **options: Any) -> tuple[int, Any]:
    packed = stoker.pack(source, "nowhere", operators, dry_run=True, **options)
    return len(packed.plan.operators), packed


def test_the_cut_lies_before_the_first_random_operator(source: stoker.Source) -> None:
    place, packed = cut_of(source, usual())
    assert place == 1
    assert "before random_resized_crop" in packed.reason
    assert "first random operator" in packed.reason
    assert not Path("nowhere").exists()


def test_the_cut_lies_before_floats(source: stoker.Source) -> None:
    place, packed = cut_of(source, [stoker.resize(20), stoker.to_float(), stoker.center_crop(8)])
    assert place == 1
    assert "makes float32 of uint8" in packed.reason
    assert cut_of(source, [stoker.resize(20), stoker.to_float()], cut="all")[0] == 2
    assert cut_of(source, [stoker.resize(20), stoker.center_crop(8)])[0] == 2


def test_variants_leave_cheap_operators_online(source: stoker.Source) -> None:
    operators = [
        stoker.random_resized_crop(16),
        stoker.color_jitter(brightness=(0.5, 1.5)),
        stoker.horizontal_flip(),
        stoker.normalize((0.5,) * 3, (0.2,) * 3),
    ]
    place, packed = cut_of(source, operators, variants=4, epochs=90)
    assert place == 2
    text = dict(packed.messages)["caution"]
    assert "90 epochs see 4 distinct views" in text
    _, packed = cut_of(source, operators, variants=4, epochs=90, cut=4)
    assert "fixed set" in dict(packed.messages)["warning"]
    _, packed = cut_of(source, operators, variants=8, epochs=8)
    assert "8 epochs see 8 distinct views" in dict(packed.messages)["note"]
    _, packed = cut_of(source, operators, variants=8)
    assert "min(8, E)" in dict(packed.messages)["caution"]


def test_one_frozen_copy_is_refused(source: stoker.Source) -> None:
    with pytest.raises(ValueError, match="allow_frozen=True"):
        stoker.pack(source, "nowhere", usual(), cut="all", dry_run=True)
    stoker.pack(source, "nowhere", usual(), cut="all", allow_frozen=True, dry_run=True)
    with pytest.raises(ValueError, match="needs a random operator before the cut"):
        stoker.pack(source, "nowhere", [stoker.resize(9)], variants=3, dry_run=True)


def test_variants_are_the_draws_of_variants_and_are_read_in_turn(
    source: stoker.Source, tmp_path: Path
) -> None:
    operators = [stoker.resize(24), stoker.random_resized_crop(16), stoker.horizontal_flip()]
    stoker.pack(source, tmp_path, operators, variants=3, cut=2, samples_per_shard=SHARD, seed=5)
    shards = stoker.shards(tmp_path, variants=3)
    frozen = [epoch_hash(shards, operators[:2], epoch, shuffle=False) for epoch in range(6)]
    assert len(set(frozen)) == 3
    assert frozen[:3] == frozen[3:]
    # What stays online is drawn anew in each epoch.
    assert len({epoch_hash(shards, operators, epoch, shuffle=False) for epoch in range(6)}) == 6
    assert "variant e mod 3" in stoker.Loader(shards, operators, batch_size=2).explain()


# ---- refused by name ----


def test_shards_refuse_what_is_stated_otherwise(source: stoker.Source, tmp_path: Path) -> None:
    stoker.pack(source, tmp_path, usual(), samples_per_shard=SHARD)
    for stated, name in (
        ({"form": "jpeg"}, "form differs"),
        ({"variants": 2}, "variants differs"),
        ({"image_dtype": "uint16"}, "image_dtype differs"),
        ({"operators": [stoker.resize(41), *usual()[1:]]}, "resize: size is 40 and 41"),
    ):
        with pytest.raises(ValueError, match=name):
            stoker.shards(tmp_path, **stated)
    with pytest.raises(ValueError, match="resize: size is 40 and 41"):
        stoker.Loader(stoker.shards(tmp_path), [stoker.resize(41), *usual()[1:]], batch_size=2)


def test_a_prefix_of_several_names_the_first_difference(source: stoker.Source, tmp_path: Path) -> None:
    operators = [stoker.resize(40), stoker.center_crop(30), stoker.horizontal_flip()]
    stoker.pack(source, tmp_path, operators, samples_per_shard=SHARD)
    shards = stoker.shards(tmp_path)
    with pytest.raises(ValueError, match=r"operator 1 differs.*size is 30 and 31"):
        stoker.Loader(shards, [stoker.resize(40), stoker.center_crop(31)], batch_size=2)
    with pytest.raises(ValueError, match="the operators given end after"):
        stoker.Loader(shards, [stoker.resize(40)], batch_size=2)
    stoker.Loader(shards, [], batch_size=2)


def test_another_source_is_named(root: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "train", 12, size=None)
    source = stoker.folder(tmp_path / "train")
    stoker.pack(source, tmp_path / "packed", usual(), samples_per_shard=SHARD)
    changed = tmp_path / "train" / "class1" / "0003.jpg"
    changed.write_bytes(changed.read_bytes() + b"\0")
    for attempt in (
        lambda: stoker.shards(tmp_path / "packed", source=stoker.folder(tmp_path / "train")),
        lambda: stoker.pack(
            stoker.folder(tmp_path / "train"), tmp_path / "packed", usual(), samples_per_shard=SHARD
        ),
    ):
        with pytest.raises(ValueError, match=r"class1/0003\.jpg had \d+ bytes"):
            attempt()


def test_another_plan_names_the_field(source: stoker.Source, tmp_path: Path) -> None:
    stoker.pack(source, tmp_path, usual(), samples_per_shard=SHARD)
    for options, name in (
        ({"samples_per_shard": 6}, "samples_per_shard was 5 and is 6"),
        ({"color": "bgr"}, "color was 'rgb' and is 'bgr'"),
        ({"form": "jpeg"}, "chroma was None and is '4:2:0'"),
    ):
        with pytest.raises(ValueError, match=name):
            stoker.pack(source, tmp_path, usual(), **{"samples_per_shard": SHARD} | options)
    with pytest.raises(ValueError, match="operators"):
        stoker.pack(source, tmp_path, [stoker.resize(41), *usual()[1:]], samples_per_shard=SHARD)


def test_a_copy_elsewhere_is_the_same_data(source: stoker.Source, root: Path, tmp_path: Path) -> None:
    import shutil

    stoker.pack(source, tmp_path / "a", usual(), samples_per_shard=SHARD)
    shutil.copytree(root / "train", tmp_path / "elsewhere" / "other")
    copy = stoker.folder(tmp_path / "elsewhere" / "other")
    stoker.shards(tmp_path / "a", source=copy)
    assert not stoker.pack(copy, tmp_path / "a", usual(), samples_per_shard=SHARD).made
    stoker.pack(copy, tmp_path / "b", usual(), samples_per_shard=SHARD)
    for path in (tmp_path / "a").glob("shard-*"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    shutil.move(tmp_path / "a", tmp_path / "moved")
    assert epoch_hash(stoker.shards(tmp_path / "moved"), usual()) == epoch_hash(source, usual())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda given: given.pop("records"), "'records' is missing"),
        (lambda given: given.update(records="3"), "'records' must not be str"),
        (lambda given: given.update(version=2), "'version' must be 1, got 2"),
        (lambda given: given.update(records=given["records"] + 1), "'sha256'"),
        (lambda given: given["files"][0].update(name="../x"), "must be a file name"),
    ],
)
def test_a_changed_manifest_is_named(
    change: Any, message: str, source: stoker.Source, tmp_path: Path
) -> None:
    stoker.pack(source, tmp_path, usual(), samples_per_shard=SHARD)
    path = tmp_path / "manifest.json"
    given = json.loads(path.read_text())
    change(given)
    path.write_text(json.dumps(given))
    with pytest.raises(stoker.ShardError, match=message):
        stoker.shards(tmp_path)
    finalise(tmp_path)
    stoker.shards(tmp_path)
