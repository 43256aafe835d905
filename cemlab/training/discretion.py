"""Tight on why, loose on how: does training give more where people are free to decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.trainee_service import trainee_service
from cemlab.errors import ColumnError, DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, p_value, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.detectable import detectable_ratio, power_of_t
from cemlab.stats.least_squares import LeastSquares, least_squares
from cemlab.training.result_rows import rows_of

if TYPE_CHECKING:
    from cemlab.data.company import Company

    Floats = npt.NDArray[np.float64]

ServiceOutcome = Literal["affect", "resolved"]

_TERMS = (
    "change of the trained",
    "slope of those never trained",
    "slope of the trained",
    "difference of slopes",
)


@dataclass(frozen=True, eq=False, kw_only=True)
class ByDiscretion(Result):
    """How the change of persons around the training goes with their discretion.

    Parameters
    ----------
    table
        One row a term: term ("change of the trained": against persons never trained, at mean discretion;
        "slope of the trained" and "slope of those never trained": change per standard deviation of
        discretion; "difference of slopes": what training adds), estimate [unit of the outcome], std_error,
        df, conf_low, conf_high, p_value.
    outcome, trait
        What was measured, and the column of discretion.
    detectable
        The difference of slopes that would be found with a chance of 80 %.
    power
        Chance to find `hoped`, missing if none was given.
    hoped
        The difference of slopes one hopes for; None if none was given.
    n_trained, n_untrained
        Persons.
    """

    outcome: str
    trait: str
    detectable: float
    power: float
    hoped: float | None
    n_trained: int
    n_untrained: int

    title: ClassVar[str] = "Change around the training, by discretion"
    labels: ClassVar[dict[str, str]] = {"term": "", "estimate": "Estimate (interval)", "p": "p"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a term."""
        rows = rows_of(self.table)
        return pd.DataFrame(
            {
                "term": [r["term"] for r in rows],
                "estimate": [with_interval(r) for r in rows],
                "p": [p_value(r["p_value"]) for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the difference of slopes, and what could have been found."""
        row = rows_of(self.table)[-1]
        settled = not row["conf_low"] <= 0 <= row["conf_high"]
        lead = (
            f"For each standard deviation of {self.trait} more, those trained gained {with_interval(row)} "
            f"more in {self.outcome} than persons never trained."
            if settled
            else f"Whether those trained gain more in {self.outcome} with more {self.trait} is not settled: "
            f"{with_interval(row)} for each standard deviation."
        )
        hope = (
            ""
            if self.hoped is None
            else f" A difference of {number(self.hoped)} would be found with a chance of "
            f"{percent(self.power, digits=0)}."
        )
        return (
            f"{lead} One of {number(self.detectable)} would be found four times in five.{hope} "
            f"({self.n_trained:,} persons trained, {self.n_untrained:,} not, {100 * self.conf_level:g} % "
            "intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the slopes."""
        row = self.table.iloc[-1]
        settled = not row["conf_low"] <= 0 <= row["conf_high"]
        return Chart(
            kind="forest",
            frame=self.table.iloc[1:][["term", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="term",
            low="conf_low",
            high="conf_high",
            x_label=f"Change in {self.outcome} per standard deviation of {self.trait}",
            y_label="",
            claim=(
                f"Those trained with more {self.trait} gained {'more' if row['estimate'] > 0 else 'less'}"
                if settled
                else f"Whether {self.trait} goes with what the trained gain is not settled"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def by_discretion(
    company: Company,
    *,
    outcome: ServiceOutcome = "affect",
    trait: str = "discretion",
    hoped: float | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> ByDiscretion:
    """Answer whether the training gives more where people are free to decide.

    Parameters
    ----------
    company
        With ``contacts``, ``employees`` (with the trait) and ``training``; see
        :func:`cemlab.data.trainee_service.trainee_service`.
    outcome
        ``"affect"``: mean feeling of the customer in contacts [SD]; ``"resolved"``: share resolved.
    trait
        Column of the employees: discretion.
    hoped
        Difference of slopes that one hopes for, whose power is told.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure; the company's own if not given.

    Returns
    -------
    ByDiscretion
        Its table has one row a term, the difference of slopes last.

    Raises
    ------
    ColumnError, DataError, DesignError
        As :func:`cemlab.data.trainee_service.trainee_service`; if an outcome is not recorded, the trait does
        not vary, or fewer than two branches were trained or not.
    OptionError
        For an unknown outcome.

    Notes
    -----
    Of each person who served customers both before and after, the change of the mean; regressed on waves, on
    being trained, on the trait (standardised over those trained) and on their product, persons weighted by
    what their contacts tell (n before times n after over their sum). Errors are clustered by branch. That
    persons of more discretion would have changed as others do, but for the training, is what those never
    trained are to tell. Discretion was not dealt by lot: it may stand for whatever comes with it.
    """
    check_conf_level(conf_level)
    if outcome not in get_args(ServiceOutcome):
        raise OptionError(one_of(outcome, get_args(ServiceOutcome), what="outcome of service"))
    counted = trainee_service(company, trait=trait)
    if f"{outcome}_n_before" not in counted:
        raise ColumnError(f"contacts: nothing of {outcome!r} is recorded; take the other outcome")
    rows = counted[(counted[f"{outcome}_n_before"] > 0) & (counted[f"{outcome}_n_after"] > 0)]
    trained = rows["trained"].to_numpy(dtype=bool)
    branches = [rows.loc[trained == yes, "branch"].nunique() for yes in (True, False)]
    if min(branches) < 2:
        raise DesignError(
            f"{branches[0]} trained and {branches[1]} untrained branches have persons who served before and "
            "after; two of each are needed"
        )
    spread = rows.loc[trained, "trait"].std()
    if not spread > 0:
        raise DesignError(f"employees: {trait!r} is the same for all who were trained")
    fit, free = _fit(rows, trained, outcome, float(spread))
    table = _table(fit, free, conf_level)
    error = float(table["std_error"].iloc[-1])
    df = float(table["df"].iloc[-1])
    power = (
        np.nan if hoped is None else float(power_of_t(hoped, std_error=error, df=df, conf_level=conf_level))
    )
    return ByDiscretion(
        table=table,
        evidence=_evidence(rows, trained, source or company.info.source),
        conf_level=conf_level,
        outcome=outcome,
        trait=trait,
        detectable=float(detectable_ratio(df, conf_level=conf_level)) * error,
        power=power,
        hoped=hoped,
        n_trained=int(rows.loc[trained, "employee"].nunique()),
        n_untrained=int(rows.loc[~trained, "employee"].nunique()),
    )


def _fit(
    rows: pd.DataFrame, trained: npt.NDArray[np.bool_], outcome: str, spread: float
) -> tuple[LeastSquares, int]:
    """Regress the change of each person; the last four coefficients are those of the table's terms."""
    n0, n1 = (rows[f"{outcome}_n_{side}"].to_numpy() for side in ("before", "after"))
    means = [rows[f"{outcome}_sum_{side}"].to_numpy() / n for side, n in (("before", n0), ("after", n1))]
    trait = (rows["trait"].to_numpy() - rows.loc[trained, "trait"].mean()) / spread
    waves = pd.get_dummies(rows["wave"]).to_numpy(dtype=float)
    design = np.column_stack([waves, trained, trait, trained * trait])
    cluster = pd.factorize(rows["branch"])[0]
    fit = least_squares(means[1] - means[0], design=design, weights=n0 * n1 / (n0 + n1), clusters=[cluster])
    free = min(len(np.unique(cluster[trained])), len(np.unique(cluster[~trained])))
    return fit, free


def _table(fit: LeastSquares, free: int, conf_level: float) -> pd.DataFrame:
    from scipy.special import stdtr, stdtrit

    picks = np.zeros((4, len(fit.coefficient)))
    picks[0, -3] = picks[1, -2] = picks[2, -2] = picks[2, -1] = picks[3, -1] = 1.0
    estimate = picks @ fit.coefficient
    error = np.sqrt(np.einsum("ij,jk,ik->i", picks, fit.covariance, picks))
    # the smaller side's branches bound what its slope can tell
    df = float(free - 1)
    reach = float(stdtrit(df, 0.5 + conf_level / 2)) * error
    return pd.DataFrame(
        {
            "term": _TERMS,
            "estimate": estimate,
            "std_error": error,
            "df": df,
            "conf_low": estimate - reach,
            "conf_high": estimate + reach,
            "p_value": 2 * stdtr(df, -np.abs(estimate / np.where(error > 0, error, np.inf))),
        }
    )


def _evidence(rows: pd.DataFrame, trained: npt.NDArray[np.bool_], source: str) -> Evidence:
    both = Check(
        name="those who stayed",
        null="persons seen before and after are like all others",
        passed=None,
        detail=(
            f"{rows.loc[trained, 'employee'].nunique():,} trained persons served before and after; newcomers "
            "and leavers are not among them."
        ),
        remedy="See staying for who leaves.",
    )
    used = int(rows["employee"].nunique())
    return Evidence(
        grade="adjusted",
        design=(
            "Change of persons around the training, by discretion, against persons of branches without any "
            "training around the same days."
        ),
        unit="persons",
        n_used=used,
        n_given=used,
        source=source,
        assumptions=(
            "But for the training, discretion goes with change alike in branches with and without it.",
            "Discretion was not dealt by lot; what comes with it is not told apart.",
        ),
        checks=(both,),
    )
