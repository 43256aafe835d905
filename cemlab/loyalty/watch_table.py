"""What a watchlist tells of each class of loyal customers, and whether the null fits the other tail."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from cemlab.evidence import Check
from cemlab.loyalty.falling import Steady, chance_of_so_few
from cemlab.stats.intervals import wilson

QUANTITIES = ("flagged", "by chance", "false alarms", "cannot be told")
ALL = "all loyal"


def watch_table(
    cells: pd.DataFrame, kinds: pd.DataFrame, world: Steady, loyal: int, conf_level: float
) -> pd.DataFrame:
    """Return the four quantities of each class and of all."""
    n_base, weight = cells["n_base"].to_numpy(), cells["n_customers"].to_numpy()
    kind_base, hits = kinds["n_base"].to_numpy(), weight * cells["flagged"].to_numpy()
    silent = kinds["n_customers"].to_numpy() * kinds["mute"].to_numpy()
    frames = []
    for name, low, high in _classes(cells, loyal):
        here = (n_base >= low) & (n_base <= high)
        kind_here = (kind_base >= low) & (kind_base <= high)
        of_kind = kinds[kind_here]
        n, flagged, mute = int(weight[here].sum()), int(hits[here].sum()), int(silent[kind_here].sum())
        alarms, error = world.false_alarms(of_kind)
        low_alarms, high_alarms = _range_of_alarms(alarms, error, conf_level)
        spread = np.exp(_quantile(conf_level) * error)
        rows: dict[str, tuple[Any, Any, Any]] = {
            "flagged": wilson(flagged, n, conf_level=conf_level),
            "by chance": (alarms / n, alarms / spread / n, min(alarms * spread / n, 1.0)),
            "false alarms": (np.nan, np.nan, np.nan)
            if not flagged
            else (
                min(alarms / flagged, 1.0),
                min(low_alarms / flagged, 1.0),
                min(high_alarms / flagged, 1.0),
            ),
            "cannot be told": wilson(mute, n, conf_level=conf_level),
        }
        frames += [(name, quantity, *map(float, values), n) for quantity, values in rows.items()]
    columns = ["class", "quantity", "estimate", "conf_low", "conf_high", "n"]
    return pd.DataFrame(frames, columns=columns)


def _classes(cells: pd.DataFrame, loyal: int) -> list[tuple[str, int, int]]:
    """Cut the loyal into classes, each from twice as many purchases as the one before."""
    top, classes, low = int(cells["n_base"].max()), [], loyal
    for last in (False, False, True):
        high = top if last else min(2 * low - 1, top)
        if low <= top and cells["n_base"].between(low, high).any():
            name = (
                f"{low} or more" if last else (str(low) if low == 2 * low - 1 else f"{low} to {2 * low - 1}")
            )
            classes.append((name, low, high))
        low *= 2
    return [*classes, (ALL, loyal, top)]


def _quantile(conf_level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + conf_level) / 2))


def _range_of_alarms(alarms: float, error: float, conf_level: float) -> tuple[float, float]:
    """Return the range of the number of false alarms: chance, and the error of its expectation."""
    from scipy import stats

    if alarms == 0:
        return 0.0, 0.0
    tail = (1 - conf_level) / 2
    # a Poisson number whose mean is gamma distributed with this relative error; never quite without any
    shape = 1 / max(error, 1e-6) ** 2
    low, high = np.asarray(stats.nbinom.ppf([tail, 1 - tail], shape, shape / (shape + alarms)))
    return min(float(low), alarms), max(float(high), alarms)


def rises(cells: pd.DataFrame, world: Steady) -> Check:
    """Look at the other tail: where rates waver, as many rise for no reason of their own as fall."""
    from scipy import stats

    weight = cells["n_customers"].to_numpy()
    expected, shape = world.rates(cells)
    limit = stats.nbinom.ppf(0.95, shape, shape / (shape + expected))
    rising = float(weight @ (cells["n_window"].to_numpy() > limit))
    by_chance = float(weight @ (1 - chance_of_so_few(limit, expected=expected, shape=shape)))
    # as many more as a Poisson number strays, but never less than the estimated market makes of it
    tolerated = max(1.1, 1 + 3 / math.sqrt(max(by_chance, 1.0)))
    return Check(
        name="spread of the window",
        null="no more customers bought surprisingly much than chance allows at steady rates",
        passed=None if by_chance < 5 else rising <= tolerated * by_chance,
        detail=f"{rising:,.0f} bought surprisingly much, where chance alone lets {by_chance:,.0f}.",
        remedy="Rates rise or waver; if they waver, more of the flagged are false alarms than stated.",
    )


def season_of_the_flagged(
    cells: pd.DataFrame, season: pd.DataFrame | None, *, days: int, fdr: float
) -> Check:
    """Look at the flagged in the same days a year before: where they were as quiet, it is their season."""
    name, null = (
        "season of the flagged",
        "a year before, the flagged bought as much of their year as the others",
    )
    whole = "Take a whole year as window, or one within their season."
    if days >= 365 or not cells["flagged"].any():
        detail = "The window holds every season." if days >= 365 else "Nobody is flagged."
        return Check(name=name, null=null, passed=True, detail=detail)
    if season is None:
        return Check(
            name=name,
            null=null,
            passed=None,
            detail="The year before the window was not seen, so a season looks like a fall.",
            remedy=f"Begin the base period 365 days before the window, or earlier. {whole}",
        )
    rows = cells[["n_base", "exposure", "n_window", "flagged"]].merge(season)
    sums = rows.drop(columns=["n_base", "exposure", "n_window"]).groupby("flagged").sum().astype(float)
    quiet = sums.loc[True]
    others = sums.loc[False] if False in sums.index else quiet * 0.0
    share = others["then"] / others["year"] if others["year"] else days / 365
    if not 0 < share < 1 or not quiet["year"]:
        detail = "They or the others bought nothing then, or nothing else."
        return Check(name=name, null=null, passed=None, detail=detail, remedy=whole)
    # purchases come in bursts: the others' scatter about their share, in units of a binomial one
    around = others["then_then"] - 2 * share * others["then_year"] + share**2 * others["year_year"]
    scatter = max(1.0, around / (share * (1 - share) * others["year"])) if others["year"] else 1.0
    expected = share * quiet["year"]
    strays = 3 * math.sqrt(scatter * (1 - share) / expected)
    missing = 1 - quiet["then"] / expected
    return Check(
        name=name,
        null=null,
        # what is missing is the share of those whose season it is not, if they buy nothing out of it
        passed=None if strays >= 1 else bool(missing <= max(fdr, strays)),
        detail=(
            f"In the same days of the year before they bought {quiet['then']:,.0f} times, where "
            f"{expected:,.0f} are as many as the others' share of a year."
        ),
        remedy=f"Many are silent in these days of every year: they are no warning. {whole}",
    )
