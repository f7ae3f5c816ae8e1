"""`stoker stats`: statistics of a folder, in parts and in one go, on the command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from stoker import operators, sources
from stoker.loader import resolve_threads
from stoker.progress import Progress
from stoker.statistics.computing import computed
from stoker.statistics.figures import Statistics
from stoker.statistics.normalizing import missing_text


def run_command(args: argparse.Namespace) -> int:
    """`stoker stats`; returns how many findings: bad samples left out, stretches missing after a merge."""
    if args.output is not None and not os.path.isdir(os.path.dirname(os.path.abspath(args.output))):
        folder = os.path.dirname(os.path.abspath(args.output))
        raise FileNotFoundError(f"{folder} is no folder; nothing could be written there")
    if args.merge:
        return _merge(args)
    if args.folder is None:
        raise ValueError("give a folder of images, or files to --merge")
    if args.threads != "auto" and not args.threads.isdigit():
        raise ValueError(f"threads must be a number or 'auto', got '{args.threads}'")
    statistics = _computed(args)
    for bad in statistics.bad_samples:
        print(f"left out: {bad['message']}", file=sys.stderr)
    _report(statistics, args.output, args.format)
    return statistics.skipped


def _computed(args: argparse.Namespace) -> Statistics:
    source = sources.any_folder(args.folder, tuple(args.extensions.lower().split(",")))
    resume = None if args.output is None else f"{args.output}.partial"
    threads = args.threads if args.threads == "auto" else int(args.threads)
    bar = Progress("statistics", threads=max(1, resolve_threads(threads)[0]), rank=args.rank or None)
    try:
        statistics, partial = computed(
            source,
            [] if args.resize is None else [operators.resize(args.resize)],
            histogram=not args.no_histogram,
            nodata=args.nodata,
            masks=None,
            threads=threads,
            color=args.color,
            exif="ignore",
            image_dtype=args.image_dtype,
            on_error="skip" if args.skip_bad else "raise",
            rank=args.rank,
            world_size=args.world,
            resume=resume,
            progress=bar,
        )
    except KeyboardInterrupt:
        bar.end()
        print(
            f"stoker stats: stopped at {bar.done} of {bar.total} images. {_how_to_go_on(resume)}",
            file=sys.stderr,
        )
        raise
    finally:
        bar.end()
    if args.output is not None:
        statistics.save(args.output)
    if partial is not None:
        partial.remove()
    return statistics


def _how_to_go_on(resume: str | None) -> str:
    if resume is None:
        return "Nothing is kept without -o FILE."
    if not os.path.exists(resume):
        return "Nothing was to be kept yet."
    return f"The same command goes on from there: {resume} keeps what is done."


def _merge(args: argparse.Namespace) -> int:
    if args.folder is not None or args.rank or args.world != 1:
        raise ValueError("--merge takes files of statistics alone, without a folder, --rank or --world")
    parts = [Statistics.load(path) for path in args.merge]
    # Of floats the last bits depend on the order; so it is that of the samples, not that of the words.
    parts.sort(key=lambda part: json.dumps([[each["sha256"], each["samples"]] for each in part.data]))
    statistics = parts[0]
    for part in parts[1:]:
        statistics = statistics.merge(part)
    if statistics.missing and not args.allow_gaps:
        print(
            f"stoker stats: {missing_text(statistics)} are in none of the parts; nothing was written. "
            "Give the other parts, or --allow-gaps.",
            file=sys.stderr,
        )
        return len(statistics.missing)
    if args.output is not None:
        statistics.save(args.output)
    _report(statistics, args.output, args.format)
    return 0


def _report(statistics: Statistics, output: str | None, form: str) -> None:
    if form == "json":
        report: dict[str, Any] = statistics.to_json()
        for channel in report["channels"]:
            del channel["histogram"]
        print(json.dumps(report, indent=1))
        return
    print(f"{statistics.image_count} images, {statistics.dtype}, {len(statistics.channels)} channels")
    print(f"{'channel':>7} {'mean':>14} {'std':>14} {'min':>12} {'max':>12} {'values':>16}")
    rows = zip(statistics.mean, statistics.std, statistics.min, statistics.max, statistics.count, strict=True)
    for index, (mean, std, low, high, count) in enumerate(rows):
        print(f"{index:7} {mean:14.6f} {std:14.6f} {low:12g} {high:12g} {count:16}")
    if statistics.missing:
        print(f"a part: without {missing_text(statistics)}")
    if output is not None and not statistics.missing:
        print(f'saved; use it as stoker.normalize("{output}")')
    elif output is not None:
        print("saved; join the parts with stoker stats --merge PART PART -o FILE")
