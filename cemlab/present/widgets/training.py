"""How many branches find which effect; and what the estimates become if training acts before its date."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.markup import number, percent
from cemlab.present.widgets.controls import choice, slider
from cemlab.present.widgets.explorer import Explorer
from cemlab.training.aggregates import AveragedEffects
from cemlab.training.effects import group_time_effects
from cemlab.training.study_plan import StudyPlan

if TYPE_CHECKING:
    from cemlab.training.roll_out import RollOut

_STEPS = 40  # of a slider


def plan_explorer(plan: StudyPlan, *, branches: int = 20, effect: float | None = None) -> Explorer:
    """Return sliders for branches, effect and share trained, above the chance that a study finds it.

    Each move calls :meth:`cemlab.training.StudyPlan.power_of`. Nothing is simulated again.

    Parameters
    ----------
    plan
        From :func:`cemlab.training.plan_study`; a bar for each of its lengths.
    branches
        Where the slider of branches begins.
    effect
        Where the slider of the effect begins [unit of the outcome, per share of the staff trained]; the
        plan's own if not given.

    Returns
    -------
    Explorer
        With the controls ``branches``, ``effect`` and ``trained`` (mean share of the staff trained).

    Raises
    ------
    DesignError
        If neither the plan nor the call says which effect is hoped for, or it is not above 0.
    OptionError
        If a slider cannot begin there.
    """
    hoped = plan.effect if effect is None else effect
    if hoped is None or not hoped > 0:
        raise DesignError(f"effect is {hoped!r}; say which change is hoped for, above 0, e.g. effect=0.2")
    most = max(60, branches, int(plan.table["branches"].max()))
    controls = [
        slider("branches", label="Branches in the study", low=4, high=most, step=1, value=branches),
        slider(
            "effect",
            label="Change hoped for",
            low=0.0,
            high=3 * hoped,
            step=3 * hoped / _STEPS,
            value=hoped,
            unit=plan.outcome,
        ),
        slider(
            "trained",
            label="Staff trained, mean of the months",
            low=0.1,
            high=1.0,
            step=0.05,
            value=float(np.clip(round(20 * plan.dose.mean()) / 20, 0.1, 1.0)),
            percent=True,
        ),
    ]
    lengths = sorted(int(m) for m in plan.table["months"].unique())
    wide = _spread_of(plan)

    def show(branches: int, effect: float, trained: float) -> tuple[Chart, str]:
        rows = []
        for months in lengths:
            # a variance as far off as its interval says changes the chance as another effect would
            chances = [
                plan.power_of(branches=branches, months=months, effect=effect / by, trained_share=trained)
                for by in (1.0, wide[1], wide[0])
            ]
            rows.append((f"{months} months before and after", *chances))
        frame = pd.DataFrame(rows, columns=["length", "chance", "low", "high"])
        return _chances(plan, frame, branches, effect), _told(plan, frame, branches, effect, trained)

    return Explorer(controls=controls, show=show)


def _spread_of(plan: StudyPlan) -> tuple[float, float]:
    """Return the interval of the standard deviation as multiples of it: the same for all sizes."""
    known = plan.table[np.isfinite(plan.table["estimate"]) & (plan.table["estimate"] > 0)]
    if known.empty:
        raise DesignError("no size of the plan can find anything; plan for more branches first")
    row = known.iloc[0]
    return float(row["conf_low"] / row["estimate"]), float(row["conf_high"] / row["estimate"])


def _chances(plan: StudyPlan, frame: pd.DataFrame, branches: int, effect: float) -> Chart:
    best = frame.iloc[int(frame["chance"].argmax())]
    return Chart(
        kind="bar",
        frame=frame,
        x="length",
        y="chance",
        low="low",
        high="high",
        x_label="Length of the study",
        y_label="Chance that the study finds it",
        claim=(
            f"{branches} branches find a change of {number(effect)} with a chance of "
            f"{percent(best['chance'], digits=0)} in {best['length'].split()[0]} months"
        ),
        grade=plan.evidence.grade,
        note=f"Line: the chance asked for. {plan.caption}",
        percent=True,
        reference=plan.power,
    )


def _told(plan: StudyPlan, frame: pd.DataFrame, branches: int, effect: float, trained: float) -> str:
    enough = frame[frame["chance"] >= plan.power]
    lead = (
        f"{enough.iloc[0]['length'].capitalize()} suffice"
        if len(enough)
        else "None of these lengths suffices"
    )
    return (
        f"{lead} for {branches} branches to find a change of {number(effect)} in {plan.outcome} with a "
        f"chance of {percent(plan.power, digits=0)}, if {percent(trained, digits=0)} of the staff are "
        "trained on average. Intervals: how well the months before tell the variance."
    )


def event_explorer(
    roll_out: RollOut, *, anticipation: int = 0, furthest: int = 6, before: int = 12, after: int = 24
) -> Explorer:
    """Return a slider for anticipation and a choice of controls, above the estimates by event time.

    Each move calls :func:`cemlab.training.group_time_effects` on the arrays, so that it takes as long for a
    million customers as for a thousand.

    Parameters
    ----------
    roll_out
        From :func:`cemlab.training.roll_out`.
    anticipation
        Where its slider begins: periods before the treatment in which it may act already.
    furthest
        Where it ends.
    before, after
        Periods shown before and after the first treated one.

    Returns
    -------
    Explorer
        With the controls ``anticipation`` [periods] and ``controls``.

    Raises
    ------
    OptionError
        If the slider cannot begin there.
    DesignError
        If the first values leave no comparison.
    """
    controls = [
        slider(
            "anticipation",
            label="May act earlier by",
            low=0,
            high=furthest,
            step=1,
            value=anticipation,
            unit="periods",
        ),
        choice(
            "controls",
            label="Compared with",
            options=["not yet treated", "never treated"],
            value="not yet treated",
        ),
    ]

    def show(anticipation: int, controls: str) -> tuple[Chart, str]:
        found = group_time_effects(
            roll_out,
            anticipation=anticipation,
            controls="never treated" if controls == "never treated" else "not yet treated",
        ).by_event_time()
        return _held(found, before, after), found.narrative()

    return Explorer(controls=controls, show=show)


def _held(found: AveragedEffects, before: int, after: int) -> Chart:
    """Return the picture over event times that stay while it moves; the period of comparison has no mark."""
    table = found.table.set_index("event_time")
    window = range(max(-before, int(table.index.min())), min(after, int(table.index.max())) + 1)
    columns = ["estimate", "conf_low", "conf_high", "band_low", "band_high"]
    return replace(
        found.chart,
        frame=table[columns].reindex(window).rename_axis("event_time").reset_index(),
    )
