"""What replacing leavers costs, what fewer of them are worth, and how turnover goes with experience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.employees.mirror_panel import mirror_panel
from cemlab.employees.telling import told
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import amount, number, percent
from cemlab.result import Result, check_conf_level
from cemlab.stats.seeds import generator
from cemlab.stats.split_slopes import split_slopes
from cemlab.stats.three_point import moments, triangular

Floats = npt.NDArray[np.float64]

_DRAWS = 20_000
#: What a replacement is made of, where nothing else is stated.
ITEMS = ("recruiting", "training", "vacancy", "ramp-up")


@dataclass(frozen=True, eq=False, kw_only=True)
class ReplacementCost(Result):
    """What leavers cost to replace, and what fewer of them are worth.

    Parameters
    ----------
    table
        One row a number: term (each item and "a leaver" [currency a leaver]; "all leavers, a year" and "a year
        with fewer" [currency a year]), estimate (mean), conf_low, conf_high, unit.
    leavers
        Counted.
    a_year
        Leavers a year.
    lower_by
        Share of the leavers that would stay.
    currency
        Of the money.
    """

    leavers: int
    a_year: float
    lower_by: float
    currency: str

    title: ClassVar[str] = "Cost of turnover"
    labels: ClassVar[dict[str, str]] = {"term": "What", "told": "Mean (interval)", "unit": "Unit"}

    def row(self, term: str) -> dict[str, float]:
        """Return estimate and interval of one row."""
        found = self.table[self.table["term"] == term].iloc[0]
        return {name: float(found[name]) for name in ("estimate", "conf_low", "conf_high")}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a number."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "term": [row["term"] for row in rows],
                "told": [_money(row) for row in rows],
                "unit": [row["unit"] for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the cost of a leaver, of all, and what fewer are worth."""
        return (
            f"Replacing one of the {self.leavers:,} who left costs {_money(self.row('a leaver'))} {self.currency}, "
            f"as stated; {number(round(self.a_year, 1))} a year make {_money(self.row('all leavers, a year'))} "
            f"{self.currency}. If {percent(self.lower_by)} of them stayed, "
            f"{_money(self.row('a year with fewer'))} {self.currency} a year would not be spent, before what "
            f"keeping them costs. ({100 * self.conf_level:g} % intervals of the stated ranges and of chance.)"
        )

    @property
    def chart(self) -> Chart:
        """What a leaver costs, item by item."""
        frame = self.table[self.table["unit"] == f"{self.currency} a leaver"]
        return Chart(
            kind="bar",
            frame=frame[["term", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="term",
            y="estimate",
            low="conf_low",
            high="conf_high",
            x_label="",
            y_label=f"{self.currency} a leaver",
            claim=f"A leaver costs {_money(self.row('a leaver'))} {self.currency} to replace, as stated",
            grade=self.evidence.grade,
            note=self.caption,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class TurnoverAndExperience(Result):
    """How turnover of the staff and experience of the customers go together within branches and months.

    Parameters
    ----------
    table
        One row: "same month", "next month": when (turnover is looked at), estimate (points of turnover per SD
        of experience), std_error, conf_low, conf_high, p_value, uncorrected (on the mean score as it is).
    reliability
        Share of the score's variance within branches and months that is no error.
    """

    reliability: float

    title: ClassVar[str] = "Turnover and experience"
    labels: ClassVar[dict[str, str]] = {"when": "Turnover", "told": "Points per SD of experience (interval)"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a lag."""
        rows = self.table.to_dict("records")
        return pd.DataFrame({"when": [row["when"] for row in rows], "told": [told(row) for row in rows]})

    def narrative(self) -> str:
        """Tell both slopes."""
        same, after = self.table.to_dict("records")
        return (
            f"Within branches and months, one SD more experience {self.evidence.relation} {told(same)} points of "
            f"turnover in the same month and {told(after)} in the next. "
            f"({100 * self.conf_level:g} % intervals; {self.evidence.n_used:,} {self.evidence.unit}.)"
        )

    @property
    def chart(self) -> Chart:
        """Both slopes."""
        settled = bool(((self.table["conf_low"] > 0) | (self.table["conf_high"] < 0)).any())
        words = {
            True: "Within branches turnover goes with experience",
            False: "Whether turnover goes with experience within branches is not settled",
        }
        return Chart(
            kind="forest",
            frame=self.table[["when", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="when",
            low="conf_low",
            high="conf_high",
            x_label="Points of turnover per SD of experience",
            y_label="",
            claim=words[settled],
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def replacement_cost(
    leavers: int,
    *,
    months: float,
    items: Mapping[str, tuple[float, float, float]],
    lower_by: float = 0.1,
    currency: str = "EUR",
    conf_level: float = 0.95,
    seed: int = 1,
    source: str = "",
) -> ReplacementCost:
    """Answer what leavers cost to replace, and what fewer of them are worth.

    Parameters
    ----------
    leavers
        Counted.
    months
        In which they were counted.
    items
        What replacing one of them costs, item by item (e.g. recruiting, training, vacancy, ramp-up): lowest,
        most plausible and highest amount.
    lower_by
        Share of the leavers that would stay.
    currency
        Of the amounts.
    conf_level, seed
        Intervals of 20,000 draws from this seed: items from triangular distributions, leavers of a year ahead
        from a gamma distribution about the pace counted (Jeffreys).
    source
        The line that stands under every figure.

    Returns
    -------
    ReplacementCost
        Means and intervals of each item, of a leaver, of a year, and of a year with fewer leavers.

    Raises
    ------
    DesignError
        If nobody left.
    DataError
        If an item's numbers are not in order.
    OptionError
        For impossible values.

    Examples
    --------
    >>> found = replacement_cost(200, months=12, items={"recruiting": (2e3, 3e3, 4e3), "training": (900, 900, 900)})
    >>> round(found.row("a leaver")["estimate"]), round(found.row("all leavers, a year")["estimate"] / 1e5, 1)
    (3900, 7.8)
    """
    check_conf_level(conf_level)
    low, mode, high = _checked(leavers, months, items, lower_by)
    drawn = generator(seed)
    each = triangular(drawn.random((_DRAWS, len(low))), low=low, mode=mode, high=high)
    years = months / 12
    pace = drawn.gamma(leavers + 0.5, size=_DRAWS) / years
    mean = np.array([moments(*ends)[0] for ends in zip(low, mode, high, strict=True)])
    whole, a_year = each.sum(axis=1), leavers / years
    of_leaver = f"{currency} a leaver"
    rows: list[tuple[str, float, Floats, str]] = [
        *((str(name), float(mean[i]), each[:, i], of_leaver) for i, name in enumerate(items)),
        ("a leaver", float(mean.sum()), whole, of_leaver),
        ("all leavers, a year", float(mean.sum() * a_year), whole * pace, f"{currency} a year"),
        (
            "a year with fewer",
            float(mean.sum() * a_year * lower_by),
            whole * pace * lower_by,
            f"{currency} a year",
        ),
    ]
    ends = ((1 - conf_level) / 2, (1 + conf_level) / 2)
    return ReplacementCost(
        table=pd.DataFrame(
            [(term, value, *np.quantile(draws, ends), unit) for term, value, draws, unit in rows],
            columns=["term", "estimate", "conf_low", "conf_high", "unit"],
        ),
        evidence=Evidence(
            grade="descriptive",
            design=f"Amounts as stated, times leavers counted in {number(months)} months.",
            unit="leavers",
            n_used=int(leavers),
            n_given=int(leavers),
            source=source,
            assumptions=(
                "Every leaver is replaced, at a cost within the stated range; errors of the items are apart.",
                "People leave next year at the pace at which they left.",
            ),
        ),
        conf_level=conf_level,
        leavers=int(leavers),
        a_year=float(a_year),
        lower_by=float(lower_by),
        currency=currency,
    )


def turnover_and_experience(
    panel: pd.DataFrame,
    *,
    halves: tuple[str, str],
    turnover: str = "turnover",
    experience: str = "cx",
    unit: str = "branch",
    time: str = "month",
    conf_level: float = 0.95,
    source: str = "",
) -> TurnoverAndExperience:
    """Answer how turnover goes with experience within branches and months.

    Parameters
    ----------
    panel
        One row a branch and month.
    halves
        Two columns with experience measured by two halves of the answers, whose errors are independent.
    turnover
        Column with the share of the staff that left in the month.
    experience, unit, time
        Columns.
    conf_level
        Confidence level.
    source
        The line that stands under every figure.

    Returns
    -------
    TurnoverAndExperience
        Slopes in the same and in the next month, each half of the score an instrument of the other.

    Raises
    ------
    ColumnError, DataError, OptionError
        For columns that are not there, shares outside 0 to 1, and impossible values.
    DesignError
        If fewer than five branches are complete, or the halves share next to nothing.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> score = rng.standard_normal((40, 30))
    >>> gone = np.clip(0.05 - 0.01 * score, 0, 1)
    >>> names = ["branch", "month", "turnover", "cx", "cx_a", "cx_b"]
    >>> rows = [(b, t, gone[b, t], *[score[b, t]] * 3) for b in range(40) for t in range(30)]
    >>> found = turnover_and_experience(pd.DataFrame(rows, columns=names), halves=("cx_a", "cx_b"))
    >>> found.table["estimate"].round(1).tolist()
    [-1.0, 0.0]
    """
    check_conf_level(conf_level)
    read = mirror_panel(
        panel, engagement=turnover, experience=experience, halves=halves, unit=unit, time=time, scale=None
    )
    gone = read.engagement
    if gone.min() < 0 or gone.max() > 1:
        raise DataError(f"panel, column {turnover!r}: shares from 0 to 1 are allowed, e.g. 0.02 for 2 %")
    a, b = read.halves if read.halves is not None else (read.experience, read.experience)
    rows, reliability = [], float("nan")
    for when, y, first, second in (
        ("same month", gone, a, b),
        ("next month", gone[:, 1:], a[:, :-1], b[:, :-1]),
    ):
        found = split_slopes(100 * y[None], first=first, second=second)
        error = float(np.sqrt(found.covariance[0, 0]))
        rows.append({"when": when, **_normal(float(found.estimate[0]), error, len(gone), conf_level)})
        rows[-1]["uncorrected"] = float(found.naive[0])
        reliability = found.reliability if when == "same month" else reliability
    return TurnoverAndExperience(
        table=pd.DataFrame(rows),
        evidence=Evidence(
            grade="adjusted",
            design="Branches over months, each its own control, months taken out.",
            unit="branches",
            n_used=len(read.units),
            n_given=read.n_given,
            source=source,
            assumptions=(
                "Nothing else moves both in a branch in the same month.",
                "Errors of both halves are independent.",
            ),
            checks=(
                Check(
                    name="error of the score",
                    null="the halves share enough to tell a slope",
                    passed=bool(reliability >= 0.3),
                    detail=f"Within branches and months, {number(reliability)} of the variance is no error.",
                    remedy="Intervals are wide for that reason.",
                ),
            ),
        ),
        conf_level=conf_level,
        reliability=reliability,
    )


def _checked(
    leavers: int, months: float, items: Mapping[str, tuple[float, float, float]], lower_by: float
) -> tuple[Floats, Floats, Floats]:
    """Return lowest, most plausible and highest amounts, after what cannot be is refused."""
    if isinstance(leavers, bool) or not isinstance(leavers, Integral) or leavers < 0:
        raise OptionError(f"leavers is {leavers!r}; allowed: a whole number of persons")
    if leavers == 0:
        raise DesignError("nobody left; there is nothing to replace")
    if not _is_number(months) or not 0 < months < np.inf:
        raise OptionError(f"months is {months!r}; allowed: a number above 0")
    if not _is_number(lower_by) or not 0 <= lower_by <= 1:
        raise OptionError(f"lower_by is {lower_by!r}; allowed: a share from 0 to 1, e.g. 0.1")
    if not items:
        raise DataError(f"items: none is stated; state what a replacement costs, e.g. {', '.join(ITEMS)}")
    for name, ends in items.items():
        if not isinstance(ends, tuple) or len(ends) != 3 or not all(_is_number(end) for end in ends):
            raise DataError(f"item {name!r}: {ends!r}; allowed: (lowest, most plausible, highest) amount")
        if not 0 <= ends[0] <= ends[1] <= ends[2] < np.inf:
            raise DataError(
                f"item {name!r}: {ends!r} are not in order from 0 on: lowest, most plausible, highest"
            )
    low, mode, high = np.array(list(items.values()), dtype=float).T
    return low, mode, high


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _normal(value: float, error: float, n: int, conf_level: float) -> dict[str, Any]:
    """Return a row with the interval of Student's t on the number of branches less one."""
    from scipy.stats import t

    reach = float(t.ppf((1 + conf_level) / 2, n - 1)) * error
    return {
        "estimate": value,
        "std_error": error,
        "conf_low": value - reach,
        "conf_high": value + reach,
        "p_value": float(2 * t.sf(abs(value) / error, n - 1)) if error > 0 else float("nan"),
    }


def _money(row: Mapping[Any, Any]) -> str:
    return f"{amount(row['estimate'])} ({amount(row['conf_low'])} to {amount(row['conf_high'])})"
