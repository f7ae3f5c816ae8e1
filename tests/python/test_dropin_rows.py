"""Datasets in memory through the drop-in: torch's values, order and draws, copied a batch at a time."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import (  # noqa: E402
    BatchSampler,
    ConcatDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from stoker.torch import DataLoader  # noqa: E402

DTYPES = [
    *("bool", "uint8", "int8", "uint16", "int16", "int32", "int64", "uint32", "uint64"),
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
]


def tensor_of(dtype: str, *shape: int) -> Any:
    """Bytes of every value, so that nothing can be a conversion that happens to fit."""
    wanted = getattr(torch, dtype)
    numbers = torch.randint(0, 2 if dtype == "bool" else 256, (*shape, wanted.itemsize), dtype=torch.uint8)
    return numbers.view(wanted)[..., 0]


def same_bytes(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return type(got) is list and len(got) == len(wanted) and all(map(same_bytes, got, wanted))
    same = type(got) is type(wanted) and got.dtype == wanted.dtype and got.shape == wanted.shape
    as_bytes = [tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (got, wanted)]
    return bool(same and got.is_contiguous() and torch.equal(*as_bytes))


def assert_as_torch(dataset: Any, **options: Any) -> Any:
    """Both loaders give the same batches and leave the global generator in the same state."""
    ours = DataLoader(dataset, **options)
    assert ours.explain().startswith("tier: native"), ours.explain()
    theirs = torch.utils.data.DataLoader(dataset, **{**options, "num_workers": 0, "prefetch_factor": None})
    for epoch in range(2):
        torch.manual_seed(epoch)
        wanted = list(theirs)
        after = torch.get_rng_state()
        torch.manual_seed(epoch)
        got = list(ours)
        assert torch.equal(torch.get_rng_state(), after)
        assert len(got) == len(wanted)
        assert all(map(same_bytes, got, wanted))
    return ours


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (16,), (5, 7), (3, 40, 41)])
def test_every_dtype_and_shape(dtype: str, shape: tuple[int, ...]) -> None:
    dataset = TensorDataset(tensor_of(dtype, 23, *shape), torch.arange(23))
    assert_as_torch(dataset, batch_size=4, shuffle=True)


STRIDED: dict[str, Callable[[Any], Any]] = {
    "columns left out": lambda t: t[:, :3],
    "every second row": lambda t: t[::2],
    "every second value": lambda t: t[..., ::2],
    "one value a row": lambda t: t[..., 1],
    "expanded rows": lambda t: t[:1].expand(20, -1, -1, -1),
    "expanded values": lambda t: t[:, :, :1, :].expand(-1, -1, 5, -1),
    "channels last": lambda t: t.permute(0, 3, 1, 2),
    "transposed": lambda t: t.transpose(0, 1),
    "reversed axes": lambda t: t.permute(3, 2, 1, 0),
    "offset": lambda t: t[7:],
    "no values": lambda t: t[:, :0],
    "no rows": lambda t: t[:0],
}


@pytest.mark.parametrize("view", STRIDED.values(), ids=STRIDED.keys())
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "complex128"])
def test_any_strides(view: Callable[[Any], Any], dtype: str) -> None:
    assert_as_torch(TensorDataset(view(tensor_of(dtype, 40, 6, 7, 5))), batch_size=7)


def test_several_tensors_keep_their_order() -> None:
    columns = [tensor_of(dtype, 30, 2) for dtype in DTYPES]
    assert_as_torch(TensorDataset(*columns), batch_size=8, shuffle=True)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_a_dataset_that_is_an_array(shape: tuple[int, ...]) -> None:
    for dtype in ("bool", "uint8", "int64", "float16", "float64", "complex64"):
        tensor = tensor_of(dtype, 21, *shape).nan_to_num()  # torch makes its own NaN of a NumPy number
        assert_as_torch(tensor, batch_size=4, shuffle=True)
        assert_as_torch(tensor.numpy(), batch_size=4, shuffle=True)


def test_a_dataset_that_is_mapped_from_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.arange(60, dtype=np.float32).reshape(20, 3))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r+")
    assert_as_torch(mapped, batch_size=8, shuffle=True)


def test_subsets_and_concatenations() -> None:
    first = TensorDataset(torch.arange(10.0), torch.rand(10, 3))
    second = TensorDataset(torch.arange(10.0, 17.0), torch.rand(14, 3)[::2])
    both = ConcatDataset([first, Subset(second, [-1, 2, 2, 0]), first])
    assert_as_torch(both, batch_size=5, shuffle=True)
    assert_as_torch(Subset(both, [20, 3, -2, 11, 11]), batch_size=2, shuffle=True)


def test_rows_of_different_shape_are_left_to_torch() -> None:
    parts = [TensorDataset(torch.rand(3, 2)), TensorDataset(torch.rand(3, 4))]
    assert "different shapes" in DataLoader(ConcatDataset(parts), batch_size=2).explain()


SAMPLERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "sequential": lambda d: {},
    "shuffle": lambda d: {"shuffle": True},
    "replacement": lambda d: {"sampler": RandomSampler(d, replacement=True)},
    "fewer with replacement": lambda d: {"sampler": RandomSampler(d, replacement=True, num_samples=70)},
    "more than there are": lambda d: {"sampler": RandomSampler(d, num_samples=2 * len(d) + 5)},
    "exactly twice": lambda d: {"sampler": RandomSampler(d, num_samples=2 * len(d))},
    "subset": lambda d: {"sampler": SubsetRandomSampler([5, 3, 9, 3, 70])},
    "subset of a tensor": lambda d: {"sampler": SubsetRandomSampler(torch.tensor([5, 3, 9, 70]))},
    "subset from the end": lambda d: {"sampler": SubsetRandomSampler([5, -1, 9, -3])},
    "weighted": lambda d: {"sampler": WeightedRandomSampler(list(range(1, len(d) + 1)), 50)},
    "a list": lambda d: {"sampler": [4, -1, 2, 2, 60]},
}


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 32, 96, 200])
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())
def test_samplers_draw_as_in_torch(sampler: Any, batch_size: int, drop_last: bool) -> None:
    dataset = TensorDataset(torch.arange(96))
    assert_as_torch(dataset, batch_size=batch_size, drop_last=drop_last, **sampler(dataset))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("replacement", [False, True])
def test_draws_come_at_the_moments_of_torch(workers: int, replacement: bool) -> None:
    """The state of a generator of one's own after every batch, and of the global one after iter()."""
    dataset = TensorDataset(torch.arange(300))

    def states(cls: Any) -> Iterator[Any]:
        torch.manual_seed(3)
        generator = torch.Generator().manual_seed(5)
        sampler = RandomSampler(dataset, replacement, 700, generator)
        iterator = iter(cls(dataset, 48, sampler=sampler, num_workers=workers))
        yield torch.get_rng_state()
        for batch in itertools.chain([None], iterator):
            yield batch
            yield generator.get_state()
        yield torch.get_rng_state()

    pairs = list(itertools.zip_longest(states(DataLoader), states(torch.utils.data.DataLoader)))
    assert len(pairs) == 1 + 2 * (1 + 15) + 1
    for got, wanted in pairs:
        assert same_bytes(got, wanted) if wanted is not None else got is None


def test_a_batch_sampler_and_generators_of_ones_own() -> None:
    dataset = TensorDataset(torch.arange(50), torch.rand(50, 3))
    for inner in (SequentialSampler(dataset), RandomSampler(dataset)):
        assert_as_torch(dataset, batch_sampler=BatchSampler(inner, 8, drop_last=True))
    assert_as_torch(dataset, batch_sampler=[[3, 1], [2], [49, -50]])
    states = []
    for cls in (DataLoader, torch.utils.data.DataLoader):
        generator = torch.Generator().manual_seed(7)
        loader = cls(dataset, 8, shuffle=True, generator=generator)
        states.append(([batch[0].tolist() for batch in loader], generator.get_state().tolist()))
    assert states[0] == states[1]


class Doubling(RandomSampler):
    def __iter__(self) -> Iterator[int]:
        return iter([2 * index for index in range(20)])


def test_a_sampler_that_only_looks_like_torchs_is_asked() -> None:
    dataset = TensorDataset(torch.arange(40))
    loader = DataLoader(dataset, 20, sampler=Doubling(dataset))
    assert next(iter(loader))[0].tolist() == list(range(0, 40, 2))


def test_keys_outside_raise_the_datasets_own_error_at_their_batch() -> None:
    dataset = TensorDataset(torch.arange(6))
    for options in ({}, {"num_workers": 2}):
        iterator = iter(DataLoader(dataset, batch_sampler=[[0], [6], [5]], **options))
        assert next(iterator)[0].tolist() == [0]
        with pytest.raises(IndexError, match=r"out of (range|bounds)"):
            next(iterator)
        assert next(iterator)[0].tolist() == [5]


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("shape", [(16,), (3, 64, 64)])
def test_workers_change_nothing(workers: int, shape: tuple[int, ...]) -> None:
    """Batches of 1.5 MB are cut into pieces for the threads, those of 2 KB are not worth one."""
    dataset = TensorDataset(torch.rand(200, *shape), torch.arange(200))
    loader = assert_as_torch(dataset, batch_size=32, num_workers=workers, prefetch_factor=3)
    assert ("threads: none" in loader.explain()) == (shape == (16,))


def test_persistent_workers_go_on() -> None:
    dataset = TensorDataset(torch.rand(100, 3, 64, 64))
    epochs, loaders = [], []
    for cls in (DataLoader, torch.utils.data.DataLoader):
        loader = cls(dataset, 32, shuffle=True, num_workers=2, persistent_workers=True)
        torch.manual_seed(0)
        epochs.append([batch for _ in range(3) for batch in loader])
        loaders.append(loader)
    assert len(epochs[0]) == len(epochs[1])
    assert all(map(same_bytes, *epochs))
    assert iter(loaders[0]) is iter(loaders[0])


def test_batches_that_are_kept_are_not_written_again() -> None:
    dataset = TensorDataset(torch.arange(4096.0).repeat_interleave(64).reshape(4096, 64))
    for workers in (0, 2):
        kept = list(DataLoader(dataset, 1024, num_workers=workers))
        assert all(map(torch.equal, [batch[0] for batch in kept], dataset.tensors[0].split(1024)))


def test_memory_of_large_batches_is_used_again() -> None:
    dataset = TensorDataset(torch.rand(640, 3, 32, 32))
    loader = DataLoader(dataset, 64)
    addresses = {batch[0].data_ptr() for _ in range(3) for batch in loader}
    assert len(addresses) <= 3


def test_samples_for_a_collate_fn() -> None:
    dataset = TensorDataset(torch.rand(10, 3), torch.arange(10))
    for data in (dataset, dataset.tensors[0], dataset.tensors[1].numpy()):
        ours, theirs = (
            [batch for batch in cls(data, 4, collate_fn=list)]
            for cls in (DataLoader, torch.utils.data.DataLoader)
        )
        for got, wanted in zip(ours, theirs, strict=True):
            assert [type(sample) for sample in got] == [type(sample) for sample in wanted]
            assert str(got) == str(wanted)


def test_the_dataset_may_change_between_batches_without_workers() -> None:
    values = torch.zeros(8)
    iterator = iter(DataLoader(TensorDataset(values), 4))
    next(iterator)
    values += 1
    assert next(iterator)[0].tolist() == [1, 1, 1, 1]


def test_a_profiler_sees_the_range_of_torch() -> None:
    loader = DataLoader(TensorDataset(torch.arange(4)), 2)
    with torch.profiler.profile() as profile:
        list(loader)
    names = [event.key for event in profile.key_averages()]
    assert any(name.startswith("enumerate(DataLoader)#") and name.endswith(".__next__") for name in names)


def test_counters_of_copied_batches() -> None:
    for workers in (0, 2):
        loader = DataLoader(TensorDataset(torch.rand(100, 3, 64, 64)), 30, num_workers=workers)
        list(loader)
        counters = loader.counters()
        assert (counters["samples"], counters["batches"]) == (100, 4)
        assert counters["store_cpu_ns"] > 0


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (TensorDataset(torch.rand(4, 2).to_sparse()), "sparse"),
        (TensorDataset(torch.rand(4, dtype=torch.cfloat).conj()), "conjugated"),
        (np.array(["a", "b"]), "array of <U1"),
        (np.arange(4, dtype=">i4"), "array of >i4"),
        (ConcatDataset([TensorDataset(torch.rand(2)), torch.rand(2)]), "different types"),
    ],
)
def test_what_cannot_be_shared_goes_to_torch(dataset: Any, reason: str) -> None:
    assert reason in DataLoader(dataset, batch_size=2).explain()


def test_breaking_off_at_any_batch_leaves_nothing_behind() -> None:
    dataset = TensorDataset(torch.rand(500, 3, 40, 40), torch.arange(500))
    loader = DataLoader(dataset, 50, num_workers=3)
    rng = random.Random(1)
    for _ in range(60):
        for batch in itertools.islice(loader, rng.randrange(11)):
            assert torch.equal(batch[0], dataset.tensors[0][batch[1]])
