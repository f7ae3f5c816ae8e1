"""What the engine cannot take over."""

from __future__ import annotations

from collections.abc import Sequence


class NotNative(ValueError):
    """Something that the engine cannot take over.

    Attributes:
        reasons: One sentence for each thing that stays in Python.
        report: One line for each leaf of a pipeline, native or not; empty where no pipeline was read.
    """

    def __init__(self, *reasons: str, report: Sequence[str] = ()) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = list(reasons)
        self.report = list(report)
