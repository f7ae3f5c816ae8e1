"""The order of samples and the draws from torch's generators are torch's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from torch.utils.data import (  # noqa: E402
    BatchSampler,
    ConcatDataset,
    DistributedSampler,
    RandomSampler,
    Sampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)
from torchvision import transforms as v1  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402

from stoker.torch import DataLoader  # noqa: E402

TRANSFORM = v1.Compose([v1.Resize((4, 4)), v1.PILToTensor()])


@pytest.fixture
def numbered(folder: Path) -> ImageFolder:
    """Images whose target is their index."""
    dataset = ImageFolder(folder, TRANSFORM)
    dataset.samples = [(path, index) for index, (path, _) in enumerate(dataset.samples)]
    return dataset


def order(loader: Any, epochs: int = 2) -> list[list[int]]:
    return [batch[1].tolist() for _ in range(epochs) for batch in loader]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


ARGUMENTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "plain": lambda data: {"batch_size": 5},
    "shuffle": lambda data: {"batch_size": 5, "shuffle": True},
    "drop_last": lambda data: {"batch_size": 5, "shuffle": True, "drop_last": True},
    "generator": lambda data: {"batch_size": 5, "shuffle": True, "generator": generator(3)},
    "own generator": lambda data: {"sampler": RandomSampler(data, generator=generator(4))},
    "with replacement": lambda data: {"batch_size": 7, "sampler": RandomSampler(data, True, 40)},
    "weighted": lambda data: {
        "batch_size": 4,
        "sampler": WeightedRandomSampler([0.1 + i for i in range(len(data))], 21),
    },
    "distributed": lambda data: {"batch_size": 3, "sampler": DistributedSampler(data, 5, 3, seed=2)},
    "batch sampler": lambda data: {"batch_sampler": BatchSampler(RandomSampler(data), 5, False)},
    "uneven batches": lambda data: {"batch_sampler": [[3], [0, 1, 2], [-1, 3], torch.tensor([4, 4])]},
    "list as sampler": lambda data: {"sampler": [5, 1, -2, 1], "batch_size": 2},
}


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize(
    "workers", [{}, {"num_workers": 2}, {"num_workers": 1, "prefetch_factor": 3}, {"threads": 2}]
)
def test_order(numbered: ImageFolder, name: str, workers: dict[str, int]) -> None:
    torch.manual_seed(11)
    expected = order(torch.utils.data.DataLoader(numbered, **ARGUMENTS[name](numbered)))
    torch.manual_seed(11)
    ours = DataLoader(numbered, **ARGUMENTS[name](numbered), **workers)
    assert ours.explain().startswith("tier: native"), ours.explain()
    assert order(ours) == expected


def test_parts_of_datasets(numbered: ImageFolder, make_folder: Any) -> None:
    other = ImageFolder(make_folder(4), TRANSFORM)
    other.samples = [(path, 100 + index) for index, (path, _) in enumerate(other.samples)]
    halves = random_split(numbered, [7, 5], generator(1))
    nested = Subset(Subset(numbered, range(2, 12)), [9, 0, -1, 4])
    joined = ConcatDataset([halves[1], other, nested, numbered])
    for dataset in (*halves, nested, joined, Subset(joined, [20, 5, 8, 0, -1])):
        expected = order(torch.utils.data.DataLoader(dataset, batch_size=3), 1)
        ours = DataLoader(dataset, batch_size=3)
        assert ours.explain().startswith("tier: native"), ours.explain()
        assert order(ours, 1) == expected
        assert torch.equal(next(iter(ours))[0], torch.stack([dataset[i][0] for i in range(len(dataset))][:3]))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("own_generator", [False, True])
@pytest.mark.parametrize("workers", [{}, {"num_workers": 2}, {"num_workers": 1, "persistent_workers": True}])
def test_draws(numbered: ImageFolder, shuffle: bool, own_generator: bool, workers: dict[str, Any]) -> None:
    """The state of the generator is torch's at every moment a user can see, for three epochs."""

    def states(cls: type) -> Iterator[tuple[str, torch.Tensor]]:
        torch.manual_seed(5)
        chosen = generator(6) if own_generator else None
        loader = cls(numbered, batch_size=4, shuffle=shuffle, generator=chosen, **workers)
        source = chosen or torch.default_generator
        for epoch in range(3):
            yield f"before epoch {epoch}", source.get_state()
            iterator = iter(loader)
            yield f"after iter() {epoch}", source.get_state()
            next(iterator)
            yield f"after next() {epoch}", source.get_state()
            list(iterator)
            yield f"after epoch {epoch}", source.get_state()
        yield "global generator", torch.get_rng_state()

    assert DataLoader(numbered, **workers).explain().startswith("tier: native")
    ours, theirs = list(states(DataLoader)), list(states(torch.utils.data.DataLoader))
    for (moment, mine), (_, expected) in zip(ours, theirs, strict=True):
        assert torch.equal(mine, expected), moment


def test_iterators_are_independent(numbered: ImageFolder) -> None:
    loader = DataLoader(numbered, batch_size=6, num_workers=2)
    pairs = [(a[1].tolist(), b[1].tolist()) for a, b in zip(loader, loader, strict=True)]
    assert pairs == [([0, 1, 2, 3, 4, 5],) * 2, ([6, 7, 8, 9, 10, 11],) * 2]


def test_persistent_iterator_is_the_same_object(numbered: ImageFolder) -> None:
    loader = DataLoader(numbered, batch_size=6, num_workers=1, persistent_workers=True)
    first = iter(loader)
    next(first)
    again = iter(loader)
    assert again is first
    assert order(loader, 2) == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]] * 2
    plain = DataLoader(numbered, num_workers=1)
    assert iter(plain) is not iter(plain)


class Counting(Sampler[int]):
    def __init__(self, count: int) -> None:
        self.count = count
        self.given = 0

    def __iter__(self) -> Iterator[int]:
        for index in range(self.count):
            self.given += 1
            yield index


@pytest.mark.parametrize("workers", [{}, {"num_workers": 2}, {"num_workers": 1, "prefetch_factor": 4}])
def test_sampler_is_read_as_far_ahead_as_by_torch(numbered: ImageFolder, workers: dict[str, int]) -> None:
    seen = []
    for cls in (DataLoader, torch.utils.data.DataLoader):
        sampler = Counting(12)
        iterator = iter(cls(numbered, sampler=sampler, **workers))
        seen.append([sampler.given] + [(next(iterator), sampler.given)[1] for _ in range(12)])
    assert seen[0] == seen[1]


@pytest.mark.parametrize("key", [12, -13])
def test_key_outside_of_the_dataset(numbered: ImageFolder, key: int) -> None:
    iterator = iter(DataLoader(numbered, sampler=[0, key, 1]))
    assert next(iterator)[1].tolist() == [0]
    with pytest.raises(IndexError):
        next(iterator)
    assert next(iterator)[1].tolist() == [1]


@pytest.mark.parametrize("key", [1.5, "1", (1,), torch.tensor(1.5)])
def test_key_that_is_no_integer(numbered: ImageFolder, key: Any) -> None:
    problems = []
    for cls in (DataLoader, torch.utils.data.DataLoader):
        with pytest.raises(TypeError) as caught:
            list(cls(numbered, sampler=[0, key]))
        problems.append(str(caught.value))
    assert problems[0] == problems[1]


def test_keys_that_only_the_dataset_understands() -> None:
    """A list or a slice as the key of one sample, and a batch sampler whose batches are generators."""
    data = TensorDataset(torch.arange(20))
    for arguments in (
        {"sampler": [[1, 2], [3, 5]], "batch_size": 2},
        {"sampler": [slice(0, 2), 7, slice(4, 6)], "batch_size": 1},
        {"batch_sampler": [(key for key in (1, 2)), (key for key in (7,))]},
    ):
        ours = DataLoader(data, **arguments)
        assert ours.explain().startswith("tier: native")
        batches = list(ours)
        if "batch_sampler" in arguments:
            expected = [[torch.tensor([1, 2])], [torch.tensor([7])]]
        else:
            expected = list(torch.utils.data.DataLoader(data, **arguments))
        assert str(batches) == str(expected)


def test_iterator_has_torchs_length_and_cannot_be_pickled(numbered: ImageFolder) -> None:
    import pickle

    iterator = iter(DataLoader(numbered, batch_size=5))
    assert len(iterator) == 3
    with pytest.raises(NotImplementedError):
        pickle.dumps(iterator)
