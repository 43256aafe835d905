"""Uplift and Qini curves from counted rows of an experiment with a yes-or-no outcome.

Rows are ranked by a score that did not see them; the curve says what treating the first so many would change.
Ties stand for chance: of rows with one score any share is taken as if drawn at random, so that no order of
the rows moves the curve. Throughout, ``g`` is the number of groups of rows, the last axis of counts is the
arm: 0 untreated, 1 treated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DataError, DesignError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class UpliftCurve:
    """What treating the first so many changes, per row of all.

    Parameters
    ----------
    share
        Share of the rows treated, of shape (q).
    gain
        Change of the share that responds, over all rows, of shape (q): share times the difference of arms.
    gain_error
        Its standard error, of shape (q).
    at_random
        The gain if as many were treated at random, of shape (q).
    qini, qini_error
        Radcliffe's coefficient: area between the Qini curve and the straight line to its end, and its
        standard error.
    area, area_error
        The same of the gain.
    """

    share: Floats
    gain: Floats
    gain_error: Floats
    at_random: Floats
    qini: float
    qini_error: float
    area: float
    area_error: float


def uplift_curve(
    score: Floats,
    n: Floats,
    responses: Floats,
    *,
    share: Floats,
    weight: Floats | None = None,
    draws: int = 300,
    seed: int = 0,
) -> UpliftCurve:
    """Return the uplift and Qini curve of a score, with errors by resampling the rows.

    Parameters
    ----------
    score
        Of each group, the higher the sooner treated, of shape (g).
    n, responses
        Rows and how many of them responded, of shape (g, 2).
    share
        Where the curve is wanted, ascending from 0 to 1, of shape (q).
    weight
        What a row of each group and arm counts as, of shape (g, 2): the inverse of its chance of the arm
        where groups differ in that; by default 1.
    draws
        Resamples of the rows, the score held.
    seed
        For :func:`numpy.random.default_rng`.

    Raises
    ------
    DataError
        If shapes do not match, counts contradict each other, or a weight is not above 0.
    DesignError
        If an arm has no rows.

    References
    ----------
    Radcliffe, N. J. (2007). Using control groups to target on predicted lift: building and assessing uplift
    models. Direct Marketing Analytics Journal 1, 14–21.
    Gutierrez, P. & Gérardy, J.-Y. (2017). Causal inference and uplift modelling: a review of the literature.
    Proceedings of Machine Learning Research 67, 1–13.

    Examples
    --------
    >>> n = np.array([[10.0, 10.0], [10.0, 10.0]])
    >>> curve = uplift_curve(np.array([2.0, 1.0]), n, np.array([[2.0, 6.0], [5.0, 5.0]]),
    ...                      share=np.array([0.0, 0.5, 1.0]))
    >>> curve.gain.round(3), round(curve.qini, 3)
    (array([0. , 0.2, 0.2]), 0.05)
    """
    if n.ndim != 2 or n.shape[1] != 2 or responses.shape != n.shape or score.shape != n.shape[:1]:
        raise DataError(f"score {score.shape}, n {n.shape} and responses {responses.shape} do not match")
    if (n < 0).any() or (responses < 0).any() or (responses > n).any() or not np.isfinite(score).all():
        raise DataError("every score must be a number, and responses lie between 0 and n")
    if (n.sum(axis=0) == 0).any():
        raise DesignError("an arm has no rows, so there is nothing to compare; it takes both arms")
    heavy = np.ones_like(n) if weight is None else weight
    if heavy.shape != n.shape or not (np.isfinite(heavy) & (heavy > 0)).all():
        raise DataError(f"weight {heavy.shape} must be above 0 and of the shape of n, {n.shape}")
    ranks = np.unique(-score, return_inverse=True)[1]
    # groups of one rank are one group, unless their rows count differently
    same, at = np.unique(np.column_stack([ranks, heavy]), axis=0, return_inverse=True)
    outcomes = np.zeros((len(same), 4))  # no in both arms, yes in both arms
    np.add.at(outcomes, at.ravel(), np.hstack([n - responses, responses]))
    total = outcomes.sum()
    drawn = np.random.default_rng(seed).multinomial(int(total), outcomes.ravel() / total, size=draws)
    begins = np.flatnonzero(np.diff(same[:, 0], prepend=-1.0))

    def ranked(counts: Floats) -> Floats:
        counted = counts * np.tile(same[:, 1:], 2)
        both = counted[..., :2] + counted[..., 2:]
        return np.add.reduceat(np.concatenate([both, counted[..., 2:]], axis=-1), begins, axis=-2)

    gain, qini, area = _curves(ranked(outcomes)[None], share)
    gains, qinis, areas = _curves(ranked(drawn.reshape(draws, *outcomes.shape).astype(float)), share)
    return UpliftCurve(
        share=share,
        gain=gain[0],
        gain_error=gains.std(axis=0, ddof=1),
        at_random=share * gain[0][-1],
        qini=float(qini[0]),
        qini_error=float(qinis.std(ddof=1)),
        area=float(area[0]),
        area_error=float(areas.std(ddof=1)),
    )


def _curves(tied: Floats, share: Floats) -> tuple[Floats, Floats, Floats]:
    """Return gains (b, q), Qini coefficients and areas (b) of ranked counts (b, groups, 4)."""
    start = np.zeros((len(tied), 1, 4))
    counted = np.concatenate([start, tied.cumsum(axis=1)], axis=1)
    reached = counted[..., :2].sum(axis=-1)
    reached = reached / reached[:, -1:]
    gain, qini = _gain(counted, reached), _qini(counted)
    at = np.array(
        [
            _gain(_between(counts, x, share)[None], share[None])[0]
            for counts, x in zip(counted, reached, strict=True)
        ]
    )
    area = np.trapezoid(gain, reached, axis=1) - gain[:, -1] / 2
    return at, np.trapezoid(qini, reached, axis=1) - qini[:, -1] / 2, area


def _between(counts: Floats, reached: Floats, share: Floats) -> Floats:
    """Interpolate counts at shares: of tied rows a part is taken at random."""
    return np.column_stack([np.interp(share, reached, counts[:, k]) for k in range(4)])


def _gain(counted: Floats, share: Floats) -> Floats:
    n, yes = counted[..., :2], counted[..., 2:]
    rate = np.divide(yes, n, out=np.zeros_like(yes), where=n > 0)
    known = (n > 0).all(axis=-1)  # with one arm only nothing is known yet
    gain: Floats = np.where(known, share * (rate[..., 1] - rate[..., 0]), 0.0)
    return gain


def _qini(counted: Floats) -> Floats:
    n, yes = counted[..., :2], counted[..., 2:]
    expected = np.divide(
        yes[..., 0] * n[..., 1], n[..., 0], out=np.zeros_like(yes[..., 0]), where=n[..., 0] > 0
    )
    curve: Floats = np.where((n > 0).all(axis=-1), yes[..., 1] - expected, 0.0) / n[:, -1:, 1]
    return curve
