"""Writes docs/operators.md from the registry of the engine; --check only says whether it is current."""

import argparse
import sys
from pathlib import Path

from stoker import _native, operators

PAGE = Path(__file__).parent.parent / "docs" / "operators.md"
CLASSES = {
    "table": "each channel value through a function of itself",
    "reduced-table": "each channel value through a function of itself, once a figure over the image is known",
    "point": "each pixel through a function of itself, across channels",
    "index-map": "moves pixels",
    "resample": "one interpolating resample, perhaps of a crop",
    "neighbourhood": "reads around each pixel",
    "noise": "random for each pixel",
}


def allowed(parameter: dict) -> str:
    if parameter["kind"] == "choice":
        return ", ".join(f"`{choice!r}`" for choice in parameter["choices"])
    if parameter["kind"] == "boolean":
        return "`True`, `False`"
    text = f"{parameter['low']:g} to {parameter['high']:g} {parameter['unit']}".rstrip()
    if parameter["kind"] == "numbers":
        low, high = parameter["min_count"], parameter["max_count"]
        count = str(low) if low == high else f"{low} to {high}"
        text = f"{count} number{'s' if high > 1 else ''}, {text}"
    return text


def shown_default(parameter: dict) -> str:
    if parameter["is_required"]:
        return "required"
    value = parameter["default"]
    if isinstance(value, (list, tuple)):
        return "`(" + ", ".join(f"{number:g}" for number in value) + ")`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value!r}`"


def section(info: dict) -> str:
    function = getattr(operators, info["name"])
    kind = CLASSES.get(info["operator_class"], info["operator_class"])
    lines = [f"## {info['name']}", "", f"`stoker.{info['name']}{function.__signature__}`", ""]
    lines += [info["summary"], "", info["details"], "", f"Kind: {kind}.", ""]
    if info["parameters"]:
        lines += ["| parameter | default | allowed | |", "| --- | --- | --- | --- |"]
        for each in info["parameters"]:
            lines.append(f"| `{each['name']}` | {shown_default(each)} | {allowed(each)} | {each['doc']} |")
        lines.append("")
    return "\n".join(lines)


def page() -> str:
    head = (
        "# Operators\n\nMade from the registry of the engine by `tools/make_docs.py`; not edited by hand.\n\n"
    )
    return head + "\n".join(section(info) for info in _native.operators())


def write_or_check(path: Path, text: str, check: bool) -> bool:
    """Writes `text`, or says whether it is there already; True when all is well."""
    if check:
        if path.exists() and path.read_text() == text:
            return True
        print(f"{path} is not what the engine says; run the script without --check", file=sys.stderr)
        return False
    path.write_text(text)
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    sys.exit(not write_or_check(PAGE, page(), parser.parse_args().check))
