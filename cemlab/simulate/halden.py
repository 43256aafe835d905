"""Which Halden: its size, its seed and its world, and how it is cut into blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from cemlab.errors import OptionError
from cemlab.simulate.state import AS_IT_WAS, Lives, Members, NetworkState, Purchases, Scenario
from cemlab.simulate.streams import Streams
from cemlab.simulate.worlds import World, world

#: Customers unless told otherwise: enough to find what is planted.
CUSTOMERS = 20_000
#: Customers in a block; part of what a seed means, since each block has its own random numbers.
BLOCK = 20_000
#: Households of the market panel for each customer.
PANEL_SHARE = 0.3
_MOST = 9_999_999  # what an identifier has digits for


@dataclass(frozen=True)
class Block:
    """Customers, or households of the panel, that are made together."""

    number: int
    first: int
    n: int


@dataclass(frozen=True, kw_only=True)
class Halden:
    """One simulated company.

    Parameters
    ----------
    customers
        How many, from 1 to 9,999,999; those who joined before the data begin are among them.
    seed
        Which of all possible companies, 0 or more.
    world_name
        What is planted; one of :data:`cemlab.simulate.worlds.WORLDS`.

    Raises
    ------
    OptionError
        If there can be no such company.

    Examples
    --------
    >>> [block.n for block in Halden(customers=45_000).blocks()]
    [20000, 20000, 5000]
    """

    customers: int = CUSTOMERS
    seed: int = 1
    world_name: str = "default"

    def __post_init__(self) -> None:
        if isinstance(self.customers, bool) or not isinstance(self.customers, int):
            raise OptionError(f"customers is {self.customers!r}; allowed is a whole number, e.g. 20000")
        if not 1 <= self.customers <= _MOST:
            raise OptionError(
                f"{self.customers:,} customers cannot be simulated; allowed are 1 to {_MOST:,}, e.g. 20000"
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise OptionError(f"seed is {self.seed!r}; allowed is a whole number from 0 on, e.g. 1")
        world(self.world_name)

    @property
    def world(self) -> World:
        """What is planted."""
        return world(self.world_name)

    @cached_property
    def streams(self) -> Streams:
        """Its random numbers."""
        return Streams(self.seed)

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks of customers."""
        yield from _cut(self.customers)

    def panel_blocks(self) -> Iterator[Block]:
        """Yield the blocks of households of the market panel."""
        yield from _cut(max(1, round(PANEL_SHARE * self.customers)))

    def network(self, scenario: Scenario = AS_IT_WAS) -> NetworkState:
        """Return branches and staff under a scenario."""
        from cemlab.simulate.organisation.network import simulate_network

        return simulate_network(self.world, self.streams, scenario)

    def members(self, network: NetworkState, block: Block) -> Members:
        """Return who the customers of a block are; `network` of any scenario."""
        from cemlab.simulate.customers.members import make_members

        return make_members(
            self.world, self.streams, network, block=block.number, first=block.first, n=block.n
        )

    def lives(self, network: NetworkState, members: Members, scenario: Scenario = AS_IT_WAS) -> Lives:
        """Return what became of them under a scenario, of which `network` must be."""
        from cemlab.simulate.customers.lives import live

        return live(self.world, self.streams, network, members, scenario)

    def purchases(
        self, network: NetworkState, members: Members, lives: Lives, scenario: Scenario = AS_IT_WAS
    ) -> Purchases:
        """Return what they bought under a scenario, of which `network` and `lives` must be."""
        from cemlab.simulate.buying.shopping import buy

        return buy(self.world, self.streams, network, members, lives, scenario)


def _cut(total: int) -> Iterator[Block]:
    for number, first in enumerate(range(0, total, BLOCK)):
        yield Block(number, first, min(BLOCK, total - first))
