# Made by tools/make_stubs.py; not edited by hand.
from collections.abc import Sequence
from typing import Any, Literal

from stoker._native import Operator

__all__ = [
    "Operator",
    "brightness_contrast",
    "center_crop",
    "color_jitter",
    "horizontal_flip",
    "normalize",
    "random_crop",
    "random_resized_crop",
    "resize",
    "to_float",
    "vertical_flip",
]

def docstring(info: dict[str, Any]) -> str: ...
def brightness_contrast(
    *,
    brightness: float | Sequence[float] = (-0.2, 0.2),
    contrast: float | Sequence[float] = (-0.2, 0.2),
    p: float = 0.5,
) -> Operator:
    """Multiply by a random contrast and add a random brightness.

    (H, W, C) uint8 -> the same shape: min(max(value * alpha + beta, 0), 255), cut to an integer. Pixels equal Albumentations' RandomBrightnessContrast.

    Args:
        brightness: Least and greatest shift; one number b means (-b, b). Between -1 and 1 of the full range.
        contrast: Least and greatest change of the factor; one number c means (-c, c). Between -1 and 100 added to a factor of 1.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def center_crop(
    size: float | Sequence[float],
    *,
    rounding: Literal["even", "down"] = "even",
    small: Literal["pad", "error"] = "pad",
    p: float = 1.0,
) -> Operator:
    """Cut the middle of the image.

    (H, W, C) of any dtype -> (size_h, size_w, C). Pixels are moved, never changed.

    Args:
        size: Height and width of the result; one number means a square. Between 1 and 16384 pixels.
        rounding: Where an odd margin goes: 'even' as torchvision, 'down' as Albumentations. One of 'even', 'down'.
        small: An image smaller than the crop: 'pad' with zeros as torchvision, or an 'error' of the sample. One of 'pad', 'error'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def color_jitter(
    *,
    brightness: float | Sequence[float] = (0.8, 1.2),
    contrast: float | Sequence[float] = (0.8, 1.2),
    p: float = 1.0,
) -> Operator:
    """Change brightness and contrast by random factors, in random order.

    (H, W, C) uint8 -> the same shape, C 1 or 3. Contrast is around the image's mean grey level, so the image is read once more. Pixels equal torchvision's ColorJitter on Pillow images.

    Args:
        brightness: Least and greatest factor; (1, 1) for none. Between 0 and 1e+06 as a factor.
        contrast: Least and greatest factor; (1, 1) for none. Between 0 and 1e+06 as a factor.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def horizontal_flip(
    *,
    p: float = 0.5,
) -> Operator:
    """Mirror the image left to right.

    (H, W, C) of any dtype -> the same shape. Pixels are moved, never changed.

    Args:
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def normalize(
    mean: float | Sequence[float],
    std: float | Sequence[float],
    *,
    max_value: float = 255.0,
) -> Operator:
    """Subtract the mean and divide by the standard deviation of each channel.

    (H, W, C) uint8, uint16, int16 or float32 -> (H, W, C) float32. On uint8 the result equals Albumentations' Normalize, on float32 (after to_float) torchvision's, bit for bit.

    Args:
        mean: Mean of each channel, or one for all, as a share of max_value. Between -1e+09 and 1e+09 of max_value.
        std: Standard deviation of each channel, or one for all, as a share of max_value. Between 1e-12 and 1e+09 of max_value.
        max_value: What counts as 1 in integer images; float32 images are taken as they are. Between 1e-12 and 1e+09 levels.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def random_crop(
    size: float | Sequence[float],
    *,
    padding: float | Sequence[float] = (0.0,),
    pad_if_needed: bool = False,
    fill: float | Sequence[float] = (0.0,),
    p: float = 1.0,
) -> Operator:
    """Cut a window of fixed size at a random place.

    (H, W, C) of any dtype -> (size_h, size_w, C). Drawn values are the window's corner in the unpadded image.

    Args:
        size: Height and width of the result; one number means a square. Between 1 and 16384 pixels.
        padding: Added before the crop: one number for all sides, two for (left and right, top and bottom), four for (left, top, right, bottom). Between 0 and 16384 pixels.
        pad_if_needed: Pad an image that is smaller than the crop on both sides, instead of an error of the sample.
        fill: Value of padding, one or one a channel. Between 0 and 255 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def random_resized_crop(
    size: float | Sequence[float],
    *,
    scale: float | Sequence[float] = (0.08, 1.0),
    ratio: float | Sequence[float] = (0.75, 1.3333333333333333),
    resampler: Literal["pillow", "opencv"] = "pillow",
    interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "bilinear",
    p: float = 1.0,
) -> Operator:
    """Cut a random rectangle and resize it to a fixed size.

    (H, W, C) uint8 -> (size_h, size_w, C) uint8. Where the codec can, only the rectangle is decoded. After ten rectangles that do not fit, the largest centred one of an allowed aspect ratio is taken. Source: Szegedy et al. 2015, "Going Deeper with Convolutions", section 6.

    Args:
        size: Height and width of the result; one number means a square. Between 1 and 16384 pixels.
        scale: Least and greatest share of the image that the rectangle covers. Between 1e-06 and 1 of the image's area.
        ratio: Least and greatest aspect ratio of the rectangle, drawn evenly in its logarithm. Between 0.001 and 1000 width / height.
        resampler: Whose arithmetic: 'pillow' smooths before it shrinks (antialiasing), 'opencv' does not. One of 'pillow', 'opencv'.
        interpolation: 'box' and 'hamming' are Pillow's alone, 'nearest_exact' and 'area' OpenCV's. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def resize(
    size: float | Sequence[float],
    *,
    max_size: float = 0.0,
    resampler: Literal["pillow", "opencv"] = "pillow",
    interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "bilinear",
    p: float = 1.0,
) -> Operator:
    """Resize to a fixed size, or to a shorter side.

    (H, W, C) uint8 -> (h, w, C) uint8. Pixels equal Pillow 13's Image.resize or OpenCV 4.11's cv2.resize. A crop that follows is computed alone, from the part of the image that it needs.

    Args:
        size: Height and width of the result; one number is the shorter side, the aspect ratio kept. Between 1 and 16384 pixels.
        max_size: With one number as size: the longer side is held to this; 0 for no bound. Between 0 and 16384 pixels.
        resampler: Whose arithmetic: 'pillow' smooths before it shrinks (antialiasing), 'opencv' does not. One of 'pillow', 'opencv'.
        interpolation: 'box' and 'hamming' are Pillow's alone, 'nearest_exact' and 'area' OpenCV's. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def to_float(
    *,
    arithmetic: Literal["divide", "multiply", "cast"] = "divide",
) -> Operator:
    """Map levels 0..255 to the range 0..1.

    (H, W, C) uint8 -> (H, W, C) float32.

    Args:
        arithmetic: How 1/255 is applied: 'divide' as torchvision's ToTensor, 'multiply' as its ToDtype with scale=True; the two differ in the last bit of some values. 'cast' keeps 0..255. One of 'divide', 'multiply', 'cast'.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def vertical_flip(
    *,
    p: float = 0.5,
) -> Operator:
    """Mirror the image top to bottom.

    (H, W, C) of any dtype -> the same shape. Pixels are moved, never changed.

    Args:
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""
