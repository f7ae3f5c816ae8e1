"""Loaders of every kind and order, stopped at one place and begun again there."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from stoker.torch import DataLoader

torchvision = pytest.importorskip("torchvision")

COUNT = 26


class Plain(torch.utils.data.Dataset):
    """Samples made in Python."""

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, key: int) -> torch.Tensor:
        return torch.tensor([key, key * key])


def tensors() -> TensorDataset:
    return TensorDataset(torch.arange(COUNT * 3.0).view(COUNT, 3), torch.arange(COUNT))


def dataset_of(kind: str, images: Any) -> Any:
    return {"native": images, "tensors": tensors(), "python": Plain()}[kind]


def flat(batch: Any) -> list[Any]:
    parts = batch if isinstance(batch, list | tuple) else [batch]
    return [each.tolist() for each in parts]


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(state)
    assert len(text) < 8192
    return json.loads(text)  # type: ignore[no-any-return]


def generator(seed: int = 4) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Eager(torch.utils.data.Sampler):
    """Draws as soon as it is asked, as many samplers of users do."""

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(COUNT).tolist())

    def __len__(self) -> int:
        return COUNT


ORDERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "sequential": lambda dataset: {"batch_size": 3},
    "shuffle": lambda dataset: {"batch_size": 3, "shuffle": True},
    "shuffle, drop_last": lambda dataset: {"batch_size": 4, "shuffle": True, "drop_last": True},
    "generator": lambda dataset: {"batch_size": 3, "shuffle": True, "generator": generator()},
    "own generator": lambda dataset: {
        "batch_size": 3,
        "sampler": RandomSampler(dataset, generator=generator(9)),
        "generator": generator(),
    },
    "replacement": lambda dataset: {
        "batch_size": 3,
        "sampler": RandomSampler(dataset, replacement=True, num_samples=70, generator=generator(2)),
    },
    "several passes": lambda dataset: {
        "batch_size": 4,
        "sampler": RandomSampler(dataset, num_samples=60, generator=generator(3)),
    },
    "subset": lambda dataset: {"batch_size": 3, "sampler": SubsetRandomSampler(range(2, 20))},
    "weighted": lambda dataset: {
        "batch_size": 3,
        "sampler": WeightedRandomSampler(torch.arange(1.0, COUNT + 1), 40),
    },
    "distributed": lambda dataset: {"batch_size": 3, "sampler": DistributedSampler(dataset, 2, 1, seed=5)},
    "batch sampler": lambda dataset: {
        "batch_sampler": BatchSampler(RandomSampler(dataset, generator=generator(7)), 5, False)
    },
    "eager": lambda dataset: {"batch_size": 3, "sampler": Eager()},
    "global batch sampler": lambda dataset: {"batch_sampler": BatchSampler(RandomSampler(dataset), 5, True)},
}

WORKERS: dict[str, dict[str, Any]] = {
    "0": {},
    "2": {"num_workers": 2},
    "3, far ahead": {"num_workers": 3, "prefetch_factor": 4},
    "persistent": {"num_workers": 2, "persistent_workers": True},
}


def make(dataset: Any, order: str, count: str = "0", **options: Any) -> DataLoader:
    return DataLoader(dataset, **ORDERS[order](dataset), **WORKERS[count], **options)


def check_resume(
    dataset: Any, order: str, before: str, after: str, epochs: int, stop: int, **options: Any
) -> None:
    """One loader goes through; another stops, and a third goes on in its place."""
    torch.manual_seed(1)
    whole = make(dataset, order, before, **options)
    for _ in range(epochs):
        list(whole)
    expected = [flat(batch) for batch in whole]
    torch.manual_seed(1)
    first = make(dataset, order, before, **options)
    for _ in range(epochs):
        list(first)
    iterator = iter(first)
    got = [flat(next(iterator)) for _ in range(min(stop, len(expected)))]
    state = through_json(first.state_dict())
    del iterator
    torch.manual_seed(99)
    second = make(dataset, order, after, **options)
    second.load_state_dict(state)
    assert second.state_dict() == state
    untouched = torch.get_rng_state()
    got += [flat(batch) for batch in second]
    assert got == expected
    assert torch.equal(torch.get_rng_state(), untouched)  # the trainer's draws are its own
    if options or "generator" in ORDERS[order](dataset):
        return
    if order in ("sequential", "distributed"):
        assert len(list(second)) == len(expected)  # and the next epoch is a whole one


class Stateful(SequentialSampler):
    """Draws from Python's own generator, and keeps its place itself."""

    def __init__(self, dataset: Any) -> None:
        super().__init__(dataset)
        self.state: dict[str, Any] = {"order": [], "place": 0}

    def __iter__(self) -> Iterator[int]:
        state = self.state
        if state["place"] == 0:
            state["order"] = random.sample(range(COUNT), COUNT)
        while state["place"] < COUNT:
            state["place"] += 1
            yield state["order"][state["place"] - 1]
        state["place"] = 0

    def state_dict(self) -> dict[str, Any]:
        return self.state  # which changes as it goes on

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state.update(state)


class Numbers(IterableDataset):
    def __iter__(self) -> Iterator[int]:
        yield from range(20)


class StatefulNumbers(IterableDataset):
    def __init__(self) -> None:
        self.place = 0

    def __iter__(self) -> Iterator[int]:
        while self.place < 20:
            self.place += 1
            yield self.place - 1
        self.place = 0

    def state_dict(self) -> dict[str, int]:
        return {"place": self.place}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.place = state["place"]
