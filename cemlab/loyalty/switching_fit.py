"""The departures of several years from the null, fitted, with the error of the null carried along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cemlab.errors import DesignError
from cemlab.loyalty.fates import FEW
from cemlab.loyalty.history_null import brand_parameters
from cemlab.loyalty.market_null import StationaryMarket
from cemlab.loyalty.switching_moves import LoyalMoves
from cemlab.stats.dirichlet_fates import FATES
from cemlab.stats.dirichlet_trend import fates_given_history
from cemlab.stats.excess_fit import CountedFates, ExcessFit, fit_excess
from cemlab.stats.excess_parts import Estimates
from cemlab.stats.intervals import FloatArray, Interval

_STEP = 1e-3  # of the logarithms: far above rounding, far below the parameters' own errors
_SMALLEST = 1e-12  # a chance that the null takes for none would make the fate impossible whatever changes
#: What stands in the design for each factor.
FACTORS = {"economy": "economy", "experience": "experience gap", "offers": "offer gap"}


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedMoves:
    """The fit, and the same fit under nulls a little apart.

    Parameters
    ----------
    fit
        Under the null as it was estimated.
    around
        Under nulls with one log-parameter moved up or down: first all up, then all down.
    null_covariance
        Of the null's log-parameters; None where the null was stated and not estimated.
    factors
        What the design holds beside the constant, in its order.
    """

    fit: ExcessFit
    around: tuple[ExcessFit, ...]
    null_covariance: FloatArray | None
    factors: tuple[str, ...]

    def estimates(self, of: Callable[[ExcessFit], Estimates]) -> tuple[FloatArray, FloatArray]:
        """Return estimates made of the fit, with their covariance: of households, and of the null."""
        found = of(self.fit)
        covariance = found.covariance(self.fit.fates)
        if self.null_covariance is not None:
            values = np.array([of(other).value for other in self.around])
            half = len(values) // 2
            slope = (values[:half] - values[half:]) / (2 * _STEP)
            covariance = covariance + slope.T @ self.null_covariance @ slope
        return found.value, covariance

    def intervals(self, of: Callable[[ExcessFit], Estimates], *, conf_level: float) -> Interval:
        """Return the estimates with intervals (normal, clustered by household)."""
        from scipy.special import ndtri

        value, covariance = self.estimates(of)
        error = float(ndtri((1 + conf_level) / 2)) * np.sqrt(np.maximum(np.diag(covariance), 0.0))
        return Interval(value, value - error, value + error)


def fit_moves(moves: LoyalMoves, null: StationaryMarket, *, focal: int, indicator: str) -> FittedMoves:
    """Fit the departures from the null.

    Parameters
    ----------
    moves
        From :func:`cemlab.loyalty.loyal_moves`.
    null
        From :func:`cemlab.loyalty.stationary_market`.
    focal
        Number of the transition that is asked about.
    indicator
        Column of the economy.

    Raises
    ------
    DesignError
        If too few rated, the economy did not move, or a fate or a column cannot be told apart.
    """
    cells, gaps = moves.counts.cells, list(moves.counts.gaps)
    nulls, covariance = _nulls(moves, null)
    pairs = moves.counts.pairs
    fates = CountedFates(
        year=cells["transition"].to_numpy(dtype=np.int64),
        fate=cells["fate"].to_numpy(dtype=np.int64),
        weight=cells["n_households"].to_numpy(dtype=float),
        null=nulls[0],
        gaps=cells[gaps].to_numpy(dtype=float).reshape(len(cells), len(gaps)),
        level=_level(moves, focal, indicator),
        focal=focal,
        pairs=(
            pairs[["first", "second"]].to_numpy(dtype=np.int64),
            pairs["n_households"].to_numpy(dtype=float),
        ),
    )
    _refuse_few_rated(moves, fates)
    factors = ("economy",) * (fates.level is not None) + tuple(gaps)
    terms = ("constant", *(FACTORS[name] for name in factors))
    fits = [fit_excess(replace(fates, null=one), terms=terms, names=FATES) for one in nulls]
    return FittedMoves(fit=fits[0], around=tuple(fits[1:]), null_covariance=covariance, factors=factors)


def _nulls(moves: LoyalMoves, null: StationaryMarket) -> tuple[FloatArray, FloatArray | None]:
    """Return each cell's chances under the null, and under those around it (models, cells, 4)."""
    centre, covariance = brand_parameters(null, moves.brand)
    steps = np.zeros((1, 4))
    if covariance is not None:
        steps = np.concatenate([steps, _STEP * np.eye(4), -_STEP * np.eye(4)])
    mean, shape, alpha, rest = np.exp(centre + steps).T
    cells = moves.counts.cells
    chances = np.empty((len(steps), len(cells), len(FATES)))
    for number, year in enumerate(moves.years):
        here = (cells["transition"] == number).to_numpy()
        days, ahead = ((last - first).days + 1 for first, last in moves.periods[number : number + 2])
        held, place = np.unique(cells.loc[here, ["n_base", "x_base"]].to_numpy(), axis=0, return_inverse=True)
        assert len(held), year  # refused where the moves are counted
        chances[:, here] = fates_given_history(
            n=held[:, 0],
            x=held[:, 1],
            # the null's purchases are those of its own period
            mean=mean * days / null.base_days,
            shape=shape,
            alpha=alpha,
            rest=rest,
            threshold=moves.threshold,
            length=ahead / days,
        )[:, place.ravel()]
    chances = np.maximum(chances, _SMALLEST)
    return chances / chances.sum(axis=2, keepdims=True), covariance


def _level(moves: LoyalMoves, focal: int, indicator: str) -> FloatArray | None:
    """Return the economy of each year, counted from the mean of the placebo years."""
    if moves.economy is None:
        return None
    values = moves.economy[indicator].to_numpy(dtype=float)
    level = values - np.delete(values, focal).mean()
    if np.ptp(values) < 1e-9 * max(1.0, float(np.abs(values).max())):
        raise DesignError(
            f"the economy ({indicator}) is the same in all of {', '.join(moves.years)}, so that nothing can "
            "go with it; leave it out: loyal_moves(…, macro=None)"
        )
    return np.asarray(level, dtype=np.float64)


def _refuse_few_rated(moves: LoyalMoves, fates: CountedFates) -> None:
    if not fates.gaps.shape[1]:
        return
    year, gap = np.unravel_index(int(fates.rated_per_year.argmin()), fates.rated_per_year.shape)
    fewest = int(fates.rated_per_year[year, gap])
    if fewest < FEW:
        raise DesignError(
            f"{fewest} households loyal to {moves.brand!r} rated it and a rival in the year before "
            f"{moves.years[year]}, and {FEW} are needed in each year (column {moves.counts.gaps[gap]!r}); "
            "leave the ratings out: loyal_moves(…, ratings=None)"
        )
