# Made by tools/make_stubs.py; not edited by hand.
from collections.abc import Sequence
from typing import Any, Literal

from stoker._native import Operator

__all__ = [
    "Operator",
    "adjust_sharpness",
    "affine",
    "auto_contrast",
    "blur",
    "brightness_contrast",
    "center_crop",
    "channel_dropout",
    "channel_shuffle",
    "clahe",
    "coarse_dropout",
    "color_jitter",
    "crop",
    "d4",
    "downscale",
    "elastic_transform",
    "equalize",
    "from_float",
    "gauss_noise",
    "gaussian_blur",
    "gaussian_blur_torch",
    "grid_distortion",
    "grid_dropout",
    "horizontal_flip",
    "hue_saturation_value",
    "image_compression",
    "invert_img",
    "iso_noise",
    "longest_max_size",
    "median_blur",
    "motion_blur",
    "multiplicative_noise",
    "normalize",
    "normalize_per_image",
    "optical_distortion",
    "pad",
    "pad_if_needed",
    "perspective",
    "policy_warp",
    "posterize",
    "random_affine",
    "random_crop",
    "random_erasing",
    "random_gamma",
    "random_perspective",
    "random_resized_crop",
    "random_rotate90",
    "random_rotation",
    "random_scale",
    "random_sized_crop",
    "random_tone_curve",
    "resize",
    "rgb_shift",
    "rotate",
    "safe_rotate",
    "sharpen",
    "shift_scale_rotate",
    "smallest_max_size",
    "solarize",
    "to_float",
    "to_gray",
    "transpose",
    "vertical_flip",
]

def docstring(info: dict[str, Any]) -> str: ...
def adjust_sharpness(
    *,
    sharpness_factor: float = 2.0,
    arithmetic: Literal["pillow", "torch"] = "pillow",
    p: float = 0.5,
) -> Operator:
    """Mix the image with a blurred one to sharpen or soften it.

    (H, W, C) uint8 -> the same shape, C 1 or 3; the outermost pixels stay. Pixels equal torchvision's RandomAdjustSharpness.

    Args:
        sharpness_factor: 0 gives the blurred image, 1 the image itself, 2 doubles what the blur takes away. Between 0 and 1e+06.
        arithmetic: Whose arithmetic: as torchvision on Pillow images or on uint8 tensors. One of 'pillow', 'torch'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def affine(
    *,
    scale: float | Sequence[float] = (1.0,),
    translate_percent: float | Sequence[float] = (),
    translate_px: float | Sequence[float] = (0.0,),
    rotate: float | Sequence[float] = (0.0,),
    shear: float | Sequence[float] = (0.0,),
    fit_output: bool = False,
    keep_ratio: bool = False,
    balanced_scale: bool = False,
    rotate_method: Literal["largest_box", "ellipse"] = "largest_box",
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear",
    mask_interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "nearest",
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = "constant",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (0.0,),
    p: float = 0.5,
) -> Operator:
    """Scale, shear, rotate and shift by random amounts, in one warp.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape, or what fit_output needs. Pixels, boxes and keypoints equal Albumentations' Affine on OpenCV 4.11.

    Args:
        scale: Factors of size. One number for both axes, two for a range from which each axis draws, or four: the range of x, of y. Between 0.001 and 1000.
        translate_percent: Shifts as a share of the side, cut to whole pixels. Not with translate_px. One number for both axes, two for a range from which each axis draws, or four: the range of x, of y. Between -100 and 100 of the side.
        translate_px: Shifts. One number for both axes, two for a range from which each axis draws, or four: the range of x, of y. Between -65500 and 65500 pixels.
        rotate: Angle or range of angles. Between -1e+06 and 1e+06 degrees.
        shear: Angles of shear. One number for both axes, two for a range from which each axis draws, or four: the range of x, of y. Between -89.9 and 89.9 degrees.
        fit_output: Make the result as large as the whole turned image needs.
        keep_ratio: Use the scale of x for y too.
        balanced_scale: Draw scales below and above 1 equally often, if the range has both.
        rotate_method: What of a box is turned before it is bounded anew: its corners, or the ellipse in it. One of 'largest_box', 'ellipse'.
        interpolation: How image pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        mask_interpolation: How mask pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        border_mode: What stands outside the image: the fill, its edge, its mirror image (with the edge doubled or not), or its other side. One of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap'.
        fill: Value outside the image with border_mode 'constant': one for all channels, or one for each channel of a group of four, 0 for those not given. Between -65535 and 65535 levels.
        fill_mask: The same for masks. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def auto_contrast(
    *,
    cutoff: float = 0.0,
    method: Literal["cdf", "pil", "pillow", "torch"] = "cdf",
    p: float = 0.5,
) -> Operator:
    """Stretch the values of each channel to the full range.

    (H, W, C) uint8 or float32 (through 8 bits) -> the same shape. Pixels equal Albumentations' AutoContrast and torchvision's RandomAutocontrast.

    Args:
        cutoff: Share of the darkest and of the lightest pixels that does not count, with methods 'cdf' and 'pil'. Between 0 and 100 percent.
        method: 'cdf' (by frequency) and 'pil' (linear) as Albumentations names its two, 'pillow' and 'torch' as torchvision on Pillow images and on tensors. One of 'cdf', 'pil', 'pillow', 'torch'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def blur(
    *,
    blur_limit: float | Sequence[float] = (3.0, 7.0),
    p: float = 0.5,
) -> Operator:
    """Blur with the mean of a square of random side.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape. Pixels equal Albumentations' Blur (cv2.blur).

    Args:
        blur_limit: Least and greatest side of the kernel, odd; one number k means (3, k). Between 3 and 255 pixels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def brightness_contrast(
    *,
    brightness: float | Sequence[float] = (-0.2, 0.2),
    contrast: float | Sequence[float] = (-0.2, 0.2),
    brightness_by_max: bool = True,
    ensure_safe_range: bool = False,
    p: float = 0.5,
) -> Operator:
    """Multiply by a random contrast and add a random brightness.

    (H, W, C) uint8, uint16, int16 or float32 (0 to 1) -> the same shape: min(max(value * alpha + beta, 0), 255), cut to an integer; float32 limited to 0 and 1. Pixels equal Albumentations' RandomBrightnessContrast. Of wider integers beta is a share of 65535 or 32767, and the result is rounded and limited to the dtype.

    Args:
        brightness: Least and greatest shift; one number b means (-b, b). Between -1 and 1 of the full range.
        contrast: Least and greatest change of the factor; one number c means (-c, c). Between -1 and 100 added to a factor of 1.
        brightness_by_max: Whether the brightness is a share of the full range; otherwise of the image's mean.
        ensure_safe_range: Whether both are limited so that no value can leave the full range.
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

def channel_dropout(
    *,
    channel_drop_range: float | Sequence[float] = (1.0, 1.0),
    fill: float = 0.0,
    p: float = 0.5,
) -> Operator:
    """Set random channels to one value.

    (H, W, C) of any dtype, at least 2 channels -> the same shape. A draw's list names the channels. Pixels equal Albumentations' ChannelDropout.

    Args:
        channel_drop_range: Least and greatest number of channels that are dropped; one channel must stay. Between 1 and 63 channels.
        fill: Value of dropped channels; 0 to 255 on uint8 images, cut to whole levels. Between -1e+06 and 1e+06 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def channel_shuffle(
    *,
    p: float = 0.5,
) -> Operator:
    """Put the channels into a random order.

    (H, W, C) of any dtype -> the same shape. A draw's list names, for each channel, the one it comes from. Pixels equal Albumentations' ChannelShuffle.

    Args:
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def clahe(
    *,
    clip_limit: float | Sequence[float] = (4.0,),
    tile_grid_size: float | Sequence[float] = (8.0, 8.0),
    p: float = 0.5,
) -> Operator:
    """Equalize the histogram of the lightness around each pixel, with limited contrast.

    (H, W, C) uint8 or float32 (through 8 bits) -> the same shape, C 1 or 3; colours through L*a*b*. Pixels equal Albumentations' CLAHE.

    Args:
        clip_limit: Least and greatest limit of a level's count; one number c means (1, c). Between 1 and 1e+06 times the mean count.
        tile_grid_size: Number of tiles along the width and along the height. Between 1 and 256 tiles.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def coarse_dropout(
    *,
    num_holes_range: float | Sequence[float] = (1.0, 2.0),
    hole_height_range: float | Sequence[float] = (0.1, 0.2),
    hole_width_range: float | Sequence[float] = (0.1, 0.2),
    fill_kind: Literal["value", "random", "random_uniform"] = "value",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (),
    min_area: float = 0.0,
    min_visibility: float = 0.0,
    drop_keypoints: bool = True,
    p: float = 0.5,
) -> Operator:
    """Blot out a few rectangles at random places.

    (H, W, C) of any dtype -> the same shape. Boxes shrink to what stays visible. Pixels (random fill apart), boxes and keypoints equal Albumentations' CoarseDropout. Source: DeVries and Taylor 2017, "Improved Regularization of Convolutional Neural Networks with Cutout".

    Args:
        num_holes_range: Least and greatest number of holes. Between 1 and 10000 holes.
        hole_height_range: Least and greatest size: shares of the image's side when hole_height_range ends below 1, else pixels. Between 0 and 16384 of the height, or pixels.
        hole_width_range: Least and greatest size: shares of the image's side when hole_height_range ends below 1, else pixels. Between 0 and 16384 of the width, or pixels.
        fill_kind: 'value' for fill, 'random' for a value of its own for every pixel and channel, 'random_uniform' for one random colour a hole. One of 'value', 'random', 'random_uniform'.
        fill: Value of the holes, one or one a channel; 0 to 255 on uint8 images, cut to whole levels. Between -1e+06 and 1e+06 levels.
        fill_mask: Value of the holes in masks, one or one a channel; none leaves masks as they are. Between -1e+06 and 1e+06 levels.
        min_area: A box of which less stays visible is dropped: min_area of A.BboxParams. Between 0 and 1e+12 pixels.
        min_visibility: A box of which less stays visible is dropped: min_visibility of A.BboxParams. Between 0 and 1 of the box's area.
        drop_keypoints: Drop keypoints inside holes.
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
    saturation: float | Sequence[float] = (1.0, 1.0),
    hue: float | Sequence[float] = (0.0, 0.0),
    arithmetic: Literal["pillow", "torch", "opencv"] = "pillow",
    p: float = 1.0,
) -> Operator:
    """Change brightness, contrast, saturation and hue by random amounts, in random order.

    (H, W, C) uint8 -> the same shape, C 1 or 3. Contrast is around the image's mean grey level, so the image is read once more. Pixels equal torchvision's ColorJitter and, with arithmetic='opencv', that of Albumentations; torch rounds the mean of more than 65793 pixels in an order of its own, which may move the contrast by one level.

    Args:
        brightness: Least and greatest factor; (1, 1) for none. Between 0 and 1e+06 as a factor.
        contrast: Least and greatest factor; (1, 1) for none. Between 0 and 1e+06 as a factor.
        saturation: Least and greatest factor; (1, 1) for none. Between 0 and 1e+06 as a factor.
        hue: Least and greatest shift; (0, 0) for none. Between -0.5 and 0.5 turns.
        arithmetic: Whose arithmetic: 'pillow' and 'torch' as torchvision on Pillow images and on uint8 tensors, 'opencv' as Albumentations. One of 'pillow', 'torch', 'opencv'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def crop(
    *,
    x_min: float = 0.0,
    y_min: float = 0.0,
    x_max: float = 1024.0,
    y_max: float = 1024.0,
    p: float = 1.0,
) -> Operator:
    """Cut a fixed window.

    (H, W, C) of any dtype -> (y_max - y_min, x_max - x_min, C). An image that does not reach so far is an error of the sample. Pixels, boxes and keypoints equal Albumentations' Crop.

    Args:
        x_min: First column of the window. Between 0 and 16384 pixels.
        y_min: First row of the window. Between 0 and 16384 pixels.
        x_max: Column after the last one of the window. Between 1 and 16384 pixels.
        y_max: Row after the last one of the window. Between 1 and 16384 pixels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def d4(
    *,
    p: float = 1.0,
) -> Operator:
    """Apply one of the eight symmetries of the square: turns, flips, transposes.

    (H, W, C) of any dtype -> (H, W, C) or (W, H, C). Pixels are moved, never changed. The drawn value counts in the order e, r90, r180, r270, v, hvt, h, t of Albumentations' D4, whose pixels, boxes and keypoints it equals.

    Args:
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def downscale(
    *,
    scale_range: float | Sequence[float] = (0.25, 0.25),
    downscale: Literal["nearest", "nearest_exact"] = "nearest",
    upscale: Literal["nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "area"] = "nearest",
    p: float = 0.5,
) -> Operator:
    """Make the image small by a random factor, and large again.

    (H, W, C) uint8 or float32 -> the same shape; float32 is rounded to 256 levels of [0, 1]. Pixels equal Albumentations' Downscale (cv2.resize twice).

    Args:
        scale_range: Least and greatest factor of the small image. Between 0.001 and 1 of the side.
        downscale: OpenCV's interpolation to the small image. One of 'nearest', 'nearest_exact'.
        upscale: OpenCV's interpolation back. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'area'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def elastic_transform(
    *,
    alpha: float = 1.0,
    sigma: float = 50.0,
    approximate: bool = False,
    same_dxdy: bool = False,
    noise_distribution: Literal["gaussian", "uniform"] = "gaussian",
    keypoint_remapping_method: Literal["mask", "direct"] = "mask",
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear",
    mask_interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "nearest",
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = "constant",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (0.0,),
    p: float = 0.5,
) -> Operator:
    """Move every pixel by a smooth random displacement.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape. The field is made from the drawn seed by Philox 4x32-10 and a Gaussian blur; a draw's list, when given, is the field itself. Pixels, boxes and keypoints equal Albumentations' ElasticTransform on OpenCV 4.11 with the same field.

    Args:
        alpha: What the blurred noise is multiplied by. Between 0 and 1e+06 pixels.
        sigma: Standard deviation of the blur. Between 1 and 1000 pixels.
        approximate: Blur with 17 x 17 pixels, whatever sigma is.
        same_dxdy: Move each pixel as far along y as along x.
        noise_distribution: Of the noise before the blur: normal, scaled by its greatest size, or uniform in [-1, 1). One of 'gaussian', 'uniform'.
        keypoint_remapping_method: How keypoints are found again: as small discs that are warped too, or by the inverse of the map. One of 'mask', 'direct'.
        interpolation: How image pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        mask_interpolation: How mask pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        border_mode: What stands outside the image: the fill, its edge, its mirror image (with the edge doubled or not), or its other side. One of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap'.
        fill: Value outside the image with border_mode 'constant': one for all channels, or one for each channel of a group of four, 0 for those not given. Between -65535 and 65535 levels.
        fill_mask: The same for masks. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def equalize(
    *,
    mode: Literal["cv", "pil", "pillow"] = "cv",
    by_channels: bool = True,
    p: float = 0.5,
) -> Operator:
    """Equalize the histogram of each channel, or of the brightness.

    (H, W, C) uint8 or float32 (through 8 bits) -> the same shape, C 1 or 3. Pixels equal Albumentations' Equalize and torchvision's RandomEqualize.

    Args:
        mode: Whose rule: 'cv' and 'pil' as Albumentations names its two, 'pillow' as Pillow and torchvision. One of 'cv', 'pil', 'pillow'.
        by_channels: Whether each channel is spread by itself; otherwise the brightness (Y of YCrCb) is.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def from_float(
    *,
    dtype: Literal["uint8", "uint16"] = "uint8",
    max_value: float = 0.0,
) -> Operator:
    """Map the range 0..1 to the levels of an integer type, rounding to the nearest.

    (H, W, C) float32 -> (H, W, C) uint8 or uint16. Pixels equal Albumentations' FromFloat.

    Args:
        dtype: The integer type of the result. One of 'uint8', 'uint16'.
        max_value: What 1 becomes; 0 for the greatest level of the type. Between 0 and 65535 levels.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def gauss_noise(
    *,
    std_range: float | Sequence[float] = (0.2, 0.44),
    mean_range: float | Sequence[float] = (0.0, 0.0),
    per_channel: bool = True,
    p: float = 0.5,
) -> Operator:
    """Add normally distributed noise of random strength.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape; float32 is clipped to [0, 1]. Noise is distributed as that of Albumentations' GaussNoise and torchvision's GaussianNoise, cut to whole levels towards zero, and made from the drawn seed by Philox 4x32-10 and Box and Muller's method.

    Args:
        std_range: Least and greatest standard deviation. Between 0 and 100 of the full range.
        mean_range: Least and greatest mean. Between -100 and 100 of the full range.
        per_channel: Noise of its own for each channel, instead of one for all.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def gaussian_blur(
    *,
    blur_limit: float | Sequence[float] = (0.0, 0.0),
    sigma_limit: float | Sequence[float] = (0.5, 3.0),
    p: float = 0.5,
) -> Operator:
    """Blur with a Gaussian of random width.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape; float32 is clipped to [0, 1]. Pixels equal Albumentations' GaussianBlur (cv2.sepFilter2D); a sigma of 0 changes nothing.

    Args:
        blur_limit: Least and greatest side of the kernel, each whole number between them equally likely, an even one counting as the next odd one; 0 takes the side from sigma. One number k means (0, k). Between 0 and 999 pixels.
        sigma_limit: Least and greatest standard deviation; one number s means (0, s). Between 0 and 100 pixels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def gaussian_blur_torch(
    *,
    kernel_size: float | Sequence[float],
    sigma: float | Sequence[float] = (0.1, 2.0),
    p: float = 1.0,
) -> Operator:
    """Blur with a Gaussian of given size and random width.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape. As torchvision's GaussianBlur: one kernel over both axes, in float32, to the last bits of its weights; images smaller than the kernel reflect more than once.

    Args:
        kernel_size: Width and height of the kernel, odd; one number means a square. Between 1 and 99 pixels.
        sigma: Least and greatest standard deviation; one number is always taken. Between 0.001 and 1000 pixels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def grid_distortion(
    *,
    num_steps: float = 5.0,
    distort_limit: float | Sequence[float] = (-0.3, 0.3),
    normalized: bool = True,
    keypoint_remapping_method: Literal["mask", "direct"] = "mask",
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear",
    mask_interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "nearest",
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = "constant",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (0.0,),
    p: float = 0.5,
) -> Operator:
    """Stretch the columns and rows of a grid by random amounts.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape. A draw's list holds the steps of x, then of y. Pixels, boxes and keypoints equal Albumentations' GridDistortion on OpenCV 4.11.

    Args:
        num_steps: Columns and rows of the grid. Between 1 and 1000 cells.
        distort_limit: Least and greatest change of a cell's side; one number d means (-d, d). Between -1 and 1 of a cell.
        normalized: Scale the cells so that they cover the image again.
        keypoint_remapping_method: How keypoints are found again: as small discs that are warped too, or by the inverse of the map. One of 'mask', 'direct'.
        interpolation: How image pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        mask_interpolation: How mask pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        border_mode: What stands outside the image: the fill, its edge, its mirror image (with the edge doubled or not), or its other side. One of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap'.
        fill: Value outside the image with border_mode 'constant': one for all channels, or one for each channel of a group of four, 0 for those not given. Between -65535 and 65535 levels.
        fill_mask: The same for masks. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def grid_dropout(
    *,
    ratio: float = 0.5,
    random_offset: bool = True,
    unit_size_range: float | Sequence[float] = (),
    holes_number_xy: float | Sequence[float] = (),
    shift_xy: float | Sequence[float] = (0.0, 0.0),
    fill_kind: Literal["value", "random", "random_uniform"] = "value",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (),
    min_area: float = 0.0,
    min_visibility: float = 0.0,
    drop_keypoints: bool = True,
    p: float = 0.5,
) -> Operator:
    """Blot out one rectangle in each cell of a grid.

    (H, W, C) of any dtype -> the same shape. Boxes shrink to what stays visible. Pixels (random fill apart), boxes and keypoints equal Albumentations' GridDropout. Source: Chen et al. 2020, "GridMask Data Augmentation".

    Args:
        ratio: Side of a hole; at most the cell less 1 px. Between 1e-06 and 1 of the cell's side.
        random_offset: Each hole at a random place in its cell, else at shift_xy.
        unit_size_range: Least side of a cell, and the first that is not drawn; none for holes_number_xy or tenths. Between 2 and 16384 pixels.
        holes_number_xy: Cells along the height and along the width, in this order, as the library takes them; none for unit_size_range or tenths. Between 1 and 10000 cells.
        shift_xy: Place of the holes in their cells without random_offset. Between 0 and 16384 pixels.
        fill_kind: 'value' for fill, 'random' for a value of its own for every pixel and channel, 'random_uniform' for one random colour a hole. One of 'value', 'random', 'random_uniform'.
        fill: Value of the holes, one or one a channel; 0 to 255 on uint8 images, cut to whole levels. Between -1e+06 and 1e+06 levels.
        fill_mask: Value of the holes in masks, one or one a channel; none leaves masks as they are. Between -1e+06 and 1e+06 levels.
        min_area: A box of which less stays visible is dropped: min_area of A.BboxParams. Between 0 and 1e+12 pixels.
        min_visibility: A box of which less stays visible is dropped: min_visibility of A.BboxParams. Between 0 and 1 of the box's area.
        drop_keypoints: Drop keypoints inside holes.
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

def hue_saturation_value(
    *,
    hue_shift_limit: float | Sequence[float] = (20.0,),
    sat_shift_limit: float | Sequence[float] = (30.0,),
    val_shift_limit: float | Sequence[float] = (20.0,),
    p: float = 0.5,
) -> Operator:
    """Shift hue, saturation and value by random amounts.

    (H, W, C) uint8 or float32 (through 8 bits) -> the same shape, C 1 or 3; grey images take the value's shift alone. Pixels equal Albumentations' HueSaturationValue.

    Args:
        hue_shift_limit: Least and greatest shift of the hue; one number s means (-s, s). Between -1e+06 and 1e+06 of 180 a turn.
        sat_shift_limit: Least and greatest shift of the saturation; one number s means (-s, s). Between -1e+06 and 1e+06 levels of 255.
        val_shift_limit: Least and greatest shift of the value; one number s means (-s, s). Between -1e+06 and 1e+06 levels of 255.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def image_compression(
    *,
    compression_type: Literal["jpeg", "webp"] = "jpeg",
    quality_range: float | Sequence[float] = (99.0, 100.0),
    p: float = 0.5,
) -> Operator:
    """Encode as JPEG or WebP of random quality, and decode again.

    (H, W, C) uint8 or float32 -> the same shape; float32 is rounded to 256 levels of [0, 1]. Pixels equal Albumentations' ImageCompression (cv2.imencode and cv2.imdecode, 4:2:0, the channels taken as blue, green, red) for JPEG, and for WebP where the version of libwebp encodes alike.

    Args:
        compression_type: The codec. One of 'jpeg', 'webp'.
        quality_range: Least and greatest quality. Between 1 and 100.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def invert_img(
    *,
    p: float = 0.5,
) -> Operator:
    """Subtract each value from the greatest one.

    (H, W, C) uint8 or float32 (0 to 1) -> the same shape. Pixels equal Albumentations' InvertImg and torchvision's RandomInvert.

    Args:
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def iso_noise(
    *,
    color_shift: float | Sequence[float] = (0.01, 0.05),
    intensity: float | Sequence[float] = (0.1, 0.5),
    p: float = 0.5,
) -> Operator:
    """Add camera noise to hue and lightness.

    (H, W, 3) uint8 or float32 -> the same shape; float32 is clipped to [0, 1]. Distributed as Albumentations' ISONoise: lightness gets Poisson noise whose mean is the image's own deviation of lightness times the intensity, hue gets normal noise.

    Args:
        color_shift: Least and greatest standard deviation of the hue. Between 0 and 1 of the intensity, in degrees.
        intensity: Least and greatest strength of both noises. Between 0 and 100.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def longest_max_size(
    *,
    max_size: float | Sequence[float] = (),
    max_size_hw: float | Sequence[float] = (),
    resampler: Literal["pillow", "opencv", "torch", "torch_rounded"] = "opencv",
    interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "bilinear",
    mask_interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "nearest",
    area_for_downscale: Literal["none", "image", "image_mask"] = "none",
    p: float = 1.0,
) -> Operator:
    """Resize an image so that its longer side has a given length.

    (H, W, C) uint8, by OpenCV also uint16, int16 and float32 -> (h, w, C), the aspect ratio kept. With max_size_hw both bounds are met, so that the image fits. Pixels, boxes and keypoints equal Albumentations' LongestMaxSize.

    Args:
        max_size: What the side is brought to; of several numbers one is drawn. None where max_size_hw is given. Between 1 and 16384 pixels.
        max_size_hw: Bounds of height and width instead; 0 for no bound. Between 0 and 16384 pixels.
        resampler: Whose arithmetic: 'pillow' and 'torch' smooth before they shrink (antialiasing), 'opencv' does not. 'torch' takes float32 too; 'torch_rounded' is torchvision's v1 on uint8 tensors, which goes through float32. One of 'pillow', 'opencv', 'torch', 'torch_rounded'.
        interpolation: 'box' and 'hamming' are Pillow's alone, 'area' OpenCV's; Pillow has no 'nearest_exact'. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        mask_interpolation: The same for masks. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        area_for_downscale: Where 'area' takes the place of the interpolation when the image shrinks; OpenCV's alone. One of 'none', 'image', 'image_mask'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def median_blur(
    *,
    blur_limit: float | Sequence[float] = (3.0, 7.0),
    p: float = 0.5,
) -> Operator:
    """Replace each value by the median of a square of random side.

    (H, W, C) uint8 or float32 -> the same shape; float32 is rounded to 256 levels of [0, 1]. Pixels equal Albumentations' MedianBlur (cv2.medianBlur).

    Args:
        blur_limit: Least and greatest side of the kernel, odd; one number k means (3, k). Between 3 and 255 pixels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def motion_blur(
    *,
    blur_limit: float | Sequence[float] = (3.0, 7.0),
    allow_shifted: bool = True,
    angle_range: float | Sequence[float] = (0.0, 360.0),
    direction_range: float | Sequence[float] = (-1.0, 1.0),
    p: float = 0.5,
) -> Operator:
    """Blur along a short random line.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape; float32 is clipped to [0, 1]. A draw's list is the kernel, row by row; the values tell how it came about. Pixels equal Albumentations' MotionBlur (cv2.filter2D) for kernels up to 11 x 11; above, OpenCV goes through a Fourier transform and may differ by 1 level.

    Args:
        blur_limit: Least and greatest side of the kernel, odd; one number k means (3, k). Between 3 and 99 pixels.
        allow_shifted: Move the line off the kernel's centre at random.
        angle_range: Least and greatest angle of the line. Between 0 and 360 degrees.
        direction_range: Least and greatest direction: -1 the line's backward half, 1 its forward half, 0 both. Between -1 and 1.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def multiplicative_noise(
    *,
    multiplier: float | Sequence[float] = (0.9, 1.1),
    per_channel: bool = False,
    elementwise: bool = False,
    p: float = 0.5,
) -> Operator:
    """Multiply by random factors.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape; integers are cut, float32 is clipped to [0, 1]. Without elementwise the draw's list holds the factors, and pixels equal Albumentations' MultiplicativeNoise; with it, factors come from the drawn seed by Philox 4x32-10.

    Args:
        multiplier: Least and greatest factor. Between 0 and 1000.
        per_channel: A factor of its own for each channel.
        elementwise: A factor of its own for each pixel.
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

def normalize_per_image(
    *,
    normalization: Literal["image", "image_per_channel", "min_max", "min_max_per_channel"] = "image",
) -> Operator:
    """Normalise each image by its own values.

    (H, W, C) uint8 or float32 -> (H, W, C) float32. Results equal those of Albumentations' Normalize with this normalization, on uint8 (where it gives float64) rounded to float32. A float32 channel of one value is 0 with image_per_channel, not NaN.

    Args:
        normalization: To mean 0 and deviation 1, or to least 0 and greatest 1, over the image or channel by channel. One of 'image', 'image_per_channel', 'min_max', 'min_max_per_channel'.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def optical_distortion(
    *,
    distort_limit: float | Sequence[float] = (-0.05, 0.05),
    mode: Literal["camera", "fisheye"] = "camera",
    keypoint_remapping_method: Literal["mask", "direct"] = "mask",
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear",
    mask_interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "nearest",
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = "constant",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (0.0,),
    p: float = 0.5,
) -> Operator:
    """Distort as a lens does, by a random coefficient.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape. Pixels, boxes and keypoints follow Albumentations' OpticalDistortion on OpenCV 4.11; coordinates of 'fisheye', which are float32 there, differ by up to 0.001 pixel.

    Args:
        distort_limit: Least and greatest coefficient of the lens; one number d means (-d, d). Between -1000 and 1000.
        mode: The model: 'camera' grows with the second and fourth power of the distance, 'fisheye' with the second. One of 'camera', 'fisheye'.
        keypoint_remapping_method: How keypoints are found again: as small discs that are warped too, or by the inverse of the map. One of 'mask', 'direct'.
        interpolation: How image pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        mask_interpolation: How mask pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        border_mode: What stands outside the image: the fill, its edge, its mirror image (with the edge doubled or not), or its other side. One of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap'.
        fill: Value outside the image with border_mode 'constant': one for all channels, or one for each channel of a group of four, 0 for those not given. Between -65535 and 65535 levels.
        fill_mask: The same for masks. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def pad(
    *,
    padding: float | Sequence[float],
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = "constant",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (0.0,),
    p: float = 1.0,
) -> Operator:
    """Add pixels around the image.

    (H, W, C) of any dtype -> (top + H + bottom, left + W + right, C). Pixels, boxes and keypoints equal Albumentations' Pad: under the reflecting borders boxes and keypoints are repeated in the mirrored copies.

    Args:
        padding: One number for all sides, two for (left and right, top and bottom), four for (left, top, right, bottom). Between 0 and 16384 pixels.
        border_mode: What is added: 'constant' the fill, 'replicate' aaa|abcd|ddd, 'reflect' cba|abcd|dcb, 'reflect_101' dcb|abcd|cba, 'wrap' bcd|abcd|abc. One of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap'.
        fill: Value of a constant border, one or one a channel; 0 to 255 on uint8 images. Between -1e+06 and 1e+06 levels.
        fill_mask: Value of a constant border of masks, one or one a channel. Between -1e+06 and 1e+06 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def pad_if_needed(
    *,
    min_height: float = 1024.0,
    min_width: float = 1024.0,
    pad_height_divisor: float = 0.0,
    pad_width_divisor: float = 0.0,
    position: Literal["center", "top_left", "top_right", "bottom_left", "bottom_right", "random"] = "center",
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = "constant",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (0.0,),
    p: float = 1.0,
) -> Operator:
    """Add pixels around an image that is too small.

    (H, W, C) of any dtype -> at least (min_height, min_width, C), or sides that are multiples. Pixels, boxes and keypoints equal Albumentations' PadIfNeeded.

    Args:
        min_height: Least height of the result; 0 where pad_height_divisor is given. Between 0 and 16384 pixels.
        min_width: Least width of the result; 0 where pad_width_divisor is given. Between 0 and 16384 pixels.
        pad_height_divisor: The height becomes a multiple of this; 0 for min_height instead. Between 0 and 16384 pixels.
        pad_width_divisor: The width becomes a multiple of this; 0 for min_width instead. Between 0 and 16384 pixels.
        position: Where the image comes to lie in the result. One of 'center', 'top_left', 'top_right', 'bottom_left', 'bottom_right', 'random'.
        border_mode: What is added: 'constant' the fill, 'replicate' aaa|abcd|ddd, 'reflect' cba|abcd|dcb, 'reflect_101' dcb|abcd|cba, 'wrap' bcd|abcd|abc. One of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap'.
        fill: Value of a constant border, one or one a channel; 0 to 255 on uint8 images. Between -1e+06 and 1e+06 levels.
        fill_mask: Value of a constant border of masks, one or one a channel. Between -1e+06 and 1e+06 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def perspective(
    *,
    scale: float | Sequence[float] = (0.05, 0.1),
    keep_size: bool = True,
    fit_output: bool = False,
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear",
    mask_interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "nearest",
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = "constant",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (0.0,),
    p: float = 0.5,
) -> Operator:
    """Take a random quadrilateral of the image to the whole canvas.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape, or the quadrilateral's with keep_size=False. Pixels, boxes and keypoints equal Albumentations' Perspective on OpenCV 4.11.

    Args:
        scale: Least and greatest standard deviation of the corners' distance from the image's; one number s means (0, s). Between 0 and 100 of the side.
        keep_size: Resize the result to the size of the image, in the same warp.
        fit_output: Show the whole warped image instead of the quadrilateral.
        interpolation: How image pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        mask_interpolation: How mask pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        border_mode: What stands outside the image: the fill, its edge, its mirror image (with the edge doubled or not), or its other side. One of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap'.
        fill: Value outside the image with border_mode 'constant': one for all channels, or one for each channel of a group of four, 0 for those not given. Between -65535 and 65535 levels.
        fill_mask: The same for masks. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def policy_warp(
    *,
    kind: Literal["shear_x", "shear_y", "translate_x", "translate_y", "rotate"] = "rotate",
    magnitudes: float | Sequence[float] = (9.0,),
    of_side: bool = False,
    arithmetic: Literal["pillow", "torch"] = "pillow",
    blends_fill: bool = False,
    interpolation: Literal["nearest", "bilinear"] = "nearest",
    fill: float | Sequence[float] = (0.0,),
    p: float = 1.0,
) -> Operator:
    """Shear, shift or rotate by one of a row of sizes, with a random sign.

    (H, W, C) uint8 -> the same shape. Pixels equal those of torchvision's RandAugment, TrivialAugmentWide and AutoAugment on Pillow 13, and with arithmetic='torch' those on tensors.

    Args:
        kind: What is done. One of 'shear_x', 'shear_y', 'translate_x', 'translate_y', 'rotate'.
        magnitudes: Sizes, each as likely as the others: tangents for a shear, pixels for a shift, degrees for a rotation. The sign is drawn too. Between 0 and 65500.
        of_side: Shifts are shares of the width or height instead of pixels.
        arithmetic: Whose arithmetic: as torchvision on Pillow images or on uint8 tensors. One of 'pillow', 'torch'.
        blends_fill: With arithmetic='torch': the fill is mixed in where places lie partly outside, as torchvision does where one is given; otherwise 0 stands outside.
        interpolation: How image pixels are read between the source's; masks are read at the nearest. One of 'nearest', 'bilinear'.
        fill: Value outside the image, one for all channels or one a channel; masks take 0. None, with torch's arithmetic alone: zeros, as if they were pixels. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def posterize(
    *,
    num_bits: float | Sequence[float] = (4.0,),
    p: float = 0.5,
) -> Operator:
    """Keep the highest bits of each value.

    (H, W, C) uint8 or float32 (through 8 bits) -> the same shape. Pixels equal Albumentations' Posterize and torchvision's RandomPosterize.

    Args:
        num_bits: How many of the highest bits stay: one number, the least and the greatest of a random one, or such a pair for each channel. Between 0 and 8 bits.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def random_affine(
    *,
    degrees: float | Sequence[float],
    translate: float | Sequence[float] = (0.0, 0.0),
    scale: float | Sequence[float] = (1.0, 1.0),
    shear: float | Sequence[float] = (0.0, 0.0),
    center: float | Sequence[float] = (),
    interpolation: Literal["nearest", "bilinear"] = "nearest",
    fill: float | Sequence[float] = (0.0,),
    p: float = 1.0,
    arithmetic: Literal["pillow", "torch", "torch_v1"] = "pillow",
) -> Operator:
    """Rotate, shift, scale and shear by random amounts, as torchvision does.

    (H, W, C) uint8, with torch's arithmetic float32 too -> the same shape. Pixels equal torchvision's RandomAffine on Pillow 13 and torch 2.13.

    Args:
        degrees: Least and greatest angle, clockwise; one number d means (-d, d). Between -1e+06 and 1e+06 degrees.
        translate: Greatest shift along x and y; drawn, then rounded to whole pixels. Between 0 and 1 of the side.
        scale: Least and greatest factor of size. Between 0.001 and 1000.
        shear: Range of shear along x, then that along y; two numbers leave y alone, one number s means (-s, s) along x. Between -89.9 and 89.9 degrees.
        center: x and y that stay in place; none for the centre of the image. Between -65500 and 65500 pixels.
        interpolation: How image pixels are read between the source's; masks are read at the nearest. One of 'nearest', 'bilinear'.
        fill: Value outside the image, one for all channels or one a channel; masks take 0. None, with torch's arithmetic alone: zeros, as if they were pixels. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.
        arithmetic: Whose arithmetic: as torchvision on Pillow images, or on tensors in v2 or v1. One of 'pillow', 'torch', 'torch_v1'.

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

def random_erasing(
    *,
    scale: float | Sequence[float] = (0.02, 0.33),
    ratio: float | Sequence[float] = (0.3, 3.3),
    value: float | Sequence[float] = (0.0,),
    random_value: bool = False,
    p: float = 0.5,
) -> Operator:
    """Erase one random rectangle.

    (H, W, C) uint8 or float32 -> the same shape. After ten rectangles that do not fit nothing is erased. Pixels (random_value apart) equal torchvision's RandomErasing; masks, boxes and keypoints pass unchanged. Source: Zhong et al. 2017, "Random Erasing Data Augmentation".

    Args:
        scale: Least and greatest share of the image that the rectangle covers. Between 0 and 1 of the image's area.
        ratio: Least and greatest aspect ratio of the rectangle, drawn evenly in its logarithm. Between 0.001 and 1000 height / width.
        value: What stands in the rectangle, one number or one a channel. Between -1e+06 and 1e+06 levels.
        random_value: Standard normal numbers instead of value.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def random_gamma(
    *,
    gamma_limit: float | Sequence[float] = (80.0, 120.0),
    p: float = 0.5,
) -> Operator:
    """Raise each value, as a share of the full range, to a random power.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape. uint8 is cut to an integer, wider integers are rounded, and of int16 negative levels keep their sign. Pixels equal Albumentations' RandomGamma on uint8; on float32 to the last bits of the power function.

    Args:
        gamma_limit: Least and greatest exponent, times 100. Between 0.001 and 1e+06 hundredths.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def random_perspective(
    *,
    distortion_scale: float = 0.5,
    interpolation: Literal["nearest", "bilinear"] = "bilinear",
    fill: float | Sequence[float] = (0.0,),
    p: float = 0.5,
    arithmetic: Literal["pillow", "torch", "torch_v1"] = "pillow",
) -> Operator:
    """Take the image to a random quadrilateral, as torchvision does.

    (H, W, C) uint8, with torch's arithmetic float32 too -> the same shape. Pixels equal torchvision's RandomPerspective on Pillow 13 and torch 2.13.

    Args:
        distortion_scale: How far inside the image its corners may go. Between 0 and 1 of half a side.
        interpolation: How image pixels are read between the source's; masks are read at the nearest. One of 'nearest', 'bilinear'.
        fill: Value outside the image, one for all channels or one a channel; masks take 0. None, with torch's arithmetic alone: zeros, as if they were pixels. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.
        arithmetic: Whose arithmetic: as torchvision on Pillow images, or on tensors in v2 or v1. One of 'pillow', 'torch', 'torch_v1'.

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
    resampler: Literal["pillow", "opencv", "torch", "torch_rounded"] = "pillow",
    interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "bilinear",
    mask_interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "nearest",
    area_for_downscale: Literal["none", "image", "image_mask"] = "none",
    p: float = 1.0,
) -> Operator:
    """Cut a random rectangle and resize it to a fixed size.

    (H, W, C) uint8, by OpenCV also uint16, int16 and float32 -> (size_h, size_w, C). Where the codec can, only the rectangle is decoded. After ten rectangles that do not fit, the largest centred one of an allowed aspect ratio is taken. Source: Szegedy et al. 2015, "Going Deeper with Convolutions", section 6.

    Args:
        size: Height and width of the result; one number means a square. Between 1 and 16384 pixels.
        scale: Least and greatest share of the image that the rectangle covers. Between 1e-06 and 1 of the image's area.
        ratio: Least and greatest aspect ratio of the rectangle, drawn evenly in its logarithm. Between 0.001 and 1000 width / height.
        resampler: Whose arithmetic: 'pillow' and 'torch' smooth before they shrink (antialiasing), 'opencv' does not. 'torch' takes float32 too; 'torch_rounded' is torchvision's v1 on uint8 tensors, which goes through float32. One of 'pillow', 'opencv', 'torch', 'torch_rounded'.
        interpolation: 'box' and 'hamming' are Pillow's alone, 'area' OpenCV's; Pillow has no 'nearest_exact'. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        mask_interpolation: The same for masks. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        area_for_downscale: Where 'area' takes the place of the interpolation when the image shrinks; OpenCV's alone. One of 'none', 'image', 'image_mask'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def random_rotate90(
    *,
    p: float = 1.0,
) -> Operator:
    """Turn the image by 0, 90, 180 or 270 degrees, counter-clockwise.

    (H, W, C) of any dtype -> (H, W, C) or (W, H, C). Pixels are moved, never changed. The drawn value is the number of quarter turns. Pixels, boxes and keypoints equal Albumentations' RandomRotate90.

    Args:
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def random_rotation(
    *,
    degrees: float | Sequence[float],
    expand: bool = False,
    center: float | Sequence[float] = (),
    interpolation: Literal["nearest", "bilinear"] = "nearest",
    fill: float | Sequence[float] = (0.0,),
    p: float = 1.0,
    arithmetic: Literal["pillow", "torch", "torch_v1"] = "pillow",
) -> Operator:
    """Rotate by a random angle, as torchvision does.

    (H, W, C) uint8, with torch's arithmetic float32 too -> the same shape, or a larger one with expand. Pixels equal torchvision's RandomRotation on Pillow 13 and torch 2.13.

    Args:
        degrees: Least and greatest angle, counter-clockwise; one number d means (-d, d). Between -1e+06 and 1e+06 degrees.
        expand: Make the result as large as the whole turned image needs.
        center: x and y to turn about; none for the centre of the image. Between -65500 and 65500 pixels.
        interpolation: How image pixels are read between the source's; masks are read at the nearest. One of 'nearest', 'bilinear'.
        fill: Value outside the image, one for all channels or one a channel; masks take 0. None, with torch's arithmetic alone: zeros, as if they were pixels. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.
        arithmetic: Whose arithmetic: as torchvision on Pillow images, or on tensors in v2 or v1. One of 'pillow', 'torch', 'torch_v1'.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def random_scale(
    *,
    scale_limit: float | Sequence[float] = (-0.1, 0.1),
    resampler: Literal["pillow", "opencv", "torch", "torch_rounded"] = "opencv",
    interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "bilinear",
    mask_interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "nearest",
    area_for_downscale: Literal["none", "image", "image_mask"] = "none",
    p: float = 0.5,
) -> Operator:
    """Resize the image by a random factor, the aspect ratio kept.

    (H, W, C) uint8, by OpenCV also uint16, int16 and float32 -> (h, w, C). The drawn value is the factor. Pixels, boxes and keypoints equal Albumentations' RandomScale.

    Args:
        scale_limit: Least and greatest change of the factor; one number s means (-s, s). Between -1 and 100 added to a factor of 1.
        resampler: Whose arithmetic: 'pillow' and 'torch' smooth before they shrink (antialiasing), 'opencv' does not. 'torch' takes float32 too; 'torch_rounded' is torchvision's v1 on uint8 tensors, which goes through float32. One of 'pillow', 'opencv', 'torch', 'torch_rounded'.
        interpolation: 'box' and 'hamming' are Pillow's alone, 'area' OpenCV's; Pillow has no 'nearest_exact'. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        mask_interpolation: The same for masks. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        area_for_downscale: Where 'area' takes the place of the interpolation when the image shrinks; OpenCV's alone. One of 'none', 'image', 'image_mask'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def random_sized_crop(
    size: float | Sequence[float],
    *,
    min_max_height: float | Sequence[float],
    w2h_ratio: float = 1.0,
    resampler: Literal["pillow", "opencv", "torch", "torch_rounded"] = "opencv",
    interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "bilinear",
    mask_interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "nearest",
    area_for_downscale: Literal["none", "image", "image_mask"] = "none",
    p: float = 1.0,
) -> Operator:
    """Cut a window of random height and resize it to a fixed size.

    (H, W, C) uint8, by OpenCV also uint16, int16 and float32 -> (size_h, size_w, C). Where the codec can, only the window is decoded. Pixels, boxes and keypoints equal Albumentations' RandomSizedCrop.

    Args:
        min_max_height: Least and greatest height of the window. Between 1 and 16384 pixels.
        size: Height and width of the result; one number means a square. Between 1 and 16384 pixels.
        w2h_ratio: Aspect ratio of the window. Between 0.001 and 1000 width / height.
        resampler: Whose arithmetic: 'pillow' and 'torch' smooth before they shrink (antialiasing), 'opencv' does not. 'torch' takes float32 too; 'torch_rounded' is torchvision's v1 on uint8 tensors, which goes through float32. One of 'pillow', 'opencv', 'torch', 'torch_rounded'.
        interpolation: 'box' and 'hamming' are Pillow's alone, 'area' OpenCV's; Pillow has no 'nearest_exact'. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        mask_interpolation: The same for masks. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        area_for_downscale: Where 'area' takes the place of the interpolation when the image shrinks; OpenCV's alone. One of 'none', 'image', 'image_mask'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def random_tone_curve(
    *,
    scale: float = 0.1,
    per_channel: bool = False,
    p: float = 0.5,
) -> Operator:
    """Bend the values along a random curve from black to white.

    (H, W, C) uint8 or float32 (through 8 bits) -> the same shape. Pixels equal Albumentations' RandomToneCurve.

    Args:
        scale: Standard deviation of the heights of the curve's two inner control points. Between 0 and 1 of the full range.
        per_channel: Whether each channel has a curve of its own.
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
    resampler: Literal["pillow", "opencv", "torch", "torch_rounded"] = "pillow",
    interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "bilinear",
    mask_interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "nearest",
    area_for_downscale: Literal["none", "image", "image_mask"] = "none",
    p: float = 1.0,
) -> Operator:
    """Resize to a fixed size, or to a shorter side.

    (H, W, C) uint8, by OpenCV also uint16, int16 and float32, by torch float32 -> (h, w, C). Pixels equal Pillow 13's Image.resize, OpenCV 4.11's cv2.resize or torch 2.13's antialiased interpolate. A crop that follows is computed alone, from the part of the image that it needs.

    Args:
        size: Height and width of the result; one number is the shorter side, the aspect ratio kept. Between 1 and 16384 pixels.
        max_size: With one number as size: the longer side is held to this; 0 for no bound. Between 0 and 16384 pixels.
        resampler: Whose arithmetic: 'pillow' and 'torch' smooth before they shrink (antialiasing), 'opencv' does not. 'torch' takes float32 too; 'torch_rounded' is torchvision's v1 on uint8 tensors, which goes through float32. One of 'pillow', 'opencv', 'torch', 'torch_rounded'.
        interpolation: 'box' and 'hamming' are Pillow's alone, 'area' OpenCV's; Pillow has no 'nearest_exact'. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        mask_interpolation: The same for masks. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        area_for_downscale: Where 'area' takes the place of the interpolation when the image shrinks; OpenCV's alone. One of 'none', 'image', 'image_mask'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def rgb_shift(
    *,
    r_shift_limit: float | Sequence[float] = (0.0784313725490196,),
    g_shift_limit: float | Sequence[float] = (0.0784313725490196,),
    b_shift_limit: float | Sequence[float] = (0.0784313725490196,),
    p: float = 0.5,
) -> Operator:
    """Add a random shift to each channel.

    (H, W, C) uint8 or float32 (0 to 1, clipped) -> the same shape, C up to 3. On uint8 the shift is cut to whole levels. Pixels equal Albumentations' RGBShift.

    Args:
        r_shift_limit: Least and greatest shift of the first channel; one number s means (-s, s). Between -1 and 1 of the full range.
        g_shift_limit: Least and greatest shift of the second channel; one number s means (-s, s). Between -1 and 1 of the full range.
        b_shift_limit: Least and greatest shift of the third channel; one number s means (-s, s). Between -1 and 1 of the full range.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def rotate(
    *,
    limit: float | Sequence[float] = (-90.0, 90.0),
    crop_border: bool = False,
    rotate_method: Literal["largest_box", "ellipse"] = "largest_box",
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear",
    mask_interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "nearest",
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = "constant",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (0.0,),
    p: float = 0.5,
) -> Operator:
    """Rotate about the centre by a random angle.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape, or a smaller one with crop_border. Pixels, boxes and keypoints equal Albumentations' Rotate on OpenCV 4.11.

    Args:
        limit: Least and greatest angle, counter-clockwise; one number r means (-r, r). Between -1e+06 and 1e+06 degrees.
        crop_border: Keep only the largest upright rectangle that the turned image fills.
        rotate_method: What of a box is turned before it is bounded anew: its corners, or the ellipse in it. One of 'largest_box', 'ellipse'.
        interpolation: How image pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        mask_interpolation: How mask pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        border_mode: What stands outside the image: the fill, its edge, its mirror image (with the edge doubled or not), or its other side. One of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap'.
        fill: Value outside the image with border_mode 'constant': one for all channels, or one for each channel of a group of four, 0 for those not given. Between -65535 and 65535 levels.
        fill_mask: The same for masks. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def safe_rotate(
    *,
    limit: float | Sequence[float] = (-90.0, 90.0),
    rotate_method: Literal["largest_box", "ellipse"] = "largest_box",
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear",
    mask_interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "nearest",
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = "constant",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (0.0,),
    p: float = 0.5,
) -> Operator:
    """Rotate by a random angle and shrink, so that no corner is lost.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape. Pixels, boxes and keypoints equal Albumentations' SafeRotate on OpenCV 4.11.

    Args:
        limit: Least and greatest angle, counter-clockwise; one number r means (-r, r). Between -1e+06 and 1e+06 degrees.
        rotate_method: What of a box is turned before it is bounded anew: its corners, or the ellipse in it. One of 'largest_box', 'ellipse'.
        interpolation: How image pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        mask_interpolation: How mask pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        border_mode: What stands outside the image: the fill, its edge, its mirror image (with the edge doubled or not), or its other side. One of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap'.
        fill: Value outside the image with border_mode 'constant': one for all channels, or one for each channel of a group of four, 0 for those not given. Between -65535 and 65535 levels.
        fill_mask: The same for masks. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def sharpen(
    *,
    alpha: float | Sequence[float] = (0.2, 0.5),
    lightness: float | Sequence[float] = (0.5, 1.0),
    method: Literal["kernel", "gaussian"] = "kernel",
    kernel_size: float = 5.0,
    sigma: float = 1.0,
    p: float = 0.5,
) -> Operator:
    """Sharpen by a random amount.

    (H, W, C) uint8 or float32, and with method 'kernel' uint16 or int16 -> the same shape; float32 is clipped to [0, 1]. Pixels equal Albumentations' Sharpen, whose method 'gaussian' wraps negative differences of 8 bits around.

    Args:
        alpha: Least and greatest visibility of the sharpened image. Between 0 and 1.
        lightness: Least and greatest lightness of the sharpened image; method 'kernel' only. Between 0 and 1e+06.
        method: 'kernel' is one 3 x 3 kernel; 'gaussian' adds the difference to a Gaussian blur. One of 'kernel', 'gaussian'.
        kernel_size: Side of the Gaussian, odd; method 'gaussian' only. Between 3 and 99 pixels.
        sigma: Standard deviation of the Gaussian; method 'gaussian' only. Between 0.001 and 1000 pixels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def shift_scale_rotate(
    *,
    shift_limit_x: float | Sequence[float] = (-0.0625, 0.0625),
    shift_limit_y: float | Sequence[float] = (-0.0625, 0.0625),
    scale_limit: float | Sequence[float] = (-0.1, 0.1),
    rotate_limit: float | Sequence[float] = (-45.0, 45.0),
    rotate_method: Literal["largest_box", "ellipse"] = "largest_box",
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear",
    mask_interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "nearest",
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = "constant",
    fill: float | Sequence[float] = (0.0,),
    fill_mask: float | Sequence[float] = (0.0,),
    p: float = 0.5,
) -> Operator:
    """Shift, scale and rotate by random amounts, in one warp.

    (H, W, C) uint8, uint16, int16 or float32 -> the same shape. Pixels, boxes and keypoints equal Albumentations' ShiftScaleRotate on OpenCV 4.11.

    Args:
        shift_limit_x: Least and greatest shift; one number s means (-s, s). Between -1 and 1 of the width.
        shift_limit_y: Least and greatest shift; one number s means (-s, s). Between -1 and 1 of the height.
        scale_limit: Least and greatest change of size, drawn for each axis; one number s means (-s, s). Between -0.999 and 1000 added to a factor of 1.
        rotate_limit: Least and greatest angle; one number r means (-r, r). Between -1e+06 and 1e+06 degrees.
        rotate_method: What of a box is turned before it is bounded anew: its corners, or the ellipse in it. One of 'largest_box', 'ellipse'.
        interpolation: How image pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        mask_interpolation: How mask pixels are read between the source's. One of 'nearest', 'bilinear', 'bicubic', 'lanczos'.
        border_mode: What stands outside the image: the fill, its edge, its mirror image (with the edge doubled or not), or its other side. One of 'constant', 'replicate', 'reflect', 'reflect_101', 'wrap'.
        fill: Value outside the image with border_mode 'constant': one for all channels, or one for each channel of a group of four, 0 for those not given. Between -65535 and 65535 levels.
        fill_mask: The same for masks. Between -65535 and 65535 levels.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def smallest_max_size(
    *,
    max_size: float | Sequence[float] = (),
    max_size_hw: float | Sequence[float] = (),
    resampler: Literal["pillow", "opencv", "torch", "torch_rounded"] = "opencv",
    interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "bilinear",
    mask_interpolation: Literal[
        "nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"
    ] = "nearest",
    area_for_downscale: Literal["none", "image", "image_mask"] = "none",
    p: float = 1.0,
) -> Operator:
    """Resize an image so that its shorter side has a given length.

    (H, W, C) uint8, by OpenCV also uint16, int16 and float32 -> (h, w, C), the aspect ratio kept. With max_size_hw both bounds are met, so that the image covers them. Pixels, boxes and keypoints equal Albumentations' SmallestMaxSize.

    Args:
        max_size: What the side is brought to; of several numbers one is drawn. None where max_size_hw is given. Between 1 and 16384 pixels.
        max_size_hw: Bounds of height and width instead; 0 for no bound. Between 0 and 16384 pixels.
        resampler: Whose arithmetic: 'pillow' and 'torch' smooth before they shrink (antialiasing), 'opencv' does not. 'torch' takes float32 too; 'torch_rounded' is torchvision's v1 on uint8 tensors, which goes through float32. One of 'pillow', 'opencv', 'torch', 'torch_rounded'.
        interpolation: 'box' and 'hamming' are Pillow's alone, 'area' OpenCV's; Pillow has no 'nearest_exact'. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        mask_interpolation: The same for masks. One of 'nearest', 'nearest_exact', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming', 'area'.
        area_for_downscale: Where 'area' takes the place of the interpolation when the image shrinks; OpenCV's alone. One of 'none', 'image', 'image_mask'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def solarize(
    *,
    threshold: float | Sequence[float] = (127.5,),
    p: float = 0.5,
) -> Operator:
    """Invert the values from a threshold on.

    (H, W, C) uint8 or float32 (0 to 1, clipped) -> the same shape. Pixels equal Albumentations' Solarize, whose threshold is a share (times 255 here), and torchvision's RandomSolarize.

    Args:
        threshold: Least and greatest threshold, or one for all images; values from it on are inverted. Between 0 and 256 levels of 255.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def to_float(
    *,
    arithmetic: Literal["divide", "multiply", "cast"] = "divide",
    max_value: float = 0.0,
) -> Operator:
    """Map integer levels to the range 0..1.

    (H, W, C) uint8 or uint16 -> (H, W, C) float32. Equal to Albumentations' ToFloat and torchvision's ToTensor and ToDtype.

    Args:
        arithmetic: How 1/255 is applied: 'divide' as torchvision's ToTensor, 'multiply' as its ToDtype with scale=True; the two differ in the last bit of some values. 'cast' keeps the levels. One of 'divide', 'multiply', 'cast'.
        max_value: What becomes 1; 0 for the greatest level of the image's type. Between 0 and 1e+09 levels.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def to_gray(
    *,
    num_output_channels: float = 3.0,
    method: Literal["weighted_average", "from_lab", "desaturation", "average", "max"] = "weighted_average",
    arithmetic: Literal["opencv", "pillow", "torch"] = "opencv",
    p: float = 0.5,
) -> Operator:
    """Turn colours into grey levels.

    (H, W, C) uint8 or float32 -> (H, W, num_output_channels), C 1 or 3, by methods 'desaturation', 'average' and 'max' any. Pixels equal Albumentations' ToGray, and torchvision's Grayscale and RandomGrayscale.

    Args:
        num_output_channels: How many equal channels the result has; 0 for as many as the image. Between 0 and 64 channels.
        method: Weighted by how light the eye finds them, CIE lightness, mean of the greatest and least channel, mean of all, or the greatest. One of 'weighted_average', 'from_lab', 'desaturation', 'average', 'max'.
        arithmetic: Whose arithmetic the weighted average follows: 'opencv' as Albumentations, 'pillow' and 'torch' as torchvision on Pillow images and on tensors. One of 'opencv', 'pillow', 'torch'.
        p: Probability that the operator is applied. Between 0 and 1.

    Returns:
        An operator for stoker.Loader.

    Raises:
        ValueError: A value is out of its range.
        TypeError: A value has the wrong type."""

def transpose(
    *,
    p: float = 0.5,
) -> Operator:
    """Mirror the image at its main diagonal: rows become columns.

    (H, W, C) of any dtype -> (W, H, C). Pixels are moved, never changed. Pixels, boxes and keypoints equal Albumentations' Transpose.

    Args:
        p: Probability that the operator is applied. Between 0 and 1.

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
