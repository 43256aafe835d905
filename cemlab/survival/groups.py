"""What all curves share: groups counted, horizons, and checks of the spells themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    """
    if isinstance(spells, pd.DataFrame) and spells.empty:
        raise DesignError("there are no spells; hand in at least one row")
    counts = spell_counts(spells, duration=duration, event=event, entry=entry, group=group, strata=strata)
    if counts.empty:
        raise DesignError("there are no spells; hand in at least one row")
    names = _names(spells, counts, group)
    counts["group"] = counts["group"].astype(str) if group else ALL
    checks = (
        *_no_length(counts, duration),
        *(_one_group(names, group) if group else ()),
        *_nobody_left(counts, names),
        *(_overlaps(spells, customer=customer, duration=duration, entry=entry) if customer else ()),
    )
    return GroupedSpells(counts=counts, names=names, group=group, checks=checks)


def _names(spells: ir.Table | pd.DataFrame, counts: pd.DataFrame, group: str | None) -> list[str]:
    """Return the groups in the order of their own type: 10 after 2, categories as declared."""
    if group is None:
        return [ALL]
    if isinstance(spells, pd.DataFrame) and isinstance(spells[group].dtype, pd.CategoricalDtype):
        present = set(counts["group"].astype(str))
        return [str(level) for level in spells[group].cat.categories if str(level) in present]
    return list(dict.fromkeys(map(str, counts["group"].drop_duplicates().sort_values().tolist())))


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
            detail=f"Nobody left among {told}; a share of 0 is told with its exact bound, and comparisons "
            "with such a group rest on the others alone.",
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
        If a horizon is not above 0 or lies beyond the data.
    """
    if wanted is None:
        return tuple(h for h in HORIZONS.get(unit, ()) if h <= known) or (known,)
    told = list(wanted)
    if not told or any(not 0 < h <= longest for h in told):
        raise OptionError(
            f"horizons are {', '.join(map(str, told)) or 'empty'}; the data allow durations above 0 and "
            f"up to {longest:g} {unit}, the longest seen"
        )
    return tuple(int(h) if float(h).is_integer() else float(h) for h in told)
