"""Memory stays level over epochs, and importing stoker imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from images import encode, picture, write_folder


def run(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.parametrize("module", ["stoker", "stoker.cli"])
def test_import_brings_in_numpy_at_most(module: str) -> None:
    out = run(f"import {module}, stoker, sys; stoker.Loader, stoker.resize; print(*sorted(sys.modules))")
    heavy = {
        "torch",
        "torchvision",
        "cv2",
        "PIL",
        "albumentations",
        "scipy",
        "pandas",
        "matplotlib",
        "skimage",
    }
    assert heavy.isdisjoint(name.split(".")[0] for name in out.split())


def test_import_starts_no_thread() -> None:
    count = "len(os.listdir('/proc/self/task'))"
    before, after = run(
        f"import os, numpy; before = {count}; import stoker; stoker.Loader; print(before, {count})"
    ).split()
    assert before == after


EPOCHS = """
    import gc, os, sys
    import stoker

    def rss_mib():
        return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20

    chain = [stoker.random_resized_crop(96), stoker.color_jitter(), stoker.normalize(0.5, 0.5)]
    options = dict(batch_size=8, threads=int(sys.argv[2]), shuffle=True, {options})
    loader = stoker.Loader(stoker.folder(sys.argv[1]), chain, **options)
    kept = None
    for epoch in range(5):
        for images, labels in loader:
            kept = images
    gc.collect()
    begin = rss_mib()
    for epoch in range(int(sys.argv[3])):
        for images, labels in loader:
            kept = images
    gc.collect()
    print(rss_mib() - begin)
"""


@pytest.mark.parametrize("options", ["", "dtype='bfloat16'", "shapes='list'"])
@pytest.mark.parametrize("threads", [0, 2])
def test_memory_is_level_over_epochs(tmp_path: Path, threads: int, options: str) -> None:
    write_folder(tmp_path, 40, size=None)
    assert float(run(EPOCHS.format(options=options), tmp_path, threads, 25)) < 3


@pytest.mark.slow
def test_memory_is_level_over_a_thousand_epochs(tmp_path: Path) -> None:
    write_folder(tmp_path, 40, size=None)
    assert float(run(EPOCHS.format(options=""), tmp_path, 2, 1000)) < 3


def test_errors_leave_no_memory_behind(tmp_path: Path) -> None:
    whole = encode(picture(200, 300))
    for index in range(40):
        (tmp_path / f"{index}.jpg").write_bytes(whole[: len(whole) * (index % 4 + 1) // 4])
    out = run(
        """
        import gc, os, sys
        from pathlib import Path
        import stoker

        def rss_mib():
            return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20

        def epoch():
            iterator = iter(loader)
            while True:
                try:
                    next(iterator)
                except stoker.SampleError:
                    pass
                except StopIteration:
                    return

        loader = stoker.Loader(stoker.files(sorted(Path(sys.argv[1]).iterdir())), batch_size=2, threads=2)
        for _ in range(5):
            epoch()
        begin = rss_mib()
        for _ in range(30):
            epoch()
        gc.collect()
        print(rss_mib() - begin)
        """,
        tmp_path,
    )
    assert float(out) < 3


def test_memory_is_bounded_when_the_trainer_is_slow(tmp_path: Path) -> None:
    """A dozen batches ahead would be 600 MB here; the engine holds a few."""
    write_folder(tmp_path, 2, size=(64, 64))
    out = run(
        """
        import os, sys, time
        import stoker

        def rss_mib():
            return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20

        paths = [path for path in (stoker.folder(sys.argv[1]).path(0),) for _ in range(800)]
        chain = [stoker.resize((1024, 1024))]
        loader = stoker.Loader(stoker.files(paths), chain, batch_size=16, threads=2, dtype="uint8")
        begin, most = rss_mib(), 0
        for place, images in enumerate(loader):
            del images
            time.sleep(0.25)
            most = max(most, rss_mib() - begin)
            if place == 5:
                break
        print(most)
        """,
        tmp_path,
    )
    assert float(out) < 48 * 5 + 40  # 48 MB a batch
