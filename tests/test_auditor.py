"""The claim auditor: read for sure or refused, reckoned by hand, and told what it would take."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.business_case.auditor import audit_claim
from cemlab.business_case.claims import read_claim
from cemlab.business_case.readings import RETENTION, base_needed, change
from cemlab.errors import CemlabError, DataError, OptionError


@pytest.mark.parametrize(
    "text",
    [
        "70 → 72 % retention = +17 % value",
        "70% -> 72% retention = 17% value",
        "Going from 70 to 72 percent retention lifts profit by 17 per cent",
        "value rises 17 % if retention goes from 70 to 72 %",
        "churn 30 => 28 % gives +17% lifetime",
        "retention 0.70 to 0.72: value +17 %",
        "retention of 70,0 → 72,0 % means +17,0 % of value",
    ],
)
def test_seventy_to_seventy_two_is_ten_per_cent(text):
    """2.571 / 2.333 = 1.102, by hand: (0.72 / 0.28) / (0.70 / 0.30)."""
    audit = audit_claim(text)
    first = audit.table.iloc[0]
    assert first["before"] == pytest.approx(7 / 3)
    assert first["after"] == pytest.approx(18 / 7)
    assert first["estimate"] == pytest.approx(54 / 49 - 1)
    assert audit.claim.claimed[0].value == pytest.approx(0.17)
    assert audit.agrees is False
    assert "2.571 / 2.333 − 1 = +10.2 %" in audit.narrative()
    assert audit.summary["worked"].iloc[0] == "2.571 / 2.333 − 1"
    assert "does not follow" in audit.narrative()


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("retention from 90 % to 95 % doubles customer lifetime", 1.0),
        ("70 → 90 % retention means tripling of value", 2.0),
        ("90 → 80 % retention halves the value", -0.5),
        ("a rise of 5 percentage points in retention, doubling profit", 1.0),
    ],
)
def test_doubling_is_a_figure(text, claimed):
    assert [stated.value for stated in audit_claim(text).claim.claimed] == [claimed]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # read as cost 90 and gain 321 it would be another claim, and it would follow
        ("cost EUR 90 285, gain EUR 321 145 = 256 %", "only 3 are understood"),
        ("70 → 72 → 74 % retention = +17 % value", "only 2 are understood"),
        ("70 → 72 % retention = 1.17x value", r"its figures 70, 72, 1\.17 only 2"),
        ("70 → 72 % retention over 5 years = +17 % value", "leave out the others"),
        ("Increase retention 2 % = cut costs 10 %", "about costs alone"),
        ("cost -5 EUR, gain 100 EUR = 20 %", "below nought"),
        ("cost $5, gain −$100 = 20 %", "below nought"),
    ],
)
def test_figures_that_would_be_passed_over_are_refused(text, words):
    with pytest.raises(DataError, match=words):
        audit_claim(text)


def test_the_other_readings_stand_beside_it_with_their_assumptions():
    table = audit_claim("70 → 72 % retention = +17 % value", discount=0.10).table.set_index("reading")
    # by hand: 0.30/0.28; (0.72/0.38)/(0.70/0.40); 0.40/0.38; 72/70
    assert table.loc["lifetime from today", "estimate"] == pytest.approx(1 / 14)
    assert table.loc["margins still to come, discounted", "estimate"] == pytest.approx(0.72 / 0.38 / 1.75 - 1)
    assert table.loc["lifetime from today, discounted", "estimate"] == pytest.approx(1 / 19)
    assert table.loc["next period only", "estimate"] == pytest.approx(1 / 35)
    assert not table["agrees"].any()
    assert table["assumes"].str.len().min() > 10
    # 69.5 to 70.5 and 71.5 to 72.5 round to the same figures
    first = table.iloc[0]
    assert first["conf_low"] == pytest.approx((0.715 / 0.285) / (0.705 / 0.295) - 1)
    assert first["conf_high"] == pytest.approx((0.725 / 0.275) / (0.695 / 0.305) - 1)


def test_a_multiple_is_the_sum_of_its_margins():
    """Each closed form against adding up 3,000 periods."""
    for r, d in ((0.7, 0.1), (0.9, 0.02)):
        stays = [r**t for t in range(3000)]
        worth = [s / (1 + d) ** t for t, s in enumerate(stays)]
        by_name = {reading.name: reading.multiple(r, d) for reading in RETENTION}
        assert by_name["margins still to come"] == pytest.approx(sum(stays[1:]))
        assert by_name["lifetime from today"] == pytest.approx(sum(stays))
        assert by_name["margins still to come, discounted"] == pytest.approx(sum(worth[1:]))
        assert by_name["lifetime from today, discounted"] == pytest.approx(sum(worth))


def test_what_it_would_take_gives_the_claimed_figure_when_put_in():
    needed = audit_claim("70 → 72 % retention = +17 % value").needed.set_index("what")["value"]
    first, discounted = RETENTION[0], RETENTION[2]
    assert change(first, 0.70, needed["retention afterwards"], 0) == pytest.approx(0.17)
    assert change(discounted, 0.70, 0.72, needed["discount less growth"]) == pytest.approx(0.17)
    share = needed["cost that stays"]
    assert (18 / 7 - 7 / 3) / (7 / 3 * (1 - share)) == pytest.approx(0.17)
    # a claim below what the plain reading gives asks for a discount instead
    low = audit_claim("70 → 72 % retention = +5 % value").needed.set_index("what")["value"]
    assert low["discount less growth"] > 0
    assert change(discounted, 0.70, 0.72, low["discount less growth"]) == pytest.approx(0.05)
    assert "cost that stays" not in low.index


def test_a_right_claim_is_said_to_follow():
    audit = audit_claim("70 → 72 % retention = +10 % value")
    assert audit.agrees is True
    assert "follows" in audit.narrative()
    assert audit.evidence.checks[0].passed is True
    other = audit_claim("80.00 → 82.00 % retention = +11.1 % value")  # 1 / (1 − r) alone: 0.20 / 0.18
    assert other.agrees is False
    assert "It would, read as lifetime from today" in other.narrative()
    assert other.evidence.checks[0].passed is None
    bare = audit_claim("retention 80 to 85 %")
    assert bare.agrees is None
    assert bare.summary["agrees"].unique().tolist() == ["–"]
    assert bare.chart.claim == "Its own figures give +41.7 %"


def test_phillips_return_of_his_case():
    """(321,145 − 90,285) / 90,285 = 2.557: 256 %; a gain net of its cost would give 356 %."""
    audit = audit_claim("cost $90,285, gain $321,145 = 256 %")
    assert audit.table["estimate"].tolist() == pytest.approx([230860 / 90285, 321145 / 90285])
    assert audit.table["agrees"].tolist() == [True, False]
    # the quotient that is written is the one whose value stands behind it
    assert audit.summary["worked"].tolist() == ["230,860 / 90,285", "321,145 / 90,285"]
    assert "(gain − cost) / cost, give 230,860 / 90,285 = +255.7 %" in audit.narrative()
    wrong = audit_claim("It costs 90k EUR and brings 321k EUR: ROI 400 %")
    assert wrong.agrees is False
    assert wrong.needed["value"].tolist() == pytest.approx([450_000])
    assert "how the gain was measured" in wrong.narrative()


def test_a_slogan_says_what_is_missing_and_where_it_would_hold():
    """1 / (1 − r): +25 % from 75 % (0.25 / 0.20) and +95 % from 89.7 % on."""
    audit = audit_claim("5 % more retention = 25–95 % more profit")
    assert audit.needed["value"].tolist() == pytest.approx([0.75, 1 - 0.05 * 1.95 / 0.95])
    assert pytest.approx(0.25) == 0.25 / 0.20 - 1
    assert base_needed(0.05, 0.25) == pytest.approx(0.75)
    assert "from which retention it starts" in audit.missing
    assert "what part of the margin is left after costs" in audit.missing
    assert "says too little" in audit.narrative()
    assert audit.evidence.checks[0].passed is None
    table = audit.table.set_index("reading")
    assert table.loc["from 80 %, points", "estimate"] == pytest.approx(0.20 / 0.15 - 1)
    assert table.loc["from 80 %, per cent of it", "estimate"] == pytest.approx(0.20 / 0.16 - 1)
    assert table.loc["from 80 %, points", "agrees"]
    assert not table.loc["from 50 %, points", "agrees"]
    same = read_claim("a 5% increase in retention increases profits by 25% to 95%")
    assert (same.kind, same.before.value) == ("slogan", 0.05)
    assert [stated.value for stated in same.claimed] == [0.25, 0.95]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("cost 90'285, gain 1", 90285),
        ("cost 1.090.285,50 €, gain 1 €", 1090285.5),
        ("cost 1,090,285.50, gain 1", 1090285.5),
        ("cost €1.2m, gain €3m", 1.2e6),
        ("invest 90.5 thousand, it earns 1 million", 90500),
    ],
)
def test_numbers_as_people_write_them(written, value):
    assert read_claim(written).before.value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a claim is a text"),
        ("happy staff, happy customers", "names neither retention or churn, nor cost and gain"),
        ("retention is everything", "0 figures in percent"),
        ("retention from 70 to 120 %", "a retention of 120 % is none"),
        ("retention 70 → 70 % = +5 % value", "does not change"),
        ("retention 70,125 → 72 %", "'70,125' may be read in two ways"),
        ("cost 90.285, gain 100", "'90.285' may be read in two ways"),
        ("cost 1,23,4, gain 100", "may be read in two ways"),
        ("cost $10, gain €20", "cost and gain are in EUR and USD"),
        ("cost 0, gain 20", "a cost of nought has no return"),
        ("cost 10, gain 20, 100 % or 50 %", "more than one figure in percent"),
        ("70 → 72 % retention = 5 % value and 6 % profit", "not clear which figure"),
        ("churn 5 % = 25 % profit", "say by how much retention rises"),
        ("retention 1–2 %, 3–4 %, 5–6 %", "more than two pairs"),
        ("retention " * 60, "allowed: up to 500"),
    ],
)
def test_what_cannot_be_read_for_sure_is_refused_with_the_forms_that_can(text, says):
    with pytest.raises(DataError, match=says):
        audit_claim(text)


def test_a_discount_that_is_none_is_refused():
    with pytest.raises(OptionError, match="discount is 10; allowed"):
        audit_claim("70 → 72 % retention", discount=10)


# Pieces of claims, so that many of the texts nearly are one.
PIECES = [
    *("retention ", "churn ", "cost ", "gain ", "value ", "70", "72", "5", "0", "1.5", "1,000", " %", " → "),
    *(" to ", "-", ".", ",", "+", " = ", "$", "EUR ", "k", "points", "__import__('os')", "{x}"),
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
def test_any_text_is_read_or_refused_by_name(text):
    """Text is never run: whatever is pasted ends in an answer or in a named error."""
    try:
        audit = audit_claim(text)
    except CemlabError:
        return
    assert audit.table["estimate"].notna().all()
    assert (audit.table["conf_low"] <= audit.table["conf_high"]).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(10, 90), st.integers(1, 9))
def test_the_stated_change_lies_within_the_range_of_rounding(before, rise):
    audit = audit_claim(f"{before} → {before + rise} % retention")
    for row in audit.table.to_dict("records"):
        assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_text_that_is_pasted_is_escaped_in_pages():
    audit = audit_claim("<b>70 → 72 % retention</b> = +17 % value")
    assert "<b>70" not in audit.to_markdown()
    assert audit.evidence.grade == "descriptive"
    assert audit.evidence.n_used == 3
