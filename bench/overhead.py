"""Question: what does a loader take from a trainer, beyond the work on the samples?

Three measurements. "overhead": samples of one pixel that lie in memory, shuffled, no operators: CPU time of
all threads per sample, of stoker.Loader and of stoker's DataLoader against torch's DataLoader with 0 workers.
"deadlines" (bench/deadlines.py): a thread of the trainer wakes every millisecond while a loader with 2
workers decodes JPEGs made here as quickly as it can; a deadline is lost when the thread wakes more than a
millisecond late. The Python of loading costs deadlines through the interpreter lock, its work through the
cores. The yardstick is torch's loader with 2 workers, "no loader" shows what the machine itself takes.
"epochs": what it costs to begin an epoch that is not the first one of its loader, with its first batch of 8:
CPU time of all threads, over 64 rows of tensors and over an ImageFolder whose list has 100,000 entries.

The systems take turns, round by round. Before the clock starts, the samples or batches of all systems are
compared. Reported are medians and quartiles, of ratios and differences within rounds.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
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
EPOCH_BATCH, EPOCH_STARTS, LISTED_FILES = 8, 10, 100_000
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


def epoch_systems(dataset):
    systems = {
        "torch": TorchLoader(dataset, EPOCH_BATCH, shuffle=True),
        "drop-in, 0 workers": DataLoader(dataset, EPOCH_BATCH, shuffle=True),
        "drop-in, 2 workers": DataLoader(dataset, EPOCH_BATCH, shuffle=True, num_workers=2),
        "drop-in, 2 persistent workers": DataLoader(
            dataset, EPOCH_BATCH, shuffle=True, num_workers=2, persistent_workers=True
        ),
    }
    first = []
    for loader in systems.values():
        torch.manual_seed(1)
        first.append(next(iter(loader)))
    for images, targets in first[1:]:
        assert torch.allclose(images, first[0][0], atol=1e-6)
        assert torch.equal(targets, first[0][1])
    return systems


def cpu_ns_of_epoch_starts(loader):
    begin = time.process_time_ns()
    for _ in range(EPOCH_STARTS):
        iterator = iter(loader)
        next(iterator)
        del iterator
    return (time.process_time_ns() - begin) / EPOCH_STARTS


def measure_epochs(rounds):
    from systems import import_torchvision

    import_torchvision()
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    results = {}
    print("| dataset | system | CPU us an epoch's start | it / torch |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        deadlines.write_photos(folder)
        files = ImageFolder(folder, transforms.Compose([transforms.Resize((32, 32)), transforms.ToTensor()]))
        files.samples = [files.samples[place % len(files.samples)] for place in range(LISTED_FILES)]
        rows = TensorDataset(torch.arange(64.0 * 3).view(64, 3), torch.arange(64))
        for title, dataset in ((f"{LISTED_FILES} files", files), ("64 rows", rows)):
            systems = epoch_systems(dataset)
            costs = {name: [] for name in systems}
            for number in range(rounds):
                for name in turns(systems, number):
                    costs[name].append(cpu_ns_of_epoch_starts(systems[name]) / 1e3)
            for name, values in costs.items():
                ratio = spread([own / theirs for theirs, own in zip(costs["torch"], values, strict=True)])
                results[f"{name}, {title}"] = {"cpu_us": spread(values), "ratio": ratio}
                print(f"| {title} | {name} | {shown(spread(values), 0)} | {shown(ratio, 2)} |")
    return results


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
    parser.add_argument("--only", choices=["overhead", "deadlines", "epochs"])
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
    if args.only in (None, "epochs"):
        report["epochs"] = measure_epochs(args.rounds)
    if args.only in (None, "overhead"):
        report["overhead"], problems = measure_overhead(args.rounds)
        missed += problems
    if args.only in (None, "deadlines"):
        report["deadlines"], problems = measure_deadlines(args.rounds, args.window)
        missed += problems
    print("\n".join(["missed:", *missed]) if missed else "all targets met")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
