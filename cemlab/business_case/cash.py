"""Money of a case: flows of all draws added up and discounted, in pieces that bound the memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.business_case.chain import AS_IT_IS, Conditions, Flows
from cemlab.business_case.figures import Figures, require_figures
from cemlab.errors import DataError, DesignError
from cemlab.stats.cash_flow import discount_factors, internal_rate, payback_month
from cemlab.stats.intervals import wilson

Floats = npt.NDArray[np.float64]

_PIECE = 5_000  # draws at a time: what a month needs stays in the cache
#: Of so many draws the months are kept, for quantiles by month, payback and internal rate.
KEPT = 20_000
#: Quantiles by month, in percent.
FAN = (5, 25, 50, 75, 95)


class Model(Protocol):
    """What turns figures into cash: the chain, or the road beside it."""

    @property
    def months(self) -> int:
        """How many months it looks ahead."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What must hold for its figures to mean what they say."""

    def used(self) -> tuple[str, ...]:
        """Return the items that enter."""

    def links(self) -> tuple[tuple[str, str], ...]:
        """Return name and item of each link."""

    def rate(self, figures: Figures) -> Floats:
        """Return the yearly discount rate (n)."""

    def flows(self, figures: Figures, conditions: Conditions = ...) -> Flows:
        """Return the cash of each month (n, months)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Priced:
    """The money of n draws.

    Parameters
    ----------
    npv, gain, cost
        Present values (n); `npv` is `gain` less `cost`.
    net, discounted
        Cash of each month (k, months) of the first k draws, as it flows and as it is worth in month 0.
    """

    npv: Floats
    gain: Floats
    cost: Floats
    net: Floats
    discounted: Floats


def price(model: Model, figures: Figures, *, conditions: Conditions = AS_IT_IS, keep: int = KEPT) -> Priced:
    """Return the money of each draw.

    Parameters
    ----------
    model
        What turns figures into cash.
    figures
        The draws.
    conditions
        What the months are like.
    keep
        Of how many draws the months are kept.

    Raises
    ------
    DesignError
        If `figures` does not come out of a ledger.
    DataError
        If a rate is no discount rate, or a value cannot be priced.
    """
    figures = require_figures(figures)
    if not isinstance(conditions, Conditions):
        raise DesignError(f"conditions is a {type(conditions).__name__}; give Conditions(leaving=…, …)")
    conditions.check(figures.n, model.months)
    gain, cost = np.empty((2, figures.n))
    net, discounted = [], []
    for start in range(0, figures.n, _PIECE):
        stop = min(start + _PIECE, figures.n)
        part = figures.rows(start, stop)
        flows = model.flows(part, conditions.rows(start, stop))
        factors = discount_factors(model.rate(part), model.months)
        gain[start:stop] = np.einsum("nm,nm->n", flows.benefit, factors)
        cost[start:stop] = np.einsum("nm,nm->n", flows.cost, factors)
        if start < keep:
            net.append(flows.net[: keep - start])
            discounted.append(net[-1] * factors[: keep - start])
    if not np.isfinite(gain - cost).all():
        raise DataError("a draw has no finite value; look for an entry whose range goes too far")
    empty = np.empty((0, model.months))
    return Priced(
        npv=gain - cost,
        gain=gain,
        cost=cost,
        net=np.concatenate([empty, *net]),
        discounted=np.concatenate([empty, *discounted]),
    )


def by_month(priced: Priced, conf_level: float) -> pd.DataFrame:
    """Return quantiles of each month's cash and of the present value summed up to it.

    Returns
    -------
    pandas.DataFrame
        month (from 0), estimate (mean present value so far), conf_low, conf_high, and for both cash_ (of the
        month, not discounted) and npv_ (so far) p05, p25, p50, p75, p95.
    """
    total = np.cumsum(priced.discounted, axis=1)
    tail = (1 - conf_level) / 2
    low, high = np.quantile(total, [tail, 1 - tail], axis=0)
    frame: dict[str, Any] = {
        "month": np.arange(total.shape[1]),
        "estimate": total.mean(axis=0),
        "conf_low": low,
        "conf_high": high,
    }
    for name, values in (("cash", priced.net), ("npv", total)):
        found = np.quantile(values, np.array(FAN) / 100, axis=0)
        frame |= {f"{name}_p{percent:02d}": row for percent, row in zip(FAN, found, strict=True)}
    return pd.DataFrame(frame)


def quantities(priced: Priced, *, currency: str, conf_level: float, with_return: bool) -> pd.DataFrame:
    """Return what a board asks for: quantity, estimate, conf_low, conf_high, unit, defined.

    Present values are means over the draws, the others medians; `defined` is the share of draws in which
    the quantity exists (a payback within the months, one internal rate of what is paid first). Draws in
    which it does not are
    left out of the rate's row and are endless paybacks.
    """
    tail = (1 - conf_level) / 2
    ends = [tail, 1 - tail]
    rows: list[tuple[str, float, float, float, str, float]] = []

    def add(name: str, estimate: float, values: Floats, unit: str, defined: float = 1.0) -> None:
        # an endless payback has no neighbour to interpolate with
        low, high = np.quantile(values, ends, method="inverted_cdf") if values.size else (np.nan, np.nan)
        rows.append((name, float(estimate), float(low), float(high), unit, float(defined)))

    add("net present value", priced.npv.mean(), priced.npv, currency)
    add("present value of the gain", priced.gain.mean(), priced.gain, currency)
    add("present value of the cost", priced.cost.mean(), priced.cost, currency)
    paid = priced.cost > 0
    ratio = priced.gain[paid] / priced.cost[paid]
    if paid.any():  # books that are net of the cost have no ratio to it
        add("benefit–cost ratio", _median(ratio), ratio, "gain per cost", paid.mean())
    if with_return and paid.any():
        add("return on investment", _median(ratio) - 1, ratio - 1, "share of the cost", paid.mean())
    payback = payback_month(priced.discounted)
    add("payback", _median(payback), payback, "months", np.isfinite(payback).mean())
    # money that comes in before any is paid is a loan: the lower its rate the better, so that it says nothing
    rate = np.where(_pays_first(priced.net), internal_rate(priced.net), np.nan)
    known = rate[np.isfinite(rate)]
    add("internal rate of return", _median(known), known, "share a year", np.isfinite(rate).mean())
    losses, n = int((priced.npv < 0).sum()), len(priced.npv)
    loss = wilson([losses], [n], conf_level=conf_level)
    rows.append(
        ("probability of loss", losses / n, float(loss.conf_low[0]), float(loss.conf_high[0]), "share", 1.0)
    )
    return pd.DataFrame(rows, columns=["quantity", "estimate", "conf_low", "conf_high", "unit", "defined"])


def _pays_first(net: Floats) -> npt.NDArray[np.bool_]:
    """Tell of each draw whether its first flow other than nought is paid."""
    first = (net != 0).argmax(axis=1)
    return np.asarray(net[np.arange(len(net)), first] < 0)


def _median(values: Floats) -> float:
    return float(np.quantile(values, 0.5, method="inverted_cdf")) if values.size else float("nan")
