"""Which samples exist: folders, lists of files, arrays in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stoker import _native

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")


class Source:
    """A set of samples. Made by `folder`, `files` and `arrays`.

    Attributes:
        classes: Class names, in the order of their labels; empty where there are none.
        class_to_idx: Label of each class name.
    """

    def __init__(
        self, native: _native.Source, labels: Any | None, classes: Sequence[str] = (), origin: str = ""
    ) -> None:
        self.native = native
        self.classes = list(classes)
        self.class_to_idx = {name: label for label, name in enumerate(self.classes)}
        self.label_objects: list[Any] | None = None
        self._origin = origin
        self.has_labels = labels is not None
        if labels is None:
            return
        rows = _as_rows(labels)
        if len(rows) != len(native):
            raise ValueError(f"labels: there are {len(rows)} for {len(native)} samples; give one a sample.")
        if isinstance(rows, np.ndarray):
            native.add_column("label", np.ascontiguousarray(rows))
        else:
            self.label_objects = rows

    def __len__(self) -> int:
        return len(self.native)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Name and kind, "image" or "mask", of what is fetched for each sample; the image first."""
        return [tuple(field) for field in self.native.fields]

    @property
    def has_more_fields(self) -> bool:
        """Whether a sample is more than an image and a label."""
        return len(self.native.fields) > 1 or bool(self.native.ragged_names)

    def __repr__(self) -> str:
        return f"<stoker source: {self._origin}, {len(self)} samples, {len(self.classes)} classes>"

    def path(self, index: int) -> str:
        """Path of the sample at `index`, "" for samples in memory."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} is outside 0 to {len(self) - 1}")
        return str(self.native.path(index))


def _as_rows(labels: Any) -> np.ndarray[Any, Any] | list[Any]:
    """An array where the labels are numbers of one shape, else the objects themselves."""
    if hasattr(labels, "detach"):
        labels = _tensor_as_array(labels)
    if isinstance(labels, np.ndarray) and labels.ndim > 0:
        is_known = labels.dtype.kind in "biuf" and labels.dtype.itemsize <= 8
        return labels.astype(labels.dtype.newbyteorder("="), copy=False) if is_known else list(labels)
    if isinstance(labels, (set, frozenset, dict, str, bytes, np.ndarray)) or not isinstance(labels, Iterable):
        raise TypeError(f"labels must be an array or a sequence with one value a sample, got {labels!r}.")
    objects = list(labels)
    try:
        array = np.asarray(objects)
    except ValueError:  # ragged
        return objects
    return array if array.dtype.kind in "biuf" and len(array) == len(objects) else objects


def _path(name: str, path: Any) -> str:
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(f"{name} must be a string or a path, got {path!r}.") from None


def _tensor_as_array(tensor: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(tensor.detach().cpu())
    except TypeError:  # bfloat16, which NumPy lacks; every value of it is a float32
        return np.asarray(tensor.detach().cpu().float())


def folder(root: str | os.PathLike[str], *, extensions: Sequence[str] = IMAGE_EXTENSIONS) -> Source:
    """Samples of root/<class>/<file>, labelled by class, in torchvision's ImageFolder order.

    Args:
        root: The folder that holds one folder a class.
        extensions: File name endings that count as images, lower case with the dot.

    Returns:
        A source with `classes` and `class_to_idx`; labels are int64.

    Raises:
        ValueError: root is no folder, holds no class folder, or a class holds no image.
        OSError: A folder cannot be read.
    """
    if isinstance(extensions, str) or not all(isinstance(extension, str) for extension in extensions):
        raise TypeError(
            f"folder: extensions must be a sequence of strings such as ('.jpg',), got {extensions!r}."
        )
    root = _path("folder: root", root)
    classes, paths, labels = _native.list_folder(root, [extension.lower() for extension in extensions])
    native = _native.FilesSource(paths, root=root)
    return Source(native, np.asarray(labels, dtype=np.int64), classes, origin=f"folder {os.fspath(root)!r}")


def files(
    paths: Iterable[str | os.PathLike[str]],
    labels: Any | None = None,
    *,
    masks: Iterable[str | os.PathLike[str]] | Mapping[str, Iterable[str | os.PathLike[str]]] | None = None,
    images: Mapping[str, Iterable[str | os.PathLike[str]]] | None = None,
    boxes: Sequence[Any] | None = None,
    keypoints: Sequence[Any] | None = None,
) -> Source:
    """Samples are image files, in the order given.

    Args:
        paths: Paths of the files; they are opened when a sample is wanted, not before.
        labels: One value a file: an array of any dtype and shape whose first axis is the file, or a
            sequence of numbers, or of any Python objects (handed through by reference).
        masks: Paths of masks of the images' size, one a file: class numbers, moved with the image and never
            coloured. Several by name as a dict; a single list is named "mask".
        images: Paths of further images of each sample by name, which get the same operators and draws.
        boxes: For each file the boxes (n, 4) as x_min, y_min, x_max, y_max in shares of width and height.
        keypoints: For each file the keypoints (n, 2 or 4) as x, y[, angle, scale] in pixels and radians.

    Raises:
        ValueError: The numbers of paths and labels differ, or a path is empty.
    """
    native = _native.FilesSource(_paths("files: paths", paths))
    if len(native) == 0:
        raise ValueError("files: there are no paths; give at least one.")
    for kind, given in (("mask", masks), ("image", images)):
        if given is None:
            continue
        named = given if isinstance(given, Mapping) else {kind: given}
        for name, list_of_paths in named.items():
            native.add_field(name, kind, _paths(f"files: {kind}s {name!r}", list_of_paths))
    _add_ragged(native, boxes, keypoints)
    return Source(native, labels, origin="files")


def _paths(name: str, paths: Any) -> list[str]:
    if isinstance(paths, (str, bytes, os.PathLike)) or not isinstance(paths, Iterable):
        raise TypeError(f"{name} must be a sequence of paths, got {paths!r}; put a single path in a list.")
    return [_path(f"{name}: a path", path) for path in paths]


def _add_ragged(native: _native.Source, boxes: Any, keypoints: Any) -> None:
    for name, given in (("boxes", boxes), ("keypoints", keypoints)):
        if given is None:
            continue
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise TypeError(f"{name} must be a sequence with an array a sample, got {given!r}.")
        rows = [_box_rows(name, index, each) for index, each in enumerate(given)]
        starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        native.add_ragged(name, name, np.concatenate([np.zeros((0, 4)), *rows]), starts)


def _box_rows(name: str, index: int, given: Any) -> np.ndarray[Any, Any]:
    rows = np.asarray(given, dtype=np.float64)
    if rows.size == 0:
        return np.zeros((0, 4))
    if rows.ndim == 2 and rows.shape[1] == 2 and name == "keypoints":
        rows = np.concatenate([rows, np.zeros_like(rows)], axis=1)
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise ValueError(f"{name}: sample {index} has the shape {rows.shape}; give (n, 4).")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name}: sample {index} has a value that is not finite.")
    return rows


def arrays(
    images: Any,
    labels: Any | None = None,
    *,
    layout: str = "nhwc",
    masks: Any | None = None,
    boxes: Sequence[Any] | None = None,
    keypoints: Sequence[Any] | None = None,
) -> Source:
    """Samples are images in memory; the array is used where it lies and must not change during an epoch.

    Args:
        images: (N, H, W, C), (N, C, H, W) with layout="nchw", or (N, H, W); NumPy or a CPU tensor. uint8
            for the operators that resample; float32 for normalize, flips and crops; other dtypes for flips
            and crops.
        labels: As for `files`.
        layout: "nhwc", or "nchw" (which is copied once to NHWC).
        masks: (N, H, W) or in the layout of the images: class numbers, moved with the image and never
            coloured. Several by name as a dict; a single array is named "mask".
        boxes, keypoints: As for `files`.

    Raises:
        ValueError: A wrong number of axes, of labels, or an unknown layout.
    """
    if layout not in ("nhwc", "nchw"):
        raise ValueError(f"arrays: layout must be 'nhwc' or 'nchw', got {layout!r}.")
    native = _native.ArraysSource(_pixels("images", images, layout))
    if masks is not None:
        for name, given in (masks if isinstance(masks, Mapping) else {"mask": masks}).items():
            native.add_field(name, "mask", _pixels(f"mask {name!r}", given, layout))
    _add_ragged(native, boxes, keypoints)
    return Source(native, labels, origin="arrays")


def _pixels(name: str, images: Any, layout: str) -> np.ndarray[Any, Any]:
    array = _tensor_as_array(images) if hasattr(images, "detach") else np.asarray(images)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(
            f"arrays: {name} must be an array of numbers, got {type(images).__name__} of {array.dtype}."
        )
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if layout == "nchw" and not (name.startswith("mask") and array.ndim == 3):
        if array.ndim != 4:
            raise ValueError(f"arrays: layout 'nchw' needs 4 axes, got {array.ndim}.")
        array = array.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(array)
