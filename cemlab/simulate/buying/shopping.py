"""What members buy: fixed candidates, of which experience, season and economy let some through.

Each customer's candidates are a Poisson process at the highest rate the customer can reach; each candidate
carries its moment, its goods and a uniform number for its acceptance. A replay under another scenario keeps
the candidates and moves the bar: purchases come or go, and those in both worlds are the same to the cent.
On Sundays and public holidays the stores and the telephone are silent, and who would have gone there or
called buys on the website: when members buy is their affair, where is the company's.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cemlab.simulate.arrow import cents, dates, ids, labels, money, whole
from cemlab.simulate.economy import closed_days
from cemlab.simulate.state import AS_IT_WAS, TYPES, Lives, Members, NetworkState, Purchases, Scenario
from cemlab.simulate.streams import Floats, Ints, Streams, pick
from cemlab.simulate.timeline import DAYS, MONTHS, day_of, month_of
from cemlab.simulate.truths import Buying
from cemlab.simulate.worlds import World

CATEGORIES = ("tools", "garden", "kitchen", "lighting", "paint", "heating")
CHANNELS = ("store", "website", "app", "telephone")

#: Highest multiple of a customer's own rate. A month that would go beyond it is held at it: that takes an
#: experience above 4.2 SD in December, fewer than one customer-month in a thousand even if everybody's
#: experience were one SD better than it is.
CAP = 3.2

# What each type of customer buys and where, as weights.
_CATEGORY_BY_TYPE: dict[str, tuple[int, ...]] = {
    "household": (14, 22, 24, 16, 16, 8),
    "family": (12, 28, 22, 12, 18, 8),
    "senior": (8, 34, 18, 16, 10, 14),
    "professional": (38, 8, 8, 12, 22, 12),
}
_CHANNEL_BY_TYPE: dict[str, tuple[int, ...]] = {
    "household": (58, 26, 14, 2),
    "family": (52, 25, 21, 2),
    "senior": (74, 12, 3, 11),
    "professional": (62, 16, 14, 8),
}
_CATEGORY_MARGIN = (-0.04, 0.06, 0.00, 0.05, 0.03, -0.10)  # share of revenue, against the customer's mean
_MARGIN_SD = 0.04
_CATEGORY_PRICE = (0.08, -0.10, 0.02, -0.06, -0.14, 0.30)  # log revenue, against the customer's mean
_UNITS = (55, 22, 10, 6, 4, 3)  # weights of one to six pieces
_UNITS_BASKET = 0.6  # correlation of what lies behind the units with the log revenue in a category

_STORE, _WEBSITE, _TELEPHONE = (CHANNELS.index(name) for name in ("store", "website", "telephone"))
_MONTH_OF_DAY: Ints = month_of(np.arange(DAYS))


def buy(
    world: World,
    streams: Streams,
    network: NetworkState,
    members: Members,
    lives: Lives,
    scenario: Scenario = AS_IT_WAS,
) -> Purchases:
    """Return what a block of customers bought under a scenario.

    Parameters
    ----------
    world, streams
        The world and its random numbers.
    network, members, lives
        The branches, the customers and what became of them under the scenario.
    scenario
        What is done to the company.

    Notes
    -----
    A candidate is accepted within the spell if its uniform number is below the month's multiple of the
    customer's rate over the highest one (:data:`CAP`). The log of the multiple is ``a (exp(b E) - 1) / b``,
    of slope a at the average (`experience`) and with b (`experience_curve`), plus season, recession and a
    change of the customer's own. The better served buy more, and each SD brings more than the one before.
    """
    most = _largest_change(members)
    row, position, candidate = _candidates(streams, members, most)
    day = np.minimum((position * DAYS).astype(np.int64), DAYS - 1)
    bar = streams.uniform("shopping.bar", len(row), members.block)
    goods = _Goods.draw(streams, len(row), members.block)

    inside = np.flatnonzero((day >= lives.entry[row]) & (day < lives.exit[row]))
    row_in, day_in = row[inside], day[inside]
    wanted = monthly_multiple(world, lives.experience, scenario)[row_in, _MONTH_OF_DAY[day_in]]
    change = np.where(day_in >= _change_day(members, scenario)[row_in], members.changes_to[row_in], 1.0)
    kept = inside[bar[inside] * most[row_in] < wanted / CAP * change]

    affluence = network.affluence[members.branch[row[kept]]]
    basket = world.buying.basket * np.exp(world.network.affluence_basket * affluence)
    category, channel, units, revenue, margin = goods.of(
        world.buying, kept, type_=members.type[row[kept]], basket=basket
    )
    return Purchases(
        customer=row[kept],
        candidate=candidate[kept],
        day=day[kept],
        category=category,
        channel=_where_open(channel, day[kept]),
        units=units,
        revenue=revenue,
        margin=margin,
    )


def monthly_multiple(world: World, experience: Floats, scenario: Scenario = AS_IT_WAS) -> Floats:
    """Return by how much customers buy more or less than at their own rate, of shape (n, 48).

    Parameters
    ----------
    world
        The world.
    experience
        Latent experience of each customer and month, of shape (n, 48).
    scenario
        What is done to the company.
    """
    felt = np.exp(_log_multiple(world.buying, experience))
    multiple: Floats = np.minimum(felt * season(world.buying) * recession(world, scenario), CAP)
    return multiple


def _log_multiple(buying: Buying, experience: Floats) -> Floats:
    """Return a curve through nought that rises everywhere, the faster the better the experience."""
    slope, curve = buying.experience, buying.experience_curve
    log: Floats = slope * (np.expm1(curve * experience) / curve if curve else experience)
    return log


def season(buying: Buying) -> Floats:
    """Return the season's multiple in each month: highest in December, one in the mean over a year."""
    swing: Floats = np.exp(buying.season * np.cos(2 * np.pi * (np.arange(MONTHS) + 1) / 12))
    multiple: Floats = swing / swing[:12].mean()
    return multiple


def recession(world: World, scenario: Scenario = AS_IT_WAS) -> Floats:
    """Return the recession's multiple of the purchase rate in each month."""
    multiple = np.ones(MONTHS)
    if world.recession is not None and scenario.recession:
        multiple[world.recession :] = world.buying.recession
    return multiple


def _largest_change(members: Members) -> Floats:
    """Return how many times more candidates a customer needs because the rate rises at some time."""
    changes = np.isfinite(members.changes_at)
    most: Floats = np.where(changes, np.maximum(members.changes_to, 1.0), 1.0)
    return most


def _change_day(members: Members, scenario: Scenario) -> Ints:
    """Return the day from which each customer's rate is another one, DAYS where it never is."""
    day = np.full(len(members), DAYS, dtype=np.int64)
    changes = np.isfinite(members.changes_at)
    day[changes] = day_of(members.changes_at[changes])
    if not scenario.changing:
        day[day >= scenario.still_from] = DAYS
    return day


def _candidates(streams: Streams, members: Members, most: Floats) -> tuple[Ints, Floats, Ints]:
    """Draw the candidates: row of the customer, place within the data from 0 to 1, and running number.

    All customers' time is laid end to end, stretched by their rates, and one Poisson process of rate one
    runs along it: its points come in the order of customer and time, and need no sorting.
    """
    ends = np.cumsum(members.rate * most * (CAP * MONTHS))
    length = float(ends[-1]) if len(ends) else 0.0
    generator = streams.generator("shopping.candidates", members.block)
    count = int(generator.poisson(length))
    gaps = np.cumsum(generator.standard_exponential(count + 1))
    points = gaps[:-1] * (length / gaps[-1])
    bounds = np.searchsorted(points, ends)
    counts = np.diff(bounds, prepend=0)
    row = np.repeat(np.arange(len(ends)), counts)
    starts = np.concatenate([[0.0], ends[:-1]])
    position = (points[: len(row)] - starts[row]) / (ends - starts)[row]
    candidate = np.arange(len(row)) - np.repeat(bounds - counts, counts) + 1
    return row, position, candidate


@dataclass(frozen=True, eq=False)
class _Goods:
    """What would be in each candidate's basket: random numbers that no scenario touches."""

    basket: Floats
    category: Floats
    channel: Floats
    units: Floats
    margin: Floats

    @classmethod
    def draw(cls, streams: Streams, count: int, block: int) -> _Goods:
        return cls(
            basket=streams.normal("shopping.basket", count, block),
            category=streams.uniform("shopping.category", count, block),
            channel=streams.uniform("shopping.channel", count, block),
            units=streams.normal("shopping.units", count, block),
            margin=streams.normal("shopping.margin", count, block),
        )

    def of(
        self, buying: Buying, kept: Ints, *, type_: Ints, basket: Floats
    ) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Return category, channel, units, revenue and margin of the accepted candidates."""
        category = _pick_by_type(self.category[kept], type_, _CATEGORY_BY_TYPE)
        channel = _pick_by_type(self.channel[kept], type_, _CHANNEL_BY_TYPE)
        units = _units(self.basket[kept], self.units[kept])
        price, within = _prices(buying)
        revenue = cents(basket * np.exp(price[type_, category] + within[type_] * self.basket[kept]))
        share = buying.margin + _by_type(_CATEGORY_MARGIN)[type_, category] + _MARGIN_SD * self.margin[kept]
        return category, channel, units, revenue, cents(revenue / 10_000 * share)


def _pick_by_type(uniform: Floats, type_: Ints, weights: dict[str, tuple[int, ...]]) -> Ints:
    """Turn uniform numbers into codes with shares that depend on the type of customer."""
    code = np.zeros(len(uniform), dtype=np.int64)
    for number, name in enumerate(TYPES):
        of_type = type_ == number
        code[of_type] = pick(uniform[of_type], weights[name])
    return code


def _where_open(channel: Ints, day: Ints) -> Ints:
    """Send those to the website who would have gone to a closed store, or called where nobody answers."""
    served_by_people = (channel == _STORE) | (channel == _TELEPHONE)
    return np.where(closed_days()[day] & served_by_people, _WEBSITE, channel)


def _units(basket: Floats, own: Floats) -> Ints:
    """Return pieces with the planned shares, the more the dearer the basket is for its category."""
    shares = np.cumsum(_UNITS) / sum(_UNITS)
    edges = [NormalDist().inv_cdf(share) for share in shares[:-1].tolist()]
    behind = _UNITS_BASKET * basket + np.sqrt(1 - _UNITS_BASKET**2) * own
    units: Ints = np.searchsorted(edges, behind, side="right") + 1
    return units


def _prices(buying: Buying) -> tuple[Floats, Floats]:
    """Return log prices by type and category, and the SD within a category that leaves the planted in all."""
    price = _by_type(_CATEGORY_PRICE)
    weights = _category_weights()
    between = (weights * price**2).sum(axis=1)
    return price, np.sqrt(buying.basket_sd**2 - between)


def _by_type(of_category: tuple[float, ...]) -> Floats:
    """Return what is particular to each type and category, zero in the mean over what the type buys.

    So the mean is the planted one whatever the mix of customers.
    """
    values = np.array(of_category)
    mean: Floats = (_category_weights() * values).sum(axis=1, keepdims=True)
    return values - mean


def _category_weights() -> Floats:
    """Return shares of the categories in what each type buys."""
    weights = np.array([_CATEGORY_BY_TYPE[name] for name in TYPES], dtype=float)
    shares: Floats = weights / weights.sum(axis=1, keepdims=True)
    return shares


def transactions(members: Members, purchases: Purchases) -> pa.Table:
    """Return the purchases of a block of customers as rows of the table of transactions, one line each.

    Parameters
    ----------
    members
        The customers.
    purchases
        What they bought.
    """
    number = members.number[purchases.customer]
    order = pc.binary_join_element_wise(
        ids("O", number), pa.array(purchases.candidate).cast(pa.string()), pa.scalar("-")
    )
    return pa.table(
        {
            "customer": ids("C", number),
            "date": dates(purchases.day),
            "order": order,
            "category": labels(CATEGORIES, purchases.category),
            "channel": labels(CHANNELS, purchases.channel),
            "units": whole(purchases.units),
            "revenue": money(purchases.revenue),
            "margin": money(purchases.margin),
        }
    )
