"""Averages of group-time effects: overall, by group, by periods since the treatment, by calendar period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.markup import label, number
from cemlab.result import Result
from cemlab.training.effect_words import claim_of, lead_of, noun_of
from cemlab.training.intervals import covariance_of, interval_columns
from cemlab.training.roll_out import Floats, Ints, RollOut

if TYPE_CHECKING:
    from cemlab.training.effects import GroupTimeEffects

Overall = Literal["simple", "by group", "by event time", "by calendar time"]
Axis = Literal["term", "group", "event_time", "time"]

_AXIS_LABELS: dict[str, str] = {
    "term": "Average",
    "group": "First treated",
    "event_time": "Periods since the first treated one",
    "time": "Period",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragedEffects(Result):
    """Group-time effects averaged along one axis.

    Parameters
    ----------
    table
        One row a value of the axis: term, group, event_time or time, estimate [unit of the outcome],
        std_error, df, conf_low, conf_high, band_low, band_high (hold in all rows at once), n_treated (units
        averaged over), n_groups.
    axis
        The column of the axis.
    influence
        (n, rows) what each unit adds to the error of each row, the groups' estimated sizes included.
    roll_out
        The arrays behind.
    anticipation
        Periods before the treatment in which it may act already.
    """

    axis: Axis
    influence: Floats
    roll_out: RollOut
    anticipation: int

    # no word of cause: the grade may be lowered
    title: ClassVar[str] = "The roll-out, averaged"
    labels: ClassVar[dict[str, str]] = {
        "what": "Averaged over", "estimate": "Mean difference", "interval": "Interval", "band": "Band",
        "n_treated": "Units treated",
    }  # fmt: skip

    @property
    def covariance(self) -> Floats:
        """Covariance of the rows, (rows, rows), clustered, as their standard errors are."""
        return covariance_of(self.influence, self.roll_out)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a value of the axis: estimate, interval, band, units treated."""
        rows = self.table.to_dict("records")
        prefix = {"term": "", "group": "first treated ", "event_time": "", "time": ""}[self.axis]
        unit = " periods since" if self.axis == "event_time" else ""
        return pd.DataFrame(
            {
                "what": [f"{prefix}{label(row[self.axis])}{unit}" for row in rows],
                "estimate": [number(row["estimate"]) for row in rows],
                "interval": [f"{number(row['conf_low'])} to {number(row['conf_high'])}" for row in rows],
                "band": [f"{number(row['band_low'])} to {number(row['band_high'])}" for row in rows],
                "n_treated": [int(row["n_treated"]) for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the figures with interval and n, in words that the design grade allows."""
        return lead_of(self)

    @property
    def chart(self) -> Chart:
        """The rows with intervals; by periods since the treatment as a path with bands."""
        numbers = ["estimate", "conf_low", "conf_high", "band_low", "band_high"]
        amount = f"{noun_of(self.evidence.grade).capitalize()}, in units of {self.roll_out.outcome_name}"
        claim, note = claim_of(self), self.caption
        if self.axis in ("event_time", "time"):
            return Chart(
                kind="event",
                frame=self.table[[self.axis, *numbers]],
                x=self.axis,
                y="estimate",
                low="conf_low",
                high="conf_high",
                band_low="band_low",
                band_high="band_high",
                x_label=_AXIS_LABELS[self.axis],
                y_label=amount,
                claim=claim,
                grade=self.evidence.grade,
                note=note,
                reference=0.0,
                begins=0 if self.axis == "event_time" else None,
                levels=(self.conf_level, self.conf_level),
            )
        return Chart(
            kind="forest",
            frame=self.table.assign(shown=[label(value) for value in self.table[self.axis]])[
                ["shown", *numbers]
            ],
            x="estimate",
            y="shown",
            # the title counts what lies off zero by intervals that hold for all, so those are drawn
            low="band_low",
            high="band_high",
            x_label=amount,
            y_label=_AXIS_LABELS[self.axis],
            claim=claim,
            grade=self.evidence.grade,
            note=note,
            reference=0.0,
        )


def overall(effects: GroupTimeEffects, average: Overall) -> AveragedEffects:
    """Average over everything that was treated; see :meth:`GroupTimeEffects.overall`.

    Raises
    ------
    OptionError
        If there is no such average.
    """
    if average not in get_args(Overall):
        raise OptionError(one_of(average, get_args(Overall), what="average"))
    group, time = effects.cells.group, effects.cells.time
    after = (time >= group).astype(float)
    if average == "by event time":
        return _averaged(effects, "term", ["overall"], _by(time - group, time >= group)[1], means=True)
    if average == "by calendar time":
        return _averaged(effects, "term", ["overall"], _by(time, time >= group)[1], means=True)
    if average == "by group":
        after /= np.bincount(group, weights=after, minlength=effects.roll_out.never)[group].clip(min=1)
    return _averaged(effects, "term", ["overall"], after[None, :])


def by_group(effects: GroupTimeEffects) -> AveragedEffects:
    """Average over each group's treated periods."""
    group, time = effects.cells.group, effects.cells.time
    rows, picked = _by(group, time >= group)
    return _averaged(effects, "group", [effects.roll_out.periods[g] for g in rows], picked)


def by_calendar_time(effects: GroupTimeEffects) -> AveragedEffects:
    """Average over the groups treated by then in each period."""
    group, time = effects.cells.group, effects.cells.time
    rows, picked = _by(time, time >= group)
    return _averaged(effects, "time", [effects.roll_out.periods[t] for t in rows], picked)


def by_event_time(effects: GroupTimeEffects, *, balanced: int | None) -> AveragedEffects:
    """Average over the groups by periods since the treatment; see :meth:`GroupTimeEffects.by_event_time`.

    Raises
    ------
    OptionError
        If `balanced` is no number of periods.
    DesignError
        If no group is seen so long.
    """
    since = effects.cells.time - effects.cells.group
    used = np.ones(len(since), dtype=bool)
    if balanced is not None:
        used = _balanced(effects, balanced)
    rows, picked = _by(since, used)
    return _averaged(effects, "event_time", [int(e) for e in rows], picked)


def _balanced(effects: GroupTimeEffects, after: int) -> npt.NDArray[np.bool_]:
    """Say which cells are of groups seen so long, at event times at which all these are seen."""
    if isinstance(after, bool) or not isinstance(after, int | np.integer) or after < 0:
        raise OptionError(f"balanced is {after!r}; allowed: a whole number of periods from 0 on, e.g. 5")
    group = effects.cells.group
    since = effects.cells.time - group
    seen = {int(g): set(since[group == g].tolist()) for g in np.unique(group)}
    long = [g for g, events in seen.items() if max(events) >= after]
    if not long:
        most = max(max(events) for events in seen.values())
        raise DesignError(
            f"balanced is {after}, but no group is compared so long after its treatment; "
            f"allowed: up to {most}"
        )
    common = set.intersection(*(seen[g] for g in long))
    kept = [e for e in common if e <= after]
    return np.isin(group, long) & np.isin(since, kept)


def _by(key: Ints, used: npt.NDArray[np.bool_]) -> tuple[Ints, Floats]:
    """Return the values of a key among the cells used, and which cells have them, (values, cells)."""
    values = np.unique(key[used])
    return values, ((key == values[:, None]) & used).astype(float)


def _averaged(
    effects: GroupTimeEffects, axis: Axis, rows: list[Any], picked: Floats, *, means: bool = False
) -> AveragedEffects:
    """Average the cells of each row by the sizes of their groups; with `means`, the rows in turn, equally."""
    rolled, cells = effects.roll_out, effects.cells
    sizes = np.zeros(rolled.never + 1)
    np.add.at(sizes, rolled.first, rolled.weights)
    weights = picked * sizes[cells.group]
    weights /= weights.sum(axis=1, keepdims=True)
    estimate = weights @ cells.estimate
    influence: Floats = cells.influence @ weights.T
    influence = influence + _of_sizes(effects, weights, sizes, estimate)
    involved: npt.NDArray[np.bool_] = picked > 0
    if means:
        estimate, influence = estimate.mean(keepdims=True), influence.mean(axis=1, keepdims=True)
        involved = np.asarray(involved.any(axis=0, keepdims=True))
    groups = [np.unique(cells.group[each]) for each in involved]
    units = np.bincount(rolled.first, minlength=rolled.never + 1)
    table = pd.DataFrame(
        {
            axis: rows,
            "estimate": estimate,
            **interval_columns(
                estimate,
                influence,
                rolled,
                conf_level=effects.conf_level,
                draws=effects.draws,
                seed=effects.seed,
            ),
            "n_treated": [int(units[each].sum()) for each in groups],
            "n_groups": [len(each) for each in groups],
        }
    )
    return AveragedEffects(
        table=table,
        evidence=effects.evidence,
        conf_level=effects.conf_level,
        axis=axis,
        influence=influence,
        roll_out=rolled,
        anticipation=effects.anticipation,
    )


def _of_sizes(effects: GroupTimeEffects, weights: Floats, sizes: Floats, estimate: Floats) -> Floats:
    """Return the influence that units have through the sizes of their groups, (n, rows).

    A row is the sum of a p θ over that of a p, with p a group's share; one unit more of the group moves it by
    the sum of a (θ − row) over that of a p.
    """
    rolled, cells = effects.roll_out, effects.cells
    above = weights / sizes[cells.group] * (cells.estimate - estimate[:, None])  # (rows, cells)
    by_first = np.zeros((rolled.never + 1, len(estimate)))
    np.add.at(by_first, cells.group, above.T)
    moved: Floats = rolled.weights[:, None] * by_first[rolled.first]
    return moved
