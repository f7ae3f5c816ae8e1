"""Warps of torchvision on PIL images, alone and in RandAugment and its kin: pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from parity import parity_row
from test_parity_warps import Differences, pixels

import stoker
from stoker.lowering import leaves
from stoker.lowering.recipe import NotNative

TORCHVISION = "torchvision, Pillow 13"


def torch_lowered(transform: Any) -> Any:
    lowering = leaves.find(leaves.TORCHVISION, type(transform).__name__)
    assert lowering is not None
    step = lowering(transform)
    assert not isinstance(step, list)
    return step.build()


def compare_with_pillow(transform: Any, draw_of: Any, channels: int, seed: int) -> Differences:
    torch = pytest.importorskip("torch")
    image_module = pytest.importorskip("PIL.Image")
    operator = torch_lowered(transform)
    found = Differences()
    for number, (height, width) in enumerate([(375, 500), (40, 33), (21, 19), (64, 64), (7, 5)] * 4):
        array = pixels(height, width, channels, seed + number)
        image = image_module.fromarray(array if channels == 3 else array[..., 0])
        torch.manual_seed(seed + number)
        parameters = transform.make_params([image])
        torch.manual_seed(seed + number)
        theirs = np.asarray(transform.transform(image, parameters))
        draw = {"applies": True, **draw_of(operator, parameters, height, width)}
        found.add(operator.apply(array, draw), theirs.reshape(*theirs.shape[:2], channels))
    return found


def rotation_draw(_operator: Any, parameters: dict[str, Any], _height: int, _width: int) -> dict[str, float]:
    return {"angle": parameters["angle"]}


def affine_draw(_operator: Any, parameters: dict[str, Any], _height: int, _width: int) -> dict[str, float]:
    shift, shear = parameters["translate"], parameters["shear"]
    return {
        "angle": parameters["angle"],
        "translate_x": shift[0],
        "translate_y": shift[1],
        "scale": parameters["scale"],
        "shear_x": shear[0],
        "shear_y": shear[1],
    }


def corners_draw(operator: Any, _parameters: dict[str, Any], height: int, width: int) -> dict[str, float]:
    from torchvision.transforms import RandomPerspective

    _, corners = RandomPerspective.get_params(width, height, operator.parameters["distortion_scale"])
    return dict(zip(operator.draw_names, [float(v) for corner in corners for v in corner], strict=True))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("channels", [1, 3])
def test_torchvision_warps_are_equal(interpolation: str, channels: int) -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2")
    options = {"interpolation": interpolation, "fill": 31}
    for transform, draw_of in (
        (v2.RandomRotation(180, **options), rotation_draw),
        (v2.RandomRotation(90, expand=True, **options), rotation_draw),
        (v2.RandomRotation((90, 90), expand=True, **options), rotation_draw),
        (v2.RandomRotation((180, 180), **options), rotation_draw),
        (v2.RandomRotation(180, center=(3, 2), **options), rotation_draw),
        (v2.RandomAffine(90, (0.3, 0.2), (0.5, 2), (-20, 20, -10, 10), **options), affine_draw),
        (v2.RandomAffine(0, translate=(0.5, 0.5), **options), affine_draw),
    ):
        found = compare_with_pillow(transform, draw_of, channels, 3)
        parity_row(repr(transform), TORCHVISION, "uint8", found.differing / found.count, found.largest, 0.0)
        assert found.largest == 0
    # Here the library rounds the solution of a least-squares problem, which differs in the last bits.
    found = compare_with_pillow(v2.RandomPerspective(0.6, p=1, **options), corners_draw, channels, 5)
    mean = found.total / found.count
    parity_row(
        f"RandomPerspective {interpolation}",
        TORCHVISION,
        "uint8",
        found.differing / found.count,
        found.largest,
        mean,
    )
    assert found.differing / found.count < 1e-4


@pytest.mark.parametrize("kind", ["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"])
def test_warps_of_policies_are_equal(kind: str) -> None:
    torch = pytest.importorskip("torch")
    image_module = pytest.importorskip("PIL.Image")
    v2 = pytest.importorskip("torchvision.transforms.v2")
    from stoker.lowering.leaves.auto_augment import _Space

    for transform in (v2.RandAugment(fill=9), v2.TrivialAugmentWide(interpolation="bilinear")):
        is_wide = isinstance(transform, v2.TrivialAugmentWide)
        operator = _Space(transform, 31, wide=is_wide).step(kind, range(31)).build()
        for number, (height, width) in enumerate([(60, 80), (33, 47)]):
            array = pixels(height, width, 3, number)
            image = image_module.fromarray(array)
            sizes = transform._AUGMENTATION_SPACE[kind][0](31, height, width)
            values = {float(int(v)) if kind.startswith("Translate") else float(v) for v in sizes}
            drawn = {operator.draw(height, width, index=index)["magnitude"] for index in range(600)}
            assert drawn == values | {-value for value in values}
            for size in torch.cat([sizes[::5], -sizes[::5]]).tolist():
                theirs = transform._apply_image_or_video_transform(
                    image, kind, size, interpolation=transform.interpolation, fill=transform._fill
                )
                magnitude = float(int(size)) if kind.startswith("Translate") else size
                ours = operator.apply(array, {"applies": True, "magnitude": magnitude})
                assert np.array_equal(np.asarray(ours), np.asarray(theirs))


@pytest.mark.parametrize("fill", [None, 0, 7, (1, 100, 250)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("kind", ["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"])
def test_warps_of_policies_are_equal_on_tensors(kind: str, interpolation: str, fill: Any) -> None:
    torch = pytest.importorskip("torch")
    v2 = pytest.importorskip("torchvision.transforms.v2")
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("torch itself warps otherwise on this processor")
    from stoker.lowering.leaves.auto_augment import _WARPS

    reading = {"fill": fill, "interpolation": interpolation}
    transforms = [v2.AugMix(**reading), v2.TrivialAugmentWide(**reading)]
    given = {} if fill is None else {"blends_fill": True, "fill": fill}
    operator = stoker.policy_warp(
        kind=_WARPS[kind][2], magnitudes=[1], arithmetic="torch", interpolation=interpolation, **given
    )
    cases = 0
    for number, (height, width) in enumerate([(60, 80), (33, 47), (64, 64), (7, 1), (1, 2), (90, 290)]):
        for channels in (1, 3):
            if channels == 1 and isinstance(fill, tuple):
                continue
            array = pixels(height, width, channels, number)
            tensor = torch.from_numpy(array).permute(2, 0, 1)
            for transform in transforms:
                sizes = transform._AUGMENTATION_SPACE[kind][0](10, height, width)
                quarters = [90.0, 180.0, 270.0] if kind == "Rotate" else []
                for size in [*sizes.tolist(), *(-sizes).tolist(), *quarters]:
                    theirs = transform._apply_image_or_video_transform(
                        tensor, kind, size, interpolation=transform.interpolation, fill=transform._fill
                    )
                    magnitude = float(int(size)) if kind.startswith("Translate") else size
                    draw = {"applies": True, "magnitude": magnitude}
                    cases += 1
                    for found in (operator.apply(array, draw), operator.reference(array, draw)):
                        assert np.array_equal(np.asarray(found), theirs.permute(1, 2, 0).numpy())
    name = f"policy_warp of tensors ({kind}, {interpolation}, fill {fill})"
    parity_row(name, "torchvision, tensors", "uint8", 0.0, 0.0, 0.0, cases=cases)


def test_policies_hold_what_the_library_holds() -> None:
    v1 = pytest.importorskip("torchvision.transforms")
    v2 = pytest.importorskip("torchvision.transforms.v2")
    for module in (v1, v2):
        for transform, steps, children in (
            (module.RandAugment(num_ops=3, magnitude=7), 3, 14),
            (module.TrivialAugmentWide(), 1, 14),
            (module.AutoAugment(), 1, 25),
        ):
            lowering = leaves.find(leaves.TORCHVISION, type(transform).__name__)
            assert lowering is not None
            lowered_steps = lowering(transform)
            assert len(lowered_steps) == steps
            assert len(lowered_steps[0].children) == children
            for step in lowered_steps:
                step.build()
    with pytest.raises(NotNative, match="interpolation='bicubic'"):
        leaves.find(leaves.TORCHVISION, "RandAugment")(v2.RandAugment(interpolation="bicubic"))  # type: ignore[misc]


def test_boxes_and_keypoints_follow_the_pixels_of_pillow() -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2")
    operator = torch_lowered(v2.RandomRotation(90, expand=True))
    image = np.zeros((40, 60, 1), np.uint8)
    image[10:20, 30:50] = 255
    draw = {"applies": True, "angle": 30.0}
    turned = np.asarray(operator.apply(image, draw))[..., 0]
    rows, columns = np.nonzero(turned)
    (box,) = operator.move_boxes([[30 / 60, 10 / 40, 50 / 60, 20 / 40]], 40, 60, draw)
    height, width = turned.shape
    found = np.array(
        [columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height]
    )
    assert np.abs(found - box[:4]).max() < 1.5 / min(height, width)
    (point,) = operator.move_keypoints([[30.0, 10.0, 0.5, 2.0]], 40, 60, draw)
    assert (
        turned[round(point[1]) - 1 : round(point[1]) + 2, round(point[0]) - 1 : round(point[0]) + 2].max()
        == 255
    )
    assert point[2] == pytest.approx((0.5 - np.pi / 6) % (2 * np.pi))
    assert point[3] == pytest.approx(2)
