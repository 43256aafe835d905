"""Whole panels drawn from an NBD-Dirichlet market, as the few counts its likelihood needs.

Households with the same number of purchases are alike, so it is the histograms that are drawn, brand
after brand, and not the households: a panel of a million takes no longer than one of a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from cemlab.errors import DataError, OptionError
from cemlab.stats.dirichlet import checked_positive, purchase_chances
from cemlab.stats.purchase_history import checked_numbers
from cemlab.stats.seeds import generator

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Panels:
    """How many households made so many purchases, in each of several panels.

    Parameters
    ----------
    category
        Households with 0, 1, … purchases of the category, of shape (panels, purchases).
    brands
        Households with 0, 1, … purchases of each brand, of shape (panels, brands, purchases); who is in the
        panel but did not buy the category counts as 0 of every brand.
    """

    category: IntArray
    brands: IntArray


def draw_panels(
    *,
    mean: float,
    shape: float,
    alphas: ArrayLike,
    households: int,
    panels: int,
    zero_truncated: bool,
    seed: int,
) -> Panels:
    """Draw panels of households from a fully specified market.

    Parameters
    ----------
    mean, shape
        Category purchases per household (M), and gamma shape of the rates (K).
    alphas
        Dirichlet parameter of each brand, all brands of the market, of shape (brands,).
    households
        Households in each panel.
    panels
        How many panels.
    zero_truncated
        Whether a household is in the panel only because it bought.
    seed
        Of the random numbers.

    Returns
    -------
    Panels
        The counts of each panel.

    Raises
    ------
    OptionError
        If a parameter is not positive, or there is to be no household or no panel.
    DataError
        If `alphas` is no vector of positive numbers.

    Notes
    -----
    Exact: of a household with m purchases left, how many go to the next brand is beta-binomial with
    that brand's parameter and the sum of those still to come.

    Examples
    --------
    >>> drawn = draw_panels(mean=2.0, shape=1.0, alphas=[0.5, 1.0], households=1000, panels=3,
    ...                     zero_truncated=True, seed=1)
    >>> drawn.category.sum(axis=1), drawn.brands.sum(axis=2)[0]
    (array([1000, 1000, 1000]), array([1000, 1000]))
    """
    parameters = checked_numbers(alphas, what="alphas", above=0.0)
    if parameters.size < 2:
        raise DataError("alphas has fewer than 2 entries; a market has at least two brands")
    for what, number in (("households", households), ("panels", panels)):
        if number != int(number) or number < 1:
            raise OptionError(f"{what} is {number!r}; it is a whole number from 1")
    rng = generator(seed)
    _, chance = purchase_chances(checked_positive(mean, what="mean"), checked_positive(shape, what="shape"))
    if zero_truncated:
        chance[0] = 0.0
    category = rng.multinomial(int(households), chance / chance.sum(), size=int(panels))
    category = category[:, : np.flatnonzero(category.any(axis=0))[-1] + 1]
    left = category
    brands = np.zeros((category.shape[0], parameters.size, category.shape[1]), dtype=np.int64)
    for j in range(parameters.size - 1):
        brands[:, j], left = _next_brand(rng, left, parameters[j], parameters[j + 1 :].sum())
    brands[:, -1] = left
    return Panels(category=category, brands=brands)


def _next_brand(
    rng: np.random.Generator, left: IntArray, alpha: float, rest: float
) -> tuple[IntArray, IntArray]:
    """Return households by purchases of one brand, and by the purchases that are left for the others."""
    bought, after = np.zeros_like(left), np.zeros_like(left)
    bought[:, 0] = after[:, 0] = left[:, 0]
    for m in range(1, left.shape[1]):
        rows = np.flatnonzero(left[:, m])
        if rows.size == 0:
            continue
        x = np.arange(m + 1.0)
        chance = np.exp(special.betaln(alpha + x, rest + m - x) - special.betaln(1.0 + x, 1.0 + m - x))
        drawn = rng.multinomial(left[rows, m], chance / chance.sum())
        bought[rows, : m + 1] += drawn
        after[rows, : m + 1] += drawn[:, ::-1]
    return bought, after
