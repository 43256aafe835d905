"""The service–profit chain and engagement ratios: published figures, cases by hand, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.employees.engagement_ratio import engagement_ratio
from cemlab.employees.profit_chain import SEARS, Link, profit_chain
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import GRADES


def link(start: str, end: str, estimate: float = 0.5, **options: Any) -> Link:
    return Link(start=start, end=end, estimate=estimate, **{"std_error": 0.1, "grade": "adjusted", **options})


def test_five_units_of_attitude_go_with_half_a_percent_of_growth() -> None:
    found = profit_chain(step=5)
    assert 5 * SEARS[0].estimate == pytest.approx(1.3)
    assert 1.3 * SEARS[1].estimate == pytest.approx(0.5)
    assert found.whole["estimate"] == pytest.approx(0.5)
    assert np.isnan(found.whole["conf_low"])
    assert np.isnan(found.whole["conf_high"])
    assert found.evidence.checks[0].passed is None
    assert "0.5 (interval not known)" in found.narrative()
    assert "0.26 (association)" in found.chart.alt_text()


def test_a_chain_has_the_product_its_spread_and_the_grade_of_its_weakest_link() -> None:
    links = [link("a", "b", 2.0, std_error=0.2), link("b", "c", 3.0, std_error=0.6, grade="experiment")]
    found = profit_chain(links, step=2, conf_level=0.95, seed=5)
    assert found.whole["estimate"] == 12.0
    # variance of a product of independent numbers: a²t² + b²s² + s²t²
    sd = 2 * np.sqrt(4 * 0.36 + 9 * 0.04 + 0.04 * 0.36)
    # a product of two normals is nearly one here; 5 % covers its skew and the draws
    assert found.whole["conf_high"] - found.whole["conf_low"] == pytest.approx(2 * 1.96 * sd, rel=0.05)
    assert found.evidence.grade == "adjusted"
    assumed = profit_chain([*links, link("c", "d", 1.0, grade="descriptive", stated=True)])
    assert assumed.evidence.grade == "descriptive"
    assert "c → d rests on an assumption" in assumed.narrative()
    # an assumption is no experiment, whatever it is called
    hoped = profit_chain([links[1], link("c", "d", 1.0, grade="experiment", stated=True)])
    assert hoped.evidence.grade == hoped.table["grade"].iloc[-1] == "descriptive"
    assert "c → d rests on an assumption" in hoped.narrative()
    assert hoped.summary["grade"].tolist() == ["experiment", "descriptive, assumed", "descriptive"]
    certain = profit_chain([link("a", "b", 2.0, std_error=0.0)])
    assert certain.whole == {"estimate": 2.0, "conf_low": 2.0, "conf_high": 2.0}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(list(GRADES)), min_size=1, max_size=5))
def test_no_chain_is_graded_above_any_of_its_links(grades: list[Any]) -> None:
    chain = profit_chain([link(f"{i}", f"{i + 1}", std_error=None, grade=g) for i, g in enumerate(grades)])
    order = list(GRADES)
    assert order.index(chain.evidence.grade) == min(map(order.index, grades))


def test_chains_that_do_not_hold_together_are_refused() -> None:
    for error, words, links in (
        (DesignError, "one link or more", []),
        (DesignError, "does not begin where", [link("a", "b"), link("c", "d")]),
        (DesignError, "comes back", [link("a", "b"), link("b", "a")]),
    ):
        with pytest.raises(error, match=words):
            profit_chain(links)
    for step in (0, "5", None):
        with pytest.raises(OptionError, match="step is"):
            profit_chain(step=step)
    for error, words, options in (
        (OptionError, "no design grade named 'sure'", {"grade": "sure"}),
        (DataError, "no number", {"estimate": float("nan")}),
        (DataError, "no number", {"estimate": "0.5"}),
        (DataError, "std_error is '0.1'", {"std_error": "0.1"}),
        (DataError, "std_error is -1", {"std_error": -1}),
    ):
        with pytest.raises(error, match=words):
            link("a", "b", **options)
    with pytest.raises(DataError, match="a name each"):
        link("a", "a")


def test_a_ratio_needs_the_number_of_persons_and_few_of_them_make_it_wide() -> None:
    with pytest.raises(DesignError, match="without the number of persons"):
        engagement_ratio("4 to 1")
    wide, narrow = engagement_ratio("4 to 1", n=25), engagement_ratio("4:1", n=2_500)
    # Wilson's interval of 20 of 25, by hand: (0.8 + z²/50 ± z sqrt(0.16/25 + z²/2500)) / (1 + z²/25)
    z = 1.959964
    middle, reach = 0.8 + z**2 / 50, z * np.sqrt(0.16 / 25 + z**2 / 2_500)
    low, high = (middle - reach) / (1 + z**2 / 25), (middle + reach) / (1 + z**2 / 25)
    row = wide.table.iloc[0]
    assert [row["estimate"], row["conf_low"], row["conf_high"]] == pytest.approx(
        [4, low / (1 - low), high / (1 - high)],
        rel=1e-5,  # z has seven digits
    )
    assert wide.evidence.failed
    assert not narrow.evidence.failed
    assert "tell the interval only" in wide.narrative()
    assert "2,500 asked" in narrow.narrative()
    half = narrow.table.iloc[0]
    assert half["conf_high"] - half["conf_low"] < (row["conf_high"] - row["conf_low"]) / 8
    assert "More are engaged" in narrow.chart.claim
    assert "not settled" in engagement_ratio((6, 5), n=11).chart.claim
    counted = engagement_ratio((80, 20), n=150, neither=50)
    assert (counted.engaged, counted.disengaged, counted.evidence.n_used) == (80, 20, 100)
    assert engagement_ratio("4,25 zu 1", n=84).engaged == pytest.approx(68)
    alone = engagement_ratio((3, 0), n=3)
    assert np.isinf(alone.table["conf_high"].iloc[0])
    assert "∞" in alone.summary["told"].iloc[0]


def test_what_is_no_ratio_is_refused() -> None:
    for error, words, ratio, options in (
        (DataError, "no ratio", "many", {"n": 9}),
        (DataError, "no ratio", (1, 2, 3), {"n": 9}),
        (DataError, "one of them above 0", (0, 0), {"n": 9}),
        (DataError, "no ratio", (1, "2"), {"n": 9}),
        (DataError, "thousands or decimals", "1,200 to 300", {"n": 1500}),
        (DataError, "thousands or decimals", "1.200 zu 300", {"n": 1500}),
        (DataError, "100 persons, but of n=50", (80, 20), {"n": 50}),
        # as if 800 of 1,000 had been engaged
        (DataError, "state neither", (80, 20), {"n": 1000}),
        (OptionError, "n is 0", "4 to 1", {"n": 0}),
        (OptionError, "neither is 9", "4 to 1", {"n": 9, "neither": 9}),
        (OptionError, "conf_level", "4 to 1", {"n": 9, "conf_level": 0}),
    ):
        with pytest.raises(error, match=words):
            engagement_ratio(ratio, **options)
