"""How turnover of the staff and experience of the customers go together, branch by branch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.employees.mirror_panel import mirror_panel
from cemlab.employees.telling import plural
from cemlab.errors import DataError
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.split_slopes import split_slopes


@dataclass(frozen=True, eq=False, kw_only=True)
class TurnoverAndExperience(Result):
    """How turnover of the staff and experience of the customers go together within branches and months.

    Parameters
    ----------
    table
        One row: "same month", "next month": when (turnover is looked at, or as time is called), estimate
        (points of turnover per unit of experience), std_error, conf_low, conf_high, p_value, uncorrected (on
        the mean score as it is).
    reliability
        Share of the score's variance within branches and months that is no error.
    experience_unit
        Of the score, e.g. "SD".
    unit, time
        What a unit and a period is called.
    """

    reliability: float
    experience_unit: str = "unit"
    unit: str = "branch"
    time: str = "month"

    title: ClassVar[str] = "Turnover and experience"
    labels: ClassVar[dict[str, str]] = {
        "when": "Turnover",
        "told": "Points per unit of experience (interval)",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a lag."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {"when": [row["when"] for row in rows], "told": [with_interval(row) for row in rows]}
        )

    def narrative(self) -> str:
        """Tell both slopes."""
        same, after = self.table.to_dict("records")
        return (
            f"Within {plural(self.unit)} and {plural(self.time)}, one {self.experience_unit} more experience "
            f"{self.evidence.relation} {with_interval(same)} points of turnover in the same {self.time} and "
            f"{with_interval(after)} in the next. "
            f"({100 * self.conf_level:g} % intervals; {self.evidence.n_used:,} {self.evidence.unit}.)"
        )

    @property
    def chart(self) -> Chart:
        """Both slopes."""
        settled = bool(((self.table["conf_low"] > 0) | (self.table["conf_high"] < 0)).any())
        words = {
            True: f"Within {plural(self.unit)} turnover goes with experience",
            False: f"Whether turnover goes with experience within {plural(self.unit)} is not settled",
        }
        return Chart(
            kind="forest",
            frame=self.table[["when", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="when",
            low="conf_low",
            high="conf_high",
            x_label=f"Points of turnover per {self.experience_unit} of experience",
            y_label="",
            claim=words[settled],
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def turnover_and_experience(
    panel: pd.DataFrame,
    *,
    halves: tuple[str, str],
    turnover: str = "turnover",
    experience: str = "cx",
    unit: str = "branch",
    time: str = "month",
    experience_unit: str = "unit",
    conf_level: float = 0.95,
    source: str = "",
) -> TurnoverAndExperience:
    """Answer how turnover goes with experience within branches and months.

    Parameters
    ----------
    panel
        One row a branch and month.
    halves
        Two columns with experience measured by two halves of the answers, whose errors are independent.
    turnover
        Column with the share of the staff that left in the month.
    experience, unit, time
        Columns.
    experience_unit
        What a unit of the score is called, in the singular, e.g. ``"SD"``.
    conf_level
        Confidence level.
    source
        The line that stands under every figure.

    Returns
    -------
    TurnoverAndExperience
        Slopes in the same and in the next month, each half of the score an instrument of the other.

    Raises
    ------
    ColumnError, DataError, OptionError
        For columns that are not there, shares outside 0 to 1, and impossible values.
    DesignError
        If fewer than five branches are complete, or the halves share next to nothing.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> score = rng.standard_normal((40, 200))
    >>> gone = np.clip(0.05 - 0.01 * score, 0, 1)
    >>> names = ["branch", "month", "turnover", "cx", "cx_a", "cx_b"]
    >>> rows = [(b, t, gone[b, t], *[score[b, t]] * 3) for b in range(40) for t in range(200)]
    >>> found = turnover_and_experience(pd.DataFrame(rows, columns=names), halves=("cx_a", "cx_b"))
    >>> float(found.table["estimate"].round(1).iloc[0])
    -1.0
    """
    check_conf_level(conf_level)
    read = mirror_panel(
        panel, engagement=turnover, experience=experience, halves=halves, unit=unit, time=time, scale=None
    )
    gone = read.engagement
    if gone.min() < 0 or gone.max() > 1:
        raise DataError(f"panel, column {turnover!r}: shares from 0 to 1 are allowed, e.g. 0.02 for 2 %")
    a, b = read.halves if read.halves is not None else (read.experience, read.experience)
    rows, reliability = [], float("nan")
    for when, y, first, second in (
        (f"same {read.time}", gone, a, b),
        (f"next {read.time}", gone[:, 1:], a[:, :-1], b[:, :-1]),
    ):
        found = split_slopes(100 * y[None], first=first, second=second)
        error = float(np.sqrt(found.covariance[0, 0]))
        rows.append({"when": when, **_interval(float(found.estimate[0]), error, len(gone), conf_level)})
        rows[-1]["uncorrected"] = float(found.naive[0])
        reliability = reliability if len(rows) > 1 else found.reliability
    return TurnoverAndExperience(
        table=pd.DataFrame(rows),
        evidence=Evidence(
            grade="adjusted",
            design=f"{plural(read.unit).capitalize()} over {plural(read.time)}, each its own control, "
            f"{plural(read.time)} taken out.",
            unit=plural(read.unit),
            n_used=len(read.units),
            n_given=read.n_given,
            source=source,
            assumptions=(
                f"Nothing else moves both in a {read.unit} in the same {read.time}.",
                "Errors of both halves are independent.",
            ),
            checks=(
                Check(
                    name="error of the score",
                    null="the halves share enough to tell a slope",
                    passed=bool(reliability >= 0.3),
                    detail=(
                        f"Within {plural(read.unit)} and {plural(read.time)}, {number(reliability)} of the "
                        "variance is no error."
                    ),
                    remedy="Intervals are wide for that reason.",
                ),
            ),
        ),
        conf_level=conf_level,
        reliability=reliability,
        experience_unit=experience_unit,
        unit=read.unit,
        time=read.time,
    )


def _interval(value: float, error: float, n: int, conf_level: float) -> dict[str, Any]:
    """Return a row with the interval of Student's t on the number of branches less one."""
    from scipy.stats import t

    reach = float(t.ppf((1 + conf_level) / 2, n - 1)) * error
    return {
        "estimate": value,
        "std_error": error,
        "conf_low": value - reach,
        "conf_high": value + reach,
        "p_value": float(2 * t.sf(abs(value) / error, n - 1)) if error > 0 else float("nan"),
    }
