"""The slope beside confounders that nobody recorded: what the question of omitted variables returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import OptionError
from cemlab.linkage.naming import in_words
from cemlab.linkage.rung_columns import HELD, Rung
from cemlab.markup import number, percent, with_interval
from cemlab.result import Result
from cemlab.stats.robustness_value import adjusted_slope


@dataclass(frozen=True, eq=False, kw_only=True)
class OmittedConfounder(Result):
    """The slope beside confounders that nobody recorded.

    Parameters
    ----------
    table
        One row a scenario: confounder ("none", "1 x headcount", "chosen" …), r2_score and r2_outcome (shares
        of what is left of score and outcome that it explains), estimate [unit of the outcome per unit of the
        score], std_error, conf_low, conf_high; missing where no confounder can be so strong.
    robustness
        One row: estimate, std_error, classical_error, df, clusters; partial_r2 (share of the outcome's rest
        that goes with the score), q, rv (robustness value of the estimate), rv_interval (of its interval).
    extreme
        One row a benchmark and share: confounder, r2_outcome (1, 0.75, 0.5), r2_score, estimate, std_error,
        conf_low, conf_high: as linked with the score as the recorded variable, and far more with the outcome.
    benchmarks
        One row a recorded variable: confounder, r2_score, r2_outcome of that variable itself.
    rung, outcome, score
        What was asked, and the columns' names.
    t_critical
        Of the intervals, on clusters less one degrees of freedom.
    """

    robustness: pd.DataFrame
    extreme: pd.DataFrame
    benchmarks: pd.DataFrame
    rung: Rung
    outcome: str
    score: str
    t_critical: float

    title: ClassVar[str] = "How strong an unrecorded confounder must be"
    labels: ClassVar[dict[str, str]] = {
        "confounder": "Confounder",
        "r2_score": "Explains of the score's rest",
        "r2_outcome": "of the outcome's rest",
        "slope": "Slope beside it (interval)",
    }

    def at(
        self, *, r2_score: float, r2_outcome: float, name: str = "chosen", sign: float | None = None
    ) -> OmittedConfounder:
        """Return the same result with one more row: a confounder of the strength chosen.

        Parameters
        ----------
        r2_score, r2_outcome
            Shares of what is left of score and outcome that it explains.
        name
            What to call it.
        sign
            Which way it has pulled the slope; away from nought where None.

        Raises
        ------
        OptionError
            If a share cannot be.
        """
        beside = self.slopes([r2_score], [r2_outcome], sign=sign)
        rows = self.table[self.table["confounder"] != name]
        row = beside.assign(confounder=name)[rows.columns]
        return replace(self, table=pd.concat([rows, row], ignore_index=True))

    def slopes(
        self, r2_score: Sequence[float], r2_outcome: Sequence[float], *, sign: float | None = None
    ) -> pd.DataFrame:
        """Return the slope beside confounders: r2_score, r2_outcome, estimate, std_error and interval."""
        first = self.robustness.iloc[0]
        beside = adjusted_slope(
            float(first["estimate"]),
            classical_error=float(first["classical_error"]),
            std_error=float(first["std_error"]),
            df=int(first["df"]),
            r2_score=list(r2_score),
            r2_outcome=list(r2_outcome),
            sign=sign,
        )
        return pd.DataFrame(
            {
                "r2_score": list(r2_score),
                "r2_outcome": list(r2_outcome),
                "estimate": beside.estimate,
                "std_error": beside.std_error,
                "conf_low": beside.estimate - self.t_critical * beside.std_error,
                "conf_high": beside.estimate + self.t_critical * beside.std_error,
            }
        )

    def contours(self, *, most: float | None = None, steps: int = 21) -> pd.DataFrame:
        """Return the slope on a grid of strengths.

        Parameters
        ----------
        most
            The largest share on both axes; where None, a half more than what brings the slope to nought.
        steps
            Points on each axis.

        Returns
        -------
        pandas.DataFrame
            r2_score, r2_outcome, estimate, std_error, conf_low, conf_high; ``steps ** 2`` rows.
        """
        if most is None:
            most = min(0.95, 1.5 * float(self.robustness["rv"].iloc[0]) + 0.02)
        if not 0 < most < 1 or steps < 2:
            raise OptionError(
                f"most={most!r}, steps={steps!r}: allowed are a share below 1, and 2 steps or more"
            )
        axis = np.linspace(0.0, most, steps)
        d, y = np.meshgrid(axis, axis)
        return self.slopes(d.ravel().tolist(), y.ravel().tolist())

    @property
    def summary(self) -> pd.DataFrame:
        """One row a scenario."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "confounder": [r["confounder"] for r in rows],
                "r2_score": [percent(r["r2_score"]) for r in rows],
                "r2_outcome": [percent(r["r2_outcome"]) for r in rows],
                "slope": [
                    with_interval(r) if np.isfinite(r["estimate"]) else "no confounder can be so strong"
                    for r in rows
                ],
            }
        )

    def narrative(self) -> str:
        """Tell the robustness values, the extreme case, and what the strongest benchmark would leave."""
        first = self.robustness.iloc[0]
        known = self.table[self.table["estimate"].notna() & (self.table["confounder"] != "none")]
        compared = ""
        if len(known):
            weakest = known.loc[(known["estimate"] * np.sign(first["estimate"])).idxmin()]
            compared = (
                f" Of those compared, one like {weakest['confounder']} would leave least: "
                f"{with_interval(weakest)}."
            )
        gone = "to nought" if first["q"] == 1 else f"by {percent(float(first['q']))}"
        return (
            f"The slope of {in_words(self.outcome)} on {in_words(self.score)} is {number(first['estimate'])} "
            f"({HELD[self.rung]}; {self.evidence.n_used:,} {self.evidence.unit}, "
            f"{int(first['clusters']):,} clusters). What nobody recorded would have to explain "
            f"{percent(first['rv'])} of what is left of the score and of the outcome alike to bring it "
            f"{gone}, and {percent(first['rv_interval'])} to bring the {100 * self.conf_level:g} % interval "
            "there. If "
            f"it explained all that is left of the outcome, {percent(first['partial_r2'])} of the score's "
            f"rest would bring the slope to nought.{compared}"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the slope beside each confounder."""
        known = self.table[self.table["estimate"].notna()]
        rv = percent(float(self.robustness["rv"].iloc[0]))
        return Chart(
            kind="forest",
            frame=known[["confounder", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="confounder",
            low="conf_low",
            high="conf_high",
            x_label=f"Slope of {in_words(self.outcome)} on {in_words(self.score)}",
            y_label="Unrecorded confounder as strong as",
            claim=f"A confounder must explain {rv} of the rest of both to take the slope away",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )

    @property
    def contour_chart(self) -> Chart:
        """Map of the slope by both strengths of the confounder, what is recorded marked on it."""
        once = self.table[self.table["confounder"].str.startswith("1 x ") & self.table["estimate"].notna()]
        shares = ["r2_score", "r2_outcome"]
        most = min(
            0.95, max(1.5 * float(self.robustness["rv"].iloc[0]) + 0.02, 1.05 * once[shares].max().max())
        )
        parts = [self.contours(most=most, steps=41).assign(confounder=None), once]
        columns = ["confounder", *shares, "estimate"]
        shown = pd.concat([part[columns].astype({"confounder": object}) for part in parts], ignore_index=True)
        shown[shares] *= 100
        return Chart(
            kind="contour",
            frame=shown.rename(columns={"estimate": "slope"}),
            x="r2_score",
            y="r2_outcome",
            value="slope",
            mark="confounder",
            x_label="Explained of the score's rest [%]",
            y_label="Explained of the outcome's rest [%]",
            claim=f"What is left of the slope on {self.score} beside a confounder of both strengths",
            grade=self.evidence.grade,
            note=f"Bold line: nothing is left. {self.caption}",
            reference=0.0,
        )
