"""Is a point worth more in some segments than in others: slopes by segment, judged all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.linkage.absorbed import without_absorbed
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.panel_checks import require_linked
from cemlab.linkage.segments import clusters_segments, read_segments
from cemlab.linkage.shape_curves import ScoreError, grid_of, halves_of
from cemlab.markup import join_words, number, p_value, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.discoveries import adjusted_p_values
from cemlab.stats.holm import holm
from cemlab.stats.multiplier_bands import Errors, errors, simultaneous_critical
from cemlab.stats.seeds import check_seed
from cemlab.stats.within_slopes import WithinSlopes, split_slopes_of, within_slopes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: How p-values answer for being many: no false alarm at all (Holm), or few among the alarms.
Control = Literal["holm", "bh"]

_DRAWS = 999
# units of a segment below which its own error is itself uncertain enough to be said
_FEW = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class SegmentSlopes(Result):
    """Slopes of an outcome on the score by segment, each beside the mean of the others.

    Parameters
    ----------
    table
        One row a segment, in alphabetical order: segment, units, estimate (slope [outcome's unit a point of
        score]), std_error, df, conf_low, conf_high (hold for all segments at once); difference (from the mean
        slope of the other segments), difference_low, difference_high (hold for all differences at once),
        p_value (of the difference alone), p_adjusted.
    interaction
        One row, the test that all segments have one slope: statistic (F), df, df_rest, p_value.
    segment_name, score_name, outcome_name, outcome_unit
        What was split by, and as in the panel.
    control
        As asked for.
    """

    interaction: pd.DataFrame
    segment_name: str
    score_name: str
    outcome_name: str
    outcome_unit: str
    control: Control

    title: ClassVar[str] = "Slopes by segment"
    labels: ClassVar[dict[str, str]] = {
        "segment": "Segment",
        "units": "Units",
        "slope": "Slope (interval for all at once)",
        "difference": "Less the mean of the others (for all at once)",
        "p_adjusted": "Adjusted p-value",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a segment: slope, difference from the others, adjusted p-value."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "segment": [r["segment"] for r in rows],
                "units": [number(r["units"]) for r in rows],
                "slope": [with_interval(r) for r in rows],
                "difference": [with_interval(r, of="difference", ends="difference") for r in rows],
                "p_adjusted": [p_value(r["p_adjusted"]) for r in rows],
            }
        )

    @property
    def apart(self) -> list[str]:
        """Segments whose slope differs from the others' once all were looked at."""
        return list(self.table.loc[self.table["p_adjusted"] <= 1 - self.conf_level, "segment"])

    def narrative(self) -> str:
        """Tell the range of the slopes, whether they differ at all, and which do."""
        low, high = (self.table.loc[getattr(self.table["estimate"], at)()] for at in ("idxmin", "idxmax"))
        test = self.interaction.iloc[0]
        unit = f" {self.outcome_unit}" if self.outcome_unit else ""
        way = {
            "holm": "Holm's adjustment, which keeps the chance of any false alarm",
            "bh": "Benjamini and Hochberg's adjustment, which keeps the share of false alarms",
        }[self.control]
        found = (
            f"{join_words(self.apart)} {'differs' if len(self.apart) == 1 else 'differ'} from the rest"
            if self.apart
            else "no segment is told from the rest; that is no proof that all are alike"
        )
        return (
            f"One more point of {self.score_name} {self.evidence.relation} between "
            f"{with_interval(low)}{unit} of {self.outcome_name} "
            f"({self.segment_name} {low['segment']}) and "
            f"{with_interval(high)}{unit} ({high['segment']}). "
            f"One slope for all: F {test['statistic']:.2f} on {test['df']:.0f} and {test['df_rest']:.1f} df, "
            f"{p_value(test['p_value'])}. After {way}, {found}. "
            f"({100 * self.conf_level:g} % intervals, all at once.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the slopes with intervals that hold for all at once."""
        claim = (
            f"{join_words(self.apart)}: another slope than the rest"
            if self.apart
            else "No segment's slope is told from the others'"
        )
        return Chart(
            kind="forest",
            frame=self.table[["segment", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="segment",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.outcome_name} per point of {self.score_name}"
            + (f" [{self.outcome_unit}]" if self.outcome_unit else ""),
            y_label=self.segment_name,
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def slope_by_segment(
    panel: LinkedPanel,
    *,
    segments: Mapping[str, str],
    segment_name: str = "segment",
    score_error: ScoreError = "left in",
    control: Control = "holm",
    conf_level: float = 0.95,
    seed: int = 1,
) -> SegmentSlopes:
    """Answer whether a point of the score goes with more in some segments than in others.

    Parameters
    ----------
    panel
        Units in periods.
    segments
        Unit to segment, chosen before the slopes were seen; e.g. from :func:`segments_of`.
    segment_name
        What the segments are, e.g. ``"format"``.
    score_error
        ``"left in"``; or ``"taken out"`` by the score's two halves: segments whose scores rest on fewer
        answers have flatter slopes otherwise.
    control
        ``"holm"`` or ``"bh"``, for the p-values of the differences; intervals hold at once either way.
    conf_level
        Of all intervals together.
    seed
        Of the draws behind them.

    Returns
    -------
    SegmentSlopes
        Its table has one row a segment with estimate, conf_low, conf_high.

    Raises
    ------
    DataError
        If a unit has no segment.
    DesignError
        If there is one segment only, a segment of one unit or one cluster, or no slope can be told in one.
    OptionError
        For an unknown way with p-values or errors.

    Notes
    -----
    Units have levels of their own, periods are common to all segments. Errors are those of leaving each
    cluster out; each segment's part is multiplied by m / (m − 1), m its clusters, with Satterthwaite's
    degrees of freedom. The test of one slope is Welch's, which knows that segments of few units tell
    their own error badly. A segment is a trait that was not dealt out: where slopes differ, other traits
    of the same units may be the reason.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of
    Statistics 6, 65–70.
    Welch, B. L. (1951). On the comparison of several mean values. Biometrika 38, 330–336.

    Examples
    --------
    >>> from cemlab.linkage.panel_reading import linked_panel
    >>> rng = np.random.default_rng(1)
    >>> unit, period = np.divmod(np.arange(480), 12)
    >>> x = rng.standard_normal(480)
    >>> frame = pd.DataFrame({"branch": unit.astype(str), "month": period, "cx": x,
    ...                       "profit": x * (1 + unit % 2) + unit + rng.standard_normal(480) / 2})
    >>> panel = linked_panel(frame, outcome="profit")
    >>> slope_by_segment(panel, segments={u: "odd" if int(u) % 2 else "even" for u in panel.units}).apart
    ['even', 'odd']
    """
    require_linked(panel)
    check_conf_level(conf_level)
    panel = without_absorbed(panel)
    check_seed(seed)
    if control not in get_args(Control):
        raise OptionError(one_of(control, get_args(Control), what="control of many tests"))
    names, of_unit, nested = read_segments(panel, segments, segment_name)
    found = _fit(panel, names, of_unit, score_error)
    k = len(names)
    influence = found.influence[:, :k]
    stratum = clusters_segments(panel, of_unit) if nested else np.zeros(len(influence), dtype=np.int64)
    units = np.bincount(of_unit, minlength=k)
    slopes = _at_once(found.coefficient[:k], influence, stratum, conf_level, seed)
    # each less the mean of the others, units counting alike
    others = -np.broadcast_to(units, (k, k)) / (units.sum() - units)[:, None]
    contrast = np.where(np.eye(k, dtype=bool), 1.0, others)
    apart = _at_once(contrast @ found.coefficient[:k], influence @ contrast.T, stratum, conf_level, seed)
    table = pd.DataFrame(
        {
            "segment": names,
            "units": units,
            **slopes,
            "difference": apart["estimate"],
            "difference_low": apart["conf_low"],
            "difference_high": apart["conf_high"],
            "p_value": apart["p_value"],
            "p_adjusted": holm(apart["p_value"])
            if control == "holm"
            else adjusted_p_values(apart["p_value"]),
        }
    ).drop(columns="p_value")
    table.insert(len(table.columns) - 1, "p_value", apart["p_value"])
    return SegmentSlopes(
        table=table,
        evidence=_evidence(panel, table, score_error, nested),
        conf_level=conf_level,
        interaction=_welch(table),
        segment_name=segment_name,
        score_name=panel.score_name,
        outcome_name=panel.outcome_name,
        outcome_unit=panel.outcome_unit,
        control=control,
    )


def _fit(panel: LinkedPanel, names: list[str], of_unit: Ints, score_error: ScoreError) -> WithinSlopes:
    if score_error not in get_args(ScoreError):
        raise OptionError(one_of(score_error, get_args(ScoreError), what="way with the score's error"))
    mine = (of_unit[panel.unit][:, None] == np.arange(len(names))).astype(float)
    told = [f"{panel.score_name} in {one}" for one in names] + list(panel.control_names)
    grid = grid_of(panel)
    if score_error == "left in":
        design = np.column_stack([mine * panel.score[:, None], panel.controls])
        return within_slopes(panel.outcome, design=design, grid=grid, names=told)
    halves = halves_of(panel)
    first, second = (mine * halves[:, [j]] for j in (0, 1))
    return split_slopes_of(
        panel.outcome, first=first, second=second, controls=panel.controls, grid=grid, names=told
    )


def _at_once(
    estimate: Floats, influence: Floats, stratum: Ints, conf_level: float, seed: int
) -> dict[str, Floats]:
    from scipy.special import stdtr

    spread: Errors = errors(influence, stratum)
    critical = simultaneous_critical(influence, stratum, conf_level=conf_level, draws=_DRAWS, seed=seed)
    reach = np.maximum(critical * spread.std_error, spread.margin(conf_level))
    return {
        "estimate": estimate,
        "std_error": spread.std_error,
        "df": spread.df,
        "conf_low": estimate - reach,
        "conf_high": estimate + reach,
        "p_value": 2 * stdtr(spread.df, -np.abs(estimate / spread.std_error)),
    }


def _welch(table: pd.DataFrame) -> pd.DataFrame:
    """Return Welch's test that all slopes are one."""
    from scipy.special import fdtrc

    slope, weight = table["estimate"].to_numpy(), table["std_error"].to_numpy() ** -2.0
    k, share = len(slope), weight / weight.sum()
    loose = float(((1 - share) ** 2 / table["df"].to_numpy()).sum())
    between = float(weight @ (slope - share @ slope) ** 2) / (k - 1)
    statistic, rest = between / (1 + 2 * (k - 2) / (k**2 - 1) * loose), (k**2 - 1) / (3 * loose)
    told = (statistic, k - 1, rest, float(fdtrc(k - 1, rest, statistic)))
    return pd.DataFrame([told], columns=["statistic", "df", "df_rest", "p_value"])


def _evidence(panel: LinkedPanel, table: pd.DataFrame, score_error: ScoreError, nested: bool) -> Evidence:
    few = table.loc[table["units"] < _FEW, "segment"].tolist()
    return Evidence(
        grade="adjusted",
        design=(
            "Within each segment units are compared with themselves in other periods; periods are common. "
            "The segments were not dealt out: other traits of the same units may be behind a difference."
        ),
        unit=panel.rows_are,
        n_used=len(panel.outcome),
        n_given=panel.n_given,
        source=panel.source,
        assumptions=(
            "Nothing unrecorded moves score and outcome of a unit together from period to period.",
            "What happens in a period happens to all segments.",
            "The segments were named before the slopes were seen.",
            "The score's error is independent between halves."
            if score_error == "taken out"
            else "The score's error is the same in all segments: where it is larger, the slope is flatter.",
        ),
        checks=(
            *panel.checks,
            Check(
                name="units in each segment",
                null=f"every segment has {_FEW} units and more",
                passed=not few,
                detail=f"The smallest has {int(table['units'].min())}.",
                remedy="Errors of small segments are themselves uncertain; put some together.",
            ),
            *(
                ()
                if nested
                else (
                    Check(
                        name="clusters within segments",
                        null="every cluster lies within one segment",
                        passed=False,
                        detail="Some clusters have units of several segments.",
                        remedy="Errors are then those of all clusters together.",
                    ),
                )
            ),
        ),
    )
