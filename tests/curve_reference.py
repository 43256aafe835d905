"""R's values of survival curves and their data sets, for several test modules."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

_HERE = Path(__file__).parent / "reference"
SETS = ("lung", "veteran", "continuous", "tied", "late", "late_tied", "late_weekly")
LATE = tuple(name for name in SETS if name.startswith("late"))
START = tuple(name for name in SETS if name not in LATE)


def values(name: str) -> dict:
    """Return what R computed from one data set, lists as arrays; missing as NaN."""
    found = json.loads((_HERE / "survival_curves.json").read_text())[name]
    return _arrays(found)


def _arrays(found):
    if isinstance(found, dict):
        return {key: _arrays(value) for key, value in found.items()}
    return np.array(found, dtype=float)


def spells(name: str) -> dict[str, np.ndarray]:
    """Return one data set as counted cells: entry, duration, cause, group, stratum, n."""
    frame = pd.read_csv(_HERE / "survival_curves.csv", float_precision="round_trip")
    frame = frame[frame["set"] == name].drop(columns="set")
    cells = frame.groupby(list(frame.columns)).size().reset_index(name="n")
    whole = {"cause": int, "group": int, "stratum": int}
    return {key: cells[key].to_numpy(dtype=whole.get(key)) for key in cells}
