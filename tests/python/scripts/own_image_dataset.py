"""A hand-written dataset with one method more: its samples are those of stoker.torch.ImageDataset."""

import sys
from pathlib import Path

import albumentations as A
import numpy as np
from albumentations.pytorch import ToTensorV2
from PIL import Image
from torch.utils.data import Dataset


class Pictures(Dataset):
    def __init__(self, folder, transform):
        self.paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        self.labels = [int(path.parent.name.removeprefix("class")) for path in self.paths]
        self.transform = transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with Image.open(self.paths[index]) as image:
            pixels = np.array(image.convert("RGB"))
        return self.transform(image=pixels)["image"], self.labels[index]

    def __stoker__(self):
        return self.paths, self.labels, self.transform


def main(DataLoader, folder):
    transform = A.Compose([A.SmallestMaxSize(32), A.CenterCrop(28, 28), A.Normalize(), ToTensorV2()])
    loader = DataLoader(Pictures(folder, transform), batch_size=5, num_workers=2)
    return [f"{images.double().sum():.9} {labels.tolist()}" for images, labels in loader]


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
