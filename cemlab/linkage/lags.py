"""When a point pays: the score of this and of earlier periods beside each other, and their sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.linkage.ladder_words import few_clusters_check, per_point
from cemlab.linkage.lagged import lagged
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.panel_checks import require_linked
from cemlab.linkage.rungs import lags_fit
from cemlab.markup import number, p_value, with_interval
from cemlab.result import Result, check_conf_level

ScoreError = Literal["left in", "taken out"]


@dataclass(frozen=True, eq=False, kw_only=True)
class LagProfile(Result):
    """What a point of the score goes with in its own period and in those after.

    Parameters
    ----------
    table
        One row a lag: lag (periods after that of the score), estimate, std_error, conf_low, conf_high [unit
        of the outcome per point of the score], p_value.
    total
        One row: the sum over all lags, what a point held for good goes with, with its interval.
    joint
        p-value of "earlier scores add nothing"; NaN where there are not more clusters than lags.
    score_error
        Whether the score's error was taken out.
    outcome, score, period
        What is told of which score, and in which periods.
    """

    total: pd.DataFrame
    joint: float
    score_error: ScoreError
    outcome: str
    score: str
    period: str

    title: ClassVar[str] = "When a point of experience pays"
    labels: ClassVar[dict[str, str]] = {
        "lag": "Periods after",
        "estimate": "A point goes with",
        "interval": "Interval",
        "p_value": "p-value",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a lag, and their sum."""
        rows = [*self.table.to_dict("records"), {"lag": "sum", **self.total.iloc[0].to_dict()}]
        return pd.DataFrame(
            {
                "lag": [str(row["lag"]) for row in rows],
                "estimate": [number(row["estimate"]) for row in rows],
                "interval": [f"{number(row['conf_low'])} to {number(row['conf_high'])}" for row in rows],
                "p_value": [p_value(row["p_value"]) for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell what goes with a point at once and later, and the sum."""
        own, total = self.table.iloc[0], self.total.iloc[0]
        error = (
            "The score's error is taken out by its two halves."
            if self.score_error == "taken out"
            else "The score's error is left in: neighbouring periods stand in for each other, so that part "
            "of what earlier ones add may be the error's."
        )
        tested = (
            f"That earlier scores add nothing: {p_value(self.joint)}."
            if np.isfinite(self.joint)
            else "Whether earlier scores add anything cannot be told from so few clusters."
        )
        return (
            f"A point of {self.score} goes with {with_interval(own)} {self.outcome} in its own "
            f"{self.period} and, with the {len(self.table) - 1} after it added, with "
            f"{with_interval(total)}. {tested} {error} ({100 * self.conf_level:g} % intervals; "
            f"{self.evidence.n_used:,} rows; design grade {self.evidence.grade}.)"
        )

    @property
    def chart(self) -> Chart:
        """The lags with their intervals."""
        later = self.joint < 0.05
        total = number(float(self.total["estimate"].iloc[0]))
        claim = (
            f"A point goes with {total} {self.outcome} in all, part of it in later {self.period}s"
            if later
            else f"What goes with a point shows in its own {self.period}; later ones add nothing to be told"
        )
        if np.isnan(self.joint):
            claim = f"A point goes with {total} {self.outcome} in all; when it pays cannot be told"
        return Chart(
            kind="event",
            frame=self.table[["lag", "estimate", "conf_low", "conf_high"]],
            x="lag",
            y="estimate",
            low="conf_low",
            high="conf_high",
            levels=(self.conf_level,),
            x_label=f"{self.period.capitalize()}s after that of the score",
            y_label=f"{self.outcome}, per point of {self.score}",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def lag_profile(
    panel: LinkedPanel, *, lags: int = 3, score_error: ScoreError = "left in", conf_level: float = 0.95
) -> LagProfile:
    """Answer when a point of the score pays: in its own period, or in later ones too.

    All lags stand beside each other within units and periods, controls beside them; rows whose score is not
    known in all of the periods before are left out.

    Parameters
    ----------
    panel
        Read by :func:`linked_panel`.
    lags
        How many periods before are looked at.
    score_error
        ``"taken out"`` makes each half of the score, and of each lag, the instrument of the other half.
    conf_level
        Of the intervals.

    Returns
    -------
    LagProfile
        Its table has one row a lag.

    Raises
    ------
    DataError
        If the panel was not read by :func:`linked_panel`.
    OptionError
        If an option cannot be.
    DesignError
        If lags are longer than the panel, the panel has no halves to take the error out by, or the score does
        not vary within units.

    Notes
    -----
    Errors are those of :func:`value_of_a_point`; the joint test of earlier scores is Hotelling's F on lags
    and clusters − lags degrees of freedom.

    Examples
    --------
    >>> from cemlab.linkage.panel_reading import linked_panel
    >>> rng = np.random.default_rng(1)
    >>> cx = rng.normal(size=(30, 20))
    >>> paid = 2 * cx
    >>> paid[:, 1:] += cx[:, :-1]
    >>> unit, month = np.divmod(np.arange(600), 20)
    >>> frame = pd.DataFrame({"branch": unit, "month": month, "cx": cx.ravel(), "margin": paid.ravel()})
    >>> found = lag_profile(linked_panel(frame, outcome="margin"), lags=2)
    >>> [round(value, 6) + 0 for value in found.table["estimate"]]
    [2.0, 1.0, 0.0]
    """
    require_linked(panel)
    check_conf_level(conf_level)
    if score_error not in get_args(ScoreError):
        raise OptionError(one_of(score_error, get_args(ScoreError), what="way with the score's error"))
    found = lagged(panel, lags)
    fit = lags_fit(found, by_halves=score_error == "taken out")
    k = lags + 1
    each = np.eye(len(fit.coefficient))[:k]
    df = len(fit.influence) - 1
    table = _table(fit.coefficient, fit.covariance, each, df, conf_level)
    table.insert(0, "lag", np.arange(k))
    total = _table(fit.coefficient, fit.covariance, each.sum(axis=0)[None], df, conf_level)
    # jointly only fewer than there are clusters to tell them by
    joint = fit.wald(each[1:])[3] if lags <= df else float("nan")
    return LagProfile(
        table=table,
        evidence=_evidence(found.panel, score_error),
        conf_level=conf_level,
        total=total,
        joint=joint,
        score_error=score_error,
        outcome=per_point(panel),
        score=panel.score_name,
        period=panel.time_name,
    )


def _table(
    coefficient: np.ndarray, covariance: np.ndarray, over: np.ndarray, df: int, conf_level: float
) -> pd.DataFrame:
    """Return sums of coefficients with their intervals."""
    from scipy.special import stdtr, stdtrit

    estimate = over @ coefficient
    error = np.sqrt(np.einsum("ij,jk,ik->i", over, covariance, over))
    reach = float(stdtrit(df, (1 + conf_level) / 2)) * error
    ratio = np.divide(estimate, error, out=np.full(len(error), np.inf), where=error > 0)
    return pd.DataFrame(
        {
            "estimate": estimate,
            "std_error": error,
            "conf_low": estimate - reach,
            "conf_high": estimate + reach,
            "p_value": 2 * stdtr(df, -np.abs(ratio)),
        }
    )


def _evidence(used: LinkedPanel, score_error: ScoreError) -> Evidence:
    left_in = Check(
        name="error of the score",
        null="neighbouring periods do not stand in for each other",
        passed=None if score_error == "left in" else True,
        detail=f"It is {score_error}.",
        remedy="Take it out by two halves of the answers (score_error='taken out')."
        if used.halves is not None
        else "Have the score counted from two halves of the answers.",
    )
    return Evidence(
        grade="adjusted",
        design=(
            f"Score of the {used.time_name} and of those before, each {used.unit_name} compared with itself, "
            f"less what all share in a {used.time_name}."
        ),
        unit="rows",
        n_used=len(used.outcome),
        n_given=used.n_given,
        source=used.source,
        assumptions=("The outcome of today does not move the score of a later time.",),
        checks=(left_in, few_clusters_check(used), *used.checks),
    )
