"""Albumentations 2.0.0 to 2.0.8 as native operators, and the transform that carries a Compose to a dataset.

Draws are the engine's own: `Compose(seed=...)` does not reach them, and two flips never share a coin.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

from stoker.lowering.recipe import NotNative, RecipeBuilder, numbers, own_functions, whole_numbers

_INTERPOLATIONS = {0: "nearest", 1: "bilinear", 2: "bicubic", 3: "area", 4: "lanczos", 6: "nearest_exact"}
_OVERRIDES = {"apply", "apply_with_params", "get_params", "get_params_dependent_on_data", "should_apply"}
_ON_PIXELS = {"Resize", "RandomResizedCrop", "RandomBrightnessContrast", "Normalize"}
_MOVES = {"HorizontalFlip", "VerticalFlip", "CenterCrop", "RandomCrop"}


class AlbumentationsTransform:
    """An Albumentations Compose as the transform of an image dataset.

    Called with a PIL image it is exactly `compose(image=numpy.array(image))["image"]`;
    `stoker.torch.DataLoader` reads the Compose instead and runs it natively where every part is known. It
    pickles if the Compose does.

    Attributes:
        compose: The Compose.
    """

    def __init__(self, compose: Any) -> None:
        if not callable(compose):
            raise TypeError(f"compose is a {type(compose).__name__}, allowed is an Albumentations Compose")
        self.compose = compose

    def __call__(self, image: Any) -> Any:
        """The transformed image: an array (H, W, C), or a tensor (C, H, W) after ToTensorV2."""
        return self.compose(image=np.array(image))["image"]

    def __repr__(self) -> str:
        return f"stoker.albumentations({self.compose!r})"


def albumentations(compose: Any) -> AlbumentationsTransform:
    """Makes an Albumentations Compose usable as `ImageFolder(root, stoker.albumentations(compose))`.

    Args:
        compose: An `albumentations.Compose` that takes and returns `image`, uint8 (H, W, 3) in RGB order.

    Returns:
        A picklable callable from a PIL image to `compose`'s result.

    Raises:
        TypeError: `compose` is not callable.
        ValueError: A transform in it was given arguments that Albumentations does not know and has ignored.
    """
    _check_arguments(compose)
    return AlbumentationsTransform(compose)


def _check_arguments(transform: Any) -> None:
    unknown = getattr(transform, "invalid_args", None)
    if unknown:
        raise ValueError(
            f"{type(transform).__name__} was given {', '.join(unknown)}, which this version of Albumentations"
            " ignores; remove or rename these arguments"
        )
    for child in getattr(transform, "transforms", None) or ():
        _check_arguments(child)


def walk(builder: RecipeBuilder, transform: Any) -> None:
    """Adds `transform` and everything in it to `builder`; what is not native is refused there by name.

    Raises:
        ValueError: A transform holds arguments that Albumentations has ignored.
    """
    _check_arguments(transform)
    version = str(getattr(sys.modules.get("albumentations"), "__version__", "unknown"))
    if not re.fullmatch(r"2\.0\.[0-8]", version):
        builder.refuse("albumentations", f"version {version} (native for 2.0.0 to 2.0.8)")
        return
    _walk(builder, transform)


def _walk(builder: RecipeBuilder, transform: Any) -> None:
    cls = type(transform)
    leaf = cls.__name__
    module = cls.__module__
    known = (
        module.startswith("albumentations.") and getattr(sys.modules[module], cls.__qualname__, None) is cls
    )
    if not known:
        builder.refuse(leaf, "user code")
        return
    try:
        if not own_functions(cls, "albumentations") or _OVERRIDES & vars(transform).keys():
            raise NotNative("a method is replaced")
        if leaf == "Compose":
            _check_compose(transform)
            for child in transform.transforms:
                _walk(builder, child)
            return
        if leaf not in _ON_PIXELS | _MOVES | {"ToTensorV2"}:
            raise NotNative("no native operator")
        if transform.deterministic or transform.replay_mode:
            raise NotNative("in replay mode")
        if transform._key2func["image"].__func__ is not cls.apply:
            raise NotNative("a method is replaced")
        if builder.stage == "tensor":
            raise NotNative("after ToTensorV2")
        _lower(builder, transform, leaf)
    except NotNative as problem:
        builder.refuse(leaf, str(problem))


def _check_compose(compose: Any) -> None:
    if compose.p < 1:
        raise NotNative(f"p={compose.p}")
    if compose.processors:
        raise NotNative(f"with {', '.join(compose.processors)}")
    if compose.replay_mode or compose.save_applied_params:
        raise NotNative("it records what was applied")


def _interpolation(value: int) -> str:
    if value not in _INTERPOLATIONS:
        raise NotNative(f"interpolation {value}")
    return _INTERPOLATIONS[value]


def _lower(builder: RecipeBuilder, transform: Any, leaf: str) -> None:
    p = float(transform.p)
    always = p >= 1
    if leaf in _ON_PIXELS and builder.dtype != "uint8":
        raise NotNative("after Normalize (native on uint8)")
    if getattr(transform, "area_for_downscale", None) is not None:
        raise NotNative(f"area_for_downscale={transform.area_for_downscale!r}")
    if getattr(transform, "pad_if_needed", False):
        raise NotNative("pad_if_needed=True")

    if leaf == "HorizontalFlip":
        builder.move(leaf, "horizontal_flip", {"p": p})
    elif leaf == "VerticalFlip":
        builder.move(leaf, "vertical_flip", {"p": p})
    elif leaf in ("CenterCrop", "RandomCrop"):
        size = whole_numbers((transform.height, transform.width), (2,))
        if leaf == "RandomCrop":
            builder.move(leaf, "random_crop", {"size": size, "p": p}, fixes_shape=always)
        else:
            crop = {"size": size, "rounding": "down", "small": "error", "p": p}
            builder.move(leaf, "center_crop", crop, fixes_shape=always)
    elif leaf == "Resize":
        resize = {
            "size": whole_numbers((transform.height, transform.width), (2,)),
            "resampler": "opencv",
            "interpolation": _interpolation(transform.interpolation),
            "p": p,
        }
        builder.move(leaf, "resize", resize, fixes_shape=always)
    elif leaf == "RandomResizedCrop":
        crop = {
            "size": whole_numbers(transform.size, (2,)),
            "scale": numbers(transform.scale, (2,)),
            "ratio": numbers(transform.ratio, (2,)),
            "resampler": "opencv",
            "interpolation": _interpolation(transform.interpolation),
            "p": p,
        }
        builder.move(leaf, "random_resized_crop", crop, fixes_shape=always)
    elif leaf == "RandomBrightnessContrast":
        if not transform.brightness_by_max or transform.ensure_safe_range:
            raise NotNative("native with brightness_by_max=True and ensure_safe_range=False")
        limits = {
            "brightness": numbers(transform.brightness_limit, (2,)),
            "contrast": numbers(transform.contrast_limit, (2,)),
            "p": p,
        }
        builder.move(leaf, "brightness_contrast", limits)
    elif leaf == "Normalize":
        if transform.normalization != "standard" or not always:
            raise NotNative("native with normalization='standard' and p=1")
        values = {
            "mean": numbers(transform.mean, (1, 3)),
            "std": numbers(transform.std, (1, 3)),
            "max_value": float(transform.max_pixel_value),
        }
        builder.compute(leaf, "normalize", values)
        builder.dtype = "float32"
        builder.is_normalized = True
    elif not always:  # ToTensorV2
        raise NotNative(f"p={p}")
    else:
        builder.stage, builder.layout, builder.sample = "tensor", "chw", "tensor"
        builder.note(leaf, "native (layout)")
