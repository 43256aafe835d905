"""Alpha, its interval and omega: published values, R, hand-made cases, coverage and refusals."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cemlab import segmentation
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.places import cache_folder
from cemlab.stats.reliability import cronbach_alpha, feldt_interval, omega_total, standardised_alpha

REFERENCE = Path(__file__).parent / "reference"
VALUES = json.loads((REFERENCE / "factor_analysis.json").read_text())
ANSWERS = pd.read_csv(REFERENCE / "factor_analysis.csv")
# standardised alphas of Tenenhaus et al. (2005)
MOBI = {"imag": 0.7228, "cuex": 0.4519, "perq": 0.8770, "perv": 0.8236, "cusa": 0.7792, "cusl": 0.4724}


def saved(file):
    path = cache_folder() / file
    if not path.exists():
        pytest.skip(f"{file} is not in the cache; save it there as data/adapters/README.md says")
    return pd.read_csv(path).rename(columns=str.lower)


def test_service_quality_has_its_published_alpha():
    quality = saved("SQ.csv")
    found = segmentation.reliability(
        quality, scales={"quality": [f"a{i:02}" for i in range(1, 23)]}, draws=60
    )
    alpha = found.table.set_index("quantity").loc["alpha"]
    assert alpha["estimate"] == pytest.approx(0.9610, abs=5e-5)  # published to four decimals
    assert (alpha["items"], alpha["n"]) == (22, 411)


def test_mobi_has_its_published_alphas():
    people = saved("mobi.csv")
    scales = {name: [c for c in people.columns if c.startswith(name) and c[-1].isdigit()] for name in MOBI}
    table = segmentation.reliability(people, scales=scales, draws=60).table
    found = table[table["quantity"] == "standardised alpha"].set_index("scale")["estimate"]
    assert found.to_dict() == pytest.approx(MOBI, abs=5e-5)  # published to four decimals
    assert not ((table["scale"] == "perv") & (table["quantity"] == "omega")).any()  # two items have none


def test_agrees_with_r():
    table = segmentation.reliability(ANSWERS, scales={"first": ["q1", "q2", "q3"]}).table
    alpha, _, omega = table.to_dict("records")
    # closed forms: rounding only
    assert alpha["estimate"] == pytest.approx(VALUES["alpha"], abs=1e-10)
    assert [alpha["conf_low"], alpha["conf_high"]] == pytest.approx(VALUES["feldt"], abs=1e-9)
    # factanal's uniquenesses hold to about 1e-7
    assert omega["estimate"] == pytest.approx(VALUES["omega"], abs=1e-6)


def test_by_hand():
    assert standardised_alpha([[1, 0.5, 0.2], [0.5, 1, 0.5], [0.2, 0.5, 1]]) == pytest.approx(1.2 / 1.8)
    assert np.isnan(omega_total(np.eye(2)))
    equal = 0.6 * np.ones((4, 4)) + 0.4 * np.eye(4)
    # equally good items: omega is alpha, 4 · 0.6 / (1 + 3 · 0.6)
    assert omega_total(equal) == pytest.approx(2.4 / 2.8)
    assert standardised_alpha(equal) == pytest.approx(2.4 / 2.8)
    one = cronbach_alpha(np.array([[1.0], [2.0]]))
    assert np.isnan(one)


def test_intervals_cover_the_planted_reliability():
    rng = np.random.default_rng(5)
    true = 5 * 0.4 / (1 + 4 * 0.4)
    hits = {"alpha": 0, "standardised alpha": 0, "omega": 0}
    worlds = 150
    for seed in range(worlds):
        values = np.sqrt(0.4) * rng.normal(size=(200, 1)) + np.sqrt(0.6) * rng.normal(size=(200, 5))
        frame = pd.DataFrame(values, columns=list("abcde"))
        table = segmentation.reliability(frame, scales={"s": list("abcde")}, draws=100, seed=seed).table
        for row in table.to_dict("records"):
            hits[row["quantity"]] += row["conf_low"] <= true <= row["conf_high"]
    # 95 % of 150 with a standard error of 1.8 points: within 2.8 of them
    for quantity, count in hits.items():
        assert 0.90 <= count / worlds <= 0.995, quantity


def test_a_weak_scale_is_named_and_blanks_are_counted():
    frame = ANSWERS.astype(float)
    frame.loc[:9, "q1"] = np.nan
    found = segmentation.reliability(frame, scales={"good": ["q7", "q8", "q9"], "mixed": ["q1", "q4", "q9"]})
    (check,) = found.evidence.failed
    assert check.detail == "Below 0.7: mixed."
    assert found.narrative().startswith("The least reliable of 2 scales is mixed: Cronbach's alpha ")
    assert found.table.set_index("scale")["n"].to_dict() == {"good": 300, "mixed": 290}
    assert "The scale with most blanks rests on 290." in found.evidence.design
    assert found.summary["scale"].tolist() == ["good", "mixed"]
    assert found.chart.claim == "mixed is the least reliable scale"


def test_items_that_are_copies_have_no_interval_that_could_be_trusted():
    frame = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.0, 2, 3, 4]})
    row = segmentation.reliability(frame, scales={"s": ["a", "b"]}, draws=50).table.iloc[1]
    assert row["estimate"] == pytest.approx(1)
    assert np.isnan(row["conf_low"])


@pytest.mark.parametrize(
    ("scales", "error", "message"),
    [
        ({}, DesignError, "reliability needs scales"),
        ({"s": "q1"}, OptionError, "scale 's' is 'q1'; allowed: a list of items"),
        ({"s": None}, OptionError, "scale 's' is None; allowed: a list of items"),
        (["q1", "q2"], OptionError, "allowed: items by scale"),
        ({"s": ["q1"]}, DesignError, "1 items; give two or more"),
        ({"s": ["q1", "q1"]}, DesignError, "2 items; give two or more different ones"),
        ({"s": ["q1", "q0"]}, ColumnError, "no item named 'q0'"),
        ({"s": ["q1", "word"]}, DataError, "item 'word': an answer is no number"),
        ({"s": ["q1", "none"]}, DesignError, "0 of 300 respondents answered all 2 items"),
        ({"s": ["q1", "same"]}, DesignError, "all gave the same answer to 'same'"),
        ({"s": ["q1", "endless"]}, DataError, "item 'endless': an answer is infinite"),
    ],
)
def test_refusals(scales, error, message):
    frame = ANSWERS.assign(word="often", none=np.nan, same=3, endless=np.inf)
    with pytest.raises(error, match=message):
        segmentation.reliability(frame, scales=scales)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"draws": 0}, "draws is 0; allowed: a whole number from 50 on"),
        ({"draws": 300.5}, "draws is 300.5; allowed: a whole number from 50 on"),
        ({"draws": True}, "draws is True; allowed"),
        ({"seed": "x"}, "seed is 'x'; allowed: a whole number from 0 on"),
        ({"seed": -1}, "seed is -1; allowed"),
    ],
)
def test_options_are_refused_by_name(options, told):
    with pytest.raises(OptionError, match=told) as caught:
        segmentation.reliability(ANSWERS, scales={"s": ["q1", "q2"]}, **options)
    assert "\n" not in str(caught.value)


def test_an_interval_needs_a_level():
    with pytest.raises(ValueError, match="conf_level is 2"):
        feldt_interval(0.8, n=100, items=5, conf_level=2)


@pytest.mark.parametrize("turned", [[0], [0, 3, 5]])
def test_items_worded_the_other_way_round_are_named(turned):
    rng = np.random.default_rng(5)
    one = rng.normal(size=400)
    values = 0.7 * one[:, None] + 0.7 * rng.normal(size=(400, 8))
    right = pd.DataFrame(values, columns=[f"q{i}" for i in range(8)])
    wrong = right.copy()
    wrong.iloc[:, turned] *= -1
    named = "Against the others: " + " and ".join(", ".join(f"q{i} in s" for i in turned).rsplit(", ", 1))
    found = segmentation.reliability(wrong, scales={"s": list(wrong)}, draws=50)
    assert named in found.narrative()
    assert "worded one way" in {check.name for check in found.evidence.failed}
    good = segmentation.reliability(right, scales={"s": list(right)}, draws=50)
    assert good.evidence.failed == ()
    assert "Against" not in good.narrative()


def test_items_that_have_nothing_in_common_are_not_called_turned():
    rng = np.random.default_rng(6)
    alone = pd.DataFrame(rng.normal(size=(4000, 1)), columns=["q0"])
    one = rng.normal(size=4000)
    for i in range(1, 6):
        alone[f"q{i}"] = one + rng.normal(size=4000)
    # q0 goes with none: its loading's standard error is below 0.03, a tenth of what counts
    found = segmentation.reliability(alone, scales={"s": list(alone)}, draws=50)
    assert "worded one way" not in {check.name for check in found.evidence.failed}
