"""Offers as arms of one experiment, priced: what rules that give them out are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.errors import OptionError
from cemlab.markup import join_words
from cemlab.saves.trial import Trial
from cemlab.stats.arm_values import ArmValues, arm_values

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Arms:
    """All offers of a trial beside none; ``a`` arms, none first.

    Parameters
    ----------
    trials
        Each offer against none, on the same cells.
    n, kept, predicted
        Customers, those kept, and the share predicted without the fold, of shape (x, f, a).
    share
        Share of the customers in each arm, of shape (a).
    """

    trials: tuple[Trial, ...]
    n: Floats
    kept: Floats
    predicted: Floats
    share: Floats

    @property
    def rows(self) -> Floats:
        """Customers by cell and fold, of shape (x, f)."""
        total: Floats = self.n.sum(axis=2)
        return total

    @property
    def index(self) -> pd.DataFrame:
        """The cells."""
        return self.trials[0].index

    def values(self, gives: Floats, margin: Floats, cost: Floats) -> ArmValues:
        """Return what rules (r, x, f, offers) earn per customer considered."""
        return arm_values(
            self.n, self.kept, self.predicted, share=self.share, gives=gives, margin=margin, cost=cost
        )

    def redrawn(self) -> tuple[Floats, Floats]:
        """Return draws of the error of what each offer keeps, in the fold and as learned without it.

        Returns
        -------
        tuple of arrays
            Errors of the sums of scores, and of the effects learned on the other folds, each of shape (x, f,
            offers, draws). Arms without an offer are shared by all offers, which is left out here.
        """
        return (
            np.stack([trial.noise for trial in self.trials], axis=2),
            np.stack([trial.noise_learned for trial in self.trials], axis=2),
        )


def arms_of(trials: Sequence[Trial]) -> Arms:
    """Put the trials of several offers together; they share cells and those held back."""
    first = trials[0]
    n = np.concatenate([first.n[..., :1], *(trial.n[..., 1:] for trial in trials)], axis=2)
    left = np.concatenate([first.left[..., :1], *(trial.left[..., 1:] for trial in trials)], axis=2)
    predicted = [first.risk[..., None], *(trial.learned.predicted(trial.index)[..., 1:] for trial in trials)]
    return Arms(
        trials=tuple(trials),
        n=n,
        kept=n - left,
        predicted=1 - np.concatenate(predicted, axis=2),
        share=n.sum(axis=(0, 1)) / n.sum(),
    )


def margins(trial: Trial, margin: float | Mapping[str, float]) -> Floats:
    """Return the worth of a kept customer in each cell, of shape (x).

    Raises
    ------
    OptionError
        If a class has none, or one is no amount.
    """
    names = sorted(set(map(str, trial.classes)))
    if isinstance(margin, Mapping):
        missing, unknown = [n for n in names if n not in margin], [n for n in margin if n not in names]
        if missing or unknown:
            raise OptionError(
                f"margin lacks {join_words(missing) or 'nothing'} and names "
                f"{join_words(map(str, unknown)) or 'no'} "
                f"further class; the classes are {join_words(names)}"
            )
        each = {name: money(margin[name], f"margin of {name}") for name in names}
    else:
        each = dict.fromkeys(names, money(margin, "margin"))
    return np.array([each[str(name)] for name in trial.classes])


def money(value: object, what: str) -> float:
    """Return an amount of 0 or more, or refuse it."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < float("inf"):
        raise OptionError(f"{what} is {value!r}; give an amount of 0 or more")
    return float(value)


def reachable(considered: int, cost: float, capacity: int | None, budget: float | None) -> float:
    """Return the largest share of those considered that team and budget can serve."""
    if capacity is not None and (
        isinstance(capacity, bool) or not isinstance(capacity, (int, np.integer)) or capacity < 0
    ):
        raise OptionError(f"capacity is {capacity!r}; give a whole number of customers from 0, or None")
    share = 1.0 if capacity is None else min(1.0, int(capacity) / considered)
    if budget is not None:
        left = money(budget, "budget")
        share = min(share, left / (cost * considered)) if cost > 0 else share
    return share


def considered_or_trial(considered: int | None, trial_size: int) -> int:
    """Return the number of customers that a rule is for."""
    if considered is None:
        return trial_size
    if isinstance(considered, bool) or not isinstance(considered, (int, np.integer)) or considered < 1:
        raise OptionError(f"considered is {considered!r}; give a whole number of customers from 1, or None")
    return int(considered)
