"""Small trials: some samples packed in each form, and epochs over them timed, one form after another.

The speed of a machine drifts while it is measured, so all forms are gone through in turn, several times,
in an order of its own each time; what counts is the median.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stoker import _native
from stoker.advising.forms import JPEG_QUALITY, StoredForm, decoding_of
from stoker.advising.subset import paths_of
from stoker.advising.timing import Timing, run_epoch
from stoker.loader import Loader
from stoker.machine.page_cache import put_out
from stoker.packing import Packed, pack, shards
from stoker.sources import Source, arrays

ROUNDS = 3

# An array is tried as large as all of the data would make it, up to this: what fits into the caches of a
# processor is read sooner.
_ARRAY_BYTES = 128 << 20


@dataclass
class Trial:
    """What one form costs. Times and bytes are those of one sample, all variants together.

    Attributes:
        warm, cold: Epochs by number of threads.
    """

    form: StoredForm
    bytes: float = 0.0
    pack_cpu_ms: float = 0.0
    warm: dict[int, list[Timing]] = field(default_factory=dict)
    cold: dict[int, list[Timing]] = field(default_factory=dict)
    failure: str = ""

    def curve(self, cores: float, *, is_cold: bool = False) -> Any:
        """The fitted rate by threads; None where nothing was measured."""
        epochs = self.cold if is_cold else self.warm
        points = [(threads, epoch.rate) for threads, each in epochs.items() for epoch in each]
        return _native.fit_scaling(points, cores) if points else None

    @property
    def cpu_ms(self) -> float:
        """All CPU time of loading a sample with one thread, the consumer's among it."""
        epochs = self.warm[min(self.warm)]
        return float(np.median([epoch.cpu_s / epoch.samples for epoch in epochs])) * 1e3

    @property
    def read_bytes(self) -> float:
        """Between which and the page cache the epochs are spread."""
        if self.bytes:
            return self.bytes
        epochs = self.warm[min(self.warm)]
        return float(np.median([epoch.read_bytes / epoch.samples for epoch in epochs]))


class Trials:
    """Trials of a loader's forms over some of its samples.

    Args:
        samples: Of the loader's source; see `subset`.
        folder: For what is packed; on the disk that would hold the data.
        threads: Numbers of threads to time.
        measures_cold: Time epochs from the disk too, where files can be put out of the page cache.
    """

    def __init__(
        self, loader: Loader, samples: Source, folder: str, threads: Sequence[int], *, measures_cold: bool
    ) -> None:
        self.loader, self.samples, self.folder = loader, samples, folder
        self.threads = list(threads)
        self._measures_cold = measures_cold
        self._loaders: dict[tuple[int, int], Loader] = {}
        # Packed data cannot be taken apart, so an epoch over them is broken off.
        self._limit = None if samples.part is None else 512

    def pack(self, form: StoredForm, number: int) -> Trial:
        """Writes the samples in this form; a form that cannot be made says so in `failure`."""
        trial = Trial(form)
        if form.form == "as-is":
            return trial
        cpu = time.process_time()
        try:
            packed = self._pack(
                self._folder_of(number),
                form=form.form,
                cut=None if form.form == "source" else form.cut,
                allow_frozen=form.variants > 1,
            )
        except (ValueError, TypeError) as error:
            trial.failure = str(error)
            return trial
        count = len(self.samples) - len(packed.bad_samples)
        trial.pack_cpu_ms = (time.process_time() - cpu) / len(self.samples) * 1e3 * form.variants
        trial.bytes = packed.bytes / max(1, count) * form.variants
        if form.form == "npy" and count:
            self._lengthen(os.path.join(self._folder_of(number), "images.npy"))
        return trial

    def _lengthen(self, path: str) -> None:
        """Repeats the samples of an array as often as all of the data go into it."""
        few = np.load(path)
        whole = min(len(self.loader.source) * few[0].nbytes, _ARRAY_BYTES)
        times = int(whole // few.nbytes)
        if times > 1:
            np.save(path, np.concatenate([few] * times))

    def _pack(self, folder: str, **options: Any) -> Packed:
        """Without what packing says of frozen draws: nobody trains on these."""
        log = logging.getLogger("stoker")
        level = log.level
        log.setLevel(logging.ERROR)
        try:
            return pack(
                self.samples,
                folder,
                self.loader.operators,
                quality=JPEG_QUALITY,
                on_error="skip",
                **options,
                **decoding_of(self.loader),
            )
        finally:
            log.setLevel(level)

    def measure(self, trials: Sequence[Trial], rounds: int = ROUNDS) -> None:
        """Times an epoch of each form, thread count and temperature, in turn."""
        measured = [(number, trial) for number, trial in enumerate(trials) if not trial.failure]
        turns = [
            (number, trial, threads, is_cold)
            for number, trial in measured
            for threads in self.threads
            for is_cold in ((False, True) if self._measures_cold else (False,))
        ]
        shuffled = random.Random(0)
        for _ in range(rounds):
            shuffled.shuffle(turns)
            for number, trial, threads, is_cold in turns:
                epoch = self._epoch(trial.form, number, threads, is_cold=is_cold)
                if epoch is not None:
                    (trial.cold if is_cold else trial.warm).setdefault(threads, []).append(epoch)

    def _epoch(self, form: StoredForm, number: int, threads: int, *, is_cold: bool) -> Timing | None:
        # Kept, because the first epoch of a loader starts threads and allocates what later ones use again.
        loader = self._loaders.get((number, threads)) or self._made(form, number, threads)
        paths = self._paths_of(form, number, loader.source)
        if is_cold and (not paths or not put_out(paths)):
            return None
        if not is_cold:
            for path in paths:
                _read_through(path)
        limit = len(self.samples) if form.form == "npy" else self._limit
        timing = run_epoch(loader, limit)
        if form.form == "npy":  # pages that are mapped cannot be put out of the page cache
            loader.close()
        else:
            self._loaders[number, threads] = loader
        return timing

    def _made(self, form: StoredForm, number: int, threads: int) -> Loader:
        changes: dict[str, Any] = {
            "threads": threads,
            "on_error": "skip",
            "max_bad": len(self.samples),
            "drop_last": False,
            "shuffle": True,
        }
        if form.form == "as-is":
            source = self.samples
        elif form.form == "npy":
            source = arrays(np.load(os.path.join(self._folder_of(number), "images.npy"), mmap_mode="r"))
            changes["operators"] = self.loader.operators[form.cut :]
        else:
            source = shards(self._folder_of(number))  # whose operators are recognised in the whole list
        batch = max(1, min(self.loader.batch_size, len(source) // 4))
        loader = self.loader.made_with(source, **{**changes, "batch_size": batch})
        loader.prepares_next_epoch = False  # other loaders are timed before it comes
        return loader

    def close(self) -> None:
        """Ends the threads of all loaders that were timed."""
        for loader in self._loaders.values():
            loader.close()
        self._loaders.clear()

    def _folder_of(self, number: int) -> str:
        return os.path.join(self.folder, f"form{number}")

    def _paths_of(self, form: StoredForm, number: int, source: Source) -> list[str]:
        if form.form == "as-is":
            return paths_of(source)
        folder = self._folder_of(number)
        names = [name for name in os.listdir(folder) if not name.endswith(".json")]
        return [os.path.join(folder, name) for name in sorted(names)]


def _read_through(path: str) -> None:
    """Into the page cache."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 22):
            pass
