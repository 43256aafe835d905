"""Worlds in which nobody changes and yet an excess appears: what is checked must say so."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from cemlab import loyalty
from cemlab.data import engine
from cemlab.data.panel import PanelCounts
from cemlab.errors import DataError, OptionError
from cemlab.loyalty.excess import _alike
from cemlab.loyalty.history_null import Expectation
from cemlab.loyalty.panels import BrandPanel
from cemlab.stats.intervals import Interval

SHARES = {"a": 0.1, "b": 0.3, "c": 0.25, "d": 0.2, "e": 0.15}
SILENT, LOYAL, RATE = (
    "households that fell silent",
    "loyalty to a under the null",
    "purchases per buyer under the null",
)


def counted(before, after, *, days=365) -> BrandPanel:
    """Count households of two periods, each given as purchases of shape (households, brands)."""
    n, later = before.sum(axis=1), after.sum(axis=1)

    def cells(**columns):
        return pd.DataFrame(columns).value_counts(sort=False).rename("n_households").reset_index()

    moves, bought = [], []
    for code, brand in enumerate(SHARES):
        x, own = before[:, code], after[:, code]
        some, any_ = x > 0, (x > 0) | (own > 0)
        moves.append(cells(n_base=n[some], x_base=x[some], n_next=later[some], x_next=own[some]))
        bought.append(cells(x_base=x[any_], x_next=own[any_]))
        moves[-1]["brand"] = bought[-1]["brand"] = brand
    some = (n > 0) | (later > 0)
    first = date(2024, 1, 1)
    turn, last = first + timedelta(days=days), first + timedelta(days=2 * days - 1)
    return BrandPanel(
        counts=PanelCounts(
            moves=pd.concat(moves, ignore_index=True),
            category=cells(n_base=n[some], n_next=later[some]),
            brands=pd.concat(bought, ignore_index=True),
            name="tea",
            seen=(first, last),
        ),
        base=(first, turn - timedelta(days=1)),
        follow_up=(turn, last),
    )


def households(n=12_000, *, seed=1):
    """Return rates (mean 3, gamma) and shares (Dirichlet, S 1.2) of households, and the random numbers."""
    rng = np.random.default_rng(seed)
    return rng, rng.gamma(1.0, 3.0, n), rng.dirichlet(1.2 * np.array(list(SHARES.values())), n)


def failed(panel, **options):
    null = loyalty.stationary_market(panel, replications=20)
    result = loyalty.excess(panel, null=null, brand="a", **options)
    return result.of("excess").iloc[0], {check.name for check in result.evidence.failed}


def test_a_market_of_the_nulls_own_kind_passes_every_check():
    rng, rate, share = households()
    gap, names = failed(counted(*(rng.multinomial(rng.poisson(rate), share) for _ in range(2))))
    assert not names
    assert gap["conf_low"] < 0 < gap["conf_high"]


def test_a_panel_that_replaces_its_leavers_is_told():
    rng, rate, share = households()
    before, after = (rng.multinomial(rng.poisson(rate), share) for _ in range(2))
    # a tenth report no more, and others come in their place: the panel as a whole buys as much as ever
    after[:1200] = 0
    before[-1200:] = 0
    panel = counted(before, after)
    gap, names = failed(panel)
    assert gap["conf_low"] > 0
    assert names == {SILENT}
    assert SILENT not in failed(panel, among="buyers")[1]


def test_lines_that_are_no_purchases_of_their_own_are_told():
    rng, rate, share = households()
    trips = [rng.multinomial(rng.poisson(rate / 2), share) for _ in range(2)]
    gap, names = failed(counted(*(trip + rng.poisson(trip) for trip in trips)))
    assert gap["conf_low"] > 0.2
    assert SILENT in names


def test_loyalty_that_goes_with_the_rate_is_told():
    rng, rate, share = households()
    lighter = rate * np.exp(-share[:, 0])  # who prefers the brand buys less of the category
    _, names = failed(counted(*(rng.multinomial(rng.poisson(lighter), share) for _ in range(2))))
    assert LOYAL in names


def test_few_buyers_of_a_small_brand_who_are_its_fans_are_told():
    rng, rate, share = households(20_000)
    fans = np.where(rng.random(len(rate)) < 0.02, rng.beta(2, 1, len(rate)), 0.0)
    share[:, 0] = 0
    share = np.column_stack([fans, share[:, 1:] / share.sum(axis=1)[:, None] * (1 - fans)[:, None]])
    gap, names = failed(counted(*(rng.multinomial(rng.poisson(rate), share) for _ in range(2))))
    assert gap["estimate"] < 0
    assert LOYAL in names


def test_a_stated_market_of_another_period_is_told():
    rng, rate, share = households()
    panel = counted(*(rng.multinomial(rng.poisson(rate), share) for _ in range(2)), days=90)
    stated = {"mean": 3.0, "shape": 1.0, "switching": 1.2, "shares": SHARES}
    names = []
    for days in (365, 90):
        result = loyalty.excess(panel, null=loyalty.stated_market(**stated, days=days), brand="a")
        names.append({check.name for check in result.evidence.failed})
    # three purchases a quarter are not three a year
    assert RATE in names[0]
    assert not names[1]


@pytest.mark.parametrize("days", [0, 90.5, True, 10**9])
def test_a_period_of_no_length_is_refused(days):
    with pytest.raises(OptionError, match="days is"):
        loyalty.stated_market(mean=1, shape=1, switching=1, shares={"a": 0.5}, days=days)


YEARS = {"base": (date(2024, 1, 1), date(2024, 12, 31)), "follow_up": (date(2025, 1, 1), date(2025, 12, 31))}


def bought(**columns):
    """Return a small table of purchases, with some columns of another kind."""
    rows = pd.DataFrame(
        {
            "customer": ["P1", "P1", "P2", "P2"],
            "date": pd.to_datetime(["2024-02-01", "2025-03-01", "2024-05-01", "2025-12-31"]),
            "category": "tea",
            "brand": ["A", "B", "B", "A"],
            "units": 1,
        }
    ).assign(**columns)
    return engine.connect().create_table("category_purchases", rows)


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"brand": [1, 2, 2, 1]}, "column 'brand': int64 is a number and no name"),
        ({"category": 7}, "column 'category': int64 is a number and no name"),
        ({"units": "1"}, "column 'units': text is no number"),
    ],
)
def test_columns_of_another_kind_are_refused(columns, line):
    with pytest.raises(DataError, match=line):
        loyalty.panel(bought(**columns), **YEARS)


@pytest.mark.parametrize(
    "wrong", [None, ("2024-01-01", "2024-12-31"), (pd.Timestamp(2024, 1, 1), pd.Timestamp(2024, 12, 31))]
)
@pytest.mark.parametrize("period", ["base", "follow_up"])
def test_periods_that_are_no_days_are_refused(period, wrong):
    with pytest.raises(OptionError, match=f"{period} is"):
        loyalty.panel(bought(), **(YEARS | {period: wrong}))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"threshold": None}, "threshold is None"),
        ({"threshold": "0.7"}, "threshold is '0.7'"),
        ({"market_change": None}, "market_change is None"),
        ({"market_change": 1e300}, r"market_change is 1e\+300"),
    ],
)
def test_options_of_another_kind_are_refused(options, line):
    null = loyalty.stated_market(mean=3.0, shape=1.0, switching=1.2, shares={"a": 0.5})
    panel = null.simulate(200, seed=1)
    with pytest.raises(OptionError, match=line):
        loyalty.excess(panel, null=null, brand="a", **options)


@pytest.mark.parametrize(
    "options",
    [{"replications": 20.5}, {"replications": "many"}, {"panel_size": 400.5}, {"panel_size": "all"}],
)
def test_numbers_of_another_kind_are_refused(options):
    null = loyalty.stated_market(mean=3.0, shape=1.0, switching=1.2, shares={"a": 0.5})
    with pytest.raises(OptionError, match=f"{next(iter(options))} is"):
        loyalty.stationary_market(null.simulate(200, seed=1), **options)
    with pytest.raises(OptionError, match="households is"):
        null.simulate(next(iter(options.values())), seed=1)


def test_differences_between_households_shrink_where_a_part_of_all_is_lost():
    quarter = np.asarray(0.25)
    # half of the households leave with chance 0 and half with 0.5: variance 0.125 for a binomial 0.1875
    told = Expectation(share=Interval(quarter, quarter, quarter), spread_ratio=0.1875 / 0.125)
    assert _alike(25, 100, told) == pytest.approx(150)
    # 0.4 of all are lost besides: chances 0.4 and 0.7, variance (0.24 + 0.21) / 2 for a binomial 0.2475
    assert _alike(55, 100, told) == pytest.approx(100 * 0.2475 / 0.225)
    assert _alike(0, 100, told) == _alike(100, 100, told) == 100


def test_unemployment_in_per_cent_is_refused():
    rows = [
        {"customer": f"P{i}", "date": pd.Timestamp(year, 6, 1), "category": "tea", "brand": "AB"[i % 10 == 0]}
        for i in range(40)
        for year in (2022, 2023, 2024)
    ]
    months = pd.date_range("2022-01-01", "2024-12-01", freq="MS")
    con = engine.connect()
    macro = con.create_table("macro", pd.DataFrame({"month": months, "unemployment": 5.5}))
    with pytest.raises(DataError, match=r"column 'unemployment': 5.5 is no share"):
        loyalty.loyal_moves(
            con.create_table("category_purchases", pd.DataFrame(rows)),
            brand="A",
            periods=loyalty.calendar_years(2022, 2024),
            macro=macro,
        )
