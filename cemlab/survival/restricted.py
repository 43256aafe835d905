"""Restricted means: how long customers stay on average within a horizon, and how groups differ.

The mean over all time would need the whole curve, which is never seen. The mean within a horizon needs
only what was observed, and no assumption about the shape of the curves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Evidence
from cemlab.markup import join_words
from cemlab.result import Result, check_conf_level
from cemlab.stats.lifetable import LifeTable, life_table
from cemlab.stats.restricted_mean import (
    RestrictedMean,
    difference_of_means,
    quantiles,
    ratio_of_means,
)
from cemlab.stats.restricted_mean import restricted_mean as mean_of
from cemlab.survival.groups import ALL, INDEPENDENT, LATE, grouped_spells, horizons_known, listed
from cemlab.survival.watching import risk_set_checks

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, eq=False, kw_only=True)
class RestrictedMeans(Result):
    """Mean time as a customer within a horizon, by group, with differences and ratios.

    Parameters
    ----------
    table
        group, quantity, estimate, std_error, conf_low, conf_high, n: quantity is "mean" [unit], "difference"
        [unit] and "ratio" (to the reference group), or "quantile 0.5" and the like [unit]: the time by which
        that share has left. A quantile has no standard error, and is infinite where it was not seen.
    unit
        The unit of time.
    group
        The column whose values are compared, if any.
    horizon
        Until when time is counted.
    reference
        The group that others are compared with; None with one group.
    """

    unit: str
    group: str | None
    horizon: float
    reference: str | None

    title: ClassVar[str] = "Restricted mean time as a customer"
    labels: ClassVar[dict[str, str]] = {
        "group": "Group",
        "quantity": "Quantity",
        "value": "Estimate (interval)",
        "n": "Spells",
    }

    def of(self, quantity: str) -> pd.DataFrame:
        """Return the rows of one quantity.

        Returns
        -------
        pandas.DataFrame
            group, estimate, std_error, conf_low, conf_high, n.
        """
        quantities = self.table["quantity"].unique().tolist()
        if quantity not in quantities:
            raise OptionError(one_of(quantity, quantities, what="quantity"))
        rows = self.table[self.table["quantity"] == quantity]
        return rows.drop(columns="quantity").reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a group and quantity: the estimate with its interval, and spells."""
        frame = self.table[["group", "quantity", "n"]].copy()
        rows = self.table.to_dict("records")
        frame["value"] = [
            f"{_time(row['estimate'])} ({_time(row['conf_low'])} to {_time(row['conf_high'])})"
            for row in rows
        ]
        return frame[["group", "quantity", "value", "n"]]

    def narrative(self) -> str:
        """Tell the means and how they differ, in words."""
        told = []
        for row in self.of("mean").to_dict("records"):
            whom = ALL if self.group is None else f"customers with {self.group} {row['group']}"
            told.append(f"{whom} {row['estimate']:.2f} ({row['conf_low']:.2f} to {row['conf_high']:.2f})")
        horizon = f"{self.horizon:g} {self.unit}"
        text = [f"Of the first {horizon}, on average so many {self.unit} were stayed: {join_words(told)}."]
        if self.reference is not None:
            text += [self._compared(row) for row in self.of("difference").to_dict("records")]
            text.append("Means do not say why groups differ.")
        return " ".join([*text, f"({100 * self.conf_level:g} % intervals.)"])

    def _compared(self, row: Mapping[Any, Any]) -> str:
        """Say how a group differs from the reference, if its interval settles it."""
        low, high = row["conf_low"], row["conf_high"]
        if low <= 0 <= high:
            return (
                f"Whether those with {row['group']} stay longer than those with {self.reference} is not "
                f"settled ({low:+.2f} to {high:+.2f} {self.unit})."
            )
        more = "longer" if low > 0 else "less long"
        low, high = sorted((abs(low), abs(high)))
        return (
            f"Those with {row['group']} stayed {abs(row['estimate']):.2f} {self.unit} {more} than those with "
            f"{self.reference} ({low:.2f} to {high:.2f})."
        )

    @property
    def chart(self) -> Chart:
        """Group means with their intervals, one a row."""
        return Chart(
            kind="forest",
            frame=self.of("mean"),
            x="estimate",
            y="group",
            low="conf_low",
            high="conf_high",
            x_label=f"Mean time as a customer within {self.horizon:g} {self.unit} [{self.unit}]",
            y_label=self.group or "",
            claim=self._claim(),
            grade=self.evidence.grade,
            note=self.caption,
        )

    def _claim(self) -> str:
        rows = sorted(self.of("mean").to_dict("records"), key=lambda row: float(row["estimate"]))
        within = f"of the first {self.horizon:g} {self.unit}"
        worst, best = rows[0], rows[-1]
        if len(rows) == 1:
            return f"Customers stay {worst['estimate']:.1f} {within} on average"
        if worst["conf_high"] >= best["conf_low"]:
            return f"Mean time as a customer {within}, by {self.group}"
        return (
            f"{best['group']} stay {best['estimate']:.1f}, {worst['group']} {worst['estimate']:.1f} "
            f"{within} on average"
        )


def restricted_mean(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    entry: str | None = None,
    group: str | None = None,
    reference: str | None = None,
    horizon: float | None = None,
    shares: Sequence[float] = (0.5,),
    customer: str | None = None,
    conf_level: float = 0.95,
    unit: str = "months",
    source: str = "",
) -> RestrictedMeans:
    """Answer how long customers stay on average within a horizon (Irwin 1949; Royston & Parmar 2013).

    Parameters
    ----------
    spells, duration, event, entry, group, customer, unit, source
        As in :func:`cemlab.survival.retention_curve`.
    reference
        The group that others are compared with, by its text; the first one if not given.
    horizon
        Until when time is counted, in `unit`; not beyond what is known of every group. If not given, the
        longest such of about one and two years.
    shares
        Shares left whose times are told, between 0 and 1; 0.5 is the median.
    conf_level
        Confidence level of the intervals: of means on the scale of log(mean / (horizon - mean)), where few
        left at least as wide as if one more had (Fay & Feuer 1997); of differences and ratios from those of
        the two means (Zou & Donner 2008); of quantiles by Brookmeyer & Crowley (1982).
        Groups are compared with the reference one by one; the level holds for each comparison alone.

    Returns
    -------
    RestrictedMeans
        Its table has group, quantity, estimate, std_error, conf_low, conf_high, n.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        As :func:`cemlab.survival.retention_curve`; and where the horizon lies beyond what is known of a
        group, or the reference is no group.

    Notes
    -----
    Assumes what :func:`cemlab.survival.retention_curve` does. The difference needs no constant ratio of
    hazards.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [3, 5, 8, 8], "left": [True, False, True, False]})
    >>> found = restricted_mean(frame, duration="months", event="left", horizon=8)
    >>> found.of("mean")["estimate"].tolist()
    [6.75]
    """
    check_conf_level(conf_level)
    shares = listed(shares, name="shares", example="[0.5]")
    if horizon is not None and (not isinstance(horizon, Real) or isinstance(horizon, bool)):
        raise OptionError(
            f"horizon: {' '.join(repr(horizon).split())[:60]} is no number; write e.g. horizon=12"
        )
    counted = grouped_spells(
        spells, duration=duration, event=event, entry=entry, group=group, customer=customer
    )
    if reference is not None and str(reference) not in (counted.names if group else []):
        raise OptionError(one_of(str(reference), counted.names if group else [], what="group"))
    tables = {
        name: _table_of(part, conf_level=conf_level, whom=counted.whom(name))
        for name, part in counted.parts.items()
    }
    longest = {name: float(part["duration"].max()) for name, part in counted.parts.items()}
    until = _horizon(horizon, tables, unit=unit, longest=longest)
    means = {
        name: _mean_of(table, horizon=until, conf_level=conf_level, whom=counted.whom(name))
        for name, table in tables.items()
    }
    first = counted.names[0] if reference is None else str(reference)
    base = first if len(counted.names) > 1 else None
    n = counted.counts.groupby("group")["n"].sum()
    rows = [
        *_mean_rows(means, base, conf_level=conf_level),
        *(row for name, table in tables.items() for row in _quantile_rows(name, table, shares)),
    ]
    table = pd.DataFrame(
        rows, columns=["group", "quantity", "estimate", "std_error", "conf_low", "conf_high"]
    )
    compared = f", compared by {group}" if group else ""
    return RestrictedMeans(
        table=table.assign(n=table["group"].map(n)),
        evidence=Evidence(
            grade="association" if group else "descriptive",
            design=f"Spells followed until the customer left or observation ended{compared}.",
            unit="spells",
            n_used=counted.n,
            n_given=counted.n,
            source=source,
            assumptions=(INDEPENDENT, *((LATE,) if entry else ())),
            checks=(*risk_set_checks(tables, longest), *counted.checks),
        ),
        conf_level=conf_level,
        unit=unit,
        group=group,
        horizon=until,
        reference=base,
    )


Row = tuple[str, str, float, float, float, float]


def _mean_rows(means: dict[str, RestrictedMean], base: str | None, *, conf_level: float) -> list[Row]:
    rows: list[Row] = [
        (name, "mean", mean.estimate, mean.std_error, mean.conf_low, mean.conf_high)
        for name, mean in means.items()
    ]
    if base is None:
        return rows
    others = {name: mean for name, mean in means.items() if name != base}
    for name, mean in others.items():
        rows.append((name, "difference", *difference_of_means(mean, means[base], conf_level=conf_level)))
    for name, mean in others.items():
        rows.append((name, "ratio", *ratio_of_means(mean, means[base], conf_level=conf_level)))
    return rows


def _quantile_rows(name: str, table: LifeTable, shares: Sequence[float]) -> list[Row]:
    found = quantiles(table, shares)
    return [
        (name, f"quantile {share:g}", float(at), float("nan"), float(low), float(high))
        for share, at, low, high in zip(shares, *found, strict=True)
    ]


def _table_of(part: pd.DataFrame, *, conf_level: float, whom: str) -> LifeTable:
    try:
        return life_table(
            part["duration"], event=part["event"], n=part["n"], entry=part["entry"], conf_level=conf_level
        )
    except DesignError as error:
        raise DesignError(f"{whom}{error}") from error


def _mean_of(table: LifeTable, *, horizon: float, conf_level: float, whom: str) -> RestrictedMean:
    try:
        return mean_of(table, horizon=horizon, conf_level=conf_level)
    except DesignError as error:
        raise DesignError(f"{whom}{error}") from error


def _horizon(
    horizon: float | None, tables: dict[str, LifeTable], *, unit: str, longest: dict[str, float]
) -> float:
    """Return the horizon wanted, or the longest of the unit that every curve reaches."""
    known = min(float(table.time[-1]) for table in tables.values())
    if horizon is None:
        return float(horizons_known(None, unit=unit, known=known, longest=known)[-1])
    return float(horizons_known([horizon], unit=unit, known=known, longest=max(longest.values()))[0])


def _time(value: float) -> str:
    return "not seen" if np.isinf(value) else f"{value:.4g}"
