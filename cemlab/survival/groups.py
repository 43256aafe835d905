"""What all curves share: groups counted, horizons, and checks of the spells themselves."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from cemlab.data.overlaps import watched_twice
from cemlab.data.spells import spell_counts
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check
from cemlab.markup import join_words

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Durations at which absolute risks are told, by unit: about one and two years.
HORIZONS: dict[str, tuple[float, ...]] = {
    "days": (365, 730),
    "weeks": (52, 104),
    "months": (12, 24),
    "years": (1, 2),
}
#: What the one group is called where none are compared.
ALL = "all customers"
INDEPENDENT = "Those still there at the end of observation would leave as the others do."
LATE = "A spell seen late is like one of the same length seen from the start."


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupedSpells:
    """Spells counted by group.

    Parameters
    ----------
    counts
        As :func:`cemlab.data.spells.spell_counts`, the groups as text.
    names
        The groups in their own order.
    group
        The column that tells them apart, if any.
    checks
        What was noticed of the spells themselves.
    """

    counts: pd.DataFrame
    names: list[str]
    group: str | None
    checks: tuple[Check, ...]

    @property
    def parts(self) -> dict[str, pd.DataFrame]:
        """The cells of each group."""
        return {name: self.counts[self.counts["group"] == name] for name in self.names}

    @property
    def n(self) -> int:
        """How many spells there are."""
        return int(self.counts["n"].sum())

    def codes(self, column: str = "group") -> pd.Series[int]:
        """Return the groups, or the values of another column, as whole numbers from 0."""
        if column == "group":
            return self.counts["group"].map({name: i for i, name in enumerate(self.names)})
        return pd.Series(pd.factorize(self.counts[column])[0], index=self.counts.index)

    def whom(self, name: str) -> str:
        """Name a group as the start of an error's line."""
        return f"{self.group} {name}: " if self.group else ""


def grouped_spells(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    entry: str | None,
    group: str | None,
    strata: str | None = None,
    customer: str | None = None,
) -> GroupedSpells:
    """Count spells by group and note what is odd about them.

    Parameters
    ----------
    spells, duration, event, entry, group, strata
        As :func:`cemlab.data.spells.spell_counts`.
    customer
        Column that tells whose spell it is, where a customer may have several.

    Raises
    ------
    ColumnError, DataError
        As :func:`cemlab.data.spells.spell_counts`.
    DesignError
        If there are no spells.
    OptionError
        If one column is named for two roles.
    """
    _refuse_two_roles(
        {"duration": duration, "event": event, "entry": entry, "group": group, "strata": strata}, customer
    )
    if isinstance(spells, pd.DataFrame) and spells.empty:
        raise DesignError("there are no spells; hand in at least one row")
    counts = spell_counts(spells, duration=duration, event=event, entry=entry, group=group, strata=strata)
    if counts.empty:
        raise DesignError("there are no spells; hand in at least one row")
    levels = spells[group].dtype if group and isinstance(spells, pd.DataFrame) else None
    names = [ALL]
    if group:
        texts = _texts(counts["group"])
        names = _in_order(texts, levels)
        counts["group"] = counts["group"].map(texts)
    else:
        counts["group"] = ALL
    checks = (
        *_no_length(counts, duration),
        *(_one_group(names, group) if group else ()),
        *_nobody_left(counts, names),
        *(_overlaps(spells, customer=customer, duration=duration, entry=entry) if customer else ()),
    )
    return GroupedSpells(counts=counts, names=names, group=group, checks=checks)


def _refuse_two_roles(roles: dict[str, str | None], customer: str | None) -> None:
    """Refuse a column with two roles: time or its end compared with itself settles nothing."""
    if customer is not None and customer not in (roles["group"], roles["strata"]):
        roles = {**roles, "customer": customer}
    taken: dict[str, str] = {}
    for role, name in roles.items():
        if isinstance(name, str) and name in taken:
            raise OptionError(
                f"column {name!r} is named as {taken[name]} and as {role}; name a column of its own for each"
            )
        if isinstance(name, str):
            taken[name] = role


def _texts(groups: pd.Series[Any]) -> dict[Any, str]:
    """Return each group as text, in the order of the groups' own type: 10 after 2."""
    distinct = groups.drop_duplicates().sort_values()
    return dict(zip(distinct, distinct.astype(str), strict=True))


def _in_order(texts: dict[Any, str], levels: Any) -> list[str]:
    """Return the groups in the order of their own type, or of the categories as declared."""
    if not isinstance(levels, pd.CategoricalDtype):
        return list(dict.fromkeys(texts.values()))
    # periods and ranges come back from the counts as texts
    told = [texts.get(level, texts.get(str(level))) for level in levels.categories]
    return [name for name in dict.fromkeys(told) if name is not None]


def _no_length(counts: pd.DataFrame, duration: str) -> tuple[Check, ...]:
    """Say that spells have no length: the one thing on which survival programs differ."""
    n = int(counts["n"][counts["duration"] == 0].sum())
    if not n:
        return ()
    left, given = int(counts["n"][(counts["duration"] == 0) & counts["event"]].sum()), int(counts["n"].sum())
    return (
        Check(
            name="spells of no length",
            null="every spell has a length",
            passed=None,
            detail=f"{n:,} of {given:,} spells have a {duration} of 0 ({left:,} of them left). "
            "They count as at risk at 0, and those who left then left at once.",
            remedy="Where 0 means a part of a unit, measure in a finer unit.",
        ),
    )


def _one_group(names: list[str], group: str) -> tuple[Check, ...]:
    if len(names) > 1:
        return ()
    return (
        Check(
            name="groups",
            null="there are groups to compare",
            passed=False,
            detail=f"{group} has one value only, {names[0]!r}; nothing is compared.",
            remedy="Leave the group out, or name a column with several values.",
        ),
    )


def _nobody_left(counts: pd.DataFrame, names: list[str]) -> tuple[Check, ...]:
    left = counts["n"].where(counts["event"], 0).groupby(counts["group"]).sum()
    without = [name for name in names if left[name] == 0]
    if not without:
        return ()
    n = counts.groupby("group")["n"].sum()
    told = join_words([f"{name} ({int(n[name]):,} spells)" for name in without])
    return (
        Check(
            name="departures",
            null="somebody left in every group",
            passed=False,
            detail=f"Nobody left among {told}; what is told of them is bounded by the most that may leave "
            "where of so many nobody did, and comparisons with such a group rest on the others alone.",
            remedy="Follow the customers for longer, or join groups.",
        ),
    )


def _overlaps(
    spells: ir.Table | pd.DataFrame, *, customer: str, duration: str, entry: str | None
) -> tuple[Check, ...]:
    twice, n = watched_twice(spells, customer=customer, duration=duration, entry=entry)
    told = (
        f"{twice:,} of {n:,} customers are under observation in several spells at one duration, so their "
        "spells are no separate evidence and the intervals are too narrow."
        if twice
        else f"No duration of any of the {n:,} customers is watched in two spells."
    )
    return (
        Check(
            name="overlapping spells",
            null="no customer is under observation twice at one duration",
            passed=not twice,
            detail=told,
            remedy="Keep one spell of each customer, e.g. the first, or correct the dates.",
        ),
    )


def horizons_known(
    wanted: Sequence[float] | None, *, unit: str, known: float, longest: float
) -> tuple[float, ...]:
    """Return the horizons wanted, or those of the unit that the curves reach.

    Parameters
    ----------
    wanted
        Above 0 and not beyond `longest`; those of the unit if not given.
    unit
        The unit of time.
    known, longest
        Until when curves are known, and the longest duration seen.

    Raises
    ------
    OptionError
        If a horizon is no number, not above 0, or lies beyond the data.
    """
    if wanted is None:
        return tuple(h for h in HORIZONS.get(unit, ()) if h <= known) or (known,)
    told = listed(wanted, name="horizons", example="[12, 24]")
    if not told or any(not 0 < h <= longest for h in told):
        raise OptionError(
            f"horizons are {', '.join(f'{h:g}' for h in told) or 'empty'}; the data allow durations above 0 "
            f"and up to {longest:g} {unit}, the longest seen"
        )
    return tuple(int(h) if float(h).is_integer() else float(h) for h in told)


def listed(values: object, *, name: str, example: str) -> list[float]:
    """Return numbers as a list.

    Parameters
    ----------
    values
        A list, tuple or array of numbers.
    name, example
        What they are, and how a right one is written, for the error's line.

    Raises
    ------
    OptionError
        If it is no list, or holds anything but numbers.

    Examples
    --------
    >>> listed((12, 24), name="horizons", example="[12, 24]")
    [12, 24]
    """
    several = not isinstance(values, str | bytes) and getattr(values, "ndim", 1) == 1
    told = list(values) if isinstance(values, Iterable) and several else None
    if told is None or not all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in told):
        shown = " ".join(repr(values).split())[:60]
        raise OptionError(f"{name}: {shown} is no list of numbers; write e.g. {name}={example}")
    return told
