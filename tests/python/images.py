"""Image files for tests, made with NumPy and Pillow alone, and JPEGs and PNGs that Pillow does not write."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Waves, one hard-edged block and noise, uint8 (height, width, channels)."""
    random = np.random.default_rng([seed, height, width])
    y, x = np.mgrid[0:height, 0:width]
    turns = random.uniform(0.02, 0.4, (channels, 2))
    planes = [np.sin(x * a + y * b + c) for c, (a, b) in enumerate(turns)]
    pixels = 120 + 90 * np.stack(planes, axis=-1) + random.normal(0, 9, (height, width, channels))
    pixels[height // 3 : height // 2, width // 4 : width // 2] = random.integers(0, 255, channels)
    return pixels.clip(0, 255).astype(np.uint8)


def encode(pixels: np.ndarray, form: str = "JPEG", mode: str | None = None, **arguments: Any) -> bytes:
    """`pixels` as a file's bytes by Pillow, converted to `mode` first where given."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    out = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(out, form, **arguments)
    return out.getvalue()


def write_folder(
    root: Path, count: int, size: tuple[int, int] | None = (24, 32), form: str = "JPEG"
) -> list[Path]:
    """root/class<k>/<n>.jpg or .png, two classes; sizes differ where `size` is None. Paths in label order."""
    paths = []
    for index in range(count):
        height, width = size or (20 + 7 * (index % 5), 30 + 5 * (index % 3))
        path = root / f"class{index % 2}" / f"{index:04}.{'jpg' if form == 'JPEG' else 'png'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(picture(height, width, seed=index), form))
        paths.append(path)
    return sorted(paths)


def by_pillow(data: bytes, mode: str = "RGB") -> np.ndarray:
    """What Pillow makes of the bytes, (H, W, C)."""
    array = np.asarray(Image.open(io.BytesIO(data)).convert(mode))
    return array if array.ndim == 3 else array[..., None]


# ---- JPEG by hand ----


def jpeg_segments(data: bytes) -> list[tuple[int, bytes]]:
    """(marker, all from this marker to the next) in order; entropy-coded data belong to their SOS."""
    segments, at = [(0xD8, data[:2])], 2
    while at < len(data):
        marker = data[at + 1]
        end = at + 2 if marker == 0xD9 else at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        if marker == 0xDA:
            while end + 1 < len(data) and (
                data[end] != 0xFF or data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7
            ):
                end += 1
        segments.append((marker, data[at:end]))
        at = end
    return segments


def with_empty_scans(data: bytes, scans: int) -> bytes:
    """A progressive JPEG with scans at its end that say nothing new, `scans` in all; the same pixels."""
    segments = jpeg_segments(data)
    frame = next(part for marker, part in segments if marker == 0xC2)
    own = sum(marker == 0xDA for marker, _ in segments)
    blocks = -(-struct.unpack(">H", frame[5:7])[0] // 8) * -(-struct.unpack(">H", frame[7:9])[0] // 8)
    # One code of one bit, "no more coefficients in this block", for each block of the first component.
    table = b"\xff\xc4\x00\x14\x13\x01" + bytes(15) + b"\x00"
    bits = bytes(blocks // 8) + (bytes([0xFF >> blocks % 8]) if blocks % 8 else b"")
    scan = b"\xff\xda\x00\x08\x01" + frame[10:11] + b"\x03\x01\x3f\x00" + bits
    return (
        b"".join(part for marker, part in segments if marker != 0xD9)
        + table
        + scan * (scans - own)
        + b"\xff\xd9"
    )


def with_claimed_size(data: bytes, height: int, width: int) -> bytes:
    """The same JPEG with other sides in its frame header."""
    at = data.index(b"\xff\xc2" if b"\xff\xc2" in data[:400] else b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


# ---- PNG by hand ----

_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _rows(samples: np.ndarray, depth: int) -> bytes:
    """Filter type 0 and the packed samples of each row."""
    height = samples.shape[0]
    rows = samples.reshape(height, -1)
    if depth == 16:
        packed = np.ascontiguousarray(rows.astype(">u2")).view(np.uint8).reshape(height, -1)
    elif depth == 8:
        packed = rows.astype(np.uint8)
    else:
        bits = (rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        packed = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def png(
    samples: np.ndarray,
    color_type: int,
    depth: int = 8,
    *,
    interlaced: bool = False,
    palette: np.ndarray | None = None,
    transparency: bytes | None = None,
) -> bytes:
    """A PNG of any kind.

    samples: (H, W, C), with C of color_type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
    """
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(interlaced))
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in _PASSES] if interlaced else [samples]
    body = b"".join(_rows(part, depth) for part in parts if part.shape[0] and part.shape[1])
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    if palette is not None:
        out += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    return out + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
