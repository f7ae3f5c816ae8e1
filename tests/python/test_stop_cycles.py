"""Loaders that are started and stopped again and again, and read for long: no hang, nothing piles up.

STOKER_STOP_CYCLES and STOKER_STREAM_SAMPLES set how often and how long; the figures are printed (pytest -s).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from images import encode, picture

pytest.importorskip("torch")
pytest.importorskip("torchvision")

CYCLES = int(os.environ.get("STOKER_STOP_CYCLES", "300"))
SAMPLES = int(os.environ.get("STOKER_STREAM_SAMPLES", "40000"))

# What grows for other reasons: the allocator's own arenas, Python's caches.
_SLACK_MIB = 12.0

pytestmark = pytest.mark.slow


def run(program: str, folder: Path, count: int) -> Any:
    """The JSON that a program beside this file writes; it must end well and silently."""
    path = Path(__file__).with_name(program)
    command = [sys.executable, "-X", "faulthandler", str(path), str(folder), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300 + count, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """root/class/<n>.jpg: 24 files that take some milliseconds each."""
    root = tmp_path_factory.mktemp("photos")
    (root / "class").mkdir()
    for index in range(24):
        (root / "class" / f"{index:02}.jpg").write_bytes(encode(picture(150, 200, seed=index)))
    return root


@pytest.fixture(scope="module")
def thumbnails(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """root/class/<n>.jpg: 2000 tiny files."""
    root = tmp_path_factory.mktemp("thumbnails")
    (root / "class").mkdir()
    for index in range(2000):
        (root / "class" / f"{index:04}.jpg").write_bytes(encode(picture(16, 16, seed=index)))
    return root


def test_cycles_of_start_and_stop_leave_nothing(photos: Path) -> None:
    report = run("stop_cycles.py", photos, CYCLES)
    print(json.dumps(report))
    assert report["cycles"] == CYCLES
    assert {each["way"] for each in report["stops"]} == set(report["ways"])
    assert report["interrupts_in_del"] == 0
    assert report["threads_left"] == 0
    assert report["descriptors_left"] == 0
    assert report["grown_mib"] < _SLACK_MIB


@pytest.mark.parametrize("way", ["array", "files", "drop-in rows", "drop-in files", "drop-in threads"])
def test_many_samples_in_level_memory(thumbnails: Path, way: str) -> None:
    path = Path(__file__).with_name("stream_samples.py")
    command = [sys.executable, str(path), str(thumbnails), str(SAMPLES), way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300 + SAMPLES // 50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    print(way, json.dumps(report))
    assert report["samples"] >= SAMPLES
    assert report["rss_mib"][-1] - report["rss_mib"][0] < _SLACK_MIB
