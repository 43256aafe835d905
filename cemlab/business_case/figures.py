"""Figures: the numbers of a ledger's entries, as a model may use them. Nothing else makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.business_case.entry import no_such
from cemlab.errors import ColumnError, DataError, DesignError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Figures(Mapping[str, Floats]):
    """The value of every entry of a ledger in each of n draws.

    Parameters
    ----------
    values_by_item
        Item → (n) numbers.
    n
        How many draws.
    """

    values_by_item: Mapping[str, Floats]
    n: int

    def __post_init__(self) -> None:
        for item, drawn in self.values_by_item.items():
            if not isinstance(drawn, np.ndarray) or drawn.shape != (self.n,) or drawn.dtype.kind != "f":
                raise DataError(f"{item!r}: {self.n:,} numbers are needed, one for each draw")

    def __getitem__(self, item: str) -> Floats:
        if item not in self.values_by_item:
            raise ColumnError(no_such(item, self.values_by_item, what="entry of the ledger"))
        return self.values_by_item[item]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_item)

    def __len__(self) -> int:
        return len(self.values_by_item)

    @property
    def items_drawn(self) -> tuple[str, ...]:
        """The entries that differ between draws, in order: the columns of :meth:`matrix`."""
        return tuple(item for item, drawn in self.values_by_item.items() if np.ptp(drawn) > 0)

    def matrix(self) -> Floats:
        """Return the draws of :attr:`items_drawn`, (n, k)."""
        return np.column_stack(
            [self.values_by_item[item] for item in self.items_drawn] or [np.empty((self.n, 0))]
        )

    def at(self, item: str, value: npt.ArrayLike) -> Figures:
        """Return the figures with one entry held at a value, or at n values, in its own unit.

        Raises
        ------
        ColumnError
            If there is no such entry: a number that is no entry cannot enter.
        DataError
            If the value is not finite, or there are not n of them.
        """
        old = self[item]
        try:
            new = np.asarray(value, dtype=float)
        except (TypeError, ValueError) as error:
            raise DataError(f"{item!r}: {error}; give a plain number") from error
        if not np.isfinite(new).all() or new.shape not in ((), (self.n,)):
            raise DataError(f"{item!r}: one finite value, or {self.n:,}, can be taken")
        return Figures({**self.values_by_item, item: np.broadcast_to(new, old.shape)}, self.n)

    def rows(self, start: int, stop: int) -> Figures:
        """Return some of the draws."""
        picked = {item: drawn[start:stop] for item, drawn in self.values_by_item.items()}
        return Figures(picked, len(range(*slice(start, stop).indices(self.n))))


def require_figures(figures: object) -> Figures:
    """Refuse numbers that do not come out of a ledger.

    Raises
    ------
    DesignError
        If it is anything but figures.
    """
    if not isinstance(figures, Figures):
        raise DesignError(
            f"a {type(figures).__name__} is no figures; numbers enter a case through entries of its ledger: "
            "ledger.draws(n) or ledger.means()"
        )
    return figures
