"""The whole years of a panel: by hand, over leap days, and where a panel is too short."""

from datetime import date, timedelta
from itertools import pairwise

import ibis
import pytest

from cemlab import loyalty
from cemlab.errors import ColumnError


def bought(*days):
    return ibis.memtable([(date.fromisoformat(day),) for day in days], schema={"date": "date"})


def told(*days):
    return [f"{first}/{last}" for first, last in loyalty.panel_years(bought(*days))]


@pytest.mark.parametrize(
    ("days", "years"),
    [
        (("2022-01-01", "2024-12-31"), loyalty.calendar_years(2022, 2024)),
        # a week without a purchase at either end is the panel's size and not its length
        (("2022-01-07", "2024-12-25"), loyalty.calendar_years(2022, 2024)),
        (("2022-01-08", "2024-12-25"), loyalty.calendar_years(2023, 2024)),
    ],
)
def test_whole_calendar_years_are_found(days, years):
    assert loyalty.panel_years(bought(*days)) == years


def test_a_year_may_end_on_any_day():
    assert told("2022-05-10", "2025-05-20") == [
        "2022-05-21/2023-05-20",
        "2023-05-21/2024-05-20",
        "2024-05-21/2025-05-20",
    ]


@pytest.mark.parametrize("last", ["2024-02-28", "2024-02-29"])
def test_leap_days_belong_to_their_month(last):
    assert told("2022-02-20", last) == ["2022-03-01/2023-02-28", "2023-03-01/2024-02-29"]


def test_the_years_follow_each_other_whatever_the_last_day():
    for step in range(366):
        last = date(2024, 1, 1) + timedelta(days=step)
        years = loyalty.panel_years(bought("2019-12-20", last.isoformat()))
        assert len(years) >= 3
        assert last <= years[-1][1] < last + timedelta(days=7)
        for earlier, later in pairwise(years):
            assert later[0] - earlier[1] == timedelta(days=1)


def test_less_than_a_year_is_none():
    assert told("2024-03-01", "2024-12-31") == []
    assert loyalty.panel_years(ibis.memtable([], schema={"date": "date"})) == ()


def test_a_table_without_dates_is_refused():
    with pytest.raises(ColumnError, match=r"'date'.*there are: day"):
        loyalty.panel_years(bought("2024-01-01").rename(day="date"))
