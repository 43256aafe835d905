"""The excess defection of one year over the placebo years, taken apart by what it goes with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import ClassVar, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.loyalty.excess import Fate
from cemlab.loyalty.switching import UNITS, Switching
from cemlab.markup import join_words, points
from cemlab.result import Result, check_conf_level
from cemlab.stats.dirichlet_fates import FATES
from cemlab.stats.excess_parts import excess_parts, predicted_excess, yearly_excess
from cemlab.stats.intervals import FloatArray, Interval

_NAMES = {
    "economy": "economy",
    "experience": "experience",
    "offers": "rivals' offers",
    "rest": "none of these",
    "difference": "difference",
}
_BEYOND = 0.5  # of the range of the economy that was seen: farther out no scenario is told
_NODES = 25  # of the curve of scenarios, which is smooth: the error is far below a thousandth of a point


@dataclass(frozen=True, eq=False, kw_only=True)
class Decomposition(Result):
    """What the difference of one year's excess defection from that of the placebo years goes with.

    Parameters
    ----------
    table
        One row a part: part ("economy", "experience", "offers", as far as they were handed in, "rest", and
        "difference", which is their sum), estimate (difference of shares of the loyal), conf_low, conf_high,
        change (by how much the economy or the mean gap differs from the placebo years; nan for the others).
    years
        Excess of each year: year, role ("placebo", "asked about"), n_loyal, estimate, conf_low, conf_high.
    fate
        What is counted.
    switching
        The fit that it is made of.
    curve
        Chebyshev coefficients of the excess to be expected and of its variance over :attr:`macro_range`, so
        that a scenario takes no longer for a million households; None where the economy was left out.
    """

    years: pd.DataFrame
    fate: Fate
    switching: Switching
    curve: FloatArray | None = None

    title: ClassVar[str] = "What the excess defection goes with"
    labels: ClassVar[dict[str, str]] = {"part": "Goes with", "estimate": "Points", "change": "Change"}

    def of(self, part: str) -> Interval:
        """Return one part with its interval.

        Raises
        ------
        OptionError
            If there is no such part.
        """
        rows = self.table[self.table["part"] == part]
        if rows.empty:
            raise OptionError(one_of(part, self.table["part"], what="part"))
        low, high = rows["conf_low"].to_numpy()[0], rows["conf_high"].to_numpy()[0]
        return Interval(np.asarray(rows["estimate"].to_numpy()[0]), np.asarray(low), np.asarray(high))

    @property
    def summary(self) -> pd.DataFrame:
        """One row a part, in percentage points."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "part": [_NAMES[row["part"]] for row in rows],
                "estimate": [_in_points(row["estimate"], row["conf_low"], row["conf_high"]) for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the difference, its parts, and what cannot be told apart."""
        whole = self.of("difference")
        parts = [
            f"{_in_points(row['estimate'], row['conf_low'], row['conf_high'])} with {_NAMES[row['part']]}"
            for row in self.table.to_dict("records")
            if row["part"] != "difference"
        ]
        fates = self.switching.fitted.fit.fates
        caution = ""
        if fates.level is not None:
            caution = (
                f" {len(fates.level)} years cannot tell the economy from anything else that came with "
                f"{self.switching.focal}."
            )
        failed = self.evidence.failed
        told = f" Checks that failed: {join_words(check.name for check in failed)}." if failed else ""
        return (
            f"Beyond what the null expects, {_in_points(*map(float, whole))} more of the households loyal to "
            f"{self.switching.moves.brand} were lost in {self.switching.focal} than in "
            f"{join_words(self.switching.placebos)}. Of this go {', '.join(parts)}.{caution}{told}"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the parts in percentage points."""
        frame = self.table.assign(part=self.table["part"].map(_NAMES))
        for column in ("estimate", "conf_low", "conf_high"):
            frame[column] = 100 * frame[column]
        parts = [
            f"{points(row['estimate'])} with {_NAMES[row['part']]}"
            for row in self.table.to_dict("records")
            if row["part"] not in ("difference", "rest")
        ]
        told = f": {', '.join(parts)}" if parts else ", and nothing was recorded that it could go with"
        return Chart(
            kind="forest",
            frame=frame,
            x="estimate",
            y="part",
            low="conf_low",
            high="conf_high",
            x_label=f"Excess in {self.switching.focal} over the placebo years [points]",
            y_label="Goes with",
            claim=f"{points(float(self.of('difference').estimate))} more excess defection{told}",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )

    @property
    def macro_range(self) -> tuple[float, float]:
        """Levels of the economy, from that of the placebo years, within which a scenario is told.

        Raises
        ------
        DesignError
            If the economy was left out.
        """
        level = self.switching.fitted.fit.fates.level
        if level is None:
            raise DesignError("no economy was handed in, so there is no scenario: loyal_moves(…, macro=…)")
        return _range(level)

    def scenario(self, *, macro: float) -> Interval:
        """Return the excess to be expected of the year's loyal if the economy were at some level.

        Parameters
        ----------
        macro
            Level of the economy, counted from that of the placebo years (0), in the indicator's unit; the
            year asked about has :attr:`Switching.levels`. Ratings stay as they were.

        Returns
        -------
        Interval
            Share of the loyal lost beyond the null. An extrapolation of an association, not a forecast.

        Raises
        ------
        OptionError
            If the level is no number or far from all that was seen.
        DesignError
            If the economy was left out.
        """
        low, high = self.macro_range
        if not isinstance(macro, Real) or not low <= macro <= high:
            raise OptionError(
                f"macro is {macro!r}; allowed: {low:.3g} to {high:.3g}, half the seen range beyond what was "
                f"seen (unit: {UNITS[self.switching.indicator]}; 0 is the level of the placebo years)"
            )
        from scipy.special import ndtri

        place = (2 * macro - low - high) / (high - low)
        value, variance = np.polynomial.chebyshev.chebval(place, np.asarray(self.curve))
        error = float(ndtri((1 + self.conf_level) / 2)) * np.sqrt(max(float(variance), 0.0))
        return Interval(np.asarray(value), np.asarray(value - error), np.asarray(value + error))


def decompose(
    switching: Switching, *, fate: Fate = "fully defected", conf_level: float | None = None
) -> Decomposition:
    """Answer what the excess defection of a year, over that of the placebo years, goes with.

    The fitted logit predicts the excess with the economy and the mean gaps as in the year asked about, and
    with each of them set back to the placebo years. The parts are averaged over all orders of setting back
    (Shapley), and what the logit does not predict is the rest; the parts add up to the difference.

    Parameters
    ----------
    switching
        From :func:`cemlab.loyalty.switching`.
    fate
        What is counted: ``"fully defected"`` (left for another brand or left the category) or one of the
        fates.
    conf_level
        Level of the intervals; without it that of `switching`.

    Returns
    -------
    Decomposition
        Its table has part, estimate, conf_low, conf_high, change. The intervals are clustered by household
        and carry the error of the logit, of the mean gaps and of the null (linearised).

    Raises
    ------
    OptionError
        If the fate is unknown.

    Notes
    -----
    A part is slope times *change*. The levels of the gaps would not do: people rate better what they buy, so
    that ratings go with loyalty even where nothing changes; only if the ratings of the loyal changed
    between years has experience, or offers, a part in what changed. Of two factors that moved in one year
    alone no design of this kind can say which it was, and the economy takes whatever came with the year.

    References
    ----------
    Shapley, L. S. (1953). A value for n-person games. In H. W. Kuhn & A. W. Tucker (eds.), Contributions
    to the Theory of Games II, 307–317. Princeton University Press.
    """
    if fate not in get_args(Fate):
        raise OptionError(one_of(fate, get_args(Fate), what="fate"))
    level = switching.conf_level if conf_level is None else conf_level
    check_conf_level(level)
    fitted, lost = switching.fitted, _lost(fate)
    parts = fitted.intervals(lambda fit: excess_parts(fit, lost), conf_level=level)
    return Decomposition(
        table=pd.DataFrame(
            {
                "part": [*fitted.factors, "rest", "difference"],
                "estimate": parts.estimate,
                "conf_low": parts.conf_low,
                "conf_high": parts.conf_high,
                "change": [*_changes(switching), np.nan, np.nan],
            }
        ),
        evidence=replace(switching.evidence, assumptions=(*switching.evidence.assumptions, _SLOPES)),
        conf_level=level,
        years=_years(switching, lost, level),
        fate=fate,
        switching=switching,
        curve=None if fitted.fit.fates.level is None else _curve(switching, lost),
    )


_SLOPES = "The slope between households within a year holds for changes of the mean from year to year."


def _lost(fate: str) -> FloatArray:
    chosen = FATES[2:] if fate == "fully defected" else (fate,)
    return np.array([float(name in chosen) for name in FATES])


def _changes(switching: Switching) -> list[float]:
    fates = switching.fitted.fit.fates
    economy = [] if fates.level is None else [float(fates.level[fates.focal])]
    return [*economy, *(fates.mean_gaps[fates.focal] - fates.placebo_gaps).tolist()]


def _range(level: FloatArray) -> tuple[float, float]:
    """Return the levels within which a scenario is told: those seen, and half their range beyond."""
    low, high = min(0.0, float(level.min())), max(0.0, float(level.max()))
    return low - _BEYOND * (high - low), high + _BEYOND * (high - low)


def _curve(switching: Switching, lost: FloatArray) -> FloatArray:
    """Return the coefficients of the predicted excess and of its variance over the economy (nodes, 2)."""
    fitted = switching.fitted
    low, high = _range(np.asarray(fitted.fit.fates.level))
    nodes = np.polynomial.chebyshev.chebpts1(_NODES)
    told = []
    for level in (low + high + (high - low) * nodes) / 2:
        at = partial(predicted_excess, lost=lost, level=float(level))
        value, covariance = fitted.estimates(at)
        told.append((value[0], covariance[0, 0]))
    return np.asarray(np.polynomial.chebyshev.chebfit(nodes, np.array(told), _NODES - 1), dtype=np.float64)


def _years(switching: Switching, lost: FloatArray, conf_level: float) -> pd.DataFrame:
    fates = switching.fitted.fit.fates
    found = switching.fitted.intervals(lambda fit: yearly_excess(fit.fates, lost), conf_level=conf_level)
    return pd.DataFrame(
        {
            "year": switching.moves.years,
            "role": ["asked about" if i == fates.focal else "placebo" for i in range(fates.years)],
            "n_loyal": fates.per_year.astype(np.int64),
            "estimate": found.estimate,
            "conf_low": found.conf_low,
            "conf_high": found.conf_high,
        }
    )


def _in_points(estimate: float, low: float, high: float) -> str:
    return f"{points(estimate)} ({100 * low:+.1f} to {100 * high:+.1f})"
