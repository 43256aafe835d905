"""The ledger of a case: all its entries, what they rest on, and what is to be mended in them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - an entry has a field called date
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.business_case.entries import STANDINGS, Assumption, Entry, Shape, Standing
from cemlab.business_case.entry import LONGEST_SOURCE, no_such, one_line
from cemlab.business_case.figures import Figures
from cemlab.business_case.fitted import Fitted
from cemlab.business_case.grades import as_grade, weakest
from cemlab.business_case.units import check_currency
from cemlab.chart import Chart
from cemlab.errors import ColumnError, DataError, DesignError, NotFoundError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.result import Result
from cemlab.stats.seeds import check_seed

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cemlab.data.company import Company

_COLUMNS = ("item", "estimate", "conf_low", "conf_high", "unit", "source", "owner", "date", "grade", "drawn")


def ends_told(columns: str, entries: Iterable[Entry]) -> str:
    """Tell what stands in the columns of lowest and highest values, which is not the same for all entries.

    Examples
    --------
    >>> ends_told("Low and High", [Assumption(item="fee", low=820, mode=900, high=1050, unit="EUR")])
    'Low and High are the ends of the range that the owner states.'
    """
    told = f"{columns} are the ends of the range that the owner states"
    measured = any(not isinstance(entry, Assumption) for entry in entries)
    return f"{told}; of what was measured, of its 95 % interval." if measured else f"{told}."


@dataclass(frozen=True, eq=False, kw_only=True)
class CaseLedger(Result):
    """Every number that may enter a case.

    Parameters
    ----------
    table
        item, estimate (most plausible), conf_low, conf_high (lowest and highest; of what was fitted, the ends
        of its 95 % interval), unit, source, owner, date, grade, drawn (triangular, pert, fitted, together).
    entries
        By item; nothing can be put in beside :meth:`plus`.
    currency
        Of all money in it.
    """

    entries: Mapping[str, Entry]
    currency: str

    title: ClassVar[str] = "Ledger of the case"
    labels: ClassVar[dict[str, str]] = {
        "item": "Entry", "estimate": "Most plausible", "conf_low": "Lowest", "conf_high": "Highest",
        "unit": "Unit", "owner": "Owner", "grade": "Rests on",
    }  # fmt: skip

    def __getitem__(self, item: str) -> Entry:
        if item not in self.entries:
            raise ColumnError(no_such(item, self.entries, what="entry of the ledger"))
        return self.entries[item]

    def __contains__(self, item: object) -> bool:
        return item in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def plus(self, *entries: Entry) -> CaseLedger:
        """Return the ledger with entries added; one of the same item takes the place of the old one."""
        new = {**self.entries, **{_entry(each).item: each for each in entries}}
        return case_ledger(
            list(new.values()),
            currency=self.currency,
            checks=self.evidence.checks,
            source=self.evidence.source,
        )

    def draws(self, n: int, *, seed: int = 1, items: Iterable[str] | None = None) -> Figures:
        """Return n draws from the joint distribution of the entries.

        Every block of entries has random numbers of its own, named after it: an entry that is added or
        changed leaves the draws of all others as they were.

        Parameters
        ----------
        n
            How many.
        seed
            A whole number from 0 on.
        items
            Only these entries.

        Raises
        ------
        OptionError
            If `n` or `seed` is no such number.
        ColumnError
            If there is no such entry.
        """
        check_seed(seed)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise OptionError(f"draws is {n!r}; allowed: a whole number, 1 or more")
        picked = [self[item] for item in (self.entries if items is None else items)]
        return Figures({each.item: each.draw(_random(seed, each.block), int(n)) for each in picked}, int(n))

    def means(self) -> Figures:
        """Return the mean of every entry, as one draw."""
        return Figures({item: np.array([entry.mean]) for item, entry in self.entries.items()}, 1)

    @property
    def caption(self) -> str:
        """The line under the ledger: its ends are those of ranges stated, or of intervals measured."""
        return f"{ends_told('Lowest and highest', self.entries.values())} {self.evidence.line()}"

    @property
    def summary(self) -> pd.DataFrame:
        """One row an entry."""
        return self.table[["item", "estimate", "conf_low", "conf_high", "unit", "owner", "grade"]]

    def narrative(self) -> str:
        """Count the entries by what they rest on."""
        counts = self.table["grade"].value_counts()
        told = ", ".join(f"{int(counts[grade]):,} {grade}" for grade in STANDINGS if grade in counts)
        return f"The ledger of the case holds {len(self):,} entries ({told}), all money in {self.currency}."

    @property
    def chart(self) -> Chart:
        """Each range as a multiple of its most plausible value."""
        kept = self.table[self.table["estimate"] != 0]
        if kept.empty:
            raise DesignError("the ledger has no entry other than nought to draw")
        ends = np.sort(kept[["conf_low", "conf_high"]].to_numpy() / kept[["estimate"]].to_numpy(), axis=1)
        frame = pd.DataFrame({"item": kept["item"], "mode": 1.0, "low": ends[:, 0], "high": ends[:, 1]})
        frame = frame.iloc[np.argsort(-np.ptp(ends, axis=1), kind="stable")].reset_index(drop=True)
        return Chart(
            kind="forest",
            frame=frame,
            x="mode",
            y="item",
            low="low",
            high="high",
            x_label="Range as a multiple of the most plausible value",
            y_label="",
            claim=f"The least is known about “{frame['item'].iloc[0]}”",
            grade=self.evidence.grade,
            note=self.caption,
            reference=1.0,
        )


def case_ledger(
    entries: Sequence[Entry], *, currency: str, checks: tuple[Check, ...] = (), source: str = ""
) -> CaseLedger:
    """Return the ledger of some entries.

    Parameters
    ----------
    entries
        All of them.
    currency
        Three capitals; money in another currency is refused.
    checks
        What was checked about them.
    source
        The line that stands under every figure.

    Raises
    ------
    DesignError
        If something is no entry (a plain number cannot enter a case), or is in another currency.
    DataError
        If there is no entry, or an item stands twice.
    OptionError
        If the currency is none.

    Examples
    --------
    >>> from cemlab.business_case.entries import Assumption
    >>> fee = Assumption(item="fee", low=820, mode=900, high=1050, unit="EUR a person")
    >>> case_ledger([fee], currency="EUR").draws(3).n
    3
    >>> case_ledger([900], currency="EUR")
    Traceback (most recent call last):
        ...
    cemlab.errors.DesignError: 900 is a plain number; a constant enters a case as an entry of its ledger: ...
    """
    if (
        not isinstance(currency, str)
        or len(currency) != 3
        or not currency.isalpha()
        or currency != currency.upper()
    ):
        raise OptionError(f"currency is {currency!r}; allowed: three capitals, e.g. 'EUR'")
    if not entries:
        raise DataError("the ledger of a case needs entries; there is none")
    by_item: dict[str, Entry] = {}
    for entry in map(_entry, entries):
        check_currency(entry.item, entry.unit, currency)
        if entry.item in by_item:
            raise DataError(f"the ledger: {entry.item!r} stands twice; rename one, or remove it")
        by_item[entry.item] = entry
    table = pd.DataFrame([_row(entry) for entry in by_item.values()], columns=list(_COLUMNS))
    evidence = Evidence(
        grade=as_grade(weakest(entry.grade for entry in by_item.values())),
        design="Entries as their owners state them and as analyses found them.",
        unit="entries",
        n_used=len(by_item),
        n_given=len(by_item),
        source=one_line(source, "the ledger: its source", longest=LONGEST_SOURCE),
        checks=checks,
    )
    return CaseLedger(table=table, evidence=evidence, entries=MappingProxyType(by_item), currency=currency)


def ledger_of(
    company: Company,
    *,
    tables: Sequence[str] = ("costs", "ledger"),
    shape: Shape = "triangular",
    as_of: Date | None = None,
) -> CaseLedger:
    """Read a company's tables of costs and assumptions into a ledger.

    Gaps that can be lived with (no owner, no source, too old, dated ahead) are findings, as
    :func:`cemlab.goals.ledger` finds them; values that are missing or out of order are refused.

    Parameters
    ----------
    company
        With a currency.
    tables
        Tables with item, low, mode, high, unit, source, owner, date; those not there are passed over.
    shape
        How ranges are drawn; see :class:`Assumption`.
    as_of
        The day on which ages are taken; if not given, the latest date in the tables that is not after the
        last day of the company's data.

    Raises
    ------
    NotFoundError
        If none of the tables is there.
    DesignError
        If the company names no currency, or an entry is in another one.
    DataError
        If an entry cannot be drawn.
    """
    from cemlab.goals.ledger import ledger as linted

    there = [name for name in tables if name in company.tables]
    if not there:
        raise NotFoundError(f"the company has none of the tables {', '.join(tables)}; a case needs a ledger")
    if not company.info.currency:
        raise DesignError("the company names no currency; say which: Company.open(…, currency='EUR')")
    entries: list[Entry] = []
    checks: list[Check] = []
    day = as_of or _last_day([company.table(name) for name in there], company.info.as_of)
    for name in there:
        found = linted(company.table(name), as_of=day, source=company.info.source)
        checks += [each for each in found.evidence.checks if each.passed is False]
        entries += entries_of(found.table.rename(columns=_BACK), shape=shape)
    return case_ledger(
        entries, currency=company.info.currency, checks=tuple(checks), source=company.info.source
    )


def _last_day(tables: Sequence[ir.Table], last: Date | None) -> Date | None:
    """Return the latest date in the tables that is not ahead of the last day of the data, else that day."""
    if last is None:
        return None
    dates = [pd.to_datetime(table["date"].to_pandas()) for table in tables if "date" in table.columns]
    known = [each[each.dt.normalize() <= pd.Timestamp(last)].max() for each in dates]
    return max((day.date() for day in known if pd.notna(day)), default=last)


_BACK = {"estimate": "mode", "conf_low": "low", "conf_high": "high"}


def entries_of(
    table: ir.Table | pd.DataFrame, *, shape: Shape = "triangular", grade: Standing = "assumption"
) -> list[Entry]:
    """Return the rows of a table of assumptions as entries.

    Parameters
    ----------
    table
        item, low, mode, high, unit, source, owner, date.
    shape, grade
        How they are drawn, and what they rest on.

    Raises
    ------
    DataError
        If a value or a unit is missing, or the three are not in order.
    """
    frame = table if isinstance(table, pd.DataFrame) else table.to_pandas()
    return [
        Assumption(
            item=_text(row["item"]),
            low=row["low"],
            mode=row["mode"],
            high=row["high"],
            unit=_text(row["unit"]),
            source=_text(row.get("source")),
            owner=_text(row.get("owner")),
            date=None if pd.isna(row.get("date")) else pd.Timestamp(row["date"]).date(),
            shape=shape,
            grade=grade,
        )
        for row in frame.to_dict("records")
    ]


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)


def _entry(entry: object) -> Entry:
    if isinstance(entry, Entry):
        return entry
    what = (
        f"{entry!r} is a plain number"
        if isinstance(entry, int | float | np.number)
        else f"{entry!r} is no entry"
    )
    raise DesignError(
        f"{what}; a constant enters a case as an entry of its ledger: Assumption(item=…, low=…, mode=…, "
        "high=…, unit=…, source=…, owner=…, date=…), or counted(…)"
    )


def _random(seed: int, block: str) -> np.random.Generator:
    """Return the random numbers of a block, whatever stands beside it in the ledger."""
    return np.random.default_rng([seed, zlib.crc32(block.encode())])


def _row(entry: Entry) -> tuple[object, ...]:
    if isinstance(entry, Assumption):
        drawn: str = entry.shape
    else:
        drawn = "together" if isinstance(entry, Fitted) and entry.block != entry.item else "fitted"
    low, high = entry.ends
    said = (entry.unit, entry.source, entry.owner, entry.date, entry.grade, drawn)
    return (entry.item, entry.middle, low, high, *said)
