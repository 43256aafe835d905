"""What is checked before hazard ratios by period are believed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cemlab.data.person_periods import PersonPeriods
from cemlab.errors import DesignError
from cemlab.evidence import Check
from cemlab.markup import join_words, number, p_value, percent
from cemlab.stats.grouped_hazard import GroupedHazardFit, fit_grouped_hazard
from cemlab.survival.period_design import Floats, PeriodDesign

PROPORTIONAL = "proportional hazards over periods"
# below this many events a coefficient the usual interval is not to be trusted (Vittinghoff & McCulloch 2007)
_EVENTS_PER_TERM = 5
# relative error of a period's hazard that is not worth a word
_LITTLE = 0.01


def proportional_periods(counted: PersonPeriods, design: PeriodDesign, fit: GroupedHazardFit) -> pd.DataFrame:
    """Test for each covariate whether its ratio drifts with time, by likelihood ratio.

    Parameters
    ----------
    counted, design, fit
        Person-periods, model matrix and the fit without drift.

    Returns
    -------
    pandas.DataFrame
        covariate, statistic, df, p_value; missing where there is one period, or the ratio changes already.
    """
    from scipy.special import chdtrc

    clock = _clock(counted)
    records = []
    for name in dict.fromkeys(design.of):
        columns = [i for i, (other, _) in enumerate(design.columns) if other == name]
        statistic = np.nan
        if len(clock) > 1 and design.of.count(name) == len(columns):
            drift = design.plain[:, columns][None] * clock[:, None, None]
            layers = np.concatenate([design.layers[design.bands], drift], axis=2)
            try:
                wider = fit_grouped_hazard(
                    counted.events, stayed=counted.stayed, design=layers, bands=range(len(clock))
                )
                statistic = max(0.0, 2 * (wider.log_likelihood - fit.log_likelihood))
            except DesignError:
                pass  # too few departures to see a drift
        p = float(chdtrc(len(columns), statistic)) if np.isfinite(statistic) else np.nan
        records.append({"covariate": name, "statistic": statistic, "df": len(columns), "p_value": p})
    return pd.DataFrame(records)


def _clock(counted: PersonPeriods) -> Floats:
    """Return the share that has left by the middle of each period, centred: the clock of drift."""
    events = counted.events.sum(axis=0).astype(float)
    hazard = events / (events + counted.stayed.sum(axis=0))
    stayed = np.concatenate([[1.0], np.cumprod(1 - hazard)])
    clock = 1 - (stayed[:-1] + stayed[1:]) / 2
    centred: Floats = clock - np.average(clock, weights=events)
    return centred


def period_checks(
    counted: PersonPeriods, design: PeriodDesign, proportional: pd.DataFrame
) -> tuple[Check, ...]:
    """Return the checks: drift of the ratios, departures for each term, parts of periods."""
    return (_proportionality(proportional), _events_per_term(counted, design), _parts(counted))


def _proportionality(proportional: pd.DataFrame) -> Check:
    p = proportional["p_value"].to_numpy(dtype=float)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested])]
    held = np.maximum.accumulate(p[order] * (len(order) - np.arange(len(order)))) if len(order) else p[:0]
    failing = proportional["covariate"].iloc[order[held < 0.05]].tolist()
    changes = f"; it changes for {join_words(failing)}" if failing else ""
    return Check(
        name=PROPORTIONAL,
        null="no hazard ratio drifts with time",
        passed=not failing if len(order) else None,
        detail=(
            f"smallest {p_value(float(p[order[0]]))} of {len(order)} covariates (likelihood ratio, Holm's "
            f"correction){changes}."
            if len(order)
            else "not testable: one period, or the ratios change by period already."
        ),
        remedy="Let the ratio differ between bands of periods (changing=…).",
    )


def _events_per_term(counted: PersonPeriods, design: PeriodDesign) -> Check:
    events = int(counted.events.sum())
    return Check(
        name="events per term",
        null=f"there are at least {_EVENTS_PER_TERM} departures for each term",
        passed=events >= _EVENTS_PER_TERM * len(design.terms),
        detail=f"{number(events)} departures for {len(design.terms)} terms.",
        remedy="Use fewer terms.",
    )


def _parts(counted: PersonPeriods) -> Check:
    """Bound what it can matter that some were observed in a part of a period only.

    Who left in a period in which she would have been censored counts as if she could have been seen to its
    end: u (1 - u) / 2 of the hazard, a twelfth on average, times the share observed in part.
    """
    at_risk = counted.at_risk.sum(axis=0)
    events = counted.events.sum(axis=0)
    share = counted.partial.sum(axis=0) / np.maximum(at_risk, 1)
    hazard = events / np.maximum(events + counted.stayed.sum(axis=0), 1e-12)
    moved = float(np.average(share * hazard / 12, weights=np.maximum(events, 1e-12)))
    total = counted.partial.sum() / max(int(at_risk.sum()), 1)
    return Check(
        name="parts of periods",
        null="that some were observed in a part of a period only moves no hazard by 1 %",
        passed=moved < _LITTLE,
        detail=f"{percent(total)} of person-periods were observed in part; hazards move by about "
        f"{percent(moved)}.",
        remedy="Use narrower periods.",
    )
