"""Reads pipelines and datasets of other libraries and says what the engine would do for them."""

from __future__ import annotations

import sys
from typing import Any

from stoker.lowering import from_albumentations
from stoker.lowering.from_albumentations import AlbumentationsTransform, albumentations
from stoker.lowering.recipe import NotNative, PythonStep, Recipe, RecipeBuilder, RefusedRecipe, Step

__all__ = [
    "AlbumentationsTransform",
    "NotNative",
    "Recipe",
    "RefusedRecipe",
    "Step",
    "albumentations",
    "from_transforms",
    "recipe_of",
]


def from_transforms(transform: Any) -> Recipe | RefusedRecipe:
    """Turns a torchvision (v1, v2) or Albumentations 2.0.x pipeline into native operators.

    Args:
        transform: A torchvision transform or Compose, an Albumentations Compose, or
            `stoker.albumentations(compose)`.

    Returns:
        An object with `.operators` (for `stoker.Loader`), `.layout` ("chw" or "hwc"), `.dtype` ("uint8",
        "float32", "float16" or "bfloat16"; "auto" where a step in Python has the say), `.report`, one line
        for each leaf of the pipeline: what it is natively, or why it runs in Python (see `stoker.in_python`)
        or cannot run here at all, and `.refusals`, those that cannot. Where there are any, everything but
        these two raises a ValueError that lists them.

    Raises:
        ValueError: Albumentations was given arguments that it has ignored.
    """
    try:
        return recipe_of(transform)
    except NotNative as problem:
        return RefusedRecipe(problem)


def recipe_of(transform: Any, **decoding: str) -> Recipe:
    """As `from_transforms`, where all of it has to be native or a step in Python.

    Args:
        transform: As there.
        **decoding: The `color` and `image_dtype` of its images, where they are not uint8 RGB.

    Raises:
        NotNative: Something in it is not; with the report.
        ValueError: Albumentations was given arguments that it has ignored.
    """
    builder = RecipeBuilder(accepts_python=True)
    wrapped = type(transform) is AlbumentationsTransform
    inner = transform.compose if wrapped else transform
    if wrapped or type(inner).__module__.split(".")[0] == "albumentations":
        from_albumentations.walk(builder, inner)
    elif inner is None:
        builder.refuse("transform", "None: PIL images cannot be made into a batch")
    elif "torch" not in sys.modules:
        builder.refuse(type(inner).__name__, "user code")
    else:
        from stoker.lowering import from_torchvision

        from_torchvision.walk(builder, inner)
        last = next(reversed(builder.steps), None)
        if builder.stage == "pixels" and isinstance(last, PythonStep):
            builder.refuse(last.leaf.label, "user code, of which nobody knows whether it gives a tensor")
        elif builder.stage == "pixels":
            builder.refuse(type(inner).__name__, "it ends with a PIL image; add ToTensor or PILToTensor")
    return builder.finish(decoding)
