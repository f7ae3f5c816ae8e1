"""torchvision's RandAugment, TrivialAugmentWide and AutoAugment on PIL images, as groups of operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stoker.lowering.leaves import torchvision
from stoker.lowering.recipe import GroupStep, NotNative, Step, numbers

# Greatest size of each warp, whether it is a share of the side, and the operator's word for it.
_WARPS: dict[str, tuple[float, bool, str]] = {
    "ShearX": (0.3, False, "shear_x"),
    "ShearY": (0.3, False, "shear_y"),
    "TranslateX": (150.0 / 331.0, True, "translate_x"),
    "TranslateY": (150.0 / 331.0, True, "translate_y"),
    "Rotate": (30.0, False, "rotate"),
}
_WIDE_WARPS: dict[str, tuple[float, bool, str]] = {
    "ShearX": (0.99, False, "shear_x"),
    "ShearY": (0.99, False, "shear_y"),
    "TranslateX": (32.0, False, "translate_x"),
    "TranslateY": (32.0, False, "translate_y"),
    "Rotate": (135.0, False, "rotate"),
}
_JITTERS = {"Brightness": "brightness", "Color": "saturation", "Contrast": "contrast"}
_NEUTRAL = {"brightness": [1.0, 1.0], "contrast": [1.0, 1.0], "saturation": [1.0, 1.0], "hue": [0.0, 0.0]}
_NAMES = (
    "Identity",
    *_WARPS,
    *_JITTERS,
    "Sharpness",
    "Posterize",
    "Solarize",
    "AutoContrast",
    "Equalize",
)


class _Space:
    """Makes the steps of one augmentation space."""

    def __init__(self, transform: Any, bins: int, *, wide: bool) -> None:
        interpolation = getattr(transform.interpolation, "value", transform.interpolation)
        if interpolation not in ("nearest", "bilinear"):
            raise NotNative(f"interpolation={interpolation!r}, native are 'nearest' and 'bilinear'")
        if isinstance(transform.fill, dict):
            raise NotNative("fill for each type apart")
        levels = numbers(0 if transform.fill is None else transform.fill, (1, 3))
        if any(not 0 <= level <= 255 for level in levels):
            raise NotNative(f"fill={transform.fill!r}, native are levels of 0 to 255")
        if not 2 <= bins <= 1000:
            raise NotNative(f"num_magnitude_bins={bins}, native are 2 to 1000")
        self._reading = {"interpolation": interpolation, "fill": [float(int(level)) for level in levels]}
        self._is_v1 = "_augmentation_space" in dir(transform)
        self._bins = bins
        self._warps = _WIDE_WARPS if wide else _WARPS
        self._greatest = 0.99 if wide else 0.9
        self._least_bits = 6 if wide else 4

    def step(self, name: str, places: range) -> Step | GroupStep:
        """The operator `name` with a size drawn from the bins `places`, and a sign where it has one."""
        if name in self._warps:
            greatest, of_side, kind = self._warps[name]
            return Step(
                "policy_warp",
                {
                    "kind": kind,
                    "magnitudes": self._sizes(greatest, of_side, places),
                    "of_side": of_side,
                    **self._reading,
                },
            )
        if name in _JITTERS:
            return _one_of(
                [
                    Step(
                        "color_jitter", {**_NEUTRAL, _JITTERS[name]: [factor, factor], "arithmetic": "pillow"}
                    )
                    for factor in self._factors(places)
                ]
            )
        if name == "Sharpness":
            return _one_of(
                [
                    Step("adjust_sharpness", {"sharpness_factor": factor, "arithmetic": "pillow", "p": 1.0})
                    for factor in self._factors(places)
                ]
            )
        if name == "Posterize":
            return _one_of([Step("posterize", {"num_bits": [bits], "p": 1.0}) for bits in self._bits(places)])
        if name == "Solarize":
            thresholds = self._thresholds(places)
            return _one_of([Step("solarize", {"threshold": [level], "p": 1.0}) for level in thresholds])
        return Step(*_WITHOUT_SIZE[name])

    def _sizes(self, greatest: float, of_side: bool, places: range) -> list[float]:
        if of_side:  # the library multiplies by the side first, in float32, and cuts to whole pixels
            return [greatest * place / (self._bins - 1) for place in places]
        import torch

        sizes = torch.linspace(0.0, greatest, self._bins)
        return [float(sizes[place]) for place in places]

    def _factors(self, places: range) -> list[float]:
        import torch

        sizes = torch.linspace(0.0, self._greatest, self._bins)
        return [1.0 + sign * float(sizes[place]) for place in places for sign in (1.0, -1.0)]

    def _bits(self, places: range) -> list[float]:
        import torch

        steps = torch.arange(self._bins) / ((self._bins - 1) / self._least_bits)
        bits = 8 - steps.round().int() if self._is_v1 else (8 - steps).round().int()
        return [float(bits[place]) for place in places]

    def _thresholds(self, places: range) -> list[float]:
        import torch

        if self._is_v1:
            levels = torch.linspace(255.0, 0.0, self._bins)
            return [float(levels[place]) for place in places]
        shares = torch.linspace(1.0, 0.0, self._bins)
        return [255.0 * float(shares[place]) for place in places]


_WITHOUT_SIZE: dict[str, tuple[str, dict[str, Any]]] = {
    "Identity": ("invert_img", {"p": 0.0}),
    "AutoContrast": ("auto_contrast", {"method": "pillow", "p": 1.0}),
    "Equalize": ("equalize", {"mode": "pillow", "p": 1.0}),
    "Invert": ("invert_img", {"p": 1.0}),
}


def _one_of(children: Sequence[Step | GroupStep]) -> Step | GroupStep:
    if len(children) == 1:
        return children[0]
    return GroupStep("one_of", {"p": 1.0, "weights": [1.0] * len(children)}, tuple(children))


@torchvision("RandAugment")
def rand_augment(transform: Any) -> Any:
    bins, place = int(transform.num_magnitude_bins), int(transform.magnitude)
    if not 0 <= place < bins:
        raise NotNative(f"magnitude={place}, native are 0 to {bins - 1}")
    space = _Space(transform, bins, wide=False)
    choice = _one_of([space.step(name, range(place, place + 1)) for name in _NAMES])
    return [choice] * int(transform.num_ops)


@torchvision("TrivialAugmentWide")
def trivial_augment_wide(transform: Any) -> Any:
    bins = int(transform.num_magnitude_bins)
    space = _Space(transform, bins, wide=True)
    return [_one_of([space.step(name, range(bins)) for name in _NAMES])]


@torchvision("AutoAugment")
def auto_augment(transform: Any) -> Any:
    space = _Space(transform, 10, wide=False)
    policies = getattr(transform, "_policies", None) or transform.policies
    sequences = []
    for policy in policies:
        steps = []
        for name, p, place in policy:
            at = int(place or 0)
            step = space.step(name, range(at, at + 1))
            steps.append(GroupStep("sequence", {"p": float(p), "takes_all": True}, (step,)))
        sequences.append(GroupStep("sequence", {"takes_all": True}, tuple(steps)))
    return [_one_of(sequences)]
