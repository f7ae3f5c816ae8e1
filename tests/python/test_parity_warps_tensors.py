"""Warps of torchvision on tensors, with the parameters that it drew: the same pixels, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torchvision_schemas
from images import picture
from parity import parity_row

torchvision_schemas.define_missing()
torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from torch_products import products_are_fused  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

from stoker.lowering import from_torchvision  # noqa: E402
from stoker.lowering.recipe import RecipeBuilder, Step  # noqa: E402

v1 = torchvision.transforms
LIBRARY = f"torchvision {torchvision.__version__}, tensors"
SIZES = [(97, 131), (64, 64), (40, 33), (21, 19), (12, 6), (9, 8), (8, 8), (7, 5)]
Draw = dict[str, float]


if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512") or not products_are_fused():
    pytest.skip("torch itself places pixels otherwise on this processor", allow_module_level=True)


def lowered(transform: Any, dtype: str) -> Any:
    """The operator that a pipeline has for this transform when it comes to a tensor."""
    builder = RecipeBuilder()
    builder.stage, builder.sample, builder.dtype = "tensor", "tensor", dtype
    from_torchvision.walk(builder, transform)
    assert not builder.reasons, builder.reasons
    (step,) = builder.steps
    assert isinstance(step, Step)
    # Parameters are given below: no coin decides.
    return replace(step, parameters={**step.parameters, "p": 1.0}).build()


def affine_draw(transform: Any, image: Any) -> Draw:
    if isinstance(transform, v1.RandomAffine):
        size = [image.shape[2], image.shape[1]]
        angle, shift, scale, shear = transform.get_params(
            transform.degrees, transform.translate, transform.scale, transform.shear, size
        )
    else:
        drawn = transform.make_params([image])
        angle, shift, scale, shear = (drawn[name] for name in ("angle", "translate", "scale", "shear"))
    return {
        "angle": angle,
        "translate_x": shift[0],
        "translate_y": shift[1],
        "scale": scale,
        "shear_x": shear[0],
        "shear_y": shear[1],
    }


def rotation_draw(transform: Any, image: Any) -> Draw:
    if isinstance(transform, v1.RandomRotation):
        return {"angle": transform.get_params(transform.degrees)}
    return {"angle": transform.make_params([image])["angle"]}


def corners_draw(transform: Any, image: Any) -> Draw:
    torch.rand(1)  # its coin comes first
    _, corners = v1.RandomPerspective.get_params(image.shape[2], image.shape[1], transform.distortion_scale)
    names = [
        f"{end}_{axis}" for end in ("top_left", "top_right", "bottom_right", "bottom_left") for axis in "xy"
    ]
    return dict(zip(names, [float(v) for corner in corners for v in corner], strict=True))


Drawing = Callable[[Any, Any], Draw]
WARPS: dict[str, tuple[Drawing, Callable[[Any, dict[str, Any]], list[Any]]]] = {
    "RandomRotation": (
        rotation_draw,
        lambda library, options: [
            library.RandomRotation(180, **options),
            library.RandomRotation(180, expand=True, **options),
            library.RandomRotation(180, expand=True, center=(3, 2), **options),
            *(library.RandomRotation((turn, turn), **options) for turn in (0, 45, 90, 180, 270, 450)),
            *(library.RandomRotation((turn, turn), expand=True, **options) for turn in (90, 180, 270, -90)),
        ],
    ),
    "RandomAffine": (
        affine_draw,
        lambda library, options: [
            library.RandomAffine(90, (0.3, 0.2), (0.5, 2), (-20, 20, -10, 10), **options),
            library.RandomAffine(0, translate=(0.5, 0.5), **options),
            library.RandomAffine(40, scale=(0.5, 2), center=(3, 7), **options),
        ],
    ),
    "RandomPerspective": (
        corners_draw,
        lambda library, options: [library.RandomPerspective(0.6, p=1, **options)],
    ),
}


def images(height: int, width: int, channels: int, dtype: str) -> list[np.ndarray]:
    """A picture and noise of extremes."""
    random = np.random.default_rng(height * width)
    extremes = random.choice(np.array([0, 255], np.uint8), (height, width, channels))
    made = [picture(height, width, channels, seed=width), extremes]
    return made if dtype == "uint8" else [(image / np.float32(255)).astype(np.float32) for image in made]


@pytest.mark.parametrize("fill", [31, (7, 200, 96), None])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("warp", WARPS)
def test_warps_of_tensors_are_equal(
    warp: str, version: str, dtype: str, interpolation: str, fill: Any
) -> None:
    if version == "v1" and fill is None:
        pytest.skip("v1 takes 0 then, as tested with numbers")
    draw_of, make = WARPS[warp]
    library = v1 if version == "v1" else v2
    mode = v1.InterpolationMode(interpolation)
    differing, largest, total, count = 0, 0.0, 0.0, 0
    for transform in make(library, {"interpolation": mode, "fill": fill}):
        operator = lowered(transform, dtype)
        for number, (height, width) in enumerate(SIZES):
            for channels in (3, 1) if not isinstance(fill, tuple) else (3,):
                for image in images(height, width, channels, dtype):
                    tensor = torch.from_numpy(image).permute(2, 0, 1)
                    torch.manual_seed(number)
                    draw = draw_of(transform, tensor)
                    torch.manual_seed(number)
                    theirs = transform(tensor).permute(1, 2, 0).numpy()
                    ours = np.asarray(operator.apply(image, {"applies": True, **draw}))
                    assert ours.shape == theirs.shape, (transform, draw)
                    apart = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
                    differing += int((apart > 0).sum())
                    largest, total = max(largest, float(apart.max())), total + float(apart.sum())
                    count += apart.size
    parity_row(
        f"{warp} of tensors ({version}, {interpolation})",
        LIBRARY,
        dtype,
        differing / count,
        largest,
        total / count,
    )
    if warp == "RandomPerspective":
        # The library rounds the solution of a least-squares problem, which differs in the last bits.
        assert differing / count < 1e-4
    else:
        assert differing == 0, (differing, count, largest)
