"""The regression of one rung as columns: score and outcome, and all that stands beside the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError, OptionError, one_of
from cemlab.linkage.linked_panel import LinkedPanel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rung = Literal["pooled", "controlled", "within"]

#: What each rung holds fixed, in words.
HELD: dict[Rung, str] = {
    "pooled": "nothing else held fixed",
    "controlled": "the recorded controls held fixed",
    "within": "each unit compared with itself, less what all share in a period",
}
# part of a column's length below which it is rounding: it depends on the columns before it
_SAME = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class RungColumns:
    """Columns, each multiplied by the root of the weights; in the rung "within" less the units' means.

    Parameters
    ----------
    outcome, score
        (m).
    others
        (m, k) what stands beside the score: a constant, controls, or periods.
    basis
        (m, k) orthonormal columns that span `others`.
    controls
        Where each control stands among `others`.
    absorbed
        Levels of units taken out.
    """

    outcome: Floats
    score: Floats
    others: Floats
    basis: Floats
    controls: dict[str, int]
    absorbed: int

    @property
    def df(self) -> int:
        """Degrees of freedom of the residual."""
        return int(len(self.outcome) - self.others.shape[1] - 1 - self.absorbed)

    def rest(self, values: Floats) -> Floats:
        """Return what is left of values (m) or (m, j) beside the others."""
        once = values - self.basis @ (self.basis.T @ values)
        # a second time brings the last digits back
        return np.asarray(once - self.basis @ (self.basis.T @ once))


@dataclass(frozen=True, eq=False, kw_only=True)
class Slope:
    """The slope of a rung.

    Parameters
    ----------
    estimate, classical_error, clustered_error
        Slope and its errors [unit of the outcome per unit of the score].
    score, residual
        (m) what is left of the score beside the others, and of the outcome beside both.
    df
        Degrees of freedom of the residual.
    clusters
        How many there are.
    """

    estimate: float
    classical_error: float
    clustered_error: float
    score: Floats
    residual: Floats
    df: int
    clusters: int


def check_rung(rung: str) -> None:
    """Refuse a rung that is none of the three."""
    if rung not in get_args(Rung):
        raise OptionError(one_of(rung, get_args(Rung), what="rung"))


def rung_columns(panel: LinkedPanel, *, rung: Rung) -> RungColumns:
    """Return the regression of a rung as columns.

    Parameters
    ----------
    panel
        As read.
    rung
        "pooled" (score alone), "controlled" (beside the controls) or "within" (units and periods with levels
        of their own, beside the controls).

    Raises
    ------
    OptionError
        If there is no such rung.
    DesignError
        If controls depend on each other, nothing of the score is left, or too few rows.

    Examples
    --------
    >>> linked = LinkedPanel(units=("a", "b"), periods=(1, 2, 3), unit=np.repeat([0, 1], 3),
    ...                      period=np.tile([0, 1, 2], 2), outcome=np.arange(6.0),
    ...                      score=np.array([0, 1, 0, 1, 0, 2.0]), halves=None, controls=np.empty((6, 0)),
    ...                      control_names=(), weights=np.ones(6), cluster=np.repeat([0, 1], 3),
    ...                      outcome_name="profit", score_name="cx", outcome_unit="EUR", n_given=6)
    >>> columns = rung_columns(linked, rung="within")
    >>> columns.others.shape, columns.absorbed, columns.df
    ((6, 2), 2, 1)
    """
    check_rung(rung)
    root = np.sqrt(panel.weights)
    controls = panel.controls if rung != "pooled" else panel.controls[:, :0]
    names = panel.control_names if rung != "pooled" else ()
    if rung == "within":
        periods = (panel.period[:, None] == np.arange(1, len(panel.periods))).astype(float)
        beside = np.column_stack([controls, periods])
        stack = less_means(np.column_stack([panel.outcome, panel.score, beside]), panel.unit, panel.weights)
        absorbed = len(panel.units)
    else:
        beside = np.column_stack([controls, np.ones(len(root))])
        stack = np.column_stack([panel.outcome, panel.score, beside])
        absorbed = 0
    stack = stack * root[:, None]
    kept, basis = _spanned(stack[:, 2:], names=names, rung=rung)
    found = RungColumns(
        outcome=stack[:, 0],
        score=stack[:, 1],
        others=stack[:, 2:][:, kept],
        basis=basis,
        controls={name: number for number, name in enumerate(names)},
        absorbed=absorbed,
    )
    if found.df < 1:
        raise DesignError(
            f"{len(root):,} rows are too few for {found.others.shape[1] + 1} columns and {absorbed} units"
        )
    return found


def slope_of(columns: RungColumns, *, cluster: Ints) -> Slope:
    """Return the slope of a rung with its classical and its clustered error.

    Parameters
    ----------
    columns
        From :func:`rung_columns`.
    cluster
        (m) numbers from 0.

    Raises
    ------
    DesignError
        If nothing of the score is left beside the others, the outcome is explained to the last bit, or there
        is one cluster.

    Notes
    -----
    Clustered errors are those of Liang & Zeger (1986) times G / (G − 1) · (m − 1) / (m − k); units taken out
    are not counted among the k, as they lie within the clusters, but for their common level.
    """
    x, y = columns.rest(columns.score), columns.rest(columns.outcome)
    spread = float(x @ x)
    if not spread > _SAME**2 * float(columns.score @ columns.score):
        raise DesignError("nothing of the score is left beside the others; it does not vary on its own")
    estimate = float(x @ y) / spread
    residual = y - estimate * x
    left = float(residual @ residual)
    if not left > _SAME**2 * float(columns.outcome @ columns.outcome):
        raise DesignError(
            "the outcome is a sum of the other columns to the last bit; nothing is left to explain"
        )
    groups = int(cluster.max()) + 1
    if groups < 2:
        raise DesignError("all rows are in one cluster; errors by cluster need two and should have 40")
    m, k = len(x), columns.others.shape[1] + 1 + (columns.absorbed > 0)
    sums = np.bincount(cluster, weights=x * residual, minlength=groups)
    meat = float(sums @ sums) * groups / (groups - 1) * (m - 1) / (m - k)
    return Slope(
        estimate=estimate,
        classical_error=float(np.sqrt(left / columns.df / spread)),
        clustered_error=float(np.sqrt(meat) / spread),
        score=x,
        residual=residual,
        df=columns.df,
        clusters=groups,
    )


def less_means(values: Floats, group: Ints, weights: Floats) -> Floats:
    """Return values (m, k) less the weighted means of their groups."""
    total = np.bincount(group, weights=weights)
    sums = np.column_stack([np.bincount(group, weights=weights * column) for column in values.T])
    left = values - (sums / total[:, None])[group]
    # what is constant within groups is nought, and not its rounding
    rounding = np.linalg.norm(left, axis=0) <= _SAME * np.linalg.norm(values, axis=0)
    return np.asarray(np.where(rounding, 0.0, left))


def _spanned(beside: Floats, *, names: tuple[str, ...], rung: Rung) -> tuple[Ints, Floats]:
    """Return which columns are no sums of those before them, and an orthonormal basis of them.

    A control that is one is refused by name; a period that is one says nothing that is not said.
    """
    if not beside.shape[1]:
        return np.empty(0, dtype=np.int64), beside
    size = np.linalg.norm(beside, axis=0)
    scaled = beside / np.where(size > 0, size, 1.0)
    # the constant or the periods first, so that a control that repeats them is what is found out
    order = np.concatenate([np.arange(len(names), beside.shape[1]), np.arange(len(names))])
    kept: list[int] = []
    triangle = np.abs(np.diag(np.linalg.qr(scaled[:, order], mode="r")))
    for place, column in enumerate(order):
        if triangle[place] > _SAME:
            kept.append(int(column))
        elif column < len(names):
            raise DesignError(
                f"control {names[column]!r} is a sum of other columns in the rung {rung!r} (constant within "
                "units, or the same in all units of a period, say); leave it out"
            )
    picked = np.array(sorted(kept), dtype=np.int64)
    q = np.linalg.qr(scaled[:, picked])[0]
    return picked, q
