"""What a watchlist is decided on: counted once on the engine, with the worlds fitted to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, get_args

import pandas as pd

from cemlab.data import counts, recent
from cemlab.data.lines import days_between
from cemlab.data.recent import Who
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check
from cemlab.loyalty.falling import Control
from cemlab.loyalty.histories import BuyingHistories, Period
from cemlab.loyalty.nulls import fit_null, null_checks
from cemlab.result import check_conf_level
from cemlab.stats.bg_nbd import BGNBDFit, fit_bg_nbd
from cemlab.stats.nbd import NBDFit

if TYPE_CHECKING:
    import ibis.expr.types as ir

_KEYS = ["n_base", "exposure", "n_window"]

_SHORT_HISTORIES = Check(
    name="histories of full length",
    null="every customer was one for the whole base period",
    passed=False,
    detail="Buyers won within it count as if they had been there all of it: their rates are mistaken, and "
    "the market seems to have grown.",
    remedy="More of the flagged are false alarms than stated: take who='established' where the data begin "
    "early enough.",
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Counted:
    """What was counted once on the engine: all that a new decision needs.

    Parameters
    ----------
    cells
        n_base, exposure [days], n_window, n_customers.
    season
        n_base, exposure, n_window, and over each cell's customers the sums of the purchases of the year
        before the window and of those in the same stretch of days then, of their squares and their product:
        year, then, year_year, then_then, then_year. None where that year was not seen.
    alive, seen_from
        The BG/NBD of customers whose first purchase fell on or after that day; None where not asked for.
    who, base, window, seen, returns, source
        As in :func:`cemlab.loyalty.watch`; first and last day with a purchase; lines that are returns.
    """

    cells: pd.DataFrame
    alive: BGNBDFit | None
    seen_from: date | None
    who: Who
    base: Period
    window: Period
    seen: Period
    returns: int
    source: str
    season: pd.DataFrame | None = None

    @property
    def first_counts(self) -> int:
        """1 where the first purchase opened the exposure."""
        return int(self.who == "newcomers")

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """What was checked of the counts and of the worlds fitted to them."""
        histories = self.histories
        checks = (*null_checks(histories, self.fit), *histories.coverage())
        if self.who == "buyers":
            checks += (_SHORT_HISTORIES,)
        if self.alive is None:
            return checks
        return (
            *checks,
            Check(
                name="chance of being alive",
                null="the BG/NBD has an estimate here",
                passed=self.alive.converged,
                detail="It has." if self.alive.converged else "A parameter runs to 0 or to infinity.",
                remedy="No p_alive is given; the p-values do not need it.",
            ),
        )

    @property
    def days(self) -> int:
        """Length of the window."""
        return (self.window[1] - self.window[0]).days + 1

    @property
    def histories(self) -> BuyingHistories:
        """The cells as the histories that the no-change null is fitted to."""
        return BuyingHistories(
            table=self.cells.rename(columns={"n_window": "n_next"}).astype({"exposure": float}),
            who="newcomers" if self.who == "newcomers" else "buyers",
            base=self.base,
            follow_up=self.window,
            n_given=int(self.cells["n_customers"].sum()),
            seen=self.seen,
        )

    @cached_property
    def fit(self) -> NBDFit:
        """The steady null, from the base periods of all customers."""
        fit = fit_null(self.histories, "steady")
        assert isinstance(fit, NBDFit)  # the steady null is one
        return fit


def check_options(
    *, loyal: int, fdr: float, control: Control, market_change: float | None, conf_level: float
) -> None:
    """Refuse options that are none, before anything is counted and before it is decided anew."""
    check_conf_level(conf_level)
    if control not in get_args(Control):
        raise OptionError(one_of(control, get_args(Control), what="control"))
    if not isinstance(fdr, Real) or not 0 < fdr < 1:
        raise OptionError(f"fdr is {fdr!r}; allowed: a share between 0 and 1, e.g. 0.1")
    if isinstance(loyal, bool) or not isinstance(loyal, Integral) or loyal < 1:
        raise OptionError(
            f"loyal is {loyal!r}; give a whole number from 1 on, the fewest purchase days of a loyal customer"
        )
    if market_change is None:
        return
    if not isinstance(market_change, Real) or not 0 < market_change < float("inf"):
        raise OptionError(f"market_change is {market_change!r}; give a positive factor, e.g. 0.9, or None")


def count(
    transactions: ir.Table, *, base: Period, window: Period, who: Who, seen_from: date | None, source: str
) -> Counted:
    """Count the histories on the engine; parameters as of :func:`cemlab.loyalty.watch`."""
    if seen_from is not None and (not isinstance(seen_from, date) or isinstance(seen_from, datetime)):
        raise OptionError(f"seen_from is {seen_from!r}; give a day, e.g. date(2021, 1, 1), or None")
    seen, returns = recent.recorded(transactions)
    each = recent.recent_buying(transactions, base=base, window=window, who=who)
    if seen is None or window[0] > seen[1] or base[1] < seen[0]:
        there = f"run from {seen[0]} to {seen[1]}" if seen else "hold no purchase"
        raise DesignError(f"the data {there}; choose a base period and a window with purchases")
    year, then = each["n_year"], each["n_then"]
    found = each.group_by(_KEYS).aggregate(
        n_customers=each.count(),
        year=year.sum(),
        then=then.sum(),
        year_year=(year * year).sum(),
        then_then=(then * then).sum(),
        then_year=(then * year).sum(),
    )
    cells = found.order_by(_KEYS).to_pandas()
    cells = cells[cells["exposure"] > 0].reset_index(drop=True)
    if cells.empty:
        raise DesignError(_nobody(who, base, seen))
    year_seen = who != "newcomers" and window[0] - max(base[0], seen[0]) >= timedelta(days=365)
    return Counted(
        cells=cells[[*_KEYS, "n_customers"]],
        season=cells.drop(columns="n_customers") if year_seen else None,
        alive=None if seen_from is None else _alive_fit(transactions, seen_from, window[1]),
        seen_from=seen_from,
        who=who,
        base=base,
        window=window,
        seen=seen,
        returns=returns,
        source=source,
    )


def _nobody(who: Who, base: Period, seen: Period) -> str:
    if who == "established":
        return (
            f"no buyer of {base[0]} to {base[1]} had bought before (the data begin on {seen[0]}), so "
            "nobody is known as an established customer; begin the base period later, or take who='buyers'"
        )
    return f"no customer bought from {base[0]} to {base[1]}; choose a base period with purchases"


def _alive_fit(transactions: ir.Table, seen_from: date, until: date) -> BGNBDFit:
    """Fit the BG/NBD to the customers whose first purchase fell on or after a day."""
    bought = transactions.filter(transactions["revenue"].isnull() | (transactions["revenue"] >= 0))
    table = counts.repeat_purchases(bought, until=until, time_unit_days=1)
    table = table.filter((table["age"] <= (until - seen_from).days) & (table["age"] > 0)).to_pandas()
    if table.empty:
        raise DesignError(
            f"nobody's first purchase fell from {seen_from} to {until}; choose an earlier seen_from"
        )
    return fit_bg_nbd(
        table["frequency"], recency=table["recency"], age=table["age"], weights=table["n_customers"]
    )


def probability_alive(each: ir.Table, fit: BGNBDFit, seen_from: date, until: date) -> Any:
    """Return the chance of still being a customer, as an expression (Fader, Hardie & Lee 2005)."""
    import ibis

    if not fit.converged:
        return ibis.null("float64")
    repeats = (each["n_all"] - 1).cast("float64")
    end = fit.alpha + days_between(each["first"], ibis.literal(until)).cast("float64")
    last = fit.alpha + days_between(each["first"], each["last"]).cast("float64")
    silence = (fit.r + repeats) * (end / last).ln()
    stopped = fit.a / (fit.b + repeats - 1.0) * silence.exp()
    alive = ibis.ifelse(repeats > 0, 1.0 / (1.0 + stopped), 1.0)
    return ibis.ifelse(each["first"] >= seen_from, alive, ibis.null("float64"))
