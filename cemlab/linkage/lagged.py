"""A panel with the score of earlier periods beside each row."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError, OptionError
from cemlab.linkage.linked_panel import LinkedPanel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FEWEST = 3  # units: from fewer no spread between them can be told


@dataclass(frozen=True, eq=False, kw_only=True)
class LaggedPanel:
    """Rows of which the score is known in the period and in each of those before.

    Parameters
    ----------
    panel
        These rows alone, their units, periods and clusters numbered anew.
    scores
        (m, 1 + lags) the score of the period, of the one before, and so on.
    first, second
        (m, 1 + lags) the same of both halves; None without halves.
    names
        (1 + lags).
    clusters
        The number that each cluster had before.
    """

    panel: LinkedPanel
    scores: Floats
    first: Floats | None
    second: Floats | None
    names: tuple[str, ...]
    clusters: Ints


def lagged(panel: LinkedPanel, lags: int) -> LaggedPanel:
    """Return the rows whose score is known in this and all of the periods before that lags reach.

    Raises
    ------
    OptionError
        If `lags` is no whole number from 1.
    DesignError
        If lags are longer than the panel, or leave too little of it.
    """
    check_lags(panel, lags)
    place = _rows_before(panel, lags)
    known: npt.NDArray[np.bool_] = np.asarray((place >= 0).all(axis=1))
    place = place[known]
    kept = _rows(panel, known)
    if len(kept[0].units) < _FEWEST or len(kept[0].periods) < 2:
        raise DesignError(
            f"a lag of {lags} leaves {len(kept[0].units)} {panel.unit_name}s with the score known in all of "
            f"the {panel.time_name}s before; take a shorter lag, or fill the gaps"
        )
    return LaggedPanel(
        panel=kept[0],
        scores=panel.score[place],
        first=None if panel.halves is None else panel.halves[:, 0][place],
        second=None if panel.halves is None else panel.halves[:, 1][place],
        names=tuple(panel.score_name + (f", {j} before" if j else "") for j in range(lags + 1)),
        clusters=kept[1],
    )


def check_lags_option(lags: int) -> None:
    """Refuse lags that are no whole number from 1.

    Raises
    ------
    OptionError
        If they are not.
    """
    if isinstance(lags, bool) or not isinstance(lags, int | np.integer) or lags < 1:
        raise OptionError(f"lags is {lags!r}; allowed: a whole number from 1, e.g. 3")


def check_lags(panel: LinkedPanel, lags: int) -> None:
    """Refuse lags that are no whole number from 1, or longer than the panel.

    Raises
    ------
    OptionError
        If `lags` is no whole number from 1.
    DesignError
        If fewer than two periods are left.
    """
    check_lags_option(lags)
    periods = len(panel.periods)
    if lags >= periods:
        raise DesignError(
            f"a lag of {lags} {panel.time_name}s is longer than the panel of {periods}; take fewer lags"
        )
    if lags > periods - 2:
        raise DesignError(
            f"a lag of {lags} {panel.time_name}s leaves one of the panel's {periods}; take fewer lags"
        )


def _rows_before(panel: LinkedPanel, lags: int) -> Ints:
    """Return (m, 1 + lags) the row of the same unit so many periods before, −1 where there is none."""
    width = len(panel.periods) + lags
    # units lie apart by more than any lag, so that none reaches into another
    key = panel.unit * width + panel.period + lags
    wanted = key[:, None] - np.arange(lags + 1)
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    return np.where(key[place] == wanted, place, -1)


def _rows(panel: LinkedPanel, kept: npt.NDArray[np.bool_]) -> tuple[LinkedPanel, Ints]:
    """Return a panel of these rows, numbered anew, and the numbers that clusters had."""
    units, unit = np.unique(panel.unit[kept], return_inverse=True)
    clusters, cluster = np.unique(panel.cluster[kept], return_inverse=True)
    low, high = (int(panel.period[kept].min()), int(panel.period[kept].max())) if kept.any() else (0, -1)
    part = replace(
        panel,
        units=tuple(panel.units[i] for i in units),
        periods=panel.periods[low : high + 1],
        unit=unit.astype(np.int64),
        period=panel.period[kept] - low,
        cluster=cluster.astype(np.int64),
        outcome=panel.outcome[kept],
        score=panel.score[kept],
        halves=None if panel.halves is None else panel.halves[kept],
        controls=panel.controls[kept],
        weights=panel.weights[kept],
        instruments=None if panel.instruments is None else panel.instruments[kept],
    )
    return part, clusters.astype(np.int64)
