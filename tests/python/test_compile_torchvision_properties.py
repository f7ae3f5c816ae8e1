"""Random torchvision pipelines without chance in them: compiled, they give what they give as they are."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torchvision_schemas
from images import picture

torchvision_schemas.define_missing()
torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from PIL import Image  # noqa: E402
from torch_products import products_are_fused  # noqa: E402
from torchvision import transforms as v1  # noqa: E402
from torchvision.transforms import InterpolationMode, v2  # noqa: E402

import stoker  # noqa: E402

if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
    pytest.skip("torch itself resizes otherwise on this processor", allow_module_level=True)
if not products_are_fused():
    pytest.skip("torch itself warps otherwise on this processor", allow_module_level=True)

Maker = Callable[[Any, random.Random], Any]
KINDS = [InterpolationMode(name) for name in ("nearest", "bilinear", "bicubic")]

ANYWHERE: list[Maker] = [
    lambda of, r: of.Resize(r.randint(9, 60), r.choice(KINDS)),
    lambda of, r: of.Resize((r.randint(5, 70), r.randint(5, 70)), r.choice(KINDS)),
    lambda of, r: of.CenterCrop((r.randint(5, 50), r.randint(5, 50))),
    lambda of, r: of.RandomHorizontalFlip(p=r.randint(0, 1)),
    lambda of, r: of.RandomVerticalFlip(p=r.randint(0, 1)),
]
ON_BYTES: list[Maker] = [
    lambda of, r: of.RandomInvert(p=r.randint(0, 1)),
    lambda of, r: of.RandomSolarize(r.randint(0, 255), p=1),
    lambda of, r: of.RandomPosterize(r.randint(1, 8), p=1),
    lambda of, r: of.RandomEqualize(p=1),
    lambda of, r: of.RandomAutocontrast(p=1),
    lambda of, r: of.RandomAdjustSharpness(r.uniform(0, 3), p=1),
    lambda of, r: of.Grayscale(3),
    lambda of, r: of.RandomApply([of.RandomInvert(p=1), of.RandomSolarize(90, p=1)], p=r.randint(0, 1)),
    lambda of, r: of.Lambda(same),
]
# Of fixed size, so that nothing is drawn.
ON_TENSORS: list[Maker] = [
    lambda of, r: of.RandomRotation(
        [r.randint(-200, 200)] * 2, r.choice(KINDS[:2]), expand=r.random() < 0.5, fill=r.randint(0, 255)
    ),
    lambda of, r: of.RandomAffine(
        [r.randint(-200, 200)] * 2,
        scale=[r.choice((0.5, 0.75, 1.5))] * 2,
        shear=[r.randint(-30, 30)] * 2,
        interpolation=r.choice(KINDS[:2]),
        fill=(3, 250, 90),
    ),
]
TO_BYTES: dict[Any, list[Maker]] = {
    v1: [lambda of, r: of.PILToTensor()],
    v2: [lambda of, r: of.PILToTensor(), lambda of, r: of.ToImage()],
}
TO_FLOATS: dict[Any, list[Maker]] = {
    v1: [lambda of, r: of.ConvertImageDtype(torch.float32)],
    v2: [lambda of, r: of.ToDtype(torch.float32, scale=True), lambda of, r: of.ToDtype(torch.float32)],
}
ON_FLOATS: list[Maker] = [
    lambda of, r: of.Normalize([r.random()] * 3, [0.1 + r.random()] * 3),
    lambda of, r: of.Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.1)),
]


def same(image: Any) -> Any:
    return image


def pipeline(of: Any, r: random.Random) -> Any:
    """Up to three transforms on each of a PIL image, a tensor of bytes and a tensor of floats."""

    def some(makers: list[Maker], most: int = 3) -> list[Any]:
        return [r.choice(makers)(of, r) for _ in range(r.randint(0, most))]

    parts = some(ANYWHERE + ON_BYTES)
    if r.random() < 0.9:
        parts += [r.choice(TO_BYTES[of])(of, r), *some(ANYWHERE + ON_BYTES + ON_TENSORS)]
        if r.random() < 0.8:
            parts += [r.choice(TO_FLOATS[of])(of, r), *some(ANYWHERE + ON_FLOATS + ON_TENSORS)]
    return of.Compose(parts or [r.choice(ANYWHERE)(of, r)])


@pytest.mark.parametrize("of", [v1, v2])
@pytest.mark.parametrize("seed", range(60))
def test_random_pipelines(of: Any, seed: int) -> None:
    r = random.Random(seed)
    transform = pipeline(of, r)
    native = stoker.compile(transform)
    image = Image.fromarray(picture(r.randint(20, 70), r.randint(20, 70), 3, seed=seed))
    ours, theirs = native(image), transform(image)
    assert type(ours) is type(theirs)
    if isinstance(theirs, torch.Tensor):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs), transform
    else:
        assert np.array_equal(np.asarray(ours), np.asarray(theirs)), transform
