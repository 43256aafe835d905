"""A hazard model fitted: errors, constancy over time, baseline, and equality of the periods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.errors import DesignError
from cemlab.evidence import HypothesisTest
from cemlab.markup import join_words
from cemlab.stats.cox_baseline import CoxBaseline, cox_baseline
from cemlab.stats.cox_fit import CoxFit, NoMaximumError, cox_fit
from cemlab.stats.cox_residuals import clustered_covariance
from cemlab.stats.cox_sums import Ties
from cemlab.stats.proportionality import ProportionalityTest, proportionality_of
from cemlab.survival.design import HazardDesign
from cemlab.survival.spell_rows import SpellRows

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class HazardFit:
    """What an estimate of a hazard model consists of; `covariance` is clustered where asked for."""

    coefficient: Floats
    covariance: Floats
    log_likelihood: float
    proportional: ProportionalityTest
    baseline: CoxBaseline

    @property
    def std_error(self) -> Floats:
        """Of the coefficients."""
        return np.sqrt(np.diag(self.covariance))

    def table(self, terms: list[str], *, conf_level: float) -> pd.DataFrame:
        """Return a row for each term: hazard ratio with interval, coefficient and its test."""
        from scipy.special import ndtri
        from scipy.stats import norm

        z = float(ndtri(0.5 + conf_level / 2))
        statistic = self.coefficient / self.std_error
        return pd.DataFrame(
            {
                "term": terms,
                "estimate": _ratio(self.coefficient),
                "conf_low": _ratio(self.coefficient - z * self.std_error),
                "conf_high": _ratio(self.coefficient + z * self.std_error),
                "coefficient": self.coefficient,
                "std_error": self.std_error,
                "statistic": statistic,
                "p_value": 2 * norm.sf(np.abs(statistic)),
            }
        )


def hazard_fit(rows: SpellRows, x: Floats, design: HazardDesign, *, ties: Ties) -> HazardFit:
    """Fit the model of :func:`cemlab.survival.design.hazard_design`.

    Raises
    ------
    DesignError
        If no ratio can be estimated: by name of the term at fault.
    """
    t, e, s = (rows.times[name].to_numpy() for name in ("t", "e", "s"))
    try:
        fit = cox_fit(x, duration=t, event=e, entry=s, stratum=rows.stratum, ties=ties)
    except NoMaximumError as error:
        raise DesignError(_why(error, list(design.terms), bool(rows.strata))) from None
    covariance = fit.covariance if rows.cluster is None else clustered_covariance(fit, rows.cluster)
    _refuse_too_few_clusters(fit, covariance, rows)
    return HazardFit(
        coefficient=fit.coefficient,
        covariance=covariance,
        log_likelihood=fit.log_likelihood,
        proportional=proportionality_of(fit, duration=t, event=e, entry=s),
        baseline=cox_baseline(fit, duration=t, entry=s, stratum=rows.stratum, covariance=covariance),
    )


def _refuse_too_few_clusters(fit: CoxFit, covariance: Floats, rows: SpellRows) -> None:
    if rows.cluster is None:
        return
    n, terms = len(np.unique(rows.cluster)), len(fit.coefficient)
    if n <= terms or not (np.diag(covariance) > 0).all():
        raise DesignError(f"{n} clusters cannot tell the errors of {terms} terms; use fewer terms")


def _why(error: NoMaximumError, terms: list[str], strata: bool) -> str:
    term = terms[error.term]
    if error.why == "constant":
        together = " and in one stratum" if strata else ""
        return (
            f"the covariate {term!r} is the same for all who were at risk together{together}, so its ratio "
            "cannot be estimated; leave it out"
        )
    if error.why == "same":
        return (
            f"the model with {join_words(terms)} has no estimate: two of them say the same, {term!r} among "
            "them; leave one out"
        )
    return (
        f"the covariate {term!r} parts those who left from those who did not (at least together with the "
        "others), so its ratio cannot be estimated; leave it out"
    )


def equality_tests(fit: HazardFit, design: HazardDesign) -> tuple[HypothesisTest, ...]:
    """Test, for each term with a coefficient by period, that it is the same in all periods (Wald)."""
    from scipy.special import chdtrc

    tests = []
    for label, columns in design.columns_by_period.items():
        own = np.array(columns)
        contrast = np.hstack([np.ones((len(own) - 1, 1)), -np.eye(len(own) - 1)])
        apart = contrast @ fit.coefficient[own]
        spread = contrast @ fit.covariance[np.ix_(own, own)] @ contrast.T
        statistic = float(apart @ np.linalg.solve(spread, apart))
        tests.append(
            HypothesisTest(
                name="Wald test",
                null=f"the ratio of {label} is the same in all periods",
                statistic=statistic,
                df=len(apart),
                p_value=float(chdtrc(len(apart), statistic)),
            )
        )
    return tuple(tests)


def _ratio(coefficient: Any) -> Any:
    with np.errstate(over="ignore", under="ignore"):  # per unit of a very small unit: beyond all numbers
        return np.exp(coefficient)
