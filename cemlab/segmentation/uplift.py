"""What campaigns by lot change: the share that responds because it was asked, on average and by customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.campaign_cells import CampaignCells
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Evidence
from cemlab.markup import join_words, points
from cemlab.result import Result, check_conf_level
from cemlab.segmentation.cell_design import CellDesign, designs_of, finest
from cemlab.segmentation.learning import Learned, learn
from cemlab.segmentation.lot_checks import (
    lot_checks,
    not_estimable,
    overlap_check,
    recorded_check,
    tried_check,
)
from cemlab.stats.intervals import difference_of_shares, wilson
from cemlab.stats.seeds import generator

_ASSUMPTIONS = (
    "What was known beforehand is as it was on the day of the campaign.",
    "A customer's response does not depend on who else was treated.",
    "Given what is known beforehand, a customer responds to one run independently of the others.",
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Uplift(Result):
    """What each strategy changes in the share that responds.

    Parameters
    ----------
    table
        One row a strategy (feature and level ``"all"``), and one a strategy and value of a feature: strategy,
        feature, level, estimate, conf_low, conf_high (change of the share that responds; nan where it is
        not estimable), share_treated, share_untreated (shares that respond), n_treated, n_untreated.
    learned
        Strategy → what was learned of it; the strategies that are estimable.
    not_estimable
        Strategy → why nothing is known of it.
    design
        The values of features that any strategy keeps apart; each has a design of its own, in `learned`.
    index
        The cells, one row each: the features.
    """

    learned: Mapping[str, Learned]
    not_estimable: Mapping[str, str]
    design: CellDesign
    index: pd.DataFrame

    title: ClassVar[str] = "What campaigns change"
    labels: ClassVar[dict[str, str]] = {
        "strategy": "Strategy",
        "n_treated": "Treated",
        "n_untreated": "Left alone",
        "share_treated": "Respond if treated",
        "share_untreated": "Respond if left alone",
        "change": "Change",
    }

    @property
    def average(self) -> pd.DataFrame:
        """The average of each strategy: one row each of the table."""
        return self.table[self.table["feature"] == "all"].drop(columns=["feature", "level"])

    def by_cell(self) -> pd.DataFrame:
        """Return the change by cell, as the model of main effects and interactions has it.

        Returns
        -------
        pandas.DataFrame
            One row a strategy and cell: strategy, the features, estimate, conf_low, conf_high (posterior
            intervals: averaged over cells they cover as they say), n (participants).
        """
        from scipy.special import ndtri

        reach = float(ndtri((1 + self.conf_level) / 2))
        frames = []
        for name, learned in self.learned.items():
            z = learned.design.full(self.index)
            estimate = learned.effect.effect(z)
            spread = reach * np.sqrt((learned.effect.errors(z) ** 2).sum(axis=1))
            frame = self.index.assign(
                estimate=estimate,
                conf_low=estimate - spread,
                conf_high=estimate + spread,
                n=learned.n.sum(axis=(1, 2)).astype(np.int64),
            )
            frame.insert(0, "strategy", name)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a strategy: both arms and the change with its interval."""
        rows = self.average.to_dict("records")
        return pd.DataFrame(
            {
                "strategy": [row["strategy"] for row in rows],
                "n_treated": [row["n_treated"] for row in rows],
                "n_untreated": [row["n_untreated"] for row in rows],
                "change": [_in_points(row) for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell what each strategy changes, and of which nothing is known."""
        word = "changes" if self.evidence.identifies_cause else "goes with a difference in"
        parts = [
            f"{row['strategy']} {word} the share that responds by {_in_points(row)}"
            for row in self.average.to_dict("records")
            if row["strategy"] in self.learned
        ]
        text = f"Among {self.evidence.n_used:,} {self.evidence.unit}: {'; '.join(parts)}."
        for name, reason in self.not_estimable.items():
            text += f" Of {name} nothing is known: {reason}."
        if self.evidence.failed:
            text += f" Checks that failed: {join_words(check.name for check in self.evidence.failed)}."
        return text

    @property
    def chart(self) -> Chart:
        """Forest of the changes, a row a strategy."""
        frame = self.average.dropna(subset=["estimate"])
        top = frame.sort_values("estimate").iloc[-1]
        more = "more" if top["estimate"] >= 0 else "fewer"
        amount = points(abs(float(top["estimate"]))).lstrip("+")
        return Chart(
            kind="forest",
            frame=frame.reset_index(drop=True),
            x="estimate",
            y="strategy",
            low="conf_low",
            high="conf_high",
            x_label="Change of the share that responds [%]",
            y_label="Strategy",
            claim=f"{top['strategy']}: {amount} {more} respond with it than without",
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
            reference=0.0,
        )


def _in_points(row: Mapping[Any, Any]) -> str:
    if np.isnan(row["estimate"]):
        return "not estimable"
    low, high = 100 * row["conf_low"], 100 * row["conf_high"]
    return f"{points(row['estimate'])} ({low:+.1f} to {high:+.1f})"


def uplift(
    cells: CampaignCells,
    *,
    strategies: Sequence[str] | None = None,
    treated_share: float = 0.5,
    conf_level: float = 0.95,
    seed: int = 0,
) -> Uplift:
    """Answer what each campaign changes in the share that responds, and for whom.

    Money is put to it afterwards (:func:`cemlab.segmentation.strategies`), so that other margins and costs
    need no new fit.

    Parameters
    ----------
    cells
        From :func:`cemlab.data.campaign_cells.campaign_cells`.
    strategies
        The strategies in question; without any named, the kinds of campaigns with responses. One that was
        never tried stays without an estimate.
    treated_share
        Share to be treated by the design of the lot, between 0 and 1.
    conf_level
        Level of the intervals.
    seed
        For the draws behind the intervals of the values of rules.

    Returns
    -------
    Uplift
        Its table has strategy, feature, level, estimate, conf_low, conf_high, share_treated,
        share_untreated, n_treated, n_untreated: differences of shares with Newcombe's interval.

    Raises
    ------
    OptionError
        If strategies are no list or one is named twice, or the share is not between 0 and 1.
    DataError
        If counts contradict each other.
    DesignError
        If no strategy is estimable.

    Notes
    -----
    Each arm's response is predicted by a penalised logistic regression on main effects that did not see the
    customer's fold; the doubly robust scores made with it are regressed on main effects and pairwise
    interactions with penalties found by empirical Bayes (Kennedy 2023). Where the lot fails its checks the
    grade is ``"adjusted"``, no longer ``"experiment"``. On the simulated company a learner of two separate
    arms chooses as well, but has no distribution to draw decisions from.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics
    in Medicine 17, 873–890.
    Kennedy, E. H. (2023). Towards optimal doubly robust estimation of heterogeneous causal effects.
    Electronic Journal of Statistics 17, 3008–3049.
    """
    check_conf_level(conf_level)
    wanted = _wanted(cells, strategies)
    if not 0 < treated_share < 1:
        raise OptionError(f"treated_share is {treated_share!r}; give the share of the design, e.g. 0.5")
    _refuse_impossible(cells.table)
    reasons = not_estimable(cells, wanted)
    known = [name for name in wanted if name not in reasons]
    if not known:
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise DesignError(f"no strategy is estimable ({told}); it takes campaigns by lot with both arms")
    table = cells.table[cells.table["kind"].isin(known)]
    designs = designs_of(table, cells.features)
    index = table[list(cells.features)].drop_duplicates().sort_values(list(cells.features))
    index = index.reset_index(drop=True)
    rng = generator(seed)
    learned = {}
    for name in known:
        counts = _counts(table[table["kind"] == name], index, cells.folds)
        learned[name] = learn(*counts, index=index, design=designs[name], rng=rng)
    lot = lot_checks(cells, known, treated_share=treated_share)
    by_lot = all(check.passed is not False for check in lot)
    given = cells.given[cells.given["kind"].isin(wanted)]
    return Uplift(
        table=_table(cells, wanted, known, conf_level),
        evidence=Evidence(
            grade="experiment" if by_lot else "adjusted",
            design=f"Campaigns from {cells.first} to {cells.last}, customers treated or left alone by lot.",
            unit="participations",
            n_used=int(table["n"].sum()),
            n_given=int(given["n_given"].sum()),
            source=cells.source,
            assumptions=_ASSUMPTIONS,
            checks=(*lot, recorded_check(cells, known), overlap_check(designs), tried_check(reasons)),
        ),
        conf_level=conf_level,
        learned=learned,
        not_estimable=reasons,
        design=finest(designs),
        index=index,
    )


def _wanted(cells: CampaignCells, strategies: Sequence[str] | None) -> list[str]:
    if isinstance(strategies, str):
        raise OptionError(f"strategies is {strategies!r} where a list is meant, e.g. ({strategies!r},)")
    wanted = sorted(set(cells.given["kind"])) if strategies is None else list(strategies)
    if not wanted or len(set(wanted)) < len(wanted):
        raise OptionError(f"strategies are {wanted!r}; name one or more, each once")
    return wanted


def _refuse_impossible(table: pd.DataFrame) -> None:
    wrong = (table["n"] < 0) | (table["responses"] < 0) | (table["responses"] > table["n"])
    if wrong.any():
        raise DataError(
            f"cells: {int(wrong.sum()):,} hold more responses than customers, or fewer than none; count again"
        )


def _counts(own: pd.DataFrame, index: pd.DataFrame, folds: int) -> tuple[Any, Any]:
    """Return participants and responses of one kind, of shape (x, f, 2)."""
    cell = pd.MultiIndex.from_frame(index).get_indexer(pd.MultiIndex.from_frame(own[list(index.columns)]))
    place = cell, own["fold"].to_numpy(), own["treated"].to_numpy().astype(int)
    arrays = []
    for column in ("n", "responses"):
        array = np.zeros((len(index), folds, 2))
        np.add.at(array, place, own[column].to_numpy(dtype=float))
        arrays.append(array)
    return arrays[0], arrays[1]


def _table(cells: CampaignCells, wanted: list[str], known: list[str], conf_level: float) -> pd.DataFrame:
    """Differences of shares by strategy, and by strategy and value of a feature."""
    own = cells.table[cells.table["kind"].isin(known)]
    parts = [own.assign(feature="all", level="all")]
    parts += [own.assign(feature=name, level=own[name]) for name in cells.features]
    long = pd.concat(parts, ignore_index=True)
    order = {name: i for i, name in enumerate(["all", *cells.features])}
    counted = long.pivot_table(
        index=["kind", "feature", "level"],
        columns="treated",
        values=["n", "responses"],
        aggfunc="sum",
        fill_value=0,
    )
    n = {arm: counted["n", arm].to_numpy(dtype=np.int64) for arm in (True, False)}
    arms = [wilson(counted["responses", arm], n[arm], conf_level=conf_level) for arm in (True, False)]
    change = difference_of_shares(arms[0], arms[1])
    frame = pd.DataFrame(
        {
            "estimate": change.estimate,
            "conf_low": change.conf_low,
            "conf_high": change.conf_high,
            "share_treated": arms[0].estimate,
            "share_untreated": arms[1].estimate,
            "n_treated": n[True],
            "n_untreated": n[False],
        },
        index=counted.index,
    ).reset_index(names=["strategy", "feature", "level"])
    missing = [name for name in wanted if name not in known]
    if missing:
        blank = pd.DataFrame({"strategy": missing, "feature": "all", "level": "all"})
        frame = pd.concat([frame, blank.reindex(columns=frame.columns)], ignore_index=True)
        frame[["n_treated", "n_untreated"]] = frame[["n_treated", "n_untreated"]].fillna(0).astype(np.int64)
    rank = frame["strategy"].map({name: i for i, name in enumerate(wanted)})
    frame = frame.assign(_rank=rank, _order=frame["feature"].map(order))
    frame = frame.sort_values(["_order", "_rank", "level"]).drop(columns=["_rank", "_order"])
    return frame.reset_index(drop=True)
