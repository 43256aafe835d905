"""Exercises and the check cell of notebook 11, on what a point of experience is worth."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cemlab import linkage
from cemlab.linkage import Ladder
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.simulate.oracle import Oracle

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company

_HALVES = ("cx_a", "cx_b")
_RECORDED = ("region", "format")
_CLOSED = 3  # one branch in so many
# One and a half standard errors of the ladder's last rung, 3.9 EUR on Halden.
_THE_PANEL = Tolerance(size=6.0)
# A right answer must never be taken for a figure that is printed beside it.
_TOO_NEAR = 0.01
# The same panel gives the same slopes; a mean of branches may be taken with or without customers as weights.
_SAME_PANEL = Tolerance(size=0.015)
# The same years of the same branches, but for rounding to whole numbers.
_SAME_BRANCHES = Tolerance(size=0.51)
# The same answers, but for rounding to whole points.
_SAME_ANSWERS = Tolerance(size=0.006)


@lru_cache(maxsize=2)
def _months(company: Company) -> pd.DataFrame:
    return linkage.linked_months(company)


@lru_cache(maxsize=2)
def _ladder(company: Company) -> Ladder:
    panel = linkage.linked_panel(
        _months(company),
        outcome="margin_per_customer",
        controls=_RECORDED,
        halves=_HALVES,
        weights="customers",
    )
    return linkage.value_of_a_point(panel)


@lru_cache(maxsize=2)
def _books(company: Company) -> Ladder:
    """Return the ladder of profit, which the notebook shows for the naive answer."""
    panel = linkage.linked_panel(
        _months(company), outcome="profit_per_customer", controls=_RECORDED, halves=_HALVES
    )
    return linkage.value_of_a_point(panel)


def _apart(value: float, right: float) -> float:
    """Return where a road leads to; missing where that cannot be told from what is right."""
    return value if abs(value - right) >= _TOO_NEAR * abs(value) else float("nan")


def _of_profit(company: Company) -> float:
    return _apart(float(_books(company).end.estimate), _end(company))


def _pooled_profit(company: Company) -> float:
    return _apart(float(_books(company).rung("pooled").estimate), _end(company))


def _part_left(company: Company) -> float:
    return _end(company) / _between(company)


def _part_lost(company: Company) -> float:
    """Return the part that is not left; missing where a half is, for then both are the same."""
    left = _part_left(company)
    return 1 - left if abs(1 - 2 * left) > _SAME_PANEL.size else float("nan")


def _true_value(company: Company) -> float:
    """Return what one SD more experience adds to the margin of the very same members in the same month."""
    values = Oracle.of(company).value_of_a_point().set_index("quantity")["truth"]
    return float(values.loc["margin"])


def _pooled(company: Company) -> float:
    return float(_ladder(company).rung("pooled").estimate)


def _within(company: Company) -> float:
    return float(_ladder(company).rung("within units and periods").estimate)


def _end(company: Company) -> float:
    return float(_ladder(company).end.estimate)


def _between(company: Company) -> float:
    """Return the slope of the line through the branches' averages over all months."""
    import numpy as np

    months = _months(company)
    sums = months.groupby("branch")[["margin", "customers"]].sum()
    score = months.groupby("branch")["cx"].mean()
    return float(np.polyfit(score, sums["margin"] / sums["customers"], 1)[0])


@lru_cache(maxsize=2)
def _units(company: Company) -> pd.DataFrame:
    """Return each branch's score in its first year and its profit per customer in the last one."""
    return linkage.lasting_units(linkage.linked_panel(_months(company), outcome="profit_per_customer"))


def _survivors(company: Company) -> pd.Series[bool]:
    units = _units(company)
    return units["outcome"].rank() > len(units) // _CLOSED


def _gap(units: pd.DataFrame, cut: float) -> float:
    high = units["score"] >= cut
    return float(units.loc[high, "outcome"].mean() - units.loc[~high, "outcome"].mean())


def _bias_by_own_median(company: Company) -> float:
    left = _units(company)[_survivors(company)]
    return _gap(left, float(left["score"].median())) - _gap_of_all(company)


def _gap_left(company: Company) -> float:
    units = _units(company)
    return _gap(units[_survivors(company)], float(units["score"].median()))


def _gap_of_all(company: Company) -> float:
    units = _units(company)
    return _gap(units, float(units["score"].median()))


def _survivor_bias(company: Company) -> float:
    return _gap_left(company) - _gap_of_all(company)


@lru_cache(maxsize=2)
def _kept(company: Company) -> pd.DataFrame:
    """Return by tenth of intention, and in a last row over all, what was stated and who stayed."""
    return linkage.intent_against_behaviour(linkage.intent_behaviour(company)).calibration


EXERCISES = (
    Exercise(
        number="11.a",
        asks="what a point more of experience adds to the margin of a customer, in the currency of the "
        "company a month, a number",
        truth=_true_value,
        form="number",
        tolerance=_THE_PANEL,
        hint="Look again at the section “The estimate”: the rung on which the ladder ends.",
        traps=(
            Trap(
                name="the pooled slope",
                value=_pooled,
                hint="branches of richer customers please more and sell more; compare each with itself.",
            ),
            Trap(
                name="the slope with the score's error left in",
                value=_within,
                hint="part of what varies in the score is error; let each half stand in for the other.",
            ),
            Trap(
                name="the naive slope of profit",
                value=_pooled_profit,
                hint="that is the figure of the slide; asked is margin, each branch compared with itself.",
                printed=True,
            ),
            Trap(
                name="the slope of profit",
                value=_of_profit,
                hint="pay and rent are taken off there; asked is the margin, branches weighted by customers.",
                printed=True,
            ),
        ),
    ),
    Exercise(
        number="11.1",
        asks="the value at the end of the ladder over the slope of the line through the branches' averages, "
        "a number",
        truth=_part_left,
        form="number",
        tolerance=_SAME_PANEL,
        counted=True,
        hint="Average each branch over all months, lay the line, and put its slope below the ladder's end.",
        traps=(
            Trap(
                name="the pooled slope below the line",
                value=lambda company: _end(company) / _pooled(company),
                hint="single months carry the score's error, too; take the branches' averages.",
            ),
            Trap(
                name="error left in",
                value=lambda company: _within(company) / _between(company),
                hint="above the line belongs the ladder's last rung, from which the error is taken out.",
            ),
            Trap(
                name="the naive slope of profit below the line",
                value=lambda company: _end(company) / _pooled_profit(company),
                hint="asked is margin over margin, and the line through the branches' averages.",
            ),
            Trap(
                name="the share that is lost",
                value=_part_lost,
                hint="asked is the part that is left; take it off one.",
            ),
            Trap(
                name="the ratio upside down",
                value=lambda company: _between(company) / _end(company),
                hint="asked is which part of the line's slope is left.",
            ),
        ),
    ),
    Exercise(
        number="11.2",
        asks="by how much the gap between high and low experience changes once a third of the branches is "
        "closed, survivors less all, a number",
        truth=_survivor_bias,
        form="number",
        tolerance=_SAME_BRANCHES,
        counted=True,
        hint="Take the gap among the survivors with the median of all branches, less the gap among all.",
        traps=(
            Trap(
                name="the gap among the survivors",
                value=_gap_left,
                hint="that is what the report shows; asked is how far it is off.",
            ),
            Trap(
                name="the median of the survivors",
                value=_bias_by_own_median,
                hint="cut at the median of all branches, for the survivors, too.",
            ),
            Trap(
                name="all less survivors",
                value=lambda company: -_survivor_bias(company),
                hint="the sign is the wrong way round: survivors less all.",
            ),
            Trap(
                name="the gap among all",
                value=_gap_of_all,
                hint="that is what nobody sees once branches are closed; take it off the survivors' gap.",
            ),
        ),
    ),
    Exercise(
        number="11.3",
        asks="the share of those who answered that stayed, less the mean intention that they stated, a "
        "difference of shares",
        truth=lambda company: float(_kept(company)["difference"].iloc[-1]),
        form="difference of shares",
        tolerance=_SAME_ANSWERS,
        counted=True,
        hint="The last row of `calibration` is that of all answers.",
        traps=(
            Trap(
                name="stated less stayed",
                value=lambda company: -float(_kept(company)["difference"].iloc[-1]),
                hint="the sign is the wrong way round.",
            ),
            Trap(
                name="those of the highest intention alone",
                value=lambda company: float(_kept(company)["difference"].iloc[-2]),
                hint="asked are all who answered; the last row is theirs.",
            ),
            Trap(
                name="the share that stayed",
                value=lambda company: float(_kept(company)["estimate"].iloc[-1]),
                hint="take off what they stated.",
            ),
        ),
    ),
)
