"""Batches in between that only the dataset itself can answer for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch.utils.data.dataloader import _DatasetKind


@dataclass(frozen=True)
class ByTorch:
    """Keys of a batch that the engine does not know: none at all, slices, numbers outside of the dataset."""

    keys: Any

    def fetch(self, iterator: Any) -> Any:
        """What torch makes of them, or the error that it raises."""
        fetcher = _DatasetKind.create_fetcher(  # type: ignore[no-untyped-call]
            iterator._dataset_kind,
            iterator._dataset,
            iterator._auto_collation,
            iterator._collate_fn,
            iterator._drop_last,
        )
        return fetcher.fetch(self.keys)
