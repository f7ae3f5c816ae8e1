"""Image folders made on the fly, and torchvision made importable."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torchvision_schemas

torchvision_schemas.define_missing()


def photo(height: int, width: int, seed: int) -> np.ndarray:
    """A smooth picture with an edge and some noise, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x * rng.uniform(0.02, 0.4) + y * rng.uniform(-0.3, 0.3) + c) for c in range(3)]
    picture = 120 + 90 * np.stack(waves, axis=-1) + rng.normal(0, 9, (height, width, 3))
    picture[height // 3 : height // 2, width // 4 : width // 2] = rng.integers(0, 255, 3)
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def _same_numbers_each_run(request: pytest.FixtureRequest) -> None:
    """Libraries that a parity test compares with draw from their global generators; a test is no lottery."""
    if not request.module.__name__.startswith("test_parity"):
        return
    random.seed(0)
    np.random.seed(0)
    pytest.importorskip("torch").manual_seed(0)


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that makes root/<class>/<file> of small JPEG and PNG files, some grey, palette or alpha."""
    image_module = pytest.importorskip("PIL.Image")

    def make(count: int = 12, *, size: tuple[int, int] | None = None, suffix: str | None = None) -> Path:
        root = tmp_path_factory.mktemp("images")
        for index in range(count):
            folder = root / f"class{index % 3}"
            folder.mkdir(exist_ok=True)
            height, width = size or (40 + 13 * (index % 5), 90 - 11 * (index % 4))
            image = image_module.fromarray(photo(height, width, index))
            kind = suffix or ("png" if index % 4 == 3 else "jpg")
            if index % 6 == 4:
                image = image.convert("L")
            elif index % 8 == 7 and kind == "png":
                image = image.convert("RGBA") if index % 16 == 7 else image.convert("P")
            image.save(folder / f"{index:03}.{kind}", **({"quality": 92} if kind == "jpg" else {}))
        return root

    return make


@pytest.fixture(scope="session")
def folder(make_folder: Callable[..., Path]) -> Path:
    """Twelve images of many sizes in three classes; nobody writes there."""
    return make_folder()
