"""Operators as JSON and back, and which of a list are in packed data already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from stoker import _native, operators
from stoker.operators import Operator

# {"name", "parameters"}, and of a group "children".
Step = dict[str, Any]


def canonical(value: Any) -> str:
    """JSON with one spelling for one value, in ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


def described(operator: Operator) -> Step:
    """An operator as JSON gives it back."""
    step = {"name": operator.name, "parameters": json.loads(canonical(operator.parameters))}
    children = operator.children
    return {**step, "children": [described(each) for each in children]} if children else step


def rebuilt(step: Any) -> Operator:
    """The operator that a step describes.

    Raises:
        ValueError, TypeError: It describes none, or parameters are out of range.
    """
    if not isinstance(step, dict) or not isinstance(step.get("name"), str):
        raise ValueError(f'an operator must be an object such as {{"name": "resize", ...}}, got {step!r}.')
    unknown = set(step) - {"name", "parameters", "children"}
    parameters = step.get("parameters", {})
    if unknown or not isinstance(parameters, dict):
        raise ValueError(
            f"operator {step['name']!r}: an object has 'name', 'parameters' (an object) and, for a group, "
            f"'children', got {sorted(step)}."
        )
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    if "children" in step:
        children = [rebuilt(each) for each in step["children"]]
        lists = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
        return _native.make_group(step["name"], children, lists)
    return _native.make_operator(step["name"], given)


def node_count(steps: Iterable[Step]) -> int:
    """Places that steps take in the written tree, by which random numbers are keyed."""
    return sum(1 + node_count(step.get("children", ())) for step in steps)


def shown(step: Step) -> str:
    """As a user writes it, without what is default."""
    if "children" in step:
        return f"{step['name']}([{', '.join(map(shown, step['children']))}])"
    defaults = _defaults(step["name"])
    given = [
        f"{name}={_plain(value)!r}"
        for name, value in step["parameters"].items()
        if name not in defaults or defaults[name] != value
    ]
    return f"{step['name']}({', '.join(given)})"


def _plain(value: Any) -> Any:
    """224 for [224.0]."""
    if isinstance(value, list):
        return _plain(value[0]) if len(value) == 1 else tuple(map(_plain, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shown_list(steps: Sequence[Step]) -> str:
    return f"[{', '.join(map(shown, steps))}]"


def _defaults(name: str) -> dict[str, Any]:
    signature = getattr(getattr(operators, name, None), "__signature__", None)
    if signature is None:
        return {}
    return {
        each.name: json.loads(canonical(each.default))
        for each in signature.parameters.values()
        if each.default is not each.empty
    }


def difference(a: Step, b: Step) -> str:
    """What differs between two steps, the first thing only, in words."""
    if a["name"] != b["name"]:
        return f"{shown(a)} and {shown(b)}"
    for name in sorted({*a["parameters"], *b["parameters"]}):
        left, right = a["parameters"].get(name), b["parameters"].get(name)
        if left != right:
            return f"{a['name']}: {name} is {_plain(left)!r} and {_plain(right)!r}"
    for left_child, right_child in zip(a.get("children", []), b.get("children", []), strict=False):
        if left_child != right_child:
            return f"{a['name']}: {difference(left_child, right_child)}"
    return f"{shown(a)} and {shown(b)}"


def without_done(given: Sequence[Operator], done: Sequence[Step], where: str) -> list[Operator]:
    """The operators of `given` that packed data still need: all but a prefix that equals `done`.

    A list that begins otherwise holds the operators after the cut alone, unless it looks like the packed
    ones with a change.

    Raises:
        ValueError: It begins like `done` and then differs; the first difference is named.
    """
    steps = [described(each) for each in given]
    same = 0
    while same < min(len(done), len(steps)) and steps[same] == done[same]:
        same += 1
    if same == len(done):
        return list(given[same:])
    looks_packed = same > 0 or (bool(steps) and steps[0]["name"] == done[0]["name"])
    if not looks_packed:
        return list(given)
    if same == len(steps):
        raise ValueError(
            f"{where}: the data went through {shown_list(done)}, the operators given end after "
            f"{shown_list(steps)}. Give all of them, or only those that come after."
        )
    raise ValueError(
        f"{where}: operator {same} differs: in the data and in the list: "
        f"{difference(done[same], steps[same])}. "
        f"The data went through {shown_list(done)}: begin with exactly these, give only those that come "
        "after, or pack anew."
    )
