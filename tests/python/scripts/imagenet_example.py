"""pytorch/examples: ImageFolder, DistributedSampler with set_epoch, lengths of what hangs on a loader."""

import sys

import torch
from torch.utils.data import Subset
from torch.utils.data.distributed import DistributedSampler
from torchvision import datasets, transforms


def main(DataLoader, folder):
    steps = transforms.Compose([transforms.Resize((24, 24)), transforms.ToTensor()])
    train_set = datasets.ImageFolder(folder, steps)
    sampler = DistributedSampler(train_set, num_replicas=2, rank=1)
    train = DataLoader(
        train_set,
        batch_size=4,
        shuffle=(sampler is None),
        num_workers=2,
        pin_memory=torch.cuda.is_available(),
        sampler=sampler,
    )
    validate = DataLoader(
        datasets.ImageFolder(folder, steps),
        batch_size=5,
        shuffle=False,
        num_workers=1,
        pin_memory=torch.cuda.is_available(),
    )
    rest = len(validate.sampler) * 2 < len(validate.dataset) + 20
    out = [f"{len(train)} steps of {len(train_set)}"]
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for step, (images, target) in enumerate(train):
            images = images.to("cpu", non_blocking=True)
            out.append(f"{epoch}.{step}: {target.tolist()} {images.double().sum():.6f}")
        total = sum(images.size(0) for images, _ in validate)
        out.append(f"validated {total}")
    if rest:
        auxiliary = DataLoader(
            Subset(validate.dataset, range(6, len(validate.dataset))), batch_size=5, num_workers=1
        )
        out += [str(target.tolist()) for _, target in auxiliary]
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
