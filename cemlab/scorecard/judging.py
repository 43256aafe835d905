"""The rules of the scorecard: what a row's figures are, and when it is red.

A row is red if its coverage leaves 92 to 98 %, or its bias is more than a fifth of the effect, or, for a
decision, if it forgoes more than a fifth of what the best one is worth. No row is green for want of figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cemlab.markup import join_words, percent
from cemlab.scorecard.row import Kind, Row
from cemlab.simulate.streams import Floats
from cemlab.stats.intervals import wilson

Verdict = Literal["green", "red", "naive"]

#: Coverage of 95 % intervals that is good enough, both ends included.
COVERAGE = (0.92, 0.98)
#: Largest bias, and largest regret, as a share of the effect.
A_FIFTH = 0.2
#: With fewer seeds than this a coverage of 95 % cannot be told from one of 85 %.
ENOUGH_SEEDS = 50


@dataclass(frozen=True, eq=False, kw_only=True)
class Draws:
    """What a row gave on each seed (n); the estimate is NaN where the method refused."""

    value: Floats
    low: Floats
    high: Floats
    truth: Floats

    def used(self) -> Draws:
        """Return the seeds on which the method gave a figure."""
        there = np.isfinite(self.value)
        return Draws(
            value=self.value[there], low=self.low[there], high=self.high[there], truth=self.truth[there]
        )


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of one row, over seeds; NaN where there is none. All intervals are 95 % intervals."""

    truth: float
    estimate: float
    conf_low: float
    conf_high: float
    bias: float
    bias_low: float
    bias_high: float
    bias_share: float
    bias_share_low: float
    bias_share_high: float
    coverage: float
    coverage_low: float
    coverage_high: float
    power: float
    regret: float
    regret_share: float
    n_seeds: int
    n_refused: int


def figures(row: Row, draws: Draws) -> Figures:
    """Return the figures of a row.

    Parameters
    ----------
    row
        The row.
    draws
        What it gave, seed by seed.
    """
    used = draws.used()
    n, refused = len(used.value), len(draws.value) - len(used.value)
    truth = float(used.truth.mean()) if n else math.nan
    estimate, low, high = mean_with_interval(used.value)
    bias = mean_with_interval(used.value - used.truth)
    effect = truth - row.no_effect
    share = tuple(sorted(_share(part, row.yardstick or effect) for part in bias[1:]))
    coverage, power = (math.nan, math.nan, math.nan), math.nan
    regret = regret_share = math.nan
    if row.kind == "decision":
        regret = -bias[0]
        regret_share = _share(regret, row.yardstick or effect)
    elif n and not (row.kind == "naive" and np.isnan(used.low).all()):
        aim = used.truth if row.target == "company" else truth
        covered = (used.low <= aim) & (aim <= used.high)
        coverage = _share_of(covered)
        power = float(((used.low > row.no_effect) | (used.high < row.no_effect)).mean())
    return Figures(
        truth=truth,
        estimate=estimate,
        conf_low=low,
        conf_high=high,
        bias=bias[0],
        bias_low=bias[1],
        bias_high=bias[2],
        bias_share=_share(bias[0], row.yardstick or effect),
        bias_share_low=share[0],
        bias_share_high=share[1],
        coverage=coverage[0],
        coverage_low=coverage[1],
        coverage_high=coverage[2],
        power=power,
        regret=regret,
        regret_share=regret_share,
        n_seeds=n,
        n_refused=refused,
    )


def mean_with_interval(values: Floats) -> tuple[float, float, float]:
    """Return the mean over seeds and its 95 % interval (Student's t); no interval from one seed.

    Examples
    --------
    >>> [round(end, 3) for end in mean_with_interval(np.array([1.0, 2.0, 3.0]))]
    [2.0, -0.484, 4.484]
    """
    from scipy.special import stdtrit

    n = len(values)
    if n == 0:
        return math.nan, math.nan, math.nan
    mean = float(values.mean())
    if n == 1:
        return mean, math.nan, math.nan
    reach = float(stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(n)
    return mean, mean - reach, mean + reach


def chance_of_red(n: int) -> float:
    """Return how often intervals that hold the truth in exactly 95 % leave the bounds on n seeds, by chance.

    Examples
    --------
    >>> round(chance_of_red(100), 2), round(chance_of_red(1000), 4)
    (0.1, 0.0)
    """
    from scipy.stats import binom

    hits = np.arange(n + 1)
    bad = (hits / n < COVERAGE[0]) | (hits / n > COVERAGE[1])
    return float(binom.pmf(hits[bad], n, 0.95).sum())


def judge(kind: Kind, row: Figures) -> tuple[Verdict, str]:
    """Return the verdict on a row, and the reason in words.

    Parameters
    ----------
    kind
        Of the row; what is naive is never judged.
    row
        Its figures.
    """
    if kind == "naive":
        return "naive", "Shown for the size of its error; not judged."
    if row.n_seeds == 0:
        return "red", f"No estimate: the method refused all {row.n_refused} seed(s)."
    faults = _faults_of_decision(row) if kind == "decision" else _faults_of_estimate(row)
    said = f"{join_words(faults)}." if faults else "Within the bounds."
    said = said[0].upper() + said[1:]
    if row.n_refused:
        said += f" The method refused {row.n_refused} of {row.n_refused + row.n_seeds} seeds."
    if row.n_seeds < ENOUGH_SEEDS:
        said += f" Too few seeds ({row.n_seeds}) to be sure."
    return ("red" if faults else "green"), said


def _faults_of_estimate(row: Figures) -> list[str]:
    faults = []
    if not COVERAGE[0] <= row.coverage <= COVERAGE[1]:
        beyond = "above 98 %" if row.coverage > COVERAGE[1] else "below 92 %"
        faults.append(f"coverage {percent(row.coverage)} is {beyond}")
    # written so that a bias that is no number is a fault
    if not abs(row.bias_share) <= A_FIFTH:
        faults.append(f"bias is {_told(row.bias_share)} of the effect")
    return faults


def _faults_of_decision(row: Figures) -> list[str]:
    if row.regret_share <= A_FIFTH:
        return []
    return [f"regret is {_told(row.regret_share)} of what the best decision is worth"]


def _told(share: float) -> str:
    return percent(share) if math.isfinite(share) else "beyond any share"


def _share(part: float, whole: float) -> float:
    """Return a part of the whole; of nothing, no part is small but nothing."""
    if whole == 0 or math.isnan(whole):
        return 0.0 if part == 0 else part if math.isnan(part) else math.copysign(math.inf, part)
    return part / whole


def _share_of(flags: object) -> tuple[float, float, float]:
    hits = np.asarray(flags, dtype=bool)
    interval = wilson(int(hits.sum()), len(hits))
    return float(interval.estimate), float(interval.conf_low), float(interval.conf_high)
