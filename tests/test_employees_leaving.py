"""People leaving, replacing them, turnover beside experience: R, planted truths, cases by hand, refusals."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.stats import nbinom

from cemlab.data.company import Company, CompanyInfo
from cemlab.data.engagement_months import engagement_months, person_months
from cemlab.data.leaving_months import leaving_months, staff_spells
from cemlab.data.linked_months import linked_months
from cemlab.employees.leaving_ratio import log_hazard_ratio
from cemlab.employees.people_leaving import people_leaving
from cemlab.employees.replacement import replacement_cost
from cemlab.employees.turnover import turnover_and_experience
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.simulate.halden import Halden
from cemlab.simulate.organisation.network_tables import employees, engagement, half_scores
from cemlab.simulate.timeline import LAST
from cemlab.simulate.truths import Network
from cemlab.stats.lifetable import life_table

HERE = Path(__file__).parent / "reference"
REFERENCE = json.loads((HERE / "mirror.json").read_text())


def of(tables: dict[str, dict[str, list[Any]]], as_of: date = date(2024, 3, 31)) -> Company:
    info = CompanyInfo(name="Small", source="Small", as_of=as_of, currency="EUR")
    return Company(info=info, tables={name: ibis.memtable(pd.DataFrame(t)) for name, t in tables.items()})


# e leaves on 20 February, f on the last day observed, g stays and is hired on 15 February
STAFF: dict[str, list[Any]] = {
    "employee": ["e", "f", "g"],
    "branch": ["a", "a", "a"],
    "hired": [date(2023, 1, 1), date(2024, 1, 1), date(2024, 2, 15)],
    "left": [date(2024, 2, 20), date(2024, 3, 31), None],
    "role": ["x", "x", None],
}
READ: dict[str, list[Any]] = {
    "employee": ["e", "f", "e", "f", "e", "f", "g"],
    "month": [date(2024, m, 1) for m in (1, 1, 2, 2, 3, 3, 3)],
    "score": [0.0, 1.0, -1.0, 1.0, 9.0, 1.0, 2.0],
}


@pytest.mark.parametrize(
    ("score", "told"),
    [
        ([np.inf] + [0.5] * 6, "a value of inf; allowed"),
        ([1e14] + [0.5] * 6, r"a value of 1e\+14; allowed"),
        (["0.5"] * 7, "string is no number; .*to_numeric"),
    ],
)
def test_scores_beyond_an_exact_sum_are_refused_by_name(score: list[Any], told: str) -> None:
    books = {"branch": ["a"], "month": [date(2024, 1, 1)], "cx": [0.1]}
    company = of({"employees": STAFF, "engagement": {**READ, "score": score}, "branch_month": books})
    for count in (engagement_months, leaving_months, linked_months):
        with pytest.raises(DataError, match=f"engagement, column 'score': {told}"):
            count(company)


def test_a_score_that_is_no_number_is_missing() -> None:
    books = {"branch": ["a"], "month": [date(2024, 3, 1)], "cx": [0.1]}
    read = {**READ, "score": [*READ["score"][:-1], np.nan]}
    company = of({"employees": STAFF, "engagement": read, "branch_month": books})
    assert engagement_months(company)[["engagement", "answered"]].values.tolist() == [[5.0, 2]]
    assert linked_months(company)["engagement"].tolist() == [5.0]


def halden() -> Company:
    """The staff of Halden, without its customers."""
    state = Halden(customers=500, seed=1)
    network = state.network()
    tables = {"employees": employees(network, state.world), "engagement": engagement(network)}
    info = CompanyInfo(name="Halden", source="Halden", as_of=LAST)
    return Company(info=info, tables={name: ibis.memtable(table) for name, table in tables.items()})


def test_person_months_are_counted_by_the_reading_before_and_nobody_before_being_there() -> None:
    small = of({"employees": STAFF, "engagement": READ})
    cells = leaving_months(small)
    # e's reading of March came after leaving: it is no month at risk
    assert (cells["n"].sum(), cells["left"].sum()) == (6, 2)
    gone = cells[cells["left"] > 0]
    assert gone["month"].dt.month.tolist() == [2, 3]
    assert gone["score"].tolist() == [-1.0, 1.0]
    assert sorted(cells["role"].unique()) == ["unknown", "x"]
    lagged = leaving_months(small, months_before=1)
    # last month's reading: e left in February with January's 0; April is not over and not counted
    assert (lagged["n"].sum(), lagged["left"].sum()) == (3, 2)
    assert lagged.loc[lagged["month"].dt.month == 2, "score"].tolist() == [0.0, 1.0]
    spells = staff_spells(small)
    # entry, duration: e was there 365 days before anybody looked
    assert spells[["entry", "duration", "event"]].values.tolist() == [
        [0.0, 45.0, False], [0.0, 90.0, True], [365.0, 415.0, True]
    ]  # fmt: skip
    # who left before anybody looked is not counted as having been seen
    later = staff_spells(small, observed_from=date(2024, 3, 1))
    assert int(later["n"].sum()) == 2


def test_curves_and_the_hazard_ratio_are_those_of_r() -> None:
    stays = pd.read_csv(HERE / "leaving_stays.csv")
    table = life_table(
        stays["end"], event=stays["event"], n=np.ones(len(stays), dtype=int), entry=stays["entry"]
    )
    at = table.at([200, 400, 600])
    for name, ours in (("km", "survival"), ("km_low", "conf_low"), ("km_high", "conf_high")):
        np.testing.assert_allclose(at[ours], REFERENCE[name], rtol=1e-9)  # the same formula
    cells = pd.read_csv(HERE / "leaving_cells.csv").assign(role="all")
    # 1e-6: R's glm stops its iterations earlier than we do
    ours = log_hazard_ratio(cells, per=1.0)
    np.testing.assert_allclose(ours, [REFERENCE["log_ratio"][0], REFERENCE["log_ratio_se"][0]], rtol=1e-6)
    doubled = log_hazard_ratio(cells, per=2.0)
    np.testing.assert_allclose(doubled, 2 * np.array(ours), rtol=1e-9)


def test_planted_leaving_is_recovered_by_the_reading_of_the_month_and_less_by_an_older_one() -> None:
    truth, company = Network(), halden()
    found = people_leaving(company)
    ratio, share = found.ratio, found.share
    assert ratio["conf_low"] < truth.leaving_per_engagement < ratio["conf_high"]
    # mean of the hazard over engagement of variance s²: times exp(log(0.8)² s² / 2), s² about 0.98
    hazard = truth.leaving * np.exp(np.log(truth.leaving_per_engagement) ** 2 * 0.98 / 2)
    assert share["conf_low"] < hazard < share["conf_high"]
    thirds = found.table.set_index("group")["estimate"]
    assert thirds["engagement: lowest third"] > thirds["engagement: highest third"]
    assert found.table.set_index("group")["n"].filter(like="engagement: ").sum() == found.table["n"].iloc[0]
    # an older reading tells less: regressed to the person's usual level
    assert found.ratio["estimate"] < people_leaving(company, by=None, months_before=1).ratio["estimate"] < 1
    assert set(found.curves["group"]) == {"all", "advisor", "cashier", "manager", "service desk"}
    everybody = found.curves[found.curves["group"] == "all"].set_index("months")["estimate"]
    # 2 % a month: after two years about exp(-0.49) are there; 0.05 is three standard errors
    assert everybody[24] == pytest.approx(np.exp(-24 * hazard), abs=0.05)
    assert found.evidence.grade == "association"
    assert not found.evidence.failed
    assert "2.0 %" in found.narrative()
    assert "fewer" in found.chart.claim
    assert len(found.summary) == len(found.table)


def test_the_whole_staff_is_told_beside_those_who_were_read() -> None:
    who, day = np.arange(600), date(2024, 1, 1)
    # 60 of 600 leave; every other person was read, of whom 24 leave, the less engaged sooner
    gone = (who % 2 == 0) & (who < 48) | (who % 2 == 1) & (who < 72)
    left = [date(2024, 1, 9) if away else None for away in gone]
    staff = {"employee": who.tolist(), "hired": [day] * 600, "left": left}
    read = who[::2]
    score = (3 - 0.5 * gone[read] + read % 3).tolist()
    tables = {
        "employees": staff,
        "engagement": {"employee": read.tolist(), "month": [day] * 300, "score": score},
    }
    company = of(tables, date(2024, 1, 31))
    found = people_leaving(company, by=None, per=0.5)
    assert (found.evidence.n_used, found.evidence.n_given) == (300, 600)
    table = found.table.set_index("group")
    assert table.loc["all", ["n_left", "n"]].tolist() == [24, 300]
    assert table.loc["whole staff", ["n_left", "n"]].tolist() == [60, 600]
    assert found.narrative().startswith("10.0 %")
    assert "300 of 600 person-months, 8.0 %" in found.narrative()
    assert "0.5 of a unit more engagement" in found.narrative()
    assert table.index[-1] == "per 0.5 units of engagement"
    assert "2 units more engagement" in people_leaving(company, by=None, per=2).narrative()
    assert any("without error" in each for each in found.evidence.assumptions)


def test_ratios_cover_the_planted_one_over_networks() -> None:
    truth, held = Network(), 0
    for seed in range(1, 21):
        state = Halden(customers=500, seed=seed).network()
        gone = np.concatenate([state.roster[:, 1:] != state.roster[:, :-1]], axis=1)
        post, month = np.nonzero(state.roster[:, :-1] >= 0)
        frame = pd.DataFrame(
            {"month": month, "score": state.score[post, month].round(1), "left": gone[post, month]}
        )
        cells = frame.groupby(["month", "score"], as_index=False).agg(
            n=("left", "size"), left=("left", "sum")
        )
        slope, error = log_hazard_ratio(cells.assign(role="all"), per=1.0)
        held += abs(slope - np.log(truth.leaving_per_engagement)) < 1.96 * error
    assert held >= 16  # of 20 intervals of 95 %; fewer one time in 400


def test_leaving_that_cannot_be_told_is_refused_by_name() -> None:
    small = of({"employees": STAFF, "engagement": READ})
    cases: list[tuple[type[Exception], str, Company, dict[str, Any]]] = [
        (DesignError, "2 people left", small, {}),
        (OptionError, "per is 0", small, {"per": 0}),
        (OptionError, "months_before is -1", small, {"months_before": -1}),
        (OptionError, "conf_level", small, {"conf_level": 95}),
        (DesignError, "no table 'engagement'", of({"employees": STAFF}), {}),
        (DataError, "stand in more than one row", of({"employees": STAFF, "engagement": {
            k: v + v[:1] for k, v in READ.items()}}), {}),
        (DesignError, "no person has a reading", of({"employees": STAFF, "engagement": READ},
                                                    date(2024, 1, 5)), {}),
    ]  # fmt: skip
    for error, words, company, options in cases:
        with pytest.raises(error, match=words):
            people_leaving(company, **options)
    with pytest.raises(ColumnError, match="rank"):
        staff_spells(small, by="rank")
    with pytest.raises(DesignError, match="nobody was there"):
        staff_spells(small, observed_from=date(2024, 5, 1))
    turned = {**STAFF, "left": [date(2022, 1, 1), None, None]}
    with pytest.raises(DataError, match="1 left before they were hired"):
        staff_spells(of({"employees": turned, "engagement": READ}))
    undated = {**READ, "month": pd.Series([None] * 7, dtype="datetime64[ns]").tolist()}
    with pytest.raises(DesignError, match="name observed_from"):
        staff_spells(of({"employees": STAFF, "engagement": undated}))
    same = pd.DataFrame({"role": "x", "month": [1, 2], "score": [3.0, 3.0], "n": [50, 50], "left": [10, 10]})
    with pytest.raises(DesignError, match="the same score"):
        log_hazard_ratio(same, per=1.0)


def test_engagement_is_counted_with_the_books_of_the_branch() -> None:
    books = {
        "branch": ["a", "a", "b"],
        "month": [date(2024, 1, 1), date(2024, 2, 1), date(2024, 1, 1)],
        "cx": [1.0] * 3,
    }
    small = of({"employees": STAFF, "engagement": READ, "branch_month": books})
    panel = engagement_months(small)
    assert panel["engagement"].fillna(-9).tolist() == [0.5, 0.0, -9.0]
    assert panel["answered"].tolist() == [2, 2, 0]
    assert panel.attrs == {"currency": "EUR", "source": "Small"}
    assert person_months(small)["engagement"].tolist() == [0.0, -1.0, 9.0, 1.0, 1.0, 1.0, 2.0]


def test_replacing_leavers_costs_what_was_stated_times_who_left() -> None:
    fixed = replacement_cost(
        120, months=24, items={"recruiting": (2e3, 2e3, 2e3), "ramp-up": (3e3, 3e3, 3e3)}, lower_by=0.25
    )
    assert fixed.row("a leaver") == {"estimate": 5000.0, "conf_low": 5000.0, "conf_high": 5000.0}
    year, fewer = fixed.row("all leavers, a year"), fixed.row("a year with fewer")
    assert (year["estimate"], fewer["estimate"]) == (300_000.0, 75_000.0)
    # a year ahead at Jeffreys' pace of 60.25 ± 5.49 a year: the negative binomial of 120.5 and 2 / 3; one
    # leaver more or less for the draws of a quantile
    ends = nbinom.ppf([0.025, 0.975], 120.5, 2 / 3)
    assert [year["conf_low"], year["conf_high"]] == pytest.approx(5e3 * ends, abs=5e3)
    # next year's leavers, of a pace of 30 a year counted over four years
    rng, held = np.random.default_rng(12), 0
    for _ in range(60):
        counted, ahead = rng.poisson([120, 30])
        row = replacement_cost(int(counted), months=48, items={"r": (1, 1, 1)}).row("all leavers, a year")
        held += row["conf_low"] <= ahead <= row["conf_high"]
    assert held >= 51  # of 60 intervals of 95 %, fewer one time in 700; of the pace only, 37 are expected
    spread = replacement_cost(120, months=12, items={"vacancy": (0, 1e3, 5e3)}, seed=2)
    assert spread.row("vacancy")["estimate"] == 2000.0  # mean of a triangle
    assert "as stated" in spread.narrative()
    assert "a leaver" in spread.chart.alt_text()
    assert len(spread.summary) == 4
    assert spread.evidence.grade == "descriptive"
    fine: dict[str, Any] = {"months": 12, "items": {"r": (1, 2, 3)}}
    for error, words, leavers, options in (
        (DesignError, "nobody left", 0, {}),
        (OptionError, "leavers is 2.5", 2.5, {}),
        (OptionError, "months is 0", 9, {"months": 0}),
        (OptionError, "lower_by is 2", 9, {"lower_by": 2}),
        (DataError, "none is stated", 9, {"items": {}}),
        (DataError, "item 'r'", 9, {"items": {"r": (3, 2, 1)}}),
        (DataError, "allowed: \\(lowest", 9, {"items": {"r": 5}}),
    ):
        with pytest.raises(error, match=words):
            replacement_cost(leavers, **{**fine, **options})


def test_turnover_goes_with_experience_as_planted_and_error_is_taken_out() -> None:
    rng, held = np.random.default_rng(4), 0
    state = Halden(customers=500, seed=3)
    network = state.network()
    a, b = half_scores(state.world, state.streams, network)
    branch, month = (i.ravel() for i in np.indices(a.shape))
    for _ in range(20):
        gone = np.clip(0.2 - 0.03 * network.experience + 0.02 * rng.standard_normal(a.shape), 0, 1)
        scores = {"turnover": gone, "cx": (a + b) / 2, "cx_a": a, "cx_b": b}
        panel = pd.DataFrame({"branch": branch, "month": month, **{k: v.ravel() for k, v in scores.items()}})
        found = turnover_and_experience(panel, halves=("cx_a", "cx_b"))
        row = found.table.iloc[0]
        held += row["conf_low"] < -3 < row["conf_high"]
        assert abs(row["uncorrected"]) < abs(row["estimate"])
    assert held >= 16  # of 20 intervals of 95 %; fewer one time in 400
    assert "goes with experience" in found.chart.claim
    shops = turnover_and_experience(
        panel.rename(columns={"branch": "shop", "month": "week"}),
        halves=("cx_a", "cx_b"),
        unit="shop",
        time="week",
        experience_unit="point",
    )
    assert "Within shops and weeks, one point more experience" in shops.narrative()
    assert shops.table["when"].tolist() == ["same week", "next week"]
    assert found.summary.shape == (2, 2)
    assert "points" in found.narrative()
    with pytest.raises(DataError, match="shares from 0 to 1"):
        turnover_and_experience(panel.assign(turnover=2.0 + panel["turnover"]), halves=("cx_a", "cx_b"))
