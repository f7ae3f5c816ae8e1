"""Trainers of overhead.py, each a process of its own: `deadlines.py NAME FOLDER` obeys lines on its input.

`check` answers with a digest of the first batch, `run SECONDS` with a line of JSON. Between the commands the
loader stays where it is, with its workers stopped by a full queue.
"""

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

IDLE = "no loader"
THREADS = "drop-in, threads"
# A worker that computes in Python gives the interpreter away after sys.getswitchinterval(): 5 ms, or this.
QUICK_THREADS, QUICK_SWITCH_S = "drop-in, threads, switch 0.5 ms", 0.0005
SYSTEMS = ["torch", "drop-in", THREADS, QUICK_THREADS, IDLE]
PERIOD_NS = 1_000_000
LATE_NS = 1_000_000
BATCH, WORKERS = 32, 2
FILES, REPEATS = 64, 100


def write_photos(folder):
    """Photo-like JPEGs of 500x375, from smooth noise of three scales."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for index in range(FILES):
        layers = [
            Image.fromarray(rng.integers(0, 256, (375 // scale + 1, 500 // scale + 1, 3), dtype=np.uint8))
            for scale in (60, 12, 3)
        ]
        pixels = [np.asarray(layer.resize((500, 375), Image.Resampling.BICUBIC), float) for layer in layers]
        mixed = 0.6 * pixels[0] + 0.3 * pixels[1] + 0.1 * pixels[2]
        path = Path(folder) / "class" / f"{index:03}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(mixed.astype(np.uint8)).save(path, quality=90)


class Trainer:
    """The parent's end of a trainer."""

    def __init__(self, name, folder):
        command = [sys.executable, __file__, name, folder]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise RuntimeError(f"{self.process.args[2]!r} ended during {line!r}")
        return answer


@contextlib.contextmanager
def trainers():
    """All systems by name, started and waiting for a command."""
    with tempfile.TemporaryDirectory() as folder:
        write_photos(folder)
        children = {name: Trainer(name, folder) for name in SYSTEMS}
        try:
            yield children
        finally:
            for child in children.values():
                child.process.stdin.close()
            for child in children.values():
                child.process.wait()


# ---- in the child ----


def make_loader(name, folder):
    from systems import import_torchvision

    import_torchvision()
    from torch.utils.data import DataLoader as TorchLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    from stoker.torch import DataLoader

    class OwnFolder(ImageFolder):
        """A class that the engine does not know."""

    # Without randomness, so that all give the same and the threads need no generators of their own.
    steps = [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
    on_threads = {"workers": "thread"} if name in (THREADS, QUICK_THREADS) else {}
    dataset = (OwnFolder if on_threads else ImageFolder)(folder, transforms.Compose(steps))
    dataset.samples *= REPEATS
    if name == "torch":
        return TorchLoader(dataset, BATCH, num_workers=WORKERS)
    loader = DataLoader(dataset, BATCH, num_workers=WORKERS, **on_threads)
    tier = "tier: thread" if on_threads else "tier: native"
    assert loader.explain().startswith(tier), loader.explain()
    return loader


def endless(loader):
    while True:
        yield from loader


class Ticker(threading.Thread):
    """Wakes at every deadline it can still meet, and counts those that passed by over LATE_NS before."""

    def __init__(self, window_s):
        super().__init__()
        self.deadlines = int(window_s * 1e9) // PERIOD_NS
        self.lost = 0

    def run(self):
        begin = time.monotonic_ns()
        number = 0
        while number < self.deadlines:
            left = begin + number * PERIOD_NS - time.monotonic_ns()
            if left > 0:
                time.sleep(left * 1e-9)
            late = time.monotonic_ns() - begin - number * PERIOD_NS
            gone = min(max(0, -(-(late - LATE_NS) // PERIOD_NS)), self.deadlines - number)
            self.lost += gone
            number += max(1, gone)


def run(batches, window_s):
    for _ in range(4):
        next(batches)  # what was made ahead
    ticker = Ticker(window_s)
    images, begin = 0, time.monotonic()
    ticker.start()
    while ticker.is_alive():
        images += len(next(batches)[0])
    ticker.join()
    rate = images / (time.monotonic() - begin)
    return {"deadlines": ticker.deadlines, "lost": ticker.lost, "images_per_s": rate}


def nothing():
    while True:
        time.sleep(0.01)
        yield ((),)


def main(name, folder):
    if name == QUICK_THREADS:
        sys.setswitchinterval(QUICK_SWITCH_S)
    loader = None if name == IDLE else make_loader(name, folder)
    batches = nothing() if loader is None else endless(loader)
    for line in sys.stdin:
        if line.startswith("check"):
            images, _ = next(batches)
            # Float arithmetic may differ in the last bits; the pixels may not.
            levels = (images * 57.0).round().to(dtype=images.dtype)
            print(hashlib.sha256(levels.numpy().tobytes()).hexdigest(), flush=True)
        else:
            print(json.dumps(run(batches, float(line.split()[1]))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
