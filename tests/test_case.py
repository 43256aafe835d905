"""The chain against a walk of its own, month by month; the case by hand, by grade, and its error paths."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.business_case import (
    Assumption,
    Cell,
    Conditions,
    Figures,
    Fitted,
    Wave,
    case_ledger,
    compare_roads,
    counted,
    direct_case,
    direct_entries,
    experience_entries,
    fact_entries,
    simple_return,
    slope_entries,
    training_case,
)
from cemlab.business_case.roles import ROLES, SERVICE
from cemlab.errors import ColumnError, DataError, DesignError, OptionError

RANGES = {
    "experience": (0.1, 0.2, 0.4, "standard deviations after six months"),
    "half time": (1, 1.5, 2.5, "months"),
    "spill-over": (0.0, 0.1, 0.3, "share"),
    "stay": (30, 40, 60, "months"),
    "leaving": (0.010, 0.012, 0.014, "share a month"),
    "other leaving": (0.002, 0.003, 0.004, "share a month"),
    "experience on leaving": (0.7, 0.8, 0.9, "hazard ratio per standard deviation"),
    "experience on other leaving": (0.95, 1.0, 1.05, "hazard ratio per standard deviation"),
    "experience on purchases": (0.02, 0.07, 0.1, "log purchases per standard deviation"),
    "spend": (450, 500, 550, "EUR a customer and month"),
    "margin": (0.54, 0.57, 0.6, "share"),
    "fee": (820, 900, 1050, "EUR a person"),
    "hours": (20, 24, 28, "hours a person"),
    "back-filling": (26, 28, 31, "EUR an hour"),
    "service pay": (500, 600, 700, "EUR a post and month"),
    "handling time": (0.02, 0.05, 0.1, "relative change"),
    "resolved gain": (0.0, 0.03, 0.07, "difference of shares"),
    "resolved": (0.68, 0.72, 0.76, "share"),
    "comes back": (0.35, 0.45, 0.55, "share"),
    "capital": (0.06, 0.08, 0.11, "share a year"),
}
SIZES = {"persons trained": (14, "persons"), "posts": (15, "posts"), "customers": (333, "customers"),
         "customers near by": (100, "customers")}  # fmt: skip


def assumption(role, low, mode, high, unit, **more):
    return Assumption(item=ROLES[role].item, low=low, mode=mode, high=high, unit=unit, **more)


def ledger(*, without=(), grade="assumption", more=()):
    entries = [assumption(r, *given, grade=grade) for r, given in RANGES.items() if r not in without]
    entries += [counted(item=item, value=value, unit=unit) for item, (value, unit) in SIZES.items()]
    return case_ledger(entries, currency="EUR").plus(*more)


def case(read=None, **options):
    options = {"draws": 400, "waves": [Wave(nearby="customers near by")]} | options
    return training_case(read or ledger(), **options)


def walked(values, *, months, waves, refresh_every=None, leaving=None, purchases=None, refreshed=None):
    """Walk one draw person-cohort by person-cohort; returns gains and costs of each month."""
    v = {role: values[ROLES[role].item] for role in ROLES}
    leaving, purchases, refreshed = (
        np.ones(months) if p is None else p for p in (leaving, purchases, refreshed)
    )
    gains, costs = np.zeros(months), np.zeros(months)
    before = 1 / (1 - (1 - v["resolved"]) * v["comes back"])
    after = 1 / (1 - (1 - v["resolved"] - v["resolved gain"]) * v["comes back"])
    hours = (1 + v["handling time"]) * after / before - 1
    for begin in waves:
        cohorts = []
        for t in range(begin, months):
            there = sum(n * np.exp(-(t - s) / v["stay"]) for s, n in cohorts)
            age = t - begin
            if age == 0 or (refresh_every and age % refresh_every == 0):
                new = (14 - there) * (refreshed[t] if age else 1)
                cohorts.append((t, new))
                costs[t] += new * (v["fee"] + v["hours"] * v["back-filling"])
            costs[t] += v["service pay"] * hours * sum(n * np.exp(-(t - s) / v["stay"]) for s, n in cohorts)
        for customers, reach in ((333, 1.0), (100, v["spill-over"])):
            kept = 0.0
            for t in range(begin, months):
                learnt = sum(
                    n * np.exp(-(t - s) / v["stay"]) * (1 - 0.5 ** ((t - s) / v["half time"]))
                    for s, n in cohorts
                    if s <= t
                )
                lift = reach * v["experience"] * learnt / 15
                usual = v["leaving"] * leaving[t] + v["other leaving"]
                now = v["leaving"] * leaving[t] * v["experience on leaving"] ** lift
                now += v["other leaving"] * v["experience on other leaving"] ** lift
                then = kept * (1 - now) + customers * (usual - now)
                each = v["spend"] * v["margin"] * purchases[t]
                stay = (kept + then) / 2
                with_training = (customers + stay) * np.exp(v["experience on purchases"] * lift)
                gains[t] += each * (with_training - customers)
                kept = then
    return gains, costs


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({}, {}),
        ({"refresh_every": 7}, {}),
        ({"refresh_every": 6}, {"leaving": np.linspace(1, 2, 30), "purchases": np.linspace(1, 0.8, 30),
                                "refreshed": np.where(np.arange(30) < 15, 1.0, 0.0)}),
        ({"waves": [Wave(nearby="customers near by"), Wave(month=11, nearby="customers near by")]}, {}),
    ],
)  # fmt: skip
def test_the_chain_against_a_walk(options, times):
    made = case(months=30, conditions=Conditions(**times), **options)
    figures = made.draws.figures
    priced = made.price(figures)
    begins = [wave.month for wave in made.model.waves]
    for row in (0, 7, 399):
        values = {item: float(drawn[row]) for item, drawn in figures.items()}
        gains, costs = walked(
            values, months=30, waves=begins, refresh_every=options.get("refresh_every"), **times
        )
        factor = (1 + values["Capital"]) ** (-np.arange(30) / 12)
        # the same sums in another order
        assert priced.net[row] == pytest.approx(gains - costs, rel=1e-9, abs=1e-7)
        assert made.draws.npv[row] == pytest.approx(factor @ (gains - costs), rel=1e-9, abs=1e-6)
        assert made.draws.gain[row] == pytest.approx(factor @ gains, rel=1e-9)


def test_nothing_learnt_leaves_the_cost_by_hand():
    with pytest.raises(DataError, match="'persons trained' is 140, 'posts' 15: each trained person"):
        case(ledger(more=[counted(item="persons trained", value=140, unit="persons")]))
    with pytest.raises(DataError, match="as 'posts' it lies between"):
        case(ledger(more=[counted(item="posts", value=0, unit="posts")]))
    read = ledger(without=SERVICE, more=[assumption("experience", 0, 0, 0, "standard deviations")])
    made = case(read, months=12, waves=Wave())
    at = made.npv(read.means())[0]
    mean = {role: sum(given[:3]) / 3 for role, given in RANGES.items()}
    assert at == pytest.approx(-14 * (mean["fee"] + mean["hours"] * mean["back-filling"]))
    assert made.value("probability of loss")["estimate"] == 1
    assert made.value("payback")["estimate"] == np.inf
    told = made.summary.set_index("quantity")
    assert list(told.loc["payback", ["estimate", "conf_low", "conf_high", "defined"]]) == ["never"] * 3 + [
        "0.0 %"
    ]
    assert told.loc["net present value", "estimate"] == made.value("net present value")["estimate"]
    assert "∞" not in made._repr_html_()
    assert made.labels["defined"] == "In so many draws"
    assert "stays below nought" in made.chart.claim


def test_what_a_board_reads():
    made = case(draws=2000, months=48)
    npv = made.draws.npv
    row = made.value("net present value")
    assert row["estimate"] == pytest.approx(npv.mean())
    # no interpolation: ends are draws
    assert (npv <= row["conf_low"]).mean() == pytest.approx(0.05, abs=1e-3)
    assert (npv <= row["conf_high"]).mean() == pytest.approx(0.95, abs=1e-3)
    assert made.value("probability of loss")["estimate"] == (npv < 0).mean()
    ratio = made.draws.gain / made.draws.cost
    assert made.value("benefit–cost ratio")["estimate"] == pytest.approx(np.median(ratio), rel=2e-3)
    end = made.by_month.iloc[-1]
    assert end["estimate"] == pytest.approx(npv.mean())
    assert end["npv_p05"] < end["npv_p50"] < end["npv_p95"]
    assert made.by_month["month"].tolist() == list(range(48))
    assert made.draws.matrix().shape == (2000, len(made.draws.items))
    assert made.npv(made.draws.figures) == pytest.approx(npv)
    assert f"{row['estimate']:,.0f}" in made.narrative()
    assert "<script" not in made._repr_html_()
    assert (made.chart.kind, made.chart.levels) == ("fan", (0.9, 0.5))
    narrow = case(conf_level=0.4).chart
    assert (narrow.inner_low, narrow.levels) == (None, (0.4,))
    assert "middle 90 %" in made.chart.alt_text()
    worse = made.npv(made.draws.figures.at("Capital", 0.3))
    assert (worse < made.npv(made.draws.figures.at("Capital", 0.0))).mean() > 0.99


def test_one_draw_of_many_is_the_same_draw():
    # pieces bound the memory and change nothing: 12,000 draws are priced in three of them
    many = case(draws=12_000, months=6)
    few = many.draws.figures.rows(11_990, 12_000)
    assert many.npv(few) == pytest.approx(many.draws.npv[-10:], rel=1e-12)


def test_other_times():
    made = case(months=24)
    slump = Conditions(leaving=np.full(24, 1.5), purchases=np.full((400, 24), 0.9))
    again = made.under(slump)
    assert (again.draws.figures["Capital"] == made.draws.figures["Capital"]).all()
    assert again.draws.npv == pytest.approx(made.npv(made.draws.figures, conditions=slump))
    calm = made.under(Conditions(purchases=0.9))
    assert calm.draws.gain == pytest.approx(0.9 * made.draws.gain)
    assert (calm.draws.cost == made.draws.cost).all()
    gone = made.npv(made.draws.figures, conditions=Conditions(staff_leaving=3.0))
    assert (gone < made.draws.npv).mean() > 0.9


def test_numbers_beside_the_ledger_are_listed_and_weaken_the_case():
    prices = [assumption(r, *RANGES[r]) for r in RANGES if not ROLES[r].link]
    strong = ledger(grade="experiment", more=prices)
    waves = [Wave(nearby="customers near by"), Wave(month=7, nearby="customers near by")]
    made = case(strong, months=30, waves=waves, refresh_every=6)
    said = " ".join(made.evidence.assumptions)
    assert "30 months are looked at, training in months 0 and 7, refreshers every 6 months." in said
    assert "(1 + the yearly rate) ** (t / 12), month 0 by one" in said
    assert "Set by hand" not in said
    assert made.standing == "experiment"
    for conditions in (Conditions(purchases=1.5), Conditions(purchases=np.full((400, 30), 1.5))):
        better = made.under(conditions)
        assert better.draws.npv.mean() > made.draws.npv.mean()
        assert "Set by hand, without an entry: purchases times 1.5." in better.evidence.assumptions
        assert (better.standing, better.name) == ("assumption", "assumption-based case")
        assert "return on investment" not in set(better.table["quantity"])
        assert "“months set otherwise than in the ledger” (assumption)" in better.narrative()
    # multiples of one set nothing
    assert made.under(Conditions(purchases=np.ones(30))).standing == "experiment"
    one = case(months=6)
    assert "6 months are looked at, training in month 0, no refreshers." in " ".join(one.evidence.assumptions)
    entries, cells = direct_entries(Effects(), spans=SPANS, currency="EUR")
    books = direct_case(
        case_ledger([*entries, counted(item="Capital", value=0.08, unit="share a year")], currency="EUR"),
        cells=cells, draws=100,
    )  # fmt: skip
    assert "Decided: 18 months are looked at." in books.evidence.assumptions


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"leaving": np.ones(5)}, "leaving has 5 months; the case has 12"),
        ({"purchases": -0.1}, "purchases holds a multiple that is negative"),
        ({"refreshed": np.nan}, "refreshed holds a multiple"),
        ({"leaving": "high"}, "could not convert string to float: 'high'; give multiples"),
        ({"leaving": np.ones((7, 12))}, "leaving has 7 draws; the figures have 400"),
        ({"leaving": np.ones((1, 7, 12))}, "too many axes"),
    ],
)
def test_times_that_cannot_be(times, words):
    with pytest.raises(DataError, match=words):
        case(months=12, refresh_every=6, conditions=Conditions(**times))


def test_words_follow_the_weakest_link():
    weak = case()
    assert (weak.standing, weak.name, weak.evidence.grade) == (
        "assumption",
        "assumption-based case",
        "descriptive",
    )
    assert "return on investment" not in set(weak.table["quantity"])
    assert "ROI" not in weak.to_markdown()
    assert weak.to_markdown().startswith("**Assumption-based case**")
    with pytest.raises(ColumnError, match="quantity of this assumption-based case"):
        weak.value("return on investment")
    with pytest.raises(DesignError, match="says 'ROI'"):
        weak.titled("ROI of training")
    # prices and counts that somebody looked up do not weaken what was measured by design
    prices = [assumption(r, *RANGES[r]) for r in RANGES if not ROLES[r].link]
    strong = case(ledger(grade="experiment", more=prices))
    assert (strong.standing, strong.name, strong.title) == ("experiment", "business case", "Business case")
    ratio = strong.value("benefit–cost ratio")["estimate"]
    assert strong.value("return on investment")["estimate"] == pytest.approx(ratio - 1)
    assert strong.titled("ROI of training") == "ROI of training"
    # what no wave uses is no link: without customers near by there is no spill-over to be weak
    assert "spill-over" not in set(case(waves=[Wave()]).links["link"])
    own = assumption("experience", *RANGES["experience"], grade="experiment")
    waves = [Wave(experience="first"), Wave(month=3, experience="second")]
    named = case(ledger(more=[replace(own, item=item) for item in ("first", "second")]), waves=waves)
    assert named.links["link"].tolist().count("experience") == 0
    assert named.links["entry"].tolist().count("first") == 1
    one = assumption("experience on purchases", *RANGES["experience on purchases"], grade="association")
    mixed = case(ledger(grade="experiment", more=[*prices, one]))
    assert mixed.standing == "association"
    assert mixed.links.set_index("entry")["grade"][one.item] == "association"
    assert "“experience → purchases” (association)" in mixed.narrative()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (("capital", 800, 800, 800, "share a year"), DataError, "from 800 to 800; as 'capital'"),
        (("capital", -1.2, 0, 0.1, "share a year"), DataError, "from -1.2 to 0.1"),
        (("fee", -5, 900, 1000, "EUR a person"), DataError, "from -5 to 1000; as 'fee'"),
        (("spend", -1, 1, 2, "EUR a customer and month"), DataError, "as 'spend'"),
        (("leaving", 0, 0.5, 2, "share a month"), DataError, "as 'leaving'"),
        (("capital", 6, 8, 11, "percent a year"), DesignError, "does not fit the role 'capital'"),
        (("leaving", 0.1, 0.1, 0.1, "share a year"), DesignError, "begins with 'share a month'"),
        (("margin", 0.5, 0.5, 0.5, "share a year"), DesignError, "does not fit the role 'margin'"),
        (("fee", 1, 2, 3, "EUR a person and year"), DesignError, "does not fit the role 'fee'"),
        (("fee", 1, 2, 3, "persons"), DesignError, "begins with 'EUR a person'"),
        (("hours", 1, 2, 3, "EUR a person"), DesignError, "does not fit the role 'hours'"),
        (("fee", 1, 2, 3, "USD a person"), DesignError, "in another currency"),
        (("fee", 1, 2, 3, "EUR a person, in thousands"), DesignError, "write the amounts out, in EUR"),
        (("experience on leaving", -0.2, 0.8, 0.9, "hazard ratio per standard deviation"), DesignError,
         "above nought"),
    ],
)  # fmt: skip
def test_entries_that_do_not_fit(change, error, words):
    with pytest.raises(error, match=words):
        case(ledger(more=[assumption(*change)]))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"roles": {"experience": 0.25}},
            DesignError,
            "'experience' is given as 0.25; a plain number cannot enter",
        ),
        ({"roles": {"margins": "x"}}, OptionError, "no role named 'margins'; did you mean 'margin'"),
        ({"roles": {"margin": "Marge"}}, ColumnError, "no entry of the ledger named 'Marge'"),
        ({"waves": [Wave(persons=14)]}, DesignError, "'persons' is given as 14"),
        ({"waves": [Wave(persons="Capital")]}, DesignError, "does not fit the role 'persons'"),
        ({"waves": [Wave(month=36)]}, OptionError, "the month of a wave is 36"),
        ({"waves": []}, DesignError, "one Wave or more"),
        ({"waves": None}, DesignError, "one Wave or more"),
        ({"waves": [Wave(month=2), Wave(month=2)]}, DesignError, "a wave in month 2 stands twice"),
        ({"roles": ["margin"]}, DesignError, "roles is a list"),
        ({"conditions": {"leaving": 2}}, DesignError, "conditions is a dict"),
        ({"waves": [3]}, DesignError, "one Wave or more"),
        ({"months": 0}, OptionError, "months is 0"),
        ({"months": 12.5}, OptionError, "months is 12.5"),
        ({"refresh_every": True}, OptionError, "refresh_every is True"),
        ({"draws": 10}, OptionError, "draws is 10"),
        ({"seed": 1.5}, OptionError, "seed"),
        ({"conf_level": 90}, OptionError, "conf_level"),
    ],
)
def test_options_that_are_none(options, error, words):
    with pytest.raises(error, match=words):
        case(**options)


def test_no_numbers_but_from_a_ledger():
    made = case()
    for numbers in ({"Capital": 0.08}, 0.08, np.ones(3)):
        with pytest.raises(DesignError, match="is no figures"):
            made.npv(numbers)
    with pytest.raises(DesignError, match="a dict is no ledger"):
        training_case({"fee": 900})
    with pytest.raises(DesignError, match="no entry for 'margin'; add one called 'margin of revenue'"):
        case(ledger(without=["margin"]))
    # a Fitted entry may be named by itself, and takes its role
    log = Assumption(
        item="slope", low=-0.3, mode=-0.2, high=-0.1, unit="log hazard ratio per standard deviation"
    )
    in_logs = case(ledger(more=[log]), roles={"experience on leaving": log.item})
    assert "slope" in in_logs.items
    ratio = assumption("experience on leaving", *[np.exp(-0.2)] * 3, RANGES["experience on leaving"][3])
    alike = case(ledger(more=[replace(log, low=-0.2, high=-0.2)]), roles={"experience on leaving": "slope"})
    assert alike.draws.npv == pytest.approx(case(ledger(more=[ratio])).draws.npv)


def test_draws_that_cannot_be_are_told():
    half = Fitted(item=ROLES["half time"].item, estimate=1, std_error=0.5, unit="months")
    made = case(ledger(more=[half]), draws=4000)
    (check,) = made.evidence.checks
    beyond = (made.draws.figures[half.item] < 0.01).mean()
    # 2.4 % of a normal distribution lie further than 1.98 standard errors below its mean
    assert beyond == pytest.approx(0.0239, abs=5 * np.sqrt(0.0239 / 4000))
    assert check.passed is None
    assert f"“{half.item}”: {100 * beyond:.1f} % of its draws lie beyond 0.01 to 120" in check.detail
    at_least = made.npv(made.draws.figures.at(half.item, 0.01))
    assert made.npv(made.draws.figures.at(half.item, -3.0)) == pytest.approx(at_least)
    assert case().evidence.checks == ()


def test_nothing_can_be_put_in_beside_the_ledger():
    read = ledger()
    with pytest.raises(TypeError, match="does not support item assignment"):
        read.entries["Capital"] = 0.01
    made = case(read)
    drawn = dict(made.draws.figures)
    with pytest.raises(DataError, match="'Capital': 400 numbers are needed"):
        made.npv(Figures(drawn | {"Capital": [0.01] * 400}, 400))
    with pytest.raises(DataError, match="could not convert string to float: 'low'; give a plain number"):
        made.draws.figures.at("Capital", "low")


def test_however_many_leave_no_more_than_all_do():
    read = ledger(more=[assumption("experience on purchases", 0, 0, 0, RANGES["experience on purchases"][3])])
    made = case(read, months=12, conditions=Conditions(leaving=1e6))
    # all leave in each month with training or without, so that nobody is kept
    assert made.draws.gain == pytest.approx(np.zeros(400), abs=1e-6)


def test_no_entry_is_named_after_a_return_it_may_not_claim():
    named = assumption("experience", *RANGES["experience"])
    for item in ("ROI of training", "Return on training, 256 %"):
        with pytest.raises(
            DesignError, match="is named after a return, but the weakest link is 'assumption'"
        ):
            case(ledger(more=[replace(named, item=item)]), roles={"experience": item})
    # what does not enter the case stands in none of its words
    assert case(ledger(more=[replace(named, item="ROI of training")])).standing == "assumption"


def test_optional_links_may_stay_away():
    without = ("spill-over", "other leaving", "experience on other leaving", *SERVICE)
    small = case(ledger(without=without), waves=[Wave()])
    assert set(small.links["link"]) == {"experience", "experience on leaving", "experience on purchases"}
    # a hole in the service links drops them all: half of them would say something wrong
    holed = case(ledger(without=["comes back"]))
    assert "handling time" not in set(holed.links["link"])


@given(st.floats(0.5, 20))
@settings(max_examples=5, deadline=None)
def test_scaled_money_scales_the_case(scale):
    money = ("spend", "fee", "back-filling", "service pay")
    scaled = [assumption(r, *[scale * x for x in RANGES[r][:3]], RANGES[r][3]) for r in money]
    one, other = (case(read, draws=100, months=18) for read in (ledger(), ledger(more=scaled)))
    assert other.draws.npv == pytest.approx(scale * one.draws.npv, rel=1e-9)
    for quantity in ("payback", "benefit–cost ratio"):
        assert other.value(quantity)["estimate"] == pytest.approx(one.value(quantity)["estimate"])


def test_a_weak_case_has_no_rate_of_return():
    rates = {"return on investment", "internal rate of return"}
    for grade in ("assumption", "adjusted"):
        weak = case(ledger(grade=grade))
        assert not rates & set(weak.table["quantity"])
        assert not rates & set(weak.summary["quantity"])
        assert list(weak.table.index) == list(range(len(weak.table)))
        with pytest.raises(
            ColumnError, match="no quantity of this assumption-based case named 'internal rate"
        ):
            weak.value("internal rate of return")
    assert rates <= set(case(ledger(grade="quasi-experiment")).table["quantity"])


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.0, 0.0), "comes to nought"),
        ((-1e-8, 1e-8), "comes to nought"),  # rounding of sums of hundreds
        ((0.0, 5.0), "does not end below nought"),
        ((-5.0, 0.0), "ends at nought at best"),
        ((-5.0, 5.0), "may end below nought"),
        ((1.0, 5.0), "stays above nought"),
        ((-5.0, -1.0), "stays below nought"),
    ],
)
def test_the_fan_says_on_which_side_it_ends(ends, words):
    made = case(months=6)
    months = made.by_month.copy()
    months.loc[0, ["conf_low", "conf_high"]] = -400.0
    months.loc[months.index[-1], ["conf_low", "conf_high"]] = ends
    title = replace(made, by_month=months).chart.claim
    assert title == f"The present value {words} after 6 months"


def test_phillips_pace():
    """Phillips' PACE training: gain 321,145, cost 90,285 dollars; printed 256 %."""
    gain = replace(counted(item="gain", value=321145, unit="USD"), grade="quasi-experiment")
    cost = counted(item="cost", value=90285, unit="USD")
    found = simple_return(case_ledger([gain, cost], currency="USD"), gain="gain", cost="cost")
    back = found.table.set_index("quantity")["estimate"]["return on investment"]
    assert back == pytest.approx(230860 / 90285)
    assert f"{100 * back:.0f} %" == "256 %"
    assert found.titled("ROI of PACE") == "ROI of PACE"
    guess = simple_return(
        case_ledger([replace(gain, grade="assumption"), cost], currency="USD"), gain="gain", cost="cost"
    )
    assert "256" not in guess.to_markdown()
    assert "no return is claimed" in guess.narrative()
    with pytest.raises(DesignError, match="says 'ROI'"):
        guess.titled("ROI of PACE")
    with pytest.raises(DesignError, match="may be nought"):
        simple_return(case_ledger([gain, replace(cost, low=0.0)], currency="USD"), gain="gain", cost="cost")
    with pytest.raises(DesignError, match="give both in all, or both for a year"):
        simple_return(
            case_ledger([replace(gain, unit="USD a year"), cost], currency="USD"), gain="gain", cost="cost"
        )
    with pytest.raises(DesignError, match="'gain' is given as 321145"):
        simple_return(case_ledger([gain, cost], currency="USD"), gain=321145, cost="cost")


class Effects:
    """A result by group and time, as the group-time effects are."""

    def __init__(self, covariance=None, **changes):
        from cemlab.evidence import Evidence

        self.table = pd.DataFrame(
            {"group": [1, 1, 1, 2], "time": [0, 1, 2, 2], "event_time": [-1, 0, 1, 0],
             "estimate": [9.0, 100.0, 200.0, 50.0], "n_treated": [14, 14, 14, 12]} | changes
        )  # fmt: skip
        self.covariance = np.diag([1.0, 4.0, 9.0, 16.0]) if covariance is None else covariance
        self.evidence = Evidence(
            grade="quasi-experiment", design="Waves.", unit="branches", n_used=26, n_given=26
        )


SPANS = {1: (0, 6), 2: (6, 18)}


def test_the_direct_road_by_hand():
    entries, cells = direct_entries(Effects(), spans=SPANS, currency="EUR")
    read = case_ledger([*entries, counted(item="Capital", value=0.08, unit="share a year")], currency="EUR")
    made = direct_case(read, cells=cells, draws=50_000)
    months = np.arange(18)
    factor = 1.08 ** (-months / 12)
    first, later = factor[:6].sum(), factor[6:].sum()
    assert made.npv(read.means())[0] == pytest.approx(14 * 100 * first + (14 * 200 + 12 * 50) * later)
    sd = np.sqrt((14 * first) ** 2 * 4 + (14 * later) ** 2 * 9 + (12 * later) ** 2 * 16)
    # relative standard error of a standard deviation: 1 / √(2 n)
    assert made.draws.npv.std() == pytest.approx(sd, rel=5 / np.sqrt(2 * 50_000))
    assert made.standing == "quasi-experiment"
    assert not {"benefit–cost ratio", "return on investment"} & set(made.table["quantity"])
    # what was paid is in the books: it moves no value, and gives it something to be compared with
    read = read.plus(counted(item="courses", value=20_000, unit="EUR"))
    both = direct_case(read, cells=cells, draws=50_000, paid={0: "courses"})
    assert both.draws.npv == pytest.approx(made.draws.npv)
    back = both.value("return on investment")["estimate"]
    assert back == pytest.approx(np.median(made.draws.npv) / 20_000, rel=1e-3)
    with pytest.raises(OptionError, match="a month of paid is 18"):
        direct_case(read, cells=cells, paid={18: "courses"})
    with pytest.raises(DesignError, match="does not fit the role 'paid'"):
        direct_case(read, cells=cells, paid={0: "Capital"})
    with pytest.raises(DesignError, match="through the chain alone"):
        made.under(Conditions(purchases=0.9))


def test_two_months_by_hand():
    fixed = {
        "experience": 0.3, "half time": 2, "stay": 20, "leaving": 0.02, "experience on leaving": 0.8,
        "experience on purchases": 0.07, "spend": 100, "margin": 0.5, "fee": 900, "hours": 24,
        "back-filling": 28, "capital": 0.1,
    }  # fmt: skip
    sizes = {"persons trained": (10, "persons"), "posts": (12, "posts"), "customers": (1000, "customers")}
    entries = [assumption(r, x, x, x, RANGES[r][3], grade="quasi-experiment") for r, x in fixed.items()]
    entries += [counted(item=item, value=x, unit=unit) for item, (x, unit) in sizes.items()]
    made = training_case(case_ledger(entries, currency="EUR"), months=2, draws=100)
    paid = 10 * (900 + 24 * 28)
    # a month later 1 in 20 leaves and what was learnt is 1 − √½ of all
    lift = 0.3 * (10 / 12) * np.exp(-1 / 20) * (1 - 0.5**0.5)
    stayed = 1000 * (0.02 - 0.02 * 0.8**lift) / 2
    gain = 100 * 0.5 * (stayed + (1000 + stayed) * (np.exp(0.07 * lift) - 1)) / 1.1 ** (1 / 12)
    values = made.table.set_index("quantity")["estimate"]
    assert values["net present value"] == pytest.approx(gain - paid)
    assert values["benefit–cost ratio"] == pytest.approx(gain / paid)
    monthly = gain * 1.1 ** (1 / 12) / paid  # what comes back of a unit paid, after a month
    assert values["internal rate of return"] == pytest.approx(monthly**12 - 1)
    assert "means, the others medians" in made.evidence.design
    assert "the probability of loss is that of drawing alone" in made.evidence.design


def test_what_comes_in_before_anything_is_paid_has_no_rate():
    entries, cells = direct_entries(
        Effects(np.zeros((4, 4)), estimate=[9.0, 100.0, -200.0, -50.0]), spans=SPANS, currency="EUR"
    )
    read = case_ledger([*entries, counted(item="Capital", value=0.08, unit="share a year")], currency="EUR")
    row = direct_case(read, cells=cells, draws=100).value("internal rate of return")
    assert np.isnan(row["estimate"])
    assert row["defined"] == 0


def test_dependence_between_cells_counts():
    full = np.full((4, 4), 4.0)
    spread = []
    for covariance in (full, np.diag(np.diag(full))):
        entries, cells = direct_entries(Effects(covariance), spans=SPANS, currency="EUR")
        read = case_ledger(
            [*entries, counted(item="Capital", value=0.0, unit="share a year")], currency="EUR"
        )
        spread.append(direct_case(read, cells=cells, draws=20_000).draws.npv.std())
    # all as one: 2 · (14·6 + 14·12 + 12·12); each by itself: the root of the sum of squares
    assert spread[0] == pytest.approx(2 * (84 + 168 + 144), rel=0.03)
    assert spread[1] == pytest.approx(2 * np.sqrt(84**2 + 168**2 + 144**2), rel=0.03)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: direct_entries(Effects(event_time=-1), spans=SPANS, currency="EUR"), DesignError,
         "no row after"),
        (lambda: direct_entries(Effects(), spans={1: (0, 6)}, currency="EUR"), DataError,
         "nothing of the times 2"),
        (lambda: direct_case(ledger(), cells=[]), DesignError, "one Cell or more"),
        (lambda: direct_case(ledger(), cells=[Cell(change="posts", branches="posts", start=0, stop=2)]),
         DesignError, "does not fit the role 'change of profit'"),
        (lambda: direct_case(0.08, cells=[]), DesignError, "is no ledger"),
    ],
)  # fmt: skip
def test_direct_roads_that_lead_nowhere(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_two_roads_beside_each_other():
    entries, cells = direct_entries(Effects(), spans=SPANS, currency="EUR")
    read = ledger(more=entries)
    chain, direct = case(read, months=18, waves=[Wave()]), direct_case(read, cells=cells, draws=400)
    both = compare_roads(chain, direct)
    rows = both.table.set_index("road")
    apart = direct.draws.npv.mean() - chain.draws.npv.mean()
    assert rows["estimate"]["direct less chain"] == pytest.approx(apart)
    weights = 1 / np.array([chain.draws.npv.var(), direct.draws.npv.var()])
    mean = np.array([chain.draws.npv.mean(), direct.draws.npv.mean()])
    assert rows["estimate"]["both, weighted by precision"] == pytest.approx(weights @ mean / weights.sum())
    assert both.agree == (rows["conf_low"].iloc[2] <= 0 <= rows["conf_high"].iloc[2])
    assert (both.evidence.grade, both.chart.kind) == ("descriptive", "forest")
    for high, words in ((1.0, "no more than chance explains"), (-1.0, "more than chance explains")):
        held = both.table.assign(conf_low=-2.0, conf_high=high)
        assert replace(both, table=held).chart.claim == f"The two roads differ by {words}"
    assert f"{100 * both.conf_level:g} % interval" in both.narrative()
    for wrong, words in (((chain, chain), "direct road is none"), ((direct, direct), "as chain is none")):
        with pytest.raises(DesignError, match=words):
            compare_roads(*wrong)
    with pytest.raises(DesignError, match="a int is no business case"):
        compare_roads(chain, 5)
    with pytest.raises(DesignError, match="stands twice in months 0 to 5"):
        direct_case(read, cells=[*cells, cells[0]], draws=400)
    with pytest.raises(DesignError, match="differ in number of months: 12 and 18"):
        compare_roads(case(read, months=12, waves=[Wave()]), direct)


def test_experience_entries_by_hand():
    half = counted(item="half", value=1, unit="months")
    shares = {1: [0.8, 0.6, 0.4, 0.2], 2: [0, 0, 0.5, 0.5]}
    (one, two) = experience_entries(
        Effects(estimate=[9.0, 0.1, 0.2, 0.05]), shares=shares, spans={1: (0, 2), 2: (2, 4)}, half_time=half
    )
    # learnt after 0, 1, 2, 3 months: 0, 1/2, 3/4, 7/8
    dose = 0.6 / 2 + 0.4 * 3 / 4 + 0.2 * 7 / 8
    assert one.middle == pytest.approx((2 * 0.1 + 2 * 0.2) / dose)
    assert two.middle == pytest.approx(2 * 0.05 / (0.5 / 2))
    assert np.diff(one.ends)[0] == pytest.approx(2 * 1.959964 * np.sqrt(4 * 4 + 4 * 9) / dose)
    with pytest.raises(DesignError, match=r"half_time is 1\.4"):
        experience_entries(Effects(), shares=shares, spans=SPANS, half_time=1.4)
    with pytest.raises(DataError, match="nothing of the group 2"):
        experience_entries(Effects(), shares={1: [0.5] * 18}, spans=SPANS, half_time=half)
    with pytest.raises(DesignError, match="nobody of the group 1"):
        experience_entries(Effects(), shares={1: [0.0] * 18, 2: [0.5] * 18}, spans=SPANS, half_time=half)


def measured(branches=40, months=30, seed=1):
    rng = np.random.default_rng(seed)
    level, season = rng.normal(size=(branches, 1)), rng.normal(size=months)
    score = level + season + rng.normal(0, 0.4, (branches, months))
    a, b = score + rng.normal(0, 0.4, (2, branches, months))
    customers = np.full(score.shape, 5000.0)
    rate = 0.02 * np.exp(-0.3 * (score - level - season))
    spend = np.exp(5 + level + season + 0.08 * score + rng.normal(0, 0.05, score.shape))
    columns = {
        "cx_a": a, "cx_b": b, "customers": customers, "revenue": spend * customers,
        "left": rng.poisson(rate * customers), "left_otherwise": rng.poisson(0.001 * customers),
        "margin": 0.5 * spend * customers, "turnover": np.full(score.shape, 0.02),
    }  # fmt: skip
    keys = {"branch": np.repeat(np.arange(branches), months), "month": np.tile(np.arange(months), branches)}
    return pd.DataFrame(keys | {name: values.ravel() for name, values in columns.items()})


def test_slopes_recover_what_was_planted_in_spite_of_error():
    inside = np.zeros(2)
    for seed in range(12):
        buy, leave = slope_entries(measured(seed=seed))
        for k, (entry, truth) in enumerate(((buy, 0.08), (leave, -0.3))):
            low, high = entry.ends
            inside[k] += low <= truth <= high
    # of twelve 95 % intervals fewer than nine hold the truth once in 2,000 times
    assert (inside >= 9).all()
    assert (buy.grade, buy.block) == ("association", leave.block)
    panel = measured()
    naive = panel.assign(cx_a=(panel["cx_a"] + panel["cx_b"]) / 2)
    biased, _ = slope_entries(naive.assign(cx_b=naive["cx_a"]))
    # reliability of the mean of two halves: 0.16 / (0.16 + 0.08)
    assert biased.middle == pytest.approx(0.08 * 2 / 3, rel=0.15)


def test_facts_by_hand():
    facts = {entry.item: entry for entry in fact_entries(measured(), currency="EUR")}
    panel = measured()
    assert facts["margin of revenue"].ends == pytest.approx((0.5, 0.5))
    assert facts["months that a trained person stays"].middle == pytest.approx(50)
    spend = panel["revenue"].sum() / panel["customers"].sum()
    assert facts["spend of a customer"].middle == pytest.approx(spend)
    # all branches have as many customers: the ratio is a mean over branches
    means = panel.groupby("branch")["revenue"].mean() / 5000
    error = means.std() / np.sqrt(40)
    assert np.ptp(facts["spend of a customer"].ends) == pytest.approx(2 * 1.959964 * error)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda p: p.drop(columns="cx_b"), ColumnError, "no column of the panel named 'cx_b'"),
        (lambda p: p.iloc[1:], DesignError, "no figure in some month"),
        (lambda p: pd.concat([p, p.iloc[:1]]), DataError, "twice in a month"),
        (lambda p: p.assign(revenue=0.0), DesignError, "without customers or purchases"),
        (lambda p: p.assign(left=0), DesignError, "nobody leaves"),
        (lambda p: p.assign(cx_b=-p["cx_a"]), DesignError, "share next to nothing"),
        (lambda p: p[p["branch"] < 2], DesignError, "slopes within units need"),
    ],
)
def test_slopes_that_cannot_be_told(change, error, words):
    with pytest.raises(error, match=words):
        slope_entries(change(measured()))
