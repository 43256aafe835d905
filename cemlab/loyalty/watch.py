"""Early warning: which loyal customers buy less than at their own rate, with false alarms kept rare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from cemlab.chart import Chart
from cemlab.data import recent
from cemlab.data.recent import Who
from cemlab.errors import DesignError
from cemlab.evidence import Evidence
from cemlab.loyalty.falling import Control, Steady, judge, steady_world
from cemlab.loyalty.histories import Period
from cemlab.loyalty.watch_counts import Counted, check_options, count, probability_alive
from cemlab.loyalty.watch_table import ALL, QUANTITIES, rises, season_of_the_flagged, watch_table
from cemlab.markup import join_words, percent, percent_range
from cemlab.result import Result

if TYPE_CHECKING:
    import ibis.expr.types as ir

_CONTROL = {
    "bh": "Benjamini and Hochberg's procedure",
    "storey": "Benjamini and Hochberg's procedure at the estimated share of unchanged customers",
    "discrete": "Döhler, Durand and Roquain's procedure for discrete tests",
    "by": "Benjamini and Yekutieli's procedure",
}
_WHOM = {
    "established": "Customers from before the base period who bought in it",
    "buyers": "Customers who bought in the base period",
    "newcomers": "Customers whose first purchase fell into the base period, each counted from it on",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Watchlist(Result):
    """Loyal customers whose recent buying is too quiet to be chance at their own rate.

    Parameters
    ----------
    table
        Four rows a class of loyal customers: class (by purchase days of the base period, and "all loyal"),
        quantity, estimate, conf_low, conf_high, n (customers of the class). The quantities: "flagged": share
        of the class (Wilson); "by chance": share that the same rule would flag if nobody had changed;
        "false alarms": their share among the flagged, at most; "cannot be told": share of the class that
        buys too seldom to be flagged even if silent (Wilson).
    cells
        n_base, exposure, n_window, n_customers, p_value, q_value, flagged: the decision on every history.
    counted
        What the engine counted.
    loyal, fdr, control, cut
        As in :func:`watch`; the largest p-value that is flagged, 0 where none is.
    market_change
        What the buying of those who still buy was multiplied by from the base period to the window.
    """

    cells: pd.DataFrame
    counted: Counted
    loyal: int
    fdr: float
    control: Control
    cut: float
    market_change: float

    title: ClassVar[str] = "Loyal customers to watch"
    labels: ClassVar[dict[str, str]] = {
        "class": "Purchase days in the base period",
        "n": "Customers",
        "flagged": "Flagged",
        "by chance": "If nobody changed",
        "false alarms": "False alarms among the flagged",
        "cannot be told": "Buy too seldom to tell",
    }

    @property
    def n_flagged(self) -> int:
        """How many customers are flagged."""
        return int(self.cells.loc[self.cells["flagged"], "n_customers"].sum())

    def again(
        self,
        *,
        loyal: int | None = None,
        fdr: float | None = None,
        control: Control | None = None,
        market_change: float | None = None,
    ) -> Watchlist:
        """Decide anew on what was counted; what is not given stays, but the market's change is estimated.

        Parameters
        ----------
        loyal, fdr, control, market_change
            As in :func:`watch`.

        Returns
        -------
        Watchlist
            In a time that does not depend on the number of customers.
        """
        return _decide(
            self.counted,
            loyal=self.loyal if loyal is None else loyal,
            fdr=self.fdr if fdr is None else fdr,
            control=self.control if control is None else control,
            market_change=market_change,
            conf_level=self.conf_level,
        )

    def customers(self, transactions: ir.Table) -> ir.Table:
        """Return the flagged customers, as an expression that the engine runs.

        Parameters
        ----------
        transactions
            The table that was counted.

        Returns
        -------
        ir.Table
            One row is a flagged customer: ``customer``, ``n_base``, ``n_window``, ``last`` [day of the last
            purchase up to the window's end], ``p_value``, ``q_value`` and, where it was asked for,
            ``p_alive`` [missing for those not seen from their first purchase].
        """
        import ibis

        flagged = self.cells.loc[self.cells["flagged"]]
        keys = ["n_base", "exposure", "n_window"]
        schema = dict.fromkeys(keys, "int64") | {"p_value": "float64", "q_value": "float64"}
        rule = ibis.memtable(flagged[list(schema)].astype(dict.fromkeys(keys, "int64")), schema=schema)
        asked = self.counted
        each = recent.recent_buying(transactions, base=asked.base, window=asked.window, who=asked.who)
        columns: dict[str, Any] = {name: name for name in ("customer", "n_base", "n_window", "last")}
        columns |= {"p_value": "p_value", "q_value": "q_value"}
        listed = each.join(rule, keys)
        if asked.alive is not None and asked.seen_from is not None:
            columns["p_alive"] = probability_alive(listed, asked.alive, asked.seen_from, asked.window[1])
        return listed.select(**columns).order_by("p_value", "customer")

    def _row(self, quantity: str, name: str = ALL) -> dict[str, Any]:
        rows = self.table[(self.table["quantity"] == quantity) & (self.table["class"] == name)]
        return {str(key): value for key, value in rows.iloc[0].to_dict().items()}

    @property
    def summary(self) -> pd.DataFrame:
        """One row a class: customers and the four shares, each with its interval."""
        frame = self.table[["class", "n"]].drop_duplicates().reset_index(drop=True)
        for quantity in QUANTITIES:
            rows = [self._row(quantity, name) for name in frame["class"]]
            frame[quantity] = [_with_range(row) for row in rows]
        return frame

    def narrative(self) -> str:
        """Tell how many are flagged, how many of them in error, and of whom nothing can be told."""
        flagged, false, mute = (self._row(q) for q in ("flagged", "false alarms", "cannot be told"))
        asked = self.counted
        told = (
            f"Of {flagged['n']:,} customers with at least {self.loyal} purchase days from {asked.base[0]} to "
            f"{asked.base[1]}, {self.n_flagged:,} ({_with_range(flagged)}) bought so much less from "
            f"{asked.window[0]} to {asked.window[1]} than at their own rate that they are worth watching. "
        )
        if self.n_flagged:
            told += f"At most {percent(false['estimate'])} of these are expected to be false alarms. "
        told += (
            f"{percent(mute['estimate'])} buy too seldom for this window: even their silence proves nothing. "
            f"The market's buying was multiplied by {self.market_change:.2f}, and a fall with it "
            "is no warning."
        )
        if self.evidence.failed:
            told += f" Checks that failed: {join_words(check.name for check in self.evidence.failed)}."
        return told

    @property
    def chart(self) -> Chart:
        """Bars of flagged beside what chance alone would flag, by class."""
        shown = self.table["quantity"].isin(["flagged", "by chance"]) & (self.table["class"] != ALL)
        frame = self.table[shown].copy()
        frame["quantity"] = frame["quantity"].map(
            {"flagged": "flagged", "by chance": "if nobody had changed"}
        )
        flagged, chance = self._row("flagged"), self._row("by chance")
        return Chart(
            kind="bar",
            frame=frame.reset_index(drop=True),
            x="class",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="quantity",
            x_label="Purchase days in the base period",
            y_label="Share flagged [%]",
            claim=(
                f"{percent(flagged['estimate'])} of loyal customers buy less than at their own rate; "
                f"{percent(chance['estimate'])} would seem to if nobody had changed"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


def _with_range(row: dict[str, Any]) -> str:
    if row["quantity"] == "false alarms" and row["estimate"] != row["estimate"]:
        return "none flagged"
    return f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"


def watch(
    transactions: ir.Table,
    *,
    base: Period,
    window: Period,
    loyal: int = 6,
    who: Who = "established",
    fdr: float = 0.1,
    control: Control = "discrete",
    market_change: float | None = None,
    seen_from: date | None = None,
    conf_level: float = 0.95,
    source: str = "",
) -> Watchlist:
    """Answer which loyal customers to watch: who buys less than at her own rate, by more than chance.

    Each customer's rate is learned from the base period, shrunk to those of all customers, and her purchases
    in the window are held against it: how likely are so few if nothing changed? Of the many customers
    tested, so many are flagged that the expected share of false alarms among them stays below `fdr`.

    Parameters
    ----------
    transactions
        One row a purchase line: customer, date, revenue. A purchase is a day with at least one line; lines
        with negative revenue are returns and not counted.
    base, window
        First and last day of each, both included; the window begins on the day after the base ends. Choose
        the window before looking at the data, e.g. the last 90 days: a gap that is tested because it
        is open is longer than most.
    loyal
        Fewest purchase days in the base period.
    who
        ``"established"``: customers from before the base period. ``"buyers"``: all who bought in it; those
        won in the midst of it seem to buy too seldom then. ``"newcomers"``: those won in it alone.
    fdr
        The expected share of false alarms among the flagged, at most.
    control
        ``"discrete"``: a step-up procedure that knows which p-values counts can have at all (Döhler, Durand &
        Roquain 2018); in a short window it finds what the others must miss. ``"bh"``: Benjamini & Hochberg
        (1995). ``"storey"``: the same at the estimated share of unchanged customers. ``"by"``: for
        customers who influence each other. See :mod:`cemlab.stats.discoveries`.
    market_change
        What the buying of all customers was multiplied by from the base period to the window: season and
        recession, which are no customer's own. None: estimated from all customers, but for the estimated
        share of those who stopped.
    seen_from
        If given, customers whose first purchase fell on or after this day count as seen from the start, and
        :meth:`Watchlist.customers` tells how likely each is still a customer (BG/NBD).
    conf_level
        Confidence level of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    Watchlist
        Its table has class, quantity, estimate, conf_low, conf_high, n.

    Raises
    ------
    OptionError
        If an option is not among the allowed ones.
    DesignError
        If the base period cannot tell rates, nobody is loyal, or nobody was a customer before it.
    ColumnError, DataError
        If the transactions cannot be counted.

    Notes
    -----
    Assumes that a customer buys at random at a steady rate and that rates are gamma distributed; then the
    p-value ``P(N <= n)`` is exact, of a negative binomial distribution, and being discrete rather too large.
    A season of the whole market is taken up by its change; one that some customers have of their own is
    looked for in the same days of the year before, and a check fails where the flagged were as quiet then.
    Customers who are known to have left need no warning: leave their lines out of the transactions.

    References
    ----------
    Döhler, S., Durand, G. & Roquain, E. (2018). New FDR bounds for discrete and heterogeneous tests.
    Electronic Journal of Statistics 12, 1867–1900.
    Fader, P. S., Hardie, B. G. S. & Lee, K. L. (2005). "Counting your customers" the easy way. Marketing
    Science 24, 275–284.

    Examples
    --------
    >>> from datetime import date
    >>> from cemlab import Company, places
    >>> shop = Company.open(places.bundled("data") / "small")
    >>> watchlist = watch(
    ...     shop.table("transactions"),
    ...     base=(date(2024, 7, 1), date(2025, 6, 30)),
    ...     window=(date(2025, 7, 1), date(2025, 12, 31)),
    ...     loyal=3,
    ... )
    >>> listed = watchlist.customers(shop.table("transactions"))
    >>> listed.count().to_pyarrow().as_py() == watchlist.n_flagged
    True
    """
    check_options(loyal=loyal, fdr=fdr, control=control, market_change=market_change, conf_level=conf_level)
    counted = count(transactions, base=base, window=window, who=who, seen_from=seen_from, source=source)
    return _decide(
        counted, loyal=loyal, fdr=fdr, control=control, market_change=market_change, conf_level=conf_level
    )


def _decide(
    counted: Counted,
    *,
    loyal: int,
    fdr: float,
    control: Control,
    market_change: float | None,
    conf_level: float,
) -> Watchlist:
    """Test the loyal cells and tabulate what is flagged."""
    check_options(loyal=loyal, fdr=fdr, control=control, market_change=market_change, conf_level=conf_level)
    cells = counted.cells[counted.cells["n_base"] >= loyal].reset_index(drop=True)
    if cells.empty:
        raise DesignError(
            f"no customer has {loyal} purchase days in the base period; at most there are "
            f"{counted.cells['n_base'].max()}"
        )
    world = steady_world(
        counted.cells,
        counted.fit,
        days=counted.days,
        market_change=market_change,
        first_counts=counted.first_counts,
    )
    cells, kinds, cut = judge(cells, world, control=control, fdr=fdr)
    n = int(cells["n_customers"].sum())
    # where nothing is flagged, the least that a single flag would have needed
    told = kinds.assign(mute=kinds["silent"] > max(cut, fdr / n))
    return Watchlist(
        table=watch_table(cells, told, world, loyal, conf_level),
        evidence=_evidence(counted, world, cells, fdr, control, given=market_change is not None),
        conf_level=conf_level,
        cells=cells,
        counted=counted,
        loyal=loyal,
        fdr=fdr,
        control=control,
        cut=cut,
        market_change=world.market,
    )


def _evidence(
    counted: Counted, world: Steady, cells: pd.DataFrame, fdr: float, control: Control, *, given: bool
) -> Evidence:
    told = f" {counted.returns:,} lines with negative revenue are returns." if counted.returns else ""
    how = "taken to be"
    if not given:
        how = f"estimated, the {percent(world.stopped)} who seem to have stopped left out, as"
    return Evidence(
        grade="descriptive",
        design=(
            f"{_WHOM[counted.who]} ({counted.base[0]} to {counted.base[1]}); the window from "
            f"{counted.window[0]} to {counted.window[1]} is tested against each customer's own rate,"
            f" one-sided, at a false-discovery rate of {percent(fdr)} by {_CONTROL[control]}.{told}"
        ),
        unit="customers",
        n_used=int(cells["n_customers"].sum()),
        n_given=int(counted.cells["n_customers"].sum()),
        source=counted.source,
        assumptions=(
            "Unchanged customers buy at random in time, each at a steady rate of her own, none in a season "
            "that the others do not share.",
            "The rates differ between customers as a gamma distribution.",
            "The window was chosen before anybody looked at who is silent: a gap that is tested because it "
            "is open is longer than most.",
            f"The change of the whole market, season and recession included, is {how} {world.market:.3f}; "
            "whoever fell with the market is not flagged.",
        ),
        checks=(
            *counted.checks,
            rises(cells, world),
            season_of_the_flagged(cells, counted.season, days=counted.days, fdr=fdr),
        ),
    )
