"""Hazard ratios as a result: table, words, forest, and the survival that they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.markup import join_words, p_value
from cemlab.result import Result
from cemlab.survival.hazard_checks import PROPORTIONAL, changing
from cemlab.survival.predicted import HazardModel, PredictedRetention, predicted_retention

if TYPE_CHECKING:
    import ibis.expr.types as ir


def told_ratios(table: pd.DataFrame, *, relation: str) -> list[str]:
    """Return sentences on which terms go with a slower and a faster pace of leaving, and which are open."""
    slower: list[str] = []
    faster: list[str] = []
    unsettled: list[str] = []
    for row in table.to_dict("records"):
        told = f"{row['term']} ×{row['estimate']:.2f} ({row['conf_low']:.2f} to {row['conf_high']:.2f})"
        if row["conf_low"] <= 1 <= row["conf_high"]:
            unsettled.append(str(row["term"]))
        else:
            (slower if row["estimate"] < 1 else faster).append(told)
    sentences = [
        f"{relation} a {pace} pace of leaving: {'; '.join(told)}."
        for pace, told in (("slower", slower), ("faster", faster))
        if told
    ]
    if unsettled:
        sentences.append(f"Not settled by these data: {join_words(unsettled)}.")
    return sentences


@dataclass(frozen=True, eq=False, kw_only=True)
class HazardRatios(Result):
    """Hazard ratios of a proportional hazards model.

    Parameters
    ----------
    table
        term, estimate (hazard ratio), conf_low, conf_high, coefficient (its logarithm), std_error (of the
        coefficient), statistic, p_value.
    log_likelihood
        Partial log-likelihood at the maximum.
    proportional
        term, statistic, p_value of the test that the ratio does not change with time.
    covariance
        Of the coefficients, term by term; clustered where a cluster was given.
    model
        What :meth:`survival` needs; None where there is no curve for stated covariates.
    """

    log_likelihood: float
    proportional: pd.DataFrame
    covariance: pd.DataFrame
    model: HazardModel | None = field(default=None, repr=False)

    title: ClassVar[str] = "Hazard ratios (Cox proportional hazards)"
    labels: ClassVar[dict[str, str]] = {
        "ratio": "Hazard ratio (interval)",
        "p": "p-value",
        "proportional": "Constant over time?",
    }

    def survival(
        self, covariates: ir.Table | pd.DataFrame, *, times: float | Sequence[float]
    ) -> PredictedRetention:
        """Answer what share of customers with stated covariates is still there after given times.

        Parameters
        ----------
        covariates
            One row for each kind of customer: the covariates of the model, and its strata; the index labels
            the rows.
        times
            A duration, or several, in the unit of the spells, from 0 to the longest observed.

        Returns
        -------
        PredictedRetention
            Its table has row, time, estimate, std_error (of the cumulative hazard), conf_low, conf_high
            (pointwise, complementary log-log); blank where nobody of the row's
            stratum was observed that long.

        Raises
        ------
        ColumnError, DataError, DesignError, OptionError
            For a missing or blank covariate, an unknown level or stratum, times beyond the longest observed,
            or a model whose covariates or ratios change with time.

        Notes
        -----
        The baseline counts at each departure those under observation then, so it is right under late entry
        (variance after Tsiatis 1981, Efron's ties as in R's survfit).
        """
        return predicted_retention(
            self.model, covariates, times=times, conf_level=self.conf_level, evidence=self.evidence
        )

    @property
    def summary(self) -> pd.DataFrame:
        """One row a term: hazard ratio with interval, p-value, and whether it is constant over time."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "term": self.table["term"],
                "ratio": [f"{r['estimate']:.2f} ({r['conf_low']:.2f} to {r['conf_high']:.2f})" for r in rows],
                "p": [p_value(r["p_value"]).removeprefix("p ").removeprefix("= ") for r in rows],
                "proportional": [
                    "not testable" if np.isnan(p) else "no" if p < 0.05 else "not refuted"
                    for p in self.proportional["p_value"]
                ],
            }
        )

    def narrative(self) -> str:
        """Say which terms are associated with a slower and a faster pace of leaving, and which are open."""
        sentences = told_ratios(self.table, relation="Other recorded things equal, associated with")
        if any(check.name == PROPORTIONAL for check in self.evidence.failed):
            moving = self.table["term"][changing(self.proportional["p_value"])]
            sentences.append(
                f"The ratio changes with time for {join_words(moving)}: it is an average over the period."
            )
        return " ".join(sentences)

    @property
    def chart(self) -> Chart:
        """Forest of hazard ratios."""
        ordered = self.table.sort_values("estimate", ascending=False, kind="stable")
        largest = int(np.abs(self.table["coefficient"].to_numpy()).argmax())
        top = self.table.iloc[largest]
        changes = self.proportional["p_value"].iloc[largest] < 0.05
        average = " (an average: it changes with time)" if changes else ""
        return Chart(
            kind="forest",
            frame=ordered[["term", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="estimate",
            y="term",
            low="conf_low",
            high="conf_high",
            x_label="Hazard ratio (1 = same pace of leaving)",
            y_label="term",
            claim=f"{top['term']}: {top['estimate']:.2f} times the pace of leaving{average}, the largest "
            "difference",
            grade=self.evidence.grade,
            note=self.caption,
            log=True,
            reference=1.0,
        )
