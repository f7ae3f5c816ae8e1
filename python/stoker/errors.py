"""What stoker raises besides ValueError and TypeError (which mean a wrong argument)."""

from __future__ import annotations

from typing import Any


class StokerError(RuntimeError):
    """Base of the errors below."""


class SampleError(StokerError):
    """One or more samples could not be made.

    Attributes:
        errors: One dict a bad sample: code, path, index, epoch, step, found, hint, message.
        code, path, index, epoch, step, hint: Those of the first.
    """

    def __init__(self, message: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.errors = errors or []
        first = self.errors[0] if self.errors else {}
        self.code: str | None = first.get("code")
        self.path: str | None = first.get("path")
        self.index: int | None = first.get("index")
        self.epoch: int | None = first.get("epoch")
        self.step: str | None = first.get("step")
        self.hint: str | None = first.get("hint")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.errors)


class IoError(StokerError, OSError):
    """The disk or a mount failed; the loader has stopped."""


class ShardError(StokerError):
    """A shard's header, index or footer is damaged; the loader has stopped."""


class InternalError(StokerError):
    """A defect of stoker; please report it."""
