"""Ctrl-C between any two steps of Python code: no lock stays locked, and the user hears of it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import numpy as np
import pytest

import stoker
from stoker import _native

torch = pytest.importorskip("torch")

from torch.utils.data import TensorDataset  # noqa: E402

from stoker.torch import DataLoader  # noqa: E402
from stoker.torch.crew import Crew, Task  # noqa: E402


@pytest.fixture
def dropped() -> Iterator[list[Any]]:
    """What Python drops and would print."""
    found: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, found.append
    yield found
    sys.unraisablehook = before


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def are_gone(before: int) -> bool:
    """Whether there are as many threads as before, once the kernel has cleared those that were joined."""
    end = time.monotonic() + 5
    while threads() > before and time.monotonic() < end:
        time.sleep(0.001)
    return threads() == before


# ---- in finalisers ----


class Numbers(torch.utils.data.Dataset[int]):
    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> int:
        return index


def native() -> Any:
    images = np.zeros((64, 4, 4, 3), np.uint8)
    return iter(stoker.Loader(stoker.arrays(images), [stoker.horizontal_flip()], batch_size=4, threads=2))


KINDS: dict[str, Callable[[], Any]] = {
    "Loader": native,
    "rows": lambda: iter(DataLoader(TensorDataset(torch.zeros(64, 9)), 4, num_workers=2)),
    "threads": lambda: iter(DataLoader(Numbers(), 4, num_workers=2, workers="thread")),
}


class InFinaliser:
    """A trace function that raises SIGINT at the `number`th step of an iterator's finaliser."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        around: FrameType | None = frame
        while around is not None and around.f_code.co_name != "__del__":
            around = around.f_back
        if around is None or not self.left:
            return None
        self.left -= 1
        if not self.left:
            signal.raise_signal(signal.SIGINT)
        return self


@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_in_a_finaliser_comes_afterwards(kind: str, dropped: list[Any]) -> None:
    number, heard, is_reached = 0, 0, True
    while is_reached:
        number += 3
        before = threads()
        iterator = KINDS[kind]()
        next(iterator)
        trace = InFinaliser(number)
        try:
            sys.settrace(trace)
            del iterator
            sys.settrace(None)
            time.sleep(0)
        except KeyboardInterrupt:
            heard += 1
        finally:
            sys.settrace(None)
        is_reached = not trace.left
        assert heard == number // 3 - (not is_reached)
        assert are_gone(before)
    assert heard > 3
    assert dropped == []


def test_a_finaliser_that_always_fails_is_printed_as_ever(dropped: list[Any]) -> None:
    class Broken:
        @_native.uninterrupted
        def __del__(self) -> None:
            raise ValueError("mine")

    broken = Broken()
    del broken
    assert [type(each.exc_value) for each in dropped] == [ValueError]


def test_what_another_signal_handler_raises_comes_as_it_is(dropped: list[Any]) -> None:
    class OverError(Exception):
        pass

    def handle(*_: Any) -> None:
        raise OverError("time")

    class Slow:
        runs = 0

        @_native.uninterrupted
        def __del__(self) -> None:
            Slow.runs += 1
            if Slow.runs == 1:
                signal.raise_signal(signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        slow = Slow()
        with pytest.raises(OverError, match="time"):
            del slow
            time.sleep(0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert (Slow.runs, dropped) == (2, [])


# ---- in the thread tier's waiting and closing ----


def serve(crew: Crew, worker: int) -> None:
    while (task := crew.queues[worker].get()) is not None:
        crew.hand_in(task, task.number)


def interrupted_at(number: int, call: Callable[[], Any]) -> bool:
    """Calls, with KeyboardInterrupt at the `number`th step; False where there are not so many."""
    left = number

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        return trace

    try:
        sys.settrace(trace)
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


@pytest.mark.parametrize("act", ["start", "wait", "close"])
def test_no_step_of_a_crew_leaves_a_lock_behind(act: str) -> None:
    number = 0
    is_interrupted = True
    while is_interrupted:
        number += 1
        crew = Crew(2, serve, in_order=True)
        before = threads()
        if act != "start":
            crew.start()
        calls: dict[str, Callable[[], Any]] = {
            "start": crew.start,
            "wait": partial(crew.wait, 0, 5),
            "close": crew.close,
        }
        crew.queues[0].put(Task(0, 0, None, []))
        is_interrupted = interrupted_at(number, calls[act])
        if act == "wait":
            assert crew.wait(0, 5) == 0
            assert crew.take(0) == 0
            crew.queues[1].put(Task(0, 1, None, []))
            assert crew.wait(1, 5) == 1
        closing = threading.Thread(target=crew.close, daemon=True)
        closing.start()
        closing.join(10)
        assert not closing.is_alive(), f"it hangs after an interrupt at step {number}"
        assert are_gone(before)
    assert number > 10


def test_several_readers_of_a_crew() -> None:
    crew = Crew(2, serve, in_order=True)
    crew.start()
    found: list[int | None] = []
    readers = [threading.Thread(target=lambda n=n: found.append(crew.wait(n, 20))) for n in range(6)]
    for reader in readers:
        reader.start()
    for number in range(6):
        crew.queues[number % 2].put(Task(0, number, None, []))
    for reader in readers:
        reader.join(30)
    assert sorted(found, key=str) == list(range(6))
    crew.close()
