"""Blurs, sharpening, noise and compression."""

from __future__ import annotations

from typing import Any

from stoker.lowering.leaves import albumentations, torchvision
from stoker.lowering.recipe import NotNative, Step, numbers, whole_numbers

_MAX_BOX_PX = 255
_MAX_KERNEL_PX = 99
_MAX_GAUSSIAN_PX = 999
_INTERPOLATIONS = {0: "nearest", 1: "bilinear", 2: "bicubic", 3: "area", 4: "lanczos", 6: "nearest_exact"}


def _blur_limit(transform: Any, most: int) -> list[int]:
    low, high = whole_numbers(transform.blur_limit, (2,))
    # The library takes the next odd size of at least 3 for each end.
    low, high = (max(3, size + (size % 2 == 0)) for size in (low, high))
    if max(low, high) > most:
        raise NotNative(f"blur_limit={transform.blur_limit!r} (native up to {most} pixels)")
    return [low, max(low, high)]


@albumentations("Blur")
def _blur(transform: Any) -> Step:
    return Step("blur", {"blur_limit": _blur_limit(transform, _MAX_BOX_PX)})


@albumentations("MedianBlur")
def _median_blur(transform: Any) -> Step:
    return Step("median_blur", {"blur_limit": _blur_limit(transform, _MAX_BOX_PX)})


@albumentations("MotionBlur")
def _motion_blur(transform: Any) -> Step:
    return Step(
        "motion_blur",
        {
            "blur_limit": _blur_limit(transform, _MAX_KERNEL_PX),
            "allow_shifted": bool(transform.allow_shifted),
            "angle_range": numbers(transform.angle_range, (2,)),
            "direction_range": numbers(transform.direction_range, (2,)),
        },
    )


@albumentations("GaussianBlur")
def _gaussian_blur(transform: Any) -> Step:
    sizes = whole_numbers(transform.blur_limit, (2,))
    sigmas = numbers(transform.sigma_limit, (2,))
    if sizes[1] > _MAX_GAUSSIAN_PX:
        raise NotNative(f"blur_limit={transform.blur_limit!r} (native up to {_MAX_GAUSSIAN_PX} pixels)")
    if not 0 < sigmas[1] <= 100:
        raise NotNative(f"sigma_limit={transform.sigma_limit!r} (native above 0, up to 100 pixels)")
    return Step("gaussian_blur", {"blur_limit": sizes, "sigma_limit": sigmas})


@albumentations("Sharpen")
def _sharpen(transform: Any) -> Step:
    kernel_size = int(transform.kernel_size)
    if kernel_size > _MAX_KERNEL_PX:
        raise NotNative(f"kernel_size={kernel_size} (native up to {_MAX_KERNEL_PX} pixels)")
    if not 0.001 <= transform.sigma <= 1000:
        raise NotNative(f"sigma={transform.sigma} (native from 0.001 to 1000 pixels)")
    return Step(
        "sharpen",
        {
            "alpha": sorted(numbers(transform.alpha, (2,))),
            "lightness": sorted(numbers(transform.lightness, (2,))),
            "method": str(transform.method),
            "kernel_size": kernel_size,
            "sigma": float(transform.sigma),
        },
    )


@albumentations("GaussNoise")
def _gauss_noise(transform: Any) -> Step:
    if transform.noise_scale_factor != 1:
        raise NotNative(f"noise_scale_factor={transform.noise_scale_factor} (native is 1)")
    return Step(
        "gauss_noise",
        {
            "std_range": numbers(transform.std_range, (2,)),
            "mean_range": numbers(transform.mean_range, (2,)),
            "per_channel": bool(transform.per_channel),
        },
    )


@albumentations("ISONoise")
def _iso_noise(transform: Any) -> Step:
    intensity = numbers(transform.intensity, (2,))
    if intensity[1] > 100:
        raise NotNative(f"intensity={transform.intensity!r} (native up to 100)")
    return Step("iso_noise", {"color_shift": numbers(transform.color_shift, (2,)), "intensity": intensity})


@albumentations("MultiplicativeNoise")
def _multiplicative_noise(transform: Any) -> Step:
    multiplier = numbers(transform.multiplier, (2,))
    if multiplier[1] > 1000:
        raise NotNative(f"multiplier={transform.multiplier!r} (native up to 1000)")
    return Step(
        "multiplicative_noise",
        {
            "multiplier": multiplier,
            "per_channel": bool(transform.per_channel),
            "elementwise": bool(transform.elementwise),
        },
    )


@albumentations("ImageCompression")
def _image_compression(transform: Any) -> Step:
    return Step(
        "image_compression",
        {
            "compression_type": str(transform.compression_type),
            "quality_range": whole_numbers(transform.quality_range, (2,)),
        },
    )


@albumentations("Downscale")
def _downscale(transform: Any) -> Step:
    scales = numbers(transform.scale_range, (2,))
    if scales[0] < 0.001:
        raise NotNative(f"scale_range={transform.scale_range!r} (native from 0.001)")
    down = _INTERPOLATIONS.get(transform.interpolation_pair["downscale"])
    up = _INTERPOLATIONS.get(transform.interpolation_pair["upscale"])
    if down not in ("nearest", "nearest_exact") or up is None:
        raise NotNative(
            f"interpolation_pair={transform.interpolation_pair!r} (native is downscale INTER_NEAREST or"
            " INTER_NEAREST_EXACT, and upscale any but INTER_LINEAR_EXACT)"
        )
    return Step("downscale", {"scale_range": scales, "downscale": down, "upscale": up})


@torchvision("GaussianBlur")
def _torch_gaussian_blur(transform: Any) -> Step:
    kernel_size = whole_numbers(transform.kernel_size, (2,))
    sigma = numbers(transform.sigma, (2,))
    if max(kernel_size) > _MAX_KERNEL_PX:
        raise NotNative(f"kernel_size={transform.kernel_size!r} (native up to {_MAX_KERNEL_PX} pixels)")
    if sigma[0] < 0.001 or sigma[1] > 1000:
        raise NotNative(f"sigma={transform.sigma!r} (native from 0.001 to 1000 pixels)")
    return Step("gaussian_blur_torch", {"kernel_size": kernel_size, "sigma": sigma})


@torchvision("GaussianNoise")
def _torch_gaussian_noise(transform: Any) -> Step:
    if not transform.clip:
        raise NotNative("clip=False (native is True)")
    mean, sigma = float(transform.mean), float(transform.sigma)
    if not 0 <= sigma <= 100 or abs(mean) > 100:
        raise NotNative(f"mean={mean}, sigma={sigma} (native up to 100)")
    return Step("gauss_noise", {"std_range": [sigma, sigma], "mean_range": [mean, mean], "p": 1.0})
