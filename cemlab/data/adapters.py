"""Adapters: the file of a public data set into tables of the data contract.

How a file is written, and which of its rows count, stands once, in ``data/adapters``: settings such as a user
writes, read by the same intake as hers. Here stands what settings cannot say: two files that are no table of
the contract, what is reshaped afterwards, and notes that need words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from cemlab.data import engine, published_trials, sfo
from cemlab.data.company import Company, CompanyInfo
from cemlab.data.contract import TABLES, Form
from cemlab.data.intake import FileReport, Settings, read_settings, take_in
from cemlab.data.intake.plan import Filter
from cemlab.data.published import LINE, Adapted, count, read_text, typed
from cemlab.data.registry import Dataset
from cemlab.errors import DataError, NotFoundError, one_of
from cemlab.places import bundled

_Tables = Mapping[str, ir.Table]


@dataclass(frozen=True, kw_only=True)
class _ByHand:
    """A file that settings cannot describe: its columns, what makes tables of them, and the units."""

    columns: tuple[str, ...]
    make: Callable[..., Adapted]
    settings: Settings
    read: Callable[[Path, tuple[str, ...]], pa.Table] = read_text


def adapt(dataset: Dataset, path: Path) -> Company:
    """Turn the file of a public data set into a company.

    Parameters
    ----------
    dataset
        An entry of the registry.
    path
        Its file, already verified.

    Returns
    -------
    Company
        Its tables, in the memory of an embedded engine that can read no file. Of a file with settings, they
        have the columns that the settings or the contract name, and ``files`` holds what was set aside.

    Raises
    ------
    NotFoundError
        If there is no adapter for the data set.
    ColumnError, DataError
        If the file is not what was published: a column missing, a value of another form. What the settings
        leave out under a reason is no fault; it is counted in ``info.notes``.
    """
    files: tuple[FileReport, ...] = ()
    if dataset.name in _BY_HAND:
        by_hand = _BY_HAND[dataset.name]
        settings = by_hand.settings
        lines = engine.connect().create_table("published", by_hand.read(path, by_hand.columns))
        adapted = by_hand.make(lines, where=path.name)
    elif dataset.name in _BY_SETTINGS:
        settings = read_settings(bundled("data") / "adapters" / f"{dataset.name}.toml")
        files, tables = _taken_in(path, settings)
        finished = _BY_SETTINGS[dataset.name](tables)
        notes = tuple(note for report in files for note in _told(report, settings))
        adapted = Adapted(tables=finished.tables, notes=notes + finished.notes)
    else:
        there = [*_BY_HAND, *_BY_SETTINGS]
        raise NotFoundError(one_of(dataset.name, there, what="public data set with an adapter"))
    connection = engine.connect()
    info = CompanyInfo(
        name=dataset.title,
        source=dataset.source,
        currency=settings.currency or "",
        duration_unit=settings.duration_unit or "days",
        fictional=dataset.fictional,
        as_of=settings.as_of,
        notes=adapted.notes,
    )
    # fetched, so that this engine has no file to read
    copies = {
        name: connection.create_table(name, engine.batches(table).read_all())
        for name, table in adapted.tables.items()
    }
    return Company(info=info, tables=copies, files=files)


def _taken_in(path: Path, settings: Settings) -> tuple[tuple[FileReport, ...], dict[str, ir.Table]]:
    """Take a file in, refusing it for any row that the settings do not leave out; only named columns stay."""
    taken = take_in(path.parent, settings=settings)
    for report in taken.files:
        if report.fault is not None:
            raise report.fault
        _refuse_unexpected(report, settings)
    tables = {}
    for name, table in taken.tables.items():
        named = settings.tables[name].columns
        kept = [column for column in table.columns if column in named or TABLES[name].column(column)]
        tables[name] = table.select(kept)
    return taken.files, tables


def _refuse_unexpected(report: FileReport, settings: Settings) -> None:
    expected = {(f.column, f.reason) for f in _filters(report, settings)}
    if set(report.quarantined.reasons) <= expected:
        return
    first = next(fault for fault in report.quarantined if (fault.column, fault.reason) not in expected)
    told = first.reason
    if first.column is not None:
        # most reasons begin with the value
        value = "" if not first.value or told[0] in "'\"" else f"{first.value[:80]!r} "
        told = f"column {first.column!r}: {value}{told}"
    where = f"{report.file}, line {first.line}"
    raise DataError(f"{where}{', ' if first.column else ': '}{told}; it is not the file that was published")


def _told(report: FileReport, settings: Settings) -> tuple[str, ...]:
    """Say how many rows were left out for which reason, and how many were kept; nothing without filters."""
    reasons = {f.reason: 0 for f in _filters(report, settings)}
    if not reasons:
        return ()
    for (_, reason), rows in report.quarantined.reasons.items():
        reasons[reason] += rows
    return (
        f"{report.records:,} rows as published; each one left out is counted under the first reason that "
        "applies.",
        *(f"{rows:,} rows left out: {reason}." for reason, rows in reasons.items()),
        f"{report.accepted:,} rows kept.",
    )


def _filters(report: FileReport, settings: Settings) -> tuple[Filter, ...]:
    assert report.table is not None  # only listed files are read, and each is listed under a table
    return settings.tables[report.table].filters


def _online_retail(tables: _Tables) -> Adapted:
    sold = tables["transactions"]
    n = count(sold)["all"]
    repeated = n - count(sold.distinct())["all"]
    notes = (
        f"{repeated:,} of the rows kept are equal to another in every column; they stay.",
        "Cancelled orders are not set off against the orders they cancel: revenue is before returns.",
        "Customer identifiers published as 17850.0 are written 17850.",
    )
    return Adapted(tables=tables, notes=notes)


def _telco(tables: _Tables) -> Adapted:
    people, spells = tables["customers"], tables["subscriptions"]
    blank = count(people, blank=people.total_charges.isnull())["blank"]
    n = count(spells, left=spells.cause != "none", new=spells.duration == 0)
    notes = (
        "The company is fictional: the figures show the method and say nothing of a market.",
        f"{n['all']:,} customers, none left out; {n['left']:,} of them left, for reasons not recorded.",
        f"{blank:,} blank total charges are missing, not 0; {n['new']:,} customers are in their month 0.",
    )
    return Adapted(tables=tables, notes=notes)


def _rossi(tables: _Tables) -> Adapted:
    """One row a man, in two tables; the covariates stay the numbers that were published."""
    # the file has no identifier: its row number, in its own order, stands for one
    raw = tables["subscriptions"].mutate(customer=(ibis.row_number() + 1).cast("string"))
    spells = raw.select("customer", "duration", "cause")
    people = raw.drop("duration", "cause")
    n = count(spells, arrested=spells.cause != "none")
    notes = (
        "No customers: men released from prison; the event is the first arrest. Here to check the method.",
        f"{n['all']:,} men, none left out; {n['arrested']:,} arrested, the others observed for 52 weeks.",
        "The file has no identifier; the number of the row stands for one.",
    )
    return Adapted(tables={"customers": people, "subscriptions": spells}, notes=notes)


def _water_survey(tables: _Tables) -> Adapted:
    notes = (
        "The number of the questionnaire stands for the customer; the panel's numbers were not taken over.",
        "Items are as answered: p01, p02 and p07 to p10 are not reversed yet.",
    )
    return Adapted(tables=tables, notes=notes)


# One line of CDNOW: customer, in the sample the customer's number there, YYYYMMDD, CDs, dollars.
_CDNOW_LINE = (
    r"^ *([0-9]{5}) +(?:([0-9]{4}) +)?([0-9]{4})([0-9]{2})([0-9]{2}) +([0-9]+) +([0-9]+\.[0-9]{2}) *$"
)
_CDNOW_FORMS: dict[str, Form] = {"customer": "id", "date": "date", "units": "integer", "revenue": "money"}


def _cdnow(text: ir.Table, *, where: str, sample: bool = False) -> Adapted:
    """One row a purchase; customers keep the number of the full file, so that the sample joins to it."""

    def field(group: int) -> ir.StringValue:
        return text[LINE].re_extract(_CDNOW_LINE, group).nullif("")

    parsed = text.select(
        customer=field(1),
        date=field(3) + "-" + field(4) + "-" + field(5),
        units=field(6),
        revenue=field(7),
        **({"sample_customer": field(2)} if sample else {}),
    )
    bought = typed(parsed, _CDNOW_FORMS, where=where)
    n = count(bought, free=bought.revenue == 0)
    repeated = n["all"] - count(bought.distinct())["all"]
    notes = (
        f"{n['all']:,} purchases, none left out.",
        f"{n['free']:,} of them with revenue 0.00, kept.",
        f"{repeated:,} are equal to another in every column (same customer, day, CDs and amount), kept.",
    )
    return Adapted(tables={"transactions": bought}, notes=notes)


def _cdnow_sample(text: ir.Table, *, where: str) -> Adapted:
    return _cdnow(text, where=where, sample=True)


_SEGMENTS = ("Regular", "High-end")


def _two_segment_retention(text: ir.Table, *, where: str) -> Adapted:
    """One row a customer of 1,000 in each segment, made from the published numbers of survivors.

    Survivors of year k have renewed k − 1 times. The duration is the renewal that the customer did not
    make, with cause ``unknown``, or the last renewal made, with cause ``none``; so the Kaplan–Meier
    estimate after k renewals is the published share of year k + 1.
    """
    raw = typed(text, dict.fromkeys(text.columns, "integer"), where=where)
    left = ibis.union(*(raw.select(plan=ibis.literal(s), year=raw.Year, there=raw[s]) for s in _SEGMENTS))
    last = raw.aggregate(start=raw["Regular"].max(), years=raw.Year.max()).to_pyarrow().to_pylist()[0]
    start, years = int(last["start"]), int(last["years"])
    number = ibis.range(1, start + 1).unnest().name("number").as_table()
    # customer n of a segment is there in a year if at least n are
    there = left.join(number, number.number <= left.there)
    seen = there.group_by("plan", "number").aggregate(years=there.year.count())
    spells = seen.select(
        customer=seen.plan + " " + seen.number.cast("string").lpad(4, "0"),
        plan=seen.plan,
        duration=ibis.least(seen.years, years - 1).cast("float64"),
        cause=ibis.ifelse(seen.years < years, "unknown", "none"),
    )
    notes = (
        f"Made from published numbers of survivors: {start:,} customers in each segment.",
        f"Duration: the renewal not made, or {years - 1} where all were made (cause 'none').",
    )
    return Adapted(tables={"subscriptions": spells.order_by("customer")}, notes=notes)


_CDNOW = Settings(currency="USD", as_of=date(1998, 6, 30))

#: What is made of the tables that the settings of a file give.
_BY_SETTINGS: dict[str, Callable[[_Tables], Adapted]] = {
    "online_retail": _online_retail,
    "telco": _telco,
    "sfo_2017": sfo.reshape,
    "rossi": _rossi,
    "water_survey": _water_survey,
}
_BY_HAND: dict[str, _ByHand] = {
    "cdnow": _ByHand(columns=(LINE,), make=_cdnow, settings=_CDNOW),
    "cdnow_sample": _ByHand(columns=(LINE,), make=_cdnow_sample, settings=_CDNOW),
    "two_segment_retention": _ByHand(
        columns=("Year", *_SEGMENTS), make=_two_segment_retention, settings=Settings(duration_unit="years")
    ),
    "nsw": _ByHand(
        columns=tuple(published_trials.NSW),
        make=published_trials.nsw,
        settings=Settings(currency="USD"),
        read=published_trials.read_stata,
    ),
    "card_krueger": _ByHand(
        columns=tuple(published_trials.CARD_KRUEGER),
        make=published_trials.card_krueger,
        settings=Settings(currency="USD"),
    ),
}
