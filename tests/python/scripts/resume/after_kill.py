"""Training that may be killed at any moment and started again: same batches, same weights.

    after_kill.py {native,drop-in} FOLDER WORK THREADS

WORK/log gets a line for each step taken, WORK/checkpoint.pt is written every second step.
"""

import hashlib
import os
import sys
import time

import numpy as np
import torch

EPOCHS, SIDE = 2, 12


def make_native(folder, threads):
    import stoker

    operators = [stoker.random_resized_crop(SIDE), stoker.horizontal_flip(), stoker.to_float()]
    return stoker.Loader(
        stoker.folder(folder), operators, batch_size=3, shuffle=True, seed=5, threads=threads
    )


def make_drop_in(folder, threads):
    from torchvision import datasets, transforms

    from stoker.torch import DataLoader

    steps = [transforms.RandomResizedCrop(SIDE), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    generator = torch.Generator().manual_seed(5)
    dataset = datasets.ImageFolder(folder, transforms.Compose(steps))
    return DataLoader(dataset, batch_size=3, shuffle=True, num_workers=threads, generator=generator)


def save(checkpoint, path):
    torch.save(checkpoint, path + ".new")
    os.replace(path + ".new", path)


def digest(*arrays):
    total = hashlib.sha256()
    for each in arrays:
        total.update(np.ascontiguousarray(each))
    return total.hexdigest()


def main(kind, folder, work, threads):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    loader = (make_native if kind == "native" else make_drop_in)(folder, int(threads))
    model = torch.nn.Linear(3 * SIDE * SIDE, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    path, epoch, step = os.path.join(work, "checkpoint.pt"), 0, 0
    if os.path.exists(path):
        checkpoint = torch.load(path)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        loader.load_state_dict(checkpoint["loader"])
        epoch, step = checkpoint["epoch"], checkpoint["step"]
    with open(os.path.join(work, "log"), "a") as log:
        while epoch < EPOCHS:
            for images, labels in loader:
                images, labels = torch.as_tensor(images), torch.as_tensor(labels)
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(images.flatten(1)), labels).backward()
                optimizer.step()
                step += 1
                if step % 2 == 0:
                    states = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                    save({**states, "loader": loader.state_dict(), "epoch": epoch, "step": step}, path)
                log.write(f"{epoch} {step} {digest(images, labels)}\n")
                log.flush()
                time.sleep(0.01)  # so that it can be killed in between
            epoch += 1
        log.write(f"weights {digest(*[each.detach() for each in model.parameters()])}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
