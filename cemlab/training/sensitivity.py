"""How large a violation of parallel trends a finding survives (Rambachan & Roth 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Evidence
from cemlab.markup import number, signed
from cemlab.result import Result, check_conf_level
from cemlab.stats.trend_bounds import TrendBounds, relative_trend_bounds, smooth_trend_bounds
from cemlab.stats.trend_breakdown import breakdown
from cemlab.stats.trend_target import TrendTarget, bias_of_bends, trend_target
from cemlab.training.aggregates import AveragedEffects
from cemlab.training.effects import GroupTimeEffects
from cemlab.training.roll_out import Ints

Restriction = Literal["relative magnitudes", "smoothness"]

_METHODS = {"relative magnitudes": relative_trend_bounds, "smoothness": smooth_trend_bounds}
_RELATIVE = (0.0, 0.5, 1.0, 1.5, 2.0)
# Bends that can move the estimate by so many of its standard errors.
_SMOOTH = (0.0, 0.5, 1.0, 2.0, 4.0)
# A lead is leant on only if there are so many units for it.
_UNITS_A_LEAD = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class TrendSensitivity(Result):
    """Robust intervals of an estimate for growing violations of parallel trends.

    Parameters
    ----------
    table
        One row a bound: bound (relative magnitudes: multiple of the largest move before; smoothness: largest
        change of slope a period), estimate (middle of the interval) [unit of the outcome], conf_low,
        conf_high (robust interval), set_low, set_high (what the estimate could stand for if nothing had an
        error; missing where the leads themselves break the bound), holds (whether zero lies outside).
    restriction
        Which bound.
    breakdown
        The smallest bound at which zero lies within; 0 if it does without violation.
    usual
        One row: estimate, std_error, conf_low, conf_high if trends are exactly parallel.
    post
        What is estimated: the average over some event times, or one of them.
    leads
        Event times leant on.
    outcome
        Name of the outcome.
    """

    restriction: Restriction
    breakdown: float
    usual: pd.DataFrame
    post: str
    leads: tuple[int, ...]
    outcome: str

    title: ClassVar[str] = "How large a violation of parallel trends the estimate survives"
    labels: ClassVar[dict[str, str]] = {
        "bound": "Violation up to",
        "interval": "Robust interval",
        "holds": "Zero",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a bound: the robust interval, and whether zero lies within."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "bound": [self._bound(row["bound"]) for row in rows],
                "interval": [f"{signed(row['conf_low'])} to {signed(row['conf_high'])}" for row in rows],
                "holds": ["outside" if row["holds"] else "within" for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the usual interval, the breakdown value, and what the largest bound leaves."""
        usual = self.usual.iloc[0]
        last = self.table.iloc[-1]
        return (
            f"If trends had been exactly parallel, {self.outcome} of the treated changed by "
            f"{signed(usual['estimate'])} ({signed(usual['conf_low'])} to {signed(usual['conf_high'])}) "
            f"more than that of their controls, {self.post}. {self._survives()}. With a violation up to "
            f"{self._bound(last['bound'])} the interval is {signed(last['conf_low'])} to "
            f"{signed(last['conf_high'])}. {len(self.leads):,} leads stand behind it. "
            f"({100 * self.conf_level:g} % intervals; {self.evidence.n_used:,} {self.evidence.unit}.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the robust intervals by bound, below the usual one."""
        shown = self.table[["estimate", "conf_low", "conf_high"]].assign(
            shown=[f"up to {self._bound(bound)}" for bound in self.table["bound"]]
        )
        usual = self.usual[["estimate", "conf_low", "conf_high"]].assign(shown="parallel trends")
        return Chart(
            kind="forest",
            frame=pd.concat([usual, shown], ignore_index=True),
            x="estimate",
            y="shown",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.outcome}: change of the treated less that of controls, {self.post}",
            y_label="violation of parallel trends",
            claim=self._survives(),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )

    def _bound(self, bound: float) -> str:
        """Write a bound with its unit."""
        if self.restriction == "relative magnitudes":
            return f"{number(bound)} × the largest move before"
        return f"a bend of {number(bound)} a period" if bound else "a straight line"

    def _survives(self) -> str:
        """Say how large a violation the sign survives."""
        side = "above" if float(self.usual["estimate"].iloc[0]) > 0 else "below"
        if self.breakdown == 0:
            return (
                "Zero lies within the interval even if trends were parallel"
                if self.restriction == "relative magnitudes"
                else "Zero lies within the interval even if trends parted along a straight line only"
            )
        if np.isinf(self.breakdown):
            return f"The difference stays {side} zero under every violation looked at"
        if self.restriction == "relative magnitudes":
            return (
                f"The difference stays {side} zero until trends move {number(self.breakdown)} times as far "
                "in a period as they ever did before"
            )
        return f"The difference stays {side} zero until trends bend by {number(self.breakdown)} a period"


def trend_sensitivity(
    study: GroupTimeEffects | AveragedEffects,
    *,
    restriction: Restriction = "relative magnitudes",
    bounds: Sequence[float] | None = None,
    post: Literal["average"] | int = "average",
    leads: int | None = None,
    conf_level: float = 0.95,
) -> TrendSensitivity:
    """Answer how far an estimate holds if trends would have differed without the treatment.

    Parameters
    ----------
    study
        Group-time effects, averaged here by event time over as many periods as all groups are seen; or what
        their ``by_event_time()`` returns. With ``base="universal"``.
    restriction
        ``"relative magnitudes"``: in a period, trends part by at most `bounds` times the largest such move
        among the leads. ``"smoothness"``: the difference of trends is a straight line but for bends of at
        most `bounds` a period.
    bounds
        Numbers from 0 on. If not given 0, 0.5, 1, 1.5, 2 for relative magnitudes; for smoothness bends that
        can move the estimate by 0, 0.5, 1, 2, 4 of its standard errors.
    post
        The average over all event times from 0 on, or one of them.
    leads
        How many of the nearest leads to lean on; if not given all, up to one for four units.
    conf_level
        Confidence level of the intervals.

    Returns
    -------
    TrendSensitivity
        Its table has one row a bound.

    Raises
    ------
    OptionError
        For unknown options, bounds below 0, or an event time that is not there.
    DesignError
        Without leads (one period before the treatment is not enough), with another base, or where leads are
        too many for the units.
    DataError
        If leads have no variance or follow from each other.

    Notes
    -----
    Intervals of :func:`cemlab.stats.trend_bounds.smooth_trend_bounds` (shortest of fixed length) and
    :func:`cemlab.stats.trend_bounds.relative_trend_bounds` (one-sided limits of the extremes: somewhat longer
    than need be), for estimates that are normal, with an allowance for a covariance estimated from few units.
    Over months, moves of single months are mostly luck and a bound on them says little of a year: look at an
    early event time, or at a panel of quarters.

    References
    ----------
    Rambachan, A. & Roth, J. (2023). A more credible approach to parallel trends. Review of Economic Studies
    90, 2555–2591.

    Examples
    --------
    >>> from cemlab.training.effects import group_time_effects
    >>> rng = np.random.default_rng(1)
    >>> rows = [(u, t, 5 if u < 15 else 0, (t >= 5) * (u < 15) + 0.1 * y)
    ...         for u in range(40) for t, y in enumerate(rng.normal(size=6), start=1)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "first_trained", "cx"])
    >>> found = trend_sensitivity(group_time_effects(panel, outcome="cx"))
    >>> found.table["holds"].tolist(), found.leads
    ([True, True, True, True, True], (-4, -3, -2))
    """
    check_conf_level(conf_level)
    if restriction not in get_args(Restriction):
        raise OptionError(one_of(restriction, get_args(Restriction), what="restriction"))
    averaged = _by_event_time(study)
    events = averaged.table["event_time"].to_numpy(dtype=np.int64)
    clusters = int(averaged.roll_out.cluster.max()) + 1
    before = _leads(events, averaged.anticipation, leads, clusters)
    after = _lags(events, post)
    rows = np.concatenate([before, after])
    estimates = averaged.table["estimate"].to_numpy(dtype=float)
    target = trend_target(
        estimates[before],
        estimates[after],
        covariance=averaged.covariance[np.ix_(rows, rows)],
        distance=events[after] + 1 + averaged.anticipation,
        clusters=clusters,
    )
    one_error = float(np.sqrt(target.covariance[-1, -1])) / bias_of_bends(target)
    relative = restriction == "relative magnitudes"
    unit = 1.0 if relative else one_error
    asked = bounds if bounds is not None else _RELATIVE if relative else [m * one_error for m in _SMOOTH]
    intervals = partial(_intervals, target, restriction, conf_level)
    return TrendSensitivity(
        table=_table(intervals(asked)),
        evidence=_evidence(averaged.evidence, restriction),
        conf_level=conf_level,
        restriction=restriction,
        breakdown=breakdown(intervals, unit=unit),
        usual=_usual(target, conf_level),
        post=(
            f"on average over event times {events[after[0]]} to {events[after[-1]]}"
            if post == "average"
            else f"at event time {post}"
        ),
        leads=tuple(int(event) for event in events[before]),
        outcome=averaged.roll_out.outcome_name,
    )


def _by_event_time(study: GroupTimeEffects | AveragedEffects) -> AveragedEffects:
    """Return effects by event time, of the same groups throughout where they are averaged here."""
    if isinstance(study, GroupTimeEffects):
        since = study.cells.time - study.cells.group
        last = [int(since[study.cells.group == g].max()) for g in np.unique(study.cells.group)]
        study = study.by_event_time(balanced=min(event for event in last if event >= 0))
    if not isinstance(study, AveragedEffects) or study.axis != "event_time":
        raise OptionError("study is no path by event time; give group-time effects or their by_event_time()")
    if (study.table["event_time"] == -1 - study.anticipation).any():
        raise DesignError(
            "study: its leads are relative to the period before each; estimate effects with base='universal'"
        )
    return study


def _leads(events: Ints, anticipation: int, leads: int | None, clusters: int) -> Ints:
    """Return the rows of the nearest leads that follow each other, in order of time."""
    if leads is not None and (isinstance(leads, bool) or not isinstance(leads, int) or leads < 1):
        raise OptionError(f"leads is {leads!r}; allowed: a whole number from 1 on, or None for all")
    rows = np.flatnonzero(events < -1 - anticipation)
    nearest = events[rows][::-1]
    unbroken = int((nearest == -2 - anticipation - np.arange(len(rows))).cumprod().sum())
    most = leads if leads is not None else max(1, clusters // _UNITS_A_LEAD)
    return rows[len(rows) - min(unbroken, most) :]


def _lags(events: Ints, post: Literal["average"] | int) -> Ints:
    """Return the rows of what is estimated."""
    after = np.flatnonzero(events >= 0)
    if post == "average":
        return after
    allowed = events[after].tolist()
    if isinstance(post, bool) or not isinstance(post, int | np.integer) or post not in allowed:
        raise OptionError(
            f"post is {post!r}; allowed: 'average' or an event time from {allowed[0]} to {allowed[-1]}"
        )
    return np.flatnonzero(events == post)


def _intervals(
    target: TrendTarget, restriction: Restriction, conf_level: float, bounds: Sequence[float]
) -> TrendBounds:
    return _METHODS[restriction](target, bounds=bounds, conf_level=conf_level)


def _table(found: TrendBounds) -> pd.DataFrame:
    columns = ("bound", "estimate", "conf_low", "conf_high", "set_low", "set_high")
    table = pd.DataFrame({name: getattr(found, name) for name in columns})
    table["holds"] = (table["conf_low"] > 0) | (table["conf_high"] < 0)
    return table


def _usual(target: TrendTarget, conf_level: float) -> pd.DataFrame:
    """Return the estimate with its interval if trends are exactly parallel."""
    found = relative_trend_bounds(target, bounds=[0.0], conf_level=conf_level)
    return pd.DataFrame(
        {
            "estimate": [target.effect],
            "std_error": [float(np.sqrt(target.covariance[-1, -1]))],
            "conf_low": found.conf_low,
            "conf_high": found.conf_high,
        }
    )


def _evidence(evidence: Evidence, restriction: Restriction) -> Evidence:
    """Return the evidence with the bound in the place of parallel trends."""
    bound = {
        "relative magnitudes": "Trends would have parted in no period by more than the bound says, measured "
        "by their largest move before.",
        "smoothness": "The difference of trends would have bent in no period by more than the bound says.",
    }[restriction]
    return replace(evidence, assumptions=(bound, *evidence.assumptions[1:]))
