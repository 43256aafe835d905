"""Which table a file seems to be, and which of its columns each column of that table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cemlab.data.contract import TABLES, Column, Table
from cemlab.data.intake.proposal.look import Looked
from cemlab.data.intake.settings.keys import one_line_text
from cemlab.data.intake.settings.names import fold, likeness, numbers_answers, table_words

_NUMBER = re.compile(r".+(id|nr|no|num|number|nummer|key|code|kennung)|(id|no|num|numero|codigo|cod|code).+")
_FEW, _MANY = 3, 1000  # distinct values by which columns of two files are compared


@dataclass(frozen=True, kw_only=True)
class Match:
    """Which column of a file a column of the table most likely is.

    Parameters
    ----------
    source
        The column of the file.
    why
        The reason, in words.
    sure
        Whether that is surer than any other.
    rivals
        Other columns that might be it too, each with its reason, the likelier first.
    """

    source: str
    why: str
    sure: bool = True
    rivals: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The table that a file most likely is, and why."""

    table: Table
    reason: str


@dataclass(frozen=True, order=True)
class _Rank:
    """How likely one column is another; the greater, the likelier."""

    kind: int  # 3 for the very name, 2 for a usual one, 1 for one that is only like it
    shared: int
    number: bool
    strength: int


def choose_table(file: Looked) -> Choice | None:
    """Return the table that a file most likely is, by its name and its header.

    Examples
    --------
    >>> import pyarrow as pa
    >>> file = Looked(
    ...     file="Verträge.csv", header=("KdNr", "Ende"), records=pa.table({}), whole=False, writing={}
    ... )
    >>> choose_table(file).reason
    'its name says so; found: customer, exit'
    """
    stem = _stem(file)
    if stem in TABLES:
        return Choice(table=TABLES[stem], reason="the file is named after the table")
    scored: list[tuple[int, str, str]] = []
    for table in TABLES.values():
        by_name = _named(stem, table)
        taken = assign(table, file)
        required = sum(1 for name in table.required if name in taken)
        score = by_name + 2 * required + len(taken)
        # the name alone is not enough, and neither is a customer number, which stands in every table
        if (by_name and taken) or (required == len(table.required) and len(taken) >= 3):
            why = "its name says so" if by_name else "its columns fit best"
            scored.append((score, table.name, f"{why}; found: {', '.join(taken) if taken else 'none'}"))
    if not scored:
        return None
    scored.sort(key=lambda entry: -entry[0])
    score, name, reason = scored[0]
    rivals = [other for points, other, _ in scored[1:] if points >= score - 1]
    doubt = f"; it might also be {' or '.join(rivals[:3])}" if rivals else ""
    return Choice(table=TABLES[name], reason=reason + doubt)


def table_named(file: Looked) -> str | None:
    """Return the table that the name of a file speaks of; None where it speaks of none or of several."""
    scores = {name: _named(_stem(file), table) for name, table in TABLES.items()}
    best = [name for name, score in scores.items() if score and score == max(scores.values())]
    return best[0] if len(best) == 1 else None


def _stem(file: Looked) -> str:
    # macOS takes letters and their accents apart in the names of files
    return unicodedata.normalize("NFC", file.file).split(".")[0]


def _named(stem: str, table: Table) -> int:
    parts = [fold(word) for word in re.split(r"[\W_\d]+", stem) if word] or [""]
    words = table_words(table)
    # the last word says what it is, those before it of what: a customer survey is a survey
    return 6 if parts[-1] in words or fold(stem) in words else 4 if words & set(parts) else 0


def assign(table: Table, file: Looked, others: Sequence[Looked] = ()) -> dict[str, Match]:
    """Return which column of the file each column of the table most likely is.

    Parameters
    ----------
    table
        The table of the contract.
    file
        What was seen of the file.
    others
        The other files of the folder: of two columns that might be one of the table, the one is likelier
        whose values or name stand in them too.
    """
    usable = [(i, s) for i, s in enumerate(file.header) if one_line_text(s) and file.header.count(s) == 1]
    likely: dict[str, list[tuple[int, str, int, str]]] = {}
    for column in table.columns:
        for place, source in usable:
            strength, why = (4, "the same name") if source == column.name else likeness(source, column)
            if strength:
                likely.setdefault(column.name, []).append((place, source, strength, why))
    pairs = []
    for order, column in enumerate(table.columns):
        candidates = likely.get(column.name, [])
        for place, source, strength, why in candidates:
            shared = _shared(column, source, file, others) if len(candidates) > 1 else 0
            rank = _rank(column, source, strength, shared)
            pairs.append((rank, column.name not in table.required, order, place, source, why))
    pairs.sort(key=lambda pair: (*(-part for part in _parts(pair[0])), *pair[1:]))
    taken: dict[str, int] = {}
    for i, (_, _, order, _, source, _) in enumerate(pairs):
        name = table.columns[order].name
        if name not in taken and source not in [pairs[at][4] for at in taken.values()]:
            taken[name] = i
    used = {pairs[at][4] for at in taken.values()}
    found = {}
    for order, column in enumerate(table.columns):
        if column.name in taken:
            rank, _, _, _, source, why = pairs[taken[column.name]]
            rivals = [
                (r, s, w)
                for r, _, o, _, s, w in pairs
                if o == order and s not in used and r.kind == 2 <= rank.kind
            ]
            told = () if source == column.name else tuple((s, w) for _, s, w in rivals)
            sure = not any(r >= rank for r, _, _ in rivals) and not (
                column.name == "customer" and rank.kind == 1 and numbers_answers(source)
            )
            found[column.name] = Match(source=source, why=why, sure=sure, rivals=told)
    return found


def _rank(column: Column, source: str, strength: int, shared: int) -> _Rank:
    # the engine does not tell capitals apart, so two such names cannot stand side by side in one table
    own = source.casefold() == column.name
    number = column.form == "id" and bool(_NUMBER.fullmatch(fold(source)))
    return _Rank(3 if own else min(strength, 2), shared, number, strength)


def _parts(rank: _Rank) -> tuple[int, ...]:
    return rank.kind, rank.shared, rank.number, rank.strength


def _shared(column: Column, source: str, file: Looked, others: Sequence[Looked]) -> int:
    """Return 2 if the values of a column stand in another file too, plus 1 if its name does."""
    different = [other for other in others if other is not file and other.header != file.header]
    by_name = any(fold(source) in map(fold, other.header) for other in different)
    return by_name + 2 * (column.form == "id" and _values_shared(column, source, file, different))


def _values_shared(column: Column, source: str, file: Looked, others: Sequence[Looked]) -> bool:
    values = set(_column(file, source)[:_MANY]) - {""}
    if len(values) < _FEW:
        return False
    for other in others:
        for name in other.header:
            if likeness(name, column)[0] and other.header.count(name) == 1:
                common = values.intersection(_column(other, name))
                if 2 * len(common) >= len(values):
                    return True
    return False


def _column(file: Looked, name: str) -> list[str]:
    values: list[str] = file.records.column(file.header.index(name)).to_pylist()
    return values


def columns_of(found: Mapping[str, Match]) -> dict[str, str]:
    """Return the source of each column that was found, as far as that is sure."""
    return {name: match.source for name, match in found.items() if match.sure}
