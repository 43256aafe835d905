"""What goes with a point of experience, from as many rows as there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.cluster_products import cluster_products
from cemlab.data.panel_sums import panel_sums
from cemlab.errors import OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, with_interval
from cemlab.result import Result, check_conf_level

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy.typing as npt

FixedEffects = Literal["two-way", "none"]

# clusters below which clustered errors come out too small
_FEW_CLUSTERS = 30


@dataclass(frozen=True, eq=False, kw_only=True)
class ValueAtScale(Result):
    """Slopes of an outcome on a score and controls, from sums over all rows.

    Parameters
    ----------
    table
        One row a column, the score first: term, estimate [unit of the outcome per unit of the column],
        std_error, statistic, df, p_value, conf_low, conf_high.
    outcome, score
        The columns' names.
    fixed_effects
        ``"two-way"``: units and periods have levels of their own; ``"none"``.
    n_clusters
        Clusters of the errors.
    condition
        Condition number of the columns; digits are safe up to a million.
    """

    outcome: str
    score: str
    fixed_effects: FixedEffects
    n_clusters: int
    condition: float

    title: ClassVar[str] = "What goes with a point, from all rows"
    labels: ClassVar[dict[str, str]] = {"term": "Column", "slope": "Slope (interval)"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a column with its slope."""
        return pd.DataFrame(
            {
                "term": self.table["term"],
                "slope": [with_interval(r) for r in self.table.to_dict("records")],
            }
        )

    def narrative(self) -> str:
        """Tell the slope on the score, and what it does not say."""
        slope = self.table.iloc[0]
        where = "Within units and periods" if self.fixed_effects == "two-way" else "Over all rows"
        beside = f", beside {len(self.table) - 1} other columns" if len(self.table) > 1 else ""
        return (
            f"{where}, one more of {self.score} goes with {with_interval(slope)} more of {self.outcome}"
            f"{beside} ({100 * self.conf_level:g} % interval, {self.evidence.n_used:,} rows, "
            f"{self.n_clusters:,} clusters). An error in the score draws the slope towards nought; what was "
            "not recorded may stand behind it."
        )

    @property
    def chart(self) -> Chart:
        """Forest of the slopes."""
        slope = self.table.iloc[0]
        settled = not slope["conf_low"] <= 0 <= slope["conf_high"]
        claim = (
            f"One more of {self.score} goes with {number(slope['estimate'])} of {self.outcome}"
            if settled
            else f"Whether {self.outcome} goes with {self.score} is not settled"
        )
        return Chart(
            kind="forest",
            frame=self.table[["term", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="term",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.outcome} per unit of the column",
            y_label="column",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def value_at_scale(
    table: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    score: str,
    unit: str,
    time: str,
    controls: Sequence[str] = (),
    cluster: str | None = None,
    weights: str | None = None,
    fixed_effects: FixedEffects = "two-way",
    conf_level: float = 0.95,
    source: str = "",
) -> ValueAtScale:
    """Answer what goes with a point of experience, from a panel of any size.

    Rows stay on the engine and pass by in blocks; what is kept are sums. The figures are those of a
    regression on the rows.

    Parameters
    ----------
    table
        One row a unit in a period (with ``fixed_effects="none"`` any rows), in any order, gaps allowed: a
        table of the engine, e.g. of Parquet, or a frame. Rows with something missing are left out, counted.
    outcome, score, controls, weights
        Columns with numbers; weights above nought.
    unit, time
        Columns.
    cluster
        Column whose values' errors hang together; the unit where None.
    fixed_effects
        ``"two-way"``: units and periods have levels of their own; ``"none"``: one intercept.
    conf_level
        Confidence level of the intervals (t with one degree of freedom less than clusters).
    source
        The line that stands under every figure.

    Returns
    -------
    ValueAtScale
        Its table has one row a column with estimate, std_error, conf_low, conf_high. Design grade:
        association.

    Raises
    ------
    ColumnError, OptionError
        If a column is missing or stands in two roles, or an option is none of those allowed.
    DataError
        If a column holds no numbers or infinite ones, a unit has two rows in a period, a weight is nought or
        less, or currencies are mixed.
    DesignError
        If the score or a control does not vary (within units and periods), columns depend on each other (by
        name), or rows, units or clusters are too few.

    References
    ----------
    Wansbeek, T., & Kapteyn, A. (1989). Estimation of the error-components model with incomplete panels.
    Journal of Econometrics 41, 341–361.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> customer, month = np.divmod(np.arange(3600), 12)
    >>> frame = pd.DataFrame({"customer": customer, "month": month})
    >>> frame["cx"] = rng.normal(size=3600)
    >>> frame["spend"] = frame["customer"] + 2 * frame["cx"] + rng.normal(size=3600)
    >>> found = value_at_scale(frame, outcome="spend", score="cx", unit="customer", time="month")
    >>> round(float(found.table["estimate"].iloc[0]), 1), found.n_clusters
    (2.0, 300)
    """
    check_conf_level(conf_level)
    if fixed_effects not in get_args(FixedEffects):
        raise OptionError(one_of(fixed_effects, get_args(FixedEffects), what="kind of fixed effects"))
    if isinstance(controls, str):
        raise OptionError(f"controls is {controls!r}; give columns in a list, e.g. [{controls!r}]")
    columns = [score, *controls]
    if fixed_effects == "two-way":
        panel = panel_sums(
            table, outcome=outcome, columns=columns, unit=unit, time=time, weights=weights, cluster=cluster
        )
        fit, used, given = panel.fit, panel.fit.n_rows, panel.n_given
        estimate, covariance = fit.coefficient, fit.covariance
        checks = [_left_out(given - panel.n_complete, fit.n_single), _clusters(fit.n_clusters)]
        df, n_clusters, condition = fit.df, fit.n_clusters, fit.condition
    else:
        rows = cluster_products(
            table, outcome=outcome, columns=columns, cluster=cluster or unit, weights=weights
        )
        used, given = rows.n_used, rows.n_given
        estimate, covariance = rows.coefficient[1:], rows.covariance[1:, 1:]
        checks = [_left_out(given - used, 0), _clusters(rows.n_clusters)]
        df, n_clusters, condition = rows.df, rows.n_clusters, rows.condition
    return ValueAtScale(
        table=_table(columns, estimate, np.sqrt(np.diag(covariance)), df, conf_level),
        evidence=_evidence(fixed_effects, used, given, checks, source),
        conf_level=conf_level,
        outcome=outcome,
        score=score,
        fixed_effects=fixed_effects,
        n_clusters=n_clusters,
        condition=condition,
    )


def _table(
    columns: Sequence[str],
    estimate: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    df: int,
    conf_level: float,
) -> pd.DataFrame:
    from scipy.special import stdtr, stdtrit

    reach = float(stdtrit(df, 0.5 + conf_level / 2)) * error
    statistic = estimate / np.where(error > 0, error, np.nan)
    return pd.DataFrame(
        {
            "term": list(columns),
            "estimate": estimate,
            "std_error": error,
            "statistic": statistic,
            "df": df,
            "p_value": 2 * stdtr(df, -np.abs(statistic)),
            "conf_low": estimate - reach,
            "conf_high": estimate + reach,
        }
    )


def _left_out(incomplete: int, single: int) -> Check:
    return Check(
        name="rows left out",
        null="no row was left out",
        passed=None if incomplete else True,
        detail=(
            f"{incomplete:,} rows with something missing, and {single:,} alone in their unit or period, "
            "which say nothing."
        ),
        remedy="Whether those missing are like the others cannot be told from here." if incomplete else "",
    )


def _clusters(n: int) -> Check:
    return Check(
        name="clusters",
        null="there are enough clusters for clustered errors",
        passed=n >= _FEW_CLUSTERS,
        detail=f"{n:,} clusters.",
        remedy="" if n >= _FEW_CLUSTERS else "Errors may be too small; use a wild cluster bootstrap.",
    )


def _evidence(
    fixed_effects: FixedEffects, used: int, given: int, checks: Sequence[Check], source: str
) -> Evidence:
    levels = {
        "two-way": "Units compared with themselves over periods, less what all share in a period.",
        "none": "All rows compared with each other, controls held equal on a straight line.",
    }
    return Evidence(
        grade="association",
        design=levels[fixed_effects],
        unit="rows",
        n_used=used,
        n_given=given,
        source=source,
        assumptions=(
            "A straight line: a point is worth the same everywhere.",
            "Clusters are independent of each other.",
            "The score is measured without error; else the slope is drawn towards nought.",
        ),
        checks=tuple(checks),
    )
