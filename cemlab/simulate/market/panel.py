"""The household panel: who buys which brand of the category, in a market that is exactly NBD-Dirichlet.

Rates of buying differ between households as a gamma distribution, shares of the brands as a Dirichlet one,
and both stay as they are until the recession makes some households drop Halden for good.
The panel is anonymous: its households are nobody in particular among the customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import dates, ids, labels, whole
from cemlab.simulate.state import AS_IT_WAS, Flags, Scenario
from cemlab.simulate.streams import Floats, Ints, Streams, pick
from cemlab.simulate.timeline import DAYS, MONTH_STARTS
from cemlab.simulate.truths_market import Market
from cemlab.simulate.worlds import World

#: The brands in the order of their codes and of every planted tuple about brands.
BRANDS = ("Halden", "Nordhem", "Kerrin", "Baumeck", "Solvik", "Trewald")
#: Code of the cheap and plain rival, to which those turn who drop Halden.
CHEAP = BRANDS.index("Nordhem")
#: The one category of the panel.
CATEGORY = "home care"
#: Share of the category purchases of a year from which a household counts as loyal to a brand.
LOYAL = 0.70
#: What the loyal of one year did in the next, in the order of the codes.
FATES = ("stayed loyal", "weakened", "left for another brand", "left the category")

_YEAR = 365.25  # days; the data are four of them
_NODES = 200  # of the quadrature over the shares of Halden
_UNITS = (0.72, 0.20, 0.08)  # shares of purchases of one, two and three pieces


@dataclass(frozen=True, eq=False, kw_only=True)
class Households:
    """A block of households of the panel: who they are. Nothing here depends on the scenario."""

    block: int  #: number of the block
    first: int  #: number of its first household
    rate: Floats  #: (n) purchases of the category a year
    shares: Floats  #: (n, 6) chance that a purchase is of each brand
    defects: Flags  #: (n) whether the household drops Halden once a recession comes
    turns_to: Ints  #: (n) code of the brand that then takes Halden's place

    def __len__(self) -> int:
        return len(self.rate)

    @property
    def number(self) -> Ints:
        """Numbers of the households, from 1."""
        return np.arange(self.first, self.first + len(self)) + 1


@dataclass(frozen=True, eq=False, kw_only=True)
class PanelPurchases:
    """The purchases of a block of households under a scenario, ordered by household and day."""

    household: Ints  #: row of the household in the block
    day: Ints  #: day from the start of the data
    brand: Ints  #: code in BRANDS
    units: Ints  #: pieces


def households(world: World, streams: Streams, *, block: int, first: int, n: int) -> Households:
    """Draw a block of households.

    Parameters
    ----------
    world
        What is planted.
    streams
        The company's random numbers.
    block
        Number of the block.
    first
        Number of its first household, from 0.
    n
        How many households.
    """
    market = world.market
    dirichlet = market.switching * np.asarray(market.shares)
    gamma = streams.generator("panel.rate", block).standard_gamma(market.purchases_shape, n)
    return Households(
        block=block,
        first=first,
        rate=gamma * market.purchases / market.purchases_shape,
        shares=streams.generator("panel.shares", block).dirichlet(dirichlet, n),
        defects=streams.uniform("panel.defects", n, block) < defection_chance(market),
        turns_to=np.full(n, CHEAP),
    )


@lru_cache
def lapse_of_the_loyal(market: Market) -> float:
    """Return the share of those loyal to Halden in a year who buy no Halden in the next, if nobody changes.

    It follows from the NBD-Dirichlet model: given a household's share of Halden, the rate is gamma
    distributed, more narrowly once its purchases were seen; the shares are beta distributed.
    """
    from scipy.special import roots_jacobi
    from scipy.stats import binom, nbinom

    shape, slope = market.purchases_shape, market.purchases_shape / market.purchases
    halden = market.switching * market.shares[0] / sum(market.shares)
    with np.errstate(invalid="ignore"):  # it divides nought by nought, and drops it, where switching is 1
        node, weight = roots_jacobi(_NODES, market.switching - halden - 1, halden - 1)
    share = (1 + node[:, None]) / 2
    bought = nbinom(shape, slope / (1 + slope))
    n = np.arange(1, int(bought.ppf(1 - 1e-12)) + 1)
    loyal = bought.pmf(n) * binom.sf(np.ceil(LOYAL * n - 1e-9) - 1, n, share)
    none = (1 + share / (1 + slope)) ** -(shape + n)
    return float((weight[:, None] * loyal * none).sum() / (weight[:, None] * loyal).sum())


def defection_chance(market: Market) -> float:
    """Return the chance that a household really defects, such that the excess is what is planted.

    Those who would have bought no Halden anyhow cannot add to the excess; the chance is larger for that.
    """
    return market.excess / (1 - lapse_of_the_loyal(market))


def defection_day(world: World, scenario: Scenario = AS_IT_WAS) -> int | None:
    """Return the day on which the defectors drop Halden, or None where nothing makes them."""
    if world.recession is None or not scenario.recession:
        return None
    day = int(MONTH_STARTS[world.recession])
    return None if not scenario.changing and day >= scenario.still_from else day


def purchases(
    world: World, streams: Streams, households: Households, scenario: Scenario = AS_IT_WAS
) -> PanelPurchases:
    """Return the purchases of a block; under every scenario the same days, each with the same lot.

    Parameters
    ----------
    world
        What is planted.
    streams
        The company's random numbers.
    households
        The block.
    scenario
        What is done to the company.
    """
    block = households.block
    count = streams.generator("panel.count", block).poisson(households.rate * DAYS / _YEAR)
    household, total = np.repeat(np.arange(len(households)), count), int(count.sum())
    day = np.floor(streams.uniform("panel.day", total, block) * DAYS).astype(np.int64)
    day = day[np.lexsort((day, household))]
    lot, edges = streams.uniform("panel.brand", total, block), np.cumsum(households.shares, axis=1)
    brand = np.zeros(total, dtype=np.int64)
    for edge in edges[:, :-1].T:
        brand += lot >= edge[household]
    drop = defection_day(world, scenario)
    if drop is not None:
        dropped = (brand == 0) & households.defects[household] & (day >= drop)
        brand = np.where(dropped, households.turns_to[household], brand)
    units = pick(streams.uniform("panel.units", total, block), _UNITS) + 1
    return PanelPurchases(household=household, day=day, brand=brand, units=units)


def category_purchases(
    world: World, streams: Streams, households: Households, scenario: Scenario = AS_IT_WAS
) -> pa.Table:
    """Return the panel's purchases as the table `category_purchases`.

    Parameters
    ----------
    world
        What is planted.
    streams
        The company's random numbers.
    households
        The block.
    scenario
        What is done to the company.
    """
    bought = purchases(world, streams, households, scenario)
    return pa.table(
        {
            "customer": ids("P", households.number[bought.household]),
            "date": dates(bought.day),
            "category": labels([CATEGORY], np.zeros_like(bought.brand)),
            "brand": labels(BRANDS, bought.brand),
            "units": whole(bought.units),
        }
    )


def yearly_counts(bought: PanelPurchases, *, n: int) -> Ints:
    """Count the purchases of each household, calendar year and brand (n, 4, 6).

    Parameters
    ----------
    bought
        The purchases of a block.
    n
        How many households the block has, those without a purchase included.
    """
    years = len(MONTH_STARTS) // 12
    year = np.searchsorted(MONTH_STARTS[12::12], bought.day, side="right")
    cell = (bought.household * years + year) * len(BRANDS) + bought.brand
    return np.bincount(cell, minlength=n * years * len(BRANDS)).reshape(n, years, len(BRANDS))


def fates(counts: Ints, *, year: int, brand: int = 0, loyal: float = LOYAL) -> Ints:
    """Return what those loyal to a brand in one year did in the next.

    Parameters
    ----------
    counts
        Purchases (households, years, brands).
    year
        The first of the two years, from 0.
    brand
        Code of the brand; 0 is Halden.
    loyal
        Share of the category purchases from which a household is loyal.

    Returns
    -------
    numpy.ndarray
        For each household the code of its fate in FATES, −1 where it was not loyal in the first year.

    Examples
    --------
    >>> fates(np.array([[[7, 3], [5, 5]], [[1, 0], [0, 2]], [[1, 1], [9, 0]]]), year=0).tolist()
    [1, 2, -1]
    """
    before, after = counts[:, year].sum(axis=1), counts[:, year + 1].sum(axis=1)
    then = counts[:, year + 1, brand]
    fate = np.select([after == 0, then == 0, _is_loyal(then, after, loyal)], [3, 2, 0], default=1)
    return np.where((before > 0) & _is_loyal(counts[:, year, brand], before, loyal), fate, -1)


def _is_loyal(of_brand: Ints, of_all: Ints, share: float) -> Flags:
    # seven in ten are 70 %, whatever binary fractions make of 0.7
    enough: Flags = of_brand >= share * of_all - 1e-9
    return enough
