"""torchvision's datasets that keep their images in one array: CIFAR and the family of MNIST."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from stoker.lowering import recipe_of
from stoker.lowering.recipe import AnyStep, GroupStep, NotNative, Recipe, own_functions

# The module of each class, and the shape of its images: 3 channels of a NumPy array, or grey of a tensor.
_CLASSES = {
    "CIFAR10": ("torchvision.datasets.cifar", 4),
    "CIFAR100": ("torchvision.datasets.cifar", 4),
    "MNIST": ("torchvision.datasets.mnist", 3),
    "FashionMNIST": ("torchvision.datasets.mnist", 3),
    "KMNIST": ("torchvision.datasets.mnist", 3),
}

# Operators whose result on a grey image is that of torchvision on a Pillow image of the mode L.
_ON_GREY = {
    *("to_float", "normalize", "resize", "center_crop", "random_crop", "random_resized_crop", "pad"),
    *("horizontal_flip", "vertical_flip", "random_rotation", "random_affine"),
    *("color_jitter", "to_gray", "invert_img", "posterize", "solarize", "equalize", "auto_contrast"),
    *("adjust_sharpness", "gaussian_blur_torch"),
}


def suits_grey(steps: Iterable[AnyStep]) -> bool:
    """Whether these steps are held against torchvision on grey images."""
    return all(
        suits_grey(step.children) if isinstance(step, GroupStep) else step.name in _ON_GREY for step in steps
    )


def is_image_array(leaf: Any) -> bool:
    """Whether a dataset is of a type that `image_array` knows."""
    module = sys.modules.get(_CLASSES.get(type(leaf).__name__, ("", 0))[0])
    return module is not None and type(leaf) is getattr(module, type(leaf).__name__)


def image_array(leaf: Any) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], Recipe]:
    """Images (N, H, W) or (N, H, W, 3), targets, and what is done to each image.

    Raises:
        NotNative: The dataset or its transform stays in Python.
    """
    name = type(leaf).__name__
    if not own_functions(type(leaf), "torchvision") or "__getitems__" in vars(leaf):
        raise NotNative(f"{name}: a method is replaced")
    axes = _CLASSES[name][1]
    images = leaf.data
    if axes == 3 and type(images).__name__ == "Tensor" and images.device.type == "cpu":
        images = images.numpy()
    if (
        type(images) is not np.ndarray
        or images.dtype != np.uint8
        or images.ndim != axes
        or (axes == 4 and images.shape[3] != 3)
    ):
        raise NotNative(
            f"{name}: its data are no longer 8-bit images of {'3 channels' if axes == 4 else 'grey'}"
        )
    targets = _whole_numbers(name, leaf.targets)
    if len(targets) != len(images):
        raise NotNative(f"{name}: {len(images)} images and {len(targets)} targets")
    recipe = recipe_of(leaf.transform)
    if axes == 3:
        for step in recipe.steps:
            if not suits_grey([step]):
                raise NotNative(f"{step.name} on grey images")
    return np.ascontiguousarray(images), targets, recipe


def _whole_numbers(name: str, targets: Iterable[Any]) -> npt.NDArray[np.int64]:
    if type(targets).__name__ == "Tensor":
        targets = targets.tolist()  # type: ignore[attr-defined]
    listed = list(targets)
    if not set(map(type, listed)) <= {int}:
        raise NotNative(f"{name}: its targets are not all integers")
    try:
        return np.array(listed, dtype=np.int64)
    except OverflowError:
        raise NotNative(f"{name}: a target is beyond 64 bits") from None
