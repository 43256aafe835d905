"""A simulated company's save offers as tables in memory, with what an offer truly is worth to each class."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import ibis
import pandas as pd

from cemlab.data.save_offers import SaveCells, save_offer_cells
from cemlab.simulate.customers import member_tables
from cemlab.simulate.halden import Halden
from cemlab.simulate.oracle import Oracle

AS_OF = date(2025, 12, 31)
SOURCE = "Halden, a fictional company"


@dataclass(frozen=True, eq=False, kw_only=True)
class DrawnSaves:
    """Cells as an analyst has them, and what only the oracle knows, one row a customer considered."""

    cells: SaveCells
    truth: pd.DataFrame


def drawn_saves(seed: int, customers: int = 20_000, world: str = "default") -> DrawnSaves:
    """Draw one company without writing a file."""
    halden = Halden(seed=seed, customers=customers, world_name=world)
    network = halden.network()
    (block,) = halden.blocks()
    members = halden.members(network, block)
    lives = halden.lives(network, members)
    cells = save_offer_cells(
        ibis.memtable(member_tables.save_offers(members, lives)),
        subscriptions=ibis.memtable(member_tables.subscriptions(members, lives)),
        customers=ibis.memtable(member_tables.customers(halden.world, network, members)),
        as_of=AS_OF,
        source=SOURCE,
    )
    return DrawnSaves(cells=cells, truth=Oracle(halden).save_offers())
