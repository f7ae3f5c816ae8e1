"""Datasets of torch and torchvision as sources of the engine.

A dataset is recognised by its exact type: a subclass may have changed what an index means. The source is
built anew for every epoch, because users change `transform` and `samples` in between.
"""

from __future__ import annotations

import bisect
import operator
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from stoker.lowering import from_transforms
from stoker.lowering.recipe import NotNative, Recipe, own_functions

_FORMATS = {"jpg", "jpeg", "jpe", "jfif", "png"}
_VIEWS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

Indices = npt.NDArray[np.int64]
TargetTransform = Callable[[Any], Any] | None


@dataclass(frozen=True)
class Samples:
    """A dataset that the engine can read.

    Attributes:
        source: The engine's source.
        recipe: What is done to each image; None for a TensorDataset.
        dataset: The dataset itself, asked for its own error when a key is not one of its own.
        keys: Index in the source for each key of the dataset; None where both are the same.
        targets: Target of each index in the source where these are not all integers, otherwise None.
        target_transforms: First index in the source of each part, and the part's target_transform.
        dtypes: Of each tensor of a TensorDataset.
    """

    source: Any
    recipe: Recipe | None
    dataset: Any
    count: int
    keys: Indices | None = None
    targets: list[Any] | None = None
    target_transforms: tuple[tuple[int, ...], tuple[TargetTransform, ...]] | None = None
    dtypes: tuple[torch.dtype, ...] = ()

    def indices(self, keys: Iterable[Any]) -> Indices:
        """Indices in the source for the keys of one batch; negative keys count from the end.

        Raises:
            IndexError: A key is outside of the dataset.
            TypeError: A key is not an integer.
        """
        listed = list(keys)
        try:
            result = np.fromiter(map(operator.index, listed), np.int64, len(listed))
        except TypeError:
            raise TypeError(f"the sampler gave the keys {listed!r}, native loading takes integers") from None
        outside = (result < -self.count) | (result >= self.count)
        if outside.any():
            raise IndexError(f"key {listed[int(outside.argmax())]} is outside of {self.count} samples")
        result[result < 0] += self.count
        return result if self.keys is None else self.keys[result]

    def python_targets(self, batch: Any) -> tuple[Any, ...] | None:
        """The targets of a batch where Python has a hand in them; None where they are the column "target"."""
        if self.targets is not None:
            values = [self.targets[index] for index in batch.indices]
        elif self.target_transforms is not None:
            values = batch.column("target").tolist()
        else:
            return None
        if self.target_transforms is not None:
            starts, transforms = self.target_transforms
            for place, index in enumerate(batch.indices.tolist()):
                transform = transforms[bisect.bisect_right(starts, index) - 1]
                if transform is not None:
                    values[place] = transform(values[place])
        return tuple(values)


def recognise(dataset: Any, *, accepts_truncated: bool) -> Samples:
    """Builds the source for `dataset`.

    Args:
        dataset: A map-style dataset.
        accepts_truncated: The run has a policy for bad files, so Pillow's own leniency does not matter.

    Raises:
        NotNative: The dataset or its transform stays in Python.
    """
    leaves, keys = _flatten(dataset)
    if len(leaves) == 1 and type(leaves[0]) is TensorDataset:
        return _tensors(dataset, leaves[0], keys)
    return _images(dataset, leaves, keys, accepts_truncated)


def _flatten(dataset: Any) -> tuple[list[Any], Indices | None]:
    cls = type(dataset)
    if cls not in (Subset, ConcatDataset):
        return [dataset], None
    if not own_functions(cls, "torch") or "__getitems__" in vars(dataset):
        raise NotNative(f"{cls.__name__}: a method is replaced")
    if cls is Subset:
        leaves, keys = _flatten(dataset.dataset)
        return leaves, _subset(dataset.indices, len(dataset.dataset), keys)
    if dataset.cumulative_sizes != ConcatDataset.cumsum(dataset.datasets):  # type: ignore[no-untyped-call]
        raise NotNative("ConcatDataset: a part has changed its length")
    leaves, parts, offset = [], [], 0
    for part in dataset.datasets:
        below, keys = _flatten(part)
        parts.append((np.arange(len(part), dtype=np.int64) if keys is None else keys) + offset)
        offset += sum(len(leaf) for leaf in below)
        leaves += below
    return leaves, np.concatenate(parts)


def _subset(indices: Sequence[Any], count: int, keys: Indices | None) -> Indices:
    try:
        chosen = np.fromiter(map(operator.index, indices), np.int64, len(indices))
    except TypeError:
        raise NotNative("Subset: its indices are not all integers") from None
    if chosen.size and (chosen.min() < -count or chosen.max() >= count):
        raise NotNative(f"Subset: an index is outside of its {count} samples")
    chosen[chosen < 0] += count
    return chosen if keys is None else keys[chosen]


def _images(dataset: Any, leaves: list[Any], keys: Indices | None, accepts_truncated: bool) -> Samples:
    from stoker import _native

    folder = sys.modules.get("torchvision.datasets.folder")
    if not accepts_truncated and getattr(sys.modules.get("PIL.ImageFile"), "LOAD_TRUNCATED_IMAGES", False):
        raise NotNative("ImageFile.LOAD_TRUNCATED_IMAGES is set (native with on_error='replace' or 'skip')")
    recipes: list[Recipe] = []
    samples: list[tuple[Any, Any]] = []
    starts: list[int] = []
    for leaf in leaves:
        _check_folder(leaf, folder)
        recipes.append(from_transforms(leaf.transform))
        starts.append(len(samples))
        samples += leaf.samples
    if any(recipe != recipes[0] for recipe in recipes):
        raise NotNative("ConcatDataset: its parts have different transforms")
    paths = [path if type(path) is str else os.fsdecode(path) for path, _ in samples]
    endings = {path[-5:] for path in paths}  # few and soon made, where paths are millions
    formats = {ending.rpartition(".")[2].lower() for ending in endings} - _FORMATS
    if formats:
        raise NotNative(f"files of the format {', '.join(sorted(formats)[:5])} (native: JPEG, PNG)")
    source = _native.FilesSource(paths)
    targets: list[Any] | None = [target for _, target in samples]
    try:
        if set(map(type, targets or ())) <= {int}:
            source.add_column("target", np.array(targets, dtype=np.int64))
            targets = None
    except OverflowError:
        pass
    transforms = tuple(leaf.target_transform for leaf in leaves)
    return Samples(
        source=source,
        recipe=recipes[0],
        dataset=dataset,
        count=len(paths) if keys is None else len(keys),
        keys=keys,
        targets=targets,
        target_transforms=(tuple(starts), transforms) if any(t is not None for t in transforms) else None,
    )


def _check_folder(leaf: Any, folder: Any) -> None:
    name = type(leaf).__name__
    if folder is None or type(leaf) not in (folder.ImageFolder, folder.DatasetFolder):
        raise NotNative(f"dataset {name}: user code")
    if not own_functions(type(leaf), "torchvision") or "__getitems__" in vars(leaf):
        raise NotNative(f"{name}: a method is replaced")
    if leaf.loader not in (folder.default_loader, folder.pil_loader):
        raise NotNative(f"{name}: loader={getattr(leaf.loader, '__name__', leaf.loader)!r}")
    for function in (folder.default_loader, folder.pil_loader):
        if function.__module__ != folder.__name__:
            raise NotNative(f"{name}: {function.__name__} is replaced")
    backend = sys.modules["torchvision"].get_image_backend()
    if leaf.loader is folder.default_loader and backend != "PIL":
        raise NotNative(f"{name}: the image backend is {backend}")


def _tensors(dataset: Any, leaf: Any, keys: Indices | None) -> Samples:
    from stoker import _native

    if not own_functions(TensorDataset, "torch") or "__getitems__" in vars(leaf):
        raise NotNative("TensorDataset: a method is replaced")
    count = len(leaf)
    source = _native.RowsSource(count)
    for place, tensor in enumerate(leaf.tensors):
        source.add_column(str(place), _rows(tensor))
    return Samples(
        source=source,
        recipe=None,
        dataset=dataset,
        count=count if keys is None else len(keys),
        keys=keys,
        dtypes=tuple(tensor.dtype for tensor in leaf.tensors),
    )


def _rows(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """The tensor as an array of the same bytes, in integers of the same width."""
    if type(tensor) is not torch.Tensor or tensor.layout is not torch.strided or tensor.device.type != "cpu":
        raise NotNative(f"TensorDataset: a {type(tensor).__name__} on {tensor.device} ({tensor.layout})")
    if tensor.requires_grad or tensor.is_quantized or tensor.is_conj() or tensor.is_neg():
        raise NotNative("TensorDataset: a tensor that requires grad, is quantized or conjugated lazily")
    if tensor.numel() == 0:
        raise NotNative("TensorDataset: an empty tensor")
    dense = tensor.contiguous()
    if dense.element_size() not in _VIEWS:
        raise NotNative(f"TensorDataset: {tensor.dtype}")
    rows: npt.NDArray[Any] = dense.view(_VIEWS[dense.element_size()]).numpy()
    return rows
