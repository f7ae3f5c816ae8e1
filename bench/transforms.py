"""Question: what does each operator cost beside Albumentations and torchvision, and each of five pipelines?

Work: one call on one image in memory, on one thread, uint8 images of 500x375 and 224x224 pixels;
`stoker.compile(transform)(image=image)` against `transform(image=image)` of Albumentations (OpenCV on one
thread, its instruction sets and Intel's library as they come) and torchvision v2 on a uint8 tensor (one
thread). Each operator is always applied, with what it draws drawn anew at every call. Rounds are interleaved
and ratios of CPU time are taken within a round, because the speed of a shared machine drifts. Before the
clock starts, operators without a draw must give Albumentations' own pixels, and the others its shape and
dtype.
"""

import argparse
import importlib.metadata
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from pipelines import FIXED, operators, photograph, pipelines, torchvision_operators
from ratios import shown, spread
from systems import import_torchvision

SIZES = {"500x375": (375, 500), "224x224": (224, 224)}
LEAST_S = 0.02
DRAW_SIZES = ("RandomScale", "RandomRotate90", "D4")  # rows and columns differ between two calls
MARKS = ("<!-- numbers: begin -->", "<!-- numbers: end -->")


def calls_for(call):
    """How many calls take about LEAST_S."""
    call()
    begin, count = time.thread_time(), 0
    while time.thread_time() - begin < LEAST_S / 2:
        call()
        count += 1
    return max(1, 2 * count)


def timed(calls, rounds):
    """CPU microseconds a call of each, a list of rounds, interleaved."""
    counts = {name: calls_for(call) for name, call in calls.items()}
    found = {name: [] for name in calls}
    for number in range(rounds):
        names = list(calls) if number % 2 == 0 else list(calls)[::-1]
        for name in names:
            call, count = calls[name], counts[name]
            begin = time.thread_time()
            for _ in range(count):
                call()
            found[name].append((time.thread_time() - begin) / count * 1e6)
    return found


def check(name, theirs, ours, image):
    expected, found = theirs(image=image)["image"], ours(image=image)["image"]
    if name in DRAW_SIZES:
        assert sorted(found.shape) == sorted(expected.shape) or name == "RandomScale", (
            f"{name}: {found.shape}"
        )
    else:
        assert found.shape == expected.shape, f"{name}: {found.shape}"
    assert found.dtype == expected.dtype, f"{name}: {found.dtype}, expected {expected.dtype}"
    if name in FIXED:
        assert np.array_equal(found, expected), f"{name}: other pixels than Albumentations"


def time_operators(rounds, only):
    import albumentations as A
    import torch

    import stoker

    rows = []
    for size, (height, width) in SIZES.items():
        image = photograph(height, width)
        tensor = torch.from_numpy(image).permute(2, 0, 1).contiguous()
        in_torchvision = torchvision_operators(min(height, width))
        for name, leaf in operators(min(height, width)).items():
            if only and name not in only:
                continue
            theirs = A.Compose([leaf])
            ours = stoker.compile(theirs)
            check(name, theirs, ours, image)
            calls = {
                "stoker": lambda ours=ours, image=image: ours(image=image),
                "albumentations": lambda theirs=theirs, image=image: theirs(image=image),
            }
            if name in in_torchvision:
                operator = in_torchvision[name]
                calls["torchvision"] = lambda operator=operator, tensor=tensor: operator(tensor)
            rows.append({"operator": name, "size": size, "us": timed(calls, rounds)})
            print(f"{size} {name}", file=sys.stderr)
    return rows


def time_pipelines(rounds):
    import stoker

    rows = []
    for name, (theirs, arguments) in pipelines().items():
        ours = stoker.compile(theirs)
        expected, found = theirs(**arguments), ours(**arguments)
        assert found.keys() == expected.keys(), f"{name}: {list(found)}"
        for field in ("image", "mask"):
            if field in expected:
                same = (found[field].shape, found[field].dtype) == (
                    expected[field].shape,
                    expected[field].dtype,
                )
                assert same, f"{name}: {field} is {found[field].dtype} {found[field].shape}"
        calls = {
            "stoker": lambda ours=ours, arguments=arguments: ours(**arguments),
            "albumentations": lambda theirs=theirs, arguments=arguments: theirs(**arguments),
        }
        rows.append({"pipeline": name, "us": timed(calls, rounds)})
        print(name, file=sys.stderr)
    return rows


def gains(row, peer):
    """How many times sooner stoker is, in each round; None where the peer has no such operator."""
    times = row["us"]
    if peer not in times:
        return None
    return [theirs / ours for theirs, ours in zip(times[peer], times["stoker"], strict=True)]


def report_text(report):
    lines = [
        "| operator | size | stoker us | Albumentations / stoker | torchvision / stoker |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    medians = []
    for row in report["operators"]:
        against = gains(row, "albumentations")
        torchvision = gains(row, "torchvision")
        medians.append((statistics.median(against), row["operator"], row["size"]))
        lines.append(
            f"| {row['operator']} | {row['size']} | {shown(spread(row['us']['stoker']), 0)} "
            f"| {shown(spread(against), 2)} | {shown(spread(torchvision), 2) if torchvision else ''} |"
        )
    if medians:
        below = [f"{name} {size} {gain:.2f}" for gain, name, size in sorted(medians) if gain < 0.9]
        lines += [
            "",
            f"Median over operators and sizes: {statistics.median(gain for gain, *_ in medians):.2f} times "
            f"sooner than Albumentations (wanted: at least 2). Below 0.9: {', '.join(below) or 'none'}.",
        ]
    if report["pipelines"]:
        lines += [
            "",
            "| pipeline | stoker us | Albumentations us | Albumentations / stoker |",
            "| --- | ---: | ---: | ---: |",
        ]
    for row in report["pipelines"]:
        lines.append(
            f"| {row['pipeline']} | {shown(spread(row['us']['stoker']), 0)} "
            f"| {shown(spread(row['us']['albumentations']), 0)} "
            f"| {shown(spread(gains(row, 'albumentations')), 2)} |"
        )
    setting = report["conditions"]
    versions = ", ".join(f"{name} {version}" for name, version in setting["versions"].items())
    lines += ["", f"CPU time, medians and [quartiles] of {setting['rounds']} interleaved rounds. {versions}."]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="*", help="these operators, and no pipeline")
    parser.add_argument("--pipelines", action="store_true", help="the pipelines alone")
    parser.add_argument("--out", type=Path, default=Path("build/bench/transforms.json"))
    parser.add_argument("--page", type=Path, help="a Markdown page whose numbers are replaced")
    args = parser.parse_args()
    import_torchvision()
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    names = ["torch", "torchvision", "albumentations", "opencv-python-headless", "numpy"]
    report = {
        "operators": [] if args.pipelines else time_operators(args.rounds, args.only),
        "pipelines": [] if args.only else time_pipelines(args.rounds),
        "conditions": {
            "rounds": args.rounds,
            "versions": {name: importlib.metadata.version(name) for name in names},
        },
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    text = report_text(report)
    print(text)
    if args.page:
        page = args.page.read_text()
        before, rest = page.split(MARKS[0])
        args.page.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")


if __name__ == "__main__":
    main()
