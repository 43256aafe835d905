"""From the contract, the settings and a file's header to the rules by which its columns are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from cemlab.data.contract import Form, Table
from cemlab.data.intake.plan import ColumnRule, TableSettings
from cemlab.data.intake.settings.columns import DATED, NUMERIC, RESERVED
from cemlab.data.intake.settings.names import fold, nearest
from cemlab.data.intake.settings.toml import toml_key, toml_text
from cemlab.errors import ColumnError

_DELIMITERS = {";": '";"', "|": '"|"', "\t": '"\\t"', ",": '","'}
_LIKE_DATA = re.compile(r"\s*(-?[0-9][0-9.,]*|[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}([ T][0-9:.]+)?)\s*")
# enough to recognise a file by, few enough for one line
_MOST_NAMES = 40
#: Forms whose values have an order that a rule between rows can use.
_WITH_ORDER: tuple[Form, ...] = (*NUMERIC, *DATED)


def column_rules(
    table: Table,
    settings: TableSettings | None,
    header: tuple[str, ...],
    *,
    time_zone: str | None,
    where: str,
) -> tuple[ColumnRule, ...]:
    """Return how each column of a table is made from a file with this header.

    Parameters
    ----------
    table
        The table of the contract.
    settings
        What ``cemlab.toml`` says of it; None where it says nothing.
    header
        The names of the file's columns, as they stand there, no two the same.
    time_zone
        The company's zone, into which times with an offset are turned where the column names no other.
    where
        The file, as messages name it.

    Returns
    -------
    tuple of ColumnRule
        The contract's columns that are there or declared, in the contract's order; then the further
        columns declared; then all other columns of the file, as text under their own names. So no column
        of the file is lost: one that is only multiplied or filtered by stays as text too.

    Raises
    ------
    ColumnError
        If a required column, a declared one, or one that a filter or a rule names is missing, or if two
        columns of the table would have one name.

    Examples
    --------
    >>> from cemlab.data.contract import table as contract
    >>> header = ("customer", "shoe size")
    >>> rules = column_rules(contract("customers"), None, header, time_zone=None, where="customers.csv")
    >>> [(rule.name, rule.source, rule.form) for rule in rules]
    [('customer', 'customer', 'id'), ('shoe size', 'shoe size', 'text')]
    """
    said = settings or TableSettings(table=table.name)
    columns = {name: {"source": name, **entry} if _from_file(entry) else dict(entry)
               for name, entry in said.columns.items()}  # fmt: skip
    _refuse_reserved(header, where=where)
    _check_sources(columns, header, table=table, where=where)
    _check_filters(said, header, where=where)
    _check_dropped(said, columns, header, where=where)
    # a column that was given another name does not fill its namesake as well
    moved = {entry["source"] for name, entry in columns.items() if entry.get("source") not in (None, name)}
    there = set(header) - moved - set(said.drop)
    known = [c.name for c in table.columns if c.name in columns or c.name in there]
    further = [name for name in columns if table.column(name) is None]
    _check_complete(table, known, header, where=where)
    taken = {_spelling(name): name for name in (*known, *further)}
    mapped = {str(columns[name]["source"]) if "source" in columns.get(name, ()) else name
              for name in (*known, *further) if _from_file(columns.get(name, {}))}  # fmt: skip
    rest = _rest(said, columns, header, taken=taken, mapped=mapped, where=where)
    rules = [_rule(name, columns.get(name), table, said, time_zone=time_zone) for name in (*known, *further)]
    rules += [ColumnRule(name=name, source=name, form="text", **_defaults(said, "text")) for name in rest]
    _check_rules(said, rules, where=where)
    return tuple(rules)


def overlooked(table: Table, rules: Sequence[ColumnRule]) -> tuple[str, ...]:
    """Return a sentence for each column that was kept as text though its name is nearly the contract's.

    Examples
    --------
    >>> from cemlab.data.contract import table as contract
    >>> header = ("customer", "Region")
    >>> rules = column_rules(contract("customers"), None, header, time_zone=None, where="customers.csv")
    >>> print(overlooked(contract("customers"), rules)[0])
    the column 'Region' is kept as text; to take it as the contract's 'region', write in cemlab.toml under
    [tables.customers.columns]: region = "Region"
    """
    there = {rule.name for rule in rules}
    found = []
    for column in table.columns:
        own = [r.name for r in rules if table.column(r.name) is None and fold(r.name) == fold(column.name)]
        if column.name not in there and len(own) == 1:
            found.append(
                f"the column {_shown(own[0])} is kept as text; to take it as the contract's {column.name!r}, "
                f"{_line(table, column.name, own[0])}"
            )
    return tuple(found)


def _from_file(entry: Mapping[str, object]) -> bool:
    return "constant" not in entry and "multiply" not in entry


def _spelling(name: str) -> str:
    """Return what the engine takes for the same name: it does not tell capitals apart."""
    return name.casefold()


def _refuse_reserved(header: tuple[str, ...], *, where: str) -> None:
    for name in header:
        if _spelling(name) in RESERVED:
            raise ColumnError(f"{where}: the column {name!r} has a name that cemlab uses itself; rename it")


def _check_sources(
    columns: Mapping[str, Mapping[str, Any]], header: tuple[str, ...], *, table: Table, where: str
) -> None:
    for name, entry in columns.items():
        for source in entry["multiply"] if "multiply" in entry else [entry.get("source")]:
            if source is not None and source not in header:
                raise ColumnError(
                    f"{where}: cemlab.toml (tables.{table.name}.columns.{name}) takes {name!r} from the "
                    f"column {_shown(source)}, which is not in the file{_near(source, header)}; "
                    f"{_there(header)}"
                )


def _check_filters(said: TableSettings, header: tuple[str, ...], *, where: str) -> None:
    for entry in said.filters:
        if entry.column not in header:
            kind = "keep_only" if entry.keep else "leave_out"
            raise ColumnError(
                f"{where}: cemlab.toml (tables.{said.table}.{kind}) filters by the column "
                f"{_shown(entry.column)}, which is not in the file{_near(entry.column, header)}; "
                f"{_there(header)}"
            )


def _check_dropped(
    said: TableSettings, columns: Mapping[str, Mapping[str, Any]], header: tuple[str, ...], *, where: str
) -> None:
    """Refuse to drop a column that is not there, or that the table is made from."""
    sources = {entry.get("source") for entry in columns.values()}
    for name in said.drop:
        if name not in header:
            raise ColumnError(f"{where}: drop names {_shown(name)}, which the file lacks; {_there(header)}")
        if name in sources:
            raise ColumnError(
                f"{where}: drop names {_shown(name)}, but a column of the table is taken from it; "
                "take it out of one of the two"
            )


def _check_complete(table: Table, known: list[str], header: tuple[str, ...], *, where: str) -> None:
    missing = [name for name in table.required if name not in known]
    if missing:
        role = "the key of" if missing[0] in table.key else "what is required of"
        raise ColumnError(
            f"{where}: the column {missing[0]!r} is missing, part of {role} {table.name!r} "
            f"(one row = {table.row}); {_there(header)}; {_advice(table, missing, known, header)}"
        )
    if table.any_of and not any(set(group) <= set(known) for group in table.any_of):
        choices = " or ".join(repr(" + ".join(group)) for group in table.any_of)
        wanted = [name for group in table.any_of for name in group]
        raise ColumnError(
            f"{where}: the table {table.name!r} needs {choices}; {_there(header)}; "
            f"{_advice(table, wanted, known, header)}"
        )


def _advice(table: Table, missing: list[str], known: list[str], header: tuple[str, ...]) -> str:
    """Return what to do about the columns that are missing, as far as the header tells."""
    if len(header) == 1:
        for mark, written in _DELIMITERS.items():
            if mark in header[0]:
                return (
                    f"the header is one column that holds {mark!r}: if that separates the columns, write in "
                    f"cemlab.toml under [tables.{table.name}]: delimiter = {written}"
                )
    free = [name for name in header if name not in known]
    for name in missing:
        column = table.column(name)
        near = nearest(column, free) if column is not None else None
        if near is not None:
            return f"{_shown(near[0])} may be it; to take it, {_line(table, name, near[0])}"
    if not known and any(_LIKE_DATA.fullmatch(name) for name in header):
        return (
            "the first line looks like data, so the header seems to be missing: add one, or write in "
            f'cemlab.toml under [tables.{table.name}]: names = ["…", "…"]'
        )
    place = f"[tables.{table.name}.columns]"
    return f'rename or add the column, or map it in cemlab.toml under {place}: {missing[0]} = "…"'


def _rest(
    said: TableSettings,
    columns: Mapping[str, Mapping[str, Any]],
    header: tuple[str, ...],
    *,
    taken: Mapping[str, str],
    mapped: set[str],
    where: str,
) -> list[str]:
    """Return the columns of the file that stay as text, and refuse those whose names are taken."""
    multiplied = {source for entry in columns.values() for source in entry.get("multiply", ())}
    filtered = {entry.column for entry in said.filters}
    rest = []
    for name in header:
        if name in mapped or name in said.drop:
            continue
        own = taken.get(_spelling(name))
        if own is None:
            rest.append(name)
        elif name not in multiplied | filtered:
            origin = columns.get(own, {}).get("source", own)
            made = (
                f"taken from {_shown(origin)}" if _from_file(columns.get(own, {})) else "made by cemlab.toml"
            )
            raise ColumnError(
                f"{where}: the file has a column {_shown(name)}, but the table's {own!r} is {made}, so two "
                f"columns would have one name; take {own!r} from it, or give it a name of its own in "
                f"cemlab.toml under [tables.{said.table}.columns]: {own}_in_file = {{ from = "
                f'{toml_text(name[:80])}, form = "text" }}'
            )
    return rest


def _rule(
    name: str, entry: Mapping[str, Any] | None, table: Table, said: TableSettings, *, time_zone: str | None
) -> ColumnRule:
    column = table.column(name)
    own: dict[str, Any] = dict(entry) if entry is not None else {"source": name}
    form: Form = column.form if column is not None else own["form"]
    # a constant is written in plain form, whatever the marks and formats of the file are
    found = {} if "constant" in own else _defaults(said, form)
    if form == "time" and time_zone is not None and _from_file(own):
        found["time_zone"] = time_zone
    if column is not None and column.allowed:
        found["allowed"] = column.allowed
    if column is not None and column.scale is not None:
        least, greatest = column.scale
        found["minimum"], found["maximum"] = str(least), None if greatest is None else str(greatest)
    found.update(own)
    found["required"] = bool(own.get("required")) or name in table.required
    found["form"] = form
    return ColumnRule(name=name, **found)


def _defaults(said: TableSettings, form: Form) -> dict[str, Any]:
    """Return what was said of all columns and has a meaning for this form."""
    forms = {"formats": DATED, "decimal": NUMERIC, "thousands": NUMERIC}
    return {part: value for part, value in said.defaults.items() if form in forms.get(part, (form,))}


def _check_rules(said: TableSettings, rules: list[ColumnRule], *, where: str) -> None:
    forms = {rule.name: rule.form for rule in rules}
    for i, entry in enumerate(said.rules):
        place = f"cemlab.toml (tables.{said.table}.rules[{i + 1}]"
        for name in (*entry.columns, *([entry.by] if entry.by else [])):
            if name not in forms:
                raise ColumnError(
                    f"{where}: {place}) names the column {_shown(name)}, which the table does not have"
                    f"{_near(name, forms)}; the table has: {_listed(forms)}"
                )
        ordered = {"ordered": entry.columns, "no-overlap": entry.columns, "one-event": entry.columns[:1],
                   "stays-on": entry.columns[:1]}.get(entry.rule, ())  # fmt: skip
        for name in ordered:
            if forms[name] not in _WITH_ORDER:
                raise ColumnError(
                    f"{where}: {place}) puts the column {_shown(name)} in order, but its form is "
                    f"{forms[name]}; name one of the forms {', '.join(_WITH_ORDER)}"
                )
        if entry.rule == "stays-on" and forms[entry.columns[1]] != "flag":
            raise ColumnError(
                f"{where}: {place}) watches the column {_shown(entry.columns[1])}, whose form is "
                f"{forms[entry.columns[1]]}; name a flag"
            )


def _line(table: Table, column: str, source: str) -> str:
    return (
        f"write in cemlab.toml under [tables.{table.name}.columns]: {toml_key(column)} = {toml_text(source)}"
    )


def _near(name: str, names: Iterable[str]) -> str:
    by_spelling = {fold(other): other for other in names}
    near = get_close_matches(fold(name), by_spelling, n=1)
    return f"; did you mean {_shown(by_spelling[near[0]])}?" if near else ""


def _there(header: Sequence[str]) -> str:
    return f"the file has: {_listed(header)}"


def _listed(names: Iterable[str]) -> str:
    every = [_plain(name) for name in names]
    more = f" and {len(every) - _MOST_NAMES} more" if len(every) > _MOST_NAMES else ""
    return ", ".join(every[:_MOST_NAMES]) + more


def _plain(name: str) -> str:
    """Return a name on one line, as it is where it can be printed."""
    return name[:80] if name.isprintable() else repr(name[:80])


def _shown(name: str) -> str:
    return repr(name[:80])
