"""What a loader's state holds, and whether it is one of this loader."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

FORMAT = "stoker.Loader 1"

# Options that change no sample: a run may go on with others.
_FREE = ("threads", "shares_cores", "seed", "on_error", "max_bad", "shapes", "may_repeat")

_HASHES = ("source", "operators", "names", "transform")

_REMEDY = {
    "source": "Make the loader over the same samples",
    "samples": "Make the loader over the same samples",
    "operators": "Give the operators that it was taken with",
}


def digest(value: Any) -> str:
    """16 hexadecimal digits of a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plan_parts(
    known: list[Any], samples: int, steps: list[Any], shuffle: bool, options: Any
) -> dict[str, Any]:
    """What must be the same for an epoch to go on, by name; each value is short.

    Args:
        known: `Source.known()`.
        samples: In the source.
        steps: The operators as JSON.
        shuffle: Whether the order is drawn.
        options: Of the run; those that change no sample are left out.
    """
    rest = {name: value for name, value in sorted(options.items()) if name not in _FREE}
    short = {name: value if len(str(value)) <= 24 else digest(value) for name, value in rest.items()}
    return {
        "source": digest(known),
        "samples": samples,
        "operators": digest(steps),
        "shuffle": shuffle,
        **short,
    }


def make(parts: dict[str, Any], seed: int, epoch: int, delivered: int) -> dict[str, Any]:
    """A state of its own: nothing in it changes when the loader goes on."""
    return {
        "format": FORMAT,
        "plan": digest(parts),
        "parts": dict(parts),
        "seed": seed,
        "epoch": epoch,
        "delivered": delivered,
    }


def check(state: Any, parts: dict[str, Any], seed: int, max_epoch: int) -> tuple[int, int]:
    """(epoch, delivered) of a state of a loader with these `parts` and `seed`.

    Raises:
        TypeError: It is no mapping.
        ValueError: It is damaged, of another format, or of another plan; the message names the field.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict: state must be a dict from state_dict(), got {cut(state)}.")
    found = state.get("format")
    if found != FORMAT:
        raise ValueError(
            f"load_state_dict: format must be {FORMAT!r}, got {cut(found)}"
            f"{_whose(state)}; give what state_dict() of a stoker.Loader gave."
        )
    require(state, ("plan", "parts", "seed", "epoch", "delivered"))
    check_parts(state["plan"], state["parts"], parts)
    if state["seed"] != seed:
        raise ValueError(
            f"load_state_dict: seed differs: the state was taken with {cut(state['seed'])}, this loader has "
            f"{seed}. Make the loader with seed={cut(state['seed'])}."
        )
    epoch = integer("epoch", state["epoch"], max_epoch)
    return epoch, integer("delivered", state["delivered"], parts["samples"], " (samples)")


def require(state: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Refuses a state that lacks one of `names`."""
    missing = [name for name in names if name not in state]
    if missing:
        raise ValueError(
            f"load_state_dict: the state has no {' and no '.join(map(repr, missing))}; "
            "it was cut off or edited."
        )


def check_parts(plan: Any, theirs: Any, ours: dict[str, Any]) -> None:
    """Refuses a plan that is not `ours`, naming the first field that differs."""
    try:
        is_whole = isinstance(theirs, Mapping) and digest(dict(theirs)) == plan
    except (TypeError, ValueError, RecursionError):
        is_whole = False
    if not is_whole:
        raise ValueError("load_state_dict: 'parts' and 'plan' do not belong together; the state is damaged.")
    for name in [*ours, *sorted(set(theirs) - set(ours))]:
        if name in theirs and name in ours and theirs[name] == ours[name]:
            continue
        then, now = (_shown(parts, name) for parts in (theirs, ours))
        remedy = _REMEDY.get(name, f"Make the loader with the same {name}")
        raise ValueError(
            f"load_state_dict: {name} differs: the state was taken with {then}, this loader has {now}. "
            f"{remedy}, or start the epoch anew."
        )


def _shown(parts: Mapping[str, Any], name: str) -> str:
    if name not in parts:
        return "none"
    return f"those of hash {parts[name]}" if name in _HASHES else cut(parts[name])


def integer(name: str, value: Any, high: int, unit: str = "") -> int:
    """`value`, an integer from 0 to `high`; otherwise a ValueError that names it."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        raise ValueError(
            f"load_state_dict: {name} must be an integer from 0 to {high}{unit}, got {cut(value)}."
        )
    return value


def _whose(state: Mapping[Any, Any]) -> str:
    return ", a state of a DataLoader" if "_num_yielded" in state or "_snapshot" in state else ""


def cut(value: Any) -> str:
    """repr(), of bearable length."""
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
