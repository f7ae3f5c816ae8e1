"""How fast the native loader is on a folder of images."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import stoker
from stoker.machine.clocks import cpu_seconds
from stoker.profiling.batches import samples_in
from stoker.profiling.comparing import quartiles

SUFFIXES = (".jpg", ".jpeg", ".png")


def find_images(folder: str) -> list[str]:
    """All JPEG and PNG files below `folder`, sorted. Raises FileNotFoundError when there is none."""
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"{folder} is no folder")
    paths = sorted(
        str(path) for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    if not paths:
        raise FileNotFoundError(f"{folder} holds no file that ends in {', '.join(SUFFIXES)}")
    return paths


def bench(
    folder: str, size: int, batch_size: int, threads: str, rounds: int, images: int, form: str
) -> dict[str, Any]:
    """Reads the images again and again; prints medians and quartiles over the rounds."""
    if threads != "auto" and not threads.isdigit():
        raise ValueError(f"threads must be a number or 'auto', got '{threads}'")
    paths = find_images(folder)
    paths = (paths * (images // len(paths) + 1))[:images]
    loader = stoker.Loader(
        stoker.files(paths),
        [
            stoker.random_resized_crop(size),
            stoker.horizontal_flip(p=0.5),
            stoker.normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ],
        batch_size=batch_size,
        shuffle=True,
        seed=1,
        threads=threads if threads == "auto" else int(threads),
    )
    rates, costs = [], []
    for number in range(rounds + 1):
        cpu, start, count = cpu_seconds(), time.perf_counter(), 0
        for batch in loader:
            count += samples_in(batch, batch_size)
        wall, cpu = time.perf_counter() - start, cpu_seconds() - cpu
        if number > 0:  # the first round fills the page cache
            rates.append(count / wall)
            costs.append(cpu / count * 1e3)
        print(f"round {number}/{rounds}: {count / wall:.0f} images/s", file=sys.stderr)
    loader.close()
    report: dict[str, Any] = {
        "images_a_round": len(paths),
        "rounds": rounds,
        "images_per_s": asdict(quartiles(rates)),
        "cpu_ms_per_image": asdict(quartiles(costs)),
    }
    if form == "json":
        print(json.dumps(report, indent=1))
    else:
        rate, cost = report["images_per_s"], report["cpu_ms_per_image"]
        print(f"{rate['median']:.0f} images/s [{rate['low']:.0f}, {rate['high']:.0f}]")
        print(f"{cost['median']:.2f} CPU ms/image [{cost['low']:.2f}, {cost['high']:.2f}]")
        print(f"median and quartiles of {rounds} rounds of {len(paths)} images")
    return report
