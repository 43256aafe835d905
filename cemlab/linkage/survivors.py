"""Only survivors have books: how much the link of experience and money may owe to who closed or left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.panel_checks import require_linked
from cemlab.linkage.survivors_result import ALONE, EITHER, WEIGHTED, WORST, SurvivorBias
from cemlab.markup import percent
from cemlab.result import check_conf_level
from cemlab.stats.selected import Bounds, bounds_interval, lee_bounds, weighted_mean, worst_case

Floats = npt.NDArray[np.float64]

_FEWEST = 5


def survivor_bias(
    units: pd.DataFrame,
    *,
    outcome: str = "outcome",
    score: str = "score",
    traits: Sequence[str] = (),
    cut: float | None = None,
    low: float | None = None,
    high: float | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> SurvivorBias:
    """Answer how far the link of experience and money may owe to who is still there to be counted.

    Parameters
    ----------
    units
        One row a unit (a branch, a customer) of those that were there at the start, those gone among them.
    outcome
        Column of what is compared; missing where the unit is gone.
    score
        Column of the score at the start, known of all.
    traits
        Columns of numbers or classes, known of all at the start, that may tell who goes.
    cut
        From which score on a unit is "high"; the median where None.
    low, high
        Range in which the outcome of those gone is taken to lie; without it the row is left out.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    SurvivorBias
        Its table has one row a way.

    Raises
    ------
    ColumnError, DataError
        If a column is missing or holds what it cannot.
    OptionError
        If an option cannot be.
    DesignError
        If nobody is gone, or a group has fewer than five survivors.

    Notes
    -----
    Weights are right where, within a group and among like traits, those gone are like those still there. The
    bounds of survivors either way assume that experience moves survival in one direction only, and compare
    groups as if they were alike otherwise; they speak of those alone who would be there in either group. The
    bounds of all assume nothing but the range.

    References
    ----------
    Lee, D. S. (2009), and Manski, C. F. (1990), as in :mod:`cemlab.stats.selected`. Imbens, G. W., & Manski,
    C. F. (2004). Confidence intervals for partially identified parameters. Econometrica 72, 1845–1857.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> cx, profit = rng.standard_normal((2, 400))
    >>> books = pd.DataFrame({"cx": cx, "profit": np.where(profit + 0.5 * cx > -0.5, profit, np.nan)})
    >>> found = survivor_bias(books, outcome="profit", score="cx", low=-4, high=4)
    >>> first = found.table.iloc[0]
    >>> bool(first["estimate"] < 0), found.table["way"].tolist()
    (True, ['survivors alone', 'bounds: survivors either way', 'bounds: all, range stated'])
    """
    check_conf_level(conf_level)
    y, x, design = _read(units, outcome, score, traits)
    if (low is None) != (high is None) or (low is not None and high is not None and not low < high):
        raise OptionError(
            f"low={low!r}, high={high!r}: name both ends of the range, the lower first, or none"
        )
    at = float(np.median(x)) if cut is None else float(cut)
    known, upper = np.isfinite(y), x >= at
    if known.all():
        raise DesignError("the outcome is known of all units: nobody is gone, so there is nothing to correct")
    for name, group in (("low", ~upper), ("high", upper)):
        if known[group].sum() < _FEWEST:
            raise DesignError(
                f"{int(known[group].sum())} survivors with {name} {score} (cut at {at:g}); each group needs "
                f"{_FEWEST} or more: name another cut"
            )
    groups = pd.DataFrame([_counted(name, y[g], known[g]) for name, g in (("low", ~upper), ("high", upper))])
    rows = [_alone(y, known, upper, conf_level)]
    if traits:
        rows.append(_weighted(y, known, upper, design, conf_level))
    a, b = y[known & upper], y[known & ~upper]
    either = lee_bounds(a, n_first=int(upper.sum()), second=b, n_second=int((~upper).sum()))
    rows.append(_set(EITHER, either, conf_level))
    if low is not None and high is not None:
        rows.append(_set(WORST, _worst(y, known, upper, low, high), conf_level))
    table = pd.DataFrame(rows)
    return SurvivorBias(
        table=table,
        evidence=_evidence(table, groups, outcome, score, source, traits),
        conf_level=conf_level,
        groups=groups,
        cut=at,
        outcome=outcome,
        score=score,
    )


def lasting_units(
    panel: LinkedPanel, *, first: int = 12, last: int = 12, gone_after: int = 3
) -> pd.DataFrame:
    """Return one row a unit that was there at the start: its score then, and its outcome if it lasts.

    Parameters
    ----------
    panel
        Read by :func:`linked_panel`.
    first, last
        Periods at the start over which score and controls are averaged, and at the end, the outcome.
    gone_after
        A unit is gone that has no row in so many periods at the end (at most `last`); a row that is missing
        in the last period alone is a gap, as of books that come late.

    Returns
    -------
    pandas.DataFrame
        unit, score, outcome (missing where gone), and the controls; ``attrs`` hold source and late (units
        that count as there without a row in the last period).

    Raises
    ------
    DataError
        If the panel was not read by :func:`linked_panel`.
    OptionError
        If the spans are longer than the panel.
    DesignError
        If no unit was there at the start.

    Examples
    --------
    >>> linked = LinkedPanel(
    ...     units=("a", "b"), periods=(1, 2, 3), unit=np.array([0, 0, 0, 1]), period=np.array([0, 1, 2, 0]),
    ...     outcome=np.array([5.0, 6.0, 7.0, 1.0]), score=np.array([1.0, 2.0, 3.0, 0.0]), halves=None,
    ...     controls=np.empty((4, 0)), control_names=(), weights=np.ones(4), cluster=np.array([0, 0, 0, 1]),
    ...     outcome_name="profit", score_name="cx", outcome_unit="EUR", n_given=4)
    >>> lasting_units(linked, first=1, last=2, gone_after=2).values.tolist()
    [['a', 1.0, 6.5], ['b', 0.0, nan]]
    """
    require_linked(panel)
    t, n = len(panel.periods), len(panel.units)
    if not (1 <= first <= t and 1 <= last <= t):
        raise OptionError(f"first={first!r}, last={last!r}; allowed: 1 to the panel's {t} periods")
    if isinstance(gone_after, bool) or not isinstance(gone_after, int | np.integer) or gone_after < 1:
        raise OptionError(f"gone_after is {gone_after!r}; allowed: a whole number of periods from 1 on")
    began, ended = panel.period < first, panel.period >= t - last

    def mean(values: Floats, rows: npt.NDArray[np.bool_]) -> Floats:
        total = np.bincount(panel.unit[rows], weights=(values * panel.weights)[rows], minlength=n)
        weight = np.bincount(panel.unit[rows], weights=panel.weights[rows], minlength=n)
        return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)

    latest = np.full(n, -1)
    np.maximum.at(latest, panel.unit, panel.period)
    still = latest >= t - min(int(gone_after), last)
    there = np.bincount(panel.unit[began], minlength=n) > 0
    if not there.any():
        raise DesignError(f"no unit has a row in the first {first} periods")
    frame = pd.DataFrame(
        {
            "unit": list(panel.units),
            "score": mean(panel.score, began),
            "outcome": np.where(still, mean(panel.outcome, ended), np.nan),
            **{name: mean(panel.controls[:, j], began) for j, name in enumerate(panel.control_names)},
        }
    )
    kept = frame[there].reset_index(drop=True)
    late = there & still & (latest < t - 1)
    kept.attrs = {"source": panel.source, "late": tuple(np.array(panel.units, dtype=object)[late])}
    return kept


def _read(
    units: pd.DataFrame, outcome: str, score: str, traits: Sequence[str]
) -> tuple[Floats, Floats, Floats]:
    """Return outcome, score and the traits as columns beside a constant."""
    for name in (outcome, score, *traits):
        if name not in units.columns:
            raise ColumnError(f"units: {one_of(name, map(str, units.columns), what='column')}")
    for name in (outcome, score):
        if not pd.api.types.is_numeric_dtype(units[name]):
            raise DataError(f"units, column {name!r}: holds no numbers")
    for name in (outcome, score, *traits):
        if pd.api.types.is_numeric_dtype(units[name]) and not pd.api.types.is_bool_dtype(units[name]):
            endless = int(np.isinf(units[name].to_numpy(dtype=float, na_value=np.nan)).sum())
            if endless:
                raise DataError(
                    f"units, column {name!r}: infinite in {endless:,} rows; give numbers, and of the outcome "
                    "leave missing what is not known"
                )
    x = units[score].to_numpy(dtype=float, na_value=np.nan)
    for name in (score, *traits):
        missing = int(units[name].isna().sum())
        if missing:
            raise DataError(f"units, column {name!r}: missing in {missing:,} rows; it must be known of all")
    columns = [np.ones(len(units))]
    for name in traits:
        if pd.api.types.is_numeric_dtype(units[name]) and not pd.api.types.is_bool_dtype(units[name]):
            values = units[name].to_numpy(dtype=float)
            spread = values.std()
            columns.append((values - values.mean()) / (spread if spread > 0 else 1.0))
        else:
            code = pd.factorize(units[name], sort=True)[0]
            columns += [(code == level).astype(float) for level in range(1, int(code.max()) + 1)]
    return units[outcome].to_numpy(dtype=float, na_value=np.nan), x, np.column_stack(columns)


def _counted(name: str, values: Floats, known: npt.NDArray[np.bool_]) -> dict[str, Any]:
    return {
        "group": name,
        "n": len(known),
        "survived": int(known.sum()),
        "share": float(known.mean()),
        "mean": float(values[known].mean()),
    }


def _point(way: str, estimate: float, error: float, conf_level: float) -> dict[str, Any]:
    from scipy.special import ndtri

    wide = float(ndtri(0.5 + conf_level / 2)) * error
    return {
        "way": way,
        "estimate": estimate,
        "bound_low": np.nan,
        "bound_high": np.nan,
        "conf_low": estimate - wide,
        "conf_high": estimate + wide,
        "bounds": False,
    }


def _set(way: str, bounds: Bounds, conf_level: float) -> dict[str, Any]:
    low, high = bounds_interval(bounds, conf_level=conf_level)
    return {
        "way": way,
        "estimate": (bounds.low + bounds.high) / 2,
        "bound_low": bounds.low,
        "bound_high": bounds.high,
        "conf_low": low,
        "conf_high": high,
        "bounds": True,
    }


def _alone(
    y: Floats, known: npt.NDArray[np.bool_], upper: npt.NDArray[np.bool_], conf_level: float
) -> dict[str, Any]:
    a, b = y[known & upper], y[known & ~upper]
    error = float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))
    return _point(ALONE, float(a.mean() - b.mean()), error, conf_level)


def _weighted(
    y: Floats,
    known: npt.NDArray[np.bool_],
    upper: npt.NDArray[np.bool_],
    design: Floats,
    conf_level: float,
) -> dict[str, Any]:
    (a, a_error), (b, b_error) = (
        # where all of a group are there, its mean needs no weights
        weighted_mean(y[g], known=known[g], traits=design[g])
        if not known[g].all()
        else (float(y[g].mean()), float(y[g].std(ddof=1) / np.sqrt(g.sum())))
        for g in (upper, ~upper)
    )
    return _point(WEIGHTED, a - b, float(np.hypot(a_error, b_error)), conf_level)


def _worst(
    y: Floats, known: npt.NDArray[np.bool_], upper: npt.NDArray[np.bool_], low: float, high: float
) -> Bounds:
    a, b = (worst_case(y[g], known=known[g], low=low, high=high) for g in (upper, ~upper))
    return Bounds(
        low=a.low - b.high,
        high=a.high - b.low,
        low_error=float(np.hypot(a.low_error, b.high_error)),
        high_error=float(np.hypot(a.high_error, b.low_error)),
    )


def _evidence(
    table: pd.DataFrame, groups: pd.DataFrame, outcome: str, score: str, source: str, traits: Sequence[str]
) -> Evidence:
    either = table[table["way"] == EITHER].iloc[0]
    settled = bool(either["conf_low"] > 0 or either["conf_high"] < 0)
    gone = int(groups["n"].sum() - groups["survived"].sum())
    recorded = f"Among like {', '.join(traits)}, those gone are like those still there (weights)."
    return Evidence(
        grade="association",
        design=f"{outcome} of units with high and with low {score} at the start, {gone:,} gone since.",
        unit="units",
        n_used=int(groups["n"].sum()),
        n_given=int(groups["n"].sum()),
        source=source,
        assumptions=(
            *((recorded,) if traits else ()),
            "Experience moves survival in one direction only (bounds of survivors either way).",
        ),
        checks=(
            Check(
                name="who is gone",
                null="the sign of the difference does not hang on who is gone",
                passed=settled,
                detail=(
                    f"{percent(float(groups['share'].iloc[0]))} of the low and "
                    f"{percent(float(groups['share'].iloc[1]))} of the high survived."
                ),
                remedy="Tell the bounds, and no difference among survivors alone.",
            ),
        ),
    )
