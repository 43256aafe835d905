"""The NBD-Dirichlet model of a stationary market: what every brand's figures are if nothing changes.

Fitting it to a panel is in :mod:`cemlab.stats.dirichlet_fit`, what becomes of loyal buyers in
:mod:`cemlab.stats.dirichlet_fates`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.optimize import brentq

from cemlab.errors import DataError, DesignError, OptionError
from cemlab.stats.purchase_history import checked_numbers

FloatArray = NDArray[np.float64]

_LONGEST_SUM = 200_000  # purchases of one household up to which sums are taken one by one
_LOG_ENDS = (-14.0, 14.0)  # K and S are looked for between a millionth and a million
_NEGLIGIBLE = 1e-15  # share of households that may lie beyond the end of a sum


@dataclass(frozen=True, eq=False, kw_only=True)
class Dirichlet:
    """A fully specified stationary market.

    A household buys the category at random at her own steady rate, which is gamma distributed over
    households; which brand she takes is drawn from her own steady shares, which are Dirichlet distributed and
    independent of the rate. All methods speak of a period of `length` times the unit in which `mean` is
    stated; arrays over brands have the order of `shares`.

    Parameters
    ----------
    mean
        Category purchases per household in a unit period (M), non-buyers included.
    shape
        Shape of the gamma distribution of the rates (K): the smaller, the more households differ.
    switching
        Sum of the Dirichlet parameters (S): 0 if every household has one brand for life, infinite if all
        have the same shares.
    shares
        Market share of each brand by purchases, of shape (brands,). If they add up to less than 1, the
        rest of the market counts as one more brand that is not reported.

    Raises
    ------
    OptionError
        If a parameter is not positive and finite, or the shares add up to more than 1.
    DataError
        If the shares are not a vector of numbers.

    References
    ----------
    Goodhardt, G. J., Ehrenberg, A. S. C. & Chatfield, C. (1984). The Dirichlet: a comprehensive model of
    buying behaviour. Journal of the Royal Statistical Society A 147, 621–655.

    Examples
    --------
    >>> market = Dirichlet(mean=1.456, shape=0.7788, switching=1.55, shares=np.array([0.25, 0.19, 0.1]))
    >>> market.penetration().round(2)
    array([0.21, 0.16, 0.09])
    >>> market.purchase_rate(length=4).round(1)
    array([3.6, 3.4, 3. ])
    """

    mean: float
    shape: float
    switching: float
    shares: FloatArray

    def __post_init__(self) -> None:
        """Refuse what is no market."""
        for name in ("mean", "shape", "switching"):
            checked_positive(getattr(self, name), what=name)
        shares = checked_numbers(self.shares, what="shares", above=0.0)
        if shares.size == 0 or shares.sum() > 1.0 + 1e-9:
            raise OptionError(
                f"the shares of {shares.size} brands add up to {shares.sum():g}; give at least one, and at "
                "most 1 in all"
            )
        object.__setattr__(self, "shares", shares)

    @property
    def alphas(self) -> FloatArray:
        """Dirichlet parameter of each brand, of shape (brands,)."""
        return np.asarray(self.switching * self.shares, dtype=np.float64)

    def category_penetration(self, length: float = 1.0) -> float:
        """Return the share of households that buy the category at all."""
        return float(-np.expm1(-self.shape * np.log1p(self._mean(length) / self.shape)))

    def category_purchase_rate(self, length: float = 1.0) -> float:
        """Return the category purchases per category buyer."""
        return self._mean(length) / self.category_penetration(length)

    def penetration(self, length: float = 1.0) -> FloatArray:
        """Return the share of all households that buy the brand at least once, of shape (brands,)."""
        return 1.0 - self._none(self.alphas, length)

    def purchase_rate(self, length: float = 1.0) -> FloatArray:
        """Return the purchases of the brand per buyer of the brand (w), of shape (brands,)."""
        return self.shares * self._mean(length) / self.penetration(length)

    def category_rate(self, length: float = 1.0) -> FloatArray:
        """Return the category purchases per buyer of the brand (w_P), of shape (brands,)."""
        n, chance = self._category(length)
        without = (n * chance) @ _rising(self.switching - self.alphas, self.switching, n.size)
        return (self._mean(length) - without) / self.penetration(length)

    def share_of_requirements(self, length: float = 1.0) -> FloatArray:
        """Return the brand's share of what its buyers buy of the category, of shape (brands,)."""
        return self.purchase_rate(length) / self.category_rate(length)

    def once_only(self, length: float = 1.0) -> FloatArray:
        """Return the share of the brand's buyers who buy it exactly once, of shape (brands,)."""
        return self._once(length) / self.penetration(length)

    def sole_buyers(self, length: float = 1.0) -> FloatArray:
        """Return the share of the brand's buyers who buy no other brand, of shape (brands,)."""
        _, chance = self._category(length)
        only = _rising(self.alphas, self.switching, chance.size)
        return (chance[1:] @ only[1:]) / self.penetration(length)

    def sole_rate(self, length: float = 1.0) -> FloatArray:
        """Return the purchases per buyer who buys no other brand, of shape (brands,)."""
        n, chance = self._category(length)
        only = _rising(self.alphas, self.switching, n.size)
        return np.asarray(((n * chance) @ only) / (chance[1:] @ only[1:]), dtype=np.float64)

    def repeat_buyers(self, length: float = 1.0) -> FloatArray:
        """Return the share of a period's buyers of the brand who buy it again in the next one.

        Both periods have the given length; of shape (brands,).
        """
        return self._both(length) / self.penetration(length)

    def repeat_rate(self, length: float = 1.0) -> FloatArray:
        """Return the purchases of the brand in the next period per buyer who comes back, of shape (brands,).

        Those who buy in the next period but not in this one then take as many as are bought by
        those who buy exactly once in a period.
        """
        return (self.shares * self._mean(length) - self._once(length)) / self._both(length)

    def duplication(self, length: float = 1.0) -> FloatArray:
        """Return the share of the buyers of the row's brand who also buy the column's.

        Of shape (brands, brands), with ones on the diagonal.
        """
        never = self._none(self.alphas, length)
        both = np.empty((never.size, never.size))
        for i in range(never.size):
            either = 1.0 - self._none(np.minimum(self.alphas[i] + self.alphas, self.switching), length)
            both[i] = 2.0 - never[i] - never - either
        both /= (1.0 - never)[:, None]
        np.fill_diagonal(both, 1.0)
        return both

    def _mean(self, length: float) -> float:
        """Return the category purchases per household."""
        return self.mean * checked_positive(length, what="length")

    def _category(self, length: float) -> tuple[FloatArray, FloatArray]:
        """Return the numbers of category purchases and how likely each is."""
        return purchase_chances(self._mean(length), self.shape)

    def _none(self, alphas: FloatArray, length: float) -> FloatArray:
        """Return how likely a household buys nothing of brands with these Dirichlet parameters."""
        _, chance = self._category(length)
        return np.asarray(chance @ _rising(self.switching - alphas, self.switching, chance.size))

    def _once(self, length: float) -> FloatArray:
        """Return how likely a household buys the brand exactly once, of shape (brands,)."""
        n, chance = self._category(length)
        # one of n is the brand: n α (S − α)(S − α + 1)… / S(S + 1)…, one factor fewer in the numerator
        others = _rising(self.switching - self.alphas, self.switching + 1.0, n.size - 1)
        return np.asarray(((n * chance)[1:] @ others) * self.shares, dtype=np.float64)

    def _both(self, length: float) -> FloatArray:
        """Return how likely a household buys the brand in each of two periods in a row."""
        return 1.0 - 2.0 * self._none(self.alphas, length) + self._none(self.alphas, 2.0 * length)


def purchase_chances(mean: float, shape: float) -> tuple[FloatArray, FloatArray]:
    """Return numbers of purchases 0, 1, …, and how likely each is under the NBD.

    Parameters
    ----------
    mean, shape
        Mean per household and shape of the NBD.

    Returns
    -------
    tuple of numpy.ndarray
        Two vectors of the same length; what lies beyond their end has a chance below 1e-13.

    Raises
    ------
    OptionError
        If so many purchases are likely that the sums become too long.

    Examples
    --------
    >>> n, chance = purchase_chances(1.0, 1.0)
    >>> chance[:4]
    array([0.5   , 0.25  , 0.125 , 0.0625])
    """
    rate = special.gammainccinv(shape, _NEGLIGIBLE * min(1.0, shape)) * mean / shape
    end = rate + 9.0 * np.sqrt(rate) + 30.0
    if end > _LONGEST_SUM:
        raise OptionError(
            f"with mean {mean:g} and shape {shape:g} some households buy more than {_LONGEST_SUM:,} times a "
            "period; take a shorter period"
        )
    n = np.arange(int(end) + 1, dtype=np.float64)
    log_chance = -shape * np.log1p(mean / shape) + np.concatenate(
        [[0.0], np.cumsum(np.log((shape + n[:-1]) / n[1:]) - np.log1p(shape / mean))]
    )
    return n, np.exp(log_chance)


def checked_positive(value: float, *, what: str) -> float:
    """Return a number above 0, or say that it is none.

    Raises
    ------
    OptionError
        If it is not a finite number above 0.
    """
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "iuf" or not 0.0 < number < np.inf:
        raise OptionError(f"{what} is {value!r}; give one number above 0")
    return float(number)


def _rising(numerator: ArrayLike, denominator: ArrayLike, size: int) -> FloatArray:
    """Return (a)(a + 1)… / (S)(S + 1)… with 0, 1, …, size − 1 factors, of shape (size, brands).

    With a = S − α it is the chance that none of so many purchases is the brand's, with a = α that all are.
    """
    j = np.arange(size - 1)[:, None]
    factors = (np.asarray(numerator) + j) / (np.asarray(denominator) + j)
    return np.cumprod(np.concatenate([np.ones((1, factors.shape[1])), factors]), axis=0)


def classical_fit(
    *,
    category_penetration: float,
    category_rate: float,
    shares: ArrayLike,
    penetrations: ArrayLike,
) -> Dirichlet:
    """Fit the model to the few figures that panel reports print, by the method of its authors.

    M is penetration times rate, K makes the NBD's share of non-buyers the observed one, each brand's
    penetration gives an S, and their mean weighted by market share is the market's.

    Parameters
    ----------
    category_penetration
        Share of households that bought the category in the period, between 0 and 1.
    category_rate
        Category purchases per buying household in the period.
    shares
        Market share of each brand by purchases, of shape (brands,); they may add up to less than 1.
    penetrations
        Share of households that bought the brand in the period, of shape (brands,).

    Returns
    -------
    Dirichlet
        The market in which that period is the unit.

    Raises
    ------
    DataError
        If a figure is missing, out of range or contradicts the others.
    DesignError
        If no K, or for some brand no S, can give the observed penetration.

    References
    ----------
    Goodhardt, G. J., Ehrenberg, A. S. C. & Chatfield, C. (1984). The Dirichlet: a comprehensive model of
    buying behaviour. Journal of the Royal Statistical Society A 147, 621–655.

    Examples
    --------
    >>> market = classical_fit(category_penetration=0.56, category_rate=2.6,
    ...                        shares=[0.25, 0.19], penetrations=[0.2, 0.17])
    >>> round(market.mean, 2), round(market.shape, 2)
    (1.46, 0.78)
    """
    share = checked_numbers(shares, what="shares", above=0.0)
    bought = checked_numbers(penetrations, what="penetrations", above=0.0)
    _check_report(category_penetration, category_rate, share, bought)
    mean = category_penetration * category_rate
    shape = _shape_from_buyers(mean, category_penetration)
    switching = [_switching_from_buyers(mean, shape, *brand) for brand in zip(share, bought, strict=True)]
    return Dirichlet(
        mean=mean, shape=shape, switching=float(np.average(switching, weights=share)), shares=share
    )


def _check_report(penetration: float, rate: float, shares: FloatArray, bought: FloatArray) -> None:
    """Refuse figures that no panel can show."""
    if not 0.0 < penetration < 1.0:
        raise DataError(f"category_penetration is {penetration!r}; give a share between 0 and 1")
    if not 1.0 < rate < np.inf:
        raise DataError(
            f"category_rate is {rate!r}; it counts purchases per buying household, so it is above 1"
        )
    if not 0 < shares.size == bought.size:
        raise DataError(
            f"there are {shares.size} shares and {bought.size} penetrations; give one of each per brand"
        )
    if shares.sum() > 1.0 + 1e-9:
        raise DataError(f"the shares add up to {shares.sum():g}; the brands of a category have at most 1")


def _shape_from_buyers(mean: float, penetration: float) -> float:
    """Return the K with which the NBD has the observed share of non-buyers."""
    silent = -np.log1p(-penetration)

    def surplus(log_shape: float) -> float:
        return float(np.exp(log_shape) * np.log1p(mean * np.exp(-log_shape)) - silent)

    # K ln(1 + M / K) rises from 0 to M
    if surplus(_LOG_ENDS[0]) >= 0.0 or surplus(_LOG_ENDS[1]) <= 0.0:
        raise DesignError(
            f"a category penetration of {penetration:g} with {mean / penetration:g} purchases per buyer "
            "leaves no differences between households to fit (K has no value); check that both are of one "
            "period"
        )
    return float(np.exp(brentq(surplus, *_LOG_ENDS, xtol=1e-13)))


def _switching_from_buyers(mean: float, shape: float, share: float, bought: float) -> float:
    """Return the S with which a brand of that share has the observed penetration."""
    n, chance = purchase_chances(mean, shape)

    def penetration(log_switching: float) -> float:
        switching = np.exp(log_switching)
        return float(1.0 - chance @ _rising([switching * (1.0 - share)], switching, n.size)[:, 0])

    low, high = penetration(_LOG_ENDS[0]), penetration(_LOG_ENDS[1])
    if not low < bought < high:
        raise DesignError(
            f"a brand with market share {share:g} in this category has a penetration between {low:.4g} (all "
            f"its buyers loyal) and {high:.4g} (all households alike), not {bought:g}; leave the brand out, "
            "or check that all figures are of the same period and households"
        )
    return float(np.exp(brentq(lambda at: penetration(at) - bought, *_LOG_ENDS, xtol=1e-13)))
