"""Around the case: bad times, tornado, shares of variance, break-even, worth of knowing more, a pilot."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cemlab.business_case import (
    Assumption,
    Cell,
    Conditions,
    Fitted,
    Recession,
    Scenario,
    Wave,
    break_even,
    break_even_frontier,
    case_ledger,
    counted,
    direct_case,
    fitted_together,
    pilot,
    recession_of,
    stress,
    tornado,
    training_case,
    usual_scenarios,
    variance_shares,
    what_would_change_our_mind,
)
from cemlab.business_case.pricing import crossings, roots_between, solve
from cemlab.business_case.told import named_claim
from cemlab.business_case.variance import TOGETHER
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.simulate.economy import macro
from cemlab.simulate.worlds import WORLDS
from cemlab.stats.value_of_information import normal_loss, sample_reduction

FEE = "Course, fee and travel"
LEAVING = "experience → leaving for a competitor"
PRICE, BUYS = "recession → leaving for the price", "recession → purchases"


def known(**changed):
    """Every entry of a small case, known exactly, but for those that are given."""
    values = {
        "training → experience": (0.25, "standard deviations"),
        "half of the change is there after": (2.0, "months"),
        "months that a trained person stays": (36.0, "months"),
        "leaving for a competitor": (0.012, "share a month"),
        "leaving for other reasons": (0.006, "share a month"),
        LEAVING: (0.8, "hazard ratio per standard deviation"),
        "experience → purchases": (0.03, "log purchases per standard deviation"),
        "spend of a customer": (560.0, "EUR a customer and month"),
        "margin of revenue": (0.57, "share"),
        FEE: (900.0, "EUR a person"),
        "Hours away from the counter": (24.0, "hours a person"),
        "Time covered by others": (28.0, "EUR an hour"),
        "Capital": (0.08, "share a year"),
        "persons trained": (140.0, "persons"),
        "posts": (150.0, "posts"),
        "customers": (3330.0, "customers"),
        PRICE: (1.5, "hazard ratio"),
        BUYS: (0.9, "multiple"),
    }
    return {item: counted(item=item, value=v, unit=u) for item, (v, u) in values.items()} | changed


def ranged(item, low, mode, high, unit):
    return Assumption(item=item, low=low, mode=mode, high=high, unit=unit)


def uncertain():
    """Four entries with ranges, the rest known."""
    entries = known()
    for item, low, mode, high in (
        ("training → experience", 0.05, 0.22, 0.45),
        (LEAVING, 0.64, 0.77, 0.9),
        ("experience → purchases", 0.0, 0.03, 0.08),
        (FEE, 820.0, 900.0, 1050.0),
    ):
        entries[item] = ranged(item, low, mode, high, entries[item].unit)
    return entries


def make(entries, *, draws=2000, **options):
    return training_case(
        case_ledger(list(entries.values()), currency="EUR"), draws=draws, **({"months": 24} | options)
    )


@pytest.fixture(scope="module")
def case():
    return make(uncertain(), waves=(Wave(), Wave(month=12)), refresh_every=6)


@pytest.fixture(scope="module")
def linear():
    """A case worth a − b · fee, with a normal fee: everything about it is known in closed form."""
    fee = Fitted(item=FEE, estimate=800.0, std_error=200.0, unit="EUR a person")
    made = make(known() | {FEE: fee}, draws=20_000)
    figures = made.draws.figures.rows(0, 1)
    at = [float(made.npv(figures.at(FEE, value))[0]) for value in (0.0, 1.0)]
    slope = at[1] - at[0]
    return made, at[0] + slope * 800.0, abs(slope) * 200.0, -at[0] / slope


def test_a_tornado_holds_one_entry_at_its_ends_and_the_others_at_their_medians(case):
    found = tornado(case)
    figures = case.draws.figures
    middle = figures.rows(0, 1)
    for item in figures:
        middle = middle.at(item, float(np.median(figures[item])))
    assert found.table["estimate"].iloc[0] == pytest.approx(float(case.npv(middle)[0]))
    for row in found.table.to_dict("records"):
        low, high = np.quantile(figures[row["entry"]], [0.05, 0.95])
        ends = [float(case.npv(middle.at(row["entry"], value))[0]) for value in (low, high)]
        assert [row["npv_at_low"], row["npv_at_high"]] == pytest.approx(ends)
        assert [row["conf_low"], row["conf_high"]] == pytest.approx(sorted(ends))
        assert row["flips"] == (ends[0] * ends[1] < 0)
    assert found.table["swing"].is_monotonic_decreasing
    assert set(found.table["entry"]) == {"training → experience", LEAVING, "experience → purchases", FEE}
    assert found.evidence.grade == "descriptive"  # an assumption allows no more
    assert found.table["entry"].iloc[0] in found.chart.claim
    assert found.table["entry"].iloc[0] in found.narrative()
    assert (found.chart.kind, found.chart.low, found.chart.high) == ("tornado", "npv_at_low", "npv_at_high")
    assert list(found.summary["entry"]) == list(found.table["entry"])


def test_a_wider_share_makes_no_swing_smaller(case):
    narrow, wide = (
        tornado(case, conf_level=level).table.set_index("entry")["swing"] for level in (0.5, 0.95)
    )
    assert (wide[narrow.index] > narrow).all()


def test_a_name_that_says_too_much_is_left_out_of_the_claim():
    assert (
        named_claim("The impact of x moves it", "One entry moves it", "association") == "One entry moves it"
    )
    assert named_claim("The impact  of x", "One entry", "experiment") == "The impact of x"


def test_shares_of_variance_add_up_and_agree_with_one_entry_at_a_time(case):
    found = variance_shares(case)
    assert found.table["estimate"].sum() == pytest.approx(1)  # by construction
    assert found.table["entry"].iloc[-1] == TOGETHER
    share = found.table.set_index("entry")
    # the fee is drawn apart and enters linearly: its share is the variance that it makes alone
    figures = case.draws.figures
    others = figures
    for item in case.draws.items:
        if item != FEE:
            others = others.at(item, float(figures[item].mean()))
    alone = case.npv(others).var() / case.draws.npv.var()
    assert share.loc[FEE, "estimate"] == pytest.approx(alone, abs=4 * share.loc[FEE, "std_error"] + 1e-3)
    assert share.loc["training → experience", "estimate"] > 0.4
    assert "training → experience" in found.narrative()
    assert found.chart.percent


def test_entries_fitted_together_share_what_they_have_in_common():
    """Two twins with correlation 0.99: each has about half, and one alone would take nearly all away."""
    twins = fitted_together(
        ["training → experience", "experience → purchases"],
        units=["standard deviations", "log purchases per standard deviation"],
        estimate=[0.25, 0.03],
        covariance=[[0.05**2, 0.99 * 0.05 * 0.006], [0.99 * 0.05 * 0.006, 0.006**2]],
    )
    found = variance_shares(make(known() | {entry.item: entry for entry in twins}))
    table = found.table.set_index("entry")
    assert table.loc[[entry.item for entry in twins], "alone"].min() > 0.9
    # neither can be told from the other: what they hold is halved, but for what each does by itself
    assert table["estimate"].iloc[:2].tolist() == pytest.approx([0.5, 0.5], abs=0.05)
    assert "Fitted together" in " ".join(found.evidence.assumptions)


def test_the_path_of_a_recession_by_hand():
    path = Recession(begins=2, lasts=3, depth=2.0, arrival=(0.25, 0.5, 1.0)).path(10)
    assert path.tolist() == [0, 0, 0.5, 1.0, 2.0, 1.5, 1.0, 0, 0, 0]
    # it goes from where it had come to
    assert Recession(lasts=1, arrival=(0.5, 1.0)).path(3).tolist() == [0.5, 0, 0]


def test_the_economy_of_halden_says_how_a_recession_arrives():
    """Planted: it begins in month 36 (January 2025) and arrives as 1 − exp(−t / 4), beside waves of 3 %."""
    found = recession_of(macro(WORLDS["default"]).to_pandas(), begins=3, lasts=9)
    planted = 1 - np.exp(-np.arange(1, 13) / 4)
    assert "2025-01-01" in found.source
    assert np.array(found.arrival) == pytest.approx(planted / planted[-1], abs=0.05)
    assert (found.begins, found.lasts) == (3, 9)
    by_confidence = recession_of(macro(WORLDS["default"]).to_pandas(), column="confidence")
    # its waves are 7 % of its fall, before it and in it: the first month is lost among them
    later = np.array(by_confidence.arrival)
    assert later == pytest.approx(planted[1:] / planted[-1], abs=0.14)
    with pytest.raises(DesignError, match="shows no recession"):
        recession_of(macro(WORLDS["no-recession"]).to_pandas())


def test_a_scenario_is_priced_as_its_months_say(case):
    """Each against the case under conditions written by hand."""
    recession = Recession(begins=1, lasts=4, depth=1.5, arrival=(0.5, 1.0))
    bad = Scenario(name="bad", recession=recession, turnover=2.0, turnover_from=3, turnover_for=5)
    found = stress(case, [bad, Scenario(name="cut", cut=8)], conf_level=0.9)
    path = recession.path(24)
    leaves = np.ones(24)
    leaves[3:8] = 2.0
    months = Conditions(
        other_leaving=np.exp(np.log(1.5) * path), purchases=np.exp(np.log(0.9) * path), staff_leaving=leaves
    )
    npv = case.npv(case.draws.figures, conditions=months)
    row = found.table.iloc[1]
    assert row["estimate"] == pytest.approx(npv.mean())
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(np.quantile(npv, [0.05, 0.95]).tolist())
    assert row["p_loss"] == pytest.approx((npv < 0).mean())
    assert row["change"] == pytest.approx((npv - case.draws.npv).mean())
    assert found.table["estimate"].iloc[0] == pytest.approx(case.draws.npv.mean())
    # without the second wave in month 12, and with the refresher of month 6 alone
    short = make(
        uncertain(),
        refresh_every=6,
        conditions=Conditions(refreshed=(np.arange(24) < 8).astype(float)),
    )
    assert found.table["estimate"].iloc[2] == pytest.approx(short.draws.npv.mean())


def test_the_story_says_whether_the_mean_falls_below_nought_or_stays_there(case):
    found = stress(case, draws=500)

    def told(*means):
        names = ["as it is", "recession", "a cut"]
        rows = found.table.iloc[:3].assign(scenario=names, estimate=means)
        return replace(found, table=rows.assign(change=rows["estimate"] - means[0])).narrative()

    assert "The mean falls below nought in: “recession”. More is left than as it is in: “a cut”." in told(
        10.0, -5.0, 20.0
    )
    assert "In none of them does the mean fall below nought. A scenario" in told(10.0, 5.0, 9.0)
    stays = told(-10.0, -15.0, -5.0)
    assert "The mean stays below nought in all of them. More is left than as it is in: “a cut”." in stays
    assert "falls" not in stays
    assert "below nought as it is, rises above it in: “a cut”." in told(-10.0, -15.0, 5.0)


def test_where_the_chain_has_one_way_of_leaving_the_price_acts_on_it():
    entries = known()
    del entries["leaving for other reasons"]
    one = make(entries, draws=100)
    recession = Recession(arrival=(1.0,), lasts=24)
    found = stress(one, [Scenario(name="all along", recession=recession)])
    months = Conditions(leaving=1.5, purchases=0.9)
    assert found.table["estimate"].iloc[1] == pytest.approx(
        one.npv(one.draws.figures, conditions=months).mean()
    )
    rival = counted(item="recession → leaving for a competitor", value=1.2, unit="hazard ratio")
    both = make(known() | {rival.item: rival}, draws=100)
    found = stress(both, [Scenario(name="all along", recession=recession)])
    months = Conditions(leaving=1.2, other_leaving=1.5, purchases=0.9)
    assert found.table["estimate"].iloc[1] == pytest.approx(
        both.npv(both.draws.figures, conditions=months).mean()
    )


def test_scenarios_are_assumptions_and_one_that_bites_nothing_is_told(case):
    found = stress(case, draws=500)
    assert found.table["scenario"].tolist() == ["as it is", *(s.name for s in usual_scenarios(24))]
    assert found.standing == "assumption"
    assert "assumption" in found.evidence.design
    assert found.evidence.checks[-1].passed
    assert "how likely it is" in found.narrative().replace("\n", " ")
    # deeper and longer takes more away, draw by draw
    table = found.table.set_index("scenario")
    assert table.loc["long and deep recession", "change"] < table.loc["recession", "change"] < 0
    plain = make(known(), draws=100)
    idle = stress(plain, [Scenario(name="no budget", cut=6)])
    assert idle.evidence.checks[-1].passed is None
    assert "“no budget” changes nothing" in idle.evidence.checks[-1].detail
    deeper = [Scenario(name=f"{d}", recession=Recession(depth=d)) for d in (0.5, 1.0, 2.0)]
    assert stress(plain, deeper).table["estimate"].is_monotonic_decreasing


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda c: stress(c, []), OptionError, "give one Scenario or more"),
        (lambda c: stress(c, [Scenario(name="a"), Scenario(name="a")]), DataError, "'a' stands twice"),
        (lambda c: stress(c, [Scenario(name="as it is")]), DataError, "'as it is' stands twice"),
        (lambda c: stress(c, [Scenario(name="a", cut=0)]), DesignError, "leaves no training to price"),
        (
            lambda c: stress(c, [Scenario(name="a", recession=Recession(begins=30))]),
            DesignError,
            "begins after the 24 months",
        ),
        (lambda c: stress(c, draws=5), OptionError, "draws is 5"),
        (lambda c: stress(3), DesignError, "a int is no business case"),
        (lambda c: Scenario(name=""), OptionError, "name is ''"),
        (lambda c: Scenario(name="a", cut=-1), OptionError, "cut is -1"),
        (lambda c: Scenario(name="a", turnover=-1), OptionError, "turnover is -1"),
        (lambda c: Scenario(name="a", recession=1), OptionError, "recession is 1"),
        (lambda c: Recession(lasts=0), OptionError, "lasts is 0"),
        (lambda c: Recession(depth=9), OptionError, "depth is 9"),
        (lambda c: Recession(arrival=()), OptionError, r"arrival is \(\)"),
        (lambda c: Recession(arrival=(1.5,)), OptionError, "arrival is"),
        (lambda c: tornado(c, conf_level=90), OptionError, "conf_level is 90"),
        (lambda c: variance_shares(c, draws=500), DesignError, "500 draws are too few"),
        (lambda c: break_even(c, entries=["fee"]), ColumnError, "no entry of the case named 'fee'"),
        (lambda c: break_even(c, entries=FEE), OptionError, "allowed: a list of entries"),
        (lambda c: break_even_frontier(c, x=FEE, y=FEE), OptionError, "two different entries"),
        (
            lambda c: break_even_frontier(c, x=FEE, y="Capital"),
            DesignError,
            "no value that 'Capital' can have",
        ),
        (lambda c: break_even_frontier(c, x=FEE, y=LEAVING, points=2), OptionError, "points is 2"),
    ],
)
def test_what_cannot_be_asked_is_refused(case, call, error, says):
    with pytest.raises(error, match=says):
        call(case)


def test_a_ledger_that_says_nothing_of_recessions_and_one_that_says_no_multiple():
    entries = known()
    del entries[BUYS]
    with pytest.raises(DesignError, match="it lacks 'recession → purchases'"):
        stress(make(entries, draws=100))
    entries[BUYS] = counted(item=BUYS, value=-0.1, unit="relative change")
    with pytest.raises(DataError, match="a multiple or a hazard ratio above nought"):
        stress(make(entries, draws=100))
    with pytest.raises(DesignError, match="every entry of the case is known exactly"):
        tornado(make(known(), draws=100))


@pytest.mark.parametrize(
    ("frame", "error", "says"),
    [
        ({"month": range(12)}, ColumnError, "no column named 'unemployment'"),
        ({"month": [1] * 12, "unemployment": range(12)}, DataError, "stands twice"),
        ({"month": range(12), "unemployment": ["x"] * 12}, DataError, "write plain numbers"),
        ({"month": range(12), "unemployment": [np.nan] * 12}, DataError, "a month without a number"),
        ({"month": range(5), "unemployment": [1, 1, 1, 9, 9]}, DesignError, "5 months are too few"),
    ],
)
def test_an_economy_that_cannot_be_read_is_refused(frame, error, says):
    with pytest.raises(error, match=says):
        recession_of(pd.DataFrame(frame))


def test_break_even_is_where_the_mean_is_nought(case):
    found = break_even(case, draws=100)
    figures = case.draws.figures.rows(0, 100)
    for row in found.table.dropna(subset=["estimate"]).to_dict("records"):
        npv = case.npv(figures.at(row["entry"], row["estimate"]))
        assert abs(npv.mean()) < 1e-4 * npv.std()
        step = 0.01 * abs(row["estimate"]) * (1 if row["needed"] == "at least" else -1)
        assert case.npv(figures.at(row["entry"], row["estimate"] + step)).mean() > 0
    table = found.table.set_index("entry")
    assert table.loc["training → experience", "needed"] == "at least"
    assert table.loc[LEAVING, "needed"] == "at most"
    assert table.loc[FEE, "needed"] == "at most"
    assert table.loc[LEAVING, "p_short"] == pytest.approx(
        (case.draws.figures[LEAVING] > table.loc[LEAVING, "estimate"]).mean()
    )
    assert "To break even on average" in found.narrative()
    assert found.chart.frame["multiple"].notna().all()


def test_break_even_of_a_linear_case_in_closed_form(linear):
    made, _, _, root = linear
    found = break_even(made)
    row = found.table.iloc[0]
    assert row["estimate"] == pytest.approx(root, rel=1e-6)
    # nothing else varies: all draws turn at the same value
    assert [row["conf_low"], row["conf_high"]] == pytest.approx([root, root], rel=1e-6)


def test_an_entry_that_cannot_turn_the_case_says_so(case):
    posts = break_even(case, entries=["customers", "Capital"], draws=50).table.set_index("entry")
    assert posts.loc["customers", "needed"] == "at least"
    assert posts.loc["Capital", "needed"] == "any"
    assert np.isnan(posts.loc["Capital", "estimate"])
    assert posts.index.tolist() == ["customers", "Capital"]  # what can turn it stands first
    assert break_even(case, entries=["Capital", "customers"], draws=50).table["entry"].iloc[0] == "customers"
    alone = break_even(case, entries=["Capital"], draws=50)
    assert "no entry alone turns" in alone.narrative()
    assert alone.summary["needed"].tolist() == ["no value turns it"]


def test_the_frontier_passes_through_the_break_even_of_one_entry(case):
    found = break_even_frontier(case, x=LEAVING, y="training → experience", points=5, draws=50)
    figures = case.draws.figures.rows(0, 50)
    for row in found.table.dropna(subset=["estimate"]).to_dict("records"):
        held = figures.at(LEAVING, row["x"]).at("training → experience", row["estimate"])
        npv = case.npv(held)
        assert abs(npv.mean()) < 1e-4 * max(npv.std(), 1.0)
        assert not row["conf_low"] > row["estimate"]
        assert not row["conf_high"] < row["estimate"]
    # a weaker tie between experience and leaving needs more training
    assert found.table["estimate"].dropna().is_monotonic_increasing
    assert found.needed == "at least"
    assert 0 < found.p_gain < 1
    assert "on the winning side" in found.narrative()
    assert LEAVING in found.chart.x_label


def test_roots_are_found_and_the_nearest_is_taken():
    grid = np.linspace(-3, 3, 61)
    assert crossings(grid, grid**2 - 1, near=-0.5)[0] == pytest.approx(-1, abs=0.01)
    assert crossings(grid, grid**2 - 1, near=0.5)[0] == pytest.approx(1, abs=0.01)
    assert crossings(grid, grid**2 + 1, near=0.0)[1] == -1
    roots = solve(lambda x: np.exp(x) - np.array([2.0, 5.0]), np.zeros(2), np.full(2, 4.0), 1e-12)
    assert roots == pytest.approx(np.log([2, 5]))


def test_a_draw_that_pays_everywhere_counts_as_turned_before_the_grid():
    """Two of three draws pay at all values, the third from nought on."""
    grid = np.linspace(-1, 1, 5)
    pays = grid[:, None] + np.array([3.0, 3.0, 0.0])
    assert roots_between(grid, pays, near=0.0, rising=True, tail=0.1) == pytest.approx(
        (np.nan, 0), nan_ok=True
    )
    # where less is better, the same draws pay up to values beyond the grid
    falls = pays[::-1]
    assert roots_between(grid, falls, near=0.0, rising=False, tail=0.1) == pytest.approx(
        (0, np.nan), nan_ok=True
    )


def test_knowing_everything_is_worth_what_the_losses_cost(case):
    found = what_would_change_our_mind(case)
    npv = case.draws.npv
    assert found.table["estimate"].iloc[0] == pytest.approx(np.maximum(npv, 0).mean() - max(npv.mean(), 0))
    entries = found.table.iloc[1:]
    assert (entries["estimate"] <= found.table["estimate"].iloc[0] + 1e-9).all()
    assert entries["estimate"].is_monotonic_decreasing
    assert found.funds == (npv.mean() > 0)
    row = entries.iloc[0]
    drawn = case.draws.figures[row["entry"]]
    beyond = drawn > row["threshold"] if row["side"] == "above" else drawn < row["threshold"]
    assert row["p_flip"] == pytest.approx(beyond.mean(), abs=0.002)  # the draw at the threshold itself
    assert "the most that any study may cost" in found.narrative()
    assert found.chart.frame["entry"].iloc[0] == "everything"


def test_knowing_the_fee_of_a_linear_case_in_closed_form(linear):
    made, mean, spread, root = linear
    row = what_would_change_our_mind(made).table.iloc[1]
    assert row["estimate"] == pytest.approx(normal_loss(mean, spread), abs=4 * row["std_error"])
    assert row["threshold"] == pytest.approx(root, rel=1e-3)
    assert row["side"] == ("above" if mean > 0 else "below")


def test_a_pilot_of_a_linear_case_in_closed_form(linear):
    made, mean, spread, _ = linear
    price = counted(item="pilot", value=500.0, unit="EUR a branch")
    found = pilot(made, entry=FEE, std_error={4: 400.0, 16: 200.0}, cost=price)
    for row, error in zip(found.table.to_dict("records"), (400.0, 200.0), strict=True):
        exact = normal_loss(mean, spread / 200.0 * sample_reduction(200.0, error))
        assert row["worth"] == pytest.approx(exact, abs=4 * row["worth_error"])
        assert row["estimate"] == pytest.approx(row["worth"] - 500.0 * row["branches"])
    assert found.table["worth"].is_monotonic_increasing
    assert found.table["worth"].max() < found.known
    best = found.table.loc[found.table["estimate"].idxmax()]
    assert found.best == (int(best["branches"]) if best["estimate"] > 0 else None)
    dear = pilot(made, entry=FEE, std_error={8: 200.0}, cost=replace(price, low=1e9, mode=1e9, high=1e9))
    assert dear.best is None
    assert dear.narrative().startswith("Decide without one")
    assert dear.chart.claim == "No pilot is worth its price"
    free = pilot(made, entry=FEE, std_error={8: 200.0}, cost=replace(price, low=0, mode=0, high=0))
    assert free.best == 8
    assert free.narrative().startswith("Buy it: a pilot of 8 branches")


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"cost": 500}, DesignError, "cost is the plain number 500"),
        (
            {"cost": counted(item="p", value=1, unit="USD a branch")},
            DesignError,
            "the price of a pilot is in EUR",
        ),
        (
            {"cost": counted(item="p", value=1, unit="EUR a person")},
            DesignError,
            "begins with 'EUR a branch'",
        ),
        ({"cost": counted(item="p", value=-1, unit="EUR a branch")}, DataError, "goes from -1 to -1"),
        ({"cost": "pilot"}, ColumnError, "no entry of the ledger named 'pilot'"),
        ({"entry": "luck"}, ColumnError, "no entry of the case named 'luck'"),
        ({"entry": "posts"}, DesignError, "'posts' is known exactly"),
        ({"std_error": {}}, OptionError, "branches → error"),
        ({"std_error": {8: 0.0}}, OptionError, "a number above nought"),
        ({"std_error": {0: 1.0}}, OptionError, "whole branches from 1 on"),
    ],
)
def test_a_pilot_that_cannot_be_priced_is_refused(case, change, error, says):
    price = counted(item="p", value=1, unit="EUR a branch")
    with pytest.raises(error, match=says):
        pilot(case, **({"entry": FEE, "std_error": {8: 50.0}, "cost": price} | change))


def test_the_direct_road_can_be_asked_the_same_but_for_other_times():
    """Two phases of profit drawn together; in closed form, as the books are linear in what was measured."""
    cells = fitted_together(
        ["phase 1", "phase 2"],
        units="EUR a branch and month",
        estimate=[-500.0, 900.0],
        covariance=[[200.0**2, 0.5 * 200 * 300], [0.5 * 200 * 300, 300.0**2]],
        grade="quasi-experiment",
    )
    rest = [
        counted(item="branches", value=10, unit="branches"),
        counted(item="Capital", value=0.0, unit="share a year"),
    ]
    made = direct_case(
        case_ledger([*cells, *rest], currency="EUR"),
        cells=[
            Cell(change="phase 1", branches="branches", start=0, stop=12),
            Cell(change="phase 2", branches="branches", start=12, stop=24),
        ],
        draws=4000,
    )
    first = break_even(made, draws=400).table.set_index("entry").loc["phase 2"]
    drawn = made.draws.figures.rows(0, 400)["phase 1"]
    assert first["estimate"] == pytest.approx(-drawn.mean(), rel=1e-6)
    # LMG shares of two correlated inputs of a sum with sds 2 and 3, correlation 0.5
    a, b, rho = 2.0, 3.0, 0.5
    total = a * a + b * b + 2 * a * b * rho
    fair = (b * b * (1 - rho**2 / 2) + a * b * rho + a * a * rho**2 / 2) / total
    share = variance_shares(made).table.set_index("entry")
    assert share.loc["phase 2", "estimate"] == pytest.approx(fair, abs=6 * share.loc["phase 2", "std_error"])
    assert tornado(made).table["swing"].iloc[0] > 0
    assert tornado(made).evidence.grade == "quasi-experiment"
    with pytest.raises(DesignError, match="other times can be priced through the chain alone"):
        stress(made, [Scenario(name="cut", cut=6)])


def test_conditions_that_differ_between_draws_are_kept(case):
    """A case whose months are drawn: held entries meet each draw's own months."""
    drawn = np.random.default_rng(1).uniform(0.8, 1.2, (2000, 24))
    made = case.under(Conditions(purchases=drawn))
    found = break_even(made, entries=[FEE], draws=100)
    figures = made.draws.figures.rows(0, 100).at(FEE, float(found.table["estimate"].iloc[0]))
    npv = made.npv(figures, conditions=Conditions(purchases=drawn[:100]))
    assert abs(npv.mean()) < 1e-4 * npv.std()
    assert np.isfinite(tornado(made).table["estimate"]).all()
    worse = stress(made, [Scenario(name="recession", recession=Recession())], draws=200)
    assert worse.table["change"].iloc[1] < 0
