"""Question: what does work that is done once save in every epoch, and what does reading it cost?

All systems do RandomResizedCrop(224), flip and normalise into float32 CHW batches of 64, with two workers or
threads, files in the page cache: stoker over the folder, over packed bytes (form source) and over packed
pixels (form raw) after resize(256); torch + Albumentations over the folder; and torch + Albumentations over a
memory map (form npy) of the 256 x 256 middles. `square` is stoker over packed pixels of these middles,
and `alone` the same batches out of memory: crop, resize and store. What `square` takes above `alone` and one
memcpy of its records is the price of shards. Every system lives in a process of its own; rounds are
interleaved, because the speed of a shared machine drifts, and ratios are taken within a round. First the
hashes of an epoch over shards and over the folder are compared, where they must be equal.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loading import lay_out
from ratios import shown, spread
from systems import BATCH, MEAN, STD, WORKERS, import_torchvision, run_epoch

SYSTEMS = ["folder", "source", "raw", "torch-folder", "torch-npy", "square", "alone"]


def stoker_steps():
    import stoker

    return [stoker.random_resized_crop(224), stoker.horizontal_flip(), stoker.normalize(MEAN, STD)]


def stoker_loader(source, seed=1):
    import stoker

    return stoker.Loader(source, stoker_steps(), batch_size=BATCH, shuffle=True, seed=seed, threads=WORKERS)


def square_steps():
    import stoker

    return [stoker.resize(256), stoker.center_crop(256)]


def albumentations_transform():
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    steps = [A.RandomResizedCrop((224, 224)), A.HorizontalFlip(), A.Normalize(MEAN, STD), ToTensorV2()]
    return A.Compose(steps)


def torch_loader(dataset):
    from torch.utils.data import DataLoader

    return DataLoader(dataset, BATCH, shuffle=True, num_workers=WORKERS)


def torch_folder(root):
    import_torchvision()
    import cv2
    from torchvision.datasets import ImageFolder

    cv2.setNumThreads(0)  # the workers are the threads
    transform = albumentations_transform()

    def read(path):
        return cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)

    return ImageFolder(root, lambda image: transform(image=image)["image"], loader=read)


class NpyDataset:
    def __init__(self, folder):
        import numpy as np

        self.images = np.load(f"{folder}/images.npy", mmap_mode="r")
        self.labels = np.load(f"{folder}/labels.npy")
        self.transform = albumentations_transform()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(image=self.images[index])["image"], self.labels[index]


def make_loader(system, root, packed):
    import numpy as np

    import stoker

    if system == "torch-folder":
        return torch_loader(torch_folder(root))
    if system == "torch-npy":
        return torch_loader(NpyDataset(f"{packed}/npy"))
    if system == "folder":
        return stoker_loader(stoker.folder(root))
    if system == "alone":
        images, labels = (np.load(f"{packed}/npy/{name}.npy") for name in ("images", "labels"))
        return stoker_loader(stoker.arrays(images, labels))
    return stoker_loader(stoker.shards(f"{packed}/{system}"))


def memcpy_ms(packed):
    """CPU milliseconds to copy the pixels of one sample of form npy, the best of some."""
    import numpy as np

    images = np.load(f"{packed}/npy/images.npy", mmap_mode="r")[:256]
    out = np.empty_like(images)
    times = []
    for _ in range(5):
        start = time.thread_time()
        for index in range(len(images)):
            out[index] = images[index]
        times.append(time.thread_time() - start)
    return min(times) / len(images) * 1e3


def serve(system, root, packed, count):
    answer_to = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries that print must not garble the answers
    loader = make_loader(system, root, packed)
    print("ready", file=answer_to)
    for _ in sys.stdin:
        answer = run_epoch(loader, count)
        if system == "alone":
            answer["memcpy_ms"] = memcpy_ms(packed)
        print(json.dumps(answer), file=answer_to)


class Process:
    def __init__(self, system, root, packed, count):
        command = [sys.executable, __file__, "--serve", system, str(root), str(packed), str(count)]
        self.system = system
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read()

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            sys.exit(f"precompute: {self.system} ended with exit code {self.child.wait()}; see above")
        return line

    def epoch(self):
        self.child.stdin.write("epoch\n")
        self.child.stdin.flush()
        return json.loads(self.read())

    def close(self):
        self.child.stdin.close()
        self.child.wait(30)


# ---- packing ----


def pack_all(root, packed):
    """Packs every form; gives seconds and bytes of each."""
    import stoker

    source = stoker.folder(root)
    forms = {
        "source": ("source", []),
        "raw": ("raw", [stoker.resize(256)]),
        "npy": ("npy", square_steps()),
        "square": ("raw", square_steps()),
    }
    report = {}
    for name, (form, steps) in forms.items():
        start = time.perf_counter()
        done = stoker.pack(source, f"{packed}/{name}", steps, form=form, threads=WORKERS)
        report[name] = {"seconds": time.perf_counter() - start, "bytes": done.bytes}
    return report


def source_speed(root, folder, rounds):
    """MB/s of packing form source, of writing the same bytes and waiting for the disk, and of one memcpy."""
    import shutil

    import numpy as np

    import stoker

    source = stoker.folder(root)
    data = np.frombuffer(b"".join(Path(source.path(i)).read_bytes() for i in range(len(source))), np.uint8)
    out = np.empty_like(data)
    report = []
    for _ in range(rounds):
        start = time.perf_counter()
        stoker.pack(source, f"{folder}/speed", form="source", threads=WORKERS)
        packing = time.perf_counter() - start
        shutil.rmtree(f"{folder}/speed")
        start = time.perf_counter()
        with open(f"{folder}/plain", "wb", buffering=0) as file:
            view = memoryview(data)
            for at in range(0, len(data), 1 << 20):
                file.write(view[at : at + (1 << 20)])
            os.fsync(file.fileno())
        writing = time.perf_counter() - start
        os.unlink(f"{folder}/plain")
        start = time.perf_counter()
        out[:] = data
        copying = time.perf_counter() - start
        size = len(data) / 1e6
        report.append({"pack": size / packing, "write": size / writing, "memcpy": size / copying})
    return report


def epoch_hash(source, steps):
    import numpy as np

    import stoker

    digest = hashlib.sha256()
    for images, labels in stoker.Loader(source, steps, batch_size=BATCH, shuffle=True, seed=5):
        digest.update(np.ascontiguousarray(images))
        digest.update(np.ascontiguousarray(labels))
    return digest.hexdigest()


def check_hashes(root, packed):
    import stoker

    source = stoker.folder(root)
    for name, first in (("source", []), ("raw", [stoker.resize(256)]), ("square", square_steps())):
        steps = [*first, *stoker_steps()]
        shards = stoker.shards(f"{packed}/{name}", operators=steps)
        assert epoch_hash(shards, steps) == epoch_hash(source, steps), f"{name}: other pixels than the folder"


# ---- report ----


def print_report(report):
    setting = report["conditions"]
    print(
        f"{setting['images']} images ({setting['files']} JPEGs), {setting['rounds']} rounds, "
        f"{setting['cores']} cores, {WORKERS} workers or threads; median [quartiles]\n"
    )
    print(f"{'system':14}{'images/s':>22}{'CPU ms/image':>22}{'GB':>8}{'packed in s':>13}")
    for system in SYSTEMS:
        rows = [each[system] for each in report["rounds"]]
        form = {"torch-npy": "npy", "alone": "npy"}.get(system, system)
        made = report["packing"].get(form)
        size = f"{made['bytes'] / 1e9:.2f}" if made else "-"
        seconds = f"{made['seconds']:.1f}" if made else "-"
        rate = shown(spread([row["images_per_s"] for row in rows]), 0)
        cpu = shown(spread([row["cpu_ms"] for row in rows]), 3)
        print(f"{system:14}{rate:>22}{cpu:>22}{size:>8}{seconds:>13}")

    def ratio(key, a, b):
        return shown(spread([each[a][key] / each[b][key] for each in report["rounds"]]), 2)

    print()
    print(f"raw / folder, images/s: {ratio('images_per_s', 'raw', 'folder')} (wanted: at least 3)")
    print(
        f"raw / torch-folder, images/s: {ratio('images_per_s', 'raw', 'torch-folder')} (wanted: at least 10)"
    )
    print(f"raw / torch-npy, images/s: {ratio('images_per_s', 'raw', 'torch-npy')}")
    print(f"source / folder, images/s: {ratio('images_per_s', 'source', 'folder')}")
    price = [
        each["square"]["cpu_ms"] / (each["alone"]["cpu_ms"] + each["alone"]["memcpy_ms"])
        for each in report["rounds"]
    ]
    print(f"square / (alone + memcpy), CPU: {shown(spread(price), 3)} (wanted: at most 1.3)")
    speeds = {key: [each[key] for each in report["source_speed"]] for key in ("pack", "write", "memcpy")}
    texts = [f"{key} {shown(spread(values), 0)}" for key, values in speeds.items()]
    print(f"form source, MB/s: {', '.join(texts)} (write: the same bytes to a file, and fsync)")
    against = shown(spread([each["pack"] / each["write"] for each in report["source_speed"]]), 2)
    print(f"pack / write, form source: {against}")


def main():
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder of JPEGs, searched at any depth")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=2048, help="images a round; files repeat")
    parser.add_argument("--out", type=Path, default=Path("build/bench/precompute.json"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, files, count = lay_out(args.data, args.images, folder)
        packed = Path(folder) / "packed"
        packed.mkdir()
        report = {"packing": pack_all(root, packed)}
        check_hashes(root, packed)
        report["source_speed"] = source_speed(root, folder, args.rounds)
        processes = [Process(system, root, packed, count) for system in SYSTEMS]
        for process in processes:
            process.epoch()
        report["rounds"] = []
        for number in range(args.rounds):
            order = processes if number % 2 == 0 else processes[::-1]
            report["rounds"].append({process.system: process.epoch() for process in order})
            print(f"round {number + 1}/{args.rounds}", file=sys.stderr)
        for process in processes:
            process.close()
    report["conditions"] = {
        "images": count,
        "files": len(files),
        "rounds": args.rounds,
        "cores": len(os.sched_getaffinity(0)),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print_report(report)
    print(f"saved in {args.out}")


if __name__ == "__main__":
    main()
