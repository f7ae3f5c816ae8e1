"""One epoch of a DataLoader as the engine would run it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import _utils
from torch.utils.data.dataloader import _DatasetKind

from stoker import _native
from stoker.lowering.arrays import Rows
from stoker.lowering.datasets import Samples, recognise
from stoker.lowering.listed_files import KeptFiles
from stoker.lowering.recipe import NotNative, Recipe
from stoker.lowering.rows_plan import RowsPlan, plan_rows
from stoker.lowering.seeding import only_seeds


@dataclass(frozen=True)
class Plan:
    """Everything that an epoch needs, already accepted by the engine.

    Attributes:
        samples: The dataset.
        operators: What is done to each image.
        options: Keyword arguments of the engine's run, without the seed.
        collates: The batch is complete as it leaves the engine; otherwise a collate_fn gets samples.
        report: Lines for `explain()`.
    """

    samples: Samples
    operators: list[Any]
    options: dict[str, Any]
    collates: bool
    report: list[str]

    def start(self, seed: int, **options: Any) -> Any:
        """A run; its threads start with the first batch. `options` go before the plan's own."""
        return _native.Run(self.samples.source, self.operators, seed=seed, **{**self.options, **options})


def plan_epoch(loader: Any) -> Plan | RowsPlan:
    """Lowers what `loader` is now.

    Raises:
        NotNative: torch has to run it.
    """
    if loader._dataset_kind != _DatasetKind.Map:
        raise NotNative("an iterable-style dataset")
    if not loader._auto_collation:
        raise NotNative("batch_size=None")
    begins_workers = loader.num_workers > 0 and loader.worker_init_fn is not None
    if begins_workers and not only_seeds(loader.worker_init_fn):
        raise NotNative("worker_init_fn expects worker processes, as far as one can see")
    if loader.num_workers == 0 and loader.timeout != 0:
        raise NotNative("timeout without workers")
    if loader.num_workers > 0 and not loader.prefetch_factor:
        raise NotNative(f"prefetch_factor={loader.prefetch_factor}")
    try:
        kept = loader.__dict__.setdefault("_stoker_files", KeptFiles())
        samples = recognise(loader.dataset, kept, accepts_truncated=loader.on_error != "raise")
        plan = _accepted(loader, samples)
    except NotNative:
        raise
    except (ValueError, TypeError) as problem:
        raise NotNative(str(problem)) from problem
    if begins_workers:
        if not plan.collates or getattr(samples, "target_transforms", None) is not None:
            raise NotNative(
                "worker_init_fn seeds generators that collate_fn or target_transform may draw from"
            )
        plan.report.append("worker_init_fn: only seeds generators, from which nothing draws here")
    return plan


def _accepted(loader: Any, samples: Samples | Rows) -> Plan | RowsPlan:
    """The plan, once the engine has agreed to it."""
    collates = loader.collate_fn is _utils.collate.default_collate and _is_default_collate()
    threads = _threads(loader)
    if isinstance(samples, Rows):
        return plan_rows(loader, samples, threads, collates=collates)
    options: dict[str, Any] = {
        "threads": threads,
        "shares_cores": loader.threads == "auto",
        "on_error": loader.on_error,
        "max_bad": loader.max_bad,
        # torch needs a batch in work for each worker; here all threads fill the same one.
        "max_active_batches": (loader.prefetch_factor or 2) if threads else 1,
    }
    # Kept by the loader, so that the second epoch finds the memory of the first.
    options["buffers"] = loader.__dict__.setdefault(
        "_stoker_buffers", _native.Buffers(options["max_active_batches"] + 1)
    )
    recipe = samples.recipe
    operators = recipe.operators
    report = [f"dataset: {type(loader.dataset).__name__} of {samples.count}", *recipe.report]
    if loader.threads is None and threads < loader.num_workers:
        report.append(f"num_workers={loader.num_workers}: {threads} threads, one for each core it may use")
    options |= {
        "dtype": recipe.dtype,
        "layout": recipe.layout,
        **recipe.decoding,
        "color": _color(loader, recipe),
        "exif": loader.exif,
        "decoder": loader.decoder,
        "conversion": "pillow",
        "shapes": "dense" if collates or recipe.is_fixed_shape else "list",
    }
    rows = samples.form.rows if samples.form is not None else ()
    if rows:
        options |= {**recipe.targets.options(), "checks_results": True}
    for target in rows:
        behind = f", with {', '.join(target.labels)}" if target.labels else ""
        report.append(f"{target.key}: native ({target.settings.format}{behind})")
    if not collates:
        report.append("collate_fn: user code, gets native samples")
    plan = Plan(samples, operators, options, collates, report)
    plan.start(seed=0).close()
    return plan


def _color(loader: Any, recipe: Recipe) -> str:
    """The dataset's, unless the loader has another one to itself."""
    own = recipe.decoding.get("color", loader.color)
    if loader.color not in ("rgb", own):
        raise NotNative(f"color={loader.color!r} of the DataLoader and {own!r} of the dataset")
    return str(own)


def _is_default_collate() -> bool:
    """Whether torch's table of collate functions is as torch made it."""
    collate = _utils.collate
    table = collate.default_collate_fn_map
    own = all(function.__module__ == collate.__name__ for function in table.values())
    images, labels = table.get(torch.Tensor), table.get(int)
    return own and images is collate.collate_tensor_fn and labels is collate.collate_int_fn


def _threads(loader: Any) -> int:
    if loader.threads is None and loader.num_workers == 0:
        return 0
    cores = _native.usable_cores()
    if loader.threads is None:
        # Scripts carry numbers of workers from machine to machine; more threads than cores only disturb.
        most: int = math.ceil(min(cores["affinity"], cores["quota"] or math.inf))
        return min(int(loader.num_workers), max(1, most))
    if loader.threads != "auto":
        return int(loader.threads)
    tuner = loader.__dict__.get("_stoker_tuner")
    return int(cores["threads"]) if tuner is None else tuner.count
