"""The scorecard: its verdicts by hand, known estimators told apart, and a small run from end to end."""

import csv
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from cemlab import cli
from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.present.plots import draw, png
from cemlab.scorecard import ROWS, Estimate, Row, rows_named, score, write_scorecard
from cemlab.scorecard.card import scorecard
from cemlab.scorecard.companies import company_of
from cemlab.scorecard.judging import Draws, chance_of_red, figures, judge
from cemlab.scorecard.periods import BASE, FOLLOW_UP, TIERS, true_excess
from cemlab.simulate.halden import Halden

REACH = stats.norm.ppf(0.975)


def row(**changed):
    """Return a toy row: truth 5, nothing at 4, so that the effect is 1."""
    told = {
        "name": "toy",
        "notebook": "04",
        "planted": "5",
        "unit": "points",
        "no_effect": 4.0,
        "world": "default",
        "estimate": lambda company: Estimate(5.0, 4.5, 5.5),
        "truth": lambda oracle: 5.0,
    }
    return Row(**(told | changed))


def draws(values, *, reach=1.0, truth=5.0):
    values = np.asarray(values, dtype=float)
    return Draws(value=values, low=values - reach, high=values + reach, truth=np.full(len(values), truth))


def covering(hits, n):
    """Return draws of which so many intervals hold the truth, without bias."""
    off = np.zeros(n)
    off[hits:] = np.where(np.arange(n - hits) % 2, 2.0, -2.0)
    if (n - hits) % 2:
        off[:hits] = -off.sum() / hits
    return draws(5.0 + off)


@pytest.mark.parametrize(
    ("hits", "verdict", "said"),
    [
        (91, "red", "Coverage 91.0 % is below 92 %."),
        (92, "green", "Within the bounds."),
        (95, "green", "Within the bounds."),
        (98, "green", "Within the bounds."),
        (99, "red", "Coverage 99.0 % is above 98 %."),
        (100, "red", "Coverage 100.0 % is above 98 %."),
    ],
)
def test_coverage_is_tolerated_from_92_to_98_percent(hits, verdict, said):
    found = figures(row(), covering(hits, 100))
    assert found.coverage == hits / 100
    assert found.bias == pytest.approx(0, abs=1e-12)
    assert judge("estimate", found) == (verdict, said)


def test_a_bias_of_a_fifth_is_tolerated_and_one_beyond_is_not():
    fine = figures(row(), covering(95, 100))
    assert judge("estimate", replace(fine, bias_share=0.2))[0] == "green"
    assert judge("estimate", replace(fine, bias_share=-0.2))[0] == "green"
    assert judge("estimate", replace(fine, bias_share=-0.201)) == (
        "red",
        "Bias is -20.1 % of the effect.",
    )
    for no_share in (math.inf, math.nan):
        assert judge("estimate", replace(fine, bias_share=no_share))[0] == "red"
    both = judge("estimate", replace(fine, bias_share=0.5, coverage=0.5))
    assert both == ("red", "Coverage 50.0 % is below 92 % and bias is 50.0 % of the effect.")


def test_figures_by_hand():
    # intervals reach 1 to each side: the third ends at 4.9 and misses the truth
    found = figures(row(), draws([5.1, 5.3, 3.9]))
    assert found.truth == 5
    assert found.estimate == pytest.approx(14.3 / 3)
    assert found.bias == pytest.approx(14.3 / 3 - 5)
    assert found.bias_share == pytest.approx(14.3 / 3 - 5)  # the effect is 1
    assert found.coverage == pytest.approx(2 / 3)
    # 4.1 and 4.3 are above 4; 2.9 to 4.9 holds it
    assert found.power == pytest.approx(2 / 3)
    # Wilson's interval for 2 of 3, from its formula
    z2 = REACH**2
    centre, reach = (2 + z2 / 2) / (3 + z2), REACH / (3 + z2) * math.sqrt(2 / 3 + z2 / 4)
    assert (found.coverage_low, found.coverage_high) == pytest.approx((centre - reach, centre + reach))
    assert (found.bias_low, found.bias_high) == pytest.approx(
        stats.t.interval(0.95, 2, loc=found.bias, scale=stats.sem([5.1, 5.3, 3.9]))
    )
    assert math.isnan(found.regret)


def test_the_share_of_a_negative_effect_says_overstated_above_zero():
    # truth -5, nothing at 0, estimates -6: overstated by a fifth
    found = figures(row(no_effect=0.0), draws([-6.0, -6.5, -5.5], truth=-5.0))
    assert found.bias_share == pytest.approx(0.2)
    assert found.bias_share_low < found.bias_share < found.bias_share_high


def test_where_nothing_is_planted_a_yardstick_measures_the_bias():
    nothing = row(no_effect=5.0)
    assert math.isinf(figures(nothing, draws([5.1, 5.3])).bias_share)
    assert figures(nothing, draws([5.0, 5.0])).bias_share == 0
    measured = replace(nothing, yardstick=2.0)
    assert figures(measured, draws([5.1, 5.3])).bias_share == pytest.approx(0.1)


def test_few_seeds_are_said_and_one_seed_has_no_interval():
    assert judge("estimate", figures(row(), covering(46, 49)))[1].endswith("Too few seeds (49) to be sure.")
    assert "Too few" not in judge("estimate", figures(row(), covering(47, 50)))[1]
    assert math.isnan(figures(row(), draws([5.0])).bias_low)


def test_a_naive_row_is_never_green():
    perfect = figures(row(kind="naive"), covering(95, 100))
    assert judge("naive", perfect)[0] == "naive"
    assert judge("naive", replace(perfect, coverage=0.0, bias_share=9.0))[0] == "naive"


def test_a_decision_is_judged_by_its_regret_alone():
    # the best decision is worth 5, doing nothing 4: what could be gained is 1
    decision = row(kind="decision")
    no_interval = {"reach": math.nan}
    good = figures(decision, draws([4.8] * 60, **no_interval))
    assert (good.regret, good.regret_share) == pytest.approx((0.2, 0.2))
    assert math.isnan(good.coverage)
    assert judge("decision", replace(good, regret_share=0.2)) == ("green", "Within the bounds.")
    poor = figures(decision, draws([4.5] * 60, **no_interval))
    assert judge("decision", poor) == (
        "red",
        "Regret is 50.0 % of what the best decision is worth.",
    )
    assert judge("decision", figures(decision, draws([math.nan] * 3)))[0] == "red"


def test_refusals_are_counted_and_a_method_that_always_refuses_is_red():
    some = figures(row(), draws([math.nan, 5.0, 5.1]))
    assert (some.n_seeds, some.n_refused) == (2, 1)
    assert "refused 1 of 3 seeds" in judge("estimate", some)[1]
    none = figures(row(), draws([math.nan, math.nan]))
    assert judge("estimate", none) == ("red", "No estimate: the method refused all 2 seed(s).")


def test_the_chance_of_red_is_the_binomials():
    n, draws_of = 100, np.random.default_rng(3).binomial(100, 0.95, 200_000)
    seen = ((draws_of / n < 0.92) | (draws_of / n > 0.98)).mean()
    # 5 standard errors of a share of 0.1 over 200,000 draws are 0.0034
    assert chance_of_red(n) == pytest.approx(seen, abs=0.0034)


def mean_of(oracle_seed, *, off):
    """Estimate a mean of 5 from 30 normal numbers, with the exact interval of a known variance."""
    value = 5 + off + np.random.default_rng(oracle_seed).normal() / math.sqrt(30)
    return Estimate(value, value - REACH / math.sqrt(30), value + REACH / math.sqrt(30))


def test_a_known_estimator_is_green_and_the_same_with_bias_is_red():
    found = {}
    for off in (0.0, 0.5):
        said = [mean_of(seed, off=off) for seed in range(2000)]
        value, low, high = (np.array(part) for part in zip(*said, strict=True))
        found[off] = figures(row(), Draws(value=value, low=low, high=high, truth=np.full(2000, 5.0)))
    # 4 standard errors of a coverage of 95 % over 2,000 draws are 1.9 points, of the mean 0.016
    assert found[0.0].coverage == pytest.approx(0.95, abs=0.0195)
    assert found[0.0].bias == pytest.approx(0, abs=0.0164)
    assert judge("estimate", found[0.0])[0] == "green"
    assert found[0.5].bias == pytest.approx(0.5, abs=0.0164)
    assert judge("estimate", found[0.5])[0] == "red"


def test_each_company_is_shared_by_its_rows_and_seeds_keep_their_order():
    companies = []

    def remember(company):
        companies.append(company)
        return Estimate(float(company.info.source.split("seed ")[1].split(",")[0]))

    rows = (
        row(name="a", estimate=remember, truth=lambda oracle: float(oracle.halden.seed)),
        row(name="b", estimate=remember, truth=lambda oracle: float(oracle.halden.seed)),
    )
    done = []
    card = score(rows, seeds=[7, 3], customers=30, advance=done.append)
    assert done == [1, 1]
    assert companies[0] is companies[1]
    assert companies[2] is companies[3]
    assert companies[0] is not companies[2]
    assert card.table["bias"].tolist() == [0.0, 0.0]
    assert card.table["truth"].tolist() == [5.0, 5.0]


def test_a_refusal_of_design_is_counted_and_any_other_error_is_an_error():
    def refuse(company):
        raise DesignError("too few")

    def fail(company):
        raise ZeroDivisionError

    assert score((row(estimate=refuse),), seeds=[1], customers=20).table["n_refused"].tolist() == [1]
    with pytest.raises(ZeroDivisionError):
        score((row(estimate=fail),), seeds=[1], customers=20)


def test_what_cannot_be_run_is_refused():
    with pytest.raises(OptionError, match="0 seeds show nothing"):
        score(seeds=[])
    with pytest.raises(OptionError, match="stands twice"):
        score(seeds=[1, 1])
    with pytest.raises(OptionError, match="jobs is 0"):
        score(seeds=[1], jobs=0)
    with pytest.raises(OptionError, match="two rows are named toy"):
        score((row(), row()), seeds=[1])
    with pytest.raises(OptionError, match="no rows"):
        score((), seeds=[1])
    with pytest.raises(OptionError, match="did you mean 'Died: seniors'"):
        rows_named(["Died: senior"])
    with pytest.raises(OptionError, match="no world named 'defualt'"):
        row(world="defualt")
    with pytest.raises(OptionError, match="no kind of row named 'guess'"):
        row(kind="guess")
    with pytest.raises(OptionError, match="positive size"):
        row(yardstick=0.0)


def test_the_company_in_memory_is_the_one_that_was_simulated():
    halden = Halden(customers=200, seed=5)
    company = company_of(halden)
    network = halden.network()
    members = halden.members(network, next(halden.blocks()))
    bought = halden.purchases(network, members, halden.lives(network, members))
    assert company.table("customers").count().to_pyarrow().as_py() == 200
    assert company.table("transactions").count().to_pyarrow().as_py() == len(bought.day)
    assert company.info.fictional


def test_true_excess_is_what_the_replay_with_nobody_leaving_lacks():
    halden = Halden(customers=4000, seed=2)
    excess = true_excess(halden).set_index("tier")
    assert list(excess.index) == list(TIERS)
    # of those with one purchase, to fall silent and to buy less are the same thing
    assert excess["fell"].iloc[0] == excess["lapsed"].iloc[0]
    # counted from the tables, by tier and year, as a reader would
    table = company_of(halden).table("transactions").to_pandas()
    day = table["date"].dt.date
    days = [
        table[(day >= first) & (day <= last)].groupby("customer")["date"].nunique()
        for first, last in (BASE, FOLLOW_UP)
    ]
    loyal = days[0].index[days[0] >= 7]
    assert len(loyal) == excess.loc["7 or more", "n"]
    silent = int(days[1].reindex(loyal).isna().sum())
    assert 0 < round(excess.loc["7 or more", "lapsed"] * len(loyal)) <= silent


def test_an_interval_for_the_population_is_held_against_the_mean_truth():
    # truths 0 and 2 with intervals from 0.5 to 1.5: neither holds its own, both hold the mean
    drawn = Draws(value=np.ones(2), low=np.full(2, 0.5), high=np.full(2, 1.5), truth=np.array([0.0, 2.0]))
    assert figures(row(target="company"), drawn).coverage == 0
    assert figures(row(target="population"), drawn).coverage == 1
    with pytest.raises(OptionError, match="no target named 'world'"):
        row(target="world")


def test_the_pictures_say_the_verdict_without_colour():
    rows = [row(name="good"), row(name="poor"), row(name="naive", kind="naive")]
    card = scorecard(
        rows, [covering(95, 100), draws([5.5] * 100), draws([99.0] * 100)], seeds=range(100), customers=9
    )
    assert card.message == "1 of 2 estimates find what was planted; 1 is red"
    axes = draw(card.chart)
    written = [text.get_text() for text in axes.texts]
    assert written == ["0.0 %  green", "50.0 %  red", "9400 %  not judged"]
    marks = {line.get_marker() for line in axes.lines}
    assert {"o", "X", ">"} <= marks
    assert "poor 50.0 %" in card.chart.alt_text()
    assert "Tolerated: -20.0 % to 20.0 %" in card.chart.alt_text()
    assert png(card.coverage_chart) == png(card.coverage_chart)
    assert "1 is red" in card.narrative()
    with pytest.raises(OptionError, match="needs the column that holds them"):
        replace(card.chart, group=None)
    assert isinstance(card.chart, Chart)


def test_the_message_of_a_scorecard_without_red_or_without_verdicts():
    fine = scorecard([row()], [covering(95, 100)], seeds=range(100), customers=9)
    assert fine.message == "What was planted is found"
    assert "regret" not in fine.summary.columns  # nothing was decided
    naive = scorecard([row(kind="naive")], [covering(95, 100)], seeds=range(100), customers=9)
    assert naive.message.startswith("Nothing was judged")


def test_a_decision_stands_on_the_page_without_coverage(tmp_path):
    card = scorecard(
        [row(kind="decision", name="=whom to <save>")],
        [draws([4.9] * 60, reach=math.nan)],
        seeds=range(60),
        customers=9,
    )
    page, table, figures_file = write_scorecard(card, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "=whom to &lt;save&gt;" in text
    assert "<save>" not in text
    assert text.count("<img") == 1
    with table.open(encoding="utf-8-sig", newline="") as file:
        (written,) = csv.DictReader(file)
    assert written["row"] == "'=whom to <save>"
    assert written["coverage"] == ""
    (told,) = json.loads(figures_file.read_text(encoding="utf-8"))["rows"]
    assert told["regret"] == pytest.approx(0.1)
    assert told["coverage"] is None


def test_a_small_run_from_the_command_line(tmp_path):
    names = [one.name for one in ROWS if one.name.startswith(("Still", "Moved"))]
    asked = [part for name in names for part in ("--row", name)]
    out = tmp_path / "book"
    done = CliRunner().invoke(
        cli.app,
        ["scorecard", "--seeds", "2", "--customers", "2000", "--jobs", "2", "--out", str(out), *asked],
    )
    assert done.exit_code == 0, done.output
    about = json.loads((out / "scorecard.json").read_text(encoding="utf-8"))
    assert [told["row"] for told in about["rows"]] == names
    assert about["seeds"] == [1, 2]
    assert about["enough_seeds"] is False
    by_name = {told["row"]: told for told in about["rows"]}
    right, naive = (
        by_name["Still there after 12 months"],
        by_name["Still there after 12 months, late entry ignored"],
    )
    assert right["truth"] == naive["truth"]
    assert abs(right["bias"]) < abs(naive["bias"]) / 3
    assert naive["verdict"] == "naive"
    # nothing of it depends on how many companies were simulated at a time
    alone = score(rows_named(names), seeds=[1, 2], customers=2000)
    assert alone.table["estimate"].tolist() == pytest.approx(
        [told["estimate"] for told in about["rows"]], rel=1e-9
    )
    page = (out / "scorecard.html").read_text(encoding="utf-8")
    assert "Too few seeds" in page
    assert not re.search(r"<script|<link|https?://", page)
    assert all(address.startswith("data:image/png") for address in re.findall(r'src="([^"]*)"', page))
    assert re.findall(r'<img src="[^"]*" alt="[^"]{80,}"', page)
    assert 'href="scorecard.html"' in (out / "index.html").read_text(encoding="utf-8")
    assert not [path.name for path in out.iterdir() if path.name.startswith(".scorecard")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds", "0"], "0 seeds show nothing"),
        (["--row", "Died: senior"], "did you mean 'Died: seniors'"),
        (["--customers", "0"], "0 customers cannot be simulated"),
        (["--jobs", "0"], "jobs is 0"),
    ],
)
def test_bad_options_are_one_line(tmp_path, arguments, said):
    done = CliRunner().invoke(cli.app, ["scorecard", "--out", str(tmp_path), *arguments])
    assert isinstance(done.exception, OptionError)
    assert said in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_simulated(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr("cemlab.scorecard.running._ask", lambda *_: pytest.fail("simulated already"))
    done = CliRunner().invoke(cli.app, ["scorecard", "--out", str(tmp_path / "file" / "book"), "--jobs", "1"])
    assert isinstance(done.exception, OptionError)
    assert "cannot be made" in str(done.exception)

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cemlab.scorecard.page.write_atomically", full)
    done = CliRunner().invoke(cli.app, ["scorecard", "--out", str(tmp_path / "book"), "--jobs", "1"])
    assert "No space left on device; name another folder" in str(done.exception)
