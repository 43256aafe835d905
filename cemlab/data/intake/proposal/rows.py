"""What whole records tell: totals lines, cancellations, spells that may overlap or go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from cemlab.data.contract import Table
from cemlab.data.intake.proposal.look import Looked
from cemlab.data.intake.proposal.values import Doubt, Guess
from cemlab.data.intake.settings.keys import one_line_text
from cemlab.data.intake.settings.names import fold
from cemlab.data.intake.settings.toml import comment, comments, shown, toml_text

_TOTALS = frozenset(
    "summe gesamt gesamtsumme endsumme zwischensumme insgesamt total totals grandtotal subtotal totalgeneral "  # noqa: SIM905
    "sum totaux totale suma totales gesamtbetrag gesamtergebnis".split()
)


def row_doubts(table: Table, file: Looked, sources: Mapping[str, str]) -> list[str]:
    """Return comments on the records of a file, with lines that answer them where there are such.

    Parameters
    ----------
    table
        The table that the file seems to be.
    file
        What was seen of it.
    sources
        Its columns, by the names of the table.
    """
    return [
        *_totals(table, file, sources),
        *_negatives(file, sources),
        *_overlaps(table, file, sources),
    ]


def with_open_spells(found: Guess, file: Looked, sources: Mapping[str, str], *, no_end: set[str]) -> Guess:
    """Return the guess of a column of causes in which a blank stands for a spell that goes on.

    It does where every blank stands in a record without an end, and nothing is changed where it does not.

    Parameters
    ----------
    found
        The guess.
    file, sources
        As in :func:`row_doubts`.
    no_end
        What stands for no end, besides a blank.
    """
    if not {"cause", "exit"} <= set(sources):
        return found
    causes, ends = (_values(file, sources[name]) for name in ("cause", "exit"))
    of_blanks = [end for cause, end in zip(causes, ends, strict=True) if not cause]
    if not of_blanks or any(end.strip() and end not in no_end for end in of_blanks):
        return found
    blank = {"": "none"}
    reason = f"all {len(of_blanks):,} blanks stand on spells without an end, so they mean none"
    return replace(
        found,
        keys={**found.keys, "values": blank | _words(found.keys)},
        reasons=(*found.reasons, reason),
        doubts=tuple(
            replace(doubt, keys={**doubt.keys, "values": blank | _words(doubt.keys)})
            if "values" in doubt.keys
            else doubt
            for doubt in found.doubts
        ),
    )


def _words(keys: Mapping[str, object]) -> dict[str, str]:
    values = keys.get("values", {})
    return dict(values) if isinstance(values, dict) else {}


def _totals(table: Table, file: Looked, sources: Mapping[str, str]) -> list[str]:
    """Return a doubt about the last record, if it names a total and has a blank key."""
    keys = [sources[name] for name in table.key if name in sources]
    if not file.whole or not file.records.num_rows or not keys:
        return []
    last = file.records.slice(file.records.num_rows - 1)
    record = {name: last.column(i)[0].as_py() for i, name in enumerate(file.header)}
    named = [
        (name, value)
        for name, value in record.items()
        if fold(value) in _TOTALS and file.header.count(name) == 1 and one_line_text(name)
    ]
    if not named or all(record[name].strip() for name in keys):
        return []
    name, value = named[0]
    entry = f'column = {toml_text(name)}, equals = {toml_text(value)}, reason = "totals line"'
    return [
        *comments(f"doubt: the last record has {shown(value)} in {shown(name)} but nothing in "
                  f"{shown(keys[0])}: if it is a line of totals:"),
        comment(f"leave_out = [{{ {entry} }}]"),
    ]  # fmt: skip


def _negatives(file: Looked, sources: Mapping[str, str]) -> list[str]:
    """Return a doubt about negative amounts, and about a letter that only their orders begin with."""
    amount = sources.get("revenue") or sources.get("units")
    if amount is None or "order" not in sources:
        return []
    first = Counter(
        (order.strip()[:1], value.strip().startswith("-"))
        for order, value in zip(_values(file, sources["order"]), _values(file, amount), strict=True)
        if value.strip() and fold(order) not in _TOTALS
    )
    count = sum(n for (_, negative), n in first.items() if negative)
    letters = {letter for letter, negative in first if negative}
    only = len(letters) == 1 and all(x.isalpha() and (x, False) not in first for x in letters)
    if not count or not only:
        return []
    return comments(
        f"doubt: {count:,} of {first.total():,} values of {shown(amount)} are negative, and only their "
        f"{shown(sources['order'])} begins with {shown(letters.pop())}: cancellations? They stay, and lower "
        "the sums; data/README.md shows how to leave them out"
    )


def _overlaps(table: Table, file: Looked, sources: Mapping[str, str]) -> list[str]:
    """Return the rule that spells of a customer do not overlap, for the user to decide."""
    if table.name != "subscriptions" or not {"customer", "entry", "exit"} <= set(sources):
        return []
    times = Counter(value for value in _values(file, sources["customer"]) if value.strip())
    several = sum(1 for n in times.values() if n > 1)
    found = (
        f"{several:,} of {len(times):,} customers have several spells" if times else "no customer was seen"
    )
    return [
        *comments(
            f"doubt: {found}. Where spells of one customer overlap, every figure counts that customer "
            "twice; if a customer can have only one contract at a time, set them aside:"
        ),
        comment('rules = [{ rule = "no-overlap", by = "customer", columns = ["entry", "exit"] }]'),
    ]


def _values(file: Looked, name: str) -> list[str]:
    values: list[str] = file.records.column(file.header.index(name)).to_pylist()
    return values


def missing_codes(doubts: tuple[Doubt, ...]) -> set[str]:
    """Return the texts that may stand for no value."""
    found: set[str] = set()
    for doubt in doubts:
        codes = doubt.keys.get("missing")
        found |= set(codes) if isinstance(codes, tuple) else set()
    return found
