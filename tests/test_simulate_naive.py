"""What a hasty analyst sees in Halden's tables is off in the planned direction, and by the planned size.

Plain lifelines and NumPy on the observed tables, as an extract would be read; the truth is the oracle's.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import AalenJohansenFitter, CoxPHFitter, KaplanMeierFitter

from cemlab import simulate
from cemlab.data.company import Company
from cemlab.simulate import Halden, Oracle, write
from cemlab.simulate.timeline import LAST


@pytest.fixture(scope="module")
def company():
    return simulate.company()


@pytest.fixture(scope="module")
def oracle():
    return Oracle(Halden())


@pytest.fixture(scope="module")
def spells(company):
    """One row a contract: days until it ended or the data did, days before the data, cause."""
    both = company.table("subscriptions").join(company.table("customers"), "customer")
    frame = both.select("customer", "entry", "exit", "cause", "observed_from").to_pandas()
    entry = pd.to_datetime(frame["entry"])
    end = pd.to_datetime(frame["exit"]).fillna(pd.Timestamp(LAST))
    return frame.assign(
        days=(end - entry).dt.days.clip(lower=1),
        before=(pd.to_datetime(frame["observed_from"]) - entry).dt.days,
        left=frame["exit"].notna(),
    )


def kept(spells, day, **options):
    fitted = KaplanMeierFitter().fit(spells["days"], spells["left"], **options)
    return float(fitted.survival_function_at_times(day).iloc[0])


@pytest.mark.parametrize("day", [365, 730])
def test_the_early_leavers_of_old_contracts_are_missing_and_retention_is_flattered(spells, oracle, day):
    truth = oracle.retention(day)["truth"].item()
    # five points and more; the interval of a curve of 20,000 is one point wide
    assert kept(spells, day) > truth + 0.05
    assert kept(spells, day, entry=spells["before"]) == pytest.approx(truth, abs=0.015)


def test_throwing_away_those_who_stay_makes_everybody_leave(spells):
    fresh = spells[spells["before"] <= 0]
    assert kept(fresh[fresh["left"]], 730) < kept(fresh, 730) - 0.2


def test_one_minus_kaplan_meier_counts_more_leavers_than_there_are(spells):
    fresh = spells[spells["before"] <= 0]
    to_rivals = fresh["cause"] == "competitor"
    naive = 1 - kept(fresh.assign(left=to_rivals), 1_095)
    codes = fresh["cause"].map({"competitor": 1, "none": 0}).fillna(2).astype(int)
    # ties are broken at random in there, which moves the fourth digit
    days = fresh["days"] + np.random.default_rng(1).uniform(0, 0.5, len(fresh))
    fitted = AalenJohansenFitter(calculate_variance=False).fit(days, codes, event_of_interest=1)
    incidence = float(fitted.predict(1_095))
    # causes that compete take 15 % and more from each other in three years
    assert naive > incidence + 0.02


def test_who_was_offered_had_to_live_that_long_so_a_harmful_offer_looks_like_a_cure(company, spells, oracle):
    offers = company.table("save_offers").to_pandas()
    low = offers[(offers["kind"] == "low risk") & offers["treated"]]
    others = spells[~spells["customer"].isin(offers["customer"])]
    seen = pd.concat([others, spells[spells["customer"].isin(low["customer"])]])
    seen = seen.assign(offered=seen["customer"].isin(low["customer"]).astype(float))
    naive = CoxPHFitter().fit(seen[["days", "left", "before", "offered"]], "days", "left", entry_col="before")
    truth = oracle.save_offers()
    truth = truth[truth["risk"] == "low"]
    assert truth["left_with"].mean() > truth["left_without"].mean()  # they wake those who slept
    assert np.exp(naive.confidence_intervals_.loc["offered"].max()) < 0.8


def test_branches_that_please_are_rich_and_the_naive_slope_is_about_twice_the_truth(company, oracle):
    months = company.table("branch_month").to_pandas()
    months["month"] = pd.to_datetime(months["month"])
    active = members_by_month(company)
    both = months.merge(active, on=["branch", "month"])
    naive = np.polyfit(both["cx"], both["profit"].astype(float) / both["members"], 1)[0]
    truth = oracle.value_of_a_point().set_index("quantity").loc["margin", "truth"]
    # the ratio is 2.0 in the mean over companies with an SD of 0.15: four of them
    assert 1.4 < naive / truth < 2.6


def members_by_month(company):
    """Return members by branch and month, counted on the fifteenth."""
    both = company.table("subscriptions").join(company.table("customers"), "customer")
    spells = both.select("branch", "entry", "exit").to_pandas()
    entry, end = pd.to_datetime(spells["entry"]), pd.to_datetime(spells["exit"]).fillna(pd.Timestamp.max)
    counts = []
    for month in pd.date_range("2022-01-01", "2025-12-01", freq="MS"):
        middle = month + pd.Timedelta(days=14)
        here = spells[(entry <= middle) & (end > middle)]["branch"].value_counts()
        counts.append(pd.DataFrame({"branch": here.index, "month": month, "members": here.to_numpy()}))
    return pd.concat(counts)


def test_in_the_stationary_world_the_best_defect_though_nobody_changed(tmp_path):
    out = write(tmp_path / "halden", Halden(customers=5_000, world_name="stationary"))
    lines = Company.open(out).table("transactions").select("customer", "date").to_pandas()
    year = pd.to_datetime(lines["date"]).dt.year
    days = (
        lines.assign(year=year).drop_duplicates().groupby(["customer", "year"]).size().unstack(fill_value=0)
    )
    loyal = days[2024] >= days[2024].quantile(0.8)
    fell = (days.loc[loyal, 2025] < days.loc[loyal, 2024]).mean()
    rose = (days.loc[loyal, 2025] > days.loc[loyal, 2024]).mean()
    # chosen for a good year, more of them have a worse one next: 20 points apart and more
    assert fell > rose + 0.2
    # while the whole company buys as before: two sums of some 50,000 purchases, four standard errors
    assert abs(days[2025].sum() / days[2024].sum() - 1) < 4 * np.sqrt(2 / days[2024].sum()) + 0.01
