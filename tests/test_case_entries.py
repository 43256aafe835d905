"""Entries: moments of what is drawn, dependence that survives, and numbers that may not enter."""

from dataclasses import FrozenInstanceError, dataclass, replace
from datetime import date
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.business_case import (
    Assumption,
    Figures,
    Fitted,
    case_ledger,
    counted,
    fitted_together,
    ledger_of,
)
from cemlab.business_case.grades import check_title, name_of, weakest
from cemlab.business_case.ledger import entries_of
from cemlab.data.company import Company, CompanyInfo
from cemlab.errors import ColumnError, DataError, DesignError, NotFoundError, OptionError
from cemlab.evidence import Evidence
from cemlab.result import Result

N = 100_000


def fee(**changes):
    given = {"item": "fee", "low": 800, "mode": 900, "high": 1300, "unit": "EUR a person"} | changes
    return Assumption(**given)


def ledger(*entries, currency="EUR"):
    return case_ledger(entries or [fee()], currency=currency)


@pytest.mark.parametrize(
    ("shape", "mean", "variance"),
    [
        ("triangular", 1000, (800**2 + 900**2 + 1300**2 - 800 * 900 - 800 * 1300 - 900 * 1300) / 18),
        # a beta of shapes 1 + 4·0.2 and 1 + 4·0.8 on a range of 500: variance ab / (a + b)² / (a + b + 1)
        ("pert", (800 + 4 * 900 + 1300) / 6, 500**2 * 1.8 * 4.2 / 36 / 7),
    ],
)
def test_moments_of_what_is_drawn(shape, mean, variance):
    entry = fee(shape=shape)
    drawn = ledger(entry).draws(N)["fee"]
    assert entry.mean == pytest.approx(mean)
    # five standard errors of a mean and of a variance (kurtosis below that of a normal distribution)
    assert drawn.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / N))
    assert drawn.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / N))
    assert 800 <= drawn.min() < drawn.max() <= 1300
    # a quarter point of the triangle: below the mode the distribution is (x − low)² / (range · (mode − low))
    if shape == "triangular":
        assert (drawn < 850).mean() == pytest.approx(50**2 / (500 * 100), abs=5 * 0.5 / np.sqrt(N))


def test_what_is_fitted_together_is_drawn_together():
    covariance = np.array([[0.04, -0.018, 0.0], [-0.018, 0.01, 0.0], [0.0, 0.0, 0.25]])
    entries = fitted_together(["a", "b", "c"], units="share", estimate=[1, 2, 3], covariance=covariance)
    drawn = ledger(*entries, fee()).draws(N).matrix()
    found = np.cov(drawn[:, :3].T)
    # standard error of a covariance of normal numbers: √((σᵢⱼ² + σᵢᵢ σⱼⱼ) / n)
    error = np.sqrt((covariance**2 + np.outer(np.diag(covariance), np.diag(covariance))) / N)
    assert (np.abs(found - covariance) < 5 * error).all()
    assert np.abs(drawn[:, :3].mean(axis=0) - [1, 2, 3]).max() < 5 * 0.5 / np.sqrt(N)
    # and nothing goes with an entry of its own
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 3])[0, 1]) < 5 / np.sqrt(N)


def test_rows_of_a_bootstrap_stay_rows():
    rows = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    entries = fitted_together(["a", "b"], units="share", draws=rows)
    drawn = ledger(*entries).draws(3000)
    assert (drawn["b"] == 10 * drawn["a"]).all()
    assert set(drawn["a"]) == {1.0, 2.0, 4.0}
    assert entries[0].mean == pytest.approx(7 / 3)
    assert Fitted(item="a", unit="share", draws=rows[:, 0]).ends == pytest.approx((1.05, 3.9))


def test_an_entry_more_leaves_the_other_draws_as_they_were():
    one = ledger(fee()).draws(50, seed=3)
    two = ledger(fee(item="other"), fee()).draws(50, seed=3)
    assert (one["fee"] == two["fee"]).all()
    assert (one["fee"] != two["other"]).any()
    assert (one["fee"] != ledger(fee()).draws(50, seed=4)["fee"]).any()
    # a range moved as a whole moves each draw by as much: what a slider shows is the range, not chance
    moved = ledger(fee(low=900, mode=1000, high=1400)).draws(50, seed=3)
    assert moved["fee"] - one["fee"] == pytest.approx(np.full(50, 100.0))


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(0, 1e6), st.sampled_from(["triangular", "pert"]))
@settings(max_examples=40, deadline=None)
def test_draws_lie_within_their_range(low, up, more, shape):
    entry = Assumption(item="x", low=low, mode=low + up, high=low + up + more, unit="share", shape=shape)
    drawn = ledger(entry).draws(200)["x"]
    slack = 1e-9 * (abs(low) + up + more + 1)
    assert (drawn >= entry.low - slack).all()
    assert (drawn <= entry.high + slack).all()


@dataclass(frozen=True, eq=False, kw_only=True)
class Found(Result):
    summary = narrative = chart = None


def found(**changes):
    evidence = Evidence(grade="quasi-experiment", design="Branches.", unit="branches", n_used=9, n_given=9)
    table = pd.DataFrame({"estimate": [0.2], "conf_low": [0.1], "conf_high": [0.3]})
    return Found(table=table, evidence=evidence, conf_level=0.95, **changes)


def test_a_result_brings_its_grade_and_its_error():
    entry = Fitted(item="effect", result=found(), unit="standard deviations")
    assert (entry.grade, entry.source, entry.middle) == ("quasi-experiment", "Branches.", 0.2)
    assert entry.ends == pytest.approx((0.1, 0.3))
    with_error = found()
    with_error.table["std_error"] = 0.07
    wide = np.ptp(Fitted(item="e", result=with_error, unit="share").ends)
    assert wide == pytest.approx(2 * 1.959964 * 0.07)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: fee(low=950), DataError, "low 950, mode 900, high 1300; give them in this order"),
        (lambda: fee(high=np.nan), DataError, "give them in this order"),
        (lambda: fee(low="cheap"), DataError, "three plain numbers"),
        (lambda: fee(low=True, mode=True), DataError, "true and false are no amounts"),
        (lambda: fee(unit=" "), DataError, "lacks its unit"),
        (lambda: fee(item=""), DataError, "lacks its item"),
        (lambda: fee(source=None), DataError, "its source is None; write a text"),
        (lambda: fee(item="x" * 501), DataError, "its item has 501 characters; shorten it to 500"),
        (lambda: fee(owner="a\ud800"), DataError, "cannot be shown; remove it"),
        (lambda: fee(unit="share\x00"), DataError, r"has the character '\\x00'"),
        (lambda: fee(item="\u202efee"), DataError, "cannot be shown"),
        (lambda: case_ledger([fee()], currency="EUR", source="x" * 4001), DataError, "ledger: its source"),
        (lambda: fee(grade="proved"), OptionError, "no grade named 'proved'"),
        (lambda: fee(shape="normal"), OptionError, "no shape named 'normal'"),
        (lambda: Fitted(item="x", unit="share", estimate=1), DataError, "has no uncertainty"),
        (lambda: Fitted(item="x", unit="share", estimate=1, std_error=-1), DataError, "no covariance"),
        (lambda: Fitted(item="x", unit="share", estimate=np.nan, std_error=1), DataError, "finite"),
        (lambda: Fitted(item="x", unit="share", draws=[1.0]), DataError, "two or more rows"),
        (lambda: Fitted(item="x", unit="share", draws=np.ones((4, 2))), DataError, "have 2 axes"),
        (lambda: Fitted(item="x", unit="share", draws=["a", "b"]), DataError, "give plain numbers"),
        (lambda: Fitted(item="x", unit="share", estimate="a", std_error=1), DataError, "give plain numbers"),
        (lambda: fitted_together("ab", units="share", estimate=[1, 2], covariance=np.eye(2)), DataError,
         "items is the text 'ab'"),
        (lambda: fitted_together(["a"], units="share", estimate=["x"], covariance=[[1]]), DataError,
         "give plain numbers"),
        (lambda: Fitted(item="x", unit="share", result=found(), row=3), DesignError, "no row 3"),
        (lambda: Fitted(item="x", unit="share", result=0.2), DesignError, "is a float, not a Result"),
        (
            lambda: fitted_together(["a", "b"], units="share", estimate=[1, 2], covariance=[[1, 2], [2, 1]]),
            DataError, "no covariance",
        ),
        (
            lambda: fitted_together(["a", "b"], units="share", estimate=[1, 2], covariance=np.eye(3)),
            DataError, "shape",
        ),
        (lambda: fitted_together(["a", "b"], units="share", draws=np.ones((5, 3))), DataError, "do not fit"),
        (lambda: fitted_together(["a"], units="share", estimate=[1]), DataError, "covariance, or draws"),
        (lambda: ledger(fee(unit="USD a person")), DesignError, "another currency: 'USD a person'"),
        (lambda: ledger(fee(unit="$ a person")), DesignError, "another currency"),
        (lambda: ledger(fee(unit="euro a person")), DesignError, "another currency"),
        (lambda: ledger(fee(), currency="Euro"), OptionError, "three capitals"),
        (lambda: ledger(fee(), fee()), DataError, "'fee' stands twice"),
        (lambda: case_ledger([], currency="EUR"), DataError, "there is none"),
        (lambda: ledger(900.0), DesignError, "900.0 is a plain number"),
        (lambda: ledger().plus(900), DesignError, "900 is a plain number"),
        (lambda: ledger("fee"), DesignError, "'fee' is no entry"),
        (lambda: ledger()["fees"], ColumnError, "did you mean 'fee'"),
        (lambda: ledger().draws(0), OptionError, "draws is 0"),
        (lambda: ledger().draws(5, seed=-1), OptionError, "seed"),
        (lambda: ledger().draws(5, items=["cost"]), ColumnError, "no entry of the ledger named 'cost'"),
        (lambda: ledger().draws(5).at("fees", 1), ColumnError, "did you mean 'fee'"),
        (lambda: ledger().draws(5).at("fee", np.inf), DataError, "one finite value, or 5"),
        (lambda: ledger().draws(5).at("fee", [1.0, 2.0]), DataError, "one finite value, or 5"),
    ],
)  # fmt: skip
def test_what_is_no_entry_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_figures_hold_one_entry_at_a_value():
    drawn = ledger(fee(), counted(item="posts", value=15, unit="posts")).draws(8)
    assert drawn.items_drawn == ("fee",)
    assert drawn.at("fee", 900)["fee"].tolist() == [900.0] * 8
    assert drawn.at("fee", np.arange(8.0)).rows(2, 4)["fee"].tolist() == [2.0, 3.0]
    assert drawn.rows(2, 4).n == 2
    assert drawn.matrix().shape == (8, 1)
    assert isinstance(drawn, Figures)
    assert ledger(fee()).means()["fee"].tolist() == [1000.0]
    with pytest.raises(FrozenInstanceError):
        fee().low = 1


def test_the_ledger_of_halden():
    inputs = Path(__file__).parent.parent / "data" / "inputs"
    tables = {name: pd.read_csv(inputs / f"{name}.csv", parse_dates=["date"]) for name in ("costs", "ledger")}
    halden = CompanyInfo(name="Halden", source="Halden", currency="EUR")
    company = Company(info=halden, tables={name: ibis.memtable(table) for name, table in tables.items()})
    read = ledger_of(company)
    assert read.currency == "EUR"
    assert read["Course, fee and travel"].ends == (820.0, 1050.0)
    assert read["Course, fee and travel"].date == date(2023, 1, 9)
    assert read["training → experience"].middle == 0.22
    assert len(read) == len(read.table) == 26
    # entries that are older than a year are read, and said to be so
    assert any(check.name == "age" and not check.passed for check in read.evidence.checks)
    assert "26 assumption" in read.narrative()
    assert read.chart.kind == "forest"
    assert read.plus(fee()).evidence.checks == read.evidence.checks
    with pytest.raises(NotFoundError, match="none of the tables opinions"):
        ledger_of(company, tables=["opinions"])
    with pytest.raises(DesignError, match="names no currency"):
        ledger_of(Company(info=replace(halden, currency=""), tables=company.tables))


def company_of(dates, as_of=None):
    """A company with one table of costs and one of assumptions, an entry for each date."""
    tables = {
        name: ibis.memtable(
            pd.DataFrame(
                {"item": [f"{name} {k}" for k in range(len(days))], "low": 1.0, "mode": 2.0, "high": 3.0,
                 "unit": "share", "source": "s", "owner": "o", "date": pd.to_datetime(days)}
            )
        )
        for name, days in dates.items()
    }  # fmt: skip
    return Company(info=CompanyInfo(name="C", source="C", currency="EUR", as_of=as_of), tables=tables)


def test_an_entry_dated_ahead_is_a_finding_and_ages_no_other():
    dates = {"costs": ["2024-06-01", "2034-12-12"], "ledger": ["2024-05-01", "2023-01-01"]}
    read = ledger_of(company_of(dates, date(2024, 12, 31)))
    failed = {check.name: check.detail for check in read.evidence.checks}
    # from 1 June 2024, the latest date that is not ahead: 3,846 days to it, 517 from New Year's Day 2023
    assert failed == {
        "date": "“costs 1” (its date lies 3,846 days ahead).",
        "age": "“ledger 1” (517 days old).",
    }
    later = ledger_of(company_of(dates, date(2024, 12, 31)), as_of=date(2024, 7, 1))
    assert [check.detail for check in later.evidence.checks][1] == "“ledger 1” (547 days old)."


def test_where_all_is_ahead_ages_are_those_of_the_last_day():
    read = ledger_of(company_of({"costs": ["2025-01-10"]}, date(2024, 12, 31)))
    assert [check.detail for check in read.evidence.checks] == ["“costs 0” (its date lies 10 days ahead)."]
    undated = ledger_of(company_of({"ledger": [None]}, date(2024, 12, 31)))
    assert [check.detail for check in undated.evidence.checks] == ["“ledger 0” (date is blank)."]


def test_the_nearest_of_many_entries_are_named():
    read = ledger(*(fee(item=f"item {k:02}") for k in range(24)), fee(item="margin of revenue"), fee())
    for ask in (lambda: read["Margins"], lambda: read.draws(3)["Margins"]):
        with pytest.raises(ColumnError) as caught:
            ask()
        told = str(caught.value)
        assert told.startswith("no entry of the ledger named 'Margins'; ")
        assert "there are: margin of revenue, " in told
        assert told.endswith(" and 21 more")
        assert told.count("item ") <= 4
    with pytest.raises(ColumnError, match=r"did you mean 'item 07'\? There are: item 07, "):
        read["item-07"]


def test_the_ledger_says_what_its_ends_are():
    stated = "Lowest and highest are the ends of the range that the owner states"
    assert ledger().caption.startswith(f"{stated}. ")
    both = ledger(fee(), Fitted(item="x", unit="share", estimate=1, std_error=1))
    assert both.caption.startswith(f"{stated}; of what was measured, of its 95 % interval. ")


def test_a_ledger_with_gaps():
    row = {"item": "fee", "low": 1, "mode": 2, "high": 3, "unit": "EUR", "source": None, "date": None}
    (entry,) = entries_of(pd.DataFrame([row]))
    assert (entry.source, entry.owner, entry.date) == ("", "", None)
    with pytest.raises(DataError, match="lacks its unit"):
        entries_of(pd.DataFrame([row | {"unit": None}]))
    with pytest.raises(DataError, match=r"three plain numbers|give them in this order"):
        entries_of(pd.DataFrame([row | {"low": None}]))


def test_three_capitals_are_not_always_money():
    read = ledger(counted(item="score", value=40, unit="NPS points"), fee())
    assert "score" in read
    assert ledger(fee(unit="XTS a person"), currency="XTS").currency == "XTS"
    with pytest.raises(DesignError, match="another currency: 'CHF'"):
        ledger(fee(unit="CHF"))


def test_texts_stand_on_one_line():
    entry = fee(item=" fee\nand  travel ", source="a\n# b", owner="c\td")
    assert (entry.item, entry.source, entry.owner) == ("fee and travel", "a # b", "c d")


def test_words_by_grade():
    for title in ("R.O.I. of training", "Returns of training", "Training returned 256 %", "Rendite"):
        with pytest.raises(DesignError, match="speaks of a return"):
            check_title(title, "adjusted")
        assert check_title(title, "experiment") == title
    assert check_title("Customers return", "assumption") == "Customers return"
    assert weakest(["experiment", "assumption", "association"]) == "assumption"
    assert name_of("adjusted") == "assumption-based case"
    assert name_of("experiment") == "business case"
    assert check_title("ROI of training", "quasi-experiment") == "ROI of training"
    for title in ("ROI of training", "Return on investment", "The effect of training", "return on training"):
        for standing in ("assumption", "descriptive", "association", "adjusted"):
            with pytest.raises(DesignError, match=r"says|speaks of"):
                check_title(title, standing)
