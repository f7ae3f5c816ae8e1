"""Colours, tables and normalisation equal those of Albumentations and torchvision, value for value."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torchvision_schemas
from images import picture
from parity import parity_row
from PIL import Image

albumentations = pytest.importorskip("albumentations")
cv2 = pytest.importorskip("cv2")
torch = pytest.importorskip("torch")
torchvision_schemas.define_missing()
v1 = pytest.importorskip("torchvision.transforms")
v2 = pytest.importorskip("torchvision.transforms.v2")

from stoker.lowering.leaves import ALBUMENTATIONS, TORCHVISION, color  # noqa: E402
from stoker.lowering.recipe import NotNative, Step  # noqa: E402

A = albumentations
SIZES = [(1, 1), (1, 45), (37, 1), (3, 3), (31, 64), (57, 97), (120, 203)]
Draw = dict[str, Any]


@pytest.fixture(autouse=True)
def _plain_opencv() -> Iterator[None]:
    """OpenCV's own code on one thread, not Intel's library, which rounds otherwise."""
    uses = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    yield
    cv2.ipp.setUseIPP(uses)


def images(channels: int, dtype: str = "uint8") -> Iterator[np.ndarray]:
    """Smooth pictures, noise and flat images of many sizes."""
    for number, (height, width) in enumerate(SIZES):
        random = np.random.default_rng(number)
        shape = (height, width, channels)
        dark = random.integers(0, 60, shape) * random.integers(0, 2, shape)
        for pixels in (
            picture(height, width, channels, seed=number),
            random.integers(0, 256, shape).astype(np.uint8),
            dark.astype(np.uint8),
            np.full(shape, 9 * number, np.uint8),
        ):
            yield pixels if dtype == "uint8" else (pixels / np.float32(255)).astype(np.float32)


def step_of(transform: Any) -> Step:
    step = ALBUMENTATIONS[type(transform).__name__](transform)
    assert isinstance(step, Step)
    return step


def parameters_of(transform: Any, image: np.ndarray) -> dict[str, Any]:
    found = transform.get_params()
    data = {"image": image, "shape": image.shape}
    return {**found, **transform.get_params_dependent_on_data({**found, "shape": image.shape}, data)}


class Differences:
    """How far results are apart; `most` is the largest difference that passes."""

    def __init__(self, most: float) -> None:
        self.most = most
        self.count = self.differing = 0
        self.largest = self.total = 0.0

    def add(self, ours: np.ndarray, theirs: np.ndarray) -> None:
        theirs = theirs.reshape(theirs.shape[0], theirs.shape[1], -1)
        assert ours.shape == theirs.shape
        assert ours.dtype.kind == theirs.dtype.kind
        apart = np.abs(ours.astype(np.float64) - theirs.astype(ours.dtype).astype(np.float64))
        assert not np.isnan(apart).any()
        self.count += apart.size
        self.differing += int(np.count_nonzero(apart))
        self.largest = max(self.largest, float(apart.max()))
        self.total += float(apart.sum())
        assert self.largest <= self.most, f"{self.largest} apart"

    def row(self, operator: str, library: str, dtype: str) -> None:
        assert self.count > 10_000
        parity_row(
            operator, library, dtype, self.differing / self.count, self.largest, self.total / self.count
        )


# ---- Albumentations ----


def same(parameters: Draw, _: np.ndarray) -> Draw:
    return {name: value for name, value in parameters.items() if name != "shape"}


def listed(name: str) -> Callable[[Draw, np.ndarray], Draw]:
    return lambda parameters, _: {"list": np.atleast_1d(parameters[name]).astype(float).tolist()}


def threshold_in_levels(parameters: Draw, _: np.ndarray) -> Draw:
    return {"threshold": 255 * parameters["threshold"]}


def shifts(parameters: Draw, image: np.ndarray) -> Draw:
    most = 255.0 if image.dtype == np.uint8 else 1.0
    values = np.resize(parameters["noise_map"], 3) / most
    return dict(zip(("r_shift", "g_shift", "b_shift"), values.tolist(), strict=True))


def curve(parameters: Draw, _: np.ndarray) -> Draw:
    pairs = np.stack([np.atleast_1d(parameters["low_y"]), np.atleast_1d(parameters["high_y"])], axis=1)
    return {"list": pairs.ravel().tolist()}


def brightness_in_levels(parameters: Draw, image: np.ndarray) -> Draw:
    beta = parameters["beta"] * (1 if image.dtype == np.uint8 else 255)
    return {"alpha": parameters["alpha"], "beta": beta}


def brightness_of_mean(parameters: Draw, image: np.ndarray) -> Draw:
    mean = float(np.mean(image.astype(np.float64)))
    return {"alpha": parameters["alpha"], "share": 0.0 if mean == 0 else parameters["beta"] / mean}


def places(order: list[int]) -> Draw:
    """An order of brightness, contrast, saturation and hue as this operator's draw says it."""
    without_hue = [step for step in order if step != 3]
    pair = [step for step in without_hue if step != 2]
    return {
        "contrast_first": float(pair[0] == 1),
        "saturation_at": without_hue.index(2),
        "hue_at": order.index(3),
    }


def jitter(parameters: Draw, _: np.ndarray) -> Draw:
    amounts = {name: parameters[name] for name in ("brightness", "contrast", "saturation", "hue")}
    return {**amounts, **places(list(parameters["order"]))}


def nothing(_parameters: Draw, _image: np.ndarray) -> Draw:
    return {}


BOTH = ("uint8", "float32")
BYTES = ("uint8",)
# Transform, conversion of its parameters, channels, dtypes, largest difference on float32.
CASES: dict[str, tuple[Any, Callable[[Draw, np.ndarray], Draw], tuple[int, ...], tuple[str, ...], float]] = {
    "random_gamma": (A.RandomGamma(gamma_limit=(40, 250)), same, (1, 3, 5), BOTH, 1e-6),
    "random_gamma of 100": (A.RandomGamma(gamma_limit=(100, 100)), same, (3,), BYTES, 0),
    "solarize": (A.Solarize(threshold_range=(0.0, 1.0)), threshold_in_levels, (1, 3, 5), BOTH, 0),
    "solarize at 0.5": (A.Solarize(), threshold_in_levels, (3,), BOTH, 0),
    "posterize": (A.Posterize(num_bits=(1, 7)), listed("num_bits"), (1, 3, 5), BOTH, 0),
    "posterize by channel": (
        A.Posterize(num_bits=[(1, 2), (3, 5), (6, 8)]),
        listed("num_bits"),
        (3,),
        BOTH,
        0,
    ),
    "invert_img": (A.InvertImg(), nothing, (1, 3, 5), BOTH, 0),
    "rgb_shift": (A.RGBShift(90, (-40, 70), (-0.3, 0.2)), shifts, (1, 3), BOTH, 0),
    "hue_saturation_value": (A.HueSaturationValue(90, 80, 70), same, (1, 3), BOTH, 0),
    "hue_saturation_value, hue": (A.HueSaturationValue(200, 0, 0), same, (3,), BYTES, 0),
    "hue_saturation_value, saturation": (A.HueSaturationValue(0, 255, 0), same, (3,), BYTES, 0),
    "to_gray": (A.ToGray(), nothing, (3,), BOTH, 1.2e-7),
    "to_gray to 1 channel": (A.ToGray(num_output_channels=1), nothing, (1, 3), BYTES, 0),
    "to_gray, from_lab": (A.ToGray(method="from_lab"), nothing, (3,), BOTH, 0),
    "to_gray, desaturation": (A.ToGray(method="desaturation"), nothing, (3, 5), BOTH, 0),
    "to_gray, average": (A.ToGray(method="average"), nothing, (3, 5), BOTH, 1.2e-7),
    "to_gray, max": (A.ToGray(method="max"), nothing, (3, 5), BOTH, 0),
    "color_jitter": (A.ColorJitter((0.4, 1.8), (0.3, 2.2), (0, 2.5), (-0.5, 0.5)), jitter, (1, 3), BYTES, 0),
    "color_jitter, contrast": (A.ColorJitter((1, 1), (0, 3), (1, 1), (0, 0)), jitter, (1, 3), BYTES, 0),
    "color_jitter, saturation": (A.ColorJitter((1, 1), (1, 1), (0, 3), (0, 0)), jitter, (3,), BYTES, 0),
    "color_jitter, zeros": (A.ColorJitter((0.5, 1), (0, 0), (0, 0), (0, 0)), jitter, (1, 3), BYTES, 0),
    "equalize": (A.Equalize(), nothing, (1, 3), BOTH, 0),
    "equalize, pil": (A.Equalize(mode="pil"), nothing, (1, 3), BOTH, 0),
    "equalize of brightness": (A.Equalize(by_channels=False), nothing, (1, 3), BOTH, 0),
    "equalize of brightness, pil": (A.Equalize(mode="pil", by_channels=False), nothing, (3,), BYTES, 0),
    "clahe": (A.CLAHE(), same, (1, 3), BOTH, 0),
    "clahe, strong": (A.CLAHE(clip_limit=(5, 60), tile_grid_size=(3, 5)), same, (1, 3), BYTES, 0),
    "auto_contrast": (A.AutoContrast(), nothing, (1, 3, 5), BOTH, 0),
    "auto_contrast, pil": (A.AutoContrast(method="pil"), nothing, (1, 3), BOTH, 0),
    "auto_contrast, cutoff": (A.AutoContrast(cutoff=7), nothing, (1, 3), BYTES, 0),
    "auto_contrast, pil and cutoff": (A.AutoContrast(cutoff=3, method="pil"), nothing, (1, 3), BYTES, 0),
    "random_tone_curve": (A.RandomToneCurve(scale=0.5), curve, (1, 3, 5), BOTH, 0),
    "random_tone_curve by channel": (A.RandomToneCurve(0.5, per_channel=True), curve, (3,), BOTH, 0),
    "brightness_contrast": (
        A.RandomBrightnessContrast((-0.6, 0.5), (-0.9, 1)),
        brightness_in_levels,
        (1, 3, 5),
        BOTH,
        0,
    ),
    "brightness_contrast by mean": (
        A.RandomBrightnessContrast((-0.6, 0.5), (-0.9, 1), brightness_by_max=False),
        brightness_of_mean,
        (1, 3),
        BOTH,
        3e-7,
    ),
    "brightness_contrast, safe": (
        A.RandomBrightnessContrast((-0.6, 0.5), (-0.9, 1), ensure_safe_range=True),
        brightness_in_levels,
        (3,),
        BOTH,
        0,
    ),
    "normalize": (A.Normalize((0.1, 0.2, 0.3), (0.5, 0.6, 0.7)), nothing, (3,), BYTES, 0),
    **{
        f"normalize_per_image, {kind}": (A.Normalize(normalization=kind), nothing, (1, 2, 3, 4, 5), BOTH, 0)
        for kind in ("image", "image_per_channel", "min_max", "min_max_per_channel")
    },
    "to_float": (A.ToFloat(), nothing, (1, 3, 5), BYTES, 0),
    "to_float, max_value": (A.ToFloat(max_value=300.0), nothing, (3,), BYTES, 0),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_albumentations(name: str) -> None:
    transform, convert, all_channels, dtypes, most = CASES[name]
    step = step_of(transform)
    operator = step.build()
    transform.set_random_seed(3)
    for dtype in dtypes:
        differences = Differences(most if dtype == "float32" else 0)
        for channels in all_channels:
            for image in images(channels, dtype):
                if dtype == "float32" and "image_per_channel" in name and np.ptp(image, (0, 1)).min() == 0:
                    continue  # divides 0 by 0 there
                if name.startswith("to_gray") and min(image.shape[:2]) == 1 and "1 channel" not in name:
                    continue  # comes back turned there: it drops every axis of length 1
                parameters = parameters_of(transform, image)
                theirs = transform.apply(image.copy(), **parameters)
                differences.add(operator.apply(image, convert(parameters, image)), theirs)
        differences.row(name, f"albumentations {A.__version__}", dtype)


def test_to_float_and_from_float_of_16_bits() -> None:
    levels = np.random.default_rng(1).integers(0, 65536, (50, 70, 3)).astype(np.uint16)
    differences = Differences(0)
    differences.add(step_of(A.ToFloat()).build().apply(levels), A.ToFloat().apply(levels))
    differences.row("to_float", f"albumentations {A.__version__}", "uint16")
    shares = np.random.default_rng(2).uniform(-0.1, 1.1, (50, 70, 3)).astype(np.float32)
    for transform in (A.FromFloat("uint8"), A.FromFloat("uint16"), A.FromFloat("uint8", max_value=90.0)):
        differences = Differences(0)
        ours = step_of(transform).build().apply(shares)
        differences.add(ours, transform.apply(shares))
        differences.row("from_float", f"albumentations {A.__version__}", str(ours.dtype))


# ---- colours, each of all 2^24 ----


@pytest.mark.slow
@pytest.mark.parametrize("saturation", [-1, 1])
def test_every_colour_through_hsv(saturation: int) -> None:
    transform = A.HueSaturationValue((7, 7), (saturation, saturation), (0, 0))
    operator = step_of(transform).build()
    draw = {"hue_shift": 7, "sat_shift": saturation, "val_shift": 0}
    for part in range(16):
        colours = np.arange(part << 20, (part + 1) << 20, dtype=np.uint32)
        image = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1).astype(np.uint8)
        image = image.reshape(1024, 1024, 3)[:, :1003]
        assert np.array_equal(operator.apply(image, draw), transform.apply(image, **draw))


# ---- torchvision ----


def on_pillow(transform: Callable[[Any], Any], image: np.ndarray) -> np.ndarray:
    result = np.asarray(transform(Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)))
    return result if result.ndim == 3 else result[..., None]


def on_tensor(transform: Callable[[Any], Any], image: np.ndarray) -> np.ndarray:
    result = transform(torch.from_numpy(image).permute(2, 0, 1).contiguous())
    return np.asarray(result.permute(1, 2, 0).numpy())


ALWAYS: dict[str, Callable[[Any], Any]] = {
    "RandomGrayscale": lambda of: of.RandomGrayscale(p=1.0),
    "Grayscale": lambda of: of.Grayscale(1),
    "Grayscale of 3": lambda of: of.Grayscale(3),
    "RandomInvert": lambda of: of.RandomInvert(p=1.0),
    "RandomPosterize": lambda of: of.RandomPosterize(bits=3, p=1.0),
    "RandomSolarize": lambda of: of.RandomSolarize(threshold=128, p=1.0),
    "RandomSolarize at 77.3": lambda of: of.RandomSolarize(threshold=77.3, p=1.0),
    "RandomAutocontrast": lambda of: of.RandomAutocontrast(p=1.0),
    "RandomEqualize": lambda of: of.RandomEqualize(p=1.0),
    "RandomAdjustSharpness": lambda of: of.RandomAdjustSharpness(sharpness_factor=2.3, p=1.0),
    "RandomAdjustSharpness of 0.4": lambda of: of.RandomAdjustSharpness(sharpness_factor=0.4, p=1.0),
}


@pytest.mark.parametrize("kind", ["pillow", "torch"])
@pytest.mark.parametrize("name", ALWAYS)
def test_torchvision(name: str, kind: str) -> None:
    transform = ALWAYS[name](v1 if kind == "pillow" else v2)
    step = TORCHVISION[type(transform).__name__](transform)
    assert isinstance(step, Step)
    operator = (step if kind == "pillow" else color.for_tensors(step)).build()
    run = on_pillow if kind == "pillow" else on_tensor
    differences = Differences(0)
    for channels in (1, 3):
        for image in images(channels):
            differences.add(operator.apply(image), run(transform, image))
    differences.row(f"{step.name} ({name})", f"torchvision {torchvision_version()}, {kind}", "uint8")


@pytest.mark.parametrize(
    "name", ["RandomInvert", "RandomPosterize", "RandomSolarize", "RandomSolarize at 77.3", "RandomEqualize"]
)
def test_first_version_of_torchvision_on_tensors(name: str) -> None:
    transform = ALWAYS[name](v1)
    step = TORCHVISION[type(transform).__name__](transform)
    assert isinstance(step, Step)
    operator = color.for_tensors(step).build()
    differences = Differences(0)
    for channels in (1, 3):
        for image in images(channels):
            differences.add(operator.apply(image), on_tensor(transform, image))
    differences.row(f"{step.name} ({name})", f"torchvision {torchvision_version()}, v1 on tensors", "uint8")


def torchvision_version() -> str:
    import torchvision

    return str(torchvision.__version__)


@pytest.mark.parametrize("kind", ["pillow", "torch"])
@pytest.mark.parametrize("channels", [1, 3])
def test_torchvision_color_jitter(kind: str, channels: int) -> None:
    transform = (v1 if kind == "pillow" else v2).ColorJitter((0.2, 2), (0.1, 2.5), (0.0, 3), (-0.5, 0.5))
    step = TORCHVISION["ColorJitter"](transform)
    assert isinstance(step, Step)
    operator = (step if kind == "pillow" else color.for_tensors(step)).build()
    random = np.random.default_rng(6)
    names = ("brightness", "contrast", "saturation", "hue")
    orders = list(itertools.permutations(range(4)))
    differences = Differences(0)
    of = torch_functional() if kind == "torch" else pillow_functional()
    run = on_tensor if kind == "torch" else on_pillow
    for number, image in enumerate(images(channels)):
        for order in orders[number % 4 :: 4]:
            amounts = [random.uniform(low, high) for low, high in [(0.2, 2), (0.1, 2.5), (0, 3), (-0.5, 0.5)]]

            def theirs(given: Any, order: tuple[int, ...] = order, amounts: list[float] = amounts) -> Any:
                for place in order:
                    given = of[place](given, amounts[place])
                return given

            draw = {**dict(zip(names, amounts, strict=True)), **places(list(order))}
            differences.add(operator.apply(image, draw), run(theirs, image))
    differences.row(f"color_jitter of {channels}", f"torchvision {torchvision_version()}, {kind}", "uint8")


def pillow_functional() -> list[Callable[[Any, float], Any]]:
    functions = v1.functional
    return [
        functions.adjust_brightness,
        functions.adjust_contrast,
        functions.adjust_saturation,
        functions.adjust_hue,
    ]


def torch_functional() -> list[Callable[[Any, float], Any]]:
    functions = v2.functional
    return [
        functions.adjust_brightness,
        functions.adjust_contrast,
        functions.adjust_saturation,
        functions.adjust_hue,
    ]


def turned(hue: Callable[[Any, float], Any], amount: float, given: Any) -> Any:
    return hue(given, amount)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pillow", "torch"])
def test_every_colour_through_a_hue_of_torchvision(kind: str) -> None:
    step = TORCHVISION["ColorJitter"](v1.ColorJitter(hue=0.5))
    assert isinstance(step, Step)
    operator = (step if kind == "pillow" else color.for_tensors(step)).build()
    hue = (torch_functional() if kind == "torch" else pillow_functional())[3]
    run = on_tensor if kind == "torch" else on_pillow
    for part in range(16):
        colours = np.arange(part << 20, (part + 1) << 20, dtype=np.uint32)
        image = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1).astype(np.uint8)
        image = image.reshape(1024, 1024, 3)
        amount = 0.437 - part / 17
        theirs = run(functools.partial(turned, hue, amount), image)
        assert np.array_equal(operator.apply(image, {"brightness": 1, "contrast": 1, "hue": amount}), theirs)


# ---- what is not taken ----


def test_lowering_refuses_by_name() -> None:
    with pytest.raises(NotNative, match="method='pca'"):
        step_of(A.ToGray(method="pca"))
    with pytest.raises(NotNative, match="mask is given"):
        step_of(A.Equalize(mask=np.zeros((4, 4), np.uint8)))
    with pytest.raises(NotNative, match="ignore=3"):
        step_of(A.AutoContrast(ignore=3))
    with pytest.raises(NotNative, match="dtype='uint32'"):
        step_of(A.FromFloat(dtype="uint32"))
    assert TORCHVISION["ColorJitter"](v2.ColorJitter()) == []


def test_operators_refuse_by_name() -> None:
    image = np.zeros((4, 4, 2), np.uint8)
    for name in ("hue_saturation_value", "equalize", "clahe", "color_jitter", "to_gray", "adjust_sharpness"):
        with pytest.raises(ValueError, match=f"{name}: works on .* of 1 or 3 channels, got uint8 of 2"):
            Step(name).build().apply(image)
    for name, parameters, message in (
        ("posterize", {"num_bits": [1, 2, 3]}, "pairs of"),
        ("posterize", {"num_bits": 9}, "between 0 and 8"),
        ("solarize", {"threshold": [9, 3]}, "must be"),
        ("clahe", {"tile_grid_size": [2.5, 3]}, "whole tiles"),
        ("auto_contrast", {"cutoff": 3, "method": "torch"}, "cutoff is for methods"),
        ("to_gray", {"arithmetic": "torch", "method": "max"}, "for method 'weighted_average' alone"),
    ):
        with pytest.raises(ValueError, match=message):
            Step(name, parameters).build()
    with pytest.raises(ValueError, match="the drawn list must hold"):
        Step("posterize").build().apply(image, {"list": [12]})
    with pytest.raises(ValueError, match="the drawn list must hold two heights"):
        Step("random_tone_curve").build().apply(image, {})
