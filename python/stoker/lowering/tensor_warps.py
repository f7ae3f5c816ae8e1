"""torchvision's warps, v1 and v2, on tensors: the steps for PIL images, in torch's arithmetic."""

from __future__ import annotations

from typing import Any

from stoker.lowering.leaves.warps import placed
from stoker.lowering.recipe import NotNative, Step, numbers

LEAVES = frozenset({"RandomAffine", "RandomRotation", "RandomPerspective"})
_MOST_FILL = 65535.0


def lowered(transform: Any, dtype: str, is_v2: bool) -> Step:
    """The step for one of LEAVES on a tensor.

    Raises:
        NotNative: A dtype, a fill or an interpolation that the engine does not have.
    """
    if dtype not in ("uint8", "float32"):
        raise NotNative(f"on a tensor of {dtype} (native on uint8 and float32)")
    step = placed(transform)
    own = {"fill": tensor_fill(transform.fill, dtype), "arithmetic": "torch" if is_v2 else "torch_v1"}
    return Step(step.name, {**step.parameters, **own})


def tensor_fill(fill: Any, dtype: str) -> list[float]:
    """`fill` as torch takes it: any number, whole or not; none where nothing is filled in.

    Raises:
        NotNative: Levels that do not fit the dtype, or one for each type of input.
    """
    if fill is None:
        return []
    if isinstance(fill, dict):
        raise NotNative("fill for each type apart")
    levels = numbers(fill, (1, 3))
    least, most = (0.0, 255.0) if dtype == "uint8" else (-_MOST_FILL, _MOST_FILL)
    if any(not least <= level <= most for level in levels):
        raise NotNative(f"fill={fill!r}, native are levels of {least:.0f} to {most:.0f}")
    return levels
