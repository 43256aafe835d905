"""The hazard ratio of leaving by engagement, from person-months counted by the reading before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.errors import DesignError
from cemlab.stats.grouped_hazard import fit_grouped_hazard

#: Leavers a stretch of months needs for a level of its own, and a ratio for its interval.
FEWEST = 10


def log_hazard_ratio(cells: pd.DataFrame, *, per: float = 1.0) -> tuple[float, float]:
    """Return the logarithm of the hazard ratio per so much engagement, and its standard error.

    Parameters
    ----------
    cells
        As :func:`cemlab.data.leaving_months.leaving_months` counts them: role, month, score, n, left.
    per
        Engagement to which the ratio refers, in units of the score.

    Raises
    ------
    DesignError
        If everybody has one score, or the likelihood has no maximum.

    Examples
    --------
    >>> counts = {"score": [0.0, 1.0], "n": [1000, 1000], "left": [200, 106]}
    >>> cells = pd.DataFrame({"role": "x", "month": 1, **counts})
    >>> round(float(np.exp(log_hazard_ratio(cells)[0])), 1)
    0.5
    """
    score = cells["score"].to_numpy()
    centre = float(np.average(score, weights=cells["n"]))
    if float(np.ptp(score)) <= 0:
        raise DesignError("engagement: everybody has the same score; nothing can go with it")
    role = np.unique(cells["role"].to_numpy().astype(str), return_inverse=True)[1]
    role = _merged(role, cells)
    pattern, x = np.unique(np.column_stack([role, score]), axis=0, return_inverse=True)
    stretch = _stretches(cells)
    events = np.zeros((len(pattern), int(stretch.max()) + 1), dtype=np.int64)
    stayed = np.zeros(events.shape)
    np.add.at(events, (x.ravel(), stretch), cells["left"].to_numpy())
    np.add.at(stayed, (x.ravel(), stretch), (cells["n"] - cells["left"]).to_numpy(dtype=float))
    kinds = np.unique(pattern[:, 0])[1:]
    design = np.column_stack([(pattern[:, 1] - centre) / per, *(pattern[:, 0] == kind for kind in kinds)])
    fit = fit_grouped_hazard(events, stayed=stayed, design=design.astype(float))
    j = events.shape[1]
    return float(fit.coefficient[0]), float(np.sqrt(fit.covariance[j, j]))


def _merged(role: npt.NDArray[np.int64], cells: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return roles with those of which nobody left put together with the first of which somebody did."""
    left = np.bincount(role, weights=cells["left"])
    some = np.flatnonzero(left > 0)
    return np.asarray(np.where(left[role] > 0, role, some[0]), dtype=np.int64)


def _stretches(cells: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the number of each cell's stretch of months: as short as ten leavers each allow."""
    months, at = np.unique(cells["month"].to_numpy(), return_inverse=True)
    left = np.bincount(at, weights=cells["left"], minlength=len(months))
    number_of, count, stretch = np.zeros(len(months), dtype=np.int64), 0.0, 0
    for i, here in enumerate(left):
        number_of[i] = stretch
        count += here
        if count >= FEWEST and left[i + 1 :].sum() >= FEWEST:
            count, stretch = 0.0, stretch + 1
    return number_of[at]
