"""A simulated company in memory, with no more tables than the methods of the scorecard ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemlab.data.company import Company, CompanyInfo
from cemlab.simulate.buying import shopping
from cemlab.simulate.customers import member_tables
from cemlab.simulate.timeline import LAST

if TYPE_CHECKING:
    import pyarrow as pa

    from cemlab.simulate.halden import Halden


def company_of(halden: Halden) -> Company:
    """Return a simulated company with its customers, contracts and purchases.

    Parameters
    ----------
    halden
        Which one.
    """
    import ibis
    import pyarrow as pa

    network = halden.network()
    parts: dict[str, list[pa.Table]] = {"customers": [], "subscriptions": [], "transactions": []}
    for block in halden.blocks():
        members = halden.members(network, block)
        lives = halden.lives(network, members)
        purchases = halden.purchases(network, members, lives)
        parts["customers"].append(member_tables.customers(halden.world, network, members))
        parts["subscriptions"].append(member_tables.subscriptions(members, lives))
        parts["transactions"].append(shopping.transactions(members, purchases))
    tables = {name: ibis.memtable(pa.concat_tables(blocks)) for name, blocks in parts.items()}
    told = f"Halden, seed {halden.seed}, world {halden.world_name}"
    info = CompanyInfo(
        name="Halden", source=f"{told}, a fictional company", currency="EUR", fictional=True, as_of=LAST
    )
    return Company(info=info, tables=tables)
