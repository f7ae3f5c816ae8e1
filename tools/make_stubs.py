"""Writes operators.pyi from the registry and _native.pyi from the extension; --check only compares."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from make_docs import write_or_check
from nanobind.stubgen import StubGen

from stoker import _native, operators

PACKAGE = Path(__file__).parent.parent / "python" / "stoker"
HEAD = "# Made by tools/make_stubs.py; not edited by hand.\n"
# The generator knows no element types, and strict checking asks for them; applied where types stand.
TYPED = [
    (r"Annotated\[NDArray, dict\([^)]*\)\]", "NDArray[Any]"),
    (r"\bdict\b(?!\[)", "dict[str, Any]"),
    (r"\b(list|Iterable)\b(?!\[)", r"\1[Any]"),
    (r"\btuple\b(?!\[)", "tuple[Any, ...]"),
    (r"-> object", "-> Any"),
    (r"\*\*(\w+)\)", r"**\1: Any)"),
]


def type_of(parameter: dict) -> str:
    if parameter["kind"] == "choice":
        return "Literal[" + ", ".join(f'"{choice}"' for choice in parameter["choices"]) + "]"
    return {"number": "float", "boolean": "bool", "numbers": "float | Sequence[float]"}[parameter["kind"]]


def shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(repr(number) for number in value) + ("," if len(value) == 1 else "") + ")"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def operator_stub(info: dict) -> str:
    by_name = {parameter["name"]: parameter for parameter in info["parameters"]}
    function = getattr(operators, info["name"])
    arguments, keyword_only = [], False
    for parameter in function.__signature__.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            arguments.append("*")
        text = f"{parameter.name}: {type_of(by_name[parameter.name])}"
        if parameter.default is not parameter.empty:
            text += f" = {shown(parameter.default)}"
        arguments.append(text)
    doc = "\n".join(f"    {line}".rstrip() for line in function.__doc__.splitlines()).strip()
    body = ",\n    ".join(arguments)
    return f'def {info["name"]}(\n    {body},\n) -> Operator:\n    """{doc}"""\n'


def operators_stub() -> str:
    infos = _native.operators()
    names = sorted(["Operator", *(info["name"] for info in infos)])
    listed = "".join(f'    "{name}",\n' for name in names)
    imports = "from collections.abc import Sequence\nfrom typing import Any, Literal\n\n"
    imports += "from stoker._native import Operator\n\n"
    functions = "\n".join(operator_stub(info) for info in infos)
    docstring = "def docstring(info: dict[str, Any]) -> str: ..."
    return f"{HEAD}{imports}__all__ = [\n{listed}]\n\n{docstring}\n{functions}"


def native_stub() -> str:
    generator = StubGen(_native)
    generator.put(_native)
    lines = generator.get().splitlines(keepends=True)
    for i, line in enumerate(lines):
        if re.match(r"\s*(def |\w+: )", line):
            for pattern, typed in TYPED:
                line = re.sub(pattern, typed, line)
            lines[i] = line
    imports = ("from typing import Annotated\n", "from typing import Annotated, Any\n")
    return HEAD + "".join(lines).replace(*imports)


def formatted(path: Path, text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(path), "-"]
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stubs = {PACKAGE / "operators.pyi": operators_stub(), PACKAGE / "_native.pyi": native_stub()}
    results = [write_or_check(path, formatted(path, text), check) for path, text in stubs.items()]
    sys.exit(not all(results))
