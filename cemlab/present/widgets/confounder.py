"""What is left of a slope beside what nobody recorded, as strong as the reader sets it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.linkage.omitted_result import OmittedConfounder
from cemlab.markup import number, percent, with_interval
from cemlab.present.widgets.controls import slider
from cemlab.present.widgets.explorer import Explorer
from cemlab.stats.robustness_value import times_as_strong

_STRONGEST = 0.9  # share that a confounder of one's own may explain
_CHOSEN = "explains what is set"
_TIMES = ", times set"  # behind the name of a recorded variable


def confounder_explorer(found: OmittedConfounder, *, times: float = 1.0, most: float = 10.0) -> Explorer:
    """Return sliders for how strong an unrecorded confounder is, above the slope that is left beside it.

    One row a recorded variable: the slope beside a confounder so many times as strong as that. The last row
    is a confounder that explains the shares set. Each move is algebra on what
    :func:`cemlab.linkage.omitted_confounder` found (:meth:`cemlab.linkage.OmittedConfounder.slopes`).

    Parameters
    ----------
    found
        From :func:`cemlab.linkage.omitted_confounder`.
    times
        Where the slider of the multiple begins.
    most
        Where it ends.

    Returns
    -------
    Explorer
        With the controls ``times`` [times as strong as each recorded variable; only where there is one],
        ``r2_score`` and ``r2_outcome`` [shares of what is left of score and outcome].

    Raises
    ------
    OptionError
        If the slider cannot begin there.
    """
    shares = ("r2_score", f"of the rest of {found.score}"), ("r2_outcome", f"of the rest of {found.outcome}")
    equal = round(min(_STRONGEST, float(found.robustness["rv_interval"].iloc[0])), 2)
    controls = [
        slider(
            name, label=f"One explains {what}", low=0.0, high=_STRONGEST, step=0.01, value=equal, percent=True
        )
        for name, what in shares
    ]
    if len(found.benchmarks):
        label = "Times as strong as what is recorded"
        many = slider("times", label=label, low=0.0, high=most, step=0.25, value=times, unit="times")
        controls.insert(0, many)

    def show(r2_score: float, r2_outcome: float, times: float = 1.0) -> tuple[Chart, str]:
        frame = _beside(found, times, r2_score, r2_outcome)
        chart = replace(
            found.chart, frame=frame, y_label="Unrecorded confounder", claim=_left(found, frame, times)
        )
        return chart, _confounded(found, frame, times)

    return Explorer(controls=controls, show=show)


def _beside(found: OmittedConfounder, times: float, r2_score: float, r2_outcome: float) -> pd.DataFrame:
    """Return the slope with none, beside one as each recorded variable, and beside one as set."""
    columns = ["confounder", "estimate", "conf_low", "conf_high", "r2_score", "r2_outcome"]
    none = found.table.loc[found.table["confounder"] == "none", columns]
    names, strengths = [], []
    for row in found.benchmarks.to_dict("records"):
        pair = times_as_strong(times, r2_score=float(row["r2_score"]), r2_outcome=float(row["r2_outcome"]))
        names.append(f"{row['confounder']}{_TIMES}")
        strengths.append([float(share) for share in pair])
    names.append(_CHOSEN)
    strengths.append([r2_score, r2_outcome])
    both = np.array(strengths)
    possible = np.isfinite(both).all(axis=1)
    rows = found.slopes(*(np.where(possible, share, 0.0).tolist() for share in both.T))
    rows.loc[~possible] = np.nan
    return pd.concat([none, rows.assign(confounder=names)[columns]], ignore_index=True)


def _holds(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return of which rows the interval stays on the side of the slope that was found."""
    side = np.sign(frame["estimate"].iloc[0])
    held: npt.NDArray[np.bool_] = (side * frame[["conf_low", "conf_high"]].to_numpy() > 0).all(axis=1)
    return held


def _left(found: OmittedConfounder, frame: pd.DataFrame, times: float) -> str:
    recorded, holds = frame.iloc[1:-1], _holds(frame)[1:-1]
    if not len(recorded):
        left = number(frame["estimate"].iloc[-1])
        return f"Beside such a confounder {left} is left of the slope on {found.score}"
    weak = recorded[~holds & recorded["estimate"].notna()]
    if len(weak):
        name = weak["confounder"].iloc[0].removesuffix(_TIMES)
        return f"One {number(times)} times as strong as {name} would bring the interval to nought"
    none = recorded.loc[recorded["estimate"].isna(), "confounder"]
    if len(none):
        name = none.iloc[0].removesuffix(_TIMES)
        return f"Nothing can be {number(times)} times as strong as {name}"
    return f"The slope holds against {number(times)} times what any recorded variable explains"


def _confounded(found: OmittedConfounder, frame: pd.DataFrame, times: float) -> str:
    chosen, none = frame.iloc[-1], frame.iloc[0]
    told = (
        f"Without a confounder the slope of {found.outcome} on {found.score} is {with_interval(none)}. "
        f"Beside one that explains {percent(chosen['r2_score'])} of what is left of the score and "
        f"{percent(chosen['r2_outcome'])} of what is left of the outcome, {with_interval(chosen)} is left."
    )
    recorded = frame.iloc[1:-1].dropna(subset=["estimate"])
    if len(recorded):
        side = np.sign(none["estimate"])
        least = recorded.loc[(side * recorded["estimate"]).idxmin()]
        told += (
            f" Of those {number(times)} times as strong as a recorded variable, one like "
            f"{least['confounder'].removesuffix(_TIMES)} leaves least: {number(least['estimate'])}."
        )
    return f"{told} How strong one is, nobody can tell from these data."
