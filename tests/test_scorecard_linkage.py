"""The rows on the value of a point and on the staff: from the simulator's own arrays, truths by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from cemlab import employees, linkage
from cemlab.scorecard.companies import company_of
from cemlab.scorecard.rows_employees import EMPLOYEES
from cemlab.scorecard.rows_linkage import LINKAGE
from cemlab.simulate.halden import Halden
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.organisation.network_tables import half_scores
from cemlab.simulate.tables import Totals
from cemlab.simulate.timeline import DAYS, MONTH_DAYS
from cemlab.stats.lifetime_value import discounted_periods, with_retention

ROW = {row.name: row for row in (*LINKAGE, *EMPLOYEES)}
HALDEN = Halden(customers=1200, seed=11)
ORACLE = Oracle(HALDEN)  # one, so that what it replays serves all who ask
POINT = "A point of experience"
STAFF, CUSTOMERS, MEMORY = "engagement → experience", "experience → engagement", "memory of engagement"


def said(name):
    return ROW[name].estimate(company_of(HALDEN))


def truth(name):
    return ROW[name].truth(ORACLE)


def ends(row):
    # customers of a month are counted in days on the tables and as spans of time here, in floating numbers
    return pytest.approx([row["estimate"], row["conf_low"], row["conf_high"]], rel=1e-6)


@pytest.fixture(scope="module")
def network():
    return HALDEN.network()


@pytest.fixture(scope="module")
def months(network) -> pd.DataFrame:
    """Branches and months from the simulator's arrays, without a table."""
    (block,) = HALDEN.blocks()
    members = HALDEN.members(network, block)
    lives = HALDEN.lives(network, members)
    totals = Totals(HALDEN, network)
    totals.add(members, lives, HALDEN.purchases(network, members, lives))
    traits = company_of(HALDEN).table("branches").select("branch", "format", "region", "conformance")
    panel = totals.branch_month().to_pandas().sort_values(["branch", "month"], ignore_index=True)
    panel = panel.merge(traits.to_pandas(), on="branch")
    panel["month"] = pd.to_datetime(panel["month"])
    panel["customers"] = totals.active.ravel()
    panel["trained_share"] = network.share_trained().ravel()
    for name in ("margin", "revenue"):
        panel[f"{name}_per_customer"] = getattr(totals, name).ravel() / 1e4 / panel["customers"]
    return panel


def test_rungs_are_those_of_the_simulators_own_panel(months):
    panel = linkage.linked_panel(
        months,
        outcome="margin_per_customer",
        controls=["format", "region", "conformance"],
        halves=("cx_a", "cx_b"),
        instruments=["trained_share"],
        weights="customers",
    )
    # error of SD 0.2 is planted in the score
    ladder = linkage.value_of_a_point(panel, reliability=1 - 0.04 / months["cx"].var())
    table = ladder.table.set_index("rung")
    for name, rung in (
        ("pooled", "pooled"),
        ("recorded controls", "recorded controls"),
        ("within branches and months", "within units and periods"),
        ("last month's added", "lags"),
        ("error out by halves", "error out, by halves"),
        ("error out by a stated reliability", "error out, by reliability"),
        ("training as instrument", "instrument"),
    ):
        assert list(said(f"{POINT}, {name}")) == ends(table.loc[rung]), name
        judged = name.startswith(("error out", "training"))
        assert ROW[f"{POINT}, {name}"].kind == ("estimate" if judged else "naive")
    assert ladder.end.name == "error out, by halves"
    weight = np.sqrt(months["customers"])  # of residuals, not of squares
    slope = np.polyfit(months["cx"], months["profit"].astype(float) / months["customers"], 1, w=weight)[0]
    assert said(f"{POINT}, pooled, of profit").value == pytest.approx(slope, rel=1e-6)
    spent = linkage.ways(months, outcomes=["revenue_per_customer"], weights="customers").table.iloc[0]
    assert list(said(f"{POINT}: spending")) == ends(spent)


def test_fees_are_counted_as_a_reader_would():
    made = company_of(HALDEN)
    spells = made.table("subscriptions").select("customer", "exit", "cause").to_pandas()
    fees = made.table("fees").to_pandas()
    both = fees.merge(spells, on="customer")
    days = (pd.to_datetime(both["exit"]) - pd.to_datetime(both["date"])).dt.days
    left = both["cause"].isin(["competitor", "price"])
    within = (left & (days <= 182)).groupby(both["charged"]).mean()
    lot, naive = (said(f"A fee, {told}") for told in ("charged against waived by lot", NAIVE_FEE))
    assert lot.value == pytest.approx(within[True] - within[False], rel=1e-9)
    ever = spells["cause"].isin(["competitor", "price"])
    payers = spells["customer"].isin(fees.loc[fees["charged"], "customer"])
    never = ~spells["customer"].isin(fees["customer"])
    assert naive.value == pytest.approx(ever[payers].mean() - ever[never].mean(), rel=1e-9)
    due = ORACLE.fees()
    driven = (due["left_with"] & ~due["left_without"]).mean()
    assert truth("A fee, charged against waived by lot") == pytest.approx(driven, abs=1e-12)
    # the naive figure has the other sign
    assert naive.high < 0 < driven


NAIVE_FEE = "payers against those never due one"


def test_the_mirror_is_that_of_the_simulators_own_months(network):
    a, b = half_scores(HALDEN.world, HALDEN.streams, network)
    branch, month = (i.ravel() for i in np.indices(a.shape))
    scores = {"engagement": network.engagement, "cx": (a + b) / 2, "cx_a": a, "cx_b": b}
    panel = pd.DataFrame({"branch": branch, "month": month, **{k: v.ravel() for k, v in scores.items()}})
    post, when = (i.ravel() for i in np.indices(network.roster.shape))
    persons = pd.DataFrame(
        {
            "employee": network.roster.ravel(),
            "branch": network.post_branch[post],
            "month": when,
            "engagement": network.score.ravel(),
        }
    )
    found = employees.mirror(panel, persons=persons, halves=("cx_a", "cx_b"))
    for name, path, way, planted in (
        ("engagement lifts experience, same month", STAFF, "within units, corrected", 0.2),
        ("experience lifts engagement, next month", CUSTOMERS, "within units, corrected", 0.1),
        ("engagement carried over, next month", MEMORY, "within units, corrected", 0.4),
        ("engagement lifts experience, no levels of branches", STAFF, "no unit levels", 0.2),
        ("experience lifts engagement, no levels of branches", CUSTOMERS, "no unit levels", 0.1),
        ("engagement carried over, uncorrected", MEMORY, "within units, uncorrected", 0.4),
    ):
        row = found.row(path, way=way)
        # tables hold scores with three decimals: errors of 0.0003 against an SD within months of 0.3
        assert said(f"Mirror: {name}").value == pytest.approx(row["estimate"], abs=1e-3), name
        assert truth(f"Mirror: {name}") == planted
        assert ROW[f"Mirror: {name}"].kind == ("estimate" if way.endswith(", corrected") else "naive")


def test_who_leaves_is_counted_by_hand(network):
    share = said("People leaving: share in a month")
    # a post is never vacant on the first of a month
    assert share.value == pytest.approx((network.left < DAYS).sum() / network.roster.size, rel=1e-9)
    # 2 % at nought, times the mean of 0.8^E: E has an SD of about 0.99
    chance = -math.expm1(-0.02) * math.exp((0.99 * math.log(0.8)) ** 2 / 2)
    assert truth("People leaving: share in a month") == pytest.approx(chance, rel=0.02)
    now, before = said("People leaving: a unit more engagement"), said(BEFORE)
    assert truth("People leaving: a unit more engagement") == truth(BEFORE) == pytest.approx(math.log(0.8))
    assert now.low < now.value < before.value < 0


BEFORE = "People leaving: engagement of the month before"


def test_truths_are_counted_by_hand():
    value = ORACLE.value_of_a_point().set_index("quantity")["truth"]
    assert truth(f"{POINT}, error out by halves") == value["margin"]
    assert truth(f"{POINT}: spending") == value["spend"] > value["margin"]
    share = ORACLE.leaving_per_point().query("cause == 'willing' and quantity == 'share'")["truth"].item()
    assert truth(f"{POINT}: leaving willingly") == pytest.approx(100 * share)
    # by months instead of days, which moves the elasticity by far less than a hundredth of itself
    days = [round(MONTH_DAYS * month) for month in range(1, 121)]
    there = np.array([[1.0, *ORACLE.retention(*days)["truth"]]])
    plain, more = (discounted_periods(s, discount=0.1) for s in (there, with_retention(there, times=1.01)))
    elasticity = 100 * (more / plain - 1).item()
    assert truth("Lifetime value: 1 % more retention") == pytest.approx(elasticity, rel=2e-3)
    parts = ORACLE.variance_shares().set_index("part")
    assert truth("Contacts: share of the person who serves") == parts["share"]["employee"]
    assert truth("Contacts: share of the branch") == parts["share"]["branch"]
    lasting = parts["variance"]["employee"] / parts["variance"][["employee", "branch"]].sum()
    assert truth("Contacts: the person's part of what lasts") == pytest.approx(lasting)
