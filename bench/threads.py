"""Question: what does `threads="auto"` gain over a number that stays, and at what price?

Trainers whose step takes a given share of the CPU time that loading a batch takes: on a device (the thread
sleeps) or on the cores (the thread computes). For each, loaders over the same JPEGs take turns, an epoch
each, every round in another order: the usable cores less one, all usable cores, "auto" that goes on from
round to round, and "auto" that begins anew in each. What counts are ratios of the time of an epoch within a
round. Content is checked to be the same first. The last column is how long threads of this process were ready
to run without a core, as a share of the cores' time: others had them, or there are too many.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ratios import shown, spread, turns

import stoker
from stoker.machine.clocks import waited_for_cores_s
from stoker.machine.cores import usable_cores

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))
from images import encode, picture

BATCH, DISTINCT = 32, 24
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OPERATORS = [stoker.random_resized_crop(224), stoker.horizontal_flip(), stoker.normalize(MEAN, STD)]

# Name, where the step is done, and its time as a share of the CPU time that loading a batch takes.
TRAINERS = [
    ("device, step a quarter of loading", "device", 0.25),
    ("device, step 1.5 of loading", "device", 1.5),
    ("cores, step a quarter of loading", "cores", 0.25),
    ("cores, step three quarters of loading", "cores", 0.75),
    ("cores, step 1.5 of loading", "cores", 1.5),
]
FRESH = "auto, begun anew"


def write(folder):
    paths = []
    for seed in range(DISTINCT):
        path = folder / f"{seed:02}.jpg"
        path.write_bytes(encode(picture(375, 500, seed=seed), "JPEG", quality=90))
        paths.append(path)
    return paths


def make_loader(source, threads, is_drop_in):
    if is_drop_in:
        from stoker.torch import DataLoader, ImageDataset

        dataset = ImageDataset([str(source.path(i)) for i in range(len(source))], transform=_torch_steps())
        return DataLoader(dataset, batch_size=BATCH, shuffle=True, threads=threads)
    loader = stoker.Loader(source, OPERATORS, batch_size=BATCH, shuffle=True, seed=1, threads=threads)
    loader.prepares_next_epoch = False  # it is another loader's turn then
    return loader


def _torch_steps():
    from torchvision import transforms as T

    return T.Compose(
        [T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize(MEAN, STD)]
    )


def loading_cpu_s(source):
    """CPU seconds of one batch."""
    with stoker.Loader(source, OPERATORS, batch_size=BATCH, threads=0) as loader:
        begun, batches = None, 0
        for number, _ in enumerate(loader):
            if number == 2:
                begun = time.process_time()
            batches = number - 2
            if batches == 12:
                break
        return (time.process_time() - begun) / batches


def make_step(place, seconds):
    """Something that takes so long: by the clock on a device, of CPU time on the cores."""
    if place == "device":
        return lambda: time.sleep(seconds)
    matrix = np.ones((48, 48), np.float32)

    def compute():
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            matrix @ matrix

    return compute


def run_epoch(loader, step, batches):
    """(wall seconds, threads at its end, ready without a core as a share of the cores' time)."""
    waited, begun, number = sum(waited_for_cores_s().values()), time.perf_counter(), 0
    iterator = iter(loader)
    for number, _ in enumerate(iterator, 1):
        step()
        if number == batches:
            break
    wall = time.perf_counter() - begun
    lost = sum(waited_for_cores_s().values()) - waited
    threads = loader.counters()["active_threads"]
    del iterator
    return wall, threads, lost / wall / usable_cores()


def check(source):
    first = [next(iter(stoker.Loader(source, OPERATORS, batch_size=BATCH, threads=threads)))
             for threads in (1, "auto")]  # fmt: skip
    assert np.array_equal(*first), "content depends on the number of threads"


def measure(source, step, fixed, args):
    """By system, of each round: wall seconds, threads, share lost."""
    systems = {f"{count} fixed": count for count in fixed}
    loaders = {name: make_loader(source, count, args.drop_in) for name, count in systems.items()}
    loaders["auto"] = make_loader(source, "auto", args.drop_in)
    batches = len(source) // BATCH
    for loader in loaders.values():
        run_epoch(loader, step, batches)  # warm; "auto" has adapted then
    rounds = {name: [] for name in (*loaders, FRESH)}
    for number in range(args.rounds):
        for name in turns(rounds, number):
            loader = loaders.get(name) or make_loader(source, "auto", args.drop_in)
            rounds[name].append(run_epoch(loader, step, batches))
    return rounds


def line(title, rounds, base):
    first = [wall for wall, _, _ in rounds[base]]
    cells = [title]
    for name, each in rounds.items():
        if name != base:
            cells.append(shown(spread([mine[0] / wall for mine, wall in zip(each, first, strict=True)]), 2))
    cells.append(" ".join(str(threads) for _, threads, _ in rounds["auto"]))
    cells.append(f"{statistics.median(lost for each in rounds.values() for _, _, lost in each):.0%}")
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=6, help="of an epoch, about (default: 6)")
    parser.add_argument(
        "--drop-in", action="store_true", help="stoker.torch.DataLoader instead of stoker.Loader"
    )
    parser.add_argument("--only", default="", help="trainers whose name contains this")
    parser.add_argument("--json", metavar="FILE", help="keep all numbers there")
    args = parser.parse_args()
    cores = max(1, round(usable_cores()))
    fixed = list(dict.fromkeys([max(1, cores - 1), cores]))
    kept = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder))
        check(stoker.files(paths))
        batch_s = loading_cpu_s(stoker.files(paths * 16))
        print(
            f"{platform.machine()}, {os.cpu_count()} cores seen, {cores} usable; a batch of {BATCH} takes "
            f"{batch_s * 1e3:.0f} ms of CPU time to load; {args.rounds} rounds of "
            f"{'stoker.torch.DataLoader' if args.drop_in else 'stoker.Loader'}\n"
        )
        base, *others = [f"{count} fixed" for count in fixed]
        titles = [
            "trainer",
            *[f"{name} / {base}" for name in (*others, "auto", FRESH)],
            "auto's threads",
            "ready, no core",
        ]
        print("| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
        for title, place, share in TRAINERS:
            if args.only not in title:
                continue
            step = make_step(place, share * batch_s)
            count = max(24, int(args.seconds / batch_s / max(1.0, share)))
            source = stoker.files([paths[i % DISTINCT] for i in range(count * BATCH)])
            kept[title] = measure(source, step, fixed, args)
            print(line(title, kept[title], base), flush=True)
    if args.json:
        Path(args.json).write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
