"""Question: do the five pipelines train through the drop-in, and what does an epoch cost beside torch's?

Work: epochs of a small model over the first images of a folder, each pipeline in a
`stoker.torch.ImageDataset` with classes, boxes, masks, grey images or 13 bands of 16 bits (the last two are
made of the photographs once), through `stoker.torch.DataLoader` and through torch's own with as many worker
processes: the same model, seed and files, which stoker decodes in both. Rounds take turns; ratios are of the
CPU time of all processes for an epoch, training included. The drop-in must say that it is native.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from pipelines import pipelines
from ratios import shown, spread, turns
from systems import import_torchvision

BATCH, WORKERS = 16, 2


def photographs(data, count):
    paths = sorted(p for p in Path(data).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))[:count]
    if len(paths) < BATCH:
        raise SystemExit(f"{data} has {len(paths)} JPEG and PNG files, needed are {BATCH} or more.")
    return paths


def write_variants(paths, root):
    """Paths of masks; of grey squares and theirs; of 13 bands of 16 bits; and ten classes of brightness."""
    from PIL import Image

    made = {"mask": [], "grey": [], "grey mask": [], "bands": [], "brightness": []}
    mixes = np.random.default_rng(1).dirichlet((1, 1, 1), 13).T
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            photo = image.convert("RGB")
        grey = np.array(photo.convert("L").resize((512, 512)))
        made["brightness"].append(int(grey.mean()) // 26)
        bands = np.array(photo.resize((256, 256))) @ mixes * 39
        for name, pixels in (
            ("mask", np.array(photo.convert("L")) // 64),
            ("grey", grey),
            ("grey mask", (grey > 128).astype(np.uint8)),
        ):
            made[name].append(root / f"{name} {number}.png")
            Image.fromarray(pixels).save(made[name][-1])
        made["bands"].append(root / f"{number}.npy")
        np.save(made["bands"][-1], bands.astype(np.uint16))
    return made


def boxes_of(paths):
    from PIL import Image

    boxes = []
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            width, height = image.size
        low = np.random.default_rng(number).uniform(0, 0.6, (4, 2))
        shares = np.hstack([low, low + 0.3])
        boxes.append((shares * [width, height, width, height]).tolist())
    return boxes


def datasets(paths, root):
    """Name, dataset, and the channels of an image."""
    from stoker.torch import ImageDataset

    compose = {name.partition(",")[0]: made for name, (made, _) in pipelines().items()}
    made = write_variants(paths, root)
    classes = made["brightness"]
    boxes = boxes_of(paths)
    labels = {"labels": [list(range(len(each))) for each in boxes]}
    bands = {"color": "unchanged", "image_dtype": "uint16"}
    return {
        "classification": (ImageDataset(paths, classes, compose["classification"]), 3),
        "detection": (ImageDataset(paths, None, compose["detection"], boxes=boxes, labels=labels), 3),
        "segmentation": (ImageDataset(paths, None, compose["segmentation"], masks=made["mask"]), 3),
        "medical": (
            ImageDataset(made["grey"], None, compose["medical"], masks=made["grey mask"], color="gray"),
            1,
        ),
        "satellite": (ImageDataset(made["bands"], classes, compose["satellite"], **bands), 13),
    }


def lists(samples):
    return samples


def make_model(channels):
    """Ten numbers for each cell of 8 x 8 pixels."""
    from torch import nn

    return nn.Sequential(nn.Conv2d(channels, 8, 8, 8), nn.ReLU(), nn.Conv2d(8, 10, 1))


def loss_of(model, batch):
    """By what comes with the images: boxes and their labels, masks, or classes."""
    import torch
    from torch.nn import functional as F

    if isinstance(batch, list) and isinstance(batch[0], dict):
        images = torch.stack([torch.from_numpy(each["image"]) for each in batch])
        cells = torch.zeros(len(batch), images.shape[1] // 8, images.shape[2] // 8, dtype=torch.int64)
        for plane, each in zip(cells, batch, strict=True):
            for (left, top, right, bottom), label in zip(each["bboxes"], each["labels"], strict=True):
                plane[int(top) // 8 : int(bottom) // 8, int(left) // 8 : int(right) // 8] = 1 + int(label)
        return F.cross_entropy(model(images.movedim(-1, 1)), cells)
    if isinstance(batch, dict):
        cells = batch["mask"][:, 4::8, 4::8].long()
        return F.cross_entropy(model(batch["image"].movedim(-1, 1)), cells)
    images, classes = batch
    return F.cross_entropy(model(images.movedim(-1, 1)).mean((2, 3)), classes)


def cpu_s():
    """Of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Trainer:
    """A model, its loader, and what its epochs gave."""

    def __init__(self, loader, channels):
        import torch

        torch.manual_seed(1)
        self.loader = loader
        self.model = make_model(channels)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.003)
        self.losses, self.epochs_s = [], []

    def epoch(self):
        begin, losses = cpu_s(), []
        for batch in self.loader:
            loss = loss_of(self.model, batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        self.epochs_s.append(cpu_s() - begin)
        self.losses.append(float(np.mean(losses)))


def train(name, dataset, channels, rounds):
    import torch

    import stoker.torch

    options = {"batch_size": BATCH, "shuffle": True, "num_workers": WORKERS}
    if name == "detection":
        options["collate_fn"] = lists
    ours = stoker.torch.DataLoader(dataset, **options)
    told = ours.explain()
    assert told.startswith("tier: native"), f"{name}: {told}"
    trainers = {
        "stoker": Trainer(ours, channels),
        "torch": Trainer(torch.utils.data.DataLoader(dataset, **options), channels),
    }
    for number in range(rounds):
        for system in turns(trainers, number):
            trainers[system].epoch()
    stokers, torchs = trainers["stoker"], trainers["torch"]
    ratios = [theirs / mine for theirs, mine in zip(torchs.epochs_s, stokers.epochs_s, strict=True)]
    losses = [f"{each.losses[0]:.3f} to {each.losses[-1]:.3f}" for each in (stokers, torchs)]
    return (
        f"| {name} | {shown(spread(stokers.epochs_s), 2)} | {shown(spread(torchs.epochs_s), 2)} "
        f"| {shown(spread(ratios), 2)} | {' | '.join(losses)} |"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder of JPEG and PNG photographs")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5, help="epochs of each loader")
    parser.add_argument("--only", nargs="*", help="these pipelines")
    args = parser.parse_args()
    import_torchvision()
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    paths = photographs(args.data, args.images)
    with tempfile.TemporaryDirectory() as root:
        print("| pipeline | stoker, CPU s | torch, CPU s | torch / stoker | loss, stoker | loss, torch |")
        print("| --- | ---: | ---: | ---: | --- | --- |")
        for name, (dataset, channels) in datasets(paths, Path(root)).items():
            if not args.only or name in args.only:
                print(train(name, dataset, channels, args.rounds), flush=True)
    print()
    print(f"{len(paths)} images, {WORKERS} workers, {args.rounds} epochs each; medians and [quartiles].")


if __name__ == "__main__":
    main()
