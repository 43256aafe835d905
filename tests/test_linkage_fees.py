"""Fees charged against fees waived by lot: the planted truth, the money, every refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cemlab.data.fees_due import FeesDue, fees_due
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.linkage import fee_effect, net_of_fees
from cemlab.simulate.customers import member_tables
from cemlab.simulate.halden import Halden
from cemlab.simulate.timeline import LAST
from cemlab.stats.intervals import difference_of_shares, wilson

DAY = date(2024, 3, 1)
UNTIL = date(2024, 12, 31)


def told(*rows):
    """Fees by hand: customer, days after DAY, charged."""
    made = [(name, DAY + timedelta(days=after), 30.0, charged) for name, after, charged in rows]
    return pd.DataFrame(made, columns=["customer", "date", "amount", "charged"])


def contracts(*rows):
    """Contracts by hand: customer, days after DAY on which it ended or None, cause."""
    made = [
        (name, date(2023, 1, 1), None if after is None else DAY + timedelta(days=after), cause, "Flex")
        for name, after, cause in rows
    ]
    frame = pd.DataFrame(made, columns=["customer", "entry", "exit", "cause", "plan"])
    return ibis.memtable(
        frame,
        schema=dict.fromkeys(["customer", "cause", "plan"], "string")
        | dict.fromkeys(["entry", "exit"], "date"),
    )


SPELLS = contracts(
    ("a", 182, "price"),  # on the last day of the window
    ("b", 183, "competitor"),  # a day later
    ("c", 10, "moved"),
    ("d", None, "none"),
    ("e", -5, "price"),  # gone before the fee
    ("f", None, "none"),
    ("g", 40, "competitor"),  # never had a fee
    ("h", None, "none"),
)
FEES = told(
    ("a", 0, True), ("b", 0, True), ("c", 0, False), ("d", 0, False), ("d", 30, True),
    ("e", 0, True), ("f", 200, True),
)  # fmt: skip


def count(fees=FEES, spells=SPELLS, **options):
    given = ibis.memtable(fees) if isinstance(fees, pd.DataFrame) else fees
    return fees_due(given, subscriptions=spells, as_of=UNTIL, **options)


def test_fees_are_counted_by_hand():
    due = count(currency="EUR", source="by hand")
    assert due.table.to_dict("list") == {
        "charged": [False, True], "n": [2, 2], "left": [0, 1], "other": [1, 0], "amount": [30.0, 30.0],
    }  # fmt: skip
    assert due.left_out == {"had one before": 1, "no customer on that day": 1, "window beyond the data": 1}
    assert (due.n_used, due.n_given) == (4, 7)
    assert (due.first, due.last) == (DAY, DAY)
    # g and h never had one; of the payers a, b, d, e and f three have left by the end, e before the fee
    assert due.naive.to_dict("list") == {"charged": [False, True], "n": [2, 5], "left": [1, 3]}
    plans = due.traits[due.traits["trait"] == "plan"]
    assert plans[["value", "waived", "charged"]].to_numpy().tolist() == [["Flex", 2, 2]]
    shorter = count(window_days=181).table
    assert shorter["left"].tolist() == [0, 0]
    people = ibis.memtable(pd.DataFrame({"customer": list("abcd"), "type": ["x", "x", "y", None]}))
    types = count(customers=people).traits.query("trait == 'type'")
    assert types["value"].tolist() == ["(blank)", "x", "y"]
    assert types["charged"].tolist() == [0, 2, 0]


@pytest.mark.parametrize(
    ("change", "error", "line"),
    [
        (lambda f: f.drop(columns="charged"), ColumnError, "charged"),
        (lambda f: f.assign(charged="yes"), DataError, "'charged'.*is not yes or no"),
        (lambda f: f.assign(amount="30"), DataError, "'amount'.*is no amount"),
        (lambda f: f.assign(amount=-1.0), DataError, "below 0 in 7 rows"),
        (lambda f: f.assign(amount=[None, *[30.0] * 6]), DataError, "'amount': missing in 1 of 7"),
        (lambda f: pd.concat([f, f.head(2)]), DataError, "2 customers have two fees on one day"),
        (lambda f: ibis.memtable(f).filter(ibis.literal(False)), DesignError, "the table is empty"),
        (lambda f: f.tail(1), DesignError, "182 days of outcome inside the data"),
    ],
)
def test_fees_that_cannot_be_are_refused(change, error, line):
    with pytest.raises(error, match=line):
        count(change(FEES))


@pytest.mark.parametrize(
    ("options", "error", "line"),
    [
        ({"window_days": 0}, OptionError, "window_days is 0"),
        ({"window_days": True}, OptionError, "window_days is True"),
        ({"controllable": "price"}, OptionError, "give a list of causes"),
        ({"controllable": ["price"], "uncontrollable": ["price"]}, OptionError, "each in one list"),
        ({"controllable": []}, OptionError, "one cause or more"),
        ({"uncontrollable": ["deceased"]}, DataError, "'moved' .* declared neither"),
    ],
)
def test_options_that_cannot_be_are_refused(options, error, line):
    with pytest.raises(error, match=line):
        count(**options)


def counted(n=(1000, 1000), left=(80, 120), other=(20, 20), never=(8000, 3000), months=None, plans=None):
    """Return counts as they might be, waived first."""
    parts = [
        ("month", months or [[n[0] // 2, n[1] // 2]] * 2),
        ("plan", plans or [[n[0] // 2, n[1] // 2]] * 2),
    ]
    traits = [(name, f"{name} {i}", *pair) for name, pairs in parts for i, pair in enumerate(pairs)]
    return FeesDue(
        table=pd.DataFrame({"charged": [False, True], "n": n, "left": left, "other": other, "amount": 30.0}),
        traits=pd.DataFrame(traits, columns=["trait", "value", "waived", "charged"]),
        naive=pd.DataFrame(
            {"charged": [False, True], "n": [never[0], n[1]], "left": [never[1], min(300, n[1])]}
        ),
        window_days=182,
        controllable=("price",),
        uncontrollable=("moved",),
        left_out={"window beyond the data": 7},
        first=DAY,
        last=DAY,
        currency="EUR",
    )


def test_the_difference_is_newcombes():
    # Newcombe (1998), table II, method 10: 56 of 70 against 48 of 80 gives .0524 to .3339
    found = fee_effect(counted(n=(80, 70), left=(48, 56), other=(0, 0)), by_lot=True)
    row = found.by_lot
    assert [row[name] for name in ("estimate", "conf_low", "conf_high")] == pytest.approx(
        [0.2, 0.0524, 0.3339], abs=5e-5
    )
    both = np.array([56, 48]).sum() / 150
    z = 0.2 / np.sqrt(both * (1 - both) * (1 / 70 + 1 / 80))
    assert row["p_value"] == pytest.approx(2 * stats.norm.sf(z))
    assert row["std_error"] == pytest.approx(np.sqrt(0.8 * 0.2 / 70 + 0.6 * 0.4 / 80))
    assert (found.evidence.n_used, found.evidence.n_given) == (150, 157)


def test_what_is_told_of_a_sound_lot():
    found = fee_effect(counted(), by_lot=True)
    assert found.evidence.grade == "experiment"
    assert not found.evidence.failed
    assert "is the effect of the fee" in found.narrative()
    assert "-7.5 points" in found.narrative()
    assert "the other way round" in found.narrative()
    assert found.chart.claim == "Charging a fee changes the share that leaves by +4.0 points"
    assert "not settled" in fee_effect(counted(left=(80, 90)), by_lot=True).chart.claim
    assert "+4.0 points" in found.to_markdown().replace("\\", "")
    # nobody without a fee: the naive comparison is not to be had, the other one is
    alone = fee_effect(counted(never=(0, 0)), by_lot=True)
    assert np.isnan(alone.naive["estimate"])
    assert alone.by_lot["estimate"] == found.by_lot["estimate"]
    assert "Everybody had a fee" in alone.narrative()
    assert "nan" not in alone.narrative()
    assert "not estimable" in alone.summary["difference"].iloc[1]
    assert "nan" not in alone.summary.to_string()


@pytest.mark.parametrize(
    ("counts", "failed"),
    [
        (counted(n=(1000, 1300), left=(80, 156)), "share charged"),
        (counted(months=[[600, 400], [400, 600]]), "same share in every month"),
        (counted(plans=[[600, 400], [400, 600]]), "balance of traits"),
        (counted(other=(20, 60)), "other causes"),
    ],
)
def test_where_no_lot_decided_no_effect_is_claimed(counts, failed):
    found = fee_effect(counts, by_lot=True)
    assert [check.name for check in found.evidence.failed] == [failed]
    assert found.evidence.grade == "association"
    assert "common reason" in found.narrative()
    assert "effect" not in found.narrative()
    assert "differ by" in found.chart.claim
    net = net_of_fees(found, margin=290.0, months=24.0)
    assert "may differ in more than the fee" in net.narrative()
    assert net.chart.grade == "association"


def test_a_lot_of_another_share_is_sound_where_that_was_the_design():
    assert (
        fee_effect(counted(n=(700, 1300), left=(56, 156)), by_lot=True, charged_share=0.65).evidence.grade
        == "experiment"
    )
    few = counted(months=[[4, 4]] * 2, plans=[[4, 4]])
    told = fee_effect(few, by_lot=True)
    undecided = [check.name for check in told.evidence.checks if check.passed is None]
    assert undecided == ["same share in every month", "balance of traits"]
    # in one month there is one chance
    assert fee_effect(counted(months=[[1000, 1000]]), by_lot=True).evidence.grade == "experiment"
    # what could not be looked at bears nothing out
    assert told.evidence.grade == "association"
    assert "too few to check the lot" in told.narrative()


def test_without_a_lot_stated_there_is_no_experiment():
    """Who waives for those who threaten to go leaves counts like those of a lot."""
    found = fee_effect(counted())
    assert found.evidence.grade == "association"
    assert not found.evidence.failed
    assert "Nobody stated that a lot decided" in found.narrative()
    assert "effect" not in found.narrative()
    assert "by lot" not in found.evidence.design
    stated = fee_effect(counted(), by_lot=True).evidence.assumptions[0]
    assert stated == "A lot decided, as stated; the checks do not speak against it."
    # 24 charged and 20 waived: nothing of a lot could be seen to fail
    few = fee_effect(counted(n=(20, 24), left=(2, 4), other=(0, 0)), by_lot=True)
    assert few.evidence.grade == "association"
    assert {check.passed for check in few.evidence.checks} == {None}
    # but what speaks against it does so at any size
    assert (
        not fee_effect(counted(n=(20, 90), other=(0, 0), left=(2, 4)), by_lot=True).evidence.checks[0].passed
    )


def test_the_checks_see_what_they_are_said_to_see():
    """From 400 fees on, halves charged 20 points apart are found four times in five."""
    rng = np.random.default_rng(1)
    ups = rng.binomial(200, [0.6, 0.4], (100, 2))
    found = [
        fee_effect(counted(
            n=(400 - up.sum(), up.sum()), left=(9, 9), other=(9, 9), plans=[[200 - u, u] for u in up.tolist()]
        )).evidence.checks[2].passed is False
        for up in ups
    ]  # fmt: skip
    # 0.8 less four standard errors of 100 draws
    assert np.mean(found) > 0.8 - 4 * np.sqrt(0.16 / 100)


@pytest.mark.parametrize(
    ("counts", "options", "error", "line"),
    [
        (
            counted(n=(1000, 19), left=(80, 2), other=(0, 0)),
            {},
            DesignError,
            "19 were charged and 1,000 waived",
        ),
        (counted(), {"charged_share": 1.0}, OptionError, "charged_share is 1.0"),
        (counted(), {"charged_share": True}, OptionError, "charged_share is True"),
        (counted(), {"by_lot": "yes"}, OptionError, "by_lot is 'yes'"),
        (counted(), {"conf_level": 2}, OptionError, "conf_level"),
    ],
)
def test_what_cannot_be_compared_is_refused(counts, options, error, line):
    with pytest.raises(error, match=line):
        fee_effect(counts, **options)


def test_one_arm_alone_is_refused():
    due = counted()
    with pytest.raises(DesignError, match="1,000 were charged and 0 waived"):
        fee_effect(replace(due, table=due.table.tail(1)))


def test_the_money_by_hand():
    known = fee_effect(counted(), by_lot=True)
    found = net_of_fees(known, margin=20.0, months=24.0)
    low, high = (float(known.by_lot[name]) for name in ("conf_low", "conf_high"))
    rows = found.table.set_index("quantity")[["estimate", "conf_low", "conf_high"]].to_numpy().tolist()
    # 4 points of 480 EUR are 19.20 EUR
    assert np.allclose(rows[0], [30.0, 30.0, 30.0])
    assert np.allclose(rows[1], [-19.2, -480 * high, -480 * low])
    assert np.allclose(rows[2], [10.8, 30 - 480 * high, 30 - 480 * low])
    assert np.allclose(rows[3], [19.2, 480 * low, 480 * high])
    assert f": 11 ({30 - 480 * high:.0f} to {30 - 480 * low:.0f}) EUR for each fee" in found.narrative()
    # how long leavers would have stayed is stated, and no lot tells it: the title and the line below say so
    assert found.chart.claim.endswith(", had leavers stayed 24 months")
    assert "480.00 EUR each had they stayed 24 months" in found.narrative()
    assert "the 24 months are stated" in found.chart.note
    assert f"19 ({480 * low:.0f} to {480 * high:.0f}) EUR would break even" in found.narrative()
    even = net_of_fees(known, margin=20.0, months=24.0, fee=19.2)
    assert even.table["estimate"][2] == pytest.approx(0)
    claims = [net_of_fees(known, margin=m, months=24.0).chart.claim for m in (2.0, 30.0, 300.0)]
    assert [
        next(word for word in ("more than", "Whether", "less than") if word in claim) for claim in claims
    ] == ["more than", "Whether", "less than"]
    kind = net_of_fees(fee_effect(counted(left=(120, 80)), by_lot=True), margin=20.0, months=24.0)
    assert "so any fee pays" in kind.narrative()
    alike = net_of_fees(fee_effect(counted(left=(80, 79)), by_lot=True), margin=20.0, months=24.0)
    assert "any fee pays" not in alike.narrative()
    assert "not settled" in alike.narrative()
    assert f"up to {alike.table['conf_high'][3]:.2f} EUR" in alike.narrative()
    unlike = net_of_fees(fee_effect(counted(left=(120, 80))), margin=20.0, months=24.0)
    assert "any fee pays" not in unlike.narrative()
    assert (kind.table["conf_low"] <= kind.table["conf_high"]).all()


@pytest.mark.parametrize("wrong", [{"margin": -1.0}, {"months": np.inf}, {"fee": "30"}, {"margin": True}])
def test_money_that_cannot_be_is_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        net_of_fees(fee_effect(counted(), by_lot=True), **{"margin": 20.0, "months": 24.0, **wrong})


def test_the_planted_points_are_covered_as_often_as_promised():
    """Lots and leavers drawn over and over, with the shares of Halden."""
    rng, n, points = np.random.default_rng(5), 4_000, 0.04
    charged = rng.binomial(4_000, 0.5, n)
    own, other = rng.binomial(charged, 0.08 + points), rng.binomial(4_000 - charged, 0.08)
    gap = difference_of_shares(wilson(own, charged), wilson(other, 4_000 - charged))
    hit = ((gap.conf_low <= points) & (points <= gap.conf_high)).sum()
    # so many of 4,000 intervals of 95 % hold the truth but once in a thousand times, either way
    assert stats.binom.ppf(0.0005, n, 0.95) <= hit <= stats.binom.ppf(0.9995, n, 0.95)
    row = fee_effect(counted(n=(4_000 - charged[0], charged[0]), left=(other[0], own[0])), by_lot=True).by_lot
    assert [row[name] for name in ("estimate", "conf_low", "conf_high")] == [part[0] for part in gap]


def test_halden_is_found_and_the_naive_comparison_is_upside_down():
    halden = Halden(seed=3)
    network = halden.network()
    members = halden.members(network, next(halden.blocks()))
    lives = halden.lives(network, members)
    due = fees_due(
        ibis.memtable(member_tables.fees(members, lives)),
        subscriptions=ibis.memtable(member_tables.subscriptions(members, lives)),
        customers=ibis.memtable(member_tables.customers(halden.world, network, members)),
        as_of=LAST,
    )
    found = fee_effect(due, by_lot=True)
    assert found.evidence.grade == "experiment"
    assert due.n_used == lives.fee_due.sum()
    # four standard errors, each of about a point
    assert abs(found.by_lot["estimate"] - halden.world.leaving.fee_points) < 4 * found.by_lot["std_error"]
    assert found.naive["conf_high"] < 0 < found.by_lot["conf_low"]
