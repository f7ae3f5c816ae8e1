"""Advice as text for a terminal."""

from __future__ import annotations

from stoker.advising.advice import Advice, LoadingPlan

_SHOWN = 12
_PLAN_WIDTH = 60

# Of a plan that is too long, what is shown of its end.
_END = 24


def advice_text(advice: Advice) -> str:
    """The reason, a table of plans, and what to know of them."""
    situation = advice.situation
    epochs = f"{situation['epochs']:.0f} epoch{'s' if situation['epochs'] != 1 else ''}"
    lines = [advice.why, "", f"Predicted for {epochs} of {situation['samples']:.0f} samples:"]
    lines.append(
        f"    {'plan':{_PLAN_WIDTH}}{'samples/s':>10}{'ms/step':>9}{'prepare':>9}{'all':>10}{'disk':>10}"
        f"{'memory':>10}{'pays from':>14}"
    )
    for number in _order(advice):
        lines.append(("  > " if number == advice.chosen else "    ") + _row(advice.plans[number]))
    left = len(advice.plans) - min(len(advice.plans), _SHOWN)
    if left:
        lines.append(f"    and {left} slower ones")
    for plan in advice.offered:
        lines.append("")
        lines.append(
            f"Offered, not chosen: {plan}: {plan.rate:.0f} samples/s, {duration(plan.total_s)} in all. It "
            f"changes what is trained on; accept=[{plan.accept!r}] lets it be chosen."
        )
        lines += [f"  {level}: {text}" for level, text in plan.messages]
    lines += [f"note: {text}" for level, text in advice.plan.messages if level == "note"]
    lines += [f"finding: {text}" for text in advice.findings]
    if advice.outcome is not None:
        lines += ["", f"Applied: {advice.outcome}."]
    return "\n".join(lines)


def _order(advice: Advice) -> list[int]:
    """Numbers of the plans shown: now, the chosen one, and the quickest others."""
    numbers = sorted(range(len(advice.plans)), key=lambda number: advice.plans[number].total_s)
    first = [0] if advice.chosen == 0 else [0, advice.chosen]
    return sorted(
        [*first, *[number for number in numbers if number not in first]][:_SHOWN],
        key=lambda number: advice.plans[number].total_s,
    )


def _row(plan: LoadingPlan) -> str:
    pays = "" if plan.break_even_epochs is None else f"{plan.break_even_epochs:.1f} epochs"
    row = (
        f"{_clipped(str(plan), _PLAN_WIDTH - 1):{_PLAN_WIDTH}}{plan.rate:10.0f}{plan.step_ms:9.1f}"
        f"{duration(plan.preparation_s):>9}{duration(plan.total_s):>10}{size(plan.disk_bytes):>10}"
        f"{size(plan.memory_bytes):>10}{pays:>14}"
    )
    return f"{row}  {plan.refused}" if plan.refused else row


def _clipped(text: str, most: int) -> str:
    """Without its middle: what is done first, and how many variants and threads, stay."""
    if len(text) <= most:
        return text
    end = text[-_END:].partition(" ")[2]
    return f"{text[: most - len(end) - 5]} ... {end}"


def duration(seconds: float) -> str:
    """15 ms, 12.3 s, 4:05 min or 2:10 h."""
    if 0 < seconds < 0.95:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60) if seconds >= 3600 else None
    if minutes is None:
        return f"{int(seconds) // 60}:{int(seconds) % 60:02} min"
    return f"{minutes // 60}:{minutes % 60:02} h"


def size(count: float) -> str:
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count / 1e3:.0f} kB" if count else ""
