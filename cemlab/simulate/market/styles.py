"""The questionnaire on shopping styles: 40 items, and behind them eight correlated styles.

The styles are those that Sproles and Kendall (1986) told apart, in names of our own.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import ids, whole
from cemlab.simulate.state import Members
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.worlds import World

#: The styles, in the order of the columns of :func:`loadings`.
STYLES = (
    "wants the best",
    "trusts known brands",
    "follows what is new",
    "shops for pleasure",
    "counts the price",
    "buys on impulse",
    "is lost in choice",
    "stays with habits",
)
#: Items of the questionnaire; the first five belong to the first style, and so on.
ITEMS = 40

# Where an answer becomes the next higher one, SD of what lies behind the item.
_STEPS = np.array([-1.5, -0.6, 0.3, 1.2])
# Some statements are agreed with more easily than others.
_EASE = np.linspace(-0.4, 0.4, 5)


def item_names() -> tuple[str, ...]:
    """Return the names of the items' columns.

    Examples
    --------
    >>> item_names()[0], item_names()[-1]
    ('item_01', 'item_40')
    """
    return tuple(f"item_{item:02d}" for item in range(1, ITEMS + 1))


def loadings(world: World) -> Floats:
    """Return the planted loadings of the items on the styles (40, styles): each item on one.

    Parameters
    ----------
    world
        What is planted.
    """
    style = np.arange(ITEMS) * world.market.styles // ITEMS
    return world.market.style_loading * np.eye(world.market.styles)[style]


def style_survey(world: World, streams: Streams, members: Members) -> pa.Table:
    """Return the answers of those customers of a block who are asked, as the table `style_survey`.

    Parameters
    ----------
    world
        What is planted.
    streams
        The company's random numbers.
    members
        A block of customers.

    Returns
    -------
    pyarrow.Table
        One row a respondent: customer, and item_01 to item_40 from 1 (not at all) to 5 (entirely).
    """
    lots = streams.uniform("styles.asked", len(members.number), members.block)
    asked = lots < world.market.style_respondents
    answers = _answers(world, streams, int(asked.sum()), members.block)
    return pa.table(
        {
            "customer": ids("C", members.number[asked]),
            **{name: whole(answers[:, i]) for i, name in enumerate(item_names())},
        }
    )


def _answers(world: World, streams: Streams, n: int, block: int) -> Ints:
    """Return the answers (n, 40): what lies behind an item has variance one, and is cut into five."""
    market = world.market
    shared = streams.normal("styles.shared", (n, 1), block)
    own = streams.normal("styles.own", (n, market.styles), block)
    style = np.sqrt(market.style_correlation) * shared + np.sqrt(1 - market.style_correlation) * own
    noise = streams.normal("styles.item", (n, ITEMS), block)
    # einsum adds up in one order, whatever the number of threads
    behind = np.einsum("ns,is->ni", style, loadings(world)) + np.sqrt(1 - market.style_loading**2) * noise
    ease = np.resize(_EASE, ITEMS)
    answers: Ints = 1 + np.searchsorted(_STEPS, behind + ease, side="right")
    return answers
