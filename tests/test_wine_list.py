"""The wine list: recommendations by hand, in the segments' own steps, and how often they are right."""

from __future__ import annotations

from decimal import Decimal

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.segmentation import Recommendations, precision_at_k, recommend
from cemlab.simulate.market.catalogue import TASTES, catalogue
from cemlab.simulate.streams import Streams

TASTE = ["colour", *TASTES, "price"]
ALL = ["country", "region", "grape", *TASTE]
TRUTH = "flavour_cluster"


@pytest.fixture(scope="module")
def wines() -> pd.DataFrame:
    return catalogue(Streams(1)).to_pandas()


@pytest.fixture(scope="module")
def few() -> pd.DataFrame:
    """Five bottles: body from 1 to 5, two countries, two colours."""
    return pd.DataFrame(
        {
            "product": ["a", "b", "c", "d", "e"],
            "country": ["FR", "FR", "IT", "IT", "FR"],
            "colour": ["white", "white", "white", "red", "red"],
            "body": [1.0, 1.8, 1.4, 2.2, 5.0],
        }
    )


def ids(found: Recommendations) -> list[str]:
    return found.table["product"].tolist()


# by hand


def test_the_nearest_come_first_with_their_similarity(few):
    found = recommend(few, liked=["a"], attributes=["colour", "body"], k=4, diversity=0)
    assert ids(found) == ["c", "b", "d", "e"]
    # body over its range of 4, colour 0 or 1, half each
    np.testing.assert_allclose(found.table["estimate"], [0.95, 0.9, 1 - 1.3 / 2, 0.0], atol=1e-12)
    assert found.table["nearest"].tolist() == ["a"] * 4
    assert found.table["rank"].tolist() == [1, 2, 3, 4]


def test_the_nearest_of_several_liked_counts(few):
    found = recommend(few, liked=["a", "e"], attributes=["colour", "body"], k=1, diversity=0)
    # c is 0.05 from a; d is 0.35 from e
    assert ids(found) == ["c"]
    last = recommend(few, liked=["a", "e"], attributes=["colour", "body"], k=3, diversity=0).table.iloc[-1]
    assert (last["product"], last["nearest"]) == ("d", "e")
    assert last["estimate"] == pytest.approx(1 - 2.8 / 4 / 2)


def test_diversity_passes_over_what_repeats_the_first(few):
    # after c, the score of b is 0.4·0.9 - 0.6·0.95 and that of e 0.4·0 - 0.6·0.05
    found = recommend(few, liked=["a"], attributes=["colour", "body"], k=2, diversity=0.6)
    assert ids(found) == ["c", "e"]


def test_by_country_of_origin_the_known_come_first(few):
    found = recommend(
        few, liked=["a"], attributes=["colour", "body"], k=4, segment="by country of origin", diversity=0
    )
    assert ids(found) == ["b", "e", "c", "d"]
    assert found.table["same_origin"].tolist() == [True, True, False, False]
    (check,) = found.evidence.failed
    assert check.detail == "2 of 4 are."
    assert "2 of 4 are of an origin they know" in found.narrative()


def test_afraid_to_try_takes_one_new_thing_at_a_time(few):
    attributes = ["country", "colour", "body"]
    found = recommend(few, liked=["a"], attributes=attributes, k=4, segment="afraid to try", diversity=0)
    # b is known in all (body within a quarter of the range), c is Italian; only then is d red alone; e is new
    # in body alone once red is known
    assert ids(found) == ["b", "c", "d", "e"]
    assert found.table["unfamiliar"].tolist() == ["", "country", "colour", "body"]
    assert not found.evidence.failed
    # without c on the list, d would be new in country and colour, and e in colour and body
    short = recommend(
        few[few["product"] != "c"], liked=["a"], attributes=attributes, k=3, segment="afraid to try"
    )
    assert ids(short) == ["b"]
    assert "Not 3 but 1" in short.narrative()
    assert [check.name for check in short.evidence.failed] == ["enough small steps"]
    with pytest.raises(DesignError, match="name fewer attributes or a larger step"):
        recommend(
            few[few["product"].isin(["a", "d", "e"])],
            liked=["a"],
            attributes=attributes,
            k=2,
            segment="afraid to try",
        )


def test_what_is_missing_cannot_be_promised(few):
    rows = few.assign(colour=["white", None, "white", "red", "red"], body=[1.0, 1.8, np.nan, 2.2, 5.0])
    found = recommend(rows, liked=["a"], attributes=["colour", "body"], k=2, segment="afraid to try")
    assert sorted(zip(ids(found), found.table["unfamiliar"], strict=True)) == [("b", "colour"), ("c", "body")]


def test_weights_and_the_interval_of_the_similarity(few):
    options = {"liked": ["a"], "attributes": ["colour", "body"], "k": 4, "diversity": 0}
    found = recommend(few, weights={"colour": 3.0}, **options).table.set_index("product")
    assert found.loc["d", "estimate"] == pytest.approx(1 - (3 * 1 + 0.3) / 4)
    assert ((found["conf_low"] <= found["estimate"]) & (found["estimate"] <= found["conf_high"])).all()
    # e differs wholly in both, so that no weights change it; d hangs on them between its two differences
    assert found.loc["e", ["conf_low", "conf_high"]].tolist() == pytest.approx([0, 0])
    assert 0 <= found.loc["d", "conf_low"] < 0.1
    assert 0.4 < found.loc["d", "conf_high"] <= 0.7
    again = recommend(few, weights={"colour": 3.0}, **options).table.set_index("product")
    pd.testing.assert_frame_equal(found, again)


def test_an_interval_of_two_even_attributes_is_known():
    """Of two weights drawn alike the share of one is uniform, so that the interval is that of a uniform."""
    rows = pd.DataFrame({"product": list("abc"), "colour": ["red", "white", "red"], "body": [1.0, 1.0, 2.0]})
    found = recommend(rows, liked=["a"], attributes=["colour", "body"], k=1, diversity=0).table.iloc[0]
    assert found["estimate"] == 0.5
    # 2,000 draws: the error of a 2.5 % quantile of a uniform is 0.0035
    assert found["conf_low"] == pytest.approx(0.025, abs=0.014)
    assert found["conf_high"] == pytest.approx(0.975, abs=0.014)


def test_money_and_truth_values_are_told_apart(few):
    rows = few.assign(
        price=[Decimal("9.90"), Decimal("12.90"), None, Decimal("8.90"), Decimal("9.90")],
        organic=[True, False, True, False, True],
    )
    found = recommend(rows, liked=["a"], attributes=["price", "organic"], k=4, diversity=0)
    assert "price as numbers; organic as names" in found.evidence.design
    # both agree with a in all that is known of the pair: the price of c is not
    assert ids(found)[:2] == ["c", "e"]
    assert found.table["estimate"].tolist()[:2] == [1.0, 1.0]


# Halden


@pytest.mark.parametrize("segment", [None, "by country of origin", "afraid to try"])
def test_recommendations_beat_the_same_country_and_chance(wines, segment):
    found = precision_at_k(wines, truth=TRUTH, attributes=TASTE, segment=segment, k=5)
    rows = found.table.set_index("list")
    for naive in ("same origin", "random"):
        assert rows.loc[f"recommended less {naive}", "conf_low"] > 0.2
        gap = rows.loc["recommended", "estimate"] - rows.loc[naive, "estimate"]
        assert rows.loc[f"recommended less {naive}", "estimate"] == pytest.approx(gap)
    # nine of the other 59 bottles are of the same of six clusters
    assert rows.loc["random", "estimate"] == pytest.approx(9 / 59)
    assert found.evidence.n_given == 60
    if segment != "by country of origin":
        assert rows.loc["recommended", "estimate"] > 0.9  # clusters of flavour were planted far apart


def test_the_precision_is_that_of_the_lists(wines):
    found = precision_at_k(wines, truth=TRUTH, attributes=TASTE, k=4, diversity=0.2).by_product
    cluster = wines.set_index("product")[TRUTH]
    for liked in ("W0003", "W0031", "W0060"):
        listed = ids(recommend(wines, liked=[liked], attributes=TASTE, k=4, diversity=0.2))
        right = np.mean([cluster[product] == cluster[liked] for product in listed])
        assert found.set_index("product").loc[liked, "recommended"] == right


def test_precision_by_hand():
    rows = pd.DataFrame(
        {
            "product": list("abcdef"),
            "country": ["FR", "FR", "FR", "IT", "IT", "ES"],
            "body": [1.0, 1.1, 3.2, 3.0, 3.1, 1.2],
            "flavour": ["light", "light", "dark", "dark", "dark", "light"],
        }
    )
    found = precision_at_k(rows, truth="flavour", attributes=["body"], k=2, diversity=0)
    assert found.by_product["recommended"].tolist() == [1.0] * 6
    # a: b of b, c; d: e and one of four others, of whom c alone is dark; f: two of five others, a and b light
    naive = found.by_product.set_index("product")["same_origin"]
    assert naive["a"] == pytest.approx(1 / 2)
    assert naive["d"] == pytest.approx((1 + 1 / 4) / 2)
    assert naive["f"] == pytest.approx(2 / 5)
    assert found.by_product["random"].tolist() == pytest.approx([2 / 5] * 6)
    level = found.table.set_index("list").loc["recommended"]
    # Wilson's lower end of 6 of 6: n / (n + z²)
    assert level["conf_low"] == pytest.approx(6 / (6 + 1.959964**2), rel=1e-6)
    without = precision_at_k(rows, truth="flavour", attributes=["body"], k=2, origin=None, diversity=0)
    assert without.table["list"].tolist() == ["recommended", "random", "recommended less random"]
    # all lists differ alike, so that nothing can be resampled and the interval still has width
    last = without.table.iloc[-1]
    assert last["conf_low"] == pytest.approx(level["conf_low"] - 2 / 5)


def test_shuffled_truth_is_not_found(wines):
    """A rule cannot be right about what was dealt by lot: the difference to chance is within four errors."""
    rng = np.random.default_rng(6)
    gaps = []
    for _ in range(20):
        rows = wines.assign(**{TRUTH: rng.permutation(wines[TRUTH].to_numpy())})
        found = precision_at_k(rows, truth=TRUTH, attributes=TASTE, k=5).table.set_index("list")
        gaps.append(found.loc["recommended less random", "estimate"])
    assert abs(np.mean(gaps)) < 4 * np.std(gaps, ddof=1) / np.sqrt(20)


def test_nobody_steps_further_than_they_dare(wines):
    for liked in wines["product"][:20]:
        try:
            found = recommend(wines, liked=[liked], attributes=ALL, k=5, segment="afraid to try")
        except DesignError:
            continue
        told = found.table["unfamiliar"]
        assert not told.str.contains("and|,").any()
        known = {liked}
        for product, new in zip(found.table["product"], told, strict=True):
            met = wines[wines["product"].isin(known)]
            bottle = wines[wines["product"] == product].iloc[0]
            for name in ("country", "region", "grape", "colour"):
                assert (bottle[name] in set(met[name])) == (new != name)
            known.add(product)


def test_lists_at_no_step_at_all_are_short_and_counted(wines):
    found = precision_at_k(wines, truth=TRUTH, attributes=ALL, segment="afraid to try", k=5)
    given = found.by_product["given"]
    assert (given < 5).any()
    assert found.evidence.n_used == (given > 0).sum()
    assert [check.name for check in found.evidence.failed] == ["full lists"]


# invariants


def test_neither_order_nor_unit_nor_engine_matters(wines):
    options = {"liked": ["W0007", "W0011"], "attributes": ALL, "k": 8}
    plain = recommend(wines, **options)
    shuffled = recommend(wines.sample(frac=1, random_state=1), **options)
    cents = recommend(wines.assign(price=wines["price"].astype(float) * 100), **options)
    engine = recommend(ibis.memtable(wines), **options)
    for other in (shuffled, cents, engine):
        assert ids(other) == ids(plain)
        np.testing.assert_allclose(other.table["estimate"], plain.table["estimate"], atol=1e-12)
    before = wines.copy()
    recommend(wines, **options)
    pd.testing.assert_frame_equal(wines, before)


@pytest.mark.parametrize("segment", [None, "by country of origin", "afraid to try"])
def test_nothing_liked_is_offered_and_nothing_twice(wines, segment):
    liked = ["W0001", "W0002", "W0003"]
    found = recommend(wines, liked=liked, attributes=TASTE, k=10, segment=segment)
    assert not set(ids(found)) & set(liked)
    assert len(set(ids(found))) == len(found.table)


def test_the_truth_is_never_read(wines):
    plain = recommend(wines, liked=["W0001"], attributes=ALL)
    without = recommend(wines.drop(columns=TRUTH), liked=["W0001"], attributes=ALL)
    pd.testing.assert_frame_equal(plain.table, without.table)
    with pytest.raises(OptionError, match="is the truth and may not be an attribute"):
        precision_at_k(wines, truth=TRUTH, attributes=[*TASTE, TRUTH])


# what cannot be answered


@pytest.mark.parametrize(
    ("rows", "options", "error", "told"),
    [
        (lambda r: r, {"liked": ["z"]}, OptionError, "no product .*named 'z'"),
        (lambda r: r, {"liked": []}, OptionError, "name at least one product"),
        (lambda r: r, {"liked": "a"}, OptionError, "name at least one product"),
        (lambda r: r, {"liked": ["a", "a"]}, OptionError, "named twice among those liked"),
        (lambda r: r, {"k": 5}, OptionError, "k is 5; allowed: a whole number from 1 to 4"),
        (lambda r: r, {"k": 0}, OptionError, "k is 0"),
        (lambda r: r, {"k": True}, OptionError, "k is True"),
        (lambda r: r, {"segment": "brave"}, OptionError, "no segment named 'brave'"),
        (lambda r: r, {"diversity": 1.0}, OptionError, "diversity is 1.0"),
        (lambda r: r, {"step": 1.5}, OptionError, "step is 1.5"),
        (lambda r: r, {"conf_level": 0}, OptionError, "conf_level is 0"),
        (lambda r: r, {"attributes": []}, OptionError, "name the columns to compare"),
        (lambda r: r, {"attributes": "body"}, OptionError, "name the columns to compare"),
        (lambda r: r, {"attributes": ["body", "body"]}, OptionError, "named once each"),
        (lambda r: r, {"attributes": ["product"]}, OptionError, "only tells products apart"),
        (lambda r: r, {"attributes": ["bodi"]}, ColumnError, "did you mean 'body'"),
        (lambda r: r, {"weights": {"country": 2.0}}, OptionError, "no attribute to weigh named 'country'"),
        (lambda r: r, {"weights": {"body": 0.0}}, OptionError, "the weight of 'body' is 0.0"),
        (lambda r: r, {"weights": {"body": np.float64(-1)}}, OptionError, "the weight of 'body' is -1.0;"),
        (lambda r: r, {"weights": {"body": "x"}}, OptionError, "the weight of 'body' is 'x'"),
        (lambda r: r, {"weights": ["body"]}, OptionError, "allowed: weights by attribute"),
        (lambda r: r, {"diversity": "x"}, OptionError, "diversity is 'x'; allowed"),
        (lambda r: r, {"step": None}, OptionError, "step is None; allowed"),
        (lambda r: r, {"k": np.int64(0)}, OptionError, "k is 0; allowed"),
        (lambda r: r, {"liked": None}, OptionError, "liked is None; name at least one"),
        (lambda r: r, {"attributes": None}, OptionError, "attributes is None; name the columns"),
        (
            lambda r: r,
            {"segment": "by country of origin", "origin": "land"},
            ColumnError,
            "no column of the catalogue named 'land'",
        ),
        (lambda r: r.assign(colour="red"), {}, DesignError, "'colour' has only the value 'red'"),
        (lambda r: r.assign(body=3.0), {}, DesignError, "'body' has only the value"),
        (lambda r: r.assign(body=np.nan), {}, DesignError, "'body' has no value at all"),
        (lambda r: r.assign(colour=list("vwxyz")), {}, DesignError, "another name for every product"),
        (lambda r: pd.concat([r, r.head(1)]), {}, DataError, "'a' stands in the catalogue twice"),
        (lambda r: r.assign(product=["a", None, "c", "d", "e"]), {}, DataError, r"1 blank\(s\)"),
        (lambda r: r.head(1), {}, DesignError, "leaves nothing to recommend"),
    ],
)
def test_what_cannot_be_recommended_is_refused_by_name(few, rows, options, error, told):
    given = {"liked": ["a"], "attributes": ["colour", "body"], "k": 2} | options
    with pytest.raises(error, match=told) as caught:
        recommend(rows(few), **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "options", "error", "told"),
    [
        ({"flavour": "one"}, {}, DesignError, "one class only"),
        (
            {"flavour": ["x", None, "y", "x", "y"]},
            {},
            DataError,
            r"1 blank\(s\); each product needs its class",
        ),
        ({}, {"truth": "taste"}, ColumnError, "no column of the catalogue named 'taste'"),
        ({}, {"k": 5}, OptionError, "from 1 to 4"),
        ({}, {"segment": "by country of origin", "origin": None}, OptionError, "needs origin"),
        (
            {"colour": list("aabbc"), "country": list("abcde"), "grape": list("abbca")},
            {"segment": "afraid to try", "attributes": ["colour", "grape", "body"], "step": 0.0},
            DesignError,
            "no product has a list",
        ),
    ],
)
def test_a_precision_that_cannot_be_told_is_refused(few, change, options, error, told):
    rows = few.assign(**({"flavour": ["x", "x", "y", "y", "x"]} | change))
    given = {"truth": "flavour", "attributes": ["colour", "body"], "k": 2} | options
    with pytest.raises(error, match=told):
        precision_at_k(rows, **given)


# to read


def test_the_answers_read_well(wines):
    found = recommend(wines, liked=["W0001"], attributes=ALL, segment="by country of origin", source="Halden")
    assert found.summary.columns.tolist() == [
        "rank", "product", *ALL, "nearest", "similarity", "unfamiliar",
    ]  # fmt: skip
    assert found.chart.kind == "forest"
    assert "by country of origin" in found.chart.claim
    assert "W0001" in found.narrative()
    assert found.evidence.grade == "descriptive"
    assert "Halden" in found.to_markdown()
    afraid = recommend(wines, liked=["W0001"], attributes=TASTE, segment="afraid to try")
    assert "afraid to try" in afraid.chart.claim
    assert "new in one attribute at most" in afraid.narrative()
    told = precision_at_k(wines, truth=TRUTH, attributes=TASTE)
    assert told.chart.frame["list"].tolist() == ["recommended", "same origin", "random"]
    assert "of a list from the same origin" in told.chart.claim
    assert "points" in told.narrative()
    alone = precision_at_k(wines, truth=TRUTH, attributes=TASTE, origin=None)
    assert "at random" in alone.chart.claim
