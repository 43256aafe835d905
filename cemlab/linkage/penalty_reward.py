"""Does a bad month cost more than a good one brings: slopes below and above a reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.linkage.absorbed import without_absorbed
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.panel_checks import require_linked
from cemlab.linkage.shape_curves import grid_of
from cemlab.markup import number, p_value, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.multiplier_bands import errors
from cemlab.stats.within_slopes import within_slopes

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: What gains and losses are counted from, where it is no number.
Reference = Literal["own mean", "last period"]

_SAME_SIDE = "gains that are gains"
_LOSS, _GAIN, _MORE = "loss", "gain", "gain less loss"
# share of rows on one side below which a slope there rests on next to nothing
_SIDE = 0.05
# share of gains that both halves must call gains, for the error to matter little
_AGREE = 0.9
# share of a departure that must be left a period later, for it not to be said to fall back
_LASTS = 0.9


@dataclass(frozen=True, eq=False, kw_only=True)
class PenaltyReward(Result):
    """Slopes of an outcome on a score below and above a reference.

    Parameters
    ----------
    table
        Rows "loss" (what each point below the reference takes), "gain" (what each point above it brings) and
        "gain less loss": term, estimate [outcome's unit a point of score], std_error, conf_low, conf_high,
        statistic (t), df, p_value, n (rows on that side).
    reference
        As asked for.
    score_name, outcome_name, outcome_unit
        As in the panel.
    """

    reference: Reference | float
    score_name: str
    outcome_name: str
    outcome_unit: str

    title: ClassVar[str] = "Penalty and reward"
    labels: ClassVar[dict[str, str]] = {
        "term": "Side",
        "slope": "Slope (interval)",
        "n": "Rows",
        "p_value": "p-value",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """Both slopes and their difference."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "term": [r["term"] for r in rows],
                "slope": [with_interval(r) for r in rows],
                "n": [number(int(r["n"])) for r in rows],
                "p_value": [p_value(r["p_value"]) for r in rows],
            }
        )

    @property
    def verdict(self) -> str:
        """Which side is steeper, as far as the interval tells and the score's error lets it be told."""
        more = self.table.iloc[2]
        if any(check.name == _SAME_SIDE for check in self.evidence.failed):
            return "whether gains or losses weigh more cannot be told from a score with so much error"
        if more["conf_low"] > 0:
            return "a point gained brings more than a point lost takes"
        if more["conf_high"] < 0:
            return "a point lost takes more than a point gained brings"
        return "whether gains or losses weigh more is not settled"

    def narrative(self) -> str:
        """Tell both slopes, their difference, and what a departure from the usual does by itself."""
        loss, gain, more = (with_interval(r) for r in self.table.to_dict("records"))
        unit = f" {self.outcome_unit}" if self.outcome_unit else ""
        checked = any(check.name == _SAME_SIDE and check.passed is not None for check in self.evidence.checks)
        proviso = "" if checked else " All of this takes the score to carry no error."
        return (
            f"A point of {self.score_name} below {_name(self.reference)} {self.evidence.relation} "
            f"{loss}{unit} of {self.outcome_name} less, a point above it with {gain}{unit} more. "
            f"Gain less loss: {more}: {self.verdict}. A score picked for being high or low falls back by "
            f"itself, so these are comparisons within a period, not of before and after.{proviso} "
            f"({100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of both slopes and their difference."""
        return Chart(
            kind="forest",
            frame=self.table[["term", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="term",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.outcome_name} per point of {self.score_name}"
            + (f" [{self.outcome_unit}]" if self.outcome_unit else ""),
            y_label=f"side of {_name(self.reference)}",
            claim=self.verdict[0].upper() + self.verdict[1:],
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def penalty_reward(
    panel: LinkedPanel, *, reference: Reference | float = "own mean", conf_level: float = 0.95
) -> PenaltyReward:
    """Answer whether a loss of experience takes more than a gain of the same size brings.

    Parameters
    ----------
    panel
        Units in periods.
    reference
        From where gains and losses are counted: each unit's ``"own mean"``, its score of the
        ``"last period"`` (what customers are used to; rows whose last period is missing are left out), or one
        score for all.
    conf_level
        Of each interval.

    Returns
    -------
    PenaltyReward
        Its table has rows "loss", "gain" and "gain less loss" with estimate, conf_low, conf_high.

    Raises
    ------
    DataError
        If the panel was not read by :func:`linked_panel`.
    OptionError
        If the reference is neither of the words nor a number.
    DesignError
        If hardly any row lies on one side, or slopes cannot be told.

    Notes
    -----
    Units and periods have levels of their own; errors are those of leaving each cluster out. An error in the
    score turns some losses into gains and the other way round. Where scores spread alike to both sides that
    draws the two slopes together; where they are skewed it makes slopes differ that are alike. Two halves
    cannot undo it at a kink: no verdict is given where the check "gains that are gains" fails; see
    :func:`cemlab.linkage.shape_of_returns` with the error taken out for the bend as such. With the last
    period as reference its error is in the reference too, and its score is held constant: what a unit comes
    from goes with its outcome whether or not it has changed since. The
    original study asks customers about attributes, where what disappoints weighs more than what delights; a
    panel of units need not show the same.

    References
    ----------
    Mittal, V., Ross, W. T., & Baldasare, P. M. (1998). The asymmetric impact of negative and positive
    attribute-level performance on overall satisfaction and repurchase intentions. Journal of Marketing 62,
    33–47.

    Examples
    --------
    >>> from cemlab.linkage.panel_reading import linked_panel
    >>> rng = np.random.default_rng(1)
    >>> unit, period = np.divmod(np.arange(480), 12)
    >>> x = rng.standard_normal(480)
    >>> frame = pd.DataFrame({"branch": unit.astype(str), "month": period, "cx": x,
    ...                       "profit": np.where(x > 0, x, 2 * x) + unit})
    >>> found = penalty_reward(linked_panel(frame, outcome="profit"), reference=0.0)
    >>> found.table["estimate"].round(6).tolist()
    [2.0, 1.0, -1.0]
    """
    require_linked(panel)
    check_conf_level(conf_level)
    panel = without_absorbed(panel)
    used, away, held = _departures(panel, reference)
    sides = np.column_stack([np.minimum(away, 0.0), np.maximum(away, 0.0)])
    n = np.array([(away < 0).sum(), (away > 0).sum()])
    if (n < _SIDE * len(away)).any():
        side = _LOSS if n[0] < n[1] else _GAIN
        raise DesignError(
            f"only {int(n.min()):,} of {len(away):,} rows lie on the side of {side} of {_name(reference)}; "
            f"take a reference nearer to the middle of {panel.score_name}"
        )
    sides_of = (_LOSS, _GAIN, *("last period" for _ in held.T))
    names = (*(f"{panel.score_name}, {side}" for side in sides_of), *used.control_names)
    fit = within_slopes(
        used.outcome,
        design=np.column_stack([sides, held, used.controls]),
        grid=grid_of(used),
        names=names,
        told=2,
    )
    directions = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]])
    estimate, influence = directions @ fit.coefficient[:2], fit.influence[:, :2] @ directions.T
    return PenaltyReward(
        table=_table(estimate, influence, [*n, n.sum()], conf_level),
        evidence=_evidence(used, away, reference, panel.n_given, _same_side(panel, reference)),
        conf_level=conf_level,
        reference=reference,
        score_name=panel.score_name,
        outcome_name=panel.outcome_name,
        outcome_unit=panel.outcome_unit,
    )


def _departures(panel: LinkedPanel, reference: Reference | float) -> tuple[LinkedPanel, Floats, Floats]:
    """Return the rows used, how far each score lies from the reference, and what is held constant beside."""
    nothing = np.empty((len(panel.score), 0))
    if reference == "own mean":
        return panel, panel.score - _own_means(panel, panel.score), nothing
    if reference == "last period":
        before = _before(panel)
        used = _rows(panel, before >= 0)
        # without the level it comes from, even a line shows two slopes: see the notes
        held = panel.score[before[before >= 0]]
        return used, used.score - held, held[:, None]
    if isinstance(reference, str):
        raise OptionError(one_of(reference, [*get_args(Reference), "a number"], what="reference"))
    if isinstance(reference, bool) or not isinstance(reference, Real) or not np.isfinite(float(reference)):
        raise OptionError(f"reference is {reference!r}; allowed: 'own mean', 'last period' or a score")
    return panel, panel.score - float(reference), nothing


def _own_means(panel: LinkedPanel, score: Floats) -> Floats:
    means = np.bincount(panel.unit, panel.weights * score) / np.bincount(panel.unit, panel.weights)
    return np.asarray(means[panel.unit])


def _before(panel: LinkedPanel) -> npt.NDArray[np.int64]:
    """Return the row of the same unit one period earlier, -1 where there is none."""
    place = np.full((int(panel.unit.max()) + 1, int(panel.period.max()) + 2), -1, dtype=np.int64)
    place[panel.unit, panel.period + 1] = np.arange(len(panel.unit))
    return np.asarray(place[panel.unit, panel.period])


def _rows(panel: LinkedPanel, keep: Flags) -> LinkedPanel:
    """Return some rows of a panel, numbered anew."""
    if not keep.any():
        raise DesignError("no unit has two periods in a row, so that none has a last period; take 'own mean'")
    units, unit = np.unique(panel.unit[keep], return_inverse=True)
    periods, period = np.unique(panel.period[keep], return_inverse=True)
    return replace(
        panel,
        units=tuple(panel.units[int(i)] for i in units),
        periods=tuple(panel.periods[int(i)] for i in periods),
        unit=unit.astype(np.int64),
        period=period.astype(np.int64),
        cluster=np.unique(panel.cluster[keep], return_inverse=True)[1].astype(np.int64),
        outcome=panel.outcome[keep],
        score=panel.score[keep],
        halves=None if panel.halves is None else panel.halves[keep],
        controls=panel.controls[keep],
        weights=panel.weights[keep],
        instruments=None if panel.instruments is None else panel.instruments[keep],
    )


def _table(estimate: Floats, influence: Floats, n: list[int], conf_level: float) -> pd.DataFrame:
    from scipy.special import stdtr

    spread = errors(influence, np.zeros(len(influence), dtype=np.int64))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / spread.std_error
    return pd.DataFrame(
        {
            "term": [_LOSS, _GAIN, _MORE],
            "estimate": estimate,
            "std_error": spread.std_error,
            "conf_low": estimate - spread.margin(conf_level),
            "conf_high": estimate + spread.margin(conf_level),
            "statistic": statistic,
            "df": spread.df,
            "p_value": 2 * stdtr(spread.df, -np.abs(statistic)),
            "n": n,
        }
    )


def _evidence(
    panel: LinkedPanel, away: Floats, reference: Reference | float, n_given: int, same: Check
) -> Evidence:
    return Evidence(
        grade="adjusted",
        design=(
            "Each unit is compared with itself in other periods, and with the others in the same period; "
            "what changes within a unit together with its score is not held constant."
        ),
        unit=panel.rows_are,
        n_used=len(panel.outcome),
        n_given=n_given,
        source=panel.source,
        assumptions=(
            "Nothing unrecorded moves score and outcome of a unit together from period to period.",
            f"The slope changes at {_name(reference)} and nowhere else.",
            "The score carries no error: an error mixes gains with losses, and with skewed scores makes "
            "slopes differ that are alike.",
        ),
        checks=(*panel.checks, *_falls_back(panel, away), same),
    )


def _falls_back(panel: LinkedPanel, away: Floats) -> tuple[Check, ...]:
    """Say how much of a departure is left a period later."""
    before = _before(panel)
    here = before >= 0
    earlier = away[before[here]]
    if not here.any() or not (earlier**2).sum() > 0:
        return ()
    left = float(earlier @ away[here] / (earlier @ earlier))
    return (
        Check(
            name="falling back",
            null="a departure from the reference lasts",
            passed=left >= _LASTS,
            detail=f"{percent(left, digits=0)} of a departure is left a period later.",
            remedy="Periods picked for their score go back by themselves: never compare them with the next.",
        ),
    )


def _same_side(panel: LinkedPanel, reference: Reference | float) -> Check:
    """Say how often both halves of the score call a row a gain, or both a loss."""
    null = "both halves of the score put a row on the same side"
    if panel.halves is None:
        return Check(
            name=_SAME_SIDE,
            null=null,
            passed=None,
            detail="The panel has no halves of the score.",
            remedy="Name them in reading the panel (halves=…).",
        )
    first, second = (
        _departures(replace(panel, score=half, halves=None), reference)[1] > 0 for half in panel.halves.T
    )
    agree = float((first == second).mean())
    return Check(
        name=_SAME_SIDE,
        null=null,
        passed=agree >= _AGREE,
        detail=f"They do in {percent(agree, digits=0)} of the rows.",
        remedy="The slopes' difference may be the error's; see the bend with the error taken out.",
    )


def _name(reference: Reference | float) -> str:
    named = {"own mean": "the unit's own mean", "last period": "the last period's score"}
    return named[reference] if isinstance(reference, str) else f"a score of {float(reference):g}"
