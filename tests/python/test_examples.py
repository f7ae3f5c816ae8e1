"""Every script in examples/ runs, on little data; each compares its answers itself before it measures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ("made_data", "measuring")

# Script: words that make it small, what it needs, and what it must say of its answers.
SCRIPTS = {
    "classification": (
        ["--images", "24", "--rounds", "1", "--seconds", "1"],
        ("torchvision",),
        "largest difference of a pixel, validation recipe: 0\n",
    ),
    "medical": (
        ["--images", "4", "--size", "400", "--rounds", "1", "--seconds", "1"],
        ("albumentations", "cv2"),
        "largest difference, nothing random: image 0 of deviation 1, mask 0\n",
    ),
    "satellite": (["--images", "8", "--rounds", "1", "--seconds", "1"], (), "largest difference: shards 0,"),
    "in_memory": (
        ["--images", "600", "--rounds", "1", "--seconds", "1"],
        ("torch",),
        "batches of one shuffled epoch are equal, bit for bit\n",
    ),
}


def test_every_script_is_tested() -> None:
    names = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert names == {*SCRIPTS, *MODULES}


@pytest.mark.parametrize("name", SCRIPTS)
def test_example_runs(name: str, tmp_path: Path) -> None:
    words, needed, said = SCRIPTS[name]
    for library in needed:
        pytest.importorskip(library)
    script = ROOT / "examples" / f"{name}.py"
    program = (
        "import runpy, sys\n"
        f"sys.path[:0] = [{str(script.parent)!r}, {str(Path(__file__).parent)!r}]\n"
        "import torchvision_schemas; torchvision_schemas.define_missing()\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert said in result.stdout
    # A row "before" and a row "after", with the ratio of the epochs and that of the CPU time.
    rows = re.findall(r"^(before|after)\b.*?\] +([\d.]+) .*\] +([\d.]+)$", result.stdout, re.MULTILINE)
    assert {row[0] for row in rows} == {"before", "after"}, result.stdout
    assert all(float(ratio) >= 0 for row in rows for ratio in row[1:])
    bounds = result.stdout.partition("what bounds it, by stoker.profile\n")[2]
    assert len(re.findall(r"Bound by .+\.$", bounds, re.MULTILINE)) == 2, result.stdout
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_ratios_are_taken_within_a_round(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import measuring

    # The machine slows down tenfold in the middle of the second round.
    measured = {
        "before": [(1.0, 10.0), (1.0, 10.0), (10.0, 100.0)],
        "after": [(0.5, 2.0), (5.0, 20.0), (5.0, 20.0)],
    }
    assert measuring.show("a job", measured) == {"before": 1.0, "after": pytest.approx(0.2)}
    out = capsys.readouterr().out
    assert re.search(r"^after +5 \[.*\] +0\.50 +20 \[.*\] +0\.20$", out, re.MULTILINE)


def test_ways_take_turns_after_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import measuring

    calls: list[str] = []

    def way(name: str) -> int:
        calls.append(name)
        return 4

    measured = measuring.take_turns({"before": lambda: way("b"), "after": lambda: way("a")}, 2)
    assert "".join(calls) == "bababa"
    assert [len(rounds) for rounds in measured.values()] == [2, 2]
