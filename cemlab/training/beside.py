"""The overall figure of a roll-out by four methods side by side: what each compares, and what it assumes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.markup import with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.two_stages import two_stages
from cemlab.training.effect_evidence import ROUNDING, no_chance
from cemlab.training.effects import group_time_effects
from cemlab.training.roll_out import Floats, Ints, RollOut, roll_out
from cemlab.training.weights_shown import TwoWayWeights, refuse_weights, two_way_weights

if TYPE_CHECKING:
    import ibis.expr.types as ir

# method, what it used, estimate, std_error, conf_low, conf_high
_Found = tuple[str, RollOut, float, float, float, float]

TWO_WAY, SUN_ABRAHAM = "two-way fixed effects", "Sun and Abraham"
GARDNER, GROUP_TIME = "Gardner's two stages", "group-time average"

_ALIKE = "without the treatment all units would have changed alike, in every period"
# estimand, what is compared, what is assumed
_WORDS: dict[str, tuple[str, str, str]] = {
    GROUP_TIME: (
        "mean over all treated units and periods",
        "change since the last period before with the change of units not treated by then",
        "without the treatment units would have changed alike since that period; nobody acts on it before",
    ),
    SUN_ABRAHAM: (
        "mean over all treated units and periods",
        "change since the last period before with the change of units never treated",
        "without the treatment units would have changed alike since that period; nobody acts on it before",
    ),
    GARDNER: (
        "mean over all treated units and periods",
        "each treated period with a path fitted to all periods that are not treated",
        f"{_ALIKE}; nobody acts on it before",
    ),
    TWO_WAY: (
        "an average with weights that follow from the dates, some perhaps below zero",
        "all with all, units treated already among the controls",
        f"{_ALIKE}; the effect is the same for all groups at all times",
    ),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class MethodsBeside(Result):
    """One figure for the roll-out by each method, none of them chosen in silence.

    Parameters
    ----------
    table
        One row a method: method, estimand (in words), estimate [unit of the outcome], std_error, conf_low,
        conf_high, compares, assumes (in words), n_units, n_periods (used).
    weights
        The weights behind two-way fixed effects.
    outcome_name
        The column of the outcome.
    """

    weights: TwoWayWeights
    outcome_name: str

    title: ClassVar[str] = "The roll-out by four methods"
    labels: ClassVar[dict[str, str]] = {
        "method": "Method", "estimate": "Difference (interval)", "estimand": "Average of what",
        "compares": "Compares", "assumes": "Assumes",
    }  # fmt: skip

    @property
    def summary(self) -> pd.DataFrame:
        """One row a method: estimate with interval, what it averages, compares and assumes."""
        shown = [with_interval(row) for row in self.table.to_dict("records")]
        words = self.table[["method", "estimand", "compares", "assumes"]].copy()
        words.insert(1, "estimate", shown)
        return words

    def narrative(self) -> str:
        """Tell each method's figure, how far they lie apart, and what two-way fixed effects do."""
        rows = self.table.to_dict("records")
        told = "; ".join(f"{row['method']} {with_interval(row)}" for row in rows)
        check = self.weights.evidence.checks[0]
        warning = "" if check.passed else f" In two-way fixed effects {self.weights.n_negative:,} of "
        if warning:
            warning += (
                f"{len(self.weights.table):,} groups and periods count with a weight below zero, so the "
                "figure is no average of what happened in them."
            )
        return (
            f"Change in {self.outcome_name} of the treated compared with their controls: {told} "
            f"({100 * self.conf_level:g} % intervals, {self.evidence.n_used:,} {self.evidence.unit})."
            f"{warning}"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the methods' figures."""
        return Chart(
            kind="forest",
            frame=self.table[["method", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="method",
            low="conf_low",
            high="conf_high",
            x_label=f"Mean difference, in units of {self.outcome_name}",
            y_label="method",
            claim=self._claim(),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )

    def _claim(self) -> str:
        table, name = self.table, self.outcome_name
        least, most = sorted(table["estimate"].abs())[:: len(table) - 1]
        if (table["conf_low"] > 0).all() or (table["conf_high"] < 0).all():
            way = "up" if table["estimate"].iloc[0] > 0 else "down"
            return f"All {len(table)} methods find {name} {way}, by {least:.3g} to {most:.3g}"
        settled = ((table["conf_low"] > 0) | (table["conf_high"] < 0)).sum()
        return f"Whether {name} moved is settled by {settled} of {len(table)} methods"


def methods_beside(
    panel: ir.Table | pd.DataFrame | RollOut,
    *,
    outcome: str = "",
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    cluster: str | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> MethodsBeside:
    """Answer how much the figure hangs on the method.

    Parameters
    ----------
    panel, outcome, unit, time, first_treated, cluster
        As in :func:`cemlab.training.roll_out`; or a :class:`RollOut` that was read before.
    conf_level
        Confidence level of the intervals, from t with one degree of freedom less than there are clusters; of
        the group-time average as :func:`cemlab.training.group_time_effects` gives it.
    source
        The line that stands under every figure.

    Returns
    -------
    MethodsBeside
        Its table has one row a method with estimate, std_error (clustered), conf_low, conf_high.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        As :func:`cemlab.training.group_time_effects`.

    Notes
    -----
    Where all units are treated in the end, Sun and Abraham and Gardner's two stages use the periods before
    the last group's date, and that group as never treated. Two-way fixed effects use all periods.

    References
    ----------
    Sun, L. and Abraham, S. (2021). Estimating dynamic treatment effects in event studies with heterogeneous
    treatment effects. Journal of Econometrics 225, 175–199. Gardner, J. (2022). Two-stage differences in
    differences. arXiv:2207.05943. Callaway, B. and Sant'Anna, P. H. C. (2021), ibid. 225, 200–230.
    """
    check_conf_level(conf_level)
    rolled = (
        panel
        if isinstance(panel, RollOut)
        else roll_out(
            panel, outcome=outcome, unit=unit, time=time, first_treated=first_treated, cluster=cluster
        )
    )
    refuse_weights(rolled)
    y = rolled.outcome
    apart = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
    if np.abs(apart).max() <= ROUNDING * np.abs(y).max():
        raise DesignError(no_chance(rolled.outcome_name))
    # the fewest draws there are: their bands are not shown here
    effects = group_time_effects(rolled, conf_level=conf_level, draws=99, source=source)
    ours, seen = effects.overall(), _with_untreated(rolled)
    shown = two_way_weights(rolled, conf_level=conf_level, source=source)
    row = ours.table.iloc[0]
    found: list[_Found] = [
        (
            GROUP_TIME,
            rolled,
            float(row["estimate"]),
            float(row["std_error"]),
            float(row["conf_low"]),
            float(row["conf_high"]),
        ),
        (SUN_ABRAHAM, seen, *_interval(_sun_abraham(seen), seen, conf_level)),
        (GARDNER, seen, *_interval(_gardner(seen), seen, conf_level)),
        (TWO_WAY, rolled, *_interval(_two_way(rolled), rolled, conf_level)),
    ]
    return MethodsBeside(
        table=_table(found),
        evidence=replace(ours.evidence, checks=(*ours.evidence.checks, *shown.evidence.checks)),
        conf_level=conf_level,
        weights=shown,
        outcome_name=rolled.outcome_name,
    )


def _table(found: list[_Found]) -> pd.DataFrame:
    rows = []
    for method, used, estimate, error, low, high in found:
        estimand, compares, assumes = _WORDS[method]
        rows.append(
            {
                "method": method,
                "estimand": estimand,
                "estimate": estimate,
                "std_error": error,
                "conf_low": low,
                "conf_high": high,
                "compares": compares,
                "assumes": assumes,
                "n_units": len(used.units),
                "n_periods": used.outcome.shape[1],
            }
        )
    return pd.DataFrame(rows)


def _with_untreated(rolled: RollOut) -> RollOut:
    """Return the roll-out up to where somebody is untreated; the last group counts as never treated."""
    if (rolled.first == rolled.never).any():
        return rolled
    last = int(rolled.first.max())
    return replace(
        rolled,
        outcome=rolled.outcome[:, :last],
        periods=rolled.periods[:last],
        first=np.minimum(rolled.first, last),
    )


def _interval(
    found: tuple[float, float], used: RollOut, conf_level: float
) -> tuple[float, float, float, float]:
    from scipy.special import stdtrit

    estimate, error = found
    clusters = len(np.unique(used.cluster))
    margin = float(stdtrit(clusters - 1, (1 + conf_level) / 2)) * error
    return estimate, error, estimate - margin, estimate + margin


def _frame(used: RollOut) -> pd.DataFrame:
    """Return unit by period under names of our own; no name from data is ever part of a formula."""
    n, periods = used.outcome.shape
    numbers: Ints = np.repeat(np.arange(n), periods)
    times: Ints = np.tile(np.arange(periods), n)
    return pd.DataFrame(
        {
            "y": used.outcome.ravel(),
            "unit": numbers,
            "time": times,
            "group": used.cluster[numbers],
            "on": (times >= used.first[numbers]).astype(float),
        }
    )


def _two_way(used: RollOut) -> tuple[float, float]:
    from pyfixest import feols

    fit = feols("y ~ on | unit + time", data=_frame(used), vcov={"CRV1": "group"})
    return float(fit.coef().iloc[0]), float(fit.se().iloc[0])


def _gardner(used: RollOut) -> tuple[float, float]:
    from pyfixest import did2s

    treated = np.arange(used.outcome.shape[1]) >= used.first[:, None]
    if min((~treated).sum(axis=0).min(), (~treated).sum(axis=1).min()) < 2:
        # what is untreated once alone is dropped there, and then missing in the second stage
        return two_stages(used.outcome, treated=treated, cluster=used.cluster)
    fit = did2s(
        _frame(used),
        yname="y",
        first_stage="~ 0 | unit + time",
        second_stage="~ on",
        treatment="on",
        cluster="group",
    )
    return float(fit.coef().iloc[0]), float(fit.se().iloc[0])


def _sun_abraham(used: RollOut) -> tuple[float, float]:
    """Return the mean over all treated units and periods of effects by group and period."""
    from pyfixest import feols

    frame = _frame(used)
    cells = [(g, t) for g in used.groups for t in range(used.never) if t != g - 1]
    names = [f"c{i}" for i in range(len(cells))]
    first = used.first[frame["unit"].to_numpy()]
    time = frame["time"].to_numpy()
    inside: Floats = np.column_stack([((first == g) & (time == t)).astype(float) for g, t in cells])
    frame = pd.concat([frame, pd.DataFrame(inside, columns=names)], axis=1)
    # clustered from the start, pyfixest would test all cells at once, and they are more than the clusters
    fit = feols(f"y ~ {' + '.join(names)} | unit + time", data=frame, vcov="iid")
    fit = fit.vcov({"CRV1": "group"})
    sizes = np.bincount(used.first, minlength=used.never + 1)
    counted = pd.Series([float(sizes[g]) * (t >= g) for g, t in cells], index=names)
    weights = (counted / counted.sum())[fit.coef().index].to_numpy()
    variance = weights @ np.asarray(fit._vcov) @ weights
    return float(weights @ fit.coef().to_numpy()), float(np.sqrt(variance))
