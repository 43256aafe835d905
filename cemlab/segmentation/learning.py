"""What one kind of campaign by lot teaches: models of each arm, and of what treatment changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.segmentation.cell_design import CellDesign
from cemlab.stats.off_policy import (
    EffectFit,
    Scores,
    doubly_robust_scores,
    error_squares,
    fit_effect,
)

Floats = NDArray[np.float64]

#: Draws of noise, from which follows what learning adds to the error of a rule's value.
DRAWS = 150

# Guessed SD of what a value of a feature adds to the change, as a share of the mean response, and how many
# values the guess counts as; the same for interactions, which are smaller but many, and tell for themselves.
_MAIN_GUESS, _MAIN_WEIGHT = 0.5, 4.0
_PAIR_GUESS, _PAIR_WEIGHT = 0.1, 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Learned:
    """One strategy, learned; ``x`` cells, ``f`` folds, the last axis of counts is the arm.

    Parameters
    ----------
    n, responses
        Participants and responses, of shape (x, f, 2).
    share
        Share treated.
    arms
        Log odds of a response by main effects, intercept first, without the fold, of shape (f, 2, p + 1).
    effect
        What treatment changes, from all folds.
    effect_without
        The same from all folds but one.
    training
        Scores of all folds but one, of shape (x, f) each, and their numbers of rows.
    noise, noise_without
        Draws of the error of the scores' sums, and of what it does to the effect learned without each fold,
        of shape (x, f, draws).
    design
        How features become columns.
    """

    n: Floats
    responses: Floats
    share: float
    arms: Floats
    effect: EffectFit
    effect_without: tuple[EffectFit, ...]
    training: Scores
    training_n: Floats
    noise: Floats
    noise_without: Floats
    design: CellDesign

    def predicted(self, cells: pd.DataFrame) -> Floats:
        """Return shares of responses predicted without each fold, of shape (cells, f, 2)."""
        return _predicted(self.arms, self.design.main(cells))


def learn(
    n: Floats, responses: Floats, *, index: pd.DataFrame, design: CellDesign, rng: np.random.Generator
) -> Learned:
    """Learn one strategy from its counts.

    Parameters
    ----------
    n, responses
        Of shape (x, f, 2); without any one fold, both arms still have rows.
    index
        The features of the cells, x rows.
    design
        How they become columns.
    rng
        For the draws of noise.
    """
    main, full = design.main(index), design.full(index)
    share = float(n[..., 1].sum() / n.sum())
    training_n, training_yes = (whole.sum(axis=1)[:, None] - whole for whole in (n, responses))
    arms = np.array(
        [
            [_log_odds(main, training_n[:, fold, arm], training_yes[:, fold, arm]) for arm in (0, 1)]
            for fold in range(n.shape[1])
        ]
    )
    predicted = _predicted(arms, main)
    own = doubly_robust_scores(n, responses, predicted, share=share)
    training = doubly_robust_scores(training_n, training_yes, predicted, share=share)
    rows = training_n.sum(axis=-1)
    mean = float(responses.sum() / n.sum())

    def fitted(counts: Floats, total: Floats, squares: Floats) -> EffectFit:
        return _fitted(full, counts, Scores(total, squares), design, mean)

    without = tuple(
        fitted(rows[:, fold], training.total[:, fold], training.squares[:, fold])
        for fold in range(n.shape[1])
    )
    spread = np.sqrt(error_squares(n, responses, predicted, share=share))
    noise = spread[..., None] * rng.standard_normal((*spread.shape, DRAWS))
    others = noise.sum(axis=1, keepdims=True) - noise
    return Learned(
        n=n,
        responses=responses,
        share=share,
        arms=arms,
        effect=fitted(n.sum(axis=(1, 2)), own.total.sum(axis=1), own.squares.sum(axis=1)),
        effect_without=without,
        training=training,
        training_n=rows,
        noise=noise,
        noise_without=np.stack(
            [fit.smoother(full) @ others[:, fold] for fold, fit in enumerate(without)], axis=1
        ),
        design=design,
    )


def _predicted(arms: Floats, main: Floats) -> Floats:
    from scipy.special import expit

    shares: Floats = expit(arms[..., 0] + np.einsum("xp,fap->xfa", main, arms[..., 1:]))
    return shares


def _fitted(full: Floats, n: Floats, scores: Scores, design: CellDesign, mean: float) -> EffectFit:
    features = len(design.levels)
    return fit_effect(
        full,
        n,
        scores,
        groups=design.groups,
        scale=mean * np.array([_MAIN_GUESS] * features + [_PAIR_GUESS]),
        weight=np.array([_MAIN_WEIGHT] * features + [_PAIR_WEIGHT]),
    )


def _log_odds(main: Floats, n: Floats, responses: Floats) -> Floats:
    """Return intercept and coefficients of a penalised logistic regression on cells."""
    from sklearn.linear_model import LogisticRegression

    yes, no = responses.sum(), (n - responses).sum()
    if yes == 0 or no == 0 or main.shape[1] == 0:
        # half a response more of each keeps the odds finite
        return np.concatenate([[np.log((yes + 0.5) / (no + 0.5))], np.zeros(main.shape[1])])
    weights = np.concatenate([responses, n - responses])
    some = weights > 0
    fitted = LogisticRegression(C=1.0).fit(
        np.concatenate([main, main])[some],
        np.repeat([1, 0], len(main))[some],
        sample_weight=weights[some],
    )
    odds: Floats = np.concatenate([fitted.intercept_, fitted.coef_[0]])
    return odds
