"""What a response is worth, what treating costs, how much may be spent: the policy ladder and the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from cemlab.chart import Chart
from cemlab.data.campaign_cells import Population
from cemlab.markup import label
from cemlab.present.widgets.controls import Control, choice, slider
from cemlab.present.widgets.explorer import Explorer
from cemlab.segmentation.policies import policy_values
from cemlab.segmentation.strategies import strategies
from cemlab.segmentation.uplift import Uplift

_STEPS = 40  # of a slider for money


def strategy_explorer(
    uplift: Uplift,
    population: Population,
    *,
    margins: Mapping[str, float],
    costs: Mapping[str, float],
    segments: Sequence[Sequence[str]] | None = None,
    budget: float | None = None,
    unit: str = "",
) -> Explorer:
    """Return sliders for prices, budget and segments, above the policy ladder and the plan.

    Each move calls :func:`cemlab.segmentation.policy_values` for the picture and
    :func:`cemlab.segmentation.strategies` for the plan under it: its customers, its cost and the price of the
    budget. Effects are never fitted again, and both work on cells, so that a move takes as long for a million
    customers as for a thousand. What a plan on a budget earns takes longer to tell: give the budget to
    :func:`cemlab.segmentation.policy_values`.

    Parameters
    ----------
    uplift, population, margins, costs
        As for :func:`cemlab.segmentation.strategies`; margins and costs are where the sliders begin, and each
        can be moved from nothing to twice that.
    segments
        Lists of features to choose from; the values of each, combined, are the segments. Without any, each
        feature of the campaigns on its own.
    budget
        The largest budget to choose; without one, what it would cost to treat everybody with the dearest.
    unit
        Currency, as the reader sees it.

    Returns
    -------
    Explorer
        With the controls ``"margin: …"`` and ``"cost: …"`` for each strategy, ``budget`` and ``segments``.
    """
    lists = [(name,) for name in uplift.design.levels] if segments is None else list(segments)
    words = {_segments(names, population): tuple(names) for names in lists}
    most = float(budget) if budget is not None else max(costs.values()) * population.n_customers
    controls = [
        *(_money(f"margin: {name}", value, unit) for name, value in margins.items()),
        *(_money(f"cost: {name}", value, unit) for name, value in costs.items()),
        slider("budget", label="Budget", low=0, high=most, step=most / _STEPS, value=most, unit=unit),
        choice("segments", label="Segments", options=list(words), value=next(iter(words))),
    ]
    order: list[str] = []

    def show(**values: float | str) -> tuple[Chart, str]:
        margin, cost = (
            {name: float(values[f"{what}: {name}"]) for name in margins} for what in ("margin", "cost")
        )
        names = words[str(values["segments"])]
        ladder = policy_values(uplift, population, margins=margin, costs=cost, segments=names, currency=unit)
        plan = strategies(uplift, population, margins=margin, costs=cost, budget=float(values["budget"]))
        chart = ladder.chart
        order.extend(name for name in chart.frame["rule"] if name not in order)
        # rules keep their places, so that the eye can follow a move
        frame = chart.frame.sort_values("rule", key=lambda rules: rules.map(order.index), ignore_index=True)
        return replace(chart, frame=frame), f"{ladder.narrative()} The plan: {plan.narrative()}"

    return Explorer(controls=controls, show=show)


def _money(name: str, value: float, unit: str) -> Control:
    high = 2 * value if value > 0 else 1.0
    return slider(name, label=name.capitalize(), low=0, high=high, step=high / _STEPS, value=value, unit=unit)


def _segments(names: Sequence[str], population: Population) -> str:
    """Name a list of features by what they are and how many segments they make."""
    table: pd.DataFrame = population.table[population.table["n_customers"] > 0]
    return f"{' × '.join(map(label, names))}: {len(table[list(names)].drop_duplicates())} segments"
