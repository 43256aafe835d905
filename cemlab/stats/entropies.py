"""How many kinds there really are: entropy of counts without its bias, and how far two mixes are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, OptionError, one_of
from cemlab.result import check_conf_level
from cemlab.stats.intervals import Interval

Floats = npt.NDArray[np.float64]
EntropyMethod = Literal["miller_madow", "chao_shen", "plug_in"]

_TINY = 1e-300


def entropy(
    counts: npt.ArrayLike,
    *,
    method: EntropyMethod = "miller_madow",
    dispersion: float = 1.0,
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
    dispersion
        Variance of counts over that of a multinomial sample.
    conf_level
        Of the intervals.

    Returns
    -------
    Interval
        Of shape (...), between 0 and log k at the ends; nan without counts.

    References
    ----------
    Miller, G. (1955). Note on the bias of information estimates. Information Theory in Psychology II-B.
    Chao, A. & Shen, T.-J. (2003). Nonparametric estimation of Shannon's index of diversity when there are
    unseen species in sample. Environmental and Ecological Statistics 10, 429–443.

    Examples
    --------
    Fifty of either kind: log 2 and 1 / 200.

    >>> round(float(entropy([50, 50]).estimate), 6) == round(float(np.log(2) + 1 / 200), 6)
    True
    """
    from scipy.special import ndtri, xlogy

    check_conf_level(conf_level)
    if method not in get_args(EntropyMethod):
        raise OptionError(one_of(method, get_args(EntropyMethod), what="estimate of entropy"))
    seen = _counts(counts)
    n = seen.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = seen / n[..., None]
        plug_in = -xlogy(shares, shares).sum(axis=-1)
        spread = (shares * np.log(np.maximum(shares, _TINY)) ** 2).sum(axis=-1) - plug_in**2
        # the next term of the expansion, which counts where all kinds are alike and the first is nought
        variance = dispersion * np.maximum(spread, 0.0) / n
        variance += dispersion**2 * ((seen > 0).sum(axis=-1) - 1) / (2 * n**2)
        seen_kinds = (seen > 0).sum(axis=-1)
        if method == "chao_shen":
            estimate = _chao_shen(seen, n)
        else:
            estimate = plug_in + (method == "miller_madow") * dispersion * (seen_kinds - 1) / (2 * n)
    reach = float(ndtri(0.5 + conf_level / 2)) * np.sqrt(variance)
    most = float(np.log(seen.shape[-1]))
    return Interval(estimate, np.clip(estimate - reach, 0.0, most), np.clip(estimate + reach, 0.0, most))


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
    from scipy.special import chndtrinc, fdtrc, xlogy

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
    ends = []
    for chance in (1 - tail, tail):
        # the central distribution is the least drift there is
        ends.append(np.array([_noncentral(x, df, chance, chndtrinc) for x in scaled]) * dispersion / (2 * n))
    estimate = np.maximum(scaled - df, 0.0) * dispersion / (2 * n)
    return Drift(divergence=Interval(estimate, *ends), p_value=np.asarray(p_value))


def _noncentral(value: float, df: int, chance: float, inverse) -> float:  # type: ignore[no-untyped-def]
    from scipy.special import chdtr

    if value <= 0 or chdtr(df, value) <= chance:
        return 0.0
    return float(inverse(value, df, chance))


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
