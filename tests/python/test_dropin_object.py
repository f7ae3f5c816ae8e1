"""The loader as an object: what frameworks and users do to a DataLoader besides iterating."""

from __future__ import annotations

import copy
import gc
import inspect
import os
import pickle
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from PIL import Image  # noqa: E402
from torchvision import transforms as v1  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402

from stoker.torch import DataLoader  # noqa: E402

TRANSFORM = v1.Compose([v1.Resize((6, 6)), v1.PILToTensor()])
EXTRAS = {
    "threads": 3,
    "workers": "thread",
    "on_error": "replace",
    "max_bad": 0.5,
    "color": "bgr",
    "exif": "apply",
    "decoder": "libjpeg-turbo",
}


@pytest.fixture
def dataset(folder: Path) -> ImageFolder:
    return ImageFolder(folder, TRANSFORM)


def rebuilt(loader: Any, **changes: Any) -> Any:
    """As Lightning does: every argument of the signature that is a public attribute, then the changes."""
    names = inspect.signature(type(loader).__init__).parameters
    arguments = {name: getattr(loader, name) for name in names if hasattr(loader, name)}
    for name in (
        ["batch_sampler"] if loader.batch_size is not None else ["batch_size", "sampler", "drop_last"]
    ):
        del arguments[name]
    return type(loader)(**{**arguments, **changes})


def test_signature_is_torchs_and_ours() -> None:
    theirs = inspect.signature(torch.utils.data.DataLoader.__init__).parameters
    ours = inspect.signature(DataLoader.__init__).parameters
    assert list(ours) == [*theirs, *EXTRAS]
    assert all(ours[name].kind is inspect.Parameter.KEYWORD_ONLY for name in EXTRAS)
    assert list(inspect.signature(DataLoader).parameters) == list(ours)[1:]


def test_rebuilding_keeps_everything(dataset: ImageFolder) -> None:
    loader = DataLoader(dataset, 4, num_workers=1, drop_last=True, generator=torch.Generator(), **EXTRAS)
    other = rebuilt(loader, sampler=torch.utils.data.SequentialSampler(dataset))
    for name in (
        *EXTRAS,
        "batch_size",
        "num_workers",
        "drop_last",
        "generator",
        "prefetch_factor",
        "collate_fn",
    ):
        assert getattr(other, name) == getattr(loader, name), name
    assert len(list(other)) == 3
    again = rebuilt(
        rebuilt(DataLoader(dataset, batch_sampler=[[1, 2], [3]], **EXTRAS)), batch_sampler=[[4, 5]]
    )
    assert again.color == "bgr"
    assert len(list(again)) == 1


def test_is_a_real_data_loader(dataset: ImageFolder) -> None:
    loader = DataLoader(dataset, 5)
    assert isinstance(loader, torch.utils.data.DataLoader)
    assert DataLoader[int] is not None
    assert len(loader) == 3
    loader.num_samples = 12
    assert loader.num_samples == 12
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set"):
            setattr(loader, name, None)
    assert iter(loader)._workers == ()


def test_iterator_class_is_torchs_base(dataset: ImageFolder) -> None:
    iterator = iter(DataLoader(dataset, num_workers=1))
    assert isinstance(iterator, torch.utils.data.dataloader._BaseDataLoaderIter)
    iterator._shutdown_workers()


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("threads", -1, ValueError),
        ("threads", 1.5, TypeError),
        ("threads", True, TypeError),
        ("threads", "many", TypeError),
        ("workers", "threads", ValueError),
        ("on_error", "ignore", ValueError),
        ("max_bad", -0.1, ValueError),
        ("max_bad", 2.5, ValueError),
        ("max_bad", "1%", TypeError),
        ("color", "RGB", ValueError),
        ("decoder", "turbo", ValueError),
        ("exif", True, ValueError),
    ],
)
def test_wrong_arguments(dataset: ImageFolder, name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        DataLoader(dataset, **{name: value})
    loader = DataLoader(dataset)
    setattr(loader, name, value)
    with pytest.raises(error, match=name):
        iter(loader)
    with pytest.raises(error, match=name):
        loader.explain()


def test_torchs_own_checks_come_first(dataset: ImageFolder) -> None:
    with pytest.raises(ValueError, match="num_workers"):
        DataLoader(dataset, num_workers=-1)
    with pytest.raises(ValueError, match="mutually exclusive"):
        DataLoader(dataset, shuffle=True, sampler=[1])
    with pytest.raises(TypeError):
        DataLoader(dataset, colour="rgb")


@pytest.mark.parametrize("threads", [0, 1, 3, "auto"])
def test_threads_do_not_change_the_result(dataset: ImageFolder, threads: int | str) -> None:
    dataset.transform = v1.Compose([v1.RandomResizedCrop(8), v1.RandomHorizontalFlip(), v1.ToTensor()])

    def epoch(**arguments: Any) -> torch.Tensor:
        torch.manual_seed(3)
        return torch.cat(
            [images for images, _ in DataLoader(dataset, batch_size=5, shuffle=True, **arguments)]
        )

    assert torch.equal(epoch(threads=threads), epoch(num_workers=2))


def test_pickle_and_copy_leave_a_running_epoch_behind(dataset: ImageFolder) -> None:
    loader = DataLoader(dataset, 5, num_workers=1, **EXTRAS)
    iterator = iter(loader)
    next(iterator)
    for other in (pickle.loads(pickle.dumps(loader)), copy.copy(loader), copy.deepcopy(loader)):
        assert other.color == "bgr"
        assert len(list(other)) == 3
        assert loader.counters()
    assert len(list(iterator)) == 2


def test_explain_and_counters(dataset: ImageFolder) -> None:
    loader = DataLoader(dataset, 5, num_workers=2)
    assert loader.counters() == {}
    state, threads = torch.get_rng_state(), thread_count()
    text = loader.explain()
    assert torch.equal(torch.get_rng_state(), state)
    assert thread_count() == threads
    assert "Resize: native (resize)" in text
    assert len(text.splitlines()) > 4
    list(loader)
    assert loader.counters()["samples"] == 12
    assert loader.counters()["batches"] == 3


def thread_count() -> int:
    return len(os.listdir("/proc/self/task"))


def settled(count: int) -> bool:
    """Whether the number of threads falls to `count` within two seconds."""
    gc.collect()
    end = time.monotonic() + 2
    while thread_count() > count and time.monotonic() < end:
        time.sleep(0.01)
    return thread_count() <= count


def test_abandoned_epochs_leave_no_thread(dataset: ImageFolder) -> None:
    list(DataLoader(dataset, num_workers=2))
    before, files = thread_count(), len(os.listdir("/proc/self/fd"))
    loaders = []
    for turn in range(50):
        loader = DataLoader(dataset, batch_size=2, num_workers=2, persistent_workers=turn % 5 == 0)
        for _ in loader:
            if turn % 2:
                break
        if not loader.persistent_workers:
            loaders.append(loader)
    del loader
    assert settled(before)
    assert loaders[1].counters()["batches"] >= 1
    assert len(os.listdir("/proc/self/fd")) <= files


def test_a_running_iterator_does_not_keep_the_process(folder: Path) -> None:
    program = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import torchvision_schemas
        torchvision_schemas.define_missing()
        from stoker.torch import DataLoader
        from torchvision import transforms as v1
        from torchvision.datasets import ImageFolder
        dataset = ImageFolder({str(folder)!r}, v1.Compose([v1.Resize((6, 6)), v1.ToTensor()]))
        loader = DataLoader(dataset, num_workers=2, persistent_workers=True)
        iterators = [iter(loader), iter(DataLoader(dataset, num_workers=1))]
        print([len(next(i)) for i in iterators])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[2, 2]\n"), done.stderr


def test_timeout_has_torchs_words(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    slow = np.random.default_rng(0).integers(0, 256, (3000, 3000, 3), dtype=np.uint8)
    Image.fromarray(slow).save(tmp_path / "a" / "slow.png", compress_level=1)
    iterator = iter(DataLoader(ImageFolder(tmp_path, TRANSFORM), num_workers=1, timeout=0.001))
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.001 seconds"):
        next(iterator)
    iterator._timeout = 60
    assert len(next(iterator)) == 2
