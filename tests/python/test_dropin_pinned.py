"""`pin_memory=True`: batches are written straight into fresh pinned tensors, and then are their holder's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from images import write_folder

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from torch.utils.data import TensorDataset  # noqa: E402

from stoker.torch import DataLoader  # noqa: E402


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty images, two of them cut short."""
    root = tmp_path_factory.mktemp("files")
    write_folder(root, 40, size=(40, 44))
    for path in sorted(root.rglob("*.jpg"))[3:30:20]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return root


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("memory", ["fence", "reuse"])
@pytest.mark.parametrize("kind", ["rows", "images", "files"])
def test_the_engine_keeps_to_memory_that_is_its_own(
    kind: str, memory: str, workers: int, files: Path
) -> None:
    program = Path(__file__).with_name("pinned_guards.py")
    command = [sys.executable, str(program), kind, memory, str(workers), str(files)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, f"exit code {result.returncode}\n{result.stderr}"
    assert result.stdout.startswith("ok ")


def test_without_an_accelerator_torch_says_so_and_nothing_is_pinned() -> None:
    if torch.accelerator.is_available():
        pytest.skip("there is an accelerator; test_gpu.py has the other case")
    loader = DataLoader(TensorDataset(torch.arange(4)), 2, pin_memory=True)
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert [batch[0].tolist() for batch in loader] == [[0, 1], [2, 3]]
