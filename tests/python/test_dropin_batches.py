"""What a batch is made of: collate functions, targets, and samples that cannot be read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from PIL import Image  # noqa: E402
from torch.utils.data import ConcatDataset, TensorDataset, default_collate  # noqa: E402
from torchvision import transforms as v1  # noqa: E402
from torchvision import tv_tensors  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

import stoker  # noqa: E402
from stoker.torch import DataLoader  # noqa: E402

TRANSFORM = v1.Compose([v1.Resize((14, 15)), v1.ToTensor()])


@pytest.fixture
def dataset(folder: Path) -> ImageFolder:
    return ImageFolder(folder, TRANSFORM)


def native(*arguments: Any, **keywords: Any) -> DataLoader[Any]:
    loader = DataLoader(*arguments, **keywords)
    assert loader.explain().startswith("tier: native"), loader.explain()
    return loader


def test_mixup_around_default_collate(dataset: ImageFolder) -> None:
    mixup = v2.MixUp(num_classes=3)
    epochs = []
    for make in (native, torch.utils.data.DataLoader):
        loader = make(dataset, batch_size=4, collate_fn=lambda samples: mixup(*default_collate(samples)))
        torch.manual_seed(2)
        iterator = iter(loader)
        torch.manual_seed(2)
        epochs.append(list(iterator))
    for mine, theirs in zip(*epochs, strict=True):
        assert mine[1].shape == (4, 3)
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("fixed", [True, False])
def test_own_collate_gets_samples(dataset: ImageFolder, fixed: bool) -> None:
    if not fixed:
        dataset.transform = v1.Compose([v1.Resize(20), v1.ToTensor()])
    for samples, expected in zip(
        native(dataset, batch_size=5, num_workers=2, collate_fn=list),
        torch.utils.data.DataLoader(dataset, batch_size=5, collate_fn=list),
        strict=True,
    ):
        assert isinstance(samples, list)
        for sample, reference in zip(samples, expected, strict=True):
            assert isinstance(sample, tuple)
            assert torch.equal(sample[0], reference[0])
            assert sample[1] == reference[1]
            assert type(sample[1]) is int


def test_sample_has_the_type_of_the_pipeline(dataset: ImageFolder) -> None:
    dataset.transform = v2.Compose([v2.Resize((8, 8)), v2.ToImage()])
    assert type(next(iter(native(dataset, collate_fn=lambda s: s[0][0])))) is tv_tensors.Image
    dataset.transform.transforms = [*dataset.transform.transforms, v2.ToPureTensor()]
    assert type(next(iter(native(dataset, collate_fn=lambda s: s[0][0])))) is torch.Tensor


def test_collate_of_tensor_dataset() -> None:
    data = TensorDataset(torch.arange(6).reshape(6, 1), torch.rand(6))
    ours, theirs = (
        list(make(data, batch_size=4, collate_fn=list)) for make in (native, torch.utils.data.DataLoader)
    )
    assert [len(batch) for batch in ours] == [4, 2]
    for mine, expected in zip(ours, theirs, strict=True):
        for a, b in zip(mine, expected, strict=True):
            assert type(a) is tuple
            assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_changed_table_of_collate_functions_counts(
    dataset: ImageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = torch.utils.data._utils.collate.default_collate_fn_map
    monkeypatch.setitem(table, torch.Tensor, lambda batch, *, collate_fn_map: [t.shape for t in batch])
    assert next(iter(native(dataset, batch_size=2)))[0] == [(3, 14, 15), (3, 14, 15)]


def test_error_in_the_collate_function_is_one_batch(dataset: ImageFolder) -> None:
    def collate(samples: list[Any]) -> int:
        if samples[0][1] == 1:
            raise KeyError("one")
        return len(samples)

    iterator = iter(native(dataset, batch_size=4, num_workers=1, collate_fn=collate))
    assert next(iterator) == 4
    with pytest.raises(KeyError, match="one"):
        next(iterator)
    assert next(iterator) == 4
    with pytest.raises(StopIteration):
        next(iterator)


@pytest.mark.parametrize(
    "transform",
    [
        lambda target: target * 10,
        lambda target: target / 4,
        lambda target: f"class {target}",
        lambda target: {"label": target, "box": torch.ones(2) * target},
        lambda target: np.float32(target),
        lambda target: target == 1,
    ],
)
def test_target_transform(dataset: ImageFolder, transform: Any) -> None:
    dataset.target_transform = transform
    ours, theirs = (list(make(dataset, batch_size=5)) for make in (native, torch.utils.data.DataLoader))
    for mine, expected in zip(ours, theirs, strict=True):
        assert type(mine[1]) is type(expected[1])
        torch.testing.assert_close(mine[1], expected[1], rtol=0, atol=0) if not isinstance(
            expected[1], tuple | list
        ) else None
        assert str(mine[1]) == str(expected[1])


def test_target_transforms_of_parts(folder: Path) -> None:
    joined = ConcatDataset(
        [
            ImageFolder(folder, TRANSFORM, lambda t: t + 100),
            ImageFolder(folder, TRANSFORM),
            ImageFolder(folder, TRANSFORM, str),
        ]
    )
    ours, theirs = (
        [sample[1] for batch in make(joined, batch_size=7, collate_fn=list) for sample in batch]
        for make in (native, torch.utils.data.DataLoader)
    )
    assert ours == theirs
    assert ours[0] == 100
    assert ours[-1] == "2"


def test_targets_that_are_no_integers(dataset: ImageFolder) -> None:
    for targets in (
        [0.5 * i for i in range(12)],
        [f"{i}" for i in range(12)],
        [True] * 12,
        [2**70] + [0] * 11,
    ):
        dataset.samples = [(path, target) for (path, _), target in zip(dataset.samples, targets, strict=True)]
        expected: Any
        try:
            expected = next(iter(torch.utils.data.DataLoader(dataset, batch_size=4)))[1]
        except ValueError:
            with pytest.raises(ValueError, match="Overflow"):
                next(iter(native(dataset, batch_size=4)))
            continue
        mine = next(iter(native(dataset, batch_size=4)))[1]
        assert type(mine) is type(expected)
        assert str(mine) == str(expected)


@pytest.fixture
def damaged(make_folder: Any) -> tuple[ImageFolder, int]:
    """Twelve images of which one, in the second batch of four, is cut in the middle."""
    root = make_folder(12, size=(40, 44), suffix="jpg")
    dataset = ImageFolder(root, TRANSFORM)
    path = Path(dataset.samples[5][0])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return dataset, 5


@pytest.mark.parametrize("num_workers", [0, 2])
def test_bad_sample_names_its_file_and_the_epoch_goes_on(damaged: Any, num_workers: int) -> None:
    dataset, bad = damaged
    iterator = iter(native(dataset, batch_size=4, num_workers=num_workers))
    assert len(next(iterator)[1]) == 4
    with pytest.raises(stoker.SampleError) as caught:
        next(iterator)
    assert caught.value.path == dataset.samples[bad][0]
    assert caught.value.index == bad
    assert Path(dataset.samples[bad][0]).name in str(caught.value)
    expected = torch.stack([dataset[i][0] for i in range(8, 12)])
    assert torch.equal(next(iterator)[0], expected)
    with pytest.raises(StopIteration):
        next(iterator)


def test_replace_keeps_the_batch_size(damaged: Any) -> None:
    dataset, bad = damaged
    dataset.samples = [(path, index) for index, (path, _) in enumerate(dataset.samples)]
    batches = list(native(dataset, batch_size=4, num_workers=2, on_error="replace", max_bad=1))
    assert [len(images) for images, _ in batches] == [4, 4, 4]
    targets = torch.cat([targets for _, targets in batches]).tolist()
    images = torch.cat([images for images, _ in batches])
    assert targets[:bad] + targets[bad + 1 :] == [i for i in range(12) if i != bad]
    assert targets[bad] != bad
    assert torch.equal(images[bad], dataset[targets[bad]][0]), "image and target belong to different files"
    again = list(native(dataset, batch_size=4, on_error="replace", max_bad=1))
    assert again[1][1].tolist() == batches[1][1].tolist()


def test_skip_shortens_the_batch(damaged: Any) -> None:
    dataset, _ = damaged
    dataset.target_transform = str
    loader = native(dataset, batch_size=1, on_error="skip", max_bad=1)
    assert len(list(loader)) == 11
    batches = list(native(dataset, batch_size=4, on_error="skip", max_bad=1))
    assert [(len(images), len(targets)) for images, targets in batches] == [(4, 4), (3, 3), (4, 4)]


def test_too_many_bad_samples_stop_the_epoch(damaged: Any) -> None:
    dataset, _ = damaged
    with pytest.raises(stoker.StokerError, match="max_bad"):
        list(native(dataset, batch_size=4, on_error="replace", max_bad=0))


def test_shapes_that_differ_name_the_remedy(folder: Path) -> None:
    loader = native(ImageFolder(folder, v1.Compose([v1.Resize(20), v1.ToTensor()])), batch_size=12)
    with pytest.raises((stoker.StokerError, ValueError), match=r"resize|crop"):
        next(iter(loader))


def test_image_written_with_the_wrong_extension(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    buffer = io.BytesIO()
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(buffer, "PNG")
    (tmp_path / "a" / "really_png.jpg").write_bytes(buffer.getvalue())
    dataset = ImageFolder(tmp_path, v1.PILToTensor())
    assert torch.equal(next(iter(native(dataset)))[0][0], dataset[0][0])


def test_finished_batch_is_pinned_by_torch(dataset: ImageFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        torch.utils.data._utils.pin_memory,
        "pin_memory",
        lambda data, device: (device, [type(part) for part in data]),
    )
    iterator = iter(native(dataset, batch_size=3))
    iterator._pin_memory, iterator._pin_memory_device = True, "cuda"
    assert next(iterator) == ("cuda", [torch.Tensor, torch.Tensor])


def test_pin_memory_without_an_accelerator_warns_as_torch(dataset: ImageFolder) -> None:
    if torch.accelerator.is_available():
        images, targets = next(iter(native(dataset, pin_memory=True)))
        assert images.is_pinned()
        assert targets.is_pinned()
    else:
        with pytest.warns(UserWarning, match="no accelerator"):
            next(iter(native(dataset, pin_memory=True)))
