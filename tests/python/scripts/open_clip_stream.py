"""open_clip and webdataset: a stream that batches by itself, with lengths hung on the loader."""

import sys

import torch
from torch.utils.data import IterableDataset, get_worker_info


class Shards(IterableDataset):
    def __init__(self, shards, batch_size):
        self.shards, self.batch_size = shards, batch_size

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        texts, images = [], []
        for shard in self.shards[first::step]:
            for number in range(5):
                images.append(torch.full((3, 4, 4), shard * 5 + number, dtype=torch.uint8))
                texts.append(f"a photo of {shard}.{number}")
                if len(texts) == self.batch_size:
                    yield torch.stack(images), texts
                    texts, images = [], []


def main(DataLoader, folder):
    loader = DataLoader(
        Shards([*range(6)], 4), batch_size=None, shuffle=False, num_workers=2, persistent_workers=True
    )
    loader.num_batches = 6
    loader.num_samples = loader.num_batches * 4
    out = []
    for epoch in range(2):
        for images, texts in loader:
            out.append(f"{epoch}: {tuple(images.shape)} {int(images.sum())} {texts}")
    return [*out, f"{loader.num_samples} {loader.num_batches} {loader.batch_size}"]


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
