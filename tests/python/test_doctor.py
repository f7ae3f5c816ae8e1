"""`stoker doctor`: what it finds, on machines made for the purpose, and what it says of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stoker import doctor
from stoker.machine import limits, storage, threads


def run_doctor(*arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "stoker.cli", "doctor", *arguments, "--format", "json"]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
        check=False,
    )
    assert result.stderr == "" or result.returncode > 1, result.stderr
    return result.returncode, json.loads(result.stdout) if result.stdout else {}


def texts(found: list[Any]) -> str:
    return "\n".join(f"{each.what}: {each.remedy}" for each in found)


# ---- limits ----


def test_memory_limit_is_the_tightest_of_nested_groups(tmp_path: Path) -> None:
    (tmp_path / "group").write_text("0::/job/step\n")
    root = tmp_path / "root"
    (root / "job" / "step").mkdir(parents=True)
    (root / "job" / "step" / "memory.max").write_text("max\n")
    (root / "job" / "memory.max").write_text("4096\n")
    (root / "job" / "memory.current").write_text("1024\n")
    assert limits.memory_limit(tmp_path / "group", root) == (4096, 1024)


def test_memory_limit_of_version_1(tmp_path: Path) -> None:
    # Inside a container the path in the first file is the host's, and only the top of the tree is there.
    (tmp_path / "group").write_text("4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n")
    folder = tmp_path / "root" / "memory"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("8192\n")
    (folder / "memory.usage_in_bytes").write_text("100\n")
    assert limits.memory_limit(tmp_path / "group", tmp_path / "root") == (8192, 100)
    (folder / "memory.limit_in_bytes").write_text("9223372036854771712\n")  # means none
    assert limits.memory_limit(tmp_path / "group", tmp_path / "root") == (None, None)


def test_throttling_is_read_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "group").write_text("0::/\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 5\nnr_periods 200\nnr_throttled 50\nthrottled_usec 9\n")
    assert limits.throttled_share(tmp_path / "group", tmp_path) == 0.25
    monkeypatch.setattr(limits, "throttled_share", lambda: 0.25)
    _, found, _ = limits.examine_limits(2, 1.0)
    assert "25% of its periods" in texts(found)
    monkeypatch.setattr(limits, "throttled_share", lambda: 0.01)
    assert "periods" not in texts(limits.examine_limits(2, 1.0)[1])


def test_one_core_of_many_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert "1 core of 64" in texts(limits.examine_limits(1, None)[1])
    assert "core of" not in texts(limits.examine_limits(32, None)[1])
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert "core of" not in texts(limits.examine_limits(1, None)[1])


def test_a_full_control_group_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "memory_limit", lambda: (100 << 20, 95 << 20))
    assert "95 of the 100 MiB" in texts(limits.examine_limits(2, None)[1])
    monkeypatch.setattr(limits, "memory_limit", lambda: (100 << 20, 50 << 20))
    assert "MiB" not in texts(limits.examine_limits(2, None)[1])


# ---- threads ----


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot be taken away")
def test_bound_cores_are_found_by_looking_at_them() -> None:
    pytest.importorskip("torch")
    code, report = run_doctor(OMP_PROC_BIND="true")
    assert code == 1
    (found,) = report["findings"]
    assert "OMP_PROC_BIND=true" in found["what"]
    assert found["remedy"] == "unset OMP_PROC_BIND"


def test_more_threads_than_cores_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, dict[str, Any]] = {"torch": {"threads": 64}, "cv2": {"threads": 64}}
    monkeypatch.setattr(threads, "ask", answers.__getitem__)

    def found(usable: float, world: int = 1) -> str:
        return texts(threads.examine_threads(usable, world, has_torch=True, has_opencv=True)[1])

    assert found(64) == ""
    assert "torch computes with 64 threads on 3 usable cores: export OMP_NUM_THREADS=3" in found(3.5)
    assert "OpenCV works with 64 threads on 3 usable cores: call cv2.setNumThreads(3)" in found(3.5)
    assert "8 usable cores for each of 8 processes: export OMP_NUM_THREADS=8" in found(64, 8)


def test_opencv_in_worker_processes_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "ask", lambda library: {"threads": 8})
    _, found, notes = threads.examine_threads(8, 1, has_torch=False, has_opencv=True)
    assert found == []
    assert "cv2.setNumThreads(0)" in texts(notes)


def test_a_library_that_does_not_load_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    _, found, _ = threads.examine_threads(2, 1, has_torch=False, has_opencv=True)
    assert "libGL.so.1" in texts(found)
    assert "opencv-python-headless" in texts(found)


# ---- storage ----


def test_a_folder_is_measured_and_left_as_it_was(folder: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    code, report = run_doctor(str(folder))
    assert code in (0, 1)  # a slow disk is a finding, and may be the truth here
    told = report["storage"]
    assert told["files"] == 12
    assert told["bytes"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert told["is_whole"]
    assert told["free_bytes"] > 0
    assert (told["file_system"], told["mounted_at"]) == storage.file_system(str(folder))
    for readers in ("readers_1", "readers_8"):
        assert told[readers]["warm"]["files"] == 6
        assert told[readers]["warm"]["bytes_per_s"] > 0
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


def test_file_system_is_the_deepest_mount() -> None:
    assert storage.file_system("/proc/self")[0] == "proc"
    assert storage.file_system("/")[1] == "/"


def test_slow_files_are_a_finding_with_the_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"files": 6, "files_per_s": 100.0, "bytes_per_s": 10_000_000, "median_ms": 9.0, "p95_ms": 20.0}
    monkeypatch.setattr(storage, "_cold", lambda paths, readers: rates)
    report, found = storage.examine_folder(str(folder), 2)
    assert report["readers_8"]["cold"] == rates
    assert "10 MB/s (100 files/s); 2 cores decode about 140 MB/s" in texts(found)
    assert f"stoker pack {folder} PACKED --form source" in texts(found)
    rates["bytes_per_s"] = 200_000_000
    assert storage.examine_folder(str(folder), 2)[1] == []


def test_a_network_file_system_is_a_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_cold", lambda paths, readers: None)
    monkeypatch.setattr(storage, "file_system", lambda folder: ("nfs4", "/home"))
    assert "(nfs4)" in texts(storage.examine_folder(str(folder), 2)[1])


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_folder_without_files_is_exit_code_3(place: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, report = run_doctor(str(tmp_path / place))
    assert (code, report) == (3, {})


# ---- packages, and what is printed ----


def test_two_opencvs_and_an_old_albumentations_are_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = dict.fromkeys((*doctor.PACKAGES, *doctor.OPENCV), "absent")
    assert doctor._of_packages(versions) == []
    versions |= {"opencv-python": "4.9", "opencv-python-headless": "4.11", "albumentations": "1.3.1"}
    found = texts(doctor._of_packages(versions))
    assert "opencv-python and opencv-python-headless are installed over each other" in found
    assert "Albumentations 1.3.1" in found


def test_text_names_every_finding_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(threads, "ask", lambda library: {"threads": 4096})
    assert doctor.doctor("text") >= 1
    out = capsys.readouterr().out
    assert "finding: " in out
    assert "    export OMP_NUM_THREADS=" in out or "    call cv2.setNumThreads(" in out
    assert "in order" not in out
