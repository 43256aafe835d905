"""From cells of features to the columns of a design: main effects and pairwise interactions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.campaign_features import OTHER

Floats = NDArray[np.float64]

#: Columns up to which pairwise interactions are fitted; beyond, main effects alone.
MOST_COLUMNS = 200
#: Fewest customers that each arm of a kind of campaign must have in a value for it to be kept apart.
LEAST_IN_ARM = 20


@dataclass(frozen=True, eq=False, kw_only=True)
class CellDesign:
    """How cells become columns.

    Parameters
    ----------
    levels
        Feature → the values kept apart.
    merged
        Feature → the values merged into ``"other"`` as an arm had too few customers in them.
    """

    levels: Mapping[str, tuple[str, ...]]
    merged: Mapping[str, tuple[str, ...]]

    @property
    def pairs(self) -> bool:
        """Whether pairwise interactions are few enough to be fitted."""
        sizes = [len(levels) for levels in self.levels.values()]
        return sum(sizes) + sum(a * b for a, b in itertools.combinations(sizes, 2)) <= MOST_COLUMNS

    @property
    def groups(self) -> NDArray[np.int64]:
        """Group of each column: one for each feature, and one for all interactions."""
        sizes = [len(levels) for levels in self.levels.values()]
        n_pairs = sum(a * b for a, b in itertools.combinations(sizes, 2)) if self.pairs else 0
        return np.repeat(np.arange(len(sizes) + 1), [*sizes, n_pairs])

    def main(self, frame: pd.DataFrame) -> Floats:
        """Return the columns of the main effects; a value never seen is like the average of the others."""
        return np.concatenate(self._one_hot(frame), axis=1)

    def full(self, frame: pd.DataFrame) -> Floats:
        """Return main effects and, where they are few enough, pairwise interactions."""
        parts = self._one_hot(frame)
        if self.pairs:
            pairs = itertools.combinations(list(parts), 2)
            parts += [(a[:, :, None] * b[:, None, :]).reshape(len(frame), -1) for a, b in pairs]
        return np.concatenate(parts, axis=1)

    def unseen(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Return which cells hold a value that no campaign can speak of."""
        found = np.zeros(len(frame), dtype=bool)
        for name in self.levels:
            found |= self._codes(frame, name) < 0
        return found

    def _one_hot(self, frame: pd.DataFrame) -> list[Floats]:
        parts = []
        for name, levels in self.levels.items():
            codes = self._codes(frame, name)
            hot = (codes[:, None] == np.arange(len(levels))) - 1 / len(levels)
            parts.append(np.where((codes < 0)[:, None], 0.0, hot))
        return parts

    def _codes(self, frame: pd.DataFrame, name: str) -> NDArray[np.int64]:
        levels = list(self.levels[name])
        codes = np.asarray(pd.Index(levels).get_indexer(pd.Index(frame[name])), dtype=np.int64)
        rest = levels.index(OTHER) if OTHER in levels else -1
        return np.where(codes < 0, rest, codes)


def designs_of(cells: pd.DataFrame, features: Sequence[str]) -> dict[str, CellDesign]:
    """Return the design of each kind: values too rare in one of its own arms are merged.

    A small campaign says little of many values; what larger ones say of them is not lost by it.
    """
    return {str(kind): _design(cells, str(kind), features) for kind in sorted(set(cells["kind"]))}


def _design(cells: pd.DataFrame, kind: str, features: Sequence[str]) -> CellDesign:
    levels: dict[str, tuple[str, ...]] = {}
    merged: dict[str, tuple[str, ...]] = {}
    own = cells[cells["kind"] == kind]
    for name in features:
        arms = own.pivot_table(index=name, columns="treated", values="n", aggfunc="sum", fill_value=0)
        every = sorted(set(cells[name]))
        fewest = arms.reindex(index=every, columns=[False, True], fill_value=0).min(axis=1)
        rare = tuple(str(value) for value in fewest.index[fewest < LEAST_IN_ARM])
        kept = tuple(str(value) for value in every if str(value) not in rare)
        merged[name] = tuple(value for value in rare if value != OTHER)
        levels[name] = (*kept, OTHER) if rare else kept
    return CellDesign(levels=levels, merged=merged)


def finest(designs: Mapping[str, CellDesign]) -> CellDesign:
    """Return the design of all kinds together: it keeps apart what any of them keeps apart."""
    levels: dict[str, tuple[str, ...]] = {}
    merged: dict[str, tuple[str, ...]] = {}
    every = list(designs.values())
    for name in every[0].levels:
        kept = sorted({value for one in every for value in one.levels[name]} - {OTHER})
        merged[name] = tuple(sorted({v for one in every for v in one.merged[name]} - set(kept)))
        rest = merged[name] or all(OTHER in one.levels[name] for one in every)
        levels[name] = (*kept, OTHER) if rest else tuple(kept)
    return CellDesign(levels=levels, merged=merged)
