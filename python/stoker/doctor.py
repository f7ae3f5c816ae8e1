"""What this machine and this build can do."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from typing import Any

from stoker.machine.finding import Finding
from stoker.machine.limits import examine_limits
from stoker.machine.storage import examine_folder
from stoker.machine.threads import examine_threads

PACKAGES = ("numpy", "torch", "torchvision", "albumentations", "pillow")
OPENCV = (
    "opencv-python",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "opencv-python-headless",
)


def doctor(form: str, folder: str | None = None) -> int:
    """Prints what is there, as text or json; returns the number of findings.

    Raises:
        OSError: `folder` is no folder, or holds no file.
    """
    report = examine(folder)
    if form == "json":
        print(json.dumps(report, indent=1))
        return len(report["findings"])
    for name, value in report.items():
        if name not in ("findings", "notes"):
            print("\n".join(_lines(name, value)))
    for level in ("findings", "notes"):
        for each in report[level]:
            print(f"{level[:-1]}: {each['what']}\n    {each['remedy']}")
    if not report["findings"]:
        print("in order")
    return len(report["findings"])


def examine(folder: str | None = None) -> dict[str, Any]:
    """Everything that `stoker doctor` knows, as JSON values.

    `findings` cost speed or fail, `notes` do so only in some jobs; each has area, what and remedy.
    """
    versions = _versions()
    report: dict[str, Any] = {"versions": versions}
    findings = _of_packages(versions)
    affinity, quota, local_world_size = len(os.sched_getaffinity(0)), None, 1
    share = float(affinity)
    try:
        from stoker import _native
    except ImportError as error:
        findings.append(Finding("engine", f"the engine does not load: {error}", "install stoker again"))
    else:
        build = _native.build_info()
        cores = _native.usable_cores()
        affinity, quota, local_world_size = cores["affinity"], cores["quota"], cores["local_world_size"]
        share = cores["share"]
        report["stoker"] = build["version"]
        report["codecs"] = build["codecs"]
        report["instruction_sets"] = build["targets"]
        report["instruction_set_used"] = build["target_in_use"]
        report["cores_seen"] = os.cpu_count()
        report["cores_usable"] = cores
        report["drop_in"] = _drop_in(versions)
        if build["target_in_use"] != build["targets"][0]:
            what = (
                f"instruction set {build['target_in_use']} is in use, {build['targets'][0]} would be faster"
            )
            findings.append(Finding("engine", what, "unset STOKER_TARGET"))
    usable = affinity if quota is None else min(affinity, quota)
    report["limits"], found, notes = examine_limits(affinity, quota)
    findings += found
    report["threads"], found, more_notes = examine_threads(
        share * local_world_size,
        local_world_size,
        has_torch=versions["torch"] != "absent",
        has_opencv=any(versions[name] != "absent" for name in OPENCV),
    )
    findings += found
    if folder is not None:
        report["storage"], found = examine_folder(folder, max(1, int(usable)))
        findings += found
    report["findings"] = [each.to_dict() for each in findings]
    report["notes"] = [each.to_dict() for each in [*notes, *more_notes]]
    return report


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in (*PACKAGES, *OPENCV):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def _of_packages(versions: dict[str, str]) -> list[Finding]:
    found = []
    both = [name for name in OPENCV if versions[name] != "absent"]
    if len(both) > 1:
        what = f"{' and '.join(both)} are installed over each other"
        found.append(Finding("packages", what, f"pip uninstall {' '.join(both)}; pip install {both[-1]}"))
    albumentations = versions["albumentations"]
    if albumentations != "absent" and not albumentations.startswith("2.0."):
        what = f"Albumentations {albumentations} is installed; only pipelines of 2.0 run natively"
        found.append(Finding("packages", what, "pip install albumentations==2.0.8"))
    return found


def _drop_in(versions: dict[str, str]) -> str:
    if versions["torch"] == "absent":
        return "needs torch; stoker.Loader works without"
    if versions["torchvision"] == "absent" and versions["albumentations"] == "absent":
        return "neither torchvision nor Albumentations is here to be recognised"
    return "from stoker.torch import DataLoader"


def _lines(name: str, value: Any, indent: str = "") -> list[str]:
    """A value of the report as text; what holds further dicts has a line for each."""
    head = f"{indent}{name.replace('_', ' '):{24 - len(indent)}}"
    if not isinstance(value, dict):
        return [head + _shown(name, value)]
    flat = {key: each for key, each in value.items() if not isinstance(each, dict)}
    line = ", ".join(f"{key.replace('_', ' ')} {_shown(key, each)}" for key, each in flat.items())
    lines = [(head + line).rstrip()] if line or not value else [head.rstrip()]
    for key, each in value.items():
        if isinstance(each, dict) and each:
            lines += _lines(key, each, indent + "  ")
    return lines


def _shown(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if value is None:
        return "none"
    if name.endswith("bytes") and isinstance(value, int):
        return f"{value / 2**30:.1f} GiB" if value >= 2**30 else f"{value / 2**10:.0f} KiB"
    if name == "bytes_per_s":
        return f"{value / 1e6:.0f} MB/s"
    return f"{value:.3g}" if isinstance(value, float) and value < 100 else str(value)
