"""Scenes of 13 bands, uint16: statistics computed once, decoding done once; nothing else is changed.

    python examples/satellite.py

Both sides use stoker to read, crop and flip. Before: a pass over the data at every start finds mean and
deviation, and the training loop normalises each batch. After: both are in a file, normalisation is part of
the pass that writes the batch, and the scenes are packed as raw pixels.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from made_data import scenes
from measuring import show, show_bounds, take_turns

import stoker

DECODING = {"color": "unchanged", "image_dtype": "uint16"}
OPTIONS: dict[str, Any] = {"batch_size": 16, "shuffle": True, "seed": 1, **DECODING}
CROP = [stoker.random_crop(224), stoker.horizontal_flip(), stoker.vertical_flip()]


class Classifier:
    """Softmax regression on the mean and the deviation of each band."""

    def __init__(self, features: int, classes: int) -> None:
        self.weights = np.zeros((features, classes), np.float32)
        self.loss = 0.0

    def step(self, images: np.ndarray, labels: np.ndarray) -> None:
        features = np.concatenate([images.mean(axis=(2, 3)), images.std(axis=(2, 3))], axis=1)
        scores = features @ self.weights
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        self.loss = float(-np.log(shares[np.arange(len(labels)), labels] + 1e-9).mean())
        shares[np.arange(len(labels)), labels] -= 1
        self.weights -= 0.1 * features.T @ shares / len(labels)


def statistics_by_hand(source: stoker.Source) -> tuple[np.ndarray, np.ndarray]:
    """A pass over all scenes, as many scripts have one at their beginning."""
    count, total, squares = 0, 0.0, 0.0
    for images, _ in stoker.Loader(source, batch_size=8, dtype="uint16", **DECODING):
        values = images.astype(np.float64)
        count += values.shape[0] * values.shape[2] * values.shape[3]
        total, squares = total + values.sum(axis=(0, 2, 3)), squares + (values**2).sum(axis=(0, 2, 3))
    mean = total / count
    return mean.astype(np.float32), np.sqrt(squares / count - mean**2).astype(np.float32)


def epoch_before(loader: stoker.Loader, mean: np.ndarray, std: np.ndarray, losses: list[float]) -> int:
    model, count = Classifier(2 * len(mean), 4), 0
    loader.set_epoch(0)
    with loader:  # closed, so that the next epoch is not begun before its turn
        for images, labels in loader:
            images = (images - mean[:, None, None]) / std[:, None, None]
            model.step(images, labels)
            count += len(images)
    losses.append(model.loss)
    return count


def epoch_after(loader: stoker.Loader, bands: int, losses: list[float]) -> int:
    model, count = Classifier(2 * bands, 4), 0
    loader.set_epoch(0)
    with loader:
        for images, labels in loader:
            model.step(images, labels)
            count += len(images)
    losses.append(model.loss)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="to profile each loader")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = stoker.files(*scenes(Path(folder, "data"), args.images))

        start = time.perf_counter()
        mean, std = statistics_by_hand(source)
        by_hand = time.perf_counter() - start
        start = time.perf_counter()
        stoker.compute_statistics(source, **DECODING).save(f"{folder}/train.stats.json")
        computed = time.perf_counter() - start
        start = time.perf_counter()
        statistics = stoker.Statistics.load(f"{folder}/train.stats.json")
        loaded = time.perf_counter() - start
        print(
            f"statistics: by hand {by_hand:.2f} s at every start; computed once {computed:.2f} s, "
            f"loaded {loaded:.3f} s"
        )
        assert np.allclose(statistics.mean, mean, rtol=1e-5)
        assert np.allclose(statistics.std, std, rtol=1e-3)

        steps = [*CROP, stoker.normalize(statistics)]
        packed = stoker.pack(source, f"{folder}/packed", steps, **DECODING)
        print(f"packed: {packed.bytes / 2**20:.0f} MiB of raw pixels\n{packed.reason}")

        shards = stoker.shards(f"{folder}/packed", operators=steps)
        plain = stoker.Loader(source, CROP, **OPTIONS)
        normalized, from_shards = (
            stoker.Loader(source, steps, **OPTIONS),
            stoker.Loader(shards, steps, **OPTIONS),
        )
        wanted = next(iter(normalized))[0]
        difference = np.abs(next(iter(from_shards))[0] - wanted).max()
        theirs = (next(iter(plain))[0] - mean[:, None, None]) / std[:, None, None]
        rounding = np.abs(theirs - wanted).max()
        print(f"largest difference: shards {difference:g}, normalised by hand {rounding:.1g} of deviation 1")
        assert difference == 0 and rounding < 1e-2

        losses: list[float] = []
        bands = len(statistics.mean)
        ways = {
            "before: normalised in the loop": lambda: epoch_before(plain, mean, std, losses),
            "statistics: normalised by the loader": lambda: epoch_after(normalized, bands, losses),
            "after: statistics and packed scenes": lambda: epoch_after(from_shards, bands, losses),
        }
        show("an epoch, training included", take_turns(ways, args.rounds))
        print(f"loss after an epoch: {min(losses):.4f} to {max(losses):.4f} over all runs")
        model = Classifier(2 * bands, 4)
        loops = {
            "statistics": (normalized, lambda batch: model.step(*batch)),
            "statistics and packed scenes": (from_shards, lambda batch: model.step(*batch)),
        }
        show_bounds(loops, args.seconds)


if __name__ == "__main__":
    main()
