"""What rules earn: a value for each, and what one of them earns more than each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cemlab.markup import amount, percent
from cemlab.result import Result


@dataclass(frozen=True, eq=False, kw_only=True)
class RuleValues(Result):
    """What rules earn per customer considered.

    Parameters
    ----------
    table
        One row a rule (quantity ``"value"``), and the difference of one rule to each other
        (``"difference"``): rule, quantity, estimate, conf_low, conf_high (currency of the margin per customer
        considered, cost taken off), share_offered.
    considered
        Customers that the rules are for.
    currency
        That of the margin, for titles and words.
    """

    considered: int
    currency: str = ""

    def of(self, quantity: str) -> pd.DataFrame:
        """Return the rows of one quantity, ``"value"`` or ``"difference"``."""
        return self.table[self.table["quantity"] == quantity].drop(columns="quantity").reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a rule: what it earns, whom it serves, and what the rule in question earns more."""
        gaps = {row["rule"]: told_money(row) for row in self.of("difference").to_dict("records")}
        values = self.of("value").to_dict("records")
        return pd.DataFrame(
            {
                "rule": [row["rule"] for row in values],
                "value": [told_money(row) for row in values],
                "share_offered": [percent(row["share_offered"], digits=0) for row in values],
                "difference": [gaps.get(row["rule"], "–") for row in values],
            }
        )

    @property
    def money_label(self) -> str:
        """What the axis of money is called."""
        return f"Profit per customer considered{f' [{self.currency}]' if self.currency else ''}"

    @property
    def unit(self) -> str:
        """The currency as it follows an amount."""
        return f" {self.currency}" if self.currency else ""


def told_money(row: Mapping[Any, Any]) -> str:
    """Write an amount with its interval."""
    return f"{amount(row['estimate'])} ({amount(row['conf_low'])} to {amount(row['conf_high'])})"
