"""`stoker advise` on the command line."""

from __future__ import annotations

import argparse
import json
import sys

from stoker import _native, sources
from stoker.advising.choosing import advise
from stoker.loader import Loader
from stoker.operators import Operator
from stoker.packing.command import operators_in
from stoker.packing.sizes import bytes_from
from stoker.profiling.script import profile_script


def run_advise(args: argparse.Namespace) -> int:
    """Prints the advice; 1 when something is to be changed, 0 when nothing is.

    Raises:
        ValueError: A wrong argument.
        OSError: Files cannot be read, or the folder for trials not be written to.
    """
    if args.folder.endswith(".py"):
        return _advise_script(args)
    if args.arguments:
        raise ValueError(
            f"{args.arguments[0]!r} is for a script; {args.folder!r} is none (its name ends in .py)."
        )
    source = sources.any_folder(args.folder)
    loader = Loader(
        source,
        _operators(args),
        batch_size=min(args.batch_size, len(source)),
        shuffle=True,
        threads=args.threads if args.threads == "auto" else int(args.threads),
        color=args.color,
        image_dtype=args.image_dtype,
    )
    if not args.apply and args.format == "text":
        print(f"stoker advise: measuring {source!r}", file=sys.stderr)
    with loader:
        advice = advise(
            loader,
            epochs=args.epochs,
            jobs=args.jobs,
            disk_bytes=None if args.disk is None else bytes_from("--disk", args.disk),
            memory_bytes=None if args.memory is None else bytes_from("--memory", args.memory),
            accept=args.accept,
            folder=args.scratch,
            seconds=args.seconds,
        )
        if args.apply:
            advice.apply(args.apply).close()
    if args.format == "json":
        print(json.dumps(advice.to_dict(), indent=1))
    else:
        print(advice)
    return 0 if advice.does_nothing else 1


def _advise_script(args: argparse.Namespace) -> int:
    """Advice for each loader that the script iterates over, from watching it."""
    for name in ("operators", "resize", "disk", "accept", "scratch", "apply"):
        if getattr(args, name):
            raise ValueError(
                f"--{name} is for packing a folder. In {args.folder}, stoker.advise(loader, step=...) weighs "
                "packing too; leave it out here."
            )
    memory_bytes = None if args.memory is None else bytes_from("--memory", args.memory)
    profiles = profile_script(args.folder, args.arguments, args.seconds / 2, max(1.0, args.seconds / 2))
    found = []
    for each in profiles:
        try:
            found.append(
                (each.loader, advise(each, epochs=args.epochs, jobs=args.jobs, memory_bytes=memory_bytes))
            )
        except ValueError as problem:  # of a loader that nothing can be predicted for
            print(f"stoker advise: {each.loader.name}: {problem}", file=sys.stderr)
    if not found:
        raise ValueError(f"{args.folder}: none of its {len(profiles)} loaders can be advised on.")
    if args.format == "json":
        print(json.dumps([advice.to_dict() for _, advice in found], indent=1))
    else:
        for loader, advice in found:
            print(f"{loader.kind} loader {loader.name}".rstrip() + f": {advice}\n")
    return 0 if all(advice.does_nothing for _, advice in found) else 1


def _operators(args: argparse.Namespace) -> list[Operator]:
    if args.operators is not None:
        return operators_in(args.operators)
    resize = [] if args.resize is None else [_native.make_operator("resize", {"size": args.resize})]
    return [
        *resize,
        _native.make_operator("random_resized_crop", {"size": args.size}),
        _native.make_operator("horizontal_flip", {}),
        _native.make_operator("to_float", {}),
    ]
