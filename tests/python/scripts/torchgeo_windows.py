"""torchgeo: keys that are boxes in space, from a sampler of its own, and a collate function for dicts."""

import sys
from typing import NamedTuple

import torch
from torch.utils.data import Dataset, Sampler


class BoundingBox(NamedTuple):
    minx: float
    maxx: float
    miny: float
    maxy: float


class Raster(Dataset):
    """uint16 bands, read by window."""

    def __init__(self):
        self.pixels = torch.arange(2 * 16 * 16, dtype=torch.int32).reshape(2, 16, 16)

    def __getitem__(self, query):
        window = self.pixels[:, int(query.miny) : int(query.maxy), int(query.minx) : int(query.maxx)]
        return {"image": window.float(), "bounds": query, "crs": "EPSG:32632"}


class RandomWindows(Sampler):
    def __init__(self, count, size, generator):
        self.count, self.size, self.generator = count, size, generator

    def __iter__(self):
        for _ in range(self.count):
            x, y = torch.randint(0, 16 - self.size, (2,), generator=self.generator).tolist()
            yield BoundingBox(x, x + self.size, y, y + self.size)

    def __len__(self):
        return self.count


class BatchesOfWindows(RandomWindows):
    def __iter__(self):
        windows = list(super().__iter__())
        yield from (windows[i : i + 3] for i in range(0, len(windows), 3))

    def __len__(self):
        return self.count // 3


def stack_samples(samples):
    return {
        "image": torch.stack([each["image"] for each in samples]),
        "bounds": [each["bounds"] for each in samples],
        "crs": samples[0]["crs"],
    }


def main(DataLoader, folder):
    out = []
    for arguments in (
        {"sampler": RandomWindows(7, 4, torch.Generator().manual_seed(1)), "batch_size": 3},
        {"batch_sampler": BatchesOfWindows(9, 4, torch.Generator().manual_seed(2))},
    ):
        loader = DataLoader(
            Raster(), num_workers=1, collate_fn=stack_samples, persistent_workers=True, **arguments
        )
        out.append(str(len(loader)))
        for batch in loader:
            out.append(
                f"{batch['crs']} {float(batch['image'].mean()):.3f} {[tuple(b) for b in batch['bounds']]}"
            )
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
