"""What a kept customer is worth, what an offer costs, how many the team can serve: who should get one."""

from __future__ import annotations

import math
from dataclasses import replace

from cemlab.chart import Chart
from cemlab.present.widgets.controls import slider
from cemlab.present.widgets.explorer import Explorer
from cemlab.saves.policies import SavePolicies, save_policies
from cemlab.saves.uplift import SaveUplift
from cemlab.saves.valuing import price_of

_STEPS = 40  # of a slider


def save_explorer(
    uplift: SaveUplift,
    *,
    margin: float,
    cost: float | None = None,
    capacity: int | None = None,
    budget: float | None = None,
    considered: int | None = None,
    unit: str = "",
) -> Explorer:
    """Return sliders for margin, cost, capacity and budget, above what the rules for save offers earn.

    Each move calls :func:`cemlab.saves.save_policies`. Effects are never fitted again, and rules are valued
    on cells, so that a move takes as long for a million customers as for a thousand.

    Parameters
    ----------
    uplift, cost, considered
        As for :func:`cemlab.saves.save_policies`.
    margin
        Worth of a customer kept [currency], one for all. It and the cost are where their sliders begin, and
        each can be moved from nothing to twice that.
    capacity, budget
        Where these sliders begin: customers that the team can serve, and money for offers; by default all
        that could be needed, which is no limit.
    unit
        Currency, as the reader sees it.

    Returns
    -------
    Explorer
        With the controls ``margin``, ``cost``, ``capacity`` and ``budget``.

    Raises
    ------
    OptionError
        If an amount is none, or a slider cannot begin there.
    """
    # refuses what is no amount, and knows what an offer cost in the trial and how many were considered
    first = save_policies(uplift, margin=margin, cost=cost, considered=considered)
    size = first.considered
    each = price_of(uplift.cells, uplift.trial.offer, "cost=…") if cost is None else cost
    highest = {name: 2 * value if value > 0 else 1.0 for name, value in (("margin", margin), ("cost", each))}
    step = max(1, size // _STEPS)
    team = step * math.ceil(size / step)
    most = highest["cost"] * size
    controls = [
        slider(
            "margin",
            label="Worth of a customer kept",
            low=0,
            high=highest["margin"],
            step=highest["margin"] / _STEPS,
            value=margin,
            unit=unit,
        ),
        slider(
            "cost",
            label="Cost of an offer",
            low=0,
            high=highest["cost"],
            step=highest["cost"] / _STEPS,
            value=each,
            unit=unit,
        ),
        slider(
            "capacity",
            label="Team can serve",
            low=0,
            high=team,
            step=step,
            value=team if capacity is None else capacity,
            unit="customers",
        ),
        slider(
            "budget",
            label="Budget",
            low=0,
            high=most,
            step=most / _STEPS,
            value=most if budget is None else budget,
            unit=unit,
        ),
    ]

    def show(margin: float, cost: float, capacity: int, budget: float) -> tuple[Chart, str]:
        found = save_policies(
            uplift,
            margin=margin,
            cost=cost,
            capacity=capacity,
            budget=budget,
            considered=considered,
            currency=unit,
        )
        return _ladder(found), found.narrative()

    return Explorer(controls=controls, show=show)


def _ladder(found: SavePolicies) -> Chart:
    """Return the values of the rules as a forest; they keep their places, so that the eye can follow."""
    return replace(
        found.chart,
        kind="forest",
        frame=found.of("value"),
        x="estimate",
        y="rule",
        group=None,
        x_label=found.money_label,
        y_label="Offers",
        reference=0.0,
    )
