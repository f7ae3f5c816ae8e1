"""Which samples exist: folders, lists of files, arrays in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stoker import _native
from stoker.operators import Operator

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")


class Source:
    """A set of samples. Made by `folder`, `files`, `arrays` and `shards`; pickled, it is made anew.

    Attributes:
        classes: Class names, in the order of their labels; empty where there are none.
        class_to_idx: Label of each class name.
        label_objects: Labels that are no numbers, by sample; None where they are numbers, or in shards.
        tables: Arrays that the samples are made of, by name: labels, boxes, keypoints, images in memory.
        more_paths: Paths of further fields, by name.
        extensions: Name endings that were looked for; None where the files were given.
        done: Operators that the samples have been through, as JSON; of shards alone.
        part: What is known of the files that were packed, which may be gone; of shards alone.
    """

    def __init__(
        self, native: _native.Source, labels: Any | None, classes: Sequence[str] = (), origin: str = ""
    ) -> None:
        self.native = native
        self.classes = list(classes)
        self.class_to_idx = {name: label for label, name in enumerate(self.classes)}
        self.label_objects: list[Any] | None = None
        self.tables: dict[str, np.ndarray[Any, Any]] = {}
        self.more_paths: dict[str, list[str]] = {}
        self.extensions: list[str] | None = None
        self.done: list[dict[str, Any]] = []
        self.part: dict[str, Any] | None = None
        self._origin = origin
        self._made_by: Callable[[], _Call] | None = None
        self.has_labels = labels is not None
        if labels is None:
            return
        rows = _as_rows(labels)
        if len(rows) != len(native):
            raise ValueError(f"labels: there are {len(rows)} for {len(native)} samples; give one a sample.")
        if isinstance(rows, np.ndarray):
            self.tables["label"] = np.ascontiguousarray(rows)
            native.add_column("label", self.tables["label"])
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

    def remaining(self, operators: Sequence[Operator], owner: str, **decoding: str) -> list[Operator]:
        """Of a pipeline's operators those that these samples have not been through; all, but for shards.

        Raises:
            ValueError: They were packed with other operators or another decoding.
        """
        return list(operators)

    def labels_of(self, batch: _native.Batch) -> Any:
        """The labels of a batch: an array, a list of objects, or None."""
        if self.label_objects is not None:
            return [self.label_objects[index] for index in batch.indices]
        return batch.column("label") if self.has_labels else None

    def known(self) -> list[Any]:
        """What tells these samples from others, as JSON, without opening any or looking at all of them."""
        count = len(self)
        places = sorted({place * count // 64 for place in range(64)})
        names = ["/".join(self.path(place).split("/")[-2:]) for place in places if place < count]
        tables = [[name, str(each.dtype), *each.shape] for name, each in sorted(self.tables.items())]
        return [type(self.native).__name__, count, self.fields, names, tables]

    def notes(self) -> list[str]:
        """What `explain()` says of the samples."""
        return []

    def _made(self, made_by: Callable[[], _Call]) -> Source:
        self._made_by = made_by
        return self

    def __reduce__(self) -> Any:
        if self._made_by is None:
            raise TypeError("this source cannot be pickled; make it where it is used.")
        return _made_again, self._made_by()


# What makes a source: a function, its arguments and keyword arguments.
_Call = tuple[Callable[..., Source], tuple[Any, ...], dict[str, Any]]


def _made_again(function: Callable[..., Source], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Source:
    return function(*args, **kwargs)


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
    source = Source(native, np.asarray(labels, dtype=np.int64), classes, origin=f"folder {os.fspath(root)!r}")
    source.extensions = list(extensions)
    return source._made(lambda: (folder, (root,), {"extensions": tuple(extensions)}))


def any_folder(root: str, extensions: Sequence[str] = IMAGE_EXTENSIONS) -> Source:
    """root/<class>/<file>, or without labels the files of a flat folder; for the command line.

    Raises:
        FileNotFoundError: There is no folder, or no image in it.
    """
    if not os.path.isdir(root):
        raise FileNotFoundError(f"{root} is no folder")
    names = sorted(name for name in os.listdir(root) if name.lower().endswith(tuple(extensions)))
    if names:
        source = files([os.path.join(root, name) for name in names])
        source.extensions = list(extensions)
        return source
    try:
        return folder(root, extensions=extensions)
    except ValueError as error:
        raise FileNotFoundError(str(error)) from None


def files(
    paths: Iterable[str | os.PathLike[str]],
    labels: Any | None = None,
    *,
    masks: Iterable[str | os.PathLike[str]] | Mapping[str, Iterable[str | os.PathLike[str]]] | None = None,
    images: Mapping[str, Iterable[str | os.PathLike[str]]] | None = None,
    boxes: Sequence[Any] | None = None,
    box_format: str = "albumentations",
    keypoints: Sequence[Any] | None = None,
    keypoint_format: str = "xyas",
) -> Source:
    """Samples are image files, in the order given.

    Args:
        paths: Paths of the files; they are opened when a sample is wanted, not before.
        labels: One value a file: an array of any dtype and shape whose first axis is the file, or a
            sequence of numbers, or of any Python objects (handed through by reference).
        masks: Paths of masks of the images' size, one a file: class numbers, moved with the image and never
            coloured. Several by name as a dict; a single list is named "mask".
        images: Paths of further images of each sample by name, which get the same operators and draws.
        boxes: For each file its boxes (n, 4), moved, clipped and filtered with the image.
        box_format: "albumentations" (x_min, y_min, x_max, y_max in shares of width and height),
            "pascal_voc" (the same in pixels), "coco" (x_min, y_min, width, height in pixels) or "yolo"
            (centre x, centre y, width, height in shares).
        keypoints: For each file its keypoints, one a row, in pixels and radians.
        keypoint_format: "xyas" (x, y, angle, scale), "xy", "yx", "xya", "xys" or "xysa".

    Raises:
        ValueError: The numbers of paths and labels differ, or a path is empty.
    """
    native = _native.FilesSource(_paths("files: paths", paths))
    if len(native) == 0:
        raise ValueError("files: there are no paths; give at least one.")
    more: dict[str, dict[str, list[str]]] = {"mask": {}, "image": {}}
    for kind, given in (("mask", masks), ("image", images)):
        if given is None:
            continue
        named = given if isinstance(given, Mapping) else {kind: given}
        for name, list_of_paths in named.items():
            more[kind][name] = _paths(f"files: {kind}s {name!r}", list_of_paths)
            native.add_field(name, kind, more[kind][name])
    tables = {
        **_add_ragged(native, "boxes", boxes, box_format),
        **_add_ragged(native, "keypoints", keypoints, keypoint_format),
    }
    source = Source(native, labels, origin="files")
    source.tables.update(tables)
    source.more_paths = {**more["mask"], **more["image"]}
    others: dict[str, Any] = {"boxes": boxes, "box_format": box_format, "keypoints": keypoints}
    others |= {"keypoint_format": keypoint_format, "masks": more["mask"], "images": more["image"]}

    def made_by() -> _Call:  # the engine keeps the paths, in less memory than a list
        return files, ([native.path(index) for index in range(len(native))], labels), others

    return source._made(made_by)


def _paths(name: str, paths: Any) -> list[str]:
    if isinstance(paths, (str, bytes, os.PathLike)) or not isinstance(paths, Iterable):
        raise TypeError(f"{name} must be a sequence of paths, got {paths!r}; put a single path in a list.")
    return [_path(f"{name}: a path", path) for path in paths]


_ROW_NUMBERS = {"xy": 2, "yx": 2, "xya": 3, "xys": 3}


def _add_ragged(
    native: _native.Source, name: str, given: Any, row_format: str
) -> dict[str, np.ndarray[Any, Any]]:
    if given is None:
        return {}
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise TypeError(f"{name} must be a sequence with an array a sample, got {given!r}.")
    width = _ROW_NUMBERS.get(row_format, 4)
    rows = [_rows(name, index, each, width) for index, each in enumerate(given)]
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    values = np.concatenate([np.zeros((0, width)), *rows])
    native.add_ragged(name, name, values, starts, row_format)
    return {f"{name}, {row_format}": values, f"{name}, starts": starts}


def _rows(name: str, index: int, given: Any, width: int) -> np.ndarray[Any, Any]:
    rows = np.asarray(given, dtype=np.float64)
    if rows.size == 0:
        return np.zeros((0, width))
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"{name}: sample {index} has the shape {rows.shape}; give (n, {width}).")
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
    box_format: str = "albumentations",
    keypoints: Sequence[Any] | None = None,
    keypoint_format: str = "xyas",
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
        boxes, box_format, keypoints, keypoint_format: As for `files`.

    Raises:
        ValueError: A wrong number of axes, of labels, or an unknown layout.
    """
    if layout not in ("nhwc", "nchw"):
        raise ValueError(f"arrays: layout must be 'nhwc' or 'nchw', got {layout!r}.")
    tables = {"image": _pixels("images", images, layout)}
    native = _native.ArraysSource(tables["image"])
    if masks is not None:
        for name, given in (masks if isinstance(masks, Mapping) else {"mask": masks}).items():
            tables[name] = _pixels(f"mask {name!r}", given, layout)
            native.add_field(name, "mask", tables[name])
    tables |= _add_ragged(native, "boxes", boxes, box_format)
    tables |= _add_ragged(native, "keypoints", keypoints, keypoint_format)
    source = Source(native, labels, origin="arrays")
    source.tables.update(tables)
    others = {"layout": layout, "masks": masks, "boxes": boxes, "box_format": box_format}
    others |= {"keypoints": keypoints, "keypoint_format": keypoint_format}
    return source._made(lambda: (arrays, (images, labels), others))


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
