"""A folder is surveyed from names alone: what is a table, what is left alone, what is refused and why."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemlab.data.contract import TABLES
from cemlab.data.intake import folder as module
from cemlab.data.intake.folder import open_regular, survey
from cemlab.data.intake.plan import Settings, TableSettings
from cemlab.errors import DataError, NotFoundError


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(b"x")
    return folder


def seen(folder: Path, settings: Settings | None = None) -> dict[str, tuple[str | None, str | None]]:
    sources = survey(folder, settings or Settings())
    for source in sources:
        assert source.refusal is None or "\n" not in source.refusal
        assert source.refusal is None or source.refusal.startswith(f"{source.label}: ")
        assert str(folder) not in (source.refusal or "")  # no path of the machine in a message
    return {source.label: (source.table, source.refusal) for source in sources}


def only(folder: Path, settings: Settings | None = None) -> str:
    (entry,) = seen(folder, settings).values()
    assert entry[1] is not None
    return entry[1]


def listing(table: str, *files: str, **more) -> Settings:
    return Settings(tables={table: TableSettings(table=table, files=files)}, **more)


# --- what is taken


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (".csv", "text"),
        (".csv.gz", "text"),
        (".csv.zst", "text"),
        (".tsv", "text"),
        (".tsv.gz", "text"),
        (".tsv.zst", "text"),
        (".xlsx", "workbook"),
        (".parquet", "parquet"),
        (".CSV", "text"),
        (".Csv.GZ", "text"),
        (".XLSX", "workbook"),
        (".Parquet", "parquet"),
    ],
)
def test_a_file_named_after_a_table_is_taken_by_its_ending(tmp_path, ending, kind):
    put(tmp_path, f"transactions{ending}")
    (source,) = survey(tmp_path, Settings())
    assert (source.table, source.kind, source.refusal) == ("transactions", kind, None)
    assert source.path == tmp_path / f"transactions{ending}"


def test_sources_come_in_the_order_of_names(tmp_path):
    put(tmp_path, "surveys.csv", "branches.csv", "transactions/2.parquet", "transactions/1.PARQUET")
    labels = list(seen(tmp_path))
    assert labels == ["branches.csv", "surveys.csv", "transactions/1.PARQUET", "transactions/2.parquet"]


def test_what_is_no_table_is_left_alone(tmp_path):
    put(tmp_path, "README.md", "cemlab.toml", "_x.csv", ".hidden.csv", "notes.txt", "logo.png", "old/a.csv")
    assert survey(tmp_path, Settings()) == ()


def test_patterns_of_the_settings_are_left_alone(tmp_path):
    put(
        tmp_path,
        "transactions.csv",
        "transactions.bak.csv",
        "x.csv",
        "customers/1.parquet",
        "customers/2.parquet",
    )
    settings = Settings(leave_alone=("*.bak.csv", "?.csv", "customers/2*"))
    assert list(seen(tmp_path, settings)) == ["customers/1.parquet", "transactions.csv"]


def test_a_directory_named_after_a_table_without_tables_in_it_is_left_alone(tmp_path):
    put(tmp_path, "training/slides.pdf", "training/more/a.csv")
    assert survey(tmp_path, Settings()) == ()


# --- names


def test_a_name_that_is_no_table_is_refused_with_the_nearest(tmp_path):
    reason = only(put(tmp_path, "transaction.csv"))
    assert "no table in the data contract named 'transaction'; did you mean 'transactions'?" in reason
    assert "'_'" in reason
    assert "cemlab.toml" in reason


@pytest.mark.parametrize(
    "name",
    [
        "Transactions.csv",
        "sales.parquet",
        "sales.parquet.gz",
        "sales.xlsx",
        "sales.tsv.zst",
        "Transactions.xls",
    ],
)
def test_a_file_that_ends_like_a_table_is_never_passed_over(tmp_path, name):
    assert "no table in the data contract named" in only(put(tmp_path, name))


def test_a_second_dot_makes_another_name(tmp_path):
    assert "named 'transactions.2024'" in only(put(tmp_path, "transactions.2024.csv"))


@pytest.mark.parametrize(
    ("ending", "advice"),
    [
        (".xls", "save it as .xlsx"),
        (".xlsm", "without macros"),
        (".xlsb", "save it as .xlsx"),
        (".ods", "save it"),
        (".zip", "unpack it"),
        (".csv.bz2", "unpack it"),
        (".csv.xz", "unpack it"),
        (".csv.zip", "unpack it"),
        (".txt", "rename it to .csv"),
        (".json", "write the table as one of these"),
        (".parquet.gz", "not read"),
        (".xlsx.zst", "not read"),
        ("", "without an ending"),
    ],
)
def test_an_ending_that_is_not_read_is_refused(tmp_path, ending, advice):
    put(tmp_path, f"transactions{ending}")
    (source,) = survey(tmp_path, Settings())
    assert source.table == "transactions"
    assert "are not read, only .csv, .tsv" in source.refusal
    assert advice in source.refusal


def test_a_name_that_cannot_be_shown_is_refused_in_one_line(tmp_path):
    name = "a\nb.csv"
    put(tmp_path, name)
    assert "named 'a\\nb'" in only(tmp_path)
    assert "characters that cannot be shown" in only(tmp_path, listing("transactions", name))


@pytest.mark.parametrize("sign", list("[]*?"))
def test_signs_of_patterns_are_refused_for_parquet_alone(tmp_path, sign):
    home = tmp_path / f"a{sign}b"
    put(home, "transactions.parquet", "customers.csv", "branches.xlsx")
    entries = seen(home)
    assert sign in entries["transactions.parquet"][1]
    assert "which stands for other names" in entries["transactions.parquet"][1]
    assert entries["customers.csv"][1] is None
    assert entries["branches.xlsx"][1] is None


# --- the same table twice


def test_a_table_in_two_files_is_refused_twice(tmp_path):
    put(tmp_path, "transactions.csv", "transactions.parquet", "customers.csv")
    entries = seen(tmp_path)
    for name in ("transactions.csv", "transactions.parquet"):
        assert "is there twice, as transactions.csv and transactions.parquet" in entries[name][1]
        assert (
            'files = ["transactions.csv", "transactions.parquet"] under [tables.transactions]'
            in entries[name][1]
        )
    assert entries["customers.csv"][1] is None


def test_a_file_beside_a_directory_of_parts_is_refused(tmp_path):
    put(tmp_path, "transactions.csv", "transactions/1.parquet", "transactions/2.parquet")
    entries = seen(tmp_path)
    assert len(entries) == 3
    assert all(
        "twice, as transactions.csv and transactions/; keep one" in reason for _, reason in entries.values()
    )


def test_listed_parts_are_fine(tmp_path):
    put(tmp_path, "Umsatz 2024.csv", "Umsatz 2025.csv.gz")
    entries = seen(tmp_path, listing("transactions", "Umsatz 2025.csv.gz", "Umsatz 2024.csv"))
    assert entries == {
        "Umsatz 2024.csv": ("transactions", None),
        "Umsatz 2025.csv.gz": ("transactions", None),
    }


def test_one_file_may_be_listed_for_two_tables(tmp_path):
    put(tmp_path, "telco.csv")
    both = {name: TableSettings(table=name, files=("telco.csv",)) for name in ("subscriptions", "customers")}
    sources = survey(tmp_path, Settings(tables=both))
    assert [(s.label, s.table, s.refusal) for s in sources] == [
        ("telco.csv", "customers", None),
        ("telco.csv", "subscriptions", None),
    ]


def test_a_file_listed_twice_is_refused(tmp_path):
    put(tmp_path, "a.csv")
    assert "lists it 2 times for transactions" in only(tmp_path, listing("transactions", "a.csv", "a.csv"))


def test_a_file_named_after_a_table_that_has_other_files_is_refused(tmp_path):
    put(tmp_path, "a.csv", "transactions.csv")
    entries = seen(tmp_path, listing("transactions", "a.csv"))
    assert entries["a.csv"] == ("transactions", None)
    assert "lists other files for it" in entries["transactions.csv"][1]


def test_parts_of_a_table_that_has_other_files_are_refused(tmp_path):
    put(tmp_path, "a.csv", "transactions/1.parquet")
    entries = seen(tmp_path, listing("transactions", "a.csv"))
    assert entries["a.csv"] == ("transactions", None)
    assert "lists other files for transactions" in entries["transactions/1.parquet"][1]


def test_a_listed_file_is_taken_before_it_is_left_alone(tmp_path):
    put(tmp_path, "_a.csv")
    entries = seen(tmp_path, listing("transactions", "_a.csv", leave_alone=("*.csv",)))
    assert entries == {"_a.csv": ("transactions", None)}


def test_a_listed_file_that_is_not_there_is_refused_with_the_nearest(tmp_path):
    put(tmp_path, "_umsatz.csv")
    reason = only(tmp_path, listing("transactions", "umsatz.csv"))
    assert "the folder does not hold it; did you mean '_umsatz.csv'?" in reason
    assert "mend the name" in only(tmp_path, listing("transactions", "qqqqqqqqqqqqqqqqqqqqqqqqqq"))


@pytest.mark.parametrize(
    "name", ["../transactions.csv", "/etc/passwd", "a/b.csv", "a\\b.csv", "..", ".", "", "a\0b"]
)
def test_a_listed_path_is_refused(tmp_path, name):
    home = tmp_path / "home"
    home.mkdir()
    put(tmp_path, "transactions.csv")
    put(tmp_path, "home/a/b.csv")
    (source,) = survey(home, listing("transactions", name))
    assert "give the bare name of a file in the folder" in source.refusal
    assert source.kind is None
    assert source.path.parent == home


def test_a_listed_file_of_an_unread_ending_or_a_directory_is_refused(tmp_path):
    put(tmp_path, "umsatz.txt", "parts/1.parquet")
    entries = seen(tmp_path, listing("transactions", "umsatz.txt", "parts"))
    assert "are not read" in entries["umsatz.txt"][1]
    assert "is a directory" in entries["parts"][1]


# --- what is not a plain file of the folder


def test_a_pipe_is_refused_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "transactions.csv")
    assert "is a pipe, which is not read" in only(tmp_path)


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path may have 108 characters only
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("transactions.csv")
        assert "is a socket, which is not read" in only(tmp_path)


def test_a_device_is_told_from_its_mode():
    assert module._what(os.lstat("/dev/null").st_mode) == "is a device"


def test_pipes_and_links_that_nobody_calls_tables_are_left_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    assert survey(tmp_path, Settings()) == ()


def test_a_directory_named_like_a_file_is_refused(tmp_path):
    put(tmp_path, "transactions.csv/1.parquet")
    assert "is a directory, which is not read" in only(tmp_path)


@pytest.mark.parametrize("target", ["../outside.csv", "/dev/null", "/dev/zero"])
def test_a_link_out_of_the_folder_is_refused(tmp_path, target):
    home = tmp_path / "home"
    home.mkdir()
    put(tmp_path, "outside.csv")
    (home / "transactions.csv").symlink_to(target)
    assert "leads out of the folder" in only(home)


def test_a_link_to_a_folder_whose_name_begins_alike_is_refused(tmp_path):
    put(tmp_path, "home2/a.csv")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "transactions.csv").symlink_to("../home2/a.csv")
    assert "leads out of the folder" in only(tmp_path / "home")


def test_a_link_through_a_link_out_of_the_folder_is_refused(tmp_path):
    put(tmp_path, "home/x", "away/a.csv")
    (tmp_path / "home" / "way").symlink_to("../away")
    (tmp_path / "home" / "transactions.csv").symlink_to("way/a.csv")
    assert "leads out of the folder" in only(tmp_path / "home")


def test_links_that_lead_nowhere_or_in_circles_are_refused(tmp_path):
    (tmp_path / "transactions.csv").symlink_to("gone.csv")
    (tmp_path / "customers.csv").symlink_to("branches.csv")
    (tmp_path / "branches.csv").symlink_to("customers.csv")
    entries = seen(tmp_path)
    assert len(entries) == 3
    assert all("leads nowhere" in reason for _, reason in entries.values())


def test_a_link_to_a_pipe_or_directory_within_the_folder_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    put(tmp_path, "store/1.parquet")
    (tmp_path / "transactions.csv").symlink_to("pipe")
    (tmp_path / "customers.csv").symlink_to("store")
    entries = seen(tmp_path)
    assert "is a pipe" in entries["transactions.csv"][1]
    assert "is a directory" in entries["customers.csv"][1]


def test_a_link_to_a_file_within_the_folder_is_fine(tmp_path):
    put(tmp_path, "store/export-7.csv")
    (tmp_path / "transactions.csv").symlink_to("store/export-7.csv")
    assert seen(tmp_path) == {"transactions.csv": ("transactions", None)}


def test_a_folder_that_is_itself_reached_by_a_link_is_fine(tmp_path):
    put(tmp_path, "home/a", "home/customers.csv")
    (tmp_path / "home" / "transactions.csv").symlink_to("customers.csv")
    (tmp_path / "way").symlink_to("home")
    assert all(reason is None for _, reason in seen(tmp_path / "way").values())


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    put(tmp_path, "transactions.csv")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the tests may run as root, who may all
    assert "may not be read by you" in only(tmp_path)


# --- directories of parts


def test_in_a_directory_of_parts_only_parquet_is_taken(tmp_path):
    put(
        tmp_path,
        "transactions/1.parquet",
        "transactions/2.csv",
        "transactions/_SUCCESS",
        "transactions/a.crc",
    )
    put(tmp_path, "transactions/year=2024/3.parquet")
    (tmp_path / "transactions" / "4.parquet").symlink_to("/dev/null")
    entries = seen(tmp_path)
    assert entries["transactions/1.parquet"] == ("transactions", None)
    assert "only *.parquet can be a part" in entries["transactions/2.csv"][1]
    assert "put the parts of transactions directly into transactions/" in entries["transactions/year=2024"][1]
    assert "leads out of the folder" in entries["transactions/4.parquet"][1]
    assert len(entries) == 4


def test_partitions_without_parts_are_refused(tmp_path):
    put(tmp_path, "transactions/year=2024/3.parquet")
    assert "is a directory; put the parts" in only(tmp_path)


def test_a_link_to_a_directory_of_parts_is_refused(tmp_path):
    put(tmp_path, "store/1.parquet")
    (tmp_path / "transactions").symlink_to("store")
    assert "is a directory" in only(tmp_path)


# --- the folder itself


def test_no_folder_or_a_file(tmp_path):
    with pytest.raises(NotFoundError, match=r"no folder at .*; give the folder that holds your tables"):
        survey(tmp_path / "nowhere", Settings())
    put(tmp_path, "transactions.csv")
    with pytest.raises(NotFoundError, match="is a file; give the folder that holds it"):
        survey(tmp_path / "transactions.csv", Settings())


def test_folders_that_cannot_be_listed(tmp_path, monkeypatch):
    put(tmp_path, "transactions/1.parquet")
    real = Path.iterdir

    def refuse(path):
        if path.name in ("transactions", "shut"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert "the directory cannot be listed (Permission denied)" in only(tmp_path)
    (tmp_path / "shut").mkdir()
    with pytest.raises(DataError, match=r"cannot be listed \(Permission denied\)"):
        survey(tmp_path / "shut", Settings())


@given(
    names=st.sets(
        st.tuples(
            st.sampled_from([*list(TABLES)[:3], "Customers", "x", "customers.old"]),
            st.sampled_from([".csv", ".CSV", ".xlsx", ".parquet", ".csv.gz", ".txt", ".parquet.zst", ""]),
        ).map("".join),
        max_size=6,
    )
)
def test_every_tabular_file_is_taken_or_refused_and_never_both_or_twice(tmp_path_factory, names):
    folder = put(tmp_path_factory.mktemp("f"), *names)
    sources = survey(folder, Settings())
    labels = [source.label for source in sources]
    assert len(labels) == len(set(labels))
    tabular = {n for n in names if any(e in n.lower() for e in (".csv", ".xlsx", ".parquet"))}
    assert tabular <= set(labels)
    taken = [source.table for source in sources if source.refusal is None]
    assert len(taken) == len(set(taken))
    assert all(source.table and source.kind for source in sources if source.refusal is None)


# --- opening


def test_a_regular_file_is_opened_for_bytes(tmp_path):
    put(tmp_path, "a.csv")
    with open_regular(tmp_path / "a.csv") as file:
        assert file.read() == b"x"


def test_a_pipe_a_device_and_nothing_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match=r"pipe\.csv: is a pipe"):
        open_regular(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="is a device"):
        open_regular(Path("/dev/zero"))
    with pytest.raises(DataError, match=r"gone\.csv: cannot be opened \(No such file"):
        open_regular(tmp_path / "gone.csv")


def test_a_file_that_turns_into_a_pipe_is_closed_again(tmp_path, monkeypatch):
    put(tmp_path, "a.csv")
    regular = (tmp_path / "a.csv").stat()
    os.mkfifo(tmp_path / "pipe.csv")
    monkeypatch.setattr(Path, "stat", lambda self, **_: regular)  # as if it had been a file a moment ago
    with pytest.raises(DataError, match="changed into something that is not a file"):
        open_regular(tmp_path / "pipe.csv")
