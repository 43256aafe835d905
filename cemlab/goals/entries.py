"""Entries as people write them: read into a frame, and held to rules that say what to mend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from cemlab.errors import ColumnError, DataError, one_of
from cemlab.evidence import Check
from cemlab.markup import join_words, number

if TYPE_CHECKING:
    import ibis.expr.types as ir

FINDINGS = ("item", "rule", "what", "remedy")
NUMBERS = ("low", "mode", "high")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Something that must hold for every entry.

    Parameters
    ----------
    name
        The short name under which findings stand.
    null
        What holds where there is no finding.
    remedy
        What to do about a finding.
    """

    name: str
    null: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """An entry that breaks a rule, and how."""

    item: str
    rule: Rule
    what: str


def read(
    table: ir.Table | pd.DataFrame, *, required: Sequence[str], optional: Sequence[str], what: str
) -> pd.DataFrame:
    """Return the named columns as a frame of its own: text stripped, blanks missing, numbers as floats.

    Raises
    ------
    ColumnError
        If a required column is not there.
    DataError
        If there is no row, or a number is none.
    """
    for name in required:
        if name not in table.columns:
            raise ColumnError(f"{what}: {one_of(name, map(str, table.columns), what='column')}")
    wanted = [name for name in (*required, *optional) if name in table.columns]
    given = table[wanted] if isinstance(table, pd.DataFrame) else table.select(wanted).to_pandas()
    if given.empty:
        raise DataError(f"{what}: there is no row; write at least one")
    columns = {name: _column(given[name], what) for name in wanted}
    for name in optional:
        columns.setdefault(name, pd.Series([None] * len(given), dtype=object))
    return pd.DataFrame(columns)


def _column(values: pd.Series[Any], what: str) -> pd.Series[Any]:
    if values.name in NUMBERS:
        try:
            return pd.to_numeric(values).astype(float).reset_index(drop=True)
        except (TypeError, ValueError) as error:
            raise DataError(f"{what}, column {values.name!r}: {error}; write plain numbers") from error
    if values.name == "date":
        return pd.to_datetime(values).dt.normalize().reset_index(drop=True)
    kept = [None if pd.isna(value) else str(value).strip() or None for value in values.tolist()]
    return pd.Series(kept, dtype=object)


def unique(items: pd.Series[Any], *, what: str) -> None:
    """Refuse entries without a name, and two of one name.

    Raises
    ------
    DataError
        If there are any.
    """
    if items.isna().any():
        raise DataError(
            f"{what}: row {int(items.isna().argmax()) + 1} has no item; name it or remove the row"
        )
    if (twice := items[items.duplicated()]).any():
        raise DataError(
            f"{what}: {twice.iloc[0]!r} stands twice; one row is one entry, so rename or remove one"
        )


def blank(frame: pd.DataFrame, column: str, rule: Rule) -> list[Finding]:
    """Return a finding for each entry that leaves a column blank."""
    return [Finding(item, rule, f"{column} is blank") for item in frame.loc[frame[column].isna(), "item"]]


def unordered(frame: pd.DataFrame, rule: Rule) -> list[Finding]:
    """Return a finding for each entry whose three values are not in order; blanks are no matter here."""
    found = frame[
        (frame["low"] > frame["mode"]) | (frame["mode"] > frame["high"]) | (frame["low"] > frame["high"])
    ]
    return [
        Finding(item, rule, f"low {low:g}, mode {mode:g}, high {high:g}")
        for item, low, mode, high in zip(found["item"], *(found[name] for name in NUMBERS), strict=True)
    ]


def as_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as a tidy frame: item, rule, what, remedy."""
    rows = [(found.item, found.rule.name, found.what, found.rule.remedy) for found in findings]
    return pd.DataFrame(rows, columns=list(FINDINGS))


def as_checks(rules: Iterable[Rule], findings: Sequence[Finding]) -> tuple[Check, ...]:
    """Return one check a rule, with the entries that break it."""
    return tuple(_check(rule, [found for found in findings if found.rule is rule]) for rule in rules)


def _check(rule: Rule, found: Sequence[Finding]) -> Check:
    told = [f"“{each.item}” ({each.what})" for each in found[:3]]
    if len(found) > len(told):
        told.append(f"{len(found) - len(told):,} more")
    detail = f"{join_words(told)}." if found else f"{rule.null[0].upper()}{rule.null[1:]}."
    return Check(name=rule.name, null=rule.null, passed=not found, detail=detail, remedy=rule.remedy)


def brief(value: Any) -> str:
    """Write a number to three figures: what people state has no more.

    Examples
    --------
    >>> brief(5.944444), brief(12345.6)
    ('5.94', '12,300')
    """
    return number(float(f"{value:.3g}"))
