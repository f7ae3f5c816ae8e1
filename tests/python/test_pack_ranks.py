"""Packing by several processes that a scheduler numbers, and the command line."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import write_folder

import stoker
from stoker.packing import MissingShards, finalise
from stoker.packing.making import Job
from stoker.packing.ranks import find_rank

SCHEDULERS = ("SLURM_", "RANK", "WORLD_SIZE", "JOB_COMPLETION")


def usual() -> list[Any]:
    return [stoker.resize(40), stoker.random_resized_crop(16)]


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ranks")
    write_folder(root / "train", 26, size=None)
    return root / "train"


@pytest.fixture(scope="module")
def reference(train: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("reference")
    stoker.pack(stoker.folder(train), folder, usual()[:1], samples_per_shard=4, statistics=True)
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def command(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {key: value for key, value in os.environ.items() if not key.startswith(SCHEDULERS)}
    return subprocess.run(
        [sys.executable, "-m", "stoker.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**given, **environment},
    )


# ---- which rank ----


@pytest.mark.parametrize(
    ("environment", "given", "wanted"),
    [
        ({}, (None, None), (0, 1)),
        ({}, (2, 5), (2, 5)),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS": "8"}, (None, None), (3, 8)),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS": "8"}, (1, 2), (1, 2)),
        (
            {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "5"},
            (None, None),
            (2, 4),
        ),
        (
            {
                "SLURM_ARRAY_TASK_ID": "1",
                "SLURM_ARRAY_TASK_COUNT": "3",
                "SLURM_PROCID": "1",
                "SLURM_NTASKS": "2",
            },
            (None, None),
            (3, 6),
        ),
        ({"RANK": "1", "WORLD_SIZE": "4"}, (None, None), (1, 4)),
        ({"JOB_COMPLETION_INDEX": "2"}, (None, 6), (2, 6)),
        ({"JOB_COMPLETION_INDEX": "2", "JOB_COMPLETIONS": "3"}, (None, None), (2, 3)),
    ],
)
def test_ranks_of_schedulers(
    environment: dict[str, str], given: tuple[int | None, int | None], wanted: tuple[int, int]
) -> None:
    assert find_rank(*given, environment)[:2] == wanted


@pytest.mark.parametrize(
    ("environment", "given", "message"),
    [
        ({}, (1, None), "give both"),
        ({}, (None, 3), "give both"),
        ({}, (3, 3), "rank 3 of 3"),
        ({"RANK": "one", "WORLD_SIZE": "2"}, (None, None), "RANK must be a whole number"),
        ({"RANK": "1"}, (None, None), "WORLD_SIZE is not set"),
        ({"JOB_COMPLETION_INDEX": "2"}, (None, None), "say --world"),
        ({"SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_COUNT": "4"}, (None, None), "from 0 to"),
    ],
)
def test_wrong_ranks_are_named(
    environment: dict[str, str], given: tuple[int | None, int | None], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        find_rank(*given, environment)


# ---- the work of ranks ----


@pytest.mark.parametrize("world", [2, 3, 9])
def test_ranks_in_any_order_end_with_the_bytes_of_one(
    world: int, train: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    source = stoker.folder(train)
    for rank in reversed(range(world)):
        packed = stoker.pack(
            source,
            tmp_path,
            usual()[:1],
            samples_per_shard=4,
            statistics=True,
            rank=rank,
            world_size=world,
        )
        assert packed.manifest is None
        # Its own are made first, then what is missing; the last find everything done.
        assert not packed.plan.missing(str(tmp_path))
    assert "manifest.json" not in contents(tmp_path)
    finalise(tmp_path)
    assert contents(tmp_path) == reference
    finalise(tmp_path)
    assert contents(tmp_path) == reference


def test_a_rank_makes_its_own_shards_and_then_missing_ones(
    train: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[list[int]] = []
    make = Job.pack

    def watched(job: Job, shards: Sequence[int], *others: Any, **options: Any) -> Any:
        given.append(list(shards))
        return make(job, shards, *others, **options)

    monkeypatch.setattr(Job, "pack", watched)
    source = stoker.folder(train)
    stoker.pack(source, tmp_path, samples_per_shard=4, rank=1, world_size=3)
    assert given[0] == [1, 4]
    assert sorted(given[1:]) == [[0], [2], [3], [5], [6]]
    (tmp_path / "shard-00006.stoker").unlink()
    given.clear()
    stoker.pack(source, tmp_path, samples_per_shard=4, rank=2, world_size=3)
    assert given == [[2, 5], [6]]


def test_finalise_lists_the_gaps(train: Path, tmp_path: Path) -> None:
    stoker.pack(stoker.folder(train), tmp_path, samples_per_shard=4, rank=0, world_size=2)
    for shard in (1, 5):
        (tmp_path / f"shard-{shard:05}.stoker").unlink()
    data = bytearray((tmp_path / "shard-00003.stoker").read_bytes())
    data[-3] ^= 1
    (tmp_path / "shard-00003.stoker").write_bytes(bytes(data))
    with pytest.raises(MissingShards, match="shards 1, 5 are missing") as caught:
        finalise(tmp_path)
    assert caught.value.missing == [1, 5]
    assert "shard-00003" in caught.value.damaged[0]
    result = command("pack", "--finalise", tmp_path, "--format", "json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["missing"] == [1, 5]
    assert "shards 1, 5 are missing" in result.stderr
    stoker.pack(stoker.folder(train), tmp_path, samples_per_shard=4, rank=1, world_size=2)
    assert command("pack", "--finalise", tmp_path).returncode == 0
    assert stoker.verify(tmp_path) == []


def test_ranks_with_another_plan_are_refused(train: Path, tmp_path: Path) -> None:
    source = stoker.folder(train)
    stoker.pack(source, tmp_path, usual(), samples_per_shard=4, rank=0, world_size=2)
    with pytest.raises(ValueError, match="samples_per_shard was 4 and is 5"):
        stoker.pack(source, tmp_path, usual(), samples_per_shard=5, rank=1, world_size=2)


def test_processes_of_a_scheduler(train: Path, reference: dict[str, bytes], tmp_path: Path) -> None:
    arguments = ("pack", train, tmp_path / "p", "--resize", 40, "--samples-per-shard", 4, "--statistics")
    for rank in ("0", "1"):
        result = command(*arguments, SLURM_PROCID=rank, SLURM_NTASKS="2")
        assert result.returncode == 0, result.stderr
        assert f"rank {rank} of 2, from SLURM_PROCID" in result.stderr
        assert "stoker pack --finalise" in result.stdout
    assert command("pack", "--finalise", tmp_path / "p").returncode == 0
    found = contents(tmp_path / "p")
    assert {name for name in found if found[name] != reference.get(name)} == set()


# ---- the command line ----


def test_pack_and_verify_on_the_command_line(train: Path, tmp_path: Path) -> None:
    out = tmp_path / "packed"
    arguments = ("pack", train, out, "--form", "raw", "--resize", 32, "--threads", 2, "--format", "json")
    plan = json.loads(command(*arguments, "--plan").stdout)
    assert plan["samples"] == 26
    assert "no operator is random" in plan["cut"]
    assert not out.exists()
    result = command(*arguments)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["is_finished"]
    assert report["made"] == ["shard-00000.stoker"]
    assert result.stderr == ""  # no bar where there is no terminal
    assert json.loads(command(*arguments).stdout)["kept"] == ["shard-00000.stoker"]
    assert len(stoker.shards(out, operators=[stoker.resize(32)])) == 26
    result = command("verify", out, "--source", train)
    assert (result.returncode, result.stdout) == (0, "all is as it was written\n")
    path = out / "shard-00000.stoker"
    data = bytearray(path.read_bytes())
    data[4000] ^= 64
    path.write_bytes(bytes(data))
    result = command("verify", out)
    assert result.returncode == 1
    assert "shard-00000.stoker, record" in result.stdout
    assert "bytes at byte" in result.stdout
    assert f"stoker pack --repair {out}" in result.stdout
    assert json.loads(command("verify", out, "--format", "json").stdout)["findings"][0]["shard"] == 0
    result = command("pack", "--repair", out)
    assert (result.returncode, result.stdout) == (0, "made anew: shard-00000.stoker\n")
    assert command("pack", "--repair", out, train).stdout == "nothing to repair\n"
    assert command("verify", out).returncode == 0


def test_repair_needs_a_source_when_it_has_moved(train: Path, tmp_path: Path) -> None:
    shutil.copytree(train, tmp_path / "train")
    out = tmp_path / "packed"
    assert command("pack", tmp_path / "train", out, "--resize", 32).returncode == 0
    shutil.move(tmp_path / "train", tmp_path / "moved")
    before = contents(out)
    (out / "shard-00000.stoker").unlink()
    result = command("pack", "--repair", out)
    assert result.returncode == 2
    assert "SOURCE" in result.stderr
    assert command("pack", "--repair", out, tmp_path / "moved").returncode == 0
    assert contents(out) == before


def test_operators_of_a_file(train: Path, tmp_path: Path) -> None:
    steps = [
        {"name": "resize", "parameters": {"size": 40}},
        {"name": "random_resized_crop", "parameters": {"size": 16}},
    ]
    (tmp_path / "steps.json").write_text(json.dumps(steps))
    result = command("pack", train, tmp_path / "p", "--operators", tmp_path / "steps.json")
    assert result.returncode == 0, result.stderr
    assert "before random_resized_crop" in result.stdout
    stoker.shards(tmp_path / "p", operators=usual())
    (tmp_path / "steps.json").write_text('[{"name": "resize", "parameters": {"size": 0}}]')
    result = command("pack", train, tmp_path / "q", "--operators", tmp_path / "steps.json")
    assert result.returncode == 2
    assert "size" in result.stderr


def test_left_out_samples_are_findings(train: Path, tmp_path: Path) -> None:
    shutil.copytree(train, tmp_path / "train")
    victim = next((tmp_path / "train").rglob("*.jpg"))
    victim.write_bytes(b"nothing")
    result = command("pack", tmp_path / "train", tmp_path / "p", "--resize", 32)
    assert result.returncode == 1
    assert victim.name in result.stderr
    assert "Traceback" not in result.stderr
    result = command("pack", tmp_path / "train", tmp_path / "p", "--resize", 32, "--skip-bad")
    assert result.returncode == 1
    assert f"left out: {victim}" in result.stderr
    assert len(stoker.shards(tmp_path / "p")) == 25


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{train}"], 2, "give the folder of images and the folder to pack into"),
        (["{out}/no", "{out}"], 3, "is no folder"),
        (["{train}", "{out}", "--form", "zip"], 2, "invalid choice"),
        (["{train}", "{out}", "--threads", "many"], 2, "'auto'"),
        (["{train}", "{out}", "--quality", "101"], 2, "quality"),
        (["{train}", "{out}", "--shard-bytes", "1X"], 2, "--shard-bytes must be a number"),
        (["{train}", "{out}", "--rank", "3", "--world", "3"], 2, "rank 3 of 3"),
        (["{train}", "{out}", "--operators", "{out}.json"], 3, "No such file"),
        (["{train}", "{out}", "--cut", "some"], 2, "--cut must be a number or 'all'"),
        (["{train}", "{train}/packed"], 2, "lies within the source"),
        (["--finalise", "{out}"], 3, "nothing was packed here"),
        (["--repair", "{out}"], 3, "it is not known what was packed"),
        (["--repair", "--finalise", "{out}"], 2, "two tasks"),
    ],
)
def test_wrong_words_are_named(
    arguments: list[str], code: int, message: str, train: Path, tmp_path: Path
) -> None:
    out = tmp_path / "packed"
    result = command("pack", *[each.format(train=train, out=out) for each in arguments])
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()


def test_verify_of_no_folder_is_exit_code_3(tmp_path: Path) -> None:
    result = command("verify", tmp_path / "nowhere")
    assert result.returncode == 3
    assert "Traceback" not in result.stderr


def test_an_interrupt_says_how_to_go_on(train: Path, tmp_path: Path) -> None:
    out = tmp_path / "p"
    arguments = [
        "pack",
        str(train),
        str(out),
        "--resize",
        "1500",
        "--samples-per-shard",
        "4",
        "--threads",
        "1",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "stoker.cli", *arguments], stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and not (out.exists() and list(out.glob("shard-*"))):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=30)
    assert process.returncode == 130
    assert text == "stoker pack: stopped. The same command goes on from the finished shards.\n"
    names = [path.name for path in out.iterdir()]
    assert "manifest.json" not in names
    assert not [name for name in names if name.startswith(".")]
    result = command(*arguments, "--format", "json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["kept"]


def test_engine_ray_without_ray_says_what_to_install(train: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("ray") is not None:
        pytest.skip("Ray is installed here; test_pack_ray.py uses it")
    result = command("pack", train, tmp_path / "p", "--engine", "ray")
    assert result.returncode == 2
    assert result.stderr == "stoker pack: engine 'ray' needs Ray: pip install stoker[ray]\n"


def test_progress_on_a_terminal(train: Path, tmp_path: Path) -> None:
    import pty

    master, slave = pty.openpty()
    arguments = ["pack", str(train), str(tmp_path / "p"), "--resize", "600", "--samples-per-shard", "4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "stoker.cli", *arguments], stdout=subprocess.DEVNULL, stderr=slave
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert process.wait(60) == 0
    assert b"pack [" in shown
    assert b"/26" in shown
    assert shown.endswith(b"\r\x1b[K")


def test_the_13_band_set_of_a_scientist(tmp_path: Path) -> None:
    """uint16 TIFFs with masks: statistics, packing, loading, and the same pixels all the way."""
    script = Path(__file__).with_name("make_bands.py")
    subprocess.run([sys.executable, str(script), str(tmp_path / "bands"), "--count", "14"], check=True)
    images = sorted((tmp_path / "bands" / "images").iterdir())
    masks = sorted((tmp_path / "bands" / "masks").iterdir())
    decoding = {"color": "unchanged", "image_dtype": "uint16"}
    source = stoker.files(images, range(14), masks=masks)
    statistics = stoker.compute_statistics(source, nodata=0, **decoding)
    assert len(statistics.channels) == 13
    assert statistics.dtype == "uint16"
    steps = [
        stoker.center_crop(32),
        stoker.random_crop(24),
        stoker.horizontal_flip(),
        stoker.normalize(statistics),
    ]
    packed = stoker.pack(source, tmp_path / "packed", steps, samples_per_shard=4, **decoding)
    assert [step["name"] for step in packed.plan.operators] == ["center_crop"]
    shards = stoker.shards(tmp_path / "packed", operators=steps, source=source)
    options: dict[str, Any] = {"batch_size": 7, "shuffle": True, "seed": 3, **decoding}
    ours = list(stoker.Loader(shards, steps, **options))
    theirs = list(stoker.Loader(source, steps, **options))
    assert len(ours) == 2
    for mine, wanted in zip(ours, theirs, strict=True):
        assert mine["image"].shape == (7, 13, 24, 24)
        for name in ("image", "mask", "label"):
            assert np.array_equal(mine[name], wanted[name])
    result = command("stats", tmp_path / "bands" / "images", "--extensions", ".tif", "--nodata", 0, "--color",
                     "unchanged", "--image-dtype", "uint16", "-o", tmp_path / "bands.json")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert stoker.Statistics.load(tmp_path / "bands.json").mean == statistics.mean
    result = command("pack", tmp_path / "bands" / "images", tmp_path / "cli", "--color", "unchanged",
                     "--image-dtype", "uint16")  # fmt: skip
    assert result.returncode == 0, result.stderr
