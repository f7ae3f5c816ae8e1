"""accelerate: an adapter that claims the loader's class, rebuilds from keywords, skips batches to resume."""

import sys

import torch
from torch.utils.data import BatchSampler
from torchvision import datasets, transforms

KEYWORDS = {
    "num_workers": 0,
    "collate_fn": None,
    "pin_memory": False,
    "timeout": 0,
    "worker_init_fn": None,
    "multiprocessing_context": None,
    "generator": None,
    "prefetch_factor": None,
    "persistent_workers": False,
    "pin_memory_device": "",
    "in_order": True,
}


class SkipBatches(BatchSampler):
    def __init__(self, batch_sampler, skip):
        self.batch_sampler, self.skip = batch_sampler, skip
        self.batch_size, self.drop_last = batch_sampler.batch_size, batch_sampler.drop_last

    def __iter__(self):
        for number, batch in enumerate(self.batch_sampler):
            if number >= self.skip:
                yield batch

    def __len__(self):
        return len(self.batch_sampler) - self.skip


def adapter(loader_class):
    class Adapter:
        def __init__(self, dataset, batch_sampler, **keywords):
            self.base_dataloader = loader_class(dataset, batch_sampler=batch_sampler, **keywords)
            own = self.__class__
            self.__class__ = type(own.__name__, (own, type(self.base_dataloader)), {})

        def __getattr__(self, name):
            if name == "base_dataloader":
                raise AttributeError(name)
            return getattr(self.base_dataloader, name)

        def __len__(self):
            return len(self.base_dataloader)

        def __iter__(self):
            # One batch ahead, so that the last is known as the last.
            iterator = self.base_dataloader.__iter__()
            try:
                current = next(iterator)
            except StopIteration:
                return
            while True:
                try:
                    following = next(iterator)
                except StopIteration:
                    self.end_of_dataloader = True
                    yield current
                    return
                yield current
                current = following

    return Adapter


def prepared(loader, loader_class, skip=0):
    keywords = {name: getattr(loader, name, default) for name, default in KEYWORDS.items()}
    generator = torch.Generator()
    if hasattr(loader.batch_sampler.sampler, "generator"):
        loader.batch_sampler.sampler.generator = generator
    keywords["generator"] = generator
    generator.manual_seed(42)
    sampler = SkipBatches(loader.batch_sampler, skip) if skip else loader.batch_sampler
    return adapter(loader_class)(loader.dataset, sampler, **keywords)


def main(DataLoader, folder):
    steps = transforms.Compose([transforms.Resize((24, 24)), transforms.ToTensor()])
    loader = DataLoader(datasets.ImageFolder(folder, steps), batch_size=4, shuffle=True, num_workers=1)
    out = []
    for skip in (0, 2):
        each = prepared(loader, DataLoader, skip)
        assert isinstance(each, torch.utils.data.DataLoader)
        each.rng_types = ["generator"]
        out.append(f"{len(each)} {each.batch_sampler.batch_size}")
        out += [f"{target.tolist()} {images.double().sum():.6f}" for images, target in each]
        out.append(str(each.end_of_dataloader))
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
