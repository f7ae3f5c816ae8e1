"""States of torchdata's StatefulDataLoader, as far as they have a meaning here.

Taken are, for map-style datasets, the number of batches that are behind (whatever the number of workers), the
generator that torchdata's random sampler began the epoch with, and the state of a sampler that keeps one
itself; for iterable-style datasets without workers the states of the dataset and of its iterator. Refused are
states of worker processes that hold parts of the dataset's own, and orders that are not in the state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.data.dataloader import _DatasetKind

from stoker import state as plans
from stoker.torch import keys
from stoker.torch.position import Resumed

_WHERE = "load_state_dict: torchdata's state"


def check(state: Mapping[str, Any], loader: Any) -> Resumed:
    """What it says.

    Raises:
        ValueError: It is damaged, or says something that cannot be followed here.
    """
    main, behind = (state, state.get("_num_yielded")) if "_snapshot" not in state else _of_workers(state)
    batches = plans.integer("_num_yielded", behind, 2**62)
    seed = main.get("_base_seed")
    resumed = Resumed(
        keys=batches,
        yielded=batches,
        base_seed=None if seed is None else plans.integer("_base_seed", seed, 2**63 - 1),
        is_finished=bool(state.get("_iterator_finished")),
    )
    if loader._dataset_kind == _DatasetKind.Iterable:
        return _iterable(state, resumed, loader)
    if state.get("dataset_state") is not None:
        raise ValueError(f"{_WHERE} holds one of a map-style dataset, which is not restored here.")
    if not resumed.is_finished:
        _take_order(main, resumed, loader)
    return resumed


def _of_workers(state: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    snapshot = state["_snapshot"]
    main = snapshot.get("_main_snapshot") if isinstance(snapshot, Mapping) else None
    if not isinstance(main, Mapping):
        raise ValueError(f"{_WHERE} has a '_snapshot' without '_main_snapshot'; it is damaged.")
    for name, worker in (snapshot.get("_worker_snapshots") or {}).items():
        parts = worker if isinstance(worker, Mapping) else {}
        if parts.get("dataset_state") is not None or parts.get("fetcher_state") is not None:
            raise ValueError(
                f"{_WHERE} holds one of the dataset in {name}, which no other number or kind of "
                "workers can take; "
                "finish the epoch there, or begin it anew."
            )
    step = plans.integer("_snapshot_step", snapshot.get("_snapshot_step"), 2**62)
    return main, step + plans.integer("_steps_since_snapshot", state.get("_steps_since_snapshot"), 2**62)


def _iterable(state: Mapping[str, Any], resumed: Resumed, loader: Any) -> Resumed:
    if "_snapshot" in state:
        return resumed  # read anew up to the place
    fetcher = state.get("fetcher_state")
    resumed.dataset = state.get("dataset_state")
    resumed.dataset_iterator = fetcher.get("dataset_iter_state") if isinstance(fetcher, Mapping) else None
    from stoker.torch.state import check_owners

    check_owners(resumed, loader)
    return resumed


def _take_order(main: Mapping[str, Any], resumed: Resumed, loader: Any) -> None:
    """Where the order of the epoch comes from."""
    states = [main.get(name) for name in ("_index_sampler_state", "_sampler_iter_state")]
    owner = keys.stateful(loader)
    if owner is not None:
        own = states[0] if owner is loader.batch_sampler else _first(states, "sampler_state")
        if own is None:
            raise ValueError(f"{_WHERE} holds none of the sampler {type(owner).__name__}, which keeps one.")
        resumed.sampler = own
        return
    if not keys.draws(loader) or resumed.keys == 0:
        return
    found = _first(states, "generator")
    if not isinstance(found, torch.Tensor) or found.dtype != torch.uint8:
        raise ValueError(
            f"{_WHERE} does not hold the generator of the {resumed.keys} batches that are behind, so "
            "their order is "
            "not known; begin the epoch anew."
        )
    try:
        torch.Generator().set_state(found)
    except RuntimeError:
        raise ValueError(f"{_WHERE} holds a generator that is damaged.") from None
    resumed.private_order = found


def _first(states: Any, name: str) -> Any:
    """The first value called `name` within nested dicts."""
    return next(_all(states, name), None)


def _all(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, Mapping):
        if value.get(name) is not None:
            yield value[name]
        for each in value.values():
            yield from _all(each, name)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _all(each, name)
