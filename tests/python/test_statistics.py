"""Statistics: equal to NumPy, the same bits for any threads and parts, kept in a file, given to normalize."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import by_pillow, encode, picture, write_folder

import stoker
from stoker.statistics.channel import square_root

RANGES = {"uint8": (0, 256), "uint16": (0, 65536), "int16": (-32768, 32768)}


def values(dtype: str, channels: int, count: int = 70, seed: int = 0) -> np.ndarray:
    numbers = np.random.default_rng(seed)
    shape = (count, 9, 11, channels)
    if dtype == "float32":
        return (numbers.normal(5, 3, shape) * 10.0 ** numbers.integers(-3, 4, channels)).astype(np.float32)
    return numbers.integers(*RANGES[dtype], shape).astype(dtype)


def assert_equals_numpy(found: stoker.Statistics, pixels: np.ndarray) -> None:
    """`pixels` of any shape with the channels last."""
    flat = pixels.reshape(-1, pixels.shape[-1]).astype(np.float64)
    np.testing.assert_allclose(found.mean, flat.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.std, flat.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.sample_std, flat.std(axis=0, ddof=1), rtol=1e-12)
    assert found.min == flat.min(axis=0).tolist()
    assert found.max == flat.max(axis=0).tolist()
    assert found.count == [len(flat)] * flat.shape[1]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("statistics")
    write_folder(folder, 23, size=None, form="PNG")
    return folder


@pytest.fixture(scope="module")
def whole(root: Path) -> stoker.Statistics:
    return stoker.compute_statistics(stoker.folder(root))


@pytest.fixture
def saved(whole: stoker.Statistics, tmp_path: Path) -> Path:
    whole.save(tmp_path / "train.stats.json")
    return tmp_path / "train.stats.json"


# ---- what comes out ----


@pytest.mark.parametrize("histogram", [True, False])
def test_a_folder_equals_numpy(root: Path, histogram: bool) -> None:
    pixels = [by_pillow(path.read_bytes()).reshape(-1, 3) for path in root.rglob("*.png")]
    found = stoker.compute_statistics(stoker.folder(root), histogram=histogram)
    assert_equals_numpy(found, np.concatenate(pixels))
    assert found.image_count == 23
    assert found.dtype == "uint8"
    assert (found.histogram is not None) == histogram


@pytest.mark.parametrize("channels", [1, 3, 13])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_arrays_equal_numpy(dtype: str, channels: int) -> None:
    pixels = values(dtype, channels)
    found = stoker.compute_statistics(stoker.arrays(pixels), threads=2)
    assert_equals_numpy(found, pixels)
    assert found.dtype == dtype
    turned = stoker.arrays(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), layout="nchw")
    assert stoker.compute_statistics(turned).channels == found.channels
    if dtype == "float32":
        assert found.histogram is None
        return
    first = RANGES[dtype][0]
    assert found.histogram is not None
    for channel, counts in enumerate(found.histogram):
        used, expected = np.unique(pixels[..., channel], return_counts=True)
        assert (np.flatnonzero(counts) + first).tolist() == used.tolist()
        assert counts[counts > 0].tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_threads_change_no_bit(dtype: str) -> None:
    source = stoker.arrays(values(dtype, 3, count=500))
    one = stoker.compute_statistics(source, threads=1)
    for threads in (0, 2, 8, 8, 8):
        assert stoker.compute_statistics(source, threads=threads).channels == one.channels


def test_floats_far_from_zero_keep_their_deviation() -> None:
    pixels = (1e6 + np.random.default_rng(0).integers(0, 2, (70, 30, 30, 1))).astype(np.float32)
    assert_equals_numpy(stoker.compute_statistics(stoker.arrays(pixels)), pixels)


def test_operators_come_first(root: Path) -> None:
    steps = [stoker.resize(20), stoker.center_crop(16)]
    found = stoker.compute_statistics(stoker.folder(root), steps)
    loader = stoker.Loader(stoker.folder(root), steps, batch_size=23, dtype="uint8", layout="hwc")
    assert_equals_numpy(found, np.asarray(next(iter(loader))[0]))
    assert [each["name"] for each in found.operators] == ["resize", "center_crop"]


def test_operators_that_end_in_floats(root: Path) -> None:
    steps = [stoker.center_crop(16), stoker.to_float()]
    found = stoker.compute_statistics(stoker.folder(root), steps)
    loader = stoker.Loader(stoker.folder(root), steps, batch_size=23, layout="hwc")
    assert found.dtype == "float32"
    assert_equals_numpy(found, np.asarray(next(iter(loader))[0]))


def test_values_left_out_are_counted() -> None:
    pixels = values("float32", 2)
    pixels[0, :2, 0, 0] = np.nan
    pixels[1, :3, 0, 1] = np.inf
    pixels[2, :4, 0, 1] = -np.inf
    pixels[3, :5, 0, 0] = -9999
    found = stoker.compute_statistics(stoker.arrays(pixels), nodata=-9999)
    first, second = found.channels
    assert (first.nan, first.infinite, first.nodata, first.masked) == (2, 0, 5, 0)
    assert (second.nan, second.infinite, second.nodata) == (0, 7, 0)
    for index, channel in enumerate(found.channels):
        plane = pixels[..., index]
        kept = plane[np.isfinite(plane) & (plane != -9999)].astype(np.float64)
        assert channel.count == kept.size
        assert math.isclose(channel.mean, kept.mean(), rel_tol=1e-12)
        assert math.isclose(channel.std(), kept.std(), rel_tol=1e-12)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_nodata_of_integers(dtype: str) -> None:
    pixels = values(dtype, 3)
    pixels[:, 2:5] = 7
    found = stoker.compute_statistics(stoker.arrays(pixels), nodata=7)
    for index, channel in enumerate(found.channels):
        plane = pixels[..., index]
        assert channel.nodata == (plane == 7).sum() > 0
        assert channel.sum == plane[plane != 7].astype(np.int64).sum()


def test_a_channel_without_any_value(tmp_path: Path) -> None:
    found = stoker.compute_statistics(stoker.arrays(np.zeros((2, 3, 3, 1), np.uint8)), nodata=0)
    assert found.count == [0]
    assert all(math.isnan(number[0]) for number in (found.mean, found.std, found.min, found.percentile(50)))
    found.save(tmp_path / "empty.json")
    assert stoker.Statistics.load(tmp_path / "empty.json").channels == found.channels
    with pytest.raises(ValueError, match="channel 0 of the statistics has no value"):
        stoker.normalize(found)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_percentiles_equal_numpy(dtype: str) -> None:
    pixels = values(dtype, 2, count=3)
    found = stoker.compute_statistics(stoker.arrays(pixels))
    for q in (0, 0.3, 1, 25, 50, 66.6, 99.5, 100):
        expected = np.percentile(pixels.reshape(-1, 2).astype(np.float64), q, axis=0)
        np.testing.assert_allclose(found.percentile(q), expected, rtol=1e-12, atol=1e-9)


def test_percentiles_need_a_histogram() -> None:
    floats = stoker.compute_statistics(stoker.arrays(values("float32", 1, count=2)))
    plain = stoker.compute_statistics(stoker.arrays(values("uint8", 1, count=2)), histogram=False)
    for found in (floats, plain):
        with pytest.raises(ValueError, match="no histogram"):
            found.percentile(50)
    for q in (-1, 101, math.nan):
        with pytest.raises(ValueError, match="between 0 and 100"):
            stoker.compute_statistics(stoker.arrays(values("uint8", 1, count=2))).percentile(q)


def test_roots_are_rounded_once() -> None:
    numbers = random.Random(1)
    for _ in range(2000):
        value = Fraction(numbers.getrandbits(numbers.randint(1, 200)) + 1, numbers.getrandbits(90) + 1)
        root = Fraction(square_root(value))
        assert Fraction(math.nextafter(root, 0)) ** 2 < value < Fraction(math.nextafter(root, math.inf)) ** 2
        below, above = (root + Fraction(math.nextafter(root, end)) for end in (0, math.inf))
        assert (below / 2) ** 2 <= value <= (above / 2) ** 2
    assert square_root(Fraction(9, 4)) == 1.5
    assert square_root(Fraction(-1, 10**30)) == 0


# ---- merging ----


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_two_halves_make_the_whole(dtype: str, tmp_path: Path) -> None:
    pixels = values(dtype, 3)
    whole, first, second = (
        stoker.compute_statistics(stoker.arrays(part)) for part in (pixels, pixels[:31], pixels[31:])
    )
    first.save(tmp_path / "first.json")
    merged = second.merge(stoker.Statistics.load(tmp_path / "first.json"))
    assert merged.image_count == 70
    if dtype == "float32":
        assert_equals_numpy(merged, pixels)
    else:
        assert merged.channels == whole.channels
    merged.save(tmp_path / "merged.json")
    assert stoker.Statistics.load(tmp_path / "merged.json").channels == merged.channels


def test_merging_refuses_what_differs(root: Path, whole: stoker.Statistics) -> None:
    paths = sorted(root.rglob("*.png"))
    crop = stoker.compute_statistics(stoker.files(paths[:2]), [stoker.center_crop(8)])
    others = {
        "dtype": stoker.compute_statistics(stoker.arrays(values("uint16", 3))),
        "channels": stoker.compute_statistics(stoker.arrays(values("uint8", 1))),
        "operators": crop,
        "color": stoker.compute_statistics(stoker.files(paths[:2]), color="bgr"),
        "nodata": stoker.compute_statistics(stoker.files(paths[:2]), nodata=0),
        "histogram": stoker.compute_statistics(stoker.files(paths[:2]), histogram=False),
        "same files": stoker.compute_statistics(stoker.folder(root)),
    }
    for name, other in others.items():
        with pytest.raises(ValueError, match=name):
            whole.merge(other)


# ---- the file ----


def test_the_file_gives_back_everything(whole: stoker.Statistics, saved: Path) -> None:
    loaded = stoker.Statistics.load(saved)
    assert loaded.channels == whole.channels
    assert loaded.to_json() == whole.to_json()
    loaded.save(saved.parent / "again.json")
    assert (saved.parent / "again.json").read_bytes() == saved.read_bytes()
    assert sorted(path.name for path in saved.parent.iterdir()) == ["again.json", "train.stats.json"]


def test_identity_does_not_depend_on_the_place(root: Path, whole: stoker.Statistics, tmp_path: Path) -> None:
    moved = tmp_path / root.name
    paths = []
    for path in sorted(root.rglob("*.png")):
        copy = moved / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        paths.append(copy)
    assert stoker.compute_statistics(stoker.folder(moved)).data == whole.data
    assert stoker.compute_statistics(stoker.files(paths[::-1])).data == whole.data
    paths[3].write_bytes(paths[3].read_bytes() + b"more")
    assert stoker.compute_statistics(stoker.folder(moved)).data != whole.data


WRONG = [
    (("format",), "other", "'format'"),
    (("version",), 2, "'version'"),
    (("version",), True, "'version'"),
    (("algorithm",), "guess", "'algorithm'"),
    (("dtype",), "uint16", "value_scale|algorithm"),
    (("dtype",), ["uint8"], "'dtype'"),
    (("value_scale",), 1, "'value_scale'"),
    (("color",), "red", "'color'"),
    (("nodata",), "7", "'nodata'"),
    (("image_count",), -1, "'image_count'"),
    (("operators",), {}, "'operators'"),
    (("operators",), [{"name": 3, "parameters": {}}], r"operators\[0\].name"),
    (("operators",), [{"name": "resize", "parameters": {"size": [{}]}}], r"operators\[0\].parameters"),
    (("data", 0, "sha256"), "00", r"data\[0\].sha256"),
    (("data", 0, "count"), 1.0, r"data\[0\].count"),
    (("channels",), [], "'channels'"),
    (("channels", 1), 3, r"channels\[1\]"),
    (("channels", 1, "count"), 1, r"channels\[1\]"),
    (("channels", 0, "sum"), 1, r"channels\[0\].sum"),
    (("channels", 0, "sum"), "1e3", r"channels\[0\].sum"),
    (("channels", 0, "sum"), "9" * 3000, r"channels\[0\].sum"),
    (("channels", 0, "sum_squares"), "12", r"channels\[0\].sum_squares"),
    (("channels", 2, "min"), 300, r"channels\[2\].min"),
    (("channels", 2, "max"), None, r"channels\[2\].max"),
    (("channels", 2, "mean"), 0.5, r"channels\[2\].mean"),
    (("channels", 2, "std"), True, r"channels\[2\].std"),
    (("channels", 0, "histogram"), None, "histogram"),
    (("channels", 0, "histogram", "first"), -1, r"channels\[0\].histogram.first"),
    (("channels", 0, "histogram", "counts"), [1] * 257, r"channels\[0\].histogram.counts"),
    (("channels", 0, "histogram", "counts", 3), -1, r"channels\[0\].histogram.counts"),
    (("channels", 0, "histogram", "counts", 3), 10**18, r"channels\[0\]"),
    (("surprise",), 1, "'surprise' is not known"),
]


@pytest.mark.parametrize(("where", "value", "message"), WRONG, ids=lambda each: str(each)[:40])
def test_a_wrong_field_is_named(saved: Path, where: tuple[Any, ...], value: Any, message: str) -> None:
    content: Any = json.loads(saved.read_text())
    inner = content
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    saved.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as caught:
        stoker.Statistics.load(saved)
    assert str(saved) in str(caught.value)


def test_a_missing_field_is_named(saved: Path) -> None:
    content = json.loads(saved.read_text())
    for key in content:
        saved.write_text(json.dumps({name: value for name, value in content.items() if name != key}))
        with pytest.raises(ValueError, match=f"'{key}' is missing"):
            stoker.Statistics.load(saved)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"\xff\xfe", b"{", b"[" * 200_000, b'{"a": NaN}', b'{"a": 1e999}', b'{"a":1,"a":2}',
     b'{"version": ' + b"9" * 100_000 + b"}"],
    ids=range(10),
)  # fmt: skip
def test_hostile_files_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"bad\.json"):
        stoker.Statistics.load(tmp_path / "bad.json")


def test_damaged_files_are_refused_or_the_same(saved: Path) -> None:
    whole, numbers = saved.read_bytes(), random.Random(1)
    for _ in range(300):
        data = bytearray(whole)
        at = numbers.randrange(len(data))
        data[at] ^= 1 << numbers.randrange(8)
        saved.write_bytes(data[: numbers.randrange(len(data))] if numbers.random() < 0.2 else data)
        try:
            loaded = stoker.Statistics.load(saved)
        except ValueError:
            continue
        # What nothing can be held against: names, counts of images, and spaces.
        loaded.save(saved)
        assert [line for line in saved.read_text().splitlines() if '"mean"' in line] == [
            line for line in whole.decode().splitlines() if '"mean"' in line
        ]


def test_a_file_that_cannot_be_written_leaves_the_old_one(whole: stoker.Statistics, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        whole.save(tmp_path / "nowhere" / "x.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        whole.save(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    with pytest.raises(FileNotFoundError):
        stoker.Statistics.load(tmp_path / "nowhere.json")


# ---- normalize ----


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_normalized_images_have_mean_0_and_deviation_1(dtype: str, tmp_path: Path) -> None:
    pixels = values(dtype, 3)
    found = stoker.compute_statistics(stoker.arrays(pixels))
    found.save(tmp_path / "train.stats.json")
    operator = stoker.normalize(found)
    for given in (str(tmp_path / "train.stats.json"), tmp_path / "train.stats.json"):
        assert repr(stoker.normalize(given)) == repr(operator)
    loader = stoker.Loader(stoker.arrays(pixels), [operator], batch_size=70, layout="hwc")
    flat = np.asarray(next(iter(loader))).reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(flat.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(flat.std(axis=0), 1, atol=1e-5)


def test_normalize_takes_numbers_as_before() -> None:
    assert repr(stoker.normalize(0.5, 0.25)) == repr(stoker.operators.normalize(0.5, 0.25))
    assert repr(stoker.normalize(mean=0.5, std=[0.25], max_value=100)) == repr(
        stoker.operators.normalize(0.5, [0.25], max_value=100)
    )
    with pytest.raises(TypeError):
        stoker.normalize()
    with pytest.raises(TypeError):
        stoker.normalize(0.5)


def test_normalize_refuses_what_cannot_fit(whole: stoker.Statistics) -> None:
    with pytest.raises(TypeError, match="nothing besides"):
        stoker.normalize(whole, 0.5)
    with pytest.raises(ValueError, match="3 channels"):
        stoker.Loader(stoker.arrays(values("uint8", 1)), [stoker.normalize(whole)], batch_size=2)
    even = stoker.compute_statistics(stoker.arrays(np.full((2, 3, 3, 1), 7, np.uint8)))
    with pytest.raises(ValueError, match="channel 0 of the statistics is 7 throughout"):
        stoker.normalize(even)


# ---- what is refused, and bad samples ----


@pytest.mark.parametrize(
    ("error", "arguments", "message"),
    [
        (ValueError, {"operators": [stoker.horizontal_flip(), stoker.random_crop(4)]}, "flip.*random"),
        (TypeError, {"operators": stoker.resize(4)}, "must be a list"),
        (TypeError, {"operators": ["resize"]}, "must be stoker's"),
        (ValueError, {"on_error": "replace"}, "'raise' or 'skip'"),
        (ValueError, {"nodata": math.nan}, "finite"),
        (TypeError, {"nodata": "0"}, "nodata must be a number"),
        (ValueError, {"threads": "many"}, "threads"),
        (ValueError, {"color": "red"}, "color"),
        (ValueError, {"image_dtype": "float64"}, "image_dtype"),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_arguments_are_refused(error: type[Exception], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(error, match=message):
        stoker.compute_statistics(stoker.arrays(values("uint8", 3)), **arguments)


def test_other_sources_and_dtypes_are_refused() -> None:
    with pytest.raises(TypeError, match="source must come from"):
        stoker.compute_statistics(np.zeros((2, 3, 3, 1), np.uint8))  # type: ignore[arg-type]
    for dtype in (np.float64, np.int32, np.bool_):
        with pytest.raises(ValueError, match="allowed are uint8"):
            stoker.compute_statistics(stoker.arrays(np.zeros((2, 3, 3, 1), dtype)))


def test_images_of_other_channels_are_refused(tmp_path: Path) -> None:
    for index, channels in enumerate((3, 1)):
        (tmp_path / f"{index}.png").write_bytes(encode(picture(8, 9, channels), "PNG"))
    source = stoker.files(sorted(tmp_path.iterdir()))
    with pytest.raises(ValueError, match="channels"):
        stoker.compute_statistics(source, color="unchanged")
    assert stoker.compute_statistics(source).image_count == 2


def test_bad_samples_are_raised_or_left_out(root: Path, tmp_path: Path) -> None:
    good = sorted(root.rglob("*.png"))
    (tmp_path / "bad.png").write_bytes(good[0].read_bytes()[:100])
    source = stoker.files([*good[:3], tmp_path / "bad.png", *good[3:], tmp_path / "absent.png"])
    with pytest.raises(stoker.SampleError, match=r"bad\.png|absent\.png"):
        stoker.compute_statistics(source)
    found = stoker.compute_statistics(source, on_error="skip")
    assert found.channels == stoker.compute_statistics(stoker.files(good)).channels
    assert found.skipped == 2
    assert [bad["index"] for bad in found.bad_samples] == [3, 24]
    with pytest.raises(ValueError, match="none of the 1 samples could be read"):
        stoker.compute_statistics(stoker.files([tmp_path / "bad.png"]), on_error="skip")


# ---- progress and stopping ----


def test_progress_ends_at_the_total(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    stoker.compute_statistics(stoker.folder(root), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (23, 23)
    assert seen == sorted(seen)

    def fail(done: int, total: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        stoker.compute_statistics(stoker.folder(root), progress=fail)


def test_ctrl_c_ends_it_soon(tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(encode(np.tile(picture(500, 500), (4, 4, 1)), quality=80))
    program = """
import sys, time, stoker
source = stoker.files([sys.argv[1]] * 20000)
def show(done, total):
    print("go", flush=True)
try:
    stoker.compute_statistics(source, threads=2, progress=show)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "large.jpg")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "go\n"
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        start = time.perf_counter()
        while child.stdout.readline() == "go\n":
            pass
        seconds = time.perf_counter() - start
        assert child.wait(10) == 0
        assert seconds < 0.5  # 0.2 on a quiet machine
    finally:
        child.kill()
        child.wait()


# ---- the command ----


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "stoker.cli", "stats", *arguments]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_writes_the_file(root: Path, whole: stoker.Statistics, tmp_path: Path) -> None:
    out = tmp_path / "train.stats.json"
    result = command(str(root), "-o", str(out))
    assert (result.returncode, result.stderr) == (0, "")
    assert f"{whole.mean[0]:.6f}" in result.stdout
    assert stoker.Statistics.load(out).to_json() == whole.to_json()
    result = command(str(root / "class0"), "--resize", "8", "--no-histogram", "--format", "json")
    report = json.loads(result.stdout)
    assert report["image_count"] == len(os.listdir(root / "class0"))
    assert report["operators"][0]["parameters"]["size"] == [8]


def test_exit_codes_of_the_command(root: Path, tmp_path: Path) -> None:
    assert command(str(tmp_path / "nowhere")).returncode == 3
    assert command(str(tmp_path)).returncode == 3
    assert command(str(root), "-o", str(tmp_path / "nowhere" / "x.json")).returncode == 3
    assert command(str(root), "--threads", "many").returncode == 2
    assert command(str(root), "--resize", "0").returncode == 2
    flat = tmp_path / "flat"
    flat.mkdir()
    (flat / "a.png").write_bytes(encode(picture(8, 9), "PNG"))
    (flat / "b.png").write_bytes(b"no image")
    result = command(str(flat))
    assert result.returncode == 1
    assert "b.png" in result.stderr
    assert "Traceback" not in result.stderr
    result = command(str(flat), "--skip-bad")
    assert result.returncode == 1
    assert "left out" in result.stderr
    assert "1 images" in result.stdout
