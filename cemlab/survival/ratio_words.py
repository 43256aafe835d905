"""Hazard ratios in words: with the digits they have, per standard deviation, and only what is settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cemlab.markup import join_words, number


def ratio_text(row: Mapping[Any, Any]) -> str:
    """Write a ratio with its interval, in so many digits that the interval has a width.

    Examples
    --------
    >>> ratio_text({"estimate": 1.32, "conf_low": 1.1, "conf_high": 1.6})
    '1.32 (1.10 to 1.60)'
    >>> ratio_text({"estimate": 1.0000512, "conf_low": 1.0000494, "conf_high": 1.000053})
    '1.0000512 (1.0000494 to 1.0000530)'
    """
    half = (float(row["conf_high"]) - float(row["conf_low"])) / 2
    # a quarter of the interval's half width is the least that a digit should tell
    digits = 2 if not 0 < half < 0.02 else min(12, 1 - int(np.floor(np.log10(half))))
    told = [
        number(value) if value >= 1000 else f"{value:.{digits}f}"
        for value in (float(row[name]) for name in ("estimate", "conf_low", "conf_high"))
    ]
    return f"{told[0]} ({told[1]} to {told[2]})"


def settled(table: pd.DataFrame) -> Any:
    """Tell which ratios' intervals do not hold 1."""
    return ((table["conf_low"] > 1) | (table["conf_high"] < 1)).to_numpy()


def per_spread(table: pd.DataFrame, spread: pd.Series[float]) -> pd.DataFrame:
    """Return the ratios per standard deviation of their terms."""
    power = spread.to_numpy(dtype=float)
    with np.errstate(over="ignore", under="ignore"):
        return table.assign(**{name: table[name] ** power for name in ("estimate", "conf_low", "conf_high")})


def told_ratios(table: pd.DataFrame, *, relation: str, numeric: pd.Series[float] | None = None) -> list[str]:
    """Return sentences on which terms go with a slower and a faster pace of leaving, and which are open.

    Parameters
    ----------
    table
        term, estimate, conf_low, conf_high.
    relation
        How the sentences begin.
    numeric
        The standard deviation of each term that is a number, by term; the others are told as they are.
    """
    held = settled(table)
    words = [_told(row, numeric) for row in table.to_dict("records")]
    sentences = []
    for pace, here in (("slower", table["estimate"] < 1), ("faster", table["estimate"] >= 1)):
        told = [word for word, mine in zip(words, held & here.to_numpy(), strict=True) if mine]
        if told:
            sentences.append(f"{relation} a {pace} pace of leaving: {'; '.join(told)}.")
    if not held.all():
        sentences.append(f"Not settled by these data: {join_words(table['term'][~held])}.")
    return sentences


def _told(row: Mapping[Any, Any], numeric: pd.Series[float] | None) -> str:
    term = str(row["term"])
    if numeric is None or term not in numeric.index:
        return f"{term} ×{ratio_text(row)}"
    each = ratio_text(per_spread(pd.DataFrame([row]), numeric[[term]]).iloc[0].to_dict())
    deviation = number(float(numeric[term]))
    return f"{term} ×{ratio_text(row)} per unit, ×{each} per standard deviation ({deviation})"


def claim_of(
    table: pd.DataFrame, *, spread: pd.Series[float], numeric: Sequence[str]
) -> tuple[str, int | None]:
    """Return what the intervals settle in words, and the row of which: the largest difference, one, or none.

    Parameters
    ----------
    table
        term, estimate, conf_low, conf_high, coefficient.
    spread
        The standard deviation of each term, in the order of the table: differences are compared per that.
    numeric
        The terms that are numbers, told per standard deviation.
    """
    held = settled(table)
    if not held.any():
        return "No difference in pace is settled by these data", None
    deviations = spread.to_numpy(dtype=float)
    with np.errstate(divide="ignore"):
        ends = np.abs(np.log(table[["conf_low", "conf_high"]].to_numpy(dtype=float))) * deviations[:, None]
    sizes = np.where(held, np.abs(table["coefficient"].to_numpy()) * deviations, -1.0)
    top = int(sizes.argmax())
    row, per = table.iloc[top], ""
    if row["term"] in numeric:
        row, per = per_spread(table.iloc[[top]], spread.iloc[[top]]).iloc[0], " per standard deviation"
    times = ratio_text(row.to_dict()).split(" ")[0]
    # the largest of all only where its interval lies further from 1 than any other reaches
    largest = len(table) > 1 and ends[top].min() > np.delete(ends, top, axis=0).max()
    among = f", the largest difference{'' if per else ' per standard deviation'}" if largest else ""
    return f"{row['term']}: {times} times the pace of leaving{per}{among}", top
