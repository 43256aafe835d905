"""What training changes on the way to the result: several outcomes at once, with intervals that all hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, number
from cemlab.result import Result, check_conf_level
from cemlab.stats.group_time import Controls
from cemlab.stats.long_base import long_base_effect
from cemlab.stats.multiplier_bands import errors
from cemlab.training.before import picked, plural
from cemlab.training.effect_evidence import refuse_one_treated
from cemlab.training.intervals import DRAWS, check_draws, covariance_of, interval_columns
from cemlab.training.result_rows import rows_of
from cemlab.training.roll_out import Floats, RollOut, roll_out

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, eq=False, kw_only=True)
class OnTheWay(Result):
    """Overall changes of several outcomes by the training.

    Parameters
    ----------
    table
        One row an outcome: outcome, unit ("%" for logged ones, else ""), estimate, std_error, df, conf_low,
        conf_high, band_low, band_high (hold for all outcomes at once), p_value, before (mean of the treated
        before, in the outcome's own unit), and with a dose per_dose, per_dose_low, per_dose_high: the same
        per unit of the dose.
    dose
        The column of the dose, empty if none was given.
    dose_change
        By how much training changed it.
    influence
        (n, outcomes) of each unit, in the order of the table, on the scale of estimation (logged ones as
        logarithms).
    covariance
        (outcomes, outcomes) of per_dose, or of estimate where no dose was given, in the table's units (logged
        ones in %).
    """

    dose: str
    dose_change: float
    influence: Floats
    covariance: Floats

    title: ClassVar[str] = "What the training changed on the way"
    labels: ClassVar[dict[str, str]] = {
        "outcome": "Outcome", "change": "Change (interval)", "all": "Interval that holds for all",
        "per_dose": "For the fully trained (interval)",
    }  # fmt: skip

    @property
    def summary(self) -> pd.DataFrame:
        """One row an outcome."""
        rows = rows_of(self.table)
        shown = {
            "outcome": [r["outcome"] for r in rows],
            "change": [_told(r, "estimate", "conf") for r in rows],
            "all": [f"{number(r['band_low'])} to {number(r['band_high'])}{_sign(r)}" for r in rows],
        }
        if self.dose:
            shown["per_dose"] = [_told(r, "per_dose", "per_dose") for r in rows]
        return pd.DataFrame(shown)

    def narrative(self) -> str:
        """Tell the outcomes that moved, by intervals that hold for all at once, and those not settled."""
        rows = rows_of(self.table)
        moved = [r for r in rows if not r["band_low"] <= 0 <= r["band_high"]]
        open_ = [r for r in rows if r["band_low"] <= 0 <= r["band_high"]]
        parts = []
        if moved:
            told = [f"{r['outcome']} by {_told(r, 'estimate', 'conf')}" for r in moved]
            parts.append(
                f"If the design's assumptions hold, the training changed {'; '.join(told)}."
                if self.evidence.identifies_cause
                else f"With the training went changes of {'; '.join(told)}."
            )
        if open_:
            told = [f"{r['outcome']} {_told(r, 'estimate', 'conf')}" for r in open_]
            parts.append(f"Not settled, with all outcomes looked at together: {'; '.join(told)}.")
        if self.dose:
            parts.append(f"Training raised {self.dose} by {number(self.dose_change)} on average.")
        used, level = self.evidence.n_used, f"{100 * self.conf_level:g}"
        return f"{' '.join(parts)} ({used:,} {self.evidence.unit}, {level} % intervals.)"

    @property
    def chart(self) -> Chart:
        """Forest of the changes in standard errors, so that outcomes of all units stand side by side."""
        scale = self.table["std_error"].where(self.table["std_error"] > 0).to_numpy()
        frame = pd.DataFrame({"outcome": self.table["outcome"]})
        for new, old in (("estimate", "estimate"), ("conf_low", "band_low"), ("conf_high", "band_high")):
            frame[new] = self.table[old].to_numpy() / scale
        moved = self.table.loc[(self.table["band_low"] > 0) | (self.table["band_high"] < 0), "outcome"]
        lead = "The training moved" if self.evidence.identifies_cause else "With the training moved"
        claim = (
            f"{lead} {join_words(moved)}"
            if len(moved)
            else "Whether anything moved with the training on the way is not settled"
        )
        return Chart(
            kind="forest",
            frame=frame,
            x="estimate",
            y="outcome",
            low="conf_low",
            high="conf_high",
            x_label="Change, in standard errors (0 = none)",
            y_label="outcome",
            claim=claim,
            grade=self.evidence.grade,
            note=f"Intervals hold for all outcomes at once. {self.caption}",
            reference=0.0,
        )


def on_the_way(
    panel: ir.Table | pd.DataFrame,
    *,
    outcomes: Sequence[str],
    logged: Sequence[str] = (),
    dose: str | None = None,
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    controls: Controls = "not yet treated",
    conf_level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 1,
    source: str = "",
) -> OnTheWay:
    """Answer what the training changed on its way to the result: handling, resolution, experience, turnover.

    Parameters
    ----------
    panel
        One row a branch and month, e.g. of :func:`branch_panel` with ``service=True``.
    outcomes
        Columns of numbers.
    logged
        Those of them, all above 0, whose change is wanted in per cent.
    dose
        A column that says how much of a branch is trained in a month, e.g. the share of its contacts that
        trained people served. Changes are then also given per unit of it: what full training would change.
    unit, time, first_treated, controls
        As in :func:`group_time_effects`.
    conf_level
        Of each interval, and of the intervals that hold for all outcomes at once.
    draws, seed
        Of the multiplier bootstrap behind those.
    source
        The line that stands under every figure.

    Returns
    -------
    OnTheWay
        Its table has one row an outcome.

    Raises
    ------
    ColumnError, DataError, OptionError, DesignError
        As :func:`roll_out`; for no outcomes, a logged outcome that is not above 0, a dose that training did
        not raise, or units that lack one of several outcomes.

    Notes
    -----
    Overall averages over treated unit-periods as of :func:`group_time_effects`, unadjusted, but against the
    mean of all periods before the training instead of the last one: outcomes that vary much from month to
    month are else not to be seen. That asks for changes that would have been alike in all periods. "Per unit
    of the dose" takes it that training acts through the dose alone (the ratio of two changes; interval by the
    delta method).

    References
    ----------
    Callaway, B., & Sant'Anna, P. H. C. (2021). Difference-in-differences with multiple time periods.
    Journal of Econometrics 225, 200–230.

    Examples
    --------
    >>> rows = [(u, t, 3 if u < 4 else 0, 0.1 * t + (u % 4 + 1) * (1.0 + (u < 4 and t >= 3)))
    ...         for u in range(8) for t in range(1, 5)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "first_trained", "cx"])
    >>> on_the_way(panel, outcomes=["cx"]).table[["outcome", "estimate"]].round(6).values.tolist()
    [['cx', 2.5]]
    """
    check_conf_level(conf_level)
    check_draws(draws)
    if controls not in get_args(Controls):
        raise OptionError(one_of(controls, get_args(Controls), what="kind of controls"))
    names = _names(outcomes, logged)
    everything = [*names, *([dose] if dose else [])]
    frame = picked(panel, [unit, time, first_treated, *everything])
    whole = _complete(frame, everything, unit)
    gaps = [
        # of all units: what is missing by treatment is refused
        replace(check, name=f"{check.name} in {name}")
        for name in everything
        if frame[name].isna().any()
        for check in roll_out(frame, outcome=name, unit=unit, time=time, first_treated=first_treated).checks
    ]
    read = {
        name: roll_out(
            _logged(whole, name) if name in logged else whole,
            outcome=name,
            unit=unit,
            time=time,
            first_treated=first_treated,
        )
        for name in everything
    }
    found = {name: _effect(rolled, controls) for name, rolled in read.items()}
    rolled = read[names[0]]
    estimate = np.array([found[name][0] for name in names])
    influence = np.stack([found[name][1] for name in names], axis=1)
    table = _table(names, logged, rolled, read, estimate, influence, conf_level, draws, seed)
    change, moved, shown_as = 0.0, influence, "estimate"
    if dose:
        change, shown_as = found[dose][0], "per_dose"
        moved = _add_per_dose(table, logged, rolled, estimate, influence, found[dose], dose, conf_level)
    # of 100 (exp(x) − 1) the slope is 100 exp(x)
    slope = np.where(table["unit"] == "%", 100 + table[shown_as], 1.0)
    return OnTheWay(
        table=table,
        evidence=_evidence(rolled, int(frame[unit].nunique()), unit, controls, len(names), source, gaps),
        conf_level=conf_level,
        dose=dose or "",
        dose_change=change,
        influence=influence,
        covariance=np.outer(slope, slope) * covariance_of(moved, rolled),
    )


def _names(outcomes: Sequence[str], logged: Sequence[str]) -> list[str]:
    if isinstance(outcomes, str) or not len(outcomes):
        raise OptionError(f"outcomes are {outcomes!r}; give columns in a list, e.g. ['cx', 'turnover']")
    for name in logged:
        if name not in outcomes:
            raise OptionError(f"logged: {one_of(name, [str(o) for o in outcomes], what='outcome')}")
    return list(dict.fromkeys(outcomes))


def _complete(frame: pd.DataFrame, columns: list[str], unit: str) -> pd.DataFrame:
    """Leave out units that lack any of the outcomes, so that all outcomes speak of the same units."""
    holes = frame.groupby(unit)[columns].transform(lambda values: values.isna().any()).any(axis=1)
    if holes.all():
        raise DesignError(f"panel: no {unit} has {join_words(columns)} in every period")
    kept: pd.DataFrame = frame[~holes]
    return kept


def _logged(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    if not (frame[name] > 0).all():
        raise DataError(
            f"panel, column {name!r}: a value is not above 0 and has no logarithm; leave it out of logged"
        )
    return frame.assign(**{name: np.log(frame[name].astype(float))})


def _effect(rolled: RollOut, controls: Controls) -> tuple[float, Floats]:
    refuse_one_treated(rolled)
    found = long_base_effect(rolled.outcome, first=rolled.first, controls=controls)
    if np.isnan(found.estimate):
        raise DesignError(
            f"panel: in no treated period two {controls} units are left to compare with; add units that are "
            "treated later or never"
        )
    return found.estimate, found.influence


def _table(
    names: list[str],
    logged: Sequence[str],
    rolled: RollOut,
    read: dict[str, RollOut],
    estimate: Floats,
    influence: Floats,
    conf_level: float,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    from scipy.special import stdtr

    own = interval_columns(estimate, influence, rolled, conf_level=conf_level, draws=draws, seed=seed)
    in_percent = np.isin(names, list(logged))

    def shown(values: Floats) -> Floats:
        return _in_percent(values, in_percent)

    error = own["std_error"]
    ratio = np.abs(estimate) / np.where(error > 0, error, np.inf)
    return pd.DataFrame(
        {
            "outcome": names,
            "unit": np.where(in_percent, "%", ""),
            "estimate": shown(estimate),
            "std_error": np.where(in_percent, 100 * np.exp(estimate * in_percent), 1.0) * error,
            "df": own["df"],
            **{end: shown(own[end]) for end in ("conf_low", "conf_high", "band_low", "band_high")},
            "p_value": 2 * stdtr(own["df"], -ratio),
            "before": [_before(read[name], name in logged) for name in names],
        }
    )


def _before(rolled: RollOut, logged: bool) -> float:
    """Return the mean of the treated before their treatment."""
    early = np.arange(rolled.never) < rolled.first[:, None]
    values = np.exp(rolled.outcome) if logged else rolled.outcome
    return float(values[early & rolled.treated[:, None]].mean())


def _add_per_dose(
    table: pd.DataFrame,
    logged: Sequence[str],
    rolled: RollOut,
    estimate: Floats,
    influence: Floats,
    dosed: tuple[float, Floats],
    dose: str,
    conf_level: float,
) -> Floats:
    """Add the ratio of each change to that of the dose, and its interval; return the ratios' influence."""
    change, own = dosed
    error = errors(own[:, None], rolled.first)
    if not change - error.margin(0.95)[0] > 0:
        raise DesignError(
            f"panel: training did not clearly raise the dose {dose!r} ({number(change)}); nothing can be "
            "said per unit of it"
        )
    ratio = estimate / change
    moved = (influence - own[:, None] * ratio) / change
    spread = errors(moved, rolled.first)
    reach = spread.margin(conf_level)
    ends = {"per_dose": ratio, "per_dose_low": ratio - reach, "per_dose_high": ratio + reach}
    in_percent = np.isin(table["outcome"], list(logged))
    for name, values in ends.items():
        table[name] = _in_percent(values, in_percent)
    return np.asarray(moved)


def _in_percent(values: Floats, logged: npt.NDArray[np.bool_]) -> Floats:
    """Return changes of logarithms in per cent, and the others as they are."""
    # where little is known an end of the interval may lie beyond all numbers: it is endless then
    with np.errstate(over="ignore"):
        return np.where(logged, 100 * np.expm1(np.where(logged, values, 0.0)), values)


def _evidence(
    rolled: RollOut,
    given: int,
    unit: str,
    controls: Controls,
    outcomes: int,
    source: str,
    gaps: Sequence[Check],
) -> Evidence:
    several = Check(
        name="several outcomes",
        null="intervals hold although several outcomes are looked at",
        passed=True,
        detail=f"{outcomes} outcomes; the wider intervals hold for all at once.",
    )
    return Evidence(
        grade="quasi-experiment",
        design=(
            f"Staggered roll-out: {int(rolled.treated.sum()):,} {plural(unit)} compared with those {controls}"
            ", in departure from their own mean before."
        ),
        unit=plural(unit),
        n_used=len(rolled.units),
        n_given=given,
        source=source,
        assumptions=(
            "Without the training, trained and others would have changed alike, in all periods.",
            "Nobody acts on the training before it begins, and controls are not touched by it.",
        ),
        checks=(several, *gaps, *rolled.checks),
    )


def _sign(row: dict[str, Any]) -> str:
    return " %" if row["unit"] == "%" else ""


def _told(row: dict[str, Any], value: str, ends: str) -> str:
    low, high = number(row[f"{ends}_low"]), number(row[f"{ends}_high"])
    return f"{number(row[value])} ({low} to {high}){_sign(row)}"
