"""The columns of spells under their roles, checked on the engine before anything is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from cemlab.data.spell_columns import require_column
from cemlab.data.spells import NO_CAUSE, kinds_of
from cemlab.errors import DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import pandas as pd

# Texts that mean yes, no or "goes on" and are no causes: counted as causes, every "no" would be an event.
_NO_CAUSES = ("0", "1", "yes", "no", "y", "n", "true", "false", "t", "f", "")
_GOES_ON = ("active", "censored", "current", "ongoing", "open", "still here", "still there")


@dataclass(frozen=True, eq=False, kw_only=True)
class SpellRoles:
    """Checked spells under internal names.

    Parameters
    ----------
    table
        Columns ``t`` and ``s`` [length at the end, and when observation began], ``e`` [whether it ended in
        the event asked for], ``o`` [whether it ended in another cause], x0, x1, … [the covariates], the extra
        columns asked for under their roles, and ``n`` [spells that a row stands for: those of whole lengths
        are counted, where no extra column is asked for]. Rows with a blank covariate are left out.
    covariates
        The names of x0, x1, ….
    n_given, n_blank
        Spells handed in, and those left out for a blank covariate.
    n_other
        Spells kept that ended in another cause than those asked for.
    """

    table: ir.Table
    covariates: tuple[str, ...]
    n_given: int
    n_blank: int
    n_other: int = 0


def spell_roles(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    entry: str | None = None,
    causes: Sequence[str] | None = None,
    covariates: Sequence[str] = (),
    extra: dict[str, str] | None = None,
    known: Mapping[str, str] | None = None,
) -> SpellRoles:
    """Return the columns in question under internal names, or refuse what cannot be counted.

    Parameters
    ----------
    spells
        One row is a spell, as a frame or as a table on an engine. Column names may be any text.
    duration, entry
        Columns with the length at the end and when observation began [one unit, at least 0].
    event
        True/false, 1/0, or a cause as text with ``"none"`` while the spell goes on.
    causes
        The causes that count as the event, where `event` is a text; other causes end observation. All of
        them where not given.
    covariates
        Columns known at the start; numbers, true/false, text or categories.
    extra
        Further columns to keep: role to column, e.g. ``{"customer": "id"}``.
    known
        For a covariate that need not have been known at the start, the column with the duration at which it
        became known (blank: from the start). One known only after observation began is refused.

    Returns
    -------
    SpellRoles
        The table with n_given, n_blank and n_other.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For missing columns, impossible or missing values, undeclared causes, or no spells.
    """
    names = {"t": duration, "e": event, **({"s": entry} if entry else {})}
    _check_covariates(covariates, names)
    since = _check_known(known or {}, covariates)
    named = {**names, **{f"x{i}": name for i, name in enumerate(covariates)}, **(extra or {})}
    table = _under_roles(spells, named | {f"k{i}": column for i, (_, column) in enumerate(since)})
    for role in ("t", "s", *(f"k{i}" for i in range(len(since)))):
        if role in table.columns and not table[role].type().is_numeric():
            column = {**named, **{f"k{i}": name for i, (_, name) in enumerate(since)}}[role]
            raise DataError(f"spells, column {column!r}: a length must be a number, not {table[role].type()}")
    if since:
        _refuse_known(table, since)
        table = table.drop(*(f"k{i}" for i in range(len(since))))
    table = _counted(table, keep_rows=bool(extra))
    n = _refuse_missing(table, names)
    happened = _happened(table, event, causes)
    if entry is None:
        table = table.mutate(s=ibis.literal(0))
    _refuse_impossible(table, duration, entry, n)
    others = causes is not None
    table = table.mutate(
        e=happened, o=~happened & (table["e"] != NO_CAUSE) if others else ibis.literal(False)
    )
    _refuse_dates(table, covariates)
    n_blank = 0
    if covariates:
        blank = ibis.or_(*(_is_missing(table[f"x{i}"]) for i in range(len(covariates))))
        n_blank = _one_row(table.aggregate(n=_where(blank, table)))["n"]
        table = table.filter(~blank)
    n_other = _one_row(table.aggregate(n=_where(table["o"], table)))["n"] if others else 0
    return SpellRoles(table=table, covariates=tuple(covariates), n_given=n, n_blank=n_blank, n_other=n_other)


def _check_known(known: Mapping[str, str], covariates: Sequence[str]) -> list[tuple[str, str]]:
    for name in known:
        if name not in covariates:
            raise OptionError(one_of(name, covariates, what="covariate (in known)"))
    return list(known.items())


def _refuse_known(table: ir.Table, since: list[tuple[str, str]]) -> None:
    start = table["s"].cast("float64") if "s" in table.columns else ibis.literal(0.0)
    late = {
        f"k{i}": (~_is_missing(table[f"k{i}"]) & (table[f"k{i}"].cast("float64") > start))
        .fill_null(False)
        .cast("int64")
        .sum()
        for i in range(len(since))
    }
    found = _one_row(table.aggregate(n=table.count(), **late))
    for i, (name, _) in enumerate(since):
        if found[f"k{i}"]:
            raise DesignError(
                f"the covariate {name!r} became known after observation began in {found[f'k{i}']:,} of "
                f"{found['n']:,} spells: who left early had no time to get it (immortal time); cut the "
                "spells at that time with survival.episodes, or leave it out"
            )


def _check_covariates(covariates: Sequence[str], names: dict[str, str]) -> None:
    if (
        isinstance(covariates, str)
        or not isinstance(covariates, Sequence)
        or len(set(covariates)) < len(covariates)
    ):
        raise OptionError(f"covariates are {covariates!r}; give a list of columns, each once")
    taken = [name for name in covariates if name in names.values()]
    if taken:
        raise OptionError(
            f"the covariate {taken[0]!r} is the duration, event or entry itself, which a model of leaving "
            "explains; name columns known at the start"
        )


def _under_roles(spells: ir.Table | pd.DataFrame, named: dict[str, str]) -> ir.Table:
    import pandas as pd

    for name in named.values():
        require_column(spells, name, "spells")
    if isinstance(spells, ir.Table):
        return spells.select(**{role: spells[name] for role, name in named.items()})
    picked = pd.DataFrame({role: spells[name].reset_index(drop=True) for role, name in named.items()})
    for role, name in named.items():
        if isinstance(picked[role].dtype, pd.CategoricalDtype):
            picked[role] = picked[role].astype(object).infer_objects()
        if pd.api.types.infer_dtype(picked[role], skipna=True).startswith("timedelta"):
            raise DataError(
                f"spells, column {name!r}: lengths of time must be plain numbers in one unit, e.g. days; "
                "divide them by pandas.Timedelta(days=1)"
            )
        kinds = kinds_of(picked[role])
        if len(kinds) > 1:
            raise DataError(f"spells, column {name!r}: {' and '.join(kinds)} are mixed; make them one kind")
    if picked.empty:
        raise DesignError("there are no spells; hand in at least one row")
    return ibis.memtable(picked)


def _counted(table: ir.Table, *, keep_rows: bool) -> ir.Table:
    """Work out joins and dates once, and count spells of whole lengths that are alike in everything."""
    whole = all(table[role].type().is_integer() for role in ("t", "s") if role in table.columns)
    if keep_rows or not whole:
        return table.mutate(n=ibis.literal(1, type="int64")).cache()
    return table.group_by(list(table.columns)).aggregate(n=table.count()).cache()


def _refuse_missing(table: ir.Table, names: dict[str, str]) -> int:
    missing = {role: _where(_is_missing(table[role]), table) for role in names}
    found = _one_row(table.aggregate(n=table["n"].sum(), **missing))
    n = found["n"]
    if not n:
        raise DesignError("there are no spells; hand in at least one row")
    for role, name in names.items():
        if found[role]:
            raise DataError(
                f"spells, column {name!r}: missing in {found[role]:,} of {n:,} spells; leave them out or "
                "fill them in"
            )
    return n


def _happened(table: ir.Table, name: str, causes: Sequence[str] | None) -> Any:
    """Return whether the event happened, after refusing codes that say neither yes nor no nor a cause."""
    column = table["e"]
    if column.type().is_string():
        return _cause_happened(table, name, causes)
    if causes is not None:
        raise OptionError(
            f"causes are {list(causes)!r}, but column {name!r} holds {column.type()}; name a text column"
        )
    if column.type().is_boolean():
        return column
    if not column.type().is_numeric():
        raise DataError(f"spells, column {name!r}: {column.type()} is not true or false, 1 or 0, or a cause")
    _refuse_values(
        table.filter(column.notin([0, 1])), name, "true or false, or 1 or 0; a cause must be a text"
    )
    return column == 1


def _cause_happened(table: ir.Table, name: str, causes: Sequence[str] | None) -> Any:
    column = table["e"]
    told = column.strip().lower()
    wrong = told.isin([*_NO_CAUSES, *_GOES_ON]) | ((told == NO_CAUSE) & (column != NO_CAUSE))
    _refuse_values(table.filter(wrong), name, "a cause, or 'none' while the spell goes on")
    if causes is None:
        return column != NO_CAUSE
    if isinstance(causes, str) or not causes or NO_CAUSE in causes:
        raise OptionError(f"causes are {causes!r}; give a list of causes, e.g. ['price'], without 'none'")
    present: set[str] = set(table.select(cause=column).distinct().to_pandas()["cause"])
    for cause in causes:
        if cause not in present:
            known = sorted(present - {NO_CAUSE})
            raise DataError(f"spells, column {name!r}: {one_of(cause, known, what='cause')}")
    return column.isin(list(causes))


def _refuse_values(bad: ir.Table, name: str, allowed: str) -> None:
    found = bad.select(value=bad["e"]).distinct().order_by("value").limit(6).to_pandas()["value"].tolist()
    if found:
        told = ", ".join(repr(value) for value in found)
        raise DataError(f"spells, column {name!r}: {told}; allowed is {allowed}")


def _refuse_impossible(table: ir.Table, duration: str, entry: str | None, n: int) -> None:
    t, s = table["t"], table["s"]
    wrong = {"negative": t < 0, "early": s < 0, "late": (s > 0) & (s >= t)}
    found = _one_row(table.aggregate(**{role: _where(condition, table) for role, condition in wrong.items()}))
    if found["negative"]:
        raise DataError(
            f"spells, column {duration!r}: negative in {found['negative']:,} of {n:,} spells; correct "
            "their dates or leave them out"
        )
    if found["early"]:
        raise DataError(
            f"spells, column {entry!r}: negative in {found['early']:,} of {n:,} spells; 0 means seen from "
            "the start"
        )
    if found["late"]:
        raise DataError(
            f"spells, column {entry!r}: not less than {duration!r} in {found['late']:,} of {n:,} spells; "
            "they ended before anybody looked, leave them out"
        )


def _refuse_dates(table: ir.Table, covariates: Sequence[str]) -> None:
    for i, name in enumerate(covariates):
        kind = table[f"x{i}"].type()
        if not (kind.is_string() or kind.is_numeric() or kind.is_boolean()):
            raise DataError(
                f"the covariate {name!r} holds {kind}; give a number, true/false or text known at the start "
                "of the spell, e.g. the days from a date to the start"
            )


def _is_missing(column: Any) -> Any:
    missing = column.isnull()
    if column.type().is_floating():
        # a warehouse keeps NaN apart from NULL, and infinity is neither a length nor a covariate
        missing = missing | column.isnan() | column.isinf()
    return missing


def _where(condition: Any, table: ir.Table) -> Any:
    return (condition.fill_null(False).cast("int64") * table["n"]).sum()


def _one_row(table: ir.Table) -> dict[str, int]:
    row = table.to_pandas().iloc[0]
    # a sum over no rows is missing
    return {str(name): 0 if value is None or value != value else int(value) for name, value in row.items()}
