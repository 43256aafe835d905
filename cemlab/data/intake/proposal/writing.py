"""A proposed ``cemlab.toml``: guesses with their reasons and their doubts, never applied unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cemlab.data.contract import TABLES, Column, Table
from cemlab.data.intake.proposal.look import Looked, look, look_at_parquet, look_at_workbook
from cemlab.data.intake.proposal.matching import Match, assign, choose_table, columns_of, table_named
from cemlab.data.intake.proposal.rows import missing_codes, row_doubts, with_open_spells
from cemlab.data.intake.proposal.values import Guess, Setting, guess
from cemlab.data.intake.settings.keys import one_line_text
from cemlab.data.intake.settings.names import fold
from cemlab.data.intake.settings.toml import comment, comments, shown, toml_key, toml_list, toml_text
from cemlab.errors import CemlabError

_LOOKS: Mapping[str, Callable[[Path], Looked]] = {
    **{f"{ending}{packed}": look for ending in (".csv", ".tsv") for packed in ("", ".gz", ".zst")},
    ".xlsx": look_at_workbook,
    ".parquet": look_at_parquet,
}
_QUANTITIES = frozenset(
    (
        "quantity",
        "qty",
        "units",
        "pieces",
        "menge",
        "anzahl",
        "stueck",
        "stuck",
        "quantite",
        "qte",
        "cantidad",
    )
)
_PRICES = frozenset(
    ("price", "unitprice", "priceperunit", "priceeach", "preis", "einzelpreis", "stuckpreis", "stueckpreis",
     "prix", "prixunitaire", "pu", "precio", "preciounitario")
)  # fmt: skip
_HEAD = (
    "Proposed by cemlab check from a look at the files. Nothing of this is in force: read it, mend it, and "
    "save it as cemlab.toml beside the data. Lines in comments are left for you to decide: take the # away "
    "where the guess is right. data/README.md explains every key."
)
_COMPANY = (
    "[company]",
    "# These cannot be told from the files; as_of is the last day on which anything could have been seen:",
    '# name = "…"',
    '# currency = "EUR"',
    '# duration_unit = "months"',
    "# as_of = 2025-12-31",
)
_MOST_NAMES = 60


def propose_for(folder: Path) -> str:
    """Return a proposed ``cemlab.toml`` for the files of a folder.

    Parameters
    ----------
    folder
        A folder with CSV, TSV, Excel or Parquet files; links that lead out of it are not followed.

    Returns
    -------
    str
        As :func:`propose` makes it; empty where the folder holds no such file.
    """
    found, faults = [], []
    home = folder.resolve()
    for path in sorted(folder.iterdir()):
        looking = next((way for ending, way in _LOOKS.items() if path.name.lower().endswith(ending)), None)
        left_alone = path.name.startswith(("_", ".")) or not path.is_file()
        if looking is not None and not left_alone and path.resolve().is_relative_to(home):
            try:
                found.append(looking(path))
            except CemlabError as error:
                faults.append(str(error))
    return propose(found, faults=faults) if found or faults else ""


def propose(files: Sequence[Looked], *, faults: Iterable[str] = ()) -> str:
    """Return the text of a ``cemlab.toml`` that fits the files as far as can be told by looking.

    Parameters
    ----------
    files
        What was seen of each file, as :func:`~cemlab.data.intake.proposal.look.look` returns it.
    faults
        Files that could not be looked at, each a sentence.

    Returns
    -------
    str
        TOML that :func:`~cemlab.data.intake.settings.file.read_settings` accepts as it stands. What is sure
        enough stands in it with its reason above; what is in doubt stands in comments, as the question
        and the line that answers it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> records = pa.table({"c0": ["7", "8"], "c1": ["31.01.2025", "01.02.2025"], "c2": ["1,50", "2,25"]})
    >>> file = Looked(
    ...     file="umsatz.csv", header=("KdNr", "Datum", "Umsatz"), records=records, whole=True, writing={}
    ... )
    >>> print(propose([file])[-124:])
    # revenue is "Umsatz": a usual name of 'revenue'; 2 values of 2 such as "1,50"
    revenue = { from = "Umsatz", decimal = "," }
    <BLANKLINE>
    """
    lines = [*comments(_HEAD), "", *_COMPANY]
    lines += [line for fault in faults for line in comments(f"not looked at: {fault}")]
    by_table: dict[str, list[Looked]] = {}
    for file in files:
        choice = choose_table(file)
        if choice is None or not _can_be_named(file.file):
            lines += ["", *_unplaced(file, named=_can_be_named(file.file))]
        else:
            by_table.setdefault(choice.table.name, []).append(file)
    for name, those in by_table.items():
        lines += ["", *_table(TABLES[name], those, files)]
    return "\n".join(lines) + "\n"


def _can_be_named(file: str) -> bool:
    """Return whether the settings may name this file."""
    return one_line_text(file) and not file.startswith(("_", ".")) and not set(file) & set("/\\*?")


def _unplaced(file: Looked, *, named: bool) -> list[str]:
    if not named:
        return comments(f"{shown(file.file)} has a name that settings cannot give; rename the file")
    return [
        *comments(f"{shown(file.file)}: which table is it? Its columns: {_names(file.header)}"),
        *(line for doubt in file.doubts for line in comments(f"doubt: {doubt}")),
        comment(f"[tables.{table_named(file) or '…'}]"),
        comment(f"files = {toml_list([file.file])}"),
        *(comment(f"{key} = {_value(value)}") for key, value in file.writing.items()),
    ]


def _table(table: Table, files: Sequence[Looked], every: Sequence[Looked]) -> list[str]:
    first = files[0]
    alike = [file for file in files if (file.writing, file.header) == (first.writing, first.header)]
    lines = [f"[tables.{table.name}]"]
    for file in files:
        choice = choose_table(file)
        assert choice is not None  # only files with a choice come here
        lines += comments(f"{shown(file.file)}: {choice.reason}; {_extent(file)}")
        lines += [line for doubt in file.doubts for line in comments(f"doubt: {doubt}")]
        if not any(file is other for other in alike):
            lines += comments(
                f"doubt: it is written otherwise than {shown(first.file)} or has other columns, so it is "
                "left out here; if it belongs to the table, make it alike and add it to files"
            )
    if len(alike) < len(files) or any(file.file.split(".")[0] != table.name for file in alike):
        lines.append(f"files = {toml_list(dict.fromkeys(file.file for file in alike))}")
    lines += [line for reason in first.reasons for line in comments(reason)]
    lines += [f"{key} = {_value(value)}" for key, value in first.writing.items()]
    if first.header:
        found = {
            name: _settled(column, first, match)
            for name, match in assign(table, first, every).items()
            if (column := table.column(name)) is not None
        }
        lines += row_doubts(table, alike[-1], columns_of(found))
        lines += ["", f"[tables.{table.name}.columns]", *_columns(table, first, found)]
    return lines


def _extent(file: Looked) -> str:
    if file.whole:
        return f"looked at all {file.records.num_rows:,} records"
    if not file.records.num_rows:
        return "looked at the names of its columns only"
    return f"looked at the first {file.records.num_rows:,} records only: what comes later was not seen"


def _columns(table: Table, file: Looked, taken: Mapping[str, Match]) -> list[str]:
    lines: list[str] = []
    for column in table.columns:
        if column.name in taken:
            lines += _matched(table, column, file, taken)
    product = _product(table, file.header, there=taken)
    lines += product
    wanted = [name for name in table.required if name not in taken and not (product and name == "revenue")]
    wanted += [] if not table.any_of or any(set(g) <= set(taken) for g in table.any_of) else [
        " or ".join(" + ".join(group) for group in table.any_of)
    ]  # fmt: skip
    if wanted:
        lines += comments(f"not found, but the table needs it: {', '.join(wanted)}")
        lines += [comment(f'{name} = "…"') for name in wanted if table.column(name)]
    if "responded" in wanted:
        lines += comments("doubt: if the file holds only questionnaires that came back:")
        lines.append(comment("responded = { constant = true }"))
    used = {match.source for match in taken.values()}
    rest = [name for name in file.header if name not in used]
    if rest:
        lines += comments(f"kept as text under their own names: {_names(rest)}")
    return lines


def _settled(column: Column, file: Looked, match: Match) -> Match:
    """Return a match without the rivals whose values are nothing that the column allows."""
    if not match.rivals:
        return match
    every = ((match.source, match.why), *match.rivals)
    fit = [entry for entry in every if not guess(column, _values(file, entry[0])).unfit]
    if not fit:
        return replace(match, sure=True, rivals=())
    (source, why), *rivals = fit
    sure = not rivals or (match.sure and source == match.source)
    return Match(source=source, why=why, sure=sure, rivals=tuple(rivals))


def _matched(table: Table, column: Column, file: Looked, taken: Mapping[str, Match]) -> list[str]:
    """Return the lines about one column of the table that may be in the file."""
    match = taken[column.name]
    values = _values(file, match.source)
    found = guess(column, values)
    if (table.name, column.name) == ("subscriptions", "cause"):
        found = _with_ends(found, table, file, columns_of(taken))
    lines = _column(column, match, found)
    for source, why in match.rivals:
        keys: dict[str, Setting] = {"from": source, **guess(column, _values(file, source)).keys}
        lines += comments(f"doubt: {column.name} may also be {shown(source)}: {why}; if so, instead:")
        lines.append(comment(_line(column.name, keys)))
    blanks = sum(not value.strip() for value in values)
    if blanks and column.name in table.required and "" not in _words(found):
        lines += comments(
            f"doubt: {blanks:,} of {len(values):,} are blank; the table needs {column.name!r}, so "
            "these rows will be set aside"
        )
    return lines


def _which(column: Column, match: Match) -> list[str]:
    if match.rivals:
        names = ", ".join(shown(source) for source in (match.source, *(name for name, _ in match.rivals)))
        return comments(
            f"doubt: which of {names} is {column.name!r}? Nothing decides; take one of the lines:"
        )
    return comments(f"doubt: do the other files know each {column.name} by the same number? If so:")


def _with_ends(found: Guess, table: Table, file: Looked, sources: Mapping[str, str]) -> Guess:
    end = table.column("exit")
    if end is None or "exit" not in sources:
        return found
    codes = missing_codes(guess(end, _values(file, sources["exit"])).doubts)
    return with_open_spells(found, file, sources, no_end=codes)


def _words(found: Guess) -> Mapping[str, str]:
    values = found.keys.get("values")
    return values if isinstance(values, dict) else {}


def _values(file: Looked, source: str) -> list[str]:
    values: list[str] = file.records.column(file.header.index(source)).to_pylist()
    return values


def _column(column: Column, match: Match, found: Guess) -> list[str]:
    source, reasons = match.source, "; ".join(found.reasons)
    keys: dict[str, Setting] = {} if source == column.name else {"from": source}
    keys.update(found.keys)
    lines = comments(f"{column.name} is {shown(source)}: {match.why}" + (f"; {reasons}" if reasons else ""))
    lines += [] if match.sure else _which(column, match)
    if found.unfit and source != column.name:
        lines += comments("doubt: its name fits, most of its values do not; if it is the column nonetheless:")
        lines.append(comment(_line(column.name, keys)))
    elif keys:
        lines.append(_line(column.name, keys) if match.sure else comment(_line(column.name, keys)))
    for doubt in found.doubts:
        missing = "missing" in doubt.keys
        lines += comments(f"doubt: {doubt.question}{' If so:' if missing else ''}")
        if doubt.keys:
            lines.append(comment(_line(column.name, keys | dict(doubt.keys))))
    return lines


def _product(table: Table, header: Sequence[str], *, there: Mapping[str, Match]) -> list[str]:
    """Return the line that makes revenue of quantity and price, in force where there is no revenue."""
    usable = [name for name in header if one_line_text(name)]
    quantities = [name for name in usable if fold(name) in _QUANTITIES]
    prices = [name for name in usable if fold(name) in _PRICES]
    if table.name != "transactions" or len(quantities) != 1 or len(prices) != 1:
        return []
    line = f"revenue = {{ multiply = {toml_list((quantities[0], prices[0]))} }}"
    told = f"{shown(quantities[0])} × {shown(prices[0])}"
    if "revenue" in there:
        doubt = f"doubt: is revenue perhaps {told}? Then instead of its line above:"
        return [*comments(doubt), comment(line)]
    return [*comments(f"revenue: no column is called so, but {told} would be it"), line]


def _line(name: str, keys: Mapping[str, Setting]) -> str:
    if list(keys) == ["from"]:
        return f"{toml_key(name)} = {_value(keys['from'])}"
    return f"{toml_key(name)} = {{ {', '.join(f'{key} = {_value(value)}' for key, value in keys.items())} }}"


def _value(value: Setting) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return toml_list(value)
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{toml_key(key)} = {toml_text(entry)}" for key, entry in value.items()) + " }"
        )
    return toml_text(value)


def _names(header: Sequence[str]) -> str:
    more = f" and {len(header) - _MOST_NAMES} more" if len(header) > _MOST_NAMES else ""
    return (", ".join(shown(name) for name in header[:_MOST_NAMES]) or "none") + more
