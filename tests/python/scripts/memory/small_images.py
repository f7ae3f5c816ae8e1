"""MNIST's example script on made digits; LOADER is torch.utils.data or stoker.torch.

Nothing random is done to the digits, so that both loaders train the same model.
"""

import hashlib
import importlib
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2]))
import torchvision_schemas

torchvision_schemas.define_missing()

from torchvision import datasets, transforms  # noqa: E402

DataLoader = importlib.import_module(sys.argv[1]).DataLoader


def write_digits(root: str) -> None:
    """Files as a download leaves them."""
    rng = np.random.default_rng(1)
    folder = Path(root) / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for split, count in (("train", 600), ("t10k", 200)):
        digits = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        for name, array in ((f"{split}-images-idx3-ubyte", digits), (f"{split}-labels-idx1-ubyte", labels)):
            head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            (folder / name).write_bytes(head + array.tobytes())


folder = tempfile.TemporaryDirectory()
root = folder.name
write_digits(root)
torch.manual_seed(1)
transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
train_loader = DataLoader(
    datasets.MNIST(root, train=True, transform=transform), batch_size=64, shuffle=True, num_workers=1
)
test_loader = DataLoader(datasets.MNIST(root, train=False, transform=transform), batch_size=1000)
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
seen = hashlib.sha256()

for epoch in range(1, 3):
    model.train()
    for data, target in train_loader:
        seen.update(data.numpy().tobytes() + target.numpy().tobytes())
        optimizer.zero_grad()
        loss = F.cross_entropy(model(data), target)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        correct = sum(int((model(data).argmax(1) == target).sum()) for data, target in test_loader)
    print(f"epoch {epoch}: loss {loss.item():.6f}, correct {correct}/{len(test_loader.dataset)}")
print(seen.hexdigest())
