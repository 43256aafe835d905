"""Margin and experience beside the contracts: what a folder lacks, sums by hand, windows and newcomers."""

from __future__ import annotations

import ibis
import pandas as pd
import pytest

from cemlab import survival
from cemlab.data.company import Company
from cemlab.errors import DesignError
from cemlab.places import bundled

CUSTOMERS = "customer,branch\na,B1\nb,B1\nc,B2\n"
# observed to the end of 2024, by the last purchase
SUBSCRIPTIONS = (
    "customer,plan,entry,exit,cause\na,x,2022-01-01,,none\nb,x,2024-12-01,,none\n"
    "c,y,2023-01-01,2024-06-01,price\nd,y,2023-01-01,,none\n"
)
TRANSACTIONS = (
    "customer,date,revenue,margin\na,2024-12-31,20.00,7.00\na,2024-01-02,20.00,5.00\na,2024-01-01,90.00,80.00\n"
    "b,2024-12-20,20.00,6.00\nstranger,2024-12-30,20.00,9.00\n"
)
BRANCH_MONTH = (
    "branch,month,cx\nB1,2024-01-01,0.2\nB1,2024-02-01,0.4\nB1,2024-03-01,0.6\nB1,2024-04-01,1.0\n"
    "B2,2024-01-01,-1.0\n"
)
CAMPAIGNS = "customer,date,kind,treated\na,2022-01-02,onboarding,true\n"
TABLES = {
    "customers": CUSTOMERS,
    "subscriptions": SUBSCRIPTIONS,
    "transactions": TRANSACTIONS,
    "branch_month": BRANCH_MONTH,
    "campaigns": CAMPAIGNS,
}


def opened(folder, **tables):
    for name, text in (TABLES | tables).items():
        if text:
            (folder / f"{name}.csv").write_text(text)
    return Company.open(folder)


def test_everything_is_possible_where_all_tables_are_there(tmp_path):
    parts = survival.parts_possible(opened(tmp_path))
    assert parts.index.tolist() == ["experience", "margin", "onboarding"]
    assert parts["possible"].all()
    assert (parts["lacks"] == "").all()


@pytest.mark.parametrize(
    ("part", "tables", "lacks"),
    [
        ("experience", {"branch_month": ""}, "the table branch_month"),
        ("experience", {"customers": "customer,region\na,north\n"}, "the column branch of customers"),
        (
            "experience",
            {"subscriptions": "customer,plan,duration,cause\na,x,3,none\n"},
            "dates of contracts (entry, exit)",
        ),
        ("margin", {"transactions": ""}, "the table transactions"),
        (
            "margin",
            {"transactions": "customer,date,revenue\na,2024-12-31,20.00\n"},
            "the column margin of transactions",
        ),
        (
            "margin",
            {"transactions": "customer,date,revenue,margin\nstranger,2024-12-31,20.00,5.00\n"},
            "purchases of those with a contract",
        ),
        ("onboarding", {"campaigns": ""}, "the table campaigns"),
        (
            "onboarding",
            {"campaigns": "customer,date,kind,treated\na,2024-12-31,retain,true\n"},
            "an onboarding among the campaigns",
        ),
    ],
)
def test_what_a_part_lacks_is_named(part, tables, lacks, tmp_path):
    parts = survival.parts_possible(opened(tmp_path, **tables))
    assert not parts["possible"][part]
    assert parts["lacks"][part] == lacks


def test_the_small_folder_allows_none_of_the_parts():
    assert not survival.parts_possible(Company.open(bundled("data") / "small"))["possible"].any()


def test_margins_a_month_are_those_of_the_last_year_by_hand(tmp_path):
    company = opened(tmp_path)
    found = survival.valued_spells(company).to_pandas().set_index("customer")["margin"]
    assert company.as_of.isoformat() == "2024-12-31"
    # a: the line of 2024-01-01 lies 366 days back, in a leap year; there for the whole year
    assert found["a"] == pytest.approx((7 + 5) / (365 / (365.25 / 12)))
    # b: there for a month, counted as three
    assert found["b"] == pytest.approx(6 / 3)
    assert found["c"] == found["d"] == 0
    assert len(found) == 4


def test_margins_are_refused_where_they_are_not_known(tmp_path):
    with pytest.raises(DesignError, match="what customers bring is not known: the folder lacks the table tr"):
        survival.valued_spells(opened(tmp_path, transactions=""))


def test_experience_is_the_mean_of_the_branchs_quarter(tmp_path):
    changes = survival.experience_changes(opened(tmp_path)).to_pandas()
    changes = changes.assign(date=pd.to_datetime(changes["date"])).sort_values(["customer", "date"])
    assert changes["customer"].tolist() == ["a", "a", "b", "b", "c"]
    assert changes["date"].dt.strftime("%m-%d").tolist() == ["01-01", "04-01", "01-01", "04-01", "01-01"]
    assert changes["cx"].tolist() == pytest.approx([0.4, 1.0, 0.4, 1.0, -1.0])


def test_experience_cuts_spells_into_episodes(tmp_path):
    company = opened(tmp_path, customers="customer,branch\na,B1\n")
    spells = survival.spells(company)
    rows = survival.episodes(
        spells.filter(spells["customer"] == "a"),
        survival.experience_changes(company),
        customer="customer",
        duration="duration",
        event="left",
        date="date",
        initial={"cx": 0.0},
        begun="entry",
    ).to_pandas()
    # 2022-01-01 to 2024-01-01 are 730 days; the second quarter of 2024 begins 91 days later
    assert rows["start"].tolist() == [0, 730, 821]
    assert rows["cx"].tolist() == pytest.approx([0, 0.4, 1.0])


def test_experience_is_refused_where_it_is_not_known(tmp_path):
    with pytest.raises(DesignError, match="experience of customers is not known: the folder lacks the table"):
        survival.experience_changes(opened(tmp_path, branch_month=""))


def test_the_tables_stay_on_the_engine(tmp_path):
    company = opened(tmp_path)
    assert isinstance(survival.valued_spells(company), ibis.Table)
    assert isinstance(survival.experience_changes(company), ibis.Table)
