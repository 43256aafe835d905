"""A household panel counted on the engine: by hand, against brute force on rows, and what is refused."""

from collections import Counter
from datetime import date, timedelta

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab import loyalty
from cemlab.data import engine
from cemlab.data.panel import panel_counts
from cemlab.errors import ColumnError, DataError, DesignError, OptionError

BASE = (date(2024, 1, 1), date(2024, 12, 31))
NEXT = (date(2025, 1, 1), date(2025, 12, 31))

ROWS = [
    ("P1", "2024-01-01", "A", 1),  # first day of the base period
    ("P1", "2024-05-05", "A", 3),  # three pieces are one purchase
    ("P1", "2024-05-05", "A", 1),  # a second line of the day
    ("P1", "2024-12-31", "B", 1),  # last day of the base period
    ("P1", "2025-01-01", "B", 1),
    ("P2", "2024-07-01", "B", 1),
    ("P3", "2025-12-31", "C", 1),  # bought in the follow-up only
    ("P4", "2024-03-03", "A", 1),
    ("P4", "2024-04-03", "A", -1),  # brought back
    ("P4", "2025-04-03", "A", 1),
    ("P5", "2023-12-31", "A", 1),  # the day before
    ("P5", "2026-01-01", "A", 1),  # the day after
]


CONNECTION = engine.connect()


def table(rows):
    frame = pd.DataFrame(rows, columns=["customer", "date", "brand", "units"])
    frame = frame.assign(category="tea").astype({"customer": "string", "brand": "string"})
    made = CONNECTION.create_table("category_purchases", frame, overwrite=True)
    return made.mutate(date=made["date"].cast("date"), units=made["units"].cast("int64"))


def cells(frame):
    return {tuple(row[:-1]): row[-1] for row in frame.itertuples(index=False)}


def test_cells_counted_by_hand():
    counts = panel_counts(table(ROWS), base=BASE, follow_up=NEXT)
    assert cells(counts.moves) == {
        ("A", 4, 3, 1, 0): 1,  # P1
        ("B", 4, 1, 1, 1): 1,
        ("B", 1, 1, 0, 0): 1,  # P2
        ("A", 1, 1, 1, 1): 1,  # P4
    }
    assert cells(counts.category) == {(4, 1): 1, (1, 0): 1, (0, 1): 1, (1, 1): 1}
    assert cells(counts.brands) == {
        ("A", 3, 0): 1,
        ("A", 1, 1): 1,
        ("B", 1, 1): 1,
        ("B", 1, 0): 1,
        ("C", 0, 1): 1,
    }
    assert (counts.name, counts.returns) == ("tea", 1)
    assert counts.seen == (date(2023, 12, 31), date(2026, 1, 1))


def test_a_day_of_a_brand_can_count_once():
    counts = panel_counts(table(ROWS), base=BASE, follow_up=NEXT, occasion="day")
    assert cells(counts.moves)[("A", 3, 2, 1, 0)] == 1
    assert cells(counts.moves)[("B", 3, 1, 1, 1)] == 1


def test_two_brands_of_one_day_are_two_purchases():
    rows = [("P1", "2024-02-02", "A", 1), ("P1", "2024-02-02", "B", 1)]
    counts = panel_counts(table(rows), base=BASE, follow_up=NEXT, occasion="day")
    assert cells(counts.moves) == {("A", 2, 1, 0, 0): 1, ("B", 2, 1, 0, 0): 1}


def test_units_are_not_needed_and_times_become_days():
    rows = pd.DataFrame(
        {
            "customer": ["P1", "P1"],
            "date": pd.to_datetime(["2024-12-31 23:59", "2025-01-01 00:00"]),
            "category": "tea",
            "brand": ["A", "A"],
        }
    )
    counts = panel_counts(
        engine.connect().create_table("category_purchases", rows), base=BASE, follow_up=NEXT
    )
    assert cells(counts.moves) == {("A", 1, 1, 1, 1): 1}


def test_lines_without_units_are_purchases():
    rows = table([("P1", "2024-02-02", "A", 1)]).mutate(units=None)
    assert len(panel_counts(rows, base=BASE, follow_up=NEXT).moves) == 1


purchase = st.tuples(
    st.integers(0, 4),  # household
    st.integers(0, 40),  # day
    st.sampled_from("ABC"),
    st.integers(-1, 2),  # units
)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(purchase, min_size=1, max_size=40), by_day=st.booleans())
def test_the_engine_counts_what_brute_force_counts(rows, by_day):
    first = date(2024, 1, 1)
    base = (first + timedelta(5), first + timedelta(19))
    follow_up = (first + timedelta(20), first + timedelta(34))
    bought = [(h, d, b) for h, d, b, units in rows if units > 0 and 5 <= d <= 34]
    if by_day:
        bought = sorted(set(bought))
    per_brand = Counter((h, b, d > 19) for h, d, b in bought)
    of_all = Counter((h, d > 19) for h, d, _ in bought)
    pairs = {(h, b) for h, _, b in bought}
    moves = Counter(
        (b, of_all[h, False], per_brand[h, b, False], of_all[h, True], per_brand[h, b, True])
        for h, b in pairs
        if per_brand[h, b, False]
    )
    category = Counter((of_all[h, False], of_all[h, True]) for h in {h for h, _ in pairs})
    brands = Counter((b, per_brand[h, b, False], per_brand[h, b, True]) for h, b in pairs)

    lines = [(f"P{h}", (first + timedelta(d)).isoformat(), b, units) for h, d, b, units in rows]
    counts = panel_counts(table(lines), base=base, follow_up=follow_up, occasion="day" if by_day else "line")
    assert cells(counts.moves) == moves
    assert cells(counts.category) == category
    assert cells(counts.brands) == brands
    # whatever the rows: brands add up to the category
    total = (counts.category["n_base"] * counts.category["n_households"]).sum()
    assert (counts.moves["x_base"] * counts.moves["n_households"]).sum() == total


# --- one category at a time


def two_categories():
    lines = table(ROWS)
    return lines.mutate(category=ibis.cases((lines["brand"] == "C", "coffee"), else_="tea"))


def test_several_categories_must_be_chosen_from():
    with pytest.raises(DesignError, match=r"2 categories \('coffee', 'tea'\); .* category=…"):
        panel_counts(two_categories(), base=BASE, follow_up=NEXT)
    chosen = panel_counts(two_categories(), base=BASE, follow_up=NEXT, category="tea")
    assert set(chosen.brands["brand"]) == {"A", "B"}
    assert cells(chosen.category) == {(4, 1): 1, (1, 0): 1, (1, 1): 1}


def test_only_the_first_of_many_categories_are_named():
    rows = pd.DataFrame(
        {
            "customer": "P1",
            "date": pd.to_datetime(["2024-02-01"] * 12),
            "category": [f"c{i:02}" for i in range(12)],
            "brand": "A",
        }
    )
    with pytest.raises(DesignError, match=r"12 categories \('c00', .*'c07' and 4 more\)"):
        panel_counts(engine.connect().create_table("t", rows), base=BASE, follow_up=NEXT)


def test_an_unknown_category_is_refused_with_those_there_are():
    with pytest.raises(OptionError, match=r"no category named 'cocoa'.*'coffee', 'tea'"):
        panel_counts(two_categories(), base=BASE, follow_up=NEXT, category="cocoa")


# --- what is refused


@pytest.mark.parametrize("column", ["customer", "date", "category", "brand"])
def test_a_missing_column_is_named(column):
    with pytest.raises(ColumnError, match=f"category_purchases: no column named '{column}'"):
        panel_counts(table(ROWS).drop(column), base=BASE, follow_up=NEXT)


@pytest.mark.parametrize("column", ["customer", "date", "category", "brand"])
def test_a_missing_value_is_refused_and_counted(column):
    lines = table(ROWS)
    holed = lines.mutate(**{column: (lines["units"] > 2).ifelse(None, lines[column])})
    with pytest.raises(DataError, match=f"column '{column}': missing in 1 of 12 lines"):
        panel_counts(holed, base=BASE, follow_up=NEXT)


def test_text_is_no_date():
    lines = table(ROWS)
    with pytest.raises(DataError, match="column 'date': string is not a business date"):
        panel_counts(lines.mutate(date=lines["date"].cast("string")), base=BASE, follow_up=NEXT)


@pytest.mark.parametrize("count", [panel_counts, loyalty.panel])
@pytest.mark.parametrize(
    ("base", "follow_up"),
    [
        ((BASE[1], BASE[0]), NEXT),
        (BASE, (NEXT[1], NEXT[0])),
        (BASE, (date(2024, 12, 31), date(2025, 12, 31))),
        (NEXT, BASE),
    ],
)
def test_periods_that_overlap_or_run_backwards_are_refused(count, base, follow_up):
    with pytest.raises(OptionError, match="give two stretches of days"):
        count(table(ROWS), base=base, follow_up=follow_up)


def test_an_unknown_occasion_is_refused():
    with pytest.raises(OptionError, match="no purchase occasion named 'order'"):
        panel_counts(table(ROWS), base=BASE, follow_up=NEXT, occasion="order")


def test_a_gap_between_the_years_is_refused_by_the_analysis():
    with pytest.raises(OptionError, match="on the day after the base ends"):
        loyalty.panel(table(ROWS), base=BASE, follow_up=(date(2025, 2, 1), date(2025, 12, 31)))


@pytest.mark.parametrize("years", [(2019, 2020), (2028, 2029)])
def test_data_that_do_not_reach_the_periods_are_refused(years):
    base, follow_up = ((date(y, 1, 1), date(y, 12, 31)) for y in years)
    with pytest.raises(DesignError, match="run from 2023-12-31 to 2026-01-01"):
        loyalty.panel(table(ROWS), base=base, follow_up=follow_up)


def test_no_purchase_at_all_is_refused():
    lines = table(ROWS)
    with pytest.raises(DesignError, match="hold no purchase"):
        loyalty.panel(lines.filter(lines["units"] > 100), base=BASE, follow_up=NEXT)


def test_a_base_period_in_which_nobody_bought_is_refused():
    rows = [("P1", "2023-02-02", "A", 1), ("P1", "2025-02-02", "B", 1)]
    with pytest.raises(DesignError, match="nobody bought from 2024-01-01"):
        loyalty.panel(table(rows), base=BASE, follow_up=NEXT)


def test_a_category_with_one_brand_is_refused():
    rows = [row for row in ROWS if row[2] == "A"]
    with pytest.raises(DesignError, match="has one brand, 'A': everybody is loyal to it by definition"):
        loyalty.panel(table(rows), base=BASE, follow_up=NEXT)


def test_the_panel_tells_what_it_holds():
    panel = loyalty.panel(table(ROWS), base=BASE, follow_up=NEXT, source="a panel")
    assert (panel.brands, panel.households) == (("A", "B"), 3)
    assert (panel.base_days, panel.next_days) == (366, 365)
    assert "1 lines without a piece are no purchases" in panel.design
    (check,) = panel.coverage()
    assert check.passed


def test_days_without_records_are_told():
    rows = [row for row in ROWS if "2024-03" < row[1] < "2025-06"]
    (check,) = loyalty.panel(table(rows), base=BASE, follow_up=NEXT).coverage()
    assert check.passed is False
    assert "2025-04-03" in check.detail


def test_the_change_of_the_whole_category_is_told_per_day():
    panel = loyalty.panel(table(ROWS), base=BASE, follow_up=NEXT)
    # 6 purchases in 366 days, then 3 in 365
    assert panel.seen_change().estimate == pytest.approx(3 / 365 / (6 / 366))
    assert panel.seen_change().conf_low < panel.seen_change().estimate < panel.seen_change().conf_high


# --- names that only a blank or a capital letter tells apart


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("P1 ", "2024-08-01", "A", 1), ("p1", "2024-09-01", "A", 1)], (2, 0)),
        ([("P9", "2024-08-01", "a", 1), ("P9", "2024-08-01", " A\t", 1)], (0, 2)),
        ([("P9", "2024-08-01", "AB", 1)], (0, 0)),
        ([("P1 ", "2019-08-01", "a", 1)], (0, 0)),  # in neither period
    ],
)
def test_names_that_coincide_when_trimmed_are_counted(rows, found):
    counts = panel_counts(table([*ROWS, *rows]), base=BASE, follow_up=NEXT)
    assert (counts.alike_households, counts.alike_brands) == found


def test_names_that_coincide_fail_a_check_by_name():
    """One household under two names seems to have left its brand."""
    rows = [("P4 ", "2025-05-01", "A", 1), ("P2", "2025-05-01", "B ", 1)]
    panel = loyalty.panel(table([*ROWS, *rows]), base=BASE, follow_up=NEXT)
    (check,) = [check for check in panel.coverage() if check.name == "names told apart"]
    assert check.passed is False
    assert "1 households and 1 brands" in check.detail
    assert "seems to have left" in check.remedy
    assert "names told apart" not in [
        c.name for c in loyalty.panel(table(ROWS), base=BASE, follow_up=NEXT).coverage()
    ]
    # numbers as households need no trimming
    numbered = table(ROWS).mutate(customer=ibis._["customer"].substr(1).cast("int64"))
    assert panel_counts(numbered, base=BASE, follow_up=NEXT).alike_households == 0


# --- what is no table on the engine


def test_a_pandas_frame_is_refused_in_one_line():
    frame = pd.DataFrame({"customer": ["P1"], "date": ["2024-01-01"], "category": "tea", "brand": "A"})
    with pytest.raises(DataError, match=r"category_purchases is a DataFrame; .*company.table"):
        loyalty.panel(frame, base=BASE, follow_up=NEXT)
