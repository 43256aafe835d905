"""What the segments are like: sizes, means and differences, each with intervals that hold together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import ColumnError, DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.segmentation.answers import read_answers
from cemlab.stats.intervals import wilson

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_FEWEST = 5  # customers of a segment, below which a mean has no interval worth showing


@dataclass(frozen=True, eq=False, kw_only=True)
class Profiles(Result):
    """What the segments are like.

    Parameters
    ----------
    table
        segment, variable, quantity ("share": of all customers; "mean"; "difference": from all others, in
        standard deviations of all), estimate, conf_low, conf_high, n (customers of the segment), reading
        ("inference", or "descriptive" where the variable formed the segments).
    formed_by
        The variables that the segments were made from.
    """

    formed_by: tuple[str, ...]

    title: ClassVar[str] = "Profiles of the segments"
    labels: ClassVar[dict[str, str]] = {
        "segment": "Segment", "n": "Customers", "share": "Share", "above": "Above the others",
        "below": "Below the others",
    }  # fmt: skip

    @property
    def summary(self) -> pd.DataFrame:
        """One row a segment: its size, and the variables in which it clearly differs from all others."""
        rows = []
        for segment, part in self.table.groupby("segment", sort=False, observed=True):
            share = part[part["quantity"] == "share"].iloc[0]
            gap = part[part["quantity"] == "difference"]
            inside = percent_range(share["conf_low"], share["conf_high"])
            rows.append(
                {
                    "segment": segment,
                    "n": int(share["n"]),
                    "share": f"{percent(share['estimate'])} ({inside})",
                    "above": join_words(gap.loc[gap["conf_low"] > 0, "variable"]),
                    "below": join_words(gap.loc[gap["conf_high"] < 0, "variable"]),
                }
            )
        return pd.DataFrame(rows)

    def narrative(self) -> str:
        """Tell the largest segment and the clearest difference that is not true by construction."""
        largest = self.table[self.table["quantity"] == "share"].nlargest(1, "estimate").iloc[0]
        first = (
            f"The largest segment, {largest['segment']}, holds {percent(largest['estimate'])} "
            f"({percent_range(largest['conf_low'], largest['conf_high'])}) of "
            f"{self.evidence.n_used:,} customers. "
        )
        gap = self.table[(self.table["quantity"] == "difference") & (self.table["reading"] == "inference")]
        clear = gap[(gap["conf_low"] > 0) | (gap["conf_high"] < 0)]
        if gap.empty:
            second = "Every variable shown formed the segments, so that they differ in it proves nothing."
        elif clear.empty:
            second = "In no variable that did not form them is a segment clearly different from the others."
        else:
            row = clear.iloc[int(clear["estimate"].abs().argmax())]
            second = (
                f"The clearest difference in a variable that did not form them: {row['segment']} in "
                f"{row['variable']}, {row['estimate']:+.2f} standard deviations "
                f"({row['conf_low']:+.2f} to {row['conf_high']:+.2f}) from the others."
            )
        return first + second

    @property
    def chart(self) -> Chart:
        """Differences from all other customers as a heat map: variables down, segments across."""
        return Chart(
            kind="heatmap",
            frame=self.table[self.table["quantity"] == "difference"].reset_index(drop=True),
            x="segment",
            y="variable",
            value="estimate",
            x_label="Segment",
            y_label="Variable [standard deviations from the others]",
            claim="How each segment differs from the others",
            grade=self.evidence.grade,
            note=self.caption,
        )


def profiles(
    customers: pd.DataFrame | ir.Table,
    *,
    variables: Sequence[str],
    formed_by: Sequence[str],
    segment: str = "segment",
    conf_level: float = 0.95,
    source: str = "",
) -> Profiles:
    """Answer what the customers of each segment are like, and in what they differ from the others.

    Parameters
    ----------
    customers
        One row a customer, e.g. what :meth:`ClusterChoice.segments` returns with further columns joined.
    variables
        Columns to describe the segments by; numbers, or 0 and 1.
    formed_by
        The columns that the segments were made from; ``()`` if none is shown. Segments differ in these by
        construction, however they were cut: their rows are labelled "descriptive" and bear no inference.
    segment
        The column that names the segment.
    conf_level
        Level at which all intervals of one quantity hold together (Bonferroni).
    source
        The line that stands under every figure.

    Returns
    -------
    Profiles
        Its table has segment, variable, quantity, estimate, conf_low, conf_high, n, reading: shares with
        simultaneous intervals (Goodman 1965), means (Student's t) and differences in standard deviations of
        all customers (Welch).

    Raises
    ------
    ColumnError, DataError
        If a column is missing or holds what is no number.
    DesignError
        If there are fewer than two segments, or one has fewer than five customers.
    OptionError
        If no variable is named.

    Notes
    -----
    Intervals take the segments as given. That holds for variables that did not form them; that where the cuts
    fall is itself uncertain is the business of :func:`clusters`.

    References
    ----------
    Goodman, L. A. (1965). On simultaneous confidence intervals for multinomial proportions. Technometrics 7,
    247–254.
    """
    check_conf_level(conf_level)
    names = list(dict.fromkeys(variables))
    if not names:
        raise OptionError("no variable to describe the segments by; name some: variables=['age', 'spend']")
    for name in (segment, *names):
        if name not in customers.columns:
            raise ColumnError(one_of(name, map(str, customers.columns), what="column"))
    frame = customers if isinstance(customers, pd.DataFrame) else customers.to_pandas()
    named = frame[frame[segment].notna()]
    given = read_answers(named, items=names, fewest=2 * _FEWEST, mixed=True, single=True, source=source)
    codes, groups = pd.factorize(given.kept[segment], sort=True)
    size = np.bincount(codes)
    if len(groups) < 2 or size.min() < _FEWEST:
        raise DesignError(
            f"{len(groups)} segments, the smallest of {size.min():,} customers; profiles need two or more "
            f"segments of {_FEWEST} or more: put small ones together"
        )
    reading = ["descriptive" if name in formed_by else "inference" for name in names]
    rows = _rows(given.values, codes, len(groups), conf_level)
    table = pd.DataFrame(rows, columns=["s", "v", "quantity", "estimate", "conf_low", "conf_high"])
    table["n"] = size[table["s"]]
    whole = table["v"] < 0
    table.insert(0, "segment", [str(groups[s]) for s in table["s"]])
    table.insert(1, "variable", ["" if v < 0 else names[v] for v in table["v"]])
    table["reading"] = np.where(whole, "inference", [reading[v] for v in table["v"]])
    return Profiles(
        table=table.drop(columns=["s", "v"]),
        evidence=_evidence(len(frame), given.n_used, [n for n in names if n in formed_by], source),
        conf_level=conf_level,
        formed_by=tuple(formed_by),
    )


def _rows(
    values: FloatArray, codes: NDArray[np.intp], count: int, conf_level: float
) -> list[tuple[int, int, str, float, float, float]]:
    """Return segment, variable (-1 for the share), quantity, estimate, conf_low, conf_high."""
    from scipy.stats import t as student

    n, width = values.shape
    size = np.bincount(codes, minlength=count)
    shares = wilson(size, np.full(count, n), conf_level=1 - (1 - conf_level) / count)
    tail = (1 - conf_level) / 2 / (count * width)
    spread = values.std(axis=0, ddof=1)
    rows: list[tuple[int, int, str, float, float, float]] = []
    for s in range(count):
        held, low, high = (float(part[s]) for part in shares)
        rows.append((s, -1, "share", held, low, high))
        own, rest = values[codes == s], values[codes != s]
        error, other = own.var(axis=0, ddof=1) / len(own), rest.var(axis=0, ddof=1) / len(rest)
        mean, gap = own.mean(axis=0), (own.mean(axis=0) - rest.mean(axis=0)) / spread
        reach = student.isf(tail, len(own) - 1) * np.sqrt(error)
        both = error + other
        # Welch's degrees of freedom; where neither group varies, any will do for an interval of no width
        bits = error**2 / (len(own) - 1) + other**2 / (len(rest) - 1)
        df = np.where(bits > 0, both**2 / np.where(bits > 0, bits, 1.0), 1.0)
        wide = student.isf(tail, df) * np.sqrt(both) / spread
        for v in range(width):
            rows.append((s, v, "mean", mean[v], mean[v] - reach[v], mean[v] + reach[v]))
            rows.append((s, v, "difference", gap[v], gap[v] - wide[v], gap[v] + wide[v]))
    return rows


def _evidence(n_given: int, n_used: int, used: Sequence[str], source: str) -> Evidence:
    check = Check(
        name="variables of their own",
        null="no variable shown formed the segments",
        passed=not used,
        detail=f"Formed by: {join_words(used)}. Segments differ in these by construction."
        if used
        else "None of the variables is said to have formed the segments.",
        remedy="Read their rows as a description of the cut; judge segments by other variables.",
    )
    return Evidence(
        grade="descriptive",
        design=f"Segments compared with all other customers; {n_given - n_used:,} with blanks were left out.",
        unit="customers",
        n_used=n_used,
        n_given=n_given,
        source=source,
        assumptions=("The segments are taken as given, without the uncertainty of where they were cut.",),
        checks=(check,),
    )
