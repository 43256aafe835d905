"""The gate: what may be told as a cause, and what only as going with the treatment."""

from __future__ import annotations

from dataclasses import replace

from cemlab.errors import DesignError, OptionError
from cemlab.evidence import GRADES, Grade
from cemlab.training.effects import GroupTimeEffects
from cemlab.training.roll_out import RollOut
from cemlab.training.trends import PreTrends


def causal_claim(effects: GroupTimeEffects, trends: PreTrends) -> GroupTimeEffects:
    """Return the effects with what the trends before the treatment allow one to say.

    Where the tests speak against parallel trends the grade falls to "association", and with it all words of
    cause in narrative and charts, also of what is averaged from here. Where they decide nothing the grade
    stays and the check says so. A grade is never raised.

    Parameters
    ----------
    effects
        From :func:`group_time_effects`.
    trends
        From :func:`pre_trends`, on the same units, periods and outcome, with the same anticipation.

    Returns
    -------
    GroupTimeEffects
        The same figures, with one more check and the two tests behind it.

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
    if not isinstance(effects, GroupTimeEffects) or not isinstance(trends, PreTrends):
        raise OptionError(
            f"effects and trends are {type(effects).__name__} and {type(trends).__name__}; give what "
            "group_time_effects and pre_trends return"
        )
    _refuse_other_data(effects, trends)
    check = trends.check
    grade = effects.evidence.grade
    lowered: Grade | None = "association" if check.passed is False and _above(grade) else None
    told = effects.with_checks([check], grade=lowered)
    tests = (*told.evidence.tests, *trends.evidence.tests)
    return replace(told, evidence=replace(told.evidence, tests=tests))


def _above(grade: Grade) -> bool:
    """Tell whether a grade says more than an association."""
    order = list(GRADES)
    return order.index(grade) > order.index("association")


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
