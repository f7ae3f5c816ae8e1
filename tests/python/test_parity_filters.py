"""Blurs, sharpening, noise, compression: equal to Albumentations and torchvision, or distributed alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torchvision_schemas
from images import picture
from parity import parity_row

A = pytest.importorskip("albumentations")
cv2 = pytest.importorskip("cv2")
stats = pytest.importorskip("scipy.stats")
torch = pytest.importorskip("torch")
torchvision_schemas.define_missing()
v1 = pytest.importorskip("torchvision.transforms")
v2 = pytest.importorskip("torchvision.transforms.v2")

from stoker import _native  # noqa: E402
from stoker.lowering.leaves import ALBUMENTATIONS, TORCHVISION, filters  # noqa: E402, F401
from stoker.lowering.recipe import NotNative, Step  # noqa: E402

SIZES = [(1, 1), (1, 45), (37, 1), (3, 4), (31, 64), (57, 97), (120, 203)]
DRAWS = 2000
LEAST_P_VALUE = 1e-4
# In rows whose operators draw numbers of their own: pixels cannot be equal.
NOT_COMPARED = float("nan")
SEED = {"seed_low": 11, "seed_middle": 22, "seed_high": 33}
Draw = dict[str, Any]
Convert = Callable[[Any, Draw], Draw]


@pytest.fixture(autouse=True)
def _plain_opencv() -> Iterator[None]:
    """OpenCV's own code, not Intel's library, which rounds otherwise."""
    uses = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    yield
    cv2.ipp.setUseIPP(uses)


def images(channels: int, dtype: str = "uint8") -> Iterator[np.ndarray]:
    """Smooth pictures and noise of many sizes."""
    for number, (height, width) in enumerate(SIZES):
        random = np.random.default_rng(number)
        noise = random.integers(0, 256, (height, width, channels)).astype(np.uint8)
        for pixels in (picture(height, width, channels, seed=number), noise):
            yield pixels if dtype == "uint8" else (pixels / np.float32(255)).astype(np.float32)


def step_of(transform: Any) -> Step:
    step = ALBUMENTATIONS[type(transform).__name__](transform)
    assert isinstance(step, Step)
    return step


def drawn_by(transform: Any, image: np.ndarray, convert: Convert) -> tuple[Draw, Draw]:
    """The library's parameters for one image, and the same as a draw.

    `convert` sees the library's generator as it was before.
    """
    before = transform.py_random.getstate()
    parameters = transform.get_params()
    data = {"image": image, "shape": image.shape}
    parameters |= transform.get_params_dependent_on_data({**parameters, "shape": image.shape}, data)
    after = transform.py_random.getstate()
    transform.py_random.setstate(before)
    draw = convert(transform, parameters)
    transform.py_random.setstate(after)
    return parameters, {"applies": True, **draw}


def gaussian(transform: Any, _: Draw) -> Draw:
    sigma = transform.py_random.uniform(*transform.sigma_limit)
    return {"sigma": sigma, "kernel_size": transform.py_random.randint(*transform.blur_limit)}


def sharpening(transform: Any, _: Draw) -> Draw:
    draw = {"alpha": transform.py_random.uniform(*transform.alpha)}
    if transform.method == "kernel":
        draw["lightness"] = transform.py_random.uniform(*transform.lightness)
    return draw


def kernel_size(_: Any, parameters: Draw) -> Draw:
    return {"kernel_size": parameters["kernel"]}


def kernel(_: Any, parameters: Draw) -> Draw:
    return {"list": parameters["kernel"].astype(float).ravel().tolist()}


def factors(transform: Any, parameters: Draw) -> Draw:
    listed = np.atleast_1d(parameters["multiplier"]).astype(float).ravel().tolist()
    return {"list": listed if transform.per_channel else listed[:1]}


def same(_: Any, parameters: Draw) -> Draw:
    return {name: parameters[name] for name in ("quality", "scale") if name in parameters}


SHARE = {"downscale": cv2.INTER_NEAREST_EXACT, "upscale": cv2.INTER_LINEAR}
EXACT = [
    ("sigma 0.5 to 3", A.GaussianBlur(), gaussian, (1, 3, 4, 5)),
    ("3 to 9 px", A.GaussianBlur(blur_limit=(3, 9), sigma_limit=(0.1, 2)), gaussian, (1, 3, 7)),
    ("3 to 7 px", A.Blur(), kernel_size, (1, 3, 4, 5)),
    ("9 to 33 px", A.Blur(blur_limit=(9, 33)), kernel_size, (1, 3)),
    ("3 to 7 px", A.MedianBlur(), kernel_size, (1, 3, 4)),
    ("9 to 19 px", A.MedianBlur(blur_limit=(9, 19)), kernel_size, (1, 3)),
    ("3 to 11 px", A.MotionBlur(blur_limit=(3, 11)), kernel, (1, 3, 5)),
    ("centred", A.MotionBlur(allow_shifted=False), kernel, (3,)),
    ("kernel", A.Sharpen(), sharpening, (1, 3, 5)),
    ("gaussian", A.Sharpen(method="gaussian"), sharpening, (1, 3)),
    ("gaussian 9 px", A.Sharpen(method="gaussian", kernel_size=9, sigma=2.2), sharpening, (1, 3)),
    ("one factor", A.MultiplicativeNoise((0.5, 1.7)), factors, (1, 3, 4)),
    ("per channel", A.MultiplicativeNoise((0.5, 1.7), per_channel=True), factors, (3, 4)),
    ("jpeg 99 to 100", A.ImageCompression(), same, (1, 2, 3, 5)),
    ("jpeg 5 to 95", A.ImageCompression(quality_range=(5, 95)), same, (1, 3)),
    ("nearest 0.25", A.Downscale(), same, (1, 3)),
    ("nearest 0.4 to 1", A.Downscale(scale_range=(0.4, 1)), same, (1, 3, 4)),
    ("bilinear back", A.Downscale((0.3, 0.9), SHARE), same, (1, 3)),
]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(
    ("what", "transform", "convert", "channel_counts"),
    EXACT,
    ids=[f"{type(case[1]).__name__} {case[0]}" for case in EXACT],
)
def test_pixels_equal_albumentations(
    what: str, transform: Any, convert: Convert, channel_counts: tuple[int, ...], dtype: str
) -> None:
    name = type(transform).__name__
    native = step_of(transform).build()
    compared = 0
    for channels in channel_counts:
        for image in images(channels, dtype):
            if name == "Downscale" and min(image.shape[:2]) < 3:
                continue  # nothing is left, and OpenCV refuses
            # With a channel axis of one this method of the library subtracts arrays of unlike shapes.
            given = (
                image[..., 0] if channels == 1 and getattr(transform, "method", "") == "gaussian" else image
            )
            for _ in range(3):
                parameters, draw = drawn_by(transform, image, convert)
                theirs = np.asarray(transform.apply(given, **parameters)).reshape(image.shape)
                ours = native.apply(image, draw)
                np.testing.assert_array_equal(ours, theirs, err_msg=f"{image.shape} {draw}")
                compared += ours.size
    assert compared > 50_000
    parity_row(
        f"{step_of(transform).name} ({what})", f"Albumentations {A.__version__} {name}", dtype, 0.0, 0.0, 0.0
    )


def test_webp_equals_opencv_or_comes_close() -> None:
    transform = A.ImageCompression("webp", quality_range=(30, 95))
    native = step_of(transform).build()
    apart = []
    for channels in (1, 3):
        for image in images(channels):
            parameters, draw = drawn_by(transform, image, same)
            theirs = transform.apply(image, **parameters).reshape(image.shape)
            apart.append(np.abs(native.apply(image, draw).astype(int) - theirs).ravel())
    all_apart = np.concatenate(apart)
    assert all_apart.mean() < 1  # other versions of libwebp choose other codes for the same picture
    parity_row(
        "image_compression (webp)",
        f"Albumentations {A.__version__} ImageCompression",
        "uint8",
        float((all_apart > 0).mean()),
        float(all_apart.max()),
        float(all_apart.mean()),
    )


@pytest.mark.parametrize("version", [v1, v2], ids=["v1", "v2"])
@pytest.mark.parametrize("size", [3, 5, (5, 3), 23])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_gaussian_blur_equals_torchvision(version: Any, size: Any, dtype: str) -> None:
    transform = version.GaussianBlur(size, sigma=(0.3, 3.0))
    native = TORCHVISION["GaussianBlur"](transform).build()
    differing = largest = total = count = 0
    for channels in (1, 3):
        for pixels in images(channels):
            # Floats beyond 0 and 1, which torch does not clip.
            image = pixels if dtype == "uint8" else pixels / np.float32(128) - np.float32(0.5)
            if min(image.shape[:2]) <= 11:
                continue  # torch cannot reflect more than once
            sigma = np.random.default_rng(image.size).uniform(0.3, 3.0)
            tensor = torch.from_numpy(image).permute(2, 0, 1).contiguous()
            blur = version.functional.gaussian_blur
            theirs = blur(tensor, list(transform.kernel_size), [sigma, sigma]).permute(1, 2, 0).numpy()
            ours = native.apply(image, {"applies": True, "sigma": sigma})
            apart = np.abs(ours.astype(float) - theirs)
            differing += int((apart > 0).sum())
            largest = max(largest, float(apart.max()))
            total += float(apart.sum())
            count += apart.size
    # Weights are computed in float32 there and in float64 here, which shows where a sum lies on a half.
    if dtype == "uint8":
        assert largest <= 1
        assert differing <= count * 1e-4
    else:
        assert largest <= 2e-6
    name = "GaussianBlur v2" if version is v2 else "GaussianBlur v1"
    row = (differing / count, float(largest), total / count)
    parity_row(f"gaussian_blur_torch ({size})", f"torchvision {name}", dtype, *row)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [3, (5, 3), 9, 23])
def test_taps_are_added_as_in_torch(size: Any, channels: int) -> None:
    """With the same weights all bits are the same."""
    width, height = (size, size) if isinstance(size, int) else size
    image = np.random.default_rng(3).normal(0, 1, (150, 170, channels)).astype(np.float32)
    native = _native.make_operator("gaussian_blur_torch", {"kernel_size": [width, height]})
    ours = native.apply(image, {"applies": True, "sigma": 1000.0})
    taps = [wide_weights(count) for count in (width, height)]
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].contiguous()
    padded = torch.nn.functional.pad(tensor, [width // 2] * 2 + [height // 2] * 2, mode="reflect")
    kernel = torch.from_numpy(np.outer(taps[1], taps[0])).expand(channels, 1, height, width)
    theirs = torch.nn.functional.conv2d(padded, kernel, groups=channels)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(ours, theirs)


def wide_weights(count: int) -> np.ndarray:
    """The operator's weights for a sigma of 1000 pixels."""
    weights = np.exp(-0.5 * ((np.arange(count) - count // 2) / 1000) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def reflected(image: np.ndarray, radius: int) -> np.ndarray:
    return np.pad(image.astype(np.float64), ((radius, radius), (radius, radius), (0, 0)), mode="reflect")


def correlated(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The plain correlation in float64."""
    radius = len(weights) // 2
    padded = reflected(image, radius)
    height, width = image.shape[:2]
    return sum(
        weights[y, x] * padded[y : y + height, x : x + width]
        for y in range(len(weights))
        for x in range(len(weights))
    )


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
@pytest.mark.parametrize("channels", [1, 13])
def test_wide_integers_against_float64(dtype: type, channels: int) -> None:
    limits = np.iinfo(dtype)
    random = np.random.default_rng(channels)
    image = random.integers(limits.min, limits.max + 1, (41, 53, channels)).astype(dtype)
    gauss = np.exp(-0.5 * (np.arange(-3, 4) / 1.2) ** 2)
    gauss /= gauss.sum()
    line = np.eye(5) / 5
    sharp = np.full((3, 3), -0.3)
    sharp[1, 1] = 0.7 + 0.3 * 8.8
    cases = [
        ("gaussian_blur", {"sigma": 1.2, "kernel_size": 7}, np.outer(gauss, gauss)),
        ("blur", {"kernel_size": 5}, np.full((5, 5), 1 / 25)),
        ("motion_blur", {"list": line.ravel().tolist()}, line),
        ("sharpen", {"alpha": 0.3, "lightness": 0.8}, sharp),
    ]
    for name, draw, weights in cases:
        ours = _native.make_operator(name, {}).apply(image, {"applies": True, **draw})
        exact = np.clip(correlated(image, weights), limits.min, limits.max)
        assert np.abs(ours - exact).max() < 0.53, name  # sums in float32, of up to 65535
        apart = np.abs(ours - np.rint(exact))
        share = float((apart > 0).mean())
        parity_row(name, "float64", np.dtype(dtype).name, share, float(apart.max()), float(apart.mean()))


# ---- noise ----


def test_gauss_noise_is_normal_and_independent() -> None:
    image = np.full((300, 400, 3), 0.5, np.float32)
    draw = {"applies": True, "mean": 0.02, "std": 0.07, **SEED}
    noise = _native.make_operator("gauss_noise", {}).apply(image, draw).astype(np.float64) - 0.5
    standard = (noise - 0.02) / 0.07
    assert stats.kstest(standard.ravel(), "norm").pvalue > LEAST_P_VALUE
    assert abs(standard.mean()) < 5 / np.sqrt(standard.size)
    assert abs(standard.var() - 1) < 5 * np.sqrt(2 / standard.size)
    most = 5 / np.sqrt(300 * 400)
    for other in (
        np.roll(standard, 1, 0),
        np.roll(standard, 1, 1),
        np.roll(standard, 1, 2),
        np.roll(standard, 16, 1),
    ):
        assert abs((standard * other).mean()) < most
        assert abs((standard**2 * other**2).mean() - 1) < 3 * most
    again = _native.make_operator("gauss_noise", {}).apply(image, {**draw, "seed_low": 12})
    assert abs(np.corrcoef(noise.ravel(), (again - 0.5).ravel())[0, 1]) < most


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("level", [3, 128, 250])
def test_gauss_noise_on_bytes_as_albumentations(per_channel: bool, level: int) -> None:
    transform = A.GaussNoise(std_range=(0.05, 0.05), mean_range=(0.01, 0.01), per_channel=per_channel)
    native = step_of(transform).build()
    image = np.full((250, 300, 3), level, np.uint8)
    parameters, _ = drawn_by(transform, image, lambda *_: {})
    theirs = transform.apply(image, **parameters)
    ours = native.apply(image, {"applies": True, **SEED, "mean": 0.01, "std": 0.05})
    size = theirs.size if per_channel else theirs.size // 3
    assert np.array_equal(theirs[..., 0], theirs[..., 1]) is (not per_channel)
    assert np.array_equal(ours[..., 0], ours[..., 1]) is (not per_channel)
    spread = np.sqrt(2 * theirs.var() / size)
    assert abs(ours.mean() - theirs.mean()) < 5 * spread
    assert abs(ours.std() / theirs.std() - 1) < 5 / np.sqrt(size)
    levels = np.flatnonzero(np.bincount(theirs[..., 0].ravel(), minlength=256) >= 10)
    counts = np.array(
        [[np.count_nonzero(found[..., 0] == value) for value in levels] for found in (ours, theirs)]
    )
    assert stats.chi2_contingency(counts).pvalue > LEAST_P_VALUE
    parity_row(
        f"gauss_noise (level {level})",
        f"Albumentations {A.__version__} GaussNoise",
        "uint8",
        NOT_COMPARED,
        NOT_COMPARED,
        abs(float(ours.mean() - theirs.mean())),
        compared="distribution",
    )


def test_gauss_noise_as_torchvision() -> None:
    transform = v2.GaussianNoise(0.01, 0.05)
    native = TORCHVISION["GaussianNoise"](transform).build()
    image = np.full((250, 300, 3), 128, np.uint8)
    theirs = transform(torch.from_numpy(image).permute(2, 0, 1)).numpy()
    ours = native.apply(image, {"applies": True, **SEED, "mean": 0.01, "std": 0.05})
    # Levels chosen by both together: chosen by one, its rare ones would be those it happens to have more of.
    both = np.concatenate([ours.ravel(), theirs.ravel()])
    levels = np.flatnonzero(np.bincount(both, minlength=256) >= 20)
    counts = np.array([[np.count_nonzero(found == value) for value in levels] for found in (ours, theirs)])
    assert stats.chi2_contingency(counts).pvalue > LEAST_P_VALUE
    apart = abs(float(ours.mean() - theirs.mean()))
    row = (NOT_COMPARED, NOT_COMPARED, apart)
    parity_row("gauss_noise", "torchvision GaussianNoise", "uint8", *row, compared="distribution")


@pytest.mark.parametrize("per_channel", [True, False])
def test_elementwise_factors(per_channel: bool) -> None:
    transform = A.MultiplicativeNoise((0.6, 1.5), per_channel=per_channel, elementwise=True)
    native = step_of(transform).build()
    image = np.full((200, 300, 3), 0.5, np.float32)
    parameters, _ = drawn_by(transform, image, lambda *_: {})
    theirs = transform.apply(image, **parameters) / 0.5
    ours = native.apply(image, {"applies": True, **SEED}).astype(np.float64) / 0.5
    channels = 3 if per_channel else 1
    for found in (ours, theirs):
        assert np.array_equal(found[..., 0], found[..., 2]) is (not per_channel)
    uniform = stats.uniform(0.6, 0.9)
    assert stats.kstest(ours[..., :channels].ravel(), uniform.cdf).pvalue > LEAST_P_VALUE
    assert stats.ks_2samp(ours[..., :channels].ravel(), theirs[..., :channels].ravel()).pvalue > LEAST_P_VALUE


def test_iso_noise_distribution() -> None:
    transform = A.ISONoise(color_shift=(0.9, 0.9), intensity=(0.8, 0.8))
    native = step_of(transform).build()
    # Far from the limits, and strong enough for the rounding to show both noises.
    image = (60 + picture(300, 400, 3, seed=4) // 4).astype(np.uint8)
    # More deviation of lightness, for a larger mean of the Poisson noise.
    image[:150] = (image[:150] // 2).astype(np.uint8)
    parameters, _ = drawn_by(transform, image, lambda *_: {})
    theirs = transform.apply(image, **parameters).astype(int) - image
    ours = (
        native.apply(image, {"applies": True, **SEED, "color_shift": 0.9, "intensity": 0.8}).astype(int)
        - image
    )
    changed = [float((np.abs(found).max(axis=2) > 20).mean()) for found in (ours, theirs)]
    assert changed[0] == pytest.approx(changed[1], abs=5 * np.sqrt(2 * changed[1] / image[..., 0].size))
    for channel in range(3):
        a, b = ours[..., channel].ravel(), theirs[..., channel].ravel()
        values = np.unique(b)
        values = values[[np.count_nonzero(b == value) >= 20 for value in values]]
        counts = np.array([[np.count_nonzero(found == value) for value in values] for found in (a, b)])
        assert len(values) > 5
        assert stats.chi2_contingency(counts).pvalue > LEAST_P_VALUE
    parity_row(
        "iso_noise",
        f"Albumentations {A.__version__} ISONoise",
        "uint8",
        NOT_COMPARED,
        NOT_COMPARED,
        abs(float(ours.mean() - theirs.mean())),
        compared="distribution",
    )


def test_iso_noise_without_intensity_changes_nothing() -> None:
    native = _native.make_operator("iso_noise", {"intensity": [0, 0]})
    for image in images(3):
        np.testing.assert_array_equal(native.apply(image, {"applies": True, **SEED}), image)


# ---- draws ----


def draws(operator: Any, channels: int = 3) -> list[Draw]:
    return [operator.draw(48, 64, channels, seed=5, index=index) for index in range(DRAWS)]


@pytest.mark.parametrize("allow_shifted", [True, False])
def test_motion_kernels_as_the_library(allow_shifted: bool) -> None:
    transform = A.MotionBlur((7, 7), allow_shifted=allow_shifted)
    ours = np.array([draw["list"] for draw in draws(step_of(transform).build())]).reshape(-1, 7, 7)
    theirs = np.array([transform.get_params()["kernel"] for _ in range(DRAWS)])
    np.testing.assert_allclose(ours.sum(axis=(1, 2)), 1, atol=1e-6)
    counts = [(found > 0).sum(axis=(1, 2)) for found in (ours, theirs)]
    table = np.array([np.bincount(found, minlength=8)[:8] for found in counts])
    assert stats.chi2_contingency(table[:, table.sum(axis=0) > 20]).pvalue > LEAST_P_VALUE
    places = np.array([(found > 0).sum(axis=0).ravel() for found in (ours, theirs)])
    expected = places.mean(axis=0)
    seen = expected > 20
    assert np.abs(places[0] - places[1])[seen].max() < 6 * np.sqrt(2 * expected[seen].max())


def test_factors_are_uniform() -> None:
    transform = A.MultiplicativeNoise((0.5, 1.5), per_channel=True)
    listed = np.array([draw["list"] for draw in draws(step_of(transform).build(), channels=4)])
    assert listed.shape == (DRAWS, 4)
    assert stats.kstest(listed.ravel(), stats.uniform(0.5, 1.0).cdf).pvalue > LEAST_P_VALUE
    assert abs(np.corrcoef(listed.T)[0, 1]) < 5 / np.sqrt(DRAWS)


# ---- what is refused ----


REFUSED = [
    (A.GaussNoise(noise_scale_factor=0.5), "noise_scale_factor=0.5"),
    (
        A.Downscale(interpolation_pair={"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}),
        "interpolation_pair=",
    ),
    (A.GaussianBlur(sigma_limit=(0, 0)), "sigma_limit="),
    (A.MotionBlur(blur_limit=(3, 201)), "blur_limit="),
    (A.MultiplicativeNoise((0, 2000)), "multiplier="),
]


@pytest.mark.parametrize(("transform", "reason"), REFUSED)
def test_options_that_are_not_native_are_named(transform: Any, reason: str) -> None:
    with pytest.raises(NotNative, match=reason):
        ALBUMENTATIONS[type(transform).__name__](transform)


def test_torch_noise_that_wraps_is_not_native() -> None:
    with pytest.raises(NotNative, match="clip=False"):
        TORCHVISION["GaussianNoise"](v2.GaussianNoise(clip=False))


HOSTILE = [
    ("gaussian_blur", {"sigma": 1e7}),
    ("gaussian_blur", {"sigma": 1, "kernel_size": 1e7}),
    ("gaussian_blur", {"sigma": 1, "kernel_size": 2.5}),
    ("gaussian_blur", {"sigma": -1}),
    ("blur", {"kernel_size": 4}),
    ("blur", {"kernel_size": 257}),
    ("median_blur", {"kernel_size": -3}),
    ("median_blur", {}),
    ("motion_blur", {"list": [1.0, 2.0, 3.0]}),
    ("motion_blur", {"list": []}),
    ("sharpen", {"alpha": 2}),
    ("sharpen", {"lightness": -1e7}),
    ("gauss_noise", {"std": -1}),
    ("gauss_noise", {"seed_low": 1e7}),
    ("gauss_noise", {"seed_high": 0.5}),
    ("iso_noise", {"intensity": 1e7}),
    ("multiplicative_noise", {"list": [1.0, 2.0]}),
    ("multiplicative_noise", {}),
    ("image_compression", {"quality": 0}),
    ("image_compression", {"quality": 101}),
    ("downscale", {"scale": 0}),
    ("downscale", {"scale": 0.001}),
    ("downscale", {"scale": 7}),
]


@pytest.mark.parametrize(("name", "draw"), HOSTILE)
def test_draws_made_by_hand_are_checked(name: str, draw: Draw) -> None:
    image = picture(20, 30, 3)
    with pytest.raises(ValueError, match=f"{name}: .*got|{name}: nothing is left"):
        _native.make_operator(name, {}).apply(image, {"applies": True, **draw})


def test_torch_blur_draws_are_checked() -> None:
    native = _native.make_operator("gaussian_blur_torch", {"kernel_size": [3]})
    with pytest.raises(ValueError, match="sigma must be between"):
        native.apply(picture(9, 9, 3), {"applies": True, "sigma": 0})
