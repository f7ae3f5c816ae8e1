"""worker_init_fn natively: left out where it can do nothing but seed generators, otherwise torch's."""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import TensorDataset, get_worker_info  # noqa: E402

from stoker.lowering.seeding import only_seeds  # noqa: E402
from stoker.torch import DataLoader  # noqa: E402

SEED = 7
seen: list[int] = []


class Settings:
    seed = 3


settings = Settings()


def of_the_notes(worker_id: int) -> None:
    worker_seed = torch.initial_seed() % 2**32
    np.random.seed(worker_seed)
    random.seed(worker_seed)


def of_numpy_state(worker_id: int) -> None:
    np.random.seed(int(np.random.get_state()[1][0]) + worker_id)


def of_worker_info(worker_id: int, mode: str = "all") -> None:
    import random

    info = get_worker_info()
    if mode == "all":
        random.seed(info.seed)  # type: ignore[union-attr]
        torch.cuda.manual_seed_all(info.seed + SEED)  # type: ignore[union-attr]


def made(seed: int) -> Callable[[int], None]:
    return lambda worker_id: np.random.seed(seed + worker_id)


SEEDING = {
    "notes": of_the_notes,
    "numpy": of_numpy_state,
    "worker info": of_worker_info,
    "partial": functools.partial(of_worker_info, mode="none"),
    "closure": made(3),
    "torch": torch.manual_seed,
    "random": random.seed,
    "np": np.random.seed,
}


def into_a_list(worker_id: int) -> None:
    np.random.seed(worker_id)
    seen.append(worker_id)


def into_the_environment(worker_id: int) -> None:
    os.environ["SEED"] = str(worker_id)


def into_an_attribute(worker_id: int) -> None:
    random.seed = worker_id  # type: ignore[assignment]


def into_a_global(worker_id: int) -> None:
    global SEED
    SEED = worker_id


def of_settings(worker_id: int) -> None:
    random.seed(settings.seed)


def into_the_dataset(worker_id: int) -> None:
    get_worker_info().dataset.first = worker_id  # type: ignore[union-attr]


def prints(worker_id: int) -> None:
    print(worker_id)


def calls(function: Callable[[int], Any], worker_id: int) -> None:
    function(worker_id)


def comprehends(worker_id: int) -> None:
    [seen.append(each) for each in range(worker_id)]


def nests(worker_id: int) -> None:
    (lambda: seen.append(1))()


def generates(worker_id: int) -> Any:
    yield random.seed(worker_id)


def made_of(values: list[int]) -> Callable[[int], Any]:
    return lambda worker_id: random.seed(values[worker_id])


def threads_of_torch(worker_id: int) -> None:
    torch.set_num_threads(1)


OTHERS = {
    **{each.__name__: each for each in (into_a_list, into_the_environment, into_an_attribute, into_a_global)},
    **{
        each.__name__: each for each in (of_settings, into_the_dataset, prints, comprehends, nests, generates)
    },
    "threads": threads_of_torch,
    "partial": functools.partial(calls, seen.append),
    "partial of an object": functools.partial(of_worker_info, mode=settings),
    "closure": made_of([1]),
    "builtin": seen.append,
    "builtin print": print,
}


@pytest.mark.parametrize("name", SEEDING)
def test_a_function_that_seeds(name: str) -> None:
    assert only_seeds(SEEDING[name])


@pytest.mark.parametrize("name", OTHERS)
def test_a_function_that_may_do_more(name: str) -> None:
    assert not only_seeds(OTHERS[name])


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("lightning.fabric.utilities.seed", "pl_worker_init_function"),
        ("lightning_fabric.utilities.seed", "pl_worker_init_function"),
        ("pytorch_lightning.utilities.seed", "pl_worker_init_function"),
        ("timm.data.loader", "_worker_init"),
        ("transformers.trainer_utils", "seed_worker"),
    ],
)
def test_functions_of_libraries_are_known_by_name(module: str, name: str) -> None:
    def stand_in(worker_id: int, rank: int | None = None) -> None:
        seen.append(worker_id)

    assert not only_seeds(stand_in)
    stand_in.__module__, stand_in.__qualname__ = module, name
    assert only_seeds(functools.partial(stand_in, rank=0))
    assert not only_seeds(functools.partial(stand_in, rank=settings))


def rows(**options: Any) -> Any:
    return DataLoader(TensorDataset(torch.arange(12.0)), 4, num_workers=2, **options)


def test_a_loader_stays_native() -> None:
    loader = rows(worker_init_fn=of_the_notes)
    assert loader.explain().startswith("tier: native")
    assert "worker_init_fn: only seeds generators" in loader.explain()
    before = (torch.get_rng_state(), random.getstate())
    assert [batch[0].tolist() for batch in loader] == [batch[0].tolist() for batch in rows()]
    assert random.getstate() == before[1]


def test_a_loader_goes_to_torch() -> None:
    assert "worker_init_fn" in rows(worker_init_fn=into_a_list).explain()
    assert rows(worker_init_fn=into_a_list).explain().startswith("tier: torch")
    # Python code that may draw from what was seeded.
    loader = rows(worker_init_fn=of_the_notes, collate_fn=list)
    assert loader.explain().startswith("tier: torch")
    assert "worker_init_fn seeds generators" in loader.explain()
    loader.worker_init_fn = None
    assert loader.explain().startswith("tier: native")
