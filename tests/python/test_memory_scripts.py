"""Scripts over data in memory, with torch's loader and with stoker's: the same batches, the same model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

SCRIPTS = Path(__file__).parent / "scripts" / "memory"


def output_of(script: str, loader: str) -> str:
    command = [sys.executable, "-W", "ignore", str(SCRIPTS / script), loader]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_a_script_needs_no_change(script: str) -> None:
    assert output_of(script, "stoker.torch") == output_of(script, "torch.utils.data")
