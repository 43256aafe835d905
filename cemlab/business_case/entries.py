"""Entries of the ledger of a case: no number enters a case but as one of them.

An :class:`Assumption` is a range that somebody answers for; a :class:`Fitted` is what an analysis found, with
its uncertainty, alone or with others (:func:`fitted_together`); :func:`counted` is what is known exactly.
Entries have no arithmetic: numbers come out of them only as :class:`~cemlab.business_case.figures.Figures`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date as Date  # noqa: N812 - an entry has a field called date
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.evidence import GRADES
from cemlab.result import Result

Floats = npt.NDArray[np.float64]
Standing = Literal["assumption", "descriptive", "association", "adjusted", "quasi-experiment", "experiment"]
Shape = Literal["triangular", "pert"]

#: What an entry may rest on, from the weakest to the strongest.
STANDINGS: tuple[Standing, ...] = ("assumption", *GRADES)


@dataclass(frozen=True, eq=False, kw_only=True)
class Entry(ABC):
    """A number with its unit, its source and somebody who answers for it.

    Parameters
    ----------
    item
        Its name, unique in a ledger.
    unit
        E.g. ``"EUR a person"``; money begins with its currency.
    source, owner, date
        Where it comes from, who answers for it, when it was stated.
    grade
        What it rests on; see :data:`STANDINGS`.
    """

    item: str
    unit: str
    source: str = ""
    owner: str = ""
    date: Date | None = None
    grade: Standing = "assumption"

    def __post_init__(self) -> None:
        for name in ("item", "unit"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise DataError(f"the entry {self.item!r} lacks its {name}; write it")
        if self.grade not in STANDINGS:
            raise OptionError(f"the entry {self.item!r}: {one_of(self.grade, STANDINGS, what='grade')}")

    @property
    @abstractmethod
    def middle(self) -> float:
        """The most plausible value."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """The mean over what it may be."""

    @property
    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value; of a fitted one the ends of its 95 % interval."""

    @property
    def block(self) -> str:
        """The name of what is drawn together: entries of one block share their draws."""
        return self.item

    @abstractmethod
    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """Return `n` draws."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Assumption(Entry):
    """A range that somebody answers for.

    Parameters
    ----------
    low, mode, high
        The lowest, the most plausible and the highest value, in this order.
    shape
        ``"triangular"``, as in the lever map, so that one ledger means one thing in both; it is a little
        wider than ``"pert"`` (a beta distribution of mean (low + 4 mode + high) / 6), which is for those who
        trust their mode more than their ends.

    Raises
    ------
    DataError
        If a value is missing or the three are not in order.

    Examples
    --------
    >>> fee = Assumption(item="Course", low=820, mode=900, high=1050, unit="EUR a person")
    >>> round(fee.mean, 2)
    923.33
    >>> Assumption(item="Course", low=900, mode=820, high=1050, unit="EUR")
    Traceback (most recent call last):
        ...
    cemlab.errors.DataError: the entry 'Course': low 900, mode 820, high 1050; give them in this order
    """

    low: float
    mode: float
    high: float
    shape: Shape = "triangular"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shape not in get_args(Shape):
            raise OptionError(one_of(self.shape, get_args(Shape), what="shape"))
        try:
            values = [float(value) for value in (self.low, self.mode, self.high)]
        except (TypeError, ValueError) as error:
            raise DataError(f"the entry {self.item!r}: {error}; give three plain numbers") from error
        if not (np.isfinite(values).all() and values == sorted(values)):
            raise DataError(
                f"the entry {self.item!r}: low {values[0]:g}, mode {values[1]:g}, high {values[2]:g}; give "
                "them in this order"
            )
        for name, value in zip(("low", "mode", "high"), values, strict=True):
            object.__setattr__(self, name, value)  # frozen: read once, here

    @property
    def middle(self) -> float:
        """The mode."""
        return self.mode

    @property
    def mean(self) -> float:
        """(low + mode + high) / 3, or (low + 4 mode + high) / 6 for the shape PERT."""
        weight = 1.0 if self.shape == "triangular" else 4.0
        return (self.low + weight * self.mode + self.high) / (2 + weight)

    @property
    def ends(self) -> tuple[float, float]:
        """Low and high."""
        return self.low, self.high

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """Return `n` draws by inversion, so that a range that is moved moves every draw with it."""
        uniform = rng.random(n)
        width = self.high - self.low
        if width == 0:
            return np.full(n, self.mode)
        if self.shape == "pert":
            from scipy.special import betaincinv

            place = (self.mode - self.low) / width
            return np.asarray(self.low + width * betaincinv(1 + 4 * place, 5 - 4 * place, uniform))
        place = (self.mode - self.low) / width
        left = np.sqrt(uniform * place)
        right = 1 - np.sqrt((1 - uniform) * (1 - place))
        drawn: Floats = self.low + width * np.where(uniform < place, left, right)
        return drawn


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
            rows = np.asarray(self.draws, dtype=float).reshape(-1, 1)
            return _block(self.item, None, None, rows)
        if self.estimate is None or self.std_error is None:
            raise DataError(
                f"the entry {self.item!r} has no uncertainty; give estimate and std_error, or draws, or a "
                "result (what is known exactly is counted())"
            )
        square = np.square([[float(self.std_error)]]) if self.std_error >= 0 else np.array([[-1.0]])
        return _block(self.item, np.array([float(self.estimate)]), square, None)

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


def counted(
    *, item: str, value: float, unit: str, source: str = "", owner: str = "", date: Date | None = None
) -> Assumption:
    """Return an entry that is known exactly: posts on a plan, customers on a day.

    Examples
    --------
    >>> counted(item="posts", value=210, unit="persons").ends
    (210.0, 210.0)
    """
    return Assumption(
        item=item, low=value, mode=value, high=value, unit=unit, source=source, owner=owner, date=date,
        grade="descriptive",
    )  # fmt: skip


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
    mean = None if estimate is None else np.asarray(estimate, dtype=float)
    cov = None if covariance is None else np.asarray(covariance, dtype=float)
    rows = None if draws is None else np.asarray(draws, dtype=float)
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
