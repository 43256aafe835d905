"""Early warning: p-values by hand, the false-discovery rate on planted fallers, and Halden's truth."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cemlab import loyalty, simulate
from cemlab.data import engine
from cemlab.data.recent import recent_buying, recorded
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.loyalty.falling import steady_world
from cemlab.loyalty.watch import _decide
from cemlab.loyalty.watch_counts import Counted
from cemlab.simulate.opening import halden_of
from cemlab.stats.bg_nbd import fit_bg_nbd
from cemlab.stats.nbd import NBDFit

BASE = (date(2024, 1, 1), date(2024, 12, 31))
WINDOW = (date(2025, 1, 1), date(2025, 3, 31))


def fitted(r, alpha):
    return NBDFit(r=r, alpha=alpha, log_likelihood=0.0, covariance=np.eye(2), n=1.0, zero_truncated=False)


def transactions(rows):
    frame = pd.DataFrame(rows, columns=["customer", "date", "revenue"])
    frame = frame.astype({"revenue": "string"})
    table = engine.connect().create_table("transactions", frame)
    return table.mutate(date=table["date"].cast("date"), revenue=table["revenue"].cast("decimal(18, 4)"))


# --- the chance of so few


def test_two_silent_months_of_a_monthly_buyer():
    assert loyalty.chance_of_so_few(0, expected=2.0) == pytest.approx(np.exp(-2))  # 13.5 %: no news
    # her rate learned from 6 purchases in 6 months, nothing known beforehand: (6 / 8)^6
    assert loyalty.chance_of_so_few(0, expected=2.0, shape=6) == pytest.approx(0.75**6)
    # one purchase where two were expected: p(0) + p(1)
    assert loyalty.chance_of_so_few(1, expected=2.0) == pytest.approx(3 * np.exp(-2))


@given(st.integers(0, 40), st.floats(0.01, 60), st.floats(0.05, 200))
@settings(max_examples=80, deadline=None)
def test_chance_is_that_of_the_null(n, expected, shape):
    known = loyalty.chance_of_so_few(n, expected=expected)
    assert known == pytest.approx(stats.poisson.cdf(n, expected), rel=1e-9, abs=1e-12)
    learned = loyalty.chance_of_so_few(n, expected=expected, shape=shape)
    assert learned == pytest.approx(
        stats.nbinom.cdf(n, shape, shape / (shape + expected)), rel=1e-9, abs=1e-12
    )
    assert loyalty.chance_of_so_few(n + 1, expected=expected, shape=shape) >= learned
    # and that of the no-change null's own posterior, with nothing bought and exposure 1
    fit = fitted(shape, 1.0)
    pmf = fit.next_count_pmf([0], exposure=1.0, next_exposure=2 * expected / shape, up_to=n + 1)[0]
    assert learned == pytest.approx(1 - pmf[-1], abs=1e-9)


def test_an_open_gap_is_longer_than_most():
    """Why the window is chosen beforehand: the gap that a random moment falls into is twice as long."""
    rng = np.random.default_rng(1)
    gaps = rng.exponential(30, 200_000)
    times = gaps.cumsum()
    around = gaps[np.searchsorted(times, rng.uniform(0, times[-1], 200_000))]
    assert around.mean() / gaps.mean() == pytest.approx(2, rel=0.02)  # error of a mean of 2e5: 0.3 %


def test_what_has_no_chance():
    for arguments in ({"n": -1, "expected": 1}, {"n": 0, "expected": 0}, {"n": 0, "expected": np.nan}):
        with pytest.raises(DataError, match="must be positive"):
            loyalty.chance_of_so_few(**arguments)
    with pytest.raises(DataError, match="must be positive"):
        loyalty.chance_of_so_few(0, expected=1, shape=0)


# --- counting


ROWS = [
    ("a", "2023-05-05", "1.00"),  # from before: established
    ("a", "2024-01-01", "1.00"),
    ("a", "2024-01-01", "1.00"),  # the same day is the same purchase
    ("a", "2024-12-31", "1.00"),
    ("a", "2025-01-01", "1.00"),
    ("b", "2024-12-01", "1.00"),  # won in the base period
    ("b", "2024-12-11", "1.00"),
    ("b", "2025-03-31", "1.00"),
    ("b", "2025-04-01", "1.00"),  # after the window
    ("c", "2023-01-01", "1.00"),  # nothing in the base period
    ("c", "2025-02-01", "1.00"),
    ("d", "2023-01-01", "1.00"),
    ("d", "2024-06-01", "1.00"),
    ("d", "2024-07-01", "-1.00"),  # a return is no purchase
    ("e", "2024-12-31", "1.00"),  # won on the last day: nothing of her was seen yet
]


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("established", {"a": (2, 366, 1), "d": (1, 366, 0)}),
        ("buyers", {"a": (2, 366, 1), "b": (2, 366, 1), "d": (1, 366, 0), "e": (1, 366, 0)}),
        ("newcomers", {"b": (2, 30, 1), "e": (1, 0, 0)}),
    ],
)
def test_histories_by_hand(who, expected):
    found = recent_buying(transactions(ROWS), base=BASE, window=WINDOW, who=who).to_pandas()
    rows = found.set_index("customer")[["n_base", "exposure", "n_window"]]
    assert {name: tuple(row) for name, row in zip(rows.index, rows.to_numpy(), strict=True)} == expected
    assert recorded(transactions(ROWS)) == ((date(2023, 1, 1), date(2025, 4, 1)), 1)


# --- a world in which some fall


def market(rng, n, *, fallers=0.1, to=0.0, season=1.0, mean=24.0, shape=1.5):
    """Draw purchases of a year and of the 90 days after it; some customers' rates fall in between."""
    rate = rng.gamma(shape, mean / shape, n) / 366
    falls = rng.random(n) < fallers
    n_base = rng.poisson(rate * 366)
    return n_base, rng.poisson(rate * 90 * season * np.where(falls, to, 1.0)), falls


def counted(n_base, n_window):
    frame = pd.DataFrame({"n_base": n_base, "exposure": 366, "n_window": n_window})
    frame = frame[frame["n_base"] > 0]
    cells = frame.groupby(["n_base", "exposure", "n_window"]).size().rename("n_customers").reset_index()
    return Counted(
        cells=cells, alive=None, seen_from=None, who="established", base=BASE, window=WINDOW,
        seen=(date(2023, 1, 1), date(2025, 3, 31)), returns=0, source="",
    )  # fmt: skip


def decided(n_base, n_window, *, loyal=6, fdr=0.1, control="discrete", market_change=None):
    return _decide(
        counted(n_base, n_window), loyal=loyal, fdr=fdr, control=control, market_change=market_change,
        conf_level=0.95,
    )  # fmt: skip


def flagged_rows(watchlist, n_base, n_window):
    """Return whether each customer is flagged, from the verdict on her cell."""
    verdict = watchlist.cells.set_index(["n_base", "n_window"])["flagged"].to_dict()
    return np.array([verdict.get(key, False) for key in zip(n_base, n_window, strict=True)])


@pytest.mark.parametrize("control", ["discrete", "bh", "storey"])
@pytest.mark.parametrize("season", [1.0, 0.8])
def test_false_alarms_are_as_rare_as_promised(control, season):
    """Also where the whole market falls by a fifth, which the estimate of its change takes up."""
    proportions, found = [], []
    for seed in range(15):
        n_base, n_window, falls = market(np.random.default_rng(seed), 5000, to=0.1, season=season)
        flags = flagged_rows(decided(n_base, n_window, control=control), n_base, n_window)
        proportions.append((flags & ~falls).sum() / max(flags.sum(), 1))
        found.append((flags & falls).sum() / (falls & (n_base >= 6)).sum())
    # three Monte Carlo errors above the level
    assert np.mean(proportions) <= 0.1 + 3 * np.std(proportions) / np.sqrt(15)
    if control == "discrete":
        assert np.mean(found) > 0.2  # and it does find some


def test_power_at_twenty_thousand():
    """Half of the fallen heavy buyers are found in 90 days at a false-discovery rate of a tenth."""
    n_base, n_window, falls = market(np.random.default_rng(3), 20_000, fallers=0.05, to=0.0)
    watchlist = decided(n_base, n_window)
    flags = flagged_rows(watchlist, n_base, n_window)
    assert (flags & falls).sum() / (falls & (n_base >= 24)).sum() > 0.5
    assert (flags & ~falls).sum() / flags.sum() < 0.1
    assert decided(n_base, n_window, control="bh").n_flagged <= watchlist.n_flagged


def test_where_nobody_changes_hardly_anybody_is_flagged():
    some = [
        decided(*market(np.random.default_rng(seed), 5000, fallers=0)[:2]).n_flagged > 0 for seed in range(40)
    ]
    # the chance of any flag is the false-discovery rate at most; three errors of a share of 0.1 in 40
    assert np.mean(some) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 40)


def test_market_change_is_found_beside_those_who_stop():
    n_base, n_window, _ = market(np.random.default_rng(4), 20_000, fallers=0.15, season=0.85)
    cells = counted(n_base, n_window)
    world = steady_world(cells.cells, cells.fit, days=90, market_change=None, first_counts=0)
    # five standard errors, with the estimate's own error and the null's (about as large) together
    assert world.market == pytest.approx(0.85, abs=5 * np.sqrt(2) * world.market_error * 0.85)
    assert world.stopped == pytest.approx(0.15, abs=0.02)
    given_world = steady_world(cells.cells, cells.fit, days=90, market_change=0.9, first_counts=0)
    assert (given_world.market, given_world.market_error) == (0.9, 0.0)


def test_expected_false_alarms_are_those_that_come():
    """The row "by chance" is checked against steady customers flagged by the same rule."""
    truth, told = 0.0, 0.0
    for seed in range(10):
        n_base, n_window, falls = market(np.random.default_rng(seed), 10_000)
        watchlist = decided(n_base, n_window)
        truth += (flagged_rows(watchlist, n_base, n_window) & ~falls).sum()
        row = watchlist._row("by chance")
        # it counts all loyal customers as steady, of whom nine in ten are
        told += 0.9 * row["estimate"] * row["n"]
        assert row["conf_low"] <= row["estimate"] <= row["conf_high"]
    assert truth == pytest.approx(told, abs=4 * np.sqrt(told))  # a Poisson number, four errors


def test_p_values_of_the_steady_are_never_too_small():
    n_base, n_window, _ = market(np.random.default_rng(6), 50_000, fallers=0)
    cells = decided(n_base, n_window, market_change=1.0).cells
    weight = cells["n_customers"]
    for cut in (0.01, 0.05, 0.2, 0.5):
        share = weight[cells["p_value"] <= cut].sum() / weight.sum()
        assert share <= cut + 4 * np.sqrt(cut / weight.sum())


# --- the result


def test_result_tells_all_it_should():
    n_base, n_window, _ = market(np.random.default_rng(7), 5000)
    watchlist = decided(n_base, n_window)
    table = watchlist.table
    assert list(table["class"].unique()) == ["6 to 11", "12 to 23", "24 or more", "all loyal"]
    whole = table[table["class"] == "all loyal"].set_index("quantity")
    parts = table[table["class"] != "all loyal"]
    for quantity in ("flagged", "by chance", "cannot be told"):
        of = parts[parts["quantity"] == quantity]
        assert whole.loc[quantity, "estimate"] == pytest.approx(np.average(of["estimate"], weights=of["n"]))
    assert whole.loc["flagged", "estimate"] == pytest.approx(watchlist.n_flagged / (n_base >= 6).sum())
    assert 0 < whole.loc["false alarms", "estimate"] <= 0.1 + 1e-9
    assert watchlist.evidence.grade == "descriptive"
    assert "even their silence proves nothing" in watchlist.narrative()
    assert watchlist.chart.kind == "bar"
    assert "longer than most" in " ".join(watchlist.evidence.assumptions)
    # nothing is recounted, and a stricter level flags fewer
    assert watchlist.again(fdr=0.01).n_flagged <= watchlist.n_flagged
    assert watchlist.again(loyal=12).evidence.n_used == (n_base >= 12).sum()
    assert watchlist.again(market_change=0.5).n_flagged < watchlist.n_flagged
    one = decided(n_base, n_window, loyal=1)
    assert one.table["class"].iloc[0] == "1"


def test_where_none_is_flagged_it_says_so():
    n_base, n_window, _ = market(np.random.default_rng(8), 300, fallers=0, mean=6)
    watchlist = decided(n_base, n_window, fdr=0.001)
    assert watchlist.n_flagged == 0
    assert watchlist.cut == 0
    assert "none flagged" in set(watchlist.summary["false alarms"])
    assert "expected to be false alarms" not in watchlist.narrative()


def test_wavering_rates_are_noticed():
    rng = np.random.default_rng(9)
    rate = rng.gamma(1.5, 16, 5000) / 366
    n_base, n_window = rng.poisson(rate * 366), rng.poisson(rate * 90 * rng.gamma(1.5, 1 / 1.5, 5000))
    watchlist = decided(n_base, n_window)
    assert "spread of the window" in [check.name for check in watchlist.evidence.failed]
    steady = decided(*market(rng, 5000, fallers=0)[:2])
    assert "spread of the window" not in [check.name for check in steady.evidence.failed]


def bursty(rng, n, *, shape=0.75):
    """Draw purchases of a year and of the 90 days after it that come in bursts; nobody changes."""
    rate = rng.gamma(1.5, 16, n) / 366
    gaps = rng.gamma(shape, 1 / shape, (n, 300)) / rate[:, None]
    # she was a customer for long: the records begin somewhere in her history
    days = gaps.cumsum(axis=1) - 5 * rng.uniform(1, 2, n)[:, None] / rate[:, None]
    return ((days >= 0) & (days < 366)).sum(axis=1), ((days >= 366) & (days < 456)).sum(axis=1)


def test_purchases_in_bursts_are_noticed():
    """They would be flagged without any change; the more customers, the smaller the burst that is seen."""
    for seed in range(3):
        watchlist = decided(*bursty(np.random.default_rng(seed), 8000))
        assert "spread of the window" in [check.name for check in watchlist.evidence.failed]
        steady = decided(*bursty(np.random.default_rng(seed), 8000, shape=1.0))
        assert "spread of the window" not in [check.name for check in steady.evidence.failed]


SEASON = "season of the flagged"


def seasonal_lines(rng, *, seasonal, fallers, n=600):
    """Draw lines of 2023 to March 2025; of all customers some buy from October to December alone."""
    rows = []
    for i in range(n):
        rate = rng.gamma(2.0, 15) / 366
        days = rng.exponential(1 / rate, 300).cumsum() - 30
        kind = i / n
        dates = [date(2023, 1, 1) + timedelta(days=int(day)) for day in days if 0 <= day < 821]
        if kind < seasonal:
            # all of her year's purchases fall into its last quarter
            dates = [day.replace(month=10 + day.month % 3, day=min(day.day, 30)) for day in dates]
            dates = [day for day in dates if day <= WINDOW[1]]
        elif kind < seasonal + fallers:
            dates = [day for day in dates if day < WINDOW[0]]
        rows += [(f"k{i}", str(day), "1.00") for day in dates]
    return transactions(rows)


def season_check(watchlist):
    (check,) = [check for check in watchlist.evidence.checks if check.name == SEASON]
    return check


def test_customers_with_a_season_are_not_taken_for_fallen():
    """A fifth buys from October to December alone and is silent in every first quarter."""
    lines = seasonal_lines(np.random.default_rng(21), seasonal=0.2, fallers=0.0)
    watchlist = loyalty.watch(lines, base=BASE, window=WINDOW)
    assert watchlist.n_flagged > 20
    assert season_check(watchlist).passed is False
    assert "whole year" in season_check(watchlist).remedy
    assert SEASON in watchlist.narrative()
    # those who really stopped bought as much as the others a year before
    lines = seasonal_lines(np.random.default_rng(22), seasonal=0.0, fallers=0.1)
    watchlist = loyalty.watch(lines, base=BASE, window=WINDOW)
    assert watchlist.n_flagged > 20
    assert season_check(watchlist).passed is True
    # and a season that all customers share is the market's
    dull = lines.filter(~((lines["date"].month() < 4) & (lines["date"].day() % 2 == 0)))
    assert season_check(loyalty.watch(dull, base=BASE, window=WINDOW)).passed is True


def test_what_the_flagged_bought_a_year_before_is_counted_by_hand():
    found = recent_buying(transactions(ROWS), base=BASE, window=WINDOW).to_pandas().set_index("customer")
    # of the 365 days from 2 January 2024 on; the stretch of 90 days ends on 31 March
    assert found.loc["a", ["n_year", "n_then"]].tolist() == [1, 0]
    assert found.loc["d", ["n_year", "n_then"]].tolist() == [1, 0]
    rows = [("a", "2023-12-31", "1.00"), *[("a", f"2024-0{m}-01", "1.00") for m in (1, 2, 3, 4)]]
    found = recent_buying(transactions(rows), base=BASE, window=WINDOW).to_pandas()
    assert found[["n_year", "n_then"]].to_numpy().tolist() == [[3, 2]]


def test_a_season_that_cannot_be_seen_is_said():
    lines = seasonal_lines(np.random.default_rng(21), seasonal=0.2, fallers=0.0, n=200)
    short = loyalty.watch(lines, base=(date(2024, 1, 10), BASE[1]), window=WINDOW)
    assert season_check(short).passed is None
    assert "365 days" in season_check(short).remedy
    none = loyalty.watch(lines, base=BASE, window=WINDOW, fdr=1e-9)
    assert none.n_flagged == 0
    assert season_check(none).passed is True
    year = (date(2024, 3, 1), date(2025, 3, 31))
    whole = loyalty.watch(lines, base=(date(2023, 2, 1), date(2024, 2, 29)), window=year)
    assert season_check(whole).passed is True


# --- the list of customers


def company_lines(rng, n=400, wear=None):
    """Draw lines from 2023 to March 2025: every tenth customer stops with the base period."""
    rows = []
    for i in range(n):
        rate = rng.gamma(2.0, 20) / 366
        first = int(rng.integers(0, 200))
        days = first + rng.exponential(1 / rate, 300).cumsum()
        last = 730 if i % 10 == 0 else 820
        days = days[days <= last]
        if wear:  # she may stop for good after any purchase, with a chance of her own
            days = days[: 1 + rng.geometric(rng.beta(*wear))]
        rows += [(f"k{i}", str(date(2023, 1, 1) + timedelta(days=int(day))), "1.00") for day in days]
    return transactions(rows)


def test_listed_customers_are_those_of_the_flagged_cells():
    lines = company_lines(np.random.default_rng(10))
    watchlist = loyalty.watch(lines, base=BASE, window=WINDOW, seen_from=date(2023, 1, 1))
    listed = watchlist.customers(lines).to_pandas()
    assert len(listed) == watchlist.n_flagged > 5
    assert listed["customer"].is_unique
    each = recent_buying(lines, base=BASE, window=WINDOW).to_pandas().set_index("customer")
    mine = each.loc[listed["customer"]]
    assert (mine["n_base"].to_numpy() == listed["n_base"]).all()
    assert (listed["q_value"] <= 0.1).all()
    p = loyalty.chance_of_so_few(
        mine["n_window"],
        shape=watchlist.counted.fit.r + mine["n_base"],
        expected=(watchlist.counted.fit.r + mine["n_base"])
        / (watchlist.counted.fit.alpha + 366) * 90 * watchlist.market_change,
    )  # fmt: skip
    np.testing.assert_allclose(listed["p_value"], p, rtol=1e-12)
    # the level promises nine in ten; three binomial errors of some forty customers below
    assert (listed["customer"].str[1:].astype(int) % 10 == 0).mean() > 0.75


def test_chance_of_being_alive_is_that_of_the_model():
    lines = company_lines(np.random.default_rng(11), n=1200, wear=(1, 15))
    watchlist = loyalty.watch(lines, base=BASE, window=WINDOW, seen_from=date(2023, 2, 1))
    assert not [check for check in watchlist.evidence.failed if check.name == "chance of being alive"]
    listed = watchlist.customers(lines).to_pandas()
    days = lines.filter(lines["date"] <= WINDOW[1]).distinct().to_pandas()
    seen = days.groupby("customer")["date"].agg(["min", "max", "nunique"])
    first, last = (pd.to_datetime(seen[name]) for name in ("min", "max"))
    late = first >= "2023-02-01"
    history = pd.DataFrame(
        {"x": seen["nunique"] - 1, "recency": (last - first).dt.days,
         "age": (pd.Timestamp(WINDOW[1]) - first).dt.days}
    )[late]  # fmt: skip
    fit = fit_bg_nbd(history["x"], recency=history["recency"], age=history["age"])
    alive = fit.probability_alive(history["x"], recency=history["recency"], age=history["age"])
    # the same model fitted to rows instead of cells: the sums differ by rounding alone
    theirs = pd.Series(alive, index=history.index).reindex(listed["customer"]).to_numpy()
    np.testing.assert_allclose(listed["p_alive"], theirs, rtol=1e-4)
    assert np.isnan(theirs).any()  # those from January are not seen from their first purchase
    assert np.nanmean(theirs) < 0.5


def test_short_histories_are_said():
    lines = company_lines(np.random.default_rng(15), n=200)
    buyers, established = (
        loyalty.watch(lines, base=BASE, window=WINDOW, who=who) for who in ("buyers", "established")
    )
    assert "histories of full length" in [check.name for check in buyers.evidence.failed]
    assert "histories of full length" in buyers.narrative()
    assert "histories of full length" not in [check.name for check in established.evidence.checks]


def test_without_a_fit_no_chance_of_being_alive_is_told():
    """Where everybody stops on one day and nobody after a purchase, the model has no estimate."""
    lines = company_lines(np.random.default_rng(11))
    watchlist = loyalty.watch(lines, base=BASE, window=WINDOW, seen_from=date(2023, 2, 1))
    assert "chance of being alive" in [check.name for check in watchlist.evidence.failed]
    assert watchlist.customers(lines).to_pandas()["p_alive"].isna().all()


def test_newcomers_are_counted_from_their_first_purchase():
    rng = np.random.default_rng(12)
    rows = []
    for i in range(600):
        days = int(rng.integers(0, 330)) + np.concatenate(
            [[0], rng.exponential(1 / rng.gamma(3, 0.03), 90).cumsum()]
        )
        last = 366 if i % 5 == 0 else 455
        days = np.unique(days[days <= last].astype(int))
        rows += [(f"k{i}", str(date(2024, 1, 1) + timedelta(days=int(day))), "1.00") for day in days]
    lines = transactions([*rows, ("old", "2023-12-31", "1.00")])
    watchlist = loyalty.watch(lines, base=BASE, window=WINDOW, who="newcomers", loyal=4)
    listed = watchlist.customers(lines).to_pandas()
    assert (
        watchlist.evidence.n_given
        == recent_buying(lines, base=BASE, window=WINDOW, who="newcomers")
        .filter(lambda t: t["exposure"] > 0)
        .count()
        .to_pyarrow()
        .as_py()
    )
    assert (listed["customer"].str[1:].astype(int) % 5 == 0).mean() > 0.8


# --- Halden


@pytest.fixture(scope="module")
def halden():
    """Halden with 5,000 customers, its last 180 days tested against the two years before."""
    company = simulate.company(customers=5000)
    lines = company.table("transactions")
    last = date(2025, 12, 31)
    window = (last - timedelta(days=179), last)
    base = (window[0] - timedelta(days=730), window[0] - timedelta(days=1))
    return company, lines, loyalty.watch(lines, base=base, window=window)


def truth_of(company):
    """Return when each customer left and when her rate changed, in days from the start of the data."""
    world = halden_of(company)
    network, frames = world.network(), []
    for block in world.blocks():
        members = world.members(network, block)
        lives = world.lives(network, members)
        frames.append(
            pd.DataFrame(
                {
                    "customer": [f"C{number:07d}" for number in members.number],
                    "exit": lives.exit,
                    "changes": members.changes_at * 365.25 / 12,
                    "to": members.changes_to,
                }
            )
        )
    return pd.concat(frames).set_index("customer")


def test_halden_false_alarms_and_power(halden):
    company, lines, watchlist = halden
    truth = truth_of(company)
    listed = truth.loc[watchlist.customers(lines).to_pandas()["customer"]]
    start = date(2022, 1, 1)
    first, end = (watchlist.counted.base[0] - start).days, (watchlist.counted.window[1] - start).days
    changed = (listed["exit"] <= end) | ((listed["to"] < 1) & listed["changes"].between(first, end))
    # whoever neither left nor fell is a false alarm, even if her experience worsened; three binomial errors
    n = len(listed)
    assert n > 120
    assert (~changed).mean() <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / n)
    # of the heavy buyers who left before the window, nine in ten are found
    each = recent_buying(lines, base=watchlist.counted.base, window=watchlist.counted.window).to_pandas()
    gone = truth.loc[each["customer"], "exit"].to_numpy() < (watchlist.counted.window[0] - start).days
    heavy = each.loc[gone & (each["n_base"] >= 24).to_numpy(), "customer"]
    assert heavy.isin(listed.index).mean() > 0.9


def test_halden_recession_is_no_warning(halden):
    _, _, watchlist = halden
    # the whole window lies in the recession (0.93), as do the last of the base period's 24 months; the season
    # of July to December is about that of a year. What remains is between the recession's 0.93 and 1.
    assert 0.9 < watchlist.market_change < 1.0
    assert not watchlist.evidence.failed


def test_stationary_world_has_nobody_to_watch():
    company = simulate.company(customers=3000, world="stationary")
    lines = company.table("transactions")
    for days in (90, 180):
        window = (date(2025, 12, 31) - timedelta(days=days - 1), date(2025, 12, 31))
        base = (window[0] - timedelta(days=365), window[0] - timedelta(days=1))
        assert loyalty.watch(lines, base=base, window=window).n_flagged <= 2  # practically nobody


# --- what is refused


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"who": "everyone"}, OptionError, "established, buyers, newcomers"),
        ({"control": "holm"}, OptionError, "no control named 'holm'"),
        ({"fdr": 0}, OptionError, "fdr is 0"),
        ({"loyal": 0}, OptionError, "loyal is 0"),
        ({"loyal": None}, OptionError, "loyal is None; give a whole number"),
        ({"loyal": "6"}, OptionError, "loyal is '6'"),
        ({"loyal": 2.5}, OptionError, "loyal is 2.5"),
        ({"loyal": True}, OptionError, "loyal is True"),
        ({"fdr": None}, OptionError, "fdr is None; allowed: a share"),
        ({"market_change": "seen"}, OptionError, "market_change is 'seen'; give a positive factor"),
        ({"market_change": float("nan")}, OptionError, "market_change is nan"),
        ({"seen_from": "2021"}, OptionError, "seen_from is '2021'; give a day"),
        ({"conf_level": None}, OptionError, "conf_level is None"),
        ({"who": None}, OptionError, "established, buyers, newcomers"),
        ({"control": None}, OptionError, "no control named None"),
        ({"base": None}, OptionError, "base is None; give its first and last day"),
        ({"base": ("2024-01-01", "2024-12-31")}, OptionError, "base is .*; give its first and last day"),
        ({"window": (date(2025, 1, 1), None)}, OptionError, "window is .*; give its first and last day"),
        ({"window": date(2025, 1, 1)}, OptionError, "window is .*; give its first and last day"),
        ({"loyal": 1000}, DesignError, "no customer has 1000 purchase days"),
        ({"market_change": -1}, OptionError, "market_change is -1"),
        ({"conf_level": 2}, OptionError, "conf_level"),
        ({"window": (date(2025, 1, 2), date(2025, 3, 31))}, OptionError, "day after the base ends"),
        ({"base": (date(2024, 12, 31), date(2024, 1, 1))}, OptionError, "day after the base ends"),
        (
            {"base": (date(2025, 4, 1), date(2026, 3, 31)), "window": (date(2026, 4, 1), date(2026, 6, 1))},
            DesignError,
            "the data run from",
        ),
        (
            {"base": (date(2022, 1, 1), date(2023, 6, 30)), "window": (date(2023, 7, 1), date(2023, 9, 1))},
            DesignError,
            "begin the base period later",
        ),
        ({"seen_from": date(2025, 3, 31)}, DesignError, "choose an earlier seen_from"),
    ],
)
def test_what_is_refused(options, error, words):
    lines = company_lines(np.random.default_rng(13), n=60)
    arguments = {"base": BASE, "window": WINDOW} | options
    with pytest.raises(error, match=words):
        loyalty.watch(lines, **arguments)


def test_what_else_is_refused():
    lines = company_lines(np.random.default_rng(14), n=60)
    with pytest.raises(DataError, match=r"the transactions are a DataFrame; .*company.table"):
        loyalty.watch(lines.to_pandas(), base=BASE, window=WINDOW)
    with pytest.raises(ColumnError, match="revenue"):
        loyalty.watch(lines.drop("revenue"), base=BASE, window=WINDOW)
    with pytest.raises(DesignError, match="hold no purchase"):
        loyalty.watch(lines.filter(lines["revenue"] < 0), base=BASE, window=WINDOW)
    with pytest.raises(DesignError, match="nobody bought anything in the window"):
        decided(np.array([1, 2, 3, 9, 12]), np.zeros(5, dtype=int), loyal=1)
    with pytest.raises(DesignError, match="no customer bought from"):
        loyalty.watch(
            lines.filter((lines["date"] < BASE[0]) | (lines["date"] > BASE[1])),
            base=BASE,
            window=WINDOW,
            who="buyers",
        )
