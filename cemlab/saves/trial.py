"""Save offers by lot as arrays: counts, predictions without the fold, and doubly robust scores.

Throughout, ``x`` is the number of cells, ``f`` of folds; the last axis of counts is the arm: 0 without an
offer, 1 with one. Effects are shares of customers *kept*, so that more is better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.save_offers import NO_OFFER, SaveCells
from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.markup import join_words
from cemlab.saves.learners import Learner, effect_fits, effects_by
from cemlab.segmentation.cell_design import CellDesign, designs_of
from cemlab.segmentation.learning import Learned, learn
from cemlab.stats.off_policy import EffectFit, Scores, doubly_robust_scores

Floats = NDArray[np.float64]


#: Share of sound lots that one check may fail by chance: five are asked of a lot, and a sound one should pass
#: all of them ninety-nine times in a hundred.
FALSE_ALARMS = 0.01 / 5

_DRAWS = 80  # of noise, from which follows what learning adds to the error of a rule's value


@dataclass(frozen=True, eq=False, kw_only=True)
class Trial:
    """One offer against none, learned.

    Parameters
    ----------
    offer
        The offer.
    index
        The cells, x rows: ``class`` and the cues.
    n, left
        Customers, and those who left by a controllable cause, of shape (x, f, 2).
    scores
        Doubly robust scores of being kept, and of their squares, each of shape (x, f).
    risk
        Predicted share that leaves without an offer, learned without the fold, of shape (x, f).
    kept
        Predicted share kept by the offer, learned without the fold, of shape (x, f).
    kept_all
        The same learned from all folds, of shape (x).
    learned
        The models of each arm.
    fits
        How the share that leaves changes by the cues: without each fold, and from all folds last.
    noise, noise_learned
        Draws of the error of the scores' sums, and of what it does to the effects learned without each fold,
        of shape (x, f, draws).
    design
        How cells become columns.
    learner
        What predicted the effects.
    share
        Share offered, of shape (x): the same for all, or that of the class where the lot was drawn by class.
    by_class
        Whether it was, so that figures over several classes are weighted by class.
    """

    offer: str
    index: pd.DataFrame
    n: Floats
    left: Floats
    scores: Scores
    risk: Floats
    kept: Floats
    kept_all: Floats
    learned: Learned
    fits: tuple[EffectFit, ...]
    noise: Floats
    noise_learned: Floats
    design: CellDesign
    learner: Learner
    share: Floats
    by_class: bool

    @property
    def rows(self) -> Floats:
        """Customers by cell and fold, both arms, of shape (x, f)."""
        total: Floats = self.n.sum(axis=2)
        return total

    def effect_errors(self) -> Floats:
        """Return standard errors of the effects learned from all folds, of shape (x).

        The fit takes all customers' scores as equally uncertain; those of classes that leave more often are
        less certain, which is put right here.
        """
        fit, full = self.fits[-1], self.design.full(self.index)
        size = self.rows.sum(axis=1)
        total, squares = self.scores.total.sum(), self.scores.squares.sum()
        alike = squares / size.sum() - (total / size.sum()) ** 2
        predicted = self.learned.predicted(self.index)
        lot = np.column_stack([1 - self.share, self.share])[:, None, :]
        own = (self.n * predicted * (1 - predicted) / lot**2).sum(axis=(1, 2))
        variance = (fit.errors(full) ** 2).sum(axis=1)
        part = fit.smoother(full) ** 2
        # never less than a part of what the fit itself tells
        errors: Floats = np.sqrt(np.maximum(variance + part @ (own - alike * size), variance / 4))
        return errors

    @property
    def classes(self) -> NDArray[np.object_]:
        """The class of risk of each cell, of shape (x)."""
        return self.index["class"].to_numpy(dtype=object)


def learn_trial(
    cells: SaveCells, *, offer: str | None, learner: Learner, seed: int, by_class: bool = False
) -> Trial:
    """Learn one offer from its counts; what can teach nothing is refused.

    Parameters
    ----------
    cells, offer, learner, seed
        As given to :func:`cemlab.saves.save_uplift`.
    by_class
        Whether the lot was drawn by class; it counts as such, too, where chance does not explain its shares.

    Raises
    ------
    OptionError
        If there is no such offer, or there are several and none is named.
    DataError
        If counts contradict each other.
    DesignError
        If an arm is empty, as a whole, in a class, or in all folds but one.
    """
    name = chosen_offer(cells, offer)
    table = cells.table[cells.table["offer"].isin([NO_OFFER, name])]
    wrong = (table["n"] < 0) | (table["left"] < 0) | (table["left"] + table["other"] > table["n"])
    if wrong.any():
        raise DataError(f"cells: {int(wrong.sum()):,} hold more leavers than customers; count again")
    columns = ["class", *cells.cues]
    index = table[columns].drop_duplicates().sort_values(columns).reset_index(drop=True)
    n, left = _counts(table, index, cells.folds)
    _refuse_one_arm(n, index, name)
    by_class = by_class or _stratified(n, index["class"].to_numpy(dtype=object))
    share = offered_share(n, index["class"].to_numpy(dtype=object), by_class=by_class)[:, 1]
    learnable = table.assign(kind=name, treated=table["offer"] == name)
    design = designs_of(learnable, cells.cues)[name]
    learned = learn(n, left, index=index, design=design, rng=np.random.default_rng(seed))
    predicted = learned.predicted(index)
    others = n.sum(axis=1, keepdims=True) - n, left.sum(axis=1, keepdims=True) - left
    own = _scores(n, left, predicted, share)
    learned = replace(learned, training=_scores(*others, predicted, share))
    fits = effect_fits(learned, own, index)
    noise = _noise(n, left, predicted, share, cells, name)
    kept, kept_all = effects_by(learner, learned, fits, index)
    return Trial(
        offer=name,
        index=index,
        n=n,
        left=left,
        scores=Scores(-own.total, own.squares),
        risk=predicted[..., 0],
        kept=kept,
        kept_all=kept_all,
        learned=learned,
        fits=fits,
        noise=-noise,
        noise_learned=-_learned_noise(noise, fits, design.full(index)),
        design=design,
        learner=learner,
        share=share,
        by_class=by_class,
    )


def _stratified(n: Floats, classes: NDArray[np.object_]) -> bool:
    """Return whether classes were offered in shares that chance does not explain; counts (x, f, 2)."""
    from scipy.stats import chi2_contingency

    table = pd.DataFrame(n.sum(axis=1)).groupby(classes).sum().to_numpy()
    table = table[table.sum(axis=1) >= 2 * 5]
    if len(table) < 2 or (table.sum(axis=0) == 0).any():
        return False
    return bool(chi2_contingency(table, correction=False).pvalue < FALSE_ALARMS)


def offered_share(n: Floats, classes: NDArray[np.object_], *, by_class: bool) -> Floats:
    """Return the share of each arm in each cell's lot, of shape (x, arms), from counts (x, f, arms)."""
    counts = n.sum(axis=1)
    if not by_class:
        shares: Floats = np.broadcast_to(counts.sum(axis=0) / counts.sum(), counts.shape)
        return shares
    code = np.unique(classes.astype(str), return_inverse=True)[1]
    sums = np.zeros((code.max() + 1, counts.shape[1]))
    np.add.at(sums, code, counts)
    each: Floats = (sums / sums.sum(axis=1, keepdims=True))[code]
    return each


def _scores(n: Floats, left: Floats, predicted: Floats, share: Floats) -> Scores:
    """Return doubly robust scores where cells differ in the share offered, each of shape (x, f)."""
    total, squares = np.empty(n.shape[:2]), np.empty(n.shape[:2])
    for each in np.unique(share):
        at = share == each
        total[at], squares[at] = doubly_robust_scores(n[at], left[at], predicted[at], share=float(each))
    return Scores(total, squares)


def _noise(n: Floats, left: Floats, predicted: Floats, share: Floats, cells: SaveCells, offer: str) -> Floats:
    """Return draws of the error of the scores' sums; offers share the draws of those held back."""
    square = left * (1 - predicted) ** 2 + (n - left) * predicted**2
    spread = np.sqrt(square) / np.column_stack([1 - share, share])[:, None, :]
    drawn = [
        np.random.default_rng([cells.seed, arm]).standard_normal((*n.shape[:2], _DRAWS))
        for arm in (0, 1 + cells.offers.index(offer))
    ]
    noise: Floats = spread[..., :1] * drawn[0] + spread[..., 1:] * drawn[1]
    return noise


def _learned_noise(noise: Floats, fits: tuple[EffectFit, ...], full: Floats) -> Floats:
    others = noise.sum(axis=1, keepdims=True) - noise
    without = [fit.smoother(full) @ others[:, fold] for fold, fit in enumerate(fits[:-1])]
    return np.stack(without, axis=1)


def chosen_offer(cells: SaveCells, offer: str | None) -> str:
    """Return the offer in question."""
    names = cells.offers
    if not names:
        raise DesignError(
            "save offers: nobody got an offer, so what one changes is not known; it takes both arms"
        )
    if offer is None and len(names) > 1:
        raise OptionError(f"there are several offers; name one, offer='…': {', '.join(names)}")
    if offer is not None and offer not in names:
        raise OptionError(one_of(offer, names, what="offer"))
    return names[0] if offer is None else offer


def _counts(table: pd.DataFrame, index: pd.DataFrame, folds: int) -> tuple[Floats, Floats]:
    cell = pd.MultiIndex.from_frame(index).get_indexer(pd.MultiIndex.from_frame(table[list(index.columns)]))
    place = cell, table["fold"].to_numpy(), (table["offer"] != NO_OFFER).to_numpy().astype(int)
    arrays = []
    for column in ("n", "left"):
        array = np.zeros((len(index), folds, 2))
        np.add.at(array, place, table[column].to_numpy(dtype=float))
        arrays.append(array)
    return arrays[0], arrays[1]


def _refuse_one_arm(n: Floats, index: pd.DataFrame, offer: str) -> None:
    arms = n.sum(axis=(0, 1))
    if (arms == 0).any():
        which = "got no offer" if arms[0] == 0 else f"got the offer {offer!r}"
        raise DesignError(
            f"save offers: nobody {which}, so there is nothing to compare; what an offer changes takes "
            "customers with and without it, by lot"
        )
    by_class = pd.DataFrame(n.sum(axis=1)).groupby(index["class"].to_numpy()).sum()
    alone = [str(name) for name in by_class.index[(by_class == 0).any(axis=1)]]
    if alone:
        raise DesignError(
            f"save offers: no overlap in the class {join_words(alone)}: all or none of it got the offer, "
            "so that nothing can be compared; leave the class out or merge it"
        )
    by_fold = n.sum(axis=0)
    if (by_fold.sum(axis=1) == 0).any() or (by_fold.sum(axis=0) == by_fold).any():
        raise DesignError(
            f"save offers: {int(n.sum()):,} customers are too few for {n.shape[1]} folds with both arms; use "
            "fewer folds"
        )
