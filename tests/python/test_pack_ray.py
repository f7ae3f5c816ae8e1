"""Shards as tasks of Ray on a local cluster of two workers."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from images import write_folder

import stoker

ray = pytest.importorskip("ray")


def usual() -> list[Any]:
    return [stoker.resize(700), stoker.resize(40), stoker.horizontal_flip()]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    paths = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    environment = {"PYTHONPATH": os.pathsep.join([*paths, str(Path(__file__).parent)])}
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": environment},
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ray")
    write_folder(root / "train", 96, size=(60, 80))
    return root / "train"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kill_the_first_writer(folder: Path, killed: list[int]) -> None:
    """Waits for a hidden file, which tells the process that writes it, and kills that."""
    until = time.monotonic() + 60
    while time.monotonic() < until and not killed:
        for name in os.listdir(folder) if folder.exists() else ():
            found = re.search(r"^\..*shard.*-p(\d+)-", name)
            process = int(found[1]) if found else os.getpid()
            if process != os.getpid() and is_a_worker(process):
                os.kill(process, signal.SIGKILL)
                killed.append(process)
                return
        time.sleep(0.001)


def is_a_worker(process: int) -> bool:
    try:
        return b"ray::" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def test_a_killed_worker_is_replaced(cluster: None, train: Path, tmp_path: Path) -> None:
    source = stoker.folder(train)
    options: dict[str, Any] = {"samples_per_shard": 8, "threads": 1}
    stoker.pack(source, tmp_path / "alone", usual(), **options)
    killed: list[int] = []
    killer = threading.Thread(target=kill_the_first_writer, args=(tmp_path / "ray", killed))
    killer.start()
    seen: list[tuple[int, int]] = []
    packed = stoker.pack(
        source,
        tmp_path / "ray",
        usual(),
        engine="ray",
        workers=2,
        progress=lambda done, total: seen.append((done, total)),
        **options,
    )
    killer.join()
    assert len(killed) == 1, "no worker could be killed in the middle"
    assert packed.manifest is not None
    assert sorted(packed.made) == [f"shard-{shard:05}.stoker" for shard in range(12)]
    assert seen[-1] == (96, 96)
    assert seen == sorted(seen)
    found = {name: data for name, data in contents(tmp_path / "ray").items() if not name.startswith(".")}
    assert found == contents(tmp_path / "alone")
    again = stoker.pack(source, tmp_path / "ray", usual(), engine="ray", workers=2, **options)
    assert again.made == []
    assert contents(tmp_path / "ray") == contents(tmp_path / "alone")  # what was left has been swept


def test_a_bad_sample_is_the_callers_error(cluster: None, train: Path, tmp_path: Path) -> None:
    (tmp_path / "train" / "a").mkdir(parents=True)
    for index in range(6):
        (tmp_path / "train" / "a" / f"{index}.jpg").write_bytes(
            b"no image" if index == 4 else next(train.rglob("*.jpg")).read_bytes()
        )
    source = stoker.folder(tmp_path / "train")
    options: dict[str, Any] = {"samples_per_shard": 2, "threads": 1, "engine": "ray", "workers": 2}
    with pytest.raises(stoker.SampleError, match=r"4\.jpg"):
        stoker.pack(source, tmp_path / "packed", **options)
    packed = stoker.pack(source, tmp_path / "packed", on_error="skip", **options)
    assert packed.manifest is not None
    assert packed.manifest.skipped == [4]
    assert [each["index"] for each in packed.bad_samples] == [4]
