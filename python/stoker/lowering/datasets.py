"""Datasets of torch and torchvision as sources of the engine.

A dataset is recognised by its exact type: a subclass may have changed what an index means. It is looked at
anew for every epoch, because users change `transform` and `samples` in between.
"""

from __future__ import annotations

import bisect
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from stoker.lowering import recipe_of
from stoker.lowering.arrays import Rows, is_rows, recognise_rows
from stoker.lowering.image_arrays import image_array, is_image_array
from stoker.lowering.image_files import Form, image_dataset, read_image_files
from stoker.lowering.keys import Indices, KeyedSamples, flatten
from stoker.lowering.listed_files import KeptFiles
from stoker.lowering.recipe import NotNative, Recipe, own_functions

TargetTransform = Callable[[Any], Any] | None


@dataclass(frozen=True)
class Samples(KeyedSamples):
    """A dataset of images that the engine can read.

    Attributes:
        source: The engine's source.
        recipe: What is done to each image.
        targets: Target of each index in the source where these are not all integers, otherwise None.
        target_transforms: First index in the source of each part, and the part's target_transform.
        form: What a sample is; None for (image, target).
    """

    source: Any
    recipe: Recipe
    targets: list[Any] | None = None
    target_transforms: tuple[tuple[int, ...], tuple[TargetTransform, ...]] | None = None
    form: Form | None = None

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


def recognise(dataset: Any, kept: KeptFiles, *, accepts_truncated: bool) -> Samples | Rows:
    """Builds the source for `dataset`.

    Args:
        dataset: A map-style dataset.
        kept: What the loader made of its files before.
        accepts_truncated: The run has a policy for bad files, so Pillow's own leniency does not matter.

    Raises:
        NotNative: The dataset or its transform stays in Python.
    """
    leaves, keys = flatten(dataset)
    if is_rows(leaves[0]):
        return recognise_rows(dataset, leaves, keys)
    if is_image_array(leaves[0]):
        return _image_arrays(dataset, leaves, keys)
    if (first := image_dataset(leaves[0])) is not None:
        return _image_files(dataset, [first, *map(image_dataset, leaves[1:])], keys)
    return _images(dataset, leaves, keys, accepts_truncated, kept)


def _image_arrays(dataset: Any, leaves: list[Any], keys: Indices | None) -> Samples:
    from stoker import _native

    if any(type(leaf) is not type(leaves[0]) for leaf in leaves):
        raise NotNative("ConcatDataset: its parts are of different types")
    parts = [image_array(leaf) for leaf in leaves]
    images = parts[0][0] if len(parts) == 1 else np.concatenate([each for each, _, _ in parts])
    source = _native.ArraysSource(images)
    source.add_column("target", np.concatenate([targets for _, targets, _ in parts]))
    starts = [0, *itertools.accumulate(len(targets) for _, targets, _ in parts)]
    return Samples(
        source=source,
        recipe=_common_recipe([recipe for _, _, recipe in parts]),
        dataset=dataset,
        count=len(images) if keys is None else len(keys),
        keys=keys,
        target_transforms=_target_transforms(leaves, starts),
    )


def _image_files(dataset: Any, parts: list[Any], keys: Indices | None) -> Samples:
    if None in parts:
        raise NotNative("ConcatDataset: its parts are of different types")
    source, recipes, targets, form = read_image_files(parts)
    return Samples(
        source=source,
        recipe=_common_recipe(recipes, gives_labels=form is not None and form.is_dict),
        dataset=dataset,
        count=len(source) if keys is None else len(keys),
        keys=keys,
        targets=targets,
        form=form,
    )


def _common_recipe(recipes: list[Recipe], *, gives_labels: bool = False) -> Recipe:
    if not gives_labels and any(recipe.targets.label_fields for recipe in recipes):
        raise NotNative("boxes or keypoints with label_fields, which the dataset does not give")
    if any(recipe != recipes[0] for recipe in recipes):
        raise NotNative("ConcatDataset: its parts have different transforms")
    return recipes[0]


def _target_transforms(
    leaves: list[Any], starts: list[int]
) -> tuple[tuple[int, ...], tuple[TargetTransform, ...]] | None:
    transforms = tuple(leaf.target_transform for leaf in leaves)
    return (tuple(starts[: len(leaves)]), transforms) if any(t is not None for t in transforms) else None


def _images(
    dataset: Any, leaves: list[Any], keys: Indices | None, accepts_truncated: bool, kept: KeptFiles
) -> Samples:
    folder = sys.modules.get("torchvision.datasets.folder")
    if not accepts_truncated and getattr(sys.modules.get("PIL.ImageFile"), "LOAD_TRUNCATED_IMAGES", False):
        raise NotNative("ImageFile.LOAD_TRUNCATED_IMAGES is set (native with on_error='replace' or 'skip')")
    recipes: list[Recipe] = []
    for leaf in leaves:
        _check_folder(leaf, folder)
        recipes.append(recipe_of(leaf.transform))
    recipe = _common_recipe(recipes)
    listed = kept.of([leaf.samples for leaf in leaves])
    count = len(listed.source)
    return Samples(
        source=listed.source,
        recipe=recipe,
        dataset=dataset,
        count=count if keys is None else len(keys),
        keys=keys,
        targets=listed.targets,
        target_transforms=_target_transforms(leaves, listed.starts),
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
