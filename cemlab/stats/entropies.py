"""How many kinds there really are: entropy of counts without its bias, and how far two mixes are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, OptionError, one_of
from cemlab.result import check_conf_level
from cemlab.stats.intervals import Interval
from cemlab.stats.seeds import generator

Floats = npt.NDArray[np.float64]
EntropyMethod = Literal["miller_madow", "chao_shen", "plug_in"]

_TINY = 1e-300
# Concentrations at which the prior of an entropy is taken, and draws for its interval.
_NODES = 60
_DRAWS = 2000


def entropy(
    counts: npt.ArrayLike,
    *,
    method: EntropyMethod = "miller_madow",
    dispersion: float = 1.0,
    dispersion_df: float = np.inf,
    conf_level: float = 0.95,
) -> Interval:
    """Return the entropy of the shares behind counts, with intervals [nats].

    Parameters
    ----------
    counts
        Whole numbers from 0 on, of shape (..., k).
    method
        ``"miller_madow"``: the plug-in and (kinds seen - 1) / (2 n); ``"chao_shen"``: weights for kinds not
        seen, better where most are rare; ``"plug_in"``: biased downwards.
    dispersion, dispersion_df
        Variance of counts over that of a multinomial sample, and the degrees of freedom it is known with.
    conf_level
        Of the intervals.

    Returns
    -------
    Interval
        Of shape (...), between 0 and log k; nan without counts. The estimate is never outside.

    Notes
    -----
    Intervals are quantiles of 2,000 draws behind Nemenman, Shafee & Bialek's prior, under which every
    entropy is about as likely beforehand, from counts divided by the dispersion; log k is an end unless
    Pearson's test refutes that all kinds are alike; and where one kind was seen alone, the upper end is that
    of the likelihood. They do not depend on `method`, but reach to the estimate where it is outside. In
    simulations (six mixes of two to six kinds, even and skewed; samples of 1 to 1,000; 600 each) they held
    the entropy in 91 to 100 % where 95 were promised, and in 85 % in the worst case (30 of a mix with 85 %
    in one kind).

    References
    ----------
    Miller, G. (1955). Note on the bias of information estimates. Information Theory in Psychology II-B.
    Chao, A. & Shen, T.-J. (2003). Nonparametric estimation of Shannon's index of diversity when there are
    unseen species in sample. Environmental and Ecological Statistics 10, 429–443. Nemenman, I., Shafee, F. &
    Bialek, W. (2002). Entropy and inference, revisited. Advances in Neural Information Processing Systems 14.

    Examples
    --------
    Thirty and ten: the plug-in, 0.562, and 1 / 80.

    >>> found = entropy([30, 10])
    >>> round(float(found.estimate), 3), bool(found.conf_low < found.estimate < found.conf_high)
    (0.575, True)
    """
    check_conf_level(conf_level)
    estimate = entropy_estimate(counts, method=method, dispersion=dispersion)
    seen = _counts(counts)
    n = seen.sum(axis=-1)
    rows = seen.reshape(-1, seen.shape[-1])
    low, high = np.full((2, len(rows)), np.nan)
    there = rows.sum(axis=1) > 0
    low[there], high[there] = _ends(rows[there], dispersion, dispersion_df, conf_level)
    low, high = low.reshape(n.shape), high.reshape(n.shape)
    return Interval(estimate, np.minimum(low, estimate), np.maximum(high, estimate))


def entropy_estimate(
    counts: npt.ArrayLike, *, method: EntropyMethod = "miller_madow", dispersion: float = 1.0
) -> Floats:
    """Return the entropy alone, between 0 and log k; parameters are those of :func:`entropy`.

    Examples
    --------
    >>> entropy_estimate([[50, 50], [100, 0]], method="plug_in").round(6).tolist()
    [0.693147, 0.0]
    """
    from scipy.special import xlogy

    if method not in get_args(EntropyMethod):
        raise OptionError(one_of(method, get_args(EntropyMethod), what="estimate of entropy"))
    seen = _counts(counts)
    n = seen.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = seen / n[..., None]
        estimate = -xlogy(shares, shares).sum(axis=-1)
        if method == "chao_shen":
            estimate = _chao_shen(seen, n)
        elif method == "miller_madow":
            estimate = estimate + dispersion * ((seen > 0).sum(axis=-1) - 1) / (2 * n)
    # no negative nought
    found: Floats = np.clip(estimate, 0.0, np.log(seen.shape[-1])) + 0.0
    return found


def _ends(rows: Floats, dispersion: float, dispersion_df: float, conf_level: float) -> tuple[Floats, Floats]:
    """Return the ends of intervals for entropies."""
    from scipy.special import chdtri, fdtri, xlogy

    kinds = rows.shape[1]
    most = np.log(kinds)
    if kinds == 1 or not len(rows):
        return np.zeros(len(rows)), np.zeros(len(rows))
    low, high = np.quantile(
        _drawn(rows, dispersion, dispersion_df), [0.5 - conf_level / 2, 0.5 + conf_level / 2], axis=1
    )
    n = rows.sum(axis=1)
    pearson = (rows**2).sum(axis=1) * kinds / n - n
    df = min(dispersion_df, 1e9)
    alike = pearson / dispersion <= (kinds - 1) * fdtri(kinds - 1, df, conf_level)
    high = np.where(alike, most, high)
    # one kind alone: its share is at least so high, and the others share what is left
    share = np.exp(-float(chdtri(1, 1 - conf_level)) * dispersion / (2 * n))
    share = np.maximum(share, 1 / kinds)
    rest = (1 - share) / (kinds - 1)
    spread = -xlogy(share, share) - (kinds - 1) * xlogy(rest, rest)
    alone = (rows > 0).sum(axis=1) == 1
    return np.where(alone, 0.0, low), np.where(alone, np.maximum(high, spread), high)


def _drawn(rows: Floats, dispersion: float, dispersion_df: float) -> Floats:
    """Draw entropies given counts, of shape (rows, draws), the same for the same counts in any order."""
    from scipy.special import gammaln, polygamma, xlogy

    rng = generator(1)
    kinds = rows.shape[1]
    concentration = np.exp(np.linspace(np.log(0.01 / kinds), np.log(100.0), _NODES))
    # the slope of the entropy that a concentration makes one expect: all entropies alike beforehand
    slope = kinds * polygamma(1, kinds * concentration + 1) - polygamma(1, concentration + 1)
    counted = np.sort(rows, axis=1) / dispersion
    n = counted.sum(axis=1)[:, None]
    log_weight = np.log(slope * concentration) + gammaln(kinds * concentration)
    log_weight = log_weight - gammaln(n + kinds * concentration) - kinds * gammaln(concentration)
    log_weight = log_weight + gammaln(counted[:, None, :] + concentration[:, None]).sum(axis=2)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True)).cumsum(axis=1)
    weight /= weight[:, -1:]
    at = (np.arange(_DRAWS) + 0.5) / _DRAWS
    factor = np.ones(_DRAWS)
    if np.isfinite(dispersion_df):
        # how far the dispersion itself is known
        factor = rng.chisquare(dispersion_df, _DRAWS) / dispersion_df
    drawn = np.empty((len(rows), _DRAWS))
    for row, own in enumerate(counted):
        alpha = concentration[np.searchsorted(weight[row], at)]
        gammas = rng.standard_gamma(own * factor[:, None] + alpha[:, None]) + _TINY
        shares = gammas / gammas.sum(axis=1, keepdims=True)
        drawn[row] = -xlogy(shares, shares).sum(axis=1)
    return drawn


def _chao_shen(seen: Floats, n: Floats) -> Floats:
    once = np.minimum((seen == 1).sum(axis=-1), n - 1)  # all singletons: a coverage of nought tells nothing
    covered = (1 - once / n)[..., None] * seen / n[..., None]
    there = 1 - (1 - covered) ** n[..., None]
    terms = np.where(seen > 0, covered * np.log(np.maximum(covered, _TINY)) / np.maximum(there, _TINY), 0.0)
    estimate: Floats = np.where(n > 0, -terms.sum(axis=-1), np.nan)
    return estimate


@dataclass(frozen=True, eq=False, kw_only=True)
class Drift:
    """How far mixes are from the base's.

    Parameters
    ----------
    divergence
        Jensen–Shannon divergence, each mix weighted by its counts, less what chance makes and 0 at the
        least; with interval [nats].
    p_value
        Of no drift.
    """

    divergence: Interval
    p_value: Floats


def drift(
    counts: npt.ArrayLike,
    *,
    base: npt.ArrayLike,
    dispersion: float = 1.0,
    dispersion_df: float = np.inf,
    conf_level: float = 0.95,
) -> Drift:
    """Return how far mixes have drifted from a base, against what sampling alone would make.

    Parameters
    ----------
    counts
        Of shape (t, k).
    base
        Of shape (k).
    dispersion, dispersion_df
        Variance of counts over a multinomial sample's, and the degrees of freedom it is known with.
    conf_level
        Of the intervals.

    Notes
    -----
    Twice the counts times the weighted divergence is the likelihood ratio of one mix against two, and
    chi-squared on k - 1 degrees of freedom where nothing drifts, up to the dispersion; intervals are those
    of the non-central chi-squared.

    References
    ----------
    Lin, J. (1991). Divergence measures based on the Shannon entropy. IEEE Transactions on Information
    Theory 37, 145–151. Rao, J. N. K. & Scott, A. J. (1984). On chi-squared tests for multiway contingency
    tables with cell proportions estimated from survey data. Annals of Statistics 12, 46–60.

    Examples
    --------
    >>> found = drift([[50, 50], [90, 10]], base=[50, 50])
    >>> found.p_value.round(4).tolist(), bool(found.divergence.conf_low[1] > 0)
    ([1.0, 0.0], True)
    """
    from scipy.special import fdtrc, xlogy

    check_conf_level(conf_level)
    seen, first = _counts(counts), _counts(base)
    pooled = seen + first
    kinds = int((pooled.sum(axis=0) > 0).sum())
    if kinds < 2 or first.sum() == 0 or (seen.sum(axis=-1) == 0).any():
        raise DataError("drift needs two kinds or more, and counts in the base and in every period")

    def information(table: Floats) -> Floats:
        total = table.sum(axis=-1)
        result: Floats = xlogy(table, table).sum(axis=-1) - xlogy(total, total)
        return result

    ratio = np.maximum(2 * (information(seen) + information(first) - information(pooled)), 0.0)
    df, n = kinds - 1, pooled.sum(axis=-1)
    scaled = ratio / dispersion
    p_value = fdtrc(df, min(dispersion_df, 1e9), scaled / df)
    tail = (1 - conf_level) / 2
    ends = [
        _noncentral(scaled, df, dispersion_df, chance) * dispersion / (2 * n) for chance in (1 - tail, tail)
    ]
    estimate = np.maximum(scaled - df, 0.0) * dispersion / (2 * n)
    return Drift(divergence=Interval(estimate, *ends), p_value=np.asarray(p_value))


def joint_drift(counts: npt.ArrayLike, *, dispersion: float = 1.0, dispersion_df: float = np.inf) -> float:
    """Return the p-value of one and the same mix in all periods.

    Parameters
    ----------
    counts
        Of shape (t, k), the base among them.
    dispersion, dispersion_df
        As in :func:`drift`.

    Examples
    --------
    >>> round(joint_drift([[50, 50], [50, 50], [90, 10]]), 6), joint_drift([[5, 5], [5, 5]])
    (0.0, 1.0)
    """
    from scipy.special import fdtrc, xlogy

    seen = _counts(counts)
    seen = seen[:, seen.sum(axis=0) > 0]
    expected = seen.sum(axis=1, keepdims=True) * seen.sum(axis=0) / max(float(seen.sum()), 1.0)
    ratio = 2 * float((xlogy(seen, seen) - xlogy(seen, np.maximum(expected, _TINY))).sum())
    df = (seen.shape[0] - 1) * (seen.shape[1] - 1)
    if df < 1:
        raise DataError("drift needs two kinds or more, and two periods or more")
    return float(fdtrc(df, min(dispersion_df, 1e9), max(ratio, 0.0) / dispersion / df))


def _noncentral(values: Floats, df: int, other_df: float, chance: float) -> Floats:
    """Return the non-centralities at which such values of a statistic stand at `chance`, 0 at the least."""
    from scipy.special import chndtr, ncfdtr

    def below(noncentral: Floats) -> Floats:
        # a dispersion known so well is known exactly
        if other_df > 1e5:
            return np.asarray(chndtr(values, df, noncentral))
        return np.asarray(ncfdtr(df, other_df, noncentral, values / df))

    low, high = np.zeros_like(values), 4 * values + 40.0
    # where chance stands little below all, the non-centrality can be many times the value
    for _ in range(40):
        short = below(high) > chance
        if not short.any():
            break
        high = np.where(short, 2 * high, high)
    for _ in range(60):
        middle = (low + high) / 2
        under = below(middle) > chance
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    # the central distribution is the least drift there is
    result: Floats = np.where((values > 0) & (below(np.zeros_like(values)) > chance), (low + high) / 2, 0.0)
    return result


def dispersion_within(counts: npt.ArrayLike) -> tuple[float, float]:
    """Return the dispersion of counts around mixes of units that all drift alike, and its degrees of freedom.

    Parameters
    ----------
    counts
        Of units, periods and kinds, of shape (u, t, k).

    Returns
    -------
    tuple
        Pearson's statistic over its degrees of freedom, 1 at the least; the degrees of freedom.

    Notes
    -----
    Expected counts are those without interaction of units, periods and kinds, fitted by iterative
    proportional scaling.
    """
    seen = _counts(counts)
    units, periods, kinds = (int((seen.sum(axis=axis) > 0).sum()) for axis in ((1, 2), (0, 2), (0, 1)))
    df = float((units - 1) * (periods - 1) * (kinds - 1))
    if df < 1:
        return 1.0, np.inf
    expected = np.ones_like(seen)
    for _ in range(50):
        for axis in range(3):
            margin, now = seen.sum(axis=axis, keepdims=True), expected.sum(axis=axis, keepdims=True)
            expected = expected * np.where(now > 0, margin / np.maximum(now, _TINY), 0.0)
    there = expected > 1e-9
    # cells that hold nothing whatever the mix, e.g. a branch that was not open, tell nothing
    empty = int((seen.sum(axis=2) == 0).sum()) * (kinds - 1)
    df = max(df - empty, 1.0)
    pearson = float(((seen[there] - expected[there]) ** 2 / expected[there]).sum())
    return max(1.0, pearson / df), df


def _counts(counts: npt.ArrayLike) -> Floats:
    seen = np.asarray(counts, dtype=np.float64)
    if seen.ndim < 1 or not np.isfinite(seen).all() or (seen < 0).any() or (seen != np.rint(seen)).any():
        raise DataError("counts must be whole numbers from 0 on: a share without its n tells no uncertainty")
    return seen
