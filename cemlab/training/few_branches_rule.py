"""Which test holds its level with so many treated and untreated branches, and why; or none does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cemlab.errors import DesignError
from cemlab.markup import percent
from cemlab.stats.inverted_tests import NullDraws
from cemlab.stats.randomisation import count_assignments

TestMethod = Literal["usual clustered test", "wild cluster bootstrap", "randomisation inference"]

#: From so many units in each group on (every date's, and the untreated) the usual clustered test is taken.
USUAL_FROM = 25
#: From so many treated and so many untreated units on the wild cluster bootstrap is taken.
WILD_FROM = 6
#: How far the level attained may lie from the one asked for, as a part of it.
TOLERATED = 0.3


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The test that is taken, and why.

    Parameters
    ----------
    method
        Its name.
    reason
        In words.
    mid
        Whether assignments exactly as far out as the one seen count for a half.
    level
        The level it attains; that asked for, where it is no matter of counting.
    """

    method: TestMethod
    reason: str
    mid: bool
    level: float


def choose(
    *, treated: int, untreated: int, smallest: int, draws: NullDraws, alpha: float, one_date: bool
) -> Choice:
    """Return the test to be taken.

    Parameters
    ----------
    treated, untreated
        Units treated, and those compared with to the end.
    smallest
        Units in the smallest group: of those treated from one date, or of the untreated.
    draws
        The randomisation test, to see which levels it can attain.
    alpha
        The level asked for.
    one_date
        Whether all treated units were treated from one date.

    Raises
    ------
    DesignError
        If no test holds its level.
    """
    if smallest >= USUAL_FROM:
        reason = f"every group has {USUAL_FROM} units or more"
        return Choice(method="usual clustered test", reason=reason, mid=False, level=alpha)
    fewer = "treated" if treated <= untreated else "untreated"
    few = min(treated, untreated)
    if few >= WILD_FROM:
        reason = (
            f"{few} {fewer} units are enough for it ({WILD_FROM} or more), and a group of {smallest} is too "
            f"small for the usual test ({USUAL_FROM} or more)"
        )
        return Choice(method="wild cluster bootstrap", reason=reason, mid=False, level=alpha)
    reason = f"{few} {fewer} units are fewer than the {WILD_FROM} that the wild cluster bootstrap needs"
    for mid in (False, True):
        level = draws.level(alpha, mid=mid)
        # where no p-value could be as small as asked for, counting ties for a half would only hide it
        if level == 0.0:
            break
        if abs(level - alpha) <= TOLERATED * alpha:
            half = "; ties count for a half, since otherwise too few assignments count" if mid else ""
            return Choice(method="randomisation inference", reason=reason + half, mid=mid, level=level)
    raise DesignError(_refusal(treated, untreated, draws, alpha, one_date))


def _refusal(treated: int, untreated: int, draws: NullDraws, alpha: float, one_date: bool) -> str:
    total = treated + untreated
    low, high = draws.level(alpha), draws.level(alpha, mid=True)
    seen = f"{len(draws.shift):,} assignments" if draws.enumerated else "assignments drawn"
    why = (
        f"with {seen} its p-value cannot be as small as {percent(alpha)}"
        if low == 0
        else f"with {seen} it attains {percent(low)} or, ties counted for a half, {percent(high)}"
    )
    needed = branches_needed(min(treated, untreated), alpha=alpha, total=total) if one_date else None
    remedy = f"it takes {needed} units with so few treated" if needed else "add units, or treat more of them"
    return (
        f"panel: {treated} of {total} units treated: no test holds a level of {percent(alpha)}. The usual "
        f"clustered test and the wild bootstrap need more, and randomisation inference is too coarse: {why}; "
        f"{remedy}, or ask for another conf_level"
    )


def branches_needed(treated: int, *, alpha: float, total: int) -> int | None:
    """Return the fewest units, from `total` on, with which randomisation inference attains the level.

    Parameters
    ----------
    treated
        Units treated, all from one date.
    alpha
        The level.
    total
        Where to begin.

    Examples
    --------
    >>> branches_needed(1, alpha=0.05, total=12), branches_needed(2, alpha=0.05, total=6)
    (20, 7)
    """
    for n in range(max(total, treated + 1), total + round(2 / alpha) + 2):
        ways = count_assignments([treated, n - treated])
        # every assignment and its opposite are as far out where halves are treated
        steps = ways // 2 if 2 * treated == n else ways
        plain = int(alpha * steps * (1 + 1e-9))
        half = int(alpha * steps * (1 + 1e-9) + 0.5)
        if plain and any(abs(count / steps - alpha) <= TOLERATED * alpha for count in (plain, half)):
            return n
    return None
