"""The mix of each channel and phase, as sent and as wanted: estimates, gaps and contrasts as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DesignError
from cemlab.segmentation.message_rows import MixRows
from cemlab.stats.compositions import FloatArray, IntArray, LogRatioFit, fit_log_ratios, from_clr
from cemlab.stats.ellipsoid import Length, lengths
from cemlab.stats.intervals import Interval

Flags = NDArray[np.bool_]

# From here on a joint test over cells may lean on large samples.
_LARGE = 20


@dataclass(frozen=True, eq=False, kw_only=True)
class Cells:
    """One cell a side, channel and phase, in this order.

    Parameters
    ----------
    fit
        Least squares with a term a cell that can be estimated.
    weights
        Shape (sides, channels, phases, terms): which term is whose; all 0 where there is none.
    n, persons
        Rows and independent sources in each cell (sides, channels, phases).
    mostly_zero
        Of which parts half or more of the values of a cell are zero (sides, channels, phases, parts).
    """

    fit: LogRatioFit
    weights: FloatArray
    n: IntArray
    persons: IntArray
    mostly_zero: Flags

    @property
    def estimable(self) -> Flags:
        """Whether each cell can be estimated (sides, channels, phases)."""
        return np.asarray(self.weights.any(axis=-1))

    @property
    def both(self) -> Flags:
        """Whether the gap of a channel and phase can be (channels, phases)."""
        return np.asarray(self.estimable.all(axis=0))

    def shares(self, side: int, *, conf_level: float) -> Interval:
        """Return the mix of each channel and phase on one side (channels × phases, parts)."""
        weights = self.weights[side].reshape(-1, self.weights.shape[-1])
        log_ratios, covariance = self.fit.contrast(weights)
        df = np.maximum(self.persons[side].ravel() - 1, 1)
        return _blanked(
            share_interval(log_ratios, covariance, df, conf_level=conf_level), self.estimable[side].ravel()
        )

    def gap_vectors(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return wanted less sent as centred log-ratios (cells, parts), covariance, degrees of freedom."""
        sent, wanted = (side.reshape(-1, self.weights.shape[-1]) for side in self.weights)
        log_ratios, covariance = self.fit.contrast(wanted - sent)
        return log_ratios, covariance, self._df(sent, wanted)

    def _df(self, sent: FloatArray, wanted: FloatArray) -> FloatArray:
        """Return the degrees of freedom of each gap (Nel & Van der Merwe 1986), Welch's in one dimension."""
        needed = np.zeros(len(sent))
        total = np.zeros((len(sent), *self.fit.basis.shape[1:] * 2))
        for side, weights in enumerate((sent, wanted)):
            covariance = self.fit.contrast(weights)[1]
            total += covariance
            needed += _size(covariance) / np.maximum(self.persons[side].ravel() - 1, 1)
        return np.divide(_size(total), needed, out=np.ones(len(sent)), where=needed > 0)

    def gaps_in_points(self, *, conf_level: float) -> Interval:
        """Return wanted less sent as differences of shares (cells, parts), by the delta method."""
        sent, wanted = (side.reshape(-1, self.weights.shape[-1]) for side in self.weights)
        (z_sent, c_sent), (z_wanted, c_wanted) = (self.fit.contrast(side) for side in (sent, wanted))
        p_sent, p_wanted = from_clr(z_sent), from_clr(z_wanted)
        j_sent, j_wanted = _share_slopes(p_sent), _share_slopes(p_wanted)
        cross = self.fit.between(wanted, sent)
        variance = (
            _diagonal(j_wanted, c_wanted, j_wanted)
            + _diagonal(j_sent, c_sent, j_sent)
            - 2 * _diagonal(j_wanted, cross, j_sent)
        )
        gap, spread = p_wanted - p_sent, np.sqrt(np.maximum(variance, 0))
        reach = _t(conf_level, self._df(sent, wanted))[:, None] * spread
        return _blanked(Interval(gap, gap - reach, gap + reach), self.both.ravel())

    def log_ratio_gaps(self, *, conf_level: float) -> Interval:
        """Return wanted less sent as centred log-ratios (channels × phases, parts)."""
        gap, covariance, df = self.gap_vectors()
        reach = _t(conf_level, df)[:, None] * _spread(covariance)
        return _blanked(Interval(gap, gap - reach, gap + reach), self.both.ravel())

    def gap_lengths(self, *, conf_level: float) -> tuple[Length, FloatArray]:
        """Return the Aitchison distance of the cells whose gap can be estimated, and what chance makes of it.

        The second is the distance to be expected from the estimates' errors alone.
        """
        gap, covariance, df = (values[self.both.ravel()] for values in self.gap_vectors())
        basis = self.fit.basis
        turned = np.einsum("ia,mab,jb->mij", basis, covariance, basis)
        by_chance = np.sqrt(np.trace(turned, axis1=1, axis2=2))
        return lengths(gap @ basis.T, turned, df, conf_level=conf_level), by_chance

    def contrasts(self, side: int) -> dict[str, FloatArray] | None:
        """Return what channel, phase and their interaction add on one side, as weights of the terms.

        None unless every cell of the side can be estimated; equal weight is given to each cell.
        """
        if not self.estimable[side].all():
            return None
        weights = self.weights[side]
        whole = weights.mean(axis=(0, 1))
        channel, phase = weights.mean(axis=1) - whole, weights.mean(axis=0) - whole
        both = weights - whole - channel[:, None] - phase[None]
        return {
            "channel": channel,
            "phase": phase,
            "both": both[1:, 1:].reshape(-1, weights.shape[-1]),
        }

    def large(self, side: int) -> bool:
        """Whether the cells of a side are large enough for a joint test."""
        return bool(self.persons[side].min() >= _LARGE)


def fit_cells(rows: MixRows, shares: FloatArray, *, min_rows: int) -> Cells:
    """Fit the mix of every cell that has `min_rows` independent rows that are not all alike.

    A cell in which half or more of the values of a part are zero is left out: its mix would be that of what
    stands for a zero.

    Raises
    ------
    DesignError
        If no channel and phase can be compared.
    """
    shape = (2, len(rows.channels), len(rows.phases))
    cell = np.ravel_multi_index((rows.side, rows.channel, rows.phase), shape)
    n = np.bincount(cell, minlength=int(np.prod(shape)))
    persons = count_persons(cell, rows.person, len(n))
    mostly_zero = rows.mostly_zero(cell, len(n))
    usable = (persons >= min_rows) & _varied(cell, shares, len(n)) & ~mostly_zero.any(axis=1)
    if not usable.reshape(2, -1).all(axis=0).any():
        raise DesignError(
            f"no channel and phase has {min_rows} independent messages sent and as many wanted, with each "
            "part above 0 in most; gather more, or join channels, phases or parts"
        )
    term = np.cumsum(usable) - 1
    weights = np.eye(usable.sum())[np.maximum(term, 0)] * usable[:, None]
    kept = usable[cell]
    fit = fit_log_ratios(weights[cell[kept]], shares[kept], clusters=rows.person[kept])
    return Cells(
        fit=fit,
        weights=weights.reshape(*shape, -1),
        n=n.reshape(shape),
        persons=persons.reshape(shape),
        mostly_zero=mostly_zero.reshape(*shape, -1),
    )


def count_persons(group: IntArray, person: IntArray, groups: int) -> IntArray:
    """Return how many independent sources each group has."""
    pairs = np.unique(np.stack([group, person], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=groups).astype(np.int64)


def share_interval(
    log_ratios: FloatArray, covariance: FloatArray, df: FloatArray | IntArray, *, conf_level: float
) -> Interval:
    """Return shares with intervals, by the delta method on the log odds of each, so that they stay shares."""
    share = from_clr(log_ratios)
    slopes = (np.eye(share.shape[1])[None] - share[:, None, :]) / (1 - share[:, :, None])
    reach = _t(conf_level, df)[:, None] * np.sqrt(np.maximum(_diagonal(slopes, covariance, slopes), 0))
    odds = share / (1 - share)
    return Interval(share, *(1 / (1 + 1 / (odds * np.exp(sign * reach))) for sign in (-1, 1)))


def _varied(cell: IntArray, shares: FloatArray, cells: int) -> Flags:
    """Tell in which cells no direction of log-ratios is without spread."""
    logs = np.log(shares)
    logs = logs - logs.mean(axis=1, keepdims=True)
    varied = np.zeros(cells, dtype=bool)
    for code in np.unique(cell):
        rows = logs[cell == code]
        varied[code] = np.linalg.matrix_rank(rows - rows.mean(axis=0), tol=1e-9) == logs.shape[1] - 1
    return varied


def _share_slopes(share: FloatArray) -> FloatArray:
    """Return how shares move with their log-ratios (m, parts, parts)."""
    slopes: FloatArray = share[:, :, None] * (np.eye(share.shape[1])[None] - share[:, None, :])
    return slopes


def _diagonal(left: FloatArray, covariance: FloatArray, right: FloatArray) -> FloatArray:
    diagonal: FloatArray = np.einsum("mja,mab,mjb->mj", left, covariance, right, optimize=True)
    return diagonal


def _spread(covariance: FloatArray) -> FloatArray:
    spread: FloatArray = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0))
    return spread


def _size(covariance: FloatArray) -> FloatArray:
    trace = np.trace(covariance, axis1=1, axis2=2)
    return np.asarray(np.einsum("mij,mji->m", covariance, covariance) + trace**2, dtype=np.float64)


def _t(conf_level: float, df: FloatArray | IntArray) -> FloatArray:
    from scipy.special import stdtrit

    return np.asarray(stdtrit(np.asarray(df, dtype=np.float64), (1 + conf_level) / 2), dtype=np.float64)


def _blanked(interval: Interval, known: Flags) -> Interval:
    return Interval(*(np.where(known[:, None], values, np.nan) for values in interval))
