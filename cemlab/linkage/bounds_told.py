"""Estimates and bounds side by side, as text: what can be assumed of those who are not seen."""

from __future__ import annotations

import pandas as pd

from cemlab.markup import number


def ways_told(table: pd.DataFrame, *, measure: str) -> pd.DataFrame:
    """Return one row a way: way, the estimate or its bounds under the name of the measure, interval.

    Parameters
    ----------
    table
        way, bounds (whether there are bounds in place of an estimate), estimate, bound_low, bound_high,
        conf_low, conf_high.
    measure
        Column for what is estimated.
    """
    rows = table.to_dict("records")
    return pd.DataFrame(
        {
            "way": [r["way"] for r in rows],
            measure: [
                f"{number(r['bound_low'])} to {number(r['bound_high'])}"
                if r["bounds"]
                else number(r["estimate"])
                for r in rows
            ],
            "interval": [f"{number(r['conf_low'])} to {number(r['conf_high'])}" for r in rows],
        }
    )
