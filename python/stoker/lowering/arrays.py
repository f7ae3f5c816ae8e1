"""Datasets that are arrays in memory: a batch of them is rows copied by number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import TensorDataset

from stoker.lowering.keys import KeyedSamples
from stoker.lowering.recipe import NotNative, own_functions

# Types of the same width in which any tensor can be shown to NumPy.
_VIEWS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.complex128}

_NUMPY_DTYPES = {
    np.dtype(name): getattr(torch, name)
    for name in (
        *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
}


@dataclass(frozen=True)
class Column:
    """One value of every sample.

    Attributes:
        parts: Arrays laid end to end, the sample first; of any strides, and of any dtype of the right width.
        dtype: Of the values.
        row_shape: Of one value.
    """

    parts: tuple[npt.NDArray[Any], ...]
    dtype: torch.dtype
    row_shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{str(self.dtype).removeprefix('torch.')} {self.row_shape}"


@dataclass(frozen=True)
class Rows(KeyedSamples):
    """A dataset whose samples are rows of arrays.

    Attributes:
        columns: Its values.
        sample: What `dataset[i]` is: "tuple" of tensors, one "tensor", or one "array" of NumPy.
    """

    columns: tuple[Column, ...] = ()
    sample: str = "tuple"

    @property
    def row_bytes(self) -> int:
        return sum(math.prod(column.row_shape) * column.dtype.itemsize for column in self.columns)


def is_rows(leaf: Any) -> bool:
    """Whether a dataset is of a type that `recognise_rows` knows."""
    return type(leaf) in (TensorDataset, torch.Tensor, np.ndarray, np.memmap)


def recognise_rows(dataset: Any, leaves: list[Any], keys: npt.NDArray[np.int64] | None) -> Rows:
    """The arrays behind `leaves`, laid end to end; `keys` are the row of each sample of `dataset`.

    Raises:
        NotNative: One of them cannot be shared, or they do not go together.
    """
    kind = type(leaves[0])
    if any(type(leaf) is not kind for leaf in leaves):
        raise NotNative("ConcatDataset: its parts are of different types")
    tables = [_columns_of(leaf) for leaf in leaves]
    first = tables[0]
    for table in tables[1:]:
        if [(c.dtype, c.row_shape) for c in table] != [(c.dtype, c.row_shape) for c in first]:
            raise NotNative("ConcatDataset: its parts have rows of different shapes or dtypes")
    columns = tuple(
        Column(tuple(table[place].parts[0] for table in tables), column.dtype, column.row_shape)
        for place, column in enumerate(first)
    )
    count = sum(len(table[0].parts[0]) for table in tables)
    return Rows(
        dataset=dataset,
        count=count if keys is None else len(keys),
        keys=keys,
        columns=columns,
        sample={TensorDataset: "tuple", torch.Tensor: "tensor"}.get(kind, "array"),
    )


def _columns_of(leaf: Any) -> list[Column]:
    if type(leaf) is torch.Tensor:
        return [_tensor_column("a dataset that is a tensor", leaf)]
    if type(leaf) is not TensorDataset:
        return [_array_column(leaf)]
    if not own_functions(TensorDataset, "torch") or "__getitems__" in vars(leaf):
        raise NotNative("TensorDataset: a method is replaced")
    if not leaf.tensors:
        raise NotNative("TensorDataset: it has no tensors")
    columns = [_tensor_column("TensorDataset", tensor) for tensor in leaf.tensors]
    if len({len(column.parts[0]) for column in columns}) > 1:
        raise NotNative("TensorDataset: its tensors have come to differ in length")
    return columns


def _tensor_column(owner: str, tensor: torch.Tensor) -> Column:
    if type(tensor) is not torch.Tensor or tensor.layout is not torch.strided or tensor.device.type != "cpu":
        raise NotNative(f"{owner}: a {type(tensor).__name__} on {tensor.device} ({tensor.layout})")
    if tensor.requires_grad or tensor.is_quantized or tensor.is_conj() or tensor.is_neg():
        raise NotNative(f"{owner}: a tensor that requires grad, is quantized or conjugated lazily")
    if tensor.ndim == 0 or tensor.element_size() not in _VIEWS:
        raise NotNative(f"{owner}: {tensor.dtype} of shape {tuple(tensor.shape)}")
    # While NumPy sees it, torch does not let the memory be resized away.
    part: npt.NDArray[Any] = tensor.view(_VIEWS[tensor.element_size()]).numpy()
    return Column((part,), tensor.dtype, tuple(tensor.shape[1:]))


def _array_column(array: npt.NDArray[Any]) -> Column:
    dtype = _NUMPY_DTYPES.get(array.dtype)
    if dtype is None or array.ndim == 0 or not array.flags.aligned:
        raise NotNative(f"a dataset that is an array of {array.dtype} and shape {array.shape}")
    if array.ndim == 1 and dtype is torch.uint64:
        raise NotNative("a dataset that is an array of uint64 numbers, which torch cannot collate")
    return Column((array,), dtype, array.shape[1:])
