"""Does a point bring more at the top or at the bottom: the shape of an outcome on the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.evidence import Check, Evidence
from cemlab.linkage.absorbed import without_absorbed
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.naming import in_words, titled
from cemlab.linkage.panel_checks import require_linked
from cemlab.linkage.score_skew import SKEWED, skew_check
from cemlab.linkage.shape_curves import (
    Curve,
    Fitted,
    ScoreError,
    curve_table,
    fitted,
    grid_of,
    told_at_once,
)
from cemlab.markup import number, p_value
from cemlab.result import Result, check_conf_level
from cemlab.stats.seeds import check_seed
from cemlab.stats.within_slopes import within_slopes

Floats = npt.NDArray[np.float64]

# where "low", "middle" and "high" are: shares of the rows below
_WHERE = {"low": 0.1, "middle": 0.5, "high": 0.9}
# p-value below which two ways to see a bend disagree
_DISAGREE = 0.05


@dataclass(frozen=True, eq=False, kw_only=True)
class ShapeOfReturns(Result):
    """An outcome along the score within units and periods, with bands that hold for the whole curve.

    Parameters
    ----------
    table
        One row a score: score; estimate (outcome beside that at the mean score [outcome's unit]), std_error,
        conf_low, conf_high (there alone), band_low, band_high (everywhere at once); slope [outcome's unit a
        point of score], slope_std_error, slope_conf_low, slope_conf_high, slope_band_low, slope_band_high.
    slopes
        Rows "low", "middle", "high" (a tenth, half, nine tenths of the rows lie below): score, estimate,
        std_error, conf_low, conf_high, band_low, band_high (all three at once); and "high less low", whose
        band is its interval, as that is one question.
    straight
        One row, the test that the curve is a line: statistic (F), df, df_rest, p_value; all missing for
        a line.
    flat_from
        The score from which on the slope's band holds nought, where the slope is above nought for certain
        before; missing if there is none.
    curve, score_error, knots
        As asked for; knots empty but for a spline.
    score_name, outcome_name, outcome_unit
        As in the panel.
    """

    slopes: pd.DataFrame
    straight: pd.DataFrame
    flat_from: float
    curve: Curve
    score_error: ScoreError
    knots: tuple[float, ...]
    score_name: str
    outcome_name: str
    outcome_unit: str

    title: ClassVar[str] = "Shape of returns"
    labels: ClassVar[dict[str, str]] = {
        "at": "Score",
        "slope": "Slope there (interval)",
        "at_once": "Interval that holds for all at once",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """The slope at a low, a middle and a high score, and the difference of the outer two."""
        rows = self.slopes.to_dict("records")
        return pd.DataFrame(
            {
                "at": [r["at"] + ("" if np.isnan(r["score"]) else f" ({r['score']:.2f})") for r in rows],
                "slope": [f"{number(r['estimate'])} ({_range(r, 'conf')})" for r in rows],
                "at_once": [_range(r, "band") for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell how the slope changes, whether the curve is told from a line, and where it may be flat."""
        low, _, high, more = self.slopes.to_dict("records")
        unit = f" {self.outcome_unit}" if self.outcome_unit else ""
        parts = [
            f"One more point of {self.score_name} {self.evidence.relation} "
            f"{number(low['estimate'])}{unit} of {self.outcome_name} at a low score "
            f"({_range(low, 'band')}) and {number(high['estimate'])}{unit} at a high one "
            f"({_range(high, 'band')})."
        ]
        if self.curve == "line":
            parts.append("A line was drawn, so that no bend could show.")
        else:
            parts.append(
                f"The slope at the high score less that at the low is {number(more['estimate'])} "
                f"({_range(more, 'conf')}): {self._verdict()} (straight line: "
                f"{p_value(float(self.straight['p_value'].iloc[0]))})."
            )
        if not np.isnan(self.flat_from):
            last = self.table.iloc[-1]
            parts.append(
                f"From a score of {self.flat_from:.2f} on the band of the slope holds nought; that does not "
                "say that nothing more is gained there: at the end up to "
                f"{number(last['slope_band_high'])} a point is compatible with the data."
            )
        return f"{' '.join(parts)} ({100 * self.conf_level:g} % intervals.)"

    def _verdict(self) -> str:
        more = self.slopes.iloc[-1]
        if any(check.name == SKEWED for check in self.evidence.failed):
            return "whether returns rise or fall cannot be told from skewed scores with their error left in"
        if more["conf_low"] > 0:
            return "returns rise with the score"
        if more["conf_high"] < 0:
            return "returns fall as the score rises"
        return "whether returns rise or fall along the score is not settled"

    @property
    def chart(self) -> Chart:
        """The curve with the band that holds everywhere at once."""
        claim = "One slope for all scores" if self.curve == "line" else self._verdict()
        return Chart(
            kind="line",
            frame=self.table[["score", "estimate", "band_low", "band_high"]],
            x="score",
            y="estimate",
            low="band_low",
            high="band_high",
            x_label=f"{in_words(self.score_name)} [points of the score]",
            y_label=f"{titled(self.outcome_name)} beside that at the mean score"
            + (f" [{self.outcome_unit}]" if self.outcome_unit else ""),
            claim=claim[0].upper() + claim[1:],
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def shape_of_returns(
    panel: LinkedPanel,
    *,
    curve: Curve = "spline",
    knots: int | Sequence[float] = 4,
    score_error: ScoreError = "left in",
    conf_level: float = 0.95,
    seed: int = 1,
) -> ShapeOfReturns:
    """Answer whether a point of the score goes with more at the top, at the bottom, or everywhere alike.

    Parameters
    ----------
    panel
        Units in periods, read by :func:`cemlab.linkage.panel_reading.linked_panel`.
    curve
        ``"spline"`` (natural cubic: straight beyond the outer knots), ``"quadratic"`` or ``"line"``.
    knots
        How many a spline has, 3 to 7, laid where the rows are; or their places, in points of the score.
    score_error
        ``"left in"``; or ``"taken out"`` by the score's two halves (a line or a quadratic only).
    conf_level
        Of each interval, and of each band as a whole.
    seed
        Of the draws behind the bands.

    Returns
    -------
    ShapeOfReturns
        Its table is the curve over the scores with estimate, conf_low, conf_high, band_low, band_high.

    Raises
    ------
    DataError
        If the panel was not read by :func:`linked_panel`.
    OptionError
        For an unknown curve, knots that are none, or errors to be taken out of a spline.
    DesignError
        If there are fewer than three clusters, the score does not move within units and periods, knots fall
        together, or halves that are needed are missing or share too little.

    Notes
    -----
    Units and periods have levels of their own; errors are those of leaving each cluster out (jackknife, which
    allows for few units at the ends of the score), bands come from a multiplier bootstrap of them. An
    error in the score flattens a curve and smooths its bends more than its slope: with reliability r a
    line's slope falls to r of its size and a quadratic's bend to about r², where scores spread alike to both
    sides. Where they are skewed, it bends a straight line, so that no bend is told then. The two halves undo
    both for a quadratic (Cheng & Schneeweiss 1998). A bend on the level of the score also tells units
    of high scores from those of low (where a unit that earns more per customer has both the higher score and
    the steeper slope, that looks like a bend; the outcome's logarithm undoes it where levels multiply); a
    check sets it beside the bend of each unit's own departures (Giesselmann & Schmidt-Catran 2022).

    References
    ----------
    Cheng, C.-L., & Schneeweiss, H. (1998). Polynomial regression with errors in the variables. Journal of the
    Royal Statistical Society B 60, 189–199.
    Giesselmann, M., & Schmidt-Catran, A. W. (2022). Interactions in fixed effects regression models.
    Sociological Methods & Research 51, 1100–1127.
    Harrell, F. E. (2015). Regression modeling strategies (2nd ed.). Springer.

    Examples
    --------
    >>> from cemlab.linkage.panel_reading import linked_panel
    >>> rng = np.random.default_rng(1)
    >>> unit, period = np.divmod(np.arange(480), 12)
    >>> x = rng.standard_normal(480)
    >>> frame = pd.DataFrame({"branch": unit.astype(str), "month": period, "cx": x,
    ...                       "profit": x + x**2 + unit})
    >>> found = shape_of_returns(linked_panel(frame, outcome="profit"), curve="quadratic")
    >>> bend = (found.slopes["estimate"] - 1) / found.slopes["score"]
    >>> bend.head(3).round(6).tolist()
    [2.0, 2.0, 2.0]
    """
    require_linked(panel)
    check_conf_level(conf_level)
    panel = without_absorbed(panel)
    check_seed(seed)
    found = fitted(panel, curve=curve, knots=knots, score_error=score_error)
    table = curve_table(found, panel.score, conf_level=conf_level, seed=seed)
    return ShapeOfReturns(
        table=table,
        evidence=_evidence(panel, score_error),
        conf_level=conf_level,
        slopes=_slopes(found, panel.score, conf_level, seed),
        straight=_straight(found),
        flat_from=_flat_from(table),
        curve=curve,
        score_error=score_error,
        knots=found.knots,
        score_name=panel.score_name,
        outcome_name=panel.outcome_name,
        outcome_unit=panel.outcome_unit,
    )


def _slopes(found: Fitted, score: Floats, conf_level: float, seed: int) -> pd.DataFrame:
    at = np.quantile(score, list(_WHERE.values()))
    directions = found.columns(at)[1]
    three = told_at_once(*found.moved(directions), conf_level=conf_level, seed=seed)
    if found.curve == "line":
        # a line has one slope: the difference is nought by what was drawn, not by the data
        more = pd.DataFrame({name: [np.nan] for name in three.columns})
    else:
        apart = (directions[2] - directions[0])[None, :]
        more = told_at_once(*found.moved(apart), conf_level=conf_level, seed=seed)
        more[["band_low", "band_high"]] = more[["conf_low", "conf_high"]].to_numpy()
    rows = pd.DataFrame([*three.to_dict("records"), *more.to_dict("records")])
    rows.insert(0, "at", [*_WHERE, "high less low"])
    rows.insert(1, "score", [*at, np.nan])
    return rows


def _straight(found: Fitted) -> pd.DataFrame:
    """Return the test that all that bends is nought."""
    if found.curve == "line":
        told = (np.nan,) * 4
    else:
        bends = np.eye(len(found.fit.coefficient))[1 : found.k]
        statistic, df, rest, p = found.fit.wald(bends)
        told = (statistic, float(df), float(rest), p)
    return pd.DataFrame([told], columns=["statistic", "df", "df_rest", "p_value"])


def _flat_from(table: pd.DataFrame) -> float:
    """Return where the slope's band begins to hold nought up to the end, rising for certain before."""
    sure = (table["slope_band_low"] > 0).to_numpy()
    if not sure.any() or sure[-1]:
        return np.nan
    first = int(np.flatnonzero(sure)[-1]) + 1
    if (table["slope_band_high"].to_numpy()[first:] < 0).any():
        return np.nan  # it falls there: that is no standstill
    return float(table["score"].iloc[first])


def _evidence(panel: LinkedPanel, score_error: ScoreError) -> Evidence:
    return Evidence(
        grade="adjusted",
        design=(
            "Each unit is compared with itself in other periods, and with what the others did in the same "
            "period; what changes within a unit together with its score is not held constant."
        ),
        unit=panel.rows_are,
        n_used=len(panel.outcome),
        n_given=panel.n_given,
        source=panel.source,
        assumptions=(
            "Nothing unrecorded moves score and outcome of a unit together from period to period.",
            "One curve holds for all units, which differ in their level only.",
            "The score's error is independent between halves and periods, and alike in all rows."
            if score_error == "taken out"
            else "The score carries no error, or the curve is read as that of the measured score: an error "
            "flattens slopes, and bends more so; with skewed scores it bends a straight line.",
        ),
        checks=(
            *panel.checks,
            *_bend_check(panel),
            *((skew_check(panel),) if score_error == "left in" else ()),
        ),
    )


def _bend_check(panel: LinkedPanel) -> tuple[Check, ...]:
    """Set the bend on the level of the score beside that of each unit's own departures."""
    of_unit = np.bincount(panel.unit, panel.weights * panel.score) / np.bincount(panel.unit, panel.weights)
    middle = np.average(panel.score, weights=panel.weights)
    own = panel.score - of_unit[panel.unit]
    grid, x = grid_of(panel), panel.score - middle
    names = (panel.score_name, "its square", *panel.control_names)
    fits = [
        within_slopes(
            panel.outcome, design=np.column_stack([x, square, panel.controls]), grid=grid, names=names
        )
        for square in (x**2, own**2)
    ]
    bends = [float(fit.coefficient[1]) for fit in fits]
    apart = (fits[0].influence[:, 1] - fits[1].influence[:, 1])[:, None]
    told = told_at_once(np.array([bends[0] - bends[1]]), apart, conf_level=1 - _DISAGREE, seed=1).iloc[0]
    agree = bool(told["conf_low"] <= 0 <= told["conf_high"])
    return (
        Check(
            name="bend between and within units",
            null="the bend on the level of the score is that of each unit's own departures",
            passed=agree,
            detail=(
                f"Bend (per squared point) {number(bends[0])} on the level, {number(bends[1])} on "
                f"departures; difference {number(told['estimate'])} ({_range(told.to_dict(), 'conf')})."
            ),
            remedy="Units with high scores have other slopes for reasons of their own: trust the departures.",
        ),
    )


def _range(row: Mapping[Any, Any], kind: str) -> str:
    low, high = row[f"{kind}_low"], row[f"{kind}_high"]
    return "no interval" if np.isnan(low) else f"{number(low)} to {number(high)}"
