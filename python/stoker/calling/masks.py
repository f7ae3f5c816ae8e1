"""Masks of any dtype for an engine that resamples bytes.

Where a mask is only moved (nearest neighbours, nothing but zeros filled in), its elements may as well be
channels of bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from stoker.lowering.recipe import AnyStep, GroupStep


def moves_bytes(steps: Iterable[AnyStep]) -> bool:
    """Whether no step interpolates masks or fills them with anything but 0."""
    for step in steps:
        if isinstance(step, GroupStep):
            if not moves_bytes(step.children):
                return False
            continue
        fill = step.parameters.get("fill_mask", 0)
        if np.any(np.asarray(fill)):
            return False
        if "nearest" not in str(step.parameters.get("mask_interpolation", "nearest")):
            return False
    return True


def as_bytes(mask: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`mask`, uint8 (H, W, channels * bytes of an element)."""
    dense = np.ascontiguousarray(mask)
    height, width = dense.shape[:2]
    return dense.view(np.uint8).reshape(height, width, -1)


def from_bytes(pixels: npt.NDArray[Any], like: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The mask of moved bytes, with the dtype and the number of axes of `like`."""
    mask = pixels.view(like.dtype)
    return mask.reshape(mask.shape[:2] + like.shape[2:])
