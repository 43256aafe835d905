"""What onboarding does: hazard ratios by period since joining, time gained, and what frailty leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.person_periods import check_periods, count_person_periods, is_number
from cemlab.data.spell_roles import SpellRoles, spell_roles
from cemlab.data.spells import spell_counts
from cemlab.errors import OptionError
from cemlab.evidence import Check, Evidence, Grade, HypothesisTest
from cemlab.markup import number
from cemlab.result import Result, check_conf_level
from cemlab.stats.frailty import FrailtyFit, fit_frailty
from cemlab.stats.grouped_hazard import fit_grouped_hazard
from cemlab.stats.lifetable import life_table
from cemlab.stats.restricted_mean import difference_of_means, restricted_mean
from cemlab.survival.onboarding_lot import lot_checks
from cemlab.survival.period_design import refuse_empty_periods
from cemlab.survival.period_others import count_others
from cemlab.survival.periods import PeriodHazards, hazards_of

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, eq=False, kw_only=True)
class OnboardingEffect(Result):
    """Hazard ratio of the onboarded by period since joining, and the time that onboarding gains.

    Parameters
    ----------
    table
        One row a band of periods: period, start, end [unit], estimate (hazard ratio, onboarded against held
        back), conf_low, conf_high, coefficient, std_error, p_value, and for each arm n_at_risk_… (at the
        start of the band) and n_events_….
    gained
        Time as a customer within the horizon, all causes of leaving: arm ("onboarded", "held back",
        "difference"), estimate [unit], std_error, conf_low, conf_high.
    horizon, unit
        The horizon of `gained`, and the unit of time.
    frailty
        One row a quantity: variance of a gamma frailty, and the hazard ratio of the first band given the
        frailty; estimate, conf_low, conf_high, p_value.
    hazards
        The period-hazard model behind the ratios.
    """

    gained: pd.DataFrame
    horizon: float
    unit: str
    frailty: pd.DataFrame
    hazards: PeriodHazards

    title: ClassVar[str] = "Onboarding: hazard ratio by period since joining"
    labels: ClassVar[dict[str, str]] = {
        "period": "Period",
        "ratio": "Hazard ratio (interval)",
        "onboarded": "Left, onboarded",
        "held back": "Left, held back",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a period: hazard ratio with interval, and departures of those at risk in both arms."""
        rows = self.table.to_dict("records")
        arms = {"onboarded": "onboarded", "held back": "held_back"}
        return pd.DataFrame(
            {
                "period": [f"{r['period']} {self.unit}" for r in rows],
                "ratio": [f"{r['estimate']:.2f} ({r['conf_low']:.2f} to {r['conf_high']:.2f})" for r in rows],
                **{
                    name: [f"{number(r[f'n_events_{key}'])} of {number(r[f'n_at_risk_{key}'])}" for r in rows]
                    for name, key in arms.items()
                },
            }
        )

    def narrative(self) -> str:
        """Tell the ratio by period, the time gained, and what frailty leaves open."""
        first, *later = [
            f"{'' if i else 'from '}{r['period']} {self.unit} ×{r['estimate']:.2f} "
            f"({r['conf_low']:.2f} to {r['conf_high']:.2f})"
            f"{'' if not r['conf_low'] <= 1 <= r['conf_high'] else ', compatible with no difference'}"
            for i, r in enumerate(self.table.to_dict("records"))
        ]
        gain = self.gained.iloc[-1]
        verb = (
            "Onboarding multiplies the pace of leaving"
            if self.evidence.grade == "experiment"
            else "Being onboarded goes with a pace of leaving multiplied"
        )
        variance = self.frailty.iloc[0]
        high = "no upper bound" if np.isinf(variance["conf_high"]) else f"{variance['conf_high']:.2f}"
        afterwards = (
            f" Among those who stayed, the pace of the onboarded against that of those held back: "
            f"{'; '.join(later)}. That compares those who are left, who are no longer alike by lot if "
            "customers differ: there it may pass 1 without any harm done."
            if later
            else ""
        )
        return (
            f"{verb} by: {first}.{afterwards} Within {self.horizon:g} {self.unit} the onboarded stay "
            f"{gain['estimate']:+.2f} {self.unit} ({gain['conf_low']:+.2f} to {gain['conf_high']:+.2f}) "
            "compared with those held back, whatever they leave for. If onboarding acts in the first period "
            "only, differences between customers have an estimated variance of "
            f"{variance['estimate']:.2f} ({variance['conf_low']:.2f} to {high}). "
            f"({100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the hazard ratios by period."""
        first = self.table.iloc[0]
        settled = not first["conf_low"] <= 1 <= first["conf_high"]
        when = f"from {first['start']:g} to {first['end']:g} {self.unit}"
        claim = (
            f"The onboarded leave at {first['estimate']:.2f} times the pace {when}"
            if settled
            else f"Whether the onboarded leave at another pace {when} is not settled"
        )
        return Chart(
            kind="forest",
            frame=self.table.assign(period=[f"{p} {self.unit}" for p in self.table["period"]])[
                ["period", "estimate", "conf_low", "conf_high"]
            ],
            x="estimate",
            y="period",
            low="conf_low",
            high="conf_high",
            x_label="Hazard ratio, onboarded against held back (1 = same pace of leaving)",
            y_label="period since joining",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            log=True,
            reference=1.0,
        )


def onboarding_effect(
    spells: ir.Table | pd.DataFrame,
    *,
    treated: str,
    duration: str,
    event: str,
    periods: Sequence[float],
    bands: Sequence[float],
    horizon: float,
    causes: Sequence[str] | None = None,
    balance: Sequence[str] = (),
    share: float | None = None,
    by_lot: bool = True,
    conf_level: float = 0.95,
    unit: str = "months",
    source: str = "",
) -> OnboardingEffect:
    """Answer whether onboarding makes new customers stay, when, and for how long.

    Parameters
    ----------
    spells
        One row a new customer, seen from joining on; of Halden :func:`onboarding_spells`.
    treated
        Column true/false: onboarded, or held back.
    duration, event
        As in :func:`cemlab.survival.retention_curve`.
    periods
        Cut points of the baseline from joining on, e.g. months [the unit of `duration`].
    bands
        The inner cut points at which the ratio may change, among `periods`: ``[3]`` for the first three
        months against later.
    horizon
        For the time gained, at most the longest duration of each arm.
    causes
        Causes of leaving that onboarding is meant to change, where `event` is a text; the hazard ratios are
        of these, the time gained is of all.
    balance
        Text and flags known at joining, in which a lot makes the arms alike.
    share
        The share the lot was meant to treat, to be checked.
    by_lot
        Whether chance decided. If not, or if the arms are more unlike than a lot makes them (once in a
        thousand experiments), the grade is "association".
    conf_level
        Confidence level of the intervals.
    unit
        The unit of time.
    source
        The line that stands under every figure.

    Returns
    -------
    OnboardingEffect
        Its table has one row a band with estimate (hazard ratio), conf_low, conf_high.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For missing columns, impossible values, one arm only, periods or bands beyond the data or without
        departures (by name).

    Notes
    -----
    The ratio of the first band is causal by the lot alone. Later bands compare survivors: where customers
    differ (frailty), onboarding keeps some likely leavers who then leave later, and the ratio rises above
    that of the same customers. The gamma frailty reported beside assumes that onboarding acts on a customer
    in the first band only, and reads differences between customers from how the ratio rises afterwards.
    The curve of one arm cannot tell differences between customers from a hazard that falls for everybody (see
    :func:`cemlab.survival.falling_hazard`).

    References
    ----------
    Hernán, M. A. (2010). The hazards of hazard ratios. Epidemiology 21, 13–15.
    """
    check_conf_level(conf_level)
    cuts = check_periods(periods)
    _check_options(cuts, bands, horizon, share)
    roles = spell_roles(
        spells,
        duration=duration,
        event=event,
        causes=causes,
        covariates=[treated, *balance],
        extra={"ended": event},
    )
    roles = _with_flag(roles, treated)
    checks, believed = lot_checks(roles, balance, share)
    grade: Grade = "experiment" if by_lot and believed else "association"
    arms = SpellRoles(
        table=roles.table.drop(*(f"x{i}" for i in range(1, len(balance) + 1))),
        covariates=(treated,),
        n_given=roles.n_given,
        n_blank=roles.n_blank,
        n_other=roles.n_other,
    )
    counted = count_person_periods(arms, cuts)
    refuse_empty_periods(counted)
    changing = {treated: bands} if bands else {}
    hazards = hazards_of(
        counted,
        changing=changing,
        references={},
        others=count_others(arms, cuts, causes),
        conf_level=conf_level,
        unit=unit,
        source=source,
        grade=grade,
    )
    fit = fit_frailty(
        counted.events,
        stayed=counted.stayed,
        # only where onboarding acts: a free ratio afterwards would leave nothing to tell frailty by
        design=hazards.design.layers[:, :, :1],
        bands=hazards.design.bands.tolist(),
        conf_level=conf_level,
    )
    return OnboardingEffect(
        table=_bands_table(hazards),
        evidence=_evidence(hazards, checks, grade, believed, by_lot, source),
        conf_level=conf_level,
        gained=_gained(roles, horizon, conf_level),
        horizon=horizon,
        unit=unit,
        frailty=_frailty_table(fit, conf_level),
        hazards=hazards,
    )


def _check_options(
    cuts: tuple[float, ...], bands: Sequence[float], horizon: float, share: float | None
) -> None:
    if cuts[0] != 0:
        raise OptionError(
            f"periods begin at {cuts[0]:g}; an onboarding is followed from joining on, begin at 0"
        )
    if isinstance(bands, str) or not np.iterable(bands) or not all(map(is_number, bands)):
        raise OptionError(f"bands are {bands!r}; give inner cut points in a list, e.g. [3], or [] for none")
    if not is_number(horizon) or not 0 < horizon < np.inf:
        raise OptionError(f"horizon is {horizon!r}; give a length of time above 0, e.g. 12")
    if share is not None and not (is_number(share) and 0 < share < 1):
        raise OptionError(f"share is {share!r}; allowed: the share treated, between 0 and 1, e.g. 0.5")


def _with_flag(roles: SpellRoles, treated: str) -> SpellRoles:
    kind = roles.table["x0"].type()
    if kind.is_boolean():
        return replace(roles, table=roles.table.mutate(x0=roles.table["x0"].cast("int64")))
    wrong = kind.is_numeric() and roles.table.filter(roles.table["x0"].notin([0, 1])).count().execute()
    if not kind.is_numeric() or wrong:
        raise OptionError(f"column {treated!r} (treated) must hold true or false, or 1 or 0")
    return roles


def _bands_table(hazards: PeriodHazards) -> pd.DataFrame:
    counted, bands = hazards.counted, hazards.design.bands
    starts, ends = np.asarray(counted.cuts[:-1]), np.asarray(counted.cuts[1:])
    flags = counted.patterns.iloc[:, 0].to_numpy(dtype=float)
    frame = hazards.table.drop(columns=["term", "statistic"])
    first = [int(np.flatnonzero(bands == band)[0]) for band in range(int(bands.max()) + 1)]
    last = [int(np.flatnonzero(bands == band)[-1]) for band in range(int(bands.max()) + 1)]
    frame.insert(0, "period", [f"{starts[a]:g} to {ends[b]:g}" for a, b in zip(first, last, strict=True)])
    frame.insert(1, "start", starts[first])
    frame.insert(2, "end", ends[last])
    for arm, flag in (("onboarded", 1.0), ("held_back", 0.0)):
        row = int(np.flatnonzero(flags == flag)[0])
        frame[f"n_at_risk_{arm}"] = counted.at_risk[row, first]
        frame[f"n_events_{arm}"] = [
            int(counted.events[row, bands == band].sum()) for band in range(len(first))
        ]
    return frame


def _gained(roles: SpellRoles, horizon: float, conf_level: float) -> pd.DataFrame:
    """Return restricted means of both arms and their difference, all causes of leaving together."""
    counts = spell_counts(roles.table, duration="t", event="ended", group="x0")
    flag = counts["group"].astype(float).to_numpy()
    means = []
    for value in (1.0, 0.0):
        part = counts[flag == value]
        table = life_table(part["duration"], event=part["event"], n=part["n"])
        means.append(restricted_mean(table, horizon=horizon, conf_level=conf_level))
    rows = [(m.estimate, m.std_error, m.conf_low, m.conf_high) for m in means]
    rows.append(difference_of_means(means[0], means[1], conf_level=conf_level))
    frame = pd.DataFrame(rows, columns=["estimate", "std_error", "conf_low", "conf_high"])
    frame.insert(0, "arm", ["onboarded", "held back", "difference"])
    return frame


def _frailty_table(fit: FrailtyFit, conf_level: float) -> pd.DataFrame:
    from scipy.special import ndtr, ndtri

    z = float(ndtri((1 + conf_level) / 2))
    own, error = float(fit.coefficient[0]), float(fit.std_error[0])
    return pd.DataFrame(
        {
            "quantity": ["variance of the frailty", "hazard ratio of the first band, given the frailty"],
            "estimate": [fit.variance, np.exp(own)],
            "conf_low": [fit.conf_low, np.exp(own - z * error)],
            "conf_high": [fit.conf_high, np.exp(own + z * error)],
            "p_value": [fit.p_value, 2 * float(ndtr(-abs(own / error)))],
        }
    )


def _evidence(
    hazards: PeriodHazards, lot: tuple[Check, ...], grade: Grade, believed: bool, by_lot: bool, source: str
) -> Evidence:
    counted = hazards.counted
    word = "Chance decided" if by_lot and believed else "Not chance alone decided"
    steady = fit_grouped_hazard(counted.events, stayed=counted.stayed, design=hazards.design.plain)
    df = hazards.fit.coefficient.size - 1
    return Evidence(
        grade=grade,
        design=f"New customers followed from joining on. {word} who was onboarded and who was held back.",
        unit="customers",
        n_used=counted.n_used,
        n_given=counted.n_given,
        source=source,
        assumptions=(
            "Those still there at the end of observation would leave as the others do.",
            "Customers onboarded do not change how those held back behave.",
            "Within a period the pace of leaving is constant.",
        ),
        checks=(*lot, *hazards.evidence.checks[1:]),
        tests=_same_ratio(2 * (hazards.log_likelihood - steady.log_likelihood), df) if df else (),
    )


def _same_ratio(statistic: float, df: int) -> tuple[HypothesisTest, ...]:
    from scipy.special import chdtrc

    return (
        HypothesisTest(
            name="likelihood-ratio test",
            null="the ratio is the same in all periods",
            statistic=statistic,
            df=df,
            p_value=float(chdtrc(df, max(statistic, 0.0))),
        ),
    )
