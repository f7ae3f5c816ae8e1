"""Colours, tables and normalisation."""

from __future__ import annotations

from typing import Any

from stoker.lowering.leaves import albumentations, torchvision
from stoker.lowering.recipe import NotNative, Step, numbers, whole_numbers

_JITTER_NEUTRAL = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}


def for_tensors(step: Step) -> Step:
    """A step of a torchvision transform in the arithmetic of torch, for an image that is a tensor by then."""
    return Step(step.name, {k: "torch" if _is_rule(k, v) else v for k, v in step.parameters.items()})


def _is_rule(name: str, value: Any) -> bool:
    return name in ("arithmetic", "method") and value == "pillow"


@albumentations("RandomGamma")
def _random_gamma(transform: Any) -> Step:
    return Step("random_gamma", {"gamma_limit": numbers(transform.gamma_limit, (2,))})


@albumentations("Solarize")
def _solarize(transform: Any) -> Step:
    return Step("solarize", {"threshold": [255 * t for t in numbers(transform.threshold_range, (2,))]})


@albumentations("Posterize")
def _posterize(transform: Any) -> Step:
    pairs = transform.num_bits if isinstance(transform.num_bits, list) else [transform.num_bits]
    return Step("posterize", {"num_bits": [bits for pair in pairs for bits in whole_numbers(pair, (2,))]})


@albumentations("InvertImg")
def _invert_img(_: Any) -> Step:
    return Step("invert_img")


@albumentations("RGBShift")
def _rgb_shift(transform: Any) -> Step:
    names = ("r_shift_limit", "g_shift_limit", "b_shift_limit")
    ranges = transform.noise_params["ranges"]
    return Step("rgb_shift", {name: numbers(pair, (2,)) for name, pair in zip(names, ranges, strict=True)})


@albumentations("HueSaturationValue")
def _hue_saturation_value(transform: Any) -> Step:
    names = ("hue_shift_limit", "sat_shift_limit", "val_shift_limit")
    return Step("hue_saturation_value", {name: numbers(getattr(transform, name), (2,)) for name in names})


@albumentations("ToGray")
def _to_gray(transform: Any) -> Step:
    if transform.method == "pca":
        raise NotNative("method='pca'")
    return Step(
        "to_gray", {"num_output_channels": int(transform.num_output_channels), "method": transform.method}
    )


@albumentations("ColorJitter")
def _albumentations_color_jitter(transform: Any) -> Step:
    ranges = {name: numbers(getattr(transform, name), (2,)) for name in _JITTER_NEUTRAL}
    return Step("color_jitter", {**ranges, "arithmetic": "opencv"})


@albumentations("Equalize")
def _equalize(transform: Any) -> Step:
    if transform.mask is not None:
        raise NotNative("mask is given")
    return Step("equalize", {"mode": transform.mode, "by_channels": bool(transform.by_channels)})


@albumentations("CLAHE")
def _clahe(transform: Any) -> Step:
    return Step(
        "clahe",
        {
            "clip_limit": numbers(transform.clip_limit, (2,)),
            "tile_grid_size": whole_numbers(transform.tile_grid_size, (2,)),
        },
    )


@albumentations("AutoContrast")
def _auto_contrast(transform: Any) -> Step:
    if transform.ignore is not None:
        raise NotNative(f"ignore={transform.ignore}")
    return Step("auto_contrast", {"cutoff": float(transform.cutoff), "method": transform.method})


@albumentations("RandomToneCurve")
def _random_tone_curve(transform: Any) -> Step:
    return Step(
        "random_tone_curve", {"scale": float(transform.scale), "per_channel": bool(transform.per_channel)}
    )


@albumentations("RandomBrightnessContrast")
def _random_brightness_contrast(transform: Any) -> Step:
    return Step(
        "brightness_contrast",
        {
            "brightness": numbers(transform.brightness_limit, (2,)),
            "contrast": numbers(transform.contrast_limit, (2,)),
            "brightness_by_max": bool(transform.brightness_by_max),
            "ensure_safe_range": bool(transform.ensure_safe_range),
        },
    )


@albumentations("Normalize")
def _normalize(transform: Any) -> Step:
    if transform.normalization != "standard":
        return Step("normalize_per_image", {"normalization": transform.normalization})
    channels = range(1, 65)
    return Step(
        "normalize",
        {
            "mean": numbers(transform.mean, channels),
            "std": numbers(transform.std, channels),
            "max_value": float(transform.max_pixel_value),
        },
    )


@albumentations("ToFloat")
def _to_float(transform: Any) -> Step:
    return Step("to_float", {"arithmetic": "divide", "max_value": float(transform.max_value or 0)})


@albumentations("FromFloat")
def _from_float(transform: Any) -> Step:
    if transform.dtype not in ("uint8", "uint16"):
        raise NotNative(f"dtype={transform.dtype!r}")
    return Step("from_float", {"dtype": transform.dtype, "max_value": float(transform.max_value or 0)})


@torchvision("ColorJitter")
def _color_jitter(transform: Any) -> Step | list[Step]:
    ranges = {}
    for name, neutral in _JITTER_NEUTRAL.items():
        limits = getattr(transform, name)
        ranges[name] = [neutral, neutral] if limits is None else numbers(limits, (2,))
    if all(ranges[name] == [neutral, neutral] for name, neutral in _JITTER_NEUTRAL.items()):
        return []
    return Step("color_jitter", {**ranges, "arithmetic": "pillow"})


@torchvision("Grayscale")
def _grayscale(transform: Any) -> Step:
    channels = int(transform.num_output_channels)
    return Step("to_gray", {"num_output_channels": channels, "arithmetic": "pillow", "p": 1.0})


@torchvision("RandomGrayscale")
def _random_grayscale(transform: Any) -> Step:
    return Step("to_gray", {"num_output_channels": 0, "arithmetic": "pillow", "p": float(transform.p)})


@torchvision("RandomInvert")
def _random_invert(transform: Any) -> Step:
    return Step("invert_img", {"p": float(transform.p)})


@torchvision("RandomPosterize")
def _random_posterize(transform: Any) -> Step:
    return Step("posterize", {"num_bits": whole_numbers(transform.bits, (1,)), "p": float(transform.p)})


@torchvision("RandomSolarize")
def _random_solarize(transform: Any) -> Step:
    (threshold,) = numbers(transform.threshold, (1,))
    return Step("solarize", {"threshold": [min(max(threshold, 0.0), 256.0)] * 2, "p": float(transform.p)})


@torchvision("RandomAutocontrast")
def _random_autocontrast(transform: Any) -> Step:
    return Step("auto_contrast", {"method": "pillow", "p": float(transform.p)})


@torchvision("RandomEqualize")
def _random_equalize(transform: Any) -> Step:
    return Step("equalize", {"mode": "pillow", "p": float(transform.p)})


@torchvision("RandomAdjustSharpness")
def _random_adjust_sharpness(transform: Any) -> Step:
    factor = float(transform.sharpness_factor)
    return Step(
        "adjust_sharpness", {"sharpness_factor": factor, "arithmetic": "pillow", "p": float(transform.p)}
    )
