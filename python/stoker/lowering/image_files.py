"""`stoker.torch.ImageDataset`, and datasets that promise by `__stoker__` to be one, as sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stoker.errors import SampleError
from stoker.lowering import from_transforms
from stoker.lowering.recipe import NotNative, Recipe, RecipeBuilder, own_functions

_READS_SAMPLES = ("__getitem__", "__getitems__")


@dataclass(frozen=True)
class Form:
    """What a sample of the dataset is, where that is not (image, target).

    Attributes:
        is_dict: A dict of the targets by name, as from `ImageDataset` with masks or boxes; else an image.
        has_target: It holds a target.
        masks: Names of the masks.
    """

    is_dict: bool
    has_target: bool
    masks: tuple[str, ...] = ()


def image_dataset(leaf: Any) -> Any | None:
    """The ImageDataset that `leaf` is, or says to be; None where it says nothing of the kind.

    Raises:
        NotNative: It is one that has been changed, or does not keep its word.
    """
    from stoker.torch.image_dataset import ImageDataset

    cls = type(leaf)
    name = cls.__name__
    if cls is ImageDataset:
        if not own_functions(cls, "stoker") or any(each in vars(leaf) for each in _READS_SAMPLES):
            raise NotNative(f"{name}: a method is replaced")
        return leaf
    if not hasattr(cls, "__stoker__"):
        return None
    by = next(base for base in cls.__mro__ if "__stoker__" in vars(base))
    readers = [base for base in cls.__mro__ if any(each in vars(base) for each in _READS_SAMPLES)]
    if any(by is not base and issubclass(base, by) for base in readers):
        raise NotNative(f"{name}: __getitem__ is newer than the __stoker__ of {by.__name__}")
    given = leaf.__stoker__()
    if type(given) is not ImageDataset:
        if not isinstance(given, tuple) or len(given) != 3:
            raise NotNative(
                f"{name}.__stoker__() gave {type(given).__name__}, allowed are (paths, targets, transform)"
                " and an ImageDataset"
            )
        given = ImageDataset(*given)
    if len(given) != len(leaf):
        raise NotNative(f"{name}: it has {len(leaf)} samples, its __stoker__() gave {len(given)}")
    return given


def read_image_files(parts: Sequence[Any]) -> tuple[Any, list[Recipe], list[Any] | None, Form | None]:
    """The source of ImageDatasets end to end, the recipe of each, the targets and the form of a sample.

    The targets are None where they are the column "target" of the source, or where there are none.

    Raises:
        NotNative: A pipeline or target stays in Python, or the parts differ in kind.
    """
    from stoker import _native

    first = parts[0]
    for part in parts:
        _check_masks(part)
    kinds = {(part.has_more, part.targets is None, tuple(part.masks)) for part in parts}
    if len(kinds) > 1:
        raise NotNative("ConcatDataset: its parts have different targets")
    recipes = [_recipe(part) for part in parts]
    source = _native.FilesSource([path for part in parts for path in part.paths])
    for name in first.masks:
        source.add_field(name, "mask", [path for part in parts for path in part.masks[name]])
    targets = _targets(parts)
    if targets is not None and set(map(type, targets)) <= {int}:
        try:
            source.add_column("target", np.array(targets, dtype=np.int64))
            targets = None
        except OverflowError:
            pass
    form = None
    if first.has_more or first.targets is None:
        form = Form(is_dict=first.has_more, has_target=first.targets is not None, masks=tuple(first.masks))
    return source, recipes, targets, form


def _check_masks(dataset: Any) -> None:
    """Looks at the first masks: the engine resamples bytes alone."""
    if not dataset.masks or not len(dataset):
        return
    try:
        first = dataset.decoded(0)
    except SampleError:
        return  # told when the sample is wanted
    for name in dataset.masks:
        if first[name].dtype != np.uint8:
            raise NotNative(f"mask {name!r} of {first[name].dtype} (native: 8 bits)")


def _targets(parts: Sequence[Any]) -> list[Any] | None:
    if parts[0].targets is None:
        return None
    return [target for part in parts for target in part.targets]


def _recipe(dataset: Any) -> Recipe:
    if dataset.boxes is not None or dataset.keypoints is not None:
        raise NotNative("ImageDataset with boxes or keypoints")
    if dataset.transform is None:
        return RecipeBuilder().finish()
    recipe = from_transforms(dataset.transform)
    moved = {"mask", *(name for name, kind in recipe.targets.additional if kind == "mask")}
    if strangers := set(dataset.masks) - moved:
        raise NotNative(f"mask {min(strangers)!r}, which the pipeline does not know as a mask")
    if dataset.masks and _transposes_masks(dataset.transform):
        raise NotNative("ToTensorV2: transpose_mask")
    return recipe


def _transposes_masks(transform: Any) -> bool:
    compose = getattr(transform, "compose", transform)
    return bool(getattr(compose, "transpose_mask", False)) or any(
        _transposes_masks(child) for child in getattr(compose, "transforms", None) or ()
    )
