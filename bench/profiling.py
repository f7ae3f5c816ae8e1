"""Question: what does the profiler cost the loop that it watches?

An epoch over the same JPEGs, plain and as `stoker.profile` runs it, in turns: CPU time of all threads of this
process, and the ratio within a round. The number of samples must be the same.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import deadlines
import torch
from ratios import shown, spread, turns
from systems import import_torchvision

import stoker
from stoker.profiling.batches import samples_in
from stoker.profiling.loop import run_loop
from stoker.profiling.subjects import subject_of

BATCH = 32
REPEATS = {"stoker.Loader, 1 thread": 32, "torch, 0 workers": 4}  # of the files, an epoch
MOST_COST = 1.01
TRACED_EVENTS = 2000  # as many as stoker.profile keeps for its timeline


def systems(folder):
    import_torchvision()
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    paths = sorted(map(str, Path(folder).rglob("*.jpg"))) * REPEATS["stoker.Loader, 1 thread"]
    steps = [
        stoker.random_resized_crop(224),
        stoker.horizontal_flip(p=0.5),
        stoker.normalize((0.5, 0.5, 0.5), (0.2, 0.2, 0.2)),
    ]
    of_torch = [transforms.RandomResizedCrop(224), transforms.ToTensor()]
    dataset = ImageFolder(folder, transforms.Compose(of_torch))
    dataset.samples *= REPEATS["torch, 0 workers"]
    return {
        "stoker.Loader, 1 thread": stoker.Loader(
            stoker.files(paths), steps, batch_size=BATCH, threads=1, shuffle=True
        ),
        "torch, 0 workers": DataLoader(dataset, BATCH, shuffle=True),
    }


def plain(loader, subject):
    return sum(samples_in(batch) for batch in loader)


def watched(loader, subject):
    subject.traced_events = TRACED_EVENTS
    return run_loop(subject, 3600, epochs=1).samples


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=31)
    args = parser.parse_args()
    torch.set_num_threads(1)
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        deadlines.write_photos(folder)
        for name, loader in systems(folder).items():
            subject = subject_of(loader)
            ratios = []
            for number in range(-1, args.rounds):
                seconds, counts = {}, set()
                for way in turns([plain, watched], number):
                    begin = time.process_time()
                    counts.add(way(loader, subject))
                    seconds[way] = time.process_time() - begin
                assert len(counts) == 1, f"{name}: {counts} samples"
                if number >= 0:
                    ratios.append(seconds[watched] / seconds[plain])
            print(
                f"{name}: CPU time watched / plain {shown(spread(ratios), 3)} (wanted: at most {MOST_COST})"
            )
            if spread(ratios)[0] > MOST_COST:
                missed.append(name)
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
