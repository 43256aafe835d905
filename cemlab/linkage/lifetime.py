"""How long new customers stay, by a model of how much they differ, from counts with late entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cemlab.data.person_periods import PersonPeriods
from cemlab.errors import ColumnError, DesignError, one_of
from cemlab.evidence import Check
from cemlab.stats.lifetime_value import Floats
from cemlab.stats.shifted_beta_geometric import SBGFit, fit_sbg_at_risk

# by how much the fitted curve may miss the observed one before it is said
_MISS = 0.02
# a month of tenure through which fewer were watched says nothing of the fit
_WATCHED = 30


@dataclass(frozen=True, eq=False, kw_only=True)
class Lifetime:
    """How long new customers stay: the fitted model, the counts behind it, and how well it fits.

    Parameters
    ----------
    fit
        The shifted-beta-geometric model of a month.
    observed
        (months) share still there after each month of tenure, as observed (late entry heeded).
    n_used, n_given
        Spells.
    check
        Whether the model's curve keeps to the observed one.
    """

    fit: SBGFit
    observed: Floats
    n_used: int
    n_given: int
    check: Check

    @property
    def months(self) -> int:
        """Months of tenure that somebody was watched in."""
        return len(self.observed)


def lifetime(counts: PersonPeriods) -> Lifetime:
    """Fit how long new customers stay to counts by month of tenure, late entry and all.

    Parameters
    ----------
    counts
        Of :func:`cemlab.data.tenure_counts.tenure_counts`; patterns are put together.

    Raises
    ------
    DesignError
        If retention does not rise with tenure, or there are too few months.

    Notes
    -----
    Assumes that every customer has a chance to leave of her own that does not change, beta distributed over
    customers; retention rises since the likely leavers go first.

    References
    ----------
    Fader, P. S., & Hardie, B. G. S. (2007). How to project customer retention. Journal of Interactive
    Marketing 21, 76–90.

    Examples
    --------
    >>> from cemlab.data.person_periods import person_periods
    >>> lost = {1: 369, 2: 163, 3: 86, 4: 56}
    >>> spells = pd.DataFrame([(month, True) for month, n in lost.items() for _ in range(n)]
    ...                       + [(4, False)] * 326, columns=["months", "left"])
    >>> counts = person_periods(spells, duration="months", event="left", periods=range(5))
    >>> found = lifetime(counts).fit
    >>> round(found.alpha, 3), round(found.beta, 3)
    (0.764, 1.296)
    """
    events, stayed = counts.events.sum(axis=0).astype(float), counts.stayed.sum(axis=0)
    exposed = events + stayed
    empty = np.flatnonzero(exposed <= 0)
    known = int(empty[0]) if len(empty) else len(events)
    if known < 2:
        raise DesignError(f"tenure is known for {known} periods without a gap; two are needed at least")
    events, stayed, exposed = events[:known], np.maximum(stayed[:known], 0.0), exposed[:known]
    fit = fit_sbg_at_risk(events, stayed=stayed, n=float(counts.n_used))
    observed = np.cumprod(stayed / (events + stayed))
    watched = np.flatnonzero(exposed >= _WATCHED)
    return Lifetime(
        fit=fit,
        observed=observed,
        n_used=counts.n_used,
        n_given=counts.n_given,
        check=_check(fit, observed, int(watched[-1]) + 1 if len(watched) else known),
    )


def _check(fit: SBGFit, observed: Floats, known: int) -> Check:
    miss = fit.survival(known)[1:] - observed[:known]
    worst = int(np.abs(miss).argmax())
    return Check(
        name="fit of the retention curve",
        null="the model's share still there keeps to the observed one",
        passed=bool(abs(miss[worst]) < _MISS),
        detail=f"At most {100 * abs(miss[worst]):.1f} points off, after {worst + 1} months; {known} months "
        f"seen.",
        remedy="Show the observed retention, or fit groups apart.",
    )


def rate_a_month(panel: pd.DataFrame, *, of: str = "margin", unit: str = "branch") -> tuple[float, float]:
    """Return what a customer brings in a month on average, and its standard error clustered by branch.

    Parameters
    ----------
    panel
        With `unit`, customers and `of`, e.g. :func:`cemlab.data.linked_months.linked_months`.
    of
        What is added up: margin [money], or referred [customers].
    unit
        Column of the branch.

    Raises
    ------
    ColumnError
        If a column is missing.
    DesignError
        If there are fewer than two branches, or no customer.

    Examples
    --------
    >>> rows = pd.DataFrame({"branch": ["a", "b"], "customers": [10.0, 30.0], "margin": [100.0, 300.0]})
    >>> rate_a_month(rows)
    (10.0, 0.0)
    """
    for name in (unit, "customers", of):
        if name not in panel.columns:
            raise ColumnError(f"panel: {one_of(name, map(str, panel.columns), what='column')}")
    sums = panel[[unit, "customers", of]].dropna().groupby(unit).sum().astype(float)
    total, g = float(sums["customers"].sum()), len(sums)
    if g < 2 or not total > 0:
        raise DesignError(
            f"panel: {g} {unit} values with {total:,.0f} customer-months; two are needed at least"
        )
    mean = float(sums[of].sum()) / total
    influence = (sums[of] - mean * sums["customers"]).to_numpy() / total
    return mean, float(np.sqrt(influence @ influence * g / (g - 1)))
