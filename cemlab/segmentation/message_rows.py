"""Messages as rows of shares: read, checked, and free of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of
from cemlab.stats.compositions import FloatArray, IntArray, closed, replace_zeros

if TYPE_CHECKING:
    import ibis.expr.types as ir

SIDES = ("sent", "wanted")

# Three shares rounded to two decimals each can miss one by 0.015.
_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False, kw_only=True)
class MixRows:
    """Messages, one a row, as arrays.

    Parameters
    ----------
    shares
        Shape (n, parts), as given, closed to one; zeros are still in it.
    side, channel, phase, segment
        Codes (n): of SIDES, of `channels`, `phases` and `segments`; segment −1 where it is not known.
    person
        Codes (n) of rows that come from one customer; a row without customer stands for itself.
    parts, channels, phases, segments
        Names, in order.
    n_given
        Rows handed in; those with a blank were left out.
    """

    shares: FloatArray
    side: IntArray
    channel: IntArray
    phase: IntArray
    segment: IntArray
    person: IntArray
    parts: tuple[str, ...]
    channels: tuple[str, ...]
    phases: tuple[str, ...]
    segments: tuple[str, ...]
    n_given: int

    @property
    def zeros(self) -> int:
        """Rows with a share of zero."""
        return int((self.shares == 0).any(axis=1).sum())

    def mostly_zero(self, group: IntArray, groups: int) -> NDArray[np.bool_]:
        """Tell of which parts half or more of a group's values are zero (groups, parts).

        Their log-ratios would be those of what stands for a zero, and so would be their spread.
        """
        size = np.bincount(group, minlength=groups)
        empty = [np.bincount(group, weights=part, minlength=groups) for part in (self.shares == 0).T]
        return (np.stack(empty, axis=1) >= size[:, None] / 2) & (size > 0)[:, None]

    def without_zeros(self, zero: float | None, *, times: float = 1.0) -> FloatArray:
        """Return the shares with what was put in place of zeros, `times` as large as it is by default."""
        put = self.zero(zero)
        return replace_zeros(self.shares, zero=times * put[self.side])

    def zero(self, zero: float | None) -> FloatArray:
        """Return what is put in place of a zero on each side (2).

        By default 65 % of half the smallest share seen on that side: what was rounded to nothing lies below
        half of what was written down as the least.
        """
        if zero is not None:
            return np.full(len(SIDES), float(zero))
        least = [self.shares[(self.side == side)] for side in range(len(SIDES))]
        return np.array([0.65 * rows[rows > 0].min() / 2 for rows in least])


def mix_rows(
    table: ir.Table | pd.DataFrame,
    *,
    parts: Sequence[str],
    channel: str,
    phase: str,
    side: str,
    customer: str | None,
    segment: str | None,
    zero: float | None,
) -> MixRows:
    """Read and check the rows that :func:`cemlab.segmentation.message_mix` is given."""
    optional = [name for name in (customer, segment) if name is not None]
    wanted = [*parts, channel, phase, side, *optional]
    _check_names(table, parts=parts, wanted=wanted)
    if zero is not None and not 0 < zero < 1 / len(parts):
        raise OptionError(f"zero is {zero!r}; allowed: a share above 0 and below {1 / len(parts):.3g}")
    given = table[wanted] if isinstance(table, pd.DataFrame) else table.select(wanted).to_pandas()
    frame = given.dropna(subset=[*parts, channel, phase, side]).reset_index(drop=True)
    sides = _sides(frame[side], side)
    shares = _shares(frame, parts)
    channels, phases = _levels(frame[channel]), _levels(frame[phase])
    segments = _levels(frame[segment]) if segment else pd.Categorical([])
    return MixRows(
        shares=shares,
        side=sides,
        channel=channels.codes.astype(np.int64),
        phase=phases.codes.astype(np.int64),
        segment=segments.codes.astype(np.int64) if segment else np.full(len(frame), -1),
        person=_persons(frame[customer] if customer else None, len(frame)),
        parts=tuple(parts),
        channels=tuple(map(str, channels.categories)),
        phases=tuple(map(str, phases.categories)),
        segments=tuple(map(str, segments.categories)),
        n_given=len(given),
    )


def _check_names(table: ir.Table | pd.DataFrame, *, parts: Sequence[str], wanted: Sequence[str]) -> None:
    if isinstance(parts, str) or len(parts) < 2:
        raise OptionError(
            f"parts is {parts!r}; name two columns of shares or more, e.g. ('know', 'feel', 'do')"
        )
    twice = [name for name in wanted if list(wanted).count(name) > 1]
    if twice:
        raise OptionError(f"the column {twice[0]!r} is named twice; each column has one role")
    for name in wanted:
        if name not in table.columns:
            raise ColumnError(one_of(name, map(str, table.columns), what="column of the messages"))


def _sides(values: pd.Series, side: str) -> IntArray:
    texts = values.astype(str)
    other = texts[~texts.isin(SIDES)]
    if len(other):
        raise DataError(
            f"column {side!r}: {other.iloc[0]!r} in {len(other):,} row(s); allowed are 'sent' and 'wanted'"
        )
    for name in SIDES:
        if not (texts == name).any():
            raise DesignError(
                f"column {side!r}: no complete row is {name!r}; a gap needs messages sent and messages wanted"
            )
    return np.asarray(texts == SIDES[1], dtype=np.int64)


def _shares(frame: pd.DataFrame, parts: Sequence[str]) -> FloatArray:
    try:
        shares = frame[list(parts)].astype(float).to_numpy()
    except (TypeError, ValueError) as error:
        raise DataError(f"the parts must be numbers: {error}") from error
    total = shares.sum(axis=1)
    wrong = ~((shares >= 0).all(axis=1) & (np.abs(total - 1) <= _TOLERANCE))
    if wrong.any():
        first = shares[int(np.argmax(wrong))]
        raise DataError(
            f"{wrong.sum():,} of {len(shares):,} rows are no shares of one whole, the first "
            f"{', '.join(f'{value:g}' for value in first)}; each must be 0 or more and the sum between "
            f"{1 - _TOLERANCE:g} and {1 + _TOLERANCE:g} (shares, not percentages)"
        )
    for name, never in zip(parts, (shares == 0).all(axis=0), strict=True):
        if never:
            raise DesignError(f"the part {name!r} is 0 in every row; leave it out")
    return closed(shares)


def _levels(values: pd.Series) -> pd.Categorical:
    """Return the levels that occur: in their own order where they have one, else in that of the alphabet."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return pd.Categorical(values.cat.remove_unused_categories())
    return pd.Categorical(values.astype(object))


def _persons(values: pd.Series | None, n: int) -> IntArray:
    """Return a code a customer; rows without one get a code each."""
    if values is None:
        return np.arange(n)
    codes = pd.factorize(values)[0].astype(np.int64)
    own = codes < 0
    codes[own] = codes.max(initial=-1) + 1 + np.arange(own.sum())
    return codes
