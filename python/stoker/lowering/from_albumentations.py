"""Albumentations 2.0.0 to 2.0.8 as native operators, and the transform that carries a Compose to a dataset.

Draws are the engine's own: `Compose(seed=...)` does not reach them, and two flips never share a coin.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from stoker.lowering import leaves
from stoker.lowering.recipe import (
    AnyStep,
    GroupStep,
    NotNative,
    PythonStep,
    RecipeBuilder,
    Step,
    own_functions,
)
from stoker.lowering.targets import targets_of

_OVERRIDES = {"apply", "apply_with_params", "get_params", "get_params_dependent_on_data", "should_apply"}
# Name of the engine's group.
_COMPOSITIONS = {
    "Compose": "sequence",
    "Sequential": "sequence",
    "OneOf": "one_of",
    "OneOrOther": "one_of",
    "SomeOf": "some_of",
    "RandomOrder": "some_of",
}


class AlbumentationsTransform:
    """An Albumentations Compose as the transform of an image dataset.

    Called with a PIL image it is exactly `compose(image=numpy.array(image))["image"]`;
    `stoker.torch.DataLoader` reads the Compose instead and runs it natively where every part is known. It
    pickles if the Compose does.

    Attributes:
        compose: The Compose.
    """

    def __init__(self, compose: Any) -> None:
        if not callable(compose):
            raise TypeError(f"compose is a {type(compose).__name__}, allowed is an Albumentations Compose")
        self.compose = compose

    def __call__(self, image: Any) -> Any:
        """The transformed image: an array (H, W, C), or a tensor (C, H, W) after ToTensorV2."""
        return self.compose(image=np.array(image))["image"]

    def __repr__(self) -> str:
        return f"stoker.albumentations({self.compose!r})"


def albumentations(compose: Any) -> AlbumentationsTransform:
    """Makes an Albumentations Compose usable as `ImageFolder(root, stoker.albumentations(compose))`.

    Args:
        compose: An `albumentations.Compose` that takes and returns `image`, uint8 (H, W, 3) in RGB order.

    Returns:
        A picklable callable from a PIL image to `compose`'s result.

    Raises:
        TypeError: `compose` is not callable.
        ValueError: A transform in it was given arguments that Albumentations does not know and has ignored.
    """
    check_arguments(compose)
    return AlbumentationsTransform(compose)


def check_arguments(transform: Any) -> None:
    """Raises ValueError where Albumentations was given arguments that it has ignored."""
    unknown = getattr(transform, "invalid_args", None)
    if unknown:
        raise ValueError(
            f"{type(transform).__name__} was given {', '.join(unknown)}, which this version of Albumentations"
            " ignores; remove or rename these arguments"
        )
    for child in getattr(transform, "transforms", None) or ():
        check_arguments(child)


def walk(builder: RecipeBuilder, transform: Any) -> None:
    """Adds `transform` and everything in it to `builder`; what is not native is refused there by name.

    Raises:
        ValueError: A transform holds arguments that Albumentations has ignored.
    """
    check_arguments(transform)
    problem = problem_of_version()
    if problem is not None:
        builder.refuse("albumentations", problem)
        return
    try:
        builder.targets = targets_of(transform)
    except NotNative as reason:
        builder.refuse(type(transform).__name__, str(reason))
    if builder.targets.has_rows and transform.p < 1:
        builder.refuse(type(transform).__name__, f"p={transform.p} with boxes or keypoints")
    _walk(builder, transform)


def problem_of_version() -> str | None:
    """Why nothing of the Albumentations that is imported can be native; None where it can."""
    version = str(getattr(sys.modules.get("albumentations"), "__version__", "unknown"))
    if re.fullmatch(r"2\.0\.[0-8]", version):
        return None
    return f"version {version} (native for 2.0.0 to 2.0.8)"


@dataclass(frozen=True)
class Part:
    """A transform that the outermost Compose applies, or several nested Composes down.

    Attributes:
        leaf: The transform, a group with all that is in it.
        steps: What it is natively.
        reasons: Why it is not; empty where it is.
        report: One line for each leaf.
        is_to_tensor: It is ToTensorV2 and always applied.
    """

    leaf: Any
    steps: tuple[AnyStep, ...]
    reasons: tuple[str, ...]
    report: tuple[str, ...]
    is_to_tensor: bool


def parts(compose: Any) -> list[Part]:
    """The transforms of `compose` one by one, each native or not.

    Raises:
        ValueError: A transform holds arguments that Albumentations has ignored.
        NotNative: `compose` is no Compose that can be taken apart.
    """
    check_arguments(compose)
    problem = problem_of_version()
    if problem is not None:
        raise NotNative(f"albumentations: {problem}")
    found: list[Part] = []
    _part(compose, found)
    return found


def _part(transform: Any, found: list[Part]) -> None:
    builder = RecipeBuilder()
    is_own = _why_foreign(transform) is None
    if is_own and type(transform).__name__ == "Compose" and transform.p >= 1:
        _check_compose(transform)
        # Whole where that is possible, because boxes are checked once more after a nested Compose.
        whole = lower(builder, transform) if transform.processors and not transform.main_compose else []
        if whole and not builder.reasons:
            found.append(Part(transform, tuple(whole), (), tuple(builder.report), is_to_tensor=False))
            return
        for child in transform.transforms:
            _part(child, found)
        return
    if is_own and type(transform).__name__ == "ToTensorV2" and transform.p >= 1:
        found.append(Part(transform, (), (), ("ToTensorV2: native (layout)",), is_to_tensor=True))
        return
    steps = lower(builder, transform)
    found.append(
        Part(transform, tuple(steps), tuple(builder.reasons), tuple(builder.report), is_to_tensor=False)
    )


def _walk(builder: RecipeBuilder, transform: Any) -> None:
    """The outermost Compose: its children in order, ToTensorV2 among them."""
    is_own = _why_foreign(transform) is None
    if is_own and type(transform).__name__ == "Compose" and transform.p >= 1:
        try:
            _check_compose(transform)
        except NotNative as problem:
            builder.refuse("Compose", str(problem))
        if transform.processors and not transform.main_compose and not _holds_to_tensor(transform):
            builder.append(_lower_composition(builder, transform, is_forced=False))
            return
        for child in transform.transforms:
            _walk(builder, child)
        return
    if is_own and type(transform).__name__ == "ToTensorV2":
        _to_tensor(builder, transform)
        return
    if builder.stage == "tensor":
        builder.refuse(type(transform).__name__, "after ToTensorV2")
        return
    for step in lower(builder, transform):
        builder.append(step)


def _holds_to_tensor(transform: Any) -> bool:
    return type(transform).__name__ == "ToTensorV2" or any(
        _holds_to_tensor(child) for child in getattr(transform, "transforms", None) or ()
    )


def _why_foreign(transform: Any) -> str | None:
    """None where the class is the library's own and nobody has replaced a method of it."""
    cls = type(transform)
    module = cls.__module__
    known = (
        module.startswith("albumentations.") and getattr(sys.modules[module], cls.__qualname__, None) is cls
    )
    if not known:
        return "user code"
    if not own_functions(cls, "albumentations") or _OVERRIDES & vars(transform).keys():
        return "a method is replaced"
    return None


def _stay(builder: RecipeBuilder, transform: Any, why: str, *, is_forced: bool) -> list[AnyStep]:
    """The transform as a step in Python; refused where that is not possible."""
    name = type(transform).__name__
    if (problem := _why_not_in_python(builder, transform)) is not None:
        builder.refuse(name, f"{why}; {problem}" if builder.accepts_python else why)
        return []
    base = sys.modules["albumentations"].BasicTransform
    cls = type(transform)
    # The usual coin is thrown by the engine, which then need not ask.
    has_coin = isinstance(transform, base) and (cls.__call__, cls.should_apply) == (
        base.__call__,
        base.should_apply,
    )
    from stoker.lowering.python_steps import AlbumentationsLeaf

    leaf = AlbumentationsLeaf(transform, is_forced=is_forced or has_coin)
    builder.note(name, f"in Python: {why}")
    return [PythonStep(leaf, transform, float(transform.p) if has_coin and not is_forced else 1.0)]


def _why_not_in_python(builder: RecipeBuilder, transform: Any) -> str | None:
    library = sys.modules["albumentations"]
    if not builder.accepts_python or not isinstance(transform, (library.BasicTransform, library.BaseCompose)):
        return "no transform of Albumentations"
    if not hasattr(transform, "set_random_state"):
        return "its random numbers cannot be set"
    if _holds_to_tensor(transform):
        return "it holds ToTensorV2"
    if getattr(transform, "replay_mode", False) or getattr(transform, "deterministic", False):
        return "it records what was applied"
    if builder.targets.has_rows:
        targets = getattr(transform, "targets", None)
        if targets is None or "bboxes" in targets or "keypoints" in targets:
            return "boxes and keypoints move in native transforms alone"
    return None


def lower(builder: RecipeBuilder, transform: Any, *, is_forced: bool = False) -> list[AnyStep]:
    """The native steps of `transform` and everything in it; what is not native is refused by name.

    Args:
        builder: Takes the report and the reasons.
        transform: A leaf or a composition.
        is_forced: Its own coin is not drawn, as of the chosen child of a OneOf.
    """
    name = type(transform).__name__
    if (why := _why_foreign(transform)) is not None:
        return _stay(builder, transform, why, is_forced=is_forced)
    if name in _COMPOSITIONS:
        try:
            return [_lower_composition(builder, transform, is_forced)]
        except NotNative as problem:
            builder.refuse(name, str(problem))
            return []
    try:
        return _lower_leaf(builder, transform, 1.0 if is_forced else float(transform.p))
    except NotNative as problem:
        return _stay(builder, transform, str(problem), is_forced=is_forced)


def _lower_composition(builder: RecipeBuilder, transform: Any, is_forced: bool) -> GroupStep:
    name = type(transform).__name__
    _check_compose(transform)
    p = 1.0 if is_forced and name not in ("SomeOf", "RandomOrder") else float(transform.p)
    chooses = name in ("OneOf", "OneOrOther")
    children: list[AnyStep] = []
    for child in transform.transforms:
        steps = lower(builder, child, is_forced=chooses)
        whole: AnyStep = GroupStep("sequence", {"takes_all": True}, tuple(steps))
        children.append(steps[0] if len(steps) == 1 else whole)
    options: dict[str, Any] = {"p": p}
    if name == "OneOf":
        if not transform.transforms:
            raise NotNative("it holds nothing")
        options["weights"] = [float(child.p) for child in transform.transforms]
    elif name == "OneOrOther":
        options = {"weights": [float(transform.p), 1 - float(transform.p)]}
    elif name in ("SomeOf", "RandomOrder"):
        count = int(transform.n)
        options |= {"least": count, "most": count, "may_repeat": bool(transform.replace)}
        options["keeps_order"] = name == "SomeOf"
    else:
        options["takes_all"] = True
    return GroupStep(_COMPOSITIONS[name], options, tuple(children))


def _lower_leaf(builder: RecipeBuilder, transform: Any, p: float) -> list[AnyStep]:
    name = type(transform).__name__
    lowering = leaves.find(leaves.ALBUMENTATIONS, name)
    if lowering is None:
        raise NotNative("no native operator")
    if transform.deterministic or transform.replay_mode:
        raise NotNative("in replay mode")
    if transform._key2func["image"].__func__ is not type(transform).apply:
        raise NotNative("a method is replaced")
    lowered = lowering(transform)
    steps = list(lowered) if isinstance(lowered, (list, tuple)) else [lowered]
    builder.report.append(f"{name}: native ({', '.join(step.name for step in steps) or 'nothing to do'})")
    if len(steps) == 1 and leaves.has_coin(steps[0].name):
        return [Step(steps[0].name, {**steps[0].parameters, "p": p})]
    certain: list[AnyStep] = [
        Step(step.name, {**step.parameters, "p": 1.0}) if leaves.has_coin(step.name) else step
        for step in steps
    ]
    if not certain or (p >= 1 and len(certain) == 1):
        return certain
    # One step: boxes are not dropped between the parts of one transform.
    return [GroupStep("sequence", {"p": p, "takes_all": True, "is_one_step": True}, tuple(certain))]


def _to_tensor(builder: RecipeBuilder, transform: Any) -> None:
    if transform.p < 1:
        builder.refuse("ToTensorV2", f"p={transform.p}")
        return
    if builder.stage != "unknown":
        builder.stage = "tensor"
    builder.layout, builder.sample = "chw", "tensor"
    builder.note("ToTensorV2", "native (layout)")


def _check_compose(compose: Any) -> None:
    if compose.replay_mode or compose.save_applied_params:
        raise NotNative("it records what was applied")
