"""Hazard ratios as a result: table, words, forest, and the survival that they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.markup import join_words, number, p_value
from cemlab.result import Result
from cemlab.survival.hazard_checks import PROPORTIONAL, changing
from cemlab.survival.predicted import HazardModel, PredictedRetention, predicted_retention
from cemlab.survival.ratio_words import claim_of, per_spread, ratio_text, told_ratios

if TYPE_CHECKING:
    import ibis.expr.types as ir


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
    spread
        term, std_dev, numeric: the standard deviation of each term, and whether it is a number and no level;
        None where that is not known.
    model
        What :meth:`survival` needs; None where there is no curve for stated covariates.
    """

    log_likelihood: float
    proportional: pd.DataFrame
    covariance: pd.DataFrame
    spread: pd.DataFrame | None = field(default=None, repr=False)
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
                "ratio": [ratio_text(row) for row in rows],
                "p": [p_value(r["p_value"]).removeprefix("p ").removeprefix("= ") for r in rows],
                "proportional": [
                    "not testable" if np.isnan(p) else "no" if p < 0.05 else "not refuted"
                    for p in self.proportional["p_value"]
                ],
            }
        )

    def narrative(self) -> str:
        """Say which terms are associated with a slower and a faster pace of leaving, and which are open."""
        sentences = told_ratios(
            self.table, relation="Other recorded things equal, associated with", numeric=self._numeric
        )
        if any(check.name == PROPORTIONAL for check in self.evidence.failed):
            moving = self.table["term"][changing(self.proportional["p_value"])]
            sentences.append(
                f"The ratio changes with time for {join_words(moving)}: it is an average over the period."
            )
        return " ".join(sentences)

    @property
    def _numeric(self) -> pd.Series[float]:
        """The standard deviations of the terms that are numbers, by term."""
        if self.spread is None:
            return pd.Series(dtype=float)
        numbers = self.spread[self.spread["numeric"]]
        return pd.Series(numbers["std_dev"].to_numpy(), index=numbers["term"])

    @property
    def chart(self) -> Chart:
        """Forest of hazard ratios, those of numbers per standard deviation."""
        deviations = np.ones(len(self.table)) if self.spread is None else self.spread["std_dev"]
        numeric = self._numeric
        claim, top = claim_of(
            self.table,
            spread=pd.Series(np.asarray(deviations)),
            numeric=[str(term) for term in numeric.index],
        )
        changes = top is not None and self.proportional["p_value"].iloc[top] < 0.05
        average = " (an average: it changes with time)" if changes else ""
        # per unit of a fine unit all ratios would be 1 to the eye
        power = self.table["term"].map(numeric).fillna(1.0)
        names = [
            f"{term} [per standard deviation, {number(float(numeric[term]))}]"
            if term in numeric.index
            else term
            for term in self.table["term"]
        ]
        drawn = per_spread(self.table, power).assign(term=names)
        ordered = drawn.sort_values("estimate", ascending=False, kind="stable")
        return Chart(
            kind="forest",
            frame=ordered[["term", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="estimate",
            y="term",
            low="conf_low",
            high="conf_high",
            x_label="Hazard ratio (1 = same pace of leaving)",
            y_label="term",
            claim=f"{claim}{average}",
            grade=self.evidence.grade,
            note=self.caption,
            log=True,
            reference=1.0,
        )
