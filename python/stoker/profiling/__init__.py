"""Measuring a loader: where the time goes, what bounds it, how it scales."""

from stoker.profiling.profile import Profile

__all__ = ["Profile"]
