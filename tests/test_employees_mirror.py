"""The mirror: cross-lags within units against R, planted paths of Halden's networks, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from cemlab.employees.mirror import mirror
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.evidence import refuse_causal_claim
from cemlab.simulate.halden import Halden
from cemlab.simulate.organisation.network_tables import half_scores
from cemlab.simulate.truths import Network
from cemlab.stats.cross_lags import cross_lags
from cemlab.stats.person_lags import person_lags

HERE = Path(__file__).parent / "reference"
STAFF, CUSTOMERS = "engagement → experience", "experience → engagement"


@pytest.fixture(scope="module")
def reference() -> dict[str, list[float]]:
    return {
        name: np.atleast_1d(v).tolist() for name, v in json.loads((HERE / "mirror.json").read_text()).items()
    }


@pytest.fixture(scope="module")
def wide() -> tuple[np.ndarray, np.ndarray]:
    frame = pd.read_csv(HERE / "mirror.csv")
    e, x = (frame.pivot(index="unit", columns="period", values=name).to_numpy() for name in ("e", "x"))
    return e, x


def networks(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Branch-months and person-months of a network, scores with error."""
    company = Halden(customers=500, seed=seed)
    state = company.network()
    a, b = half_scores(company.world, company.streams, state)
    branch, month = (i.ravel() for i in np.indices(a.shape))
    scores = {"engagement": state.engagement, "cx": (a + b) / 2, "cx_a": a, "cx_b": b}
    panel = pd.DataFrame({"branch": branch, "month": month, **{k: v.ravel() for k, v in scores.items()}})
    post, when = (i.ravel() for i in np.indices(state.roster.shape))
    persons = pd.DataFrame(
        {
            "employee": state.roster.ravel(),
            "branch": state.post_branch[post],
            "month": when,
            "engagement": state.score.ravel(),
        }
    )
    return panel, persons


def test_within_jackknife_and_traditional_paths_are_those_of_r(
    reference: dict[str, list[float]], wide: tuple[np.ndarray, np.ndarray]
) -> None:
    e, x = wide
    within = cross_lags(e, second=x, method="within")
    # 1e-9: both solve the same normal equations in double precision
    np.testing.assert_allclose(within.lags, [reference["within_e"], reference["within_x"]], rtol=1e-9)
    np.testing.assert_allclose(within.same_period, reference["same_month"][0], rtol=1e-9)
    jackknife = cross_lags(e, second=x, method="half-panel jackknife")
    np.testing.assert_allclose(jackknife.lags[0], reference["jackknife_e"], rtol=1e-9)
    traditional = cross_lags(e, second=x, method="no unit levels")
    # 1e-5: lavaan stops its optimiser there
    np.testing.assert_allclose(traditional.lags, [reference["clpm_e"], reference["clpm_x"]], rtol=1e-5)
    # difference GMM, an estimator of another kind, agrees within two of its own errors
    adjusted = cross_lags(e, second=x)
    for ours, theirs, error in zip(adjusted.lags[0], reference["gmm_e"], reference["gmm_e_se"], strict=True):
        assert abs(ours - theirs) < 2 * error


def test_adjusted_moments_undo_the_pull_of_short_panels() -> None:
    rng = np.random.default_rng(3)
    n, t, true = 3_000, 6, np.array([[0.5, 0.1], [0.2, 0.6]])
    level = rng.standard_normal((2, n))
    z = np.zeros((2, n, t))
    z[:, :, 0] = rng.standard_normal((2, n)) * 2  # far from rest, which is not needed
    for k in range(1, t):
        z[:, :, k] = true @ z[:, :, k - 1] + rng.standard_normal((2, n))
    first, second = z + level[:, :, None]
    found = cross_lags(first, second=second)
    spread = np.sqrt(((found.left_out - found.estimates) ** 2).sum(axis=0) * (n - 1) / n)
    # four standard errors: all of four estimates stay within with a chance above 99.9 %
    assert (np.abs(found.lags - true).ravel() < 4 * spread[:4]).all()
    pulled = cross_lags(first, second=second, method="within")
    assert (np.diag(pulled.lags) < np.diag(true) - 10 * spread[[0, 3]]).all()
    # leaving a unit out is estimating without it
    part = cross_lags(first[:40], second=second[:40])
    without = cross_lags(first[1:40], second=second[1:40])
    np.testing.assert_allclose(part.left_out[0], without.estimates, rtol=1e-7)


def test_the_jackknife_weighs_halves_that_share_a_step_and_no_limit_hangs_on_units() -> None:
    rng = np.random.default_rng(8)
    true, z = np.array([[0.4, 0.1], [0.2, 0.5]]), np.zeros((2, 8_000, 28))
    for k in range(1, 28):
        z[:, :, k] = true @ z[:, :, k - 1] + rng.standard_normal((2, 8_000))
    first, second = z[:, :, 20:]
    found = cross_lags(first, second=second, method="half-panel jackknife")
    # what terms in 1 / T² leave at 8 months is below 0.03; 4 of 7 steps taken for exact halves leave 0.06
    assert abs(np.diag(found.lags) - np.diag(true)).max() < 0.03
    part = first[:50], second[:50]
    plain, big = cross_lags(part[0], second=part[1]), cross_lags(part[0] * 1e-8, second=part[1] * 1e8)
    # 1e-9: the same estimate in other units
    np.testing.assert_allclose(big.lags, plain.lags * [[1, 1e-16], [1e16, 1]], rtol=1e-9)
    np.testing.assert_allclose(big.left_out[:, 4], plain.left_out[:, 4] * 1e16, rtol=1e-9)
    np.testing.assert_allclose(big.spread, plain.spread * [1e-8, 1e8], rtol=1e-9)
    np.testing.assert_allclose(big.root, plain.root, rtol=1e-9)


def test_both_planted_paths_are_recovered_and_naive_ways_are_not() -> None:
    truth, seeds = Network(), 20
    got: dict[str, list[tuple[float, float]]] = {}
    for seed in range(1, seeds + 1):
        panel, persons = networks(seed)
        found = mirror(panel, persons=persons, halves=("cx_a", "cx_b"))
        for name, row in (
            ("staff", found.row(STAFF)),
            ("customers", found.row(CUSTOMERS)),
            ("memory", found.row("memory of engagement")),
            ("traditional", found.row(CUSTOMERS, way="no unit levels")),
            ("uncorrected memory", found.row("memory of engagement", way="within units, uncorrected")),
        ):
            got.setdefault(name, []).append((row["estimate"], row["std_error"]))
    planted = {
        "staff": truth.engagement_experience,
        "customers": truth.experience_engagement,
        "memory": truth.engagement_memory,
    }
    reach = student.ppf(0.975, truth.branches - 1)
    for name, value in planted.items():
        estimates, errors = np.array(got[name]).T
        # the mean of 20 estimates has an error of a 4.5th of one; three of them
        assert abs(estimates.mean() - value) < 3 * estimates.std(ddof=1) / np.sqrt(seeds)
        # of 20 intervals of 95 %, fewer than 16 hold the truth one time in 400
        assert (np.abs(estimates - value) < reach * errors).sum() >= 16
    for name, value in (("traditional", 0.10), ("uncorrected memory", 0.40)):
        estimates, errors = np.array(got[name]).T
        assert (np.abs(estimates - value) < reach * errors).sum() <= 4  # so they do not


def test_the_mirror_tells_both_ways_and_what_it_rests_on() -> None:
    panel, persons = networks(1)
    found = mirror(panel, persons=persons, halves=("cx_a", "cx_b"), source="Halden", conf_level=0.9)
    first, second, gap = found.compared["estimate"]
    assert gap == pytest.approx(first - second)
    spread = found.spread
    assert first == pytest.approx(found.row(STAFF)["estimate"] * spread[0] / spread[1])
    assert [check.passed for check in found.evidence.checks] == [True] * 5
    assert found.evidence.grade == "adjusted"
    refuse_causal_claim(found.narrative(), grade=found.evidence.grade)
    assert "90 % intervals; 60 branches" in found.narrative()
    assert len(found.summary) == len(found.table) == 11
    np.testing.assert_allclose(
        found.table["estimate"].iloc[-1], np.corrcoef(panel["engagement"], panel["cx"])[0, 1], rtol=1e-9
    )
    assert "experience → engagement, next month" in found.chart.alt_text()
    plain = mirror(panel, method="adjusted moments")
    assert [check.passed for check in plain.evidence.checks] == [True, True, None, None, True]
    assert (
        abs(plain.row(CUSTOMERS)["estimate"]) < found.row(CUSTOMERS)["estimate"]
    )  # error draws it to nought
    # renaming and reordering change nothing; a branch with a gap is left out and named
    turned = panel.sample(frac=1, random_state=1)
    again = mirror(turned, persons=persons.iloc[::-1], halves=("cx_b", "cx_a"))
    np.testing.assert_allclose(again.table["estimate"], found.table["estimate"], rtol=1e-9)
    short = mirror(panel.drop(index=5))
    assert (short.evidence.n_used, short.evidence.n_given) == (59, 60)
    assert short.evidence.checks[-1].passed is None


def drawn(n: int, t: int, *, shared: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ten persons a shop; moods keep 0.4 of themselves and 0.1 of last week's cx, cx 0.2 of the mean mood."""
    rng, staff, shocks = np.random.default_rng(seed), 10, (np.sqrt(0.36 - shared**2), shared)
    mood, cx, own, kept = np.zeros((n, staff)), np.zeros(n), np.zeros(n), []
    for _ in range(20 + t):
        new = shocks[0] * rng.standard_normal((n, staff)) + shocks[1] * rng.standard_normal((n, 1))
        mood = 0.4 * mood + 0.1 * cx[:, None] + new
        own = 0.5 * own + 0.2 * rng.standard_normal(n)
        cx = 0.2 * mood.mean(axis=1) + own
        kept.append(np.column_stack([mood, cx]))
    z = np.array(kept[20:])
    week, shop, _ = (i.ravel() for i in np.indices((t, n, staff)))
    scores = {"mood": z[:, :, :staff].mean(axis=2), "cx": z[:, :, staff]}
    panel = pd.DataFrame({"shop": np.tile(np.arange(n), t), "week": np.repeat(np.arange(t), n)})
    who = np.tile(np.arange(n * staff), t)
    persons = pd.DataFrame({"employee": who, "shop": shop, "week": week, "mood": z[:, :, :staff].ravel()})
    return panel.assign(**{name: values.ravel() for name, values in scores.items()}), persons


def test_moods_that_persons_of_a_branch_share_do_not_draw_the_path_down() -> None:
    panel, persons = drawn(800, 8, shared=0.35, seed=6)
    found = mirror(panel, persons=persons, engagement="mood", unit="shop", time="week")
    row = found.row(CUSTOMERS)
    # counting a person's own shock only ends four standard errors below the planted 0.10
    assert abs(row["estimate"] - 0.10) < 2.5 * row["std_error"]
    # 0.35² of 0.36 in all; 0.02 is four standard errors over 800 shops
    assert "correlates by 0.3" in found.evidence.checks[3].detail


def test_scores_keep_their_units_and_scales_and_persons_are_counted_once() -> None:
    panel, persons = drawn(12, 10, shared=0.0, seed=2)
    panel, persons = panel.assign(cx=50 + 3 * panel["cx"]), persons.copy()
    panel["cx_a"], panel["cx_b"] = panel["cx"] + 0.5, panel["cx"] - 0.5
    # every other person misses an answer in the midst: two stretches, one person
    persons.loc[(persons["week"] == 4) & (persons["employee"] % 2 == 0), "mood"] = np.nan
    persons = pd.concat([persons, persons.iloc[:3].assign(employee=[900, 901, 902], shop=99)])
    names: dict[str, Any] = {"engagement": "mood", "unit": "shop", "time": "week"}
    found = mirror(
        panel,
        persons=persons,
        halves=("cx_a", "cx_b"),
        scale={"mood": (-5, 5), "cx": (0, 100)},
        units=("point", "score"),
        **names,
    )
    row = found.row(STAFF)
    assert (row["when"], row["rows"], row["unit"]) == (
        "same week", "shop-weeks", "score of experience per point of engagement"
    )  # fmt: skip
    told = found.narrative() + found.evidence.design + " ".join(map(str, found.evidence.checks))
    assert "Within a shop, one point more engagement" in told
    assert "scores more experience in the same week" in told
    assert "12 shops" in told
    assert "branch" not in told
    assert "month" not in told
    assert "120 of 123 persons, in 180 stretches" in told
    assert "60 lack a name or an answer and 3 are of shops or weeks that are not in the panel" in told
    assert "score" in found.chart.x_label
    assert "unit more engagement" in mirror(panel, **names).narrative()
    # rounding, and halves of unlike size, are halves; another scale is none
    panel["cx_a"], panel["cx_b"] = (panel["cx"] + 0.4).round(1), (panel["cx"] - 0.6).round(1)
    mirror(panel, halves=("cx_a", "cx_b"), **names)
    for wrong in (panel * 10, panel * 1.2, panel + 20):
        with pytest.raises(DataError, match="are no halves of 'cx'"):
            mirror(panel.assign(cx_a=wrong["cx_a"], cx_b=wrong["cx_b"]), halves=("cx_a", "cx_b"), **names)
    for scale, error in (
        ({"cx": (0, 10)}, DataError),
        ({"nps": (0, 10)}, OptionError),
        ((1, 2, 3), OptionError),
    ):
        with pytest.raises(error):
            mirror(panel, scale=scale, **names)
    with pytest.raises(OptionError, match="two words"):
        mirror(panel, units=("SD",), **names)


def changed(panel: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    return panel.assign(**columns)


def test_what_cannot_be_told_is_refused_by_name() -> None:
    panel, persons = networks(2)
    small = panel[panel["branch"] < 6].reset_index(drop=True)
    staff = persons[persons["branch"] < 6]
    cases: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (ColumnError, "no column named 'mood'", {"engagement": "mood"}),
        (OptionError, "each is another column", {"engagement": "cx"}),
        (OptionError, "no method named 'magic'", {"method": "magic"}),
        (OptionError, "conf_level is 2", {"conf_level": 2}),
        (OptionError, "scale=", {"scale": (5, 1)}),
        (DataError, "outside 1 to 5", {"scale": (1, 5)}),
        (DataError, "no table", {"panel": [1]}),
        (DataError, "no rows", {"panel": small.iloc[:0]}),
        (DataError, "stands twice", {"panel": pd.concat([small, small.iloc[:1]])}),
        (DataError, "name no branch", {"panel": changed(small, branch=[np.nan, *small["branch"][1:]])}),
        (DataError, "is a str", {"panel": changed(small, cx="high")}),
        (DesignError, "it is constant within every branch", {"panel": changed(small, cx=3.0)}),
        (DesignError, "1 of 1 units", {"panel": small[small["branch"] == 0]}),
        (DesignError, "needs at least 6", {"panel": small[small["month"] < 5]}),
        (DesignError, "a longer step", {"panel": small[small["month"] != 7]}),
        (DataError, "stands twice", {"persons": pd.concat([staff, staff.iloc[:1]])}),
        (DesignError, "nobody of branch 0 was seen", {"persons": staff[staff["branch"] > 0]}),
        (ColumnError, "employee", {"persons": staff.drop(columns="employee")}),
    ]
    for error, words, changes in cases:
        arguments = {"panel": small, **changes}
        with pytest.raises(error, match=words):
            mirror(arguments.pop("panel"), **arguments)
    with pytest.raises(OptionError, match="did you mean"):
        mirror(small).row("engagement → experiense")
    with pytest.raises(OptionError, match="has no row"):
        mirror(small).row("both together")


def test_arrays_that_do_not_fit_are_refused() -> None:
    z = np.random.default_rng(1).standard_normal((2, 6, 8))
    with pytest.raises(DesignError, match="do not fit"):
        cross_lags(z[0], second=z[1, :, 1:])
    with pytest.raises(DesignError, match="4 units over 8 periods"):
        cross_lags(z[0, :4], second=z[1, :4])
    with pytest.raises(DesignError, match="missing"):
        cross_lags(z[0], second=np.where(z[1] > 1, np.nan, z[1]))
    with pytest.raises(DesignError, match="does not vary"):
        cross_lags(z[0], second=np.ones((6, 8)))
    walk = np.cumsum(np.random.default_rng(2).standard_normal((2, 30, 4)) * np.arange(1, 5) ** 3, axis=2)
    with pytest.raises(DesignError, match="too short for how slowly"):
        cross_lags(walk[0], second=walk[1])
    m = np.arange(20)
    rows = {"person": m // 2, "period": m % 2, "group": m // 4}
    y = np.random.default_rng(3).standard_normal((3, 20))
    with pytest.raises(DesignError, match="do not fit"):
        person_lags(y[0], before=y[1, 1:], score=y[2], **rows)
    with pytest.raises(DesignError, match="missing"):
        person_lags(y[0], before=y[1] * np.nan, score=y[2], **rows)
    with pytest.raises(DesignError, match="fewer than 5 groups"):
        person_lags(y[0], before=y[1], score=y[2], **{**rows, "person": m})
    with pytest.raises(DesignError, match="the score does not vary"):
        person_lags(y[0], before=y[1], score=np.zeros(20), **rows)
