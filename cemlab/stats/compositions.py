"""Shares that sum to one: log-ratio coordinates, zeros, distance, and regression with robust covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError, DesignError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def ilr_basis(parts: int) -> FloatArray:
    """Return an orthonormal basis of log-ratios: each part against those before it.

    Parameters
    ----------
    parts
        How many parts, at least 2.

    Returns
    -------
    numpy.ndarray
        Shape (parts − 1, parts); rows of length one, at right angles to each other and to equal shares.

    References
    ----------
    Egozcue, J. J., Pawlowsky-Glahn, V., Mateu-Figueras, G. & Barceló-Vidal, C. (2003). Isometric logratio
    transformations for compositional data analysis. Mathematical Geology 35, 279–300.

    Examples
    --------
    >>> ilr_basis(3).round(3).tolist()
    [[0.707, -0.707, 0.0], [0.408, 0.408, -0.816]]
    """
    if parts < 2:
        raise DataError(f"{parts} part(s) make no mix; at least 2 are needed")
    basis = np.zeros((parts - 1, parts))
    for i in range(1, parts):
        basis[i - 1, :i] = 1 / i
        basis[i - 1, i] = -1.0
        basis[i - 1] *= np.sqrt(i / (i + 1))
    return basis


def closed(values: ArrayLike) -> FloatArray:
    """Return positive values divided by their sum, row by row.

    Examples
    --------
    >>> closed([2.0, 1.0, 1.0]).tolist()
    [0.5, 0.25, 0.25]
    """
    rows = np.asarray(values, dtype=np.float64)
    shares: FloatArray = rows / rows.sum(axis=-1, keepdims=True)
    return shares


def clr(shares: ArrayLike) -> FloatArray:
    """Return centred log-ratios: logarithms less their mean in the row (Aitchison 1986).

    Parameters
    ----------
    shares
        Shape (…, parts), all above 0.

    Raises
    ------
    DataError
        If a share is not above 0; see :func:`replace_zeros`.

    Examples
    --------
    >>> clr([0.5, 0.25, 0.25]).round(3).tolist()
    [0.462, -0.231, -0.231]
    """
    rows = np.asarray(shares, dtype=np.float64)
    if not (rows > 0).all():
        raise DataError("log-ratios need shares above 0, with none missing; replace zeros first")
    logs = np.log(rows)
    centred: FloatArray = logs - logs.mean(axis=-1, keepdims=True)
    return centred


def from_clr(log_ratios: ArrayLike) -> FloatArray:
    """Return the shares with these log-ratios, the inverse of :func:`clr`."""
    rows = np.asarray(log_ratios, dtype=np.float64)
    return closed(np.exp(rows - rows.max(axis=-1, keepdims=True)))


def aitchison_distance(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Return how far two mixes lie apart: the length of the difference of their centred log-ratios.

    Parameters
    ----------
    first, second
        Shape (…, parts), all above 0.

    References
    ----------
    Aitchison, J. (1986). The Statistical Analysis of Compositional Data. Chapman and Hall.

    Examples
    --------
    >>> float(aitchison_distance([0.5, 0.25, 0.25], [0.25, 0.5, 0.25]).round(4))
    0.9803
    """
    length: FloatArray = np.linalg.norm(clr(first) - clr(second), axis=-1)
    return length


def replace_zeros(shares: ArrayLike, *, zero: ArrayLike) -> FloatArray:
    """Return shares without zeros: each becomes `zero`, the others give it up in proportion.

    Ratios between parts that were not zero stay as they were.

    Parameters
    ----------
    shares
        Shape (n, parts), at least 0, rows that sum to one.
    zero
        Share to put in place of a zero, one for all or one a row (n).

    Raises
    ------
    DataError
        If a share is negative or missing, or the replacements would use up a whole row.

    References
    ----------
    Martín-Fernández, J. A., Barceló-Vidal, C. & Pawlowsky-Glahn, V. (2003). Dealing with zeros and missing
    values in compositional data sets using nonparametric imputation. Mathematical Geology 35, 253–278.

    Examples
    --------
    >>> replace_zeros([[0.6, 0.4, 0.0]], zero=0.05).round(4).tolist()
    [[0.57, 0.38, 0.05]]
    """
    rows = np.asarray(shares, dtype=np.float64)
    if not (rows >= 0).all():
        raise DataError("shares must be 0 or more, with none missing")
    put = np.broadcast_to(np.asarray(zero, dtype=np.float64), rows.shape[:1])[:, None]
    empty = rows == 0
    given_up = put * empty.sum(axis=1, keepdims=True)
    if not ((given_up < 1) & (put > 0)).all():
        raise DataError("the share put in place of zeros must be above 0 and leave something for the others")
    replaced: FloatArray = np.where(empty, put, rows * (1 - given_up))
    return replaced


@dataclass(frozen=True, eq=False, kw_only=True)
class LogRatioFit:
    """Least squares on log-ratio coordinates.

    Parameters
    ----------
    coefficients
        Shape (terms, parts − 1).
    covariance
        Shape (terms × (parts − 1), the same), of the coefficients in the order of ``ravel``.
    residuals
        Shape (n, parts − 1).
    basis
        Shape (parts − 1, parts), that of :func:`ilr_basis`.
    clusters
        How many rows, or groups of rows, could vary freely.
    """

    coefficients: FloatArray
    covariance: FloatArray
    residuals: FloatArray
    basis: FloatArray
    clusters: int

    def contrast(self, weights: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return weighted sums of the coefficients as centred log-ratios, with their covariance.

        Parameters
        ----------
        weights
            Shape (m, terms).

        Returns
        -------
        log_ratios, covariance
            Shapes (m, parts) and (m, parts, parts).
        """
        w = np.atleast_2d(np.asarray(weights, dtype=np.float64))
        return w @ self.coefficients @ self.basis, self.between(w, w)

    def between(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return the covariances of two contrasts' centred log-ratios, pair by pair (m, parts, parts)."""
        terms, q = self.coefficients.shape
        blocks = self.covariance.reshape(terms, q, terms, q)
        inner = np.einsum("ms,siuj,mu->mij", first, blocks, second, optimize=True)
        lifted: FloatArray = np.einsum("ia,mij,jb->mab", self.basis, inner, self.basis, optimize=True)
        return lifted

    def wald(self, weights: ArrayLike) -> tuple[float, int]:
        """Return Wald's statistic that all these sums are nought in every coordinate, and its degrees.

        Parameters
        ----------
        weights
            Shape (m, terms), linearly independent rows.
        """
        w = np.atleast_2d(np.asarray(weights, dtype=np.float64))
        lifted = np.kron(w, np.eye(self.coefficients.shape[1]))
        value = lifted @ self.coefficients.ravel()
        spread = lifted @ self.covariance @ lifted.T
        return float(value @ np.linalg.solve(spread, value)), len(value)


def fit_log_ratios(design: ArrayLike, shares: ArrayLike, *, clusters: ArrayLike | None = None) -> LogRatioFit:
    """Fit log-ratios of shares by least squares, with a covariance that assumes no equal spread.

    The covariance is the jackknife one, from leaving out each cluster in turn (CR3); where every row is
    a cluster of its own that is HC3. The result does not depend on which orthonormal basis is used.

    Parameters
    ----------
    design
        Shape (n, terms), of full column rank without any one cluster.
    shares
        Shape (n, parts), above 0.
    clusters
        Codes (n) of rows that belong together; None where rows are independent.

    Raises
    ------
    DesignError
        If the design has not full rank, or a term rests on one cluster alone.

    References
    ----------
    MacKinnon, J. G. & White, H. (1985). Some heteroskedasticity-consistent covariance matrix estimators with
    improved finite sample properties. Journal of Econometrics 29, 305–325.
    Bell, R. M. & McCaffrey, D. F. (2002). Bias reduction in standard errors for linear regression with
    multi-stage samples. Survey Methodology 28, 169–181.

    Examples
    --------
    >>> fit = fit_log_ratios([[1.0], [1.0]], [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])
    >>> from_clr(fit.contrast([[1.0]])[0]).round(3).tolist()
    [[0.369, 0.369, 0.261]]
    """
    x = np.asarray(design, dtype=np.float64)
    basis = ilr_basis(np.shape(shares)[1])
    y = clr(shares) @ basis.T
    # of the cross products, as there can be many rows; in units of each column's own length
    length = np.linalg.norm(x, axis=0)
    products = x.T @ x / np.outer(length, length) if (length > 0).all() else np.zeros((x.shape[1],) * 2)
    if np.linalg.matrix_rank(products, tol=1e-10, hermitian=True) < x.shape[1]:
        raise DesignError("the terms of the design cannot be told apart; leave out one that others add up to")
    inverse = np.asarray(np.linalg.inv(x.T @ x), dtype=np.float64)
    coefficients = inverse @ (x.T @ y)
    residuals = y - x @ coefficients
    codes = np.arange(len(x)) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1]
    moves = _jackknife(x, residuals, inverse, codes)
    flat = moves.reshape(len(moves), -1)
    return LogRatioFit(
        coefficients=coefficients,
        covariance=flat.T @ flat,
        residuals=residuals,
        basis=basis,
        clusters=len(moves),
    )


def _jackknife(x: FloatArray, residuals: FloatArray, inverse: FloatArray, codes: IntArray) -> FloatArray:
    """Return what leaving out each cluster moves the coefficients by (clusters, terms, coordinates)."""
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    moves = np.empty((len(sizes), x.shape[1], residuals.shape[1]))
    for size in np.unique(sizes):  # clusters of one size are solved together
        which = np.flatnonzero(sizes == size)
        rows = order[starts[which][:, None] + np.arange(size)]
        part = x[rows]
        left = np.eye(size) - np.einsum("gis,su,gju->gij", part, inverse, part, optimize=True)
        if (np.linalg.eigvalsh(left)[:, 0] < 1e-9).any():
            raise DesignError("a term of the design rests on one cluster alone; its spread cannot be told")
        solved = np.linalg.solve(left, residuals[rows])
        moves[which] = np.einsum("su,giu,giq->gsq", inverse, part, solved, optimize=True)
    return moves
