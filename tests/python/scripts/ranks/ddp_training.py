"""One rank of two that train together over gloo, with stoker's loaders and a file that cannot be read.

    ddp_training.py FOLDER MEETING_FILE RANK

Prints, as JSON, what this rank saw.
"""

import json
import sys

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DistributedSampler
from torchvision import datasets, transforms

import stoker
from stoker.torch import DataLoader

WORLD_SIZE, SIDE = 2, 12


def train(model, batches):
    """Steps taken and the labels seen; hangs if the ranks take different numbers of steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    seen = []
    for images, labels in batches:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            model(torch.as_tensor(images).flatten(1)), torch.as_tensor(labels)
        )
        loss.backward()
        optimizer.step()
        seen.append([int(label) for label in labels])
    return seen


def main(folder, meeting, rank):
    rank = int(rank)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=WORLD_SIZE)
    torch.manual_seed(0)
    model = DistributedDataParallel(torch.nn.Linear(3 * SIDE * SIDE, 3))
    said = {}

    steps = transforms.Compose([transforms.RandomResizedCrop(SIDE), transforms.ToTensor()])
    dataset = datasets.ImageFolder(folder, steps)
    sampler = DistributedSampler(dataset, seed=3)
    loader = DataLoader(
        dataset, batch_size=3, sampler=sampler, num_workers=2, on_error="replace", max_bad=2, drop_last=False
    )
    said["drop-in"] = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        said["drop-in"].append(train(model, loader))
    said["tier"] = loader.explain().splitlines()[0]
    try:
        DataLoader(dataset, on_error="skip")
    except ValueError as error:
        said["skip"] = str(error)

    operators = [stoker.random_resized_crop(SIDE), stoker.to_float()]
    native = stoker.Loader(
        stoker.folder(folder),
        operators,
        batch_size=3,
        shuffle=True,
        on_error="replace",
        max_bad=2,
        rank=rank,
        world_size=WORLD_SIZE,
    )
    said["native"] = [train(model, native) for _ in range(2)]
    said["replaced"] = native.counters()["replaced"]
    said["unasked"] = stoker.Loader(stoker.folder(folder), batch_size=3).explain()
    weights = torch.cat([each.detach().flatten() for each in model.parameters()])
    said["weights"] = weights.sum().item()
    print(json.dumps(said))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
