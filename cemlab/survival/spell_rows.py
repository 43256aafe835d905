"""The rows of a hazard model: complete, possible, and with covariates known when observation began."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cemlab.data.spells import kinds_of
from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.markup import join_words
from cemlab.stats.rounding_ties import merge_near
from cemlab.survival.given import refuse_no_table

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, kw_only=True)
class SpellColumns:
    """Which column plays which role; `known` maps a covariate to the column with when it became known."""

    duration: str
    event: str
    covariates: Sequence[str]
    entry: str | None = None
    strata: Sequence[str] = ()
    cluster: str | None = None
    customer: str | None = None
    known: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for role in ("duration", "event", "entry", "cluster", "customer"):
            if not isinstance(getattr(self, role), str | None):
                raise OptionError(f"{role} is {getattr(self, role)!r}; name one column, as text")

    @property
    def times(self) -> dict[str, str]:
        """The columns under the names t, e and s."""
        return {"t": self.duration, "e": self.event, **({"s": self.entry} if self.entry else {})}

    def __iter__(self) -> Iterator[str]:
        """All columns, each once."""
        whose = [name for name in (self.cluster, self.customer) if name]
        named = [*self.times.values(), *self.covariates, *self.strata, *whose, *self.known.values()]
        return iter(dict.fromkeys(named))


@dataclass(frozen=True, eq=False, kw_only=True)
class SpellRows:
    """The complete rows: times with the columns t, e and s, and the covariates by their own names.

    `stratum` and `cluster` are whole numbers from 0 for each row, `strata` the names of the strata. `twice`
    says how many customers are at risk twice at one duration, and how many there are; `copies` how many rows
    repeat another of their cluster. Both are None where it is not known whose the rows are.
    """

    times: pd.DataFrame
    covariates: Mapping[str, pd.Series[Any]]
    n_given: int
    stratum: Any = None
    strata: tuple[str, ...] = ()
    cluster: Any = None
    twice: tuple[int, int] | None = None
    copies: int | None = None


def spell_rows(
    spells: ir.Table | pd.DataFrame,
    columns: SpellColumns,
    *,
    also: Sequence[str] = (),
    check: Callable[[pd.DataFrame], None] | None = None,
) -> tuple[SpellRows, pd.DataFrame]:
    """Return the complete rows, and the same rows as they were given, with the columns `also`.

    `check` sees all rows, before those with a missing covariate are left out.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For what :func:`cemlab.survival.hazard_ratios` refuses, the values of the covariates apart.
    """
    wanted = list(dict.fromkeys([*columns, *also]))
    refuse_no_table(spells, wanted, what="spells")
    _refuse_roles(columns)
    given = spells if isinstance(spells, pd.DataFrame) else spells.select(wanted).to_pandas()
    times = _times(given, columns)
    if check is not None:
        check(given)
    _refuse_later(given, times, columns.known)
    kept = np.ones(len(given), dtype=bool)
    for name in (*columns.covariates, *columns.strata):
        kept &= given[name].notna().to_numpy()
    if not kept.all():  # many rows are not copied for nothing
        times, given = times[kept], given.loc[kept, wanted]
    if not times["e"].any():
        raise DesignError(
            f"none of the {len(times):,} complete spells ended, so no pace of leaving can be estimated"
        )
    stratum, strata = _strata(given, columns.strata)
    cluster = _groups(given, columns.cluster, role="cluster")
    covariates = {name: given[name] for name in columns.covariates}
    customer = _groups(given, columns.customer, role="customer")
    rows = SpellRows(
        times=times,
        covariates=covariates,
        n_given=len(kept),
        stratum=stratum,
        strata=strata,
        cluster=cluster,
        twice=None if customer is None else _twice(times, customer),
        copies=None if cluster is None or customer is not None else _copies(times, cluster, covariates),
    )
    return rows, given


def _twice(times: pd.DataFrame, customer: Any) -> tuple[int, int]:
    """Count the customers who are at risk twice at one duration, and all of them."""
    start, end = times["s"].to_numpy(), times["t"].to_numpy()
    order = np.lexsort((end, start, customer))
    who = customer[order]
    reached = pd.Series(end[order]).groupby(who).cummax().to_numpy()
    again = (who[1:] == who[:-1]) & (start[order][1:] < reached[:-1])
    return len(np.unique(who[1:][again])), len(np.unique(who))


def _copies(times: pd.DataFrame, cluster: Any, covariates: Mapping[str, pd.Series[Any]]) -> int:
    """Count the rows that repeat an earlier one of their cluster."""
    values = {f"x{i}": pd.factorize(column)[0] for i, column in enumerate(covariates.values())}
    return int(times.assign(cluster=cluster, **values).duplicated().sum())


def _refuse_roles(columns: SpellColumns) -> None:
    covariates = columns.covariates
    if not covariates or len(set(covariates)) < len(covariates):
        raise OptionError(f"covariates are {list(covariates)}; name at least one column, each once")
    roles = [name for name in covariates if name in columns.times.values()]
    if roles:
        raise OptionError(
            f"the covariate {roles[0]!r} is the duration, event or entry itself, which a model of leaving "
            "explains; name columns known at the start"
        )
    both = [name for name in columns.strata if name in covariates]
    if both:
        raise OptionError(
            f"{both[0]!r} is a covariate and a stratum; a stratum has a pace of its own and no ratio, so "
            "name it once"
        )
    unknown = [name for name in columns.known if name not in covariates]
    if unknown:
        raise OptionError(one_of(unknown[0], covariates, what="covariate (in known)"))


def _times(given: pd.DataFrame, columns: SpellColumns) -> pd.DataFrame:
    """Return t, e and s; refuse impossible or missing durations and events."""
    n_given, event = len(given), columns.event
    if not n_given:
        raise DesignError("there are no spells; hand in at least one row")
    for name in columns.times.values():
        missing = int(given[name].isna().sum())
        if missing:
            raise DataError(
                f"column {name!r}: {missing:,} of {n_given:,} rows are blank; fill or remove them first"
            )
    if not given[event].isin([0, 1]).all():
        raise DataError(
            f"column {event!r} holds values other than true/false or 1/0; state which ones are events"
        )
    times = pd.DataFrame({role: finite(given[name], name).to_numpy() for role, name in columns.times.items()})
    ends, starts = merge_near(times["t"], times["s"] if columns.entry else np.zeros(n_given))
    times = times.assign(t=ends, e=times["e"].astype(int), s=starts)
    impossible = int(
        ((times["t"] < 0) | (times["s"] < 0) | ((times["s"] > 0) & (times["s"] >= times["t"]))).sum()
    )
    if impossible:
        raise DataError(
            f"column {columns.duration!r}: {impossible:,} of {n_given:,} spells end before they were "
            "observed (a negative duration, or an entry not before the end); mend or remove them first"
        )
    return times


def _refuse_later(given: pd.DataFrame, times: pd.DataFrame, known: Mapping[str, str]) -> None:
    """Refuse covariates that became known only after observation of the spell began."""
    for covariate, name in known.items():
        since = finite(given[name], name)  # blank: known from the start
        later = int((since.to_numpy() > times["s"].to_numpy()).sum())
        if later:
            raise DesignError(
                f"the covariate {covariate!r} became known after observation began in {later:,} of "
                f"{len(given):,} spells: who left early had no time to get it (immortal time); cut the "
                "spells at its date with survival.episodes and use survival.hazard_ratios_over_time"
            )


def _strata(given: pd.DataFrame, names: Sequence[str]) -> tuple[Any, tuple[str, ...]]:
    if not names:
        return None, ()
    texts = given[list(names)].astype(object).map(str)
    labels = texts.iloc[:, 0].str.cat(texts.iloc[:, 1:], sep=", ") if len(names) > 1 else texts.iloc[:, 0]
    codes, levels = pd.factorize(labels, sort=True)
    if len(levels) < 2:
        raise DesignError(f"strata {join_words(names)}: there is one only ({levels[0]}); leave strata out")
    return codes, tuple(map(str, levels))


def stratum_of(frame: pd.DataFrame, names: Sequence[str], strata: Sequence[str]) -> Any:
    """Return the number of each row's stratum."""
    refuse_no_table(frame, names, what="rows to predict")
    labels = frame[list(names)].astype(object).map(str).agg(", ".join, axis=1)
    numbers = {name: number for number, name in enumerate(strata)}
    unknown = [label for label in labels if label not in numbers]
    if unknown:
        raise OptionError(one_of(unknown[0], strata, what="stratum"))
    return labels.map(numbers).to_numpy()


def _groups(given: pd.DataFrame, name: str | None, *, role: str) -> Any:
    if name is None:
        return None
    missing = int(given[name].isna().sum())
    if missing:
        raise DataError(
            f"column {name!r} ({role}): {missing:,} of {len(given):,} rows are blank; fill or remove them "
            "first"
        )
    codes, levels = pd.factorize(given[name])
    if len(levels) < 2 and role == "cluster":
        raise DesignError(f"column {name!r} (cluster): there is one only; leave cluster out")
    return codes


def finite(values: pd.Series[Any], name: str) -> pd.Series[float]:
    """Return a column as finite numbers, or refuse it; blanks stay."""
    texts = not pd.api.types.is_numeric_dtype(values) and kinds_of(values) not in ([], ["numbers"])
    told = values.dtype.kind in "mMc" or texts or isinstance(values.dtype, pd.StringDtype)
    numbers = np.empty(0)
    try:
        if not told:
            numbers = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        told = True
    if told and not pd.api.types.is_bool_dtype(values) and kinds_of(values) != ["truth values"]:
        raise DataError(f"column {name!r} must hold numbers, not {values.iloc[0]!r}; turn them into numbers")
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise DataError(
            f"column {name!r}: {infinite:,} of {len(values):,} values are infinite; leave those rows out"
        )
    return pd.Series(numbers, index=values.index, copy=False)
