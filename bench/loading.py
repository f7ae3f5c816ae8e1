"""Question: how many images a second, and at what CPU cost, from a folder of JPEGs to float32 batches?

Work: RandomResizedCrop(224), flip, brightness and contrast, normalise, CHW float32, batches of 64, two
workers or threads each, on the same two cores, files in the page cache. Every system lives in a process of
its own and runs an epoch when it is told to; rounds are interleaved, because the speed of a shared machine
drifts, and ratios are taken within a round. Before the clock starts, stoker's pixels are compared with the
peer's.
"""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ratios import shown, spread, turns
from systems import BATCH, FLOOR, PEER_OF, SYSTEMS, WORKERS

VERSIONS = [
    "stoker",
    "torch",
    "torchvision",
    "albumentations",
    "opencv-python-headless",
    "pillow",
    "numpy",
    "nvidia-dali-cuda120",
]


def tree_pss_mb(pid):
    """Proportional set size of a process and all its descendants."""
    total = 0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total = int(line.split()[1]) / 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(tree_pss_mb(child) for child in (task / "children").read_text().split())
    return total


class Process:
    """One system in its own process."""

    def __init__(self, system, root, floor, count, python=sys.executable):
        self.system, self.count, self.seed = system, count, 0
        if system == FLOOR:
            command = [*floor, str(WORKERS)]
        else:
            program = str(Path(__file__).with_name("systems.py"))
            command = [python, program, system, str(root), str(count)]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read()

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            sys.exit(f"loading: {self.system} ended with exit code {self.child.wait()}; its message is above")
        return line

    def ask(self, what):
        self.child.stdin.write(what + "\n")
        self.child.stdin.flush()
        return self.read()

    def epoch(self):
        if self.system != FLOOR:
            return json.loads(self.ask("epoch"))
        self.seed += 1
        images, wall, cpu, _ = map(float, self.ask(f"{self.count} {self.seed}").split())
        return {"images_per_s": images / wall, "cpu_ms": cpu / images * 1e3, "first_batch_s": None}

    def memory_growth_mb(self):
        """The peak of an epoch above the state after the imports."""
        before, peak, done = tree_pss_mb(self.child.pid), 0.0, threading.Event()

        def watch():
            nonlocal peak
            while not done.wait(0.05):
                peak = max(peak, tree_pss_mb(self.child.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        self.epoch()
        done.set()
        watcher.join()
        return peak - before

    def close(self):
        self.child.stdin.close()
        self.child.wait(30)


def compile_floor(folder):
    binary = Path(folder) / "decode_floor"
    source = Path(__file__).with_name("decode_floor.cc")
    compiler = os.environ.get("CXX", "c++")
    subprocess.run([compiler, "-std=c++20", "-O2", source, "-o", binary, "-ljpeg", "-pthread"], check=True)
    return binary


def conditions(args, files, cores):
    def read(path, key):
        lines = Path(path).read_text().splitlines()
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "unknown")

    versions = {}
    for name in VERSIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "cpu": read("/proc/cpuinfo", "model name"),
        "cores": cores,
        "load_average_before": os.getloadavg(),
        "python": platform.python_version(),
        "versions": versions,
        "files": len(files),
        "mean_file_bytes": sum(file.stat().st_size for file in files) // len(files),
        "images_a_round": args.images,
        "rounds": args.rounds,
        "batch": BATCH,
        "workers": WORKERS,
        "cache": "warm",
    }


def lay_out(data, images, folder):
    """(a root with one class, the files that it links to, images in it); files repeat to fill a round.

    Takes this process and those that it will start to as many cores as there are workers.
    """
    files = sorted(p for p in data.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg") and p.is_file())
    if not files:
        sys.exit(f"{data} holds no .jpg or .jpeg file")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:WORKERS])
    root, count = Path(folder) / "images", max(1, images // BATCH) * BATCH
    (root / "all").mkdir(parents=True)
    for i in range(count):
        file = files[i % len(files)]
        (root / "all" / f"{i:06d}{file.suffix}").symlink_to(file.resolve())
    return root, files, count


def measure(args, folder):
    root, files, args.images = lay_out(args.data, args.images, folder)
    listed = Path(folder) / "files.txt"
    listed.write_text("".join(f"{file}\n" for file in files))

    has_dali = importlib.util.find_spec("nvidia") and importlib.util.find_spec("nvidia.dali")
    systems = [s for s in SYSTEMS if (not args.systems or s in args.systems) and (s != "dali" or has_dali)]
    floor = [str(compile_floor(folder)), str(listed)] if FLOOR in systems else None
    report = {
        "conditions": conditions(args, files, len(os.sched_getaffinity(0))),
        "difference": {},
        "growth_mb": {},
        "rounds": [],
    }

    def start(system):
        return Process(system, root, floor, args.images)

    # Alone, because pages shared with the other systems would be divided among them.
    for system in systems:
        print(f"memory and pixels: {system}", file=sys.stderr)
        process = start(system)
        if system != FLOOR:
            report["growth_mb"][system] = process.memory_growth_mb()
        if system in PEER_OF:
            difference = json.loads(process.ask("check"))["difference"]
            report["difference"][system] = difference
            if difference != 0:
                sys.exit(f"loading: {system} differs from its peer by {difference}; no time was taken")
        process.close()

    processes = {system: start(system) for system in systems}
    for process in processes.values():
        process.epoch()  # warm
    for number in range(args.rounds):
        result = {}
        for system in turns(systems, number):
            result[system] = processes[system].epoch()
            time.sleep(0.3)  # what works ahead comes to rest
        report["rounds"].append({s: result[s] for s in systems})
        rates = ", ".join(f"{s} {r['images_per_s']:.0f}" for s, r in result.items())
        print(f"round {number + 1}/{args.rounds}: {rates}", file=sys.stderr)
    for process in processes.values():
        process.close()
    report["conditions"]["load_average_after"] = os.getloadavg()
    return report


def summarise(report):
    rounds = report["rounds"]
    systems = list(rounds[0])

    def ratio(key, above, below):
        return spread([each[above][key] / each[below][key] for each in rounds])

    summary = {}
    for system in systems:
        row = {key: spread([each[system][key] for each in rounds]) for key in rounds[0][system]}
        row["growth_mb"] = report["growth_mb"].get(system)
        if FLOOR in systems:
            row["cpu_to_floor"] = ratio("cpu_ms", system, FLOOR)
        for peer in systems:
            if system.startswith("stoker") and not peer.startswith("stoker") and peer != FLOOR:
                row.setdefault("speed_to", {})[peer] = ratio("images_per_s", system, peer)
        summary[system] = row
    return summary


def print_report(report):
    setting, summary = report["conditions"], report["summary"]
    print(
        f"{setting['cpu']}, {setting['cores']} cores; {setting['files']} JPEGs of "
        f"{setting['mean_file_bytes'] / 1e3:.0f} KB; "
        f"{setting['rounds']} rounds of {setting['images_a_round']} images; median [quartiles]\n"
    )
    heads = ("system", "images/s", "CPU ms/image", "CPU / floor", "first batch s", "growth MB")
    print(f"{heads[0]:24}{heads[1]:>20}{heads[2]:>22}{heads[3]:>20}{heads[4]:>24}{heads[5]:>11}")
    for system, row in summary.items():
        growth = "-" if row["growth_mb"] is None else f"{row['growth_mb']:.0f}"
        print(
            f"{system:24}{shown(row['images_per_s'], 0):>20}{shown(row['cpu_ms'], 2):>22}"
            f"{shown(row.get('cpu_to_floor'), 2):>20}{shown(row['first_batch_s'], 3):>24}{growth:>11}"
        )
    print()
    for system, difference in report["difference"].items():
        peer = PEER_OF[system]
        speed = summary[system].get("speed_to", {}).get(peer)
        faster = f"{shown(speed, 2)} x the images/s of {peer}; " if speed else ""
        print(f"{system}: {faster}largest pixel difference on the validation recipe {difference:g}")


# The order, and how README calls each system.
TITLES = {
    FLOOR: "libjpeg-turbo, decoding the same crops and nothing else",
    "torchvision": "torch, torchvision on Pillow",
    "stoker-torchvision": "**stoker**, the same recipe",
    "torchvision-v2": "torch, torchvision v2 on Pillow",
    "stoker-v2": "**stoker**, the same recipe",
    "albumentations": "torch, Albumentations on OpenCV",
    "stoker-albumentations": "**stoker**, the same recipe",
    "dali": "DALI on the CPU",
    "stoker-native-pillow": "**stoker.Loader**, antialiased",
    "stoker-native-opencv": "**stoker.Loader**, OpenCV's resampling",
}


def write_readme(report, page):
    """Puts the table and its conditions between the marks of README."""
    setting, summary = report["conditions"], report["summary"]
    shown_systems = [system for system in TITLES if system in summary]
    most = max(summary[system]["cpu_ms"][0] for system in shown_systems)
    lines = ["| | images/s | CPU ms/image | |", "| --- | ---: | ---: | --- |"]
    for system in shown_systems:
        row = summary[system]
        bar = "█" * max(1, round(24 * row["cpu_ms"][0] / most))
        lines.append(
            f"| {TITLES[system]} | {shown(row['images_per_s'], 0)} | {shown(row['cpu_ms'], 2)} | {bar} |"
        )
    versions = ", ".join(f"{name} {version}" for name, version in setting["versions"].items())
    lines += [
        "",
        f"Medians and [quartiles] of {setting['rounds']} interleaved rounds of "
        f"{setting['images_a_round']} images: "
        f"{setting['files']} photographs of {setting['mean_file_bytes'] / 1e3:.0f} KB in the page cache, "
        f"RandomResizedCrop(224), flip, brightness and contrast, normalise, float32 batches of "
        f"{setting['batch']}; "
        f"{setting['workers']} workers or threads on {setting['cores']} cores of a shared machine "
        f"({setting['cpu']}), whose speed drifts: compare within the table, and CPU time before images/s. "
        f"CPU time is that of all processes. {versions}.",
    ]
    begin, end = "<!-- numbers: begin -->\n", "<!-- numbers: end -->"
    text = page.read_text()
    before, after = text.split(begin)[0], text.split(end)[1]
    page.write_text(before + begin + "\n".join(lines) + "\n" + end + after)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder of JPEGs, searched at any depth")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=2048, help="images a round; files repeat")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, metavar="SYSTEM", help=", ".join(SYSTEMS))
    parser.add_argument("--out", type=Path, default=Path("build/bench/loading.json"))
    parser.add_argument("--readme", type=Path, help="a README.md whose table is to be replaced")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(args, folder)
    report["summary"] = summarise(report)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print_report(report)
    print(f"saved in {args.out}")
    if args.readme:
        write_readme(report, args.readme)


if __name__ == "__main__":
    main()
