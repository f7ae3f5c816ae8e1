"""Each rewrite of the plan keeps every value: the fused chain equals its operators one after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from images import picture

import stoker
from stoker import _native

ROUNDS = 60
CLASSES = {info["name"]: info["operator_class"] for info in _native.operators()}
REQUIRED: dict[str, dict[str, Any]] = {
    "center_crop": {"size": [11, 9]},
    "random_crop": {"size": [12, 10]},
    "random_resized_crop": {"size": [17, 12]},
    "resize": {"size": [15, 22]},
    "normalize": {"mean": [0.3], "std": [0.4]},
    "pad": {"padding": [2]},
    "random_rotation": {"degrees": [40]},
    "random_affine": {"degrees": [40]},
    "gaussian_blur_torch": {"kernel_size": [3]},
    "random_sized_crop": {"min_max_height": [5, 9], "size": [8]},
}


def of_class(*classes: str) -> list[Any]:
    """Every operator of these classes, with all its examples, each with a coin and without."""
    made = []
    for name, kind in CLASSES.items():
        if kind not in classes:
            continue
        for example in _native.examples_of(name):
            parameters = {**REQUIRED.get(name, {}), **example}
            made.append(_native.make_operator(name, parameters))
    return made


def one_by_one(operators: list[Any], image: np.ndarray, seed: int, index: int) -> np.ndarray:
    for place, operator in enumerate(operators):
        draw = operator.draw(*image.shape, seed=seed, index=index, path=place)
        image = operator.apply(image, draw)
    return image


def compare(operators: list[Any], image: np.ndarray, seed: int) -> str | None:
    """The plan's text; None where such operators cannot follow one another."""
    try:
        call = _native.Call(operators, str(image.dtype), image.shape[2], dtype="auto", layout="hwc")
        expected = one_by_one(operators, image, seed, 7)
    except (ValueError, stoker.SampleError):
        return None
    ((made,), _, _) = call.run([(False, image)], [], [], seed, 7)
    np.testing.assert_array_equal(made, expected, call.explain())
    assert made.dtype == expected.dtype
    return str(call.explain())


TABLES = of_class("table")
REDUCED = of_class("reduced table")
HOLES = ("coarse_dropout", "grid_dropout", "random_erasing")
MAPS = [operator for operator in of_class("index map") if operator.name not in HOLES]
FLIPS = [make(p=p) for make in (stoker.horizontal_flip, stoker.vertical_flip) for p in (0.5, 1)]
CROPS = [
    stoker.center_crop((11, 9)),
    stoker.random_crop((12, 10)),
    stoker.crop(x_min=2, y_min=1, x_max=14, y_max=13),
]
SIZES = [
    op
    for op in of_class("resample")
    if op.name in ("resize", "random_resized_crop", "random_scale", "longest_max_size", "smallest_max_size")
]
WARPS = of_class("resample")
WHOLE = of_class("neighbourhood", "noise", "point")
DROPOUTS = [operator for operator in of_class("index map") if operator.name in HOLES]


# Rewrite: what is chained, and what the plan says where it was made.
REWRITES: dict[str, tuple[list[list[Any]], str]] = {
    "tables become one": ([TABLES, TABLES, TABLES], "table"),
    "a table ends in the batch's dtype": ([TABLES, [stoker.normalize(0.4, 0.3), stoker.to_float()]], "table"),
    "reductions see the image through tables": (
        [TABLES, REDUCED, TABLES],
        "after one reading",
    ),
    "flips and crops go ahead of tables": ([TABLES, FLIPS + CROPS, TABLES], "composed into one pass"),
    "flips go ahead of reductions": ([REDUCED, FLIPS, TABLES], "after one reading"),
    "crops stay behind reductions": ([REDUCED, CROPS, TABLES], "what a reduction sees"),
    "index maps are composed": ([MAPS, FLIPS + CROPS, MAPS, FLIPS + CROPS], "composed into one pass"),
    "a crop after a resize is made alone": ([SIZES, FLIPS, CROPS], "composed into one pass"),
    "a resize of a crop": ([CROPS, SIZES, FLIPS], "composed into one pass"),
    "a resize after flips": ([FLIPS, SIZES, CROPS, FLIPS], "composed into one pass"),
    "two resamples are never one": ([WARPS, FLIPS, WARPS], "composed into one pass"),
    "a resample never goes ahead of a table": ([TABLES, WARPS, TABLES], "table"),
    "pads keep their fill": ([TABLES, [op for op in MAPS if "pad" in op.name], TABLES], "pads with values"),
    "whole images between": ([TABLES, WHOLE, FLIPS + CROPS, TABLES], "whole image"),
    "holes keep their fill": ([TABLES, DROPOUTS, FLIPS, TABLES], "not fused"),
    "anything": ([TABLES + MAPS + SIZES + WHOLE + REDUCED] * 6, "store"),
}


@pytest.mark.parametrize("dtype", ["uint8", "float32", "uint16"])
@pytest.mark.parametrize("rewrite", REWRITES)
def test_a_rewrite_keeps_every_value(rewrite: str, dtype: str) -> None:
    chain, said = REWRITES[rewrite]
    random = np.random.default_rng([len(rewrite), len(dtype)])
    texts = []
    for seed in range(ROUNDS if dtype == "uint8" else ROUNDS // 3):
        channels = int(random.choice([1, 3, 3, 4]))
        height, width = random.integers(16, 40, 2)
        image = picture(int(height), int(width), channels, seed)
        if seed % 3 == 0:
            image = random.integers(0, 256, image.shape, dtype=np.uint8)
        if dtype == "float32":
            image = (image / np.float32(255)).astype(np.float32)
        elif dtype == "uint16":
            image = image.astype(np.uint16) * 257
        operators = [operators[int(random.integers(len(operators)))] for operators in chain]
        text = compare(operators, image, seed)
        if text is not None:
            texts.append(text)
    if dtype == "uint8":
        assert len(texts) > ROUNDS // 6
        assert any(said in text for text in texts), texts[0]
