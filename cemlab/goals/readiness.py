"""Is the company ready: ordinal answers by dimension, and the weakest link among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from cemlab.chart import Chart
from cemlab.errors import ColumnError, DataError, DesignError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.stats.reliability import cronbach_alpha

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALPHA = 0.7  # below it, items are usually taken not to measure one thing (Nunnally, 1978)


@dataclass(frozen=True, eq=False, kw_only=True)
class Readiness(Result):
    """How ready a company is, dimension by dimension.

    Parameters
    ----------
    table
        dimension, items, n (respondents), estimate (mean share of items rated ready), conf_low, conf_high,
        alpha (Cronbach's; missing for a single item): the weakest dimension first.
    """

    title: ClassVar[str] = "Readiness"
    labels: ClassVar[dict[str, str]] = {
        "dimension": "Dimension", "items": "Items", "estimate": "Share ready", "alpha": "Cronbach's alpha",
    }  # fmt: skip

    @property
    def weakest(self) -> str:
        """The dimension that holds the others back."""
        return str(self.table["dimension"].iloc[0])

    @property
    def summary(self) -> pd.DataFrame:
        """One row a dimension, the weakest first."""
        return self.table

    def narrative(self) -> str:
        """Name the weakest link, not an average over links."""
        row = self.table.iloc[0]
        inside = percent_range(row["conf_low"], row["conf_high"])
        return (
            f"The weakest link is {self.weakest}: {percent(row['estimate'])} ({inside}) of its items are "
            f"rated ready by {int(row['n']):,} respondents. A chain is as ready as this link, whatever "
            "the average says."
        )

    @property
    def chart(self) -> Chart:
        """One row a dimension, the weakest on top."""
        return Chart(
            kind="forest",
            frame=self.table,
            x="estimate",
            y="dimension",
            low="conf_low",
            high="conf_high",
            x_label="Share of items rated ready",
            y_label="",
            claim=f"{self.weakest} is the weakest link",
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


def readiness(
    answers: pd.DataFrame,
    *,
    dimensions: Mapping[str, Sequence[str]],
    ready: float = 4,
    conf_level: float = 0.95,
    source: str = "",
) -> Readiness:
    """Answer which part of the company is least ready.

    Parameters
    ----------
    answers
        One row a respondent, one column an item, on an ordinal scale. Rows with a blank in a dimension are
        left out of that dimension.
    dimensions
        The items of each dimension, e.g. ``{"people": ["p1", "p2"], "tools": ["t1"]}``.
    ready
        The lowest answer that counts as ready. Ordinal answers are counted, not averaged.
    conf_level
        Confidence level (Student's t over respondents, kept within 0 and 1).
    source
        The line that stands under every figure.

    Raises
    ------
    ColumnError
        If an item is not a column.
    DataError
        If an item holds what is no number.
    DesignError
        If there is no dimension, one has no item, or fewer than two respondents answered one.
    """
    check_conf_level(conf_level)
    if not dimensions or not all(dimensions.values()):
        raise DesignError(
            "readiness needs dimensions, each with at least one item: dimensions={'people': ['p1']}"
        )
    rows = [_dimension(answers, name, list(items), ready, conf_level) for name, items in dimensions.items()]
    columns = ["dimension", "items", "n", "estimate", "conf_low", "conf_high", "alpha"]
    table = pd.DataFrame(rows, columns=columns).sort_values("estimate", kind="stable").reset_index(drop=True)
    low = table.loc[table["alpha"] < _ALPHA, "dimension"].tolist()
    check = Check(
        name="one thing each",
        null=f"the items of each dimension go together (Cronbach's alpha of {_ALPHA} or more)",
        passed=not low,
        detail=f"Below {_ALPHA}: {', '.join(low)}."
        if low
        else f"Alpha is {_ALPHA} or more wherever it is defined.",
        remedy="Read the items of that dimension one by one.",
    )
    evidence = Evidence(
        grade="descriptive",
        design="Respondents judge their own company, item by item.",
        unit="respondents",
        n_used=int(table["n"].max()),
        n_given=len(answers),
        source=source,
        checks=(check,),
    )
    return Readiness(table=table, evidence=evidence, conf_level=conf_level)


def _dimension(
    answers: pd.DataFrame, name: str, items: list[str], ready: float, conf_level: float
) -> tuple[Any, ...]:
    for item in items:
        if item not in answers.columns:
            raise ColumnError(f"dimension {name!r}: {one_of(item, map(str, answers.columns), what='column')}")
    given = as_numbers(answers[items]).dropna().to_numpy(dtype=float)
    if len(given) < 2:
        raise DesignError(f"dimension {name!r}: {len(given)} full answers; an interval needs two or more")
    mean, low, high = mean_interval((given >= ready).mean(axis=1), conf_level)
    return name, len(items), len(given), mean, max(low, 0.0), min(high, 1.0), cronbach_alpha(given)


def as_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return answers as numbers; blanks stay missing."""
    try:
        found: pd.DataFrame = frame.apply(pd.to_numeric)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"an answer is no number ({error}); code the scale as numbers, e.g. 1 to 5"
        ) from error
    return found


def mean_interval(values: NDArray[np.float64], conf_level: float) -> tuple[float, float, float]:
    """Return mean and Student's interval; where all are alike, the interval has no width."""
    mean = float(values.mean())
    reach = stats.t.ppf((1 + conf_level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return mean, mean - float(reach), mean + float(reach)
