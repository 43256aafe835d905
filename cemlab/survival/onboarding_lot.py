"""Who was onboarded by lot: spells with their arm, and whether the lot made the arms alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cemlab.data.spell_roles import SpellRoles
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.evidence import Check
from cemlab.markup import join_words, label, p_value, percent
from cemlab.survival.contracts import spells as contract_spells

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cemlab.data.company import Company

_KIND = "onboarding"
_MOST_LEVELS = 50
# a lot that makes arms as unlike as this happens once in a thousand experiments
BROKEN = 0.001


def onboarding_spells(company: Company) -> ir.Table:
    """Return the spells of customers considered for onboarding, with their arm.

    Parameters
    ----------
    company
        With the tables subscriptions and campaigns (kind "onboarding": customer, treated).

    Returns
    -------
    ibis.expr.types.Table
        As :func:`cemlab.survival.spells`, and ``treated``: whether the customer was onboarded.

    Raises
    ------
    DesignError, DataError
        If no customer was considered for onboarding, or one stands there twice.
    NotFoundError
        If the company has no such tables.
    """
    campaigns = company.table("campaigns")
    lot = campaigns.filter(campaigns["kind"] == _KIND).select("customer", "treated")
    found = lot.aggregate(n=lot.count(), customers=lot["customer"].nunique()).to_pandas().iloc[0]
    if not found["n"]:
        raise DesignError(
            "campaigns: no row of the kind 'onboarding', so nobody knows who was onboarded and who was held "
            "back; survival.hazard_ratios compares groups without a lot"
        )
    if found["n"] > found["customers"]:
        raise DataError(
            f"campaigns: {int(found['n'] - found['customers']):,} customers stand in the onboarding more "
            "than "
            "once; keep one row each"
        )
    return contract_spells(company).inner_join(lot, "customer")


def lot_checks(
    roles: SpellRoles, balance: Sequence[str], share: float | None
) -> tuple[tuple[Check, ...], bool]:
    """Check that arms are as large and as alike as a lot makes them.

    Parameters
    ----------
    roles
        Checked spells; x0 is the arm, x1, … the columns of `balance`.
    balance
        What was known at joining.
    share
        The share that the lot meant to treat, if stated.

    Returns
    -------
    tuple
        The checks, and whether the lot may be believed.
    """
    arms = _counts(roles, "x0")
    if len(arms) < 2:
        raise DesignError(
            f"all {int(arms['n'].sum()):,} customers are in one arm (treated = "
            f"{label(arms['x0'].iloc[0])}); an "
            "effect needs customers held back by lot"
        )
    records = []
    for i, name in enumerate(balance, start=1):
        table = _counts(roles, "x0", f"x{i}").pivot(index="x0", columns=f"x{i}", values="n").fillna(0)
        if table.shape[1] > _MOST_LEVELS:
            raise OptionError(
                f"the column {name!r} of balance has {table.shape[1]} values; put numbers into bands"
            )
        records.append((name, _homogeneous(table.to_numpy(dtype=float))))
    checks = []
    believed = True
    if records:
        checks.append(_balance(records))
        believed = min(p for _, p in records) * len(records) >= BROKEN
    if share is not None:
        checks.append(_size(arms, share))
        believed &= checks[-1].passed is not False
    return tuple(checks), believed


def _counts(roles: SpellRoles, *names: str) -> pd.DataFrame:
    counted = roles.table.group_by(list(names)).aggregate(n=roles.table["n"].sum())
    frame: pd.DataFrame = counted.order_by(list(names)).to_pandas()
    return frame


def _homogeneous(counts: np.ndarray) -> float:
    from scipy.special import chdtrc

    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    df = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    return float(chdtrc(df, ((counts - expected) ** 2 / expected).sum())) if df else 1.0


def _balance(records: list[tuple[str, float]]) -> Check:
    smallest = min(p for _, p in records)
    names = [name for name, p in records if p * len(records) < BROKEN]
    return Check(
        name="balance of the lot",
        null="arms are alike in what was known at joining",
        passed=smallest * len(records) >= BROKEN,
        detail=f"smallest {p_value(smallest)} of {len(records)} columns"
        f"{'; unlike in ' + join_words(names) if names else ''}.",
        remedy="Find out how customers were assigned; until then the arms are groups and no experiment.",
    )


def _size(arms: pd.DataFrame, share: float) -> Check:
    from scipy.stats import binomtest

    n, treated = int(arms["n"].sum()), int(arms["n"].iloc[-1])
    p = float(binomtest(treated, n, share).pvalue)
    return Check(
        name="size of the arms",
        null=f"{percent(share)} were treated, as the lot was meant",
        passed=p >= BROKEN,
        detail=f"{percent(treated / n)} of {n:,} were treated, {p_value(p)}.",
        remedy="Find out who is missing from an arm.",
    )
