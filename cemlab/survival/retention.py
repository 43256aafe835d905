"""Retention curves: what share of customers is still there, by time since start.

Curves come from counts of (group, entry, duration, event), so a refit costs the same however many
customers there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import ibis
import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.spells import dated_spells, spell_counts
from cemlab.errors import OptionError
from cemlab.evidence import Check, Evidence, HypothesisTest
from cemlab.markup import join_words, percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.stats.lifetable import LifeTable, life_table, log_rank

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cemlab.data.company import Company

#: Durations at which absolute risks are told, by unit: about one and two years.
HORIZONS: dict[str, tuple[float, ...]] = {
    "days": (365, 730),
    "weeks": (52, 104),
    "months": (12, 24),
    "years": (1, 2),
}
_ALL = "all customers"


def spells(company: Company) -> ir.Table:
    """Return one row for each contract spell, ready for the functions of this module.

    Parameters
    ----------
    company
        With the table subscriptions; late entry is taken from its column observed_after or, where
        spells have dates, from the customers' observed_from.

    Returns
    -------
    ibis.expr.types.Table
        The columns of subscriptions and customers, and: duration (in the company's unit of duration;
        exact days where spells have dates), left (whether the customer left), observed_after (duration
        already reached when observation began, 0 for those seen from the start).

    Raises
    ------
    NotFoundError
        If the company has no table subscriptions.
    """
    table = company.table("subscriptions")
    if "customers" in company.tables:
        people = company.tables["customers"]
        extra = [name for name in people.columns if name == "customer" or name not in table.columns]
        table = table.left_join(people.select(extra), "customer").drop("customer_right")
    if "duration" not in table.columns:
        return dated_spells(table, as_of=company.as_of)
    late = table["observed_after"].fill_null(0) if "observed_after" in table.columns else ibis.literal(0)
    return table.mutate(observed_after=late, left=table["cause"] != "none")


@dataclass(frozen=True, eq=False, kw_only=True)
class RetentionCurve(Result):
    """Share of customers still there, by time since start.

    Parameters
    ----------
    table
        group, time [unit], estimate, std_error, conf_low, conf_high, n_at_risk, n_events, n: one row for each
        group and distinct duration.
    unit
        The unit of time.
    group
        The column whose values are compared, if any.
    horizons
        Durations at which the summary and the narrative tell the share that left.
    """

    unit: str
    group: str | None
    horizons: tuple[float, ...]
    tables: dict[str, LifeTable]

    title: ClassVar[str] = "Retention curve (Kaplan–Meier)"
    labels: ClassVar[dict[str, str]] = {
        "group": "Group",
        "time": "After",
        "still there": "Still there (interval)",
        "median": "Half have left after",
        "n": "Spells",
        "n_events": "Left",
    }

    @property
    def n_spells(self) -> int:
        """How many spells there are."""
        return self.evidence.n_used

    @property
    def n_left(self) -> int:
        """How many of them ended."""
        return int(self.table["n_events"].sum())

    def at(self, *times: float) -> pd.DataFrame:
        """Return the share still there at given durations.

        Returns
        -------
        pandas.DataFrame
            group, time, estimate, std_error, conf_low, conf_high; missing where nothing was observed so late.
        """
        rows = []
        for name, table in self.tables.items():
            values = table.at(times)
            frame = pd.DataFrame({"group": name, "time": times, "estimate": values.pop("survival"), **values})
            rows.append(frame)
        return pd.concat(rows, ignore_index=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a group and horizon: spells, departures, share still there with interval, median."""
        totals = self.table.groupby("group", sort=False, observed=True).agg(
            n=("n", "first"), n_events=("n_events", "sum")
        )
        frame = self.at(*self.horizons).join(totals, on="group")
        frame["still there"] = [
            f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"
            for row in frame.to_dict("records")
        ]
        medians = {name: table.quantile(0.5) for name, table in self.tables.items()}
        frame["median"] = [
            f"{medians[name]:g}" if np.isfinite(medians[name]) else "not seen" for name in frame["group"]
        ]
        return frame[["group", "n", "n_events", "time", "still there", "median"]]

    def narrative(self) -> str:
        """Tell the share that left by each horizon, in words."""
        at = self.at(*self.horizons).dropna()
        sentences = []
        for name, rows in at.groupby("group", sort=False, observed=True):
            whom = _ALL if self.group is None else f"customers with {self.group} {name}"
            risks = [self._risk(row) for row in rows.to_dict("records")]
            sentences.append(f"Of {whom}, {join_words(risks)}.")
        if self.group is not None:
            sentences.append(
                f"The {self.group} {self.evidence.relation} leaving; these curves do not say why."
            )
        return " ".join([*sentences, f"({100 * self.conf_level:g} % intervals.)"])

    def _risk(self, row: Mapping[Any, Any]) -> str:
        """Tell the share that left by one horizon."""
        when = f"within {row['time']:g} {self.unit}"
        if row["estimate"] == 1:
            return f"nobody left {when} (at most {percent(self._most_unseen(row['group'], row['time']))})"
        interval = percent_range(1 - row["conf_high"], 1 - row["conf_low"])
        return f"{percent(1 - row['estimate'])} ({interval}) left {when}"

    def _most_unseen(self, group: str, time: float) -> float:
        """Return the largest risk that seeing nobody leave is still compatible with.

        Where nobody left the interval has no width, which would be read as certainty. Of n customers
        watched until then none leaves with chance (1 - risk)^n.
        """
        table = self.tables[group]
        watched = int(table.at_risk[np.searchsorted(table.time, time)])
        return float(1 - (1 - self.conf_level) ** (1 / watched))

    @property
    def chart(self) -> Chart:
        """Step curves with their bands, one a group."""
        start = pd.DataFrame(
            {"group": list(self.tables), "time": 0.0, "estimate": 1.0, "conf_low": 1.0, "conf_high": 1.0}
        )
        # a curve begins where everybody is still there
        frame = pd.concat([start, self.table[self.table["time"] > 0][list(start.columns)]])
        order = {name: i for i, name in enumerate(self.tables)}
        frame = frame.sort_values(
            ["group", "time"], key=lambda s: s.map(order) if s.name == "group" else s, kind="stable"
        )
        return Chart(
            kind="step",
            frame=frame.reset_index(drop=True),
            x="time",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="group" if len(self.tables) > 1 else None,
            x_label=f"Time as a customer [{self.unit}]",
            y_label="Share still there [%]",
            claim=self._claim(),
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )

    def _claim(self) -> str:
        at = self.at(self.horizons[0]).dropna()
        if at.empty:
            return "Share of customers still there"
        rows = sorted(at.to_dict("records"), key=lambda row: float(row["estimate"]))
        worst, best = rows[0], rows[-1]
        when = f"after {self.horizons[0]:g} {self.unit}"
        if len(self.tables) == 1:
            return f"{percent(worst['estimate'], digits=0)} of customers are still there {when}"
        return (
            f"{percent(best['estimate'], digits=0)} of {best['group']} but "
            f"{percent(worst['estimate'], digits=0)} of {worst['group']} are still there {when}"
        )


def retention_curve(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    entry: str | None = None,
    group: str | None = None,
    conf_level: float = 0.95,
    unit: str = "months",
    horizons: Sequence[float] | None = None,
    source: str = "",
) -> RetentionCurve:
    """Answer what share of customers is still there after a given time (Kaplan & Meier 1958).

    Parameters
    ----------
    spells
        One row a spell, as a frame or as a table on an engine.
    duration
        Column with the length of the spell at its end, in `unit`, at least 0.
    event
        Column that says whether the customer left: true/false, 1/0, or a cause with ``"none"`` for no.
    entry
        Column with the length already reached when observation began; needed wherever customers
        who left before that could not be seen (late entry).
    group
        Column whose values are compared.
    conf_level
        Confidence level of the pointwise intervals (complementary log-log scale, Greenwood's variance).
    unit
        The unit of time, for titles and words.
    horizons
        Durations at which to tell the share that left; about one and two years if not given.
    source
        The line that stands under every figure.

    Returns
    -------
    RetentionCurve
        Its table has group, time, estimate, std_error, conf_low, conf_high, n_at_risk, n_events, n.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For a missing column, missing or impossible values, no spells, a confidence level outside 0 to 1.

    Notes
    -----
    Assumes that those whose spell goes on would leave as the others do (independent censoring), and
    that a spell seen late is like one of the same length seen from the start.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [3, 5, 8, 8], "left": [True, False, True, False]})
    >>> curve = retention_curve(frame, duration="months", event="left", horizons=[6])
    >>> curve.at(6)[["time", "estimate"]]
       time  estimate
    0     6      0.75
    """
    check_conf_level(conf_level)
    counts = spell_counts(spells, duration=duration, event=event, entry=entry, group=group)
    counts["group"] = counts["group"].astype(str) if group else _ALL
    names = sorted(counts["group"].unique())
    tables, frames = {}, []
    for name in names:
        part = counts[counts["group"] == name]
        table = life_table(
            part["duration"], event=part["event"], n=part["n"], entry=part["entry"], conf_level=conf_level
        )
        tables[name] = table
        frames.append(_curve_frame(name, table, n=int(part["n"].sum())))
    n_given = int(counts["n"].sum())
    compared = f", compared by {group}" if group else ""
    evidence = Evidence(
        grade="association" if group else "descriptive",
        design=f"Spells followed until the customer left or observation ended{compared}.",
        unit="spells",
        n_used=n_given,
        n_given=n_given,
        source=source,
        assumptions=(
            "Those still there at the end of observation would leave as the others do.",
            *(("A spell seen late is like one of the same length seen from the start.",) if entry else ()),
        ),
        checks=_risk_set_checks(tables),
        tests=_log_rank(counts, names),
    )
    return RetentionCurve(
        table=pd.concat(frames, ignore_index=True),
        evidence=evidence,
        conf_level=conf_level,
        unit=unit,
        group=group,
        horizons=_horizons(horizons, unit, tables),
        tables=tables,
    )


def _curve_frame(name: str, table: LifeTable, *, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": name,
            "time": table.time,
            "estimate": table.survival,
            "std_error": table.std_error,
            "conf_low": table.conf_low,
            "conf_high": table.conf_high,
            "n_at_risk": table.at_risk,
            "n_events": table.events,
            "n": n,
        }
    )


def _horizons(wanted: Sequence[float] | None, unit: str, tables: dict[str, LifeTable]) -> tuple[float, ...]:
    longest = max(float(table.time[-1]) for table in tables.values())
    if wanted is None:
        inside = tuple(h for h in HORIZONS.get(unit, ()) if h <= longest)
        return inside or (longest,)
    beyond = [h for h in wanted if not 0 < h <= longest]
    if beyond or not wanted:
        raise OptionError(
            f"horizons are {list(wanted)}; the data allow durations above 0 and up to {longest:g} {unit}, "
            "the longest seen"
        )
    return tuple(wanted)


def _risk_set_checks(tables: dict[str, LifeTable]) -> tuple[Check, ...]:
    """Late entry can leave so few at risk early on that one departure empties the curve."""
    thin = [
        f"{name}: {int(table.events[i])} of {int(table.at_risk[i])} at risk left at {table.time[i]:g}"
        for name, table in tables.items()
        for i in np.flatnonzero((table.events == table.at_risk) & (table.events > 0))[:1]
        if i < len(table.time) - 1
    ]
    if not thin:
        return ()
    return (
        Check(
            name="risk set",
            null="somebody is at risk whenever somebody leaves, and remains",
            passed=False,
            detail=f"{'; '.join(thin)}; the curve stays at zero from there on.",
            remedy="Start the curve at a later duration, where more customers are under observation.",
        ),
    )


def _log_rank(counts: pd.DataFrame, names: Sequence[str]) -> tuple[HypothesisTest, ...]:
    if len(names) < 2 or not counts["event"].any():
        return ()
    codes = counts["group"].map({name: i for i, name in enumerate(names)})
    test = log_rank(
        counts["duration"], event=counts["event"], n=counts["n"], group=codes, entry=counts["entry"]
    )
    return (
        HypothesisTest(
            name="log-rank test",
            null="all groups leave at the same pace",
            statistic=test.statistic,
            df=test.df,
            p_value=test.p_value,
        ),
    )
