"""What messages are made of, by channel and phase: as they were sent, and as members would have wanted them.

A message makes one know (cognitive), feel (affective) and do (conative). The three shares sum to one, so what
is planted is planted in their log-ratios: departures of the shares' logarithms from their own mean.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import ids, labels, numbers
from cemlab.simulate.state import Members
from cemlab.simulate.streams import Floats, Ints, Streams, pick
from cemlab.simulate.truths_market import Market
from cemlab.simulate.worlds import World

PARTS = ("cognitive", "affective", "conative")
CHANNELS = ("e-mail", "app", "letter", "branch")
PHASES = ("discover", "compare", "buy", "stay")
SIDES = ("sent", "wanted")

#: Situations in which each member asked says what the message should have been made of.
SITUATIONS = 3
# Sent messages are coded sentence by sentence; who is asked lays twenty coins on three piles.
_PERCENT, _COINS = 100, 20

# Two directions at right angles to each other and to equal shares: noise along them has no favourite part.
_PLANE = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]) / np.sqrt([[2.0], [6.0]])


def sent_log_ratios(market: Market) -> Floats:
    """Return what is planted of the messages sent: centred log-ratios (channels, phases, parts).

    Parameters
    ----------
    market
        What is planted.
    """
    ratios = _common(market)
    for channel, phase, missed in market.mix_missed:
        ratios[CHANNELS.index(channel), PHASES.index(phase)] += missed
    return ratios


def wanted_log_ratios(market: Market) -> Floats:
    """Return what is planted of what is wanted: centred log-ratios (objectives, channels, phases, parts).

    Parameters
    ----------
    market
        What is planted.
    """
    wanted: Floats = _common(market)[None] + np.array(market.mix_objective)[:, None, None]
    return wanted


def sent_mix(world: World, streams: Streams) -> pa.Table:
    """Return the messages sent, rows of the table `message_mix`.

    Parameters
    ----------
    world
        What is planted.
    streams
        The company's random numbers.

    Returns
    -------
    pyarrow.Table
        One row a message: mix, customer (blank), side, channel, phase, cognitive, affective, conative.
    """
    market = world.market
    n = market.mix_messages
    channel = pick(streams.uniform("mix.sent channel", n), market.mix_channel_shares)
    phase = pick(streams.uniform("mix.sent phase", n), market.mix_phase_shares)
    noise = market.mix_sent_sd * streams.normal("mix.sent", (n, 2))
    ratios = sent_log_ratios(market)[channel, phase] + noise @ _PLANE
    number = np.arange(n) + 1
    return _table(
        mix=ids("S", number, width=5),
        customer=ids("C", number, missing=np.ones(n, dtype=bool)),
        side=SIDES[0],
        cell=(channel, phase),
        shares=_rounded(ratios, _PERCENT),
    )


def wanted_mix(world: World, streams: Streams, members: Members) -> pa.Table:
    """Return what those members of a block who are asked would have wanted, rows of `message_mix`.

    Parameters
    ----------
    world
        What is planted.
    streams
        The company's random numbers.
    members
        A block of customers; their numbers and objectives are read.

    Returns
    -------
    pyarrow.Table
        SITUATIONS rows a member asked, each of another channel and phase; columns as in :func:`sent_mix`.
    """
    market, block = world.market, members.block
    lots = streams.uniform("mix.asked", len(members.number), block)
    asked = np.flatnonzero(lots < market.mix_asked)
    cells = streams.uniform("mix.cells", (len(asked), len(CHANNELS) * len(PHASES)), block)
    channel, phase = np.divmod(np.argsort(cells, axis=1)[:, :SITUATIONS].ravel(), len(PHASES))
    row = np.repeat(asked, SITUATIONS)
    person = market.mix_person_sd * streams.normal("mix.person", (len(asked), 2), block)
    noise = market.mix_wanted_sd * streams.normal("mix.wanted", (len(row), 2), block)
    objective = np.asarray(members.objective)[row]
    ratios = wanted_log_ratios(market)[objective, channel, phase]
    ratios = ratios + (np.repeat(person, SITUATIONS, axis=0) + noise) @ _PLANE
    number = np.asarray(members.number)[row]
    situation = np.tile(np.arange(SITUATIONS), len(asked))
    return _table(
        mix=ids("A", number * SITUATIONS + situation, width=8),
        customer=ids("C", number),
        side=SIDES[1],
        cell=(channel, phase),
        shares=_rounded(ratios, _COINS),
    )


def _common(market: Market) -> Floats:
    """Return what both sides share: base, channel and phase, added up (channels, phases, parts)."""
    channel, phase = np.array(market.mix_channel), np.array(market.mix_phase)
    common: Floats = np.array(market.mix_base) + channel[:, None] + phase[None]
    return common


def _rounded(ratios: Floats, units: int) -> Floats:
    """Return shares in whole units that sum to one: the largest remainders are rounded up."""
    shares = np.exp(ratios)
    exact = shares / shares.sum(axis=1, keepdims=True) * units
    whole = np.floor(exact)
    missing = np.rint(units - whole.sum(axis=1, keepdims=True))
    order = np.argsort(whole - exact, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    rounded: Floats = (whole + (rank < missing)) / units
    return rounded


def _table(
    *, mix: pa.Array, customer: pa.Array, side: str, cell: tuple[Ints, Ints], shares: Floats
) -> pa.Table:
    channel, phase = cell
    return pa.table(
        {
            "mix": mix,
            "customer": customer,
            "side": labels(SIDES, np.full(len(channel), SIDES.index(side))),
            "channel": labels(CHANNELS, channel),
            "phase": labels(PHASES, phase),
            **{name: numbers(shares[:, i], decimals=2) for i, name in enumerate(PARTS)},
        }
    )
