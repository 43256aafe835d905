"""What points of experience gained, and a fee charged, go with in money."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pandas as pd

from cemlab.chart import Chart
from cemlab.linkage.fees import net_of_fees
from cemlab.linkage.fees_result import FeeEffect
from cemlab.linkage.ladder_result import Ladder
from cemlab.linkage.value import PricedPoints, Rung, priced_points
from cemlab.markup import amount
from cemlab.present.widgets.controls import choice, slider
from cemlab.present.widgets.explorer import Explorer

_STEPS = 40  # of a slider
_BRANCHES = 8  # in the picture


def points_explorer(
    ladder: Ladder,
    customers: pd.DataFrame,
    *,
    points: float = 0.5,
    margin: float = 1.0,
    months: int = 12,
    rung: str | None = None,
    most: float = 2.0,
    unit: str = "branch",
    currency: str = "EUR",
) -> Explorer:
    """Return sliders for points, margin and months and a choice of the rung, above money by branch.

    Each move calls :func:`cemlab.linkage.priced_points`; the sentence tells the total.

    Parameters
    ----------
    ladder
        From :func:`cemlab.linkage.value_of_a_point`, its outcome money a customer and month.
    customers
        One row a branch, e.g. from :func:`cemlab.linkage.customers_lately`.
    points, margin, months, rung
        Where the controls begin: points of the score gained, share of the slope that is margin, months that
        they are held, and the rung whose slope is taken; the ladder's end if none is given.
    most
        Where the slider of points ends.
    unit, currency
        As for :func:`cemlab.linkage.priced_points`.

    Returns
    -------
    Explorer
        With the controls ``points``, ``margin`` [share], ``months`` and ``rung``.

    Raises
    ------
    OptionError
        If a control cannot begin there.
    ColumnError, DataError, DesignError
        As :func:`cemlab.linkage.priced_points`.
    """
    controls = [
        slider(
            "points",
            label="Points gained",
            low=0.0,
            high=most,
            step=0.05,
            value=points,
            unit=f"of {ladder.score}",
        ),
        slider(
            "margin",
            label="Of the slope is margin",
            low=0.05,
            high=1.0,
            step=0.05,
            value=margin,
            percent=True,
        ),
        slider("months", label="Held for", low=1, high=60, step=1, value=months, unit="months"),
        choice(
            "rung", label="Slope of the rung", options=list(ladder.rungs), value=rung or str(ladder.end.name)
        ),
    ]
    rungs = {str(name): one for name, one in ladder.rungs.items()}

    def show(points: float, margin: float, months: int, rung: str) -> tuple[Chart, str]:
        found = priced_points(
            cast(Rung, rungs[rung]),
            customers=customers,
            points=points,
            months=months,
            margin=margin,
            unit=unit,
            currency=currency,
            conf_level=ladder.conf_level,
            source=ladder.evidence.source,
        )
        return _branches(found, unit), found.narrative()

    return Explorer(controls=controls, show=show)


def _branches(found: PricedPoints, unit: str) -> Chart:
    """Return a picture of few branches, which can be moved fast, on an axis that keeps its name."""
    chart = found.chart
    left_out = len(found.table) - 1 - _BRANCHES
    rest = f"The {_BRANCHES} with most customers; {left_out} more. " if left_out > 0 else ""
    return replace(
        chart,
        frame=chart.frame.head(_BRANCHES),
        x_label=f"Money that goes with the points [{found.currency} a {unit}]",
        note=f"{rest}{found.caption}",
    )


def fee_explorer(effect: FeeEffect, *, margin: float, months: float = 24.0) -> Explorer:
    """Return sliders for fee, margin and months, above fee income against the margin that leaves.

    Each move calls :func:`cemlab.linkage.net_of_fees`. How many leave stays what the fees charged showed,
    whatever the slider says.

    Parameters
    ----------
    effect
        From :func:`cemlab.linkage.fee_effect`.
    margin
        Where the slider of a customer's margin begins [currency a month].
    months
        Where the slider of the months that a customer who leaves would have stayed begins.

    Returns
    -------
    Explorer
        With the controls ``fee`` [currency, up to twice what was charged], ``margin`` and ``months``.

    Raises
    ------
    OptionError
        If a slider cannot begin there.
    """
    money = effect.currency or "money"
    ends = (
        ("fee", "Fee", effect.fee, money),
        ("margin", "Margin of a customer", margin, f"{money} a month"),
    )
    controls = [
        slider(name, label=label, low=0.0, high=2 * at, step=2 * at / _STEPS, value=at, unit=unit)
        for name, label, at, unit in ends
    ]
    label = "Would have stayed"
    longest = max(120, int(months))
    controls.append(slider("months", label=label, low=1, high=longest, step=1, value=months, unit="months"))

    def show(fee: float, margin: float, months: float) -> tuple[Chart, str]:
        found = net_of_fees(effect, fee=fee, margin=margin, months=months)
        told = found.narrative()
        if fee > effect.fee:
            told += (
                f" Fees charged were {amount(effect.fee)} {money} on average; of a higher one more may leave "
                "than is reckoned here."
            )
        return found.chart, told

    return Explorer(controls=controls, show=show)
