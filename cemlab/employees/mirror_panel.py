"""The panels of the mirror as arrays: branch-months and the months of persons, or a refusal by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.panel_columns import as_numbers, as_periods, names, require_apart, require_regular
from cemlab.data.spell_columns import require_column, require_table
from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.markup import label, number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FEWEST_UNITS = 5
#: Lowest and highest of both scores, or of each by the name of its column.
Scale = tuple[float, float] | Mapping[str, tuple[float, float]]
#: How far a score's slope on the mean of its halves may be from 1, and the score, in its standard deviations,
#: outside of both on average: halves of unlike size and rounding leave less, other scales leave more.
_OFF = 0.1


@dataclass(frozen=True, eq=False, kw_only=True)
class MirrorPanel:
    """Engagement and experience of units over periods, nothing missing.

    Parameters
    ----------
    units, periods
        Names (n) and periods in order (t).
    engagement, experience
        (n, t).
    halves
        Two measures of experience (n, t) with independent errors, or None.
    n_given
        Units that were handed in, those with gaps among them.
    left_out
        Their names.
    unit, time
        What a unit and a period is called.
    """

    units: tuple[Any, ...]
    periods: pd.Index[Any]
    engagement: Floats
    experience: Floats
    halves: tuple[Floats, Floats] | None
    n_given: int
    left_out: tuple[str, ...]
    unit: str = "branch"
    time: str = "month"


@dataclass(frozen=True, eq=False, kw_only=True)
class PersonRows:
    """Months of persons beside their month before, (m) each.

    Parameters
    ----------
    outcome, before
        Engagement of a person in a period and in the one before.
    spell
        Number of the person's unbroken stretch of periods.
    period
        Number of the period before.
    unit
        Number of the unit in the panel.
    staff
        Mean number of persons in a unit and period.
    n_persons, n_given
        Persons who were seen in three periods in a row, of those handed in.
    missing, elsewhere
        Rows handed in with a name or an answer missing, and of units or periods that are not in the panel.
    """

    outcome: Floats
    before: Floats
    spell: Ints
    period: Ints
    unit: Ints
    staff: float
    n_persons: int = 0
    n_given: int = 0
    missing: int = 0
    elsewhere: int = 0


def mirror_panel(
    panel: pd.DataFrame,
    *,
    engagement: str,
    experience: str,
    halves: tuple[str, str] | None,
    unit: str,
    time: str,
    scale: Scale | None,
) -> MirrorPanel:
    """Return the panel as arrays; units with gaps are left out and named.

    Raises
    ------
    ColumnError, DataError, OptionError, DesignError
        For columns that are not there, values that cannot be, and panels that can tell nothing.
    """
    require_table(panel, "panel")
    scores = [experience, engagement, *(halves or ())]
    columns = [unit, time, *scores]
    if len(set(columns)) < len(columns) or (halves is not None and len(halves) != 2):
        raise OptionError(f"columns {', '.join(map(repr, columns))}: each is another column, halves are two")
    for name in columns:
        require_column(panel, name, "panel")
    frame = panel[columns].copy().reset_index(drop=True)
    if frame.empty:
        raise DataError("panel: it has no rows")
    limits = _limits(scale, experience=(experience, *(halves or ())), engagement=engagement)
    for name in scores:
        frame[name] = as_numbers(frame[name], name, example="e.g. standard deviations")
        _require_scale(frame[name], name, limits.get(name))
    if frame[unit].isna().any():
        raise DataError(f"panel, column {unit!r}: {int(frame[unit].isna().sum()):,} rows name no {unit}")
    frame[time], _ = as_periods(frame[time], time, missing_allowed=False)
    if frame.duplicated([unit, time]).any():
        twice = frame[frame.duplicated([unit, time])].iloc[0]
        raise DataError(f"panel: {unit} {label(twice[unit])} stands twice in {time} {label(twice[time])}")
    wide = {name: frame.pivot(index=unit, columns=time, values=name) for name in scores}
    index = wide[experience]
    require_regular(index.columns, time)
    require_apart(index.index, unit)
    gaps = np.any([part.isna().to_numpy().any(axis=1) for part in wide.values()], axis=0)
    if (~gaps).sum() < _FEWEST_UNITS:
        raise DesignError(
            f"panel: {int((~gaps).sum()):,} of {len(gaps):,} units ({unit}) have every score in every "
            f"{time}; what goes on within units needs at least {_FEWEST_UNITS}"
        )
    arrays = {name: part[~gaps].to_numpy(dtype=float) for name, part in wide.items()}
    for name, values in arrays.items():
        if float(np.ptp(values, axis=1).max()) <= 0:
            raise DesignError(
                f"panel, column {name!r}: it is constant within every {unit}; nothing can go with it"
            )
    if halves is not None:
        _require_halves(arrays[experience], (arrays[halves[0]], arrays[halves[1]]), (experience, *halves))
    return MirrorPanel(
        units=tuple(index.index[~gaps]),
        periods=index.columns,
        engagement=arrays[engagement],
        experience=arrays[experience],
        halves=None if halves is None else (arrays[halves[0]], arrays[halves[1]]),
        n_given=len(gaps),
        left_out=tuple(map(str, index.index[gaps])),
        unit=label(unit),
        time=label(time),
    )


def person_rows(
    persons: pd.DataFrame,
    read: MirrorPanel,
    *,
    person: str,
    engagement: str,
    unit: str,
    time: str,
    scale: Scale | None,
) -> PersonRows:
    """Return each person's months beside the month before, of the units and periods in the panel.

    Raises
    ------
    ColumnError, DataError, DesignError
        For columns that are not there, persons twice in a month or in two units, and units without persons
        who were seen three periods in a row.
    """
    require_table(persons, "persons")
    for name in (person, engagement, unit, time):
        require_column(persons, name, "persons")
    given = persons[[person, unit, time, engagement]]
    frame = given.dropna().reset_index(drop=True)
    score = as_numbers(frame[engagement], engagement, example="e.g. standard deviations")
    # the panel has read the scale before, with the names of all its columns
    _require_scale(score, engagement, scale.get(engagement) if isinstance(scale, Mapping) else scale)
    periods, _ = as_periods(frame[time], time, missing_allowed=False)
    where = pd.Index(read.units).get_indexer(pd.Index(frame[unit]))
    when = read.periods.get_indexer(pd.Index(periods))
    keep = (where >= 0) & (when >= 0)
    who = pd.factorize(frame[person])[0]
    order = np.lexsort((when, who))
    order = order[keep[order]]
    who, where, when, values = who[order], where[order], when[order], score.to_numpy(dtype=float)[order]
    same = who[1:] == who[:-1]
    if (same & (when[1:] == when[:-1])).any() or (same & (where[1:] != where[:-1])).any():
        raise DataError(
            f"persons: a {person} stands twice in a {time}, or in two units ({unit}); one row each"
        )
    follows = same & (when[1:] == when[:-1] + 1)
    spell = np.concatenate([[0], np.cumsum(~follows)]).astype(np.int64)
    seen = np.bincount(spell[1:][follows], minlength=int(spell[-1]) + 1 if len(spell) else 1)
    counts = follows & (seen[spell[1:]] > 1)
    told = np.unique(where[1:][counts])
    if len(told) < len(read.units):
        lacking = [read.units[i] for i in np.setdiff1d(np.arange(len(read.units)), told)]
        raise DesignError(
            f"persons: nobody of {unit} {names(lacking)} was seen in three periods in a row; leave these "
            "units out of the panel, or ask without persons"
        )
    return PersonRows(
        outcome=values[1:][follows],
        before=values[:-1][follows],
        spell=spell[1:][follows],
        period=when[:-1][follows].astype(np.int64),
        unit=where[1:][follows].astype(np.int64),
        staff=len(values) / (len(read.units) * len(read.periods)),
        n_persons=len(np.unique(who[1:][counts])),
        n_given=int(given[person].nunique()),
        missing=len(given) - len(frame),
        elsewhere=int((~keep).sum()),
    )


def _limits(
    scale: Scale | None, *, experience: tuple[str, ...], engagement: str
) -> dict[str, tuple[float, float]]:
    """Return the lowest and highest score by column; halves have the scale of experience."""
    if scale is None:
        return {}
    if not isinstance(scale, Mapping):
        return dict.fromkeys((*experience, engagement), scale)
    for name in scale:
        if name not in (experience[0], engagement):
            raise OptionError(one_of(name, (engagement, experience[0]), what="column of the scale"))
    return {
        name: scale[of]
        for of, names_of in ((engagement, (engagement,)), (experience[0], experience))
        if of in scale
        for name in names_of
    }


def _require_halves(score: Floats, halves: tuple[Floats, Floats], called: tuple[str, ...]) -> None:
    """Refuse halves whose mean is not the score, up to rounding and to answers that do not halve evenly."""
    mean, centred = (halves[0] + halves[1]) / 2, score - score.mean()
    slope = float((mean * centred).sum() / (score * centred).sum())
    beyond = np.maximum(np.abs(mean - score) - np.abs(halves[0] - halves[1]) / 2, 0)
    if abs(slope - 1) > _OFF or float(beyond.mean()) > _OFF * float(score.std()):
        raise DataError(
            f"panel: {called[1]!r} and {called[2]!r} are no halves of {called[0]!r}: a unit of it goes with "
            f"{number(slope)} of their mean, and it is outside of both by {number(float(beyond.mean()))} on "
            "average; give the means of both halves of the same answers, on the same scale"
        )


def _require_scale(values: pd.Series[Any], name: str, scale: tuple[float, float] | None) -> None:
    if scale is None:
        return
    if not isinstance(scale, tuple) or len(scale) != 2 or not all(_is_number(end) for end in scale):
        raise OptionError(
            f"scale={scale!r}: allowed are the lowest and the highest score, e.g. (1, 5), of both scores, or "
            "by column"
        )
    low, high = scale
    if not low < high:
        raise OptionError(f"scale={scale!r}: allowed are the lowest and the highest score, e.g. (1, 5)")
    odd = values[(values < low) | (values > high)]
    if len(odd):
        raise DataError(
            f"column {name!r}: {len(odd):,} scores are outside {number(low)} to {number(high)}, e.g. "
            f"{number(float(odd.iloc[0]))}; correct them, or state the scale"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
