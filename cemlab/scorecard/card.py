"""The scorecard as a result: table, words and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.evidence import Evidence
from cemlab.markup import join_words, percent, percent_range
from cemlab.result import Result
from cemlab.scorecard.judging import A_FIFTH, COVERAGE, ENOUGH_SEEDS, Draws, figures, judge
from cemlab.scorecard.row import Row

_NOT_JUDGED = {"naive": "not judged"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Scorecard(Result):
    """What the methods say of many simulated companies, beside the truth about each.

    Parameters
    ----------
    table
        One row a planted truth: row, kind, notebook, world, planted, unit, no_effect; over the seeds the
        means truth and estimate (conf_low, conf_high: of the mean), bias with bias_low and bias_high,
        bias_share (of the effect, with its interval; above 0 the effect is overstated), coverage with
        coverage_low and coverage_high (Wilson), power (share of intervals that exclude no_effect), regret and
        regret_share (decisions only), n_seeds, n_refused; verdict ("green", "red", "naive"), reason and why.
    seeds
        Of the companies.
    customers
        Customers of each company.
    """

    seeds: tuple[int, ...]
    customers: int

    title: ClassVar[str] = "Scorecard: what was planted, and what the methods find"
    labels: ClassVar[dict[str, str]] = {
        "row": "What is looked for",
        "verdict": "Verdict",
        "truth": "Truth",
        "estimate": "Mean estimate",
        "bias": "Bias, share of the effect (interval)",
        "coverage": "Coverage (interval)",
        "power": "Power",
        "regret": "Regret",
    }

    def of(self, *verdicts: str) -> pd.DataFrame:
        """Return the rows with one of these verdicts."""
        return self.table[self.table["verdict"].isin(verdicts)].reset_index(drop=True)

    @property
    def enough_seeds(self) -> bool:
        """Whether there are enough seeds to judge a coverage by."""
        return len(self.seeds) >= ENOUGH_SEEDS

    @property
    def message(self) -> str:
        """What the scorecard says, in one line."""
        judged, red = self.of("green", "red"), self.of("red")
        if judged.empty:
            return "Nothing was judged; the rows show what a naive reading costs"
        good = len(judged) - len(red)
        if red.empty:
            return f"All {good} estimates find what was planted" if good > 1 else "What was planted is found"
        return f"{good} of {len(judged)} estimates find what was planted; {len(red)} {_are(len(red))} red"

    @property
    def summary(self) -> pd.DataFrame:
        """One row a planted truth: verdict, truth, mean estimate, bias, coverage, power, regret."""
        rows = self.table.to_dict("records")
        frame = pd.DataFrame(
            {
                "row": self.table["row"],
                "verdict": [_NOT_JUDGED.get(row["verdict"], row["verdict"]) for row in rows],
                "truth": [_short(row["truth"]) for row in rows],
                "estimate": [_short(row["estimate"]) for row in rows],
                "bias": [_share(row, "bias_share") for row in rows],
                "coverage": [_share(row, "coverage") for row in rows],
                "power": ["" if np.isnan(row["power"]) else percent(row["power"], digits=0) for row in rows],
                "regret": [
                    "" if np.isnan(row["regret"]) else f"{_short(row['regret'])} {row['unit']}"
                    for row in rows
                ],
            }
        )
        return frame if (self.table["kind"] == "decision").any() else frame.drop(columns="regret")

    def narrative(self) -> str:
        """Say how many rows are green, and of each red one what is wrong and what is known of it."""
        sentences = [f"{self.message}, over {len(self.seeds)} seeds of {self.customers:,} customers."]
        if not self.enough_seeds:
            sentences.append(
                f"With fewer than {ENOUGH_SEEDS} seeds the coverage itself is uncertain: no verdict is final."
            )
        sentences += [f"{row['row']}: {row['reason']}" for row in self.of("red").to_dict("records")]
        naive = self.of("naive").to_dict("records")
        if naive:
            told = [f"{row['row']} ({percent(row['bias_share'], digits=0)})" for row in naive]
            sentences.append(f"Bias of the naive readings, as a share of the effect: {join_words(told)}.")
        return " ".join(sentences)

    @property
    def chart(self) -> Chart:
        """Bias of each row as a share of the effect, with the bounds of what is tolerated."""
        return self._chart(
            "bias_share",
            claim=f"{self.message}: how far estimates lie from the truth on average",
            x_label="Bias as a share of the effect (above 0: overstated) [%]",
            band=(-A_FIFTH, A_FIFTH),
            limits=(-1.0, 1.0),
            reference=0.0,
        )

    @property
    def coverage_chart(self) -> Chart:
        """Coverage of each row's intervals, with the bounds of what is tolerated."""
        return self._chart(
            "coverage",
            claim=f"{self.message}: how often a 95 % interval holds the truth",
            x_label="Intervals that hold the truth [%]",
            band=COVERAGE,
            limits=(0.0, 1.0),
            reference=0.95,
        )

    def _chart(
        self, column: str, *, claim: str, x_label: str, band: tuple[float, float], **more: Any
    ) -> Chart:
        shown = self.table[np.isfinite(self.table[column])]
        if shown.empty:
            raise DesignError(f"no row has a {column.replace('_', ' ')} to draw")
        names = {"row": "row", "verdict": "verdict", column: "value"}
        names |= {f"{column}_low": "low", f"{column}_high": "high"}
        frame = shown[list(names)].rename(columns=names).reset_index(drop=True)
        frame["verdict"] = frame["verdict"].map(lambda verdict: _NOT_JUDGED.get(verdict, verdict))
        return Chart(
            kind="verdict",
            frame=frame,
            x="value",
            y="row",
            low="low",
            high="high",
            group="verdict",
            x_label=x_label,
            y_label="row",
            claim=claim,
            note=f"Shaded: what is tolerated. {self.caption}",
            grade=self.evidence.grade,
            percent=True,
            band=band,
            **more,
        )


def scorecard(
    rows: Sequence[Row], draws: Sequence[Draws], *, seeds: Sequence[int], customers: int
) -> Scorecard:
    """Return the scorecard of rows from what each gave on each seed.

    Parameters
    ----------
    rows, draws
        The rows, and their estimates and truths seed by seed.
    seeds, customers
        Of the companies.
    """
    records = []
    for row, drawn in zip(rows, draws, strict=True):
        found = figures(row, drawn)
        verdict, reason = judge(row.kind, found)
        said = {
            name: getattr(row, name) for name in ("kind", "notebook", "world", "planted", "unit", "no_effect")
        }
        records.append(
            {"row": row.name, **said, **asdict(found), "verdict": verdict, "reason": reason, "why": row.why}
        )
    worlds = list(dict.fromkeys(row.world for row in rows))
    n = len(seeds) * len(worlds)
    return Scorecard(
        table=pd.DataFrame(records),
        evidence=Evidence(
            grade="experiment",
            design=(
                f"A company with known truths, simulated in the {join_words(worlds)} world with "
                f"{customers:,} customers, once a seed; each estimate is made from its tables alone."
            ),
            unit="simulated companies",
            n_used=n,
            n_given=n,
            source="Halden, a fictional company",
            assumptions=(
                "A method that fails here fails on data of this kind; one that passes may fail on others.",
            ),
        ),
        seeds=tuple(seeds),
        customers=customers,
    )


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _short(value: float) -> str:
    return "not estimable" if np.isnan(value) else f"{value:z.3f}" if abs(value) < 1000 else f"{value:,.0f}"


def _share(row: dict[Any, Any], column: str) -> str:
    if np.isnan(row[column]):
        return ""
    if not np.isfinite(row[column]):
        return "beyond any share"
    digits = 0 if abs(row[column]) >= 10 else 1
    inside = percent_range(row[f"{column}_low"], row[f"{column}_high"], digits=digits)
    return f"{percent(row[column], digits=digits)} ({inside})"
