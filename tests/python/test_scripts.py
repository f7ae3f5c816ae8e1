"""What users write around a DataLoader, as scripts: torch's class and stoker's give the same lines."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from stoker.torch import DataLoader  # noqa: E402

SCRIPTS = Path(__file__).parent / "scripts"

# What makes the batches in each of them.
ITERATORS = {
    "accelerate_adapter": {"NativeIterator"},
    "detection_training": {"NativeIterator"},
    "detectron2_iterable": {"_ProcessIterator"},
    "graph_batches": {"_ProcessIterator"},
    "imagenet_example": {"NativeIterator"},
    "lightning_rebuild": {"NativeIterator"},
    "open_clip_stream": {"_ProcessIterator"},
    "own_image_dataset": {"NativeIterator"},
    "own_dataset_on_threads": {"ThreadIterator", "_ProcessIterator"},
    "segmentation_training": {"NativeIterator"},
    "tensors_tutorial": {"RowsIterator"},
    "timm_multi_epoch": {"NativeIterator"},
    "torchgeo_windows": {"_ProcessIterator"},
    "torchvision_reference": {"NativeIterator"},
    "transformers_trainer": {"_ProcessIterator"},
    "ultralytics_infinite": {"_ProcessIterator"},
}


def test_every_script_is_listed() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.py")} == set(ITERATORS)


@pytest.mark.parametrize("name", ITERATORS)
def test_script(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: set[str] = set()
    get_iterator = DataLoader._get_iterator

    def noting(self: Any) -> Any:
        iterator = get_iterator(self)
        made.add(type(iterator).__name__)
        if type(iterator).__name__ == "NativeIterator":
            assert self.explain().startswith("tier: native")
        return iterator

    monkeypatch.setattr(DataLoader, "_get_iterator", noting)
    # By name, so that worker processes can send back what its classes make.
    monkeypatch.syspath_prepend(str(SCRIPTS))
    main = importlib.import_module(name).main
    ours = main(DataLoader, folder)
    assert ours
    assert ours == main(torch.utils.data.DataLoader, folder)
    assert made == ITERATORS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ITERATORS)
def test_script_on_its_own(name: str, folder: Path) -> None:
    code = f"""
import runpy, sys
sys.path.insert(0, {str(SCRIPTS.parent)!r})
import torchvision_schemas
torchvision_schemas.define_missing()
runpy.run_path({str(SCRIPTS / f"{name}.py")!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    told = [line for line in done.stderr.splitlines() if not line.startswith("DataLoader over ")]
    assert not told
