"""The engine installed as a C++ library, found by CMake, and the example built and run against it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(reader LANGUAGES CXX)
find_package(stoker 0.1 REQUIRED)
add_executable(folder "{example}")
target_link_libraries(folder PRIVATE stoker::stoker)
"""


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation of the engine; the build folder it came from is gone."""
    if shutil.which("cmake") is None or shutil.which("ninja") is None:
        pytest.skip("cmake and ninja are needed")
    build = tmp_path_factory.mktemp("build")
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DCMAKE_INSTALL_LIBDIR=lib")
    run("cmake", "--build", build)
    run("cmake", "--install", build, "--prefix", prefix)
    shutil.rmtree(build)
    return prefix


@pytest.mark.slow
def test_installed_headers_are_free_of_python_and_codecs(prefix: Path) -> None:
    headers = sorted((prefix / "include" / "stoker").rglob("*.h"))
    names = {str(header.relative_to(prefix / "include")) for header in headers}
    assert {"stoker/run/run.h", "stoker/source/source.h", "stoker/transform/operator.h"} <= names
    assert not any("python" in name for name in names)
    foreign = re.compile(r"#\s*include\s*[<\"](Python\.h|nanobind|numpy|hwy/|jpeglib\.h|gtest)")
    for header in headers:
        if header.name not in ("jpeg_session.h", "png_session.h"):
            assert not foreign.search(header.read_text()), header


@pytest.mark.slow
def test_example_reads_a_folder_through_the_installed_library(prefix: Path, tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(1)
    for index in range(10):
        folder = tmp_path / "images" / f"class{index % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (60 + index, 80, 3), dtype=np.uint8)
        image_module.fromarray(pixels).save(folder / f"{index}.{'png' if index % 3 else 'jpg'}")

    project = tmp_path / "project"
    project.mkdir()
    (project / "CMakeLists.txt").write_text(PROJECT.format(example=ROOT / "examples" / "folder.cc"))
    run("cmake", "-S", project, "-B", project / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", project / "build")
    program = project / "build" / "folder"

    outputs = [run(program, tmp_path / "images", 4, threads) for threads in (0, 2)]
    for output in outputs:
        first, last = output.splitlines()
        assert (mean := re.fullmatch(r"first batch: 4 images, mean (-?\d+\.\d{4})", first)), output
        assert 0 < float(mean[1]) < 0.6  # of even noise; 0.22 is (127.5 / 255 - 0.449) / 0.226
        assert re.fullmatch(r"10 images of 2 classes, [1-9]\d* images/s", last), output
    assert outputs[0].splitlines()[0] == outputs[1].splitlines()[0]

    failed = subprocess.run([program, tmp_path / "missing"], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "is no folder" in failed.stderr
