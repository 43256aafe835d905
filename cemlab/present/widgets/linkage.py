"""When a point of experience pays, and whether more at the top: lags and curves under other choices."""

from __future__ import annotations

from dataclasses import replace
from typing import cast, get_args

from cemlab.chart import Chart
from cemlab.linkage.lags import LagProfile, ScoreError, lag_profile
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.shape import shape_of_returns
from cemlab.linkage.shape_curves import Curve
from cemlab.present.widgets.controls import Control, choice, slider
from cemlab.present.widgets.explorer import Explorer


def lag_explorer(
    panel: LinkedPanel, *, lags: int = 3, furthest: int = 12, score_error: ScoreError | None = None
) -> Explorer:
    """Return a slider for the lags and a choice of what is done about the score's error, above their slopes.

    Each move calls :func:`cemlab.linkage.lag_profile` on the months of the branches, so that it takes as long
    for a million customers as for a thousand.

    Parameters
    ----------
    panel
        From :func:`cemlab.linkage.linked_panel`.
    lags
        Where the slider begins [periods].
    furthest
        Where it ends; the picture holds so many periods from the first.
    score_error
        Where the choice begins: taken out where the panel has the score from two halves of the answers. A
        panel without halves has no choice.

    Returns
    -------
    Explorer
        With the controls ``lags`` [periods] and, with halves, ``score_error``.

    Raises
    ------
    OptionError
        If a control cannot begin there.
    DesignError
        If the first values cannot be had from the panel.
    """
    period = panel.time_name
    label, unit = "Periods before that are looked at", f"{period}s"
    controls = [slider("lags", label=label, low=1, high=furthest, step=1, value=lags, unit=unit)]

    def show(lags: int, score_error: str = "left in") -> tuple[Chart, str]:
        found = lag_profile(panel, lags=lags, score_error=cast(ScoreError, score_error))
        return _held(found, furthest), found.narrative()

    return Explorer(controls=[*controls, *_score_errors(panel, score_error)], show=show)


def _score_errors(panel: LinkedPanel, begins: ScoreError | None) -> list[Control]:
    """Return the choice of what is done about the score's error, if there is one to make."""
    if panel.halves is None and begins is None:
        return []
    words = list(get_args(ScoreError)) if panel.halves is not None else ["left in"]
    first = begins if begins is not None else "taken out"
    return [choice("score_error", label="Error of the score", options=words, value=first)]


def _held(found: LagProfile, furthest: int) -> Chart:
    """Return the picture over all lags that the slider reaches; those not looked at have no mark."""
    frame = found.chart.frame.set_index("lag").reindex(range(furthest + 1)).rename_axis("lag")
    return replace(found.chart, frame=frame.reset_index())


def curve_explorer(panel: LinkedPanel, *, curve: Curve = "spline", knots: int = 4) -> Explorer:
    """Return choices of the curve and of the score's error and a slider for knots, above the curve.

    Each move calls :func:`cemlab.linkage.shape_of_returns`: a bend that only one number of knots shows is no
    bend to act on.

    Parameters
    ----------
    panel
        From :func:`cemlab.linkage.linked_panel`.
    curve, knots
        Where the controls begin.

    Returns
    -------
    Explorer
        With the controls ``curve``, ``knots`` (of a spline) and, where the panel has halves,
        ``score_error``; a spline whose error is to be taken out is refused in words below the picture.

    Raises
    ------
    OptionError
        If a control cannot begin there.
    DesignError
        If the panel allows no such curve.
    """
    controls = [
        choice("curve", label="Curve", options=get_args(Curve), value=curve),
        slider("knots", label="Knots of the spline", low=3, high=7, step=1, value=knots),
        *_score_errors(panel, None if panel.halves is None else "left in"),
    ]

    def show(curve: str, knots: int, score_error: str = "left in") -> tuple[Chart, str]:
        found = shape_of_returns(
            panel, curve=cast(Curve, curve), knots=knots, score_error=cast(ScoreError, score_error)
        )
        return found.chart, found.narrative()

    return Explorer(controls=controls, show=show)
