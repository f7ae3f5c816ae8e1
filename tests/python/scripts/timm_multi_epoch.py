"""timm: a subclass that flips the name-mangled guard, repeats its sampler for ever, and is wrapped."""

import sys

import numpy as np
import torch
from torchvision import datasets, transforms


class RepeatSampler:
    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from iter(self.sampler)


def multi_epochs(base):
    class MultiEpochsDataLoader(base):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self._DataLoader__initialized = False
            if self.batch_sampler is None:
                self.sampler = RepeatSampler(self.sampler)
            else:
                self.batch_sampler = RepeatSampler(self.batch_sampler)
            self._DataLoader__initialized = True
            self.iterator = super().__iter__()

        def __len__(self):
            return len(self.sampler) if self.batch_sampler is None else len(self.batch_sampler.sampler)

        def __iter__(self):
            for _ in range(len(self)):
                yield next(self.iterator)

    return MultiEpochsDataLoader


class Prefetcher:
    """Normalises after loading, and passes on what others read from a loader."""

    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        for images, target in self.loader:
            yield images.float().sub_(120).div_(60), target

    def __len__(self):
        return len(self.loader)

    @property
    def sampler(self):
        return self.loader.sampler

    @property
    def dataset(self):
        return self.loader.dataset


def to_numpy(image):
    return np.rollaxis(np.array(image, dtype=np.uint8), 2)


def fast_collate(batch):
    images = torch.stack([torch.as_tensor(image) for image, _ in batch])
    return images.to(torch.uint8), torch.tensor([target for _, target in batch], dtype=torch.int64)


def main(DataLoader, folder):
    dataset = datasets.ImageFolder(folder)
    dataset.transform = transforms.Compose([transforms.Resize((24, 24)), transforms.PILToTensor()])
    torch.manual_seed(3)
    loader = multi_epochs(DataLoader)(
        dataset,
        batch_size=4,
        shuffle=True,
        num_workers=1,
        sampler=None,
        collate_fn=fast_collate,
        pin_memory=False,
        drop_last=True,
        worker_init_fn=None,
        persistent_workers=True,
    )
    wrapped = Prefetcher(loader)
    out = [f"{len(wrapped)} steps of {len(wrapped.dataset)}"]
    for epoch in range(3):
        for images, target in wrapped:
            out.append(f"{epoch}: {target.tolist()} {images.double().mean():.6f}")
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
