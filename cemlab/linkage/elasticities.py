"""What one per cent more of retention, margin, discount rate or acquisition cost does to lifetime value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.person_periods import is_number
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Evidence
from cemlab.linkage.lifetime import Lifetime
from cemlab.markup import number, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.lifetime_value import (
    Floats,
    discounted_periods,
    shifted_beta_survival,
    with_retention,
)
from cemlab.stats.seeds import generator
from cemlab.stats.three_point import triangular

_MOST_MONTHS = 600


@dataclass(frozen=True, eq=False, kw_only=True)
class Elasticities(Result):
    """Lifetime value of a new customer, and what a small change of each of its parts does to it.

    Parameters
    ----------
    table
        One row a part: part ("retention", "margin", "discount rate", "acquisition cost"), estimate (change
        of the value in % for 1 % more of the part), conf_low, conf_high, money, money_low, money_high (the
        same change in money a new customer, for `change` per cent more).
    value
        Of a new customer, the acquisition cost taken off where one is given: estimate, conf_low, conf_high.
    gross, periods
        (1 + draws) value before acquisition, and expected discounted months of a new customer: first the
        estimate, then its draws, for what is built on them.
    lifetime
        What was fitted.
    margin, discount, horizon, acquisition_cost, change
        The terms: money a customer and month, rate a year, months, money, per cent.
    currency
        Of the money; empty where it was not given.
    """

    value: dict[str, float]
    gross: Floats
    periods: Floats
    lifetime: Lifetime
    margin: float
    discount: float
    horizon: int
    acquisition_cost: tuple[float, float, float] | None
    change: float
    currency: str = ""

    title: ClassVar[str] = "Elasticities of customer lifetime value"
    labels: ClassVar[dict[str, str]] = {
        "part": "1 % more of",
        "estimate": "Value, % (interval)",
        "money": "Money a new customer (interval)",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a part."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "part": self.table["part"],
                "estimate": [
                    f"{r['estimate']:+.2f} ({r['conf_low']:+.2f} to {r['conf_high']:+.2f})" for r in rows
                ],
                "money": [with_interval(r, of="money", ends="money") for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the value, its elasticities, and their terms."""
        told = [
            f"1 % more {r['part']} {r['estimate']:+.2f} % ({r['conf_low']:+.2f} to {r['conf_high']:+.2f})"
            for r in self.table.to_dict("records")
        ]
        net = ", acquisition cost taken off" if self.acquisition_cost else ""
        unit = f" {self.currency}" if self.currency else ""
        return (
            f"A new customer is worth {with_interval(self.value)}{unit} in {self.horizon} months at "
            f"{percent(self.discount)} a year{net}. "
            f"By arithmetic on the fitted curve that value moves so: {'; '.join(told)}. Retention is the "
            "share that stays from one year to the next, and 1 % of it is not a point. What would bring such "
            f"a change, and at what price, is not said. ({self.evidence.n_used:,} {self.evidence.unit}, "
            f"{100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the elasticities."""
        top = self.table.iloc[int(self.table["estimate"].abs().to_numpy().argmax())]
        return Chart(
            kind="forest",
            frame=self.table[["part", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="part",
            low="conf_low",
            high="conf_high",
            x_label="Change of lifetime value for 1 % more [%]",
            y_label="part",
            claim=f"Lifetime value answers most to {top['part']}: {top['estimate']:+.1f} % for 1 % more",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def elasticities(
    life: Lifetime,
    *,
    margin: float,
    discount: float,
    margin_error: float = 0.0,
    horizon: int = 120,
    acquisition_cost: tuple[float, float, float] | None = None,
    change: float = 1.0,
    conf_level: float = 0.95,
    draws: int = 2_000,
    seed: int = 1,
    currency: str = "",
    source: str = "",
) -> Elasticities:
    """Answer how much lifetime value moves with retention, margin, discount rate and acquisition cost.

    Parameters
    ----------
    life
        Of :func:`cemlab.linkage.lifetime`, fitted once; a move of a slider calls this function again.
    margin, margin_error
        Margin of a customer and month and its standard error, e.g. of :func:`cemlab.linkage.rate_a_month`.
    discount
        Rate a year, e.g. 0.1.
    horizon
        Months looked ahead. Beyond the months of tenure that were watched the model is trusted, and the
        evidence says so.
    acquisition_cost
        Lowest, most plausible and highest cost of winning a customer [money]; an assumption. Without it the
        value is before acquisition.
    change
        Size of the change [%], above -100; elasticities are per 1 %.
    conf_level
        Of the intervals, by draws of the fitted parameters, the margin and the acquisition cost together.
    draws, seed
        How many draws, and of which seed.
    currency
        Of the money, as it is told.
    source
        The line that stands under every figure.

    Returns
    -------
    Elasticities
        Its table has one row a part, with estimate, conf_low, conf_high, money.

    Raises
    ------
    OptionError
        For terms out of range.
    DesignError
        If acquisition costs more than a customer brings: then elasticities of the rest mean nothing.

    Notes
    -----
    Value = margin × Σ (share still there at mid-month) / (1 + discount)^(t / 12), less acquisition cost. One
    per cent of retention multiplies the share that stays from each year to the next by 1.01. Margin a month
    is taken to be the same at all tenures.

    References
    ----------
    Gupta, S., Lehmann, D. R., & Stuart, J. A. (2004). Valuing customers. Journal of Marketing Research 41,
    7–18.

    Examples
    --------
    >>> from cemlab.evidence import Check
    >>> from cemlab.stats.shifted_beta_geometric import SBGFit
    >>> fit = SBGFit(alpha=2.0, beta=98.0, log_likelihood=0.0, covariance=np.zeros((2, 2)), n=100.0)
    >>> life = Lifetime(fit=fit, observed=fit.survival(120)[1:], n_used=100, n_given=100,
    ...                 check=Check(name="fit", null="it fits", passed=True, detail=""))
    >>> found = elasticities(life, margin=10.0, discount=0.1)
    >>> found.table.set_index("part")["estimate"].round(2).to_dict()
    {'retention': 3.09, 'margin': 1.0, 'discount rate': -0.27}
    """
    check_conf_level(conf_level)
    _check_terms(margin, margin_error, discount, horizon, change, draws)
    cost = _range(acquisition_cost)
    alpha, beta, margins, costs = _drawn(life, margin, margin_error, cost, draws, seed)
    survival = shifted_beta_survival(alpha, beta, horizon)
    by = 1 + change / 100
    periods = discounted_periods(survival, discount=discount)
    kept = discounted_periods(with_retention(survival, times=by), discount=discount)
    dearer = discounted_periods(survival, discount=discount * by)
    value = margins * periods - costs
    if not value[0] > 0:
        raise DesignError(
            f"a customer costs {number(float(costs[0]))} to win and brings "
            f"{number(float(value[0] + costs[0]))} in "
            f"{horizon} months; there is no value to move"
        )
    moved = {
        "retention": margins * kept - costs,
        "margin": margins * by * periods - costs,
        "discount rate": margins * dearer - costs,
        **({"acquisition cost": margins * periods - costs * by} if cost else {}),
    }
    rows = [_row(part, after, value, change, conf_level) for part, after in moved.items()]
    low, high = _ends(value[1:], conf_level)
    return Elasticities(
        table=pd.DataFrame(rows),
        evidence=_evidence(life, horizon, cost, float((value[1:] > 0).mean()), source),
        conf_level=conf_level,
        value={"estimate": float(value[0]), "conf_low": low, "conf_high": high},
        gross=margins * periods,
        periods=periods,
        lifetime=life,
        margin=margin,
        discount=discount,
        horizon=horizon,
        acquisition_cost=cost,
        change=change,
        currency=currency,
    )


def _check_terms(
    margin: float, margin_error: float, discount: float, horizon: int, change: float, draws: int
) -> None:
    if not is_number(margin) or not margin > 0:
        raise OptionError(f"margin is {margin!r}; allowed: money a customer and month above 0")
    if not is_number(margin_error) or margin_error < 0:
        raise OptionError(f"margin_error is {margin_error!r}; allowed: a standard error, 0 or more")
    if not is_number(discount) or not 0 <= discount < 1:
        raise OptionError(f"discount is {discount!r}; allowed: a rate a year from 0 to below 1, e.g. 0.1")
    if isinstance(horizon, bool) or not isinstance(horizon, int) or not 1 <= horizon <= _MOST_MONTHS:
        raise OptionError(f"horizon is {horizon!r}; allowed: whole months from 1 to {_MOST_MONTHS}")
    if not is_number(change) or not -100 < change <= 100 or change == 0:
        raise OptionError(f"change is {change!r}; allowed: per cent above -100 and up to 100, not 0")
    if isinstance(draws, bool) or not isinstance(draws, int) or not 500 <= draws <= 100_000:
        raise OptionError(f"draws is {draws!r}; allowed: a whole number from 500 to 100,000")


def _range(cost: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
    if cost is None:
        return None
    ends = tuple(cost) if np.iterable(cost) else ()
    if len(ends) != 3 or not all(map(is_number, ends)) or not 0 <= ends[0] <= ends[1] <= ends[2]:
        raise OptionError(
            f"acquisition_cost is {cost!r}; give lowest, most plausible and highest, e.g. (40, 60, 100)"
        )
    return (float(ends[0]), float(ends[1]), float(ends[2]))


def _drawn(
    life: Lifetime,
    margin: float,
    margin_error: float,
    cost: tuple[float, float, float] | None,
    draws: int,
    seed: int,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return alpha, beta, margin and cost, each (1 + draws): first the estimate, then the draws."""
    rng = generator(seed)
    values, vectors = np.linalg.eigh(life.fit.covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    logs = np.log([life.fit.alpha, life.fit.beta]) + rng.standard_normal((draws, 2)) @ root.T
    margins = margin + margin_error * rng.standard_normal(draws)
    uniform = rng.random(draws)
    mode = np.zeros(1)
    costs = np.zeros(draws)
    if cost:
        low, mode, high = (np.array([end]) for end in cost)
        costs = triangular(uniform[:, None], low=low, mode=mode, high=high)[:, 0]
    return (
        np.concatenate([[life.fit.alpha], np.exp(logs[:, 0])]),
        np.concatenate([[life.fit.beta], np.exp(logs[:, 1])]),
        np.concatenate([[margin], margins]),
        np.concatenate([mode, costs]),
    )


def _row(part: str, after: Floats, value: Floats, change: float, conf_level: float) -> dict[str, object]:
    money = after - value
    # a value of about nought has no elasticity; such draws are left to stretch the interval
    with np.errstate(divide="ignore", invalid="ignore"):
        elastic = 100 * money / np.abs(value) / change
    low, high = _ends(elastic[1:], conf_level)
    money_low, money_high = _ends(money[1:], conf_level)
    return {
        "part": part,
        "estimate": float(elastic[0]),
        "conf_low": low,
        "conf_high": high,
        "money": float(money[0]),
        "money_low": money_low,
        "money_high": money_high,
    }


def _ends(values: Floats, conf_level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - conf_level) / 2, (1 + conf_level) / 2])
    return float(low), float(high)


def _evidence(
    life: Lifetime, horizon: int, cost: tuple[float, float, float] | None, positive: float, source: str
) -> Evidence:
    beyond = max(0, horizon - life.months)
    return Evidence(
        grade="descriptive",
        design="Arithmetic on a fitted retention curve; it says what a change would be worth, not what "
        "brings it.",
        unit="contract spells",
        n_used=life.n_used,
        n_given=life.n_given,
        source=source,
        assumptions=(
            "Every customer has a chance to leave of her own that does not change; coming customers stay "
            "as those "
            "watched did.",
            "Margin a month is the same at all tenures, and does not depend on how long a customer stays.",
            *(
                (
                    f"Acquisition costs {number(cost[0])} to {number(cost[2])}, most plausibly "
                    f"{number(cost[1])}: stated, not measured; {percent(positive, digits=0)} of the draws "
                    f"leave "
                    "a value above nought.",
                )
                if cost
                else ()
            ),
            *(
                (f"EXTRAPOLATED: {beyond} of {horizon} months lie beyond the tenures watched.",)
                * (beyond > 0)
            ),
        ),
        checks=(life.check,),
    )
