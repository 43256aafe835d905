"""How long those trained stay, and so how fast what they learnt leaves with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.trained_stays import StayGroup, trained_stays
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Evidence
from cemlab.markup import label, number, percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.stats.lifetable import LifeTable, life_table
from cemlab.training.result_rows import rows_of

if TYPE_CHECKING:
    from cemlab.data.company import Company

_MONTH = 365.25 / 12  # days
_GROUP = "group"


@dataclass(frozen=True, eq=False, kw_only=True)
class Staying(Result):
    """Share of those trained who are still there, and what is left of an effect.

    Parameters
    ----------
    table
        One row a month (and group): group (where asked for), months since the training, estimate (share still
        there), std_error, conf_low, conf_high, n_at_risk; with an effect effect_left, effect_low and
        effect_high.
    curves
        Group ("" for all) to the life table in days.
    rates
        One row a group: group, estimate (share of those there that leaves in a month), conf_low, conf_high,
        n, n_left.
    effect
        Estimate and interval of the effect per share of the staff trained; None if none was given.
    """

    curves: dict[str, LifeTable]
    rates: pd.DataFrame
    effect: tuple[float, float, float] | None

    title: ClassVar[str] = "How long those trained stay"
    labels: ClassVar[dict[str, str]] = {
        "group": "Of", "months": "Months since the training", "share": "Still there (interval)",
        "n": "At risk", "effect": "Effect left per person trained (interval)",
    }  # fmt: skip

    @property
    def path(self) -> list[float]:
        """Mean share still there in each month after the training, as :func:`plan_study` takes it.

        Of all those trained; as far as they were watched.
        """
        curve = life_table_of_all(self.curves)
        middle = (np.arange(1, int(curve.time[-1] / _MONTH) + 1) - 0.5) * _MONTH
        return [float(share) for share in curve.at(middle)["survival"]]

    @property
    def summary(self) -> pd.DataFrame:
        """One row a month (and group)."""
        rows = rows_of(self.table)
        shown: dict[str, Any] = {}
        if "group" in self.table:
            shown["group"] = [label(r["group"]) for r in rows]
        shown["months"] = [f"{r['months']:g}" for r in rows]
        shown["share"] = [
            f"{percent(r['estimate'])} ({percent_range(r['conf_low'], r['conf_high'])})" for r in rows
        ]
        shown["n"] = [int(r["n_at_risk"]) for r in rows]
        if self.effect is not None:
            shown["effect"] = [
                f"{number(r['effect_left'])} ({number(r['effect_low'])} to {number(r['effect_high'])})"
                for r in rows
            ]
        return pd.DataFrame(shown)

    def narrative(self) -> str:
        """Tell who is still there at the last month, the pace of leaving, and what is left of the effect."""
        parts, grouped = [], _GROUP in self.table
        for rate in rows_of(self.rates):
            rows = self.table[self.table["group"] == rate["group"]] if grouped else self.table
            last = rows_of(rows[rows["estimate"].notna()])[-1]
            who = f"Of {rate['n']:,} trained{f' ({label(rate[_GROUP])})' if grouped else ''}"
            text = (
                f"{who} {percent(last['estimate'])} ({percent_range(last['conf_low'], last['conf_high'])}) "
                f"are still there after {last['months']:g} months; {percent(rate['estimate'], digits=2)} "
                f"({percent_range(rate['conf_low'], rate['conf_high'], digits=2)}) of them leave in a month."
            )
            if self.effect is not None:
                text += (
                    f" Of an effect of {number(self.effect[0])} on each, {number(last['effect_left'])} "
                    f"({number(last['effect_low'])} to {number(last['effect_high'])}) is left then."
                )
            parts.append(text)
        return f"{' '.join(parts)} ({100 * self.conf_level:g} % intervals.)"

    @property
    def chart(self) -> Chart:
        """The share still there, by months since the training."""
        known = self.table[self.table["estimate"].notna()]
        last = known.iloc[-1]
        grouped = "group" in self.table
        who = f"{label(last['group'])}: " if grouped else ""
        return Chart(
            kind="line",
            frame=known.assign(group=[label(g) for g in known["group"]]) if grouped else known,
            x="months",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="group" if grouped else None,
            x_label="Months since the training",
            y_label="Share of those trained still there",
            claim=f"{who}{percent(last['estimate'], digits=0)} of those trained are there after "
            f"{last['months']:g} months",
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


def life_table_of_all(curves: dict[str, LifeTable]) -> LifeTable:
    """Return the only curve, or refuse where there are several.

    Raises
    ------
    DesignError
        If those trained were told apart.
    """
    if len(curves) > 1:
        raise DesignError("those trained were told apart; ask for all together, without by=, for one path")
    return next(iter(curves.values()))


def staying(
    company: Company,
    *,
    months: Sequence[float] = (1, 3, 6, 12, 18, 24),
    by: StayGroup | None = None,
    effect: tuple[float, float, float] | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> Staying:
    """Answer how many of those trained are still there, month by month, and what is left of an effect.

    Parameters
    ----------
    company
        With ``training`` (employee, date) and ``employees`` (employee, left).
    months
        Months since the training, from 0.
    by
        Tell those trained apart by ``"wave"``, ``"role"`` or ``"branch"``.
    effect
        Effect per share of the staff trained: estimate and interval at `conf_level`, from one of the designs.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure; the company's own if not given.

    Returns
    -------
    Staying
        Its table has one row a month (and group).

    Raises
    ------
    ColumnError, DataError, DesignError
        As :func:`cemlab.data.trained_stays.trained_stays`.
    OptionError
        For months that are no lengths of time, an unknown grouping, or an effect that is no estimate within
        its interval.

    Notes
    -----
    Kaplan–Meier from the training on; those still there at the last day observed are followed up to it. What
    is left of the effect is its product with the share still there: newcomers have learnt nothing, and nobody
    forgets. Its interval takes both as independent (delta method). The pace is departures per person-month.

    References
    ----------
    Kaplan, E. L., & Meier, P. (1958). Nonparametric estimation from incomplete observations. Journal of the
    American Statistical Association 53, 457–481.

    Examples
    --------
    >>> import ibis
    >>> from datetime import date
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> staff = ibis.memtable({"employee": list("abcd"), "left": [date(2024, 2, 20), None, None, None]})
    >>> trained = ibis.memtable({"employee": list("abcd"), "date": [date(2024, 1, 9)] * 4})
    >>> info = CompanyInfo(name="Small", source="Small", as_of=date(2024, 12, 31))
    >>> small = Company(info=info, tables={"employees": staff, "training": trained})
    >>> staying(small, months=[1, 6]).table["estimate"].tolist()
    [1.0, 0.75]
    """
    check_conf_level(conf_level)
    at = _months(months)
    _check_effect(effect)
    counts = trained_stays(company, by=by)
    groups = [("", counts)] if by is None else list(counts.groupby("group", sort=True, dropna=False))
    tables, curves, rates = [], {}, []
    for name, rows in groups:
        curve = life_table(rows["days"], event=rows["event"], n=rows["n"], conf_level=conf_level)
        curves[label(name) if by else ""] = curve
        table = _at(curve, at, rows, effect, conf_level)
        rate = _rate(rows, conf_level)
        if by:
            table.insert(0, "group", name)
            rate = {"group": name, **rate}
        tables.append(table)
        rates.append(rate)
    used, given = int(counts["n"].sum()), int(counts.attrs["n_given"])
    return Staying(
        table=pd.concat(tables, ignore_index=True),
        evidence=_evidence(used, given, effect is not None, source or company.info.source),
        conf_level=conf_level,
        curves=curves,
        rates=pd.DataFrame(rates),
        effect=effect,
    )


def _months(months: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    good = not isinstance(months, str) and np.iterable(months)
    values = np.asarray(list(months) if good else [], dtype=object)
    if not len(values) or not all(
        isinstance(m, int | float | np.number) and not isinstance(m, bool) and 0 <= m < np.inf for m in values
    ):
        raise OptionError(f"months are {months!r}; allowed: lengths of time from 0 in a list, e.g. [6, 12]")
    return np.unique(values.astype(float))


def _check_effect(effect: tuple[float, float, float] | None) -> None:
    if effect is None:
        return
    values = np.asarray(effect, dtype=float)
    if values.shape != (3,) or not np.isfinite(values).all() or not values[1] <= values[0] <= values[2]:
        raise OptionError(
            f"effect is {effect!r}; give estimate, lower and upper end, e.g. (0.25, 0.15, 0.35)"
        )


def _at(
    curve: LifeTable,
    months: np.ndarray[Any, np.dtype[np.float64]],
    rows: pd.DataFrame,
    effect: tuple[float, float, float] | None,
    conf_level: float,
) -> pd.DataFrame:
    from scipy.special import ndtri

    found = curve.at(months * _MONTH)
    days, n = rows["days"].to_numpy(), rows["n"].to_numpy()
    table = pd.DataFrame(
        {
            "months": months,
            "estimate": found["survival"],
            "std_error": found["std_error"],
            "conf_low": found["conf_low"],
            "conf_high": found["conf_high"],
            "n_at_risk": [int(n[days >= m * _MONTH].sum()) for m in months],
        }
    )
    if effect is not None:
        z = float(ndtri(0.5 + conf_level / 2))
        error = (effect[2] - effect[1]) / 2 / z
        share, own = table["estimate"], table["std_error"]
        reach = z * np.sqrt((share * error) ** 2 + (effect[0] * own) ** 2)
        table["effect_left"] = effect[0] * share
        table["effect_low"], table["effect_high"] = effect[0] * share - reach, effect[0] * share + reach
    return table


def _rate(rows: pd.DataFrame, conf_level: float) -> dict[str, Any]:
    """Return departures per person-month, with the exact interval of a Poisson count."""
    from scipy.special import gammaincinv

    left = int(rows.loc[rows["event"], "n"].sum())
    time = float((rows["days"] * rows["n"]).sum()) / _MONTH
    tail = (1 - conf_level) / 2
    low = float(gammaincinv(left, tail)) if left else 0.0
    return {
        "estimate": left / time if time > 0 else np.nan,
        "conf_low": low / time if time > 0 else np.nan,
        "conf_high": float(gammaincinv(left + 1, 1 - tail)) / time if time > 0 else np.nan,
        "n": int(rows["n"].sum()),
        "n_left": left,
    }


def _evidence(used: int, given: int, with_effect: bool, source: str) -> Evidence:
    assumed = ("Those still there at the end would leave as the others did.",)
    more = ("Newcomers have learnt nothing from the training, and nobody forgets it.",) if with_effect else ()
    return Evidence(
        grade="descriptive",
        design="Those trained, followed from their first training to their last day.",
        unit="persons trained",
        n_used=used,
        n_given=given,
        source=source,
        assumptions=(*assumed, *more),
    )
