"""Pieces of the page: sections, tables and figures. What is given as text must be clean already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Rows of a table; how many more there are is said, and the JSON has them.
MAX_ROWS = 120


@dataclass(frozen=True)
class Section:
    """A part of the page with its place in the list of contents."""

    anchor: str
    title: str
    body: str

    def html(self) -> str:
        return (
            f'<section aria-labelledby="{self.anchor}-title" id="{self.anchor}">\n'
            f'<h2 id="{self.anchor}-title">{self.title}</h2>\n{self.body}\n</section>'
        )


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """A table with a caption.

    Args:
        caption: Says what it shows; it is also the name of the region that scrolls.
        columns: Heads; the first column names the row.
        rows: Cells.
        numbers: The first column, counted from 0, of those that hold numbers; 0 where none does.
    """
    given = list(rows)
    head = "".join(
        f'<th scope="col"{_number_class(place, numbers)}>{name}</th>' for place, name in enumerate(columns)
    )
    body = "\n".join(_row(row, numbers) for row in given[:MAX_ROWS])
    more = f"<p>{len(given) - MAX_ROWS} more are in the JSON.</p>" if len(given) > MAX_ROWS else ""
    return (
        f'<div class="scroll" role="region" aria-label="{caption}" tabindex="0"><table>\n'
        f"<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
        f"</table></div>{more}"
    )


def _row(cells: Sequence[str], numbers: int) -> str:
    first, *rest = cells
    shown = "".join(f"<td{_number_class(place, numbers)}>{cell}</td>" for place, cell in enumerate(rest, 1))
    return f'<tr><th scope="row">{first}</th>{shown}</tr>'


def _number_class(place: int, numbers: int) -> str:
    return ' class="number"' if 0 < numbers <= place else ""


def figure(name: str, title: str, description: str, height: int, drawing: str, legend: str = "") -> str:
    """A drawing with its description; it is as wide as the page, and `height` pixels high.

    Args:
        name: For the ids that the description is found by; a word.
        title, description: Read aloud in place of the drawing; the title is its caption too.
        drawing: SVG in pixels from top to bottom and in percent from left to right.
    """
    return (
        f'<figure><svg width="100%" height="{height}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{title}</title><desc id="{name}-d">{description}</desc>{drawing}</svg>'
        f"{legend}<figcaption>{title}</figcaption></figure>"
    )


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """Colours, by class, and what they stand for."""
    items = "".join(f'<li><span class="key {color}"></span>{name}</li>' for color, name in entries)
    return f'<ul class="legend" aria-label="Colours">{items}</ul>'


def pairs(entries: Iterable[tuple[str, str]]) -> str:
    """Names and values, as a list of definitions."""
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in entries)
    return f"<dl>{items}</dl>"


def note(text: str) -> str:
    return f"<p>{text}</p>"
