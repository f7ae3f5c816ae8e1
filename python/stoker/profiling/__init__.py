"""Measuring a loader: where the time goes, what bounds it, how it scales, and whether another is faster."""

from stoker.profiling.comparing import Comparison, compare
from stoker.profiling.measuring import profile
from stoker.profiling.record import Profile

__all__ = ["Comparison", "Profile", "compare", "profile"]
