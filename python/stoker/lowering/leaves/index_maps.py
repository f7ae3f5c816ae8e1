"""Transforms that move whole pixels, blot them out or change the size of the image."""

from __future__ import annotations

from typing import Any

from stoker.lowering.leaves import albumentations, torchvision
from stoker.lowering.recipe import NotNative, Step, numbers, whole_numbers

_BORDERS = {0: "constant", 1: "replicate", 2: "reflect", 3: "wrap", 4: "reflect_101"}
_INTERPOLATIONS = {0: "nearest", 1: "bilinear", 2: "bicubic", 3: "area", 4: "lanczos", 6: "nearest_exact"}
_PADDING_MODES = {
    "constant": "constant",
    "edge": "replicate",
    "reflect": "reflect_101",
    "symmetric": "reflect",
}
_ANY_CHANNELS = range(1, 65)


@albumentations("Transpose")
def _transpose(transform: Any) -> Step:
    return Step("transpose")


@albumentations("RandomRotate90")
def _random_rotate90(transform: Any) -> Step:
    return Step("random_rotate90")


@albumentations("D4", "SquareSymmetry")
def _d4(transform: Any) -> Step:
    return Step("d4")


def _border(transform: Any) -> dict[str, Any]:
    """border_mode, fill and fill_mask; OpenCV takes no more than four numbers of fill."""
    if transform.border_mode not in _BORDERS:
        raise NotNative(f"border_mode={transform.border_mode}")
    fills = {"fill": transform.fill, "fill_mask": transform.fill_mask}
    for name, fill in fills.items():
        if fill is None:
            raise NotNative(f"{name}=None")
    return {
        "border_mode": _BORDERS[transform.border_mode],
        **{name: numbers(fill, (1, 2, 3, 4)) for name, fill in fills.items()},
    }


@albumentations("Pad")
def _pad(transform: Any) -> Step:
    padding = whole_numbers(transform.padding, (1, 2, 4))
    if min(padding) < 0:
        raise NotNative(f"padding={transform.padding!r}")
    return Step("pad", {"padding": padding, **_border(transform)})


@albumentations("PadIfNeeded")
def _pad_if_needed(transform: Any) -> Step:
    sides = {
        "min_height": transform.min_height,
        "min_width": transform.min_width,
        "pad_height_divisor": transform.pad_height_divisor,
        "pad_width_divisor": transform.pad_width_divisor,
    }
    given = {name: int(side or 0) for name, side in sides.items()}
    return Step("pad_if_needed", {**given, "position": transform.position, **_border(transform)})


def _pad_for_crop(transform: Any) -> list[Step]:
    """The step that a crop with pad_if_needed begins with."""
    if not transform.pad_if_needed:
        return []
    sides = {"min_height": int(transform.height), "min_width": int(transform.width)}
    return [Step("pad_if_needed", {**sides, "position": transform.pad_position, **_border(transform)})]


@albumentations("RandomCrop")
def _random_crop(transform: Any) -> list[Step]:
    size = whole_numbers((transform.height, transform.width), (2,))
    return [*_pad_for_crop(transform), Step("random_crop", {"size": size})]


@albumentations("CenterCrop")
def _center_crop(transform: Any) -> list[Step]:
    size = whole_numbers((transform.height, transform.width), (2,))
    crop = Step("center_crop", {"size": size, "rounding": "down", "small": "error"})
    return [*_pad_for_crop(transform), crop]


@albumentations("Crop")
def _crop(transform: Any) -> Step:
    if transform.pad_if_needed:
        raise NotNative("pad_if_needed=True")
    edges = {name: int(getattr(transform, name)) for name in ("x_min", "y_min", "x_max", "y_max")}
    return Step("crop", edges)


def _resampler(transform: Any) -> dict[str, Any]:
    kinds = {}
    for name in ("interpolation", "mask_interpolation"):
        value = getattr(transform, name)
        if value not in _INTERPOLATIONS:
            raise NotNative(f"{name}={value}")
        kinds[name] = _INTERPOLATIONS[value]
    return {"resampler": "opencv", "area_for_downscale": transform.area_for_downscale or "none", **kinds}


@albumentations("Resize")
def _resize(transform: Any) -> Step:
    size = whole_numbers((transform.height, transform.width), (2,))
    return Step("resize", {"size": size, **_resampler(transform)})


@albumentations("RandomResizedCrop")
def _random_resized_crop(transform: Any) -> Step:
    ranges = {
        "size": whole_numbers(transform.size, (2,)),
        "scale": numbers(transform.scale, (2,)),
        "ratio": numbers(transform.ratio, (2,)),
    }
    return Step("random_resized_crop", {**ranges, **_resampler(transform)})


@albumentations("RandomSizedCrop")
def _random_sized_crop(transform: Any) -> Step:
    window = {
        "min_max_height": whole_numbers(transform.min_max_height, (2,)),
        "size": whole_numbers(transform.size, (2,)),
        "w2h_ratio": float(transform.w2h_ratio),
    }
    return Step("random_sized_crop", {**window, **_resampler(transform)})


def _max_size(name: str, transform: Any) -> Step:
    if transform.max_size is not None:
        sizes = {"max_size": whole_numbers(transform.max_size, _ANY_CHANNELS)}
    else:
        sizes = {"max_size_hw": [int(side or 0) for side in transform.max_size_hw]}
    return Step(name, {**sizes, **_resampler(transform)})


@albumentations("LongestMaxSize")
def _longest_max_size(transform: Any) -> Step:
    return _max_size("longest_max_size", transform)


@albumentations("SmallestMaxSize")
def _smallest_max_size(transform: Any) -> Step:
    return _max_size("smallest_max_size", transform)


@albumentations("RandomScale")
def _random_scale(transform: Any) -> Step:
    return Step(
        "random_scale", {"scale_limit": numbers(transform.scale_limit, (2,)), **_resampler(transform)}
    )


def _holes(transform: Any) -> dict[str, Any]:
    """Fill, and what the pipeline's own rules say about boxes and keypoints."""
    out: dict[str, Any] = {}
    if isinstance(transform.fill, str):
        if transform.fill not in ("random", "random_uniform"):
            raise NotNative(f"fill={transform.fill!r}")
        out["fill_kind"] = transform.fill
    else:
        out["fill"] = numbers(transform.fill, _ANY_CHANNELS)
    if transform.fill_mask is not None:
        out["fill_mask"] = numbers(transform.fill_mask, _ANY_CHANNELS)
    boxes = transform.get_processor("bboxes")
    if boxes is not None:
        out["min_area"] = float(boxes.params.min_area)
        out["min_visibility"] = float(boxes.params.min_visibility)
    keypoints = transform.get_processor("keypoints")
    out["drop_keypoints"] = keypoints is not None and bool(keypoints.params.remove_invisible)
    return out


@albumentations("CoarseDropout")
def _coarse_dropout(transform: Any) -> Step:
    ranges = {
        "num_holes_range": whole_numbers(transform.num_holes_range, (2,)),
        "hole_height_range": numbers(transform.hole_height_range, (2,)),
        "hole_width_range": numbers(transform.hole_width_range, (2,)),
    }
    return Step("coarse_dropout", {**ranges, **_holes(transform)})


@albumentations("GridDropout")
def _grid_dropout(transform: Any) -> Step:
    grid: dict[str, Any] = {
        "ratio": float(transform.ratio),
        "random_offset": bool(transform.random_offset),
        "shift_xy": whole_numbers(transform.shift_xy, (2,)),
    }
    if transform.holes_number_xy:
        grid["holes_number_xy"] = whole_numbers(transform.holes_number_xy, (2,))
    elif transform.unit_size_range is not None:
        grid["unit_size_range"] = whole_numbers(transform.unit_size_range, (2,))
        if grid["unit_size_range"][0] >= grid["unit_size_range"][1]:
            raise NotNative(f"unit_size_range={transform.unit_size_range!r} (it holds no size)")
    return Step("grid_dropout", {**grid, **_holes(transform)})


@albumentations("ChannelDropout")
def _channel_dropout(transform: Any) -> Step:
    counts = whole_numbers(transform.channel_drop_range, (2,))
    return Step("channel_dropout", {"channel_drop_range": counts, "fill": float(transform.fill)})


@albumentations("ChannelShuffle")
def _channel_shuffle(transform: Any) -> Step:
    return Step("channel_shuffle")


@torchvision("Pad")
def _torchvision_pad(transform: Any) -> Step:
    padding = whole_numbers(transform.padding, (1, 2, 4))
    if min(padding) < 0:
        raise NotNative(f"padding={transform.padding!r}")
    if isinstance(transform.fill, dict):
        raise NotNative(f"fill={transform.fill!r}")
    fill = numbers(0 if transform.fill is None else transform.fill, _ANY_CHANNELS)
    if any(value != int(value) or not 0 <= value <= 255 for value in fill):
        raise NotNative(f"fill={transform.fill!r} is not whole or not in 0..255")
    mode = _PADDING_MODES[transform.padding_mode]
    return Step("pad", {"padding": padding, "border_mode": mode, "fill": fill, "fill_mask": fill})


@torchvision("RandomErasing")
def _random_erasing(transform: Any) -> Step:
    ranges: dict[str, Any] = {
        "scale": numbers(transform.scale, (2,)),
        "ratio": numbers(transform.ratio, (2,)),
        "p": float(transform.p),
    }
    if transform.value is None or transform.value == "random":
        return Step("random_erasing", {**ranges, "random_value": True})
    return Step("random_erasing", {**ranges, "value": numbers(transform.value, _ANY_CHANNELS)})


@torchvision("RandomChannelPermutation")
def _random_channel_permutation(transform: Any) -> Step:
    return Step("channel_shuffle", {"p": 1.0})


@albumentations("HorizontalFlip")
def _horizontal_flip(transform: Any) -> Step:
    return Step("horizontal_flip")


@albumentations("VerticalFlip")
def _vertical_flip(transform: Any) -> Step:
    return Step("vertical_flip")
