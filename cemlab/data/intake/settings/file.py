"""``cemlab.toml``: read strictly, so that nothing that was said of a client's files is passed over.

Whatever is not understood is refused in one line: the file, the dotted key, what is allowed, what to do.
"""

from __future__ import annotations

import codecs
import re
import stat
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import get_args

from cemlab.data.contract import TABLES, Table
from cemlab.data.intake.plan import (
    Comparison,
    Dialect,
    Filter,
    RowRule,
    Settings,
    TableRule,
    TableSettings,
)
from cemlab.data.intake.settings.columns import DEFAULT_KEYS, column_of, defaults_of, time_zone_of
from cemlab.data.intake.settings.keys import (
    Key,
    choice_of,
    code_of,
    codes_of,
    flag_of,
    integer_of,
    number_of,
    shown,
    table_of,
    tables_of,
    text_of,
    texts_of,
)
from cemlab.errors import DataError, NotFoundError

FILE_NAME = "cemlab.toml"
_MOST_BYTES = 2**20
_UNITS = ("days", "weeks", "months", "years")
_DIALECT = (
    "encoding", "delimiter", "skip_lines", "skip_below_header", "names", "sheet", "max_unpacked_bytes",
)  # fmt: skip
_COMPANY_KEYS = ("name", "currency", "duration_unit", "as_of", "time_zone", "fictional", "notes")
_TABLE_KEYS = ("files", *_DIALECT, *DEFAULT_KEYS, "columns", "drop", "leave_out", "keep_only", "rules")
#: Python's codecs that transform text rather than say how a file was written.
_NO_FILE_IS_WRITTEN_IN = ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7")
#: Of each rule: how many columns it takes, and whether it is about the rows of one `by`.
_RULES: Mapping[RowRule, tuple[int | None, bool]] = {
    "unique": (None, False),
    "no-overlap": (2, True),
    "ordered": (2, False),
    "one-event": (2, True),
    "stays-on": (2, True),
}


def settings_beside(folder: Path) -> Settings:
    """Return what the ``cemlab.toml`` of a folder says; nothing where there is none.

    Parameters
    ----------
    folder
        The folder that holds the tables.

    Raises
    ------
    DataError
        If the file is no regular file inside the folder, is larger than 1 MiB or no TOML, or has a name
        that was meant for it, e.g. ``cemlab.toml.txt``.
    OptionError
        If it says something that is not allowed.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name != FILE_NAME and path.name.lower() in (FILE_NAME, f"{FILE_NAME}.txt"):
            raise DataError(f"{path.name[:80]}: settings are read from {FILE_NAME} only; rename the file")
    path = folder / FILE_NAME
    if not path.is_symlink() and not path.exists():
        return Settings()
    try:
        inside = path.resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a link to nowhere, or to itself
        inside = False
    if not inside:
        raise DataError(
            f"{FILE_NAME} is a link that leads out of the folder or nowhere; put the file there itself"
        )
    return read_settings(path)


def read_settings(path: Path) -> Settings:
    """Return what a file of settings says.

    Parameters
    ----------
    path
        A file of TOML 1.0, UTF-8, at most 1 MiB.

    Returns
    -------
    Settings
        Only what was said; texts as they stand, numbers and dates written in plain and ISO form.

    Raises
    ------
    NotFoundError
        If there is no such file.
    DataError
        If it cannot be read, or is no TOML; the line is named.
    OptionError
        If a table, key or value is not allowed; the dotted key is named, and what is allowed.
    """
    top = Key(path.name[:80])
    said = table_of(_parse(path), top, ("company", "folder", "tables"))
    company = table_of(said.get("company", {}), top / "company", _COMPANY_KEYS)
    folder = table_of(said.get("folder", {}), top / "folder", ("leave_alone",))
    tables = table_of(said.get("tables", {}), top / "tables", TABLES)
    return Settings(
        **_company(company, top / "company"),  # type: ignore[arg-type]  # each value was checked for its key
        leave_alone=_patterns(folder, top / "folder" / "leave_alone"),
        tables={name: _table(TABLES[name], value, top / "tables" / name) for name, value in tables.items()},
    )


def _parse(path: Path) -> dict[str, object]:
    raw = _bytes(path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path.name}, line {line}: not UTF-8; save the file as UTF-8") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error), re.DOTALL)
        why, line_text = (place[1], place[2]) if place else (str(error), None)
        where = f"line {line_text or text.count(chr(10)) + 1}"
        raise DataError(
            f"{path.name}, {where}: no TOML ({' '.join(why.split())[:160]}); texts stand in quotes, one key "
            "a line, each key and table once"
        ) from error
    except (RecursionError, ValueError) as error:  # brackets within brackets without end; endless digits
        raise DataError(f"{path.name}: no TOML that can be read; write it as data/README.md shows") from error


def _bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # asked before it is opened: a FIFO would wait for ever
            raise DataError(f"{path.name} is no regular file; put a text file there")
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"no file {path.name}; give the file that holds the settings") from error
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}; change its permissions") from error
    if len(raw) > _MOST_BYTES:
        raise DataError(f"{path.name} is larger than 1 MiB; settings are at most 1 MiB of text")
    return raw


def _company(said: Mapping[str, object], key: Key) -> dict[str, object]:
    found: dict[str, object] = {}
    if "name" in said:
        found["name"] = text_of(said["name"], key / "name", example='"Halden"')
    if "currency" in said:
        currency = text_of(said["currency"], key / "currency", example='"EUR"')
        if not re.fullmatch("[A-Z]{3}", currency):
            raise (key / "currency").refusal(
                f'{shown(currency)} is not allowed; allowed are three capitals, e.g. "EUR"'
            )
        found["currency"] = currency
    if "duration_unit" in said:
        unit = choice_of(said["duration_unit"], key / "duration_unit", _UNITS, what="unit of duration")
        found["duration_unit"] = unit
    if "as_of" in said:
        found["as_of"] = _day(said["as_of"], key / "as_of")
    if "time_zone" in said:
        found["time_zone"] = time_zone_of(said["time_zone"], key / "time_zone")
    if "fictional" in said:
        found["fictional"] = flag_of(said["fictional"], key / "fictional")
    if "notes" in said:
        found["notes"] = texts_of(said["notes"], key / "notes", example='"returns were taken out"')
    return found


def _day(value: object, key: Key) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise key.refusal(f"{shown(value)} is no day; allowed is a date, e.g. 2025-12-31")


def _patterns(folder: Mapping[str, object], key: Key) -> tuple[str, ...]:
    if "leave_alone" not in folder:
        return ()
    patterns = texts_of(folder["leave_alone"], key, example='"*.bak.csv"')
    for pattern in patterns:
        if "/" in pattern or "\\" in pattern:
            raise key.refusal(f"{shown(pattern)} holds a slash; patterns are of names in the folder itself")
    return patterns


def _table(table: Table, value: object, key: Key) -> TableSettings:
    said = table_of(value, key, _TABLE_KEYS)
    columns = table_of(said.get("columns", {}), key / "columns")
    defaults = defaults_of(said, key)
    return TableSettings(
        table=table.name,
        files=_files(said["files"], key / "files") if "files" in said else (),
        dialect=_dialect(said, key),
        defaults=defaults,
        columns={
            name: column_of(name, given, key / "columns" / name, table=table, defaults=defaults)
            for name, given in columns.items()
        },
        drop=texts_of(said["drop"], key / "drop", example='"address"') if "drop" in said else (),
        filters=(*_filters(said, key, keep=False), *_filters(said, key, keep=True)),
        rules=tuple(
            _rule(rule, key / "rules" / (i + 1))
            for i, rule in enumerate(tables_of(said.get("rules", []), key / "rules"))
        ),
    )


def _files(value: object, key: Key) -> tuple[str, ...]:
    names = texts_of(value, key, example='"Umsatz 2024.csv"')
    for name in names:
        if "/" in name or "\\" in name or name in (".", ".."):
            raise key.refusal(
                f"{shown(name)} is a path; allowed are names of files in the folder of cemlab.toml itself"
            )
        if name.startswith(("_", ".")):
            raise key.refusal(
                f"{shown(name)} begins with {name[0]!r}: such files are left alone; rename the file"
            )
        if "*" in name or "?" in name:
            raise key.refusal(f"{shown(name)} is a pattern; name each file by itself")
    return names


def _dialect(said: Mapping[str, object], key: Key) -> Dialect:
    found: dict[str, object] = {}
    for part in _DIALECT:
        if part in said:
            value, at = said[part], key / part
            if part == "encoding":
                found[part] = _encoding(value, at)
            elif part == "delimiter":
                found[part] = _delimiter(value, at)
            elif part == "names":
                found[part] = texts_of(value, at, example='"customer", "date"')
            elif part == "sheet":
                found[part] = text_of(value, at, example='"Data"')
            else:
                found[part] = integer_of(value, at, least=1 if part == "max_unpacked_bytes" else 0)
    if "names" in found and found.get("skip_below_header"):
        raise (key / "skip_below_header").refusal(
            "a file with names has no header; count these records in skip_lines"
        )
    return Dialect(**found)  # type: ignore[arg-type]  # each value was checked for its key


def _encoding(value: object, key: Key) -> str:
    name = text_of(value, key, example='"cp1252"')
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        codec = None
    # the flag is how Python itself tells text encodings from transformations such as rot13 and zlib
    if codec is None or not codec._is_text_encoding or codec.name.replace("_", "-") in _NO_FILE_IS_WRITTEN_IN:
        raise key.refusal(
            f"no encoding named {shown(name)}; allowed are e.g. utf-8, cp1252 (Western Windows), iso-8859-1, "
            "iso-8859-15, cp1250, utf-16"
        )
    # a byte order mark of UTF-8 is skipped in any case
    return "utf-8" if codec.name == "utf-8-sig" else codec.name


def _delimiter(value: object, key: Key) -> str:
    bad = not isinstance(value, str) or len(value) != 1 or value in " \"'" or value.isalnum()
    if bad or (value != "\t" and not str(value).isprintable()):
        raise key.refusal(
            f'{shown(value)} is no delimiter; allowed is one character, e.g. ";" or "|" or "\\t", that is no '
            "letter, digit, space, quote or line end"
        )
    return str(value)


def _filters(said: Mapping[str, object], key: Key, *, keep: bool) -> tuple[Filter, ...]:
    name = "keep_only" if keep else "leave_out"
    entries = tables_of(said.get(name, []), key / name)
    return tuple(_filter(entry, key / name / (i + 1), keep=keep) for i, entry in enumerate(entries))


def _filter(value: object, key: Key, *, keep: bool) -> Filter:
    comparisons: tuple[Comparison, ...] = get_args(Comparison)
    said = table_of(value, key, ("column", "reason", *comparisons))
    for part in ("column", "reason"):
        if part not in said:
            raise key.refusal(
                f"{part} is missing; a filter has a column of the file, one comparison and a reason"
            )
    given = [name for name in comparisons if name in said]
    if len(given) != 1:
        stand = " and ".join(given) + " stand together" if given else "there is no comparison"
        raise key.refusal(f"{stand}; a filter has exactly one of {', '.join(comparisons)}")
    return Filter(
        column=text_of(said["column"], key / "column", example='"InvoiceNo"'),
        comparison=given[0],
        value=_compared(given[0], said[given[0]], key / given[0]),
        reason=text_of(said["reason"], key / "reason", example='"cancelled order"'),
        keep=keep,
    )


def _compared(comparison: Comparison, value: object, key: Key) -> str | float | bool | tuple[str, ...]:
    if comparison == "blank":
        return flag_of(value, key)
    if comparison == "one_of":
        return codes_of(value, key)
    if comparison in ("below", "at_most", "above", "at_least"):
        return number_of(value, key)
    text = code_of(value, key)
    if not text:
        raise key.refusal('"" is not allowed; for blanks write blank = true')
    return text


def _rule(value: object, key: Key) -> TableRule:
    said = table_of(value, key, ("rule", "columns", "by", "strict", "no_event"))
    for part in ("rule", "columns"):
        if part not in said:
            raise key.refusal(f"{part} is missing; a rule has a rule and its columns")
    rule: RowRule = choice_of(said["rule"], key / "rule", _RULES, what="rule")  # type: ignore[assignment]
    columns = texts_of(said["columns"], key / "columns", example='"entry", "exit"')
    count, grouped = _RULES[rule]
    if count is not None and len(columns) != count:
        raise (key / "columns").refusal(
            f"the list has {len(columns)} names; the rule {rule!r} takes {count} columns"
        )
    if grouped and "by" not in said:
        raise key.refusal(
            f'by is missing; the rule {rule!r} is about the rows of one customer, e.g. by = "customer"'
        )
    for part, owners in (("by", ("no-overlap", "one-event", "stays-on")), ("strict", ("ordered",)),
                         ("no_event", ("one-event",))):  # fmt: skip
        if part in said and rule not in owners:
            raise (key / part).refusal(f"the rule {rule!r} has no {part}; take it out")
    by = text_of(said["by"], key / "by", example='"customer"') if "by" in said else None
    if by in columns:
        raise (key / "by").refusal(
            f"{shown(by)} stands among the columns too; the rows of one {by} are compared in others"
        )
    return TableRule(
        rule=rule,
        columns=columns,
        by=by,
        strict=flag_of(said.get("strict", False), key / "strict"),
        no_event=text_of(said.get("no_event", "none"), key / "no_event", example='"none"'),
    )
