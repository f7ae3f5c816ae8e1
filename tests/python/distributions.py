"""Samples of drawn numbers held against each other, and the rows of the parity page that come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import pytest
from parity import draw_row

stats = pytest.importorskip("scipy.stats")

# Seeds are fixed, so that a test passes or fails for good: by chance one in 10,000 comparisons would fail.
LEAST_P_VALUE = 1e-4
_FEW = 30  # distinct values up to which they are counted instead of ranked


def compare(operator: str, library: str, value: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
    """Asserts that two samples may come from the same distribution, and adds a row to the page.

    Few distinct values are compared by their counts (chi-square), many by Kolmogorov and Smirnov's distance
    of two samples.
    """
    if len(set(ours) | set(theirs)) <= _FEW:
        compare_counts(operator, library, value, ours, theirs)
        return
    found = stats.ks_2samp(ours, theirs)
    _judge(operator, library, value, "KS", len(ours), float(found.pvalue))


def compare_counts(
    operator: str, library: str, value: str, ours: Sequence[Hashable], theirs: Sequence[Hashable]
) -> None:
    """The same for values that have no order. What both samples hold less than 10 times is one value."""
    counts = [Counter(ours), Counter(theirs)]
    values = set(counts[0]) | set(counts[1])
    table = [[count[each] for count in counts] for each in values if sum(c[each] for c in counts) >= 10]
    rest = [len(sample) - sum(column) for sample, column in zip((ours, theirs), _columns(table), strict=True)]
    if sum(rest) > 0:
        table.append(rest)
    p_value = float(stats.chi2_contingency(table).pvalue) if len(table) > 1 else 1.0
    _judge(operator, library, value, "chi-square", len(ours), p_value)


def uniform(operator: str, value: str, ours: Sequence[float], low: float, high: float) -> None:
    """Asserts that numbers are evenly distributed from `low` to `high`."""
    found = stats.kstest(ours, stats.uniform(low, high - low).cdf)
    _judge(operator, "exact", value, "KS", len(ours), float(found.pvalue))


def shares(operator: str, value: str, ours: Sequence[Hashable], expected: dict[Hashable, float]) -> None:
    """Asserts that each value comes as often as `expected` says; its shares add up to 1."""
    counts = Counter(ours)
    assert set(counts) <= set(expected), f"{operator} {value}: {set(counts) - set(expected)}"
    found = [counts[each] for each in expected]
    p_value = float(stats.chisquare(found, [len(ours) * share for share in expected.values()]).pvalue)
    _judge(operator, "exact", value, "chi-square", len(ours), p_value)


def _columns(table: list[list[int]]) -> list[list[int]]:
    return [[row[side] for row in table] for side in (0, 1)]


def _judge(operator: str, library: str, value: str, test: str, draws: int, p_value: float) -> None:
    assert not np.isnan(p_value)
    assert p_value > LEAST_P_VALUE, f"{operator}: {value} is not distributed as in {library} ({p_value:.1g})"
    draw_row(operator, library, value, test, draws, p_value)
