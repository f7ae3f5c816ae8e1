"""Where a list of operators is cut: what is done once while packing, and what stays for the loader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stoker import _native
from stoker.loader import check_count
from stoker.operators import Operator
from stoker.packing.steps import described, shown, shown_list
from stoker.sources import Source

FORMS = ("source", "raw", "jpeg", "npy")
MAX_VARIANTS = 256

# Online they cost little, and keep most of the variety that frozen draws take away.
_CHEAP = (
    "center_crop",
    "d4",
    "from_float",
    "horizontal_flip",
    "normalize",
    "random_crop",
    "random_rotate90",
    "to_float",
    "transpose",
    "vertical_flip",
)
_FLOAT_MAKERS = ("normalize", "normalize_per_image", "to_float")
_FLOATS = ("float16", "bfloat16", "float32", "float64")

# Below, a packed side or quality may cost accuracy.
_SAFE_QUALITY = 90
_SAFE_SIDES = 2


@dataclass(frozen=True)
class Cut:
    """A cut list.

    Attributes:
        packed, online: Operators before and after the cut.
        reason: Where it is and why, one sentence.
        messages: (level, text), the level one of "note", "caution" and "warning".
    """

    packed: list[Operator]
    online: list[Operator]
    reason: str
    messages: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_random(self) -> bool:
        """Whether random draws are frozen."""
        return any(each.is_random for each in self.packed)


def cut_operators(
    source: Source,
    operators: Sequence[Operator],
    *,
    form: str,
    quality: int,
    variants: int,
    cut: int | str | None,
    allow_frozen: bool,
    epochs: int | None,
    **decoding: str,
) -> Cut:
    """Cuts a list.

    Raises:
        ValueError, TypeError: A cut that is not possible, or random operators frozen into one copy.
    """
    if form == "source":
        if cut not in (None, 0) or variants != 1:
            raise ValueError(
                "pack: form 'source' keeps the original bytes, so there is neither a cut nor a variant; "
                "choose form='raw' to do operators once."
            )
        reason = "Nothing is done while packing: form 'source' keeps the original bytes."
        return Cut([], list(operators), reason)
    dtypes = _dtypes(source, operators, **decoding)
    place, reason = _place(operators, dtypes, variants, cut)
    out = Cut(list(operators[:place]), list(operators[place:]), reason)
    _check_frozen(out, variants, allow_frozen)
    out.messages.extend(_view_messages(out, variants, epochs))
    out.messages.extend(_form_messages(out, form, quality, dtypes[0], dtypes[place]))
    return out


def _dtypes(source: Source, operators: Sequence[Operator], **decoding: str) -> list[str]:
    """Of the images before each operator and after the last."""
    dtypes = [str(dtype) for dtype, _ in _native.planned_images(source.native, list(operators), **decoding)]
    # The engine says no more from the first group on.
    for each in operators[len(dtypes) - 1 :]:
        dtypes.append("float32" if _makes_floats(each) else dtypes[-1])
    return dtypes


def _makes_floats(operator: Operator) -> bool:
    return operator.name in _FLOAT_MAKERS or any(map(_makes_floats, operator.children))


def _place(
    operators: Sequence[Operator], dtypes: Sequence[str], variants: int, cut: int | str | None
) -> tuple[int, str]:
    count = len(operators)
    if cut is not None:
        if cut == "all":
            return count, "The cut is after all operators, as asked."
        if isinstance(cut, str):
            raise ValueError(f"pack: cut must be 'all' or an integer from 0 to {count}, got {cut!r}.")
        place = check_count("pack: cut", cut, 0, count)
        return place, f"The cut is {_where(operators, place)}, as asked."
    if variants > 1:
        place = count
        while place > 0 and operators[place - 1].name in _CHEAP:
            place -= 1
        kept = shown_list([described(each) for each in operators[place:]])
        after = f" {kept} cost little and stay online." if place < count else ""
        return place, f"The cut is {_where(operators, place)}: variants={variants} freezes draws.{after}"
    for place, each in enumerate(operators):
        if each.is_random:
            text = f"{shown(described(each))} is the first random operator; it and what follows stay online."
            return place, f"The cut is {_where(operators, place)}: {text}"
        if dtypes[place] not in _FLOATS and dtypes[place + 1] in _FLOATS:
            text = (
                f"{shown(described(each))} makes {dtypes[place + 1]} of {dtypes[place]}, which is "
                "larger and read more slowly; it and what follows stay online (cut='all' packs it)."
            )
            return place, f"The cut is {_where(operators, place)}: {text}"
    return count, f"The cut is {_where(operators, count)}: no operator is random."


def _where(operators: Sequence[Operator], place: int) -> str:
    if place == 0:
        return "before all operators"
    if place == len(operators):
        return f"after {operators[-1].name}, the last operator"
    return f"after {operators[place - 1].name} and before {operators[place].name}"


def _check_frozen(cut: Cut, variants: int, allow_frozen: bool) -> None:
    names = ", ".join(each.name for each in cut.packed if each.is_random)
    if variants > 1 and not cut.is_random:
        raise ValueError(
            f"pack: variants={variants} needs a random operator before the cut, or all variants would be "
            f"equal. {cut.reason} Use variants=1, or say cut=."
        )
    if variants == 1 and cut.is_random and not allow_frozen:
        raise ValueError(
            f"pack: {names} would be frozen into one copy: every epoch would see the same draw, which is "
            f"training on a fixed set. Cut before {names}, give variants=8 or so, or say allow_frozen=True."
        )


def _view_messages(cut: Cut, variants: int, epochs: int | None) -> list[tuple[str, str]]:
    if not cut.is_random:
        return []
    frozen = ", ".join(each.name for each in cut.packed if each.is_random)
    online = ", ".join(each.name for each in cut.online if each.is_random)
    if epochs is None:
        seen = f"E epochs see min({variants}, E) distinct views of each sample"
    else:
        seen = f"{epochs} epochs see {min(variants, epochs)} distinct views of each sample"
    text = f"{frozen}: {variants} draws of each sample are frozen; {seen}"
    if epochs is not None and variants >= epochs:
        return [("note", f"{text}, as many as without packing; only their order differs.")]
    repeats = "" if epochs is None else f" (each about {epochs / variants:.1f} times)"
    if online:
        return [("caution", f"{text}{repeats}, times what {online} draws online.")]
    return [
        (
            "warning",
            f"{text}{repeats}, and nothing random stays online: this is close to training on a fixed set "
            f"of {variants} times the samples. Leave a flip or a crop after the cut.",
        )
    ]


def _form_messages(cut: Cut, form: str, quality: int, before: str, after: str) -> list[tuple[str, str]]:
    out = []
    if before not in _FLOATS and after in _FLOATS:
        times = {"float16": 2, "bfloat16": 2}.get(after, 4) // (2 if "16" in before else 1)
        out.append(
            (
                "note",
                f"{after} pixels take {times} times the bytes of {before}, on the disk and on the way "
                "from it; to_float and normalize cost little online.",
            )
        )
    if form != "jpeg":
        return out
    out.append(("note", f"form 'jpeg' is lossy: the pixels are not those of the source (quality {quality})."))
    if quality < _SAFE_QUALITY:
        out.append(
            (
                "caution",
                f"quality {quality} is below {_SAFE_QUALITY}; compare a short training run with one on the "
                "source before relying on it.",
            )
        )
    packed, trained = _side(cut.packed), _side(cut.online)
    if packed and trained and packed < _SAFE_SIDES * trained:
        out.append(
            (
                "caution",
                f"the packed side of {packed} pixels is below {_SAFE_SIDES} times the {trained} that "
                "training takes; compare a short training run with one on the source before relying on it.",
            )
        )
    return out


def _side(operators: Sequence[Operator]) -> int | None:
    """The last stated size, in pixels."""
    for each in reversed(operators):
        size = each.parameters.get("size")
        if isinstance(size, (int, float)):
            return int(size)
        if isinstance(size, (tuple, list)) and size:
            return int(min(size))
    return None
