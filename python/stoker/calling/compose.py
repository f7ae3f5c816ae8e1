"""An Albumentations Compose, called as it is, its work done in the engine."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stoker import _native
from stoker.calling import masks as mask_bytes
from stoker.calling.sample import Sample, kinds_of
from stoker.calling.stream import Stream, seed_at
from stoker.lowering.from_albumentations import Part, parts
from stoker.lowering.targets import Targets, targets_of

_log = logging.getLogger("stoker")
_NUMBERS = ("uint8", "uint16", "int16", "int32", "float32")


@dataclass(frozen=True)
class _Segment:
    """Neighbouring transforms that the engine takes at once.

    Attributes:
        call: The engine's part; None where there is nothing to do.
        end: Number of the first transform after it.
    """

    call: Any
    end: int


class CompiledCompose:
    """What `stoker.compile` makes of an Albumentations Compose.

    Attributes:
        compose: The Compose.
        seed: As given to `stoker.compile`.
        report: One line for each transform: native, or in Python and why.
    """

    def __init__(self, compose: Any, seed: int | None) -> None:
        self.compose = compose
        self._stream = Stream(seed)
        self._prepare()

    @property
    def seed(self) -> int | None:
        return self._stream.seed

    def _prepare(self) -> None:
        self._parts: list[Part] = parts(self.compose)
        self._targets: Targets = targets_of(self.compose)
        if self._targets.has_rows and self.compose.p < 1:
            raise ValueError(f"the Compose has p={self.compose.p} with boxes or keypoints, allowed is p=1.")
        self._kinds = kinds_of(self._targets)
        self._segments: dict[Any, _Segment] = {}
        self._whole_calls: dict[tuple[Any, int], Any] = {}  # by dtype and channels of an image alone
        self.report: list[str] = []
        for part in self._parts:
            if part.reasons:
                why = "; ".join(part.reasons)
                self.report.append(f"{type(part.leaf).__name__}: in Python: {why}")
            else:
                self.report += part.report

    def __call__(self, *, force_apply: bool = False, **data: Any) -> dict[str, Any]:
        """The transformed targets, under the keys of the call.

        Args:
            force_apply: Taken for the Compose's sake; it is always applied.
            **data: image (H, W) or (H, W, C), and what the Compose takes beside it: mask, masks, images,
                bboxes, keypoints, label fields and additional targets. Other keys come back as they are.

        Raises:
            ValueError: The targets do not fit together, or boxes or keypoints are not valid.
            TypeError: A target has another type.
            stoker.SampleError: A transform cannot take this image, such as a crop larger than it.
        """
        image = data.get("image")
        if len(data) == 1 and type(image) is np.ndarray and image.ndim == 3 and image.flags.c_contiguous:
            call = self._whole_calls.get((image.dtype, image.shape[2]))
            if call is not None and image.size > 0:
                return {"image": call.run([(False, image)], [], [], *self._stream.next())[0][0]}
        return self._run_sample(Sample(data, self._kinds, self._targets))

    def _run_sample(self, sample: Sample) -> dict[str, Any]:
        """Any targets; the pieces of the engine and of Python one after the other."""
        seed, number = self._stream.next()
        place = 0
        is_first = True
        while True:
            segment = self._segment(place, sample, is_first)
            if segment.call is not None:
                self._run(segment, sample, seed_at(seed, place), number)
            place = segment.end
            if place == len(self._parts):
                return sample.result()
            if self._parts[place].is_to_tensor:
                _to_tensors(self._parts[place].leaf, sample)
            else:
                self._run_in_python(place, sample, _native.hash64(f"{seed} {number} {place}".encode()))
            is_first = False
            place += 1

    def _run(self, segment: _Segment, sample: Sample, seed: int, number: int) -> None:
        boxes = [(rows.values, rows.is_double) for rows in sample.boxes.values()]
        points = [(rows.values, rows.is_double) for rows in sample.keypoints.values()]
        fields = sample.fields()
        outputs, moved_boxes, moved_points = segment.call.run(fields, boxes, points, seed, number)
        sample.take(outputs)
        for rows_by_key, moved in ((sample.boxes, moved_boxes), (sample.keypoints, moved_points)):
            for key, (values, rows, is_double) in zip(rows_by_key, moved, strict=True):
                rows_by_key[key] = rows_by_key[key].moved(values, rows, is_double)

    def _segment(self, place: int, sample: Sample, is_first: bool) -> _Segment:
        image = sample.image
        dtype = str(getattr(image, "dtype", ""))
        channels = image.shape[2] if getattr(image, "ndim", 0) == 3 else 1
        signature = (place, dtype, channels, len(sample.boxes), len(sample.keypoints), sample.has_wide_masks)
        if signature not in self._segments:
            segment = self._make_segment(*signature, is_first=is_first)
            self._segments[signature] = segment
            is_whole = place == 0 and segment.call is not None and segment.end == len(self._parts)
            if is_whole and len(sample.boxes) + len(sample.keypoints) == 0:
                self._whole_calls[image.dtype, channels] = segment.call
        return self._segments[signature]

    def _make_segment(
        self,
        place: int,
        dtype: str,
        channels: int,
        boxes: int,
        keypoints: int,
        has_wide_masks: bool,
        *,
        is_first: bool,
    ) -> _Segment:
        end = place
        refusal: Exception | None = None
        while end < len(self._parts) and not self._parts[end].reasons and not self._parts[end].is_to_tensor:
            if has_wide_masks and not mask_bytes.moves_bytes(self._parts[end].steps):
                refusal = ValueError("it changes values of a mask that is not uint8")
                break
            end += 1
        while True:
            steps = [step for part in self._parts[place:end] for step in part.steps]
            is_last = all(part.is_to_tensor for part in self._parts[end:])
            if not steps and not ((is_first or is_last) and boxes + keypoints > 0):
                break
            options = self._row_options(is_first=is_first, is_last=is_last)
            try:
                if dtype not in _NUMBERS:
                    raise ValueError(f"images of {dtype}")
                call = _native.Call(
                    [step.build() for step in steps],
                    dtype,
                    channels,
                    boxes,
                    keypoints,
                    dtype="auto",
                    layout="hwc",
                    **options,
                )
            except (ValueError, TypeError) as problem:
                if end == place:
                    raise
                refusal = problem
                end -= 1
                continue
            self._tell(end, refusal, dtype, channels)
            return _Segment(call, end)
        self._tell(end, refusal, dtype, channels)
        return _Segment(None, end)

    def _row_options(self, *, is_first: bool, is_last: bool) -> dict[str, Any]:
        options = self._targets.options()
        for name in ("checks_boxes", "checks_keypoints"):
            if not is_last:
                options[name] = "none" if options.get(name) == "end" else "each but end"
        if self._targets.boxes is not None:
            options["box_format"] = self._targets.boxes.format
        if self._targets.keypoints is not None:
            options["keypoint_format"] = self._targets.keypoints.format
        return {
            **options,
            "reads_formats": is_first,
            "writes_formats": is_last,
            "checks_first": not is_first,
        }

    def _tell(self, end: int, refusal: Exception | None, dtype: str, channels: int) -> None:
        """Once for each kind of image: what the engine would not take of it."""
        if refusal is not None:
            name = type(self._parts[end].leaf).__name__
            _log.warning("%s runs in Python on images of %s x %s: %s", name, channels, dtype, refusal)

    def _run_in_python(self, place: int, sample: Sample, seed: int) -> None:
        leaf = self._parts[place].leaf
        if hasattr(leaf, "set_random_seed"):
            leaf.set_random_seed(seed & 0xFFFFFFFF)
        given: dict[str, Any] = dict(sample.pixel_targets())
        given |= {key: rows.joined() for key, rows in sample.boxes.items()}
        given |= {key: rows.joined(z_axis=2) for key, rows in sample.keypoints.items()}
        made: Mapping[str, Any] = leaf(**given)
        for key, _ in list(sample.pixel_targets()):
            sample.put(key, made[key])
        for key, rows in sample.boxes.items():
            sample.boxes[key] = rows.parted(np.asarray(made[key]), 4)
        for key, rows in sample.keypoints.items():
            sample.keypoints[key] = rows.parted(np.asarray(made[key]), 4, z_axis=2)

    def explain(self) -> str:
        """The report, and how the engine runs uint8 colour images."""
        lines = list(self.report)
        place = 0
        while place < len(self._parts):
            segment = self._make_segment(place, "uint8", 3, 0, 0, False, is_first=place == 0)
            if segment.call is not None:
                lines += str(segment.call.explain()).splitlines()
            place = segment.end + 1
        return "\n".join(lines)

    def __getstate__(self) -> dict[str, Any]:
        return {"compose": self.compose, "stream": self._stream}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.compose = state["compose"]
        self._stream = state["stream"]
        self._prepare()

    def __repr__(self) -> str:
        return f"stoker.compile({self.compose!r}, seed={self.seed!r})"


def _to_tensors(leaf: Any, sample: Sample) -> None:
    """What ToTensorV2 does; it shares the memory."""
    import torch

    for plane in sample.planes:
        pixels = plane.pixels
        if not plane.is_mask and pixels.ndim == 2:
            pixels = pixels[:, :, None]
        if not plane.is_mask or (leaf.transpose_mask and pixels.ndim == 3):
            pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        plane.pixels = torch.from_numpy(pixels)
