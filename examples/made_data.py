"""Small data sets for the examples, of the kinds that they are about, where the user gives none."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np


def smooth(random: np.random.Generator, size: int, bumps: int) -> np.ndarray[Any, Any]:
    """Smooth noise of about -1 to 1, (size, size) float32."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    field = np.zeros((size, size), np.float32)
    for fx, fy, phase in random.uniform((-bumps, -bumps, 0), (bumps, bumps, 7), (6, 3)):
        field += np.sin(6.3 * (fx * x + fy * y) + phase)
    return field / 3


def photographs(folder: Path, count: int) -> Path:
    """JPEGs as folder/<class>/<file>, of the sizes and the detail of photographs."""
    from stoker.demo import make_images

    make_images(folder, count)
    return folder


def radiographs(folder: Path, count: int, size: int = 512) -> tuple[list[Path], list[Path]]:
    """16-bit grey PNGs with a bright round finding, and 8-bit masks of it; (images, masks)."""
    import cv2

    y, x = np.mgrid[:size, :size]
    images, masks = [], []
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        images.append(folder / f"image_{index:04}.png")
        masks.append(folder / f"mask_{index:04}.png")
        random = np.random.default_rng(index)
        center, radius = random.uniform(0.3, 0.7, 2) * size, random.uniform(0.08, 0.2) * size
        mask = ((x - center[0]) ** 2 + (y - center[1]) ** 2 < radius**2).astype(np.uint8)
        pixels = 22000 + 6000 * smooth(random, size, 3) + 2500 * smooth(random, size, 20) + 9000.0 * mask
        pixels += random.normal(0, 400, (size, size))
        cv2.imwrite(str(images[-1]), pixels.clip(0, 65535).astype(np.uint16))
        cv2.imwrite(str(masks[-1]), mask)
    return images, masks


def scenes(folder: Path, count: int, size: int = 256, bands: int = 13) -> tuple[list[Path], list[int]]:
    """uint16 TIFFs of many bands, as satellites give them, and a class for each; (images, labels)."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = [], []
    for index in range(count):
        random = np.random.default_rng(index)
        label = index % 4
        ground = smooth(random, size, 6)
        pixels = np.stack(
            [
                1500 + 200 * band + 700 * ground * np.cos(band + label) + random.normal(0, 60, (size, size))
                for band in range(bands)
            ],
            axis=2,
        )
        images.append(folder / f"{index:04}.tif")
        labels.append(label)
        write_tiff(images[-1], pixels.clip(0, 65535).astype(np.uint16))
    return images, labels


def write_tiff(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    """(H, W, C) uint16 as a deflated TIFF; Pillow and OpenCV write at most four bands."""
    height, width, bands = pixels.shape
    rows = pixels.astype("<u2")
    strips = [zlib.compress(rows[y : y + 16].tobytes(), 6) for y in range(0, height, 16)]
    body, offsets = b"", []
    for strip in strips:
        offsets.append(8 + len(body))
        body += strip + b"\0" * (len(strip) % 2)
    wide = {258: [16] * bands, 338: [0] * (bands - 1), 339: [1] * bands}  # 16 bits a value
    long = {256: [width], 257: [height], 273: offsets, 278: [16], 279: [len(strip) for strip in strips]}
    short = {259: [8], 262: [1], 277: [bands], 284: [1], **wide}
    entries = b""
    for tag, values in sorted({**long, **short}.items()):
        kind, letter = (4, "I") if tag in long else (3, "H")
        value = struct.pack(f"<{len(values)}{letter}", *values)
        if len(value) > 4:  # kept behind the strips, where the entry points
            at, body = 8 + len(body), body + value + b"\0" * (len(value) % 2)
            value = struct.pack("<I", at)
        entries += struct.pack("<HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
    count = struct.pack("<H", len(long) + len(short))
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(body)) + body + count + entries + bytes(4))
