"""What the documents say is so: examples run, links lead somewhere, generated pages are current."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def python_examples() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        found += [(f"{page.name}-{number}", block) for number, block in enumerate(blocks)]
    return found


def test_the_readme_has_examples() -> None:
    assert len([name for name, _ in python_examples() if name.startswith("README.md")]) >= 2


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in python_examples()])
def test_example_runs(code: str, make_folder: Callable[..., Path], tmp_path: Path) -> None:
    if "torchvision" in code:
        pytest.importorskip("torchvision")
    shutil.copytree(make_folder(12, size=(60, 70), suffix="jpg"), tmp_path / "train")
    head = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    if "torchvision" in code:
        head += "import torchvision_schemas; torchvision_schemas.define_missing()\n"
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", head + code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_counter_is_explained() -> None:
    import numpy as np

    import stoker

    loader = stoker.Loader(stoker.arrays(np.zeros((4, 256, 256, 3), np.uint8)), batch_size=2, threads=1)
    for _ in loader:
        pass
    counters = loader.counters()
    names = {*counters, *counters["threads"][0]}
    page = (ROOT / "docs" / "counters.md").read_text()
    assert names - set(re.findall(r"`(\w+)`", page)) == set()


@pytest.mark.parametrize("script", ["make_docs.py", "make_stubs.py"])
def test_generated_files_are_current(script: str) -> None:
    if script == "make_stubs.py":
        pytest.importorskip("nanobind")
        pytest.importorskip("ruff")
    command = [sys.executable, str(ROOT / "tools" / script), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_include_rules_hold() -> None:
    command = [sys.executable, "tools/check_includes.py"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("folder", "file", "line", "reason"),
    [
        ("base", "x.h", "#include <immintrin.h>", "vector headers"),
        ("transform", "x.cc", '#include "stoker/decode/decoder.h"', "may include base"),
        ("run", "x.cc", '#include "stoker/python/module.h"', "not python/"),
        ("fetch", "x.cc", "#include <jpeglib.h>", "codecs stay"),
        ("batch", "x.h", "#include <hwy/highway.h>", ".cc files only"),
        ("helpers", "x.h", "", "no folder of the engine"),
    ],
)
def test_broken_include_rules_are_named(
    folder: str, file: str, line: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / file).write_text(f"\n{line}\n")
    command = [sys.executable, str(ROOT / "tools" / "check_includes.py"), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert reason in result.stdout
    assert f"{folder}/{file}:{2 if line else 1}:" in result.stdout
