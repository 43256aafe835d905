"""A roll-out that has been, cut into its phases: what both roads of a case are measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cemlab.business_case.chain import Wave
from cemlab.business_case.entries import Entry, counted
from cemlab.business_case.roles import ROLES
from cemlab.errors import ColumnError, DataError, DesignError, one_of

_SIZES = {"persons": "persons", "posts": "posts", "customers": "customers", "nearby": "customers"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Phases:
    """A roll-out in phases, from one wave to the next.

    Parameters
    ----------
    panel
        One row a branch and phase: branch, phase (0 before anyone was trained, then 1, 2, …), first_phase
        (missing for branches never trained), nearby (whether the branch was not trained itself but lies where
        others were), and the means of the outcomes.
    spans
        Phase → months of the case that it covers, (start, stop); month 0 is that of the first wave.
    shares
        Phase in which a wave began → share of its staff trained, by month of the case.
    waves
        The roll-out as :func:`~cemlab.business_case.training_case` takes it.
    counts
        The entries that the waves name: people, posts, customers, and customers near by.
    after
        Rows of the monthly panel: trained branches, from the first wave on.
    months
        Months from the first wave to the end of the data.
    """

    panel: pd.DataFrame
    spans: Mapping[int, tuple[int, int]]
    shares: Mapping[int, Sequence[float]]
    waves: tuple[Wave, ...]
    counts: tuple[Entry, ...]
    after: pd.DataFrame
    months: int


def roll_out_phases(
    panel: pd.DataFrame, *, outcomes: Sequence[str] = ("cx", "profit"), area: str = "region", source: str = ""
) -> Phases:
    """Return a roll-out cut into phases, with the waves of its case.

    A month's money in a branch varies by a tenth, and with a base of one month that would be carried through
    all later ones. Phases are the same comparison with a base of all months before the first wave.

    Parameters
    ----------
    panel
        branch, month, first_trained (missing for never), headcount, trained, trained_share, customers, the
        outcomes and the area; as :func:`~cemlab.business_case.case_panel` returns it.
    outcomes
        Columns to be averaged.
    area
        Column: in the same area, untrained branches may be reached by the training of others.
    source
        Of the counts.

    Returns
    -------
    Phases
        Its waves ask for experience entries of the names that
        :func:`~cemlab.business_case.experience_entries` gives.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If a branch stands twice in a month.
    DesignError
        If nobody was trained, everybody was, or nothing lies before the first wave.

    Examples
    --------
    >>> rows = [(b, m, 3 if b == "a" else np.nan, 10, 8 * (b == "a" and m > 2), 0.8 * (b == "a" and m > 2),
    ...          200.0, "east", 1.0 * m) for b in "ab" for m in range(6)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "first_trained", "headcount", "trained",
    ...                                     "trained_share", "customers", "region", "cx"])
    >>> found = roll_out_phases(panel, outcomes=["cx"])
    >>> found.spans, found.months, found.panel["cx"].tolist()
    ({1: (0, 3)}, 3, [1.0, 4.0, 1.0, 4.0])
    """
    asked = ("branch", "month", "first_trained", "headcount", "trained", "trained_share", "customers")
    for name in (*asked, area, *outcomes):
        if name not in panel.columns:
            raise ColumnError(one_of(name, map(str, panel.columns), what="column of the panel"))
    if panel.duplicated(["branch", "month"]).any():
        raise DataError("panel: a branch stands twice in a month; one row is one branch and month")
    firsts = np.unique(panel["first_trained"].dropna().to_numpy())
    calendar = np.unique(panel["month"].to_numpy())
    begins = np.searchsorted(calendar, firsts).tolist()
    if not len(firsts) or panel["first_trained"].notna().all() or not begins[0]:
        raise DesignError(
            "panel: phases take branches that were trained, others that never were, and months before the "
            "first wave"
        )
    rows = panel.assign(t=np.searchsorted(calendar, panel["month"].to_numpy()) - begins[0])
    rows["phase"] = np.searchsorted(firsts, panel["month"].to_numpy(), side="right")
    places = range(1, len(firsts) + 1)
    place = np.searchsorted(firsts, panel["first_trained"].to_numpy(), side="right").astype(float)
    rows["first_phase"] = np.where(panel["first_trained"].isna(), np.nan, place)
    areas = set(rows.loc[rows["first_phase"].notna(), area])
    rows["nearby"] = rows["first_phase"].isna() & rows[area].isin(areas)
    edges = [*(begin - begins[0] for begin in begins), len(calendar) - begins[0]]
    waves, counts = _waves(rows, edges, source)
    keys = ["branch", "phase", "first_phase", "nearby"]
    after = rows[rows["first_phase"].notna() & (rows["t"] >= 0)]
    return Phases(
        panel=rows.groupby(keys, as_index=False, dropna=False)[list(outcomes)].mean(),
        spans={k: (edges[k - 1], edges[k]) for k in places},
        shares={
            k: after[after["first_phase"] == k].groupby("t")["trained_share"].mean().tolist() for k in places
        },
        waves=waves,
        counts=counts,
        after=after,
        months=edges[-1],
    )


def _waves(
    rows: pd.DataFrame, edges: Sequence[int], source: str
) -> tuple[tuple[Wave, ...], tuple[Entry, ...]]:
    """Return the waves, and the entries that say how large each was.

    Whom a wave reaches near by: customers of branches never trained where others were, and of those whose
    own wave is still to come, each wave its part.
    """
    trained = rows[rows["first_phase"].notna()]
    total = trained["branch"].nunique()
    beside = rows[rows["nearby"]].groupby("t")["customers"].sum()
    waves, counts = [], []
    for k, start in enumerate(edges[:-1], start=1):
        own, length = trained[trained["first_phase"] == k], edges[-1] - start
        branches = own["branch"].nunique()
        coming = trained[(trained["first_phase"] > k) & (trained["t"] >= start)]
        waiting = coming[coming["phase"] < coming["first_phase"]]["customers"].sum() / length
        done = trained.loc[trained["first_phase"] <= k, "branch"].nunique()
        values = {
            "persons": own.groupby("branch")["trained"].max().sum(),
            "posts": own.groupby("branch")["headcount"].mean().sum(),
            "customers": own[own["t"] >= start].groupby("t")["customers"].sum().mean(),
            "nearby": branches / total * beside.loc[start:].sum() / length + waiting * branches / done,
        }
        named = {name: f"{name}, wave {k}" for name in values}
        counts += [
            counted(item=named[name], value=float(value), unit=_SIZES[name], source=source)
            for name, value in values.items()
        ]
        item = f"{ROLES['experience'].item}, group {k}"
        waves.append(Wave(month=start, experience=item, **named))
    return tuple(waves), tuple(counts)
