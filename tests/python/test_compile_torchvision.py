"""`stoker.compile` of torchvision pipelines: called as they are, with the same results."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torchvision_schemas
from images import picture

torchvision_schemas.define_missing()
torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from PIL import Image  # noqa: E402
from torchvision import transforms as v1  # noqa: E402
from torchvision import tv_tensors  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

import stoker  # noqa: E402

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def double(image: Any) -> Any:
    return image * 2 if isinstance(image, torch.Tensor) else image.point(lambda level: level // 2)


PIPELINES: dict[str, Callable[[], Any]] = {
    "pillow to pillow": lambda: v1.Compose([v1.Resize(40), v1.CenterCrop(32), v1.RandomInvert(p=1)]),
    "grey at the end": lambda: v2.Compose([v2.Resize(40), v2.Grayscale()]),
    "to tensor": lambda: v1.Compose([v1.Resize((31, 33)), v1.ToTensor(), v1.Normalize((0.5,), (0.2,))]),
    "to tensor alone": lambda: v1.ToTensor(),
    "bytes": lambda: v2.Compose([v2.PILToTensor()]),
    "to image": lambda: v2.Compose(
        [v2.ToImage(), v2.Resize((24, 40)), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.3])]
    ),
    "pure": lambda: v2.Compose([v2.ToImage(), v2.RandomSolarize(99, p=1), v2.ToPureTensor()]),
    "pure alone": lambda: v2.ToPureTensor(),
    "half": lambda: v2.Compose([v2.ToImage(), v2.CenterCrop(20), v2.ToDtype(torch.float16, scale=True)]),
    "python between": lambda: v1.Compose(
        [v1.Resize(30), double, v1.RandomHorizontalFlip(p=1), v1.ToTensor(), double, v1.CenterCrop(11)]
    ),
    "blur": lambda: v1.Compose([v1.CenterCrop(30), v1.GaussianBlur(3, (1, 1)), v1.ToTensor()]),
    "several": lambda: v1.Compose([v1.FiveCrop(16), v1.Lambda(len)]),
    "nested": lambda: v1.Compose([torch.nn.Sequential(v1.Resize(20), v1.CenterCrop(16)), v1.PILToTensor()]),
    "nothing": lambda: v2.Identity(),
}


def inputs() -> dict[str, Any]:
    colour, grey = picture(45, 61, 3, seed=1), picture(45, 61, 1, seed=2)
    tensor = torch.from_numpy(colour).permute(2, 0, 1)
    return {
        "RGB": Image.fromarray(colour),
        "L": Image.fromarray(grey[..., 0]),
        "RGBA": Image.fromarray(colour).convert("RGBA"),
        "P": Image.fromarray(colour).convert("P"),
        "1": Image.fromarray(grey[..., 0]).convert("1"),
        "uint8": tensor,
        "float32": tensor.contiguous() / 255,
        "float64": tensor.double() / 255,
        "grey tensor": torch.from_numpy(grey).permute(2, 0, 1),
        "batch": tensor[None].contiguous(),
        "tv_tensors.Image": tv_tensors.Image(tensor),
    }


def outcome(call: Callable[[], Any]) -> Any:
    """What is returned, or the type of what is raised."""
    try:
        return call()
    except Exception as problem:
        return type(problem)


def assert_equal(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs)
    if isinstance(theirs, torch.Tensor):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert torch.equal(ours, theirs)
    elif isinstance(theirs, Image.Image):
        assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
    else:
        assert ours == theirs


@pytest.mark.parametrize("given", list(inputs()))
@pytest.mark.parametrize("name", PIPELINES)
def test_gives_what_the_pipeline_gives(name: str, given: str) -> None:
    transform = PIPELINES[name]()
    native = stoker.compile(transform)
    for _ in range(2):
        ours = outcome(lambda: native(inputs()[given]))
        assert_equal(ours, outcome(lambda: transform(inputs()[given])))


def test_the_input_stays_as_it_was_and_results_are_apart() -> None:
    image = inputs()["uint8"]
    before = image.clone()
    native = stoker.compile(v2.Compose([v2.RandomInvert(p=1)]))
    first = native(image)
    native(image).zero_()
    assert torch.equal(image, before)
    assert torch.equal(first, 255 - before)
    pillow = inputs()["RGB"]
    stoker.compile(v2.PILToTensor())(pillow).zero_()
    assert np.array_equal(np.asarray(pillow), np.asarray(inputs()["RGB"]))


def test_draws() -> None:
    image = Image.fromarray(picture(20, 20, 3))
    crop = v1.Compose([v1.RandomCrop(8), v1.ToTensor()])
    one, two = stoker.compile(crop, seed=3), stoker.compile(crop, seed=3)
    firsts = [one(image).numpy().tobytes() for _ in range(8)]
    assert len(set(firsts)) > 1
    assert firsts == [two(image).numpy().tobytes() for _ in range(8)]
    assert firsts != [stoker.compile(crop, seed=4)(image).numpy().tobytes() for _ in range(8)]


def test_what_stands_behind_python_draws_for_itself() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    native = stoker.compile(v1.Compose([v1.RandomHorizontalFlip(), v1.Lambda(same), v1.RandomVerticalFlip()]))
    seen = {np.asarray(native(Image.fromarray(pixels)))[0, 0, 0] for _ in range(80)}
    assert seen == {0, 3, 6, 9}


def same(image: Any) -> Any:
    return image


def test_pickles_and_reports() -> None:
    transform = v1.Compose([v1.RandomCrop(8), v1.Lambda(same), v1.ToTensor()])
    native = stoker.compile(transform, seed=5)
    again = pickle.loads(pickle.dumps(native))
    image = Image.fromarray(picture(30, 30, 3))
    assert torch.equal(native(image), again(image))
    assert native.report == ["RandomCrop: native (random_crop)", "Lambda: in Python: no native operator"]
    whole = stoker.compile(v1.Compose([v1.Resize(9), v1.ToTensor(), v1.Normalize(MEAN, STD)]))
    assert [line.partition(": ")[2] for line in whole.report] == [
        "native (resize)",
        "native (to_float)",
        "native (normalize)",
    ]
    assert "random_crop" in native.explain()
    assert repr(native).startswith("stoker.compile(Compose(")


def test_errors_and_other_inputs(caplog: pytest.LogCaptureFixture) -> None:
    native = stoker.compile(v2.Compose([v2.RandomCrop(30), v2.ToImage()]))
    with pytest.raises(stoker.SampleError, match=r"^stoker\.compile, call 0: random_crop"):
        native(Image.fromarray(picture(20, 40, 3)))
    flip = stoker.compile(v2.RandomHorizontalFlip(p=1))
    image, mask = inputs()["uint8"], tv_tensors.Mask(torch.arange(45 * 61).reshape(45, 61))
    for _ in range(2):
        moved, moved_mask = flip(tv_tensors.Image(image), mask)
        assert torch.equal(moved, image.flip(-1))
        assert torch.equal(moved_mask, mask.flip(-1))
    assert caplog.text.count("runs in Python on (Image, Mask)") == 1


@pytest.mark.parametrize("of", [v1, v2])
def test_choices_have_their_shares(of: Any) -> None:
    invert, posterize = of.RandomInvert(p=1), of.RandomPosterize(bits=1, p=1)
    shares = {
        of.RandomApply([invert], p=0.25): {245: 0.25, 10: 0.75},
        of.RandomApply([invert, posterize], p=0.5): {128: 0.5, 10: 0.5},
        of.RandomChoice([invert, posterize], p=[3, 1]): {245: 0.75, 0: 0.25},
        of.RandomChoice([invert, posterize]): {245: 0.5, 0: 0.5},
        of.RandomOrder([invert, posterize]): {128: 0.5, 255: 0.5},
    }
    image = Image.fromarray(np.full((2, 2, 3), 10, np.uint8))
    for number, (transform, expected) in enumerate(shares.items()):
        native = stoker.compile(transform, seed=number)
        assert all(": native" in line for line in native.report)
        seen = [int(np.asarray(native(image))[0, 0, 0]) for _ in range(800)]
        assert set(seen) == set(expected)
        for level, share in expected.items():
            assert abs(seen.count(level) / 800 - share) < 0.08
