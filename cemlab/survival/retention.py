"""Retention curves: what share of customers is still there, by time since start.

Curves come from counts of (group, entry, duration, event), so a refit costs the same however many
customers there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Evidence, HypothesisTest
from cemlab.markup import join_words, percent
from cemlab.result import Result, check_conf_level
from cemlab.stats.confidence_bands import simultaneous_band
from cemlab.stats.lifetable import LifeTable, life_table
from cemlab.stats.log_rank import log_rank
from cemlab.stats.restricted_mean import quantiles
from cemlab.survival.competing import of_causes
from cemlab.survival.groups import (
    ALL,
    INDEPENDENT,
    LATE,
    GroupedSpells,
    grouped_spells,
    horizons_known,
)
from cemlab.survival.watching import apart, risk_set_checks, share_left, still_there

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: ``"pointwise"`` intervals hold one time each; a ``"simultaneous"`` band holds the whole curve.
BandOf = Literal["pointwise", "simultaneous"]

# more curves than this cannot be told apart in one picture
_MOST_CURVES = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class RetentionCurve(Result):
    """Share of customers still there, by time since start.

    Parameters
    ----------
    table
        group, time [unit], estimate, std_error, conf_low, conf_high, n_at_risk, n_events, n: one row for each
        group and distinct duration. The interval has no width where the estimate is 1 or 0 (Greenwood's
        formula has none); the summary and the narrative give the exact bound there. Where observation
        breaks off for want of anybody to watch, the rows end.
    unit
        The unit of time.
    group
        The column whose values are compared, if any.
    horizons
        Durations at which the summary and the narrative tell the share that left.
    tables
        The life table of each group.
    left
        How many spells of each group ended, whether or not the curve reaches that far.
    band
        Whether an interval holds one time, or all of them hold the whole curve at once.
    """

    unit: str
    group: str | None
    horizons: tuple[float, ...]
    tables: dict[str, LifeTable]
    left: dict[str, int]
    band: BandOf = "pointwise"

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
        return sum(self.left.values())

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
        frame = self.at(*self.horizons)
        frame["n"] = frame["group"].map(self.table.groupby("group", sort=False)["n"].first())
        frame["n_events"] = frame["group"].map(self.left)
        frame["still there"] = [
            still_there(self.tables[str(row["group"])], row, conf_level=self.conf_level)
            for row in frame.to_dict("records")
        ]
        medians = {name: float(quantiles(table, [0.5]).estimate[0]) for name, table in self.tables.items()}
        frame["median"] = [
            f"{medians[name]:g}" if np.isfinite(medians[name]) else "not seen" for name in frame["group"]
        ]
        return frame[["group", "n", "n_events", "time", "still there", "median"]]

    def narrative(self) -> str:
        """Tell the share that left by each horizon, in words."""
        at = self.at(*self.horizons)
        sentences, short = [], []
        for name, rows in at.groupby("group", sort=False, observed=True):
            whom = ALL if self.group is None else f"customers with {self.group} {name}"
            risks = [
                share_left(self.tables[str(name)], row, unit=self.unit, conf_level=self.conf_level)
                for row in rows.dropna().to_dict("records")
            ]
            sentences += [f"Of {whom}, {join_words(risks)}."] if risks else []
            beyond = [f"{time:g}" for time in rows["time"][rows["estimate"].isna()]]
            short += [f"{name} ({join_words(beyond)} {self.unit})"] if beyond else []
        if short:
            sentences.append(f"Not observed that long: {join_words(short)}.")
        if self.group is not None:
            sentences.append(self._relation())
        return " ".join([*sentences, f"({self._intervals})"])

    @property
    def _intervals(self) -> str:
        kind = "intervals" if self.band == "pointwise" else "simultaneous bands, each for a whole curve"
        return f"{100 * self.conf_level:g} % {kind}."

    @property
    def caption(self) -> str:
        """The line under the table: confidence level and kind of band, rows used, design grade, source."""
        return f"{self._intervals} {self.evidence.line()}"

    def _relation(self) -> str:
        """Say whether the group goes with leaving, if the log-rank test settles it."""
        if any(test.p_value < 1 - self.conf_level for test in self.evidence.tests):
            return f"The {self.group} {self.evidence.relation} leaving; these curves do not say why."
        return f"These data do not settle whether {self.group} goes with leaving."

    @property
    def chart(self) -> Chart:
        """Step curves with their bands, one a group."""
        sizes = self.table.groupby("group", sort=False, observed=True)["n"].first()
        shown = [name for name in self.tables if name in set(sizes.nlargest(_MOST_CURVES).index)]
        left_out = len(self.tables) - len(shown)
        largest = f"The {len(shown)} largest of {len(self.tables)} groups. " if left_out else ""
        start = pd.DataFrame(
            {"group": shown, "time": 0.0, "estimate": 1.0, "conf_low": 1.0, "conf_high": 1.0}
        )
        # a curve begins where everybody is still there, and drops at once where somebody left at 0
        drawn = self.table[(self.table["time"] > 0) | (self.table["estimate"] < 1)]
        drawn = drawn[drawn["group"].isin(shown)]
        frame = pd.concat([start, drawn[list(start.columns)]])
        # beyond its range a simultaneous band knows an upper end only, which no picture can show as a band
        frame[["conf_low", "conf_high"]] = frame[["conf_low", "conf_high"]].where(
            (frame["conf_low"] > 0) | (frame["estimate"] <= 0)
        )
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
            note=f"{largest}{self.caption}",
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
        if len(rows) == 1:
            return (
                f"{percent(worst['estimate'], digits=0)} of {worst['group']} are still there {when}; "
                "no other group was observed that long"
            )
        if not any(test.p_value < 1 - self.conf_level for test in self.evidence.tests):
            return f"Whether {self.group} goes with leaving is not settled"
        if not apart(self.tables, worst, best, conf_level=self.conf_level):
            return f"Share of customers still there, by {self.group}"
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
    strata: str | None = None,
    causes: Sequence[str] | None = None,
    customer: str | None = None,
    band: BandOf = "pointwise",
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
    strata
        Column within whose values the log-rank test compares the groups, so that a difference in their mix
        is no difference in pace; the curves stay those of all.
    causes
        Where `event` is a cause: those that count as leaving, all of them if not given. Customers who left
        for another cause are then treated as if they might still leave for these: a failed check says so and
        tells the cumulative incidence, which is the answer where other causes exist.
    customer
        Column that tells whose spell it is; with it, customers under observation twice are noticed.
    band
        ``"pointwise"`` intervals, or a ``"simultaneous"`` band of equal precision (Nair 1984) that holds the
        whole curve of a group at once, from when ten have left to where ten are still watched.
    conf_level
        Confidence level of the intervals (complementary log-log scale, Greenwood's variance).
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
        For a missing column, one named for two roles, missing or impossible values, a cause that does not
        occur, no spells, a confidence level outside 0 to 1, where nobody was under observation just after
        duration 0 (all entered later), or where too few left for a simultaneous band.

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
    if band not in get_args(BandOf):
        raise OptionError(one_of(band, get_args(BandOf), what="band"))
    counted = grouped_spells(
        spells,
        duration=duration,
        event=event,
        entry=entry,
        group=group,
        strata=strata,
        customer=customer,
    )
    shown, competing = of_causes(counted, event=event, causes=causes, at=(horizons, unit))
    parts = shown.parts
    tables = {
        name: _table_of(part, conf_level=conf_level, whom=shown.whom(name), band=band)
        for name, part in parts.items()
    }
    frames = [_curve_frame(name, tables[name], n=int(part["n"].sum())) for name, part in parts.items()]
    longest = {name: float(part["duration"].max()) for name, part in parts.items()}
    compared = f", compared by {group}" if group else ""
    evidence = Evidence(
        grade="association" if group else "descriptive",
        design=f"Spells followed until the customer left or observation ended{compared}.",
        unit="spells",
        n_used=shown.n,
        n_given=shown.n,
        source=source,
        assumptions=(INDEPENDENT, *((LATE,) if entry else ())),
        checks=(*risk_set_checks(tables, longest), *shown.checks, *competing),
        tests=_log_rank(shown, strata),
    )
    return RetentionCurve(
        table=pd.concat(frames, ignore_index=True),
        evidence=evidence,
        conf_level=conf_level,
        unit=unit,
        group=group,
        horizons=horizons_known(
            horizons,
            unit=unit,
            known=max(float(t.time[-1]) for t in tables.values()),
            longest=max(longest.values()),
        ),
        tables=tables,
        left={name: int(part["n"][part["event"]].sum()) for name, part in parts.items()},
        band=band,
    )


def _table_of(part: pd.DataFrame, *, conf_level: float, whom: str, band: BandOf) -> LifeTable:
    try:
        table = life_table(
            part["duration"], event=part["event"], n=part["n"], entry=part["entry"], conf_level=conf_level
        )
        if band == "pointwise":
            return table
        whole = simultaneous_band(table, n=int(part["n"].sum()), conf_level=conf_level)
        return replace(table, conf_low=whole.conf_low, conf_high=whole.conf_high)
    except DesignError as error:
        raise DesignError(f"{whom}{error}") from error


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


def _log_rank(counted: GroupedSpells, strata: str | None) -> tuple[HypothesisTest, ...]:
    counts = counted.counts
    if len(counted.names) < 2 or not counts["event"].any():
        return ()
    test = log_rank(
        counts["duration"],
        event=counts["event"],
        n=counts["n"],
        group=counted.codes(),
        entry=counts["entry"],
        strata=counted.codes("strata") if strata else None,
    )
    if test.df == 0:
        return ()  # the groups were never at risk together
    return (
        HypothesisTest(
            name="stratified log-rank test" if strata else "log-rank test",
            null=f"all groups leave at the same pace{f' within each {strata}' if strata else ''}",
            statistic=test.statistic,
            df=test.df,
            p_value=test.p_value,
        ),
    )
