"""Curves of growth: agreement with R, planted curves with coverage, and what cannot be told is not told."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cemlab import loyalty
from cemlab.data import engine, recent
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.stats.growth import PARAMETERS, fit_growth, inflection

REFERENCE = Path(__file__).parent / "reference"
EDGES = np.arange(41.0)


def logistic(ceiling=5000.0, rate=0.25, midpoint=18.0):
    return np.diff(ceiling / (1 + np.exp(-rate * (EDGES - midpoint))))


def bass(ceiling=5000.0, p=0.01, q=0.3):
    """Return the increments by Bass's own formula, not by the logistic one of the package."""
    decay = np.exp(-(p + q) * EDGES)
    return np.diff(ceiling * (1 - decay) / (1 + q / p * decay))


EXPONENTIAL = 10 * np.exp(0.05 * EDGES[:-1])
EARLY = np.diff(50_000 / (1 + np.exp(-0.1 * (EDGES - 60))))  # a logistic curve long before its midpoint


# --- against R


@pytest.mark.parametrize("curve", list(PARAMETERS))
def test_fits_are_those_of_r(curve):
    n = pd.read_csv(REFERENCE / "growth.csv")["n_new"]
    theirs = json.loads((REFERENCE / "growth.json").read_text())[curve]
    ours = fit_growth(n, curve=curve)
    # R's optimiser, by numerical gradients, stops within about 1e-3 of a standard error
    error = np.array(theirs["std_error"])
    np.testing.assert_allclose((ours.theta - theirs["theta"]) / error, 0, atol=2e-3)
    np.testing.assert_allclose(np.sqrt(np.diag(ours.covariance)), error, rtol=1e-3)
    assert ours.log_likelihood == pytest.approx(theirs["log_likelihood"], abs=1e-5)
    assert ours.log_likelihood >= theirs["log_likelihood"] - 1e-9  # no worse a maximum


# --- by hand


def test_even_growth_is_the_mean():
    n = [4, 6, 5, 5, 3, 7, 5, 5]
    fit = fit_growth(n, curve="even")
    assert np.exp(fit.theta[0]) == pytest.approx(5)
    assert fit.covariance[0, 0] == pytest.approx(1 / 40)  # of the logarithm: one over the total
    assert fit.log_likelihood == pytest.approx(stats.poisson.logpmf(n, 5).sum())
    assert fit.pearson == pytest.approx((1 + 1 + 4 + 4) / 5)
    assert np.isnan(fit.inflection)


def test_exact_curves_are_found_again():
    """Counts that lie on a curve, but for rounding to whole customers, give its parameters back."""
    fit = fit_growth(np.round(1000 * bass()), curve="bass")
    np.testing.assert_allclose(np.exp(fit.theta), [5e6, 0.01, 0.3], rtol=1e-4)
    assert fit.inflection == pytest.approx(np.log(30) / 0.31, rel=1e-4)
    fit = fit_growth(np.round(1000 * logistic()), curve="logistic")
    np.testing.assert_allclose(fit.theta, [np.log(5e6), np.log(0.25), 18.0], rtol=1e-4)
    assert inflection("logistic", fit.theta) == fit.inflection == fit.theta[2]
    fit = fit_growth(np.round(1000 * EXPONENTIAL), curve="exponential")
    np.testing.assert_allclose(fit.theta, [np.log(1e4), 0.05], rtol=1e-4)


def test_logistic_and_bass_are_one_curve_after_any_start():
    n = np.random.default_rng(1).poisson(bass())
    one, other = fit_growth(n, curve="logistic"), fit_growth(n, curve="bass")
    # both maxima lie within the optimiser's last gain
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(one.expected(1, 60), other.expected(1, 60), rtol=1e-3)
    # known to be launched, the logistic curve must explain that nobody came before
    held = fit_growth(n, curve="logistic", launched=True)
    assert held.log_likelihood < other.log_likelihood - 10
    assert fit_growth(n, curve="bass", launched=True).log_likelihood == other.log_likelihood


# --- planted curves


@pytest.fixture
def quick(monkeypatch):
    """Leave out the refits of the last third, which touch neither intervals nor AIC but take most time."""
    monkeypatch.setattr("cemlab.loyalty.growth_table._one_step_error", lambda *_: 0.0)


def covered(curve, mean, truth, *, dispersion=1.0, launched=False, seed=0, repeats=120):
    """Return how often the 95 % interval of each parameter holds the planted one."""
    rng = np.random.default_rng(seed)
    hits = np.zeros(len(truth))
    for _ in range(repeats):
        if dispersion == 1:
            n = rng.poisson(mean)
        else:  # negative binomial with this variance over mean
            n = rng.negative_binomial(mean / (dispersion - 1), 1 / dispersion)
        result = loyalty.growth(n, models=(curve,), launched=launched, ahead=0)
        table = result.table
        hits += (table["conf_low"] <= truth) & (truth <= table["conf_high"])
    return hits / repeats


@pytest.mark.parametrize(
    ("curve", "mean", "truth", "dispersion"),
    [
        ("even", np.full(40, 50.0), [50], 1.0),
        ("even", np.full(40, 50.0), [50], 3.0),
        ("exponential", EXPONENTIAL, [10, np.expm1(0.05)], 1.0),
        ("logistic", logistic(), [5000, 0.25, 18], 1.0),
        ("logistic", logistic(), [5000, 0.25, 18], 3.0),
        ("bass", bass(), [5000, 0.01, 0.3], 1.0),
    ],
)
def test_intervals_cover_what_was_planted(curve, mean, truth, dispersion, quick):
    share = covered(curve, mean, truth, dispersion=dispersion)
    # three standard errors of a share of 0.95 from 120 repeats; dispersion below 1 is held at 1, so up to 1
    assert (share >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 120)).all()


@pytest.mark.parametrize(
    ("mean", "launched", "best"),
    [
        (np.full(40, 50.0), False, "even"),
        (EXPONENTIAL, False, "exponential"),
        (logistic(), False, "logistic"),
        (bass(), True, "bass"),
    ],
)
def test_the_right_curve_is_named(mean, launched, best, quick):
    rivals = {"even", "exponential"} - {best} if best != "even" else set()
    named = 0
    for seed in range(12):
        result = loyalty.growth(np.random.default_rng(seed).poisson(mean), launched=launched)
        named += best in result.close and not rivals & set(result.close)
    # a curve with one or two parameters more wins by 2 of AIC in 5 to 10 % of the draws, by chance alone
    assert named >= 9


def test_forecast_bands_hold_what_comes_later(quick):
    """Fitted to 30 of 40 periods; the bands are for what will be counted."""
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(30):
        n = rng.poisson(logistic())
        band = loyalty.growth(n[:30], models=("logistic",), ahead=10).forecast
        late = band[band["period"] > 30]
        inside.append(((late["conf_low"] <= n[30:]) & (n[30:] <= late["conf_high"])).mean())
    # three standard errors of 300 forecasts, those of one repeat being related by its fit: twice the error
    assert np.mean(inside) >= 0.95 - 3 * 2 * np.sqrt(0.95 * 0.05 / 300)


# --- what cannot be told


@pytest.mark.parametrize("mean", [EXPONENTIAL, EARLY])
def test_before_the_inflection_no_ceiling_is_given(mean, quick):
    for seed in range(5):
        n = np.random.default_rng(seed).poisson(mean)
        result = loyalty.growth(n)
        ceilings = result.table[result.table["model"].isin(["logistic", "bass"])]
        assert ceilings["estimate"].isna().all()
        row = ceilings[ceilings["term"] == "ceiling"].iloc[0]
        assert (row["conf_low"], row["conf_high"]) == (n.sum(), np.inf)
        assert [check.name for check in result.evidence.failed] == ["inflection passed"]
        assert "exponential and logistic growth look alike" in result.narrative()
        assert set(result.forecast["model"]) == {"even", "exponential"}


def test_what_no_curve_describes_is_not_told():
    wild = np.where(np.arange(40) % 2, 400, 20)
    result = loyalty.growth(wild)
    assert result.dispersion > 5
    assert "None of the curves" in result.narrative()
    assert "None of the curves" in result.chart.claim


# --- seasons


def season(months, *, level=60.0, swing=0.5, start=0):
    """Return even arrivals that a year's season raises and lowers."""
    return level * (1 + swing * np.sin(2 * np.pi * (np.arange(months) + start) / 12))


def test_a_season_is_no_ceiling():
    """Nine months of a season rise and fall as a curve towards a ceiling does."""
    result = loyalty.growth([60, 73, 85, 90, 85, 73, 60, 49, 42])
    assert "two years of history" in [check.name for check in result.evidence.failed]
    assert "level off" not in result.narrative() + result.chart.claim
    assert "less than two years" in result.narrative()
    ceilings = result.table[result.table["term"] == "ceiling"]
    assert ceilings["estimate"].isna().all()
    assert set(result.forecast["model"]) == {"even", "exponential"}
    # that they are years must be said; then there is no season
    years = loyalty.growth([60, 73, 85, 90, 85, 73, 60, 49, 42], per_year=1)
    assert "level off at" in years.narrative()
    assert "two years of history" not in [check.name for check in years.evidence.checks]


@pytest.mark.parametrize(
    ("freq", "periods", "enough"), [("MS", 23, False), ("MS", 24, True), ("QS", 8, True), ("YS", 8, None)]
)
def test_how_many_periods_make_two_years_is_read_from_the_dates(freq, periods, enough, quick):
    dates = pd.date_range("2011-01-01", periods=periods, freq=freq)
    frame = pd.DataFrame({"period": dates, "n_new": [20 + i for i in range(periods)]})
    found = {check.name: check.passed for check in loyalty.growth(frame, ahead=0).evidence.checks}
    assert found.get("two years of history") is enough


@pytest.mark.parametrize("months", [30, 48])
def test_residuals_that_hang_together_are_noticed(months, quick):
    name = "periods scatter independently"
    for seed in range(5):
        n = np.random.default_rng(seed).poisson(season(months, start=2 * seed))
        result = loyalty.growth(n)
        assert name in [check.name for check in result.evidence.failed]
        assert "stray together" in result.narrative()
    # a December that stands out every year has no neighbours that do
    spike = np.where(np.arange(48) % 12 == 11, 110, 50)
    n = np.random.default_rng(1).poisson(spike)
    assert name in [check.name for check in loyalty.growth(n).evidence.failed]


def test_independent_residuals_hardly_ever_fail(quick):
    rng = np.random.default_rng(5)
    failed = sum(
        "periods scatter independently"
        in [check.name for check in loyalty.growth(rng.poisson(mean), models=("even",)).evidence.failed]
        for mean in [np.full(36, 50.0)] * 200
    )
    # a level of 1 in 100; three binomial errors of 200 draws
    assert failed <= 2 + 3 * np.sqrt(2)


# --- few customers


@pytest.mark.parametrize("counts", [[0] * 11 + [5], [5] + [0] * 11, [2] * 14])
def test_a_handful_of_customers_is_no_growth(counts):
    with pytest.raises(DesignError, match=f"{sum(counts)} new customers cannot tell .* 30 or more"):
        loyalty.growth(counts)


@pytest.mark.parametrize("counts", [[0] * 11 + [50], [50] + [0] * 11])
def test_no_verdict_rests_on_a_rate_without_an_interval(counts):
    result = loyalty.growth(counts)
    told = result.narrative() + result.chart.claim
    assert "not estimable" not in told
    assert "∞" not in told
    assert "no rate of growth can be told" in told
    assert not np.isinf(result.forecast["conf_high"]).any()


def test_words_fit_the_curve(quick):
    rng = np.random.default_rng(2)
    assert "level off at" in loyalty.growth(rng.poisson(logistic())).narrative()
    assert "Nothing speaks for exponential" in loyalty.growth(rng.poisson(np.full(40, 50.0))).narrative()
    told = loyalty.growth(rng.poisson(EXPONENTIAL[::-1]), models=("even", "exponential")).narrative()
    assert "decline exponentially, by 4." in told or "decline exponentially, by 5." in told
    result = loyalty.growth(rng.poisson(EXPONENTIAL))
    assert "grow as fast as an exponential curve" in result.chart.claim
    assert result.summary.set_index("model").loc["exponential", "aic"] == "0.0"
    assert "Observed" in result.chart.alt_text() or "observed" in result.chart.alt_text()


def test_one_step_errors_are_those_of_separate_fits():
    n = np.random.default_rng(4).poisson(EXPONENTIAL[:15])
    ours = loyalty.growth(n, models=("even",)).models["one_step_error"].iloc[0]
    by_hand = [n[:last].mean() - n[last] for last in range(10, 15)]  # the last third of 15
    assert ours == pytest.approx(np.sqrt(np.mean(np.square(by_hand))))


# --- counts by period


def table(rows):
    frame = pd.DataFrame(rows, columns=["customer", "joined"])
    made = engine.connect().create_table("customers", frame)
    return made.mutate(joined=made["joined"].cast("date"))


ROWS = [
    ("a", "2023-12-31"),  # before: no arrival, although she is there again later
    ("a", "2024-02-03"),
    ("b", "2024-01-15"),
    ("b", "2024-03-15"),
    ("c", "2024-03-31"),
    ("d", "2024-04-02"),  # in a month that the end cuts off
]


@pytest.mark.parametrize(
    ("period", "since", "until", "expected"),
    [
        ("month", date(2024, 1, 1), date(2024, 4, 15), {"2024-01-01": 1, "2024-02-01": 0, "2024-03-01": 1}),
        ("month", date(2024, 1, 2), date(2024, 3, 31), {"2024-02-01": 0, "2024-03-01": 1}),
        ("quarter", date(2024, 1, 1), date(2024, 6, 30), {"2024-01-01": 2, "2024-04-01": 1}),
        ("week", date(2024, 3, 20), date(2024, 4, 7), {"2024-03-25": 1, "2024-04-01": 1}),
    ],
)
def test_arrivals_by_hand(period, since, until, expected):
    found = recent.arrivals(table(ROWS), date="joined", since=since, until=until, period=period).to_pandas()
    assert {str(day)[:10]: n for day, n in zip(found["period"], found["n_new"], strict=True)} == expected


def test_arrivals_are_refused_by_name():
    dates = {"since": date(2024, 1, 1), "until": date(2024, 4, 15)}
    with pytest.raises(ColumnError, match="did you mean 'joined'"):
        recent.arrivals(table(ROWS), date="joins", **dates)
    with pytest.raises(OptionError, match="week, month, quarter"):
        recent.arrivals(table(ROWS), date="joined", period="year", **dates)
    with pytest.raises(DesignError, match="no whole quarter"):
        recent.arrivals(
            table(ROWS), date="joined", period="quarter", since=date(2024, 1, 2), until=date(2024, 6, 29)
        )
    with pytest.raises(DataError, match="missing in 1 rows"):
        recent.arrivals(table([*ROWS, ("e", None)]), date="joined", **dates)


# --- what is given


def test_frames_cumulated_counts_and_arrays_agree():
    n = np.random.default_rng(5).poisson(logistic())
    months = pd.date_range("2020-01-01", periods=40, freq="MS")
    frame = pd.DataFrame({"period": months, "n_new": n, "so_far": n.cumsum()})
    given = frame.copy()
    plain = loyalty.growth(n).table
    pd.testing.assert_frame_equal(loyalty.growth(frame).table, plain)
    pd.testing.assert_frame_equal(loyalty.growth(frame, new="so_far", cumulated=True).table, plain)
    pd.testing.assert_frame_equal(frame, given)


GOOD = [5, 6, 4, 5, 6, 5, 4, 5]
MONTHS = pd.date_range("2020-01-01", periods=9, freq="MS")


@pytest.mark.parametrize(
    ("counts", "options", "error", "words"),
    [
        (GOOD[:7], {}, DesignError, "7 periods cannot tell"),
        ([0] * 8, {}, DesignError, "no new customer came"),
        ([*GOOD, -1], {}, DataError, "period 9 has -1"),
        ([*GOOD, 2.5], {}, DataError, "period 9 has 2.5"),
        ([*GOOD, float("nan")], {}, DataError, "period 9 has nan"),
        (["many"] * 8, {}, DataError, "must be numbers"),
        ([GOOD, GOOD], {}, DataError, "2 dimensions"),
        ([9, 8, 7, 6, 5, 4, 3, 2], {"cumulated": True}, DataError, "period 2 has -1"),
        (GOOD, {"models": ("gompertz",)}, OptionError, "no curve named 'gompertz'"),
        (GOOD, {"models": ()}, OptionError, "at least one"),
        (GOOD, {"models": ("even", "even")}, OptionError, "each curve once"),
        (GOOD, {"ahead": -1}, OptionError, "ahead is -1"),
        (GOOD, {"ahead": None}, OptionError, "ahead is None"),
        (GOOD, {"ahead": 2.5}, OptionError, "ahead is 2.5"),
        (GOOD, {"per_year": 0}, OptionError, "per_year is 0"),
        (GOOD, {"per_year": "12"}, OptionError, "per_year is '12'"),
        (GOOD, {"conf_level": None}, OptionError, "conf_level is None"),
        (GOOD, {"models": None}, OptionError, "models is None"),
        (GOOD, {"conf_level": 1.0}, OptionError, "conf_level"),
        (pd.DataFrame({"n": GOOD}), {}, ColumnError, "n_new"),
        (pd.DataFrame({"period": MONTHS.delete(4), "n_new": GOOD}), {}, DataError, "without gaps"),
        (pd.DataFrame({"period": MONTHS[7::-1], "n_new": GOOD}), {}, DataError, "in order"),
    ],
)
def test_what_is_refused(counts, options, error, words):
    with pytest.raises(error, match=words):
        loyalty.growth(counts, **options)


def test_unknown_curve_is_refused_by_the_fit_too():
    with pytest.raises(OptionError, match="even, exponential, logistic, bass"):
        fit_growth(GOOD, curve="gompertz")
