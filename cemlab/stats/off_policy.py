"""Effects of treatments by lot and values of treatment rules, doubly robust, from counted cells.

Rows of an experiment with a yes-or-no outcome are alike within a cell, so that sums over cells are sums
over rows, exactly. Throughout, ``x`` is the number of cells, ``f`` of folds, ``p`` of columns of a design;
the last axis of counts is the arm: 0 untreated, 1 treated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DesignError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDS = 60  # of expectation and maximisation for the prior; the effects have long settled by then
_SETTLED = 1e-4  # relative change of the prior's variances at which it has settled
_START_SD = 0.3  # of the prior, as a share of `scale`
_SOFTNESS = 1e-4  # keeps the weights finite where a column cannot be balanced


class Scores(NamedTuple):
    """Sums over the rows of each cell of the doubly robust score and of its square."""

    total: Floats
    squares: Floats


def doubly_robust_scores(n: Floats, responses: Floats, predicted: Floats, *, share: float) -> Scores:
    r"""Return sums of doubly robust scores, whose mean is the effect of treatment.

    A row's score is the predicted effect plus the weighted error of the prediction in its own arm,

    .. math:: \mu_1 - \mu_0 + \frac{T}{e}(Y - \mu_1) - \frac{1 - T}{1 - e}(Y - \mu_0).

    Its expectation is the effect if either the share treated or the predictions are right; by lot the share
    is known.

    Parameters
    ----------
    n, responses
        Rows of each cell and arm, and how many of them responded, of shape (…, 2).
    predicted
        Predicted shares of responses, of a shape that broadcasts to theirs; by a model that did not see the
        rows.
    share
        Share treated, between 0 and 1.

    Returns
    -------
    Scores
        Each of shape (…).

    References
    ----------
    Robins, J. M., Rotnitzky, A. & Zhao, L. P. (1994). Estimation of regression coefficients when some
    regressors are not always observed. Journal of the American Statistical Association 89, 846–866.

    Examples
    --------
    >>> cells = np.array([[50.0, 50.0]]), np.array([[5.0, 10.0]])
    >>> doubly_robust_scores(*cells, np.array([0.3, 0.3]), share=0.5).total / 100
    array([0.1])
    """
    low, high = predicted[..., 0], predicted[..., 1]
    effect = high - low
    weight = np.array([-1 / (1 - share), 1 / share])
    error = weight * (responses - n * predicted)
    total = n.sum(axis=-1) * effect + error.sum(axis=-1)
    if_yes, if_no = weight * (1 - predicted), -weight * predicted
    each = responses * (effect[..., None] + if_yes) ** 2
    each = each + (n - responses) * (effect[..., None] + if_no) ** 2
    return Scores(total, each.sum(axis=-1))


@dataclass(frozen=True, eq=False, kw_only=True)
class EffectFit:
    """How an effect depends on a design, as a normal distribution of the coefficients.

    Parameters
    ----------
    intercept
        Mean effect at the centre.
    coefficients, centre
        Of shape (p): effect = intercept + (z − centre) · coefficients.
    factor
        Of shape (p + 1, p + 1): times standard normal numbers it gives errors of intercept and coefficients.
    prior_sd
        SD of the coefficients of each group, as estimated.
    gain
        Of shape (p + 1, x): what one more unit of score in each cell adds to intercept and coefficients, the
        prior held.
    """

    intercept: float
    coefficients: Floats
    centre: Floats
    factor: Floats
    prior_sd: Floats
    gain: Floats

    def effect(self, z: Floats) -> Floats:
        """Return the effects at the rows of a design, of shape (x)."""
        at: Floats = self.intercept + (z - self.centre) @ self.coefficients
        return at

    def errors(self, z: Floats) -> Floats:
        """Return what standard normal numbers (p + 1) do to the effects at `z`, of shape (x, p + 1)."""
        spread: Floats = self._with_one(z) @ self.factor
        return spread

    def smoother(self, z: Floats) -> Floats:
        """Return what one more unit of score in each cell adds to the effects at `z`, of shape (rows, x)."""
        weights: Floats = self._with_one(z) @ self.gain
        return weights

    def _with_one(self, z: Floats) -> Floats:
        return np.column_stack([np.ones(len(z)), z - self.centre])


def fit_effect(
    z: Floats, n: Floats, scores: Scores, *, groups: Ints, scale: Floats, weight: Floats
) -> EffectFit:
    """Fit how the effect depends on a design: ridge regression of scores, penalties by empirical Bayes.

    The coefficients of a group are normal around zero with one SD, which is estimated from the scores by
    expectation and maximisation, beginning from a prior guess that counts as so many coefficients more.
    Posterior mean and covariance follow; averaged over cells their intervals cover as they say.

    Parameters
    ----------
    z
        Design of the cells, of shape (x, p), without intercept.
    n
        Rows in each cell, of shape (x).
    scores
        Of the cells, each of shape (x).
    groups
        Group of each column, from 0, of shape (p).
    scale, weight
        Guessed SD of the coefficients of each group, and how many coefficients the guess counts as.

    Raises
    ------
    DesignError
        If there are fewer than two rows.

    References
    ----------
    Kennedy, E. H. (2023). Towards optimal doubly robust estimation of heterogeneous causal effects.
    Electronic Journal of Statistics 17, 3008–3049.
    Efron, B. & Morris, C. (1973). Stein's estimation rule and its competitors. Journal of the American
    Statistical Association 68, 117–130.
    """
    rows = float(n.sum())
    if rows < 2:
        raise DesignError(f"an effect cannot be fitted to {rows:g} rows; two or more are needed")
    mean = float(scores.total.sum() / rows)
    variance = max(float(scores.squares.sum() / rows) - mean**2, 1e-12)
    centre = n @ z / rows
    centred = z - centre
    gram = (centred * n[:, None]).T @ centred / variance
    cross = centred.T @ (scores.total - n * mean) / variance
    size = np.bincount(groups, minlength=len(scale))
    spread = (_START_SD * scale) ** 2
    for _round in range(_ROUNDS):
        sd = np.sqrt(spread)[groups]
        inner = np.linalg.inv(np.eye(len(sd)) + sd[:, None] * gram * sd)
        covariance = sd[:, None] * inner * sd
        found = covariance @ cross
        seen = np.bincount(groups, found**2 + np.diag(covariance), minlength=len(scale))
        before = spread
        spread = np.maximum((seen + weight * scale**2) / np.maximum(size + weight, 1e-12), 1e-14)
        if (np.abs(spread - before) <= _SETTLED * before).all():
            break
    whole = np.zeros((len(found) + 1, len(found) + 1))
    whole[0, 0] = np.sqrt(variance / rows)
    whole[1:, 1:] = _root(covariance)
    gain = np.vstack([np.full(len(n), 1 / rows), covariance @ centred.T / variance])
    return EffectFit(
        intercept=mean,
        coefficients=found,
        centre=centre,
        factor=whole,
        prior_sd=np.sqrt(spread),
        gain=gain,
    )


def _root(covariance: Floats) -> Floats:
    """Return a square root of a covariance that may be singular."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    root: Floats = vectors * np.sqrt(np.maximum(values, 0))
    return root


def balancing_ratio(z: Floats, n: Floats, *, target: Floats) -> Floats:
    """Return weights that make the rows of cells like another population, by entropy balancing.

    Parameters
    ----------
    z
        Design of the cells, of shape (x, p).
    n
        Rows in each cell, of shape (x).
    target
        Means of the design in the other population, of shape (p).

    Returns
    -------
    array
        Of shape (x): each row's weight, 1 on average over the rows.

    References
    ----------
    Hainmueller, J. (2012). Entropy balancing for causal effects: a multivariate reweighting method to
    produce balanced samples in observational studies. Political Analysis 20, 25–46.

    Examples
    --------
    >>> balancing_ratio(np.array([[0.0], [1.0]]), np.array([50.0, 50.0]), target=np.array([0.8])).round(2)
    array([0.4, 1.6])
    """
    share = n / n.sum()
    away = z - target
    tilt = np.zeros(z.shape[1])
    for _step in range(50):
        raw = share * np.exp(away @ tilt)
        weights = raw / raw.sum()
        slope = weights @ away + _SOFTNESS * tilt
        if np.abs(slope).max(initial=0.0) < 1e-9:
            break
        centred = away - weights @ away
        bend = (centred * weights[:, None]).T @ centred + _SOFTNESS * np.eye(len(tilt))
        step = np.linalg.solve(bend, slope)
        tilt = tilt - step / max(1.0, float(np.abs(step).max()) / 2)
    raw = np.exp(away @ tilt)
    ratio: Floats = raw / (share @ raw)
    return ratio


class RuleValues(NamedTuple):
    """Values of rules and their sampling covariance, of shapes (rules) and (rules, rules)."""

    value: Floats
    covariance: Floats


def rule_values(
    n: Floats,
    responses: Floats,
    predicted: Floats,
    *,
    share: float,
    ratio: Floats,
    treats: Floats,
    margin: float,
    cost: float,
    population: Floats,
    predicted_there: Floats,
    treats_there: Floats,
) -> RuleValues:
    r"""Return what rules earn per customer of a population by one treatment, doubly robust.

    For each fold, a rule learned on the others: the predicted gain over the population, plus the weighted
    error of that prediction among the fold's own rows,

    .. math:: \sum_x w_x d_x \{m(\mu_1 - \mu_0) - c\}
              + \frac{m}{N} \sum_i \omega_i d_i \Big\{\frac{T_i}{e}(Y_i - \mu_1)
              - \frac{1 - T_i}{1 - e}(Y_i - \mu_0)\Big\},

    and the folds averaged. It is right if either the predictions or the weights :math:`\omega` that turn
    participants into the population are, and the share treated :math:`e` is known.

    Parameters
    ----------
    n, responses
        Of shape (x, f, 2).
    predicted
        Shares of responses predicted without the rows of the fold, of shape (x, f, 2).
    share
        Share treated.
    ratio
        Weight of each cell's rows, of shape (x), 1 on average.
    treats
        For each rule the share of the cell that it treats, learned without the fold, of shape (rules, x, f);
        a difference of two rules is one, too.
    margin, cost
        Worth of a response and price of a treatment.
    population
        Share of the population in each of its cells, of shape (y).
    predicted_there, treats_there
        As `predicted` and `treats`, for the cells of the population: (y, f, 2) and (rules, y, f).

    Returns
    -------
    RuleValues
        Money per customer. The covariance is that of the errors among the rows; the population is taken as it
        is and a rule as it was learned (see :func:`rule_errors` for what learning adds).

    References
    ----------
    Dudík, M., Erhan, D., Langford, J. & Li, L. (2014). Doubly robust policy evaluation and optimization.
    Statistical Science 29, 485–511.
    Chernozhukov, V. et al. (2018). Double/debiased machine learning for treatment and structural
    parameters. Econometrics Journal 21, C1–C68.
    """
    folds = n.shape[1]
    gain = margin * (predicted_there[..., 1] - predicted_there[..., 0]) - cost
    foreseen = np.einsum("y,ryf,yf->r", population, treats_there, gain) / folds
    weight = np.array([-1 / (1 - share), 1 / share])
    error = (weight * (responses - n * predicted)).sum(axis=-1)
    per_row = row_weights(n, ratio, margin=margin)
    corrected = foreseen + np.einsum("rxf,xf,xf->r", treats, per_row, error)
    flat = treats.reshape(len(treats), -1)
    each = (per_row**2 * error_squares(n, responses, predicted, share=share)).ravel()
    return RuleValues(corrected, (flat * each) @ flat.T)


def row_weights(n: Floats, ratio: Floats, *, margin: float) -> Floats:
    """Return what an error of one row is worth to a rule's value, of shape (x, f).

    Raises
    ------
    DesignError
        If a fold has no rows.
    """
    rows = n.sum(axis=(0, 2))
    if (rows == 0).any():
        raise DesignError("a fold has no rows; use fewer folds")
    weights: Floats = margin * ratio[:, None] / (n.shape[1] * rows)
    return weights


def error_squares(n: Floats, responses: Floats, predicted: Floats, *, share: float) -> Floats:
    """Return sums over the rows of each cell of the squared weighted error of prediction, of shape (…)."""
    weight = np.array([-1 / (1 - share), 1 / share])
    squares = weight**2 * (responses * (1 - predicted) ** 2 + (n - responses) * predicted**2)
    total: Floats = squares.sum(axis=-1)
    return total


def rule_errors(worth: Floats, treats: Floats) -> Floats:
    """Return draws of the error of rules' values by one treatment.

    Folds are valued by rules that other folds taught, which ties the folds' errors to each other where a rule
    is in doubt: whatever made a treatment look good in one fold made the others' rules choose it. Draws of
    the noise with the rules learned again from it hold this, draws with the rules held do not; by how much
    the variance of the first is greater is what learning adds to that of :func:`rule_values`.

    Parameters
    ----------
    worth
        Draws of the error of the scores' sums, times :func:`row_weights`, of shape (x, f, draws).
    treats
        Shares that the rules treat, of shape (rules, x, f), or for every draw (rules, x, f, draws).

    Returns
    -------
    array
        Of shape (rules, draws).

    References
    ----------
    Luedtke, A. R. & van der Laan, M. J. (2016). Statistical inference for the mean outcome under a possibly
    non-unique optimal treatment strategy. Annals of Statistics 44, 713–742.
    """
    if treats.ndim == worth.ndim:
        held: Floats = treats.reshape(len(treats), -1) @ worth.reshape(-1, worth.shape[-1])
        return held
    again: Floats = np.einsum("rxfb,xfb->rb", treats, worth)
    return again
