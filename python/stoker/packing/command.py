"""`stoker pack` and `stoker verify` on the command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

from stoker import operators, sources
from stoker.loader import resolve_threads
from stoker.operators import Operator
from stoker.packing.making import SHARD_BYTES, Packed, pack
from stoker.packing.manifest import MissingShards, finalise
from stoker.packing.plan import load_plan
from stoker.packing.ranks import find_rank
from stoker.packing.sizes import bytes_from
from stoker.packing.steps import rebuilt
from stoker.packing.verifying import repair, verify
from stoker.progress import Progress
from stoker.sources import Source
from stoker.statistics.file import parsed


def run_pack(args: argparse.Namespace) -> int:
    """`stoker pack`; returns how many findings: samples left out, shards missing."""
    if args.finalise and args.repair:
        raise ValueError("--finalise and --repair are two tasks; give one of them")
    if args.finalise:
        return _finalise(args)
    if args.repair:
        return _repair(args)
    if len(args.folders) != 2:
        raise ValueError("give the folder of images and the folder to pack into")
    if args.threads != "auto" and not args.threads.isdigit():
        raise ValueError(f"threads must be a number or 'auto', got '{args.threads}'")
    rank, world, origin = find_rank(args.rank, args.world) if args.engine == "local" else (0, 1, "")
    if origin:
        print(f"stoker pack: rank {rank} of {world}, from {origin}", file=sys.stderr)
    source = sources.any_folder(args.folders[0], _extensions(args))
    # Where Ray does the work, this process only waits.
    bar = Progress("pack", threads=_threads(args) if args.engine == "local" else None, rank=rank or None)
    start = time.monotonic()
    try:
        packed = pack(
            source,
            args.folders[1],
            _operators(args),
            form=args.form,
            variants=args.variants,
            cut=args.cut if args.cut in (None, "all") else _number("--cut", args.cut),
            allow_frozen=args.i_know,
            epochs=args.epochs,
            quality=args.quality,
            chroma=args.chroma,
            seed=args.seed,
            threads=args.threads if args.threads == "auto" else int(args.threads),
            color=args.color,
            exif=args.exif,
            image_dtype=args.image_dtype,
            layout=args.layout,
            rank=rank,
            world_size=world,
            shard_bytes=SHARD_BYTES
            if args.shard_bytes is None
            else bytes_from("--shard-bytes", args.shard_bytes),
            samples_per_shard=args.samples_per_shard,
            on_error="skip" if args.skip_bad else "raise",
            statistics=args.statistics,
            dry_run=args.plan,
            engine=args.engine,
            workers=args.workers,
            progress=bar,
        )
    except KeyboardInterrupt:
        bar.end()
        print("stoker pack: stopped. The same command goes on from the finished shards.", file=sys.stderr)
        raise
    finally:
        bar.end()
    for bad in packed.bad_samples:
        print(f"left out: {bad['message']}", file=sys.stderr)
    _report(packed, args, time.monotonic() - start)
    return len(packed.manifest.skipped) if packed.manifest is not None else len(packed.bad_samples)


def run_verify(args: argparse.Namespace) -> int:
    """`stoker verify`; returns the number of findings."""
    if args.threads != "auto" and not args.threads.isdigit():
        raise ValueError(f"threads must be a number or 'auto', got '{args.threads}'")
    bar = Progress("verify", "bytes", threads=_threads(args))
    try:
        findings = verify(
            args.folder,
            source=None if args.source is None else _source_for(args.folder, args.source),
            threads=args.threads if args.threads == "auto" else int(args.threads),
            progress=bar,
        )
    finally:
        bar.end()
    if args.format == "json":
        print(json.dumps({"folder": os.path.abspath(args.folder), "findings": findings}, indent=1))
        return len(findings)
    for each in findings:
        place = each["file"]
        if each["record"] is not None:
            place += f", record {each['record']}, sample {each['index']}"
        if each["field"]:
            place += f", field {each['field']!r}"
        if each["length"]:
            place += f", {each['length']} bytes at byte {each['offset']}"
        hint = f"; {each['hint']}" if each["hint"] and each["hint"] not in each["what"] else ""
        print(f"{place}: {each['what']}{hint}")
    print(f"{len(findings)} findings" if findings else "all is as it was written")
    return len(findings)


def _threads(args: argparse.Namespace) -> int:
    return max(1, resolve_threads(args.threads if args.threads == "auto" else int(args.threads))[0])


def _finalise(args: argparse.Namespace) -> int:
    if len(args.folders) != 1:
        raise ValueError("--finalise takes the packed folder alone")
    try:
        manifest = finalise(args.folders[0])
    except MissingShards as error:
        print(f"stoker pack: {error}", file=sys.stderr)
        if args.format == "json":
            print(json.dumps({"missing": error.missing, "damaged": error.damaged}, indent=1))
        return max(1, len(error.missing) + len(error.damaged))
    if args.format == "json":
        print(json.dumps({"files": len(manifest.files), "records": manifest.records}, indent=1))
    else:
        print(f"{manifest.records} samples in {len(manifest.files)} files")
    return 0


def _repair(args: argparse.Namespace) -> int:
    if len(args.folders) not in (1, 2):
        raise ValueError("--repair takes the packed folder, and its source where that has moved")
    bar = Progress("repair", threads=_threads(args))
    source = _source_for(args.folders[0], args.folders[1]) if len(args.folders) == 2 else None
    try:
        made = repair(
            args.folders[0],
            source,
            threads=args.threads if args.threads == "auto" else int(args.threads),
            progress=bar,
        )
    finally:
        bar.end()
    if args.format == "json":
        print(json.dumps({"made": made}, indent=1))
    else:
        print(
            "".join(f"made anew: {name}\n" for name in made) + ("" if made else "nothing to repair\n"), end=""
        )
    return 0


def _source_for(folder: str, given: str) -> Source:
    """A source given by its folder, listed as the packed one was."""
    plan = load_plan(folder) if os.path.isdir(folder) else None
    extensions = ((plan.origin if plan else None) or {}).get("extensions")
    return sources.any_folder(given, extensions or sources.IMAGE_EXTENSIONS)


def _extensions(args: argparse.Namespace) -> tuple[str, ...]:
    if args.extensions is None:
        return sources.IMAGE_EXTENSIONS
    return tuple(args.extensions.lower().split(","))


def _operators(args: argparse.Namespace) -> list[Operator]:
    if args.operators is None:
        return [] if args.resize is None else [operators.resize(args.resize)]
    if args.resize is not None:
        raise ValueError("give --operators or --resize, not both")
    return operators_in(args.operators)


def operators_in(path: str) -> list[Operator]:
    """The pipeline in a JSON file; ValueError where it is none, OSError where it cannot be read."""
    with open(path, "rb") as file:
        steps = parsed(file.read())
    if not isinstance(steps, list):
        raise ValueError(f"{path}: a list of operators is wanted, got {type(steps).__name__}")
    return [rebuilt(each) for each in steps]


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name} must be a number or 'all', got {text!r}") from None


def _report(packed: Packed, args: argparse.Namespace, seconds: float) -> None:
    plan = packed.plan
    report: dict[str, Any] = {
        "folder": packed.folder,
        "form": plan.form,
        "samples": plan.samples,
        "shards": plan.shard_count,
        "variants": plan.variants,
        "cut": packed.reason,
        "packed": plan.operators,
        "online": plan.online,
        "messages": [{"level": level, "text": text} for level, text in packed.messages],
        "made": packed.made,
        "kept": packed.kept,
        "bytes": packed.bytes,
        "skipped": [] if packed.manifest is None else packed.manifest.skipped,
        "is_finished": packed.manifest is not None,
        "seconds": round(seconds, 3),
    }
    if args.format == "json":
        print(json.dumps(report, indent=1))
        return
    print(packed)
    if args.plan:
        print("a plan only: nothing was written")
        return
    print(f"{len(packed.made)} files made, {len(packed.kept)} stood already, {packed.bytes} bytes")
    if packed.manifest is None:
        print(f"when all ranks are done: stoker pack --finalise {packed.folder}")
    elif plan.form != "npy":
        print(f'use it as stoker.shards("{packed.folder}")')
