"""Cumulative incidence: what share of customers leaves for each cause, by time since start.

Where customers leave for several causes, one minus the Kaplan–Meier curve of one of them tells the share
that would leave if nobody left for the others. This tells the share that does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.evidence import Evidence
from cemlab.markup import join_words, percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.stats.competing_risks import CompetingRisks, Floats, Ints, aalen_johansen
from cemlab.stats.lifetable import life_table
from cemlab.survival.competing import cause_tests, causes_of
from cemlab.survival.groups import ALL, INDEPENDENT, LATE, GroupedSpells, grouped_spells, horizons_known
from cemlab.survival.watching import risk_set_checks

if TYPE_CHECKING:
    import ibis.expr.types as ir

# more curves than this cannot be told apart in one picture
_MOST_CURVES = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class CumulativeIncidence(Result):
    """Share of customers that left for each cause, by time since start.

    Parameters
    ----------
    table
        group, cause, time [unit], estimate, std_error, conf_low, conf_high, n_at_risk, n_events (for the
        cause at that time), n: one row for each group, cause and distinct duration. Where nobody left for a
        cause yet, the interval ends at the exact bound.
    unit
        The unit of time.
    group
        The column whose values are compared, if any.
    causes
        The causes of leaving.
    horizons
        Durations at which the summary and the narrative tell the shares.
    tables
        The estimates of each group.
    naive
        group, cause, time, estimate, conf_low, conf_high at the horizons: what one minus the Kaplan–Meier
        curve says that takes leaving for other causes as the end of observation. It is too high.
    """

    unit: str
    group: str | None
    causes: tuple[str, ...]
    horizons: tuple[float, ...]
    tables: dict[str, CompetingRisks]
    naive: pd.DataFrame

    title: ClassVar[str] = "Cumulative incidence (Aalen–Johansen)"
    labels: ClassVar[dict[str, str]] = {
        "group": "Group",
        "cause": "Cause",
        "time": "After",
        "left": "Left for it (interval)",
        "naive": "1 - Kaplan–Meier, too high",
        "n": "Spells",
        "n_events": "Left for it in all",
    }

    def at(self, *times: float) -> pd.DataFrame:
        """Return the share that left for each cause by given durations.

        Returns
        -------
        pandas.DataFrame
            group, cause, time, estimate, std_error, conf_low, conf_high; missing where nothing was observed
            so late.
        """
        frames = []
        for name, table in self.tables.items():
            found = table.at(times)
            found["estimate"] = found.pop("incidence")
            _widen(found, _watched_at(table, np.asarray(times, dtype=float)), self.conf_level)
            for k, cause in enumerate(self.causes):
                values = {column: found[column][k] for column in _COLUMNS}
                frames.append(pd.DataFrame({"group": name, "cause": cause, "time": times, **values}))
        return pd.concat(frames, ignore_index=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a group, cause and horizon: spells, departures, share with interval, the naive share."""
        frame = self.at(*self.horizons)
        frame = frame.merge(
            self.naive[["group", "cause", "time", "estimate"]].rename(columns={"estimate": "wrong"}),
            on=["group", "cause", "time"],
            how="left",
        )
        totals = self.table.groupby(["group", "cause"], sort=False).agg(
            n=("n", "first"), n_events=("n_events", "sum")
        )
        frame = frame.join(totals, on=["group", "cause"])
        frame["left"] = [_share(row) for row in frame.to_dict("records")]
        frame["naive"] = frame["wrong"].map(percent)
        return frame[["group", "cause", "n", "n_events", "time", "left", "naive"]]

    def narrative(self) -> str:
        """Tell the share that left for each cause by each horizon, in words."""
        sentences = []
        for (name, time), rows in self.at(*self.horizons).groupby(["group", "time"], sort=False):
            whom = ALL if self.group is None else f"customers with {self.group} {name}"
            if rows["estimate"].isna().any():
                sentences.append(f"{whom[0].upper()}{whom[1:]} were not observed for {time:g} {self.unit}.")
                continue
            told = [f"{_share(row)} for the reason “{row['cause']}”" for row in rows.to_dict("records")]
            sentences.append(f"Of {whom}, within {time:g} {self.unit} left: {join_words(told)}.")
        if len(self.causes) > 1:
            sentences.append(
                "These shares add up; one minus a Kaplan–Meier curve for each cause is too high."
            )
        if self.group is not None:
            sentences.append(self._relation())
        return " ".join([*sentences, f"({100 * self.conf_level:g} % intervals.)"])

    def _relation(self) -> str:
        """Say for which causes the group goes with leaving, if a test settles it."""
        alpha = (1 - self.conf_level) / max(len(self.evidence.tests), 1)  # several causes, several tests
        if any(test.p_value < alpha for test in self.evidence.tests):
            return (
                f"The {self.group} {self.evidence.relation} leaving for a cause; these curves do not say why."
            )
        return f"These data do not settle whether {self.group} goes with leaving for a cause."

    @property
    def chart(self) -> Chart:
        """Step curves with their intervals, one a cause (and group)."""
        table = self.table
        series = table["cause"] if self.group is None else table["group"] + ", " + table["cause"]
        columns = ["time", "estimate", "conf_low", "conf_high"]
        frame = table.assign(series=series)[["series", *columns, "n_events"]]
        many = frame.groupby("series", sort=False)["n_events"].sum()
        shown = [name for name in many.index if name in set(many.nlargest(_MOST_CURVES).index)]
        largest = f"The {len(shown)} largest of {len(many)} curves. " if len(shown) < len(many) else ""
        start = pd.DataFrame({"series": shown, **dict.fromkeys(columns, 0.0)})
        drawn = frame[frame["series"].isin(shown)]
        drawn = drawn[(drawn["time"] > 0) | (drawn["estimate"] > 0)]
        whole = pd.concat([start, drawn[["series", *columns]]])
        order = {name: i for i, name in enumerate(shown)}
        whole = whole.sort_values(
            ["series", "time"], key=lambda s: s.map(order) if s.name == "series" else s, kind="stable"
        )
        return Chart(
            kind="step",
            frame=whole.reset_index(drop=True),
            x="time",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="series" if len(shown) > 1 else None,
            x_label=f"Time as a customer [{self.unit}]",
            y_label="Share that left for the cause [%]",
            claim=self._claim(),
            grade=self.evidence.grade,
            note=f"{largest}{self.caption}",
            percent=True,
        )

    def _claim(self) -> str:
        at = self.at(self.horizons[0]).dropna()
        if at.empty:
            return "Share of customers that left, by cause of leaving"
        top = max(at.to_dict("records"), key=lambda row: float(row["estimate"]))
        whom = "customers" if self.group is None else str(top["group"])
        return (
            f"{percent(top['estimate'], digits=0)} of {whom} leave within {self.horizons[0]:g} {self.unit} "
            f"for the reason “{top['cause']}”"
        )


_COLUMNS = ("estimate", "std_error", "conf_low", "conf_high")


def cumulative_incidence(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    entry: str | None = None,
    group: str | None = None,
    causes: Sequence[str] | None = None,
    customer: str | None = None,
    conf_level: float = 0.95,
    unit: str = "months",
    horizons: Sequence[float] | None = None,
    source: str = "",
) -> CumulativeIncidence:
    """Answer what share of customers leaves for each cause within a given time (Aalen & Johansen 1978).

    Parameters
    ----------
    spells
        One row a spell, as a frame or as a table on an engine.
    duration
        Column with the length of the spell at its end, in `unit`, at least 0.
    event
        Column with the cause of leaving, ``"none"`` while the spell goes on.
    entry
        Column with the length already reached when observation began (late entry).
    group
        Column whose values are compared: by Gray's test for each cause, or by the log-rank test of the cause
        where spells were entered late, for which Gray's is not defined.
    causes
        All causes that may occur; any other is refused. Those that occur, if not given.
    customer
        Column that tells whose spell it is; with it, customers under observation twice are noticed.
    conf_level
        Confidence level of the pointwise intervals (complementary log-log scale, Greenwood's variance).
    unit
        The unit of time, for titles and words.
    horizons
        Durations at which to tell the shares; about one and two years if not given.
    source
        The line that stands under every figure.

    Returns
    -------
    CumulativeIncidence
        Its table has group, cause, time, estimate, std_error, conf_low, conf_high, n_at_risk, n_events, n.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For a missing column, one named for two roles, missing or impossible values, causes that were not
        declared, an event that is no cause, no spells or nobody who left, a confidence level outside 0 to 1,
        a horizon beyond the data, or where nobody was under observation just after duration 0.

    Notes
    -----
    Assumes that those whose spell goes on would leave as the others do, for the same causes. It does not
    assume that causes are independent of each other.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [3, 5, 8, 8], "cause": ["price", "moved", "none", "none"]})
    >>> found = cumulative_incidence(frame, duration="months", event="cause", horizons=[6])
    >>> found.at(6)[["cause", "estimate"]]
       cause  estimate
    0  moved      0.25
    1  price      0.25
    """
    check_conf_level(conf_level)
    counted = grouped_spells(
        spells, duration=duration, event=event, entry=entry, group=group, customer=customer
    )
    told = causes_of(counted.counts, event=event, causes=causes)
    if not counted.counts["event"].any():
        raise DesignError("nobody left for any cause, so there is no incidence to estimate")
    codes = counted.counts["cause"].map({cause: k + 1 for k, cause in enumerate(told)}).fillna(0)
    counted = replace(counted, counts=counted.counts.assign(code=codes.astype(int)))
    parts = counted.parts
    tables = {
        name: _table_of(part, n_causes=len(told), conf_level=conf_level, whom=counted.whom(name))
        for name, part in parts.items()
    }
    longest = {name: float(part["duration"].max()) for name, part in parts.items()}
    shown = horizons_known(
        horizons,
        unit=unit,
        known=max(float(table.time[-1]) for table in tables.values()),
        longest=max(longest.values()),
    )
    compared = f", compared by {group}" if group else ""
    evidence = Evidence(
        grade="association" if group else "descriptive",
        design=f"Spells followed until the customer left, for which cause, or observation ended{compared}.",
        unit="spells",
        n_used=counted.n,
        n_given=counted.n,
        source=source,
        assumptions=(INDEPENDENT, *((LATE,) if entry else ())),
        checks=(*risk_set_checks(tables, longest), *counted.checks),
        tests=cause_tests(counted, told),
    )
    return CumulativeIncidence(
        table=pd.concat(
            [
                _frame(name, tables[name], told, n=int(part["n"].sum()), conf_level=conf_level)
                for name, part in parts.items()
            ],
            ignore_index=True,
        ),
        evidence=evidence,
        conf_level=conf_level,
        unit=unit,
        group=group,
        causes=tuple(told),
        horizons=shown,
        tables=tables,
        naive=_naive(counted, told, shown, conf_level=conf_level),
    )


def _table_of(part: pd.DataFrame, *, n_causes: int, conf_level: float, whom: str) -> CompetingRisks:
    try:
        return aalen_johansen(
            part["duration"],
            cause=part["code"],
            n=part["n"],
            entry=part["entry"],
            n_causes=n_causes,
            conf_level=conf_level,
        )
    except DesignError as error:
        raise DesignError(f"{whom}{error}") from error


def _frame(
    name: str, table: CompetingRisks, causes: Sequence[str], *, n: int, conf_level: float
) -> pd.DataFrame:
    found = {"estimate": table.incidence, **{column: getattr(table, column) for column in _COLUMNS[1:]}}
    _widen(found, table.watched, conf_level)
    frames = [
        pd.DataFrame(
            {
                "group": name,
                "cause": cause,
                "time": table.time,
                **{column: found[column][k] for column in _COLUMNS},
                "n_at_risk": table.at_risk,
                "n_events": table.events[k],
                "n": n,
            }
        )
        for k, cause in enumerate(causes)
    ]
    return pd.concat(frames, ignore_index=True)


def _watched_at(table: CompetingRisks, times: Floats) -> Ints:
    return table.watched[np.minimum(np.searchsorted(table.time, times), len(table.time) - 1)]


def _widen(found: dict[str, Floats], watched: Ints, conf_level: float) -> None:
    """Let the interval of a share of 0 (or 1) end at the exact bound for so many watched."""
    least = ((1 - conf_level) / 2) ** (1 / watched)
    found["conf_high"] = np.where(found["estimate"] == 0, 1 - least, found["conf_high"])
    found["conf_low"] = np.where(found["estimate"] == 1, least, found["conf_low"])


def _share(row: Mapping[Any, Any]) -> str:
    if np.isnan(row["estimate"]):
        return "not observed that long"
    return f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"


def _naive(
    counted: GroupedSpells, causes: Sequence[str], horizons: Sequence[float], *, conf_level: float
) -> pd.DataFrame:
    frames = []
    for name, part in counted.parts.items():
        for cause in causes:
            table = life_table(
                part["duration"],
                event=part["cause"] == cause,
                n=part["n"],
                entry=part["entry"],
                conf_level=conf_level,
            )
            at = table.at(list(horizons))
            frames.append(
                pd.DataFrame(
                    {
                        "group": name,
                        "cause": cause,
                        "time": horizons,
                        "estimate": 1 - at["survival"],
                        "conf_low": 1 - at["conf_high"],
                        "conf_high": 1 - at["conf_low"],
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)
