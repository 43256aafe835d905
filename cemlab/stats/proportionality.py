"""The test of proportional hazards, with ties and late entry.

lifelines has one, but not for late entry, and where departures tie its result depends on the order
of the rows. This is the score test that R's ``cox.zph`` computes since version 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.stats.lifetable import product_limit, risk_sets

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class ProportionalityTest:
    """Score tests that single coefficients do not change with time, arrays of shape (n_terms,)."""

    statistic: Floats
    p_value: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class _Efron:
    """Sums over those who depart together at each time, arrays of shape (n_times,).

    Of d who depart together, the k-th leaves a risk set of weight T, from which a share s = k / d of
    the d is gone: the sums over k of 1/T, s/T, 1/T², s/T² and s²/T².
    """

    one: Floats
    share: Floats
    square: Floats
    share_square: Floats
    share2_square: Floats


def proportionality_test(
    x: npt.ArrayLike,
    *,
    duration: npt.ArrayLike,
    event: npt.ArrayLike,
    coefficient: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
) -> ProportionalityTest:
    """Test whether each coefficient of a proportional hazards model is the same at all durations.

    Each term in turn is multiplied by a function of time and the score test of its being needed is
    computed at the fitted model (Grambsch & Therneau 1994, in the exact form of R's survival 3).
    The function is one minus the Kaplan–Meier curve just before each departure.

    Parameters
    ----------
    x
        Covariates, shape (n_spells, n_terms).
    duration, event
        Length of each spell and whether it ended with the event, shape (n_spells,).
    coefficient
        The fitted model's, Efron's treatment of ties, shape (n_terms,).
    entry
        Length already reached when observation began, shape (n_spells,); 0 for spells seen from the start.

    Returns
    -------
    ProportionalityTest
        Chi-squared statistics on one degree of freedom each, and their p-values; NaN where it cannot be
        tested, as when all departures fall on one time.

    Notes
    -----
    Rows are summed by departure time, one pair of terms after the other, so memory is that of `x`.

    Examples
    --------
    >>> test = proportionality_test([[0], [1], [0], [1]], duration=[1, 2, 3, 4], event=[1, 1, 1, 1],
    ...                             coefficient=[-0.9])
    >>> test.statistic.shape
    (1,)
    """
    from scipy.special import chdtrc

    design, ends = np.asarray(x, dtype=float), np.asarray(duration, dtype=float)
    left = np.asarray(event, dtype=bool)
    starts = np.zeros_like(ends) if entry is None else np.asarray(entry, dtype=float)
    # the test changes neither with the origin nor with the unit of a term; the sums stay well scaled
    spread = design.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    design = (design - design.mean(axis=0)) / spread
    weight = np.exp(design @ (np.asarray(coefficient, dtype=float) * spread))
    times, ties = np.unique(ends[left], return_counts=True)
    slots = _Slots.of(times, ends, starts, left)
    efron = _efron(slots.at_risk(weight), slots.gone(weight), ties)
    clock = _clock(ends, left, starts, times)
    score, plain, mixed, squared = _score_and_information(design, weight, slots, efron, clock)
    variance = squared - np.einsum("ij,ij->j", mixed, np.linalg.pinv(plain, hermitian=True) @ mixed)
    # with all departures at one time nothing varies; what rounding leaves of it is no variance
    tested = variance > 1e-12 * squared
    statistic = np.divide(score**2, variance, out=np.full_like(score, np.nan), where=tested)
    return ProportionalityTest(statistic=statistic, p_value=np.asarray(chdtrc(1, statistic), dtype=float))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Slots:
    """Which departure time each row belongs to: the last one not after its end, or its late entry."""

    n_times: int
    end: npt.NDArray[np.intp]
    start: npt.NDArray[np.intp]
    left: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, times: Floats, ends: Floats, starts: Floats, left: npt.NDArray[np.bool_]) -> _Slots:
        # slot 0 is before the first departure; seen from the start means at risk at duration 0 too
        entered = np.where(starts > 0, np.searchsorted(times, starts, side="right"), 0)
        return cls(
            n_times=len(times), end=np.searchsorted(times, ends, side="right"), start=entered, left=left
        )

    def at_risk(self, values: Floats) -> Floats:
        """Sum the values of those at risk at each departure time."""
        size = self.n_times + 1
        net = np.bincount(self.end, values, size) - np.bincount(self.start, values, size)
        return np.asarray(np.cumsum(net[::-1])[::-1][1:], dtype=float)

    def gone(self, values: Floats) -> Floats:
        """Sum the values of those who depart at each departure time."""
        sums = np.bincount(self.end[self.left], values[self.left], self.n_times + 1)
        return np.asarray(sums[1:], dtype=float)


def _clock(ends: Floats, left: npt.NDArray[np.bool_], starts: Floats, times: Floats) -> Floats:
    """Return one minus the Kaplan–Meier curve just before each departure time."""
    at_risk, events = risk_sets(
        ends, event=left, n=np.ones(len(ends), dtype=np.int64), entry=starts, times=times
    )
    survival, _ = product_limit(at_risk, events)
    return np.asarray(1.0 - np.append(1.0, survival[:-1]), dtype=float)


def _efron(at_risk: Floats, gone: Floats, ties: npt.NDArray[np.int64]) -> _Efron:
    """Sum over those who depart together; a row is a departure here."""
    time = np.repeat(np.arange(len(ties)), ties)
    share = (np.arange(len(time)) - (np.cumsum(ties) - ties)[time]) / ties[time]
    total = at_risk[time] - share * gone[time]

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(time, values, len(ties)), dtype=float)

    return _Efron(
        one=summed(1 / total),
        share=summed(share / total),
        square=summed(1 / total**2),
        share_square=summed(share / total**2),
        share2_square=summed((share / total) ** 2),
    )


def _score_and_information(
    x: Floats, weight: Floats, slots: _Slots, efron: _Efron, clock: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the score of each term times the clock, and the sums of the covariances of those who depart.

    The sums weigh each departure time by 1, by the clock (both of shape (n_terms, n_terms)) and by its
    square (the diagonal alone, shape (n_terms,)).
    """
    terms = range(x.shape[1])
    risk = [slots.at_risk(weight * x[:, i]) for i in terms]
    gone = [slots.gone(weight * x[:, i]) for i in terms]
    plain, mixed, squared = np.zeros((len(terms),) * 2), np.zeros((len(terms),) * 2), np.zeros(len(terms))
    score = np.zeros(len(terms))
    for i in terms:
        expected = risk[i] * efron.one - gone[i] * efron.share
        score[i] = clock @ (slots.gone(x[:, i]) - expected)
        for j in range(i + 1):
            product = weight * x[:, i] * x[:, j]
            second = slots.at_risk(product) * efron.one - slots.gone(product) * efron.share
            centres = (
                risk[i] * risk[j] * efron.square
                - (risk[i] * gone[j] + gone[i] * risk[j]) * efron.share_square
                + gone[i] * gone[j] * efron.share2_square
            )
            covariance = second - centres
            plain[i, j] = plain[j, i] = covariance.sum()
            mixed[i, j] = mixed[j, i] = clock @ covariance
        squared[i] = clock**2 @ covariance  # of the term with itself, the last j
    return score, plain, mixed, squared
