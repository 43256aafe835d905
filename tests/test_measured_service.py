"""Handling time and what is resolved, from contacts into the ledger: by hand, planted, refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cemlab.business_case import case_ledger, service_entries
from cemlab.errors import ColumnError, DesignError
from cemlab.training import on_the_way

LONGER, SOLVED = 0.06, 0.04  # planted, by a trained person


def panel(seed=1, n=60, periods=16):
    """A share of each trained branch serves; what is resolved falls in months in which contacts are long."""
    rng = np.random.default_rng(seed)
    first = np.repeat([7, 11, 0], n // 3)
    treated = (first > 0)[:, None] & (np.arange(1, periods + 1) >= first[:, None])
    served = np.where(treated, rng.uniform(0.6, 0.8, (n, 1)), 0.0)
    noise = rng.normal(size=(n, periods))
    seconds = 400 * np.exp(np.log1p(LONGER) * served + 0.03 * noise)
    solved = 0.7 + SOLVED * served - 0.02 * noise + 0.01 * rng.normal(size=(n, periods))
    keys = {"branch": np.repeat(np.arange(n), periods), "month": np.tile(np.arange(1, periods + 1), n)}
    columns = {"handle_seconds": seconds, "resolved": solved, "served": served}
    return pd.DataFrame(
        keys
        | {"first_trained": np.repeat(first, periods)}
        | {name: values.ravel() for name, values in columns.items()}
    )


def road(rows=None, **options):
    asked = {"logged": ["handle_seconds"], "dose": "served"} | options
    return on_the_way(panel() if rows is None else rows, outcomes=["resolved", "handle_seconds"], **asked)


def test_entries_are_the_result_in_the_units_of_the_chain():
    found = road()
    longer, solved = service_entries(found)
    rows = found.table.set_index("outcome")
    assert longer.middle == pytest.approx(rows.loc["handle_seconds", "per_dose"] / 100)
    assert solved.middle == pytest.approx(rows.loc["resolved", "per_dose"])
    assert (longer.unit, solved.unit) == ("relative change", "difference of shares")
    assert (longer.grade, longer.block) == ("quasi-experiment", solved.block)
    # of an interval by t with over 30 degrees of freedom, one by the normal is 95 to 100 %
    wide = rows.loc["resolved", "per_dose_high"] - rows.loc["resolved", "per_dose_low"]
    assert 0.95 * wide < np.ptp(solved.ends) < wide
    wide = rows.loc["handle_seconds", "per_dose_high"] - rows.loc["handle_seconds", "per_dose_low"]
    assert 0.95 * wide < 100 * np.ptp(longer.ends) < 1.01 * wide


def test_what_was_planted_comes_back_with_its_spread():
    seeds = range(100, 130)
    found = np.array([[e.middle for e in service_entries(road(panel(seed), draws=99))] for seed in seeds])
    claimed = np.array([np.ptp(entry.ends) / (2 * 1.959964) for entry in service_entries(road())])
    # four standard errors of a mean of 30
    assert (abs(found.mean(axis=0) - [LONGER, SOLVED]) < 4 * claimed / np.sqrt(30)).all()
    # a standard deviation of 30 has an error of 13 %, and one that is claimed has its own
    assert found.std(axis=0) == pytest.approx(claimed, rel=0.45)


def test_drawn_together():
    # noise lengthens a contact by 0.03 and resolves 0.02 less, of 0.0224 in all: correlation −0.89
    ledger = case_ledger(list(service_entries(road())), currency="EUR")
    drawn = ledger.draws(20_000).matrix()
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(-0.02 / np.hypot(0.02, 0.01), abs=0.06)


def test_covariance_is_that_of_the_errors():
    whole = road(dose=None)
    assert np.sqrt(np.diag(whole.covariance)) == pytest.approx(whole.table["std_error"])


def test_results_that_say_something_else():
    with pytest.raises(DesignError, match="give on_the_way"):
        service_entries(road(dose=None))
    with pytest.raises(DesignError, match="is to be logged"):
        service_entries(road(logged=[]))
    with pytest.raises(DesignError, match="'resolved' is not"):
        service_entries(road(logged=["handle_seconds", "resolved"]))
    with pytest.raises(ColumnError, match="no outcome of the result named 'seconds'"):
        service_entries(road(), handling="seconds")


def test_a_weaker_result_makes_weaker_entries():
    found = road()
    weak = replace(found, evidence=replace(found.evidence, grade="association", source="Small, made up"))
    assert {(entry.grade, entry.source) for entry in service_entries(weak)} == {
        ("association", "Small, made up")
    }
