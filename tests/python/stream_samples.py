"""Reads many samples in one process: `stream_samples.py FOLDER SAMPLES WAY`; writes resident MiB as JSON."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import stoker

BATCH = 100
logging.getLogger("stoker").setLevel(logging.ERROR)


def native(source: Any) -> Any:
    return stoker.Loader(
        source, [stoker.horizontal_flip()], batch_size=BATCH, shuffle=True, seed=1, threads=2
    )


def drop_in(folder: str, way: str) -> Any:
    import torch
    import torchvision_schemas

    torchvision_schemas.define_missing()
    from torch.utils.data import TensorDataset
    from torchvision import transforms as v1
    from torchvision.datasets import ImageFolder

    from stoker.torch import DataLoader

    class OwnFolder(ImageFolder):
        """A class that the engine does not know."""

    options: dict[str, Any] = {"batch_size": BATCH, "shuffle": True, "num_workers": 2}
    if way == "drop-in rows":
        return DataLoader(TensorDataset(torch.zeros(2000, 3, 4, 4), torch.arange(2000)), **options)
    if way == "drop-in files":
        return DataLoader(ImageFolder(folder, v1.ToTensor()), **options)
    return DataLoader(OwnFolder(folder, v1.ToTensor()), workers="thread", **options)


def make(folder: str, way: str) -> Any:
    if way == "array":
        return native(stoker.arrays(np.zeros((2000, 4, 4, 3), np.uint8)))
    if way == "files":
        return native(stoker.files(sorted(Path(folder).rglob("*.jpg"))))
    return drop_in(folder, way)


def rss_mib() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def main(folder: str, samples: int, way: str) -> None:
    loader, seen, levels = make(folder, way), 0, []
    for share in (0.1, 0.5, 1.0):
        while seen < share * samples:
            for batch in loader:
                seen += len(batch[0]) if isinstance(batch, list | tuple) else len(batch)
        levels.append(round(rss_mib(), 1))
    print(json.dumps({"samples": seen, "at": [0.1, 0.5, 1.0], "rss_mib": levels}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
