"""MixUp and CutMix: each sample of a finished batch mixed with the one before it.

The arithmetic is torchvision's: images and labels are rolled by one and weighted, each product and sum
rounded in the dtype of the images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stoker import _native
from stoker.errors import StokerError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class _Mix:
    """What both have: their arguments, and labels that become soft."""

    num_classes: int | None = None
    alpha: float = 1.0

    def __post_init__(self) -> None:
        name = type(self).__name__
        count = self.num_classes
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise ValueError(f"{name}: num_classes must be an integer of at least 1 or None, got {count!r}.")
        if isinstance(self.alpha, bool) or not isinstance(self.alpha, (int, float)):
            raise TypeError(f"{name}: alpha must be a number above 0, got {self.alpha!r}.")
        if not 0 < self.alpha < math.inf:
            raise ValueError(f"{name}: alpha must be a number above 0, got {self.alpha!r}.")

    def _soft(self, labels: Array, own_share: float) -> Array:
        """(batch, classes) float32; label i is mixed with label i - 1."""
        name = type(self).__name__
        if labels.ndim == 1 and labels.dtype.kind in "iu":
            count = self.num_classes
            if count is None:
                raise ValueError(
                    f"{name}: num_classes is None, and labels are class numbers; give num_classes."
                )
            whole = np.ascontiguousarray(labels, np.int64)
            try:
                return np.asarray(_native.mix_labels(whole, count, own_share))
            except ValueError as problem:
                raise ValueError(f"{name}: {problem}") from None
        if labels.ndim == 2 and labels.dtype in (np.float16, np.float32, np.float64):
            if self.num_classes not in (None, labels.shape[1]):
                raise ValueError(
                    f"{name}: labels have {labels.shape[1]} classes, num_classes is {self.num_classes}."
                )
            soft = np.array(labels, order="C")
            _native.mix_up(soft, own_share)
            return soft
        raise ValueError(
            f"{name}: labels are {labels.dtype} of shape {labels.shape}, allowed are integers (batch,)"
            " and floats (batch, classes)."
        )

    def _taken(self, images: Any) -> Any:
        """The images, if they can be written to where they lie."""
        if isinstance(images, np.ndarray) and not (images.flags.c_contiguous and images.flags.writeable):
            raise ValueError(f"{type(self).__name__}: images must be C-contiguous and writable.")
        return images


class MixUp(_Mix):
    """A weighted sum of each image with the one before it, as `torchvision.transforms.v2.MixUp`.

    Args:
        num_classes: Of the labels; None where labels are probabilities (batch, classes) already.
        alpha: Both parameters of the Beta distribution of lambda, the share of a sample that stays; above 0.
    """

    def draw(self, random: np.random.RandomState, height: int, width: int) -> dict[str, float]:
        """lam: the share of each sample that stays."""
        return {"lam": float(random.beta(self.alpha, self.alpha))}

    def apply(self, images: Any, labels: Array, draw: Mapping[str, float], layout: str) -> Array:
        """Mixes images (batch, ...) in place, without the GIL; gives the labels (batch, classes).

        Args:
            images: float32, float16, bfloat16 (as DLPack) or float64; C-contiguous and writable.
            labels: Class numbers, or floats (batch, classes).
            draw: As `draw` gives it.
            layout: "chw" or "hwc", of no meaning here.

        Raises:
            ValueError: Images or labels of another dtype or shape.
        """
        soft = self._soft(labels, draw["lam"])
        _native.mix_up(self._taken(images), draw["lam"])
        return soft


class CutMix(_Mix):
    """A rectangle of the image before it in each image, as `torchvision.transforms.v2.CutMix`.

    Args:
        num_classes: Of the labels; None where labels are probabilities (batch, classes) already.
        alpha: Both parameters of the Beta distribution of lambda; the rectangle has the share 1 - lambda of
            the image before it is cut off at the border. Above 0.
    """

    def draw(self, random: np.random.RandomState, height: int, width: int) -> dict[str, float]:
        """x1, y1, x2, y2: the rectangle in pixels, ends excluded. lam: the share of each image that stays."""
        lam = float(random.beta(self.alpha, self.alpha))
        x, y = int(random.randint(width)), int(random.randint(height))
        half = 0.5 * math.sqrt(1.0 - lam)
        half_width, half_height = int(half * width), int(half * height)
        x1, x2 = max(x - half_width, 0), min(x + half_width, width)
        y1, y2 = max(y - half_height, 0), min(y + half_height, height)
        return {
            "x1": x1,
            "y1": y1,
            "x2": x2,
            "y2": y2,
            "lam": 1.0 - (x2 - x1) * (y2 - y1) / (width * height),
        }

    def apply(self, images: Any, labels: Array, draw: Mapping[str, float], layout: str) -> Array:
        """Mixes images (batch, ...) in place, without the GIL; gives the labels (batch, classes).

        Args:
            images: Of any dtype, bfloat16 as DLPack; C-contiguous and writable.
            labels: Class numbers, or floats (batch, classes).
            draw: As `draw` gives it.
            layout: "chw" or "hwc".

        Raises:
            ValueError: Labels of another dtype or shape, or a rectangle outside of the images.
        """
        soft = self._soft(labels, draw["lam"])
        box = [int(draw[name]) for name in ("x1", "y1", "x2", "y2")]
        _native.cut_mix(self._taken(images), layout == "chw", box)
        return soft


def check_mix(mix: Any, source: Any, dtype: str, shapes: str) -> tuple[MixUp | CutMix, ...]:
    """`mix` of a loader as a tuple.

    Raises:
        ValueError, TypeError: It is something else, or the loader's batches cannot be mixed.
    """
    if mix is None:
        return ()
    several = tuple(mix) if isinstance(mix, Sequence) and not isinstance(mix, str) else (mix,)
    for each in several:
        if not isinstance(each, (MixUp, CutMix)):
            raise TypeError(f"mix must be stoker.MixUp, stoker.CutMix or a list of them, got {each!r}.")
    if not several:
        raise ValueError("mix is an empty list; give None, or what to choose from.")
    if source.has_more_fields or not source.has_labels or source.label_objects is not None:
        raise ValueError("mix needs a source of images with labels that are numbers, and no further fields.")
    if shapes != "dense":
        raise ValueError(f"mix needs shapes='dense', got {shapes!r}.")
    takes_integers = all(isinstance(each, CutMix) for each in several)
    if dtype not in ("float32", "float16", "bfloat16", "auto") and not takes_integers:
        raise ValueError(f"MixUp needs dtype='float32', 'float16' or 'bfloat16', got {dtype!r}.")
    return several


def mixed(
    mix: Sequence[MixUp | CutMix], images: Any, labels: Array, layout: str, key: tuple[int, ...]
) -> tuple[Any, Array]:
    """The batch, its images changed in place, and its labels (batch, classes).

    Args:
        mix: One of them is chosen, each as often.
        images: (batch, C, H, W) or (batch, H, W, C), not empty.
        labels: Class numbers or probabilities.
        layout: "chw" or "hwc".
        key: All that random numbers follow from.
    """
    if len(images.shape) != 4:
        raise StokerError(f"mix: images are of shape {images.shape}, expected are four axes.")
    bits = _native.hash64(f"mix {key}".encode())
    random = np.random.RandomState([bits & 0xFFFFFFFF, bits >> 32])
    chosen = mix[int(random.randint(len(mix)))]
    height, width = images.shape[2:] if layout == "chw" else images.shape[1:3]
    return images, chosen.apply(images, labels, chosen.draw(random, height, width), layout)
