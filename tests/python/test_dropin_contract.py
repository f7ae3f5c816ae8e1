"""torch's DataLoader and stoker's live the same life: batches, errors, warnings, draws, at every moment."""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import (  # noqa: E402
    BatchSampler,
    ConcatDataset,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)
from twins import (  # noqa: E402
    Diary,
    StokersLoader,
    TorchsLoader,
    assert_alike,
    live,
    seed_everything,
)

# torch stops half way through making an iterator with prefetch_factor=0, and its __del__ finds too little.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

COUNT = 11


def tensors() -> TensorDataset:
    x = torch.arange(COUNT * 6, dtype=torch.float32).reshape(COUNT, 2, 3)
    return TensorDataset(x, torch.arange(COUNT))


class Squares(Dataset[Any]):
    """Python, and with the draws of an augmentation where `draws` is set."""

    def __init__(self, *, draws: bool = False, worker: bool = False) -> None:
        self.draws = draws
        self.worker = worker
        self.calls = 0

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index >= COUNT:
            raise IndexError(f"no sample {index}")
        self.calls += 1
        sample: dict[str, Any] = {"index": index, "square": np.float32(index) ** 2, "calls": self.calls}
        if self.draws:
            sample["noise"] = torch.rand(2), np.random.rand()
        info = get_worker_info()
        if self.worker:
            sample["worker"] = None if info is None else (info.id, info.num_workers, info.seed)
        return {name: value for name, value in sample.items() if value is not None}


class Stream(IterableDataset[int]):
    """Shares its numbers out to the workers, and says what length it is told to."""

    def __init__(self, length: int | None = None) -> None:
        self.length = length

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, COUNT, step))


class SizedStream(Stream):
    def __len__(self) -> int:
        assert self.length is not None
        return self.length


DATASETS: dict[str, Callable[[], Any]] = {
    "tensors": tensors,
    "subset": lambda: Subset(tensors(), [*range(0, COUNT, 2), 1]),
    "joined": lambda: ConcatDataset([tensors(), tensors()]),
    "python": Squares,
    "python that draws": lambda: Squares(draws=True),
    "a list": lambda: [float(i) for i in range(COUNT)],
}


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


MAP_STYLE: dict[str, Callable[[Any], dict[str, Any]]] = {
    "defaults": lambda data: {},
    "batches": lambda data: {"batch_size": 4},
    "drop_last": lambda data: {"batch_size": 4, "drop_last": True},
    "shuffle": lambda data: {"batch_size": 3, "shuffle": True},
    "shuffle, truthy": lambda data: {"batch_size": 3, "shuffle": "yes"},
    "generator": lambda data: {"batch_size": 3, "shuffle": True, "generator": generator()},
    "random sampler": lambda data: {"sampler": RandomSampler(data, True, 17), "batch_size": 4},
    "sampler's generator": lambda data: {"sampler": RandomSampler(data, generator=generator(5))},
    "both generators": lambda data: {
        "sampler": RandomSampler(data, generator=generator(5)),
        "generator": generator(),
        "batch_size": 2,
    },
    "subset sampler": lambda data: {"sampler": SubsetRandomSampler([3, 1, 4, 1]), "batch_size": 3},
    "weighted": lambda data: {"sampler": WeightedRandomSampler([1.0, 2, 3, 4], 9), "batch_size": 4},
    "distributed": lambda data: {"sampler": DistributedSampler(data, 3, 1, seed=4), "batch_size": 2},
    "batch sampler": lambda data: {"batch_sampler": BatchSampler(RandomSampler(data), 4, True)},
    "lists of keys": lambda data: {"batch_sampler": [[1, 2], (3,), torch.tensor([4, 5]), range(2)]},
    "no batches": lambda data: {"batch_size": None},
    "no batches, shuffled": lambda data: {"batch_size": None, "shuffle": True},
    "own collate": lambda data: {"batch_size": 4, "collate_fn": len},
    "no sample": lambda data: {"sampler": []},
    "a batch of nothing": lambda data: {"batch_sampler": [[1], [], [2]]},
    "key outside": lambda data: {"sampler": [1, 99, 2], "batch_size": 1},
    "last key outside": lambda data: {"batch_sampler": [[1], [2, 99], [3]]},
    "key of another type": lambda data: {"sampler": [1, 1.5, 3], "batch_size": 1},
    "keys that are no batch": lambda data: {"batch_sampler": [[1], 7, [2]]},
    "pin_memory": lambda data: {"batch_size": 4, "pin_memory": True},
    "pin_memory_device": lambda data: {"batch_size": 4, "pin_memory": True, "pin_memory_device": "cuda"},
    "timeout without workers": lambda data: {"timeout": 3},
    "sampler that fails at once": lambda data: {"sampler": Failing(0)},
    "sampler that fails": lambda data: {"sampler": Failing(3)},
    "sampler that draws": lambda data: {"sampler": Drawing(), "batch_size": 2},
}

WITH_WORKERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    **{
        name: MAP_STYLE[name]
        for name in (
            "shuffle",
            "both generators",
            "lists of keys",
            "no batches, shuffled",
            "a batch of nothing",
            "last key outside",
            "key of another type",
            "keys that are no batch",
            "sampler that fails at once",
            "sampler that fails",
            "sampler that draws",
        )
    },
    "timeout": lambda data: {"batch_size": 4, "timeout": 30},
    "prefetch_factor": lambda data: {"batch_size": 2, "prefetch_factor": 1, "shuffle": True},
    "prefetch_factor=0": lambda data: {"prefetch_factor": 0},
    "persistent": lambda data: {"batch_size": 3, "persistent_workers": True, "shuffle": True},
    "context": lambda data: {"batch_size": 4, "multiprocessing_context": "fork"},
    "worker_init_fn": lambda data: {"batch_size": 4, "worker_init_fn": torch.manual_seed, "shuffle": True},
    "worker_init_fn that fails": lambda data: {"batch_size": 6, "worker_init_fn": refuse},
    "too many": lambda data: {"batch_size": 6, "num_workers": 3, "sampler": [0, 1]},
}


def refuse(worker: int) -> None:
    raise ValueError(f"no worker {worker}")


class Failing:
    def __init__(self, after: int) -> None:
        self.after = after

    def __iter__(self) -> Iterator[int]:
        yield from range(self.after)
        raise OSError("the sampler's own")

    def __len__(self) -> int:
        return COUNT


class Drawing:
    """Draws when it is asked for an iterator, and before each key."""

    def __iter__(self) -> Iterator[int]:
        first = int(torch.randint(COUNT, ()))
        return (key for key in [first, *(int(torch.randint(COUNT, ())) for _ in range(4))])


def compare(
    data: Callable[[], Any], arguments: Callable[[Any], dict[str, Any]], *, epochs: int = 2, **extra: Any
) -> None:
    def given() -> dict[str, Any]:
        dataset = data()
        return {"dataset": dataset, **extra, **arguments(dataset)}

    assert_alike(live(StokersLoader, given, epochs=epochs), live(TorchsLoader, given, epochs=epochs))


@pytest.mark.parametrize("arguments", MAP_STYLE)
@pytest.mark.parametrize("data", DATASETS)
def test_map_style(data: str, arguments: str) -> None:
    compare(DATASETS[data], MAP_STYLE[arguments])


@pytest.mark.parametrize("arguments", WITH_WORKERS)
@pytest.mark.parametrize("data", ["tensors", "python that draws"])
def test_map_style_with_workers(data: str, arguments: str) -> None:
    workers = {} if arguments == "too many" else {"num_workers": 1}
    compare(DATASETS[data], WITH_WORKERS[arguments], epochs=_epochs(arguments), **workers)


def _epochs(arguments: str) -> int:
    """Starting worker processes is what takes these tests long."""
    return 2 if arguments in ("persistent", "shuffle") else 1


@pytest.mark.parametrize("arguments", [*WITH_WORKERS, "in_order"])
def test_map_style_on_threads(arguments: str) -> None:
    """What the thread tier does against torch's processes; a shared dataset counts its calls differently."""
    workers = {} if arguments == "too many" else {"num_workers": 2}
    make = WITH_WORKERS.get(arguments, lambda data: {"batch_size": 2, "in_order": True})

    def given() -> dict[str, Any]:
        dataset = Uncounted()
        return {"dataset": dataset, **workers, **make(dataset)}

    epochs = _epochs(arguments)
    assert_alike(
        live(StokersLoader, given, workers="thread", epochs=epochs), live(TorchsLoader, given, epochs=epochs)
    )


class Uncounted(Squares):
    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = super().__getitem__(index)
        del sample["calls"]
        return sample


ITERABLE: dict[str, Callable[[], dict[str, Any]]] = {
    "defaults": lambda: {"dataset": Stream()},
    "batches": lambda: {"dataset": Stream(), "batch_size": 4},
    "drop_last": lambda: {"dataset": Stream(), "batch_size": 4, "drop_last": True},
    "no batches": lambda: {"dataset": Stream(), "batch_size": None},
    "length": lambda: {"dataset": SizedStream(COUNT), "batch_size": 4},
    "length, drop_last": lambda: {"dataset": SizedStream(COUNT), "batch_size": 4, "drop_last": True},
    "length that is too short": lambda: {"dataset": SizedStream(3), "batch_size": 1},
    "shuffle=False": lambda: {"dataset": Stream(), "shuffle": False},
    "shuffle": lambda: {"dataset": Stream(), "shuffle": True},
    "sampler": lambda: {"dataset": Stream(), "sampler": [1]},
    "batch_sampler": lambda: {"dataset": Stream(), "batch_sampler": [[1]]},
    "generator": lambda: {"dataset": Stream(), "generator": generator(), "batch_size": 3},
}


@pytest.mark.parametrize("name", ITERABLE)
@pytest.mark.parametrize("num_workers", [0, 2])
def test_iterable(name: str, num_workers: int) -> None:
    def given() -> dict[str, Any]:
        return {**ITERABLE[name](), "num_workers": num_workers}

    epochs = 1 if num_workers else 2
    assert_alike(live(StokersLoader, given, epochs=epochs), live(TorchsLoader, given, epochs=epochs))


@pytest.mark.parametrize("workers", ["process", "thread"])
def test_iterable_with_persistent_workers(workers: str) -> None:
    def given() -> dict[str, Any]:
        return {"dataset": SizedStream(COUNT), "batch_size": 3, "num_workers": 2, "persistent_workers": True}

    assert_alike(live(StokersLoader, given, workers=workers), live(TorchsLoader, given))


REFUSED: dict[str, dict[str, Any]] = {
    "num_workers": {"num_workers": -1},
    "num_workers, before timeout": {"num_workers": -1, "timeout": -1},
    "timeout": {"timeout": -1},
    "prefetch_factor": {"prefetch_factor": 2},
    "prefetch_factor, negative": {"prefetch_factor": -1, "num_workers": 1},
    "persistent_workers": {"persistent_workers": True},
    "context": {"multiprocessing_context": "spawn"},
    "context, unknown": {"multiprocessing_context": "beam", "num_workers": 1},
    "context, type": {"multiprocessing_context": 5, "num_workers": 1},
    "sampler and shuffle": {"sampler": [1], "shuffle": True},
    "batch_sampler and batch_size": {"batch_sampler": [[1]], "batch_size": 2},
    "batch_sampler and shuffle": {"batch_sampler": [[1]], "shuffle": True},
    "batch_sampler and sampler": {"batch_sampler": [[1]], "sampler": [1]},
    "batch_sampler and drop_last": {"batch_sampler": [[1]], "drop_last": True},
    "no batches and drop_last": {"batch_size": None, "drop_last": True},
    "batch_size=0": {"batch_size": 0},
    "batch_size, bool": {"batch_size": True},
    "batch_size, float": {"batch_size": 2.0},
    "drop_last": {"drop_last": 1},
    "unknown": {"batchsize": 3},
    "positional prefetch_factor": {
        "args": (1, None, None, None, 0, None, False, False, 0, None, None, None, 2)
    },
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("data", [tensors, Squares, Stream], ids=["tensors", "python", "iterable"])
def test_refused_arguments(name: str, data: Callable[[], Any]) -> None:
    arguments = dict(REFUSED[name])
    positional = arguments.pop("args", ())
    diaries = []
    for make in (StokersLoader, TorchsLoader):
        diary = Diary()
        dataset = data()
        diary.note("constructor", functools.partial(make, dataset, *positional, **arguments))
        diaries.append(diary.entries)
    assert diaries[0][0][1][0] in ("ValueError", "TypeError")
    assert_alike(*diaries)


def test_shuffling_nothing_fails_at_construction_and_loading_nothing_does_not() -> None:
    empty = TensorDataset(torch.zeros(0, 3))
    for data in (empty, Subset(tensors(), [])):
        for arguments in ({"shuffle": True}, {}):
            compare(lambda data=data: data, lambda _, arguments=arguments: arguments)


# ---- attributes set later ----

LATER: dict[str, Any] = {
    "batch_size": 3,
    "batch_sampler": [[1]],
    "sampler": [1],
    "drop_last": True,
    "dataset": [1, 2],
    "persistent_workers": True,
    "collate_fn": len,
    "num_workers": 0,
    "timeout": 0,
    "prefetch_factor": 1,
    "pin_memory": True,
    "pin_memory_device": "cuda",
    "generator": None,
    "worker_init_fn": torch.manual_seed,
    "in_order": False,
    "multiprocessing_context": "beam",
    "num_batches": 17,
}


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("data", [tensors, Squares], ids=["tensors", "python"])
def test_attributes_set_later(name: str, data: Callable[[], Any]) -> None:
    """Refused, or taken at the next iter(), exactly where torch does."""
    diaries = []
    for make in (StokersLoader, TorchsLoader):
        seed_everything(1)
        loader = make(data(), batch_size=4, num_workers=1, generator=generator())
        diary = Diary()
        diary.note("set", functools.partial(setattr, loader, name, LATER[name]))
        diary.note("get", lambda loader=loader: str(getattr(loader, name)) if name != "dataset" else None)
        diary.note("epoch", lambda loader=loader: list(loader))
        diaries.append(diary.entries)
    assert_alike([_without_class(e) for e in diaries[0]], [_without_class(e) for e in diaries[1]])


def _without_class(entry: Any) -> Any:
    return tuple(
        part if not isinstance(part, tuple) else tuple(str(p).split(" at 0x")[0] for p in part)
        for part in entry
    )


# ---- what a batch is made of ----


class Pair(NamedTuple):
    left: Any
    right: Any


class Items(collections.UserDict[str, Any]):
    pass


class Own:
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own)

    __hash__ = None  # type: ignore[assignment]


SAMPLES: dict[str, Callable[[int], Any]] = {
    "int": lambda i: i,
    "float": lambda i: i / 3,
    "bool": lambda i: i == 1,
    "str": lambda i: f"s{i}",
    "bytes": lambda i: bytes([i]),
    "tensor": lambda i: torch.full((2,), i),
    "0-d": lambda i: torch.tensor(i / 2),
    "array": lambda i: np.full((2, 2), i, np.int16),
    "NumPy scalar": lambda i: np.float16(i),
    "array of strings": lambda i: np.array(["a", "b"]),
    "array of objects": lambda i: np.array([None, i]),
    "tuple": lambda i: (i, float(i)),
    "list": lambda i: [i, [i, "x"]],
    "named tuple": lambda i: Pair(i, (i, i)),
    "dict": lambda i: {"a": i, "b": {"c": torch.ones(i % 2 + 1) if i < 0 else torch.ones(2)}},
    "ordered dict": lambda i: collections.OrderedDict(z=i, y=1.0),
    "default dict": lambda i: collections.defaultdict(int, z=i),
    "user dict": lambda i: Items(z=i),
    "None": lambda i: None,
    "own class": lambda i: Own(),
    "unequal tensors": lambda i: torch.ones(i + 1),
    "unequal lists": lambda i: [0] * (i + 1),
    "missing key": lambda i: {"a": 1} if i == 0 else {"b": 2},
    "empty tuple": lambda i: (),
    "sparse": lambda i: torch.ones(2).to_sparse(),
    "parameter": lambda i: torch.nn.Parameter(torch.ones(2) * i),
}


class Made(Dataset[Any]):
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return SAMPLES[self.kind](index)


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("batch_size", [2, None])
def test_collating(kind: str, batch_size: int | None) -> None:
    compare(lambda: Made(kind), lambda _: {"batch_size": batch_size})


@pytest.mark.parametrize(
    "kind", ["tensor", "tuple", "dict", "named tuple", "None", "unequal tensors", "array"]
)
def test_collating_on_threads(kind: str) -> None:
    def given() -> dict[str, Any]:
        return {"dataset": Made(kind), "batch_size": 2, "num_workers": 1}

    assert_alike(live(StokersLoader, given, workers="thread"), live(TorchsLoader, given))


def test_a_changed_table_of_collate_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    table = torch.utils.data._utils.collate.default_collate_fn_map
    monkeypatch.setitem(table, Own, lambda batch, *, collate_fn_map=None: len(batch))
    monkeypatch.setitem(table, torch.Tensor, lambda batch, *, collate_fn_map=None: [t.sum() for t in batch])
    compare(lambda: Made("own class"), lambda _: {"batch_size": 2})
    compare(tensors, lambda _: {"batch_size": 2})


# ---- workers ----


@pytest.mark.parametrize("persistent", [False, True])
def test_each_worker_has_a_copy_of_its_own(persistent: bool) -> None:
    """Which worker made which batch, what it was told, and how often its copy was asked, over two epochs."""
    compare(
        lambda: Squares(worker=True),
        lambda _: {"batch_size": 2, "num_workers": 2, "persistent_workers": persistent},
    )


def test_persistent_workers_are_blind_to_later_changes() -> None:
    for data in (Squares, tensors):
        epochs = []
        for make in (StokersLoader, TorchsLoader):
            dataset = data()
            loader = make(dataset, batch_size=4, num_workers=1, persistent_workers=True)
            diary = Diary()
            diary.note("first", lambda loader=loader: list(loader))
            if data is Squares:
                dataset.draws = True
            else:
                dataset.tensors = dataset.tensors[:1]
            diary.note("second", lambda loader=loader: list(loader))
            epochs.append([entry[:3] for entry in diary.entries])
        assert_alike(*epochs)


def test_in_order_false_gives_every_sample_once() -> None:
    for make in (StokersLoader, TorchsLoader):
        loader = make(Squares(), batch_size=2, num_workers=2, in_order=False)
        assert sorted(int(i) for batch in loader for i in batch["index"]) == list(range(COUNT))


# ---- what frameworks reach for ----


@pytest.mark.parametrize("workers", [{}, {"num_workers": 1}, {"num_workers": 1, "workers": "thread"}])
@pytest.mark.parametrize("data", [tensors, Squares, Stream], ids=["tensors", "python", "iterable"])
def test_private_names(data: Callable[[], Any], workers: dict[str, Any]) -> None:
    loader = StokersLoader(data(), **workers)
    assert loader._iterator is None
    for name in ("_get_iterator", "_index_sampler", "_auto_collation", "_dataset_kind"):
        assert hasattr(loader, name), name
    assert loader._DataLoader__initialized
    iterator = loader._get_iterator()
    assert isinstance(iterator, torch.utils.data.dataloader._BaseDataLoaderIter)
    for name in ("_index_sampler", "_sampler_iter", "_base_seed", "_num_workers", "_num_yielded", "_dataset"):
        assert hasattr(iterator, name), name
    if workers:
        assert len(iterator._workers) >= 0
        iterator._shutdown_workers()


@pytest.mark.parametrize("data", [tensors, Squares], ids=["tensors", "python"])
@pytest.mark.parametrize("num_workers", [0, 1])
def test_profilers_see_torchs_range(data: Callable[[], Any], num_workers: int) -> None:
    names = []
    for make in (StokersLoader, TorchsLoader):
        with torch.autograd.profiler.profile() as profile:
            list(make(data(), batch_size=4, num_workers=num_workers))
        names.append([event.name for event in profile.function_events if "DataLoader" in event.name])
    assert len(names[0]) == len(names[1])
    assert all(name.startswith("enumerate(DataLoader)#") and name.endswith(".__next__") for name in names[0])
    assert data is tensors or names[0] == names[1]


def test_set_epoch_counts_from_the_next_iter() -> None:
    epochs = []
    for make in (StokersLoader, TorchsLoader):
        data = tensors()
        sampler = DistributedSampler(data, 2, 1, seed=5)
        loader = make(data, batch_size=2, sampler=sampler, num_workers=1, persistent_workers=True)
        seen = []
        for epoch in range(3):
            loader.sampler.set_epoch(epoch)
            seen.append([batch[1].tolist() for batch in loader])
        epochs.append(seen)
    assert epochs[0] == epochs[1]
    assert epochs[0][0] != epochs[0][1]


def test_batch_sampler_of_a_sequential_sampler_has_its_length() -> None:
    compare(tensors, lambda data: {"batch_sampler": BatchSampler(SequentialSampler(data), 4, False)})


# ---- the stated difference ----


class Ends(Squares):
    def __getitem__(self, index: int) -> Any:
        if index == 5:
            raise StopIteration
        return index


@pytest.mark.parametrize(
    "workers",
    [{}, {"num_workers": 1}, {"num_workers": 1, "workers": "thread"}],
    ids=["inline", "process", "thread"],
)
@pytest.mark.parametrize("where", ["dataset", "collate_fn", "collate_fn of tensors"])
def test_stop_iteration_does_not_shorten_the_epoch(workers: dict[str, Any], where: str) -> None:
    def collate(samples: list[Any]) -> list[Any]:
        if int(samples[0][1] if where.endswith("tensors") else samples[0]["index"]) == 4:
            raise StopIteration
        return samples

    data = {"dataset": Ends, "collate_fn": Squares}.get(where, tensors)()
    collate_fn = {"collate_fn": collate} if where != "dataset" else {}
    iterator = iter(StokersLoader(data, batch_size=2, **workers, **collate_fn))
    assert len(next(iterator)) > 0
    next(iterator)
    with pytest.raises(RuntimeError, match=f"{type(data).__name__}: StopIteration was raised"):
        next(iterator)
    assert len(list(iterator)) == 3
