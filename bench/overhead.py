"""Question: what does a loader take from a trainer, beyond the work on the samples?

Two measurements. "overhead": samples of one pixel that lie in memory, shuffled, no operators: CPU time of
all threads per sample, of stoker.Loader and of stoker's DataLoader against torch's DataLoader with 0 workers.
"deadlines" (bench/deadlines.py): a thread of the trainer wakes every millisecond while a loader with 2
workers decodes JPEGs made here as quickly as it can; a deadline is lost when the thread wakes more than a
millisecond late. The Python of loading costs deadlines through the interpreter lock, its work through the
cores. The yardstick is torch's loader with 2 workers, "no loader" shows what the machine itself takes.

The systems take turns, round by round. Before the clock starts, the samples or batches of all systems are
compared. Reported are medians and quartiles, of ratios and differences within rounds.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import deadlines
import numpy as np
import torch
from ratios import shown, spread, turns
from torch.utils.data import DataLoader as TorchLoader
from torch.utils.data import TensorDataset

import stoker
from stoker.torch import DataLoader

PIXELS = 1 << 16
BATCHES = (32, 256)
LEAST_RATIO = 20.0  # of CPU time a sample, torch's over stoker's
MOST_LOST = 5.0  # percent of deadlines, beyond torch's share


def overhead_systems(batch):
    pixels = np.arange(PIXELS * 3, dtype=np.uint8).reshape(PIXELS, 1, 1, 3)
    dataset = TensorDataset(torch.from_numpy(pixels).permute(0, 3, 1, 2))

    def native(threads):
        return stoker.Loader(
            stoker.arrays(pixels), batch_size=batch, shuffle=True, seed=1, threads=threads, dtype="uint8"
        )

    dropins = {workers: DataLoader(dataset, batch, shuffle=True, num_workers=workers) for workers in (0, 2)}
    assert all(loader.explain().startswith("tier: native") for loader in dropins.values())
    return {
        "torch": TorchLoader(dataset, batch, shuffle=True),
        "stoker.Loader, 0 threads": native(0),
        "stoker.Loader, 2 threads": native(2),
        "drop-in, 0 workers": dropins[0],
        "drop-in, 2 workers": dropins[2],
    }, pixels


def images_of(batch):
    return batch[0] if isinstance(batch, list) else batch


def check_pixels(systems, pixels):
    wanted = np.sort(pixels.reshape(PIXELS, 3), axis=0)
    for name, loader in systems.items():
        seen = np.concatenate([np.asarray(images_of(batch)).reshape(-1, 3) for batch in loader])
        assert np.array_equal(np.sort(seen, axis=0), wanted), f"{name}: other samples"
    torch.manual_seed(1)
    theirs = [images.clone() for (images,) in systems["torch"]]
    torch.manual_seed(1)
    assert all(map(torch.equal, theirs, (images for (images,) in systems["drop-in, 2 workers"])))


def cpu_ns_per_sample(loader):
    begin, count = time.process_time_ns(), 0
    for batch in loader:
        count += len(images_of(batch))
    return (time.process_time_ns() - begin) / count


def measure_overhead(rounds):
    results, missed = {}, []
    print("| batch | system | CPU ns a sample | torch / it |\n| --- | --- | --- | --- |")
    for batch in BATCHES:
        systems, pixels = overhead_systems(batch)
        check_pixels(systems, pixels)
        costs = {name: [] for name in systems}
        for number in range(rounds):
            for name in turns(systems, number):
                costs[name].append(cpu_ns_per_sample(systems[name]))
        for name, values in costs.items():
            ratio = spread([theirs / own for theirs, own in zip(costs["torch"], values, strict=True)])
            results[f"{name}, batch {batch}"] = {"cpu_ns": spread(values), "ratio": ratio}
            print(f"| {batch} | {name} | {shown(spread(values))} | {shown(ratio)} |")
            if name != "torch" and ratio[0] < LEAST_RATIO:
                missed.append(f"{name}, batch {batch}: {ratio[0]:.1f} x, wanted {LEAST_RATIO:.0f}")
    return results, missed


def measure_deadlines(rounds, window_s):
    results, missed = {}, []
    lost = {name: [] for name in deadlines.SYSTEMS}
    rates = {name: [] for name in deadlines.SYSTEMS}
    with deadlines.trainers() as children:
        digests = {name: child.ask("check") for name, child in children.items() if name != deadlines.IDLE}
        assert len(set(digests.values())) == 1, f"batches differ: {digests}"
        for number in range(rounds):
            for name in turns(children, number):
                answer = json.loads(children[name].ask(f"run {window_s}"))
                lost[name].append(100 * answer["lost"] / answer["deadlines"])
                rates[name].append(answer["images_per_s"])
            print(f"deadlines: round {number + 1}/{rounds}", file=sys.stderr)
    print("| loader | deadlines lost, % | beyond torch's, points | images/s |\n" + "| --- " * 4 + "|")
    for name in lost:
        beyond = spread([own - theirs for own, theirs in zip(lost[name], lost["torch"], strict=True)])
        results[name] = {"lost": spread(lost[name]), "beyond": beyond, "images_per_s": spread(rates[name])}
        print(f"| {name} | {shown(spread(lost[name]))} | {shown(beyond)} | {shown(spread(rates[name]), 0)} |")
        if beyond[0] > MOST_LOST and name != deadlines.QUICK_THREADS:
            missed.append(f"{name}: {beyond[0]:.1f} points beyond torch's share, allowed {MOST_LOST:.0f}")
    return results, missed


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--window", type=float, default=2.0, help="seconds of deadlines in a round")
    parser.add_argument("--only", choices=["overhead", "deadlines"])
    parser.add_argument("--json", type=Path, help="write all figures and conditions to this file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    conditions = {
        "rounds": args.rounds,
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    print(", ".join(f"{name} {value}" for name, value in conditions.items()))
    report, missed = {"conditions": conditions}, []
    if args.only != "deadlines":
        report["overhead"], problems = measure_overhead(args.rounds)
        missed += problems
    if args.only != "overhead":
        report["deadlines"], problems = measure_deadlines(args.rounds, args.window)
        missed += problems
    print("\n".join(["missed:", *missed]) if missed else "all targets met")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
