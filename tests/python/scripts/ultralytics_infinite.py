"""ultralytics: an infinite subclass that replaces its batch sampler behind the guard and ends its workers."""

import random
import sys

import numpy as np
import torch
from torch.utils.data import Dataset


class RepeatSampler:
    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from iter(self.sampler)


def infinite(base):
    class InfiniteDataLoader(base):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            object.__setattr__(self, "batch_sampler", RepeatSampler(self.batch_sampler))
            self.iterator = super().__iter__()

        def __len__(self):
            return len(self.batch_sampler.sampler)

        def __iter__(self):
            for _ in range(len(self)):
                yield next(self.iterator)

        def __del__(self):
            try:
                if not hasattr(self.iterator, "_workers"):
                    return
                for worker in self.iterator._workers:
                    if worker.is_alive():
                        worker.terminate()
                self.iterator._shutdown_workers()
            except Exception:
                pass

        def reset(self):
            self.iterator = self._get_iterator()

    return InfiniteDataLoader


class Boxes(Dataset):
    """Images with boxes, of which each has another number, and a switch that is thrown in mid-training."""

    mosaic = True

    def __len__(self):
        return 9

    def __getitem__(self, index):
        image = torch.full((3, 8, 8), index, dtype=torch.uint8)
        boxes = torch.full((index % 3, 4), index / 10)
        return {
            "img": image + 100 * self.mosaic,
            "bboxes": boxes,
            "batch_idx": torch.zeros(len(boxes)),
            "name": f"{index}.jpg",
        }

    @staticmethod
    def collate_fn(batch):
        out = {"img": torch.stack([each["img"] for each in batch]), "name": [each["name"] for each in batch]}
        out["bboxes"] = torch.cat([each["bboxes"] for each in batch])
        out["batch_idx"] = torch.cat([each["batch_idx"] + i for i, each in enumerate(batch)])
        return out


def seed_worker(worker):
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)


def main(DataLoader, folder):
    data = Boxes()
    generator = torch.Generator()
    generator.manual_seed(6148914691236517205)
    loader = infinite(DataLoader)(
        dataset=data,
        batch_size=4,
        shuffle=True,
        num_workers=1,
        sampler=None,
        prefetch_factor=4,
        pin_memory=False,
        collate_fn=data.collate_fn,
        worker_init_fn=seed_worker,
        generator=generator,
        drop_last=False,
    )
    out = [str(len(loader))]
    for epoch in range(3):
        if epoch == 2:
            loader.dataset.mosaic = False
            loader.reset()
        for batch in loader:
            out.append(f"{epoch}: {batch['name']} {batch['batch_idx'].tolist()} {int(batch['img'].sum())}")
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
