"""torchvision's transforms on tensors: the same parameters give the same pixels, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torchvision_schemas
from images import picture
from parity import parity_row

torchvision_schemas.define_missing()
torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from torchvision.transforms import InterpolationMode, v2  # noqa: E402
from torchvision.transforms import functional as v1_functional  # noqa: E402
from torchvision.transforms.v2 import functional as v2_functional  # noqa: E402

import stoker  # noqa: E402

if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
    pytest.skip("torch itself resizes otherwise on this processor", allow_module_level=True)

LIBRARY = f"torchvision {torchvision.__version__}"
# Height and width before, then after: any, halves, whole factors, one side kept, much smaller, larger.
SIZES = [
    ((37, 53), (19, 31)),
    ((100, 90), (33, 17)),
    ((64, 96), (32, 48)),
    ((60, 90), (20, 30)),
    ((50, 60), (50, 20)),
    ((41, 23), (20, 23)),
    ((300, 260), (9, 7)),
    ((37, 53), (64, 80)),
    ((20, 31), (33, 17)),
    ((121, 160), (75, 75)),
    ((5, 1), (9, 4)),
]
KINDS = ["nearest", "nearest-exact", "bilinear", "bicubic"]


def tensor_of(image: np.ndarray, is_dense: bool) -> Any:
    """(C, H, W), either in that order in memory or as ToImage leaves it."""
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    return tensor.contiguous() if is_dense else tensor


def pixels_of(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.permute(1, 2, 0).numpy())


def images(height: int, width: int, channels: int, dtype: str) -> list[np.ndarray]:
    """A photo-like picture and noise of extremes, where rounding and clamping show most."""
    random = np.random.default_rng(height * width)
    extremes = random.choice(np.array([0, 255], np.uint8), (height, width, channels))
    made = [picture(height, width, channels, seed=width), extremes]
    if dtype == "uint8":
        return made
    return [*(image / np.float32(255) for image in made), random.normal(0, 3, extremes.shape)]


class Differences:
    """Between results and what the library makes."""

    def __init__(self) -> None:
        self.cases = 0
        self.differing = 0.0
        self.largest = 0.0

    def add(self, ours: np.ndarray, theirs: np.ndarray) -> None:
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        apart = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
        self.cases += 1
        self.differing += float((apart > 0).mean())
        self.largest = max(self.largest, float(apart.max()))

    def row(self, operator: str, dtype: str) -> None:
        share = self.differing / self.cases
        parity_row(operator, LIBRARY, dtype, share, self.largest, self.largest, cases=self.cases)
        assert self.differing == 0, f"{operator}: {self.differing} differ, {self.largest} at most"


VERSIONS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "v2 on uint8": ("torch", "uint8", v2_functional.resize),
    "v1 on uint8": ("torch_rounded", "uint8", v1_functional.resize),
    "v2 on float32": ("torch", "float32", v2_functional.resize),
    "v1 on float32": ("torch", "float32", v1_functional.resize),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_resize(version: str, kind: str) -> None:
    resampler, dtype, resize = VERSIONS[version]
    differences = Differences()
    for (height, width), size in SIZES:
        operator = stoker.resize(size, resampler=resampler, interpolation=kind.replace("-", "_"))
        for channels in (1, 3, 4):
            for image in images(height, width, channels, dtype):
                given = image.astype(dtype)
                for is_dense in (True, False):
                    theirs = resize(
                        tensor_of(given, is_dense),
                        list(size),
                        interpolation=InterpolationMode(kind),
                        antialias=True,
                    )
                    differences.add(operator.apply(given), pixels_of(theirs))
                assert np.array_equal(operator.reference(given), operator.apply(given))
    differences.row(f"resize of tensors ({version}, {kind})", dtype)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_random_resized_crop(dtype: str) -> None:
    differences = Differences()
    transform = v2.RandomResizedCrop((31, 40))
    operator = stoker.random_resized_crop((31, 40), resampler="torch")
    for seed in range(20):
        torch.manual_seed(seed)
        for image in images(60 + seed, 83 - seed, 3, dtype):
            given = image.astype(dtype)
            tensor = tensor_of(given, is_dense=False)
            params = transform.make_params([tensor])
            draw = {
                "x": params["left"],
                "y": params["top"],
                "width": params["width"],
                "height": params["height"],
            }
            differences.add(operator.apply(given, draw), pixels_of(transform.transform(tensor, params)))
    differences.row("random_resized_crop of tensors", dtype)


def test_lanczos_of_bytes() -> None:
    differences = Differences()
    for (height, width), size in SIZES:
        operator = stoker.resize(size, resampler="torch", interpolation="lanczos")
        for image in images(height, width, 3, "uint8"):
            theirs = torch.nn.functional.interpolate(
                tensor_of(image, is_dense=True)[None], size, mode="lanczos", antialias=True
            )
            differences.add(operator.apply(image), pixels_of(theirs[0]))
    differences.row("resize of tensors (lanczos)", "uint8")
