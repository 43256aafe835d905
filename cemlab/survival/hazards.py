"""Hazard ratios: which recorded things go with leaving sooner, other recorded things equal."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, number, p_value
from cemlab.result import Result, check_conf_level
from cemlab.stats.proportionality import ProportionalityTest, proportionality_test
from cemlab.survival.design import HazardDesign, SpellRows, hazard_design

if TYPE_CHECKING:
    import ibis.expr.types as ir

# lifelines stops early at its defaults (3 to 6 right digits); so it stops at the maximum, to rounding
_FIT_OPTIONS = {"precision": 1e-20, "r_precision": 0.0}
_PROPORTIONAL = "proportional hazards"
# below this many events a coefficient the usual interval is not to be trusted (Vittinghoff & McCulloch 2007)
_EVENTS_PER_TERM = 5
# a hazard ratio beyond e^8 = 3,000 means that a level has no, or nothing but, departures
_SEPARATED = 8.0


@dataclass(frozen=True, eq=False, kw_only=True)
class HazardRatios(Result):
    """Hazard ratios of a proportional hazards model.

    Parameters
    ----------
    table
        term, estimate (hazard ratio), conf_low, conf_high, coefficient (its logarithm), std_error (of the
        coefficient), statistic, p_value.
    log_likelihood
        Partial log-likelihood at the maximum (Efron's treatment of ties).
    proportional
        term, statistic, p_value of the test that the ratio does not change with time.
    """

    log_likelihood: float
    proportional: pd.DataFrame

    title: ClassVar[str] = "Hazard ratios (Cox proportional hazards, Efron)"
    labels: ClassVar[dict[str, str]] = {
        "ratio": "Hazard ratio (interval)",
        "p": "p-value",
        "proportional": "Constant over time?",
    }

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
        slower: list[str] = []
        faster: list[str] = []
        unsettled: list[str] = []
        for row in self.table.to_dict("records"):
            told = f"{row['term']} ×{row['estimate']:.2f} ({row['conf_low']:.2f} to {row['conf_high']:.2f})"
            if row["conf_low"] <= 1 <= row["conf_high"]:
                unsettled.append(str(row["term"]))
            else:
                (slower if row["estimate"] < 1 else faster).append(told)
        sentences = [
            f"Other recorded things equal, associated with a {pace} pace of leaving: {'; '.join(told)}."
            for pace, told in (("slower", slower), ("faster", faster))
            if told
        ]
        if unsettled:
            sentences.append(f"Not settled by these data: {join_words(unsettled)}.")
        if any(check.name == _PROPORTIONAL for check in self.evidence.failed):
            changing = self.table["term"][_changing(self.proportional["p_value"])]
            sentences.append(
                f"The ratio changes with time for {join_words(changing)}: it is an average over the period."
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


def hazard_ratios(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    covariates: Sequence[str],
    entry: str | None = None,
    references: Mapping[str, str] | None = None,
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
        Columns known at the start of the spell. Numbers enter as they are, per unit; text and pandas'
        categories enter as one term for each level but the reference. Dates are refused.
    references
        The level that others are compared with, by column; the most frequent one where not given.
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
        not vary, or one that separates those who left from those who did not, so that no ratio
        can be estimated.

    Notes
    -----
    Assumes independent censoring and a ratio that does not change with time; the latter is always
    tested (Grambsch & Therneau 1994) where departures fall on two durations at least, and the verdict is
    part of the result. Rows with a missing
    covariate are left out and counted in the evidence. Estimation is lifelines', at full precision.

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
    rows, design = hazard_design(spells, duration, event, entry, covariates, references or {})
    fit = _fit(rows, design, entry=bool((rows.times["s"] > 0).any()), conf_level=conf_level)
    table = pd.DataFrame(
        {
            "term": list(design.terms.values()),
            "estimate": _ratio(fit.coefficient),
            "conf_low": _ratio(fit.low),
            "conf_high": _ratio(fit.high),
            "coefficient": fit.coefficient,
            "std_error": fit.std_error,
            "statistic": fit.coefficient / fit.std_error,
            "p_value": fit.p_value,
        }
    )
    return HazardRatios(
        table=table,
        evidence=_evidence(rows, design, fit, table["term"], source=source),
        conf_level=conf_level,
        log_likelihood=fit.log_likelihood,
        proportional=pd.DataFrame(
            {
                "term": table["term"],
                "statistic": fit.proportional.statistic,
                "p_value": fit.proportional.p_value,
            }
        ),
    )


def _ratio(coefficient: Any) -> Any:
    with np.errstate(over="ignore", under="ignore"):  # per unit of a very small unit: beyond all numbers
        return np.exp(coefficient)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Fit:
    coefficient: Any
    std_error: Any
    low: Any
    high: Any
    p_value: Any
    log_likelihood: float
    proportional: ProportionalityTest


def _fit(rows: SpellRows, design: HazardDesign, *, entry: bool, conf_level: float) -> _Fit:
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    # lifelines' stopping rules depend on the unit of a covariate; per standard deviation they do not
    largest = design.frame.abs().max()
    scale = largest * (design.frame / largest).std()
    frame = ((design.frame - design.frame.mean()) / scale).assign(t=rows.times["t"], e=rows.times["e"])
    if entry:
        # seen from the start means at risk at duration 0 too, which lifelines takes for entered too late
        frame["s"] = rows.times["s"].where(rows.times["s"] > 0, -1.0)
    model = CoxPHFitter(alpha=1 - conf_level)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # what lifelines says of convergence is an answer, not noise: it stops the estimate
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            model.fit(
                frame,
                duration_col="t",
                event_col="e",
                entry_col="s" if entry else None,
                fit_options=_FIT_OPTIONS,
            )
        except (ConvergenceError, ConvergenceWarning, np.linalg.LinAlgError) as error:
            terms = join_words(design.terms.values())
            raise DesignError(
                f"the model with {terms} has no estimate: two of them say the same, or one parts those "
                "who left from those who did not; leave one out"
            ) from error
    coefficient = model.params_.to_numpy()
    unit = scale.to_numpy()
    # per standard deviation, so that a covariate in cents is judged like one in thousands
    worst = int(np.abs(coefficient).argmax())
    if np.abs(coefficient[worst]) > _SEPARATED:
        raise DesignError(
            f"the covariate {list(design.terms.values())[worst]!r} parts those who left from those who did "
            f"not (coefficient {coefficient[worst] / unit[worst]:.3g}), so its ratio cannot be estimated; "
            "leave it out"
        )
    bounds = model.confidence_intervals_.to_numpy()
    return _Fit(
        coefficient=coefficient / unit,
        std_error=model.standard_errors_.to_numpy() / unit,
        low=bounds[:, 0] / unit,
        high=bounds[:, 1] / unit,
        p_value=model.summary["p"].to_numpy(),
        log_likelihood=float(model.log_likelihood_),
        proportional=proportionality_test(
            design.frame.to_numpy(),
            duration=rows.times["t"],
            event=rows.times["e"],
            entry=rows.times["s"],
            coefficient=coefficient / unit,
        ),
    )


def _evidence(
    rows: SpellRows, design: HazardDesign, fit: _Fit, terms: pd.Series[str], *, source: str
) -> Evidence:
    compared = f" Levels are compared with {join_words(design.references)}." if design.references else ""
    return Evidence(
        grade="adjusted",
        design=f"Spells followed until the customer left; {len(design.terms)} recorded terms.{compared}",
        unit="spells",
        n_used=len(rows.times),
        n_given=rows.n_given,
        source=source,
        assumptions=(
            "Those still there at the end of observation would leave as the others do.",
            "Each hazard ratio is the same at every duration.",
            "What was not recorded does not differ between the levels compared.",
        ),
        checks=(_proportionality(fit, terms), _events_per_term(rows, design)),
    )


def _changing(p_values: Any) -> Any:
    """Tell which ratios change with time, by Holm's correction: the smallest p-value times k, and so on."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)  # what cannot be tested (NaN) comes last
    p_sorted, k = p[order], int(np.isfinite(p).sum())
    held = np.zeros(len(p), dtype=bool)
    held[order[:k]] = np.maximum.accumulate(p_sorted[:k] * (k - np.arange(k))) < 0.05
    return held


def _proportionality(fit: _Fit, terms: pd.Series[str]) -> Check:
    p = fit.proportional.p_value
    tested = int(np.isfinite(p).sum())
    failing = terms[_changing(p)].tolist()
    untold = f" Not testable for {len(p) - tested}." if 0 < tested < len(p) else ""
    detail = (
        f"smallest {p_value(float(np.nanmin(p)))} of {tested} terms (Holm's correction)"
        f"{'; it changes for ' + join_words(failing) if failing else ''}.{untold}"
        if tested
        else "not testable: departures fall on one duration, or too few differ."
    )
    return Check(
        name=_PROPORTIONAL,
        null="no hazard ratio changes with time",
        passed=not failing if tested else None,
        detail=detail,
        remedy="Read these ratios as averages over the period; draw the curves by level, or stratify.",
    )


def _events_per_term(rows: SpellRows, design: HazardDesign) -> Check:
    events = int(rows.times["e"].sum())
    per_term = events / len(design.terms)
    return Check(
        name="events per term",
        null=f"there are at least {_EVENTS_PER_TERM} departures for each term",
        passed=per_term >= _EVENTS_PER_TERM,
        detail=f"{number(events)} departures for {len(design.terms)} terms.",
        remedy="Use fewer terms.",
    )
