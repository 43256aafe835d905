"""What having learned a ranking adds to the error of what it earns.

Folds are valued by rankings that the other folds taught. Whatever made an offer look good in one fold by
chance ranks the others' customers, so that the folds' errors are tied to each other, the more the less the
ranking can tell. Draws of the noise with the ranking learned again from it hold this, draws with the ranking
held do not; by how much the variance of the first is greater is what learning adds (Luedtke & van der Laan
2016). Throughout, ``x`` is the number of cells, ``f`` of folds, ``b`` of draws, ``q`` of shares.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class AddedVariance(NamedTuple):
    """What learning adds to the variance of a curve, of shape (q), and of the area over chance."""

    curve: Floats
    area: float


def added_to_curve(
    held: Floats, again: Floats, errors: Floats, rows: Floats, *, share: Floats
) -> AddedVariance:
    """Return what learning adds to the variance of what the first so many earn.

    Parameters
    ----------
    held
        Score of the ranking, of shape (x, f).
    again
        The score learned again from the noise of each draw, of shape (x, f, b).
    errors
        Draws of the error of each cell's sum, of shape (x, f, b).
    rows
        Customers, of shape (x, f).
    share
        Shares of the customers at which the curve is wanted, of shape (q).

    Returns
    -------
    AddedVariance
        None below 0.
    """
    before = _sums_of_first(held[..., None], errors, rows, share)
    after = _sums_of_first(again, errors, rows, share)
    added = np.maximum(after[0].var(axis=-1) - before[0].var(axis=-1), 0.0)
    return AddedVariance(added, max(float(after[1].var() - before[1].var()), 0.0))


def _sums_of_first(score: Floats, errors: Floats, rows: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Return sums of errors among the first so many, (q, b), and their area over chance, (b)."""
    order = np.argsort(-np.broadcast_to(score, errors.shape), axis=0, kind="stable")
    size = np.take_along_axis(np.broadcast_to(rows[..., None], errors.shape), order, axis=0)
    error = np.take_along_axis(errors, order, axis=0)
    total = rows.sum(axis=0)[:, None]
    before = size.cumsum(axis=0) - size
    # a cell without rows has no error either, whatever part of it is taken
    per_row = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
    first = [(np.clip((q * total - before) * per_row, 0.0, 1.0) * error).sum(axis=(0, 1)) for q in share]
    area = ((0.5 - (before + size / 2) / total) * error).sum(axis=(0, 1))
    return np.stack(first), area


def added_to_bands(held: Floats, again: Floats, errors: Floats, rows: Floats, *, bands: int) -> Floats:
    """Return what learning adds to the variance of the mean in each band of a ranking, of shape (bands).

    Parameters
    ----------
    held, again, errors, rows
        As in :func:`added_to_curve`.
    bands
        How many bands of equal size.
    """
    before = _means_by_band(np.broadcast_to(held[..., None], errors.shape), errors, rows, bands)
    after = _means_by_band(again, errors, rows, bands)
    added: Floats = np.maximum(after.var(axis=0) - before.var(axis=0), 0.0)
    return added


def _means_by_band(score: Floats, errors: Floats, rows: Floats, bands: int) -> Floats:
    """Return the mean error in each band, the lowest first, of shape (b, bands)."""
    order = np.argsort(score, axis=0, kind="stable")
    size = np.take_along_axis(np.broadcast_to(rows[..., None], errors.shape), order, axis=0)
    error = np.take_along_axis(errors, order, axis=0)
    place = (size.cumsum(axis=0) - size / 2) / rows.sum(axis=0)[:, None]
    band = np.minimum((bands * place).astype(np.int64), bands - 1)
    draws = errors.shape[-1]
    at = (np.arange(draws) * bands + band).ravel()
    n = np.bincount(at, size.ravel(), minlength=draws * bands)
    total = np.bincount(at, error.ravel(), minlength=draws * bands)
    means: Floats = np.divide(total, n, out=np.zeros_like(total), where=n > 0).reshape(draws, bands)
    return means
