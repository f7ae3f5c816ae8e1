"""Packing that is interrupted, doubled, starved of space, damaged: nothing is lost or read wrong."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pack_kills
import pytest
from images import encode, picture, write_folder

import stoker
from stoker.packing import MissingShards, finalise, repair


def usual() -> list[Any]:
    return [stoker.resize(40), stoker.random_resized_crop(16), stoker.horizontal_flip()]


@pytest.fixture
def train(tmp_path: Path) -> Path:
    write_folder(tmp_path / "train", 14, size=None)
    return tmp_path / "train"


@pytest.fixture
def packed(train: Path, tmp_path: Path) -> Path:
    stoker.pack(stoker.folder(train), tmp_path / "packed", usual(), samples_per_shard=4)
    return tmp_path / "packed"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def flip(path: Path, at: int, bit: int = 3) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


# ---- interrupted ----


def test_an_interruption_keeps_finished_shards_and_the_same_call_goes_on(
    train: Path, packed: Path, tmp_path: Path
) -> None:
    class Stop(Exception):
        pass

    calls = []

    def progress(done: int, total: int) -> None:
        calls.append((done, total))
        if list((tmp_path / "other").glob("shard-*")):
            raise Stop

    source = stoker.folder(train)
    with pytest.raises(Stop):
        for _ in range(100):  # on a quick machine all may be done before it is asked
            shutil.rmtree(tmp_path / "other", ignore_errors=True)
            stoker.pack(
                source, tmp_path / "other", usual(), samples_per_shard=1, threads=1, progress=progress
            )
    assert all(0 <= done <= total == 14 for done, total in calls)
    assert not [name for name in contents(tmp_path / "other") if name.startswith(".")]
    again = stoker.pack(source, tmp_path / "other", usual(), samples_per_shard=1)
    assert again.kept
    stoker.pack(source, tmp_path / "third", usual(), samples_per_shard=1)
    assert contents(tmp_path / "other") == contents(tmp_path / "third")


@pytest.mark.parametrize(
    ("kills", "writers"),
    [
        (12, 1),
        (6, 2),
        pytest.param(200, 1, marks=pytest.mark.slow),
        pytest.param(60, 2, marks=pytest.mark.slow),
    ],
)
def test_kills_leave_nothing_corrupt(kills: int, writers: int) -> None:
    # In a process of its own: it forks, which a process with threads should not.
    script = Path(__file__).with_name("pack_kills.py")
    command = [sys.executable, str(script), "--kills", str(kills), "--writers", str(writers)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 corrupt files, 0 names too many or missing, 0 failures" in result.stdout


def test_what_a_killed_process_leaves_is_called_corrupt_when_it_is(tmp_path: Path) -> None:
    wanted = {"shard-00000.stoker": b"12", "plan.json": b"{}"}
    assert pack_kills.corrupt({"shard-00000.stoker": b"1", ".hidden": b""}, wanted) == ["shard-00000.stoker"]
    assert pack_kills.corrupt({"shard-00001.stoker": b"12"}, wanted) == ["shard-00001.stoker"]
    assert not pack_kills.is_clean({"corrupt": [], "left": [".hidden"], "failed": 0})


def test_writers_beside_each_other_end_with_the_same_bytes(train: Path, packed: Path, tmp_path: Path) -> None:
    program = (
        "import sys, stoker\n"
        "steps = [stoker.resize(40), stoker.random_resized_crop(16), stoker.horizontal_flip()]\n"
        "stoker.pack(stoker.folder(sys.argv[1]), sys.argv[2], steps, samples_per_shard=4, threads=2)\n"
    )
    command = [sys.executable, "-c", program, str(train), str(tmp_path / "both")]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for writer in writers:
        _, text = writer.communicate(timeout=120)
        assert writer.returncode == 0, text
    assert contents(tmp_path / "both") == contents(packed)


def test_a_missing_manifest_says_what_to_do(train: Path, packed: Path) -> None:
    before = contents(packed)
    (packed / "manifest.json").unlink()
    with pytest.raises(stoker.ShardError, match=r"no manifest\.json.*stoker pack --finalise"):
        stoker.shards(packed)
    (packed / "shard-00002.stoker").unlink()
    with pytest.raises(
        stoker.ShardError, match=r"1 of 4 shards are missing \(2\).*same `stoker pack` command"
    ):
        stoker.shards(packed)
    with pytest.raises(MissingShards, match="shards 2 are missing") as caught:
        finalise(packed)
    assert caught.value.missing == [2]
    assert not (packed / "manifest.json").exists()
    again = stoker.pack(stoker.folder(train), packed, usual(), samples_per_shard=4)
    assert again.made == ["shard-00002.stoker"]
    assert contents(packed) == before


# ---- a full disk ----


def limited(command: list[str], most_bytes: int) -> subprocess.CompletedProcess[str]:
    """Runs with no file above a size, which stands for a disk that is full."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, preexec_fn=limit)


def test_a_full_disk_loses_nothing(train: Path, packed: Path, tmp_path: Path) -> None:
    sizes = sorted(path.stat().st_size for path in packed.glob("shard-*"))
    assert sizes[0] < sizes[-1]
    command = [sys.executable, "-m", "stoker.cli", "pack", str(train), str(tmp_path / "full")]
    steps = [{"name": each.name, "parameters": each.parameters} for each in usual()]
    import json

    (tmp_path / "steps.json").write_text(json.dumps(steps))
    command += ["--operators", str(tmp_path / "steps.json"), "--samples-per-shard", "4", "--threads", "1"]
    result = limited(command, sizes[-1] - 1)
    assert result.returncode == 3, result.stderr
    assert "Traceback" not in result.stderr
    found = contents(tmp_path / "full")
    assert "manifest.json" not in found
    assert all(not name.startswith(".") for name in found)
    assert all(data == contents(packed)[name] for name, data in found.items() if name.startswith("shard"))
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert {name for name in contents(tmp_path / "full")} == set(contents(packed))
    assert stoker.verify(tmp_path / "full") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_small_disk_is_refused_before_and_resumes(train: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        images = np.random.default_rng(0).integers(0, 256, (400, 96, 96, 3)).astype(np.uint8)
        source = stoker.arrays(images, np.arange(400))
        with pytest.raises(OSError, match=r"about \d+ bytes are needed for 400 samples, \d+ are free"):
            stoker.pack(source, disk / "packed", samples_per_shard=16)
        # There is room, until something else fills the disk while packing goes on.
        steps = [stoker.resize(600), stoker.resize(16)]
        filler = disk / "filler"

        def fill(done: int, total: int) -> None:
            if 20 < done < total - 20 and not filler.exists():
                free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
                filler.write_bytes(b"\1" * max(0, free - 4096))

        with pytest.raises(OSError, match="space"):
            stoker.pack(source, disk / "few", steps, samples_per_shard=16, threads=1, progress=fill)
        left = contents(disk / "few")
        assert all(not name.startswith(".") for name in left)
        assert any(name.startswith("shard") for name in left)
        filler.unlink()
        again = stoker.pack(source, disk / "few", steps, samples_per_shard=16)
        assert len(again.kept) == len(left) - 1  # all but the plan
        for name, data in left.items():
            assert (disk / "few" / name).read_bytes() == data
        assert stoker.verify(disk / "few") == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# ---- damage ----


def test_whole_data_have_no_findings(packed: Path) -> None:
    assert stoker.verify(packed) == []


def test_damage_in_a_record_is_named_and_repaired(train: Path, packed: Path) -> None:
    before = contents(packed)
    path = packed / "shard-00001.stoker"
    flip(path, 64 + 2000)
    (found,) = stoker.verify(packed)
    assert found["file"] == "shard-00001.stoker"
    assert found["shard"] == 1
    assert found["index"] == 4 + found["record"]
    assert found["offset"] <= 64 + 2000 < found["offset"] + found["length"]
    assert found["path"] == stoker.shards(packed).path(found["index"])
    assert found["hint"] == f"run `stoker pack --repair {packed}`"
    with pytest.raises(stoker.SampleError, match="stoker pack --repair") as caught:
        list(stoker.Loader(stoker.shards(packed), usual(), batch_size=14))
    assert caught.value.index == found["index"]
    assert f"record {found['record']}" in str(caught.value)
    assert repair(packed, stoker.folder(train)) == ["shard-00001.stoker"]
    assert contents(packed) == before


@pytest.mark.parametrize("place", ["header", "index", "footer", "trailer", "gone", "cut", "empty", "other"])
def test_damage_elsewhere_is_named_and_repaired(place: str, train: Path, packed: Path) -> None:
    before = contents(packed)
    path = packed / "shard-00002.stoker"
    size = path.stat().st_size
    if place in ("header", "index", "footer", "trailer"):
        footer = path.read_bytes().rindex(b'{"classes"')  # the index is right before it
        flip(path, {"header": 20, "index": footer - 20, "footer": footer + 9, "trailer": size - 5}[place])
    elif place == "gone":
        path.unlink()
    elif place == "other":
        path.write_bytes((packed / "shard-00001.stoker").read_bytes())
    else:
        path.write_bytes(path.read_bytes()[: size // 2 if place == "cut" else 0])
    findings = stoker.verify(packed)
    assert {each["file"] for each in findings} == {"shard-00002.stoker"}
    if place != "other":
        with pytest.raises((stoker.ShardError, OSError), match=r"shard-00002\.stoker"):
            stoker.shards(packed)
    assert repair(packed) == ["shard-00002.stoker"]  # the plan knows the folder
    assert contents(packed) == before


def test_a_changed_source_file_is_named_and_nothing_is_replaced(train: Path, packed: Path) -> None:
    flip(packed / "shard-00001.stoker", 64 + 2000)
    damaged = contents(packed)
    source = stoker.folder(train)
    victim = Path(source.path(5))
    data = victim.read_bytes()
    victim.write_bytes(encode(picture(30, 30, seed=99)).ljust(len(data), b"\0")[: len(data)])
    with pytest.raises(ValueError, match=victim.name):
        repair(packed, source)
    assert contents(packed) == damaged
    found = stoker.verify(packed, source=source)
    assert any(victim.name in each["what"] for each in found)
    victim.write_bytes(data + b"\0")
    with pytest.raises(ValueError, match=rf"{victim.name} had \d+ bytes"):
        repair(packed, source)
    victim.write_bytes(data)
    repair(packed, source)
    assert stoker.verify(packed) == []


def test_repair_of_what_never_ended_leaves_nothing_out(train: Path, tmp_path: Path) -> None:
    source = stoker.folder(train)
    Path(source.path(6)).write_bytes(b"no image")
    with pytest.raises(stoker.SampleError, match="sample 6"):
        stoker.pack(source, tmp_path / "x", usual(), samples_per_shard=4)
    with pytest.raises(stoker.SampleError, match="sample 6"):
        repair(tmp_path / "x", source)
    assert not (tmp_path / "x" / "manifest.json").exists()


def test_repair_of_variants_and_of_what_was_left_out(train: Path, tmp_path: Path) -> None:
    source = stoker.folder(train)
    Path(source.path(6)).write_bytes(b"no image")
    packed = stoker.pack(
        source, tmp_path / "v", usual(), variants=2, cut=2, samples_per_shard=4, on_error="skip"
    )
    assert packed.manifest is not None
    assert packed.manifest.skipped == [6]
    assert [each["index"] for each in packed.bad_samples] == [6]
    assert len(stoker.shards(tmp_path / "v")) == 13
    before = contents(tmp_path / "v")
    flip(tmp_path / "v" / "shard-v01-00001.stoker", 64 + 500)
    assert repair(tmp_path / "v", source)
    assert contents(tmp_path / "v") == before


def test_damaged_statistics_are_found(train: Path, tmp_path: Path) -> None:
    stoker.pack(stoker.folder(train), tmp_path / "s", usual(), statistics=True)
    flip(tmp_path / "s" / "statistics.json", 300)
    (found,) = stoker.verify(tmp_path / "s")
    assert found["file"] == "statistics.json"
    with pytest.raises(stoker.ShardError, match=r"statistics\.json"):
        _ = stoker.shards(tmp_path / "s").statistics  # type: ignore[attr-defined]
    finalise(tmp_path / "s")
    assert stoker.verify(tmp_path / "s") == []


def test_damaged_arrays_are_found(train: Path, tmp_path: Path) -> None:
    steps = [stoker.resize((16, 16))]
    stoker.pack(stoker.folder(train), tmp_path / "n", steps, form="npy")
    flip(tmp_path / "n" / "images.npy", 5000)
    (found,) = stoker.verify(tmp_path / "n")
    assert found["file"] == "images.npy"
    assert "same `stoker pack` command" in found["hint"]
    stoker.pack(stoker.folder(train), tmp_path / "n", steps, form="npy")
    assert stoker.verify(tmp_path / "n") == []


@pytest.mark.parametrize("name", ["plan.json", "manifest.json"])
def test_any_changed_byte_of_plan_or_manifest_is_found(name: str, packed: Path) -> None:
    data = (packed / name).read_bytes()
    numbers = np.random.default_rng(3)
    places = [int(each) for each in numbers.integers(0, len(data) - 1, 40)]
    for at in places:
        flip(packed / name, at, int(numbers.integers(0, 7)))
        changed = (packed / name).read_bytes()
        assert stoker.verify(packed) or same_json(data, changed), at
        (packed / name).write_bytes(data)


def same_json(a: bytes, b: bytes) -> bool:
    import json

    try:
        before, after = json.loads(a), json.loads(b)
    except ValueError:
        return False
    # Where the source was is no part of the identity.
    return {**before, "origin": None} == {**after, "origin": None}


# ---- wrong input ----


def wrong(**options: Any) -> Callable[[Any], object]:
    return lambda here: stoker.pack(here.source, here.folder, usual(), **options)


WRONG: list[tuple[Callable[[Any], object], type[Exception], str]] = [
    (lambda here: stoker.pack("train", here.folder), TypeError, "source must come from"),
    (lambda here: stoker.pack(here.source, 5), TypeError, "folder must be a string or a path"),
    (lambda here: stoker.pack(here.source, here.source.path(0)), OSError, "is no folder"),
    (lambda here: stoker.pack(here.source, here.train / "packed"), ValueError, "lies within the source"),
    (lambda here: stoker.pack(here.source, here.folder, stoker.resize(9)), TypeError, "must be a list"),
    (wrong(form="zip"), ValueError, "form must be one of 'source', 'raw', 'jpeg', 'npy', got 'zip'"),
    (wrong(variants=0), ValueError, "variants must be an integer from 1 to 256"),
    (wrong(variants=True), TypeError, "variants must be an integer"),
    (wrong(quality=101), ValueError, "quality must be an integer from 1 to 100"),
    (wrong(form="source", variants=2), ValueError, "keeps the original bytes"),
    (wrong(cut=4), ValueError, "cut must be an integer from 0 to 3, got 4"),
    (wrong(cut="first"), ValueError, "cut must be 'all'"),
    (wrong(rank=2, world_size=2), ValueError, "rank must be an integer from 0 to 1"),
    (wrong(form="npy", world_size=2), ValueError, "one process"),
    (wrong(form="jpeg", statistics=True), ValueError, "statistics are computed for form 'raw'"),
    (wrong(layout="chw"), ValueError, "layout is for form 'npy'"),
    (wrong(on_error="replace"), ValueError, "on_error must be one of 'raise', 'skip'"),
    (wrong(samples_per_shard=0), ValueError, "samples_per_shard"),
    (wrong(shard_bytes=10), ValueError, "shard_bytes must be an integer from 65536"),
    (wrong(threads="many"), ValueError, "threads must be 'auto'"),
    (wrong(color="cmyk"), ValueError, "color must be one of"),
    (wrong(engine="spark"), ValueError, "engine must be one of 'local', 'ray'"),
    (lambda here: stoker.shards(here.folder), OSError, "is no folder"),
    (lambda here: stoker.shards(here.train), stoker.ShardError, r"there is no plan\.json"),
    (lambda here: stoker.shards(None), TypeError, "folder must be"),
    (lambda here: stoker.verify(here.folder), OSError, "is no folder"),
    (lambda here: finalise(here.train), stoker.ShardError, r"there is no plan\.json"),
    (lambda here: repair(here.train), stoker.ShardError, r"there is no plan\.json"),
]


@pytest.mark.parametrize(("attempt", "error", "message"), WRONG, ids=[each[2][:40] for each in WRONG])
def test_wrong_input_is_named_and_writes_nothing(
    attempt: Callable[[Any], object], error: type[Exception], message: str, train: Path, tmp_path: Path
) -> None:
    class here:
        source = stoker.folder(train)
        folder = tmp_path / "packed"

    here.train = train  # type: ignore[attr-defined]
    with pytest.raises(error, match=message):
        attempt(here)
    assert not here.folder.exists()


def test_a_bad_sample_ends_the_packing_and_is_named(train: Path, tmp_path: Path) -> None:
    source = stoker.folder(train)
    Path(source.path(9)).write_bytes(b"no image")
    with pytest.raises(stoker.SampleError, match=Path(source.path(9)).name):
        stoker.pack(source, tmp_path / "packed", usual(), samples_per_shard=4)
    assert not list((tmp_path / "packed").glob(".*"))
    with pytest.raises(stoker.ShardError, match="shards are missing"):
        stoker.shards(tmp_path / "packed")


def test_a_shard_of_another_plan_is_not_taken(train: Path, packed: Path, tmp_path: Path) -> None:
    source = stoker.folder(train)
    stoker.pack(source, tmp_path / "other", [stoker.resize(41)], samples_per_shard=4)
    shutil.copy(tmp_path / "other" / "shard-00001.stoker", packed / "shard-00001.stoker")
    with pytest.raises(stoker.ShardError, match=r"shard-00001\.stoker"):
        stoker.shards(packed)
    with pytest.raises(stoker.ShardError, match="another plan"):
        stoker.pack(source, packed, usual(), samples_per_shard=4)
    with pytest.raises(stoker.ShardError, match="another plan"):
        finalise(packed)
    assert [each["file"] for each in stoker.verify(packed)] == ["shard-00001.stoker"]
