"""What points of experience go with in money: by branch and in all, from a slope and counted customers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.panel_columns import as_periods
from cemlab.data.person_periods import is_number
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of
from cemlab.evidence import GRADES, Check, Evidence, Grade
from cemlab.linkage.denominators import OTHER_PERIODS, per_customer_and_month
from cemlab.linkage.rungs import LadderRung
from cemlab.markup import join_words, number, with_interval
from cemlab.result import Result, check_conf_level

_MOST_BARS = 12
_NAMED = 5
_SEEN = "points that were seen"
# share of a difference of scores that rounding makes
_ROUNDING = 1e-9


class Rung(Protocol):
    """A slope with its interval and its design grade, as of one rung of a ladder."""

    @property
    def estimate(self) -> float:
        """Money a customer and month for a point of the score."""

    @property
    def conf_low(self) -> float:
        """Lower end of its interval."""

    @property
    def conf_high(self) -> float:
        """Upper end."""

    @property
    def grade(self) -> Grade:
        """What its design allows one to say."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PricedPoints(Result):
    """Money that goes with points of experience, by branch and in all.

    Parameters
    ----------
    table
        One row a branch, the largest first, and "all" as the last: branch, customers, estimate [money],
        conf_low, conf_high. Intervals of branches hold the error of the one slope that all share, so that
        they add up to that of all.
    points, months, margin
        What was priced: points of the score, months, and the share of the slope that is margin.
    currency
        Of the money.
    """

    points: float
    months: float
    margin: float
    currency: str

    title: ClassVar[str] = "What points of experience go with in money"
    labels: ClassVar[dict[str, str]] = {
        "branch": "Branch",
        "customers": "Customers",
        "money": "Money (interval)",
    }

    @property
    def total(self) -> dict[str, float]:
        """Of all branches: estimate, conf_low, conf_high."""
        row = self.table.iloc[-1]
        return {name: float(row[name]) for name in ("estimate", "conf_low", "conf_high")}

    @property
    def summary(self) -> pd.DataFrame:
        """The five largest branches and all."""
        rows = pd.concat([self.table.iloc[:-1].head(5), self.table.tail(1)])
        return pd.DataFrame(
            {
                "branch": rows["branch"].astype(str),
                "customers": [f"{n:,.0f}" for n in rows["customers"]],
                "money": [with_interval(r) for r in rows.to_dict("records")],
            }
        )

    def narrative(self) -> str:
        """Tell what the points go with in all, in words that the design allows."""
        all_ = self.total
        verb = {
            "experiment": "bring",
            "quasi-experiment": "bring, if the design's assumptions hold,",
            "adjusted": "go, other recorded things equal, with",
        }.get(self.evidence.grade, "go with")
        return (
            f"{number(self.points)} points more of experience for {self.table['customers'].iloc[-1]:,.0f} "
            f"customers over {number(self.months)} months {verb} {with_interval(all_)} {self.currency}. "
            f"Design grade {self.evidence.grade}: {GRADES[self.evidence.grade]}. What raising "
            f"experience costs is not in it. {self._beyond}"
            f"({self.evidence.n_used:,} {self.evidence.unit}, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def _beyond(self) -> str:
        """A sentence where no score moved by so many points, else nothing."""
        return "".join(f"{check.remedy} " for check in self.evidence.failed if check.name == _SEEN)

    @property
    def chart(self) -> Chart:
        """Forest of the largest branches."""
        shown = self.table.iloc[:-1].head(_MOST_BARS)
        left_out = len(self.table) - 1 - len(shown)
        all_ = self.total
        settled = all_["conf_low"] > 0 or all_["conf_high"] < 0
        claim = (
            f"{number(self.points)} points of experience go with {with_interval(all_)} {self.currency} in "
            f"{number(self.months)} months"
            if settled
            else "Whether points of experience go with money is not settled"
        )
        rest = f"The {len(shown)} branches with most customers; {left_out} more. " if left_out else ""
        return Chart(
            kind="forest",
            frame=shown[["branch", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="estimate",
            y="branch",
            low="conf_low",
            high="conf_high",
            x_label=f"Goes with {number(self.points)} points in {number(self.months)} months "
            f"[{self.currency}]",
            y_label="branch",
            claim=claim,
            grade=self.evidence.grade,
            note=f"{self._beyond}{rest}{self.caption}",
            reference=0.0,
        )


def priced_points(
    rung: Rung,
    *,
    customers: pd.DataFrame,
    points: float = 1.0,
    months: float = 12.0,
    margin: float = 1.0,
    unit: str = "branch",
    currency: str = "money",
    conf_level: float = 0.95,
    source: str = "",
) -> PricedPoints:
    """Answer what points of experience go with in money, by branch and in all.

    Parameters
    ----------
    rung
        A slope [money a customer and month for a point] with conf_low, conf_high and grade: a rung of the
        ladder. One that knows to be of something else, a week or a branch, is refused.
    customers
        One row a branch: `unit` and customers, e.g. of :func:`customers_lately`.
    points
        Points of the score, either way.
    months
        Over how long the points are held.
    margin
        The share of the slope that is margin: 1 where its outcome is profit or margin already, else e.g. 0.5
        of spending.
    unit, currency, conf_level, source
        As they are shown; `conf_level` is that of the rung's interval.

    Returns
    -------
    PricedPoints
        Its table has one row a branch and one for all.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For a missing column, a branch twice, customers that are no counts, terms out of range, or a rung that
        is not of a customer and month.

    Notes
    -----
    Slope × points × customers × months × margin: exact in the counts, so that the interval is the slope's.
    The grade is the rung's own: from an association comes no effect and no return on investment. The slope
    is taken to hold for so many points, in every branch.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> rung = SimpleNamespace(estimate=30.0, conf_low=20.0, conf_high=40.0, grade="adjusted")
    >>> people = pd.DataFrame({"branch": ["a", "b"], "customers": [100, 50]})
    >>> priced_points(rung, customers=people, points=0.5).total
    {'estimate': 27000.0, 'conf_low': 18000.0, 'conf_high': 36000.0}
    """
    check_conf_level(conf_level)
    _check_terms(points, months, margin)
    ends = (rung.estimate, rung.conf_low, rung.conf_high)
    if not (math.isfinite(rung.estimate) and rung.conf_low <= rung.estimate <= rung.conf_high):
        raise DesignError(
            f"the rung says {ends[0]:g} ({ends[1]:g} to {ends[2]:g}); a slope within its interval is needed"
        )
    known = (_seen(rung, points), per_customer_and_month(rung)) if isinstance(rung, LadderRung) else ()
    people = _people(customers, unit)
    factor = points * months * margin
    counts = people["customers"].to_numpy(dtype=float)
    # the customers are added up exactly, whatever their order
    counts = np.append(counts, math.fsum(counts))
    table = pd.DataFrame({"branch": [*people[unit], "all"], "customers": counts})
    low, high = sorted((rung.conf_low * factor, rung.conf_high * factor)) if factor else (0.0, 0.0)
    for name, each in (("estimate", rung.estimate * factor), ("conf_low", low), ("conf_high", high)):
        # an endless interval says nothing even of a branch without customers
        table[name] = np.where(counts > 0, each * np.where(counts > 0, counts, 1.0), 0.0)
    return PricedPoints(
        table=table,
        evidence=Evidence(
            grade=rung.grade,
            design="A slope of the ladder times points, months and counted customers; the slope's design "
            "is its own.",
            unit="branches",
            n_used=len(people),
            n_given=len(people),
            source=source,
            assumptions=(
                "The slope holds for so many points, and in every branch alike.",
                "Branches keep the customers that were counted.",
                *((f"{100 * margin:g} % of the slope is margin.",) if margin != 1 else ()),
            ),
            checks=(*_closed_check(customers), *known),
        ),
        conf_level=conf_level,
        points=points,
        months=months,
        margin=margin,
        currency=currency,
    )


def customers_lately(
    panel: pd.DataFrame, *, months: int = 12, unit: str = "branch", time: str = "month"
) -> pd.DataFrame:
    """Return the mean customers of each branch that is still there over the last months of a panel.

    A branch without a row in the last period, or with no customers in it, is closed: nothing of it lies ahead
    to be priced. It is left out, and named in ``attrs["closed"]``.

    Parameters
    ----------
    panel
        With `unit`, `time` and customers.
    months
        How many of the last months: of dates those of the calendar, of whole numbers the last ones.
    unit, time
        Columns of the branch and of the period.

    Raises
    ------
    ColumnError
        If a column is missing.
    OptionError
        If `months` is no whole number from 1 on.
    DataError
        If periods are numbered and their column is named after something else than a month.

    Examples
    --------
    >>> rows = pd.DataFrame({"branch": ["a", "a", "a"], "month": [1, 2, 3], "customers": [9.0, 10.0, 12.0]})
    >>> customers_lately(rows, months=2)["customers"].tolist()
    [11.0]
    """
    for name in (unit, time, "customers"):
        if name not in panel.columns:
            raise ColumnError(f"panel: {one_of(name, map(str, panel.columns), what='column')}")
    if isinstance(months, bool) or not isinstance(months, int) or months < 1:
        raise OptionError(f"months is {months!r}; allowed: a whole number from 1 on")
    rows = panel[_of_last_months(panel[time], months)]
    # a count that is missing is not known, and no nought
    there = rows.loc[(rows[time] == rows[time].max()) & (rows["customers"] != 0), unit].unique()
    means = rows.dropna(subset=["customers"]).groupby(unit)["customers"].mean()
    kept = means[means.index.isin(there)].reset_index()
    kept.attrs["closed"] = tuple(sorted(map(str, set(rows[unit].dropna()) - set(kept[unit]))))
    return kept


def _of_last_months(when: pd.Series[Any], months: int) -> pd.Series[bool]:
    """Return which rows are of the last months."""
    periods, kind = as_periods(when, str(when.name), missing_allowed=True)
    if kind == "dates":
        number = periods.dt.year * 12 + periods.dt.month
        return pd.Series(number > number.max() - months, index=when.index)
    if str(when.name).lower().removesuffix("s") in OTHER_PERIODS:
        raise DataError(
            f"panel, column {when.name!r}: numbers of a {str(when.name).removesuffix('s')} are no months; "
            "hand in dates, or rows of months"
        )
    return when.isin(np.sort(when.dropna().unique())[-months:])


def _closed_check(customers: pd.DataFrame) -> tuple[Check, ...]:
    """Say which branches are not priced, where that is known."""
    if "closed" not in customers.attrs:
        return ()
    gone = tuple(customers.attrs["closed"])
    detail = "All are." if not gone else f"Left out: {join_words(list(gone[:_NAMED]))}"
    more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
    return (
        Check(
            name="branches still there",
            null="every branch of these months is there in the last one",
            passed=not gone,
            detail=detail if not gone else f"{detail}{more}.",
            remedy="Closed branches are not priced ahead; complete their rows if they are open.",
        ),
    )


def _seen(rung: LadderRung, points: float) -> Check:
    """Say whether any unit's score moved by so many points."""
    unit, null = rung.unit_name, "some score moved by so many points"
    if math.isnan(rung.score_span):
        return Check(
            name=_SEEN, null=null, passed=None, detail=f"How far scores of a {unit} moved is not known."
        )
    # differences of scores are rounded
    seen = bool(abs(points) <= rung.score_span * (1 + _ROUNDING))
    return Check(
        name=_SEEN,
        null=null,
        passed=seen,
        detail=f"The score of one {unit} moved by {number(rung.score_span)} points at most.",
        remedy=(
            ""
            if seen
            else f"EXTRAPOLATED: {number(points)} points are more than the score of any one {unit} moved by; "
            "price fewer."
        ),
    )


def _check_terms(points: float, months: float, margin: float) -> None:
    if not is_number(points) or abs(points) > 100:
        raise OptionError(f"points is {points!r}; allowed: points of the score from -100 to 100")
    if not is_number(months) or not 0 < months <= 600:
        raise OptionError(f"months is {months!r}; allowed: above 0 and up to 600")
    if not is_number(margin) or not 0 < margin <= 1:
        raise OptionError(f"margin is {margin!r}; allowed: a share above 0 and up to 1, e.g. 0.5")


def _people(customers: pd.DataFrame, unit: str) -> pd.DataFrame:
    for name in (unit, "customers"):
        if name not in customers.columns:
            raise ColumnError(f"customers: {one_of(name, map(str, customers.columns), what='column')}")
    if customers[unit].duplicated().any() or customers[unit].isna().any():
        raise DataError(f"customers: a {unit} stands twice or has no name; one row is one {unit}")
    counts = pd.to_numeric(customers["customers"], errors="coerce")
    if not (np.isfinite(counts) & (counts >= 0)).all() or not counts.sum() > 0:
        raise DataError(
            "customers, column 'customers': counts from 0 on are needed, and some of them above 0"
        )
    return (
        customers[[unit]]
        .assign(customers=counts.astype(float))
        .sort_values(["customers", unit], ascending=[False, True], ignore_index=True)
    )
