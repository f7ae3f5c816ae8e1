"""What this machine and this build can do, and how fast the native loader is on a folder."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "torch", "torchvision", "albumentations", "opencv-python-headless", "pillow")
SUFFIXES = (".jpg", ".jpeg", ".png")


def doctor(form: str) -> list[str]:
    """Prints what is there, as text or json; returns the findings."""
    report = examine()
    if form == "json":
        print(json.dumps(report, indent=1))
    else:
        for name, value in report.items():
            if name == "findings":
                continue
            if isinstance(value, dict):
                shown = {key: "none" if each is None else each for key, each in value.items()}
                value = ", ".join(f"{key.replace('_', ' ')} {each}" for key, each in shown.items())
            elif isinstance(value, list):
                value = ", ".join(map(str, value))
            print(f"{name.replace('_', ' '):22} {value}")
        for finding in report["findings"]:
            print(f"finding: {finding}")
        if not report["findings"]:
            print("in order")
    findings: list[str] = report["findings"]
    return findings


def examine() -> dict[str, Any]:
    findings = []
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    report: dict[str, Any] = {"versions": versions}
    try:
        from stoker import _native
    except ImportError as error:
        findings.append(f"the engine does not load: {error}; install the package again")
    else:
        build = _native.build_info()
        cores = _native.usable_cores()
        targets = build["targets"]
        report["stoker"] = build["version"]
        report["codecs"] = build["codecs"]
        report["instruction_sets"] = targets
        report["instruction_set_used"] = build["target_in_use"]
        report["cores_seen"] = os.cpu_count()
        report["cores_usable"] = cores
        if build["target_in_use"] != targets[0]:
            findings.append(
                f"the instruction set {build['target_in_use']} is in use, {targets[0]} would be faster; "
                "unset STOKER_TARGET"
            )
        if versions["torch"] == "absent":
            report["drop_in"] = "needs torch; stoker.Loader works without"
        elif versions["torchvision"] == "absent" and versions["albumentations"] == "absent":
            report["drop_in"] = "neither torchvision nor Albumentations is here to be recognised"
        else:
            report["drop_in"] = "from stoker.torch import DataLoader"
    report["findings"] = findings
    return report


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


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def bench(
    folder: str, size: int, batch_size: int, threads: str, rounds: int, images: int, form: str
) -> dict[str, Any]:
    """Reads the images again and again; prints medians and quartiles over the rounds."""
    import stoker

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
            count += len(batch[0] if isinstance(batch, tuple | list) else batch)
        wall, cpu = time.perf_counter() - start, cpu_seconds() - cpu
        if number > 0:  # the first round fills the page cache
            rates.append(count / wall)
            costs.append(cpu / count * 1e3)
        print(f"round {number}/{rounds}: {count / wall:.0f} images/s", file=sys.stderr)
    loader.close()
    report: dict[str, Any] = {
        "images_a_round": len(paths),
        "rounds": rounds,
        "images_per_s": dict(zip(("low", "median", "high"), quartiles(rates), strict=True)),
        "cpu_ms_per_image": dict(zip(("low", "median", "high"), quartiles(costs), strict=True)),
    }
    if form == "json":
        print(json.dumps(report, indent=1))
    else:
        rate, cost = report["images_per_s"], report["cpu_ms_per_image"]
        print(f"{rate['median']:.0f} images/s [{rate['low']:.0f}, {rate['high']:.0f}]")
        print(f"{cost['median']:.2f} CPU ms/image [{cost['low']:.2f}, {cost['high']:.2f}]")
        print(f"median and quartiles of {rounds} rounds of {len(paths)} images")
    return report
