"""The pinned trio Ibis, DuckDB and sqlglot works together, and the engine reads one folder only."""

import duckdb
import ibis
import pandas as pd
import pytest

from cemlab.data.engine import connect


def test_the_pinned_trio_creates_lists_aggregates_and_caches():
    connection = connect()
    created = connection.create_table("things", pd.DataFrame({"g": ["a", "a", "b"], "x": [1, 2, 3]}))
    assert connection.list_tables() == ["things"]
    sums = created.group_by("g").aggregate(total=ibis._.x.sum()).cache().order_by("g")
    assert sums.to_pyarrow().to_pylist() == [{"g": "a", "total": 3}, {"g": "b", "total": 3}]
    again = connection.create_table("things", created.filter(ibis._.x > 1).cache(), overwrite=True)
    assert again.count().to_pyarrow().as_py() == 2


@pytest.fixture
def house(tmp_path):
    """A folder that may be read, with a neighbour that may not."""
    inside, outside = tmp_path / 'it\'s "odd"', tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "good.csv").write_text("a\n1\n")
    (outside / "secret.csv").write_text("a\nsecret\n")
    (tmp_path / 'it\'s "odd"-neighbour').mkdir()
    (tmp_path / 'it\'s "odd"-neighbour' / "secret.csv").write_text("a\nsecret\n")
    (inside / "link.csv").symlink_to(outside / "secret.csv")
    (inside / "linked").symlink_to(outside)
    return inside


def test_reads_its_own_folder_whatever_its_name(house):
    assert connect(house).read_csv(str(house / "good.csv")).count().to_pyarrow().as_py() == 1


@pytest.mark.parametrize(
    "escape",
    [
        "../outside/secret.csv",
        "link.csv",
        "linked/secret.csv",
        '../it\'s "odd"-neighbour/secret.csv',
        "/etc/passwd",
    ],
)
def test_reads_nothing_outside_by_traversal_link_or_prefix(house, escape):
    with pytest.raises((duckdb.PermissionException, duckdb.IOException)):
        connect(house).raw_sql("SELECT * FROM read_text($path)", parameters={"path": str(house / escape)})


@pytest.mark.parametrize(
    "statement",
    [
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET allowed_directories = ['/']",
        "SET autoinstall_known_extensions = true",
        "INSTALL httpfs",
        "LOAD httpfs",
        "ATTACH '/tmp/cemlab-test.db'",
        "COPY (SELECT 1) TO '/tmp/cemlab-test.csv'",
        "SELECT * FROM glob('/etc/*')",
    ],
)
def test_is_hardened(statement):
    with pytest.raises(duckdb.Error):
        connect().raw_sql(statement).fetchall()


def test_without_a_folder_no_file_can_be_read(house):
    with pytest.raises(duckdb.PermissionException):
        connect().raw_sql("SELECT * FROM read_text($path)", parameters={"path": str(house / "good.csv")})


def test_the_session_is_in_utc():
    assert connect().raw_sql("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
