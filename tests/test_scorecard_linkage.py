"""The rows on the value of a point and on the staff: they see what a reader sees, truths by hand."""

import math

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cemlab import employees, linkage
from cemlab.data.company import Company, CompanyInfo
from cemlab.scorecard.companies import company_of
from cemlab.scorecard.rows_employees import EMPLOYEES
from cemlab.scorecard.rows_linkage import LINKAGE
from cemlab.simulate.halden import Halden
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.tables import pieces
from cemlab.simulate.timeline import LAST, MONTH_DAYS
from cemlab.stats.lifetime_value import discounted_periods, with_retention

ROW = {row.name: row for row in (*LINKAGE, *EMPLOYEES)}
HALDEN = Halden(customers=2000, seed=11)
POINT = "A point of experience, "
STAFF, CUSTOMERS = "engagement → experience", "experience → engagement"


def said(name):
    return ROW[name].estimate(company_of(HALDEN))


def truth(name):
    return ROW[name].truth(Oracle(HALDEN))


def ends(row):
    return pytest.approx([row["estimate"], row["conf_low"], row["conf_high"]], rel=1e-9)


@pytest.fixture(scope="module")
def company() -> Company:
    """The company with its tables as they are written; the market's are left out."""
    tables: dict[str, list[pa.Table]] = {}
    for _, parts in pieces(HALDEN):
        for name, table in parts:
            tables.setdefault(name, []).append(table)
        if "branch_month" in tables:
            break
    joined = {name: ibis.memtable(pa.concat_tables(parts)) for name, parts in tables.items()}
    info = CompanyInfo(name="Halden", source="Halden", currency="EUR", fictional=True, as_of=LAST)
    return Company(info=info, tables=joined)


@pytest.fixture(scope="module")
def months(company) -> pd.DataFrame:
    return linkage.linked_months(company)


def test_rungs_are_those_a_reader_climbs(months):
    assert months.attrs["not_there"] == ()
    read = {
        "controls": ["format", "region", "conformance"],
        "halves": ("cx_a", "cx_b"),
        "instruments": ["trained_share"],
        "weights": "customers",
    }
    panel = linkage.linked_panel(months, outcome="margin_per_customer", **read)
    # error of SD 0.2 is planted in the score
    ladder = linkage.value_of_a_point(panel, reliability=1 - 0.04 / months["cx"].var())
    table = ladder.table.set_index("rung")
    assert (table["not_possible"] == "").all()
    for name, rung in (
        ("pooled", "pooled"),
        ("recorded controls", "recorded controls"),
        ("within branches and months", "within units and periods"),
        ("last month's added", "lags"),
        ("error out by halves", "error out, by halves"),
        ("error out by a stated reliability", "error out, by reliability"),
        ("training as instrument", "instrument"),
    ):
        assert list(said(POINT + name)) == ends(table.loc[rung]), name
        judged = name.startswith("error out") or name.startswith("training")
        assert ROW[POINT + name].kind == ("estimate" if judged else "naive")
    assert ladder.end.name == "error out, by halves"
    weight = np.sqrt(months["customers"])  # of residuals, not of squares
    slope = np.polyfit(months["cx"], months["profit"].astype(float) / months["customers"], 1, w=weight)[0]
    assert said(POINT + "pooled, of profit").value == pytest.approx(slope, rel=1e-9)


def test_behaviour_lifetime_and_fees_are_those_a_reader_finds(company, months):
    frame = linkage.with_behaviours(months)
    table = linkage.ways(frame, weights="customers").table.set_index("outcome")
    assert list(said("A point of experience: spending")) == ends(table.loc["spending"])
    assert list(said("A point of experience: leaving willingly")) == ends(table.loc["leaving willingly"])
    life = linkage.lifetime(linkage.tenure_counts(company))
    # whatever a customer brings a month, retention moves the value by the same share
    worth = linkage.elasticities(life, margin=25.0, discount=0.1, horizon=120).table.set_index("part")
    assert list(said("Lifetime value: 1 % more retention")) == ends(worth.loc["retention"])
    due = linkage.fees_due(company.table("fees"), subscriptions=company.table("subscriptions"), as_of=LAST)
    fees = linkage.fee_effect(due)
    assert list(said("A fee, charged against waived by lot")) == ends(fees.by_lot)
    assert list(said("A fee, payers against those never due one")) == ends(fees.naive)
    assert fees.naive["conf_high"] < 0 < truth("A fee, payers against those never due one")


def test_the_staff_is_what_a_reader_sees(company):
    found = employees.mirror(
        employees.engagement_months(company),
        persons=employees.person_months(company),
        halves=("cx_a", "cx_b"),
    )
    for name, path, way, planted in (
        ("engagement lifts experience, same month", STAFF, "within units, corrected", 0.2),
        ("experience lifts engagement, next month", CUSTOMERS, "within units, corrected", 0.1),
        ("engagement carried over, next month", "memory of engagement", "within units, corrected", 0.4),
        ("engagement lifts experience, no levels of branches", STAFF, "no unit levels", 0.2),
        ("experience lifts engagement, no levels of branches", CUSTOMERS, "no unit levels", 0.1),
        ("engagement carried over, uncorrected", "memory of engagement", "within units, uncorrected", 0.4),
    ):
        assert list(said(f"Mirror: {name}")) == ends(found.row(path, way=way)), name
        assert truth(f"Mirror: {name}") == planted
    when = {"when": "same month"}
    assert said("Mirror: engagement lifts experience, no levels of branches").value == pytest.approx(
        found.row(STAFF, way="no unit levels", **when)["estimate"]
    )
    leaving = employees.people_leaving(company)
    assert [math.exp(end) for end in said("People leaving: a unit more engagement")] == ends(leaving.ratio)
    assert list(said("People leaving: share in a month")) == ends(leaving.share)
    older = said("People leaving: engagement of the month before").value
    assert truth("People leaving: a unit more engagement") == pytest.approx(math.log(0.8))
    assert said("People leaving: a unit more engagement").value < older < 0


def test_truths_are_counted_by_hand():
    oracle = Oracle(HALDEN)
    value = oracle.value_of_a_point().set_index("quantity")["truth"]
    assert truth(POINT + "error out by halves") == value["margin"]
    assert truth("A point of experience: spending") == value["spend"] > value["margin"]
    share = oracle.leaving_per_point().query("cause == 'willing' and quantity == 'share'")["truth"].item()
    assert truth("A point of experience: leaving willingly") == pytest.approx(100 * share)
    due = oracle.fees()
    driven = int((due["left_with"] & ~due["left_without"]).sum())
    assert truth("A fee, charged against waived by lot") == pytest.approx(driven / len(due))
    # by months instead of days, which moves the elasticity by far less than a hundredth of itself
    days = [round(MONTH_DAYS * month) for month in range(1, 121)]
    there = np.array([[1.0, *oracle.retention(*days)["truth"]]])
    plain, more = (discounted_periods(s, discount=0.1) for s in (there, with_retention(there, times=1.01)))
    elasticity = 100 * (more / plain - 1).item()
    assert truth("Lifetime value: 1 % more retention") == pytest.approx(elasticity, rel=2e-3)
    # 2 % at nought, times the mean of 0.8^E: E has an SD of about 0.99
    chance = truth("People leaving: share in a month")
    assert chance == pytest.approx(-math.expm1(-0.02) * math.exp((0.99 * math.log(0.8)) ** 2 / 2), rel=0.02)


def test_persons_and_branches_are_shares_of_all_that_varies_in_contacts(company):
    lines = employees.employee_contacts(company, controls=())
    found = employees.who_makes_it(lines)
    parts = oracle_parts = Oracle(HALDEN).variance_shares().set_index("part")
    names = {"share of the person who serves": "employee", "share of the branch": "branch"}
    for at, (name, part) in enumerate(names.items()):
        assert list(said(f"Contacts: {name}")) == ends(found.table.iloc[at])
        assert truth(f"Contacts: {name}") == oracle_parts["share"][part]
    lasting = parts["variance"]["employee"] / parts["variance"][["employee", "branch"]].sum()
    assert truth("Contacts: the person's part of what lasts") == pytest.approx(lasting)
    assert list(said("Contacts: the person's part of what lasts")) == ends(found.table.iloc[-1])
    # the whole of what varies is the same in the truth as in the estimate, but for levels of months
    n = lines.n_used
    total = lines.square / n - (lines.ones["branch"]["total"].sum() / n) ** 2
    assert parts["variance"].sum() == pytest.approx(total, rel=1e-3)
