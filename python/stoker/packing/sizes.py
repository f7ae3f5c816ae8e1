"""Numbers of bytes as they are written on the command line."""

from __future__ import annotations

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def bytes_from(option: str, text: str) -> int:
    """65536, 256M, 1G; ValueError that names the option for anything else."""
    digits = text.rstrip("kKmMgGtT")
    unit = text.lower()[len(digits) :]
    if not (digits.isascii() and digits.isdigit()) or unit not in _UNITS:
        raise ValueError(f"{option} must be a number such as 65536, 256M or 1G, got {text!r}")
    return int(digits) * _UNITS[unit]
