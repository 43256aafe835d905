"""Cox's proportional hazards model by Newton's method, to rounding: ties, late entry and strata.

lifelines has Efron's ties alone, works through late entry one row after the other, and stops at three to
six right digits unless told otherwise; so the maximum is found here, and lifelines is what it is tested on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.stats.cox_sums import CoxSums, RiskSets, Ties, cox_sums, information, risk_sets, score

Floats = npt.NDArray[np.float64]

# a step this short (squared, in standard errors) is the last but for rounding: Newton squares what is left
_CLOSE = 1e-16
_MOST_STEPS = 60
# of a matrix scaled to a diagonal of ones: below this the terms say the same, in all the digits there are
_SINGULAR = 1e-11
# a coefficient beyond this per standard deviation of its term parts those who left from those who did not
_SEPARATED = 40.0
# a step raises no row's log hazard by more than this: further out a rare term fills its risk sets alone, and
# what is left there is rounding; at a maximum the last step is far shorter than the other
_LONGEST, _STILL = 5.0, 1e-3
# rows of the first, rough maximum from which the one on all rows sets out, and departures it must hold a term
_ROUGH, _ROUGH_EVENTS = 40_000, 50


class NoMaximumError(ValueError):
    """The partial likelihood has no maximum; `term` is the position of the term at fault, `why` says it."""

    def __init__(self, term: int, why: str, coefficient: float = np.nan) -> None:
        super().__init__(why)
        self.term, self.why, self.coefficient = term, why, coefficient


@dataclass(frozen=True, eq=False, kw_only=True)
class CoxFit:
    """A fitted proportional hazards model.

    Parameters
    ----------
    coefficient, covariance
        Logarithms of the hazard ratios, shape (n_terms,), and the inverse information (n_terms, n_terms).
    log_likelihood
        Partial, at the maximum.
    centre, scale
        Of the terms: the sums are those of (x - centre) / scale, shape (n_terms,).
    x, sets, sums
        The scaled terms, the risk sets and the sums at the maximum.
    ties
        Treatment of departures at one time.
    """

    coefficient: Floats
    covariance: Floats
    log_likelihood: float
    centre: Floats
    scale: Floats
    x: Floats
    sets: RiskSets
    sums: CoxSums
    ties: Ties


def cox_fit(
    x: npt.ArrayLike,
    *,
    duration: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    stratum: npt.ArrayLike | None = None,
    ties: Ties = "efron",
) -> CoxFit:
    """Fit a proportional hazards model (Cox 1972) to the maximum of its partial likelihood.

    Parameters
    ----------
    x
        Terms, shape (n_rows, n_terms).
    duration, event
        Length of each spell and whether it ended with the event, shape (n_rows,).
    entry
        Length already reached when observation began, shape (n_rows,); 0 for spells seen from the start.
        Who enters exactly when somebody departs is not at risk then.
    stratum
        Whole number from 0 of the stratum, each with a baseline of its own, shape (n_rows,).
    ties
        Treatment of departures at one time: Efron (1977) or Breslow (1974).

    Returns
    -------
    CoxFit
        Its coefficients are per unit of `x`.

    Raises
    ------
    NoMaximumError
        If a term does not vary among those at risk, terms say the same, or one parts those who left from
        those who did not.

    Notes
    -----
    With many rows a rough maximum of every k-th row gives the starting point; all rows give the estimate.

    Examples
    --------
    >>> fit = cox_fit([[1], [0], [0], [1]], duration=[1, 2, 3, 3], event=[1, 1, 0, 0], entry=[0, 0, 1, 1])
    >>> round(float(np.exp(fit.coefficient[0])) ** 2, 9)
    2.0
    """
    scaled, centre, scale = _scaled(np.asarray(x, dtype=float))
    ends, left = np.asarray(duration, dtype=float), np.asarray(event, dtype=bool)
    starts = None if entry is None else np.asarray(entry, dtype=float)
    group = None if stratum is None else np.asarray(stratum, dtype=np.intp)
    sets = risk_sets(ends, event=left, entry=starts, stratum=group)
    start = np.zeros(scaled.shape[1])
    every = len(ends) // _ROUGH
    if every > 1 and int(left[::every].sum()) >= _ROUGH_EVENTS * len(start):
        few = risk_sets(
            ends[::every],
            event=left[::every],
            entry=None if starts is None else starts[::every],
            stratum=None if group is None else group[::every],
        )
        try:
            start, _, _ = _maximum(np.asfortranarray(scaled[::every]), few, start, ties, rough=True)
        except NoMaximumError:
            start = np.zeros(len(start))  # what few rows cannot tell, all rows may
    try:
        best, sums, inverse = _maximum(scaled, sets, start, ties)
    except NoMaximumError:
        if not start.any():
            raise
        best, sums, inverse = _maximum(scaled, sets, np.zeros(len(start)), ties)
    return CoxFit(
        coefficient=best / scale,
        covariance=inverse / np.outer(scale, scale),
        log_likelihood=sums.log_likelihood,
        centre=centre,
        scale=scale,
        x=scaled,
        sets=sets,
        sums=sums,
        ties=ties,
    )


def _scaled(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the terms with mean 0 and standard deviation 1, columns lying together, and both of them."""
    scaled = np.empty(x.shape, order="F")
    centre, scale = np.empty(x.shape[1]), np.empty(x.shape[1])
    for j in range(x.shape[1]):
        column = x[:, j]
        largest = float(np.abs(column).max()) or 1.0  # squares of what is very large or small have no value
        part = column / largest
        mean = float(part.mean())
        part -= mean
        spread = float(np.sqrt(part @ part / len(part)))
        if not spread > 0:
            raise NoMaximumError(j, "constant")
        scaled[:, j] = part / spread
        centre[j], scale[j] = mean * largest, spread * largest
    return scaled, centre, scale


def _maximum(
    x: Floats, sets: RiskSets, start: Floats, ties: Ties, *, rough: bool = False
) -> tuple[Floats, CoxSums, Floats]:
    """Return the coefficients at the maximum, the sums there and the inverse information."""
    best = start
    sums = cox_sums(x, sets, best, ties=ties)
    reach = np.abs(x).max(axis=0)
    close = False
    for _ in range(_MOST_STEPS):
        inverse = _inverse(x, sets, sums, best, ties)
        if close:
            return best, sums, inverse
        slope = score(x, sets, sums)
        step = inverse @ slope
        close = bool(slope @ step < (1e-2 if rough else _CLOSE))
        # where nothing is left to gain and yet a long way to go, the likelihood rises for ever
        if close and np.abs(step * reach).max() > (0.5 if rough else _STILL):
            raise NoMaximumError(int(np.abs(step * reach).argmax()), "separated")
        best, sums = _uphill(x, sets, best, step, sums, ties)
        worst = int(np.abs(best).argmax())
        if abs(best[worst]) > _SEPARATED:
            raise NoMaximumError(worst, "separated", float(best[worst]))
    raise NoMaximumError(int(np.abs(best * reach).argmax()), "separated")


def _inverse(x: Floats, sets: RiskSets, sums: CoxSums, best: Floats, ties: Ties) -> Floats:
    """Return the inverse information, or refuse where there is too little of it."""
    second, n = information(x, sets, sums), len(sets.left)
    inverse, lost = _inverted(second, n)
    if inverse is not None:
        return inverse
    if best.any():  # was there information at first, which has been lost on the way?
        none = np.zeros(len(best))
        first, _ = _inverted(information(x, sets, cox_sums(x, sets, none, ties=ties)), n)
        if first is not None:
            far = int(np.abs(best * np.abs(x).max(axis=0)).argmax())
            raise NoMaximumError(far, "separated", float(best[far]))
    raise NoMaximumError(lost[0], lost[1], float(best[lost[0]]))


def _inverted(second: Floats, n: int) -> tuple[Floats | None, tuple[int, str]]:
    """Return the inverse, or None and which term is at fault, and why."""
    diagonal = np.diag(second).copy()
    # each of the n departures adds the variance of the scaled term among those at risk; this is rounding
    if not np.isfinite(second).all() or (diagonal <= 1e-13 * n).any():
        return None, (int(np.where(np.isfinite(diagonal), diagonal, -1.0).argmin()), "constant")
    root = np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(second / np.outer(root, root))
    if values[0] < _SINGULAR:
        return None, (int(np.abs(vectors[:, 0]).argmax()), "same")
    return np.asarray((vectors / values) @ vectors.T / np.outer(root, root), dtype=float), (0, "")


def _uphill(
    x: Floats, sets: RiskSets, best: Floats, step: Floats, sums: CoxSums, ties: Ties
) -> tuple[Floats, CoxSums]:
    """Take a step, or so much of it that the likelihood does not fall."""
    longest = float((x @ step).max())
    step = step * min(1.0, _LONGEST / longest) if longest > 0 else step
    # what rounding takes from a sum of so many logarithms is no fall
    allowed = 1e-9 * (1.0 + abs(sums.log_likelihood))
    for halvings in range(30):
        there = best + step / 2**halvings
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            sums_there = cox_sums(x, sets, there, ties=ties)
        if sums_there.log_likelihood >= sums.log_likelihood - allowed:
            return there, sums_there
    return best, sums
