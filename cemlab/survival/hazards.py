"""Hazard ratios: which recorded things go with leaving sooner, other recorded things equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, get_args

import pandas as pd

from cemlab.errors import OptionError, one_of
from cemlab.result import check_conf_level
from cemlab.stats.cox_sums import Ties
from cemlab.survival.design import HazardDesign, Periods, hazard_design
from cemlab.survival.given import columns_of, mapped
from cemlab.survival.hazard_checks import hazard_evidence
from cemlab.survival.hazard_fit import HazardFit, hazard_fit
from cemlab.survival.hazard_result import HazardRatios
from cemlab.survival.predicted import HazardModel
from cemlab.survival.spell_rows import SpellColumns, spell_rows

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cemlab.evidence import Evidence


def hazard_ratios(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    covariates: str | Sequence[str],
    entry: str | None = None,
    references: Mapping[str, str] | None = None,
    ties: Ties = "efron",
    strata: str | Sequence[str] | None = None,
    periods: Periods | None = None,
    cluster: str | None = None,
    customer: str | None = None,
    known: Mapping[str, str] | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> HazardRatios:
    """Answer which recorded things go with leaving sooner, other recorded things equal (Cox 1972).

    Parameters
    ----------
    spells
        One row a spell, as a frame or as a table on an engine.
    duration, event, entry
        As in :func:`cemlab.survival.retention_curve`; `event` true/false or 1/0.
    covariates
        Columns known when observation of the spell began. Numbers enter as they are, per unit; text and
        pandas' categories enter as one term for each level but the reference. Dates are refused.
    references
        The level that others are compared with, by column; the most frequent one where not given.
    ties
        How departures at one duration are treated: "efron" (1977) or "breslow" (1974).
    strata
        Column, or columns, whose levels each have a pace of their own and no ratio.
    periods
        Durations at which ratios may change, for all covariates, or by covariate: ``{"angry": [6, 12]}``
        gives one ratio up to 6, one from 6 to 12, one after 12, and a test of their being equal.
    cluster
        Column of what makes rows resemble each other, e.g. the customer or the branch: errors allow for it.
        They need many clusters: with 60, intervals of what differs between them hold some 93 % of the time.
    customer
        Column that tells whose spell it is; with it, customers under observation twice are noticed.
    known
        For a covariate that need not have been known at the start, the column with the duration at which it
        became known (same unit; blank: from the start). One known only after observation began is refused.
    conf_level
        Confidence level of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    HazardRatios
        Its table has term, estimate, conf_low, conf_high, coefficient, std_error, statistic, p_value.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For a missing column, no spells, impossible or infinite durations, no events, a covariate that does
        not vary, one that separates those who left from those who did not, so that no ratio can be estimated,
        or one that became known after observation began.

    Notes
    -----
    Assumes independent censoring and a ratio that does not change with time; the latter is always
    tested (Grambsch & Therneau 1994) where departures fall on two durations at least, and the verdict is
    part of the result. Who enters exactly when another departs is not at risk then. Rows with a missing
    covariate or stratum are left out and counted in the evidence. The maximum is found to rounding, on all
    rows; clustered errors are those of Lin & Wei (1989).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> x = rng.integers(0, 2, 4000)
    >>> frame = pd.DataFrame({"months": rng.exponential(10 / 2.0**x), "left": True, "angry": x})
    >>> ratios = hazard_ratios(frame, duration="months", event="left", covariates=["angry"])
    >>> bool(ratios.table["conf_low"][0] < 2 < ratios.table["conf_high"][0])
    True
    """
    check_conf_level(conf_level)
    check_ties(ties)
    by = columns_of(strata, what="strata")
    columns = SpellColumns(
        duration=duration,
        event=event,
        covariates=columns_of(covariates, what="covariates"),
        entry=entry,
        strata=by,
        cluster=cluster,
        customer=customer,
        known=mapped(known, what="known"),
    )
    rows, _ = spell_rows(spells, columns)
    cut, x, design = hazard_design(rows, references=mapped(references, what="references"), periods=periods)
    fit = hazard_fit(cut, x, design, ties=ties)
    evidence = hazard_evidence(
        rows,
        design,
        fit,
        n_used=len(rows.times),
        n_given=rows.n_given,
        unit="spells",
        what="Spells followed until the customer left",
        clustered=cluster,
        source=source,
    )
    model = HazardModel(design=design, baseline=fit.baseline, strata=rows.strata, strata_columns=by)
    return ratios_of(fit, design, evidence, model=None if periods else model, conf_level=conf_level)


def ratios_of(
    fit: HazardFit, design: HazardDesign, evidence: Evidence, *, model: HazardModel | None, conf_level: float
) -> HazardRatios:
    """Return the result of a fitted model."""
    terms = list(design.terms)
    test = fit.proportional
    return HazardRatios(
        table=fit.table(terms, conf_level=conf_level),
        evidence=evidence,
        conf_level=conf_level,
        log_likelihood=fit.log_likelihood,
        proportional=pd.DataFrame({"term": terms, "statistic": test.statistic, "p_value": test.p_value}),
        covariance=pd.DataFrame(fit.covariance, index=terms, columns=terms),
        spread=pd.DataFrame({"term": terms, "std_dev": design.deviations, "numeric": design.numeric}),
        model=model,
    )


def check_ties(ties: Ties) -> None:
    """Refuse a treatment of ties that is none."""
    if ties not in get_args(Ties):
        raise OptionError(one_of(ties, get_args(Ties), what="treatment of ties"))
