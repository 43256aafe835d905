"""The remaining margin if customers left at another pace, as a ratio says that they might."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from cemlab.errors import DesignError, OptionError, one_of
from cemlab.survival.hazard_result import HazardRatios
from cemlab.survival.margin_counts import Ints, MarginCounts, SegmentCounts
from cemlab.survival.margins import RemainingMargin, margin_of

if TYPE_CHECKING:
    import pandas as pd


def shifted_margin(
    remaining: RemainingMargin,
    *,
    ratios: HazardRatios,
    term: str,
    shift: float,
    acts_on: Mapping[str, float],
) -> RemainingMargin:
    """Answer what today's customers would bring if something shifted, were its hazard ratio an influence.

    Parameters
    ----------
    remaining
        From :func:`cemlab.survival.remaining_margin`.
    ratios, term
        Hazard ratios, and the term whose ratio for one unit more is taken.
    shift
        By how many units, -5 to 5; 0 gives `remaining` itself.
    acts_on
        By segment, the share of departures for causes that it acts on, 0 to 1; others keep their pace.

    Returns
    -------
    RemainingMargin
        Worked out from the counts of `remaining` in milliseconds; its intervals hold the error of the ratio,
        too, by the delta method.

    Raises
    ------
    OptionError, DesignError
        For an unknown term, a shift or a share out of range, or a segment without its share.

    Notes
    -----
    A scenario and no estimate of an effect: it assumes that the ratio is what raising the term would do, that
    it is the same in all segments and at all tenures, and that the mix of causes does not depend on tenure.
    """
    terms = ratios.table["term"].tolist()
    if term not in terms:
        raise OptionError(one_of(term, terms, what="term"))
    if not -5 <= shift <= 5:
        raise OptionError(f"shift is {shift!r}; give units of {term} from -5 to 5")
    for name in remaining.counts.segments:
        if name not in acts_on:
            raise DesignError(f"acts_on says nothing of the segment {name!r}; state its share of departures")
        if not 0 <= acts_on[name] <= 1:
            raise OptionError(f"acts_on: {acts_on[name]!r} of {name} is no share; give 0 to 1")
    if shift == 0:
        return remaining
    row = ratios.table[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float)[terms.index(term)]
    at, low, high = (_moved(remaining, float(end) ** shift, acts_on) for end in row)
    evidence = replace(
        at.evidence,
        assumptions=(
            *at.evidence.assumptions,
            f"A shift of {shift:+g} in {term} multiplies the pace of leaving by {row[0]:.2f} a unit "
            "for the causes it acts on: an assumption, no finding.",
        ),
    )
    return replace(at, table=_widened(at.table, low.table, high.table), evidence=evidence)


def _moved(remaining: RemainingMargin, ratio: float, acts_on: Mapping[str, float]) -> RemainingMargin:
    counts = remaining.counts
    segments = {name: _paced(s, 1 + acts_on[name] * (ratio - 1)) for name, s in counts.segments.items()}
    moved: MarginCounts = replace(counts, segments=segments)
    return margin_of(
        moved,
        horizon=remaining.horizon,
        discount=remaining.discount,
        extrapolate=remaining.extrapolate,
        conf_level=remaining.conf_level,
    )


def _paced(segment: SegmentCounts, multiple: float) -> SegmentCounts:
    """Return the segment with the pace of leaving multiplied, exposure kept."""
    exposed = segment.events + segment.stayed
    chance = 1 - (segment.stayed / exposed) ** multiple
    # expected departures need not be whole
    return replace(segment, events=cast("Ints", exposed * chance), stayed=exposed * (1 - chance))


def _widened(at: pd.DataFrame, low: pd.DataFrame, high: pd.DataFrame) -> pd.DataFrame:
    """Add the error of the ratio to the intervals: half the distance between its two ends."""
    table = at.copy()
    for name, (below, above) in {
        "estimate": ("conf_low", "conf_high"),
        "total": ("total_low", "total_high"),
    }.items():
        own = (high[name] - low[name]).abs() / 2
        table[below] = at[name] - np.hypot(at[name] - at[below], own)
        table[above] = at[name] + np.hypot(at[above] - at[name], own)
    return table
