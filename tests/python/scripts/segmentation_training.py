"""A segmentation model trained on a hand-written dataset of images and masks, native by one method more."""

import sys
import tempfile
from pathlib import Path

import albumentations as A
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from PIL import Image
from torch import nn
from torch.utils.data import Dataset

from stoker.torch import ImageDataset

CLASSES = 3


def write_masks(paths, root):
    """Class numbers of each pixel, as PNG files."""
    masks = []
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            width, height = image.size
        rows, columns = np.indices((height, width))
        masks.append(Path(root) / f"{number}.png")
        Image.fromarray(((rows // 11 + columns // 17 + number) % CLASSES).astype(np.uint8)).save(masks[-1])
    return masks


class Scenes(Dataset):
    def __init__(self, paths, masks, transform):
        self.paths, self.masks, self.transform = paths, masks, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with Image.open(self.paths[index]) as image, Image.open(self.masks[index]) as mask:
            made = self.transform(image=np.array(image.convert("RGB")), mask=np.array(mask))
        return {"image": made["image"], "mask": made["mask"]}

    def __stoker__(self):
        return ImageDataset(self.paths, transform=self.transform, masks=self.masks)


def main(DataLoader, folder):
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    compose = A.Compose(
        [
            A.SmallestMaxSize(48),
            A.CenterCrop(40, 40),
            A.VerticalFlip(p=1),
            A.Rotate((20, 20), p=1),
            A.RandomBrightnessContrast((0.2, 0.2), (0.1, 0.1), p=1),
            A.Normalize(),
            ToTensorV2(),
        ]
    )
    torch.manual_seed(2)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, CLASSES, 3, padding=1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    out = []
    with tempfile.TemporaryDirectory() as root:
        scenes = Scenes(paths, write_masks(paths, root), compose)
        loader = DataLoader(scenes, batch_size=5, shuffle=True, num_workers=2, drop_last=True)
        for epoch in range(3):
            for batch in loader:
                loss = nn.functional.cross_entropy(model(batch["image"]), batch["mask"].long())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                counts = torch.bincount(batch["mask"].flatten(), minlength=CLASSES).tolist()
                out.append(f"{epoch}: {counts} {loss.item():.6f}")
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
