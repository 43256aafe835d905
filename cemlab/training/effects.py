"""What the training changed: effects by wave and month against branches not trained by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check, Grade
from cemlab.markup import label
from cemlab.result import Result, check_conf_level
from cemlab.stats.group_time import Base, Controls, GroupTime, Method, group_time
from cemlab.stats.group_time_covariates import OverlapError
from cemlab.training.aggregates import (
    AveragedEffects,
    Overall,
    by_calendar_time,
    by_event_time,
    by_group,
    overall,
)
from cemlab.training.effect_evidence import effect_evidence, refuse_one_cluster
from cemlab.training.intervals import DRAWS, check_draws, covariance_of, interval_columns
from cemlab.training.roll_out import CovariatesOf, Floats, RollOut, roll_out

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupTimeEffects(Result):
    """Effects of a roll-out by group (units first treated in the same period) and period.

    Parameters
    ----------
    table
        One row a group and period other than its base period: group (first treated period), time,
        event_time (periods since the first treated one; below 0 before it), estimate [unit of the outcome],
        std_error, df (degrees of freedom), conf_low, conf_high, band_low, band_high (hold in all rows at
        once), n_treated, n_controls (units).
    roll_out
        The arrays the effects were estimated on.
    cells
        The numbers behind the table, row by row, with each unit's influence on them.
    anticipation
        Periods before the treatment in which it may act already.
    draws, seed
        Draws of the multiplier bootstrap behind the bands, and their seed.
    """

    roll_out: RollOut
    cells: GroupTime
    anticipation: int
    draws: int
    seed: int

    # no word of cause: the grade may be lowered
    title: ClassVar[str] = "The roll-out by group and period"
    labels: ClassVar[dict[str, str]] = {
        "group": "First treated", "units": "Units", "periods": "Periods since", "estimate": "Mean difference",
        "conf_low": "Lowest", "conf_high": "Highest",
    }  # fmt: skip

    @property
    def covariance(self) -> Floats:
        """Covariance of the estimates, (rows, rows), clustered, as their standard errors are."""
        return covariance_of(self.cells.influence, self.roll_out)

    def overall(self, average: Overall = "simple") -> AveragedEffects:
        """Return one figure for the whole roll-out.

        Parameters
        ----------
        average
            ``"simple"``: over all treated unit-periods; ``"by group"``: over the units of each group's mean;
            ``"by event time"``: over the event times from 0 on; ``"by calendar time"``: over the periods.
        """
        return overall(self, average)

    def by_group(self) -> AveragedEffects:
        """Return the mean effect on each group over its treated periods."""
        return by_group(self)

    def by_event_time(self, *, balanced: int | None = None) -> AveragedEffects:
        """Return the mean effect by periods since the treatment, those before it included.

        Parameters
        ----------
        balanced
            Take only groups seen so many periods after the treatment, and only event times at which all of
            them are seen, so that the same units stand behind every figure.
        """
        return by_event_time(self, balanced=balanced)

    def by_calendar_time(self) -> AveragedEffects:
        """Return the mean effect on the units treated by then in each period."""
        return by_calendar_time(self)

    def with_checks(self, checks: Sequence[Check], *, grade: Grade | None = None) -> GroupTimeEffects:
        """Return the same effects with more checks, and another design grade where one is given.

        The words of narrative and chart follow the grade, also of what is averaged from here.
        """
        evidence = replace(
            self.evidence,
            checks=(*self.evidence.checks, *checks),
            grade=self.evidence.grade if grade is None else grade,
        )
        return replace(self, evidence=evidence)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a group, and one for all."""
        return pd.concat([self.by_group().summary, self.overall().summary], ignore_index=True)

    def narrative(self) -> str:
        """Tell the overall figure, the groups, and how many rows depart from zero before the treatment."""
        before = self.table[self.table["event_time"] < -self.anticipation]
        parts = [self.overall().narrative(), self.by_group().narrative()]
        if len(before):
            off = int(((before["band_low"] > 0) | (before["band_high"] < 0)).sum())
            parts.append(
                f"Of {len(before):,} differences before the treatment, {off:,} "
                f"{'lies' if off == 1 else 'lie'} outside zero by bands that hold for all rows at once."
            )
        return " ".join(parts)

    @property
    def chart(self) -> Chart:
        """The path by periods since the treatment."""
        return self.by_event_time().chart


def group_time_effects(
    panel: ir.Table | pd.DataFrame | RollOut,
    *,
    outcome: str = "",
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    treated: str | None = None,
    controls: Controls = "not yet treated",
    method: Method = "unadjusted",
    covariates: Sequence[str] = (),
    covariates_of: CovariatesOf = "base period",
    anticipation: int = 0,
    base: Base = "universal",
    cluster: str | None = None,
    weights: str | None = None,
    conf_level: float = 0.95,
    seed: int = 1,
    draws: int = DRAWS,
    source: str = "",
) -> GroupTimeEffects:
    """Answer what a roll-out changed, for each group that began together, period by period.

    Parameters
    ----------
    panel
        One row a unit and period, or a :class:`RollOut` that was read before (the columns are then its own).
    outcome, unit, time, first_treated, treated, covariates, cluster, weights
        Columns, as in :func:`roll_out`.
    controls
        With whom the treated are compared: units ``"not yet treated"`` by then (never treated ones
        included), or only those ``"never treated"`` in the data.
    method
        How covariates are used: ``"regression"`` foretells the treated's change from the controls';
        ``"weighting"`` makes the controls look like the treated (logit, normalised weights); ``"doubly
        robust"`` does both and is right if one of them is.
    covariates_of
        From when covariates are taken: each comparison's ``"base period"``, or their mean ``"before anyone is
        treated"``.
    anticipation
        Periods before the treatment in which it may act already; the base period lies before them.
    base
        With what periods before the treatment are compared: ``"universal"``, the last period before the
        treatment (less `anticipation`), as those after it; ``"varying"``, the period before each.
    conf_level
        Confidence level of intervals and bands.
    seed, draws
        Of the multiplier bootstrap behind the bands.
    source
        The line that stands under every figure.

    Returns
    -------
    GroupTimeEffects
        Its table has one row a group and period.

    Raises
    ------
    ColumnError, DataError, OptionError
        For columns and options that are not there, and impossible values.
    DesignError
        If the panel holds no roll-out (see :func:`roll_out`), nobody is left to compare with, a group has no
        period before its treatment, only one cluster is treated (in all or in a group), or covariates tell
        treated units from controls.

    Notes
    -----
    Right if, without the treatment, treated units and controls would have changed alike (given the
    covariates), nobody acts on the treatment earlier than `anticipation` says, and the controls are not
    touched by it. Standard errors come from each unit's influence, clusters added up; see
    :func:`cemlab.stats.multiplier_bands.errors` for their correction for few units. Choices are as in the R
    package did: `base="universal"` is its base_period of that name, covariates are those of the base period
    and the nuisance models its logit and least squares; but its intervals are normal ones without a
    correction for few units, so that of the same standard errors these are a little wider.

    References
    ----------
    Callaway, B., & Sant'Anna, P. H. C. (2021). Difference-in-differences with multiple time periods.
    Journal of Econometrics 225, 200–230.

    Examples
    --------
    >>> rows = [(u, t, g, 0.1 * t + u % 3 * t + (t >= g > 0)) for u, g in enumerate([3, 3, 3, 0, 0, 0])
    ...         for t in range(1, 5)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "first_trained", "cx"])
    >>> found = group_time_effects(panel, outcome="cx")
    >>> found.table[["group", "time", "estimate"]].round(6).values.tolist()
    [[3.0, 1.0, 0.0], [3.0, 3.0, 1.0], [3.0, 4.0, 1.0]]
    """
    _check_options(controls, method, base, anticipation, conf_level)
    check_draws(draws)
    rolled = (
        panel
        if isinstance(panel, RollOut)
        else roll_out(
            panel,
            outcome=outcome,
            unit=unit,
            time=time,
            first_treated=first_treated,
            treated=treated,
            covariates=covariates,
            covariates_of=covariates_of,
            cluster=cluster,
            weights=weights,
        )
    )
    if isinstance(panel, RollOut):
        _refuse_columns(treated, covariates, cluster, weights)
    _check_covariates(rolled, method, named=bool(covariates))
    _check_before(rolled, anticipation)
    refuse_one_cluster(rolled)
    cells = _estimate(rolled, controls, method, anticipation, base)
    table = _table(rolled, cells, conf_level=conf_level, draws=draws, seed=seed)
    evidence = effect_evidence(
        rolled, cells, controls=controls, method=method, anticipation=anticipation, source=source
    )
    return GroupTimeEffects(
        table=table,
        evidence=evidence,
        conf_level=conf_level,
        roll_out=rolled,
        cells=cells,
        anticipation=anticipation,
        draws=draws,
        seed=seed,
    )


def _check_options(controls: str, method: str, base: str, anticipation: int, conf_level: float) -> None:
    for value, allowed, what in (
        (controls, get_args(Controls), "kind of controls"),
        (method, get_args(Method), "method"),
        (base, get_args(Base), "base"),
    ):
        if value not in allowed:
            raise OptionError(one_of(value, allowed, what=what))
    if isinstance(anticipation, bool) or not isinstance(anticipation, int | np.integer) or anticipation < 0:
        raise OptionError(
            f"anticipation is {anticipation!r}; allowed: a whole number of periods from 0 on, e.g. 1"
        )
    check_conf_level(conf_level)


def _refuse_columns(
    treated: str | None, covariates: Sequence[str], cluster: str | None, weights: str | None
) -> None:
    """Refuse columns that would be overlooked, since the roll-out was read before."""
    given = {"treated": treated, "covariates": covariates, "cluster": cluster, "weights": weights}
    named = [name for name, value in given.items() if value]
    if named:
        raise OptionError(
            f"{', '.join(named)}: the roll-out has been read already, with the columns it has; name them in "
            "roll_out(), or hand in the panel"
        )


def _check_covariates(rolled: RollOut, method: Method, *, named: bool) -> None:
    if method == "unadjusted" and named:
        raise OptionError(
            f"method is 'unadjusted', which uses no covariates, but {len(rolled.covariate_names)} are given; "
            "choose 'regression', 'weighting' or 'doubly robust', or leave the covariates out"
        )
    if method != "unadjusted" and not rolled.covariate_names:
        raise OptionError(f"method {method!r} needs covariates; name them with covariates=, or 'unadjusted'")


def _check_before(rolled: RollOut, anticipation: int) -> None:
    """Refuse groups without a period before the treatment, less what it may act beforehand."""
    short = [g for g in rolled.groups if g - anticipation < 1]
    if short:
        names = ", ".join(label(rolled.periods[g]) for g in short)
        raise DesignError(
            f"panel: with anticipation={anticipation} no period lies before the treatment of those first "
            f"treated in {names}; lower anticipation, start the panel earlier, or leave them out"
        )


def _estimate(
    rolled: RollOut, controls: Controls, method: Method, anticipation: int, base: Base
) -> GroupTime:
    """Estimate, or refuse with the names of those who cannot be compared."""
    if controls == "never treated" and rolled.treated.all():
        raise DesignError(
            "panel: every unit is treated in the data, so nobody is never treated; "
            "take controls='not yet treated'"
        )
    try:
        cells = group_time(
            rolled.outcome,
            first=rolled.first,
            controls=controls,
            method=method,
            covariates=rolled.covariate_paths,
            anticipation=anticipation,
            base=base,
            weights=rolled.weights,
            cluster=rolled.cluster,
        )
    except OverlapError as error:
        raise OverlapError(f"covariates {', '.join(map(repr, rolled.covariate_names))}: {error}") from None
    after = cells.time >= cells.group
    if not after.any():
        raise DesignError(
            f"panel: no controls ({controls}) of two clusters or more are left in any treated period; "
            "there is no comparison. Add units that are treated later or never"
        )
    return cells


def _table(rolled: RollOut, cells: GroupTime, *, conf_level: float, draws: int, seed: int) -> pd.DataFrame:
    """Return the tidy table of the cells."""
    periods = pd.Index(rolled.periods)
    columns = {
        "group": periods[cells.group],
        "time": periods[cells.time],
        "event_time": cells.time - cells.group,
        "estimate": cells.estimate,
        **interval_columns(
            cells.estimate, cells.influence, rolled, conf_level=conf_level, draws=draws, seed=seed
        ),
        "n_treated": cells.n_treated,
        "n_controls": cells.n_controls,
    }
    return pd.DataFrame(columns)
