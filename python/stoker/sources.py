"""Which samples exist: folders, lists of files, arrays in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
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


def files(paths: Iterable[str | os.PathLike[str]], labels: Any | None = None) -> Source:
    """Samples are image files, in the order given.

    Args:
        paths: Paths of the files; they are opened when a sample is wanted, not before.
        labels: One value a file: an array of any dtype and shape whose first axis is the file, or a
            sequence of numbers, or of any Python objects (handed through by reference).

    Raises:
        ValueError: The numbers of paths and labels differ, or a path is empty.
    """
    if isinstance(paths, (str, bytes, os.PathLike)) or not isinstance(paths, Iterable):
        raise TypeError(
            f"files: paths must be a sequence of paths, got {paths!r}; put a single path in a list."
        )
    native = _native.FilesSource([_path("files: a path", path) for path in paths])
    if len(native) == 0:
        raise ValueError("files: there are no paths; give at least one.")
    return Source(native, labels, origin="files")


def arrays(images: Any, labels: Any | None = None, *, layout: str = "nhwc") -> Source:
    """Samples are images in memory; the array is used where it lies and must not change during an epoch.

    Args:
        images: (N, H, W, C), (N, C, H, W) with layout="nchw", or (N, H, W); NumPy or a CPU tensor. uint8
            for the operators that resample; float32 for normalize, flips and crops; other dtypes for flips
            and crops.
        labels: As for `files`.
        layout: "nhwc", or "nchw" (which is copied once to NHWC).

    Raises:
        ValueError: A wrong number of axes, of labels, or an unknown layout.
    """
    array = _tensor_as_array(images) if hasattr(images, "detach") else np.asarray(images)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(
            f"arrays: images must be an array of numbers, got {type(images).__name__} of {array.dtype}."
        )
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if layout not in ("nhwc", "nchw"):
        raise ValueError(f"arrays: layout must be 'nhwc' or 'nchw', got {layout!r}.")
    if layout == "nchw":
        if array.ndim != 4:
            raise ValueError(f"arrays: layout 'nchw' needs 4 axes, got {array.ndim}.")
        array = array.transpose(0, 2, 3, 1)
    return Source(_native.ArraysSource(np.ascontiguousarray(array)), labels, origin="arrays")
