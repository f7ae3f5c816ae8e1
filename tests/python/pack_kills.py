"""Kills packing processes at random moments and looks at what they leave behind.

`pack_kills.py --kills 1000` and `pack_kills.py --kills 200 --writers 2` print what was found; the exit code
is 1 when a file was ever not as it should be.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from images import write_folder

import stoker
from stoker import _native

SAMPLES, SAMPLES_PER_SHARD = 60, 4


def steps() -> list[stoker.Operator]:
    return [stoker.resize(96), stoker.random_resized_crop(32), stoker.horizontal_flip()]


def pack(source: stoker.Source, folder: Path) -> None:
    stoker.pack(source, folder, steps(), samples_per_shard=SAMPLES_PER_SHARD, threads=2)


def start(source: stoker.Source, folder: Path) -> int:
    """A process that packs; forked while this one has no threads, so that nearly all its time is packing."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            pack(source, folder)
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(code)
    return process


def ended(process: int, seconds: float) -> int | None:
    """The exit code of a process that ended by itself within some time, else None after a kill -9."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.0005)
    os.kill(process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return None if code == -signal.SIGKILL else code


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def corrupt(found: dict[str, bytes], wanted: dict[str, bytes]) -> list[str]:
    """Files under a final name that differ from those of an undisturbed packing."""
    return [
        name for name, data in found.items() if not name.startswith(".") and wanted.get(name, b"") != data
    ]


def run(kills: int, writers: int, seed: int, folder: Path) -> dict[str, Any]:
    """Kills `kills` processes; each packing that they interrupt is gone on with until it ends."""
    numbers = random.Random(seed)
    write_folder(folder / "train", SAMPLES, size=None)
    source = stoker.folder(folder / "train")
    reference, packed = folder / "reference", folder / "packed"
    begin = time.monotonic()
    process = start(source, reference)
    assert ended(process, 300) == 0, "the reference could not be packed"
    whole_seconds = time.monotonic() - begin
    wanted = contents(reference)
    result: dict[str, Any] = {"kills": 0, "finished": 0, "failed": 0, "corrupt": [], "left": [], "during": 0}
    while result["kills"] < kills:
        processes = [start(source, packed) for _ in range(writers)]
        # One is killed, the other goes on: it must not mind.
        for number, process in enumerate(processes):
            last = number > 0 and numbers.random() < 0.5
            code = ended(process, 300 if last else numbers.uniform(0, 1.1 * whole_seconds * writers))
            result["kills"] += code is None
            result["failed"] += code not in (None, 0)
        found = contents(packed)
        result["during"] += any(name.startswith(".") for name in found)
        result["corrupt"] += corrupt(found, wanted)
        if "manifest.json" not in found:
            continue
        process = start(source, packed)  # undisturbed: sweeps up, changes nothing
        result["failed"] += ended(process, 300) != 0
        found = contents(packed)
        result["finished"] += 1
        result["corrupt"] += corrupt(found, wanted)
        result["left"] += sorted(set(found) ^ set(wanted))
        shutil.rmtree(packed)
    process = start(source, packed)
    result["failed"] += ended(process, 300) != 0
    result["left"] += sorted(set(contents(packed)) ^ set(wanted))
    result["corrupt"] += corrupt(contents(packed), wanted)
    assert _native.sweep_leftovers(str(packed)) == 0
    return result


def is_clean(result: dict[str, Any]) -> bool:
    return not (result["corrupt"] or result["left"] or result["failed"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(args.kills, args.writers, args.seed, Path(folder))
    print(
        f"{result['kills']} kills of {args.writers} writers; {result['during']} left a hidden file, "
        f"{result['finished']} packings were gone on with to their end; "
        f"{len(result['corrupt'])} corrupt files, {len(result['left'])} names too many or missing, "
        f"{result['failed']} failures"
    )
    return 0 if is_clean(result) else 1


if __name__ == "__main__":
    sys.exit(main())
