"""Adapters: the file of a public data set, read as text, into tables of the data contract.

Every value is checked twice: against what the published file should hold, and against the
contract. What is left out or changed is counted, and the counts stand in the company's notes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ibis
import ibis.expr.types as ir

from cemlab.data import engine, sfo, strict
from cemlab.data.company import Company, CompanyInfo
from cemlab.data.contract import TABLES, Form
from cemlab.data.published import LINE, Adapted, count, file_form, read_text
from cemlab.data.registry import Dataset
from cemlab.errors import NotFoundError, one_of

_Make = Callable[..., Adapted]


@dataclass(frozen=True, kw_only=True)
class _Adapter:
    """The columns a data set's file must have, what makes tables of them, and the units."""

    columns: tuple[str, ...]
    make: _Make
    currency: str = ""
    duration_unit: str = "days"


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
        Its tables, in the memory of an embedded engine that can read no file.

    Raises
    ------
    NotFoundError
        If there is no adapter for the data set.
    ColumnError, DataError
        If the file is not what was published: a column missing, a value of another form.
    """
    adapter = _adapter(dataset)
    connection = engine.connect()
    text = connection.create_table("published", read_text(path, adapter.columns))
    adapted = adapter.make(text, where=path.name)
    tables = {
        name: connection.create_table(name, strict.apply_contract(table, TABLES[name], where=path.name))
        for name, table in adapted.tables.items()
    }
    connection.drop_table("published")
    info = CompanyInfo(
        name=dataset.title,
        source=dataset.source,
        currency=adapter.currency,
        duration_unit=adapter.duration_unit,
        fictional=dataset.fictional,
        as_of=adapted.as_of,
        notes=adapted.notes,
    )
    return Company(info=info, tables=tables)


def published_table(dataset: Dataset, path: Path) -> ir.Table:
    """Return the columns of a published file that are used, as text, before anything is left out.

    Parameters
    ----------
    dataset
        An entry of the registry.
    path
        Its file, already verified.

    Raises
    ------
    NotFoundError, ColumnError, DataError
        As :func:`adapt`.
    """
    return engine.connect().create_table("published", read_text(path, _adapter(dataset).columns))


def _adapter(dataset: Dataset) -> _Adapter:
    if dataset.name not in _ADAPTERS:
        raise NotFoundError(one_of(dataset.name, _ADAPTERS, what="public data set with an adapter"))
    return _ADAPTERS[dataset.name]


# One line of CDNOW: customer, in the sample the customer's number there, YYYYMMDD, CDs, dollars.
_CDNOW_LINE = (
    r"^ *([0-9]{5}) +(?:([0-9]{4}) +)?([0-9]{4})([0-9]{2})([0-9]{2}) +([0-9]+) +([0-9]+\.[0-9]{2}) *$"
)
_CDNOW_FORM = file_form(
    "cdnow",
    filled=("customer", "date", "units", "revenue"),
    forms={"customer": "id", "date": "date", "units": "integer", "revenue": "money"},
)
_CDNOW_END = date(1998, 6, 30)


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
    bought = strict.apply_contract(parsed, _CDNOW_FORM, where=where)
    n = count(bought, free=bought.revenue == 0)
    repeated = n["all"] - count(bought.distinct())["all"]
    notes = (
        f"{n['all']:,} purchases, none left out.",
        f"{n['free']:,} of them with revenue 0.00, kept.",
        f"{repeated:,} are equal to another in every column (same customer, day, CDs and amount), kept.",
    )
    return Adapted(tables={"transactions": bought}, notes=notes, as_of=_CDNOW_END)


def _cdnow_sample(text: ir.Table, *, where: str) -> Adapted:
    return _cdnow(text, where=where, sample=True)


_RETAIL: dict[str, Form | tuple[str, ...]] = {
    "InvoiceNo": "id",
    "StockCode": "id",
    "Description": "text",
    "Quantity": "integer",
    "InvoiceDate": "time",
    "UnitPrice": "money",
    "CustomerID": "id",
    "Country": "text",
}
_RETAIL_FORM = file_form(
    "online_retail", filled=("InvoiceNo", "Quantity", "InvoiceDate", "UnitPrice"), forms=_RETAIL
)


def _online_retail(text: ir.Table, *, where: str) -> Adapted:
    """One row a line that was sold: with a customer, not cancelled, of some pieces at some price."""
    raw = strict.apply_contract(text, _RETAIL_FORM, where=where)
    # each line is left out for the first reason that applies, so that the counts add up
    reasons = {
        "no_customer": raw.CustomerID.isnull(),
        "cancelled": raw.InvoiceNo.startswith("C"),
        "no_quantity": raw.Quantity <= 0,
        "no_price": raw.UnitPrice <= 0,
    }
    raw = raw.mutate(reason=ibis.cases(*((test, name) for name, test in reasons.items()), else_="sold"))
    lines = raw.filter(raw.reason == "sold")
    sold = lines.select(
        # identifiers are published as numbers with one decimal: 17850.0 is customer 17850
        customer=lines.CustomerID.re_replace(r"\.0$", ""),
        date=lines.InvoiceDate.date(),
        time=lines.InvoiceDate,
        order=lines.InvoiceNo,
        units=lines.Quantity,
        revenue=(lines.Quantity * lines.UnitPrice).cast(strict.MONEY),
        product=lines.StockCode,
        country=lines.Country,
    )
    last = raw.InvoiceDate.date().max().to_pyarrow().as_py()
    return Adapted(tables={"transactions": sold}, notes=_retail_notes(text, raw), as_of=last)


def _retail_notes(text: ir.Table, raw: ir.Table) -> tuple[str, ...]:
    reasons = ("sold", "no_customer", "cancelled", "no_quantity", "no_price")
    n = count(raw, **{reason: raw.reason == reason for reason in reasons})
    every_c = count(raw, c=raw.InvoiceNo.startswith("C"))["c"]
    repeated = n["all"] - count(text.distinct())["all"]
    return (
        f"{n['all']:,} lines as published; each one left out is counted under the first reason that applies.",
        f"{n['no_customer']:,} lines left out: no customer identifier.",
        f"{n['cancelled']:,} lines left out: cancelled (of {every_c:,} cancelled in all).",
        f"{n['no_quantity']:,} lines left out: quantity not above 0.",
        f"{n['no_price']:,} lines left out: price not above 0.",
        f"{n['sold']:,} lines kept.",
        f"{repeated:,} lines as published are equal to another in every column; they were kept where sold.",
        "Cancelled orders are not set off against the orders they cancel: revenue is before returns.",
        "Customer identifiers published as 17850.0 are written 17850.",
    )


_YES_NO = ("Yes", "No")
_PHONE = (*_YES_NO, "No phone service")
_INTERNET = (*_YES_NO, "No internet service")
_TELCO: dict[str, Form | tuple[str, ...]] = {
    "customerID": "id",
    "gender": "text",
    "SeniorCitizen": "flag",
    **dict.fromkeys(("Partner", "Dependents", "PhoneService", "PaperlessBilling", "Churn"), _YES_NO),
    "tenure": "integer",
    "MultipleLines": _PHONE,
    "InternetService": "text",
    **dict.fromkeys(("OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport"), _INTERNET),
    **dict.fromkeys(("StreamingTV", "StreamingMovies"), _INTERNET),
    "Contract": "text",
    "PaymentMethod": "text",
    "MonthlyCharges": "money",
    "TotalCharges": "money",
}
_TELCO_FORM = file_form(
    "telco",
    filled=tuple(name for name in _TELCO if name != "TotalCharges"),
    forms=_TELCO,
)


def _telco(text: ir.Table, *, where: str) -> Adapted:
    """One row a customer, and one a contract; durations in months; why somebody left is not recorded."""
    raw = strict.apply_contract(
        text.mutate(TotalCharges=text.TotalCharges.strip().nullif("")), _TELCO_FORM, where=where
    )
    customers = raw.select(
        customer=raw.customerID,
        gender=raw.gender,
        senior=raw.SeniorCitizen,
        partner=raw.Partner == "Yes",
        dependents=raw.Dependents == "Yes",
        phone_service=raw.PhoneService == "Yes",
        multiple_lines=raw.MultipleLines,
        internet_service=raw.InternetService,
        online_security=raw.OnlineSecurity,
        online_backup=raw.OnlineBackup,
        device_protection=raw.DeviceProtection,
        tech_support=raw.TechSupport,
        streaming_tv=raw.StreamingTV,
        streaming_movies=raw.StreamingMovies,
        paperless_billing=raw.PaperlessBilling == "Yes",
        payment_method=raw.PaymentMethod,
        monthly_charges=raw.MonthlyCharges,
        total_charges=raw.TotalCharges,
    )
    spells = raw.select(
        customer=raw.customerID,
        plan=raw.Contract,
        duration=raw.tenure,
        cause=ibis.ifelse(raw.Churn == "Yes", "unknown", "none"),
    )
    n = count(raw, left=raw.Churn == "Yes", blank=raw.TotalCharges.isnull())
    new = count(raw, new=raw.tenure == 0)["new"]
    notes = (
        "The company is fictional: the figures show the method and say nothing of a market.",
        f"{n['all']:,} customers, none left out; {n['left']:,} of them left, for reasons not recorded.",
        f"{n['blank']:,} blank total charges are missing, not 0; {new:,} customers are in their month 0.",
    )
    return Adapted(tables={"customers": customers, "subscriptions": spells}, notes=notes)


_ROSSI_COVARIATES = ("fin", "age", "race", "wexp", "mar", "paro", "prio")
_ROSSI: dict[str, Form | tuple[str, ...]] = {
    "week": "integer",
    "arrest": "flag",
    **dict.fromkeys(_ROSSI_COVARIATES, "integer"),
}
_ROSSI_FORM = file_form("rossi", filled=tuple(_ROSSI), forms=_ROSSI)


def _rossi(text: ir.Table, *, where: str) -> Adapted:
    """One row a man; the covariates stay the numbers that were published, for comparison with them."""
    # the file has no identifier: its row number, in its own order, stands for one
    raw = strict.apply_contract(text.mutate(row=text.rowid() + 1), _ROSSI_FORM, where=where)
    customer = raw.row.cast("string")
    spells = raw.select(
        customer=customer, duration=raw.week, cause=ibis.ifelse(raw.arrest, "unknown", "none")
    )
    people = raw.select(customer=customer, **{name: raw[name] for name in _ROSSI_COVARIATES})
    n = count(raw, arrested=raw.arrest)
    notes = (
        "No customers: men released from prison; the event is the first arrest. Here to check the method.",
        f"{n['all']:,} men, none left out; {n['arrested']:,} arrested, the others observed for 52 weeks.",
        "The file has no identifier; the number of the row stands for one.",
    )
    return Adapted(tables={"customers": people, "subscriptions": spells}, notes=notes)


_SEGMENTS = ("Regular", "High-end")
_RETENTION_FORM = file_form(
    "two_segment_retention",
    filled=("Year", *_SEGMENTS),
    forms=dict.fromkeys(("Year", *_SEGMENTS), "integer"),
)


def _two_segment_retention(text: ir.Table, *, where: str) -> Adapted:
    """One row a customer of 1,000 in each segment, made from the published numbers of survivors.

    Survivors of year k have renewed k − 1 times. The duration is the renewal that the customer did not
    make, with cause ``unknown``, or the last renewal made, with cause ``none``; so the Kaplan–Meier
    estimate after k renewals is the published share of year k + 1.
    """
    raw = strict.apply_contract(text, _RETENTION_FORM, where=where)
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
        duration=ibis.least(seen.years, years - 1),
        cause=ibis.ifelse(seen.years < years, "unknown", "none"),
    )
    notes = (
        f"Made from published numbers of survivors: {start:,} customers in each segment.",
        f"Duration: the renewal not made, or {years - 1} where all were made (cause 'none').",
    )
    return Adapted(tables={"subscriptions": spells.order_by("customer")}, notes=notes)


_ADAPTERS: dict[str, _Adapter] = {
    "cdnow": _Adapter(columns=(LINE,), make=_cdnow, currency="USD"),
    "cdnow_sample": _Adapter(columns=(LINE,), make=_cdnow_sample, currency="USD"),
    "online_retail": _Adapter(columns=tuple(_RETAIL), make=_online_retail, currency="GBP"),
    "telco": _Adapter(columns=tuple(_TELCO), make=_telco, currency="USD", duration_unit="months"),
    "sfo_2017": _Adapter(columns=sfo.COLUMNS, make=sfo.adapt),
    "rossi": _Adapter(columns=tuple(_ROSSI), make=_rossi, duration_unit="weeks"),
    "two_segment_retention": _Adapter(
        columns=("Year", *_SEGMENTS), make=_two_segment_retention, duration_unit="years"
    ),
}
