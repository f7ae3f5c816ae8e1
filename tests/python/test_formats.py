"""Files of every kind against Pillow, pixel for pixel."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import by_pillow, encode, picture, png
from PIL import Image, ImageOps

import stoker
from stoker import _native


def decode(path: Path, data: bytes, **options: Any) -> np.ndarray:
    """The file's pixels (H, W, C) as the engine decodes them, with Pillow's rule for 16 bits."""
    path.write_bytes(data)
    source = _native.FilesSource([path])
    run = _native.Run(
        source, [], threads=0, dtype="uint8", layout="hwc", **{"conversion": "pillow", **options}
    )
    run.submit([0])
    return np.asarray(run.next().images)[0]


def assert_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    differing = ours != theirs
    assert not differing.any(), (
        f"{differing.sum()} of {differing.size} differ, by up to {np.abs(ours.astype(int) - theirs).max()}"
    )


SIZES = [(1, 1), (7, 9), (16, 16), (17, 33), (50, 37)]

JPEGS: dict[str, dict[str, Any]] = {
    "4:4:4": {"subsampling": "4:4:4"},
    "4:2:2": {"subsampling": "4:2:2"},
    "4:2:0": {"subsampling": "4:2:0"},
    "low quality": {"quality": 5},
    "quality 100": {"quality": 100, "subsampling": 0},
    "optimised": {"optimize": True},
    "progressive": {"progressive": True},
    "progressive 4:4:4": {"progressive": True, "subsampling": 0},
    "restart markers": {"restart_marker_blocks": 2},
    "restart markers by row": {"restart_marker_rows": 1, "subsampling": "4:2:0"},
    "restart markers, progressive": {"restart_marker_blocks": 1, "progressive": True},
    "rgb": {"keep_rgb": True},
    "comment": {"comment": b"x" * 60000},
}


@pytest.mark.parametrize("kind", JPEGS)
def test_jpeg(tmp_path: Path, kind: str) -> None:
    for height, width in SIZES:
        data = encode(picture(height, width), "JPEG", **JPEGS[kind])
        assert_same(decode(tmp_path / "a.jpg", data), by_pillow(data))
        assert_same(decode(tmp_path / "a.jpg", data, color="bgr"), by_pillow(data)[..., ::-1])
        assert_same(decode(tmp_path / "a.jpg", data, color="gray"), by_pillow(data, "L"))
        assert_same(decode(tmp_path / "a.jpg", data, color="unchanged"), by_pillow(data))


@pytest.mark.parametrize("arguments", [{}, {"progressive": True}, {"restart_marker_blocks": 3}])
def test_grey_jpeg(tmp_path: Path, arguments: Any) -> None:
    for height, width in SIZES:
        data = encode(picture(height, width, 1), "JPEG", **arguments)
        assert_same(decode(tmp_path / "a.jpg", data), by_pillow(data))
        assert_same(decode(tmp_path / "a.jpg", data, color="gray"), by_pillow(data, "L"))
        assert_same(decode(tmp_path / "a.jpg", data, color="unchanged"), by_pillow(data, "L"))


@pytest.mark.parametrize("arguments", [{}, {"progressive": True}, {"quality": 20}, {"subsampling": 0}])
def test_cmyk_jpeg(tmp_path: Path, arguments: Any) -> None:
    for height, width in SIZES:
        data = encode(picture(height, width, 4, seed=3), "JPEG", "CMYK", **arguments)
        assert Image.open(io.BytesIO(data)).mode == "CMYK"
        assert_same(decode(tmp_path / "a.jpg", data), by_pillow(data))
        assert_same(decode(tmp_path / "a.jpg", data, color="bgr"), by_pillow(data)[..., ::-1])
        gray = np.asarray(Image.fromarray(by_pillow(data)).convert("L"))[..., None]
        assert_same(decode(tmp_path / "a.jpg", data, color="gray"), gray)


def test_cmyk_jpeg_without_adobe_marker(tmp_path: Path) -> None:
    """Then the inks are not inverted in the file; Pillow takes them so, and so do we."""
    data = encode(picture(20, 30, 4), "JPEG", "CMYK")
    at = data.index(b"\xff\xee")
    bare = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    assert_same(decode(tmp_path / "a.jpg", bare), by_pillow(bare))


def test_a_crop_is_the_same_as_a_crop_of_the_whole(tmp_path: Path) -> None:
    for arguments in JPEGS.values():
        data = encode(picture(61, 83), "JPEG", **arguments)
        whole = by_pillow(data)
        path = tmp_path / "a.jpg"
        path.write_bytes(data)
        for rows, columns in [
            ((0, 61), (0, 83)),
            ((13, 40), (17, 20)),
            ((60, 61), (82, 83)),
            ((8, 24), (1, 82)),
            ((1, 2), (0, 1)),
        ]:
            size = (rows[1] - rows[0], columns[1] - columns[0])
            for crop in range(4):
                loader = stoker.Loader(
                    stoker.files([path]),
                    [stoker.random_crop(size)],
                    batch_size=1,
                    seed=crop,
                    dtype="uint8",
                    layout="hwc",
                    threads=0,
                )
                ours = next(iter(loader))[0]
                draw = stoker.random_crop(size).draw(61, 83, seed=crop)
                y, x = int(draw["y"]), int(draw["x"])
                assert_same(ours, whole[y : y + size[0], x : x + size[1]])


def random_samples(height: int, width: int, channels: int, depth: int) -> np.ndarray:
    random = np.random.default_rng([height, width, channels, depth])
    return random.integers(0, 2**depth, (height, width, channels))


GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
PNGS = [
    (color_type, depth, has_transparency)
    for color_type, depths in DEPTHS.items()
    for depth in depths
    for has_transparency in (False, True)
    if not (has_transparency and color_type in (GREY_ALPHA, RGBA))  # no such kind
]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("color_type", "depth", "has_transparency"), PNGS)
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_png(tmp_path: Path, color_type: int, depth: int, has_transparency: bool, interlaced: bool) -> None:
    channels = CHANNELS[color_type]
    palette = np.random.default_rng(1).integers(0, 256, (2**depth, 3)) if color_type == PALETTE else None
    transparency = None
    if has_transparency:
        transparency = bytes([0, 100, 200][: 2**depth]) if color_type == PALETTE else b"\0\1" * channels
    for height, width in [*SIZES, (3, 5)]:
        samples = random_samples(height, width, channels, depth)
        data = png(
            samples, color_type, depth, interlaced=interlaced, palette=palette, transparency=transparency
        )
        path = tmp_path / "a.png"
        assert_same(decode(path, data), by_pillow(data))
        assert_same(decode(path, data, color="bgr"), by_pillow(data)[..., ::-1])
        assert_same(decode(path, data, color="gray"), by_pillow(data, "L"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_by_pillow(tmp_path: Path, mode: str) -> None:
    for height, width in SIZES:
        channels = 4 if mode in ("RGBA", "LA") else 3
        data = encode(picture(height, width, channels), "PNG", mode)
        assert Image.open(io.BytesIO(data)).mode == mode
        assert_same(decode(tmp_path / "a.png", data), by_pillow(data))


@pytest.mark.parametrize(
    ("mode", "unchanged"), [("L", "L"), ("LA", "LA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA")]
)
def test_unchanged_keeps_the_channels_of_the_file(tmp_path: Path, mode: str, unchanged: str) -> None:
    data = encode(picture(12, 19, 3 if mode == "P" else 4), "PNG", mode)
    assert_same(decode(tmp_path / "a.png", data, color="unchanged"), by_pillow(data, unchanged))


def test_unchanged_keeps_the_alpha_of_a_palette(tmp_path: Path) -> None:
    palette = np.arange(12).reshape(4, 3) * 20
    data = png(random_samples(9, 9, 1, 2), PALETTE, 2, palette=palette, transparency=b"\x10\x80")
    assert_same(decode(tmp_path / "a.png", data, color="unchanged"), by_pillow(data, "RGBA"))


def decode_mask(path: Path, data: bytes) -> np.ndarray:
    """The file's pixels (H, W) as the engine decodes a mask of one channel."""
    path.write_bytes(data)
    source = _native.FilesSource([path])
    source.add_field("mask", "mask", [path])
    run = _native.Run(source, [], threads=0, dtype="uint8", layout="hwc")
    run.submit([0])
    mask = np.asarray(run.next().field("mask"))[0]
    assert mask.ndim == 2
    return mask


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", DEPTHS[PALETTE])
def test_a_mask_with_a_palette_gives_the_numbers_of_its_colours(
    tmp_path: Path, depth: int, interlaced: bool
) -> None:
    """As Pillow opens it, in mode P; the image of the same file gives the colours."""
    palette = np.random.default_rng(1).integers(0, 256, (2**depth, 3))
    for (height, width), transparency in itertools.product([*SIZES, (3, 5)], [None, b"\x10\x80"]):
        samples = random_samples(height, width, 1, depth)
        data = png(samples, PALETTE, depth, interlaced=interlaced, palette=palette, transparency=transparency)
        opened = Image.open(io.BytesIO(data))
        assert opened.mode == "P"
        assert_same(decode_mask(tmp_path / "a.png", data), np.array(opened))
        assert decode(tmp_path / "a.png", data).shape[2] == 3


def test_a_tiff_mask_with_a_palette_gives_the_numbers_of_its_colours(tmp_path: Path) -> None:
    classes = Image.fromarray(random_samples(20, 31, 1, 4)[..., 0].astype(np.uint8), "P")
    classes.putpalette(list(range(255, 207, -1)) * 16)
    data = encode_as(classes, "TIFF")
    assert Image.open(io.BytesIO(data)).mode == "P"
    assert_same(decode_mask(tmp_path / "a.tif", data), np.array(classes))


def encode_as(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def test_16_bit_is_rounded_to_8_by_the_loader(tmp_path: Path) -> None:
    samples = random_samples(40, 50, 1, 16)
    samples[0, :4, 0] = [0, 65535, 128, 129]
    path = tmp_path / "a.png"
    path.write_bytes(png(samples, GREY, 16))
    loader = stoker.Loader(
        stoker.files([path]), batch_size=1, dtype="uint8", layout="hwc", color="gray", threads=0
    )
    assert_same(next(iter(loader))[0], np.floor(samples * 255 / 65535 + 0.5).astype(np.uint8))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_exif_orientation(tmp_path: Path, orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(picture(22, 31), form, exif=exif.tobytes())
    path = tmp_path / "a"
    assert_same(decode(path, data), by_pillow(data))
    turned = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert_same(decode(path, data, exif="apply"), turned)
    height, width = turned.shape[:2]
    crop = stoker.center_crop((9, 14))
    path.write_bytes(data)
    loader = stoker.Loader(
        stoker.files([path]), [crop], batch_size=1, dtype="uint8", layout="hwc", exif="apply", threads=0
    )
    y, x = round((height - 9) / 2), round((width - 14) / 2)
    assert_same(next(iter(loader))[0], turned[y : y + 9, x : x + 14])


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(tmp_path: Path, value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    data = encode(picture(22, 31), "JPEG", exif=exif.tobytes())
    assert_same(decode(tmp_path / "a.jpg", data, exif="apply"), by_pillow(data))


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
    ],
)
def test_damaged_exif_is_ignored(tmp_path: Path, exif: bytes) -> None:
    whole = encode(picture(22, 31), "JPEG")
    data = whole[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + whole[2:]
    assert_same(decode(tmp_path / "a.jpg", data, exif="apply"), by_pillow(whole))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a", "a.txt", "A.JPEG", "bild ü 图\n.jpg"])
def test_the_first_bytes_decide_not_the_name(tmp_path: Path, form: str, name: str) -> None:
    data = encode(picture(10, 11), form)
    assert_same(decode(tmp_path / name, data), by_pillow(data))


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    data = encode(picture(10, 11))
    name = tmp_path / "bild\udcff.jpg"
    try:
        assert_same(decode(name, data), by_pillow(data))
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    with pytest.raises(stoker.SampleError) as raised:
        decode(name, b"no image")
    assert raised.value.path == str(name)
