"""Writes a small 13-band uint16 TIFF set with masks, as satellites give it; by hand, with NumPy alone."""

from __future__ import annotations

import argparse
import struct
import zlib
from pathlib import Path

import numpy as np
from images import png

BANDS = 13


def tiff(pixels: np.ndarray, *, is_planar: bool, nodata: int) -> bytes:
    """(H, W, C) uint16 as a little-endian TIFF: deflate, eight rows a strip, GDAL's nodata tag."""
    height, width, channels = pixels.shape
    planes = [pixels[..., c : c + 1] for c in range(channels)] if is_planar else [pixels]
    strips = [
        zlib.compress(np.ascontiguousarray(plane[y : y + 8]).astype("<u2").tobytes())
        for plane in planes
        for y in range(0, height, 8)
    ]
    text = str(nodata).encode() + b"\0"
    text += b"\0" * (4 - len(text)) if len(text) < 4 else b""
    body, offsets = b"", []
    for strip in strips:
        offsets.append(8 + len(body))
        body += strip + b"\0" * (len(strip) % 2)

    def put(values: list[int], kind: str) -> bytes:
        """The value of an entry, or the offset of its values behind the strips."""
        nonlocal body
        packed = struct.pack(f"<{len(values)}{kind}", *values)
        if len(packed) <= 4:
            return packed.ljust(4, b"\0")
        at = 8 + len(body)
        body += packed + b"\0" * (len(packed) % 2)
        return struct.pack("<I", at)

    def entry(tag: int, kind: str, values: list[int]) -> bytes:
        return struct.pack("<HHI", tag, {"H": 3, "I": 4}[kind], len(values)) + put(values, kind)

    entries = [
        entry(256, "I", [width]),
        entry(257, "I", [height]),
        entry(258, "H", [16] * channels),
        entry(259, "H", [8]),
        entry(262, "H", [1]),
        entry(273, "I", offsets),
        entry(277, "H", [channels]),
        entry(278, "I", [8]),
        entry(279, "I", [len(strip) for strip in strips]),
        entry(284, "H", [2 if is_planar else 1]),
        entry(338, "H", [0] * (channels - 1)),
        entry(339, "H", [1] * channels),
        struct.pack("<HHI", 42113, 2, len(text)) + text[:4],
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0"
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=20)
    args = parser.parse_args()
    for name in ("images", "masks"):
        (args.folder / name).mkdir(parents=True)
    for index in range(args.count):
        numbers = np.random.default_rng(index)
        height, width = 40 + index % 3, 36 + index % 5
        pixels = numbers.integers(1, 10000, (height, width, BANDS)) + 300 * np.arange(BANDS)
        pixels[:3, :5] = 0  # nothing measured in a corner
        mask = (pixels[..., 3] > 5000).astype(np.uint8)
        data = tiff(pixels.astype(np.uint16), is_planar=index % 2 == 1, nodata=0)
        (args.folder / "images" / f"{index:04}.tif").write_bytes(data)
        (args.folder / "masks" / f"{index:04}.png").write_bytes(png(mask[..., None], 0))


if __name__ == "__main__":
    main()
