"""How many of the staff leave, who, and how leaving goes with the engagement read before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.leaving_months import leaving_months, staff_spells
from cemlab.employees.leaving_ratio import FEWEST as _EVENTS
from cemlab.employees.leaving_ratio import log_hazard_ratio
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, percent, percent_range, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.intervals import wilson
from cemlab.stats.lifetable import LifeTable, life_table

if TYPE_CHECKING:
    from cemlab.data.company import Company

_MONTH = 365.25 / 12  # days
_TERCILES = ("lowest third", "middle third", "highest third")
_WHOLE = "whole staff"
_AT_RISK = 10  # persons watched, below which a curve is not told


@dataclass(frozen=True, eq=False, kw_only=True)
class PeopleLeaving(Result):
    """Who leaves, a month, by role and by the engagement read before; and how long people stay.

    Parameters
    ----------
    table
        One row a number: what ("share that leaves in a month", "hazard ratio"), group ("all": all who were
        read; "whole staff" where not all were; "role: …", "engagement: lowest third" …; "per unit of
        engagement", or per so many), estimate, conf_low, conf_high, n (person-months), n_left.
    curves
        Share still there by time since hiring, of those hired: group, months, estimate, std_error, conf_low,
        conf_high, n_at_risk (the fewest watched so far).
    life
        Group to the life table in days.
    log_ratio
        Logarithm of the hazard ratio and its standard error.
    per
        Engagement to which the ratio refers.
    """

    curves: pd.DataFrame
    life: dict[str, LifeTable]
    log_ratio: tuple[float, float]
    per: float = 1.0

    title: ClassVar[str] = "People leaving"
    labels: ClassVar[dict[str, str]] = {
        "what": "What", "group": "Of", "told": "Estimate (interval)", "n_left": "Left", "n": "Person-months"
    }  # fmt: skip

    @property
    def ratio(self) -> dict[str, float]:
        """Hazard ratio per unit of engagement with its interval."""
        row = self.table[self.table["what"] == "hazard ratio"].iloc[0]
        return {name: float(row[name]) for name in ("estimate", "conf_low", "conf_high")}

    @property
    def share(self) -> dict[str, float]:
        """Share of all who were read that leaves in a month with its interval."""
        row = self.table.iloc[0]
        return {name: float(row[name]) for name in ("estimate", "conf_low", "conf_high")}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a number."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "what": [row["what"] for row in rows],
                "group": [row["group"] for row in rows],
                "told": [
                    with_interval(row, null=1) if row["what"] == "hazard ratio" else _share(row)
                    for row in rows
                ],
                "n_left": [number(row["n_left"]) for row in rows],
                "n": [number(row["n"]) for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell how many leave a month, by thirds of engagement, and the ratio."""
        third = {row["group"].removeprefix("engagement: "): row for row in self.table.to_dict("records")}
        low, high = third.get(_TERCILES[0]), third.get(_TERCILES[2])
        thirds = (
            f" Of the third least engaged when last read {_share(low)} leave, of the third most engaged "
            f"{_share(high)}."
            if low and high
            else ""
        )
        whole = third.get(_WHOLE)
        read = (
            f" Of those whose engagement was read, {self.evidence.n_used:,} of {self.evidence.n_given:,} "
            f"{self.evidence.unit}, {_share(self.table.iloc[0])} leave."
            if whole
            else ""
        )
        more = "A unit" if self.per == 1 else f"{number(self.per)} of a unit" if self.per < 1 else ""
        return (
            f"{_share(whole or self.table.iloc[0])} of the staff leave in a month.{read}{thirds} "
            f"{more or f'{number(self.per)} units'} more engagement "
            f"{self.evidence.relation} {with_interval(self.ratio, null=1)} times the hazard of leaving. "
            f"({100 * self.conf_level:g} % intervals; {self.evidence.n_used:,} {self.evidence.unit}.)"
        )

    @property
    def chart(self) -> Chart:
        """Share that leaves in a month by group, with intervals."""
        frame = self.table[self.table["what"] != "hazard ratio"]
        ratio = self.ratio
        word = "fewer" if ratio["conf_high"] < 1 else "more" if ratio["conf_low"] > 1 else None
        claim = (
            f"Of the more engaged {word} leave in the month after"
            if word
            else "Whether leaving goes with engagement is not settled"
        )
        return Chart(
            kind="forest",
            frame=frame[["group", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="estimate",
            y="group",
            low="conf_low",
            high="conf_high",
            x_label="Share that leaves in a month",
            y_label="",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
            reference=self.share["estimate"],
        )


def people_leaving(
    company: Company,
    *,
    by: str | None = "role",
    months_before: int = 0,
    per: float = 1.0,
    observed_from: date | None = None,
    conf_level: float = 0.95,
) -> PeopleLeaving:
    """Answer how many of the staff leave, who, and how leaving goes with the engagement read before.

    Person-months are grouped by the reading before each month, which changes from month to month; nobody is
    put into a class by what is read later. Curves count people hired before the data from when they could be
    seen leaving (late entry).

    Parameters
    ----------
    company
        With ``employees`` (employee, hired, left) and ``engagement`` (employee, month, score).
    by
        A column of ``employees`` whose curves are kept apart; None for one curve.
    months_before
        Whole months from the reading to the month in which people may leave; 0 where engagement is read on
        the first of the month, 1 for last month's reading.
    per
        Engagement to which the hazard ratio refers, in units of the score.
    observed_from
        First day on which leaving would have been seen; the first month of ``engagement`` where None.
    conf_level
        Confidence level.

    Returns
    -------
    PeopleLeaving
        Monthly shares with Wilson intervals, the hazard ratio of a grouped proportional hazards model (levels
        of months, and of roles where known), and Kaplan–Meier curves.

    Raises
    ------
    DesignError
        If a table is missing, fewer than ten people left, or everybody has one engagement.
    ColumnError, DataError, OptionError
        For columns that are not there and impossible values.

    References
    ----------
    Prentice, R. L., & Gloeckler, L. A. (1978). Regression analysis of grouped survival data with application
    to breast cancer data. Biometrics 34, 57–67.

    Examples
    --------
    >>> import ibis
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> who, first = list(range(90)), date(2024, 1, 1)
    >>> left = [date(2024, 1, 9) if p % (4 + p // 30) == 0 else None for p in who]
    >>> staff = ibis.memtable({"employee": who, "hired": [first] * 90, "left": left})
    >>> read = ibis.memtable({"employee": who, "month": [first] * 90, "score": [p // 30 for p in who]})
    >>> info = CompanyInfo(name="Small", source="Small", as_of=date(2024, 1, 31))
    >>> small = Company(info=info, tables={"employees": staff, "engagement": read})
    >>> found = people_leaving(small, by=None)
    >>> found.ratio["estimate"] < 1, round(found.share["estimate"], 2)
    (True, 0.21)
    """
    check_conf_level(conf_level)
    if isinstance(per, bool) or not isinstance(per, Real) or not 0 < per < np.inf:
        raise OptionError(f"per is {per!r}; allowed: a number above 0, in units of the score")
    cells = leaving_months(company, months_before=months_before)
    left = int(cells["left"].sum())
    if left < _EVENTS:
        raise DesignError(
            f"{left:,} people left in the months with readings; what goes with it needs {_EVENTS}"
        )
    slope, error = log_hazard_ratio(cells, per=per)
    life = _curves(company, by, observed_from, conf_level)
    return PeopleLeaving(
        table=_table(cells, slope, error, conf_level, float(per)),
        evidence=_evidence(cells, months_before),
        conf_level=conf_level,
        curves=_curve_table(life),
        life=life,
        log_ratio=(slope, error),
        per=float(per),
    )


def _table(cells: pd.DataFrame, slope: float, error: float, conf_level: float, per: float) -> pd.DataFrame:
    """Return monthly shares of all, by role and by thirds of engagement, and the ratio."""
    from scipy.special import ndtri

    groups: list[tuple[str, Any]] = [("all", np.ones(len(cells), dtype=bool))]
    if cells["role"].nunique() > 1:
        groups += [(f"role: {role}", cells["role"] == role) for role in sorted(cells["role"].unique())]
    third = _thirds(cells)
    groups += [(f"engagement: {_TERCILES[k]}", third == k) for k in np.unique(third)]
    counts = [(int(cells.loc[rows, "left"].sum()), int(cells.loc[rows, "n"].sum())) for _, rows in groups]
    names = [name for name, _ in groups]
    if cells.attrs["staff_months"] > counts[0][1]:
        names.insert(1, _WHOLE)
        counts.insert(1, (cells.attrs["staff_left"], cells.attrs["staff_months"]))
    shares = wilson([a for a, _ in counts], [n for _, n in counts], conf_level=conf_level)
    table = pd.DataFrame(
        {
            "what": "share that leaves in a month",
            "group": names,
            "estimate": shares.estimate,
            "conf_low": shares.conf_low,
            "conf_high": shares.conf_high,
            "n": [n for _, n in counts],
            "n_left": [a for a, _ in counts],
        }
    )
    reach = float(ndtri((1 + conf_level) / 2)) * error
    ratio = {
        "what": "hazard ratio",
        "group": f"per {'unit' if per == 1 else f'{number(per)} units'} of engagement",
        **dict(
            zip(
                ("estimate", "conf_low", "conf_high"),
                np.exp([slope, slope - reach, slope + reach]),
                strict=True,
            )
        ),
        "n": counts[0][1],
        "n_left": counts[0][0],
    }
    return pd.concat([table, pd.DataFrame([ratio])], ignore_index=True)


def _thirds(cells: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the third of engagement over all person-months in which each cell stands, from 0."""
    at = np.unique(cells["score"].to_numpy(), return_inverse=True)[1]
    n = np.bincount(at, weights=cells["n"])
    middle = (np.cumsum(n) - n / 2) / n.sum()
    third: npt.NDArray[np.int64] = np.minimum(np.floor(3 * middle), 2).astype(np.int64)[at]
    return third


def _curves(
    company: Company, by: str | None, observed_from: date | None, conf_level: float
) -> dict[str, LifeTable]:
    """Return life tables in days of all, and of each group where somebody was watched from the start."""
    spells = staff_spells(company, by=by, observed_from=observed_from)
    parts = {"all": spells, **({str(k): v for k, v in spells.groupby("group", sort=True)} if by else {})}
    return {
        name: life_table(
            part["duration"].to_numpy(),
            event=part["event"].to_numpy(),
            n=part["n"].to_numpy(),
            entry=part["entry"].to_numpy(),
            conf_level=conf_level,
        )
        for name, part in parts.items()
    }


def _curve_table(life: dict[str, LifeTable]) -> pd.DataFrame:
    """Return curves month by month, as far as ten persons were watched all the time."""
    frames = []
    for name, table in life.items():
        enough = table.time[table.watched >= _AT_RISK]
        months = np.arange(0, int(enough.max() / _MONTH) + 1 if len(enough) else 1)
        at = table.at(np.minimum(months * _MONTH, table.time[-1]))
        row = np.maximum(np.searchsorted(table.time, months * _MONTH, side="right") - 1, 0)
        frames.append(
            pd.DataFrame(
                {
                    "group": name,
                    "months": months,
                    "estimate": at["survival"],
                    "std_error": at["std_error"],
                    "conf_low": at["conf_low"],
                    "conf_high": at["conf_high"],
                    "n_at_risk": table.watched[row],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _evidence(cells: pd.DataFrame, months_before: int) -> Evidence:
    n, left = int(cells["n"].sum()), int(cells["left"].sum())
    when = "the first of the month" if months_before == 0 else f"{months_before:,} month(s) before"
    return Evidence(
        grade="association",
        design=f"Person-months of the staff by the engagement read on {when}; who left within the month.",
        unit="person-months",
        n_used=n,
        n_given=cells.attrs["staff_months"],
        source=str(cells.attrs.get("source", "")),
        assumptions=(
            "Engagement is read without error: error draws its ratio towards 1.",
            "Who was read leaves as who was not, at the same engagement.",
            "A unit of engagement goes with the same ratio at every level and in every month.",
            "Given engagement, role and month, whether one leaves says nothing of another.",
        ),
        checks=(
            Check(
                name="leavers",
                null="enough people left for an interval",
                passed=left >= 5 * _EVENTS,
                detail=f"{left:,} left in {cells['month'].nunique():,} months.",
                remedy="Wait for more months.",
            ),
        ),
    )


def _share(row: Any) -> str:
    return (
        f"{percent(float(row['estimate']))} "
        f"({percent_range(float(row['conf_low']), float(row['conf_high']))})"
    )
