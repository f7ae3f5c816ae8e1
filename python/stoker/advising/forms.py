"""Which stored forms of a pipeline's data there can be: the legal cuts, and what may be written there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stoker import _native
from stoker.loader import Loader
from stoker.operators import Operator
from stoker.packing.cut import Cut, cut_operators
from stoker.sources import Source

JPEG_QUALITY = 95
MOST_VARIANTS = 8

# Cuts that are tried, the first and the last legal one among them.
_MOST_CUTS = 4

_PROBED_SAMPLES = 6
_FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class StoredForm:
    """One way to keep the data.

    Attributes:
        form: "as-is", "source", "raw", "npy" or "jpeg".
        cut: Operators that are done once.
        variants: Frozen draws of each sample, 1 where nothing random is frozen.
        messages: (level, text), the level one of "note", "caution" and "warning".
        needs_consent: It changes what is trained on.
    """

    form: str
    cut: int = 0
    variants: int = 1
    messages: tuple[tuple[str, str], ...] = ()
    needs_consent: bool = False

    @property
    def consent(self) -> str:
        """What `accept` must hold."""
        return "variants" if self.variants > 1 else self.form


@dataclass(frozen=True)
class Cuts:
    """Where a list may be cut without changing a pixel.

    Attributes:
        legal: Numbers of operators, from 0.
        findings: What is not as the operators declare it, or why the list cannot be cut later.
    """

    legal: list[int]
    findings: list[str] = field(default_factory=list)


def legal_cuts(
    loader: Loader, samples: Source, *, is_random: Callable[[Operator], bool] = lambda each: each.is_random
) -> Cuts:
    """Cuts before the first operator that draws or makes floats; checked by two seeds on some samples.

    Args:
        samples: Of the loader's source, a few.
        is_random: What an operator declares.

    Raises:
        SampleError: A sample cannot be decoded.
    """
    operators = loader.operators
    decoding = decoding_of(loader)
    dtypes = [str(dtype) for dtype, _ in _native.planned_images(samples.native, operators, **decoding)]
    most = 0
    while most < len(operators) and not is_random(operators[most]):
        if most + 1 >= len(dtypes) or (dtypes[most + 1] in _FLOATS and dtypes[most] not in _FLOATS):
            break
        most += 1
    findings = []
    if most and not _same_by_two_seeds(loader, samples, most):
        least = next(cut for cut in range(1, most + 1) if not _same_by_two_seeds(loader, samples, cut))
        findings.append(
            f"operator {least - 1}, {operators[least - 1].name}, gives other pixels with another seed, "
            "though it declares that it does not draw; nothing is cut after it. Report this as a defect."
        )
        most = least - 1
    return Cuts(list(range(most + 1)), findings)


def _same_by_two_seeds(loader: Loader, samples: Source, cut: int) -> bool:
    probes = [
        loader.made_with(
            samples,
            operators=loader.operators[:cut],
            batch_size=1,
            shuffle=False,
            seed=seed,
            dtype="auto",
            layout="hwc",
            shapes="list",
            threads=1,
            on_error="skip",
            max_bad=len(samples),
        )
        for seed in (1, 2)
    ]
    try:
        for one, two in zip(*(_some(probe) for probe in probes), strict=True):
            if not np.array_equal(one, two):
                return False
        return True
    finally:
        for probe in probes:
            probe.close()


def _some(loader: Loader) -> list[np.ndarray]:
    out = []
    for batch, _ in zip(loader, range(_PROBED_SAMPLES), strict=False):
        images = batch["image"] if isinstance(batch, dict) else batch
        images = images[0] if isinstance(images, tuple) else images
        out += [np.asarray(image) for image in images]
    return out


def decoding_of(loader: Loader) -> dict[str, Any]:
    """What a packing must share with a loader."""
    given = loader.given
    return {name: given[name] for name in ("color", "exif", "image_dtype")}


def stored_forms(loader: Loader, cuts: Cuts, epochs: int) -> list[StoredForm]:
    """All that could be tried for a loader, what it does now first."""
    forms = [StoredForm("as-is")]
    source = loader.source
    if source.part is not None:  # packed already
        return forms
    if source.path(0):
        forms.append(StoredForm("source"))
    tried = _spread(cuts.legal)
    if source.path(0) or cuts.legal[-1]:
        # Arrays in memory are pixels already.
        forms += [StoredForm("raw", cut) for cut in tried if cut or source.path(0)]
    last = cuts.legal[-1]
    if source.path(0) and _is_one_shape(loader, last):
        note = "random numbers of what stays online differ from those over the files; they are as random"
        forms.append(StoredForm("npy", last, messages=(("note", note),)))
    if source.path(0) and last and _is_for_jpeg(loader, last):
        cut = _cut(loader, form="jpeg", cut=last, epochs=epochs)
        forms.append(StoredForm("jpeg", last, messages=tuple(cut.messages), needs_consent=True))
    variants = min(epochs, MOST_VARIANTS)
    if variants > 1 and any(each.is_random for each in loader.operators):
        cut = _cut(loader, variants=variants, epochs=epochs)
        if cut.is_random:
            messages = tuple(cut.messages)
            forms.append(
                StoredForm("raw", len(cut.packed), variants, messages, needs_consent=variants < epochs)
            )
    return forms


def _spread(cuts: Sequence[int]) -> list[int]:
    if len(cuts) <= _MOST_CUTS:
        return list(cuts)
    return [cuts[int(place)] for place in np.linspace(0, len(cuts) - 1, _MOST_CUTS)]


def _cut(loader: Loader, *, epochs: int, form: str = "raw", cut: int | None = None, variants: int = 1) -> Cut:
    """A cut as packing would make it; the place is left to it with variants."""
    try:
        return cut_operators(
            loader.source,
            loader.operators,
            form=form,
            quality=JPEG_QUALITY,
            variants=variants,
            cut=cut,
            allow_frozen=False,
            epochs=epochs,
            **decoding_of(loader),
        )
    except ValueError:  # nothing random comes before the cheap operators
        return Cut([], list(loader.operators), "")


def _is_one_shape(loader: Loader, cut: int) -> bool:
    """Whether all images are of one shape after `cut` operators, and an array can hold all of a sample."""
    source = loader.source
    if source.has_more_fields or source.label_objects is not None:
        return False
    planned = _native.planned_shape(loader.operators[:cut], dtype="auto", **decoding_of(loader))
    return bool(planned["height"] and planned["width"] and planned["channels"])


def _is_for_jpeg(loader: Loader, cut: int) -> bool:
    images = _native.planned_images(loader.source.native, loader.operators[:cut], **decoding_of(loader))
    dtype, channels = images[-1]
    return str(dtype) == "uint8" and channels in (1, 3)
