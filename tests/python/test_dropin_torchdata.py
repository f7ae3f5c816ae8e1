"""States of torchdata's StatefulDataLoader, written by hand, given to the drop-in."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from resuming import (  # noqa: E402
    COUNT,
    Numbers,
    Plain,
    Stateful,
    StatefulNumbers,
    dataset_of,
    flat,
    generator,
    make,
    through_json,
)

from stoker.torch import DataLoader  # noqa: E402


@pytest.fixture(scope="module")
def images(make_folder: Callable[..., Path]) -> Any:
    transforms = torchvision.transforms
    train = transforms.Compose(
        [transforms.RandomResizedCrop(8), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    )
    return torchvision.datasets.ImageFolder(str(make_folder(COUNT)), train)


def torchdata_state(batches: int, sampler: Any = None, iterator: Any = None, **more: Any) -> dict[str, Any]:
    """As its StatefulDataLoader without workers gives it."""
    return {
        "_index_sampler_state": sampler,
        "_sampler_iter_state": iterator,
        "_sampler_iter_yielded": batches,
        "_num_yielded": batches,
        "_IterableDataset_len_called": None,
        "_shared_seed": None,
        "fetcher_state": None,
        "dataset_state": None,
        "_iterator_finished": False,
        **more,
    }


def torchdata_state_of_workers(batches: int, since: int, worker: Any, **main: Any) -> dict[str, Any]:
    """As it gives it with two workers."""
    return {
        "_snapshot": {
            "_snapshot_step": batches - since,
            "_last_yielded_worker_id": 1,
            "_main_snapshot": {
                "_num_workers": 2,
                "_sampler_iter_state": None,
                "_index_sampler_state": None,
                "_sampler_iter_yielded": batches - since,
                "_IterableDataset_len_called": None,
                "_shared_seed": None,
                "_dataset_kind": 0,
                "_base_seed": 1234,
                **main,
            },
            "_worker_snapshots": {"worker_0": worker, "worker_1": worker},
        },
        "_steps_since_snapshot": since,
        "_iterator_finished": False,
    }


EMPTY_WORKER = {"worker_id": 0, "dataset_state": None, "fetcher_state": None}


@pytest.mark.parametrize("kind", ["native", "tensors", "python"])
def test_torchdatas_states_of_an_order_without_draws(images: Any, kind: str) -> None:
    dataset = dataset_of(kind, images)
    for order in ("sequential", "distributed"):
        keys = [flat(batch)[-1] for batch in make(dataset, order)]
        for state in (torchdata_state(3), torchdata_state_of_workers(3, 2, EMPTY_WORKER)):
            other = make(dataset, order, "2")
            other.load_state_dict(state)
            assert [flat(batch)[-1] for batch in other] == keys[3:]


def test_torchdatas_states_of_a_shuffled_epoch(images: Any) -> None:
    drawn = generator(31)
    state = drawn.get_state()
    order = torch.randperm(COUNT, generator=drawn).tolist()
    labels = [images.targets[key] for key in order]
    inside = {"sampler_iter_state": {"yielded": 9, "generator": state}, "samples_yielded": 9}
    for given in (
        torchdata_state(3, iterator=inside),
        torchdata_state_of_workers(3, 1, EMPTY_WORKER, _sampler_iter_state=inside),
    ):
        torch.manual_seed(0)
        other = make(images, "shuffle")
        other.load_state_dict(given)
        untouched = torch.get_rng_state()
        assert [label for _, batch in other for label in batch.tolist()] == labels[9:]
        assert torch.equal(torch.get_rng_state(), untouched)
        assert other.sampler.generator is None
        again = through_json({**other.state_dict(), "generators": {}})
        assert again["_iterator_finished"]
    with pytest.raises(ValueError, match="does not hold the generator of the 3 batches"):
        make(images, "shuffle").load_state_dict(torchdata_state(3))
    broken = {"generator": state[:100]}
    with pytest.raises(ValueError, match="generator that is damaged"):
        make(images, "shuffle").load_state_dict(torchdata_state(3, iterator=broken))


def test_torchdatas_states_of_stateful_samplers_and_datasets() -> None:
    random.seed(3)
    keys = list(Stateful(Plain()))
    other = DataLoader(Plain(), batch_size=3, sampler=Stateful(Plain()))
    other.load_state_dict(
        torchdata_state(2, {"samples_yielded": 6, "sampler_state": {"order": keys, "place": 6}})
    )
    assert [key for batch in other for key in batch[:, 0].tolist()] == keys[6:]
    numbers = DataLoader(StatefulNumbers(), batch_size=3)
    numbers.load_state_dict(
        torchdata_state(2, dataset_state={"place": 6}, fetcher_state={"dataset_iter_state": None})
    )
    assert next(iter(numbers)).tolist() == [6, 7, 8]
    assert numbers.state_dict()["_num_yielded"] == 3
    plain = DataLoader(Numbers(), batch_size=3, num_workers=2)
    plain.load_state_dict(torchdata_state_of_workers(4, 1, EMPTY_WORKER))
    assert next(iter(plain)).tolist() == [6, 7, 8]  # 0 1 2, 0 1 2, 3 4 5, 3 4 5 are behind


def test_torchdatas_states_that_mean_nothing_here(images: Any) -> None:
    loader = make(images, "sequential")
    busy = {"worker_id": 0, "dataset_state": {"place": 3}, "fetcher_state": None}
    for state, says in [
        (torchdata_state(-1), "_num_yielded must be"),
        (torchdata_state(2, dataset_state={"place": 3}), "map-style dataset"),
        (torchdata_state_of_workers(3, 1, busy), "one of the dataset in worker_0"),
        ({"_snapshot": None, "_steps_since_snapshot": 0}, "damaged"),
        ({"_snapshot": {"_main_snapshot": {}}, "_steps_since_snapshot": 0}, "_snapshot_step must be"),
    ]:
        with pytest.raises(ValueError, match=says):
            loader.load_state_dict(state)
    finished = torchdata_state(9, _iterator_finished=True)
    loader.load_state_dict(finished)
    assert len(list(loader)) == len(loader)
