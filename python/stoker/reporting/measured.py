"""Sections about what was measured: stages, timeline, scaling, storage, threads, queues, bad samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stoker.reporting.charts import COLORS, WAITS, Bar, bars, batch_spans, curve, timeline
from stoker.reporting.markup import Section, figure, legend, note, pairs, table
from stoker.reporting.text import cell, clean, clean_lines, duration, rate, share, size
from stoker.reporting.text import figure as digits

Profile = Mapping[str, Any]

# In the order of their colours.
_KINDS = ("fetch", "decode", "operator", "fused", "store", "python", "pickle")
_TIMELINE_BATCHES = 40


def summary(profile: Profile) -> str:
    """The verdict and the rates that it rests on."""
    verdict = profile["verdict"]
    remedy = f"<p>{clean(verdict['remedy'])}</p>" if verdict.get("remedy") else ""
    gain = "nothing is to gain" if verdict["gain"] <= 0 else f"{share(verdict['gain'])} to gain"
    figures = [
        ("Training loop, today", rate(profile.get("samples_per_s"))),
        ("Loader alone, files warm", rate(profile.get("loading_samples_per_s"))),
        ("Trainer alone", rate((profile.get("trainer") or {}).get("samples_per_s"))),
        ("Bound by", f"{clean(verdict['bound_by'])}: {gain}"),
    ]
    return (
        f'<div class="verdict"><p><strong>{clean(verdict["sentence"])}</strong></p>{remedy}</div>'
        f'<div class="figures">{pairs(figures)}</div>{_notes(profile)}'
    )


def _notes(profile: Profile) -> str:
    notes = profile.get("notes") or []
    items = "".join(f"<li>{clean(each)}</li>" for each in notes[:50])
    return f"<ul>{items}</ul>" if items else ""


def ceilings(profile: Profile) -> Section | None:
    """What each resource allows; None where that is not known."""
    verdict = profile["verdict"]
    found = verdict.get("ceilings") or []
    if not found:
        return None
    rates = [("as it is", verdict["rate"], 7)]
    rates += [
        (each["name"] or each["bound"], each["samples_per_s"], number) for number, each in enumerate(found)
    ]
    height, drawing = bars(
        [Bar(name, rate(value), 0, value, color) for name, value, color in rates],
        max(value for _, value, _ in rates),
    )
    title = "Rate that each resource allows, were all others without limit"
    described = "; ".join(f"{clean(name)}: {rate(value)}" for name, value, _ in rates)
    rows = [[cell(name), rate(value)] for name, value, _ in rates]
    body = figure("ceilings", title, described, height, drawing)
    return Section(
        "ceilings", "What each resource allows", body + table(title, ("resource", "rate"), rows, numbers=1)
    )


def stages(profile: Profile) -> Section:
    steps = profile.get("steps") or []
    if not steps:
        return _absent("stages", "Stages of a sample", profile)
    whole = sum(step["cpu_ns_per_sample"] for step in steps)
    entries, begin = [], 0.0
    for step in steps:
        end = begin + step["cpu_ns_per_sample"]
        value = f"{duration(step['cpu_ns_per_sample'])}, {share(step['share'])}"
        entries.append(Bar(str(step["name"]), value, begin, end, _color_of_kind(step["kind"])))
        begin = end
    height, drawing = bars(entries, whole)
    largest = max(steps, key=lambda step: float(step["share"]))
    described = (
        f"{len(steps)} steps, one below the other in the order of the flow; the largest is "
        f"{clean(largest['name'])} with {share(largest['share'])}. The table that follows has all numbers."
    )
    title = f"CPU time of a sample, step after step: {duration(whole)} in all"
    kinds = list(dict.fromkeys(str(step["kind"]) for step in steps))
    key = legend((f"c{_color_of_kind(kind)}", kind) for kind in kinds)
    rows = [
        [
            cell(step["name"]),
            clean(step["kind"]),
            digits(step["calls"]),
            *(duration(step["cpu_ns"][name]) for name in ("p50", "p95", "p99")),
            duration(step["cpu_ns_per_sample"]),
            share(step["share"]),
        ]
        for step in steps
    ]
    columns = ("step", "kind", "calls", "median call", "p95", "p99", "a sample", "share")
    body = figure("stages", title, described, height, drawing, key)
    body += table("CPU time by step", columns, rows, numbers=2)
    return Section("stages", "Stages of a sample", body + _attribution(profile))


def _attribution(profile: Profile) -> str:
    found = profile.get("attribution") or {}
    parts = found.get("parts") or []
    if not parts:
        return ""
    begin, entries = 0.0, []
    for number, part in enumerate(parts):
        end = begin + part["ns"]
        entries.append(
            Bar(part["name"], f"{duration(part['ns'])}, {share(part['share'])}", begin, end, number)
        )
        begin = end
    height, drawing = bars(entries, found["wall_ns"])
    title = f"How the trainer's thread spent {duration(found['wall_ns'])}; {share(found['share'])} explained"
    described = "; ".join(f"{clean(part['name'])} {share(part['share'])}" for part in parts)
    rows = [[cell(part["name"]), duration(part["ns"]), share(part["share"])] for part in parts]
    body = figure("attribution", title, described, height, drawing)
    return body + table("Wall time of the training loop", ("part", "time", "share"), rows, numbers=1)


def timeline_section(profile: Profile) -> Section:
    found = profile.get("timeline") or {}
    events = found.get("events") or []
    if not events:
        return _absent("timeline", "Timeline", profile)
    wall = float(found["wall_ns"]) or max(float(event["end_ns"]) for event in events)
    class_of = _classes_of_steps(profile, events)
    height, drawing = timeline(events, wall, class_of)
    threads = sorted({str(event["thread"]) for event in events})
    steps = sorted({str(event["step"]) for event in events})
    dropped = (
        f" The first {len(events)} events; {found['dropped']} more are not kept."
        if found.get("dropped")
        else ""
    )
    title = f"What {len(threads)} threads did in {duration(wall)}.{dropped}"
    busy = {thread: _of_thread(events, thread) for thread in threads}
    described = "Grey and gaps are waiting. " + "; ".join(
        f"{clean(thread)} at work {share(_work(busy[thread]) / wall)} of the time" for thread in threads[:16]
    )
    key = legend((class_of(step), clean(step)) for step in steps[:24])
    columns = ("thread", *(clean(step) for step in steps[:12]), "at work")
    rows = [
        [
            cell(thread),
            *(duration(busy[thread].get(step, 0.0)) for step in steps[:12]),
            share(_work(busy[thread]) / wall),
        ]
        for thread in threads
    ]
    body = figure("timeline", title, described, height, drawing, key)
    body += table("Time of each thread by step", columns, rows, numbers=1)
    return Section("timeline", "Timeline", body + _batches(events))


def _batches(events: Sequence[Mapping[str, Any]]) -> str:
    spans = batch_spans(events)
    if not spans:
        return ""
    rows = [
        [str(batch), duration(begin), duration(end), duration(end - begin)]
        for batch, begin, end in spans[:_TIMELINE_BATCHES]
    ]
    caption = "Batches" if len(spans) <= len(rows) else f"The first {len(rows)} of {len(spans)} batches"
    return table(caption, ("batch", "begun at", "done at", "took"), rows, numbers=1)


def _work(times: Mapping[str, float]) -> float:
    return sum(ns for step, ns in times.items() if step not in WAITS)


def _of_thread(events: Sequence[Mapping[str, Any]], thread: str) -> dict[str, float]:
    total: dict[str, float] = {}
    for event in events:
        if str(event["thread"]) == thread:
            step = str(event["step"])
            total[step] = total.get(step, 0.0) + float(event["end_ns"]) - float(event["begin_ns"])
    return total


def scaling(profile: Profile) -> Section:
    found = profile.get("scaling") or {}
    points = found.get("points") or []
    if not points:
        return _absent("scaling", "Scaling", profile)
    unit = clean(found["unit"])
    fitted = _fitted(found)
    demand = (profile.get("trainer") or {}).get("samples_per_s")
    height, drawing = curve(
        [(float(point["threads"]), float(point["samples_per_s"])) for point in points],
        fitted,
        demand,
        level_name=f"the trainer takes {rate(demand)}",
        axis_name=unit,
    )
    best = max(points, key=lambda point: float(point["samples_per_s"]))
    title = f"Rate by number of {unit}, measured (circles) and fitted (line)"
    wanted = "" if demand is None else f" The trainer takes {rate(demand)}."
    described = f"Best measured: {rate(best['samples_per_s'])} with {best['threads']} {unit}.{wanted}"
    rows = []
    for point in points:
        at = None if fitted is None else fitted(float(point["threads"]))
        off = "" if not at else f"{point['samples_per_s'] / at - 1:+.1%}"
        cost = duration(point["cpu_ns_per_sample"])
        rows.append([str(point["threads"]), rate(point["samples_per_s"]), rate(at), off, cost])
    columns = (unit, "measured", "fitted", "measured against fitted", "CPU time of a sample")
    body = figure("scaling", title, described, height, drawing)
    body += table(f"Rate by number of {unit}", columns, rows, numbers=1)
    if fitted is not None:
        body += note(
            f"rate(w) = {digits(found['rate_one'])} w / (1 + {found['contention']:.3g} (w - 1) + "
            f"{found['coherence']:.3g} w (w - 1))"
        )
    return Section("scaling", "Scaling", body)


def _fitted(found: Mapping[str, Any]) -> Callable[[float], float] | None:
    one, contention, coherence = (found.get(name) for name in ("rate_one", "contention", "coherence"))
    if one is None or contention is None or coherence is None:
        return None
    cores, crowding = found.get("cores") or float("inf"), found.get("crowding") or 0.0

    def rate_of(threads: float) -> float:
        w = min(threads, cores)
        whole = one * w / (1 + contention * (w - 1) + coherence * w * (w - 1))
        return float(whole / (1 + crowding * (threads - w) / cores))

    return rate_of


def storage(profile: Profile) -> Section:
    found = profile.get("storage") or {}
    named = [(name, found.get(name)) for name in ("cold", "warm")]
    named += [(f"cold, {each['readers']} at a time", each) for each in found.get("by_readers") or []]
    rows = [
        [
            name,
            str(each["readers"]),
            rate(each["samples_per_s"]),
            f"{size(each['bytes_per_s'])}/s",
            *(duration(each["latency_ns"][which]) for which in ("p50", "p95", "p99")),
        ]
        for name, each in named
        if each is not None
    ]
    if not rows:
        return _absent("storage", "Storage", profile)
    columns = ("files", "readers", "rate", "bytes", "median file", "p95", "p99")
    body = table("Reading the files, without decoding", columns, rows, numbers=1)
    if found.get("is_cold") is False:
        body += note("The page cache could not be emptied: what is called cold was warm.")
    if found.get("fixed_ns") is not None and found.get("streamed_bytes_per_s"):
        streamed = f"{size(found['streamed_bytes_per_s'])}/s"
        body += note(
            f"One reader, cold: {duration(found['fixed_ns'])} for each file, and its bytes at {streamed}."
        )
    return Section("storage", "Storage", body)


def threads(profile: Profile) -> Section | None:
    """Native threads, worker processes and queues; None where there is nothing of these."""
    body = ""
    names = ("busy_ns", "starved_ns", "blocked_ns", "parked_ns", "off_cpu_ns", "unattributed_ns")
    if profile.get("threads"):
        rows = [
            [
                f"thread {number}",
                duration(each["wall_ns"]),
                *(share(each.get(name, 0) / max(1, each["wall_ns"])) for name in names),
            ]
            for number, each in enumerate(profile["threads"])
        ]
        columns = (
            "thread",
            "lived",
            "busy",
            "waited for bytes",
            "waited for the trainer",
            "busy off the CPU",
            "unexplained",
        )
        body += table("Time of the engine's threads", columns, rows, numbers=1)
    workers = profile.get("workers")
    if workers:
        body += "<h3>Worker processes</h3>" + pairs(
            [
                ("Processes", f"{workers['count']}, started by {clean(workers['start_method'])}"),
                ("Until all answered", duration(workers["startup_ns"])),
                ("Data set, pickled for each", size(workers["dataset_pickle_bytes"])),
                ("A batch through the pipe", size(workers["batch_pickle_bytes"])),
                ("A batch through shared memory", size(workers["batch_shared_bytes"])),
                ("Copies of its pixels", str(workers["batch_copies"])),
                ("Handing over a batch", duration(workers["handoff_ns_per_batch"])),
            ]
        )
    if profile.get("queues"):
        rows = [
            [
                cell(each["name"]),
                clean(each["unit"]),
                "not known" if each["capacity"] is None else digits(each["capacity"]),
                *(digits(each[name]) for name in ("p50", "mean", "maximum")),
                share(each["empty_share"]),
            ]
            for each in profile["queues"]
        ]
        columns = ("queue", "unit", "holds at most", "median", "mean", "most", "found empty")
        body += table("Queues", columns, rows, numbers=2)
    return Section("threads", "Threads and queues", body) if body else None


def bad_samples(profile: Profile) -> Section:
    found = profile.get("bad_samples") or []
    count = (profile.get("samples") or {}).get("bad", len(found))
    if not found:
        text = "No sample failed." if not count else f"{count} samples failed; which is not known."
        return Section("bad-samples", "Bad samples", note(text))
    rows = [
        [*(cell(each.get(name, "")) for name in ("path", "index", "code", "step", "found", "hint"))]
        for each in found
    ]
    caption = (
        f"The first {len(found)} of {count} samples that failed"
        if count > len(found)
        else "Samples that failed"
    )
    columns = ("file", "sample", "code", "step", "what was found", "what to do")
    return Section("bad-samples", "Bad samples", table(caption, columns, rows))


def environment(profile: Profile) -> Section:
    found, loader = profile.get("environment") or {}, profile["loader"]
    rows = [[cell(name.replace("_", " ")), _shown(value)] for name, value in found.items()]
    rows += [
        [f"loader: {name.replace('_', ' ')}", _shown(loader.get(name))]
        for name in ("kind", "tier", "name", "batch_size", "threads", "workers", "prefetch_batches", "site")
    ]
    samples = profile.get("samples") or {}
    rows += [[f"samples: {name.replace('_', ' ')}", _shown(value)] for name, value in samples.items()]
    body = table("Machine, versions and loader", ("what", "value"), rows)
    if loader.get("explain"):
        body += (
            "<details><summary>The plan of the loader</summary>"
            f'<pre tabindex="0">{clean_lines(loader["explain"])}</pre></details>'
        )
    return Section("environment", "Environment", body)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return cell(", ".join(f"{key} {each}" for key, each in value.items()))
    if isinstance(value, float):
        return digits(value)
    return cell(value)


def _absent(anchor: str, title: str, profile: Profile) -> Section:
    notes = [each for each in profile.get("notes") or [] if anchor in str(each).lower()]
    return Section(anchor, title, note(clean(f"Not measured. {' '.join(map(str, notes))}")))


def _color_of_kind(kind: str) -> int:
    return _KINDS.index(kind) if kind in _KINDS else COLORS - 1


def _classes_of_steps(profile: Profile, events: Sequence[Mapping[str, Any]]) -> Callable[[str], str]:
    """The colour of a step's kind where the profile has the step, else one that is left; none for waiting."""
    known = {str(step["name"]): _color_of_kind(step["kind"]) for step in profile.get("steps") or []}
    colors: dict[str, int] = {}
    for step in sorted({str(event["step"]) for event in events} - set(WAITS)):
        kind = _KINDS.index(step) if step in _KINDS else None
        taken = set(colors.values())
        free = next((each for each in range(COLORS) if each not in taken), len(colors) % COLORS)
        colors[step] = known.get(step, free if kind is None else kind)
    return lambda step: f"c{colors[step]}" if step in colors else "wait"
