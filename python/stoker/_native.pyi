# Made by tools/make_stubs.py; not edited by hand.
from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import NDArray

class Operator:
    @property
    def name(self) -> str: ...
    @property
    def parameters(self) -> dict[str, Any]: ...
    @property
    def is_random(self) -> bool: ...
    @property
    def draw_names(self) -> list[str]: ...
    def __repr__(self) -> str: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def draw(
        self,
        height: int,
        width: int,
        channels: int = 3,
        *,
        seed: int = 0,
        epoch: int = 0,
        index: int = 0,
        path: int = 0,
    ) -> dict[str, Any]:
        """All randomness of the operator for one image of this size, as a dict."""

    def apply(self, image: NDArray[Any], draw: object | None = None) -> Any:
        """The image after the operator with a given draw."""

    def reference(self, image: NDArray[Any], draw: object | None = None) -> Any:
        """As apply, by the operator's plain reference code."""

def operators() -> list[Any]:
    """All operators with their parameters, from the registry."""

def make_operator(name: str, parameters: dict[str, Any]) -> Operator: ...

class Source:
    def __len__(self) -> int: ...
    def path(self, arg: int, /) -> Any: ...
    def add_column(self, name: str, rows: object) -> None:
        """
        Adds one value a sample; `rows` is a C-contiguous array whose first axis is the sample.
        """

class FilesSource(Source):
    def __init__(self, paths: Iterable[Any], root: object | None = None) -> None: ...

class ArraysSource(Source):
    def __init__(self, images: object) -> None: ...

class RowsSource(Source):
    def __init__(self, count: int) -> None: ...

def list_folder(root: object, extensions: Sequence[str]) -> tuple[Any, ...]:
    """(classes, paths, labels) of root/<class>/<file>."""

def shape_of(array: NDArray[Any]) -> list[int]:
    """Axes of anything that speaks DLPack."""

class Buffers:
    """Memory of batches that runs may share, one after another."""

    def __init__(self, max_free: int) -> None: ...

class Batch:
    @property
    def images(self) -> Any:
        """One array, a list of arrays (shapes='list'), or None."""

    @property
    def indices(self) -> Any: ...
    def column(self, name: str) -> Any: ...

class Run:
    def __init__(self, source: Source, operators: Sequence[Operator], **options: Any) -> None: ...
    def submit(self, indices: object, epoch: int = 0) -> None: ...
    def next(self, timeout_s: float | None = None) -> Any: ...
    def pending(self) -> int: ...
    def explain(self) -> str: ...
    def counters(self) -> dict[str, Any]: ...
    def bad_samples(self) -> list[Any]: ...
    def close(self) -> None: ...

class Order:
    def __init__(self, seed: int, epoch: int, size: int) -> None: ...
    def indices(self, begin: int, end: int) -> list[int]:
        """Sample indices at the positions [begin, end) of the epoch's order."""

def usable_cores() -> dict[str, Any]: ...
def build_info() -> dict[str, Any]: ...
def force_vector_target(name: str) -> None: ...

class Measurement:
    """Sums over the pixels of a source; belongs to one thread."""

    def __init__(self, source: Source, operators: Sequence[Operator], **options: Any) -> None: ...
    def advance(self, seconds: float) -> int:
        """Works for at most 0.05 s; returns how many samples are done."""

    def sums(self) -> dict[str, Any]: ...
    def bad_samples(self) -> list[Any]: ...
    def close(self) -> None: ...

def source_root(source: Source) -> Any:
    """The folder that a source was made of, "" where there is none."""
