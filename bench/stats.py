"""Question: what do statistics cost beside decoding, and are they right?

Work: every JPEG of a folder decoded whole. In one process, interleaved in each round: decoding and nothing
else (the loader, without operators, whose decode and fetch time is counted apart from its stores), sums,
and sums with histograms, all with the same threads. The ratios are of CPU time within a round, because the
speed of a shared machine drifts. Before the clock starts, the figures are held against NumPy in float64, and
the bits of 1, 2 and 8 threads against each other, for these files and for uint16 arrays.
"""

import argparse
import json
import os
import resource
import sys
from pathlib import Path

import numpy as np
from ratios import shown, spread, turns

import stoker

GOALS = {"sums": 1.10, "histograms": 1.25}
LARGEST_ERROR = 1e-12


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def decode_alone(source, threads):
    """CPU seconds of fetching and decoding, from the counters of the threads."""
    with stoker.Loader(
        source, [], batch_size=8, threads=threads, dtype="uint8", layout="hwc", shapes="list"
    ) as loader:
        for _ in loader:
            pass
        counters = loader.counters()
    return (counters["decode_cpu_ns"] + counters["fetch_cpu_ns"]) / 1e9


def compute(source, threads, histogram):
    begin = cpu_seconds()
    stoker.compute_statistics(source, threads=threads, histogram=histogram)
    return cpu_seconds() - begin


def reference(source):
    """Mean and deviation of each channel by NumPy, image by image in float64, in two passes."""

    def images():
        with stoker.Loader(
            source, [], batch_size=8, threads=1, dtype="uint8", layout="hwc", shapes="list"
        ) as loader:
            for batch in loader:
                for image in batch:
                    yield np.asarray(image).reshape(-1, 3).astype(np.float64)

    count, total = 0, np.zeros(3)
    for pixels in images():
        count, total = count + len(pixels), total + pixels.sum(axis=0)
    mean = total / count
    squares = np.zeros(3)
    for pixels in images():
        squares += ((pixels - mean) ** 2).sum(axis=0)
    return mean, np.sqrt(squares / count)


def check(source):
    found = stoker.compute_statistics(source, threads=1)
    errors = [
        float(np.max(np.abs(np.asarray(ours) / theirs - 1)))
        for ours, theirs in zip((found.mean, found.std), reference(source), strict=True)
    ]
    if max(errors) > LARGEST_ERROR:
        sys.exit(f"statistics: mean and deviation differ from NumPy's by {errors}; no time was taken")
    wide = np.random.default_rng(0).integers(0, 65536, (300, 40, 50, 3), np.uint16)
    for name, each in (("uint8", source), ("uint16", stoker.arrays(wide))):
        one = stoker.compute_statistics(each, threads=1)
        for threads in (2, 8):
            if stoker.compute_statistics(each, threads=threads).channels != one.channels:
                sys.exit(f"statistics: {name} differs between 1 and {threads} threads; no time was taken")
    return max(errors)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder of JPEGs, searched at any depth")
    parser.add_argument("--images", type=int, default=500, help="most images a round")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/bench/stats.json"))
    args = parser.parse_args()
    endings = (".jpg", ".jpeg")
    files = sorted(p for p in args.data.rglob("*") if p.suffix.lower() in endings and p.is_file())
    if not files:
        sys.exit(f"{args.data} holds no .jpg or .jpeg file")
    files = files[: args.images]
    source = stoker.files(files)
    error = check(source)

    systems = {
        "decode": lambda: decode_alone(source, args.threads),
        "sums": lambda: compute(source, args.threads, False),
        "histograms": lambda: compute(source, args.threads, True),
    }
    rounds = []
    for number in range(args.rounds):
        seconds = {name: systems[name]() for name in turns(systems, number)}
        rounds.append({name: seconds[name] for name in systems})
    ratios = {name: spread([each[name] / each["decode"] for each in rounds]) for name in GOALS}
    report = {
        "files": len(files),
        "threads": args.threads,
        "rounds": rounds,
        "largest_relative_error": error,
        "ratios": ratios,
        "load_average_after": os.getloadavg(),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"{len(files)} JPEGs, {args.threads} threads, {args.rounds} rounds; median [quartiles]")
    print(f"largest relative difference from NumPy in float64: {error:.1e}; bits equal for 1, 2, 8 threads\n")
    print(f"{'':12}{'CPU ms/image':>24}{'to decoding alone':>24}{'goal':>8}")
    for name in systems:
        each = spread([one[name] / len(files) * 1e3 for one in rounds])
        line = f"{name:12}{shown(each, 3):>24}"
        if name in GOALS:
            of = ratios[name]
            line += f"{shown(of, 3):>24}{GOALS[name]:8.2f}"
        print(line)
    print(f"\nsaved in {args.out}")


if __name__ == "__main__":
    main()
