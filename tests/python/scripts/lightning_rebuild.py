"""Lightning: notes a loader's arguments, and makes it again from signature and attributes."""

import contextlib
import functools
import inspect
import sys

import torch
from torch.utils.data import DistributedSampler, SequentialSampler
from torchvision import datasets, transforms


@contextlib.contextmanager
def noted_arguments(base):
    """While it lasts, loaders of all classes keep their arguments, and attributes that are set on them."""

    def all_subclasses(cls):
        return {cls}.union(*map(all_subclasses, cls.__subclasses__()))

    def noting(init):
        @functools.wraps(init)
        def wrapper(self, *args, **kwargs):
            names = [n for n in inspect.signature(init).parameters if n != "self"]
            if not hasattr(self, "__noted"):
                object.__setattr__(self, "__noted", {**dict(zip(names, args, strict=False)), **kwargs})
            init(self, *args, **kwargs)

        return wrapper

    def noting_attributes(method):
        @functools.wraps(method)
        def wrapper(self, name, value):
            method(self, name, value)

        return wrapper

    kept = []
    for cls in all_subclasses(base):
        for name, wrap in (("__init__", noting), ("__setattr__", noting_attributes)):
            if name in cls.__dict__:
                kept.append((cls, name, cls.__dict__[name]))
                setattr(cls, name, wrap(cls.__dict__[name]))
    try:
        yield
    finally:
        for cls, name, method in kept:
            setattr(cls, name, method)


def rebuilt(loader, sampler):
    """A loader of the same class and arguments around `sampler`."""
    attributes = {name: value for name, value in vars(loader).items() if not name.startswith("_")}
    attributes["multiprocessing_context"] = loader.multiprocessing_context
    parameters = inspect.signature(type(loader).__init__).parameters
    missing = [
        p.name
        for p in parameters.values()
        if p.default is p.empty
        and p.kind is p.POSITIONAL_OR_KEYWORD
        and p.name != "self"
        and p.name not in attributes
    ]
    assert not missing, missing
    arguments = {
        name: attributes[name]
        for name, p in parameters.items()
        if name in attributes and attributes[name] is not p.default
    }
    if loader.batch_sampler is not None and loader.batch_size is None:
        batch_sampler = type(loader.batch_sampler)(
            sampler, loader.batch_sampler.batch_size, loader.batch_sampler.drop_last
        )
        arguments["batch_sampler"] = batch_sampler
        for name in ("sampler", "batch_size", "drop_last"):
            arguments.pop(name, None)
    else:
        arguments["sampler"] = sampler
        arguments.pop("batch_sampler", None)
    return type(loader)(**arguments)


def main(DataLoader, folder):
    steps = transforms.Compose([transforms.Resize((24, 24)), transforms.ToTensor()])
    dataset = datasets.ImageFolder(folder, steps)
    with noted_arguments(torch.utils.data.DataLoader):
        loader = DataLoader(
            dataset, 4, num_workers=1, drop_last=True, generator=torch.Generator().manual_seed(1)
        )
        batches = DataLoader(
            dataset, batch_sampler=torch.utils.data.BatchSampler(SequentialSampler(dataset), 5, False)
        )
        assert isinstance(loader, torch.utils.data.DataLoader)
    out = [f"noted {sorted(getattr(loader, '__noted'))}"]
    with noted_arguments(torch.utils.data.DataLoader):
        for each in (loader, batches):
            other = rebuilt(each, DistributedSampler(dataset, num_replicas=2, rank=0, shuffle=False))
            other.sampler.set_epoch(1) if hasattr(other.sampler, "set_epoch") else None
            out.append(f"{type(other) is type(each)} {len(other)} {other.num_workers} {other.drop_last}")
            out += [f"{target.tolist()} {images.double().sum():.6f}" for images, target in other]
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
