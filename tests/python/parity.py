"""Rows of the parity table: what the parity tests found, kept for whoever writes the table."""

from __future__ import annotations

import atexit
import json
import os
from pathlib import Path
from typing import Any

rows: list[dict[str, Any]] = []


def parity_row(
    operator: str, library: str, dtype: str, differing: float, largest: float, mean: float, **more: Any
) -> None:
    """Adds one row.

    Args:
        operator: The operator, with the parameters that matter.
        library: What it was compared with, and its version.
        dtype: The element type of the images.
        differing: Share of samples that differ.
        largest: The largest difference, in levels or in the dtype's own unit.
        mean: The mean difference.
        more: Further columns.
    """
    rows.append(
        {
            "operator": operator,
            "library": library,
            "dtype": dtype,
            "differing": differing,
            "largest": largest,
            "mean": mean,
            **more,
        }
    )


@atexit.register
def _write() -> None:
    name = os.environ.get("STOKER_PARITY")
    if name and rows:
        with Path(name).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
