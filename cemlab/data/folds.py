"""Customers dealt into folds, by a hash that every engine computes alike."""

from __future__ import annotations

from typing import Any

import ibis


def fold_of(customer: Any, folds: int, seed: int) -> Any:
    """Return the expression of a customer's fold, from 0, by the first digits of a hash.

    Parameters
    ----------
    customer
        Column of identifiers.
    folds
        Number of folds.
    seed
        Deals them otherwise; the same seed deals the same on every engine.
    """
    start = (customer.cast("string") + f"|{seed}").hexdigest("md5").substr(0, 4)
    edges = [f"{65536 * fold // folds:04x}" for fold in range(1, folds)]
    return ibis.cases(*((start < edge, fold) for fold, edge in enumerate(edges)), else_=folds - 1)
