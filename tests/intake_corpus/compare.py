"""Hold what was said of a case against what must be said, and list every difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.intake_corpus.case import Anything, Aside, Case, Contents, Outcome

# Messages may cut a long value, not shorter than this.
_CUT = 80


def _holds(text: str, words: str) -> bool:
    return any(word.lower() in text.lower() for word in words.split("|"))


def differences(case: Case, answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the JSON of ``cemlab check`` says otherwise than the case demands."""
    said = {entry["file"]: entry for entry in answer["files"]}
    for name in sorted({*said, *case.outcomes}):
        if name not in said:
            yield f"{name}: nothing is said of it"
        elif name not in case.outcomes:
            yield f"{name}: should be left alone, but {said[name]['verdict']}: {said[name]['messages']}"
        else:
            yield from (f"{name}: {found}" for found in _of_file(case.outcomes[name], said[name]))


def _of_file(wanted: Outcome, entry: Mapping[str, Any]) -> Iterator[str]:
    aside, messages = entry["quarantined"], entry["messages"]
    shown = [f"line {row['line']} {row['column']}: {row['reason']}" for row in aside[:5]]
    if entry["verdict"] not in wanted.verdict.split("|"):
        yield f"verdict {entry['verdict']}, not {wanted.verdict} ({[*messages, *shown]})"
        return
    yield from _of_counts(wanted, entry)
    if "|" in wanted.verdict:
        return
    told = "\n".join(messages)
    if "unforeseen" in told:
        yield f"a fault that nobody foresaw: {told}"
    yield from (f"no message holds {words!r}: {messages}" for words in wanted.says if not _holds(told, words))
    if entry["verdict"] == "reject":
        if not messages:
            yield "rejected without a word"
        return
    lines = [row["line"] for row in aside]
    if wanted.some_of:
        if not lines or not set(lines) <= set(wanted.some_of):
            yield f"set aside lines {lines}, not some of {wanted.some_of}: {shown}"
        return
    expected = [row.line for row in wanted.aside]
    if lines != expected:
        missed, much = sorted(set(expected) - set(lines)), sorted(set(lines) - set(expected))
        values = [row.value for row in wanted.aside if row.line in missed]
        more = [f"line {row['line']}: {row['reason']}" for row in aside if row["line"] in much]
        yield f"lines {missed} with {values!r:.900} not set aside, lines {much} wrongly: {more[:9]}"
        return
    for want, row in zip(wanted.aside, aside, strict=True):
        yield from (f"line {want.line}: {found}" for found in _of_row(want, row))


def _of_counts(wanted: Outcome, entry: Mapping[str, Any]) -> Iterator[str]:
    records, accepted, aside = entry["records"], entry["accepted"], len(entry["quarantined"])
    if records != accepted + aside:
        yield f"{records} records are not {accepted} accepted + {aside} set aside"
    if wanted.records is not None and "|" not in wanted.verdict and records != wanted.records:
        yield f"{records} records, not {wanted.records}"
    if "accept" not in wanted.verdict and wanted.records is None and accepted:
        yield f"{accepted} rows accepted"
    kind = "accept" if not aside else "quarantine"
    if entry["verdict"] != "reject" and entry["verdict"] != kind:
        yield f"verdict {entry['verdict']} with {aside} rows set aside"


def _of_row(want: Aside, row: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(want.column, Anything):
        columns = want.column if isinstance(want.column, tuple) else (want.column,)
        if row["column"] not in columns:
            yield f"column {row['column']!r}, not {want.column!r} ({row['reason']})"
    if isinstance(want.value, str):
        given = row["value"]
        if given != want.value and not (
            len(want.value) > _CUT and given[: _CUT - 1] == want.value[: _CUT - 1]
        ):
            yield f"value {given!r:.200}, not {want.value!r:.200} ({row['reason']:.200})"
    if not row["reason"].strip() or not _holds(row["reason"], want.says):
        yield f"reason {row['reason']!r:.300} for {row['value']!r:.100} holds no {want.says!r}"


def plain(value: object) -> object:
    """Return a value so that equal ones have one form and no two types look alike."""
    if isinstance(value, datetime):
        return ("time", value.isoformat())
    if isinstance(value, Decimal):
        return ("money", f"{value + 0:.4f}" if value else "0.0000")
    if isinstance(value, float):
        return ("number", (value + 0.0).hex())
    if isinstance(value, date):
        return ("date", value.isoformat())
    return (type(value).__name__, value)


def contents_differ(
    wanted: Contents, columns: tuple[str, ...], rows: list[tuple[object, ...]]
) -> Iterator[str]:
    """Yield how a table differs from what it must hold."""
    surplus = [name for name in columns if name not in wanted.columns and name not in wanted.free]
    missing = [name for name in wanted.columns if name not in columns]
    if surplus or missing:
        yield f"columns {surplus!r:.300} too many, {missing!r:.300} missing"
        return
    compared = [name for name in wanted.columns if name not in wanted.free]
    places = [columns.index(name) for name in compared]
    want_places = [wanted.columns.index(name) for name in compared]
    given = Counter(tuple(plain(row[i]) for i in places) for row in rows)
    want = Counter(tuple(plain(row[i]) for i in want_places) for row in wanted.rows)
    if given != want:
        surplus, lost = list((given - want).elements())[:3], list((want - given).elements())[:3]
        yield f"rows {surplus!r:.900} instead of {lost!r:.900}"
