"""What a Compose says of masks, boxes and keypoints: their formats, label fields and rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stoker.lowering.refusal import NotNative

_KEYPOINT_FORMATS = ("xy", "yx", "xya", "xys", "xyas", "xysa")


@dataclass(frozen=True)
class BoxSettings:
    """As `BboxParams`.

    Attributes:
        format: "albumentations", "pascal_voc", "coco" or "yolo".
        label_fields: Names of what has a value for each box.
        checks_each: Clip and drop after every operator, not only at the end.
        clip: Edges are clipped to the image as boxes come.
        drops_invalid: Boxes without area are dropped as they come.
        rules: Which boxes stay: min_area, min_visibility, min_width, min_height, max_accept_ratio.
    """

    format: str
    label_fields: tuple[str, ...]
    checks_each: bool
    clip: bool
    drops_invalid: bool
    rules: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class KeypointSettings:
    """As `KeypointParams`.

    Attributes:
        format: Letters of a row's numbers: x, y, a (angle), s (scale).
        label_fields: Names of what has a value for each keypoint.
        checks_each: Drop after every operator, not only at the end.
        removes_invisible: Whether those outside the image are dropped at all.
        angle_in_degrees: Unit of the angle in the rows.
    """

    format: str
    label_fields: tuple[str, ...]
    checks_each: bool
    removes_invisible: bool
    angle_in_degrees: bool


@dataclass(frozen=True)
class Targets:
    """What moves with the image.

    Attributes:
        boxes: Settings of boxes, None where the pipeline takes none.
        keypoints: Settings of keypoints, None where the pipeline takes none.
        additional: (name, "image", "mask", "bboxes" or "keypoints") of further targets.
    """

    boxes: BoxSettings | None = None
    keypoints: KeypointSettings | None = None
    additional: tuple[tuple[str, str], ...] = ()

    @property
    def has_rows(self) -> bool:
        """Whether boxes or keypoints come along."""
        return self.boxes is not None or self.keypoints is not None

    @property
    def label_fields(self) -> tuple[str, ...]:
        """Of boxes and keypoints."""
        return tuple(name for rows in (self.boxes, self.keypoints) if rows for name in rows.label_fields)

    def options(self) -> dict[str, Any]:
        """Keyword arguments of the engine."""
        options: dict[str, Any] = {}
        if self.boxes is not None:
            options |= dict(self.boxes.rules)
            options["clips_boxes"] = self.boxes.clip
            options["drops_invalid_boxes"] = self.boxes.drops_invalid
            options["checks_boxes"] = "each" if self.boxes.checks_each else "end"
        if self.keypoints is not None:
            options["removes_invisible"] = self.keypoints.removes_invisible
            options["angle_in_degrees"] = self.keypoints.angle_in_degrees
            options["checks_keypoints"] = "each" if self.keypoints.checks_each else "end"
        return options


def targets_of(compose: Any) -> Targets:
    """Reads the outermost Albumentations Compose.

    Raises:
        NotNative: A format that the engine does not have.
    """
    processors = getattr(compose, "processors", None) or {}
    additional = getattr(compose, "additional_targets", None) or {}
    boxes = processors.get("bboxes")
    keypoints = processors.get("keypoints")
    return Targets(
        boxes=None if boxes is None else _boxes(boxes.params),
        keypoints=None if keypoints is None else _keypoints(keypoints.params),
        additional=tuple(sorted(additional.items())),
    )


def _boxes(params: Any) -> BoxSettings:
    names = ("min_area", "min_visibility", "min_width", "min_height", "max_accept_ratio")
    values = ((name, getattr(params, name, None)) for name in names)
    return BoxSettings(
        format=str(params.format),
        label_fields=tuple(params.label_fields or ()),
        checks_each=bool(params.check_each_transform),
        clip=bool(params.clip),
        drops_invalid=bool(getattr(params, "filter_invalid_bboxes", False)),
        rules=tuple((name, float(value)) for name, value in values if value is not None),
    )


def _keypoints(params: Any) -> KeypointSettings:
    if params.format not in _KEYPOINT_FORMATS:
        raise NotNative(
            f"keypoints of the format {params.format!r} (native are {', '.join(_KEYPOINT_FORMATS)})"
        )
    return KeypointSettings(
        format=str(params.format),
        label_fields=tuple(params.label_fields or ()),
        checks_each=bool(params.check_each_transform),
        removes_invisible=bool(params.remove_invisible),
        angle_in_degrees=bool(params.angle_in_degrees),
    )
