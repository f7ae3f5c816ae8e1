"""Image files, their targets and a transform as a dataset of torch."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from stoker import _native
from stoker.errors import SampleError
from stoker.lowering import AlbumentationsTransform

_COLORS = ("rgb", "bgr", "gray", "unchanged")
_DTYPES = ("uint8", "uint16", "int16", "int32", "float32")
Paths = Iterable[str | os.PathLike[str]]


class ImageDataset(Dataset[Any]):
    """Samples of image files, in any DataLoader; `stoker.torch.DataLoader` makes them in the engine.

    Images are decoded by stoker, in JPEG, PNG, WebP, TIFF or .npy, to uint8 RGB (H, W, 3) as Pillow's
    `convert("RGB")` would, the orientation in the file left alone; `color` and `image_dtype` say otherwise.
    An Albumentations pipeline (or what `stoker.compile` made of one) is called as
    `transform(image=array, ...)`; any other transform, as torchvision's, with a PIL image; without a
    transform the array itself is the image.

    A sample is `(image, target)`, or the image alone without targets. With masks, boxes or keypoints, which
    take an Albumentations pipeline, it is a dict of "image", the masks by name, "bboxes", "keypoints", the
    label fields, and "target" where there are targets.

    A dataset of your own becomes native in the same way where its class has a method
    `def __stoker__(self): return paths, targets, transform`, or one that returns an ImageDataset: the promise
    that its samples are those of `ImageDataset(paths, targets, transform)`, asked for at every epoch.

    Args:
        paths: Paths of the image files.
        targets: One value a file: an array, a tensor or a sequence; None for none.
        transform: What is done to each sample.
        masks: Paths of masks, one a file, read as they are: class numbers (H, W), never coloured. A single
            list is named "mask"; other names, in a dict, are additional targets of the pipeline.
        boxes: For each file its boxes in the format of the pipeline's `bbox_params`.
        keypoints: For each file its keypoints in the format of its `keypoint_params`.
        labels: For each label field of the pipeline its values for each file, one a box or keypoint.
        color: "rgb", "bgr", "gray" (H, W, 1) or "unchanged" (each file's own channels, up to 64).
        image_dtype: Of the files: "uint8" (files of 16 bits are scaled down to 8), or "uint16", "int16",
            "int32" or "float32", which are kept as they are; a file of another dtype cannot be read.

    Raises:
        ValueError: Numbers of paths, targets, masks, boxes, keypoints or labels differ; masks, boxes,
            keypoints, another color or dtype without an Albumentations pipeline; a name is given twice.
        TypeError: A path is none.
    """

    def __init__(
        self,
        paths: Paths,
        targets: Any = None,
        transform: Callable[..., Any] | None = None,
        *,
        masks: Paths | Mapping[str, Paths] | None = None,
        boxes: Sequence[Any] | None = None,
        keypoints: Sequence[Any] | None = None,
        labels: Mapping[str, Sequence[Any]] | None = None,
        color: str = "rgb",
        image_dtype: str = "uint8",
    ) -> None:
        self.paths = _listed("paths", paths)
        self.targets = targets
        if targets is not None and not isinstance(targets, (list, tuple, np.ndarray, torch.Tensor)):
            self.targets = list(targets)
        self.transform = transform
        named = masks if isinstance(masks, Mapping) else {} if masks is None else {"mask": masks}
        self.masks = {name: _listed(f"masks {name!r}", given) for name, given in named.items()}
        self.boxes = boxes
        self.keypoints = keypoints
        self.labels = dict(labels or {})
        self.color = color
        self.image_dtype = image_dtype
        for name, value, allowed in (("color", color, _COLORS), ("image_dtype", image_dtype, _DTYPES)):
            if value not in allowed:
                raise ValueError(f"ImageDataset: {name} is {value!r}, allowed are {', '.join(allowed)}.")
        names = ["image", *self.masks, "bboxes", "keypoints", *self.labels, "target"]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"ImageDataset: the name {name!r} is taken twice; rename the mask or label.")
        counted = {"targets": self.targets, "boxes": boxes, "keypoints": keypoints}
        for name, given in {**counted, **self.masks, **self.labels}.items():
            if given is not None and len(given) != len(self.paths):
                raise ValueError(
                    f"ImageDataset: {name} has {len(given)} values for {len(self.paths)} paths; give one."
                )
        if self.has_more and not _takes_names(transform):
            raise ValueError(
                "ImageDataset: masks, boxes and keypoints need an Albumentations pipeline as transform, got"
                f" {type(transform).__name__}."
            )
        is_rgb = (color, image_dtype) == ("rgb", "uint8")
        if not is_rgb and transform is not None and not _takes_names(transform):
            raise ValueError(
                f"ImageDataset: color={color!r} with image_dtype={image_dtype!r} needs an Albumentations"
                f" pipeline as transform, or none, got {type(transform).__name__}."
            )

    @property
    def has_more(self) -> bool:
        """Whether a sample is a dict, of more than an image and a target."""
        return bool(self.masks) or self.boxes is not None or self.keypoints is not None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        """The sample at `index`, negative ones from the end.

        Raises:
            IndexError: There is no such sample.
            stoker.SampleError: A file is missing or damaged; the message names it.
        """
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"sample {index} is outside of {len(self)} samples")
        place %= len(self)
        given = self.decoded(place)
        if self.boxes is not None:
            given["bboxes"] = self.boxes[place]
        if self.keypoints is not None:
            given["keypoints"] = self.keypoints[place]
        if self.has_more:
            given |= {name: values[place] for name, values in self.labels.items()}
        made = self._transformed(given)
        if self.has_more:
            return made if self.targets is None else {**made, "target": self.targets[place]}
        return made["image"] if self.targets is None else (made["image"], self.targets[place])

    def decoded(self, place: int) -> dict[str, Any]:
        """The image and the masks by name, as the transform gets them.

        Raises:
            stoker.SampleError: A file is missing or damaged.
        """
        # Nothing is kept, so that any thread or process may call at any time.
        source = _native.FilesSource([self.paths[place]])
        for name, paths in self.masks.items():
            source.add_field(name, "mask", [paths[place]])
        run = _native.Run(
            source,
            [],
            seed=0,
            dtype="auto",
            layout="hwc",
            color=self.color,
            image_dtype=self.image_dtype,
            conversion="pillow",
            shapes="list",
        )
        try:
            run.submit(np.zeros(1, np.int64), 0)
            batch = run.next()
            return {"image": batch.images[0], **{name: batch.field(name)[0] for name in self.masks}}
        except SampleError as problem:
            said = str(problem).replace("(sample 0)", f"(sample {place})", 1)
            raise SampleError(said, [{**each, "index": place} for each in problem.errors]) from None
        finally:
            run.close()

    def _transformed(self, given: dict[str, Any]) -> dict[str, Any]:
        transform = self.transform
        if transform is None:
            return given
        if type(transform) is AlbumentationsTransform:
            transform = transform.compose
        if _takes_names(transform):
            made = transform(**given)
            return {name: made[name] for name in given}
        from PIL import Image

        return {"image": transform(Image.fromarray(given["image"]))}

    def __repr__(self) -> str:
        return f"<stoker.torch.ImageDataset of {len(self)} files, transform={self.transform!r}>"


def _listed(name: str, paths: Any) -> list[str]:
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError(f"ImageDataset: {name} must be a sequence of paths, got {paths!r}.")
    return [os.fsdecode(path) for path in paths]


def _takes_names(transform: Any) -> bool:
    """Whether a transform is called with targets by name, as Albumentations does it."""
    if type(transform) is AlbumentationsTransform:
        return True
    packages = {base.__module__.split(".")[0] for base in type(transform).__mro__}
    return "albumentations" in packages or type(transform).__module__ == "stoker.calling.compose"
