# Made by tools/make_stubs.py; not edited by hand.
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import numpy
from numpy.typing import NDArray

class Operator:
    @property
    def name(self) -> str: ...
    @property
    def children(self) -> list[Operator]:
        """The operators of a group; empty for a single one."""

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

    def apply_mask(self, mask: NDArray[Any], draw: object) -> Any:
        """As apply, for a mask of the image's height and width."""

    def move_boxes(
        self, boxes: object, height: int, width: int, draw: dict[str, Any], is_single: bool = False
    ) -> list[Any]:
        """
        Boxes (x_min, y_min, x_max, y_max) in shares of the sides, moved; with the row each came from. is_single: the library's array would be float32, which holds these numbers.
        """

    def move_keypoints(
        self, keypoints: object, height: int, width: int, draw: dict[str, Any], is_single: bool = False
    ) -> list[Any]:
        """
        Keypoints (x, y, angle, scale) in pixels and radians, moved; with the row each came from.
        """

def operators() -> list[Any]:
    """All operators with their parameters, from the registry."""

def examples_of(name: str) -> list[Any]:
    """
    Sets of parameters that show what an operator does, for tests and benchmarks.
    """

def make_group(name: str, children: Sequence[Operator], options: dict[str, Any]) -> Operator: ...
def make_operator(name: str, parameters: dict[str, Any]) -> Operator: ...
def read_boxes(
    format: str, rows: Sequence[Sequence[float]], height: int, width: int, is_double: bool = False
) -> list[Any]:
    """Rows of a format as shares of the sides."""

def write_boxes(
    format: str, rows: Sequence[Sequence[float]], height: int, width: int, is_single: bool = False
) -> list[Any]:
    """Shares of the sides as rows of a format."""

def filter_boxes(
    rows: Sequence[Sequence[float]],
    height: int,
    width: int,
    *,
    min_area: float = 0.0,
    min_visibility: float = 0.0,
    min_width: float = 0.0,
    min_height: float = 0.0,
    max_accept_ratio: float | None = None,
    is_single: bool = False,
) -> list[Any]:
    """Clips boxes to the image and drops by the rules."""

def problem_of_boxes(rows: Sequence[Sequence[float]], is_single: bool = False) -> str | None:
    """Why boxes cannot be taken, or None."""

def read_keypoints(
    format: str, rows: Sequence[Sequence[float]], angle_in_degrees: bool = True, is_double: bool = False
) -> list[Any]:
    """Rows of a format as (x, y, angle, scale), the angle in radians."""

def write_keypoints(
    format: str, rows: Sequence[Sequence[float]], angle_in_degrees: bool = True, is_single: bool = True
) -> list[list[float]]:
    """(x, y, angle, scale) as rows of a format."""

def visible_keypoints(rows: Sequence[Sequence[float]], height: int, width: int) -> list[int]:
    """Which of (x, y, angle, scale) lie in the image."""

def problem_of_keypoints(
    rows: Sequence[Sequence[float]], height: int, width: int, is_single: bool = True
) -> str | None:
    """Why keypoints cannot be taken, or None."""

class Source:
    def __len__(self) -> int: ...
    def path(self, arg: int, /) -> Any: ...
    def add_column(self, name: str, rows: object) -> None:
        """
        Adds one value a sample; `rows` is a C-contiguous array whose first axis is the sample.
        """

    def add_ragged(
        self,
        name: str,
        kind: str,
        values: Annotated[
            NDArray[numpy.float64],
            dict[str, Any](shape=(None, None), order="C", device="cpu", writable=False),
        ],
        starts: Annotated[
            NDArray[numpy.int64], dict[str, Any](shape=(None,), order="C", device="cpu", writable=False)
        ],
        format: str = "",
        is_double: bool = False,
    ) -> None:
        """
        Adds boxes or keypoints: float64 (rows, 2 to 4), int64 with the first row of each sample and the number of rows, and whether Albumentations would have them as float64.
        """

    @property
    def fields(self) -> list[Any]: ...
    @property
    def ragged_names(self) -> list[str]: ...

class FilesSource(Source):
    def __init__(self, paths: Iterable[Any], root: object | None = None) -> None: ...
    def add_field(self, name: str, kind: str, paths: Iterable[Any]) -> None:
        """Further files of each sample."""

class ArraysSource(Source):
    def __init__(self, images: object) -> None: ...
    def add_field(self, name: str, kind: str, images: object) -> None:
        """Further arrays of as many samples."""

def list_folder(root: object, extensions: Sequence[str]) -> tuple[Any, ...]:
    """(classes, paths, labels) of root/<class>/<file>."""

def make_island(leaf: object, p: float) -> Operator:
    """A step in Python; `leaf` is a stoker.islands.Leaf."""

class IslandTask:
    """One sample at a step in Python."""

    @property
    def leaf(self) -> Any: ...
    @property
    def seed(self) -> int:
        """
        Follows from the loader's seed, the epoch, the sample and the place of the step.
        """

    @property
    def fields(self) -> list[Any]:
        """[(name, is a mask, array)]"""

    @property
    def rows(self) -> list[Any]:
        """[(name, are boxes, values, rows, is float64 in the library)]"""

class IslandDesk:
    """Where the samples of a run wait at steps in Python."""

    def take(self) -> Any:
        """Waits for a sample; None once the run is closed."""

    def answer(self, task: IslandTask, fields: list[Any], rows: list[Any]) -> None: ...
    def fail(self, task: IslandTask, found: str, traceback: str) -> None: ...

def shape_of(array: NDArray[Any]) -> list[int]:
    """Axes of anything that speaks DLPack."""

def planned_shape(operators: Sequence[Operator], **options: Any) -> dict[str, Any]:
    """
    Shape and dtype of images of any size after the operators; 0 is a side that is each image's own.
    """

class BufferProvider:
    """Where batches are written to."""

class LentBuffers(BufferProvider):
    """Memory given by address; each piece is written for one batch, once."""

    def __init__(self) -> None: ...
    def lend(self, address: int, bytes: int) -> None:
        """
        It must stay until its batch is handed over, or the runs that use it have been closed.
        """

    def clear(self) -> None:
        """Gives up what no batch has got."""

    def take_dropped(self) -> list[int]:
        """Addresses of pieces whose batch is gone, each told once."""

    def __len__(self) -> int: ...

class Buffers(BufferProvider):
    """Memory of batches that runs may share, one after another."""

    def __init__(self, max_free: int) -> None: ...
    def acquire(self, bytes: int) -> Any:
        """Uninitialised uint8, used again once the array is dropped."""

class Batch:
    def __len__(self) -> int: ...
    @property
    def images(self) -> Any:
        """One array, a list of arrays (shapes='list'), or None."""

    @property
    def indices(self) -> Any: ...
    def field(self, name: str) -> Any:
        """Images or masks, as `images`."""

    def column(self, name: str) -> Any: ...
    def ragged(self, name: str) -> Any:
        """
        (values, starts, rows, is_double) of boxes or keypoints: values (rows, 2 to 4) in the source's format, the first row of each sample and the number of all, which of its sample's rows in the source each one was, and of each sample whether they are float64 to Albumentations.
        """

class Run:
    def __init__(self, source: Source, operators: Sequence[Operator], **options: Any) -> None: ...
    def submit(self, indices: object, epoch: int = 0, is_tentative: bool = False) -> None:
        """
        Queues one batch. What a tentative one counts shows only once it is kept.
        """

    def skip(self, indices: object, epoch: int = 0) -> None:
        """Counts samples as seen in the epoch without making them."""

    def keep_tentative(self) -> None:
        """Makes the tentative batches ordinary ones."""

    def drop_tentative(self) -> None:
        """Takes the tentative batches back."""

    def next(self, timeout_s: float | None = None) -> Any: ...
    def most_at_once(self) -> int:
        """
        The largest batch, in samples, that is made sooner than handed to a thread; 0: there are none.
        """

    def make_at_once(self, indices: int, count: int) -> Batch:
        """
        The batch of the `count` int64 numbers at the address `indices`, 1 to most_at_once().
        """

    def pending(self) -> int: ...
    @property
    def sample_shape(self) -> tuple[Any, ...]:
        """
        Height, width, channels (0: each image's own) and dtype of the images of batches.
        """

    def explain(self) -> str: ...
    def counters(self) -> dict[str, Any]: ...
    def set_active_threads(self, count: int) -> None: ...
    def trace(self, max_events: int) -> None: ...
    def events(self) -> Any:
        """
        ([(kind, thread, batch, begin_ns, end_ns)], how many found no room); times of the monotonic clock.
        """

    def bad_samples(self) -> list[Any]: ...
    def close(self) -> None: ...

class Order:
    def __init__(self, seed: int, epoch: int, size: int) -> None: ...
    def indices(self, begin: int, end: int, step: int = 1) -> Any:
        """
        Sample indices at every `step`th of the positions [begin, end) of the epoch's order.
        """

def try_reading(
    source: Source, indices: Sequence[int], readers: int, drops_cache: bool, limit_s: float = 0.0
) -> dict[str, Any]:
    """
    Reads samples and does nothing with them: wall_ns, samples, latencies_ns and bytes of each file or record, and cached_share, of the bytes that were in the page cache (None: not known).
    """

def usable_cores() -> dict[str, Any]: ...
def lower_thread_priority() -> None:
    """Makes the calling thread nicer, as the engine's own threads are."""

def build_info() -> dict[str, Any]: ...
def force_vector_target(name: str) -> None: ...

class GatherRun:
    """
    Batches of rows of arrays. Each column is a list of arrays laid end to end; any strides. Memory given by address must stay until its batch is done or close() has returned.
    """

    def __init__(self, columns: list[Any], threads: int = 0, shares_cores: bool = False) -> None: ...
    @property
    def row_bytes(self) -> int: ...
    def fill(self, indices: int, count: int, *outs: int) -> None:
        """
        One batch, at once: `count` int64 row numbers at the address `indices`, and one address a column.
        """

    def submit(self, indices: int, count: int, *outs: int) -> None:
        """Queues a batch; the row numbers are copied."""

    def next(self) -> bool:
        """Finishes the oldest batch that is queued; False where there is none."""

    def pending(self) -> int: ...
    def counters(self) -> dict[str, Any]: ...
    def close(self) -> None: ...

def mix_up(images: NDArray[Any], own_share: float) -> None:
    """
    In place: each row own * own_share + the row before it * (1 - own_share).
    """

def cut_mix(images: NDArray[Any], is_chw: bool, box: Sequence[int]) -> None:
    """
    In place: the rectangle x1, y1, x2, y2 of each image is that of the image before it.
    """

def mix_labels(labels: NDArray[Any], classes: int, own_share: float) -> Any:
    """Class numbers as float32 shares (labels, classes), mixed as by mix_up."""

class Measurement:
    """Sums over the pixels of a source; belongs to one thread."""

    def __init__(self, source: Source, operators: Sequence[Operator], **options: Any) -> None: ...
    def advance(self, seconds: float) -> int:
        """Works for at most 0.05 s; returns how many samples are done."""

    def snapshot(self) -> tuple[Any, ...]:
        """
        (samples done, their sums). A measurement made with them as `done` and `before` goes on from there.
        """

    def bad_samples(self) -> list[Any]: ...
    def close(self) -> None: ...

def planned_images(source: Source, operators: Sequence[Operator], **options: Any) -> list[Any]:
    """
    (dtype, channels or 0) of the images before each operator and after the last.
    """

def source_root(source: Source) -> Any:
    """The folder that a source was made of, "" where there is none."""

class Packing:
    """A source into shards or .npy files; belongs to one thread."""

    def __init__(self, source: Source, operators: Sequence[Operator], **options: Any) -> None: ...
    def advance(self, seconds: float) -> dict[str, Any]:
        """Works for at most 0.05 s; returns the progress."""

    def files(self) -> list[Any]:
        """Finished files, by shard and variant."""

    def bad_samples(self) -> list[Any]: ...
    def close(self) -> None: ...

class ShardsSource(Source):
    def __init__(self, variants: Iterable[Any], root: object, operators_done: int = 0) -> None:
        """`variants` holds the shard files of each frozen variant, in order."""

    @property
    def footers(self) -> list[str]: ...
    @property
    def variants(self) -> int: ...
    def original_index(self, index: int) -> int:
        """Index of the sample in the source that was packed."""

class ShardVerification:
    def __init__(self, path: object) -> None: ...
    def advance(self, seconds: float) -> bool:
        """Reads for at most 0.05 s; True when all is read."""

    @property
    def bytes_done(self) -> int: ...
    @property
    def bytes_total(self) -> int: ...
    def findings(self) -> list[Any]: ...

def open_shard(path: object) -> dict[str, Any]:
    """What a shard says of itself."""

def shard_sources(path: object) -> list[Any]:
    """
    (sample index, field number, relative path, size, XXH3-64) of each part, record by record.
    """

def shard_file_name(shard: int, variant: int) -> str: ...
def publish_file(folder: object, name: str, data: bytes, replace: bool) -> bool:
    """
    Writes a file that appears complete and on the disk, or not at all; False when the name was taken and kept.
    """

def sweep_leftovers(folder: object) -> int:
    """Removes hidden files of dead writers; returns how many."""

def free_bytes(folder: object) -> int: ...
def hash64(data: bytes) -> int:
    """XXH3-64."""

def hash_file(path: object, offset: int = 0) -> int:
    """XXH3-64 of a file's bytes from `offset` on."""

class ScalingCurve:
    """A loader's rate by threads; made by fit_scaling."""

    @property
    def rate_one(self) -> float: ...
    @property
    def contention(self) -> float: ...
    @property
    def coherence(self) -> float: ...
    @property
    def crowding(self) -> float: ...
    @property
    def cores(self) -> float: ...
    def scaled(self, factor: float) -> ScalingCurve:
        """The same curve with every rate times `factor`."""

    @property
    def error(self) -> float:
        """Root mean square of the relative differences to the points."""

    def rate(self, threads: float) -> float:
        """Samples a second."""

    def efficiency(self, threads: float) -> float:
        """1 is perfect scaling."""

    def fewest_near_best(self, most: int, slack: float = 0.03) -> int:
        """The fewest threads whose rate is within `slack` of the best."""

    def fewest_for_rate(self, rate: float, most: int) -> int:
        """
        The fewest threads with at least this rate; where there are none, those near the best.
        """

def fit_scaling(points: Sequence[Sequence[float]], cores: float) -> ScalingCurve:
    """The curve through (threads, samples_per_s) points."""

def judge(measured: dict[str, Any]) -> dict[str, Any]:
    """
    What bounds training, of a dict: steps (name, kind, cpu_ms, is_serial), threads, cores, loader_rate, trainer_rate, training_rate, storage_rate, scaling, shares (busy, starved, blocked, off_cpu).
    """

def choose_plan(situation: dict[str, Any], forms: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """
    Plans and the one to take, of dicts with the fields of Situation and StoredForm in advise/plans.h.
    """

def choose_workers(
    curve: ScalingCurve, trainer_rate: float, most: int, batch_size: float, sample_ms: float, p99_ms: float
) -> dict[str, Any]:
    """
    The number of worker processes that feed a trainer, and their prefetch factor.
    """

class Call:
    """Operators on arrays of one dtype and number of channels."""

    def __init__(
        self,
        operators: Sequence[Operator],
        image_dtype: str,
        channels: int,
        boxes: int = 0,
        keypoints: int = 0,
        **options: Any,
    ) -> None: ...
    def run(
        self, fields: list[Any], boxes: list[Any], keypoints: list[Any], seed: int, index: int
    ) -> tuple[Any, ...]:
        """
        Fields are (is a mask, array H x W x C), the image first; boxes and keypoints (float64 rows, whether they are float64 to the library). Gives arrays, and (rows, row in the input, is float64) of each column.
        """

    @property
    def dtype(self) -> str:
        """Of the images afterwards."""

    def explain(self) -> str: ...

def uninterrupted(function: Callable[[Any], None]) -> Callable[[Any], None]:
    """
    Makes a `__del__` that may be called twice run to its end: what a signal handler raises in it, KeyboardInterrupt above all, is raised in the program afterwards instead of being dropped.
    """
