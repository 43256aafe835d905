"""Standard errors side by side: how sure one may be of a slope depends on what is taken to hang together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.linkage.absorbed import without_absorbed
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.naming import in_words
from cemlab.linkage.panel_checks import require_linked
from cemlab.linkage.rung_columns import HELD, Rung, RungColumns, Slope, rung_columns, slope_of
from cemlab.markup import number
from cemlab.result import Result, check_conf_level
from cemlab.stats.few_clusters import bell_mccaffrey, wild_slope_draws
from cemlab.stats.seeds import generator
from cemlab.stats.wild_bootstrap import Signs, sign_draws

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: From so many clusters, and degrees of freedom, on the usual clustered error is taken.
USUAL_FROM = 40
#: Fewer clusters than this have their usual error shown only as a warning.
FEW = 10
#: With fewer clusters no interval is given.
_FEWEST = 5
# with up to so many clusters two signs make too few ways, and Webb's six values are drawn
_WEBB_UP_TO = 11


@dataclass(frozen=True, eq=False, kw_only=True)
class ErrorsBeside(Result):
    """One slope with its standard errors under several assumptions.

    Parameters
    ----------
    table
        One row a way: way, estimate (the same in all) [unit of the outcome per unit of the score], std_error
        (missing for the wild bootstrap, which gives an interval only), df (of the interval), p_value,
        conf_low, conf_high, clusters, ratio (error over the classical one), usable (whether there are
        clusters enough for it).
    recommended
        The way to be told.
    rung, outcome, score
        What was asked, and the columns' names.
    """

    recommended: str
    rung: Rung
    outcome: str
    score: str

    title: ClassVar[str] = "Standard errors side by side"
    labels: ClassVar[dict[str, str]] = {
        "way": "Taken to hang together",
        "std_error": "Standard error",
        "interval": "Interval",
        "ratio": "Over the classical one",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a way; those with too few clusters are marked."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "way": [r["way"] + ("" if r["usable"] else " (too few clusters)") for r in rows],
                "std_error": [number(r["std_error"]) for r in rows],
                "interval": [f"{number(r['conf_low'])} to {number(r['conf_high'])}" for r in rows],
                "ratio": [number(r["ratio"]) for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the slope with the interval that is recommended, and how far the classical one is off."""
        told, classical = (
            self.table[self.table["way"] == way].iloc[0] for way in (self.recommended, "classical")
        )
        wider = float(
            (told["conf_high"] - told["conf_low"]) / (classical["conf_high"] - classical["conf_low"])
        )
        return (
            f"The slope of {in_words(self.outcome)} on {in_words(self.score)} is "
            f"{number(told['estimate'])} ({HELD[self.rung]}). Its interval is {number(told['conf_low'])} to "
            f"{number(told['conf_high'])} ({self.recommended}, {int(told['clusters']):,} clusters), "
            f"{wider:.1f} times as long as the classical one, which takes all {self.evidence.n_used:,} "
            f"{self.evidence.unit} for independent. ({100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the intervals."""
        known = self.table[np.isfinite(self.table["conf_low"]) & np.isfinite(self.table["conf_high"])]
        return Chart(
            kind="forest",
            frame=known[["way", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="way",
            low="conf_low",
            high="conf_high",
            x_label=f"Slope of {in_words(self.outcome)} on {in_words(self.score)}",
            y_label="Taken to hang together",
            claim=f"How sure the slope is depends on what hangs together; told here: {self.recommended}",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def _length(row: pd.Series[float]) -> float:
    return float(row["conf_high"]) - float(row["conf_low"])


def errors_beside(
    panel: LinkedPanel,
    *,
    rung: Rung = "within",
    draws: int = 1_999,
    seed: int = 1,
    conf_level: float = 0.95,
) -> ErrorsBeside:
    """Answer how sure one may be of a slope, by what is taken to hang together, and which error to tell.

    Parameters
    ----------
    panel
        Read by :func:`linked_panel`; its clusters are the units unless others were named.
    rung
        Of which slope: "pooled", "controlled" or "within" units and periods.
    draws, seed
        Of the wild bootstrap.
    conf_level
        Of the intervals.

    Returns
    -------
    ErrorsBeside
        Its table has one row a way: "classical", "robust", "by cluster", "by period", "by cluster and
        period", "Driscoll-Kraay" (periods, and neighbouring ones), "CR2 by cluster" and "wild bootstrap by
        cluster".

    Raises
    ------
    DataError
        If the panel was not read by :func:`linked_panel`.
    OptionError
        If an option cannot be.
    DesignError
        If there are fewer than five clusters, or the slope cannot be told.

    Notes
    -----
    The rule: with 40 clusters and 40 degrees of freedom by Satterthwaite or more the usual clustered error is
    told; with fewer, CR2 with its degrees of freedom; below 10 clusters, the wild bootstrap. Where the score
    moves much more between units than the periods have it in common, errors by period alone are too small.
    Clustered errors are times G / (G − 1) · (m − 1) / (m − k), where units that lie within the clusters are
    not counted among the k; two ways are one plus the other less that of their cells. Weights are analytic.

    References
    ----------
    Cameron, A. C., Gelbach, J., & Miller, D. (2011). Robust inference with multiway clustering. Journal of
    Business & Economic Statistics 29, 238–249.
    Driscoll, J. C., & Kraay, A. C. (1998). Consistent covariance matrix estimation with spatially dependent
    panel data. Review of Economics and Statistics 80, 549–560.
    Pustejovsky, J. E., & Tipton, E. (2018), and Cameron, Gelbach & Miller (2008), as in
    :mod:`cemlab.stats.few_clusters`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> unit, score = np.repeat(np.arange(12), 8), rng.standard_normal(96)
    >>> linked = LinkedPanel(
    ...     units=tuple(map(str, range(12))), periods=tuple(range(8)), unit=unit,
    ...     period=np.tile(np.arange(8), 12),
    ...     outcome=score + rng.standard_normal(96), score=score, halves=None, controls=np.empty((96, 0)),
    ...     control_names=(), weights=np.ones(96), cluster=unit, outcome_name="profit", score_name="cx",
    ...     outcome_unit="EUR", n_given=96)
    >>> found = errors_beside(linked, draws=199)
    >>> found.recommended, len(found.table)
    ('CR2 by cluster', 8)
    """
    require_linked(panel)
    check_conf_level(conf_level)
    panel = without_absorbed(panel) if rung == "within" else panel
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < 99:
        raise OptionError(f"draws is {draws!r}; allowed: a whole number from 99 on")
    columns = rung_columns(panel, rung=rung)
    slope = slope_of(columns, cluster=panel.cluster)
    if slope.clusters < _FEWEST:
        raise DesignError(
            f"{slope.clusters} clusters; no error of a slope can be told with fewer than {_FEWEST}: name a "
            "finer cluster, or add units"
        )
    rows = [*_usual_rows(panel, columns, slope), *_small_rows(panel, columns, slope, draws, seed, conf_level)]
    table = _finished(pd.DataFrame(rows), slope, conf_level)
    return ErrorsBeside(
        table=table,
        evidence=_evidence(panel, rung, table),
        conf_level=conf_level,
        recommended=_recommended(table),
        rung=rung,
        outcome=panel.outcome_name,
        score=panel.score_name,
    )


def _usual_rows(panel: LinkedPanel, columns: RungColumns, slope: Slope) -> list[dict[str, object]]:
    """Return way, error, degrees of freedom and clusters of the errors that hold in large samples."""
    m, spread = len(slope.score), float(slope.score @ slope.score)
    scores = slope.score * slope.residual
    t = len(panel.periods)
    periods = np.unique(panel.period, return_inverse=True)[1]
    cells = np.unique(panel.cluster * t + panel.period, return_inverse=True)[1]
    own = columns.others.shape[1] + 1
    # units lie within clusters, so their levels are not counted, but for the one that all share
    inside, across = own + (columns.absorbed > 0), own + columns.absorbed

    def squared(code: Ints, k: int) -> float:
        sums = np.bincount(code, weights=scores)
        groups = len(sums)
        return float(sums @ sums) * groups / (groups - 1) * (m - 1) / (m - k) / spread**2

    by_cluster, by_period = squared(panel.cluster, inside), squared(periods, across)
    both = by_cluster + by_period - squared(cells, inside)
    robust = float(scores @ scores) * m / columns.df / spread**2
    if both <= 0:
        # the difference of estimates may fall below nought; the larger of the two ways is safe
        both = max(by_cluster, by_period)
    seen = int(periods.max()) + 1
    few = min(slope.clusters, seen)
    return [
        _row("classical", slope.classical_error, columns.df, m),
        _row("robust", np.sqrt(robust), columns.df, m),
        _row("by cluster", np.sqrt(by_cluster), slope.clusters - 1, slope.clusters),
        _row("by period", np.sqrt(by_period), seen - 1, seen),
        _row("by cluster and period", np.sqrt(both), few - 1, few),
        _row("Driscoll-Kraay", np.sqrt(_driscoll_kraay(scores, periods)) / spread, seen - 1, seen),
    ]


def _driscoll_kraay(scores: Floats, periods: Ints) -> float:
    """Return the long-run variance of the periods' sums, with Bartlett's weights."""
    sums = np.bincount(periods, weights=scores)
    t = len(sums)
    lags = int(4 * (t / 100) ** (2 / 9))
    total = float(sums @ sums)
    for lag in range(1, min(lags, t - 1) + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(sums[lag:] @ sums[:-lag])
    return max(total, 0.0) * t / (t - 1)


def _small_rows(
    panel: LinkedPanel, columns: RungColumns, slope: Slope, draws: int, seed: int, conf_level: float
) -> list[dict[str, object]]:
    """Return the rows that hold with few clusters."""
    given = {"column": columns.score, "others": columns.others, "cluster": panel.cluster}
    cr2 = bell_mccaffrey(columns.outcome, **given)
    signs: Signs = "webb" if slope.clusters <= _WEBB_UP_TO else "rademacher"
    factors, all_ways = sign_draws(slope.clusters, signs=signs, draws=draws, rng=generator(seed))
    drawn = wild_slope_draws(columns.outcome, **given, factors=factors, enumerated=all_ways)
    low, high = drawn.interval(1 - conf_level)
    wild = _row("wild bootstrap by cluster", np.nan, np.nan, slope.clusters)
    return [
        _row("CR2 by cluster", cr2.std_error, cr2.df, slope.clusters),
        wild | {"p_value": drawn.p_value(), "conf_low": low, "conf_high": high},
    ]


def _row(way: str, error: float, df: float, clusters: int) -> dict[str, object]:
    return {"way": way, "std_error": float(error), "df": float(df), "clusters": int(clusters)}


def _finished(table: pd.DataFrame, slope: Slope, conf_level: float) -> pd.DataFrame:
    """Add estimate, interval, p-value, the ratio to the classical error, and which ways may be used."""
    from scipy.stats import t as student

    error = table["std_error"]
    wide = student.ppf(0.5 + conf_level / 2, table["df"]) * error
    p = 2 * student.sf(np.abs(slope.estimate) / error, table["df"])
    # a cluster by chance is a row of its own in the first two; the bootstrap holds with few
    sound = table["clusters"].ge(USUAL_FROM) | table["way"].isin(
        ["CR2 by cluster", "wild bootstrap by cluster"]
    )
    few = table["clusters"].lt(FEW) & table["way"].eq("CR2 by cluster") & table["df"].lt(4)
    return pd.DataFrame(
        {
            "way": table["way"],
            "estimate": slope.estimate,
            "std_error": error,
            "df": table["df"],
            "p_value": table["p_value"].fillna(pd.Series(p, index=table.index)),
            "conf_low": table["conf_low"].fillna(slope.estimate - wide),
            "conf_high": table["conf_high"].fillna(slope.estimate + wide),
            "clusters": table["clusters"],
            "ratio": error / slope.classical_error,
            "usable": sound & ~few,
        }
    )


def _recommended(table: pd.DataFrame) -> str:
    cr2 = table[table["way"] == "CR2 by cluster"].iloc[0]
    if cr2["clusters"] >= USUAL_FROM and cr2["df"] >= USUAL_FROM:
        return "by cluster"
    return "wild bootstrap by cluster" if cr2["clusters"] < FEW else "CR2 by cluster"


def _evidence(panel: LinkedPanel, rung: Rung, table: pd.DataFrame) -> Evidence:
    cr2 = table[table["way"] == "CR2 by cluster"].iloc[0]
    enough = bool(cr2["clusters"] >= USUAL_FROM and cr2["df"] >= USUAL_FROM)
    return Evidence(
        grade="association" if rung == "pooled" else "adjusted",
        design=f"Slope of {panel.outcome_name} on {panel.score_name}, {HELD[rung]}.",
        unit="rows of units and periods",
        n_used=len(panel.outcome),
        n_given=panel.n_given,
        source=panel.source,
        assumptions=("Clusters are independent of each other, but for what all share in a period.",),
        checks=(
            *panel.checks,
            Check(
                name="clusters enough",
                null="there are clusters enough, even enough, for the usual clustered error",
                passed=enough,
                detail=f"{int(cr2['clusters'])} clusters weigh as {cr2['df']:.1f} degrees of freedom.",
                remedy=f"Tell the interval of {_recommended(table)!r} instead.",
            ),
        ),
    )
