"""What a thread has waited for a core, as the kernel counts it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stoker.machine.clocks import wait_for_core_ns

SCHEDSTAT = Path("/proc/thread-self/schedstat")

pytestmark = pytest.mark.skipif(not SCHEDSTAT.exists(), reason="the kernel does not count it")


def is_own_count() -> bool:
    """Of the moment before and the moment after, it is between what the system says."""
    until = time.monotonic() + 0.05
    while time.monotonic() < until:  # to have waited for something, on most machines
        pass
    before = int(SCHEDSTAT.read_text().split()[1])
    return before <= wait_for_core_ns() <= int(SCHEDSTAT.read_text().split()[1])


def in_a_child(check: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0 if check() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_it_is_the_count_of_the_thread_that_asks() -> None:
    assert is_own_count()
    with ThreadPoolExecutor(1) as other:
        assert other.submit(is_own_count).result()
    assert is_own_count()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forking beside threads
def test_a_forked_process_counts_for_itself() -> None:
    assert is_own_count()
    assert in_a_child(is_own_count)


def test_threads_that_end_leave_no_file_open() -> None:
    wait_for_core_ns()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        thread = threading.Thread(target=wait_for_core_ns)
        thread.start()
        thread.join()
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the listing itself
