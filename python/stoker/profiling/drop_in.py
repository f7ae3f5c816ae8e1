"""What stoker's drop-in would make of a loader of torch."""

from __future__ import annotations

import sys
from typing import Any

from stoker.profiling.record import Profile

# What a loader in worker processes is bound by, and a native one may do sooner.
_WORK = ("decode", "operator", "store", "python", "hand-off")


def suggest_drop_in(loader: Any, profile: Profile) -> None:
    """Makes the drop-in the remedy where it would load this natively; else a note says what is in its way."""
    if type(loader) is not sys.modules["torch.utils.data"].DataLoader:
        return
    from stoker.torch import DataLoader

    batches: dict[str, Any] = {"batch_sampler": loader.batch_sampler}
    if loader.batch_sampler is None:
        batches = {"batch_size": None, "sampler": loader.sampler}
    try:
        twin: Any = DataLoader(
            loader.dataset, **batches, collate_fn=loader.collate_fn, num_workers=loader.num_workers
        )
        tier, *reasons = twin.explain().splitlines()
    except Exception:  # of the user's data set or sampler: then nothing is suggested
        return
    if tier != "tier: native":
        why = "; ".join(line.strip() for line in reasons) or "it is not known there"
        profile.notes.append(f"stoker.torch.DataLoader would leave this loader to torch ({why})")
    elif profile.verdict.bound_by in _WORK:
        profile.verdict.remedy = (
            "Load it natively: from stoker.torch import DataLoader, in place of torch's, and nothing else. "
            "stoker.advise then says what packing would add."
        )
