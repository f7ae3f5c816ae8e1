"""Fails where a file of the engine includes what its folder must not know; see docs/how-it-works.md."""

import re
import sys
from pathlib import Path

STEPS = {"source", "fetch", "decode", "transform", "batch", "measure"}
ENGINE = {"base", "run", *STEPS}
# Folder: the folders of stoker that it may include, itself aside. Arrows never turn back.
ALLOWED = {
    "base": set(),
    **{step: {"base"} for step in STEPS},
    "run": {"base", *STEPS},
    "pack": ENGINE,
    "advise": ENGINE,
    "python": {"pack", "advise", *ENGINE},
}
# Header pattern, folders, whether headers may include it too, and the reason.
THIRD_PARTY = [
    (r"j(peglib|error|config|morecfg)\.h|png\.h|webp/|tiff", {"decode"}, True, "codecs stay in decode/"),
    (
        r"hwy/",
        {"base", "decode", "transform", "batch", "measure"},
        False,
        "Highway stays in kernels, in .cc files only",
    ),
    (r"xxhash", {"base"}, False, "hashes come from base/hash.h"),
    (r"nanobind/|Python\.h|pybind11/|numpy/", {"python"}, True, "Python headers stay in python/"),
    (r"gtest/|gmock/|benchmark/", set(), False, "tests and benchmarks are outside the engine"),
    (r"torch/|ATen/|c10/|cuda", set(), False, "torch and CUDA are never linked"),
    (r"\w*intrin\.h|arm_neon\.h|arm_sve\.h", set(ALLOWED), False, "vector headers belong in .cc files"),
]
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')


def broken_rule(folder: str, is_header: bool, quoted: bool, included: str) -> str | None:
    if included.startswith("stoker/"):
        target = included.split("/")[1]
        if target == folder or target in ALLOWED[folder]:
            return None
        known = ", ".join(sorted(ALLOWED[folder])) or "no other folder"
        return f"{folder}/ may include {known}; not {target}/"
    if quoted:
        return "headers of the engine are included as stoker/<folder>/<file>, others in <>"
    for pattern, folders, in_headers, reason in THIRD_PARTY:
        if re.match(pattern, included) and (folder not in folders or (is_header and not in_headers)):
            return reason
    return None


def findings(root: Path) -> list[str]:
    found = []
    for path in sorted(root.rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        folder = path.relative_to(root).parts[0]
        if folder not in ALLOWED:
            found.append(f"{path}:1: {folder} is no folder of the engine: {', '.join(sorted(ALLOWED))}")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if match := INCLUDE.match(line):
                rule = broken_rule(folder, path.suffix == ".h", match[1] == '"', match[2])
                if rule:
                    found.append(f"{path}:{number}: {match[2]}: {rule}")
    return found


if __name__ == "__main__":
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "src/stoker")
    problems = findings(root)
    print("\n".join(problems) or f"includes of {root}: in order")
    sys.exit(bool(problems))
