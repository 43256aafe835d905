"""Departures from a no-change null over several years, and what they go with: the fit.

Households of several years are counted by fate. The null gives each household's chance of each fate; a
multinomial logit with the null as its offset says by how much the odds depart from it, and whether
departures go with the level of the economy in a year and with gaps that part of the households rated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cemlab.stats.maximum_likelihood import FloatArray
from cemlab.stats.multinomial_logit import MultinomialLogit, Pairs, multinomial_logit, row_scores

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class CountedFates:
    """Households of several years by fate: n cells, T years, F fates, G gaps.

    Parameters
    ----------
    year
        Number of the year, from 0 to T − 1, of shape (n,).
    fate
        Code of the fate, the first one compared with, of shape (n,).
    weight
        Households of each cell, of shape (n,).
    null
        Chance of each fate if nothing changed, positive, of shape (n, F).
    gaps
        What the cell's households rated, nan where they did not; of shape (n, G).
    level
        Level of the economy in each year, counted from that of the placebo years, of shape (T,); None to
        leave the economy out.
    focal
        The year that is asked about; all others are placebo years.
    pairs
        Cells that hold one household in two years, as for
        :func:`cemlab.stats.multinomial_logit.clustered_covariance`.
    """

    year: Ints
    fate: Ints
    weight: FloatArray
    null: FloatArray
    gaps: FloatArray
    level: FloatArray | None
    focal: int
    pairs: Pairs | None

    @cached_property
    def years(self) -> int:
        """How many years there are."""
        return int(self.year.max()) + 1

    @cached_property
    def per_year(self) -> FloatArray:
        """Households of each year, of shape (T,)."""
        return np.asarray(self._by_year(self.weight[:, None])[:, 0], dtype=np.float64)

    @cached_property
    def rated(self) -> Flags:
        """Where each gap is known, of shape (n, G)."""
        return ~np.isnan(self.gaps)

    @cached_property
    def rated_per_year(self) -> FloatArray:
        """Households with each gap known, by year, of shape (T, G)."""
        return self._by_year(self.weight[:, None] * self.rated)

    @cached_property
    def mean_gaps(self) -> FloatArray:
        """Mean of each gap in each year over those who rated, of shape (T, G)."""
        known = np.where(self.rated, self.gaps, 0.0)
        total = self._by_year(self.weight[:, None] * known)
        return np.asarray(total / self.rated_per_year, dtype=np.float64)

    @cached_property
    def placebo_shares(self) -> FloatArray:
        """Share of each year in the households of the placebo years, nought for the focal one (T,)."""
        counted = np.where(np.arange(self.years) == self.focal, 0.0, self.per_year)
        return np.asarray(counted / counted.sum(), dtype=np.float64)

    @cached_property
    def placebo_gaps(self) -> FloatArray:
        """Mean of each gap over the placebo years, of shape (G,)."""
        return np.asarray(self.placebo_shares @ self.mean_gaps, dtype=np.float64)

    @cached_property
    def filled_gaps(self) -> FloatArray:
        """The gaps from their placebo mean, of shape (n, G); who did not rate has the mean of the year."""
        filled = np.where(self.rated, self.gaps, self.mean_gaps[self.year])
        return np.asarray(filled - self.placebo_gaps, dtype=np.float64)

    def design(self) -> FloatArray:
        """Return the columns of the logit: one, the level of the economy, the gaps."""
        columns = [np.ones(len(self.year))]
        if self.level is not None:
            columns.append(self.level[self.year])
        return np.column_stack([*columns, self.filled_gaps])

    def _by_year(self, values: FloatArray) -> FloatArray:
        """Add up over the cells of each year: (n, k) to (T, k)."""
        total = np.zeros((self.years, values.shape[1]))
        np.add.at(total, self.year, values)
        return total


@dataclass(frozen=True, eq=False, kw_only=True)
class ExcessFit:
    """The fitted departures, with each household's influence on them.

    Parameters
    ----------
    fates
        What it was fitted to.
    logit
        The multinomial logit.
    on_gaps
        Influence of one household of each cell on the mean gap of each year, of shape (n, T · G).
    on_coefficients
        The same on the coefficients, in the order of the logit's covariance, of shape (n, p).
    """

    fates: CountedFates
    logit: MultinomialLogit
    on_gaps: FloatArray
    on_coefficients: FloatArray

    @property
    def first_gap(self) -> int:
        """Number of the first column of the design that is a gap."""
        return 1 if self.fates.level is None else 2


def fit_excess(
    fates: CountedFates, *, terms: tuple[str, ...] | None = None, names: tuple[str, ...] | None = None
) -> ExcessFit:
    """Fit the departures from the null.

    Parameters
    ----------
    fates
        The counted households.
    terms, names
        Names of the columns of the design and of the fates, for the errors.

    Returns
    -------
    ExcessFit
        Coefficients, and influences from which clustered errors of anything made of them follow.

    Raises
    ------
    DesignError
        As :func:`cemlab.stats.multinomial_logit.multinomial_logit`.

    Notes
    -----
    The slope of a gap is learnt from households of one year that rated differently; who did not rate has
    the year's mean. That the means are estimated is part of the influences.
    """
    design = fates.design()
    logit = multinomial_logit(
        design,
        fates.fate,
        n_fates=fates.null.shape[1],
        offset=np.log(fates.null),
        weights=fates.weight,
        terms=terms,
        fates=names,
    )
    on_gaps = _on_gaps(fates)
    scores = logit.scores + on_gaps @ _slope_of_scores(fates, logit, design).T
    return ExcessFit(fates=fates, logit=logit, on_gaps=on_gaps, on_coefficients=scores @ logit.covariance)


def _on_gaps(fates: CountedFates) -> FloatArray:
    """Return the influence of a household of each cell on each year's mean gaps (n, T · G)."""
    n, gaps = fates.gaps.shape
    influence = np.zeros((n, fates.years, gaps))
    away = np.where(fates.rated, fates.gaps - fates.mean_gaps[fates.year], 0.0)
    influence[np.arange(n), fates.year] = away / fates.rated_per_year[fates.year]
    return influence.reshape(n, -1)


def _slope_of_scores(fates: CountedFates, logit: MultinomialLogit, design: FloatArray) -> FloatArray:
    """Return how the summed scores move with each year's mean gaps, of shape (p, T · G)."""
    p = logit.probabilities(design, offset=np.log(fates.null))
    away = (fates.fate[:, None] == np.arange(p.shape[1])) - p
    gaps = fates.gaps.shape[1]
    slope = np.zeros((logit.scores.shape[1], fates.years, gaps))
    first = 1 if fates.level is None else 2
    for gap in range(gaps):
        rise = np.concatenate([[0.0], logit.coefficients[first + gap]])
        moved = row_scores(design, -p * (rise - (p @ rise)[:, None]))
        column = np.zeros((1, design.shape[1]))
        column[0, first + gap] = 1.0
        moved = moved + row_scores(np.repeat(column, len(p), axis=0), away)
        moved *= (fates.weight * ~fates.rated[:, gap])[:, None]
        for year in range(fates.years):
            slope[:, year, gap] = moved[fates.year == year].sum(axis=0)
    return slope.reshape(slope.shape[0], -1)
