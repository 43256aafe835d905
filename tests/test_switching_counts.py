"""Loyal households counted over several years on the engine: by hand, and beside another way of counting."""

from datetime import date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cemlab.data import engine
from cemlab.data.switching import macro_by_period, switching_counts
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.loyalty import calendar_years
from cemlab.simulate.market import panel, rivals
from cemlab.simulate.streams import Streams
from cemlab.simulate.worlds import WORLDS

YEARS = calendar_years(2022, 2024)
KEY = ["transition", "n_base", "x_base", "fate", "experience", "offers"]


def lines(*bought):
    """Return the panel's table from (household, day, brand) triples."""
    frame = pd.DataFrame(bought, columns=["customer", "date", "brand"])
    frame["date"] = pd.to_datetime(frame["date"]).dt.date
    return frame.assign(category="tea", units=1)


def rated(*given):
    """Return the ratings from (household, brand, day, quality, price)."""
    frame = pd.DataFrame(given, columns=["respondent", "brand", "date", "quality", "price"])
    frame["date"] = pd.to_datetime(frame["date"]).dt.date
    return frame


ENGINE = engine.connect()  # one for all, as a company's tables have


def on_engine(frame):
    name = f"given_{len(ENGINE.list_tables())}"
    return ENGINE.create_table(name, pa.Table.from_pandas(frame, preserve_index=False))


def count(purchases, ratings=None, **options):
    chosen = {"brand": "A", "periods": YEARS, "threshold": 0.7, "least": 1} | options
    given = None if ratings is None else on_engine(ratings)
    return switching_counts(on_engine(purchases), ratings=given, **chosen)


HOUSEHOLDS = lines(
    # stays loyal, then weakens
    ("stays", "2022-03-01", "A"),
    ("stays", "2023-03-01", "A"),
    ("stays", "2024-03-01", "A"),
    ("stays", "2024-04-01", "B"),
    # seven of ten is loyal; leaves for another brand, and is loyal to A no more
    *[("leaves", f"2022-05-{day:02d}", "A" if day <= 7 else "B") for day in range(1, 11)],
    ("leaves", "2023-01-01", "B"),
    # leaves the category on the last day of the year
    ("silent", "2022-12-31", "A"),
    # never loyal to A
    ("other", "2022-06-01", "B"),
    ("other", "2023-06-01", "A"),
    ("other", "2023-06-02", "B"),
)


# by hand


def test_fates_are_counted():
    found = count(HOUSEHOLDS)
    cells = found.cells.astype({"fate": int})
    rows = [
        tuple(row) for row in cells[["transition", "n_base", "x_base", "fate", "n_households"]].to_numpy()
    ]
    assert rows == [(0, 1, 1, 0, 1), (0, 1, 1, 3, 1), (0, 10, 7, 2, 1), (1, 1, 1, 1, 1)]
    assert cells[["experience", "offers"]].isna().all(axis=None)
    # the household that stays is in the first cell, and then in the last
    assert found.pairs.to_numpy().tolist() == [[0, 3, 1]]
    assert found.brands == ("A", "B")
    assert found.seen == (date(2022, 3, 1), date(2024, 4, 1))
    assert (found.gaps, found.rated, found.name) == ((), {}, "tea")


def test_threshold_and_minimum_say_who_is_loyal():
    assert count(HOUSEHOLDS, threshold=0.71).cells["n_households"].sum() == 3
    assert count(HOUSEHOLDS, least=2).cells["n_base"].tolist() == [10]


def test_lines_without_a_piece_are_no_purchases():
    frame = HOUSEHOLDS.copy()
    frame.loc[frame["customer"] == "stays", "units"] = 0
    assert count(frame).cells["n_households"].sum() == 2


def test_gaps_are_made_of_the_best_rival():
    ratings = rated(
        ("stays", "A", "2022-06-01", 8.0, 5.0),
        ("stays", "B", "2022-06-01", 7.5, 4.0),
        ("stays", "C", "2022-06-01", 6.0, 6.5),
        ("silent", "A", "2022-06-01", 8.0, 5.0),  # no rival rated
        ("leaves", "B", "2022-06-01", 8.0, 5.0),  # the brand itself not rated
    )
    cells = count(HOUSEHOLDS, ratings).cells
    known = cells[cells["experience"].notna()]
    assert known[KEY].to_numpy().tolist() == [[0, 1, 1, 0, 0.5, 1.5]]
    assert cells["offers"].notna().sum() == 1


def test_several_ratings_of_one_brand_are_averaged():
    ratings = rated(
        ("stays", "A", "2022-06-01", 8.0, 5.0),
        ("stays", "A", "2022-09-01", 6.0, 5.0),
        ("stays", "B", "2022-06-01", 6.5, 5.0),
    )
    assert count(HOUSEHOLDS, ratings).cells["experience"].dropna().tolist() == [0.5]


@pytest.mark.parametrize(
    ("day", "transition"),
    [
        ("2022-01-01", None),  # the base year begins
        ("2022-01-02", 0),
        ("2023-01-01", 0),  # before anything is bought on the first day of the follow-up
        ("2023-01-02", 1),
        ("2024-01-01", 1),
        ("2024-01-02", None),  # the last follow-up is under way: what is said may follow from it
    ],
)
def test_a_rating_speaks_for_the_year_before_what_it_is_to_explain(day, transition):
    ratings = rated(("stays", "A", day, 8.0, 5.0), ("stays", "B", day, 7.0, 5.0))
    found = count(HOUSEHOLDS, ratings)
    known = found.cells[found.cells["experience"].notna()]["transition"].tolist()
    assert known == ([] if transition is None else [transition])
    used = 0 if transition is None else 2
    assert found.rated == {"used for a transition": used, "undated": 0, "outside": 2 - used}


def test_undated_ratings_are_left_out_and_counted():
    ratings = rated(("stays", "A", "2022-06-01", 8.0, 5.0), ("stays", "B", None, 7.0, 5.0))
    found = count(HOUSEHOLDS, ratings)
    assert found.rated == {"used for a transition": 1, "undated": 1, "outside": 0}
    assert found.cells["experience"].isna().all()


def test_one_rating_may_be_missing_altogether():
    ratings = rated(("stays", "A", "2022-06-01", 8.0, 5.0), ("stays", "B", "2022-06-01", 7.0, 5.0))
    found = count(HOUSEHOLDS, ratings.drop(columns="price"))
    assert found.gaps == ("experience",)
    assert found.cells["experience"].dropna().tolist() == [1.0]
    assert found.cells["offers"].isna().all()


# beside another way of counting


@pytest.fixture(scope="module")
def simulated():
    world, streams, n = WORLDS["default"], Streams(5), 1_500
    block = panel.households(world, streams, block=0, first=0, n=n)
    counts = panel.yearly_counts(panel.purchases(world, streams, block), n=n)
    purchases = panel.category_purchases(world, streams, block).to_pandas()
    ratings = rivals.competitor_ratings(world, streams, block).to_pandas()
    return counts, purchases, ratings


def test_the_engine_counts_what_arrays_say(simulated):
    counts, purchases, ratings = simulated
    found = count(purchases, ratings, brand="Halden", periods=calendar_years(2022, 2025))
    quality = ratings.pivot(index="respondent", columns="brand", values="quality")
    gap = (quality["Halden"] - quality.drop(columns="Halden").max(axis=1)).round(6)
    given_in = pd.to_datetime(ratings.groupby("respondent")["date"].first()).dt.year - 2023
    expected = []
    for year in range(3):
        fate = panel.fates(counts, year=year)
        for household in np.flatnonzero(fate >= 0):
            name = f"P{household + 1:07d}"
            known = gap.get(name, np.nan) if given_in.get(name) == year else np.nan
            bought = counts[household, year]
            expected.append((year, bought.sum(), bought[0], fate[household], known))
    columns = KEY[:5]
    wanted = pd.DataFrame(expected, columns=columns).value_counts(dropna=False, sort=False)
    cells = found.cells.groupby(columns, dropna=False)["n_households"].sum()
    assert cells.sum() == len(expected)
    pd.testing.assert_series_equal(
        cells.sort_index(), wanted.sort_index(), check_names=False, check_index_type=False
    )
    loyal = np.stack([panel.fates(counts, year=year) >= 0 for year in range(3)]).sum(axis=0)
    assert found.pairs["n_households"].sum() == (loyal * (loyal - 1) // 2).sum()
    # a pair joins cells of two transitions
    year = found.cells["transition"].to_numpy()
    assert (year[found.pairs["first"]] < year[found.pairs["second"]]).all()


# the economy


def months(years=range(2022, 2025), **columns):
    frame = pd.DataFrame({"month": [date(y, m, 1) for y in years for m in range(1, 13)]})
    return frame.assign(**columns)


def test_the_economy_is_averaged_by_year():
    table = months(unemployment=np.repeat([0.05, 0.06, 0.08], 12))
    found = macro_by_period(on_engine(table), periods=YEARS, columns=["unemployment"])
    assert [row["unemployment"] for row in found] == pytest.approx([0.05, 0.06, 0.08])
    spread = table["unemployment"].std()
    assert [row["unemployment_sd"] for row in found] == pytest.approx([spread] * 3)


def test_an_economy_with_holes_is_refused():
    table = months(unemployment=0.05)
    with pytest.raises(ColumnError, match="macro: no column named 'confidence'"):
        macro_by_period(on_engine(table), periods=YEARS, columns=["confidence"])
    holes = table.assign(unemployment=table["unemployment"].where(table["month"] != date(2023, 4, 1)))
    with pytest.raises(DataError, match="11 of the 12 months that begin from 2023-01-01 to 2023-12-31"):
        macro_by_period(on_engine(holes), periods=YEARS, columns=["unemployment"])
    with pytest.raises(DataError, match="0 of the 12 months that begin from 2024-01-01"):
        macro_by_period(
            on_engine(months(range(2022, 2024), unemployment=0.05)), periods=YEARS, columns=["unemployment"]
        )
    twice = pd.concat([table, table.iloc[[3]]])
    with pytest.raises(DataError, match="stands twice"):
        macro_by_period(on_engine(twice), periods=YEARS, columns=["unemployment"])


def test_a_year_that_lacks_months_is_refused():
    with pytest.raises(DataError, match="11 of the 12 months that begin from 2022-01-01"):
        macro_by_period(
            on_engine(months(unemployment=0.05).iloc[1:]), periods=YEARS, columns=["unemployment"]
        )


# what is refused


@pytest.mark.parametrize("column", ["customer", "date", "category", "brand"])
def test_a_missing_column_of_purchases_is_named(column):
    with pytest.raises(ColumnError, match=f"category_purchases: no column named '{column}'"):
        count(HOUSEHOLDS.drop(columns=column))


def test_ratings_without_dates_are_refused_with_the_reason():
    ratings = rated(("stays", "A", "2022-06-01", 8.0, 5.0))
    with pytest.raises(ColumnError, match=r"ratings: no column named 'date'.*undated ratings may"):
        count(HOUSEHOLDS, ratings.drop(columns="date"))
    with pytest.raises(ColumnError, match="ratings: no column named 'respondent'"):
        count(HOUSEHOLDS, ratings.drop(columns="respondent"))
    with pytest.raises(ColumnError, match="'quality' and 'price' is there"):
        count(HOUSEHOLDS, ratings.drop(columns=["quality", "price"]))
    with pytest.raises(DataError, match=r"ratings, column 'date': .* is not a business date"):
        count(HOUSEHOLDS, ratings.assign(date="2022-06-01"))


def test_a_timestamp_counts_as_its_day():
    ratings = rated(("stays", "A", "2022-06-01", 8.0, 5.0), ("stays", "B", "2022-06-01", 7.0, 5.0))
    late = ratings.assign(date=datetime(2023, 1, 1, 23, 59))
    assert count(HOUSEHOLDS, late).cells["experience"].dropna().tolist() == [1.0]


def test_a_category_must_be_chosen_among_several():
    two = pd.concat([HOUSEHOLDS, HOUSEHOLDS.assign(category="coffee")])
    with pytest.raises(DesignError, match="holds 2 categories"):
        count(two)
    assert count(two, category="tea").cells["n_households"].sum() == 4
    with pytest.raises(OptionError, match="no category named 'milk'"):
        count(two, category="milk")
