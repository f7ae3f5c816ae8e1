"""One function an operator, made from the registry of the engine: names, ranges and docs come from it."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

from stoker import _native

Operator = _native.Operator

# Written first and without a keyword, as everyone does: random_resized_crop(224), normalize(mean, std).
_POSITIONAL = ("size", "mean", "std")


def _parameter(info: dict[str, Any]) -> Parameter:
    kind = Parameter.POSITIONAL_OR_KEYWORD if info["name"] in _POSITIONAL else Parameter.KEYWORD_ONLY
    default = Parameter.empty if info["is_required"] else info["default"]
    return Parameter(info["name"], kind, default=default)


def _range(info: dict[str, Any]) -> str:
    if info["kind"] == "choice":
        return "One of " + ", ".join(repr(choice) for choice in info["choices"]) + "."
    if info["kind"] == "boolean":
        return ""
    unit = f" {info['unit']}" if info["unit"] else ""
    return f"Between {info['low']:g} and {info['high']:g}{unit}."


def docstring(info: dict[str, Any]) -> str:
    """The documentation of an operator, from its registry entry."""
    lines = [info["summary"], "", info["details"], "", "Args:"]
    for parameter in info["parameters"]:
        lines.append(f"    {parameter['name']}: {parameter['doc']} {_range(parameter)}".rstrip())
    lines += ["", "Returns:", "    An operator for stoker.Loader."]
    lines += [
        "",
        "Raises:",
        "    ValueError: A value is out of its range.",
        "    TypeError: A value has the wrong type.",
    ]
    return "\n".join(lines)


def make_operator(name: str, parameters: dict[str, Any]) -> Operator:
    """An operator by name; the functions below are the usual way."""
    return _native.make_operator(name, parameters)


def _function(info: dict[str, Any]) -> Callable[..., Operator]:
    parameters = [_parameter(parameter) for parameter in info["parameters"]]
    signature = Signature(sorted(parameters, key=lambda parameter: parameter.kind))

    def make(*args: Any, **kwargs: Any) -> Operator:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{info['name']}: {error}") from None
        return make_operator(info["name"], given)

    make.__name__ = make.__qualname__ = info["name"]
    make.__doc__ = docstring(info)
    make.__module__ = __name__
    make.__signature__ = signature  # type: ignore[attr-defined]
    return make


__all__ = ["Operator"]
for _info in _native.operators():
    globals()[_info["name"]] = _function(_info)
    __all__ += [_info["name"]]
