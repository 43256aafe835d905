"""The periods of a roll-out and the one in which each unit begins to be treated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.panel_columns import Kind, time_zone
from cemlab.errors import DataError, DesignError
from cemlab.markup import join_words, label

if TYPE_CHECKING:
    Ints = npt.NDArray[np.int64]


def require_one_zone(frame: pd.DataFrame, time: str, first_treated: str) -> None:
    """Refuse a period and a first treated one in different time zones: midnight here is another day there.

    Raises
    ------
    DataError
        With the zones.
    """
    zones = {name: time_zone(frame[name]) for name in (time, first_treated) if frame[name].notna().any()}
    if len(set(zones.values())) > 1 and None not in zones.values():
        told = join_words([f"{name!r} {zone or 'without one'}" for name, zone in zones.items()])
        raise DataError(
            f"panel: periods and first treated ones are of different time zones ({told}), so that a period's "
            "beginning may fall into another; write both in one"
        )


def first_periods(
    began: pd.Series[Any], kind: Kind, periods: pd.Index[Any], periods_kind: Kind, column: str
) -> Ints:
    """Return the number of the first period at or after each unit's beginning; their count for never.

    Raises
    ------
    DataError
        If dates and numbers are mixed, or 0 may mean never as well as a period.
    """
    never = began.isna().to_numpy()
    if never.all():
        return np.full(len(began), len(periods), dtype=np.int64)
    if kind != periods_kind:
        raise DataError(
            f"panel, column {column!r}: it holds {kind}, the periods are {periods_kind}; "
            "write both in one way"
        )
    values = began.to_numpy()
    if kind == "whole numbers":
        if (values == 0).any() and periods[0] <= 0:
            raise DataError(
                f"panel, column {column!r}: 0 stands for never treated, but the periods begin at "
                f"{label(periods[0])}; leave it empty for units never treated, or number the periods from 1"
            )
        never |= values == 0
    place = np.searchsorted(periods.to_numpy(), np.where(never, periods.to_numpy()[0], values), side="left")
    return np.where(never, len(periods), place).astype(np.int64)


def switched_on(treated: pd.DataFrame, unit: str, column: str) -> Ints:
    """Return the number of the first treated period of each unit from its row of 0 and 1, (units, periods).

    Raises
    ------
    DesignError
        If a treatment switches off, with the first unit's name and period.
    """
    flags: npt.NDArray[np.bool_] = np.asarray(treated.to_numpy(dtype=float) > 0)
    off = flags[:, :-1] & ~flags[:, 1:]
    if off.any():
        rows = np.flatnonzero(off.any(axis=1))
        row = int(rows[0])
        period = treated.columns[int(np.flatnonzero(off[row])[0]) + 1]
        others = f", and so do {len(rows) - 1:,} others" if len(rows) > 1 else ""
        raise DesignError(
            f"panel, column {column!r}: the treatment of {unit} {label(treated.index[row])} switches off in "
            f"{label(period)}{others}; who is treated once must stay treated. "
            "End the panel before, or leave them out"
        )
    place: Ints = np.where(flags.any(axis=1), flags.argmax(axis=1), flags.shape[1]).astype(np.int64)
    return place
