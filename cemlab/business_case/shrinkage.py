"""Benchmarks: what others report is a prior, shrunk to what was measured here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.business_case.entries import Standing
from cemlab.business_case.fitted import Fitted
from cemlab.business_case.grades import as_grade, weakest
from cemlab.business_case.told import named_claim
from cemlab.chart import Chart
from cemlab.errors import OptionError, one_of
from cemlab.evidence import Check, Evidence, Grade
from cemlab.markup import number, p_value, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.normal_update import conflict, update, widened
from cemlab.stats.three_point import moments

OnConflict = Literal["widen", "keep", "local"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Shrunk(Result):
    """A benchmark, what was measured here, and what both together say.

    Parameters
    ----------
    table
        Rows "benchmark", "measured here", "both together" (and "benchmark, widened" before it where the two
        contradict each other): what, estimate, std_error, conf_low, conf_high, weight (in both together).
    conflict
        p-value of what was measured under what the benchmark predicts.
    on_conflict
        What is done where it is small.
    unit
        Of the figures.
    standing
        The weaker of the two grades.
    """

    conflict: float
    on_conflict: OnConflict
    unit: str
    standing: Standing

    title: ClassVar[str] = "Benchmark and own data"
    labels: ClassVar[dict[str, str]] = {"what": "Figure", "value": "Value (interval)", "weight": "Weight"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a figure."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "what": [r["what"] for r in rows],
                "value": [with_interval(r) for r in rows],
                "weight": ["–" if np.isnan(r["weight"]) else percent(r["weight"], digits=0) for r in rows],
            }
        )

    @property
    def together(self) -> pd.Series[float]:
        """The row of both together."""
        return self.table.iloc[-1]

    def narrative(self) -> str:
        """Tell the figure, how much of it is the benchmark's, and whether the two agree."""
        both, here = self.together, self.table.iloc[-2]
        agree = self.evidence.checks[0].passed
        words = {
            "widen": "so the benchmark is widened until they no longer do",
            "keep": "and yet the benchmark keeps its full weight",
            "local": "so that only what was measured here counts",
        }[self.on_conflict]
        told = (
            "The two are compatible"
            if agree
            else f"The two contradict each other ({p_value(self.conflict)}), {words}"
        )
        share = float(self.table.loc[self.table["what"].str.startswith("benchmark"), "weight"].iloc[-1])
        return (
            f"Measured here: {number(here['estimate'])} {self.unit}; together with the benchmark "
            f"{with_interval(both)}, of "
            f"which the benchmark has a weight of {percent(share, digits=0)}. {told}."
        )

    @property
    def chart(self) -> Chart:
        """The figures below each other."""
        share = float(self.table.loc[self.table["what"].str.startswith("benchmark"), "weight"].iloc[-1])
        claim = f"The benchmark keeps {percent(share, digits=0)} of the weight beside what was measured here"
        return Chart(
            kind="forest",
            frame=self.table[["what", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="what",
            low="conf_low",
            high="conf_high",
            x_label=self.unit,
            y_label="figure",
            claim=named_claim(claim, claim, self.standing),
            grade=self.evidence.grade,
            note=self.caption,
        )

    def entry(self, item: str, *, owner: str = "") -> Fitted:
        """Return both together as an entry of a ledger, with the weaker of the two grades."""
        both = self.together
        return Fitted(
            item=item, unit=self.unit, estimate=float(both["estimate"]), std_error=float(both["std_error"]),
            source=self.evidence.source or self.evidence.design, owner=owner, grade=self.standing,
        )  # fmt: skip


def shrink_to_local(
    benchmark: Sequence[float],
    *,
    local: float,
    std_error: float,
    unit: str,
    on_conflict: OnConflict = "widen",
    level: float = 0.05,
    grade: Standing = "association",
    benchmark_grade: Standing = "assumption",
    conf_level: float = 0.95,
    source: str = "",
) -> Shrunk:
    """Answer what a benchmark is still worth beside what was measured here.

    Parameters
    ----------
    benchmark
        What others report: three numbers (lowest, most plausible, highest; triangular) or two (mean, standard
        deviation between companies, not of their mean).
    local, std_error
        What was measured here, in the same unit.
    unit
        Of all of them.
    on_conflict
        Where what was measured contradicts the benchmark: "widen" the benchmark until it does not (its
        standard deviation), "keep" it, or take what was measured ("local").
    level
        The p-value from which the two contradict each other.
    grade, benchmark_grade
        What each rests on; the result has the weaker one.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    Shrunk
        Its table has what, estimate, std_error, conf_low, conf_high, weight.

    Raises
    ------
    OptionError
        If a number is none, the three are out of order, or an option is unknown.

    Notes
    -----
    Both are taken as normal: each counts by one over its variance. The two contradict each other if the
    measured figure is a surprise under the benchmark's prediction, whose variance is the sum of both
    (Box 1980). Best practices do not exist: a benchmark is a start, and own data have the last word.

    References
    ----------
    Box, G. E. P. (1980). Sampling and Bayes' inference in scientific modelling and robustness. Journal of the
    Royal Statistical Society A 143, 383–430. Efron, B. & Morris, C. (1975). Data analysis using Stein's
    estimator and its generalizations. Journal of the American Statistical Association 70, 311–319.

    Examples
    --------
    >>> both = shrink_to_local([0.25, 0.10], local=0.15, std_error=0.05, unit="standard deviations")
    >>> round(float(both.together["estimate"]), 3), round(both.conflict, 3)
    (0.17, 0.371)
    """
    check_conf_level(conf_level)
    mean, sd = _prior(benchmark)
    _check(local, std_error, unit, on_conflict, level)
    local, std_error = float(local), float(std_error)
    p = conflict(mean, sd, estimate=local, std_error=std_error)
    agree = p >= level
    used = sd
    if not agree and on_conflict == "widen":
        used = widened(mean, sd, estimate=local, std_error=std_error, level=level)
    elif not agree and on_conflict == "local":
        used = np.inf
    both = update(mean, used, estimate=local, std_error=std_error)
    wide = used != sd and on_conflict == "widen"
    rows = [
        ("benchmark", mean, sd, np.nan if wide else both.prior_share),
        ("measured here", local, std_error, 1 - both.prior_share),
    ]
    if wide:
        rows.insert(1, ("benchmark, widened", mean, used, both.prior_share))
    rows.append(("both together", both.mean, both.sd, 1.0))
    standing = weakest((grade, benchmark_grade))
    return Shrunk(
        table=_table(rows, conf_level),
        evidence=_evidence(p, agree, level, as_grade(standing), standing, source),
        conf_level=conf_level,
        conflict=p,
        on_conflict=on_conflict,
        unit=unit,
        standing=standing,
    )


def _prior(benchmark: Sequence[float]) -> tuple[float, float]:
    told = "allowed: lowest, most plausible and highest, or mean and standard deviation"
    if isinstance(benchmark, str) or not np.iterable(benchmark) or not all(map(_number, benchmark)):
        raise OptionError(f"benchmark is {benchmark!r}; {told}")
    values = [float(value) for value in benchmark]
    if len(values) == 3 and values == sorted(values) and values[0] < values[2]:
        return moments(*values)
    if len(values) == 2 and values[1] > 0:
        return values[0], values[1]
    raise OptionError(f"benchmark is {benchmark!r}; {told}, in this order and with some width")


def _check(local: float, std_error: float, unit: str, on_conflict: str, level: float) -> None:
    if not _number(local):
        raise OptionError(f"local is {local!r}; allowed: what was measured here, a number")
    if not _number(std_error) or std_error <= 0:
        raise OptionError(f"std_error is {std_error!r}; allowed: a number above nought")
    if not isinstance(unit, str) or not unit.strip():
        raise OptionError("unit is blank; write the unit of the figures")
    if on_conflict not in get_args(OnConflict):
        raise OptionError(one_of(on_conflict, get_args(OnConflict), what="way to meet a conflict"))
    if not _number(level) or not 0 < level < 1:
        raise OptionError(f"level is {level!r}; allowed: a share between 0 and 1, e.g. 0.05")


def _number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))


def _table(rows: list[tuple[str, float, float, float]], conf_level: float) -> pd.DataFrame:
    from scipy.special import ndtri

    table = pd.DataFrame(rows, columns=["what", "estimate", "std_error", "weight"])
    wide = float(ndtri((1 + conf_level) / 2)) * table["std_error"]
    table.insert(3, "conf_low", table["estimate"] - wide)
    table.insert(4, "conf_high", table["estimate"] + wide)
    return table


def _evidence(p: float, agree: bool, level: float, grade: Grade, standing: Standing, source: str) -> Evidence:
    return Evidence(
        grade=grade,
        design=f"A benchmark as a normal prior, shrunk to a normal estimate. Weaker of the two: {standing}.",
        unit="figures",
        n_used=2,
        n_given=2,
        source=source,
        assumptions=(
            "The benchmark's companies are like this one but for what its spread says.",
            "Both are normal, and were not read from the same data.",
        ),
        checks=(
            Check(
                name="benchmark against own data",
                null="what was measured is what the benchmark predicts",
                passed=agree,
                detail=f"{p_value(p).capitalize()} (contradiction below {level:g}).",
                remedy="Ask what differs here before the benchmark is used.",
            ),
        ),
    )
