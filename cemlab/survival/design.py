"""The model matrix of a hazard model: rows checked, terms under internal names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cemlab.data.spells import kinds_of
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, eq=False, kw_only=True)
class SpellRows:
    """The complete rows: times with the columns t, e and s, and the covariates under their own names."""

    times: pd.DataFrame
    covariates: pd.DataFrame
    n_given: int


@dataclass(frozen=True, eq=False, kw_only=True)
class HazardDesign:
    """The columns of the model under internal names c0…, with the terms they stand for."""

    frame: pd.DataFrame
    terms: dict[str, str]
    references: tuple[str, ...]


def hazard_design(
    spells: ir.Table | pd.DataFrame,
    duration: str,
    event: str,
    entry: str | None,
    covariates: Sequence[str],
    references: Mapping[str, str],
) -> tuple[SpellRows, HazardDesign]:
    """Return the complete rows and the model matrix of a hazard model.

    Parameters
    ----------
    spells
        One row a spell, as a frame or as a table on an engine.
    duration, event, entry
        Columns with the length at the end, whether the customer left, and the length when observation began.
    covariates
        Columns known at the start; text and categories become one term for each level but the reference.
    references
        The level others are compared with, by column.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For what :func:`cemlab.survival.hazard_ratios` refuses.
    """
    wanted = [duration, event, *([entry] if entry else []), *covariates]
    for name in wanted:
        if name not in spells.columns:
            raise ColumnError(one_of(name, map(str, spells.columns), what="column in the spells"))
    if not covariates or len(set(covariates)) < len(covariates):
        raise OptionError(f"covariates are {list(covariates)}; name at least one column, each once")
    roles = [name for name in covariates if name in (duration, event, entry)]
    if roles:
        raise OptionError(
            f"the covariate {roles[0]!r} is the duration, event or entry itself, which a model of leaving "
            "explains; name columns known at the start"
        )
    unknown = [name for name in references if name not in covariates]
    if unknown:
        raise OptionError(one_of(unknown[0], covariates, what="covariate (in references)"))
    given = spells[wanted] if isinstance(spells, pd.DataFrame) else spells.select(wanted).to_pandas()
    rows = _complete_rows(given, duration, event, entry, covariates)
    columns: dict[str, Any] = {}
    terms: dict[str, str] = {}
    compared = []
    for name in covariates:
        values = rows.covariates[name]
        _refuse_kinds(values, name)
        if not _has_levels(values):
            labels = {name: _finite(values, name)}
        else:
            values = values.astype(object).map(str)
            reference = _reference(values, name, references.get(name))
            compared.append(f"{name} = {reference}")
            levels = [level for level in sorted(values.unique()) if level != reference]
            labels = {f"{name} = {level}": (values == level).astype(float) for level in levels}
        for label, column in labels.items():
            internal = f"c{len(terms)}"
            columns[internal], terms[internal] = column.to_numpy(), label
    frame = pd.DataFrame(columns)
    _refuse_separation(frame, terms, rows.times["e"].to_numpy(dtype=bool))
    return rows, HazardDesign(frame=frame, terms=terms, references=tuple(compared))


def _refuse_kinds(values: pd.Series[Any], name: str) -> None:
    kinds = kinds_of(values)
    if len(kinds) > 1:
        raise DataError(
            f"the covariate {name!r} mixes {' and '.join(kinds)}; make them one kind, e.g. all text"
        )
    if len(values) and isinstance(values.iloc[0], date | timedelta | pd.Period):
        raise DataError(
            f"the covariate {name!r} holds dates or spans of time; enter a number instead, e.g. the days "
            "since a date"
        )


def _has_levels(values: pd.Series[Any]) -> bool:
    if isinstance(values.dtype, pd.CategoricalDtype) or isinstance(values.iloc[0], str):
        return True
    try:
        pd.to_numeric(values)
    except (TypeError, ValueError):
        return True
    return False


def _finite(values: pd.Series[Any], name: str) -> pd.Series[float]:
    """Return a column as finite numbers."""
    texts = not pd.api.types.is_numeric_dtype(values) and kinds_of(values) not in ([], ["numbers"])
    told = values.dtype.kind in "mM" or texts or isinstance(values.dtype, pd.StringDtype)
    try:
        numbers = pd.to_numeric(values).astype(float)
    except (TypeError, ValueError):
        told = True
    if told and not pd.api.types.is_bool_dtype(values) and kinds_of(values) != ["truth values"]:
        raise DataError(f"column {name!r} must hold numbers, not {values.iloc[0]!r}; turn them into numbers")
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise DataError(
            f"column {name!r}: {infinite:,} of {len(values):,} values are infinite; leave those rows out"
        )
    return numbers


def _complete_rows(
    given: pd.DataFrame, duration: str, event: str, entry: str | None, covariates: Sequence[str]
) -> SpellRows:
    """Keep rows with all covariates; refuse impossible or missing durations and events."""
    n_given = len(given)
    if not n_given:
        raise DesignError("there are no spells; hand in at least one row")
    roles = {"t": duration, "e": event, **({"s": entry} if entry else {})}
    for name in roles.values():
        missing = int(given[name].isna().sum())
        if missing:
            raise DataError(
                f"column {name!r}: {missing:,} of {n_given:,} rows are blank; fill or remove them first"
            )
    if not given[event].isin([0, 1]).all():
        raise DataError(
            f"column {event!r} holds values other than true/false or 1/0; state which ones are events"
        )
    times = pd.DataFrame({internal: _finite(given[name], name) for internal, name in roles.items()})
    times = times.assign(e=times["e"].astype(int), s=times["s"] if entry else 0.0)
    impossible = int(
        ((times["t"] < 0) | (times["s"] < 0) | ((times["s"] > 0) & (times["s"] >= times["t"]))).sum()
    )
    if impossible:
        raise DataError(
            f"column {duration!r}: {impossible:,} of {n_given:,} spells end before they were observed "
            "(a negative duration, or an entry not before the end); mend or remove them first"
        )
    complete = given[list(covariates)].notna().all(axis=1).to_numpy()
    times = times[complete].reset_index(drop=True)
    if not times["e"].any():
        raise DesignError(
            f"none of the {len(times):,} complete spells ended, so no pace of leaving can be estimated"
        )
    return SpellRows(
        times=times, covariates=given.loc[complete, list(covariates)].reset_index(drop=True), n_given=n_given
    )


def _reference(values: pd.Series[Any], name: str, wanted: object) -> str:
    counts = values.value_counts()
    if len(counts) < 2:
        raise DesignError(f"the covariate {name!r} has one level only ({counts.index[0]}); leave it out")
    if wanted is None:
        return str(min(counts.index[counts == counts.max()]))
    if str(wanted) not in counts.index:
        raise OptionError(one_of(wanted, sorted(counts.index), what=f"level of {name!r}"))
    return str(wanted)


def _refuse_separation(frame: pd.DataFrame, terms: Mapping[str, str], left: Any) -> None:
    for internal, term in terms.items():
        values = frame[internal].to_numpy()
        if np.ptp(values) == 0:
            raise DesignError(f"the covariate {term!r} has the same value in all rows; leave it out")
        if set(np.unique(values)) == {0.0, 1.0}:
            for side in (0.0, 1.0):
                here = values == side
                if not left[here].any():
                    raise DesignError(
                        f"nobody left where {term!r} is {side:g} ({int(here.sum()):,} spells), so its ratio "
                        "cannot be estimated; merge the level with another or leave it out"
                    )
