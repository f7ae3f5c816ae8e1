"""A detector trained on boxes that move with the image; a collate_fn makes lists, as for torchvision's."""

import sys
from pathlib import Path

import albumentations as A
import torch
from albumentations.pytorch import ToTensorV2
from PIL import Image
from torch import nn

from stoker.torch import ImageDataset

SIDE, CELL = 64, 8


def annotations(paths):
    """Three boxes a picture in pixels, and their classes; one picture has none."""
    boxes, labels = [], []
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            width, height = image.size
        corners = [(0.1, 0.2, 0.45, 0.6), (0.5, 0.05, 0.9, 0.5), (0.3 + number % 5 / 20, 0.6, 0.7, 0.95)]
        scaled = [[a * width, b * height, c * width, d * height] for a, b, c, d in corners]
        boxes.append(scaled if number != 3 else [])
        labels.append([number % 3, 1, 2] if number != 3 else [])
    return boxes, labels


def collate(samples):
    targets = [
        {"boxes": torch.tensor(each["bboxes"]).reshape(-1, 4), "labels": torch.tensor(each["labels"]).long()}
        for each in samples
    ]
    return [each["image"] for each in samples], targets


class Detector(nn.Module):
    """The class of each cell, 0 where no box covers its centre."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, CELL, CELL), nn.ReLU(), nn.Conv2d(8, 4, 1))

    def forward(self, images, targets):
        centres = torch.arange(CELL / 2, SIDE, CELL)
        wanted = torch.zeros(len(images), len(centres), len(centres), dtype=torch.int64)
        for cells, target in zip(wanted, targets, strict=True):
            for (x_min, y_min, x_max, y_max), label in zip(target["boxes"], target["labels"], strict=True):
                rows = (y_min <= centres) & (centres < y_max)
                columns = (x_min <= centres) & (centres < x_max)
                cells[rows[:, None] & columns[None]] = label + 1
        return nn.functional.cross_entropy(self.layers(torch.stack(images)), wanted)


def main(DataLoader, folder):
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    boxes, labels = annotations(paths)
    compose = A.Compose(
        [
            A.LongestMaxSize(SIDE),
            A.PadIfNeeded(SIDE, SIDE),
            A.HorizontalFlip(p=1),
            A.Affine(translate_px={"x": 24, "y": 0}, rotate=0, p=1),
            A.Normalize(),
            ToTensorV2(),
        ],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"], min_visibility=0.4),
    )
    dataset = ImageDataset(paths, transform=compose, boxes=boxes, labels={"labels": labels})
    torch.manual_seed(1)
    model = Detector()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=2, collate_fn=collate)
    out = []
    for epoch in range(3):
        for images, targets in loader:
            loss = model(images, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            out.append(f"{epoch}: {[len(each['boxes']) for each in targets]} {loss.item():.6f}")
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
