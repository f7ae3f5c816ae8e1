"""Less of a profile or an advice, so that its page stays small whatever was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Trim:
    """How much is kept: characters of a text, entries of a list, events of a timeline."""

    characters: int
    entries: int
    events: int


# From all that is useful to what always fits.
TRIMS = (Trim(400, 2000, 4000), Trim(120, 100, 4000), Trim(60, 50, 2000), Trim(30, 20, 500))


def trimmed(value: Any, trim: Trim, name: str = "") -> Any:
    """JSON values, cut to `trim`; long texts lose their middle."""
    if isinstance(value, str):
        most = trim.characters * (40 if name == "explain" else 1)
        half = most // 2
        return value if len(value) <= most else f"{value[:half]} … {value[-half:]}"
    if isinstance(value, Mapping):
        return {trimmed(key, trim): trimmed(each, trim, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [trimmed(each, trim) for each in value[: trim.events if name == "events" else trim.entries]]
    return value
