"""Signals of leaving: how much time they give, how often they are right, and what they cost in alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.leaving_signals import SignalCounts
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, percent, percent_range, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.saves.signal_figures import (
    base_rate,
    immortal,
    inverse,
    lift,
    rates_by_period,
)
from cemlab.stats.event_rates import median_interval
from cemlab.stats.intervals import Interval, wilson

#: Fewest alarms that came true, from which a lead time is told with confidence.
_FEW = 10

_WORDS = {
    "precision": "Alarms followed by leaving",
    "base rate": "Leaving of those without a signal at the same time",
    "lift": "Alarms against no signal [ratio]",
    "recall": "Leavers who gave a signal",
    "lead time": "Median lead time [days]",
    "alarms per leaver": "Alarms for each leaver",
    "alarms per save": "Alarms for each customer saved",
}
_SHARES = ("precision", "base rate", "recall")
_RATIOS = frozenset({"rate ratio", "lift"})


@dataclass(frozen=True, eq=False, kw_only=True)
class LeavingSignals(Result):
    """What a signal of leaving is worth.

    Parameters
    ----------
    table
        One row a quantity (``"precision"``, ``"base rate"``, ``"lift"``, ``"recall"``, ``"lead time"`` [days,
        median], ``"alarms per leaver"``, ``"alarms per save"``), and one a band of days after a signal
        (quantity ``"rate ratio"``): quantity, period, estimate, conf_low, conf_high, n (alarms, leavers or,
        of a ratio, days at risk), events. An estimate without end has a lower bound, and one of nothing at
        all is missing.
    leads
        Days from signal to leaving and how many leavers had them: lead, n.
    immortal_time
        The ratio of rates read rightly and wrongly: reading, estimate, conf_low, conf_high, n, events.
    within_days
        Days after an alarm within which leaving makes it a true one.
    window_days
        Days for which an alarm stands.
    kept_share
        Share of those who are about to leave whom an offer keeps.
    """

    leads: pd.DataFrame
    immortal_time: pd.DataFrame
    within_days: int
    window_days: int
    kept_share: float

    title: ClassVar[str] = "Signals of leaving"
    labels: ClassVar[dict[str, str]] = {"what": "Quantity", "value": "Estimate", "n": "Of"}

    def of(self, quantity: str) -> pd.DataFrame:
        """Return the rows of one quantity."""
        return self.table[self.table["quantity"] == quantity].drop(columns="quantity").reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a quantity: estimate with interval, and what it rests on."""
        rows = [row for row in self.table.to_dict("records") if row["quantity"] in _WORDS]
        return pd.DataFrame(
            {
                "what": [_WORDS[row["quantity"]] for row in rows],
                "value": [_told(row) for row in rows],
                "n": [row["n"] for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell how often the signal is right, how many leavers it finds, and how early."""
        found = {row["quantity"]: row for row in self.table.to_dict("records")}
        found = {name: row for name, row in found.items() if name in _WORDS}
        gap = found["lift"]
        quiet = f"at the same time without a signal in the {self.window_days} days before"
        base = f"of customers observed {quiet} it were {_told(found['base rate'])}"
        if np.isnan(found["base rate"]["estimate"]):
            base = f"nobody was observed {quiet}"
        days = "" if np.isnan(found["lead time"]["estimate"]) else " days"
        ratio = "" if np.isnan(gap["estimate"]) else f" ({_told(gap)} times as often)"
        if gap["conf_low"] > 1:
            verdict = "Signals are followed by leaving more often than no signal"
        elif gap["conf_high"] < 1:
            verdict = "Signals are followed by leaving less often than no signal"
        else:
            verdict = "Whether signals are followed by leaving more often than no signal cannot be told"
        return (
            f"Of {found['precision']['n']:,} alarms whose {self.window_days} days lie inside the data, "
            f"{_told(found['precision'])} were followed within {self.within_days} days by leaving that a "
            f"company can act on; {base}. {verdict}{ratio}. {_told(found['recall'])} of the leavers gave a "
            f"signal in their last {self.within_days} days; the median lead time from a true alarm to "
            f"leaving is {_told(found['lead time'])}{days}. It takes {_told(found['alarms per leaver'])} "
            f"alarms to find a leaver and {_told(found['alarms per save'])} to save one, if "
            f"{percent(self.kept_share, digits=0)} of the leavers found are kept."
        )

    @property
    def chart(self) -> Chart:
        """Forest of the rate of leaving by time since the signal, against no signal at the same time."""
        frame = self.of("rate ratio").dropna(subset=["estimate"]).reset_index(drop=True)
        if frame.empty:
            raise DesignError(
                "signals: no period after a signal can be compared, so there is nothing to draw"
            )
        first = frame.iloc[0]
        ratio = _claimed(*first[["estimate", "conf_low", "conf_high"]])
        return Chart(
            kind="forest",
            frame=_drawn(frame),
            x="estimate",
            y="period",
            low="conf_low",
            high="conf_high",
            x_label="Rate of leaving against customers without a signal in the same month [ratio]",
            y_label="Days after the signal",
            claim=(f"In the {first['period']} customers leave {ratio} times as fast as without a signal"),
            grade=self.evidence.grade,
            note=self.caption,
            log=bool((frame["conf_low"] > 0).all()),
            reference=1.0,
        )

    @property
    def trap(self) -> Chart:
        """Forest of two readings of the same data: the signal by its date, and as if given at the start."""
        ends = self.immortal_time[["estimate", "conf_low", "conf_high"]].to_numpy()
        right, wrong = (_claimed(*ratio) for ratio in ends)
        return Chart(
            kind="forest",
            frame=_drawn(self.immortal_time),
            x="estimate",
            y="reading",
            low="conf_low",
            high="conf_high",
            x_label="Rate of leaving, with a signal against without [ratio]",
            y_label="Time with a signal begins",
            claim=(
                f"The rate of leaving with a signal, against without: {right} counted from its date, {wrong} "
                "counted from entry"
            ),
            grade="association",
            note=f"{self.caption} To give a signal, a customer must first stay that long: immortal time.",
            log=bool((self.immortal_time["conf_low"].dropna() > 0).all()),
            reference=1.0,
        )


def _told(row: Mapping[Any, Any]) -> str:
    if np.isnan(row["estimate"]):
        return "not estimable"
    if row["quantity"] in _SHARES:
        return f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"
    if np.isinf(row["estimate"]):
        return f"at least {number(row['conf_low'])}"
    return with_interval(row, null=1 if row["quantity"] in _RATIOS else 0)


def _claimed(estimate: float, conf_low: float, conf_high: float) -> str:
    """Write a ratio of rates in a claim."""
    if np.isnan(estimate):
        return "a ratio that cannot be told"
    if estimate == 0:
        return f"at most {number(conf_high)}"
    return f"at least {number(conf_low)}" if np.isinf(estimate) else f"{estimate:.2f}"


def _drawn(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ratios as they can be drawn: of one without end only the interval, from its lower end on."""
    return frame.assign(estimate=frame["estimate"].where(np.isfinite(frame["estimate"])))


def leaving_signals(
    counts: SignalCounts,
    *,
    within_days: int | None = None,
    kept_share: float = 1.0,
    conf_level: float = 0.95,
) -> LeavingSignals:
    """Answer what a signal of leaving is worth: lead time, precision, recall, and alarms per save.

    Parameters
    ----------
    counts
        From :func:`cemlab.data.leaving_signals.signal_counts`.
    within_days
        Days after a signal within which leaving makes it a true alarm; at most, and by default, the window
        counted.
    kept_share
        Share of the leavers found whom an offer keeps, over 0 to 1; what alarms per save rest on. Take it
        from an experiment (:func:`cemlab.saves.save_uplift`).
    conf_level
        Level of the intervals.

    Returns
    -------
    LeavingSignals
        Its table has quantity, period, estimate, conf_low, conf_high, n, events. Precision and recall have
        Wilson's interval; the base rate the exact one at its effective number of customers; lift Donner and
        Zou's from those two; the median lead time the exact one by order statistics; rate ratios compare
        within calendar months (Mantel–Haenszel).

    Raises
    ------
    OptionError
        If an option is none of the allowed.
    DesignError
        If no alarm has its whole window inside the data, or nobody left.

    Notes
    -----
    Only alarms whose whole window lies inside the data count for precision, whatever came of them, so that
    nobody is censored. The base rate is the share that left within as many days from the same days on, among
    those under observation on their evenings who had not signalled for a whole window; they may signal later.
    Recall goes by the last signal of a leaver, of whom the whole last window was observed. Lead times run
    from true alarms, and so are never longer than the window. Nothing here says that an alarm causes leaving,
    or that an offer upon it would help.

    References
    ----------
    Donner, A. & Zou, G. Y. (2012). Closed-form confidence intervals for functions of the normal mean and
    standard deviation. Statistical Methods in Medical Research 21, 347–359.

    Suissa, S. (2008). Immortal time bias in pharmacoepidemiology. American Journal of Epidemiology 167,
    492–499.

    Examples
    --------
    >>> from cemlab import simulate
    >>> from cemlab.data.leaving_signals import signal_counts
    >>> company = simulate.company(customers=2000)
    >>> contacts = company.table("contacts")
    >>> asked = contacts.filter(contacts["reason"] == "cancellation enquiry")
    >>> counts = signal_counts(asked, subscriptions=company.table("subscriptions"), when="time",
    ...                        as_of=company.info.as_of, observed_from=company.info.as_of.replace(2022, 1, 1))
    >>> leaving_signals(counts).of("rate ratio")["period"].tolist()
    ['first 30 days', '31 to 90 days', '91 to 180 days', 'over 180 days']
    """
    check_conf_level(conf_level)
    days = counts.window_days if within_days is None else within_days
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= counts.window_days:
        raise OptionError(
            f"within_days is {within_days!r}; give whole days from 1 to {counts.window_days}, which were "
            "counted"
        )
    if isinstance(kept_share, bool) or not isinstance(kept_share, (int, float)) or not 0 < kept_share <= 1:
        raise OptionError(f"kept_share is {kept_share!r}; give a share over 0 and up to 1, e.g. 0.25")
    complete = counts.alarms[counts.alarms["complete"]]
    if complete.empty:
        raise DesignError(
            f"signals: no alarm has its {counts.window_days} days inside the data, which end on "
            f"{counts.as_of}; wait, or count with a shorter window_days"
        )
    if counts.daily["left"].sum() == 0:
        raise DesignError("signals: nobody left by a controllable cause, so no signal can be judged")
    true = complete[(complete["outcome"] == "left") & (complete["lead"] <= days)]
    n, hits = int(complete["n"].sum()), int(true["n"].sum())
    leads = true.groupby("lead")["n"].sum().reset_index()
    return LeavingSignals(
        table=_table(counts, complete, leads, n, hits, days, float(kept_share), conf_level),
        evidence=_evidence(counts, n, hits, days),
        conf_level=conf_level,
        leads=leads.astype(np.int64),
        immortal_time=immortal(counts, conf_level),
        within_days=days,
        window_days=counts.window_days,
        kept_share=float(kept_share),
    )


def _table(
    counts: SignalCounts,
    complete: pd.DataFrame,
    leads: pd.DataFrame,
    n: int,
    hits: int,
    days: int,
    kept_share: float,
    conf_level: float,
) -> pd.DataFrame:
    precision = wilson(hits, n, conf_level=conf_level)
    base, base_events = base_rate(counts, complete, days, conf_level)
    gone, seen = int(counts.leavers["n"].sum()), counts.leavers["lead"] <= days
    found = int(counts.leavers.loc[seen.fillna(False).astype(bool), "n"].sum())
    recall = wilson(found, gone, conf_level=conf_level)
    blank = Interval(*(np.array(np.nan) for _ in range(3)))
    lead = median_interval(leads["lead"], leads["n"], conf_level=conf_level) if hits else blank
    lead = Interval(lead.estimate, np.maximum(lead.conf_low, 0), np.minimum(lead.conf_high, days))
    period = f"within {days} days"
    rows: list[tuple[str, str, Interval, int, int]] = [
        ("precision", period, precision, n, hits),
        ("base rate", period, base, n, base_events),
        ("lift", period, lift(precision, base), n, hits),
        ("recall", period, recall, gone, found),
        ("lead time", period, lead, hits, hits),
        ("alarms per leaver", period, inverse(precision, 1.0), n, hits),
        ("alarms per save", period, inverse(precision, kept_share), n, hits),
    ]
    rows += [("rate ratio", *rest) for rest in rates_by_period(counts, conf_level)]
    return pd.DataFrame(
        [
            (quantity, when, *map(float, interval), size, events)
            for quantity, when, interval, size, events in rows
        ],
        columns=["quantity", "period", "estimate", "conf_low", "conf_high", "n", "events"],
    )


def _evidence(counts: SignalCounts, n: int, hits: int, days: int) -> Evidence:
    return Evidence(
        grade="association",
        design=(
            f"{counts.n_customers:,} contracts followed from {counts.first} to {counts.as_of}; a customer "
            "counts as signalling from the day of the signal on, and is held against those without one at "
            "that time."
        ),
        unit="alarms",
        n_used=n,
        n_given=counts.n_alarms,
        source=counts.source,
        assumptions=(
            "When a signal is given is recorded on that day.",
            "Whoever is no longer observed would have left as those still observed do.",
            f"Signals within {counts.window_days} days of an alarm are that alarm.",
            "Somebody's alarms, one after the other, tell as much as those of several customers.",
        ),
        checks=(
            Check(
                name="complete windows",
                null="every alarm has its whole window inside the data",
                passed=None if n < counts.n_alarms else True,
                detail=f"{counts.n_alarms - n:,} of {counts.n_alarms:,} alarms lie in the last "
                f"{counts.window_days} days and do not count, whatever came of them; for rates they do, "
                "as long as they were observed.",
            ),
            Check(
                name="signals observed",
                null="every signal was given under observation",
                passed=None if counts.n_outside + counts.n_early else True,
                detail=f"{counts.n_outside:,} of {counts.n_signals:,} signals lie outside of any contract, "
                f"or on its last day, and were left out. {counts.n_early:,} were given before observation "
                "began: they stand from then on, but are no alarms to be judged.",
            ),
            Check(
                name="true alarms",
                null=f"{_FEW} alarms or more came true",
                passed=hits >= _FEW,
                detail=f"{hits:,} did within {days} days.",
                remedy="The intervals are wide; count with a longer window_days, or wait.",
            ),
        ),
    )
