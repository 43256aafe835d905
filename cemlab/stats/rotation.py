"""Rotation of factor loadings, their order and signs, and how alike two sets of loadings are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError
from cemlab.stats.seeds import generator

FloatArray = NDArray[np.float64]
Rotation = Literal["oblimin", "varimax", "none"]
# Value of a criterion and its slope, for loadings of shape (b, p, k).
_Criterion = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

_FLAT = 1e-6  # norm of the projected gradient: loadings are then within about 1e-6 of the best
_STEPS = 2000
_STARTS = 8


class Rotated(NamedTuple):
    """Rotated loadings.

    Attributes
    ----------
    loadings
        Of shape (..., p, k); the pattern matrix where the rotation is oblique.
    between
        Correlations of the factors, of shape (..., k, k).
    converged
        Whether the criterion reached a minimum, of shape (...).
    """

    loadings: FloatArray
    between: FloatArray
    converged: NDArray[np.bool_]


class Congruence(NamedTuple):
    """How alike found factors and planted ones are.

    Attributes
    ----------
    coefficient
        Tucker's coefficient of each planted factor with its partner, of shape (k,), at most 1.
    partner
        Which found factor it is paired with, of shape (k,).
    sign
        1, or -1 where the partner has to be turned round, of shape (k,).
    """

    coefficient: FloatArray
    partner: NDArray[np.int64]
    sign: FloatArray


def rotate(
    loadings: ArrayLike, *, rotation: Rotation, seed: int = 0, axes: FloatArray | None = None
) -> Rotated:
    """Rotate loadings towards few large ones an item.

    Oblimin with gamma 0 (quartimin) lets the factors correlate; varimax, with Kaiser's row normalisation,
    keeps them uncorrelated. Gradient projection (Bernaards & Jennrich 2005) from several starts.

    Parameters
    ----------
    loadings
        Unrotated, of shape (p, k), or a batch of shape (b, p, k).
    rotation
        ``"oblimin"``, ``"varimax"`` or ``"none"``.
    seed
        For the starts, of a single matrix: the given axes and 8 random ones.
    axes
        Of a batch: the axes to start from, of shape (b, k, k); of the given ones if not given.

    Returns
    -------
    Rotated
        Loadings, correlations of the factors, and convergence; neither ordered nor turned.

    References
    ----------
    Bernaards, C. A. & Jennrich, R. I. (2005). Gradient projection algorithms and software for arbitrary
    rotation criteria in factor analysis. Educational and Psychological Measurement 65, 676–696.
    """
    given = np.asarray(loadings, dtype=np.float64)
    batch = given if given.ndim == 3 else given[None]
    factors = batch.shape[2]
    one = np.broadcast_to(np.eye(factors), (len(batch), factors, factors))
    if rotation == "none" or factors == 1:
        found = Rotated(batch, one, np.ones(len(batch), dtype=bool))
    elif given.ndim == 3:
        found = _turn(batch, one if axes is None else axes, rotation)
    else:
        # Rotation criteria have local minima; the best of several starts is kept.
        starts = np.concatenate([one, _random_axes(factors, seed)])
        found = _turn(np.broadcast_to(batch, (len(starts), *batch.shape[1:])), starts, rotation)
        criterion = _oblimin if rotation == "oblimin" else _varimax
        value = np.where(found.converged, criterion(_normal(found.loadings, rotation)[0])[0], np.inf)
        best = int(value.argmin())
        found = _pick(found, slice(best, best + 1))
    return found if given.ndim == 3 else _pick(found, 0)


def _pick(found: Rotated, which: int | slice) -> Rotated:
    return Rotated(found.loadings[which], found.between[which], np.asarray(found.converged[which]))


def _random_axes(factors: int, seed: int) -> FloatArray:
    draws = generator(seed).normal(size=(_STARTS, factors, factors))
    return np.asarray(np.linalg.qr(draws)[0])


def _normal(loadings: FloatArray, rotation: Rotation) -> tuple[FloatArray, FloatArray]:
    """Return loadings as the criterion sees them, and what to multiply their rows by afterwards."""
    if rotation == "oblimin":
        return loadings, np.ones((len(loadings), loadings.shape[1], 1))
    length = np.sqrt((loadings**2).sum(axis=2, keepdims=True))
    length = np.where(length > 0, length, 1.0)
    return loadings / length, length


def _turn(batch: FloatArray, axes: FloatArray, rotation: Rotation) -> Rotated:
    normal, length = _normal(batch, rotation)
    oblique = rotation == "oblimin"
    axes, converged = _project(normal, axes, _oblimin if oblique else _varimax, oblique=oblique)
    turned = _on(normal, axes, oblique) * length
    return Rotated(turned, axes.swapaxes(1, 2) @ axes, converged)


def _on(loadings: FloatArray, axes: FloatArray, oblique: bool) -> FloatArray:
    return loadings @ (np.linalg.inv(axes).swapaxes(1, 2) if oblique else axes)


def _oblimin(loadings: FloatArray) -> tuple[FloatArray, FloatArray]:
    squares = loadings**2
    others = squares.sum(axis=2, keepdims=True) - squares
    return (squares * others).sum(axis=(1, 2)) / 4, loadings * others


def _varimax(loadings: FloatArray) -> tuple[FloatArray, FloatArray]:
    squares = loadings**2
    apart = squares - squares.mean(axis=1, keepdims=True)
    return -(apart**2).sum(axis=(1, 2)) / 4, -loadings * apart


def _project(
    loadings: FloatArray, axes: FloatArray, criterion: _Criterion, *, oblique: bool
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the axes at the minimum of the criterion, by gradient projection, and which reached it."""
    axes = np.array(axes)
    converged = np.zeros(len(axes), dtype=bool)
    pace = np.ones(len(axes))
    open_ = np.arange(len(axes))
    for _ in range(_STEPS):
        here = axes[open_]
        value, slope = _slope(loadings[open_], here, criterion, oblique)
        norm = np.sqrt((slope**2).sum(axis=(1, 2)))
        flat = norm < _FLAT
        converged[open_[flat]] = True
        open_, here, value, slope, norm = (part[~flat] for part in (open_, here, value, slope, norm))
        if not len(open_):
            break
        pace[open_] *= 2
        todo = np.arange(len(open_))
        for _halving in range(40):
            tried = _lawful(here[todo] - pace[open_[todo], None, None] * slope[todo], oblique)
            reached = criterion(_on(loadings[open_[todo]], tried, oblique))[0]
            pays = value[todo] - reached > 0.5 * norm[todo] ** 2 * pace[open_[todo]]
            axes[open_[todo[pays]]] = tried[pays]
            todo = todo[~pays]
            if not len(todo):
                break
            pace[open_[todo]] /= 2
    return axes, converged


def _slope(
    loadings: FloatArray, axes: FloatArray, criterion: _Criterion, oblique: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the criterion and its slope along the lawful axes."""
    turned = _on(loadings, axes, oblique)
    value, by_loading = criterion(turned)
    if oblique:
        slope = -(turned.swapaxes(1, 2) @ by_loading @ np.linalg.inv(axes)).swapaxes(1, 2)
        return value, slope - axes * (axes * slope).sum(axis=1, keepdims=True)
    slope = loadings.swapaxes(1, 2) @ by_loading
    inner = axes.swapaxes(1, 2) @ slope
    return value, slope - axes @ (inner + inner.swapaxes(1, 2)) / 2


def _lawful(axes: FloatArray, oblique: bool) -> FloatArray:
    """Return the nearest axes of unit length; at right angles unless oblique."""
    if oblique:
        return np.asarray(axes / np.sqrt((axes**2).sum(axis=1, keepdims=True)))
    left, _, right = np.linalg.svd(axes)
    return np.asarray(left @ right)


def nearest_axes(loadings: FloatArray, target: FloatArray) -> FloatArray:
    """Return the orthogonal axes that turn each of a batch of loadings nearest to a target (Procrustes).

    Parameters
    ----------
    loadings, target
        Of shapes (b, p, k) and (p, k).
    """
    left, _, right = np.linalg.svd(loadings.swapaxes(1, 2) @ target)
    return np.asarray(left @ right)


def arrange(rotated: Rotated) -> Rotated:
    """Return one rotated solution in the order of its items, large loadings positive.

    The factor of the first items of the questionnaire comes first, whatever the rotation's start: each stands
    where its items stand on average, weighted by the fourth power of their loadings.
    """
    loadings, between, converged = rotated
    weight = loadings**4
    place = (weight * np.arange(len(loadings))[:, None]).sum(axis=0) / weight.sum(axis=0)
    order = np.argsort(place, kind="stable")
    sign = np.where((loadings[:, order] ** 3).sum(axis=0) < 0, -1.0, 1.0)
    return Rotated(loadings[:, order] * sign, between[np.ix_(order, order)] * np.outer(sign, sign), converged)


def tucker_congruence(found: ArrayLike, planted: ArrayLike) -> Congruence:
    """Tell how alike found loadings and planted (or published) ones are, factor by factor.

    Each planted factor is paired with the found factor that makes the sum of all coefficients largest.

    Parameters
    ----------
    found, planted
        Loadings of the same items in the same order, of shapes (p, m) and (p, k), k at most m.

    Returns
    -------
    Congruence
        Coefficients (0.95 and more is usually taken for equality), partners and signs.

    Raises
    ------
    DataError
        If the shapes do not match, or a factor has no loading at all.

    References
    ----------
    Lorenzo-Seva, U. & ten Berge, J. M. F. (2006). Tucker's congruence coefficient as a meaningful index of
    factor similarity. Methodology 2, 57–64.

    Examples
    --------
    >>> planted = [[0.8, 0.0], [0.6, 0.0], [0.0, 0.7]]
    >>> likeness = tucker_congruence([[0.0, -0.8], [0.1, -0.6], [0.7, 0.0]], planted)
    >>> likeness.coefficient.round(3), likeness.partner, likeness.sign
    (array([1.  , 0.99]), array([1, 0]), array([-1.,  1.]))
    """
    from scipy.optimize import linear_sum_assignment

    ours, theirs = np.asarray(found, dtype=np.float64), np.asarray(planted, dtype=np.float64)
    if ours.ndim != 2 or theirs.ndim != 2 or len(ours) != len(theirs) or theirs.shape[1] > ours.shape[1]:
        raise DataError(
            f"found {ours.shape} and planted {theirs.shape}: give loadings of the same items, (items, "
            "factors), with no more planted factors than found ones"
        )
    lengths = np.outer(np.sqrt((theirs**2).sum(axis=0)), np.sqrt((ours**2).sum(axis=0)))
    if not (lengths > 0).all():  # a missing loading fails this too
        raise DataError(
            "a factor has no loading other than 0, or a loading is missing; leave that factor out"
        )
    alike = theirs.T @ ours / lengths
    row, partner = linear_sum_assignment(-np.abs(alike))
    best = alike[row, partner]
    return Congruence(np.abs(best), partner.astype(np.int64), np.where(best < 0, -1.0, 1.0))
