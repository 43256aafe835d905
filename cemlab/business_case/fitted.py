"""Entries that an analysis found, with their uncertainty, alone or together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date as Date  # noqa: N812 - an entry has a field called date
from typing import Any

import numpy as np
import numpy.typing as npt

from cemlab.business_case.entry import Entry, Floats, Standing
from cemlab.errors import DataError, DesignError
from cemlab.result import Result


@dataclass(frozen=True, eq=False)
class _Block:
    """Draws of several entries from one analysis: a mean with a covariance, or rows that were drawn."""

    name: str
    mean: Floats  #: (k)
    root: Floats | None  #: (k, k), root @ root.T is the covariance
    rows: Floats | None  #: (m, k)

    def draw(self, rng: np.random.Generator, n: int, column: int) -> Floats:
        """Return `n` draws of one entry; the same generator gives its partners' rows."""
        if self.rows is not None:
            picked: Floats = self.rows[rng.integers(0, len(self.rows), n), column]
            return picked
        assert self.root is not None  # the one or the other is there
        normal = rng.standard_normal((n, len(self.mean)))
        return np.asarray(self.mean[column] + normal @ self.root[column])


@dataclass(frozen=True, eq=False, kw_only=True)
class Fitted(Entry):
    """What an analysis found, with its uncertainty.

    Parameters
    ----------
    result
        An analysis; its evidence gives the grade and the source, its table the estimate.
    row
        Which row of the result's table it is; the only one, if not given.
    estimate, std_error
        The same as numbers, where there is no result, or where its table is to be read otherwise.
    draws
        Draws of it instead of a standard error, e.g. of a bootstrap.
    month
        The month of the case to which it belongs, from 0, where it belongs to one.

    Raises
    ------
    DataError
        If there is no finite estimate, a negative standard error, or neither error nor draws.

    Examples
    --------
    >>> Fitted(item="experience", estimate=0.21, std_error=0.05, unit="standard deviations",
    ...        grade="quasi-experiment").ends[0].__round__(3)
    0.112
    """

    result: Result | None = None
    row: int | None = None
    estimate: float | None = None
    std_error: float | None = None
    draws: Floats | None = None
    month: int | None = None
    _block: _Block | None = field(default=None, repr=False)
    _column: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        if self.result is not None:
            self._from_result(self.result)
        super().__post_init__()
        if self._block is None:
            object.__setattr__(self, "_block", self._own_block())

    def _from_result(self, result: Result) -> None:
        if not isinstance(result, Result):
            raise DesignError(f"the entry {self.item!r}: result is a {type(result).__name__}, not a Result")
        table = result.table
        if self.row is None and len(table) != 1:
            raise DesignError(
                f"the entry {self.item!r}: the result has {len(table)} rows; say which with row="
            )
        if self.row is not None and not 0 <= self.row < len(table):
            raise DesignError(
                f"the entry {self.item!r}: the result has no row {self.row}; it has {len(table)}"
            )
        line = table.iloc[self.row or 0]
        put = object.__setattr__  # frozen: read once, here
        put(self, "grade", result.evidence.grade)
        put(self, "source", self.source or result.evidence.source or result.evidence.design)
        if self.estimate is None:
            put(self, "estimate", float(line["estimate"]))
        if self.std_error is None and self.draws is None:
            put(self, "std_error", _error_of(line, result.conf_level))

    def _own_block(self) -> _Block:
        if self.draws is not None:
            rows = np.asarray(_numbers(self.item, self.draws))
            if rows.ndim != 1:
                raise DataError(
                    f"draws of {self.item!r} have {rows.ndim} axes; give one column, or several entries to "
                    "fitted_together()"
                )
            return _block(self.item, None, None, rows[:, None])
        if self.estimate is None or self.std_error is None:
            raise DataError(
                f"the entry {self.item!r} has no uncertainty; give estimate and std_error, or draws, or a "
                "result (what is known exactly is counted())"
            )
        both = _numbers(self.item, [self.estimate, self.std_error])
        square = np.square([[both[1]]]) if both[1] >= 0 else np.array([[-1.0]])
        return _block(self.item, both[:1], square, None)

    @property
    def middle(self) -> float:
        """The estimate; of draws without one, their mean."""
        return float(self.estimate) if self.estimate is not None else self.mean

    @property
    def mean(self) -> float:
        """The mean of what is drawn."""
        assert self._block is not None  # made when the entry was
        return float(self._block.mean[self._column])

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the 95 % interval."""
        assert self._block is not None  # made when the entry was
        if self._block.rows is not None:
            low, high = np.quantile(self._block.rows[:, self._column], [0.025, 0.975])
            return float(low), float(high)
        assert self._block.root is not None  # where there are no rows
        wide = 1.959963984540054 * math.hypot(*self._block.root[self._column])
        return self.mean - wide, self.mean + wide

    @property
    def block(self) -> str:
        """The name of what it is drawn together with."""
        assert self._block is not None  # made when the entry was
        return self._block.name

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """Return `n` draws; entries fitted together keep their correlation if `rng` begins alike."""
        assert self._block is not None  # made when the entry was
        return self._block.draw(rng, n, self._column)


def fitted_together(
    items: Sequence[str],
    *,
    units: Sequence[str] | str,
    estimate: npt.ArrayLike | None = None,
    covariance: npt.ArrayLike | None = None,
    draws: npt.ArrayLike | None = None,
    months: Sequence[int] | None = None,
    source: str = "",
    owner: str = "",
    date: Date | None = None,
    grade: Standing = "association",
) -> tuple[Fitted, ...]:
    """Return entries from one analysis whose uncertainty is one: in every draw they belong together.

    Parameters
    ----------
    items
        Names, (k).
    units
        One unit for all, or one each.
    estimate, covariance
        (k) and (k, k); drawn as a normal distribution.
    draws
        (m, k) instead: rows of a bootstrap or of a posterior, drawn with replacement.
    months
        (k) the month of the case of each, from 0.
    source, owner, date, grade
        Of all of them.

    Raises
    ------
    DataError
        If the shapes do not fit, something is not finite, or the covariance is none.

    Examples
    --------
    >>> leave, buy = fitted_together(["leave", "buy"], units="share", estimate=[0.8, 0.07],
    ...                              covariance=[[0.01, -0.0004], [-0.0004, 0.0001]])
    >>> leave.block == buy.block
    True
    """
    if isinstance(items, str):
        raise DataError(f"items is the text {items!r}; give a list of names")
    mean, cov, rows = (
        None if given is None else _numbers(" + ".join(items), given)
        for given in (estimate, covariance, draws)
    )
    block = _block(" + ".join(items), mean, cov, rows)
    named = [units] * len(items) if isinstance(units, str) else list(units)
    if not len(items) == len(named) == len(block.mean) or (months is not None and len(months) != len(items)):
        raise DataError(f"{len(items)} items, {len(named)} units and {len(block.mean)} estimates do not fit")
    return tuple(
        Fitted(
            item=item, unit=unit, source=source, owner=owner, date=date, grade=grade,
            estimate=float(block.mean[k]), month=None if months is None else int(months[k]),
            _block=block, _column=k,
        )
        for k, (item, unit) in enumerate(zip(items, named, strict=True))
    )  # fmt: skip


def _numbers(name: str, given: npt.ArrayLike) -> Floats:
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name!r}: {error}; give plain numbers") from error


def _block(name: str, mean: Floats | None, cov: Floats | None, rows: Floats | None) -> _Block:
    if rows is not None:
        if rows.ndim != 2 or len(rows) < 2 or not np.isfinite(rows).all():
            raise DataError(
                f"draws of {name!r}: two or more rows of finite numbers, one column an item, are needed"
            )
        return _Block(name, rows.mean(axis=0), None, rows)
    if mean is None or cov is None:
        raise DataError(f"{name!r}: give an estimate with its covariance, or draws")
    if mean.ndim != 1 or cov.shape != (len(mean), len(mean)) or not np.isfinite([*mean, *cov.flat]).all():
        raise DataError(
            f"{name!r}: an estimate of shape (k) and a covariance of shape (k, k), finite, are needed"
        )
    values, vectors = np.linalg.eigh((cov + cov.T) / 2)
    # clustered covariances of many cells have no full rank: rounding below zero is no error
    if not np.allclose(cov, cov.T) or values.min(initial=0.0) < -1e-8 * max(
        1e-300, abs(values).max(initial=0.0)
    ):
        raise DataError(f"{name!r}: what is given is no covariance (symmetric, no negative variance)")
    return _Block(name, mean, np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))), None)


def _error_of(line: Any, conf_level: float) -> float:
    """Return the standard error of a row: its own, or what the width of its interval says."""
    if "std_error" in line.index:
        return float(line["std_error"])
    from scipy.special import ndtri

    return float((line["conf_high"] - line["conf_low"]) / (2 * ndtri((1 + conf_level) / 2)))
