"""Statistics that are interrupted, killed, split over machines: the same bits in the end, or a refusal."""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import encode, picture, write_folder

import stoker
from stoker.statistics import computing
from stoker.statistics.partial import Partial


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts") / "train"
    write_folder(folder, 90, size=None, form="PNG")
    return folder


@pytest.fixture(scope="module")
def whole(root: Path) -> stoker.Statistics:
    return stoker.compute_statistics(stoker.folder(root))


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files whose float sums depend on the order in the last bits."""
    folder = tmp_path_factory.mktemp("floats")
    paths = [folder / f"{index:03}.npy" for index in range(150)]
    numbers = np.random.default_rng(1)
    for path in paths:
        np.save(path, (numbers.normal(0, 1, (5, 7, 3)) * 10.0 ** numbers.integers(-9, 9)).astype(np.float32))
    return paths


def half_done(source: stoker.Source, partial: Path, at: int = 50, **arguments: Any) -> int:
    """Leaves a partial file behind, of somewhat fewer than `at` samples; the number in it."""
    path = Path(source.path(at))
    data = path.read_bytes()
    path.write_bytes(bytes(len(data)))  # the same size, and no image
    try:
        with pytest.raises(stoker.SampleError):
            stoker.compute_statistics(source, resume=partial, threads=1, **arguments)
    finally:
        path.write_bytes(data)
    return int(json.loads(partial.read_text())["content"]["done"])


# ---- going on ----


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_what_was_interrupted_goes_on_to_the_same_bits(
    root: Path, floats: list[Path], kind: str, threads: int, tmp_path: Path
) -> None:
    source = stoker.folder(root) if kind == "uint8" else stoker.files(floats)
    arguments = {} if kind == "uint8" else {"image_dtype": "float32"}
    expected = stoker.compute_statistics(source, **arguments)
    partial = tmp_path / "x.partial"
    done = half_done(source, partial, **arguments)
    assert done == 48
    content = json.loads(partial.read_text())["content"]
    assert content["sums"]["image_count"] == 48
    # The first samples are not read again.
    first = Path(source.path(0))
    data = first.read_bytes()
    first.write_bytes(bytes(len(data)))
    try:
        found = stoker.compute_statistics(source, resume=partial, threads=threads, **arguments)
    finally:
        first.write_bytes(data)
    assert found.to_json() == expected.to_json()
    assert list(tmp_path.iterdir()) == []


def test_float_sums_do_depend_on_the_order(floats: list[Path]) -> None:
    """Otherwise the test above could not fail."""
    one = stoker.compute_statistics(stoker.files(floats), image_dtype="float32")
    other = stoker.compute_statistics(stoker.files(floats[::-1]), image_dtype="float32")
    assert one.channels != other.channels


def test_kill_9_loses_only_seconds(tmp_path: Path) -> None:
    data = encode(np.tile(picture(300, 300), (4, 4, 1)), quality=80)
    (tmp_path / "all").mkdir()
    paths = [tmp_path / "all" / f"{index:03}.jpg" for index in range(160)]
    for path in paths:
        path.write_bytes(data)
    expected = stoker.compute_statistics(stoker.files(paths))
    program = """
import sys, stoker
from stoker.statistics import computing
computing._KEEP_SECONDS, computing._KEEP_SHARE = 0.0, 0
def show(done, total):
    print(done, flush=True)
source = stoker.files([f"{sys.argv[1]}/all/{index:03}.jpg" for index in range(160)])
stoker.compute_statistics(source, threads=1, resume=sys.argv[1] + "/partial", progress=show)
"""
    numbers = random.Random(3)
    reached, line = [0], "0"
    while len(set(reached)) < 4:
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        try:
            # Until there is more than before, and one further look, before which it was kept.
            while line != "" and int(line) <= reached[-1]:
                line = child.stdout.readline()
            line = child.stdout.readline()
            time.sleep(numbers.random() * 0.02)
        finally:
            child.kill()
            child.wait()
        if not (tmp_path / "partial").exists():  # it came to its end
            break
        line = "0"
        reached.append(json.loads((tmp_path / "partial").read_text())["content"]["done"])
    assert reached == sorted(reached)
    assert len(set(reached)) > 2
    found = stoker.compute_statistics(stoker.files(paths), resume=tmp_path / "partial")
    assert found.to_json() == expected.to_json()
    assert [path.name for path in tmp_path.iterdir()] == ["all"]


def test_bad_samples_stay_known(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = sorted(root.rglob("*.png"))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    source = stoker.files([*good[:3], bad, *good[3:], tmp_path / "absent.png"])
    expected = stoker.compute_statistics(source, on_error="skip")
    monkeypatch.setattr(computing, "_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(computing, "_KEEP_SECONDS", 0.0)

    def stop(done: int, total: int) -> None:
        if done >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stoker.compute_statistics(
            source, threads=1, on_error="skip", resume=tmp_path / "x.partial", progress=stop
        )
    content = json.loads((tmp_path / "x.partial").read_text())["content"]
    assert content["done"] >= 16
    assert content["bad_samples"][0]["index"] == 3
    found = stoker.compute_statistics(source, on_error="skip", resume=tmp_path / "x.partial")
    assert found.to_json() == expected.to_json()
    assert [each["index"] for each in found.bad_samples] == [3, 91]


def test_bad_samples_beyond_the_kept_ones_are_left_to_be_found_again(tmp_path: Path) -> None:
    class Stopped:
        def snapshot(self) -> tuple[int, dict[str, Any]]:
            return 32, {"channels": []}

        def bad_samples(self) -> list[dict[str, Any]]:
            return [{"index": 13}, {"index": 42}]

        def advance(self, seconds: float) -> int:
            raise KeyboardInterrupt

        def close(self) -> None:
            pass

    partial = Partial(tmp_path / "x.partial", {})
    with pytest.raises(KeyboardInterrupt):
        computing._measured(Stopped(), (10, 90), [{"index": 11}], partial, None)  # type: ignore[arg-type]
    assert partial.load()[2] == [{"index": 11}, {"index": 13}]


def test_a_bad_sample_leaves_what_was_done(root: Path, tmp_path: Path) -> None:
    good = sorted(root.rglob("*.png"))
    (tmp_path / "bad.png").write_bytes(b"no image")
    source = stoker.files([*good, tmp_path / "bad.png"])
    with pytest.raises(stoker.SampleError):
        stoker.compute_statistics(source, threads=1, resume=tmp_path / "x.partial")
    assert json.loads((tmp_path / "x.partial").read_text())["content"]["done"] == 80


def test_a_partial_of_another_computation_is_refused(root: Path, tmp_path: Path) -> None:
    paths = sorted(root.rglob("*.png"))
    partial = tmp_path / "x.partial"
    half_done(stoker.files(paths), partial)
    data = partial.read_bytes()
    others: dict[str, tuple[stoker.Source, dict[str, Any]]] = {
        "operators": (stoker.files(paths), {"operators": [stoker.center_crop(8)]}),
        "color": (stoker.files(paths), {"color": "bgr"}),
        "exif": (stoker.files(paths), {"exif": "apply"}),
        "nodata": (stoker.files(paths), {"nodata": 3}),
        "histogram": (stoker.files(paths), {"histogram": False}),
        "on_error": (stoker.files(paths), {"on_error": "skip"}),
        r"data\.count": (stoker.files(paths[:-1]), {}),
        r"data\.order": (stoker.files(paths[::-1]), {}),
        r"data\.samples": (stoker.files(paths), {"world_size": 2}),
        r"data\.masks": (stoker.files(paths), {"masks": paths}),
    }
    for name, (source, arguments) in others.items():
        with pytest.raises(ValueError, match=rf"x\.partial.*another computation: {name} was"):
            stoker.compute_statistics(source, resume=partial, **arguments)
        assert partial.read_bytes() == data


def test_a_partial_of_changed_files_is_refused(tmp_path: Path) -> None:
    paths = write_folder(tmp_path / "train", 40, form="PNG")
    half_done(stoker.files(paths), tmp_path / "x.partial", at=20)
    paths[35].write_bytes(paths[35].read_bytes() + b"more")
    with pytest.raises(ValueError, match=r"data\.(order|sha256) was"):
        stoker.compute_statistics(stoker.files(paths), resume=tmp_path / "x.partial")


def test_a_damaged_partial_is_refused(root: Path, tmp_path: Path) -> None:
    partial, numbers = tmp_path / "x.partial", random.Random(1)
    half_done(stoker.folder(root), partial)
    whole = partial.read_bytes()
    damaged = [b"", b"[]", b"null", b"{}", b'{"content": {}, "sha256": 3}', whole[: len(whole) // 2]]
    for _ in range(100):
        data = bytearray(whole)
        data[numbers.randrange(len(data) - 1)] ^= 1 << numbers.randrange(7)
        damaged.append(bytes(data))
    for data in damaged:
        partial.write_bytes(data)
        with pytest.raises(ValueError, match=r"x\.partial"):
            stoker.compute_statistics(stoker.folder(root), resume=partial)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("done",), 7),
        (("done",), -16),
        (("done",), 10**30),
        (("done",), "32"),
        (("sums", "dtype"), "float64"),
        (("sums", "dtype"), "uint16"),
        (("sums", "image_count"), -1),
        (("sums", "channels"), [{}] * 65),
        (("sums", "channels"), [3]),
        (("sums", "channels", 0, "count"), 2**64),
        (("sums", "channels", 0, "count"), 1),
        (("sums", "channels", 0, "sum"), 2**200),
        (("sums", "channels", 0, "sum"), "1"),
        (("sums", "channels", 0, "float_sum"), [1.0]),
        (("sums", "channels", 0, "min"), None),
        (("sums", "channels", 0, "max"), -1.0),
        (("sums", "channels", 1, "histogram"), None),
        (("sums", "channels", 1, "histogram"), "####"),
        (("sums", "channels", 1, "histogram"), "AAAA"),
        (("bad_samples",), [1]),
    ],
    ids=str,
)
def test_a_hostile_partial_is_refused(root: Path, tmp_path: Path, where: tuple[Any, ...], value: Any) -> None:
    """With a right checksum, so that only the checks of each field stand in the way."""
    from stoker.statistics.partial import _digest

    partial = tmp_path / "x.partial"
    half_done(stoker.folder(root), partial)
    content = json.loads(partial.read_text())["content"]
    inner = content
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    partial.write_text(json.dumps({"content": content, "sha256": _digest(content)}))
    with pytest.raises(ValueError, match=r"x\.partial"):
        stoker.compute_statistics(stoker.folder(root), resume=partial)


def test_where_a_partial_cannot_be(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing could be kept"):
        stoker.compute_statistics(stoker.folder(root), resume=tmp_path / "nowhere" / "x")
    with pytest.raises(TypeError, match="must be a path"):
        stoker.compute_statistics(stoker.folder(root), resume=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="need files"):
        stoker.compute_statistics(stoker.arrays(np.zeros((2, 3, 3, 1), np.uint8)), resume=tmp_path / "x")


# ---- parts ----


def parts_of(source: stoker.Source, world_size: int) -> list[stoker.Statistics]:
    return [stoker.compute_statistics(source, rank=rank, world_size=world_size) for rank in range(world_size)]


@pytest.mark.parametrize("world_size", [1, 2, 7, 90])
def test_parts_make_the_whole_in_any_order(root: Path, whole: stoker.Statistics, world_size: int) -> None:
    parts = parts_of(stoker.folder(root), world_size)
    random.Random(world_size).shuffle(parts)
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.missing == []
    assert merged.to_json() == whole.to_json()


def test_parts_that_overlap_are_refused(root: Path, whole: stoker.Statistics) -> None:
    source = stoker.folder(root)
    halves, thirds = parts_of(source, 2), parts_of(source, 3)
    for one, other in (
        (halves[0], halves[0]),
        (halves[0], thirds[1]),
        (thirds[2], halves[1]),
        (whole, thirds[1]),
    ):
        for first, second in ((one, other), (other, one)):
            with pytest.raises(ValueError, match=r"both hold samples .* would count twice"):
                first.merge(second)
    turned = stoker.compute_statistics(stoker.files(sorted(root.rglob("*.png"))[::-1]), rank=1, world_size=2)
    with pytest.raises(ValueError, match="the order of the files differs"):
        halves[0].merge(turned)


def test_gaps_are_known(root: Path, tmp_path: Path) -> None:
    parts = parts_of(stoker.folder(root), 3)
    merged = parts[2].merge(parts[0])
    assert merged.missing == [("train", 30, 60)]
    merged.save(tmp_path / "gap.json")
    assert stoker.Statistics.load(tmp_path / "gap.json").missing == [("train", 30, 60)]
    with pytest.raises(ValueError, match="without samples 30 to 59 of 'train'"):
        stoker.normalize(merged)
    stoker.normalize(merged, allow_mismatch=True)


@pytest.mark.parametrize(
    ("rank", "world_size", "message"),
    [(2, 2, "rank"), (-1, 2, "rank"), (0, 0, "world_size"), (0, 91, "none of the 90 samples")],
)
def test_wrong_parts_are_refused(root: Path, rank: int, world_size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stoker.compute_statistics(stoker.folder(root), rank=rank, world_size=world_size)


def test_arrays_have_no_parts() -> None:
    with pytest.raises(ValueError, match="need files"):
        stoker.compute_statistics(stoker.arrays(np.zeros((4, 3, 3, 1), np.uint8)), rank=0, world_size=2)


# ---- the command ----


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "stoker.cli", "stats", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_measures_and_merges_parts(root: Path, whole: stoker.Statistics, tmp_path: Path) -> None:
    files = [tmp_path / f"{rank}.json" for rank in range(3)]
    for rank, path in enumerate(files):
        result = command(root, "--rank", rank, "--world", 3, "-o", path)
        assert (result.returncode, result.stderr) == (0, "")
        assert "--merge" in result.stdout
    out = tmp_path / "all.json"
    result = command("--merge", files[2], files[0], "-o", out)
    assert result.returncode == 1
    assert "samples 30 to 59 of 'train'" in result.stderr
    assert not out.exists()
    result = command("--merge", files[2], files[0], "--allow-gaps", "-o", out)
    assert result.returncode == 0
    assert "without samples 30 to 59" in result.stdout
    result = command("--merge", files[2], files[0], files[1], "-o", out)
    assert (result.returncode, result.stderr) == (0, "")
    assert stoker.Statistics.load(out).to_json() == whole.to_json()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.json", "1.json", "2.json", "all.json"]
    assert command("--merge", files[0], files[0]).returncode == 2
    assert command("--merge", files[0], tmp_path / "nowhere.json").returncode == 3
    assert command("--merge", files[0], "--rank", 1).returncode == 2
    assert command(root, "--rank", 3, "--world", 3).returncode == 2
    assert command().returncode == 2


def test_a_stopped_command_goes_on(tmp_path: Path) -> None:
    data = encode(np.tile(picture(300, 300), (4, 4, 1)), quality=80)
    folder = tmp_path / "flat"
    folder.mkdir()
    for index in range(200):
        (folder / f"{index:03}.jpg").write_bytes(data)
    out, partial = tmp_path / "out.json", tmp_path / "out.json.partial"
    words = [sys.executable, "-m", "stoker.cli", "stats", str(folder), "-o", str(out), "--threads", "1"]
    # A terminal, whose bar tells when it is time.
    ours, theirs = pty.openpty()
    child = subprocess.Popen(words, stderr=theirs, stdout=subprocess.PIPE, text=True)
    os.close(theirs)
    shown = ""
    try:
        while "left" not in shown:
            shown += os.read(ours, 4096).decode()
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 130
        shown += os.read(ours, 4096).decode()
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    assert "/200, " in shown
    assert "images/s" in shown
    assert "stopped at" in shown
    assert "The same command goes on from there" in shown
    done = json.loads(partial.read_text())["content"]["done"]
    assert 0 < done < 200
    result = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert stoker.Statistics.load(out).image_count == 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flat", "out.json"]


# ---- the end of the interpreter ----


def test_a_measurement_in_a_daemon_thread_does_not_disturb_the_end(tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(encode(np.tile(picture(500, 500), (4, 4, 1)), quality=80))
    program = """
import sys, threading, time, stoker
source = stoker.files([sys.argv[1]] * 20000)
threading.Thread(target=stoker.compute_statistics, args=(source,), kwargs={"threads": 2}, daemon=True).start()
time.sleep(0.3)
"""
    for _ in range(3):
        start = time.perf_counter()
        result = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "large.jpg")],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
        assert time.perf_counter() - start < 10
