"""`stoker profile` and `stoker bench A B`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import runpy
import sys
from typing import Any

from stoker.profiling.comparing import compare
from stoker.profiling.script import profile_script


def run_profile(args: argparse.Namespace) -> bool:
    """Profiles the loaders of a script; True where one of them leaves something to gain."""
    seconds = args.seconds or None
    profiles = profile_script(args.script, args.arguments, seconds, args.parts)
    if not profiles:
        raise ValueError(
            f"{args.script} iterated over no stoker.Loader and no DataLoader; a loader of another kind can "
            "be measured with stoker.profile(loader)."
        )
    if args.output is not None:
        with open(args.output, "w", encoding="utf-8") as file:
            json.dump([each.to_dict() for each in profiles], file, indent=1)
            file.write("\n")
    if args.report is not None:
        for number, each in enumerate(profiles, 1):
            each.save_report(_numbered(args.report, number))
    if args.format == "json":
        print(json.dumps([each.to_dict() for each in profiles], indent=1))
    else:
        print("\n\n".join(str(each) for each in profiles))
    return any(each.verdict.bound_by != "trainer" for each in profiles)


def _numbered(path: str, number: int) -> str:
    """report.html, report-2.html, report-3.html, ..."""
    stem, suffix = os.path.splitext(path)
    return path if number == 1 else f"{stem}-{number}{suffix}"


def run_bench(args: argparse.Namespace) -> bool:
    """Compares two loaders; True where nobody can tell which is faster."""
    first, second = (_loader_of(each) for each in (args.folder, args.other))
    made = compare(
        first,
        second,
        seconds=args.seconds,
        rounds=args.rounds,
        names=(args.folder, args.other),
        history=args.history,
    )
    print(json.dumps(made.to_dict(), indent=1) if args.format == "json" else made)
    return made.answer == "cannot tell"


def _loader_of(place: str) -> Any:
    """What the function at "module:function" or "file.py:function" returns, called without arguments.

    Raises:
        ValueError: There is no such function.
    """
    home, _, name = place.rpartition(":")
    if not home or not name.isidentifier():
        raise ValueError(
            f"{place!r}: give a function that returns a loader, as 'file.py:make_loader' or "
            "'module:make_loader'."
        )
    if home.endswith(".py"):
        names = runpy.run_path(home, run_name=os.path.basename(home)[:-3])
        function = names.get(name)
    else:
        sys.path.insert(0, os.getcwd())
        try:
            function = getattr(importlib.import_module(home), name, None)
        except ModuleNotFoundError as error:
            raise ValueError(f"{place!r}: {error}.") from None
        finally:
            sys.path.remove(os.getcwd())
    if not callable(function):
        raise ValueError(f"{place!r}: {home} has no function {name!r}.")
    return function()
