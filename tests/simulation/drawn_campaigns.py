"""A simulated company's campaigns as tables in memory, with what every customer is truly worth to treat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import ibis
import numpy as np
import pandas as pd

from cemlab.data.campaign_cells import CampaignCells, Population, campaign_cells, population_cells
from cemlab.simulate.buying.campaigns import KINDS, campaign_chances, campaigns
from cemlab.simulate.buying.shopping import transactions
from cemlab.simulate.customers import member_tables
from cemlab.simulate.halden import Halden

AS_OF = date(2025, 12, 31)


@dataclass(frozen=True, eq=False, kw_only=True)
class Drawn:
    """Cells as an analyst has them, and what only the oracle knows.

    `uplift` holds one row a customer of the population: the features and the true change of the chance to
    respond by kind; `cells` and `population` are what the analysis is given.
    """

    cells: CampaignCells
    population: Population
    uplift: pd.DataFrame


def drawn(seed: int, customers: int = 20_000) -> Drawn:
    """Draw one company without writing a file."""
    halden = Halden(seed=seed, customers=customers)
    network = halden.network()
    (block,) = halden.blocks()
    members = halden.members(network, block)
    lives = halden.lives(network, members)
    people = member_tables.customers(halden.world, network, members)
    given = {
        "customers": ibis.memtable(people),
        "subscriptions": ibis.memtable(member_tables.subscriptions(members, lives)),
        "transactions": ibis.memtable(transactions(members, halden.purchases(network, members, lives))),
    }
    sent = ibis.memtable(campaigns(halden.world, halden.streams, members, lives))
    cells = campaign_cells(sent, **given)
    population = population_cells(cells, **given, as_of=AS_OF)
    chances = campaign_chances(halden.world, halden.streams, members)
    change = pd.DataFrame(np.transpose(chances.treated - chances.without), columns=list(KINDS))
    change["customer"] = [f"C{number:07d}" for number in members.number]
    known = population.customers.to_pandas()
    return Drawn(cells=cells, population=population, uplift=known.merge(change, on="customer"))
