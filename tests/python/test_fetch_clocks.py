"""Workers of torch's loader tell apart what they do: work, waiting for bytes, waiting for a core."""

from __future__ import annotations

import time

import pytest

torch = pytest.importorskip("torch")
from planted import Numbers, SlowTransform, nothing, slow_read  # noqa: E402
from torch.utils import data as torch_data  # noqa: E402

from stoker.profiling.fetch_clocks import FetchClocks, FetchTimes  # noqa: E402
from stoker.profiling.judging import worker_shares  # noqa: E402

BATCHES = 6


def fetched(loader: torch_data.DataLoader, batches: int = BATCHES) -> FetchTimes:
    clocks = FetchClocks()
    with clocks.on():
        iterator = iter(loader)
        for _ in range(batches):
            next(iterator)
    return clocks.times


@pytest.mark.parametrize("workers", [0, 2])
def test_sleep_is_waiting_wherever_the_batch_is_made(workers: int) -> None:
    times = fetched(torch_data.DataLoader(Numbers(slow_read), batch_size=4, num_workers=workers))
    assert times.batches >= BATCHES
    assert times.wait_ns >= 0.9 * times.batches * 4 * 4_000_000
    assert times.wait_ns + times.cpu_ns + times.queued_ns <= 1.1 * times.wall_ns


@pytest.mark.parametrize("workers", [0, 2])
def test_work_and_the_wait_for_a_core_are_no_waiting(workers: int) -> None:
    data = Numbers(nothing, SlowTransform())
    times = fetched(torch_data.DataLoader(data, batch_size=4, num_workers=workers))
    assert times.cpu_ns > 0
    assert times.wait_ns < 0.25 * times.wall_ns


def test_each_loader_has_clocks_of_its_own_and_torch_is_left_as_it_was() -> None:
    fetch = torch.utils.data._utils.fetch._MapDatasetFetcher.fetch
    first, second = FetchClocks(), FetchClocks()
    with first.on():
        outer = iter(torch_data.DataLoader(Numbers(nothing), batch_size=4))
        next(outer)
        with second.on():
            next(iter(torch_data.DataLoader(Numbers(nothing), batch_size=4)))
        next(outer)
    next(outer)
    assert (first.times.batches, second.times.batches) == (2, 1)
    assert torch.utils.data._utils.fetch._MapDatasetFetcher.fetch is fetch


class Stream(torch_data.IterableDataset):
    def __iter__(self):  # type: ignore[no-untyped-def]
        for number in range(40):
            time.sleep(0.002)
            yield torch.full((2,), float(number))


def test_an_iterable_dataset_is_timed_too() -> None:
    times = fetched(torch_data.DataLoader(Stream(), batch_size=4, num_workers=1))
    assert times.batches >= BATCHES
    assert times.wait_ns >= 0.9 * times.batches * 4 * 2_000_000


def test_workers_are_starved_where_they_wait_for_longer_than_they_work() -> None:
    shares = worker_shares(FetchTimes(1, wall_ns=1000, cpu_ns=10, queued_ns=950))
    assert shares == pytest.approx({"busy": 0.2, "starved": 0.8, "blocked": 0, "off_cpu": 0.2 * 950 / 960})
    shares = worker_shares(FetchTimes(1, wall_ns=1000, cpu_ns=30, queued_ns=950))
    assert shares == pytest.approx({"busy": 0.6, "starved": 0, "blocked": 0, "off_cpu": 0.6 * 950 / 980})
