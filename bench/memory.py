"""Question: what does loading cost when the data lie in memory and there is nothing to do but hand them out?

Work: shuffled batches of a TensorDataset of one tensor, in the main process. Compared are a bare loop of
`tensor[permutation[i:j]]`, torch's DataLoader with 0 workers, a gather by memcpy into memory that is used
again (bench/gather_floor.cc), and the same script with stoker's DataLoader; then single pixels through
`stoker.Loader` without operators. All take turns in one process, round by round, with torch's threads set to
1, because OpenMP threads that wait for a busy core measure the neighbours. Before the clock starts, all
batches of one epoch are compared. Reported are medians and quartiles of the ratios within rounds, of CPU time
and of wall time; a loader that needs less than the yardstick has a ratio above 1.
"""

import argparse
import ctypes
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from ratios import shown, spread, turns
from torch.utils.data import DataLoader as TorchLoader
from torch.utils.data import TensorDataset

import stoker
from stoker.torch import DataLoader

# Name, samples, shape of a row, dtype, batch size, batches that are timed in a round.
CASES = [
    ("16 x float32", 1 << 18, (16,), torch.float32, 1024, 256),
    ("3x32x32 float32", 16384, (3, 32, 32), torch.float32, 128, 64),
    ("3x32x32 uint8", 50000, (3, 32, 32), torch.uint8, 128, 128),
    ("3x224x224 float32", 768, (3, 224, 224), torch.float32, 64, 6),
    ("3x224x224 uint8", 2048, (3, 224, 224), torch.uint8, 64, 16),
]
# What must hold: (case, yardstick, least ratio of CPU time).
TARGETS = [
    ("16 x float32", "bare loop", 0.8),
    ("16 x float32", "torch", 10.0),
    ("3x32x32 float32", "memcpy", 0.7),
    ("3x32x32 float32", "torch", 1.0),
    ("3x32x32 uint8", "memcpy", 0.7),
    ("3x32x32 uint8", "torch", 1.0),
    ("3x224x224 float32", "memcpy", 0.7),
    ("3x224x224 float32", "torch", 1.0),
    ("3x224x224 uint8", "memcpy", 0.7),
    ("3x224x224 uint8", "torch", 1.0),
    ("1 pixel", "torch", 20.0),
]
PIXELS = 1 << 16


def compile_floor(folder):
    library = Path(folder) / "gather_floor.so"
    source = Path(__file__).with_name("gather_floor.cc")
    compiler = os.environ.get("CXX", "c++")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    gather = ctypes.CDLL(str(library)).gather_floor
    gather.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    gather.restype = None
    return gather


def bare_loop(rows, batch):
    permutation = torch.randperm(len(rows))
    for begin in range(0, len(rows), batch):
        yield rows[permutation[begin : begin + batch]]


def memcpy_loop(rows, batch, gather):
    """Into two pieces of memory in turn: the trainer looks at one while the next is filled."""
    permutation = torch.randperm(len(rows))
    memory = [torch.empty((batch, *rows.shape[1:]), dtype=rows.dtype) for _ in range(2)]
    row_bytes = rows[0].numel() * rows.element_size()
    source, order = rows.data_ptr(), permutation.data_ptr()
    for number, begin in enumerate(range(0, len(rows), batch)):
        out = memory[number % 2]
        count = min(batch, len(rows) - begin)
        gather(source, row_bytes, order + 8 * begin, count, out.data_ptr())
        yield out[:count]


def systems_of(rows, batch, gather):
    dataset = TensorDataset(rows)
    ours = DataLoader(dataset, batch, shuffle=True)
    assert ours.explain().startswith("tier: native"), ours.explain()
    theirs = TorchLoader(dataset, batch, shuffle=True)
    return {
        "stoker": lambda: (images for (images,) in ours),
        "torch": lambda: (images for (images,) in theirs),
        "bare loop": lambda: bare_loop(rows, batch),
        "memcpy": lambda: memcpy_loop(rows, batch, gather),
    }


def check(systems, batch, count):
    """torch's and stoker's loader give the same batches; the loops give the same rows."""
    torch.manual_seed(1)
    wanted = [images.clone() for images in systems["torch"]()]
    torch.manual_seed(1)
    got = [images.clone() for images in systems["stoker"]()]
    assert len(got) == len(wanted) and all(map(torch.equal, got, wanted)), "batches differ"
    total = sum(images.double().sum() for images in wanted)
    for name in ("bare loop", "memcpy"):
        other = sum(images.double().sum() for images in systems[name]())
        assert torch.isclose(other, total, rtol=1e-9), f"{name}: other rows"
    assert sum(map(len, got)) == count and len(got[0]) == batch


def cost(iterator, most):
    """CPU and wall seconds a batch; the start of the epoch counts too."""
    cpu, wall = time.process_time(), time.perf_counter()
    batches = 0
    for _ in iterator():
        batches += 1
        if batches == most:
            break
    return (time.process_time() - cpu) / batches, (time.perf_counter() - wall) / batches


def pixel_systems():
    """Samples of one pixel: what a loader costs that has nothing to load."""
    pixels = np.arange(PIXELS * 3, dtype=np.uint8).reshape(PIXELS, 1, 1, 3)
    native = stoker.Loader(
        stoker.arrays(pixels), batch_size=256, shuffle=True, seed=1, threads=0, dtype="uint8"
    )
    planes = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    theirs = TorchLoader(TensorDataset(planes), 256, shuffle=True)
    seen = np.concatenate([images.reshape(len(images), 3) for images in native])
    assert sorted(map(bytes, seen)) == sorted(map(bytes, pixels.reshape(PIXELS, 3))), "pixels differ"
    return {"stoker": lambda: iter(native), "torch": lambda: (images for (images,) in theirs)}


def measure(name, systems, most, rounds):
    costs = {system: [] for system in systems}
    for _ in range(2):
        for iterator in systems.values():
            cost(iterator, most)  # warm
    for number in range(rounds):
        for system in turns(systems, number):
            costs[system].append(cost(systems[system], most))
        print(f"{name}: round {number + 1}/{rounds}", file=sys.stderr)
    result = {"us_per_batch": {}, "cpu_ratio": {}, "wall_ratio": {}}
    for system, pairs in costs.items():
        result["us_per_batch"][system] = spread([1e6 * cpu for cpu, _ in pairs])
        for place, kind in enumerate(("cpu_ratio", "wall_ratio")):
            ratios = [
                theirs[place] / ours[place] for theirs, ours in zip(pairs, costs["stoker"], strict=True)
            ]
            result[kind][system] = spread(ratios)
    return result


def conditions(rounds):
    return {
        "rounds": rounds,
        "cpu": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg(),
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", help="cases whose name holds this")
    parser.add_argument("--json", type=Path, help="write all figures and conditions to this file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        gather = compile_floor(folder)
        for name, count, shape, dtype, batch, most in CASES:
            if args.only and args.only not in name:
                continue
            rows = torch.randint(0, 255, (count, *shape), dtype=torch.uint8).to(dtype)
            systems = systems_of(rows, batch, gather)
            check(systems, batch, count)
            results[name] = measure(name, systems, most, args.rounds)
        if not args.only or args.only in "1 pixel":
            results["1 pixel"] = measure("1 pixel", pixel_systems(), PIXELS // 256, args.rounds)
    print(f"{args.rounds} rounds, load {os.getloadavg()[0]:.1f}; cost / stoker's cost, median [quartiles]")
    print("| rows | yardstick | CPU time | wall time | stoker, CPU us a batch |\n|" + " --- |" * 5)
    for name, result in results.items():
        for system in result["cpu_ratio"]:
            if system == "stoker":
                continue
            ratios = [shown(result[kind][system], 2) for kind in ("cpu_ratio", "wall_ratio")]
            print(f"| {name} | {system} | {' | '.join(ratios)} | {result['us_per_batch']['stoker'][0]:.1f} |")
    missed = [
        f"{case}: {result['cpu_ratio'][system][0]:.2f} x {system}, wanted {least}"
        for case, system, least in TARGETS
        if (result := results.get(case)) and result["cpu_ratio"][system][0] < least
    ]
    print("\n".join(["missed:", *missed]) if missed else "all targets met")
    if args.json:
        args.json.write_text(
            json.dumps({"conditions": conditions(args.rounds), "results": results}, indent=1)
        )
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
