"""Affine, perspective and free-form warps of Albumentations and torchvision."""

from __future__ import annotations

from typing import Any

from stoker.lowering.leaves import albumentations, torchvision
from stoker.lowering.recipe import NotNative, Step, numbers

# OpenCV's numbers. Its warps read INTER_AREA as INTER_LINEAR.
_INTERPOLATIONS = {0: "nearest", 1: "bilinear", 2: "bicubic", 3: "bilinear", 4: "lanczos"}
_BORDERS = {0: "constant", 1: "replicate", 2: "reflect", 3: "wrap", 4: "reflect_101"}
_MOST_FILL = 65535.0


def _choice(transform: Any, name: str, known: dict[int, str]) -> str:
    value = getattr(transform, name)
    if value not in known:
        raise NotNative(f"{name}={value!r}")
    return known[value]


def _fill(transform: Any, name: str, *, extends: bool) -> list[float]:
    """`extends`: a single number is for all channels; otherwise for the first of every four, as in cv2."""
    value = getattr(transform, name)
    listed = numbers(value, (1, 2, 3, 4))
    if any(abs(level) > _MOST_FILL for level in listed):
        raise NotNative(f"{name}={value!r}, native are levels of up to {_MOST_FILL:.0f}")
    if hasattr(value, "__iter__"):
        return listed if len(listed) > 1 else [*listed, 0.0]
    return listed if extends or listed == [0.0] else [*listed, 0.0]


def _sampling(transform: Any, *, extends: bool) -> dict[str, Any]:
    return {
        "interpolation": _choice(transform, "interpolation", _INTERPOLATIONS),
        "mask_interpolation": _choice(transform, "mask_interpolation", _INTERPOLATIONS),
        "border_mode": _choice(transform, "border_mode", _BORDERS),
        "fill": _fill(transform, "fill", extends=extends),
        "fill_mask": _fill(transform, "fill_mask", extends=extends),
    }


def _range(name: str, value: Any, least: float, most: float) -> list[float]:
    listed = numbers(value, (2,))
    if not (least <= listed[0] <= listed[1] <= most):
        raise NotNative(f"{name}={value!r}, native are ranges within {least} and {most}")
    return listed


def _axes(transform: Any, name: str, least: float, most: float) -> list[float]:
    ranges = getattr(transform, name)
    listed = []
    for axis in ("x", "y"):
        value = ranges[axis]
        listed += _range(
            f"{name}[{axis!r}]", (value, value) if isinstance(value, int | float) else value, least, most
        )
    return listed


@albumentations("Affine")
def affine(transform: Any) -> Step:
    parameters: dict[str, Any] = {
        "scale": _axes(transform, "scale", 0.001, 1000.0),
        "rotate": _range("rotate", transform.rotate, -1e6, 1e6),
        "shear": _axes(transform, "shear", -89.9, 89.9),
        "fit_output": transform.fit_output,
        "keep_ratio": transform.keep_ratio,
        "balanced_scale": transform.balanced_scale,
        "rotate_method": transform.rotate_method,
        **_sampling(transform, extends=True),
    }
    if transform.translate_px is not None:
        shifts = _axes(transform, "translate_px", -65500.0, 65500.0)
        parameters["translate_px"] = [float(int(shift)) for shift in shifts]
    elif transform.translate_percent is not None:
        parameters["translate_percent"] = _axes(transform, "translate_percent", -100.0, 100.0)
    return Step("affine", parameters)


@albumentations("ShiftScaleRotate")
def shift_scale_rotate(transform: Any) -> Step:
    scales = _axes(transform, "scale", 0.001, 1000.0)
    shifts = _axes(transform, "translate_percent", -1.0, 1.0)
    return Step(
        "shift_scale_rotate",
        {
            "shift_limit_x": shifts[:2],
            "shift_limit_y": shifts[2:],
            "scale_limit": [scales[0] - 1, scales[1] - 1],
            "rotate_limit": _range("rotate_limit", transform.rotate, -1e6, 1e6),
            "rotate_method": transform.rotate_method,
            **_sampling(transform, extends=True),
        },
    )


@albumentations("Rotate", "SafeRotate")
def rotate(transform: Any) -> Step:
    parameters = {
        "limit": _range("limit", transform.limit, -1e6, 1e6),
        "rotate_method": transform.rotate_method,
        **_sampling(transform, extends=True),
    }
    if type(transform).__name__ == "SafeRotate":
        return Step("safe_rotate", parameters)
    return Step("rotate", {**parameters, "crop_border": transform.crop_border})


@albumentations("Perspective")
def perspective(transform: Any) -> Step:
    return Step(
        "perspective",
        {
            "scale": _range("scale", transform.scale, 0.0, 100.0),
            "keep_size": transform.keep_size,
            "fit_output": transform.fit_output,
            **_sampling(transform, extends=False),
        },
    )


def _distortion(transform: Any) -> dict[str, Any]:
    return {
        "keypoint_remapping_method": transform.keypoint_remapping_method,
        **_sampling(transform, extends=False),
    }


@albumentations("GridDistortion")
def grid_distortion(transform: Any) -> Step:
    if transform.num_steps > 1000:
        raise NotNative(f"num_steps={transform.num_steps}, native are up to 1000")
    return Step(
        "grid_distortion",
        {
            "num_steps": float(transform.num_steps),
            "distort_limit": _range("distort_limit", transform.distort_limit, -1.0, 1.0),
            "normalized": transform.normalized,
            **_distortion(transform),
        },
    )


@albumentations("OpticalDistortion")
def optical_distortion(transform: Any) -> Step:
    return Step(
        "optical_distortion",
        {
            "distort_limit": _range("distort_limit", transform.distort_limit, -1000.0, 1000.0),
            "mode": transform.mode,
            **_distortion(transform),
        },
    )


@albumentations("ElasticTransform")
def elastic_transform(transform: Any) -> Step:
    alpha, sigma = float(transform.alpha), float(transform.sigma)
    if alpha > 1e6 or sigma > 1000:
        raise NotNative(f"alpha={alpha}, sigma={sigma}, native are up to 1000000 and 1000")
    return Step(
        "elastic_transform",
        {
            "alpha": alpha,
            "sigma": sigma,
            "approximate": transform.approximate,
            "same_dxdy": transform.same_dxdy,
            "noise_distribution": transform.noise_distribution,
            **_distortion(transform),
        },
    )


# ---- torchvision ----


@torchvision("RandomAffine", "RandomPerspective", "RandomRotation")
def warp(transform: Any) -> Step:
    step = placed(transform)
    return Step(step.name, {**step.parameters, "fill": _pillow_fill(transform.fill)})


def placed(transform: Any) -> Step:
    """A warp of torchvision without its fill, which is not the same on PIL images and tensors."""
    interpolation = getattr(transform.interpolation, "value", transform.interpolation)
    if interpolation not in ("nearest", "bilinear"):
        raise NotNative(f"interpolation={interpolation!r}, native are 'nearest' and 'bilinear'")
    step = _PLACES[type(transform).__name__](transform)
    return Step(step.name, {**step.parameters, "interpolation": interpolation})


def _pillow_fill(fill: Any) -> list[float]:
    if fill is None:
        fill = 0
    if isinstance(fill, dict):
        raise NotNative("fill for each type apart")
    levels = [float(int(level)) for level in numbers(fill, (1, 3))]
    if any(not 0 <= level <= 255 for level in levels):
        raise NotNative(f"fill={fill!r}, native are levels of 0 to 255")
    return levels


def _center(transform: Any) -> list[float]:
    return [] if transform.center is None else numbers(transform.center, (2,))


def _random_rotation(transform: Any) -> Step:
    return Step(
        "random_rotation",
        {
            "degrees": numbers(transform.degrees, (2,)),
            "expand": bool(transform.expand),
            "center": _center(transform),
        },
    )


def _random_affine(transform: Any) -> Step:
    shear = [0.0, 0.0] if transform.shear is None else numbers(transform.shear, (2, 4))
    if any(abs(angle) > 89.9 for angle in shear):
        raise NotNative(f"shear={transform.shear!r}, native are angles within 89.9 degrees")
    scale = [1.0, 1.0] if transform.scale is None else numbers(transform.scale, (2,))
    if not 0.001 <= scale[0] <= scale[1] <= 1000:
        raise NotNative(f"scale={transform.scale!r}, native are ranges within 0.001 and 1000")
    return Step(
        "random_affine",
        {
            "degrees": numbers(transform.degrees, (2,)),
            "translate": [0.0, 0.0] if transform.translate is None else numbers(transform.translate, (2,)),
            "scale": scale,
            "shear": shear,
            "center": _center(transform),
        },
    )


def _random_perspective(transform: Any) -> Step:
    return Step(
        "random_perspective",
        {
            "distortion_scale": float(transform.distortion_scale),
            "p": float(transform.p),
        },
    )


_PLACES = {
    "RandomAffine": _random_affine,
    "RandomPerspective": _random_perspective,
    "RandomRotation": _random_rotation,
}
