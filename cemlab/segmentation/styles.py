"""What is behind the answers: consumer styles by exploratory factor analysis, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.markup import join_words, percent
from cemlab.result import Result, check_conf_level
from cemlab.segmentation.answers import check_draws, numeric_items, read_answers
from cemlab.segmentation.style_samples import evidence_of, parallel_analysis, resample, style_tables
from cemlab.stats.cross_products import correlation_of
from cemlab.stats.factor_analysis import ScoreMethod, factor_analysis, score_weights
from cemlab.stats.rotation import Rotation, arrange, rotate

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_SHOWN = 0.4  # loadings from which an item is named under a style


@dataclass(frozen=True, eq=False, kw_only=True)
class StyleModel:
    """What turns answers into scores.

    Parameters
    ----------
    mean, spread
        Of the items among those the model was fitted to, of shape (p,).
    correlation
        Of the items, of shape (p, p).
    loadings, uniquenesses, between
        Rotated loadings (p, k), uniquenesses (p,) and correlations of the styles (k, k).
    """

    mean: FloatArray
    spread: FloatArray
    correlation: FloatArray
    loadings: FloatArray
    uniquenesses: FloatArray
    between: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Styles(Result):
    """The styles behind the answers.

    Parameters
    ----------
    table
        item, factor, estimate (loading: how strongly the style speaks from the item, usually -1 to 1),
        conf_low, conf_high.
    communalities
        item, estimate (share of the item's variance that the styles explain), conf_low, conf_high.
    correlations
        factor, other, estimate (correlation of two styles), conf_low, conf_high: one row a pair.
    eigenvalues
        number, estimate (eigenvalue of the items' correlations), noise (what 95 % of samples of unrelated
        items stay below).
    suggested
        Number of factors that stand above noise (parallel analysis).
    rotation
        How the loadings were rotated.
    model
        What turns answers into scores.
    """

    communalities: pd.DataFrame
    correlations: pd.DataFrame
    eigenvalues: pd.DataFrame
    suggested: int
    rotation: Rotation
    model: StyleModel = field(repr=False)

    title: ClassVar[str] = "Styles behind the answers"
    labels: ClassVar[dict[str, str]] = {
        "factor": "Style", "items": "Items that load most", "loadings": "Their loadings",
        "share": "Share of all variance",
    }  # fmt: skip

    @property
    def items(self) -> list[str]:
        """The items, in the order of the questionnaire."""
        return list(dict.fromkeys(self.table["item"]))

    @property
    def names(self) -> list[str]:
        """The styles, in the order of their items."""
        return list(dict.fromkeys(self.table["factor"]))

    @property
    def loadings(self) -> pd.DataFrame:
        """Loadings as a matrix: one row an item, one column a style."""
        return pd.DataFrame(self.model.loadings, index=self.items, columns=self.names)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a style: the items that load most, their loadings, and its share of the variance."""
        rows = []
        structure = self.model.loadings @ self.model.between
        for j, name in enumerate(self.names):
            column = self.model.loadings[:, j]
            most = [i for i in np.argsort(-np.abs(column), kind="stable") if abs(column[i]) >= _SHOWN]
            rows.append(
                {
                    "factor": name,
                    "items": join_words(self.items[i] for i in sorted(most)) or "none",
                    "loadings": f"{column[most].min():.2f} to {column[most].max():.2f}" if most else "",
                    "share": percent(float(column @ structure[:, j]) / len(column)),
                }
            )
        return pd.DataFrame(rows)

    def renamed(self, names: Mapping[str, str]) -> Styles:
        """Return the same styles under names of your own, e.g. ``{"style 1": "wants the best"}``.

        Raises
        ------
        OptionError
            If there is no such style, or two would bear one name.
        """
        for name in names:
            if name not in self.names:
                raise OptionError(one_of(name, self.names, what="style"))
        new = {name: names.get(name, name) for name in self.names}
        if len(set(new.values())) < len(new):
            raise OptionError("two styles would bear one name; give each its own")
        pairs = self.correlations
        return replace(
            self,
            table=self.table.assign(factor=self.table["factor"].map(new)),
            correlations=pairs.assign(factor=pairs["factor"].map(new), other=pairs["other"].map(new)),
        )

    def scores(self, answers: pd.DataFrame | ir.Table, *, method: ScoreMethod = "regression") -> pd.DataFrame:
        """Return how far each respondent follows each style, in standard deviations.

        Parameters
        ----------
        answers
            One row a respondent, with the items of the model.
        method
            ``"regression"``: closest on average, drawn to the mean; ``"bartlett"``: unbiased, but noisier.

        Returns
        -------
        pandas.DataFrame
            The columns that are no items, and one a style: complete answers only, their index kept.

        Raises
        ------
        ColumnError, DataError, DesignError
            If an item is missing, is no number, or nobody answered all.
        OptionError
            If the method is unknown.
        """
        if method not in get_args(ScoreMethod):
            raise OptionError(one_of(method, get_args(ScoreMethod), what="method"))
        # one respondent may be scored alone, so nothing is asked of how the answers vary
        given = read_answers(answers, items=self.items, fewest=1, varied=False)
        weights = score_weights(
            self.model.correlation,
            self.model.loadings,
            self.model.uniquenesses,
            between=self.model.between,
            method=method,
        )
        values = (given.values - self.model.mean) / self.model.spread @ weights
        others = given.kept.drop(columns=self.items)
        return others.assign(**{name: values[:, j] for j, name in enumerate(self.names)})

    def narrative(self) -> str:
        """Say how many styles there are, how clear they are, and what was left out."""
        counted = len(self.names)
        own = np.abs(self.model.loadings).max(axis=1)
        agrees = (
            "as many as stand above noise"
            if self.suggested == counted
            else f"where {self.suggested} stand above noise"
        )
        failed = [check.name for check in self.evidence.failed]
        warned = f" Checks that failed: {join_words(failed)}." if failed else ""
        return (
            f"{counted} styles were read from the answers of {self.evidence.n_used:,} respondents to "
            f"{len(self.items)} items, {agrees}. They explain "
            f"{percent(float(self.communalities['estimate'].mean()))} of the items' variance; the strongest "
            f"loading of an item is between {own.min():.2f} and {own.max():.2f}.{warned}"
        )

    @property
    def chart(self) -> Chart:
        """Loadings as a heat map: items down, styles across."""
        return Chart(
            kind="heatmap",
            frame=self.table,
            x="factor",
            y="item",
            value="estimate",
            x_label="Style",
            y_label="Item",
            claim=f"{len(self.names)} styles are behind {len(self.items)} items",
            grade=self.evidence.grade,
            note=self.caption,
        )


def styles(
    answers: pd.DataFrame | ir.Table,
    *,
    items: Sequence[str] | None = None,
    factors: int | None = None,
    rotation: Rotation = "oblimin",
    scale: tuple[float, float] | None = None,
    draws: int = 300,
    seed: int = 0,
    conf_level: float = 0.95,
    source: str = "",
) -> Styles:
    """Answer which few styles are behind many answers, and how strongly each item shows its style.

    Exploratory factor analysis by maximum likelihood on the items' correlations, of respondents who answered
    every item. How many respondents there are matters only while their correlations are counted.

    Parameters
    ----------
    answers
        One row a respondent, one column an item; e.g. the table ``style_survey``.
    items
        The columns that hold answers; without any named, all that hold numbers but ``customer``.
    factors
        How many styles; as many as stand above noise (parallel analysis, Horn 1965) if not given.
    rotation
        ``"oblimin"``: styles may be correlated; ``"varimax"``: they may not; ``"none"``.
    scale
        Lowest and highest answer that can be given, e.g. ``(1, 5)``.
    draws
        Bootstrap samples behind the intervals, at least 50.
    seed
        For the samples, for noise and for the rotation's starts.
    conf_level
        Confidence level of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    Styles
        Its table has item, factor, estimate, conf_low, conf_high; beside it stand communalities, the
        correlations of the styles, the eigenvalues beside those of noise, and ``scores``.

    Raises
    ------
    ColumnError, DataError
        If an item is missing, is no number, or an answer lies outside the scale.
    DesignError
        If there are too few respondents, an item is constant, on another scale, or the sum of others, no
        factor stands above noise, or the model cannot be fitted.
    OptionError
        If an option is not among the allowed ones.

    Notes
    -----
    Loadings are those of the answers as given: the few steps of a scale blur the attitude behind an item, so
    they are smaller than the attitude's own. Intervals are bootstrap standard errors times the normal
    quantile; each sample's styles are turned towards those found before they are compared. Rotation draws the
    correlations of the styles towards 0, the more so the fewer respondents there are to an item: their
    intervals reach further by the bias that resampling shows (Efron & Tibshirani 1993), and a check fails
    where that is not enough.

    References
    ----------
    Jöreskog, K. G. (1967). Some contributions to maximum likelihood factor analysis. Psychometrika 32,
    443–482. Horn, J. L. (1965). A rationale and test for the number of factors in factor analysis.
    Psychometrika 30, 179–185. Sproles, G. B. & Kendall, E. L. (1986). A methodology for profiling consumers'
    decision-making styles. Journal of Consumer Affairs 20, 267–279. Efron, B. & Tibshirani, R. J. (1993). An
    introduction to the bootstrap. Chapman & Hall, chapter 10.
    """
    check_conf_level(conf_level)
    if rotation not in get_args(Rotation):
        raise OptionError(one_of(rotation, get_args(Rotation), what="rotation"))
    check_draws(draws, seed)
    chosen = numeric_items(answers) if items is None else items
    given = read_answers(answers, items=chosen, scale=scale, source=source)
    seen = correlation_of(given.values)
    eigenvalues, suggested = parallel_analysis(seen, n=given.n_used, seed=seed)
    if factors is None and not suggested:
        raise DesignError("no factor stands above noise: the items have nothing in common to look for")
    count = suggested if factors is None else factors
    fit = factor_analysis(seen, factors=count)
    found = arrange(rotate(fit.loadings, rotation=rotation, seed=seed))
    if not (fit.converged and found.converged):
        raise DesignError(f"{count} factors could not be fitted to {len(chosen)} items; try fewer")
    samples = resample(given.values, fit, found, rotation, draws=draws, seed=seed)
    table, communalities, correlations = style_tables(given.items, found, samples, conf_level)
    return Styles(
        table=table,
        evidence=evidence_of(given, fit, seen, suggested, found, samples),
        conf_level=conf_level,
        communalities=communalities,
        correlations=correlations,
        eigenvalues=eigenvalues,
        suggested=suggested,
        rotation=rotation,
        model=StyleModel(
            mean=given.values.mean(axis=0),
            spread=given.values.std(axis=0, ddof=1),
            correlation=seen,
            loadings=found.loadings,
            uniquenesses=fit.uniquenesses,
            between=found.between,
        ),
    )
