"""Stopping at any moment: Ctrl-C, the interpreter's end, iterators left behind, fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from images import encode, picture

import stoker

# What each child begins with. argv: a folder of JPEGs.
BEGIN = """
import gc, os, signal, sys, threading, time
from pathlib import Path
import numpy as np
import stoker

PATHS = sorted(Path(sys.argv[1]).glob("*.jpg")) * 50

def make(threads=2, batch_size=8, **options):
    options = dict(batch_size=batch_size, threads=threads, **options)
    return stoker.Loader(stoker.files(PATHS), [stoker.random_resized_crop(64)], **options)

def counts():
    rss = int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")), rss

"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for index in range(8):
        (folder / f"{index}.jpg").write_bytes(encode(picture(300, 400, seed=index)))
    (folder / "large.jpeg").write_bytes(encode(np.tile(picture(500, 500), (6, 6, 1)), quality=60))
    return folder


def start(photos: Path, code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-X", "faulthandler", "-c", BEGIN + textwrap.dedent(code), str(photos)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(child: subprocess.Popen[str], timeout_s: float = 30) -> tuple[int, str, str]:
    try:
        out, err = child.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        pytest.fail(f"the child hangs; it wrote {out!r} and {err!r}")
    return child.returncode, out, err


def run(photos: Path, code: str) -> str:
    """Output of a child that must end well and silently."""
    status, out, err = finish(start(photos, code))
    assert err == ""
    assert status == 0
    return out


# ---- Ctrl-C ----

INTERRUPTED = {
    "slow consumer": "for images in make(): print('go', flush=True); time.sleep(0.02)",
    "fast consumer": "\nwhile True:\n    for images in make(): print('go', flush=True)",
    "inside next()": "\nwhile True:\n    for images in make(batch_size=400): print('go', flush=True)",
    "no threads": "\nwhile True:\n    for images in make(threads=0, batch_size=400): print('go', flush=True)",
    "slow producer": """
        large = [sorted(Path(sys.argv[1]).glob("*.jpeg"))[0]] * 400
        loader = stoker.Loader(stoker.files(large), [stoker.resize((16, 16))], batch_size=100, threads=1)
        print('go', flush=True)
        next(iter(loader))
    """,
    "slow producer, no threads": """
        large = [sorted(Path(sys.argv[1]).glob("*.jpeg"))[0]] * 400
        loader = stoker.Loader(stoker.files(large), [stoker.resize((16, 16))], batch_size=100, threads=0)
        print('go', flush=True)
        next(iter(loader))
    """,
}


@pytest.mark.parametrize("case", INTERRUPTED)
def test_ctrl_c_is_answered_at_once(photos: Path, case: str) -> None:
    body = textwrap.indent(textwrap.dedent(INTERRUPTED[case]), "    ")
    child = start(
        photos,
        f"try:\n{body}\nexcept KeyboardInterrupt:\n    print(time.monotonic(), flush=True)\n    raise\n",
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    time.sleep(0.3)
    sent = time.monotonic()  # one clock for all processes
    child.send_signal(signal.SIGINT)
    status, out, err = finish(child)
    ended = time.monotonic() - sent
    answered = float(out.split()[-1]) - sent
    print(f"Ctrl-C, {case}: answered in {answered * 1e3:.0f} ms, ended in {ended * 1e3:.0f} ms")
    assert status == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "leaked" not in err
    assert answered < 1
    assert ended < 3


def test_a_loader_goes_on_after_ctrl_c(photos: Path) -> None:
    out = run(
        photos,
        """
        loader = make(batch_size=50)
        expected = [float(images.sum()) for images in loader]
        loader.set_epoch(0)
        got, interrupts, iterator = [], 0, iter(loader)
        while len(got) < len(expected):
            try:
                got += [float(next(iterator).sum())]
                if not interrupts:
                    signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                interrupts += 1
                iterator = iter(loader)
                got = []
        print(got == expected, interrupts)
        """,
    )
    assert out.split() == ["True", "1"]


def test_a_signal_handler_may_use_the_loader_that_waits(photos: Path) -> None:
    """The handler runs inside next(): it takes a batch, or closes the loader."""
    out = run(
        photos,
        """
        for threads in (0, 1):
            for what in ("next", "close"):
                loader = make(threads=threads, batch_size=100)
                iterator, seen = iter(loader), []
                act = loader.close if what == "close" else lambda: seen.append(next(iterator))
                signal.signal(signal.SIGALRM, lambda *_: act())
                signal.setitimer(signal.ITIMER_REAL, 0.03)
                try:
                    for images in iterator:
                        seen.append(images)
                except RuntimeError:
                    print(what, "ended")
                else:
                    print(what, sum(map(len, seen)) == len(PATHS))
        """,
    )
    assert out == "next True\nclose ended\n" * 2


# ---- the end of the interpreter ----

# The thread may be told that its loader was closed; what must not be is an abort or a hang.
DAEMON = """
def use(loader):
    try:
        for _ in loader: time.sleep(0.001)
    except RuntimeError: pass
threading.Thread(target=use, args=[make(batch_size={batch_size})], daemon=True).start()
time.sleep(0.05)"""

ENDINGS = {
    "normally": "",
    "sys.exit": "sys.exit(0)",
    "del": "del iterator, loader",
    "del loader": "del loader",
    "close": "loader.close()",
    "in a global list": "import sys\nsys.keep = [loader, iterator, stoker.resize(8), loader.source]",
    "in a cycle": "cycle = [loader, iterator]\ncycle.append(cycle)\ndel cycle, iterator, loader",
    "os._exit": "os._exit(0)",
    "in a daemon thread": DAEMON.format(batch_size=1),
    "in a daemon thread inside next()": DAEMON.format(batch_size=400),
    "held by a generator": """
def batches():
    for images in loader:
        yield images
held = batches()
next(held)""",
    "inside atexit": "import atexit\natexit.register(lambda: print(len(next(iterator))))",
    "with images kept": "import builtins\nbuiltins.images = [next(iterator) for _ in range(4)]",
}


@pytest.mark.parametrize("how", ENDINGS)
def test_the_interpreter_ends_with_a_live_loader(photos: Path, how: str) -> None:
    code = (
        "loader = make()\niterator = iter(loader)\nnext(iterator)\nprint('ran', flush=True)\n" + ENDINGS[how]
    )
    assert run(photos, code).startswith("ran\n")


def test_the_interpreter_ends_by_an_exception(photos: Path) -> None:
    status, out, err = finish(
        start(photos, "loader = make()\nfor images in loader:\n    raise ValueError('mine')")
    )
    assert (status, out) == (1, "")
    assert err.rstrip().endswith("ValueError: mine")
    assert err.startswith("Traceback")
    assert "leaked" not in err


# ---- left behind ----

ABANDON = """
loader = make(batch_size=4)

def abandon(count):
    for turn in range(count):
        iterator = iter(loader)
        for _ in range(turn % 4):
            next(iterator)
        if turn % 5 == 0:
            other = make(batch_size=4)
            next(iter(other))

abandon(60)
gc.collect()
loader.close()
tasks, files, rss = counts()
abandon({count})
gc.collect()
loader.close()
after = counts()
print(after[0] - tasks, after[1] - files, (after[2] - rss) / 2**20)
"""


def assert_nothing_is_left(photos: Path, count: int) -> None:
    child = start(photos, ABANDON.format(count=count))
    status, out, err = finish(child, timeout_s=300)
    assert (status, err) == (0, "")
    tasks, files, grown_mib = out.split()
    assert (int(tasks), int(files)) == (0, 0)
    assert float(grown_mib) < 4


def test_iterators_left_behind_leave_nothing(photos: Path) -> None:
    assert_nothing_is_left(photos, 300)


@pytest.mark.slow
def test_a_thousand_iterators_left_behind_leave_nothing(photos: Path) -> None:
    assert_nothing_is_left(photos, 1000)


def test_close_ends_the_threads_at_once(photos: Path) -> None:
    paths = sorted(photos.glob("*.jpg")) * 50
    before = len(os.listdir("/proc/self/task"))
    loader = stoker.Loader(stoker.files(paths), [stoker.resize((64, 64))], batch_size=8, threads=3)
    iterator = iter(loader)
    next(iterator)
    assert len(os.listdir("/proc/self/task")) > before
    begin = time.monotonic()
    loader.close()
    assert time.monotonic() - begin < 2
    assert len(os.listdir("/proc/self/task")) == before
    iterator = iter(loader)
    next(iterator)
    del iterator, loader
    assert len(os.listdir("/proc/self/task")) == before


def test_no_thread_before_the_first_iteration(photos: Path) -> None:
    before = len(os.listdir("/proc/self/task"))
    loader = stoker.Loader(stoker.files(sorted(photos.glob("*.jpg"))), batch_size=8, threads=4)
    loader.explain()
    len(loader)
    assert len(os.listdir("/proc/self/task")) == before


def test_close_from_another_thread_wakes_next(photos: Path) -> None:
    large = sorted(photos.glob("*.jpeg")) * 1000
    loader = stoker.Loader(
        stoker.files(large), [stoker.center_crop(8), stoker.resize(8)], batch_size=1000, threads=1
    )
    problems: list[BaseException] = []

    def wait() -> None:
        try:
            next(iter(loader))
        except BaseException as problem:
            problems.append(problem)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.1)
    begin = time.monotonic()
    loader.close()
    waiting.join(5)
    assert not waiting.is_alive()
    assert time.monotonic() - begin < 2
    assert [type(problem) for problem in problems] == [RuntimeError]


def test_a_loader_made_here_and_used_in_another_thread(photos: Path) -> None:
    loader = stoker.Loader(
        stoker.files(sorted(photos.glob("*.jpg"))), [stoker.resize((9, 9))], batch_size=3, threads=2
    )
    sums: list[float] = []
    thread = threading.Thread(target=lambda: sums.extend(float(images.sum()) for images in loader))
    thread.start()
    thread.join(20)
    loader.set_epoch(0)
    assert sums == [float(images.sum()) for images in loader]


# ---- fork ----


def test_fork_in_the_middle(photos: Path) -> None:
    out = run(
        photos,
        """
        import warnings
        warnings.simplefilter("ignore")
        loader = make()
        iterator = iter(loader)
        sums = []
        for turn in range(40):
            sums.append(float(next(iterator).sum()))
            child = os.fork()
            if child == 0:
                signal.alarm(10)
                try:
                    next(iterator)
                except stoker.StokerError as problem:
                    assert "fork" in str(problem), problem
                else:
                    os._exit(7)
                loader.explain(), loader.counters(), loader.bad_samples(), len(loader)
                loader.close()
                if turn % 2:
                    os._exit(0)
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0, turn
        loader.set_epoch(0)
        print(sums == [float(images.sum()) for images in loader][:40])
        """,
    )
    assert out == "True\n"


def test_a_child_may_make_a_loader_of_its_own(photos: Path) -> None:
    out = run(
        photos,
        """
        import warnings
        warnings.simplefilter("ignore")
        loader = make()
        expected = [float(images.sum()) for images in loader]
        iterator = iter(loader)
        next(iterator)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            fresh = [float(images.sum()) for images in make()]
            loader.set_epoch(0)
            again = [float(images.sum()) for images in loader]
            os._exit(0 if fresh == expected == again else 1)
        print(os.waitpid(child, 0)[1])
        """,
    )
    assert out == "0\n"


def test_multiprocessing_by_fork_and_spawn(photos: Path, tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(
        BEGIN
        + textwrap.dedent(
            """
            import multiprocessing, warnings
            warnings.simplefilter("ignore")

            def work(seed):
                return float(next(iter(make(seed=seed, threads=1))).sum())

            if __name__ == "__main__":
                loader = make()
                iterator = iter(loader)
                next(iterator)
                expected = [work(seed) for seed in range(3)]
                for method in ("fork", "spawn"):
                    with multiprocessing.get_context(method).Pool(2) as pool:
                        assert pool.map(work, range(3)) == expected
            """
        )
    )
    result = subprocess.run(
        [sys.executable, str(script), str(photos)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
