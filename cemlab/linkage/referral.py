"""What it is worth that customers recruit customers: referral value, chains and all, in lifetime value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.person_periods import is_number
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.linkage.elasticities import Elasticities
from cemlab.markup import percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.lifetime_value import Floats, discounted_periods
from cemlab.stats.seeds import generator
from cemlab.stats.three_point import triangular

Range = tuple[float, float, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class ReferralValue(Result):
    """What a new customer is worth by those she recruits, and by those whom they recruit.

    Parameters
    ----------
    table
        One row a part: part ("recruited by her", "recruited by those", "referral in all", "own margin"),
        estimate [money a new customer], conf_low, conf_high, share (of her own margin).
    recruits
        Incremental customers that a customer recruits over her life, each discounted to today as the money
        is: estimate, conf_low, conf_high.
    recruits_in_all
        The same counted in heads, nothing discounted.
    currency
        Unit of money.
    share, ratio
        What was stated: the share of referred customers who would not have come otherwise, and what one of
        them is worth against any other; each lowest, most plausible, highest.
    """

    recruits: dict[str, float]
    recruits_in_all: dict[str, float]
    share: Range
    ratio: Range
    currency: str = ""

    title: ClassVar[str] = "Referral value in customer lifetime value"
    labels: ClassVar[dict[str, str]] = {
        "part": "Part",
        "money": "Money a new customer (interval)",
        "share": "Of her own margin",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a part."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "part": self.table["part"],
                "money": [with_interval(r) for r in rows],
                "share": [percent(r["share"]) for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the referral value and what was taken for granted."""
        row, n, today = self.table.iloc[2], self.recruits_in_all, self.recruits
        money = f" {self.currency}" if self.currency else ""
        return (
            f"A new customer recruits {n['estimate']:.3f} customers who would not have come otherwise "
            f"({n['conf_low']:.3f} to {n['conf_high']:.3f}), which counts for {today['estimate']:.3f} today "
            f"as later ones are discounted, and is worth {with_interval(row)}{money} with all whom they "
            f"recruit in turn: {percent(row['share'])} of her own margin. That "
            f"{percent(self.share[0], digits=0)} to {percent(self.share[2], digits=0)} of the referred would "
            f"not have come otherwise is stated and not measured. "
            f"({self.evidence.n_used:,} {self.evidence.unit}, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the parts of the referral value."""
        row = self.table.iloc[2]
        return Chart(
            kind="forest",
            frame=self.table.iloc[:3][["part", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="part",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.currency or 'Money'} a new customer",
            y_label="part",
            claim=f"Those whom a customer recruits add {percent(row['share'])} to her own margin",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def referral_value(
    worth: Elasticities,
    *,
    rate: float,
    rate_error: float = 0.0,
    share: Range,
    ratio: Range = (1.0, 1.0, 1.0),
    conf_level: float = 0.95,
    seed: int = 1,
    currency: str = "",
    source: str = "",
) -> ReferralValue:
    """Answer what it is worth that customers recruit customers.

    Parameters
    ----------
    worth
        Of :func:`cemlab.linkage.elasticities`: value before acquisition and months of a new customer, with
        draws.
    rate, rate_error
        Customers won by referral per customer and month, and its standard error, e.g. of
        ``rate_a_month(panel, of="referred")``.
    share
        Lowest, most plausible and highest share of them who would not have come otherwise; an assumption.
    ratio
        What a referred customer is worth against any other, as such a range; an assumption.
    conf_level
        Of the intervals, by draws of all of that together.
    seed
        Of the draws of rate, share and ratio.
    currency, source
        Unit of money, and the line that stands under every figure.

    Returns
    -------
    ReferralValue
        Its table has one row a part.

    Raises
    ------
    OptionError
        For terms out of range.
    DesignError
        If a customer would recruit one or more in turn: such a chain has no end, and no value.

    Notes
    -----
    A customer recruits q = rate × share × expected discounted months. Each of these is worth ratio × margin
    of a lifetime and recruits q in turn: the chain is a geometric series, ratio × value × q / (1 - q).
    Referred customers come without cost of acquisition.

    References
    ----------
    Kumar, V., Petersen, J. A., & Leone, R. P. (2010). Driving profitability by encouraging customer
    referrals. Journal of Marketing 74, 1–17. Schmitt, P., Skiera, B., & Van den Bulte, C. (2011). Referral
    programs and customer value. Journal of Marketing 75, 46–59.
    """
    check_conf_level(conf_level)
    if not is_number(rate) or rate < 0 or not is_number(rate_error) or rate_error < 0:
        raise OptionError(f"rate is {rate!r} and rate_error {rate_error!r}; allowed: numbers from 0 on")
    shares, ratios = _range(share, "share", 1.0), _range(ratio, "ratio", 10.0)
    rng = generator(seed)
    draws = len(worth.periods) - 1
    # a rate below nought is no rate
    rates = np.concatenate([[rate], np.maximum(rate + rate_error * rng.standard_normal(draws), 0.0)])
    a_month = rates * _drawn(shares, rng, draws)
    q = a_month * worth.periods
    heads = a_month * worth.periods * _undiscounted(worth)
    if not q[0] < 1:
        raise DesignError(
            f"a customer would recruit {q[0]:.2f} customers, each of whom recruits as many: a chain "
            f"without end has "
            "no value; lower the share that would not have come otherwise"
        )
    each = _drawn(ratios, rng, draws) * worth.gross
    # chains without end stretch the interval to infinity
    with np.errstate(divide="ignore"):
        whole = np.where(q < 1, each * q / np.where(q < 1, 1 - q, 1.0), np.inf)
    first = each * q
    parts = {
        "recruited by her": first,
        "recruited by those": whole - first,
        "referral in all": whole,
        "own margin": worth.gross,
    }
    endless = float((q[1:] >= 1).mean())
    return ReferralValue(
        table=pd.DataFrame([_row(name, values, worth.gross, conf_level) for name, values in parts.items()]),
        evidence=_evidence(worth, shares, ratios, endless, source),
        conf_level=conf_level,
        recruits=_told(q, conf_level),
        recruits_in_all=_told(heads, conf_level),
        currency=currency,
        share=shares,
        ratio=ratios,
    )


def _undiscounted(worth: Elasticities) -> float:
    """Return the months of a new customer over the discounted ones."""
    stays = np.asarray(worth.lifetime.fit.survival(worth.horizon))[None, :]
    months, today = (float(discounted_periods(stays, discount=rate)[0]) for rate in (0.0, worth.discount))
    return months / today


def _range(values: Range, name: str, most: float) -> Range:
    ends = tuple(values) if np.iterable(values) else ()
    if len(ends) != 3 or not all(map(is_number, ends)) or not 0 <= ends[0] <= ends[1] <= ends[2] <= most:
        raise OptionError(
            f"{name} is {values!r}; give lowest, most plausible and highest from 0 to {most:g}, e.g. (0.3, "
            f"0.5, 0.8)"
        )
    return (float(ends[0]), float(ends[1]), float(ends[2]))


def _drawn(ends: Range, rng: np.random.Generator, draws: int) -> Floats:
    """Return the most plausible value, and draws of the range."""
    low, mode, high = (np.array([end]) for end in ends)
    drawn = triangular(rng.random(draws)[:, None], low=low, mode=mode, high=high)[:, 0]
    return np.concatenate([mode, drawn])


def _told(values: Floats, conf_level: float) -> dict[str, float]:
    tails = [(1 - conf_level) / 2, (1 + conf_level) / 2]
    # between two draws at infinity there is nothing to interpolate
    low, high = np.quantile(values[1:], tails, method="inverted_cdf")
    return {"estimate": float(values[0]), "conf_low": float(low), "conf_high": float(high)}


def _row(part: str, values: Floats, own: Floats, conf_level: float) -> dict[str, object]:
    return {"part": part, **_told(values, conf_level), "share": float(values[0] / own[0])}


def _evidence(worth: Elasticities, share: Range, ratio: Range, endless: float, source: str) -> Evidence:
    return Evidence(
        grade="descriptive",
        design="Counted referrals times a fitted lifetime value and stated shares; arithmetic, no finding.",
        unit=worth.evidence.unit,
        n_used=worth.evidence.n_used,
        n_given=worth.evidence.n_given,
        source=source or worth.evidence.source,
        assumptions=(
            f"{percent(share[0], digits=0)} to {percent(share[2], digits=0)} of the referred, most plausibly "
            f"{percent(share[1], digits=0)}, would not have come otherwise: stated, not measured.",
            f"A referred customer is worth {ratio[0]:g} to {ratio[2]:g} times any other: stated, not "
            f"measured.",
            "The referred recruit as others do, come without cost of acquisition, and the market does not "
            "run out.",
            *worth.evidence.assumptions[:2],
        ),
        checks=(
            *worth.evidence.checks,
            Check(
                name="chains of referral",
                null="a customer recruits fewer than one in turn",
                passed=endless == 0,
                detail=f"In {percent(endless)} of the draws the chain has no end.",
                remedy="Narrow the range of the share, or the horizon.",
            ),
        ),
    )
