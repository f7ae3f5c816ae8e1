"""Training as a user starts it: killed and begun again, and on two ranks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parent / "scripts"

pytestmark = pytest.mark.slow


def start(script: str, *words: Any, **environment: str) -> subprocess.Popen[str]:
    """The script in a process of its own, where torchvision can be imported."""
    pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    path = str(SCRIPTS / script)
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(SCRIPTS.parent)!r})\n"
        "import torchvision_schemas; torchvision_schemas.define_missing()\n"
        f"sys.argv[0] = {path!r}; runpy.run_path({path!r}, run_name='__main__')"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def lines_of(work: Path) -> list[str]:
    log = work / "log"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize("kind", ["native", "drop-in"])
def test_training_survives_being_killed(kind: str, make_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_folder(20)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    end(start("resume/after_kill.py", kind, folder, whole, 2))
    expected = lines_of(whole)
    assert len(expected) == 2 * 7 + 1
    for threads, stop_after in ((0, 3), (3, 8), (1, 14)):
        begun = len(lines_of(killed))
        process = start("resume/after_kill.py", kind, folder, killed, threads)
        deadline = time.monotonic() + 60
        while len(lines_of(killed)) < max(stop_after, begun + 1) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
        process.communicate()
    end(start("resume/after_kill.py", kind, folder, killed, 2))
    got = [line for line in lines_of(killed) if len(line.split()) == 3 or line.startswith("weights")]
    assert set(got) == set(expected)  # a step that was taken twice had the same batch both times
    assert got[-1] == expected[-1]
    assert list(dict.fromkeys(got)) == expected


def test_two_ranks_train_together(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "images"
    shutil.copytree(make_folder(23), folder)
    next(folder.glob("class1/*")).write_bytes(b"no image")
    environment = {"LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "2"}
    ranks = [
        start("ranks/ddp_training.py", folder, tmp_path / "meeting", rank, **environment) for rank in (0, 1)
    ]
    said = [json.loads(end(rank)) for rank in ranks]
    assert said[0]["weights"] == said[1]["weights"]
    for name in ("drop-in", "native"):
        for first, second in zip(said[0][name], said[1][name], strict=True):
            assert list(map(len, first)) == list(map(len, second)) == [3, 3, 3, 3]
            labels = Counter(label for epoch in (first, second) for batch in epoch for label in batch)
            assert sum(labels.values()) == 24  # 23 samples, one of them twice, none lost to the bad file
    assert sum(each["replaced"] for each in said) >= 2
    assert all(each["tier"] == "tier: native" for each in said)
    assert all("'replace'" in each["skip"] for each in said)
    assert all("torch.distributed has 2" in each["unasked"] for each in said)
