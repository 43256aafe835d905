"""What customers do on the way from experience to money: stay, spend, ask for service, bring others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import ColumnError, DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.naming import in_words
from cemlab.linkage.panel_reading import linked_panel
from cemlab.linkage.way_columns import (
    BEHAVIOURS,
    levels_words,
    refuse_missing_halves,
    require_rows,
    with_behaviours,
)
from cemlab.linkage.within_moments import within_moments
from cemlab.markup import join_words, p_value, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.half_moments import Floats, HalfMoments
from cemlab.stats.holm import holm


@dataclass(frozen=True, eq=False, kw_only=True)
class Ways(Result):
    """Slopes of several behaviours on one score, within branches and months, with one covariance.

    Parameters
    ----------
    table
        One row a behaviour: outcome, unit, estimate (for a point of the score more), std_error, df, conf_low,
        conf_high, p_value, p_adjusted (Holm, over all rows), mean (of the outcome, over the panel), relative
        (estimate in % of that mean), relative_low, relative_high, naive (slope on the score as it is, error
        and all).
    score
        The column of the score.
    covariance
        (k, k) of the estimates, clustered, in the order of the table.
    reliability
        Share of the score's variance within branches and months that is no error.
    unit, time
        The columns of the branch and the month.
    """

    score: str
    covariance: Floats
    reliability: float
    unit: str = "branch"
    time: str = "month"

    title: ClassVar[str] = "On the way from experience to money"
    labels: ClassVar[dict[str, str]] = {
        "outcome": "Behaviour",
        "unit": "Unit",
        "slope": "For a point more (interval)",
        "relative": "In % of its mean (interval)",
        "p_adjusted": "p, for all looked at",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a behaviour."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "outcome": self.table["outcome"],
                "unit": self.table["unit"],
                "slope": [with_interval(r) for r in rows],
                "relative": [f"{with_interval(r, of='relative', ends='relative')} %" for r in rows],
                "p_adjusted": [p_value(r["p_adjusted"]).removeprefix("p ").removeprefix("= ") for r in rows],
            }
        )

    @property
    def settled(self) -> pd.DataFrame:
        """The rows whose adjusted p-value is below 1 - conf_level."""
        rows: pd.DataFrame = self.table[self.table["p_adjusted"] < 1 - self.conf_level]
        return rows

    def narrative(self) -> str:
        """Tell which behaviours go with the score, and which are not settled."""
        told = [
            f"{r['outcome']} {with_interval(r, sign=True)} {r['unit']}, {r['relative']:+.1f} % of its mean"
            for r in self.settled.to_dict("records")
        ]
        rest = self.table.drop(self.settled.index)
        first = (
            f"{levels_words(self.unit, self.time)} a point more of {self.score} {self.evidence.relation}: "
            f"{'; '.join(told)}. "
            if told
            else f"Whether any goes with {self.score} within a {in_words(self.unit)} is not settled. "
        )
        second = f"Not settled: {join_words(rest['outcome'])}. " if told and len(rest) else ""
        return (
            f"{first}{second}(All {len(self.table)} looked at together by Holm's rule; "
            f"{self.evidence.n_used:,} {self.evidence.unit}, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the slopes in per cent of each mean."""
        frame = self.table[["outcome", "relative", "relative_low", "relative_high"]]
        names = join_words(self.settled["outcome"])
        return Chart(
            kind="forest",
            frame=frame.reset_index(drop=True),
            x="relative",
            y="outcome",
            low="relative_low",
            high="relative_high",
            x_label=f"Change for a point more of {self.score} [% of the mean]",
            y_label="behaviour",
            claim=f"What differs with a better experience within a {in_words(self.unit)}: {names}"
            if names
            else f"Whether behaviour moves with experience within a {in_words(self.unit)} is not settled",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def ways(
    panel: pd.DataFrame,
    *,
    outcomes: Sequence[str] | None = None,
    score: str = "cx",
    halves: tuple[str, str] | None = ("cx_a", "cx_b"),
    unit: str = "branch",
    time: str = "month",
    weights: str | None = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> Ways:
    """Answer which behaviours on the way to money go with experience, and by how much.

    Parameters
    ----------
    panel
        One row a branch and month, e.g. of :func:`cemlab.data.linked_months.linked_months`, to which
        :func:`cemlab.data.new_customers.new_customers` may be joined. What is counted is made a rate by
        :func:`cemlab.linkage.with_behaviours`.
    outcomes
        Columns of numbers, among them those of :data:`cemlab.linkage.BEHAVIOURS`; without any, those of them
        that the panel has the counts for.
    score, halves
        The experience [points], and two columns of it from two halves of the answers, whose errors are
        independent; None where there are none: slopes are then drawn towards nought by the error.
    unit, time
        Columns of the branch and of the month.
    weights
        Column of positive weights, e.g. customers; without one each row counts alike.
    cluster
        Column within which rows may depend on each other; the unit without one.
    conf_level
        Of the intervals, each by itself.
    source
        The line that stands under every figure.

    Returns
    -------
    Ways
        Its table has one row a behaviour, with estimate, conf_low, conf_high, relative, p_adjusted.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        As of :func:`cemlab.linkage.linked_panel`; for no outcomes, or no row that has all of them.

    Notes
    -----
    Slopes with levels of branches and of months taken out; with halves, each is the instrument of the other
    (Griliches & Hausman 1986). Errors are clustered; t intervals with clusters less one degrees of freedom.
    Per cent are of the panel's mean, which is taken as it is. Each behaviour answers in the same month: what
    adds up over time (customers kept) shows here by its rate.

    References
    ----------
    Griliches, Z., & Hausman, J. A. (1986). Errors in variables in panel data. Journal of Econometrics 31,
    93–118. Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of
    Statistics 6, 65–70.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rows = pd.DataFrame({"branch": np.repeat(np.arange(30), 20), "month": np.tile(np.arange(20), 30),
    ...                      "cx": rng.standard_normal(600)})
    >>> rows["calls"] = 5 - 0.5 * rows["cx"] + rows["branch"]
    >>> found = ways(rows, outcomes=["calls"], halves=None)
    >>> found.table[["outcome", "estimate"]].round(6).values.tolist()
    [['calls', -0.5]]
    """
    check_conf_level(conf_level)
    require_rows(panel)
    refuse_missing_halves(panel, halves)
    frame = with_behaviours(panel)
    names = _outcomes(frame, outcomes)
    complete = frame[frame[names].notna().all(axis=1)]
    if complete.empty:
        raise DesignError(f"panel: no row has all of {join_words(names)}; name fewer outcomes")
    read = [
        linked_panel(
            complete,
            outcome=name,
            score=score,
            unit=unit,
            time=time,
            halves=halves,
            weights=weights,
            cluster=cluster,
            source=source,
        )
        for name in names
    ]
    lead = read[0]
    found = within_moments(lead, np.column_stack([one.outcome for one in read]))
    means = np.array([np.average(one.outcome, weights=one.weights) for one in read])
    table, covariance = _table(
        found,
        names,
        means,
        conf_level,
        {"money": frame.attrs.get("currency") or "money", "month": in_words(time)},
    )
    return Ways(
        table=table,
        evidence=_evidence(found, lead, len(panel), halved=halves is not None),
        conf_level=conf_level,
        score=score,
        covariance=covariance,
        reliability=found.reliability,
        unit=unit,
        time=time,
    )


def _outcomes(frame: pd.DataFrame, outcomes: Sequence[str] | None) -> list[str]:
    if outcomes is None:
        found = [name for name in BEHAVIOURS if name in frame.columns]
        if not found:
            raise ColumnError(
                "panel: none of the behaviours can be made from its columns; they need customers and "
                "left, spend, contacts, margin and profit, or referred; or name your own with outcomes=[…]"
            )
        return found
    if isinstance(outcomes, str) or not len(outcomes):
        raise OptionError(f"outcomes are {outcomes!r}; give columns in a list, e.g. ['left_share']")
    for name in outcomes:
        if name not in frame.columns:
            raise ColumnError(f"panel: {one_of(name, map(str, frame.columns), what='column')}")
    return list(dict.fromkeys(outcomes))


def _table(
    found: HalfMoments, names: list[str], means: Floats, conf_level: float, words: dict[str, str]
) -> tuple[pd.DataFrame, Floats]:
    from scipy.special import stdtr, stdtrit

    slopes = found.delta(lambda s: s[0, 1:] / s[0, 0])
    error = slopes.std_error
    reach = stdtrit(found.df, (1 + conf_level) / 2) * error
    # an exact fit has no error, and then any slope but nought is certain
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(error > 0, 2 * stdtr(found.df, -np.abs(slopes.estimate / error)), slopes.estimate == 0)
        percent = np.where(means != 0, 100 / np.abs(means), np.nan)
    units = [BEHAVIOURS[name].unit if name in BEHAVIOURS else name for name in names]
    told = [BEHAVIOURS[name].label if name in BEHAVIOURS else name for name in names]
    frame = pd.DataFrame(
        {
            "outcome": told,
            "unit": [_reworded(text, words) for text in units],
            "estimate": slopes.estimate,
            "std_error": error,
            "df": found.df,
            "conf_low": slopes.estimate - reach,
            "conf_high": slopes.estimate + reach,
            "p_value": p,
            "p_adjusted": holm(p),
            "mean": means,
            "relative": slopes.estimate * percent,
            "relative_low": (slopes.estimate - reach) * percent,
            "relative_high": (slopes.estimate + reach) * percent,
            "naive": slopes.estimate * found.reliability,
        }
    )
    return frame, slopes.covariance


def _evidence(found: HalfMoments, lead: LinkedPanel, given: int, *, halved: bool) -> Evidence:
    unit, time = in_words(lead.unit_name), in_words(lead.time_name)
    share = f"{100 * found.reliability:.0f} % of the score's variance within a {unit} is no error"
    error = Check(
        name="error of the score",
        null="the slopes are free of the score's error",
        passed=True if halved else None,
        detail=f"{share}; taken out by its two halves." if halved else "The score has no two halves.",
        remedy="Its error draws slopes towards nought; give halves=(…).",
    )
    return Evidence(
        grade="adjusted",
        design=f"{levels_words(unit, time)} slopes on the score; what is special to a {unit} for good "
        "is taken out.",
        unit=f"{unit}-{time}s",
        n_used=len(lead.outcome),
        n_given=given,
        source=lead.source,
        assumptions=(
            f"Nothing unrecorded moves a {unit}'s experience and what customers do in the same {time}.",
            f"Behaviour answers in the same {time}.",
            *(("The errors of both halves of the score are independent.",) if halved else ()),
        ),
        checks=(*lead.checks, error),
    )


def _reworded(text: str, words: dict[str, str]) -> str:
    for general, own in words.items():
        text = text.replace(general, own)
    return text
