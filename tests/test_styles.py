"""Styles: Halden's planted ones come back, intervals cover, and answers that cannot speak are refused."""

from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab import segmentation
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.simulate.market.styles import item_names, loadings, style_survey
from cemlab.simulate.streams import Streams
from cemlab.simulate.worlds import WORLDS
from cemlab.stats.rotation import tucker_congruence

WORLD = WORLDS["default"]
ITEMS = list(item_names())


def halden(seed):
    customers = SimpleNamespace(number=np.arange(20_000) + 1, block=0)
    return style_survey(WORLD, Streams(seed), customers).to_pandas()


@pytest.fixture(scope="module")
def survey():
    return halden(4)


@pytest.fixture(scope="module")
def found(survey):
    return segmentation.styles(survey, scale=(1, 5), draws=100)


def planted(seed, n=300):
    """Answers on a continuous scale: two styles correlated .3, four items each, loadings .8 to .5."""
    rng = np.random.default_rng(seed)
    loading = np.kron(np.eye(2), [[0.8], [0.7], [0.6], [0.5]])
    between = np.array([[1, 0.3], [0.3, 1]])
    own = np.sqrt(1 - (loading**2).sum(axis=1))
    style = rng.normal(size=(n, 2)) @ np.linalg.cholesky(between).T
    return pd.DataFrame(style @ loading.T + own * rng.normal(size=(n, 8)), columns=list("abcdefgh")), loading


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_style_of_halden_is_found(seed):
    answers = halden(seed)
    result = segmentation.styles(answers, scale=(1, 5), draws=50)
    assert result.suggested == WORLD.market.styles  # nobody said how many there are
    alike = tucker_congruence(result.loadings, loadings(WORLD))
    assert alike.coefficient.min() >= 0.95
    assert alike.partner.tolist() == list(range(8))  # in the order of the questionnaire, none turned round
    assert (alike.sign == 1).all()
    assert not result.evidence.failed


def test_correlations_of_halden_lie_in_their_intervals(found):
    pairs = found.correlations
    inside = (pairs["conf_low"] <= 0.15) & (pairs["conf_high"] >= 0.15)
    assert len(pairs) == 28
    # 95 % of 28 is 26.6 with a standard error of 1.2
    assert inside.sum() >= 23


def test_intervals_cover_what_was_planted():
    inside, pairs, worlds = [], [], 60
    for seed in range(worlds):
        answers, loading = planted(seed)
        result = segmentation.styles(answers, factors=2, draws=80, seed=seed)
        table = result.table
        inside.append(
            ((table["conf_low"] <= loading.ravel()) & (table["conf_high"] >= loading.ravel())).mean()
        )
        row = result.correlations.iloc[0]
        pairs.append(row["conf_low"] <= 0.3 <= row["conf_high"])
    # 16 loadings in each of 60 worlds, as if some 500 were independent: standard error 1 point
    assert 0.92 <= np.mean(inside) <= 0.98
    # 95 % of 60 with a standard error of 2.8 points
    assert np.mean(pairs) >= 0.87


def related(seed, n, *, steps=None):
    """Answers with three styles correlated .5, four items each; continuous, or crowded at the upper end."""
    rng = np.random.default_rng(seed)
    loading = np.kron(np.eye(3), [[0.8], [0.7], [0.6], [0.5]])
    style = rng.normal(size=(n, 3)) @ np.linalg.cholesky(0.5 + 0.5 * np.eye(3)).T
    values = style @ loading.T + np.sqrt(1 - (loading**2).sum(axis=1)) * rng.normal(size=(n, 12))
    given = values if steps is None else 1 + np.searchsorted(steps, values)
    return pd.DataFrame(given, columns=list("abcdefghijkl"))


def test_correlations_that_few_respondents_draw_in_are_told():
    """Of 150 respondents intervals of the standard error alone covered .5 in 80 to 86 %."""
    inside, told, worlds = [], [], 40
    for seed in range(worlds):
        result = segmentation.styles(related(seed, 150), factors=3, draws=60, seed=seed)
        pairs = result.correlations
        inside += ((pairs["conf_low"] <= 0.5) & (pairs["conf_high"] >= 0.5)).tolist()
        told.append("correlations of the styles" in {check.name for check in result.evidence.failed})
    # 120 pairs, as if 80 were independent: 95 % less two standard errors of 2.4 points
    assert np.mean(inside) >= 0.90
    # it need not be told in every world, but a silent one has to be the exception
    assert np.mean(told) >= 0.75


def test_correlations_of_many_respondents_are_not_suspected():
    for steps in (None, [-1.8, -1.1, -0.5, 0.4]):
        result = segmentation.styles(related(3, 3_000, steps=steps), factors=3, draws=100)
        assert "correlations of the styles" not in {check.name for check in result.evidence.failed}
        assert "correlations of the styles" in {check.name for check in result.evidence.checks}


@pytest.mark.parametrize(("factors", "rotation"), [(1, "oblimin"), (3, "varimax")])
def test_styles_without_correlations_are_not_asked_for_them(factors, rotation):
    result = segmentation.styles(related(1, 200), factors=factors, rotation=rotation, draws=50)
    assert "correlations of the styles" not in {check.name for check in result.evidence.checks}


def test_scores_follow_the_styles_behind_the_answers():
    rng = np.random.default_rng(1)
    style = rng.normal(size=(2_000, 1))
    answers = pd.DataFrame(0.8 * style + 0.6 * rng.normal(size=(2_000, 4)), columns=list("abcd"))
    result = segmentation.styles(answers, factors=1, draws=50)
    scores = result.scores(answers)["style 1"]
    # of four items with loading .8, the squared multiple correlation is 4·.64/.36 / (1 + 4·.64/.36) = .877
    assert np.corrcoef(scores, style[:, 0])[0, 1] == pytest.approx(np.sqrt(0.877), abs=0.015)
    assert scores.mean() == pytest.approx(0, abs=1e-10)
    free = result.scores(answers, method="bartlett")["style 1"]
    assert np.corrcoef(free, scores)[0, 1] == pytest.approx(1)  # with one factor they differ in scale only
    assert free.std() > scores.std()


def test_one_respondent_can_be_scored_alone(survey, found):
    every = found.scores(survey)
    alone = found.scores(survey.iloc[[5]])
    assert list(every.columns) == ["customer", *found.names]
    pd.testing.assert_frame_equal(alone, every.iloc[[5]])


def test_answers_may_lie_on_an_engine(survey, found):
    again = segmentation.styles(ibis.memtable(survey), scale=(1, 5), draws=100)
    pd.testing.assert_frame_equal(again.table, found.table)


def test_incomplete_answers_are_left_out_and_counted(survey):
    holes = survey.astype({"item_03": float})
    holes.loc[holes.index[:25], "item_03"] = np.nan
    result = segmentation.styles(holes, factors=8, draws=50)
    assert result.evidence.n_given - result.evidence.n_used == 25
    assert "25 of " in result.evidence.design
    assert "no answer was made up" in result.evidence.design
    assert len(result.scores(holes)) == result.evidence.n_used
    assert holes["item_03"].isna().sum() == 25


def test_too_few_styles_are_told(survey):
    result = segmentation.styles(survey, factors=7, draws=50)
    assert "number of styles" in [check.name for check in result.evidence.failed]
    assert "where 8 stand above noise" in result.narrative()


def test_a_heywood_case_is_told():
    answers, _ = planted(1)
    rng = np.random.default_rng(2)
    # two items that are nearly one
    twins = answers.assign(i=answers["a"] + 0.02 * rng.normal(size=len(answers)))
    result = segmentation.styles(twins, factors=3, draws=50)
    failed = {check.name: check.detail for check in result.evidence.failed}
    assert "'a'" in failed["Heywood case"] or "'i'" in failed["Heywood case"]


def test_styles_that_do_not_come_back_are_told():
    rng = np.random.default_rng(3)
    answers = planted(3, n=120)[0].assign(x=rng.normal(size=120), y=rng.normal(size=120))
    result = segmentation.styles(answers, factors=4, draws=60)
    assert "styles come back" in [check.name for check in result.evidence.failed]


@pytest.mark.parametrize("rotation", ["varimax", "none"])
def test_unrelated_styles_are_told_as_such(survey, rotation):
    result = segmentation.styles(survey, factors=8, rotation=rotation, draws=50)
    assert (result.correlations["estimate"].abs() < 1e-12).all()


def test_it_reads_well(found):
    assert found.summary["items"][0] == "item_01, item_02, item_03, item_04 and item_05"
    assert found.narrative().startswith("8 styles were read from the answers of ")
    named = found.renamed({"style 1": "wants the best"})
    assert named.names[0] == "wants the best"
    assert set(named.table["factor"]) == set(named.names)
    assert named.correlations["factor"][0] == "wants the best"
    assert found.chart.kind == "heatmap"
    assert len(found.chart.frame) == 320
    inside = found.table["conf_low"].le(found.table["estimate"]) & found.table["conf_high"].ge(
        found.table["estimate"]
    )
    assert inside.all()
    assert found.communalities["estimate"].between(0, 1).all()
    with pytest.raises(OptionError, match="no style named 'style 9'"):
        found.renamed({"style 9": "x"})
    with pytest.raises(OptionError, match="two styles would bear one name"):
        found.renamed({"style 1": "style 2"})
    with pytest.raises(OptionError, match="no method named 'anderson'"):
        found.scores(pd.DataFrame(), method="anderson")


def test_the_same_seed_gives_the_same_figures(survey, found):
    again = segmentation.styles(survey, scale=(1, 5), draws=100)
    pd.testing.assert_frame_equal(again.table, found.table)


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({}, {"rotation": "promax"}, OptionError, "no rotation named 'promax'"),
        ({}, {"draws": 10}, OptionError, "draws is 10"),
        ({}, {"draws": 300.5}, OptionError, "draws is 300.5; allowed: a whole number from 50 on"),
        ({}, {"seed": -1}, OptionError, "seed is -1; allowed: a whole number from 0 on"),
        ({}, {"items": "ab"}, OptionError, "items is 'ab'; name the columns in a list"),
        ({}, {"scale": 5}, OptionError, "scale is 5; allowed"),
        ({}, {"scale": (5, 1)}, OptionError, "allowed: \\(lowest, highest\\) answer"),
        ({}, {"factors": 5}, OptionError, "5 factors of 8 items; allowed: 1 to 4"),
        ({}, {"conf_level": 95}, OptionError, "conf_level is 95"),
        ({}, {"items": ["a", "b", "z"]}, ColumnError, "no item named 'z'"),
        ({}, {"items": ["a"]}, DesignError, "1 items; give two or more"),
        ({}, {"scale": (1, 5)}, DataError, "answers lie outside the scale 1 to 5"),
        ({"a": "often"}, {"items": list("abcd")}, DataError, "item 'a': an answer is no number"),
        ({"a": 3.0}, {}, DesignError, "all gave the same answer to 'a'"),
        ({"a": np.nan}, {}, DesignError, "0 of 300 respondents answered all 8 items"),
        (dict.fromkeys("abcdefgh", np.nan), {}, DesignError, "nobody answered any item"),
    ],
)
def test_refusals(change, options, error, message):
    answers = planted(1)[0].assign(**change)
    with pytest.raises(error, match=message):
        segmentation.styles(answers, **options)


def test_a_code_for_missing_among_the_answers_is_refused(survey):
    coded = survey.copy()
    coded.loc[coded.index[0], "item_07"] = 98
    with pytest.raises(DesignError, match="the items are on different scales: most span 4, one spans 97"):
        segmentation.styles(coded)


def test_fewer_respondents_than_items_are_refused(survey):
    with pytest.raises(
        DesignError, match="40 of 40 respondents answered all 40 items; at least 41 are needed"
    ):
        segmentation.styles(survey.head(40))
    # more than items, but not after resampling
    with pytest.raises(DesignError, match="resampled groups of respondents can be factored"):
        segmentation.styles(survey.head(45), factors=2)


def test_an_item_that_is_the_sum_of_others_is_refused():
    answers = planted(1)[0]
    with pytest.raises(DesignError, match="the correlations are singular"):
        segmentation.styles(answers.assign(sum=answers["a"] + answers["b"]), factors=2)


def test_unrelated_items_have_no_style():
    noise = pd.DataFrame(np.random.default_rng(8).normal(size=(400, 8)), columns=list("abcdefgh"))
    with pytest.raises(DesignError, match="no factor stands above noise"):
        segmentation.styles(noise)
