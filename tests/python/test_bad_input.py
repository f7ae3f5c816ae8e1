"""Files that are damaged, hostile or gone: a clear error or the policy's answer, no grey pixels."""

from __future__ import annotations

import io
import os
import socket
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import by_pillow, chunk, encode, picture, png, with_claimed_size, with_empty_scans, write_folder
from PIL import Image

import stoker

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def load(path: Path | str, **options: Any) -> np.ndarray:
    options = {"dtype": "uint8", "layout": "hwc", "threads": 0, **options}
    return next(iter(stoker.Loader(stoker.files([path]), batch_size=1, **options)))[0]


def error_of(path: Path | str, **options: Any) -> stoker.SampleError:
    with pytest.raises(stoker.SampleError) as raised:
        load(path, **options)
    return raised.value


def verdicts(folder: Path, files: list[bytes]) -> list[str | None]:
    """For each file the code of its error, or None for pixels, which are then right."""
    paths = [folder / str(index) for index in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    iterator = iter(stoker.Loader(stoker.files(paths), batch_size=1, dtype="uint8", layout="hwc", threads=1))
    codes: list[str | None] = []
    for path, data in zip(paths, files, strict=True):
        try:
            pixels = next(iterator)[0]
        except stoker.SampleError as problem:
            assert problem.path == str(path)
            assert problem.hint
            codes.append(problem.code)
        else:
            assert np.array_equal(pixels, by_pillow(data)), f"file {path.name}"
            codes.append(None)
    return codes


# ---- cut and corrupted ----


@pytest.mark.parametrize("arguments", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
def test_a_jpeg_cut_at_any_byte(tmp_path: Path, arguments: Any) -> None:
    data = encode(picture(24, 33), "JPEG", quality=70, **arguments)
    codes = verdicts(tmp_path, [data[:length] for length in range(1, len(data) + 1)])
    assert codes[-1] is None
    assert set(codes[:2]) == {"unknown-format"}
    assert set(codes[2:-1]) == {"truncated"}


def test_a_cut_jpeg_is_found_out_when_only_its_top_is_wanted(tmp_path: Path) -> None:
    data = encode(picture(64, 64), "JPEG")
    path = tmp_path / "a.jpg"
    path.write_bytes(data[: len(data) * 2 // 3])
    crop = stoker.random_crop(8)
    tops = [epoch for epoch in range(60) if crop.draw(64, 64, epoch=epoch)["y"] < 8]
    assert tops
    loader = stoker.Loader(stoker.files([path]), [crop], batch_size=1, threads=0)
    for epoch in tops:
        loader.set_epoch(epoch)
        with pytest.raises(stoker.SampleError) as raised:
            next(iter(loader))
        assert raised.value.code == "truncated"


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_cut_at_any_byte(tmp_path: Path, interlaced: bool) -> None:
    data = png(picture(13, 17).astype(int), 2, interlaced=interlaced)
    codes = verdicts(tmp_path, [data[:length] for length in range(1, len(data) - 12)])
    assert set(codes[8:]) == {"truncated"}


def test_flipped_bits_in_a_jpeg(tmp_path: Path) -> None:
    """No crash; and pixels only where libjpeg has no complaint, which are then Pillow's."""
    whole = encode(picture(40, 56), "JPEG", quality=85)
    random = np.random.default_rng(0)
    files = []
    for _ in range(400):
        data = bytearray(whole)
        data[random.integers(2, len(data))] ^= 1 << random.integers(8)
        files.append(bytes(data))
    codes = verdicts(tmp_path, files)
    assert codes.count("corrupt") > 20
    assert set(codes) <= {None, "corrupt", "truncated", "unknown-format", "unsupported", "too-large"}


def test_a_hole_in_the_entropy_data_is_found(tmp_path: Path) -> None:
    data = encode(picture(64, 96), "JPEG", quality=90)
    at = len(data) // 2
    assert verdicts(tmp_path, [data[:at] + b"\xff\xd3" * 30 + data[at + 60 :]]) == ["corrupt"]


def test_every_flipped_byte_of_a_png_is_found(tmp_path: Path) -> None:
    data = encode(picture(9, 11), "PNG")
    files = [data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1 :] for at in range(8, len(data) - 12)]
    assert None not in verdicts(tmp_path, files)


def test_bytes_after_the_end_are_borne(tmp_path: Path) -> None:
    jpeg, portable = encode(picture(16, 20)), encode(picture(16, 20), "PNG")
    assert (
        verdicts(tmp_path, [jpeg + bytes(100), jpeg + jpeg, portable + bytes(100), portable + portable])
        == [None] * 4
    )


# ---- not an image, not a file ----


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "text.jpg").write_text("<html>404 not found</html>")
    (tmp_path / "gif.jpg").write_bytes(encode(picture(8, 8), "GIF"))
    (tmp_path / "short.jpg").write_bytes(b"\xff")
    (tmp_path / "soi.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "gone")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    return tmp_path


CODES = {
    "empty.jpg": "empty",
    "folder.jpg": "not-regular",
    "fifo.jpg": "not-regular",
    "text.jpg": "unknown-format",
    "gif.jpg": "unknown-format",
    "short.jpg": "unknown-format",
    "soi.jpg": "truncated",
    "dangling.jpg": "missing",
    "loop.jpg": "unreadable",
    "nothing.jpg": "missing",
    "text.jpg/under": "missing",
}


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("name", CODES)
def test_what_is_no_image_file(hostile: Path, name: str, threads: int) -> None:
    problem = error_of(hostile / name, threads=threads)
    assert problem.code == CODES[name]
    assert problem.path == str(hostile / name)
    assert problem.index == 0
    assert problem.epoch == 0
    assert problem.step in ("fetch", "decode", "decode/jpeg")
    assert problem.hint
    assert str(hostile / name) in str(problem)
    assert problem.hint in str(problem)
    assert [set(error) for error in problem.errors] == [
        {"code", "path", "index", "epoch", "step", "found", "hint", "message"}
    ]


def test_a_socket_and_a_device(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s")[-100:] if len(str(tmp_path)) < 90 else "")
        assert error_of(tmp_path / "s").code in ("not-regular", "unreadable", "missing")
    assert error_of("/dev/zero").code == "not-regular"
    assert error_of("/dev/null").code == "not-regular"


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(picture(8, 8)))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything; a loop of links stands for it above")
    assert error_of(path).code == "unreadable"


def test_a_file_larger_than_any_image(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.write(encode(picture(8, 8))[:-2])
        file.truncate(1 << 40)  # a hole
    assert error_of(path).code == "too-large"


# ---- headers that claim too much, and bombs ----


def bomb(name: str) -> bytes:
    small = encode(picture(16, 16), "JPEG", quality=50)
    progressive = encode(picture(16, 16), "JPEG", progressive=True)
    if name == "jpeg of 65500 x 65500":
        return with_claimed_size(small, 65500, 65500)
    if name == "progressive jpeg of 10000 x 11999":
        return with_claimed_size(progressive, 10000, 11999)
    if name == "progressive jpeg of 65500 x 1800":
        return with_claimed_size(progressive, 65500, 1800)
    if name == "1000 scans":
        return with_empty_scans(encode(picture(700, 900), "JPEG", progressive=True), 1000)
    if name == "1000 scans of a small image":
        return with_empty_scans(progressive, 1000)
    header = struct.pack(">IIBBBBB", 65500, 65500, 8, 2, 0, 0, 0)
    if name == "png of 65500 x 65500":
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
            + chunk(b"IEND", b"")
        )
    if name == "png of 10000 x 11999 without its data":
        header = struct.pack(">IIBBBBB", 10000, 11999, 16, 6, 0, 0, 1)
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
            + chunk(b"IEND", b"")
        )
    normal = encode(picture(16, 16), "PNG")
    huge = zlib.compress(bytes(100 << 20), 1)
    if name == "png with a text of 100 MB":
        return normal[:33] + chunk(b"zTXt", b"a\0\0" + huge) + normal[33:]
    if name == "png with a profile of 100 MB":
        return normal[:33] + chunk(b"iCCP", b"a\0\0" + huge) + normal[33:]
    if name == "png with 100 MB of pixels too many":
        return normal[:33] + chunk(b"IDAT", huge) + chunk(b"IEND", b"")
    if name == "png with 100,000 chunks":
        return normal[:33] + chunk(b"tEXt", b"a\0b") * 100_000 + normal[33:]
    assert name == "jpeg with 10 MB of comments"
    return small[:2] + (b"\xff\xfe\xff\xff" + b"\0" * 65533) * 150 + small[2:]


BOMBS = {
    "jpeg of 65500 x 65500": "too-large",
    "progressive jpeg of 10000 x 11999": "truncated",
    "progressive jpeg of 65500 x 1800": "truncated",
    "1000 scans": "too-large",
    "1000 scans of a small image": "too-large",
    "png of 65500 x 65500": "too-large",
    "png of 10000 x 11999 without its data": "truncated",
    "png with a text of 100 MB": None,
    "png with a profile of 100 MB": None,
    "png with 100 MB of pixels too many": None,
    "png with 100,000 chunks": None,
    "jpeg with 10 MB of comments": None,
}

# A process that forks for each bomb, so that each has its peak of memory to itself. Prints the code, by how
# many KiB the peak rose above that of a normal image, and CPU seconds.
MEASURE = """
import os, re, sys, time
import stoker

stoker.Loader, stoker.files, stoker.center_crop  # imported here, not by each child

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))

def load(path):
    try:
        next(iter(stoker.Loader(stoker.files([path]), [stoker.center_crop(8)], batch_size=1, threads=1)))
    except stoker.SampleError as problem:
        return problem.code

for path in sys.argv[2:]:
    sys.stdout.flush()
    if os.fork() == 0:
        load(sys.argv[1])
        before, begin = peak(), time.process_time()
        code = load(path)
        print(code, peak() - before, time.process_time() - begin, flush=True)
        os._exit(0)
    if os.wait()[1]:
        print("crash 0 0")
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("bombs")
    normal = folder / "normal.jpg"
    normal.write_bytes(encode(picture(500, 500)))
    paths = [folder / name for name in BOMBS]
    for path in paths:
        path.write_bytes(bomb(path.name))
    command = [sys.executable, "-c", MEASURE, str(normal), *map(str, paths)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert result.stderr == ""
    return {name: line.split() for name, line in zip(BOMBS, result.stdout.splitlines(), strict=True)}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_little_memory_and_time(measured: dict[str, list[str]], name: str) -> None:
    code, risen_kib, cpu_s = measured[name]
    assert code != "crash"
    assert int(risen_kib) < 64 * 1024
    assert float(cpu_s) < 11  # the limit is 10 s
    if BOMBS[name] is not None:
        assert code == BOMBS[name]


def test_100_scans_are_borne_and_101_are_not(tmp_path: Path) -> None:
    data = encode(picture(40, 44), "JPEG", progressive=True)
    whole = load_bytes(tmp_path, data)
    assert np.array_equal(load_bytes(tmp_path, with_empty_scans(data, 100)), whole)
    (tmp_path / "b").write_bytes(with_empty_scans(data, 101))
    problem = error_of(tmp_path / "b")
    assert problem.code == "too-large"
    assert "100 scans" in str(problem)


def load_bytes(tmp_path: Path, data: bytes) -> np.ndarray:
    (tmp_path / "a").write_bytes(data)
    return load(tmp_path / "a")


def test_the_largest_sides_are_borne(tmp_path: Path) -> None:
    tall = encode(np.zeros((65500, 4, 3), np.uint8), "JPEG")
    assert load_bytes(tmp_path, tall).shape == (65500, 4, 3)
    Image.MAX_IMAGE_PIXELS = None
    wide = encode(np.zeros((2, 65500, 3), np.uint8), "PNG")
    assert load_bytes(tmp_path, wide).shape == (2, 65500, 3)
    (tmp_path / "b").write_bytes(png(np.zeros((1, 65501, 1), int), 0))
    assert error_of(tmp_path / "b").code == "too-large"


@pytest.mark.parametrize("kind", ["lossless", "12 bit"])
def test_rare_jpegs_are_refused_not_guessed(tmp_path: Path, kind: str) -> None:
    data = bytearray(encode(picture(16, 16), "JPEG"))
    at = data.index(b"\xff\xc0")
    if kind == "lossless":
        data[at + 1] = 0xC3
    else:
        data[at + 4] = 12
    (tmp_path / "a.jpg").write_bytes(data)
    assert error_of(tmp_path / "a.jpg").code in ("unsupported", "corrupt", "truncated")


# ---- policies ----


def make_files(root: Path, count: int, bad: dict[int, bytes | None]) -> list[Path]:
    """`count` images of one size; those in `bad` hold other bytes, or are not there."""
    paths = [root / f"{index:03}.jpg" for index in range(count)]
    for index, path in enumerate(paths):
        data = bad.get(index, b"good")
        if data is not None:
            path.write_bytes(encode(picture(16, 16, seed=index)) if data == b"good" else data)
    return paths


def test_raise_names_every_bad_sample_of_the_batch_and_goes_on(tmp_path: Path) -> None:
    paths = make_files(tmp_path, 12, {1: b"", 3: None, 9: b"text"})
    for threads in (0, 1, 3):
        loader = stoker.Loader(stoker.files(paths, range(12)), batch_size=4, threads=threads)
        iterator = iter(loader)
        with pytest.raises(stoker.SampleError) as raised:
            next(iterator)
        assert [(error["index"], error["code"]) for error in raised.value.errors] == [
            (1, "empty"),
            (3, "missing"),
        ]
        assert str(paths[1]) in str(raised.value)
        assert str(paths[3]) in str(raised.value)
        assert list(next(iterator)[1]) == [4, 5, 6, 7]
        with pytest.raises(stoker.SampleError):
            next(iterator)
        with pytest.raises(StopIteration):
            next(iterator)
        assert [error["index"] for error in loader.bad_samples()] == [1, 3, 9]
        assert loader.counters()["errors"] == 3


def replaced(paths: list[Path], **options: Any) -> tuple[np.ndarray, list[int]]:
    options = {"batch_size": 4, "on_error": "replace", "max_bad": 10, "dtype": "uint8", **options}
    loader = stoker.Loader(stoker.files(paths, range(len(paths))), [stoker.random_crop(9)], **options)
    batches = list(loader)
    assert {len(rows) for _, rows in batches[:-1]} == {options["batch_size"]}
    counters = loader.counters()
    assert counters["replaced"] == len(loader.bad_samples())
    assert counters["skipped"] == 0
    return np.concatenate([images for images, _ in batches]), [
        int(row) for _, rows in batches for row in rows
    ]


def test_replace_takes_the_next_good_one_whatever_the_threads(tmp_path: Path) -> None:
    paths = make_files(tmp_path, 14, {2: b"", 5: b"x", 6: None, 13: b"y"})
    images, labels = replaced(paths, threads=0)
    assert labels == [0, 1, 3, 3, 4, 7, 7, 7, 8, 9, 10, 11, 12, 0]
    for threads in (1, 2, 8):
        again, same = replaced(paths, threads=threads)
        assert same == labels
        assert np.array_equal(again, images)
    shuffled = [replaced(paths, threads=threads, shuffle=True, seed=4) for threads in (0, 3)]
    assert shuffled[0][1] == shuffled[1][1]
    assert np.array_equal(shuffled[0][0], shuffled[1][0])


@pytest.mark.parametrize("threads", [0, 2])
def test_skip_shortens_the_batch(tmp_path: Path, threads: int) -> None:
    paths = make_files(tmp_path, 14, {2: b"", 4: b"x", 5: None, 6: b"x", 7: b"y"})
    source = stoker.files(paths, range(14))
    loader = stoker.Loader(
        source, batch_size=4, on_error="skip", max_bad=10, threads=threads, dtype="uint8", layout="hwc"
    )
    batches = list(loader)
    assert [list(rows) for _, rows in batches] == [[0, 1, 3], [8, 9, 10, 11], [12, 13]]
    for images, rows in batches:
        assert len(images) == len(rows)
        for image, row in zip(images, rows, strict=True):
            assert np.array_equal(image, by_pillow(paths[row].read_bytes()))
    assert loader.counters()["skipped"] == 5
    assert loader.epoch == 1


def test_a_long_stretch_of_empty_batches_is_skipped(tmp_path: Path) -> None:
    good = make_files(tmp_path, 2, {})
    paths = [good[0], *[tmp_path / "none.jpg"] * 3000, good[1]]
    loader = stoker.Loader(
        stoker.files(paths, range(3002)), batch_size=1, on_error="skip", max_bad=5000, threads=1
    )
    assert [int(rows[0]) for _, rows in loader] == [0, 3001]


@pytest.mark.parametrize(
    ("max_bad", "is_borne"), [(3, True), (2, False), (0.15, True), (0.1, False), (0, False)]
)
@pytest.mark.parametrize("on_error", ["replace", "skip"])
@pytest.mark.parametrize("threads", [0, 2])
def test_max_bad_is_a_share_or_a_number(
    tmp_path: Path, max_bad: float, is_borne: bool, on_error: str, threads: int
) -> None:
    paths = make_files(tmp_path, 20, {2: b"", 9: b"x", 15: b"y"})
    loader = stoker.Loader(
        stoker.files(paths), batch_size=4, on_error=on_error, max_bad=max_bad, threads=threads
    )
    if is_borne:
        list(loader)
        list(loader)  # the same three are not counted twice
        assert len(loader.bad_samples()) == 3
    else:
        with pytest.raises(stoker.SampleError, match="max_bad"):
            list(loader)


@pytest.mark.parametrize("threads", [0, 2])
def test_a_hundred_bad_ones_in_a_row_are_enough(tmp_path: Path, threads: int) -> None:
    good = make_files(tmp_path, 3, {})
    missing = [tmp_path / f"none{index}.jpg" for index in range(102)]
    few = stoker.files([*good, *missing[:99], *good], range(105))
    loader = stoker.Loader(few, batch_size=105, on_error="replace", max_bad=1000, threads=threads)
    assert next(iter(loader))[1].tolist() == [0, 1, 2] + [102] * 99 + [102, 103, 104]
    many = stoker.files([*good, *missing, *good])
    loader = stoker.Loader(many, batch_size=108, on_error="replace", max_bad=1000, threads=threads)
    with pytest.raises(stoker.SampleError, match="in a row"):
        list(loader)


@pytest.mark.parametrize("on_error", ["replace", "skip"])
def test_a_crop_that_does_not_fit_is_the_policys_too(tmp_path: Path, on_error: str) -> None:
    paths = make_files(tmp_path, 8, {3: encode(picture(5, 30))})
    loader = stoker.Loader(
        stoker.files(paths, range(8)), [stoker.random_crop(9)], batch_size=4, on_error=on_error, max_bad=1
    )
    rows = [list(rows) for _, rows in loader]
    assert rows == ([[0, 1, 2, 4], [4, 5, 6, 7]] if on_error == "replace" else [[0, 1, 2], [4, 5, 6, 7]])
    (bad,) = loader.bad_samples()
    assert (bad["code"], bad["step"], bad["index"]) == ("shape", "random_crop", 3)


def test_channels_that_do_not_fit_are_the_samples_fault(tmp_path: Path) -> None:
    paths = make_files(tmp_path, 4, {2: encode(picture(16, 16, 1))})
    normalize = stoker.normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    loader = stoker.Loader(stoker.files(paths), [normalize], batch_size=2, color="unchanged")
    iterator = iter(loader)
    next(iterator)
    with pytest.raises(stoker.SampleError) as raised:
        next(iterator)
    assert raised.value.path == str(paths[2])


# ---- a world that changes ----


def test_a_file_that_vanishes_in_mid_epoch(tmp_path: Path) -> None:
    paths = write_folder(tmp_path, 40)
    loader = stoker.Loader(stoker.folder(tmp_path), batch_size=1, threads=1)
    iterator = iter(loader)
    next(iterator)
    paths[39].unlink()
    with pytest.raises(stoker.SampleError) as raised:
        list(iterator)
    assert (raised.value.code, raised.value.path, raised.value.index) == ("missing", str(paths[39]), 39)


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("on_error", ["raise", "replace", "skip"])
def test_a_root_that_vanishes_is_one_os_error(tmp_path: Path, on_error: str, threads: int) -> None:
    root = tmp_path / "mount"
    write_folder(root, 60)
    loader = stoker.Loader(
        stoker.folder(root), batch_size=2, threads=threads, on_error=on_error, max_bad=1000
    )
    iterator = iter(loader)
    next(iterator)
    # At once, as an unmount is: removed file by file, the first ones would be bad samples.
    root.rename(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=f"'{root}' is gone") as raised:
        list(iterator)
    assert isinstance(raised.value, stoker.IoError)
    write_folder(root, 60)
    assert len(list(loader)) == 30  # brought back, it works again


def test_a_mended_file_is_read_in_the_next_epoch(tmp_path: Path) -> None:
    paths = make_files(tmp_path, 4, {2: b""})
    loader = stoker.Loader(stoker.files(paths), batch_size=2, threads=1)
    with pytest.raises(stoker.SampleError):
        list(loader)
    paths[2].write_bytes(encode(picture(16, 16)))
    assert len(list(loader)) == 2


def test_errors_survive_pickling(tmp_path: Path) -> None:
    import pickle

    problem = error_of(tmp_path / "none.jpg")
    again = pickle.loads(pickle.dumps(problem))
    assert type(again) is stoker.SampleError
    assert (str(again), again.errors, again.code, again.index) == (str(problem), problem.errors, "missing", 0)


def test_nothing_is_printed(tmp_path: Path) -> None:
    names = {name: bomb(name) for name in ("jpeg of 65500 x 65500", "1000 scans of a small image")}
    names["cut"] = encode(picture(16, 16))[:-60]
    names["warning"] = (
        encode(picture(16, 16), "PNG")[:33] + chunk(b"iCCP", b"broken") + encode(picture(16, 16), "PNG")[33:]
    )
    for index, data in enumerate(names.values()):
        (tmp_path / f"{index}.jpg").write_bytes(data)
    code = """
        import sys, stoker
        loader = stoker.Loader(stoker.files(sys.argv[1:]), batch_size=1, threads=2)
        iterator = iter(loader)
        for _ in sys.argv[1:]:
            try:
                next(iterator)
            except stoker.SampleError:
                pass
    """
    paths = [str(path) for path in tmp_path.iterdir()]
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *paths],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.slow
def test_thousands_of_random_mutants(tmp_path: Path) -> None:
    """Bytes changed, inserted and removed anywhere: an error or Pillow's pixels."""
    random = np.random.default_rng(7)
    seeds = [
        encode(picture(30, 41), "JPEG", **arguments)
        for arguments in ({}, {"progressive": True}, {"restart_marker_blocks": 1})
    ]
    seeds += [
        encode(picture(30, 41, 4), "JPEG", "CMYK"),
        encode(picture(30, 41), "PNG"),
        encode(picture(30, 41), "PNG", "P"),
    ]
    for turn in range(6000):
        data = bytearray(seeds[turn % len(seeds)])
        for _ in range(random.integers(1, 4)):
            at = int(random.integers(0, len(data)))
            kind = random.integers(3)
            if kind == 0:
                data[at] = random.integers(256)
            elif kind == 1:
                data[at:at] = random.bytes(random.integers(1, 9))
            else:
                del data[at : at + int(random.integers(1, 9))]
        path = tmp_path / "a"
        path.write_bytes(data)
        try:
            pixels = load(path)
        except stoker.SampleError:
            continue
        try:
            image = Image.open(io.BytesIO(data))
            theirs = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError):
            continue
        # Where a progressive file has lost a scan, libjpeg smooths over it, and its versions differ in that.
        allowed = 2 if turn % len(seeds) == 1 else 0
        assert np.abs(pixels.astype(int) - theirs).max() <= allowed, turn
