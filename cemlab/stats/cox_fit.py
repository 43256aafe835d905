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
_SEPARATED = 8.0
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
    best, sums, inverse = _maximum(scaled, sets, start, ties)
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
    close = False
    for _ in range(_MOST_STEPS):
        inverse = _inverse(information(x, sets, sums), best, n=len(sets.left))
        if close:
            return best, sums, inverse
        slope = score(x, sets, sums)
        step = inverse @ slope
        close = bool(slope @ step < (1e-2 if rough else _CLOSE))
        best, sums = _uphill(x, sets, best, step, sums, ties)
        worst = int(np.abs(best).argmax())
        if abs(best[worst]) > _SEPARATED:
            raise NoMaximumError(worst, "separated", float(best[worst]))
    raise NoMaximumError(int(np.abs(best).argmax()), "separated", float(np.abs(best).max()))


def _inverse(second: Floats, best: Floats, *, n: int) -> Floats:
    """Return the inverse, or refuse where terms do not vary or say the same among those at risk."""
    diagonal = np.diag(second).copy()
    far = bool(np.abs(best).max() > 2)  # where information has been lost on the way, and was there at first
    # each of the n departures adds the variance of the scaled term among those at risk; this is rounding
    if not np.isfinite(second).all() or (diagonal <= 1e-13 * n).any():
        lost = int(np.where(np.isfinite(diagonal), diagonal, -1.0).argmin())
        raise NoMaximumError(lost, "separated" if far else "constant", float(best[lost]))
    root = np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(second / np.outer(root, root))
    if values[0] < _SINGULAR:
        term = int(np.abs(best).argmax() if far else np.abs(vectors[:, 0]).argmax())
        raise NoMaximumError(term, "separated" if far else "same", float(best[term]))
    return np.asarray((vectors / values) @ vectors.T / np.outer(root, root), dtype=float)


def _uphill(
    x: Floats, sets: RiskSets, best: Floats, step: Floats, sums: CoxSums, ties: Ties
) -> tuple[Floats, CoxSums]:
    """Take a step, or so much of it that the likelihood does not fall."""
    longest = float(np.abs(step).max())
    step = step * min(1.0, 4.0 / longest) if longest > 0 else step
    # what rounding takes from a sum of so many logarithms is no fall
    allowed = 1e-9 * (1.0 + abs(sums.log_likelihood))
    for halvings in range(30):
        there = best + step / 2**halvings
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            sums_there = cox_sums(x, sets, there, ties=ties)
        if sums_there.log_likelihood >= sums.log_likelihood - allowed:
            return there, sums_there
    return best, sums
