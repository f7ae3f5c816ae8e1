"""Whether threads need the interpreter is told from how long another one waits for it."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable

from stoker.profiling.gil import GilProbe, held_share


def python_only() -> None:
    total = 0
    for number in range(60_000):
        total += number


BYTES = bytes(range(256)) * 4096


def released() -> None:
    zlib.crc32(BYTES)


def held_by(work: Callable[[], None], threads: int = 2, seconds: float = 0.6) -> float:
    is_over = threading.Event()

    def run() -> None:
        while not is_over.is_set():
            work()

    running = [threading.Thread(target=run) for _ in range(threads)]
    with GilProbe() as probe:
        for each in running:
            each.start()
        is_over.wait(seconds)
        is_over.set()
        for each in running:
            each.join()
    return probe.held_share


def test_threads_of_pure_python_hold_the_interpreter_and_those_of_a_library_do_not() -> None:
    assert held_by(python_only) > 0.4 > held_by(released)


def test_what_is_held_is_a_share_of_the_work_that_is_done() -> None:
    assert held_share(0.7, 1.0) == 0.7
    assert held_share(0.7, 2.0) == 0.7  # two cores at work, and yet it is late
    assert held_share(0.2, 0.25) == 0.8  # on a crowded machine little is done, nearly all of it in turns
    assert held_share(0.9, 0.2) == 1.0
    assert held_share(0.02, 0.001) < 0.21  # nobody works
