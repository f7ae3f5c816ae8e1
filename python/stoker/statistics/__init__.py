"""Statistics of a data set, by channel: computed once, kept in a file, given to `stoker.normalize`."""

from stoker.statistics.channel import VALUE_SCALES, Channel
from stoker.statistics.computing import compute_statistics
from stoker.statistics.figures import Statistics
from stoker.statistics.normalizing import normalize

__all__ = ["VALUE_SCALES", "Channel", "Statistics", "compute_statistics", "normalize"]
