"""Group-time effects by the saturated event study of pyfixest (Sun & Abraham 2021); writes the stored values.

Run by hand from this folder: python group_time.py. Its first fit takes long, so the tests read what it wrote.
"""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyfixest

HERE = Path(__file__).parent

rng = np.random.default_rng(20261)
first = np.repeat([4, 6, 7, 0], [4, 3, 2, 6])
rows = [(unit, time, group) for unit, group in enumerate(first) for time in range(1, 9)]
panel = pd.DataFrame(rows, columns=["unit", "time", "first"])
panel["y"] = np.round(rng.normal(size=len(panel)) + panel["unit"] % 4 + 0.3 * panel["time"], 3)
panel.to_csv(HERE / "group_time.csv", index=False)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    fit = pyfixest.event_study(
        panel, yname="y", idname="unit", tname="time", gname="first", estimator="saturated"
    )
found = []
for name, value in fit.coef().items():
    since, group = re.fullmatch(r"rel_time::(-?\d+)\.0:first_treated_period::(\d+)", name).groups()
    found.append({"group": int(group), "event_time": int(since), "estimate": float(value)})
stored = {"pyfixest": pyfixest.__version__, "effects": found}
(HERE / "group_time.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
