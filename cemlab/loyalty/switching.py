"""What the fates of loyal households go with: a brand-switching logit beside the no-change null.

Whoever leaves a brand while unemployment rises has not left it for that reason alone; and people rate better
what they buy. So the figures here are associations, and only changes from year to year are put to use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import OptionError, one_of
from cemlab.evidence import Evidence
from cemlab.loyalty.market_null import StationaryMarket
from cemlab.loyalty.switching_checks import SHOCKS, switching_checks
from cemlab.loyalty.switching_fit import FACTORS, FittedMoves, fit_moves
from cemlab.loyalty.switching_moves import LoyalMoves
from cemlab.markup import join_words
from cemlab.result import Result, check_conf_level
from cemlab.stats.dirichlet_fates import FATES
from cemlab.stats.excess_fit import ExcessFit
from cemlab.stats.excess_parts import Estimates

Indicator = Literal["index", "unemployment", "confidence"]

UNITS: dict[str, str] = {
    "index": "standard deviation of the months",
    "unemployment": "point of unemployment",
    "confidence": "point of confidence",
}
CONSTANT = "placebo years, against the null"


@dataclass(frozen=True, eq=False, kw_only=True)
class Switching(Result):
    """Log-odds of each fate against staying loyal, beyond what the null expects.

    Parameters
    ----------
    table
        Three rows a term: term, fate, estimate (log-odds against "stayed loyal"), std_error, statistic,
        p_value, conf_low, conf_high, odds_ratio, odds_low, odds_high. The terms are the constant (departure
        from the null in the placebo years), the economy, the experience gap and the offer gap, as far as
        they were handed in, each for one unit.
    moves
        What was counted.
    fitted
        The fit, for :func:`cemlab.loyalty.decompose`.
    indicator
        What stands for the economy.
    """

    moves: LoyalMoves
    fitted: FittedMoves
    indicator: Indicator

    title: ClassVar[str] = "What the fates of the loyal go with"
    labels: ClassVar[dict[str, str]] = {"term": "Term", "fate": "Fate", "odds": "Odds ratio", "p": "p"}

    @property
    def focal(self) -> str:
        """Name of the year that is asked about."""
        return self.moves.years[self.fitted.fit.fates.focal]

    @property
    def placebos(self) -> tuple[str, ...]:
        """Names of the other years."""
        return tuple(year for year in self.moves.years if year != self.focal)

    @property
    def levels(self) -> pd.DataFrame:
        """Level of the economy and mean gaps of each year: year, economy (from the placebo years), gaps."""
        fates = self.fitted.fit.fates
        frame = pd.DataFrame({"year": self.moves.years})
        if fates.level is not None:
            frame["economy"] = fates.level
        for gap, mean in zip(self.moves.counts.gaps, fates.mean_gaps.T, strict=True):
            frame[gap] = mean
        return frame

    @property
    def summary(self) -> pd.DataFrame:
        """One row a term: the odds ratio of each fate against staying loyal, with its interval."""
        text = self.table.assign(
            odds=[
                f"{row['odds_ratio']:.2f} ({row['odds_low']:.2f} to {row['odds_high']:.2f})"
                for row in self.table.to_dict("records")
            ]
        )
        wide = text.pivot(index="term", columns="fate", values="odds")
        return (
            wide.reindex(index=self.table["term"].drop_duplicates(), columns=list(FATES[1:]))
            .reset_index()
            .rename_axis(columns=None)
        )

    def narrative(self) -> str:
        """Tell for each term the odds of leaving for another brand, and what the design cannot tell."""
        rows = self.table[self.table["fate"] == FATES[2]].to_dict("records")
        parts = [
            f"{row['term']} {row['odds_ratio']:.2f} ({row['odds_low']:.2f} to {row['odds_high']:.2f})"
            for row in rows
        ]
        failed = self.evidence.failed
        told = f" Checks that failed: {join_words(check.name for check in failed)}." if failed else ""
        return (
            f"{self.moves.n:,} times a household was loyal to {self.moves.brand} in the year before. The "
            "odds of leaving for another brand rather than staying loyal, beyond what the null expects, are "
            f"multiplied as follows, per unit: {'; '.join(parts)}. These are associations: people rate "
            f"better what they buy, and a year brings more than its economy.{told}"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the odds ratios of leaving for another brand."""
        rows = self.table[self.table["fate"] == FATES[2]].reset_index(drop=True)
        shown = rows[rows["term"] != CONSTANT] if len(rows) > 1 else rows
        row = shown.iloc[0]
        where = (
            "no clear difference in"
            if row["odds_low"] <= 1 <= row["odds_high"]
            else f"{row['odds_ratio']:.2f} times"
        )
        return Chart(
            kind="forest",
            frame=self.table,
            x="odds_ratio",
            y="term",
            low="odds_low",
            high="odds_high",
            group="fate",
            x_label="Odds ratio against staying loyal, beyond the null",
            y_label="Term",
            claim=f"“{row['term']}”: {where} the odds of leaving {self.moves.brand} for another brand",
            grade=self.evidence.grade,
            note=self.caption,
            log=True,
            reference=1.0,
        )


def switching(
    moves: LoyalMoves,
    *,
    null: StationaryMarket,
    follow_up: date | None = None,
    indicator: Indicator = "index",
    conf_level: float = 0.95,
) -> Switching:
    """Answer whether the fates of loyal households go with the economy, with experience or with offers.

    A multinomial logit of the four fates, whose offset is the chance of each fate under the null, given what
    the household bought in its base year: who was loyal by chance is expected to leave and counts for
    nothing. What remains are departures from the null.

    Parameters
    ----------
    moves
        From :func:`cemlab.loyalty.loyal_moves`.
    null
        From :func:`cemlab.loyalty.stationary_market`, fitted to one of the placebo years.
    follow_up
        First day of the follow-up year that is asked about; without it the last one. All others are placebo
        years.
    indicator
        What stands for the economy: ``"index"`` (mean of unemployment and lack of confidence, each in
        standard deviations of its months), ``"unemployment"`` [points] or ``"confidence"`` [points], as mean
        of the follow-up year, counted from the mean of the placebo years.
    conf_level
        Level of the intervals.

    Returns
    -------
    Switching
        Its table has term, fate, estimate (log-odds against staying loyal), std_error, statistic, p_value,
        conf_low, conf_high, odds_ratio, odds_low, odds_high. Errors are clustered by household and carry the
        error of the null's parameters, taken as independent of it.

    Raises
    ------
    OptionError
        If an option is unknown, or the null does not know the brand.
    DesignError
        If the economy did not move, too few rated, a fate never occurs, or a term separates the fates.

    Notes
    -----
    The experience gap is the brand's quality rating less that of the best rival rated; the offer gap the
    best rival's price rating less the brand's. Who did not rate has the mean gap of the year.

    The slopes of the gaps do not say what a better rating would do. People rate better what they buy
    (reverse causation), so that the slopes differ from nought even where nothing ever changes. Therefore
    :func:`cemlab.loyalty.decompose` uses changes of the mean gaps between years and not their levels.

    Assumes that a household's departure from the null has the same odds whatever its history, and that no
    year has a shock of its own: households are many but years are few, so where all that happens in a year
    moves the odds of leaving by 0.15 (standard deviation of the log-odds), an interval of 95 % for the
    economy's part holds the truth in about 78 % of cases.

    References
    ----------
    McFadden, D. (1974). Conditional logit analysis of qualitative choice behavior. In P. Zarembka (ed.),
    Frontiers in Econometrics, 105–142. Academic Press.
    Rust, R. T., Lemon, K. N. & Zeithaml, V. A. (2004). Return on marketing: using customer equity to focus
    marketing strategy. Journal of Marketing 68, 109–127.
    """
    check_conf_level(conf_level)
    if indicator not in get_args(Indicator):
        raise OptionError(one_of(indicator, get_args(Indicator), what="indicator of the economy"))
    if moves.economy is not None and indicator not in moves.economy.columns:
        raise OptionError(one_of(indicator, moves.economy.columns, what="indicator in the economy's table"))
    fitted = fit_moves(moves, null, focal=moves.transition(follow_up), indicator=indicator)
    return Switching(
        table=_table(fitted, indicator, conf_level),
        evidence=_evidence(moves, null, fitted, conf_level),
        conf_level=conf_level,
        moves=moves,
        fitted=fitted,
        indicator=indicator,
    )


def _coefficients(fit: ExcessFit) -> Estimates:
    return Estimates(value=fit.logit.coefficients.T.ravel(), influence=fit.on_coefficients)


def _table(fitted: FittedMoves, indicator: str, conf_level: float) -> pd.DataFrame:
    from scipy.special import ndtr

    found = fitted.intervals(_coefficients, conf_level=conf_level)
    _, covariance = fitted.estimates(_coefficients)
    error = np.sqrt(np.diag(covariance))
    units = {"economy": f" [{UNITS[indicator]}]", "experience": " [point]", "offers": " [point]"}
    terms = [CONSTANT, *(f"{FACTORS[name]}{units[name]}" for name in fitted.factors)]
    table = pd.DataFrame(
        {
            "term": terms * (len(FATES) - 1),
            "fate": np.repeat(FATES[1:], len(terms)),
            "estimate": found.estimate,
            "std_error": error,
            "statistic": found.estimate / error,
            "p_value": 2 * ndtr(-np.abs(found.estimate / error)),
            "conf_low": found.conf_low,
            "conf_high": found.conf_high,
            "odds_ratio": np.exp(found.estimate),
            "odds_low": np.exp(found.conf_low),
            "odds_high": np.exp(found.conf_high),
        }
    )
    order = {term: place for place, term in enumerate(terms)}
    return table.sort_values("term", key=lambda s: s.map(order), kind="stable").reset_index(drop=True)


def _evidence(moves: LoyalMoves, null: StationaryMarket, fitted: FittedMoves, conf_level: float) -> Evidence:
    assumptions = [
        "Under the null a household buys at a steady rate and by steady shares of its own (NBD-Dirichlet).",
        "A departure from the null multiplies the odds of a fate alike for every history.",
        "Who buys nothing in a follow-up year still reports to the panel.",
        SHOCKS,
    ]
    if moves.counts.gaps:
        assumptions.append("Who rated the brands does not differ in loyalty from who did not.")
    if null.draws is None:
        assumptions.append(
            "The null's parameters are taken as exact: no error of theirs is in the intervals."
        )
    return Evidence(
        grade="association",
        design=moves.design,
        unit="loyal household years",
        n_used=moves.n,
        n_given=moves.n,
        source=moves.source,
        assumptions=tuple(assumptions),
        checks=(*switching_checks(moves, fitted, conf_level), *null.checks, *moves.coverage()),
    )
