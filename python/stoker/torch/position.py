"""How far a loader's most recent iterator has come, and how another one is begun there."""

from __future__ import annotations

import contextlib
import copy
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.data.dataloader import _BaseDataLoaderIter, _DatasetKind

from stoker.torch import generators, keys


class Counted(_BaseDataLoaderIter):
    """An iterator that tells its loader's position what it has handed out.

    `_base_seed` is that of the epoch which is resumed, where one is, whatever torch's constructor draws.
    """

    _position: Position | None = None
    _stoker_seed: int | None = None

    def __init__(self, loader: Any) -> None:
        self._stoker_seed = getattr(loader, "_stoker_base_seed", None)
        super().__init__(loader)

    @property
    def _base_seed(self) -> int:
        assert self._stoker_seed is not None
        return self._stoker_seed

    @_base_seed.setter
    def _base_seed(self, value: int) -> None:
        if self._stoker_seed is None:
            self._stoker_seed = value

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except StopIteration:
            self._finish()
            raise
        finally:
            self._report()

    def _finish(self) -> None:
        if self._position is not None:
            self._position.is_finished = True

    def _report(self) -> None:
        if self._position is not None:
            self._position.count(self._num_yielded, self._batches_behind())

    def _batches_behind(self) -> int | None:
        """Batches of keys that were handed out, or whose error was; None where that follows no order."""
        raise NotImplementedError


@dataclass
class Resumed:
    """Where an epoch goes on, checked.

    Attributes:
        keys: Batches of keys that are behind.
        yielded: Batches that were handed out.
        base_seed, round: Of the iterator: its seed, and how often it had been used before.
        generators: States at the epoch's beginning, by role.
        sampler: State of the sampler, where it keeps one itself.
        order: keys.fingerprint() of the first batch of keys; None where it follows from the rest.
        dataset, dataset_iterator: States of an iterable-style dataset.
        is_finished: Nothing is left of the epoch, or it was never begun; the generators are those for the
            next.
        private_order: A generator's state out of torchdata, from which the sampler draws this epoch alone.
        sampler_epoch: `epoch` of the sampler; None where it has none.
    """

    keys: int = 0
    yielded: int = 0
    base_seed: int | None = None
    round: int = 0
    generators: dict[str, torch.Tensor] = field(default_factory=dict)
    sampler: Any = None
    order: int | None = None
    dataset: Any = None
    dataset_iterator: Any = None
    is_finished: bool = False
    private_order: torch.Tensor | None = None
    sampler_epoch: int | None = None


class LoaderView:
    """A loader as the constructor of a resumed iterator sees it."""

    def __init__(self, loader: Any, **changes: Any) -> None:
        self._loader = loader
        self.__dict__.update(changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class Position:
    """Of one epoch of one loader; it outlives the iterator.

    Args:
        loader: The loader, whose iterator is about to be made.
        resumed: Where the epoch goes on; None for one that begins.
    """

    def __init__(self, loader: Any, resumed: Resumed | None) -> None:
        if resumed is not None and not resumed.is_finished:
            own_epoch = _epoch_of(generators.sampler_of(loader))
            if resumed.sampler_epoch is not None and own_epoch != resumed.sampler_epoch:
                resumed = None  # set_epoch has said otherwise
        self.loader_view: Any = loader
        self.resumed = _epoch_to_resume(loader, resumed)
        self.begun = self.resumed or Resumed()
        self.fetcher: Any = None
        self.is_iterable = loader._dataset_kind == _DatasetKind.Iterable
        self.parts: dict[str, Any] | None = None  # of the plan, once somebody asked
        self._watched: keys.WatchedKeys | None = None
        self._skipped = 0
        self.base_generators: dict[str, torch.Tensor] = {}
        self._iterator: Callable[[], Any] = lambda: None
        self._restore(loader, resumed)
        self._begin(loader)
        if self.resumed is not None:
            self.base_generators = {**self.base_generators, **self.resumed.generators}
        self._make_view(loader)

    def _begin(self, loader: Any) -> None:
        of = generators.of(loader, keys.draws_globally(loader))
        self.base_generators = {name: generators.read(each) for name, each in of.items()}
        self.sampler_epoch = _epoch_of(generators.sampler_of(loader))
        self.base_seed: int | None = None
        self.round = self.begun.round
        self.keys: int | None = 0
        self.yielded = 0
        self.is_finished = False

    def begin_round(self, loader: Any) -> None:
        """A kept iterator is about to begin another epoch."""
        seed, number = self.base_seed, self.round
        self.begun, self._skipped, self.parts = Resumed(), 0, None
        if self._watched is not None:
            self._watched.clear()
        self._begin(loader)
        self.base_seed, self.round = seed, number + 1

    def attach(self, iterator: Any) -> None:
        """The iterator of this position has been made."""
        self.base_seed = int(iterator._base_seed)
        self._iterator = weakref.ref(iterator)
        if isinstance(iterator, Counted):
            iterator._position = self
        if self.resumed is not None and self._watched is None:
            iterator._index_sampler = self._index_keys  # for later epochs
        self.fetcher = getattr(iterator, "_dataset_fetcher", None)
        if self.resumed is not None and self.is_iterable:
            self._resume_iterable(iterator)
        self.loader_view = None

    def refresh(self) -> None:
        """Asks the iterator, if it still is; one that does not report each batch does so at its end."""
        iterator = self._iterator()
        if isinstance(iterator, Counted):
            iterator._report()

    def count(self, yielded: int, behind: int | None) -> None:
        self.yielded = yielded
        self.keys = behind
        if self._watched is not None and behind is not None:
            self._watched.forget(self._skipped + behind)

    @property
    def batches(self) -> int:
        """Handed out in this epoch."""
        return self.begun.yielded + self.yielded

    @property
    def keys_behind(self) -> int | None:
        return None if self.keys is None else self.begun.keys + self.keys

    @property
    def order(self) -> int | None:
        """As Resumed.order."""
        if self.begun.order is not None or self._watched is None or self.begun.keys:
            return self.begun.order
        return self._watched.first

    def sampler_state(self) -> Any:
        """The sampler's own state after the batches that were handed out; None where it keeps none."""
        if self._watched is None or self.keys is None:
            return None
        return copy.deepcopy(self._watched.state_after(self._skipped + self.keys))

    def dataset_state(self) -> tuple[Any, Any]:
        """Of an iterable-style dataset and its iterator in this process; None where they keep none."""
        if self.fetcher is None or not self.is_iterable:
            return None, None
        parts: tuple[Any, Any] = (self.fetcher.dataset, getattr(self.fetcher, "dataset_iter", None))
        dataset, iterator = (
            copy.deepcopy(each.state_dict()) if _keeps_state(each) else None for each in parts
        )
        return dataset, iterator

    @contextlib.contextmanager
    def replayed(self) -> Iterator[None]:
        """Within it the iterator is made: torch's generators are those of the epoch's beginning."""
        resumed = self.resumed
        state = resumed.generators.get("torch") if resumed is not None else None
        with generators.put_back(resumed is not None and not resumed.is_finished):
            if state is not None:
                torch.set_rng_state(state)
            yield

    def _restore(self, loader: Any, resumed: Resumed | None) -> None:
        """Generators, sampler and dataset as they were."""
        if resumed is None:
            return
        for name, generator in generators.of(loader, False).items():
            if name in resumed.generators:
                generators.write(generator, resumed.generators[name])
        owner = keys.stateful(loader)
        if owner is not None and resumed.sampler is not None:
            owner.load_state_dict(resumed.sampler)
        if resumed.dataset is not None:
            loader.dataset.load_state_dict(resumed.dataset)

    def _make_view(self, loader: Any) -> None:
        self._index_keys = index_keys = loader._index_sampler
        if self.resumed is not None and self.resumed.private_order is not None:
            index_keys = keys.with_generator(loader, self.resumed.private_order)
        owner = keys.stateful(loader)
        if not keys.is_known(loader) or owner is not None:
            self._watched = keys.WatchedKeys(index_keys, owner)
            index_keys = self._watched
        changes: dict[str, Any] = {}
        resumed = self.resumed
        if resumed is not None:
            self._skipped = resumed.keys if resumed.sampler is None and not self.is_iterable else 0
            draws_seed = resumed.round == 0 and resumed.base_seed is not None
            index_keys = keys.ResumedKeys(
                index_keys,
                self._skipped,
                resumed.order,
                2 if loader.num_workers > 0 else 1,
                (lambda: _draw_seed(loader.generator)) if draws_seed else None,
            )
            changes = {"_stoker_base_seed": resumed.base_seed, "_stoker_round": resumed.round}
            if resumed.base_seed is not None:
                changes["generator"] = torch.Generator()  # torch's constructor draws once more
        if index_keys is not loader._index_sampler:
            self.loader_view = LoaderView(loader, _index_sampler=index_keys, **changes)

    def _resume_iterable(self, iterator: Any) -> None:
        resumed = self.resumed
        assert resumed is not None
        if resumed.dataset_iterator is not None:
            self.fetcher.dataset_iter.load_state_dict(resumed.dataset_iterator)
        elif resumed.dataset is None:
            self.begun = Resumed()
            with contextlib.suppress(StopIteration):
                for _ in range(resumed.yielded):
                    next(iterator)


def _epoch_to_resume(loader: Any, resumed: Resumed | None) -> Resumed | None:
    """None where the epoch is to begin as any other."""
    if resumed is None or not resumed.is_finished:
        return resumed
    if loader.persistent_workers and resumed.base_seed is not None:  # a kept iterator goes on with its seed
        return Resumed(base_seed=resumed.base_seed, round=resumed.round + 1, is_finished=True)
    return None


def _draw_seed(generator: torch.Generator | None) -> None:
    torch.empty((), dtype=torch.int64).random_(generator=generator)


def _epoch_of(sampler: Any) -> int | None:
    epoch = getattr(sampler, "epoch", None)
    return epoch if isinstance(epoch, int) and callable(getattr(sampler, "set_epoch", None)) else None


def _keeps_state(each: Any) -> bool:
    return callable(getattr(each, "state_dict", None)) and callable(getattr(each, "load_state_dict", None))
