"""Those who leave for other causes, beside a period-hazard model of one: what makes chances to shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from cemlab.data.person_periods import PersonPeriods, count_person_periods
from cemlab.data.spell_roles import SpellRoles
from cemlab.errors import DesignError
from cemlab.evidence import Check
from cemlab.markup import join_words, number
from cemlab.stats.grouped_hazard import GroupedHazardFit, fit_grouped_hazard
from cemlab.survival.period_design import Floats, Ints, PeriodDesign


@dataclass(frozen=True, eq=False, kw_only=True)
class OtherCauses:
    """Hazards of all other causes together, fitted as those of the cause are.

    Parameters
    ----------
    counted
        Person-periods with departures for other causes as events.
    causes
        The causes that were asked for, in words.
    kept
        Periods in which somebody left for another cause, shape (n_periods,); the hazard of others is 0.
    fit
        Over those periods; None where there is none.
    smoothed
        Whether departures had to be added, because in some patterns nobody left for another cause.
    """

    counted: PersonPeriods
    causes: str
    kept: NDArray[np.bool_]
    fit: GroupedHazardFit | None
    smoothed: bool

    def hazard(self, wide: Floats) -> tuple[Floats, Floats]:
        """Return the hazard of each period and its derivatives, for terms of shape (x, j, k)."""
        here = self.kept
        if self.fit is None:
            return np.zeros(wide.shape[:2]), np.zeros((*wide.shape[:2], 0))
        found, slopes = by_period(self.fit, wide[:, here])
        hazard = np.zeros(wide.shape[:2])
        parts = np.zeros((*wide.shape[:2], slopes.shape[2]))
        hazard[:, here], parts[:, here] = found, slopes
        return hazard, parts

    @property
    def covariance(self) -> Floats:
        """Of the parameters of the fit."""
        return np.zeros((0, 0)) if self.fit is None else self.fit.covariance

    @property
    def check(self) -> Check:
        """Whether the hazards of other causes could be fitted as those of the cause."""
        n = number(int(self.counted.events.sum()))
        return Check(
            name="other causes",
            null="those who left for other causes are enough to tell their pace by the same terms",
            passed=None if self.smoothed else True,
            detail=f"{n} left for other causes"
            + (", none in some levels: their pace there is drawn to that of all." if self.smoothed else "."),
            remedy="Merge levels; shares that leave rest on the pace of other causes, hazard ratios do not.",
        )


def by_period(fit: GroupedHazardFit, wide: Floats) -> tuple[Floats, Floats]:
    """Return what each period adds to the hazard, and its derivatives."""
    total, parts = fit.cumulative(wide)
    return np.diff(total, axis=1, prepend=0.0), np.diff(parts, axis=1, prepend=0.0)


def count_others(
    roles: SpellRoles, cuts: tuple[float, ...], causes: Sequence[str] | None
) -> tuple[PersonPeriods, str] | None:
    """Count person-periods with departures for other causes as events, where there are any."""
    if not roles.n_other:
        return None
    swapped = replace(roles, table=roles.table.mutate(e=roles.table["o"]))
    return count_person_periods(swapped, cuts), join_words(causes or ())


def fit_others(others: tuple[PersonPeriods, str] | None, design: PeriodDesign) -> OtherCauses | None:
    """Fit the hazards of other causes with the terms of the cause's model."""
    if others is None:
        return None
    counted, causes = others
    kept = counted.events.sum(axis=0) > 0
    fit, smoothed = None, False
    if kept.any():
        fit = _tried(
            counted.events[:, kept].astype(float), counted.stayed[:, kept], design, design.bands[kept]
        )
        if fit is None:
            kept, smoothed = np.ones(len(kept), dtype=bool), True
            fit = _smoothed(counted, design)
    return OtherCauses(counted=counted, causes=causes, kept=kept, fit=fit, smoothed=smoothed)


def _tried(events: Floats, stayed: Floats, design: PeriodDesign, bands: Ints) -> GroupedHazardFit | None:
    try:
        with np.errstate(all="ignore"):
            fit = fit_grouped_hazard(
                cast("Ints", events), stayed=stayed, design=design.layers, bands=bands.tolist()
            )
    except (DesignError, np.linalg.LinAlgError):
        return None
    return fit if np.isfinite(fit.covariance).all() else None


def _smoothed(counted: PersonPeriods, design: PeriodDesign) -> GroupedHazardFit:
    """Fit with one departure a term more, spread over all patterns at the pace of all."""
    events, stayed = counted.events.astype(float), np.maximum(counted.stayed, 0.0)
    exposed = events + stayed
    pace = (events.sum(axis=0) + 0.5) / (exposed.sum(axis=0) + 1)
    added = exposed * (len(design.terms) + 1) / max(float((exposed * pace).sum()), 1e-12)
    fit = _tried(events + added * pace, stayed + added * (1 - pace), design, design.bands)
    if fit is None:
        raise DesignError(
            "the pace of leaving for other causes cannot be estimated, so no share that leaves can; merge "
            "levels or periods"
        )
    return fit
