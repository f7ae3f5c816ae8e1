"""A torchvision pipeline, called as it is, its work done in the engine."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from stoker import _native
from stoker.calling.stream import Stream, seed_at
from stoker.lowering import from_torchvision
from stoker.lowering.image_arrays import suits_grey
from stoker.lowering.recipe import RecipeBuilder

_log = logging.getLogger("stoker")
_MODES = {"RGB": 3, "L": 1}
_DTYPES = {torch.uint8: "uint8", torch.float32: "float32"}


@dataclass(frozen=True)
class _Kind:
    """What an image is between two transforms.

    Attributes:
        stage: "pixels" (a PIL image) or "tensor".
        sample: "array" for a PIL image, else "tensor" or "image" (a tv_tensors.Image).
        dtype: "uint8" or "float32".
        channels: 1 or 3.
    """

    stage: str
    sample: str
    dtype: str
    channels: int


@dataclass(frozen=True)
class _Segment:
    """Neighbouring transforms that the engine takes at once.

    Attributes:
        call: The engine's part; None where there is nothing to do.
        end: Number of the first transform after it; its own number where that runs in Python.
        becomes: What the image is then.
        why: What the engine says of that first transform, if it would not take it.
    """

    call: Any
    end: int
    becomes: _Kind
    why: str


class CompiledTransforms:
    """What `stoker.compile` makes of a torchvision pipeline.

    Attributes:
        transform: The pipeline.
        seed: As given to `stoker.compile`.
    """

    def __init__(self, transform: Any, seed: int | None) -> None:
        self.transform = transform
        self._stream = Stream(seed)
        self._prepare()

    @property
    def seed(self) -> int | None:
        return self._stream.seed

    def _prepare(self) -> None:
        self._leaves = from_torchvision.leaves_of(self.transform)
        self._segments: dict[tuple[int, _Kind], _Segment] = {}
        self._is_told = False

    def __call__(self, image: Any, *others: Any) -> Any:
        """What the pipeline makes of the image.

        Args:
            image: A PIL image, or a tensor or tv_tensors.Image (C, H, W).
            *others: Further inputs, as v2 takes them; with them, or with an input of another type, all of
                the pipeline runs in Python.

        Raises:
            stoker.SampleError: A transform cannot take this image, such as a crop larger than it.
        """
        if others or not (isinstance(image, torch.Tensor) or _is_pillow(image)):
            return self._run_in_python((image, *others))
        seed, number = self._stream.next()
        place = 0
        while place < len(self._leaves):
            kind = _kind_of(image)
            segment = None if kind is None else self._segment(place, kind)
            if segment is None or segment.end == place:
                image = self._leaves[place](image)
                place += 1
                continue
            image = self._run(segment, image, seed_at(seed, place), number)
            place = segment.end
        return image

    def _run(self, segment: _Segment, image: Any, seed: int, number: int) -> Any:
        becomes = segment.becomes
        if segment.call is not None:
            made = segment.call.run([(False, _pixels_of(image))], [], [], seed, number)[0][0]
            return _pillow_of(made) if becomes.stage == "pixels" else _tensor_of(made, becomes.sample)
        if _is_pillow(image) and becomes.stage == "tensor":
            return _tensor_of(np.array(_pixels_of(image).transpose(2, 0, 1), order="C"), becomes.sample)
        if becomes.sample == "tensor":
            return image.as_subclass(torch.Tensor)
        return image

    def _run_in_python(self, inputs: tuple[Any, ...]) -> Any:
        if not self._is_told:
            self._is_told = True
            kinds = ", ".join(type(each).__name__ for each in inputs)
            _log.warning("%s runs in Python on (%s)", type(self.transform).__name__, kinds)
        return self.transform(*inputs)

    def _segment(self, place: int, kind: _Kind) -> _Segment:
        found = self._segments.get((place, kind))
        if found is None:
            found = self._segments[place, kind] = self._make_segment(place, kind)
            if found.why:
                name = type(self._leaves[found.end]).__name__
                _log.info("%s runs in Python on %s: %s", name, kind, found.why)
        return found

    def _make_segment(self, place: int, kind: _Kind) -> _Segment:
        end, why = place, ""
        while end < len(self._leaves):
            _, why = self._lowered(place, end + 1, kind)
            if why:
                break
            end += 1
        while end > place:
            builder, _ = self._lowered(place, end, kind)
            try:
                return self._built(builder, end, kind, why)
            except (ValueError, TypeError) as problem:
                why = str(problem)
                end -= 1
        return _Segment(None, place, kind, why)

    def _lowered(self, place: int, end: int, kind: _Kind) -> tuple[RecipeBuilder, str]:
        """The steps of these leaves, and why one of them is not native."""
        builder = RecipeBuilder()
        builder.stage, builder.sample, builder.dtype = kind.stage, kind.sample, kind.dtype
        for leaf in self._leaves[place:end]:
            if builder.sample == "image" and ".v2." not in type(leaf).__module__:
                return builder, "v1 on a tv_tensors.Image"
            from_torchvision.walk(builder, leaf)
        if builder.reasons:
            return builder, builder.reasons[0].partition(": ")[2]
        if builder.dtype not in ("uint8", "float32"):
            return builder, f"makes {builder.dtype}"
        if kind.channels == 1 and not suits_grey(builder.steps):
            return builder, "on a grey image"
        return builder, ""

    def _built(self, builder: RecipeBuilder, end: int, kind: _Kind, why: str) -> _Segment:
        layout = "hwc" if builder.stage == "pixels" else "chw"
        call = None
        if builder.steps:
            operators = [step.build() for step in builder.steps]
            call = _native.Call(operators, kind.dtype, kind.channels, dtype="auto", layout=layout)
        return _Segment(call, end, _Kind(builder.stage, builder.sample, builder.dtype, 0), why)

    @property
    def report(self) -> list[str]:
        """One line for each transform on RGB images of Pillow: native, or in Python and why.

        Behind one in Python it is not known what the images are; then nothing is said.
        """
        lines: list[str] = []
        place, kind = 0, _Kind("pixels", "array", "uint8", 3)
        while place < len(self._leaves):
            segment = self._make_segment(place, kind)
            lines += self._lowered(place, segment.end, kind)[0].report
            if segment.end < len(self._leaves):
                name = type(self._leaves[segment.end]).__name__
                lines.append(f"{name}: in Python: {segment.why}")
                break
            place = segment.end
        return lines

    def explain(self) -> str:
        """The report, and how the engine runs RGB images of Pillow."""
        lines = self.report
        segment = self._make_segment(0, _Kind("pixels", "array", "uint8", 3))
        if segment.call is not None:
            lines += str(segment.call.explain()).splitlines()
        return "\n".join(lines)

    def __getstate__(self) -> dict[str, Any]:
        return {"transform": self.transform, "stream": self._stream}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.transform = state["transform"]
        self._stream = state["stream"]
        self._prepare()

    def __repr__(self) -> str:
        return f"stoker.compile({self.transform!r}, seed={self.seed!r})"


def _is_pillow(image: Any) -> bool:
    return any(base.__module__ == "PIL.Image" and base.__name__ == "Image" for base in type(image).__mro__)


def _kind_of(image: Any) -> _Kind | None:
    """None: not an image that the engine takes."""
    if _is_pillow(image):
        channels = _MODES.get(image.mode, 0)
        return _Kind("pixels", "array", "uint8", channels) if channels and min(image.size) > 0 else None
    if not isinstance(image, torch.Tensor):
        return None
    sample = "tensor" if type(image) is torch.Tensor else "image"
    if sample == "image" and type(image) is not getattr(
        sys.modules.get("torchvision.tv_tensors"), "Image", None
    ):
        return None
    if image.ndim != 3 or image.shape[0] not in (1, 3) or 0 in image.shape or image.requires_grad:
        return None
    dtype = _DTYPES.get(image.dtype)
    if dtype is None or image.device.type != "cpu":
        return None
    return _Kind("tensor", sample, dtype, image.shape[0])


def _pixels_of(image: Any) -> Any:
    """(H, W, C), dense."""
    if isinstance(image, torch.Tensor):
        return np.ascontiguousarray(image.as_subclass(torch.Tensor).permute(1, 2, 0).numpy())
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _pillow_of(pixels: Any) -> Any:
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _tensor_of(pixels: Any, sample: str) -> Any:
    tensor = torch.from_numpy(pixels)
    if sample != "image":
        return tensor
    from torchvision import tv_tensors

    return tv_tensors.Image(tensor)
