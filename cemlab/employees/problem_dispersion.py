"""Counts of problem types as given, how far contacts hang together, and the evidence they make."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cemlab.data.problem_types import ProblemPeriod, problem_counts
from cemlab.errors import ColumnError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.stats.entropies import dispersion_within

if TYPE_CHECKING:
    from cemlab.data.company import Company


def counted_types(
    contacts: Company | pd.DataFrame, period: ProblemPeriod, source: str
) -> tuple[pd.DataFrame, str]:
    """Return counts by branch, period and reason, and the source."""
    if not isinstance(contacts, pd.DataFrame):
        return problem_counts(contacts, period=period), source or contacts.info.source
    for name in ("branch", "period", "reason", "n"):
        if name not in contacts.columns:
            why = "; a share without its n tells no uncertainty" if name == "n" else ""
            raise ColumnError(f"counts: {one_of(name, map(str, contacts.columns), what='column')}{why}")
    counts = contacts["n"]
    if not pd.api.types.is_numeric_dtype(counts) or counts.isna().any() or (counts < 0).any():
        raise ColumnError("counts, column 'n': counts from 0 on are needed in every row")
    if (counts % 1 != 0).any():
        raise ColumnError("counts, column 'n': whole numbers are needed; shares without their n are refused")
    return contacts, source


@dataclass(frozen=True)
class Hanging:
    """How far contacts hang together, known with so many degrees of freedom, from what; "" if not known."""

    value: float
    df: float
    source: str


def stated(dispersion: float) -> Hanging:
    """Return a dispersion that was stated, or refuse it."""
    if isinstance(dispersion, bool) or not isinstance(dispersion, Real) or not 1 <= dispersion < np.inf:
        raise OptionError(f"dispersion is {dispersion!r}; allowed: a number from 1 on")
    return Hanging(float(dispersion), np.inf, "as stated")


def dispersion_of(counted: pd.DataFrame) -> Hanging:
    """Return the dispersion of counts around the branches' mixes, or else from first contacts."""
    known = counted[counted["branch"].notna()]
    if len(known):
        codes = [pd.factorize(known[name], sort=True)[0] for name in ("branch", "period", "reason")]
        cube = np.zeros([int(code.max()) + 1 for code in codes])
        np.add.at(cube, tuple(codes), known["n"].to_numpy(dtype=float))
        value, df = dispersion_within(cube)
        if np.isfinite(df):
            return Hanging(value, df, "by the counts of branches")
    if {"first", "named"} <= set(counted.columns) and counted["first"].sum() > 0:
        each = float(counted["named"].sum() / counted["first"].sum())
        return Hanging(max(1.0, 2 * each - 1), np.inf, "by the contacts for each first one")
    return Hanging(1.0, np.inf, "")


def evidence_of(counted: pd.DataFrame, used: int, source: str, hanging: Hanging) -> Evidence:
    """Return the evidence of counted types: what was used, and whether contacts hang together."""
    seen = hanging.source == "by the counts of branches"
    return Evidence(
        grade="descriptive",
        design="Contacts counted by the reason that was recorded.",
        unit="contacts",
        n_used=used,
        n_given=max(used, int(counted.attrs.get("n_given", counted["n"].sum()))),
        source=source,
        assumptions=("Reasons are recorded alike in all branches and periods.",),
        checks=(
            Check(
                name="contacts that hang together",
                null="contacts vary as a sample by lot",
                # one branch does not show how counts vary beside each other
                passed=hanging.value < 1.5 if seen else None,
                detail=(
                    f"Counts vary {hanging.value:.2f} times as much, {hanging.source}; intervals allow "
                    "for it."
                    if hanging.source
                    else "It cannot be told from one branch, or none; intervals are those of a sample by lot."
                ),
                remedy="Count first contacts, or customers.",
            ),
        ),
    )
