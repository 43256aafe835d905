"""The gate: what may be told as a cause, and what only as going with the treatment."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, cast

from cemlab.errors import DesignError, OptionError
from cemlab.evidence import GRADES, Grade
from cemlab.result import Result
from cemlab.training.effects import GroupTimeEffects
from cemlab.training.roll_out import RollOut
from cemlab.training.trends import PreTrends

Told = TypeVar("Told", bound=Result)


def causal_claim(effects: Told, trends: PreTrends) -> Told:
    """Return a result with what the trends before the treatment allow one to say.

    Where the tests speak against parallel trends the grade falls to "association", and with it all words of
    cause in narrative and charts, also of what is averaged from here. Where they decide nothing the grade
    stays and the check says so. A grade is never raised.

    Parameters
    ----------
    effects
        From :func:`group_time_effects`, or another result on the same roll-out that may tell of an effect:
        methods side by side, the test for few branches, what changes on the way.
    trends
        From :func:`pre_trends`, on the same units, periods and outcome, with the same anticipation. Of
        group-time effects all that is compared; of other results, how many units they rest on.

    Returns
    -------
    Result
        Of the same kind: the same figures, with one more check and the two tests behind it.

    Raises
    ------
    OptionError
        If these are no such results.
    DesignError
        If they are of different data.

    Notes
    -----
    At the usual level of 5 % the gate is shut, for want of luck, on about one sound roll-out in twenty.
    A slope alone decides in most cases; see :func:`pre_trends` for what it would have found here.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from cemlab.training.effects import group_time_effects
    >>> from cemlab.training.trends import pre_trends
    >>> rng = np.random.default_rng(1)
    >>> rows = [(u, t, 9 if u < 8 else 0, 0.5 * t * (u < 8) + y)
    ...         for u in range(20) for t, y in enumerate(rng.normal(size=12), start=1)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "first_trained", "cx"])
    >>> effects = group_time_effects(panel, outcome="cx")
    >>> told = causal_claim(effects, pre_trends(panel, outcome="cx", draws=199))
    >>> effects.evidence.grade, told.evidence.grade
    ('quasi-experiment', 'association')
    """
    if not isinstance(effects, Result) or not isinstance(trends, PreTrends):
        raise OptionError(
            f"effects and trends are {type(effects).__name__} and {type(trends).__name__}; give what "
            "group_time_effects and pre_trends return"
        )
    check = trends.check
    grade = effects.evidence.grade
    lowered: Grade | None = "association" if check.passed is False and _above(grade) else None
    if isinstance(effects, GroupTimeEffects):
        _refuse_other_data(effects, trends)
        told = cast(Told, effects.with_checks([check], grade=lowered))
    else:
        _refuse_other_units(effects, trends)
        checked = replace(effects.evidence, checks=(*effects.evidence.checks, check), grade=lowered or grade)
        told = replace(effects, evidence=checked)
    tests = (*told.evidence.tests, *trends.evidence.tests)
    return replace(told, evidence=replace(told.evidence, tests=tests))


def _above(grade: Grade) -> bool:
    """Tell whether a grade says more than an association."""
    order = list(GRADES)
    return order.index(grade) > order.index("association")


def _refuse_other_units(effects: Result, trends: PreTrends) -> None:
    """Refuse a result that rests on other units, as far as its evidence tells."""
    one, other = effects.evidence.n_used, trends.evidence.n_used
    if one != other:
        raise DesignError(
            f"effects and trends rest on {one:,} and {other:,} units; test the trends of the data that the "
            "effects are estimated on"
        )


def _refuse_other_data(effects: GroupTimeEffects, trends: PreTrends) -> None:
    one, other = effects.roll_out, trends.roll_out
    different = [
        name
        for name, same in (
            ("units", one.units == other.units),
            ("periods", one.periods == other.periods),
            ("outcome", one.outcome_name == other.outcome_name and _same(one, other)),
            ("anticipation", effects.anticipation == trends.anticipation),
        )
        if not same
    ]
    if different:
        raise DesignError(
            f"effects and trends differ in {', '.join(different)}; test the trends of the data that the "
            "effects are estimated on"
        )


def _same(one: RollOut, other: RollOut) -> bool:
    """Tell whether outcomes and beginnings of treatment are the same numbers."""
    return bool(
        one.outcome.shape == other.outcome.shape
        and (one.outcome == other.outcome).all()
        and (one.first == other.first).all()
    )
