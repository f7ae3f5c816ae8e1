"""The thread tier: Python datasets on threads instead of in processes."""

from __future__ import annotations

import gc
import logging
import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import Dataset, IterableDataset, RandomSampler, get_worker_info  # noqa: E402

import stoker  # noqa: E402
from stoker.torch import DataLoader  # noqa: E402


class Numbers(Dataset[Any]):
    """`function(index)` for each index."""

    def __init__(self, function: Callable[[int], Any] = lambda index: index, count: int = 12) -> None:
        self.function = function
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.function(index)


def threaded(dataset: Any, **arguments: Any) -> DataLoader[Any]:
    return DataLoader(dataset, **{"batch_size": 3, "num_workers": 2, "workers": "thread", **arguments})


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def test_explain_says_tier_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    loader = threaded(Numbers())
    assert loader.explain().splitlines()[0] == "tier: thread"
    assert "Numbers: user code" in loader.explain()
    assert "first batch will tell" in loader.explain()
    with caplog.at_level(logging.WARNING, "stoker"):
        list(loader)
        list(loader)
    assert [record.message for record in caplog.records] == [
        "DataLoader over Numbers runs on threads: dataset Numbers: user code"
    ]
    assert "no shared generator" in loader.explain()


def test_one_dataset_for_all_threads() -> None:
    data = Numbers(lambda index: (threading.get_native_id(), id(get_worker_info().dataset)))
    batches = list(threaded(data))
    assert {int(i) for _, ids in batches for i in ids} == {id(data)}
    threads = [set(ids.tolist()) for ids, _ in batches]
    assert threads[0] == threads[2] != threads[1] == threads[3]
    assert threading.get_native_id() not in set().union(*threads)


def test_worker_info() -> None:
    def look(_: int) -> tuple[Any, ...]:
        info = get_worker_info()
        return info.id, info.num_workers, info.seed, info.worker_method

    torch.manual_seed(5)
    seed = int(torch.empty((), dtype=torch.int64).random_())
    torch.manual_seed(5)
    batches = list(threaded(Numbers(look), num_workers=3))
    assert [batch[0].tolist() for batch in batches] == [[0] * 3, [1] * 3, [2] * 3, [0] * 3]
    assert batches[0][1].tolist() == [3] * 3
    assert [batch[2][0].item() for batch in batches] == [seed, seed + 1, seed + 2, seed]
    assert batches[0][3] == ("thread",) * 3 or batches[0][3] == ["thread"] * 3
    assert get_worker_info() is None


def test_processes_still_see_their_own_worker_info() -> None:
    list(threaded(Numbers()))
    data = Numbers(lambda _: get_worker_info().id)
    assert [b[0].item() for b in torch.utils.data.DataLoader(data, 3, num_workers=2)] == [0, 1, 0, 1]


def draw(index: int) -> tuple[Any, ...]:
    rng = get_worker_info().rng
    return (
        index,
        rng.random_generator.random(),
        torch.rand(2, generator=rng.torch_generator),
        rng.numpy_generator.standard_normal(3),
        rng.numpy_generator.integers(0, 2**32, dtype=np.uint32),
    )


def by_index(loader: Any) -> dict[int, list[Any]]:
    out: dict[int, list[Any]] = {}
    for batch in loader:
        for position, index in enumerate(batch[0].tolist()):
            out.setdefault(index, []).append([column[position] for column in batch[1:]])
    return out


def test_randomness_is_the_samples() -> None:
    """The same for any number of threads, batch size and order, other in another epoch, and once for each."""

    def epochs(**arguments: Any) -> list[dict[int, list[Any]]]:
        torch.manual_seed(1)
        loader = threaded(Numbers(draw), **arguments)
        return [by_index(loader), by_index(loader)]

    first, second = epochs()
    assert not same(first[3], second[3])
    assert len({float(value[0][0]) for value in first.values()}) == 12
    for arguments in (
        {"num_workers": 1},
        {"num_workers": 3, "batch_size": 5},
        {"sampler": [*range(11, -1, -1)]},
    ):
        again = epochs(**arguments)[0]
        assert all(same(again[index], first[index]) for index in range(12)), arguments


def test_persistent_workers_draw_anew_in_each_epoch() -> None:
    torch.manual_seed(1)
    loader = threaded(Numbers(draw), persistent_workers=True)
    first, second = by_index(loader), by_index(loader)
    assert not same(first[3], second[3])


def test_a_sample_that_repeats_draws_anew() -> None:
    drawn = by_index(threaded(Numbers(draw), sampler=[4, 4, 4, 4], num_workers=1))[4]
    assert len({float(values[0]) for values in drawn}) == 4


@pytest.mark.parametrize("keys", [["a", "b", "a"], [(1, "x"), (2.5, b"y")], [np.int64(3), torch.tensor(4)]])
def test_keys_of_any_kind_reach_the_dataset(keys: list[Any]) -> None:
    class Any_(Dataset[Any]):
        def __getitem__(self, key: Any) -> Any:
            return [key, get_worker_info().rng.random_generator.random()]

    runs = []
    for _ in range(2):
        torch.manual_seed(2)
        runs.append([s for batch in threaded(Any_(), sampler=keys, collate_fn=list) for s in batch])
    assert all(a is b for a, b in zip((s[0] for s in runs[0]), keys, strict=True))
    assert [s[1] for s in runs[0]] == [s[1] for s in runs[1]]
    assert len({s[1] for s in runs[0]}) == len(keys)


def test_getitems_gets_the_keys_as_they_are() -> None:
    class Whole(Numbers):
        def __getitems__(self, keys: Any) -> list[Any]:
            return [type(keys).__name__, *keys]

    batches = list(threaded(Whole(), batch_sampler=[(1, 2), [3]], batch_size=1, collate_fn=list))
    assert batches == [["tuple", 1, 2], ["list", 3]]


def test_without_batches() -> None:
    loader = threaded(Numbers(lambda i: (i, np.ones(2))), batch_size=None)
    ours, theirs = list(loader), list(torch.utils.data.DataLoader(Numbers(lambda i: (i, np.ones(2))), None))
    assert same(ours, theirs)


def test_batches_are_ordinary_memory() -> None:
    seen: list[Any] = []

    def collate(samples: list[Any]) -> Any:
        seen.append(get_worker_info().id)
        return torch.utils.data.default_collate(samples)

    for function in (None, collate):
        batch = next(iter(threaded(Numbers(lambda i: torch.ones(3)), collate_fn=function)))
        assert not batch.is_shared()
    assert 0 in seen


@pytest.mark.parametrize("in_order", [True, False])
def test_order_with_slow_samples(in_order: bool) -> None:
    released = threading.Event()

    def sample(index: int) -> int:
        if index == 3:
            released.wait(10)
        return index

    # One trial epoch first, so that nothing waits for the first batch.
    loader = threaded(Numbers(sample), batch_size=1, in_order=in_order)
    released.set()
    assert sorted(batch.item() for batch in loader) == list(range(12))
    released.clear()
    iterator = iter(loader)
    got = [next(iterator).item() for _ in range(3)]
    if in_order:
        released.set()
        got += [batch.item() for batch in iterator]
        assert got == list(range(12))
    else:
        got += [next(iterator).item() for _ in range(8)]
        assert 3 not in got
        released.set()
        assert [batch.item() for batch in iterator] == [3]


def test_no_more_than_prefetch_factor_batches_are_begun() -> None:
    begun: list[int] = []

    def sample(index: int) -> int:
        begun.append(index)
        return index

    iterator = iter(threaded(Numbers(sample, 100), batch_size=2, prefetch_factor=3))
    deadline = time.monotonic() + 10
    while len(begun) < 12 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert sorted(begun) == list(range(12))
    next(iterator)
    while len(begun) < 14 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert sorted(begun) == list(range(14))


# ---- draws that threads would share ----

DRAWS: dict[str, Callable[[int], Any]] = {
    "torch": lambda _: torch.rand(()).item(),
    "random": lambda _: random.random(),
    "NumPy": lambda _: np.random.rand(),
}


@pytest.mark.parametrize("library", DRAWS)
@pytest.mark.parametrize("shuffle", [False, True])
def test_process_wide_draws_go_to_processes(
    library: str, shuffle: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Batches and generators are those of torch's loader, and what the trial drew is put back."""

    def epochs(make: Any, **arguments: Any) -> list[Any]:
        torch.manual_seed(3)
        random.seed(3)
        np.random.seed(3)
        data = Numbers(lambda index: (index, DRAWS[library](index), get_worker_info().worker_method))
        loader = make(data, batch_size=3, num_workers=2, shuffle=shuffle, **arguments)
        out = [list(loader), list(loader)]
        return [*out, torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()]

    with caplog.at_level(logging.WARNING, "stoker"):
        ours = epochs(DataLoader, workers="thread")
    assert same(ours, epochs(torch.utils.data.DataLoader))
    told = [record.message for record in caplog.records if "processes after all" in record.message]
    assert len(told) == 1
    assert f"{library}'s process-wide generator" in told[0]
    assert "get_worker_info().rng" in told[0]


def test_explain_after_a_trial_that_failed() -> None:
    loader = threaded(Numbers(DRAWS["torch"]))
    next(iter(loader))
    assert loader.explain().startswith("tier: torch")
    assert "no threads: its first batch" in loader.explain()
    assert "drew from torch's process-wide generator" in loader.explain()
    loader.dataset.function = lambda index: index
    assert loader.explain().startswith("tier: thread")


def test_a_sampler_with_a_state_loses_nothing_to_the_trial() -> None:
    class Once:
        def __init__(self) -> None:
            self.given = iter(range(8))

        def __iter__(self) -> Any:
            return self.given

        def __len__(self) -> int:
            return 8

    data = Numbers(lambda index: (index, random.random()))
    assert [b[0].tolist() for b in threaded(data, sampler=Once())] == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_persistent_processes_after_a_trial() -> None:
    def epochs(make: Any, **arguments: Any) -> list[Any]:
        torch.manual_seed(4)
        data = Numbers(lambda index: (index, torch.rand(())))
        loader = make(data, batch_size=4, num_workers=1, shuffle=True, persistent_workers=True, **arguments)
        return [list(loader) for _ in range(3)]

    assert same(epochs(DataLoader, workers="thread"), epochs(torch.utils.data.DataLoader))


@pytest.mark.parametrize(
    "generator",
    [random.Random(1), np.random.default_rng(1), np.random.RandomState(1), torch.Generator().manual_seed(1)],
)
def test_a_generator_of_the_datasets_own(generator: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Carrier:
        def __init__(self) -> None:
            self.parts = [{"rng": generator}]

        def __call__(self, index: int) -> float:
            if isinstance(generator, torch.Generator):
                return torch.rand((), generator=generator).item()
            return float(generator.random() if hasattr(generator, "random") else generator.random_sample())

    loader = threaded(Numbers(Carrier()))
    with caplog.at_level(logging.WARNING, "stoker"):
        next(iter(loader))
    assert "Numbers.function.parts[0]['rng']" in caplog.text


def test_draws_of_the_collate_function_and_of_worker_init_count() -> None:
    for arguments in (
        {"collate_fn": lambda samples: np.random.permutation(len(samples))},
        {"worker_init_fn": lambda worker: random.seed(worker)},
    ):
        loader = threaded(Numbers(), **arguments)
        before = random.getstate()
        next(iter(loader))
        assert random.getstate() == before
        assert loader.explain().startswith("tier: torch")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"num_workers": 0}, "num_workers=0"),
        ({"multiprocessing_context": "fork"}, "multiprocessing_context"),
    ],
)
def test_what_threads_are_not_for(arguments: dict[str, Any], reason: str) -> None:
    loader = threaded(Numbers(), **arguments)
    assert f"no threads: {reason}" in loader.explain()
    assert sum(len(batch) for batch in loader) == 12


def test_iterable_datasets_stay_in_processes() -> None:
    class Stream(IterableDataset[int]):
        def __iter__(self) -> Any:
            return iter(range(4))

    loader = threaded(Stream(), batch_size=2)
    assert "no threads: an iterable-style dataset" in loader.explain()
    assert len(list(loader)) == 4


# ---- errors ----


class Odd(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(one, two)
        self.one = one


def fail(problem: Callable[[], Exception]) -> Callable[[int], int]:
    def sample(index: int) -> int:
        if index == 4:
            raise problem()
        return index

    return sample


@pytest.mark.parametrize(
    "problem",
    [lambda: ValueError("v"), lambda: KeyError("k"), lambda: Odd(1, 2), lambda: FileNotFoundError(2, "n")],
)
def test_an_error_has_torchs_type_and_words(problem: Callable[[], Exception]) -> None:
    outcomes = []
    for make in (DataLoader, torch.utils.data.DataLoader):
        extra = {"workers": "thread"} if make is DataLoader else {}
        iterator = iter(make(Numbers(fail(problem)), batch_size=3, num_workers=2, **extra))
        assert next(iterator).tolist() == [0, 1, 2]
        with pytest.raises(Exception) as caught:
            next(iterator)
        assert [batch.tolist() for batch in iterator] == [[6, 7, 8], [9, 10, 11]]
        outcomes.append((type(caught.value), str(caught.value).replace("thread", "process").splitlines()[0]))
        if make is DataLoader:
            assert type(caught.value.__context__) is type(problem())
            assert "in sample" in str(caught.value)
    assert outcomes[0] == outcomes[1]


def test_stop_iteration_in_a_sample_is_an_error() -> None:
    iterator = iter(threaded(Numbers(fail(StopIteration))))
    next(iterator)
    with pytest.raises(RuntimeError, match="Numbers: StopIteration"):
        next(iterator)
    assert [batch.tolist() for batch in iterator] == [[6, 7, 8], [9, 10, 11]]


def test_error_of_worker_init_fn_comes_with_the_first_batch() -> None:
    def refuse(worker: int) -> None:
        if worker == 1:
            raise ValueError("not here")

    iterator = iter(threaded(Numbers(), worker_init_fn=refuse))
    assert next(iterator).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"not here"):
        next(iterator)


def test_worker_init_fn_runs_in_each_thread_once() -> None:
    seen: list[tuple[int, int]] = []

    def begin(worker: int) -> None:
        seen.append((worker, get_worker_info().id))

    loader = threaded(Numbers(), worker_init_fn=begin, persistent_workers=True)
    list(loader)
    list(loader)
    assert sorted(seen) == [(0, 0), (1, 1)]


def test_timeout_has_torchs_words_and_the_batch_comes_later() -> None:
    released = threading.Event()
    released.set()
    loader = threaded(Numbers(lambda index: (released.wait(20), index)[1]), timeout=0.05)
    list(loader)
    released.clear()
    iterator = iter(loader)
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.05 seconds"):
        next(iterator)
    released.set()
    iterator._timeout = 20
    assert [batch[0].item() for batch in iterator] == [0, 3, 6, 9]


# ---- threads ----


def tasks() -> set[int]:
    return set(map(int, os.listdir("/proc/self/task")))


def settled(before: set[int]) -> bool:
    end = time.monotonic() + 5
    while tasks() - before and time.monotonic() < end:
        gc.collect()
        time.sleep(0.01)
    return not tasks() - before


def test_nothing_is_left_of_iterators_however_they_end() -> None:
    list(threaded(Numbers()))
    before = tasks()
    for turn in range(30):
        loader = threaded(Numbers(), persistent_workers=turn % 3 == 0)
        iterator = iter(loader)
        for _ in range(turn % 6):
            next(iterator, None)
        if turn % 4 == 0:
            loader.cycle = iterator
        if turn % 5 == 0:
            iterator._shutdown_workers()
    del iterator, loader
    assert settled(before)


def test_a_dropped_iterator_ends_in_the_middle_of_a_batch() -> None:
    made: list[int] = []

    def sample(index: int) -> int:
        made.append(index)
        time.sleep(0.005)
        return index

    loader = threaded(Numbers(sample, 100_000), batch_size=50_000, prefetch_factor=1)
    loader._stoker_trials = {}
    iterator = iter(threaded(Numbers(sample, 4), batch_size=2))
    list(iterator)
    from stoker.torch.thread_tier import ThreadIterator

    iterator = ThreadIterator(loader, is_tried=True)
    begin = time.monotonic()
    del iterator
    assert time.monotonic() - begin < 2
    count = len(made)
    time.sleep(0.05)
    assert len(made) == count


def test_threads_are_nice_and_keep_to_one_operator_thread() -> None:
    def sample(_: int) -> tuple[int, int]:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), torch.get_num_threads()

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        batches = list(threaded(Numbers(sample)))
        assert {v for batch in batches for v in batch[0].tolist()} == {min(19, own + 5)}
        assert {v for batch in batches for v in batch[1].tolist()} == {1}
        assert torch.get_num_threads() == 2
        later: list[int] = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert later == [2]
        assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
    finally:
        torch.set_num_threads(before)


def test_draws_of_another_thread_are_told_as_such() -> None:
    is_over = threading.Event()
    drawn = threading.Event()

    def draw() -> None:
        while not is_over.is_set():
            random.random()
            drawn.set()

    def sample(index: int) -> int:
        if drawing.is_alive():  # not in the processes that follow
            drawn.clear()
            assert drawn.wait(20)
        return index

    drawing = threading.Thread(target=draw)
    drawing.start()
    try:
        loader = threaded(Numbers(sample))
        next(iter(loader))
    finally:
        is_over.set()
        drawing.join()
    assert "its first batch (or another thread meanwhile) drew from random's" in loader.explain()


def test_nested_loaders() -> None:
    def sample(index: int) -> int:
        inner = threaded(Numbers(lambda i: i + index, 4), batch_size=2, num_workers=1)
        return int(sum(batch.sum() for batch in inner))

    assert [v for batch in threaded(Numbers(sample, 6)) for v in batch.tolist()] == [
        6 + 4 * i for i in range(6)
    ]


def test_next_after_fork_says_so() -> None:
    iterator = iter(threaded(Numbers()))
    next(iterator)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            next(iterator)
        except stoker.StokerError as problem:
            status = 0 if "fork" in str(problem) else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert len(list(iterator)) == 3
    assert random_order_is_torchs()


def random_order_is_torchs() -> bool:
    orders = []
    for make in (DataLoader, torch.utils.data.DataLoader):
        torch.manual_seed(9)
        data = Numbers()
        extra = {"workers": "thread"} if make is DataLoader else {}
        loader = make(data, 5, sampler=RandomSampler(data, True, 30), num_workers=2, **extra)
        orders.append([batch.tolist() for _ in range(2) for batch in loader])
    return orders[0] == orders[1]
