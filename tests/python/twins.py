"""The same deeds on torch's DataLoader and on stoker's, written down moment by moment, to be compared.

A diary has one entry for each deed: what it gave or raised, what was warned of, and the states of all
generators afterwards.
"""

from __future__ import annotations

import hashlib
import random
import re
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from stoker.torch import DataLoader

StokersLoader = DataLoader
TorchsLoader = torch.utils.data.DataLoader


def seed_everything(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def generator_states(*generators: torch.Generator) -> str:
    parts = [
        torch.get_rng_state().numpy().tobytes(),
        repr(random.getstate()).encode(),
        np.random.get_state()[1].tobytes(),
        *(each.get_state().numpy().tobytes() for each in generators),
    ]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def plain(value: Any) -> Any:
    """`value` so that == compares content, dtype and the types of all containers."""
    if isinstance(value, torch.Tensor):
        return type(value).__name__, str(value.dtype), tuple(value.shape), value.to_dense().tolist()
    if isinstance(value, np.ndarray | np.generic):
        return type(value).__name__, str(value.dtype), value.tolist()
    if isinstance(value, Mapping):
        return type(value).__name__, {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(each) for each in value]
    return value


class Diary:
    """Entries (moment, outcome, warnings, generator states)."""

    def __init__(self, *generators: torch.Generator) -> None:
        self.entries: list[tuple[str, Any, list[str], str]] = []
        self._generators = generators

    def note(self, moment: str, deed: Callable[[], Any]) -> Any:
        value: Any = None
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                value = deed()
            except Exception as problem:
                outcome = type(problem).__name__, _first_line(problem)
            else:
                outcome = "gave", plain(value)
        messages = sorted(_no_address(f"{each.category.__name__}: {each.message}") for each in told)
        self.entries.append((moment, outcome, messages, generator_states(*self._generators)))
        return value


def _first_line(problem: Exception) -> str:
    """Of the message, without what differs from run to run: workers' places and addresses."""
    text = re.sub(r" in DataLoader worker (process|thread) \d+\.", "", str(problem).partition("\n")[0])
    match = re.fullmatch(r"Caught (\w+)", text)
    return _no_address(_last_line(problem, match[1]) if match else text)


def _no_address(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x", text)


def _last_line(problem: Exception, name: str) -> str:
    """What the original said: the last line of the worker's traceback."""
    return str(problem).strip().rpartition("\n")[2].removeprefix(f"{name}: ")


def live(
    make: Callable[..., Any], arguments: Callable[[], dict[str, Any]], *, epochs: int = 2, **extra: Any
) -> list[Any]:
    """The whole life of a loader: construction, attributes, lengths, epochs, and steps past their end."""
    seed_everything(7)
    given = arguments()
    own = given.get("generator")
    diary = Diary(*([own] if own is not None else []))
    loader = diary.note("constructor", lambda: _Hidden(make(**given, **extra)))
    if loader is None:
        return diary.entries
    loader = loader.value
    diary.note("attributes", lambda: attributes(loader))
    diary.note("len(loader)", lambda: len(loader))
    for epoch in range(epochs):
        held = diary.note(f"iter() {epoch}", lambda: _Hidden(iter(loader)))
        if held is None:
            break
        iterator = held.value
        diary.note("len(iterator)", partial(len, iterator))
        for step in range(40):
            diary.note(f"next() {epoch}.{step}", partial(next, iterator))
            if diary.entries[-1][1][0] == "StopIteration":
                break
        if not loader.persistent_workers:
            diary.note(f"past the end {epoch}", partial(next, iterator))
        del iterator, held
    diary.note("attributes", lambda: attributes(loader))
    return diary.entries


class _Hidden:
    """Something whose content is no part of the comparison."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hidden)

    __hash__ = None  # type: ignore[assignment]


_ATTRIBUTES = (
    "batch_size",
    "num_workers",
    "pin_memory",
    "pin_memory_device",
    "drop_last",
    "timeout",
    "prefetch_factor",
    "persistent_workers",
    "in_order",
    "_dataset_kind",
    "_auto_collation",
    "_IterableDataset_len_called",
)


def attributes(loader: Any) -> dict[str, Any]:
    """torch's attributes, and the types of those that are objects."""
    objects = (
        "sampler",
        "batch_sampler",
        "dataset",
        "generator",
        "multiprocessing_context",
        "_index_sampler",
    )
    return {name: getattr(loader, name) for name in _ATTRIBUTES} | {
        **{name: type(getattr(loader, name)).__name__ for name in objects},
        "collate_fn": getattr(loader.collate_fn, "__name__", None),
        "worker_init_fn": loader.worker_init_fn is None,
    }


def assert_alike(ours: list[Any], theirs: list[Any]) -> None:
    """Entry by entry, so that the first moment that differs is what the failure shows."""
    for mine, expected in zip(ours, theirs, strict=False):
        assert mine == expected
    assert len(ours) == len(theirs)
