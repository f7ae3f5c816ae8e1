"""Numbers and foreign names as text that is safe in HTML."""

from __future__ import annotations

import html
import unicodedata
from typing import Any

# Characters that a column of a table can always hold.
_UNBROKEN = 24


def clean(value: Any) -> str:
    """`value` as text for HTML: markup escaped, and what is invisible or turns the writing around shown."""
    return html.escape("".join(_visible(each) for each in str(value)))


def clean_lines(value: Any) -> str:
    """As `clean`, for text of several lines."""
    return html.escape("".join(each if each == "\n" else _visible(each) for each in str(value)))


def cell(value: Any) -> str:
    """As `clean`, for a table: what is long may be broken anywhere."""
    text = clean(value)
    return f'<span class="long">{text}</span>' if len(text) > _UNBROKEN else text


def _visible(character: str) -> str:
    # Control, format (among them those that change the direction), surrogate, line and paragraph separators.
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape").decode("ascii")
    return character


def duration(ns: float | None) -> str:
    """A duration in nanoseconds with a fitting unit."""
    if ns is None:
        return "not known"
    for unit, factor in (("h", 3600e9), ("min", 60e9), ("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(ns) >= factor:
            return f"{figure(ns / factor)} {unit}"
    return f"{ns:.0f} ns"


def size(count: float | None) -> str:
    """Bytes with a fitting unit."""
    if count is None:
        return "not known"
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(count) >= factor:
            return f"{figure(count / factor)} {unit}"
    return f"{count:.0f} B"


def rate(per_s: float | None, unit: str = "samples") -> str:
    return "not known" if per_s is None else f"{figure(per_s)} {unit}/s"


def share(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1%}"


def figure(value: float) -> str:
    """Three digits that count."""
    if value != value:  # NaN
        return "not a number"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
