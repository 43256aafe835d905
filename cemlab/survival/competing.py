"""Causes of leaving: which there are, and what it hides to look at one of them alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from cemlab.errors import DataError, OptionError, one_of
from cemlab.evidence import Check, HypothesisTest
from cemlab.markup import join_words, percent
from cemlab.stats.competing_risks import aalen_johansen
from cemlab.stats.gray import gray_test
from cemlab.stats.lifetable import life_table
from cemlab.stats.log_rank import log_rank
from cemlab.survival.groups import GroupedSpells, horizons_known


def causes_of(counts: pd.DataFrame, *, event: str, causes: Sequence[str] | None) -> list[str]:
    """Return the causes of leaving, as declared or in the order of the alphabet.

    Parameters
    ----------
    counts
        Of spells.
    event
        Name of the column that holds the causes.
    causes
        All that may occur; any other is refused. If not given, those that occur.

    Raises
    ------
    DataError
        If the column holds no causes, or one that was not declared.
    OptionError
        If a cause is declared twice, or "none" is.
    """
    if "cause" not in counts:
        raise DataError(
            f"spells, column {event!r} (event): true or false is no cause; name a column of texts, "
            "with 'none' while the spell goes on"
        )
    seen = sorted(counts["cause"][counts["event"]].unique().tolist())
    if causes is None:
        return seen
    _refuse_no_list(causes)
    told = list(causes)
    if not told or len(set(told)) < len(told) or "none" in told:
        raise OptionError(f"causes are {told!r}; allowed: different texts other than 'none', at least one")
    unknown = [cause for cause in seen if cause not in told]
    if unknown:
        n = int(counts["n"][counts["cause"].isin(unknown)].sum())
        raise DataError(
            f"spells, column {event!r} (event): {', '.join(map(repr, unknown))} in {n:,} of "
            f"{int(counts['n'].sum()):,} spells; declared are {', '.join(map(repr, told))}"
        )
    return told


def _refuse_no_list(causes: object) -> None:
    if isinstance(causes, str) or not isinstance(causes, Iterable):
        raise OptionError(f"causes are {causes!r}; give a list of texts, e.g. causes=['price']")


def of_causes(
    counted: GroupedSpells,
    *,
    event: str,
    causes: Sequence[str] | None,
    at: tuple[Sequence[float] | None, str],
) -> tuple[GroupedSpells, tuple[Check, ...]]:
    """Let only some causes count as leaving, and say what that hides.

    Parameters
    ----------
    counted
        Spells with their causes.
    event
        Name of the column that holds them.
    causes
        Those that count; all if not given.
    at
        Horizons wanted, if any, and the unit of time: where the two answers are compared.

    Returns
    -------
    tuple
        The spells, and a failed check where customers leave for other causes too.

    Raises
    ------
    DataError, OptionError
        If the column holds no causes, or not the one asked for.
    """
    if causes is None:
        return counted, ()
    _refuse_no_list(causes)
    counts = counted.counts
    seen = causes_of(counts, event=event, causes=None)
    unknown = [cause for cause in causes if cause not in seen]
    if unknown or not list(causes):
        raise OptionError(one_of(unknown[0] if unknown else "", seen, what=f"cause in column {event!r}"))
    chosen = counts["cause"].isin(list(causes))
    shown = replace(counted, counts=counts.assign(event=chosen))
    others = [cause for cause in seen if cause not in causes]
    return shown, (_competing(counts, chosen, others, causes=list(causes), at=at),) if others else ()


def _competing(
    counts: pd.DataFrame,
    chosen: pd.Series[bool],
    others: Sequence[str],
    *,
    causes: list[str],
    at: tuple[Sequence[float] | None, str],
) -> Check:
    cause = np.where(chosen, 1, np.where(counts["event"], 2, 0))
    found = aalen_johansen(counts["duration"], cause=cause, n=counts["n"], entry=counts["entry"])
    known, longest = float(found.time[-1]), float(counts["duration"].max())
    horizon = min(horizons_known(at[0], unit=at[1], known=known, longest=longest)[0], known)
    naive = life_table(counts["duration"], event=chosen, n=counts["n"], entry=counts["entry"])
    told = 1 - float(naive.at(horizon)["survival"][0]), float(found.at(horizon)["incidence"][0, 0])
    return Check(
        name="competing causes",
        null="nobody leaves for another cause",
        passed=False,
        detail=f"Customers also leave for {join_words(list(others))}. One minus this curve, "
        f"{percent(told[0])} after {horizon:g} {at[1]}, is the share that would leave for "
        f"{join_words(causes)} if nobody left for anything else; {percent(told[1])} really do "
        "(cumulative incidence).",
        remedy="Use cumulative_incidence for the share that leaves for each cause.",
    )


def cause_tests(counted: GroupedSpells, causes: Sequence[str]) -> tuple[HypothesisTest, ...]:
    """Test for each cause whether groups differ: Gray's test, or with late entry the log-rank test.

    Parameters
    ----------
    counted
        Spells with their causes.
    causes
        The causes that are tested; one for which nobody left is not.
    """
    counts = counted.counts
    if len(counted.names) < 2:
        return ()
    late = bool((counts["entry"] > 0).any())
    duration, n, group = counts["duration"], counts["n"], counted.codes()
    found = []
    for k, cause in enumerate(causes, start=1):
        own = counts["cause"] == cause
        if not own.any():
            continue
        if late:
            test = log_rank(duration, event=own, entry=counts["entry"], n=n, group=group)
            name, null = "log-rank test", f"all groups leave for {cause} at the same pace"
        else:
            code = np.where(own, k, np.where(counts["event"], k + 1, 0))
            test = gray_test(duration, cause=code, of=k, n=n, group=group)
            name, null = "Gray's test", f"the same share of all groups leaves for {cause}"
        if test.df:
            found.append(
                HypothesisTest(
                    name=name, null=null, statistic=test.statistic, df=test.df, p_value=test.p_value
                )
            )
    return tuple(found)
