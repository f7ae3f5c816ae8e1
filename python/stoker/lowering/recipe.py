"""What a Python pipeline asks of the engine, as data that can be compared, printed and built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from stoker.lowering.refusal import NotNative
from stoker.lowering.targets import Targets

if TYPE_CHECKING:
    from stoker.islands import Leaf

__all__ = [
    "AnyStep",
    "GroupStep",
    "NotNative",
    "PythonStep",
    "Recipe",
    "RecipeBuilder",
    "RefusedRecipe",
    "Step",
    "numbers",
    "own_functions",
    "whole_numbers",
]


@dataclass(frozen=True)
class Step:
    """One native operator: its name in the registry, and booleans, numbers, strings and lists of numbers."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> Any:
        from stoker import _native

        return _native.make_operator(self.name, dict(self.parameters))


@dataclass(frozen=True, eq=False)
class PythonStep:
    """A transform that stays in Python.

    Attributes:
        leaf: What calls it.
        subject: The transform; two steps are equal where this is one object.
        p: Probability that it is called.
    """

    leaf: Leaf
    subject: Any
    p: float = 1.0

    name: ClassVar[str] = "in_python"
    parameters: ClassVar[Mapping[str, Any]] = {}

    def build(self) -> Any:
        from stoker.islands import make_island

        return make_island(self.leaf, self.p)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PythonStep) and self.subject is other.subject and self.p == other.p

    def __hash__(self) -> int:
        return id(self.subject)


AnyStep: TypeAlias = "Step | GroupStep | PythonStep"


@dataclass(frozen=True)
class GroupStep:
    """Native operators that stand together, see `stoker.one_of` and its like.

    Attributes:
        name: "sequence", "one_of", "some_of" or "random_order".
        options: Of the engine's group.
        children: Steps and groups.
    """

    name: str
    options: Mapping[str, Any]
    children: tuple[AnyStep, ...]

    def build(self) -> Any:
        from stoker import _native

        return _native.make_group(self.name, [child.build() for child in self.children], dict(self.options))


@dataclass(frozen=True)
class Recipe:
    """A pipeline in native operators.

    Attributes:
        steps: The operators and groups of them, in order of application.
        layout: "chw" or "hwc", the layout of one finished image.
        dtype: "uint8", "float32", "float16" or "bfloat16"; "auto" where a step in Python has the say.
        is_fixed_shape: Every image ends with the same height and width.
        sample: What the Python pipeline returns for one image: "tensor", "image" (a tv_tensors.Image) or
            "array".
        report: One line for each leaf of the Python pipeline.
        targets: What moves with the image.
        decoding: The `color` and `image_dtype` that it is meant for, where they are not the usual ones.
        refusals: None; see `RefusedRecipe`.
    """

    steps: tuple[AnyStep, ...]
    layout: str
    dtype: str
    is_fixed_shape: bool
    sample: str
    report: list[str] = field(compare=False)
    targets: Targets = field(default_factory=Targets)
    decoding: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_python(self) -> bool:
        """Whether any step stays in Python."""
        return any(map(is_in_python, self.steps))

    @property
    def operators(self) -> list[Any]:
        """The native operators, built anew."""
        return [step.build() for step in self.steps]

    @property
    def refusals(self) -> list[str]:
        return []


class RefusedRecipe:
    """A pipeline of which something is not native: all that a Recipe has, but the report, raises NotNative.

    Attributes:
        report: One line for each leaf of the Python pipeline, native or not.
        refusals: What is not native, and why.
    """

    def __init__(self, problem: NotNative) -> None:
        self.report = list(problem.report)
        self.refusals = list(problem.reasons)

    def __getattr__(self, name: str) -> Any:
        if name == "operators" or name in Recipe.__dataclass_fields__:
            raise NotNative(*self.refusals, report=self.report)
        raise AttributeError(f"a refused recipe has no {name!r}")

    def __repr__(self) -> str:
        return f"<refused recipe: {'; '.join(self.refusals)}>"


def is_in_python(step: AnyStep) -> bool:
    """Whether a step, or any in it, stays in Python."""
    return isinstance(step, PythonStep) or any(map(is_in_python, getattr(step, "children", ())))


class RecipeBuilder:
    """Collects the steps of a pipeline while it is walked, leaf by leaf.

    Operators that only move pixels commute with per-pixel arithmetic, so those that are written after a
    conversion to float go in front of it; the result is the same and the engine keeps to uint8 for longer.
    Behind anything else they stay where they are.

    Args:
        accepts_python: What is not native may become a step in Python.
    """

    def __init__(self, *, accepts_python: bool = False) -> None:
        self.accepts_python = accepts_python
        # "pixels" (a PIL image or a uint8 array), then "tensor"; "unknown" after a leaf that is not native.
        self.stage = "pixels"
        self.dtype = "uint8"
        self.layout = "hwc"
        self.sample = "array"
        self.is_normalized = False
        self.report: list[str] = []
        self.reasons: list[str] = []
        self.targets = Targets()
        self._moves: list[AnyStep] = []
        self._arithmetic: list[AnyStep] = []

    def move(self, leaf: str, name: str, parameters: Mapping[str, Any]) -> None:
        """Adds an operator on uint8 pixels."""
        self._moves.append(Step(name, parameters))
        self.report.append(f"{leaf}: native ({name})")

    def compute(self, leaf: str, name: str, parameters: Mapping[str, Any]) -> None:
        """Adds per-pixel arithmetic that ends in float."""
        self._arithmetic.append(Step(name, parameters))
        self.report.append(f"{leaf}: native ({name})")

    def append(self, step: AnyStep) -> None:
        """Adds a step where it is written, behind all so far; the engine finds out what commutes."""
        self._moves += self._arithmetic
        self._arithmetic = []
        self._moves.append(step)

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """What the image is by now: stage, dtype, layout and sample."""
        return self.stage, self.dtype, self.layout, self.sample

    def for_part(self) -> RecipeBuilder:
        """An empty one for transforms that get the image as it is by now."""
        part = RecipeBuilder()
        part.stage, part.dtype, part.layout, part.sample = self.kind
        part.is_normalized = self.is_normalized
        return part

    @property
    def steps(self) -> list[AnyStep]:
        """All so far, in order of application."""
        return [*self._moves, *self._arithmetic]

    def stay(self, step: PythonStep, leaf: str, why: str) -> None:
        """Adds a step in Python where it is written."""
        self.append(step)
        self.report.append(f"{leaf}: in Python: {why}")

    def note(self, leaf: str, what: str = "native (nothing to do)") -> None:
        self.report.append(f"{leaf}: {what}")

    def refuse(self, leaf: str, why: str) -> None:
        self.reasons.append(f"{leaf}: {why}")
        self.report.append(f"{leaf}: not native: {why}")
        self.stage = "unknown"

    def finish(self, decoding: Mapping[str, str] | None = None) -> Recipe:
        """The recipe, for images decoded like this.

        Raises:
            NotNative: With every reason that was collected.
        """
        if self.reasons:
            raise NotNative(*self.reasons, report=self.report)
        from stoker import _native

        steps = tuple(self.steps)
        try:
            shape = _native.planned_shape([step.build() for step in steps], **(decoding or {}))
        except (ValueError, TypeError) as problem:
            report = [*self.report, f"all together: not native: {problem}"]
            raise NotNative(str(problem), report=report) from problem
        dtype = "auto" if any(map(is_in_python, steps)) else shape["dtype"]
        return Recipe(
            steps=steps,
            layout=self.layout,
            dtype=self.dtype if self.dtype in ("float16", "bfloat16") else dtype,
            is_fixed_shape=shape["height"] > 0 and shape["width"] > 0,
            sample=self.sample,
            report=self.report,
            targets=self.targets,
            decoding=dict(decoding or {}),
        )


def numbers(value: Any, counts: Sequence[int]) -> list[float]:
    """`value` as a list of floats with one of the allowed lengths; a single number counts as a list of one.

    Raises:
        NotNative: For anything else.
    """
    try:
        listed = [float(v) for v in value] if hasattr(value, "__iter__") else [float(value)]
    except (TypeError, ValueError):
        raise NotNative(f"{value!r} is not a list of numbers") from None
    if len(listed) not in counts:
        raise NotNative(f"{value!r} has {len(listed)} values, native are {' or '.join(map(str, counts))}")
    return listed


def whole_numbers(value: Any, counts: Sequence[int]) -> list[int]:
    """As `numbers`, for values that are integers."""
    listed = numbers(value, counts)
    if any(v != int(v) for v in listed):
        raise NotNative(f"{value!r} is not whole")
    return [int(v) for v in listed]


def own_functions(cls: type, package: str) -> bool:
    """Whether every function that `cls` has from `package` was written there: nobody has patched it."""
    return all(
        str(value.__module__).split(".")[0] == package
        for base in cls.__mro__
        if base.__module__.split(".")[0] == package
        for value in vars(base).values()
        if callable(value) and hasattr(value, "__code__")
    )
