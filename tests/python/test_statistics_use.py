"""Statistics in use: what normalize refuses in a loader, and statistics of the pixels under masks."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import by_pillow, encode, picture, png, write_folder

import stoker


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_folder(tmp_path / "train", 24, form="PNG")
    return tmp_path / "train"


def loader(source: stoker.Source, *steps: Any, **arguments: Any) -> stoker.Loader:
    return stoker.Loader(source, list(steps), batch_size=4, **arguments)


def numbers_of(dtype: str, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (6, 5, 7, channels)).astype(dtype)


# ---- what cannot fit ----


def test_another_dtype_is_refused(root: Path) -> None:
    source = stoker.folder(root)
    levels = stoker.normalize(stoker.compute_statistics(source))
    shares = stoker.normalize(stoker.compute_statistics(source, [stoker.to_float()]))
    message = (
        r"dtype differs: .* uint8 images \(value scale 255\).* float32 \(value scale 1\), after to_float"
    )
    with pytest.raises(ValueError, match=message):
        loader(source, stoker.to_float(), levels)
    with pytest.raises(ValueError, match=r"dtype differs: .* float32 .* are uint8 \(value scale 255\)"):
        loader(source, shares)
    loader(source, levels)
    loader(source, stoker.to_float(), shares)
    wide = stoker.normalize(stoker.compute_statistics(stoker.arrays(numbers_of("uint16"))))
    with pytest.raises(ValueError, match=r"uint16 images \(value scale 65535\)"):
        loader(source, wide)
    with pytest.raises(ValueError, match="those that come to it are int16"):
        loader(stoker.arrays(numbers_of("int16")), wide)


def test_another_value_scale_is_refused(root: Path) -> None:
    source = stoker.folder(root)
    cast, divide = stoker.to_float(arithmetic="cast"), stoker.to_float()
    made = stoker.normalize(stoker.compute_statistics(source, [divide]))
    with pytest.raises(ValueError, match=r"value scale differs: .* from 0 to 1 .* from 0 to 255"):
        loader(source, cast, made)
    floats = stoker.normalize(stoker.compute_statistics(stoker.arrays(numbers_of("float32"))))
    with pytest.raises(ValueError, match=r"value scale differs: .* with the values of the files"):
        loader(source, divide, floats)


def test_another_channel_count_is_refused(root: Path) -> None:
    gray = stoker.compute_statistics(stoker.folder(root), color="gray")
    with pytest.raises(ValueError, match=r"channel count differs: the statistics have 1 channels, .* 3"):
        loader(stoker.folder(root), stoker.normalize(gray))
    loader(stoker.folder(root), stoker.normalize(gray), color="gray")


def test_another_color_order_is_refused(root: Path) -> None:
    source = stoker.folder(root)
    rgb, bgr = (stoker.normalize(stoker.compute_statistics(source, color=color)) for color in ("rgb", "bgr"))
    with pytest.raises(ValueError, match=r"colour order differs: .* 'bgr' images, the loader's are 'rgb'"):
        loader(source, bgr)
    with pytest.raises(ValueError, match=r"colour order differs: .* 'rgb' images, the loader's are 'bgr'"):
        loader(source, rgb, color="bgr")
    loader(source, bgr, color="bgr")
    loader(source, rgb, color="unchanged")
    # Nothing tells the order of arrays.
    loader(stoker.arrays(numbers_of("uint8")), rgb, color="bgr")


def test_plain_numbers_are_not_looked_at(root: Path) -> None:
    assert "statistics" not in loader(stoker.folder(root), stoker.normalize(0.5, 0.25)).explain()


def test_copies_and_pickles_are_refused_too(root: Path) -> None:
    made = stoker.normalize(stoker.compute_statistics(stoker.folder(root), color="bgr"))
    for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert repr(again) == repr(made)
        with pytest.raises(ValueError, match="colour order"):
            loader(stoker.folder(root), again)
    other = stoker.resize(8)
    assert repr(pickle.loads(pickle.dumps(other))) == repr(other)


# ---- which data ----


def test_changed_files_of_the_same_root_are_refused(root: Path, tmp_path: Path) -> None:
    stoker.compute_statistics(stoker.folder(root)).save(tmp_path / "train.json")
    made = stoker.normalize(tmp_path / "train.json")
    assert "of 24 images, the files of 'train', as here" in loader(stoker.folder(root), made).explain()
    paths = sorted(root.rglob("*.png"))
    new = root / "class0" / "new.png"
    changes = {
        "24 files, other names or sizes": lambda: paths[5].write_bytes(paths[5].read_bytes() + b"more"),
        "24 files then, 25 now": lambda: new.write_bytes(paths[0].read_bytes()),
        "24 files then, 23 now": lambda: [path.unlink() for path in (paths[7], new)],
    }
    for message, change in changes.items():
        change()
        with pytest.raises(ValueError, match=f"'train' has changed since: {message}.*allow_mismatch=True"):
            loader(stoker.folder(root), made)
        allowed = stoker.normalize(tmp_path / "train.json", allow_mismatch=True)
        explained = loader(stoker.folder(root), allowed).explain()
        assert f"allowed though 'train' has changed since: {message}" in explained


def test_a_copy_elsewhere_is_the_same(root: Path, tmp_path: Path) -> None:
    made = stoker.normalize(stoker.compute_statistics(stoker.folder(root)))
    write_folder(tmp_path / "elsewhere" / "train", 24, form="PNG")
    assert "as here" in loader(stoker.folder(tmp_path / "elsewhere" / "train"), made).explain()
    # By paths, whose common folder is the same one.
    assert "as here" in loader(stoker.files(sorted(root.rglob("*.png"))), made).explain()


def test_other_data_are_noted(root: Path, tmp_path: Path) -> None:
    made = stoker.normalize(stoker.compute_statistics(stoker.folder(root)))
    write_folder(tmp_path / "val", 8, form="PNG")
    text = "statistics of 24 images of 'train'; the data here are others: "
    explained = loader(stoker.folder(tmp_path / "val"), made).explain()
    assert text + "the files of 'val'" in explained
    assert text + "arrays in memory" in loader(stoker.arrays(numbers_of("uint8")), made).explain()
    # Of the same name, and other files in it.
    other = tmp_path / "b" / "train" / "class0"
    other.mkdir(parents=True)
    for index in range(9):
        (other / f"other{index}.png").write_bytes(encode(picture(24, 32, seed=index), "PNG"))
    assert text + "the files of 'train'" in loader(stoker.folder(other.parent), made).explain()


def test_two_lists_of_one_folder_are_two_data_sets(root: Path) -> None:
    paths = sorted(root.rglob("*.png"))
    first, second = [*paths[:6], *paths[12:18]], [*paths[6:12], *paths[18:]]
    made = stoker.normalize(stoker.compute_statistics(stoker.files(first)))
    assert "as here" in loader(stoker.files(first[::-1]), made).explain()
    assert "the data here are others" in loader(stoker.files(second), made).explain()
    with pytest.raises(ValueError, match="12 files then, 24 now"):
        loader(stoker.files(paths), made)


def test_files_are_not_asked_for_their_size_in_vain(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network disk with a million files would take minutes."""
    from stoker.statistics import data

    made = stoker.normalize(stoker.compute_statistics(stoker.folder(root)))
    write_folder(tmp_path / "val", 8, form="PNG")
    monkeypatch.setattr(data.Files, "lines", lambda _: pytest.fail("asked"))
    loader(stoker.folder(tmp_path / "val"), made)
    loader(stoker.folder(root), stoker.normalize(0.5, 0.5))


def test_allow_mismatch_is_for_data_alone(root: Path) -> None:
    found = stoker.compute_statistics(stoker.folder(root), color="bgr")
    with pytest.raises(TypeError, match="allow_mismatch"):
        stoker.normalize(0.5, 0.5, allow_mismatch=True)
    with pytest.raises(TypeError, match="allow_mismatch must be True or False"):
        stoker.normalize(found, allow_mismatch=1)
    with pytest.raises(ValueError, match="colour order"):
        loader(stoker.folder(root), stoker.normalize(found, allow_mismatch=True))


# ---- masks ----


def masks_of(paths: list[Path], folder: Path) -> tuple[list[Path], list[np.ndarray]]:
    folder.mkdir()
    files, masks = [], []
    for index, path in enumerate(paths):
        height, width = by_pillow(path.read_bytes()).shape[:2]
        mask = np.random.default_rng(index).integers(0, 3, (height, width, 1)).astype(np.uint8)
        files.append(folder / f"{index:03}.png")
        files[-1].write_bytes(encode(mask, "PNG"))
        masks.append(mask[..., 0])
    return files, masks


def as_float(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32) / np.float32(255)


def assert_equals_numpy(found: stoker.Statistics, pixels: list[np.ndarray], masks: list[np.ndarray]) -> None:
    kept = np.concatenate([each[mask != 0] for each, mask in zip(pixels, masks, strict=True)])
    kept = kept.astype(np.float64)
    np.testing.assert_allclose(found.mean, kept.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.std, kept.std(axis=0), rtol=1e-12)
    assert found.count == [len(kept)] * kept.shape[1]
    assert {channel.masked for channel in found.channels} == {sum(int((mask == 0).sum()) for mask in masks)}


@pytest.mark.parametrize("threads", [1, 3])
def test_masked_pixels_are_left_out(root: Path, tmp_path: Path, threads: int) -> None:
    paths = sorted(root.rglob("*.png"))
    files, masks = masks_of(paths, tmp_path / "masks")
    pixels = [by_pillow(path.read_bytes()) for path in paths]
    found = stoker.compute_statistics(stoker.files(paths), masks=files, threads=threads)
    assert_equals_numpy(found, pixels, masks)
    assert_equals_numpy(stoker.compute_statistics(stoker.files(paths), masks=np.stack(masks)), pixels, masks)
    found.save(tmp_path / "x.json")
    assert stoker.Statistics.load(tmp_path / "x.json").channels == found.channels
    # Operators that leave every pixel in its place may come first.
    found = stoker.compute_statistics(stoker.files(paths), [stoker.to_float()], masks=files)
    assert_equals_numpy(found, [as_float(each) for each in pixels], masks)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_masks_in_memory(dtype: str) -> None:
    pixels = numbers_of(dtype)
    for mask_dtype in (np.bool_, np.uint8, np.int32, np.int64):
        factor = 1 if mask_dtype is np.uint8 else 256  # whose lowest byte is 0
        mask = (np.random.default_rng(1).integers(0, 3, (6, 5, 7)) * factor).astype(mask_dtype)
        found = stoker.compute_statistics(stoker.arrays(pixels), masks=mask)
        assert_equals_numpy(found, list(pixels), list(mask))


def test_masks_move_with_their_images(root: Path, tmp_path: Path) -> None:
    paths = sorted(root.rglob("*.png"))
    files, masks = masks_of(paths, tmp_path / "masks")
    pixels = [by_pillow(path.read_bytes()) for path in paths]
    top, left = (24 - 8) // 2, (32 - 8) // 2
    inner = (slice(top, top + 8), slice(left, left + 8))
    for flips in ([], [stoker.horizontal_flip(p=1.0)], [stoker.vertical_flip(p=1.0), stoker.to_float()]):
        found = stoker.compute_statistics(stoker.files(paths), [*flips, stoker.center_crop(8)], masks=files)
        is_float = len(flips) == 2
        assert_equals_numpy(
            found,
            [as_float(each[inner]) if is_float else each[inner] for each in pixels],
            [each[inner] for each in masks],
        )

    resized = [stoker.resize((10, 13))]
    loader = stoker.Loader(
        stoker.files(paths, masks=files), resized, batch_size=24, dtype="uint8", layout="hwc"
    )
    batch = next(iter(loader))
    found = stoker.compute_statistics(stoker.files(paths), resized, masks=files)
    assert_equals_numpy(found, list(batch["image"]), list(batch["mask"]))


def test_low_values_of_16_bit_masks_count(tmp_path: Path) -> None:
    mask = np.zeros((5, 7, 1), np.uint16)
    mask[2, 3] = 1
    (tmp_path / "mask.png").write_bytes(png(mask, 0, 16))
    pixels = numbers_of("uint8")[:1]
    found = stoker.compute_statistics(stoker.arrays(pixels), masks=[tmp_path / "mask.png"])
    assert found.mean == pixels[0, 2, 3].tolist()


def test_masks_that_cannot_fit_are_refused(root: Path, tmp_path: Path) -> None:
    paths = sorted(root.rglob("*.png"))
    files, _ = masks_of(paths, tmp_path / "masks")
    source = stoker.files(paths)
    with pytest.raises(ValueError, match="23 masks for 24 samples"):
        stoker.compute_statistics(source, masks=files[:-1])
    with pytest.raises(ValueError, match="exif='ignore'"):
        stoker.compute_statistics(source, masks=files, exif="apply")
    with pytest.raises(TypeError, match="masks must be"):
        stoker.compute_statistics(source, masks=3)
    bad = {
        "24 x 31": encode(np.zeros((24, 31, 1), np.uint8), "PNG"),
        "4 channels": encode(np.zeros((24, 32, 3), np.uint8), "PNG", mode="RGBA"),
        "decode": b"no image",
    }
    for message, data in bad.items():
        files[2].write_bytes(data)
        with pytest.raises(stoker.SampleError, match=message) as caught:
            stoker.compute_statistics(source, masks=files)
        assert caught.value.index == 2
        found = stoker.compute_statistics(source, masks=files, on_error="skip")
        assert (found.image_count, found.skipped) == (23, 1)
    wide = np.ones((24, 24, 32), np.uint16)
    with pytest.raises(stoker.SampleError, match="resized are uint8 masks"):
        stoker.compute_statistics(source, [stoker.resize(8)], masks=wide)
    with pytest.raises(stoker.SampleError, match="float"):
        stoker.compute_statistics(source, masks=np.zeros((24, 24, 32), np.float32))


# ---- axes ----


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_mean_of_nchw_is_over_axes_0_2_3(dtype: str) -> None:
    x = np.ascontiguousarray(numbers_of(dtype, 5).transpose(0, 3, 1, 2))
    x += np.arange(5, dtype=dtype).reshape(1, 5, 1, 1) * 10
    found = stoker.compute_statistics(stoker.arrays(x, layout="nchw"))
    np.testing.assert_allclose(found.mean, x.mean(axis=(0, 2, 3), dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(found.std, x.std(axis=(0, 2, 3), dtype=np.float64), rtol=1e-12)
    assert len(found.mean) == 5
