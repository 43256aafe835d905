"""Multinomial logit by maximum likelihood, with offsets: what goes with one of several fates.

The chance of fate j is proportional to ``exp(offset_j + x'β_j)``; the first fate is the one that the others
are compared with, so β_0 is nought. An offset that holds the logarithm of each fate's chance under some null
turns the coefficients into departures from that null.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError, DesignError
from cemlab.stats.maximum_likelihood import Derivatives, FloatArray, maximise

#: Two cells of one cluster (first, second), of shape (p, 2), and how many clusters hold such a pair (p,).
Pairs = tuple[NDArray[np.int64], FloatArray]

# Beyond this a coefficient times its column's spread means odds of one to 3 million: no data show that.
_SEPARATED = 15.0
_LEAST_EIGENVALUE = 1e-9  # of the design's correlation matrix: below, columns say the same


@dataclass(frozen=True, eq=False, kw_only=True)
class MultinomialLogit:
    """A fitted multinomial logit.

    Parameters
    ----------
    coefficients
        β, of shape (n_terms, n_fates − 1): log-odds of each further fate against the first.
    covariance
        Inverse of the observed information, of shape (p, p) with p = n_terms · (n_fates − 1); the
        coefficients in the order of ``coefficients.T.ravel()``: all terms of one fate, then of the next.
    scores
        Gradient of the log-likelihood of one observation of each row, of shape (n_rows, p).
    weights
        Observations of each row, of shape (n_rows,).
    log_likelihood
        At the maximum, without the constants of counting.
    """

    coefficients: FloatArray
    covariance: FloatArray
    scores: FloatArray
    weights: FloatArray
    log_likelihood: float

    def probabilities(self, design: ArrayLike, *, offset: ArrayLike | None = None) -> FloatArray:
        """Return the chance of each fate.

        Parameters
        ----------
        design
            Of shape (n, n_terms).
        offset
            Of shape (n, n_fates); nought where it is not given.

        Returns
        -------
        numpy.ndarray
            Of shape (n, n_fates); each row sums to one.
        """
        x = np.asarray(design, dtype=np.float64)
        added = np.zeros((len(x), self.coefficients.shape[1] + 1)) if offset is None else np.asarray(offset)
        return np.exp(_log_shares(x, self.coefficients, added))

    def robust_covariance(self, pairs: Pairs | None = None) -> FloatArray:
        """Return the covariance that holds where observations of one cluster go together.

        Parameters
        ----------
        pairs
            Which rows hold observations of one cluster, and how often; None where each observation is a
            cluster of its own.

        Returns
        -------
        numpy.ndarray
            The sandwich of Huber (1967) and White (1982), of shape (p, p), without a small-sample factor.
        """
        return clustered_covariance(self.scores @ self.covariance, self.weights, pairs)


def clustered_covariance(influence: FloatArray, weights: FloatArray, pairs: Pairs | None) -> FloatArray:
    """Return the covariance of sums of influences, from counts of rows and of pairs of rows.

    A cluster's influence is the sum of its observations'; squared and added up over clusters, that is each
    observation's square and, twice, the product of every pair within a cluster. Both can be counted.

    Parameters
    ----------
    influence
        Of one observation of each row on each estimate, of shape (n_rows, k).
    weights
        Observations of each row, of shape (n_rows,).
    pairs
        As for :meth:`MultinomialLogit.robust_covariance`.

    Examples
    --------
    Two clusters, one of which holds an observation of either row: (1 + 2)² + 1².

    >>> import numpy as np
    >>> influence, weights = np.array([[1.0], [2.0]]), np.array([2.0, 1.0])
    >>> clustered_covariance(influence, weights, (np.array([[0, 1]]), np.array([1.0]))).tolist()
    [[10.0]]
    """
    total = influence.T @ (weights[:, None] * influence)
    if pairs is None or not len(pairs[1]):
        return total
    (first, second), times = pairs[0].T, pairs[1]
    across = influence[first].T @ (times[:, None] * influence[second])
    together: FloatArray = total + across + across.T
    return together


def multinomial_logit(
    design: ArrayLike,
    fate: ArrayLike,
    *,
    n_fates: int,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    terms: tuple[str, ...] | None = None,
    fates: tuple[str, ...] | None = None,
) -> MultinomialLogit:
    """Answer by how much the log-odds of each fate differ with what is in the design.

    Parameters
    ----------
    design
        One row an observation, or many of the same kind; of shape (n_rows, n_terms). It holds its own
        column of ones, if one is wanted.
    fate
        Code of the fate of each row, from 0 to ``n_fates − 1``; 0 is compared with. Of shape (n_rows,).
    n_fates
        How many fates there are, at least two.
    offset
        Added to the log-odds as it is, of shape (n_rows, n_fates).
    weights
        Observations of each row, not negative; of shape (n_rows,).
    terms, fates
        Names, for the errors.

    Returns
    -------
    MultinomialLogit
        Coefficients, covariance and scores.

    Raises
    ------
    DataError
        If shapes do not match, a value is missing or a fate is none.
    DesignError
        If a fate never occurs, columns say the same, or a column separates the fates, so that some
        coefficient runs to infinity; the message names the fate and the column.

    Notes
    -----
    Newton's method on the exact derivatives; the log-likelihood is concave, so that there is one maximum.

    References
    ----------
    McFadden, D. (1974). Conditional logit analysis of qualitative choice behavior. In P. Zarembka (ed.),
    Frontiers in Econometrics, 105–142. Academic Press.

    Examples
    --------
    Without a covariate the coefficients are the log-odds themselves: here 2 and 1 against 4.

    >>> import numpy as np
    >>> fit = multinomial_logit(np.ones((3, 1)), [0, 1, 2], n_fates=3, weights=[4, 2, 1])
    >>> np.exp(fit.coefficients).round(6).tolist()
    [[0.5, 0.25]]
    """
    x, code, added, weight = _checked(design, fate, n_fates, offset, weights)
    terms = terms or tuple(f"column {k}" for k in range(x.shape[1]))
    fates = fates or tuple(f"fate {j}" for j in range(n_fates))
    _refuse_unseen(code, weight, fates)
    # columns of one spread, so that the steps of Newton's method mean the same along each of them
    scale = np.sqrt(np.average(x**2, axis=0, weights=weight))
    _refuse_collinear(x / np.where(scale > 0, scale, 1.0), weight, terms)
    chosen = code[:, None] == np.arange(n_fates)
    function = _Likelihood(x / scale, chosen.astype(np.float64), added, weight)
    found = maximise(function, np.zeros((n_fates - 1) * x.shape[1]))
    if not found.converged or np.abs(found.theta).max() > _SEPARATED:
        # by the spread of each column, for the constant runs to infinity along with what separates
        spread = np.sqrt(np.maximum(1 - np.average(x / scale, axis=0, weights=weight) ** 2, 1e-12))
        j, k = divmod(int(np.abs(found.theta * np.tile(spread, n_fates - 1)).argmax()), x.shape[1])
        raise DesignError(
            f"{terms[k]!r} separates the fate {fates[j + 1]!r} from {fates[0]!r}: with it one of them never "
            "occurs, so that its odds have no bound; join rare fates, or leave the term out"
        )
    # one more step: the curvature is then that of the maximum to all digits
    _, gradient, hessian = function(found.theta)
    covariance = np.linalg.inv(-hessian)
    stretch = np.tile(1 / scale, n_fates - 1)
    theta = (found.theta + covariance @ gradient) * stretch
    coefficients = theta.reshape(n_fates - 1, -1).T
    return MultinomialLogit(
        coefficients=coefficients,
        covariance=covariance * np.outer(stretch, stretch),
        scores=row_scores(x, chosen - np.exp(_log_shares(x, coefficients, added))),
        weights=weight,
        log_likelihood=found.value,
    )


def row_scores(design: FloatArray, residual: FloatArray) -> FloatArray:
    """Return design times residual of each further fate, of shape (n_rows, p), ordered as the covariance."""
    further = residual[:, 1:]
    return (further[:, :, None] * design[:, None, :]).reshape(len(design), -1)


def _log_shares(x: FloatArray, coefficients: FloatArray, offset: FloatArray) -> FloatArray:
    """Return the logarithm of each fate's chance (n_rows, n_fates)."""
    height = offset + np.column_stack([np.zeros(len(x)), x @ coefficients])
    top = height.max(axis=1, keepdims=True)
    shares: FloatArray = height - top - np.log(np.exp(height - top).sum(axis=1, keepdims=True))
    return shares


class _Likelihood:
    """Log-likelihood with gradient and Hessian, at coefficients in the order of the covariance."""

    def __init__(self, x: FloatArray, chosen: FloatArray, offset: FloatArray, weight: FloatArray) -> None:
        self._x, self._chosen, self._offset, self._weight = x, chosen, offset, weight

    def __call__(self, theta: FloatArray) -> Derivatives:
        x, further = self._x, self._chosen.shape[1] - 1
        logs = _log_shares(x, theta.reshape(further, -1).T, self._offset)
        p = np.exp(logs)
        value = float(self._weight @ np.einsum("ij,ij->i", self._chosen, logs))
        gradient = ((self._weight[:, None] * (self._chosen - p)[:, 1:]).T @ x).ravel()
        k = x.shape[1]
        hessian = np.empty((further * k, further * k))
        for a in range(further):
            for b in range(a, further):
                curve = self._weight * p[:, a + 1] * ((a == b) - p[:, b + 1])
                block = -(x.T @ (curve[:, None] * x))
                hessian[a * k : (a + 1) * k, b * k : (b + 1) * k] = block
                hessian[b * k : (b + 1) * k, a * k : (a + 1) * k] = block.T
        return value, gradient, hessian


def _checked(
    design: ArrayLike, fate: ArrayLike, n_fates: int, offset: ArrayLike | None, weights: ArrayLike | None
) -> tuple[FloatArray, NDArray[np.int64], FloatArray, FloatArray]:
    x, code = np.asarray(design, dtype=np.float64), np.asarray(fate)
    if x.ndim != 2 or code.shape != (len(x),) or n_fates < 2:
        raise DataError(
            f"the design has shape {x.shape} and the fates {code.shape}, of {n_fates}; give (n, terms), "
            "(n,) and at least two fates"
        )
    added = np.zeros((len(x), n_fates)) if offset is None else np.asarray(offset, dtype=np.float64)
    weight = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    if added.shape != (len(x), n_fates) or weight.shape != (len(x),):
        raise DataError(
            f"the offset has shape {added.shape} and the weights {weight.shape}; give ({len(x)}, {n_fates}) "
            f"and ({len(x)},)"
        )
    if not (np.isfinite(x).all() and np.isfinite(added).all() and np.isfinite(weight).all()):
        raise DataError(
            "a value of the design, the offset or the weights is missing or infinite; leave it out"
        )
    if (weight < 0).any() or not weight.sum() > 0:
        raise DataError("weights must not be negative, and some must be positive")
    if not (np.isin(code, np.arange(n_fates))).all():
        raise DataError(f"fates must be whole numbers from 0 to {n_fates - 1}")
    return x, code.astype(np.int64), added, weight


def _refuse_unseen(code: NDArray[np.int64], weight: FloatArray, fates: tuple[str, ...]) -> None:
    seen = np.bincount(code, weights=weight, minlength=len(fates))
    never = [fates[j] for j in np.flatnonzero(seen == 0)]
    if never:
        raise DesignError(
            f"nobody has the fate {never[0]!r}, so that its odds are nought whatever else is; "
            "join it with another fate, or take more data"
        )


def _refuse_collinear(x: FloatArray, weight: FloatArray, terms: tuple[str, ...]) -> None:
    values, axes = np.linalg.eigh(x.T @ (weight[:, None] * x) / weight.sum())
    if values[0] < _LEAST_EIGENVALUE:
        same = [repr(terms[k]) for k in np.flatnonzero(np.abs(axes[:, 0]) > 0.1)]
        raise DesignError(
            f"{' and '.join(same)} cannot be told apart: together they say the same of everybody, or one "
            "says nothing; leave one of them out"
        )
