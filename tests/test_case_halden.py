"""The case of Halden's training against what the oracle says it was worth.

Smaller companies and a few seeds, and the panel from the engine; :mod:`tests.simulation.training_value` runs
many of full size and tells what came of 200.
"""

from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab import simulate
from cemlab.business_case import case_panel, compare_roads
from cemlab.data.customer_months import customer_months
from cemlab.errors import DataError, DesignError
from cemlab.simulate.halden import Halden
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.organisation import network_tables
from cemlab.simulate.replay import Replay
from cemlab.simulate.state import AS_IT_WAS
from cemlab.simulate.timeline import DAYS, MONTHS, month_of
from tests.simulation.training_value import valued

CUSTOMERS = 5000
SEEDS = (1, 2, 3)


def panel_of(halden: Halden, run: Replay) -> pd.DataFrame:
    """Return the panel straight from the simulated state, quicker than the engine's counts of tables."""
    network = run.network
    branches = len(network.size)
    half_a, half_b = network_tables.half_scores(halden.world, halden.streams, network)
    left = np.zeros((2, branches, MONTHS))
    gone = run.exit < DAYS
    willing = (run.cause[gone] >= 2).astype(np.int64)
    np.add.at(left, (willing, run.branch[gone], month_of(run.exit[gone])), 1)
    cells = {
        "profit": run.by_branch_month("profit"),
        # the case takes what is bought; in the books fees are revenue, too
        "revenue": run.by_branch_month("revenue") - run.by_branch_month("fees"),
        "margin": run.by_branch_month("margin"), "customers": run.by_branch_month("members"),
        "cx_a": half_a, "cx_b": half_b, "cx": (half_a + half_b) / 2,
        "left": left[0], "left_otherwise": left[1], "turnover": network_tables.turnover(network),
        "trained_share": network.share_trained(),
    }  # fmt: skip
    first = network.trained_from
    persons = np.bincount(network.employee_branch[network.trained_day >= 0], minlength=branches)
    rows = {
        "branch": np.arange(branches), "region": network.region, "posts": network.size, "persons": persons,
        "first": np.where(first < MONTHS, first, np.nan),
    }  # fmt: skip
    wide = {name: np.repeat(values, MONTHS) for name, values in rows.items()}
    wide |= {name: np.asarray(values).ravel() for name, values in cells.items()}
    return pd.DataFrame(wide | {"t": np.tile(np.arange(MONTHS), branches)})


@pytest.fixture(scope="module")
def found():
    """Truth, chain and direct road of each seed."""
    return [valued(Halden(customers=CUSTOMERS, seed=seed)) for seed in SEEDS]


@pytest.mark.parametrize("road", [1, 2])
def test_the_true_value_lies_inside(found, road):
    hits = sum(row.holds(row[road]) for row in found)
    # of three 90 % intervals fewer than two hold the truth three times in 100; the seeds are fixed
    assert hits >= 2
    z = [(row[road].draws.npv.mean() - row[0]) / row[road].draws.npv.std() for row in found]
    # the mean of three standardised errors has an error of 0.58
    assert abs(np.mean(z)) < 1.5


def test_both_roads_meet_and_the_chain_is_narrower(found):
    for _, chain, direct in found:
        assert chain.draws.npv.std() < direct.draws.npv.std()
        both = compare_roads(chain, direct)
        assert both.table["grade"].tolist()[:2] == ["assumption", "quasi-experiment"]
    assert sum(compare_roads(chain, direct).agree for _, chain, direct in found) >= 2


def test_only_the_direct_road_speaks_of_a_return(found):
    _, chain, direct = found[0]
    assert chain.name == "assumption-based case"
    assert direct.titled("ROI of training") == "ROI of training"
    assert set(chain.links["grade"]) == {"assumption", "association", "quasi-experiment"}


@pytest.fixture(scope="module")
def company():
    return simulate.company(customers=500, seed=2)


def test_the_engine_counts_the_same_panel(company):
    panel = case_panel(company)
    halden = Halden(customers=500, seed=2)
    run = Oracle(halden).replay(AS_IT_WAS)
    truth = panel_of(halden, run)
    assert len(panel) == len(truth) == 60 * MONTHS
    for name in ("revenue", "margin", "left", "left_otherwise", "profit"):
        # money is summed exactly; a double holds it to the cent
        assert panel[name].to_numpy() == pytest.approx(truth[name].to_numpy(), abs=1e-6), name
    # the books count members by moments of the day, the engine by whole days
    assert panel["customers"].to_numpy() == pytest.approx(truth["customers"].to_numpy(), abs=0.2)
    assert panel["customers"].sum() == pytest.approx(truth["customers"].sum(), rel=0.01)


def test_a_company_without_customers_cannot_be_counted(company):
    tables = {name: table for name, table in company.tables.items() if name != "subscriptions"}
    with pytest.raises(DesignError, match="has no table 'subscriptions'"):
        customer_months(replace(company, tables=tables))
    nobody = company.table("customers").mutate(branch=ibis.null("string"))
    with pytest.raises(DesignError, match="no customer of a known branch"):
        customer_months(replace(company, tables=dict(company.tables) | {"customers": nobody}))
    twice = company.table("customers").union(company.table("customers"))
    with pytest.raises(DataError, match="customer stand in more than one row"):
        customer_months(replace(company, tables=dict(company.tables) | {"customers": twice}))
