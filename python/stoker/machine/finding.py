"""What `stoker doctor` says of a machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Finding:
    """Something that costs speed or will fail, and what to do about it, in one line each.

    Attributes:
        area: "engine", "packages", "cores", "memory", "threads" or "storage".
        what: What was found, with its numbers.
        remedy: What to do; one line that can be acted on.
    """

    area: str
    what: str
    remedy: str

    def to_dict(self) -> dict[str, str]:
        return asdict(self)
