"""Marking: right answers, known wrong roads, wrong forms, no leak of the solution, no truth of real data."""

import json
import math
import re
from dataclasses import fields
from decimal import Decimal
from functools import cache

import numpy as np
import pandas as pd
import pytest

import cemlab
from cemlab import loyalty, segmentation, survival
from cemlab.data.campaign_cells import campaign_cells, population_cells
from cemlab.errors import DesignError, NotFoundError
from cemlab.marking import Exercise, Mark, Tolerance, Trap, checking, exercises_01
from cemlab.marking.answers import AnswerFormError, read_answer
from cemlab.marking.judging import judge
from cemlab.marking.wording import how_far
from cemlab.places import bundled
from cemlab.simulate import Halden, Oracle, opening
from cemlab.simulate.state import AS_IT_WAS
from cemlab.simulate.still import counts_if_still
from cemlab.simulate.timeline import DAYS
from cemlab.simulate.writing import TRUTH, write

NUMBERS = [e.number for notebook in checking.notebooks_with_exercises() for e in checking.exercises(notebook)]


# What the exercises ask does not depend on its size.
SMALL = Halden(customers=3000, seed=1)
# Of so few customers a roll-out without refreshers breaks even nowhere; see the tests of notebook 12.
# Where a half is left of a slope, so much is lost.
LEADS_NOWHERE = ("the roll-out without refreshers", "the share that is lost")


@pytest.fixture(scope="module")
def halden(tmp_path_factory):
    """Open a small Halden."""
    return cemlab.Company.open(write(tmp_path_factory.mktemp("marking") / "halden", SMALL))


@pytest.fixture(scope="module", autouse=True)
def one_oracle():
    """Keep the oracle of a company, so that what it replays serves all exercises."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Oracle, "of", staticmethod(cache(Oracle.of)))
        yield


@pytest.fixture
def own_data():
    return cemlab.Company.open(bundled("data") / "small")


def share(**options):
    given = {
        "number": "99.1",
        "asks": "a share",
        "truth": lambda _: 0.4,
        "form": "share",
        "tolerance": Tolerance(size=0.01),
        "hint": "Look again.",
    }
    return Exercise(**(given | options))


# --- the exercises that there are


def test_every_notebook_with_exercises_has_them_numbered_once():
    assert checking.notebooks_with_exercises() == ("00", "01", "03", "04", "05", "09", "10", "11", "12")
    assert len(set(NUMBERS)) == len(NUMBERS)
    for number in NUMBERS:
        assert checking.find(number).number == number


@pytest.mark.parametrize("number", NUMBERS)
def test_what_an_exercise_says_is_short_and_no_sentence_stands_twice(number):
    exercise = checking.find(number)
    assert len(exercise.asks) <= 180
    assert not exercise.asks.endswith(".")
    hints = [exercise.hint, *(trap.hint for trap in exercise.traps)]
    assert len(set(hints)) == len(hints)
    assert all(hint.endswith((".", "?")) for hint in hints)
    assert len({trap.name for trap in exercise.traps}) == len(exercise.traps) >= 2


@pytest.mark.parametrize("number", NUMBERS)
def test_the_truth_is_right_and_says_how_close(number, halden):
    exercise = checking.find(number)
    mark = cemlab.check(number, exercise.truth(halden), halden)
    assert mark.right is True
    assert exercise.tolerance.told(exercise.form) in mark.message


@pytest.mark.parametrize("number", NUMBERS)
def test_every_trap_is_recognised_by_its_name(number, halden):
    exercise = checking.find(number)
    for trap in exercise.traps:
        value = trap.value(halden)
        if trap.name in LEADS_NOWHERE:
            assert math.isnan(value)
            continue
        mark = cemlab.check(number, value, halden)
        assert mark.right is False, trap.name
        assert f"This looks like {trap.name}: {trap.hint}" in mark.message


def digits(value):
    """Return the two leading digits of a figure, and those of the percentage, as they would be written."""
    values = value.values() if isinstance(value, dict) else [value]
    return {f"{abs(v):.2g}" for v in values} | {f"{abs(100 * v):.2g}" for v in values}


@pytest.mark.parametrize("number", [n for n in NUMBERS if checking.find(n).form != "text"])
def test_wrong_answers_are_told_nothing_of_the_solution(number, halden):
    exercise = checking.find(number)
    truth = exercise.truth(halden)
    factors = (-1, 0.3, 0.6, 0.88, 1.2, 1.5, 1.9)
    if isinstance(truth, dict):
        wrong = [{name: value * factor for name, value in truth.items()} for factor in factors]
        wrong += [dict.fromkeys(truth, math.nan), dict(list(truth.items())[:1])]
    else:
        wrong = [truth * factor for factor in factors] + [math.nan, math.inf, "x", True]
        # how many values a list has is said
        wrong += [-4, 40.0, None, ..., 12345, [truth] * (3 if "2" in digits(truth) else 2)]
    said = [cemlab.check(number, answer, halden) for answer in wrong]
    # the tolerance is stated, and may have the digits of a truth
    tolerance = exercise.tolerance.told(exercise.form)
    for answer, mark in zip(wrong, said, strict=True):
        if mark.right:  # within the tolerance, as 0.88 of a small difference may be
            continue
        # a class of the page has a digit in its name
        shown = f"{mark!r} {mark} {mark._repr_html_()}".replace(tolerance, "").replace("tex2jax", "")
        assert [f.name for f in fields(mark)] == ["right", "message"]
        for figure in re.findall(r"\d+(?:\.\d+)?", shown):
            assert figure not in digits(truth), (answer, figure)


def test_an_unknown_number_lists_those_of_the_notebook():
    with pytest.raises(NotFoundError, match=r"'03\.9'.*03\.a, 03\.1, 03\.2, 03\.3"):
        cemlab.check("03.9", 1)
    with pytest.raises(NotFoundError, match="there are: 00, 01, 03, 04, 05, 09, 10, 11, 12"):
        cemlab.check("77.1", 1)
    with pytest.raises(NotFoundError, match="00, 01, 03, 04, 05, 09, 10, 11, 12"):
        cemlab.check(None, 1)


# --- whose truth


def test_real_data_have_no_truth(own_data):
    mark = cemlab.check("03.1", 0.3, own_data)
    assert mark.right is None
    assert mark.message == "there is no truth to mark against: small is not a simulated company."


def test_a_company_made_by_other_code_has_no_truth(tmp_path):
    folder = write(tmp_path / "old", Halden(customers=50))
    said = json.loads((folder / TRUTH).read_text())
    (folder / TRUTH).write_text(json.dumps(said | {"code": "another"}))
    mark = cemlab.check("04.1", 0.3, cemlab.Company.open(folder))
    assert mark.right is None
    assert "simulated by other code" in mark.message


def test_the_company_of_the_notebook_is_taken_where_none_is_given(halden, monkeypatch):
    monkeypatch.setattr(opening, "_opened", [])
    assert opening.opened() is None
    mark = cemlab.check("03.2", 0.95)
    assert mark.right is None
    assert "company_for(data) first" in mark.message
    opening.company_for(halden.info.folder)
    assert opening.opened().info.folder == halden.info.folder
    assert cemlab.check("03.2", 0.95).right is True
    opening.company_for(bundled("data") / "small")
    assert cemlab.check("03.2", 0.95).right is None


@pytest.mark.parametrize("answer", [None, ..., "", "  "])
def test_no_answer_yet_is_no_fault(answer):
    mark = cemlab.check("03.1", answer)
    assert mark.right is None
    assert mark.message.startswith("not answered yet. Asked is how often a year a household must buy")


def test_a_truth_is_computed_once(halden, monkeypatch):
    asked = []
    exercise = share(truth=lambda _: asked.append(1) or 0.4)
    monkeypatch.setattr(checking, "find", lambda _: exercise)
    assert [cemlab.check("99.1", answer, halden).right for answer in (0.4, 0.5, 0.405)] == [True, False, True]
    assert asked == [1]


def test_a_truth_that_a_company_cannot_give_is_no_fault_of_the_answer(halden, monkeypatch):
    def nobody_left(_):
        raise DesignError("nobody left")

    def nothing(_):
        return 1 / 0

    trap = Trap(name="a road that leads nowhere", value=nothing, hint="no.")
    exercises = {
        "99.4": share(number="99.4", truth=nobody_left),
        "99.5": share(number="99.5", truth=lambda _: math.nan),
        "99.6": share(number="99.6", traps=(trap,)),
    }
    monkeypatch.setattr(checking, "find", exercises.get)
    mark = cemlab.check("99.4", 0.4, halden)
    assert str(mark) == "Not marked: cannot be marked on this company: nobody left."
    assert cemlab.check("99.5", 0.4, halden).right is None
    # the truth still marks
    assert cemlab.check("99.6", 0.4, halden).right is True
    assert cemlab.check("99.6", 0.6, halden).right is False


def test_of_who_leaves_nothing_can_be_marked_where_nobody_leaves(tmp_path):
    folder = write(tmp_path / "calm", Halden(customers=300, world_name="stationary"))
    calm = cemlab.Company.open(folder)
    for number in ("04.a", "04.1", "04.2"):
        mark = cemlab.check(number, 0.3, calm)
        assert mark.right is None
        assert "nobody leaves this company" in mark.message
    # a published segment does not depend on the company
    assert cemlab.check("04.3", checking.find("04.3").truth(calm), calm).right is True


@pytest.mark.parametrize("answer", [{"Flex": None}, {"Flex": 0.2, "Plus": ...}], ids=repr)
def test_a_name_without_a_value_is_not_answered(answer):
    assert cemlab.check("04.1", answer).right is None


@pytest.mark.parametrize("number", ["03.3", "04.2"])
def test_a_multiple_in_per_cent_is_said_to_be_one(number, halden):
    mark = cemlab.check(number, 100 * checking.find(number).truth(halden), halden)
    assert mark.right is False
    assert "This looks like a percentage: divide it by a hundred." in mark.message


def test_neighbouring_readings_are_not_right(halden):
    # the category of the text, all of a few worlds, the edge of the interval
    roads = (
        ("03.1", "the category of the text"),
        ("03.2", "too few worlds"),
        ("03.3", "the edge of the interval"),
    )
    for number, name in roads:
        trap = next(trap for trap in checking.find(number).traps if trap.name == name)
        assert cemlab.check(number, trap.value(halden), halden).right is False


# --- the form of an answer


@pytest.mark.parametrize(
    "answer",
    [0.4, np.float64(0.4), Decimal("0.4"), [0.4], (0.4,), np.array(0.4), np.array([[0.4]]), pd.Series([0.4])],
    ids=repr,
)
def test_one_value_may_be_wrapped(answer):
    assert read_answer(share(), answer) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (12.3, "looks like a percentage or a count; a share between 0 and 1 is asked: divide a percentage"),
        (100, "looks like a percentage"),
        (1234, "not possible here"),
        (-0.4, "not possible here"),
        (float("nan"), r"missing \(NaN\)"),
        (pd.NA, r"missing \(NaN\)"),
        (pd.NaT, r"missing \(NaN\)"),
        (float("inf"), "infinite"),
        ("0.4", "this is a text; a share between 0 and 1 is asked: a number without quotation marks"),
        ("24.3 %", "without quotation marks and without %"),
        (True, "this is a truth value"),
        (np.True_, "this is a truth value"),
        (0.4 + 1j, "this is a number"),
        ([0.4, 0.5], "a collection of 2 values; a share between 0 and 1 is asked, one value"),
        (pd.Series([0.1, 0.2, 0.3]), "a collection of 3 values"),
        ({"a": 0.4}, "a collection of 1 values"),
        (pd.DataFrame({"a": [1, 2]}), "a table of 2 rows"),
        (np.array([]), "a collection of 0 values"),
        (object(), "an object of the kind object"),
        (len, "an object of the kind builtin_function_or_method"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_another_form_is_named(answer, said):
    with pytest.raises(AnswerFormError, match=said):
        read_answer(share(), answer)


def test_a_result_is_asked_for_its_figure(halden):
    curve = survival.retention_curve(
        pd.DataFrame({"days": [3.0, 5.0], "left": [1, 0]}), duration="days", event="left", unit="days"
    )
    mark = cemlab.check("04.a", curve, halden)
    assert mark.right is False
    assert "an object of the kind RetentionCurve" in mark.message


def test_a_difference_may_be_negative_and_a_number_may_be_large():
    assert read_answer(share(form="difference of shares"), -0.4) == -0.4
    assert read_answer(share(form="number"), -1234) == -1234
    with pytest.raises(AnswerFormError, match="percentage"):
        read_answer(share(form="difference of shares"), -25)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (0.1, "this is a number without names; a dict or a Series with the names is asked"),
        ([0.1, 0.2], "without names; .*one value for each plan; the plans are a and b"),
        (pd.Series([0.1, 0.2]), "a collection of 2 values without names"),
        (pd.DataFrame({"left": [0.1, 0.2]}), "a table of 2 rows without names"),
        ({"a": 0.1}, "there is no value for b; the plans are a and b"),
        ({"a": 0.1, "b": 0.2, "c": 0.3}, "unknown name 'c'; the plans are a and b"),
        ({"A": 0.1, "B": 0.2}, "unknown names 'A' and 'B'; the plans are a and b"),
        (pd.Series([0.1, 0.2], index=["a", "a"]), "a name stands twice"),
        ({"a": 10, "b": 0.2}, "percentage"),
        ({"a": None, "b": 0.2}, "NaN|kind"),
    ],
    ids=lambda value: repr(value)[:25],
)
def test_one_value_for_each_name(answer, said):
    with pytest.raises(AnswerFormError, match=said):
        read_answer(share(by="plan"), answer, names=("a", "b"))


def test_named_values_are_matched_by_name():
    exercise = share(by="plan")
    given = read_answer(exercise, pd.Series([0.2, 0.1], index=["b", "a"]), names=("a", "b"))
    assert given == {"a": 0.1, "b": 0.2}
    mark = judge(exercise, given, truth={"a": 0.1, "b": 0.5}, traps={})
    assert mark.right is False
    # which of them is right is not told: the others could be found one by one
    assert mark.message.startswith("not all values are right. Look again. Asked was")


@pytest.mark.parametrize(
    "answer",
    [
        pd.DataFrame({"left": [0.2, 0.1]}, index=["b", "a"]),
        pd.DataFrame({"plan": ["b", "a"], "left": [0.2, 0.1]}),
    ],
    ids=["names in the index", "names in a column"],
)
def test_a_table_of_one_figure_a_name_is_taken(answer):
    assert read_answer(share(by="plan"), answer, names=("a", "b")) == {"a": 0.1, "b": 0.2}


def test_a_list_of_one_is_unambiguous_where_there_is_one_name():
    assert read_answer(share(by="plan"), [0.2], names=("a",)) == {"a": 0.2}


def test_the_figures_of_a_table_of_one_cell_and_the_texts_of_a_column_are_taken():
    assert read_answer(share(), pd.DataFrame({"a": [0.4]})) == 0.4
    assert read_answer(share(form="text"), pd.array(["x"], dtype="string")) == "x"


def test_an_arrow_may_be_typed_and_may_come_with_its_lever():
    exercise = share(form="text", asks="an arrow, as “from → to”")
    for answer in (
        "Price->Silence",
        "price → silence",
        ("Price → Silence", "Discount"),
        ["Price -> Silence"],
    ):
        assert judge(exercise, read_answer(exercise, answer), truth="Price → Silence", traps={}).right
    with pytest.raises(AnswerFormError, match="one value and not several"):
        read_answer(exercise, ("a → b", "b → c"))


def test_a_text_is_compared_without_its_dress():
    exercise = share(form="text")
    for answer in ("Train  the front-line", "train the front line.", "“Train the front line”"):
        assert judge(exercise, read_answer(exercise, answer), truth="Train the front line", traps={}).right
    assert judge(exercise, "Something else", truth="Train the front line", traps={}).right is False
    with pytest.raises(AnswerFormError, match="a number; a text is asked"):
        read_answer(exercise, 3)


# --- judging


def test_the_nearest_of_several_traps_is_named():
    traps = tuple(Trap(name=name, value=lambda _: 0.0, hint=f"{name}.") for name in ("far", "near"))
    mark = judge(share(traps=traps), 0.3, truth=0.4, traps={"far": 0.306, "near": 0.302})
    assert "This looks like near: near." in mark.message
    assert "Look again." not in mark.message


def test_an_answer_that_is_right_falls_into_no_trap():
    trap = Trap(name="close by", value=lambda _: 0.0, hint="no.")
    assert judge(share(traps=(trap,)), 0.405, truth=0.4, traps={"close by": 0.405}).right is True


@pytest.mark.parametrize(
    ("value", "truth", "said"),
    [
        (0.44, 0.4, "too high by less than a tenth"),
        (0.36, 0.4, "too low by less than a tenth"),
        (0.46, 0.4, "too high by a tenth to a quarter"),
        (0.54, 0.4, "too high by a quarter to a half"),
        (0.28, 0.4, "too low by a quarter to a half"),
        (0.75, 0.4, "one and a half times to twice as large"),
        (0.9, 0.4, "two to five times as large"),
        (0.1, 0.4, "a fifth to a half of what it should be"),
        (0.01, 0.4, "less than a fifth"),
        (4.0, 0.4, "more than five times as large"),
        (0.0, 0.4, "zero, and should not be"),
        (-0.4, 0.4, "on the wrong side of zero"),
        (-0.9, -0.4, "in size two to five times"),
        (-0.1, -0.4, "in size a fifth to a half"),
        (-0.44, -0.4, "in size too large by less than a tenth"),
        (0.3, 0.0, "too high"),
        (-0.3, 0.005, "too low"),
    ],
)
def test_how_far_off_is_told_in_words(value, truth, said):
    words = how_far(value, truth=truth, tolerance=Tolerance(size=0.01))
    assert said in words
    assert not re.search(r"\d", words)


def test_the_edges_of_a_tolerance_belong_to_it():
    assert Tolerance(size=0.01).holds(0.41, truth=0.4)
    assert not Tolerance(size=0.01).holds(0.4101, truth=0.4)
    assert Tolerance(size=0.05, relative=True).holds(-1.05, truth=-1.0)
    assert Tolerance(size=0.05, relative=True).told("number") == "within 5 % of it"
    assert Tolerance(size=0.01).told("share") == "within 1 percentage point"
    assert Tolerance(size=0.03).told("number") == "within 0.03"


# --- what is shown


def test_a_mark_shows_itself_and_its_text_is_only_text():
    mark = Mark(right=False, message="<script>alert(1)</script> & more")
    assert str(mark) == repr(mark) == "Not yet: <script>alert(1)</script> & more"
    assert "<script>" not in mark._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in mark._repr_html_()
    assert str(Mark(right=True, message="x")) == "Right: x"
    assert str(Mark(right=None, message="x")) == "Not marked: x"


def test_a_hostile_name_in_an_answer_is_escaped():
    with pytest.raises(AnswerFormError) as caught:
        read_answer(share(by="plan"), {"a": 0.1, "<b onload=x>": 0.2}, names=("a",))
    assert "<b onload" not in Mark(right=False, message=str(caught.value))._repr_html_()


# --- the truths behind the marks


def test_the_still_world_against_what_was(halden):
    """Without departures, changes and recession nobody who came monthly is silent, and more come again."""
    base, follow_up = loyalty.two_periods(until=halden.as_of, days=365)
    counts = counts_if_still(SMALL, base, follow_up)
    assert (counts["n_base"] >= 1).all()
    histories = loyalty.buying_histories(halden.table("transactions"), base=base, follow_up=follow_up)
    # what was is what the tables say
    assert len(counts) == histories.n_used
    assert counts["n_next"].sum() == (histories.table["n_next"] * histories.table["n_customers"]).sum()
    top = counts[counts["n_base"] >= 12]
    # a rate of one a month or more leaves a year without a purchase with chance e^-12
    assert (top["n_next_if_still"] > 0).all()
    assert (top["n_next"] == 0).any()


def test_who_stayed_and_did_not_change_differs_from_the_still_world_by_the_recession_alone():
    halden = Halden(customers=3000, seed=1, world_name="no-recession")
    base, follow_up = loyalty.two_periods(until=pd.Timestamp("2025-12-31").date(), days=365)
    counts = counts_if_still(halden, base, follow_up)
    (block,) = halden.blocks()
    network = halden.network()
    members = halden.members(network, block)
    lives = halden.lives(network, members)
    untouched = (lives.exit >= DAYS) & np.isnan(members.changes_at)
    bought = halden.purchases(network, members, lives, AS_IT_WAS)
    inside = (bought.day >= DAYS - 730) & (bought.day < DAYS - 365)
    in_base = np.bincount(bought.customer[inside], minlength=len(members)) > 0
    same = counts["n_next"] == counts["n_next_if_still"]
    assert same[untouched[in_base]].all()
    assert not same.all()


def test_the_true_excess_is_that_of_the_panels_own_households(halden):
    """What was is what the tables say; the truth is what is left of it without the recession."""
    base, follow_up = loyalty.calendar_years(2024, 2025)
    panel = loyalty.panel(halden.table("category_purchases"), base=base, follow_up=follow_up)
    gone = loyalty.fates(panel, brand="Halden").table["n"].iloc[2:].sum()
    n = panel.loyal("Halden", threshold=0.7, least=1)["n_households"].sum()
    exercise = checking.find("03.a")
    headline = next(trap for trap in exercise.traps if trap.name == "the headline")
    assert headline.value(halden) == gone / n
    # a share of n households less another of the same ones
    assert exercise.truth(halden) * n == pytest.approx(round(exercise.truth(halden) * n))
    assert 0 < exercise.truth(halden) < gone / n


def test_nobody_defects_beyond_chance_where_nothing_happens(tmp_path):
    folder = write(tmp_path / "calm", Halden(customers=300, world_name="stationary"))
    assert checking.find("03.a").truth(cemlab.Company.open(folder)) == 0


def test_the_published_pair_follows_from_the_market_that_the_answer_states():
    """The truth comes from integrals over the market; households drawn from it agree."""
    bought = checking.find("03.1").truth(None)
    market = loyalty.stated_market(mean=bought, shape=1, switching=1.2, shares={"ours": 0.1})
    fates = loyalty.fates(market.simulate(400_000, seed=1), brand="ours", among="buyers").table
    error = np.sqrt(0.25 / fates["n_loyal"].iloc[0])
    # four standard errors of a share
    assert fates["estimate"].to_numpy() == pytest.approx([0.48, 0.19, 0.33], abs=4 * error)


def test_the_true_share_still_there_is_the_oracles(halden):
    truth = checking.find("04.a").truth(halden)
    assert truth == Oracle.of(halden).retention(730)["truth"].iloc[0]
    spells = survival.spells(halden)
    curve = survival.retention_curve(
        spells, duration="duration", event="left", entry="observed_after", unit="days"
    )
    row = curve.at(730).iloc[0]
    # four standard errors, the estimate being a sample of 3,000
    assert abs(row["estimate"] - truth) < 4 * row["std_error"]


def test_half_have_truly_left_where_the_true_curve_crosses_one_half(halden):
    """The truth in months is a day of the oracle's curve, and an estimate from 3,000 spells lies near it."""
    truth = checking.find("04.1").truth(halden)
    days = round(truth * 365 / 12)
    before, after = Oracle.of(halden).retention(days - 1, days)["truth"]
    assert after <= 0.5 < before
    median = survival.restricted_mean(
        survival.spells(halden), duration="duration", event="left", entry="observed_after", unit="days"
    ).of("quantile 0.5")
    low, high = median[["conf_low", "conf_high"]].iloc[0] * 12 / 365
    # twice the distance of each end: four standard errors
    estimate = float(median["estimate"].iloc[0]) * 12 / 365
    assert estimate - 2 * (estimate - low) < truth < estimate + 2 * (high - estimate)


def test_a_campaign_changes_no_pace_of_leaving_as_its_own_lot_shows(halden):
    """Treated against left alone, by lot, from the day of the campaign on: the truth lies in the interval."""
    campaigns = halden.table("campaigns")
    lot = campaigns.filter(campaigns["kind"] == "retain").group_by("customer")
    lot = lot.aggregate(date=campaigns["date"].min(), first=campaigns["treated"].argmin(campaigns["date"]))
    lot = lot.to_pandas()
    spells = survival.spells(halden).to_pandas().merge(lot, on="customer")
    day = (pd.to_datetime(spells["date"]) - pd.to_datetime(spells["entry"])).dt.days
    after = spells.assign(treated=spells["first"].astype(int), day=day)
    after = after[(after["duration"] > after["day"]) & (after["day"] >= after["observed_after"])]
    found = survival.hazard_ratios(
        after, duration="duration", event="left", entry="day", covariates=["treated"], conf_level=0.999
    ).table.iloc[0]
    assert found["conf_low"] < checking.find("04.2").truth(halden) < found["conf_high"]
    # the naive road leads far outside
    naive = next(t for t in checking.find("04.2").traps if t.name == "the whole spell counted as treated")
    assert naive.value(halden) < found["conf_low"]


def test_the_saved_of_the_published_segment_follow_from_its_published_parameters():
    """Fader and Hardie (2007) print alpha 0.668 and beta 3.806 for this segment."""
    alpha, beta = 0.668, 3.806
    ages = np.arange(5)
    differ = np.prod((beta + ages) / (alpha + 1 + beta + ages))
    # three digits of the parameters
    assert checking.find("04.3").truth(None) == pytest.approx(differ, abs=5e-4)


def test_the_true_value_of_a_plan_is_what_the_oracle_says_customer_by_customer(halden):
    """No rule can be worth more than the best strategy of each customer, nor can chance explain the plan."""
    exercise = checking.find("01.a")
    worth = Oracle.of(halden).campaigns().pivot(index="customer", columns="kind", values="value")
    tables = {name: halden.table(name) for name in ("customers", "subscriptions", "transactions")}
    cells = campaign_cells(halden.table("campaigns"), **tables)
    population = population_cells(cells, as_of=halden.as_of, **tables)
    margins = {"retain": 60.0, "cross-sell": 45.0, "referral": 80.0, "cheaper channel": 12.0}
    costs = {"retain": 3.0, "cross-sell": 0.8, "referral": 1.0, "cheaper channel": 0.5}
    plan = segmentation.strategies(
        segmentation.uplift(cells), population, margins=margins, costs=costs
    ).customers(population)
    chosen = dict(plan.select("customer", "primary").to_pandas().to_numpy().tolist())
    each = [0.0 if name == "leave alone" else worth.loc[who, name] for who, name in chosen.items()]
    truth = exercise.truth(halden)
    assert truth == pytest.approx(np.mean(each))
    reachable = worth.loc[list(chosen)]
    assert reachable.mean().mean() < truth < reachable.max(axis=1).clip(lower=0).mean()


def test_the_price_of_the_budget_lies_between_what_the_last_and_the_next_units_bring(halden):
    price = checking.find("01.3").truth(halden)
    half = exercises_01._plan(halden).spent / 2
    less, at, more = (
        exercises_01._plan(halden, budget=half + step).totals["estimate"].sum() for step in (-50, 0, 50)
    )
    # customers are whole: the dearest strategy of one, at either end, may not fit
    slack = 2 * 3.0 / 50
    assert (more - at) / 50 - slack <= price <= (at - less) / 50 + slack


def test_leaving_sleeping_dogs_alone_is_worth_what_the_rows_say(halden):
    """Cost and margin saved in the class of lowest risk, per customer considered, counted row by row."""
    offers, spells, lines = (
        halden.table(name).to_pandas() for name in ("save_offers", "subscriptions", "transactions")
    )
    met = offers.merge(spells, on="customer")
    met = met[(met["entry"] <= met["date"]) & (met["exit"].isna() | (met["exit"] >= met["date"]))]
    assert len(met) == len(offers)
    days = (pd.to_datetime(met["exit"]) - pd.to_datetime(met["date"])).dt.days
    met["left"] = (days <= 182) & met["cause"].isin(["competitor", "price"])
    low = met[met["kind"] == "low risk"]
    change = low.loc[low["treated"], "left"].mean() - low.loc[~low["treated"], "left"].mean()
    current = spells.loc[spells["exit"].isna(), "customer"]
    lately = pd.to_datetime(lines["date"]) > pd.Timestamp(halden.as_of) - pd.Timedelta(days=365)
    worth = float(lines.loc[lately & lines["customer"].isin(current), "margin"].sum()) / current.nunique()
    by_hand = len(low) / len(met) * (25 + worth * change)
    assert checking.find("05.1").truth(halden) == pytest.approx(by_hand)


def test_the_alarms_that_come_in_time_are_those_of_the_rows(halden):
    """Contacts in which customers ask how to cancel, walked through one by one."""
    contacts, spells = halden.table("contacts").to_pandas(), halden.table("subscriptions").to_pandas()
    asked = contacts[contacts["reason"] == "cancellation enquiry"]
    asked = asked.assign(day=pd.to_datetime(asked["time"]).dt.normalize())
    end = spells.set_index("customer")["exit"].pipe(pd.to_datetime)
    cause = spells.set_index("customer")["cause"]
    alarms = in_time = 0
    for who, days in asked.groupby("customer")["day"]:
        stands = pd.Timestamp.min
        for day in sorted(set(days)):
            if day <= stands or day >= (pd.Timestamp.max if pd.isna(end[who]) else end[who]):
                continue
            stands = day + pd.Timedelta(days=90)
            alarms += stands <= pd.Timestamp(halden.as_of)
            lead = (end[who] - day).days if cause[who] in ("competitor", "price") else 999
            in_time += 30 < lead <= 90 and stands <= pd.Timestamp(halden.as_of)
    assert checking.find("05.2").truth(halden) == alarms / in_time


def test_the_true_change_of_the_middle_class_is_near_what_was_planted(halden):
    each = Oracle.of(halden).save_offers()
    n = int((each["risk"] == "middle").sum())
    # four standard errors of a share of six in a hundred
    slack = 4 * np.sqrt(0.06 * 0.94 / n)
    assert checking.find("05.a").truth(halden) == pytest.approx(-0.06, abs=slack)
