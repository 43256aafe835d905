"""How much of what experience goes with in profit goes by way of what customers do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import ColumnError, DataError, OptionError, one_of
from cemlab.evidence import Evidence
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.mediation_sensitivity import MediationSensitivity, sensitivity_of
from cemlab.linkage.naming import in_words
from cemlab.linkage.panel_reading import linked_panel
from cemlab.linkage.way_columns import levels_words, refuse_missing_halves, require_rows
from cemlab.linkage.within_moments import within_moments
from cemlab.markup import join_words, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.half_moments import Delta, Floats, HalfMoments
from cemlab.stats.mediated import paths
from cemlab.stats.seeds import generator

_DRAWS = 20_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Mediation(Result):
    """Paths from a score to an outcome: by way of mediators, directly, and in all.

    Parameters
    ----------
    table
        One row a path: path, mediator (empty for the direct path and the total), estimate (of the outcome for
        a point of the score more), std_error (delta method), conf_low, conf_high (Monte Carlo), share (of the
        total), share_low, share_high (missing where the total itself is not settled).
    legs
        One row a mediator: mediator, to (mediator per point of the score), to_low, to_high, from (outcome per
        unit of the mediator, score and other mediators equal), from_low, from_high.
    mediators, score, outcome, outcome_unit
        The columns.
    moments
        Of the score, the mediators and the outcome: everything is worked out from them.
    """

    legs: pd.DataFrame
    mediators: tuple[str, ...]
    score: str
    outcome: str
    outcome_unit: str
    moments: HalfMoments

    title: ClassVar[str] = "From experience to money, by way of what customers do"
    labels: ClassVar[dict[str, str]] = {
        "path": "Path",
        "estimate": "For a point more (interval)",
        "share": "Share of the total (interval)",
    }

    def sensitivity(
        self, *, mediator: str | None = None, rhos: npt.ArrayLike | None = None
    ) -> MediationSensitivity:
        """Answer how strong something unseen must be to leave nothing of the way by a mediator.

        Parameters
        ----------
        mediator
            Which; needed where there are several. It is then looked at alone.
        rhos
            Correlations of what is left of mediator and outcome, above -1 and below 1; -0.9 to 0.9 without.

        Raises
        ------
        OptionError
            If no such mediator is there, or a rho is out of range.
        """
        if mediator is None and len(self.mediators) > 1:
            raise OptionError(f"there are {len(self.mediators)} mediators; name one: mediator=…")
        name = self.mediators[0] if mediator is None else mediator
        if name not in self.mediators:
            raise OptionError(one_of(name, self.mediators, what="mediator"))
        place = 1 + self.mediators.index(name)
        return sensitivity_of(
            self.moments.of(0, place, len(self.mediators) + 1),
            mediator=name,
            score=self.score,
            outcome=self.outcome,
            rhos=np.linspace(-0.9, 0.9, 37) if rhos is None else rhos,
            evidence=self.evidence,
            conf_level=self.conf_level,
        )

    @property
    def summary(self) -> pd.DataFrame:
        """One row a path."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "path": self.table["path"].map(in_words),
                "estimate": [with_interval(r) for r in rows],
                "share": [
                    "not to be told"
                    if np.isnan(r["share_low"])
                    else f"{percent(r['share'], digits=0)} ({percent(r['share_low'], digits=0)} to "
                    f"{percent(r['share_high'], digits=0)})"
                    for r in rows
                ],
            }
        )

    def narrative(self) -> str:
        """Tell the total, the ways, and what must be taken for granted."""
        total = self.table.iloc[-1]
        unit = f" {self.outcome_unit}" if self.outcome_unit else ""
        told = [
            f"{in_words(r['path'])} {with_interval(r)}"
            + ("" if np.isnan(r["share_low"]) else f", {percent(r['share'], digits=0)} of it")
            for r in self.table.iloc[:-1].to_dict("records")
        ]
        ways = join_words(map(in_words, self.mediators))
        return (
            f"A point more of {self.score} {self.evidence.relation} {with_interval(total)}{unit} of "
            f"{in_words(self.outcome)}: {'; '.join(told)}. "
            f"That {ways} is the way and no mere companion is an assumption: "
            f"{self.evidence.assumptions[0][0].lower()}{self.evidence.assumptions[0][1:]} "
            f"({self.evidence.n_used:,} {self.evidence.unit}, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the paths."""
        ways = self.table[self.table["mediator"] != ""]
        sure = ways[(ways["conf_low"] > 0) | (ways["conf_high"] < 0)]
        named = join_words(map(in_words, sure["mediator"] if len(sure) else self.mediators))
        claim = (
            f"Part of what goes with {self.score} goes by way of {named}"
            if len(sure)
            else f"Whether any of it goes by way of {named} is not settled"
        )
        return Chart(
            kind="forest",
            frame=self.table[["path", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="path",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.outcome} for a point more of {self.score} [{self.outcome_unit or 'its unit'}]",
            y_label="path",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def mediation(
    panel: pd.DataFrame,
    *,
    outcome: str,
    mediators: Sequence[str],
    score: str = "cx",
    halves: tuple[str, str] | None = ("cx_a", "cx_b"),
    unit: str = "branch",
    time: str = "month",
    weights: str | None = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
    draws: int = _DRAWS,
    seed: int = 1,
    outcome_unit: str = "",
    source: str = "",
) -> Mediation:
    """Answer how much of what experience goes with in profit goes by way of what customers do.

    Parameters
    ----------
    panel
        One row a branch and month.
    outcome
        E.g. profit_per_customer.
    mediators
        Columns of numbers, e.g. ``["spend_per_customer"]``; several are taken side by side.
    score, halves, unit, time, weights, cluster
        As in :func:`cemlab.linkage.ways`.
    conf_level
        Of the intervals.
    draws, seed
        Of the Monte Carlo intervals of products.
    outcome_unit, source
        As they are shown.

    Returns
    -------
    Mediation
        Its table has one row a way, one for the direct path and one for the total, which is their sum.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        As of :func:`cemlab.linkage.linked_panel`; for no mediator, or one of texts.

    Notes
    -----
    Linear paths within branches and months, the error of the score taken out by its halves in all of them. A
    product of two estimates is not normal: its interval is that of draws of both together from a t with
    clusters less one degrees of freedom. The grade is "association", whatever the panel: that nothing unseen
    moves mediator and outcome (sequential ignorability) is never given by the data; see
    :meth:`Mediation.sensitivity`.

    References
    ----------
    Imai, K., Keele, L., & Yamamoto, T. (2010). Identification, inference and sensitivity analysis for causal
    mediation effects. Statistical Science 25, 51–71. MacKinnon, D. P., Lockwood, C. M., & Williams, J.
    (2004). Confidence limits for the indirect effect. Multivariate Behavioral Research 39, 99–128.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rows = pd.DataFrame({"branch": np.repeat(np.arange(30), 20), "month": np.tile(np.arange(20), 30),
    ...                      "cx": rng.standard_normal(600)})
    >>> rows["spend"] = 3 * rows["cx"] + rng.standard_normal(600)
    >>> rows["profit"] = 0.5 * rows["spend"] + 0.5 * rows["cx"] + 0.1 * rng.standard_normal(600)
    >>> found = mediation(rows, outcome="profit", mediators=["spend"], halves=None)
    >>> found.table[["path", "estimate"]].round(1).values.tolist()
    [['by way of spend', 1.5], ['direct', 0.5], ['total', 2.0]]
    """
    check_conf_level(conf_level)
    require_rows(panel)
    refuse_missing_halves(panel, halves)
    names = _mediators(panel, mediators, outcome=outcome, score=score)
    _check_draws(draws)
    linked = linked_panel(
        panel,
        outcome=outcome,
        score=score,
        unit=unit,
        time=time,
        controls=names,
        halves=halves,
        weights=weights,
        cluster=cluster,
        outcome_unit=outcome_unit,
        source=source,
    )
    moments = within_moments(linked, np.column_stack([linked.controls, linked.outcome]))
    found = paths(moments)
    drawn = _draws(found, len(names), moments.df, draws, seed)
    return Mediation(
        table=_table(found, drawn, names, conf_level, moments.df),
        evidence=_evidence(linked, halves is not None),
        conf_level=conf_level,
        legs=_legs(found, names, conf_level, moments.df),
        mediators=tuple(names),
        score=score,
        outcome=outcome,
        outcome_unit=outcome_unit,
        moments=moments,
    )


def _mediators(panel: pd.DataFrame, mediators: Sequence[str], *, outcome: str, score: str) -> list[str]:
    if isinstance(mediators, str) or not len(mediators):
        raise OptionError(f"mediators are {mediators!r}; give columns in a list, e.g. ['spend_per_customer']")
    for name in mediators:
        if name not in panel.columns:
            raise ColumnError(f"panel: {one_of(name, map(str, panel.columns), what='column')}")
        if name in (outcome, score):
            part = "outcome" if name == outcome else "score"
            raise OptionError(f"the column {name!r} is to be {part} and mediator; a way lies between the two")
        if pd.api.types.is_string_dtype(panel[name]):
            raise DataError(f"panel, column {name!r}: a mediator is a number for each row, and this is text")
    return list(dict.fromkeys(mediators))


def _check_draws(draws: int) -> None:
    if isinstance(draws, bool) or not isinstance(draws, int) or not 1_000 <= draws <= 1_000_000:
        raise OptionError(f"draws is {draws!r}; allowed: a whole number from 1,000 to 1,000,000")


def _draws(found: Delta, k: int, df: int, draws: int, seed: int) -> Floats:
    """Return draws of each way, of all together, of the direct path and of the total: (draws, k + 3)."""
    rng = generator(seed)
    free = 2 * k + 1
    values, vectors = np.linalg.eigh(found.covariance[:free, :free])
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    scale = np.sqrt(df / rng.chisquare(df, draws))
    drawn = found.estimate[:free] + scale[:, None] * (rng.standard_normal((draws, free)) @ root.T)
    ways = drawn[:, :k] * drawn[:, k : 2 * k]
    together, direct = ways.sum(axis=1), drawn[:, 2 * k]
    return np.column_stack([ways, together, direct, together + direct])


def _table(found: Delta, drawn: Floats, names: list[str], conf_level: float, df: int) -> pd.DataFrame:
    from scipy.special import stdtrit

    k = len(names)
    estimate = np.concatenate([found.estimate[:k] * found.estimate[k : 2 * k], found.estimate[2 * k :]])
    together = estimate[:k].sum()
    # how ways, their sum, direct path and total change with the legs
    slope = np.zeros((k + 3, 2 * k + 2))
    slope[np.arange(k), np.arange(k)] = found.estimate[k : 2 * k]
    slope[np.arange(k), k + np.arange(k)] = found.estimate[:k]
    slope[k] = slope[:k].sum(axis=0)
    slope[k + 1, 2 * k] = slope[k + 2, 2 * k + 1] = 1.0
    error = np.sqrt(np.clip(np.diagonal(slope @ found.covariance @ slope.T), 0.0, None))
    estimate = np.insert(estimate, k, together)
    tails = [(1 - conf_level) / 2, (1 + conf_level) / 2]
    low, high = np.quantile(drawn, tails, axis=0)
    reach = float(stdtrit(df, tails[1])) * error[k + 2]
    low[k + 2], high[k + 2] = estimate[k + 2] - reach, estimate[k + 2] + reach
    settled = low[k + 2] > 0 or high[k + 2] < 0
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.quantile(drawn / drawn[:, -1:], tails, axis=0) if settled else np.full((2, k + 3), np.nan)
        share = estimate / estimate[-1]
    frame = pd.DataFrame(
        {
            "path": [*(f"by way of {name}" for name in names), "by all these ways", "direct", "total"],
            "mediator": [*names, "", "", ""],
            "estimate": estimate,
            "std_error": error,
            "conf_low": low,
            "conf_high": high,
            "share": share,
            "share_low": ends[0],
            "share_high": ends[1],
        }
    )
    return frame if k > 1 else frame.drop(index=k).reset_index(drop=True)


def _legs(found: Delta, names: list[str], conf_level: float, df: int) -> pd.DataFrame:
    from scipy.special import stdtrit

    k = len(names)
    reach = float(stdtrit(df, (1 + conf_level) / 2)) * found.std_error
    frame: dict[str, Any] = {"mediator": names}
    for leg, at in (("to", slice(0, k)), ("from", slice(k, 2 * k))):
        frame[leg] = found.estimate[at]
        frame[f"{leg}_low"] = found.estimate[at] - reach[at]
        frame[f"{leg}_high"] = found.estimate[at] + reach[at]
    return pd.DataFrame(frame)


def _evidence(linked: LinkedPanel, halved: bool) -> Evidence:
    unit, time = in_words(linked.unit_name), in_words(linked.time_name)
    return Evidence(
        grade="association",
        design=f"{levels_words(unit, time)} products of slopes; which comes first, and that nothing "
        "else moves both, is taken for granted and not shown.",
        unit=f"{unit}-{time}s",
        n_used=len(linked.outcome),
        n_given=linked.n_given,
        source=linked.source,
        assumptions=(
            "Sequential ignorability: nothing unrecorded moves experience and mediator or outcome within a "
            f"{unit}, and, at equal experience, nothing unrecorded moves mediator and outcome.",
            "Paths are linear and the same everywhere; experience does not change what a unit of the "
            "mediator is worth.",
            "The mediator is measured without error.",
            *(("The errors of both halves of the score are independent.",) if halved else ()),
        ),
        checks=linked.checks,
    )
