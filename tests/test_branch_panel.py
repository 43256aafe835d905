"""The panel of branches and months, service, the trained share: by hand, and what is refused."""

from datetime import date, datetime
from decimal import Decimal

import ibis
import pandas as pd
import pytest

from cemlab.data.branch_panel import branch_panel
from cemlab.data.company import Company, CompanyInfo
from cemlab.data.service_months import service_months
from cemlab.data.trained_share import trained_share
from cemlab.errors import ColumnError, DataError, DesignError


def company(**tables):
    info = CompanyInfo(name="Small", source="Small, made up", currency="GBP")
    return Company(info=info, tables={name: ibis.memtable(frame) for name, frame in tables.items()})


def months(*numbers):
    return [date(2024, m, 1) for m in numbers]


def small():
    """Two branches over three months; in a, two of three are trained in February and one of them leaves."""
    books = pd.DataFrame(
        {
            "branch": ["a"] * 3 + ["b"] * 3,
            "month": months(1, 2, 3) * 2,
            "profit": [Decimal("1.10"), Decimal("2.20"), Decimal("3.30")] * 2,
            "cx": [0.1, 0.2, 0.3] * 2,
        }
    )
    staff = pd.DataFrame(
        {
            "employee": ["e1", "e2", "e3", "e4", "e5"],
            "branch": ["a", "a", "a", "b", "a"],
            "hired": [date(2020, 1, 1)] * 4 + [date(2024, 3, 1)],
            "left": [None, date(2024, 2, 20), date(2024, 3, 1), None, None],
        }
    )
    training = pd.DataFrame(
        {
            "employee": ["e1", "e2", "e1"],
            "branch": ["a"] * 3,
            "date": [date(2024, 2, 10), date(2024, 2, 5), date(2024, 3, 3)],
        }
    )
    contacts = pd.DataFrame(
        {
            "contact": list("123456"),
            "employee": ["e1", "e1", "e1", "e4", None, "e9"],
            "time": [
                datetime(2024, 2, 10, 9),  # on the day of the training: not yet trained
                datetime(2024, 2, 11, 9),
                datetime(2024, 2, 29, 23, 59),
                datetime(2024, 1, 1),
                datetime(2024, 1, 1),  # nobody
                datetime(2024, 1, 1),  # somebody unknown
            ],
            "handle_seconds": [100.0, 200.0, None, 50.0, 1.0, 1.0],
            "resolved": [True, False, None, True, True, True],
            "mean_affect": [0.5, -0.5, 1.0, 0.1, 9.0, 9.0],
        }
    )
    branches = pd.DataFrame({"branch": ["a", "b"], "region": ["N", "S"]})
    return {
        "branch_month": books,
        "employees": staff,
        "training": training,
        "contacts": contacts,
        "branches": branches,
    }


def test_panel_by_hand():
    panel = branch_panel(company(**small()), service=True, trained_share=True)
    assert panel["branch"].tolist() == ["a"] * 3 + ["b"] * 3
    assert panel["first_trained"].iloc[0] == pd.Timestamp(2024, 2, 1)
    assert panel["first_trained"].isna().tolist() == [False] * 3 + [True] * 3
    assert panel["profit"].tolist() == [1.1, 2.2, 3.3] * 2
    assert panel["region"].tolist() == ["N"] * 3 + ["S"] * 3
    assert panel.attrs == {"currency": "GBP", "source": "Small, made up"}
    assert panel["contacts"].tolist() == [0, 3, 0, 1, 0, 0]
    assert panel["trained_contacts"].tolist() == [0, 2, 0, 0, 0, 0]
    assert panel["handle_seconds"].iloc[1] == 150  # of the two whose length is known
    assert panel["resolved"].iloc[1] == 0.5  # of the two of which it is known
    assert panel["affect"].iloc[1] == pytest.approx(1 / 3)  # all three
    assert panel["handle_seconds"].isna().sum() == 4  # no contact, no mean
    # on 1 February e1, e2 and e3 are there; on 1 March e3 (whose last day it is), e1 and the new e5
    assert panel["staff"].tolist() == [3, 3, 3, 1, 1, 1]
    assert panel["trained"].tolist() == [0, 2, 1, 0, 0, 0]
    assert panel["since"].iloc[:3].tolist() == [-1, 0, 1]


def test_service_says_what_it_left_out():
    counted = service_months(company(**small()))
    assert (counted.attrs["n_given"], counted.attrs["n_used"]) == (6, 4)
    assert len(counted) == 2  # branch-months without contacts have no row


def test_service_without_training_or_measures_counts_contacts_only():
    tables = small()
    del tables["training"]
    tables["contacts"] = tables["contacts"][["employee", "time"]]
    assert list(service_months(company(**tables)).columns) == ["branch", "month", "contacts"]


def test_branch_of_those_trained_comes_from_the_staff_where_training_does_not_say():
    tables = small()
    tables["training"] = tables["training"].drop(columns="branch")
    pd.testing.assert_frame_equal(branch_panel(company(**tables)), branch_panel(company(**small())))


@pytest.mark.parametrize("table", ["branch_month", "training"])
def test_missing_tables_are_named(table):
    tables = small()
    del tables[table]
    with pytest.raises(DesignError, match=f"no table '{table}'.*panel of branches"):
        branch_panel(company(**tables))


@pytest.mark.parametrize(
    ("table", "column", "counting"),
    [
        ("branch_month", "branch", branch_panel),
        ("branch_month", "month", trained_share),
        ("training", "date", branch_panel),
        ("training", "employee", trained_share),
        ("branches", "branch", branch_panel),
        ("employees", "left", trained_share),
        ("employees", "branch", service_months),
        ("contacts", "time", service_months),
    ],
)
def test_missing_columns_are_named(table, column, counting):
    tables = small()
    tables[table] = tables[table].drop(columns=column)
    with pytest.raises(ColumnError, match=f"{table}, for .*no column named '{column}'"):
        counting(company(**tables))


@pytest.mark.parametrize(
    ("table", "counting"),
    [
        ("branch_month", branch_panel),
        ("branches", branch_panel),
        ("employees", trained_share),
        ("employees", service_months),
    ],
)
def test_keys_that_stand_twice_would_count_twice(table, counting):
    tables = small()
    tables[table] = pd.concat([tables[table], tables[table].iloc[:1]], ignore_index=True)
    with pytest.raises(DataError, match=f"{table}: 1 .* stand in more than one row"):
        counting(company(**tables))


def test_nothing_to_count_is_refused():
    tables = small()
    tables["branch_month"]["branch"] = pd.Series([None] * 6, dtype="string")
    with pytest.raises(DesignError, match="no row has both"):
        branch_panel(company(**tables))
    tables = small()
    tables["contacts"]["employee"] = "nobody"
    with pytest.raises(DesignError, match="no contact was served"):
        service_months(company(**tables))
    tables = small()
    tables["employees"]["hired"] = date(2030, 1, 1)
    with pytest.raises(DesignError, match="nobody was employed"):
        trained_share(company(**tables))
