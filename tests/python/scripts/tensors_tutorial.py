"""The usual tutorial: images and labels in two tensors, split at random, eight workers and pin_memory."""

import sys
import warnings

import torch
from torch.utils.data import TensorDataset, random_split


def main(DataLoader, folder):
    torch.manual_seed(0)
    images = torch.randn(40, 3, 22, 22)
    labels = torch.randint(0, 10, (40,))
    train, test = random_split(TensorDataset(images, labels), [0.75, 0.25])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of more workers than cores, and of no accelerator
        train = DataLoader(train, batch_size=8, shuffle=True, num_workers=8, pin_memory=True)
        test = DataLoader(test, batch_size=8, num_workers=8, pin_memory=True)
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 22 * 22, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        out = []
        for _ in range(2):
            for x, y in train:
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                out.append(f"{loss.item():.5f}")
            correct = sum((model(x).argmax(1) == y).sum().item() for x, y in test)
            out.append(f"{correct} of {len(test.dataset)}")
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
