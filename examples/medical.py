"""Segmentation of 16-bit grey images with masks: what is expensive is done once, the rest natively.

    python examples/medical.py

The pipeline is written in Albumentations and stays as it is; `stoker.from_transforms` reads it. Statistics
are computed once and saved. The warps, which cost most, are frozen in a few variants of each sample; crop,
flip and normalisation stay online, new in every epoch.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

import albumentations as A
import cv2
import numpy as np
from made_data import radiographs
from measuring import cpu_seconds, show, show_bounds, take_turns

import stoker

DECODING = {"color": "gray", "image_dtype": "uint16"}
BATCH, EPOCHS, VARIANTS = 8, 60, 8


def pipeline(statistics: stoker.Statistics) -> A.Compose:
    return A.Compose(
        [
            A.ElasticTransform(alpha=80, sigma=8, p=1),
            A.Affine(rotate=(-15, 15), scale=(0.9, 1.1), p=1),
            A.GaussianBlur(p=0.3),
            A.RandomCrop(384, 384),
            A.HorizontalFlip(),
            A.Normalize([m / 65535 for m in statistics.mean], [s / 65535 for s in statistics.std]),
        ]
    )


def read(image: Path, mask: Path) -> tuple[np.ndarray, np.ndarray]:
    return cv2.imread(str(image), cv2.IMREAD_UNCHANGED)[..., None], cv2.imread(
        str(mask), cv2.IMREAD_UNCHANGED
    )


def epoch_before(compose: A.Compose, images: list[Path], masks: list[Path]) -> int:
    """As a Dataset does it, without worker processes: every step of every sample, in Python."""
    for begin in range(0, len(images), BATCH):
        batch = []
        for image, mask in zip(images[begin : begin + BATCH], masks[begin : begin + BATCH], strict=True):
            pixels, marks = read(image, mask)
            batch.append(compose(image=pixels, mask=marks))
        np.stack([each["image"] for each in batch]), np.stack([each["mask"] for each in batch])
    return len(images)


def epoch_after(loader: stoker.Loader) -> int:
    with loader:  # closed, so that the next epoch is not begun before its turn
        return sum(len(batch["image"]) for batch in loader)


def augment_only(compose: A.Compose, samples: list[tuple[np.ndarray, np.ndarray]]) -> int:
    for image, mask in samples:
        compose(image=image, mask=mask)
    return len(samples)


def check(images: list[Path], masks: list[Path], statistics: stoker.Statistics) -> None:
    """Where nothing is random, both must give the same pixels."""
    still = A.Compose([A.CenterCrop(384, 384), pipeline(statistics)[-1]])
    source = stoker.files(images, masks=masks)
    steps = stoker.from_transforms(still).operators
    batch = next(iter(stoker.Loader(source, steps, batch_size=len(images), layout="hwc", **DECODING)))
    wanted = [still(image=image, mask=mask) for image, mask in map(read, images, masks)]
    difference = np.abs(batch["image"] - np.stack([each["image"] for each in wanted])).max()
    assert (batch["mask"] == np.stack([each["mask"] for each in wanted])).all(), "masks differ"
    print(f"largest difference, nothing random: image {difference:.1g} of deviation 1, mask 0")
    assert difference < 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--size", type=int, default=512, help="side in pixels, at least 384")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="to profile each loader")
    args = parser.parse_args()
    cv2.setNumThreads(0)  # one thread for both
    with tempfile.TemporaryDirectory() as folder:
        images, masks = radiographs(Path(folder, "data"), args.images, args.size)
        source = stoker.files(images, masks=masks)

        statistics = stoker.compute_statistics(source, **DECODING)
        statistics.save(f"{folder}/train.stats.json")  # the next run loads it
        compose = pipeline(statistics)
        check(images, masks, statistics)

        steps = stoker.from_transforms(compose).operators
        cpu = cpu_seconds()
        packed = stoker.pack(source, f"{folder}/packed", steps, variants=VARIANTS, epochs=EPOCHS, **DECODING)
        print(f"\n{packed}")
        cost_ms = (cpu_seconds() - cpu) / len(images) * 1e3
        print(f"packed once for {cost_ms:.0f} CPU ms/sample, {packed.bytes / 2**20:.0f} MiB")

        shards = stoker.shards(f"{folder}/packed", operators=steps)
        options = {"batch_size": BATCH, "shuffle": True, "threads": 1, **DECODING}
        online, precomputed = stoker.Loader(source, steps, **options), stoker.Loader(shards, steps, **options)
        samples = [read(image, mask) for image, mask in zip(images, masks, strict=True)]
        ways = {
            "before: Albumentations, reading included": lambda: epoch_before(compose, images, masks),
            "before: Albumentations alone, from memory": lambda: augment_only(compose, samples),
            "native operators, reading included": lambda: epoch_after(online),
            f"after: {VARIANTS} variants, reading included": lambda: epoch_after(precomputed),
        }
        measured = take_turns(ways, args.rounds)
        show("an epoch on one core", measured)
        whole, alone, native, after = (median(cpu for _, cpu in measured[name]) for name in ways)
        print(
            f"\naugmentation: {alone:.2f} -> at most {after:.2f} CPU ms/sample, {1 - after / alone:.0%} less "
            "(the second counts reading and batching too)\n"
            f"packing pays after {cost_ms / (whole - after):.1f} epochs against Albumentations, after "
            f"{cost_ms / (native - after):.1f} against native operators"
        )
        loops = {"native operators": (online, None), f"{VARIANTS} variants": (precomputed, None)}
        show_bounds(loops, args.seconds)


if __name__ == "__main__":
    main()
