"""The figures behind trends before the treatment: leads, a slope, two tests, their power and the verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cemlab.errors import DataError, DesignError
from cemlab.evidence import Check, HypothesisTest
from cemlab.markup import number, p_value
from cemlab.stats.dealt_trends import wald
from cemlab.stats.group_time import Controls
from cemlab.stats.pre_trends import (
    Leads,
    Lottery,
    Slope,
    chance,
    leads_before,
    leads_tested,
    lottery,
    slope_before,
)
from cemlab.stats.trend_power import slope_found, slope_found_jointly
from cemlab.training.roll_out import Floats, Ints, RollOut

#: Names of the two tests.
SLOPE, JOINT = "linear trend", "all leads jointly"
# Below this share of the largest outcome a spread is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """What was seen before the treatment, and under deals of it."""

    leads: Leads
    slope: Slope
    dealt: Lottery
    tested: int  #: of the nearest leads, jointly
    units: int
    groups: int  #: those never treated counted as one
    anticipation: int


def see(rolled: RollOut, *, controls: Controls, anticipation: int, draws: int, seed: int) -> Seen:
    """Return leads and slope with what they are when the treatment is dealt anew.

    Raises
    ------
    DesignError
        If there is no lead, or units of one cluster begin at different times.
    DataError
        If leads do not vary between units.
    """
    outcome, first = _by_cluster(rolled)
    leads = leads_before(outcome, first=first, anticipation=anticipation, controls=controls)
    slope = slope_before(outcome, first=first, anticipation=anticipation, controls=controls)
    groups = len(np.unique(first))
    tested = leads_tested(leads, first=first)
    small = _ROUNDING * max(float(np.abs(outcome).max()), 1e-300)
    statistic = float(wald(leads.estimate[-tested:], leads.covariance[-tested:, -tested:]))
    if min(leads.std_error.min(), slope.std_error) <= small or np.isnan(statistic):
        raise DataError(
            f"{rolled.outcome_name!r} does not vary between units before the treatment, or varies alike in "
            "several periods, so nothing tells trends from luck; take an outcome that is measured each period"
        )
    dealt = lottery(
        outcome,
        first=first,
        tested=tested,
        anticipation=anticipation,
        controls=controls,
        draws=draws,
        seed=seed,
    )
    return Seen(
        leads=leads,
        slope=slope,
        dealt=dealt,
        tested=tested,
        units=len(first),
        groups=groups,
        anticipation=anticipation,
    )


def leads_table(seen: Seen, conf_level: float) -> pd.DataFrame:
    """Return one row a lead."""
    from scipy.special import stdtrit

    leads = seen.leads
    margin = leads.std_error * stdtrit(seen.units - seen.groups, (1 + conf_level) / 2)
    wide = leads.std_error * _quantile(seen.dealt.largest, conf_level)
    wide = np.maximum(wide, margin)  # deals of few units may lie below the quantile of one lead
    count = leads.estimate.size
    return pd.DataFrame(
        {
            "event_time": leads.event_time,
            "estimate": leads.estimate,
            "std_error": leads.std_error,
            "conf_low": leads.estimate - margin,
            "conf_high": leads.estimate + margin,
            "band_low": leads.estimate - wide,
            "band_high": leads.estimate + wide,
            "n_treated": leads.n_treated,
            "tested": np.arange(count) >= count - seen.tested,
        }
    )


def slope_table(seen: Seen, conf_level: float, exposure: float) -> pd.DataFrame:
    """Return the slope with its interval, and what it makes when carried on."""
    own, margin = seen.slope, seen.slope.std_error * _quantile(seen.dealt.slope, conf_level)
    return pd.DataFrame(
        {
            "estimate": [own.estimate],
            "std_error": [own.std_error],
            "conf_low": [own.estimate - margin],
            "conf_high": [own.estimate + margin],
            "bias": [own.estimate * exposure],
        }
    )


def table_of_tests(seen: Seen, level: float, exposure: float) -> pd.DataFrame:
    """Return both tests with the slopes that they find; each test has half of the level."""
    leads, last = seen.leads, slice(-seen.tested, None)
    standardised = abs(seen.slope.estimate / seen.slope.std_error)
    joint = float(wald(leads.estimate[last], leads.covariance[last, last]))
    distance = (leads.event_time[last] + 1 + seen.anticipation).astype(float)
    critical = _quantile(seen.dealt.slope, 1 - level / 2), _quantile(seen.dealt.joint, 1 - level / 2)
    slopes = {
        power: (
            slope_found(seen.slope.std_error, critical=critical[0], power=power),
            slope_found_jointly(
                distance,
                leads.covariance[last, last],
                critical=critical[1],
                units=seen.units - seen.groups,
                power=power,
            ),
        )
        for power in (0.5, 0.8)
    }
    return pd.DataFrame(
        {
            "test": [SLOPE, JOINT],
            "statistic": [standardised**2, joint],
            "df": [1, seen.tested],
            "p_value": [chance(standardised, seen.dealt.slope), chance(joint, seen.dealt.joint)],
            "slope_50": slopes[0.5],
            "slope_80": slopes[0.8],
            "bias_50": np.multiply(slopes[0.5], exposure),
            "bias_80": np.multiply(slopes[0.8], exposure),
        }
    )


def verdict(tests: pd.DataFrame, overall: float, level: float) -> Check:
    """Return whether trends were parallel: refuted, survived, or undecided for want of power."""
    linear, joint = tests.to_dict("records")
    refuted = min(linear["p_value"], joint["p_value"]) <= level / 2
    bias = min(linear["bias_50"], joint["bias_50"])
    found = min(linear["slope_50"], joint["slope_50"])
    return Check(
        name="trends before the treatment",
        null="treated units and controls moved alike before the treatment",
        passed=False if refuted else None if bias >= abs(overall) else True,
        detail=(
            f"Linear trend {p_value(linear['p_value'])}, {joint['df']} leads jointly "
            f"{p_value(joint['p_value'])}, together at {100 * level:g} %. A slope of {number(found)} a "
            f"period would have been found one time in two; it moves the overall estimate, "
            f"{number(overall)}, by {number(bias)}."
        ),
        remedy=(
            "Tell it as what goes with the treatment, or find controls that moved alike."
            if refuted
            else "A passed test would prove little here; see how large a violation the estimate survives."
        ),
    )


def hypotheses(tests: pd.DataFrame) -> tuple[HypothesisTest, ...]:
    """Return the tests as evidence holds them."""
    nulls = {
        SLOPE: "treated and controls had the same linear trend before the treatment",
        JOINT: "treated and controls differed alike in all periods before the treatment",
    }
    return tuple(
        HypothesisTest(
            name=f"randomisation test, {row['test']},",
            null=nulls[row["test"]],
            statistic=row["statistic"],
            df=int(row["df"]),
            p_value=row["p_value"],
        )
        for row in tests.to_dict("records")
    )


def _by_cluster(rolled: RollOut) -> tuple[Floats, Ints]:
    """Return outcome and first treated period of each cluster: the mean of its units."""
    cluster, count = rolled.cluster, int(rolled.cluster.max()) + 1
    if count == len(cluster):
        return rolled.outcome, rolled.first
    earliest, latest = np.full(count, rolled.never), np.zeros(count, dtype=np.int64)
    np.minimum.at(earliest, cluster, rolled.first)
    np.maximum.at(latest, cluster, rolled.first)
    if (earliest != latest).any():
        raise DesignError(
            f"panel: units of {int((earliest != latest).sum()):,} clusters begin at different times, so "
            "treatment cannot be dealt to clusters; test trends without cluster"
        )
    total = np.zeros((count, rolled.never))
    np.add.at(total, cluster, rolled.weights[:, None] * rolled.outcome)
    return total / np.bincount(cluster, weights=rolled.weights)[:, None], earliest.astype(np.int64)


def _quantile(dealt: Floats, share: float) -> float:
    """Return what a share of the deals stay at or below."""
    return float(np.quantile(dealt, share, method="higher"))
