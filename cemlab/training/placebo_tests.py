"""Where nothing should be found: dates before the training, and outcomes that training cannot move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, p_value, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.group_time import Controls
from cemlab.stats.long_base import LongBase, long_base_effect
from cemlab.stats.multiplier_bands import errors
from cemlab.training.before import plural
from cemlab.training.effect_evidence import refuse_one_treated
from cemlab.training.result_rows import rows_of
from cemlab.training.roll_out import RollOut, roll_out

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, eq=False, kw_only=True)
class Placebos(Result):
    """What the method finds where there is nothing to find.

    Parameters
    ----------
    table
        One row a placebo, the real figure first: kind ("real", "date" or "outcome"), what, estimate,
        std_error, df, conf_low, conf_high, p_value, detectable (the change that would be found with a chance
        of 80 %), n_treated.
    outcome, unit
        The columns of the outcome and of the units.
    """

    outcome: str
    unit: str

    title: ClassVar[str] = "Placebos: where nothing should be found"
    labels: ClassVar[dict[str, str]] = {
        "what": "Placebo",
        "found": "Found (interval)",
        "p": "p",
        "detectable": "Would be found",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a placebo, the real figure first."""
        rows = rows_of(self.table)
        return pd.DataFrame(
            {
                "what": [r["what"] for r in rows],
                "found": [with_interval(r) for r in rows],
                "p": [p_value(r["p_value"]) for r in rows],
                "detectable": [number(r["detectable"]) for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the placebos that found something, and what they could have found."""
        rows = rows_of(self.table)
        real, rest = rows[0], rows[1:]
        off = [r for r in rest if r["conf_low"] > 0 or r["conf_high"] < 0]
        dates = [r["detectable"] for r in rest if r["kind"] == "date"]
        told = "; ".join(f"{r['what']} {with_interval(r)}" for r in off)
        found = (
            f"Where nothing should be found, something was: {told}."
            if off
            else f"None of {len(rest)} placebos found anything."
        )
        reach = (
            f" With the placebo dates a change of {number(min(dates))} to {number(max(dates))} would be "
            "found four times in five; smaller ones they would mostly miss."
            if dates
            else ""
        )
        return (
            f"{found}{reach} The real figure is {with_interval(real)}. ({self.evidence.n_used:,} "
            f"{self.evidence.unit}, {100 * self.conf_level:g} % intervals, each by itself: one in "
            f"{1 / (1 - self.conf_level):.0f} placebos finds something by chance.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of placebos in standard errors, so that outcomes of all units stand side by side."""
        scale = self.table["std_error"].where(self.table["std_error"] > 0)
        frame = self.table[["what"]].copy()
        for name in ("estimate", "conf_low", "conf_high"):
            frame[name] = self.table[name] / scale
        rest = self.table[self.table["kind"] != "real"]
        off = int(((rest["conf_low"] > 0) | (rest["conf_high"] < 0)).sum())
        return Chart(
            kind="forest",
            frame=frame,
            x="estimate",
            y="what",
            low="conf_low",
            high="conf_high",
            x_label="Change found, in standard errors (0 = none)",
            y_label="placebo",
            claim=(
                f"{off} of {len(rest)} placebos found what cannot be there"
                if off
                else f"None of {len(rest)} placebos found anything"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def placebos(
    panel: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    months_earlier: Sequence[int] = (3, 6),
    outcomes: Sequence[str] = (),
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    controls: Controls = "not yet treated",
    conf_level: float = 0.95,
    source: str = "",
) -> Placebos:
    """Answer whether the method finds something where nothing can be.

    Parameters
    ----------
    panel
        One row a branch and month.
    outcome
        Column of numbers.
    months_earlier
        Pretend the training came so many periods earlier; nothing from the training on is used.
    outcomes
        Columns that the training cannot move, e.g. how long customers wait in the queue.
    unit, time, first_treated, controls
        As in :func:`group_time_effects`.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    Placebos
        Its table has one row a placebo, and the real figure first.

    Raises
    ------
    ColumnError, DataError, OptionError
        For columns and options that are not there, or the outcome among its placebos.
    DesignError
        If the panel holds no roll-out, no placebo is asked for, or fewer than two units have a
        period before a placebo date.

    Notes
    -----
    All figures are averages over treated unit-periods against the mean of all periods before, as in
    :func:`on_the_way`. A placebo date needs a period before it: units treated too early are left out of it
    (`n_treated` says who is left). A placebo that finds nothing says little where it could find only large
    changes; see the column detectable.

    Examples
    --------
    >>> rows = [(u, t, 7 if u < 4 else 0, u % 4 * t + 0.1 * t * t % 3 + (u < 4 and t >= 7))
    ...         for u in range(8) for t in range(1, 10)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "first_trained", "cx"])
    >>> placebos(panel, outcome="cx", months_earlier=[3]).table[["what", "estimate"]].round(6).values.tolist()
    [['cx, as it was', 1.0], ['cx, 3 periods earlier', 0.0]]
    """
    check_conf_level(conf_level)
    if controls not in get_args(Controls):
        raise OptionError(one_of(controls, get_args(Controls), what="kind of controls"))
    shifts = _shifts(months_earlier)
    names = _names(outcomes, outcome, shifts)

    def read(name: str) -> RollOut:
        return roll_out(panel, outcome=name, unit=unit, time=time, first_treated=first_treated)

    rolled = read(outcome)
    rows = [
        _row("real", f"{outcome}, as it was", rolled, rolled.first, None, controls, conf_level),
        *(_earlier(rolled, shift, outcome, controls, conf_level) for shift in shifts),
    ]
    for name in names:
        other = read(name)
        rows.append(_row("outcome", f"{name}, as it was", other, other.first, None, controls, conf_level))
    return Placebos(
        table=pd.DataFrame(rows),
        evidence=_evidence(rolled, rows, unit, controls, source),
        conf_level=conf_level,
        outcome=outcome,
        unit=unit,
    )


def placebo_p_values(rolled: RollOut, shifts: Sequence[int]) -> list[float]:
    """Return the p-values of placebo dates so many periods earlier, as many of them as are possible."""
    found = []
    for shift in shifts:
        try:
            row = _earlier(rolled, shift, rolled.outcome_name, "not yet treated", 0.95)
        except DesignError:
            continue
        found.append(float(row["p_value"]))
    return found


def _shifts(months_earlier: Sequence[int]) -> list[int]:
    good = not isinstance(months_earlier, str) and np.iterable(months_earlier)
    if not good or not all(
        isinstance(k, int | np.integer) and not isinstance(k, bool) and k >= 1 for k in months_earlier
    ):
        raise OptionError(
            f"months_earlier is {months_earlier!r}; allowed: whole numbers from 1 on in a list, e.g. [3, 6]"
        )
    return sorted({int(k) for k in months_earlier})


def _names(outcomes: Sequence[str], outcome: str, shifts: list[int]) -> list[str]:
    if isinstance(outcomes, str):
        raise OptionError(f"outcomes are {outcomes!r}; give columns in a list, e.g. ['wait_seconds']")
    if outcome in outcomes:
        raise OptionError(f"{outcome!r} is the outcome itself; a placebo is one that training cannot move")
    if not shifts and not outcomes:
        raise DesignError("no placebo is asked for; give months_earlier, outcomes, or both")
    return list(dict.fromkeys(outcomes))


def _earlier(
    rolled: RollOut, shift: int, outcome: str, controls: Controls, conf_level: float
) -> dict[str, Any]:
    """Pretend that the treatment came so many periods earlier, and stop where it really came."""
    possible = ~rolled.treated | (rolled.first > shift)
    if (possible & rolled.treated).sum() < 2:
        raise DesignError(
            f"panel: fewer than two units have a period before a placebo date {shift} periods before their "
            f"treatment; the latest is treated in period {int(rolled.first[rolled.treated].max()) + 1}. Give "
            "a smaller number in months_earlier"
        )
    first = np.where(rolled.treated, np.maximum(rolled.first - shift, 1), rolled.first)
    # units treated too early are nowhere used
    last = np.where(possible, rolled.first, 0)
    what = f"{outcome}, {shift} period{'s' if shift > 1 else ''} earlier"
    return _row("date", what, rolled, first, last, controls, conf_level)


def _row(
    kind: str,
    what: str,
    rolled: RollOut,
    first: np.ndarray[Any, np.dtype[np.int64]],
    last: np.ndarray[Any, np.dtype[np.int64]] | None,
    controls: Controls,
    conf_level: float,
) -> dict[str, Any]:
    from scipy.special import stdtr

    from cemlab.stats.detectable import detectable_ratio

    refuse_one_treated(rolled)
    found: LongBase = long_base_effect(rolled.outcome, first=first, controls=controls, last=last)
    if np.isnan(found.estimate):
        raise DesignError(
            f"panel, {what}: in no treated period two {controls} units are left to compare with; add units "
            "that are treated later or never"
        )
    used = np.ones(len(first), dtype=bool) if last is None else last > 0
    own = errors(found.influence[used, None], rolled.first[used])
    error, df = float(own.std_error[0]), float(own.df[0])
    margin = float(own.margin(conf_level)[0])
    return {
        "kind": kind,
        "what": what,
        "estimate": found.estimate,
        "std_error": error,
        "df": df,
        "conf_low": found.estimate - margin,
        "conf_high": found.estimate + margin,
        "p_value": float(2 * stdtr(df, -abs(found.estimate) / error)) if error > 0 else 1.0,
        "detectable": float(detectable_ratio(df, conf_level=conf_level)) * error,
        "n_treated": int((used & rolled.treated).sum()),
    }


def _evidence(
    rolled: RollOut, rows: list[dict[str, Any]], unit: str, controls: Controls, source: str
) -> Evidence:
    from scipy.special import bdtrc

    rest = rows[1:]
    alpha = 0.05
    off = sum(row["p_value"] < alpha for row in rest)
    # so many or more by chance alone, were the placebos independent
    chance = float(bdtrc(off - 1, len(rest), alpha)) if off else 1.0
    check = Check(
        name="placebos",
        null="nothing is found where nothing can be",
        passed=off == 0 or chance > alpha,
        detail=(
            f"{off} of {len(rest)} placebos have p < 0.05; so many or more would by chance alone in "
            f"{percent(chance, digits=0)} of cases."
        ),
        remedy="Trained and others changed differently without any training; trust no figure of this design.",
    )
    return Evidence(
        grade="quasi-experiment",
        design=(
            f"Staggered roll-out read where nothing happened: {plural(unit)} trained later compared with "
            f"those {controls}, in departure from their own mean before."
        ),
        unit=plural(unit),
        n_used=len(rolled.units),
        n_given=rolled.n_given,
        source=source,
        assumptions=(
            "Nobody acts on the training before it begins.",
            "Placebo outcomes would move with anything else that told trained from others.",
        ),
        checks=(check, *rolled.checks),
    )
