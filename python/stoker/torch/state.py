"""The state of a DataLoader: what it says, whose states are taken, and what must be the same.

The names of the counts are those of torchdata's StatefulDataLoader, because trainers that take batches ahead
change them by these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.data import ConcatDataset, Subset
from torch.utils.data.dataloader import _DatasetKind

from stoker import state as plans
from stoker.torch import generators, keys
from stoker.torch.position import Position, Resumed

FORMAT = "stoker.torch.DataLoader 1"

_WHERE = "load_state_dict"


def make(loader: Any, position: Position | None, unused_batches: int) -> dict[str, Any]:
    """The state of `loader`, of which `unused_batches` were handed out and not used.

    Raises:
        ValueError: More are unused than were handed out, or nobody can tell which were.
    """
    if position is not None:
        position.refresh()
    batches = 0 if position is None else position.batches
    behind = 0 if position is None else position.keys_behind
    if behind is None:
        raise ValueError(
            "state_dict: with in_order=False batches come out as they are finished, so no place in "
            "the order is "
            "behind them all; make the loader with in_order=True."
        )
    if isinstance(unused_batches, bool) or not isinstance(unused_batches, int):
        raise TypeError(f"state_dict: unused_batches must be an integer, got {unused_batches!r}.")
    if not 0 <= unused_batches <= batches:
        raise ValueError(f"state_dict: unused_batches must be from 0 to {batches}, got {unused_batches}.")
    is_finished = position is not None and position.is_finished and not unused_batches
    is_begun = position is not None and not is_finished
    if position is not None and position.parts is None:
        position.parts = parts_of(loader)
    parts = parts_of(loader) if position is None else position.parts
    assert parts is not None
    dataset, iterator = (None, None) if position is None else position.dataset_state()
    sampler = position.sampler_state() if position is not None and is_begun else None
    _check_unused(unused_batches, sampler, dataset, iterator)
    return {
        "format": FORMAT,
        "plan": plans.digest(parts),
        "parts": dict(parts),
        "_num_yielded": batches - unused_batches,
        "_sampler_iter_yielded": behind - unused_batches,
        "_iterator_finished": is_finished,
        "_index_sampler_state": sampler,
        "_sampler_iter_state": None,
        "fetcher_state": None
        if iterator is None
        else {"dataset_iter_state": iterator, "fetcher_ended": False},
        "dataset_state": dataset,
        "failed_batches": behind - batches,
        "base_seed": None if position is None else position.base_seed,
        "round": 0 if position is None else position.round,
        "batch_size": loader.batch_size,
        "world_size": replicas(loader),
        "sampler_epoch": None if position is None else position.sampler_epoch,
        "order": position.order if position is not None and is_begun else None,
        "generators": _generators(loader, position if is_begun else None),
    }


def _generators(loader: Any, position: Position | None) -> dict[str, str]:
    """Those of the epoch's beginning, or for the next epoch those of now without torch's process-wide one."""
    if position is not None:
        states = position.base_generators
    else:
        states = {name: generators.read(each) for name, each in generators.of(loader, False).items()}
    return {name: generators.to_text(each) for name, each in states.items()}


def _check_unused(unused_batches: int, *states: Any) -> None:
    if unused_batches and any(each is not None for each in states):
        raise ValueError(
            f"state_dict: unused_batches={unused_batches}, but the sampler or dataset keeps its own "
            "state, which is "
            "that of the last batch; take the state before the batches that are not used."
        )


def replicas(loader: Any) -> int:
    """Ranks that a sampler such as DistributedSampler shares an epoch between."""
    count = getattr(generators.sampler_of(loader), "num_replicas", 1)
    return count if isinstance(count, int) and count > 0 else 1


def parts_of(loader: Any) -> dict[str, Any]:
    """What must be the same for an epoch to go on, by name, without looking at every sample."""
    sampler = generators.sampler_of(loader)
    parts: dict[str, Any] = {"dataset": type(loader.dataset).__name__}
    if loader._dataset_kind == _DatasetKind.Iterable:
        return parts
    names, transforms = _leaves(loader.dataset)
    parts |= {"samples": _length(loader.dataset), "names": plans.digest(names)}
    parts["sampler"] = type(sampler).__name__
    for name in ("seed", "shuffle", "replacement"):
        value = getattr(sampler, name, None)
        if isinstance(value, int):
            parts[f"sampler.{name}"] = value
    if transforms is not None:
        parts |= {"transform": plans.digest(transforms), "color": loader.color, "exif": loader.exif}
    return parts


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):  # a sampler knows the keys
        return None


def _leaves(dataset: Any) -> tuple[list[Any], list[Any] | None]:
    """Some names of samples, and the transforms as operators; None where they stay in Python."""
    from stoker.lowering import NotNative, recipe_of
    from stoker.packing.steps import described

    if type(dataset) is Subset:
        names, transforms = _leaves(dataset.dataset)
        return [*(_key(dataset.indices[place]) for place in _some(len(dataset.indices))), *names], transforms
    if type(dataset) is ConcatDataset:
        below = [_leaves(each) for each in dataset.datasets[:64]]
        lists = [transforms for _, transforms in below if transforms is not None]
        return [names for names, _ in below], lists if len(lists) == len(below) else None
    samples = getattr(dataset, "samples", None)
    names = []
    if isinstance(samples, list):
        names = ["/".join(str(_first(samples[place])).split("/")[-2:]) for place in _some(len(samples))]
    try:
        lowered = recipe_of(dataset.transform) if hasattr(dataset, "transform") else None
    except (NotNative, ValueError, TypeError):
        lowered = None
    return names, None if lowered is None else [described(each) for each in lowered.operators]


def _some(count: int) -> list[int]:
    return sorted({place * count // 64 for place in range(64)} if count else ())


def _key(key: Any) -> Any:
    return int(key) if hasattr(key, "__index__") else repr(key)


def _first(sample: Any) -> Any:
    return sample[0] if isinstance(sample, (tuple, list)) and sample else sample


def check(state: Any, loader: Any) -> Resumed | None:
    """What `state` says, in this loader's batches; None for an empty one, which means a fresh start.

    Raises:
        TypeError: It is no mapping.
        ValueError: It is damaged, of another plan, or of a loader whose state has no meaning here.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"{_WHERE}: state must be a dict from state_dict(), got {plans.cut(state)}.")
    if not state:
        return None
    if "format" not in state and ("_num_yielded" in state or "_snapshot" in state):
        from stoker.torch import torchdata_state

        return torchdata_state.check(state, loader)
    if state.get("format") != FORMAT:
        raise ValueError(
            f"{_WHERE}: format must be {FORMAT!r}, got {plans.cut(state.get('format'))}; give what "
            "state_dict() of "
            "a stoker.torch.DataLoader or of torchdata's StatefulDataLoader gave."
        )
    plans.require(state, tuple(make_names()))
    plans.check_parts(state["plan"], state["parts"], parts_of(loader))
    yielded = plans.integer("_num_yielded", state["_num_yielded"], 2**62)
    behind = plans.integer("_sampler_iter_yielded", state["_sampler_iter_yielded"], 2**62)
    if behind - yielded != state["failed_batches"]:
        raise ValueError(
            f"{_WHERE}: _num_yielded is {yielded} and _sampler_iter_yielded {behind}; whoever counts "
            "batches back has "
            "to take the same number from both."
        )
    fetcher = state["fetcher_state"]
    if fetcher is not None and not isinstance(fetcher, Mapping):
        raise ValueError(f"{_WHERE}: fetcher_state must be a dict or None, got {plans.cut(fetcher)}.")
    keys_behind = _in_own_batches(state, loader, behind)
    base_seed = state["base_seed"]
    if base_seed is not None:
        plans.integer("base_seed", base_seed, 2**63 - 1)
    resumed = Resumed(
        keys=keys_behind,
        yielded=yielded if keys_behind == behind else keys_behind,
        base_seed=base_seed,
        round=plans.integer("round", state["round"], 2**24 - 1),
        generators=_tensors(state["generators"]),
        sampler=state["_index_sampler_state"],
        order=state["order"],
        dataset=state["dataset_state"],
        dataset_iterator=None if fetcher is None else fetcher.get("dataset_iter_state"),
        is_finished=bool(state["_iterator_finished"]) or base_seed is None,
        sampler_epoch=state["sampler_epoch"],
    )
    check_owners(resumed, loader)
    return resumed


def make_names() -> list[str]:
    """Every field of a state."""
    return [
        *("plan", "parts", "_num_yielded", "_sampler_iter_yielded", "_iterator_finished"),
        *("_index_sampler_state", "fetcher_state", "dataset_state", "failed_batches", "base_seed", "round"),
        *("batch_size", "world_size", "sampler_epoch", "order", "generators"),
    ]


def _tensors(texts: Any) -> dict[str, torch.Tensor]:
    if not isinstance(texts, Mapping):
        raise ValueError(f"{_WHERE}: generators must be a dict, got {plans.cut(texts)}.")
    return {str(name): generators.from_text(str(name), text) for name, text in texts.items()}


def check_owners(resumed: Resumed, loader: Any) -> None:
    """Refuses states of parts that cannot take one."""
    if resumed.sampler is not None and keys.stateful(loader) is None:
        raise ValueError(
            f"{_WHERE}: the state holds one of the sampler, but "
            f"{type(generators.sampler_of(loader)).__name__} has no "
            "state_dict() and load_state_dict(); make the loader with the sampler that it was taken with."
        )
    if resumed.dataset is not None and not callable(getattr(loader.dataset, "load_state_dict", None)):
        raise ValueError(
            f"{_WHERE}: the state holds one of the dataset, but {type(loader.dataset).__name__} has no "
            "load_state_dict(); make the loader over the dataset that it was taken with."
        )


def _in_own_batches(state: Mapping[str, Any], loader: Any, behind: int) -> int:
    """Batches of keys that are behind, as this loader cuts the order."""
    own, ranks = loader.batch_size, replicas(loader)
    then, then_ranks = state["batch_size"], plans.integer("world_size", state["world_size"], 2**24)
    if (own, ranks) == (then, then_ranks) or behind == 0:
        return behind
    if own is None or then is None:
        raise ValueError(
            f"{_WHERE}: batch_size differs: the state was taken with {then}, this loader has {own}; "
            "with a batch "
            "sampler of your own, or none, both must be the same."
        )
    samples = behind * plans.integer("batch_size", then, 2**62) * then_ranks
    if samples % (own * ranks):
        raise ValueError(
            f"{_WHERE}: batch_size differs: {samples} samples are behind, which is no whole number of "
            "batches of "
            f"{own} on {ranks} ranks; keep batch_size x ranks at {then * then_ranks}, or a divisor of it."
        )
    return int(samples // (own * ranks))
