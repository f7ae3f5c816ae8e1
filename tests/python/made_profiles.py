"""Profiles and advice as their JSON, made up: one as it comes, one as an enemy would have it."""

from __future__ import annotations

import random
from typing import Any

HOSTILE = [
    "<script>document.title='run'</script>.jpg",
    '"><img src=x onerror="document.title=\'run\'">.jpg',
    "</style></table></svg><h1>gone</h1>.png",
    "&lt;b&gt; & ' \" `.jpg",
    "photo\u202egpj.exe",
    "line\nbreak\ttab\x1b[31mred\x00.jpg",
    "byte\udcff.jpg",
    "javascript:alert(1)",
    "x" * 5000,
    "\u202b" * 300,
]


def _quantiles(middle: float) -> dict[str, float]:
    return {"p50": middle, "p95": 1.6 * middle, "p99": 2.4 * middle}


def _reading(per_s: float, readers: int = 1) -> dict[str, Any]:
    return {
        "files": 400,
        "bytes": 44_000_000,
        "bytes_per_s": 110_000 * per_s,
        "samples_per_s": per_s,
        "latency_ns": _quantiles(1e9 / per_s * readers),
        "readers": readers,
        "resident_share": 0.0,
    }


def profile() -> dict[str, Any]:
    """A stoker loader that is bound by decoding."""
    steps = [
        ("fetch", "fetch", 61_000),
        ("jpeg", "decode", 1_350_000),
        ("random_resized_crop", "operator", 390_000),
        ("horizontal_flip + normalize", "fused", 74_000),
        ("store", "store", 52_000),
    ]
    whole = sum(cost for _, _, cost in steps)
    return {
        "format": "stoker-profile-1",
        "made_at": "2026-11-24T00:30:00Z",
        "measured_ns": 34_000_000_000,
        "environment": {
            "stoker": "0.1.0",
            "python": "3.11.7",
            "torch": None,
            "platform": "Linux-6.1-x86_64",
            "processor": "a processor of 8 cores",
            "cores_seen": 8,
            "affinity": 4,
            "quota": 3.5,
            "codecs": {"jpeg": "libjpeg-turbo 2.1.5", "png": "libpng 1.6.39"},
        },
        "loader": {
            "kind": "stoker",
            "tier": "native",
            "name": "folder 'train'",
            "batch_size": 64,
            "threads": 3,
            "workers": None,
            "prefetch_batches": 2,
            "operators": [{"name": "random_resized_crop", "parameters": {"size": [224]}}],
            "site": "train.py: main:30 > run:12",
            "explain": "decode: region of random_resized_crop\nfused: horizontal_flip, normalize",
        },
        "samples": {"dataset_count": 50_000, "measured_count": 6400, "batches": 100, "bad": 1},
        "samples_per_s": 1480.0,
        "loading_samples_per_s": 1510.0,
        "steps": [
            {
                "name": name,
                "kind": kind,
                "calls": 6400,
                "cpu_ns": _quantiles(0.95 * cost),
                "cpu_ns_total": 6400 * cost,
                "cpu_ns_per_sample": cost,
                "share": cost / whole,
                "operators": [],
            }
            for name, kind, cost in steps
        ],
        "storage": {
            "cold": _reading(900),
            "warm": _reading(9000),
            "by_readers": [_reading(900), _reading(3100, 4), _reading(4200, 8)],
            "fixed_ns": 210_000,
            "streamed_bytes_per_s": 240e6,
            "write_bytes_per_s": 310e6,
            "is_cold": True,
        },
        "trainer": {
            "step_ns": _quantiles(26e6),
            "steps": 50,
            "samples_per_s": 2460.0,
            "origin": "cached batches",
        },
        "scaling": {
            "unit": "threads",
            "points": [
                {
                    "threads": w,
                    "samples_per_s": rate,
                    "cpu_ns_per_sample": 1.9e6,
                    "samples": 640,
                    "wall_ns": 10**9,
                }
                for w, rate in ((1, 530), (2, 1040), (3, 1495), (4, 1900))
            ],
            "rate_one": 531.0,
            "contention": 0.021,
            "coherence": 0.0048,
            "crowding": 0.1,
            "cores": 4.0,
            "error": 0.01,
        },
        "workers": None,
        "queues": [
            {
                "name": "finished batches",
                "unit": "batches",
                "capacity": 2.0,
                "p50": 0.0,
                "mean": 0.2,
                "maximum": 2.0,
                "empty_share": 0.84,
                "looks": 800,
            }
        ],
        "threads": [
            {
                "wall_ns": 4_300_000_000,
                "starved_ns": 90_000_000,
                "busy_ns": 4_180_000_000,
                "blocked_ns": 10_000_000,
                "parked_ns": 0,
                "off_cpu_ns": 70_000_000,
                "unattributed_ns": 20_000_000,
            }
            for _ in range(3)
        ],
        "timeline": _timeline(),
        "attribution": {
            "wall_ns": 4_320_000_000,
            "parts": [
                {"name": "waiting for batches", "ns": 1_720_000_000, "share": 0.398},
                {"name": "trainer", "ns": 2_560_000_000, "share": 0.593},
                {"name": "hand-off", "ns": 15_000_000, "share": 0.003},
            ],
            "share": 0.994,
        },
        "verdict": {
            "bound_by": "decode",
            "name": "jpeg",
            "rate": 1480.0,
            "best_rate": 2412.0,
            "step_share": 0.7,
            "ceilings": [
                {"bound": "decode", "name": "jpeg", "samples_per_s": 1512.0},
                {"bound": "trainer", "name": "trainer", "samples_per_s": 2460.0},
            ],
            "sentence": "Training is bound by decoding: jpeg takes 70 % of the CPU time of a sample.",
            "gain": 0.63,
            "remedy": "Pack the images resized: stoker pack train packed --form raw --resize 256",
        },
        "bad_samples": [
            {
                "code": "jpeg_truncated",
                "path": "train/n01/0007.jpg",
                "index": 7,
                "epoch": 0,
                "step": "decode",
                "found": "the file ends after 4 of 12 rows of blocks",
                "hint": "copy the file again, or leave it out",
            }
        ],
        "notes": ["two loaders count as one"],
    }


def _timeline() -> dict[str, Any]:
    """Three threads that take the samples of eight batches, one after the other."""
    numbers = random.Random(0)
    events, wall = [], 0
    clocks = [0, 0, 0]
    for sample in range(240):
        thread = clocks.index(min(clocks))
        for step, cost in (
            ("fetch", 60_000),
            ("decode", 1_350_000),
            ("transform", 390_000),
            ("store", 120_000),
        ):
            begin = clocks[thread]
            end = begin + int(cost * numbers.uniform(0.6, 1.7))
            events.append(
                {
                    "thread": f"stoker-cpu-{thread}",
                    "step": step,
                    "batch": sample // 30,
                    "begin_ns": begin,
                    "end_ns": end,
                }
            )
            clocks[thread] = end
        clocks[thread] += int(numbers.uniform(0, 300_000))
        wall = max(clocks)
    for batch in range(7):
        begin, end = batch * wall // 8, (batch + 1) * wall // 8
        for step, first, last in (("next", begin, begin + wall // 12), ("step", begin + wall // 12, end)):
            events.append(
                {"thread": "trainer", "step": step, "batch": batch, "begin_ns": first, "end_ns": last}
            )
    return {"wall_ns": wall, "events": events, "dropped": 0}


def _plan(form: str, total_s: float, **more: Any) -> dict[str, Any]:
    return {
        "form": form,
        "cut": 0,
        "variants": 1,
        "operators_done": [],
        "threads": 3,
        "prefetch": 2,
        "rate": 4.5e6 / total_s,
        "loader_rate": 4.6e6 / total_s,
        "step_ms": total_s / 70,
        "preparation_s": 0.0,
        "total_s": total_s,
        "disk_bytes": 0.0,
        "memory_bytes": 1.2e8,
        "break_even_epochs": None,
        "messages": [],
        "refused": "",
        "accept": "",
        **more,
    }


def advice() -> dict[str, Any]:
    """Packing pays, and did nearly as predicted."""
    packed = _plan(
        "raw",
        1900.0,
        cut=1,
        operators_done=["resize(size=256)"],
        preparation_s=44.0,
        disk_bytes=1.3e10,
        break_even_epochs=3.4,
        messages=[["note", "raw pixels take 262 kB a sample"]],
    )
    lossy = _plan("jpeg", 1750.0, refused="changes the pixels; accept=['lossy']", accept="lossy")
    return {
        "format": "stoker-advice-1",
        "chosen": 1,
        "is_fed": False,
        "why": "Decoding bounds training; raw pixels after resize pay from epoch 3.4 on.",
        "plans": [_plan("as-is", 3050.0), packed, lossy, _plan("source", 2990.0, preparation_s=9.0)],
        "situation": {"samples": 50_000, "epochs": 90.0, "jobs": 1},
        "findings": [],
        "measured_s": 41.0,
        "outcome": {
            "predicted": 2340.0,
            "measured": 2190.0,
            "steps": 100,
            "quartiles": [2010.0, 2205.0, 2380.0],
            "correction": 2190 / 2340,
            "refitted": None,
        },
    }


def empty_profile() -> dict[str, Any]:
    """Nothing was measured."""
    return {
        "format": "stoker-profile-1",
        "loader": {"kind": "iterable", "tier": "python", "name": "", "explain": ""},
        "samples": {},
        "verdict": {"bound_by": "unknown", "sentence": "Nothing was measured.", "gain": 0.0, "remedy": ""},
    }


def hostile_profile() -> dict[str, Any]:
    """As large as a profile may be, with every text an attack."""
    data = profile()
    names = [HOSTILE[number % len(HOSTILE)] for number in range(300)]
    data["bad_samples"] = [
        {"code": name, "path": name, "index": number, "epoch": 0, "step": name, "found": name, "hint": name}
        for number, name in enumerate(names[:100])
    ]
    data["samples"]["bad"] = 100
    data["notes"] = names
    data["steps"] = [{**data["steps"][number % 5], "name": name} for number, name in enumerate(names[:200])]
    data["loader"] |= {"name": HOSTILE[0], "explain": "\n".join(HOSTILE) * 50, "site": HOSTILE[2]}
    data["environment"] |= {"processor": HOSTILE[1], "codecs": {HOSTILE[2]: HOSTILE[0]}}
    data["verdict"] |= {"sentence": HOSTILE[0], "remedy": HOSTILE[1]}
    data["attribution"]["parts"][0]["name"] = HOSTILE[2]
    data["queues"] *= 20
    events = data["timeline"]["events"]
    data["timeline"]["events"] = [
        {**events[number % len(events)], "thread": names[number % 40], "step": names[number % 7]}
        for number in range(4000)
    ]
    data["timeline"]["dropped"] = 10**6
    return data


def hostile_advice() -> dict[str, Any]:
    data = advice()
    data["why"] = HOSTILE[0]
    data["findings"] = HOSTILE
    data["plans"] += [
        _plan("raw", 4000.0 + n, operators_done=HOSTILE[:3], refused=HOSTILE[1]) for n in range(300)
    ]
    data["plans"][1]["messages"] = [[HOSTILE[1], HOSTILE[0]]]
    return data
