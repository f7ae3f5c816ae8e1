"""One function an operator, made from the registry of the engine: names, ranges and docs come from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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


def make_group(name: str, children: Sequence[Operator], options: dict[str, Any]) -> Operator:
    """A group by its parameters; the functions below are the usual way."""
    return _native.make_group(name, _children(name, children), options)


def _children(name: str, operators: Any) -> list[Operator]:
    if isinstance(operators, (Operator, str)) or not isinstance(operators, Iterable):
        raise TypeError(
            f"{name}: operators must be a list such as [stoker.horizontal_flip()], got {operators!r}."
        )
    children = list(operators)
    for each in children:
        if not isinstance(each, Operator):
            raise TypeError(f"{name}: operators must be stoker's, such as stoker.resize(256), got {each!r}.")
    return children


def sequence(operators: Sequence[Operator], *, p: float = 1.0) -> Operator:
    """All of `operators`, in order, or with probability 1 - p none of them.

    Args:
        operators: Operators and groups.
        p: Probability that they are applied; each still draws its own coin.

    Raises:
        ValueError, TypeError: A wrong argument.
    """
    return make_group("sequence", operators, {"p": p, "takes_all": True})


def one_of(operators: Sequence[Operator], *, weights: Sequence[float] = (), p: float = 1.0) -> Operator:
    """One of `operators`, chosen anew for each sample.

    Args:
        operators: Operators and groups; the one chosen still draws its own coin.
        weights: How likely each is, up to a common factor; all alike when left out.
        p: Probability that one is applied at all.

    Raises:
        ValueError, TypeError: A wrong argument.
    """
    return make_group("one_of", operators, {"p": p, "weights": [float(each) for each in weights]})


def some_of(
    operators: Sequence[Operator],
    n: int | tuple[int, int],
    *,
    may_repeat: bool = False,
    keeps_order: bool = True,
    weights: Sequence[float] = (),
    p: float = 1.0,
) -> Operator:
    """`n` of `operators`, chosen anew for each sample.

    Args:
        operators: Operators and groups; those chosen still draw their own coins.
        n: How many, or (least, most), both included.
        may_repeat: One operator may be chosen more than once, 16 times in all at most.
        keeps_order: Those chosen run in the written order; otherwise in the order in which they were drawn.
        weights: How likely each is, up to a common factor; all alike when left out.
        p: Probability that any is applied at all.

    Raises:
        ValueError, TypeError: A wrong argument.
    """
    least, most = n if isinstance(n, tuple) else (n, n)
    options = {
        "p": p,
        "least": least,
        "most": most,
        "may_repeat": may_repeat,
        "keeps_order": keeps_order,
        "weights": [float(each) for each in weights],
    }
    return make_group("some_of", operators, options)


def random_order(operators: Sequence[Operator], *, p: float = 1.0) -> Operator:
    """All of `operators` in an order drawn for each sample.

    Args:
        operators: Operators and groups; each still draws its own coin.
        p: Probability that they are applied at all.

    Raises:
        ValueError, TypeError: A wrong argument.
    """
    count = len(operators)
    return make_group(
        "random_order", operators, {"p": p, "least": count, "most": count, "keeps_order": False}
    )


__all__ = ["Operator", "one_of", "random_order", "sequence", "some_of"]
for _info in _native.operators():
    globals()[_info["name"]] = _function(_info)
    __all__ += [_info["name"]]
