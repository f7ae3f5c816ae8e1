"""state_dict and load_state_dict of the drop-in: the rest of an epoch is the same."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from resuming import (  # noqa: E402
    COUNT,
    ORDERS,
    WORKERS,
    Numbers,
    Plain,
    Stateful,
    StatefulNumbers,
    check_resume,
    dataset_of,
    flat,
    generator,
    make,
    tensors,
    through_json,
)
from torch.utils.data import (  # noqa: E402
    DistributedSampler,
    Subset,
)

from stoker.torch import DataLoader  # noqa: E402


@pytest.fixture(scope="module")
def images(make_folder: Callable[..., Path]) -> Any:
    transforms = torchvision.transforms
    train = transforms.Compose(
        [transforms.RandomResizedCrop(8), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    )
    return torchvision.datasets.ImageFolder(str(make_folder(COUNT)), train)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("before", "after"), [("0", "2"), ("3, far ahead", "0"), ("2", "persistent")])
def test_images_go_on(images: Any, order: str, before: str, after: str) -> None:
    for stop in (0, 1, 4, 100):
        check_resume(images, order, before, after, 0, stop)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["tensors", "python"])
def test_other_datasets_go_on(images: Any, order: str, kind: str) -> None:
    for stop in (0, 3, 100):
        check_resume(dataset_of(kind, images), order, "0", "0", 0, stop)
    if kind == "tensors":
        check_resume(dataset_of(kind, images), order, "2", "0", 0, 4)


@pytest.mark.parametrize(
    ("before", "after"), [("0", "2"), ("3, far ahead", "0"), ("persistent", "persistent")]
)
@pytest.mark.parametrize("workers", ["process", "thread"])
def test_python_datasets_go_on_with_workers(before: str, after: str, workers: str) -> None:
    for epochs, order in ((0, "shuffle"), (1, "generator")):
        check_resume(Plain(), order, before, after, epochs, 3, workers=workers)


@pytest.mark.parametrize("order", ["shuffle", "generator", "distributed", "replacement", "eager"])
def test_later_epochs_of_a_kept_iterator(images: Any, order: str) -> None:
    """torch draws no new seed there; the engine counts its epochs."""
    for epochs in (1, 2):
        check_resume(images, order, "persistent", "persistent", epochs, 3)


@pytest.mark.parametrize("workers", ["0", "2", "persistent"])
def test_a_finished_epoch_goes_on_with_the_next(images: Any, workers: str) -> None:
    for order in ("own generator", "shuffle", "eager"):
        loader = make(images, order, workers)
        list(loader)
        state = through_json(loader.state_dict())
        assert state["_iterator_finished"]
        torch.manual_seed(12)
        expected = [flat(batch) for batch in loader]
        moved = torch.get_rng_state()
        other = make(images, order, workers)
        other.load_state_dict(state)
        torch.manual_seed(12)
        assert [flat(batch) for batch in other] == expected
        assert torch.equal(torch.get_rng_state(), moved)  # a new epoch, with all its draws


def test_a_state_before_the_first_epoch(images: Any) -> None:
    loader = make(images, "generator")
    state = through_json(loader.state_dict())
    expected = [flat(batch) for batch in loader]
    other = DataLoader(images, batch_size=3, shuffle=True, generator=generator(1000))
    other.load_state_dict(state)
    assert [flat(batch) for batch in other] == expected


def test_later_epochs_ask_the_sampler_itself(images: Any) -> None:
    for dataset in (images, tensors()):
        loader = make(dataset, "shuffle", "persistent")
        next(iter(loader))
        loader.load_state_dict(loader.state_dict())
        iterator = iter(loader)
        assert iterator._index_sampler is loader.batch_sampler
        assert len(iterator) == len(loader)
        assert len(list(iterator)) == len(loader) - 1
        assert iter(loader) is iterator
        assert len(list(iterator)) == len(loader)


def test_another_world_size_at_a_constant_global_batch(images: Any) -> None:
    def ranks(world_size: int, batch_size: int) -> list[DataLoader]:
        made = []
        for rank in range(world_size):
            sampler = DistributedSampler(images, world_size, rank, seed=3)
            sampler.set_epoch(2)
            made.append(DataLoader(images, batch_size=batch_size, sampler=sampler, num_workers=rank))
        return made

    def global_batches(loaders: list[DataLoader]) -> list[list[int]]:
        return [
            sorted(label for batch in step for label in batch[1].tolist())
            for step in zip(*loaders, strict=True)
        ]

    assert COUNT % 12 != 0
    torch.manual_seed(0)
    expected = global_batches(ranks(1, 12))
    for world_size, batch_size, then in [(2, 6, 4), (4, 3, 1), (3, 4, 2)]:
        first = ranks(world_size, batch_size)
        iterators = [iter(loader) for loader in first]
        batches = [[next(iterator) for iterator in iterators]]
        got = [sorted(label for batch in step for label in batch[1].tolist()) for step in batches]
        states = [loader.state_dict() for loader in first]
        assert len({state["_num_yielded"] for state in states}) == 1
        second = ranks(then, 12 // then)
        for loader in second:
            loader.load_state_dict(through_json(states[0]))
        got += global_batches(second)
        assert got[:-1] == expected[:-1]
        assert set(got[-1]) >= set(expected[-1])


def test_another_batch_size_where_it_divides(images: Any) -> None:
    loader = DataLoader(images, batch_size=4)
    iterator = iter(loader)
    labels = [label for _ in range(3) for label in next(iterator)[1].tolist()]
    other = DataLoader(images, batch_size=6)
    other.load_state_dict(loader.state_dict())
    labels += [label for _, batch in other for label in batch.tolist()]
    assert labels == images.targets
    with pytest.raises(ValueError, match="batch_size differs: 12 samples are behind"):
        DataLoader(images, batch_size=5).load_state_dict(loader.state_dict())


def test_set_epoch_decides(images: Any) -> None:
    sampler = DistributedSampler(images, 2, 0)
    sampler.set_epoch(3)
    loader = DataLoader(images, batch_size=3, sampler=sampler)
    next(iter(loader))
    state = loader.state_dict()
    sampler.set_epoch(0)
    loader.load_state_dict(state)
    assert sampler.epoch == 3
    sampler.set_epoch(3)
    assert len(list(loader)) == len(loader) - 1
    loader.load_state_dict(state)
    sampler.set_epoch(4)
    assert len(list(loader)) == len(loader)


@pytest.mark.parametrize("workers", ["0", "2", "3, far ahead"])
@pytest.mark.parametrize("kind", ["native", "tensors", "python"])
def test_a_sampler_with_a_state_is_asked(images: Any, kind: str, workers: str) -> None:
    dataset = dataset_of(kind, images)
    random.seed(8)
    loader = DataLoader(dataset, batch_size=3, sampler=Stateful(dataset), **WORKERS[workers])
    iterator = iter(loader)
    for _ in range(4):
        next(iterator)
    state = through_json(loader.state_dict())
    assert state["_index_sampler_state"]["place"] == 12  # what was drawn ahead does not count
    got_ahead = [flat(batch) for batch in iterator]
    random.seed(77)
    other = DataLoader(dataset, batch_size=3, sampler=Stateful(dataset))
    other.load_state_dict(state)
    assert [flat(batch) for batch in other] == got_ahead
    assert len(list(other)) == len(other)
    with pytest.raises(ValueError, match="sampler differs"):
        DataLoader(dataset, batch_size=3).load_state_dict(state)


class Forgetful(torch.utils.data.Sampler):
    """A sampler whose order nobody can have again."""

    def __iter__(self) -> Iterator[int]:
        return iter(np.random.permutation(COUNT).tolist())

    def __len__(self) -> int:
        return COUNT


def test_an_order_that_cannot_be_had_again_is_refused(images: Any) -> None:
    for dataset in (images, Plain()):
        np.random.seed(1)
        loader = DataLoader(dataset, batch_size=3, sampler=Forgetful())
        iterator = iter(loader)
        next(iterator), next(iterator)
        state = loader.state_dict()
        rest = [flat(batch) for batch in iterator]
        other = DataLoader(dataset, batch_size=3, sampler=Forgetful())
        other.load_state_dict(state)
        with pytest.raises(ValueError, match="another order"):
            iter(other)
        other.load_state_dict(state)
        np.random.seed(1)
        assert [flat(batch) for batch in other] == rest


@pytest.mark.parametrize("cls", [Numbers, StatefulNumbers])
def test_iterable_datasets_go_on(cls: type) -> None:
    expected = [batch.tolist() for batch in DataLoader(cls(), batch_size=3)]
    loader = DataLoader(cls(), batch_size=3)
    iterator = iter(loader)
    got = [next(iterator).tolist() for _ in range(3)]
    state = through_json(loader.state_dict())
    assert (state["dataset_state"] is not None) == (cls is StatefulNumbers)
    other = DataLoader(cls(), batch_size=3)
    other.load_state_dict(state)
    for batch in other:
        got.append(batch.tolist())
        assert other.state_dict()["_num_yielded"] == len(got)
    assert got == expected
    assert [batch.tolist() for batch in other] == expected


def test_iterable_datasets_in_workers_are_read_up_to_the_place() -> None:
    loader = DataLoader(Numbers(), batch_size=3, num_workers=2)
    iterator = iter(loader)
    got = [next(iterator).tolist() for _ in range(4)]
    state = through_json(loader.state_dict())
    rest = [batch.tolist() for batch in iterator]
    other = DataLoader(Numbers(), batch_size=3, num_workers=2)
    other.load_state_dict(state)
    assert [batch.tolist() for batch in other] == rest
    assert len(got) + len(rest) == 14


def test_a_state_counts_what_was_handed_out(images: Any) -> None:
    loader = DataLoader(images, batch_size=3, shuffle=True, num_workers=3, prefetch_factor=4)
    for place, _ in enumerate(loader):
        state = loader.state_dict()
        assert (state["_num_yielded"], state["_sampler_iter_yielded"]) == (place + 1, place + 1)
        if place == 4:
            break
    assert loader.state_dict() == state  # the iterator is gone
    other = DataLoader(images, batch_size=3, shuffle=True)
    other.load_state_dict(state)
    iterator = iter(other)
    assert other.state_dict()["_num_yielded"] == 5
    next(iterator)
    assert other.state_dict()["_num_yielded"] == 6
    other.load_state_dict({})
    assert len(list(other)) == len(other)


def test_batches_taken_ahead_are_counted_back(images: Any) -> None:
    torch.manual_seed(2)
    loader = make(images, "shuffle")
    batches = [flat(batch) for batch in loader]
    torch.manual_seed(2)
    loader = make(images, "shuffle")
    iterator = iter(loader)
    for _ in range(5):
        next(iterator)
    by_argument = loader.state_dict(unused_batches=2)
    by_hand = loader.state_dict()
    for name in ("_num_yielded", "_sampler_iter_yielded"):  # as accelerate does
        by_hand[name] -= 2
    assert by_hand == by_argument
    other = make(images, "shuffle")
    other.load_state_dict(by_hand)
    assert [flat(batch) for batch in other] == batches[3:]
    list(iterator)
    other.load_state_dict(loader.state_dict(unused_batches=1))  # of a finished epoch
    assert [flat(batch) for batch in other] == batches[-1:]
    by_hand["_num_yielded"] -= 1
    with pytest.raises(ValueError, match="the same number from both"):
        other.load_state_dict(by_hand)
    with pytest.raises(ValueError, match="unused_batches must be from 0 to 9, got 10"):
        loader.state_dict(unused_batches=10)


def test_a_bad_sample_does_not_shift_the_place(make_folder: Callable[..., Path]) -> None:
    root = make_folder(12)
    dataset = torchvision.datasets.ImageFolder(str(root), torchvision.transforms.ToTensor())
    Path(dataset.samples[4][0]).write_bytes(b"no image")
    loader = DataLoader(dataset, batch_size=1, num_workers=2)
    iterator = iter(loader)
    seen = []
    for _ in range(7):
        try:
            seen.append(next(iterator)[0])
        except RuntimeError:
            assert len(seen) == 4
    state = loader.state_dict()
    assert (state["_num_yielded"], state["_sampler_iter_yielded"], state["failed_batches"]) == (6, 7, 1)
    rest = [flat(batch) for batch in iterator]
    other = DataLoader(dataset, batch_size=1)
    other.load_state_dict(state)
    assert [flat(batch) for batch in other] == rest


class Broken(Plain):
    def __getitem__(self, key: int) -> torch.Tensor:
        if key == 4:
            raise ValueError("no such sample")
        return super().__getitem__(key)


@pytest.mark.parametrize("options", [{}, {"num_workers": 2}, {"num_workers": 2, "workers": "thread"}])
def test_an_error_in_python_does_not_shift_the_place(options: dict[str, Any]) -> None:
    loader = DataLoader(Broken(), batch_size=3, **options)
    iterator = iter(loader)
    next(iterator)
    with pytest.raises(ValueError, match="no such sample"):
        next(iterator)
    next(iterator)
    state = loader.state_dict()
    assert (state["_num_yielded"], state["_sampler_iter_yielded"]) == (2, 3)
    rest = [flat(batch) for batch in iterator]
    other = DataLoader(Broken(), batch_size=3)
    other.load_state_dict(state)
    assert [flat(batch) for batch in other] == rest


def test_no_place_without_order() -> None:
    loader = DataLoader(Plain(), batch_size=3, num_workers=2, in_order=False)
    iterator = iter(loader)
    next(iterator)
    with pytest.raises(ValueError, match="in_order"):
        loader.state_dict()
    list(iterator)


def test_a_state_of_another_plan_is_refused_by_field(images: Any, make_folder: Callable[..., Path]) -> None:
    state = make(images, "shuffle").state_dict()
    other_transform = torchvision.datasets.ImageFolder(images.root, torchvision.transforms.ToTensor())
    other_files = torchvision.datasets.ImageFolder(str(make_folder(COUNT, suffix="png")), images.transform)
    for field, loader in {
        "dataset": make(tensors(), "shuffle"),
        "samples": make(Subset(images, range(9)), "shuffle"),
        "names": make(other_files, "shuffle"),
        "transform": make(other_transform, "shuffle"),
        "sampler": make(images, "sequential"),
        "color": make(images, "shuffle", color="bgr"),
        "exif": make(images, "shuffle", exif="apply"),
    }.items():
        with pytest.raises(ValueError, match=f"{'dataset' if field == 'samples' else field} differs"):
            loader.load_state_dict(state)
    with pytest.raises(ValueError, match="samples differs"):
        make(Subset(images, range(9)), "shuffle").load_state_dict(
            make(Subset(images, range(8)), "shuffle").state_dict()
        )
    distributed = make(images, "distributed").state_dict()
    with pytest.raises(ValueError, match=r"sampler\.seed differs"):
        DataLoader(images, batch_size=3, sampler=DistributedSampler(images, 2, 1)).load_state_dict(
            distributed
        )


DAMAGE: list[tuple[type[Exception], Any, str]] = [
    (TypeError, None, "must be a dict"),
    (TypeError, [], "must be a dict"),
    (ValueError, {"format": "stoker.Loader 1"}, "format must be"),
    (ValueError, {"_num_yielded": -1}, "_num_yielded must be"),
    (ValueError, {"_num_yielded": "1"}, "_num_yielded must be"),
    (ValueError, {"_sampler_iter_yielded": 10**30}, "_sampler_iter_yielded must be"),
    (ValueError, {"base_seed": 1.5}, "base_seed must be"),
    (ValueError, {"round": None}, "round must be"),
    (ValueError, {"world_size": "2"}, "world_size must be"),
    (ValueError, {"batch_size": None}, "batch_size differs"),
    (ValueError, {"parts": {}}, "damaged"),
    (ValueError, {"generators": None}, "generators must be"),
    (ValueError, {"generators": {"loader": "AAAA"}}, "generator 'loader' is damaged"),
    (ValueError, {"generators": {"loader": 7}}, "generator 'loader' is damaged"),
    (ValueError, {"fetcher_state": 3}, "fetcher_state must be"),
    (ValueError, {"_index_sampler_state": {}}, "no state_dict"),
    (ValueError, {"dataset_state": {}}, "no load_state_dict"),
]


@pytest.mark.parametrize(("error", "change", "says"), DAMAGE)
def test_a_damaged_state_is_refused(images: Any, error: type[Exception], change: Any, says: str) -> None:
    loader = make(images, "generator")
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    other = make(images, "generator")
    with pytest.raises(error, match=says):
        other.load_state_dict({**state, **change} if isinstance(change, dict) else change)
    cut = dict(state)
    text = cut["generators"]["loader"]
    for damaged in (text[:-8], text[8:], text[:100] + ("A" if text[100] != "A" else "B") + text[101:]):
        with pytest.raises(ValueError, match="generator 'loader' is damaged"):
            other.load_state_dict({**state, "generators": {"loader": damaged}})
    for name in state:
        if name in ("_sampler_iter_state", "format"):
            continue
        with pytest.raises(ValueError, match=name):
            other.load_state_dict({key: value for key, value in state.items() if key != name})
    assert len(list(other)) == len(other)


def test_loaders_with_a_loaded_state_can_be_copied(images: Any) -> None:
    loader = make(images, "shuffle")
    iterator = iter(loader)
    next(iterator), next(iterator)
    state = loader.state_dict()
    rest = [flat(batch) for batch in iterator]
    other = make(images, "shuffle")
    other.load_state_dict(state)
    assert [flat(batch) for batch in pickle.loads(pickle.dumps(other))] == rest


class Noisy(Plain):
    """Draws for each sample from the generators that threads have of their own."""

    def __getitem__(self, key: int) -> torch.Tensor:
        rng = torch.utils.data.get_worker_info().rng
        return torch.stack([torch.tensor(float(key)), torch.rand((), generator=rng.torch_generator)])


@pytest.mark.parametrize("order", ["generator", "replacement", "shuffle"])
@pytest.mark.parametrize(("before", "after"), [("2", "3, far ahead"), ("persistent", "persistent")])
def test_draws_on_threads_go_on(order: str, before: str, after: str) -> None:
    for epochs in (0, 1) if before == "persistent" else (0,):
        for stop in (1, 4):
            check_resume(Noisy(), order, before, after, epochs, stop, workers="thread")
