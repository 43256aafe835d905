"""What is checked in reading a linked panel: what is missing, whether halves make the score, what depends."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.panel_columns import names
from cemlab.errors import DataError, DesignError
from cemlab.evidence import Check
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.markup import number, p_value
from cemlab.stats.least_squares import least_squares

Floats = npt.NDArray[np.float64]

# What is left of a column beside the others when it depends on them, as a share of its spread.
_DEPENDENT = 1e-7
# Weights of columns that make up another: smaller ones are rounding.
_PART = 1e-6
# Units: fewer tell nothing of chance between them.
_FEWEST = 5
# Share of its periods in which a unit must have a row; dates that differ by days leave far less.
_MET = 0.5
_LEVEL = 0.05


def missing_checks(
    frame: pd.DataFrame, complete: npt.NDArray[np.bool_], *, unit: str, outcome: str, score: str
) -> tuple[Check, ...]:
    """Say how many rows are left out, and whether by the score, or by the outcome where the score is missing.

    Parameters
    ----------
    frame
        All rows.
    complete
        (m) whether a row is used.
    """
    null = "rows are missing whatever the score"
    gone = int((~complete).sum())
    if not gone:
        detail = f"All {len(frame):,} rows are complete."
        return (Check(name="missing rows", null=null, passed=True, detail=detail),)
    found = []
    for told in (score, outcome):
        seen = frame[told].notna().to_numpy()
        flag = (~complete[seen]).astype(float)
        if not flag.any():
            continue
        found.append(_by(frame[told].to_numpy()[seen], flag, frame[unit].to_numpy()[seen], told))
    tested = [p for p, _ in found if p is not None]
    passed = None if not tested else min(tested) * len(tested) > _LEVEL
    told_all = " ".join(text for _, text in found)
    detail = f"{gone:,} of {len(frame):,} rows are left out, something being missing in them. {told_all}"
    remedy = "What is left is a selection: find the missing values, or bound what they may hide."
    return (Check(name="missing rows", null=null, passed=passed, detail=detail.strip(), remedy=remedy),)


def _by(values: Floats, gone: Floats, unit: npt.NDArray[np.object_], told: str) -> tuple[float | None, str]:
    """Return the p-value of the difference in a column between rows left out and used, and its words."""
    from scipy.special import stdtr

    code = np.unique(unit, return_inverse=True)[1]
    touched = len(np.unique(code[gone > 0]))
    if touched < 2 or int(code.max()) + 1 < _FEWEST or gone.all() or np.ptp(values) == 0:
        return None, f"Too few to tell whether by {told}."
    design = np.column_stack([np.ones(len(values)), gone])
    fit = least_squares(values, design=design, clusters=(code,))
    difference, error = float(fit.coefficient[1]), float(np.sqrt(fit.covariance[1, 1]))
    if error == 0:
        return None, f"Too few to tell whether by {told}."
    # whoever has gaps may be few: degrees of freedom are those of the fewer side
    p = float(2 * stdtr(min(touched, int(code.max()) + 1) - 1, -abs(difference / error)))
    return p, f"Their {told}, where known, differs by {number(difference)} ({p_value(p)})."


def few_clusters(clusters: int, column: str) -> tuple[Check, ...]:
    """Return a failed check where clusters are so few that no error by cluster holds; else nothing."""
    if clusters >= _FEWEST:
        return ()
    return (
        Check(
            name="too few clusters",
            null=f"there are {_FEWEST} clusters or more, from which their spread can be told",
            passed=False,
            detail=f"{clusters} clusters by {column}: intervals may be far too narrow.",
            remedy="Name a finer cluster, or add units; tell no interval as sure.",
        ),
    )


def require_linked(panel: Any) -> None:
    """Refuse what was not read yet, or was analysed already.

    Raises
    ------
    DataError
        If it is no linked panel.
    """
    if not isinstance(panel, LinkedPanel):
        raise DataError(
            f"panel: a {type(panel).__name__} is no linked panel; hand in linked_panel(…), which reads a "
            "table: linked_panel(frame, outcome='profit')"
        )


def require_met(unit: pd.Series[Any], time: pd.Series[Any], *, what: tuple[str, str]) -> None:
    """Refuse periods in which few units meet, as where dates of one week differ by days.

    Counted are periods with rows from a unit's first to its last, so that units may come and go.

    Parameters
    ----------
    unit, time
        (m) of all rows, something missing in them or not.
    what
        Their columns.

    Raises
    ------
    DesignError
        If most of them are empty, unless all dates are of one day of the month.
    """
    if time.dtype.kind == "M" and (time.dt.day.nunique() == 1 or bool(time.dt.is_month_end.all())):
        return
    code, periods = pd.factorize(time, sort=True)
    of_unit = pd.Series(code).groupby(unit.to_numpy(), sort=False).agg(["min", "max"])
    cells = int((of_unit["max"] - of_unit["min"] + 1).sum())
    if len(unit) >= _MET * cells:
        return
    raise DesignError(
        f"panel, column {what[1]!r}: {len(periods):,} periods, in most of which a {what[0]} has no row "
        f"({len(unit):,} of {cells:,} have one), so that few can be compared within one; if dates of one "
        "week or month differ, make them one, e.g. with dt.to_period('W').dt.start_time"
    )


def refuse_one_half(halves: Floats, unit: npt.NDArray[np.int64], named: tuple[str, str]) -> None:
    """Refuse halves of which one is the other on some scale: as if there were no error, which is not so.

    Parameters
    ----------
    halves
        (m, 2).
    unit
        (m) numbers from 0: halves may be one column but for levels of units.
    named
        Their columns.

    Raises
    ------
    DesignError
        With both names.
    """
    rows = np.bincount(unit)
    for taken in (np.zeros_like(unit), unit):
        count = rows if taken is unit else np.array([len(unit)])
        mean = np.column_stack([np.bincount(taken, column) for column in halves.T]) / count[:, None]
        a, b = (halves - mean[taken]).T
        length, size = float(np.linalg.norm(a)), float(np.linalg.norm(b))
        if not (length > 0 and size > 0):
            continue
        if float(np.linalg.norm(b / size - a * float(a @ b) / (length**2 * size))) < _DEPENDENT:
            raise DesignError(
                f"halves: {named[0]!r} and {named[1]!r} are one column on two scales; that would show a "
                "score without error. Count each from answers of its own"
            )


def halves_check(halves: Floats, score: Floats) -> Check:
    """Check that the halves are of the score: their mean moves one for one with it."""
    mean = halves.mean(axis=1)
    centred = score - score.mean()
    slope = float((mean - mean.mean()) @ centred / (centred @ centred))
    alike = float(np.corrcoef(mean, score)[0, 1]) if np.ptp(mean) > 0 else 0.0
    fits = abs(slope - 1) < 0.1 and alike > 0.9
    return Check(
        name="halves",
        null="the two halves are those of the score",
        passed=fits,
        detail=f"Their mean moves by {slope:.2f} with a point of the score (correlation {alike:.2f}).",
        remedy="Bring the halves to the score's scale, or name the right columns.",
    )


def refuse_dependent(controls: pd.DataFrame, score: Floats, score_name: str) -> None:
    """Refuse controls that are the same everywhere, or made up of others; so too the score.

    Raises
    ------
    DesignError
        With the name of the control, and of those that make it up.
    """
    columns = [*((str(name), controls[name].to_numpy(dtype=float)) for name in controls), (score_name, score)]
    kept: list[tuple[str, Floats]] = []
    for name, values in columns:
        centred = values - values.mean()
        size = float(np.sqrt(centred @ centred))
        if size <= _DEPENDENT * max(float(np.abs(values).max()), 1e-300) * np.sqrt(len(values)):
            raise DesignError(f"the control {name!r} is the same everywhere; leave it out")
        centred = centred / size
        if kept:
            others = np.column_stack([other for _, other in kept])
            weight = np.linalg.lstsq(others, centred, rcond=None)[0]
            if float(np.linalg.norm(centred - others @ weight)) < _DEPENDENT:
                parts = [repr(kept[i][0]) for i in np.flatnonzero(np.abs(weight) > _PART)]
                what = "the score" if name == score_name else "the control"
                raise DesignError(
                    f"collinear controls: {what} {name!r} is made up of {names(parts)}; leave out one of them"
                )
        kept.append((name, centred))
