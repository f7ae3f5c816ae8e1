"""What only a GPU can show: batches in memory that is really pinned, let go while copies are in flight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import TensorDataset  # noqa: E402

from stoker.torch import DataLoader  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason="no CUDA device: the hand-off of pinned batches was not tried"
    ),
]


def rows() -> Any:
    images = torch.arange(512.0).repeat_interleave(3 * 64 * 64).reshape(512, 3, 64, 64)
    return TensorDataset(images, torch.arange(512))


def cifar() -> Any:
    datasets = pytest.importorskip("torchvision.datasets")
    transforms = pytest.importorskip("torchvision.transforms")
    dataset = datasets.CIFAR10.__new__(datasets.CIFAR10)
    dataset.data = np.repeat(np.arange(256, dtype=np.uint8), 32 * 32 * 3).reshape(256, 32, 32, 3)
    dataset.targets, dataset.target_transform = list(range(256)), None
    dataset.transform = transforms.Compose([transforms.Resize(48), transforms.PILToTensor()])
    return dataset


@pytest.mark.parametrize("workers", [0, 4])
@pytest.mark.parametrize("make", [rows, cifar])
def test_batches_are_pinned(make: Any, workers: int) -> None:
    for batch in DataLoader(make(), 50, num_workers=workers, pin_memory=True):
        assert all(tensor.is_pinned() for tensor in batch)


@pytest.mark.parametrize("workers", [0, 4])
@pytest.mark.parametrize("make", [rows, cifar])
def test_a_batch_may_be_dropped_while_its_copy_is_in_flight(make: Any, workers: int) -> None:
    """The stream is kept busy, so that the copy runs long after the next batches were made."""
    busy = torch.rand(2048, 2048, device="cuda")
    loader = DataLoader(make(), 32, shuffle=True, num_workers=workers, pin_memory=True)
    for _ in range(3):
        sums, labels = [], []
        for images, targets in loader:
            for _ in range(20):
                busy = (busy @ busy).clamp(0, 1)
            on_device = images.to("cuda", non_blocking=True)
            del images
            sums.append(on_device.float().mean(dim=(1, 2, 3)))
            labels.append(targets.to("cuda", non_blocking=True))
        torch.cuda.synchronize()
        assert torch.allclose(torch.cat(sums), torch.cat(labels).float())


def test_another_default_device_changes_nothing() -> None:
    with torch.device("cuda"):
        generator = torch.Generator(device="cuda")
        batches = list(DataLoader(rows(), 50, shuffle=True, generator=generator))
    assert sorted(int(label) for batch in batches for label in batch[1]) == list(range(512))
