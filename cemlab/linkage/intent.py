"""Intention is not behaviour: what customers say they will do beside what they then did, along the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.evidence import Check, Evidence
from cemlab.linkage.intent_figures import (
    OUTCOMES,
    answers,
    calibration,
    correlations,
    levels,
    response,
    shapes,
)
from cemlab.linkage.naming import in_words
from cemlab.markup import number, percent, with_interval
from cemlab.result import Result, check_conf_level

_WORDS = {1: "increasing returns", -1: "diminishing returns", 0: "not settled"}


@dataclass(frozen=True, eq=False, kw_only=True)
class IntentAgainstBehaviour(Result):
    """Stated intention and later behaviour along a score of satisfaction, within branches.

    Parameters
    ----------
    table
        For each outcome ("intent", "lines", "revenue", "stayed") four rows: "slope at the lowest score",
        "slope at the highest score", "bend" (change of the slope per point of score) and "upper half of the
        rise" (share of the rise from the lowest to the highest score; a half is a straight line). Columns
        outcome,
        quantity, estimate, std_error, conf_low, conf_high, p_value, found_at_80 (the size found four times
        in five).
    levels
        One row an outcome and score: estimate (as a multiple of the outcome's mean), std_error, conf_low,
        conf_high, n.
    correlations
        Of intention with each behaviour among the answers: outcome, estimate, std_error, conf_low, conf_high,
        p_value.
    calibration
        One row a tenth of intention, and a last one over all (tenth missing): n, stated (mean intention),
        estimate (share that stayed), conf_low, conf_high (Wilson's, widened where branches differ more than
        chance); difference (stayed less stated), difference_low, difference_high.
    response
        What those who answered did less what those who were silent did, within branches: outcome, estimate,
        std_error, conf_low, conf_high, p_value.
    score, days
        The score, and how long behaviour was watched.
    """

    levels: pd.DataFrame
    correlations: pd.DataFrame
    calibration: pd.DataFrame
    response: pd.DataFrame
    score: str
    days: int

    title: ClassVar[str] = "Intention against behaviour"
    labels: ClassVar[dict[str, str]] = {
        "outcome": "Outcome",
        "bend": "Bend (interval)",
        "upper": "Share of the rise in the upper half",
        "shape": "Shape",
        "correlation": "Correlation with intention",
    }

    def shape(self, outcome: str) -> int:
        """Return 1 for returns that increase with the score, -1 for diminishing, 0 where that is open."""
        bend = self._row(outcome, "bend")
        return int(bend["conf_low"] > 0) - int(bend["conf_high"] < 0)

    @property
    def summary(self) -> pd.DataFrame:
        """One row an outcome: bend, where the rise comes, shape, correlation with intention."""
        related = {r["outcome"]: _told(r) for r in self.correlations.to_dict("records")}
        return pd.DataFrame(
            {
                "outcome": list(OUTCOMES.values()),
                "bend": [_told(self._row(o, "bend")) for o in OUTCOMES],
                "upper": [_told(self._row(o, "upper half of the rise")) for o in OUTCOMES],
                "shape": [_WORDS[self.shape(o)] for o in OUTCOMES],
                "correlation": [related.get(o, "") for o in OUTCOMES],
            }
        )

    def narrative(self) -> str:
        """Tell both shapes, how intention goes with behaviour, and how it is kept."""
        lines = [
            f"{OUTCOMES[o]}: {_WORDS[self.shape(o)]} (bend {_told(self._row(o, 'bend'))})" for o in OUTCOMES
        ]
        best = self.correlations.iloc[int(self.correlations["estimate"].abs().to_numpy().argmax())]
        over = self.calibration.iloc[-1]
        open_ones = [o for o in OUTCOMES if self.shape(o) == 0]
        power = (
            " What is not settled is not shown to be straight: a bend of "
            + ", ".join(f"{number(self._row(o, 'bend')['found_at_80'])} ({OUTCOMES[o]})" for o in open_ones)
            + " would be found four times in five."
            if open_ones
            else ""
        )
        return (
            f"Along {in_words(self.score)}, {'; '.join(lines)}.{power} Among the customers who answered, "
            f"intention goes with behaviour by a correlation of at most {_told(best)} "
            f"({OUTCOMES[str(best['outcome'])]}). They stated {percent(over['stated'])} on average, and "
            f"{percent(over['estimate'])} stayed the "
            f"{self.days:,} days after ({percent(over['conf_low'])} to {percent(over['conf_high'])}). "
            f"({100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Lines of intention and revenue along the score, each as a multiple of its mean."""
        drawn = self.levels[self.levels["outcome"].isin(["intent", "revenue"])]
        said, done = self.shape("intent"), self.shape("revenue")
        claim = (
            "Intention shows diminishing, spending increasing returns"
            if (said, done) == (-1, 1)
            else f"Intention: {_WORDS[said]}; spending: {_WORDS[done]}"
        )
        return Chart(
            kind="line",
            frame=drawn.assign(outcome=drawn["outcome"].map(OUTCOMES))[
                ["outcome", "score", "estimate", "conf_low", "conf_high"]
            ],
            x="score",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="outcome",
            x_label=f"{in_words(self.score)} [points]",
            y_label="Multiple of the mean",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=1.0,
        )

    def _row(self, outcome: str, quantity: str) -> dict[str, float]:
        found = self.table[(self.table["outcome"] == outcome) & (self.table["quantity"] == quantity)]
        return {str(name): value for name, value in found.iloc[0].items()}


def intent_against_behaviour(cells: pd.DataFrame, *, conf_level: float = 0.95) -> IntentAgainstBehaviour:
    """Answer whether behaviour follows satisfaction, and whether it follows stated intention.

    Parameters
    ----------
    cells
        What :func:`cemlab.data.intent_behaviour.intent_behaviour` counts, its ``attrs`` among it.
    conf_level
        Of each interval.

    Returns
    -------
    IntentAgainstBehaviour
        Its table has for each outcome slopes, bend and share of the rise with estimate, conf_low, conf_high.

    Raises
    ------
    ColumnError
        If the cells lack a column.
    DesignError
        If the answers take fewer than three scores or come from fewer than three branches, or intention or
        behaviour never differs.

    Notes
    -----
    Branches have levels of their own; errors are those of leaving each branch out, so that a customer's
    several answers may hang together. A bend depends on how the points of the score are spaced; intention and
    behaviour share the score, so that it is their difference that tells. The score's own error flattens
    both. Shares of a rise have Fieller's interval, without bounds where the rise may be nought.

    References
    ----------
    Mittal, V., & Kamakura, W. A. (2001). Satisfaction, repurchase intent, and repurchase behavior. Journal of
    Marketing Research 38, 131–142.
    Fieller, E. C. (1954). Some problems in interval estimation. Journal of the Royal Statistical Society B
    16, 175–185.

    Examples
    --------
    >>> cells = pd.DataFrame({"branch": list("aaabbbccc"), "score": [1.0, 2, 3] * 3, "n": 10.0})
    >>> cells = cells.assign(tenth=0.5, intent=[2.0, 4, 5, 3, 5, 6, 1, 3, 4.1], intent_sq=3.0,
    ...     lines_sq=1000.0, lines=[9.0, 10, 14, 5, 6, 10, 7, 8, 11.9],
    ...     revenue=[9.0, 10, 14, 5, 6, 10, 7, 8, 11.9],
    ...     revenue_sq=1000.0, stayed=[9.0, 8, 9, 7, 8, 9, 9, 9, 8], intent_lines=5.0, intent_revenue=5.0,
    ...     intent_stayed=3.0)
    >>> found = intent_against_behaviour(cells)
    >>> found.shape("intent"), found.shape("lines")
    (-1, 1)
    """
    check_conf_level(conf_level)
    found = answers(cells)
    # first, as it refuses what never differs
    related = correlations(found.said, conf_level=conf_level)
    apart = response(found, conf_level=conf_level)
    return IntentAgainstBehaviour(
        table=shapes(found.said, conf_level=conf_level),
        evidence=_evidence(cells, found.said, apart),
        conf_level=conf_level,
        levels=levels(found.said, conf_level=conf_level),
        correlations=related,
        calibration=calibration(found.said, conf_level=conf_level),
        response=apart,
        score=str(cells.attrs.get("score", "the score")),
        days=int(cells.attrs.get("days", 0)),
    )


def _evidence(cells: pd.DataFrame, said: pd.DataFrame, apart: pd.DataFrame) -> Evidence:
    n = int(said["n"].sum())
    asked = int(cells["n"].sum())
    different = [
        f"{OUTCOMES[r['outcome']]} {_told(r)}"
        for r in apart.to_dict("records")
        if not r["conf_low"] <= 0 <= r["conf_high"]
    ]
    ends = said.loc[said["score"].isin([said["score"].min(), said["score"].max()]), "n"].sum() / n
    return Evidence(
        grade="association",
        design=(
            "Customers of a branch with one score beside those with another; they differ in other ways too, "
            "and only those who answered are seen."
        ),
        unit="questionnaires",
        n_used=n,
        n_given=int(cells.attrs.get("n_given", asked)),
        source=str(cells.attrs.get("source", "")),
        assumptions=(
            "Those who answer with a score behave as those who would have given it and kept silent.",
            "When a questionnaire was sent does not go with its score.",
            "The points of the score are as far apart as they look.",
        ),
        checks=(
            Check(
                name="who answers",
                null="those who answered did afterwards what those did who kept silent",
                passed=None if apart.empty else not different,
                detail=(
                    f"{n:,} of {asked:,} asked answered ({percent(n / asked)}); {percent(ends)} of them with "
                    "the lowest or the highest score. "
                    + (
                        f"Answered less silent: {'; '.join(different)}."
                        if different
                        else "No difference seen."
                    )
                    + " Whether the angry and the delighted answer more often cannot be seen from behaviour."
                ),
                remedy="Read the curve as that of those who answer; weight it where their number is known.",
            ),
        ),
    )


def _told(row: Mapping[Any, Any] | pd.Series[Any]) -> str:
    if np.isinf(row["conf_low"]):
        return f"{number(row['estimate'])} (no bounds)"
    return with_interval(row)
