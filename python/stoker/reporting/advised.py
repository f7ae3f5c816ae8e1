"""Sections about advice: the plans considered, and what was predicted against what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stoker.reporting.charts import Bar, bars
from stoker.reporting.markup import Section, figure, note, table
from stoker.reporting.text import cell, clean, duration, rate, size
from stoker.reporting.text import figure as digits

Advice = Mapping[str, Any]

# Plans that are drawn; the table has more.
_DRAWN = 12


def plans(advice: Advice | None) -> Section:
    title = "Plans considered"
    if advice is None:
        return Section(
            "plans", title, note("No advice was asked for: stoker.advise(loader), or stoker advise.")
        )
    chosen = advice["plans"][advice["chosen"]]
    order = sorted(advice["plans"], key=lambda plan: float(plan["total_s"]))
    situation = advice["situation"]
    entries = [
        Bar(
            ("chosen: " if plan is chosen else "") + name_of(plan),
            duration(plan["total_s"] * 1e9),
            0,
            plan["total_s"],
            2 if plan is chosen else 7 if plan["refused"] else 0,
        )
        for plan in order[:_DRAWN]
    ]
    height, drawing = bars(entries, max(entry.end for entry in entries))
    caption = (
        f"Time of {digits(situation['epochs'])} epochs of {digits(situation['samples'])} samples, "
        "preparation included, as predicted"
    )
    described = f"The {len(entries)} quickest of {len(order)} plans. Chosen: {clean(name_of(chosen))}."
    rows = [[_marked(plan, chosen), *_cells(plan)] for plan in order]
    columns = ("plan", "rate", "a step", "prepare", "in all", "disk", "memory", "pays from", "why not")
    body = f"<p><strong>{clean(advice['why'])}</strong></p>"
    body += figure("plans", caption, described, height, drawing)
    body += table("Plans, the quickest first", columns, rows, numbers=1)
    for level, text in chosen["messages"]:
        body += note(f"{clean(level)}: {clean(text)}")
    body += "".join(note(f"finding: {clean(each)}") for each in advice.get("findings") or [])
    return Section("plans", title, body)


def outcome(advice: Advice | None) -> Section:
    """Predicted against measured."""
    title = "Predicted against measured"
    found = None if advice is None else advice.get("outcome")
    if found is None:
        return Section("outcome", title, note("No plan was applied and measured: advice.apply()."))
    low, middle, high = found["quartiles"]
    both = [("predicted", found["predicted"]), ("measured", found["measured"])]
    whole = max(value for _, value in both) * 1.02 or 1.0
    entries = [Bar(name, rate(value), 0, value, number) for number, (name, value) in enumerate(both)]
    height, drawing = bars(entries, whole)
    off = found["correction"] - 1
    caption = f"Rate over {found['steps']} steps: {off:+.1%} against the prediction"
    described = f"Predicted {rate(found['predicted'])}, measured {rate(found['measured'])}."
    rows = [
        ["predicted", rate(found["predicted"]), ""],
        ["measured", rate(found["measured"]), f"{off:+.1%}"],
        ["single steps: lower quartile", rate(low), ""],
        ["single steps: median", rate(middle), ""],
        ["single steps: upper quartile", rate(high), ""],
    ]
    body = figure("outcome", caption, described, height, drawing)
    body += table("Predicted and measured", ("what", "rate", "difference"), rows, numbers=1)
    refitted = found.get("refitted")
    if refitted:
        body += note(
            "The prediction was too far off to trust the others. With what was measured the plan would be: "
            f"{clean(name_of(refitted))}, {rate(refitted['rate'])}."
        )
    return Section("outcome", title, body)


def name_of(plan: Mapping[str, Any]) -> str:
    """In words; not clean yet."""
    text = "as it is" if plan["form"] == "as-is" else f"form {plan['form']}"
    if plan["operators_done"]:
        text += f" after {', '.join(map(str, plan['operators_done']))}"
    if plan["variants"] > 1:
        text += f", {plan['variants']} variants"
    threads = "1 thread" if plan["threads"] == 1 else f"{plan['threads']} threads"
    return f"{text}, {threads}, {plan['prefetch']} batches ahead"


def _marked(plan: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    name = cell(name_of(plan))
    return f'<span class="chosen">chosen: {name}</span>' if plan is chosen else name


def _cells(plan: Mapping[str, Any]) -> list[str]:
    pays = plan["break_even_epochs"]
    return [
        rate(plan["rate"]),
        f"{digits(plan['step_ms'])} ms",
        duration(plan["preparation_s"] * 1e9),
        duration(plan["total_s"] * 1e9),
        size(plan["disk_bytes"]),
        size(plan["memory_bytes"]),
        "" if pays is None else f"{digits(pays)} epochs",
        cell(plan["refused"]),
    ]
