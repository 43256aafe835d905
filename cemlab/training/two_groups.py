"""Means of two groups, once or before and after: the designs that need no roll-out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.spell_columns import require_column
from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence, Grade
from cemlab.markup import number, p_value, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.mean_differences import Contrast, Variances, contrast_of_means

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: ``"lot"``: chance decided who was treated. ``"choice"``: somebody did.
DecidedBy = Literal["lot", "choice"]


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupMeans(Result):
    """Means of the treated and the others, and their difference, or the difference of their changes.

    Parameters
    ----------
    table
        One row a cell and one for the difference: quantity, estimate [unit of the outcome], std_error,
        conf_low, conf_high, n.
    outcome
        The column of the outcome.
    p_value
        Of "the difference is nothing".
    changes
        Whether the difference is one of changes.
    """

    outcome: str
    p_value: float
    changes: bool

    title: ClassVar[str] = "Means of the treated and of the others"
    labels: ClassVar[dict[str, str]] = {"quantity": "", "mean": "Mean (interval)", "n": "Rows"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a cell, the difference last."""
        return pd.DataFrame(
            {
                "quantity": self.table["quantity"],
                "mean": [with_interval(r) for r in self.table.to_dict("records")],
                "n": self.table["n"],
            }
        )

    def narrative(self) -> str:
        """Tell the difference with its interval, in words that the design allows."""
        row = self.table.iloc[-1]
        what = f"the change in {self.outcome}" if self.changes else self.outcome
        return (
            f"Treatment {self.evidence.relation} {what}: {number(row['estimate'])} "
            f"({100 * self.conf_level:g} % interval {number(row['conf_low'])} to {number(row['conf_high'])}; "
            f"standard error {number(row['std_error'])}, {p_value(self.p_value)}; n = {row['n']:,})."
        )

    @property
    def chart(self) -> Chart:
        """Forest of the means, the difference last."""
        row = self.table.iloc[-1]
        settled = row["conf_low"] > 0 or row["conf_high"] < 0
        claim = (
            f"The treated {'changed' if self.changes else 'are'} {number(abs(row['estimate']))} "
            f"{'more' if row['estimate'] > 0 else 'less'} than the others"
            if settled
            else "Whether the treated differ from the others is not settled"
        )
        return Chart(
            kind="forest",
            frame=self.table[["quantity", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="quantity",
            low="conf_low",
            high="conf_high",
            x_label=self.outcome.replace("_", " "),
            y_label="",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def difference_in_means(
    rows: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    treated: str,
    decided_by: DecidedBy,
    variances: Variances = "unequal",
    conf_level: float = 0.95,
    source: str = "",
) -> GroupMeans:
    """Answer by how much the mean outcome of the treated differs from that of the others.

    Parameters
    ----------
    rows
        One row a person, or whatever was treated.
    outcome
        Column of numbers; rows without one are left out and counted.
    treated
        Column of truth values, or of noughts and ones.
    decided_by
        Who decided on the treatment: with ``"lot"`` the difference is the effect, else an association.
    variances
        ``"unequal"`` (Welch) or ``"equal"``, as ordinary least squares has them.
    conf_level
        Level of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    GroupMeans
        Means of both groups and their difference.

    Raises
    ------
    ColumnError, DataError
        If a column is not there, or holds something else.
    DesignError
        If outcomes are missing more often in one group than chance explains, or a group has fewer than two.
    OptionError
        If an option is not among the allowed ones.

    References
    ----------
    Welch, B. L. (1947). The generalization of "Student's" problem when several different population
    variances are involved. Biometrika 34, 28–35.

    Examples
    --------
    >>> people = pd.DataFrame({"trained": [0, 0, 0, 1, 1, 1], "sales": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    >>> difference_in_means(people, outcome="sales", treated="trained", decided_by="lot").narrative()
    'Treatment changes sales: 3 (95 % interval 0.733 to 5.267; ...n = 6).'
    """
    if decided_by not in get_args(DecidedBy):
        raise OptionError(one_of(decided_by, get_args(DecidedBy), what="way to decide on treatment"))
    cells = _cells(rows, outcome, [treated])
    grade: Grade = "experiment" if decided_by == "lot" else "association"
    design = (
        "Chance decided who was treated; means compared."
        if decided_by == "lot"
        else "Somebody chose who was treated; means compared as they are."
    )
    evidence = _evidence(cells, grade=grade, design=design, source=source)
    return _means(cells, [treated], np.array([-1.0, 1.0]), outcome, evidence, variances, conf_level)


def two_by_two(
    rows: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    treated: str,
    after: str,
    variances: Variances = "unequal",
    conf_level: float = 0.95,
    source: str = "",
) -> GroupMeans:
    """Answer by how much more the treated changed than the others, from four means.

    For rows that cannot be joined over time. A panel of units tells more:
    :func:`cemlab.training.group_time_effects`.

    Parameters
    ----------
    rows
        One row a unit as it was seen before or after.
    outcome
        Column of numbers; rows without one are left out and counted.
    treated, after
        Columns of truth values, or of noughts and ones: belongs to the treated; seen after treatment.
    variances, conf_level, source
        As in :func:`difference_in_means`.

    Returns
    -------
    GroupMeans
        Four means, and the difference of the differences.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        As :func:`difference_in_means`.

    Notes
    -----
    That both would have changed alike without the treatment is assumed; with one period before it cannot be
    tested, and the check says so. The interval takes rows as independent: units seen twice, or lying together
    in one place, make it too narrow or too wide.

    References
    ----------
    Card, D., Krueger, A. B. (1994). Minimum wages and employment. American Economic Review 84, 772–793.

    Examples
    --------
    >>> shops = pd.DataFrame({"law": [0, 0, 0, 0, 1, 1, 1, 1], "after": [0, 0, 1, 1, 0, 0, 1, 1],
    ...                       "staff": [10.0, 12.0, 9.0, 11.0, 8.0, 10.0, 10.0, 12.0]})
    >>> float(two_by_two(shops, outcome="staff", treated="law", after="after").table["estimate"].iloc[-1])
    3.0
    """
    cells = _cells(rows, outcome, [treated, after])
    check = Check(
        name="parallel trends",
        null="both would have changed alike without the treatment",
        passed=None,
        detail="One period before the treatment: this cannot be tested.",
        remedy="Take a panel with several periods before it.",
    )
    evidence = _evidence(
        cells,
        grade="quasi-experiment",
        design="Change of the treated less change of the others, two periods.",
        source=source,
        assumptions=("Without the treatment both groups would have changed alike.", "Rows are independent."),
        checks=(check,),
    )
    weights = np.array([1.0, -1.0, -1.0, 1.0])
    return _means(cells, [treated, after], weights, outcome, evidence, variances, conf_level)


def _cells(rows: ir.Table | pd.DataFrame, outcome: str, factors: list[str]) -> pd.DataFrame:
    """Return the cells of the factors in order: n_given, n, mean, variance; all of them must be there."""
    for name in (*factors, outcome):
        require_column(rows, name, "rows")
    picked = [*factors, outcome]
    frame = rows[picked].copy() if isinstance(rows, pd.DataFrame) else rows.select(picked).to_pandas()
    for name in factors:
        frame[name] = _truth_values(frame[name])
    frame[outcome] = _numbers(frame[outcome])
    groups = frame.groupby(factors, sort=True)[outcome]
    cells = pd.DataFrame(
        {"n_given": groups.size(), "n": groups.count(), "mean": groups.mean(), "variance": groups.var()}
    ).reset_index()
    if len(cells) < 2 ** len(factors):
        raise DesignError(
            f"rows: of {' and '.join(map(repr, factors))} only {len(cells)} of {2 ** len(factors)} "
            "combinations occur; both values of each are needed"
        )
    _refuse_missing_by_treatment(cells, factors, outcome)
    return cells


def _truth_values(values: pd.Series[Any]) -> pd.Series[Any]:
    if values.isna().any() or not values.isin([0, 1]).all():
        other = next((v for v in values.tolist() if pd.isna(v) or v not in (0, 1)), None)
        raise DataError(
            f"rows, column {str(values.name)!r}: {other!r} is no truth value; allowed: True and False, "
            "or 1 and 0"
        )
    return values.astype(bool)


def _numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    try:
        made: pd.Series[float] = values.astype(float)
    except (TypeError, ValueError) as error:
        raise DataError(f"rows, column {str(values.name)!r}: {error}; the outcome must be numbers") from error
    if np.isinf(made).any():
        raise DataError(
            f"rows, column {str(values.name)!r}: an infinite value; correct it or make it missing"
        )
    return made


def _refuse_missing_by_treatment(cells: pd.DataFrame, factors: list[str], outcome: str) -> None:
    """Refuse outcomes whose absence depends on the treatment beyond chance: what is left is then selected."""
    from scipy import stats

    missing = (cells["n_given"] - cells["n"]).to_numpy()
    if not missing.any():
        return
    table = np.array([missing, cells["n"]])
    p = float(stats.chi2_contingency(table, correction=False).pvalue)
    if p < 0.01:
        told = ", ".join(f"{m:,} of {n:,}" for m, n in zip(missing, cells["n_given"], strict=True))
        raise DesignError(
            f"rows: {outcome!r} is missing by {' and '.join(factors)} ({told}; {p_value(p)}); what is "
            "left is selected. Find out why, or take an outcome that is known for all"
        )


def _evidence(
    cells: pd.DataFrame,
    *,
    grade: Grade,
    design: str,
    source: str,
    assumptions: tuple[str, ...] = (),
    checks: tuple[Check, ...] = (),
) -> Evidence:
    return Evidence(
        grade=grade,
        design=design,
        unit="rows",
        n_used=int(cells["n"].sum()),
        n_given=int(cells["n_given"].sum()),
        source=source,
        assumptions=assumptions,
        checks=checks,
    )


def _means(
    cells: pd.DataFrame,
    factors: list[str],
    weights: np.ndarray[Any, np.dtype[np.float64]],
    outcome: str,
    evidence: Evidence,
    variances: Variances,
    conf_level: float,
) -> GroupMeans:
    check_conf_level(conf_level)
    n, mean, variance = (cells[name].to_numpy(dtype=float) for name in ("n", "mean", "variance"))
    one = np.eye(len(cells))
    contrasts: list[Contrast] = [
        contrast_of_means(n, mean, variance, weights=w, variances=variances, conf_level=conf_level)
        for w in (*one, weights)
    ]
    changes = len(factors) > 1
    names = [_cell_name(row, factors) for row in cells.to_dict("records")]
    names.append("Difference of the changes" if changes else "Difference")
    table = pd.DataFrame(
        {
            "quantity": names,
            "estimate": [c.estimate for c in contrasts],
            "std_error": [c.std_error for c in contrasts],
            "conf_low": [c.conf_low for c in contrasts],
            "conf_high": [c.conf_high for c in contrasts],
            "n": [*cells["n"].astype(int), int(cells["n"].sum())],
        }
    )
    return GroupMeans(
        table=table,
        evidence=evidence,
        conf_level=conf_level,
        outcome=outcome,
        p_value=contrasts[-1].p_value,
        changes=changes,
    )


def _cell_name(row: Any, factors: list[str]) -> str:
    who = "Treated" if row[factors[0]] else "Others"
    return who if len(factors) == 1 else f"{who}, {'after' if row[factors[1]] else 'before'}"
