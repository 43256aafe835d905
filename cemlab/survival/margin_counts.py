"""What the remaining margin rests on: departures by tenure, and today's customers with their margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.person_periods import PersonPeriods, count_person_periods, is_number
from cemlab.data.spell_roles import SpellRoles, spell_roles
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.markup import label

if TYPE_CHECKING:
    import ibis.expr.types as ir

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ALL = "all customers"
_MOST_SEGMENTS = 100
_MOST_PERIODS = 400
_MOST_MARGIN, _LEAST_MARGIN = 1e20, 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class SegmentCounts:
    """One segment, counted.

    Parameters
    ----------
    events, stayed
        Departures and exposure without departure by period of tenure, shape (n_periods,).
    tenures, n, margin
        Of today's customers: whole periods reached, how many, and their margins per period added up, each of
        shape (n_tenures,).
    margin_variance
        Between customers of the segment, of the margin per period.
    """

    events: Ints
    stayed: Floats
    tenures: Ints
    n: Ints
    margin: Floats
    margin_variance: float


@dataclass(frozen=True, eq=False, kw_only=True)
class MarginCounts:
    """All segments, counted, with the lengths of period and year in `unit` and the longest tenure known."""

    segments: dict[str, SegmentCounts]
    period: float
    year: float
    last: float
    unit: str
    n_given: int
    n_used: int
    source: str


def margin_counts(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    margin: str,
    entry: str | None,
    group: str | None,
    period: float,
    year: float,
    unit: str,
    source: str,
) -> MarginCounts:
    """Count what :func:`cemlab.survival.remaining_margin` needs.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        As that function.
    """
    if not (is_number(period) and is_number(year) and period > 0 and year > 0):
        raise OptionError(f"period is {period!r} and year {year!r}; give lengths above 0 in {unit}")
    roles = spell_roles(
        spells,
        duration=duration,
        event=event,
        entry=entry,
        covariates=[group] if group else [],
        extra={"m": margin},
    )
    today = _today(roles, margin, period)
    longest = float(roles.table.aggregate(t=roles.table["t"].max().cast("float64")).to_pandas()["t"].iloc[0])
    whole = int(longest / period + 1e-9)
    if not 1 <= whole <= _MOST_PERIODS:
        raise OptionError(
            f"period is {period:g} {unit} and the longest spell {longest:g}: that makes {whole:,} periods; "
            f"allowed are 1 to {_MOST_PERIODS}"
        )
    counted = count_person_periods(roles, tuple(float(period * k) for k in range(whole + 1)))
    names = [label(v) for v in counted.patterns[group]] if group else [ALL]
    if len(names) > _MOST_SEGMENTS:
        raise DesignError(f"column {group!r} has {len(names):,} segments; allowed are {_MOST_SEGMENTS}")
    segments = {}
    for row, name in enumerate(names):
        mine = today[today["segment"] == name] if group else today
        if mine.empty:
            continue  # nobody is left to be valued
        segments[name] = _segment(counted, row, mine, name)
    if not segments:
        raise DesignError("nobody is a customer any more, so there is no margin to come")
    known = max(len(segment.events) for segment in segments.values())
    return MarginCounts(
        segments=segments,
        period=period,
        year=year,
        last=known * period,
        unit=unit,
        n_given=roles.n_given,
        n_used=roles.n_given - roles.n_blank,
        source=source,
    )


def _today(roles: SpellRoles, margin: str, period: float) -> pd.DataFrame:
    """Count today's customers and add up their margins, exactly, by segment and whole periods reached."""
    table = roles.table
    if not table["m"].type().is_numeric():
        raise DataError(f"spells, column {margin!r}: a margin must be a number, not {table['m'].type()}")
    here = table.filter(~table["e"])
    missing = here["m"].isnull()
    if here["m"].type().is_floating():
        missing = missing | here["m"].isnan() | here["m"].isinf()
    blank = int(here.filter(missing).count().execute())
    if blank:
        raise DataError(
            f"spells, column {margin!r}: missing for {blank:,} customers of today; fill in their margin per "
            "period, 0 for none"
        )
    money = _exactly(here, margin)
    exact = here["t"].cast("decimal(38, 9)").cast("float64")
    placed = here.mutate(
        segment=here["x0"].cast("string") if roles.covariates else ibis.literal(ALL),
        tenure=(exact / period + 1e-9).floor().cast("int64"),
        m=money,
        square=money.cast("float64") ** 2,
    )
    counted = placed.group_by(["segment", "tenure"]).aggregate(
        n=placed.count(), margin=placed["m"].sum(), square=placed["square"].sum()
    )
    frame: pd.DataFrame = counted.order_by(["segment", "tenure"]).to_pandas()
    return frame.assign(segment=frame["segment"].map(label))


def _exactly(here: ir.Table, margin: str) -> Any:
    """Return margins as decimals with as many digits as their size leaves room for in an exact sum."""
    kind = here["m"].type()
    largest = here.aggregate(m=here["m"].cast("float64").abs().max()).to_pandas()["m"].iloc[0]
    size = float(largest) if largest is not None and largest == largest else 0.0
    if size >= _MOST_MARGIN or 0 < size < _LEAST_MARGIN:
        raise DataError(
            f"spells, column {margin!r}: the largest margin is {size:g}, which cannot be added up exactly; "
            f"state money in a unit in which it lies between {_LEAST_MARGIN:g} and {_MOST_MARGIN:g}"
        )
    if kind.is_decimal() or kind.is_integer():
        return here["m"].cast(f"decimal(38, {(kind.scale or 0) if kind.is_decimal() else 0})")
    # twenty digits: more than a floating number has, and room for the sum of a trillion customers
    return here["m"].cast(f"decimal(38, {min(30, 20 - math.ceil(math.log10(size or 1.0)))})")


def _segment(counted: PersonPeriods, row: int, mine: pd.DataFrame, name: str) -> SegmentCounts:
    events, stayed = counted.events[row], counted.stayed[row]
    watched = np.flatnonzero(counted.at_risk[row] == 0)
    known = int(watched[0]) if watched.size else len(events)
    if known == 0:
        raise DesignError(
            f"{name}: nobody was observed in the first period of tenure, so a tenure's chance to leave is "
            "not "
            "known from the start; widen the period or merge the segment"
        )
    if not events[:known].any():
        raise DesignError(
            f"{name}: nobody left in {known} periods of tenure, so no pace of leaving can be estimated; "
            "merge the "
            "segment with another"
        )
    n, margin = mine["n"].to_numpy(dtype=np.int64), np.asarray(mine["margin"], dtype=np.float64)
    total = int(n.sum())
    variance = (float(mine["square"].sum()) - margin.sum() ** 2 / total) / max(total - 1, 1)
    return SegmentCounts(
        events=events[:known],
        stayed=np.maximum(stayed[:known], 1e-9),
        tenures=mine["tenure"].to_numpy(dtype=np.int64),
        n=n,
        margin=margin,
        margin_variance=max(0.0, variance),
    )
