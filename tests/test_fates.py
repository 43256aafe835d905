"""Fates of the loyal: a panel by hand, intervals against R, brute force, and what is refused."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab import loyalty
from cemlab.data.panel import PanelCounts
from cemlab.errors import DesignError, OptionError
from cemlab.loyalty.panels import BrandPanel

BASE = (date(2023, 1, 1), date(2023, 12, 31))
NEXT = (date(2024, 1, 1), date(2024, 12, 30))  # as many days
REFERENCE = json.loads((Path(__file__).parent / "reference" / "goodman.json").read_text(encoding="utf-8"))
FATES = ["stayed loyal", "weakened", "left for another brand", "left the category"]


def panel_of(households, **options) -> BrandPanel:
    """Return a panel of households, each {brand: (purchases in the base period, in the next)}."""
    moves, category, brands = [], [], []
    for bought in households:
        n_base, n_next = (sum(both[i] for both in bought.values()) for i in (0, 1))
        category.append((n_base, n_next, 1))
        brands += [(brand, *both, 1) for brand, both in bought.items()]
        moves += [
            (brand, n_base, both[0], n_next, both[1], 1) for brand, both in bought.items() if both[0] > 0
        ]
    columns = ["brand", "n_base", "x_base", "n_next", "x_next", "n_households"]
    counts = PanelCounts(
        moves=pd.DataFrame(moves, columns=columns),
        category=pd.DataFrame(category, columns=["n_base", "n_next", "n_households"]),
        brands=pd.DataFrame(brands, columns=["brand", "x_base", "x_next", "n_households"]),
        name="tea",
        seen=(BASE[0], NEXT[1]),
    )
    return BrandPanel(counts=counts, base=BASE, follow_up=NEXT, **options)


HAND = [
    {"A": (7, 7), "B": (3, 3)},  # 70 % of ten: loyal, and again
    {"A": (1, 1), "B": (0, 1)},  # bought once: loyal; half of two: weakened
    {"A": (2, 0), "B": (0, 5)},  # left for another brand
    {"A": (4, 0), "C": (1, 0)},  # left the category
    {"A": (6, 6), "B": (4, 0)},  # 60 %: not loyal
    {"B": (1, 0), "A": (0, 3)},  # loyal to B, left it
]


def n_by_fate(result, brand):
    return dict(zip(result.of(brand)["fate"], result.of(brand)["n"], strict=True))


def test_fates_by_hand():
    result = loyalty.fates(panel_of(HAND), brand="A")
    assert n_by_fate(result, "A") == dict(zip(FATES, (1, 1, 1, 1), strict=True))
    assert set(result.table["n_loyal"]) == {4}
    assert result.table["estimate"].tolist() == [0.25] * 4


def test_a_lower_threshold_and_a_higher_minimum_by_hand():
    panel = panel_of(HAND)
    # at 60 % the fifth household is loyal too, and the second still is below it in the next period
    assert n_by_fate(loyalty.fates(panel, brand="A", threshold=0.6), "A")["stayed loyal"] == 2
    assert n_by_fate(loyalty.fates(panel, brand="A", least=2), "A")["weakened"] == 0
    assert n_by_fate(loyalty.fates(panel, brand="A", threshold=1.0), "A") == dict(
        zip(FATES, (0, 1, 1, 0), strict=True)
    )


def test_continuous_buyers_by_hand():
    result = loyalty.fates(panel_of(HAND), brand="A", among="buyers")
    assert n_by_fate(result, "A") == dict(zip(FATES[:3], (1, 1, 1), strict=True))
    # with two purchases in each year the second household (one in the base year) is out
    fewer = loyalty.fates(panel_of(HAND), brand="A", among="buyers", least=2)
    assert n_by_fate(fewer, "A") == dict(zip(FATES[:3], (1, 0, 1), strict=True))
    assert "70 % of at least 2 category purchases, and bought the category again at least 2 times" in (
        fewer.narrative()
    )
    assert "Only those who bought the category again are counted" in " ".join(fewer.evidence.assumptions)


def test_all_brands_have_rows_of_their_own_and_nobody_loyal_is_told():
    result = loyalty.fates(panel_of(HAND))
    assert result.brands == ("A", "B")  # most bought first; nobody is loyal to C
    assert n_by_fate(result, "B")["left for another brand"] == 1
    assert any("Nobody is loyal to C" in check.detail for check in result.evidence.failed)
    assert list(result.summary.columns) == ["brand", "n_loyal", *FATES]


def test_at_one_half_a_household_is_loyal_to_both_of_its_brands():
    panel = panel_of([{"A": (1, 1), "B": (1, 0)}])
    result = loyalty.fates(panel, threshold=0.5)
    assert n_by_fate(result, "A")["stayed loyal"] == 1
    assert n_by_fate(result, "B")["left for another brand"] == 1
    assert "loyal to both and counts twice" in " ".join(result.evidence.assumptions)
    assert not loyalty.fates(panel_of(HAND), threshold=0.51).evidence.assumptions


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_intervals_are_those_of_r(level):
    ends = [(7, 7), (7, 1), (7, 0), (7, 0)]
    counts = REFERENCE["counts"]
    cells = [("A", 7, 7, (7, 7, 7, 0)[i], ends[i][1], n) for i, n in enumerate(counts)]
    panel = panel_of([*HAND[:1], {"B": (1, 1)}])
    counted = PanelCounts(
        moves=pd.DataFrame(cells, columns=panel.counts.moves.columns),
        category=panel.counts.category,
        brands=panel.counts.brands,
        name="tea",
        seen=None,
    )
    result = loyalty.fates(BrandPanel(counts=counted, base=BASE, follow_up=NEXT), brand="A", conf_level=level)
    expected = REFERENCE[f"{level:g}"]
    assert result.table["n"].tolist() == counts
    # the reference has twelve digits
    for ours, theirs in (
        ("sim_low", "sim_low"),
        ("sim_high", "sim_high"),
        ("conf_low", "low"),
        ("conf_high", "high"),
    ):
        np.testing.assert_allclose(result.table[ours], expected[theirs], rtol=1e-10)


household = st.tuples(*[st.tuples(st.integers(0, 6), st.integers(0, 6))] * 3)


@settings(max_examples=60, deadline=None)
@given(
    drawn=st.lists(household, min_size=1, max_size=30),
    percentage=st.integers(50, 100),
    least=st.integers(1, 4),
    buyers=st.booleans(),
)
def test_fates_are_those_of_counting_household_by_household(drawn, percentage, least, buyers):
    people = [dict(zip("ABC", three, strict=True)) for three in drawn]
    expected = dict.fromkeys(FATES, 0)
    for bought in people:
        n_base, n_next = (sum(both[i] for both in bought.values()) for i in (0, 1))
        x_base, x_next = bought["A"]
        # in whole numbers, so that no rounding decides
        if not (x_base and n_base >= least and 100 * x_base >= percentage * n_base):
            continue
        if buyers and n_next < least:
            continue
        stays = 100 * x_next >= percentage * n_next
        expected[
            FATES[3] if n_next == 0 else FATES[2] if x_next == 0 else FATES[0] if stays else FATES[1]
        ] += 1
    options = {"threshold": percentage / 100, "least": least, "among": "buyers" if buyers else "all"}
    panel = panel_of(people)
    if sum(expected.values()) == 0:
        with pytest.raises((DesignError, OptionError)):
            loyalty.fates(panel, brand="A", **options)
        return
    table = loyalty.fates(panel, brand="A", **options).table
    assert table["n"].tolist() == [expected[fate] for fate in table["fate"]]
    assert table["estimate"].sum() == pytest.approx(1)
    assert (table["sim_low"] <= table["conf_low"]).all()
    assert (table["conf_high"] <= table["sim_high"]).all()
    assert table["estimate"].between(table["conf_low"], table["conf_high"]).all()


def test_the_panel_is_not_changed():
    panel = panel_of(HAND)
    before = panel.counts.moves.copy()
    loyalty.fates(panel, threshold=0.6)
    pd.testing.assert_frame_equal(panel.counts.moves, before)


# --- what is said


def test_narrative_and_chart_say_what_was_counted():
    result = loyalty.fates(panel_of(HAND), brand="A")
    assert "Of 4 households loyal to A" in result.narrative()
    assert "25.0 % (4.6 to 69.9 %) stayed loyal" in result.narrative()
    assert result.chart.claim == "Of the households loyal to A, 25 % stayed loyal"
    assert result.chart.group is None
    assert loyalty.fates(panel_of(HAND)).chart.group == "brand"
    simulated = loyalty.fates(panel_of(HAND, simulated=True), brand="A")
    assert simulated.narrative().startswith("In a simulated panel")
    assert simulated.chart.claim.startswith("Simulated")


def test_few_loyal_are_told():
    few = loyalty.fates(panel_of(HAND), brand="A").evidence.failed
    assert [check.name for check in few] == ["enough loyal households"]
    many = loyalty.fates(panel_of(HAND * 8), brand="A").evidence
    assert not many.failed
    assert (many.n_used, many.n_given) == (32, 48)


def test_a_brand_with_an_active_name_is_shown_as_text():
    panel = panel_of([{"<b>A</b>": (2, 0), "B": (0, 1)}, {"B": (1, 1)}])
    result = loyalty.fates(panel, brand="<b>A</b>")
    assert "<b>" not in result._repr_html_()
    assert "<b>" not in result.to_markdown()


# --- what is refused


@pytest.mark.parametrize("threshold", [0.49, 1.01, 0.0, -1, float("nan")])
def test_a_threshold_that_is_no_loyalty_is_refused(threshold):
    with pytest.raises(OptionError, match="threshold is"):
        loyalty.fates(panel_of(HAND), threshold=threshold)


@pytest.mark.parametrize("least", [0, -1, 1.5, True])
def test_a_minimum_that_is_none_is_refused(least):
    with pytest.raises(OptionError, match="least is"):
        loyalty.fates(panel_of(HAND), least=least)


def test_an_unknown_brand_is_refused_with_those_there_are():
    with pytest.raises(OptionError, match=r"no brand bought in the base period named 'Z'.*A, B, C"):
        loyalty.fates(panel_of(HAND), brand="Z")


def test_a_brand_bought_in_the_follow_up_only_is_refused_as_such():
    panel = panel_of([*HAND, {"A": (1, 0), "D": (0, 2)}])
    with pytest.raises(OptionError, match=r"'D'.*bought in the follow-up only"):
        loyalty.fates(panel, brand="D")


def test_nobody_loyal_is_refused():
    panel = panel_of([{"A": (1, 1), "B": (1, 0), "C": (1, 0)}])
    with pytest.raises(DesignError, match="nobody is loyal to 'A' with at least 70 %"):
        loyalty.fates(panel, brand="A")
    with pytest.raises(DesignError, match="nobody is loyal to any brand"):
        loyalty.fates(panel)


@pytest.mark.parametrize(
    ("option", "value"), [("among", "everybody"), ("conf_level", 1.0), ("conf_level", 0)]
)
def test_unknown_options_are_refused(option, value):
    with pytest.raises(OptionError):
        loyalty.fates(panel_of(HAND), **{option: value})
