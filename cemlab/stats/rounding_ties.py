"""Times that differ only by rounding are one time: 0.1 + 0.2 is 0.3.

Who enters observation at the time of an event is not at risk of it, and events at one time share a risk
set. Both are questions of equality, which a computer's arithmetic breaks in the last digits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Times nearer to each other than this share of the mean time are one (R's tolerance, in ``aeqSurv``).
TOLERANCE = float(np.sqrt(np.finfo(float).eps))


def merge_near(*times: npt.ArrayLike) -> tuple[Floats, ...]:
    """Give times that differ only by rounding the same value.

    Parameters
    ----------
    *times
        One or more arrays of any shapes, which are compared with each other too: durations and entries.

    Returns
    -------
    tuple of arrays
        The same times. Those at most 1.5e-8 of the mean distinct time apart have the value of the least of
        them, and those so near to 0 are 0. However densely times lie, none moves further than that. Whole
        numbers are exact and stay as they are, and so does what is missing or infinite.

    Notes
    -----
    The tolerance and its scale are those of ``timefix`` in R's survival (Therneau), but for R's second
    tolerance of 1.5e-8 of whatever the unit is: here the unit makes no difference.

    Examples
    --------
    >>> ends, entries = merge_near([0.1 + 0.2, 0.9], [0.0, 0.3])
    >>> bool(ends[0] == entries[1])
    True
    """
    given = [np.asarray(values, dtype=float) for values in times]
    pooled = np.concatenate([values.ravel() for values in given]) if given else np.empty(0)
    pooled = np.unique(pooled[np.isfinite(pooled)])
    if not pooled.size or not (pooled % 1).any():
        return tuple(given)
    tolerance = TOLERANCE * float(np.abs(pooled).mean())
    known = np.union1d(pooled, [0.0])
    kept = _kept(known, tolerance)
    if len(kept) == len(known):
        return tuple(given)
    levels = known[kept]
    # a cluster that holds 0 is 0, whichever side rounding went
    levels[np.searchsorted(levels, 0.0, side="right") - 1] = 0.0
    return tuple(_levelled(values, levels, known[kept]) for values in given)


def _kept(known: Floats, tolerance: float) -> npt.NDArray[np.int64]:
    """Return where clusters of ascending times begin; none is wider than the tolerance."""
    starts = np.flatnonzero(np.concatenate([[True], np.diff(known) > tolerance]))
    ends = np.concatenate([starts[1:], [len(known)]])
    kept = [starts]
    wide = known[ends - 1] - known[starts] > tolerance
    for start, end in zip(starts[wide], ends[wide], strict=True):
        first = int(start)
        while known[end - 1] - known[first] > tolerance:
            first = int(np.searchsorted(known, known[first] + tolerance, side="right"))
            kept.append(np.array([first]))
    return np.sort(np.concatenate(kept))


def _levelled(values: Floats, levels: Floats, begins: Floats) -> Floats:
    """Return each time as the level of its cluster; what is not finite stays."""
    finite = np.isfinite(values)
    row = np.searchsorted(begins, np.where(finite, values, begins[0]), side="right") - 1
    return np.where(finite, levels[row], values)
