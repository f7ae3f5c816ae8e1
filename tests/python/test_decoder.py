"""Which code decodes a JPEG: counted, explained, chosen, and never seen in the pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from images import encode, picture

import stoker
import stoker.torch

BASELINE, PROGRESSIVE = 5, 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decoder")
    (folder / "all").mkdir()
    for index in range(BASELINE + PROGRESSIVE):
        pixels = picture(40, 50, seed=index)
        data = encode(pixels, "JPEG", progressive=index >= BASELINE, subsampling=2 * (index % 2))
        (folder / "all" / f"{index}.jpg").write_bytes(data)
    (folder / "all" / "png.png").write_bytes(encode(picture(40, 50), "PNG"))
    return folder


def routes(counters: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in counters["decode_routes"].items() if count}


def loader(root: Path, **options: Any) -> stoker.Loader:
    operators = [stoker.random_resized_crop(16)]
    return stoker.Loader(stoker.folder(root), operators, batch_size=4, threads=2, **options)


def test_each_jpeg_is_counted_by_its_decoder(root: Path) -> None:
    with loader(root) as own:
        batches = [np.array(images) for images, _ in own]
        assert routes(own.counters()) == {"own": BASELINE, "progressive": PROGRESSIVE}
        assert "own decoder" in own.explain()
    with loader(root, decoder="libjpeg-turbo") as forced:
        for expected, (images, _) in zip(batches, forced, strict=True):
            np.testing.assert_array_equal(np.asarray(images), expected)
        assert routes(forced.counters()) == {"asked": BASELINE + PROGRESSIVE}
        assert "all by libjpeg-turbo" in forced.explain()


def test_the_drop_in_takes_the_decoder(root: Path) -> None:
    transform = torchvision.transforms.Compose(
        [torchvision.transforms.CenterCrop(24), torchvision.transforms.ToTensor()]
    )
    dataset = torchvision.datasets.ImageFolder(str(root), transform)
    own = stoker.torch.DataLoader(dataset, batch_size=4)
    forced = stoker.torch.DataLoader(dataset, batch_size=4, decoder="libjpeg-turbo")
    for (ours, _), (theirs, _) in zip(own, forced, strict=True):
        assert torch.equal(ours, theirs)
    assert routes(own.counters()) == {"own": BASELINE, "progressive": PROGRESSIVE}
    assert routes(forced.counters()) == {"asked": BASELINE + PROGRESSIVE}
    assert "all by libjpeg-turbo" in forced.explain()
    forced.decoder = "auto"  # looked at by the next epoch
    assert "own decoder" in forced.explain()


def test_a_damaged_jpeg_is_not_counted_as_decoded(root: Path, tmp_path: Path) -> None:
    whole = (root / "all" / "0.jpg").read_bytes()
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "all" / "whole.jpg").write_bytes(whole)
    with loader(tmp_path, on_error="skip", max_bad=1) as damaged:
        assert len(list(damaged)) == 1
        assert routes(damaged.counters()) == {"own": 1}
