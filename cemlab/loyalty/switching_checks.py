"""What is checked before figures of what switching goes with are believed."""

from __future__ import annotations

import numpy as np

from cemlab.evidence import Check
from cemlab.loyalty.switching_fit import FittedMoves
from cemlab.loyalty.switching_moves import LoyalMoves
from cemlab.markup import join_words, percent, points
from cemlab.stats.excess_fit import CountedFates, ExcessFit
from cemlab.stats.excess_parts import Estimates, yearly_excess
from cemlab.stats.intervals import FloatArray

#: Which fates are full defection: left for another brand, left the category.
LOST: FloatArray = np.array([0.0, 0.0, 1.0, 1.0])

SHOCKS = (
    "No year has a shock of its own that all households share: the intervals carry the scatter of households "
    "and none of years, so that the economy's part has a wider one if years differ."
)
_ENOUGH_YEARS = 6  # values of the economy from which its slope rests on more than one year against the rest
_APART = 0.1  # of the range: closer values count as one
_ENOUGH_RATED = 100  # per year: a mean gap is then known to a sixth of a point or so
_INSIDE = 0.8  # of the focal year's gaps that lie where nine tenths of the placebo years' do at least


def switching_checks(moves: LoyalMoves, fitted: FittedMoves, conf_level: float) -> tuple[Check, ...]:
    """Return the checks of a fit: the economy apart from its year, the placebo years, the ratings.

    Parameters
    ----------
    moves
        What was counted.
    fitted
        The fit.
    conf_level
        Level of the intervals of the placebo years, for all of them together.
    """
    fates = fitted.fit.fates
    checks = [_economy(moves, fates), _placebo(moves, fitted, conf_level)]
    if not moves.counts.gaps:
        checks.append(_left_out("experience and offers", "No ratings of the brands were handed in."))
        return tuple(checks)
    for gap, rating in (("experience", "quality"), ("offers", "price")):
        if gap not in moves.counts.gaps:
            checks.append(_left_out(gap, f"The ratings have no column {rating!r}."))
    return (*checks, _dated(moves), _rated(moves, fates), _overlap(moves, fates), _alike(fitted, conf_level))


def _left_out(what: str, why: str) -> Check:
    return Check(
        name=f"{what} known",
        null=f"{what} could be told apart from the rest",
        passed=None,
        detail=f"{why} Whatever goes with it is part of the rest, or of the economy.",
        remedy="Ask the panel's households about the brands, in every year.",
    )


def _economy(moves: LoyalMoves, fates: CountedFates) -> Check:
    if fates.level is None:
        return _left_out("economy", "No figures of the economy were handed in.")
    level = np.sort(fates.level)
    distinct = 1 + int((np.diff(level) > _APART * np.ptp(level)).sum())
    return Check(
        name="economy apart from its year",
        null="the economy can be told from anything else that came with the year",
        passed=distinct >= _ENOUGH_YEARS,
        detail=(
            f"{len(level)} transitions with {distinct} distinct values of the economy cannot tell it from "
            f"anything else that came with {moves.years[fates.focal]}."
            if distinct < _ENOUGH_YEARS
            else f"{len(level)} transitions have {distinct} distinct values of the economy."
        )
        + " Its intervals leave out what all households of a year share besides, and are too narrow by that.",
        remedy=f"Read its part as all that came with that year, until {_ENOUGH_YEARS} values are seen.",
    )


def _placebo(moves: LoyalMoves, fitted: FittedMoves, conf_level: float) -> Check:
    others = [year for year in range(len(moves.years)) if year != fitted.fit.fates.focal]
    # all placebo years together are held to the level, so each of them to a stricter one (Bonferroni)
    level = 1 - (1 - conf_level) / len(others)
    found = fitted.intervals(lambda fit: yearly_excess(fit.fates, LOST), conf_level=level)
    told = [
        f"{moves.years[i]}: {points(found.estimate[i])} "
        f"({100 * found.conf_low[i]:+.1f} to {100 * found.conf_high[i]:+.1f})"
        for i in others
    ]
    return Check(
        name="placebo years",
        null="as many of the loyal defected in the placebo years as the null expects",
        passed=all(bool(found.conf_low[i] <= 0 <= found.conf_high[i]) for i in others),
        detail=f"Excess in {'; '.join(told)}.",
        remedy="The null fails where nothing is known to have happened; distrust the excess of any year.",
    )


def _dated(moves: LoyalMoves) -> Check:
    told = moves.counts.rated
    undated, outside = told["undated"], told["outside"]
    return Check(
        name="ratings given before what they are to explain",
        null="every rating was given after the base year began and before the follow-up",
        passed=undated == 0,
        detail=(
            f"{told['used for a transition']:,} ratings were used; {outside:,} were given before the first "
            f"base year or after the last follow-up began, and {undated:,} have no date; they were left out."
        ),
        remedy="Find out when they were given: a rating given afterwards may follow from the defection.",
    )


def _rated(moves: LoyalMoves, fates: CountedFates) -> Check:
    fewest = fates.rated_per_year.min(axis=1)
    told = [f"{int(n):,} in {year}" for n, year in zip(fewest, moves.years, strict=True)]
    return Check(
        name="households that rated",
        null=f"at least {_ENOUGH_RATED} loyal households rated the brand and a rival in each year",
        passed=bool(fewest.min() >= _ENOUGH_RATED),
        detail=f"Rated by {join_words(told)}, of {int(fates.per_year.sum()):,} loyal household years.",
        remedy="Ask more households; the parts of experience and offers are hardly known.",
    )


def _overlap(moves: LoyalMoves, fates: CountedFates) -> Check:
    shares = []
    for gap in range(fates.gaps.shape[1]):
        known = fates.rated[:, gap]
        here = known & (fates.year == fates.focal)
        usual = np.repeat(fates.gaps[known & ~here, gap], fates.weight[known & ~here].astype(np.int64))
        low, high = np.quantile(usual, [0.05, 0.95])
        inside = (fates.gaps[here, gap] >= low) & (fates.gaps[here, gap] <= high)
        shares.append(float(np.average(inside, weights=fates.weight[here])))
    told = [f"{percent(s)} ({gap})" for s, gap in zip(shares, moves.counts.gaps, strict=True)]
    return Check(
        name="overlap of the gaps",
        null="the gaps of the year asked about were seen in the placebo years as well",
        passed=min(shares) >= _INSIDE,
        detail=f"Within the middle nine tenths of the placebo years lie {join_words(told)}.",
        remedy="The slopes are stretched beyond what was seen; distrust the parts of the gaps.",
    )


def _alike(fitted: FittedMoves, conf_level: float) -> Check:
    found = fitted.intervals(_rated_or_not, conf_level=conf_level)
    low, high = float(found.conf_low[0]), float(found.conf_high[0])
    return Check(
        name="raters like the others",
        null="those who rated the brands defected beyond the null as often as those who did not",
        passed=low <= 0 <= high,
        detail=f"Their excess differs by {points(float(found.estimate[0]))} "
        f"({100 * low:+.1f} to {100 * high:+.1f}).",
        remedy="Who answers is no sample of the loyal; weigh the raters before their ratings are used.",
    )


def _rated_or_not(fit: ExcessFit) -> Estimates:
    """Return the excess of those who rated less that of those who did not, over all years."""
    fates = fit.fates
    rated = fates.rated.any(axis=1)
    groups = np.column_stack([rated, ~rated]).astype(np.float64)
    size = np.maximum(fates.weight @ groups, 1.0)
    away = LOST[fates.fate] - fates.null @ LOST
    mean = (fates.weight * away) @ groups / size
    influence = (away[:, None] - mean) * groups / size
    return Estimates(value=mean, influence=influence).combined(np.array([[1.0, -1.0]]))
