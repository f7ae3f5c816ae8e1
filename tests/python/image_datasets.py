"""Datasets of image files, and whether the drop-in's batches of them are torch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stoker.torch import DataLoader


def paths_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def masks_of(folder: Path, root: Path, form: str = "L") -> list[Path]:
    """A mask of the size of each image, class numbers in blocks."""
    made = []
    for number, path in enumerate(paths_of(folder)):
        with Image.open(path) as image:
            width, height = image.size
        numbers = (np.indices((height, width)).sum(0) // 9 + number) % 5
        made.append(root / f"{number}.png")
        if form == "I;16":
            Image.fromarray((numbers * 1000).astype(np.uint16)).save(made[-1])
        else:
            Image.fromarray(numbers.astype(np.uint8)).convert(form).save(made[-1])
    return made


def assert_same(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    elif isinstance(theirs, (torch.Tensor, np.ndarray)):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert bool((ours == theirs).all())
    else:
        assert ours == theirs


def assert_as_torch(dataset: Any, **options: Any) -> list[Any]:
    loader = DataLoader(dataset, batch_size=5, shuffle=True, **options)
    assert loader.explain().startswith("tier: native"), loader.explain()
    torch.manual_seed(3)
    ours = list(loader)
    torch.manual_seed(3)
    theirs = list(torch.utils.data.DataLoader(dataset, batch_size=5, shuffle=True, **options))
    assert_same(ours, theirs)
    return ours


def as_given(samples: list[Any]) -> list[Any]:
    return samples
