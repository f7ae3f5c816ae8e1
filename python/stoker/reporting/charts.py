"""Drawings of a report: bars, a timeline and a curve, as SVG that is as wide as the page allows.

From left to right everything is placed in percent, so that text keeps its size at any width; from top to
bottom in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stoker.reporting.text import clean, duration, figure

# Colours in report.css, .c0 to .c7; what comes after takes them again.
COLORS = 8

_ROW_PX, _BAR_PX = 38, 14
_LANE_PX, _LABEL_PX = 26, 18
_LABEL_CHARACTERS = 42
_MAX_LANES = 64  # threads that are drawn, and lanes of batches

# Steps of a timeline in which a thread waits, and those of the trainer's own thread.
WAITS = ("starved", "blocked", "parked", "next")
TRAINERS = ("next", "step")

# Left to right in a timeline: of a path's whole numbers, fine enough for any screen.
_WIDE = 20_000


@dataclass(frozen=True)
class Bar:
    """From `begin` to `end`, in the unit of the axis; `value` is clean, `label` is not yet."""

    label: str
    value: str
    begin: float
    end: float
    color: int = 0


def bars(entries: Sequence[Bar], whole: float) -> tuple[int, str]:
    """(height, drawing) of horizontal bars below each other; `whole` is the right edge."""
    drawing = []
    for number, bar in enumerate(entries):
        top = number * _ROW_PX
        left, width = _percent(bar.begin, whole), max(0.15, _percent(bar.end - bar.begin, whole))
        drawing.append(
            f'<text x="0" y="{top + 14}">{_short(bar.label)}</text>'
            f'<text x="100%" y="{top + 14}" text-anchor="end">{bar.value}</text>'
            f'<rect class="track" x="0" y="{top + 19}" width="100%" height="{_BAR_PX}"/>'
            f'<rect class="c{bar.color % COLORS}" x="{min(left, 99.85):.2f}%" y="{top + 19}" '
            f'width="{width:.2f}%" height="{_BAR_PX}"/>'
        )
    return max(1, len(entries)) * _ROW_PX, "".join(drawing)


def timeline(
    events: Sequence[Mapping[str, Any]], wall_ns: float, class_of: Callable[[str], str]
) -> tuple[int, str]:
    """(height, drawing): a lane for each thread, then lanes for the batches that were being made."""
    threads = sorted({str(event["thread"]) for event in events})[:_MAX_LANES]
    drawing, top = [], 0
    for thread in threads:
        own = [event for event in events if str(event["thread"]) == thread]
        drawing.append(f'<text x="0" y="{top + 13}">{_short(thread)}</text>')
        top += _LABEL_PX
        drawing.append(f'<rect class="track" x="0" y="{top}" width="100%" height="{_BAR_PX}"/>')
        steps = sorted({str(event["step"]) for event in own})
        paths = "".join(f'<path class="{class_of(step)}" d="{_path(own, step, wall_ns)}"/>' for step in steps)
        drawing.append(
            f'<svg role="presentation" x="0" y="{top}" width="100%" height="{_BAR_PX}" '
            f'viewBox="0 0 {_WIDE} 1" preserveAspectRatio="none">{paths}</svg>'
        )
        top += _LANE_PX
    lanes = batch_lanes(events)[:_MAX_LANES]
    if lanes:
        drawing.append(f'<text x="0" y="{top + 13}">batches, from first to last work on them</text>')
        top += _LABEL_PX + 2
    for lane in lanes:
        for batch, begin, end in lane:
            left, width = _percent(begin, wall_ns), max(0.1, _percent(end - begin, wall_ns))
            drawing.append(
                f'<rect class="batch" x="{left:.2f}%" y="{top}" width="{width:.2f}%" height="{_BAR_PX}"/>'
            )
            if width > 5:
                drawing.append(
                    f'<text class="on-batch" x="{left + width / 2:.2f}%" y="{top + 11}" '
                    f'text-anchor="middle">{batch}</text>'
                )
        top += _BAR_PX + 3
    axis = "".join(
        f'<text x="{25 * part}%" y="{top + 16}" text-anchor="{anchor}">{duration(wall_ns * part / 4)}</text>'
        for part, anchor in ((0, "start"), (2, "middle"), (4, "end"))
    )
    return top + 22, "".join(drawing) + axis


def _path(events: Sequence[Mapping[str, Any]], step: str, wall_ns: float) -> str:
    """All that a thread did of one step; what is closer than a pixel's width is drawn as one."""
    spans: list[list[int]] = []
    chosen = (event for event in events if str(event["step"]) == step)
    for event in sorted(chosen, key=lambda event: float(event["begin_ns"])):
        begin = round(_WIDE * _part(event["begin_ns"], wall_ns))
        end = max(begin + 5, round(_WIDE * _part(event["end_ns"], wall_ns)))
        if spans and begin - spans[-1][1] < 4:
            spans[-1][1] = max(end, spans[-1][1])
        else:
            spans.append([begin, end])
    return "".join(f"M{begin} 0h{end - begin}v1H{begin}z" for begin, end in spans)


def batch_spans(events: Sequence[Mapping[str, Any]]) -> list[tuple[int, float, float]]:
    """(batch, begin, end) of the work on each batch, by begin."""
    spans: dict[int, tuple[float, float]] = {}
    for event in events:
        if event.get("batch") is None or event["step"] in TRAINERS:
            continue
        batch, begin, end = int(event["batch"]), float(event["begin_ns"]), float(event["end_ns"])
        first, last = spans.get(batch, (begin, end))
        spans[batch] = min(first, begin), max(last, end)
    return sorted(((batch, *span) for batch, span in spans.items()), key=lambda each: each[1])


def batch_lanes(events: Sequence[Mapping[str, Any]]) -> list[list[tuple[int, float, float]]]:
    """The same in as few lanes as keep batches apart."""
    lanes: list[list[tuple[int, float, float]]] = []
    for span in batch_spans(events):
        free = next((lane for lane in lanes if lane[-1][2] <= span[1]), None)
        if free is None:
            lanes.append([span])
        else:
            free.append(span)
    return lanes


def curve(
    points: Sequence[tuple[float, float]],
    fitted: Callable[[float], float] | None,
    level: float | None,
    *,
    level_name: str,
    axis_name: str,
) -> tuple[int, str]:
    """(height, drawing) of measured points, the curve fitted to them, and a level to reach.

    Args:
        points: (x, y), at least one, x at least 1.
        level: Drawn from left to right; None for none. What lies far above the points is left out.
    """
    height, bottom, left = 270, 38, 8.0
    last = max(x for x, _ in points)
    last = last if last > 1 else 2.0
    highest = max(y for _, y in points)
    if level is not None and level > 4 * highest:
        level = None
    highest = max(highest, level or 0.0) * 1.12 or 1.0

    def across(x: float) -> float:
        return left + (98 - left) * (x - 1) / (last - 1)

    def down(y: float) -> float:
        return (height - bottom) * (1 - y / highest)

    drawing = []
    for tick in ticks(highest):
        drawing.append(
            f'<line class="grid" x1="0" x2="100%" y1="{down(tick):.1f}" y2="{down(tick):.1f}"/>'
            f'<text x="0" y="{down(tick) - 3:.1f}">{figure(tick)}</text>'
        )
    for x in sorted({x for x, _ in points}):
        drawing.append(f'<text x="{across(x):.2f}%" y="{height - 20}" text-anchor="middle">{x:g}</text>')
    drawing.append(f'<text x="100%" y="{height - 1}" text-anchor="end">{axis_name}</text>')
    if level is not None:
        y = down(level)
        drawing.append(
            f'<line class="level" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="100%" y="{y - 5 if y > 18 else y + 15:.1f}" text-anchor="end">{level_name}</text>'
        )
    if fitted is not None:
        line = " ".join(
            f"{across(x) * 100:.0f},{down(fitted(x)):.1f}"
            for x in (1 + (last - 1) * part / 60 for part in range(61))
            if math.isfinite(fitted(x))
        )
        drawing.append(
            f'<svg role="presentation" x="0" y="0" width="100%" height="{height}" '
            f'viewBox="0 0 10000 {height}" preserveAspectRatio="none">'
            f'<polyline class="fitted" points="{line}"/></svg>'
        )
    drawing += [f'<circle cx="{across(x):.2f}%" cy="{down(y):.1f}" r="5"/>' for x, y in points]
    return height, "".join(drawing)


def ticks(highest: float, about: int = 4) -> list[float]:
    """Round numbers from 0 to `highest`."""
    if not (highest > 0 and math.isfinite(highest)):
        return [0.0]
    step = 10 ** math.floor(math.log10(highest / about))
    step *= next((factor for factor in (1, 2, 5) if highest / (step * factor) <= about + 1), 10)
    return [step * number for number in range(int(highest / step) + 1)]


def _short(label: str) -> str:
    return clean(label if len(label) <= _LABEL_CHARACTERS else f"{label[: _LABEL_CHARACTERS - 1]}…")


def _part(value: Any, whole: float) -> float:
    return min(1.0, max(0.0, float(value) / whole)) if whole > 0 else 0.0


def _percent(value: float, whole: float) -> float:
    return 100 * _part(value, whole)
