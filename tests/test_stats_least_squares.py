"""Least squares keep their digits, cluster their errors as others do, and name what cannot be told apart."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.linalg import block_diag

from cemlab.errors import DesignError
from cemlab.stats.least_squares import least_squares
from cemlab.stats.panel_sums import PanelBlock, panel_least_squares
from cemlab.stats.two_way import levels_of_two_ways, within_two_ways

NIST = json.loads((Path(__file__).parent / "reference" / "nist_linear.json").read_text(encoding="utf-8"))


def nist(name):
    case = NIST[name]
    x = np.array(case["x"])
    return case, np.column_stack([np.ones(len(x)), x]) if x.ndim == 2 else x[:, None] ** np.arange(
        case["power"] + 1
    )


# what rounding does to a solution goes with the square of the condition (110 in Longley, 1,632 in Wampler's
# powers) times what is left of the outcome (0.2 % and 21 % of its spread there), in units of the longest
# column: powers of 20 go up to 3.2 million, so that the coefficient of the first keeps five digits fewer.
# Processors round in orders of their own: Wampler4 came out 2e-9 to 2e-8 from five kernels of OpenBLAS
@pytest.mark.parametrize(("name", "within"), [("Longley", 1e-10), ("Wampler3", 1e-9), ("Wampler4", 1e-7)])
def test_certified_digits_are_kept(name, within):
    case, design = nist(name)
    fit = least_squares(case["y"], design=design)
    np.testing.assert_allclose(fit.coefficient, case["coefficient"], rtol=within)
    # in units of the longest column the bound above is 6e-11, on whatever processor
    size = np.abs(design).max(axis=0)
    longest = np.abs(size * case["coefficient"]).max()
    np.testing.assert_allclose(
        size * fit.coefficient, size * case["coefficient"], rtol=0, atol=1e-10 * longest
    )
    np.testing.assert_allclose(fit.std_error, case["std_error"], rtol=1e-10)
    by_row = least_squares(case["y"], design=design, clusters=[np.arange(len(design))])
    np.testing.assert_allclose(by_row.std_error, case["std_error_rows"], rtol=1e-10)


def test_a_perfect_fit_has_no_error_and_filip_is_refused():
    case, design = nist("Wampler1")
    fit = least_squares(case["y"], design=design)
    # condition of some hundreds, and the least coefficient is a millionth of the outcome's range
    np.testing.assert_allclose(fit.coefficient, 1.0, rtol=1e-9)
    # outcomes go up to 4 million: what rounding leaves of them is 1e-9
    assert fit.std_error.max() < 1e-9
    case, design = nist("Filip")
    names = [f"power {i}" for i in range(11)]
    with pytest.raises(DesignError, match=r"depend on each other: .*power 5, power 6.* leave one"):
        least_squares(case["y"], design=design, names=names)


def test_errors_are_those_of_statsmodels():
    rng = np.random.default_rng(1)
    # columns of very different size and level: raw products would lose eight digits
    x = np.column_stack([np.ones(300), rng.normal(size=(300, 3)) * [1, 1e4, 1e-4] + [5, 1e5, 0]])
    one, two = rng.integers(0, 20, 300), rng.integers(0, 15, 300)
    # levels of the clusters, that go with the first column: else one way plus the other less the cells may be
    # below nought in some direction, which is set to nought here and left there
    level = rng.normal(size=(20, 4))[one] + rng.normal(size=(15, 4))[two]
    y = (
        x @ [1, 2, 3e-4, 4e3]
        + rng.normal(size=300)
        + (level * (x - [0, 5, 1e5, 0]) / [1, 1, 1e4, 1e-4]).sum(1)
    )
    w = rng.uniform(0.5, 2, 300)
    model = sm.WLS(y, x, weights=w)
    plain, theirs = least_squares(y, design=x, weights=w), model.fit()
    # statsmodels inverts raw columns, and keeps about ten digits of the intercept
    np.testing.assert_allclose(plain.coefficient, theirs.params, rtol=1e-9)
    np.testing.assert_allclose(plain.std_error, theirs.bse, rtol=1e-9)
    np.testing.assert_allclose(plain.residual, theirs.resid, atol=1e-9)
    assert plain.df == 296
    ways = [
        model.fit(cov_type="cluster", cov_kwds={"groups": g}).cov_params() for g in (one, two, 15 * one + two)
    ]
    np.testing.assert_allclose(
        least_squares(y, design=x, weights=w, clusters=[one]).covariance, ways[0], rtol=1e-8
    )
    both = least_squares(y, design=x, weights=w, clusters=[one, two])
    np.testing.assert_allclose(both.covariance, ways[0] + ways[1] - ways[2], rtol=1e-8)
    assert both.df == 14


def test_two_ways_never_give_a_variance_below_nought():
    # errors that cancel within either way: one plus the other less the cells is below nought
    one, two = np.repeat([0, 1], 2), np.tile([0, 1], 2)
    y = np.array([1.0, -1.0, -1.0, 1.0])
    fit = least_squares(y, design=np.ones((4, 1)), clusters=[one, two])
    assert fit.covariance.item() == 0


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (lambda x: 2 * x[:, 1:2] + x[:, 2:3], "a, b, more 1"),
        (lambda x: x[:, 1:2] + 3, "constant, a, more 1"),
        (lambda x: np.column_stack([x[:, 1] > 0, x[:, 1] <= 0]), "constant, more 1, more 2"),
        (lambda x: np.full((len(x), 1), 7.0), "constant, more 1"),
        (lambda x: np.zeros((len(x), 1)), "more 1"),
    ],
)
def test_columns_that_depend_on_each_other_are_named(extra, named):
    x = np.column_stack([np.ones(50), np.random.default_rng(2).normal(size=(50, 2))])
    more = extra(x)
    names = ["constant", "a", "b", *(f"more {i + 1}" for i in range(more.shape[1]))]
    with pytest.raises(DesignError, match=f"each other: {named};"):
        least_squares(x[:, 1], design=np.column_stack([x, more]), names=names)


def test_what_is_no_regression_is_refused():
    x, y = np.column_stack([np.ones(5), np.arange(5.0)]), np.arange(5.0) ** 2
    for message, given in {
        "do not fit": {"design": x[:4]},
        "is missing in a row": {"design": np.where(x == 3, np.nan, x)},
        "weight is missing": {"design": x, "weights": [1, 1, 0, 1, 1]},
        "1 names for 2": {"design": x, "names": ["a"]},
        "clustered in 3": {"design": x, "clusters": [np.arange(5)] * 3},
        "in one cluster": {"design": x, "clusters": [np.ones(5)]},
        "1 rows name no cluster": {"design": x, "clusters": [[1.0, 1.0, 2.0, np.nan, 2.0]]},
        "4 rows name no cluster": {
            "design": x,
            "clusters": [np.array(["2024-01-01"] + ["NaT"] * 4, "M8[ns]")],
        },
        "2 rows name no cluster": {
            "design": x,
            "clusters": [np.array(["a", None, "b", pd.NA, "a"], dtype=object)],
        },
        "do not fit 5 rows": {"design": x, "clusters": [np.ones(4)]},
        "3 absorbed levels": {"design": x, "absorbed": 3},
    }.items():
        with pytest.raises(DesignError, match=message):
            least_squares(y, **given)


def test_within_values_are_those_of_dummies():
    rng = np.random.default_rng(3)
    # two panels that no unit ties together, with units and periods of one row
    unit = np.concatenate([rng.integers(0, 30, 120), 40 + rng.integers(0, 20, 60), [99]])
    period = np.concatenate([rng.integers(0, 6, 120), 6 + rng.integers(0, 4, 61)])
    values, w = rng.normal(size=(181, 2)) + np.array([1e3, 0.0]), rng.uniform(0.2, 3, 181)
    dummies = np.column_stack([unit[:, None] == np.unique(unit), period[:, None] == np.unique(period)])
    root = np.sqrt(w)[:, None]
    level = np.linalg.lstsq(dummies * root, values * root, rcond=None)[0]
    found = within_two_ways(values, unit=unit, period=period, weights=w)
    # values of a thousand: thirteen digits
    np.testing.assert_allclose(found, values - dummies @ level, atol=1e-10)
    assert levels_of_two_ways(unit=unit, period=period) == np.linalg.matrix_rank(dummies)
    np.testing.assert_allclose(
        within_two_ways(values[:, 0], unit=unit, period=period, weights=w), found[:, 0], atol=1e-12
    )


def test_what_is_no_panel_is_refused():
    for message, given in {
        "do not fit": {"unit": [0, 1], "period": [0]},
        "whole numbers from 0": {"unit": [0, -1], "period": [0, 1]},
        "missing": {"unit": [0, 1], "period": [0, 1], "weights": [1.0, 0.0]},
    }.items():
        with pytest.raises(DesignError, match=message):
            within_two_ways([1.0, 2.0], **given)


def test_blocks_without_anything_to_compare_are_refused():
    weight, values = block_diag(*np.ones((3, 1, 1))), np.zeros((2, 3, 3))
    with pytest.raises(DesignError, match="nothing can be compared"):
        panel_least_squares(lambda: [PanelBlock(weight=weight, values=values)], names=["x"])
    values = np.random.default_rng(1).normal(size=(2, 2, 2))
    with pytest.raises(DesignError, match="4 rows cannot tell 1 slopes"):
        panel_least_squares(
            lambda: [PanelBlock(weight=np.ones((2, 2)), values=values, cluster=np.array([[0, 1], [1, 0]]))],
            names=["x"],
            n_clusters=2,
        )
