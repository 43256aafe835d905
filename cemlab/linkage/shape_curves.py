"""The curve of an outcome on a score: its columns, its fit within units and periods, its bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.errors import DesignError, OptionError, one_of
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.stats.multiplier_bands import errors, simultaneous_critical
from cemlab.stats.natural_splines import natural_spline
from cemlab.stats.within_slopes import Grid, WithinSlopes, split_quadratic, split_slopes_of, within_slopes

Floats = npt.NDArray[np.float64]

#: What runs through the scores: bends between knots, none, or one bend everywhere.
Curve = Literal["spline", "line", "quadratic"]
#: What is done about the error of measurement in the score.
ScoreError = Literal["left in", "taken out"]

# where a few knots lie best (Harrell 2015, table 2.3), as shares of the rows below
_PLACES = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
_MOST = 7
# the curve is drawn where there are scores: from one row in a hundred to all but one in a hundred
_ENDS = (0.01, 0.99)
_POINTS = 41
_DRAWS = 999


@dataclass(frozen=True, eq=False, kw_only=True)
class Fitted:
    """A curve that was fitted: where it is nought, its knots and its coefficients, those of controls last."""

    curve: Curve
    reference: float
    knots: tuple[float, ...]
    fit: WithinSlopes

    @property
    def k(self) -> int:
        """How many columns the curve has."""
        return {"line": 1, "quadratic": 2}.get(self.curve, len(self.knots) - 1)

    def columns(self, score: Floats) -> tuple[Floats, Floats]:
        """Return the columns at some scores less those at the reference, and their slopes."""
        return _columns(score, self.curve, self.reference, self.knots)

    def moved(self, directions: Floats) -> tuple[Floats, Floats]:
        """Return what some sums of the curve's coefficients are, and what each cluster moves them by."""
        return (
            np.asarray(directions @ self.fit.coefficient[: self.k]),
            np.asarray(self.fit.influence[:, : self.k] @ directions.T),
        )


def fitted(
    panel: LinkedPanel, *, curve: Curve, knots: int | Sequence[float], score_error: ScoreError
) -> Fitted:
    """Fit a curve within units and periods, or say why there is none."""
    if curve not in get_args(Curve):
        raise OptionError(one_of(curve, get_args(Curve), what="curve"))
    if score_error not in get_args(ScoreError):
        raise OptionError(one_of(score_error, get_args(ScoreError), what="way with the score's error"))
    reference = float(np.average(panel.score, weights=panel.weights))
    places = _knots(panel.score, knots) if curve == "spline" else ()
    columns, _ = _columns(panel.score, curve, reference, places)
    names = [panel.score_name, *(f"{panel.score_name}, bend {j}" for j in range(1, columns.shape[1]))]
    names += panel.control_names
    if score_error == "taken out":
        fit = _without_error(panel, curve, reference, names)
    else:
        design = np.column_stack([columns, panel.controls])
        fit = within_slopes(panel.outcome, design=design, grid=grid_of(panel), names=names)
    return Fitted(curve=curve, reference=reference, knots=places, fit=fit)


def grid_of(panel: LinkedPanel) -> Grid:
    """Return where the rows of a panel stand."""
    return Grid(unit=panel.unit, period=panel.period, cluster=panel.cluster, weights=panel.weights)


def halves_of(panel: LinkedPanel) -> Floats:
    """Return the score from two halves of the answers, or say that they are missing."""
    if panel.halves is None:
        raise DesignError(
            "score_error='taken out' needs the score from two halves of the answers; name them in reading "
            "the panel (halves=…), or take score_error='left in'"
        )
    return panel.halves


def _without_error(panel: LinkedPanel, curve: Curve, reference: float, names: Sequence[str]) -> WithinSlopes:
    if curve == "spline":
        raise OptionError(
            "the score's error cannot be taken out of a spline by two halves; take curve='quadratic' or "
            "'line', or score_error='left in'"
        )
    halves, grid = halves_of(panel) - reference, grid_of(panel)
    if curve == "quadratic":
        return split_quadratic(panel.outcome, halves=halves, controls=panel.controls, grid=grid, names=names)
    return split_slopes_of(
        panel.outcome,
        first=halves[:, :1],
        second=halves[:, 1:],
        controls=panel.controls,
        grid=grid,
        names=names,
    )


def curve_table(found: Fitted, score: Floats, *, conf_level: float, seed: int) -> pd.DataFrame:
    """Return curve and slope over the range of the scores, with bands that hold everywhere at once."""
    first, last = np.quantile(score, _ENDS)
    at = np.linspace(first, last, _POINTS)
    values, slopes = found.columns(at)
    table = pd.DataFrame({"score": at})
    for prefix, directions in (("", values), ("slope_", slopes)):
        told = told_at_once(*found.moved(directions), conf_level=conf_level, seed=seed)
        if prefix:
            table["slope"] = told["estimate"]
            told = told.drop(columns="estimate")
        table = table.join(told.add_prefix(prefix))
    return table


def told_at_once(estimate: Floats, influence: Floats, *, conf_level: float, seed: int) -> pd.DataFrame:
    """Return estimates with errors clustered, intervals for each, and bands that hold for all at once."""
    stratum = np.zeros(len(influence), dtype=np.int64)
    spread = errors(influence, stratum)
    margin = spread.margin(conf_level)
    critical = simultaneous_critical(influence, stratum, conf_level=conf_level, draws=_DRAWS, seed=seed)
    # at once is never narrower than each alone
    reach = np.maximum(critical * spread.std_error, margin)
    return pd.DataFrame(
        {
            "estimate": estimate,
            "std_error": spread.std_error,
            "conf_low": estimate - margin,
            "conf_high": estimate + margin,
            "band_low": estimate - reach,
            "band_high": estimate + reach,
        }
    )


def _columns(score: Floats, curve: Curve, reference: float, knots: Sequence[float]) -> tuple[Floats, Floats]:
    x = np.asarray(score, dtype=float) - reference
    if curve == "spline":
        moved = np.asarray(knots) - reference
        columns, slopes = natural_spline(x, knots=moved)
        return columns - natural_spline([0.0], knots=moved)[0], slopes
    if curve == "quadratic":
        return np.column_stack([x, x**2]), np.column_stack([np.ones_like(x), 2 * x])
    return x[:, None], np.ones((len(x), 1))


def _knots(score: Floats, knots: int | Sequence[float]) -> tuple[float, ...]:
    """Return the knots given, or lay so many where the rows are."""
    if isinstance(knots, int | np.integer) and not isinstance(knots, bool):
        if not 3 <= knots <= _MOST:
            raise OptionError(f"knots is {knots!r}; allowed: 3 to {_MOST}, or their places in a list")
        places = _PLACES.get(int(knots), tuple(np.linspace(0.05, 0.95, int(knots))))
        laid = np.quantile(score, places)
        if not (np.diff(laid) > 0).all():
            raise DesignError(
                f"{knots} knots fall on the same score: it takes too few values; take fewer knots, or "
                "curve='quadratic'"
            )
        return tuple(map(float, laid))
    given = [] if isinstance(knots, str) or not np.iterable(knots) else list(knots)
    if len(given) < 3 or not all(isinstance(k, Real) and np.isfinite(float(k)) for k in given):
        raise OptionError(f"knots are {knots!r}; allowed: 3 to {_MOST}, or three and more places in a list")
    low, high = float(score.min()), float(score.max())
    if not (low < min(given) and max(given) < high):
        raise OptionError(f"knots {given} do not all lie among the scores, {low:.3g} to {high:.3g}")
    return tuple(map(float, given))
