"""How many threads torch and OpenCV would start here, and what they do to the cores of a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from stoker.machine.finding import Finding

_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OMP_PROC_BIND",
    "OMP_PLACES",
    "GOMP_CPU_AFFINITY",
    "KMP_AFFINITY",
)
_BINDING = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")

# Each library is imported in a process of its own: an import may bind threads to cores, or crash.
_PROGRAM = """
import json, os, sys, time
cores, start = len(os.sched_getaffinity(0)), time.perf_counter()
if sys.argv[1] == "torch":
    import torch
    torch.ones(2).sum()
    found = {"threads": torch.get_num_threads(), "interop_threads": torch.get_num_interop_threads()}
else:
    import cv2
    found = {"threads": cv2.getNumThreads(), "cores_seen": cv2.getNumberOfCPUs()}
found |= {"import_s": round(time.perf_counter() - start, 2), "cores_before": cores}
print(json.dumps(found | {"cores_after": len(os.sched_getaffinity(0))}))
"""
_LIMIT_SECONDS = 60


def ask(library: str) -> dict[str, Any]:
    """What "torch" or "cv2" says after its import in a new process; {"error": why} if that fails."""
    command = [sys.executable, "-c", _PROGRAM, library]
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"its import took longer than {_LIMIT_SECONDS} s"}
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines()
        return {"error": lines[-1] if lines else f"its import ended the process with {result.returncode}"}
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def examine_threads(
    usable: float, local_world_size: int, *, has_torch: bool, has_opencv: bool
) -> tuple[dict[str, Any], list[Finding], list[Finding]]:
    """What is set, findings, and notes (what hurts only some jobs).

    Args:
        usable: Cores that this process may use, a quota counted.
        local_world_size: Processes of the job on this machine.
    """
    report: dict[str, Any] = {
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    }
    if has_torch:
        report["torch"] = ask("torch")
    if has_opencv:
        report["opencv"] = ask("cv2")
    share = max(1, int(usable / local_world_size + 1e-9))
    findings = [
        *_that_fail(report),
        *_that_bind(report),
        *_that_crowd(report, share, local_world_size),
    ]
    return report, findings, _notes(report, share)


def _that_fail(report: dict[str, Any]) -> list[Finding]:
    remedies = {
        "torch": "install it again; stoker.Loader works without it",
        "opencv": "pip install opencv-python-headless; opencv-python needs the libraries of a desktop",
    }
    return [
        Finding("threads", f"{name} does not load: {report[name]['error']}", remedies[name])
        for name in ("torch", "opencv")
        if "error" in report.get(name, {})
    ]


def _that_bind(report: dict[str, Any]) -> list[Finding]:
    found = []
    for name in ("torch", "opencv"):
        answer = report.get(name, {})
        if answer.get("cores_after", 0) < answer.get("cores_before", 0):
            binding = {each: report["variables"][each] for each in _BINDING if each in report["variables"]}
            said = ", ".join(f"{each}={value}" for each, value in binding.items())
            what = f"importing {name} leaves {answer['cores_after']} of {answer['cores_before']} cores"
            found.append(
                Finding(
                    "threads",
                    f"{what}{f' ({said})' if said else ''}; its threads and workers inherit that",
                    f"unset {' '.join(binding) or 'OMP_PROC_BIND'}",
                )
            )
    return found


def _that_crowd(report: dict[str, Any], share: int, local_world_size: int) -> list[Finding]:
    found = []
    of_each = f"{share} usable core{'s' if share > 1 else ''}"
    if local_world_size > 1:
        of_each += f" for each of {local_world_size} processes"
    torch_threads = report.get("torch", {}).get("threads", 0)
    if torch_threads > share:
        found.append(
            Finding(
                "threads",
                f"torch computes with {torch_threads} threads on {of_each}",
                f"export OMP_NUM_THREADS={share}",
            )
        )
    opencv_threads = report.get("opencv", {}).get("threads", 0)
    if opencv_threads > share:
        found.append(
            Finding(
                "threads",
                f"OpenCV works with {opencv_threads} threads on {of_each}",
                f"call cv2.setNumThreads({share if share > 1 else 0}) at the start",
            )
        )
    return found


def _notes(report: dict[str, Any], share: int) -> list[Finding]:
    found = []
    opencv_threads = report.get("opencv", {}).get("threads", 0)
    if 1 < opencv_threads <= share:
        found.append(
            Finding(
                "threads",
                f"OpenCV starts {opencv_threads} threads in every worker process of torch's DataLoader",
                "call cv2.setNumThreads(0) in worker_init_fn; stoker's threads are not affected",
            )
        )
    if report.get("torch", {}).get("threads") == 1 < share and "OMP_NUM_THREADS" in report["variables"]:
        found.append(
            Finding(
                "threads",
                f"OMP_NUM_THREADS={report['variables']['OMP_NUM_THREADS']} holds training on the CPU to "
                f"one of {share} cores (torchrun sets it)",
                f"export OMP_NUM_THREADS={share} where the model is on the CPU",
            )
        )
    return found
