"""Shares that leave for one cause while others leave for other causes, from hazards by period.

Within a period the paces of both are constant, so that of those who leave in it the share of the cause is its
share of the hazard. Throughout, ``x`` is the number of patterns, ``j`` of periods; hazards are what a period
adds up to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def leaves_within(own: Floats, other: Floats) -> Floats:
    """Return the chance to leave for the cause within a span, given its hazard and that of other causes.

    Examples
    --------
    Half of those who leave do so for the cause:

    >>> leaves_within(np.array([0.5]), np.array([0.5])).round(4)
    array([0.3161])
    """
    total = own + other
    share = np.divide(own, total, out=np.zeros_like(total), where=total > 0)
    left: Floats = -share * np.expm1(-total)
    return left


def leaves_within_slopes(own: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Return the derivatives of :func:`leaves_within` by both hazards."""
    total = own + other
    with np.errstate(divide="ignore", invalid="ignore"):
        gone, stay = -np.expm1(-total), np.exp(-total)
        by_own = np.where(total > 0, other / total**2 * gone + own / total * stay, 1.0)
        by_other = np.where(total > 0, own / total * (stay - gone / total), 0.0)
    return by_own, by_other


def incidence(own: Floats, other: Floats) -> Floats:
    """Return the share that has left for the cause by the end of each period, shape (x, j).

    Parameters
    ----------
    own, other
        Hazards of the cause and of all other causes together, shape (x, j).
    """
    left: Floats = np.cumsum(_before(own + other) * leaves_within(own, other), axis=1)
    return left


def incidence_slopes(
    own: Floats, other: Floats, own_parts: Floats, other_parts: Floats
) -> tuple[Floats, Floats]:
    """Return the derivatives of :func:`incidence` by the parameters of both hazards.

    Parameters
    ----------
    own, other
        As there.
    own_parts, other_parts
        Derivatives of the hazards of each period, shape (x, j, p) and (x, j, q).

    Returns
    -------
    tuple of arrays
        Of shape (x, j, p) and (x, j, q).
    """
    before = _before(own + other)
    gain = (before * leaves_within(own, other))[:, :, None]
    slopes = leaves_within_slopes(own, other)
    found = []
    for by, parts in zip(slopes, (own_parts, other_parts), strict=True):
        earlier = np.cumsum(parts, axis=1) - parts
        found.append(np.cumsum((before * by)[:, :, None] * parts - gain * earlier, axis=1))
    return found[0], found[1]


def incidence_between(
    own: Floats, other: Floats, *, cuts: Floats, pattern: Ints, start: Floats, end: Floats
) -> Floats:
    """Return the chance to leave for the cause between two times, for who is still there at the first.

    Parameters
    ----------
    own, other
        As in :func:`incidence`.
    cuts
        Borders of the periods, shape (j + 1,).
    pattern, start, end
        Row of the hazards, and the two times, all of shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n,); missing where a time lies outside the periods.

    Examples
    --------
    >>> hazard = np.array([[0.2, 0.2]])
    >>> incidence_between(hazard, hazard, cuts=np.array([0.0, 1.0, 2.0]), pattern=np.array([0]),
    ...                   start=np.array([0.5]), end=np.array([1.5])).round(4)
    array([0.1648])
    """
    before = _before(own + other)
    left = np.concatenate([np.zeros((len(own), 1)), incidence(own, other)], axis=1)

    def at(time: Floats) -> tuple[Floats, Floats]:
        place, part = place_in(cuts, time)
        h, k = part * own[pattern, place], part * other[pattern, place]
        there = before[pattern, place]
        return left[pattern, place] + there * leaves_within(h, k), there * np.exp(-h - k)

    (gone, there), (later, _) = at(start), at(end)
    within = (start >= cuts[0]) & (end <= cuts[-1])
    return np.where(within & (there > 0), (later - gone) / np.where(there > 0, there, 1.0), np.nan)


def place_in(cuts: Floats, time: Floats) -> tuple[Ints, Floats]:
    """Return the period of each time and the part of it that has passed."""
    place = np.clip(np.searchsorted(cuts, time, side="right") - 1, 0, len(cuts) - 2)
    return place.astype(np.int64), np.clip((time - cuts[place]) / (cuts[place + 1] - cuts[place]), 0, 1)


def _before(total: Floats) -> Floats:
    """Return the share still there at the start of each period."""
    stays: Floats = np.exp(-(np.cumsum(total, axis=1) - total))
    return stays
