"""What households of the panel think of the brands: two rivals, equal in value, by different roads.

A respondent is asked in one of three waves, by lot, and rates three to six brands, which the questionnaire
picks by lot. Value for money is what quality, price and range amount to, and something that no rating
explains. People rate better what they buy; what they think of a brand is the same in every wave.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import dates, flags, ids, labels, numbers
from cemlab.simulate.market.panel import BRANDS, Households, PanelPurchases, purchases
from cemlab.simulate.state import AS_IT_WAS, Flags, Scenario
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import MONTH_STARTS
from cemlab.simulate.truths_market import Market
from cemlab.simulate.worlds import World

#: What is rated, in the order of the weights in value for money.
RATINGS = ("quality", "price", "range")
#: The waves: months, from 0, on whose first days ratings are given, each respondent's in one of them.
WAVES = (12, 24, 36)
#: Months before a respondent's own wave in which buying is buying now.
NOW_MONTHS = 6
#: Months from a respondent's own wave on in which buying is buying next.
NEXT_MONTHS = 12

_FEWEST = 3  # brands that a respondent rates at least


def value_for_money(market: Market) -> Floats:
    """Return the planted value for money of each brand, before the scale ends.

    Examples
    --------
    >>> value_for_money(Market()).round(2).tolist()
    [6.4, 7.0, 7.0, 5.9, 5.7, 5.5]
    """
    value: Floats = _planted(market) @ np.asarray(market.value_weights)
    return value


def competitor_ratings(
    world: World, streams: Streams, households: Households, scenario: Scenario = AS_IT_WAS
) -> pa.Table:
    """Return the ratings of the brands as the table `competitor_ratings`.

    Parameters
    ----------
    world
        What is planted.
    streams
        The company's random numbers.
    households
        A block of the panel; a part of it is asked.
    scenario
        What is done to the company; it changes only what is bought next.
    """
    market, n, block = world.market, len(households), households.block
    asked = np.flatnonzero(streams.uniform("rivals.asked", n, block) < market.respondents)
    rated = _rated(streams, len(asked), block)
    ratings, value = _opinions(market, streams, households.shares[asked], block)
    month = np.asarray(WAVES)[streams.generator("rivals.wave", block).integers(len(WAVES), size=len(asked))]
    bought = purchases(world, streams, households, scenario)
    now = _buys(bought, n, asked, month - NOW_MONTHS, month)
    later = _buys(bought, n, asked, month, month + NEXT_MONTHS)
    respondent, brand = np.nonzero(rated)
    return pa.table(
        {
            "respondent": ids("P", households.number[asked][respondent]),
            "brand": labels(BRANDS, brand),
            "date": dates(MONTH_STARTS[month][respondent]),
            **{name: _on_scale(ratings[rated, i]) for i, name in enumerate(RATINGS)},
            "value_for_money": _on_scale(value[rated]),
            "buys_now": flags(now[rated]),
            "buys_next": flags(later[rated]),
        }
    )


def _planted(market: Market) -> Floats:
    """Return the mean rating of each brand (6, 3), before the scale ends."""
    return np.column_stack([market.quality, market.price, market.range])


def _rated(streams: Streams, asked: int, block: int) -> Flags:
    """Pick by lot which brands each respondent rates (asked, 6)."""
    how_many = streams.generator("rivals.how_many", block).integers(_FEWEST, len(BRANDS) + 1, asked)
    rank = streams.uniform("rivals.which", (asked, len(BRANDS)), block).argsort(axis=1).argsort(axis=1)
    picked: Flags = rank < how_many[:, None]
    return picked


def _opinions(market: Market, streams: Streams, shares: Floats, block: int) -> tuple[Floats, Floats]:
    """Return ratings (asked, 6, 3) and value for money (asked, 6), before the scale ends."""
    usual = np.asarray(market.shares) / sum(market.shares)
    own = streams.normal("rivals.ratings", (*shares.shape, len(RATINGS)), block)
    person = market.generosity * streams.normal("rivals.generosity", (len(shares), 1), block)
    person_brand = person + market.liking * (shares - usual)
    ratings = _planted(market) + person_brand[:, :, None] + market.rating_sd * own
    noise = market.value_sd * streams.normal("rivals.value", shares.shape, block)
    # einsum adds up in one order, whatever the number of threads
    return ratings, np.einsum("nbk,k->nb", ratings, np.asarray(market.value_weights)) + noise


def _buys(bought: PanelPurchases, n: int, who: Ints, first: Ints, end: Ints) -> Flags:
    """Return who of n households buys which brand from one's own month on until before another (asked, 6)."""
    start, stop = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    start[who], stop[who] = MONTH_STARTS[first], MONTH_STARTS[end]
    within = (bought.day >= start[bought.household]) & (bought.day < stop[bought.household])
    buys = np.zeros((n, len(BRANDS)), dtype=bool)
    buys[bought.household[within], bought.brand[within]] = True
    return buys[who]


def _on_scale(values: Floats) -> pa.Array:
    return numbers(np.clip(values, 1, 10), decimals=1)
