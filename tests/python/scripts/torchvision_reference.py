"""pytorch/vision's references: samplers made by hand, MixUp around default_collate, a dataset saved whole."""

import sys
import tempfile
from pathlib import Path

import torch
from torch.utils.data.dataloader import default_collate
from torchvision import datasets, transforms
from torchvision.transforms import v2


def main(DataLoader, folder):
    steps = transforms.Compose(
        [transforms.Resize((24, 24)), transforms.PILToTensor(), transforms.ConvertImageDtype(torch.float)]
    )
    with tempfile.TemporaryDirectory() as cache:
        path = Path(cache) / "dataset.pt"
        torch.save((datasets.ImageFolder(folder, steps), "train"), path)
        dataset, _ = torch.load(path, weights_only=False)
    torch.manual_seed(0)
    sampler = torch.utils.data.RandomSampler(dataset)
    mixup = v2.MixUp(num_classes=len(dataset.classes))

    def collate(batch):
        torch.manual_seed(len(batch))  # so that both loaders mix alike, whatever process they collate in
        return mixup(*default_collate(batch))

    loader = DataLoader(
        dataset,
        batch_size=5,
        sampler=sampler,
        num_workers=0,
        pin_memory=False,
        collate_fn=lambda b: collate(b),
    )
    torch.manual_seed(1)
    order = torch.get_rng_state()
    out = []
    for epoch in range(2):
        torch.set_rng_state(order)
        for images, target in loader:
            out.append(f"{epoch}: {target.sum(0).tolist()} {images.double().mean():.6f}")
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
