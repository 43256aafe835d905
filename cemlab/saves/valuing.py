"""Offers as arms of one experiment, priced: what rules that give them out are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.save_offers import SaveCells
from cemlab.errors import OptionError
from cemlab.markup import join_words
from cemlab.saves.trial import Trial, offered_share
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
        Share of the customers in each arm by lot, of shape (x, a).
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
            Errors of the sums of scores over all customers of a cell, and of the effects learned on the other
            folds, each of shape (x, f, offers, draws). Offers share those held back, and their draws.
        """
        # an offer's own scores are of its arm and those held back; all customers of the cell are more
        scale = [
            np.divide(self.rows, one.rows, out=np.zeros_like(self.rows), where=one.rows > 0)
            for one in self.trials
        ]
        own = [one.noise * more[..., None] for one, more in zip(self.trials, scale, strict=True)]
        return (np.stack(own, axis=2), np.stack([one.noise_learned for one in self.trials], axis=2))


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
        share=offered_share(n, first.classes, by_class=any(trial.by_class for trial in trials)),
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
        given = {str(name): worth for name, worth in margin.items()}  # classes are texts, also 0 and 1
        missing, unknown = [n for n in names if n not in given], [n for n in given if n not in names]
        if missing or unknown:
            raise OptionError(
                f"margin lacks {join_words(missing) or 'nothing'} and names {join_words(unknown) or 'no'} "
                f"further class; the classes are {join_words(names)}"
            )
        each = {name: money(given[name], f"margin of {name}") for name in names}
    else:
        each = dict.fromkeys(names, money(margin, "margin"))
    return np.array([each[str(name)] for name in trial.classes])


def money(value: object, what: str) -> float:
    """Return an amount of 0 or more, or refuse it."""
    # exact amounts are no Real, but are amounts
    if isinstance(value, bool) or not isinstance(value, (Real, Decimal)) or not 0 <= float(value) < np.inf:
        raise OptionError(f"{what} is {value!r}; give an amount of 0 or more")
    return float(value)


def price_of(cells: SaveCells, offer: str, how: str) -> float:
    """Return what one offer cost in the trial, or refuse where no price was told.

    Parameters
    ----------
    cells
        Where prices are.
    offer
        The offer.
    how
        What to give instead, e.g. ``"cost=…"``.
    """
    each = float(cells.costs.set_index("offer")["each"][offer])
    if not np.isfinite(each):
        raise OptionError(f"save offers: what {offer!r} costs is not told (no column 'cost'); give {how}")
    return money(each, f"cost of {offer}")


def reachable(considered: int, cost: float, capacity: int | None, budget: float | None) -> float:
    """Return the largest share of those considered that team and budget can serve, in whole offers."""
    if capacity is not None and (
        isinstance(capacity, bool) or not isinstance(capacity, (int, np.integer)) or capacity < 0
    ):
        raise OptionError(f"capacity is {capacity!r}; give a whole number of customers from 0, or None")
    share = 1.0 if capacity is None else min(1.0, int(capacity) / considered)
    if budget is not None:
        left = money(budget, "budget")
        share = min(share, float(np.floor(left / cost + 1e-9)) / considered) if cost > 0 else share
    return share


def considered_or_trial(considered: int | None, trial_size: int) -> int:
    """Return the number of customers that a rule is for."""
    if considered is None:
        return trial_size
    if isinstance(considered, bool) or not isinstance(considered, (int, np.integer)) or considered < 1:
        raise OptionError(f"considered is {considered!r}; give a whole number of customers from 1, or None")
    return int(considered)
