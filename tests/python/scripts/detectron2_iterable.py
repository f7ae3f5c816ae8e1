"""detectron2: an iterable dataset over an endless sampler, grouped by aspect ratio after the loader."""

import itertools
import random
import sys

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info


class TrainingSampler:
    """Endless; one stream for all ranks and workers, of which each takes its share."""

    def __init__(self, size, seed):
        self.size, self.seed = size, seed

    def __iter__(self):
        generator = torch.Generator()
        generator.manual_seed(self.seed)
        while True:
            yield from torch.randperm(self.size, generator=generator).tolist()


class ToIterable(IterableDataset):
    def __init__(self, dataset, sampler):
        self.dataset, self.sampler = dataset, sampler

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for index in itertools.islice(self.sampler, first, None, step):
            yield self.dataset[index]


class Mapped(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        width, height = (6, 4) if index % 3 else (4, 6)
        flip = np.random.rand() < 0.5
        return {
            "index": index,
            "width": width,
            "height": height,
            "flip": bool(flip),
            "image": torch.zeros(3, height, width),
        }


class GroupedByAspect(IterableDataset):
    def __init__(self, dataset, batch_size):
        self.dataset, self.batch_size = dataset, batch_size
        self._buckets = [[], []]

    def __iter__(self):
        for each in self.dataset:
            bucket = self._buckets[each["width"] > each["height"]]
            bucket.append(each)
            if len(bucket) == self.batch_size:
                batch = bucket[:]
                del bucket[:]
                yield batch


def first_item(batch):
    return batch[0]


def reset_seed(worker):
    seed = torch.initial_seed() % 2**31
    np.random.seed(seed + worker)
    random.seed(seed + worker)


def main(DataLoader, folder):
    loader = DataLoader(
        ToIterable(Mapped(), TrainingSampler(10, seed=5)),
        num_workers=2,
        batch_size=1,
        drop_last=False,
        collate_fn=first_item,
        worker_init_fn=reset_seed,
        prefetch_factor=2,
        persistent_workers=True,
        pin_memory=False,
        generator=torch.Generator().manual_seed(9),
    )
    grouped = iter(GroupedByAspect(loader, 3))
    return [str([(each["index"], each["flip"]) for each in batch]) for batch in itertools.islice(grouped, 6)]


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
