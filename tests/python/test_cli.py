"""The command line as a user meets it: exit codes, help, what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def stoker(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stoker.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, check=False)


def test_help_is_quick_and_imports_no_big_library() -> None:
    program = (
        "import sys, stoker.cli; stoker.cli.make_parser().format_help(); "
        "sys.exit(bool({'numpy', 'torch', 'PIL', 'cv2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

    def cpu_seconds() -> float:
        before = os.times()
        assert stoker("--help").returncode == 0
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    # CPU time, the best of several: other work on the machine only ever adds.
    assert min(cpu_seconds() for _ in range(10)) < 0.150


def test_without_a_command_it_is_wrong_usage() -> None:
    result = stoker()
    assert result.returncode == 2
    assert "demo" in result.stderr


@pytest.mark.parametrize("arguments", [["bench"], ["nothing"], ["bench", ".", "--rounds", "0"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    result = stoker(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""


def test_threads_that_are_no_number_are_wrong_usage(folder: Path) -> None:
    result = stoker("bench", str(folder), "--threads", "many")
    assert result.returncode == 2
    assert "'auto'" in result.stderr


@pytest.mark.parametrize("command", ["bench", "demo"])
def test_a_folder_that_is_not_there_is_exit_code_3(command: str, tmp_path: Path) -> None:
    if command == "demo":
        pytest.importorskip("torchvision")
    result = stoker(command, str(tmp_path / "nowhere"))
    assert result.returncode == 3
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_without_images_is_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    result = stoker("bench", str(tmp_path))
    assert result.returncode == 3
    assert ".jpg" in result.stderr


def test_version() -> None:
    import stoker as package

    assert stoker("--version").stdout.strip() == f"stoker {package.__version__}"


def test_doctor_speaks_json() -> None:
    result = stoker("doctor", "--format", "json")
    report = json.loads(result.stdout)
    assert result.returncode == (1 if report["findings"] else 0)
    assert {"jpeg", "png"} <= set(report["codecs"])
    assert report["instruction_set_used"] in report["instruction_sets"]
    assert report["cores_usable"]["affinity"] == len(os.sched_getaffinity(0))
    assert report["versions"]["numpy"]
    assert not [each for each in report["findings"] if each["area"] in ("engine", "packages")]


def test_doctor_reports_a_forced_instruction_set() -> None:
    sets = json.loads(stoker("doctor", "--format", "json").stdout)["instruction_sets"]
    if len(sets) < 2:
        pytest.skip("this CPU runs one instruction set only")
    command = [sys.executable, "-m", "stoker.cli", "doctor"]
    environment = {**os.environ, "STOKER_TARGET": sets[-1]}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 1
    assert "STOKER_TARGET" in result.stdout


def test_bench_prints_rates_with_quartiles(folder: Path) -> None:
    result = stoker(
        "bench", str(folder), "--images", "32", "--rounds", "2", "--size", "32", "--format", "json"
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["images_a_round"] == 32
    assert 0 < report["images_per_s"]["low"] <= report["images_per_s"]["median"]
    assert report["cpu_ms_per_image"]["median"] > 0


@pytest.mark.parametrize("flat", [False, True])
def test_demo_runs_on_a_folder(make_folder: Callable[..., Path], tmp_path: Path, flat: bool) -> None:
    pytest.importorskip("torchvision")
    root = make_folder(12, size=(80, 90), suffix="jpg")
    if flat:
        for path in root.rglob("*.jpg"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
        root = tmp_path
    result = stoker("demo", str(root), "--rounds", "1", "--steps", "1")
    assert result.returncode == 0, result.stderr
    assert "largest pixel difference on the validation recipe: 0\n" in result.stdout
    assert "loading alone, images/s" in result.stdout
    assert "\r" not in result.stderr  # no bar where there is no terminal


def test_demo_makes_its_images_once(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    assert stoker("demo", "--only-images", "--images", "12", folder=tmp_path).returncode == 0
    images = sorted((tmp_path / ".cache" / "demo").rglob("*.jpg"))
    assert len(images) == 12
    assert len({path.parent for path in images}) == 10
    assert 50_000 < sum(path.stat().st_size for path in images) / 12 < 150_000
    before = [path.stat().st_mtime_ns for path in images]
    assert stoker("demo", "--only-images", "--images", "12", folder=tmp_path).returncode == 0
    assert [path.stat().st_mtime_ns for path in images] == before
