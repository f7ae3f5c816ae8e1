"""Progress of long commands: a bar on a terminal, a plain line now and then elsewhere; of rank 0 alone."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple, TextIO

# The rate and the bottleneck are those of the last seconds.
_WINDOW_SECONDS = 10.0
_DRAW_SECONDS, _LINE_SECONDS, _STATE_SECONDS = 0.1, 30.0, 1.0

# Of its threads that a job must keep busy, or waiting for a core, to be bound by them.
_CPU_BOUND_SHARE = 0.8

_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "JOB_COMPLETION_INDEX")


def own_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Of this process among those that were launched together; 0 where nothing says so."""
    for name in _RANKS:
        text = environment.get(name, "")
        if text.isascii() and text.isdigit():
            return int(text)
    return 0


class Usage(NamedTuple):
    """What this process has used since it began."""

    cpu_s: float  # on a core, or waiting for one that others have
    bytes: int  # from and to disks


def read_usage() -> Usage:
    cpu, moved = time.process_time(), 0
    try:
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/schedstat", encoding="ascii") as file:
                cpu += int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):  # a kernel without it, or a thread that ended just now
        pass
    try:
        with open("/proc/self/io", encoding="ascii") as file:
            lines = dict(line.split(": ") for line in file.read().splitlines())
        moved = int(lines["read_bytes"]) + int(lines["write_bytes"])
    except (OSError, KeyError, ValueError):
        pass
    return Usage(cpu, moved)


class _State(NamedTuple):
    now_s: float
    done: int
    usage: Usage


class Progress:
    """How far a job is, how fast, how long it will take, and what bounds it.

    Args:
        task: What is being done, in a word or two.
        unit: Of what is counted.
        total: Units in all, where `add` is used; a call brings its own.
        threads: That do the work, in this process; None leaves the bottleneck out.
        rank: Of this process; only rank 0 is shown. Without it the launcher's environment says.
        stream: Where it is shown; standard error.
    """

    def __init__(
        self,
        task: str,
        unit: str = "images",
        *,
        total: int = 0,
        threads: int | None = None,
        rank: int | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self.task, self.unit, self.total, self.done = task, unit, total, 0
        self._threads = threads
        self._stream = sys.stderr if stream is None else stream
        self._is_shown = (own_rank() if rank is None else rank) == 0
        self._is_terminal = self._stream.isatty()
        self._states: deque[_State] = deque()
        self._shown_s = time.monotonic() if not self._is_terminal else 0.0

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` are done; as callback of `stoker.pack` and its like."""
        self.done, self.total = done, total
        now = time.monotonic()
        if not self._is_shown:
            return
        if not self._states or now - self._states[-1].now_s >= _STATE_SECONDS:
            self._note(now)
        if now - self._shown_s < (_DRAW_SECONDS if self._is_terminal else _LINE_SECONDS):
            return
        self._shown_s = now
        text = self.text(now)
        if self._is_terminal:
            self._write(f"\r\033[K{text}")
        else:
            self._write(f"{text}\n")

    def add(self, count: int) -> None:
        """`count` more of the `total` are done."""
        self(self.done + count, self.total)

    def end(self, result: str | None = None) -> None:
        """Takes the bar away; with a result, says it in one line."""
        if not self._is_shown:
            return
        line = "" if result is None else f"{self.task:36} {self.done} {self.unit} {result}\n"
        self._write(("\r\033[K" if self._is_terminal else "") + line)

    def text(self, now_s: float, usage: Usage | None = None) -> str:
        """One line for the state at `now_s` seconds; what was used until then is asked for if left out."""
        usage = self._note(now_s, usage)
        text = f"{self.task} {self._bar()}{self.done}/{self.total}"
        first = self._states[0]
        seconds, count = now_s - first.now_s, self.done - first.done
        if seconds <= 0 or count <= 0:
            return text
        left = _duration((self.total - self.done) * seconds / count)
        bound = f", {self._bound(first, seconds, usage)}" if self._threads is not None else ""
        return f"{text}, {count / seconds:.0f} {self.unit}/s, {left} left{bound}"

    def _note(self, now_s: float, usage: Usage | None = None) -> Usage:
        if usage is None:
            usage = Usage(0.0, 0) if self._threads is None else read_usage()
        self._states.append(_State(now_s, self.done, usage))
        while len(self._states) > 2 and now_s - self._states[0].now_s > _WINDOW_SECONDS:
            self._states.popleft()
        return usage

    def _bar(self) -> str:
        if not self._is_terminal:
            return ""
        filled = min(30, 30 * self.done // max(1, self.total))
        return f"[{'#' * filled}{'.' * (30 - filled)}] "

    def _bound(self, first: _State, seconds: float, usage: Usage) -> str:
        busy = max(0.0, usage.cpu_s - first.usage.cpu_s) / seconds
        if busy >= _CPU_BOUND_SHARE * (self._threads or 1):
            return "bound by the CPU"
        rate = (usage.bytes - first.usage.bytes) / seconds / 1e6
        return f"bound by storage ({rate:.0f} MB/s)" if rate >= 1 else "waiting"

    def _write(self, text: str) -> None:
        if text:
            print(text, end="", file=self._stream, flush=True)


def _duration(seconds: float) -> str:
    """1:05 of minutes, or 2:01:05 of hours."""
    whole = round(seconds)
    hours = f"{whole // 3600}:{whole // 60 % 60:02}" if whole >= 3600 else f"{whole // 60}"
    return f"{hours}:{whole % 60:02}"
