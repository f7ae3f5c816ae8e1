"""A Python dataset moved to threads: one keyword, and randomness from the worker's own generators."""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, get_worker_info

import stoker.torch


class Crops(Dataset):
    def __init__(self, folder):
        self.paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        info = get_worker_info()
        rng = (
            info.rng.numpy_generator
            if info is not None and info.rng is not None
            else np.random.default_rng(index)
        )
        with Image.open(self.paths[index]) as image:
            pixels = np.asarray(image.convert("RGB"))
        top, left = rng.integers(0, np.array(pixels.shape[:2]) - 16)
        return torch.from_numpy(pixels[top : top + 16, left : left + 16].copy()), index


def main(DataLoader, folder):
    out = []
    for num_workers in (1, 2):
        if DataLoader is stoker.torch.DataLoader:
            torch.manual_seed(2)
            loader = DataLoader(
                Crops(folder), batch_size=5, shuffle=True, num_workers=num_workers, workers="thread"
            )
            sums = {
                int(i): int(each.sum())
                for images, indices in loader
                for each, i in zip(images, indices, strict=True)
            }
            out.append(sums)
    if out:
        assert out[0] == out[1], "the crops depend on the number of threads"
    torch.manual_seed(2)
    loader = DataLoader(Crops(folder), batch_size=5, shuffle=True, num_workers=1)
    return [str(indices.tolist()) for _, indices in loader]


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
