"""What a profile holds: measurements of a loader, and the one sentence that follows from them.

The JSON of `Profile.to_dict()` is described key by key in docs/profile-format.md.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

FORMAT = "stoker-profile-1"

# Events in a timeline; what is beyond is counted, not kept.
MAX_EVENTS = 4000

_T = TypeVar("_T")


@dataclass
class Quantiles:
    """Of a duration, in nanoseconds."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0


@dataclass
class Loader:
    """What was profiled."""

    kind: str = "iterable"  # "stoker", "stoker.torch", "torch" or "iterable"
    tier: str = "python"  # who works: "native", "processes", "threads" or "python" (the trainer's thread)
    name: str = ""
    batch_size: int | None = None
    threads: int | None = None  # native CPU threads
    workers: int | None = None  # processes
    prefetch_batches: int | None = None  # made ahead of the trainer, at most
    operators: list[dict[str, Any]] = field(default_factory=list)  # {"name", "parameters"} as written
    explain: str = ""
    site: str = ""  # where a script iterates over it: "train.py: main:30 > train_one_epoch:12"


@dataclass
class Samples:
    """Counts and sizes."""

    dataset_count: int | None = None  # samples in the data set
    measured_count: int = 0  # samples that came by while this was measured
    batches: int = 0
    images: int = 0  # decoded images: fields x samples
    bytes_read: int = 0  # from files, while this was measured
    encoded_bytes_mean: float | None = None  # of one sample before decoding
    batch_bytes_per_sample: float | None = None  # handed to the trainer
    bad: int = 0


@dataclass
class Step:
    """One step of a sample: its CPU time, of the thread that does it."""

    name: str
    kind: str  # as of `counters()["steps"]`; also "python", "pickle" and "collate"
    calls: int
    cpu_ns: Quantiles  # of one sample that has the step
    cpu_ns_total: float
    cpu_ns_per_sample: float
    share: float  # of the CPU time of all steps, 0 to 1
    operators: list[int] = field(default_factory=list)  # places in loader.operators; several where fused


@dataclass
class Reading:
    """Reading the files of the data set, one temperature of the page cache."""

    files: int
    bytes: int
    bytes_per_s: float  # by all readers together
    samples_per_s: float
    latency_ns: Quantiles  # of one file, opened, read and closed by one of the readers
    readers: int
    resident_share: float | None = None  # of the bytes, in the page cache before reading; None: not known


@dataclass
class Storage:
    cold: Reading | None = None
    warm: Reading | None = None
    by_readers: list[Reading] = field(default_factory=list)  # cold, by number of readers at a time
    fixed_ns: float | None = None  # of read_time = fixed_ns + bytes / streamed_bytes_per_s, cold, one reader
    streamed_bytes_per_s: float | None = None
    write_bytes_per_s: float | None = None  # to the folder for temporary files
    is_cold: bool | None = None  # False: the cache could not be emptied, "cold" is warm


@dataclass
class Trainer:
    """Demand: what the training step takes when batches are there at once."""

    step_ns: Quantiles
    steps: int
    samples_per_s: float
    origin: str  # "cached batches": measured with batches kept in memory; "watched": time outside of next()
    cpu_ns_per_sample: float | None = None  # of this process; None where it was only watched


@dataclass
class Point:
    """The rate at one number of threads or processes."""

    threads: int
    samples_per_s: float
    cpu_ns_per_sample: float | None
    samples: int
    wall_ns: int


@dataclass
class Scaling:
    """rate(w) = rate_one w / (1 + contention (w - 1) + coherence w (w - 1)), fitted to the points.

    Beyond `cores` threads the rate at `cores` is divided by 1 + crowding (w - cores) / cores.
    """

    unit: str  # "threads" or "processes"
    points: list[Point] = field(default_factory=list)
    rate_one: float | None = None  # samples/s
    contention: float | None = None
    coherence: float | None = None
    crowding: float | None = None
    cores: float | None = None
    error: float | None = None  # root mean square of (fitted - measured) / measured


@dataclass
class Workers:
    """What worker processes cost beside the work itself."""

    count: int
    start_method: str
    startup_ns: int  # from iter() until all workers have answered
    dataset_pickle_bytes: int | None  # None: not pickled (fork), or it cannot be
    dataset_pickle_ns: int | None
    batch_pickle_bytes: int  # through the pipe, of one batch
    batch_shared_bytes: int  # through shared memory, of one batch
    batch_copies: int  # of the pixels, from the sample in the worker to the batch at the trainer
    handoff_ns_per_batch: float  # pickling, pipe and unpickling


@dataclass
class Queue:
    name: str
    unit: str  # "batches" or "bytes"
    capacity: float | None
    p50: float
    mean: float
    maximum: float
    empty_share: float  # of the looks at it, 0 to 1
    looks: int


@dataclass
class Thread:
    """One native CPU thread; see docs/counters.md."""

    wall_ns: int
    starved_ns: int
    busy_ns: int
    blocked_ns: int
    parked_ns: int
    off_cpu_ns: int
    unattributed_ns: int


@dataclass
class Event:
    """Something that one thread did without a pause. Times count from the beginning of the timeline."""

    thread: str
    step: str
    batch: int | None
    begin_ns: int
    end_ns: int


@dataclass
class Timeline:
    wall_ns: int = 0
    events: list[Event] = field(default_factory=list)
    dropped: int = 0  # events beyond MAX_EVENTS


@dataclass
class Part:
    """A part of the wall time of the loop that was watched."""

    name: str  # "trainer", "waiting for batches", "hand-off", "start"
    ns: int
    share: float  # 0 to 1


@dataclass
class Attribution:
    """Where the wall time of the loop went, as the trainer's thread saw it."""

    wall_ns: int = 0
    parts: list[Part] = field(default_factory=list)
    share: float = 0.0  # of the wall time that the parts explain, 0 to 1


@dataclass
class Ceiling:
    """The rate that one resource allows, were all others without limit."""

    bound: str
    name: str
    samples_per_s: float


@dataclass
class Verdict:
    # "trainer", "storage", "decode", "operator", "store", "python", "hand-off", "threads" or "unknown"
    bound_by: str
    sentence: str
    gain: float  # of the rate, with this bound out of the way: 0.5 is half as much again
    name: str = ""  # of the step that it is, where it is one
    rate: float = 0.0  # samples/s as it is
    best_rate: float = 0.0  # with this bound out of the way; 0: cannot be told
    step_share: float = 0.0  # of the CPU time of a sample, where the bound is a step
    ceilings: list[Ceiling] = field(default_factory=list)  # the lowest first
    remedy: str = ""


@dataclass
class Profile:
    """A measured loader. `print(profile)` gives the verdict and a table; `save` keeps all of it."""

    loader: Loader
    samples: Samples
    verdict: Verdict
    made_at: str = ""  # UTC, ISO 8601
    measured_ns: int = 0  # what profiling took, all of it
    environment: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    storage: Storage | None = None
    trainer: Trainer | None = None
    scaling: Scaling | None = None
    workers: Workers | None = None
    queues: list[Queue] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    timeline: Timeline = field(default_factory=Timeline)
    attribution: Attribution = field(default_factory=Attribution)
    samples_per_s: float = 0.0  # of the loop that was watched, as it is today
    loading_samples_per_s: float | None = None  # of the loader alone, warm, with a trainer that takes no time
    bad_samples: list[dict[str, Any]] = field(default_factory=list)  # the first 100
    notes: list[str] = field(default_factory=list)  # what was not measured, and why

    def to_dict(self) -> dict[str, Any]:
        """For JSON; every key and its unit is in docs/profile-format.md."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Profile:
        """The reverse of `to_dict`.

        Raises:
            ValueError: Not a profile, or of a format that this version does not know.
        """
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise ValueError(f"profile: the format is {found!r}, allowed is {FORMAT!r}; profile again.")
        return _made(cls, data)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the JSON; OSError where that fails."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.to_dict(), file, indent=1)
            file.write("\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Profile:
        """What `save` wrote; ValueError for anything else, OSError where it cannot be read."""
        with open(path, encoding="utf-8") as file:
            return cls.from_dict(json.load(file))

    def save_report(self, path: str | os.PathLike[str], advice: Any = None) -> None:
        """Writes all of it, and an advice where given, as one HTML page that opens from the disk.

        Raises:
            OSError: It cannot be written.
        """
        from stoker.reporting import save_report

        save_report(path, self, advice)

    def __str__(self) -> str:
        from stoker.profiling.text import profile_text

        return profile_text(self)


# Classes of fields that are not of a plain type, and whether there is a list of them.
_NESTED: dict[type, dict[str, tuple[type, bool]]] = {
    Step: {"cpu_ns": (Quantiles, False)},
    Reading: {"latency_ns": (Quantiles, False)},
    Storage: {"cold": (Reading, False), "warm": (Reading, False), "by_readers": (Reading, True)},
    Trainer: {"step_ns": (Quantiles, False)},
    Scaling: {"points": (Point, True)},
    Timeline: {"events": (Event, True)},
    Attribution: {"parts": (Part, True)},
    Verdict: {"ceilings": (Ceiling, True)},
    Profile: {
        "loader": (Loader, False),
        "samples": (Samples, False),
        "verdict": (Verdict, False),
        "steps": (Step, True),
        "storage": (Storage, False),
        "trainer": (Trainer, False),
        "scaling": (Scaling, False),
        "workers": (Workers, False),
        "queues": (Queue, True),
        "threads": (Thread, True),
        "timeline": (Timeline, False),
        "attribution": (Attribution, False),
    },
}


def _made(cls: type[_T], data: Any) -> _T:
    known = {name: value for name, value in data.items() if name in cls.__dataclass_fields__}  # type: ignore[attr-defined]
    for name, (nested, is_list) in _NESTED.get(cls, {}).items():
        value = known.get(name)
        if value is not None:
            known[name] = [_made(nested, each) for each in value] if is_list else _made(nested, value)
    try:
        return cls(**known)
    except TypeError as error:
        raise ValueError(f"profile: a field is missing: {error}.") from None
