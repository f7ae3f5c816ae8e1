"""Rows of the parity table: what the parity tests found, and the page made of them.

STOKER_PARITY=rows.jsonl pytest tests/python/test_parity_*.py tests/python/test_mixing.py
python tests/python/parity.py rows.jsonl > docs/parity.md
"""

from __future__ import annotations

import atexit
import importlib.metadata
import json
import math
import os
import re
import sys
from pathlib import Path
from typing import Any

# Why results may differ, for the page: (operator, dtype or "") and the reason.
REASONS = {
    ("random_gamma", "float32"): "another power function: the last bit",
    ("to_gray", "float32"): "another order of the sum: the last bit",
    ("brightness_contrast", "float32"): "the image's mean is summed in another order: the last bit",
    ("gaussian_blur_torch", "uint8"): "torch's weights differ in the last bit",
    ("gaussian_blur_torch", "float32"): "torch's weights differ in the last bits",
    ("gaussian_blur", "uint16"): "against float64: the taps are float32",
    ("gaussian_blur", "int16"): "against float64: the taps are float32",
    ("sharpen", "uint16"): "against float64: the taps are float32",
    ("sharpen", "int16"): "against float64: the taps are float32",
    ("gauss_noise", "uint8"): "noise of its own, of the same distribution",
    ("iso_noise", "uint8"): "noise of its own, of the same distribution",
    ("perspective", "float32"): "cubic and Lanczos weights of float images are summed in another order",
    (
        "optical_distortion",
        "float32",
    ): "cubic and Lanczos weights of float images are summed in another order",
    ("optical_distortion", "uint8"): "fisheye: another arctangent moves single pixels; all else is equal",
}

rows: list[dict[str, Any]] = []


def parity_row(
    operator: str, library: str, dtype: str, differing: float, largest: float, mean: float, **more: Any
) -> None:
    """Adds one row.

    Args:
        operator: The operator, with the parameters that matter.
        library: What it was compared with, and its version.
        dtype: The element type of the images.
        differing: Share of samples that differ.
        largest: The largest difference, in levels or in the dtype's own unit.
        mean: The mean difference.
        more: Further columns.
    """
    rows.append(
        {
            "operator": operator,
            "library": library,
            "dtype": dtype,
            "differing": differing,
            "largest": largest,
            "mean": mean,
            **more,
        }
    )


def draw_row(operator: str, library: str, value: str, test: str, draws: int, p_value: float) -> None:
    """Adds one comparison of drawn numbers.

    Args:
        operator: The operator or group.
        library: Whose numbers they were compared with; "exact" for the distribution itself.
        value: The drawn value.
        test: "KS" or "chi-square".
        draws: Numbers of each side.
        p_value: Of the hypothesis that both sides draw alike.
    """
    rows.append(
        {
            "draws_of": operator,
            "library": library,
            "value": value,
            "test": test,
            "draws": draws,
            "p_value": p_value,
        }
    )


@atexit.register
def _write() -> None:
    name = os.environ.get("STOKER_PARITY")
    if name and rows:
        with Path(name).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


# ---- the page ----


def _operator_of(text: str) -> str:
    """ "Affine {...} border 0 keypoints" -> "affine, keypoints"; "blur (3)" -> "blur"."""
    name = re.split(r"[ ,({]", text, maxsplit=1)[0]
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if name in ("boxes", "keypoints"):
        return f"formats and filtering of {name}"
    return name + "".join(f", {what}" for what in ("boxes", "keypoints", "mask") if text.endswith(what))


def _library_of(text: str) -> str:
    lower = text.lower()
    if lower.startswith("albumentations"):
        return "Albumentations"
    if lower.startswith("torchvision"):
        return "torchvision"
    return "float64 arithmetic"


def _page(everything: list[dict[str, Any]]) -> str:
    found = [row for row in everything if "operator" in row]
    drawn = [row for row in everything if "draws_of" in row]
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in found:
        dtype = {"float": "float32"}.get(row["dtype"], row["dtype"].removeprefix("torch."))
        groups.setdefault((_operator_of(row["operator"]), _library_of(row["library"]), dtype), []).append(row)
    versions = {
        name: importlib.metadata.version(name)
        for name in ("albumentations", "opencv-python-headless", "torchvision", "torch", "pillow")
    }
    exact = [key for key, group in groups.items() if all(row["differing"] == 0 for row in group)]
    lines = [
        "# Parity",
        "",
        "What the tests found when stoker's operators and the libraries' own were given the same images and",
        "the same drawn parameters, at odd sizes, with all the options that an operator has.",
        f"{', '.join(f'{name} {version}' for name, version in versions.items())}.",
        f"Of {len(groups)} rows {len(exact)} are exact, not one value differs; `cases` are parameter sets.",
        "Differences are in levels (integers) or fractions (floats in 0 to 1). Written by `./dev parity`.",
        "",
        "| operator | library | dtype | cases | differing | largest | mean | why |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for operator, library, dtype in sorted(groups):
        group = groups[operator, library, dtype]
        head = f"| {operator} | {library} | {dtype} | {len(group)} "
        reason = REASONS.get((operator, dtype), "")
        if (operator, library, dtype) in exact:
            lines.append(f"{head}| exact | | | |")
        elif any(math.isnan(row["differing"]) for row in group):
            lines.append(f"{head}| by distribution | | | {reason} |")
        else:
            share = sum(row["differing"] for row in group) / len(group)
            mean = sum(row["mean"] for row in group) / len(group)
            largest = max(row["largest"] for row in group)
            assert reason, f"{operator} {dtype}: {largest} at most, and nothing says why"
            lines.append(f"{head}| {share:.2%} | {largest:.2g} | {mean:.1g} | {reason} |")
    return "\n".join([*lines, *_draws(drawn)]) + "\n"


def _draws(found: list[dict[str, Any]]) -> list[str]:
    """The second table: whether stoker's own draws are distributed as the library's."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in found:
        groups.setdefault((row["draws_of"], row["library"]), []).append(row)
    lines = [
        "",
        "## Draws",
        "",
        "Whether the numbers that stoker draws are distributed as the library's own, or as the parameters",
        "say (`exact`): by Kolmogorov and Smirnov's test for many values, by chi-square for few.",
        f"Seeds are fixed. Of {len(found)} comparisons the least p-value is"
        f" {min((row['p_value'] for row in found), default=1):.2g}; below 0.0001 a test fails.",
        "",
        "| operator or group | compared with | values | tests | draws | least p-value |",
        "| --- | --- | --- | --- | ---: | ---: |",
    ]
    for (operator, library), group in sorted(groups.items()):
        values = ", ".join(dict.fromkeys(row["value"] for row in group))
        test = ", ".join(dict.fromkeys(row["test"] for row in group))
        draws = max(row["draws"] for row in group)
        least = min(row["p_value"] for row in group)
        lines.append(f"| {operator} | {library} | {values} | {test} | {draws} | {least:.2g} |")
    return lines


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    sys.stdout.write(_page([json.loads(line) for line in lines]))
