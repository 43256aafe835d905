"""Whether an error left in the score may have bent what is straight."""

from __future__ import annotations

import numpy as np

from cemlab.evidence import Check
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.shape_curves import grid_of
from cemlab.markup import number, percent

SKEWED = "error left in and score skewed"
_NULL = "no error of a skewed score bends what is straight"
# skewness of the measured score up to which error bends a line by little: in 2,880 rows with two fifths
# error, a line is called bent in 3 of 100 panels at 0, in 11 at 0.2, in 17 at 0.33 and in 59 at 0.64
_SKEW = 0.2
# share of the scores' variance within that is no error, from which the rest bends next to nothing
_CLEAN = 0.95


def skew_check(panel: LinkedPanel) -> Check:
    """Return the check on skewed scores, from departures within units and periods."""
    grid = grid_of(panel)
    parts = [panel.score, *(() if panel.halves is None else panel.halves.T)]
    away = grid.within(np.column_stack(parts))
    w = panel.weights / panel.weights.sum()
    products = (away * w[:, None]).T @ away
    own = away[:, 0]
    skew = float(w @ own**3 / products[0, 0] ** 1.5)
    known = panel.halves is not None
    # what both halves share, of the variance of the score itself
    clean = float(products[1, 2] / products[0, 0]) if known else np.nan
    small = abs(skew) <= _SKEW
    detail = f"Skewness within units and periods {number(round(skew, 2))}"
    if known:
        detail += f"; {percent(clean, digits=0)} of that variance is shared by both halves"
    return Check(
        name=SKEWED,
        null=_NULL,
        passed=small or (known and clean >= _CLEAN),
        detail=f"{detail}.",
        remedy="Take the error out by two halves (score_error='taken out', curve='quadratic').",
    )
