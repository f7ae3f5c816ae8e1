"""Stopping the drop-in and the thread tier at any moment: Ctrl-C, the interpreter's end, children."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from images import write_folder

pytest.importorskip("torch")
pytest.importorskip("torchvision")

# argv: a folder of JPEGs. Modules of the tests are found through this file's folder.
BEGIN = f"""
import logging, multiprocessing, signal, sys, threading, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
import torchvision_schemas
torchvision_schemas.define_missing()
import torch
from torch.utils.data import TensorDataset
from torchvision import transforms as v1
from torchvision.datasets import ImageFolder
from stoker.torch import DataLoader

logging.getLogger("stoker").setLevel(logging.ERROR)

class Own(ImageFolder):
    pass

def make(kind, **options):
    options = dict(batch_size=2, num_workers=2, **options)
    if kind == "rows":
        return DataLoader(TensorDataset(torch.arange(100000)), **options)
    if kind == "threads":
        options["workers"] = "thread"
    data = (Own if kind == "threads" else ImageFolder)(sys.argv[1], v1.ToTensor())
    data.samples *= 50
    return DataLoader(data, **options)
"""

KINDS = ["images", "rows", "threads"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    write_folder(root, 8)
    return root


def start(photos: Path, script: Path, code: str) -> subprocess.Popen[str]:
    script.write_text(BEGIN + textwrap.dedent(code))
    command = [sys.executable, "-X", "faulthandler", str(script), str(photos)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = child.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        pytest.fail(f"the child hangs; it wrote {out!r} and {err!r}")
    return child.returncode, out, err


# The import of torch is most of a child's time, so only some cases are in the default set.
@pytest.mark.parametrize("kind", ["images", pytest.param("rows", marks=pytest.mark.slow), "threads"])
def test_ctrl_c_ends_the_script(photos: Path, tmp_path: Path, kind: str) -> None:
    code = textwrap.dedent(
        f"""
        for _ in make({kind!r}):
            print("go", flush=True)
            time.sleep(0.05)
        """
    )
    child = start(photos, tmp_path / "script.py", code)
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    child.send_signal(signal.SIGINT)
    sent = time.monotonic()
    status, _, err = finish(child)
    print(f"Ctrl-C, {kind}: ended in {(time.monotonic() - sent) * 1e3:.0f} ms")
    assert status == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert err.count("Traceback") == 1
    assert "ignored" not in err


def test_ctrl_c_while_a_sample_takes_long(photos: Path, tmp_path: Path) -> None:
    child = start(
        photos,
        tmp_path / "script.py",
        """
        class Slow(torch.utils.data.Dataset):
            def __len__(self):
                return 8

            def __getitem__(self, index):
                if index > 1:
                    time.sleep(600)
                return index

        iterator = iter(DataLoader(Slow(), 2, num_workers=2, workers="thread"))
        next(iterator)
        threading.Timer(0.1, print, ["go"], {"flush": True}).start()
        next(iterator)
        """,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    child.send_signal(signal.SIGINT)
    status, _, err = finish(child)  # the limit of close(), not the sample's ten minutes
    assert status == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "ignored" not in err


ENDINGS = {
    "live iterators": "",
    "sys.exit": "sys.exit(0)",
    "a cycle": "held.append(held)\ndel held",
}


@pytest.mark.parametrize(
    "how", ["live iterators", *(pytest.param(how, marks=pytest.mark.slow) for how in list(ENDINGS)[1:])]
)
def test_the_interpreter_ends_with_live_loaders(photos: Path, tmp_path: Path, how: str) -> None:
    code = textwrap.dedent(
        f"""
        KINDS = {KINDS!r}
        loaders = [make(kind, persistent_workers=keeps) for kind in KINDS for keeps in (False, True)]
        held = [iter(loader) for loader in loaders]
        print(len([next(iterator) for iterator in held]), flush=True)
        """
    ) + textwrap.dedent(ENDINGS[how])
    assert finish(start(photos, tmp_path / "script.py", code)) == (0, "6\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_children_make_loaders_of_their_own(photos: Path, tmp_path: Path, method: str) -> None:
    code = f"""
        def total(batch):
            return float((batch[0] if isinstance(batch, list) else batch).sum())

        def work(loaders):
            # The loaders came by pickle, out of the middle of an epoch; one iterator stays alive.
            sums = [total(next(iter(loader))) for loader in loaders]
            work.held = [iter(loader) for loader in loaders]
            return sums

        if __name__ == "__main__":
            loaders = [make(kind) for kind in {KINDS!r}]
            held = [iter(loader) for loader in loaders]
            expected = [total(next(iterator)) for iterator in held]
            with multiprocessing.get_context({method!r}).Pool(1) as pool:
                assert pool.map(work, [loaders]) == [expected]
                pool.close()
                pool.join()
            print("done")
        """
    assert finish(start(photos, tmp_path / "script.py", code)) == (0, "done\n", "")
