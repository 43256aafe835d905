"""The customer value map: what customers bring today against what could be won from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, get_args

import pandas as pd

from cemlab.chart import Chart
from cemlab.data.lines import MONEY, Money
from cemlab.data.value_cells import customer_values, fetched, strangers
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Evidence
from cemlab.markup import number, percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.segmentation import value_tables
from cemlab.segmentation.colouring import ordered, primary_strategies
from cemlab.segmentation.value_classes import Cut, classify, range_labels
from cemlab.segmentation.value_tables import CONCENTRATION, QUADRANTS
from cemlab.stats.intervals import wilson

if TYPE_CHECKING:
    import ibis.expr.types as ir

_HOW = {
    "quantile": "about equal numbers of customers by middle ranks, equal values together",
    "log": "even ratios with rounded ends",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ValueMap(Result):
    """Customers by what they bring and by what could be won.

    Parameters
    ----------
    table
        One row a cell that holds somebody: current_class, potential_class (-1 below 0, 0 nothing, then
        ascending), quadrant, n, current and potential (exact sums), estimate (mean current value of a
        customer), conf_low, conf_high (Student), potential_mean, potential_low, potential_high.
    cells
        On the engine, one row a customer: customer, current, potential (exact), current_class,
        potential_class, quadrant.
    bounds
        One row a class: side ("current", "potential"), class, low, high (exact, both included), n.
    concentration
        One row: top (share of the customers, those who bring most), estimate (their share of all current
        value), conf_low, conf_high, n (customers), effective (how many equal customers would make what the
        best bring beyond the others as unsure as it is).
    as_of, days
        The last day that counted, and how many days current value covers.
    money, currency
        What current value adds up, and in what.
    ranges
        The names of the classes of current and of potential value, ascending.
    """

    cells: ir.Table
    bounds: pd.DataFrame
    concentration: pd.DataFrame
    as_of: date
    days: int
    money: Money
    currency: str
    ranges: tuple[dict[int, str], dict[int, str]]

    title: ClassVar[str] = "Customer value map"
    labels: ClassVar[dict[str, str]] = {
        "quadrant": "Quarter",
        "n": "Customers",
        "share": "Share",
        "current": "Current value",
        "share_current": "Share of it",
        "potential": "Potential a year",
        "mean": "Current value a customer",
    }

    @property
    def quadrants(self) -> pd.DataFrame:
        """The four quarters, a convention: halves of the classes, however the customers lie.

        quadrant, n, estimate (share of the customers), conf_low, conf_high (Wilson), current and
        potential (exact sums).
        """
        n = self.evidence.n_used
        found = []
        for name in QUADRANTS.values():
            part = self.table[self.table["quadrant"] == name]
            share = wilson(int(part["n"].sum()), n, conf_level=self.conf_level)
            ends = dict(zip(("estimate", "conf_low", "conf_high"), map(float, share), strict=True))
            sums = {side: sum(part[side], Decimal(0)) for side in ("current", "potential")}
            found.append({"quadrant": name, "n": int(part["n"].sum()), **ends, **sums})
        return pd.DataFrame(found)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a quarter: customers, their share, what they bring and what could be won."""
        rows = self.quadrants.to_dict("records")
        total = sum((row["current"] for row in rows), Decimal(0))
        return pd.DataFrame(
            {
                "quadrant": row["quadrant"],
                "n": row["n"],
                "share": f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})",
                "current": number(round(row["current"])),
                "share_current": percent(float(row["current"] / total)) if total > 0 else "not estimable",
                "potential": number(round(row["potential"])),
            }
            for row in rows
        )

    def narrative(self) -> str:
        """Tell how concentrated current value is, and where potential lies."""
        top = self.concentration.iloc[0]
        n = self.evidence.n_used
        held = f"{percent(top['estimate'])} ({percent_range(top['conf_low'], top['conf_high'])})"
        none = int(self.table.loc[self.table["current_class"] <= 0, "n"].sum())
        least = wilson(none, n, conf_level=self.conf_level)
        grow = next(row for row in self.quadrants.to_dict("records") if row["quadrant"] == "grow")
        return (
            f"The best {percent(top['top'], digits=0)} of {n:,} customers bring {held} of the {self.money} "
            f"of {self.days} days.{self._doubt()} {none:,} customers ({percent(float(least.estimate))}, "
            f"{percent_range(float(least.conf_low), float(least.conf_high))}) bring nothing or less. In the "
            f"quarter “grow” are {grow['n']:,} customers: they bring {self._amount(grow['current'])} and "
            f"hold {self._amount(grow['potential'])} of potential a year. Where a customer stands says how "
            "much is at stake, not which strategy pays."
        )

    def _doubt(self) -> str:
        failed = {check.name for check in self.evidence.failed}
        return " Few make up most of it: the interval is too narrow." if CONCENTRATION in failed else ""

    @property
    def chart(self) -> Chart:
        """Bubbles, one a cell: their area is the number of customers, their colour the quarter."""
        top = self.concentration.iloc[0]
        rows = self.quadrants
        low = rows[rows["quadrant"].isin(["grow", "serve lean"])]
        all_potential = sum(rows["potential"], Decimal(0))
        lies = float(sum(low["potential"], Decimal(0)) / all_potential) if all_potential else float("nan")
        claim = (
            f"The best {percent(top['top'], digits=0)} of customers bring {percent(top['estimate'])} of the "
            f"{self.money}; {percent(lies)} of the potential lies where current value is low"
        )
        frame = self.table.rename(columns={"n": "customers"})
        note = "Quarters are a convention: the upper and lower half of the classes."
        return self._bubbles(frame, group="quadrant", names=list(QUADRANTS.values()), claim=claim, note=note)

    def coloured(self, strategy_by_cell: pd.DataFrame) -> Chart:
        """Return the map coloured by the strategy that is best for most customers of each cell.

        Parameters
        ----------
        strategy_by_cell
            One row a strategy in a cell: current_class, potential_class, strategy, n (customers whose
            primary strategy it is).

        Returns
        -------
        Chart
            Bubbles; the claim says which strategy is most frequent, the note how many customers differ
            from the colour of their cell.

        Raises
        ------
        ColumnError, DataError
            If a column is missing, a cell does not exist, or holds fewer customers than are given.
        """
        cells, overall, agreed = primary_strategies(strategy_by_cell, self.table)
        (most, count), chosen = overall.most_common(1)[0], overall.total()
        note = (
            f"Colour: the primary strategy of most customers in a cell; {percent(agreed / chosen)} of "
            f"{chosen:,} customers have the one shown."
        )
        claim = f"“{most}” is the primary strategy of most customers: {percent(count / chosen)}"
        if count * 2 <= chosen:
            claim = (
                f"No strategy suits most customers; the most frequent is “{most}”: {percent(count / chosen)}"
            )
        return self._bubbles(
            cells, group="strategy", names=[name for name, _ in overall.most_common()], claim=claim, note=note
        )

    def _bubbles(
        self, frame: pd.DataFrame, *, group: str, names: list[str], claim: str, note: str = ""
    ) -> Chart:
        current, potential = self.ranges
        drawn = frame.assign(
            current_range=ordered(frame["current_class"], current),
            potential_range=ordered(frame["potential_class"], potential),
        )
        rank = {name: at for at, name in enumerate(names)}
        drawn = drawn.sort_values(group, key=lambda column: column.map(rank), kind="stable")
        unit = f" [{self.currency}]" if self.currency else ""
        return Chart(
            kind="bubble",
            frame=drawn.reset_index(drop=True),
            x="current_range",
            y="potential_range",
            size="customers",
            group=group,
            x_label=f"Current value: {self.money} of {self.days} days to {self.as_of}{unit}",
            y_label=f"Potential value a year{unit}",
            claim=claim,
            grade=self.evidence.grade,
            note=" ".join(part for part in (note, self.caption) if part),
        )

    def _amount(self, amount: Decimal) -> str:
        return f"{number(round(amount))} {self.currency}".rstrip()


def value_map(
    transactions: ir.Table,
    customers: ir.Table,
    *,
    as_of: date,
    days: int = 365,
    classes: int = 10,
    cut: Cut = "quantile",
    money: Money = "margin",
    potential: str = "potential_value",
    top: float = 0.10,
    currency: str = "",
    conf_level: float = 0.95,
    source: str = "",
) -> ValueMap:
    """Answer how much customers bring today, how much could be won, and how the two go together.

    Parameters
    ----------
    transactions
        One row a purchase line: customer, date and the money. Returns are negative and count.
    customers
        One row a customer, with the potential value: the margin a year that could be won, as the company
        estimates it. Customers with a `joined` after `as_of` are left out. Pass those who can still be
        treated: who has left for good brings nothing and stays on the map otherwise.
    as_of, days
        Current value is the money of so many days up to and with this one.
    classes
        How many classes to aim at on each side, 2 to 20. Below nothing and nothing are classes of their own.
    cut
        ``"quantile"``: classes of about equal numbers of customers, by middle ranks, which never part equal
        values; ``"log"``: classes of even ratios, with rounded ends.
    money
        ``"margin"`` or ``"revenue"``; potential must mean the same.
    potential
        The column of `customers` with the potential value.
    top
        The share of the customers for which the concentration is told.
    currency
        The unit of the money, e.g. ``"EUR"``.
    conf_level
        Confidence level of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    ValueMap
        Its table has current_class, potential_class, quadrant, n, current, potential, estimate, conf_low,
        conf_high, potential_mean, potential_low, potential_high; ``cells`` every customer, on the engine.

    Raises
    ------
    OptionError
        If an option is not allowed.
    ColumnError, DataError
        If a column or a value is missing, money is not exact, or a potential value is negative.
    DesignError
        If nobody bought in these days, or there are fewer customers than classes.

    Notes
    -----
    The four quarters are a convention. They say what is at stake, not what a strategy would change: that
    takes a randomised campaign. The intervals take the customers for a sample of customers like them.

    Examples
    --------
    >>> from datetime import date
    >>> from decimal import Decimal
    >>> import ibis
    >>> lines = ibis.memtable(
    ...     [("a", date(2025, 3, 1), Decimal("90.0000")), ("b", date(2025, 5, 2), Decimal("10.0000"))],
    ...     schema={"customer": "string", "date": "date", "margin": "decimal(18, 4)"},
    ... )
    >>> people = ibis.memtable({"customer": ["a", "b", "c"], "potential_value": [100, 400, 50]})
    >>> found = value_map(lines, people, as_of=date(2025, 12, 31), classes=2)
    >>> found.table[["current_class", "potential_class", "n", "quadrant"]].to_dict("split")["data"]
    [[0, 1, 1, 'serve lean'], [1, 2, 1, 'grow'], [2, 1, 1, 'protect']]
    """
    last = _checked(as_of, days, classes, cut, money, top)
    check_conf_level(conf_level)
    since = last - timedelta(days=days - 1)
    seen = value_tables.days_seen(transactions, money, since, last)
    known = value_tables.joined_by(customers, last)
    values = customer_values(
        transactions, known, since=since, until=last, money=money, potential=potential
    ).cache()
    n, n_given = (fetched(one.aggregate(n=one.count()))[0]["n"] for one in (values, customers))
    if n < classes:
        raise DesignError(f"{n} customer(s) cannot be cut into {classes} classes; choose fewer classes")
    sides = {side: classify(values, side, classes=classes, cut=cut) for side in ("current", "potential")}
    classed = value_tables.classed_customers(values, sides, classes)
    table = value_tables.cells_table(classed, classes, conf_level)  # refuses what is too large to add up
    concentration = value_tables.concentration_table(values, top, conf_level)
    evidence = Evidence(
        grade="descriptive",
        design=(
            f"Current value is the {money} of {days} days, {since} to {last}, of every customer who had "
            f"joined; potential value is the column {potential!r}, an estimate that was handed in. Classes: "
            f"{_HOW[cut]}; below 0 and 0 apart."
        ),
        unit="customers",
        n_used=n,
        n_given=n_given,
        source=source,
        assumptions=("The potential values are what could be won from each customer.",),
        checks=(
            *value_tables.ties(sides, classes),
            *value_tables.coverage(seen, since, last),
            value_tables.concentration_check(concentration),
            value_tables.strangers_check(strangers(transactions, customers, since=since, until=last)),
        ),
    )
    return ValueMap(
        table=table,
        cells=classed,
        bounds=value_tables.bounds_table(sides),
        concentration=concentration,
        as_of=last,
        days=days,
        money=money,
        currency=currency,
        ranges=(range_labels(sides["current"].bounds), range_labels(sides["potential"].bounds)),
        conf_level=conf_level,
        evidence=evidence,
    )


def _checked(as_of: date, days: int, classes: int, cut: Cut, money: Money, top: float) -> date:
    """Return the last day, or refuse an option."""
    if isinstance(classes, bool) or not isinstance(classes, int) or not 2 <= classes <= 20:
        raise OptionError(f"classes is {classes!r}; allowed: a whole number from 2 to 20, e.g. 10")
    if days < 1:
        raise OptionError(f"days is {days}; current value covers at least one day, e.g. 365")
    if cut not in get_args(Cut):
        raise OptionError(one_of(cut, get_args(Cut), what="way to cut"))
    if money not in MONEY:
        raise OptionError(one_of(money, MONEY, what="amount of money"))
    if not 0 < top < 1:
        raise OptionError(f"top is {top!r}; allowed: a share between 0 and 1, e.g. 0.1")
    if not isinstance(as_of, date):
        raise OptionError(f"as_of is {as_of!r}; give a day, e.g. datetime.date(2025, 12, 31)")
    return as_of.date() if isinstance(as_of, datetime) else as_of
