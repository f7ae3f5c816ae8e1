"""Systems that take turns, and the values of their rounds: medians and quartiles."""

import statistics


def turns(names, number):
    """The order of a round: each system is first in its turn."""
    names = list(names)
    first = number % len(names)
    return names[first:] + names[:first]


def spread(values):
    """[median, lower quartile, upper quartile] of those that are not None; None where there are none."""
    values = [value for value in values if value is not None]
    if len(values) < 2:
        return [values[0]] * 3 if values else None
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return [middle, low, high]


def shown(values, digits=1):
    """What `spread` gave, as "median [lower, upper]"."""
    if values is None:
        return "-"
    middle, low, high = (f"{value:.{digits}f}" for value in values)
    return f"{middle} [{low}, {high}]"
