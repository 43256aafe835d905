"""What save offers by lot change in the share that leaves: on average, by class, and by customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.save_offers import SaveCells
from cemlab.errors import DataError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, percent, points
from cemlab.result import Result, check_conf_level
from cemlab.saves.learners import Learner
from cemlab.saves.lot import CROSSED, FIRST_ONLY, few_check, grade_of, lot_checks, told_failed, undated_check
from cemlab.saves.trial import Trial, learn_trial
from cemlab.saves.uplift_figures import (
    calibration,
    change_table,
    ranked_curves,
    same_everywhere,
    sleeping_dogs,
)

_ASSUMPTIONS = (
    "Cues are as they were on the day before the offer.",
    "Whether one customer leaves does not depend on who else got an offer.",
)


@dataclass(frozen=True, eq=False, kw_only=True)
class SaveUplift(Result):
    """What a save offer changes in the share that leaves.

    Parameters
    ----------
    table
        One row over all (feature ``"all"``), one a class of risk (``"class"``), one a value of a cue:
        feature, level, estimate, conf_low, conf_high (change of the share that leaves by a controllable cause
        within the window; below 0 is good), share_with, share_without, n_with, n_without, n_other (ended by
        other causes).
    curve
        What offering to the first so many keeps: rule (``"by uplift"``, ``"by risk"``, ``"at random"``),
        share_offered, estimate, conf_low, conf_high (share of all considered that is kept by it).
    qini
        Radcliffe's coefficient of each ranking: rule, estimate, conf_low, conf_high; 0 is no better than
        chance.
    calibration
        Bands of predicted uplift, learned without the fold: band, predicted, estimate, conf_low, conf_high
        (share kept), n.
    sleeping_dogs
        One row a class: class, share (of those considered), estimate, conf_low, conf_high (change of the
        share that leaves), p_value (one-sided, that the offer drives nobody away), p_adjusted (Holm),
        harmful.
    trial
        The counts and models, for rules to be priced without a new fit.
    cells
        What it was learned from.
    """

    curve: pd.DataFrame
    qini: pd.DataFrame
    calibration: pd.DataFrame
    sleeping_dogs: pd.DataFrame
    trial: Trial
    cells: SaveCells

    title: ClassVar[str] = "What the save offer changes"
    labels: ClassVar[dict[str, str]] = {
        "class": "Class",
        "n_with": "Offered",
        "n_without": "Held back",
        "left_with": "Leave with it",
        "left_without": "Leave without",
        "change": "Change",
    }

    @property
    def by_class(self) -> pd.DataFrame:
        """The change by class of risk: one row a class."""
        rows = self.table[self.table["feature"] == "class"]
        return rows.drop(columns="feature").rename(columns={"level": "class"}).reset_index(drop=True)

    def by_cell(self) -> pd.DataFrame:
        """Return the predicted share kept by cell, from all folds.

        Returns
        -------
        pandas.DataFrame
            ``class``, the cues, ``estimate`` (share kept by the offer), ``conf_low``, ``conf_high``
            (posterior intervals of the doubly robust learner; missing for the others), ``n``.
        """
        from scipy.special import ndtri

        trial = self.trial
        known = trial.learner == "doubly robust"
        half = float(ndtri((1 + self.conf_level) / 2)) * np.where(known, trial.effect_errors(), np.nan)
        return trial.index.assign(
            estimate=trial.kept_all,
            conf_low=trial.kept_all - half,
            conf_high=trial.kept_all + half,
            n=trial.rows.sum(axis=1).astype(np.int64),
        )

    @property
    def summary(self) -> pd.DataFrame:
        """One row over all and one a class: both arms and the change with its interval."""
        rows = self.table[self.table["feature"].isin(["all", "class"])].to_dict("records")
        return pd.DataFrame(
            {
                "class": ["all" if row["feature"] == "all" else row["level"] for row in rows],
                "n_with": [row["n_with"] for row in rows],
                "n_without": [row["n_without"] for row in rows],
                "left_with": [percent(row["share_with"]) for row in rows],
                "left_without": [percent(row["share_without"]) for row in rows],
                "change": [_in_points(row) for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell what the offer changes by class, whom it drives away, and whether ranking by it helps."""
        word = "changes" if self.evidence.identifies_cause else "goes with a difference in"
        rows = self.by_class.to_dict("records")
        told = join_words(f"{_in_points(row)} in the class “{row['class']}”" for row in rows)
        dogs = self.sleeping_dogs[self.sleeping_dogs["harmful"]]
        if len(dogs):
            asleep = (
                f"Sleeping dogs: {join_words(map(str, dogs['class']))}, "
                f"{percent(float(dogs['share'].sum()))} of "
                "those considered, leave more often with an offer."
            )
        else:
            asleep = "In no class could it be shown that an offer drives customers away."
        qini = self.qini.set_index("rule").loc["by uplift"]
        ranked = "better than chance" if qini["conf_low"] > 0 else "not shown to be better than chance"
        failed = {check.name for check in self.evidence.failed}
        return (
            f"Among {self.evidence.n_used:,} customers considered, the offer {word} the share that leaves "
            f"within {self.cells.window_days} days by {told}. {asleep} Ranking by predicted uplift is "
            f"{ranked} (Qini {qini['estimate']:.3f}, {qini['conf_low']:.3f} to {qini['conf_high']:.3f})."
            + (f" {FIRST_ONLY}" if CROSSED in failed else "")
            + told_failed(self.evidence)
        )

    @property
    def chart(self) -> Chart:
        """Forest of the change by class."""
        frame = self.by_class.sort_values("estimate", ignore_index=True)
        best, last = frame.iloc[0], frame.iloc[-1]
        claim = f"{_sentence(best['class'])}: {points(float(best['estimate']))} leave with an offer"
        if len(frame) > 1:
            claim += f"; {last['class']}: {points(float(last['estimate']))}"
        return Chart(
            kind="forest",
            frame=frame,
            x="estimate",
            y="class",
            low="conf_low",
            high="conf_high",
            x_label=f"Change of the share that leaves within {self.cells.window_days} days [%]",
            y_label="Class of risk",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
            reference=0.0,
        )

    @property
    def curve_chart(self) -> Chart:
        """Lines of the share kept by the share offered, for each ranking."""
        qini = self.qini.set_index("rule")["estimate"]
        return Chart(
            kind="line",
            frame=self.curve,
            x="share_offered",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="rule",
            x_label="Share of those considered who get an offer",
            y_label="Kept by it, of all considered [%]",
            claim=(
                f"Ranked by uplift the Qini is {qini['by uplift']:.3f}, ranked by risk {qini['by risk']:.3f}"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )

    @property
    def calibration_chart(self) -> Chart:
        """Forest of the share kept by bands of what was predicted."""
        frame = self.calibration.assign(
            told=[f"predicted {points(float(value))}" for value in self.calibration["predicted"]]
        )
        inside = (
            (frame["predicted"] >= frame["conf_low"]) & (frame["predicted"] <= frame["conf_high"])
        ).sum()
        return Chart(
            kind="forest",
            frame=frame,
            x="estimate",
            y="told",
            low="conf_low",
            high="conf_high",
            x_label="Share kept by the offer, as seen [%]",
            y_label="Band of predicted uplift",
            claim=f"In {inside} of {len(frame)} bands the interval holds what was predicted",
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
            reference=0.0,
        )


def _sentence(text: object) -> str:
    words = str(text)
    return words[:1].upper() + words[1:]


def _in_points(row: Mapping[Any, Any]) -> str:
    low, high = 100 * row["conf_low"], 100 * row["conf_high"]
    return f"{points(row['estimate'])} ({low:+.1f} to {high:+.1f})"


def save_uplift(
    cells: SaveCells,
    *,
    offer: str | None = None,
    learner: Learner = "doubly robust",
    treated_share: float | Mapping[str, float] = 0.5,
    bands: int = 5,
    conf_level: float = 0.95,
    seed: int = 0,
) -> SaveUplift:
    """Answer whom a save offer keeps, whom it leaves cold, and whom it drives away.

    Parameters
    ----------
    cells
        From :func:`cemlab.data.save_offers.save_offer_cells`.
    offer
        The offer in question; needed where there are several.
    learner
        ``"doubly robust"``, ``"two models"``, ``"x"`` or ``"interactions"``; all cross-fitted. See
        :func:`cemlab.saves.learners.effects_by`.
    treated_share
        Share to get the offer by the design of the lot, between 0 and 1; class → share where the lot was
        drawn by class.
    bands
        Bands of predicted uplift in the calibration, 2 to 20.
    conf_level
        Level of the intervals.
    seed
        For resampling and draws.

    Returns
    -------
    SaveUplift
        Its table has feature, level, estimate, conf_low, conf_high, share_with, share_without, n_with,
        n_without, n_other: differences of cumulative incidences with Newcombe's interval.

    Raises
    ------
    OptionError
        If an option is none of the allowed, or several offers are there and none is named.
    DesignError
        If there is one arm only, over all or in a class, or there are too few customers for the folds.
    DataError
        If `cells` are none, or counts contradict each other.

    Notes
    -----
    Leaving by a cause that no offer can act on (moved, deceased) competes: such a customer did not leave by a
    controllable cause, which makes the share a cumulative incidence; every window lies inside the data. Where
    the lot fails its checks the grade is ``"adjusted"``; where its shares moved from month to month, or many
    got another offer within the window, ``"association"``. Where classes got the offer in different shares,
    figures over several classes are weighted by class. Errors of curves are of resampled customers, and
    allow for that the ranking, which did not see the customer's fold, was learned. Classes are tested for
    harm by Fisher's exact test, one-sided, with Holm's adjustment.

    References
    ----------
    Ascarza, E. (2018). Retention futility: targeting high-risk customers might be ineffective. Journal of
    Marketing Research 55, 80–98.
    Kennedy, E. H. (2023). Towards optimal doubly robust estimation of heterogeneous causal effects.
    Electronic Journal of Statistics 17, 3008–3049.
    Luedtke, A. R. & van der Laan, M. J. (2016). Statistical inference for the mean outcome under a possibly
    non-unique optimal treatment strategy. Annals of Statistics 44, 713–742.
    Zou, G. Y. & Donner, A. (2008). Construction of confidence limits about effect measures: a general
    approach. Statistics in Medicine 27, 1693–1702.

    Examples
    --------
    >>> from cemlab import simulate
    >>> from cemlab.data.save_offers import save_offer_cells
    >>> company = simulate.company(customers=2000)
    >>> cells = save_offer_cells(company.table("save_offers"), subscriptions=company.table("subscriptions"),
    ...                          as_of=company.info.as_of, cues=("risk", "plan"))
    >>> save_uplift(cells).by_class["class"].tolist()
    ['high risk', 'low risk', 'middle risk']
    """
    if not isinstance(cells, SaveCells):
        raise DataError(f"cells is of type {type(cells).__name__}; hand in what save_offer_cells returned")
    check_conf_level(conf_level)
    if isinstance(bands, bool) or not isinstance(bands, int) or not 2 <= bands <= 20:
        raise OptionError(f"bands is {bands!r}; give 2 to 20, e.g. 5")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise OptionError(f"seed is {seed!r}; give a whole number from 0")
    _check_share(treated_share, cells)
    by_class = isinstance(treated_share, Mapping)
    trial = learn_trial(cells, offer=offer, learner=learner, seed=seed, by_class=by_class)
    table = change_table(cells, trial, conf_level)
    curve, qini = ranked_curves(trial, conf_level, seed)
    return SaveUplift(
        table=table,
        evidence=_evidence(cells, trial, table, treated_share),
        conf_level=conf_level,
        curve=curve,
        qini=qini,
        calibration=calibration(trial, bands, conf_level),
        sleeping_dogs=sleeping_dogs(table, conf_level),
        trial=trial,
        cells=cells,
    )


def _check_share(treated_share: object, cells: SaveCells) -> None:
    shares = treated_share.values() if isinstance(treated_share, Mapping) else [treated_share]
    for share in shares:
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
            raise OptionError(f"treated_share is {share!r}; give the share of the design, e.g. 0.5")
    names = sorted(set(map(str, cells.table["class"])))
    if isinstance(treated_share, Mapping) and sorted(map(str, treated_share)) != names:
        raise OptionError(
            f"treated_share is of {join_words(map(str, treated_share)) or 'no class'}; the classes are "
            f"{join_words(names)}"
        )


def _evidence(
    cells: SaveCells, trial: Trial, table: pd.DataFrame, treated_share: float | Mapping[str, float]
) -> Evidence:
    lot = lot_checks(cells, trial, treated_share=treated_share)
    test = same_everywhere(table)
    out = [f"{n:,} {reason}" for reason, n in cells.left_out.items() if n]
    n_used = int(trial.n.sum())
    return Evidence(
        grade=grade_of(lot),
        design=(
            f"Customers considered from {cells.first} to {cells.last}, offered “{trial.offer}” or held "
            f"back by lot; leaving by {join_words(cells.controllable)} within {cells.window_days} days. "
            f"Other causes ({join_words(cells.uncontrollable) or 'none'}) compete."
            + (" Figures over several classes are weighted by class." if trial.by_class else "")
            + (f" {FIRST_ONLY}" if any(c.name == CROSSED and c.passed is False for c in lot) else "")
        ),
        unit="customers",
        n_used=n_used,
        n_given=cells.n_given,
        source=cells.source,
        assumptions=_ASSUMPTIONS,
        checks=(
            *lot,
            *undated_check(cells),
            few_check(trial),
            Check(
                name="complete windows",
                null=f"every offer has its {cells.window_days} days inside the data",
                passed=True if not out else None,
                detail=f"Left out: {'; '.join(out)}." if out else "Every one has.",
            ),
        ),
        tests=() if test is None else (test,),
    )
