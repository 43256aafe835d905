"""Learners of what an offer changes: cross-fitted, on cells weighted by their customers."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.errors import OptionError, one_of
from cemlab.segmentation.learning import Learned
from cemlab.stats.off_policy import EffectFit, Scores, fit_effect

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Learner = Literal["doubly robust", "two models", "x", "interactions"]

# Guessed SD of what a value of a cue adds to the effect, as a share of the mean share that leaves, and how
# many values the guess counts as: the class of risk sums up what the company knows, and single cues add
# little.
_CLASS_GUESS, _CLASS_WEIGHT = 0.3, 1.0
_CUE_GUESS, _CUE_WEIGHT = 0.05, 3.0
_PAIR_GUESS, _PAIR_WEIGHT = 0.02, 1.0

# Times the guesses that are tried, where the data speak for more than was guessed; passes over all of them,
# since what one cue is allowed bears on the others; and the log likelihood that a looser guess must win, some
# 5 % by chance: rules of cues that tell nothing cost more than intervals that are a little too short.
_LOOSER = (1.0, 2.0, 4.0, 8.0, 16.0)
_PASSES = 2
_WON = 2.0

_STIFF = 30.0  # customers that the ridge penalty of the X-learner counts as


def effect_fits(learned: Learned, scores: Scores, index: pd.DataFrame) -> tuple[EffectFit, ...]:
    """Return how the share that leaves changes by the cues: without each fold, and from all folds last.

    Parameters
    ----------
    learned
        Counts and models.
    scores
        Doubly robust scores of leaving by cell and fold, each of shape (x, f).
    index
        The cells, x rows.
    """
    full = learned.design.full(index)
    mean = float(learned.responses.sum() / learned.n.sum())
    cues = list(learned.design.levels)
    scale = [_CLASS_GUESS if cue == "risk" else _CUE_GUESS for cue in cues]
    weight = [_CLASS_WEIGHT if cue == "risk" else _CUE_WEIGHT for cue in cues]

    guess = mean * np.array([*scale, _PAIR_GUESS])
    groups = learned.design.groups

    def fitted(n: Floats, part: Scores) -> EffectFit:
        return fit_effect(
            full,
            n,
            part,
            groups=groups,
            scale=_loosened(full, n, part, groups=groups, guess=guess),
            weight=np.array([*weight, _PAIR_WEIGHT]),
        )

    training = learned.training
    without = tuple(
        fitted(learned.training_n[:, fold], Scores(training.total[:, fold], training.squares[:, fold]))
        for fold in range(learned.n.shape[1])
    )
    whole = Scores(scores.total.sum(axis=1), scores.squares.sum(axis=1))
    return (*without, fitted(learned.n.sum(axis=(1, 2)), whole))


def _loosened(z: Floats, n: Floats, scores: Scores, *, groups: Ints, guess: Floats) -> Floats:
    """Return the guessed SD of each group, or a multiple where the scores are far likelier under it.

    A guess that stays tight however many customers there are would hold effects back that they tell of.
    """
    rows = float(n.sum())
    mean = float(scores.total.sum() / rows)
    variance = max(float(scores.squares.sum() / rows) - mean**2, 1e-12)
    centred = z - n @ z / rows
    gram = (centred * n[:, None]).T @ centred / variance
    cross = centred.T @ (scores.total - n * mean) / variance

    def likelihood(sd: Floats) -> float:
        """Log marginal likelihood of the scores, up to what the SD has no part in."""
        each = sd[groups]
        inner = np.eye(len(each)) + each[:, None] * gram * each
        pulled = each * cross
        return float(pulled @ np.linalg.solve(inner, pulled) - np.linalg.slogdet(inner)[1]) / 2

    times = np.ones(len(guess))
    best = likelihood(guess)
    for _pass in range(_PASSES):
        before = times.copy()
        for group in np.unique(groups):
            for factor in _LOOSER:
                tried = times.copy()
                tried[group] = factor
                found = likelihood(tried * guess)
                if found > best + _WON * (factor > times[group]):
                    best, times = found, tried
        if (times == before).all():
            break
    looser: Floats = times * guess
    return looser


def effects_by(
    learner: Learner, learned: Learned, fits: tuple[EffectFit, ...], index: pd.DataFrame
) -> tuple[Floats, Floats]:
    """Return the share kept by an offer, learned without each fold (x, f), and from all folds (x).

    Parameters
    ----------
    learner
        ``"doubly robust"``: regression of doubly robust scores on main effects and pairwise interactions,
        penalties by empirical Bayes (Kennedy 2023). ``"two models"``: the difference of a logistic regression
        of each arm. ``"x"``: differences imputed by those, regressed in each arm and weighted (Künzel and
        others 2019). ``"interactions"``: one logistic regression with the offer, the cues and their products.
    learned
        Counts and models; its responses are those who left.
    fits
        From :func:`effect_fits`.
    index
        The cells, x rows.

    Raises
    ------
    OptionError
        If the learner is none of the allowed.

    References
    ----------
    Künzel, S. R., Sekhon, J. S., Bickel, P. J. & Yu, B. (2019). Metalearners for estimating heterogeneous
    treatment effects using machine learning. PNAS 116, 4156–4165.
    """
    if learner not in get_args(Learner):
        raise OptionError(one_of(learner, get_args(Learner), what="learner"))
    full, main = learned.design.full(index), learned.design.main(index)
    if learner == "doubly robust":
        *folds, whole = fits
        return np.stack([-fit.effect(full) for fit in folds], axis=1), -whole.effect(full)
    n, left = learned.n.sum(axis=1), learned.responses.sum(axis=1)
    parts = [
        (n - learned.n[:, fold], left - learned.responses[:, fold]) for fold in range(learned.n.shape[1])
    ]

    def fitted(counts: Floats, leavers: Floats) -> Floats:
        if learner == "interactions":
            return _interactions(main, counts, leavers)
        two = _two_models(full, counts, leavers)
        return two[:, 0] - two[:, 1] if learner == "two models" else _x(full, counts, leavers, two)

    return np.stack([fitted(*part) for part in parts], axis=1), fitted(n, left)


def _two_models(z: Floats, n: Floats, left: Floats) -> Floats:
    """Return the predicted share that leaves in each arm, of shape (x, 2)."""
    return np.column_stack([_share(z, z[None], n[:, arm], left[:, arm])[0] for arm in (0, 1)])


def _interactions(z: Floats, n: Floats, left: Floats) -> Floats:
    """Return the share kept by one model of both arms with the products of offer and cues."""
    without = np.hstack([np.zeros((len(z), 1)), z, np.zeros_like(z)])
    with_it = np.hstack([np.ones((len(z), 1)), z, z])
    predicted = _share(
        np.vstack([without, with_it]), np.stack([without, with_it]), n.T.ravel(), left.T.ravel()
    )
    kept: Floats = predicted[0] - predicted[1]
    return kept


def _share(z: Floats, at: Floats, n: Floats, left: Floats) -> Floats:
    """Fit a penalised logistic regression to cells and return its shares at designs (…, rows, columns)."""
    from scipy.special import expit
    from sklearn.linear_model import LogisticRegression

    weights = np.concatenate([left, n - left])
    some = weights > 0
    if left.sum() == 0 or left.sum() == n.sum():  # half a customer more of each keeps the odds finite
        return np.full(at.shape[:-1], (left.sum() + 0.5) / (n.sum() + 1))
    model = LogisticRegression(C=1.0, max_iter=300).fit(
        np.concatenate([z, z])[some], np.repeat([1, 0], len(z))[some], sample_weight=weights[some]
    )
    shares: Floats = expit(at @ model.coef_[0] + model.intercept_[0])
    return shares


def _x(z: Floats, n: Floats, left: Floats, two: Floats) -> Floats:
    """Return the share kept by differences imputed in each arm, weighted by the share of the other."""
    from sklearn.linear_model import Ridge

    rate = np.divide(left, n, out=np.zeros_like(left), where=n > 0)
    imputed = (rate[:, 0] - two[:, 1], two[:, 0] - rate[:, 1])
    found = [
        Ridge(alpha=_STIFF).fit(
            z[n[:, arm] > 0], imputed[arm][n[:, arm] > 0], sample_weight=n[n[:, arm] > 0, arm]
        )
        for arm in (0, 1)
    ]
    share = n[:, 1].sum() / n.sum()
    kept: Floats = share * found[0].predict(z) + (1 - share) * found[1].predict(z)
    return kept
