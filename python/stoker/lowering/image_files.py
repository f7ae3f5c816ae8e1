"""`stoker.torch.ImageDataset`, and datasets that promise by `__stoker__` to be one, as sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stoker.calling.compose import CompiledCompose
from stoker.errors import SampleError
from stoker.lowering import recipe_of
from stoker.lowering.image_rows import RowTarget, joined, row_targets
from stoker.lowering.recipe import NotNative, Recipe, RecipeBuilder, own_functions

# What Albumentations moves by itself under these names.
_TARGETS = ("images", "mask", "masks", "volume", "volumes", "mask3d", "masks3d")
_READS_SAMPLES = ("__getitem__", "__getitems__")


@dataclass(frozen=True)
class Form:
    """What a sample of the dataset is, where that is not (image, target).

    Attributes:
        is_dict: A dict of the targets by name, as from `ImageDataset` with masks or boxes; else an image.
        has_target: It holds a target.
        masks: Names of the masks.
        rows: Boxes and keypoints, each with the labels that follow them.
        labels: Values of each index in the source that come along as they are, by name.
        order: The names of boxes, keypoints and all labels as they stand in a sample.
    """

    is_dict: bool
    has_target: bool
    masks: tuple[str, ...] = ()
    rows: tuple[RowTarget, ...] = ()
    labels: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def columns(self, batch: Any) -> dict[str, list[Any]]:
        """Boxes, keypoints and labels of a batch by name, a value a sample."""
        made: dict[str, list[Any]] = {}
        for target in self.rows:
            made |= target.taken(batch)
        indices = batch.indices.tolist()
        made |= {name: [values[index] for index in indices] for name, values in self.labels.items()}
        return {name: made[name] for name in self.order}


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
    if len(set(map(_kind, parts))) > 1:
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
        form = _form(parts, recipes[0])
        for target in form.rows:
            target.add_to(source)
    return source, recipes, targets, form


def _kind(part: Any) -> tuple[Any, ...]:
    has_rows = part.boxes is not None, part.keypoints is not None
    return part.has_more, part.targets is None, *has_rows, tuple(part.masks), tuple(part.labels)


def _form(parts: Sequence[Any], recipe: Recipe) -> Form:
    first = parts[0]
    if not first.has_more:
        return Form(is_dict=False, has_target=first.targets is not None)
    rows = row_targets(parts, recipe.targets)
    moved = {name for target in rows for name in target.labels}
    labels = {name: joined(part.labels[name] for part in parts) for name in first.labels if name not in moved}
    for name in labels:
        if name in _TARGETS or name in dict(recipe.targets.additional):
            raise NotNative(f"labels: {name!r} is a target of the pipeline")
        if getattr(getattr(first.transform, "compose", first.transform), "strict", False):
            raise NotNative(f"labels: {name!r}, which a strict pipeline does not know")
    return Form(
        is_dict=True,
        has_target=first.targets is not None,
        masks=tuple(first.masks),
        rows=rows,
        labels=labels,
        order=(*(target.key for target in rows), *first.labels),
    )


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
    given = {"color": dataset.color, "image_dtype": dataset.image_dtype}
    decoding = {name: value for name, value in given.items() if value not in ("rgb", "uint8")}
    if dataset.transform is None:
        return RecipeBuilder().finish(decoding)
    transform = dataset.transform
    if type(transform) is CompiledCompose and transform.seed is None:
        transform = transform.compose  # the loader draws for it
    recipe = recipe_of(transform, **decoding)
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
