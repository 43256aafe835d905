"""Runs with unlike shares are no single experiment; what is no yes or no, or stands twice, is refused."""

from dataclasses import replace
from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab.data.campaign_cells import campaign_cells, population_cells
from cemlab.errors import DataError
from cemlab.segmentation import uplift

DAYS = (date(2024, 6, 3), date(2024, 12, 2))
N = 3000


def two_runs(shares, chances, *, seed=1, extra=()):
    """Draw two runs of one kind that change nothing: shares treated, and chances to respond, of each."""
    rng = np.random.default_rng(seed)
    runs = [
        pd.DataFrame(
            {
                "customer": [f"{day:%m}-{i}" for i in range(N)],
                "date": day,
                "kind": "mail",
                "treated": rng.random(N) < share,
                "response": rng.random(N) < chance,
            }
        )
        for day, share, chance in zip(DAYS, shares, chances, strict=True)
    ]
    sent = pd.concat([*runs, *extra], ignore_index=True)
    types = rng.choice(["a", "b"], len(sent))
    people = pd.DataFrame({"customer": sent["customer"], "type": types}).drop_duplicates("customer")
    return campaign_cells(ibis.memtable(sent), customers=ibis.memtable(people), features=["type"])


def verdict(result, name="same share in every run"):
    return next(check for check in result.evidence.checks if check.name == name)


def test_a_season_does_not_pass_for_an_effect():
    # more were treated when more bought anyway; over both runs one in two was, as the design says
    result = uplift(two_runs((0.2, 0.8), (0.1, 0.3)))
    row = result.average.iloc[0]
    assert row["conf_low"] > 0  # the plain difference is far from the truth, nothing
    assert verdict(result, "share treated").passed
    assert verdict(result).passed is False
    assert result.evidence.grade == "adjusted"
    assert "same share in every run" in result.narrative()


def test_runs_by_one_lot_stay_an_experiment():
    result = uplift(two_runs((0.5, 0.5), (0.1, 0.3)))
    assert verdict(result).passed
    assert result.evidence.grade == "experiment"
    row = result.average.iloc[0]
    assert row["conf_low"] < 0 < row["conf_high"]


def test_runs_are_counted_as_given():
    cells = two_runs((0.2, 0.8), (0.1, 0.3))
    assert cells.runs["kind"].tolist() == ["mail", "mail"]
    assert cells.runs["n"].tolist() == [N, N]
    assert cells.runs["n_treated"].sum() == cells.table.loc[cells.table["treated"], "n"].sum()
    # a fifth of 3,000 has a standard deviation of 22
    assert cells.runs["n_treated"][0] == pytest.approx(0.2 * N, abs=100)


def test_single_customers_on_days_of_their_own_raise_no_alarm():
    days = pd.date_range("2023-01-01", periods=300).date
    alone = pd.DataFrame(
        {
            "customer": [f"late-{i}" for i in range(300)],
            "date": days,
            "kind": "mail",
            "treated": np.arange(300) % 2 == 0,
            "response": False,
        }
    )
    result = uplift(two_runs((0.5, 0.5), (0.1, 0.1), extra=[alone]))
    assert verdict(result).passed


def test_one_run_has_none_to_be_compared_with():
    cells = two_runs((0.5, 0.5), (0.1, 0.1))
    assert len(cells.runs) == 2
    once = uplift(replace(cells, runs=cells.runs.head(1)))
    assert verdict(once).passed
    assert "No kind has two runs" in verdict(once).detail
    unknown = uplift(replace(cells, runs=None))
    assert verdict(unknown).passed is None
    assert unknown.evidence.grade == "experiment"


@pytest.mark.parametrize("column", ["treated", "response"])
@pytest.mark.parametrize(
    ("values", "message"),
    [([7.5, 0.0], "1 values are neither 0 nor 1"), (["yes", "no"], "string is not yes or no")],
)
def test_an_amount_or_a_word_is_no_yes(column, values, message):
    sent = {"customer": ["a", "b"], "date": DAYS[0], "kind": "mail", "treated": True, "response": False}
    told = pd.DataFrame(sent | {column: values})
    people = ibis.memtable({"customer": ["a", "b"], "type": ["x", "y"]})
    with pytest.raises(DataError, match=f"column '{column}': {message}"):
        campaign_cells(ibis.memtable(told), customers=people, features=["type"])


def test_zeros_and_ones_are_yes_and_no():
    sent = {"customer": ["a", "b"], "date": DAYS[0], "kind": "mail", "treated": [1, 0], "response": [0, 1]}
    people = ibis.memtable({"customer": ["a", "b"], "type": ["x", "x"]})
    cells = campaign_cells(ibis.memtable(pd.DataFrame(sent)), customers=people, features=["type"])
    counted = cells.table.set_index("treated")["responses"]
    assert counted.to_dict() == {True: 0, False: 1}


def test_a_customer_with_two_rows_is_refused():
    people = ibis.memtable({"customer": ["a", "a", "b"], "type": ["x", "y", "x"]})
    sent = {"customer": ["a", "b"], "date": DAYS[0], "kind": "mail", "treated": True, "response": False}
    with pytest.raises(DataError, match="customers: 1 rows are of a customer who stands there already"):
        campaign_cells(ibis.memtable(pd.DataFrame(sent)), customers=people, features=["type"])
    once = ibis.memtable({"customer": ["a", "b"], "type": ["x", "x"]})
    cells = campaign_cells(ibis.memtable(pd.DataFrame(sent)), customers=once, features=["type"])
    with pytest.raises(DataError, match="stands there already"):
        population_cells(cells, customers=people, as_of=DAYS[1])
