"""Reading the panel that links experience to money: each refusal by name, each row left out counted."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.panel_columns import (
    LARGEST,
    as_numbers,
    as_periods,
    names,
    period_steps,
    require_apart,
    require_one_currency,
)
from cemlab.data.regression_rows import refuse_like_names
from cemlab.data.spell_columns import require_column, require_table
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.panel_checks import (
    few_clusters,
    halves_check,
    missing_checks,
    refuse_dependent,
    refuse_one_half,
    require_met,
)
from cemlab.markup import label

if TYPE_CHECKING:
    import ibis.expr.types as ir

Floats = npt.NDArray[np.float64]

_FEWEST = 3  # units: from fewer no spread between them can be told
# Texts that a control may have: more are names, not kinds.
_KINDS = 50


def linked_panel(
    panel: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    score: str = "cx",
    unit: str = "branch",
    time: str = "month",
    controls: Sequence[str] = (),
    halves: tuple[str, str] | None = None,
    instruments: Sequence[str] = (),
    weights: str | None = None,
    cluster: str | None = None,
    scale: tuple[float, float] | None = None,
    outcome_unit: str = "",
    source: str = "",
) -> LinkedPanel:
    """Return the arrays that link a score to an outcome, or refuse by name what cannot be linked.

    Parameters
    ----------
    panel
        One row a unit and period; the panel may have gaps. Its ``attrs["source"]`` is the source where none
        is given.
    outcome, score
        Columns of numbers.
    unit, time
        Columns of the unit and the period; periods are dates or whole numbers, in even steps.
    controls
        Columns of numbers, or of texts, which become a column of 0 and 1 for each text but the commonest.
    halves
        Two columns: the score from two halves of the answers, whose errors are independent.
    instruments
        Columns of numbers that move the score: see :func:`cemlab.linkage.instrument_value`.
    weights
        Column of positive numbers, e.g. customers.
    cluster
        Column of what units belong to, the same in all rows of a unit; the unit itself if not given.
    scale
        The lowest and the highest score that can be.
    outcome_unit
        E.g. ``"EUR a customer and month"``.
    source
        Where the data come from.

    Returns
    -------
    LinkedPanel
        Rows in order of unit and period. Rows in which something is missing are left out, counted in
        `n_given`, and checked for being missing by the score.

    Raises
    ------
    ColumnError
        If a column is not there, or there twice; on an engine also if two names differ only by case.
    DataError
        If a unit stands twice in a period, values are no finite numbers, scores lie outside `scale`, weights
        are not positive, a unit belongs to several clusters, or currencies are mixed.
    DesignError
        If there is one branch or fewer than three units, one period, most periods of most units are empty,
        the score or the outcome is the same everywhere, controls depend on each other, or one half of the
        score is the other on some scale.
    OptionError
        If one column is to play two parts, or `scale` is no range.

    Examples
    --------
    >>> import pandas as pd
    >>> panel = pd.DataFrame({"branch": list("aabbcc"), "month": [1, 2] * 3, "cx": [0.0, 1, 2, 4, 1, 5],
    ...                       "profit": [1.0, 2, 5, 7, None, 9]})
    >>> linked = linked_panel(panel, outcome="profit")
    >>> linked.units, linked.score.tolist(), linked.n_given
    (('a', 'b', 'c'), [0.0, 1.0, 2.0, 4.0, 5.0], 6)
    """
    require_table(panel, "panel")
    both = _two(halves)
    for given, name in ((controls, "controls"), (instruments, "instruments")):
        if isinstance(given, str):
            raise OptionError(f"{name} is {given!r}; allowed: a list of columns, e.g. [{given!r}]")
    _refuse_two_parts(outcome, score, unit, time, controls, both, instruments)
    extra = [name for name in (weights, cluster) if name is not None]
    roles = [unit, time, outcome, score, *both, *controls, *instruments, *extra]
    frame = _picked(panel, roles)
    kind = _keys(frame, unit, time)
    require_met(frame[unit], frame[time], what=(unit, time))
    numeric = [outcome, score, *both, *instruments, *([weights] if weights else [])]
    for name in numeric:
        frame[name] = as_numbers(frame[name], name, example="e.g. 0.5")
    _require_scale(frame, (score, *both), scale)
    design = pd.DataFrame(
        {name: values for column in controls for name, values in _control(frame[column], column).items()},
        index=frame.index,
    )
    complete = frame[numeric].notna().all(axis=1) & design.notna().all(axis=1)
    checks = missing_checks(frame, complete.to_numpy(), unit=unit, outcome=outcome, score=score)
    frame, design = frame[complete], design[complete]
    _require_enough(frame, unit, time, outcome, score)
    frame = frame.sort_values([unit, time], kind="stable")
    design = design.loc[frame.index]
    refuse_dependent(design, frame[score].to_numpy(), score)
    units, number = np.unique(frame[unit].to_numpy(), return_inverse=True)
    periods = filled_periods(pd.Index(np.sort(frame[time].unique())), time)
    if both:
        refuse_one_half(frame[list(both)].to_numpy(dtype=float), np.asarray(number), (both[0], both[1]))
        checks = (*checks, halves_check(frame[list(both)].to_numpy(), frame[score].to_numpy()))
    clusters = _clusters(frame, cluster, unit)
    checks = (*checks, *few_clusters(int(clusters.max()) + 1, cluster or unit))
    return LinkedPanel(
        units=tuple(map(str, units)),
        periods=tuple(periods.astype(np.int64) if kind == "whole numbers" else periods),
        unit=np.asarray(number, dtype=np.int64),
        period=periods.get_indexer(pd.Index(frame[time])).astype(np.int64),
        outcome=frame[outcome].to_numpy(dtype=float),
        score=frame[score].to_numpy(dtype=float),
        halves=frame[list(both)].to_numpy(dtype=float) if both else None,
        controls=design.to_numpy(dtype=float),
        control_names=tuple(map(str, design.columns)),
        weights=_weights(frame, weights),
        cluster=clusters,
        outcome_name=outcome,
        score_name=score,
        outcome_unit=outcome_unit,
        n_given=len(complete),
        source=source or str(panel.attrs.get("source", "") if isinstance(panel, pd.DataFrame) else ""),
        checks=checks,
        instruments=frame[list(instruments)].to_numpy(dtype=float) if len(instruments) else None,
        instrument_names=tuple(instruments),
        unit_name=unit,
        time_name=time,
    )


def _two(halves: tuple[str, str] | None) -> tuple[str, ...]:
    if halves is None:
        return ()
    if isinstance(halves, str) or len(halves) != 2 or len(set(halves)) != 2:
        raise OptionError(f"halves is {halves!r}; allowed: two columns, e.g. ('cx_a', 'cx_b')")
    return tuple(halves)


def _refuse_two_parts(
    outcome: str,
    score: str,
    unit: str,
    time: str,
    controls: Sequence[str],
    halves: tuple[str, ...],
    instruments: Sequence[str],
) -> None:
    """Refuse a column that is to play two parts."""
    parts = [
        *(("outcome", outcome), ("score", score), ("unit", unit), ("time", time)),
        *(("half", name) for name in halves),
        *(("control", name) for name in controls),
        *(("instrument", name) for name in instruments),
    ]
    seen: dict[str, str] = {}
    for part, name in parts:
        if name in seen:
            raise OptionError(
                f"the column {name!r} is to be {seen[name]} and {part}; each part needs a column of its own"
            )
        seen[name] = part


def _picked(panel: ir.Table | pd.DataFrame, roles: Sequence[str]) -> pd.DataFrame:
    """Return the columns in question of a panel in one currency."""
    for name in roles:
        require_column(panel, name, "panel")
    money = [name for name in panel.columns if str(name).casefold() == "currency"]
    picked = list(dict.fromkeys([*roles, *money]))
    if not isinstance(panel, pd.DataFrame):
        refuse_like_names(panel, picked, what="panel")
    frame = panel[picked].copy() if isinstance(panel, pd.DataFrame) else panel.select(picked).to_pandas()
    if frame.empty:
        raise DataError("panel: it has no rows")
    require_one_currency(frame)
    several = panel.attrs.get("currency") if isinstance(panel, pd.DataFrame) else None
    if isinstance(several, list | tuple | set | frozenset) and len(set(several)) > 1:
        raise DataError(
            f"panel, attrs 'currency': {names(sorted(map(str, several)))} are mixed; convert all amounts to "
            "one currency first"
        )
    return frame.reset_index(drop=True)


def _keys(frame: pd.DataFrame, unit: str, time: str) -> str:
    """Make periods periods, in place of the frame, and refuse rows that are not told apart."""
    if isinstance(frame[unit].dtype, pd.CategoricalDtype):
        frame[unit] = frame[unit].astype(object)
    if frame[unit].isna().any():
        raise DataError(f"panel, column {unit!r}: {int(frame[unit].isna().sum()):,} rows name no {unit}")
    require_apart(pd.Index(frame[unit].unique()), unit)
    frame[time], kind = as_periods(frame[time], time, missing_allowed=False)
    if frame.duplicated([unit, time]).any():
        twice = frame[frame.duplicated([unit, time])].iloc[0]
        raise DataError(
            f"panel: {unit} {label(twice[unit])} stands twice in {time} {label(twice[time])}; "
            f"one row is one {unit} and {time}"
        )
    return kind


def _require_scale(frame: pd.DataFrame, columns: tuple[str, ...], scale: tuple[float, float] | None) -> None:
    """Refuse scores outside their scale."""
    if scale is None:
        return
    numbers = isinstance(scale, tuple | list) and len(scale) == 2 and all(isinstance(v, Real) for v in scale)
    if not numbers or not scale[0] < scale[1]:
        raise OptionError(f"scale is {scale!r}; allowed: the lowest and the highest score, e.g. (0, 10)")
    for name in columns:
        values = frame[name]
        outside = values[(values < scale[0]) | (values > scale[1])]
        if len(outside):
            raise DataError(
                f"panel, column {name!r}: {len(outside):,} scores lie outside their scale, "
                f"{label(scale[0])} to {label(scale[1])}, e.g. {label(outside.iloc[0])}; mend them or leave "
                "them empty (99 often stands for no answer)"
            )


def _control(values: pd.Series[Any], column: str) -> dict[str, pd.Series[Any]]:
    """Return a control as columns of numbers: itself, or one of 0 and 1 for each text but the commonest."""
    seen = values.dropna()
    texts = isinstance(values.dtype, pd.CategoricalDtype) or (
        len(seen) > 0 and all(isinstance(value, str) for value in seen)
    )
    if not texts:
        return {column: as_numbers(values, column, example="e.g. 0.5, or texts that name kinds")}
    counts = seen.astype(str).value_counts().sort_index().sort_values(ascending=False, kind="stable")
    if len(counts) > _KINDS:
        raise DataError(
            f"panel, column {column!r}: {len(counts):,} texts are no kinds; a control has up to {_KINDS}"
        )
    if len(counts) < 2:
        raise DesignError(f"the control {column!r} is the same everywhere; leave it out")
    known = values.notna()
    text = values.astype(object).map(str, na_action="ignore")
    return {
        f"{column}: {name}": (text == name).astype(float).where(known) for name in sorted(counts.index[1:])
    }


def _require_enough(frame: pd.DataFrame, unit: str, time: str, outcome: str, score: str) -> None:
    """Refuse what cannot tell how a score and an outcome go together."""
    if frame.empty:
        raise DesignError("panel: no row has a value in every column; fill the gaps or leave out controls")
    units = frame[unit].nunique()
    if units == 1:
        raise DesignError(
            f"panel, column {unit!r}: all rows are of one {unit}, {label(frame[unit].iloc[0])}; what goes "
            f"with a better experience cannot be told from what is special to it. Hand in several"
        )
    if units < _FEWEST:
        raise DesignError(
            f"panel, column {unit!r}: {units} have complete rows; {_FEWEST} are the fewest that tell a spread"
        )
    if frame[time].nunique() < 2:
        raise DesignError(
            f"panel, column {time!r}: all rows are of one period, {label(frame[time].iloc[0])}; nothing can "
            "be compared within a unit. Hand in two periods or more"
        )
    for name, what in ((score, "experience"), (outcome, "the outcome")):
        if np.ptp(frame[name].to_numpy()) <= 1 / LARGEST:
            raise DesignError(
                f"panel, column {name!r}: {what} is {label(frame[name].iloc[0])} everywhere, so that nothing "
                "can go with it; check the column"
            )


def filled_periods(periods: pd.Index[Any], column: str) -> pd.Index[Any]:
    """Return every period from the first to the last, those without rows among them.

    Raises
    ------
    DesignError
        If steps between periods are no multiples of the smallest.
    """
    steps = period_steps(periods)
    step = int(steps.min())
    odd = np.flatnonzero(steps % step)
    if len(odd):
        before, after = periods[int(odd[0])], periods[int(odd[0]) + 1]
        raise DesignError(
            f"panel, column {column!r}: from {label(before)} to {label(after)} is no whole number of the "
            "steps between other periods; number the periods 1, 2, 3, … if they are even"
        )
    if (steps == step).all():
        return periods
    count = int(steps.sum()) // step + 1
    if not isinstance(periods, pd.DatetimeIndex):
        return pd.Index(int(periods[0]) + step * np.arange(count))
    months = len(set(periods.day)) == 1 or bool(periods.is_month_end.all())
    if not months:
        return pd.DatetimeIndex(periods[0] + pd.to_timedelta(step * np.arange(count), unit="s"))
    last = bool(periods.is_month_end.all())
    every = (pd.offsets.MonthEnd(step * i) if last else pd.DateOffset(months=step * i) for i in range(count))
    return pd.DatetimeIndex([periods[0] + offset for offset in every])


def _weights(frame: pd.DataFrame, weights: str | None) -> Floats:
    if weights is None:
        return np.ones(len(frame))
    values: Floats = frame[weights].to_numpy(dtype=float)
    if (values <= 0).any():
        raise DataError(
            f"panel, column {weights!r}: {int((values <= 0).sum()):,} weights are 0 or less; allowed are "
            "positive ones. Leave out rows that stand for nobody"
        )
    return values


def _clusters(frame: pd.DataFrame, cluster: str | None, unit: str) -> npt.NDArray[np.int64]:
    """Return the number of each row's cluster."""
    column = unit if cluster is None else cluster
    values = frame[column].astype(object)
    if values.isna().any():
        raise DataError(f"panel, column {column!r}: {int(values.isna().sum()):,} rows name no cluster")
    odd = values.groupby(frame[unit]).nunique()
    if (odd > 1).any():
        raise DataError(
            f"panel, column {column!r}: it differs within {unit} {names(list(odd.index[odd > 1]))}; one "
            f"cluster for all rows of a {unit} is allowed"
        )
    code = np.asarray(pd.factorize(values, sort=False)[0], dtype=np.int64)
    if code.max() + 1 < _FEWEST:
        raise DesignError(
            f"panel, column {column!r}: {int(code.max()) + 1} clusters; {_FEWEST} are the fewest whose "
            "spread can be told"
        )
    return code
