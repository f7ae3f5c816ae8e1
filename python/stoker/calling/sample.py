"""One sample of a call, taken apart by target and put together again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stoker.calling import masks as mask_bytes
from stoker.calling.rows import Rows
from stoker.lowering.targets import Targets

Array = npt.NDArray[Any]

_OWN = {
    "image": "image",
    "images": "images",
    "mask": "mask",
    "masks": "masks",
    "bboxes": "bboxes",
    "keypoints": "keypoints",
}
_REFUSED = ("volume", "volumes", "mask3d", "masks3d")


def kinds_of(targets: Targets) -> dict[str, str]:
    """What each key of a call is.

    Raises:
        ValueError: An additional target of another kind than "image", "mask", "bboxes" or "keypoints".
    """
    for name, kind in targets.additional:
        if kind not in ("image", "mask", "bboxes", "keypoints"):
            raise ValueError(
                f"additional_targets: {name!r} is {kind!r}, allowed are 'image', 'mask', 'bboxes' and"
                " 'keypoints'; call the Compose itself for others."
            )
    return {**_OWN, **dict(targets.additional)}


@dataclass
class Plane:
    """One image or mask on its way.

    Attributes:
        key: Its name in the call.
        place: Which of a list it is; -1 for one that stands alone.
        is_mask: Moved, never coloured.
        pixels: (H, W) or (H, W, C).
    """

    key: str
    place: int
    is_mask: bool
    pixels: Any


class Sample:
    """The targets of one call.

    Attributes:
        planes: Images and masks, the one that gives the size first.
        boxes: By key.
        keypoints: By key.
    """

    def __init__(self, data: Mapping[str, Any], kinds: Mapping[str, str], targets: Targets) -> None:
        self._data = dict(data)
        self._lists: dict[str, bool] = {}  # by key of several: whether a list was given
        self.planes: list[Plane] = []
        self.boxes: dict[str, Rows] = {}
        self.keypoints: dict[str, Rows] = {}
        self._label_fields: dict[str, tuple[str, ...]] = {}
        for key, value in data.items():
            if key in _REFUSED and value is not None:
                raise ValueError(f"{key}: volumes are not native; call the Compose itself.")
            kind = kinds.get(key)
            if kind is None or value is None:
                continue
            if kind in ("image", "mask"):
                self.planes.append(Plane(key, -1, kind == "mask", _pixels(key, value)))
            elif kind in ("images", "masks"):
                self._add_several(key, value, kind == "masks")
            else:
                self._add_rows(key, value, kind, targets)
        self.planes.sort(key=lambda plane: (plane.is_mask, plane.key != "image"))
        if not self.planes or self.planes[0].is_mask:
            raise ValueError("there is no image; call with image=array (H, W, C).")
        height, width = self.planes[0].pixels.shape[:2]
        for plane in self.planes:
            if plane.pixels.shape[:2] != (height, width):
                raise ValueError(
                    f"{plane.key} is {plane.pixels.shape[0]} x {plane.pixels.shape[1]} pixels, the image is"
                    f" {height} x {width}; images and masks of a call need one size."
                )

    @property
    def image(self) -> Any:
        return self.planes[0].pixels

    def _add_several(self, key: str, value: Any, is_mask: bool) -> None:
        is_list = isinstance(value, (list, tuple))
        if not is_list and (not isinstance(value, np.ndarray) or value.ndim not in (3, 4)):
            raise TypeError(f"{key} must be a list of arrays or an array (N, H, W) or (N, H, W, C).")
        self._lists[key] = is_list
        if is_list and len({(each.shape, each.dtype) for each in map(np.asarray, value)}) > 1:
            raise ValueError(f"{key} differ in shape or dtype; they must be alike.")
        for place, each in enumerate(value):
            self.planes.append(Plane(key, place, is_mask, _pixels(key, each)))

    def _add_rows(self, key: str, value: Any, kind: str, targets: Targets) -> None:
        settings = targets.boxes if kind == "bboxes" else targets.keypoints
        if settings is None:
            return  # as the library, which then moves nothing and complains only of what it would move
        width = 4 if kind == "bboxes" else len(settings.format)
        missing = [name for name in settings.label_fields if name not in self._data]
        if missing:
            raise ValueError(f"{missing[0]}: label_fields names it, and the call does not; give one a row.")
        is_first = not (self.boxes if kind == "bboxes" else self.keypoints)
        names = settings.label_fields if is_first else ()
        labels = {name: self._data[name] for name in names}
        if len(value) == 0:
            labels = {}
        self._label_fields[key] = names
        rows = Rows.read(key, value, width, labels)
        (self.boxes if kind == "bboxes" else self.keypoints)[key] = rows

    @property
    def has_wide_masks(self) -> bool:
        """Whether a mask is handed over as bytes, which may be moved and not computed with."""
        return any(plane.is_mask and plane.pixels.dtype != np.uint8 for plane in self.planes)

    def fields(self) -> list[tuple[bool, Array]]:
        """What the engine gets: (is a mask, pixels)."""
        fields = []
        for plane in self.planes:
            pixels = plane.pixels
            if not isinstance(pixels, np.ndarray):
                raise TypeError(
                    f"{plane.key} is a {type(pixels).__name__} before a native transform, allowed is an"
                    " array; ToTensorV2 comes last."
                )
            if plane.is_mask and pixels.dtype != np.uint8:
                pixels = mask_bytes.as_bytes(pixels)
            fields.append((plane.is_mask, np.ascontiguousarray(pixels)))
        return fields

    def take(self, outputs: list[Array]) -> None:
        """Puts the engine's pixels in the place of those that it got; images may be channels first then."""
        for plane, pixels in zip(self.planes, outputs, strict=True):
            like = plane.pixels
            if plane.is_mask and pixels.dtype != like.dtype:
                plane.pixels = mask_bytes.from_bytes(pixels, like)
            elif like.ndim == 2 and pixels.shape[-1] == 1:
                plane.pixels = pixels[..., 0]
            else:
                plane.pixels = pixels

    def several(self, key: str) -> list[Any]:
        return [plane.pixels for plane in self.planes if plane.key == key]

    def pixel_targets(self) -> Iterator[tuple[str, Any]]:
        """(key, array), lists stacked, as a transform of the library gets them."""
        done = set()
        for plane in self.planes:
            if plane.place < 0:
                yield plane.key, plane.pixels
            elif plane.key not in done:
                done.add(plane.key)
                yield plane.key, np.stack(self.several(plane.key))

    def put(self, key: str, value: Any) -> None:
        """Takes back what a transform of the library made of a target."""
        for plane in self.planes:
            if plane.key == key:
                plane.pixels = value if plane.place < 0 else value[plane.place]

    def result(self) -> dict[str, Any]:
        """The call's keys with their targets as they are now."""
        out = dict(self._data)
        for plane in self.planes:
            if plane.place < 0:
                out[plane.key] = plane.pixels
        for key, is_list in self._lists.items():
            several = self.several(key)
            if several:
                out[key] = several if is_list else _stacked(several)
        for key, rows in (*self.boxes.items(), *self.keypoints.items()):
            names = self._label_fields[key]
            for name in names:
                out.pop(name, None)
            out[key], labels = rows.written(names)
            out |= labels
        return out


def _pixels(key: str, value: Any) -> Array:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{key} must be an array (H, W) or (H, W, C), got {type(value).__name__}.")
    if value.ndim not in (2, 3) or value.size == 0:
        raise ValueError(f"{key} has the shape {value.shape}, allowed are (H, W) and (H, W, C), none 0.")
    return value


def _stacked(several: list[Any]) -> Any:
    if isinstance(several[0], np.ndarray):
        return np.stack(several)
    import torch

    return torch.stack(several)
