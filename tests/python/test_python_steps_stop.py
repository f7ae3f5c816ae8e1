"""Stopping while a step in Python runs: Ctrl-C, the interpreter's end, fork."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from images import write_folder

# argv: a folder of pictures. A step that waits for ever says "in" first.
BEGIN = """
import os, sys, threading, time
from pathlib import Path
import numpy as np
import stoker

PATHS = sorted(Path(sys.argv[1]).rglob("*.png"))

def wait(image):
    os.write(1, b"in\\n")
    time.sleep(1000)
    return image

def spin(image):
    os.write(1, b"in\\n")
    while True:
        pass

def inverted(image):
    return 255 - image

def make(function, threads=2):
    return stoker.Loader(stoker.files(PATHS), [stoker.in_python(function)], batch_size=4, threads=threads)

"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_folder(folder, 12, (20, 24), "PNG")
    return folder


def start(folder: Path, code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-X", "faulthandler", "-c", BEGIN + textwrap.dedent(code), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = child.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        pytest.fail(f"the child hangs; it wrote {out!r} and {err!r}")
    return child.returncode, out, err


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("step", ["wait", "spin"])
def test_ctrl_c_while_it_runs(folder: Path, threads: int, step: str) -> None:
    child = start(folder, f"next(iter(make({step}, threads={threads})))")
    assert child.stdout is not None
    begun = child.stdout.readline()
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    status, _, err = finish(child)
    assert begun == "in\n"
    assert status == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "Fatal" not in err


@pytest.mark.parametrize("step", ["wait", "spin"])
def test_the_interpreter_ends_while_it_runs(folder: Path, step: str) -> None:
    code = f"""
    iterator = iter(make({step}))
    time.sleep(0.5)
    print("end", flush=True)
    """
    status, out, err = finish(start(folder, code))
    assert (status, err) == (0, "")
    assert {"in", "end"} == set(out.split())


def test_another_thread_that_waits_is_let_go(folder: Path) -> None:
    code = """
    loader = make(wait)
    iterator = iter(loader)

    def take():
        try:
            next(iterator)
        except RuntimeError as problem:
            print(problem, flush=True)

    thread = threading.Thread(target=take)
    thread.start()
    time.sleep(0.3)
    loader.close()
    thread.join()
    """
    status, out, err = finish(start(folder, code))
    assert (status, err) == (0, "")
    assert "closed while a batch was awaited" in out


def test_a_forked_process_has_its_own(folder: Path) -> None:
    code = """
    loader = make(inverted)
    iterator = iter(loader)
    expected = next(iterator)
    child = os.fork()
    made = next(iter(loader)) if child == 0 else expected
    assert np.array_equal(made, expected)
    if child == 0:
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(list(loader)))
    """
    status, out, err = finish(start(folder, code))
    assert (status, err) == (0, "")
    assert out == "7 3\n"
