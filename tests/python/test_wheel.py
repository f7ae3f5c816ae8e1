"""A wheel that was built here works where there is no compiler, no torch and no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOAD = """
import sys
import numpy as np
import stoker
assert "torch" not in sys.modules
steps = [stoker.resize(16), stoker.center_crop(16), stoker.to_float(), stoker.normalize(0.5, 0.25)]
count = 0
for images, labels in stoker.Loader(stoker.folder(sys.argv[1]), steps, batch_size=4):
    assert np.asarray(images).shape[1:] == (3, 16, 16) and np.isfinite(np.asarray(images)).all()
    count += len(labels)
print(count, stoker.__file__)
"""


def run(*command: str | Path, **options: object) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return str(result.stdout)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("scikit_build_core")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    run(*pip, "--no-build-isolation", "--no-deps", "-w", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert all(name.startswith(("stoker/", "stoker-")) for name in names)
    assert sum("/_native" in name and name.endswith(".so") for name in names) == 1
    assert {"stoker/__init__.py", "stoker/py.typed", "stoker/torch.py", "stoker/cli.py"} <= set(names)
    assert wheel.stat().st_size < 8e6


@pytest.mark.slow
def test_extension_shows_its_init_function_only(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    (extension,) = (tmp_path / "stoker").glob("_native*.so")
    run(sys.executable, ROOT / "tools" / "check_exports.py", extension)


@pytest.mark.slow
def test_wheel_works_without_compiler_and_torch(
    wheel: Path, make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    home = tmp_path / "empty"
    venv.create(home, with_pip=True)
    # Only the new environment is on the path: no compiler, no cmake.
    clean = {"PATH": str(home / "bin"), "HOME": os.environ.get("HOME", str(tmp_path))}
    clean |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    python = home / "bin" / "python"
    run(
        python,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        wheel,
        env=clean,
        cwd=tmp_path,
    )
    images = make_folder(12, size=(40, 50))
    count, place = run(python, "-c", LOAD, images, env=clean, cwd=tmp_path).split()
    assert count == "12"
    assert place.startswith(str(home))
    assert "jpeg" in run(home / "bin" / "stoker", "doctor", env=clean, cwd=tmp_path)
