"""Least squares with clustered errors from sums of products: rows pass by in blocks and are never kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cemlab.data.regression_rows import KeyNumbers, RegressionRows, regression_rows
from cemlab.errors import DesignError
from cemlab.stats.least_squares import check_products
from cemlab.stats.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir
    import pandas as pd

Floats = npt.NDArray[np.float64]

# share of its level below which what a column varies by is rounding
_CONSTANT = 1e-13
# what a last step may move, as a share of what is left, and of the outcome where nothing is left
_SETTLED = 1e-11
_ROUNDING = 1e-14
_ROUNDS = 6
# rows whose products are added up before they leave the processor
_NEAR = 1 << 15


@dataclass(frozen=True, eq=False, kw_only=True)
class ClusterProducts:
    """Coefficients from products added up.

    Parameters
    ----------
    coefficient, covariance
        (k + 1), (k + 1, k + 1): the intercept, then the columns.
    df
        Clusters less one.
    n_given, n_used, n_clusters
        Rows handed in, rows in which nothing is missing, and their clusters.
    condition
        Condition number of the centred and scaled columns.
    """

    coefficient: Floats
    covariance: Floats
    df: int
    n_given: int
    n_used: int
    n_clusters: int
    condition: float


def cluster_products(
    table: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    columns: Sequence[str],
    cluster: str,
    weights: str | None = None,
) -> ClusterProducts:
    """Return least squares with an intercept and errors clustered, whatever the number of rows.

    One pass adds up products of centred columns, a second what is left at the coefficients by cluster. That
    pass also corrects the coefficients, so that products cost no digits, and is made again until they stand
    still. Rows are read in their order, so that threads change no digit.

    Parameters
    ----------
    table
        One row an observation; rows with something missing are left out and counted.
    outcome, columns, cluster, weights
        Columns; weights above nought.

    Raises
    ------
    ColumnError, OptionError, DataError
        As :func:`cemlab.data.regression_rows.regression_rows`.
    DesignError
        If a column is constant, columns depend on each other (by name), or rows or clusters are too few.

    Notes
    -----
    Liang & Zeger (1986) times G / (G − 1) · (n − 1) / (n − k − 1), as statsmodels does.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"shop": [1, 1, 2, 2], "x": [1.0, 2.0, 3.0, 4.0], "y": [3.1, 4.9, 7.1, 8.9]})
    >>> cluster_products(frame, outcome="y", columns=["x"], cluster="shop").coefficient.round(2).tolist()
    [1.1, 1.96]
    """
    data = regression_rows(table, outcome=outcome, columns=columns, keys={"c": cluster}, weights=weights)
    numbers = data.numbers("c")
    # threads would take longer to meet than such small products take
    with one_thread():
        found = _products(data)
        k = len(found.products) - 1
        if found.n_used <= k:
            raise DesignError(f"{found.n_used} complete rows cannot tell {k} coefficients apart")
        condition = _check(found, data.names)
        inverse = _inverse(found.products[1:, 1:])
        coefficient = inverse @ found.products[1:, 0]
        for _ in range(_ROUNDS):
            cross, left, meat, clusters = _left(data, numbers, found.centre, coefficient)
            step = inverse @ cross
            coefficient = coefficient + step
            moved = np.sqrt(step @ found.products[1:, 1:] @ step)
            if moved <= max(_SETTLED * np.sqrt(left), _ROUNDING * np.sqrt(found.products[0, 0])):
                break
        else:
            raise DesignError(
                f"columns {', '.join(data.names)} leave too few digits for a slope; leave one of them out"
            )
    if clusters < 2:
        raise DesignError("all rows are in one cluster; clustered errors need two at least, better thirty")
    n = found.n_used
    covariance = inverse @ meat @ inverse * (clusters / (clusters - 1) * (n - 1) / (n - k))
    # from slopes beside centred columns back to an intercept at nought
    back = np.eye(k)
    back[0, 1:] = -found.centre[1:]
    coefficient = back @ coefficient
    coefficient[0] += found.centre[0]
    return ClusterProducts(
        coefficient=coefficient,
        covariance=back @ covariance @ back.T,
        df=clusters - 1,
        n_given=found.n_given,
        n_used=n,
        n_clusters=clusters,
        condition=condition,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Products:
    """Products of outcome, one and columns (k + 2, k + 2) less a centre (k + 1), and counts of rows."""

    products: Floats
    centre: Floats
    n_given: int
    n_used: int


def _products(data: RegressionRows) -> _Products:
    centre: Floats | None = None
    k = len(data.names) + 1
    products, sums, total = np.zeros((k, k)), np.zeros(k), 0.0
    n_given = n_used = 0
    for block in data.blocks({}, rows_each=_NEAR):
        n_given, n_used = n_given + block.n_given, n_used + block.values.shape[1]
        if not block.values.size:
            continue
        rows, weight = block.values, block.weight
        if centre is None:
            # whatever is near the middle does: the constant takes up the rest exactly
            centre = rows.mean(axis=1)
        rows -= centre[:, None]
        weighted = rows if weight is None else rows * weight
        products += weighted @ rows.T
        sums += weighted.sum(axis=1)
        total += rows.shape[1] if weight is None else float(weight.sum())
    if centre is None:
        listed = ", ".join(data.called.values())
        raise DesignError(f"none of {n_given:,} rows has all of {listed}")
    # the constant stands between the outcome and the columns
    whole = np.insert(np.insert(products, 1, sums, axis=0), 1, np.insert(sums, 1, total), axis=1)
    return _Products(products=whole, centre=centre, n_given=n_given, n_used=n_used)


def _check(found: _Products, names: Sequence[str]) -> float:
    """Return the condition of the columns; refuse by name what does not vary or hangs together."""
    products = found.products
    beside = products[1, 2:]
    inner = products[2:, 2:] - np.outer(beside, beside) / products[1, 1]
    size = np.sqrt(np.maximum(np.diag(inner), 0.0))
    level = np.sqrt(products[1, 1]) * np.abs(found.centre[1:])
    still = [name for name, a, b in zip(names, size, level, strict=True) if a <= _CONSTANT * b or a == 0]
    if still:
        raise DesignError(f"{', '.join(still)}: constant in all rows; no slope can be told, leave it out")
    return check_products(inner / np.outer(size, size), names=names)


def _inverse(gram: Floats) -> Floats:
    size = np.sqrt(np.diag(gram))
    return np.asarray(np.linalg.inv(gram / np.outer(size, size)) / np.outer(size, size))


def _left(
    data: RegressionRows, numbers: KeyNumbers, centre: Floats, coefficient: Floats
) -> tuple[Floats, float, Floats, int]:
    """Return columns times what is left, its square, products of clusters' sums, and their number."""
    k = len(coefficient)
    sums, left = np.zeros((k, numbers.size)), 0.0
    seen = np.zeros(numbers.size, dtype=bool)
    for block in data.blocks({"c": numbers}, centre=centre, rows_each=_NEAR):
        rows, code = block.values, block.keys["c"]
        rest = rows[0] - coefficient[0] - coefficient[1:] @ rows[1:]
        weighted = rest if block.weight is None else rest * block.weight
        left += float(rest @ weighted)
        seen[code] = True
        rows[0] = weighted
        rows[1:] *= weighted
        for j in range(k):
            np.add.at(sums[j], code, rows[j])
    return sums.sum(axis=1), left, sums @ sums.T, int(seen.sum())
