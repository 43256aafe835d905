"""Person-periods counted without ever being written out: at risk, exposure and events by pattern and period.

Spells are grouped on the engine by covariate pattern, period of entry, period of the end and event. Adding up
over the small table that results gives who was at risk in each period, so that the cost does not depend on
customers times months.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from numbers import Real
from operator import add
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt

from cemlab.data.spell_roles import SpellRoles, spell_roles
from cemlab.errors import DesignError, OptionError

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: More patterns of covariates than this are refused: the covariates are not categories then.
MOST_PATTERNS = 20_000
_MOST_PERIODS = 400
# durations are added up exactly, to a billionth of their unit
_EXACT = "decimal(38, 9)"


@dataclass(frozen=True, eq=False, kw_only=True)
class PersonPeriods:
    """Who was at risk in each period, and who left, by pattern of covariates.

    Parameters
    ----------
    patterns
        One row a pattern, the covariates under their own names; shape (n_patterns, n_covariates).
    cuts
        The borders of the periods, ascending; period j is (cuts[j], cuts[j + 1]].
    at_risk, events
        Spells observed in a part of the period at least, and those that ended in it with the event; whole
        numbers of shape (n_patterns, n_periods).
    stayed
        Exposure without event, in periods, of the same shape: 1 for a spell that lasted the whole period, the
        part observed for one that entered late or was censored in it, and minus half the part missed for one
        that entered late and left in the same period.
    partial
        Spells that were observed in a part of the period only, of the same shape.
    n_given, n_blank, n_outside
        Spells handed in; left out for a blank covariate; left out because they were never observed within
        the periods.
    """

    patterns: pd.DataFrame
    cuts: tuple[float, ...]
    at_risk: Ints
    events: Ints
    stayed: Floats
    partial: Ints
    n_given: int
    n_blank: int
    n_outside: int

    @property
    def n_used(self) -> int:
        """Spells counted."""
        return self.n_given - self.n_blank - self.n_outside

    @property
    def labels(self) -> tuple[str, ...]:
        """The periods in words: "0 to 1"."""
        return tuple(f"{a:g} to {b:g}" for a, b in zip(self.cuts[:-1], self.cuts[1:], strict=True))

    def by(self, *covariates: str) -> PersonPeriods:
        """Return the counts of fewer covariates, added up."""
        import pandas as pd

        frame = self.patterns[list(covariates)]
        if covariates:
            kept = frame.drop_duplicates(ignore_index=True)
            keys = pd.MultiIndex.from_frame(kept)
            code = keys.get_indexer(pd.MultiIndex.from_frame(frame))
        else:
            kept, code = pd.DataFrame(index=range(1)), np.zeros(len(frame), dtype=np.int64)

        def added(values: Any) -> Any:
            total = np.zeros((len(kept), values.shape[1]), dtype=values.dtype)
            np.add.at(total, code, values)
            return total

        return PersonPeriods(
            patterns=kept,
            cuts=self.cuts,
            at_risk=added(self.at_risk),
            events=added(self.events),
            stayed=added(self.stayed),
            partial=added(self.partial),
            n_given=self.n_given,
            n_blank=self.n_blank,
            n_outside=self.n_outside,
        )


def person_periods(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    periods: Sequence[float],
    covariates: Sequence[str] = (),
    entry: str | None = None,
    causes: Sequence[str] | None = None,
) -> PersonPeriods:
    """Count who is at risk in each period, and who leaves, by pattern of covariates.

    Parameters
    ----------
    spells
        One row is a spell, as a frame or as a table on an engine.
    duration, entry
        Columns with the length at the end, and when observation began [one unit].
    event, causes
        As in :func:`cemlab.data.spell_roles.spell_roles`.
    periods
        The cut points, ascending from 0 or later, e.g. ``[0, 1, 2, 3, 6, 12]`` [the unit of `duration`]. An
        end exactly at a cut belongs to the period before it, an entry to the one after it.
    covariates
        Columns known at the start.

    Returns
    -------
    PersonPeriods
        Arrays of shape (n_patterns, n_periods); patterns are sorted.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For what :func:`spell_roles` refuses, cut points that do not ascend, a last cut beyond the longest
        duration, or covariates with too many patterns.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [1, 3, 3], "left": [True, True, False]})
    >>> counted = person_periods(frame, duration="months", event="left", periods=[0, 1, 2, 3])
    >>> counted.at_risk.tolist(), counted.events.tolist()
    ([[3, 2, 2]], [[1, 0, 1]])
    """
    cuts = check_periods(periods)
    roles = spell_roles(
        spells, duration=duration, event=event, entry=entry, causes=causes, covariates=covariates
    )
    return count_person_periods(roles, cuts)


def is_number(value: object) -> bool:
    """Whether a value is a finite number and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(float(value))


def is_whole(value: object) -> bool:
    """Whether a value is a whole number and no truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_periods(periods: Sequence[float]) -> tuple[float, ...]:
    """Return the cut points as numbers, or refuse them.

    Raises
    ------
    OptionError
        If they are not two numbers at least, ascending from 0 or later.
    """
    try:
        cuts = () if isinstance(periods, str) else tuple(float(cut) for cut in periods)
    except (TypeError, ValueError) as error:
        raise OptionError(f"periods are {periods!r}; give cut points, e.g. [0, 1, 2, 3, 6, 12]") from error
    rising = all(a < b for a, b in pairwise(cuts))
    if not 2 <= len(cuts) <= _MOST_PERIODS + 1 or not rising or cuts[0] < 0 or not math.isfinite(cuts[-1]):
        told = ", ".join(f"{cut:g}" for cut in cuts[:6])
        raise OptionError(
            f"periods are {told or 'empty'}{', …' if len(cuts) > 6 else ''}; give 2 to {_MOST_PERIODS + 1} "
            "ascending cut points from 0 or later, e.g. [0, 1, 2, 3, 6, 12]"
        )
    return cuts


def count_person_periods(roles: SpellRoles, cuts: tuple[float, ...]) -> PersonPeriods:
    """Count checked spells; see :func:`person_periods`."""
    keys = [f"x{i}" for i in range(len(roles.covariates))]
    table, first, last, inner = roles.table, cuts[0], cuts[-1], cuts[1:-1]
    longest = table.aggregate(t=table["t"].max().cast("float64")).to_pandas()["t"].iloc[0]
    if not last <= float("nan" if longest is None else longest):  # also where there are no rows
        raise DesignError(
            f"periods end at {last:g}, beyond the data: the longest spell lasts {longest:g}; "
            f"end them at {longest:g} or before"
        )
    exact = table.mutate(t=_exact(table["t"]), s=_exact(table["s"]))
    begun = exact["t"] > _cut(first) if first > 0 else exact["t"] >= 0
    seen = exact.filter(begun & (exact["s"] < _cut(last)))
    t, s, over, under = seen["t"], seen["s"], seen["t"] > _cut(last), seen["s"] < _cut(first)
    cells = seen.mutate(
        a=_place(s, inner, inclusive=True),
        b=_place(t, inner, inclusive=False),
        e=seen["e"] & ~over,
        inside=_inside(s, cuts) & ~under,
        short=_inside(t, cuts) & ~over & ~(seen["e"] & ~over),
        under=under,
        over=over,
    )
    kinds = [*keys, "a", "b", "e", "inside", "short", "under", "over"]
    counted = cells.group_by(kinds).aggregate(n=cells["n"].sum(), s=_sum(cells, "s"), t=_sum(cells, "t"))
    frame = counted.order_by(kinds).to_pandas()
    # who came before the first cut counts from there, who stayed beyond the last one up to there
    frame["s"] = frame["s"].where(~frame["under"].astype(bool), frame["n"] * first)
    frame["t"] = frame["t"].where(~frame["over"].astype(bool), frame["n"] * last)
    return _added_up(frame, keys, roles, cuts)


def _sum(cells: ir.Table, name: str) -> Any:
    """Add lengths up exactly; whole ones stand for n spells each."""
    lengths = cells[name] * cells["n"] if cells[name].type().is_integer() else cells[name]
    return lengths.sum().cast("float64")


def _exact(column: Any) -> Any:
    return column.cast("int64") if column.type().is_integer() else column.cast(_EXACT)


def _place(column: Any, inner: Sequence[float], *, inclusive: bool) -> Any:
    """Return the number of inner cuts passed: the period, from 0."""
    passed = [(column >= cut if inclusive else column > cut).cast("int64") for cut in map(_cut, inner)]
    return reduce(add, passed) if passed else ibis.literal(0)


def _inside(column: Any, cuts: Sequence[float]) -> Any:
    return column.notin([_cut(cut) for cut in cuts])


def _cut(cut: float) -> Any:
    # by way of its digits: a decimal literal without a scale is cut to three decimals by some engines
    return ibis.literal(f"{cut:.9f}").cast(_EXACT)


def _added_up(
    frame: pd.DataFrame, keys: list[str], roles: SpellRoles, cuts: tuple[float, ...]
) -> PersonPeriods:
    """Turn cells of (pattern, entry, end, event) into arrays by pattern and period."""
    if keys:
        code = frame.groupby(keys, sort=True, observed=True).ngroup().to_numpy()
        patterns = frame[keys].drop_duplicates(ignore_index=True)
    else:
        code, patterns = np.zeros(len(frame), dtype=np.int64), _rows_only(1)
    if len(patterns) > MOST_PATTERNS:
        raise DesignError(
            f"the covariates have {len(patterns):,} patterns, more than {MOST_PATTERNS:,}; put numbers into "
            "bands, or leave out what differs from customer to customer"
        )
    patterns.columns = list(roles.covariates)
    a, b, n = (frame[name].to_numpy(dtype=np.int64) for name in ("a", "b", "n"))
    code = np.asarray(code, dtype=np.int64)
    event = frame["e"].to_numpy(dtype=bool)
    shape = (len(patterns), len(cuts) - 1)
    border, width = np.asarray(cuts), np.diff(cuts)
    # whole periods by differences, then the parts of the first and the last one
    whole, seen = _between(code, a, b, n, shape), _between(code, a, b + 1, n, shape)
    late = (frame["s"].to_numpy() - n * border[a]) / width[a]
    past = (frame["t"].to_numpy() - n * border[b]) / width[b]
    stayed = whole.astype(np.float64)
    # who left in the period of entry was observed for a part u of it: log(1 - exp(-u h)) is, but for a
    # constant and the square of h, log(1 - exp(-h)) + (1 - u) h / 2, which is exposure taken back
    np.add.at(stayed, (code, a), np.where(event & (a == b), -late / 2, -late))
    np.add.at(stayed, (code, b), np.where(event, 0.0, past))
    events, partial = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    np.add.at(events, (code, b), np.where(event, n, 0))
    inside, short = (frame[name].to_numpy(dtype=bool) for name in ("inside", "short"))
    np.add.at(partial, (code, a), np.where(inside, n, 0))
    np.add.at(partial, (code, b), np.where(short & ~(inside & (a == b)), n, 0))
    n_used = int(n.sum())
    return PersonPeriods(
        patterns=patterns,
        cuts=cuts,
        at_risk=seen,
        events=events,
        stayed=stayed,
        partial=partial,
        n_given=roles.n_given,
        n_blank=roles.n_blank,
        n_outside=roles.n_given - roles.n_blank - n_used,
    )


def _rows_only(n: int) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(index=range(n))


def _between(code: Any, start: Ints, stop: Ints, n: Ints, shape: tuple[int, int]) -> Ints:
    """Count cells over the periods from start up to, but without, stop."""
    steps = np.zeros((shape[0], shape[1] + 1), dtype=np.int64)
    np.add.at(steps, (code, start), n)
    np.add.at(steps, (code, stop), -n)
    return np.cumsum(steps, axis=1)[:, :-1]
